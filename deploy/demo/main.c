/* aftercare-demo: plays a department's day against a running stack and shows what happens.
 *
 * One loop: send what is due, read what came, draw. Bounded: it ends when every story has, when nothing has moved for 20 s,
 * when a daemon is gone for good, or when the time is up. Exit status 0: everything came as it should. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deploy/demo/demo.h"

#define STANDSTILL (20 * SECOND)
#define LONGEST (60 * SECOND)        /* and the real time of LONGEST_DAY */
#define LONGEST_DAY (16 * HOUR)
#define DRAW_EVERY (200 * MILLISECOND)
#define SETTLE (3 * SECOND)          /* for what follows the last story: messages, repeats that must have no effect ... */
#define QUIET SECOND                 /* ... and then until nothing comes any more */
#define LEARN (1500 * MILLISECOND)   /* for the directory to be read */
#define PICTURE_MINUTE 375
#define PICTURE_COLUMNS 126
#define PICTURE_ROWS 34

static int usage(FILE *out)
{
	fputs("usage: aftercare-demo --clock \"REAL SIMULATED RATE\" [--requests N] [--broker NAME] [--supervisor PROGRAM]\n"
	      "                      [--kill SERVICE] [--picture FILE]\n\n"
	      "Plays a service desk's day of about N requests (default 2000), with all that follows, against the stack that\n"
	      "AFTERCARE_BROKERS names. The day begins at SIMULATED; the stack's daemons have the same simulated clock.\n"
	      "With AFTERCARE_DIR and --supervisor it watches the processes, and with --kill it kills one at noon.\n"
	      "--picture: a frame of the screen becomes FILE, an SVG picture. deploy/dev/demo does the rest.\n", out);
	return out == stderr ? 64 : 0;
}

static bool clock_set(struct demo *demo, const char *text)
{
	if (!pace_parse(str_of(text), &demo->pace) || demo->pace.rate == 0)
		return false;
	demo->opens = demo->pace.simulated;
	return true;
}

static bool arguments(struct demo *demo, int argc, char **argv)
{
	static const struct option options[] = {
		{ "clock", required_argument, NULL, 'c' }, { "requests", required_argument, NULL, 'n' },
		{ "broker", required_argument, NULL, 'b' }, { "supervisor", required_argument, NULL, 's' },
		{ "kill", required_argument, NULL, 'k' }, { "picture", required_argument, NULL, 'p' }, { 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'c' && !clock_set(demo, optarg))
			return false;
		else if (c == 'n' && (demo->wanted = atoi(optarg)) <= 0)
			return false;
		else if (c == 'b')
			demo->broker = optarg;
		else if (c == 's')
			demo->supervisor = optarg;
		else if (c == 'k')
			demo->victim = optarg;
		else if (c == 'p')
			demo->picture = optarg;
		else if (c == '?')
			return false;
	}
	return optind == argc && demo->brokers && demo->pace.rate != 0;
}

/* Blocked before the clients make their threads, and asked for in every turn. */
static bool interrupted(const sigset_t *signals)
{
	const struct timespec at_once = { 0, 0 };

	return sigtimedwait(signals, NULL, &at_once) > 0;
}

static void check_standstill(struct demo *demo, int64_t now)
{
	if (now - demo->moved > STANDSTILL && demo->next == demo->story_count)
		snprintf(demo->failure, sizeof(demo->failure), "%s",
			 screen_word(&demo->screen,
			 	"nothing has moved for 20 s; `aftercarectl status` and the logs of the stack say why",
				     "20 秒没有任何进展;请看 aftercarectl status 与日志"));
	else if (now - demo->began > LONGEST + pace_wait(&demo->pace, LONGEST_DAY))
		snprintf(demo->failure, sizeof(demo->failure), "%s", screen_word(&demo->screen, "the time is up", "时间已到"));
}

static void take_picture(struct demo *demo)
{
	struct screen screen = demo->screen;
	struct buf frame = { 0 };

	if (!demo->picture || demo->pictured || day_minute(demo) < PICTURE_MINUTE)
		return;
	demo->pictured = true;
	screen.terminal = screen.colour = true;
	screen.columns = PICTURE_COLUMNS;
	frame_compose(demo, &screen, PICTURE_ROWS, &frame);
	if (!svg_write(demo->picture, buf_view(&frame), PICTURE_COLUMNS, "Aftercare demo"))
		snprintf(demo->failure, sizeof(demo->failure), "%.200s: %s", demo->picture, strerror(errno));
	buf_done(&frame);
}

static void turn(struct demo *demo, int64_t now)
{
	day_turn(demo);
	cast_turn(demo, now);
	play_turn(demo, now);
	rd_kafka_poll(demo->producer, 0);
	follow_turn(demo, 2);
	watch_turn(demo, now);
	take_picture(demo);
}

static bool play_all(struct demo *demo, const sigset_t *signals)
{
	int64_t drawn = 0, over = 0;

	while (!demo->failure[0]) {
		int64_t now = demo_monotonic();

		if (interrupted(signals))
			return false;
		turn(demo, now);
		if (now - drawn > DRAW_EVERY) {
			drawn = now;
			show_frame(demo);
		}
		if (demo->next == demo->story_count && cast_unfinished(demo) == 0) {
			over = over ? over : now;
			if (now - over > SETTLE && now - demo->moved > QUIET)
				break;
		} else {
			check_standstill(demo, now);
		}
	}
	return true;
}

/* The directory first; the doors open when it has been read. */
static void open_doors(struct demo *demo)
{
	world_publish(demo);
	for (int64_t end = demo_monotonic() + LEARN; demo_monotonic() < end;) {
		rd_kafka_poll(demo->producer, 0);
		follow_turn(demo, 5);
	}
	demo->began = demo->moved = demo_monotonic();
}

static int run(struct demo *demo, const sigset_t *signals)
{
	bool whole;

	if (!demo_connect(demo)) {
		fprintf(stderr, "aftercare-demo: %s\n", demo->failure);
		return 1;
	}
	cast_assemble(demo);
	clocks_begin(&demo->tally);
	open_doors(demo);
	whole = play_all(demo, signals);
	show_end(demo);
	if (!whole)
		return 130;
	if (demo->failure[0])
		fprintf(stderr, "aftercare-demo: %s\n", demo->failure);
	return finish(demo) || demo->failure[0];
}

int main(int argc, char **argv)
{
	struct demo demo = { .brokers = getenv("AFTERCARE_BROKERS"), .dir = getenv("AFTERCARE_DIR"), .broker = "kafka",
			     .wanted = DAY_REQUESTS, .run = "demo" };
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
	status = run(&demo, &signals);
	demo_disconnect(&demo);
	mem_free(demo.stories);
	mem_free(demo.order);
	mem_free(demo.tally.marks);
	arena_done(&demo.ctl.arena);
	return status;
}
