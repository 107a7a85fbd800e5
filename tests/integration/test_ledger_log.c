/* What a reader of the log promises: repeats by (writer, incarnation, sequence) have no effect, also over crashes, refusals and
 * outages; rewinds read again; a failover raises the incarnation, so that nothing issued again is taken for a repeat
 * (architecture section 4, rules 3, 4 and 6). And what the service has posted to itself. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/support/probe.h"

static void send_fact(struct probe *probe, const char *id, const char *writer, int64_t incarnation, int64_t sequence, int lane,
		      const char *data)
{
	probe_send_fact(probe, &(struct probe_fact){ .id = id, .writer = writer, .incarnation = incarnation, .sequence = sequence,
						     .lane = lane }, data);
}

static int64_t taken(struct probe *probe, const char *id)
{
	return probe_number(probe, "select count(*) from effect where id = '%s'", id);
}

/* What was sent before this has been handled when this has. */
static void settle(struct probe *probe, const char *name)
{
	static int64_t sequence;

	probe_flush(probe);
	for (int lane = 0; lane < PROBE_PARTITIONS; lane++)
		send_fact(probe, name, "test/last", 1, ++sequence, lane, "{}");
	probe_flush(probe);
	probe_until(probe, PROBE_PARTITIONS, "select count(*) from effect where id = '%s'", name);
}

static void test_no_broker_at_first(void **state)
{
	struct probe *probe = *state;

	probe_kill(probe);
	probe_broker_stop(probe);
	probe_start(probe);
	while (probe_said(probe, "waiting, no more lines") == 0 && probe_said(probe, "everything waits") == 0)
		stack_moment();
	probe_broker_start(probe);
	for (long deadline = stack_deadline(); probe_said(probe, "ready: 4 partitions") == 0; stack_moment())
		if (stack_clock() > deadline)
			probe_fail(probe, "it is not ready though the broker is there");
	probe_send(probe, 0, "first", "{'emit': 1}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'first'");
}

static void test_repeats_in_the_log(void **state)
{
	struct probe *probe = *state;

	send_fact(probe, "a1", "test/a", 5, 1, 0, "{'emit': 1}");
	send_fact(probe, "a2", "test/a", 5, 2, 0, "{'emit': 1}");
	send_fact(probe, "a2", "test/a", 5, 2, 0, "{'emit': 1}");
	send_fact(probe, "a1", "test/a", 5, 1, 0, "{'emit': 1}");
	/* One pair for each writer and lane. */
	send_fact(probe, "b1", "test/b", 5, 1, 0, "{'emit': 1}");
	send_fact(probe, "a1-elsewhere", "test/a", 5, 1, 1, "{'emit': 1}");
	/* A higher incarnation begins anew; what is late of a lower one is dropped, whatever its number. */
	send_fact(probe, "a1-again", "test/a", 7, 1, 0, "{'emit': 1}");
	send_fact(probe, "a9-late", "test/a", 6, 9, 0, "{'emit': 1}");
	send_fact(probe, "a3-late", "test/a", 5, 3, 0, "{'emit': 1}");
	send_fact(probe, "a2-again", "test/a", 7, 2, 0, "{'emit': 1}");
	/* Gaps mean nothing: other lanes have those. */
	send_fact(probe, "a40", "test/a", 7, 40, 0, "{'emit': 1}");
	/* Not wanted: passed over, and no mark is set by it. */
	probe_send_fact(probe, &(struct probe_fact){ .id = "other", .name = "probe.other", .writer = "test/a", .incarnation = 9, .sequence = 9 }, "{}");
	send_fact(probe, "a41", "test/a", 7, 41, 0, "{'emit': 1}");
	settle(probe, "repeats");
	probe_kill(probe);
	/* The marks are the database's. */
	send_fact(probe, "a1", "test/a", 5, 1, 0, "{'emit': 1}");
	send_fact(probe, "a2-again", "test/a", 7, 2, 0, "{'emit': 1}");
	send_fact(probe, "a42", "test/a", 7, 42, 0, "{'emit': 1}");
	probe_start(probe);
	settle(probe, "repeats-over-a-crash");
	assert_int_equal(probe_number(probe, "select count(*) from effect where writer in ('test/a', 'test/b')"), 9);
	assert_int_equal(probe_number(probe, "select count(distinct id) from effect where writer in ('test/a', 'test/b')"), 9);
	assert_int_equal(taken(probe, "a9-late") + taken(probe, "a3-late") + taken(probe, "other"), 0);
	probe_check(probe);
}

