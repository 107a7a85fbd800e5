/* Rows in, rows out: counters of tickets, messages, customers of the directory; one statement per table and batch.
 *
 * Binds and reads columns of notification.sql, nothing more. Sets are sorted by key before they are saved, so that two
 * transactions never wait for each other in a circle. */
#include <stdlib.h>

#include "services/notification/notification.h"

static const char *const states[] = {
	[MESSAGE_REQUESTED] = "requested", [MESSAGE_SENT] = "sent", [MESSAGE_FAILED] = "failed",
	[MESSAGE_HELD] = "held", [MESSAGE_MAX] = NULL,
};
static const char *const vias[] = { [VIA_LOG] = "log", [VIA_MAIL] = "mail", [VIA_GATEWAY] = "gateway",
				      [VIA_WEBHOOK] = "webhook", [VIA_MAX] = NULL };

static size_t number_of(const char *const *names, struct str name)
{
	size_t i = 0;

	while (names[i + 1] && !str_is(name, names[i]))
		i++;
	return i;
}

void notification_need_add(struct arena *arena, struct str **list, size_t *count, size_t *capacity, struct str id)
{
	if (id.n == 0)
		return;
	arena_grow(arena, list, capacity, *count + 1, sizeof(**list));
	(*list)[(*count)++] = id;
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t sorted_once(struct str *list, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(list, count, sizeof(*list), compare_str);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !str_eq(list[i], list[kept - 1]))
			list[kept++] = list[i];
	return kept;
}

/* Entries begin with their key, so one comparison serves all. */
static int compare_key(const void *key, const void *entry)
{
	return str_cmp(*(const struct str *)key, *(const struct str *)entry);
}

struct notification_counter *notification_counter_find(struct notification_memory *memory, struct str ticket)
{
	return memory->counter_count ? bsearch(&ticket, memory->counters, memory->counter_count, sizeof(*memory->counters), compare_key)
				     : NULL;
}

struct notification_message *notification_message_find(struct notification_memory *memory, struct str id)
{
	struct notification_message *message = NULL;

	if (memory->message_count && id.p)
		message = bsearch(&id, memory->messages, memory->message_count, sizeof(*memory->messages), compare_key);
	return message && message->known ? message : NULL;
}

struct str notification_customer_find(const struct notification_memory *memory, struct str id)
{
	const struct notification_customer *customer = NULL;

	if (memory->customer_count && id.p)
		customer = bsearch(&id, memory->customers, memory->customer_count, sizeof(*memory->customers), compare_key);
	return customer ? customer->data : STR_NONE;
}

/* ---- load ---- */

static void queue_ids(struct batch *batch, const char *statement, bool lane, const struct str *ids, size_t count)
{
	struct db_params params = { .arena = batch->arena };

	if (lane)
		db_int4(&params, batch->partition);
	db_text_array(&params, ids, count);
	db_queue(batch->db, statement, &params);
}

static void read_counters(const struct db_result *rows, struct notification_memory *memory, struct arena *arena)
{
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct notification_counter *counter = notification_counter_find(memory, db_get_text(rows, i, 0));

		if (!counter)
			continue;
		counter->messages = (int32_t)db_get_int(rows, i, 1);
		counter->told = str_copy(arena, db_get_text(rows, i, 2));
		counter->option = str_copy(arena, db_get_text(rows, i, 3));
		counter->expected = db_get_instant(rows, i, 4);
		counter->held = str_copy(arena, db_get_text(rows, i, 5));
	}
}

static void read_message(struct notification_message *message, const struct db_result *rows, size_t i, struct arena *arena)
{
	int column = 1;

	message->known = true;
	message->ticket = str_copy(arena, db_get_text(rows, i, column++));
	message->state = (enum notification_state)number_of(states, db_get_text(rows, i, column++));
	message->via = (enum notification_via)number_of(vias, db_get_text(rows, i, column++));
	message->attempts = (int32_t)db_get_int(rows, i, column++);
	message->requested_at = db_get_instant(rows, i, column++);
	message->lease_until = db_get_instant(rows, i, column++);
	message->finished_at = db_get_instant(rows, i, column++);
	struct str *const texts[] = { &message->channel, &message->role, &message->person, &message->address, &message->subject,
				      &message->text, &message->reason, &message->template_name, &message->locale };
	for (size_t t = 0; t < array_count(texts); t++)
		*texts[t] = str_copy(arena, db_get_text(rows, i, column++));
	message->template_version = (int32_t)db_get_int(rows, i, column++);
	struct str *const rest[] = { &message->policy, &message->rule, &message->why_name, &message->why_id, &message->why_about,
				     &message->cause_id, &message->cause_source, &message->traceparent, &message->tracestate };
	for (size_t t = 0; t < array_count(rest); t++)
		*rest[t] = str_copy(arena, db_get_text(rows, i, column++));
	message->held = str_copy(arena, db_get_text(rows, i, column++));
	message->uncertain = db_get_bool(rows, i, column++);
	message->desk = db_get_bool(rows, i, column++);
}

