/* librdkafka instances: their settings, their end, and whether they have a broker.
 *
 * The settings are part of the protocol (one row of offsets in PostgreSQL, one gapless producer), so those that
 * correctness rests on cannot be overruled by the configuration. Instances are destroyed by a thread each, because
 * rd_kafka_destroy waits for its own threads and has known hangs in 2.0.2; our thread never waits for it.
 * Logs are dropped: what matters comes as errors, and stderr belongs to the journal. */
#define _GNU_SOURCE  /* pthread_clockjoin_np */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/bus_internal.h"

/* How long "all brokers down" stands before it is told: an idle connection that the broker closed looks the same. */
#define ALARM_PATIENCE_MS 1000

struct setting {
	const char *name;
	const char *value;
};

static const struct setting common_settings[] = {
	{ "socket.nagle.disable", "true" },
	{ "socket.keepalive.enable", "true" },
	{ "socket.connection.setup.timeout.ms", "10000" },
	{ "reconnect.backoff.ms", "100" },
	{ "reconnect.backoff.max.ms", "2000" },
	{ "topic.metadata.refresh.interval.ms", "30000" },  /* a topic made later is found in this time */
	{ NULL, NULL },
};

static const struct setting consumer_settings[] = {
	{ "enable.auto.commit", "false" },
	{ "enable.auto.offset.store", "false" },
	{ "auto.offset.reset", "error" },
	{ "partition.assignment.strategy", "range" },
	{ "enable.partition.eof", "false" },
	{ "check.crcs", "true" },
	{ "session.timeout.ms", "6000" },
	{ "heartbeat.interval.ms", "1000" },
	{ "max.poll.interval.ms", "60000" },
	{ "queued.min.messages", "5000" },
	{ "queued.max.messages.kbytes", "16384" },
	{ "fetch.message.max.bytes", "262144" },  /* of one partition; a larger record still comes, alone */
	{ "fetch.wait.max.ms", "50" },
	{ "fetch.error.backoff.ms", "100" },
	{ NULL, NULL },
};

static const struct setting producer_settings[] = {
	{ "enable.idempotence", "true" },
	{ "enable.gapless.guarantee", "true" },
	{ "message.timeout.ms", "0" },
	{ "acks", "all" },
	{ "linger.ms", "2" },
	/* The worker bounds what is under way (outstanding_max); this is only the ceiling above it. */
	{ "queue.buffering.max.messages", "100000" },
	{ "message.max.bytes", "4000000" },
	{ "queue.buffering.max.kbytes", "262144" },
	{ NULL, NULL },
};

/* With any other value of these, events could be lost, skipped or reordered. */
static const char *const guarded[] = {
	"acks", "auto.offset.reset", "bootstrap.servers", "client.id", "delivery.timeout.ms", "enable.auto.commit",
	"enable.auto.offset.store", "enable.gapless.guarantee", "enable.idempotence", "enable.partition.eof", "group.id",
	"group.instance.id", "message.timeout.ms", "metadata.broker.list", "partition.assignment.strategy",
	"request.required.acks", "transactional.id",
};

/* See bus_client_new. Kept only so that leak checkers see it. */
static rd_kafka_conf_t *unusable_conf __attribute__((used));

int64_t bus_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void bus_ring(struct bus *bus)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full, and then the bell rings already. */
	if (write(bus->eventfd, &one, sizeof(one)) < 0)
		return;
}

static void drop_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle;
	(void)level;
	(void)facility;
	(void)text;
}

