/* Every named statement of every .sql file is prepared on the migrated schema, as the role that will run it: a misspelt
 * column, a missing right or a statement that a migration has broken is found here and not by a daemon at night.
 *
 * The files are those built into the programs. Statements of common/worker/ are run by every service. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libpq-fe.h>

#include "common/io/embed.h"
#include "tests/support/postgres.h"
#include "tests/support/stack.h"

struct fixture {
	struct postgres postgres;
	struct stack stack;         /* only its root */
	char roles[32][64];         /* of the services */
	bool follows_tickets[32];
	size_t role_count;
};

static struct fixture fixture;

/* One run of aftercarectl on the fresh database. */
static int ctl(const char *first, const char *second, const char *third, char **ret_output)
{
	char config[] = "/tmp/aftercare-test-ctl-XXXXXX", program[600];
	const char *const argv[] = { stack_program(&fixture.stack, "aftercarectl", program, sizeof(program)), "--config", config,
				     first, second, third, NULL };
	int fd = mkstemp(config), status;

	dprintf(fd, "brokers = 127.0.0.1:1\ndatabase = %s\n", fixture.postgres.conninfo);
	close(fd);
	status = stack_run(argv, ret_output);
	unlink(config);
	return status;
}

static void find_roles(void)
{
	PGconn *database = PQconnectdb(fixture.postgres.conninfo);
	PGresult *rows = PQexec(database, "select nspname, exists (select from pg_attribute where attrelid = "
				"to_regclass(format('%I.ticket', nspname)) and attname = 'evidence') from pg_namespace "
				"where to_regclass(format('%I.source', nspname)) is not null order by 1");

	for (int i = 0; i < PQntuples(rows) && i < 32; i++) {
		fixture.follows_tickets[i] = PQgetvalue(rows, i, 1)[0] == 't';
		snprintf(fixture.roles[fixture.role_count++], 64, "%s", PQgetvalue(rows, i, 0));
	}
	PQclear(rows);
	PQfinish(database);
}

static int setup(void **state)
{
	char *said = NULL;

	(void)state;
	if (!stack_root(&fixture.stack) || !postgres_start(&fixture.postgres))
		return -1;
	if (ctl("db", "migrate", NULL, &said) != 0)
		fprintf(stderr, "%s", said);
	free(said);
	find_roles();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	postgres_stop(&fixture.postgres);
	return 0;
}

/* ---- statements ---- */

static PGconn *connect_as(const char *service)
{
	char conninfo[800];
	PGconn *database;

	if (service)
		snprintf(conninfo, sizeof(conninfo), "%s user=aftercare_%s", fixture.postgres.conninfo, service);
	else
		snprintf(conninfo, sizeof(conninfo), "%s", fixture.postgres.conninfo);
	database = PQconnectdb(conninfo);
	if (PQstatus(database) != CONNECTION_OK)
		fail_msg("as %s: %s", service ? service : "owner", PQerrorMessage(database));
	return database;
}

static PGresult *explain(PGconn *database, const char *name)
{
	PGresult *described = PQdescribePrepared(database, name);
	int count = PQnparams(described);
	char sql[2000];

	snprintf(sql, sizeof(sql), "explain execute \"%s\"%s", name, count ? "(" : "");
	for (int i = 0; i < count; i++)
		snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "%snull%s", i ? ", " : "", i + 1 == count ? ")" : "");
	PQclear(described);
	return PQexec(database, sql);
}

/* Preparing parses; rights are looked at when it is planned, which EXPLAIN does without running it. */
static bool prepare(PGconn *database, const char *name, const char *sql, char error[500])
{
	PGresult *result = PQprepare(database, name, sql, 0, NULL);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (good) {
		PQclear(result);
		result = explain(database, name);
		good = PQresultStatus(result) == PGRES_TUPLES_OK;
	}
	if (!good)
		snprintf(error, 500, "%s", PQerrorMessage(database));
	PQclear(result);
	return good;
}

/* aftercarectl's service_* statements look into the schema of the service they are asked about; one must have what it wants. */
static bool prepare_in_some_schema(PGconn *database, const char *name, const char *sql, char error[500])
{
	bool good = false;

	for (size_t i = 0; i < fixture.role_count && !good; i++) {
		char path[100];

		snprintf(path, sizeof(path), "set search_path = %s", fixture.roles[i]);
		PQclear(PQexec(database, path));
		good = prepare(database, name, sql, error);
	}
	PQclear(PQexec(database, "reset search_path"));
	return good;
}

