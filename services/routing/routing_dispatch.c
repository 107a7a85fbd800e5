/* Dispatch: the choice is made by routing_decide_assign.c; here it is given what it looks at, and becomes a fact. */
#include "services/routing/routing_run.h"

#define HANDOVER "handover"

void routing_own(struct ticket *ticket, struct str person, struct str role, instant at)
{
	ticket->owner = person;
	ticket->owner_role = role;
	ticket->assigned_at = at;
	ticket->unassignable = false;
	ticket->changed = true;
}

struct str routing_priority(const struct ticket *ticket)
{
	if (ticket->priority.n > 0)
		return ticket->priority;
	return ticket->severity.n > 0 ? ticket->severity : STR("normal");
}

void routing_write_assignment(struct routing_work *work, struct str due)
{
	const struct ticket *ticket = work->ticket;
	struct str priority = routing_priority(ticket);
	int64_t number;

	write_member(&work->writer, "to", ticket->owner);
	write_member(&work->writer, "role", ticket->owner_role);
	if (str_int64(priority, &number))
		write_member_int(&work->writer, "priority", number);
	else
		write_member(&work->writer, "priority", priority);
	if (due.n > 0) {
		write_key(&work->writer, "due_at");
		write_raw(&work->writer, due);
	} else {
		write_member_instant(&work->writer, "due_at",
				     routing_due(ticket, &work->book, routing_vector(work), work->run->batch->now));
	}
}

static const struct doc *ticket_data(struct routing_work *work)
{
	struct fault ignored = FAULT_NONE;

	if (work->data.count == 0 && work->ticket->data.n > 0)
		(void)!doc_parse(&work->data, work->ticket->data, work->run->batch->arena, &ignored);
	return &work->data;
}

struct strings routing_named(struct routing_work *work)
{
	struct routing_wish wish;

	routing_decode_wish(ticket_data(work), work->run->batch->arena, &wish);
	return wish.named;
}

static enum verdict wish_of(struct routing_work *work, const struct policy *policy, struct routing_wish *ret_wish,
			    struct fault *fault)
{
	struct routing_run *run = work->run;

	routing_decode_wish(ticket_data(work), run->batch->arena, ret_wish);
	ret_wish->due = routing_due(work->ticket, &work->book, routing_vector(work), run->batch->now);
	if (routing_prefers_served(policy)) {
		enum verdict verdict = routing_store_served(run, fault);

		if (verdict != OK)
			return verdict;
		ret_wish->served = routing_store_served_of(run, work->ticket->customer);
	}
	return routing_store_loads(run, fault);
}

/* The choice as things stand; *ret_step is NULL when the policy leaves it to people, or the ticket cannot be given to anybody now. */
static enum verdict choose(struct routing_work *work, const struct transition **ret_step, struct routing_choice *ret_choice,
			   struct fault *fault)
{
	const struct policy *policy = routing_policy_of(&work->book);
	instant now = work->run->batch->now;
	struct routing_wish wish;
	enum verdict verdict;

	*ret_step = policy ? routing_transition(work->ticket, STR("staff.assigned"), &work->book, routing_vector(work), now, now) : NULL;
	if (!*ret_step)
		return OK;
	verdict = wish_of(work, policy, &wish, fault);
	if (verdict == OK)
		routing_choose(work->ticket, &wish, &work->book, policy, work->run->loads, routing_vector(work), now, ret_choice);
	return verdict;
}

enum verdict routing_would_get(struct routing_work *work, const struct person **ret_person, struct fault *fault)
{
	const struct transition *step;
	struct routing_choice choice;
	enum verdict verdict = choose(work, &step, &choice, fault);

	*ret_person = verdict == OK && step ? choice.person : NULL;
	return verdict;
}

void routing_reserve(struct routing_run *run, const struct person *person)
{
	struct routing_load *load = &run->loads[person - run->directory->people];

	load->open++;
	load->assigned_at = run->batch->now;
}

