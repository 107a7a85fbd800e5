/* Conditions: what is compiled from a document's match, and whether it holds over a vector of attributes.
 *
 * One table of {condition, what is looked at, holds}; both sides are written as JSON and go through the real compiler. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/io/policy_inner.h"

#define SAME_MODEL "{\"event.item.model\": {\"path\": \"installation.model\"}}"
#define GRADE_AT_LEAST "{\"event.item.quality_grade\": {\"gte\": {\"path\": \"installation.quality_grade\"}}}"
#define NOW "2026-11-23T12:00:00+08:00"

struct bench {
	struct arena arena;
	struct attributes attributes;
	struct buf errors;
};

static void bench_done(struct bench *bench)
{
	arena_done(&bench->arena);
	attributes_done(&bench->attributes);
	buf_done(&bench->errors);
}

static struct value value_of(struct arena *arena, json_t *json)
{
	struct value *items;
	size_t count;

	if (json_is_string(json))
		return (struct value){ .type = VALUE_STRING,
				       .string = str_copy(arena, str_of(json_string_value(json))) };
	if (json_is_number(json))
		return (struct value){ .type = VALUE_NUMBER, .number = json_number_value(json) };
	if (json_is_boolean(json))
		return (struct value){ .type = VALUE_BOOL, .boolean = json_is_true(json) };
	if (json_is_object(json))
		return (struct value){ .type = VALUE_OBJECT };
	if (!json_is_array(json))
		return (struct value){ 0 };
	count = json_array_size(json);
	items = arena_zero(arena, (count + 1) * sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = value_of(arena, json_array_get(json, i));
	return (struct value){ .type = VALUE_LIST, .list = { items, count } };
}

/* Compiles the condition; the number of errors. */
static size_t compile(struct bench *bench, const char *text, struct match *ret)
{
	struct compile compile = { .name = "m", .errors = &bench->errors, .arena = &bench->arena,
				   .attributes = &bench->attributes, .zone_offset_us = 8 * HOUR };
	struct place root = { .value = json_loads(text, 0, NULL) };

	assert_non_null(root.value);
	*ret = read_match(&compile, &root);
	json_decref(root.value);
	return compile.error_count;
}

/* `looked_at` is a flat object: path -> value. */
static bool holds(struct bench *bench, const struct match *match, const char *looked_at)
{
	json_t *object = json_loads(looked_at, 0, NULL);
	struct value *vector = arena_zero(&bench->arena, (bench->attributes.count + 1) * sizeof(*vector));
	instant now;
	bool result;

	assert_non_null(object);
	assert_true(instant_parse(STR(NOW), &now));
	for (size_t i = 0; i < bench->attributes.count; i++)
		vector[i] = value_of(&bench->arena,
				     json_object_get(object, str_z(&bench->arena, bench->attributes.items[i].path)));
	result = match_holds(match, vector, now);
	json_decref(object);
	return result;
}

