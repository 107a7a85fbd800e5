/* The worker's two clocks: a monotonic one for waiting, and `now`, the wall clock that decisions and timers see; at another
 * pace where the configuration says so.
 *
 * `now` never runs backwards within a process, but for one case: when the wall clock has jumped and the new time is believed. */
#include "common/worker/inner.h"

#include "common/io/journal.h"

#define CLOCK_JUMP (2 * SECOND)
#define CLOCK_APART (100 * MILLISECOND)
#define CLOCK_HOLD (10 * SECOND)

instant worker_now(struct worker *worker)
{
	instant now = pace_at(&worker->pace, worker_wall());
	if (now < worker->now_floor)
		return worker->now_floor;
	worker->now_floor = now;
	return now;
}

/* A wall clock that jumps against the monotonic one holds the timers for a while: one step forward would breach
 * everything at once, and somebody should look first. */
void worker_clock_watch(struct worker *worker)
{
	int64_t before = worker_monotonic(), wall = worker_wall(), after = worker_monotonic();
	/* Put aside between the two clocks, we cannot compare them; the next turn can. */
	if (after - before > CLOCK_APART)
		return;
	int64_t offset = wall - (before + after) / 2;
	int64_t moved = offset - worker->wall_offset;
	if (worker->wall_offset != 0 && (moved > CLOCK_JUMP || moved < -CLOCK_JUMP)) {
		worker->timers_held_until = worker_monotonic() + CLOCK_HOLD;
		journal_error("the clock jumped by %lld ms; timers are held for 10 s, then the new time is believed",
			      (long long)(moved / MILLISECOND));
	}
	worker->wall_offset = offset;
	if (worker->timers_held_until && worker_monotonic() >= worker->timers_held_until) {
		worker->timers_held_until = 0;
		/* Also when it is earlier: else everything would be early until it has caught up. */
		worker->now_floor = pace_at(&worker->pace, worker_wall());
	}
}
