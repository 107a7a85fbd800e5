/* rebuild, the database to rebuild in: found or made, seen to be empty, given this version's schema and a place for what is read. */
#include <string.h>

#include "services/ctl/rebuild.h"

static bool is_name(const char *database)
{
	return !strchr(database, '=') && !strstr(database, "://");
}

/* A name alone is a database of the server in use: it takes the place of the one in a URI, or stands behind the other
 * settings, of which the last one counts. */
const char *rebuild_place(struct ctl *ctl, const char *name)
{
	const char *begin, *end;

	if (!is_name(name))
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

struct db *rebuild_connect(const char *conninfo, const char *search_path, struct fault *fault)
{
	static const char *const sql[] = { "services/ctl/rebuild.sql", "services/ctl/rebuild_reporting.sql", "services/ctl/rebuild_rows.sql",
					   "common/worker/ticket.sql", NULL };
	struct db *db = db_new(conninfo, "aftercarectl", search_path, sql);

	if (db_connect(db, fault) == OK)
		return db;
	db_free(db);
	return NULL;
}

/* Exit status. */
static int make_database(struct rebuild *rebuild, const char *name)
{
	struct arena *arena = &rebuild->ctl->arena;
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	db_text(&params, str_of(name));
	if (db_run(rebuild->live, "rebuild_database", &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	if (db_get_bool(rows, 0, 0))
		return 0;
	if (db_script(rebuild->live, str_z(arena, db_get_text(rows, 0, 1)), &fault))
		return ctl_fail(2, "the database %s is not there and cannot be made: %s; have it made by somebody who may (createdb)", name,
				fault.text);
	fprintf(stderr, "made the database %s\n", name);
	return 0;
}

int rebuild_target_open(struct rebuild *rebuild, const char *into)
{
	struct fault fault = FAULT_NONE;
	int status = is_name(into) ? make_database(rebuild, into) : 0;

	if (status != 0)
		return status;
	rebuild->target = rebuild_connect(rebuild->target_ctl.database, "survey", &fault);
	return rebuild->target ? 0 : ctl_fail(2, "the database to rebuild in: %s", fault.text);
}

int rebuild_target_prepare(struct rebuild *rebuild)
{
	static const char *const steps[] = {
		"rebuild_schema", "rebuild_make_record", "rebuild_make_dead", "rebuild_make_coalesce", "rebuild_make_replace",
		"rebuild_make_first", "rebuild_make_last", "rebuild_make_day", "rebuild_make_us", "rebuild_make_words",
		"rebuild_make_numeric", "rebuild_make_code", "rebuild_make_thing",
	};
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	int status;

	if (db_run(rebuild->target, "rebuild_is_empty", NULL, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	if (db_get_bool(rows, 0, 1))
		return ctl_fail(2, "the database to rebuild in holds what an earlier rebuild has made; nothing was done. Remove it (dropdb), or "
				   "give another name");
	if (!db_get_bool(rows, 0, 0))
		return ctl_fail(2, "the database to rebuild in holds Aftercare's tables already; nothing was done. Give the name of one that is "
				   "not there yet, or an empty one");
	status = ctl_migrate(&rebuild->target_ctl, false, NULL);
	for (size_t i = 0; i < array_count(steps) && status == 0; i++)
		if (db_run(rebuild->target, steps[i], NULL, &rows, &fault))
			status = ctl_fail(2, "%s", fault.text);
	return status;
}
