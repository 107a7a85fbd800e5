/* Conditions of a document -> flat programs (base/match.h).
 *
 * Every member of a match becomes one step, in the order of the document; a group is a step with those that belong to it
 * behind it. Values are checked against the codes of their path. Must never accept what match_holds could not decide. */
#include <string.h>

#include "common/io/policy_inner.h"

struct steps {
	struct match_step *items;
	size_t count, capacity;
};

static void compile_members(struct compile *compile, const struct place *at, struct steps *steps, int depth);

static struct match_step *add_step(struct compile *compile, struct steps *steps, enum match_test test)
{
	struct match_step *step;

	arena_grow(compile->arena, &steps->items, &steps->capacity, steps->count + 1, sizeof(*steps->items));
	step = &steps->items[steps->count++];
	*step = (struct match_step){ .test = test };
	return step;
}

static void end_group(struct steps *steps, size_t at)
{
	steps->items[at].span = (uint32_t)(steps->count - at - 1);
}

static bool read_value(struct compile *compile, const struct place *at, const struct words *codes, struct value *ret)
{
	struct str text;

	if (json_is_number(at->value)) {
		*ret = (struct value){ .type = VALUE_NUMBER, .number = json_number_value(at->value) };
	} else if (json_is_boolean(at->value)) {
		*ret = (struct value){ .type = VALUE_BOOL, .boolean = json_is_true(at->value) };
	} else if (json_is_string(at->value)) {
		text = str_copy(compile->arena, str_of(json_string_value(at->value)));
		if (codes && !words_have(compile, codes, text)) {
			words_complain(compile, at, codes, text);
			return false;
		}
		*ret = (struct value){ .type = VALUE_STRING, .string = text };
	} else {
		if (!is_blank(at->value))
			complain(compile, at, json_is_null(at->value) ? "null equals nothing; write {\"exists\": false}"
								     : "a string, number, true or false belongs here");
		return false;
	}
	return true;
}

static void compile_equal(struct compile *compile, const struct place *at, struct str path, const struct words *codes,
			  struct steps *steps)
{
	bool list = json_is_array(at->value);
	size_t count = list ? json_array_size(at->value) : 1;
	struct value *values = arena_zero(compile->arena, (count + 1) * sizeof(*values));
	struct match_step *step = add_step(compile, steps, MATCH_EQUAL);

	if (count == 0)
		complain(compile, at, "an empty list: this could never hold");
	for (size_t i = 0; i < count; i++) {
		struct place element = list ? place_element(at, i) : *at;

		(void)read_value(compile, &element, codes, &values[i]);
	}
	step->attribute = path_intern(compile, path);
	step->values = values;
	step->count = (uint32_t)count;
}

/* {"path": "product.model"}: what stands there, not a value. */
static bool names_path(const struct place *at)
{
	return json_is_object(at->value) && json_object_get(at->value, "path") != NULL;
}

static void compile_other(struct compile *compile, const struct place *at, struct match_step *step)
{
	static const char *const members[] = { "!path", NULL };
	struct place path = place_member(at, "path");
	const struct words *codes;
	struct str text;

	if (!read_object(compile, at, members))
		return;
	text = read_text(compile, &path);
	if (text.n == 0 || !path_known(compile, &path, text, &codes))
		return;
	step->with_other = true;
	step->other = path_intern(compile, text);
}

/* What can be compared: a number, a time, a date or a duration. */
static bool is_comparable(const struct compile *compile, const struct value *value)
{
	struct duration duration;
	instant at;

	if (value->type == VALUE_NUMBER)
		return true;
	return value->type == VALUE_STRING &&
	       (instant_parse(value->string, &at) || duration_parse(value->string, &duration) ||
		(value->string.n == 10 &&
		 instant_parse(str_format(compile->arena, "%.*sT00:00:00Z", STR_ARG(value->string)), &at)));
}

static void compile_order(struct compile *compile, const struct place *at, struct str path, enum match_test test,
			  struct steps *steps)
{
	struct value *value = arena_zero(compile->arena, sizeof(*value));
	struct match_step *step = add_step(compile, steps, test);

	if (json_is_object(at->value) && !is_blank(at->value))
		compile_other(compile, at, step);
	else if (read_value(compile, at, NULL, value) && !is_comparable(compile, value))
		complain(compile, at, "only a number, a time with zone, a date or a duration can be compared");
	step->attribute = path_intern(compile, path);
	step->values = value;
	step->count = 1;
}

static void compile_within(struct compile *compile, const struct place *at, struct str path, struct steps *steps)
{
	struct place within = place_member(at, "within");
	struct place of = place_member(at, "of");
	struct match_step *step = add_step(compile, steps, MATCH_WITHIN);

	step->attribute = path_intern(compile, path);
	(void)read_duration(compile, &within, &step->within);
	if (!json_is_string(of.value) || strcmp(json_string_value(of.value), "now") != 0)
		complain(compile, at, "\"within\" goes with \"of\": \"now\"");
}

