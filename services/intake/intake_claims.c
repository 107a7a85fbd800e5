/* A batch of claims from the inbound and staff topics: decode, load, decide one after the other, save, emit.
 *
 * A request becomes a ticket, a claim about a ticket is copied into its lane, everything else is copied to the desk. What
 * an earlier claim of the batch has done counts for the later ones. Must never touch rows but through the store. */
#include "services/intake/intake.h"

#include <string.h>

struct flow {
	struct intake *intake;
	struct batch *batch;
	const struct lifecycle *lifecycle;
	struct memory memory;
	struct changes changes;
	const struct strings *missing[INTAKE_MISSING_MAX];
};

static enum outcome refuse(struct fault *fault, enum reason reason, const char *text)
{
	(void)fault_reject(fault, reason, "%s", text);
	return REFUSED;
}

/* Whether there is a ticket of this id, and, where the claim names it by its origin, of that origin. */
static bool ticket_known(const struct memory *memory, const struct claim *claim, struct str id)
{
	const uint32_t *named = intake_table_find(&memory->tickets, id);

	return named && (!claim->by_origin ||
			 memcmp(&memory->known[*named].ident, &claim->origin, sizeof(claim->origin)) == 0);
}

static struct standing standing_of(const struct memory *memory, const struct claim *claim)
{
	struct standing standing = { 0 };
	const uint32_t *own = intake_table_find(&memory->tickets, str_of(claim->own));

	standing.seen = intake_table_find(&memory->seen, (struct str){ (const char *)claim->ident.bytes, IDENT_BYTES }) != NULL;
	if (own) {
		bool same = memcmp(&memory->known[*own].ident, &claim->ident, sizeof(claim->ident)) == 0;

		standing.seen = standing.seen || same;
		standing.id_taken = !same && claim->type->about == ABOUT_REQUEST;
	}
	standing.ticket_known = claim->about_ticket && ticket_known(memory, claim, claim->id);
	return standing;
}

static void remember_ticket(struct flow *flow, struct claim *claim, const struct ticket *ticket)
{
	struct memory *memory = &flow->memory;
	struct known_ticket *known = &memory->known[memory->known_count];
	const uint32_t *customer = intake_table_find(&memory->customers, ticket->customer);

	*known = (struct known_ticket){ claim->id, claim->ident };
	intake_table_put(&memory->tickets, claim->id, (uint32_t)memory->known_count++);
	if (customer && memory->customer[*customer].count < INTAKE_RELATED_MAX) {
		struct related *related = arena_alloc(flow->batch->arena, sizeof(*related));

		*related = (struct related){ claim->id, memory->customer[*customer].tickets };
		memory->customer[*customer].tickets = related;
		memory->customer[*customer].count++;
	}
	flow->changes.tickets[flow->changes.ticket_count++] = (struct ticket_row){
		.ticket = claim->id,
		.ident = { (const char *)claim->ident.bytes, IDENT_BYTES },
		.customer = ticket->customer,
		.lane = ticket->lane,
	};
}

static void remember_claim(struct flow *flow, struct claim *claim)
{
	struct str ident = { (const char *)claim->ident.bytes, IDENT_BYTES };

	intake_table_put(&flow->memory.seen, ident, 1);
	flow->changes.idents[flow->changes.ident_count++] = ident;
}

/* ---- a request becomes a ticket ---- */

static void emit_fact(struct flow *flow, struct claim *claim, const struct ticket *ticket, const char *name, instant at,
		      int32_t revision)
{
	struct outgoing outgoing = {
		.topic = TOPIC_TICKETS,
		.partition = ticket->lane,
		.key = ticket->id,
		.subject = ticket->id,
		.source = STR("aftercare/intake"),
		.name = str_of(name),
		.at = at,
		.arrived = INSTANT_NONE,
		.revision = revision,
		.body = str_copy(flow->batch->arena, buf_view(&flow->intake->body)),
	};

	batch_emit(flow->batch, claim->item, &outgoing);
}

static void emit_ticket(struct flow *flow, struct claim *claim, struct registration *registration)
{
	const struct ticket *ticket = registration->ticket;
	const uint32_t *customer = intake_table_find(&flow->memory.customers, ticket->customer);
	struct batch *batch = flow->batch;

	if (customer)
		registration->related = flow->memory.customer[*customer].tickets;
	buf_clear(&flow->intake->body);
	intake_encode_registered(&flow->intake->body, registration, claim->item, batch->now, batch->arena);
	emit_fact(flow, claim, ticket, "ticket.registered", ticket->received_at, 1);
	if (registration->missing_count == 0)
		return;
	buf_clear(&flow->intake->body);
	intake_encode_incomplete(&flow->intake->body, registration, batch->now, batch->arena);
	emit_fact(flow, claim, ticket, "ticket.incomplete", batch->now, 2);
}

