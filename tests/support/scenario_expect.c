/* Steps that say what must come of it, and what was there instead. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/scenario_inner.h"
#include "tests/support/scene.h"

/* Facts about the ticket, or those of the desk that are about none. */
static struct record *const *facts(const struct play *play, bool desk, size_t *ret_count)
{
	const struct desk_ticket *log;

	*ret_count = 0;
	if (desk)
		return desk_records(play->desk, ret_count);
	log = play->ticket ? desk_ticket(play->desk, play->ticket) : NULL;
	*ret_count = log ? log->count : 0;
	return log ? log->items : NULL;
}

static bool fits(struct play *play, const struct step *step, const struct record *record)
{
	if (record->repeat || strcmp(record->name, step->name) != 0 || (step->desk ? record->topic == DESK_TICKETS : record->copy))
		return false;
	for (size_t i = 0; i < step->field_count; i++)
		if (!play_holds(play, record_data(record), &step->fields[i]))
			return false;
	return true;
}

static bool is_taken(const struct play *play, const struct record *record)
{
	for (size_t i = 0; i < play->taken_count; i++)
		if (play->taken[i] == record)
			return true;
	return false;
}

static bool find(struct play *play, const struct step *step)
{
	size_t count;
	struct record *const *records = facts(play, step->desk, &count);

	for (size_t i = 0; i < count; i++)
		if (!is_taken(play, records[i]) && fits(play, step, records[i])) {
			arena_grow(&play->arena, &play->taken, &play->taken_capacity, play->taken_count + 1, sizeof(*play->taken));
			play->taken[play->taken_count++] = records[i];
			if (step->label)
				play_name_add(play, step->label, NULL, records[i]);
			return true;
		}
	return false;
}

static bool is_count(struct play *play, const struct step *step)
{
	size_t count, n = 0;
	struct record *const *records = facts(play, step->desk, &count);

	for (size_t i = 0; i < count; i++)
		n += fits(play, step, records[i]);
	if (n != step->count)
		buf_format(&play->why, "%zu of it, not %zu", n, step->count);
	return n == step->count;
}

static bool is_before(const struct play *play, const struct step *step)
{
	const struct record *a = desk_find(play->desk, play->ticket, step->name, 1), *b = desk_find(play->desk, play->ticket, step->other, 1);

	return a && b && a->offset < b->offset;
}

static bool is_refused(struct play *play, const struct step *step)
{
	const struct record *dead = desk_dead(play->desk, play->sent);
	const char *reason, *detail;

	if (!dead) {
		const struct record *fact = play->fact && play->ticket ? desk_find_of(play->desk, play->ticket, play->fact, play->sent) : NULL;

		if (fact)
			buf_format(&play->why, "it was not refused: it became %s", fact->name);
		return false;
	}
	reason = record_header(dead, "dl_reason");
	detail = record_header(dead, "dl_detail");
	if (strcmp(reason, step->name) != 0)
		buf_format(&play->why, "it was refused as %s (%s)", reason, detail);
	for (size_t i = 0; i < step->word_count && !play->why.n; i++)
		if (!detail || !strstr(detail, step->words[i]))
			buf_format(&play->why, "the refusal does not say \"%s\": %s", step->words[i], detail ? detail : "");
	return !play->why.n;
}

static bool is_shown(struct play *play, const struct step *step)
{
	const char *const arguments[] = { "ticket", play->ticket, "--json", NULL };
	char *said = NULL;
	json_t *shown;
	bool good = true;

	if (!stack_can(desk_stack(play->desk))) {
		buf_z(&play->why, "no AFTERCARE_DIR: aftercarectl of this stack cannot be asked");
		return false;
	}
	(void)stack_ctl(desk_stack(play->desk), &said, arguments);
	shown = json_loads(said ? said : "", 0, NULL);
	for (size_t i = 0; i < step->field_count && good; i++)
		good = shown && play_holds(play, shown, &step->fields[i]);
	for (size_t i = 0; i < step->word_count && good; i++)
		good = said && strstr(said, step->words[i]);
	if (!good)
		buf_format(&play->why, "it shows %.3000s", said ? said : "nothing");
	json_decref(shown);
	free(said);
	return good;
}

