/* What the worker says of itself: sd_notify's READY and STATUS, /metrics, /healthz. */
#include "common/worker/inner.h"

#include <systemd/sd-daemon.h>

#include "common/io/journal.h"

void worker_status(struct worker *worker)
{
	int64_t monotonic = worker_monotonic();
	size_t owned = 0, taken = 0;
	for (size_t i = 0; i < worker->source_count; i++) {
		owned += worker->sources[i]->owned;
		taken += worker->sources[i]->owned && worker->sources[i]->taken;
	}
	bool broker_down = worker->broker_down || worker->topics_unknown;
	if (!worker->ready && worker->group_joined && !worker->database_down && !broker_down && owned == taken &&
	    db_connected(worker->db)) {
		worker->ready = true;
		(void)sd_notify(0, "READY=1");
		journal_notice("ready: %zu partitions", owned);
		worker->status_at = 0;
	}
	if (monotonic < worker->status_at + SECOND && worker->status_at)
		return;
	double seconds = worker->status_at ? (double)(monotonic - worker->status_at) / (double)SECOND : 1;
	double rate = (double)(worker->counters.events - worker->status_events) / seconds;
	worker->status_at = monotonic;
	worker->status_events = worker->counters.events;
	if (worker->database_down)
		(void)sd_notifyf(0, "STATUS=waiting for the database for %lld s",
				 (long long)((monotonic - worker->database_down_at) / SECOND));
	else if (broker_down)
		(void)sd_notify(0, "STATUS=waiting for the broker");
	else if (!worker->ready)
		(void)sd_notify(0, "STATUS=joining the group");
	else
		(void)sd_notifyf(0, "STATUS=%zu partitions, %.0f events/s, %llu refused, %zu facts not yet acknowledged", taken, rate,
				 (unsigned long long)worker->counters.refused, bus_outstanding(worker->bus));
}

void worker_metrics(void *userdata, struct buf *out)
{
	struct worker *worker = userdata;
	const struct counters *c = &worker->counters;
	const char *name = worker->service->name;
	const struct {
		const char *name, *type, *help;
		double value;
	} lines[] = {
		{ "aftercare_events_total", "counter", "Events that took effect, were refused or were repeats.", (double)c->events },
		{ "aftercare_skipped_total", "counter", "Records passed over unread.", (double)c->skipped },
		{ "aftercare_repeats_total", "counter", "Events that had been handled before.", (double)c->repeats },
		{ "aftercare_refused_total", "counter", "Dead letters written.", (double)c->refused },
		{ "aftercare_facts_total", "counter", "Records committed to the outbox.", (double)c->facts },
		{ "aftercare_published_total", "counter", "Records acknowledged by the broker.", (double)c->acknowledged },
		{ "aftercare_batches_total", "counter", "Transactions committed.", (double)c->batches },
		{ "aftercare_timers_total", "counter", "Timers fired.", (double)c->timers },
		{ "aftercare_takes_total", "counter", "Sources taken.", (double)c->takes },
		{ "aftercare_retries_total", "counter", "Transactions given up because of an outage or a lost row.", (double)c->retries },
		{ "aftercare_outstanding", "gauge", "Records handed to the producer and not yet acknowledged.",
		  (double)bus_outstanding(worker->bus) },
		{ "aftercare_timer_lateness_seconds", "gauge", "How late the last timer was fired.",
		  (double)c->lateness / (double)SECOND },
		{ "aftercare_database_up", "gauge", "1 when the database is reached.", worker->database_down ? 0 : 1 },
		{ "aftercare_broker_up", "gauge", "1 when the broker is reached.",
		  worker->broker_down || worker->topics_unknown ? 0 : 1 },
	};
	for (size_t i = 0; i < array_count(lines); i++)
		metrics_line(out, lines[i].name, lines[i].type, lines[i].help, "service", name, lines[i].value);
	if (worker->service->metrics)
		worker->service->metrics(worker->state, out);
}

bool worker_healthy(void *userdata)
{
	const struct worker *worker = userdata;
	return worker->ready && !worker->database_down && !worker->broker_down && !worker->topics_unknown;
}
