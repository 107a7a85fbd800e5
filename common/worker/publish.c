/* Publishing: committed facts go to the producer in the order of their seq; what the broker has acknowledged without a
 * gap is the watermark that the next compare-and-set writes.
 *
 * Only rows whose commit is known come here. After a failure nothing behind it may go out: the loop renews the producer
 * and takes every source anew, which reads the outbox from the durable watermark (architecture section 4, rule 5). */
#include "common/worker/inner.h"

#include <string.h>

#include "common/io/journal.h"

/* Room in the ring of acknowledgements for everything up to `seq`. */
static void acks_reserve(struct source *source, int64_t seq)
{
	size_t need = (size_t)(seq - source->acked) + 1;
	if (need <= source->ack_capacity)
		return;
	size_t capacity = source->ack_capacity ? source->ack_capacity : 1024;
	while (capacity < need)
		capacity *= 2;
	unsigned char *ring = mem_zero(capacity);
	for (int64_t s = source->acked + 1; s <= source->produced; s++)
		ring[(size_t)s & (capacity - 1)] = source->acks ? source->acks[(size_t)s & (source->ack_capacity - 1)] : 0;
	mem_free(source->acks);
	source->acks = ring;
	source->ack_capacity = capacity;
}

bool publish_has_room(const struct worker *worker)
{
	return bus_outstanding(worker->bus) < (size_t)worker->conf.outstanding_max;
}

/* A rule broken: each copy of a fact has the incarnation of the day. */
static const struct bus_header *with_incarnation(const struct bus_header *headers, size_t count, int64_t incarnation,
						 struct arena *arena)
{
	struct bus_header *changed = arena_copy(arena, headers, count * sizeof(*headers));
	for (size_t i = 0; i < count; i++) {
		if (str_is(changed[i].name, "ce_incarnation"))
			changed[i].value = str_format(arena, "%lld", (long long)incarnation);
	}
	return changed;
}

static enum verdict publish_one(struct worker *worker, struct source *source, const struct published *row,
				struct fault *fault)
{
	const struct bus_header *headers = NULL;
	size_t count = 0;
	enum verdict verdict = event_headers_unpack(row->headers, &worker->batch_arena, &headers, &count, fault);
	if (verdict)
		return verdict;
	int64_t seq = source->produced + 1;
	if (!RULE("r4-row-incarnation"))
		headers = with_incarnation(headers, count, source->incarnation, &worker->batch_arena);
	acks_reserve(source, seq);
	if (FAILPOINT_FAILS("publish.before"))
		return fault_set(fault, RETRY, "failpoint publish.before");
	verdict = bus_produce(worker->bus, row->topic, row->partition, row->key, row->value, headers, count,
			      source->generation, seq, fault);
	if (verdict == OK) {
		source->acks[(size_t)seq & (source->ack_capacity - 1)] = 0;
		source->produced = seq;
	}
	FAILPOINT("publish.after");
	return verdict;
}

/* The producer is of no use any more, or cannot take what is next. */
static void publish_failed(struct worker *worker, const struct source *source, const struct fault *fault)
{
	if (!worker->producer_failed)
		journal_error("%s: fact %lld: %s; the producer is made anew and goes on at the last acknowledged fact",
			      source->writer, (long long)source->produced + 1, fault->text);
	worker->producer_failed = true;
}

void publish_rows(struct worker *worker, struct source *source, const struct published *rows, size_t count)
{
	/* What does not go in now is in the outbox: publish_reload brings it, in order. Nothing may pass what an earlier
	 * transaction of this turn could not hand over. */
	if (worker->producer_failed || source->produced + (int64_t)count != source->out_seq)
		return;
	for (size_t i = 0; i < count; i++) {
		struct fault fault = FAULT_NONE;
		enum verdict verdict = publish_one(worker, source, &rows[i], &fault);
		if (verdict == RETRY)
			return;
		if (verdict) {
			publish_failed(worker, source, &fault);
			return;
		}
	}
}

/* A hole in the outbox. Whoever has taken the row since may have published and cleared what we look for: only under our epoch
 * is it a lost fact, and nothing may be published before somebody has looked. */
static enum verdict publish_hole(struct worker *worker, struct source *source, const char *what, int64_t seq, struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->epoch);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, "source_ours", &params, &rows, fault);
	if (verdict)
		return verdict;
	if (db_rows(rows) == 1 || !RULE("r4-hole-epoch"))
		return fault_set(fault, FATAL, "%s: the outbox %s %lld: a fact would be lost; nothing is published until an operator "
				 "has looked", source->writer, what, (long long)seq);
	worker->counters.retries++;
	source_forget(source);
	return OK;
}

enum verdict publish_reload(struct worker *worker, struct source *source, struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->produced);
	db_int(&params, source->out_seq);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, "outbox_unpublished", &params, &rows, fault);
	FAILPOINT_VERDICT("reload.read", verdict, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		int64_t seq = db_get_int(rows, i, 0);
		/* Rows that retention has cleared were acknowledged; a hole above the watermark would be a lost fact. */
		if (seq != source->produced + 1)
			return publish_hole(worker, source, "has no row", source->produced + 1, fault);
		struct published row = {
			.topic = str_z(&worker->batch_arena, db_get_text(rows, i, 1)),
			.partition = (int32_t)db_get_int(rows, i, 2),
			.key = db_get_text(rows, i, 3),
			.headers = db_get_text(rows, i, 4),
			.value = db_get_text(rows, i, 5),
		};
		if (!RULE("r4-row-partition"))
			row.partition = worker_lane(worker, row.key);
		verdict = publish_one(worker, source, &row, fault);
		if (verdict == RETRY)
			return OK;
		if (verdict) {
			publish_failed(worker, source, fault);
			return OK;
		}
	}
	if (db_rows(rows) == 0)
		return publish_hole(worker, source, "ends before row", source->out_seq, fault);
	return OK;
}

void publish_acknowledged(struct worker *worker, uint64_t generation, int64_t seq)
{
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		if (source->generation != generation)
			continue;
		if (!source->taken || seq <= source->acked || seq > source->produced)
			return;
		source->acks[(size_t)seq & (source->ack_capacity - 1)] = 1;
		if (!RULE("r4-wm-contiguous"))
			source->acked = seq;
		while (source->acked < source->produced &&
		       source->acks[(size_t)(source->acked + 1) & (source->ack_capacity - 1)]) {
			source->acked++;
			source->acks[(size_t)source->acked & (source->ack_capacity - 1)] = 0;
		}
		FAILPOINT("report.counted");
		worker->counters.acknowledged++;
		return;
	}
	/* No source has this generation any more: the acknowledgement belongs to an older take and does not count. */
}
