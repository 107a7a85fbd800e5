/* Times and durations against values known from elsewhere (GNU date), and against themselves both ways.
 *
 * Linked with common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/base/instant.h"

#define assert_int64(got, want) assert_true((int64_t)(got) == (int64_t)(want))

static instant at(const char *text)
{
	instant value = INSTANT_NONE;

	if (!instant_parse(str_of(text), &value))
		fail_msg("%s is refused", text);
	return value;
}

static void test_parse_good(void **state)
{
	static const struct {
		const char *text;
		int64_t second;
		int32_t us;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2026-11-23T10:41:57Z", 1795430517, 0 },
		{ "2026-11-23t10:41:57z", 1795430517, 0 },
		{ "2026-11-23T18:41:57+08:00", 1795430517, 0 },
		{ "2026-11-23T05:11:57-05:30", 1795430517, 0 },
		{ "2026-11-23T10:41:57-00:00", 1795430517, 0 },
		{ "0001-01-01T00:00:00Z", -62135596800, 0 },
		{ "0001-01-01T08:00:00+08:00", -62135596800, 0 },
		{ "9999-12-31T23:59:59.999999Z", 253402300799, 999999 },
		{ "1900-03-01T00:00:00Z", -2203891200, 0 },
		{ "2000-02-29T12:00:00Z", 951825600, 0 },
		{ "2100-03-01T00:00:00Z", 4107542400, 0 },
		{ "1969-12-31T23:59:59.5Z", -1, 500000 },
		{ "1600-02-29T00:00:00Z", -11670998400, 0 },
		{ "2024-12-31T00:00:00Z", 1735603200, 0 },
		{ "0400-12-31T00:00:00Z", -49512902400, 0 },
		{ "2000-12-31T23:00:00Z", 978303600, 0 },
		{ "1970-01-01T00:00:00.1Z", 0, 100000 },
		{ "1970-01-01T00:00:00.000001Z", 0, 1 },
		{ "1970-01-01T00:00:00.123456789Z", 0, 123456 },
		{ "1970-01-01T00:00:00.000000999+00:00", 0, 0 },
		{ "2016-12-31T23:59:60Z", 1483228799, 999999 },
		{ "2017-01-01T07:59:60.25+08:00", 1483228799, 999999 },
		{ "2016-12-31T15:59:60-08:00", 1483228799, 999999 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_int64(at(rows[i].text), rows[i].second * SECOND + rows[i].us);
}

static void test_parse_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"2026",
		"2026-11-23",
		"2026-11-23T10:41:57",
		"2026-11-23T10:41Z",
		"2026-11-23 10:41:57Z",
		"2026-11-23T10:41:57 Z",
		"2026-11-23T24:00:00Z",
		"2026-11-23T10:60:00Z",
		"2026-11-23T10:41:60Z",
		"2026-11-23T10:41:61Z",
		"2026-00-23T10:41:57Z",
		"2026-13-23T10:41:57Z",
		"2026-11-00T10:41:57Z",
		"2026-11-31T10:41:57Z",
		"2026-02-29T10:41:57Z",
		"1900-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00+08:00",
		"9999-12-31T23:00:00-08:00",
		"10000-01-01T00:00:00Z",
		"+2026-11-23T10:41:57Z",
		"2026-11-23T10:41:57.Z",
		"2026-11-23T10:41:57.1234567890Z",
		"2026-11-23T10:41:57,5Z",
		"2026-11-23T10:41:57+0800",
		"2026-11-23T10:41:57+08",
		"2026-11-23T10:41:57+24:00",
		"2026-11-23T10:41:57+08:60",
		"2026-11-23T10:41:57+08:00Z",
		"2026-11-23T10:41:57ZZ",
		"2026-11-23T10:41:57Z ",
		"2026-1-23T10:41:57Z",
		"2026-11-23T1a:41:57Z",
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		instant value = 42;

		if (instant_parse(str_of(rows[i]), &value))
			fail_msg("%s is accepted", rows[i]);
		assert_int64(value, 42);
	}
	assert_false(instant_parse(STR_NONE, &(instant){ 0 }));
}

static void test_format(void **state)
{
	static const struct {
		const char *from;
		const char *want;
	} rows[] = {
		{ "2026-11-23T18:41:57+08:00", "2026-11-23T10:41:57.000Z" },
		{ "2026-11-23T10:41:57.5Z", "2026-11-23T10:41:57.500Z" },
		{ "2026-11-23T10:41:57.000123Z", "2026-11-23T10:41:57.000123Z" },
		{ "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z" },
		{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z" },
	};
	char text[INSTANT_TEXT];

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct str got = instant_format(at(rows[i].from), text);

		assert_string_equal(text, rows[i].want);
		assert_int_equal(got.n, strlen(text));
	}
	assert_true(instant_format(INT64_MIN, text).n < INSTANT_TEXT);
	assert_true(instant_format(INT64_MAX, text).n < INSTANT_TEXT);
}

/* Every day of the years 0001-9999 follows the one before, and both ways agree. */
static void test_every_day(void **state)
{
	instant day = at("0001-01-01T00:00:00Z");
	instant last = at("9999-12-31T00:00:00Z");
	int was_year = 1;
	int was_month = 1;
	int was_day = 0;
	int months = 1;

	(void)state;
	for (; day <= last; day += DAY) {
		int year;
		int month;
		int of_month;
		int second;

		instant_civil(day + DAY - 1, 0, &year, &month, &of_month, &second);
		if (month == was_month) {
			assert_int_equal(of_month, was_day + 1);
			assert_int_equal(year, was_year);
		} else {
			assert_int_equal(of_month, 1);
			assert_int_equal(month, was_month % 12 + 1);
			assert_int_equal(year, was_year + (month == 1));
			months++;
		}
		assert_int_equal(second, 86399);
		assert_int64(instant_of_civil(year, month, of_month, 0), day);
		was_year = year;
		was_month = month;
		was_day = of_month;
	}
	assert_int_equal(months, 9999 * 12);
}

