/* JSON to what deciding needs, and back: claims in, copies of claims and first facts out.
 *
 * Works on the document that check has parsed; slices point into the record. Must never parse again, and never quote data
 * into an error. */
#include "services/intake/intake.h"

#include <string.h>

#include "common/worker/ticket.h"

/* The empty string says as little as none at all. */
static struct str member(const struct doc *doc, uint32_t object, struct str name, struct arena *arena)
{
	struct str text = doc_string(doc, doc_member(doc, object, name), arena);

	return text.n > 0 ? text : STR_NONE;
}

bool intake_deletes(const struct event *event)
{
	return !event->data.p || event->data.n == 0 || (event->doc.count > 0 && doc_type(&event->doc, 0) == DOC_NULL);
}

/* ---- in ---- */

static struct request *decode_request(const struct doc *doc, struct arena *arena)
{
	struct request *request = arena_zero(arena, sizeof(*request));
	uint32_t customer = doc_member(doc, 0, STR("customer")), product = doc_member(doc, 0, STR("product"));

	request->channel = member(doc, 0, STR("channel"), arena);
	request->kind = member(doc, 0, STR("kind"), arena);
	request->severity = member(doc, 0, STR("severity"), arena);
	request->mode = member(doc, 0, STR("mode"), arena);
	request->priority = member(doc, 0, STR("priority"), arena);
	if (customer > 0) {
		request->customer_id = member(doc, customer, STR("id"), arena);
		request->phone = member(doc, customer, STR("phone"), arena);
		request->email = member(doc, customer, STR("email"), arena);
	}
	if (product > 0) {
		request->installation = member(doc, product, STR("installation"), arena);
		request->serial_no = member(doc, product, STR("serial_no"), arena);
		request->model = member(doc, product, STR("model"), arena);
	}
	return request;
}

static void decode_by(const struct doc *doc, struct str *ret_id, struct str *ret_role, struct arena *arena)
{
	uint32_t by = doc_member(doc, 0, STR("by"));

	if (by == 0)
		return;
	*ret_id = member(doc, by, STR("id"), arena);
	*ret_role = member(doc, by, STR("role"), arena);
}

static struct approval *decode_approval(const struct doc *doc, struct arena *arena)
{
	struct approval *approval = arena_zero(arena, sizeof(*approval));
	uint32_t from = doc_member(doc, 0, STR("effective_from"));

	approval->policy = member(doc, 0, STR("policy"), arena);
	if (!doc_int64(doc, doc_member(doc, 0, STR("version")), &approval->version))
		approval->version = -1;
	decode_by(doc, &approval->by, &approval->role, arena);
	approval->effective_from = doc_instant(doc, from);
	if (approval->effective_from == INSTANT_NONE && from > 0 && doc_type(doc, from) != DOC_NULL) {
		instant midnight;

		approval->day = doc_string(doc, from, arena);
		approval->day_wrong = !instant_parse(str_format(arena, "%.*sT00:00:00Z", STR_ARG(approval->day)), &midnight);
	}
	return approval;
}

/* "E017" of the message "E017.m3": a report goes where its message is kept. */
static struct str thing_of_message(struct str message)
{
	size_t n = message.n;

	while (n > 0 && message.p[n - 1] >= '0' && message.p[n - 1] <= '9')
		n--;
	if (n == message.n || n < 3 || message.p[n - 1] != 'm' || message.p[n - 2] != '.')
		return message;
	return (struct str){ message.p, n - 2 };
}

static struct str thing_member(const struct event *event, struct str name, struct arena *arena)
{
	uint32_t node = name.p ? doc_member(&event->doc, 0, name) : 0;

	return node > 0 && doc_type(&event->doc, node) == DOC_NUMBER ? doc_raw(&event->doc, node) :
		node > 0 ? member(&event->doc, 0, name, arena) : STR_NONE;
}

/* The thing's id as its schema names it, else that of the thing in whose lane it belongs, else what the sender calls the
 * subject, else the event itself: a key is needed. */
static struct str thing_id(const struct claim_type *type, const struct event *event, struct arena *arena)
{
	struct str key = event->record.key.p ? event->record.key : event->subject, id, names = type->member;

	if (type->prefix.p && intake_deletes(event)) {
		(void)str_cut(&key, ':');
		/* "leave:E017:7" is a thing of E017, but an id in the directory may hold a colon itself. */
		return type->about == ABOUT_ENTITY ? key : str_cut(&key, ':');
	}
	while (names.p) {
		id = thing_member(event, str_cut(&names, '|'), arena);
		if (id.p)
			return id;
	}
	id = thing_member(event, type->lane_of, arena);
	if (id.p)
		return id;
	return event->subject.p && event->subject.n > 0 ? event->subject : event->id;
}

