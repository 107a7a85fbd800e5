/* The JSON parser and the look-ups in what it leaves.
 *
 * Texts are copied to the end of their own allocation first, so that ASan sees a single byte read too far.
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

/* Parses a copy without a terminator; it stays in memory that setup forgets. */
static enum verdict parse(struct doc *ret_doc, struct str text, struct fault *fault)
{
	char *exact = mem_copy(text.p, text.n);
	enum verdict verdict = doc_parse(ret_doc, (struct str){ exact, text.n }, &arena, fault);

	if (verdict == OK)
		ret_doc->text.p = arena_copy(&arena, exact, text.n);
	mem_free(exact);
	return verdict;
}

static struct doc doc_of(const char *text)
{
	struct doc doc = { 0 };
	struct fault fault = FAULT_NONE;

	if (parse(&doc, str_of(text), &fault) != OK)
		fail_msg("%s: %s", text, fault.text);
	return doc;
}

static void test_good(void **state)
{
	static const struct {
		const char *text;
		enum doc_type type;
		uint32_t nodes;
	} rows[] = {
		{ "null", DOC_NULL, 1 },
		{ " true\n", DOC_TRUE, 1 },
		{ "false", DOC_FALSE, 1 },
		{ "0", DOC_NUMBER, 1 },
		{ "-0", DOC_NUMBER, 1 },
		{ "-0.0e-00", DOC_NUMBER, 1 },
		{ "10.5E+07", DOC_NUMBER, 1 },
		{ "1e5", DOC_NUMBER, 1 },
		{ "\"\"", DOC_STRING, 1 },
		{ "\"\x7f\"", DOC_STRING, 1 },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\ude00\"", DOC_STRING, 1 },
		{ "\"12345678\xe4\xb8\xad\xe6\x96\x87 abc \xf0\x9f\x98\x80\"", DOC_STRING, 1 },
		{ "\"\xef\xbf\xbf\"", DOC_STRING, 1 },
		{ "[]", DOC_ARRAY, 1 },
		{ "{}", DOC_OBJECT, 1 },
		{ "\t[ ]\r\n", DOC_ARRAY, 1 },
		{ "[[],[[]],{}]", DOC_ARRAY, 5 },
		{ "{\"a\":1,\"b\":{\"a\":[]},\"\":null}", DOC_OBJECT, 9 },
		{ " { \"a\" : [ 1 , 2 ] , \"b\" : \"x\" } ", DOC_OBJECT, 7 },
		{ "{\"a\":1,\"A\":1,\"aa\":1,\"\\u0061b\":1}", DOC_OBJECT, 9 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct doc doc = doc_of(rows[i].text);

		assert_int_equal(doc_type(&doc, 0), rows[i].type);
		assert_int_equal(doc.count, rows[i].nodes);
		assert_int_equal(doc.nodes[0].end, doc.count);
		assert_true(str_eq(doc_raw(&doc, 0), str_trim(str_of(rows[i].text))));
	}
}

