/* Runs seeds, several at once, and says which one breaks the promise.
 *
 *   simulator [--seeds N] [--first N] [--jobs N] [--quiet]     N runs
 *   simulator --seed N                                         one run, its trace on standard output
 *
 * Prints `ok simulator ...` or, with the seed that shows it, `not ok simulator ...`. One in a hundred seeds is run twice and its two
 * traces are compared. */
#include "tests/simulator/simulator.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64

struct share {
	uint64_t at, runs, faults, steps;
	bool failed;
	char why[500];
};

static struct share *shares;                 /* one per job, shared with the children */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False: two runs of one seed differ. */
static bool repeatable(uint64_t seed)
{
	char *text[2];
	size_t size[2];

	for (int i = 0; i < 2; i++) {
		FILE *trace = open_memstream(&text[i], &size[i]);

		(void)simulate(seed, trace);
		fclose(trace);
	}
	bool same = size[0] == size[1] && memcmp(text[0], text[1], size[0]) == 0;
	free(text[0]);
	free(text[1]);
	return same;
}

static int run_chunk(struct share *share, uint64_t first, uint64_t count)
{
	for (uint64_t seed = first; seed < first + count; seed++) {
		share->at = seed;
		bool good = simulate(seed, NULL);
		share->runs++;
		share->faults += world.faults;
		share->steps += world.steps;
		if (!good) {
			snprintf(share->why, sizeof(share->why), "%s", world.violation);
			return 1;
		}
		if (seed % runs_compared == 0 && !repeatable(seed)) {
			snprintf(share->why, sizeof(share->why), "two runs of it differ");
			return 1;
		}
	}
	return 0;
}

static pid_t chunk_start(struct share *share, uint64_t first, uint64_t count)
{
	fflush(stdout);
	pid_t child = fork();

	if (child == 0)
		_exit(run_chunk(share, first, count));
	return child;
}

static void chunk_over(struct share *share, int status)
{
	share->failed = status != 0;
	if (WIFSIGNALED(status))
		snprintf(share->why, sizeof(share->why), "the program was ended by signal %d", WTERMSIG(status));
}

static int report(int jobs, double began)
{
	struct share sum = { 0 };
	const struct share *failed = NULL;

	for (int i = 0; i < jobs; i++) {
		sum.runs += shares[i].runs;
		sum.faults += shares[i].faults;
		sum.steps += shares[i].steps;
		if (shares[i].failed && (!failed || shares[i].at < failed->at))
			failed = &shares[i];
	}
	if (failed)
		printf("not ok %s seed %llu: %s\n    after %llu runs in %.1f s; make simulate %sSEED=%llu shows it\n", program_name,
		       (unsigned long long)failed->at, failed->why, (unsigned long long)sum.runs, seconds() - began,
		       program_words, (unsigned long long)failed->at);
	else
		printf("ok %s %llu seeds, %llu faults, %llu steps, %.1f s\n", program_name, (unsigned long long)sum.runs,
		       (unsigned long long)sum.faults, (unsigned long long)sum.steps, seconds() - began);
	return failed != NULL;
}

static int run_many(uint64_t first, uint64_t count, int jobs, bool quiet)
{
	double began = seconds(), told = began;
	pid_t children[JOBS_MAX] = { 0 };
	uint64_t next = first, end = first + count;
	bool failed = false;
	int running = 0;

	while (running || (next < end && !failed)) {
		for (int i = 0; i < jobs && next < end && !failed; i++) {
			if (children[i])
				continue;
			uint64_t size = end - next < runs_at_once ? end - next : runs_at_once;
			children[i] = chunk_start(&shares[i], next, size);
			next += size;
			running++;
		}
		int status;
		pid_t child = wait(&status);
		for (int i = 0; i < jobs; i++) {
			if (children[i] != child)
				continue;
			children[i] = 0;
			running--;
			chunk_over(&shares[i], status);
			failed = failed || shares[i].failed;
		}
		if (!quiet && seconds() - told > 5) {
			told = seconds();
			printf("  seed %llu, %.0f s\n", (unsigned long long)next, told - began);
			fflush(stdout);
		}
	}
	return report(jobs, began);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' }, { "first", required_argument, NULL, 'f' }, { "jobs", required_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },  { "quiet", no_argument, NULL, 'q' },       { 0 },
	};
	uint64_t count = 20000, first = 1, only = UINT64_MAX;
	int jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
	bool quiet = false;
	int status;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'n': count = strtoull(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		case 'j': jobs = atoi(optarg); break;
		case 'q': quiet = true; break;
		case 's': only = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	jobs = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
	shares = mmap(NULL, JOBS_MAX * sizeof(*shares), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		return 2;
	if (!server_begin()) {
		printf("not ok %s: the database cannot be had\n", program_name);
		return 2;
	}
	status = only == UINT64_MAX ? run_many(first, count, jobs, quiet) : !simulate(only, stdout);
	server_end();
	return status;
}
