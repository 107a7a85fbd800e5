/* Which items the database refuses: batches are halved until they stand alone; these become dead letters, the others take effect.
 *
 * What passes is committed at once, so that only refused tries are work for nothing. Where one poison was there may be more: a
 * source that had some goes on in narrower transactions, which each success doubles (one in a hundred: about 60 items). That still
 * costs a multiple of clean input, since every culprit takes some refused tries: what the database cannot hold belongs refused
 * before it. Must never make a dead letter of an item that was not tried alone, unless it was named: a repeat that another
 * process has just taken is refused too, and tried again it passes. */
#include "common/worker/inner.h"

#include <string.h>

#define WIDTH_MIN 8

static size_t count_refused(const struct item *items, size_t count)
{
	size_t refused = 0;
	for (size_t i = 0; i < count; i++)
		refused += items[i].refused_early;
	return refused;
}

static void widen(struct source *source)
{
	source->width = source->width * 2 < BATCH_EVENTS_MAX ? source->width * 2 : 0;
}

static void narrow(struct source *source, size_t refused)
{
	source->width = refused / 2 > WIDTH_MIN ? refused / 2 : WIDTH_MIN;
}

enum verdict batch_narrowed(struct worker *worker, struct source *source, enum work work, struct item *items, size_t count,
			    int64_t next, size_t *ret_done, struct fault *fault)
{
	/* What is before `at` is done; between it and `bad` there is a culprit, unless that is 0. */
	size_t at = 0, bad = 0;
	enum verdict verdict;
	do {
		size_t width = source->width && source->width < count - at ? source->width : count - at;
		if (bad)
			width = bad - at > 1 ? (bad - at) / 2 : 1;
		struct item *first = &items[at];
		int64_t step = work == WORK_ITEMS && at + width < count ? first[width - 1].event.record.offset + 1 : next;
		size_t kept = width, refused = count_refused(first, width);
		*fault = FAULT_NONE;
		verdict = batch_transaction(worker, source, work, first, &kept, step, BATCH_EVENTS_MAX, NULL, fault);
		if (verdict == OK && source->taken) {
			at += width;
			if (!bad)
				widen(source);
			else if (at >= bad)
				bad = 0;
			continue;
		}
		if (verdict != REJECT)
			break;
		/* The repeats among them are gone. */
		memmove(first + kept, first + width, (count - at - width) * sizeof(*first));
		count -= width - kept;
		if (count_refused(first, kept) > refused) {
			bad = 0;
		} else if (kept > 1) {
			if (!bad)
				narrow(source, width);
			bad = at + kept;
		} else if (kept == 1 && !first->refused_early) {
			item_refuse(first, fault, &worker->batch_arena);
			FAILPOINT("dead.refused");
			bad = 0;
		} else {
			break;
		}
	} while (at < count && source->taken);
	if (ret_done)
		*ret_done = at;
	return verdict;
}
