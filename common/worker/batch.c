/* One transaction of a source: compare-and-set, the service's handle, outbox and the rest, commit, publish.
 *
 * Downhill and nothing else: no decision about a ticket is made here and no record is read. What fails is rolled back
 * whole; an outage is for the loop to wait out; a refusal of the database is narrowed down to the one event that
 * causes it (architecture section 4, rules 1, 2 and 7). */
#include "common/worker/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/ident.h"

#define CRASHES_ALLOWED 3

enum work { WORK_ITEMS, WORK_POSTINGS, WORK_TIMERS };

/* Queues BEGIN and the compare-and-set; for rows beside a lane also that lane's lock. */
static void batch_queue_begin(struct worker *worker, struct source *source, int64_t next)
{
	struct db_params cas = { .arena = &worker->batch_arena };
	db_int(&cas, source->id);
	db_int(&cas, source->epoch);
	db_int(&cas, source->next_offset);
	db_int(&cas, source->out_seq);
	db_int(&cas, next);
	db_int(&cas, source->acked);
	db_int(&cas, next >= source->suspect_until ? -1 : source->suspect_until);
	db_queue_plain(worker->db, "BEGIN");
	db_queue(worker->db, "source_advance", &cas);
	const struct service_topic *topics = worker->service->topics;
	if (topics[source->topic].kind != TOPIC_LOG_BESIDE)
		return;
	for (int i = 0; topics[i].name; i++) {
		if (topics[i].kind != TOPIC_LOG)
			continue;
		struct db_params lane = { .arena = &worker->batch_arena };
		db_text(&lane, str_of(topics[i].name));
		db_int4(&lane, source->partition);
		db_queue(worker->db, "source_lock_beside", &lane);
		return;
	}
}

static int compare_timers(const void *a, const void *b)
{
	const struct timer *left = ((const struct item *)a)->timer;
	const struct timer *right = ((const struct item *)b)->timer;
	if (left->due != right->due)
		return left->due < right->due ? -1 : 1;
	return str_cmp(left->key, right->key);
}

/* The fired rows as items in due order, copied: the result does not outlive the next statement. */
static struct item *timer_items(const struct db_result *rows, struct arena *arena)
{
	size_t count = db_rows(rows);
	struct item *items = arena_zero(arena, (count + 1) * sizeof(*items));
	struct timer *timers = arena_zero(arena, (count + 1) * sizeof(*timers));
	for (size_t i = 0; i < count; i++) {
		timers[i] = (struct timer){
			.key = str_copy(arena, db_get_text(rows, i, 0)),
			.due = db_get_instant(rows, i, 1),
			.kind = str_copy(arena, db_get_text(rows, i, 2)),
			.ticket = str_copy(arena, db_get_text(rows, i, 3)),
			.data = str_copy(arena, db_get_text(rows, i, 4)),
			.cause_id = str_copy(arena, db_get_text(rows, i, 5)),
			.cause_source = str_copy(arena, db_get_text(rows, i, 6)),
			.traceparent = str_copy(arena, db_get_text(rows, i, 7)),
			.tracestate = str_copy(arena, db_get_text(rows, i, 8)),
		};
		items[i].timer = &timers[i];
		items[i].event.time = INSTANT_NONE;
	}
	if (count)
		qsort(items, count, sizeof(*items), compare_timers);
	return items;
}

/* Drops what readers before us have seen; keeps order. Returns how many are left. */
static size_t batch_drop_repeats(struct batch_inner *inner, struct item *items, size_t count)
{
	enum topic_kind kind = inner->batch.worker->service->topics[inner->source->topic].kind;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct item *item = &items[i];
		if (kind != TOPIC_OUTSIDE && item->event.writer.p && source_repeat(inner->source, &item->event)) {
			inner->repeats++;
			continue;
		}
		if (!item->refused_early)
			item->refused = false;
		item->ordinal = 0;
		items[kept++] = *item;
	}
	return kept;
}

static void item_refuse(struct item *item, const struct fault *fault, struct arena *arena)
{
	item->refused = item->refused_early = true;
	item->reason = fault->reason ? fault->reason : REASON_POISON;
	item->detail = str_copy(arena, str_of(fault->text));
}

static void batch_after_commit(struct batch_inner *inner, enum work work, int64_t next, const struct published *rows,
			       size_t count, size_t fired)
{
	struct worker *worker = inner->batch.worker;
	struct source *source = inner->source;
	source->next_offset = next;
	source->published_seq = source->acked;
	source->out_seq += (int64_t)count;
	source->row_at = worker->committed_at = worker_monotonic();
	source->anew = false;
	if (next >= source->suspect_until)
		source->suspect_until = -1;
	for (size_t i = 0; i < source->mark_count; i++)
		source->marks[i].changed = false;
	if (work == WORK_TIMERS) {
		source->timers_at = source->row_at;
		worker->counters.timers += fired;
	}
	for (size_t i = 0; i < inner->timer_count; i++) {
		const struct timer_change *change = &inner->timers[i];
		if (!change->cancel && (source->next_due == INSTANT_NONE || change->timer.due < source->next_due))
			source->next_due = change->timer.due;
	}
	for (size_t i = 0; i < inner->batch.count; i++)
		worker->counters.refused += inner->batch.items[i].refused;
	worker->counters.batches++;
	worker->counters.events += work == WORK_ITEMS ? inner->batch.count : 0;
	worker->counters.repeats += inner->repeats;
	worker->counters.facts += count;
	publish_rows(worker, source, rows, count);
}

