/* Kafka: logs, and messages that arrive in them, in order per partition, and are told about later. */
#include "tests/simulator/bus.h"

#include <string.h>

struct buses buses;

const char *const log_names[LOGS] = { TOPIC_INBOUND, TOPIC_TICKETS, TOPIC_DESK, TOPIC_MESSAGES, TOPIC_DEAD,
					    TOPIC_STAFF, TOPIC_DIRECTORY, "aftercare.ticket-state", "aftercare.metrics" };
enum log log_of(const char *topic)
{
	for (int i = 0; i < LOGS; i++) {
		if (strcmp(log_names[i], topic) == 0)
			return (enum log)i;
	}
	violated("topic %s is none that the service writes", topic);
	return LOG_DEAD;
}

static bool slow(enum log log, int32_t lane)
{
	return world.now < world.broker.slow_until[log][lane];
}

void broker_slow(int64_t us)
{
	enum log log = (enum log)(LOG_TICKETS + chance(world.log_count - 1));
	int lane = (int)chance(LANES);

	world.broker.slow_until[log][lane] = world.now + us;
	say("broker: %s/%d is without a leader until %.3f", log_names[log], lane,
	    (double)world.broker.slow_until[log][lane] / (double)SECOND);
}

bool broker_down(void)
{
	return world.now < world.broker.down_until;
}

void broker_open(void)
{
	memset(&buses, 0, sizeof(buses));
	memset(world.broker.owner, -1, sizeof(world.broker.owner));
}

/* Whoever waits for the bus may hear its bell. */
void broker_ring(void)
{
	for (int i = 0; i < world.actor_count; i++)
		actor_wake(i, chance(30) * MILLISECOND);
}

void broker_append(enum log log, int32_t partition, const struct entry *record)
{
	struct entry *copy = arena_copy(&world.arena, record, sizeof(*record));

	say("broker: %s/%d gets %zu", log_names[log], (int)partition, world.broker.logs[log][partition].count);
	table_add(world.broker.logs[log][partition], copy);
	outside_look(log, partition, copy);
	broker_ring();
}

static void report(struct bus *bus, bool ok, const struct message *message)
{
	struct report *made = arena_alloc(&world.arena, sizeof(*made));

	*made = (struct report){ ok, message->tag, message->seq };
	table_add(bus->reports, made);
	actor_wake(bus->actor->number, chance(10) * MILLISECOND);
}

/* ---- deliveries ---- */

/* The first message of each partition in the queue could be the next; nothing passes another of its partition. */
static bool deliver(struct queue *queue, struct bus *bus)
{
	bool seen[LOGS][LANES] = { 0 };

	table_each(queue->messages, i) {
		struct message *message = queue->messages.items[i];
		bool *before = &seen[message->log][message->partition];

		if (*before)
			continue;
		*before = true;
		if (slow(message->log, message->partition))
			continue;
		if (i + 1 < queue->messages.count && once_in(3))
			continue;
		memmove(&queue->messages.items[i], &queue->messages.items[i + 1],
			(queue->messages.count - i - 1) * sizeof(*queue->messages.items));
		queue->messages.count--;
		broker_append(message->log, message->partition, &message->record);
		if (bus)
			report(bus, true, message);
		return true;
	}
	return false;
}

static bool deliverable(const struct queue *queue)
{
	if (queue->not_before > world.now)
		return false;
	table_each(queue->messages, i) {
		if (!slow(queue->messages.items[i]->log, queue->messages.items[i]->partition))
			return true;
	}
	return false;
}

size_t broker_ready(void)
{
	size_t ready = 0;

	if (broker_down())
		return 0;
	table_each(buses, i)
		ready += !buses.items[i]->gone && deliverable(buses.items[i]->queue);
	table_each(world.broker.orphans, i)
		ready += deliverable(world.broker.orphans.items[i]);
	return ready;
}

void broker_step(size_t which)
{
	table_each(buses, i) {
		struct bus *bus = buses.items[i];

		if (!bus->gone && deliverable(bus->queue) && which-- == 0) {
			deliver(bus->queue, bus);
			return;
		}
	}
	table_each(world.broker.orphans, i) {
		struct queue *queue = world.broker.orphans.items[i];

		if (deliverable(queue) && which-- == 0) {
			deliver(queue, NULL);
			return;
		}
	}
}

int64_t broker_next(void)
{
	int64_t next = broker_down() ? world.broker.down_until : INT64_MAX;

	for (int log = 0; log < world.log_count; log++) {
		for (int lane = 0; lane < LANES; lane++) {
			if (slow((enum log)log, lane) && world.broker.slow_until[log][lane] < next)
				next = world.broker.slow_until[log][lane];
		}
	}
	table_each(world.broker.orphans, i) {
		const struct queue *queue = world.broker.orphans.items[i];

		if (queue->messages.count && queue->not_before > world.now && queue->not_before < next)
			next = queue->not_before;
	}
	return next;
}

bool broker_quiet(void)
{
	table_each(buses, i) {
		const struct bus *bus = buses.items[i];

		if (!bus->gone && (bus->queue->messages.count || bus->told < bus->reports.count))
			return false;
	}
	table_each(world.broker.orphans, i) {
		if (world.broker.orphans.items[i]->messages.count)
			return false;
	}
	return true;
}

/* One message fails for good and all behind it with it; of other partitions some may have arrived unheard of. */
void bus_fail_producer(struct bus *bus)
{
	if (!bus || bus->gone || !bus->queue->messages.count)
		return;
	say("broker: a producer fails");
	struct queue lost = *bus->queue;
	lost.messages.items = arena_copy(&world.arena, lost.messages.items, lost.messages.count * sizeof(*lost.messages.items));
	for (int64_t arrived = chance(4); arrived > 0; arrived--)
		deliver(bus->queue, NULL);
	bus->queue->messages.count = 0;
	/* It accepts nothing more from here on, also before anybody was told. */
	bus->failed = true;
	table_each(lost.messages, i)
		report(bus, false, lost.messages.items[i]);
}
