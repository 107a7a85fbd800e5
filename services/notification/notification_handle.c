/* A batch of notification, downhill: follow the tickets, choose messages fact by fact, load what they need in one round,
 * compose them and settle deliveries in the order of the items, save.
 *
 * An entry keeps its ticket as it was at its item: what a later fact of the same batch changes is not told too early. */
#include "services/notification/notification.h"

struct run {
	struct notification *state;
	struct batch *batch;
	struct ticket_set tickets;
	struct notification_need need;
	struct notification_memory memory;
	struct notification_entry *entries;
	size_t entry_count, entry_capacity;
};

/* ---- timers ---- */

void notification_timer(struct batch *batch, struct item *item, const struct notification_message *message, const char *kind, instant due)
{
	batch_timer_set(batch, item, &(struct timer){
		.key = str_format(batch->arena, "%s:%.*s", kind, STR_ARG(message->id)), .due = due, .kind = str_of(kind),
		.ticket = message->ticket, .data = message->id, .cause_id = message->cause_id, .cause_source = message->cause_source,
		.traceparent = message->traceparent, .tracestate = message->tracestate,
	});
}

static void timers_cancel(struct batch *batch, const struct notification_message *message)
{
	if (message->via == VIA_MAIL)
		batch_timer_cancel(batch, str_format(batch->arena, "send:%.*s", STR_ARG(message->id)));
	if (message->via == VIA_GATEWAY)
		batch_timer_cancel(batch, str_format(batch->arena, "lost:%.*s", STR_ARG(message->id)));
}

static struct str rule_key(struct batch *batch, const struct ticket *ticket, struct str policy, struct str rule)
{
	return str_format(batch->arena, "rule:%.*s/%.*s/%.*s", STR_ARG(ticket->id), STR_ARG(policy), STR_ARG(rule));
}

/* A rule with `after`: put off until nothing has come in between (`unless`). */
static void rule_put_off(struct run *run, struct item *item, const struct ticket *ticket, const struct notification_wish *wish)
{
	struct batch *batch = run->batch;
	instant at = item->event.time != INSTANT_NONE ? item->event.time : batch->now;
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member(&writer, "policy", wish->policy->id);
	write_member(&writer, "rule", wish->rule);
	write_member(&writer, "fact", item->event.name);
	write_member(&writer, "id", item->event.id);
	write_close(&writer, '}');
	batch_timer_set(batch, item, &(struct timer){
		.key = rule_key(batch, ticket, wish->policy->id, wish->rule), .kind = STR("rule"), .ticket = ticket->id,
		.due = instant_add(at, wish->after, wish->policy->zone_offset_us), .data = str_copy(batch->arena, buf_view(&text)),
	});
	buf_done(&text);
}

static void rules_call_off(struct run *run, const struct ticket *ticket, struct str fact, const struct policy *const *policies)
{
	for (size_t i = 0; i < ticket->policy_count; i++)
		for (size_t j = 0; j < policies[i]->rule_count; j++)
			if (policies[i]->rules[j].has_after && str_eq(policies[i]->rules[j].unless, fact))
				batch_timer_cancel(run->batch, rule_key(run->batch, ticket, policies[i]->id, policies[i]->rules[j].name));
}

/* ---- first pass: what is wished ---- */

static struct notification_entry *entry_add(struct run *run, struct item *item, const struct ticket *ticket)
{
	struct arena *arena = run->batch->arena;
	struct notification_need *need = &run->need;
	struct fault ignored = FAULT_NONE;
	struct notification_entry *entry;

	arena_grow(arena, &run->entries, &run->entry_capacity, run->entry_count + 1, sizeof(*run->entries));
	entry = &run->entries[run->entry_count++];
	*entry = (struct notification_entry){ .item = item, .ticket = *ticket };
	if (!ticket->data.n || doc_parse(&entry->request, ticket->data, arena, &ignored) != OK)
		entry->request = (struct doc){ 0 };
	if (entry->request.count)
		entry->customer = doc_get(&entry->request, "customer.id", arena);
	notification_need_add(arena, &need->tickets, &need->ticket_count, &need->ticket_capacity, ticket->id);
	notification_need_add(arena, &need->customers, &need->customer_count, &need->customer_capacity, entry->customer);
	return entry;
}

/* What a fact is about besides its ticket, so that readers of notify.* can find the way back. */
static struct str about(const struct item *item, struct arena *arena)
{
	static const char *const members[] = { "survey", "followup", "task", "clock_id" };
	struct str id = STR_NONE;

	for (size_t i = 0; i < array_count(members) && !id.p; i++)
		id = doc_get(&item->event.doc, members[i], arena);
	return id;
}