/* One transaction. `refuse_timer` (else NULL) is what the database said to the one timer that is about to be fired. */
static enum verdict batch_transaction(struct worker *worker, struct source *source, enum work work, struct item *items,
				      size_t count, int64_t next, size_t limit, const struct fault *refuse_timer,
				      struct fault *fault)
{
	struct batch_inner inner = {
		.batch = { .worker = worker, .arena = &worker->batch_arena, .db = worker->db,
			   .topic = worker->service->topics[source->topic].name, .partition = source->partition,
			   .source_id = source->id, .taken_anew = source->anew },
		.source = source,
	};
	size_t mark_count;
	struct mark *marks = source_marks_save(source, &worker->batch_arena, &mark_count);
	inner.batch.now = worker_now(worker);

	batch_queue_begin(worker, source, next);
	if (work == WORK_TIMERS) {
		struct db_params fire = { .arena = &worker->batch_arena };
		db_int(&fire, source->id);
		db_instant(&fire, inner.batch.now);
		db_int(&fire, (int64_t)limit);
		db_queue(worker->db, "timer_fire", &fire);
	}
	enum verdict verdict = db_sync(worker->db, fault);
	if (verdict)
		return verdict;
	if (db_affected(db_result(worker->db, 1)) != 1) {
		/* Somebody else has taken the row: nothing in memory about it is true any more. */
		db_rollback(worker->db);
		worker->counters.retries++;
		source_forget(source);
		return OK;
	}
	size_t fired = 0;
	if (work == WORK_TIMERS) {
		bool beside = worker->service->topics[source->topic].kind == TOPIC_LOG_BESIDE;
		const struct db_result *rows = db_result(worker->db, beside ? 3 : 2);
		items = timer_items(rows, &worker->batch_arena);
		count = fired = db_rows(rows);
		if (refuse_timer && count)
			item_refuse(&items[0], refuse_timer, &worker->batch_arena);
	}
	inner.batch.items = items;
	inner.batch.count = work == WORK_ITEMS ? batch_drop_repeats(&inner, items, count) : count;
	/* The gate is an instant no later than the earliest timer: what this batch sets can only bring it nearer. */
	instant gate = source->next_due;
	verdict = inner.batch.count ? worker->service->handle(worker->state, &inner.batch, fault) : OK;
	const struct published *rows = NULL;
	size_t row_count = 0;
	if (verdict == OK) {
		outcome_queue(&inner, &rows, &row_count);
		struct db_params id = { .arena = &worker->batch_arena };
		db_int(&id, source->id);
		if (work == WORK_TIMERS)
			db_queue(worker->db, "source_next_due", &id);
		db_queue_plain(worker->db, "COMMIT");
		verdict = db_sync(worker->db, fault);
	}
	if (verdict) {
		source_marks_restore(source, marks, mark_count);
		source->next_due = gate;
		return verdict;
	}
	/* What is earliest now stands before COMMIT's answer; a lane that is never idle has no other way to learn it. */
	if (work == WORK_TIMERS)
		source->next_due = db_get_instant(db_result(worker->db, db_result_count(worker->db) - 2), 0, 0);
	batch_after_commit(&inner, work, next, rows, row_count, fired);
	return OK;
}

/* The same with a refusal of the database narrowed down to the item that causes it. */
static enum verdict batch_narrowed(struct worker *worker, struct source *source, enum work work, struct item *items,
				   size_t count, int64_t next, struct fault *fault)
{
	enum verdict verdict = batch_transaction(worker, source, work, items, count, next, BATCH_EVENTS_MAX, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	db_rollback(worker->db);
	for (size_t i = 0; i < count && source->taken; i++) {
		int64_t step = work != WORK_ITEMS ? next : i + 1 < count ? items[i].event.record.offset + 1 : next;
		*fault = FAULT_NONE;
		verdict = batch_transaction(worker, source, work, &items[i], 1, step, 1, NULL, fault);
		if (verdict == REJECT) {
			db_rollback(worker->db);
			item_refuse(&items[i], fault, &worker->batch_arena);
			*fault = FAULT_NONE;
			verdict = batch_transaction(worker, source, work, &items[i], 1, step, 1, NULL, fault);
		}
		if (verdict)
			return verdict;
	}
	return OK;
}

/* A compare-and-set of its own before a try: returns false when the row is not ours. */
static enum verdict careful_note(struct worker *worker, struct source *source, const char *statement, int64_t suspect_until,
				 int *ret_attempts, struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->epoch);
	db_int(&params, source->next_offset);
	db_int(&params, source->out_seq);
	if (!ret_attempts)
		db_int(&params, suspect_until);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, statement, &params, &rows, fault);
	if (verdict)
		return verdict;
	if (db_affected(rows) != 1) {
		worker->counters.retries++;
		source_forget(source);
		return OK;
	}
	if (ret_attempts)
		*ret_attempts = (int)db_get_int(rows, 0, 0);
	return OK;
}

