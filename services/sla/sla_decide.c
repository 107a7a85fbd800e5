/* What a fact, a timer and the passing of time do to the clocks of a ticket: the heart of sla, and pure.
 *
 * sla_pass is called for each fact of the log, in its order; it remembers the fact, starts, moves and restarts clocks as
 * the policies say now, stops them, and ends them with the ticket. The fact's `at` judges, never the time of reading.
 * Invariant: a clock says started once, breached at most once, and one last thing (met, corrected, cancelled).
 * Must not know a clock on the wall, a database, JSON or a log; memory comes from the case's arena. */
#include "services/sla/sla.h"

#include <string.h>

static const char *const state_names[] = {
	"",
#define X(name, text) text,
	SLA_STATES(X)
#undef X
};

struct str sla_state_name(enum sla_state state)
{
	return str_of(state_names[state]);
}

enum sla_state sla_state_of(struct str name)
{
	for (int i = SLA_NONE + 1; i < SLA_STATE_MAX; i++)
		if (str_is(name, state_names[i]))
			return (enum sla_state)i;
	return SLA_NONE;
}

bool sla_is_active(enum sla_state state)
{
	return state == SLA_RUNNING || state == SLA_PAUSED || state == SLA_BREACHED;
}

const struct clock_rule *sla_rule_of(const struct sla_case *c, const struct sla_clock *clock)
{
	return &c->policies[clock->policy]->clocks[clock->rule];
}

static const struct sla_rule *plan_of(const struct sla_case *c, const struct sla_clock *clock)
{
	return &c->plans[clock->policy]->rules[clock->rule];
}

struct sla_fact *sla_say(struct sla_case *c, enum sla_fact_type type, struct sla_clock *clock, instant at)
{
	struct sla_fact *fact;

	arena_grow(c->arena, &c->facts, &c->fact_capacity, c->fact_count + 1, sizeof(*c->facts));
	fact = &c->facts[c->fact_count++];
	*fact = (struct sla_fact){ .type = type, .clock = (uint32_t)(clock - c->clocks), .rule = clock->rule, .at = at,
				   .due_at = clock->due_at, .was = INSTANT_NONE, .met_at = INSTANT_NONE, .late_us = -1 };
	clock->changed = true;
	return fact;
}

/* "ticket.assigned" as a reason: "reassigned"; others by their last word. */
static struct str reason_of(struct str fact)
{
	if (str_is(fact, "ticket.assigned") || str_is(fact, "ticket.owner_changed"))
		return STR("reassigned");
	(void)str_cut(&fact, '.');
	return fact;
}

/* ---- the ends of a clock ---- */

void sla_breach(struct sla_case *c, struct sla_clock *clock, instant now)
{
	/* Another machine's clock may be ahead of ours: nothing is found before it is there. */
	if (now <= clock->due_at)
		now = clock->due_at + 1;
	clock->state = SLA_BREACHED;
	clock->breached_at = now;
	sla_say(c, SLA_FACT_BREACHED, clock, now);
}

static void cancel(struct sla_case *c, struct sla_clock *clock, instant at, struct str why)
{
	clock->state = SLA_CANCELLED;
	clock->ended_at = at;
	clock->paused_at = INSTANT_NONE;
	clock->why = why;
	sla_say(c, SLA_FACT_CANCELLED, clock, at)->why = why;
}

/* An end that comes too late does not hide that the clock had run out before, found or not. */
static void cancel_judged(struct sla_case *c, struct sla_clock *clock, instant at, instant now, struct str why)
{
	if (clock->state == SLA_RUNNING && at > clock->due_at)
		sla_breach(c, clock, now);
	cancel(c, clock, at, why);
}

static void leave_pause(struct sla_clock *clock, instant at)
{
	/* A pause while nobody is there costs nobody time. */
	int64_t open = calendar_elapsed(clock->calendar, clock->paused_at, at);

	clock->paused_us += open;
	clock->due_at = calendar_due(clock->calendar, clock->due_at, open);
	clock->paused_at = INSTANT_NONE;
	clock->state = SLA_RUNNING;
}

