/* bus against librdkafka's mock cluster, in this process: order, positions, groups, and every failure it can play.
 *
 * What the mock cannot show (its brokers do not check sequences, and data does not survive) is left to the tests on a
 * real broker. Everything is waited for with a deadline; the loops below are what the worker's loop does. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/io/bus_internal.h"

#define API_PRODUCE 0
#define API_OFFSET_COMMIT 8
#define API_HEARTBEAT 12
#define LANES 4
#define READ_MAX 1000
#define PATIENCE_MS 30000

struct cluster {
	rd_kafka_t *keeper;
	rd_kafka_mock_cluster_t *mock;
	const char *brokers;
};

/* A user of a bus: does what the worker does and writes everything down. */
struct user {
	struct bus *bus;
	struct arena arena;
	struct fault fault;
	int64_t start[LANES];          /* where it wants to read from */
	const struct user *peer;       /* the other member */
	bool late;                     /* does not assign within the callback */
	bool owned[LANES];
	int gifts, losses;
	struct bus_record read[READ_MAX];
	size_t read_count;
	int64_t acknowledged[READ_MAX];
	size_t acknowledged_count, failed_count;
	int64_t first_failed;
	uint64_t tag;                  /* of what counts; reports with another one are mistakes */
	bool down;
	int downs, ups;
	char why[600];                 /* down or fatal */
	bool fatal;
};

static const char *const topics[] = { "in", NULL };

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void assign_owned(struct user *user)
{
	struct bus_position positions[LANES];
	size_t count = 0;

	for (int32_t i = 0; i < LANES; i++)
		if (user->owned[i])
			positions[count++] = (struct bus_position){ 0, i, user->start[i] };
	assert_int_equal(bus_assign(user->bus, positions, count, &user->fault), OK);
}

static void on_ownership(void *userdata, bool owned, const int *topic, const int32_t *partitions, size_t count)
{
	struct user *user = userdata;

	if (owned)
		user->gifts++;
	else
		user->losses++;
	/* Everything is taken before anything is given anew. */
	for (int32_t i = 0; owned && i < LANES; i++)
		assert_false(user->owned[i]);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(topic[i], 0);
		assert_in_range(partitions[i], 0, LANES - 1);
		user->owned[partitions[i]] = owned;
	}
	if (owned && !user->late)
		assign_owned(user);
}

static void on_delivered(void *userdata, bool ok, uint64_t tag, int64_t seq, const char *error)
{
	struct user *user = userdata;

	assert_true(tag == user->tag);
	assert_true(ok == !error);
	if (ok) {
		assert_true(user->acknowledged_count < READ_MAX);
		user->acknowledged[user->acknowledged_count++] = seq;
	} else {
		if (user->failed_count++ == 0 || seq < user->first_failed)
			user->first_failed = seq;
		snprintf(user->why, sizeof(user->why), "%s", error);
	}
}

static void on_reachable(void *userdata, bool down, const char *why)
{
	struct user *user = userdata;

	assert_true(down != user->down);
	user->down = down;
	if (down)
		user->downs++;
	else
		user->ups++;
	if (down)
		snprintf(user->why, sizeof(user->why), "%s", why);
}

static void on_fatal(void *userdata, const char *why)
{
	struct user *user = userdata;

	assert_false(user->fatal);
	user->fatal = true;
	snprintf(user->why, sizeof(user->why), "%s", why);
}

/* --- the cluster and its users --------------------------------------------------------------------------------- */

