/* The envelope: both modes in, what is no event, and the way out through the outbox's header block and back in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/event.h"

#define H(name, value) { STR(name), STR(value) }
#define JSON H("content-type", "application/json")
#define CE H("ce_specversion", "1.0"), H("ce_id", "1"), H("ce_source", "crm"), \
	   H("ce_type", "aftercare.staff.replied.v1")
#define STRUCTURED H("content-type", "application/cloudevents+json; charset=UTF-8")
#define EVENT "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"crm\",\"type\":\"aftercare.staff.replied.v1\""

static const struct row {
	const char *what;
	struct bus_header headers[12];
	struct str value;
	enum reason reason;  /* REASON_NONE: decodes, and data is `want` */
	const char *want;    /* part of the text, or the data; NULL: no data */
} rows[] = {
	{ "binary", { JSON, CE }, { "{\"a\":1}", 7 }, REASON_NONE, "{\"a\":1}" },
	{ "binary without content type", { CE }, { "{}", 2 }, REASON_NONE, "{}" },
	{ "binary with another content type", { H("content-type", "text/plain"), CE }, { "{}", 2 }, REASON_NONE, "{}" },
	{ "binary tombstone", { JSON, CE }, { NULL, 0 }, REASON_NONE, NULL },
	{ "binary null", { JSON, CE }, { " null\n", 6 }, REASON_NONE, NULL },
	{ "binary, broken data is not looked at", { CE }, { "{", 1 }, REASON_NONE, "{" },
	{ "binary data that look structured", { CE }, { EVENT "}", sizeof(EVENT) }, REASON_NONE, EVENT "}" },
	{ "structured", { STRUCTURED }, STR(EVENT ",\"data\": { \"a\" : 1 } }"), REASON_NONE, "{ \"a\" : 1 }" },
	{ "structured, no content type", { { { NULL, 0 }, { NULL, 0 } } }, STR("\n" EVENT ",\"data\":[]}"), REASON_NONE, "[]" },
	{ "structured, plain JSON content type", { JSON }, STR(EVENT ",\"data\":\"x\"}"), REASON_NONE, "\"x\"" },
	{ "structured, no charset, other case", { H("Content-Type", "Application/CloudEvents+JSON") }, STR(EVENT "}"), REASON_NONE, NULL },
	{ "structured, data null", { STRUCTURED }, STR(EVENT ",\"data\":null}"), REASON_NONE, NULL },
	{ "structured wins over ce_ headers", { STRUCTURED, CE }, STR(EVENT ",\"data\":7}"), REASON_NONE, "7" },
	{ "null header value is none", { CE, { STR("ce_subject"), { NULL, 0 } } }, { "{}", 2 }, REASON_NONE, "{}" },

	{ "nothing at all", { { { NULL, 0 }, { NULL, 0 } } }, { NULL, 0 }, REASON_NOT_AN_EVENT, "no CloudEvents" },
	{ "no attributes, no JSON", { JSON }, STR("hello"), REASON_NOT_AN_EVENT, "no CloudEvents" },
	{ "no attributes, torn JSON", { JSON }, STR("{\"a\":"), REASON_NOT_AN_EVENT, "not JSON" },
	{ "no attributes, other JSON", { JSON }, STR("{\"a\":1}"), REASON_NOT_AN_EVENT, "no specversion" },
	{ "no attributes, an array", { JSON }, STR("[1]"), REASON_NOT_AN_EVENT, "no JSON object" },
	{ "announced, torn", { STRUCTURED }, STR("{\"a\":"), REASON_JSON_INVALID, "" },
	{ "announced, empty", { STRUCTURED }, { NULL, 0 }, REASON_JSON_INVALID, "" },
	{ "announced, other JSON", { STRUCTURED }, STR("{\"a\":1}"), REASON_NOT_AN_EVENT, "specversion is missing" },
	{ "announced, an array", { STRUCTURED }, STR("[]"), REASON_NOT_AN_EVENT, "no object" },
	{ "batch", { H("content-type", "application/cloudevents-batch+json") }, STR("[]"), REASON_NOT_AN_EVENT, "content-type" },
	{ "avro", { H("content-type", "application/cloudevents+avro") }, STR("x"), REASON_NOT_AN_EVENT, "content-type" },
	{ "base64", { STRUCTURED }, STR(EVENT ",\"data_base64\":\"e30=\"}"), REASON_NOT_AN_EVENT, "/data_base64" },
	{ "id missing", { H("ce_specversion", "1.0"), H("ce_source", "crm"), H("ce_type", "t") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_id is missing" },
	{ "source empty", { CE, H("ce_source", "") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_source is empty" },
	{ "type only", { H("ce_type", "t") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_specversion is missing" },
	{ "wrong specversion", { CE, H("ce_specversion", "0.3") }, STR("{}"), REASON_NOT_AN_EVENT, "not 1.0" },
	{ "NUL in a header", { CE, H("ce_subject", "a\0b") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_subject" },
	{ "NUL far in a header", { CE, H("ce_subject", "abcdefghijklmnop\0qrstuvwxyz") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_subject" },
	{ "no UTF-8 in a header", { CE, H("ce_id", "caf\xe9") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_id" },
	{ "no UTF-8 behind UTF-8", { CE, H("ce_id", "\xc3\xa9 caf\xe9") }, STR("{}"), REASON_NOT_AN_EVENT, "ce_id" },
	{ "a number for an id", { STRUCTURED }, STR("{\"specversion\":\"1.0\",\"id\":1}"), REASON_NOT_AN_EVENT, "at /id" },
};

static size_t header_count(const struct bus_header *headers, size_t most)
{
	size_t n = 0;

	while (n < most && headers[n].name.p)
		n++;
	return n;
}

static void test_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct row *row = &rows[i];
		struct bus_record record = { .value = row->value, .headers = row->headers,
					     .header_count = header_count(row->headers, array_count(row->headers)) };
		struct fault fault = FAULT_NONE;
		struct arena arena = { 0 };
		struct event event = { .lane = 77 };
		enum verdict verdict = event_decode(&event, &record, "aftercare.staff", &arena, &fault);

		if (fault.reason != row->reason || (verdict == OK) != (row->reason == REASON_NONE))
			fail_msg("%s: %s", row->what, fault.text);
		if (verdict == OK) {
			assert_true(str_is(event.id, "1") && str_is(event.source, "crm"));
			assert_true(str_is(event.name, "staff.replied"));
			assert_int_equal(event.lane, -1);
			assert_true(event.arrived == INSTANT_NONE && event.time == INSTANT_NONE);
			if (row->want ? !str_is(event.data, row->want) : event.data.p != NULL)
				fail_msg("%s: data %.*s", row->what, STR_ARG(event.data));
		} else {
			assert_int_equal(event.lane, 77);
			if (!strstr(fault.text, row->want))
				fail_msg("%s: %s", row->what, fault.text);
		}
		arena_done(&arena);
	}
}

static void test_attributes(void **state)
{
	const struct bus_header headers[] = {
		CE, H("ce_time", "2026-11-23T10:41:57.5+08:00"), H("ce_subject", "AC-1"), H("traceparent", "00-plain"),
		H("tracestate", "v=1"), H("ce_lane", "7"), H("ce_writer", "routing/aftercare.tickets/3"),
		H("ce_incarnation", "1764000000000"), H("ce_sourceseq", "42"), H("ce_origin", "aftercare.staff/1/99"),
		H("ce_arrived", "2026-11-23T02:42:00Z"), H("ce_revision", "3"), H("ce_causeid", "c1"),
		H("ce_causesource", "crm"), H("ce_unknown", "x"), H("other", "y"), H("ce_i", "z"), H("", ""),
	};
	struct bus_record record = { .value = STR("{}"), .headers = headers, .header_count = array_count(headers),
				     .partition = 5, .offset = 6 };
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct event event;

	(void)state;
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), OK);
	assert_int_equal(event.record.offset, 6);
	assert_string_equal(event.topic, "t");
	assert_true(event.time == instant_of_civil(2026, 11, 23, 2 * HOUR + 41 * MINUTE + 57 * SECOND + 500 * MILLISECOND));
	assert_true(str_is(event.time_text, "2026-11-23T10:41:57.5+08:00"));
	assert_true(str_is(event.subject, "AC-1"));
	assert_true(str_is(event.traceparent, "00-plain") && str_is(event.tracestate, "v=1"));
	assert_int_equal(event.lane, 7);
	assert_true(str_is(event.writer, "routing/aftercare.tickets/3"));
	assert_true(event.incarnation == 1764000000000 && event.sequence == 42);
	assert_true(str_is(event.origin, "aftercare.staff/1/99"));
	assert_true(event.arrived == instant_of_civil(2026, 11, 23, 2 * HOUR + 42 * MINUTE));
	assert_int_equal(event.revision, 3);
	assert_true(str_is(event.cause_id, "c1") && str_is(event.cause_source, "crm"));
	assert_true(str_is(event_peek_name(&record), "staff.replied"));
	assert_int_equal(event_parse(&event, &arena, &fault), OK);
	assert_int_equal(event_parse(&event, &arena, &fault), OK);
	assert_int_equal(event.doc.count, 1);
	arena_done(&arena);
}

/* Numbers that are none, from somebody who uses our names for something else, mean that there are none. */
static void test_odd_attributes(void **state)
{
	const struct bus_header headers[] = { CE, H("ce_lane", "left"), H("ce_revision", "-3"), H("ce_time", "yesterday"),
					      H("ce_sourceseq", "99999999999999999999"), H("traceparent", "a\0b"),
					      H("ce_type", "com.example.thing"), H("ce_arrived", "") };
	struct bus_record record = { .value = STR("{"), .headers = headers, .header_count = array_count(headers) };
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct event event;

	(void)state;
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), OK);
	assert_int_equal(event.lane, -1);
	assert_true(event.revision == 0 && event.sequence == 0 && event.time == INSTANT_NONE);
	assert_null(event.traceparent.p);
	assert_null(event.name.p);
	assert_null(event_peek_name(&record).p);
	assert_int_equal(event_parse(&event, &arena, &fault), REJECT);
	assert_int_equal(fault.reason, REASON_JSON_INVALID);
	record.header_count = 0;
	assert_null(event_peek_name(&record).p);
	arena_done(&arena);
}

static void test_sizes(void **state)
{
	char *bytes = malloc(EVENT_VALUE_MAX + 1), long_id[1025];
	struct bus_header headers[] = { CE, { STR("ce_id"), { long_id, 1024 } } };
	struct bus_record record = { .value = { bytes, EVENT_VALUE_MAX }, .headers = headers,
				     .header_count = array_count(headers) };
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct event event;

	(void)state;
	memset(bytes, ' ', EVENT_VALUE_MAX + 1);
	memset(long_id, 'i', sizeof(long_id));
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), OK);
	headers[4].value.n = 1025;
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), REJECT);
	assert_int_equal(fault.reason, REASON_SCHEMA_INVALID);
	assert_string_equal(fault.text, "at /id: 1025 bytes, at most 1024");
	record.value.n++;
	fault = FAULT_NONE;
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), REJECT);
	assert_int_equal(fault.reason, REASON_TOO_LARGE);
	record.header_count = 0;
	fault = FAULT_NONE;
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), REJECT);
	assert_int_equal(fault.reason, REASON_TOO_LARGE);
	arena_done(&arena);
	free(bytes);
}

