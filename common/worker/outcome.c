/* What a batch leaves behind: outbox rows, dead letters, timers and marks, each kind as one statement, queued for the
 * batch's commit. Sequence numbers are given here: the row of the source is locked, so they are gap-free. */
#include "common/worker/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEAD_BYTES_MAX 3500000u
/* Of a fact: below what a broker takes unless it is told otherwise. */
#define FACT_BYTES_MAX 900000

struct rows {
	struct published *items;
	size_t count, capacity;
};

static struct str pack_headers(struct batch_inner *inner, const struct outgoing *outgoing, int64_t seq)
{
	struct buf buf = { 0 };
	event_encode_headers(outgoing, str_of(inner->source->writer), inner->source->incarnation, seq, &buf);
	struct str packed = str_copy(inner->batch.arena, buf_view(&buf));
	buf_done(&buf);
	return packed;
}

static void rows_add(struct batch_inner *inner, struct rows *rows, const struct outgoing *outgoing)
{
	arena_grow(inner->batch.arena, &rows->items, &rows->capacity, rows->count + 1, sizeof(*rows->items));
	int64_t seq = inner->source->out_seq + 1 + (int64_t)rows->count;
	rows->items[rows->count++] = (struct published){
		.topic = outgoing->topic,
		.partition = outgoing->partition,
		.key = outgoing->key,
		.headers = pack_headers(inner, outgoing, seq),
		.value = outgoing->body,
	};
}

/* ---- dead letters ---- */

struct dead_columns {
	struct str *topic, *reason, *detail, *event_id, *event_source, *event_type, *key, *headers, *value;
	int32_t *partition;
	int64_t *offset;
	size_t count;
};

/* Where the input came from: a copy of a claim names its own origin. */
static void dead_origin(const struct batch_inner *inner, const struct item *item, struct str *ret_topic,
			int32_t *ret_partition, int64_t *ret_offset)
{
	*ret_topic = str_of(inner->batch.topic);
	*ret_partition = inner->batch.partition;
	*ret_offset = item->timer || item->posted ? -1 : item->event.record.offset;
	struct str rest = item->event.origin;
	/* Outside, anybody can write such a header. */
	if (!rest.p || inner->batch.worker->service->topics[inner->source->topic].kind == TOPIC_OUTSIDE)
		return;
	struct str topic = str_cut(&rest, '/');
	struct str partition = str_cut(&rest, '/');
	int64_t number = 0, offset = 0;
	if (!str_int64(partition, &number) || !str_int64(rest, &offset))
		return;
	*ret_topic = topic;
	*ret_partition = (int32_t)number;
	*ret_offset = offset;
}

static struct bus_header *dead_headers(struct batch_inner *inner, const struct item *item, struct str topic,
				       int32_t partition, int64_t offset, size_t *ret_count)
{
	struct arena *arena = inner->batch.arena;
	const struct bus_record *record = &item->event.record;
	struct bus_header *headers = arena_alloc(arena, (record->header_count + 8) * sizeof(*headers));
	if (record->header_count)
		memcpy(headers, record->headers, record->header_count * sizeof(*headers));
	size_t n = record->header_count;
	char *at = arena_alloc(arena, INSTANT_TEXT);
	headers[n++] = (struct bus_header){ STR("dl_reason"), str_of(reason_name(item->reason)) };
	headers[n++] = (struct bus_header){ STR("dl_detail"), item->detail };
	headers[n++] = (struct bus_header){ STR("dl_service"), str_of(inner->batch.worker->service->name) };
	headers[n++] = (struct bus_header){ STR("dl_topic"), topic };
	headers[n++] = (struct bus_header){ STR("dl_partition"), str_format(arena, "%d", partition) };
	headers[n++] = (struct bus_header){ STR("dl_offset"), str_format(arena, "%lld", (long long)offset) };
	headers[n++] = (struct bus_header){ STR("dl_time"), instant_format(inner->batch.now, at) };
	*ret_count = n;
	return headers;
}

static struct dead_columns dead_columns_new(struct arena *arena, size_t n)
{
	struct str *space = arena_zero(arena, 9 * n * sizeof(*space));
	return (struct dead_columns){ .topic = space, .reason = space + n, .detail = space + 2 * n, .event_id = space + 3 * n,
				      .event_source = space + 4 * n, .event_type = space + 5 * n, .key = space + 6 * n,
				      .headers = space + 7 * n, .value = space + 8 * n,
				      .partition = arena_zero(arena, n * sizeof(int32_t)),
				      .offset = arena_zero(arena, n * sizeof(int64_t)) };
}

/* PostgreSQL's text takes neither U+0000 nor anything but UTF-8; what came from outside may be both. */
static struct str storable(struct str text)
{
	return text.p && str_utf8(text) && !memchr(text.p, 0, text.n) ? text : STR_NONE;
}

