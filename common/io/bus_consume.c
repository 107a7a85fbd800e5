/* The consumer: membership in the group, the assignment, and records one at a time.
 *
 * The group decides who owns a partition, PostgreSQL where it is read from: positions come with every assignment and
 * are never looked up in Kafka. A rebalance is answered at once, with an empty assignment if the user needs time to
 * take its partitions, because an unanswered one holds up the whole group.
 * Must never let a hole in the log pass in silence: whatever makes librdkafka skip records is fatal here. */
#include <stdio.h>
#include <string.h>

#include "common/io/bus_internal.h"

/* Errors in one bus_poll; then the loop gets its turn. */
#define ERRORS_AT_ONCE 100

/* See remind_to_fetch: records between two looks at the queue, the length from which on it matters, and how often at most. */
#define REMIND_LOOK 256
#define REMIND_FROM 1000
#define REMIND_EVERY_MS 20

/* A membership that was fenced this long after the brokers, or the group's coordinator, were away was fenced by itself. */
#define LAPSE_MS 120000

static enum verdict subscribe(struct bus *bus, struct fault *fault)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
	rd_kafka_resp_err_t error;

	for (size_t i = 0; i < bus->topic_count; i++)
		rd_kafka_topic_partition_list_add(list, bus->topics[i], RD_KAFKA_PARTITION_UA);
	error = rd_kafka_subscribe(bus->consumer->handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? fault_set(fault, FATAL, "kafka: cannot subscribe: %s", rd_kafka_err2str(error)) : OK;
}

enum verdict bus_subscribe(struct bus *bus, const char *const *topics, struct fault *fault)
{
	bus->topics = topics;
	for (bus->topic_count = 0; topics[bus->topic_count]; bus->topic_count++)
		;
	return subscribe(bus, fault);
}

static int topic_index(const struct bus *bus, const char *name)
{
	for (size_t i = 0; i < bus->topic_count; i++)
		if (strcmp(bus->topics[i], name) == 0)
			return (int)i;
	return -1;
}

static void tell_ownership(struct bus *bus, bool owned, const rd_kafka_topic_partition_list_t *list)
{
	size_t room = (size_t)list->cnt + 1, count = 0;
	int *topics = mem_zero(room * sizeof(*topics));
	int32_t *partitions = mem_zero(room * sizeof(*partitions));

	for (int i = 0; i < list->cnt; i++) {
		int topic = topic_index(bus, list->elems[i].topic);

		if (topic < 0)
			continue;
		topics[count] = topic;
		partitions[count++] = list->elems[i].partition;
	}
	if (bus->callbacks.ownership)
		bus->callbacks.ownership(bus->callbacks.userdata, owned, topics, partitions, count);
	mem_free(topics);
	mem_free(partitions);
}

static void forget_given(struct bus *bus)
{
	if (bus->given)
		rd_kafka_topic_partition_list_destroy(bus->given);
	bus->given = NULL;
}

/* Removes the lane from the paused ones; false when it was not among them. */
static bool forget_paused(struct bus *bus, int topic, int32_t partition)
{
	for (size_t i = 0; i < bus->paused_count; i++)
		if (bus->paused[i].topic == topic && bus->paused[i].partition == partition) {
			bus->paused[i] = bus->paused[--bus->paused_count];
			return true;
		}
	return false;
}

