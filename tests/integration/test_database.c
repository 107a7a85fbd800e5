/* PostgreSQL goes away under load in every way it has: stopped fast, stopped at once, a back-end that crashes, sessions ended
 * again and again, connections refused, the disk under its tables or its log full. Whatever the way: each input takes effect
 * once, none becomes a dead letter, and soon after the server is back work goes on (how soon is printed, not judged).
 *
 * AFTERCARE_TEST_LONG=1: refuses for 60 s, ends sessions for as long. The full disks are small mounts in a namespace of our own;
 * skipped where that is not permitted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/disk.h"
#include "tests/support/probe.h"
#include "tests/support/proxy.h"

/* Long enough for the pauses between two tries to have grown to their longest. */
#define DOWN_MS 2500

static struct proxy *proxy;
static char route[200];

struct load {
	struct probe *probe;
	const char *name;
	int sent;
};

static bool is_long(void)
{
	return getenv("AFTERCARE_TEST_LONG") != NULL;
}

static int open_proxied(void **state)
{
	char directory[100];
	struct probe *probe;

	if (probe_open(state))
		return 1;
	probe = *state;
	probe->patient = true;
	snprintf(directory, sizeof(directory), "%s/proxy", probe->directory);
	proxy = proxy_open(directory, PQhost(probe->sql), PQport(probe->sql));
	snprintf(route, sizeof(route), "host=%s port=5432", directory);
	probe->route = route;
	return proxy ? 0 : 1;
}

static int close_proxied(void **state)
{
	probe_kill(*state);
	proxy_close(proxy);
	return probe_close(state);
}

/* ---- load ---- */

static void load_send(struct load *load, int count)
{
	char id[40];

	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%s-%d", load->name, load->sent);
		probe_send(load->probe, load->sent % PROBE_PARTITIONS, id, "{'emit': %d, 'set': {'key': '%s', 'in_ms': %d}}", load->sent % 3, id,
			   load->sent % 200);
		load->sent++;
	}
}

/* So many milliseconds of it. */
static void load_run(struct load *load, long ms)
{
	long until = stack_clock() + ms;

	while (stack_clock() < until) {
		load_send(load, 1);
		stack_moment();
	}
}

static struct load load_begin(struct probe *probe, const char *name)
{
	struct load load = { probe, name, 0 };

	load_run(&load, 500);
	probe_until(probe, 1, "select (count(*) > 0)::int from effect where id like '%s-%%'", name);
	return load;
}

