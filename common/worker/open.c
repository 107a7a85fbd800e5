/* What a worker is made of: its connection, its bus and what the bus tells it; and a stop in good order. */
#include "common/worker/inner.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/io/journal.h"

#define FLUSH_MS 5000
#define LEAVE_MS 2000

/* ---- what the bus says ---- */

static void on_ownership(void *userdata, bool owned, const int *topics, const int32_t *partitions, size_t count)
{
	struct worker *worker = userdata;
	worker->group_joined = true;
	worker->assignment_changed = true;
	for (size_t i = 0; i < count; i++) {
		struct source *source = source_add(worker, topics[i], partitions[i]);
		/* Also when it is not taken at the moment: the service has to hear of it. */
		source->release = !owned && (source->owned || source->release);
		source->owned = owned;
		source->placed = false;
	}
	FAILPOINT_WHEN(owned, "assign.told");
	FAILPOINT_WHEN(!owned, "revoke.told");
	journal_info("%zu lane%s and other partitions %s", count, count == 1 ? "" : "s", owned ? "are ours now" : "are no longer ours");
	worker->status_at = 0;
}

static void on_delivered(void *userdata, bool ok, uint64_t tag, int64_t seq, const char *error)
{
	struct worker *worker = userdata;
	if (ok)
		publish_acknowledged(worker, tag, seq);
	if (ok || !RULE("r4-rebuild"))
		return;
	if (!worker->producer_failed)
		journal_warning("publishing failed (%s); the producer is made anew and goes on at the last acknowledged fact", error);
	worker->producer_failed = true;
}

static void on_reachable(void *userdata, bool down, const char *why)
{
	struct worker *worker = userdata;
	/* One line each way for one outage: at a start it is told by the topics that are not known. */
	if (down && !worker->broker_down && !worker->topics_unknown)
		journal_warning("broker: %s; everything waits, no more lines until it is back", why);
	if (!down && worker->broker_down && !worker->topics_unknown)
		journal_notice("broker: back");
	worker->broker_down = down;
	worker->status_at = 0;
}

static void on_fatal(void *userdata, const char *why)
{
	struct worker *worker = userdata;
	journal_error("broker: %s; stopping, nothing is lost", why);
	worker->exit_status = 1;
	worker->stopping = true;
}

static void on_idle(void *userdata)
{
	struct worker *worker = userdata;
	if (!worker->stopping)
		(void)read_records(worker, 64);
}

/* ---- start and stop ---- */

enum verdict worker_open(struct worker *worker, const void *service_conf, struct fault *fault)
{
	const struct service *service = worker->service;
	const char *sql[16] = { "common/worker/ledger.sql", "common/worker/ticket.sql", "common/worker/knowledge.sql" };
	size_t n = 3;
	for (size_t i = 0; service->sql && service->sql[i] && n < array_count(sql) - 1; i++)
		sql[n++] = service->sql[i];
	char client[64], group[64], instance[192];
	snprintf(client, sizeof(client), "aftercare-%s", service->name);
	snprintf(group, sizeof(group), "aftercare-%s", service->name);
	snprintf(instance, sizeof(instance), "aftercare-%s-%s", service->name, worker->conf.instance);
	worker->db = db_new(worker->conf.database, client, service->name, sql);
	db_set_password(worker->db, worker->conf.database_password);
	db_set_idle(worker->db, on_idle, worker);

	enum verdict verdict = service->open ? service->open(worker, service_conf, &worker->state, fault) : OK;
	if (verdict)
		return verdict;
	for (int i = 0; service->topics[i].name && i < TOPICS_MAX - 1; i++)
		worker->topics[i] = service->topics[i].name;
	struct bus_options options = { .brokers = worker->conf.brokers, .client = client, .group = group, .instance = instance,
				       .gather_ms = (int)(service->fetch_wait / MILLISECOND) };
	options.passes = conf_passes(worker->conf_owner, &options.pass_count);
	const struct bus_callbacks callbacks = { on_ownership, on_delivered, on_reachable, on_fatal, worker };
	verdict = bus_new(&options, &callbacks, &worker->bus, fault);
	if (verdict)
		return verdict;
	if (worker->conf.metrics_listen && *worker->conf.metrics_listen) {
		verdict = metrics_new(worker->conf.metrics_listen, worker_metrics, worker_healthy, worker, &worker->metrics, fault);
		if (verdict)
			return verdict;
	}
	return bus_subscribe(worker->bus, worker->topics, fault);
}

void worker_stop(struct worker *worker)
{
	FAILPOINT("stop.begun");
	(void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
	if (worker->bus && !worker->producer_failed && !worker->broker_down)
		(void)bus_flush(worker->bus, FLUSH_MS);
	FAILPOINT("stop.flushed");
	if (worker->db && db_connected(worker->db)) {
		struct fault fault = FAULT_NONE;
		for (size_t i = 0; i < worker->source_count; i++)
			worker->sources[i]->release = true;
		arena_reset(&worker->batch_arena);
		if (sources_beat(worker, true, &fault))
			journal_warning("leaving: %s; the next owner checks what was going on", fault.text);
	}
	FAILPOINT("stop.left");
	/* No leaving of the group: with static membership the same instance comes back to its lanes without a rebalance. */
	bus_free(worker->bus, LEAVE_MS);
	FAILPOINT("stop.closed");
	for (size_t i = 0; i < worker->source_count; i++)
		source_free(worker->sources[i]);
	mem_free(worker->sources);
	if (worker->service->close && worker->state)
		worker->service->close(worker->state);
	metrics_free(worker->metrics);
	db_free(worker->db);
	arena_done(&worker->batch_arena);
	arena_done(&worker->spare_arena);
	arena_done(&worker->scratch_arena);
}
