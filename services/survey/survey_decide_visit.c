/* When a visit is due, when it is missed, and which visit somebody speaks of. Pure: rows, terms and `now` decide alone.
 *
 * The days on which visits are due are a grid from the anchor, which is the last visit made or the acceptance: the anchor and
 * once, twice, three times the interval, each counted from the anchor, so that the 31st comes back after a short month. */
#include "services/survey/survey_visit.h"

/* More often than daily for three hundred years. */
#define STEPS_MAX 120000

struct str visit_state_text(enum visit_state state)
{
	static const struct str texts[] = {
		[VISIT_NONE] = { "", 0 },
#define X(name, text) [VISIT_##name] = { text, sizeof(text) - 1 },
		VISIT_STATES(X)
#undef X
	};

	return texts[state];
}

enum visit_state visit_state_of(struct str text)
{
	for (int state = VISIT_NONE + 1; state < VISIT_STATE_MAX; state++)
		if (str_eq(visit_state_text((enum visit_state)state), text))
			return (enum visit_state)state;
	return VISIT_NONE;
}

/* ---- due ---- */

struct visit *visit_open_one(struct visit *rows, struct str programme)
{
	for (; rows; rows = rows->next)
		if (rows->state == VISIT_DUE && str_eq(rows->programme, programme))
			return rows;
	return NULL;
}

static instant latest(instant a, instant b)
{
	return a > b ? a : b;
}

/* The day on which the visit after all that are over is due; INSTANT_NONE: there is none. */
static instant due_day(const struct visit_terms *terms, const struct visit *rows, struct str programme, instant *ret_from)
{
	instant anchor = terms->accepted, missed = INSTANT_NONE;

	if (anchor == INSTANT_NONE)
		return INSTANT_NONE;
	for (; rows; rows = rows->next) {
		if (!str_eq(rows->programme, programme))
			continue;
		if (rows->state == VISIT_DONE)
			anchor = latest(anchor, rows->done_on);
		else if (rows->state == VISIT_MISSED)
			missed = latest(missed, rows->due);
	}
	for (int32_t i = 1; i < STEPS_MAX; i++) {
		struct duration steps = { .months = terms->every.months * i, .us = terms->every.us * i };
		instant due = instant_add(anchor, steps, terms->zone_offset_us);

		if (terms->until != INSTANT_NONE && due > terms->until)
			return INSTANT_NONE;
		if (due <= missed || due < terms->effective_from)
			continue;
		*ret_from = latest(anchor, missed);
		return due;
	}
	return INSTANT_NONE;
}

static bool any_of(const struct visit *rows, struct str programme)
{
	for (; rows; rows = rows->next)
		if (str_eq(rows->programme, programme))
			return true;
	return false;
}

enum visit_step visit_next(const struct visit_terms *terms, const struct visit *rows, struct str programme, instant now,
			   instant *ret_from, instant *ret_due)
{
	const struct visit *open = visit_open_one((struct visit *)(uintptr_t)rows, programme);
	instant due = terms->wanted ? due_day(terms, rows, programme, ret_from) : INSTANT_NONE;

	/* Whose time was over before we first heard of it has nothing to catch up with. */
	if (!open && terms->until != INSTANT_NONE && terms->until + DAY <= now && !any_of(rows, programme))
		return VISIT_STEP_NONE;
	*ret_due = due;
	if (due == INSTANT_NONE)
		return open ? VISIT_STEP_DROP : VISIT_STEP_NONE;
	if (!open)
		return VISIT_STEP_OPEN;
	if (open->due != due)
		return VISIT_STEP_MOVE;
	return open->due + DAY <= now ? VISIT_STEP_MISS : VISIT_STEP_NONE;
}

/* ---- what is said of visits ---- */

static struct visit *last_done(struct visit *rows, struct str programme)
{
	struct visit *last = NULL;

	for (; rows; rows = rows->next)
		if (rows->state == VISIT_DONE && str_eq(rows->programme, programme) && (!last || rows->done_on >= last->done_on))
			last = rows;
	return last;
}

static struct visit *named_one(const struct visit_word *word, struct visit *rows, struct str programme)
{
	for (; rows && word->visit.p; rows = rows->next)
		if (str_eq(rows->programme, programme) && (str_eq(rows->id, word->visit) || str_eq(rows->named, word->visit)))
			return rows;
	return NULL;
}

/* Whether a word that names no visit of ours is about the last visit made: it speaks of no later day, or is the record, filed
 * later and without a day of its own, of a visit that has none yet. */
static bool about_last(const struct visit_word *word, const struct visit *last)
{
	if (word->visit.p && last->named.p && !str_eq(word->visit, last->named))
		return false;
	return word->day <= last->done_on || (word->record && !word->dated && !last->recorded);
}

enum visit_meaning visit_understand(const struct visit_word *word, struct visit *rows, struct str programme,
				    struct visit **ret_visit)
{
	struct visit *visit = named_one(word, rows, programme), *last = last_done(rows, programme);

	if (!visit && last && about_last(word, last))
		visit = last;
	if (!visit)
		visit = visit_open_one(rows, programme);
	if (!visit)
		return VISIT_MEANS_NOTHING;
	*ret_visit = visit;
	return visit->state == VISIT_DONE ? VISIT_MEANS_AGAIN : VISIT_MEANS_DONE;
}

void visit_tell(struct visit *visit, const struct visit_word *word, enum visit_meaning meaning)
{
	if (meaning == VISIT_MEANS_DONE) {
		visit->state = VISIT_DONE;
		visit->done_on = word->day;
		visit->changed = true;
	}
	if (word->record && !visit->recorded)
		visit->recorded = visit->changed = true;
	if (word->visit.p && !str_eq(word->visit, visit->id) && !visit->named.p) {
		visit->named = word->visit;
		visit->changed = true;
	}
}
