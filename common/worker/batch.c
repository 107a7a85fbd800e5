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
		if (kind != TOPIC_OUTSIDE && items[i].event.writer.p && source_repeat(inner->source, &items[i].event))
			inner->repeats++;
		else
			items[kept++] = items[i];
	}
	return kept;
}

/* What an earlier try left in the items that are done again. */
static void items_reset(struct item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		items[i].refused = items[i].refused_early;
		items[i].ordinal = 0;
	}
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
	if (source == worker->troubled)
		worker->troubled = NULL;
	if (work == WORK_TIMERS) {
		source->timers_at = source->row_at;
		worker->counters.timers += fired;
	}
	if (fired)
		worker->counters.lateness = worker_now(worker) - inner->batch.items[0].timer->due;
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

/* The service's part, then the outcome and COMMIT. */
static enum verdict batch_effects(struct batch_inner *inner, const struct published **ret_rows, size_t *ret_count,
				  struct fault *fault)
{
	struct worker *worker = inner->batch.worker;
	enum verdict verdict = inner->batch.count ? worker->service->handle(worker->state, &inner->batch, fault) : OK;
	if (verdict == OK)
		verdict = outcome_check(inner, fault);
	if (verdict == REJECT) {
		/* What was queued and not sent would cost the connection when it is rolled back. */
		struct fault ignored = FAULT_NONE;
		if (db_sync(worker->db, &ignored) && !db_connected(worker->db))
			verdict = RETRY;
	}
	if (verdict)
		return verdict;
	outcome_queue(inner, ret_rows, ret_count);
	db_queue_plain(worker->db, "COMMIT");
	return db_sync(worker->db, fault);
}

/* One transaction; rolled back unless OK. *count falls by the repeats that were dropped from `items`. `refuse_timer` (else
 * NULL) is what the database said to the one timer that is about to be fired. */
static enum verdict batch_transaction(struct worker *worker, struct source *source, enum work work, struct item *items,
				      size_t *count, int64_t next, size_t limit, const struct fault *refuse_timer,
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
		struct db_params id = { .arena = &worker->batch_arena };
		db_int(&id, source->id);
		db_queue(worker->db, "source_next_due", &id);
	}
	enum verdict verdict = db_sync(worker->db, fault);
	if (verdict) {
		db_rollback(worker->db);
		return verdict;
	}
	if (db_affected(db_result(worker->db, 1)) != 1) {
		/* Somebody else has taken the row: nothing in memory about it is true any more. */
		db_rollback(worker->db);
		worker->counters.retries++;
		source_forget(source);
		return OK;
	}
	size_t fired = 0;
	/* The gate is an instant no later than the earliest timer: what this batch sets can only bring it nearer. */
	instant gate = source->next_due;
	if (work == WORK_TIMERS) {
		size_t at = worker->service->topics[source->topic].kind == TOPIC_LOG_BESIDE ? 3 : 2;
		items = timer_items(db_result(worker->db, at), &worker->batch_arena);
		fired = db_rows(db_result(worker->db, at));
		gate = db_get_instant(db_result(worker->db, at + 1), 0, 0);
		if (refuse_timer && fired)
			item_refuse(&items[0], refuse_timer, &worker->batch_arena);
	}
	items_reset(items, work == WORK_TIMERS ? fired : *count);
	if (work == WORK_ITEMS)
		*count = batch_drop_repeats(&inner, items, *count);
	inner.batch.items = items;
	inner.batch.count = work == WORK_TIMERS ? fired : *count;
	const struct published *rows = NULL;
	size_t row_count = 0;
	verdict = batch_effects(&inner, &rows, &row_count, fault);
	if (verdict) {
		/* At once: a transaction left open would be committed by whoever comes next, its offset without its effects. */
		db_rollback(worker->db);
		source_marks_restore(source, marks, mark_count);
		source->anew = true;
		return verdict;
	}
	source->next_due = gate;
	batch_after_commit(&inner, work, next, rows, row_count, fired);
	return OK;
}

/* The same with a refusal of the database narrowed down to the item that causes it. *ret_done (may be NULL) counts the
 * items that are behind us, also when the verdict is not OK. */
