/* db against a real PostgreSQL: pipelines, binary values, every way to fail, and that db is usable again after it.
 *
 * One cluster for the program. Every test has its own connection; what must be waited for is waited for by asking the
 * server until a deadline. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/db_internal.h"
#include "common/io/embed.h"
#include "tests/support/postgres.h"

static const char sql[] =
	"-- Statements of test_db.\n"
	"-- name: scalars\n"
	"SELECT $1, $2, $3, $4, $5, $6, $4::text::jsonb, 7::int2, ($6 AT TIME ZONE 'UTC')::text;\n"
	"\n-- name: arrays\n"
	"SELECT a, b, c, d, e, f FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS t (a, b, c, d, e, f, n) ORDER BY n;\n"
	"-- name: insert\n"
	"INSERT INTO item (id, name) SELECT * FROM unnest($1, $2)\n"
	"-- name: find\n"
	"SELECT id, name FROM item WHERE id = ANY ($1) ORDER BY id\n"
	"-- name: backend\n"
	"SELECT pg_backend_pid()\n"
	"-- name: kill\n"
	"SELECT pg_terminate_backend($1)\n"
	"-- name: sleep\n"
	"SELECT pg_sleep($1 / 1000.0)::text\n"
	"-- name: divide\n"
	"SELECT 10 / $1\n"
	"-- name: number\n"
	"SELECT $1::int\n"
	"-- name: wrong\n"
	"SELECT nothing FROM nowhere\n"
	"-- name: big\n"
	"SELECT repeat('x', $1)::text, $2\n"
	"-- name: setting\n"
	"SELECT current_setting($1)\n";
static const char second_sql[] = "-- name: other\nSELECT 2\n";

const struct embed_file embed_files[] = {
	{ "a.sql", sql, sql + sizeof(sql) - 1 },
	{ "b.sql", second_sql, second_sql + sizeof(second_sql) - 1 },
};
const size_t embed_count = array_count(embed_files);

static const char *const paths[] = { "a.sql", "b.sql", NULL };
static struct postgres postgres;

struct fixture {
	struct db *db;
	struct arena arena;
	struct fault fault;
};

static struct db *connect_to(const char *conninfo)
{
	struct db *db = db_new(conninfo, "test_db", "sheet, public", paths);
	struct fault fault = FAULT_NONE;

	if (db_connect(db, &fault) != OK)
		fail_msg("%s", fault.text);
	return db;
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(sizeof(*f));

	f->db = connect_to(postgres.conninfo);
	assert_int_equal(db_script(f->db, "DROP SCHEMA IF EXISTS sheet CASCADE; CREATE SCHEMA sheet;"
				   "CREATE TABLE item (id bigint PRIMARY KEY, name text)", &f->fault), OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	db_free(f->db);
	arena_done(&f->arena);
	mem_free(f);
	return 0;
}

static struct db_params params(struct fixture *f)
{
	return (struct db_params){ .arena = &f->arena };
}

/* One statement with one whole number. */
static enum verdict run_int(struct fixture *f, const char *statement, int64_t number, const struct db_result **ret_result)
{
	struct db_params p = params(f);

	db_int(&p, number);
	return db_run(f->db, statement, &p, ret_result, &f->fault);
}

static void queue_insert(struct fixture *f, int64_t id, const char *name)
{
	struct db_params p = params(f);
	struct str text = str_of(name);

	db_int_array(&p, &id, 1);
	db_text_array(&p, &text, 1);
	db_queue(f->db, "insert", &p);
}

static int64_t count_items(struct fixture *f)
{
	struct db_params p = params(f);
	const struct db_result *result = NULL;
	int64_t ids[] = { 1, 2, 3, 4, 5 };

	db_int_array(&p, ids, array_count(ids));
	assert_int_equal(db_run(f->db, "find", &p, &result, &f->fault), OK);
	return (int64_t)db_rows(result);
}