static void test_holds(void **state)
{
	static const struct {
		const char *match, *looked_at;
		bool want;
	} rows[] = {
		/* nothing demanded */
		{ "{}", "{}", true },
		/* scalars, exactly */
		{ "{\"kind\": \"fault\"}", "{\"kind\": \"fault\"}", true },
		{ "{\"kind\": \"fault\"}", "{\"kind\": \"complaint\"}", false },
		{ "{\"kind\": \"fault\"}", "{\"kind\": \"Fault\"}", false },
		{ "{\"kind\": \"fault\"}", "{}", false },
		{ "{\"product.model\": \"5\"}", "{\"product.model\": 5}", false },
		{ "{\"event.score\": 5}", "{\"event.score\": 5.0}", true },
		{ "{\"urgent\": true}", "{\"urgent\": true}", true },
		{ "{\"urgent\": true}", "{\"urgent\": false}", false },
		{ "{\"urgent\": false}", "{\"urgent\": false}", true },
		{ "{\"urgent\": false}", "{}", false },
		/* all members */
		{ "{\"kind\": \"fault\", \"severity\": \"urgent\"}", "{\"kind\": \"fault\", \"severity\": \"urgent\"}", true },
		{ "{\"kind\": \"fault\", \"severity\": \"urgent\"}", "{\"kind\": \"fault\", \"severity\": \"general\"}", false },
		{ "{\"kind\": \"fault\", \"severity\": \"urgent\"}", "{\"kind\": \"fault\"}", false },
		/* lists, on either side and on both */
		{ "{\"kind\": [\"fault\", \"complaint\"]}", "{\"kind\": \"complaint\"}", true },
		{ "{\"kind\": [\"fault\", \"complaint\"]}", "{\"kind\": \"order\"}", false },
		{ "{\"tags\": \"vip\"}", "{\"tags\": [\"new\", \"vip\"]}", true },
		{ "{\"tags\": \"vip\"}", "{\"tags\": []}", false },
		{ "{\"tags\": [\"old\", \"vip\"]}", "{\"tags\": [\"new\", \"vip\"]}", true },
		{ "{\"tags\": [\"old\", \"late\"]}", "{\"tags\": [\"new\", \"vip\"]}", false },
		/* presence */
		{ "{\"event.signature\": {\"exists\": true}}", "{\"event.signature\": {\"signer\": \"x\"}}", true },
		{ "{\"event.signature\": {\"exists\": true}}", "{\"event.signature\": null}", false },
		{ "{\"event.signature\": {\"exists\": true}}", "{}", false },
		{ "{\"event.signature\": {\"exists\": false}}", "{}", true },
		{ "{\"event.signature\": {\"exists\": false}}", "{\"event.signature\": \"x\"}", false },
		{ "{\"tags\": {\"exists\": true}}", "{\"tags\": []}", true },
		/* numbers */
		{ "{\"event.score\": {\"gte\": 60}}", "{\"event.score\": 60}", true },
		{ "{\"event.score\": {\"gt\": 60}}", "{\"event.score\": 60}", false },
		{ "{\"event.score\": {\"lte\": 60}}", "{\"event.score\": 60}", true },
		{ "{\"event.score\": {\"lt\": 60}}", "{\"event.score\": 60}", false },
		{ "{\"event.score\": {\"lt\": 60}}", "{\"event.score\": 59.5}", true },
		{ "{\"event.score\": {\"gte\": 10, \"lt\": 20}}", "{\"event.score\": 15}", true },
		{ "{\"event.score\": {\"gte\": 10, \"lt\": 20}}", "{\"event.score\": 20}", false },
		{ "{\"event.score\": {\"lt\": 60}}", "{}", false },
		{ "{\"event.score\": {\"lt\": 60}}", "{\"event.score\": \"5\"}", false },
		/* times are instants, whatever their zone */
		{ "{\"event.until\": {\"gt\": \"2026-01-01T00:00:00Z\"}}", "{\"event.until\": \"2026-01-01T07:59:59+08:00\"}", false },
		{ "{\"event.until\": {\"gte\": \"2026-01-01T00:00:00Z\"}}", "{\"event.until\": \"2026-01-01T08:00:00+08:00\"}", true },
		{ "{\"event.until\": {\"lt\": \"2026-01-01T00:00:00.000001Z\"}}", "{\"event.until\": \"2026-01-01T00:00:00Z\"}", true },
		/* where one side is a date, days of the zone are compared */
		{ "{\"event.until\": {\"lte\": \"2026-01-01\"}}", "{\"event.until\": \"2026-01-01T23:59:59+08:00\"}", true },
		{ "{\"event.until\": {\"lte\": \"2026-01-01\"}}", "{\"event.until\": \"2026-01-01T16:00:00Z\"}", false },
		{ "{\"event.until\": {\"gt\": \"2026-01-01\"}}", "{\"event.until\": \"2026-01-01T23:59:59+08:00\"}", false },
		{ "{\"event.date\": {\"gte\": \"2026-01-01T10:00:00+08:00\"}}", "{\"event.date\": \"2026-01-01\"}", true },
		/* durations are lengths */
		{ "{\"clock.limit\": {\"gte\": \"PT2H\"}}", "{\"clock.limit\": \"PT120M\"}", true },
		{ "{\"clock.limit\": {\"gt\": \"PT2H\"}}", "{\"clock.limit\": \"PT120M\"}", false },
		{ "{\"clock.limit\": {\"lt\": \"P1D\"}}", "{\"clock.limit\": \"PT23H59M\"}", true },
		{ "{\"clock.limit\": {\"gt\": \"P1M\"}}", "{\"clock.limit\": \"P40D\"}", true },
		{ "{\"clock.limit\": {\"lt\": \"P1Y\"}}", "{\"clock.limit\": \"P11M\"}", true },
		{ "{\"clock.limit\": {\"lt\": \"P1Y\"}}", "{\"clock.limit\": \"2026-01-01T00:00:00Z\"}", false },
		/* within, both ways, the last day included */
		{ "{\"event.date\": {\"within\": \"P1Y\", \"of\": \"now\"}}", "{\"event.date\": \"2025-11-23\"}", true },
		{ "{\"event.date\": {\"within\": \"P1Y\", \"of\": \"now\"}}", "{\"event.date\": \"2025-11-22\"}", false },
		{ "{\"event.date\": {\"within\": \"P1Y\", \"of\": \"now\"}}", "{\"event.date\": \"2027-11-23\"}", true },
		{ "{\"event.date\": {\"within\": \"P1Y\", \"of\": \"now\"}}", "{\"event.date\": \"2027-11-24\"}", false },
		{ "{\"event.until\": {\"within\": \"PT1H\", \"of\": \"now\"}}", "{\"event.until\": \"2026-11-23T03:00:00Z\"}", true },
		{ "{\"event.until\": {\"within\": \"PT1H\", \"of\": \"now\"}}", "{\"event.until\": \"2026-11-23T02:59:59Z\"}", false },
		{ "{\"event.until\": {\"within\": \"PT1H\", \"of\": \"now\"}}", "{\"event.until\": \"soon\"}", false },
		/* what stands at another path */
		{ SAME_MODEL, "{\"event.item.model\": \"AX\", \"installation.model\": \"AX\"}", true },
		{ SAME_MODEL, "{\"event.item.model\": \"AX\", \"installation.model\": \"BX\"}", false },
		{ SAME_MODEL, "{\"event.item.model\": \"AX\"}", false },
		{ SAME_MODEL, "{\"installation.model\": \"AX\"}", false },
		{ SAME_MODEL, "{}", false },
		{ "{\"owner.id\": {\"path\": \"about_staff\"}}", "{\"owner.id\": \"E2\", \"about_staff\": [\"E1\", \"E2\"]}", true },
		{ "{\"owner.id\": {\"path\": \"about_staff\"}}", "{\"owner.id\": \"E3\", \"about_staff\": [\"E1\", \"E2\"]}", false },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 3, \"installation.quality_grade\": 3}", true },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 4, \"installation.quality_grade\": 3}", true },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 2, \"installation.quality_grade\": 3}", false },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 2}", false },
		{ GRADE_AT_LEAST, "{\"installation.quality_grade\": 3}", false },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 3, \"installation.quality_grade\": [3]}", true },
		{ GRADE_AT_LEAST, "{\"event.item.quality_grade\": 3, \"installation.quality_grade\": [3, 2]}", false },
		{ "{\"event.until\": {\"lte\": {\"path\": \"installation.warranty_until\"}}}",
		  "{\"event.until\": \"2026-01-01T23:59:59+08:00\", \"installation.warranty_until\": \"2026-01-01\"}", true },
		{ "{\"not\": " SAME_MODEL "}", "{}", true },
		/* groups */
		{ "{\"not\": {\"kind\": \"fault\"}}", "{\"kind\": \"order\"}", true },
		{ "{\"not\": {\"kind\": \"fault\"}}", "{\"kind\": \"fault\"}", false },
		{ "{\"not\": {\"kind\": \"fault\"}}", "{}", true },
		{ "{\"not\": {\"kind\": \"fault\", \"urgent\": true}}", "{\"kind\": \"fault\"}", true },
		{ "{\"not\": {}}", "{}", false },
		{ "{\"any\": [{\"kind\": \"fault\"}, {\"urgent\": true}]}", "{\"kind\": \"order\", \"urgent\": true}", true },
		{ "{\"any\": [{\"kind\": \"fault\"}, {\"urgent\": true}]}", "{\"kind\": \"order\"}", false },
		{ "{\"any\": [{\"kind\": \"fault\", \"urgent\": true}, {\"mode\": \"onsite\"}]}", "{\"kind\": \"fault\"}", false },
		{ "{\"all\": [{\"kind\": \"fault\"}, {\"urgent\": true}]}", "{\"kind\": \"fault\", \"urgent\": true}", true },
		{ "{\"all\": [{\"kind\": \"fault\"}, {\"urgent\": true}]}", "{\"urgent\": true}", false },
		{ "{\"any\": [{\"not\": {\"any\": [{\"kind\": \"fault\"}, {\"kind\": \"order\"}]}}, {\"urgent\": true}], \"mode\": \"remote\"}",
		  "{\"kind\": \"complaint\", \"mode\": \"remote\"}", true },
		{ "{\"any\": [{\"not\": {\"any\": [{\"kind\": \"fault\"}, {\"kind\": \"order\"}]}}, {\"urgent\": true}], \"mode\": \"remote\"}",
		  "{\"kind\": \"order\", \"mode\": \"remote\"}", false },
		{ "{\"any\": [{\"not\": {\"any\": [{\"kind\": \"fault\"}, {\"kind\": \"order\"}]}}, {\"urgent\": true}], \"mode\": \"remote\"}",
		  "{\"kind\": \"order\", \"urgent\": true}", false },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct bench bench = { 0 };
		struct match match;

		if (compile(&bench, rows[i].match, &match) > 0)
			fail_msg("%s: %.*s", rows[i].match, STR_ARG(buf_view(&bench.errors)));
		if (holds(&bench, &match, rows[i].looked_at) != rows[i].want)
			fail_msg("%s over %s: want %d", rows[i].match, rows[i].looked_at, rows[i].want);
		bench_done(&bench);
	}
}

