/* What the system does by itself: verify and classify what needs no person, dispatch, and what it can say about the time.
 *
 * The step is found by looking at where the ticket stands, never by what has just happened: so a ticket goes on from
 * wherever it was left. Pure. */
#include "services/routing/routing.h"

/* What lets the system do a step, from the most to the least. */
enum leave { LEAVE_SYSTEM, LEAVE_PERSON, LEAVE_UNKNOWN };

/* One policy: its first rule that matches speaks. */
static enum leave leave_of(const struct step_rule *rules, size_t count, const struct value *vector, instant now)
{
	for (size_t i = 0; i < count; i++) {
		if (!match_holds(&rules[i].match, vector, now))
			continue;
		if (rules[i].by == BY_PERSON)
			return LEAVE_PERSON;
		for (size_t j = 0; j < rules[i].need.count; j++)
			if (!vector || vector[rules[i].need_attributes[j]].type == VALUE_ABSENT)
				return LEAVE_UNKNOWN;
		return LEAVE_SYSTEM;
	}
	return LEAVE_SYSTEM;
}

/* Policies add up: one that wants a person, or to know more, is enough. */
static enum leave leave(bool classify, const struct routing_book *book, const struct value *vector, instant now)
{
	enum leave least = LEAVE_SYSTEM;

	for (size_t i = 0; i < book->policy_count; i++) {
		const struct policy *policy = book->policies[i];
		enum leave own = classify ? leave_of(policy->classify, policy->classify_count, vector, now)
					  : leave_of(policy->verify, policy->verify_count, vector, now);

		if (own > least)
			least = own;
	}
	return least;
}

enum routing_next routing_next(const struct ticket *ticket, const struct routing_book *book, const struct value *vector,
			       instant now)
{
	if (ticket->missing.n > 0 || !ticket->kind.p)
		return NEXT_NOTHING;
	/* A request that lacks what its grading needs goes to a person as it came, who verifies and grades it. */
	if (ticket->state == STATE_RECEIVED &&
	    routing_transition(ticket, STR("staff.verified"), book, vector, now, now))
		return leave(false, book, vector, now) == LEAVE_SYSTEM && leave(true, book, vector, now) != LEAVE_UNKNOWN
			   ? NEXT_VERIFY : NEXT_NOTHING;
	/* Kinds whose path knows no verification are classified from `received`. */
	if (ticket->state == STATE_RECEIVED || ticket->state == STATE_VERIFIED) {
		const struct transition *t = routing_transition(ticket, STR("staff.classified"), book, vector, now, now);

		if (t && !t->regrade && routing_target(ticket, t) != ticket->state)
			return leave(true, book, vector, now) == LEAVE_SYSTEM ? NEXT_CLASSIFY : NEXT_NOTHING;
	}
	if (ticket->state == STATE_CLASSIFIED && !ticket->unassignable && routing_policy_of(book))
		return NEXT_DISPATCH;
	return NEXT_NOTHING;
}

static bool alternative_known(struct strings alternatives, const struct routing_known *known)
{
	for (size_t i = 0; i < alternatives.count; i++)
		if (known->known(known->userdata, alternatives.items[i]))
			return true;
	return false;
}

struct str routing_missing(const struct ticket *ticket, const struct routing_book *book, const struct value *vector,
			   const struct routing_known *known, instant now, struct arena *arena)
{
	struct str missing = STR_NONE;

	(void)ticket;
	for (size_t i = 0; i < book->policy_count; i++) {
		for (size_t j = 0; j < book->policies[i]->required_count; j++) {
			const struct required_rule *rule = &book->policies[i]->required[j];

			if (!match_holds(&rule->match, vector, now))
				continue;
			for (size_t k = 0; k < rule->field_count; k++) {
				struct str field = STR("");

				if (alternative_known(rule->fields[k], known))
					continue;
				for (size_t m = 0; m < rule->fields[k].count; m++)
					field = str_format(arena, "%.*s%s%.*s", STR_ARG(field), m > 0 ? "|" : "",
							   STR_ARG(rule->fields[k].items[m]));
				missing = routing_word_add(arena, missing, field);
			}
		}
	}
	return missing;
}

/* Whether what stops a clock has happened; a stop that looks at data is taken as happened: a due time that may be
 * over is worse than none. */
static bool stopped(const struct ticket *ticket, const struct trigger *stop)
{
	bool all = stop->type == TRIGGER_ALL && stop->part_count > 0;

	if (stop->type == TRIGGER_EVENT)
		return routing_word_count(ticket->facts, stop->fact) > 0;
	for (size_t i = 0; i < stop->part_count; i++)
		if (stopped(ticket, &stop->parts[i]) != all)
			return !all;
	return all;
}

/* When a clock began that runs once the ticket is assigned; INSTANT_NONE: it does not, or routing does not know. */
static instant runs_since(const struct ticket *ticket, const struct clock_rule *clock)
{
	if (clock->start.type != TRIGGER_EVENT)
		return INSTANT_NONE;
	if (str_is(clock->start.fact, "ticket.registered"))
		return stopped(ticket, &clock->stop) ? INSTANT_NONE : ticket->received_at;
	/* What starts with this assignment cannot have been stopped before it. */
	if (str_is(clock->start.fact, "ticket.assigned") &&
	    (routing_word_count(ticket->facts, clock->start.fact) <= 1 || str_eq(clock->restart_on.fact, clock->start.fact)))
		return ticket->assigned_at;
	return INSTANT_NONE;
}

instant routing_due(const struct ticket *ticket, const struct routing_book *book, const struct value *vector, instant now)
{
	instant earliest = INSTANT_NONE;

	for (size_t i = 0; i < book->policy_count; i++) {
		const struct policy *policy = book->policies[i];

		for (size_t j = 0; j < policy->clock_count; j++) {
			const struct clock_rule *clock = &policy->clocks[j];
			bool spoken = false;
			instant due;
			instant began = runs_since(ticket, clock);

			if (began == INSTANT_NONE || clock->limit.type != LIMIT_DURATION ||
			    !str_is(clock->calendar, "24x7") || !match_holds(&clock->match, vector, now))
				continue;
			/* Clocks of one name are alternatives: the first that matches is the one. */
			for (size_t k = 0; k < j && !spoken; k++)
				spoken = str_eq(policy->clocks[k].name, clock->name) &&
					 match_holds(&policy->clocks[k].match, vector, now);
			if (spoken)
				continue;
			due = instant_add(began, clock->limit.duration, policy->zone_offset_us);
			if (earliest == INSTANT_NONE || due < earliest)
				earliest = due;
		}
	}
	return earliest;
}

/* Severities stand for priorities where nobody has said one. */
static int rank_of(struct str priority)
{
	static const char *const ladder[][2] = { { "low", "" }, { "normal", "general" }, { "high", "major" }, { "urgent", "" } };

	for (size_t i = 0; i < array_count(ladder); i++)
		if (str_is(priority, ladder[i][0]) || (priority.n > 0 && str_is(priority, ladder[i][1])))
			return (int)i;
	return -1;
}

bool routing_raises(struct str was, struct str to)
{
	int from = rank_of(was), up = rank_of(to);
	int64_t old, new;

	if (str_int64(was, &old) && str_int64(to, &new))
		return new > old;
	return from < 0 || up < 0 ? !str_eq(was, to) : up > from;
}