static void stop(struct sla_case *c, struct sla_clock *clock, instant at, instant now)
{
	struct sla_fact *fact;
	int64_t open;

	if (clock->state == SLA_PAUSED)
		leave_pause(clock, at);
	if (clock->state == SLA_RUNNING && at > clock->due_at)
		sla_breach(c, clock, now);
	clock->ended_at = at;
	if (clock->state == SLA_BREACHED && at <= clock->due_at) {
		clock->state = SLA_CORRECTED;
		sla_say(c, SLA_FACT_CORRECTED, clock, at)->met_at = at;
		return;
	}
	open = calendar_elapsed(clock->calendar, clock->started_at, at) - clock->paused_us;
	fact = sla_say(c, SLA_FACT_MET, clock, at);
	fact->met_at = at;
	fact->open_us = open > 0 ? open : 0;
	fact->late_us = clock->state == SLA_BREACHED ? at - clock->due_at : -1;
	clock->state = SLA_MET;
}

/* ---- starting and moving ---- */

static bool due_of(const struct sla_case *c, uint32_t policy, int32_t r, const struct calendar *calendar,
		   const struct sla_happening *start, instant *ret)
{
	const struct clock_rule *rule = &c->policies[policy]->clocks[r];
	const struct sla_query last = { .policy = policy, .pick = SLA_LAST, .since = INSTANT_NONE };
	struct sla_happening found;

	switch (rule->limit.type) {
	case LIMIT_DURATION:
		*ret = calendar_add(calendar, start->at, rule->limit.duration, c->policies[policy]->zone_offset_us);
		return true;
	case LIMIT_EVENT:
		/* The latest word counts: an appointment made again moves the limit. */
		if (!sla_happened(c, &rule->start, c->plans[policy]->rules[r].start, &last, &found) ||
		    found.value == INSTANT_NONE)
			return false;
		*ret = found.value;
		return true;
	case LIMIT_COUNT:
		*ret = SLA_NEVER;
		return true;
	}
	return false;
}

/* What a statutory policy sets for a clock of this name, no later than its own clock's due (C237): the earlier of both counts. */
static instant tightened(const struct sla_case *c, uint32_t policy, int32_t r, instant due)
{
	struct str name = c->policies[policy]->clocks[r].name;

	for (size_t i = 0; i < c->clock_count && !c->policies[policy]->statutory; i++) {
		const struct sla_clock *clock = &c->clocks[i];

		if (c->policies[clock->policy]->statutory && str_eq(clock->name, name) && sla_is_active(clock->state) && clock->due_at < due)
			due = clock->due_at;
	}
	return due;
}

/* When a clock of this rule starts: its start event, or later its latest restart. */
static bool start_of(const struct sla_case *c, uint32_t policy, int32_t r, struct sla_happening *ret, bool *ret_again)
{
	const struct clock_rule *rule = &c->policies[policy]->clocks[r];
	const struct sla_rule *plan = &c->plans[policy]->rules[r];
	struct sla_query query = { .policy = policy, .pick = plan->repeats ? SLA_LAST : SLA_FIRST, .since = INSTANT_NONE };
	struct sla_happening again;

	if (!sla_happened(c, &rule->start, plan->start, &query, ret))
		return false;
	query.pick = SLA_LAST;
	query.after = ret->revision;
	*ret_again = plan->repeats;
	if (sla_happened(c, &rule->restart_on, plan->restart, &query, &again)) {
		*ret = again;
		*ret_again = true;
	}
	return true;
}

static void start(struct sla_case *c, const struct sla_event *event, uint32_t policy, int32_t r,
		  const struct sla_happening *from, instant due)
{
	const struct policy *regulation = c->policies[policy];
	struct str name = regulation->clocks[r].name;
	struct sla_clock *clock;
	int32_t number = 1;

	for (size_t i = 0; i < c->clock_count; i++)
		if (c->clocks[i].policy == policy && str_eq(c->clocks[i].name, name) && c->clocks[i].number >= number)
			number = c->clocks[i].number + 1;
	arena_grow(c->arena, &c->clocks, &c->clock_capacity, c->clock_count + 1, sizeof(*c->clocks));
	clock = &c->clocks[c->clock_count++];
	*clock = (struct sla_clock){
		.id = str_format(c->arena, "%.*s/%.*s/%.*s/%d", STR_ARG(c->ticket->id), STR_ARG(regulation->id),
				 STR_ARG(name), (int)number),
		.policy = policy, .name = name, .number = number, .rule = r, .state = SLA_RUNNING,
		.started_at = from->at, .started_revision = from->revision, .due_at = due,
		.paused_at = INSTANT_NONE, .breached_at = INSTANT_NONE, .ended_at = INSTANT_NONE,
		.calendar = c->plans[policy]->rules[r].calendar, .cause = event->cause, .stored_due = INSTANT_NONE,
	};
	sla_say(c, SLA_FACT_STARTED, clock, event->at);
}

