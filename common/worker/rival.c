/* Two daemons that were given one name by mistake.
 *
 * The group fences whoever came first, and the epochs keep both from doing harm; but a supervisor would start the first again,
 * which fences the second, and so for ever. So who is fenced looks whether the other is really there, and then ends with the status
 * that says that starting again cannot help. Must never say so on the group's word alone: brokers have fenced a lone member. */
#include "common/worker/inner.h"

#include <time.h>

/* As long as the other may take to notice that a row is not its own: we may have taken it back once more before we heard. */
#define LOOKS 20
#define LOOK_EVERY (100 * MILLISECOND)

bool worker_has_rival(struct worker *worker)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY * 1000 };
	bool found = false;
	for (int look = 0; look < LOOKS && !found && db_connected(worker->db); look++) {
		arena_reset(&worker->batch_arena);
		int64_t *ids = arena_alloc(&worker->batch_arena, 2 * (worker->source_count + 1) * sizeof(*ids));
		int64_t *epochs = ids + worker->source_count;
		for (size_t i = 0; i < worker->source_count; i++) {
			ids[i] = worker->sources[i]->id;
			epochs[i] = worker->sources[i]->epoch;
		}
		struct db_params params = { .arena = &worker->batch_arena };
		db_int_array(&params, ids, worker->source_count);
		db_int_array(&params, epochs, worker->source_count);
		db_text(&params, str_of(worker->conf.instance));
		const struct db_result *rows = NULL;
		struct fault fault = FAULT_NONE;
		if (db_run(worker->db, "source_rival", &params, &rows, &fault))
			return false;
		found = db_get_int(rows, 0, 0) > 0;
		if (!found)
			nanosleep(&pause, NULL);
	}
	return found;
}
