/* How clocks end, begin anew, warn, wait and keep promises; what the timers are set to and what is remembered.
 *
 * Times are seconds since T0; each row is one fact or timer and what sla says about it, word for word. Linked with sla's
 * decisions and common/base only. */
#include "tests/unit/test_sla_scene.h"

static void test_ends_with_the_ticket(void **state)
{
	(void)state;
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "cancelled", 60, 0, "state=cancelled", "cancelled graded/response/1 cancelled" },
	     { "!breach response/1", 3 * H, 0, "", "" },
	     { "annotated", 4 * H, 0, "", "" });
	/* The breach had been there before the end, found or not. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "return_rejected", 3 * H, 0, "state=rejected",
	       "breached graded/response/1 due 7200 at 10800; cancelled graded/response/1 rejected" },
	     { "!breach response/1", 4 * H, 0, "", "" });
	PLAY(&graded, NULL,
	     { "registered", 0, 9 * H, "severity=urgent", "started graded/response/1 0-7200" },
	     { "closed", 1 * H, 9 * H, "state=closed", "cancelled graded/response/1 closed" });
	/* Nothing starts in a ticket that has ended. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "", "" },
	     { "cancelled", 60, 0, "state=cancelled", "" },
	     { "annotated", 120, 0, "severity=urgent", "" });
}

static void test_reopened(void **state)
{
	(void)state;
	PLAY(&reopen, NULL,
	     { "registered", 0, 0, "", "started reopen/resolve/1 0-172800; started reopen/accept/1 0-259200" },
	     { "resolved", 1 * H, 0, "state=resolved_unconfirmed", "met reopen/resolve/1 at 3600" },
	     { "reopened", 2 * H, 0, "state=in_progress", "started reopen/resolve/2 7200-36000" },
	     { "worked", 3 * H, 0, "", "" },
	     { "resolved", 4 * H, 0, "state=resolved_unconfirmed", "met reopen/resolve/2 at 14400" },
	     { "reopened", 5 * H, 0, "state=in_progress", "started reopen/resolve/3 18000-46800" },
	     { "reopened", 6 * H, 0, "state=in_progress",
	       "cancelled reopen/resolve/3 reopened; started reopen/resolve/4 21600-50400" },
	     { "resolved", 7 * H, 0, "state=resolved_unconfirmed", "met reopen/resolve/4 at 25200" },
	     { "confirmed", 8 * H, 0, "state=confirmed", "met reopen/accept/1 at 28800" },
	     { "closed", 9 * H, 0, "state=closed", "" },
	     { "reopened", 10 * H, 0, "state=in_progress", "started reopen/resolve/5 36000-64800" });
	/* The younger clock of a name stays when an older one comes into question. */
	PLAY(&renewed, NULL,
	     { "registered", 0, 0, "", "" },
	     { "reopened", 1 * H, 0, "state=in_progress", "started renewed/resolve/1 3600-32400" },
	     { "classified", 2 * H, 0, "severity=urgent", "" },
	     { "resolved", 3 * H, 0, "", "met renewed/resolve/1 at 10800" });
	PLAY(&renewed, NULL,
	     { "registered", 0, 0, "severity=urgent", "started renewed/resolve/1 0-172800" },
	     { "reopened", 1 * H, 0, "state=in_progress",
	       "cancelled renewed/resolve/1 reopened; started renewed/resolve/2 3600-32400" });
	/* What closing ended does not come back. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "closed", 60, 0, "state=closed", "cancelled graded/response/1 closed" },
	     { "reopened", 120, 0, "state=in_progress", "" },
	     { "classified", 180, 0, "severity=general", "" },
	     { "replied", 240, 0, "", "" });
}

static void test_reassigned(void **state)
{
	(void)state;
	PLAY(&contact, NULL,
	     { "registered", 0, 0, "severity=urgent", "" },
	     { "assigned", 1 * H, 0, "to=E1 state=assigned", "started contact/contact/1 3600-90000" },
	     { "assigned", 2 * H, 0, "to=E1", "" },
	     { "contacted", 3 * H, 0, "", "" },
	     { "assigned", 4 * H, 0, "to=E2", "cancelled contact/contact/1 reassigned; started contact/contact/2 14400-100800" },
	     { "scheduled", 5 * H, 0, "", "" },
	     { "contacted", 3 * H, 6 * H, "", "" },
	     { "contacted", 6 * H, 0, "", "met contact/contact/2 at 21600" },
	     { "assigned", 7 * H, 0, "to=E1", "started contact/contact/3 25200-111600" },
	     { "assigned", 40 * H, 0, "to=E2",
	       "breached contact/contact/3 due 111600 at 144000; cancelled contact/contact/3 reassigned; started contact/contact/4 144000-230400" });
	/* Reassigned before anybody knew that it matters. */
	PLAY(&contact, NULL,
	     { "registered", 0, 0, "", "" },
	     { "assigned", 1 * H, 0, "to=E1", "" },
	     { "assigned", 2 * H, 0, "to=E2", "" },
	     { "classified", 3 * H, 0, "severity=urgent", "started contact/contact/1 7200-93600" });
}

