/* Kafka as the worker sees it (common/io/bus.h): a group whose decisions each member learns when it polls, a consumer, a producer
 * that fails for good.
 *
 * Two members may well believe that they own the same partition: the group does not wait for anybody. What a dead or renewed
 * producer held may still arrive, a prefix per partition, at any later time. */
#include "tests/simulator/bus.h"

#include <string.h>

/* ---- the group ---- */

/* Only what its service reads is dealt out. */
void group_decide(int group, bool at_random)
{
	int members[WORKERS_MAX], count = 0;

	const struct service *service = NULL;
	char text[200] = "";
	size_t n = 0;

	for (int i = 0; i < world.actor_count; i++) {
		if (world.actors[i].group != group)
			continue;
		service = world.actors[i].service;
		if (world.actors[i].member)
			members[count++] = i;
	}
	for (int topic = 0; service && service->topics[topic].name; topic++) {
		int (*owner)[LANES] = &world.broker.owner[group][log_of(service->topics[topic].name)];

		for (int lane = 0; lane < LANES; lane++)
			(*owner)[lane] = !count ? -1 : members[at_random ? chance(count) : lane * count / LANES];
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %d %d", (*owner)[0], (*owner)[1]);
	}
	world.broker.generation[group]++;
	say("group of %s:%s", service ? service->name : "nobody", text);
	broker_ring();
}

static void tell(struct bus *bus, bool owned)
{
	int topics[LOGS * LANES];
	int32_t partitions[LOGS * LANES];
	size_t count = 0;

	for (int topic = 0; bus->topics[topic]; topic++) {
		for (int lane = 0; lane < LANES; lane++) {
			if (owned)
				bus->owns[topic][lane] = world.broker.owner[bus->actor->group][log_of(bus->topics[topic])][lane] ==
							 bus->actor->number;
			if (!bus->owns[topic][lane])
				continue;
			topics[count] = topic;
			partitions[count++] = lane;
		}
	}
	memset(bus->reads, 0, sizeof(bus->reads));
	bus->callbacks.ownership(bus->callbacks.userdata, owned, topics, partitions, count);
	if (!owned) {
		memset(bus->owns, 0, sizeof(bus->owns));
		memset(bus->reads, 0, sizeof(bus->reads));
	}
}

/* A revocation and, some polls later, what was given instead. */
static void group_poll(struct bus *bus)
{
	struct actor *actor = bus->actor;

	actor->heard_at = world.now;
	if (!actor->member) {
		if (broker_down())
			return;
		actor->member = true;
		group_decide(actor->group, false);
	}
	if (bus->generation == world.broker.generation[actor->group] || once_in(2))
		return;
	if (bus->given) {
		bus->given = false;
		tell(bus, false);
		return;
	}
	if (broker_down())
		return;
	bus->generation = world.broker.generation[actor->group];
	bus->given = true;
	tell(bus, true);
}

/* ---- the consumer ---- */

enum verdict bus_new(const struct bus_options *options, const struct bus_callbacks *callbacks, struct bus **ret_bus, struct fault *fault)
{
	struct bus *bus = arena_zero(&world.arena, sizeof(*bus));

	(void)options, (void)fault;
	bus->actor = world.current;
	bus->callbacks = *callbacks;
	bus->generation = -1;
	bus->queue = arena_zero(&world.arena, sizeof(*bus->queue));
	table_add(buses, bus);
	*ret_bus = bus;
	return OK;
}

int bus_fd(const struct bus *bus)
{
	(void)bus;
	return -1;
}

enum verdict bus_subscribe(struct bus *bus, const char *const *topics, struct fault *fault)
{
	(void)fault;
	bus->topics = topics;
	while (topics[bus->topic_count])
		bus->topic_count++;
	return OK;
}

enum verdict bus_assign(struct bus *bus, const struct bus_position *positions, size_t count, struct fault *fault)
{
	(void)fault;
	memset(bus->reads, 0, sizeof(bus->reads));
	for (size_t i = 0; i < count; i++) {
		bus->reads[positions[i].topic][positions[i].partition] = true;
		bus->positions[positions[i].topic][positions[i].partition] = positions[i].offset;
	}
	return OK;
}

void bus_pause(struct bus *bus, int topic, int32_t partition, bool pause)
{
	(void)bus, (void)topic, (void)partition, (void)pause;
}

static void look(struct bus *bus)
{
	if (bus->down == broker_down())
		return;
	bus->down = broker_down();
	bus->callbacks.reachable(bus->callbacks.userdata, bus->down, "away");
}