/* Runs in librdkafka's threads. A connection is "UP" when the broker has let us in, not when it is made. */
static rd_kafka_resp_err_t on_broker_state(rd_kafka_t *handle, int32_t id, const char *protocol, const char *name, int port,
					   const char *state, void *opaque)
{
	struct client *client = opaque;
	bool up = strcmp(state, "UP") == 0;

	(void)handle, (void)id, (void)protocol, (void)port;
	if (up)
		atomic_store(&client->up_at, bus_clock());
	/* librdkafka's own name for it, whichever node that is; it has one thread, in which all of its states are told. While a group
	 * is new its coordinator may move before we belong to it: that is no loss. */
	if (strcmp(name, "GroupCoordinator") != 0)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	if (client->coordinated && client->member && strcmp(state, "DOWN") == 0)
		atomic_store(&client->left_at, bus_clock());
	client->coordinated = up;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *handle, const rd_kafka_conf_t *conf, void *opaque, char *why, size_t size)
{
	(void)conf, (void)why, (void)size;
	((struct client *)opaque)->intercepted = true;
	return rd_kafka_interceptor_add_on_broker_state_change(handle, "aftercare", on_broker_state, opaque);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct fault *fault)
{
	char why[300];

	if (!value || rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return true;
	(void)fault_set(fault, FATAL, "kafka.%s: %s", name, why);
	return false;
}

static bool set_all(rd_kafka_conf_t *conf, const struct setting *settings, struct fault *fault)
{
	for (; settings->name; settings++)
		if (!set(conf, settings->name, settings->value, fault))
			return false;
	return true;
}

/* From 2.2 on librdkafka can be told how long it looks away once its queue was full; see bus_consume.c for those before. */
static void set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[300];

	(void)rd_kafka_conf_set(conf, name, value, why, sizeof(why));
}

static bool set_passes(rd_kafka_conf_t *conf, const struct bus *bus, struct fault *fault)
{
	for (size_t i = 0; i < bus->pass_count; i++) {
		for (size_t j = 0; j < array_count(guarded); j++)
			if (strcmp(bus->passes[i].name, guarded[j]) == 0) {
				(void)fault_set(fault, FATAL, "kafka.%s: may not be set here: correctness rests on it, or it has "
						"a key of its own", guarded[j]);
				return false;
			}
		if (!set(conf, bus->passes[i].name, bus->passes[i].value, fault))
			return false;
	}
	return true;
}

/* Each fetch costs the broker and us the same whatever it brings; who is in no hurry lets more come together. */
static bool set_gathering(rd_kafka_conf_t *conf, const struct bus *bus, struct fault *fault)
{
	char wait[16];

	if (bus->gather_ms <= 0)
		return true;
	snprintf(wait, sizeof(wait), "%d", bus->gather_ms);
	return set(conf, "fetch.min.bytes", "1048576", fault) && set(conf, "fetch.wait.max.ms", wait, fault);
}

static bool configure(rd_kafka_conf_t *conf, struct bus *bus, bool producer, struct client *client, struct fault *fault)
{
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_log_cb(conf, drop_log);
	rd_kafka_conf_set_error_cb(conf, bus_on_error);
	if (producer)
		rd_kafka_conf_set_dr_msg_cb(conf, bus_on_delivery);
	else
		rd_kafka_conf_set_rebalance_cb(conf, bus_on_rebalance);
	(void)rd_kafka_conf_interceptor_add_on_new(conf, "aftercare", on_new, client);
	if (!producer)
		set_if_known(conf, "fetch.queue.backoff.ms", "10");
	return set(conf, "bootstrap.servers", bus->brokers, fault) && set(conf, "client.id", bus->client_id, fault) &&
	       set_all(conf, common_settings, fault) &&
	       set_all(conf, producer ? producer_settings : consumer_settings, fault) &&
	       (!producer || set(conf, "enable.gapless.guarantee", RULE("r4-gapless") ? NULL : "false", fault)) &&
	       (producer || (set_gathering(conf, bus, fault) && set(conf, "group.id", bus->group, fault) &&
			     set(conf, "group.instance.id", bus->instance, fault))) &&
	       set_passes(conf, bus, fault);
}

static size_t queue_limit(const rd_kafka_t *handle)
{
	char text[32] = "";
	size_t size = sizeof(text);

	(void)rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *)(uintptr_t)handle), "queue.buffering.max.messages", text, &size);
	return strtoul(text, NULL, 10);
}

enum verdict bus_client_new(struct bus *bus, bool producer, struct client **ret_client, struct fault *fault)
{
	const uint64_t one = 1;
	struct client *client = mem_zero(sizeof(*client));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[400];

