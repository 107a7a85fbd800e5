/* topics apply: creates what is missing, leaves alone what is there, says what differs. */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "services/ctl/ctl.h"

#define TIMEOUT_MS 10000

struct topic {
	const char *name;
	const char *settings[5];      /* name, value, ... NULL */
};

/* The logs are the truth of what happened: kept until an operator decides otherwise. The others can be had again. */
static const struct topic topics[] = {
	{ "aftercare.inbound", { "retention.ms", "2592000000", NULL } },
	{ "aftercare.staff", { "retention.ms", "2592000000", NULL } },
	{ "aftercare.directory", { "cleanup.policy", "compact", NULL } },
	{ "aftercare.tickets", { "retention.ms", "-1", NULL } },
	{ "aftercare.desk", { "retention.ms", "-1", NULL } },
	{ "aftercare.ticket-state", { "cleanup.policy", "compact", NULL } },
	{ "aftercare.messages", { "retention.ms", "2592000000", NULL } },
	{ "aftercare.metrics", { "retention.ms", "604800000", NULL } },
	/* What was refused comes back with some headers more: larger than what the others take. */
	{ "aftercare.dead-letters", { "retention.ms", "-1", "max.message.bytes", "4194304", NULL } },
};

static rd_kafka_t *client_new(const struct ctl *ctl)
{
	char error[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t count = 0;
	const struct conf_pass *passes = ctl->conf ? conf_passes(ctl->conf, &count) : NULL;
	bool good = rd_kafka_conf_set(conf, "bootstrap.servers", ctl->brokers, error, sizeof(error)) == RD_KAFKA_CONF_OK;
	for (size_t i = 0; i < count && good; i++)
		good = rd_kafka_conf_set(conf, passes[i].name, passes[i].value, error, sizeof(error)) == RD_KAFKA_CONF_OK;
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_t *client = good ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error)) : NULL;
	if (!client) {
		rd_kafka_conf_destroy(conf);
		ctl_fail(EX_CONFIG, "%s", error);
	}
	return client;
}

/* Partitions of a topic in the cluster's metadata; 0: it is not there. */
static int partitions_of(const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++) {
		if (strcmp(metadata->topics[i].topic, name) == 0)
			return metadata->topics[i].err ? 0 : metadata->topics[i].partition_cnt;
	}
	return 0;
}

static int results_tell(rd_kafka_event_t *event)
{
	int status = 0;
	size_t count = 0;
	if (rd_kafka_event_error(event))
		return ctl_fail(2, "topics: %s", rd_kafka_event_error_string(event));
	const rd_kafka_topic_result_t **results =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
		if (error && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			status = ctl_fail(2, "topic %s: %s", rd_kafka_topic_result_name(results[i]),
					  rd_kafka_topic_result_error_string(results[i]));
	}
	return status;
}

static int topics_create(rd_kafka_t *client, rd_kafka_NewTopic_t **missing, size_t count)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	char error[256];
	rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, error, sizeof(error));
	rd_kafka_AdminOptions_set_operation_timeout(options, TIMEOUT_MS, error, sizeof(error));
	rd_kafka_CreateTopics(client, missing, count, options, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS + 2000);
	int status = event ? results_tell(event) : ctl_fail(2, "topics: no answer from the cluster within 12 s");
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	return status;
}

static int topics_run(rd_kafka_t *client, int lanes, int replication, bool dry)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &metadata, TIMEOUT_MS);
	if (error)
		return ctl_fail(2, "brokers: %s", rd_kafka_err2str(error));
	rd_kafka_NewTopic_t *missing[array_count(topics)];
	size_t count = 0;
	int status = 0;
	char text[256];
	for (size_t i = 0; i < array_count(topics); i++) {
		int partitions = partitions_of(metadata, topics[i].name);
		if (partitions > 0) {
			if (partitions != lanes)
				status = ctl_fail(1, "topic %s has %d partitions, not %d; lanes are fixed at creation, it is left as it is",
						  topics[i].name, partitions, lanes);
			continue;
		}
		printf("%s %s: %d partitions", dry ? "would create" : "creating", topics[i].name, lanes);
		missing[count] = rd_kafka_NewTopic_new(topics[i].name, lanes, replication, text, sizeof(text));
		for (int s = 0; topics[i].settings[s]; s += 2) {
			rd_kafka_NewTopic_set_config(missing[count], topics[i].settings[s], topics[i].settings[s + 1]);
			printf(", %s=%s", topics[i].settings[s], topics[i].settings[s + 1]);
		}
		printf("\n");
		count++;
	}
	rd_kafka_metadata_destroy(metadata);
	if (count && !dry) {
		int created = topics_create(client, missing, count);
		status = created ? created : status;
	}
	printf("%zu topics %s, %zu were there\n", count, dry ? "to be created (nothing was done)" : "created",
	       array_count(topics) - count);
	rd_kafka_NewTopic_destroy_array(missing, count);
	return status;
}

int ctl_topics_apply(struct ctl *ctl, int argc, char **argv)
{
	int lanes = 12, replication = -1;
	bool dry = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			dry = true;
		else if (strcmp(argv[i], "--lanes") == 0 && i + 1 < argc)
			lanes = atoi(argv[++i]);
		else if (strcmp(argv[i], "--replication") == 0 && i + 1 < argc)
			replication = atoi(argv[++i]);
		else
			return ctl_fail(EX_USAGE, "topics apply: unknown argument %s", argv[i]);
	}
	if (lanes < 1 || lanes > 1024)
		return ctl_fail(EX_USAGE, "--lanes: 1 to 1024");
	if (!ctl->brokers)
		return ctl_fail(1, "no brokers are known: give --config FILE, or AFTERCARE_BROKERS in the environment");
	rd_kafka_t *client = client_new(ctl);
	if (!client)
		return EX_CONFIG;
	int status = topics_run(client, lanes, replication, dry);
	rd_kafka_destroy(client);
	return status;
}