static void load_end(struct load *load)
{
	struct probe *probe = load->probe;

	probe_flush(probe);
	probe_until(probe, load->sent, "select count(distinct id) from effect where what = 'event' and id like '%s-%%'", load->name);
	probe_until(probe, load->sent, "select count(distinct id) from effect where what = 'timer' and id like '%s-%%'", load->name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s-%%'", load->name), 2 * load->sent);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), 0);
	assert_true(probe_runs(probe));
	probe_check(probe);
}

/* ---- back again ---- */

static int64_t wall_ms(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* How long after `back` the first effect was committed that is later than `gone`. */
static void tell_resumed(struct load *load, const char *what, int64_t gone, int64_t back)
{
	int64_t first;

	/* What was sent before may all be done. */
	load_send(load, 10);
	probe_flush(load->probe);
	probe_until(load->probe, 1, "select (count(*) > 0)::int from effect where at > to_timestamp(%lld / 1000.0)", (long long)gone);
	first = probe_number(load->probe, "select (extract(epoch from min(at)) * 1000)::int8 from effect where at > to_timestamp(%lld / 1000.0)",
			     (long long)gone);
	print_message("%s: down for %.1f s, work again %lld ms after it was back\n", what, (double)(back - gone) / 1000,
		      (long long)(first > back ? first - back : 0));
}

/* Our own session was lost with the server's. */
static void until_answering(struct probe *probe)
{
	long deadline = stack_deadline();

	while (PQping(probe->postgres.admin) != PQPING_OK) {
		if (stack_clock() > deadline)
			probe_fail(probe, "PostgreSQL does not come back");
		stack_moment();
	}
	PQreset(probe->sql);
	probe_do(probe, "set search_path = probe; set client_min_messages = error");
}

static int64_t terminate(struct probe *probe)
{
	return probe_number(probe, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'aftercare_probe'");
}

/* ---- stopped ---- */

static void stop_and_start(struct probe *probe, const char *what, const char *name, int number)
{
	struct load load = load_begin(probe, name);
	int64_t gone, back;

	if (!probe_database_end(probe, number))
		skip();
	gone = wall_ms();
	load_run(&load, DOWN_MS);
	probe_database_start(probe);
	back = wall_ms();
	load_run(&load, 500);
	tell_resumed(&load, what, gone, back);
	/* As installed; with longer pauses it could not be back at work within two seconds. */
	assert_true(probe_said(probe, "trying again (up to every 1000 ms)") > 0);
	load_end(&load);
}

static void test_stopped_fast(void **state)
{
	stop_and_start(*state, "stopped fast", "fast", SIGINT);
}

static void test_stopped_at_once(void **state)
{
	stop_and_start(*state, "stopped at once", "once", SIGQUIT);
}

/* One back-end is killed; the server ends all others and recovers by itself. */
static void test_a_back_end_crashes(void **state)
{
	struct probe *probe = *state;
	struct load load;
	int64_t gone, backend;

	if (probe->postgres.pid == 0)
		skip();
	load = load_begin(probe, "crash");
	for (int round = 0; round < 3; round++) {
		probe_until(probe, 1, "select count(*) from pg_stat_activity where usename = 'aftercare_probe'");
		backend = probe_number(probe, "select pid from pg_stat_activity where usename = 'aftercare_probe'");
		assert_true(backend > 1);
		kill((pid_t)backend, SIGKILL);
		gone = wall_ms();
		load_run(&load, 300);
		until_answering(probe);
		/* When the server was back nobody knows so exactly: all of it. */
		tell_resumed(&load, "a back-end crashed", gone, gone);
	}
	load_end(&load);
}

static void test_sessions_end_again_and_again(void **state)
{
	struct load load = load_begin(*state, "ended");
	long until = stack_clock() + (is_long() ? 60000 : 3000);
	int64_t ended = 0, gone;

	while (stack_clock() < until) {
		ended += terminate(*state);
		load_run(&load, 10 + load.sent % 150);
	}
	gone = wall_ms();
	tell_resumed(&load, "sessions ended again and again", gone, gone);
	print_message("%lld sessions ended\n", (long long)ended);
	assert_true(ended > 5);
	load_end(&load);
}

/* ---- refused ---- */

static long refusal_ms(void)
{
	return is_long() ? 60000 : DOWN_MS;
}

static void test_nobody_listens(void **state)
{
	struct load load = load_begin(*state, "silent");
	int64_t gone, back;

	proxy_refuse(proxy, true);
	gone = wall_ms();
	load_run(&load, refusal_ms());
	proxy_refuse(proxy, false);
	back = wall_ms();
	tell_resumed(&load, "nobody listened", gone, back);
	load_end(&load);
}

static void test_no_connections_left(void **state)
{
	struct load load = load_begin(*state, "refused");
	int64_t gone, back;

	probe_do(*state, "alter role aftercare_probe connection limit 0");
	(void)terminate(*state);
	gone = wall_ms();
	load_run(&load, refusal_ms());
	probe_do(*state, "alter role aftercare_probe connection limit -1");
	back = wall_ms();
	tell_resumed(&load, "connections refused", gone, back);
	load_end(&load);
}

/* ---- disks ---- */

static void mount_small(struct probe *probe, const char *path, const char *size)
{
	struct stat owner;

	disk_mount(path, size);
	assert_int_equal(stat(probe->postgres.directory, &owner), 0);
	assert_int_equal(chown(path, owner.st_uid, owner.st_gid), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static void skip_without_mounts(const struct probe *probe)
{
	disk_or_skip();
	if (probe->postgres.pid == 0)
		skip();
}

/* The outbox has a disk of its own, and that is full. */
static void test_the_disk_is_full(void **state)
{
	struct probe *probe = *state;
	struct load load;
	char path[100], size[40];
	int64_t facts;
	long deadline, back;

	skip_without_mounts(probe);
	snprintf(path, sizeof(path), "%s/small", probe->postgres.directory);
	snprintf(size, sizeof(size), "%lldk", (long long)probe_number(probe, "select pg_total_relation_size('outbox') / 1024 + 300"));
	mount_small(probe, path, size);
	probe_do(probe, "create tablespace small location '%s'", path);
	probe_do(probe, "alter table outbox set tablespace small");
	load = load_begin(probe, "disk");
	deadline = stack_deadline();
	while (probe_said(probe, "(53100)") == 0) {
		if (stack_clock() > deadline)
			probe_fail(probe, "the disk does not become full");
		load_send(&load, 100);
		stack_moment();
	}
	load_run(&load, DOWN_MS);
	facts = probe_number(probe, "select sum(out_seq) from source");
	disk_resize(path, "200m");
	back = stack_clock();
	probe_until(probe, 1, "select (sum(out_seq) > %lld)::int from source", (long long)facts);
	print_message("the disk was full: work again %ld ms after there was room\n", stack_clock() - back);
	load_end(&load);
	probe_do(probe, "alter table outbox set tablespace pg_default");
	probe_do(probe, "drop tablespace small");
	disk_unmount(path);
}

static void copy(const char *from, const char *to)
{
	char all[200];
	const char *const argv[] = { "cp", "-a", all, to, NULL };

	snprintf(all, sizeof(all), "%s/.", from);
	assert_int_equal(stack_run(argv, NULL), 0);
}

/* Writes to the server's log until there is no room for more, which ends the server. */
static void fill_log(struct probe *probe, const char *path)
{
	char filler[120], block[65536];
	PGresult *result;
	FILE *file;

	snprintf(filler, sizeof(filler), "%s/filler", path);
	memset(block, 'x', sizeof(block));
	file = fopen(filler, "w");
	assert_non_null(file);
	setbuf(file, NULL);
	while (fwrite(block, 1, sizeof(block), file) == sizeof(block))
		;
	fclose(file);
	for (int i = 0; i < 2000 && PQstatus(probe->sql) == CONNECTION_OK; i++) {
		result = PQexec(probe->sql, "select pg_logical_emit_message(false, 'filler', repeat('x', 1000000))");
		PQclear(result);
	}
	assert_int_equal(PQstatus(probe->sql), CONNECTION_BAD);
}

/* The write-ahead log has a disk of its own, and that is full: the server panics, and cannot recover before there is room. */
static void test_the_disk_of_the_log_is_full(void **state)
{
	struct probe *probe = *state;
	struct load load;
	char path[100], log[100], filler[120];
	int64_t gone, back;

	skip_without_mounts(probe);
	snprintf(path, sizeof(path), "%s/small-log", probe->postgres.directory);
	snprintf(log, sizeof(log), "%s/data/pg_wal", probe->postgres.directory);
	snprintf(filler, sizeof(filler), "%s/filler", path);
	load = load_begin(probe, "log");
	assert_true(probe_database_stop(probe));
	mount_small(probe, path, "200m");
	copy(log, path);
	assert_int_equal(mount(path, log, NULL, MS_BIND, NULL), 0);
	probe_database_start(probe);
	load_run(&load, 500);
	fill_log(probe, path);
	gone = wall_ms();
	load_run(&load, DOWN_MS);
	assert_int_equal(unlink(filler), 0);
	/* It may have given up altogether. */
	if (waitpid(probe->postgres.pid, NULL, WNOHANG) == probe->postgres.pid) {
		print_message("the server had given up\n");
		PQfinish(probe->sql);
		probe_database_start(probe);
	} else {
		until_answering(probe);
	}
	back = wall_ms();
	tell_resumed(&load, "the disk of the log was full", gone, back);
	load_end(&load);
	assert_true(probe_database_stop(probe));
	disk_unmount(log);
	copy(path, log);
	disk_unmount(path);
	probe_database_start(probe);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_stopped_fast),
		PROBE_TEST(test_stopped_at_once),
		PROBE_TEST(test_a_back_end_crashes),
		PROBE_TEST(test_sessions_end_again_and_again),
		PROBE_TEST(test_nobody_listens),
		PROBE_TEST(test_no_connections_left),
		PROBE_TEST(test_the_disk_is_full),
		PROBE_TEST(test_the_disk_of_the_log_is_full),
	};

	probe_daemon(argc, argv);
	disk_begin();
	return cmocka_run_group_tests(tests, open_proxied, close_proxied);
}