static void test_warnings(void **state)
{
	(void)state;
	PLAY(&warned, NULL,
	     { "registered", 0, 0, "", "started warn/reply/1 0-7200" },
	     { "!warn0 reply/1", 5759, 0, "", "" },
	     { "!warn0 reply/1", 5760, 0, "", "warned warn/reply/1 80%" },
	     { "!warn0 reply/1", 5761, 0, "", "" },
	     { "!warn1 reply/1", 6600, 0, "", "warned warn/reply/1 92%" },
	     { "!breach reply/1", 7201, 0, "", "breached warn/reply/1 due 7200 at 7201" });
	PLAY(&warned, NULL,
	     { "registered", 0, 0, "", "started warn/reply/1 0-7200" },
	     { "!warn0 reply/1", 7201, 0, "", "" },
	     { "replied", 100, 7201, "", "met warn/reply/1 at 100" },
	     { "!warn1 reply/1", 7202, 0, "", "" });
}

static void test_promise(void **state)
{
	(void)state;
	/* T0 is 2025-11-24T16:00:00Z. */
	PLAY(&promise, NULL,
	     { "registered", 0, 0, "", "" },
	     { "promised", 60, 0, "", "" },
	     { "promised", 120, 0, "until=2025-11-24T18:00:00Z", "started promise/promise/1 120-7200" },
	     { "promised", 1 * H, 0, "until=2025-11-25T02:00:00+08:00", "" },
	     { "promised", 1 * H, 0, "until=2025-11-24T19:00:00Z", "rescheduled promise/promise/1 due 10800 promised" },
	     { "promised", 1 * H, 0, "", "" },
	     { "resolved", 10800, 0, "", "met promise/promise/1 at 10800" });
	PLAY(&promise, NULL,
	     { "registered", 0, 0, "", "" },
	     { "promised", 60, 0, "until=2025-11-25", "started promise/promise/1 60-86399.999999" },
	     { "resolved", 86400, 0, "",
	       "breached promise/promise/1 due 86399.999999 at 86400; met promise/promise/1 at 86400 late 0.000001" });
}

