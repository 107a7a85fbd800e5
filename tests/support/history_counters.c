/* Counters as the fold of the facts (I1): what reporting has counted, over all windows, is what the logs say.
 *
 * Which window a fact falls into depends on when it was read; that it falls into one, once, does not. So the sums are compared:
 * of counters over all time since counting began in a lane, of levels over all that ever moved them. A level is taken from
 * how things stand in the end, not from what moved it. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

struct counting {
	json_t *sums;                 /* {"LANE NAME LABEL": how many} */
	json_t *from;                 /* {"LANE": microseconds at which its counting began} */
	json_t *tickets, *clocks;     /* by id: how they stand */
};

/* What is counted as it comes, and by which member of it. */
static const struct counted {
	const char *fact, *name, *by;
} counted[] = {
	{ "ticket.registered", "tickets_registered", "channel" }, { "ticket.assigned", "tickets_assigned", NULL },
	{ "ticket.replied", "tickets_replied", NULL }, { "ticket.contacted", "tickets_contacted", NULL },
	{ "ticket.arrived", "tickets_arrived", NULL }, { "ticket.resolved", "tickets_resolved", NULL },
	{ "ticket.confirmed", "tickets_confirmed", NULL }, { "ticket.closed", "tickets_closed", NULL },
	{ "ticket.reopened", "tickets_reopened", NULL }, { "survey.sent", "surveys_sent", NULL },
	{ "survey.scored", "surveys_scored", "satisfied" }, { "survey.unreturned", "surveys_unreturned", NULL },
	{ "sla.started", "sla_started", "clock" }, { "sla.warned", "sla_warned", "clock" }, { "sla.breached", "sla_breached", "clock" },
	{ "sla.met", "sla_met", "clock" }, { "sla.corrected", "sla_corrected", "clock" }, { "sla.cancelled", "sla_cancelled", "clock" },
	{ "notify.requested", "messages_requested", "channel" }, { "notify.sent", "messages_sent", "channel" },
	{ "notify.failed", "messages_failed", "channel" }, { "notify.suppressed", "messages_suppressed", "channel" },
};

static void index_add(json_t *index, const char *key, int64_t value)
{
	index_set(index, key, index_get(index, key, 0) + value);
}

static void add(struct counting *counting, int lane, const char *name, const char *label, int64_t value)
{
	char key[300];

	snprintf(key, sizeof(key), "%d %s %s", lane, name, label);
	index_add(counting->sums, key, value);
}

static instant time_of(const struct record *record, const char *member)
{
	instant at = member ? record_time(record, member) : INSTANT_NONE;

	if (at == INSTANT_NONE)
		(void)instant_parse(str_of(record->time), &at);
	return at;
}

/* Whether its lane had begun to count when it was decided. */
static bool is_since(const struct counting *counting, const struct record *record)
{
	char lane[16];

	snprintf(lane, sizeof(lane), "%d", record->partition);
	return time_of(record, "decided_at") >= index_get(counting->from, lane, INT64_MAX);
}

static void add_since(struct counting *counting, const struct record *record, const char *name, const char *label, int64_t value)
{
	if (is_since(counting, record))
		add(counting, record->partition, name, label, value);
}

/* Labels are codes: what may be a person's is "other". */
static const char *code(const char *text)
{
	size_t digits = 0;

	for (const char *at = text; *at; at++) {
		digits = *at >= '0' && *at <= '9' ? digits + 1 : strchr("-()", *at) ? digits : 0;
		if (*at == ' ' || *at == '@' || digits == 10)
			return "other";
	}
	return strlen(text) > 48 ? "other" : text;
}

static void count_named(struct counting *counting, const struct record *record)
{
	bool automatic = strcmp(record->name, "ticket.replied") == 0 && json_is_true(record_get(record, "automatic"));

	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted) && !automatic; i++) {
		const char *by = counted[i].by, *label = "";
		json_t *value = by ? record_get(record, by) : NULL;

		if (strcmp(record->name, counted[i].fact) != 0)
			continue;
		if (by && strcmp(by, "satisfied") == 0)
			label = json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "unknown";
		else if (by)
			label = strcmp(by, "clock") == 0 ? record_text(record, by) : code(record_text(record, by));
		add_since(counting, record, counted[i].name, label, 1);
	}
}