static void name_origin(struct claim *claim, const struct doc *doc, uint32_t request, int32_t lanes, struct arena *arena)
{
	char *text = arena_alloc(arena, IDENT_TICKET);
	struct str id = member(doc, request, STR("id"), arena);

	claim->origin = ident_claim(member(doc, request, STR("source"), arena), id);
	claim->by_origin = true;
	claim->id = ident_ticket(&claim->origin, id, lanes, text);
}

/* A call is a thing of the desk also where it names a ticket. */
static void name_mentioned(struct claim *claim, int32_t lanes, struct arena *arena)
{
	const struct doc *doc = &claim->item->event.doc;
	uint32_t request = doc_member(doc, 0, STR("request"));

	claim->mentioned = member(doc, 0, STR("ticket"), arena);
	if (!claim->mentioned.p && request > 0 && doc_type(doc, request) == DOC_OBJECT) {
		name_origin(claim, doc, request, lanes, arena);
		claim->mentioned = claim->id;
	}
	claim->id = thing_id(claim->type, &claim->item->event, arena);
}

static void name_ticket(struct claim *claim, int32_t lanes, struct arena *arena)
{
	const struct event *event = &claim->item->event;
	const struct doc *doc = &event->doc;
	bool either = claim->type->about == ABOUT_EITHER;
	uint32_t request = doc_member(doc, 0, STR("request"));

	claim->about_ticket = true;
	claim->id = member(doc, 0, STR("ticket"), arena);
	/* Where a ticket need not be named, the subject may as well be the thing's id. */
	if (!claim->id.p && event->subject.n > 0 && (!either || str_starts(event->subject, STR("AC-"))))
		claim->id = event->subject;
	if (!claim->id.p && doc_type(doc, request) == DOC_OBJECT && request > 0)
		name_origin(claim, doc, request, lanes, arena);
	if (claim->id.p || !either)
		return;
	claim->id = intake_ticket_prefix(member(doc, 0, claim->type->member, arena));
	if (claim->id.p)
		return;
	claim->about_ticket = false;
	claim->id = thing_id(claim->type, event, arena);
	if (str_starts(event->name, STR("message.")))
		claim->id = thing_of_message(claim->id);
}

void intake_decode(struct claim *claim, struct item *item, const struct claim_type *type, int32_t lanes, struct arena *arena)
{
	const struct event *event = &item->event;

	claim->item = item;
	claim->type = type;
	claim->ident = ident_claim(event->source, event->id);
	(void)ident_ticket(&claim->ident, event->id, lanes, claim->own);
	switch (type->about) {
	case ABOUT_REQUEST:
		claim->id = str_of(claim->own);
		claim->request = decode_request(&event->doc, arena);
		break;
	case ABOUT_TICKET:
	case ABOUT_EITHER:
		name_ticket(claim, lanes, arena);
		break;
	case ABOUT_POLICY:
		claim->approval = decode_approval(&event->doc, arena);
		claim->id = thing_id(type, event, arena);
		break;
	case ABOUT_THING:
		if (str_is(type->topic, TOPIC_STAFF))
			decode_by(&event->doc, &claim->by, &claim->role, arena);
		claim->id = thing_id(type, event, arena);
		break;
	case ABOUT_CALL:
		name_mentioned(claim, lanes, arena);
		break;
	case ABOUT_ENTITY:
	case ABOUT_PRESENCE:
	case ABOUT_PERSON:
		claim->id = thing_id(type, event, arena);
		break;
	case ABOUT_MAX:
		break;
	}
}

/* ---- out ---- */

const char *const *intake_written_members(const char *also)
{
	static const char *const ours[] = { "received_at", "severity", "entitlement", "review", "installation", "charge",
		"missing", "related", "policies", "lifecycle", "kind_given", "needs_classification" };
	size_t base = 0;
	const char **names;

	while (ticket_fact_members[base])
		base++;
	names = mem_zero((base + array_count(ours) + 2) * sizeof(*names));
	memcpy(names, ticket_fact_members, base * sizeof(*names));
	memcpy(names + base, ours, sizeof(ours));
	names[base + array_count(ours)] = also;
	return names;
}

/* "customer.phone|customer.email" */
static struct str alternatives(const struct strings *field, struct arena *arena)
{
	size_t n = 0;
	char *text, *p;

	for (size_t i = 0; i < field->count; i++)
		n += field->items[i].n + 1;
	p = text = arena_alloc(arena, n + 1);
	for (size_t i = 0; i < field->count; i++) {
		if (i > 0)
			*p++ = '|';
		memcpy(p, field->items[i].p, field->items[i].n);
		p += field->items[i].n;
	}
	return (struct str){ text, (size_t)(p - text) };
}

static void write_missing(struct writer *writer, const struct registration *registration, struct arena *arena)
{
	write_key(writer, "missing");
	write_open(writer, '[');
	for (size_t i = 0; i < registration->missing_count; i++)
		write_string(writer, alternatives(registration->missing[i], arena));
	write_close(writer, ']');
}

