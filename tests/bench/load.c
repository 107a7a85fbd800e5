/* The load of the benches, as upstream systems would make it: `load fill N [PERCENT POISON]`,
 * `load latency RATE SECONDS`, `load lifecycle TICKETS IN_FLIGHT`. Reads AFTERCARE_BROKERS. Prints name=value lines for run.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/load.h"

#include "common/base/hash.h"

int64_t load_monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

instant load_wall(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

void load_die(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_conf_t *client_conf(const struct load *load)
{
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (rd_kafka_conf_set(conf, "bootstrap.servers", load->brokers, error, sizeof(error)))
		load_die("bootstrap.servers", error);
	return conf;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];
	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)))
		load_die(name, error);
}

void load_claim(struct load *load, const char *topic, const char *key, const char *id, const char *type, instant at,
		const char *data, size_t length)
{
	char time_text[INSTANT_TEXT], type_text[128];
	struct str time = instant_format(at, time_text);
	snprintf(type_text, sizeof(type_text), "aftercare.%s.v1", type);
	for (;;) {
		rd_kafka_resp_err_t error = rd_kafka_producev(
			load->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)data, length), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_HEADER("ce_specversion", "1.0", -1), RD_KAFKA_V_HEADER("ce_id", id, -1),
			RD_KAFKA_V_HEADER("ce_source", "bench/load", -1), RD_KAFKA_V_HEADER("ce_type", type_text, -1),
			RD_KAFKA_V_HEADER("ce_time", time.p, (ssize_t)time.n),
			RD_KAFKA_V_HEADER("content-type", "application/json", -1), RD_KAFKA_V_END);
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			load_die(topic, rd_kafka_err2str(error));
		rd_kafka_poll(load->producer, 10);
	}
}

/* A million customers: who has called before has a ticket or two open, not a hundred. */
size_t load_request(char *text, size_t size, uint64_t n)
{
	return (size_t)snprintf(text, size,
		"{\"channel\":\"wechat\",\"customer\":{\"id\":\"C%06llu\",\"name\":\"海口蓝湾物业 %llu\",\"phone\":\"138%08llu\","
		"\"email\":\"c%llu@example.cn\",\"address\":\"海口市龙华区滨海大道 %llu 号\"},\"kind\":\"fault\","
		"\"severity\":\"%s\",\"fault_type\":\"power\",\"product\":{\"model\":\"CCTV-DVR-16\",\"version\":\"2.1\","
		"\"serial_no\":\"88-%06llu\"},\"problem\":\"录像机无法启动,指示灯不亮,已经检查过电源线,请尽快派人上门处理。\","
		"\"demand\":\"today\",\"tags\":[\"bench\",\"load\"]}",
		(unsigned long long)(n % 1000000), (unsigned long long)n, (unsigned long long)(n % 100000000),
		(unsigned long long)n, (unsigned long long)(n % 997), n % 4 ? "general" : "urgent",
		(unsigned long long)(n % 1000000));
}

rd_kafka_t *load_reader(struct load *load)
{
	int64_t ends[64], total;
	return load_reader_at(load, RD_KAFKA_OFFSET_END, ends, 64, &total);
}

rd_kafka_t *load_reader_at(struct load *load, int64_t offset, int64_t *ret_ends, int most, int64_t *ret_total)
{
	char error[256];
	rd_kafka_conf_t *conf = client_conf(load);
	set(conf, "group.id", "bench");
	set(conf, "enable.auto.commit", "false");
	set(conf, "fetch.wait.max.ms", "10");
	rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!reader)
		load_die("reader", error);
	rd_kafka_poll_set_consumer(reader);
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, "aftercare.tickets", NULL);
	if (rd_kafka_metadata(reader, 0, topic, &metadata, 10000) || metadata->topic_cnt != 1)
		load_die("aftercare.tickets", "no metadata within 10 s");
	rd_kafka_topic_partition_list_t *lanes = rd_kafka_topic_partition_list_new(64);
	*ret_total = 0;
	for (int i = 0; i < metadata->topics[0].partition_cnt && i < most; i++) {
		int64_t low = 0, high = 0;
		if (rd_kafka_query_watermark_offsets(reader, "aftercare.tickets", i, &low, &high, 10000))
			load_die("aftercare.tickets", "no watermarks within 10 s");
		ret_ends[i] = high;
		*ret_total += high - low;
		/* A stored end, not OFFSET_END: what is published from this moment on must be seen. */
		rd_kafka_topic_partition_list_add(lanes, "aftercare.tickets", i)->offset =
			offset == RD_KAFKA_OFFSET_END ? high : low;
	}
	rd_kafka_assign(reader, lanes);
	rd_kafka_topic_partition_list_destroy(lanes);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	return reader;
}

static struct str header(const rd_kafka_headers_t *headers, const char *name)
{
	const void *value = NULL;
	size_t size = 0;
	if (rd_kafka_header_get_last(headers, name, &value, &size))
		return STR_NONE;
	return (struct str){ value, size };
}

bool load_fact(const rd_kafka_message_t *message, struct fact *ret_fact)
{
	rd_kafka_headers_t *headers = NULL;
	if (message->err || rd_kafka_message_headers(message, &headers))
		return false;
	struct str type = header(headers, "ce_type");
	if (type.n < 13)
		return false;
	*ret_fact = (struct fact){ .name = { type.p + 10, type.n - 13 }, .id = header(headers, "ce_id"), .ticket = header(headers, "ce_subject"),
				   .cause_id = header(headers, "ce_causeid"), .value = { message->payload, message->len } };
	return true;
}

static int usage(void)
{
	fputs("usage: load fill COUNT [PERCENT POISON] | load latency RATE SECONDS | load lifecycle TICKETS IN_FLIGHT | load count FACT\n",
	      stderr);
	return 64;
}

int main(int argc, char **argv)
{
	struct load load = { .brokers = getenv("AFTERCARE_BROKERS") };
	if (!load.brokers || argc < 3)
		return usage();
	char error[256];
	rd_kafka_conf_t *conf = client_conf(&load);
	set(conf, "partitioner", "murmur2_random");
	set(conf, "linger.ms", strcmp(argv[1], "fill") == 0 ? "20" : "1");
	set(conf, "queue.buffering.max.messages", "200000");
	load.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!load.producer)
		load_die("producer", error);
	snprintf(load.run, sizeof(load.run), "b%llx", (unsigned long long)load_wall());
	uint64_t first = strtoull(argv[2], NULL, 10);
	uint64_t second = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	int status;
	if (strcmp(argv[1], "fill") == 0)
		status = load_fill(&load, first, argc > 3 ? strtod(argv[3], NULL) : 0, argc > 4 ? argv[4] : NULL);
	else if (strcmp(argv[1], "latency") == 0 && argc == 4)
		status = load_latency(&load, first, second);
	else if (strcmp(argv[1], "lifecycle") == 0 && argc == 4)
		status = load_lifecycle(&load, first, second);
	else if (strcmp(argv[1], "count") == 0)
		status = load_count(&load, argv[2]);
	else
		status = usage();
	rd_kafka_flush(load.producer, 10000);
	rd_kafka_destroy(load.producer);
	return status;
}