static void test_civil_in_a_zone(void **state)
{
	int year;
	int month;
	int day;
	int second;

	(void)state;
	instant_civil(at("2026-12-31T16:00:01.9Z"), 8 * HOUR, &year, &month, &day, &second);
	assert_int_equal(year, 2027);
	assert_int_equal(month, 1);
	assert_int_equal(day, 1);
	assert_int_equal(second, 1);
	instant_civil(at("1970-01-01T00:00:00Z"), -HOUR, &year, &month, &day, &second);
	assert_int_equal(year, 1969);
	assert_int_equal(second, 23 * 3600);
}

static void test_duration_good(void **state)
{
	static const struct {
		const char *text;
		int32_t months;
		int64_t us;
		const char *canonical;
	} rows[] = {
		{ "PT2H", 0, 2 * HOUR, "PT2H" },
		{ "P1W", 0, 7 * DAY, "P7D" },
		{ "PT0.5S", 0, SECOND / 2, "PT0.5S" },
		{ "PT1.000001S", 0, SECOND + 1, "PT1.000001S" },
		{ "PT0.123456789S", 0, 123456, "PT0.123456S" },
		{ "P1Y2M10DT2H30M", 14, 10 * DAY + 2 * HOUR + 30 * MINUTE, "P1Y2M10DT2H30M" },
		{ "P1DT30M", 0, DAY + 30 * MINUTE, "PT24H30M" },
		{ "PT24H", 0, DAY, "PT24H" },
		{ "PT48H", 0, 2 * DAY, "PT48H" },
		{ "P2D", 0, 2 * DAY, "PT48H" },
		{ "PT48H1S", 0, 2 * DAY + SECOND, "P2DT1S" },
		{ "PT72H", 0, 3 * DAY, "P3D" },
		{ "PT90M", 0, 90 * MINUTE, "PT1H30M" },
		{ "P1M", 1, 0, "P1M" },
		{ "PT1M", 0, MINUTE, "PT1M" },
		{ "P24M", 24, 0, "P2Y" },
		{ "P0D", 0, 0, "PT0S" },
		{ "PT0S", 0, 0, "PT0S" },
		{ "P1MT1M", 1, MINUTE, "P1MT1M" },
		{ "P178956970Y7M", INT32_MAX, 0, "P178956970Y7M" },
		{ "P106751991DT4H54.775807S", 0, INT64_MAX, "P106751991DT4H54.775807S" },
	};
	char text[DURATION_TEXT];

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct duration length = { .months = -1, .us = -1 };

		if (!duration_parse(str_of(rows[i].text), &length))
			fail_msg("%s is refused", rows[i].text);
		assert_int_equal(length.months, rows[i].months);
		assert_int64(length.us, rows[i].us);
		assert_true(str_is(duration_format(length, text), rows[i].canonical));
		assert_string_equal(text, rows[i].canonical);
	}
	assert_true(duration_format((struct duration){ .months = INT32_MIN, .us = INT64_MIN }, text).n < DURATION_TEXT);
	(void)duration_format((struct duration){ .us = -90 * SECOND }, text);
	assert_string_equal(text, "-PT1M30S");
}

