/* The ledger under kill -9, lost rows and outages of the database: each input takes effect once, what is issued is gap-free, and
 * a reader of the log gets every fact in order (architecture section 4; what each rule prevents is in the model's table 1).
 *
 * AFTERCARE_TEST_KILLS=N: so many kills (default 50, as many as a minute allows). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/probe.h"

#define PER_ROUND 40

static void send_many(struct probe *probe, const char *name, int from, int count)
{
	char id[40];

	for (int i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%s-%d", name, i);
		probe_send(probe, i % PROBE_PARTITIONS, id, "{'emit': %d, 'set': {'key': '%s', 'in_ms': %d}}", i % 3, id, i % 200);
	}
	probe_flush(probe);
}

/* All inputs and all their timers have taken effect, each once. */
static void expect_once(struct probe *probe, const char *name, int count)
{
	probe_until(probe, count, "select count(distinct id) from effect where what = 'event' and id like '%s-%%'", name);
	probe_until(probe, count, "select count(distinct id) from effect where what = 'timer' and id like '%s-%%'", name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s-%%'", name), 2 * count);
	assert_int_equal(probe_number(probe, "select count(*) from timer"), 0);
	probe_check(probe);
}

static int64_t effects(struct probe *probe)
{
	return probe_number(probe, "select count(*) from effect");
}

static void until_more(struct probe *probe, int64_t than)
{
	probe_until(probe, 1, "select (count(*) > %lld)::int from effect", (long long)than);
}

/* A moment of no certain length, without looking at the clock. */
static void linger(struct probe *probe, unsigned *seed)
{
	for (unsigned i = (unsigned)rand_r(seed) % 300 + 20; i > 0; i--)
		(void)probe_number(probe, "select 1");
}

static int kills(void)
{
	const char *given = getenv("AFTERCARE_TEST_KILLS");

	return given ? atoi(given) : 50;
}

static void test_each_input_once_over_kills(void **state)
{
	struct probe *probe = *state;
	unsigned seed = (unsigned)getpid();
	long begun = stack_clock();
	int sent = 0, killed = 0;

	print_message("seed %u\n", seed);
	while (killed < kills() && stack_clock() - begun < 60000) {
		int64_t before;

		probe_start(probe);
		before = effects(probe);
		send_many(probe, "kill", sent, PER_ROUND);
		sent += PER_ROUND;
		/* It has come so far that something happens; then anywhere. */
		until_more(probe, before);
		linger(probe, &seed);
		probe_kill(probe);
		killed++;
	}
	print_message("%d kills, %d events, %ld s\n", killed, sent, (stack_clock() - begun) / 1000);
	assert_true(killed >= (kills() < 10 ? kills() : 10));
	probe_start(probe);
	expect_once(probe, "kill", sent);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), 0);
}

static int terminate(struct probe *probe)
{
	return (int)probe_number(probe, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'aftercare_probe'");
}

static void test_the_connection_is_lost_within_a_batch(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, 7);
	send_many(probe, "cut", 0, PER_ROUND);
	probe_send(probe, 0, "held", "{'lock': 7, 'emit': 2}");
	send_many(probe, "cut", PER_ROUND, PER_ROUND);
	probe_until_waiting(probe);
	assert_int_equal(terminate(probe), 1);
	probe_release(probe, 7);
	expect_once(probe, "cut", 2 * PER_ROUND);
	probe_until(probe, 1, "select count(*) from effect where id = 'held'");
}

/* While rows are taken again, records go on arriving at the positions of before. */
static void test_the_connection_is_lost_again_and_again(void **state)
{
	struct probe *probe = *state;
	unsigned seed = (unsigned)getpid();

	for (int round = 0; round < 30; round++) {
		int64_t before = effects(probe);

		send_many(probe, "lost", round * PER_ROUND, PER_ROUND);
		until_more(probe, before);
		linger(probe, &seed);
		(void)terminate(probe);
	}
	expect_once(probe, "lost", 30 * PER_ROUND);
}

/* The consumer stands behind what a row that was just taken wants to read, while the next row is waited for. */
static void test_records_that_arrive_between_two_takes(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, 7);
	probe_send(probe, 0, "held-between", "{'lock': 7}");
	send_many(probe, "between", 0, PER_ROUND);
	probe_until_waiting(probe);
	probe_do(probe, "begin; select from source where topic = '" TOPIC_TICKETS "' and partition = 1 for update");
	assert_int_equal(terminate(probe), 1);
	probe_until(probe, 1, "select count(*) from pg_locks where not granted and locktype = 'transactionid'");
	send_many(probe, "between", PER_ROUND, PER_ROUND);
	for (int i = 0; i < 2000; i++)
		(void)probe_number(probe, "select 1");
	probe_do(probe, "commit");
	probe_release(probe, 7);
	expect_once(probe, "between", 2 * PER_ROUND);
	probe_until(probe, 1, "select count(*) from effect where id = 'held-between'");
}

static void test_a_second_owner_takes_the_row(void **state)
{
	struct probe *probe = *state;
	unsigned seed = (unsigned)getpid();

	for (int round = 0; round < 20; round++) {
		int64_t before = effects(probe);

		send_many(probe, "taken", round * PER_ROUND, PER_ROUND);
		until_more(probe, before);
		linger(probe, &seed);
		probe_do(probe, "update source set epoch = epoch + 1, owner = 'second'");
	}
	expect_once(probe, "taken", 20 * PER_ROUND);
	/* An idle owner notices too. */
	probe_do(probe, "update source set epoch = epoch + 1, owner = 'second'");
	probe_until(probe, 0, "select count(*) from source where owner = 'second'");
}