static const struct installation *find_owner(const struct flow *flow, const struct request *request)
{
	const struct memory *memory = &flow->memory;
	const uint32_t *places[] = {
		intake_table_find(&memory->by_id, request->installation),
		intake_table_find(&memory->by_serial, request->serial_no),
		memory->by_model.slots ?
			intake_table_find(&memory->by_model, intake_model_key(request, flow->batch->arena)) : NULL,
	};
	const struct installation *found[array_count(places)];

	for (size_t i = 0; i < array_count(places); i++)
		found[i] = places[i] ? &memory->installations[*places[i]] : NULL;
	return installation_owned(request->customer_id, found[0], found[1], found[2]);
}

static const struct profile *find_profile(const struct flow *flow, const struct request *request)
{
	const struct memory *memory = &flow->memory;
	const uint32_t *place = memory->profiles.slots ? intake_table_find(&memory->profiles, request->customer_id) : NULL;

	return place ? &memory->profile[*place] : NULL;
}

/* The policies of a ticket as it stands; *ret_vector is what they were chosen by. */
static size_t in_force(const struct flow *flow, const struct claim *claim, const struct ticket *ticket,
		       const struct registration *registration, const struct policy **ret_policies, struct value **ret_vector)
{
	struct knowledge *knowledge = flow->intake->knowledge;
	const struct attributes *attributes = knowledge_attributes(knowledge);

	*ret_vector = arena_copy(flow->batch->arena, knowledge_vector(knowledge, flow->batch, ticket, claim->item, NULL),
				 (attributes->count + 1) * sizeof(**ret_vector));
	findings_lay(registration->findings, attributes, *ret_vector);
	if (registration->profile)
		intake_profile_lay(registration->profile, attributes, *ret_vector);
	return knowledge_in_force(knowledge, ticket->received_at, *ret_vector, flow->batch->now, ret_policies);
}

static void fill_ticket(const struct flow *flow, const struct claim *claim, struct ticket *ticket)
{
	const struct event *event = &claim->item->event;
	const struct request *request = claim->request;

	*ticket = (struct ticket){
		.id = claim->id,
		.lane = worker_lane(flow->batch->worker, claim->id),
		.known = true,
		.revision = 1,
		.state = STATE_RECEIVED,
		.received_at = intake_arrived(event->time, flow->batch->now),
		.waiting_since = INSTANT_NONE,
		.resolved_at = INSTANT_NONE,
		.closed_at = INSTANT_NONE,
		.assigned_at = INSTANT_NONE,
		.severity = request->severity,
		.mode = request->mode,
		.priority = request->priority,
		.channel = request->channel,
		.customer = intake_customer_key(request),
		.lifecycle = flow->lifecycle->version,
		.data = event->data,
		.cause_id = event->id,
		.cause_source = event->source,
		.traceparent = event->traceparent,
		.tracestate = event->tracestate,
	};
}

static enum outcome open_ticket(struct flow *flow, struct claim *claim, struct fault *fault)
{
	const struct policy *policies[TICKET_POLICIES_MAX];
	const struct request *request = claim->request;
	struct value *vector;
	struct ticket ticket;
	struct findings findings = { 0 };
	struct registration registration = { .ticket = &ticket, .findings = &findings, .missing = flow->missing, .written = flow->intake->written };
	struct str kind;
	size_t count;

	if (!flow->lifecycle)
		return refuse(fault, REASON_POLICY_MISSING, "no lifecycle is loaded yet");
	fill_ticket(flow, claim, &ticket);
	findings.installation = find_owner(flow, request);
	ticket.kind = intake_kind(request->kind, flow->lifecycle, NULL, 0, &registration.kind_unknown);
	registration.profile = find_profile(flow, request);
	if (registration.profile)
		registration.written = flow->intake->written_profile;
	count = in_force(flow, claim, &ticket, &registration, policies, &vector);
	kind = intake_kind(request->kind, flow->lifecycle, policies, count, &registration.kind_unknown);
	if (registration.kind_unknown && count > 0 && !str_eq(kind, ticket.kind)) {
		ticket.kind = kind;
		count = in_force(flow, claim, &ticket, &registration, policies, &vector);
	}
	if (!intake_channel_open(request->channel, flow->lifecycle, policies, count)) {
		(void)fault_reject(fault, REASON_CHANNEL_UNKNOWN, "at /channel: %.*s is no channel that is open here",
				   STR_ARG(intake_quotable(request->channel)));
		return REFUSED;
	}
	if (count == 0)
		return refuse(fault, REASON_POLICY_MISSING, "no policy in force at that time matches the request");
	for (size_t i = 0; i < count; i++)
		ticket.policies[i] = (struct policy_ref){ policies[i]->id, policies[i]->version };
	ticket.policy_count = count;
	findings_judge(&findings, policies, count, knowledge_attributes(flow->intake->knowledge), vector, ticket.received_at,
		       flow->batch->now);
	registration.missing_count = intake_missing(policies, count, vector, &claim->item->event.doc, flow->batch->now,
						    flow->missing);
	emit_ticket(flow, claim, &registration);
	remember_ticket(flow, claim, &ticket);
	return TAKEN;
}