static void test_scalars(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct db_params p = params(f);
	instant at = INT64_C(1795517317123456);

	db_int(&p, INT64_MIN);
	db_int4(&p, -5);
	db_bool(&p, true);
	db_text(&p, STR("{\"a\": \"\xC3\xA4\"}"));
	db_bytes(&p, ((struct str){ "\0\1\xff", 3 }));
	db_instant(&p, at);
	assert_int_equal(db_run(f->db, "scalars", &p, &result, &f->fault), OK);
	assert_int_equal(db_rows(result), 1);
	assert_true(db_get_int(result, 0, 0) == INT64_MIN);
	assert_int_equal(db_get_int(result, 0, 1), -5);
	assert_true(db_get_bool(result, 0, 2));
	assert_true(str_is(db_get_text(result, 0, 3), "{\"a\": \"\xC3\xA4\"}"));
	assert_true(str_eq(db_get_text(result, 0, 4), (struct str){ "\0\1\xff", 3 }));
	assert_true(db_get_instant(result, 0, 5) == at);
	assert_true(str_is(db_get_text(result, 0, 6), "{\"a\": \"\xC3\xA4\"}"));
	assert_int_equal(db_get_int(result, 0, 7), 7);
	assert_true(str_is(db_get_text(result, 0, 8), "2026-11-24 10:48:37.123456"));

	p = params(f);
	db_int(&p, 0);
	db_int4(&p, 0);
	db_bool(&p, false);
	db_text(&p, STR_NONE);
	db_bytes(&p, STR(""));
	db_instant(&p, INSTANT_NONE);
	assert_int_equal(db_run(f->db, "scalars", &p, &result, &f->fault), OK);
	assert_false(db_get_bool(result, 0, 2));
	assert_true(db_null(result, 0, 3));
	assert_null(db_get_text(result, 0, 3).p);
	assert_true(str_eq(db_get_text(result, 0, 4), STR("")));
	assert_true(db_get_instant(result, 0, 5) == INSTANT_NONE);
}

static void test_instants(void **state)
{
	static const instant values[] = {
		0, -1, 1, INT64_C(946684800000000), INT64_C(946684799999999), INT64_C(-62135596800000000),
		INT64_C(253402300799999999), INT64_MAX, INT64_MIN + 1, INSTANT_NONE
	};
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct db_params p = params(f);
	const struct str none = STR_NONE;

	/* Arrays of unequal length: unnest fills up with NULL. */
	db_int_array(&p, NULL, 0);
	db_int4_array(&p, NULL, 0);
	db_bool_array(&p, NULL, 0);
	db_text_array(&p, &none, 1);
	db_bytes_array(&p, NULL, 0);
	db_instant_array(&p, values, array_count(values));
	assert_int_equal(db_run(f->db, "arrays", &p, &result, &f->fault), OK);
	assert_int_equal(db_rows(result), array_count(values));
	for (size_t i = 0; i < array_count(values); i++)
		assert_true(db_get_instant(result, i, 5) == values[i]);
	assert_true(db_null(result, array_count(values) - 1, 5));
	assert_false(db_null(result, array_count(values) - 2, 5));
}

static void test_arrays(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct db_params p = params(f);
	const int64_t longs[] = { 1, -2, INT64_MAX };
	const int32_t ints[] = { INT32_MIN, 0, 7 };
	const bool flags[] = { true, false, true };
	const struct str texts[] = { STR("M\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x98\x80"), STR_NONE, STR("NULL") };
	const struct str bytes[] = { STR_NONE, { "\0", 1 }, STR("") };
	const instant instants[] = { 5, INSTANT_NONE, INT64_C(1700000000000001) };

	db_int_array(&p, longs, 3);
	db_int4_array(&p, ints, 3);
	db_bool_array(&p, flags, 3);
	db_text_array(&p, texts, 3);
	db_bytes_array(&p, bytes, 3);
	db_instant_array(&p, instants, 3);
	assert_int_equal(db_run(f->db, "arrays", &p, &result, &f->fault), OK);
	assert_int_equal(db_rows(result), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(db_get_int(result, i, 0) == longs[i]);
		assert_int_equal(db_get_int(result, i, 1), ints[i]);
		assert_int_equal(db_get_bool(result, i, 2), flags[i]);
		assert_true(str_eq(db_get_text(result, i, 3), texts[i]));
		assert_true(str_eq(db_get_text(result, i, 4), bytes[i]));
		assert_true(db_get_instant(result, i, 5) == instants[i]);
	}
}

