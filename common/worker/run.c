/* worker_main: arguments, configuration, signals, the event loop around worker_turn.
 *
 * Exit status: 0 asked to stop, 78 misconfigured (starting again cannot help), 1 anything else. */
#include "common/worker/inner.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "common/io/journal.h"

static const struct conf_key worker_keys[] = {
	{ "brokers", CONF_STRING, NULL, 0, 0, offsetof(struct worker_conf, brokers),
	  "Kafka's bootstrap servers, host:port separated by commas. TLS and SASL: kafka.security.protocol and so on." },
	{ "database", CONF_STRING, NULL, 0, 0, offsetof(struct worker_conf, database),
	  "libpq connection string of this daemon's role; without a password (see database_password)." },
	{ "database_password", CONF_SECRET, "", 0, 0, offsetof(struct worker_conf, database_password),
	  "The role's password: credential:NAME or file:PATH." },
	{ "instance", CONF_STRING, "1", 0, 0, offsetof(struct worker_conf, instance),
	  "Name of this instance, unique among the daemons of this service; the same after a restart." },
	{ "metrics_listen", CONF_STRING, "", 0, 0, offsetof(struct worker_conf, metrics_listen),
	  "Address of /metrics and /healthz, 127.0.0.1:9100; empty: none." },
	{ "log_level", CONF_STRING, "info", 0, 0, offsetof(struct worker_conf, log_level),
	  "error, warning, notice, info or debug." },
	{ "log_lost", CONF_STRING, "stop", 0, 0, offsetof(struct worker_conf, log_lost),
	  "When a topic ends before our position (it was made anew): stop, or rewind to its beginning under a new incarnation." },
	{ "batch_max_events", CONF_INT, "500", 1, BATCH_EVENTS_MAX, offsetof(struct worker_conf, batch_max_events),
	  "Events of one transaction at most." },
	{ "outstanding_max", CONF_INT, "20000", 1000, 90000, offsetof(struct worker_conf, outstanding_max),
	  "Facts handed to the producer and not yet acknowledged, at most; beyond that input waits." },
	{ "outbox_keep", CONF_INT, "20000", 0, INT64_MAX, offsetof(struct worker_conf, outbox_keep),
	  "Published rows that each source keeps in its outbox, for publishing again after a broker's loss." },
	{ "reconnect_max", CONF_DURATION, "1s", 100 * MILLISECOND, MINUTE, offsetof(struct worker_conf, reconnect_max),
	  "Longest pause between attempts to reach the database." },
	{ "simulated_clock", CONF_STRING, "", 0, 0, offsetof(struct worker_conf, simulated_clock),
	  "REAL SIMULATED RATE: at the real time REAL it is SIMULATED (both RFC 3339), then RATE times as fast. Only for demos and "
	  "rehearsals; every daemon and aftercarectl must have the same." },
	{ 0 }
};

/* ---- loop ---- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct worker *worker = userdata;
	(void)source;
	(void)info;
	worker->stopping = true;
	return 0;
}

static int on_bus(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	uint64_t count;
	(void)source;
	(void)events;
	(void)userdata;
	while (read(fd, &count, sizeof(count)) == sizeof(count))
		;
	return 0;
}

static int on_metrics(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct worker *worker = userdata;
	(void)source;
	(void)fd;
	(void)events;
	metrics_serve(worker->metrics);
	return 0;
}

static int on_service_fd(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	/* The turn that follows looks at it. */
	(void)source;
	(void)fd;
	(void)events;
	(void)userdata;
	return 0;
}

static int loop_open(struct worker *worker, sd_event **ret_loop)
{
	sd_event *loop = NULL;
	int r = sd_event_default(&loop);
	if (r >= 0)
		r = sd_event_add_signal(loop, NULL, SIGTERM, on_signal, worker);
	if (r >= 0)
		r = sd_event_add_signal(loop, NULL, SIGINT, on_signal, worker);
	if (r >= 0)
		r = sd_event_add_io(loop, NULL, bus_fd(worker->bus), EPOLLIN, on_bus, worker);
	if (r >= 0 && worker->metrics)
		r = sd_event_add_io(loop, NULL, metrics_fd(worker->metrics), EPOLLIN, on_metrics, worker);
	if (r >= 0)
		r = sd_event_set_watchdog(loop, true);
	*ret_loop = loop;
	return r;
}

static void loop_run(struct worker *worker, sd_event *loop)
{
	sd_event_source *service_source = NULL;
	int service_fd = -1;
	int64_t wait = 0, served_at = 0;
	while (!worker->stopping) {
		int r = sd_event_run(loop, (uint64_t)wait);
		if (r < 0 && r != -EINTR) {
			journal_error("event loop: %s; stopping", strerror(-r));
			worker->exit_status = 1;
			return;
		}
		wait = worker_turn(worker);
		if (worker->metrics && worker_monotonic() - served_at > SECOND) {
			served_at = worker_monotonic();
			metrics_serve(worker->metrics);
		}
		if (worker->wait_fd != service_fd) {
			service_source = sd_event_source_disable_unref(service_source);
			service_fd = worker->wait_fd;
			if (service_fd >= 0)
				(void)sd_event_add_io(loop, &service_source, service_fd, EPOLLIN, on_service_fd, worker);
		}
	}
	sd_event_source_disable_unref(service_source);
}