/* {"product.model": {"path": "installation.model"}} */
static void compile_equal_other(struct compile *compile, const struct place *at, struct str path, struct steps *steps)
{
	struct match_step *step = add_step(compile, steps, MATCH_EQUAL);

	step->attribute = path_intern(compile, path);
	compile_other(compile, at, step);
}

/* {"gte": 5, "lt": 9}, {"exists": true}, {"within": "P1Y", "of": "now"} */
static void compile_tests(struct compile *compile, const struct place *at, struct str path, struct steps *steps)
{
	static const char *const members[] = { "exists", "gt", "gte", "lt", "lte", "within", "of", NULL };
	static const struct {
		const char *name;
		enum match_test test;
	} orders[] = { { "gt", MATCH_GT }, { "gte", MATCH_GTE }, { "lt", MATCH_LT }, { "lte", MATCH_LTE } };
	struct place exists = place_member(at, "exists");

	if (!read_object(compile, at, members))
		return;
	if (json_object_size(at->value) == 0)
		complain(compile, at, "says nothing: one of exists, gt, gte, lt, lte, within, path");
	if (present(&exists))
		add_step(compile, steps, read_bool(compile, &exists, true) ? MATCH_EXISTS : MATCH_MISSING)->attribute =
			path_intern(compile, path);
	for (size_t i = 0; i < array_count(orders); i++) {
		struct place order = place_member(at, orders[i].name);

		if (present(&order))
			compile_order(compile, &order, path, orders[i].test, steps);
	}
	if (json_object_get(at->value, "within") || json_object_get(at->value, "of"))
		compile_within(compile, at, path, steps);
}

/* "any" and "all" hold a list of whole matches, "not" one. */
static void compile_group(struct compile *compile, const struct place *at, enum match_test test, struct steps *steps,
			  int depth)
{
	size_t group = steps->count;
	size_t count;

	(void)add_step(compile, steps, test);
	if (depth >= MATCH_DEPTH_MAX) {
		complain(compile, at, "nested more than %d deep", MATCH_DEPTH_MAX);
		return;
	}
	if (test == MATCH_NOT) {
		compile_members(compile, at, steps, depth + 1);
		end_group(steps, group);
		return;
	}
	count = read_list(compile, at);
	if (count == 0 && json_is_array(at->value))
		complain(compile, at, "a list of conditions belongs here");
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);
		size_t inner = steps->count;

		(void)add_step(compile, steps, MATCH_ALL);
		compile_members(compile, &element, steps, depth + 1);
		end_group(steps, inner);
	}
	end_group(steps, group);
}

static void compile_members(struct compile *compile, const struct place *at, struct steps *steps, int depth)
{
	static const struct {
		const char *name;
		enum match_test test;
	} groups[] = { { "not", MATCH_NOT }, { "any", MATCH_ANY }, { "all", MATCH_ALL } };
	const struct words *codes;
	const char *key;
	json_t *value;

	if (!present(at))
		return;
	if (!json_is_object(at->value)) {
		complain(compile, at, "a condition is an object: {\"kind\": \"fault\"}");
		return;
	}
	json_object_foreach (at->value, key, value) {
		struct place member = { .up = at, .key = key, .value = value };
		size_t group = 0;

		while (group < array_count(groups) && strcmp(groups[group].name, key) != 0)
			group++;
		if (group < array_count(groups))
			compile_group(compile, &member, groups[group].test, steps, depth);
		else if (!path_known(compile, &member, str_of(key), &codes))
			continue;
		else if (names_path(&member))
			compile_equal_other(compile, &member, str_of(key), steps);
		else if (json_is_object(value))
			compile_tests(compile, &member, str_of(key), steps);
		else
			compile_equal(compile, &member, str_of(key), codes, steps);
	}
}

struct match read_match(struct compile *compile, const struct place *at)
{
	struct steps steps = { 0 };
	size_t errors = compile->error_count;
	struct match match;
	struct str path;

	compile_members(compile, at, &steps, 0);
	match = (struct match){ steps.items, (uint32_t)steps.count, compile->zone_offset_us };
	if (compile->strict && compile->error_count == errors && match_never(&match, NULL, compile->attributes, &path))
		complain(compile, at, "can never hold: its conditions on \"%.*s\" exclude each other", STR_ARG(path));
	return match;
}

struct match match_join(struct compile *compile, const struct match *a, const struct match *b)
{
	uint32_t count = a->count + b->count;
	struct match_step *steps = arena_zero(compile->arena, (count + 1) * sizeof(*steps));

	for (uint32_t i = 0; i < count; i++)
		steps[i] = i < a->count ? a->steps[i] : b->steps[i - a->count];
	return (struct match){ steps, count, compile->zone_offset_us };
}

struct match match_of(struct compile *compile, const char *path, struct value value, bool negated)
{
	struct steps steps = { 0 };
	struct match_step *step;

	if (negated)
		add_step(compile, &steps, MATCH_NOT)->span = 1;
	step = add_step(compile, &steps, MATCH_EQUAL);
	step->attribute = path_intern(compile, str_of(path));
	step->values = arena_copy(compile->arena, &value, sizeof(value));
	step->count = 1;
	return (struct match){ steps.items, (uint32_t)steps.count, compile->zone_offset_us };
}