static void write_policies(struct writer *writer, const struct ticket *ticket)
{
	write_key(writer, "policies");
	write_open(writer, '[');
	for (size_t i = 0; i < ticket->policy_count; i++) {
		write_open(writer, '{');
		write_member(writer, "id", ticket->policies[i].id);
		write_member_int(writer, "version", ticket->policies[i].version);
		write_close(writer, '}');
	}
	write_close(writer, ']');
	write_member_int(writer, "lifecycle", ticket->lifecycle);
}

void intake_encode_registered(struct buf *buf, const struct registration *registration, const struct item *item, instant now,
			      struct arena *arena)
{
	const struct ticket *ticket = registration->ticket;
	struct writer writer = { .buf = buf };

	ticket_fact_open(&writer, ticket, 1, ticket->received_at, now);
	write_member_instant(&writer, "received_at", ticket->received_at);
	write_member_if(&writer, "severity", ticket->severity);
	findings_write(&writer, registration->findings, false);
	write_missing(&writer, registration, arena);
	write_key(&writer, "related");
	write_open(&writer, '[');
	for (const struct related *related = registration->related; related; related = related->next)
		write_string(&writer, related->ticket);
	write_close(&writer, ']');
	write_policies(&writer, ticket);
	if (registration->kind_unknown) {
		write_member(&writer, "kind_given", doc_get(&item->event.doc, "kind", arena));
		write_member_bool(&writer, "needs_classification", true);
	}
	if (registration->profile)
		intake_profile_write(&writer, registration->profile, &item->event.doc);
	write_members_of(&writer, &item->event.doc, 0, registration->written);
	write_close(&writer, '}');
}

void intake_encode_incomplete(struct buf *buf, const struct registration *registration, instant now, struct arena *arena)
{
	struct ticket ticket = *registration->ticket;
	struct writer writer = { .buf = buf };

	ticket.state = STATE_INCOMPLETE;
	/* The system finds this out by itself, so it happens when it is decided. */
	ticket_fact_open(&writer, &ticket, 2, now, now);
	write_missing(&writer, registration, arena);
	write_close(&writer, '}');
}

void intake_encode_call(struct buf *buf, const struct claim *claim, struct str ticket, instant at, instant now,
			struct arena *arena)
{
	struct writer writer = { .buf = buf };
	struct str given = member(&claim->item->event.doc, 0, STR("outcome"), arena);

	write_open(&writer, '{');
	write_member(&writer, "call", claim->id);
	write_member(&writer, "outcome", intake_call_outcome(claim->type->name, given, ticket.p));
	write_key(&writer, "ticket");
	if (ticket.p)
		write_string(&writer, ticket);
	else
		write_raw(&writer, STR("null"));
	write_member_instant(&writer, "at", at);
	write_member_instant(&writer, "decided_at", now);
	write_close(&writer, '}');
}

void intake_encode_effective(struct buf *buf, const struct approval *approval, instant at, instant now)
{
	struct writer writer = { .buf = buf };

	write_open(&writer, '{');
	write_member(&writer, "policy", approval->policy);
	write_member_int(&writer, "version", approval->version);
	write_member_instant(&writer, "effective_from", approval->effective_from);
	write_member(&writer, "approved_by", approval->by);
	write_member_instant(&writer, "approved_at", at);
	write_member_instant(&writer, "at", at);
	write_member_instant(&writer, "decided_at", now);
	write_close(&writer, '}');
}

/* A deletion has no bytes to copy, but readers of the desk expect an object. */
static struct str deletion_body(const struct claim *claim, struct arena *arena)
{
	struct buf text cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member(&writer, str_z(arena, claim->type->member), claim->id);
	write_member_bool(&writer, "deleted", true);
	write_close(&writer, '}');
	return str_copy(arena, buf_view(&text));
}

void intake_emit_copy(struct batch *batch, struct claim *claim)
{
	const struct event *event = &claim->item->event;
	struct str beside = claim->about_ticket ? STR_NONE : thing_member(event, claim->type->lane_of, batch->arena);
	struct outgoing outgoing = {
		.topic = claim->about_ticket ? TOPIC_TICKETS : TOPIC_DESK,
		.partition = beside.p ? worker_lane(batch->worker, beside) : -1,
		.key = claim->id,
		.subject = claim->id,
		.id = event->id,
		.source = event->source,
		.name = event->name,
		.at = event->time,
		.time_text = event->time_text,
		.traceparent = event->traceparent,
		.tracestate = event->tracestate,
		.body = intake_deletes(event) ? deletion_body(claim, batch->arena) : event->data,
		.origin = str_format(batch->arena, "%s/%d/%lld", batch->topic, (int)event->record.partition,
				     (long long)event->record.offset),
		.arrived = batch->now,
	};

	batch_emit(batch, claim->item, &outgoing);
}
