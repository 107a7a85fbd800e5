/* The validator itself: each keyword, the general limits at their edge, and what must not load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/schema_rules.h"

#define HEAD "{\"$schema\":\"x\",\"$id\":\"https://h/events/t.json\""
/* Values are tried as the element of an array: data are never a scalar. */
#define ELEMENT ",\"items\":{\"title\":\"t\"%s}"

static enum verdict load_one(const char *format, const char *body, struct schema_set **ret, struct fault *fault)
{
	static const char other[] = "{\"$id\":\"https://h/events/other.json\",\"$defs\":{\"n\":{\"type\":\"integer\"},"
				    "\"again\":{\"title\":\"only a reference\",\"$ref\":\"#/$defs/n\"}}}";
	char text[2000], inner[1900];
	struct embed_file files[] = { { "schemas/events/t.json", text, NULL },
				      { "schemas/events/other.json", other, other + sizeof(other) - 1 },
				      { "schemas/sql/0001_start.sql", "create", "" },
				      { "schemas/policy.json", "{", "" } };

	(void)snprintf(inner, sizeof(inner), format, body);
	files[0].end = text + snprintf(text, sizeof(text), HEAD "%s}", inner);
	files[2].end = files[2].begin + 6;
	files[3].end = files[3].begin + 1;
	return schema_compile(files, array_count(files), ret, fault);
}

/* yes and no: values, separated by a bar, that fit and that do not. */
static const struct {
	const char *schema, *yes, *no;
} keywords[] = {
	{ "", "1|\"x\"|null|{}|[]", NULL },
	{ ",\"type\":\"string\"", "\"\"", "1|null|{}|[]|true" },
	{ ",\"type\":[\"integer\",\"null\"]", "1|null|1.0|1e2|-0", "1.5|\"1\"|1e-1|true" },
	{ ",\"type\":\"number\"", "1|1.5|1e400|-3", "\"1\"|null" },
	{ ",\"type\":\"boolean\"", "true|false", "null|0|\"true\"" },
	{ ",\"type\":\"object\"", "{}", "[]|null" },
	{ ",\"type\":\"array\"", "[]", "{}|\"[]\"" },
	{ ",\"enum\":[\"a\",\"\\u00e9\",2,null,true]", "\"a\"|\"\xc3\xa9\"|\"\\u00e9\"|\"\\u0061\"|2|2.0|null|true", "\"b\"|3|false|{}|\"\"" },
	{ ",\"const\":\"met\"", "\"met\"", "\"breached\"|null|1" },
	{ ",\"const\":false", "false", "true|null" },
	{ ",\"minLength\":2,\"maxLength\":3", "\"ab\"|\"\xe5\x8d\x8e\xe5\x8d\x8e\xe5\x8d\x8e\"|\"\\u0061\\u0062\"|\"\\ud83d\\ude00\\ud83d\\ude00\"|7", "\"a\"|\"abcd\"|\"\\ud83d\\ude00\"|\"\"" },
	{ ",\"minimum\":1,\"maximum\":2.5", "1|2.5|1.0|\"x\"", "0.99|2.51|-1|1e400" },
	{ ",\"exclusiveMinimum\":0", "0.1", "0|-0.0|-1" },
	{ ",\"pattern\":\"^[A-Z]+$\"", "\"AB\"|1", "\"a\"|\"AB\\n\"|\"\"" },
	{ ",\"format\":\"date-time\"", "\"2026-11-23T10:41:57+08:00\"|\"2026-11-23T10:41:57.123456789Z\"|5", "\"2026-11-23T10:41:57\"|\"2026-11-23\"|\"\"|\"2026-02-30T00:00:00Z\"" },
	{ ",\"format\":\"date\"", "\"2026-11-23\"|\"2024-02-29\"", "\"2026-02-29\"|\"2026-11-2\"|\"2026-11-23Z\"|\"2026-13-01\"|\"\"" },
	{ ",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2", "[1]|[1,2]|{}", "[]|[1,2,3]|[\"a\"]|[1,[1]]" },
	{ ",\"minProperties\":1", "{\"a\":1}|[]", "{}" },
	{ ",\"required\":[\"a\",\"b\"]", "{\"b\":1,\"c\":[{}],\"a\":null}|7|{\"\\u0061\":1,\"b\":2}", "{}|{\"a\":1}|{\"b\":1}" },
	{ ",\"properties\":{\"a\":{\"type\":\"string\"},\"\":false},\"required\":[\"a\"]", "{\"a\":\"x\"}|{\"a\":\"\",\"b\":{}}", "{\"a\":1}|{\"\\u0061\":1}|{\"a\":\"\",\"\":1}|{\"b\":\"\"}" },
	{ ",\"properties\":{\"a\":true,\"b\":false}", "{\"a\":1}|{}", "{\"b\":1}" },
	{ ",\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]", "\"x\"|5|null", "4" },
	{ ",\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]", "4|5.5", "5|4.5" },
	{ ",\"allOf\":[{\"minimum\":1},{\"maximum\":2}]", "1|2", "0|3" },
	{ ",\"not\":{\"required\":[\"a\"]}", "{}|{\"b\":1}", "{\"a\":1}|1" },
	{ ",\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},\"else\":{\"required\":[\"c\"]}", "{\"a\":1,\"b\":1}|{\"c\":1}", "{\"a\":1}|{}|{\"a\":1,\"c\":1}" },
	{ ",\"if\":{\"const\":1},\"else\":{\"type\":\"string\"}", "1|\"x\"", "2" },
	{ ",\"$ref\":\"other.json#/$defs/again\",\"minimum\":2", "2|3", "1|\"x\"|2.5" },
	{ ",\"properties\":{\"n\":{\"$ref\":\"other.json#/$defs/n\"}}", "{\"n\":1}", "{\"n\":\"\"}" },
	{ ",\"$ref\":\"#/items/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"sub\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/items/$defs/tree\"}}}}}", "{}|{\"sub\":[{},{\"sub\":[]}]}", "{\"sub\":[1]}|{\"sub\":[{\"sub\":[{\"sub\":1}]}]}" },
	{ ",\"properties\":{\"self\":{\"$ref\":\"#/items\"},\"n\":{\"type\":\"null\"}}", "{\"self\":{\"self\":{\"n\":null}}}", "{\"self\":{\"self\":{\"n\":1}}}" },
	{ ",\"x-anything\":{\"a\":[1]},\"$comment\":\"c\",\"description\":\"d\",\"examples\":[1]", "1|{}", NULL },
	{ ",\"type\":\"string\",\"x-message\":\"must be nice\"", "\"x\"", "1" },
};

