/* Sources: one (topic, partition) each, mirrored from its row while the row is ours.
 *
 * To take is the only way to come to believe anything about a row: on assignment, on every new database connection,
 * when a compare-and-set changed nothing, when the producer failed. Nothing is ever resolved by looking
 * (architecture section 4, rule 3). This file must never publish or decide. */
#include "common/worker/inner.h"

#include <stdio.h>
#include <string.h>

struct source *source_find(struct worker *worker, int topic, int32_t partition)
{
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		if (source->topic == topic && source->partition == partition)
			return source;
	}
	return NULL;
}

struct source *source_add(struct worker *worker, int topic, int32_t partition)
{
	struct source *source = source_find(worker, topic, partition);
	if (source)
		return source;
	source = mem_zero(sizeof(*source));
	source->topic = topic;
	source->partition = partition;
	source->next_due = INSTANT_NONE;
	source->suspect_until = source->survived_what = -1;
	snprintf(source->writer, sizeof(source->writer), "%s/%s/%d", worker->service->name,
		 worker->service->topics[topic].name, partition);
	worker->sources = mem_resize(worker->sources, (worker->source_count + 1) * sizeof(*worker->sources));
	worker->sources[worker->source_count++] = source;
	return source;
}

static void marks_drop(struct source *source)
{
	for (size_t i = 0; i < source->mark_count; i++)
		mem_free((void *)(uintptr_t)source->marks[i].writer.p);
	source->mark_count = 0;
}

void source_drop_postings(struct source *source, size_t count)
{
	for (; count > 0 && source->postings; count--) {
		struct posting *posting = source->postings;
		source->postings = posting->next;
		mem_free((void *)(uintptr_t)posting->name.p);
		mem_free((void *)(uintptr_t)posting->body.p);
		mem_free(posting);
	}
}

void source_drop_items(struct source *source)
{
	arena_reset(&source->arena);
	source->items = NULL;
	source->count = source->capacity = source->bytes = 0;
}

void source_forget(struct source *source)
{
	source->taken = source->placed = false;
	source->skipped_to = 0;
	source->next_due = INSTANT_NONE;
	source_drop_items(source);
	marks_drop(source);
}

void sources_forget_all(struct worker *worker)
{
	for (size_t i = 0; i < worker->source_count; i++)
		source_forget(worker->sources[i]);
}

void source_free(struct source *source)
{
	source_forget(source);
	source_drop_postings(source, SIZE_MAX);
	arena_done(&source->arena);
	mem_free(source->marks);
	mem_free(source->acks);
	mem_free(source);
}

static struct mark *mark_add(struct source *source, struct str writer)
{
	if (source->mark_count == source->mark_capacity) {
		source->mark_capacity = source->mark_capacity ? source->mark_capacity * 2 : 16;
		source->marks = mem_resize(source->marks, source->mark_capacity * sizeof(*source->marks));
	}
	struct mark *mark = &source->marks[source->mark_count++];
	*mark = (struct mark){ .writer = { mem_copy(writer.p, writer.n), writer.n }, .incarnation = -1, .sequence = -1 };
	return mark;
}

bool source_repeat(struct source *source, const struct event *event)
{
	struct mark *mark = NULL;
	for (size_t i = 0; i < source->mark_count; i++) {
		if (str_eq(source->marks[i].writer, event->writer)) {
			mark = &source->marks[i];
			break;
		}
	}
	if (!mark)
		mark = mark_add(source, event->writer);
	/* One pair, compared as a pair: a late message of an incarnation that the database has lost is dropped too. */
	if (event->incarnation < mark->incarnation && !RULE("flaw-d"))
		return false;
	if (!RULE("r5-incarnation") && event->sequence <= mark->sequence)
		return true;
	if (event->incarnation < mark->incarnation ||
	    (event->incarnation == mark->incarnation && event->sequence <= mark->sequence))
		return true;
	mark->incarnation = event->incarnation;
	mark->sequence = event->sequence;
	mark->changed = true;
	return false;
}

struct mark *source_marks_save(const struct source *source, struct arena *arena, size_t *ret_count)
{
	*ret_count = source->mark_count;
	return arena_copy(arena, source->marks, source->mark_count * sizeof(*source->marks));
}

void source_marks_restore(struct source *source, const struct mark *saved, size_t count)
{
	for (size_t i = count; i < source->mark_count; i++)
		mem_free((void *)(uintptr_t)source->marks[i].writer.p);
	if (count)
		memcpy(source->marks, saved, count * sizeof(*saved));
	source->mark_count = count;
}

/* The row of a source that nobody has read yet begins at the oldest record there is. */
static enum verdict source_create(struct worker *worker, struct source *source, const char *topic, struct fault *fault)
{
	int64_t low = 0, high = 0;
	enum verdict verdict = bus_watermarks(worker->bus, topic, source->partition, &low, &high, 3000, fault);
	if (verdict)
		return verdict;
	struct db_params params = { .arena = &worker->batch_arena };
	db_text(&params, str_of(topic));
	db_int4(&params, source->partition);
	db_int(&params, low);
	FAILPOINT("take.create");
	return db_run(worker->db, "source_create", &params, NULL, fault);
}

