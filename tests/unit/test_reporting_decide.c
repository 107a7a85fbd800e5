/* Reporting's decisions: what a fact makes of a snapshot, where it is counted, what levels and percentiles come to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/reporting/reporting.h"

#define T0 (INT64_C(1767600000) * SECOND)      /* 2026-01-05T08:00:00Z */

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct reporting_tally tally_new(void)
{
	return (struct reporting_tally){ .arena = &arena, .window = MINUTE, .counted_from = T0, .open_from = T0, .now = T0 + HOUR };
}

static struct reporting_ticket ticket_new(void)
{
	return (struct reporting_ticket){
		.id = STR("AC-1"), .received_at = INSTANT_NONE, .updated_at = INSTANT_NONE, .assigned_at = INSTANT_NONE,
		.replied_at = INSTANT_NONE, .contacted_at = INSTANT_NONE, .arrived_at = INSTANT_NONE, .resolved_at = INSTANT_NONE,
		.confirmed_at = INSTANT_NONE, .closed_at = INSTANT_NONE, .waiting_since = INSTANT_NONE,
	};
}

static struct reporting_fact fact_of(const char *name, instant at, enum state state)
{
	return (struct reporting_fact){ .type = reporting_fact_type(str_of(name)), .at = at, .decided_at = at, .state = state,
					.due_at = INSTANT_NONE, .started_at = INSTANT_NONE, .met_at = INSTANT_NONE };
}

static struct reporting_fact clock_fact(const char *name, instant at, const char *clock, int32_t number)
{
	struct reporting_fact fact = fact_of(name, at, STATE_NONE);

	fact.clock = str_of(clock);
	fact.policy = STR("p");
	fact.number = number;
	return fact;
}

/* Of a counter, over all windows; with this label only unless it is NULL. */
static int64_t counted(const struct reporting_tally *tally, enum reporting_counter counter, const char *label)
{
	int64_t total = 0;

	for (size_t i = 0; i < tally->sum_count; i++)
		if (tally->sums[i].counter == counter && (!label || str_is(tally->sums[i].label, label)))
			total += tally->sums[i].value;
	return total;
}

static void lay(struct reporting_ticket *ticket, struct reporting_tally *tally, struct reporting_fact fact)
{
	reporting_lay(ticket, &fact, tally);
}

static struct reporting_ticket registered(struct reporting_tally *tally)
{
	struct reporting_ticket ticket = ticket_new();
	struct reporting_fact fact = fact_of("ticket.registered", T0, STATE_RECEIVED);

	fact.channel = STR("phone");
	fact.severity = STR("urgent");
	fact.revision = 1;
	lay(&ticket, tally, fact);
	return ticket;
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(reporting_fact_type(STR("ticket.closed")), FACT_CLOSED);
	assert_int_equal(reporting_fact_type(STR("ticket.worked")), FACT_OTHER);
	assert_int_equal(reporting_fact_type(STR("staff.worked")), FACT_NONE);
	for (int i = 0; i < COUNT_MAX; i++)
		assert_int_equal(reporting_counter_of(str_of(reporting_counter_name((enum reporting_counter)i))), i);
	assert_int_equal(reporting_counter_of(STR("of_yore")), COUNT_MAX);
}