/* Cuts the file at its `-- name:` lines; the number of statements, -1 when one of them cannot be prepared. */
static int prepare_file(const struct embed_file *file, const char *service)
{
	PGconn *database = connect_as(service);
	char *text = strndup(file->begin, (size_t)(file->end - file->begin));
	char error[500];
	int count = 0;
	bool good = true;

	for (char *at = strstr(text, "-- name:"); at;) {
		char *name = at + strlen("-- name:"), *sql = strchr(name, '\n'), *next = strstr(name, "\n-- name:");

		if (!sql)
			break;
		*sql++ = '\0';
		name += strspn(name, " ");
		name[strcspn(name, " \r")] = '\0';
		if (next)
			*next++ = '\0';
		if (!(!service && strncmp(name, "service_", 8) == 0 ? prepare_in_some_schema : prepare)(database, name, sql, error)) {
			print_error("%s: %s as %s: %s", file->path, name, service ? service : "owner", error);
			good = false;
		}
		/* What later statements of this and further files look at (rebuild makes its tables itself). */
		if (!service && strncmp(sql, "create ", 7) == 0)
			PQclear(PQexec(database, sql));
		count++;
		at = next;
	}
	free(text);
	PQfinish(database);
	return good ? count : -1;
}

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void every_statement_prepares_as_its_role(void **state)
{
	int statements = 0, bad = 0, count;
	PGconn *owner = connect_as(NULL);

	(void)state;
	assert_true(fixture.role_count > 0);
	for (size_t i = 0; i < embed_count; i++) {
		const struct embed_file *file = &embed_files[i];
		bool everybodys = starts(file->path, "common/");
		size_t n = strlen(file->path);

		if (n < 4 || strcmp(file->path + n - 4, ".sql") != 0 || starts(file->path, "schemas/"))
			continue;
		for (size_t r = 0; r < fixture.role_count; r++) {
			char folder[100];

			snprintf(folder, sizeof(folder), "services/%s/", fixture.roles[r]);
			if (!everybodys && !starts(file->path, folder))
				continue;
			if (everybodys && strstr(file->path, "/ticket.sql") && !fixture.follows_tickets[r])
				continue;
			count = prepare_file(file, fixture.roles[r]);
			bad += count < 0;
			statements += count > 0 ? count : 0;
		}
		if (starts(file->path, "services/ctl/")) {
			count = prepare_file(file, NULL);
			bad += count < 0;
			statements += count > 0 ? count : 0;
		}
	}
	PQclear(PQexec(owner, "drop schema if exists rebuild cascade"));
	PQfinish(owner);
	print_message("%d statements of %zu services\n", statements, fixture.role_count);
	assert_int_equal(bad, 0);
	assert_true(statements > 20);
}

static void migrating_again_does_nothing(void **state)
{
	char *first = NULL, *said = NULL;

	(void)state;
	assert_int_equal(ctl("db", "migrate", "--dry-run", &first), 0);
	assert_int_equal(ctl("db", "migrate", NULL, &said), 0);
	assert_null(strstr(said, "rror"));
	free(first);
	free(said);
}

/* Each table is rebuilt from the topics or it is said why not: a migration that adds one has to choose. */
static void every_table_is_rebuilt_or_excluded(void **state)
{
	PGconn *database = connect_as(NULL);
	char *lists = NULL;
	PGresult *tables;

	(void)state;
	assert_int_equal(ctl("rebuild", "--tables", NULL, &lists), 0);
	tables = PQexec(database, "select nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in "
				  "('r', 'p') and nspname !~ '^pg_' and nspname not in ('information_schema', 'aftercare', 'public', 'rebuild')");
	assert_true(PQntuples(tables) > 40);
	for (int i = 0; i < PQntuples(tables); i++) {
		char compared[200], left_out[200], everywhere[200];

		snprintf(compared, sizeof(compared), "\n  %s.%s ", PQgetvalue(tables, i, 0), PQgetvalue(tables, i, 1));
		snprintf(left_out, sizeof(left_out), "\n  %s.%s (all of it)", PQgetvalue(tables, i, 0), PQgetvalue(tables, i, 1));
		snprintf(everywhere, sizeof(everywhere), "\n  *.%s ", PQgetvalue(tables, i, 1));
		if (!strstr(lists, compared) && !strstr(lists, left_out) && !strstr(lists, everywhere))
			fail_msg("%s.%s: rebuild_tables.c neither compares it nor says why not", PQgetvalue(tables, i, 0),
				 PQgetvalue(tables, i, 1));
	}
	PQclear(tables);
	PQfinish(database);
	free(lists);
}

/* What a service must not be able to do: write what belongs to another one, or change a policy's text. */
static void roles_have_no_more_than_they_need(void **state)
{
	(void)state;
	for (size_t i = 0; i < fixture.role_count; i++) {
		PGconn *database = connect_as(fixture.roles[i]);

		for (size_t j = 0; j < fixture.role_count; j++) {
			char sql[200];
			PGresult *result;

			if (i == j)
				continue;
			snprintf(sql, sizeof(sql), "update %s.source set epoch = epoch", fixture.roles[j]);
			result = PQexec(database, sql);
			if (PQresultStatus(result) == PGRES_COMMAND_OK)
				fail_msg("%s may write the ledger of %s", fixture.roles[i], fixture.roles[j]);
			assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42501");
			PQclear(result);
		}
		PGresult *result = PQexec(database, "update policy.version set document = document");

		assert_int_not_equal(PQresultStatus(result), PGRES_COMMAND_OK);
		PQclear(result);
		result = PQexec(database, "create table public.anything (x int)");
		assert_int_not_equal(PQresultStatus(result), PGRES_COMMAND_OK);
		PQclear(result);
		PQfinish(database);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_prepares_as_its_role),
		cmocka_unit_test(every_table_is_rebuilt_or_excluded),
		cmocka_unit_test(migrating_again_does_nothing),
		cmocka_unit_test(roles_have_no_more_than_they_need),
	};

	return cmocka_run_group_tests_name("test_sql", tests, setup, teardown);
}
