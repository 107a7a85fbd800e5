/* A ticket as the fold of its facts: what each daemon is to have of it.
 *
 * Written from the contract, with jansson; a daemon's own projection must not be what judges it. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

static void set_time(json_t *ticket, const char *name, instant at)
{
	if (at == INSTANT_NONE)
		json_object_set_new(ticket, name, json_null());
	else
		json_object_set_new(ticket, name, json_integer(at));
}

/* Also a number's text. */
static void set_text(json_t *ticket, const char *name, const struct record *record, const char *member)
{
	json_t *value = record_get(record, member);
	char text[40];

	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	if (json_is_string(value))
		json_object_set(ticket, name, value);
	else if (json_is_integer(value))
		json_object_set_new(ticket, name, json_string(text));
}

static instant time_of(const struct record *record)
{
	instant at = INSTANT_NONE;

	(void)instant_parse(str_of(record->time), &at);
	return at;
}

static void fold_registered(json_t *ticket, const struct record *record)
{
	set_time(ticket, "received_at", record_time(record, "received_at"));
	set_time(ticket, "assigned_at", INSTANT_NONE);
	set_time(ticket, "resolved_at", INSTANT_NONE);
	set_time(ticket, "closed_at", INSTANT_NONE);
	index_set(ticket, "reopened", 0);
	json_object_set_new(ticket, "unassignable", json_false());
	set_text(ticket, "severity", record, "severity");
	set_text(ticket, "mode", record, "mode");
	set_text(ticket, "channel", record, "channel");
	set_text(ticket, "priority", record, "priority");
	json_object_set_new_nocheck(ticket, "cause_id", json_string(record->cause_id));
	json_object_set_new_nocheck(ticket, "cause_source", json_string(record->cause_source));
}

static void fold_owner(json_t *ticket, const struct record *record)
{
	set_text(ticket, "owner", record, "to");
	json_object_del(ticket, "owner_role");
	set_text(ticket, "owner_role", record, "role");
	set_text(ticket, "priority", record, "priority");
	set_time(ticket, "assigned_at", time_of(record));
	if (!json_object_get(ticket, "first_assigned_at"))
		set_time(ticket, "first_assigned_at", time_of(record));
	json_object_set_new(ticket, "unassignable", json_false());
}

static void fold_reopened(json_t *ticket, const struct record *record)
{
	int64_t count = row_number(ticket, "reopened") + 1;

	json_object_set_new(ticket, "facts", json_object());
	if (record_get(record, "count"))
		count = (int64_t)record_number(record, "count");
	index_set(ticket, "reopened", count);
	set_time(ticket, "resolved_at", INSTANT_NONE);
	set_time(ticket, "closed_at", INSTANT_NONE);
}

static void fold_named(json_t *ticket, const struct record *record, const char *name)
{
	if (strcmp(name, "registered") == 0)
		fold_registered(ticket, record);
	else if (strcmp(name, "assigned") == 0 || strcmp(name, "owner_changed") == 0)
		fold_owner(ticket, record);
	else if (strcmp(name, "reopened") == 0)
		fold_reopened(ticket, record);
	else if (strcmp(name, "resolved") == 0 || strcmp(name, "closed") == 0)
		set_time(ticket, strcmp(name, "closed") == 0 ? "closed_at" : "resolved_at", time_of(record));
	else if (strcmp(name, "unassignable") == 0)
		json_object_set_new(ticket, "unassignable", json_true());
	if (strcmp(name, "classified") == 0 || strcmp(name, "priority_changed") == 0)
		set_text(ticket, "priority", record, "priority");
	if (strcmp(name, "classified") == 0 || strcmp(name, "incomplete") == 0 || strcmp(name, "supplemented") == 0)
		set_text(ticket, "severity", record, "severity");
	if (strcmp(name, "mode_chosen") == 0 || strcmp(name, "incomplete") == 0 || strcmp(name, "supplemented") == 0)
		set_text(ticket, "mode", record, "mode");
}

json_t *history_fold(const struct history *history)
{
	json_t *fold = json_object();

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];
		json_t *ticket;

		if (!record_is_fact(record, DESK_TICKETS) || strncmp(record->name, "ticket.", 7) != 0)
			continue;
		ticket = json_object_get(fold, record->subject);
		if (!ticket)
			json_object_set_new_nocheck(fold, record->subject, ticket = json_pack("{s:{}}", "facts"));
		fold_named(ticket, record, record->name + 7);
		index_set(ticket, "revision", record->revision);
		index_set(ticket, "lane", record->partition);
		if (strcmp(record->name, "ticket.reopened") != 0)
			index_count(json_object_get(ticket, "facts"), record->name);
		set_text(ticket, "state", record, "state");
		set_text(ticket, "kind", record, "kind");
	}
	return fold;
}
