/* Timers: rows that fire once, in due order, never early; over kill -9, in a lane that is never idle, in bursts beyond one batch,
 * and over a wall clock that jumps (architecture section 5).
 *
 * This program brings its own clock_gettime: the daemon's wall clock is off by what a shared file says. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/probe.h"

static volatile int64_t *wall_offset;        /* seconds */

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int status = (int)syscall(SYS_clock_gettime, clock, ret);

	if (status == 0 && clock == CLOCK_REALTIME && wall_offset)
		ret->tv_sec += *wall_offset;
	return status;
}

/* Shared by us and every daemon that we start. */
static void share_clock(void)
{
	const char *given = getenv("AFTERCARE_PROBE_CLOCK");
	char path[] = "/tmp/aftercare-clock-XXXXXX";
	int fd = given ? open(given, O_RDWR) : mkstemp(path);

	if (fd < 0 || ftruncate(fd, sizeof(*wall_offset)) != 0)
		abort();
	wall_offset = mmap(NULL, sizeof(*wall_offset), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (wall_offset == MAP_FAILED)
		abort();
	close(fd);
	if (!given)
		setenv("AFTERCARE_PROBE_CLOCK", path, 1);
}

static void set_timer(struct probe *probe, int partition, const char *key, int in_ms, const char *then)
{
	char id[60];

	snprintf(id, sizeof(id), "set-%s", key);
	probe_send(probe, partition, id, "{'set': {'key': '%s', 'in_ms': %d, 'then': %s}}", key, in_ms, then);
}

static void expect_fired(struct probe *probe, const char *name, int count)
{
	probe_until(probe, count, "select count(distinct id) from effect where what = 'timer' and id like '%s-%%'", name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where what = 'timer' and id like '%s-%%'", name), count);
	assert_int_equal(probe_number(probe, "select count(*) from timer where key like '%s-%%'", name), 0);
	/* By the daemon's clock and by the server's. */
	assert_int_equal(probe_number(probe, "select count(*) from effect where now < due or at < due"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from (select due, lag(due) over (partition by partition order by n) as before "
				      "from effect where what = 'timer' and id like '%s-%%') f where before > due", name), 0);
	probe_check(probe);
}

static void test_once_and_in_order_over_kills(void **state)
{
	struct probe *probe = *state;
	char key[40];

	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "kill-%d", i);
		set_timer(probe, i % PROBE_PARTITIONS, key, 1500 + i * 37 % 2500, "{'emit': 1}");
	}
	probe_flush(probe);
	probe_until(probe, 300, "select count(*) from effect where what = 'event' and id like 'set-kill-%%'");
	for (int more = 10; more < 290; more += 40) {
		probe_until(probe, 1, "select (count(*) >= %d)::int from effect where what = 'timer' and id like 'kill-%%'", more);
		probe_kill(probe);
		probe_start(probe);
	}
	expect_fired(probe, "kill", 300);
}

static void test_in_a_lane_that_is_never_idle(void **state)
{
	struct probe *probe = *state;
	long deadline = stack_deadline();
	char id[40];

	set_timer(probe, 0, "busy-1", 300, "{}");
	set_timer(probe, 0, "busy-2", 900, "{}");
	set_timer(probe, 0, "busy-3", 1500, "{}");
	for (int i = 0; probe_number(probe, "select count(*) from effect where what = 'timer' and id like 'busy-%%'") < 3; i++) {
		snprintf(id, sizeof(id), "noise-%d", i);
		probe_send(probe, 0, id, "{}");
		probe_flush(probe);
		if (stack_clock() > deadline)
			probe_fail(probe, "a busy lane fires no timer");
	}
	expect_fired(probe, "busy", 3);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like 'busy-%%' and at > due + interval '3 s'"), 0);
}

static void test_more_at_once_than_one_batch(void **state)
{
	struct probe *probe = *state;
	char key[40];

	for (int i = 0; i < 1300; i++) {
		snprintf(key, sizeof(key), "burst-%d", i);
		set_timer(probe, 0, key, 1000, "{'emit': 1}");
	}
	probe_flush(probe);
	expect_fired(probe, "burst", 1300);
}

static void test_moved_cancelled_and_set_again(void **state)
{
	struct probe *probe = *state;

	set_timer(probe, 0, "move-a", 3600000, "{}");
	set_timer(probe, 0, "move-b", 400, "{}");
	set_timer(probe, 0, "move-a", 500, "{'set': {'key': 'move-c', 'in_ms': 50, 'then': {'set': {'key': 'move-d', 'in_ms': 0}}}}");
	probe_send(probe, 0, "cancel", "{'cancel': 'move-b', 'emit': 1}");
	probe_flush(probe);
	expect_fired(probe, "move", 3);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'move-b'"), 0);
}

/* The database refuses two of a batch: each becomes a dead letter, and readers can tell them apart; the others fire. */
static void test_a_timer_that_is_refused(void **state)
{
	struct probe *probe = *state;

	probe_switch(probe, "v", 1);
	probe_hold(probe, 7);
	probe_send(probe, 0, "bad-held", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	for (int i = 0; i < 8; i++) {
		char key[40];

		snprintf(key, sizeof(key), "bad-%d", i);
		set_timer(probe, 0, key, 200 + i, i % 4 == 2 ? "{'violate': 'v', 'emit': 1}" : "{'emit': 1}");
	}
	probe_flush(probe);
	probe_release(probe, 7);
	probe_until(probe, 2, "select count(*) from dead_letter where reason = 'poison'");
	expect_fired(probe, "bad", 6);
	assert_int_equal(probe_number(probe, "select count(distinct \"offset\") from dead_letter where \"offset\" < 0"), 2);
}

/* Counted as events are: it becomes a dead letter, its neighbours fire, events go on. */
static void test_a_timer_that_crashes(void **state)
{
	struct probe *probe = *state;
	long deadline = stack_deadline() + 30000;
	int crashes = 0;

	probe_switch(probe, "a", 1);
	for (int i = 0; i < 8; i++) {
		char key[40];

		snprintf(key, sizeof(key), "crash-%d", i);
		set_timer(probe, i % PROBE_PARTITIONS, key, 300 + i, i == 4 ? "{'abort': 'a', 'emit': 1}" : "{'emit': 1}");
	}
	probe_flush(probe);
	while (probe_number(probe, "select count(*) from dead_letter where detail like '%%crashed%%'") == 0) {
		if (!probe_runs(probe)) {
			char id[40];

			snprintf(id, sizeof(id), "beside-crash-%d", ++crashes);
			probe_send(probe, 0, id, "{'emit': 1}");
			probe_start(probe);
		}
		if (crashes > 12 || stack_clock() > deadline)
			probe_fail(probe, "%d crashes and no dead letter", crashes);
		stack_moment();
	}
	print_message("%d crashes\n", crashes);
	expect_fired(probe, "crash", 7);
	probe_until(probe, crashes, "select count(distinct id) from effect where id like 'beside-crash-%%'");
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like 'beside-crash-%%'"), crashes);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where detail like '%%crashed%%'"), 1);
	assert_true(probe_runs(probe));
}