/* Sixteen buckets per doubling, in tenths of a second, and the milliseconds. */
static void count_duration(struct counting *counting, const struct record *record, const char *name, int64_t us)
{
	int64_t tenths, doublings = 0;
	char label[24];

	us = us > 0 ? us : 0;
	for (tenths = (us + 50000) / 100000; tenths >= 32; tenths /= 2)
		doublings++;
	snprintf(label, sizeof(label), "%lld", (long long)(16 * doublings + tenths));
	add_since(counting, record, name, label, 1);
	add_since(counting, record, name, "sum", us / 1000);
}

/* The first time that something happens to a ticket. */
static void count_first(struct counting *counting, const struct record *record, json_t *ticket, const char *name)
{
	if (index_get(ticket, name, 0))
		return;
	index_set(ticket, name, 1);
	count_duration(counting, record, name, time_of(record, NULL) - row_number(ticket, "received_at"));
}

static void lay_ticket(struct counting *counting, const struct record *record)
{
	const char *what = record->name + 7, *state = record_text(record, "state"), *severity = record_text(record, "severity");
	json_t *ticket = json_object_get(counting->tickets, record->subject);

	if (!ticket && strcmp(what, "registered") == 0) {
		ticket = json_pack("{s:s, s:I, s:i}", "state", "", "received_at", (json_int_t)time_of(record, "received_at"), "lane",
				   record->partition);
		json_object_set_new_nocheck(counting->tickets, record->subject, ticket);
	}
	if (!ticket)
		return;
	if (strcmp(what, "assigned") == 0 || strcmp(what, "owner_changed") == 0) {
		count_first(counting, record, ticket, "time_to_assign");
		index_set(ticket, "unassignable", 0);
	} else if (strcmp(what, "unassignable") == 0) {
		index_set(ticket, "unassignable", 1);
	} else if (strcmp(what, "replied") == 0 && !json_is_true(record_get(record, "automatic"))) {
		count_first(counting, record, ticket, "time_to_reply");
	} else if (strcmp(what, "resolved") == 0) {
		count_first(counting, record, ticket, "time_to_resolve");
	} else if (strcmp(what, "reopened") == 0) {
		index_set(ticket, "time_to_resolve", 1);
	}
	if (severity[0])
		json_object_set_new_nocheck(ticket, "severity", json_string(code(severity)));
	if (state[0] && strcmp(state, row_text(ticket, "state")) != 0) {
		if (strcmp(state, "cancelled") == 0 || strcmp(state, "rejected") == 0)
			add_since(counting, record, state[0] == 'c' ? "tickets_cancelled" : "tickets_rejected", "", 1);
		json_object_set_new_nocheck(ticket, "state", json_string(state));
	}
}

static void lay_clock(struct counting *counting, const struct record *record)
{
	const char *what = record->name + 4, *id = record_text(record, "clock_id"), *name = record_text(record, "clock");
	json_t *clock = json_object_get(counting->clocks, id);
	bool late;

	if (!clock && strcmp(what, "started") == 0) {
		clock = json_pack("{s:s, s:s, s:s, s:i}", "ticket", record->subject, "name", name, "last", "", "lane", record->partition);
		json_object_set_new_nocheck(counting->clocks, id, clock);
	}
	if (!clock)
		return;
	late = strcmp(row_text(clock, "last"), "breached") == 0 || record_get(record, "late_s");
	if (strcmp(what, "corrected") == 0 || (strcmp(what, "met") == 0 && !late))
		add_since(counting, record, "clocks_in_time", name, 1);
	else if ((strcmp(what, "met") == 0 || strcmp(what, "cancelled") == 0) && late)
		add_since(counting, record, "clocks_late", name, 1);
	if (strcmp(what, "warned") != 0 && strcmp(what, "rescheduled") != 0)
		json_object_set_new(clock, "last", json_string(strcmp(what, "resumed") == 0 ? "started" : what));
}