/* ---- a version becomes usable ---- */

/* The directory's role counts when the person is known. */
static struct str role_of(const struct flow *flow, struct str id, struct str role)
{
	const struct directory *people = knowledge_directory(flow->intake->knowledge);
	const struct person *person = id.p && people ? directory_person(people, id) : NULL;

	return person ? person->role : role;
}

static enum outcome approve(struct flow *flow, struct claim *claim, struct fault *fault)
{
	struct approval *approval = claim->approval;
	instant at = intake_arrived(claim->item->event.time, flow->batch->now);
	struct approval_row row = { approval->policy, approval->by, (int32_t)approval->version, INSTANT_NONE, at };
	struct outgoing outgoing = { .topic = TOPIC_DESK, .partition = -1, .key = approval->policy, .subject = approval->policy,
				     .name = STR("policy.effective"), .at = at, .arrived = INSTANT_NONE };
	struct changes *changes = &flow->changes;
	size_t place = 0;

	if (approval->day_wrong)
		return refuse(fault, REASON_SCHEMA_INVALID, "at /effective_from: neither a date nor a time with zone");
	if (!intake_permitted(claim->type->name, role_of(flow, approval->by, approval->role), flow->lifecycle, "general_manager"))
		return refuse(fault, REASON_FORBIDDEN, "at /by: this role may not approve policies");
	if (!approval->state.p)
		return refuse(fault, REASON_POLICY_MISSING, "at /version: no such version of this policy is loaded");
	if (str_is(approval->state, "abolished"))
		return refuse(fault, REASON_ILLEGAL_TRANSITION, "the version is abolished; nothing leads back from there: load the "
			      "text as a new version");
	if (approval->unreviewed)
		return refuse(fault, REASON_ILLEGAL_TRANSITION, "the draft has not been reviewed, and its regulation names more than one who "
			      "approves it: aftercarectl policy review comes first");
	row.effective_from = approval->effective_from;
	/* A set may name a row once: of two approvals of one version in a batch the later one counts. */
	while (place < changes->approval_count && !(changes->approvals[place].version == row.version &&
						    str_eq(changes->approvals[place].policy, row.policy)))
		place++;
	changes->approvals[place] = row;
	changes->approval_count += place == changes->approval_count;
	intake_emit_copy(flow->batch, claim);
	buf_clear(&flow->intake->body);
	intake_encode_effective(&flow->intake->body, approval, at, flow->batch->now);
	outgoing.body = str_copy(flow->batch->arena, buf_view(&flow->intake->body));
	batch_emit(flow->batch, claim->item, &outgoing);
	return TAKEN;
}

/* ---- a call ---- */

/* Every call is logged, also one that nothing came of (C009). */
static void log_call(struct flow *flow, struct claim *claim)
{
	instant at = intake_arrived(claim->item->event.time, flow->batch->now);
	struct str ticket = ticket_known(&flow->memory, claim, claim->mentioned) ? claim->mentioned : STR_NONE;
	struct outgoing outgoing = { .topic = TOPIC_DESK, .partition = -1, .key = claim->id, .subject = claim->id,
				     .name = STR("call.logged"), .at = at, .arrived = INSTANT_NONE };

	intake_emit_copy(flow->batch, claim);
	buf_clear(&flow->intake->body);
	intake_encode_call(&flow->intake->body, claim, ticket, at, flow->batch->now, flow->batch->arena);
	outgoing.body = str_copy(flow->batch->arena, buf_view(&flow->intake->body));
	batch_emit(flow->batch, claim->item, &outgoing);
}

/* ---- the batch ---- */

/* Also a customer's later word comes by a channel. The policies its ticket has pinned are routing's; here it is enough
 * that some general policy knows the code. */
static bool message_channel_open(struct flow *flow, struct claim *claim)
{
	const struct event *event = &claim->item->event;
	const struct policy *policies[TICKET_POLICIES_MAX];
	struct ticket ticket = { .id = claim->id, .received_at = flow->batch->now };
	struct str channel = doc_get(&event->doc, "channel", flow->batch->arena);
	const struct findings nothing = { 0 };
	const struct registration unknown = { .ticket = &ticket, .findings = &nothing };
	struct value *vector;
	size_t count;

	if (!channel.p || !flow->lifecycle || !str_is(str_of(flow->batch->topic), TOPIC_INBOUND) ||
	    strings_contain(flow->lifecycle->channels, channel))
		return true;
	count = in_force(flow, claim, &ticket, &unknown, policies, &vector);
	return intake_channel_open(channel, flow->lifecycle, policies, count);
}

