/* Opens the desk, reads the logs, waits.
 *
 * One consumer with every partition of our topics from its first record, without a group: what others do cannot disturb
 * it, and reading twice gives the same. Nothing here sleeps: waiting is waiting for the next record. */
#define _GNU_SOURCE /* vasprintf */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/desk_inner.h"

const char *const desk_topic_names[DESK_TOPICS_ALL] = {
	"aftercare.tickets", "aftercare.desk", "aftercare.messages", "aftercare.dead-letters", "aftercare.inbound",
	"aftercare.staff", "aftercare.directory", "aftercare.ticket-state", "aftercare.metrics",
};

void desk_grow(void *ret_array, size_t count, size_t *capacity)
{
	void **array = ret_array;

	if (count < *capacity)
		return;
	*capacity = *capacity ? 2 * *capacity : 16;
	*array = realloc(*array, *capacity * sizeof(void *));
}

instant desk_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec / 1000;
}

const struct stack *desk_stack(const struct desk *desk)
{
	return desk->stack;
}

static void *keep(struct desk *desk, void *text)
{
	desk_grow(&desk->texts, desk->text_count, &desk->text_capacity);
	return desk->texts[desk->text_count++] = text;
}

const char *desk_text(struct desk *desk, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return keep(desk, text);
}

const char *desk_unique(struct desk *desk, const char *name)
{
	return desk_text(desk, "%s-%s-%u", name, desk->run, ++desk->counter);
}

/* ---- open and close ---- */

rd_kafka_t *desk_client(const char *brokers, rd_kafka_type_t type, const char *run)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char group[64], error[256] = "";
	const char *settings[][2] = {
		{ "bootstrap.servers", brokers },
		{ "client.id", "aftercare-test" },
		{ "log_level", "2" },
		{ "group.id", type == RD_KAFKA_CONSUMER ? group : NULL },
		{ "auto.offset.reset", type == RD_KAFKA_CONSUMER ? "earliest" : NULL },
		{ "enable.auto.commit", type == RD_KAFKA_CONSUMER ? "false" : NULL },
		{ "fetch.wait.max.ms", type == RD_KAFKA_CONSUMER ? "20" : NULL },
		{ "linger.ms", type == RD_KAFKA_PRODUCER ? "1" : NULL },
		{ "partitioner", type == RD_KAFKA_PRODUCER ? "murmur2_random" : NULL },
		{ "message.max.bytes", "4000000" },
	};

	snprintf(group, sizeof(group), "aftercare-test-%s", run);
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (settings[i][1] &&
		    rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error)) != RD_KAFKA_CONF_OK)
			fprintf(stderr, "desk: %s\n", error);
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, desk_delivered);
	return rd_kafka_new(type, conf, error, sizeof(error));
}

int32_t desk_partitions(rd_kafka_t *client, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	int32_t count = 0;

	for (long deadline = stack_deadline(); count <= 0 && stack_clock() < deadline;)
		if (rd_kafka_metadata(client, 0, handle, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
			count = metadata->topic_cnt > 0 ? metadata->topics[0].partition_cnt : 0;
			rd_kafka_metadata_destroy(metadata);
		}
	rd_kafka_topic_destroy(handle);
	return count;
}

static bool assign(struct desk *desk, bool at_end)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
	bool good = true;

	for (int topic = 0; topic < DESK_TOPICS; topic++) {
		desk->partitions[topic] = desk_partitions(desk->consumer, desk_topic_names[topic]);
		good = good && desk->partitions[topic] > 0;
		for (int32_t i = 0; i < desk->partitions[topic]; i++)
			rd_kafka_topic_partition_list_add(list, desk_topic_names[topic], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	}
	if (good && at_end) {
		good = desk_ends(desk->consumer, list);
		desk->begin = rd_kafka_topic_partition_list_copy(list);
	}
	good = good && rd_kafka_assign(desk->consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_topic_partition_list_destroy(list);
	return good;
}

static struct desk *open_at(const struct stack *stack, bool at_end)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	desk->stack = stack;
	snprintf(desk->run, sizeof(desk->run), "%llx%x", (unsigned long long)(desk_now() / 1000) & 0xffffffff,
		 (unsigned)getpid() & 0xfff);
	desk->topics = json_object();
	desk->consumer = desk_client(stack->brokers, RD_KAFKA_CONSUMER, desk->run);
	desk->producer = desk_client(stack->brokers, RD_KAFKA_PRODUCER, desk->run);
	if (!desk->consumer || !desk->producer || !assign(desk, at_end)) {
		fprintf(stderr, "desk: no way to the topics at %s\n", stack->brokers);
		desk_close(desk);
		return NULL;
	}
	rd_kafka_poll_set_consumer(desk->consumer);
	return desk;
}

struct desk *desk_open(const struct stack *stack)
{
	return open_at(stack, false);
}

struct desk *desk_open_at_end(const struct stack *stack)
{
	return open_at(stack, true);
}

void desk_close(struct desk *desk)
{
	if (!desk)
		return;
	if (desk->producer)
		rd_kafka_purge(desk->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	if (desk->producer)
		rd_kafka_destroy(desk->producer);
	if (desk->consumer)
		rd_kafka_destroy(desk->consumer);
	if (desk->begin)
		rd_kafka_topic_partition_list_destroy(desk->begin);
	PQfinish(desk->database);
	desk_slots_free(desk->tickets);
	desk_slots_free(desk->marks);
	desk_slots_free(desk->requests);
	for (size_t i = 0; i < desk->ticket_count; i++) {
		free(desk->order[i]->id);
		free(desk->order[i]->items);
		free(desk->order[i]);
	}
	for (size_t i = 0; i < desk->record_count; i++)
		record_free(desk->records[i]);
	for (size_t i = 0; i < desk->sent_count; i++)
		free(desk->sent[i]);
	for (size_t i = 0; i < desk->text_count; i++)
		free(desk->texts[i]);
	free(desk->order);
	free(desk->records);
	free(desk->dead);
	free(desk->sent);
	free(desk->texts);
	json_decref(desk->topics);
	free(desk);
}

/* ---- reading ---- */

static enum desk_topic topic_of(const rd_kafka_message_t *message)
{
	const char *name = rd_kafka_topic_name(message->rkt);

	for (int topic = 0; topic < DESK_TOPICS; topic++)
		if (strcmp(name, desk_topic_names[topic]) == 0)
			return topic;
	return DESK_TOPICS;
}

size_t desk_read(struct desk *desk, int wait_ms)
{
	size_t count = 0;

	rd_kafka_poll(desk->producer, 0);
	for (;;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(desk->consumer, count ? 0 : wait_ms);

		if (!message)
			return count;
		if (!message->err && topic_of(message) < DESK_TOPICS) {
			desk_place(desk, record_new(topic_of(message), message));
			count++;
		}
		rd_kafka_message_destroy(message);
	}
}

bool desk_until(struct desk *desk, bool (*holds)(struct desk *desk, void *userdata), void *userdata)
{
	long deadline = stack_deadline();

	for (;;) {
		desk_read(desk, 0);
		if (holds(desk, userdata))
			return true;
		if (stack_clock() > deadline)
			return false;
		desk_read(desk, 50);
	}
}

struct record *const *desk_records(const struct desk *desk, size_t *ret_count)
{
	*ret_count = desk->record_count;
	return desk->records;
}

/* ---- settling ---- */

static bool connect_database(struct desk *desk)
{
	if (desk->database && PQstatus(desk->database) == CONNECTION_OK)
		return true;
	PQfinish(desk->database);
	desk->database = PQconnectdb(desk->stack->database);
	return PQstatus(desk->database) == CONNECTION_OK;
}

/* One statement over the ledgers of all services: one snapshot. */
static PGresult *sources(PGconn *database)
{
	PGresult *made = PQexec(database,
				"select string_agg(format('select topic, partition, next_offset, out_seq = published_seq from %I.source', "
				"nspname), ' union all ') from pg_namespace where to_regclass(format('%I.source', nspname)) is not null");
	PGresult *rows = NULL;

	if (PQresultStatus(made) == PGRES_TUPLES_OK && PQntuples(made) == 1)
		rows = PQexec(database, PQgetvalue(made, 0, 0));
	PQclear(made);
	if (rows && PQresultStatus(rows) == PGRES_TUPLES_OK)
		return rows;
	if (PQstatus(database) == CONNECTION_OK)
		fprintf(stderr, "desk: %s", PQerrorMessage(database));
	PQclear(rows);
	return NULL;
}

bool desk_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	if (rd_kafka_offsets_for_times(client, list, 5000))
		return false;
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].err)
			return false;
	return true;
}

