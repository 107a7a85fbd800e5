/* The state made anew from the topics, and compared: aftercarectl rebuild as a test's verdict. */
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tests/support/scene.h"

static void server_do(struct desk *desk, const char *sql)
{
	PGconn *database = PQconnectdb(desk_stack(desk)->database);
	PGresult *result = PQexec(database, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		desk_fail(desk, NULL, "%s: %s", sql, PQerrorMessage(database));
	PQclear(result);
	PQfinish(database);
}

json_t *desk_rebuild(struct desk *desk, int *ret_status)
{
	const char *name = desk_text(desk, "rebuild_%ld", stack_clock());
	const char *const arguments[] = { "rebuild", "--into", name, "--json", NULL };
	char *output = NULL, *begin;
	json_t *verdict;

	server_do(desk, desk_text(desk, "create database %s", name));
	*ret_status = stack_ctl(desk_stack(desk), &output, arguments);
	/* Its progress stands before. */
	begin = output ? strchr(output, '{') : NULL;
	verdict = begin ? json_loads(begin, 0, NULL) : NULL;
	if (!verdict)
		desk_fail(desk, NULL, "rebuild ended with %d: %s", *ret_status, output ? output : "");
	free(output);
	server_do(desk, desk_text(desk, "drop database %s", name));
	return verdict;
}

json_t *rebuild_table(const json_t *verdict, const char *name)
{
	json_t *table;
	size_t i;

	json_array_foreach(json_object_get(verdict, "tables"), i, table)
		if (strcmp(json_string_value(json_object_get(table, "table")), name) == 0)
			return table;
	return NULL;
}

json_t *desk_check_rebuild(struct desk *desk)
{
	int status;
	json_t *verdict = desk_rebuild(desk, &status), *table, *unknown;
	char *text;
	size_t i;

	if (status != 0) {
		json_array_foreach(json_object_get(verdict, "tables"), i, table) {
			if (json_array_size(json_object_get(table, "first")) == 0)
				continue;
			text = json_dumps(table, JSON_COMPACT);
			print_error("%s\n", text);
			free(text);
		}
		json_array_foreach(json_object_get(verdict, "unknown"), i, unknown)
			print_error("%s: a table that rebuild_tables.c does not know\n", json_string_value(unknown));
		desk_fail(desk, NULL, "the state differs from what the topics say");
	}
	return verdict;
}