static void test_a_stopped_owner_does_not_hold_the_row_for_ever(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, 7);
	probe_send(probe, 0, "stopped", "{'lock': 7, 'emit': 1}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_freeze(probe->daemon);
	probe_release(probe, 7);
	/* The server ends the transaction: idle_in_transaction_session_timeout. Waits for the row as a second owner would. */
	probe_do(probe, "update source set epoch = epoch + 1, owner = 'second' where topic = '" TOPIC_INBOUND "' and partition = 0");
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'stopped'"), 0);
	kill(probe->daemon, SIGCONT);
	probe_until(probe, 1, "select count(*) from effect where id = 'stopped'");
	probe_check(probe);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'stopped'"), 1);
}

static void test_the_database_stops_and_starts(void **state)
{
	struct probe *probe = *state;

	send_many(probe, "down", 0, PER_ROUND);
	until_more(probe, effects(probe) - 1);
	if (!probe_database_stop(probe))
		skip();
	send_many(probe, "down", PER_ROUND, PER_ROUND);
	probe_database_start(probe);
	expect_once(probe, "down", 2 * PER_ROUND);
	assert_true(probe_runs(probe));
	/* Said once, not at every try. */
	assert_true(probe_said(probe, "database: back after") > 0);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), 0);
}

static void test_a_clean_stop(void **state)
{
	struct probe *probe = *state;

	send_many(probe, "stop", 0, 5 * PER_ROUND);
	probe_until(probe, 1, "select (count(*) > 0)::int from effect where id like 'stop-%%'");
	assert_int_equal(probe_stop(probe), 0);
	assert_int_equal(probe_number(probe, "select count(*) from source where not clean"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from source where published_seq <> out_seq"), 0);
	probe_start(probe);
	expect_once(probe, "stop", 5 * PER_ROUND);
}

/* Committed, not published: the broker takes nothing more, then the daemon dies. */
static void test_a_start_publishes_what_was_left(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, 7);
	probe_send(probe, 0, "left-0", "{'emit': 30, 'lock': 7}");
	probe_send(probe, 0, "left-1", "{'emit': 30}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_freeze(probe->broker);
	probe_release(probe, 7);
	probe_until(probe, 1, "select count(*) from effect where id = 'left-0'");
	assert_true(probe_number(probe, "select sum(out_seq - published_seq) from source") >= 30);
	probe_kill(probe);
	kill(probe->broker, SIGCONT);
	probe_start(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'left-1'");
	probe_check(probe);
	/* And everything once more, in order: the operator sets the watermark back. */
	probe_do(probe, "update source set epoch = epoch + 1, published_seq = 0");
	probe_until(probe, 0, "select count(*) from source where published_seq < out_seq or owner = 'second'");
	probe_check(probe);
}

/* One turn runs postings, then records of the same lane. The producer's queue has no room for the large fact of a posting, but
 * would have some for the small ones of the records. */
static void test_nothing_passes_what_a_full_queue_left(void **state)
{
	struct probe *probe = *state;
	char id[40];

	probe_kill(probe);
	probe->settings = "kafka.queue.buffering.max.kbytes = 200\n";
	probe_start(probe);
	probe_hold(probe, 7);
	probe_hold(probe, 8);
	probe_send(probe, 0, "full-0", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_send(probe, 0, "full-1", "{'post': {'big': 150000}}");
	probe_send(probe, 0, "full-2", "{'post': {'big': 150000}}");
	probe_send(probe, 0, "full-3", "{'lock': 8}");
	probe_flush(probe);
	linger(probe, &(unsigned){ 1 });
	probe_release(probe, 7);
	probe_until(probe, 1, "select count(*) from effect where id = 'full-0'");
	probe_until_waiting(probe);
	for (int i = 4; i < 20; i++) {
		snprintf(id, sizeof(id), "full-%d", i);
		probe_send(probe, 0, id, "{'emit': 3}");
	}
	probe_flush(probe);
	linger(probe, &(unsigned){ 1 });
	probe_release(probe, 8);
	probe_until(probe, 20, "select count(*) from effect where id like 'full-%%'");
	probe_until(probe, 2, "select count(*) from effect where what = 'posted'");
	probe_check(probe);
	probe->settings = NULL;
	assert_int_equal(probe_stop(probe), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_each_input_once_over_kills),
		PROBE_TEST(test_the_connection_is_lost_within_a_batch),
		PROBE_TEST(test_the_connection_is_lost_again_and_again),
		PROBE_TEST(test_records_that_arrive_between_two_takes),
		PROBE_TEST(test_a_second_owner_takes_the_row),
		PROBE_TEST(test_a_stopped_owner_does_not_hold_the_row_for_ever),
		PROBE_TEST(test_the_database_stops_and_starts),
		PROBE_TEST(test_a_clean_stop),
		PROBE_TEST(test_a_start_publishes_what_was_left),
		PROBE_TEST(test_nothing_passes_what_a_full_queue_left),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, probe_open, probe_close);
}
