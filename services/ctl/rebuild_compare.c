/* rebuild, making and comparing: the tables from what was read, then both sides of each side by side in the order of their
 * keys, a page at a time. Both are read in one snapshot each. */
#include <string.h>

#include "common/base/doc.h"
#include "services/ctl/rebuild.h"

/* One side of a table: a cursor and the page at hand. */
struct side {
	struct db *db;
	const struct db_result *page;
	size_t at, count;
	bool over;
};

/* ---- making ---- */

static bool run(struct rebuild *rebuild, struct db *db, const char *statement, const struct db_result **ret)
{
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	(void)rebuild;
	if (db_run(db, statement, NULL, &rows, &fault))
		return ctl_fail(2, "%s (%s)", fault.text, statement) == 0;
	if (ret)
		*ret = rows;
	return true;
}

int rebuild_make(struct rebuild *rebuild)
{
	int64_t made = 0, all = 0;

	for (const struct rebuild_table *table = rebuild_tables; table->name; table++)
		all++;
	if (!run(rebuild, rebuild->target, "rebuild_analyze", NULL))
		return 2;
	for (const struct rebuild_table *table = rebuild_tables; table->name; table++) {
		rebuild_tell(rebuild, "tables made", made++, all, false);
		if (table->make && !run(rebuild, rebuild->target, table->make, NULL))
			return 2;
	}
	return 0;
}

/* ---- comparing ---- */

static bool side_next(struct rebuild *rebuild, struct side *side)
{
	if (side->over || ++side->at < side->count)
		return true;
	if (!run(rebuild, side->db, "rebuild_fetch", &side->page))
		return false;
	side->at = 0;
	side->count = db_rows(side->page);
	side->over = side->count == 0;
	return true;
}

static struct str side_key(const struct side *side)
{
	return db_get_text(side->page, side->at, 0);
}

static struct str side_row(const struct side *side)
{
	return db_get_text(side->page, side->at, 1);
}

static struct rebuild_difference *difference_add(struct rebuild *rebuild, struct rebuild_outcome *outcome, struct str key,
						 const char *kind)
{
	if (outcome->shown_count == REBUILD_SHOWN)
		return NULL;
	outcome->shown[outcome->shown_count] =
		(struct rebuild_difference){ .key = str_copy(&rebuild->ctl->arena, key), .kind = str_of(kind) };
	return &outcome->shown[outcome->shown_count++];
}

static void column_add(struct rebuild *rebuild, struct rebuild_difference *difference, struct str name, struct str live, struct str made)
{
	struct arena *arena = &rebuild->ctl->arena;

	arena_grow(arena, &difference->columns, &difference->column_capacity, difference->column_count + 1,
		   sizeof(*difference->columns));
	difference->columns[difference->column_count++] =
		(struct rebuild_column){ str_copy(arena, name), str_copy(arena, live), str_copy(arena, made) };
}

/* Only what the made row says is compared: where it is silent, it is not known. False: rows that are no JSON, a mistake here. */
static bool rows_compare(struct rebuild *rebuild, struct rebuild_outcome *outcome, struct str key, struct str live_text,
			 struct str made_text)
{
	struct arena arena = { 0 };
	struct doc live = { 0 }, made = { 0 };
	struct fault fault = FAULT_NONE;
	struct rebuild_difference *difference = NULL;
	bool differs = false, good;

	if (str_eq(live_text, made_text))
		return true;
	good = doc_parse(&live, live_text, &arena, &fault) == OK && doc_parse(&made, made_text, &arena, &fault) == OK;
	for (uint32_t node = good ? doc_first(&made, 0) : 0; node; node = doc_next(&made, 0, node)) {
		struct str name = doc_string(&made, node, &arena);
		uint32_t other = doc_member(&live, 0, name);
		struct str value = doc_raw(&made, node + 1), stored = other ? doc_raw(&live, other) : STR_NONE;

		if (str_eq(value, stored))
			continue;
		if (!differs)
			difference = difference_add(rebuild, outcome, key, "different");
		differs = true;
		if (difference)
			column_add(rebuild, difference, name, stored, value);
	}
	outcome->different += differs;
	arena_done(&arena);
	return good || ctl_fail(2, "%s", fault.text) == 0;
}

