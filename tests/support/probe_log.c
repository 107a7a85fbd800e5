/* The topics around the probe: what tests put there, and what a reader finds there afterwards, held against the outbox. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/probe.h"

/* ---- writing ---- */

static void produce(struct probe *probe, const char *topic, int partition, const char *key, const void *value, size_t size,
		    rd_kafka_headers_t *headers)
{
	rd_kafka_resp_err_t error;

	while ((error = rd_kafka_producev(probe->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
					  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
					  RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size), RD_KAFKA_V_HEADERS(headers),
					  RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(probe->producer, 10);
	if (error)
		probe_fail(probe, "%s: %s", topic, rd_kafka_err2str(error));
	probe->undelivered++;
	rd_kafka_poll(probe->producer, 0);
}

static rd_kafka_headers_t *envelope(const char *type, const char *id)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(12);

	rd_kafka_header_add(headers, "ce_specversion", -1, "1.0", -1);
	rd_kafka_header_add(headers, "ce_type", -1, type, -1);
	rd_kafka_header_add(headers, "ce_id", -1, id, -1);
	rd_kafka_header_add(headers, "ce_source", -1, "test", -1);
	rd_kafka_header_add(headers, "ce_subject", -1, id, -1);
	rd_kafka_header_add(headers, "ce_time", -1, "2026-01-05T08:00:00Z", -1);
	return headers;
}

static void quote(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
}

void probe_send(struct probe *probe, int partition, const char *id, const char *format, ...)
{
	char data[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(data, sizeof(data), format, args);
	va_end(args);
	quote(data);
	produce(probe, TOPIC_INBOUND, partition, id, data, strlen(data), envelope("aftercare.probe.do.v1", id));
}

void probe_send_fact(struct probe *probe, const struct probe_fact *fact, const char *given)
{
	char data[2000], text[100];
	rd_kafka_headers_t *headers;

	snprintf(data, sizeof(data), "%s", given);
	quote(data);
	snprintf(text, sizeof(text), "aftercare.%s.v1", fact->name ? fact->name : "probe.fact");
	headers = envelope(text, fact->id);
	rd_kafka_header_add(headers, "ce_writer", -1, fact->writer, -1);
	snprintf(text, sizeof(text), "%lld", (long long)fact->incarnation);
	rd_kafka_header_add(headers, "ce_incarnation", -1, text, -1);
	snprintf(text, sizeof(text), "%lld", (long long)fact->sequence);
	rd_kafka_header_add(headers, "ce_sourceseq", -1, text, -1);
	snprintf(text, sizeof(text), "%d", fact->lane);
	rd_kafka_header_add(headers, "ce_lane", -1, text, -1);
	produce(probe, TOPIC_TICKETS, fact->lane, fact->id, data, strlen(data), headers);
}

void probe_send_bytes(struct probe *probe, const char *topic, int partition, const void *value, size_t size)
{
	produce(probe, topic, partition, "bytes", value, size, rd_kafka_headers_new(1));
}

void probe_flush(struct probe *probe)
{
	long deadline = stack_deadline();

	while (probe->undelivered > 0) {
		/* Not waited for: whoever expects its death asks for it. */
		siginfo_t info = { 0 };

		if (probe->mortal && waitid(P_PID, (id_t)probe->broker, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
			return;
		if (stack_clock() > deadline)
			probe_fail(probe, "the broker does not take %zu records", probe->undelivered);
		rd_kafka_poll(probe->producer, 20);
	}
}

/* ---- reading ---- */

/* A header's value as text, in place; "" when there is none. */
static const char *header(const rd_kafka_message_t *message, const char *name)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t size = 0;

	if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &value, &size) || !value)
		return "";
	return value;
}

static char *headers_text(const struct bus_header *headers, size_t count)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < count; i++)
		buf_format(&text, "%.*s=%.*s\n", STR_ARG(headers[i].name), STR_ARG(headers[i].value));
	buf_char(&text, '\0');
	return text.p;
}

static char *message_headers(const rd_kafka_message_t *message)
{
	struct bus_header all[64];
	rd_kafka_headers_t *headers = NULL;
	size_t count = 0;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		while (count < 64 && rd_kafka_header_get_all(headers, count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
			all[count++] = (struct bus_header){ str_of(name), { value, size } };
	return headers_text(all, count);
}

static void log_add(struct probe_log *log, const rd_kafka_message_t *message)
{
	if (log->count == log->capacity) {
		log->capacity = log->capacity ? log->capacity * 2 : 1024;
		log->items = mem_resize(log->items, log->capacity * sizeof(*log->items));
	}
	log->items[log->count++] = (struct probe_record){
		.partition = message->partition, .offset = message->offset, .writer = strdup(header(message, "ce_writer")),
		.incarnation = strtoll(header(message, "ce_incarnation"), NULL, 10),
		.sequence = strtoll(header(message, "ce_sourceseq"), NULL, 10),
		.value = mem_copy(message->payload, message->len), .size = message->len, .headers = message_headers(message),
	};
}

static rd_kafka_t *make_consumer(struct probe *probe)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *consumer;
	char why[200];

	if (rd_kafka_conf_set(conf, "bootstrap.servers", probe->brokers, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
	    rd_kafka_conf_set(conf, "group.id", "test", why, sizeof(why)) != RD_KAFKA_CONF_OK ||
	    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof(why)) != RD_KAFKA_CONF_OK ||
	    rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why)) != RD_KAFKA_CONF_OK)
		fail_msg("%s", why);
	consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	assert_non_null(consumer);
	rd_kafka_poll_set_consumer(consumer);
	return consumer;
}