/* Another process died over this row. Its first batch is tried with a note in the row; if that dies too, the take after it
 * finds the note and comes here with one event at a time, each counted before it is tried. */
static enum verdict batch_one_by_one(struct worker *worker, struct source *source, struct item *items, size_t count,
				     int64_t next, struct fault *fault)
{
	for (size_t i = 0; i < count && source->taken; i++) {
		int64_t step = i + 1 < count ? items[i].event.record.offset + 1 : next;
		int attempts = 0;
		enum verdict verdict = careful_note(worker, source, "source_attempt", 0, &attempts, fault);
		if (verdict || !source->taken)
			return verdict;
		if (attempts > CRASHES_ALLOWED) {
			items[i].refused = items[i].refused_early = true;
			items[i].reason = REASON_POISON;
			items[i].detail = STR("the daemon crashed on it three times");
		}
		verdict = batch_narrowed(worker, source, WORK_ITEMS, &items[i], 1, step, fault);
		if (verdict)
			return verdict;
	}
	return OK;
}

enum verdict batch_run_items(struct worker *worker, struct source *source, struct fault *fault)
{
	struct item *items = source->items;
	size_t count = source->count;
	int64_t next = items[count - 1].event.record.offset + 1;
	if (source->skipped_to > next)
		next = source->skipped_to;
	/* While the database works, more is read into the source: it gets the spare arena, we keep what is in this one. */
	struct arena held = source->arena;
	source->arena = worker->spare_arena;
	worker->spare_arena = (struct arena){ 0 };
	source->items = NULL;
	source->count = source->capacity = source->bytes = 0;

	enum verdict verdict = OK;
	if (source->suspect_until > source->next_offset) {
		verdict = batch_one_by_one(worker, source, items, count, next, fault);
	} else {
		if (source->careful) {
			verdict = careful_note(worker, source, "source_suspect", next, NULL, fault);
			if (verdict == OK && source->taken) {
				source->careful = false;
				source->suspect_until = -1;
			}
		}
		if (verdict == OK && source->taken)
			verdict = batch_narrowed(worker, source, WORK_ITEMS, items, count, next, fault);
	}
	arena_reset(&held);
	worker->spare_arena = held;
	return verdict;
}

enum verdict batch_run_postings(struct worker *worker, struct source *source, struct fault *fault)
{
	size_t count = 0;
	for (struct posting *posting = source->postings; posting; posting = posting->next)
		count++;
	if (count > BATCH_EVENTS_MAX)
		count = BATCH_EVENTS_MAX;
	struct item *items = arena_zero(&worker->batch_arena, count * sizeof(*items));
	struct posting *posting = source->postings;
	for (size_t i = 0; i < count; i++, posting = posting->next) {
		items[i].posted = true;
		items[i].event.name = str_copy(&worker->batch_arena, posting->name);
		items[i].event.data = str_copy(&worker->batch_arena, posting->body);
		items[i].event.time = INSTANT_NONE;
		struct fault ignored = FAULT_NONE;
		if (posting->body.n && event_parse(&items[i].event, &worker->batch_arena, &ignored))
			return fault_set(fault, FATAL, "a posting \"%.*s\" of the service is no JSON", STR_ARG(posting->name));
	}
	enum verdict verdict = batch_narrowed(worker, source, WORK_POSTINGS, items, count, source->next_offset, fault);
	for (size_t i = 0; verdict == OK && source->taken && i < count; i++) {
		struct posting *done = source->postings;
		source->postings = done->next;
		mem_free((void *)(uintptr_t)done->name.p);
		mem_free((void *)(uintptr_t)done->body.p);
		mem_free(done);
	}
	return verdict;
}

enum verdict batch_run_timers(struct worker *worker, struct source *source, struct fault *fault)
{
	int64_t next = source->next_offset;
	enum verdict verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, 0, next, BATCH_EVENTS_MAX, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	/* One at a time; the one that is refused alone is fired as a dead letter. */
	db_rollback(worker->db);
	*fault = FAULT_NONE;
	verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, 0, next, 1, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	db_rollback(worker->db);
	struct fault refusal = *fault;
	*fault = FAULT_NONE;
	return batch_transaction(worker, source, WORK_TIMERS, NULL, 0, next, 1, &refusal, fault);
}
