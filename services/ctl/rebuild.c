/* rebuild: the state made anew from the topics alone, beside the one in use.
 *
 * The topics are the truth of what happened, and most of the daemons' rows are a function of them. So the rows can be
 * calculated a second time in an empty database and must be the same; which are, and why others are not, stands in
 * rebuild_tables.c. It changes nothing but the database it is given. */
#include "services/ctl/rebuild.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/base/doc.h"
#include "services/ctl/services.h"

#define STILL_MS 30000               /* how long it waits for the daemons to have done everything */
#define LOOK_MS 200

static int64_t monotonic(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

void rebuild_tell(struct rebuild *rebuild, const char *what, int64_t done, int64_t of, bool last)
{
	bool terminal = isatty(STDERR_FILENO);
	int64_t now = monotonic();

	if (!last && now - rebuild->told_at < SECOND)
		return;
	rebuild->told_at = now;
	fprintf(stderr, "%s%lld of %lld %s%s", terminal ? "\r\033[K" : "", (long long)done, (long long)of, what,
		terminal && !last ? "" : "\n");
}

/* ---- whether everything has been done ---- */

static bool ends_list(struct rebuild *rebuild)
{
	static const char *const others[] = { "aftercare.inbound", "aftercare.staff" };
	size_t count = 0;

	while (rebuild_topics[count])
		count++;
	rebuild->ends = rd_kafka_topic_partition_list_new(64);
	for (size_t i = 0; i < count + array_count(others); i++) {
		const char *topic = i < count ? rebuild_topics[i] : others[i - count];
		int32_t partitions = ctl_kafka_partitions(rebuild->reader, topic);

		if (partitions == 0)
			return false;
		rd_kafka_topic_partition_list_add_range(rebuild->ends, topic, 0, partitions - 1);
	}
	return true;
}

/* Absent: every daemon stands at the end of what it reads, and all facts are published. */
static struct str look_behind(struct rebuild *rebuild, const struct services *services, struct db *const *dbs)
{
	struct arena *arena = &rebuild->ctl->arena;

	for (size_t s = 0; s < services->count; s++) {
		struct fault fault = FAULT_NONE;
		const struct db_result *rows = NULL;

		if (db_run(dbs[s], "service_sources", NULL, &rows, &fault))
			return str_format(arena, "%.*s: %s", STR_ARG(services->names[s]), fault.text);
		for (size_t i = 0; i < db_rows(rows); i++) {
			const char *topic = str_z(arena, db_get_text(rows, i, 0));
			int32_t partition = (int32_t)db_get_int(rows, i, 1);
			const rd_kafka_topic_partition_t *end = rd_kafka_topic_partition_list_find(rebuild->ends, topic, partition);

			if (!end || end->offset != db_get_int(rows, i, 4))
				return str_format(arena, "%.*s stands at %lld in %s, partition %d, which ends at %lld",
						  STR_ARG(services->names[s]), (long long)db_get_int(rows, i, 4), topic,
						  (int)partition, end ? (long long)end->offset : -1LL);
			if (db_get_int(rows, i, 5) != 0)
				return str_format(arena, "%.*s has %lld facts of %s, partition %d, that Kafka has not acknowledged",
						  STR_ARG(services->names[s]), (long long)db_get_int(rows, i, 5), topic, (int)partition);
		}
	}
	return STR_NONE;
}

/* Ends first, positions after them: who stands at an end has done all that was there. Exit status. */
static int wait_still(struct rebuild *rebuild, const struct services *services, struct db *const *dbs)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	int64_t until = monotonic() + STILL_MS * MILLISECOND;
	struct str behind;

	for (;;) {
		if (!ctl_kafka_ends(rebuild->reader, rebuild->ends, 5000))
			return 3;
		behind = look_behind(rebuild, services, dbs);
		if (!behind.p)
			return 0;
		if (monotonic() >= until)
			return ctl_fail(3, "%.*s; nothing was compared. Stop what sends claims, let the daemons finish (aftercarectl status), "
					"and come again with an empty database", STR_ARG(behind));
		(void)nanosleep(&pause, NULL);
	}
}

