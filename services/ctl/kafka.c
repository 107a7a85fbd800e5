/* aftercarectl's way to Kafka. A tool asks, waits a bounded time and says in one line what went wrong; it joins no group,
 * commits nothing and is no member of anything that the daemons could notice. */
#include "services/ctl/kafka.h"

#include <string.h>
#include <sysexits.h>

#define ANSWER_MS 10000
#define SILENCE_MS 15000

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	(void)client, (void)opaque;
	*(rd_kafka_resp_err_t *)message->_private = message->err;
}

rd_kafka_t *ctl_kafka_open(struct ctl *ctl, bool reader)
{
	char error[512];
	size_t count = 0;
	const struct conf_pass *passes = ctl->conf ? conf_passes(ctl->conf, &count) : NULL;
	const char *const settings[][2] = {
		{ "bootstrap.servers", ctl->brokers },
		{ "client.id", "aftercarectl" },
		{ "log.connection.close", "false" },
		{ reader ? "group.id" : "partitioner", reader ? "aftercarectl" : "murmur2_random" },
		{ reader ? "enable.auto.commit" : "enable.idempotence", reader ? "false" : "true" },
		{ reader ? "fetch.wait.max.ms" : "linger.ms", reader ? "20" : "2" },
		{ reader ? "enable.partition.eof" : "message.timeout.ms", reader ? "true" : "10000" },
	};
	rd_kafka_conf_t *conf;
	rd_kafka_t *client;
	bool good = true;

	if (!ctl->brokers) {
		ctl_fail(1, "no brokers are known: give --config FILE, or AFTERCARE_BROKERS in the environment (stack env tells it)");
		return NULL;
	}
	conf = rd_kafka_conf_new();
	for (size_t i = 0; i < array_count(settings) && good; i++)
		good = !rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error));
	for (size_t i = 0; i < count && good; i++)
		good = !rd_kafka_conf_set(conf, passes[i].name, passes[i].value, error, sizeof(error));
	rd_kafka_conf_set_log_cb(conf, NULL);
	if (!reader)
		rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	client = good ? rd_kafka_new(reader ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof(error)) : NULL;
	if (!client) {
		rd_kafka_conf_destroy(conf);
		ctl_fail(EX_CONFIG, "kafka: %s", error);
		return NULL;
	}
	if (reader)
		rd_kafka_poll_set_consumer(client);
	return client;
}

int32_t ctl_kafka_partitions(rd_kafka_t *client, const char *topic)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_MS);
	int32_t count = 0;

	rd_kafka_topic_destroy(handle);
	if (error) {
		ctl_fail(2, "brokers: no answer within %d s (%s); are they up, and is the address right?", ANSWER_MS / 1000,
			 rd_kafka_err2str(error));
		return 0;
	}
	if (metadata->topic_cnt == 1 && !metadata->topics[0].err)
		count = metadata->topics[0].partition_cnt;
	if (count == 0)
		ctl_fail(2, "topic %s is not there; aftercarectl topics apply makes it", topic);
	rd_kafka_metadata_destroy(metadata);
	return count;
}

bool ctl_kafka_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int limit_ms)
{
	rd_kafka_resp_err_t error;

	if (list->cnt == 0)
		return true;
	/* As a time, -1 asks for the end: one request per broker instead of one per partition. */
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	error = rd_kafka_offsets_for_times(client, list, limit_ms);
	for (int i = 0; i < list->cnt; i++)
		if (error || list->elems[i].err || list->elems[i].offset < 0)
			list->elems[i].offset = -1;
	if (error)
		ctl_fail(2, "brokers: %s", rd_kafka_err2str(error));
	return !error;
}

/* ---- reading ---- */

#define HEADERS_MAX 256

