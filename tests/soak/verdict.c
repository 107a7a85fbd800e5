/* Everything comes to rest, and what the topics and tables say is judged by programs of their own, whose memory is given back.
 *
 * A chapter is what lies between two verdicts: it has people, requests and a desk of its own, so that a soak of a day does not
 * keep a day in memory. The verdict is always over everything since the stack came up. */
#define _GNU_SOURCE /* vasprintf */
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/soak.h"

#include "tests/support/scene.h"

void soak_violation(struct soak *soak, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	soak->violations++;
	json_array_append_new(soak->said, json_string_nocheck(text));
	soak_say(soak, "VIOLATION: %s", text);
	free(text);
}

size_t soak_requests(const struct soak *soak)
{
	return soak->requests + (soak->traffic ? traffic_done(soak->traffic) : 0);
}

void soak_chapter(struct soak *soak)
{
	struct desk *before = soak->desk;

	if (soak->traffic) {
		soak->requests += traffic_done(soak->traffic);
		traffic_close(soak->traffic);
	}
	/* Opened before the last one is closed: who has the cast of a desk knows it by its address. */
	soak->desk = soak->chapters++ ? desk_open_at_end(&soak->stack) : desk_open(&soak->stack);
	desk_close(before);
	if (!soak->desk)
		exit(1);
	soak->traffic = traffic_open(soak->desk, "soak", (int)soak->options.load);
}

/* ---- coming to rest ---- */

static void wait_until_whole(struct soak *soak)
{
	long deadline = stack_deadline();

	soak_wake(soak);
	while (!soak_is_whole(soak)) {
		traffic_turn(soak->desk, soak->traffic);
		soak_follow(soak);
		soak_line(soak, false);
		if (stack_clock() < deadline)
			continue;
		for (size_t i = 0; i < soak->stack.daemon_count; i++)
			if (recovery_waits(soak->recovery, i))
				desk_fail(soak->desk, NULL, "%s does not commit again", soak->stack.daemons[i]);
		desk_fail(soak->desk, NULL, "an outage or a restart does not come to its end");
	}
	recovery_forget(soak->recovery);
}

static bool all_ready(struct soak *soak)
{
	json_t *status = stack_status(&soak->stack);
	bool all = true;

	for (size_t i = 0; i < soak->stack.daemon_count; i++) {
		const char *state = json_string_value(json_object_get(stack_service(status, soak->stack.daemons[i]), "state"));

		all = all && state && strcmp(state, "ready") == 0;
	}
	json_decref(status);
	return all;
}

static void wait_until_ready(struct soak *soak)
{
	long deadline = stack_deadline();

	while (!all_ready(soak)) {
		traffic_turn(soak->desk, soak->traffic);
		if (stack_clock() > deadline)
			desk_fail(soak->desk, NULL, "not all daemons are ready again");
	}
}

/* ---- judging ---- */

/* Beside this program. */
static void checker_path(char path[600])
{
	ssize_t n = readlink("/proc/self/exe", path, 500);

	path[n > 0 ? n : 0] = '\0';
	strcpy(strrchr(path, '/') ? strrchr(path, '/') : path, "/fault/check_history");
}

static void check_history(struct soak *soak)
{
	char path[600], *said = NULL;
	const char *const argv[] = { path, "--brokers", soak->stack.brokers, "--database", soak->stack.database, "--wait", "60", "--json",
				     NULL };
	json_t *report, *violation;
	int status;
	size_t i;

	checker_path(path);
	status = stack_run(argv, &said);
	report = json_loads(said && strchr(said, '{') ? strchr(said, '{') : "", JSON_DISABLE_EOF_CHECK, NULL);
	if (!report)
		soak_violation(soak, "check_history gives no verdict (exit status %d): %s", status, said ? said : "");
	json_array_foreach(json_object_get(report, "violations"), i, violation)
		soak_violation(soak, "%s %s: %s", json_string_value(json_object_get(violation, "invariant")),
			       json_string_value(json_object_get(violation, "about")), json_string_value(json_object_get(violation, "text")));
	soak->records = (size_t)json_integer_value(json_object_get(report, "records"));
	json_decref(report);
	free(said);
}

