/* rebuild: the state made anew from the topics alone, beside the one in use.
 *
 * The topics are the truth of what happened, and most of the daemons' rows are a function of them. So the rows can be
 * calculated a second time in an empty database and must be the same; which are, and why others are not, stands in
 * rebuild_tables.c. It changes nothing but the database it is given. */
#include "services/ctl/rebuild.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "services/ctl/services.h"

#define STILL_MS 30000               /* how long it waits for the daemons to have done everything */
#define LOOK_MS 200

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
	int64_t until = rebuild_clock() + STILL_MS * MILLISECOND;
	struct str behind;

	for (;;) {
		if (!ctl_kafka_ends(rebuild->reader, rebuild->ends, 5000))
			return 3;
		behind = look_behind(rebuild, services, dbs);
		if (!behind.p)
			return 0;
		rebuild_tell_wait(rebuild, behind);
		if (rebuild_clock() >= until)
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

/* ---- the command ---- */

static int rebuild_run(struct rebuild *rebuild, const struct services *services, struct db *const *dbs)
{
	int status = wait_still(rebuild, services, dbs);
	int64_t stood;

	if (status != 0)
		return status;
	stood = ends_sum(rebuild, true);
	rebuild->records_known = ends_sum(rebuild, false);
	status = rebuild_target_prepare(rebuild);
	rebuild->told_at = rebuild_clock();
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
		rebuild_tell_json(rebuild);
	else
		rebuild_tell_text(rebuild);
	return rebuild_same(rebuild) ? 0 : 1;
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

static int with_both(struct rebuild *rebuild, const char *into)
{
	struct fault fault = FAULT_NONE;
	int status;

	rebuild->reader = ctl_kafka_open(rebuild->ctl, true);
	if (!rebuild->reader || !ends_list(rebuild))
		return 2;
	rebuild->live = rebuild_connect(rebuild->ctl->database, NULL, &fault);
	if (!rebuild->live)
		return ctl_fail(2, "%s", fault.text);
	status = rebuild_target_open(rebuild, into);
	return status ? status : with_services(rebuild);
}

static void done(struct rebuild *rebuild)
{
	db_free(rebuild->live);
	db_free(rebuild->target);
	if (rebuild->ends)
		rd_kafka_topic_partition_list_destroy(rebuild->ends);
	if (rebuild->reader) {
		rd_kafka_consumer_close(rebuild->reader);
		rd_kafka_destroy(rebuild->reader);
	}
	arena_done(&rebuild->target_ctl.arena);
	arena_done(&rebuild->ctl->arena);
}

int ctl_rebuild(struct ctl *ctl, int argc, char **argv)
{
	const char *into = NULL, *with = NULL;
	struct ctl live = *ctl;
	struct rebuild rebuild = { .ctl = &live, .target_ctl = *ctl };
	int status = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--into") == 0 && i + 1 < argc)
			into = argv[++i];
		else if (strcmp(argv[i], "--compare-with") == 0 && i + 1 < argc)
			with = argv[++i];
		else if (strcmp(argv[i], "--tables") == 0 && argc == 2)
			return rebuild_tell_tables(ctl->json), 0;
		else
			return ctl_fail(EX_USAGE, "rebuild: unknown argument %s (see --help)", argv[i]);
	}
	if (!into || !*into)
		return ctl_fail(EX_USAGE, "rebuild --into DATABASE [--compare-with DATABASE] [--json], or rebuild --tables [--json]");
	rebuild.target_ctl.arena = live.arena = (struct arena){ 0 };
	if (with)
		live.database = rebuild_place(&live, with);
	if (!live.database && !with)
		ctl_fail(1, "no database to compare with is known: give --compare-with, or --config FILE, or AFTERCARE_DATABASE in the "
			    "environment (stack env tells it)");
	else if (live.database && (rebuild.target_ctl.database = rebuild_place(&live, into)))
		status = with_both(&rebuild, into);
	done(&rebuild);
	return status;
}