static void a_life(void **state)
{
	struct reporting_tally tally = tally_new();
	struct reporting_ticket ticket = registered(&tally);
	struct reporting_fact fact = fact_of("ticket.assigned", T0 + MINUTE, STATE_ASSIGNED);

	(void)state;
	fact.owner = STR("E1");
	fact.revision = 3;
	lay(&ticket, &tally, fact);
	fact = fact_of("ticket.replied", T0 + 2 * MINUTE, STATE_ASSIGNED);
	fact.automatic = true;
	lay(&ticket, &tally, fact);
	assert_true(ticket.replied_at == INSTANT_NONE);
	fact.automatic = false;
	fact.at = fact.decided_at = T0 + 3 * MINUTE;
	lay(&ticket, &tally, fact);
	fact.at = fact.decided_at = T0 + 4 * MINUTE;
	lay(&ticket, &tally, fact);
	assert_int_equal(ticket.replied_at, T0 + 3 * MINUTE);
	assert_int_equal(ticket.revision, 3);
	assert_int_equal(counted(&tally, COUNT_REPLIED, NULL), 2);
	assert_int_equal(counted(&tally, COUNT_TO_REPLY, "sum"), 180000);
	assert_int_equal(counted(&tally, COUNT_TO_ASSIGN, "sum"), 60000);
	lay(&ticket, &tally, fact_of("ticket.resolved", T0 + 5 * MINUTE, STATE_RESOLVED_UNCONFIRMED));
	lay(&ticket, &tally, fact_of("ticket.confirmed", T0 + 6 * MINUTE, STATE_CONFIRMED));
	lay(&ticket, &tally, fact_of("ticket.closed", T0 + 7 * MINUTE, STATE_CLOSED));
	assert_int_equal(counted(&tally, COUNT_OPEN_STATE, NULL), 0);
	assert_int_equal(counted(&tally, COUNT_OPEN_SEVERITY, NULL), 0);
	assert_int_equal(ticket.closed_at, T0 + 7 * MINUTE);
	lay(&ticket, &tally, fact_of("ticket.reopened", T0 + 8 * MINUTE, STATE_IN_PROGRESS));
	assert_int_equal(ticket.reopened, 1);
	assert_true(ticket.closed_at == INSTANT_NONE && ticket.resolved_at == INSTANT_NONE && ticket.confirmed_at == INSTANT_NONE);
	assert_int_equal(counted(&tally, COUNT_OPEN_STATE, "in_progress"), 1);
	assert_int_equal(counted(&tally, COUNT_OPEN_SEVERITY, "urgent"), 1);
	/* The time to resolve is that of the first time. */
	lay(&ticket, &tally, fact_of("ticket.resolved", T0 + 50 * MINUTE, STATE_RESOLVED_UNCONFIRMED));
	assert_int_equal(counted(&tally, COUNT_TO_RESOLVE, "sum"), 300000);
	assert_int_equal(counted(&tally, COUNT_RESOLVED, NULL), 2);
	lay(&ticket, &tally, fact_of("ticket.cancelled", T0 + 51 * MINUTE, STATE_CANCELLED));
	assert_int_equal(counted(&tally, COUNT_CANCELLED, NULL), 1);
}

static void waiting(void **state)
{
	struct reporting_tally tally = tally_new();
	struct reporting_ticket ticket = registered(&tally);
	struct reporting_fact fact = fact_of("ticket.waiting", T0 + MINUTE, STATE_WAITING_CUSTOMER);

	(void)state;
	fact.reason = STR("parts");
	lay(&ticket, &tally, fact);
	assert_true(str_is(ticket.waiting_reason, "parts"));
	/* Something said meanwhile is no end of the waiting; what leads out of it is, whatever it is called. */
	lay(&ticket, &tally, fact_of("ticket.messaged", T0 + 2 * MINUTE, STATE_WAITING_CUSTOMER));
	assert_int_equal(ticket.waiting_since, T0 + MINUTE);
	lay(&ticket, &tally, fact_of("ticket.plan_accepted", T0 + 4 * MINUTE, STATE_IN_PROGRESS));
	assert_true(ticket.waiting_since == INSTANT_NONE && !ticket.waiting_reason.p);
	assert_int_equal(ticket.waited_us, 3 * MINUTE);
	lay(&ticket, &tally, fact_of("ticket.waiting", T0 + 5 * MINUTE, STATE_WAITING_CUSTOMER));
	lay(&ticket, &tally, fact_of("ticket.cannot_answer", T0 + 6 * MINUTE, STATE_WAITING_INTERNAL));
	lay(&ticket, &tally, fact_of("ticket.resumed", T0 + 8 * MINUTE, STATE_ASSIGNED));
	assert_int_equal(ticket.waited_us, 6 * MINUTE);
}

static void clocks(void **state)
{
	struct reporting_tally tally = tally_new();
	struct reporting_ticket ticket = registered(&tally);
	struct reporting_fact fact = clock_fact("sla.started", T0, "response", 1);

	(void)state;
	fact.started_at = T0;
	fact.due_at = T0 + 2 * HOUR;
	lay(&ticket, &tally, fact);
	assert_int_equal(reporting_next_due(&ticket), T0 + 2 * HOUR);
	assert_int_equal(counted(&tally, COUNT_RUNNING, "response"), 1);
	fact.clock = STR("resolve");
	fact.due_at = T0 + 24 * HOUR;
	lay(&ticket, &tally, fact);
	fact = clock_fact("sla.rescheduled", T0 + MINUTE, "response", 1);
	fact.due_at = T0 + HOUR;
	lay(&ticket, &tally, fact);
	assert_int_equal(reporting_next_due(&ticket), T0 + HOUR);
	reporting_tally_settle(&tally);
	assert_int_equal(tally.due_count, 2);
	assert_int_equal(tally.dues[0].at, T0 + HOUR);
	fact = clock_fact("sla.breached", T0 + HOUR, "response", 1);
	fact.due_at = T0 + HOUR;
	lay(&ticket, &tally, fact);
	assert_true(reporting_is_overdue(&ticket));
	assert_int_equal(counted(&tally, COUNT_OVERDUE, NULL), 1);
	assert_int_equal(counted(&tally, COUNT_RUNNING, NULL), 1);
	assert_int_equal(reporting_next_due(&ticket), T0 + 24 * HOUR);
	/* Met late: its verdict is the lateness. */
	fact = clock_fact("sla.met", T0 + 2 * HOUR, "response", 1);
	fact.met_at = T0 + 2 * HOUR;
	lay(&ticket, &tally, fact);
	assert_false(reporting_is_overdue(&ticket));
	assert_int_equal(counted(&tally, COUNT_OVERDUE, NULL), 0);
	assert_int_equal(counted(&tally, COUNT_LATE, "response"), 1);
	assert_int_equal(counted(&tally, COUNT_IN_TIME, NULL), 0);
	assert_int_equal(ticket.clocks[0].state, CLOCK_LATE);
	/* One that ends with its ticket counts only when it was breached. */
	lay(&ticket, &tally, clock_fact("sla.cancelled", T0 + 3 * HOUR, "resolve", 1));
	assert_int_equal(counted(&tally, COUNT_LATE, NULL), 1);
	assert_int_equal(counted(&tally, COUNT_RUNNING, NULL), 0);
	reporting_tally_settle(&tally);
	assert_int_equal(tally.due_count, 0);
}

