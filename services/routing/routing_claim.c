/* A claim of the log: decided, refused with a dead letter, or turned into exactly one fact and what follows from it.
 *
 * The claim's data are laid upon the ticket before the decision, so that conditions see the ticket as it would be; a
 * refusal puts the ticket back as it was. */
#include "services/routing/routing_run.h"

/* Ends on a whole character: the text is stored and sent. */
static struct str shortened(struct str detail)
{
	const size_t most = 900;

	if (detail.n <= most)
		return detail;
	for (detail.n = most; detail.n > 0 && ((unsigned char)detail.p[detail.n] & 0xc0) == 0x80;)
		detail.n--;
	return detail;
}

static void refuse(struct routing_work *work, const struct routing_refusal *refusal)
{
	struct str detail = shortened(refusal->detail);

	*work->ticket = work->before;
	batch_refuse(work->run->batch, work->item, refusal->reason, "%.*s", STR_ARG(detail));
}

/* How it ended, when the claim does not say. */
static struct str result_of(const struct ticket *ticket)
{
	if (routing_word_count(ticket->facts, STR("ticket.return_done")) > 0)
		return STR("returned");
	return routing_word_count(ticket->facts, STR("ticket.resolved")) > 0 ? STR("solved") : STR("closed");
}

/* Members that routing writes itself: a claim's of the same name would make the body no JSON. */
static const char *const *own_members(const struct routing_step *step)
{
	static const char *const assigned[] = { "to", "role", "priority", "due_at", "why", NULL };
	static const char *const supplemented[] = { "missing", "entitlement", "review", "installation", "charge", "cause_code", NULL };
	static const char *const classified[] = { "entitlement", "review", "installation", "charge", "cause_code", NULL };
	static const char *const resolved[] = { "charge", NULL };
	static const char *const reopened[] = { "count", NULL };
	static const char *const closed[] = { "result", NULL };
	static const char *const resumed[] = { "waited_s", NULL };

	if (str_is(step->fact, "ticket.assigned"))
		return assigned;
	if (str_is(step->fact, "ticket.supplemented"))
		return supplemented;
	if (str_is(step->fact, "ticket.classified"))
		return classified;
	if (str_is(step->fact, "ticket.resolved"))
		return resolved;
	if (str_is(step->fact, "ticket.reopened"))
		return reopened;
	if (str_is(step->fact, "ticket.closed"))
		return closed;
	return step->transition->target == TARGET_BEFORE_WAITING ? resumed : NULL;
}

/* What has to be paid is decided again when the cause is known (C029). */
static void write_charge(struct routing_work *work)
{
	const struct warranty *warranty = warranty_of(work->book.policies, work->book.policy_count);
	struct charge charge;

	if (!warranty)
		return;
	charge = warranty_charge(warranty, routing_vector(work), work->run->batch->now);
	write_key(&work->writer, "charge");
	write_open(&work->writer, '{');
	write_member(&work->writer, "labour", charge.labour);
	write_member(&work->writer, "parts", charge.parts);
	write_close(&work->writer, '}');
}

static void write_own(struct routing_work *work, const struct routing_step *step)
{
	const struct doc *doc = &work->item->event.doc;
	struct ticket *ticket = work->ticket;
	struct arena *arena = work->run->batch->arena;

	if (str_is(step->fact, "ticket.assigned")) {
		uint32_t due = doc_member(doc, 0, STR("due_at"));

		routing_write_assignment(work, due && doc_type(doc, due) == DOC_STRING ? doc_raw(doc, due) : STR_NONE);
		ticket->priority = routing_priority(ticket);
		write_key(&work->writer, "why");
		write_open(&work->writer, '{');
		write_member(&work->writer, "rule", STR("manual"));
		write_close(&work->writer, '}');
	} else if (str_is(step->fact, "ticket.supplemented")) {
		routing_write_words(&work->writer, "missing", ticket->missing);
		if (work->findings)
			findings_write(&work->writer, work->findings, true);
	} else if (str_is(step->fact, "ticket.resolved")) {
		write_charge(work);
	} else if (str_is(step->fact, "ticket.reopened")) {
		write_member_int(&work->writer, "count", ticket->reopened);
	} else if (str_is(step->fact, "ticket.closed")) {
		struct str said = doc_get(doc, "result", arena);

		write_member(&work->writer, "result", said.n > 0 ? said : result_of(ticket));
	} else if (step->transition->target == TARGET_BEFORE_WAITING) {
		instant since = work->before.waiting_since;

		write_member_int(&work->writer, "waited_s",
				 since != INSTANT_NONE && step->at > since ? (step->at - since) / SECOND : 0);
	}
}

static void write_members(struct routing_work *work, const struct routing_step *step)
{
	routing_write_claim(&work->writer, work->item, step, own_members(step));
	write_own(work, step);
}

/* What has to be on the ticket before the fact is written. */
static void prepare(struct routing_work *work, const struct routing_claim *claim, const struct routing_step *step)
{
	struct ticket *ticket = work->ticket;
	struct arena *arena = work->run->batch->arena;

	if (str_is(step->fact, "ticket.assigned")) {
		const struct person *person = directory_person(work->run->directory, claim->to);
		uint32_t node = doc_member(&work->item->event.doc, 0, STR("priority"));

		routing_own(ticket, claim->to, person ? person->role : STR_NONE, step->at);
		if (node && doc_type(&work->item->event.doc, node) == DOC_STRING)
			ticket->priority = doc_string(&work->item->event.doc, node, arena);
		else if (node && doc_type(&work->item->event.doc, node) == DOC_NUMBER)
			ticket->priority = doc_raw(&work->item->event.doc, node);
		work->vector = NULL;
	}
}

