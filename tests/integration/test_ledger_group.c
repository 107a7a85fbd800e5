/* Two daemons share the lanes: they come, go, are killed, and stop for longer than their session while they hold records in
 * memory. Whoever the group chooses, each input takes effect once (architecture section 4, rules 1 and 3). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe.h"

#define PER_ROUND 40

static struct probe second;

static int open_two(void **state)
{
	int failed = probe_open(state);

	if (failed)
		return failed;
	second = *(struct probe *)*state;
	second.instance = 2;
	second.daemon = 0;
	return 0;
}

static int close_two(void **state)
{
	probe_kill(&second);
	return probe_close(state);
}

static void send_many(struct probe *probe, const char *name, int from, int count)
{
	char id[40];

	for (int i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%s-%d", name, i);
		probe_send(probe, i % PROBE_PARTITIONS, id, "{'emit': 1, 'set': {'key': '%s', 'in_ms': %d}}", id, i % 100);
	}
	probe_flush(probe);
}

static void expect_once(struct probe *probe, const char *name, int count)
{
	probe_until(probe, count, "select count(distinct id) from effect where what = 'event' and id like '%s-%%'", name);
	probe_until(probe, count, "select count(distinct id) from effect where what = 'timer' and id like '%s-%%'", name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s-%%'", name), 2 * count);
	probe_check(probe);
}

static void until_shared(struct probe *probe)
{
	probe_until(probe, 2, "select count(distinct owner) from source where seen_at > clock_timestamp() - interval '2 s'");
}

static void test_lanes_move_to_who_comes_and_stays(void **state)
{
	struct probe *probe = *state;
	int sent = 0;

	for (int round = 0; round < 4; round++) {
		send_many(probe, "move", sent, PER_ROUND);
		probe_start(&second);
		until_shared(probe);
		send_many(probe, "move", sent + PER_ROUND, PER_ROUND);
		if (round % 2)
			probe_kill(&second);
		else
			assert_int_equal(probe_stop(&second), 0);
		sent += 2 * PER_ROUND;
		send_many(probe, "move", sent, PER_ROUND);
		sent += PER_ROUND;
		probe_until(probe, sent, "select count(distinct id) from effect where what = 'event' and id like 'move-%%'");
	}
	expect_once(probe, "move", sent);
	assert_true(probe_said(probe, "is lost") > 0);
}

/* The zombie holds records and timers in memory; when it wakes up, its rows are somebody else's. */
static void test_a_daemon_stops_for_longer_than_its_session(void **state)
{
	struct probe *probe = *state;
	int sent = 0;

	probe_start(&second);
	until_shared(probe);
	for (int round = 0; round < 4; round++) {
		struct probe *zombie = round % 2 ? probe : &second, *other = round % 2 ? &second : probe;

		send_many(probe, "zombie", sent, PER_ROUND);
		probe_freeze(zombie->daemon);
		send_many(probe, "zombie", sent + PER_ROUND, PER_ROUND);
		sent += 2 * PER_ROUND;
		probe_until(probe, 1, "select count(distinct owner) from source");
		probe_until(probe, sent, "select count(distinct id) from effect where what = 'event' and id like 'zombie-%%'");
		assert_int_equal(probe_number(probe, "select distinct owner::int from source"), other->instance);
		kill(zombie->daemon, SIGCONT);
		until_shared(probe);
	}
	expect_once(probe, "zombie", sent);
	assert_true(probe_runs(probe) && probe_runs(&second));
}

/* In the middle of a transaction: the server ends it after a while, and the next owner gets the row. */
static void test_a_daemon_stops_within_a_transaction(void **state)
{
	struct probe *probe = *state;

	assert_int_equal(probe_stop(&second), 0);
	probe_until(probe, 0, "select count(*) from source where owner <> '1'");
	probe_hold(probe, 7);
	send_many(probe, "within", 0, PER_ROUND);
	probe_send(probe, 0, "within-held", "{'lock': 7, 'emit': 1}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_freeze(probe->daemon);
	probe_start(&second);
	probe_release(probe, 7);
	probe_until(probe, 1, "select count(*) from effect where id = 'within-held'");
	kill(probe->daemon, SIGCONT);
	until_shared(probe);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'within-held'"), 1);
	probe_do(probe, "delete from effect where id = 'within-held'");
	expect_once(probe, "within", PER_ROUND);
}

/* For tools that ask Kafka how far a group has come. */
static void test_positions_are_told_to_kafka(void **state)
{
	struct probe *probe = *state;
	static const char *const topics[] = { TOPIC_INBOUND, TOPIC_TICKETS };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	long deadline = stack_deadline();
	int right = 0;
	rd_kafka_t *asker;
	char why[200];

	rd_kafka_conf_set(conf, "bootstrap.servers", probe->brokers, why, sizeof(why));
	rd_kafka_conf_set(conf, "group.id", "aftercare-probe", why, sizeof(why));
	asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	assert_non_null(asker);
	while (right < 4) {
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);

		for (int i = 0; i < 4; i++)
			rd_kafka_topic_partition_list_add(list, topics[i / 2], i % 2);
		right = 0;
		if (rd_kafka_committed(asker, list, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
			for (int i = 0; i < list->cnt; i++)
				right += list->elems[i].offset == probe_number(probe, "select next_offset from source where topic = '%s' and partition = %d",
									       list->elems[i].topic, (int)list->elems[i].partition);
		rd_kafka_topic_partition_list_destroy(list);
		if (stack_clock() > deadline)
			probe_fail(probe, "Kafka knows %d of 4 positions", right);
		stack_moment();
	}
	rd_kafka_destroy(asker);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_lanes_move_to_who_comes_and_stays),
		PROBE_TEST(test_a_daemon_stops_for_longer_than_its_session),
		PROBE_TEST(test_a_daemon_stops_within_a_transaction),
		PROBE_TEST(test_positions_are_told_to_kafka),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, open_two, close_two);
}