static void record_of(const rd_kafka_message_t *message, struct bus_header *headers, struct bus_record *ret)
{
	rd_kafka_headers_t *list = NULL;
	const char *name;
	const void *value;
	size_t size;

	*ret = (struct bus_record){ .partition = message->partition, .offset = message->offset, .headers = headers,
				    .key = { message->key, message->key_len },
				    .value = { message->payload, message->len } };
	if (rd_kafka_message_headers(message, &list))
		return;
	while (ret->header_count < HEADERS_MAX &&
	       !rd_kafka_header_get_all(list, ret->header_count, &name, &value, &size)) {
		headers[ret->header_count] = (struct bus_header){ str_of(name), { value, value ? size : 0 } };
		ret->header_count++;
	}
}

/* Where the first record at or after `since` stands; the beginning when that cannot be told. */
static int64_t start_of(rd_kafka_t *reader, const char *topic, int32_t partition, instant since)
{
	rd_kafka_topic_partition_list_t *list;
	int64_t offset = -1;

	if (since != INSTANT_NONE && since > 0) {
		list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_list_add(list, topic, partition)->offset = since / MILLISECOND;
		if (!rd_kafka_offsets_for_times(reader, list, ANSWER_MS) && !list->elems[0].err)
			offset = list->elems[0].offset;
		rd_kafka_topic_partition_list_destroy(list);
	}
	return offset >= 0 ? offset : RD_KAFKA_OFFSET_BEGINNING;
}

static bool read_until(rd_kafka_t *reader, int64_t end, bool (*take_record)(void *, const struct bus_record *), void *userdata)
{
	struct bus_header headers[HEADERS_MAX];
	struct bus_record record;
	bool more = true;

	while (more) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, SILENCE_MS);

		if (!message)
			return ctl_fail(2, "brokers: nothing was read for %d s", SILENCE_MS / 1000) == 0;
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			more = false;
		} else if (message->err) {
			ctl_fail(2, "brokers: %s", rd_kafka_message_errstr(message));
			rd_kafka_message_destroy(message);
			return false;
		} else {
			record_of(message, headers, &record);
			more = take_record(userdata, &record) && message->offset + 1 < end;
		}
		rd_kafka_message_destroy(message);
	}
	return true;
}

bool ctl_kafka_read(rd_kafka_t *reader, const char *topic, int32_t partition, instant since,
		    bool (*take_record)(void *userdata, const struct bus_record *record), void *userdata)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t error;
	int64_t low = 0, high = 0;
	bool good;

	error = rd_kafka_query_watermark_offsets(reader, topic, partition, &low, &high, ANSWER_MS);
	if (error)
		return ctl_fail(2, "%s, partition %d: %s", topic, (int)partition, rd_kafka_err2str(error)) == 0;
	if (low == high)
		return true;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = start_of(reader, topic, partition, since);
	error = rd_kafka_assign(reader, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (error)
		return ctl_fail(2, "%s: %s", topic, rd_kafka_err2str(error)) == 0;
	good = read_until(reader, high, take_record, userdata);
	rd_kafka_assign(reader, NULL);
	return good;
}

/* ---- writing ---- */

bool ctl_kafka_send(rd_kafka_t *producer, const char *topic, int32_t partition, struct str key, struct str value,
		    const struct bus_header *headers, size_t header_count)
{
	rd_kafka_resp_err_t outcome = RD_KAFKA_RESP_ERR__IN_PROGRESS, error;
	rd_kafka_headers_t *list = rd_kafka_headers_new(header_count);

	for (size_t i = 0; i < header_count; i++)
		rd_kafka_header_add(list, headers[i].name.p, (ssize_t)headers[i].name.n, headers[i].value.p,
				    (ssize_t)headers[i].value.n);
	error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
				  RD_KAFKA_V_KEY(key.p, key.n), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.n),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(list),
				  RD_KAFKA_V_OPAQUE(&outcome), RD_KAFKA_V_END);
	if (error) {
		rd_kafka_headers_destroy(list);
		outcome = error;
	}
	/* message.timeout.ms bounds this: the report comes in any case, and it is written to a local. */
	while (outcome == RD_KAFKA_RESP_ERR__IN_PROGRESS)
		rd_kafka_poll(producer, 100);
	if (outcome)
		ctl_fail(2, "%s: %s", topic, rd_kafka_err2str(outcome));
	return !outcome;
}