static void corrections(void **state)
{
	struct reporting_tally tally = tally_new();
	struct reporting_ticket ticket = registered(&tally);
	struct reporting_fact fact = clock_fact("sla.started", T0, "response", 1);

	(void)state;
	fact.started_at = T0;
	fact.due_at = T0 + HOUR;
	lay(&ticket, &tally, fact);
	lay(&ticket, &tally, clock_fact("sla.breached", T0 + HOUR, "response", 1));
	fact = clock_fact("sla.corrected", T0 + 2 * HOUR, "response", 1);
	fact.met_at = T0 + 30 * MINUTE;
	lay(&ticket, &tally, fact);
	assert_int_equal(counted(&tally, COUNT_IN_TIME, "response"), 1);
	assert_int_equal(counted(&tally, COUNT_LATE, NULL), 0);
	assert_int_equal(counted(&tally, COUNT_OVERDUE, NULL), 0);
	assert_int_equal(ticket.clocks[0].ended_at, T0 + 30 * MINUTE);
	/* Breached and ended with the ticket: late. */
	fact = clock_fact("sla.started", T0, "resolve", 1);
	fact.started_at = T0;
	fact.due_at = T0 + HOUR;
	lay(&ticket, &tally, fact);
	lay(&ticket, &tally, clock_fact("sla.breached", T0 + HOUR, "resolve", 1));
	lay(&ticket, &tally, clock_fact("sla.cancelled", T0 + HOUR, "resolve", 1));
	assert_int_equal(counted(&tally, COUNT_LATE, "resolve"), 1);
}

static void many_clocks(void **state)
{
	struct reporting_tally tally = tally_new();
	struct reporting_ticket ticket = registered(&tally), again;
	struct str packed;

	(void)state;
	for (int32_t n = 1; n <= REPORTING_CLOCKS_MAX + 5; n++) {
		struct reporting_fact fact = clock_fact("sla.started", T0, "contact", n);

		fact.started_at = T0;
		fact.due_at = T0 + n * MINUTE;
		lay(&ticket, &tally, fact);
		if (n == 2)
			lay(&ticket, &tally, clock_fact("sla.paused", T0, "contact", n));
		if (n == 7)
			lay(&ticket, &tally, clock_fact("sla.cancelled", T0 + SECOND, "contact", n));
	}
	assert_int_equal(ticket.clock_count, REPORTING_CLOCKS_MAX);
	/* The one that had ended went first, then the first ones; what is gone does not run. */
	assert_int_equal(ticket.clocks[0].number, 5);
	assert_int_equal(counted(&tally, COUNT_RUNNING, NULL), REPORTING_CLOCKS_MAX);
	packed = reporting_clocks_pack(&ticket, &arena);
	again = ticket_new();
	reporting_clocks_unpack(&again, packed, &arena);
	assert_int_equal(again.clock_count, ticket.clock_count);
	assert_true(str_eq(reporting_clocks_pack(&again, &arena), packed));
	assert_int_equal(again.clocks[3].due_at, ticket.clocks[3].due_at);
	assert_true(again.clocks[3].ended_at == INSTANT_NONE && str_is(again.clocks[3].name, "contact"));
}

