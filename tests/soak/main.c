/* The options, the loop, the end: by the clock, by the number of kills, by Ctrl-C, or because something failed for good. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/soak.h"

#include "tests/support/scene.h"

static const char usage[] =
	"soak [OPTION]...  faults at random under load, on a stack of its own with real Kafka; verdicts over everything\n"
	"  --minutes N     ends after N minutes (may be broken: 0.5); with --kills too: whatever comes first\n"
	"  --kills N       ends after N kills -9\n"
	"  --seed N        repeats the choice of deeds; what they strike is up to the machine\n"
	"  --every SECONDS between two verdicts (default 120; at most a fifth of the time is spent on them)\n"
	"  --pause MS      between two deeds, on average (default 400)\n"
	"  --load MS       between two requests (default 80)\n"
	"  --deeds LIST    only these, separated by commas; without kill the daemons grow old:\n"
	"                 ";

static struct soak soak;

enum { MINUTES = 256, KILLS, SEED, EVERY, PAUSE, LOAD, WHAT, JSON };

static bool read_deeds(struct options *options, char *list)
{
	memset(options->deeds, 0, sizeof(options->deeds));
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		int deed = 0;

		while (deed < DEEDS_ALL && strcmp(deed_names[deed], name) != 0)
			deed++;
		if (deed == DEEDS_ALL) {
			fprintf(stderr, "soak: no deed is called %s\n", name);
			return false;
		}
		options->deeds[deed] = true;
	}
	return true;
}

static bool read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "minutes", required_argument, NULL, MINUTES }, { "kills", required_argument, NULL, KILLS },
		{ "seed", required_argument, NULL, SEED }, { "every", required_argument, NULL, EVERY },
		{ "pause", required_argument, NULL, PAUSE }, { "load", required_argument, NULL, LOAD },
		{ "deeds", required_argument, NULL, WHAT }, { "json", no_argument, NULL, JSON }, { 0 },
	};
	bool good = true;

	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
		switch (option) {
		case MINUTES: options->ms = (long)(strtod(optarg, NULL) * 60000); break;
		case KILLS: options->kills = strtoul(optarg, NULL, 10); break;
		case SEED: options->seed = strtoul(optarg, NULL, 10); break;
		case EVERY: options->every = (long)(strtod(optarg, NULL) * 1000); break;
		case PAUSE: options->pause = atol(optarg); break;
		case LOAD: options->load = atol(optarg); break;
		case WHAT: good = good && read_deeds(options, optarg); break;
		case JSON: options->json = true; break;
		default: good = false; break;
		}
	return good && optind == argc && options->every > 0 && options->pause > 0 && options->load > 0;
}

static void show_usage(void)
{
	fputs(usage, stderr);
	for (int i = 0; i < DEEDS_ALL; i++)
		fprintf(stderr, "%s%s", i ? "," : "", deed_names[i]);
	fputs("\n  --json          the report as JSON\nExit status: 0 no violation, 1 violations, 2 misused or no stack.\n", stderr);
}

/* ---- the end ---- */

/* What is left behind after a violation is whole: the stack can be brought up again. */
static int finish(void)
{
	char kept[700] = "";

	if (soak.over)
		return soak.violations > 0;
	soak.over = true;
	if (soak.violations > 0) {
		snprintf(kept, sizeof(kept), "%s", soak.stack.dir);
		setenv("AFTERCARE_TEST_KEEP", "1", 1);
	}
	soak_report(&soak, kept[0] ? kept : NULL);
	if (soak.crew.extras[0].daemon)
		crew_kill(&soak.crew);
	stack_close(&soak.stack);
	return soak.violations > 0;
}

/* desk_fail and the like end the program: what they said stands on stderr. */
static void ended(void)
{
	if (!soak.up || soak.over)
		return;
	soak_violation(&soak, "the soak could not go on; the line before says why");
	_exit(finish());
}

/* A signal is taken here and nowhere else: those we start, which would die of a Ctrl-C too, have it blocked as well. The second
 * one ends us at once, and the stack with us. */
static bool asked_to_end(const sigset_t *signals)
{
	static const struct timespec now;

	if (soak.stopped || sigtimedwait(signals, NULL, &now) <= 0)
		return soak.stopped;
	soak_say(&soak, "ends: one more verdict (once again: at once)");
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	soak.stopped = true;
	return true;
}

static bool is_over(const sigset_t *signals)
{
	const struct options *options = &soak.options;

	return (options->ms && stack_clock() - soak.began >= options->ms) || (options->kills && soak.deeds[DEED_KILL] >= options->kills) ||
	       asked_to_end(signals);
}

static bool open_all(sigset_t *signals)
{
	static const char *const nothing[] = { NULL };

	setenv("AFTERCARE_RESTARTS", "any", 1);
	setenv("AFTERCARE_TEST_BROKER", "kafka", 1);
	setenv("AFTERCARE_TEST_SECONDS", "180", 0);
	/* That Kafka needs minutes on a busy machine is no violation. */
	setenv("AFTERCARE_READY_SECONDS", "300", 0);
	if (!stack_open(&soak.stack, "soak", nothing))
		return false;
	soak.up = true;
	(void)atexit(ended);
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
	soak.recovery = recovery_open(&soak.stack);
	crew_fill(&soak.crew);
	soak.began = stack_clock();
	soak_chapter(&soak);
	soak.next_verdict = stack_clock() + soak.options.every;
	return true;
}

int main(int argc, char **argv)
{
	struct options *options = &soak.options;
	sigset_t signals;

	*options = (struct options){ .every = 120000, .pause = 400, .load = 80, .seed = (unsigned long)desk_now() };
	for (int i = 0; i < DEEDS_ALL; i++)
		options->deeds[i] = true;
	soak.said = json_array();
	if (!read_options(argc, argv, options)) {
		show_usage();
		return 2;
	}
	soak.chance = chance_from(NULL, options->seed);
	fprintf(stderr, "soak: seed %lu; bringing up a stack\n", options->seed);
	if (!open_all(&signals))
		return 2;
	while (!is_over(&signals)) {
		soak.judged = false;
		traffic_turn(soak.desk, soak.traffic);
		soak_follow(&soak);
		soak_deed(&soak);
		soak_line(&soak, false);
		if (stack_clock() >= soak.next_verdict)
			soak_verdict(&soak);
	}
	if (!soak.judged)
		soak_verdict(&soak);
	return finish();
}