static void source_adopt(struct source *source, const struct db_result *row, bool same_process)
{
	source->id = db_get_int(row, 0, 0);
	source->epoch = db_get_int(row, 0, 1);
	source->incarnation = db_get_int(row, 0, 2);
	source->next_offset = db_get_int(row, 0, 3);
	source->out_seq = db_get_int(row, 0, 4);
	source->published_seq = db_get_int(row, 0, 5);
	bool clean = db_get_bool(row, 0, 6);
	source->suspect_until = db_get_int(row, 0, 7);
	/* A row that was left in disorder by another process: whatever it was at may have killed it. */
	source->careful = source->careful_timers = !clean && !same_process;
	source->single_timers = false;
	source->acked = source->produced = source->published_seq;
	if (!RULE("r4-reload"))
		source->acked = source->produced = source->out_seq;
	source->read_next = source->next_offset;
	source->skipped_to = 0;
	source->anew = true;
	if (source->acks)
		memset(source->acks, 0, source->ack_capacity);
}

/* Where the operator says so (a development broker keeps nothing), a log that ends before our position was made anew and is
 * read from its beginning. Otherwise the consumer meets the hole and the daemon stops: somebody must look. */
static enum verdict source_rewind_if_lost(struct worker *worker, struct source *source, const char *topic, struct fault *fault)
{
	int64_t low = 0, high = 0;
	if (strcmp(worker->conf.log_lost, "rewind") != 0)
		return OK;
	enum verdict verdict = bus_watermarks(worker->bus, topic, source->partition, &low, &high, 3000, fault);
	if (verdict || (source->next_offset <= high && source->next_offset >= low))
		return verdict;
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, low);
	const struct db_result *rows = NULL;
	verdict = db_run(worker->db, "source_rewind", &params, &rows, fault);
	if (verdict)
		return verdict;
	source->next_offset = source->read_next = low;
	source->suspect_until = -1;
	source->incarnation = db_get_int(rows, 0, 0);
	worker->rewound++;
	return OK;
}

static enum verdict source_take(struct worker *worker, struct source *source, struct fault *fault)
{
	const char *topic = worker->service->topics[source->topic].name;
	bool same_process = source->generation != 0;
	FAILPOINT("take.before");
	for (int attempt = 0;; attempt++) {
		struct db_params params = { .arena = &worker->batch_arena };
		db_text(&params, str_of(topic));
		db_int4(&params, source->partition);
		db_text(&params, str_of(worker->conf.instance));
		db_queue_plain(worker->db, "BEGIN");
		db_queue(worker->db, "source_take", &params);
		enum verdict verdict = db_sync(worker->db, fault);
		FAILPOINT_VERDICT("take.locked", verdict, fault);
		if (verdict)
			return verdict;
		const struct db_result *row = db_result(worker->db, 1);
		if (db_rows(row) == 1) {
			source_forget(source);
			source_adopt(source, row, same_process);
			break;
		}
		db_rollback(worker->db);
		if (attempt > 0)
			return fault_set(fault, FATAL, "%s: the row could not be created", source->writer);
		verdict = source_create(worker, source, topic, fault);
		if (verdict)
			return verdict;
	}
	enum verdict verdict = source_rewind_if_lost(worker, source, topic, fault);
	if (verdict)
		return verdict;
	struct db_params id = { .arena = &worker->batch_arena };
	db_int(&id, source->id);
	db_queue(worker->db, "source_marks", &id);
	db_queue(worker->db, "source_next_due", &id);
	db_queue_plain(worker->db, "COMMIT");
	verdict = db_sync(worker->db, fault);
	FAILPOINT_VERDICT("take.committed", verdict, fault);
	if (verdict)
		return verdict;
	const struct db_result *marks = db_result(worker->db, 0);
	for (size_t i = 0; i < db_rows(marks); i++) {
		struct mark *mark = mark_add(source, db_get_text(marks, i, 0));
		mark->incarnation = db_get_int(marks, i, 1);
		mark->sequence = db_get_int(marks, i, 2);
	}
	if (RULE("t-rows-are-truth"))
		source->next_due = db_get_instant(db_result(worker->db, 1), 0, 0);
	if (RULE("r4-wm-old-acks") || !same_process)
		source->generation = ++worker->generation;
	source->row_at = worker_monotonic();
	source->taken = true;
	worker->counters.takes++;
	return OK;
}