static enum verdict batch_narrowed(struct worker *worker, struct source *source, enum work work, struct item *items,
				   size_t count, int64_t next, size_t *ret_done, struct fault *fault)
{
	size_t done = count;
	enum verdict verdict = batch_transaction(worker, source, work, items, &count, next, BATCH_EVENTS_MAX, NULL, fault);
	if (ret_done)
		*ret_done = verdict == OK && source->taken ? done : 0;
	if (verdict != REJECT)
		return verdict;
	for (size_t i = 0; i < count && source->taken; i++) {
		int64_t step = work != WORK_ITEMS ? next : i + 1 < count ? items[i].event.record.offset + 1 : next;
		size_t one = 1;
		*fault = FAULT_NONE;
		verdict = batch_transaction(worker, source, work, &items[i], &one, step, 1, NULL, fault);
		if (verdict == REJECT) {
			item_refuse(&items[i], fault, &worker->batch_arena);
			*fault = FAULT_NONE;
			verdict = batch_transaction(worker, source, work, &items[i], &one, step, 1, NULL, fault);
		}
		if (verdict)
			return verdict;
		if (ret_done && source->taken)
			*ret_done = i + 1;
	}
	return OK;
}

/* A compare-and-set of its own before a try. *ret_attempts (NULL: only the note) comes with the count that we have survived
 * and leaves with the one in force. */
static enum verdict careful_note(struct worker *worker, struct source *source, const char *statement, int64_t suspect_until,
				 int *ret_attempts, struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->epoch);
	db_int(&params, source->next_offset);
	db_int(&params, source->out_seq);
	db_int(&params, ret_attempts ? *ret_attempts : suspect_until);
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
				     int64_t next, struct arena *arena, struct fault *fault)
{
	for (size_t i = 0; i < count && source->taken; i++) {
		int64_t step = i + 1 < count ? items[i].event.record.offset + 1 : next, at = source->next_offset;
		/* A try that an outage ended was no crash: we live. It is not counted twice, unless somebody else counted too. */
		int attempts = source->survived_offset == at ? source->survived : -1;
		size_t one = 1;
		enum verdict verdict = careful_note(worker, source, "source_attempt", 0, &attempts, fault);
		if (verdict || !source->taken)
			return verdict;
		if (attempts > CRASHES_ALLOWED) {
			items[i].refused = items[i].refused_early = true;
			items[i].reason = REASON_POISON;
			items[i].detail = STR("the daemon crashed on it three times");
			/* Its name, for whoever looks; unless that is what kills. */
			if (items[i].unchecked && attempts == CRASHES_ALLOWED + 1)
				read_envelope(&items[i], arena);
			items[i].unchecked = false;
		}
		one = read_check(worker, source, &items[i], one, arena);
		verdict = batch_narrowed(worker, source, WORK_ITEMS, &items[i], one, step, NULL, fault);
		if (verdict || !source->taken) {
			source->survived_offset = at;
			source->survived = attempts;
			return verdict;
		}
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
		verdict = batch_one_by_one(worker, source, items, count, next, &held, fault);
	} else {
		if (source->careful) {
			verdict = careful_note(worker, source, "source_suspect", next, NULL, fault);
			if (verdict == OK && source->taken) {
				source->careful = false;
				source->suspect_until = -1;
			}
		}
		if (verdict == OK && source->taken) {
			count = read_check(worker, source, items, count, &held);
			verdict = batch_narrowed(worker, source, WORK_ITEMS, items, count, next, NULL, fault);
		}
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
	size_t done = 0;
	enum verdict verdict = batch_narrowed(worker, source, WORK_POSTINGS, items, count, source->next_offset, &done, fault);
	source_drop_postings(source, done);
	return verdict;
}

enum verdict batch_run_timers(struct worker *worker, struct source *source, struct fault *fault)
{
	int64_t next = source->next_offset;
	size_t none = 0;
	enum verdict verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, BATCH_EVENTS_MAX, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	/* One at a time; the one that is refused alone is fired as a dead letter. */
	*fault = FAULT_NONE;
	verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, 1, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	struct fault refusal = *fault;
	*fault = FAULT_NONE;
	return batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, 1, &refusal, fault);
}
