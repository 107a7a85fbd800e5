/* The producer: hands messages over in order and tells what became of each.
 *
 * One failure ends it. librdkafka raises a fatal error when a message fails for good (enable.gapless.guarantee), we
 * accept nothing more from the moment we hear of any failure, and the user publishes again from its durable watermark
 * with a new producer. What the old one still had under way is an unbroken run from before, which is harmless.
 * The first message in a partition goes alone (bus_outlet.c). Must never drop a message to make room and never report one twice. */
#include <stdio.h>
#include <string.h>

#include "common/io/bus_internal.h"

static struct receipt *receipt_new(struct bus *bus, struct outlet *outlet, uint64_t tag, int64_t seq)
{
	struct receipt *receipt = bus->free_receipts;

	if (receipt)
		bus->free_receipts = receipt->next;
	else
		receipt = arena_alloc(&bus->receipts, sizeof(*receipt));
	*receipt = (struct receipt){ .tag = tag, .seq = seq, .outlet = outlet };
	return receipt;
}

static void receipt_free(struct bus *bus, struct receipt *receipt)
{
	receipt->next = bus->free_receipts;
	bus->free_receipts = receipt;
}

void bus_producer_failed(struct bus *bus, const char *format, ...)
{
	va_list args;

	if (bus->failed)
		return;
	bus->failed = true;
	va_start(args, format);
	vsnprintf(bus->failure, sizeof(bus->failure), format, args);
	va_end(args);
}

void bus_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct bus *bus = ((struct client *)opaque)->bus;
	struct receipt *receipt = message->_private;
	const char *error = message->err ? rd_kafka_err2str(message->err) : FAILPOINT_FAILS("report.came") ? "failpoint report.came" : NULL;
	struct receipt told;

	(void)handle;
	if (!bus)
		return;
	told = *receipt;
	bus->outstanding--;
	receipt_free(bus, receipt);
	if (error && RULE("r4-rebuild"))
		bus_producer_failed(bus, "%s[%d]: %s", rd_kafka_topic_name(message->rkt), (int)message->partition, error);
	bus_outlet_told(bus, told.outlet, !error);
	if (bus->callbacks.delivered)
		bus->callbacks.delivered(bus->callbacks.userdata, !error, told.tag, told.seq, error);
}

void bus_serve(struct bus *bus)
{
	rd_kafka_poll(bus->producer->handle, 0);
	bus_outlets_serve(bus);
	bus_look(bus);
}

static rd_kafka_headers_t *make_headers(const struct bus_header *headers, size_t count)
{
	rd_kafka_headers_t *made = rd_kafka_headers_new(count);

	for (size_t i = 0; i < count; i++)
		(void)rd_kafka_header_add(made, headers[i].name.p, (ssize_t)headers[i].name.n, headers[i].value.p,
					  (ssize_t)headers[i].value.n);
	return made;
}

/* librdkafka takes void pointers to what it only copies. */
static void *borrowed(struct str s)
{
	return (void *)(uintptr_t)s.p;
}

rd_kafka_resp_err_t bus_hand_over(struct bus *bus, struct outlet *outlet, struct str key, struct str value,
				  rd_kafka_headers_t *headers, struct receipt *receipt)
{
	rd_kafka_resp_err_t error = rd_kafka_producev(bus->producer->handle, RD_KAFKA_V_TOPIC(outlet->topic),
						      RD_KAFKA_V_PARTITION(outlet->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
						      RD_KAFKA_V_KEY(key.p, key.n), RD_KAFKA_V_VALUE(borrowed(value), value.n),
						      RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(receipt), RD_KAFKA_V_END);

	FAILPOINT("publish.handed_over");
	outlet->under_way += !error;
	return error;
}

enum verdict bus_produce(struct bus *bus, const char *topic, int32_t partition, struct str key, struct str value,
			 const struct bus_header *headers, size_t header_count, uint64_t tag, int64_t seq,
			 struct fault *fault)
{
	struct outlet *outlet;
	rd_kafka_headers_t *made;
	struct receipt *receipt;
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
	bool hold;

	if (bus->failed)
		return fault_set(fault, FATAL, "kafka: the producer has failed: %s", bus->failure);
	outlet = bus_outlet(bus, topic, partition);
	hold = bus_outlet_holds(outlet);
	if (hold && bus->outstanding >= bus->queue_max)
		return fault_set(fault, RETRY, "kafka: the producer's queue is full");
	made = make_headers(headers, header_count);
	receipt = receipt_new(bus, outlet, tag, seq);
	if (hold)
		bus_outlet_hold(bus, outlet, key, value, made, receipt);
	else
		error = bus_hand_over(bus, outlet, key, value, made, receipt);
	if (!error) {
		bus->outstanding++;
		return OK;
	}
	rd_kafka_headers_destroy(made);
	receipt_free(bus, receipt);
	switch (error) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return fault_set(fault, RETRY, "kafka: the producer's queue is full");
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return fault_reject(fault, REASON_TOO_LARGE, "kafka: %s: a message of %zu bytes is too large", topic,
				    key.n + value.n);
	default:
		bus_producer_failed(bus, "%s[%d]: %s", topic, (int)partition, rd_kafka_err2str(error));
		return fault_set(fault, FATAL, "kafka: the producer has failed: %s", bus->failure);
	}
}

void bus_producer_drop(struct bus *bus)
{
	struct client *old = bus->producer;

	if (!old)
		return;
	bus->producer = NULL;
	/* Nothing of it is polled any more, so no report can arrive and its receipts can go. */
	(void)rd_kafka_purge(old->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	bus_client_retire(bus, old);
	bus_outlets_drop(bus);
	arena_reset(&bus->receipts);
	bus->free_receipts = NULL;
	bus->outstanding = 0;
	bus->failed = false;
}

enum verdict bus_renew_producer(struct bus *bus, struct fault *fault)
{
	struct client *made = NULL;

	/* The new one first: when that fails, the old one still stands (and says FATAL to whoever tries it). */
	if (bus_client_new(bus, true, &made, fault) != OK)
		return fault->verdict;
	/* Whoever was unreachable for the old one is so for the new one until a broker lets it in. */
	made->alarm_at = bus->producer->alarm_at;
	memcpy(made->trouble, bus->producer->trouble, sizeof(made->trouble));
	bus_producer_drop(bus);
	bus->producer = made;
	return OK;
}

bool bus_flush(struct bus *bus, int limit_ms)
{
	int64_t deadline = bus_clock() + limit_ms;

	while (bus->outstanding > 0 && !bus->failed) {
		int64_t left = deadline - bus_clock();

		if (left <= 0)
			break;
		rd_kafka_poll(bus->producer->handle, left < 20 ? (int)left : 20);
		bus_outlets_serve(bus);
	}
	bus_look(bus);
	return bus->outstanding == 0;
}

size_t bus_outstanding(const struct bus *bus)
{
	return bus->outstanding;
}
