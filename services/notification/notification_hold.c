/* Messages that wait for a part of them (`must`): held with a task, sent once when somebody says what was missing, void when
 * the ticket ends.
 *
 * What people say for messages in facts of their own (a solution proposed, a plan, a promise, an appointment) is kept
 * beside the ticket; a held message keeps the fact that caused it, so that it is composed anew and not patched. */
#include "services/notification/notification.h"

/* Facts that can fill what is missing; their tickets' counters are loaded. */
bool notification_offers(struct str fact)
{
	static const char *const names[] = {
		"ticket.proposed", "ticket.plan_sent", "ticket.quote_sent", "ticket.promised", "ticket.scheduled", "ticket.solution_sent",
		"ticket.supplemented", "ticket.classified", "ticket.assigned", "ticket.owner_changed",
	};

	for (size_t i = 0; i < array_count(names); i++)
		if (str_is(fact, names[i]))
			return true;
	return notification_ends(fact);
}

bool notification_ends(struct str fact)
{
	return str_is(fact, "ticket.closed") || str_is(fact, "ticket.cancelled") || str_is(fact, "ticket.return_rejected");
}

void notification_parts_note(struct notification_counter *counter, const struct item *item, struct arena *arena)
{
	static const struct {
		const char *fact, *option, *expected;
	} rows[] = {
		{ "ticket.proposed", "solution", NULL },   { "ticket.plan_sent", "text", NULL },
		{ "ticket.solution_sent", "text", NULL },  { "ticket.promised", "until", "until" },
		{ "ticket.scheduled", NULL, "window.to" },
	};
	const struct doc *doc = &item->event.doc;

	for (size_t i = 0; i < array_count(rows); i++) {
		struct str option, expected;
		instant at;

		if (!str_is(item->event.name, rows[i].fact))
			continue;
		option = rows[i].option ? str_trim(doc_get(doc, rows[i].option, arena)) : STR_NONE;
		expected = rows[i].expected ? doc_get(doc, rows[i].expected, arena) : STR_NONE;
		if (option.n)
			counter->option = option;
		if (expected.n && instant_parse(expected, &at))
			counter->expected = at;
		counter->changed |= option.n || expected.n;
	}
}

struct str notification_hold_text(struct str to, const struct doc *event, struct arena *arena)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };
	struct str copy;

	write_open(&writer, '{');
	write_member(&writer, "to", to);
	if (event && event->count) {
		write_key(&writer, "event");
		write_raw(&writer, event->text);
	}
	write_close(&writer, '}');
	copy = str_copy(arena, buf_view(&text));
	buf_done(&text);
	return copy;
}

static struct notification_message *held_find(struct notification_memory *memory, struct str id)
{
	struct notification_message *message = notification_message_find(memory, id);

	for (size_t i = 0; !message && i < memory->fresh_count; i++)
		if (str_eq(memory->fresh[i].id, id))
			message = &memory->fresh[i];
	return message && message->state == MESSAGE_HELD ? message : NULL;
}

static bool wish_of(const struct notification_message *message, const struct policy *const *policies, size_t count,
		    struct notification_wish *ret)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < policies[i]->message_count; j++)
			if (str_eq(policies[i]->id, message->policy) && str_eq(policies[i]->messages[j].name, message->rule)) {
				*ret = notification_wish_of(policies[i], &policies[i]->messages[j]);
				return true;
			}
	return false;
}

static void void_held(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		      struct notification_message *message)
{
	message->state = MESSAGE_FAILED;
	message->changed = true;
	message->finished_at = batch->now;
	message->held = STR_NONE;
	notification_emit_task_closed(state, batch, item, ticket, message, STR("void"));
}

/* Whether it is held no longer. */
static bool try_again(struct notification *state, struct batch *batch, struct notification_memory *memory,
		      const struct notification_entry *offer, struct notification_message *message)
{
	struct notification_entry entry = *offer;
	struct fault ignored = FAULT_NONE;
	struct doc held = { 0 };
	uint32_t event;
	struct str to[1];

	if (doc_parse(&held, message->held, batch->arena, &ignored) != OK ||
	    !wish_of(message, offer->policies, entry.ticket.policy_count, &entry.wish))
		return false;
	to[0] = doc_get(&held, "to", batch->arena);
	entry.wish.to = (struct strings){ to, 1 };
	entry.held = message;
	entry.offer = false;
	entry.event = (struct doc){ 0 };
	event = doc_member(&held, 0, STR("event"));
	if (event && doc_parse(&entry.event, doc_raw(&held, event), batch->arena, &ignored) != OK)
		entry.event = (struct doc){ 0 };
	notification_compose(state, batch, memory, &entry);
	if (message->state == MESSAGE_HELD)
		return false;
	notification_emit_task_closed(state, batch, entry.item, &entry.ticket, message, STR("done"));
	return true;
}

void notification_release(struct notification *state, struct batch *batch, struct notification_memory *memory,
			  const struct notification_entry *offer)
{
	struct notification_counter *counter = notification_counter_find(memory, offer->ticket.id);
	struct str rest = counter ? counter->held : STR_NONE, left = STR_NONE;

	if (!rest.n)
		return;
	while (rest.p) {
		struct str id = str_cut(&rest, ' ');
		struct notification_message *message = id.n ? held_find(memory, id) : NULL;

		if (!message)
			continue;
		if (notification_ends(offer->item->event.name))
			void_held(state, batch, offer->item, &offer->ticket, message);
		else if (!try_again(state, batch, memory, offer, message))
			left = left.n ? str_format(batch->arena, "%.*s %.*s", STR_ARG(left), STR_ARG(id)) : id;
	}
	counter->held = left;
	counter->changed = true;
}
