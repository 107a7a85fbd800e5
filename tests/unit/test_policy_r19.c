/* The shipped regulation R19: its clocks, gates, routes and who classifies, and that each rule names its clause.
 *
 * Runs from the root of the tree (reads deploy/policies). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/policy_bench.h"

static void test_r19(void **state)
{
	static const struct {
		const char *ticket;
		int64_t limit;   /* of "response"; 0: no clock */
	} clocks[] = {
		{ "{\"kind\": \"fault\", \"severity\": \"urgent\"}", 2 * HOUR },
		{ "{\"kind\": \"fault\", \"severity\": \"general\"}", 24 * HOUR },
		{ "{\"kind\": \"consultation\"}", 48 * HOUR },
		{ "{\"kind\": \"consultation\", \"severity\": \"urgent\"}", 48 * HOUR },
		{ "{\"kind\": \"fault\"}", 0 },
		{ "{\"kind\": \"complaint\", \"severity\": \"major\"}", 0 },
	};
	struct bench bench = { 0 };
	const struct policy *p;

	(void)state;
	load_right(&bench, R19);
	p = bench.policy;
	assert_true(str_is(p->id, "graded-2h-24h-48h"));
	assert_true(str_is(p->source, "R19"));
	assert_int_equal(p->rank, 0);
	assert_int_equal(p->zone_offset_us, 8 * HOUR);
	assert_int_equal(p->max_backdate.us, 15 * MINUTE);
	assert_true(p->effective_from < instant_of_civil(2001, 1, 1, 0));
	assert_true(strings_contain(p->approval, STR("management")));
	for (size_t i = 0; i < array_count(clocks); i++) {
		int64_t limit = 0;

		for (size_t k = 0; k < p->clock_count && limit == 0; k++)
			if (holds(&bench, &p->clocks[k].match, clocks[i].ticket))
				limit = p->clocks[k].limit.duration.us;
		assert_int_equal(limit, clocks[i].limit);
	}
	for (size_t i = 0; i < p->clock_count; i++) {
		const struct clock_rule *clock = &p->clocks[i];

		assert_true(str_is(clock->name, "response"));
		assert_true(str_is(clock->start.fact, "ticket.registered"));
		assert_true(str_is(clock->stop.fact, "ticket.replied"));
		assert_true(str_is(clock->calendar, "24x7"));
		assert_int_equal(clock->pause_in, 0);
		assert_true(holds(&bench, &clock->stop.match, "{}"));
		assert_true(holds(&bench, &clock->stop.match, "{\"event.automatic\": false}"));
		assert_false(holds(&bench, &clock->stop.match, "{\"event.automatic\": true}"));
		assert_int_equal(clock->on_breach.items[0].type, ACTION_NOTIFY);
	}

	/* C015 */
	assert_int_equal(p->required_count, 1);
	assert_int_equal(p->required[0].field_count, 4);
	assert_true(holds(&bench, &p->required[0].match, "{\"kind\": \"fault\"}"));
	assert_false(holds(&bench, &p->required[0].match, "{\"kind\": \"consultation\"}"));
	/* C062, C053, C126, C067: refused without, let through with */
	assert_int_equal(p->guard_count, 4);
	assert_true(str_is(p->guards[0].claim, "staff.arrived"));
	assert_true(holds(&bench, &p->guards[0].match, "{\"mode\": \"onsite\"}"));
	assert_true(str_is(p->guards[1].claim, "staff.resolved"));
	assert_true(str_is(p->guards[1].needs[0].id, "subtasks-closed"));
	assert_true(str_is(p->guards[2].claim, "staff.close_requested"));
	assert_true(str_is(p->guards[2].needs[0].id, "signature"));
	assert_true(holds(&bench, &p->guards[2].match, "{\"mode\": \"remote\", \"kind\": \"complaint\"}"));
	assert_true(holds(&bench, &p->guards[2].needs[0].match,
			  "{\"event.signature.signer\": \"Li\", \"event.signature.time\": \"2026-01-01T00:00:00Z\", "
			  "\"event.signature.reference\": \"S-1\"}"));
	assert_false(holds(&bench, &p->guards[2].needs[0].match, "{\"event.signature.signer\": \"Li\"}"));
	assert_true(str_is(p->guards[3].needs[0].id, "training-record"));
	assert_true(holds(&bench, &p->guards[3].match, "{\"kind\": \"training\"}"));
	assert_false(holds(&bench, &p->guards[3].match, "{\"kind\": \"fault\"}"));
	assert_false(p->no_confirmation);
	assert_false(p->has_reopen_within);
	/* C047, C092 */
	assert_true(p->routing.present && p->routing.need.skill && p->routing.need.on_post && p->routing.need.role);
	assert_int_equal(p->routing.need.role_count, 2);
	assert_int_equal(p->routing.need.fallback_role.n, 0);
	assert_int_equal(p->routing.rules[0].type, ROUTE_ROLE_LEVEL);
	assert_true(p->routing.rules[0].binding);
	assert_true(holds(&bench, &p->routing.rules[0].match, "{\"kind\": \"complaint\", \"severity\": \"major\"}"));
	assert_false(holds(&bench, &p->routing.rules[0].match, "{\"kind\": \"complaint\", \"severity\": \"general\"}"));
	assert_int_equal(p->routing.rules[1].type, ROUTE_POOL);
	/* C131 */
	assert_int_equal(p->programmes[0].type, PROGRAMME_FOLLOWUP);
	assert_true(str_is(p->programmes[0].to, "csr") && p->programmes[0].exclude_owner);
	assert_true(str_is(p->programmes[0].on, "ticket.closed"));
	assert_int_equal(p->programmes[1].type, PROGRAMME_SURVEY);
	bench_done(&bench);
}