/* Facts of our own must not lead to further messages: a task about a failed message would fail in its turn. */
static bool is_ours(const struct item *item)
{
	return str_starts(item->event.writer, STR("notification/"));
}

static enum verdict choose(struct run *run, struct item *item, const struct ticket *ticket, struct fault *fault)
{
	struct notification_fact fact = notification_decode(item, run->batch->arena);
	const struct policy *policies[TICKET_POLICIES_MAX];
	struct notification_wish wishes[NOTIFICATION_WISHES_MAX];
	const struct value *vector;
	size_t count;
	enum verdict verdict = knowledge_policies(run->state->knowledge, run->batch, ticket, policies, fault);

	if (verdict)
		return verdict;
	rules_call_off(run, ticket, fact.name, policies);
	if (!notification_listens(&fact, policies, ticket->policy_count))
		return OK;
	vector = knowledge_vector(run->state->knowledge, run->batch, ticket, item, NULL);
	count = notification_choose(&fact, policies, ticket->policy_count, vector, run->batch->now, wishes, NOTIFICATION_WISHES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (wishes[i].delayed) {
			rule_put_off(run, item, ticket, &wishes[i]);
			continue;
		}
		struct notification_entry *entry = entry_add(run, item, ticket);
		entry->wish = wishes[i];
		entry->why_name = item->event.name;
		entry->why_id = item->event.id;
		entry->why_about = about(item, run->batch->arena);
	}
	return OK;
}

static enum verdict rule_due(struct run *run, struct item *item, const struct ticket *ticket, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	const struct policy *policies[TICKET_POLICIES_MAX];
	struct notification_wish wishes[NOTIFICATION_WISHES_MAX];
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };
	enum verdict verdict = knowledge_policies(run->state->knowledge, run->batch, ticket, policies, fault);

	if (verdict || doc_parse(&doc, item->timer->data, arena, &ignored) != OK)
		return verdict;
	for (size_t i = 0; i < ticket->policy_count; i++) {
		size_t count = 0;

		if (str_eq(policies[i]->id, doc_get(&doc, "policy", arena)))
			count = notification_choose_rule(policies[i], doc_get(&doc, "rule", arena), wishes, NOTIFICATION_WISHES_MAX);
		for (size_t j = 0; j < count; j++) {
			struct notification_entry *entry = entry_add(run, item, ticket);
			entry->wish = wishes[j];
			entry->why_name = doc_get(&doc, "fact", arena);
			entry->why_id = doc_get(&doc, "id", arena);
		}
	}
	return OK;
}

/* The message that an item is about; absent when it is about none. */
static struct str message_of(const struct item *item, struct arena *arena)
{
	if (item->timer)
		return str_is(item->timer->kind, "rule") ? STR_NONE : item->timer->data;
	if (item->posted || str_starts(item->event.name, STR("message.")))
		return doc_get(&item->event.doc, "message", arena);
	return STR_NONE;
}

static enum verdict first_pass(struct run *run, struct item *item, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct ticket *ticket = ticket_find(&run->tickets, ticket_of_item(item, arena));
	struct str message = message_of(item, arena);

	if (!ticket)
		return OK;
	if (message.p) {
		notification_need_add(arena, &run->need.messages, &run->need.message_count, &run->need.message_capacity, message);
		return OK;
	}
	if (!item->timer && !item->posted)
		ticket_apply(run->batch, ticket, item);
	if (!ticket->known || item->posted)
		return OK;
	if (item->timer)
		return rule_due(run, item, ticket, fault);
	return is_ours(item) ? OK : choose(run, item, ticket, fault);
}

/* ---- second pass: deliveries ---- */

static void settle(struct run *run, struct item *item, const struct ticket *ticket, struct notification_message *message,
		   enum notification_outcome outcome, struct str reason)
{
	const struct notification_conf *conf = run->state->conf;
	const struct notification_patience patience = { conf->attempts, conf->retry_after, conf->retry_most };
	instant retry_at = INSTANT_NONE;

	message->state = notification_after(outcome, message->attempts, &patience, run->batch->now, &retry_at);
	message->changed = true;
	message->lease_until = INSTANT_NONE;
	message->reason = reason.n > 500 ? STR("see the report") : reason;
	if (message->state == MESSAGE_REQUESTED) {
		notification_timer(run->batch, item, message, "send", retry_at);
		return;
	}
	message->finished_at = run->batch->now;
	timers_cancel(run->batch, message);
	notification_emit(run->state, run->batch, item, ticket, message, message->state == MESSAGE_SENT ? NOTIFY_SENT : NOTIFY_FAILED);
	if (message->state == MESSAGE_FAILED)
		notification_emit_task(run->state, run->batch, item, ticket, message, STR("message not delivered"));
}

