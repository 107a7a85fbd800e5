/* The tables against the fold of the log (I1): what each daemon keeps of a ticket, and what hangs on tickets. */
#define _GNU_SOURCE /* strsep */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* ---- one row ---- */

static const char *said(const json_t *value, char text[static 64])
{
	if (json_is_string(value))
		snprintf(text, 64, "\"%s\"", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(text, 64, "%lld", (long long)json_integer_value(value));
	else
		snprintf(text, 64, "%s", json_is_true(value) ? "true" : json_is_false(value) ? "false" : "nothing");
	return text;
}

static bool is_time(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && strcmp(name + n - 3, "_at") == 0;
}

static bool same(const json_t *expected, const json_t *row, const char *name)
{
	const json_t *found = json_object_get(row, name);
	bool none = !found || json_is_null(found) || (json_is_string(found) && !json_string_value(found)[0]);

	if (!expected || json_is_null(expected))
		return none;
	if (is_time(name))
		return !none && row_time(row, name) == json_integer_value(expected);
	return found && json_equal(expected, found);
}

static const char *const ticket_columns[] = { "revision", "state", "lane", "owner", "owner_role", "kind", "severity", "mode", "channel",
	"priority", "received_at", "assigned_at", "resolved_at", "closed_at", "reopened", "unassignable", "cause_id", "cause_source", NULL };

static void check_row(struct report *report, const char *service, const char *id, const json_t *ticket, const json_t *row)
{
	char expected[64], found[64];

	report->looked[1]++;
	for (const char *const *name = ticket_columns; *name; name++) {
		const json_t *wanted = json_object_get(ticket, *name);

		/* A report asks when somebody first had it. */
		if (strcmp(service, "reporting") == 0 && strcmp(*name, "assigned_at") == 0)
			wanted = json_object_get(ticket, "first_assigned_at");
		/* Not every daemon keeps everything. */
		if (!json_object_get(row, *name) || same(wanted, row, *name))
			continue;
		report_add(report, 1, id, "%s.ticket has %s %s, the log says %s", service, *name, said(json_object_get(row, *name), found),
			   is_time(*name) && json_is_integer(wanted) ? "another time" : said(wanted, expected));
	}
}

/* What routing has counted since the last reopening: "ticket.replied=2 ticket.closed=1". */
static void check_counted(struct report *report, const char *id, const json_t *ticket, const json_t *row)
{
	char *words = strdup(row_text(row, "facts")), *rest = words, *word;
	json_t *counted = json_object();

	while ((word = strsep(&rest, " "))) {
		char *number = strchr(word, '=');

		if (!number)
			continue;
		*number++ = '\0';
		index_set(counted, word, atoll(number));
	}
	if (json_object_get(row, "facts") && !json_equal(counted, json_object_get(ticket, "facts")))
		report_add(report, 1, id, "routing.ticket has counted other facts than the log has: %s", row_text(row, "facts"));
	json_decref(counted);
	free(words);
}

/* ---- the tables ---- */

static void check_tickets(const struct history *history, struct report *report, const char *service, const json_t *fold)
{
	json_t *rows = json_object(), *row, *ticket;
	const char *id;
	size_t i;

	json_array_foreach(history_rows(history, service, "ticket"), i, row) {
		id = row_text(row, "ticket");
		/* Things of the desk stand there as well: "project:P-7". */
		if (strchr(id, ':'))
			continue;
		index_set(rows, id, 1);
		ticket = json_object_get(fold, id);
		if (!ticket)
			report_add(report, 1, id, "%s.ticket has it and the log does not", service);
		else
			check_row(report, service, id, ticket, row);
		if (ticket && strcmp(service, "routing") == 0)
			check_counted(report, id, ticket, row);
	}
	json_object_foreach((json_t *)(uintptr_t)fold, id, ticket)
		if (index_get(rows, id, 0) == 0)
			report_add(report, 1, id, "%s.ticket does not have it", service);
	json_decref(rows);
}

static bool is_open(const char *state)
{
	return strcmp(state, "closed") != 0 && strcmp(state, "rejected") != 0 && strcmp(state, "cancelled") != 0;
}

static void check_intake(const struct history *history, struct report *report, const json_t *fold)
{
	json_t *row;
	size_t i;

	json_array_foreach(history_rows(history, "intake", "ticket"), i, row) {
		const char *id = row_text(row, "ticket"), *state = row_text(json_object_get(fold, id), "state");

		if (state[0] && json_is_true(json_object_get(row, "open")) != is_open(state))
			report_add(report, 1, id, "intake.ticket is wrong about whether it is open: it is %s", state);
	}
}

/* What everybody has in hand, over all lanes. */
static void check_workload(const struct history *history, struct report *report, const json_t *fold)
{
	json_t *hands = json_object(), *row, *ticket, *count;
	const char *id;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)fold, id, ticket) {
		const char *owner = row_text(ticket, "owner");

		if (owner[0] && is_open(row_text(ticket, "state")))
			index_count(hands, owner);
	}
	json_array_foreach(history_rows(history, "routing", "workload"), i, row)
		index_set(hands, row_text(row, "person"), index_get(hands, row_text(row, "person"), 0) - row_number(row, "open"));
	json_object_foreach(hands, id, count) {
		report->looked[1]++;
		if (json_integer_value(count) != 0)
			report_add(report, 1, NULL, "routing.workload is wrong by %lld about %s", (long long)json_integer_value(count), id);
	}
	json_decref(hands);
}