static struct cluster start_nodes(int count)
{
	struct cluster cluster = { 0 };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set_log_cb(conf, NULL);
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:9", NULL, 0), RD_KAFKA_CONF_OK);
	cluster.keeper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	assert_non_null(cluster.keeper);
	cluster.mock = rd_kafka_mock_cluster_new(cluster.keeper, count);
	assert_non_null(cluster.mock);
	cluster.brokers = rd_kafka_mock_cluster_bootstraps(cluster.mock);
	assert_int_equal(rd_kafka_mock_topic_create(cluster.mock, "in", 2, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	return cluster;
}

static struct cluster start_cluster(void)
{
	return start_nodes(1);
}

static void stop_cluster(struct cluster *cluster)
{
	rd_kafka_mock_cluster_destroy(cluster->mock);
	rd_kafka_destroy(cluster->keeper);
}

static enum verdict try_user(struct user *user, const char *brokers, const char *group, const char *instance,
			     const struct conf_pass *extra)
{
	static const struct bus_callbacks callbacks = {
		.ownership = on_ownership, .delivered = on_delivered, .reachable = on_reachable, .fatal = on_fatal,
	};
	struct bus_callbacks mine = callbacks;
	/* The mock does not wake a waiting fetch, and lets a second member wait for almost the session timeout. */
	struct conf_pass passes[8] = { { "fetch.wait.max.ms", "10" }, { "session.timeout.ms", "3000" } };
	struct bus_options options = { .brokers = brokers, .client = "test_bus", .group = group, .instance = instance,
		.passes = passes, .pass_count = 2 };

	for (; extra && extra->name; extra++)
		passes[options.pass_count++] = *extra;
	mine.userdata = user;
	return bus_new(&options, &mine, &user->bus, &user->fault);
}

static struct user *new_user(const char *brokers, const char *group, const struct conf_pass *extra)
{
	struct user *user = mem_zero(sizeof(*user));

	if (try_user(user, brokers, group, NULL, extra) != OK)
		fail_msg("%s", user->fault.text);
	return user;
}

static void free_user(struct user *user)
{
	int64_t begun = milliseconds();

	if (!user)
		return;
	bus_free(user->bus, 3000);
	assert_true(milliseconds() - begun < 4000);
	arena_done(&user->arena);
	mem_free(user);
}

static void pump(struct user *user)
{
	uint64_t drained;

	if (read(bus_fd(user->bus), &drained, sizeof(drained)) < 0)
		drained = 0;
	while (user->read_count < READ_MAX && bus_poll(user->bus, &user->arena, &user->read[user->read_count])) {
		/* Nothing of a lane that is not ours, ever. */
		assert_true(user->owned[user->read[user->read_count].partition]);
		user->read_count++;
	}
	bus_serve(user->bus);
}

/* Turns the loops of both users until the condition holds of the first. */
static bool until(struct user *user, struct user *other, bool (*holds)(struct user *user), int limit_ms)
{
	int64_t deadline = milliseconds() + limit_ms;

	for (;;) {
		struct pollfd fds[] = { { .fd = bus_fd(user->bus), .events = POLLIN },
			{ .fd = other ? bus_fd(other->bus) : -1, .events = POLLIN } };

		pump(user);
		if (other)
			pump(other);
		if (holds(user))
			return true;
		if (milliseconds() > deadline)
			return false;
		poll(fds, 2, 200);
	}
}

#define assert_soon(user, other, condition) \
	do { \
		if (!until(user, other, condition, PATIENCE_MS)) \
			fail_msg("not within %d ms: %s (%s)", PATIENCE_MS, #condition, (user)->why); \
	} while (0)

static bool owns_both(struct user *user)
{
	return user->owned[0] && user->owned[1];
}

static bool shares(struct user *user)
{
	const struct user *peer = user->peer;

	return user->owned[0] != user->owned[1] && user->owned[0] == peer->owned[1] && user->owned[1] == peer->owned[0];
}

static bool is_fatal(struct user *user)
{
	return user->fatal;
}

static bool is_down(struct user *user)
{
	return user->down;
}

static bool is_up(struct user *user)
{
	return !user->down;
}

static bool all_told(struct user *user)
{
	return bus_outstanding(user->bus) == 0;
}

static bool any_failed(struct user *user)
{
	return user->failed_count > 0;
}

static bool some_acknowledged(struct user *user)
{
	return user->acknowledged_count > 0;
}

static bool read_10(struct user *user)
{
	return user->read_count >= 10;
}

static bool read_300(struct user *user)
{
	return user->read_count >= 300;
}

static bool never(struct user *user)
{
	(void)user;
	return false;
}

static enum verdict produce(struct user *user, int32_t partition, int64_t seq)
{
	struct str value = str_format(&user->arena, "%lld", (long long)seq);

	return bus_produce(user->bus, "in", partition, STR("key"), value, NULL, 0, user->tag, seq, &user->fault);
}

static void produce_all(struct user *user, int32_t partition, int64_t first, int64_t last)
{
	for (int64_t seq = first; seq <= last; seq++)
		assert_int_equal(produce(user, partition, seq), OK);
}

static int64_t seq_of(const struct bus_record *record)
{
	int64_t seq = -1;

	assert_true(str_int64(record->value, &seq));
	return seq;
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void test_order_and_bytes(void **state)
{
	const struct bus_header headers[] = {
		{ STR("ce_id"), STR("a") }, { STR("none"), STR_NONE }, { STR("empty"), STR("") },
		{ STR("bytes"), { "\0\xff", 2 } }, { STR("ce_id"), STR("again") },
	};
	struct cluster cluster = start_cluster();
	struct user *writer = new_user(cluster.brokers, NULL, NULL), *reader = new_user(cluster.brokers, "g", NULL);
	int64_t next[2] = { 0, 0 };

	(void)state;
	writer->tag = UINT64_MAX;
	assert_int_equal(bus_subscribe(reader->bus, topics, &reader->fault), OK);
	assert_int_equal(bus_produce(writer->bus, "in", 0, STR_NONE, STR_NONE, NULL, 0, UINT64_MAX, INT64_MIN,
				     &writer->fault), OK);
	assert_int_equal(bus_produce(writer->bus, "in", 0, STR(""), STR(""), headers, array_count(headers), UINT64_MAX, -1,
				     &writer->fault), OK);
	for (int64_t seq = 0; seq < 298; seq++)
		assert_int_equal(produce(writer, (int32_t)(seq & 1), seq), OK);
	assert_int_equal(bus_outstanding(writer->bus), 300);
	assert_true(bus_flush(writer->bus, PATIENCE_MS));
	assert_int_equal(writer->acknowledged_count, 300);
	assert_int_equal(writer->failed_count, 0);

	assert_soon(reader, NULL, read_300);
	for (size_t i = 0; i < reader->read_count; i++) {
		const struct bus_record *record = &reader->read[i];

		assert_int_equal(record->topic, 0);
		assert_true(record->offset == next[record->partition]++);
		if (record->partition == 1) {
			assert_true(seq_of(record) == 2 * record->offset + 1);
		} else if (record->offset >= 2) {
			assert_true(seq_of(record) == 2 * (record->offset - 2));
			assert_true(str_is(record->key, "key"));
			assert_int_equal(record->header_count, 0);
		} else if (record->offset == 0) {
			assert_null(record->key.p);
			assert_null(record->value.p);
		} else {
			assert_true(str_is(record->key, ""));
			assert_true(str_is(record->value, ""));
			assert_int_equal(record->header_count, array_count(headers));
			for (size_t j = 0; j < array_count(headers); j++) {
				assert_true(str_eq(record->headers[j].name, headers[j].name));
				assert_true(str_eq(record->headers[j].value, headers[j].value));
			}
		}
	}
	free_user(writer);
	free_user(reader);
	stop_cluster(&cluster);
}

static void test_positions(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", NULL);
	const struct bus_position report = { 0, 0, 17 };
	int64_t low = -1, high = -1, begun;
	int32_t count = 0;
	size_t before;

	(void)state;
	produce_all(user, 0, 0, 19);
	produce_all(user, 1, 0, 4);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_int_equal(bus_partitions(user->bus, "in", &count, 5000, &user->fault), OK);
	assert_int_equal(count, 2);
	assert_int_equal(bus_watermarks(user->bus, "in", 0, &low, &high, 5000, &user->fault), OK);
	assert_int_equal(low, 0);
	assert_int_equal(high, 20);

	/* Owned, but nothing is assigned: nothing arrives, and the group is content. */
	user->late = true;
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, owns_both);
	assert_false(until(user, NULL, read_10, 300));
	assert_int_equal(user->read_count, 0);

	/* Only one lane, from the middle. */
	user->owned[1] = false;
	user->start[0] = 10;
	assign_owned(user);
	assert_soon(user, NULL, read_10);
	assert_false(until(user, NULL, never, 100));
	assert_int_equal(user->read_count, 10);
	for (size_t i = 0; i < 10; i++)
		assert_true(user->read[i].partition == 0 && user->read[i].offset == (int64_t)(10 + i));

	/* Back to an earlier place, both lanes. */
	user->owned[1] = true;
	user->start[0] = 15;
	user->start[1] = 0;
	user->read_count = 0;
	assign_owned(user);
	assert_soon(user, NULL, read_10);
	assert_false(until(user, NULL, never, 100));
	assert_int_equal(user->read_count, 10);

	/* Paused lanes are silent, resuming (twice) goes on where it stopped. */
	bus_pause(user->bus, 0, 0, true);
	user->read_count = 0;
	produce_all(user, 0, 20, 29);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_false(until(user, NULL, read_10, 200));
	assert_int_equal(user->read_count, 0);
	bus_pause(user->bus, 0, 0, false);
	bus_pause(user->bus, 0, 0, false);
	assert_soon(user, NULL, read_10);
	assert_false(until(user, NULL, never, 100));
	assert_int_equal(user->read_count, 10);
	assert_true(user->read[0].offset == 20);

	/* A new assignment forgets the pause. */
	bus_pause(user->bus, 0, 0, true);
	user->read_count = 0;
	user->start[0] = 20;
	user->start[1] = 5;
	assign_owned(user);
	assert_soon(user, NULL, read_10);
	assert_true(user->read[0].offset == 20);

	/* Nothing at all. */
	before = user->read_count;
	assert_int_equal(bus_assign(user->bus, NULL, 0, &user->fault), OK);
	produce_all(user, 0, 30, 39);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_false(until(user, NULL, never, 200));
	assert_int_equal(user->read_count, before);
	bus_report_positions(user->bus, &report, 1);
	assert_int_equal(user->gifts, 1);
	assert_int_equal(user->losses, 0);

	/* Questions about a cluster that is away keep their limit. */
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	begun = milliseconds();
	assert_int_equal(bus_watermarks(user->bus, "in", 0, &low, &high, 500, &user->fault), RETRY);
	assert_true(milliseconds() - begun < 1500);
	user->fault = FAULT_NONE;
	begun = milliseconds();
	assert_int_equal(bus_partitions(user->bus, "in", &count, 500, &user->fault), RETRY);
	assert_true(milliseconds() - begun < 1500);
	free_user(user);
	stop_cluster(&cluster);
}

/* The gapless promise: when one message fails for good, none behind it gets into the log, and a new producer that
 * goes on at the failed one leaves a log in order. */
static void test_failure_and_renewal(void **state)
{
	/* One request at a time: the mock does not refuse out-of-order sequences, as brokers do. */
	const struct conf_pass passes[] = { { "batch.num.messages", "10" }, { "max.in.flight", "1" }, { NULL, NULL } };
	struct cluster cluster = start_cluster();
	struct user *writer = new_user(cluster.brokers, NULL, passes), *reader = new_user(cluster.brokers, "g", NULL);
	int64_t low, high, next = 1;

	(void)state;
	writer->tag = 1;
	for (int round = 0; round < 3; round++) {
		rd_kafka_mock_push_request_errors(cluster.mock, API_PRODUCE, 3, RD_KAFKA_RESP_ERR_NO_ERROR,
						  RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		for (int64_t seq = next; seq <= 300 && produce(writer, 0, seq) == OK; seq++)
			;
		writer->fault = FAULT_NONE;
		assert_soon(writer, NULL, any_failed);
		assert_true(writer->first_failed > next);
		assert_int_equal(produce(writer, 0, 999), FATAL);
		writer->fault = FAULT_NONE;
		(void)until(writer, NULL, all_told, 300);
		for (size_t i = 0; i < writer->acknowledged_count; i++)
			assert_true(writer->acknowledged[i] < writer->first_failed);
		assert_int_equal(bus_watermarks(writer->bus, "in", 0, &low, &high, 5000, &writer->fault), OK);
		assert_true(high == writer->first_failed - 1);
		next = writer->first_failed;
		if (bus_renew_producer(writer->bus, &writer->fault) != OK)
			fail_msg("%s", writer->fault.text);
		assert_int_equal(bus_outstanding(writer->bus), 0);
		writer->failed_count = writer->acknowledged_count = 0;
		writer->tag++;
	}
	rd_kafka_mock_clear_request_errors(cluster.mock, API_PRODUCE);
	produce_all(writer, 0, next, 300);
	assert_true(bus_flush(writer->bus, PATIENCE_MS));
	assert_int_equal(writer->failed_count, 0);
	assert_int_equal(bus_subscribe(reader->bus, topics, &reader->fault), OK);
	assert_soon(reader, NULL, read_300);
	assert_int_equal(reader->read_count, 300);
	for (size_t i = 0; i < 300; i++)
		assert_true(seq_of(&reader->read[i]) == (int64_t)i + 1);
	free_user(writer);
	free_user(reader);
	stop_cluster(&cluster);
}

/* A passing error is retried by librdkafka: no failure, no gap, no repeat. */
static void test_passing_errors(void **state)
{
	const struct conf_pass passes[] = { { "batch.num.messages", "10" }, { "max.in.flight", "1" },
		{ "retry.backoff.ms", "10" }, { NULL, NULL } };
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", passes);

	(void)state;
	rd_kafka_mock_push_request_errors(cluster.mock, API_PRODUCE, 4, RD_KAFKA_RESP_ERR_NO_ERROR,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NO_ERROR,
					  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	produce_all(user, 0, 0, 299);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_int_equal(user->failed_count, 0);
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, read_300);
	for (size_t i = 0; i < 300; i++)
		assert_true(seq_of(&user->read[i]) == (int64_t)i);
	assert_int_equal(user->read_count, 300);
	free_user(user);
	stop_cluster(&cluster);
}

/* A broker that does not know the producer yet refuses the first request in passing, and would take what was under way behind it
 * (so does a real one): whoever sends a second one before the first is in the log loses the first, and is told that it was delivered. */
static void test_the_first_of_a_partition_goes_alone(void **state)
{
	const struct conf_pass passes[] = { { "batch.num.messages", "1" }, { "retry.backoff.ms", "10" }, { NULL, NULL } };
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", passes);

	(void)state;
	/* Long enough for several requests to be under way at once. */
	rd_kafka_mock_broker_set_rtt(cluster.mock, 1, 100);
	rd_kafka_mock_push_request_errors(cluster.mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	produce_all(user, 0, 0, 9);
	assert_int_equal(bus_outstanding(user->bus), 10);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_int_equal(user->failed_count, 0);
	assert_int_equal(user->acknowledged_count, 10);
	rd_kafka_mock_broker_set_rtt(cluster.mock, 1, 0);
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, read_10);
	for (size_t i = 0; i < 10; i++)
		assert_true(seq_of(&user->read[i]) == (int64_t)i);
	assert_int_equal(user->read_count, 10);
	free_user(user);
	stop_cluster(&cluster);
}

/* A healthy producer is thrown away with messages under way: no report of them comes later. */
static void test_renewal_of_a_live_producer(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, NULL, NULL);

	(void)state;
	for (user->tag = 1; user->tag <= 5; user->tag++) {
		int64_t begun;

		produce_all(user, 0, 0, 99);
		/* In the odd rounds some of it is on its way already. */
		if (user->tag & 1)
			assert_soon(user, NULL, some_acknowledged);
		begun = milliseconds();
		assert_int_equal(bus_renew_producer(user->bus, &user->fault), OK);
		assert_true(milliseconds() - begun < 1000);
		assert_int_equal(bus_outstanding(user->bus), 0);
		user->acknowledged_count = 0;
	}
	produce_all(user, 0, 0, 99);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_int_equal(user->acknowledged_count, 100);
	free_user(user);
	stop_cluster(&cluster);
}

static void test_queue_full(void **state)
{
	const struct conf_pass passes[] = { { "queue.buffering.max.messages", "10" }, { NULL, NULL } };
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, NULL, passes);
	int64_t seq = 0;
	bool full = false;

	(void)state;
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	while (seq < 100 && !full) {
		full = produce(user, 0, seq) == RETRY;
		seq += !full;
	}
	assert_true(full);
	assert_int_equal(bus_outstanding(user->bus), 10);
	assert_false(bus_flush(user->bus, 50));
	rd_kafka_mock_broker_set_up(cluster.mock, 1);
	for (int64_t deadline = milliseconds() + PATIENCE_MS; seq < 100 && milliseconds() < deadline; ) {
		user->fault = FAULT_NONE;
		if (produce(user, 0, seq) == OK)
			seq++;
		else
			pump(user);
	}
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	assert_int_equal(user->acknowledged_count, 100);
	for (int64_t i = 0; i < 100; i++)
		assert_true(user->acknowledged[i] == i);
	user->fault = FAULT_NONE;
	assert_int_equal(bus_produce(user->bus, "in", 0, STR_NONE, (struct str){ arena_zero(&user->arena, 5000000), 5000000 },
				     NULL, 0, 0, 0, &user->fault), REJECT);
	assert_int_equal(user->fault.reason, REASON_TOO_LARGE);
	user->fault = FAULT_NONE;
	assert_int_equal(produce(user, 0, 100), OK);
	free_user(user);
	stop_cluster(&cluster);
}

static void test_broker_down(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", NULL);

	(void)state;
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, owns_both);
	produce_all(user, 0, 0, 4);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	for (int round = 1; round <= 2; round++) {
		rd_kafka_mock_broker_set_down(cluster.mock, 1);
		/* The second time with nothing to send: an idle producer must find back too. */
		if (round == 1)
			produce_all(user, 0, 5, 9);
		assert_soon(user, NULL, is_down);
		assert_int_equal(user->downs, round);
		assert_true(strlen(user->why) > 0);
		rd_kafka_mock_broker_set_up(cluster.mock, 1);
		assert_soon(user, NULL, is_up);
		assert_soon(user, NULL, all_told);
	}
	assert_int_equal(user->failed_count, 0);
	assert_false(user->fatal);
	assert_soon(user, NULL, owns_both);
	assert_soon(user, NULL, read_10);
	free_user(user);
	stop_cluster(&cluster);
}

/* Nobody there from the beginning, and nobody there when we leave. */
static void test_no_broker(void **state)
{
	struct user *user = new_user("127.0.0.1:9", "g", NULL);

	(void)state;
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	produce_all(user, 0, 0, 9);
	assert_soon(user, NULL, is_down);
	assert_int_equal(bus_renew_producer(user->bus, &user->fault), OK);
	assert_false(until(user, NULL, is_up, 200));
	free_user(user);
}

static void test_two_members(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *first = new_user(cluster.brokers, "g", NULL), *second = new_user(cluster.brokers, "g", NULL);
	struct user *writer = new_user(cluster.brokers, NULL, NULL);

	(void)state;
	assert_int_equal(bus_subscribe(first->bus, topics, &first->fault), OK);
	assert_soon(first, NULL, owns_both);
	assert_int_equal(bus_subscribe(second->bus, topics, &second->fault), OK);
	/* How many rounds that takes is the group's business. */
	first->peer = second;
	assert_soon(first, second, shares);
	assert_in_range(first->losses, 1, 100);
	produce_all(writer, 0, 0, 9);
	produce_all(writer, 1, 0, 9);
	assert_true(bus_flush(writer->bus, PATIENCE_MS));
	assert_soon(first, second, read_10);
	assert_soon(second, first, read_10);

	/* One leaves: the other gets all. */
	free_user(second);
	assert_soon(first, NULL, owns_both);
	assert_false(first->fatal);
	free_user(first);
	free_user(writer);
	stop_cluster(&cluster);
}

static void test_offset_out_of_range(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", NULL);

	(void)state;
	produce_all(user, 0, 0, 4);
	assert_true(bus_flush(user->bus, PATIENCE_MS));
	user->start[0] = 77;
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, is_fatal);
	assert_non_null(strstr(user->why, "in[0]"));
	assert_non_null(strstr(user->why, "77"));
	free_user(user);
	stop_cluster(&cluster);
}

