/* What a fact of the log means for a ticket. Routing ends with the same ticket as a projection of its own facts; a test
 * compares the two. Also how a ticket fact begins. */
#include "common/worker/ticket.h"

#include <string.h>

const char *const ticket_fact_members[] = { "ticket", "request", "revision", "kind", "state", "at", "decided_at", "policy", NULL };

/* Members of ticket.registered that are the system's, not the request's. */
static const char *const registered_members[] = { "ticket", "request", "revision", "state", "at", "decided_at", "policy",
						  "received_at", "missing", "related", "policies", "lifecycle",
						  /* what the cause is, only a resolution tells */
						  "cause_code", NULL };

static const char *const supplemented_members[] = { "ticket", "request", "revision", "state", "at", "decided_at", "policy", "missing",
						    "by", "note", "backdated_s", NULL };

void ticket_fact_open(struct writer *writer, const struct ticket *ticket, int32_t revision, instant at, instant now)
{
	write_open(writer, '{');
	write_member(writer, "ticket", ticket->id);
	write_member_int(writer, "revision", revision);
	write_member(writer, "kind", ticket->kind);
	write_member(writer, "state", state_name(ticket->state));
	write_member_instant(writer, "at", at);
	write_member_instant(writer, "decided_at", now);
	write_key(writer, "policy");
	write_open(writer, '{');
	write_member(writer, "id", ticket->policies[0].id);
	write_member_int(writer, "version", ticket->policies[0].version);
	write_close(writer, '}');
}

static struct str words_of_array(const struct doc *doc, uint32_t array, struct arena *arena)
{
	struct str text = STR_NONE;
	for (uint32_t node = doc_first(doc, array); node; node = doc_next(doc, array, node)) {
		struct str word = doc_string(doc, node, arena);
		text = text.p ? str_format(arena, "%.*s %.*s", STR_ARG(text), STR_ARG(word)) : word;
	}
	return text;
}

static void data_merge(struct batch *batch, struct ticket *ticket, const struct doc *doc, const char *const *except)
{
	struct doc base = { 0 };
	struct fault ignored = FAULT_NONE;
	struct str data = ticket->data.p ? ticket->data : STR("{}");
	if (doc_parse(&base, data, batch->arena, &ignored))
		return;
	struct buf merged = { 0 };
	struct writer writer = { .buf = &merged };
	write_merged(&writer, &base, 0, doc, 0, except);
	ticket->data = str_copy(batch->arena, buf_view(&merged));
	buf_done(&merged);
}

const char *const ticket_resolved_members[] = { "cause_code", "charge", NULL };

struct str ticket_data_with(struct str data, const struct doc *doc, const char *const *names, struct arena *arena)
{
	struct buf text cleanup(buf_done) = { 0 }, merged cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };
	struct doc base = { 0 }, part = { 0 };
	struct fault ignored = FAULT_NONE;
	size_t found = 0;

	write_open(&writer, '{');
	for (; *names; names++) {
		uint32_t node = doc_member(doc, 0, str_of(*names));

		if (node == 0)
			continue;
		write_key(&writer, *names);
		write_raw(&writer, doc_raw(doc, node));
		found++;
	}
	write_close(&writer, '}');
	if (found == 0 || doc_parse(&part, buf_view(&text), arena, &ignored) != OK ||
	    doc_parse(&base, data.n > 0 ? data : STR("{}"), arena, &ignored) != OK)
		return data;
	writer = (struct writer){ .buf = &merged };
	write_merged(&writer, &base, 0, &part, 0, NULL);
	return str_copy(arena, buf_view(&merged));
}

static void policies_read(struct ticket *ticket, const struct doc *doc, struct arena *arena)
{
	uint32_t list = doc_member(doc, 0, STR("policies"));
	ticket->policy_count = 0;
	for (uint32_t node = doc_first(doc, list); node && ticket->policy_count < TICKET_POLICIES_MAX;
	     node = doc_next(doc, list, node)) {
		int64_t version = 0;
		doc_int64(doc, doc_member(doc, node, STR("version")), &version);
		ticket->policies[ticket->policy_count++] =
			(struct policy_ref){ doc_string(doc, doc_member(doc, node, STR("id")), arena), (int32_t)version };
	}
}

static void apply_member(struct str *field, const struct doc *doc, const char *name, struct arena *arena)
{
	struct str value = doc_get(doc, name, arena);
	if (value.p)
		*field = value;
}

/* A priority may be a number. */
static void apply_priority(struct ticket *ticket, const struct doc *doc, struct arena *arena)
{
	uint32_t node = doc_member(doc, 0, STR("priority"));
	if (node && doc_type(doc, node) == DOC_NUMBER)
		ticket->priority = doc_raw(doc, node);
	else
		apply_member(&ticket->priority, doc, "priority", arena);
}

