/* A batch of notification, downhill: follow the tickets, choose messages fact by fact, load what they need in one round,
 * compose them and settle deliveries in the order of the items, save.
 *
 * An entry keeps its ticket as it was at its item: what a later fact of the same batch changes is not told too early. The
 * lanes of the desk go the same way, with things in the place of tickets. */
#include "services/notification/notification.h"

struct run {
	struct notification *state;
	struct batch *batch;
	bool desk;
	struct ticket_set tickets;
	struct notification_need need;
	struct notification_memory memory;
	struct notification_entry *entries;
	size_t entry_count, entry_capacity;
};

/* The ticket or thing of an item, and the policies it stands under. */
struct subject {
	struct ticket ticket;
	const struct policy *policies[TICKET_POLICIES_MAX];
	const struct value *vector;              /* NULL: not made yet */
};

/* ---- rules that are put off ---- */

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
	write_member_int(&writer, "version", wish->policy->version);
	write_member(&writer, "rule", wish->rule);
	write_member(&writer, "fact", item->event.name);
	write_member(&writer, "id", item->event.id);
	if (item->event.doc.count) {
		write_key(&writer, "event");
		write_raw(&writer, item->event.doc.text);
	}
	write_close(&writer, '}');
	batch_timer_set(batch, item, &(struct timer){
		.key = rule_key(batch, ticket, wish->policy->id, wish->rule), .kind = STR("rule"), .ticket = ticket->id,
		.due = instant_add(at, wish->after, wish->policy->zone_offset_us), .data = str_copy(batch->arena, buf_view(&text)),
	});
	buf_done(&text);
}

static void rules_call_off(struct run *run, const struct subject *subject, struct str fact)
{
	for (size_t i = 0; i < subject->ticket.policy_count; i++) {
		const struct policy *policy = subject->policies[i];

		for (size_t j = 0; j < policy->rule_count; j++)
			if (policy->rules[j].has_after && str_eq(policy->rules[j].unless, fact))
				batch_timer_cancel(run->batch, rule_key(run->batch, &subject->ticket, policy->id, policy->rules[j].name));
	}
}

/* ---- first pass: what is wished ---- */

/* Several of one item are about one ticket: its data is read once. */
static struct notification_entry *entry_add(struct run *run, struct item *item, const struct ticket *ticket)
{
	struct arena *arena = run->batch->arena;
	struct notification_need *need = &run->need;
	struct fault ignored = FAULT_NONE;
	const struct notification_entry *before;
	struct notification_entry *entry;