static int64_t ends_sum(const struct rebuild *rebuild, bool all)
{
	int64_t sum = 0;

	for (int i = 0; i < rebuild->ends->cnt; i++) {
		bool counted = all;

		for (size_t t = 0; rebuild_topics[t]; t++)
			counted = counted || strcmp(rebuild->ends->elems[i].topic, rebuild_topics[t]) == 0;
		sum += counted ? rebuild->ends->elems[i].offset : 0;
	}
	return sum;
}

/* ---- telling ---- */

static bool is_same(const struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild_tables[i].name; i++) {
		const struct rebuild_outcome *outcome = &rebuild->outcomes[i];

		if (outcome->different || outcome->missing ||
		    (outcome->extra && rebuild_gone(rebuild, rebuild_tables[i].topic) == 0))
			return false;
	}
	return rebuild->unknown_count == 0;
}

static void tell_shown(const struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild_tables[i].name; i++)
		for (size_t d = 0; d < rebuild->outcomes[i].shown_count; d++) {
			const struct rebuild_difference *difference = &rebuild->outcomes[i].shown[d];

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

static void tell(const struct rebuild *rebuild)
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
		if (rebuild_gone(rebuild, rebuild_topics[i]) > 0)
			printf("%s: %lld of its records are gone (retention, compaction); extra rows of what it alone tells are not judged\n",
			       rebuild_topics[i], (long long)rebuild_gone(rebuild, rebuild_topics[i]));
	for (size_t i = 0; i < rebuild->unknown_count; i++)
		printf("%.*s: neither compared nor excluded; this version of aftercarectl does not know it\n",
		       STR_ARG(rebuild->unknown[i]));
	printf("not compared, because no topic holds it:\n");
	for (const struct rebuild_excluded *excluded = rebuild_excluded; excluded->table; excluded++)
		printf("  %s%s%s%s: %s\n", excluded->table, excluded->what ? " (" : "", excluded->what ? excluded->what : "",
		       excluded->what ? ")" : "", excluded->why);
	printf("\n%lld records read, %lld of them repeats: %s\n", (long long)rebuild->records, (long long)rebuild->repeats,
	       is_same(rebuild) ? "no difference" : "the state differs from what the topics say");
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

static void tell_json(const struct rebuild *rebuild)
{
	struct buf text cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member_bool(&writer, "same", is_same(rebuild));
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
	write_key(&writer, "excluded");
	write_open(&writer, '[');
	for (const struct rebuild_excluded *excluded = rebuild_excluded; excluded->table; excluded++) {
		write_open(&writer, '{');
		write_member(&writer, "table", str_of(excluded->table));
		write_member(&writer, "what", str_of(excluded->what));
		write_member(&writer, "why", str_of(excluded->why));
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&text)));
}

/* ---- the command ---- */

/* A name alone is a database of the server in use: it takes the place of the one in a URI, or stands behind the other
 * settings, of which the last one counts. */
static const char *place_of(struct ctl *ctl, const char *name)
{
	const char *begin, *end;

	if (strchr(name, '=') || strstr(name, "://"))
		return name;
	if (!ctl->database) {
		ctl_fail(1, "%s: on which server? Give a connection string, --config FILE, or AFTERCARE_DATABASE in the environment", name);
		return NULL;
	}
	begin = strstr(ctl->database, "://");
	if (!begin)
		return str_z(&ctl->arena, str_format(&ctl->arena, "%s dbname=%s", ctl->database, name));
	begin += 3;
	end = begin + strcspn(begin, "?");
	begin += strcspn(begin, "/?");
	return str_z(&ctl->arena, str_format(&ctl->arena, "%.*s/%s%s", (int)(begin - ctl->database), ctl->database, name, end));
}

static struct db *connect_to(const char *conninfo, const char *search_path)
{
	static const char *const sql[] = { "services/ctl/rebuild.sql", "common/worker/ticket.sql", NULL };
	struct db *db = db_new(conninfo, "aftercarectl", search_path, sql);
	struct fault fault = FAULT_NONE;

	if (db_connect(db, &fault) == OK)
		return db;
	ctl_fail(2, "%s", fault.text);
	db_free(db);
	return NULL;
}