static void test_column_of_structs(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct db_params p = params(f);
	const struct { bool gone; int64_t id; struct str name; } rows[] = {
		{ false, 1, STR("one") }, { true, 2, STR_NONE }, { false, 3, STR("three") },
	};

	db_column_array(&p, DB_INT, &rows[0].id, sizeof(rows[0]), 3);
	db_column_array(&p, DB_TEXT, &rows[0].name, sizeof(rows[0]), 3);
	assert_int_equal(db_run(f->db, "insert", &p, &result, &f->fault), OK);
	assert_int_equal(db_affected(result), 3);
	p = params(f);
	db_column_array(&p, DB_INT, &rows[0].id, sizeof(rows[0]), 3);
	assert_int_equal(db_run(f->db, "find", &p, &result, &f->fault), OK);
	assert_int_equal(db_rows(result), 3);
	assert_true(str_is(db_get_text(result, 0, 1), "one"));
	assert_true(db_null(result, 1, 1));
}

static void test_pipeline(void **state)
{
	struct fixture *f = *state;
	struct db_params p = params(f);
	const int64_t ids[] = { 2, 1 };

	/* Twice: the second time everything is prepared. */
	for (int round = 0; round < 2; round++) {
		db_queue_plain(f->db, "BEGIN");
		queue_insert(f, 1 + 2 * round, "a");
		queue_insert(f, 2 + 2 * round, NULL);
		p = params(f);
		db_int_array(&p, ids, 2);
		db_queue(f->db, "find", &p);
		db_queue(f->db, "other", NULL);
		db_queue_plain(f->db, "COMMIT");
		assert_int_equal(db_sync(f->db, &f->fault), OK);
		assert_int_equal(db_affected(db_result(f->db, 1)), 1);
		assert_int_equal(db_rows(db_result(f->db, 3)), 2);
		assert_true(str_is(db_get_text(db_result(f->db, 3), 0, 1), "a"));
		assert_int_equal(db_get_int(db_result(f->db, 4), 0, 0), 2);
		/* Results stay while the next statements are queued. */
		db_queue(f->db, "other", NULL);
		assert_int_equal(db_get_int(db_result(f->db, 3), 1, 0), 2);
		assert_int_equal(db_sync(f->db, &f->fault), OK);
	}
	assert_int_equal(count_items(f), 4);
}

/* Nothing queued is fine, and so is a pipeline bigger than all buffers, in both directions at once. */
static void test_sizes(void **state)
{
	enum { COUNT = 200, SIZE = 100000 };
	struct fixture *f = *state;
	char *block = mem_zero(SIZE);

	assert_int_equal(db_sync(f->db, &f->fault), OK);
	memset(block, 'y', SIZE);
	for (int i = 0; i < COUNT; i++) {
		struct db_params p = params(f);

		db_int4(&p, SIZE);
		db_text(&p, (struct str){ block, SIZE });
		db_queue(f->db, "big", &p);
	}
	assert_int_equal(db_sync(f->db, &f->fault), OK);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(db_get_text(db_result(f->db, (size_t)i), 0, 0).n, SIZE);
		assert_true(str_eq(db_get_text(db_result(f->db, (size_t)i), 0, 1), (struct str){ block, SIZE }));
	}
	mem_free(block);
}