static void test_bad(void **state)
{
	static const struct {
		struct str text;
		const char *want; /* the fault's text */
	} rows[] = {
		{ STR(""), "line 1, byte 1: an empty text" },
		{ STR(" \n "), "line 2, byte 2: an empty text" },
		{ STR("\xef\xbb\xbf{}"), "line 1, byte 1: a byte order mark before the value" },
		{ STR("{} x"), "line 1, byte 4: text behind the value" },
		{ STR("{}{}"), "line 1, byte 3: text behind the value" },
		{ STR("1\0"), "line 1, byte 2: text behind the value" },
		{ STR("nul"), "line 1, byte 1: expected a value" },
		{ STR("True"), "line 1, byte 1: expected a value" },
		{ STR("NaN"), "line 1, byte 1: expected a value" },
		{ STR("'a'"), "line 1, byte 1: expected a value" },
		{ STR("/* */1"), "line 1, byte 1: expected a value" },
		{ STR("+1"), "line 1, byte 1: expected a value" },
		{ STR(".5"), "line 1, byte 1: expected a value" },
		{ STR("-"), "line 1, byte 2: a number without digits" },
		{ STR("-x"), "line 1, byte 2: a number without digits" },
		{ STR("-Infinity"), "line 1, byte 2: a number without digits" },
		{ STR("01"), "line 1, byte 1: a number with a leading zero" },
		{ STR("-01"), "line 1, byte 2: a number with a leading zero" },
		{ STR("1."), "line 1, byte 3: a number without digits behind its point" },
		{ STR("1.e5"), "line 1, byte 3: a number without digits behind its point" },
		{ STR("1e"), "line 1, byte 3: a number without digits in its exponent" },
		{ STR("1e+"), "line 1, byte 4: a number without digits in its exponent" },
		{ STR("0x10"), "line 1, byte 2: text behind the value" },
		{ STR("\""), "line 1, byte 2: the text ends inside a string" },
		{ STR("\"abc"), "line 1, byte 5: the text ends inside a string" },
		{ STR("\"abc\\"), "line 1, byte 6: the text ends inside a string" },
		{ STR("\"\\x\""), "line 1, byte 2: an unknown escape in a string" },
		{ STR("\"\\U0041\""), "line 1, byte 2: an unknown escape in a string" },
		{ STR("\"\\\0\""), "line 1, byte 2: an unknown escape in a string" },
		{ STR("\"\\u00g0\""), "line 1, byte 2: \\u without four hexadecimal digits" },
		{ STR("\"\\u004"), "line 1, byte 2: \\u without four hexadecimal digits" },
		{ STR("\"a\nb\""), "line 1, byte 3: a control character in a string" },
		{ STR("\"12345678\x1f\""), "line 1, byte 10: a control character in a string" },
		{ STR("\"a\0b\""), "line 1, byte 3: U+0000 in a string" },
		{ STR("\"a\\u0000b\""), "line 1, byte 3: U+0000 in a string" },
		{ STR("\"\\ud800\""), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\\ud800\\u0041\""), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\\ud800\\ud800\""), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\\udc00\\ud800\""), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\\ud800\\udc0"), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\\ud800xxxxxxxx\""), "line 1, byte 2: a lone surrogate in a string" },
		{ STR("\"\x80\""), "line 1, byte 2: invalid UTF-8 in a string" },
		{ STR("\"\xc0\xaf\""), "line 1, byte 2: invalid UTF-8 in a string" },
		{ STR("\"\xed\xa0\x80\""), "line 1, byte 2: invalid UTF-8 in a string" },
		{ STR("\"\xe4\xb8\xad\xe4\xb8\""), "line 1, byte 5: invalid UTF-8 in a string" },
		{ STR("\"\xf0\x9f\x98"), "line 1, byte 2: invalid UTF-8 in a string" },
		{ STR("[\xc3\xa4]"), "line 1, byte 2: expected a value" },
		{ STR("["), "line 1, byte 2: the text ends where a value is expected" },
		{ STR("[1"), "line 1, byte 3: the text ends inside an array" },
		{ STR("[1,]"), "line 1, byte 4: expected a value" },
		{ STR("[,1]"), "line 1, byte 2: expected a value" },
		{ STR("[1 2]"), "line 1, byte 4: expected a comma or ] in an array" },
		{ STR("[1}"), "line 1, byte 3: expected a comma or ] in an array" },
		{ STR("]"), "line 1, byte 1: expected a value" },
		{ STR("{"), "line 1, byte 2: expected a key in quotes" },
		{ STR("{]"), "line 1, byte 2: expected a key in quotes" },
		{ STR("{a:1}"), "line 1, byte 2: expected a key in quotes" },
		{ STR("{1:1}"), "line 1, byte 2: expected a key in quotes" },
		{ STR("{\"a\"}"), "line 1, byte 5: expected a colon behind a key" },
		{ STR("{\"a\":}"), "line 1, byte 6: expected a value" },
		{ STR("{\"a\":"), "line 1, byte 6: the text ends where a value is expected" },
		{ STR("{\"a\":1"), "line 1, byte 7: the text ends inside an object" },
		{ STR("{\"a\":1,}"), "line 1, byte 8: expected a key in quotes" },
		{ STR("{\"a\":1;}"), "line 1, byte 7: expected a comma or } in an object" },
		{ STR("{\"a\":1,\n \"a\":2}"), "line 2, byte 2: a duplicate key in an object" },
		{ STR("{\"ab\":1,\"a\\u0062\":2}"), "line 1, byte 9: a duplicate key in an object" },
		{ STR("{\"\":1,\"\":2}"), "line 1, byte 7: a duplicate key in an object" },
		{ STR("[{\"long name a\":1,\"long name b\":1,\"long name a\":{}}]"),
		  "line 1, byte 35: a duplicate key in an object" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct doc doc = { .count = 77 };
		struct fault fault = FAULT_NONE;

		if (parse(&doc, rows[i].text, &fault) != REJECT)
			fail_msg("accepted, wanted %s", rows[i].want);
		assert_int_equal(fault.reason, REASON_JSON_INVALID);
		assert_string_equal(fault.text, rows[i].want);
		assert_int_equal(doc.count, 77);
	}
	assert_int_equal(doc_parse(&(struct doc){ 0 }, STR_NONE, &arena, &(struct fault){ 0 }), REJECT);
}

