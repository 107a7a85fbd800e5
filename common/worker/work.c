/* What waits at a source, records, postings or due timers, is run as transactions of batch.c; one by one and counted after a
 * crash (architecture section 4, rule 7).
 *
 * An unclean row may have killed its last owner. Its first records are tried with a note in the row; if that dies too, the
 * take after it finds the note and goes one record at a time, each counted before it is even decoded. Its due timers are
 * counted at once, and go one at a time from the second crash on; they wait while records are under suspicion, because there
 * is one counter. Must never count a try that ended in an outage: whoever lives has not crashed. */
#include "common/worker/inner.h"

#define CRASHES_ALLOWED 3
/* attempt_offset of a row whose timers are tried. */
#define TIMERS_TRIED INT64_C(-2)

/* A compare-and-set of its own: from here to `until` somebody may crash. */
static enum verdict note_suspect(struct worker *worker, struct source *source, int64_t until, struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->epoch);
	db_int(&params, source->next_offset);
	db_int(&params, source->out_seq);
	db_int(&params, until);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, "source_suspect", &params, &rows, fault);
	FAILPOINT_VERDICT("suspect.noted", verdict, fault);
	if (verdict == OK && db_affected(rows) != 1) {
		worker->counters.retries++;
		source_forget(source);
	}
	return verdict;
}

/* The same before a try of `what`; *ret_attempts counts this one. A try that an outage ended was no crash: it is not counted
 * again, unless somebody else has counted meanwhile. */
static enum verdict note_attempt(struct worker *worker, struct source *source, int64_t what, int *ret_attempts,
				 struct fault *fault)
{
	struct db_params params = { .arena = &worker->batch_arena };
	db_int(&params, source->id);
	db_int(&params, source->epoch);
	db_int(&params, source->next_offset);
	db_int(&params, source->out_seq);
	db_int(&params, source->survived_what == what ? source->survived : -1);
	db_int(&params, what);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, "source_attempt", &params, &rows, fault);
	FAILPOINT_VERDICT("attempt.noted", verdict, fault);
	if (verdict)
		return verdict;
	if (db_affected(rows) != 1) {
		worker->counters.retries++;
		source_forget(source);
		return OK;
	}
	*ret_attempts = (int)db_get_int(rows, 0, 0);
	return OK;
}

static void survived(struct source *source, int64_t what, int attempts)
{
	source->survived_what = what;
	source->survived = attempts;
}

static enum verdict items_one_by_one(struct worker *worker, struct source *source, struct item *items, size_t count,
				     int64_t next, struct arena *arena, struct fault *fault)
{
	for (size_t i = 0; i < count && source->taken; i++) {
		int64_t step = i + 1 < count ? items[i].event.record.offset + 1 : next, at = source->next_offset;
		int attempts = 0;
		enum verdict verdict = note_attempt(worker, source, at, &attempts, fault);
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
		size_t one = read_check(worker, source, &items[i], 1, arena);
		verdict = batch_narrowed(worker, source, WORK_ITEMS, &items[i], one, step, NULL, fault);
		if (verdict || !source->taken) {
			survived(source, at, attempts);
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
		verdict = items_one_by_one(worker, source, items, count, next, &held, fault);
	} else {
		if (source->careful) {
			verdict = note_suspect(worker, source, next, fault);
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
	FAILPOINT("postings.done");
	source_drop_postings(source, done);
	return verdict;
}

/* One batch of what is due; the one that the database refuses even alone is fired as a dead letter. */
static enum verdict timers_fire(struct worker *worker, struct source *source, size_t limit, struct fault *fault)
{
	int64_t next = source->next_offset;
	size_t none = 0;
	enum verdict verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, limit, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	*fault = FAULT_NONE;
	verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, 1, NULL, fault);
	if (verdict != REJECT)
		return verdict;
	struct fault refusal = *fault;
	*fault = FAULT_NONE;
	return batch_transaction(worker, source, WORK_TIMERS, NULL, &none, next, 1, &refusal, fault);
}

enum verdict batch_run_timers(struct worker *worker, struct source *source, struct fault *fault)
{
	if (!source->careful_timers)
		return timers_fire(worker, source, BATCH_EVENTS_MAX, fault);
	int attempts = 0;
	enum verdict verdict = note_attempt(worker, source, TIMERS_TRIED, &attempts, fault);
	if (verdict || !source->taken)
		return verdict;
	source->single_timers = source->single_timers || attempts > 1;
	if (attempts > CRASHES_ALLOWED + 1) {
		struct fault crashed = FAULT_NONE;
		size_t none = 0;
		(void)fault_reject(&crashed, REASON_POISON, "the daemon crashed on it three times");
		verdict = batch_transaction(worker, source, WORK_TIMERS, NULL, &none, source->next_offset, 1, &crashed, fault);
	} else {
		verdict = timers_fire(worker, source, source->single_timers ? 1 : BATCH_EVENTS_MAX, fault);
	}
	if (verdict || !source->taken)
		survived(source, TIMERS_TRIED, attempts);
	else if (source->next_due == INSTANT_NONE || source->next_due > worker_now(worker))
		source->careful_timers = source->single_timers = false;
	return verdict;
}
