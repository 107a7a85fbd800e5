/* Reporting's JSON: facts in, records out. What comes out fits its schema, says the same of the same row, and holds nothing of
 * what a customer has said of himself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/event.h"
#include "common/io/schema.h"
#include "services/reporting/reporting.h"

#define REGISTERED "{\"ticket\":\"AC-7K2M\",\"revision\":1,\"kind\":\"fault\",\"state\":\"incomplete\"," \
	"\"at\":\"2026-01-05T08:00:00Z\",\"decided_at\":\"2026-01-05T08:00:00.5Z\",\"policy\":{\"id\":\"p\",\"version\":1}," \
	"\"received_at\":\"2026-01-05T07:59:00Z\",\"channel\":\"phone\",\"severity\":\"urgent\",\"priority\":2," \
	"\"customer\":{\"id\":\"C-2041\",\"name\":\"Ana Silva\",\"phone\":\"+86 138 0000 1234\",\"email\":\"ana@example.org\",\"address\":\"Rua 7\"}," \
	"\"product\":{\"model\":\"AX-300\",\"version\":\"4.2\",\"serial_no\":\"SN-99\"},\"problem\":\"no data since Monday\"," \
	"\"fault_type\":\"please call 138 0000 1234\",\"entitlement\":\"owner\",\"charge\":{\"labour\":\"free\",\"parts\":\"paid\"}," \
	"\"missing\":[\"need\",\"customer.phone|customer.email\"],\"policies\":[{\"id\":\"p\",\"version\":1},{\"id\":\"q\",\"version\":3}]}"

static struct arena arena;
static struct buf scratch;
static struct schema_set *schemas;

static int load(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	return schema_load(&schemas, &fault) != OK;
}

static int unload(void **state)
{
	(void)state;
	schema_free(schemas);
	buf_done(&scratch);
	arena_done(&arena);
	return 0;
}

static struct item item_of(const char *name, const char *data)
{
	struct item item = { .event = { .name = str_of(name), .data = str_of(data), .subject = STR("AC-7K2M") } };
	struct fault fault = FAULT_NONE;

	assert_int_equal(event_parse(&item.event, &arena, &fault), OK);
	item.event.time = doc_instant(&item.event.doc, doc_member(&item.event.doc, 0, STR("at")));
	return item;
}

static void lay(const struct reporting *state, struct reporting_ticket *ticket, struct reporting_tally *tally, const char *name,
		const char *data)
{
	struct item item = item_of(name, data);
	struct reporting_fact fact = reporting_decode(state, &item, &arena);

	reporting_lay(ticket, &fact, tally);
	ticket->updated_at = ticket->touched_at;
}

static void fits(const char *name, struct str body)
{
	struct fault fault = FAULT_NONE;
	struct doc doc;

	if (doc_parse(&doc, body, &arena, &fault) != OK || schema_check(schema_of(schemas, str_of(name)), &doc, &arena, &fault) != OK)
		fail_msg("%s: %s\n%.*s", name, fault.text, STR_ARG(body));
}

static struct reporting_ticket ticket_new(void)
{
	return (struct reporting_ticket){
		.id = STR("AC-7K2M"), .received_at = INSTANT_NONE, .updated_at = INSTANT_NONE, .assigned_at = INSTANT_NONE,
		.replied_at = INSTANT_NONE, .contacted_at = INSTANT_NONE, .arrived_at = INSTANT_NONE, .resolved_at = INSTANT_NONE,
		.confirmed_at = INSTANT_NONE, .closed_at = INSTANT_NONE, .waiting_since = INSTANT_NONE,
	};
}

static void has(struct str body, const char *text)
{
	if (!strstr(str_z(&arena, body), text))
		fail_msg("%s is not in %.*s", text, STR_ARG(body));
}

static void has_not(struct str body, const char *text)
{
	if (strstr(str_z(&arena, body), text))
		fail_msg("%s is in %.*s", text, STR_ARG(body));
}

static void snapshots(void **unused)
{
	static const char *const personal[] = { "Ana", "Silva", "138", "0000", "1234", "example.org", "Rua", "Monday", "SN-99", "C-2041" };
	struct reporting state = { .knowledge = knowledge_new(), .secret = STR("0123456789abcdef") };
	struct reporting_tally tally = { .arena = &arena, .window = MINUTE, .counted_from = 0, .open_from = 0, .now = INT64_MAX };
	struct reporting_ticket ticket = ticket_new();
	struct str body, content, pseudonym;

	(void)unused;
	lay(&state, &ticket, &tally, "ticket.registered", REGISTERED);
	lay(&state, &ticket, &tally, "ticket.assigned", "{\"ticket\":\"AC-7K2M\",\"revision\":4,\"state\":\"assigned\",\"to\":\"E017\","
	    "\"role\":\"engineer\",\"at\":\"2026-01-05T08:01:00Z\",\"decided_at\":\"2026-01-05T08:01:00Z\"}");
	lay(&state, &ticket, &tally, "sla.started", "{\"ticket\":\"AC-7K2M\",\"revision\":1,\"policy\":{\"id\":\"q\",\"version\":3},"
	    "\"clock\":\"response\",\"clock_id\":\"AC-7K2M/q/response/2\",\"started_at\":\"2026-01-05T08:00:00Z\","
	    "\"due_at\":\"2026-01-05T10:00:00Z\",\"at\":\"2026-01-05T08:01:00Z\",\"decided_at\":\"2026-01-05T08:01:01Z\"}");
	lay(&state, &ticket, &tally, "ticket.waiting", "{\"ticket\":\"AC-7K2M\",\"revision\":5,\"state\":\"waiting_customer\","
	    "\"reason\":\"Ana is on holiday\",\"note\":\"Ana\",\"at\":\"2026-01-05T08:02:00Z\",\"decided_at\":\"2026-01-05T08:02:00Z\"}");
	lay(&state, &ticket, &tally, "survey.scored", "{\"ticket\":\"AC-7K2M\",\"survey\":\"s1\",\"score\":92.5,\"satisfied\":true,"
	    "\"comment\":\"Ana is happy\",\"at\":\"2026-01-05T08:03:00Z\",\"decided_at\":\"2026-01-05T08:03:00Z\"}");
	body = reporting_encode_ticket(&scratch, &ticket, &arena, &content);
	fits("ticket.snapshot", body);
	for (size_t i = 0; i < array_count(personal); i++)
		has_not(body, personal[i]);
	has(body, "\"received_at\":\"2026-01-05T07:59:00.000Z\"");
	has(body, "\"priority\":2,");
	has(body, "\"missing\":[\"need\",\"customer.phone|customer.email\"]");
	has(body, "\"policies\":[{\"id\":\"p\",\"version\":1},{\"id\":\"q\",\"version\":3}]");
	has(body, "\"clocks\":[{\"name\":\"response\",\"policy\":\"q\",\"state\":\"running\"");
	has(body, "\"waiting\":{\"on\":\"customer\",\"reason\":\"other\",\"since\":\"2026-01-05T08:02:00.000Z\",\"waited_s\":0}");
	has(body, "\"survey\":{\"score\":92.5,\"satisfied\":true}");
	has(body, "\"product\":{\"model\":\"AX-300\",\"version\":\"4.2\"}");
	has(body, "\"fault_type\":\"other\"");
	has_not(content, "updated_at");
	has(body, "\"customer\":\"");
	/* The same customer by the same secret; none without. */
	pseudonym = ticket.customer;
	ticket = ticket_new();
	lay(&state, &ticket, &tally, "ticket.registered", REGISTERED);
	assert_true(str_eq(ticket.customer, pseudonym));
	ticket = ticket_new();
	state.secret = STR_NONE;
	lay(&state, &ticket, &tally, "ticket.registered", REGISTERED);
	has_not(reporting_encode_ticket(&scratch, &ticket, &arena, NULL), "\"customer\":");
	knowledge_free(state.knowledge);
}