/* ---- start ---- */

static int usage(FILE *out, const struct service *service)
{
	fprintf(out,
		"usage: aftercare-%s [--config FILE] [--check-config | --print-config | --config-reference | --help]\n\n%s\n\n"
		"  --config FILE         read FILE (default /etc/aftercare/%s.conf)\n"
		"  --check-config        say whether the configuration is right, and stop\n"
		"  --print-config        print every key with its value in force, and stop\n"
		"  --config-reference    print what every key means, and stop\n\n"
		"It runs until SIGTERM and tells systemd how it is. See aftercare(7).\n",
		service->name, service->summary, service->name);
	return out == stderr ? EX_USAGE : 0;
}

static enum journal_level level_of(const char *name)
{
	static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
	for (size_t i = 0; i < array_count(names); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum journal_level)(JOURNAL_ERROR + i);
	}
	return JOURNAL_INFO;
}

static int worker_run(struct worker *worker, const void *service_conf)
{
	/* librdkafka's threads would each keep a heap of their own, and none gives back what it once needed. */
	(void)mallopt(M_ARENA_MAX, 2);
	/* Blocked before librdkafka makes its threads, which inherit the mask. */
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);

	struct fault fault = FAULT_NONE;
	sd_event *loop = NULL;
	enum verdict verdict = worker_open(worker, service_conf, &fault);
	if (verdict) {
		journal_error("%s; nothing was started", fault.text);
		worker_stop(worker);
		return EX_CONFIG;
	}
	int r = loop_open(worker, &loop);
	if (r < 0) {
		journal_error("event loop: %s", strerror(-r));
		worker->exit_status = 1;
	} else {
		journal_notice("started");
		loop_run(worker, loop);
		if (bus_fenced(worker->bus) && worker_has_rival(worker)) {
			journal_error("another process runs as instance = %s and has taken our lanes; give each a name of its own, "
				      "starting this one again would only push the other out", worker->conf.instance);
			worker->exit_status = EX_CONFIG;
		}
	}
	worker_stop(worker);
	sd_event_unref(loop);
	journal_notice("stopped");
	return worker->exit_status;
}

/* False after it has said what is wrong. */
static bool clock_open(struct worker *worker, const char *config)
{
	const char *text = worker->conf.simulated_clock ? worker->conf.simulated_clock : "";
	if (!pace_parse(str_of(text), &worker->pace)) {
		journal_error("%s: simulated_clock = %s: not REAL SIMULATED RATE, two RFC 3339 times and a number from 0.01 "
			      "to 100000; nothing was started", config, text);
		return false;
	}
	if (worker->pace.rate != 0)
		journal_warning("the clock is simulated (%s): no real customer's limits are watched", text);
	return true;
}

/* What only the service can judge (templates, addresses) is judged too; nothing is connected. */
static int config_check(struct worker *worker, const void *service_conf, const char *identifier, const char *config)
{
	const struct service *service = worker->service;
	struct fault fault = FAULT_NONE;
	if (service->open && service->open(worker, service_conf, &worker->state, &fault)) {
		journal_error("%s: %s", config, fault.text);
		return EX_CONFIG;
	}
	if (service->close && worker->state)
		service->close(worker->state);
	printf("%s: %s is right\n", identifier, config);
	return 0;
}

int worker_main(const struct service *service, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },      { "check-config", no_argument, NULL, 'k' },
		{ "print-config", no_argument, NULL, 'p' },      { "config-reference", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },              { 0 }
	};
	failpoint_list(argc, argv);
	char path[128];
	snprintf(path, sizeof(path), "/etc/aftercare/%s.conf", service->name);
	const char *config = path;
	int mode = 0;
	for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		if (c == 'c')
			config = optarg;
		else if (c == 'h')
			return usage(stdout, service);
		else if (c == '?')
			return usage(stderr, service);
		else
			mode = c;
	}
	if (optind < argc)
		return usage(stderr, service);

	struct worker worker = { .service = service, .wait_fd = -1, .wake_at = INT64_MAX };
	void *service_conf = mem_zero(service->conf_size + 1);
	static const struct conf_key no_keys[] = { { 0 } };
	const struct conf_table tables[] = { { worker_keys, &worker.conf },
					     { service->keys ? service->keys : no_keys, service_conf }, { 0 } };
	char identifier[64];
	snprintf(identifier, sizeof(identifier), "aftercare-%s", service->name);
	if (mode == 'r') {
		conf_reference(tables, stdout);
		mem_free(service_conf);
		return 0;
	}
	struct fault fault = FAULT_NONE;
	int status = 0;
	journal_open(identifier, JOURNAL_INFO);
	if (conf_load(config, tables, stderr, &worker.conf_owner, &fault)) {
		journal_error("%s", fault.text);
		mem_free(service_conf);
		return EX_CONFIG;
	}
	if (!clock_open(&worker, config))
		status = EX_CONFIG;
	else if (mode == 'p')
		conf_print(worker.conf_owner, tables, stdout);
	else if (mode == 'k')
		status = config_check(&worker, service_conf, identifier, config);
	else {
		journal_open(identifier, level_of(worker.conf.log_level));
		status = worker_run(&worker, service_conf);
	}
	conf_free(worker.conf_owner);
	mem_free(service_conf);
	return status;
}