bool bus_poll(struct bus *bus, struct arena *arena, struct bus_record *ret_record)
{
	int places = bus->topic_count * LANES, from = (int)chance(places);

	group_poll(bus);
	look(bus);
	if (broker_down())
		return false;
	for (int i = 0; i < places; i++) {
		int topic = (from + i) % places / LANES, lane = (from + i) % LANES;
		/* Not all that is there has been fetched. */
		if (!bus->reads[topic][lane] || once_in(4))
			continue;
		int64_t offset = bus->positions[topic][lane];
		enum log log = log_of(bus->topics[topic]);
		if (offset > (int64_t)world.broker.logs[log][lane].count)
			violated("%s/%d: read from %lld, behind its end", bus->topics[topic], lane, (long long)offset);
		if (offset >= (int64_t)world.broker.logs[log][lane].count)
			continue;
		const struct entry *record = world.broker.logs[log][lane].items[offset];
		bus->positions[topic][lane]++;
		*ret_record = (struct bus_record){ topic, lane, offset, str_copy(arena, record->key), str_copy(arena, record->value),
						   record->headers, record->header_count };
		return true;
	}
	return false;
}

enum verdict bus_watermarks(struct bus *bus, const char *topic, int32_t partition, int64_t *ret_low, int64_t *ret_high, int limit_ms,
			    struct fault *fault)
{
	(void)bus, (void)limit_ms;
	if (broker_down())
		return fault_set(fault, RETRY, "kafka: offsets of %s are not known", topic);
	*ret_low = 0;
	*ret_high = (int64_t)world.broker.logs[log_of(topic)][partition].count;
	return OK;
}

enum verdict bus_partitions(struct bus *bus, const char *topic, int32_t *ret_count, int limit_ms, struct fault *fault)
{
	(void)bus, (void)limit_ms;
	if (broker_down())
		return fault_set(fault, RETRY, "kafka: the partitions of %s are not known", topic);
	*ret_count = LANES;
	return OK;
}

void bus_report_positions(struct bus *bus, const struct bus_position *positions, size_t count)
{
	(void)bus, (void)positions, (void)count;
}

/* ---- the producer ---- */

void bus_serve(struct bus *bus)
{
	while (bus->told < bus->reports.count && !once_in(6)) {
		const struct report *told = bus->reports.items[bus->told++];

		bus->outstanding--;
		bus->callbacks.delivered(bus->callbacks.userdata, told->ok, told->tag, told->seq, told->ok ? NULL : "refused");
	}
	look(bus);
}

enum verdict bus_produce(struct bus *bus, const char *topic, int32_t partition, struct str key, struct str value,
			 const struct bus_header *headers, size_t header_count, uint64_t tag, int64_t seq, struct fault *fault)
{
	if (bus->failed)
		return fault_set(fault, FATAL, "kafka: the producer has failed");
	if (once_in(50))
		return fault_set(fault, RETRY, "kafka: the producer's queue is full");
	struct message *message = arena_zero(&world.arena, sizeof(*message));
	struct bus_header *copies = arena_alloc(&world.arena, (header_count + 1) * sizeof(*copies));
	for (size_t i = 0; i < header_count; i++)
		copies[i] = (struct bus_header){ str_copy(&world.arena, headers[i].name), str_copy(&world.arena, headers[i].value) };
	*message = (struct message){ log_of(topic), partition, { str_copy(&world.arena, key), str_copy(&world.arena, value), copies,
				     header_count }, tag, seq };
	table_add(bus->queue->messages, message);
	bus->outstanding++;
	return OK;
}

/* What is left of a producer arrives later: of each partition as much as the wire held. */
static void orphan(struct bus *bus)
{
	bool ends[LOGS][LANES] = { 0 };
	struct queue *queue = bus->queue;
	size_t kept = 0;

	bus->queue = arena_zero(&world.arena, sizeof(*bus->queue));
	table_each(queue->messages, i) {
		struct message *message = queue->messages.items[i];
		bool *end = &ends[message->log][message->partition];

		*end = *end || once_in(3);
		if (!*end)
			queue->messages.items[kept++] = message;
	}
	queue->messages.count = kept;
	queue->not_before = world.now + chance(once_in(2) ? 20 * MILLISECOND : 3 * SECOND);
	if (kept)
		table_add(world.broker.orphans, queue);
}

enum verdict bus_renew_producer(struct bus *bus, struct fault *fault)
{
	(void)fault;
	orphan(bus);
	bus->reports.count = bus->told = bus->outstanding = 0;
	bus->failed = false;
	return OK;
}

bool bus_flush(struct bus *bus, int limit_ms)
{
	int64_t until = world.now + limit_ms * MILLISECOND;

	while (bus->outstanding > 0 && !bus->failed && world.now < until) {
		bus->actor->wake_at = world.now + 20 * MILLISECOND;
		actor_yield();
		bus_serve(bus);
	}
	return bus->outstanding == 0;
}

size_t bus_outstanding(const struct bus *bus)
{
	return bus->outstanding;
}

void bus_died(struct bus *bus)
{
	if (!bus || bus->gone)
		return;
	orphan(bus);
	bus->gone = true;
}

void bus_free(struct bus *bus, int limit_ms)
{
	(void)limit_ms;
	bus_died(bus);
}
