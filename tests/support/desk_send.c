/* Publishes claims as the systems outside do: CloudEvents in binary or structured mode, keyed as the contract says.
 *
 * The topic of a claim is what its schema file says, read from schemas/events; a test that wants it elsewhere names it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"

static const char *topic_of(struct desk *desk, const char *name)
{
	const char *topic = json_string_value(json_object_get(desk->topics, name));
	char path[700];
	json_t *schema;

	if (topic)
		return topic;
	snprintf(path, sizeof(path), "%s/schemas/events/%s.json", desk->stack->root, name);
	schema = json_load_file(path, 0, NULL);
	topic = json_string_value(json_object_get(schema, "x-topic"));
	json_object_set_new(desk->topics, name, json_string(topic ? topic : "aftercare.inbound"));
	json_decref(schema);
	return json_string_value(json_object_get(desk->topics, name));
}

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static struct sent *sent_new(struct desk *desk, const char *topic)
{
	struct sent *sent = calloc(1, sizeof(*sent));

	snprintf(sent->topic, sizeof(sent->topic), "%s", topic);
	sent->offset = sent->partition = -1;
	desk_grow(&desk->sent, desk->sent_count, &desk->sent_capacity);
	return desk->sent[desk->sent_count++] = sent;
}

void desk_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	struct sent *sent = message->_private;

	(void)producer;
	(void)opaque;
	sent->partition = message->partition;
	sent->offset = message->err ? -2 : message->offset;
}

static void produce(struct desk *desk, struct sent *sent, const struct raw *raw)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(desk->producer, raw->topic, NULL);
	rd_kafka_resp_err_t error;

	do {
		rd_kafka_headers_t *headers = rd_kafka_headers_new(16);

		for (size_t i = 0; i < raw->header_count; i++)
			rd_kafka_header_add(headers, raw->headers[i].name, -1, raw->headers[i].value,
					    (ssize_t)raw->headers[i].size);
		error = rd_kafka_producev(desk->producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(raw->partition),
					  RD_KAFKA_V_KEY(raw->key, raw->key_size),
					  RD_KAFKA_V_VALUE((void *)(uintptr_t)raw->value, raw->value_size),
					  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
					  RD_KAFKA_V_OPAQUE(sent), RD_KAFKA_V_END);
		if (error)
			rd_kafka_headers_destroy(headers);
		if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(desk->producer, 100);
	} while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	rd_kafka_topic_destroy(topic);
	if (error) {
		sent->offset = -2;
		desk_fail(desk, NULL, "cannot publish to %s: %s", raw->topic, rd_kafka_err2str(error));
	}
	rd_kafka_poll(desk->producer, 0);
}

const struct sent *desk_send_raw(struct desk *desk, const struct raw *raw)
{
	struct sent *sent = sent_new(desk, raw->topic);

	snprintf(sent->id, sizeof(sent->id), "(raw)");
	produce(desk, sent, raw);
	return sent;
}

void desk_flush(struct desk *desk)
{
	if (rd_kafka_flush(desk->producer, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR)
		desk_fail(desk, NULL, "the broker does not take what is published");
}

/* ---- claims ---- */

struct envelope {
	const char *name;
	const char *value;        /* NULL: not there */
};

static size_t fill(struct desk *desk, const struct claim *claim, const struct sent *sent, struct envelope envelope[8])
{
	char text[INSTANT_TEXT];
	const char *time = NULL;
	size_t n = 0;

	if (claim->time != INSTANT_NONE) {
		(void)instant_format(claim->time ? claim->time : desk_now(), text);
		time = desk_text(desk, "%s", text);
	}
	envelope[n++] = (struct envelope){ "specversion", "1.0" };
	envelope[n++] = (struct envelope){ "id", sent->id };
	envelope[n++] = (struct envelope){ "source", sent->source };
	envelope[n++] = (struct envelope){ "type", desk_text(desk, "aftercare.%s.v1", claim->name) };
	envelope[n++] = (struct envelope){ "time", time };
	envelope[n++] = (struct envelope){ "subject", claim->ticket };
	envelope[n++] = (struct envelope){ "traceparent", claim->traceparent };
	return n;
}

static void send_binary(struct desk *desk, struct sent *sent, struct raw *raw, const struct envelope *envelope, size_t count)
{
	struct desk_header headers[10];
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (envelope[i].value)
			headers[n++] = (struct desk_header){ desk_text(desk, "ce_%s", envelope[i].name), envelope[i].value,
							     strlen(envelope[i].value) };
	headers[n++] = (struct desk_header){ "content-type", "application/json", 16 };
	raw->headers = headers;
	raw->header_count = n;
	produce(desk, sent, raw);
}

static void send_structured(struct desk *desk, struct sent *sent, struct raw *raw, const struct envelope *envelope, size_t count)
{
	static const char type[] = "application/cloudevents+json; charset=UTF-8";
	const struct desk_header header = { "content-type", type, sizeof(type) - 1 };
	json_t *event = json_object(), *data = raw->value ? json_loadb(raw->value, raw->value_size, 0, NULL) : NULL;
	char *text;

	for (size_t i = 0; i < count; i++)
		if (envelope[i].value)
			json_object_set_new(event, envelope[i].name, json_string(envelope[i].value));
	json_object_set_new(event, "datacontenttype", json_string("application/json"));
	if (data)
		json_object_set_new(event, "data", data);
	text = json_dumps(event, JSON_COMPACT);
	json_decref(event);
	raw->value = text;
	raw->value_size = strlen(text);
	raw->headers = &header;
	raw->header_count = 1;
	produce(desk, sent, raw);
	free(text);
}

const struct sent *desk_send(struct desk *desk, const struct claim *claim)
{
	const char *topic = claim->topic ? claim->topic : topic_of(desk, claim->name), *key;
	struct sent *sent = sent_new(desk, topic);
	struct envelope envelope[8];
	char *data = claim->data ? quoted(claim->data) : NULL;
	struct raw raw = { .topic = topic, .partition = RD_KAFKA_PARTITION_UA, .value = data,
			   .value_size = data ? strlen(data) : 0 };
	size_t count;

	snprintf(sent->id, sizeof(sent->id), "%s", claim->id ? claim->id : desk_unique(desk, "c"));
	snprintf(sent->source, sizeof(sent->source), "%s", claim->source ? claim->source : "test");
	key = claim->key ? claim->key : claim->ticket ? claim->ticket : sent->id;
	raw.key = key;
	raw.key_size = strlen(key);
	count = fill(desk, claim, sent, envelope);
	if (claim->structured)
		send_structured(desk, sent, &raw, envelope, count);
	else
		send_binary(desk, sent, &raw, envelope, count);
	free(data);
	return sent;
}