static void try_values(const struct schema *schema, const char *values, enum verdict want, const char *what)
{
	struct str rest = str_of(values);
	struct arena arena = { 0 };

	while (rest.p) {
		struct str value = str_cut(&rest, '|');
		struct fault fault = FAULT_NONE;
		struct doc doc;

		value = str_format(&arena, "[%.*s]", STR_ARG(value));
		assert_int_equal(doc_parse(&doc, value, &arena, &fault), OK);
		if (schema_check(schema, &doc, &arena, &fault) != want || fault.verdict != want)
			fail_msg("{%s}: %.*s: %s", what, STR_ARG(value), want == OK ? fault.text : "was taken");
		if (want == REJECT && (fault.reason != REASON_SCHEMA_INVALID || strncmp(fault.text, "at ", 3) != 0))
			fail_msg("{%s}: %.*s: %s", what, STR_ARG(value), fault.text);
	}
	arena_done(&arena);
}

static void test_keywords(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(keywords); i++) {
		struct schema_set *set = NULL;
		struct fault fault = FAULT_NONE;

		if (load_one(ELEMENT, keywords[i].schema, &set, &fault) != OK)
			fail_msg("{%s}: %s", keywords[i].schema, fault.text);
		try_values(schema_of(set, STR("t")), keywords[i].yes, OK, keywords[i].schema);
		try_values(schema_of(set, STR("t")), keywords[i].no, REJECT, keywords[i].schema);
		schema_free(set);
	}
}

