/* The catalogue of named statements: cuts embedded .sql files at their `-- name: x` lines.
 *
 * Runs once at start, before there is a connection. Whatever is wrong here is a mistake of the program that no
 * waiting mends, so it aborts with a message instead of returning a verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rule.h"
#include "common/io/db_internal.h"
#include "common/io/embed.h"

void db_bug(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("db: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct db_statement *)a)->name, ((const struct db_statement *)b)->name);
}

static void add(struct db_catalog *catalog, const char *path, struct str name, struct str sql)
{
	struct db_statement *statement;

	sql = str_trim(sql);
	if (name.n == 0 || sql.n == 0)
		db_bug("%s: statement '%.*s' has no name or no text", path, STR_ARG(name));
	arena_grow(&catalog->arena, &catalog->items, &catalog->capacity, catalog->count + 1, sizeof(*catalog->items));
	statement = &catalog->items[catalog->count++];
	*statement = (struct db_statement){
		.name = str_z(&catalog->arena, name),
		.sql = str_z(&catalog->arena, sql),
	};
}

static void read_file(struct db_catalog *catalog, const char *path)
{
	const struct str mark = STR("-- name:");
	struct str rest = embed_find(path), name = STR_NONE, sql = STR_NONE;

	if (!rest.p)
		db_bug("%s is not among the embedded files", path);
	while (rest.p) {
		struct str line = str_cut(&rest, '\n');

		if (str_starts(line, mark)) {
			if (name.p)
				add(catalog, path, name, sql);
			name = str_trim((struct str){ line.p + mark.n, line.n - mark.n });
			sql = (struct str){ line.p + line.n, 0 };
		} else if (name.p) {
			/* Lines of one file are neighbours, so the text simply grows. */
			sql.n = (size_t)(line.p + line.n - sql.p);
		}
	}
	if (name.p)
		add(catalog, path, name, sql);
}

/* For tests: `RULE/NAME` stands in for NAME where that rule is broken. */
static void break_rule(struct db_catalog *catalog)
{
	size_t own = catalog->count;

	read_file(catalog, "build/mutants/rules.sql");
	for (size_t i = own; i < catalog->count; i++) {
		const char *name = strchr(catalog->items[i].name, '/');
		size_t length = name ? (size_t)(name - catalog->items[i].name) : 0;
		const char *rule = str_z(&catalog->arena, (struct str){ catalog->items[i].name, length });

		for (size_t k = 0; name && k < own && !RULE(rule); k++)
			if (strcmp(catalog->items[k].name, name + 1) == 0)
				catalog->items[k].sql = catalog->items[i].sql;
	}
}

void db_catalog_init(struct db_catalog *catalog, const char *const *sql_paths)
{
	for (; sql_paths && *sql_paths; sql_paths++)
		read_file(catalog, *sql_paths);
	if (catalog->count == 0)
		return;
	if (RULES_BREAKABLE)
		break_rule(catalog);
	qsort(catalog->items, catalog->count, sizeof(*catalog->items), by_name);
	for (size_t i = 1; i < catalog->count; i++)
		if (strcmp(catalog->items[i - 1].name, catalog->items[i].name) == 0)
			db_bug("two statements are named '%s'", catalog->items[i].name);
}

void db_catalog_done(struct db_catalog *catalog)
{
	arena_done(&catalog->arena);
	*catalog = (struct db_catalog){ 0 };
}

struct db_statement *db_catalog_find(const struct db_catalog *catalog, const char *name)
{
	struct db_statement key = { .name = name }, *found = NULL;

	if (catalog->count > 0)
		found = bsearch(&key, catalog->items, catalog->count, sizeof(*catalog->items), by_name);
	if (!found)
		db_bug("no statement is named '%s'", name);
	return found;
}

void db_catalog_forget(struct db_catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		catalog->items[i].state = STATEMENT_UNKNOWN;
}
