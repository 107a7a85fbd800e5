/* Deliveries that fail for good, and such that only fail for a time: the producer is made anew, everything from the durable
 * watermark on goes out again, and a reader of the log misses nothing (architecture section 4, rule 5).
 *
 * librdkafka's mock cluster in this process, because only there can a broker be told to refuse. Its clock is not sped up: one
 * daemon for all tests. */
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/support/probe.h"

#define API_PRODUCE 0

static rd_kafka_t *keeper;
static rd_kafka_mock_cluster_t *mock;

static int open_with_mock(void **state)
{
	static const struct {
		const char *name;
		int partitions;
	} topics[] = {
		{ TOPIC_INBOUND, 2 }, { TOPIC_TICKETS, 2 }, { TOPIC_DESK, 2 }, { TOPIC_MESSAGES, 3 }, { TOPIC_DEAD, 1 },
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[200];

	rd_kafka_conf_set_log_cb(conf, NULL);
	keeper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	mock = keeper ? rd_kafka_mock_cluster_new(keeper, 1) : NULL;
	if (!mock)
		return 1;
	for (size_t i = 0; i < array_count(topics); i++)
		rd_kafka_mock_topic_create(mock, topics[i].name, topics[i].partitions, 1);
	if (probe_open_on(state, rd_kafka_mock_cluster_bootstraps(mock)))
		return 1;
	/* A killed member is missed after this. */
	((struct probe *)*state)->session_ms = 6000;
	return 0;
}

static int close_with_mock(void **state)
{
	int failed = probe_close(state);

	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(keeper);
	return failed;
}

/* Facts of both lanes wait for the lock; then the broker is told what to say, and they go. */
static void hold_facts(struct probe *probe, const char *name, int round)
{
	char id[40];

	probe_hold(probe, 7);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "%s-%d-%d", name, round, i);
		probe_send(probe, i % PROBE_PARTITIONS, id, i < PROBE_PARTITIONS ? "{'emit': 20, 'lock': 7}" : "{'emit': 3}");
	}
	probe_flush(probe);
	probe_until_waiting(probe);
}

static void test_deliveries_that_fail_for_good(void **state)
{
	struct probe *probe = *state;

	for (int round = 0; round < 8; round++) {
		hold_facts(probe, "fatal", round);
		for (int i = 0; i < round % 4; i++)
			rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_NO_ERROR);
		rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		probe_release(probe, 7);
		probe_until(probe, 40 * (round + 1), "select count(*) from effect where id like 'fatal-%%'");
		probe_check(probe);
		/* Where fewer requests were enough. */
		rd_kafka_mock_clear_request_errors(mock, API_PRODUCE);
	}
	/* The rounds whose first request is refused; how many requests there are in the others is librdkafka's choice. */
	assert_true(probe_said(probe, "the producer is made anew") >= 2);
	assert_true(probe_runs(probe));
}

static void test_deliveries_that_fail_for_a_time(void **state)
{
	struct probe *probe = *state;
	int failures = probe_said(probe, "the producer is made anew");

	for (int round = 0; round < 4; round++) {
		hold_facts(probe, "retried", round);
		rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 5, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
						  RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
						  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NO_ERROR);
		probe_release(probe, 7);
		probe_until(probe, 40 * (round + 1), "select count(*) from effect where id like 'retried-%%'");
		probe_check(probe);
		rd_kafka_mock_clear_request_errors(mock, API_PRODUCE);
	}
	assert_int_equal(probe_said(probe, "the producer is made anew"), failures);
}

/* Where librdkafka's threads get ahead of the daemon's own: nothing outside shows that they have heard from the broker, so they
 * get a while. Too short a while would only make the test see less. */
#define AHEAD_MS 700

static void hold_while_ahead(struct probe *probe, int lock)
{
	long until = stack_clock() + AHEAD_MS;

	probe_until(probe, 1, "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = %d", lock);
	while (stack_clock() < until)
		stack_moment();
	probe_release(probe, lock);
}

/* One fact is refused while the daemon, still in the same turn, waits in its next transaction; what that hands over afterwards,
 * still before the daemon has heard of the refusal (it waits again, in a timer's), must not get there first. */
