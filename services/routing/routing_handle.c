/* A batch of routing, downhill: bring the knowledge up to date, load the tickets, take the items in order, save.
 *
 * Items are intake's facts, claims, facts of sla and survey, timers of rules, and the look-out for people. Nothing is
 * queued for the database before the end, so that what a decision needs can be read when it is first needed. */
#include "services/routing/routing_run.h"

#define ADVANCE_MAX 8

enum verdict routing_advance(struct routing_work *work, struct fault *fault)
{
	struct batch *batch = work->run->batch;
	struct ticket *ticket = work->ticket;
	enum verdict verdict = OK;

	for (int i = 0; i < ADVANCE_MAX && verdict == OK; i++) {
		const struct transition *step;
		enum routing_next next;
		bool classify;

		/* States from which nothing goes on by itself need no attributes. */
		if (ticket->state != STATE_RECEIVED && ticket->state != STATE_VERIFIED && ticket->state != STATE_CLASSIFIED)
			return OK;
		next = routing_next(ticket, &work->book, routing_vector(work), batch->now);
		if (next == NEXT_NOTHING)
			return OK;
		if (next == NEXT_DISPATCH) {
			verdict = routing_dispatch(work, false, fault);
			/* Done, or nobody there: either way it is not tried again now. */
			break;
		}
		classify = next == NEXT_CLASSIFY;
		step = routing_transition(ticket, classify ? STR("staff.classified") : STR("staff.verified"), &work->book,
					  routing_vector(work), batch->now, batch->now);
		if (!step)
			return OK;
		work->before.severity = ticket->severity;
		work->before.mode = ticket->mode;
		work->before.priority = ticket->priority;
		work->before.data = ticket->data;
		routing_fact_begin(work, step->fact, routing_target(ticket, step), batch->now);
		routing_write_system(&work->writer);
		if (classify)
			write_member_if(&work->writer, "severity", ticket->severity);
		verdict = routing_fact_end(work, fault);
	}
	return verdict;
}

/* intake's facts: projected like anybody else does, then remembered, then carried on. */
static enum verdict intake_fact(struct routing_work *work, struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	struct batch *batch = work->run->batch;
	enum verdict verdict;

	if (!str_is(work->item->event.name, "ticket.registered"))
		ticket_apply(batch, ticket, work->item);
	ticket->facts = routing_word_bump(batch->arena, ticket->facts, work->item->event.name);
	verdict = routing_rules_on(work, work->item->event.name, work->item, work->item->event.time, fault);
	return verdict != OK ? verdict : routing_advance(work, fault);
}

enum verdict routing_work_begin(struct routing_work *work, struct routing_run *run, struct item *item, struct ticket *ticket,
				struct fault *fault)
{
	struct knowledge *knowledge = run->routing->knowledge;
	enum verdict verdict;

	*work = (struct routing_work){ .run = run, .item = item, .ticket = ticket, .before = *ticket };
	verdict = knowledge_policies(knowledge, run->batch, ticket, work->policies, fault);
	if (verdict == OK)
		verdict = knowledge_lifecycle(knowledge, run->batch, ticket->lifecycle, &work->book.lifecycle, fault);
	work->book.policies = work->policies;
	work->book.policy_count = ticket->policy_count;
	work->book.directory = run->directory;
	return verdict;
}

static bool is_intakes(struct str name)
{
	return str_is(name, "ticket.registered") || str_is(name, "ticket.incomplete");
}

static bool is_foreign(struct str name)
{
	return str_starts(name, STR("sla.")) || str_is(name, "survey.scored") || str_is(name, "notify.sent");
}

static enum verdict one(struct routing_run *run, struct item *item, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct ticket *ticket = ticket_find(&run->tickets, ticket_of_item(item, batch->arena));
	struct str name = item->event.name;
	bool claim = !item->timer && !is_intakes(name) && !is_foreign(name);
	struct routing_work work;
	enum verdict verdict;

	if (!ticket || !ticket->known) {
		if (claim)
			batch_refuse(batch, item, REASON_TICKET_UNKNOWN, "no such ticket");
		return OK;
	}
	if (claim && (item->event.doc.count == 0 || doc_type(&item->event.doc, 0) != DOC_OBJECT)) {
		batch_refuse(batch, item, REASON_SCHEMA_INVALID, "the data are no object");
		return OK;
	}
	verdict = routing_work_begin(&work, run, item, ticket, fault);
	if (verdict != OK)
		return verdict;
	if (item->timer)
		verdict = routing_timer(&work, fault);
	else if (is_intakes(name))
		verdict = intake_fact(&work, fault);
	else if (is_foreign(name))
		verdict = routing_foreign_fact(&work, fault);
	else
		verdict = routing_claim_handle(&work, fault);
	routing_book_load(&work);
	return verdict;
}

/* ---- what customers have been told ---- */

static bool may_wait(const struct policy *policy, const void *told)
{
	return routing_told_matters(policy, told);
}

/* Most messages are nobody's evidence: their tickets are not even loaded. */
static enum verdict messages(struct routing_run *run, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct item **items = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*items));
	struct str *ids = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*ids));
	enum verdict verdict;
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		struct routing_told told;

		if (item->refused || item->timer || !routing_decode_told(&item->event.doc, batch->arena, &told) ||
		    !knowledge_any_policy(run->routing->knowledge, may_wait, &told))
			continue;
		ids[count] = ticket_of_item(item, batch->arena);
		items[count++] = item;
	}
	if (count == 0)
		return OK;
	verdict = ticket_load_ids(batch, ids, count, &run->tickets, fault);
	for (size_t i = 0; i < count && verdict == OK; i++)
		verdict = one(run, items[i], fault);
	return verdict;
}

/* New tickets are made known first: a batch then knows all its customers when it first asks about one. */
static void register_new(struct routing_run *run)
{
	struct batch *batch = run->batch;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		struct ticket *ticket;

		if (item->refused || item->timer || !str_is(item->event.name, "ticket.registered"))
			continue;
		ticket = ticket_find(&run->tickets, ticket_of_item(item, batch->arena));
		if (ticket && !ticket->known)
			ticket_apply(batch, ticket, item);
	}
}

enum verdict routing_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct routing *routing = state;
	struct routing_run run = { .routing = routing, .batch = batch };
	enum verdict verdict = knowledge_refresh(routing->knowledge, batch, true, fault);

	if (verdict != OK)
		return verdict;
	run.directory = knowledge_directory(routing->knowledge);
	if (batch->count > 0 && batch->items[0].posted) {
		verdict = routing_look_out(&run, fault);
	} else if (str_is(str_of(batch->topic), TOPIC_MESSAGES)) {
		verdict = messages(&run, fault);
	} else {
		verdict = ticket_load(batch, &run.tickets, fault);
		if (verdict == OK)
			register_new(&run);
		for (size_t i = 0; i < batch->count && verdict == OK; i++)
			if (!batch->items[i].refused)
				verdict = one(&run, &batch->items[i], fault);
	}
	if (verdict != OK)
		return verdict;
	ticket_save(batch, &run.tickets);
	routing_store_save(&run);
	return OK;
}