/* A record that no topic takes would stop the source for ever: beyond the limit only the database keeps the bytes. */
static bool dead_fits(const struct bus_record *record)
{
	size_t size = record->key.n + record->value.n;
	for (size_t i = 0; i < record->header_count; i++)
		size += record->headers[i].name.n + record->headers[i].value.n;
	return size <= DEAD_BYTES_MAX;
}

static void dead_add(struct batch_inner *inner, struct dead_columns *dead, struct rows *rows, const struct item *item)
{
	size_t i = dead->count++, header_count;
	int32_t partition;
	dead_origin(inner, item, &dead->topic[i], &partition, &dead->offset[i]);
	/* No record: a number of its own below zero, by which readers tell one such dead letter from another. */
	if (dead->offset[i] < 0)
		dead->offset[i] = -(inner->source->out_seq + 1 + (int64_t)rows->count);
	dead->partition[i] = partition;
	dead->reason[i] = str_of(reason_name(item->reason));
	dead->detail[i] = item->detail;
	dead->event_id[i] = storable(item->event.id);
	dead->event_source[i] = storable(item->event.source);
	dead->event_type[i] = item->timer ? item->timer->kind : storable(item->event.type);
	dead->key[i] = item->event.record.key;
	dead->value[i] = item->event.record.value;
	const struct outgoing original = { .bare = true, .extra = item->event.record.headers,
					   .extra_count = item->event.record.header_count };
	dead->headers[i] = pack_headers(inner, &original, 0);
	struct item published = *item;
	if (!dead_fits(&item->event.record)) {
		published.event.record = (struct bus_record){ 0 };
		published.detail = str_format(inner->batch.arena, "%.*s; too large to be published, its bytes are in the database: "
					      "aftercarectl dead show", STR_ARG(item->detail));
	}
	const struct bus_header *headers =
		dead_headers(inner, &published, dead->topic[i], partition, dead->offset[i], &header_count);
	const struct outgoing out = { .bare = true, .topic = TOPIC_DEAD,
				      .partition = inner->batch.partition % worker_partitions(inner->batch.worker, TOPIC_DEAD),
				      .key = published.event.record.key, .body = published.event.record.value,
				      .extra = headers, .extra_count = header_count };
	rows_add(inner, rows, &out);
}

void outcome_split(struct batch_inner *inner)
{
	db_queue_plain(inner->batch.db, "COMMIT");
	db_queue_plain(inner->batch.db, "BEGIN");
}

static void queue_dead(struct batch_inner *inner, struct rows *rows)
{
	const struct batch *batch = &inner->batch;
	size_t refused = 0;
	for (size_t i = 0; i < batch->count; i++)
		refused += batch->items[i].refused;
	if (refused == 0)
		return;
	struct dead_columns dead = dead_columns_new(batch->arena, refused);
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].refused)
			dead_add(inner, &dead, rows, &batch->items[i]);
	}
	struct db_params params = { .arena = batch->arena };
	db_instant(&params, batch->now);
	db_text_array(&params, dead.topic, refused);
	db_int4_array(&params, dead.partition, refused);
	db_int_array(&params, dead.offset, refused);
	db_text_array(&params, dead.reason, refused);
	db_text_array(&params, dead.detail, refused);
	db_text_array(&params, dead.event_id, refused);
	db_text_array(&params, dead.event_source, refused);
	db_text_array(&params, dead.event_type, refused);
	db_bytes_array(&params, dead.key, refused);
	db_bytes_array(&params, dead.headers, refused);
	db_bytes_array(&params, dead.value, refused);
	FAILPOINT("dead.letter");
	if (!RULE("r6-dead-letter-apart"))
		outcome_split(inner);
	db_queue(batch->db, "dead_letter_insert", &params);
}

/* ---- outbox ---- */

static void queue_outbox(struct batch_inner *inner, const struct rows *rows)
{
	struct db *db = inner->batch.db;
	struct arena *arena = inner->batch.arena;
	if (rows->count == 0)
		return;
	struct str *topics = arena_alloc(arena, rows->count * sizeof(*topics));
	for (size_t i = 0; i < rows->count; i++)
		topics[i] = str_of(rows->items[i].topic);
	if (!RULE("r4-outbox-apart"))
		outcome_split(inner);
	size_t stride = sizeof(*rows->items);
	struct db_params params = { .arena = arena };
	db_int(&params, inner->source->id);
	db_int(&params, inner->source->out_seq);
	db_int(&params, inner->source->incarnation);
	db_text_array(&params, topics, rows->count);
	db_column_array(&params, DB_INT4, &rows->items[0].partition, stride, rows->count);
	db_column_array(&params, DB_BYTES, &rows->items[0].key, stride, rows->count);
	db_column_array(&params, DB_BYTES, &rows->items[0].headers, stride, rows->count);
	db_column_array(&params, DB_BYTES, &rows->items[0].value, stride, rows->count);
	db_queue(db, "outbox_insert", &params);
	struct db_params issue = { .arena = arena };
	db_int(&issue, inner->source->id);
	db_int(&issue, (int64_t)rows->count);
	db_queue(db, "source_issue", &issue);
}

