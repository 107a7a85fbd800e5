/* The checker of histories, tried on histories that are false: whatever is dropped, doubled, swapped or altered must be noticed,
 * under the invariant that it breaks, and a true history must pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/io/ident.h"
#include "tests/support/desk_inner.h"
#include "tests/support/history.h"

#define TICKET "AC-0000-0000-0000-0001"
#define CLOCK TICKET "/p/response/1"
#define NOON "2026-11-23T12:00:00.000000Z"
#define LATER "2026-11-23T12:00:05.000000Z"
#define INTAKE "intake/aftercare.inbound/0"
#define DOOR "intake/aftercare.staff/0"
#define ROUTING "routing/aftercare.tickets/0"
#define SLA "sla/aftercare.tickets/0"
#define POISON "poison-1"

/* ---- a true history ---- */

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

static void header_number(struct record *record, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	header(record, name, text);
}

static const char *place_of(const struct record *record, char place[100])
{
	snprintf(place, 100, "%s/%d", desk_topic_names[record->topic], record->partition);
	return place;
}

/* At the end of its partition. */
static void append(struct history *history, struct record *record)
{
	char place[100];

	free((void *)(uintptr_t)record->name);
	record_headers_read(record);
	record->offset = json_integer_value(json_object_get(history->ends, place_of(record, place)));
	json_object_set_new(history->ends, place, json_integer(record->offset + 1));
	history_add(history, record);
}

static struct record *bare(enum desk_topic topic, const char *key, const char *value)
{
	struct record *record = calloc(1, sizeof(*record));

	record->topic = topic;
	record->key = strdup(key);
	record->key_size = strlen(key);
	record->value = quoted(value);
	record->value_size = strlen(value);
	return record;
}

static struct record *event(enum desk_topic topic, const char *key, const char *name, const char *id, const char *source, const char *value)
{
	struct record *record = bare(topic, key, value);
	char type[100];

	snprintf(type, sizeof(type), "aftercare.%s.v1", name);
	header(record, "ce_id", id);
	header(record, "ce_source", source);
	header(record, "ce_type", type);
	header(record, "ce_time", NOON);
	return record;
}

static struct outbox_row *outbox(struct history *history, const char *writer, int64_t sequence, const struct record *record)
{
	struct outbox_row *row = history_outbox_add(history);

	snprintf(row->writer, sizeof(row->writer), "%s", writer);
	row->sequence = sequence;
	row->incarnation = 7;
	snprintf(row->topic, sizeof(row->topic), "%s", desk_topic_names[record->topic]);
	history_digest(record, row->digest);
	return row;
}

static struct record *publish(struct history *history, struct record *record, const char *writer, int64_t sequence, int revision)
{
	header(record, "ce_subject", TICKET);
	header(record, "ce_lane", "0");
	header(record, "ce_writer", writer);
	header(record, "ce_incarnation", "7");
	header_number(record, "ce_sourceseq", sequence);
	if (revision > 0)
		header_number(record, "ce_revision", revision);
	append(history, record);
	outbox(history, writer, sequence, record);
	return record;
}

/* A fact about the ticket; its id is unique by the writer's number. */
static struct record *fact(struct history *history, enum desk_topic topic, const char *name, const char *writer, int64_t sequence, int revision,
			   const char *state, const char *more)
{
	char value[1000], id[200];
	struct record *record;

	snprintf(id, sizeof(id), "%s %lld", writer, (long long)sequence);
	snprintf(value, sizeof(value), "{'ticket': '" TICKET "', 'revision': %d, 'state': '%s', 'kind': 'fault'%s}", revision, state, more);
	record = event(topic, TICKET, name, id, "aftercare/us", value);
	header(record, "ce_causeid", strcmp(name, "ticket.replied") == 0 ? "c-1" : "r-1");
	header(record, "ce_causesource", "test");
	return publish(history, record, writer, sequence, revision);
}

static struct record *claim(struct history *history, enum desk_topic topic, const char *name, const char *id)
{
	struct record *record = event(topic, id, name, id, "test", "{'text': 'as it came'}");

	append(history, record);
	return record;
}