static void switch_fetching(struct bus *bus, int topic, int32_t partition, bool pause)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, bus->topics[topic], partition);
	if (pause)
		(void)rd_kafka_pause_partitions(bus->consumer->handle, list);
	else
		(void)rd_kafka_resume_partitions(bus->consumer->handle, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* 2.0.2 goes back to an old position when a partition is resumed that was not paused, so we keep count. */
void bus_pause(struct bus *bus, int topic, int32_t partition, bool pause)
{
	bool was = forget_paused(bus, topic, partition);

	if (pause) {
		if (bus->paused_count == bus->paused_capacity) {
			bus->paused_capacity = bus->paused_capacity ? bus->paused_capacity * 2 : 16;
			bus->paused = mem_resize(bus->paused, bus->paused_capacity * sizeof(*bus->paused));
		}
		bus->paused[bus->paused_count++] = (struct lane){ topic, partition };
	}
	if (was == pause)
		return;
	switch_fetching(bus, topic, partition, pause);
}

/* librdkafka keeps a partition paused over a new assignment; our users start afresh with each. */
static void resume_all(struct bus *bus)
{
	while (bus->paused_count > 0) {
		const struct lane *lane = &bus->paused[--bus->paused_count];

		switch_fetching(bus, lane->topic, lane->partition, false);
	}
}

void bus_on_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct bus *bus = ((struct client *)opaque)->bus;
	rd_kafka_topic_partition_list_t *nothing;

	if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !bus->closing) {
		bus->assigned = false;
		forget_given(bus);
		bus->given = rd_kafka_topic_partition_list_copy(list);
		if (list->cnt > 0)
			bus->refusal[0] = '\0';
		((struct client *)opaque)->member = true;
		FAILPOINT("assign.came");
		tell_ownership(bus, true, list);
		if (bus->assigned)
			return;
		nothing = rd_kafka_topic_partition_list_new(1);
		(void)rd_kafka_assign(handle, nothing);
		rd_kafka_topic_partition_list_destroy(nothing);
		return;
	}
	FAILPOINT("revoke.came");
	/* Revoked, lost, or an error that takes everything away. */
	if (!bus->closing)
		tell_ownership(bus, false, list);
	forget_given(bus);
	resume_all(bus);
	(void)rd_kafka_assign(handle, NULL);
	FAILPOINT("revoke.answered");
}

