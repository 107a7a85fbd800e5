/* The clocks of R26 (on site in 24, repaired in 48 hours; the warranty card of a project within a month), a promise to a customer
 * (C085), and a watchdog that was not there when something fell due (C100). */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

static const struct duration month = { .months = 1 };

/* ---- tickets ---- */

static void c078_on_site_within_twenty_four_hours_whatever_else_was_agreed(void **state)
{
	struct desk *desk = *state;
	instant late = desk_now() - 25 * HOUR, early = desk_now() - 23 * HOUR;
	const char *engineer = scene_cast(desk)->engineer;
	const char *ticket = scene_assigned(desk, late, NULL), *met = scene_assigned(desk, early, NULL);
	char from[INSTANT_TEXT], to[INSTANT_TEXT];

	scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "arrive", 1), "due_at", late + 24 * HOUR);
	(void)instant_format(desk_now() + DAY, from);
	(void)instant_format(desk_now() + DAY + HOUR, to);
	scene_do(desk, met, "staff.scheduled", engineer, 0,
		 desk_text(desk, "{'window': {'from': '%s', 'to': '%s'}, 'content': 'look', 'place': 'Haikou'}", from, to));
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, met, "sla.rescheduled", "arrive"), 0);
	scene_do(desk, met, "staff.arrived", engineer, 0, "{'place': 'Haikou'}");
	scene_time_is(desk, scene_clock(desk, met, "sla.met", "arrive", 1), "due_at", early + 24 * HOUR);
}

static void c079_not_repaired_in_forty_eight_hours_is_breached_and_stays_open(void **state)
{
	struct desk *desk = *state;
	instant late = desk_now() - 49 * HOUR, early = desk_now() - 47 * HOUR;
	const char *ticket = scene_assigned(desk, late, NULL), *met = scene_assigned(desk, early, NULL);
	const struct record *breached = scene_clock(desk, ticket, "sla.breached", "resolve", 1);

	scene_time_is(desk, breached, "due_at", late + 48 * HOUR);
	assert_int_equal((int)record_number(breached, "rule"), 1);
	assert_string_equal(scene_state(desk, ticket), "assigned");
	scene_resolve(desk, met);
	scene_clock(desk, met, "sla.met", "resolve", 1);
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, met, "sla.breached", "resolve"), 0);
	scene_count_is(desk, ticket, "ticket.closed", 0);
}

static void c085_what_was_promised_to_the_customer_is_a_deadline_of_its_own(void **state)
{
	struct desk *desk = *state;
	instant until = (desk_now() + 3 * SECOND) / SECOND * SECOND;
	const char *engineer = scene_cast(desk)->engineer, *ticket = scene_assigned(desk, 0, "{'kind': 'complaint'}");
	const struct record *breached;
	char text[INSTANT_TEXT];

	(void)instant_format(until, text);
	scene_do(desk, ticket, "staff.promised", engineer, 0, desk_text(desk, "{'until': '%s'}", text));
	scene_text_is(desk, scene_clock(desk, ticket, "sla.started", "promise", 1), "limit", "per_ticket");
	breached = scene_clock(desk, ticket, "sla.breached", "promise", 1);
	scene_time_is(desk, breached, "due_at", until);
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, ticket, "sla.breached", "complaint"), 0);
}

/* ---- projects ---- */

#define CARD "'owner': 'Mr Wang', 'principles': 'free of charge for a year', 'purpose': 'that it works', 'department': 'engineering', " \
	     "'responsible': ['Li Wei']"

static const char *complete(struct desk *desk, instant at, const char *more)
{
	const char *project = desk_unique(desk, "P");
	struct claim claim = { .name = "project.completed", .time = at,
			       .data = desk_text(desk, "{'project': '%s', 'customer': 'C-1', 'by': {'id': 'E1', 'role': 'engineer'}%s}", project, more) };

	desk_send(desk, &claim);
	return project;
}

static const struct sent *card(struct desk *desk, const char *project, instant at, const char *content)
{
	struct claim claim = { .name = "warranty_card.issued", .time = at,
			       .data = desk_text(desk, "{%s%s%s'warranty_card': '%s', 'by': {'id': 'E1', 'role': 'engineer'}, %s}",
						 project ? "'project': '" : "", project ? project : "", project ? "', " : "",
						 desk_unique(desk, "W"), content) };

	return desk_send(desk, &claim);
}