enum verdict routing_dispatch(struct routing_work *work, bool keep, struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	instant now = work->run->batch->now;
	const struct transition *step;
	struct routing_choice choice;
	enum verdict verdict = choose(work, &step, &choice, fault);

	if (verdict != OK || !step)
		return verdict;
	if (choice.person && (str_eq(choice.person->id, ticket->owner) || (keep && choice.owner_eligible)) && !ticket->unassignable)
		return OK;
	if (!choice.person) {
		if (ticket->unassignable)
			return OK;
		ticket->unassignable = true;
		routing_fact_begin(work, STR("ticket.unassignable"), ticket->state, now);
		routing_write_why(&work->writer, &choice);
		return routing_fact_end(work, fault);
	}
	/* People are remembered by the ticket beyond this batch's directory: the row is written before it can change. */
	routing_own(ticket, choice.person->id, choice.person->role, now);
	routing_fact_begin(work, STR("ticket.assigned"), routing_target(ticket, step), now);
	routing_write_assignment(work, STR_NONE);
	routing_write_why(&work->writer, &choice);
	ticket->priority = routing_priority(ticket);
	work->vector = NULL;
	return routing_fact_end(work, fault);
}

/* Raises the flag, or takes it down. */
static enum verdict flag_handover(struct routing_work *work, bool raise, struct fault *fault)
{
	const struct action flag = { .type = ACTION_FLAG, .set = raise ? STR(HANDOVER) : STR_NONE,
				     .clear = raise ? STR_NONE : STR(HANDOVER) };
	const struct actions actions = { &flag, 1 };

	return routing_act(work, &actions, STR(HANDOVER), work->run->batch->now, fault);
}

/* Nobody can take it over: said once, and somebody is to see to it; the next change of the people tries again. */
static enum verdict nobody_takes_over(struct routing_work *work, struct fault *fault)
{
	const struct person *owner = directory_person(work->run->directory, work->ticket->owner);
	enum verdict verdict;

	if (routing_word_has(work->ticket->flags, STR(HANDOVER)))
		return OK;
	verdict = flag_handover(work, true, fault);
	if (verdict != OK)
		return verdict;
	return routing_task_open(work, STR(HANDOVER), owner && owner->superior.n > 0 ? owner->superior : STR("manager"), INSTANT_NONE,
				 STR(HANDOVER), fault);
}

enum verdict routing_hand_over(struct routing_work *work, struct fault *fault)
{
	const struct policy *policy = routing_policy_of(&work->book);
	struct ticket *ticket = work->ticket;
	instant now = work->run->batch->now, assigned_at = ticket->assigned_at;
	struct str from = ticket->owner;
	struct routing_choice choice;
	struct routing_wish wish;
	enum verdict verdict;

	if (!policy || !routing_hands_over(ticket, &work->book, routing_due(ticket, &work->book, routing_vector(work), now), now))
		return OK;
	verdict = wish_of(work, policy, &wish, fault);
	if (verdict != OK)
		return verdict;
	routing_choose(ticket, &wish, &work->book, policy, work->run->loads, routing_vector(work), now, &choice);
	if (!choice.person)
		return nobody_takes_over(work, fault);
	routing_own(ticket, choice.person->id, choice.person->role, assigned_at);
	work->given_at = now;
	routing_fact_begin(work, STR("ticket.owner_changed"), ticket->state, now);
	write_member(&work->writer, "from", from);
	write_member(&work->writer, "to", ticket->owner);
	write_member(&work->writer, "role", ticket->owner_role);
	routing_write_why(&work->writer, &choice);
	work->vector = NULL;
	verdict = routing_fact_end(work, fault);
	return verdict != OK ? verdict : flag_handover(work, false, fault);
}

/* Who has the ticket in hand; absent when nobody or it is over. */
static struct str carrier(const struct ticket *ticket)
{
	return ticket->known && state_is_open(ticket->state) ? ticket->owner : STR_NONE;
}

static void book(struct routing_run *run, struct str person, int32_t open, instant assigned_at)
{
	const struct person *known = directory_person(run->directory, person);

	arena_grow(run->batch->arena, &run->changes, &run->change_capacity, run->change_count + 1, sizeof(*run->changes));
	run->changes[run->change_count++] = (struct routing_load_change){ person, open, assigned_at };
	if (known && run->loads) {
		struct routing_load *load = &run->loads[known - run->directory->people];

		load->open += open;
		if (assigned_at > load->assigned_at)
			load->assigned_at = assigned_at;
	}
}

void routing_book_load(struct routing_work *work)
{
	struct str had = carrier(&work->before), has = carrier(work->ticket);

	if (str_eq(had, has))
		return;
	if (had.p)
		book(work->run, had, -1, INSTANT_NONE);
	if (has.p)
		book(work->run, has, 1, work->given_at > work->ticket->assigned_at ? work->given_at : work->ticket->assigned_at);
}
