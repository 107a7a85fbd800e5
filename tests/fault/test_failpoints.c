/* The loop over the failpoints: a daemon fails at the 1st, 2nd, ... time that it reaches each point of the protocol, is started
 * again, and then everything it promises is checked: see tests/support/workload.h.
 *
 * One test for each point that common/base/failpoint.h lists; a point that nothing reaches fails its test. The points are
 * shared among lanes, processes with a database and a devbroker of their own.
 *
 *   AFTERCARE_FAULT_HITS=N          first N hits of each (default 2)
 *   AFTERCARE_FAULT_ACTIONS="..."   of exit, abort, error, delay, stop (default "exit error"; error at the first hit only)
 *   AFTERCARE_FAULT_POINTS=PREFIX   only these points
 *   AFTERCARE_FAULT_LANES=N         lanes at once (default 8) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "tests/support/failpoint_run.h"
#include "tests/support/lanes.h"

#ifdef AFTERCARE_FAILPOINTS

static struct run_figures *figures;
static char lock_path[] = "/tmp/aftercare-failpoints-XXXXXX";

static const char *given(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* The first commits are those of the four takes. */
static int nth_hit(const struct failpoint *point, int n)
{
	return strncmp(point->name, "commit.", 7) == 0 && n > 1 ? n + 3 : n;
}

static bool run_hits(const struct failpoint *point, const char *action, int hits, enum circumstance circumstance)
{
	bool reached = false;

	for (int n = 1; n <= hits; n++) {
		if (!run_once(point, action, nth_hit(point, n), circumstance))
			break;
		reached = true;
	}
	return reached;
}

static void test_point(void **state)
{
	const struct failpoint *point = *state;
	const char *actions = given("AFTERCARE_FAULT_ACTIONS", "exit error");
	int hits = atoi(given("AFTERCARE_FAULT_HITS", "2"));
	static const char *const all[] = { "exit", "abort", "error", "delay", "stop" };
	int found = -1;

	for (size_t i = 0; i < array_count(all); i++) {
		bool error = strcmp(all[i], "error") == 0;
		bool reached = false;

		if (!strstr(actions, all[i]) || (error && !point->fails))
			continue;
		for (int c = found < 0 ? 0 : found; c < CIRCUMSTANCES && !reached; c++) {
			reached = run_hits(point, all[i], error && hits < 3 ? 1 : hits, (enum circumstance)c);
			if (reached)
				found = c;
			if (found >= 0)
				break;
		}
		if (!reached)
			probe_fail(run_probe(), "%s (%s): nothing reaches it", point->name, point->place);
	}
	atomic_fetch_add(&figures->points, 1);
}

/* ---- lanes ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct failpoint *const *)a)->name, (*(const struct failpoint *const *)b)->name);
}

static int close_lane(void **state)
{
	(void)state;
	run_world_close();
	return 0;
}

struct points {
	const struct failpoint **items;
	size_t count;
};

/* Every so-manieth point, from `lane` on. */
static int run_lane(size_t lane, size_t lanes, void *userdata)
{
	const struct points *points = userdata;
	struct CMUnitTest *tests = calloc(points->count + 1, sizeof(*tests));
	size_t n = 0;

	for (size_t i = lane; i < points->count; i += lanes)
		tests[n++] = (struct CMUnitTest){ .name = points->items[i]->name, .test_func = test_point,
						  .initial_state = (void *)(uintptr_t)points->items[i] };
	run_world_open(figures, lock_path);
	return n ? _cmocka_run_group_tests("test_failpoints", tests, n, NULL, close_lane) : 0;
}

/* Those that were asked for, by name. */
static struct points choose(void)
{
	const char *prefix = given("AFTERCARE_FAULT_POINTS", "");
	struct points points = { NULL, 0 };
	size_t count;
	const struct failpoint *const *all = failpoint_all(&count);

	points.items = calloc(count, sizeof(*points.items));
	for (size_t i = 0; i < count; i++)
		if (strncmp(all[i]->name, prefix, strlen(prefix)) == 0)
			points.items[points.count++] = all[i];
	qsort(points.items, points.count, sizeof(*points.items), by_name);
	return points;
}

int main(int argc, char **argv)
{
	size_t lanes = (size_t)atoi(given("AFTERCARE_FAULT_LANES", "8"));
	long begun = stack_clock();
	struct points points;
	struct postgres cluster;
	int failed;

	probe_daemon(argc, argv);
	failpoint_list(argc, argv);
	points = choose();
	figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (figures == MAP_FAILED || mkstemp(lock_path) < 0 || !postgres_start(&cluster))
		return 1;
	setenv("AFTERCARE_TEST_DATABASE", cluster.admin, 1);
	failed = lanes_run(lanes < points.count ? lanes : points.count, run_lane, &points);
	postgres_stop(&cluster);
	unlink(lock_path);
	printf("figure: %zu points, %d without violation; %d runs with a failure, %d in which the point was not reached so "
	       "often, %d done again because the devbroker had died; %d recoveries; %ld s\n",
	       points.count, atomic_load(&figures->points), atomic_load(&figures->runs), atomic_load(&figures->unhit),
	       atomic_load(&figures->spoilt), atomic_load(&figures->recoveries), (stack_clock() - begun) / 1000);
	free(points.items);
	return failed;
}

#else

static void test_failpoints(void **state)
{
	(void)state;
	print_message("built without failpoints: make VARIANT=fault fault-tests\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_failpoints) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
