/* Faults: the first one wins, texts are one clean line, every reason has its public name.
 *
 * Linked with common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/base/fault.h"
#include "common/base/str.h"

static void test_first_wins(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(fault_set(&fault, RETRY, "server %d is away", 7), RETRY);
	assert_int_equal(fault_reject(&fault, REASON_FORBIDDEN, "no"), RETRY);
	assert_int_equal(fault_set(&fault, FATAL, "no"), RETRY);
	assert_int_equal(fault.reason, REASON_NONE);
	assert_string_equal(fault.text, "server 7 is away");
}

static void test_reject(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(fault_reject(&fault, REASON_GATE_UNMET, "photo missing"), REJECT);
	assert_int_equal(fault.reason, REASON_GATE_UNMET);
}

static void test_ok_fills_nothing(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(fault_set(&fault, OK, "fine"), OK);
	assert_string_equal(fault.text, "");
	fault_context(&fault, "loading");
	assert_string_equal(fault.text, "");
}

static void test_context(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	(void)fault_set(&fault, FATAL, "no such key");
	fault_context(&fault, "line %d", 3);
	fault_context(&fault, "a.conf");
	assert_string_equal(fault.text, "a.conf: line 3: no such key");
	assert_int_equal(fault.verdict, FATAL);
}

static void test_one_line(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	(void)fault_set(&fault, RETRY, "ERROR: gone\n\tDETAIL: away\n");
	assert_string_equal(fault.text, "ERROR: gone  DETAIL: away");
}

static void test_too_long_is_cut_between_characters(void **state)
{
	char text[700];

	(void)state;
	/* Three-byte characters at each of the three places a cut can fall. */
	for (size_t lead = 0; lead < 3; lead++) {
		struct fault fault = FAULT_NONE;

		memset(text, 'x', lead);
		for (size_t i = lead; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe4\xb8\xad", 4);
		(void)fault_set(&fault, FATAL, "%s", text);
		assert_true(strlen(fault.text) > sizeof(fault.text) - 4);
		assert_true(str_utf8(str_of(fault.text)));
		fault_context(&fault, "%s", "long");
		assert_true(str_starts(str_of(fault.text), STR("long: ")));
		assert_true(str_utf8(str_of(fault.text)));
		fault_context(&fault, "%s", text);
		assert_true(strlen(fault.text) < sizeof(fault.text));
		assert_true(str_utf8(str_of(fault.text)));
	}
}

static void test_reason_names(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_MAX; i++) {
		assert_non_null(reason_name((enum reason)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(reason_name((enum reason)i), reason_name((enum reason)k));
	}
	assert_string_equal(reason_name(REASON_JSON_INVALID), "json_invalid");
	assert_string_equal(reason_name(REASON_POISON), "poison");
	assert_string_equal(reason_name(REASON_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_ok_fills_nothing),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_too_long_is_cut_between_characters),
		cmocka_unit_test(test_reason_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