static void test_error_in_the_middle(void **state)
{
	struct fixture *f = *state;
	struct db_params p = params(f);

	db_queue_plain(f->db, "BEGIN");
	queue_insert(f, 1, "kept out");
	db_int(&p, 0);
	db_queue(f->db, "divide", &p);
	db_queue(f->db, "other", NULL);    /* its Parse is skipped too and must be done again later */
	db_queue_plain(f->db, "COMMIT");
	assert_int_equal(db_sync(f->db, &f->fault), REJECT);
	assert_string_equal(f->fault.code, "22012");
	assert_true(db_connected(f->db));
	db_rollback(f->db);
	f->fault = FAULT_NONE;
	assert_int_equal(count_items(f), 0);
	assert_int_equal(db_run(f->db, "other", NULL, NULL, &f->fault), OK);
	queue_insert(f, 1, "in");
	assert_int_equal(db_sync(f->db, &f->fault), OK);
	assert_int_equal(count_items(f), 1);
}

static void test_unique_violation(void **state)
{
	struct fixture *f = *state;

	queue_insert(f, 1, "secret name");
	queue_insert(f, 1, "secret name");
	assert_int_equal(db_sync(f->db, &f->fault), REJECT);
	assert_string_equal(f->fault.code, "23505");
	assert_non_null(strstr(f->fault.text, "item_pkey"));
	assert_null(strstr(f->fault.text, "secret"));
	f->fault = FAULT_NONE;
	assert_int_equal(count_items(f), 0);
}

static void test_no_values_in_faults(void **state)
{
	struct fixture *f = *state;
	struct db_params p = params(f);

	db_text(&p, STR("secret"));
	assert_int_equal(db_run(f->db, "number", &p, NULL, &f->fault), REJECT);
	assert_string_equal(f->fault.code, "22P02");
	assert_null(strstr(f->fault.text, "secret"));
}

static void test_wrong_statement(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_run(f->db, "wrong", NULL, NULL, &f->fault), FATAL);
	assert_string_equal(f->fault.code, "42P01");
	assert_non_null(strstr(f->fault.text, "wrong"));
	f->fault = FAULT_NONE;
	assert_int_equal(db_run(f->db, "other", NULL, NULL, &f->fault), OK);
}

static void test_commit_of_failed_transaction(void **state)
{
	struct fixture *f = *state;

	db_queue_plain(f->db, "BEGIN");
	queue_insert(f, 1, "a");
	queue_insert(f, 1, "b");
	assert_int_equal(db_sync(f->db, &f->fault), REJECT);
	f->fault = FAULT_NONE;
	db_queue_plain(f->db, "commit");
	assert_int_equal(db_sync(f->db, &f->fault), RETRY);
	assert_non_null(strstr(f->fault.text, "ROLLBACK"));
	f->fault = FAULT_NONE;
	assert_true(db_connected(f->db));
	assert_int_equal(count_items(f), 0);
}

static void kill_backend(int64_t pid)
{
	struct fixture other = { .db = connect_to(postgres.conninfo) };
	struct db_params p = params(&other);

	db_int4(&p, (int32_t)pid);
	assert_int_equal(db_run(other.db, "kill", &p, NULL, &other.fault), OK);
	db_free(other.db);
	arena_done(&other.arena);
}

static void test_killed_while_idle(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;

	assert_int_equal(db_run(f->db, "backend", NULL, &result, &f->fault), OK);
	kill_backend(db_get_int(result, 0, 0));
	assert_int_equal(db_run(f->db, "other", NULL, &result, &f->fault), RETRY);
	assert_false(db_connected(f->db));
	/* Without a connection everything says RETRY and nothing is sent. */
	f->fault = FAULT_NONE;
	queue_insert(f, 1, "a");
	assert_int_equal(db_sync(f->db, &f->fault), RETRY);
	db_rollback(f->db);
	f->fault = FAULT_NONE;
	assert_int_equal(db_connect(f->db, &f->fault), OK);
	assert_int_equal(db_run(f->db, "other", NULL, &result, &f->fault), OK);
	assert_int_equal(count_items(f), 0);
}

struct killer {
	int64_t backend;
	bool done;
};

static void kill_once(void *userdata)
{
	struct killer *killer = userdata;

	if (!killer->done)
		kill_backend(killer->backend);
	killer->done = true;
}

