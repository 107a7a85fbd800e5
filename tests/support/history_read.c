/* Reads a history: all topics from their beginning, the tables of all services in one snapshot.
 *
 * Both are of one moment: the ends of the topics are asked for between two looks at the ledgers that show the same. Texts and
 * addresses of people stay where they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* Tables that are read where a service has them, and what of them is not. */
static const char *const tables[][2] = {
	{ "source", "" },
	{ "watermark", "" },
	{ "timer", "data" },
	{ "dead_letter", "key,headers,value,detail" },
	{ "ticket", "data,evidence,policies,customer,clocks,traceparent,tracestate" },
	{ "claim", "" },
	{ "clock", "" },
	{ "workload", "" },
	{ "message", "text,address,subject,held" },
	{ "survey", "answers,comment" },
	{ "lane", "" },
	{ "count", "" },
	{ "level", "" },
	{ "published", "" },
};

/* ---- database ---- */

static PGresult *query(PGconn *database, const char *sql, const char *first, const char *second)
{
	const char *values[] = { first, second };
	PGresult *rows = PQexecParams(database, sql, second ? 2 : first ? 1 : 0, NULL, values, NULL, NULL, 0);

	if (PQresultStatus(rows) == PGRES_TUPLES_OK || PQresultStatus(rows) == PGRES_COMMAND_OK)
		return rows;
	fprintf(stderr, "history: %s", PQerrorMessage(database));
	PQclear(rows);
	return NULL;
}

static bool command(PGconn *database, const char *sql)
{
	PGresult *rows = query(database, sql, NULL, NULL);

	PQclear(rows);
	return rows;
}

static bool read_table(PGconn *database, struct history *history, const char *service, const char *const *table)
{
	char sql[400], *name = PQescapeIdentifier(database, service, strlen(service));
	json_t *rows;
	PGresult *lines, *there;
	bool good;

	snprintf(sql, sizeof(sql), "select 1 where to_regclass('%s.%s') is not null", name, table[0]);
	there = query(database, sql, NULL, NULL);
	good = there;
	if (there && PQntuples(there) == 1) {
		snprintf(sql, sizeof(sql), "select to_jsonb(t) - string_to_array('%s', ',') from %s.%s t", table[1], name, table[0]);
		lines = query(database, sql, NULL, NULL);
		good = lines;
		rows = history_rows(history, service, table[0]);
		for (int i = 0; good && i < PQntuples(lines); i++)
			json_array_append_new(rows, json_loads(PQgetvalue(lines, i, 0), 0, NULL));
		PQclear(lines);
	}
	PQclear(there);
	PQfreemem(name);
	return good;
}

/* The digest is history_digest's. */
static bool read_outbox(PGconn *database, struct history *history, const char *service)
{
	char sql[900], *name = PQescapeIdentifier(database, service, strlen(service));
	PGresult *rows;

	snprintf(sql, sizeof(sql),
		 "select $1::text || '/' || s.topic || '/' || s.partition, o.seq, o.incarnation, o.topic, o.partition, "
		 "encode(sha256(o.headers || case when o.key is null then '\\xffff'::bytea else '\\xff'::bytea || o.key end || "
		 "case when o.value is null then '\\xffff'::bytea else '\\xff'::bytea || o.value end), 'hex') "
		 "from %s.outbox_fact o join %s.source s on s.id = o.source", name, name);
	rows = query(database, sql, service, NULL);
	for (int i = 0; rows && i < PQntuples(rows); i++) {
		struct outbox_row *row = history_outbox_add(history);

		snprintf(row->writer, sizeof(row->writer), "%s", PQgetvalue(rows, i, 0));
		row->sequence = atoll(PQgetvalue(rows, i, 1));
		row->incarnation = atoll(PQgetvalue(rows, i, 2));
		snprintf(row->topic, sizeof(row->topic), "%s", PQgetvalue(rows, i, 3));
		row->partition = atoi(PQgetvalue(rows, i, 4));
		snprintf(row->digest, sizeof(row->digest), "%s", PQgetvalue(rows, i, 5));
	}
	PQclear(rows);
	PQfreemem(name);
	return rows;
}

static bool read_rows(PGconn *database, struct history *history)
{
	PGresult *services, *now;
	bool good = command(database, "begin isolation level repeatable read read only");

	json_decref(history->rows);
	history->rows = json_object();
	history->outbox_count = 0;
	services = query(database, "select nspname from pg_namespace where to_regclass(format('%I.source', nspname)) is not null order by 1",
			 NULL, NULL);
	good = good && services;
	for (int i = 0; good && i < PQntuples(services); i++) {
		const char *service = PQgetvalue(services, i, 0);

		for (size_t t = 0; good && t < sizeof(tables) / sizeof(*tables); t++)
			good = read_table(database, history, service, tables[t]);
		good = good && read_outbox(database, history, service);
	}
	PQclear(services);
	now = query(database, "select (extract(epoch from clock_timestamp()) * 1000000)::int8", NULL, NULL);
	history->now = now ? atoll(PQgetvalue(now, 0, 0)) : 0;
	PQclear(now);
	return command(database, "commit") && good && now;
}