/* A second process took our instance id: this one must stop. The mock knows no static members, so it is told what to
 * answer. */
static bool has_many_queued(struct user *user)
{
	return user->bus->consumer && rd_kafka_queue_length(user->bus->consumer->queue) >= 2000;
}

/* What librdkafka before 2.2 does by itself only after a second: it is reminded as soon as its full queue is half empty. */
static void test_a_full_queue_is_fetched_again(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *writer = new_user(cluster.brokers, NULL, NULL);
	struct user *reader = new_user(cluster.brokers, "group", NULL);
	struct bus_record record;
	int64_t deadline = milliseconds() + 20000;

	(void)state;
	for (int64_t round = 0; round < 10; round++) {
		produce_all(writer, 0, round * 250, round * 250 + 249);
		assert_true(until(writer, NULL, all_told, 10000));
		writer->acknowledged_count = 0;
	}
	assert_int_equal(bus_subscribe(reader->bus, topics, &reader->fault), OK);
	while (!has_many_queued(reader) && milliseconds() < deadline) {
		/* Only what the group says: records stay in the queue once the first has been taken. */
		if (reader->gifts == 0 || reader->read_count == 0)
			reader->read_count += bus_poll(reader->bus, &reader->arena, &record);
		poll(NULL, 0, 5);
	}
	assert_true(has_many_queued(reader));
	assert_int_equal(reader->bus->reminded_at, 0);
	for (size_t count = reader->read_count; count < 2500 && milliseconds() < deadline;)
		count += bus_poll(reader->bus, &reader->arena, &record);
	assert_true(reader->bus->reminded_at > 0);
	free_user(reader);
	free_user(writer);
	stop_cluster(&cluster);
}

