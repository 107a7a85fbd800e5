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
	} topics[] = { { TOPIC_INBOUND, 2 }, { TOPIC_TICKETS, 2 }, { TOPIC_DESK, 2 }, { TOPIC_MESSAGES, 3 }, { TOPIC_DEAD, 1 } };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[200];

	rd_kafka_conf_set_log_cb(conf, NULL);
	keeper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	mock = keeper ? rd_kafka_mock_cluster_new(keeper, 1) : NULL;
	if (!mock)
		return 1;
	for (size_t i = 0; i < array_count(topics); i++)
		rd_kafka_mock_topic_create(mock, topics[i].name, topics[i].partitions, 1);
	return probe_open_on(state, rd_kafka_mock_cluster_bootstraps(mock));
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_deliveries_that_fail_for_good),
		PROBE_TEST(test_deliveries_that_fail_for_a_time),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, open_with_mock, close_with_mock);
}