/* A rule broken: where Kafka has a position, reading begins there. */
static void positions_of_kafka(struct bus *bus, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *known = rd_kafka_topic_partition_list_copy(list);

	if (rd_kafka_committed(bus->consumer->handle, known, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
		for (int i = 0; i < list->cnt; i++)
			if (known->elems[i].offset >= 0)
				list->elems[i].offset = known->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(known);
}

enum verdict bus_assign(struct bus *bus, const struct bus_position *positions, size_t count, struct fault *fault)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t error;

	/* librdkafka takes any assignment for an empty one then. */
	if (bus->dead)
		return fault_set(fault, FATAL, "kafka: cannot assign: the client has failed");
	list = rd_kafka_topic_partition_list_new((int)count + 1);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, bus->topics[positions[i].topic], positions[i].partition)->offset =
			positions[i].offset;
	if (!RULE("r2-kafka-offset"))
		positions_of_kafka(bus, list);
	resume_all(bus);
	error = rd_kafka_assign(bus->consumer->handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (error)
		return fault_set(fault, error == RD_KAFKA_RESP_ERR__FATAL ? FATAL : RETRY, "kafka: cannot assign: %s",
				 rd_kafka_err2str(error));
	bus->assigned = true;
	return OK;
}

static struct str copy_bytes(struct arena *arena, const void *bytes, size_t n)
{
	return bytes ? str_copy(arena, (struct str){ bytes, n }) : STR_NONE;
}

static void copy_headers(struct bus_record *record, const rd_kafka_message_t *message, struct arena *arena)
{
	rd_kafka_headers_t *headers = NULL;
	struct bus_header *copies;
	size_t count;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	count = rd_kafka_header_cnt(headers);
	copies = arena_alloc(arena, (count + 1) * sizeof(*copies));
	for (size_t i = 0; i < count; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t n = 0;

		(void)rd_kafka_header_get_all(headers, i, &name, &value, &n);
		copies[i] = (struct bus_header){ str_copy(arena, str_of(name)), copy_bytes(arena, value, n) };
	}
	record->headers = copies;
	record->header_count = count;
}

static void take_error(struct bus *bus, const rd_kafka_message_t *message)
{
	const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
	const char *text = rd_kafka_message_errstr(message);
	rd_kafka_resp_err_t cause;
	char why[300];

	switch (message->err) {
	case RD_KAFKA_RESP_ERR__FATAL:
		cause = rd_kafka_fatal_error(bus->consumer->handle, why, sizeof(why));
		bus_consumer_failed(bus, cause, why);
		return;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		bus_fatal(bus, "kafka: %s[%d]: offset %lld, where reading must go on, is not in the log: records were deleted "
			  "before they were read, or the topic was made anew (%s)", topic, (int)message->partition,
			  (long long)message->offset, text);
		return;
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		/* librdkafka would go on behind the damaged batch. */
		bus_fatal(bus, "kafka: %s[%d]: unreadable at offset %lld: %s", topic, (int)message->partition,
			  (long long)message->offset, text);
		return;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		/* Stands until the group gives us partitions. */
		snprintf(bus->refusal, sizeof(bus->refusal), "%s: %s", topic, text);
		return;
	default:
		/* librdkafka tries again by itself. */
		snprintf(bus->consumer->trouble, sizeof(bus->consumer->trouble), "%s", text);
		return;
	}
}

/* A report of positions that was under way when the brokers went, or when another of them became the group's coordinator, is sent
 * again later. By then we may have joined anew under the same instance id, or be about to, and the broker takes the old report for a
 * second instance's: librdkafka fails the whole client over that. Nothing of it is true, so the membership is made anew. A client
 * that never lost its coordinator was fenced by somebody. */
void bus_consumer_failed(struct bus *bus, rd_kafka_resp_err_t cause, const char *why)
{
	int64_t alarm_at = bus->consumer ? bus->consumer->last_alarm_at : 0;
	int64_t left_at = bus->consumer ? atomic_load(&bus->consumer->left_at) : 0;
	int64_t away_at = alarm_at > left_at ? alarm_at : left_at;

	if (cause == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && str_starts(str_of(why), STR("OffsetCommit")) && away_at > 0 &&
	    bus_clock() - away_at < LAPSE_MS) {
		bus->lapsed = true;
	} else if (cause == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
		bus->fenced = true;
		bus_fatal(bus, "kafka: another member has joined the group %s as \"%s\", which was us (%s)", bus->group, bus->instance, why);
	} else {
		bus_fatal(bus, "kafka: %s: %s", rd_kafka_err2name(cause), why);
	}
}

bool bus_fenced(const struct bus *bus)
{
	return bus->fenced;
}

static void join_anew(struct bus *bus)
{
	struct client *old = bus->consumer, *client;
	struct fault fault = { 0 };

	bus->lapsed = false;
	if (bus_client_new(bus, false, &client, &fault)) {
		bus_fatal(bus, "%s", fault.text);
		return;
	}
	if (bus->given)
		tell_ownership(bus, false, bus->given);
	forget_given(bus);
	bus->paused_count = 0;
	bus->assigned = false;
	bus->consumer = client;
	bus_client_retire(bus, old);
	if (subscribe(bus, &fault))
		bus_fatal(bus, "%s", fault.text);
}

/* Once its queue is full, librdkafka before 2.2 looks again only after a second: whoever reads faster starves half of the
 * time. Any request to the broker makes its thread look; so when the queue has shrunk to half, we ask for an offset whose
 * answer nobody waits for. */
static void remind_to_fetch(struct bus *bus)
{
	rd_kafka_topic_partition_list_t *list;
	size_t length = rd_kafka_queue_length(bus->consumer->queue);

	bus->polled = 0;
	if (length > bus->queued_most)
		bus->queued_most = length;
	if (!bus->given || bus->queued_most < REMIND_FROM || length > bus->queued_most / 2 ||
	    bus_clock() - bus->reminded_at < REMIND_EVERY_MS)
		return;
	bus->queued_most = length;
	bus->reminded_at = bus_clock();
	list = rd_kafka_topic_partition_list_copy(bus->given);
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	(void)rd_kafka_offsets_for_times(bus->consumer->handle, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

bool bus_poll(struct bus *bus, struct arena *arena, struct bus_record *ret_record)
{
	for (int errors = 0; bus->consumer && !bus->dead && !bus->lapsed; ) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(bus->consumer->handle, 0);
		int topic;

		if (!message)
			break;
		if (!message->err && (topic = topic_index(bus, rd_kafka_topic_name(message->rkt))) >= 0) {
			*ret_record = (struct bus_record){
				.topic = topic,
				.partition = message->partition,
				.offset = message->offset,
				.key = copy_bytes(arena, message->key, message->key_len),
				.value = copy_bytes(arena, message->payload, message->len),
			};
			copy_headers(ret_record, message, arena);
			rd_kafka_message_destroy(message);
			if (++bus->polled == REMIND_LOOK)
				remind_to_fetch(bus);
			return true;
		}
		if (message->err)
			take_error(bus, message);
		rd_kafka_message_destroy(message);
		if (++errors == ERRORS_AT_ONCE) {
			bus_ring(bus);
			break;
		}
	}
	if (bus->lapsed && !bus->closing)
		join_anew(bus);
	bus_look(bus);
	return false;
}

void bus_report_positions(struct bus *bus, const struct bus_position *positions, size_t count)
{
	rd_kafka_topic_partition_list_t *list;

	if (!bus->consumer || count == 0 || bus->consumer->alarm_at != 0)
		return;
	list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, bus->topics[positions[i].topic], positions[i].partition)->offset =
			positions[i].offset;
	(void)rd_kafka_commit(bus->consumer->handle, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}