/* How it all stands in the end. */
static void add_levels(struct counting *counting)
{
	json_t *overdue = json_object(), *clock, *ticket;
	const char *id;

	json_object_foreach(counting->clocks, id, clock) {
		if (strcmp(row_text(clock, "last"), "started") == 0)
			add(counting, (int)row_number(clock, "lane"), "clocks_running", row_text(clock, "name"), 1);
		else if (strcmp(row_text(clock, "last"), "breached") == 0)
			index_set(overdue, row_text(clock, "ticket"), 1);
	}
	json_object_foreach(counting->tickets, id, ticket) {
		const char *state = row_text(ticket, "state"), *severity = row_text(ticket, "severity");
		int lane = (int)row_number(ticket, "lane");

		if (strcmp(state, "closed") == 0 || strcmp(state, "cancelled") == 0 || strcmp(state, "rejected") == 0)
			continue;
		add(counting, lane, "open_by_state", state, 1);
		add(counting, lane, "open_by_severity", severity[0] ? severity : "none", 1);
		if (index_get(overdue, id, 0))
			add(counting, lane, "tickets_overdue", "", 1);
		if (index_get(ticket, "unassignable", 0))
			add(counting, lane, "tickets_unassignable", "", 1);
	}
	json_decref(overdue);
}

json_t *history_count(const struct history *history)
{
	struct counting counting = { json_object(), json_object(), json_object(), json_object() };
	char text[16];
	json_t *row;
	size_t n;

	json_array_foreach(history_rows(history, "reporting", "lane"), n, row) {
		snprintf(text, sizeof(text), "%lld", (long long)row_number(row, "lane"));
		index_set(counting.from, text, row_time(row, "counted_from"));
	}
	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (!record_is_fact(record, DESK_TICKETS) && !record_is_fact(record, DESK_MESSAGES))
			continue;
		if ((strncmp(record->name, "notify.", 7) == 0) != (record->topic == DESK_MESSAGES))
			continue;
		count_named(&counting, record);
		if (strncmp(record->name, "ticket.", 7) == 0)
			lay_ticket(&counting, record);
		else if (strncmp(record->name, "sla.", 4) == 0)
			lay_clock(&counting, record);
	}
	add_levels(&counting);
	json_decref(counting.from);
	json_decref(counting.tickets);
	json_decref(counting.clocks);
	return counting.sums;
}

/* What stands in the tables, in windows and folded. */
static json_t *stored(const struct history *history)
{
	static const char *const tables[] = { "count", "level" };
	json_t *sums = json_object(), *row;
	char key[300];
	size_t n;

	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		json_array_foreach(history_rows(history, "reporting", tables[t]), n, row) {
			snprintf(key, sizeof(key), "%lld %s %s", (long long)row_number(row, "lane"), row_text(row, "name"), row_text(row, "label"));
			index_add(sums, key, row_number(row, "value"));
		}
	return sums;
}

void history_check_counters(const struct history *history, struct report *report)
{
	json_t *sums = history_count(history), *found = stored(history), *value;
	const char *key;

	json_object_foreach(sums, key, value) {
		report->looked[1]++;
		if (index_get(found, key, 0) != json_integer_value(value))
			report_add(report, 1, NULL, "reporting has counted %lld of \"%s\" (lane, counter, label), the logs say %lld",
				   (long long)index_get(found, key, 0), key, (long long)json_integer_value(value));
	}
	json_object_foreach(found, key, value)
		if (json_integer_value(value) != 0 && !json_object_get(sums, key))
			report_add(report, 1, NULL, "reporting has counted %lld of \"%s\" (lane, counter, label), the logs none",
				   (long long)json_integer_value(value), key);
	history_check_windows(history, report, sums);
	json_decref(sums);
	json_decref(found);
}