static const struct record *fact(struct desk *desk, const char *name, const char *project)
{
	return desk_expect_thing(desk, DESK_DESK, name, "project", project);
}

static size_t count(struct desk *desk, const char *name, const char *project)
{
	size_t all, n = 0;
	struct record *const *records = desk_records(desk, &all);

	for (size_t i = 0; i < all; i++)
		n += records[i]->topic == DESK_DESK && !records[i]->repeat && strcmp(records[i]->name, name) == 0 &&
		     strcmp(record_text(records[i], "project"), project) == 0;
	return n;
}

static void c034_the_warranty_card_is_due_one_month_after_completion(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 20 * DAY;
	const char *project = complete(desk, t0, "");
	const struct record *started = fact(desk, "sla.started", project);

	scene_text_is(desk, started, "clock", "warranty_card");
	scene_text_is(desk, started, "limit", "P1M");
	scene_text_is(desk, started, "kind", "project");
	scene_text_is(desk, started, "policy.id", "site24h-fix48h-spare72h");
	assert_string_equal(started->subject, project);
	scene_time_is(desk, started, "started_at", t0);
	scene_time_is(desk, started, "due_at", instant_add(t0, month, 8 * HOUR));
	card(desk, project, 0, CARD);
	fact(desk, "sla.met", project);
	desk_settle(desk);
	assert_int_equal(count(desk, "sla.breached", project), 0);
	assert_int_equal(count(desk, "sla.started", project), 1);
}

static void c034_a_day_of_completion_does_not_count_and_the_last_day_does(void **state)
{
	struct desk *desk = *state;
	const char *project = complete(desk, 0, ", 'date': '2026-01-31'");
	instant last;

	assert_true(instant_parse(STR("2026-03-01T00:00:00+08:00"), &last));
	scene_time_is(desk, fact(desk, "sla.started", project), "due_at", last - 1);
	scene_time_is(desk, fact(desk, "sla.breached", project), "due_at", last - 1);
}

static void c034_not_issued_in_time_is_breached_once_and_a_late_card_is_late(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 40 * DAY;
	const char *project = complete(desk, t0, "");
	const struct record *breached = fact(desk, "sla.breached", project);

	scene_time_is(desk, breached, "due_at", instant_add(t0, month, 8 * HOUR));
	assert_true(record_number(breached, "lag_ms") > 0);
	/* Of staff, and no first claim: it cannot have been so long ago. */
	card(desk, project, t0 + DAY, CARD);
	assert_true(record_number(fact(desk, "sla.met", project), "late_s") > 0);
	desk_settle(desk);
	assert_int_equal(count(desk, "sla.breached", project), 1);
}

static void c034_a_card_that_was_told_of_before_the_project_counts(void **state)
{
	struct desk *desk = *state;
	const char *project = desk_unique(desk, "P");
	struct claim claim = { .name = "project.completed", .data = desk_text(desk, "{'project': '%s', 'by': {'id': 'E1', 'role': 'engineer'}}", project) };

	card(desk, project, 0, CARD);
	fact(desk, "warranty_card.issued", project);
	desk_send(desk, &claim);
	fact(desk, "sla.started", project);
	fact(desk, "sla.met", project);
}

