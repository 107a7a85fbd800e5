/* aftercarectl rebuild: after kill -9 in the middle of work the state is what the topics say, row by row; and one row that
 * is altered, one that is taken away and one that is put there are each noticed and named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tests/support/scene.h"

#define REQUESTS 60

/* Every table that is compared has something to compare. */
static void work(struct desk *desk)
{
	const struct cast *cast = scene_cast(desk);
	const struct sent *sent[REQUESTS];
	const char *refused, *off;
	struct claim claim;

	for (size_t i = 0; i < REQUESTS; i++) {
		/* Some are late before they begin: their clocks breach. */
		sent[i] = scene_request(desk, desk_now() - (instant)(i % 3) * HOUR * 12, NULL);
		if (i == REQUESTS / 3)
			assert_true(stack_do(desk_stack(desk), "kill", "intake"));
		if (i == REQUESTS / 2)
			assert_true(stack_do(desk_stack(desk), "kill", "routing"));
	}
	off = scene_person(desk, "engineer", NULL);
	claim = (struct claim){ .name = "staff.off_post", .key = desk_text(desk, "post:%s", off),
				.data = desk_text(desk, "{'staff': '%s'}", off) };
	(void)desk_send(desk, &claim);
	claim = (struct claim){ .name = "installation.upserted", .key = "installation:I-1", .data = "{'id': 'I-1', 'customer': 'C-1', "
				"'product': 'P-1', 'serial_no': 'S-1', 'accepted_on': '2026-01-05'}" };
	(void)desk_send(desk, &claim);
	for (size_t i = 0; i < 4; i++)
		scene_finish(desk, desk_expect_ticket(desk, sent[i]));
	assert_true(stack_do(desk_stack(desk), "kill", "sla"));
	for (size_t i = 4; i < 8; i++)
		scene_resolve(desk, desk_expect_ticket(desk, sent[i]));
	assert_true(stack_do(desk_stack(desk), "kill", "survey"));
	/* What messages quote, a wait that is over and one that is not, a case that was opened again. */
	scene_do(desk, desk_expect_ticket(desk, sent[4]), "customer.rejected", NULL, 0, "{'reason': 'it still drops out'}");
	for (size_t i = 11; i < 14; i++) {
		const char *ticket = desk_expect_ticket(desk, sent[i]);

		scene_do(desk, ticket, "staff.started", cast->engineer, 0, NULL);
		scene_do(desk, ticket, "staff.proposed", cast->engineer, 0, "{'solution': 'another cable'}");
		scene_do(desk, ticket, "staff.waiting", cast->engineer, 0, "{'on': 'customer', 'reason': 'no_access'}");
		if (i == 11)
			scene_do(desk, ticket, "staff.resumed", cast->engineer, 0, "{'on': 'customer'}");
	}
	/* The same claim twice, and one that is refused. */
	claim = (struct claim){ .name = "staff.replied", .ticket = desk_expect_ticket(desk, sent[9]), .id = desk_unique(desk, "twice"),
				.data = desk_text(desk, "{'text': 'x', 'by': {'id': '%s'}}", cast->engineer) };
	(void)desk_send(desk, &claim);
	(void)desk_send(desk, &claim);
	refused = desk_expect_ticket(desk, sent[10]);
	scene_refused(desk, refused, "staff.close_requested", cast->csr, NULL, "illegal_transition");
	desk_settle(desk);
}

static int64_t number(const json_t *table, const char *name)
{
	return json_integer_value(json_object_get(table, name));
}

static void the_state_is_what_the_topics_say(void **state)
{
	static const char *const tables[] = { "survey.ticket", "sla.ticket", "notification.ticket", "routing.ticket", "routing.workload",
		"intake.ticket", "intake.claim", "sla.clock", "survey.survey", "directory.entity", "directory.installation",
		"directory.presence", "notification.counter", "reporting.ticket", "reporting.level", "reporting.due",
		"*.dead_letter" };
	struct desk *desk = *state;
	json_t *verdict;

	scene_needs_stack(desk);
	work(desk);
	verdict = desk_check_rebuild(desk);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (number(rebuild_table(verdict, tables[i]), "rows") == 0)
			desk_fail(desk, NULL, "%s: no row was compared", tables[i]);
	json_decref(verdict);
}

/* The first column of the one row that the statement returns. */
static const char *falsify(struct desk *desk, const char *sql)
{
	PGconn *database = PQconnectdb(desk_stack(desk)->database);
	PGresult *rows = PQexec(database, sql);
	const char *text;

	if (PQresultStatus(rows) != PGRES_TUPLES_OK || PQntuples(rows) != 1)
		desk_fail(desk, NULL, "%s: %d rows %s", sql, PQntuples(rows), PQerrorMessage(database));
	text = desk_text(desk, "%s", PQgetvalue(rows, 0, 0));
	PQclear(rows);
	PQfinish(database);
	return text;
}