static void unpack(struct buf *buf, struct arena *arena, struct bus_record *ret)
{
	struct fault fault = FAULT_NONE;

	assert_int_equal(event_headers_unpack(buf_view(buf), arena, &ret->headers, &ret->header_count, &fault), OK);
}

static void test_round_trip(void **state)
{
	char detail[20000];
	struct bus_header extra = { STR("dl_detail"), { detail, sizeof(detail) } };
	struct outgoing outgoing = { .topic = "aftercare.tickets", .partition = 11, .id = STR("f-1"),
				     .source = STR("aftercare/routing"), .name = STR("ticket.assigned"),
				     .subject = STR("AC-1"), .at = 1500 * MILLISECOND, .traceparent = STR("00-a"),
				     .revision = 3, .cause_id = STR("c"), .cause_source = STR("crm"),
				     .arrived = INSTANT_NONE, .extra = &extra, .extra_count = 1 };
	struct bus_record record = { .value = STR("{}") };
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct event event;
	struct buf buf = { 0 };

	(void)state;
	memset(detail, 'd', sizeof(detail));
	event_encode_headers(&outgoing, STR("routing/aftercare.tickets/11"), 5, 42, &buf);
	unpack(&buf, &arena, &record);
	assert_true(str_eq(record.headers[record.header_count - 1].value, extra.value));
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), OK);
	assert_true(str_is(event.type, "aftercare.ticket.assigned.v1") && str_is(event.id, "f-1"));
	assert_true(str_is(event.time_text, "1970-01-01T00:00:01.500Z") && event.time == outgoing.at);
	assert_true(event.lane == 11 && event.incarnation == 5 && event.sequence == 42 && event.revision == 3);
	assert_true(str_is(event.writer, "routing/aftercare.tickets/11") && str_is(event.source, "aftercare/routing"));
	assert_true(str_is(event.traceparent, "00-a") && !event.tracestate.p && !event.origin.p);
	assert_true(event.arrived == INSTANT_NONE);

	/* A copy of a claim keeps its time as it was written. */
	outgoing.time_text = STR("1970-01-01T08:00:01.5+08:00");
	outgoing.origin = STR("aftercare.inbound/0/7");
	outgoing.arrived = 2 * SECOND;
	buf_clear(&buf);
	event_encode_headers(&outgoing, STR("intake/aftercare.inbound/0"), 5, 43, &buf);
	unpack(&buf, &arena, &record);
	assert_int_equal(event_decode(&event, &record, "t", &arena, &fault), OK);
	assert_true(str_eq(event.time_text, outgoing.time_text) && event.time == outgoing.at);
	assert_true(str_is(event.origin, "aftercare.inbound/0/7") && event.arrived == 2 * SECOND);

	/* A dead letter: nothing but what is given, null values and odd names kept. */
	const struct bus_header odd[] = { { STR("ce_id"), STR_NONE }, { STR(""), STR("") }, { STR("\xff"), STR("\0\0") } };

	outgoing.bare = true;
	outgoing.extra = odd;
	outgoing.extra_count = array_count(odd);
	buf_clear(&buf);
	event_encode_headers(&outgoing, STR("w"), 1, 1, &buf);
	unpack(&buf, &arena, &record);
	assert_int_equal(record.header_count, array_count(odd));
	for (size_t i = 0; i < array_count(odd); i++) {
		assert_true(str_eq(record.headers[i].name, odd[i].name));
		assert_int_equal(record.headers[i].value.p == NULL, odd[i].value.p == NULL);
		assert_true(str_eq(record.headers[i].value, odd[i].value));
	}
	buf_done(&buf);
	arena_done(&arena);
}

static void test_damaged_headers(void **state)
{
	static const struct str damaged[] = { STR("\x05" "ab"), STR("\x02" "ab"), STR("\x02" "ab\x05x"), STR("\x80"),
					      STR("\xff\xff\xff\xff\xff\xff\xff"), STR("\x02" "ab\xff\xff\xff\xff\x7f") };
	struct arena arena = { 0 };
	const struct bus_header *headers = NULL;
	size_t count = 7;

	(void)state;
	for (size_t i = 0; i < array_count(damaged); i++) {
		struct fault fault = FAULT_NONE;

		assert_int_equal(event_headers_unpack(damaged[i], &arena, &headers, &count, &fault), FATAL);
		assert_null(headers);
		assert_int_equal(count, 7);
	}
	struct fault fault = FAULT_NONE;

	assert_int_equal(event_headers_unpack(STR_NONE, &arena, &headers, &count, &fault), OK);
	assert_int_equal(count, 0);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),	   cmocka_unit_test(test_attributes), cmocka_unit_test(test_odd_attributes),
		cmocka_unit_test(test_sizes),	   cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damaged_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
