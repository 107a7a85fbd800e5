/* What a fact makes of a ticket's snapshot, and what it moves in the counters.
 *
 * Every fact is laid upon the ticket first; the difference of what stood before and what stands then moves the levels, so
 * that a level is always the sum of what moved it. */
#include "services/reporting/reporting.h"

static const struct str fact_names[FACT_MAX] = {
#define X(name, text) [FACT_##name] = { text, sizeof(text) - 1 },
	REPORTING_FACTS(X)
#undef X
};

enum reporting_fact_type reporting_fact_type(struct str name)
{
	for (int type = FACT_NONE + 1; type < FACT_MAX; type++)
		if (str_eq(fact_names[type], name))
			return (enum reporting_fact_type)type;
	return str_starts(name, fact_names[FACT_OTHER]) ? FACT_OTHER : FACT_NONE;
}

/* ---- ticket facts ---- */

static void lay_member(struct str *field, struct str value)
{
	if (value.p)
		*field = value;
}

static void first(instant *time, instant at)
{
	if (*time == INSTANT_NONE)
		*time = at;
}

static struct str flag_add(struct str flags, struct str flag, struct arena *arena)
{
	for (struct str rest = flags; rest.p;)
		if (str_eq(str_cut(&rest, ' '), flag))
			return flags;
	return flags.n ? str_format(arena, "%.*s %.*s", STR_ARG(flags), STR_ARG(flag)) : flag;
}

static bool is_waiting(enum state state)
{
	return state == STATE_WAITING_CUSTOMER || state == STATE_WAITING_INTERNAL;
}

/* Waiting is what the state says, whichever fact led into it or out of it. */
static void lay_state(struct reporting_ticket *ticket, const struct reporting_fact *fact)
{
	bool waited = is_waiting(ticket->state), waits = is_waiting(fact->state);

	if (waited && ticket->waiting_since != INSTANT_NONE && fact->state != ticket->state) {
		if (fact->at > ticket->waiting_since)
			ticket->waited_us += fact->at - ticket->waiting_since;
		ticket->waiting_since = INSTANT_NONE;
		ticket->waiting_reason = STR_NONE;
	}
	if (waits && fact->state != ticket->state)
		ticket->waiting_since = fact->at;
	if (waits && fact->type == FACT_WAITING)
		ticket->waiting_reason = fact->reason;
	ticket->state = fact->state;
}

static void lay_registered(struct reporting_ticket *ticket, const struct reporting_fact *fact)
{
	ticket->known = true;
	ticket->received_at = fact->at;
	lay_member(&ticket->channel, fact->channel);
	lay_member(&ticket->customer, fact->customer);
	lay_member(&ticket->policies, fact->policies);
	lay_member(&ticket->entitlement, fact->entitlement);
	lay_member(&ticket->labour, fact->labour);
	lay_member(&ticket->parts, fact->parts);
	ticket->missing = fact->missing;
}

static void lay_named(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct arena *arena)
{
	switch (fact->type) {
	case FACT_REGISTERED:
		lay_registered(ticket, fact);
		break;
	case FACT_INCOMPLETE:
	case FACT_SUPPLEMENTED:
		ticket->missing = fact->missing;
		break;
	case FACT_ASSIGNED:
	case FACT_OWNER_CHANGED:
		lay_member(&ticket->owner, fact->owner);
		ticket->owner_role = fact->owner_role;
		ticket->department = fact->department;
		ticket->unassignable = false;
		first(&ticket->assigned_at, fact->at);
		break;
	case FACT_UNASSIGNABLE:
		ticket->unassignable = true;
		break;
	case FACT_FLAGGED:
		ticket->flags = fact->flags;
		break;
	case FACT_ESCALATED:
		ticket->flags = flag_add(ticket->flags, STR("escalated"), arena);
		break;
	case FACT_REPLIED:
		if (!fact->automatic)
			first(&ticket->replied_at, fact->at);
		break;
	case FACT_CONTACTED:
		first(&ticket->contacted_at, fact->at);
		break;
	case FACT_ARRIVED:
		first(&ticket->arrived_at, fact->at);
		break;
	case FACT_RESOLVED:
		ticket->resolved_at = fact->at;
		break;
	case FACT_CONFIRMED:
		ticket->confirmed_at = fact->at;
		break;
	case FACT_CLOSED:
		ticket->closed_at = fact->at;
		break;
	case FACT_REOPENED:
		ticket->reopened = fact->count > 0 ? (int32_t)fact->count : ticket->reopened + 1;
		ticket->resolved_at = ticket->confirmed_at = ticket->closed_at = INSTANT_NONE;
		break;
	default:
		break;
	}
}