void probe_read(struct probe *probe, const char *topic, int partitions, struct probe_log *ret_log)
{
	rd_kafka_t *consumer = make_consumer(probe);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
	long deadline = stack_deadline();
	int ends = 0;

	*ret_log = (struct probe_log){ 0 };
	probe_stands("reading %s", topic);
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(consumer, all), 0);
	rd_kafka_topic_partition_list_destroy(all);
	while (ends < partitions) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);

		if (stack_clock() > deadline)
			probe_fail(probe, "%s cannot be read to its end", topic);
		if (!message)
			continue;
		if (!message->err)
			log_add(ret_log, message);
		ends += message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		rd_kafka_message_destroy(message);
	}
	/* Nothing was joined and nothing is to be committed: what closing waits for could only keep us. */
	probe_stands("giving up the reader of %s", topic);
	rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void probe_log_free(struct probe_log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		free(log->items[i].writer);
		mem_free(log->items[i].value);
		mem_free(log->items[i].headers);
	}
	mem_free(log->items);
	*log = (struct probe_log){ 0 };
}

/* ---- the log against the outbox ---- */

static const char *column(PGresult *rows, int row, int number, size_t *ret_size)
{
	*ret_size = (size_t)PQgetlength(rows, row, number);
	return PQgetvalue(rows, row, number);
}

static int64_t integer(PGresult *rows, int row, int number)
{
	uint64_t value = 0;

	for (int i = 0; i < PQgetlength(rows, row, number); i++)
		value = value << 8 | (unsigned char)PQgetvalue(rows, row, number)[i];
	return (int64_t)value;
}

/* The next first copy of a writer in a partition, behind `at`: what is not above the mark is a repeat. */
static const struct probe_record *next_first(const struct probe_log *log, const char *writer, int partition, size_t *at,
					     int64_t *incarnation, int64_t *sequence)
{
	for (; *at < log->count; (*at)++) {
		const struct probe_record *record = &log->items[*at];

		if (record->partition != partition || strcmp(record->writer, writer) != 0 || record->incarnation < *incarnation ||
		    (record->incarnation == *incarnation && record->sequence <= *sequence))
			continue;
		*incarnation = record->incarnation;
		*sequence = record->sequence;
		(*at)++;
		return record;
	}
	return NULL;
}

static void check_row(struct probe *probe, PGresult *rows, int row, const struct probe_record *record, const char *writer, int partition)
{
	struct arena arena = { 0 };
	struct fault fault = FAULT_NONE;
	const struct bus_header *headers;
	size_t count, size;
	const char *packed = column(rows, row, 2, &size), *value;
	char *text;

	if (!record)
		probe_fail(probe, "%s: seq %lld is in the outbox and not in the log (messages/%d)", writer, (long long)integer(rows, row, 0),
			   partition);
	if (record->sequence != integer(rows, row, 0) || record->incarnation != integer(rows, row, 1))
		probe_fail(probe, "%s: after its first copies a reader of messages/%d has (%lld, %lld), the outbox has (%lld, %lld)", writer,
			   partition, (long long)record->incarnation, (long long)record->sequence, (long long)integer(rows, row, 1),
			   (long long)integer(rows, row, 0));
	assert_int_equal(event_headers_unpack((struct str){ packed, size }, &arena, &headers, &count, &fault), OK);
	text = headers_text(headers, count);
	assert_string_equal(text, record->headers);
	value = column(rows, row, 3, &size);
	assert_int_equal(size, record->size);
	assert_memory_equal(value, record->value, size);
	mem_free(text);
	arena_done(&arena);
}

static void check_lane(struct probe *probe, const struct probe_log *log, const char *source, const char *writer, int partition)
{
	char sql[300], number[12];
	const char *const values[] = { source, number };
	PGresult *rows;
	size_t at = 0;
	int64_t incarnation = -1, sequence = -1;

	snprintf(number, sizeof(number), "%d", partition);
	snprintf(sql, sizeof(sql), "select seq, incarnation, headers, value from outbox_fact where source = $1::bigint and topic = '" TOPIC_MESSAGES
				   "' and partition = $2::int order by seq");
	rows = PQexecParams(probe->sql, sql, 2, NULL, values, NULL, NULL, 1);
	assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(rows); i++) {
		const struct probe_record *record = next_first(log, writer, partition, &at, &incarnation, &sequence);

		while (probe->phantoms && record &&
		       (incarnation < integer(rows, i, 1) || (incarnation == integer(rows, i, 1) && sequence < integer(rows, i, 0))))
			record = next_first(log, writer, partition, &at, &incarnation, &sequence);
		check_row(probe, rows, i, record, writer, partition);
	}
	if (!probe->phantoms && next_first(log, writer, partition, &at, &incarnation, &sequence))
		probe_fail(probe, "%s: the log has (%lld, %lld), the outbox has not", writer, (long long)incarnation, (long long)sequence);
	PQclear(rows);
}

void probe_check(struct probe *probe)
{
	struct probe_log log;
	PGresult *sources;

	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	assert_int_equal(probe_number(probe, "select count(*) from source s where out_seq <> (select count(*) from outbox_fact where source = s.id)"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from source s where out_seq <> (select coalesce(max(seq), 0) from outbox_fact "
					     "where source = s.id)"), 0);
	probe_read(probe, TOPIC_MESSAGES, 3, &log);
	sources = PQexec(probe->sql, "select id, 'probe/' || topic || '/' || partition from source");
	for (int i = 0; i < PQntuples(sources); i++)
		for (int partition = 0; partition < 3; partition++)
			check_lane(probe, &log, PQgetvalue(sources, i, 0), PQgetvalue(sources, i, 1), partition);
	PQclear(sources);
	probe_log_free(&log);
}
