/* The way into one partition: the first message goes alone, and what comes behind it is held until a broker has acknowledged it.
 *
 * A broker that knows nothing of a producer in a partition takes whatever sequence it sees first. When it refuses the first of
 * several requests under way in passing (it has just started, the partition has no leader yet) and takes the second, then
 * librdkafka takes the acknowledgement of the second for one of all before it, and reports as delivered what is in no log. Once
 * a message of ours is in the log, the broker, restarted or not, refuses what does not follow it. It forgets a producer that is
 * idle for long (producer.id.expiration.ms, a day); so do we, earlier. */
#include <string.h>

#include "common/io/bus_internal.h"

#define OPEN_FOR_MS (3600 * 1000)

struct held {
	struct held *next;
	char *key, *value;
	size_t key_size, value_size;
	rd_kafka_headers_t *headers;
	struct receipt *receipt;
};

struct outlet *bus_outlet(struct bus *bus, const char *topic, int32_t partition)
{
	struct outlet *made;

	for (size_t i = 0; i < bus->outlet_count; i++) {
		struct outlet *outlet = bus->outlets[i];

		if (outlet->partition == partition && strcmp(outlet->topic, topic) == 0)
			return outlet;
	}
	if (bus->outlet_count == bus->outlet_capacity) {
		bus->outlet_capacity = bus->outlet_capacity ? 2 * bus->outlet_capacity : 64;
		bus->outlets = mem_resize(bus->outlets, bus->outlet_capacity * sizeof(*bus->outlets));
	}
	made = mem_zero(sizeof(*made));
	made->topic = mem_copy(topic, strlen(topic) + 1);
	made->partition = partition;
	made->last = &made->first;
	return bus->outlets[bus->outlet_count++] = made;
}

bool bus_outlet_holds(struct outlet *outlet)
{
	if (outlet->open && outlet->under_way == 0 && bus_clock() - outlet->acked_at > OPEN_FOR_MS)
		outlet->open = false;
	return outlet->first || (!outlet->open && outlet->under_way > 0);
}

static char *copy(struct str text)
{
	/* Null and empty are not the same, and not to be lost of either. */
	return text.p ? mem_copy(text.n ? text.p : "", text.n ? text.n : 1) : NULL;
}

void bus_outlet_hold(struct bus *bus, struct outlet *outlet, struct str key, struct str value, rd_kafka_headers_t *headers,
		     struct receipt *receipt)
{
	struct held *held = mem_zero(sizeof(*held));

	*held = (struct held){ .key = copy(key), .value = copy(value), .key_size = key.n, .value_size = value.n, .headers = headers,
			       .receipt = receipt };
	*outlet->last = held;
	outlet->last = &held->next;
	bus->held++;
}

static void held_free(struct bus *bus, struct outlet *outlet)
{
	struct held *held = outlet->first;

	outlet->first = held->next;
	if (!outlet->first)
		outlet->last = &outlet->first;
	mem_free(held->key);
	mem_free(held->value);
	mem_free(held);
	bus->held--;
}

/* Where its queue is full librdkafka takes the rest later. */
static void release(struct bus *bus, struct outlet *outlet)
{
	while (outlet->first && outlet->open && !bus->failed) {
		struct held *held = outlet->first;
		rd_kafka_resp_err_t error = bus_hand_over(bus, outlet, (struct str){ held->key, held->key_size },
							  (struct str){ held->value, held->value_size }, held->headers, held->receipt);

		if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return;
		if (error) {
			bus_producer_failed(bus, "%s[%d]: %s", outlet->topic, (int)outlet->partition, rd_kafka_err2str(error));
			return;
		}
		held_free(bus, outlet);
	}
}

void bus_outlet_told(struct bus *bus, struct outlet *outlet, bool good)
{
	outlet->under_way--;
	if (!good)
		return;
	outlet->open = true;
	outlet->acked_at = bus_clock();
	release(bus, outlet);
}

void bus_outlets_serve(struct bus *bus)
{
	for (size_t i = 0; bus->held > 0 && i < bus->outlet_count; i++)
		release(bus, bus->outlets[i]);
}

void bus_outlets_drop(struct bus *bus)
{
	for (size_t i = 0; i < bus->outlet_count; i++) {
		struct outlet *outlet = bus->outlets[i];

		while (outlet->first) {
			rd_kafka_headers_destroy(outlet->first->headers);
			held_free(bus, outlet);
		}
		mem_free(outlet->topic);
		mem_free(outlet);
	}
	mem_free(bus->outlets);
	bus->outlets = NULL;
	bus->outlet_count = bus->outlet_capacity = 0;
}