/* What was written as days is told apart from hours: a business calendar counts them differently. */
static void test_duration_days(void **state)
{
	static const struct {
		const char *text;
		int32_t days;
	} rows[] = { { "P2D", 2 }, { "PT48H", 0 }, { "P1W", 7 }, { "P1W2DT24H", 9 }, { "P1M", 0 }, { "P1MT1M", 0 } };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct duration length;

		assert_true(duration_parse(str_of(rows[i].text), &length));
		assert_int_equal(length.days, rows[i].days);
	}
}

static void test_duration_bad(void **state)
{
	static const char *const rows[] = {
		"", "P", "PT", "2H", "PT2", "P1H", "PTH", "P1DT",
		"-PT2H", "+PT2H", "P-1D", "pt2h", "PT2h", "PT2H ", " PT2H",
		"PT1S1M", "P1D1Y", "P1M1M", "PT1HT1M", "P1S", "PT1D", "PT1Y",
		"PT.5S", "PT1.S", "PT0.5H", "P0.5D", "PT0,5S", "PT1.0123456789S",
		"P178956970Y8M", "PT9223372036855S", "PT99999999999999999999S",
		"P999999999999999999Y", "P106751991DT4H54.775808S",
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct duration length = { .months = 42, .us = 42 };

		if (duration_parse(str_of(rows[i]), &length))
			fail_msg("%s is accepted", rows[i]);
		assert_int_equal(length.months, 42);
		assert_int64(length.us, 42);
	}
	assert_false(duration_parse(STR_NONE, &(struct duration){ 0 }));
}

static void test_add(void **state)
{
	static const struct {
		const char *from;
		const char *length;
		int64_t offset_us;
		const char *want;
	} rows[] = {
		{ "2026-11-23T10:41:57Z", "PT2H", 0, "2026-11-23T12:41:57Z" },
		{ "2026-01-31T10:00:00.25Z", "P1M", 0, "2026-02-28T10:00:00.25Z" },
		{ "2024-01-31T10:00:00Z", "P1M", 0, "2024-02-29T10:00:00Z" },
		{ "2024-02-29T10:00:00Z", "P1Y", 0, "2025-02-28T10:00:00Z" },
		{ "2024-02-29T10:00:00Z", "P4Y", 0, "2028-02-29T10:00:00Z" },
		{ "2026-12-15T00:00:00Z", "P1M", 0, "2027-01-15T00:00:00Z" },
		{ "2026-11-30T00:00:00Z", "P3M", 0, "2027-02-28T00:00:00Z" },
		{ "2026-01-31T00:00:00Z", "P1M1D", 0, "2026-03-01T00:00:00Z" },
		/* 31 January 23:00 UTC is already 1 February in Peking. */
		{ "2026-01-31T23:00:00Z", "P1M", 8 * HOUR, "2026-02-28T23:00:00Z" },
		{ "2026-01-31T01:00:00+08:00", "P1M", 8 * HOUR, "2026-02-28T01:00:00+08:00" },
		{ "1969-10-31T00:00:00Z", "P1M", 0, "1969-11-30T00:00:00Z" },
	};
	struct duration long_time = { .months = INT32_MAX, .us = INT64_MAX };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct duration length;

		assert_true(duration_parse(str_of(rows[i].length), &length));
		assert_int64(instant_add(at(rows[i].from), length, rows[i].offset_us), at(rows[i].want));
	}
	assert_int64(instant_add(0, long_time, 0), INT64_MAX);
	long_time.months = 0;
	assert_int64(instant_add(1, long_time, 0), INT64_MAX);
	assert_int64(instant_add(0, (struct duration){ .months = INT32_MIN }, 0), INT64_MIN + 1);
	assert_int64(instant_add(at("2026-03-31T00:00:00Z"), (struct duration){ .months = -1 }, 0),
		     at("2026-02-28T00:00:00Z"));
	assert_int64(instant_add(INSTANT_NONE, long_time, 0), INSTANT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_civil_in_a_zone),
		cmocka_unit_test(test_duration_good),
		cmocka_unit_test(test_duration_days),
		cmocka_unit_test(test_duration_bad),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