/* A clock keeps its version of a calendar for life; a rule that takes it over may name another calendar. */
static const struct calendar *calendar_of(const struct sla_case *c, const struct sla_clock *clock, int32_t r)
{
	const struct calendar *named = c->plans[clock->policy]->rules[r].calendar;

	return named && clock->calendar && str_eq(named->id, clock->calendar->id) ? clock->calendar : named;
}

/* The rule that speaks for a running clock may be another one now, or its event may have promised another time. */
static void move(struct sla_case *c, const struct sla_event *event, struct sla_clock *clock, int32_t r,
		 const struct sla_happening *from)
{
	const struct calendar *calendar = calendar_of(c, clock, r);
	struct sla_happening start_at = { .at = clock->started_at, .revision = clock->started_revision };
	struct str why = reason_of(event->fact);
	instant was = clock->due_at;
	struct sla_fact *fact;
	instant due;

	if (clock->rule != r) {
		start_at = *from;
		why = STR("reclassified");
	}
	if (!due_of(c, clock->policy, r, calendar, &start_at, &due))
		return;
	if (due != SLA_NEVER)
		due = tightened(c, clock->policy, r, calendar_due(calendar, due, clock->paused_us));
	if (clock->rule != r) {
		clock->rule = r;
		clock->calendar = calendar;
		clock->started_at = start_at.at;
		clock->started_revision = start_at.revision;
		clock->changed = true;
	}
	if (due == was)
		return;
	clock->due_at = due;
	fact = sla_say(c, SLA_FACT_RESCHEDULED, clock, event->at);
	fact->was = was;
	fact->why = why;
}

/* A new clock of a name takes the place of the one that runs. False: the one that runs is the younger one and stays. */
static bool make_room(struct sla_case *c, const struct sla_event *event, uint32_t policy, struct str name, int32_t revision,
		      instant now)
{
	for (size_t i = 0; i < c->clock_count; i++) {
		const struct sla_clock *clock = &c->clocks[i];

		if (clock->policy == policy && str_eq(clock->name, name) && sla_is_active(clock->state) &&
		    clock->started_revision >= revision)
			return false;
	}
	for (size_t i = 0; i < c->clock_count; i++) {
		struct sla_clock *clock = &c->clocks[i];

		if (clock->policy == policy && str_eq(clock->name, name) && sla_is_active(clock->state))
			cancel_judged(c, clock, event->at, now, reason_of(event->fact));
	}
	return true;
}

/* The alternatives of one clock: the first whose match holds speaks. */
static void settle(struct sla_case *c, const struct sla_event *event, const struct value *vector, instant now,
		   uint32_t policy, uint32_t group)
{
	const struct policy *regulation = c->policies[policy];
	const struct sla_rule *plans = c->plans[policy]->rules;
	struct sla_query query = { .policy = policy, .pick = SLA_FIRST, .since = INSTANT_NONE };
	struct sla_clock *last = NULL;
	struct sla_happening from, found;
	bool again = false;
	bool active;
	bool fresh;
	int32_t r = -1;
	instant due;

	for (size_t i = group; r < 0 && i < regulation->clock_count; i++)
		if (plans[i].group == group && match_holds(&regulation->clocks[i].match, vector, now))
			r = (int32_t)i;
	for (size_t i = 0; i < c->clock_count; i++) {
		struct sla_clock *clock = &c->clocks[i];

		if (clock->policy == policy && plans[clock->rule].group == group && (!last || clock->number > last->number))
			last = clock;
	}
	active = last && sla_is_active(last->state);
	if (r < 0 || !start_of(c, policy, r, &from, &again)) {
		/* Its condition holds no more, or the rule that holds now has not begun. */
		if (active)
			cancel(c, last, event->at, STR("reclassified"));
		return;
	}
	fresh = !last || (last->state == SLA_CANCELLED && str_is(last->why, "reclassified")) ||
		(again && from.revision > last->started_revision && (plans[r].repeats || last->rule == r || !active));
	if (!fresh) {
		if (active)
			move(c, event, last, r, &from);
		return;
	}
	query.after = c->desk ? 0 : from.revision;
	if (sla_happened(c, &regulation->clocks[r].cancel, plans[r].cancel, &query, &found))
		return;
	if (!due_of(c, policy, r, plans[r].calendar, &from, &due))
		return;
	if (make_room(c, event, policy, regulation->clocks[r].name, from.revision, now))
		start(c, event, policy, r, &from, tightened(c, policy, r, due));
}