/* An hour forward holds the timers, and somebody is told; back again, the time is believed again. */
static void test_the_clock_jumps(void **state)
{
	struct probe *probe = *state;
	long deadline = stack_deadline() + 10000;
	char id[40];

	set_timer(probe, 0, "jump-1", 1800000, "{}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from timer where key = 'jump-1'");
	*wall_offset = 3600;
	while (probe_said(probe, "the clock jumped by 3") == 0 && stack_clock() < deadline)
		stack_moment();
	assert_int_equal(probe_said(probe, "the clock jumped by 3"), 1);
	probe_send(probe, 0, "in-the-future", "{}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'in-the-future' and now > at + interval '50 min'");
	assert_int_equal(probe_number(probe, "select count(*) from timer where key = 'jump-1'"), 1);
	*wall_offset = 0;
	for (int i = 0; probe_number(probe, "select count(*) from effect where id like 'back-%%' and now < at + interval '1 min'") == 0; i++) {
		snprintf(id, sizeof(id), "back-%d", i);
		probe_send(probe, 0, id, "{}");
		probe_flush(probe);
		probe_until(probe, 1, "select count(*) from effect where id = '%s'", id);
		if (stack_clock() > deadline)
			probe_fail(probe, "the time is never believed again");
	}
	assert_int_equal(probe_number(probe, "select count(*) from timer where key = 'jump-1'"), 1);
	/* It goes on: what is due now fires. */
	set_timer(probe, 0, "back-timer", 10, "{}");
	probe_send(probe, 0, "no-jump", "{'cancel': 'jump-1'}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'back-timer'");
	probe_check(probe);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_once_and_in_order_over_kills),
		PROBE_TEST(test_in_a_lane_that_is_never_idle),
		PROBE_TEST(test_more_at_once_than_one_batch),
		PROBE_TEST(test_moved_cancelled_and_set_again),
		PROBE_TEST(test_a_timer_that_is_refused),
		PROBE_TEST(test_a_timer_that_crashes),
		PROBE_TEST(test_the_clock_jumps),
	};
	int failed;

	share_clock();
	probe_daemon(argc, argv);
	failed = cmocka_run_group_tests(tests, probe_open, probe_close);
	unlink(getenv("AFTERCARE_PROBE_CLOCK"));
	return failed;
}
