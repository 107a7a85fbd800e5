/* The loop over the failpoints: a daemon fails at the 1st, 2nd, ... time that it reaches each point of the protocol, is started
 * again, and then everything it promises is checked: see tests/support/workload.h.
 *
 * One test for each point that common/base/failpoint.h lists; a point that nothing reaches fails its test. The points are shared
 * among lanes, processes with a database and a devbroker of their own.
 *
 *   AFTERCARE_FAULT_HITS=N          first N hits of each (default 2)
 *   AFTERCARE_FAULT_ACTIONS="..."   of exit, abort, error, delay, stop (default "exit error"; error at the first hit only)
 *   AFTERCARE_FAULT_POINTS=PREFIX   only these points
 *   AFTERCARE_FAULT_LANES=N         lanes at once (default 8) */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "tests/support/lanes.h"
#include "tests/support/workload.h"

#ifdef AFTERCARE_FAILPOINTS

/* What has to happen before some points are reached. */
enum circumstance {
	PLAIN,           /* nothing but the workload */
	TROUBLED,        /* in a fresh database; deliveries fail, a connection is lost, somebody else takes the rows */
	CRASHED,         /* the daemon before this one died within a batch, after it had noted what it was at */
	CIRCUMSTANCES
};

/* Of one daemon at one point. */
struct run {
	const struct failpoint *point;
	const char *action;
	int hit;
	enum circumstance circumstance;
	char what[120];                  /* the same in words */
	struct workload workload;
	bool aborts, kills, fired;
};

static struct figures {
	atomic_int points, runs, unhit, spoilt, recoveries;
} *figures;
static struct probe *probe;
static struct probe second;
static bool broken;                      /* the last run did not come to its end: its world is not used again */
static char lock_path[] = "/tmp/aftercare-failpoints-XXXXXX";

static const char *given(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* ---- the world of a lane ---- */

static void open_world(void)
{
	/* One after the other: they share their roles. */
	int lock = open(lock_path, O_RDWR | O_CLOEXEC);
	void *state = NULL;

	flock(lock, LOCK_EX);
	if (probe_open(&state) != 0)
		exit(1);
	close(lock);
	probe = state;
	probe_do(probe, "insert into switch values ('s', 1)");
	second = *probe;
	second.instance = 2;
	second.daemon = 0;
}

static void close_world(void)
{
	void *state = probe;

	if (!probe)
		return;
	probe_kill(&second);
	(void)probe_close(&state);
	probe = NULL;
}

static void renew_world(void)
{
	close_world();
	open_world();
}

/* ---- daemons ---- */

static bool stopped(const struct probe *at)
{
	char path[40], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)at->daemon);
	file = fopen(path, "r");
	if (file) {
		(void)!fscanf(file, "%*d (%*[^)]) %c", &state);
		fclose(file);
	}
	return state == 'T';
}

/* Takes note of the end of the first daemon; only the failpoint may have ended it. */
static void note_end(struct run *run, int status)
{
	if (status != FAILPOINT_EXIT && !(run->aborts && status == 128 + SIGABRT))
		probe_fail(probe, "%s: the daemon ended with status %d", run->what, status);
	run->fired = true;
	atomic_fetch_add(&figures->recoveries, 1);
}

/* librdkafka's mock broker takes a member that joins for one that was killed while it joined, when its connection happens to lie at
 * the same address, and aborts: such a run says nothing about the daemon. */
static bool broker_gone(void)
{
	if (probe->broker > 0 && waitpid(probe->broker, NULL, WNOHANG) == probe->broker)
		probe->broker = 0;
	return probe->broker == 0;
}

static void send_burst(struct run *run)
{
	if (!broker_gone())
		workload_send(&run->workload);
}

