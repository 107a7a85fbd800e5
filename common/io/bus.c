/* The bus as its user holds it: creation, end, and questions about topics.
 *
 * bus_client.c makes and buries librdkafka instances, bus_consume.c and bus_produce.c are the two directions.
 * Everything here runs in the worker's thread. Nothing waits longer than its caller allows. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/io/bus_internal.h"

static const char *copy_text(struct bus *bus, const char *text)
{
	return text ? str_z(&bus->arena, str_of(text)) : NULL;
}

/* Every new producer needs them again. */
static void copy_passes(struct bus *bus, const struct bus_options *options)
{
	bus->pass_count = options->pass_count;
	bus->passes = arena_alloc(&bus->arena, (options->pass_count + 1) * sizeof(*bus->passes));
	for (size_t i = 0; i < options->pass_count; i++)
		bus->passes[i] = (struct conf_pass){
			.name = str_z(&bus->arena, str_of(options->passes[i].name)),
			.value = str_z(&bus->arena, str_of(options->passes[i].value)),
		};
}

enum verdict bus_new(const struct bus_options *options, const struct bus_callbacks *callbacks, struct bus **ret_bus,
		     struct fault *fault)
{
	struct bus *bus = mem_zero(sizeof(*bus));

	bus->brokers = copy_text(bus, options->brokers);
	bus->client_id = copy_text(bus, options->client);
	bus->group = copy_text(bus, options->group);
	bus->instance = copy_text(bus, options->instance);
	bus->gather_ms = options->gather_ms;
	copy_passes(bus, options);
	bus->callbacks = *callbacks;
	bus->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (bus->eventfd < 0)
		(void)fault_set(fault, FATAL, "kafka: no eventfd: %m");
	else if ((!bus->group || bus_client_new(bus, false, &bus->consumer, fault) == OK) &&
		 bus_client_new(bus, true, &bus->producer, fault) == OK) {
		*ret_bus = bus;
		return OK;
	}
	bus_free(bus, 1000);
	return fault->verdict;
}

/* Leaves the group. In 2.0.2 a close can hang, so librdkafka does it in the background while we watch the clock. */
static void close_consumer(struct bus *bus, int64_t deadline)
{
	rd_kafka_t *handle = bus->consumer->handle;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(handle, queue);

	if (error) {
		/* Fenced, or already closed: there is nothing to leave. */
		rd_kafka_error_destroy(error);
		rd_kafka_queue_destroy(queue);
		return;
	}
	/* As events, because the queue also brings records, which rd_kafka_queue_poll_callback cannot swallow. */
	while (!rd_kafka_consumer_closed(handle) && bus_clock() < deadline) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20);

		if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
			(void)rd_kafka_assign(handle, NULL);
		if (event)
			rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
}

void bus_free(struct bus *bus, int limit_ms)
{
	int64_t now = bus_clock(), deadline = now + limit_ms;

	if (!bus)
		return;
	bus->closing = true;
	bus_producer_drop(bus);
	if (bus->consumer) {
		/* A part of the time is kept for the destruction. */
		if (bus->topics)
			close_consumer(bus, now + limit_ms * 3 / 4);
		bus_client_retire(bus, bus->consumer);
	}
	if (bus->given)
		rd_kafka_topic_partition_list_destroy(bus->given);
	bus_undertakers_join(bus, deadline > 0 ? deadline : 1);
	if (bus->eventfd >= 0)
		close(bus->eventfd);
	arena_done(&bus->receipts);
	arena_done(&bus->arena);
	mem_free(bus->undertakers);
	mem_free(bus->paused);
	mem_free(bus);
}

int bus_fd(const struct bus *bus)
{
	return bus->eventfd;
}

/* rd_kafka_query_watermark_offsets never returns in 2.0.2 while the leader is away, so the same request is made by
 * way of the lookup by time, which keeps its limit: -2 stands for the first offset, -1 for the one after the last. */
static bool offset_at(rd_kafka_t *handle, const char *topic, int32_t partition, int64_t when, int64_t *ret_offset,
		      int limit_ms, struct fault *fault)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *item = rd_kafka_topic_partition_list_add(list, topic, partition);
	rd_kafka_resp_err_t error;
	bool known;

	item->offset = when;
	error = rd_kafka_offsets_for_times(handle, list, limit_ms > 0 ? limit_ms : 1);
	if (!error)
		error = item->err;
	known = !error && item->offset >= 0;
	if (known)
		*ret_offset = item->offset;
	else
		(void)fault_set(fault, RETRY, "kafka: offsets of %s[%d] are not known: %s", topic, (int)partition,
				rd_kafka_err2str(error));
	rd_kafka_topic_partition_list_destroy(list);
	return known;
}

enum verdict bus_watermarks(struct bus *bus, const char *topic, int32_t partition, int64_t *ret_low, int64_t *ret_high,
			    int limit_ms, struct fault *fault)
{
	int64_t deadline = bus_clock() + limit_ms, low, high;
	rd_kafka_t *handle = bus->producer->handle;

	if (!offset_at(handle, topic, partition, RD_KAFKA_OFFSET_BEGINNING, &low, limit_ms, fault) ||
	    !offset_at(handle, topic, partition, RD_KAFKA_OFFSET_END, &high, (int)(deadline - bus_clock()), fault))
		return RETRY;
	*ret_low = low;
	*ret_high = high;
	return OK;
}

enum verdict bus_partitions(struct bus *bus, const char *topic, int32_t *ret_count, int limit_ms, struct fault *fault)
{
	rd_kafka_t *handle = bus->producer->handle;
	rd_kafka_topic_t *known = rd_kafka_topic_new(handle, topic, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_resp_err_t error;
	enum verdict verdict = RETRY;

	error = known ? rd_kafka_metadata(handle, 0, known, &metadata, limit_ms) : rd_kafka_last_error();
	if (!error && metadata->topic_cnt == 1)
		error = metadata->topics[0].err;
	if (!error && metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0) {
		*ret_count = metadata->topics[0].partition_cnt;
		verdict = OK;
	} else {
		(void)fault_set(fault, RETRY, "kafka: the partitions of %s are not known: %s", topic,
				error ? rd_kafka_err2str(error) : "no such topic");
	}
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	if (known)
		rd_kafka_topic_destroy(known);
	return verdict;
}