/* The ends of the topics are asked for after the snapshot: who stood there then had nothing left to read. */
bool desk_at_rest(PGconn *database, rd_kafka_t *client)
{
	PGresult *rows = sources(database);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(256);
	bool settled = rows && PQntuples(rows) > 0;

	for (int i = 0; settled && i < PQntuples(rows); i++) {
		const char *topic = PQgetvalue(rows, i, 0);
		int32_t partition = atoi(PQgetvalue(rows, i, 1));

		settled = PQgetvalue(rows, i, 3)[0] == 't';
		if (!rd_kafka_topic_partition_list_find(list, topic, partition))
			rd_kafka_topic_partition_list_add(list, topic, partition);
	}
	settled = settled && desk_ends(client, list);
	for (int i = 0; settled && i < PQntuples(rows); i++)
		settled = atoll(PQgetvalue(rows, i, 2)) >=
			  rd_kafka_topic_partition_list_find(list, PQgetvalue(rows, i, 0), atoi(PQgetvalue(rows, i, 1)))->offset;
	rd_kafka_topic_partition_list_destroy(list);
	PQclear(rows);
	return settled;
}

static bool is_settled(struct desk *desk, void *userdata)
{
	(void)userdata;
	return connect_database(desk) && desk_at_rest(desk->database, desk->consumer);
}

/* A position that is not known yet is of a partition of which nothing was ever read. */
static int64_t position(const rd_kafka_topic_partition_t *read, const rd_kafka_topic_partition_list_t *begin)
{
	const rd_kafka_topic_partition_t *first = NULL;

	if (read->offset >= 0)
		return read->offset;
	if (begin)
		first = rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)(uintptr_t)begin, read->topic, read->partition);
	return first ? first->offset : 0;
}

bool desk_is_read(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *begin)
{
	rd_kafka_topic_partition_list_t *list = NULL, *high;
	bool all = rd_kafka_assignment(consumer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		   rd_kafka_position(consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR;

	if (!list)
		return false;
	high = rd_kafka_topic_partition_list_copy(list);
	all = all && desk_ends(consumer, high);
	for (int i = 0; all && i < list->cnt; i++)
		all = position(&list->elems[i], begin) >= high->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(high);
	rd_kafka_topic_partition_list_destroy(list);
	return all;
}

static bool is_read(struct desk *desk, void *userdata)
{
	(void)userdata;
	return desk_is_read(desk->consumer, desk->begin);
}

void desk_settle(struct desk *desk)
{
	desk_flush(desk);
	if (!desk_until(desk, is_settled, NULL))
		desk_fail(desk, NULL, "the daemons do not come to rest");
	if (!desk_until(desk, is_read, NULL))
		desk_fail(desk, NULL, "the logs cannot be read to their ends");
}