static enum outcome take(struct flow *flow, struct claim *claim, struct fault *fault)
{
	struct standing standing = standing_of(&flow->memory, claim);
	enum outcome outcome = intake_admit(claim->about_ticket, claim->id, &standing, claim->item->event.time,
					    flow->batch->now, fault);

	if (outcome != TAKEN)
		return outcome;
	switch (claim->type->about) {
	case ABOUT_REQUEST:
		return open_ticket(flow, claim, fault);
	case ABOUT_TICKET:
		if (!message_channel_open(flow, claim))
			return refuse(fault, REASON_CHANNEL_UNKNOWN, "at /channel: no channel that is open here");
		intake_emit_copy(flow->batch, claim);
		break;
	case ABOUT_CALL:
		log_call(flow, claim);
		break;
	case ABOUT_POLICY:
		outcome = approve(flow, claim, fault);
		break;
	case ABOUT_THING:
		/* Who may say what of a ticket is routing's to judge; of what concerns none, the door's. */
		if (str_is(claim->type->topic, TOPIC_STAFF) &&
		    !intake_permitted(claim->type->name, role_of(flow, claim->by, claim->role), flow->lifecycle, NULL))
			return refuse(fault, REASON_FORBIDDEN, "at /by: this role may not say this");
		intake_emit_copy(flow->batch, claim);
		break;
	case ABOUT_EITHER:
	case ABOUT_ENTITY:
	case ABOUT_PRESENCE:
	case ABOUT_PERSON:
	case ABOUT_MAX:
		intake_emit_copy(flow->batch, claim);
		break;
	}
	if (outcome == TAKEN)
		remember_claim(flow, claim);
	return outcome;
}

static size_t decode(struct intake *intake, struct batch *batch, struct claim *claims, bool *ret_approvals,
		     bool *ret_people)
{
	size_t count = 0;

	*ret_approvals = *ret_people = false;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (item->refused)
			continue;
		claims[count] = (struct claim){ 0 };
		intake_decode(&claims[count], item, intake_type(intake, item->event.name, batch->arena), worker_lanes(batch->worker), batch->arena);
		*ret_approvals = *ret_approvals || claims[count].approval;
		*ret_people = *ret_people || claims[count].approval || claims[count].by.p;
		count++;
	}
	return count;
}

static enum verdict look_for_customers(struct intake *intake, struct batch *batch, struct fault *fault)
{
	const struct db_result *rows;
	enum verdict verdict;

	if (knowledge_things(intake->knowledge) == intake->customers_at)
		return OK;
	verdict = db_run(batch->db, "intake_any_customer", NULL, &rows, fault);
	if (verdict != OK)
		return verdict;
	intake->customers = db_get_bool(rows, 0, 0);
	intake->customers_at = knowledge_things(intake->knowledge);
	return OK;
}

enum verdict intake_claims(struct intake *intake, struct batch *batch, struct fault *fault)
{
	struct flow flow = { .intake = intake, .batch = batch };
	struct fault why = FAULT_NONE;
	struct claim *claims = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*claims));
	bool approvals, people;
	size_t count = decode(intake, batch, claims, &approvals, &people);
	enum verdict verdict;

	if (count == 0)
		return OK;
	/* People matter only for who may say what of the desk. */
	verdict = knowledge_refresh(intake->knowledge, batch, people, fault);
	if (verdict == OK)
		verdict = knowledge_lifecycle(intake->knowledge, batch, 0, &flow.lifecycle, fault);
	if (verdict == OK)
		verdict = look_for_customers(intake, batch, fault);
	if (verdict == OK)
		verdict = intake_load(batch, claims, count, intake->customers, &flow.memory, fault);
	if (verdict != OK)
		return verdict;
	flow.changes.tickets = arena_alloc(batch->arena, count * sizeof(*flow.changes.tickets));
	flow.changes.idents = arena_alloc(batch->arena, count * sizeof(*flow.changes.idents));
	flow.changes.approvals = approvals ? arena_alloc(batch->arena, count * sizeof(*flow.changes.approvals)) : NULL;
	for (size_t i = 0; i < count; i++) {
		switch (take(&flow, &claims[i], &why)) {
		case TAKEN:
			break;
		case REPEATED:
			batch_repeat(batch, claims[i].item);
			break;
		case REFUSED:
			batch_refuse(batch, claims[i].item, why.reason, "%s", why.text);
			why = FAULT_NONE;
			break;
		}
	}
	intake_save(batch, &flow.changes);
	return OK;
}
