/* JSON to structs and back: facts of the log as decisions see them, notify.* facts, tasks, results of deliveries.
 *
 * notify.* facts go to aftercare.messages, where gateways read them and so need the rendered text; tasks go to the ticket
 * log. Nothing is decided here. */
#include "services/notification/notification.h"

/* Families that can cause a message or change a ticket, and the two claims by which gateways report. */
bool notification_wants(struct str name)
{
	static const char *const families[] = { "ticket.", "sla.", "survey.", "followup.", "task." };

	if (str_is(name, "message.delivered") || str_is(name, "message.failed"))
		return true;
	if (str_is(name, "survey.answered") || str_is(name, "task.done"))
		return false;
	for (size_t i = 0; i < array_count(families); i++)
		if (str_starts(name, str_of(families[i])))
			return true;
	return false;
}

/* Whatever a policy may name, and the reports about messages that concern no ticket; not the directory's masses. */
bool notification_wants_desk(struct str name)
{
	return !str_ends(name, STR(".upserted")) && !str_starts(name, STR("policy."));
}

struct notification_fact notification_decode(const struct item *item, struct arena *arena)
{
	const struct doc *doc = &item->event.doc;
	struct notification_fact fact = { .name = item->event.name };

	fact.policy = doc_get(doc, "policy.id", arena);
	if (str_starts(fact.name, STR("sla.")))
		fact.clock = doc_get(doc, "clock", arena);
	if (str_starts(fact.name, STR("survey.")) || str_starts(fact.name, STR("followup.")))
		fact.programme = doc_get(doc, "programme", arena);
	return fact;
}

/* The policy of a message is that of the rule it came from. */
/* What concerns no ticket names the thing it is about. */
static struct writer desk_open(struct notification *state, struct batch *batch, const struct ticket *thing,
			       const struct notification_message *message)
{
	struct writer writer = { .buf = &state->body };

	buf_clear(&state->body);
	write_open(&writer, '{');
	write_member(&writer, "thing", thing->id);
	write_member_instant(&writer, "at", batch->now);
	write_member_instant(&writer, "decided_at", batch->now);
	if (message->policy_version > 0) {
		write_key(&writer, "policy");
		write_open(&writer, '{');
		write_member(&writer, "id", message->policy);
		write_member_int(&writer, "version", message->policy_version);
		write_close(&writer, '}');
	}
	return writer;
}

static struct writer body_open(struct notification *state, struct batch *batch, const struct ticket *ticket,
			       const struct notification_message *message)
{
	struct writer writer = { .buf = &state->body };
	struct ticket under = *ticket;

	if (message->desk)
		return desk_open(state, batch, ticket, message);
	for (size_t i = 0; i < ticket->policy_count; i++)
		if (str_eq(ticket->policies[i].id, message->policy))
			under.policies[0] = ticket->policies[i];
	buf_clear(&state->body);
	ticket_fact_open(&writer, &under, ticket->revision, batch->now, batch->now);
	return writer;
}

static void body_send(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		      const struct notification_message *message, const char *topic, struct str name)
{
	batch_emit(batch, item, &(struct outgoing){
		.topic = topic, .partition = batch->partition, .name = name, .subject = ticket->id, .at = batch->now,
		.arrived = INSTANT_NONE, .revision = ticket->revision, .body = str_copy(batch->arena, buf_view(&state->body)),
		.cause_id = message->cause_id, .cause_source = message->cause_source,
		.traceparent = message->traceparent, .tracestate = message->tracestate,
	});
}

static const char *task_topic(const struct notification_message *message)
{
	return message->desk ? TOPIC_DESK : TOPIC_TICKETS;
}

/* One for what it waits for, one for what became of it. */
static struct str task_id(const struct notification_message *message, bool waits, struct arena *arena)
{
	return str_format(arena, "%.*s.%s", STR_ARG(message->id), waits ? "h1" : "t1");
}

static void write_why(struct writer *writer, const struct notification_message *message)
{
	write_key(writer, "why");
	write_open(writer, '{');
	write_member(writer, "name", message->why_name);
	write_member_if(writer, "id", message->why_id);
	write_member_if(writer, "about", message->why_about);
	write_close(writer, '}');
}

static void write_message(struct writer *writer, const struct notification_message *message)
{
	write_member(writer, "message", message->id);
	write_key(writer, "to");
	write_open(writer, '{');
	write_member_if(writer, "role", message->role);
	write_member_if(writer, "person", message->person);
	write_close(writer, '}');
	write_member(writer, "channel", message->channel);
	write_key(writer, "template");
	write_open(writer, '{');
	write_member(writer, "id", message->template_name);
	write_member_int(writer, "version", message->template_version);
	write_member(writer, "locale", message->locale);
	write_close(writer, '}');
	write_member_if(writer, "rule", message->rule);
	write_why(writer, message);
}

