/* A Kafka of three nodes under load: the one that leads lane 0 is killed with kill -9, then the controller, then who was spared so
 * far. Each time a third of all leaders, and the coordinators of some groups, are somebody else at once. The work goes on with two
 * nodes, and nothing is lost or doubled.
 *
 * The next one is killed when all have everything again, __consumer_offsets too: two of three are lost for nobody.
 *
 * AFTERCARE_TEST_CLUSTER=N: so many nodes are killed. Skipped without it: it takes two minutes. make faults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/daemons.h"
#include "tests/support/desk_inner.h"
#include "tests/support/scene.h"
#include "tests/support/traffic.h"

#define NODES 3
#define LANES 12
#define BETWEEN_REQUESTS 60           /* ms */
#define LOOK_MS 100                   /* between two questions to the cluster */

struct cluster {
	struct stack stack;
	struct desk *desk;
	rd_kafka_t *client;
	struct traffic *traffic;
	int dead;                     /* node that was killed last: 1 to NODES */
	bool led[LANES];              /* lanes of the tickets' log that it led */
	instant killed;
	size_t read;                  /* how many records were looked at since */
};

static struct cluster cluster;

static int wanted(void)
{
	const char *given = getenv("AFTERCARE_TEST_CLUSTER");

	return given ? atoi(given) : 0;
}

static int open_cluster(void **state)
{
	static const char *const further[] = { "--nodes", "3", NULL };

	*state = NULL;
	if (wanted() <= 0)
		return 0;
	setenv("AFTERCARE_TEST_BROKER", "kafka", 1);
	setenv("AFTERCARE_READY_SECONDS", "180", 0);
	if (!stack_open(&cluster.stack, "test_cluster", further))
		return -1;
	cluster.desk = desk_open(&cluster.stack);
	cluster.client = desk_client(cluster.stack.brokers, RD_KAFKA_PRODUCER, "cluster");
	*state = cluster.desk;
	return cluster.desk && cluster.client ? 0 : -1;
}

static int close_cluster(void **state)
{
	(void)state;
	if (wanted() <= 0)
		return 0;
	if (cluster.client)
		rd_kafka_destroy(cluster.client);
	desk_close(cluster.desk);
	stack_close(&cluster.stack);
	return 0;
}

/* ---- what the cluster says of itself ---- */

