/* The checker of counters and windows, tried on false ones: whatever is counted twice, not at all, under another label or in a window
 * that does not follow must be noticed, and a true history must pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

#define BEGIN "2026-11-23T12:00:00Z"      /* counting begins, and the first window */
#define SECOND_MINUTE "2026-11-23T12:01:00Z"
#define THIRD_MINUTE "2026-11-23T12:02:00Z"

/* ---- a true history: two tickets, two minutes published, a third one open ---- */

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	return copy;
}

static void header(struct record *record, const char *name, const char *value)
{
	record->headers = realloc(record->headers, (record->header_count + 1) * sizeof(*record->headers));
	record->headers[record->header_count++] = (struct desk_header){ strdup(name), strdup(value), strlen(value) };
}

/* The next record of the log; `minute`: when it was decided and happened. */
static struct record *say(struct history *history, enum desk_topic topic, const char *name, const char *subject, int minute, const char *data)
{
	struct record *record = calloc(1, sizeof(*record));
	char text[120];

	record->topic = topic;
	record->offset = (int64_t)history->record_count;
	snprintf(text, sizeof(text), "aftercare.%s.v1", name);
	header(record, "ce_type", text);
	header(record, "ce_subject", subject);
	snprintf(text, sizeof(text), "2026-11-23T12:%02d:10Z", minute);
	header(record, "ce_time", text);
	header(record, "ce_writer", topic == DESK_METRICS ? "reporting/aftercare.tickets/0" : "somebody");
	header(record, "ce_incarnation", "1");
	snprintf(text, sizeof(text), "%zu", history->record_count + 1);
	header(record, "ce_sourceseq", text);
	record->value = quoted(data);
	record->value_size = strlen(data);
	record_headers_read(record);
	history_add(history, record);
	return record;
}