static void read_stranded(const struct db_result *rows, struct notification_memory *memory, struct arena *arena)
{
	memory->stranded = arena_zero(arena, (db_rows(rows) + 1) * sizeof(*memory->stranded));
	memory->stranded_count = db_rows(rows);
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct notification_message *message = &memory->stranded[i];
		struct str *const texts[] = { &message->id, &message->ticket, &message->cause_id, &message->cause_source,
					      &message->traceparent, &message->tracestate };

		for (size_t t = 0; t < array_count(texts); t++)
			*texts[t] = str_copy(arena, db_get_text(rows, i, (int)t));
	}
}

static void read_customers(const struct db_result *rows, struct notification_memory *memory, struct arena *arena)
{
	memory->customers = arena_zero(arena, (db_rows(rows) + 1) * sizeof(*memory->customers));
	memory->customer_count = db_rows(rows);
	for (size_t i = 0; i < db_rows(rows); i++) {
		memory->customers[i].id = str_copy(arena, db_get_text(rows, i, 0));
		memory->customers[i].data = str_copy(arena, db_get_text(rows, i, 1));
	}
	qsort(memory->customers, memory->customer_count, sizeof(*memory->customers), compare_str);
}

/* Places for what may come, sorted by key. */
static void memory_init(struct notification_memory *memory, struct notification_need *need, struct arena *arena)
{
	need->ticket_count = sorted_once(need->tickets, need->ticket_count);
	need->message_count = sorted_once(need->messages, need->message_count);
	need->customer_count = sorted_once(need->customers, need->customer_count);
	memory->counters = arena_zero(arena, (need->ticket_count + 1) * sizeof(*memory->counters));
	memory->counter_count = need->ticket_count;
	for (size_t i = 0; i < need->ticket_count; i++)
		memory->counters[i] = (struct notification_counter){ .ticket = need->tickets[i], .expected = INSTANT_NONE };
	memory->messages = arena_zero(arena, (need->message_count + 1) * sizeof(*memory->messages));
	memory->message_count = need->message_count;
	for (size_t i = 0; i < need->message_count; i++)
		memory->messages[i].id = need->messages[i];
}

static void read_messages(const struct db_result *rows, struct notification_memory *memory, struct arena *arena)
{
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct str id = db_get_text(rows, i, 0);
		struct notification_message *message =
			bsearch(&id, memory->messages, memory->message_count, sizeof(*memory->messages), compare_key);

		if (message)
			read_message(message, rows, i, arena);
	}
}

/* Held messages are found by way of their tickets' counters: a round of its own, for the few batches that have any. */
static enum verdict load_held(struct batch *batch, struct notification_memory *memory, struct fault *fault)
{
	struct notification_memory held = { 0 };
	struct notification_need need = { 0 };
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	enum verdict verdict;

	for (size_t i = 0; i < memory->counter_count; i++)
		for (struct str rest = memory->counters[i].held; rest.p;)
			notification_need_add(batch->arena, &need.messages, &need.message_count, &need.message_capacity,
					      str_cut(&rest, ' '));
	if (need.message_count == 0)
		return OK;
	for (size_t i = 0; i < memory->message_count; i++)
		notification_need_add(batch->arena, &need.messages, &need.message_count, &need.message_capacity, memory->messages[i].id);
	memory_init(&held, &need, batch->arena);
	db_int4(&params, batch->partition);
	db_text_array(&params, need.messages, need.message_count);
	verdict = db_run(batch->db, "notification_messages", &params, &rows, fault);
	if (verdict)
		return verdict;
	read_messages(rows, &held, batch->arena);
	memory->messages = held.messages;
	memory->message_count = held.message_count;
	return OK;
}

enum verdict notification_load(struct batch *batch, struct notification_need *need, bool desk, struct notification_memory *ret,
			       struct fault *fault)
{
	struct notification_memory memory = { 0 };
	size_t result = 0;
	enum verdict verdict;

