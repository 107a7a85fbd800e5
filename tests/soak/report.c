/* The line of progress on stderr: rewritten in place on a terminal, otherwise now and then a line of its own. The report on stdout. */
#define _GNU_SOURCE /* vasprintf */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/soak/soak.h"

#define LINE_EVERY 500               /* ms, on a terminal */
#define PLAIN_EVERY 15000

static size_t outages(const struct soak *soak)
{
	return soak->deeds[DEED_DATABASE_FAST] + soak->deeds[DEED_DATABASE_CRASH] + soak->deeds[DEED_BROKER_STOP] +
	       soak->deeds[DEED_BROKER_KILL];
}

static const char *elapsed(const struct soak *soak, char text[static 32])
{
	long seconds = (stack_clock() - soak->began) / 1000;

	snprintf(text, 32, "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
	return text;
}

void soak_line(struct soak *soak, bool now)
{
	struct durations *recovery = recovery_all(soak->recovery);
	bool terminal = isatty(2);
	char at[32];

	if (!now && stack_clock() < soak->next_line)
		return;
	soak->next_line = stack_clock() + (terminal ? LINE_EVERY : PLAIN_EVERY);
	fprintf(stderr, "%s%s  %zu requests done  %zu kills  %zu outages  %zu verdicts  %zu violations  recovery %.2f s, worst %.2f s%s",
		terminal ? "\r\033[K" : "", elapsed(soak, at), soak_requests(soak), soak->deeds[DEED_KILL], outages(soak), soak->verdicts,
		soak->violations, (double)durations_median(recovery) / 1000, (double)durations_worst(recovery) / 1000, terminal ? "" : "\n");
	fflush(stderr);
}

void soak_say(struct soak *soak, const char *format, ...)
{
	char *text = NULL, at[32];
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	fprintf(stderr, "%s%s  %s\n", isatty(2) ? "\r\033[K" : "", elapsed(soak, at), text);
	soak->next_line = 0;
	free(text);
}

/* ---- the report ---- */

static json_t *figures(struct durations *durations)
{
	return json_pack("{s:I, s:I, s:I}", "measured", (json_int_t)durations->count, "median_ms", (json_int_t)durations_median(durations),
			 "worst_ms", (json_int_t)durations_worst(durations));
}

static json_t *sample_json(const struct sample *sample)
{
	return json_pack("{s:I, s:I, s:I}", "resident_kb", (json_int_t)sample->resident, "files", (json_int_t)sample->files,
			 "age_s", (json_int_t)sample->age);
}

static void report_as_json(struct soak *soak, const char *kept)
{
	json_t *deeds = json_object(), *recovery = json_object(), *memory = json_object(), *all;

	for (int i = 0; i < DEEDS_ALL; i++)
		json_object_set_new(deeds, deed_names[i], json_integer((json_int_t)soak->deeds[i]));
	for (size_t i = 0; i < soak->stack.daemon_count; i++) {
		const char *daemon = soak->stack.daemons[i];

		json_object_set_new(recovery, daemon, figures(recovery_of(soak->recovery, i)));
		json_object_set_new(memory, daemon, json_pack("{s:o, s:o, s:o}", "first", sample_json(&soak->first[i]), "last",
							      sample_json(&soak->last[i]), "most", sample_json(&soak->most[i])));
	}
	all = json_pack("{s:b, s:I, s:f, s:I, s:I, s:I, s:o, s:O, s:o, s:I, s:o, s:o, s:o, s:s?}", "good", soak->violations == 0,
			"seed", (json_int_t)soak->options.seed, "seconds", (double)(stack_clock() - soak->began) / 1000,
			"requests", (json_int_t)soak_requests(soak), "records", (json_int_t)soak->records,
			"verdicts", (json_int_t)soak->verdicts, "deeds", deeds, "violations", soak->said, "recovery", recovery,
			"kills_not_measured", (json_int_t)soak->unmeasured, "postgres_back", figures(&soak->back[0]),
			"kafka_back", figures(&soak->back[1]), "memory", memory, "kept", kept);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void tell_durations(const char *what, struct durations *durations)
{
	if (durations->count == 0)
		return;
	printf("  %-32s %6zu times, median %6.2f s, worst %6.2f s\n", what, durations->count, (double)durations_median(durations) / 1000,
	       (double)durations_worst(durations) / 1000);
}

static void tell_memory(const struct soak *soak)
{
	printf("at the verdicts: resident memory of the first, the last, the largest process; open files; oldest process\n");
	for (size_t i = 0; i < soak->stack.daemon_count && soak->verdicts > 0; i++)
		printf("  %-32s %6.1f MB, %6.1f MB, %6.1f MB; %ld, %ld, %ld; %ld s\n", soak->stack.daemons[i],
		       (double)soak->first[i].resident / 1024, (double)soak->last[i].resident / 1024, (double)soak->most[i].resident / 1024,
		       soak->first[i].files, soak->last[i].files, soak->most[i].files, soak->most[i].age);
}

static void report_as_text(struct soak *soak, const char *kept)
{
	json_t *text;
	char at[32];
	size_t i;

	printf("soak of %s, seed %lu: %zu requests worked to their ends, %zu verdicts over %zu records, %zu violations\n", elapsed(soak, at),
	       soak->options.seed, soak_requests(soak), soak->verdicts, soak->records, soak->violations);
	for (int deed = 0; deed < DEEDS_ALL; deed++)
		printf("  %6zu %s\n", soak->deeds[deed], deed_words[deed]);
	printf("to the next commit (%zu of the waits were not measured: another fault came between)\n", soak->unmeasured);
	for (i = 0; i < soak->stack.daemon_count; i++) {
		char what[64];

		snprintf(what, sizeof(what), "from kill -9 of %s", soak->stack.daemons[i]);
		tell_durations(what, recovery_of(soak->recovery, i));
	}
	tell_durations("of any daemon", recovery_all(soak->recovery));
	tell_durations("from PostgreSQL's return", &soak->back[0]);
	tell_durations("from Kafka's return", &soak->back[1]);
	tell_memory(soak);
	json_array_foreach(soak->said, i, text)
		if (i < 20)
			printf("VIOLATION: %s\n", json_string_value(text));
	if (soak->violations > 20)
		printf("and %zu more\n", soak->violations - 20);
	if (kept)
		printf("kept in %s; deploy/dev/stack up --dir %s starts it again\n", kept, kept);
}

void soak_report(struct soak *soak, const char *kept)
{
	fputs(isatty(2) ? "\r\033[K" : "", stderr);
	if (soak->options.json)
		report_as_json(soak, kept);
	else
		report_as_text(soak, kept);
	fflush(stdout);
}
