/* A batch of reporting, downhill: load the tickets and the lane, lay fact by fact, save, publish what has changed once.
 *
 * Two sources write counters of a lane: the ticket log and aftercare.messages. The worker locks the lane for both. Snapshots come
 * of the log alone, so that the last one on the topic is the last one made. */
#include "services/reporting/reporting.h"

#include <stdlib.h>

static struct str ticket_of(const struct item *item)
{
	return item->timer || item->posted ? STR_NONE : item->event.subject;
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The tickets of the items, sorted, each once. */
static size_t tickets_of(const struct batch *batch, struct str *ids)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct str id = ticket_of(&batch->items[i]);

		if (id.p && !batch->items[i].refused)
			ids[count++] = id;
	}
	if (count)
		qsort(ids, count, sizeof(*ids), compare_str);
	for (size_t i = 0; i < count; i++)
		if (!kept || !str_eq(ids[i], ids[kept - 1]))
			ids[kept++] = ids[i];
	return kept;
}

static void lay(struct reporting *state, struct batch *batch, const struct reporting_ticket_set *set, struct reporting_tally *tally,
		struct item *item)
{
	struct reporting_lane_memory *memory = reporting_lane_memory(state, batch);
	struct reporting_fact fact = reporting_decode(state, item, batch->arena);
	struct reporting_ticket *ticket = reporting_ticket_find(set, ticket_of(item));

	if (fact.type == FACT_NONE || fact.decided_at == INSTANT_NONE)
		return;
	if (ticket && ticket->known && !ticket->before.p)
		(void)reporting_encode_ticket(&state->body, ticket, batch->arena, &ticket->before);
	reporting_lay(ticket, &fact, tally);
	if (ticket && ticket->changed)
		ticket->item = item;
	if (memory->newest == INSTANT_NONE || fact.decided_at > memory->newest)
		memory->newest = fact.decided_at;
	memory->read_at = batch->now;
}

/* One snapshot per ticket and batch, and none where there is nothing new to say. */
static void publish(struct reporting *state, struct batch *batch, const struct reporting_ticket_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct reporting_ticket *ticket = &set->items[i];
		instant updated_at = ticket->updated_at;
		struct str body, content;

		if (!ticket->changed)
			continue;
		ticket->updated_at = ticket->touched_at;
		body = reporting_encode_ticket(&state->body, ticket, batch->arena, &content);
		if (!str_eq(content, ticket->before)) {
			reporting_emit_ticket(batch, ticket->item, ticket, body);
			continue;
		}
		ticket->updated_at = updated_at;
		ticket->changed = false;
	}
}

/* What is no fact: timers, and the posting that a lane was taken or snapshots are asked for again. */
static enum verdict rest(struct reporting *state, struct batch *batch, struct reporting_lane *lane, struct fault *fault)
{
	enum verdict verdict = OK;

	for (size_t i = 0; i < batch->count && verdict == OK; i++) {
		struct item *item = &batch->items[i];

		if (item->refused || (!item->posted && !item->timer))
			continue;
		/* They ask the database: what is queued goes before. */
		verdict = db_sync(batch->db, fault);
		if (verdict)
			return verdict;
		if (item->posted) {
			reporting_windows_begin(state, batch, lane);
			verdict = reporting_republish(state, batch, item, fault);
		} else if (str_is(item->timer->kind, "republish")) {
			verdict = reporting_republish(state, batch, item, fault);
		} else {
			verdict = reporting_windows_timer(state, batch, item, lane, fault);
		}
	}
	return verdict;
}

enum verdict reporting_handle(void *userdata, struct batch *batch, struct fault *fault)
{
	struct reporting *state = userdata;
	bool messages = str_is(str_of(batch->topic), TOPIC_MESSAGES);
	struct str *ids = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*ids));
	struct reporting_ticket_set set = { 0 };
	struct reporting_lane lane = { 0 };
	enum verdict verdict = messages ? OK : knowledge_refresh(state->knowledge, batch, true, fault);
	size_t count = messages ? 0 : tickets_of(batch, ids);

	if (verdict)
		return verdict;
	reporting_lane_queue(batch);
	if (count)
		set = reporting_tickets_queue(batch, ids, count);
	verdict = db_sync(batch->db, fault);
	if (verdict)
		return verdict;
	if (count)
		reporting_tickets_read(batch, &set, 1);
	verdict = reporting_lane_read(state, batch, 0, &lane, fault);
	if (verdict)
		return verdict;
	struct reporting_tally tally = { .arena = batch->arena, .window = state->windows[0], .counted_from = lane.counted_from,
					 .open_from = lane.closed_to, .now = batch->now };
	for (size_t i = 0; i < batch->count; i++)
		if (!batch->items[i].refused && !batch->items[i].timer && !batch->items[i].posted)
			lay(state, batch, &set, &tally, &batch->items[i]);
	publish(state, batch, &set);
	reporting_tickets_save(batch, &set);
	reporting_tally_save(batch, &tally);
	return rest(state, batch, &lane, fault);
}