static void test_fenced_instance(void **state)
{
	struct cluster cluster = start_cluster();
	struct user *user = mem_zero(sizeof(*user));
	struct bus_record record;

	(void)state;
	assert_int_equal(try_user(user, cluster.brokers, "g", "desk-1", NULL), OK);
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, owns_both);
	rd_kafka_mock_push_request_errors(cluster.mock, API_HEARTBEAT, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	assert_soon(user, NULL, is_fatal);
	if (!strstr(user->why, "another member has joined the group g as \"desk-1\""))
		fail_msg("%s", user->why);
	assert_true(bus_fenced(user->bus));
	assert_false(bus_poll(user->bus, &user->arena, &record));
	assert_int_equal(bus_assign(user->bus, NULL, 0, &user->fault), FATAL);
	free_user(user);
	stop_cluster(&cluster);
}

static bool has_left(struct user *user)
{
	return atomic_load(&user->bus->consumer->left_at) > 0;
}

static bool joined_twice(struct user *user)
{
	return user->fatal || (user->gifts >= 2 && owns_both(user));
}

/* One of two nodes goes, and the other, now coordinator, takes a late report of positions for another member's: nobody else is
 * there, and the process need not stop. Without the loss of the coordinator it would have to. */
static void test_fenced_by_itself(void **state)
{
	struct cluster cluster = start_nodes(2);
	struct user *user = mem_zero(sizeof(*user));
	const struct bus_position position = { 0, 0, 0 };

	(void)state;
	assert_int_equal(rd_kafka_mock_coordinator_set(cluster.mock, "group", "g", 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(try_user(user, cluster.brokers, "g", "desk-1", NULL), OK);
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, owns_both);
	assert_false(has_left(user));
	assert_int_equal(rd_kafka_mock_coordinator_set(cluster.mock, "group", "g", 2), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	assert_soon(user, NULL, has_left);
	rd_kafka_mock_push_request_errors(cluster.mock, API_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	bus_report_positions(user->bus, &position, 1);
	user->gifts = 1;
	assert_soon(user, NULL, joined_twice);
	if (user->fatal)
		fail_msg("%s", user->why);
	assert_false(bus_fenced(user->bus));
	assert_int_equal(user->downs, 0);
	free_user(user);
	stop_cluster(&cluster);
}

/* False: it was told, but librdkafka has not noticed that the topic is there again. */
static bool comes_back(void)
{
	const struct conf_pass passes[] = { { "topic.metadata.refresh.interval.ms", "500" }, { NULL, NULL } };
	struct cluster cluster = start_cluster();
	struct user *user = new_user(cluster.brokers, "g", passes);
	bool back;

	rd_kafka_mock_topic_set_error(cluster.mock, "in", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(bus_subscribe(user->bus, topics, &user->fault), OK);
	assert_soon(user, NULL, is_down);
	assert_non_null(strstr(user->why, "in"));
	rd_kafka_mock_topic_set_error(cluster.mock, "in", RD_KAFKA_RESP_ERR_NO_ERROR);
	back = until(user, NULL, is_up, PATIENCE_MS / 3);
	if (back)
		assert_soon(user, NULL, owns_both);
	free_user(user);
	stop_cluster(&cluster);
	return back;
}

/* librdkafka 2.0.2 misses, once in a while, that a topic comes back just as it joins the group: then only a restart helps. That is
 * known and rare, and not what is tried here. */
static void test_topic_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		if (comes_back())
			return;
	fail_msg("refused, and not taken back three times");
}

static void test_settings(void **state)
{
	static const struct {
		struct conf_pass passes[3];
		enum verdict want;
		const char *says;
	} rows[] = {
		{ { { "linger.ms", "5" }, { "fetch.min.bytes", "1" } }, OK, NULL },
		{ { { "no.such.key", "5" } }, FATAL, "no.such.key" },
		{ { { "linger.ms", "soon" } }, FATAL, "linger.ms" },
		{ { { "enable.auto.commit", "true" } }, FATAL, "enable.auto.commit" },
		{ { { "acks", "1" } }, FATAL, "acks" },
		{ { { "max.poll.interval.ms", "1000" } }, FATAL, "max.poll.interval.ms" },
		{ { { "security.protocol", "ssl" }, { "ssl.ca.location", "/nowhere" } }, FATAL, "ssl.ca.location" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct user *user = mem_zero(sizeof(*user));

		assert_int_equal(try_user(user, "127.0.0.1:9", "g", "i", rows[i].passes), rows[i].want);
		if (rows[i].says && !strstr(user->fault.text, rows[i].says))
			fail_msg("'%s' does not name %s", user->fault.text, rows[i].says);
		free_user(user);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_bytes), cmocka_unit_test(test_positions),
		cmocka_unit_test(test_failure_and_renewal), cmocka_unit_test(test_passing_errors),
		cmocka_unit_test(test_the_first_of_a_partition_goes_alone),
		cmocka_unit_test(test_renewal_of_a_live_producer), cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_broker_down), cmocka_unit_test(test_no_broker), cmocka_unit_test(test_two_members),
		cmocka_unit_test(test_offset_out_of_range),
		cmocka_unit_test(test_a_full_queue_is_fetched_again), cmocka_unit_test(test_fenced_instance),
		cmocka_unit_test(test_fenced_by_itself),
		cmocka_unit_test(test_topic_refused), cmocka_unit_test(test_settings),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