/* ---- timers ---- */

static int compare_changes(const void *a, const void *b)
{
	const struct timer_change *left = a, *right = b;
	int order = str_cmp(left->timer.key, right->timer.key);
	return order ? order : left->order < right->order ? -1 : left->order > right->order;
}

/* Keeps the last change of each key, sorted by key; returns how many. */
static size_t timers_settle(struct timer_change *changes, size_t count)
{
	if (count)
		qsort(changes, count, sizeof(*changes), compare_changes);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(changes[i].timer.key, changes[i + 1].timer.key))
			continue;
		changes[kept++] = changes[i];
	}
	return kept;
}

static void queue_timers(struct batch_inner *inner)
{
	struct arena *arena = inner->batch.arena;
	size_t count = inner->timer_count = timers_settle(inner->timers, inner->timer_count);
	if (count && !RULE("t-apart"))
		outcome_split(inner);
	struct str *cancelled = arena_alloc(arena, (count + 1) * sizeof(*cancelled));
	struct timer *set = arena_alloc(arena, (count + 1) * sizeof(*set));
	size_t cancels = 0, sets = 0;
	for (size_t i = 0; i < count; i++) {
		if (inner->timers[i].cancel)
			cancelled[cancels++] = inner->timers[i].timer.key;
		else
			set[sets++] = inner->timers[i].timer;
	}
	if (cancels) {
		struct db_params params = { .arena = arena };
		db_int(&params, inner->source->id);
		db_text_array(&params, cancelled, cancels);
		db_queue(inner->batch.db, "timer_cancel", &params);
	}
	if (sets == 0)
		return;
	size_t stride = sizeof(*set);
	struct db_params params = { .arena = arena };
	db_int(&params, inner->source->id);
	db_column_array(&params, DB_TEXT, &set[0].key, stride, sets);
	db_column_array(&params, DB_INSTANT, &set[0].due, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].kind, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].ticket, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].data, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].cause_id, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].cause_source, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].traceparent, stride, sets);
	db_column_array(&params, DB_TEXT, &set[0].tracestate, stride, sets);
	db_queue(inner->batch.db, "timer_set", &params);
}

static void queue_marks(struct batch_inner *inner)
{
	const struct source *source = inner->source;
	struct arena *arena = inner->batch.arena;
	struct mark *changed = arena_alloc(arena, (source->mark_count + 1) * sizeof(*changed));
	size_t count = 0;
	for (size_t i = 0; i < source->mark_count; i++) {
		if (source->marks[i].changed)
			changed[count++] = source->marks[i];
	}
	if (count == 0)
		return;
	if (!RULE("r5-effect-first"))
		outcome_split(inner);
	struct db_params params = { .arena = arena };
	db_int(&params, source->id);
	db_column_array(&params, DB_TEXT, &changed[0].writer, sizeof(*changed), count);
	db_column_array(&params, DB_INT, &changed[0].incarnation, sizeof(*changed), count);
	db_column_array(&params, DB_INT, &changed[0].sequence, sizeof(*changed), count);
	db_queue(inner->batch.db, "mark_save", &params);
}

static size_t outgoing_size(const struct outgoing *out)
{
	size_t size = out->key.n + out->body.n + out->subject.n + out->id.n + out->traceparent.n + out->tracestate.n +
		      out->cause_id.n + out->cause_source.n;
	for (size_t h = 0; h < out->extra_count; h++)
		size += out->extra[h].name.n + out->extra[h].value.n;
	return size;
}

enum verdict outcome_check(struct batch_inner *inner, struct fault *fault)
{
	for (size_t i = 0; i < inner->emission_count; i++) {
		const struct emission *emission = &inner->emissions[i];
		size_t size = outgoing_size(&emission->outgoing);
		if (emission->withdrawn || size <= FACT_BYTES_MAX)
			continue;
		struct fault own = FAULT_NONE;
		(void)fault_reject(&own, REASON_TOO_LARGE, "its %.*s would have %zu bytes, at most %d",
				   STR_ARG(emission->outgoing.name), size, FACT_BYTES_MAX);
		if (!emission->item->refused_early)
			item_refuse(emission->item, &own, inner->batch.arena);
		if (fault->verdict == OK)
			*fault = own;
	}
	return fault->verdict;
}

void outcome_queue(struct batch_inner *inner, const struct published **ret_rows, size_t *ret_count)
{
	struct rows rows = { 0 };
	for (size_t i = 0; i < inner->emission_count; i++) {
		if (!inner->emissions[i].withdrawn)
			rows_add(inner, &rows, &inner->emissions[i].outgoing);
	}
	queue_dead(inner, &rows);
	FAILPOINT("outcome.dead");
	queue_outbox(inner, &rows);
	FAILPOINT("outcome.outbox");
	queue_timers(inner);
	FAILPOINT("outcome.timers");
	queue_marks(inner);
	FAILPOINT("outcome.marks");
	*ret_rows = rows.items;
	*ret_count = rows.count;
}