/* Whether the ledgers still show what was read of them. */
static bool is_unmoved(PGconn *database, const struct history *history)
{
	bool same = true;
	const char *service;
	json_t *of, *row;
	size_t n;

	json_object_foreach(history->rows, service, of) {
		int64_t issued = 0, position = 0, incarnation = 0;
		char sql[300];
		PGresult *rows;

		json_array_foreach(json_object_get(of, "source"), n, row) {
			issued += row_number(row, "out_seq");
			position += row_number(row, "next_offset");
			incarnation += row_number(row, "incarnation");
		}
		snprintf(sql, sizeof(sql), "select 1 from \"%s\".source having sum(out_seq) = %lld and sum(next_offset) = %lld and "
			 "sum(incarnation) = %lld", service, (long long)issued, (long long)position, (long long)incarnation);
		rows = query(database, sql, NULL, NULL);
		same = same && rows && PQntuples(rows) == 1;
		PQclear(rows);
	}
	return same;
}

/* ---- topics ---- */

static rd_kafka_topic_partition_list_t *partitions(rd_kafka_t *consumer)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(128);

	for (int topic = 0; topic < DESK_TOPICS_ALL; topic++) {
		int32_t count = desk_partitions(consumer, desk_topic_names[topic]);

		if (count <= 0)
			fprintf(stderr, "history: there is no topic %s\n", desk_topic_names[topic]);
		for (int32_t i = 0; i < count; i++)
			rd_kafka_topic_partition_list_add(list, desk_topic_names[topic], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	}
	return list;
}

static bool read_ends(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, struct history *history)
{
	char place[100];

	if (!desk_ends(consumer, list))
		return false;
	for (int i = 0; i < list->cnt; i++) {
		snprintf(place, sizeof(place), "%s/%d", list->elems[i].topic, list->elems[i].partition);
		index_set(history->ends, place, list->elems[i].offset);
		list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
	}
	return true;
}

static enum desk_topic topic_of(const char *name)
{
	int topic = 0;

	while (topic < DESK_TOPICS_ALL && strcmp(name, desk_topic_names[topic]) != 0)
		topic++;
	return topic;
}

static bool read_records(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *list, struct history *history)
{
	long deadline = stack_clock() + 60000;
	char place[100];

	if (rd_kafka_assign(consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	while (stack_clock() < deadline) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);

		if (!message && desk_is_read(consumer, NULL))
			return true;
		if (!message)
			continue;
		if (!message->err) {
			deadline = stack_clock() + 60000;
			snprintf(place, sizeof(place), "%s/%d", rd_kafka_topic_name(message->rkt), message->partition);
			/* What came after the rows were read is of another moment. */
			if (message->offset < index_get(history->ends, place, 0))
				history_add(history, record_new(topic_of(rd_kafka_topic_name(message->rkt)), message));
		}
		rd_kafka_message_destroy(message);
	}
	fprintf(stderr, "history: for 60 s nothing more can be read of the topics, and this is not their end\n");
	return false;
}

/* ---- both ---- */

/* Rows and ends of one moment, at rest if that comes in time. */
static bool read_moment(PGconn *database, rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, struct history *history,
			int seconds)
{
	long deadline = stack_clock() + 1000L * seconds;

	for (;;) {
		bool late = stack_clock() > deadline;

		if (!late && !desk_at_rest(database, consumer)) {
			stack_moment();
			continue;
		}
		if (!read_rows(database, history) || !read_ends(consumer, list, history))
			return false;
		if (late || (is_unmoved(database, history) && desk_at_rest(database, consumer)))
			return true;
	}
}

bool history_read_rows(struct history *history, const char *conninfo)
{
	PGconn *database = PQconnectdb(conninfo);
	bool good = PQstatus(database) == CONNECTION_OK && command(database, "set timezone to 'UTC'") && read_rows(database, history);

	if (PQstatus(database) != CONNECTION_OK)
		fprintf(stderr, "history: %s", PQerrorMessage(database));
	PQfinish(database);
	history->complete = good;
	return good;
}

struct history *history_read(const char *brokers, const char *conninfo, int seconds)
{
	struct history *history = history_new();
	PGconn *database = PQconnectdb(conninfo);
	rd_kafka_t *consumer = desk_client(brokers, RD_KAFKA_CONSUMER, "history");
	rd_kafka_topic_partition_list_t *list = NULL;
	bool good = consumer && PQstatus(database) == CONNECTION_OK && command(database, "set timezone to 'UTC'");

	if (PQstatus(database) != CONNECTION_OK)
		fprintf(stderr, "history: %s", PQerrorMessage(database));
	if (good) {
		rd_kafka_poll_set_consumer(consumer);
		list = partitions(consumer);
		good = read_moment(database, consumer, list, history, seconds) && read_records(consumer, list, history);
	}
	if (list)
		rd_kafka_topic_partition_list_destroy(list);
	if (consumer)
		rd_kafka_destroy(consumer);
	PQfinish(database);
	history->complete = true;
	if (good)
		return history;
	history_free(history);
	return NULL;
}
