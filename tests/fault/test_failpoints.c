/* The loop over the failpoints: a daemon fails at the 1st, 2nd, ... time that it reaches each point of the protocol, is started
 * again, and then everything it promises is checked: each input once and in order, each timer one end and never early, dead
 * letters exactly the poison, the outbox gap-free and the log equal to it.
 *
 * One test for each point that common/base/failpoint.h lists; a point that nothing reaches fails its test. The points are shared
 * among lanes, processes with a database and a devbroker of their own.
 *
 *   AFTERCARE_FAULT_HITS=N          first N hits of each (default 2)
 *   AFTERCARE_FAULT_ACTIONS="..."   of exit, abort, error, delay, stop (default "exit error"; error at the first hit only)
 *   AFTERCARE_FAULT_POINTS=PREFIX   only these points
 *   AFTERCARE_FAULT_LANES=N         lanes at once (default 6) */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "tests/support/probe.h"

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
	char name[64];                   /* what its ids begin with */
	int bursts;                      /* of the workload so far */
	int64_t dead_before;
	bool fired;
};

static struct figures {
	atomic_int points, runs, unhit, recoveries;
} *figures;
static struct probe *probe;
static struct probe second;
static bool broken;                      /* the last run did not come to its end: its world is not used again */
static int64_t fact_sequence;
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
	fact_sequence = 0;
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

/* ---- the workload ---- */

/* Per burst and partition: 7 events with an effect (one of them twice), 2 timers, 2 dead letters; one fact of the log (twice); in
 * partition 0 a record that is no event. */
#define EVENTS (2 * 7)
#define TIMERS (2 * 2)
#define FACTS 2
#define DEAD (2 * 2 + 1)
#define EMITTED (2 * (2 + 1 + 1 + 1 + 2) + 2)
#define SILENT_TIMERS 2                  /* set and cancelled */

static void send_fact(const struct run *run, int lane)
{
	struct probe_fact fact = { .writer = lane ? "other/aftercare.staff/1" : "other/aftercare.staff/0", .incarnation = 1,
				   .sequence = ++fact_sequence, .lane = lane };
	char id[100];

	snprintf(id, sizeof(id), "%s%d-fact-%d", run->name, run->bursts, lane);
	fact.id = id;
	probe_send_fact(probe, &fact, "{'emit': 1}");
	probe_send_fact(probe, &fact, "{'emit': 1}");
	fact.name = "probe.other";
	fact.sequence = ++fact_sequence;
	probe_send_fact(probe, &fact, "{}");
}

static void send_burst(struct run *run)
{
	char base[90], id[100];

	run->bursts++;
	for (int p = 0; p < PROBE_PARTITIONS; p++) {
		snprintf(base, sizeof(base), "%s%d-%d", run->name, run->bursts, p);
#define SEND(what, ...) (snprintf(id, sizeof(id), "%s-" what, base), probe_send(probe, p, id, __VA_ARGS__))
		SEND("a", "{'emit': 2, 'set': {'key': '%s-t0', 'in_ms': 30, 'then': {'emit': 1}}}", base);
		SEND("once", "{'once': true, 'emit': 1}");
		SEND("once", "{'once': true, 'emit': 1}");
		SEND("refuse", "{'refuse': true, 'emit': 1}");
		SEND("set", "{'set': {'key': '%s-t1', 'in_ms': 3600000}}", base);
		SEND("post", "{'post': {}}");
		if (p == 0)
			probe_send_bytes(probe, TOPIC_INBOUND, p, "no event", 8);
		SEND("violate", "{'violate': 's', 'emit': 1}");
		SEND("cancel", "{'cancel': '%s-t1'}", base);
		SEND("late", "{'emit': 1, 'set': {'key': '%s-t2', 'in_ms': 120, 'then': {'emit': 2}}}", base);
		SEND("end", "{}");
#undef SEND
		send_fact(run, p);
	}
	probe_flush(probe);
}

/* Whether all that was sent has had its effect. */
static bool done(const struct run *run)
{
	return probe_number(probe, "select ((select count(distinct id) from effect where id like '%s%%') >= %d "
				   "and (select count(*) from dead_letter) - %lld >= %d)::int",
			    run->name, run->bursts * (EVENTS + TIMERS + FACTS), (long long)run->dead_before, run->bursts * DEAD);
}

