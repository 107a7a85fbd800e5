/* Keys of timers and events of items: what sla reads back of what it wrote, and what a clock answers for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "services/sla/sla_run.h"

static void test_timer_keys(void **state)
{
	static const struct {
		const char *key, *id;
		int32_t warning;
	} rows[] = {
		{ "AC-1/graded/response/1", "AC-1/graded/response/1", -1 },
		{ "AC-1/graded/response/1#0", "AC-1/graded/response/1", 0 },
		{ "AC-1/graded/response/12#30", "AC-1/graded/response/12", 30 },
		{ "AC-1/graded/response/1#", "AC-1/graded/response/1#", -1 },
		{ "AC-1/gra#1/response/2", "AC-1/gra#1/response/2", -1 },
		{ "#7", "", 7 },
		{ "", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct timer timer = { .key = str_of(rows[i].key) };
		int32_t warning = 99;

		assert_true(str_is(sla_decode_timer(&timer, &warning), rows[i].id));
		assert_int_equal(warning, rows[i].warning);
	}
}

static void test_events(void **state)
{
	struct batch batch = { .now = 77 * SECOND };
	struct ticket ticket = { .revision = 5 };
	struct item item = { .event = { .id = STR("f1"), .source = STR("aftercare/routing"), .name = STR("ticket.replied"),
					.time = 70 * SECOND, .cause_id = STR("c1"), .cause_source = STR("desk"),
					.traceparent = STR("00-1") } };
	struct sla_event event;

	(void)state;
	sla_decode_event(&batch, &item, &ticket, true, &event);
	assert_true(str_is(event.fact, "ticket.replied"));
	assert_int_equal(event.at, 70 * SECOND);
	assert_int_equal(event.revision, 5);
	assert_true(event.new_owner);
	assert_true(str_is(event.cause.id, "c1") && str_is(event.cause.source, "desk"));
	assert_true(str_is(event.cause.traceparent, "00-1"));
	/* Without a cause it is the fact itself; without a time, now. */
	item.event.cause_id = item.event.cause_source = STR_NONE;
	item.event.time = INSTANT_NONE;
	sla_decode_event(&batch, &item, &ticket, false, &event);
	assert_true(str_is(event.cause.id, "f1") && str_is(event.cause.source, "aftercare/routing"));
	assert_int_equal(event.at, 77 * SECOND);
}

static void test_state_names(void **state)
{
	(void)state;
	for (int i = SLA_NONE + 1; i < SLA_STATE_MAX; i++)
		assert_int_equal(sla_state_of(sla_state_name((enum sla_state)i)), i);
	assert_int_equal(sla_state_of(STR("")), SLA_NONE);
	assert_int_equal(sla_state_of(STR_NONE), SLA_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_keys),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
