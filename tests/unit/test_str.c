/* Slices, buffers and the arenas they are copied into.
 *
 * Linked with common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/base/str.h"

#define assert_str(s, want) \
	do { \
		struct str got_ = (s); \
		assert_non_null(got_.p); \
		assert_int_equal(got_.n, strlen(want)); \
		assert_memory_equal(got_.p, want, got_.n); \
	} while (0)

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a"), STR("a")));
	assert_false(str_eq(STR("a"), STR("b")));
	assert_false(str_eq(STR(""), STR_NONE));
	assert_true(str_eq(STR_NONE, str_of(NULL)));
	assert_true(str_is(STR("abc"), "abc"));
	assert_false(str_is(STR_NONE, "abc"));
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
	assert_true(str_starts(STR("claims.v1"), STR("claims")));
	assert_false(str_starts(STR("c"), STR("claims")));
	assert_true(str_ends(STR("claims.v1"), STR(".v1")));
	assert_false(str_ends(STR("1"), STR(".v1")));
	assert_true(str_ends(STR("x"), STR("")));
	assert_true(str_hash(STR("a")) != str_hash(STR("b")));
}

static void test_cut(void **state)
{
	struct str s = STR("a,bc,");

	(void)state;
	assert_str(str_cut(&s, ','), "a");
	assert_str(str_cut(&s, ','), "bc");
	assert_non_null(s.p);
	assert_str(str_cut(&s, ','), "");
	assert_null(s.p);
	assert_null(str_cut(&s, ',').p);
}

static void test_trim(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \t a b\r\n")), "a b");
	assert_str(str_trim(STR("  ")), "");
	assert_null(str_trim(STR_NONE).p);
}

static void test_int64(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int64_t want;
	} rows[] = {
		{ "0", true, 0 },
		{ "-7", true, -7 },
		{ "+7", true, 7 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "1.0", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		int64_t number = 42;

		assert_int_equal(str_int64(str_of(rows[i].text), &number), rows[i].good);
		assert_true(number == (rows[i].good ? rows[i].want : 42));
	}
}

static void test_utf8(void **state)
{
	static const char *const good[] = { "", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
					    "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
					    "x\xe4\xb8\xad\xe6\x96\x87y" };
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xe0\x9f\xbf", "\xe4\xb8",
					   "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
					   "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe4\xb8\xad\x80" };

	(void)state;
	for (size_t i = 0; i < array_count(good); i++)
		assert_true(str_utf8(str_of(good[i])));
	for (size_t i = 0; i < array_count(bad); i++)
		assert_false(str_utf8(str_of(bad[i])));
	assert_true(str_utf8(STR_NONE));
	assert_int_equal(str_code_points(STR("a\xe4\xb8\xad\xf0\x9f\x98\x80")), 3);
	assert_int_equal(str_code_points(STR_NONE), 0);
}

static void test_copies(void **state)
{
	cleanup(arena_done) struct arena arena = { 0 };
	struct str copy = str_copy(&arena, (struct str){ "abcdef", 3 });

	(void)state;
	assert_str(copy, "abc");
	assert_int_equal(copy.p[3], 0);
	assert_null(str_copy(&arena, STR_NONE).p);
	assert_str(str_copy(&arena, STR("")), "");
	assert_string_equal(str_z(&arena, STR_NONE), "");
	assert_str(str_format(&arena, "%s-%d", "x", 12), "x-12");
	assert_str(str_format(&arena, "%s", ""), "");
}

static void test_arena(void **state)
{
	cleanup(arena_done) struct arena arena = { 0 };
	uint32_t *numbers = NULL;
	size_t capacity = 0;
	void *first;

	(void)state;
	first = arena_alloc(&arena, 1);
	for (uint32_t i = 0; i < 100000; i++) {
		arena_grow(&arena, &numbers, &capacity, i + 1, sizeof(*numbers));
		numbers[i] = i;
		assert_int_equal((uintptr_t)arena_alloc(&arena, i % 40) % 16, 0);
	}
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(numbers[i], i);
	memset(arena_alloc(&arena, 3 << 20), 1, 3 << 20);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 1), first);
	/* Kept blocks are used again, and passed over when too small. */
	for (int round = 0; round < 3; round++) {
		for (size_t n = 1; n < 1 << 20; n *= 3)
			memset(arena_alloc(&arena, n), 2, n);
		arena_reset(&arena);
	}
	assert_int_equal(*(char *)arena_zero(&arena, 100), 0);
	arena_done(&arena);
	assert_memory_equal(arena_copy(&arena, "abc", 4), "abc", 4);
}

static void test_mem(void **state)
{
	cleanup(mem_free_pointer) char *p = mem_zero(0);
	char *copy = mem_copy("abc", 4);

	(void)state;
	p = mem_resize(p, 10);
	assert_non_null(p);
	assert_string_equal(copy, "abc");
	mem_free(copy);
	mem_free(NULL);
}

static void test_buf(void **state)
{
	cleanup(buf_done) struct buf buf = { 0 };

	(void)state;
	assert_str(buf_view(&buf), "");
	buf_format(&buf, "%s", "");
	assert_int_equal(buf.n, 0);
	buf_str(&buf, STR_NONE);
	buf_z(&buf, "n=");
	buf_int(&buf, 0);
	buf_char(&buf, ' ');
	buf_int(&buf, INT64_MIN);
	buf_char(&buf, ' ');
	buf_int(&buf, INT64_MAX);
	assert_str(buf_view(&buf), "n=0 -9223372036854775808 9223372036854775807");
	buf_clear(&buf);
	buf_format(&buf, "%0500d|", 1);
	buf_format(&buf, "%s", "end");
	assert_int_equal(buf.n, 504);
	assert_true(str_ends(buf_view(&buf), STR("1|end")));
	buf_clear(&buf);
	for (int i = 0; i < 1000; i++)
		buf_put(&buf, "ab", 2);
	assert_int_equal(buf.n, 2000);
	memcpy(buf_room(&buf, 3), "xyz", 3);
	buf.n += 3;
	assert_true(str_ends(buf_view(&buf), STR("abxyz")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_cut),    cmocka_unit_test(test_trim),
		cmocka_unit_test(test_int64),   cmocka_unit_test(test_utf8),   cmocka_unit_test(test_copies),
		cmocka_unit_test(test_arena),   cmocka_unit_test(test_mem),    cmocka_unit_test(test_buf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
