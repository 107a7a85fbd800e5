/* The JSON writer; what it writes is read back by the parser.
 *
 * Linked with common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/base/doc.h"

#define assert_str(s, want) \
	do { \
		struct str got_ = (s); \
		assert_non_null(got_.p); \
		if (!str_is(got_, want)) \
			fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got_), want); \
	} while (0)

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct doc doc_of(const char *text)
{
	struct doc doc = { 0 };
	struct fault fault = FAULT_NONE;

	if (doc_parse(&doc, str_of(text), &arena, &fault) != OK)
		fail_msg("%s: %s", text, fault.text);
	return doc;
}

static void test_write(void **state)
{
	cleanup(buf_done) struct buf buf = { 0 };
	struct writer writer = { &buf, false };

	(void)state;
	write_open(&writer, '{');
	write_member(&writer, "a\"b", STR("x\\y\"\b\f\n\r\t\x01\x1f/\x7f"));
	write_member(&writer, "none", STR_NONE);
	write_member_if(&writer, "skipped", STR_NONE);
	write_member_if(&writer, "empty", STR(""));
	write_member_int(&writer, "n", INT64_MIN);
	write_member_bool(&writer, "t", true);
	write_member_instant(&writer, "at", 1500000);
	write_member_instant(&writer, "never", INSTANT_NONE);
	write_key(&writer, "list");
	write_open(&writer, '[');
	write_open(&writer, '{');
	write_close(&writer, '}');
	write_int(&writer, 1);
	write_bool(&writer, false);
	write_null(&writer);
	write_raw(&writer, STR("{\"r\":1}"));
	write_string(&writer, STR("\xe4\xb8\xad"));
	write_close(&writer, ']');
	write_member_int(&writer, "z", 0);
	write_close(&writer, '}');
	assert_str(buf_view(&buf), "{\"a\\\"b\":\"x\\\\y\\\"\\b\\f\\n\\r\\t\\u0001\\u001f/\x7f\",\"none\":null,\"empty\":\"\","
				   "\"n\":-9223372036854775808,\"t\":true,\"at\":\"1970-01-01T00:00:01.500Z\","
				   "\"never\":null,\"list\":[{},1,false,null,{\"r\":1},\"\xe4\xb8\xad\"],\"z\":0}");
	buf_char(&buf, '\0');
	(void)doc_of(buf.p);
	buf_clear(&buf);
	writer.comma = false;
	write_string(&writer, STR("a\0\xff\xe4\xb8z\xe4"));
	assert_str(buf_view(&buf), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
}

static void test_members_of(void **state)
{
	static const char *const except[] = { "by", "note", NULL };
	struct doc doc = doc_of("{\"by\":{},\"a\" : [1, 2],\"n\\u006fte\":1,\"b\\u0062\":\"\\u00e4\"}");
	cleanup(buf_done) struct buf buf = { 0 };
	struct writer writer = { &buf, false };

	(void)state;
	write_open(&writer, '{');
	write_member_int(&writer, "x", 1);
	write_members_of(&writer, &doc, 0, except);
	write_members_of(&writer, &doc, doc_member(&doc, 0, STR("by")), NULL);
	write_members_of(&writer, &(struct doc){ 0 }, 0, except);
	write_close(&writer, '}');
	assert_str(buf_view(&buf), "{\"x\":1,\"a\":[1, 2],\"b\\u0062\":\"\\u00e4\"}");
}

static void test_merged(void **state)
{
	static const char *const except[] = { "by", "note", NULL };
	static const struct {
		const char *base;
		const char *over;
		const char *want;
	} rows[] = {
		{ "{}", "{}", "{}" },
		{ "{\"a\":1}", "{}", "{\"a\":1}" },
		{ "{}", "{\"a\":1}", "{\"a\":1}" },
		{ "{\"a\":1,\"b\":2}", "{\"c\":3,\"a\":4}", "{\"a\":4,\"b\":2,\"c\":3}" },
		{ "{\"a\":{\"x\":1,\"y\":{\"p\":1}}}", "{\"a\":{\"y\":{\"q\":2},\"z\":3}}",
		  "{\"a\":{\"x\":1,\"y\":{\"p\":1,\"q\":2},\"z\":3}}" },
		{ "{\"a\":{\"x\":1},\"b\":1}", "{\"a\":[1],\"b\":{\"y\":1}}", "{\"a\":[1],\"b\":{\"y\":1}}" },
		{ "{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}" },
		{ "{\"a\":1}", "{\"a\":null}", "{\"a\":null}" },
		{ "{\"by\":1,\"c\":{\"by\":1}}", "{\"by\":2,\"note\":\"n\",\"c\":{\"by\":2}}",
		  "{\"by\":1,\"c\":{\"by\":2}}" },
		{ "{\"\\u0061\":1}", "{\"a\":2}", "{\"\\u0061\":2}" },
		{ "{\"a\":{},\"b\":{}}", "{\"a\":{},\"b\":{\"c\":{}}}", "{\"a\":{},\"b\":{\"c\":{}}}" },
		{ "7", "{\"a\":1}", "{\"a\":1}" },
		{ "{\"a\":1}", "[1]", "{\"a\":1}" },
	};
	struct doc one = doc_of("{\"a\":1}");
	cleanup(buf_done) struct buf buf = { 0 };
	struct writer writer = { &buf, false };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct doc base = doc_of(rows[i].base);
		struct doc over = doc_of(rows[i].over);

		buf_clear(&buf);
		writer.comma = false;
		write_merged(&writer, &base, 0, &over, 0, except);
		assert_str(buf_view(&buf), rows[i].want);
	}
	buf_clear(&buf);
	writer.comma = true;
	write_merged(&writer, &(struct doc){ 0 }, 0, &one, 0, NULL);
	assert_str(buf_view(&buf), ",{\"a\":1}");
}

static void test_merge_deep_and_wide(void **state)
{
	cleanup(buf_done) struct buf deep = { 0 };
	cleanup(buf_done) struct buf wide = { 0 };
	cleanup(buf_done) struct buf out = { 0 };
	struct writer writer = { &out, false };
	struct fault fault = FAULT_NONE;
	struct doc doc;

	(void)state;
	for (int i = 0; i < 40000; i++)
		buf_z(&deep, "{\"a\":");
	buf_z(&deep, "1");
	for (int i = 0; i < 40000; i++)
		buf_char(&deep, '}');
	assert_int_equal(doc_parse(&doc, buf_view(&deep), &arena, &fault), OK);
	write_merged(&writer, &doc, 0, &doc, 0, NULL);
	assert_true(str_eq(buf_view(&out), buf_view(&deep)));
	for (int i = 0; i < 40000; i++)
		buf_format(&wide, "%s\"%d\":%d", i ? "," : "{", i, i);
	buf_char(&wide, '}');
	assert_int_equal(doc_parse(&doc, buf_view(&wide), &arena, &fault), OK);
	buf_clear(&out);
	writer.comma = false;
	write_merged(&writer, &doc, 0, &doc, 0, NULL);
	assert_true(str_eq(buf_view(&out), buf_view(&wide)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_write, setup),
		cmocka_unit_test_setup(test_members_of, setup),
		cmocka_unit_test_setup(test_merged, setup),
		cmocka_unit_test_setup(test_merge_deep_and_wide, setup),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
