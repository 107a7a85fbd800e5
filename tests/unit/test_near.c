/* The word that was meant: slips of the pen are found, nothing is guessed wildly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/near.h"

static const char *const words[] = { "phone", "email", "waiting_customer", "waiting_internal", "tech_support", "customer.phone",
				     "staff.replied", "urgent", "qa", NULL };

static void test_words(void **state)
{
	static const struct {
		const char *word, *meant;
	} rows[] = {
		{ "phone", "phone" }, { "fone", NULL }, { "phnoe", "phone" }, { "Phone", "phone" }, { "emial", "email" },
		{ "staff.replyed", "staff.replied" }, { "customer.fone", "customer.phone" }, { "wating", "waiting_customer" },
		{ "support", "tech_support" }, { "tech-support", "tech_support" }, { "replied", "staff.replied" },
		{ "qb", "qa" }, { "xyz", NULL }, { "", NULL }, { "pigeon", NULL },
		{ "ticket.replied", "staff.replied" }, { "client.phone", "customer.phone" },
		 { "a_very_long_word_that_is_none_of_them", NULL },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		const char *near = near_word(words, str_of(rows[i].word));

		assert_true((near == NULL) == (rows[i].meant == NULL));
		if (near)
			assert_string_equal(near, rows[i].meant);
	}
}

static void test_distance(void **state)
{
	static const char bytes[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
	struct str sixty_four = { bytes, 64 }, sixty_five = { bytes, 65 };

	(void)state;
	assert_int_equal(near_distance(STR("abc"), STR("abc")), 0);
	assert_int_equal(near_distance(STR("abc"), STR("acb")), 1);
	assert_int_equal(near_distance(STR("abc"), STR("abcde")), 2);
	assert_int_equal(near_distance(STR("abcdef"), STR("")), 4);
	assert_int_equal(near_distance(STR(""), STR("")), 0);
	assert_int_equal(near_distance(STR("a-b"), STR("A_B")), 0);
	assert_int_equal(near_distance(sixty_four, sixty_four), 0);
	assert_int_equal(near_distance(sixty_five, sixty_five), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_distance) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