/* Every cut of a good text is a bad one, and is seen without reading behind it. */
static void test_every_cut(void **state)
{
	static const struct str text = STR("{\"a\\u00e4\\uD83D\\ude00\":[true,false,null,-1.5e+3,"
					   "\"\xe4\xb8\xad\"],\"b\":{}}");

	(void)state;
	for (size_t n = 0; n < text.n; n++) {
		struct doc doc;
		struct fault fault = FAULT_NONE;

		assert_int_equal(parse(&doc, (struct str){ text.p, n }, &fault), REJECT);
	}
	(void)doc_of(text.p);
}

/* A string's odd byte is seen wherever it stands in the words the scanner reads. */
static void test_every_place_in_a_word(void **state)
{
	(void)state;
	for (size_t n = 0; n < 20; n++)
		for (int c = 0; c < 256; c++) {
			char text[32] = "\"xxxxxxxxxxxxxxxxxxxxx";
			bool good = c >= ' ' && c < 0x80 && c != '\\' && c != '"';
			struct doc doc;
			struct fault fault = FAULT_NONE;

			text[1 + n] = (char)c;
			text[22] = '"';
			assert_int_equal(parse(&doc, (struct str){ text, 23 }, &fault), good ? OK : REJECT);
		}
}

static void test_deep(void **state)
{
	static const size_t depth = 262144;
	cleanup(buf_done) struct buf buf = { 0 };
	struct doc doc;
	struct fault fault = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < depth; i++)
		buf_char(&buf, '[');
	assert_int_equal(parse(&doc, buf_view(&buf), &fault), REJECT);
	assert_string_equal(fault.text, "line 1, byte 262145: the text ends where a value is expected");
	for (size_t i = 0; i < depth; i++)
		buf_char(&buf, ']');
	fault = FAULT_NONE;
	assert_int_equal(parse(&doc, buf_view(&buf), &fault), OK);
	assert_int_equal(doc.count, depth);
	assert_int_equal(doc.nodes[depth - 1].depth, depth);
	assert_int_equal(doc_pointer(&doc, (uint32_t)depth - 1, &arena).n, 2 * (depth - 1));
	buf_clear(&buf);
	for (size_t i = 0; i < depth / 5; i++)
		buf_z(&buf, "{\"\":");
	buf_z(&buf, "1");
	assert_int_equal(parse(&doc, buf_view(&buf), &fault), REJECT);
}