	client->bus = bus;
	if (!configure(conf, bus, producer, client, fault)) {
		rd_kafka_conf_destroy(conf);
		mem_free(client);
		return fault->verdict;
	}
	client->handle = rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!client->handle) {
		/* After a late failure (TLS files, for one) 2.0.2 has freed our interceptor's entry, and destroying
		 * the conf would free it again. Kept instead: this ends in a stop of the process. */
		if (client->intercepted)
			unusable_conf = conf;
		else
			rd_kafka_conf_destroy(conf);
		mem_free(client);
		return fault_set(fault, FATAL, "kafka: %s", why);
	}
	if (!producer)
		(void)rd_kafka_poll_set_consumer(client->handle);
	client->queue = producer ? rd_kafka_queue_get_main(client->handle) : rd_kafka_queue_get_consumer(client->handle);
	rd_kafka_queue_io_event_enable(client->queue, bus->eventfd, &one, sizeof(one));
	if (producer)
		bus->queue_max = queue_limit(client->handle);
	*ret_client = client;
	return OK;
}

static void *bury(void *argument)
{
	struct client *client = argument;

	rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	mem_free(client);
	return NULL;
}

void bus_client_retire(struct bus *bus, struct client *client)
{
	pthread_t thread;

	if (!client)
		return;
	/* Before our eventfd's number can belong to somebody else. */
	rd_kafka_queue_io_event_enable(client->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(client->queue);
	client->bus = NULL;
	if (pthread_create(&thread, NULL, bury, client) != 0) {
		bury(client);
		return;
	}
	if (bus->undertaker_count == bus->undertaker_capacity) {
		bus->undertaker_capacity = bus->undertaker_capacity ? bus->undertaker_capacity * 2 : 4;
		bus->undertakers = mem_resize(bus->undertakers, bus->undertaker_capacity * sizeof(*bus->undertakers));
	}
	bus->undertakers[bus->undertaker_count++] = thread;
	bus_undertakers_join(bus, 0);
}

void bus_undertakers_join(struct bus *bus, int64_t deadline)
{
	const struct timespec until = { .tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000 };
	size_t kept = 0;

	for (size_t i = 0; i < bus->undertaker_count; i++) {
		pthread_t thread = bus->undertakers[i];

		if (deadline == 0 && pthread_tryjoin_np(thread, NULL) != 0)
			bus->undertakers[kept++] = thread;
		else if (deadline != 0 && pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) != 0)
			pthread_detach(thread);
	}
	bus->undertaker_count = kept;
}

/* A retired client has no user any more, should its end still bring something. */
void bus_on_error(rd_kafka_t *handle, int error, const char *reason, void *opaque)
{
	struct client *client = opaque;
	char why[300];

	if (!client->bus)
		return;
	if (error == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t cause = rd_kafka_fatal_error(handle, why, sizeof(why));

		if (client == client->bus->producer)
			bus_producer_failed(client->bus, "%s: %s", rd_kafka_err2name(cause), why);
		else
			bus_consumer_failed(client->bus, cause, why);
		return;
	}
	if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		snprintf(client->trouble, sizeof(client->trouble), "%s", reason);
		if (error != RD_KAFKA_RESP_ERR__RESOLVE)
			return;
	}
	if (client->alarm_at == 0)
		client->alarm_at = client->last_alarm_at = bus_clock();
	if (!client->trouble[0])
		snprintf(client->trouble, sizeof(client->trouble), "%s", reason);
}

/* Whether no broker came up since this client's alarm, for long enough to be told. */
static bool unreachable(struct client *client)
{
	if (!client || client->alarm_at == 0)
		return false;
	if (atomic_load(&client->up_at) > client->alarm_at) {
		client->alarm_at = 0;
		client->trouble[0] = '\0';
		return false;
	}
	return bus_clock() - client->alarm_at >= ALARM_PATIENCE_MS;
}

void bus_look(struct bus *bus)
{
	bool consumer = unreachable(bus->consumer), producer = unreachable(bus->producer);
	bool down = consumer || producer || bus->refusal[0];
	const char *why = consumer ? bus->consumer->trouble : producer ? bus->producer->trouble : bus->refusal;

	if (down == bus->down || bus->closing)
		return;
	bus->down = down;
	if (bus->callbacks.reachable)
		bus->callbacks.reachable(bus->callbacks.userdata, down, why);
}

void bus_fatal(struct bus *bus, const char *format, ...)
{
	char why[600];
	va_list args;

	if (bus->dead || bus->closing)
		return;
	bus->dead = true;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (bus->callbacks.fatal)
		bus->callbacks.fatal(bus->callbacks.userdata, why);
}
