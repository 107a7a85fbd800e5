/* Deliveries: attempts begun by timers, what became of them, and what gateways report.
 *
 * Nothing leaves before the commit that begins its attempt: the timer puts the letter in, the lease says how long it is believed
 * to be on its way. An attempt that ended without an answer makes the message uncertain for good: tried again it may
 * arrive twice, failed it may have arrived, and its last fact says so. */
#include "services/notification/notification.h"

struct delivering {
	struct notification *state;
	struct batch *batch;
	struct item *item;
	const struct ticket *ticket;
	struct notification_message *message;
};

static bool carried(const struct notification_message *message)
{
	return message->via == VIA_MAIL || message->via == VIA_WEBHOOK;
}

void notification_timer(struct batch *batch, struct item *item, const struct notification_message *message, const char *kind,
			instant due)
{
	batch_timer_set(batch, item, &(struct timer){
		.key = str_format(batch->arena, "%s:%.*s", kind, STR_ARG(message->id)), .due = due, .kind = str_of(kind),
		.ticket = message->ticket, .data = message->id, .cause_id = message->cause_id, .cause_source = message->cause_source,
		.traceparent = message->traceparent, .tracestate = message->tracestate,
	});
}

static void timers_cancel(struct batch *batch, const struct notification_message *message)
{
	if (carried(message))
		batch_timer_cancel(batch, str_format(batch->arena, "send:%.*s", STR_ARG(message->id)));
	if (message->via == VIA_GATEWAY)
		batch_timer_cancel(batch, str_format(batch->arena, "lost:%.*s", STR_ARG(message->id)));
}

static void settle(struct delivering *d, const struct notification_ending *ending)
{
	const struct notification_conf *conf = d->state->conf;
	const struct notification_patience patience = { conf->attempts, conf->retry_after, conf->retry_most, ending->retry_after };
	struct notification_message *message = d->message;
	instant retry_at = INSTANT_NONE;

	message->state = notification_after(ending->outcome, message->attempts, &patience, d->batch->now, &retry_at);
	message->changed = true;
	message->lease_until = INSTANT_NONE;
	message->reason = ending->reason.n > 500 ? STR("see the report") : ending->reason;
	message->uncertain |= ending->uncertain;
	if (message->state == MESSAGE_REQUESTED) {
		notification_timer(d->batch, d->item, message, "send", retry_at);
		return;
	}
	message->finished_at = d->batch->now;
	timers_cancel(d->batch, message);
	notification_emit(d->state, d->batch, d->item, d->ticket, message,
			  message->state == MESSAGE_SENT ? NOTIFY_SENT : NOTIFY_FAILED);
	if (message->state == MESSAGE_FAILED)
		notification_emit_task(d->state, d->batch, d->item, d->ticket, message, STR("message not delivered"), STR("csr"));
}

static void settle_as(struct delivering *d, enum notification_outcome outcome, const char *reason)
{
	settle(d, &(struct notification_ending){ .outcome = outcome, .reason = str_of(reason) });
}

/* The timer of a message that is carried: its first attempt, the next, or one whose result never came. */
static void send_due(struct delivering *d)
{
	struct notification *state = d->state;
	struct notification_message *message = d->message;
	instant now = d->batch->now;
	int line = notification_carrier_line(state->carrier, message->via, message->channel);
	const struct notification_letter letter = {
		.id = message->id, .ticket = message->ticket, .lane = d->batch->partition, .desk = message->desk, .line = line,
		.to = message->address, .subject = message->subject, .at = message->requested_at,
		.text = message->via == VIA_WEBHOOK ? notification_webhook_body(message, d->batch->arena) : message->text,
	};
	bool under_way = state->carrier && notification_carrier_has(state->carrier, message->id);

	/* It was given to a process that is gone, or a result of it got lost. */
	if (!under_way && message->lease_until != INSTANT_NONE)
		message->uncertain = message->changed = true;
	if (!under_way && message->attempts >= state->conf->attempts) {
		settle_as(d, OUTCOME_TEMPORARY, "no result of the last attempt");
		return;
	}
	if (!under_way && line < 0) {
		message->attempts++;
		settle_as(d, OUTCOME_TEMPORARY, "nothing that carries this channel is configured any more");
		return;
	}
	if (!under_way && !notification_carrier_put(state->carrier, &letter)) {
		notification_timer(d->batch, d->item, message, "send", now + SECOND);
		return;
	}
	message->attempts += !under_way;
	message->lease_until = now + notification_lease(state->conf, message->via);
	message->changed = true;
	notification_timer(d->batch, d->item, message, "send", message->lease_until);
}

/* A gateway's report is heard in any state of the ticket: that routing refuses it for a ticket that is closed does not
 * make the delivery a failure. */
static void report(struct delivering *d)
{
	struct str name = d->item->event.name;

	if (str_is(name, "message.delivered") && d->message->state == MESSAGE_REQUESTED)
		settle_as(d, OUTCOME_DELIVERED, NULL);
	else if (str_is(name, "message.failed") && (d->message->state == MESSAGE_REQUESTED || d->message->state == MESSAGE_SENT))
		settle(d, &(struct notification_ending){
			.outcome = OUTCOME_PERMANENT, .reason = doc_get(&d->item->event.doc, "reason", d->batch->arena),
		});
}

void notification_deliver(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			  struct notification_message *message)
{
	struct delivering d = { state, batch, item, ticket, message };
	struct notification_ending ending = { 0 };
	bool waits = message->state == MESSAGE_REQUESTED;

	if (item->timer && waits && str_is(item->timer->kind, "send"))
		send_due(&d);
	else if (item->timer && waits && str_is(item->timer->kind, "lost"))
		settle_as(&d, OUTCOME_PERMANENT, "the gateway did not report");
	else if (item->posted && waits && notification_result_read(&item->event.doc, batch->arena, &ending))
		settle(&d, &ending);
	else if (!item->timer && !item->posted)
		report(&d);
}

/* What was on its way when its last owner went is tried again at once; what is still on its way here is let be. */
void notification_resume(struct notification *state, struct batch *batch, const struct notification_memory *memory)
{
	for (size_t i = 0; i < memory->stranded_count; i++) {
		struct notification_message *message = &memory->stranded[i];

		if (!state->carrier || !notification_carrier_has(state->carrier, message->id))
			notification_timer(batch, NULL, message, "send", batch->now);
	}
}