static void test_many_keys(void **state)
{
	(void)state;
	/* Around the step from pairs to sorting, and far beyond it; the repeated key is spelt another way. */
	static const int counts[] = { 1, 2, 16, 23, 24, 25, 26, 1000, 60000 };

	for (size_t i = 0; i < array_count(counts); i++) {
		cleanup(buf_done) struct buf buf = { 0 };
		struct doc doc;
		struct fault fault = FAULT_NONE;
		int64_t number = 0;

		buf_char(&buf, '{');
		for (int k = 0; k < counts[i]; k++)
			buf_format(&buf, "%s\"key-of-a-length-%c-%d\":%d", k ? "," : "", k & 1 ? 'a' : 'b',
				   k * 7919 % 60013, k);
		buf_char(&buf, '}');
		assert_int_equal(parse(&doc, buf_view(&buf), &fault), OK);
		assert_int_equal(doc.nodes[0].count, counts[i]);
		assert_true(doc_int64(&doc, doc_member(&doc, 0, STR("key-of-a-length-b-0")), &number));
		assert_int_equal(number, 0);
		buf.n--;
		buf_z(&buf, ",\"key-of-a-length-\\u0062-0\":0}");
		assert_int_equal(parse(&doc, buf_view(&buf), &fault), REJECT);
		assert_true(str_ends(str_of(fault.text), STR(": a duplicate key in an object")));
	}
}

static void test_nodes(void **state)
{
	struct doc doc = doc_of("{\"a\":[1,{\"b\":\"x\"}],\"c\":null}");
	uint32_t list = doc_member(&doc, 0, STR("a"));
	uint32_t key = doc_first(&doc, 0);
	uint32_t element;

	(void)state;
	assert_true(doc.nodes[key].is_key);
	assert_str(doc_string(&doc, key, &arena), "a");
	assert_int_equal(list, key + 1);
	assert_int_equal(doc.nodes[key].depth, 2);
	assert_int_equal(doc.nodes[list].depth, 2);
	assert_int_equal(doc.nodes[list].count, 2);
	key = doc_next(&doc, 0, key);
	assert_str(doc_string(&doc, key, &arena), "c");
	assert_int_equal(doc_next(&doc, 0, key), 0);
	element = doc_first(&doc, list);
	assert_str(doc_raw(&doc, element), "1");
	element = doc_next(&doc, list, element);
	assert_str(doc_raw(&doc, element), "{\"b\":\"x\"}");
	assert_int_equal(doc_next(&doc, list, element), 0);
	assert_int_equal(doc.nodes[doc_member(&doc, element, STR("b"))].depth, 4);
	assert_str(doc_raw(&doc, doc_member(&doc, element, STR("b"))), "\"x\"");
	assert_int_equal(doc_first(&doc, doc_member(&doc, 0, STR("c"))), 0);
}

static void test_members(void **state)
{
	struct doc doc = doc_of("{\"customer\":{\"phone\":\"1\\u00e4\\n\",\"\":7},\"n\\u0061me\":\"N\",\"e\":{},"
				"\"\\ud83d\\ude00\":1}");
	struct doc none = { 0 };
	struct doc scalar = doc_of("\"root\"");

	(void)state;
	assert_str(doc_get(&doc, "customer.phone", &arena), "1\xc3\xa4\n");
	assert_str(doc_get(&doc, "name", &arena), "N");
	assert_null(doc_get(&doc, "nam", &arena).p);
	assert_null(doc_get(&doc, "name2", &arena).p);
	assert_null(doc_get(&doc, "name.x", &arena).p);
	assert_null(doc_get(&doc, "customer", &arena).p);
	assert_null(doc_get(&doc, "e.x.y", &arena).p);
	assert_int_not_equal(doc_path(&doc, 0, STR("customer.")), 0);
	assert_int_equal(doc_path(&doc, 0, STR("")), 0);
	assert_int_not_equal(doc_member(&doc, 0, STR("\xf0\x9f\x98\x80")), 0);
	assert_int_equal(doc_member(&doc, 0, STR("\xf0\x9f\x98\x81")), 0);
	/* Nothing is found where nothing was parsed. */
	assert_int_equal(doc_member(&none, 0, STR("a")), 0);
	assert_int_equal(doc_first(&none, 0), 0);
	assert_null(doc_get(&none, "a.b", &arena).p);
	assert_null(doc_raw(&none, 0).p);
	assert_int_equal(doc_type(&none, 0), DOC_NULL);
	assert_int_equal(doc_member(&scalar, 0, STR("a")), 0);
	assert_null(doc_string(&scalar, 0, &arena).p);
}

