/* The life of each clock as the log tells it, and that its rows and timers say the same (I5). */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* A clock: {"ticket", "started", "breached", "ended", "state", "due"}. */
static json_t *clock_of(json_t *clocks, const struct record *record)
{
	const char *id = record_text(record, "clock_id");
	json_t *clock = json_object_get(clocks, id);

	if (clock)
		return clock;
	clock = json_pack("{s:s, s:i, s:i, s:i, s:s, s:I}", "ticket", record->subject, "started", 0, "breached", 0, "ended", 0, "state", "",
			  "due", (json_int_t)INSTANT_NONE);
	json_object_set_new_nocheck(clocks, id, clock);
	return clock;
}

static bool is_end(const char *what)
{
	return strcmp(what, "met") == 0 || strcmp(what, "corrected") == 0 || strcmp(what, "cancelled") == 0;
}

/* The state that a word of the log leads to; NULL: none, it goes on as it was. */
static const char *state_behind(const char *what)
{
	static const char *const states[][2] = {
		{ "started", "running" }, { "resumed", "running" }, { "paused", "paused" }, { "breached", "breached" }, { "met", "met" },
		{ "corrected", "corrected" }, { "cancelled", "cancelled" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(what, states[i][0]) == 0)
			return states[i][1];
	return NULL;
}

/* 9999-12-31T23:59:59Z: a clock whose limit is counted is due when something stops it. */
#define NEVER (INT64_C(253402300799) * SECOND)

static void see_breach(struct report *report, const struct record *record, json_t *clock)
{
	instant due = record_time(record, "due_at");

	if (record_time(record, "detected_at") <= due)
		report_add(report, 5, record->subject, "%s is breached before it is due", record_text(record, "clock_id"));
	if (due != row_number(clock, "due") && row_number(clock, "due") != NEVER)
		report_add(report, 5, record->subject, "%s is breached for another due time than it had", record_text(record, "clock_id"));
}

static void see(struct report *report, const struct record *record, json_t *clocks)
{
	const char *what = record->name + 4, *id = record_text(record, "clock_id"), *state = state_behind(what);
	json_t *clock;

	if (!id[0]) {
		report_add(report, 5, record->subject, "%s without clock_id", record->name);
		return;
	}
	clock = clock_of(clocks, record);
	if (strcmp(what, "started") != 0 && row_number(clock, "started") == 0)
		report_add(report, 5, record->subject, "%s of %s before it was started", record->name, id);
	else if (row_number(clock, "ended") > 0)
		report_add(report, 5, record->subject, "%s of %s behind its end", record->name, id);
	if (strcmp(what, "breached") == 0)
		see_breach(report, record, clock);
	if (strcmp(what, "started") == 0 && index_count(clock, "started") > 1)
		report_add(report, 5, record->subject, "%s is started twice", id);
	if (strcmp(what, "breached") == 0 && index_count(clock, "breached") > 1)
		report_add(report, 5, record->subject, "%s is breached twice", id);
	if (is_end(what) && index_count(clock, "ended") > 1)
		report_add(report, 5, record->subject, "%s has a second end, %s", id, record->name);
	if (record_get(record, "due_at") && strcmp(what, "warned") != 0)
		index_set(clock, "due", record_time(record, "due_at"));
	if (state)
		json_object_set_new(clock, "state", json_string(state));
}

/* ---- against the tables ---- */

static void check_row(struct report *report, const json_t *row, json_t *clocks)
{
	const char *id = row_text(row, "clock_id"), *ticket = row_text(row, "ticket");
	json_t *clock = json_object_get(clocks, id);

	report->looked[5]++;
	if (!clock) {
		report_add(report, 5, ticket, "sla.clock has %s, of which the log knows nothing", id);
		return;
	}
	index_set(clock, "row", 1);
	if (strcmp(row_text(row, "state"), row_text(clock, "state")) != 0)
		report_add(report, 5, ticket, "sla.clock says %s of %s, the log %s", row_text(row, "state"), id, row_text(clock, "state"));
	if (row_time(row, "due_at") != row_number(clock, "due") && strcmp(row_text(row, "state"), "paused") != 0)
		report_add(report, 5, ticket, "sla.clock and the log have other due times for %s", id);
	if ((row_time(row, "breached_at") != INSTANT_NONE) != (row_number(clock, "breached") > 0))
		report_add(report, 5, ticket, "sla.clock and the log differ in whether %s was breached", id);
	if ((row_time(row, "ended_at") != INSTANT_NONE) != (row_number(clock, "ended") > 0))
		report_add(report, 5, ticket, "sla.clock and the log differ in whether %s has ended", id);
}

static void check_timers(const struct history *history, struct report *report, json_t *clocks)
{
	json_t *armed = json_object(), *row, *clock;
	const char *id;
	size_t i;

	json_array_foreach(history_rows(history, "sla", "timer"), i, row) {
		if (strcmp(row_text(row, "kind"), "breach") == 0)
			index_set(armed, row_text(row, "key"), 1);
		if (strcmp(row_text(row, "kind"), "breach") == 0 && !json_object_get(clocks, row_text(row, "key")))
			report_add(report, 5, row_text(row, "ticket"), "a timer waits for %s, which was never started", row_text(row, "key"));
	}
	json_object_foreach(clocks, id, clock) {
		bool runs = strcmp(row_text(clock, "state"), "running") == 0;

		if (runs != (index_get(armed, id, 0) > 0))
			report_add(report, 5, row_text(clock, "ticket"), runs ? "%s runs and has no timer" : "%s has a timer and does not run",
				   id);
		if (index_get(clock, "row", 0) == 0)
			report_add(report, 5, row_text(clock, "ticket"), "%s is not in sla.clock", id);
	}
	json_decref(armed);
}

/* A case that is over has no clock under way. */
static void check_over(const struct history *history, struct report *report, const json_t *clocks)
{
	json_t *fold = history_fold(history), *clock;
	const char *id;

	json_object_foreach((json_t *)(uintptr_t)clocks, id, clock) {
		const char *state = row_text(json_object_get(fold, row_text(clock, "ticket")), "state");

		if (row_number(clock, "ended") == 0 &&
		    (strcmp(state, "closed") == 0 || strcmp(state, "rejected") == 0 || strcmp(state, "cancelled") == 0))
			report_add(report, 5, row_text(clock, "ticket"), "%s has no end, and the ticket is %s", id, state);
	}
	json_decref(fold);
}

void history_check_clocks(const struct history *history, struct report *report)
{
	json_t *clocks = json_object(), *row;
	size_t i;

	for (i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if ((record_is_fact(record, DESK_TICKETS) || record_is_fact(record, DESK_DESK)) && strncmp(record->name, "sla.", 4) == 0) {
			report->looked[5]++;
			see(report, record, clocks);
		}
	}
	if (history->complete)
		check_over(history, report, clocks);
	if (history->complete && history->rows) {
		json_array_foreach(history_rows(history, "sla", "clock"), i, row)
			check_row(report, row, clocks);
		check_timers(history, report, clocks);
	}
	json_decref(clocks);
}