static void apply_registered(struct batch *batch, struct ticket *ticket, const struct item *item)
{
	const struct event *event = &item->event;
	const struct doc *doc = &event->doc;
	struct arena *arena = batch->arena;
	int64_t lifecycle = 0;
	ticket->known = true;
	ticket->received_at = doc_instant(doc, doc_member(doc, 0, STR("received_at")));
	ticket->severity = doc_get(doc, "severity", arena);
	ticket->mode = doc_get(doc, "mode", arena);
	ticket->channel = doc_get(doc, "channel", arena);
	apply_priority(ticket, doc, arena);
	static const char *const customers[] = { "customer.id", "customer.phone", "customer.email" };
	for (size_t i = 0; i < array_count(customers) && !ticket->customer.p; i++)
		ticket->customer = doc_get(doc, customers[i], arena);
	ticket->missing = words_of_array(doc, doc_member(doc, 0, STR("missing")), arena);
	policies_read(ticket, doc, arena);
	doc_int64(doc, doc_member(doc, 0, STR("lifecycle")), &lifecycle);
	ticket->lifecycle = (int32_t)lifecycle;
	ticket->cause_id = event->cause_id;
	ticket->cause_source = event->cause_source;
	ticket->traceparent = event->traceparent;
	ticket->tracestate = event->tracestate;
	data_merge(batch, ticket, doc, registered_members);
}

static void apply_flag(struct ticket *ticket, struct str flag, struct arena *arena)
{
	for (struct str rest = ticket->flags; rest.p;) {
		if (str_eq(str_cut(&rest, ' '), flag))
			return;
	}
	ticket->flags = ticket->flags.n ? str_format(arena, "%.*s %.*s", STR_ARG(ticket->flags), STR_ARG(flag)) : flag;
}

/* The facts that change more than state and revision. */
static void apply_named(struct batch *batch, struct ticket *ticket, const struct item *item, struct str name)
{
	static const char *const graded[] = { "ticket", "request", "revision", "state", "at", "decided_at", "policy", "by", "note",
					      "backdated_s", NULL };
	const struct doc *doc = &item->event.doc;
	struct arena *arena = batch->arena;
	if (str_is(name, "ticket.incomplete") || str_is(name, "ticket.supplemented")) {
		if (str_is(name, "ticket.supplemented"))
			data_merge(batch, ticket, doc, supplemented_members);
		ticket->missing = words_of_array(doc, doc_member(doc, 0, STR("missing")), arena);
		apply_member(&ticket->severity, doc, "severity", arena);
		apply_member(&ticket->mode, doc, "mode", arena);
	} else if (str_is(name, "ticket.classified")) {
		data_merge(batch, ticket, doc, graded);
		apply_member(&ticket->severity, doc, "severity", arena);
		apply_priority(ticket, doc, arena);
	} else if (str_is(name, "ticket.mode_chosen")) {
		apply_member(&ticket->mode, doc, "mode", arena);
	} else if (str_is(name, "ticket.assigned") || str_is(name, "ticket.owner_changed")) {
		apply_member(&ticket->owner, doc, "to", arena);
		ticket->owner_role = doc_get(doc, "role", arena);
		apply_priority(ticket, doc, arena);
		/* A handover leaves the clocks as they are. */
		if (str_is(name, "ticket.assigned"))
			ticket->assigned_at = item->event.time;
		ticket->unassignable = false;
	} else if (str_is(name, "ticket.priority_changed")) {
		apply_priority(ticket, doc, arena);
	} else if (str_is(name, "ticket.flagged")) {
		ticket->flags = words_of_array(doc, doc_member(doc, 0, STR("flags")), arena);
	} else if (str_is(name, "ticket.escalated")) {
		apply_flag(ticket, STR("escalated"), arena);
	} else if (str_is(name, "ticket.unassignable")) {
		ticket->unassignable = true;
	} else if (str_is(name, "ticket.resolved")) {
		ticket->resolved_at = item->event.time;
		ticket->data = ticket_data_with(ticket->data, doc, ticket_resolved_members, arena);
	} else if (str_is(name, "ticket.reopened")) {
		int64_t count = ticket->reopened + 1;
		doc_int64(doc, doc_member(doc, 0, STR("count")), &count);
		ticket->reopened = (int32_t)count;
		ticket->resolved_at = INSTANT_NONE;
		ticket->closed_at = INSTANT_NONE;
	} else if (str_is(name, "ticket.closed")) {
		ticket->closed_at = item->event.time;
	}
}

void ticket_apply(struct batch *batch, struct ticket *ticket, const struct item *item)
{
	struct str name = item->event.name;
	const struct doc *doc = &item->event.doc;
	if (!str_starts(name, STR("ticket.")) || doc->count == 0)
		return;
	enum state state = state_of(doc_get(doc, "state", batch->arena));
	int64_t revision = ticket->revision;
	doc_int64(doc, doc_member(doc, 0, STR("revision")), &revision);
	if (str_is(name, "ticket.registered"))
		apply_registered(batch, ticket, item);
	else
		apply_named(batch, ticket, item, name);
	apply_member(&ticket->kind, doc, "kind", batch->arena);
	if (state != STATE_NONE)
		ticket->state = state;
	ticket->revision = (int32_t)revision;
	ticket->changed = true;
}
