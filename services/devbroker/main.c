/* aftercare-devbroker: a broker that speaks the Kafka protocol, for demos and tests on one machine.
 *
 * It is librdkafka's mock cluster as a process of its own, with fixed ports and with topics that exist from the start.
 * What it is not stands in `banner` below and is printed at every start. It must never carry data that anybody needs. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <systemd/sd-daemon.h>

#include "devbroker.h"

enum { TOPICS_MAX = 256, BROKERS_MAX = 16, PARTITIONS_MAX = 1000, SPEED_MAX = 100 };
enum { EXIT_MISCONFIGURED = 100, EXIT_ENVIRONMENT = 111 }; /* as the daemons: 100 is not worth a restart, 111 is */

struct topic {
	const char *name;
	int partitions;
};

struct options {
	int port, brokers, speed;
	size_t n_topics;
	struct topic topics[TOPICS_MAX];
};

static const char banner[] =
    "aftercare-devbroker: a stand-in for Kafka on this machine, for demos and tests only. It is NOT a broker to keep data in:\n"
    "  - nothing is stored: topics, messages and group offsets are gone when it stops\n"
    "  - a partition holds 5 MiB or 100,000 batches; what is older vanishes; messages above 1 MB can vanish at once\n"
    "  - no retention, no compaction, no topic settings; unknown topics appear when asked for, with 4 partitions\n"
    "  - no TLS, no SASL, no ACLs; it listens on 127.0.0.1 only\n"
    "  - transactions are not real, nor is static membership: a member that was killed holds its lanes until its session\n"
    "    times out, also when it comes back under the same group.instance.id\n"
    "  - no topic administration, no list of groups, no search by time\n";

static const char usage[] =
    "usage: aftercare-devbroker --port P [--brokers N] [--speed X] [--topic NAME:PARTITIONS]...\n"
    "\n"
    "  --port P              listen on 127.0.0.1:P (further brokers on P+1, P+2, ...)\n"
    "  --brokers N           so many brokers in this one process, 1 to 16 (default 1)\n"
    "  --topic NAME:COUNT    a topic that exists from the start; may be repeated\n"
    "  --speed X             its clock runs X times as fast, 1 to 100 (default 1): the first join of a group takes 3 s / X,\n"
    "                        an empty fetch waits for fetch.wait.max.ms / X, and a session ends after session.timeout.ms / X.\n"
    "                        Give clients a session.timeout.ms that is X times what is wanted\n"
    "  --help\n"
    "\n"
    "Sends READY=1 to NOTIFY_SOCKET when it listens. SIGTERM or SIGINT stops it.\n"
    "Exit status: 0 asked to stop, 100 wrong arguments, 111 cannot listen.\n";

/* A number in [min, max] or -1. */
static int number(const char *text, int min, int max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max)
		return -1;
	return (int)value;
}

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "aftercare-devbroker: %s: %s (see --help)\n", what, value);
	return EXIT_MISCONFIGURED;
}

static int add_topic(struct options *o, char *spec)
{
	char *colon = strrchr(spec, ':');
	int partitions = colon ? number(colon + 1, 1, PARTITIONS_MAX) : -1;

	if (partitions < 0 || colon == spec)
		return bad("--topic wants NAME:PARTITIONS with 1 to 1000 partitions", spec);
	if (o->n_topics == TOPICS_MAX)
		return bad("too many topics", spec);
	*colon = 0;
	o->topics[o->n_topics++] = (struct topic){ .name = spec, .partitions = partitions };
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "port", required_argument, NULL, 'p' },  { "brokers", required_argument, NULL, 'b' },
		{ "speed", required_argument, NULL, 's' }, { "topic", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },	   { NULL, 0, NULL, 0 },
	};
	int c, status;

	*o = (struct options){ .brokers = 1, .speed = 1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			if ((o->port = number(optarg, 1, 65535)) < 0)
				return bad("--port wants 1 to 65535", optarg);
			break;
		case 'b':
			if ((o->brokers = number(optarg, 1, BROKERS_MAX)) < 0)
				return bad("--brokers wants 1 to 16", optarg);
			break;
		case 's':
			if ((o->speed = number(optarg, 1, SPEED_MAX)) < 0)
				return bad("--speed wants 1 to 100", optarg);
			break;
		case 't':
			if ((status = add_topic(o, optarg)))
				return status;
			break;
		case 'h':
			fputs(usage, stdout);
			fputc('\n', stdout);
			fputs(banner, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return EXIT_MISCONFIGURED;
		}
	}
	if (optind < argc)
		return bad("not an option", argv[optind]);
	if (!o->port)
		return bad("missing", "--port");
	if (o->port + o->brokers - 1 > 65535)
		return bad("no room above the port for so many brokers", "--brokers");
	return 0;
}

/* One line of the mock per start would do; its own log is only of use to somebody who debugs librdkafka. */
static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	if (level <= 3)
		fprintf(stderr, "aftercare-devbroker: %s: %s\n", facility, text);
}

int main(int argc, char **argv)
{
	struct options o;
	sigset_t stop;
	char errstr[512];
	int status = parse(argc, argv, &o), sig;
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;

	if (status)
		return status;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	/* Before librdkafka starts its threads, or one of them would take the signal and the process would just die. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	fputs(banner, stdout);
	devbroker_clock_speed(o.speed);
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, quiet);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof(errstr));
	if (!rk) {
		fprintf(stderr, "aftercare-devbroker: %s\n", errstr);
		return EXIT_ENVIRONMENT;
	}
	for (int port = o.port; port < o.port + o.brokers; port++) {
		int error = devbroker_try_port(port);
		if (error) {
			fprintf(stderr, "aftercare-devbroker: cannot listen on 127.0.0.1:%d: %s\n", port, strerror(error));
			return EXIT_ENVIRONMENT;
		}
	}
	devbroker_bind_from(o.port);
	cluster = rd_kafka_mock_cluster_new(rk, o.brokers);
	if (!cluster || devbroker_bound() != o.brokers) {
		fprintf(stderr, "aftercare-devbroker: this librdkafka (%s) chooses its ports in a way of its own\n",
			rd_kafka_version_str());
		return EXIT_ENVIRONMENT;
	}
	for (size_t i = 0; i < o.n_topics; i++) {
		rd_kafka_resp_err_t err =
		    rd_kafka_mock_topic_create(cluster, o.topics[i].name, o.topics[i].partitions, o.brokers);
		if (err) {
			fprintf(stderr, "aftercare-devbroker: topic %s: %s\n", o.topics[i].name, rd_kafka_err2str(err));
			return EXIT_MISCONFIGURED;
		}
	}
	printf("aftercare-devbroker: listening on %s, %zu topics, librdkafka %s, clock x %d\n",
	       rd_kafka_mock_cluster_bootstraps(cluster), o.n_topics, rd_kafka_version_str(), o.speed);
	sd_notifyf(0, "READY=1\nSTATUS=listening on %s, %zu topics; nothing is kept", rd_kafka_mock_cluster_bootstraps(cluster),
		   o.n_topics);

	sigwait(&stop, &sig);
	sd_notify(0, "STOPPING=1");
	printf("aftercare-devbroker: %s, all data is gone\n", strsignal(sig));
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