static struct record *copy_of(struct history *history, const struct record *input, int64_t sequence)
{
	struct record *copy = event(DESK_TICKETS, TICKET, input->name, input->id, "test", input->value);
	char origin[100];

	snprintf(origin, sizeof(origin), "%s/0/%lld", desk_topic_names[input->topic], (long long)input->offset);
	header(copy, "ce_origin", origin);
	return publish(history, copy, DOOR, sequence, 0);
}

static void dead_letter(struct history *history, const struct record *input, int64_t sequence)
{
	struct record *dead = bare(DESK_DEAD, input->key, input->value);
	char offset[24];

	snprintf(offset, sizeof(offset), "%lld", (long long)input->offset);
	header(dead, "dl_reason", "schema_invalid");
	header(dead, "dl_service", "intake");
	header(dead, "dl_topic", desk_topic_names[input->topic]);
	header(dead, "dl_partition", "0");
	header(dead, "dl_offset", offset);
	append(history, dead);
	outbox(history, INTAKE, sequence, dead);
}

static json_t *row(struct history *history, const char *service, const char *table, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static json_t *row(struct history *history, const char *service, const char *table, const char *format, ...)
{
	char text[1000], *json;
	json_t *made;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json = quoted(text);
	made = json_loads(json, 0, NULL);
	free(json);
	assert_non_null(made);
	json_array_append_new(history_rows(history, service, table), made);
	return made;
}

static void known(struct history *history, const char *table, const char *id)
{
	struct ident ident = ident_claim(STR("test"), str_of(id));
	char text[40] = "";

	for (size_t i = 0; i < IDENT_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", ident.bytes[i]);
	row(history, "intake", table, "{'ticket': '" TICKET "', 'lane': 0, 'open': false, 'ident': '\\\\x%s'}", text);
}

static void source(struct history *history, const char *service, const char *topic, int64_t issued)
{
	char place[100];

	snprintf(place, sizeof(place), "%s/0", topic);
	row(history, service, "source", "{'id': 1, 'topic': '%s', 'partition': 0, 'next_offset': %lld, 'out_seq': %lld, 'published_seq': %lld, "
	    "'incarnation': 7, 'epoch': 3}", topic, (long long)json_integer_value(json_object_get(history->ends, place)), (long long)issued,
	    (long long)issued);
}

/* All of it was counted in one window, or folded. */
static void counters(struct history *history)
{
	static const char *const once[] = { "tickets_registered", "tickets_assigned", "tickets_replied", "tickets_closed", "sla_started",
					    "sla_met", "clocks_in_time", "messages_requested", "messages_sent" };

	row(history, "reporting", "lane", "{'lane': 0, 'counted_from': '" NOON "', 'closed_to': '" NOON "'}");
	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++)
		row(history, "reporting", "level", "{'lane': 0, 'name': '%s', 'label': '', 'value': 1}", once[i]);
	row(history, "reporting", "count", "{'lane': 0, 'at': '" NOON "', 'name': 'time_to_assign', 'label': '0', 'value': 1}");
	row(history, "reporting", "count", "{'lane': 0, 'at': '" NOON "', 'name': 'time_to_reply', 'label': '0', 'value': 1}");
}

static void tables(struct history *history)
{
	static const char *const followers[] = { "routing", "sla", "notification", "survey", "reporting" };

	for (size_t i = 0; i < sizeof(followers) / sizeof(*followers); i++)
		row(history, followers[i], "ticket", "{'ticket': '" TICKET "', 'lane': 0, 'revision': 4, 'state': 'closed', 'kind': 'fault', "
		    "'owner': 'E1', 'owner_role': 'engineer', 'severity': 'major', 'received_at': '2026-11-23T12:00:00+00:00', "
		    "'assigned_at': '2026-11-23T12:00:00+00:00', 'closed_at': '2026-11-23T12:00:00+00:00', 'resolved_at': null, "
		    "'reopened': 0, 'unassignable': false}");
	json_object_set_new(json_array_get(history_rows(history, "routing", "ticket"), 0), "facts",
			    json_string("ticket.registered=1 ticket.assigned=1 ticket.replied=1 ticket.closed=1"));
	known(history, "ticket", "r-1");
	known(history, "claim", "c-1");
	row(history, "routing", "workload", "{'lane': 0, 'person': 'E1', 'open': 0}");
	row(history, "routing", "watermark", "{'source': 1, 'writer': '" INTAKE "', 'incarnation': 7, 'seq': 1}");
	row(history, "sla", "clock", "{'lane': 0, 'ticket': '" TICKET "', 'clock_id': '" CLOCK "', 'state': 'met', 'due_at': '" LATER "', "
	    "'breached_at': null, 'ended_at': '" NOON "'}");
	row(history, "notification", "message", "{'ticket': '" TICKET "', 'message': 'm1', 'state': 'sent'}");
	row(history, "survey", "survey", "{'ticket': '" TICKET "', 'survey': 's1', 'state': 'due'}");
	row(history, "intake", "dead_letter", "{'topic': 'aftercare.inbound', 'partition': 0, 'offset': 1}");
	counters(history);
	source(history, "intake", "aftercare.inbound", 2);
	source(history, "intake", "aftercare.staff", 1);
	source(history, "intake", "aftercare.tickets", 0);
	source(history, "routing", "aftercare.tickets", 3);
	source(history, "sla", "aftercare.tickets", 2);
	source(history, "notification", "aftercare.tickets", 2);
	source(history, "survey", "aftercare.tickets", 1);
	source(history, "reporting", "aftercare.tickets", 1);
}

static struct history *truth(void)
{
	struct history *history = history_new();
	struct record *input;

	history->complete = true;
	history->rows = json_object();
	claim(history, DESK_INBOUND, "request.submitted", "r-1");
	fact(history, DESK_TICKETS, "ticket.registered", INTAKE, 1, 1, "received", ", 'received_at': '" NOON "', 'severity': 'major'");
	fact(history, DESK_TICKETS, "sla.started", SLA, 1, 1, "received", ", 'clock_id': '" CLOCK "', 'due_at': '" LATER "'");
	fact(history, DESK_TICKETS, "ticket.assigned", ROUTING, 1, 2, "assigned", ", 'to': 'E1', 'role': 'engineer'");
	input = claim(history, DESK_STAFF, "staff.replied", "c-1");
	copy_of(history, input, 1);
	fact(history, DESK_TICKETS, "ticket.replied", ROUTING, 2, 3, "assigned", "");
	fact(history, DESK_TICKETS, "sla.met", SLA, 2, 3, "assigned", ", 'clock_id': '" CLOCK "', 'due_at': '" LATER "'");
	fact(history, DESK_TICKETS, "ticket.closed", ROUTING, 3, 4, "closed", "");
	fact(history, DESK_MESSAGES, "notify.requested", "notification/aftercare.tickets/0", 1, 4, "closed", ", 'message': 'm1'");
	fact(history, DESK_MESSAGES, "notify.sent", "notification/aftercare.tickets/0", 2, 4, "closed", ", 'message': 'm1'");
	fact(history, DESK_TICKETS, "survey.due", "survey/aftercare.tickets/0", 1, 4, "closed", ", 'survey': 's1'");
	fact(history, DESK_STATE, "ticket.snapshot", "reporting/aftercare.tickets/0", 1, 4, "closed", ", 'owner': 'E1'");
	dead_letter(history, claim(history, DESK_INBOUND, "request.submitted", POISON), 2);
	tables(history);
	return history;
}

/* ---- the tools of a forger ---- */

static size_t find(const struct history *history, enum desk_topic topic, const char *name)
{
	for (size_t i = 0; i < history->record_count; i++)
		if (history->records[i]->topic == topic && strcmp(history->records[i]->name, name) == 0)
			return i;
	fail_msg("no %s", name);
	return 0;
}

static struct record *the(const struct history *history, const char *name)
{
	return history->records[find(history, DESK_TICKETS, name)];
}

static void drop(struct history *history, size_t i)
{
	record_free(history->records[i]);
	memmove(&history->records[i], &history->records[i + 1], (--history->record_count - i) * sizeof(*history->records));
}

static void drop_outbox(struct history *history, const char *writer, int64_t sequence)
{
	for (size_t i = 0; i < history->outbox_count; i++)
		if (strcmp(history->outbox[i].writer, writer) == 0 && history->outbox[i].sequence == sequence)
			history->outbox[i--] = history->outbox[--history->outbox_count];
}

/* The outbox agrees with every lie of the topics. */
static void agree(struct history *history)
{
	for (size_t i = 0; i < history->outbox_count; i++)
		for (size_t j = 0; j < history->record_count; j++)
			if (strcmp(history->outbox[i].writer, history->records[j]->writer) == 0 &&
			    history->outbox[i].sequence == history->records[j]->sequence)
				history_digest(history->records[j], history->outbox[i].digest);
}

static void say(struct record *record, const char *from, const char *to)
{
	char *at = strstr(record->value, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	json_decref(record->data);
	record->data = NULL;
}

static void set_header(struct record *record, const char *name, const char *value)
{
	for (size_t i = 0; i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0) {
			free((void *)(uintptr_t)record->headers[i].value);
			record->headers[i].value = strdup(value);
			record->headers[i].size = strlen(value);
		}
	free((void *)(uintptr_t)record->name);
	record_headers_read(record);
}

static struct record *twin(const struct record *record)
{
	struct record *made = bare(record->topic, record->key, record->value);

	for (size_t i = 0; i < record->header_count; i++)
		header(made, record->headers[i].name, record->headers[i].value);
	return made;
}

/* One record more, everywhere: a row that it moved on belongs to it. */
static void stretch(struct history *history, const char *service, const char *topic)
{
	json_t *of;
	size_t i;

	json_array_foreach(history_rows(history, service, "source"), i, of)
		if (strcmp(json_string_value(json_object_get(of, "topic")), topic) == 0)
			for (int n = 0; n < 2; n++) {
				const char *name = n ? "published_seq" : "out_seq";

				json_object_set_new(of, name, json_integer(json_integer_value(json_object_get(of, name)) + 1));
			}
}

static void follow(struct history *history)
{
	const char *service;
	char place[100];
	json_t *of, *at;
	size_t i;

	json_object_foreach(history->rows, service, of)
		json_array_foreach(json_object_get(of, "source"), i, at) {
			snprintf(place, sizeof(place), "%s/0", json_string_value(json_object_get(at, "topic")));
			json_object_set(at, "next_offset", json_object_get(history->ends, place));
		}
}

static json_t *cell(struct history *history, const char *service, const char *table, size_t n)
{
	return json_array_get(history_rows(history, service, table), n);
}

static void set_number(struct history *history, const char *service, const char *table, size_t n, const char *name, int64_t value)
{
	json_object_set_new(cell(history, service, table, n), name, json_integer(value));
}

static void set_text(struct history *history, const char *service, const char *table, size_t n, const char *name, const char *value)
{
	json_object_set_new(cell(history, service, table, n), name, json_string(value));
}

static void empty(struct history *history, const char *service, const char *table)
{
	json_array_clear(history_rows(history, service, table));
}

/* ---- lies about the log ---- */

static void fact_dropped(struct history *h) { drop(h, find(h, DESK_TICKETS, "ticket.replied")); }
static void message_dropped(struct history *h) { drop(h, find(h, DESK_MESSAGES, "notify.sent")); }
static void fact_altered(struct history *h) { say(the(h, "ticket.closed"), "fault", "FAULT"); }
static void header_altered(struct history *h) { set_header(the(h, "ticket.closed"), "ce_time", LATER); }

static void fact_dropped_everywhere(struct history *h)
{
	drop(h, find(h, DESK_TICKETS, "ticket.replied"));
	drop_outbox(h, ROUTING, 2);
}

static void fact_renumbered(struct history *h)
{
	drop(h, find(h, DESK_TICKETS, "ticket.replied"));
	drop_outbox(h, ROUTING, 3);
	set_header(the(h, "ticket.closed"), "ce_sourceseq", "2");
	set_number(h, "routing", "source", 0, "out_seq", 2);
	set_number(h, "routing", "source", 0, "published_seq", 2);
	agree(h);
}

static void fact_doubled(struct history *h)
{
	struct record *again = twin(the(h, "ticket.replied"));

	set_header(again, "ce_sourceseq", "4");
	append(h, again);
	outbox(h, ROUTING, 4, again);
	stretch(h, "routing", "aftercare.tickets");
	follow(h);
}

static void facts_swapped(struct history *h)
{
	size_t a = find(h, DESK_TICKETS, "ticket.replied"), b = find(h, DESK_TICKETS, "ticket.closed");
	struct record *record = h->records[a];

	h->records[a] = h->records[b];
	h->records[b] = record;
}

static void facts_swapped_and_renumbered(struct history *h)
{
	set_header(the(h, "ticket.replied"), "ce_sourceseq", "3");
	set_header(the(h, "ticket.closed"), "ce_sourceseq", "2");
	facts_swapped(h);
	agree(h);
}

static void revision_left_out(struct history *h)
{
	set_header(the(h, "ticket.closed"), "ce_revision", "5");
	say(the(h, "ticket.closed"), "\"revision\": 4", "\"revision\": 5");
	agree(h);
}

static void cause_left_out(struct history *h)
{
	set_header(the(h, "ticket.replied"), "ce_causeid", "");
	agree(h);
}

static void lane_wrong(struct history *h)
{
	set_header(the(h, "ticket.replied"), "ce_lane", "3");
	agree(h);
}

static void fact_never_committed(struct history *h)
{
	struct record *more = twin(the(h, "sla.met"));

	set_header(more, "ce_sourceseq", "9");
	set_header(more, "ce_id", "never");
	append(h, more);
	follow(h);
}

static void number_used_twice(struct history *h)
{
	struct record *again = twin(the(h, "ticket.closed"));

	say(again, "fault", "other");
	append(h, again);
	follow(h);
}

static void number_in_two_topics(struct history *h)
{
	struct record *again = twin(the(h, "ticket.closed"));

	again->topic = DESK_DESK;
	append(h, again);
	follow(h);
}

static void older_incarnation(struct history *h)
{
	for (size_t i = 0; i < h->outbox_count; i++)
		if (strcmp(h->outbox[i].writer, ROUTING) == 0 && h->outbox[i].sequence == 3)
			h->outbox[i].incarnation = 6;
}

/* ---- lies about the ledger ---- */

static void outbox_hole(struct history *h) { drop_outbox(h, ROUTING, 2); }
static void outbox_end_missing(struct history *h) { drop_outbox(h, ROUTING, 3); }
static void outbox_begin_missing(struct history *h) { drop_outbox(h, ROUTING, 1); }
static void outbox_empty(struct history *h) { drop_outbox(h, "survey/aftercare.tickets/0", 1); }
static void unpublished(struct history *h) { set_number(h, "routing", "source", 0, "published_seq", 2); }
static void published_too_much(struct history *h) { set_number(h, "routing", "source", 0, "published_seq", 4); }
static void position_behind(struct history *h) { set_number(h, "sla", "source", 0, "next_offset", 2); }
static void position_beyond(struct history *h) { set_number(h, "sla", "source", 0, "next_offset", 99); }
static void source_missing(struct history *h) { json_array_remove(history_rows(h, "intake", "source"), 1); }
static void partition_unread(struct history *h) { json_object_set_new(h->ends, "aftercare.staff/1", json_integer(5)); }
static void mark_beyond(struct history *h) { set_number(h, "routing", "watermark", 0, "seq", 5); }

static void outbox_row_doubled(struct history *h)
{
	outbox(h, ROUTING, 3, the(h, "ticket.closed"));
}

static void timer_overdue(struct history *h)
{
	h->now = 1795435200 * SECOND + DAY;
	row(h, "survey", "timer", "{'source': 1, 'key': 'x', 'kind': 'close', 'due': '" NOON "'}");
}

/* ---- lies about claims ---- */

static void claim_lost(struct history *h)
{
	drop(h, find(h, DESK_TICKETS, "staff.replied"));
	drop_outbox(h, DOOR, 1);
	set_number(h, "intake", "source", 1, "out_seq", 0);
	set_number(h, "intake", "source", 1, "published_seq", 0);
}

static void claim_twice(struct history *h)
{
	copy_of(h, h->records[find(h, DESK_STAFF, "staff.replied")], 2);
	stretch(h, "intake", "aftercare.staff");
	follow(h);
}

static void request_twice(struct history *h)
{
	struct record *again = twin(the(h, "ticket.registered"));

	set_header(again, "ce_sourceseq", "3");
	set_header(again, "ce_id", "another");
	set_header(again, "ce_subject", "AC-2");
	append(h, again);
	outbox(h, INTAKE, 3, again);
	stretch(h, "intake", "aftercare.inbound");
	follow(h);
}

static void copy_altered(struct history *h)
{
	say(the(h, "staff.replied"), "as it came", "otherwise ");
	agree(h);
}

static void copy_of_nothing(struct history *h)
{
	drop(h, find(h, DESK_STAFF, "staff.replied"));
}

static void claim_unknown(struct history *h) { empty(h, "intake", "claim"); }
static void request_unknown(struct history *h) { empty(h, "intake", "ticket"); }

static void refused_and_let_in(struct history *h)
{
	dead_letter(h, h->records[find(h, DESK_STAFF, "staff.replied")], 3);
	row(h, "intake", "dead_letter", "{'topic': 'aftercare.staff', 'partition': 0, 'offset': 0}");
	stretch(h, "intake", "aftercare.inbound");
}

/* Routing has passed over it; all numbers and revisions are as if it had never been there. */
static void claim_unanswered(struct history *h)
{
	set_header(the(h, "ticket.replied"), "ce_causeid", "r-1");
	agree(h);
}

static void claim_answered_twice(struct history *h)
{
	struct record *again = twin(the(h, "ticket.replied"));

	set_header(again, "ce_sourceseq", "4");
	set_header(again, "ce_id", "another");
	set_header(again, "ce_revision", "5");
	say(again, "\"revision\": 3", "\"revision\": 5");
	append(h, again);
	outbox(h, ROUTING, 4, again);
	stretch(h, "routing", "aftercare.tickets");
	follow(h);
}

/* ---- lies about dead letters ---- */

static void dead_record_missing(struct history *h)
{
	for (size_t i = 0; i < h->record_count; i++)
		if (h->records[i]->topic == DESK_DEAD)
			drop(h, i--);
}

static void dead_letter_missing(struct history *h)
{
	dead_record_missing(h);
	empty(h, "intake", "dead_letter");
	drop_outbox(h, INTAKE, 2);
	set_number(h, "intake", "source", 0, "out_seq", 1);
	set_number(h, "intake", "source", 0, "published_seq", 1);
}

static void dead_row_missing(struct history *h) { empty(h, "intake", "dead_letter"); }
static void dead_row_twice(struct history *h)
{
	row(h, "intake", "dead_letter", "{'topic': 'aftercare.inbound', 'partition': 0, 'offset': 1}");
}

static void dead_letter_too_many(struct history *h)
{
	struct record *good = claim(h, DESK_INBOUND, "request.submitted", "r-2");

	dead_letter(h, good, 3);
	row(h, "intake", "dead_letter", "{'topic': 'aftercare.inbound', 'partition': 0, 'offset': 2}");
	stretch(h, "intake", "aftercare.inbound");
	follow(h);
}

static void dead_letter_of_nothing(struct history *h)
{
	struct record *gone = claim(h, DESK_INBOUND, "request.submitted", "poison-2");

	dead_letter(h, gone, 3);
	row(h, "intake", "dead_letter", "{'topic': 'aftercare.inbound', 'partition': 0, 'offset': 2}");
	stretch(h, "intake", "aftercare.inbound");
	follow(h);
	for (size_t i = 0; i < h->record_count; i++)
		if (h->records[i] == gone)
			drop(h, i--);
}

/* ---- lies about clocks ---- */

static struct record *clock_fact(struct history *h, const char *name, const char *more)
{
	struct record *record = fact(h, DESK_TICKETS, name, SLA, 3, 4, "closed", more);

	stretch(h, "sla", "aftercare.tickets");
	follow(h);
	return record;
}

static void clock_ends_twice(struct history *h) { clock_fact(h, "sla.cancelled", ", 'clock_id': '" CLOCK "'"); }
static void clock_starts_twice(struct history *h) { clock_fact(h, "sla.started", ", 'clock_id': '" CLOCK "', 'due_at': '" LATER "'"); }
static void clock_never_started(struct history *h) { clock_fact(h, "sla.met", ", 'clock_id': 'other'"); }
static void clock_row_altered(struct history *h) { set_text(h, "sla", "clock", 0, "state", "running"); }
static void clock_due_altered(struct history *h) { set_text(h, "sla", "clock", 0, "due_at", NOON); }
static void clock_row_missing(struct history *h) { empty(h, "sla", "clock"); }

static void clock_left_running(struct history *h)
{
	drop(h, find(h, DESK_TICKETS, "sla.met"));
	drop_outbox(h, SLA, 2);
	set_number(h, "sla", "source", 0, "out_seq", 1);
	set_number(h, "sla", "source", 0, "published_seq", 1);
	set_text(h, "sla", "clock", 0, "state", "running");
	json_object_set_new(cell(h, "sla", "clock", 0), "ended_at", json_null());
	row(h, "sla", "timer", "{'source': 1, 'key': '" CLOCK "', 'kind': 'breach', 'ticket': '" TICKET "'}");
}

static void timer_left_behind(struct history *h)
{
	row(h, "sla", "timer", "{'source': 1, 'key': '" CLOCK "', 'kind': 'breach', 'ticket': '" TICKET "'}");
}

static void clock_without_timer(struct history *h)
{
	clock_fact(h, "sla.started", ", 'clock_id': 'desk-2', 'due_at': '" LATER "'");
	row(h, "sla", "clock", "{'clock_id': 'desk-2', 'ticket': '" TICKET "', 'state': 'running', 'due_at': '" LATER "'}");
}

static void breach_too_early(struct history *h)
{
	clock_left_running(h);
	clock_fact(h, "sla.breached", ", 'clock_id': '" CLOCK "', 'due_at': '" LATER "', 'detected_at': '" NOON "'");
}

/* ---- lies about tables ---- */

static void revision_altered(struct history *h) { set_number(h, "sla", "ticket", 0, "revision", 3); }
static void state_altered(struct history *h) { set_text(h, "routing", "ticket", 0, "state", "assigned"); }
static void owner_altered(struct history *h) { set_text(h, "notification", "ticket", 0, "owner", "E2"); }
static void severity_altered(struct history *h) { set_text(h, "survey", "ticket", 0, "severity", "urgent"); }
static void time_altered(struct history *h) { set_text(h, "reporting", "ticket", 0, "closed_at", LATER); }
static void time_taken_away(struct history *h) { json_object_set_new(cell(h, "routing", "ticket", 0), "closed_at", json_null()); }
static void ticket_missing(struct history *h) { empty(h, "survey", "ticket"); }
static void ticket_invented(struct history *h) { row(h, "sla", "ticket", "{'ticket': 'AC-2', 'state': 'received'}"); }
static void workload_wrong(struct history *h) { set_number(h, "routing", "workload", 0, "open", 1); }
static void counts_altered(struct history *h) { set_text(h, "routing", "ticket", 0, "facts", "ticket.registered=1 ticket.replied=2"); }
static void left_open(struct history *h) { json_object_set_new(cell(h, "intake", "ticket", 0), "open", json_true()); }
static void errand_missing(struct history *h) { empty(h, "survey", "survey"); }
static void counter_altered(struct history *h) { set_number(h, "reporting", "count", 0, "value", 2); }
static void message_unfinished(struct history *h) { set_text(h, "notification", "message", 0, "state", "requested"); }

static void snapshot_behind(struct history *h)
{
	struct record *snapshot = h->records[find(h, DESK_STATE, "ticket.snapshot")];

	say(snapshot, "\"revision\": 4", "\"revision\": 3");
	agree(h);
}

static void owner_altered_in_log(struct history *h)
{
	say(the(h, "ticket.assigned"), "\"E1\"", "\"E3\"");
	agree(h);
}

static void message_sent_twice(struct history *h)
{
	fact(h, DESK_MESSAGES, "notify.sent", "notification/aftercare.tickets/0", 3, 4, "closed", ", 'message': 'm1'");
	stretch(h, "notification", "aftercare.tickets");
}

/* ---- what is no lie ---- */

static void repeated(struct history *h)
{
	append(h, twin(the(h, "ticket.replied")));
	append(h, twin(the(h, "ticket.closed")));
	append(h, twin(h->records[find(h, DESK_MESSAGES, "notify.sent")]));
	follow(h);
}

static void claim_sent_again(struct history *h)
{
	claim(h, DESK_STAFF, "staff.replied", "c-1");
	follow(h);
}

static void cleared(struct history *h)
{
	drop_outbox(h, ROUTING, 1);
	h->outbox_keep = 2;
}

static void nothing(struct history *h) { (void)h; }

/* ---- trials ---- */

#define LIE(invariant, name) { #name, name, invariant }
static const struct {
	const char *name;
	void (*tell)(struct history *history);
	int invariant;      /* 0: none is broken */
} lies[] = {
	LIE(0, nothing), LIE(0, repeated), LIE(0, claim_sent_again), LIE(0, cleared),
	LIE(1, claim_lost), LIE(1, claim_twice), LIE(1, request_twice), LIE(1, copy_altered), LIE(1, copy_of_nothing), LIE(1, claim_unknown),
	LIE(1, request_unknown), LIE(1, refused_and_let_in), LIE(1, claim_unanswered), LIE(1, claim_answered_twice), LIE(1, counts_altered), LIE(1, revision_altered), LIE(1, state_altered), LIE(1, owner_altered),
	LIE(1, severity_altered), LIE(1, time_altered), LIE(1, time_taken_away), LIE(1, ticket_missing), LIE(1, ticket_invented),
	LIE(1, workload_wrong), LIE(1, left_open), LIE(1, errand_missing), LIE(1, message_unfinished), LIE(1, snapshot_behind),
	LIE(1, owner_altered_in_log), LIE(1, message_sent_twice), LIE(1, counter_altered),
	LIE(2, position_beyond), LIE(2, partition_unread), LIE(2, mark_beyond),
	LIE(3, source_missing), LIE(3, outbox_hole), LIE(3, outbox_end_missing), LIE(3, outbox_begin_missing), LIE(3, outbox_empty), LIE(3, outbox_row_doubled),
	LIE(3, published_too_much), LIE(3, fact_dropped_everywhere),
	LIE(4, fact_dropped), LIE(4, message_dropped), LIE(4, fact_altered), LIE(4, header_altered), LIE(4, fact_renumbered),
	LIE(4, fact_doubled), LIE(4, facts_swapped), LIE(4, facts_swapped_and_renumbered), LIE(4, revision_left_out), LIE(4, cause_left_out),
	LIE(4, lane_wrong), LIE(4, fact_never_committed),
	LIE(5, clock_ends_twice), LIE(5, clock_starts_twice), LIE(5, clock_never_started), LIE(5, clock_row_altered),
	LIE(5, clock_due_altered), LIE(5, clock_row_missing), LIE(5, clock_left_running), LIE(5, timer_left_behind),
	LIE(5, clock_without_timer), LIE(5, breach_too_early),
	LIE(6, dead_record_missing), LIE(6, dead_letter_missing), LIE(6, dead_row_missing), LIE(6, dead_row_twice),
	LIE(6, dead_letter_too_many), LIE(6, dead_letter_of_nothing),
	LIE(7, number_used_twice), LIE(7, number_in_two_topics), LIE(7, older_incarnation),
	LIE(8, unpublished), LIE(8, position_behind), LIE(8, timer_overdue),
};
#define LIES (sizeof(lies) / sizeof(*lies))

static void try_lie(void **state)
{
	size_t i = (size_t)(uintptr_t)*state;
	struct history *history = truth();
	struct report report;

	lies[i].tell(history);
	history_check(history, &report);
	if (lies[i].invariant ? report.broken[lies[i].invariant] == 0 : report_broken(&report) > 0) {
		report_print(&report, stderr, 20);
		fail_msg("%s: %s", lies[i].name, lies[i].invariant ? "not noticed as it should be" : "is no lie");
	}
	report_done(&report);
	history_free(history);
}

int main(void)
{
	struct CMUnitTest tests[LIES];

	for (size_t i = 0; i < LIES; i++)
		tests[i] = (struct CMUnitTest){ lies[i].name, try_lie, NULL, NULL, (void *)(uintptr_t)i };
	return cmocka_run_group_tests_name("test_history", tests, NULL, NULL);
}