/* Whether something holds for all partitions of all topics, those of Kafka's own too. */
static bool all_partitions(bool (*holds)(const rd_kafka_metadata_topic_t *topic, const rd_kafka_metadata_partition_t *partition))
{
	const struct rd_kafka_metadata *metadata;
	bool all;

	if (rd_kafka_metadata(cluster.client, 1, NULL, &metadata, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	all = metadata->topic_cnt > DESK_TOPICS_ALL;
	for (int i = 0; i < metadata->topic_cnt; i++)
		for (int j = 0; j < metadata->topics[i].partition_cnt; j++)
			all = holds(&metadata->topics[i], &metadata->topics[i].partitions[j]) && all;
	rd_kafka_metadata_destroy(metadata);
	return all;
}

static bool is_whole(const rd_kafka_metadata_topic_t *topic, const rd_kafka_metadata_partition_t *partition)
{
	(void)topic;
	return partition->isr_cnt == NODES && partition->leader > 0;
}

static bool is_without_dead(const rd_kafka_metadata_topic_t *topic, const rd_kafka_metadata_partition_t *partition)
{
	(void)topic;
	for (int i = 0; i < partition->isr_cnt; i++)
		if (partition->isrs[i] == cluster.dead)
			return false;
	return partition->leader > 0 && partition->leader != cluster.dead;
}

static int lane_leaders[LANES];

static bool note_leader(const rd_kafka_metadata_topic_t *topic, const rd_kafka_metadata_partition_t *partition)
{
	if (strcmp(topic->topic, desk_topic_names[DESK_TICKETS]) == 0 && partition->id >= 0 && partition->id < LANES)
		lane_leaders[partition->id] = partition->leader;
	return partition->leader > 0;
}

/* As the node that knows the latest election has written it down: clients are told any node. */
static int controller(void)
{
	int leader = 0;
	json_int_t latest = -1;

	for (int i = 1; i <= NODES; i++) {
		char path[900];
		json_t *said;

		snprintf(path, sizeof(path), "%s/kafka/%d/__cluster_metadata-0/quorum-state", cluster.stack.dir, i);
		said = json_load_file(path, 0, NULL);
		if (json_integer_value(json_object_get(said, "leaderEpoch")) > latest) {
			latest = json_integer_value(json_object_get(said, "leaderEpoch"));
			leader = (int)json_integer_value(json_object_get(said, "leaderId"));
		}
		json_decref(said);
	}
	return leader;
}

/* ---- under load ---- */

static bool everyone_whole(void)
{
	return all_partitions(is_whole);
}

static bool led_by_others(void)
{
	return all_partitions(is_without_dead);
}

/* Lanes that the dead node led and in which nothing has happened since. */
static size_t silent_lanes(void)
{
	size_t count, silent = 0;
	struct record *const *records = desk_records(cluster.desk, &count);

	for (; cluster.read < count; cluster.read++) {
		const struct record *record = records[cluster.read];
		instant time;

		if (record->topic == DESK_TICKETS && !record->copy && record->partition >= 0 && record->partition < LANES &&
		    instant_parse(str_of(record->time), &time) && time > cluster.killed)
			cluster.led[record->partition] = false;
	}
	for (int i = 0; i < LANES; i++)
		silent += cluster.led[i];
	return silent;
}

static bool at_work(void)
{
	return silent_lanes() == 0;
}

/* How many ms of load until it holds, in one test's patience. */
static long load_until(bool (*holds)(void), int look_ms, const char *what)
{
	long start = stack_clock(), deadline = stack_deadline(), look = start;

	while (stack_clock() < deadline) {
		traffic_turn(cluster.desk, cluster.traffic);
		if (stack_clock() < look)
			continue;
		if (holds())
			return stack_clock() - start;
		look = stack_clock() + look_ms;
	}
	desk_fail(cluster.desk, NULL, "node %d was killed: not %s (%zu lanes silent)", cluster.dead, what, silent_lanes());
}

static void load_for(long ms)
{
	for (long until = stack_clock() + ms; stack_clock() < until;)
		traffic_turn(cluster.desk, cluster.traffic);
}

/* Killed and kept down: whichever of the two it is, a new process of its own gets nowhere. */
static void node_kill(int node, const char *service)
{
	cluster.dead = node;
	assert_true(all_partitions(note_leader));
	for (int i = 0; i < LANES; i++)
		cluster.led[i] = lane_leaders[i] == node;
	assert_true(stack_do(&cluster.stack, "kill", service));
	cluster.killed = desk_now();
	assert_true(stack_do(&cluster.stack, "stop", service));
}

static void lose(int node, const char *role)
{
	char service[32];
	long elected, resumed, start;
	pid_t starting;

	snprintf(service, sizeof(service), "broker-%d", node);
	node_kill(node, service);
	start = stack_clock();
	resumed = load_until(at_work, 0, "at work again in all lanes that it led");
	(void)load_until(led_by_others, LOOK_MS, "led by others");
	elected = stack_clock() - start;
	load_for(2000);
	starting = stack_begin(&cluster.stack, "start", service);
	assert_true(starting > 0);
	start = stack_clock();
	(void)load_until(everyone_whole, LOOK_MS, "in sync again");
	print_message("figure: node %d (%s) killed: all its lanes at work again after %ld ms, it is out of all lists after %ld ms, and has "
		      "everything again %ld ms after its start\n", node, role, resumed, elected, stack_clock() - start);
	assert_int_equal(waitpid(starting, NULL, 0), starting);
}

static void leaders_change_under_load(void **state)
{
	struct desk *desk = *state;
	bool spared[NODES + 1] = { false, true, true, true };
	struct daemons before;
	size_t requests;

	if (wanted() <= 0) {
		print_message("three nodes of Kafka take two minutes: make faults, or AFTERCARE_TEST_CLUSTER=3\n");
		skip();
	}
	cluster.traffic = traffic_open(desk, "leader", BETWEEN_REQUESTS);
	daemons_remember(&cluster.stack, &before, NULL);
	(void)load_until(everyone_whole, LOOK_MS, "whole at the beginning");
	for (int round = 0; round < wanted(); round++) {
		int node = 1;

		load_for(3000);
		assert_true(all_partitions(note_leader));
		while (round % 3 == 2 && node < NODES && !spared[node])
			node++;
		node = round % 3 == 0 ? lane_leaders[0] : round % 3 == 1 ? controller() : node;
		assert_in_range(node, 1, NODES);
		spared[node] = false;
		lose(node, round % 3 == 0 ? "leader of lane 0" : round % 3 == 1 ? "the controller" : "the next");
	}
	requests = traffic_finish(desk, cluster.traffic);
	print_message("figure: %d nodes killed, %zu requests worked to their ends\n", wanted(), requests);
	traffic_check(desk, cluster.traffic);
	json_decref(desk_check_rebuild(desk));
	daemons_check_same(desk, &before);
	traffic_close(cluster.traffic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaders_change_under_load),
	};

	return cmocka_run_group_tests_name("test_cluster", tests, open_cluster, close_cluster);
}