static void lay_ticket(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct arena *arena)
{
	lay_named(ticket, fact, arena);
	lay_member(&ticket->kind, fact->kind);
	lay_member(&ticket->severity, fact->severity);
	lay_member(&ticket->mode, fact->mode);
	lay_member(&ticket->priority, fact->priority);
	lay_member(&ticket->fault_type, fact->fault_type);
	lay_member(&ticket->model, fact->model);
	lay_member(&ticket->version, fact->version);
	if (fact->state != STATE_NONE)
		lay_state(ticket, fact);
	if (fact->revision > 0)
		ticket->revision = fact->revision;
}

/* ---- counting ---- */

/* What stands in the levels because of this ticket. */
struct standing {
	bool open, overdue, unassignable;
	enum state state;
	struct str severity;
};

static struct standing standing_of(const struct reporting_ticket *ticket)
{
	bool open = ticket->known && state_is_open(ticket->state);

	return (struct standing){ .open = open, .overdue = open && reporting_is_overdue(ticket),
				  .unassignable = open && ticket->unassignable, .state = ticket->state,
				  .severity = ticket->severity.n ? ticket->severity : STR("none") };
}

static void put(struct reporting_tally *tally, const struct standing *standing, instant at, int64_t sign)
{
	if (!standing->open)
		return;
	reporting_count(tally, COUNT_OPEN_STATE, state_name(standing->state), at, sign);
	reporting_count(tally, COUNT_OPEN_SEVERITY, standing->severity, at, sign);
	if (standing->overdue)
		reporting_count(tally, COUNT_OVERDUE, STR(""), at, sign);
	if (standing->unassignable)
		reporting_count(tally, COUNT_UNASSIGNABLE, STR(""), at, sign);
}

/* Takes what a clock is worth out of the levels (sign -1), or puts it in. */
static void put_clock(struct reporting_tally *tally, const struct reporting_clock *clock, instant at, int64_t sign)
{
	if (!clock || clock->state != CLOCK_RUNNING)
		return;
	reporting_count(tally, COUNT_RUNNING, clock->name, at, sign);
	reporting_count_due(tally, clock->due_at, sign);
}

/* The counter of a fact that is counted as it comes; COUNT_MAX: none. */
static enum reporting_counter counter_of(const struct reporting_fact *fact, struct str *ret_label)
{
	*ret_label = STR("");
	switch (fact->type) {
	case FACT_REGISTERED:
		*ret_label = fact->channel;
		return COUNT_REGISTERED;
	case FACT_ASSIGNED: return COUNT_ASSIGNED;
	case FACT_REPLIED: return fact->automatic ? COUNT_MAX : COUNT_REPLIED;
	case FACT_CONTACTED: return COUNT_CONTACTED;
	case FACT_ARRIVED: return COUNT_ARRIVED;
	case FACT_RESOLVED: return COUNT_RESOLVED;
	case FACT_CONFIRMED: return COUNT_CONFIRMED;
	case FACT_CLOSED: return COUNT_CLOSED;
	case FACT_REOPENED: return COUNT_REOPENED;
	case FACT_SURVEY_SENT: return COUNT_SURVEYS_SENT;
	case FACT_SURVEY_UNRETURNED: return COUNT_SURVEYS_UNRETURNED;
	case FACT_SURVEY_SCORED:
		*ret_label = str_is(fact->satisfied, "true") ? STR("yes") : str_is(fact->satisfied, "false") ? STR("no") : STR("unknown");
		return COUNT_SURVEYS_SCORED;
	default:
		break;
	}
	*ret_label = fact->channel;
	switch (fact->type) {
	case FACT_NOTIFY_REQUESTED: return COUNT_MESSAGES_REQUESTED;
	case FACT_NOTIFY_SENT: return COUNT_MESSAGES_SENT;
	case FACT_NOTIFY_FAILED: return COUNT_MESSAGES_FAILED;
	case FACT_NOTIFY_SUPPRESSED: return COUNT_MESSAGES_SUPPRESSED;
	default:
		break;
	}
	*ret_label = fact->clock;
	switch (fact->type) {
	case FACT_SLA_STARTED: return COUNT_SLA_STARTED;
	case FACT_SLA_WARNED: return COUNT_SLA_WARNED;
	case FACT_SLA_BREACHED: return COUNT_SLA_BREACHED;
	case FACT_SLA_MET: return COUNT_SLA_MET;
	case FACT_SLA_CORRECTED: return COUNT_SLA_CORRECTED;
	case FACT_SLA_CANCELLED: return COUNT_SLA_CANCELLED;
	default:
		return COUNT_MAX;
	}
}