	memory_init(&memory, need, batch->arena);
	if (need->ticket_count)
		queue_ids(batch, "notification_counters", true, need->tickets, need->ticket_count);
	if (need->message_count)
		queue_ids(batch, "notification_messages", true, need->messages, need->message_count);
	if (need->customer_count)
		queue_ids(batch, "notification_customers", false, need->customers, need->customer_count);
	if (batch->taken_anew) {
		struct db_params params = { .arena = batch->arena };

		db_int4(&params, batch->partition);
		db_bool(&params, desk);
		db_queue(batch->db, "notification_stranded", &params);
	}
	*ret = memory;
	if (!need->ticket_count && !need->message_count && !need->customer_count && !batch->taken_anew)
		return OK;
	verdict = db_sync(batch->db, fault);
	if (verdict)
		return verdict;
	if (need->ticket_count)
		read_counters(db_result(batch->db, result++), &memory, batch->arena);
	if (need->message_count)
		read_messages(db_result(batch->db, result++), &memory, batch->arena);
	if (need->customer_count)
		read_customers(db_result(batch->db, result++), &memory, batch->arena);
	if (batch->taken_anew)
		read_stranded(db_result(batch->db, result), &memory, batch->arena);
	verdict = load_held(batch, &memory, fault);
	if (verdict == OK)
		*ret = memory;
	return verdict;
}

/* ---- save ---- */

static void save_counters(struct batch *batch, const struct notification_memory *memory)
{
	struct notification_counter *changed = arena_alloc(batch->arena, (memory->counter_count + 1) * sizeof(*changed));
	struct db_params params = { .arena = batch->arena };
	size_t n = 0;

	for (size_t i = 0; i < memory->counter_count; i++)
		if (memory->counters[i].changed)
			changed[n++] = memory->counters[i];
	if (n == 0)
		return;
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &changed[0].ticket, sizeof(*changed), n);
	db_column_array(&params, DB_INT4, &changed[0].messages, sizeof(*changed), n);
	db_column_array(&params, DB_TEXT, &changed[0].told, sizeof(*changed), n);
	db_column_array(&params, DB_TEXT, &changed[0].option, sizeof(*changed), n);
	db_column_array(&params, DB_INSTANT, &changed[0].expected, sizeof(*changed), n);
	db_column_array(&params, DB_TEXT, &changed[0].held, sizeof(*changed), n);
	db_queue(batch->db, "notification_counters_save", &params);
}

static void save_messages(struct batch *batch, const struct notification_memory *memory)
{
	size_t most = memory->fresh_count + memory->message_count;
	struct notification_message *m = arena_alloc(batch->arena, (most + 1) * sizeof(*m));
	struct db_params params = { .arena = batch->arena };
	size_t n = 0, stride = sizeof(*m);

	for (size_t i = 0; i < memory->fresh_count; i++)
		m[n++] = memory->fresh[i];
	for (size_t i = 0; i < memory->message_count; i++)
		if (memory->messages[i].changed)
			m[n++] = memory->messages[i];
	if (n == 0)
		return;
	qsort(m, n, sizeof(*m), compare_str);
	for (size_t i = 0; i < n; i++) {
		m[i].state_name = str_of(states[m[i].state]);
		m[i].via_name = str_of(vias[m[i].via]);
	}
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &m->id, stride, n);
	db_column_array(&params, DB_TEXT, &m->ticket, stride, n);
	db_column_array(&params, DB_TEXT, &m->state_name, stride, n);
	db_column_array(&params, DB_TEXT, &m->via_name, stride, n);
	db_column_array(&params, DB_INT4, &m->attempts, stride, n);
	db_column_array(&params, DB_INSTANT, &m->requested_at, stride, n);
	db_column_array(&params, DB_INSTANT, &m->lease_until, stride, n);
	db_column_array(&params, DB_INSTANT, &m->finished_at, stride, n);
	const struct str *const texts[] = { &m->channel, &m->role, &m->person, &m->address, &m->subject, &m->text, &m->reason,
					    &m->template_name, &m->locale };
	for (size_t t = 0; t < array_count(texts); t++)
		db_column_array(&params, DB_TEXT, texts[t], stride, n);
	db_column_array(&params, DB_INT4, &m->template_version, stride, n);
	const struct str *const rest[] = { &m->policy, &m->rule, &m->why_name, &m->why_id, &m->why_about, &m->cause_id,
					   &m->cause_source, &m->traceparent, &m->tracestate };
	for (size_t t = 0; t < array_count(rest); t++)
		db_column_array(&params, DB_TEXT, rest[t], stride, n);
	db_column_array(&params, DB_TEXT, &m->held, stride, n);
	db_column_array(&params, DB_BOOL, &m->uncertain, stride, n);
	db_column_array(&params, DB_BOOL, &m->desk, stride, n);
	db_queue(batch->db, "notification_messages_save", &params);
}

void notification_save(struct batch *batch, struct notification_memory *memory)
{
	save_counters(batch, memory);
	save_messages(batch, memory);
}