static void test_nothing_passes_what_was_refused(void **state)
{
	struct probe *probe = *state;
	int failures = probe_said(probe, "the producer is made anew");

	for (int lock = 7; lock <= 9; lock++)
		probe_hold(probe, lock);
	/* A posting, then what was read meanwhile, then what is due: the order of a turn. */
	probe_send(probe, 0, "posts", "{'lock': 7, 'post': {'emit': 1, 'set': {'key': 'late', 'in_ms': 200, "
		   "'then': {'lock': 9}}}}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_send(probe, 0, "passes", "{'lock': 8, 'emit': 20}");
	probe_flush(probe);
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	for (int lock = 7; lock <= 9; lock++)
		hold_while_ahead(probe, lock);
	probe_until(probe, 4, "select count(*) from effect where id in ('posts', 'posted', 'passes', 'late')");
	probe_check(probe);
	assert_true(probe_said(probe, "the producer is made anew") > failures);
	rd_kafka_mock_clear_request_errors(mock, API_PRODUCE);
}

static void set_leader(const char *topic, int partition, int broker)
{
	assert_int_equal(rd_kafka_mock_partition_set_leader(mock, topic, partition, broker), 0);
}

/* The watermark has been written since this took effect. */
static void until_written(struct probe *probe, const char *id)
{
	probe_until(probe, 1, "select count(*) from source s join effect e on e.topic = s.topic and e.partition = s.partition "
		    "where e.id = '%s' and s.seen_at > e.at + interval '2500 ms'", id);
}

/* The broker has what came later for the others: the watermark stays before the first that it has not, and the next daemon
 * sends from there. */
static void test_a_partition_that_lags(void **state)
{
	struct probe *probe = *state;

	set_leader(TOPIC_MESSAGES, 1, -1);
	probe_send(probe, 0, "lags", "{'emit': 30}");
	probe_flush(probe);
	until_written(probe, "lags");
	probe_kill(probe);
	set_leader(TOPIC_MESSAGES, 1, 1);
	probe_start(probe);
	probe_send(probe, 0, "past-lags", "{'emit': 1}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'past-lags'");
	probe_check(probe);
}

/* A fact is sent, then the database forgets it (a failover); its number is given to a dead letter, which does not arrive; the
 * broker acknowledges the fact. That is no word about the dead letter. */
static void test_an_acknowledgement_of_before_a_take(void **state)
{
	struct probe *probe = *state;
	struct probe_log dead;

	probe_send(probe, 0, "remembered", "{'emit': 1}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'remembered'");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	probe_do(probe, "create table saved as select * from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	for (int i = 0; i < 3; i++)
		set_leader(TOPIC_MESSAGES, i, -1);
	set_leader(TOPIC_DEAD, 0, -1);
	probe_send(probe, 0, "forgotten", "{'emit': 1, 'violate': 'v'}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'forgotten'");
	until_written(probe, "forgotten");
	probe_switch(probe, "v", 1);
	probe_do(probe, "begin; update source s set next_offset = o.next_offset, out_seq = o.out_seq, "
		 "published_seq = o.published_seq, timeline = '0000ABCD' from saved o where s.id = o.id; delete from effect "
		 "where id = 'forgotten';delete from outbox b using saved o where b.source = o.id and b.last_seq > o.out_seq; "
		 "commit;select pg_terminate_backend(pid) from pg_stat_activity where usename = 'aftercare_probe'");
	probe_until(probe, 1, "select count(*) from dead_letter where event_id = 'forgotten'");
	for (int i = 0; i < 3; i++)
		set_leader(TOPIC_MESSAGES, i, 1);
	/* The fact arrives; then a look at the row. */
	do {
		probe_read(probe, TOPIC_MESSAGES, 3, &dead);
		for (size_t i = 0; i < dead.count && !strstr(dead.items[i].headers, "forgotten"); i++)
			if (i + 1 == dead.count)
				dead.count = 0;
		if (dead.count == 0)
			stack_moment();
	} while (dead.count == 0);
	probe_log_free(&dead);
	probe_do(probe, "insert into effect (topic, partition, id) values ('" TOPIC_INBOUND "', 0, 'arrived')");
	until_written(probe, "arrived");
	probe_kill(probe);
	set_leader(TOPIC_DEAD, 0, 1);
	probe_start(probe);
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	probe_read(probe, TOPIC_DEAD, 1, &dead);
	assert_int_equal(dead.count, 1);
	probe_log_free(&dead);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_deliveries_that_fail_for_good),
		PROBE_TEST(test_deliveries_that_fail_for_a_time),
		PROBE_TEST(test_nothing_passes_what_was_refused),
		PROBE_TEST(test_a_partition_that_lags),
		PROBE_TEST(test_an_acknowledgement_of_before_a_take),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, open_with_mock, close_with_mock);
}
