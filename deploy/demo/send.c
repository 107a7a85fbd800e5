/* One claim into Kafka, as an upstream system sends it: CloudEvents in binary mode, keyed by the request or the ticket.
 * Waits for room in the queue; a broker that does not answer shows as a standstill, which the loop notices. */
#include <string.h>
#include <time.h>

#include "deploy/demo/demo.h"

int64_t demo_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static rd_kafka_t *client(struct demo *demo, bool reader)
{
	const char *const settings[][2] = {
		{ "bootstrap.servers", demo->brokers }, { "client.id", "aftercare-demo" },
		{ reader ? "group.id" : "partitioner", reader ? "aftercare-demo" : "murmur2_random" },
		{ reader ? "enable.auto.commit" : "enable.idempotence", reader ? "false" : "true" },
		{ reader ? "fetch.wait.max.ms" : "linger.ms", reader ? "5" : "1" },
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *made = NULL;
	char error[256] = "";
	bool good = true;

	for (size_t i = 0; i < array_count(settings) && good; i++)
		good = !rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error));
	rd_kafka_conf_set_log_cb(conf, NULL);
	if (good)
		made = rd_kafka_new(reader ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!made) {
		rd_kafka_conf_destroy(conf);
		snprintf(demo->failure, sizeof(demo->failure), "kafka: %.200s", error);
	}
	return made;
}

bool demo_connect(struct demo *demo)
{
	demo->producer = client(demo, false);
	demo->reader = demo->producer ? client(demo, true) : NULL;
	return demo->reader && follow_open(demo);
}

void demo_disconnect(struct demo *demo)
{
	if (demo->producer) {
		rd_kafka_flush(demo->producer, 2000);
		rd_kafka_destroy(demo->producer);
	}
	if (demo->reader) {
		rd_kafka_consumer_close(demo->reader);
		rd_kafka_destroy(demo->reader);
	}
}

void demo_bytes(struct demo *demo, const char *topic, const char *key, const char *id, const char *type, const char *time,
		struct str value)
{
	for (;;) {
		rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
		rd_kafka_resp_err_t error;

		if (type) {
			rd_kafka_header_add(headers, "ce_specversion", -1, "1.0", -1);
			rd_kafka_header_add(headers, "ce_id", -1, id, -1);
			rd_kafka_header_add(headers, "ce_source", -1, "demo", -1);
			rd_kafka_header_add(headers, "ce_type", -1, type, -1);
			rd_kafka_header_add(headers, "content-type", -1, "application/json", -1);
		}
		if (type && time)
			rd_kafka_header_add(headers, "ce_time", -1, time, -1);
		error = rd_kafka_producev(demo->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
					  RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.n),
					  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
						RD_KAFKA_V_END);
		if (!error)
			return;
		rd_kafka_headers_destroy(headers);
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			snprintf(demo->failure, sizeof(demo->failure), "%s: %s", topic, rd_kafka_err2str(error));
			return;
		}
		rd_kafka_poll(demo->producer, 10);
	}
}

void demo_claim(struct demo *demo, const char *topic, const char *key, const char *id, const char *claim, instant at,
		struct str data)
{
	char type[96], stamp[INSTANT_TEXT];

	snprintf(type, sizeof(type), "aftercare.%s.v1", claim);
	(void)instant_format(at, stamp);
	demo_bytes(demo, topic, key, id, type, stamp, data);
}