	arena_grow(arena, &run->entries, &run->entry_capacity, run->entry_count + 1, sizeof(*run->entries));
	entry = &run->entries[run->entry_count++];
	*entry = (struct notification_entry){ .item = item, .ticket = *ticket, .desk = run->desk, .event = item->event.doc };
	before = run->entry_count > 1 ? entry - 1 : NULL;
	if (before && before->item == item) {
		entry->request = before->request;
		entry->customer = before->customer;
		return entry;
	}
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

static enum verdict subject_of_ticket(struct run *run, const struct ticket *ticket, struct subject *ret, struct fault *fault)
{
	ret->ticket = *ticket;
	ret->vector = NULL;
	return knowledge_policies(run->state->knowledge, run->batch, ticket, ret->policies, fault);
}

/* The person that a thing of the desk is about stands where a ticket has its owner. */
static void subject_of_thing(struct run *run, const struct item *item, struct subject *ret)
{
	size_t count = knowledge_desk(run->state->knowledge, run->batch, item, &ret->ticket, &ret->vector, ret->policies);

	ret->ticket.policy_count = count;
	ret->ticket.owner = doc_get(&item->event.doc, "staff", run->batch->arena);
	ret->ticket.known = true;
}

static void choose(struct run *run, struct item *item, struct subject *subject)
{
	struct notification_fact fact = notification_decode(item, run->batch->arena);
	struct notification_wish wishes[NOTIFICATION_WISHES_MAX];
	size_t count = subject->ticket.policy_count;

	rules_call_off(run, subject, fact.name);
	if (!run->desk && notification_offers(fact.name)) {
		struct notification_entry *entry = entry_add(run, item, &subject->ticket);

		entry->offer = true;
		entry->policies = arena_copy(run->batch->arena, subject->policies, sizeof(subject->policies));
	}
	if (!notification_listens(&fact, subject->policies, count))
		return;
	if (!subject->vector)
		subject->vector = knowledge_vector(run->state->knowledge, run->batch, &subject->ticket, item, NULL);
	count = notification_choose(&fact, subject->policies, count, subject->vector, run->batch->now, wishes,
				    NOTIFICATION_WISHES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (wishes[i].delayed) {
			rule_put_off(run, item, &subject->ticket, &wishes[i]);
			continue;
		}
		struct notification_entry *entry = entry_add(run, item, &subject->ticket);
		entry->wish = wishes[i];
		entry->why_name = item->event.name;
		entry->why_id = item->event.id;
		entry->why_about = about(item, run->batch->arena);
	}
}

static enum verdict rule_due(struct run *run, struct item *item, const struct ticket *ticket, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct notification_wish wishes[NOTIFICATION_WISHES_MAX];
	struct fault ignored = FAULT_NONE;
	const struct policy *policy = NULL;
	struct doc doc = { 0 }, event = { 0 };
	struct policy_ref ref;
	int64_t version = 0;
	uint32_t cause;
	enum verdict verdict;
	size_t count;

	if (doc_parse(&doc, item->timer->data, arena, &ignored) != OK)
		return OK;
	ref.id = doc_get(&doc, "policy", arena);
	for (size_t i = 0; i < ticket->policy_count; i++)
		if (str_eq(ticket->policies[i].id, ref.id))
			version = ticket->policies[i].version;
	if (!version && (!run->desk || !doc_int64(&doc, doc_member(&doc, 0, STR("version")), &version)))
		return OK;
	ref.version = (int32_t)version;
	verdict = knowledge_policy(run->state->knowledge, run->batch, &ref, &policy, fault);
	if (verdict)
		return verdict;
	cause = doc_member(&doc, 0, STR("event"));
	if (cause && doc_parse(&event, doc_raw(&doc, cause), arena, &ignored) != OK)
		event = (struct doc){ 0 };
	count = notification_choose_rule(policy, doc_get(&doc, "rule", arena), wishes, NOTIFICATION_WISHES_MAX);
	for (size_t j = 0; j < count; j++) {
		struct notification_entry *entry = entry_add(run, item, ticket);

		if (run->desk)
			entry->ticket.owner = doc_get(&event, "staff", arena);
		entry->wish = wishes[j];
		entry->event = event;
		entry->why_name = doc_get(&doc, "fact", arena);
		entry->why_id = doc_get(&doc, "id", arena);
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

/* A thing of which only the id is known any more. */
static struct ticket thing_of(const struct batch *batch, struct str id)
{
	return (struct ticket){ .id = id, .lane = batch->partition, .known = true, .received_at = INSTANT_NONE,
				.waiting_since = INSTANT_NONE, .resolved_at = INSTANT_NONE, .closed_at = INSTANT_NONE,
				.assigned_at = INSTANT_NONE };
}

static enum verdict first_pass_desk(struct run *run, struct item *item, struct fault *fault)
{
	struct subject subject = { 0 };

	if (item->posted)
		return OK;
	if (item->timer) {
		struct ticket thing = thing_of(run->batch, item->timer->ticket);

		return rule_due(run, item, &thing, fault);
	}
	if (is_ours(item))
		return OK;
	subject_of_thing(run, item, &subject);
	choose(run, item, &subject);
	return OK;
}

static enum verdict first_pass_ticket(struct run *run, struct item *item, struct fault *fault)
{
	struct ticket *ticket = ticket_find(&run->tickets, ticket_of_item(item, run->batch->arena));
	struct subject subject = { 0 };
	enum verdict verdict;

	if (!ticket)
		return OK;
	if (!item->timer && !item->posted)
		ticket_apply(run->batch, ticket, item);
	if (!ticket->known || item->posted)
		return OK;
	if (item->timer)
		return rule_due(run, item, ticket, fault);
	if (is_ours(item))
		return OK;
	verdict = subject_of_ticket(run, ticket, &subject, fault);
	if (verdict == OK)
		choose(run, item, &subject);
	return verdict;
}

static enum verdict first_pass(struct run *run, struct item *item, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct str message = message_of(item, arena);

	if (message.p) {
		notification_need_add(arena, &run->need.messages, &run->need.message_count, &run->need.message_capacity, message);
		return OK;
	}
	return run->desk ? first_pass_desk(run, item, fault) : first_pass_ticket(run, item, fault);
}

/* ---- second pass: messages and deliveries ---- */

static void entry_do(struct run *run, const struct notification_entry *entry)
{
	struct notification_counter *counter = notification_counter_find(&run->memory, entry->ticket.id);

	if (!entry->offer) {
		notification_compose(run->state, run->batch, &run->memory, entry);
		return;
	}
	if (counter)
		notification_parts_note(counter, entry->item, run->batch->arena);
	notification_release(run->state, run->batch, &run->memory, entry);
}

static void second_pass(struct run *run, struct item *item, size_t *entry)
{
	struct arena *arena = run->batch->arena;
	struct notification_message *message = notification_message_find(&run->memory, message_of(item, arena));
	const struct ticket *ticket;
	struct ticket thing;

	for (; *entry < run->entry_count && run->entries[*entry].item == item; (*entry)++)
		entry_do(run, &run->entries[*entry]);
	if (!message || message->desk != run->desk)
		return;
	if (run->desk) {
		thing = thing_of(run->batch, message->ticket);
		notification_deliver(run->state, run->batch, item, &thing, message);
		return;
	}
	ticket = ticket_find(&run->tickets, ticket_of_item(item, arena));
	if (ticket && ticket->known && str_eq(message->ticket, ticket->id))
		notification_deliver(run->state, run->batch, item, ticket, message);
}

enum verdict notification_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct run run = { .state = state, .batch = batch, .desk = str_is(str_of(batch->topic), TOPIC_DESK) };
	enum verdict verdict = knowledge_refresh(run.state->knowledge, batch, true, fault);
	size_t entry = 0;

	if (verdict == OK && !run.desk)
		verdict = ticket_load(batch, &run.tickets, fault);
	for (size_t i = 0; i < batch->count && verdict == OK; i++)
		if (!batch->items[i].refused)
			verdict = first_pass(&run, &batch->items[i], fault);
	if (verdict == OK)
		verdict = notification_load(batch, &run.need, run.desk, &run.memory, fault);
	if (verdict)
		return verdict;
	/* Before the items: what they set for the same message is later and wins. */
	notification_resume(run.state, batch, &run.memory);
	for (size_t i = 0; i < batch->count; i++)
		if (!batch->items[i].refused)
			second_pass(&run, &batch->items[i], &entry);
	ticket_save(batch, &run.tickets);
	notification_save(batch, &run.memory);
	return OK;
}
