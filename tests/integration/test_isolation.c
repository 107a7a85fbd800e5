/* The ledger's statements under PostgreSQL's isolationtester: two owners, a take against a commit in flight, timer against event,
 * rewind against zombie, the watermark against a new owner; every order of their steps (tests/isolation).
 *
 * tests/isolation/expand.py puts the statements of ledger.sql into the specs, so what runs here is what the daemons run. A spec's
 * own words on an outcome ("BROKEN: ...") fail the test whatever is expected. AFTERCARE_TEST_KEEP=1 leaves the output in
 * build/isolation; an intended change of it is copied from there to tests/isolation/expected. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <libpq-fe.h>

#include "tests/support/postgres.h"
#include "tests/support/stack.h"

#define SERVICE "routing"

struct fixture {
	struct postgres postgres;
	struct stack stack;         /* only its root */
	char tester[300];
};

static struct fixture fixture;

/* The newest isolationtester there is: Debian has it in postgresql-client-N. */
static bool find_tester(void)
{
	glob_t found = { 0 };
	int best = 0;

	if (glob("/usr/lib/postgresql/*/lib/pgxs/src/test/isolation/isolationtester", 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			int version = atoi(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"));
			if (version > best) {
				best = version;
				snprintf(fixture.tester, sizeof(fixture.tester), "%s", found.gl_pathv[i]);
			}
		}
	globfree(&found);
	return best > 0;
}

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!file) {
		free(text);
		return NULL;
	}
	text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static bool migrate(void)
{
	char config[] = "/tmp/aftercare-test-isolation-XXXXXX", program[600];
	const char *const argv[] = { stack_program(&fixture.stack, "aftercarectl", program, sizeof(program)), "--config", config,
				     "db", "migrate", NULL };
	int fd = mkstemp(config), status;
	char *said = NULL;

	dprintf(fd, "brokers = 127.0.0.1:1\ndatabase = %s\n", fixture.postgres.conninfo);
	close(fd);
	status = stack_run(argv, &said);
	unlink(config);
	if (status != 0)
		fprintf(stderr, "%s", said);
	free(said);
	return status == 0;
}

static bool add_helpers(void)
{
	char path[600];
	PGconn *database = PQconnectdb(fixture.postgres.conninfo);
	PGresult *result;
	char *sql;
	bool good;

	snprintf(path, sizeof(path), "%s/tests/isolation/helpers.sql", fixture.stack.root);
	sql = read_whole(path);
	PQclear(PQexec(database, "set search_path = " SERVICE));
	result = PQexec(database, sql ? sql : "");
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!good)
		fprintf(stderr, "%s: %s", path, PQerrorMessage(database));
	PQclear(result);
	PQfinish(database);
	free(sql);
	return good;
}

static int setup(void **state)
{
	char output[600];

	(void)state;
	if (!find_tester())
		return 0;
	if (!stack_root(&fixture.stack) || !postgres_start(&fixture.postgres) || !migrate() || !add_helpers())
		return -1;
	snprintf(output, sizeof(output), "%s/build/isolation", fixture.stack.root);
	mkdir(output, 0755);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (fixture.tester[0])
		postgres_stop(&fixture.postgres);
	return 0;
}

/* Incarnations made by the clock differ from run to run. */
static void mask_instants(char *text)
{
	for (char *at = text; *at;) {
		size_t digits = strspn(at, "0123456789");
		if (digits == 13)
			memset(at, '#', digits);
		at += digits ? digits : 1;
	}
}

/* The first line that differs, and where its permutation begins. */
static void fail_at_difference(const char *spec, const char *expected, const char *found)
{
	const char *e = expected, *f = found, *order = "";
	size_t order_size = 0;

	while (*e || *f) {
		size_t e_size = strcspn(e, "\n"), f_size = strcspn(f, "\n");
		if (strncmp(f, "starting permutation", strlen("starting permutation")) == 0)
			order = f, order_size = f_size;
		if (e_size != f_size || strncmp(e, f, e_size) != 0)
			fail_msg("%s, %.*s:\n  expected: %.*s\n  found:    %.*s", spec, (int)order_size, order, (int)e_size, e,
				 (int)f_size, f);
		e += e_size + (e[e_size] == '\n');
		f += f_size + (f[f_size] == '\n');
	}
}

static void run_spec(void **state)
{
	const char *name = *state;
	const char *root = fixture.stack.root;
	char command[3000], path[700], *expected, *found;
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };

	if (!fixture.tester[0]) {
		print_message("no isolationtester (Debian: postgresql-client-15)\n");
		skip();
	}
	snprintf(command, sizeof(command),
		 "cd '%s' && python3 tests/isolation/expand.py common/worker/ledger.sql tests/isolation/%s.spec >build/isolation/%s.spec && "
		 "PGISOLATIONTIMEOUT=30 %s '%s user=aftercare_" SERVICE "' <build/isolation/%s.spec >build/isolation/%s.out 2>&1",
		 root, name, name, fixture.tester, fixture.postgres.conninfo, name, name);
	found = NULL;
	int status = stack_run(argv, &found);
	if (status != 0)
		print_message("%s", found);
	free(found);
	snprintf(path, sizeof(path), "%s/build/isolation/%s.out", root, name);
	found = read_whole(path);
	if (status != 0)
		print_message("%s", found ? found : "no output\n");
	assert_int_equal(status, 0);
	assert_non_null(found);
	mask_instants(found);
	FILE *masked = fopen(path, "w");
	fputs(found, masked);
	fclose(masked);
	snprintf(path, sizeof(path), "%s/tests/isolation/expected/%s.out", root, name);
	expected = read_whole(path);
	if (!expected)
		fail_msg("%s cannot be read", path);
	fail_at_difference(name, expected, found);
	assert_null(strstr(found, "BROKEN"));
	free(expected);
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "two_owners", run_spec, NULL, NULL, (void *)(uintptr_t)"two_owners" },
		{ "take_in_flight", run_spec, NULL, NULL, (void *)(uintptr_t)"take_in_flight" },
		{ "timer_event", run_spec, NULL, NULL, (void *)(uintptr_t)"timer_event" },
		{ "rewind_zombie", run_spec, NULL, NULL, (void *)(uintptr_t)"rewind_zombie" },
		{ "watermark", run_spec, NULL, NULL, (void *)(uintptr_t)"watermark" },
	};

	return cmocka_run_group_tests_name("test_isolation", tests, setup, teardown);
}
