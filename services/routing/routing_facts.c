/* How a fact is said: laid upon the ticket, written, queued, remembered as evidence, and shown to the rules.
 *
 * Every ticket.* fact after intake's goes through here, so here the revision grows without a gap. A body is opened after
 * the ticket has moved: it tells the state that it made. */
#include "services/routing/routing_run.h"

#include <string.h>

const struct value *routing_vector(struct routing_work *work)
{
	struct routing_run *run = work->run;

	/* Timers and look-outs have no event that conditions could look at. */
	if (!work->vector)
		work->vector = knowledge_vector(run->routing->knowledge, run->batch, work->ticket,
						work->item->event.doc.count > 0 ? work->item : NULL, NULL);
	return work->vector;
}

static void open_body(struct routing_work *work, struct str fact, instant at)
{
	struct routing *routing = work->run->routing;

	buf_clear(&routing->body);
	work->writer = (struct writer){ .buf = &routing->body };
	work->fact = fact;
	work->fact_at = at;
	ticket_fact_open(&work->writer, work->ticket, work->ticket->revision, at, work->run->batch->now);
}

void routing_fact_begin(struct routing_work *work, struct str fact, enum state to, instant at)
{
	routing_apply(work->ticket, fact, to, at, work->run->batch->arena);
	open_body(work, fact, at);
}

void routing_note_begin(struct routing_work *work, struct str fact, instant at)
{
	open_body(work, fact, at);
}

static struct str emit(struct routing_work *work)
{
	struct batch *batch = work->run->batch;
	const struct ticket *ticket = work->ticket;
	struct outgoing outgoing = {
		.topic = TOPIC_TICKETS, .partition = batch->partition, .name = work->fact, .subject = ticket->id,
		.at = work->fact_at, .arrived = INSTANT_NONE, .revision = ticket->revision,
	};

	write_close(&work->writer, '}');
	outgoing.body = str_copy(batch->arena, buf_view(&work->run->routing->body));
	/* What the system does because somebody is back on post has the ticket's own claim at its root. */
	if (work->item->posted) {
		outgoing.cause_id = ticket->cause_id;
		outgoing.cause_source = ticket->cause_source;
		outgoing.traceparent = ticket->traceparent;
		outgoing.tracestate = ticket->tracestate;
	}
	batch_emit(batch, work->item, &outgoing);
	return outgoing.body;
}

/* Where a fact's data say what the ticket is, the ticket is made of the fact as everybody else makes it. */
static void lay_again(struct routing_work *work, const struct item *said)
{
	struct ticket *ticket = work->ticket;

	ticket->severity = work->before.severity;
	ticket->mode = work->before.mode;
	ticket->priority = work->before.priority;
	ticket->data = work->before.data;
	ticket_apply(work->run->batch, ticket, said);
	work->data = (struct doc){ 0 };
}

static bool anybody_looks(const struct routing_work *work, struct str fact)
{
	if (routing_evidence_looks(&work->book, fact))
		return true;
	for (size_t i = 0; i < work->book.policy_count; i++)
		for (size_t j = 0; j < work->book.policies[i]->rule_count; j++)
			if (str_eq(work->book.policies[i]->rules[j].on, fact) ||
			    str_eq(work->book.policies[i]->rules[j].unless, fact))
				return true;
	return false;
}

enum verdict routing_fact_end(struct routing_work *work, struct fault *fault)
{
	struct routing_run *run = work->run;
	struct arena *arena = run->batch->arena;
	struct str fact = work->fact;
	instant at = work->fact_at;
	bool lays = routing_fact_lays(fact), looked_at = anybody_looks(work, fact);
	struct item said = { .event = { .name = fact, .data = emit(work), .time = at, .arrived = INSTANT_NONE } };

	if (lays || looked_at) {
		enum verdict verdict = event_parse(&said.event, arena, fault);

		if (verdict != OK)
			return fault->reason = REASON_NONE, fault->verdict = FATAL;
	}
	if (lays)
		lay_again(work, &said);
	if (!looked_at) {
		routing_note_evidence(work->ticket, fact, &work->book, NULL, run->batch->now, arena);
		return OK;
	}
	/* Reopening forgets: the fact that reopens is no evidence of what comes after it. */
	if (!str_is(fact, "ticket.reopened"))
		routing_note_evidence(work->ticket, fact, &work->book,
				      knowledge_vector(run->routing->knowledge, run->batch, work->ticket, &said, NULL),
				      run->batch->now, arena);
	return routing_rules_on(work, fact, &said, at, fault);
}

enum verdict routing_task_open(struct routing_work *work, struct str what, struct str whom, instant due, struct str rule,
			       struct fault *fault)
{
	const struct ticket *ticket = work->ticket;

	routing_note_begin(work, STR("task.opened"), work->run->batch->now);
	write_member(&work->writer, "task",
		     str_format(work->run->batch->arena, "%.*s/task/%d/%d", STR_ARG(ticket->id), ticket->revision,
				work->item->ordinal));
	write_member(&work->writer, "what", what.n > 0 ? what : STR("see rule"));
	write_member(&work->writer, "for", whom);
	write_member_instant(&work->writer, "due_at", due);
	write_member_if(&work->writer, "why", rule);
	return routing_fact_end(work, fault);
}

enum verdict routing_escalate(struct routing_work *work, struct str person, struct str to, struct str level, struct str rule,
			      instant at, struct fault *fault)
{
	const struct person *known = person.p ? directory_person(work->run->directory, person) : NULL;
	bool superior = to.n == 0 || str_is(to, "superior");
	enum verdict verdict;

	if (superior)
		to = known ? known->superior : STR_NONE;
	/* The ticket goes up in any case; where nobody is on file above the owner, his department gets a task as well. */
	work->ticket->flags = routing_word_add(work->run->batch->arena, work->ticket->flags, STR("escalated"));
	routing_fact_begin(work, STR("ticket.escalated"), work->ticket->state, at);
	if (level.n > 0 || !superior)
		write_member(&work->writer, "level", level.n > 0 ? level : to);
	else
		write_member_int(&work->writer, "level", routing_word_count(work->ticket->facts, STR("ticket.escalated")));
	write_member(&work->writer, "to", to);
	write_member_if(&work->writer, "why", rule);
	verdict = routing_fact_end(work, fault);
	if (verdict != OK || to.n > 0)
		return verdict;
	return routing_task_open(work, STR("escalation: no superior on file"),
				 known && known->department.n > 0 ? known->department : STR("manager"), INSTANT_NONE, rule,
				 fault);
}