/* Who classifies under R19: the system what is graded, a person all else (C041). */
static void test_r19_classification(void **state)
{
	static const struct {
		const char *ticket;
		bool person;
	} rows[] = {
		{ "{\"kind\": \"fault\", \"severity\": \"general\"}", false },
		{ "{\"kind\": \"fault\"}", true },
		{ "{\"kind\": \"complaint\"}", true },
		{ "{\"kind\": \"complaint\", \"severity\": \"major\"}", false },
		{ "{\"kind\": \"consultation\"}", false },
		{ "{\"kind\": \"other\"}", true },
		{ "{}", true },
	};
	struct bench bench = { 0 };

	(void)state;
	load_right(&bench, R19);
	for (size_t i = 0; i < array_count(rows); i++) {
		struct arena arena = { 0 };
		const struct value *vector = vector_of(&bench, &arena, rows[i].ticket);
		bool person = false;

		for (size_t k = 0; k < bench.policy->classify_count; k++) {
			const struct step_rule *rule = &bench.policy->classify[k];

			if (!match_holds(&rule->match, vector, 0))
				continue;
			person = rule->by == BY_PERSON;
			for (size_t n = 0; n < rule->need.count; n++)
				person |= vector[rule->need_attributes[n]].type == VALUE_ABSENT;
			break;
		}
		assert_int_equal(person, rows[i].person);
		arena_done(&arena);
	}
	bench_done(&bench);
}

/* Every rule says which clause it carries out, and all clauses of R19's issue stand somewhere. */
static void count_clauses(json_t *value, json_t *seen, const char *key, size_t *ret_bare)
{
	static const char *const lists[] = { "required", "verify", "classify", "guards", "gates", "clocks", "messages",
					     "programmes", "rules", "then" };
	const char *name;
	json_t *child;
	size_t i;

	json_object_foreach (value, name, child)
		count_clauses(child, seen, name, ret_bare);
	json_array_foreach (value, i, child) {
		for (size_t k = 0; k < array_count(lists); k++)
			if (strcmp(key, lists[k]) == 0 && !json_object_get(child, "clauses"))
				(*ret_bare)++;
		if (strcmp(key, "clauses") == 0)
			(void)json_object_set_new(seen, json_string_value(child), json_true());
		count_clauses(child, seen, "", ret_bare);
	}
}

static void test_r19_clauses(void **state)
{
	static const char *const clauses[] = { "C010", "C011", "C015", "C041", "C047", "C062", "C075", "C076", "C077",
					       "C092", "C098", "C100", "C101", "C124", "C126", "C131", "C133", "C204",
					       "C205", "C206", "C235", "C236", "C239" };
	json_t *seen = json_object();
	static const char *const files[] = { R19, "deploy/policies/lifecycle.json" };

	(void)state;
	for (size_t i = 0; i < array_count(files); i++) {
		json_t *root = json_load_file(files[i], 0, NULL);
		size_t bare = 0;

		assert_non_null(root);
		count_clauses(root, seen, "", &bare);
		assert_int_equal(bare, 0);
		json_decref(root);
	}
	for (size_t i = 0; i < array_count(clauses); i++)
		if (!json_object_get(seen, clauses[i]))
			fail_msg("%s stands nowhere", clauses[i]);
	json_decref(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_r19),
		cmocka_unit_test(test_r19_classification),
		cmocka_unit_test(test_r19_clauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