static bool sides_merge(struct rebuild *rebuild, struct rebuild_outcome *outcome, struct side *live, struct side *made)
{
	bool good = side_next(rebuild, live) && side_next(rebuild, made);

	while (good && !(live->over && made->over)) {
		int order = live->over ? 1 : made->over ? -1 : str_cmp(side_key(live), side_key(made));

		outcome->rows++;
		if (order < 0) {
			outcome->extra++;
			(void)difference_add(rebuild, outcome, side_key(live), "extra");
		} else if (order > 0) {
			outcome->missing++;
			(void)difference_add(rebuild, outcome, side_key(made), "missing");
		} else {
			good = rows_compare(rebuild, outcome, side_key(live), side_row(live), side_row(made));
		}
		if (good && order <= 0)
			good = side_next(rebuild, live);
		if (good && order >= 0)
			good = side_next(rebuild, made);
	}
	return good;
}

static bool close_rows(struct db *db)
{
	struct fault fault = FAULT_NONE;

	db_queue_plain(db, "CLOSE rebuild_rows");
	return db_sync(db, &fault) == OK || ctl_fail(2, "%s", fault.text) == 0;
}

static bool table_compare(struct rebuild *rebuild, const struct rebuild_table *table, struct rebuild_outcome *outcome)
{
	struct side live = { .db = rebuild->live }, made = { .db = rebuild->target };

	return run(rebuild, rebuild->live, table->rows, NULL) &&
	       run(rebuild, rebuild->target, table->made ? table->made : table->rows, NULL) &&
	       sides_merge(rebuild, outcome, &live, &made) && close_rows(rebuild->live) && close_rows(rebuild->target);
}

/* ---- what is in neither list ---- */

/* "*.outbox" names the outbox of every schema. */
static bool named(const char *name, struct str table)
{
	struct str pattern = str_of(name), rest = table;

	if (!str_starts(pattern, STR("*.")))
		return str_eq(pattern, table);
	(void)str_cut(&pattern, '.');
	(void)str_cut(&rest, '.');
	return str_eq(pattern, rest);
}

static bool known(struct str table)
{
	for (const struct rebuild_table *t = rebuild_tables; t->name; t++)
		if (named(t->name, table))
			return true;
	for (const struct rebuild_excluded *e = rebuild_excluded; e->table; e++)
		if (!e->what && named(e->table, table))
			return true;
	return false;
}

static bool find_unknown(struct rebuild *rebuild)
{
	struct arena *arena = &rebuild->ctl->arena;
	const struct db_result *rows;

	if (!run(rebuild, rebuild->live, "rebuild_all_tables", &rows))
		return false;
	rebuild->unknown = arena_zero(arena, (db_rows(rows) + 1) * sizeof(*rebuild->unknown));
	for (size_t i = 0; i < db_rows(rows); i++)
		if (!known(db_get_text(rows, i, 0)))
			rebuild->unknown[rebuild->unknown_count++] = str_copy(arena, db_get_text(rows, i, 0));
	return true;
}

static bool snapshot(struct db *db)
{
	struct fault fault = FAULT_NONE;

	db_queue_plain(db, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
	/* Times as text must look the same on both sides. */
	db_queue_plain(db, "SET LOCAL timezone = 'UTC'");
	return db_sync(db, &fault) == OK || ctl_fail(2, "%s", fault.text) == 0;
}

int rebuild_compare(struct rebuild *rebuild)
{
	int64_t done = 0, all = 0;
	int status = 0;

	for (const struct rebuild_table *table = rebuild_tables; table->name; table++)
		all++;
	rebuild->outcomes = arena_zero(&rebuild->ctl->arena, (size_t)all * sizeof(*rebuild->outcomes));
	if (!snapshot(rebuild->live) || !snapshot(rebuild->target) || !find_unknown(rebuild))
		status = 2;
	for (; done < all && status == 0; done++) {
		rebuild_tell(rebuild, "tables compared", done, all, false);
		if (!table_compare(rebuild, &rebuild_tables[done], &rebuild->outcomes[done]))
			status = 2;
	}
	db_rollback(rebuild->live);
	db_rollback(rebuild->target);
	rebuild_tell(rebuild, "tables compared", done, all, true);
	return status;
}