static int target_prepare(struct rebuild *rebuild)
{
	static const char *const steps[] = { "rebuild_schema", "rebuild_make_record", "rebuild_make_dead" };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	int status;

	if (db_run(rebuild->target, "rebuild_is_empty", NULL, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	if (!db_get_bool(rows, 0, 0))
		return ctl_fail(2, "the database to rebuild in holds Aftercare's tables already; nothing was done. Give an empty one (createdb)");
	status = ctl_migrate(&rebuild->target_ctl, false, NULL);
	for (size_t i = 0; i < array_count(steps) && status == 0; i++)
		if (db_run(rebuild->target, steps[i], NULL, &rows, &fault))
			status = ctl_fail(2, "%s", fault.text);
	return status;
}

static int rebuild_run(struct rebuild *rebuild, const struct services *services, struct db *const *dbs)
{
	int status = wait_still(rebuild, services, dbs);
	int64_t stood;

	if (status != 0)
		return status;
	stood = ends_sum(rebuild, true);
	rebuild->told_at = monotonic();
	rebuild->records_known = ends_sum(rebuild, false);
	status = target_prepare(rebuild);
	if (status == 0)
		status = rebuild_read(rebuild);
	if (status == 0)
		status = rebuild_make(rebuild);
	if (status == 0)
		status = rebuild_compare(rebuild);
	if (status == 0)
		status = wait_still(rebuild, services, dbs);
	if (status == 0 && ends_sum(rebuild, true) != stood)
		status = ctl_fail(3, "the topics have grown meanwhile; what was compared says nothing. Stop what sends claims and come again "
				  "with an empty database");
	if (status != 0)
		return status;
	if (rebuild->ctl->json)
		tell_json(rebuild);
	else
		tell(rebuild);
	return is_same(rebuild) ? 0 : 1;
}

static int with_services(struct rebuild *rebuild)
{
	struct db *db = ctl_connect(rebuild->ctl);
	struct services services;
	struct db **dbs;
	int status = 0;

	if (!db)
		return 2;
	if (!services_list(rebuild->ctl, db, &services))
		status = 2;
	else if (services.hidden.p)
		status = ctl_fail(3, "this role may not look into %.*s; nothing was compared", STR_ARG(services.hidden));
	db_free(db);
	if (status != 0)
		return status;
	dbs = arena_zero(&rebuild->ctl->arena, (services.count + 1) * sizeof(*dbs));
	for (size_t i = 0; i < services.count && status == 0; i++) {
		dbs[i] = services_connect(rebuild->ctl, services.names[i]);
		if (!dbs[i])
			status = 2;
	}
	if (status == 0)
		status = rebuild_run(rebuild, &services, dbs);
	for (size_t i = 0; i < services.count; i++)
		db_free(dbs[i]);
	return status;
}

int ctl_rebuild(struct ctl *ctl, int argc, char **argv)
{
	const char *into = NULL, *with = NULL;
	struct ctl live = *ctl;
	struct rebuild rebuild = { .ctl = &live, .target_ctl = *ctl };
	int status = 2;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--into") == 0 && i + 1 < argc)
			into = argv[++i];
		else if (strcmp(argv[i], "--compare-with") == 0 && i + 1 < argc)
			with = argv[++i];
		else
			return ctl_fail(EX_USAGE, "rebuild: unknown argument %s (see --help)", argv[i]);
	}
	if (!into)
		return ctl_fail(EX_USAGE, "rebuild --into DATABASE [--compare-with DATABASE] [--json]");
	rebuild.target_ctl.arena = live.arena = (struct arena){ 0 };
	rebuild.target_ctl.database = place_of(&live, into);
	if (with)
		live.database = place_of(&live, with);
	if (!rebuild.target_ctl.database || !live.database)
		status = live.database ? EX_USAGE : ctl_fail(1, "no database to compare with is known: give --compare-with, or --config FILE");
	else if ((rebuild.reader = ctl_kafka_open(&live, true)) && ends_list(&rebuild) && (rebuild.live = connect_to(live.database, NULL)) &&
		 (rebuild.target = connect_to(rebuild.target_ctl.database, "survey")))
		status = with_services(&rebuild);
	db_free(rebuild.live);
	db_free(rebuild.target);
	if (rebuild.ends)
		rd_kafka_topic_partition_list_destroy(rebuild.ends);
	if (rebuild.reader) {
		rd_kafka_consumer_close(rebuild.reader);
		rd_kafka_destroy(rebuild.reader);
	}
	arena_done(&rebuild.target_ctl.arena);
	arena_done(&live.arena);
	return status;
}
