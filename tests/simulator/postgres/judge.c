/* The verdict about a run on a real PostgreSQL: the offline checker's (tests/support/history.h), on the logs of the simulated broker and
 * the tables of the real database. */
#include "tests/simulator/postgres/server.h"

#include <stdlib.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* ---- rest ---- */

/* What of a source is not done; false: nothing. */
static bool waits(const struct service *service, int topic, int32_t lane, char text[static 200])
{
	const char *name = service->topics[topic].name;
	int64_t end = (int64_t)world.broker.logs[log_of(name)][lane].count;
	char sql[300];

	snprintf(sql, sizeof(sql), "select next_offset, published_seq, out_seq from %s.source where topic = '%s' and partition = %d",
		 service->name, name, (int)lane);
	PGresult *rows = PQexec(server.locker, sql);
	bool there = PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1;
	int64_t values[3] = { -1, 0, 0 };
	for (int i = 0; there && i < 3; i++)
		values[i] = atoll(PQgetvalue(rows, 0, i));
	PQclear(rows);
	snprintf(text, 200, "%s/%s/%d: position %lld of %lld, published %lld of %lld", service->name, name, (int)lane, (long long)values[0],
		 (long long)end, (long long)values[1], (long long)values[2]);
	return values[0] != end || values[1] != values[2];
}

static const char *unrest(void)
{
	static char text[200];
	char now[INSTANT_TEXT];
	int group = -1;

	if (!outside_done())
		return "a request is not worked to its end";
	if (!broker_quiet())
		return "messages are under way";
	table_each(server.orphans, i) {
		if (server.orphans.items[i]->state != ORPHAN_GONE)
			return "a server process has something to do";
	}
	(void)instant_format(worker_wall(), now);
	for (int i = 0; i < world.actor_count; i++) {
		const struct service *service = world.actors[i].service;

		if (world.actors[i].group == group)
			continue;
		group = world.actors[i].group;
		for (int topic = 0; service->topics[topic].name; topic++) {
			for (int32_t lane = 0; lane < LANES; lane++) {
				if (waits(service, topic, lane, text))
					return text;
			}
		}
		snprintf(text, sizeof(text), "%s: a timer is due", service->name);
		if (server_ask(server.locker, "select count(*) from %s.timer where due <= '%s'", service->name, now) > 0)
			return text;
	}
	return NULL;
}

bool at_rest(bool complain)
{
	const char *why = unrest();

	if (why && complain)
		violated("does not come to rest: %s", why);
	return why == NULL;
}

/* ---- the history ---- */

static enum desk_topic topic_of(enum log log)
{
	int topic = 0;

	while (topic < DESK_TOPICS_ALL && !str_is(str_of(desk_topic_names[topic]), log_names[log]))
		topic++;
	return (enum desk_topic)topic;
}

static void add(struct history *history, enum log log, int32_t lane, int64_t offset)
{
	const struct entry *entry = world.broker.logs[log][lane].items[offset];
	struct desk_header *headers = arena_alloc(&world.arena, (entry->header_count + 1) * sizeof(*headers));

	for (size_t i = 0; i < entry->header_count; i++)
		headers[i] = (struct desk_header){ str_z(&world.arena, entry->headers[i].name), entry->headers[i].value.p,
						   entry->headers[i].value.n };
	history_add(history, record_make(&(struct record){
		.topic = topic_of(log), .partition = lane, .offset = offset, .key = (char *)(uintptr_t)entry->key.p, .key_size = entry->key.n,
		.value = (char *)(uintptr_t)entry->value.p, .value_size = entry->value.n, .headers = headers,
		.header_count = entry->header_count }));
}

static struct history *history_made(void)
{
	struct history *history = history_new();

	for (int log = 0; log < LOGS; log++) {
		for (int32_t lane = 0; lane < LANES; lane++) {
			char place[100];

			snprintf(place, sizeof(place), "%s/%d", log_names[log], (int)lane);
			index_set(history->ends, place, (int64_t)world.broker.logs[log][lane].count);
			for (int64_t offset = 0; offset < (int64_t)world.broker.logs[log][lane].count; offset++)
				add(history, (enum log)log, lane, offset);
		}
	}
	return history;
}

void verdict_give(void)
{
	struct history *history = history_made();
	struct report report;
	const char *about, *text;

	if (!history_read_rows(history, server.conninfo)) {
		violated("the tables cannot be read");
		history_free(history);
		return;
	}
	history->now = 0;
	history_check(history, &report);
	text = report_first(&report, &about);
	if (text)
		violated("%zu violations: %s%s%s", report_broken(&report), about, *about ? ": " : "", text);
	if (world.trace)
		report_print(&report, world.trace, 20);
	report_done(&report);
	history_free(history);
}