/* The last snapshot of each ticket says how it stands in the end. */
static void check_snapshots(const struct history *history, struct report *report, const json_t *fold)
{
	static const char *const names[] = { "revision", "state", "owner", "kind" };
	json_t *last = json_object(), *ticket;
	char expected[64], found[64];
	const char *id;

	for (size_t i = 0; i < history->record_count; i++)
		if (history->records[i]->topic == DESK_STATE && history->records[i]->key && !history->records[i]->repeat)
			index_set(last, history->records[i]->key, (int64_t)i);
	json_object_foreach((json_t *)(uintptr_t)fold, id, ticket) {
		int64_t at = index_get(last, id, -1);
		json_t *snapshot = at >= 0 ? record_data(history->records[at]) : NULL;

		report->looked[1]++;
		if (!snapshot)
			report_add(report, 1, id, "no snapshot in aftercare.ticket-state");
		for (size_t n = 0; snapshot && n < sizeof(names) / sizeof(*names); n++)
			if (!same(json_object_get(ticket, names[n]), snapshot, names[n]))
				report_add(report, 1, id, "its last snapshot has %s %s, the log says %s", names[n],
					   said(json_object_get(snapshot, names[n]), found),
					   said(json_object_get(ticket, names[n]), expected));
	}
	json_decref(last);
}

/* ---- what hangs on tickets ---- */

/* How often each thing of a daemon was said, by the member that names it. */
static json_t *count_facts(const struct history *history, enum desk_topic topic, const char *names[], const char *member)
{
	json_t *count = json_object();

	for (size_t i = 0; i < history->record_count; i++)
		for (size_t n = 0; record_is_fact(history->records[i], topic) && names[n]; n++)
			if (strcmp(history->records[i]->name, names[n]) == 0)
				index_count(count, record_text(history->records[i], member));
	return count;
}

/* Each message is asked for once and has at most one end. */
static void check_messages(const struct history *history, struct report *report)
{
	const char *asked_names[] = { "notify.requested", NULL }, *ended_names[] = { "notify.sent", "notify.failed", NULL };
	json_t *asked = count_facts(history, DESK_MESSAGES, asked_names, "message");
	json_t *ended = count_facts(history, DESK_MESSAGES, ended_names, "message"), *count, *row;
	const char *id;
	size_t i;

	json_object_foreach(asked, id, count) {
		report->looked[1]++;
		if (json_integer_value(count) > 1)
			report_add(report, 1, NULL, "the message %s is requested twice", id);
	}
	json_object_foreach(ended, id, count) {
		if (json_integer_value(count) > 1)
			report_add(report, 1, NULL, "the message %s has %lld ends", id, (long long)json_integer_value(count));
		if (index_get(asked, id, 0) == 0)
			report_add(report, 1, NULL, "the message %s has an end and was never requested", id);
	}
	json_array_foreach(history_rows(history, "notification", "message"), i, row) {
		const char *state = row_text(row, "state");

		if (strcmp(state, "held") == 0)
			continue;
		if ((index_get(ended, row_text(row, "message"), 0) > 0) != (strcmp(state, "requested") != 0))
			report_add(report, 1, row_text(row, "ticket"), "notification.message says %s of %s, the log something else", state,
				   row_text(row, "message"));
	}
	json_decref(asked);
	json_decref(ended);
}

static void check_surveys(const struct history *history, struct report *report)
{
	const char *survey[] = { "survey.due", NULL }, *followup[] = { "followup.due", NULL };
	json_t *due = count_facts(history, DESK_TICKETS, survey, "survey"), *calls = count_facts(history, DESK_TICKETS, followup, "followup");
	json_t *count, *row;
	const char *id;
	size_t i;

	json_object_update(due, calls);
	json_object_foreach(due, id, count)
		if (json_integer_value(count) > 1)
			report_add(report, 1, NULL, "the errand %s is due twice", id);
	json_array_foreach(history_rows(history, "survey", "survey"), i, row) {
		const char *state = row_text(row, "state");

		report->looked[1]++;
		if (strcmp(state, "planned") != 0 && strcmp(state, "dropped") != 0 && index_get(due, row_text(row, "survey"), 0) == 0)
			report_add(report, 1, row_text(row, "ticket"), "survey.survey says %s of %s, and the log never that it is due", state,
				   row_text(row, "survey"));
		json_object_del(due, row_text(row, "survey"));
	}
	json_object_foreach(due, id, count)
		report_add(report, 1, NULL, "the errand %s is not in survey.survey", id);
	json_decref(due);
	json_decref(calls);
}

void history_check_tables(const struct history *history, struct report *report)
{
	static const char *const followers[] = { "routing", "sla", "notification", "survey", "reporting", NULL };
	json_t *fold = history_fold(history);

	for (const char *const *service = followers; *service; service++)
		check_tickets(history, report, *service, fold);
	/* intake numbers the tickets that it opened; state and revision are not its business. */
	check_tickets(history, report, "intake", fold);
	check_intake(history, report, fold);
	check_workload(history, report, fold);
	check_snapshots(history, report, fold);
	check_messages(history, report);
	check_surveys(history, report);
	json_decref(fold);
}