static void test_int64(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int64_t want;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "1.0", true, 1 },
		{ "1e2", true, 100 },
		{ "-1.5e1", true, -15 },
		{ "1200e-2", true, 12 },
		{ "0.00012E5", true, 12 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "-9223372036854775808.000", true, INT64_MIN },
		{ "9007199254740993", true, INT64_C(9007199254740993) },
		{ "0e999999999999999999999999", true, 0 },
		{ "0.0e-999999999999999999999", true, 0 },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "1.5", false, 0 },
		{ "1e-1", false, 0 },
		{ "1e19", false, 0 },
		{ "1e999999999999999999999999", false, 0 },
		{ "1e-999999999999999999999999", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct doc doc = doc_of(str_format(&arena, "[%s]", rows[i].text).p);
		int64_t number = 42;

		assert_int_equal(doc_int64(&doc, 1, &number), rows[i].good);
		assert_true(number == (rows[i].good ? rows[i].want : 42));
		assert_false(doc_int64(&doc, 0, &number));
	}
}

static void test_other_values(void **state)
{
	struct doc doc = doc_of("{\"d\":-12.5e1,\"big\":1e400,\"t\":true,\"f\":false,\"one\":1,"
				"\"at\":\"1970-01-01T08:00:01+08:00\",\"no\":\"today\","
				"\"esc\":\"1970-01-01\\u005400:00:02Z\"}");
	double value = 42;

	(void)state;
	assert_true(doc_double(&doc, doc_member(&doc, 0, STR("d")), &value));
	assert_true(value == -125.0);
	assert_false(doc_double(&doc, doc_member(&doc, 0, STR("big")), &value));
	assert_false(doc_double(&doc, doc_member(&doc, 0, STR("t")), &value));
	assert_false(doc_double(&doc, 0, &value));
	assert_true(value == -125.0);
	assert_true(doc_true(&doc, doc_member(&doc, 0, STR("t"))));
	assert_false(doc_true(&doc, doc_member(&doc, 0, STR("f"))));
	assert_false(doc_true(&doc, doc_member(&doc, 0, STR("one"))));
	assert_false(doc_true(&doc, 0));
	assert_true(doc_instant(&doc, doc_member(&doc, 0, STR("at"))) == SECOND);
	assert_true(doc_instant(&doc, doc_member(&doc, 0, STR("esc"))) == 2 * SECOND);
	assert_true(doc_instant(&doc, doc_member(&doc, 0, STR("no"))) == INSTANT_NONE);
	assert_true(doc_instant(&doc, doc_member(&doc, 0, STR("one"))) == INSTANT_NONE);
	assert_true(doc_instant(&doc, 0) == INSTANT_NONE);
}

static void test_pointer(void **state)
{
	struct doc doc = doc_of("{\"a\":{\"b/c\":[0,[],{\"x~\\u0079\":1}]},\"z\":2}");

	(void)state;
	assert_str(doc_pointer(&doc, 0, &arena), "");
	assert_str(doc_pointer(&doc, 1, &arena), "/a");
	assert_str(doc_pointer(&doc, 2, &arena), "/a");
	assert_str(doc_pointer(&doc, 4, &arena), "/a/b~1c");
	assert_str(doc_pointer(&doc, 5, &arena), "/a/b~1c/0");
	assert_str(doc_pointer(&doc, 6, &arena), "/a/b~1c/1");
	assert_str(doc_pointer(&doc, doc.nodes[6].end + 2, &arena), "/a/b~1c/2/x~0y");
	assert_str(doc_pointer(&doc, doc_member(&doc, 0, STR("z")), &arena), "/z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, setup),
		cmocka_unit_test_setup(test_bad, setup),
		cmocka_unit_test_setup(test_every_cut, setup),
		cmocka_unit_test_setup(test_every_place_in_a_word, setup),
		cmocka_unit_test_setup(test_deep, setup),
		cmocka_unit_test_setup(test_many_keys, setup),
		cmocka_unit_test_setup(test_nodes, setup),
		cmocka_unit_test_setup(test_members, setup),
		cmocka_unit_test_setup(test_int64, setup),
		cmocka_unit_test_setup(test_other_values, setup),
		cmocka_unit_test_setup(test_pointer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