/* Cut at the first group, a match without vector is one over nothing. */
static void test_without_vector(void **state)
{
	struct bench bench = { 0 };
	struct match match;

	(void)state;
	assert_int_equal(compile(&bench, "{\"kind\": \"fault\"}", &match), 0);
	assert_false(match_holds(&match, NULL, 0));
	assert_int_equal(compile(&bench, "{\"not\": {\"kind\": \"fault\"}}", &match), 0);
	assert_true(match_holds(&match, NULL, 0));
	match = (struct match){ 0 };
	assert_true(match_holds(&match, NULL, 0));
	bench_done(&bench);
}

static void test_refused(void **state)
{
	static const struct {
		const char *match, *error;
	} rows[] = {
		{ "[]", "m: a condition is an object: {\"kind\": \"fault\"}\n" },
		{ "{\"knd\": \"fault\"}", "m: /knd: \"knd\" is no known path (did you mean kind?)\n" },
		{ "{\"custmer.grade\": \"key\"}", "m: /custmer.grade: \"custmer.grade\" is no known path (did you mean customer.grade?)\n" },
		{ "{\"event.scor\": 1}", "m: /event.scor: \"event.scor\" is no known path (did you mean event.score?)\n" },
		{ "{\"kind\": \"foult\"}", "m: /kind: \"foult\" is no kind (did you mean fault?)\n" },
		{ "{\"kind\": [\"fault\", \"foult\"]}", "m: /kind/1: \"foult\" is no kind (did you mean fault?)\n" },
		{ "{\"severity\": \"x\"}", "m: /severity: \"x\" is no severity (there are urgent, general, major)\n" },
		{ "{\"kind\": null}", "m: /kind: null equals nothing; write {\"exists\": false}\n" },
		{ "{\"kind\": []}", "m: /kind: an empty list: this could never hold\n" },
		{ "{\"kind\": [[]]}", "m: /kind/0: a string, number, true or false belongs here\n" },
		{ "{\"kind\": {}}", "m: /kind: says nothing: one of exists, gt, gte, lt, lte, within, path\n" },
		{ "{\"kind\": {\"exist\": true}}", "m: /kind/exist: unknown member (did you mean \"exists\"?)\n" },
		{ "{\"kind\": {\"exists\": 1}}", "m: /kind/exists: a number where true or false belongs\n" },
		{ "{\"event.score\": {\"lt\": \"much\"}}", "m: /event.score/lt: only a number, a time with zone, a date or a duration can be compared\n" },
		{ "{\"event.date\": {\"within\": \"P1Y\"}}", "m: /event.date: \"within\" goes with \"of\": \"now\"\n" },
		{ "{\"event.date\": {\"within\": \"1Y\", \"of\": \"now\"}}", "m: /event.date/within: \"1Y\" is no ISO 8601 duration (did you mean P1Y?)\n" },
		{ "{\"product.model\": {\"path\": \"installation.modle\"}}",
		  "m: /product.model/path: \"installation.modle\" is no known path (did you mean installation.model?)\n" },
		{ "{\"product.model\": {\"path\": 5}}", "m: /product.model/path: a number where a string belongs\n" },
		{ "{\"product.model\": {\"path\": \"kind\", \"gte\": 5}}", "m: /product.model/gte: unknown member (there are path)\n" },
		{ "{\"event.item.quality_grade\": {\"gte\": {\"paht\": \"installation.quality_grade\"}}}",
		  "m: /event.item.quality_grade/gte/paht: unknown member (did you mean \"path\"?)\nm: /event.item.quality_grade/gte: \"path\" is missing\n" },
		{ "{\"any\": []}", "m: /any: a list of conditions belongs here\n" },
		{ "{\"any\": {}}", "m: /any: an object where a list belongs\n" },
		{ "{\"any\": [{\"kind\": \"a\"}, {\"mode\": \"b\"}]}",
		  "m: /any/0/kind: \"a\" is no kind (there are consultation, feedback, fault, device_repair, install, training, upgrade, patch, "
		  "paid_service, return, complaint, suggestion, order, emergency, survey, visit, capa, handover, audit, drill, policy, "
		  "market, other)\nm: /any/1/mode: \"b\" is no mode (there are remote, onsite, workshop, factory)\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct bench bench = { 0 };
		struct match match;

		(void)compile(&bench, rows[i].match, &match);
		buf_char(&bench.errors, '\0');
		assert_string_equal(bench.errors.p, rows[i].error);
		bench_done(&bench);
	}
}

static void test_too_deep(void **state)
{
	struct bench bench = { 0 };
	struct buf text = { 0 };
	struct match match;

	(void)state;
	for (int i = 0; i < 40; i++)
		buf_z(&text, "{\"not\": ");
	buf_z(&text, "{}");
	for (int i = 0; i < 40; i++)
		buf_char(&text, '}');
	buf_char(&text, '\0');
	assert_int_equal(compile(&bench, text.p, &match), 1);
	buf_done(&text);
	bench_done(&bench);
}

static void test_scopes(void **state)
{
	static const struct {
		const char *path;
		enum scope scope;
		const char *rest;
	} rows[] = {
		{ "kind", SCOPE_TICKET, "kind" },
		{ "product.model", SCOPE_TICKET, "product.model" },
		{ "customer.grade", SCOPE_CUSTOMER, "grade" },
		{ "owner.role", SCOPE_OWNER, "role" },
		{ "event.signature.signer", SCOPE_EVENT, "signature.signer" },
		{ "clock.name", SCOPE_CLOCK, "name" },
		{ "owner", SCOPE_TICKET, "owner" },
	};
	struct attributes attributes = { 0 };

	(void)state;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < array_count(rows); i++)
			assert_int_equal(attribute_intern(&attributes, str_of(rows[i].path)), i);
	for (size_t i = 0; i < array_count(rows); i++) {
		assert_int_equal(attributes.items[i].scope, rows[i].scope);
		assert_true(str_is(attributes.items[i].rest, rows[i].rest));
	}
	attributes_done(&attributes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds),     cmocka_unit_test(test_without_vector), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_deep), cmocka_unit_test(test_scopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
