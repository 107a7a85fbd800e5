/* One claim upon one ticket: may he say it, is it possible now, when does it count, and what follows.
 *
 * Pure: the ticket, the claim, the pinned lifecycle and policies, the attribute vector and `now` decide alone. The order
 * of the checks is the contract's: permission, transition, backdating, gates. What is absent from the lifecycle's table
 * is refused; nothing is allowed by default. */
#include "services/routing/routing.h"

bool routing_manages(const struct lifecycle *lifecycle, struct str role)
{
	return role.p && strings_contain(lifecycle->management_roles, role);
}

/* The line that speaks about a claim, for the text of a refusal; NULL: any staff role. */
static const struct permission *permission_of(const struct routing_book *book, struct str claim)
{
	for (size_t i = 0; i < book->policy_count; i++)
		for (size_t j = 0; j < book->policies[i]->permission_count; j++)
			if (str_eq(book->policies[i]->permissions[j].claim, claim))
				return &book->policies[i]->permissions[j];
	for (size_t i = 0; i < book->lifecycle->permission_count; i++)
		if (str_eq(book->lifecycle->permissions[i].claim, claim))
			return &book->lifecycle->permissions[i];
	return NULL;
}

static struct str joined(struct arena *arena, struct strings list)
{
	struct str text = STR("");

	for (size_t i = 0; i < list.count; i++)
		text = str_format(arena, "%.*s%s%.*s", STR_ARG(text), i > 0 ? ", " : "", STR_ARG(list.items[i]));
	return text;
}

static bool permitted(const struct routing_claim *claim, struct str role, const struct routing_book *book,
		      struct arena *arena, struct routing_refusal *ret_refusal)
{
	const struct permission *line;
	bool staff = role.p && (strings_contain(book->lifecycle->staff_roles, role) ||
				routing_manages(book->lifecycle, role));

	if (role.p &&
	    lifecycle_permits(book->lifecycle, book->policies, book->policy_count, claim->name, role))
		return true;
	line = permission_of(book, claim->name);
	/* A role that we do not know is not repeated: the sender may have put anything there. */
	*ret_refusal = (struct routing_refusal){
		REASON_FORBIDDEN,
		str_format(arena, "%s%.*s may not say %.*s; allowed: %.*s",
			   !role.p ? "nobody (no role at /by/role)" : staff ? "role " : "an unknown role",
			   staff ? (int)role.n : 0, staff ? role.p : "", STR_ARG(claim->name),
			   STR_ARG(line ? joined(arena, line->roles) : STR("any staff role"))),
	};
	return false;
}

const struct transition *routing_transition(const struct ticket *ticket, struct str claim, const struct routing_book *book,
					    const struct value *vector, instant at, instant now)
{
	struct attempt attempt = {
		.claim = claim, .state = ticket->state, .at = at, .closed_at = ticket->closed_at, .vector = vector, .now = now,
	};

	return lifecycle_step(book->lifecycle, book->policies, book->policy_count, &attempt);
}

enum state routing_target(const struct ticket *ticket, const struct transition *transition)
{
	enum state to = transition_target(transition, ticket->state, ticket->before, ticket->missing.n == 0);

	/* A waiting whose beginning nobody has told ends in work, not in waiting for ever. */
	if (transition->target == TARGET_BEFORE_WAITING && routing_state_waits(to))
		return STATE_IN_PROGRESS;
	return to;
}

/* A row that stands in the table for this state and still may not be taken. */
static bool conditional(const struct transition *step, enum state state)
{
	return step->without_confirmation || (state == STATE_CLOSED && step->within_reopen);
}

/* The claims possible in a state, for the person who reads the dead letter. */
static struct str possible(const struct lifecycle *lifecycle, enum state state, struct arena *arena)
{
	struct str text = STR("");

	for (size_t i = 0; i < lifecycle->transition_count; i++) {
		const struct transition *t = &lifecycle->transitions[i];
		bool left_out = !(t->in & STATE_BIT(state)) || conditional(t, state);

		for (size_t j = 0; j < i && !left_out; j++)
			left_out = (lifecycle->transitions[j].in & STATE_BIT(state)) &&
				   str_eq(lifecycle->transitions[j].claim, t->claim);
		if (!left_out)
			text = str_format(arena, "%.*s%s%.*s", STR_ARG(text), text.n > 0 ? ", " : "", STR_ARG(t->claim));
	}
	return text.n > 0 ? text : STR("nothing");
}

/* Whether only the customer's confirmation stands between the claim and its step. */
static bool unconfirmed(const struct lifecycle *lifecycle, enum state state, struct str claim)
{
	for (size_t i = 0; i < lifecycle->transition_count; i++)
		if (lifecycle->transitions[i].without_confirmation && (lifecycle->transitions[i].in & STATE_BIT(state)) &&
		    str_eq(lifecycle->transitions[i].claim, claim))
			return true;
	return false;
}