/* ---- passes ---- */

void sla_place_claim(struct sla_event *event, bool opens, struct duration max_backdate)
{
	if (opens && event->day_end != INSTANT_NONE) {
		event->at = event->day_end;
		return;
	}
	if (event->at == INSTANT_NONE || event->at > event->arrived)
		event->at = event->arrived;
	else if (!opens && event->staff && instant_add(event->at, max_backdate, 0) < event->arrived)
		event->at = event->arrived;
}

static void judge(struct sla_case *c, const struct sla_event *event, struct sla_clock *clock, instant now)
{
	const struct clock_rule *rule = sla_rule_of(c, clock);
	const struct sla_rule *plan = plan_of(c, clock);
	/* Senders of the desk do not wait for each other: a card may be told of before the project is. */
	struct sla_query query = { .policy = clock->policy, .pick = SLA_SOONEST,
				   .after = c->desk ? 0 : clock->started_revision, .since = INSTANT_NONE };
	struct sla_happening found;

	/* What the former engineer did before does not count for the new one; elsewhere the order of the log is enough. */
	if (clock->number > 1 && rule->restart_on.type != TRIGGER_NONE)
		query.since = clock->started_at;
	if (sla_happened(c, &rule->stop, plan->stop, &query, &found)) {
		/* Counted, not timed: it was due when it stopped, or just before. */
		if (rule->limit.type == LIMIT_COUNT)
			clock->due_at = found.value <= rule->limit.count ? found.at : found.at - 1;
		stop(c, clock, found.at, now);
		return;
	}
	query.since = INSTANT_NONE;
	if (!sla_happened(c, &rule->cancel, plan->cancel, &query, &found))
		return;
	/* Nobody has done it at all. */
	if (rule->limit.type == LIMIT_COUNT)
		clock->due_at = event->at - 1;
	cancel_judged(c, clock, event->at, now, reason_of(event->fact));
}

static void pause_or_resume(struct sla_case *c, const struct sla_event *event, struct sla_clock *clock, instant now)
{
	bool waits = sla_rule_of(c, clock)->pause_in & STATE_BIT(c->ticket->state);

	if (clock->state == SLA_RUNNING && waits) {
		if (event->at > clock->due_at) {
			sla_breach(c, clock, now);
			return;
		}
		clock->state = SLA_PAUSED;
		clock->paused_at = event->at > clock->started_at ? event->at : clock->started_at;
		sla_say(c, SLA_FACT_PAUSED, clock, event->at)->why = state_name(c->ticket->state);
	} else if (clock->state == SLA_PAUSED && !waits) {
		leave_pause(clock, event->at);
		sla_say(c, SLA_FACT_RESUMED, clock, event->at);
	}
}

void sla_pass(struct sla_case *c, const struct sla_event *event, const struct value *vector, instant now)
{
	bool open = state_is_open(c->ticket->state);

	sla_remember(c, event, vector, now);
	/* The statutory ones first: they bound the others. */
	for (uint32_t i = 0; open && i < 2 * c->policy_count; i++) {
		uint32_t p = i % (uint32_t)c->policy_count;

		for (uint32_t r = 0; c->policies[p]->statutory == (i < c->policy_count) && r < c->policies[p]->clock_count; r++)
			if (c->plans[p]->rules[r].group == r && c->policies[p]->clocks[r].desk == c->desk)
				settle(c, event, vector, now, p, r);
	}
	for (size_t i = 0; i < c->clock_count; i++) {
		struct sla_clock *clock = &c->clocks[i];

		if (sla_is_active(clock->state))
			judge(c, event, clock, now);
		if (!sla_is_active(clock->state))
			continue;
		if (open)
			pause_or_resume(c, event, clock, now);
		else
			cancel_judged(c, clock, event->at, now, state_name(c->ticket->state));
	}
}