void notification_emit(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		       const struct notification_message *message, enum notification_word_of what)
{
	static const struct str names[] = {
		[NOTIFY_REQUESTED] = { "notify.requested", 16 }, [NOTIFY_SENT] = { "notify.sent", 11 },
		[NOTIFY_FAILED] = { "notify.failed", 13 }, [NOTIFY_SUPPRESSED] = { "notify.suppressed", 17 },
	};
	struct writer writer = body_open(state, batch, ticket, message);

	write_message(&writer, message);
	if (what == NOTIFY_REQUESTED) {
		write_member_if(&writer, "address", message->address);
		write_member(&writer, "subject", message->subject);
		write_member(&writer, "text", message->text);
	} else if (what != NOTIFY_SUPPRESSED) {
		write_member_int(&writer, "attempts", message->attempts);
		if (message->uncertain)
			write_member_bool(&writer, "certain", false);
	}
	write_member_if(&writer, "reason", message->reason);
	write_close(&writer, '}');
	body_send(state, batch, item, ticket, message, TOPIC_MESSAGES, names[what]);
}

void notification_emit_task(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			    const struct notification_message *message, struct str what, struct str whom)
{
	struct writer writer = body_open(state, batch, ticket, message);

	write_member(&writer, "task", task_id(message, message->state == MESSAGE_HELD, batch->arena));
	write_member(&writer, "what", what);
	write_member(&writer, "for", whom);
	write_member_instant(&writer, "due_at", INSTANT_NONE);
	write_member(&writer, "message", message->id);
	write_member_if(&writer, "reason", message->reason);
	write_why(&writer, message);
	write_close(&writer, '}');
	body_send(state, batch, item, ticket, message, task_topic(message), STR("task.opened"));
}

void notification_emit_task_closed(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
				   const struct notification_message *message, struct str result)
{
	struct writer writer = body_open(state, batch, ticket, message);

	write_member(&writer, "task", task_id(message, true, batch->arena));
	write_member(&writer, "result", result);
	write_member(&writer, "message", message->id);
	write_close(&writer, '}');
	body_send(state, batch, item, ticket, message, task_topic(message), STR("task.closed"));
}

/* ---- webhooks ---- */

/* What a gateway needs and no more: where to, what, and ids to report with. */
struct str notification_webhook_body(const struct notification_message *message, struct arena *arena)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };
	struct str copy;

	write_open(&writer, '{');
	write_member(&writer, "specversion", STR("1.0"));
	write_member(&writer, "type", STR("aftercare.notify.requested.v1"));
	write_member(&writer, "source", STR("aftercare/notification"));
	write_member(&writer, "id", message->id);
	write_member(&writer, "subject", message->ticket);
	write_member_instant(&writer, "time", message->requested_at);
	write_member(&writer, "datacontenttype", STR("application/json"));
	write_key(&writer, "data");
	write_open(&writer, '{');
	write_member(&writer, "message", message->id);
	write_member(&writer, message->desk ? "thing" : "ticket", message->ticket);
	write_key(&writer, "to");
	write_open(&writer, '{');
	write_member_if(&writer, "role", message->role);
	write_member_if(&writer, "person", message->person);
	write_close(&writer, '}');
	write_member(&writer, "channel", message->channel);
	write_member_if(&writer, "address", message->address);
	write_member(&writer, "locale", message->locale);
	write_member(&writer, "subject", message->subject);
	write_member(&writer, "text", message->text);
	write_close(&writer, '}');
	write_close(&writer, '}');
	copy = str_copy(arena, buf_view(&text));
	buf_done(&text);
	return copy;
}

/* ---- results of deliveries, posted to ourselves ---- */

static const char *const outcomes[] = {
	[OUTCOME_DELIVERED] = "delivered", [OUTCOME_TEMPORARY] = "temporary", [OUTCOME_PERMANENT] = "permanent",
};

struct str notification_result_text(const struct notification_result *result, struct arena *arena)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };
	struct str copy;

	write_open(&writer, '{');
	write_member(&writer, "ticket", result->ticket);
	write_member(&writer, "message", result->id);
	write_member(&writer, "outcome", str_of(outcomes[result->outcome]));
	if (result->uncertain)
		write_member_bool(&writer, "uncertain", true);
	if (result->retry_after > 0)
		write_member_int(&writer, "retry_after", result->retry_after);
	if (result->reason[0])
		write_member(&writer, "reason", str_of(result->reason));
	write_close(&writer, '}');
	copy = str_copy(arena, buf_view(&text));
	buf_done(&text);
	return copy;
}

bool notification_result_read(const struct doc *doc, struct arena *arena, struct notification_ending *ret)
{
	struct str outcome = doc_get(doc, "outcome", arena);

	for (size_t i = 0; i < array_count(outcomes); i++) {
		if (!str_is(outcome, outcomes[i]))
			continue;
		*ret = (struct notification_ending){ .outcome = (enum notification_outcome)i, .reason = doc_get(doc, "reason", arena) };
		ret->uncertain = doc_true(doc, doc_member(doc, 0, STR("uncertain")));
		(void)doc_int64(doc, doc_member(doc, 0, STR("retry_after")), &ret->retry_after);
		return true;
	}
	return false;
}