/* One difference of that kind, at the key that ends with `id`; `column`: the one column that differs. */
static void noticed(struct desk *desk, const json_t *verdict, const char *name, const char *kind, const char *id, const char *column)
{
	json_t *table = rebuild_table(verdict, name), *first = json_array_get(json_object_get(table, "first"), 0);
	json_t *columns = json_object_get(first, "columns"), *key = json_object_get(first, "key");
	const char *last = json_string_value(json_array_get(key, json_array_size(key) - 1));

	if (number(table, "different") + number(table, "missing") + number(table, "extra") != 1 || number(table, kind) != 1)
		desk_fail(desk, NULL, "%s: %d different, %d missing, %d extra, not one %s", name, (int)number(table, "different"),
			  (int)number(table, "missing"), (int)number(table, "extra"), kind);
	assert_string_equal(json_string_value(json_object_get(first, "kind")), kind);
	if (strcmp(last, id) != 0)
		desk_fail(desk, NULL, "%s: %s is named, not %s", name, last, id);
	assert_int_equal(json_array_size(columns), column ? 1 : 0);
	if (column)
		assert_string_equal(json_string_value(json_object_get(json_array_get(columns, 0), "column")), column);
}

static void what_was_falsified_is_named(void **state)
{
	struct desk *desk = *state;
	const char *altered, *gone, *put, *waited, *numbered, *counted;
	json_t *verdict, *table;
	int64_t differences = 0;
	int status;
	size_t i;

	scene_needs_stack(desk);
	altered = falsify(desk, "update sla.clock set due_at = due_at + interval '1 microsecond' where (lane, ticket, clock_id) = "
				"(select lane, ticket, clock_id from sla.clock where state = 'met' limit 1) returning clock_id");
	gone = falsify(desk, "delete from survey.survey where (lane, survey) = (select lane, survey from survey.survey "
			     "where state not in ('planned', 'dropped') limit 1) returning survey");
	put = falsify(desk, "insert into routing.ticket select (t).* from (select jsonb_populate_record(t, '{\"ticket\": \"AC-NOBODY\"}') "
			    "as t from routing.ticket t limit 1) x returning ticket");
	waited = falsify(desk, "update reporting.ticket set waited_us = waited_us + 1 where (lane, ticket) = (select lane, ticket from "
			       "reporting.ticket where waited_us > 0 limit 1) returning ticket");
	numbered = falsify(desk, "update notification.counter set messages = messages + 1 where (lane, ticket) = (select lane, ticket from "
				 "notification.counter where option is not null limit 1) returning ticket");
	counted = falsify(desk, "update reporting.count set value = value + 1 where (lane, at, name, label) = (select lane, at, name, label "
				"from reporting.count where name = 'open_by_state' and label = 'closed' or name = 'clocks_running' "
				"limit 1) returning label");
	(void)falsify(desk, "create table survey.novelty (); select 'survey.novelty'");
	verdict = desk_rebuild(desk, &status);
	assert_int_equal(status, 1);
	assert_false(json_is_true(json_object_get(verdict, "same")));
	noticed(desk, verdict, "sla.clock", "different", altered, "due_at");
	noticed(desk, verdict, "survey.survey", "missing", gone, NULL);
	noticed(desk, verdict, "routing.ticket", "extra", put, NULL);
	noticed(desk, verdict, "reporting.ticket", "different", waited, "waited_us");
	noticed(desk, verdict, "notification.counter", "different", numbered, "messages");
	noticed(desk, verdict, "reporting.level", "different", counted, "value");
	/* What a migration adds must be put into one of the two lists. */
	table = json_array_get(json_object_get(verdict, "unknown"), 0);
	assert_string_equal(json_string_value(table), "survey.novelty");
	json_array_foreach(json_object_get(verdict, "tables"), i, table)
		differences += number(table, "different") + number(table, "missing") + number(table, "extra");
	assert_int_equal(differences, 6);
	json_decref(verdict);
}

/* Never into a database that holds something of ours: not even the one in use. */
static void it_writes_into_an_empty_database_only(void **state)
{
	struct desk *desk = *state;
	const char *const arguments[] = { "rebuild", "--into", desk_stack(desk)->database, NULL };
	char *output = NULL;

	assert_int_equal(stack_ctl(desk_stack(desk), &output, arguments), 2);
	if (!output || !strstr(output, "holds Aftercare's tables already; nothing was done"))
		desk_fail(desk, NULL, "it said: %s", output ? output : "");
	free(output);
}

/* Into one that is not there yet, which it makes; a second time it leaves alone what the first one has made. */
static void it_makes_the_database_that_it_is_given(void **state)
{
	struct desk *desk = *state;
	const char *name = desk_text(desk, "made_%ld", stack_clock());
	const char *const arguments[] = { "rebuild", "--into", name, NULL };
	char *output = NULL;

	scene_needs_stack(desk);
	assert_in_range(stack_ctl(desk_stack(desk), &output, arguments), 0, 1);
	if (!output || !strstr(output, desk_text(desk, "made the database %s", name)) || !strstr(output, "records read, "))
		desk_fail(desk, NULL, "it said: %s", output ? output : "");
	free(output);
	assert_int_equal(stack_ctl(desk_stack(desk), &output, arguments), 2);
	if (!output || !strstr(output, "holds what an earlier rebuild has made; nothing was done"))
		desk_fail(desk, NULL, "it said: %s", output ? output : "");
	free(output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_is_what_the_topics_say),
		cmocka_unit_test(what_was_falsified_is_named),
		cmocka_unit_test(it_makes_the_database_that_it_is_given),
		cmocka_unit_test(it_writes_into_an_empty_database_only),
	};

	return cmocka_run_group_tests_name("test_rebuild", tests, scene_open_own, scene_close);
}
