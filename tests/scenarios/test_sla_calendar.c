/* Service hours (C087): one limit of two hours, once in office hours and once around the clock; calendars are versions as policies
 * are, and a running clock keeps the one it began with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

#define WEEK (7 * DAY)

/* 17:30 in Shanghai on a Friday, one to two weeks ago. */
static instant friday(void)
{
	/* 1970-01-02 was a Friday. */
	instant first = DAY + 17 * HOUR + 30 * MINUTE - 8 * HOUR;

	return first + (desk_now() - first - WEEK) / WEEK * WEEK;
}

static void c087_two_hours_from_friday_half_past_five_end_on_monday_or_on_friday(void **state)
{
	struct desk *desk = *state;
	instant t0 = friday();
	const char *ticket = scene_ticket(desk, t0, NULL);
	const struct record *office = scene_clock(desk, ticket, "sla.started", "office", 1);
	const struct record *always = scene_clock(desk, ticket, "sla.started", "always", 1);

	scene_time_is(desk, office, "due_at", t0 + 2 * DAY + 17 * HOUR);
	scene_text_is(desk, office, "limit", "PT2H");
	scene_text_is(desk, office, "calendar.id", "cn-weekday");
	assert_int_equal((int)record_number(office, "calendar.version"), 1);
	scene_time_is(desk, always, "due_at", t0 + 2 * HOUR);
	scene_text_is(desk, always, "calendar.id", "24x7");
	scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "office", 1), "due_at", t0 + 2 * DAY + 17 * HOUR);
	scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "always", 1), "due_at", t0 + 2 * HOUR);
}

static const char *document(struct desk *desk, const char *name, const char *text)
{
	const char *path = desk_text(desk, "%s/%s", desk_stack(desk)->dir, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void c087_what_is_wrong_about_a_calendar_is_not_loaded(void **state)
{
	struct desk *desk = *state;

	scene_needs_stack(desk);
	assert_false(stack_do(desk_stack(desk), "policy", document(desk, "unknown.json",
		"{\"policy\": \"unknown\", \"version\": 1, \"effective_from\": \"2000-01-01\", \"calendar\": \"cn-weekdy\"}")));
	/* The same version with other content; a week that never opens. */
	assert_false(stack_do(desk_stack(desk), "policy", document(desk, "other.json",
		"{\"calendar\": \"cn-weekday\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"18:00\"]]}}")));
	assert_false(stack_do(desk_stack(desk), "policy", document(desk, "never.json",
		"{\"calendar\": \"never\", \"version\": 1, \"week\": {\"mon\": []}}")));
}

/* The last: what it loads is in force for all that comes behind it. */
static void c087_a_new_version_of_the_calendar_is_for_new_clocks_only(void **state)
{
	struct desk *desk = *state;
	instant t0 = friday();
	const char *before = scene_ticket(desk, t0, NULL), *after;
	const struct record *started;

	scene_needs_stack(desk);
	scene_clock(desk, before, "sla.started", "office", 1);
	assert_true(stack_do(desk_stack(desk), "policy", document(desk, "cn-weekday-2.json",
		"{\"calendar\": \"cn-weekday\", \"version\": 2, \"week\": {\"mon\": [[\"09:00\", \"18:00\"]], "
		"\"sat\": [[\"08:00\", \"12:00\"]]}}")));
	after = scene_ticket(desk, t0, NULL);
	started = scene_clock(desk, after, "sla.started", "office", 1);
	assert_int_equal((int)record_number(started, "calendar.version"), 2);
	/* Nothing is open on Friday any more; Saturday 08:00 to 10:00. */
	scene_time_is(desk, started, "due_at", t0 + 16 * HOUR + 30 * MINUTE);
	/* The old one is looked at again and still counts as it began: Friday half an hour, Monday an hour and a half. */
	scene_do(desk, before, "staff.annotated", scene_cast(desk)->engineer, 0, "{'note': 'the customer calls again'}");
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, before, "sla.rescheduled", "office"), 0);
	assert_int_equal(scene_clock_count(desk, before, "sla.started", "office"), 1);
}

static int open_stack(void **state)
{
	/* The policy before the calendar that it names: the stack puts them in order. */
	static const char *const policies[] = { "tests/data/policies/right/office-hours.json", "deploy/policies/cn-weekday.json", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c087_two_hours_from_friday_half_past_five_end_on_monday_or_on_friday),
		SCENARIO(c087_what_is_wrong_about_a_calendar_is_not_loaded),
		SCENARIO(c087_a_new_version_of_the_calendar_is_for_new_clocks_only),
	};

	return cmocka_run_group_tests_name("test_sla_calendar", tests, open_stack, scene_close);
}