static bool refuse_transition(const struct ticket *ticket, struct str claim, const struct routing_book *book,
			      struct arena *arena, struct routing_refusal *ret_refusal)
{
	bool open = state_is_open(ticket->state);

	ret_refusal->reason = open ? REASON_ILLEGAL_TRANSITION : REASON_TICKET_CLOSED;
	ret_refusal->detail =
	    str_format(arena, "the ticket is %.*s: %.*s is not possible %s%s; possible: %.*s", STR_ARG(state_name(ticket->state)),
		       STR_ARG(claim), open ? "in this state" : "then",
		       unconfirmed(book->lifecycle, ticket->state, claim)
			   ? " without the customer's confirmation (客户确认)" : "",
		       STR_ARG(possible(book->lifecycle, ticket->state, arena)));
	return false;
}

/* When a claim counts as happened. Customers may speak of any time past; staff only as far back as the most specific
 * policy allows; nobody of the time to come. */
static void place_in_time(const struct routing_claim *claim, const struct routing_book *book, instant now,
			  struct routing_step *step)
{
	instant arrived = claim->arrived != INSTANT_NONE ? claim->arrived : now;
	struct duration back = { .us = 15 * MINUTE };

	if (book->policy_count > 0)
		back = book->policies[0]->max_backdate;
	step->at = claim->time;
	step->backdated_s = 0;
	if (step->at == INSTANT_NONE || step->at > arrived) {
		step->at = arrived;
	} else if (claim->staff && instant_add(step->at, back, 0) < arrived) {
		step->backdated_s = (arrived - step->at) / SECOND;
		step->at = arrived;
	}
}

bool routing_step(const struct ticket *ticket, const struct routing_claim *claim, const struct routing_book *book,
		  const struct value *vector, instant now, struct arena *arena, struct routing_step *ret_step,
		  struct routing_refusal *ret_refusal)
{
	const struct person *person = claim->by.p ? directory_person(book->directory, claim->by) : NULL;
	struct routing_step step = { .role = person && person->role.p ? person->role : claim->role };

	if (claim->staff && !permitted(claim, step.role, book, arena, ret_refusal))
		return false;
	place_in_time(claim, book, now, &step);
	step.transition = routing_transition(ticket, claim->name, book, vector, step.at, now);
	if (!step.transition)
		return refuse_transition(ticket, claim->name, book, arena, ret_refusal);
	if (claim->to.p && !routing_may_own(ticket, claim, book, vector, now, arena, ret_refusal))
		return false;
	if (!routing_gates(ticket, claim->name, book, vector, now, arena, ret_refusal))
		return false;
	step.fact = step.transition->fact;
	step.to = routing_target(ticket, step.transition);
	*ret_step = step;
	return true;
}

static bool steps_look(const struct transition *steps, size_t count, struct str claim)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].match.count > 0 && str_eq(steps[i].claim, claim))
			return true;
	return false;
}

bool routing_needs_vector(const struct routing_book *book, struct str claim)
{
	if (steps_look(book->lifecycle->transitions, book->lifecycle->transition_count, claim))
		return true;
	for (size_t i = 0; i < book->policy_count; i++) {
		const struct policy *policy = book->policies[i];

		if (steps_look(policy->allow, policy->allow_count, claim))
			return true;
		for (size_t j = 0; j < policy->guard_count; j++)
			if (str_eq(policy->guards[j].claim, claim))
				return true;
	}
	/* A manual dispatch is looked at by the routing rules. */
	return str_is(claim, "staff.assigned") && routing_policy_of(book);
}

bool routing_state_waits(enum state state)
{
	return state == STATE_WAITING_CUSTOMER || state == STATE_WAITING_INTERNAL;
}

void routing_apply(struct ticket *ticket, struct str fact, enum state to, instant at, struct arena *arena)
{
	if (routing_state_waits(to) && !routing_state_waits(ticket->state)) {
		ticket->before = ticket->state;
		ticket->waiting_since = at;
	} else if (!routing_state_waits(to)) {
		/* From one waiting to another the first one counts: it is still the same pause for the customer. */
		ticket->before = STATE_NONE;
		ticket->waiting_since = INSTANT_NONE;
	}
	ticket->state = to;
	ticket->revision++;
	ticket->changed = true;
	if (str_is(fact, "ticket.reopened")) {
		ticket->reopened++;
		ticket->facts = ticket->evidence = STR_NONE;
		ticket->resolved_at = ticket->closed_at = INSTANT_NONE;
		return;
	}
	if (str_is(fact, "ticket.resolved"))
		ticket->resolved_at = at;
	else if (str_is(fact, "ticket.closed"))
		ticket->closed_at = at;
	ticket->facts = routing_word_bump(arena, ticket->facts, fact);
}