/* Whatever ends a transaction, its marks are those of before when it is done again: nothing of it may look like a repeat. */
static void test_marks_of_a_failed_transaction(void **state)
{
	struct probe *probe = *state;
	char id[40];

	probe_switch(probe, "v", 1);
	probe_switch(probe, "r", 1);
	probe_hold(probe, 7);
	send_fact(probe, "m-held", "test/m", 1, 1, 0, "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	/* One batch: new facts, repeats among them, one that the database refuses, one that has to wait, a stranger's record. */
	for (int i = 2; i < 30; i++) {
		snprintf(id, sizeof(id), "m-%d", i);
		send_fact(probe, id, i % 2 ? "test/m" : "test/n", 1, i, 0, i == 10 ? "{'violate': 'v'}" : i == 20 ? "{'retry': 'r'}" : "{'emit': 1}");
		if (i % 5 == 0)
			send_fact(probe, id, i % 2 ? "test/m" : "test/n", 1, i, 0, "{'emit': 1}");
	}
	probe_send_bytes(probe, TOPIC_TICKETS, 0, "{}", 2);
	probe_flush(probe);
	probe_release(probe, 7);
	probe_until(probe, 1, "select count(*) from effect where id = 'm-held'");
	for (int64_t epoch = probe_number(probe, "select max(epoch) from source"), i = 0; i < 3; i++, epoch++)
		probe_until(probe, 1, "select (max(epoch) > %lld)::int from source", (long long)epoch);
	probe_switch(probe, "r", 0);
	settle(probe, "marks");
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like 'm-%%'"), 28);
	assert_int_equal(probe_number(probe, "select count(distinct id) from effect where id like 'm-%%'"), 28);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id = 'm-10'"), 1);
	probe_check(probe);
}

/* The operator sets the position back. Outside, the service finds repeats by (source, id); of a log the marks go back with it. */
static void test_rewind(void **state)
{
	struct probe *probe = *state;
	int64_t mark;
	char id[40];

	settle(probe, "before-rewind");
	mark = probe_number(probe, "select next_offset from source where topic = '" TOPIC_TICKETS "' and partition = 0");
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "rewind-%d", i);
		probe_send(probe, 0, id, "{'emit': 1, 'once': true}");
		snprintf(id, sizeof(id), "relog-%d", i);
		send_fact(probe, id, "test/r", 1, i + 1, 0, "{'emit': 1}");
	}
	settle(probe, "rewind");
	probe_until(probe, 20, "select count(*) from effect where id like 'rewind-%%'");
	probe_do(probe, "update source set next_offset = 0, epoch = epoch + 1 where topic = '" TOPIC_INBOUND "'");
	probe_do(probe, "update source set next_offset = 0, epoch = epoch + 1 where topic = '" TOPIC_TICKETS "' and partition = 0");
	settle(probe, "rewound");
	probe_until(probe, 2, "select count(*) from effect where id = 'first'");
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like 'rewind-%%'"), 20);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like 'relog-%%'"), 20);
	/* With the pairs of that moment: all of it again. */
	probe_do(probe, "begin; update source set next_offset = %lld, epoch = epoch + 1 where topic = '" TOPIC_TICKETS "' and partition = 0;"
		 "delete from watermark where writer = 'test/r'; commit", (long long)mark);
	settle(probe, "rewound-with-marks");
	probe_until(probe, 40, "select count(*) from effect where id like 'relog-%%'");
	probe_check(probe);
}