static struct str metric_body(const char *name, const struct reporting_window *window)
{
	const struct reporting_metric *metric = reporting_metrics;

	while (metric->name && strcmp(metric->name, name) != 0)
		metric++;
	assert_non_null(metric->name);
	return reporting_encode_metric(&scratch, metric, window, &arena);
}

static void metrics(void **unused)
{
	struct reporting_sum sums[] = {
		{ .counter = COUNT_REGISTERED, .label = STR("phone"), .value = 3 },
		{ .counter = COUNT_REGISTERED, .label = STR("wechat"), .value = 2 },
		{ .counter = COUNT_IN_TIME, .label = STR("response"), .value = 3 },
		{ .counter = COUNT_LATE, .label = STR("resolve"), .value = 2 },
		{ .counter = COUNT_LATE, .label = STR("response"), .value = 1 },
		{ .counter = COUNT_SURVEYS_SCORED, .label = STR("no"), .value = 1 },
		{ .counter = COUNT_SURVEYS_SCORED, .label = STR("unknown"), .value = 7 },
		{ .counter = COUNT_SURVEYS_SCORED, .label = STR("yes"), .value = 3 },
		{ .counter = COUNT_OPEN_STATE, .label = STR("assigned"), .value = 4 },
		{ .counter = COUNT_OPEN_SEVERITY, .label = STR("general"), .value = 1 },
		{ .counter = COUNT_OPEN_SEVERITY, .label = STR("urgent"), .value = 3 },
		{ .counter = COUNT_TO_REPLY, .label = STR("10"), .value = 1 },
		{ .counter = COUNT_TO_REPLY, .label = STR("12"), .value = 1 },
		{ .counter = COUNT_TO_REPLY, .label = STR("sum"), .value = 2200 },
	};
	const struct reporting_window empty = { .from = 0, .length = MINUTE };
	const struct reporting_window window = { .from = 0, .length = HOUR, .due_next_hour = 9, .sums = sums, .sum_count = array_count(sums) };

	(void)unused;
	for (const struct reporting_metric *metric = reporting_metrics; metric->name; metric++) {
		fits("metric.window", reporting_encode_metric(&scratch, metric, &empty, &arena));
		fits("metric.window", reporting_encode_metric(&scratch, metric, &window, &arena));
	}
	has(metric_body("tickets_registered", &window), "\"value\":5,\"by\":{\"channel\":{\"phone\":3,\"wechat\":2}}");
	has(metric_body("tickets_registered", &window), "\"window\":{\"from\":\"1970-01-01T00:00:00.000Z\",\"to\":\"1970-01-01T01:00:00.000Z\",\"seconds\":3600}");
	has(metric_body("tickets_registered", &empty), "\"value\":0,\"by\":{\"channel\":{}}");
	has(metric_body("tickets_open", &window), "\"value\":4,\"by\":{\"state\":{\"assigned\":4},\"severity\":{\"general\":1,\"urgent\":3}}");
	has(metric_body("in_time_percent", &window), "\"value\":50.000,\"unit\":\"%\",\"count\":6,\"by\":{\"clock\":{\"response\":75.000,\"resolve\":0.000}}");
	has(metric_body("in_time_percent", &empty), "\"value\":null");
	/* Whoever did not say whether he is satisfied is no sample. */
	has(metric_body("satisfied_percent", &window), "\"value\":75.000,\"unit\":\"%\",\"count\":4");
	has(metric_body("time_to_reply", &window), "\"value\":1.100,\"unit\":\"s\",\"count\":2,\"mean\":1.100,\"p50\":1.000,\"p90\":1.200,\"p99\":1.200");
	has(metric_body("time_to_reply", &empty), "\"value\":null,\"unit\":\"s\",\"count\":0,\"mean\":null,\"p50\":null");
	has(metric_body("clocks_due_next_hour", &window), "\"value\":9}");
}

static void window_lengths(void **unused)
{
	static const char *const wrong[] = { "", " ", "1min", "PT0S", "PT7M", "P1M", "P2D", "PT1H PT1M", "PT1M PT90S", "PT2M PT3M",
					     "PT1S PT2S PT4S PT8S PT16S" };
	struct reporting state = { 0 };
	struct fault fault = FAULT_NONE;

	(void)unused;
	assert_int_equal(reporting_windows_parse(STR("PT1M  PT1H P1D"), &state, &fault), OK);
	assert_int_equal(state.window_count, 3);
	assert_int_equal(state.windows[2], DAY);
	for (size_t i = 0; i < array_count(wrong); i++) {
		state = (struct reporting){ 0 };
		fault = FAULT_NONE;
		if (reporting_windows_parse(str_of(wrong[i]), &state, &fault) != FATAL || !fault.text[0])
			fail_msg("\"%s\" is taken", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots),
		cmocka_unit_test(metrics),
		cmocka_unit_test(window_lengths),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
