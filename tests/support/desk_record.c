/* One record of the logs as a test sees it: headers as texts, data by path.
 *
 * Reads nothing but what stands in the record, with jansson: the daemons' own decoder must not be what checks them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"

static char *copy(const void *bytes, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, bytes ? bytes : "", size);
	text[size] = '\0';
	return text;
}

static void copy_headers(struct record *record, const struct desk_header *headers, size_t count)
{
	record->header_count = count;
	record->headers = calloc(count + 1, sizeof(*record->headers));
	for (size_t i = 0; i < count; i++)
		record->headers[i] = (struct desk_header){ copy(headers[i].name, strlen(headers[i].name)),
							   headers[i].value ? copy(headers[i].value, headers[i].size) : NULL, headers[i].size };
}

const char *record_header(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0)
			return record->headers[i].value;
	return NULL;
}

static const char *text_of(const struct record *record, const char *name)
{
	const char *text = record_header(record, name);

	return text ? text : "";
}

static int64_t number_of(const struct record *record, const char *name, int64_t absent)
{
	const char *text = record_header(record, name);

	return text && *text ? strtoll(text, NULL, 10) : absent;
}

/* "ticket.assigned" of "aftercare.ticket.assigned.v1", cut out in place of a header that nobody else needs. */
static const char *name_of(const struct record *record)
{
	const char *type = text_of(record, "ce_type");
	size_t n = strlen(type);
	char *name;

	if (strncmp(type, "aftercare.", 10) != 0 || n < 14 || strcmp(type + n - 3, ".v1") != 0)
		return copy(type, n);
	name = copy(type + 10, n - 13);
	return name;
}

void record_headers_read(struct record *record)
{
	record->name = name_of(record);
	record->id = text_of(record, "ce_id");
	record->source = text_of(record, "ce_source");
	record->subject = text_of(record, "ce_subject");
	record->time = text_of(record, "ce_time");
	record->writer = text_of(record, "ce_writer");
	record->origin = text_of(record, "ce_origin");
	record->cause_id = text_of(record, "ce_causeid");
	record->cause_source = text_of(record, "ce_causesource");
	record->lane = (int32_t)number_of(record, "ce_lane", -1);
	record->revision = (int32_t)number_of(record, "ce_revision", 0);
	record->incarnation = number_of(record, "ce_incarnation", -1);
	record->sequence = number_of(record, "ce_sourceseq", -1);
	record->copy = record->origin[0] != '\0';
}

struct record *record_make(const struct record *as)
{
	struct record *record = calloc(1, sizeof(*record));

	record->topic = as->topic;
	record->partition = as->partition;
	record->offset = as->offset;
	record->key = as->key ? copy(as->key, as->key_size) : NULL;
	record->key_size = as->key_size;
	record->value = as->value ? copy(as->value, as->value_size) : NULL;
	record->value_size = as->value_size;
	copy_headers(record, as->headers, as->header_count);
	record_headers_read(record);
	return record;
}

struct record *record_new(enum desk_topic topic, const rd_kafka_message_t *message)
{
	struct record as = { .topic = topic, .partition = message->partition, .offset = message->offset, .key = message->key,
			     .key_size = message->key_len, .value = message->payload, .value_size = message->len };
	struct record *record;
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		size_t count = rd_kafka_header_cnt(headers);
		const void *value;

		as.headers = calloc(count + 1, sizeof(*as.headers));
		while (as.header_count < count && rd_kafka_header_get_all(headers, as.header_count, &as.headers[as.header_count].name, &value,
									  &as.headers[as.header_count].size) == RD_KAFKA_RESP_ERR_NO_ERROR)
			as.headers[as.header_count++].value = value;
	}
	record = record_make(&as);
	free(as.headers);
	return record;
}

void record_free(struct record *record)
{
	for (size_t i = 0; i < record->header_count; i++) {
		free((void *)(uintptr_t)record->headers[i].name);
		free((void *)(uintptr_t)record->headers[i].value);
	}
	free(record->headers);
	free((void *)(uintptr_t)record->name);
	free(record->key);
	free(record->value);
	json_decref(record->data);
	free(record);
}

json_t *record_data(const struct record *record)
{
	struct record *mine = (struct record *)(uintptr_t)record;

	if (!mine->data && mine->value)
		mine->data = json_loadb(mine->value, mine->value_size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return mine->data;
}

json_t *record_get(const struct record *record, const char *path)
{
	json_t *node = record_data(record);
	char name[128];

	while (node && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		node = json_is_array(node) ? json_array_get(node, (size_t)atoi(name)) : json_object_get(node, name);
		path += n + (path[n] == '.');
	}
	return json_is_null(node) ? NULL : node;
}

const char *record_text(const struct record *record, const char *path)
{
	const char *text = json_string_value(record_get(record, path));

	return text ? text : "";
}

double record_number(const struct record *record, const char *path)
{
	return json_number_value(record_get(record, path));
}

instant record_time(const struct record *record, const char *path)
{
	const char *text = json_string_value(record_get(record, path));
	instant at = INSTANT_NONE;

	if (text)
		(void)instant_parse(str_of(text), &at);
	return at;
}

bool record_lists(const struct record *record, const char *path, const char *text)
{
	json_t *list = record_get(record, path), *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
			return true;
	return false;
}