/* A clock's verdict is final when it ends: in time, or late; one that ends with its ticket after its breach was late. */
static void count_verdict(struct reporting_tally *tally, const struct reporting_fact *fact, bool was_breached)
{
	bool late = was_breached || fact->late;

	if (fact->type == FACT_SLA_CORRECTED || (fact->type == FACT_SLA_MET && !late))
		reporting_count(tally, COUNT_IN_TIME, fact->clock, fact->decided_at, 1);
	else if ((fact->type == FACT_SLA_MET || fact->type == FACT_SLA_CANCELLED) && late)
		reporting_count(tally, COUNT_LATE, fact->clock, fact->decided_at, 1);
}

static void count_durations(struct reporting_tally *tally, const struct reporting_ticket *before,
			    const struct reporting_ticket *ticket, instant at)
{
	if (before->assigned_at == INSTANT_NONE && ticket->assigned_at != INSTANT_NONE)
		reporting_count_duration(tally, COUNT_TO_ASSIGN, at, ticket->assigned_at - ticket->received_at);
	if (before->replied_at == INSTANT_NONE && ticket->replied_at != INSTANT_NONE)
		reporting_count_duration(tally, COUNT_TO_REPLY, at, ticket->replied_at - ticket->received_at);
	if (before->resolved_at == INSTANT_NONE && ticket->resolved_at != INSTANT_NONE && ticket->reopened == 0)
		reporting_count_duration(tally, COUNT_TO_RESOLVE, at, ticket->resolved_at - ticket->received_at);
}

static void count_end(struct reporting_tally *tally, enum state before, enum state after, instant at)
{
	if (before == after)
		return;
	if (after == STATE_CANCELLED)
		reporting_count(tally, COUNT_CANCELLED, STR(""), at, 1);
	if (after == STATE_REJECTED)
		reporting_count(tally, COUNT_REJECTED, STR(""), at, 1);
}

static void lay_sla(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct reporting_tally *tally)
{
	const struct reporting_clock *clock = reporting_clock_find(ticket, fact);
	bool was_breached = clock && clock->state == CLOCK_BREACHED;
	struct reporting_clock dropped;

	if (fact->type == FACT_SLA_STARTED && !clock && reporting_clock_drop(ticket, &dropped))
		put_clock(tally, &dropped, fact->decided_at, -1);
	put_clock(tally, clock, fact->decided_at, -1);
	reporting_clock_lay(ticket, fact, tally->arena);
	put_clock(tally, reporting_clock_find(ticket, fact), fact->decided_at, 1);
	count_verdict(tally, fact, was_breached);
}

void reporting_lay(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct reporting_tally *tally)
{
	struct str label;
	enum reporting_counter counter = counter_of(fact, &label);

	if (counter != COUNT_MAX)
		reporting_count(tally, counter, label, fact->decided_at, 1);
	/* What was never registered here has no snapshot. */
	if (!ticket || (!ticket->known && fact->type != FACT_REGISTERED))
		return;
	const struct reporting_ticket before = *ticket;
	const struct standing stood = standing_of(ticket);
	struct standing stands;
	if (fact->type >= FACT_SLA_STARTED && fact->type <= FACT_SLA_CANCELLED) {
		lay_sla(ticket, fact, tally);
	} else if (fact->type == FACT_SURVEY_SCORED) {
		ticket->score = fact->score;
		ticket->satisfied = fact->satisfied;
	} else if (fact->type <= FACT_OTHER) {
		lay_ticket(ticket, fact, tally->arena);
		count_durations(tally, &before, ticket, fact->decided_at);
		count_end(tally, before.state, ticket->state, fact->decided_at);
	} else {
		return;
	}
	ticket->touched_at = fact->decided_at;
	ticket->changed = true;
	stands = standing_of(ticket);
	put(tally, &stood, fact->decided_at, -1);
	put(tally, &stands, fact->decided_at, 1);
}
