/* Clocks that count open time only, and clocks of things of the desk.
 *
 * T0 is a midnight in Shanghai; the service is open from 9 to 18 (32400 to 64800) every day. Times are seconds since T0, as in
 * test_sla_clocks.c. */
#include "tests/unit/test_sla_scene.h"

static const struct calendar_interval day[] = { { 9 * HOUR, 18 * HOUR } };
#define DAILY { day, 1 }
static const struct calendar hours = {
	.id = NAME("daily"), .version = 3, .zone_offset_us = 8 * HOUR,
	.week = { DAILY, DAILY, DAILY, DAILY, DAILY, DAILY, DAILY },
};
static const struct calendar *const all_hours[] = { &hours, &hours, &hours };

static void play_in_hours(const struct policy *policy, const struct step *steps, size_t count)
{
	struct scene scene;

	scene_begin(&scene, policy, NULL);
	scene.c.plans[0] = sla_plan(policy, all_hours, &scene.arena);
	play_scene(&scene, steps, count);
}
#define IN_HOURS(policy, ...) \
	do { \
		static const struct step steps_[] = { __VA_ARGS__ }; \
		play_in_hours((policy), steps_, array_count(steps_)); \
	} while (0)

static void test_due_in_open_time(void **state)
{
	(void)state;
	IN_HOURS(&graded,
		 { "registered", 0, 17.5 * H, "severity=urgent", "started graded/response/1 0-39600" },
		 { "replied", 11 * H, 17.5 * H, "", "met graded/response/1 at 39600" });
	/* A regrade counts anew, in the same hours: 24 open hours are two days and six hours. */
	IN_HOURS(&graded,
		 { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-39600" },
		 { "classified", 10 * H, 0, "severity=general", "rescheduled graded/response/1 due 226800 reclassified" },
		 { "!breach response/1", 63 * H + TICK, 0, "", "breached graded/response/1 due 226800 at 226800.000001" });
}

static void test_only_the_open_part_of_a_pause_counts(void **state)
{
	(void)state;
	IN_HOURS(&paused,
		 { "registered", 0, 0, "", "started pause/resolve/1 0-46800" },
		 { "waiting", 12 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
		 { "resumed", 20 * H, 0, "state=in_progress", "resumed pause/resolve/1 due 122400" },
		 { "resolved", 34 * H, 0, "", "met pause/resolve/1 at 122400" });
	/* A night is no pause. */
	IN_HOURS(&paused,
		 { "registered", 0, 0, "", "started pause/resolve/1 0-46800" },
		 { "waiting", 12 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
		 { "resumed", 13 * H, 0, "state=in_progress", "resumed pause/resolve/1 due 50400" },
		 { "waiting", 13.5 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
		 { "resumed", 32 * H, 0, "state=in_progress", "resumed pause/resolve/1 due 120600" },
		 { "waiting", 32.5 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
		 { "resumed", 33 * H, 0, "state=in_progress", "resumed pause/resolve/1 due 120600" },
		 { "resolved", 33.5 * H + TICK, 0, "",
		   "breached pause/resolve/1 due 120600 at 120600.000001; met pause/resolve/1 at 120600.000001 late 0.000001" });
}

static void test_used_up_at_closing_time_is_due_then(void **state)
{
	static const struct clock_rule rules[] = {
		{ .name = NAME("resolve"), .start = FACT("ticket.registered"), .stop = FACT("ticket.resolved"), .limit = HOURS(9) },
	};
	static const struct policy nine = POLICY("nine", rules);

	(void)state;
	IN_HOURS(&nine,
		 { "registered", 0, 0, "", "started nine/resolve/1 0-64800" },
		 { "resolved", 20 * H, 0, "", "breached nine/resolve/1 due 64800 at 72000; met nine/resolve/1 at 72000 late 7200" });
}

static void test_warnings_in_open_time(void **state)
{
	(void)state;
	/* 80 % of two hours, then ten minutes before; both over the night. */
	IN_HOURS(&warned,
		 { "registered", 0, 17 * H, "", "started warn/reply/1 0-39600" },
		 { "!warn0 reply/1", 9 * H + 5759, 0, "", "" },
		 { "!warn0 reply/1", 9 * H + 5760, 0, "", "warned warn/reply/1 80%" },
		 { "!warn1 reply/1", 9 * H + 6599, 0, "", "" },
		 { "!warn1 reply/1", 9 * H + 6600, 0, "", "warned warn/reply/1 92%" });
}

/* ---- things ---- */

static const struct clock_rule project_rules[] = {
	{ .name = NAME("reply"), .start = FACT("ticket.registered"), .stop = FACT("ticket.replied"), .limit = HOURS(1) },
	{ .name = NAME("card"), .desk = true, .start = FACT("project.completed"), .stop = FACT("warranty_card.issued"),
	  .limit = HOURS(24) },
};
static const struct policy project = POLICY("project", project_rules);

static void play_thing(const struct step *steps, size_t count)
{
	struct scene scene;

	scene_begin(&scene, &project, NULL);
	scene.c.desk = true;
	play_scene(&scene, steps, count);
}
#define THING(...) \
	do { \
		static const struct step steps_[] = { __VA_ARGS__ }; \
		play_thing(steps_, array_count(steps_)); \
	} while (0)

static void test_things(void **state)
{
	(void)state;
	THING({ "project.completed", 0, 0, "", "started project/card/1 0-86400" },
	      { "project.completed", 60, 0, "", "" },
	      { "warranty_card.issued", 24 * H, 0, "", "met project/card/1 at 86400" },
	      { "warranty_card.issued", 25 * H, 0, "", "" });
	THING({ "project.completed", 0, 0, "", "started project/card/1 0-86400" },
	      { "!breach card/1", 24 * H + 1, 0, "", "breached project/card/1 due 86400 at 86401" },
	      { "warranty_card.issued", 26 * H, 0, "", "met project/card/1 at 93600 late 7200" });
	/* Senders of the desk do not wait for each other. */
	THING({ "warranty_card.issued", 2 * H, 0, "", "" },
	      { "project.completed", 0, 3 * H, "", "started project/card/1 0-86400; met project/card/1 at 7200" });
	/* A ticket's clocks are not a thing's, nor the other way round. */
	PLAY(&project, NULL,
	     { "registered", 0, 0, "", "started project/reply/1 0-3600" },
	     { "project.completed", 60, 0, "", "" });
}

static void test_when_a_claim_happened(void **state)
{
	const struct duration quarter = { .us = 15 * MINUTE };
	static const struct {
		double at, arrived, day_end;   /* day_end 0: no day */
		bool staff, opens;
		double want;
	} rows[] = {
		{ 100, 200, 0, true, true, 100 },
		{ -40 * 24 * H, 200, 0, true, true, -40 * 24 * H },
		{ 100, 200, 5000, true, true, 5000 },
		{ 300, 200, 0, true, true, 200 },
		{ 100, 200, 5000, true, false, 100 },
		{ 100, 1000, 0, true, false, 100 },
		{ 99, 1000, 0, true, false, 1000 },
		{ 99, 1000, 0, false, false, 99 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct sla_event event = { .at = moment(rows[i].at), .arrived = moment(rows[i].arrived), .staff = rows[i].staff,
					   .day_end = rows[i].day_end != 0 ? moment(rows[i].day_end) : INSTANT_NONE };

		sla_place_claim(&event, rows[i].opens, quarter);
		if (event.at != moment(rows[i].want))
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due_in_open_time),
		cmocka_unit_test(test_only_the_open_part_of_a_pause_counts),
		cmocka_unit_test(test_used_up_at_closing_time_is_due_then),
		cmocka_unit_test(test_warnings_in_open_time),
		cmocka_unit_test(test_things),
		cmocka_unit_test(test_when_a_claim_happened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