enum verdict sources_take(struct worker *worker, struct fault *fault)
{
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		if (!source->owned || source->taken)
			continue;
		bool placed_before = source->generation != 0 && !worker->assignment_changed;
		enum verdict verdict = source_take(worker, source, fault);
		if (verdict) {
			fault_context(fault, "taking %s", source->writer);
			db_rollback(worker->db);
			return verdict;
		}
		/* Until the consumer is placed, also when we fail in between. */
		source->placed = placed_before && !RULE("r2-reposition");
		worker->assignment_changed |= !source->placed;
		/* The group may take it back while the database answers. */
		source->release = !source->owned;
		if (worker->service->owned)
			worker->service->owned(worker->state, worker->service->topics[source->topic].name,
					       source->partition, true);
	}
	if (!worker->assignment_changed)
		return OK;
	/* The consumer is positioned anew; what it had fetched for sources that we keep it fetches again. */
	struct bus_position *positions = arena_alloc(&worker->batch_arena, (worker->source_count + 1) * sizeof(*positions));
	size_t count = 0;
	for (size_t i = 0; i < worker->source_count; i++) {
		const struct source *source = worker->sources[i];
		if (source->owned && source->taken)
			positions[count++] = (struct bus_position){ source->topic, source->partition, source->read_next };
	}
	FAILPOINT("assign.before");
	enum verdict verdict = bus_assign(worker->bus, positions, count, fault);
	FAILPOINT_VERDICT("assign.given", verdict, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < worker->source_count; i++)
		worker->sources[i]->placed = worker->sources[i]->owned && worker->sources[i]->taken;
	worker->assignment_changed = false;
	worker->watch_pending = true;
	return OK;
}

/* Collects what a beat writes for one source. */
struct beat_columns {
	int64_t *id, *epoch, *next, *out_seq, *to, *published;
	struct source **sources;
	size_t count;
};

static struct beat_columns beat_collect(struct worker *worker, bool leaving)
{
	size_t n = worker->source_count;
	int64_t *space = arena_alloc(&worker->batch_arena, 6 * (n + 1) * sizeof(*space));
	struct beat_columns beat = { space, space + n, space + 2 * n, space + 3 * n, space + 4 * n, space + 5 * n,
				     arena_alloc(&worker->batch_arena, (n + 1) * sizeof(*beat.sources)), 0 };
	int64_t monotonic = worker_monotonic();
	for (size_t i = 0; i < n; i++) {
		struct source *source = worker->sources[i];
		if (!source->taken || (leaving ? !source->release : monotonic - source->row_at < SECOND))
			continue;
		size_t k = beat.count++;
		beat.id[k] = source->id;
		beat.epoch[k] = source->epoch;
		beat.next[k] = source->next_offset;
		beat.out_seq[k] = source->out_seq;
		beat.to[k] = source->count == 0 && source->skipped_to > source->next_offset ? source->skipped_to
											    : source->next_offset;
		beat.published[k] = RULE("r4-wm-acked") ? source->acked : source->produced;
		beat.sources[k] = source;
	}
	return beat;
}

/* Which of the beaten rows answered; the others are somebody else's now. */
static void beat_settle(struct worker *worker, const struct beat_columns *beat, const struct db_result *rows)
{
	int64_t monotonic = worker->committed_at = worker_monotonic();
	for (size_t i = 0; i < beat->count; i++) {
		struct source *source = beat->sources[i];
		bool ours = false;
		for (size_t row = 0; row < db_rows(rows) && !ours; row++)
			ours = db_get_int(rows, row, 0) == source->id;
		if (!ours) {
			source_forget(source);
			source->owned = source->owned && RULE("flaw-e");
			worker->counters.retries++;
			continue;
		}
		source->next_offset = beat->to[i];
		source->published_seq = beat->published[i];
		source->row_at = monotonic;
		if (RULE("t-rows-are-truth"))
			source->next_due = INSTANT_NONE;
		if (source == worker->troubled && source->count == 0)
			worker->troubled = NULL;
	}
}

enum verdict sources_beat(struct worker *worker, bool leaving, struct fault *fault)
{
	struct beat_columns beat = beat_collect(worker, leaving);
	if (beat.count == 0 || (!leaving && !RULE("r3-idle-check")))
		return OK;
	FAILPOINT("beat.before");
	struct db_params params = { .arena = &worker->batch_arena };
	db_int_array(&params, beat.id, beat.count);
	db_int_array(&params, beat.epoch, beat.count);
	db_int_array(&params, beat.next, beat.count);
	db_int_array(&params, beat.out_seq, beat.count);
	db_int_array(&params, beat.to, beat.count);
	db_int_array(&params, beat.published, beat.count);
	db_bool(&params, leaving);
	struct db_params ids = { .arena = &worker->batch_arena };
	db_int_array(&ids, beat.id, beat.count);
	db_queue_plain(worker->db, "BEGIN");
	db_queue(worker->db, "source_beat", &params);
	db_queue(worker->db, "source_due_times", &ids);
	db_queue_plain(worker->db, "COMMIT");
	enum verdict verdict = db_sync(worker->db, fault);
	FAILPOINT_VERDICT("beat.committed", verdict, fault);
	if (verdict) {
		db_rollback(worker->db);
		return verdict;
	}
	beat_settle(worker, &beat, db_result(worker->db, 1));
	FAILPOINT("beat.settled");
	const struct db_result *due = db_result(worker->db, 2);
	for (size_t row = 0; row < db_rows(due); row++) {
		for (size_t i = 0; i < beat.count; i++) {
			if (RULE("t-rows-are-truth") && beat.sources[i]->taken && beat.sources[i]->id == db_get_int(due, row, 0))
				beat.sources[i]->next_due = db_get_instant(due, row, 1);
		}
	}
	return OK;
}
