/* The simulated clock: what it accepts, and that it is the same for whoever asks. Linked with common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/base/pace.h"

static instant at(const char *text)
{
	instant value = INSTANT_NONE;

	assert_true(instant_parse(str_of(text), &value));
	return value;
}

static void test_nothing_is_the_real_clock(void **state)
{
	struct pace pace = { .rate = 7 };

	(void)state;
	assert_true(pace_parse(STR(""), &pace));
	assert_true(pace_at(&pace, 12345678) == 12345678);
	assert_true(pace_wait(&pace, HOUR) == HOUR);
}

static void test_a_day_in_minutes(void **state)
{
	struct pace pace = { 0 };
	instant start = at("2026-11-23T10:00:00Z");

	(void)state;
	assert_true(pace_parse(STR("2026-11-23T10:00:00Z 2026-11-20T07:30:00+08:00 300"), &pace));
	assert_true(pace_at(&pace, start) == at("2026-11-20T07:30:00+08:00"));
	assert_true(pace_at(&pace, start + 2 * MINUTE) == at("2026-11-20T17:30:00+08:00"));
	/* Before it, as ever: whoever starts early sees the day come near. */
	assert_true(pace_at(&pace, start - 10 * SECOND) == at("2026-11-20T07:29:50+08:00"));
	assert_true(pace_wait(&pace, 5 * MINUTE) == SECOND);
}

static void test_never_backwards(void **state)
{
	struct pace pace = { 0 };
	instant start = at("2026-11-23T10:00:00Z"), before = INSTANT_NONE;

	(void)state;
	assert_true(pace_parse(STR("2026-11-23T10:00:00Z 2026-11-20T07:30:00+08:00 0.37"), &pace));
	for (instant real = start - 1000; real < start + 1000; real++) {
		instant now = pace_at(&pace, real);

		assert_true(now >= before);
		before = now;
	}
}

static void test_what_is_no_clock(void **state)
{
	static const char *const texts[] = {
		" ", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z 2026-11-20T07:30:00+08:00",
		"2026-11-23T10:00:00 2026-11-20T07:30:00+08:00 2",
		"2026-11-23T10:00:00Z 2026-11-20T07:30:00Z 0", "2026-11-23T10:00:00Z 2026-11-20T07:30:00Z -1",
		"2026-11-23T10:00:00Z 2026-11-20T07:30:00Z 1e9", "2026-11-23T10:00:00Z 2026-11-20T07:30:00Z 300 ",
		"2026-11-23T10:00:00Z 2026-11-20T07:30:00Z 100001", "2026-11-23T10:00:00Z  2026-11-20T07:30:00Z 2",
		"2026-11-23T10:00:00Z 2026-11-20T07:30:00Z 1.2.3", "2026-11-23T10:00:00Z 2026-11-20T07:30:00Z .",
	};
	struct pace pace = { .rate = 7 };

	(void)state;
	for (size_t i = 0; i < array_count(texts); i++)
		if (pace_parse(str_of(texts[i]), &pace) || pace.rate != 7)
			fail_msg("\"%s\" is taken", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_the_real_clock), cmocka_unit_test(test_a_day_in_minutes),
		cmocka_unit_test(test_never_backwards), cmocka_unit_test(test_what_is_no_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
