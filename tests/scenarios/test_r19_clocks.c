/* R19's graded response (2 h, 24 h, 48 h) and the rules of every clock: C011, C075, C076, C077, C098, C100, D01, D02, D04, D05.
 *
 * Claims with a `time` in the past stand for the hours that nobody waits for. A staff claim may reach back 15 minutes, so
 * what must have happened at T0 + 2 h has a T0 of 2 h 5 min ago. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

#define REPLY "{'text': 'we are looking into it', 'automatic': false}"

/* The answer to a clock: met in time, be it that a breach which was told too early is corrected. */
static const struct record *in_time(struct desk *desk, const char *ticket)
{
	return desk_expect_either(desk, ticket, "sla.met", "sla.corrected");
}

static const struct sent *reply(struct desk *desk, const char *ticket, instant at)
{
	return scene_send(desk, ticket, "staff.replied", scene_cast(desk)->engineer, at, REPLY);
}

static void scenario_C075_urgent_fault_response_at_exactly_two_hours_is_met(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 2 * HOUR - 5 * MINUTE;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *started = desk_expect(desk, ticket, "sla.started"), *end;

	scene_text_is(desk, started, "clock", "response");
	scene_text_is(desk, started, "limit", "PT2H");
	scene_time_is(desk, started, "started_at", t0);
	scene_time_is(desk, started, "due_at", t0 + 2 * HOUR);
	reply(desk, ticket, t0 + 2 * HOUR);
	end = in_time(desk, ticket);
	scene_time_is(desk, end, "met_at", t0 + 2 * HOUR);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.corrected", desk_count(desk, ticket, "sla.breached"));
}

static void scenario_C075_urgent_fault_response_one_tick_later_is_breached(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 2 * HOUR - 5 * MINUTE;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *breached, *met;

	reply(desk, ticket, t0 + 2 * HOUR + 1);
	breached = desk_expect(desk, ticket, "sla.breached");
	scene_text_is(desk, breached, "clock", "response");
	scene_time_is(desk, breached, "due_at", t0 + 2 * HOUR);
	met = desk_expect(desk, ticket, "sla.met");
	scene_time_is(desk, met, "met_at", t0 + 2 * HOUR + 1);
	assert_true(record_number(met, "late_s") > 0 && record_number(met, "late_s") < 0.01);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.corrected", 0);
}

static void scenario_C075_reply_before_the_limit_is_met_without_a_breach(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 90 * MINUTE, at = t0 + 80 * MINUTE;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *met;

	reply(desk, ticket, at);
	met = desk_expect(desk, ticket, "sla.met");
	scene_time_is(desk, met, "met_at", at);
	scene_time_is(desk, met, "due_at", t0 + 2 * HOUR);
	assert_true(record_number(met, "open_s") > 80 * 60 - 0.01 && record_number(met, "open_s") < 80 * 60 + 0.01);
	assert_null(record_get(met, "late_s"));
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 0);
}

static void scenario_C076_general_fault_is_due_after_24_hours_and_not_breached_before(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 23 * HOUR, old = desk_now() - 25 * HOUR;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'general'}");
	const char *late = scene_assigned(desk, old, "{'severity': 'general'}");

	scene_time_is(desk, desk_expect(desk, ticket, "sla.started"), "due_at", t0 + 24 * HOUR);
	scene_time_is(desk, desk_expect(desk, late, "sla.breached"), "due_at", old + 24 * HOUR);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 0);
}

static void scenario_C076_D04_regrading_to_urgent_counts_from_T0(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *ticket = scene_assigned(desk, t0, NULL);
	const struct record *started = desk_expect(desk, ticket, "sla.started"), *moved;

	scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, t0 + HOUR, "{'severity': 'urgent'}");
	moved = desk_expect(desk, ticket, "sla.rescheduled");
	scene_text_is(desk, moved, "clock_id", record_text(started, "clock_id"));
	scene_text_is(desk, moved, "why", "reclassified");
	scene_time_is(desk, moved, "was", t0 + 24 * HOUR);
	scene_time_is(desk, moved, "due_at", t0 + 2 * HOUR);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 0);
	scene_count_is(desk, ticket, "sla.started", 1);
}