static void test_pause(void **state)
{
	(void)state;
	PLAY(&paused, NULL,
	     { "registered", 0, 0, "", "started pause/resolve/1 0-14400" },
	     { "waiting", 1 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
	     { "!breach resolve/1", 5 * H, 0, "", "" },
	     { "messaged", 5 * H, 0, "", "" },
	     { "resumed", 6 * H, 0, "state=in_progress", "resumed pause/resolve/1 due 32400" },
	     { "waiting", 7 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
	     { "resolved", 8 * H, 0, "state=resolved_unconfirmed", "met pause/resolve/1 at 28800" });
	PLAY(&paused, NULL,
	     { "registered", 0, 0, "", "started pause/resolve/1 0-14400" },
	     { "waiting", 4 * H + TICK, 0, "state=waiting_customer", "breached pause/resolve/1 due 14400 at 14400.000001" },
	     { "resumed", 6 * H, 0, "state=in_progress", "" },
	     { "resolved", 7 * H, 0, "state=resolved_unconfirmed", "met pause/resolve/1 at 25200 late 10800" });
	PLAY(&paused, NULL,
	     { "registered", 0, 0, "", "started pause/resolve/1 0-14400" },
	     { "waiting", 1 * H, 0, "state=waiting_customer", "paused pause/resolve/1 waiting_customer" },
	     { "cancelled", 9 * H, 0, "state=cancelled", "cancelled pause/resolve/1 cancelled" });
}

static void test_months_clamp(void **state)
{
	(void)state;
	/* 2025-11-25 in Shanghai; a month later is 30 days here. */
	PLAY(&month, NULL, { "registered", 0, 0, "", "started month/report/1 0-2592000" });
}

static void test_timer_times(void **state)
{
	struct scene scene;
	const struct step begin = { "registered", 0, 0, "", "" };
	const struct sla_clock *clock;

	(void)state;
	scene_begin(&scene, &warned, NULL);
	do_fact(&scene, &begin);
	clock = &scene.c.clocks[0];
	assert_true(str_is(clock->id, "AC-1/warn/reply/1"));
	assert_int_equal(sla_timer_due(&scene.c, clock, -1), T0 + 2 * HOUR + 1);
	assert_int_equal(sla_timer_due(&scene.c, clock, 0), T0 + 96 * MINUTE);
	assert_int_equal(sla_timer_due(&scene.c, clock, 1), T0 + 110 * MINUTE);
	assert_int_equal(sla_timer_due(&scene.c, clock, 2), INSTANT_NONE);
	sla_fire(&scene.c, 0, -1, T0 + 2 * HOUR);
	assert_true(clock->retime);
	sla_fire(&scene.c, 0, -1, T0 + 2 * HOUR + 1);
	assert_int_equal(sla_timer_due(&scene.c, clock, -1), INSTANT_NONE);
	arena_done(&scene.arena);
}

static void test_memory_text(void **state)
{
	struct scene scene;
	const struct step steps[] = {
		{ "registered", 0, 0, "", "" }, { "replied", 5, 0, "", "" }, { "replied", 6, 0, "", "" },
		{ "replied", 7, 0, "", "" },    { "replied", 8, 0, "", "" }, { "replied", 9, 0, "", "" },
	};
	const struct step promised = { "promised", 5, 0, "until=2025-11-24T18:00:00Z", "" };

	(void)state;
	scene_begin(&scene, &graded, NULL);
	for (size_t i = 0; i < array_count(steps); i++)
		do_fact(&scene, &steps[i]);
	/* The first and the latest three; registration is known anyway. */
	assert_true(str_is(sla_memory_text(&scene.c),
			   "0.1=1764000005000000:2 0.1=1764000007000000:4 0.1=1764000008000000:5 0.1=1764000009000000:6"));
	arena_done(&scene.arena);
	scene_begin(&scene, &promise, NULL);
	do_fact(&scene, &promised);
	assert_true(str_is(sla_memory_text(&scene.c), "0.0=1764000005000000:1:1764007200000000"));
	sla_memory_read(&scene.c, STR("0.0=5:6 nonsense ticket.worked=2 0.1=7:8:9"));
	assert_int_equal(scene.c.happened_count, 2);
	assert_int_equal(scene.c.happened[1].value, 9);
	sla_memory_read(&scene.c, STR_NONE);
	assert_null(sla_memory_text(&scene.c).p);
	/* Equal stops of three rules are remembered once. */
	assert_int_equal(sla_plan(&graded, NULL, &scene.arena)->leaves[3].same, 1);
	assert_int_equal(sla_plan(&graded, NULL, &scene.arena)->leaves[5].same, 1);
	arena_done(&scene.arena);
}

/* C008: what counts is judged when it stops, however long it took; what nobody has counted, or done, is breached. */
static void test_counted(void **state)
{
	(void)state;
	PLAY(&rings, NULL, { "registered", 0, 0, "", "started rings/rings/1 0-never" }, { "!now", 1e6, 0, "", "" },
	     { "answered", 1e6, 0, "rings=3", "met rings/rings/1 at 1000000" });
	PLAY(&rings, NULL, { "registered", 0, 0, "", "started rings/rings/1 0-never" },
	     { "answered", 5, 6, "rings=4", "breached rings/rings/1 due 4.999999 at 6; met rings/rings/1 at 5 late 0.000001" },
	     { "answered", 7, 0, "rings=1", "" });
	PLAY(&rings, NULL, { "registered", 0, 0, "", "started rings/rings/1 0-never" },
	     { "answered", 5, 6, "", "breached rings/rings/1 due 4.999999 at 6; met rings/rings/1 at 5 late 0.000001" });
	PLAY(&rings, NULL, { "registered", 0, 0, "", "started rings/rings/1 0-never" },
	     { "missed", 5, 6, "rings=2", "breached rings/rings/1 due 4.999999 at 6; cancelled rings/rings/1 missed" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_with_the_ticket),
		cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_reassigned),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_promise),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_months_clamp),
		cmocka_unit_test(test_timer_times),
		cmocka_unit_test(test_memory_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