bool play_needs_rest(const struct step *step)
{
	if (step->type == STEP_CLAIM)
		return strstr(step->name, ".upserted") && strcmp(step->name, "staff.upserted") != 0;
	return step->type == STEP_EXPECT_COUNT || step->type == STEP_EXPECT_SHOWN;
}

bool play_expect(struct play *play, const struct step *step, bool at_rest)
{
	if (step->type != STEP_EXPECT_REFUSED && !step->desk && !play->ticket) {
		buf_z(&play->why, "no ticket is reported yet (of the desk: expect on the desk ...)");
		return false;
	}
	if (play_needs_rest(step) && !at_rest)
		return false;
	switch (step->type) {
	case STEP_EXPECT:
		return find(play, step);
	case STEP_EXPECT_COUNT:
		return is_count(play, step);
	case STEP_EXPECT_ORDER:
		return is_before(play, step);
	case STEP_EXPECT_STATE:
		return strcmp(scene_state(play->desk, play->ticket), step->name) == 0;
	case STEP_EXPECT_REFUSED:
		return is_refused(play, step);
	default:
		return is_shown(play, step);
	}
}

/* ---- why not ---- */

static void tell_value(struct play *play, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	buf_format(&play->why, "%.300s", text ? text : "absent");
	free(text);
}

/* What the facts of that name say instead. */
static void tell_near(struct play *play, const struct step *step)
{
	size_t count, told = 0;
	struct record *const *records = facts(play, step->desk, &count);

	for (size_t i = 0; i < count; i++) {
		if (records[i]->repeat || strcmp(records[i]->name, step->name) != 0 || (!step->desk && records[i]->copy) || told++ > 5)
			continue;
		buf_format(&play->why, "    %s%s has", step->name, is_taken(play, records[i]) ? " (taken by a line above)" : "");
		for (size_t k = 0; k < step->field_count; k++) {
			buf_format(&play->why, " %s=", step->fields[k].path);
			tell_value(play, play_get(record_data(records[i]), step->fields[k].path));
		}
		buf_z(&play->why, "\n");
	}
	if (!told)
		buf_format(&play->why, "    no %s at all\n", step->name);
}

static void tell_wanted(struct play *play, const struct step *step)
{
	buf_z(&play->why, "  wanted:");
	for (size_t i = 0; i < step->field_count; i++) {
		buf_format(&play->why, " %s ", step->fields[i].path);
		if (step->fields[i].value[0])
			tell_value(play, play_value(play, step->fields[i].value));
	}
	buf_z(&play->why, "\n");
}

/* What a fact says beyond what every fact says. */
static void tell_fact(struct play *play, const struct record *record)
{
	static const char *const common[] = { "ticket", "revision", "kind", "state", "at", "decided_at", "policy", "policies", "customer" };
	json_t *data = json_deep_copy(record_data(record));
	char *text;
	size_t n;

	for (size_t i = 0; i < array_count(common); i++)
		json_object_del(data, common[i]);
	text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
	n = text ? strlen(text) : 0;
	for (n = n > 300 ? 300 : n; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	buf_format(&play->why, "    r%-3d %-26s %-20s %.*s\n", record->revision, record->name, record_text(record, "state"), (int)n, text ? text : "");
	free(text);
	json_decref(data);
}

static void tell_log(struct play *play)
{
	const struct desk_ticket *log = desk_ticket(play->desk, play->ticket);

	buf_format(&play->why, "  the log of %s:\n", play->ticket);
	for (size_t i = 0; log && i < log->count; i++)
		if (!log->items[i]->copy)
			tell_fact(play, log->items[i]);
}

void play_tell(struct play *play, const struct step *step)
{
	if (!play->why.n)
		buf_z(&play->why, "has not come");
	buf_z(&play->why, "\n");
	if (step->type == STEP_EXPECT || step->type == STEP_EXPECT_COUNT) {
		tell_wanted(play, step);
		tell_near(play, step);
	} else if (step->type == STEP_EXPECT_STATE)
		buf_format(&play->why, "  it is %s\n", scene_state(play->desk, play->ticket));
	if (play->ticket)
		tell_log(play);
}