static void scenario_D04_regrading_past_the_new_limit_breaches_at_once(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 3 * HOUR;
	const char *ticket = scene_assigned(desk, t0, NULL);

	desk_expect(desk, ticket, "sla.started");
	scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, 0, "{'severity': 'urgent'}");
	scene_time_is(desk, desk_expect(desk, ticket, "sla.breached"), "due_at", t0 + 2 * HOUR);
}

static void scenario_D04_a_clock_without_severity_starts_when_it_is_known_with_T0(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *ticket = scene_ticket(desk, t0, "{'severity': null}");
	const struct record *started;

	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.verified", 0);
	scene_count_is(desk, ticket, "sla.started", 0);
	scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, 0, "{'severity': 'urgent'}");
	started = desk_expect(desk, ticket, "sla.started");
	scene_time_is(desk, started, "started_at", t0);
	scene_time_is(desk, started, "due_at", t0 + 2 * HOUR);
}

static void scenario_C077_consultation_has_48_hours_for_the_response_not_for_the_solution(void **state)
{
	struct desk *desk = *state;
	instant old = desk_now() - 49 * HOUR, t0 = desk_now() - 47 * HOUR;
	const char *late = scene_assigned(desk, old, "{'kind': 'consultation', 'severity': null}");
	const char *ticket = scene_assigned(desk, t0, "{'kind': 'consultation', 'severity': null}");
	const struct record *breached = desk_expect(desk, late, "sla.breached");

	scene_text_is(desk, breached, "clock", "response");
	scene_time_is(desk, breached, "due_at", old + 48 * HOUR);
	scene_text_is(desk, desk_expect(desk, ticket, "sla.started"), "limit", "PT48H");
	scene_do(desk, ticket, "staff.resolved", scene_cast(desk)->engineer, 0, "{'solution': 'told how'}");
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.met", 0);
	reply(desk, ticket, 0);
	desk_expect(desk, ticket, "sla.met");
}

static void scenario_C098_a_breach_never_ends_the_case_and_comes_once(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, desk_now() - 3 * HOUR, "{'severity': 'urgent'}");

	desk_expect(desk, ticket, "sla.breached");
	assert_string_equal(scene_state(desk, ticket), "assigned");
	scene_do(desk, ticket, "staff.contacted", cast->engineer, 0, NULL);
	scene_do(desk, ticket, "staff.started", cast->engineer, 0, NULL);
	scene_do(desk, ticket, "staff.annotated", cast->engineer, 0, "{'note': 'the part has been ordered'}");
	desk_settle(desk);
	assert_string_equal(scene_state(desk, ticket), "in_progress");
	scene_count_is(desk, ticket, "sla.breached", 1);
	scene_count_is(desk, ticket, "ticket.closed", 0);
	scene_do(desk, ticket, "staff.resolved", cast->engineer, 0, "{'solution': 'part changed'}");
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
	scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
	desk_expect(desk, ticket, "sla.cancelled");
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 1);
}

static bool is_past(struct desk *desk, void *userdata)
{
	(void)desk;
	return desk_now() > *(const instant *)userdata;
}

static void scenario_C100_a_deadline_while_the_watchdog_is_stopped_is_breached_once_with_its_true_time(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 2 * HOUR + 4 * SECOND, due = t0 + 2 * HOUR, past = due + 200 * MILLISECOND, again;
	const struct record *breached;
	const char *ticket;

	scene_needs_stack(desk);
	ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	desk_expect(desk, ticket, "sla.started");
	assert_true(stack_do(desk_stack(desk), "stop", "sla"));
	if (desk_now() >= due)
		desk_fail(desk, ticket, "the stop took too long for this test to say anything");
	assert_true(desk_until(desk, is_past, &past));
	scene_count_is(desk, ticket, "sla.breached", 0);
	again = desk_now();
	assert_true(stack_do(desk_stack(desk), "start", "sla"));
	breached = desk_expect(desk, ticket, "sla.breached");
	scene_time_is(desk, breached, "due_at", due);
	assert_true(record_time(breached, "detected_at") >= again);
	assert_true((instant)record_number(breached, "lag_ms") >= (again - due) / MILLISECOND - 1);
	assert_true(stack_do(desk_stack(desk), "restart", "sla"));
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 1);
}