/* What must not load, and words that the fault must hold. */
static const struct {
	const char *schema, *want;
} wrong[] = {
	{ ",\"unevaluatedProperties\":false", "t.json: at /unevaluatedProperties: the keyword is not implemented" },
	{ ",\"properties\":{\"a\":{\"items\":{\"uniqueItems\":true}}}", "at /properties/a/items/uniqueItems: the keyword" },
	{ ",\"$defs\":{\"unused\":{\"contains\":{}}}", "at /$defs/unused/contains: the keyword" },
	{ ",\"default\":1", "at /default: the keyword" },
	{ ",\"$ref\":\"nowhere.json\"", "no such file: $ref nowhere.json" },
	{ ",\"$ref\":\"other.json#/$defs/x\"", "leads nowhere" },
	{ ",\"$ref\":\"other.json#anchor\"", "only JSON pointers" },
	{ ",\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}", "a circle of $ref" },
	{ ",\"anyOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}", "refers to itself" },
	{ ",\"allOf\":[{\"$ref\":\"#\"}]", "refers to itself" },
	{ ",\"type\":\"text\"", "at /type: no such type: text" },
	{ ",\"type\":7", "at /type: no such type" },
	{ ",\"format\":\"email\"", "format is not implemented: email" },
	{ ",\"pattern\":\"(\"", "at /pattern: no regular expression" },
	{ ",\"enum\":[]", "at /enum" },
	{ ",\"enum\":[{}]", "at /enum" },
	{ ",\"const\":[]", "at /const" },
	{ ",\"maxLength\":-1", "at /maxLength: must be a whole number" },
	{ ",\"maxLength\":\"7\"", "at /maxLength: must be a whole number" },
	{ ",\"minimum\":\"7\"", "at /minimum" },
	{ ",\"minimum\":1,\"exclusiveMinimum\":1", "must be one number" },
	{ ",\"items\":[{}]", "a schema must be an object" },
	{ ",\"anyOf\":[]", "must be a list" },
	{ ",\"anyOf\":[7]", "at /anyOf/0: a schema must be" },
	{ ",\"required\":[\"a\",\"a\"]", "required twice: a" },
	{ ",\"required\":\"a\"", "required a list" },
	{ ",\"then\":{}", "without if" },
	{ ",\"$id\":\"https://h/events/t.json\"", "duplicate" },
	{ ",", "schemas/events/t.json:1:" },
};

static void test_wrong_schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(wrong); i++) {
		struct schema_set *set = NULL;
		struct fault fault = FAULT_NONE;

		if (load_one("%s", wrong[i].schema, &set, &fault) != FATAL || set)
			fail_msg("{%s} was loaded", wrong[i].schema);
		if (!strstr(fault.text, wrong[i].want))
			fail_msg("{%s}: %s", wrong[i].schema, fault.text);
	}
	schema_free(NULL);
}

static void test_id_names_the_file(void **state)
{
	static const char text[] = "{\"$id\":\"https://h/events/other.json\"}";
	const struct embed_file file = { "schemas/events/t.json", text, text + sizeof(text) - 1 };
	struct schema_set *set = NULL;
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(schema_compile(&file, 1, &set, &fault), FATAL);
	assert_non_null(strstr(fault.text, "$id"));
}

/* ---- the contract's limits, at the edge and one over; without a schema ---- */

static void repeat(struct buf *buf, const char *text, size_t times)
{
	while (times-- > 0)
		buf_z(buf, text);
}

static void test_limits(void **state)
{
	static const struct {
		const char *before, *unit, *after;
		size_t most;
		const char *want;
	} rows[] = {
		{ "", "[", "", 16, "nested 17 deep, at most 16" },
		{ "{\"a\":\"", "x", "\"}", 65536, "at /a: 65537 characters, at most 65536" },
		{ "{\"a\":\"", "\xe5\x8d\x8e", "\"}", 65536, "at /a: 65537 characters, at most 65536" },
		{ "{\"a\":\"", "\\u534e", "\"}", 65536, "at /a: 65537 characters, at most 65536" },
		{ "{\"", "\xe5\x8d\x8e", "\":1}", 200, "a name of 201 characters, at most 200" },
		{ "{\"", "\\n", "\":1}", 200, "a name of 201 characters, at most 200" },
		{ "{\"a\":[0", ",0", "]}", 99, "at /a: 101 elements, at most 100" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		for (size_t over = 0; over < 2; over++) {
			struct fault fault = FAULT_NONE;
			struct arena arena = { 0 };
			struct buf buf = { 0 };
			struct doc doc;

			buf_z(&buf, rows[i].before);
			repeat(&buf, rows[i].unit, rows[i].most + over);
			if (rows[i].unit[0] == '[') {
				buf_z(&buf, "\"inside\"");
				repeat(&buf, "]", rows[i].most + over);
			}
			buf_z(&buf, rows[i].after);
			assert_int_equal(doc_parse(&doc, buf_view(&buf), &arena, &fault), OK);
			if (schema_check(NULL, &doc, &arena, &fault) != (over ? REJECT : OK))
				fail_msg("row %zu: %s", i, over ? "was taken" : fault.text);
			if (over && !strstr(fault.text, rows[i].want))
				fail_msg("row %zu: %s", i, fault.text);
			assert_true(str_utf8(str_of(fault.text)));
			buf_done(&buf);
			arena_done(&arena);
		}
	struct doc none = { 0 };
	struct fault fault = FAULT_NONE;

	assert_int_equal(schema_check(NULL, &none, NULL, &fault), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_wrong_schemas),
		cmocka_unit_test(test_id_names_the_file),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