/* The backend is killed while we wait for it, by the idle function. */
static void test_killed_in_pipeline(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct killer killer = { 0 };
	struct db_params p = params(f);

	assert_int_equal(db_run(f->db, "backend", NULL, &result, &f->fault), OK);
	killer.backend = db_get_int(result, 0, 0);
	db_set_idle(f->db, kill_once, &killer);
	db_queue_plain(f->db, "BEGIN");
	queue_insert(f, 1, "a");
	db_int(&p, 30000);
	db_queue(f->db, "sleep", &p);
	db_queue_plain(f->db, "COMMIT");
	assert_int_equal(db_sync(f->db, &f->fault), RETRY);
	assert_true(killer.done);
	assert_string_equal(f->fault.code, "57P01");
	assert_false(db_connected(f->db));
	db_set_idle(f->db, NULL, NULL);
	f->fault = FAULT_NONE;
	assert_int_equal(db_connect(f->db, &f->fault), OK);
	assert_int_equal(count_items(f), 0);
	queue_insert(f, 1, "a");
	assert_int_equal(db_sync(f->db, &f->fault), OK);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A server that neither answers nor hangs up, before and after we are connected. */
static void test_frozen_server(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	int64_t begun = milliseconds();
	char conninfo[700];
	struct db *db;
	pid_t backend;

	if (postgres.pid == 0)
		skip();
	assert_int_equal(db_run(f->db, "backend", NULL, &result, &f->fault), OK);
	backend = (pid_t)db_get_int(result, 0, 0);
	assert_int_equal(kill(backend, SIGSTOP), 0);
	f->db->silence_limit_ms = 300;
	assert_int_equal(db_run(f->db, "other", NULL, &result, &f->fault), RETRY);
	kill(backend, SIGCONT);
	assert_false(db_connected(f->db));
	assert_true(milliseconds() - begun < 5000);

	f->fault = FAULT_NONE;
	begun = milliseconds();
	snprintf(conninfo, sizeof(conninfo), "%s connect_timeout=2", postgres.conninfo);
	db = db_new(conninfo, "test_db", NULL, NULL);
	postgres_signal(&postgres, SIGSTOP);
	assert_int_equal(db_connect(db, &f->fault), RETRY);
	postgres_signal(&postgres, SIGCONT);
	assert_true(milliseconds() - begun < 6000);
	f->fault = FAULT_NONE;
	assert_int_equal(db_connect(db, &f->fault), OK);
	db_free(db);
}

static void test_timeouts_are_outages(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_script(f->db, "SET statement_timeout = '20ms'", &f->fault), OK);
	assert_int_equal(run_int(f, "sleep", 30000, NULL), RETRY);
	assert_string_equal(f->fault.code, "57014");
	assert_true(db_connected(f->db));
	f->fault = FAULT_NONE;

	/* A transaction left open: the server ends the session, the next use says so. */
	assert_int_equal(db_script(f->db, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '10ms'",
				   &f->fault), OK);
	db_queue_plain(f->db, "BEGIN");
	assert_int_equal(db_sync(f->db, &f->fault), OK);
	for (int i = 0; i < 500; i++) {
		poll(NULL, 0, 20);
		if (db_run(f->db, "other", NULL, NULL, &f->fault) != OK)
			break;
	}
	assert_int_equal(f->fault.verdict, RETRY);
	assert_string_equal(f->fault.code, "25P03");
	assert_false(db_connected(f->db));
}

static void test_altered_table(void **state)
{
	struct fixture *f = *state;
	struct db_params p = params(f);
	const int64_t id = 1;

	assert_int_equal(count_items(f), 0);
	assert_int_equal(db_script(f->db, "ALTER TABLE item ALTER name TYPE varchar(10)", &f->fault), OK);
	queue_insert(f, 1, "a");
	assert_int_equal(db_sync(f->db, &f->fault), OK);
	/* The plan of `find` is stale now: no reason to stop, a new connection mends it. */
	db_int_array(&p, &id, 1);
	assert_int_equal(db_run(f->db, "find", &p, NULL, &f->fault), RETRY);
	assert_string_equal(f->fault.code, "0A000");
	assert_false(db_connected(f->db));
	f->fault = FAULT_NONE;
	assert_int_equal(db_connect(f->db, &f->fault), OK);
	assert_int_equal(count_items(f), 1);
}