static void row(struct history *history, const char *table, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void row(struct history *history, const char *table, const char *format, ...)
{
	char text[400], *json;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json = quoted(text);
	json_array_append_new(history_rows(history, "reporting", table), json_loads(json, 0, NULL));
	free(json);
}

static void counted(struct history *history, const char *at, const char *name, const char *label, int value)
{
	row(history, "count", "{'lane': 0, 'at': '%s', 'name': '%s', 'label': '%s', 'value': %d}", at, name, label, value);
}

static void folded(struct history *history, const char *name, const char *label, int value)
{
	row(history, "level", "{'lane': 0, 'name': '%s', 'label': '%s', 'value': %d}", name, label, value);
}

static void window(struct history *history, const char *metric, const char *type, const char *from, const char *to, const char *more)
{
	char data[400];

	snprintf(data, sizeof(data), "{'metric': '%s', 'type': '%s', 'window': {'from': '%s', 'to': '%s', 'seconds': 60}, %s}", metric, type,
		 from, to, more);
	say(history, DESK_METRICS, "metric.window", metric, 3, data);
}

static void facts(struct history *history)
{
	say(history, DESK_TICKETS, "ticket.registered", "AC-1", 0, "{'state': 'received', 'received_at': '" BEGIN "', 'channel': 'phone', "
	    "'severity': 'major'}");
	say(history, DESK_TICKETS, "sla.started", "AC-1", 0, "{'clock_id': 'AC-1/p/response/1', 'clock': 'response'}");
	say(history, DESK_TICKETS, "ticket.assigned", "AC-1", 0, "{'state': 'assigned', 'to': 'E1'}");
	say(history, DESK_TICKETS, "sla.breached", "AC-1", 1, "{'clock_id': 'AC-1/p/response/1', 'clock': 'response'}");
	say(history, DESK_TICKETS, "ticket.registered", "AC-2", 1, "{'state': 'received', 'received_at': '" SECOND_MINUTE "', 'channel': "
	    "'+351 210 000 000'}");
	say(history, DESK_TICKETS, "sla.started", "AC-2", 1, "{'clock_id': 'AC-2/p/response/1', 'clock': 'response'}");
	say(history, DESK_TICKETS, "ticket.replied", "AC-1", 2, "{'state': 'assigned'}");
	say(history, DESK_TICKETS, "sla.met", "AC-1", 2, "{'clock_id': 'AC-1/p/response/1', 'clock': 'response', 'late_s': 60}");
	say(history, DESK_TICKETS, "ticket.cancelled", "AC-2", 2, "{'state': 'cancelled'}");
	say(history, DESK_MESSAGES, "notify.requested", "AC-1", 2, "{'message': 'm1', 'channel': 'mail'}");
}

static struct history *truth(void)
{
	struct history *h = history_new();

	h->complete = true;
	h->rows = json_object();
	facts(h);
	row(h, "lane", "{'lane': 0, 'counted_from': '" BEGIN "', 'closed_to': '" THIRD_MINUTE "'}");
	row(h, "published", "{'seconds': 60, 'published_to': '" THIRD_MINUTE "'}");
	folded(h, "tickets_registered", "phone", 1);
	folded(h, "tickets_assigned", "", 1);
	folded(h, "sla_started", "response", 1);
	folded(h, "time_to_assign", "57", 1);        /* 10 s: 100 tenths, two halvings, 16 * 2 + 25 */
	folded(h, "time_to_assign", "sum", 10000);
	folded(h, "open_by_state", "assigned", 1);
	folded(h, "open_by_severity", "major", 1);
	folded(h, "clocks_running", "response", 1);
	counted(h, SECOND_MINUTE, "sla_breached", "response", 1);
	counted(h, SECOND_MINUTE, "sla_started", "response", 1);
	counted(h, SECOND_MINUTE, "tickets_registered", "other", 1);
	counted(h, SECOND_MINUTE, "tickets_overdue", "", 1);
	counted(h, SECOND_MINUTE, "open_by_state", "received", 1);
	counted(h, SECOND_MINUTE, "open_by_severity", "none", 1);
	counted(h, THIRD_MINUTE, "tickets_replied", "", 1);
	counted(h, THIRD_MINUTE, "time_to_reply", "116", 1);       /* 130 s: 1300 tenths, six halvings, 16 * 6 + 20 */
	counted(h, THIRD_MINUTE, "time_to_reply", "sum", 130000);
	counted(h, THIRD_MINUTE, "sla_met", "response", 1);
	counted(h, THIRD_MINUTE, "clocks_late", "response", 1);
	counted(h, THIRD_MINUTE, "tickets_cancelled", "", 1);
	counted(h, THIRD_MINUTE, "tickets_overdue", "", -1);
	counted(h, THIRD_MINUTE, "open_by_state", "received", -1);
	counted(h, THIRD_MINUTE, "open_by_severity", "none", -1);
	counted(h, THIRD_MINUTE, "messages_requested", "mail", 1);
	window(h, "tickets_registered", "counter", BEGIN, SECOND_MINUTE, "'value': 1, 'by': {'channel': {'phone': 1}}");
	window(h, "tickets_registered", "counter", SECOND_MINUTE, THIRD_MINUTE, "'value': 1, 'by': {'channel': {'other': 1}}");
	window(h, "tickets_open", "level", BEGIN, SECOND_MINUTE, "'value': 1, 'by': {'state': {'assigned': 1}, 'severity': {'major': 1}}");
	window(h, "tickets_open", "level", SECOND_MINUTE, THIRD_MINUTE, "'value': 2, 'by': {'state': {'assigned': 1, 'received': 1}}");
	window(h, "time_to_assign", "duration", BEGIN, SECOND_MINUTE, "'value': 10.0, 'count': 1");
	window(h, "time_to_assign", "duration", SECOND_MINUTE, THIRD_MINUTE, "'value': null, 'count': 0");
	return h;
}

/* ---- lies ---- */

static json_t *cell(struct history *h, const char *table, const char *name)
{
	json_t *found;
	size_t i;

	json_array_foreach(history_rows(h, "reporting", table), i, found)
		if (!name || strcmp(row_text(found, "name"), name) == 0)
			return found;
	fail_msg("no %s in %s", name, table);
	return NULL;
}

static struct record *the(struct history *h, const char *name, int n)
{
	for (size_t i = 0; i < h->record_count; i++)
		if (strcmp(h->records[i]->name, name) == 0 && n-- == 0)
			return h->records[i];
	fail_msg("no %s", name);
	return NULL;
}

static void rewrite(struct record *record, const char *from, const char *to)
{
	char *at = strstr(record->value, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	json_decref(record->data);
	record->data = NULL;
}

static void nothing(struct history *h) { (void)h; }
static void counted_later(struct history *h) { json_object_set_new(cell(h, "count", "sla_breached"), "at", json_string(THIRD_MINUTE)); }
static void counted_twice(struct history *h) { index_set(cell(h, "count", "tickets_replied"), "value", 2); }
static void level_wrong(struct history *h) { index_set(cell(h, "level", "clocks_running"), "value", 0); }
static void duration_wrong(struct history *h) { json_object_set_new(cell(h, "level", "time_to_assign"), "label", json_string("58")); }
static void label_wrong(struct history *h) { json_object_set_new(cell(h, "count", "messages_requested"), "label", json_string("gateway")); }
static void another_lane(struct history *h) { index_set(cell(h, "count", "sla_met"), "lane", 1); }
static void not_counted(struct history *h) { json_array_clear(history_rows(h, "reporting", "count")); }
static void fact_more(struct history *h) { say(h, DESK_TICKETS, "ticket.arrived", "AC-1", 2, "{'state': 'assigned'}"); }
static void late_taken_away(struct history *h) { json_object_set_new(cell(h, "count", "clocks_late"), "name", json_string("clocks_in_time")); }
static void level_of_nothing(struct history *h) { folded(h, "tickets_unassignable", "", 1); }
static void counting_began_later(struct history *h) { json_object_set_new(cell(h, "lane", NULL), "counted_from", json_string(SECOND_MINUTE)); }
static void window_altered(struct history *h) { rewrite(the(h, "metric.window", 0), "\"value\": 1", "\"value\": 2"); }
static void window_label(struct history *h) { rewrite(the(h, "metric.window", 0), "\"phone\": 1", "\"phone\": 3"); }
static void window_level(struct history *h) { rewrite(the(h, "metric.window", 3), "\"value\": 2", "\"value\": 1"); }
static void window_moved(struct history *h) { rewrite(the(h, "metric.window", 1), "12:01:00", "12:01:30"); }
static void window_samples(struct history *h) { rewrite(the(h, "metric.window", 5), "\"count\": 0", "\"count\": 1"); }
static void published_too_little(struct history *h) { json_object_set_new(cell(h, "published", NULL), "published_to", json_string(SECOND_MINUTE)); }
static void published_unknown(struct history *h) { json_array_clear(history_rows(h, "reporting", "published")); }

static void window_twice(struct history *h)
{
	window(h, "tickets_registered", "counter", SECOND_MINUTE, THIRD_MINUTE, "'value': 0");
}

static void window_left_out(struct history *h)
{
	record_free(h->records[10]);
	memmove(&h->records[10], &h->records[11], (--h->record_count - 10) * sizeof(*h->records));
}

/* A repeat of the log counts once. */
static void repeated(struct history *h)
{
	struct record *again = say(h, DESK_TICKETS, "ticket.replied", "AC-1", 2, "{'state': 'assigned'}");

	again->repeat = true;
}

#define LIE(noticed, name) { #name, name, noticed }
static const struct {
	const char *name;
	void (*tell)(struct history *history);
	bool noticed;
} lies[] = {
	LIE(false, nothing), LIE(false, counted_later), LIE(false, repeated),
	LIE(true, counted_twice), LIE(true, level_wrong), LIE(true, duration_wrong), LIE(true, label_wrong), LIE(true, another_lane),
	LIE(true, not_counted), LIE(true, fact_more), LIE(true, late_taken_away), LIE(true, level_of_nothing), LIE(true, counting_began_later),
	LIE(true, window_altered), LIE(true, window_label), LIE(true, window_level), LIE(true, window_moved), LIE(true, window_samples),
	LIE(true, window_twice), LIE(true, window_left_out), LIE(true, published_too_little), LIE(true, published_unknown),
};
#define LIES (sizeof(lies) / sizeof(*lies))

static void try_lie(void **state)
{
	size_t i = (size_t)(uintptr_t)*state;
	struct history *history = truth();
	struct report report = { .violations = json_array() };

	lies[i].tell(history);
	history_check_counters(history, &report);
	if ((report.broken[1] > 0) != lies[i].noticed || report.looked[1] == 0) {
		report_print(&report, stderr, 20);
		fail_msg("%s: %s", lies[i].name, lies[i].noticed ? "not noticed" : "is no lie");
	}
	report_done(&report);
	history_free(history);
}

int main(void)
{
	struct CMUnitTest tests[LIES];

	for (size_t i = 0; i < LIES; i++)
		tests[i] = (struct CMUnitTest){ lies[i].name, try_lie, NULL, NULL, (void *)(uintptr_t)i };
	return cmocka_run_group_tests_name("test_history_counters", tests, NULL, NULL);
}