/* The timer of an e-mail: its first attempt, the next, or one whose result never came. */
static void send_due(struct run *run, struct item *item, const struct ticket *ticket, struct notification_message *message)
{
	struct notification *state = run->state;
	instant now = run->batch->now;
	const struct notification_letter letter = {
		.id = message->id, .ticket = message->ticket, .lane = run->batch->partition, .to = message->address,
		.subject = message->subject, .text = message->text, .at = message->requested_at,
	};
	bool under_way = state->mail && notification_mail_has(state->mail, message->id);

	if (!under_way && message->attempts >= state->conf->attempts) {
		settle(run, item, ticket, message, OUTCOME_TEMPORARY, STR("no result of the last attempt"));
		return;
	}
	if (!under_way && !state->mail) {
		message->attempts++;
		settle(run, item, ticket, message, OUTCOME_TEMPORARY, STR("no SMTP server is configured any more"));
		return;
	}
	if (!under_way && !notification_mail_put(state->mail, &letter)) {
		notification_timer(run->batch, item, message, "send", now + SECOND);
		return;
	}
	message->attempts += !under_way;
	message->lease_until = now + notification_lease(state->conf);
	message->changed = true;
	notification_timer(run->batch, item, message, "send", message->lease_until);
}

static void delivery(struct run *run, struct item *item, const struct ticket *ticket, struct notification_message *message)
{
	struct arena *arena = run->batch->arena;
	struct str name = item->event.name, id, reason;
	enum notification_outcome outcome;
	bool waits = message->state == MESSAGE_REQUESTED;

	if (item->timer && waits && str_is(item->timer->kind, "send"))
		send_due(run, item, ticket, message);
	else if (item->timer && waits && str_is(item->timer->kind, "lost"))
		settle(run, item, ticket, message, OUTCOME_PERMANENT, STR("the gateway did not report"));
	else if (item->timer)
		return;
	else if (item->posted) {
		if (waits && notification_result_read(&item->event.doc, arena, &id, &outcome, &reason))
			settle(run, item, ticket, message, outcome, reason);
	} else if (str_is(name, "message.delivered") && waits)
		settle(run, item, ticket, message, OUTCOME_DELIVERED, STR_NONE);
	else if (str_is(name, "message.failed") && message->state != MESSAGE_FAILED)
		settle(run, item, ticket, message, OUTCOME_PERMANENT, doc_get(&item->event.doc, "reason", arena));
}

static void second_pass(struct run *run, struct item *item, size_t *entry)
{
	struct arena *arena = run->batch->arena;
	const struct ticket *ticket = ticket_find(&run->tickets, ticket_of_item(item, arena));
	struct notification_message *message = notification_message_find(&run->memory, message_of(item, arena));

	for (; *entry < run->entry_count && run->entries[*entry].item == item; (*entry)++)
		notification_compose(run->state, run->batch, &run->memory, &run->entries[*entry]);
	if (ticket && ticket->known && message && str_eq(message->ticket, ticket->id))
		delivery(run, item, ticket, message);
}

/* What was with the server when its last owner went is tried again at once; what is still on its way here is let be. */
static void resume(struct run *run)
{
	for (size_t i = 0; i < run->memory.stranded_count; i++) {
		struct notification_message *message = &run->memory.stranded[i];

		if (!run->state->mail || !notification_mail_has(run->state->mail, message->id))
			notification_timer(run->batch, NULL, message, "send", run->batch->now);
	}
}

enum verdict notification_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct run run = { .state = state, .batch = batch };
	enum verdict verdict = knowledge_refresh(run.state->knowledge, batch, true, fault);
	size_t entry = 0;

	if (verdict == OK)
		verdict = ticket_load(batch, &run.tickets, fault);
	for (size_t i = 0; i < batch->count && verdict == OK; i++)
		if (!batch->items[i].refused)
			verdict = first_pass(&run, &batch->items[i], fault);
	if (verdict == OK)
		verdict = notification_load(batch, &run.need, &run.memory, fault);
	if (verdict)
		return verdict;
	/* Before the items: what they set for the same message is later and wins. */
	resume(&run);
	for (size_t i = 0; i < batch->count; i++)
		if (!batch->items[i].refused)
			second_pass(&run, &batch->items[i], &entry);
	ticket_save(batch, &run.tickets);
	notification_save(batch, &run.memory);
	return OK;
}