static void check_rebuild(struct soak *soak)
{
	int status;
	json_t *verdict = desk_rebuild(soak->desk, &status), *table;
	size_t i;

	json_array_foreach(json_object_get(verdict, "tables"), i, table) {
		char *text = json_dumps(table, JSON_COMPACT);

		if (json_array_size(json_object_get(table, "first")) > 0)
			soak_violation(soak, "the state differs from what the topics say: %.1500s", text);
		free(text);
	}
	if (status != 0 && soak->violations == 0)
		soak_violation(soak, "rebuild ends with %d", status);
	json_decref(verdict);
}

/* A daemon dies of nothing but what we do. Each death is told once. */
static void check_deaths(struct soak *soak)
{
	static int told[16];

	for (size_t i = 0; i < soak->stack.daemon_count; i++) {
		const char *daemon = soak->stack.daemons[i];
		char exit[64], signal[64], ours[64];
		int deaths;

		snprintf(exit, sizeof(exit), " %s: exit status", daemon);
		snprintf(signal, sizeof(signal), " %s: killed by signal", daemon);
		snprintf(ours, sizeof(ours), " %s: killed by signal 9", daemon);
		deaths = stack_log_count(&soak->stack, "supervisor", exit) + stack_log_count(&soak->stack, "supervisor", signal) -
			 stack_log_count(&soak->stack, "supervisor", ours);
		if (deaths > told[i])
			soak_violation(soak, "%s has ended by itself %d times: see log/supervisor.log and log/%s.log", daemon, deaths - told[i],
				       daemon);
		told[i] = deaths;
	}
}

/* ---- memory ---- */

static long resident(pid_t pid)
{
	char path[64], line[256];
	long kilobytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kilobytes = atol(line + 6);
	if (file)
		fclose(file);
	return kilobytes;
}

static long open_files(pid_t pid)
{
	char path[64];
	long count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count > 2 ? count - 2 : 0;
}

static long age(pid_t pid)
{
	char path[64], line[1024], *after;
	long long start = 0;
	struct timespec now;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file) && (after = strrchr(line, ')')))
		(void)sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", &start);
	if (file)
		fclose(file);
	clock_gettime(CLOCK_BOOTTIME, &now);
	return start ? now.tv_sec - (long)(start / sysconf(_SC_CLK_TCK)) : 0;
}

static void measure(struct soak *soak)
{
	json_t *status = stack_status(&soak->stack);

	for (size_t i = 0; i < soak->stack.daemon_count; i++) {
		pid_t pid = (pid_t)json_integer_value(json_object_get(stack_service(status, soak->stack.daemons[i]), "pid"));
		struct sample sample = { pid, resident(pid), open_files(pid), age(pid) }, *most = &soak->most[i];

		if (soak->verdicts == 0)
			soak->first[i] = sample;
		soak->last[i] = sample;
		most->resident = sample.resident > most->resident ? sample.resident : most->resident;
		most->files = sample.files > most->files ? sample.files : most->files;
		most->age = sample.age > most->age ? sample.age : most->age;
	}
	json_decref(status);
}

/* ---- all of it ---- */

void soak_verdict(struct soak *soak)
{
	size_t before = soak->violations;
	long begin;

	wait_until_whole(soak);
	wait_until_ready(soak);
	(void)traffic_finish(soak->desk, soak->traffic);
	begin = stack_clock();
	measure(soak);
	traffic_check_counts(soak->desk, soak->traffic);
	check_history(soak);
	check_rebuild(soak);
	check_deaths(soak);
	soak->verdicts++;
	soak->judged = true;
	soak_say(soak, "verdict %zu over %zu requests, %zu records: %zu violations (%.1f s)", soak->verdicts, soak_requests(soak), soak->records,
		 soak->violations - before, (double)(stack_clock() - begin) / 1000);
	soak_chapter(soak);
	/* All is read each time: the longer that takes, the rarer. */
	begin = 4 * (stack_clock() - begin);
	soak->next_verdict = stack_clock() + (begin > soak->options.every ? begin : soak->options.every);
}
