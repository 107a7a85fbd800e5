/* One transaction of a source: compare-and-set, the service's handle, outbox and the rest, commit, publish.
 *
 * Downhill and nothing else: no decision about a ticket is made here and no record is read. What fails is rolled back
 * whole; an outage is for the loop to wait out; what is refused is for narrow.c (architecture section 4, rules 1, 2 and 7). */
#include "common/worker/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/ident.h"

/* Queues BEGIN and the compare-and-set; for rows beside a lane also that lane's lock. */
static void batch_queue_begin(struct worker *worker, struct source *source, enum work work, int64_t next)
{
	struct db_params cas = { .arena = &worker->batch_arena };
	db_int(&cas, source->id);
	db_int(&cas, source->epoch);
	db_int(&cas, source->next_offset);
	db_int(&cas, source->out_seq);
	db_int(&cas, next);
	db_int(&cas, RULE("r4-wm-acked") ? source->acked : source->produced);
	db_int(&cas, next >= source->suspect_until ? -1 : source->suspect_until);
	db_queue_plain(worker->db, "BEGIN");
	FAILPOINT("batch.begin_queued");
	db_queue(worker->db, work == WORK_TIMERS && !RULE("t-epoch") ? "broken_advance_timers" : "source_advance", &cas);
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

/* Each partition has its own; a rule broken: all have those of the topic's first. */
static struct source *marks_of(struct batch_inner *inner)
{
	struct source *first = RULE("r5-per-partition") ? NULL : source_find(inner->batch.worker, inner->source->topic, 0);
	return first ? first : inner->source;
}

/* Drops what readers before us have seen; keeps order. Returns how many are left. */
static size_t batch_drop_repeats(struct batch_inner *inner, struct item *items, size_t count)
{
	enum topic_kind kind = inner->batch.worker->service->topics[inner->source->topic].kind;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (kind != TOPIC_OUTSIDE && items[i].event.writer.p && source_repeat(marks_of(inner), &items[i].event))
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

void item_refuse(struct item *item, const struct fault *fault, struct arena *arena)
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
	FAILPOINT("batch.before_publish");
	publish_rows(worker, source, rows, count);
	FAILPOINT("batch.published");
}

/* A rule broken: as if the commit were known. */
static void publish_early(struct batch_inner *inner, const struct published *rows, size_t count)
{
	inner->source->out_seq += (int64_t)count;
	publish_rows(inner->batch.worker, inner->source, rows, count);
	inner->source->out_seq -= (int64_t)count;
}

/* The service's part, then the outcome and COMMIT. */
static enum verdict batch_effects(struct batch_inner *inner, const struct published **ret_rows, size_t *ret_count,
				  struct fault *fault)
{
	struct worker *worker = inner->batch.worker;
	if (!RULE("r4-state-apart"))
		outcome_split(inner);
	if (!RULE("r4-state-apart") && db_sync(worker->db, fault))
		return RETRY;
	enum verdict verdict = inner->batch.count ? worker->service->handle(worker->state, &inner->batch, fault) : OK;
	FAILPOINT_VERDICT("batch.handled", verdict, fault);
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
	if (!RULE("r4-publish-after"))
		publish_early(inner, *ret_rows, *ret_count);
	if (!RULE("r1-row-lock"))
		db_queue(worker->db, "broken_advance_late", NULL);
	FAILPOINT("batch.before_commit");
	db_queue_plain(worker->db, "COMMIT");
	if (!RULE("r2-offset-apart"))
		db_queue(worker->db, "broken_advance_late", NULL);
	verdict = db_sync(worker->db, fault);
	FAILPOINT_VERDICT("batch.committed", verdict, fault);
	return verdict;
}

enum verdict batch_transaction(struct worker *worker, struct source *source, enum work work, struct item *items,
			       size_t *count, int64_t next, size_t limit, const struct fault *refuse_timer, struct fault *fault)
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

	FAILPOINT("batch.before");
	batch_queue_begin(worker, source, work, next);
	if (work == WORK_TIMERS) {
		struct db_params fire = { .arena = &worker->batch_arena };
		db_int(&fire, source->id);
		db_instant(&fire, inner.batch.now);
		db_int(&fire, (int64_t)limit);
		db_queue(worker->db, "timer_fire", &fire);
		struct db_params id = { .arena = &worker->batch_arena };
		db_int(&id, source->id);
		db_queue(worker->db, "source_next_due", &id);
		if (source->careful_timers)
			db_queue(worker->db, "source_attempt_over", &id);
	}
	enum verdict verdict = db_sync(worker->db, fault);
	FAILPOINT_VERDICT("batch.advanced", verdict, fault);
	if (verdict) {
		db_rollback(worker->db);
		return verdict;
	}
	FAILPOINT_WHEN(work == WORK_TIMERS, "timers.fired");
	FAILPOINT_WHEN(work == WORK_POSTINGS, "postings.begun");
	if (RULE("r1-one-row") && db_affected(db_result(worker->db, 1)) != 1) {
		/* Somebody else has taken the row: nothing in memory about it is true any more. */
		db_rollback(worker->db);
		worker->counters.retries++;
		FAILPOINT("batch.fenced");
		source_forget(source);
		source->owned = source->owned && RULE("flaw-e");
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
		if (!RULE("r4-publish-known") && verdict == RETRY && !db_connected(worker->db))
			publish_early(&inner, rows, row_count);
		db_rollback(worker->db);
		if (RULE("r5-mark-first"))
			source_marks_restore(source, marks, mark_count);
		source->anew = true;
		return verdict;
	}
	source->next_due = gate;
	batch_after_commit(&inner, work, next, rows, row_count, fired);
	return OK;
}
