/* One run with a failpoint; see the header. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/failpoint_run.h"

/* What a daemon says of what the group has given it. */
#define LANES_GIVEN "are ours now"

/* Of one daemon at one point. */
struct run {
	const struct failpoint *point;
	const char *action;
	int hit;
	enum circumstance circumstance;
	char what[120];                  /* the same in words */
	struct workload workload;
	bool aborts, kills, fired;
	int given;                       /* how often lanes had been given when a daemon was last started */
};

static struct run_figures *figures;
static struct probe *probe;
static struct probe second;
static const char *lock;
static bool broken;                      /* the last run did not come to its end: its world is not used again */

/* ---- the world of a lane ---- */

static void open_world(void)
{
	/* One after the other: they share their roles. */
	int file = open(lock, O_RDWR | O_CLOEXEC);
	void *state = NULL;

	flock(file, LOCK_EX);
	if (probe_open(&state) != 0)
		exit(1);
	close(file);
	probe = state;
	probe->mortal = true;
	probe_do(probe, "insert into switch values ('s', 1)");
	second = *probe;
	second.instance = 2;
	second.daemon = 0;
}

void run_world_open(struct run_figures *shared, const char *lock_path)
{
	figures = shared;
	lock = lock_path;
	open_world();
}

struct probe *run_probe(void)
{
	return probe;
}

void run_world_close(void)
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
	run_world_close();
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

/* librdkafka's mock broker takes a member that joins for one that was killed while it joined, when its connection happens to
 * lie at the same address, and aborts: such a run says nothing about the daemon. */
static bool broker_gone(void)
{
	if (probe->broker > 0 && waitpid(probe->broker, NULL, WNOHANG) == probe->broker)
		probe->broker = 0;
	return probe->broker == 0;
}

/* Since the last start nobody was given anything: the groups of librdkafka's mock can get stuck. Then it is as good as gone; a
 * daemon that does not ask would do this in every repetition, which fails. */
static bool broker_hangs(const struct run *run)
{
	if (probe_said(probe, LANES_GIVEN) > run->given)
		return false;
	probe_broker_stop(probe);
	return true;
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
	run->given = probe_said(probe, LANES_GIVEN);
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

	snprintf(order, sizeof(order), "%s%s%s:%d:%s", companions, *companions ? "," : "", run->point->name, run->hit,
		 run->action);
	setenv("AFTERCARE_FAILPOINT", order, 1);
	start(run);
	unsetenv("AFTERCARE_FAILPOINT");
}

/* Until all that was sent has had its effect and, if asked for, is published. False: the daemon has ended, or stopped
 * itself. */
static bool until_done(struct run *run, bool rest)
{
	long deadline = stack_deadline();

	while (works(run)) {
		if (workload_done(&run->workload) && (!rest || workload_rests(&run->workload)))
			return true;
		if (stack_clock() > deadline && !broker_hangs(run))
			workload_stuck(&run->workload, run->what);
		stack_moment();
	}
	return false;
}

/* A second daemon comes and gets its share. */
static bool until_shared(struct run *run)
{
	long deadline = stack_deadline();

	run->given = probe_said(probe, LANES_GIVEN);
	probe_start(&second);
	while (works(run)) {
		if (probe_number(probe, "select count(distinct owner) from source") == 2)
			return true;
		if (stack_clock() > deadline && !broker_hangs(run))
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

bool run_once(const struct failpoint *point, const char *action, int hit, enum circumstance circumstance)
{
	struct run run;

	for (int spoilt = 0;; spoilt++) {
		if (spoilt > 0)
			print_message("%s: the devbroker died; done again\n", run.what);
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
