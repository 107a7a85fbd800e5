/* Warranties: until which day, and what is free of charge (base/warranty.h). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/base/warranty.h"

#define ZONE (8 * HOUR)

static void test_last_day(void **state)
{
	static const struct {
		const char *accepted_on;
		int months;                 /* of the policy */
		bool longer;
		int64_t manufacturer;
		const char *last_day;       /* NULL: none */
	} rows[] = {
		{ "2025-01-10", 12, true, -1, "2026-01-10" },
		/* the longer of the two */
		{ "2025-01-10", 12, true, 36, "2028-01-10" },
		{ "2025-01-10", 12, true, 6, "2026-01-10" },
		{ "2025-01-10", 12, true, 0, "2026-01-10" },
		{ "2025-01-10", 12, false, 36, "2026-01-10" },
		/* the month's end */
		{ "2024-02-29", 12, true, -1, "2025-02-28" },
		{ "2025-08-31", 1, true, 6, "2026-02-28" },
		/* a time is of the day it has in the zone of the policy */
		{ "2025-01-09T16:00:00Z", 12, true, -1, "2026-01-10" },
		{ "2025-01-09T15:59:59Z", 12, true, -1, "2026-01-09" },
		/* for ever */
		{ "2025-01-10", 12, true, INT64_MAX, "2125-01-10" },
		{ "9999-12-01", 12, true, -1, "9999-12-30" },
		{ "", 12, true, 36, NULL },
		{ "2025-13-10", 12, true, 36, NULL },
		{ "soon", 12, true, 36, NULL },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct warranty warranty = { .present = true, .zone_offset_us = ZONE, .length = { .months = rows[i].months },
					     .manufacturer_if_longer = rows[i].longer };
		instant last = warranty_last_day(&warranty, str_of(rows[i].accepted_on), rows[i].manufacturer);
		char text[DATE_TEXT];

		if ((last == INSTANT_NONE) != !rows[i].last_day)
			fail_msg("%s: %s", rows[i].accepted_on, last == INSTANT_NONE ? "none" : "not none");
		if (rows[i].last_day && !str_is(instant_format_date(last, ZONE, text), rows[i].last_day))
			fail_msg("%s: %s, not %s", rows[i].accepted_on, text, rows[i].last_day);
	}
}

static void test_covers(void **state)
{
	struct warranty warranty = { .present = true, .zone_offset_us = ZONE, .length = { .months = 12 } };
	instant last = warranty_last_day(&warranty, STR("2025-01-10"), -1), at;

	(void)state;
	assert_true(instant_parse(STR("2026-01-10T23:59:59.999999+08:00"), &at));
	assert_true(warranty_covers(last, at));
	assert_false(warranty_covers(last, at + 1));
	/* what is reported before the acceptance is nobody's fault but the maker's */
	assert_true(instant_parse(STR("2024-12-24T12:00:00Z"), &at));
	assert_true(warranty_covers(last, at));
	assert_false(warranty_covers(INSTANT_NONE, at));
}

enum { IN_WARRANTY, CAUSE, SOLD_BY, ATTRIBUTES };

static struct value text(const char *s)
{
	return s ? (struct value){ .type = VALUE_STRING, .string = str_of(s) } : (struct value){ 0 };
}

static void test_charge(void **state)
{
	static const struct value quality = { .type = VALUE_STRING, .string = { "product_quality", 15 } };
	static const struct value self = { .type = VALUE_STRING, .string = { "self", 4 } };
	static const struct match_step of_quality = { .test = MATCH_EQUAL, .attribute = CAUSE, .values = &quality, .count = 1 };
	static const struct match_step sold_by_us = { .test = MATCH_EQUAL, .attribute = SOLD_BY, .values = &self, .count = 1 };
	const struct warranty warranty = {
		.present = true, .in_warranty = IN_WARRANTY,
		.labour_free = { .steps = &of_quality, .count = 1 },
		.parts_free = { .steps = &sold_by_us, .count = 1 },
		.otherwise = STR("to_be_agreed"), .outside = STR("paid"),
	};
	static const struct {
		int inside;                 /* -1: not known */
		const char *cause, *sold_by, *labour, *parts;
	} rows[] = {
		{ 1, "product_quality", "self", "free", "free" },
		{ 1, "product_quality", "other", "free", "to_be_agreed" },
		{ 1, "misuse", "self", "to_be_agreed", "free" },
		{ 1, NULL, NULL, "to_be_agreed", "to_be_agreed" },
		{ 0, "product_quality", "self", "paid", "paid" },
		{ -1, "product_quality", "self", "to_be_agreed", "to_be_agreed" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct value vector[ATTRIBUTES] = { [CAUSE] = text(rows[i].cause), [SOLD_BY] = text(rows[i].sold_by) };
		struct charge charge;

		if (rows[i].inside >= 0)
			vector[IN_WARRANTY] = (struct value){ .type = VALUE_BOOL, .boolean = rows[i].inside };
		charge = warranty_charge(&warranty, vector, 0);
		if (!str_is(charge.labour, rows[i].labour) || !str_is(charge.parts, rows[i].parts))
			fail_msg("row %zu: labour %.*s, parts %.*s", i, STR_ARG(charge.labour), STR_ARG(charge.parts));
	}
}

static void test_speaks(void **state)
{
	struct policy quiet = { 0 }, first = { .warranty.present = true }, second = { .warranty.present = true,
										      .entitlement.present = true };
	const struct policy *policies[] = { &quiet, &first, &second };

	(void)state;
	assert_ptr_equal(warranty_of(policies, 3), &first.warranty);
	assert_ptr_equal(entitlement_of(policies, 3), &second.entitlement);
	assert_null(warranty_of(policies, 1));
	assert_null(entitlement_of(policies, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_day),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