static void test_read_only_server(void **state)
{
	struct fixture *f = *state;
	struct db *db;
	char conninfo[700];

	snprintf(conninfo, sizeof(conninfo), "%s options='-c default_transaction_read_only=on'", postgres.conninfo);
	db = db_new(conninfo, "test_db", NULL, NULL);
	assert_int_equal(db_connect(db, &f->fault), RETRY);
	assert_false(db_connected(db));
	db_free(db);
}

static void test_connection_strings(void **state)
{
	struct fixture *f = *state;
	const struct db_result *result = NULL;
	struct db_params p = params(f);
	struct db *db = db_new("host=/nowhere dbname=x", "test_db", NULL, NULL);

	assert_int_equal(db_connect(db, &f->fault), RETRY);
	db_free(db);
	f->fault = FAULT_NONE;
	db = db_new("hots=/nowhere", "test_db", NULL, NULL);
	assert_int_equal(db_connect(db, &f->fault), FATAL);
	db_free(db);
	f->fault = FAULT_NONE;

	db_text(&p, STR("search_path"));
	assert_int_equal(db_run(f->db, "setting", &p, &result, &f->fault), OK);
	assert_true(str_is(db_get_text(result, 0, 0), "sheet, public"));
	p = params(f);
	db_text(&p, STR("application_name"));
	assert_int_equal(db_run(f->db, "setting", &p, &result, &f->fault), OK);
	assert_true(str_is(db_get_text(result, 0, 0), "test_db"));
}

static void test_script(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_script(f->db, "CREATE TABLE x (a int); INSERT INTO x VALUES (1); SELECT * FROM x", &f->fault), OK);
	assert_int_equal(db_script(f->db, "INSERT INTO x VALUES (2); SELECT oops", &f->fault), FATAL);
	assert_string_equal(f->fault.code, "42703");
	f->fault = FAULT_NONE;
	/* A transaction left open by a failed script is ended by db_rollback. */
	assert_int_equal(db_script(f->db, "BEGIN; INSERT INTO x VALUES (2); SELECT oops", &f->fault), FATAL);
	f->fault = FAULT_NONE;
	db_rollback(f->db);
	assert_int_equal(db_run(f->db, "other", NULL, NULL, &f->fault), OK);
}

/* What was queued and not synced is not executed when the caller turns back. */
static void test_rollback_with_queued(void **state)
{
	struct fixture *f = *state;

	db_queue_plain(f->db, "BEGIN");
	assert_int_equal(db_sync(f->db, &f->fault), OK);
	queue_insert(f, 1, "a");
	db_rollback(f->db);
	assert_int_equal(db_connect(f->db, &f->fault), OK);
	assert_int_equal(count_items(f), 0);
	db_rollback(f->db);
	assert_true(db_connected(f->db));
}

/* A mistake of the program must not pass for an outage. */
static void test_unknown_statement_aborts(void **state)
{
	struct fixture *f = *state;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		db_queue(f->db, "no such statement", NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(scalars), TEST(instants), TEST(arrays), TEST(column_of_structs), TEST(pipeline), TEST(sizes),
		TEST(error_in_the_middle), TEST(unique_violation), TEST(no_values_in_faults), TEST(wrong_statement),
		TEST(commit_of_failed_transaction), TEST(killed_while_idle), TEST(killed_in_pipeline),
		TEST(frozen_server), TEST(timeouts_are_outages), TEST(altered_table), TEST(read_only_server), TEST(connection_strings),
		TEST(script), TEST(rollback_with_queued), TEST(unknown_statement_aborts),
	};
	int failed;

	if (!postgres_start(&postgres))
		return 1;
	failed = cmocka_run_group_tests_name("db", tests, NULL, NULL);
	postgres_stop(&postgres);
	return failed;
}
