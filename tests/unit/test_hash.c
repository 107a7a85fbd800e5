/* The key hash against the vectors of Kafka's Java client, and the partition made of it.
 *
 * Linked with common/base only. Must never be "mended" to fit the code: these numbers are other programs'. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/base/hash.h"

static const struct {
	const char *key;
	int32_t want;
} rows[] = {
	{ "21", -973932308 },
	{ "foobar", -790332482 },
	{ "a-little-bit-long-string", -985981536 },
	{ "a-little-bit-longer-string", -1486304829 },
	{ "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
	{ "abc", 479470107 },
};

static void test_murmur2(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_int_equal((int32_t)hash_murmur2(str_of(rows[i].key)), rows[i].want);
}

static void test_every_tail_length_differs(void **state)
{
	const char text[] = "abcdefgh";
	uint32_t seen[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		seen[n] = hash_murmur2((struct str){ text, n });
		for (size_t k = 0; k < n; k++)
			assert_int_not_equal(seen[n], seen[k]);
	}
	assert_int_equal(hash_murmur2(STR_NONE), hash_murmur2(STR("")));
}

static void test_partition(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_int_equal(hash_partition(str_of(rows[i].key), 12), (rows[i].want & INT32_MAX) % 12);
	assert_int_equal(hash_partition(STR("foobar"), 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_murmur2),
		cmocka_unit_test(test_every_tail_length_differs),
		cmocka_unit_test(test_partition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