static bool rests(void)
{
	return probe_number(probe, "select count(*) from source where published_seq <> out_seq") == 0;
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
	if (status != FAILPOINT_EXIT && status != 128 + SIGABRT)
		probe_fail(probe, "%s:%d:%s: the daemon ended with status %d", run->point->name, run->hit, run->action, status);
	run->fired = true;
	atomic_fetch_add(&figures->recoveries, 1);
}

/* Whether the first daemon works on; takes note of its end, or that it has stopped itself. */
static bool works(struct run *run)
{
	int status;

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

static void say_where(const struct run *run)
{
	int status;

	if (waitpid(probe->broker, &status, WNOHANG) == probe->broker) {
		probe->broker = 0;
		probe_fail(probe, "%s:%d:%s: the devbroker has ended, status %#x", run->point->name, run->hit, run->action, status);
	}
	probe_fail(probe, "%s:%d:%s: stuck: effects %lld of %d, dead letters %lld of %d, timers %lld, %lld facts not published",
		   run->point->name, run->hit, run->action,
		   (long long)probe_number(probe, "select count(distinct id) from effect where id like '%s%%'", run->name),
		   run->bursts * (EVENTS + TIMERS + FACTS),
		   (long long)(probe_number(probe, "select count(*) from dead_letter") - run->dead_before), run->bursts * DEAD,
		   (long long)probe_number(probe, "select count(*) from timer"),
		   (long long)probe_number(probe, "select sum(out_seq - published_seq) from source"));
}

/* Until all that was sent has had its effect and, if asked for, is published. False: the daemon has ended, or stopped itself. */
static bool until_done(struct run *run, bool rest)
{
	long deadline = stack_deadline();

	while (works(run)) {
		if (done(run) && (!rest || rests()))
			return true;
		if (stack_clock() > deadline)
			say_where(run);
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
			say_where(run);
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
	int status;

	if (which->daemon <= 0)
		return;
	kill(which->daemon, SIGTERM);
	/* It may stop itself on its way out. */
	for (long deadline = stack_deadline(); which == probe && strcmp(run->action, "stop") == 0 && stack_clock() < deadline && !run->fired;) {
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
	assert_true(until_done(&other, false));
	probe->daemon = zombie;
	kill(zombie, SIGCONT);
	atomic_fetch_add(&figures->recoveries, 1);
}

/* What a run with the point armed goes through as long as it has not struck: work, rest, a second daemon that comes and goes, the end. */
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

/* The invariants. */
static void check(const struct run *run)
{
	int64_t effects = probe_number(probe, "select count(*) from effect where id like '%s%%'", run->name);

	if (effects != run->bursts * (EVENTS + TIMERS + FACTS))
		probe_fail(probe, "%s:%d:%s: %lld effects, not %d: an input took effect twice", run->point->name, run->hit, run->action,
			   (long long)effects, run->bursts * (EVENTS + TIMERS + FACTS));
	if (probe_number(probe, "select count(*) from (select position, lag(position) over (partition by topic, partition order by n) as before "
			 "from effect where what = 'event') e where position <= before"))
		probe_fail(probe, "%s:%d:%s: inputs took effect out of order", run->point->name, run->hit, run->action);
	assert_int_equal(probe_number(probe, "select count(*) from effect where now < due or at < due"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from timer"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s%%-t1'", run->name), 0);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter") - run->dead_before, run->bursts * DEAD);
	assert_int_equal(probe_number(probe, "select count(distinct (topic, partition, \"offset\")) from dead_letter"),
			 run->dead_before + run->bursts * DEAD);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id like '%s%%' and event_id not like '%%-refuse' "
				      "and event_id not like '%%-violate'", run->name), 0);
	assert_int_equal(probe_number(probe, "select count(*) from outbox_fact where topic = '" TOPIC_MESSAGES "' and "
				      "convert_from(key, 'UTF8') like '%s%%'", run->name), run->bursts * EMITTED);
	probe_check(probe);
}

static void begin(struct run *run)
{
	static int number;
	char path[100];

	snprintf(run->name, sizeof(run->name), "r%d-", ++number);
	snprintf(path, sizeof(path), "%s/log", probe->directory);
	(void)!truncate(path, 0);
	/* Whoever came before has not left in good order. */
	probe_do(probe, "update source set clean = false");
	run->dead_before = probe_number(probe, "select count(*) from dead_letter");
	send_burst(run);
}

/* True when the point was reached. */
static bool run_once(const struct failpoint *point, const char *action, int hit, enum circumstance circumstance)
{
	struct run run = { .point = point, .action = action, .hit = hit, .circumstance = circumstance };

	if (broken || circumstance == TROUBLED)
		renew_world();
	broken = true;
	begin(&run);
	if (circumstance == CRASHED) {
		struct run first = run;

		setenv("AFTERCARE_FAILPOINT", "batch.handled:1:exit", 1);
		probe_start(probe);
		unsetenv("AFTERCARE_FAILPOINT");
		(void)until_done(&first, true);
		probe_kill(probe);
	}
	/* Twice in a row when it kills. */
	for (int life = 0; life < 2 && (life == 0 || (run.fired && probe->daemon == 0)); life++) {
		if (life > 0)
			send_burst(&run);
		armed_life(&run);
	}
	if (probe->daemon > 0 && stopped(probe))
		outlive_zombie(&run);
	run.fired |= said_so(&run);
	start(&run);
	if (run.fired && strcmp(action, "stop") == 0)
		send_burst(&run);
	run.action = "none";
	(void)until_done(&run, true);
	stop_daemon(&run, probe);
	stop_daemon(&run, &second);
	check(&run);
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

/* Every so-manieth point, from `lane` on. */
static int run_lane(const struct failpoint **points, size_t count, size_t lane, size_t lanes)
{
	struct CMUnitTest *tests = calloc(count + 1, sizeof(*tests));
	size_t n = 0;

	for (size_t i = lane; i < count; i += lanes)
		tests[n++] = (struct CMUnitTest){ .name = points[i]->name, .test_func = test_point,
						  .initial_state = (void *)(uintptr_t)points[i] };
	open_world();
	return n ? _cmocka_run_group_tests("test_failpoints", tests, n, NULL, close_lane) : 0;
}

static void show(FILE *from)
{
	char text[4096];
	size_t n;

	rewind(from);
	while ((n = fread(text, 1, sizeof(text), from)) > 0)
		fwrite(text, 1, n, stdout);
	fclose(from);
}

static int run_lanes(const struct failpoint **points, size_t count)
{
	size_t lanes = (size_t)atoi(given("AFTERCARE_FAULT_LANES", "6"));
	FILE *said[64];
	pid_t pids[64];
	int failed = 0, status = 0;

	lanes = lanes < 1 ? 1 : lanes > 64 ? 64 : lanes > count ? count : lanes;
	for (size_t i = 0; i < lanes; i++) {
		said[i] = tmpfile();
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			dup2(fileno(said[i]), 1);
			dup2(fileno(said[i]), 2);
			status = run_lane(points, count, i, lanes);
			fflush(stdout);
			_exit(status ? 1 : 0);
		}
	}
	for (size_t i = 0; i < lanes; i++) {
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		show(said[i]);
		failed |= status != 0;
	}
	return failed;
}

int main(int argc, char **argv)
{
	const struct failpoint **points;
	struct postgres cluster;
	size_t all, count = 0;
	const struct failpoint *const *listed = failpoint_all(&all);
	long begun = stack_clock();
	int failed;

	probe_daemon(argc, argv);
	failpoint_list(argc, argv);
	points = calloc(all, sizeof(*points));
	for (size_t i = 0; i < all; i++)
		if (strncmp(listed[i]->name, given("AFTERCARE_FAULT_POINTS", ""), strlen(given("AFTERCARE_FAULT_POINTS", ""))) == 0)
			points[count++] = listed[i];
	qsort(points, count, sizeof(*points), by_name);
	figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (figures == MAP_FAILED || mkstemp(lock_path) < 0 || !postgres_start(&cluster))
		return 1;
	setenv("AFTERCARE_TEST_DATABASE", cluster.admin, 1);
	failed = run_lanes(points, count);
	postgres_stop(&cluster);
	unlink(lock_path);
	printf("%zu points, %d without violation; %d runs with a failure (%d more in which the point was not reached again), %d recoveries; "
	       "%ld s\n", count, atomic_load(&figures->points), atomic_load(&figures->runs), atomic_load(&figures->unhit),
	       atomic_load(&figures->recoveries), (stack_clock() - begun) / 1000);
	free(points);
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