static void windows(void **state)
{
	struct reporting_tally tally = tally_new();

	(void)state;
	assert_int_equal(reporting_window_of(T0 + 59 * SECOND, MINUTE), T0);
	assert_int_equal(reporting_window_of(-1, MINUTE), -MINUTE);
	tally.open_from = T0 + 10 * MINUTE;
	tally.now = T0 + 12 * MINUTE + SECOND;
	/* In its window; late: in the first open one; ahead of our clock: in that of now. */
	reporting_count(&tally, COUNT_CLOSED, STR(""), T0 + 11 * MINUTE + SECOND, 1);
	reporting_count(&tally, COUNT_CLOSED, STR(""), T0 + 3 * MINUTE, 1);
	reporting_count(&tally, COUNT_CLOSED, STR(""), T0 + 30 * MINUTE, 1);
	/* From before counting began: no window is its, but a level is of it too. */
	reporting_count(&tally, COUNT_CLOSED, STR(""), T0 - DAY, 1);
	reporting_count(&tally, COUNT_OPEN_STATE, STR("closed"), T0 - DAY, 1);
	/* What comes to nothing is not written. */
	reporting_count(&tally, COUNT_OVERDUE, STR(""), T0 + 11 * MINUTE, 1);
	reporting_count(&tally, COUNT_OVERDUE, STR(""), T0 + 11 * MINUTE, -1);
	reporting_tally_settle(&tally);
	assert_int_equal(tally.sum_count, 4);
	assert_int_equal(tally.sums[0].at, T0 + 10 * MINUTE);
	assert_int_equal(tally.sums[0].counter, COUNT_CLOSED);
	assert_int_equal(tally.sums[1].counter, COUNT_OPEN_STATE);
	assert_int_equal(tally.sums[2].at, T0 + 11 * MINUTE);
	assert_int_equal(tally.sums[3].at, T0 + 12 * MINUTE);
}

static void buckets(void **state)
{
	int64_t counts[REPORTING_BUCKETS] = { 0 };
	int last = 0;

	(void)state;
	assert_true(isnan(reporting_percentile(counts, 50)));
	for (int64_t us = 0; us < 400 * DAY; us = us * 101 / 100 + 7 * MILLISECOND) {
		int bucket = reporting_bucket(us);
		double seconds = (double)us / SECOND, error = fabs(reporting_bucket_middle(bucket) - seconds);

		assert_true(bucket >= last && bucket < REPORTING_BUCKETS);
		assert_true(error <= 0.0501 || error <= 0.032 * seconds);
		last = bucket;
	}
	assert_true(reporting_bucket(INT64_MAX / 2) < REPORTING_BUCKETS);
	for (int i = 1; i <= 100; i++)
		counts[reporting_bucket(i * HOUR)]++;
	assert_true(fabs(reporting_percentile(counts, 50) / 3600 - 50) <= 50 * 0.032);
	assert_true(fabs(reporting_percentile(counts, 99) / 3600 - 99) <= 99 * 0.032);
	assert_true(fabs(reporting_percentile(counts, 100) / 3600 - 100) <= 100 * 0.032);
	assert_true(fabs(reporting_percentile(counts, 0) / 3600 - 1) <= 0.032);
}

static void codes(void **state)
{
	static const char *const not_codes[] = { "call me please", "ana@example.org", "13800001234", "138-0000-1234", "+86(138)00001234" };
	static const char *const not_things[] = { "ana@example.org", "AX-300 call 138 0000 1234", "138 0000 1234 AX", "Tel:13800001234",
						  "AX-300 电话13800001234", "line\nline" };

	(void)state;
	assert_true(str_is(reporting_code(STR("wechat")), "wechat"));
	assert_false(reporting_code(STR("")).p);
	assert_false(reporting_code(STR_NONE).p);
	for (size_t i = 0; i < array_count(not_codes); i++)
		assert_true(str_is(reporting_code(str_of(not_codes[i])), "other"));
	assert_true(str_is(reporting_thing(STR("网络录像机 AX-300")), "网络录像机 AX-300"));
	assert_true(str_is(reporting_thing(STR("4.2.1-20261123")), "4.2.1-20261123"));
	assert_true(str_is(reporting_thing(STR("AX-8319976863-1 rev 2")), "AX-8319976863-1 rev 2"));
	for (size_t i = 0; i < array_count(not_things); i++)
		assert_false(reporting_thing(str_of(not_things[i])).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test_teardown(a_life, forget),
		cmocka_unit_test_teardown(waiting, forget),
		cmocka_unit_test_teardown(clocks, forget),
		cmocka_unit_test_teardown(corrections, forget),
		cmocka_unit_test_teardown(many_clocks, forget),
		cmocka_unit_test_teardown(windows, forget),
		cmocka_unit_test(buckets),
		cmocka_unit_test(codes),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_done(&arena);
	return failed;
}
