/* rebuild, telling: progress while it works, what differs in the end, and the two lists of tables; for people and as JSON. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/doc.h"
#include "services/ctl/rebuild.h"

/* ---- progress ---- */

int64_t rebuild_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static bool is_told_in_time(struct rebuild *rebuild)
{
	int64_t now = rebuild_clock();

	if (now - rebuild->told_at < SECOND)
		return false;
	rebuild->told_at = now;
	return true;
}

void rebuild_tell(struct rebuild *rebuild, const char *what, int64_t done, int64_t of, bool last)
{
	bool terminal = isatty(STDERR_FILENO);

	if (!is_told_in_time(rebuild) && !last)
		return;
	fprintf(stderr, "%s%lld of %lld %s%s", terminal ? "\r\033[K" : "", (long long)done, (long long)of, what,
		terminal && !last ? "" : "\n");
}

void rebuild_tell_wait(struct rebuild *rebuild, struct str behind)
{
	bool terminal = isatty(STDERR_FILENO);

	if (is_told_in_time(rebuild))
		fprintf(stderr, "%swaiting: %.*s%s", terminal ? "\r\033[K" : "", STR_ARG(behind), terminal ? "" : "\n");
}

/* ---- what differs ---- */

/* Where the beginning of a log is gone, nobody can say what stood there: a row more is no lie, nor is a sum that is greater. */
static bool is_judged(const struct rebuild *rebuild, const struct rebuild_table *table, const char *kind)
{
	int64_t gone = rebuild_gone(rebuild, table->topic) + (table->also ? rebuild_gone(rebuild, table->also) : 0);

	return gone == 0 || (strcmp(kind, "extra") != 0 && !(table->sums && strcmp(kind, "different") == 0));
}

bool rebuild_same(const struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild_tables[i].name; i++) {
		const struct rebuild_outcome *outcome = &rebuild->outcomes[i];

		if (outcome->missing || (outcome->different && is_judged(rebuild, &rebuild_tables[i], "different")) ||
		    (outcome->extra && is_judged(rebuild, &rebuild_tables[i], "extra")))
			return false;
	}
	return rebuild->unknown_count == 0;
}

static bool is_cut(const struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild_tables[i].name; i++)
		if (rebuild_gone(rebuild, rebuild_tables[i].topic) > 0)
			return true;
	return false;
}

static void tell_shown(const struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild_tables[i].name; i++)
		for (size_t d = 0; d < rebuild->outcomes[i].shown_count; d++) {
			const struct rebuild_difference *difference = &rebuild->outcomes[i].shown[d];

			if (!is_judged(rebuild, &rebuild_tables[i], str_is(difference->kind, "extra") ? "extra" :
				       str_is(difference->kind, "different") ? "different" : "missing"))
				continue;
			printf("%s %.*s: %.*s\n", rebuild_tables[i].name, STR_ARG(difference->key),
			       STR_ARG(str_is(difference->kind, "missing") ? STR("missing: the topics say that it must be there") :
				       str_is(difference->kind, "extra") ? STR("extra: no topic knows of it") : difference->kind));
			for (size_t c = 0; c < difference->column_count; c++) {
				const struct rebuild_column *column = &difference->columns[c];

				printf("    %.*s is %.*s, by the topics %.*s\n", STR_ARG(column->name), STR_ARG(column->live),
				       STR_ARG(column->made));
			}
		}
}

/* Of aftercare.ticket-state the last record of each key is enough: it is compacted. */
static bool is_source(const char *topic)
{
	for (size_t i = 0; rebuild_tables[i].name; i++)
		if (strcmp(rebuild_tables[i].topic, topic) == 0)
			return true;
	return false;
}

void rebuild_tell_text(const struct rebuild *rebuild)
{
	printf("%-24s %10s %10s %10s %10s\n", "table", "rows", "different", "missing", "extra");
	for (size_t i = 0; rebuild_tables[i].name; i++) {
		const struct rebuild_outcome *outcome = &rebuild->outcomes[i];

		printf("%-24s %10lld %10lld %10lld %10lld\n", rebuild_tables[i].name, (long long)outcome->rows,
		       (long long)outcome->different, (long long)outcome->missing, (long long)outcome->extra);
	}
	printf("\n");
	tell_shown(rebuild);
	for (size_t i = 0; rebuild_topics[i]; i++)
		if (is_source(rebuild_topics[i]) && rebuild_gone(rebuild, rebuild_topics[i]) > 0)
			printf("%s: %lld of its records are gone (retention): rows that it alone could tell of count as extra, sums of such\n"
			       "rows as different, and neither is judged\n",
			       rebuild_topics[i], (long long)rebuild_gone(rebuild, rebuild_topics[i]));
	for (size_t i = 0; i < rebuild->unknown_count; i++)
		printf("%.*s: neither compared nor excluded; this version of aftercarectl does not know it\n",
		       STR_ARG(rebuild->unknown[i]));
	printf("%s%lld records read, %lld of them repeats: %s\n", is_cut(rebuild) || rebuild->unknown_count ? "\n" : "",
	       (long long)rebuild->records, (long long)rebuild->repeats,
	       !rebuild_same(rebuild) ? "the state differs from what the topics say" :
	       is_cut(rebuild) ? "no difference from what the topics still say" : "no difference");
	printf("what is not compared, and why: aftercarectl rebuild --tables\n");
}

