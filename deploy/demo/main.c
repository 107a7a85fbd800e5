/* aftercare-demo: plays a department's day against a running stack and shows what happens.
 *
 * One loop: send what is due, read what came, draw. Bounded: it ends when every story has, when nothing has moved for 20 s,
 * when a daemon is gone for good, or at the latest after LONGEST. Exit status 0: everything came as it should. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deploy/demo/demo.h"

#define STANDSTILL (20 * SECOND)
#define LONGEST (150 * SECOND)
#define DRAW_EVERY (200 * MILLISECOND)
#define SETTLE (3 * SECOND)          /* for what follows the last story: messages, repeats that must have no effect */
#define LEARN (1500 * MILLISECOND)   /* for the directory to be read */

static int usage(FILE *out)
{
	fputs("usage: aftercare-demo [--broker NAME] [--supervisor PROGRAM] [--seconds N]\n\n"
	      "Plays some 300 requests of customers, with all that follows, against the stack that AFTERCARE_BROKERS names, for about\n"
	      "N seconds (default 30) and the time that the last ones need. AFTERCARE_DIR and --supervisor: watches the processes too.\n"
	      "deploy/dev/demo does the rest.\n", out);
	return out == stderr ? 64 : 0;
}

static bool arguments(struct demo *demo, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--broker") == 0)
			demo->broker = argv[i + 1];
		else if (strcmp(argv[i], "--supervisor") == 0)
			demo->supervisor = argv[i + 1];
		else if (strcmp(argv[i], "--seconds") == 0 && atoi(argv[i + 1]) > 0)
			demo->sending_us = atoi(argv[i + 1]) * SECOND;
		else
			return false;
	}
	return argc % 2 == 1 && demo->brokers;
}

/* Blocked before the clients make their threads, and asked for in every turn. */
static bool interrupted(const sigset_t *signals)
{
	const struct timespec at_once = { 0, 0 };

	return sigtimedwait(signals, NULL, &at_once) > 0;
}

static void check_standstill(struct demo *demo, int64_t now)
{
	if (now - demo->moved > STANDSTILL && cast_unfinished(demo))
		snprintf(demo->failure, sizeof(demo->failure), "%s", screen_word(&demo->screen,
			 "nothing has moved for 20 s; `aftercarectl status` and the logs of the stack say why",
				"20 秒没有任何进展;请看 aftercarectl status 与日志"));
	else if (now - demo->began > LONGEST)
		snprintf(demo->failure, sizeof(demo->failure), "%s", screen_word(&demo->screen, "the time is up", "时间已到"));
}

/* Reads for a while without sending. */
static void pause_reading(struct demo *demo, int64_t us)
{
	for (int64_t end = demo_monotonic() + us; demo_monotonic() < end;) {
		rd_kafka_poll(demo->producer, 0);
		follow_turn(demo, 5);
	}
}

static bool play_all(struct demo *demo, const sigset_t *signals)
{
	int64_t drawn = 0, over = 0;

	while (!demo->failure[0]) {
		int64_t now = demo_monotonic();

		if (interrupted(signals))
			return false;
		world_change(demo, now - demo->began);
		cast_turn(demo, now);
		rd_kafka_poll(demo->producer, 0);
		follow_turn(demo, 2);
		watch_turn(demo, now);
		if (now - drawn > DRAW_EVERY) {
			drawn = now;
			show_frame(demo, false);
		}
		if (demo->next == demo->story_count && cast_unfinished(demo) == 0) {
			over = over ? over : now;
			if (now - over > SETTLE)
				break;
		} else {
			check_standstill(demo, now);
		}
	}
	return true;
}

static int run(struct demo *demo, const sigset_t *signals)
{
	int status;

	if (!demo_connect(demo)) {
		fprintf(stderr, "aftercare-demo: %s\n", demo->failure);
		return 1;
	}
	cast_assemble(demo);
	demo->began = demo->moved = demo_monotonic();
	world_publish(demo);
	pause_reading(demo, LEARN);
	demo->began = demo->moved = demo_monotonic();
	if (!play_all(demo, signals)) {
		show_frame(demo, true);
		return 130;
	}
	show_frame(demo, true);
	status = finish(demo);
	if (demo->failure[0]) {
		fprintf(stderr, "aftercare-demo: %s\n", demo->failure);
		return 1;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct demo demo = { .brokers = getenv("AFTERCARE_BROKERS"), .dir = getenv("AFTERCARE_DIR"), .broker = "kafka",
			     .sending_us = 30 * SECOND };
	sigset_t signals;
	int status;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (!arguments(&demo, argc, argv))
		return usage(stderr);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	screen_init(&demo.screen, stdout);
	snprintf(demo.run, sizeof(demo.run), "d%llx", (unsigned long long)screen_now());
	status = run(&demo, &signals);
	demo_disconnect(&demo);
	mem_free(demo.stories);
	mem_free(demo.order);
	mem_free(demo.tally.clocks);
	mem_free(demo.tally.marks);
	arena_done(&demo.scratch);
	return status;
}