static void scenario_C011_limits_run_from_the_channels_time(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *ticket = scene_ticket(desk, t0, "{'severity': 'urgent'}");
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

	scene_time_is(desk, registered, "received_at", t0);
	scene_time_is(desk, registered, "at", t0);
	assert_true(record_time(registered, "decided_at") >= t0 + HOUR);
	scene_time_is(desk, desk_expect(desk, ticket, "sla.started"), "due_at", t0 + 2 * HOUR);
}

static void scenario_D02_an_automatic_reply_is_no_response(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, desk_now() - HOUR, NULL);

	scene_do(desk, ticket, "staff.replied", scene_cast(desk)->engineer, 0, "{'text': 'we have your mail', 'automatic': true}");
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.met", 0);
	reply(desk, ticket, 0);
	desk_expect(desk, ticket, "sla.met");
}

static void scenario_D05_waiting_does_not_stop_a_clock(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *engineer = scene_cast(desk)->engineer, *ticket = scene_assigned(desk, t0, NULL);
	const struct record *met;

	scene_do(desk, ticket, "staff.waiting", engineer, 0, "{'on': 'customer', 'reason': 'information'}");
	scene_do(desk, ticket, "staff.resumed", engineer, 0, "{'on': 'customer'}");
	reply(desk, ticket, 0);
	met = desk_expect(desk, ticket, "sla.met");
	scene_time_is(desk, met, "due_at", t0 + 24 * HOUR);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.paused", 0);
}

static void scenario_late_claim_corrects_a_breach(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 2 * HOUR - 10 * MINUTE, at = t0 + 2 * HOUR - MINUTE;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *breached = desk_expect(desk, ticket, "sla.breached"), *corrected;

	reply(desk, ticket, at);
	corrected = desk_expect(desk, ticket, "sla.corrected");
	scene_text_is(desk, corrected, "clock_id", record_text(breached, "clock_id"));
	scene_text_is(desk, corrected, "was", "breached");
	scene_text_is(desk, corrected, "now", "met");
	scene_time_is(desk, corrected, "met_at", at);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.met", 0);
}

static void scenario_backdating_beyond_the_policys_limit_counts_as_arrived(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 3 * HOUR, at = t0 + HOUR;
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *replied, *met;
	double back;

	replied = desk_expect_of(desk, ticket, "ticket.replied", reply(desk, ticket, at));
	back = record_number(replied, "backdated_s");
	assert_true(back > 2 * 3600 - 60 && back < 2 * 3600 + 60);
	assert_true(record_time(replied, "at") >= t0 + 3 * HOUR);
	met = desk_expect(desk, ticket, "sla.met");
	assert_true(record_time(met, "met_at") >= t0 + 3 * HOUR);
	assert_true(record_number(met, "late_s") >= 3600);
	replied = scene_do(desk, ticket, "staff.replied", scene_cast(desk)->engineer, desk_now() - 14 * MINUTE, REPLY);
	assert_null(record_get(replied, "backdated_s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C075_urgent_fault_response_at_exactly_two_hours_is_met),
		SCENARIO(scenario_C075_urgent_fault_response_one_tick_later_is_breached),
		SCENARIO(scenario_C075_reply_before_the_limit_is_met_without_a_breach),
		SCENARIO(scenario_C076_general_fault_is_due_after_24_hours_and_not_breached_before),
		SCENARIO(scenario_C076_D04_regrading_to_urgent_counts_from_T0),
		SCENARIO(scenario_D04_regrading_past_the_new_limit_breaches_at_once),
		SCENARIO(scenario_D04_a_clock_without_severity_starts_when_it_is_known_with_T0),
		SCENARIO(scenario_C077_consultation_has_48_hours_for_the_response_not_for_the_solution),
		SCENARIO(scenario_C098_a_breach_never_ends_the_case_and_comes_once),
		SCENARIO(scenario_C100_a_deadline_while_the_watchdog_is_stopped_is_breached_once_with_its_true_time),
		SCENARIO(scenario_C011_limits_run_from_the_channels_time),
		SCENARIO(scenario_D02_an_automatic_reply_is_no_response),
		SCENARIO(scenario_D05_waiting_does_not_stop_a_clock),
		SCENARIO(scenario_late_claim_corrects_a_breach),
		SCENARIO(scenario_backdating_beyond_the_policys_limit_counts_as_arrived),
	};

	return cmocka_run_group_tests_name("test_r19_clocks", tests, scene_open, scene_close);
}