/* The further facts that the lifecycle and the contract tie to a claim. */
static enum verdict follow(struct routing_work *work, const struct routing_claim *claim, const struct routing_step *step,
			   struct fault *fault)
{
	struct arena *arena = work->run->batch->arena;
	const struct doc *doc = &work->item->event.doc;

	if (str_is(step->transition->follows, "ticket.escalated")) {
		struct str person = work->ticket->owner.p ? work->ticket->owner : claim->by;
		const struct person *known = person.p ? directory_person(work->run->directory, person) : NULL;
		bool superior = known && known->superior.n > 0;

		/* Up first; to the department that is to know only where nobody stands above. */
		return routing_escalate(work, person, superior ? STR_NONE : doc_get(doc, "department", arena), STR_NONE,
					claim->name, step->at, fault);
	}
	if (step->transition->follows.n > 0) {
		routing_fact_begin(work, step->transition->follows, work->ticket->state, step->at);
		return routing_fact_end(work, fault);
	}
	if (str_is(claim->name, "task.done")) {
		routing_note_begin(work, STR("task.closed"), step->at);
		write_member(&work->writer, "task", doc_get(doc, "task", arena));
		return routing_fact_end(work, fault);
	}
	return OK;
}

/* A mode whose role differs from the owner's, or a grade that a binding rule gives to others, dispatches anew; data that
 * were missing may let somebody be found. */
static enum verdict dispatch_anew(struct routing_work *work, const struct routing_claim *claim, struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	bool mode = str_is(claim->name, "staff.mode_chosen");
	struct strings complained_of;

	if (!mode && !str_is(claim->name, "staff.classified") && !str_is(claim->name, "request.supplemented"))
		return OK;
	if (!state_is_open(ticket->state) || !routing_policy_of(&work->book))
		return OK;
	work->vector = NULL;
	complained_of = routing_named(work);
	if (ticket->unassignable ||
	    (ticket->owner.p && !routing_owner_fits(ticket, &complained_of, &work->book, routing_vector(work), mode,
						    work->run->batch->now)))
		return routing_dispatch(work, true, fault);
	return OK;
}

static bool lay(struct routing_work *work, const struct routing_claim *claim)
{
	struct routing_run *run = work->run;
	struct arena *arena = run->batch->arena;
	struct ticket *ticket = work->ticket;
	struct fault ignored = FAULT_NONE;

	if (!routing_lay(ticket, claim->name, &work->item->event.doc, &run->routing->merged, arena))
		return false;
	if (str_is(claim->name, "request.supplemented") &&
	    doc_parse(&work->data, ticket->data, arena, &ignored) == OK) {
		struct routing_known known = { routing_path_known, &work->data };

		ticket->missing = routing_missing(ticket, &work->book, routing_vector(work), &known, run->batch->now, arena);
	}
	return true;
}

/* A customer or a product that was not known at registration may make an owner of somebody, or no longer. */
static enum verdict find_again(struct routing_work *work, const struct routing_claim *claim, struct fault *fault)
{
	struct batch *batch = work->run->batch;
	const struct attributes *attributes = knowledge_attributes(work->run->routing->knowledge);
	const struct doc *said = &work->item->event.doc, *data = &work->data;
	struct findings *findings;
	struct installation_wish wish;
	struct value *vector;
	enum verdict verdict;

	if (!str_is(claim->name, "request.supplemented") || data->count == 0 ||
	    (doc_member(said, 0, STR("customer")) == 0 && doc_member(said, 0, STR("product")) == 0))
		return OK;
	wish = (struct installation_wish){
		.installation = doc_get(data, "product.installation", batch->arena),
		.serial_no = doc_get(data, "product.serial_no", batch->arena),
		.customer = doc_get(data, "customer.id", batch->arena),
		.model = doc_get(data, "product.model", batch->arena),
	};
	findings = arena_zero(batch->arena, sizeof(*findings));
	findings->cause_code = doc_get(data, "cause_code", batch->arena);
	verdict = installation_find(batch, &wish, &findings->installation, fault);
	if (verdict != OK)
		return verdict;
	vector = arena_copy(batch->arena, routing_vector(work), (attributes->count + 1) * sizeof(*vector));
	findings_judge(findings, work->book.policies, work->book.policy_count, attributes, vector, work->ticket->received_at,
		       batch->now);
	work->findings = findings;
	work->vector = vector;
	return OK;
}

enum verdict routing_claim_handle(struct routing_work *work, struct fault *fault)
{
	struct routing_run *run = work->run;
	struct batch *batch = run->batch;
	struct routing_claim claim;
	struct routing_refusal refusal;
	struct routing_step step;
	const struct value *vector = NULL;
	enum verdict verdict;

	routing_decode_claim(work->item, batch->arena, &claim);
	lay(work, &claim);
	verdict = find_again(work, &claim, fault);
	if (verdict != OK)
		return verdict;
	if (claim.to.p)
		claim.named = routing_named(work);
	if (routing_needs_vector(&work->book, claim.name))
		vector = routing_vector(work);
	if (!routing_step(work->ticket, &claim, &work->book, vector, batch->now, batch->arena, &step, &refusal)) {
		refuse(work, &refusal);
		return OK;
	}
	prepare(work, &claim, &step);
	routing_fact_begin(work, step.fact, step.to, step.at);
	write_members(work, &step);
	verdict = routing_fact_end(work, fault);
	if (verdict == OK)
		verdict = follow(work, &claim, &step, fault);
	if (verdict == OK)
		verdict = dispatch_anew(work, &claim, fault);
	return verdict != OK ? verdict : routing_advance(work, fault);
}
