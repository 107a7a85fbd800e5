/* What the tests of policies share: documents read and compiled, and vectors written as flat JSON objects.
 *
 * For one test program each (static inline, needs cmocka before it). Paths are from the root of the tree. */
#ifndef AFTERCARE_UNIT_POLICY_BENCH_H
#define AFTERCARE_UNIT_POLICY_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/policy_inner.h"

#define DATA "tests/data/policies/"
#define R19 "deploy/policies/graded-2h-24h-48h.json"

struct bench {
	struct attributes attributes;
	struct policy *policy;
	struct lifecycle *lifecycle;
	struct buf errors;
	struct fault fault;
};

static const struct policy_setting settings[] = {
	{ { "advisor_response_minutes", 24 }, { "15", 2 } },
	{ { "urgent_reply_minutes", 20 }, { "PT5M", 4 } },
	{ { "urgent_solution_hours", 21 }, { "4", 1 } },
	{ { "satisfaction_target_percent", 27 }, { "95", 2 } },
	{ { "grace", 5 }, { "P30D", 4 } },
};

static inline struct buf read_file(const char *path)
{
	struct buf text = { 0 };
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		fail_msg("%s cannot be opened", path);
	do {
		n = fread(buf_room(&text, 65536), 1, 65536, file);
		text.n += n;
	} while (n > 0);
	fclose(file);
	return text;
}

static inline const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static inline enum verdict load_policy(struct bench *bench, const char *path)
{
	struct buf text cleanup(buf_done) = read_file(path);

	return policy_compile(buf_view(&text), base_name(path), settings, array_count(settings), &bench->attributes,
			      &bench->policy, &bench->errors, &bench->fault);
}

static inline void load_lifecycle(struct bench *bench)
{
	struct buf text cleanup(buf_done) = read_file("deploy/policies/lifecycle.json");

	if (lifecycle_compile(buf_view(&text), "lifecycle.json", &bench->attributes, &bench->lifecycle, &bench->errors,
			      &bench->fault))
		fail_msg("%.*s", STR_ARG(buf_view(&bench->errors)));
}

static inline void load_right(struct bench *bench, const char *path)
{
	if (load_policy(bench, path))
		fail_msg("%.*s", STR_ARG(buf_view(&bench->errors)));
}

static inline void bench_done(struct bench *bench)
{
	policy_free(bench->policy);
	lifecycle_free(bench->lifecycle);
	attributes_done(&bench->attributes);
	buf_done(&bench->errors);
	*bench = (struct bench){ 0 };
}

/* A vector that holds what a flat JSON object says. */
static inline struct value *vector_of(struct bench *bench, struct arena *arena, const char *text)
{
	struct value *vector = arena_zero(arena, (bench->attributes.count + 1) * sizeof(*vector));
	json_t *object = json_loads(text, 0, NULL);

	assert_non_null(object);
	for (size_t i = 0; i < bench->attributes.count; i++) {
		json_t *value = json_object_get(object, str_z(arena, bench->attributes.items[i].path));

		if (json_is_string(value))
			vector[i] = (struct value){ .type = VALUE_STRING,
						    .string = str_copy(arena, str_of(json_string_value(value))) };
		else if (json_is_boolean(value))
			vector[i] = (struct value){ .type = VALUE_BOOL, .boolean = json_is_true(value) };
		else if (json_is_number(value))
			vector[i] = (struct value){ .type = VALUE_NUMBER, .number = json_number_value(value) };
	}
	json_decref(object);
	return vector;
}

static inline bool holds(struct bench *bench, const struct match *match, const char *text)
{
	struct arena arena = { 0 };
	bool result = match_holds(match, vector_of(bench, &arena, text), 0);

	arena_done(&arena);
	return result;
}

#endif