/* A standby that lacks the last commits is promoted: numbers are issued again, under a higher incarnation. */
static void test_failover(void **state)
{
	struct probe *probe = *state;
	int64_t before, source;
	struct timespec now;

	probe->phantoms = true;
	probe_send(probe, 1, "kept", "{'emit': 5}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'kept'");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	before = probe_number(probe, "select max(incarnation) from source");
	source = probe_number(probe, "select id from source where topic = '" TOPIC_INBOUND "' and partition = 1");
	probe_do(probe, "create table saved as select * from source where id = %lld", (long long)source);
	probe_send(probe, 1, "forgotten", "{'emit': 5}");
	probe_flush(probe);
	probe_until(probe, 1, "select (published_seq = out_seq and out_seq = (select out_seq + 5 from saved))::int from source where id = %lld",
		    (long long)source);
	probe_kill(probe);
	probe_do(probe, "begin; update source s set next_offset = o.next_offset, out_seq = o.out_seq, published_seq = o.published_seq, "
		 "timeline = '0000ABCD' from saved o where s.id = o.id; update source set timeline = '0000ABCD';"
		 "delete from outbox b using saved o where b.source = o.id and b.last_seq > o.out_seq; delete from effect where id = 'forgotten';"
		 "drop table saved; commit");
	probe_send(probe, 1, "after", "{'emit': 5}");
	probe_flush(probe);
	probe_start(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'after'");
	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(probe_number(probe, "select min(incarnation) from source") > before);
	assert_true(probe_number(probe, "select min(incarnation) from source") > (int64_t)now.tv_sec * 1000 - 60000);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'forgotten'"), 1);
	probe_check(probe);
	/* A new connection to the same server is no failover; another timeline on a new connection is one. */
	before = probe_number(probe, "select max(incarnation) from source");
	probe_do(probe, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'aftercare_probe'");
	settle(probe, "same-server");
	assert_int_equal(probe_number(probe, "select max(incarnation) from source"), before);
	probe_do(probe, "update source set timeline = '0000ABCE'");
	probe_do(probe, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'aftercare_probe'");
	settle(probe, "other-server");
	assert_true(probe_number(probe, "select min(incarnation) from source") > before);
	probe_check(probe);
}

/* Done once, whatever happens meanwhile to the transaction, the connection and the row, as long as the process lives. */
static void test_postings(void **state)
{
	struct probe *probe = *state;

	probe_switch(probe, "r", 1);
	probe_switch(probe, "v", 1);
	probe_send(probe, 0, "posts", "{'post': {'emit': 3, 'retry': 'r'}}");
	probe_send(probe, 1, "posts-bad", "{'post': {'violate': 'v'}}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'posts'");
	probe_until(probe, 1, "select count(*) from dead_letter where \"offset\" < 0");
	for (int64_t epoch = probe_number(probe, "select max(epoch) from source"), i = 0; i < 3; i++, epoch++)
		probe_until(probe, 1, "select (max(epoch) > %lld)::int from source", (long long)epoch);
	probe_do(probe, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'aftercare_probe'");
	probe_do(probe, "update source set epoch = epoch + 1");
	probe_switch(probe, "r", 0);
	probe_until(probe, 1, "select count(*) from effect where what = 'posted'");
	settle(probe, "postings");
	assert_int_equal(probe_number(probe, "select count(*) from effect where what = 'posted'"), 1);
	probe_check(probe);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_no_broker_at_first),
		PROBE_TEST(test_repeats_in_the_log),
		PROBE_TEST(test_marks_of_a_failed_transaction),
		PROBE_TEST(test_rewind),
		PROBE_TEST(test_failover),
		PROBE_TEST(test_postings),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, probe_open, probe_close);
}