static void write_difference(struct writer *writer, const struct rebuild_difference *difference)
{
	write_open(writer, '{');
	write_key(writer, "key");
	write_raw(writer, difference->key.p[0] == '[' ? difference->key : STR("null"));
	write_member(writer, "kind", difference->kind);
	write_key(writer, "columns");
	write_open(writer, '[');
	for (size_t i = 0; i < difference->column_count; i++) {
		const struct rebuild_column *column = &difference->columns[i];

		write_open(writer, '{');
		write_member(writer, "column", column->name);
		write_key(writer, "stored");
		write_raw(writer, column->live.p ? column->live : STR("null"));
		write_key(writer, "rebuilt");
		write_raw(writer, column->made);
		write_close(writer, '}');
	}
	write_close(writer, ']');
	write_close(writer, '}');
}

static void write_excluded(struct writer *writer)
{
	write_key(writer, "excluded");
	write_open(writer, '[');
	for (const struct rebuild_excluded *excluded = rebuild_excluded; excluded->table; excluded++) {
		write_open(writer, '{');
		write_member(writer, "table", str_of(excluded->table));
		write_member(writer, "what", str_of(excluded->what));
		write_member(writer, "why", str_of(excluded->why));
		write_close(writer, '}');
	}
	write_close(writer, ']');
}

void rebuild_tell_json(const struct rebuild *rebuild)
{
	struct buf text cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member_bool(&writer, "same", rebuild_same(rebuild));
	write_member_int(&writer, "records", rebuild->records);
	write_member_int(&writer, "repeats", rebuild->repeats);
	write_key(&writer, "gone");
	write_open(&writer, '{');
	for (size_t i = 0; rebuild_topics[i]; i++)
		write_member_int(&writer, rebuild_topics[i], rebuild_gone(rebuild, rebuild_topics[i]));
	write_close(&writer, '}');
	write_key(&writer, "tables");
	write_open(&writer, '[');
	for (size_t i = 0; rebuild_tables[i].name; i++) {
		const struct rebuild_outcome *outcome = &rebuild->outcomes[i];

		write_open(&writer, '{');
		write_member(&writer, "table", str_of(rebuild_tables[i].name));
		write_member_int(&writer, "rows", outcome->rows);
		write_member_int(&writer, "different", outcome->different);
		write_member_int(&writer, "missing", outcome->missing);
		write_member_int(&writer, "extra", outcome->extra);
		write_key(&writer, "first");
		write_open(&writer, '[');
		for (size_t d = 0; d < outcome->shown_count; d++)
			write_difference(&writer, &outcome->shown[d]);
		write_close(&writer, ']');
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	write_key(&writer, "unknown");
	write_open(&writer, '[');
	for (size_t i = 0; i < rebuild->unknown_count; i++)
		write_string(&writer, rebuild->unknown[i]);
	write_close(&writer, ']');
	write_excluded(&writer);
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&text)));
}

/* ---- which tables ---- */

static void tables_json(void)
{
	struct buf text cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_key(&writer, "compared");
	write_open(&writer, '[');
	for (const struct rebuild_table *table = rebuild_tables; table->name; table++) {
		write_open(&writer, '{');
		write_member(&writer, "table", str_of(table->name));
		write_member(&writer, "topic", str_of(table->topic));
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	write_excluded(&writer);
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&text)));
}

void rebuild_tell_tables(bool json)
{
	if (json) {
		tables_json();
		return;
	}
	printf("compared, row by row, with what the topics say:\n");
	for (const struct rebuild_table *table = rebuild_tables; table->name; table++)
		printf("  %-24s from %s\n", table->name, table->topic);
	printf("\nnot compared, because no topic holds it or because it follows from what is compared:\n");
	for (const struct rebuild_excluded *excluded = rebuild_excluded; excluded->table; excluded++)
		printf("  %s%s%s%s\n      %s\n", excluded->table, excluded->what ? ": " : "", excluded->what ? excluded->what : "",
		       excluded->what ? "" : " (all of it)", excluded->why);
}