static void c034_a_card_without_one_of_its_three_contents_is_refused(void **state)
{
	static const struct {
		const char *content, *word;
	} rows[] = {
		{ "'principles': 'p', 'purpose': 'u', 'department': 'd', 'responsible': 'Li Wei'", "owner" },
		{ "'owner': '  ', 'principles': 'p', 'purpose': 'u', 'department': 'd', 'responsible': 'Li Wei'", "owner" },
		{ "'owner': 'Mr Wang', 'principles': 'p', 'department': 'd', 'responsible': 'Li Wei'", "purpose" },
		{ "'owner': 'Mr Wang', 'purpose': 'u', 'department': 'd', 'responsible': 'Li Wei'", "principles" },
		{ "'owner': 'Mr Wang', 'principles': 'p', 'purpose': 'u', 'responsible': 'Li Wei'", "department" },
		{ "'owner': 'Mr Wang', 'principles': 'p', 'purpose': 'u', 'department': 'd'", "people" },
	};
	struct desk *desk = *state;
	const char *project = complete(desk, 0, "");
	const struct record *dead;

	fact(desk, "sla.started", project);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		dead = desk_expect_dead(desk, card(desk, project, 0, rows[i].content), "gate_unmet");
		if (!strstr(record_header(dead, "dl_detail"), rows[i].word))
			desk_fail(desk, NULL, "the refusal does not name \"%s\": %s", rows[i].word, record_header(dead, "dl_detail"));
	}
	dead = desk_expect_dead(desk, card(desk, NULL, 0, CARD), "gate_unmet");
	assert_non_null(strstr(record_header(dead, "dl_detail"), "project"));
	desk_settle(desk);
	assert_int_equal(count(desk, "sla.met", project), 0);
	card(desk, project, 0, CARD);
	fact(desk, "sla.met", project);
}

/* ---- the watchdog itself ---- */

static bool is_past(struct desk *desk, void *userdata)
{
	(void)desk;
	return desk_now() > *(const instant *)userdata;
}

static void c100_what_falls_due_while_nobody_watches_is_breached_once_with_its_true_time(void **state)
{
	struct desk *desk = *state;
	instant due = desk_now() + 4 * SECOND, again, past = due + 300 * MILLISECOND;
	instant begin = instant_add(due, (struct duration){ .months = -1 }, 8 * HOUR);
	bool short_month = instant_add(begin, month, 8 * HOUR) != due;
	const struct record *breached[2];
	const char *ticket, *project;

	scene_needs_stack(desk);
	ticket = scene_assigned(desk, due - 24 * HOUR, NULL);
	project = complete(desk, begin, "");
	scene_clock(desk, ticket, "sla.started", "arrive", 1);
	fact(desk, "sla.started", project);
	assert_true(stack_do(desk_stack(desk), "stop", "sla"));
	if (desk_now() >= due)
		desk_fail(desk, ticket, "the stop took too long for this test to say anything");
	assert_true(desk_until(desk, is_past, &past));
	assert_int_equal(scene_clock_count(desk, ticket, "sla.breached", "arrive"), 0);
	again = desk_now();
	assert_true(stack_do(desk_stack(desk), "start", "sla"));
	breached[0] = scene_clock(desk, ticket, "sla.breached", "arrive", 1);
	breached[1] = fact(desk, "sla.breached", project);
	/* On the 31st nothing falls due that began a month before: then the project says nothing here. */
	for (int i = 0; i < (short_month ? 1 : 2); i++) {
		scene_time_is(desk, breached[i], "due_at", due);
		assert_true(record_time(breached[i], "detected_at") >= again);
	}
	assert_true(stack_do(desk_stack(desk), "restart", "sla"));
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, ticket, "sla.breached", "arrive"), 1);
	assert_int_equal(count(desk, "sla.breached", project), 1);
}

static int open_stack(void **state)
{
	static const char *const policies[] = { "site24h-fix48h-spare72h", "tests/data/policies/right/promise.json", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c078_on_site_within_twenty_four_hours_whatever_else_was_agreed),
		SCENARIO(c079_not_repaired_in_forty_eight_hours_is_breached_and_stays_open),
		SCENARIO(c085_what_was_promised_to_the_customer_is_a_deadline_of_its_own),
		SCENARIO(c034_the_warranty_card_is_due_one_month_after_completion),
		SCENARIO(c034_a_day_of_completion_does_not_count_and_the_last_day_does),
		SCENARIO(c034_not_issued_in_time_is_breached_once_and_a_late_card_is_late),
		SCENARIO(c034_a_card_that_was_told_of_before_the_project_counts),
		SCENARIO(c034_a_card_without_one_of_its_three_contents_is_refused),
		SCENARIO(c100_what_falls_due_while_nobody_watches_is_breached_once_with_its_true_time),
	};

	return cmocka_run_group_tests_name("test_r26_clocks", tests, open_stack, scene_close);
}