/* Whether the first daemon works on; takes note of its end, or that it has stopped itself. */
static bool works(struct run *run)
{
	int status;

	if (broker_gone() || probe->daemon <= 0)
		return false;
	if (waitpid(probe->daemon, &status, WNOHANG) == probe->daemon) {
		probe->daemon = 0;
		note_end(run, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		return false;
	}
	if (strcmp(run->action, "stop") != 0 || !stopped(probe))
		return true;
	run->fired = true;
	return false;
}

/* Until it hears signals, or has ended. */
static void start(struct run *run)
{
	int before = probe_said(probe, "probe: started");
	long deadline = stack_deadline();

	if (probe->daemon > 0)
		return;
	probe_start(probe);
	while (works(run) && probe_said(probe, "probe: started") == before) {
		if (stack_clock() > deadline)
			probe_fail(probe, "the daemon does not start");
		stack_moment();
	}
}

static void start_armed(struct run *run, const char *companions)
{
	char order[300];

	snprintf(order, sizeof(order), "%s%s%s:%d:%s", companions, *companions ? "," : "", run->point->name, run->hit, run->action);
	setenv("AFTERCARE_FAILPOINT", order, 1);
	start(run);
	unsetenv("AFTERCARE_FAILPOINT");
}

/* Until all that was sent has had its effect and, if asked for, is published. False: the daemon has ended, or stopped itself. */
static bool until_done(struct run *run, bool rest)
{
	long deadline = stack_deadline();

	while (works(run)) {
		if (workload_done(&run->workload) && (!rest || workload_rests(&run->workload)))
			return true;
		if (stack_clock() > deadline)
			workload_stuck(&run->workload, run->what);
		stack_moment();
	}
	return false;
}

/* A second daemon comes and gets its share. */
static bool until_shared(struct run *run)
{
	long deadline = stack_deadline();

	probe_start(&second);
	while (works(run)) {
		if (probe_number(probe, "select count(distinct owner) from source") == 2)
			return true;
		if (stack_clock() > deadline)
			workload_stuck(&run->workload, run->what);
		stack_moment();
	}
	return false;
}

static bool said_so(const struct run *run)
{
	char words[100];

	snprintf(words, sizeof(words), "failpoint %s: hit %d: %s", run->point->name, run->hit, run->action);
	return probe_said(probe, words) > 0;
}

static void stop_daemon(struct run *run, struct probe *which)
{
	long deadline = stack_deadline();
	int status;

	if (broker_gone())
		probe_kill(which);
	if (which->daemon <= 0)
		return;
	kill(which->daemon, SIGTERM);
	/* It may stop itself on its way out. */
	while (which == probe && strcmp(run->action, "stop") == 0 && !run->fired && stack_clock() < deadline) {
		siginfo_t info = { 0 };

		if (stopped(probe)) {
			run->fired = true;
			kill(probe->daemon, SIGCONT);
		}
		if (waitid(P_PID, (id_t)probe->daemon, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid)
			break;
		stack_moment();
	}
	status = probe_ended(which);
	if (status != 0)
		note_end(run, status);
}

/* ---- one run ---- */

/* The daemon has stopped itself: another one takes over, then the zombie wakes up and both go on. */
static void outlive_zombie(struct run *run)
{
	pid_t zombie = probe->daemon;
	struct run other = *run;

	probe_start(&second);
	/* The second one's end is nobody's wish. */
	probe->daemon = second.daemon;
	other.action = "none";
	(void)until_done(&other, false);
	probe->daemon = zombie;
	kill(zombie, SIGCONT);
	atomic_fetch_add(&figures->recoveries, 1);
}

/* What a run goes through as long as the point has not struck: work, rest, a second daemon that gets its share, the end. */
static void armed_life(struct run *run)
{
	if (run->circumstance == TROUBLED) {
		start_armed(run, "report.came:2:error,commit.sent:9:error");
		if (!until_done(run, false))
			return;
		probe_do(probe, "update source set epoch = epoch + 1, owner = 'somebody'");
		send_burst(run);
	} else {
		start_armed(run, "");
	}
	if (!until_done(run, true) || said_so(run))
		return;
	if (!until_shared(run))
		return;
	send_burst(run);
	if (!until_done(run, true))
		return;
	stop_daemon(run, probe);
}

static void begin(struct run *run)
{
	char path[100];

	snprintf(run->what, sizeof(run->what), "%s:%d:%s", run->point->name, run->hit, run->action);
	snprintf(path, sizeof(path), "%s/log", probe->directory);
	(void)!truncate(path, 0);
	/* Whoever came before has not left in good order. */
	probe_do(probe, "update source set clean = false");
	workload_begin(&run->workload, probe);
	send_burst(run);
}

static void crash_first(const struct run *run)
{
	struct run first = *run;

	setenv("AFTERCARE_FAILPOINT", "batch.handled:1:exit", 1);
	probe_start(probe);
	unsetenv("AFTERCARE_FAILPOINT");
	(void)until_done(&first, true);
	probe_kill(probe);
}

/* Everything up to the check. */
static void go_through(struct run *run)
{
	begin(run);
	if (run->circumstance == CRASHED)
		crash_first(run);
	/* Twice in a row when it kills. */
	for (int life = 0; life < 2 && (life == 0 || (run->kills && run->fired)); life++) {
		if (life > 0)
			send_burst(run);
		armed_life(run);
	}
	if (probe->daemon > 0 && stopped(probe))
		outlive_zombie(run);
	run->fired |= said_so(run);
	start(run);
	if (run->fired && strcmp(run->action, "stop") == 0)
		send_burst(run);
	run->action = "none";
	(void)until_done(run, true);
	stop_daemon(run, probe);
	stop_daemon(run, &second);
}

/* True when the point was reached. */
static bool run_once(const struct failpoint *point, const char *action, int hit, enum circumstance circumstance)
{
	struct run run;

	for (int spoilt = 0;; spoilt++) {
		run = (struct run){ .point = point, .action = action, .hit = hit, .circumstance = circumstance,
				    .aborts = strcmp(action, "abort") == 0,
				    .kills = strstr("exit abort", action) != NULL };
		if (broken || circumstance == TROUBLED)
			renew_world();
		broken = true;
		go_through(&run);
		if (!broker_gone())
			break;
		if (spoilt == 5)
			probe_fail(probe, "%s: the devbroker ends again and again", run.what);
		atomic_fetch_add(&figures->spoilt, 1);
	}
	workload_check(&run.workload, run.what);
	broken = false;
	atomic_fetch_add(run.fired ? &figures->runs : &figures->unhit, 1);
	return run.fired;
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
			probe_fail(probe, "%s (%s): nothing reaches it", point->name, point->place);
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
	close_world();
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
	open_world();
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
	printf("%zu points, %d without violation; %d runs with a failure, %d in which the point was not reached so often, %d done "
	       "again because the devbroker had ended; %d recoveries; %ld s\n", points.count, atomic_load(&figures->points), atomic_load(&figures->runs), atomic_load(&figures->unhit),
	       atomic_load(&figures->spoilt),
	       atomic_load(&figures->recoveries), (stack_clock() - begun) / 1000);
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
