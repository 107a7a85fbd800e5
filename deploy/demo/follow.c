/* Follows the logs of tickets and of the desk, the messages and the dead letters from their ends of the moment the demo begins,
 * and hands every record of ours to tally.c. Joins no group: this is one more reader of the logs, as a dashboard is. */
#include <string.h>

#include "deploy/demo/demo.h"

static const char *const topics[] = { "aftercare.tickets", "aftercare.desk", "aftercare.messages", "aftercare.dead-letters" };

const char *fact_name(enum fact fact)
{
	static const char *const names[] = {
		"",
#define X(name, text) text,
		FACTS(X)
#undef X
	};

	return names[fact];
}

static enum fact fact_of(struct str name)
{
	for (int i = FACT_NONE + 1; i < FACT_MAX; i++)
		if (str_is(name, fact_name((enum fact)i)))
			return (enum fact)i;
	return FACT_NONE;
}

bool follow_open(struct demo *demo)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
	rd_kafka_resp_err_t error = rd_kafka_metadata(demo->reader, 1, NULL, &metadata, 10000);

	for (int i = 0; !error && i < metadata->topic_cnt; i++)
		for (size_t k = 0; k < array_count(topics); k++)
			for (int p = 0; strcmp(metadata->topics[i].topic, topics[k]) == 0 &&
			     p < metadata->topics[i].partition_cnt; p++)
				rd_kafka_topic_partition_list_add(list, topics[k], p)->offset = RD_KAFKA_OFFSET_END;
	if (!error && list->cnt == 0)
		error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	/* -1 as a time asks for the end. */
	if (!error)
		error = rd_kafka_offsets_for_times(demo->reader, list, 10000);
	if (!error)
		error = rd_kafka_assign(demo->reader, list);
	if (error)
		snprintf(demo->failure, sizeof(demo->failure), "%s: %s", demo->brokers, rd_kafka_err2str(error));
	else
		rd_kafka_poll_set_consumer(demo->reader);
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_partition_list_destroy(list);
	return !error;
}

static struct str header(const rd_kafka_headers_t *headers, const char *name)
{
	const void *value = NULL;
	size_t size = 0;

	if (!headers || rd_kafka_header_get_last(headers, name, &value, &size))
		return STR_NONE;
	return (struct str){ value, size };
}

static struct str short_name(struct str type)
{
	if (type.n <= 13 || !str_starts(type, STR("aftercare.")) || !str_ends(type, STR(".v1")))
		return STR_NONE;
	return (struct str){ type.p + 10, type.n - 13 };
}

static struct mark *mark_of(struct tally *tally, struct str writer, int32_t partition)
{
	for (size_t i = 0; i < tally->mark_count; i++)
		if (tally->marks[i].partition == partition && str_is(writer, tally->marks[i].writer))
			return &tally->marks[i];
	if (tally->mark_count == tally->mark_capacity) {
		tally->mark_capacity = tally->mark_capacity ? tally->mark_capacity * 2 : 128;
		tally->marks = mem_resize(tally->marks, tally->mark_capacity * sizeof(*tally->marks));
	}
	tally->marks[tally->mark_count] = (struct mark){ .partition = partition, .incarnation = INT64_MIN };
	snprintf(tally->marks[tally->mark_count].writer, sizeof(tally->marks[0].writer), "%.*s", STR_ARG(writer));
	return &tally->marks[tally->mark_count++];
}

/* A daemon that was killed publishes again what it does not know to have been published: every fact is in the log at least
 * once, and by its pair of numbers any reader can tell. A dead letter has its place of origin for that: one writer each. */
static bool is_repeat(struct demo *demo, const rd_kafka_message_t *message, const rd_kafka_headers_t *headers)
{
	struct str writer = header(headers, "ce_writer");
	int32_t partition = message->partition;
	int64_t incarnation = 0, sequence = 0;
	struct mark *mark;
	char text[96];

	if (header(headers, "dl_reason").p) {
		snprintf(text, sizeof(text), "%.*s/%.*s/%.*s/%.*s", STR_ARG(header(headers, "dl_service")),
			 STR_ARG(header(headers, "dl_topic")),
			 STR_ARG(header(headers, "dl_partition")), STR_ARG(header(headers, "dl_offset")));
		writer = str_of(text);
		partition = -1;
	} else if (!str_int64(header(headers, "ce_incarnation"), &incarnation) ||
		   !str_int64(header(headers, "ce_sourceseq"), &sequence)) {
		return false;
	} else {
		/* Lane 3 of the log and of the messages are two. */
		snprintf(text, sizeof(text), "%.*s>%.20s", STR_ARG(writer), rd_kafka_topic_name(message->rkt));
		writer = str_of(text);
	}
	mark = mark_of(&demo->tally, writer, partition);
	if (incarnation < mark->incarnation || (incarnation == mark->incarnation && sequence <= mark->sequence))
		return true;
	mark->incarnation = incarnation;
	mark->sequence = sequence;
	return false;
}

static void take(struct demo *demo, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	struct record record = { 0 };

	if (rd_kafka_message_headers(message, &headers))
		headers = NULL;
	record = (struct record){
		.name = short_name(header(headers, "ce_type")), .ticket = header(headers, "ce_subject"),
		.id = header(headers, "ce_id"), .cause = header(headers, "ce_causeid"), .reason = header(headers, "dl_reason"),
		.service = header(headers, "dl_service"), .key = { message->key, message->key_len },
		.value = { message->payload, message->len },
	};
	record.fact = record.reason.p ? FACT_REFUSED : fact_of(record.name);
	/* Copies of claims: what they lead to follows. */
	if (!record.reason.p && header(headers, "ce_origin").p)
		return;
	demo->moved = demo_monotonic();
	if (is_repeat(demo, message, headers)) {
		demo->tally.repeats++;
		return;
	}
	tally_record(demo, &record);
	arena_reset(&demo->ctl.arena);
}

void follow_turn(struct demo *demo, int wait_ms)
{
	for (int n = 0; n < 2000; n++) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(demo->reader, n ? 0 : wait_ms);

		if (!message)
			return;
		if (!message->err)
			take(demo, message);
		rd_kafka_message_destroy(message);
	}
}
