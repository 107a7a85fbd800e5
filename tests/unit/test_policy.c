/* The policy compiler and the shipped documents: what is refused and in which words, what R19's clocks, gates and routes are,
 * and the lifecycle table of the public contract, row by row.
 *
 * Runs from the root of the tree (reads deploy/policies, schemas/events and tests/data/policies). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
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

static struct buf read_file(const char *path)
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

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static enum verdict load_policy(struct bench *bench, const char *path)
{
	struct buf text cleanup(buf_done) = read_file(path);

	return policy_compile(buf_view(&text), base_name(path), settings, array_count(settings), &bench->attributes,
			      &bench->policy, &bench->errors, &bench->fault);
}

static void load_lifecycle(struct bench *bench)
{
	struct buf text cleanup(buf_done) = read_file("deploy/policies/lifecycle.json");

	if (lifecycle_compile(buf_view(&text), "lifecycle.json", &bench->attributes, &bench->lifecycle, &bench->errors,
			      &bench->fault))
		fail_msg("%.*s", STR_ARG(buf_view(&bench->errors)));
}

static void load_right(struct bench *bench, const char *path)
{
	if (load_policy(bench, path))
		fail_msg("%.*s", STR_ARG(buf_view(&bench->errors)));
}

static void bench_done(struct bench *bench)
{
	policy_free(bench->policy);
	lifecycle_free(bench->lifecycle);
	attributes_done(&bench->attributes);
	buf_done(&bench->errors);
	*bench = (struct bench){ 0 };
}

/* A vector that holds what a flat JSON object says. */
static struct value *vector_of(struct bench *bench, struct arena *arena, const char *text)
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

static bool holds(struct bench *bench, const struct match *match, const char *text)
{
	struct arena arena = { 0 };
	bool result = match_holds(match, vector_of(bench, &arena, text), 0);

	arena_done(&arena);
	return result;
}

/* ---- documents ---- */

/* Every file X.json of a folder of wrong documents stands beside X.txt, the exact errors. */
static void test_wrong(void **state)
{
	DIR *folder = opendir(DATA "wrong");
	size_t count = 0;

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		struct bench bench = { 0 };
		char path[512];
		struct buf want;
		size_t stem = strlen(entry->d_name) - 5;

		if (strlen(entry->d_name) < 6 || strcmp(entry->d_name + stem, ".json") != 0)
			continue;
		(void)snprintf(path, sizeof(path), DATA "wrong/%.*s.txt", (int)stem, entry->d_name);
		want = read_file(path);
		(void)snprintf(path, sizeof(path), DATA "wrong/%s", entry->d_name);
		{
			struct buf text cleanup(buf_done) = read_file(path);

			assert_int_equal(policy_compile(buf_view(&text), entry->d_name, NULL, 0, &bench.attributes,
							&bench.policy, &bench.errors, &bench.fault),
					 FATAL);
		}
		assert_null(bench.policy);
		buf_char(&bench.errors, '\0');
		buf_char(&want, '\0');
		assert_string_equal(bench.errors.p, want.p);
		buf_done(&want);
		bench_done(&bench);
		count++;
	}
	closedir(folder);
	assert_int_equal(count, 6);
}

static void test_right(void **state)
{
	static const char *const files[] = {
		R19, "deploy/policies/helpdesk-replay.json", DATA "right/advisor.json", DATA "right/everything.json",
	};

	(void)state;
	for (size_t i = 0; i < array_count(files); i++) {
		struct bench bench = { 0 };

		load_right(&bench, files[i]);
		assert_int_equal(bench.fault.verdict, OK);
		assert_int_equal(bench.errors.n, 0);
		bench_done(&bench);
	}
}

static void test_settings(void **state)
{
	static const struct {
		const char *type, *value, *error;
	} rows[] = {
		{ "minutes", "15", NULL },
		{ "minutes", "PT15M", NULL },
		{ "minutes", "0", "\"0\" is no minutes (given with --set x=0)" },
		{ "minutes", "1.5", "\"1.5\" is no minutes (given with --set x=1.5)" },
		{ "hours", "soon", "\"soon\" is no hours (given with --set x=soon)" },
		{ "days", "3", NULL },
		{ "duration", "P1M", NULL },
		{ "duration", "15", "\"15\" is no duration (given with --set x=15)" },
		{ "duration", "", "\"\" is no duration (given with --set x=)" },
		{ "number", "12", "a number where an ISO 8601 duration belongs" },
		{ "percent", "101", "\"101\" is no percent (given with --set x=101)" },
		{ "text", "PT2H", NULL },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct bench bench = { 0 };
		struct policy_setting given[] = { { STR("x"), STR("ignored") }, { STR("y"), STR("of another document") },
						  { STR("x"), str_of(rows[i].value) } };
		char text[400];
		char want[200] = "";
		int n = snprintf(text, sizeof(text),
				 "{\"policy\": \"p\", \"version\": 1, \"effective_from\": \"2026-01-01\", \"needs\": {\"x\": {\"type\": \"%s\", "
				 "\"why\": \"w\"}}, \"clocks\": [{\"name\": \"c\", \"start\": \"received\", \"stop\": \"resolved\", "
				 "\"limit\": {\"set\": \"x\"}}]}",
				 rows[i].type);
		enum verdict verdict = policy_compile((struct str){ text, (size_t)n }, "p.json", given, 3, &bench.attributes,
						      &bench.policy, &bench.errors, &bench.fault);

		if (rows[i].error)
			(void)snprintf(want, sizeof(want), "p.json: /clocks/0/limit: %s\n", rows[i].error);
		buf_char(&bench.errors, '\0');
		assert_string_equal(bench.errors.p, want);
		assert_int_equal(verdict, rows[i].error ? FATAL : OK);
		bench_done(&bench);
	}
}

/* What is stored compiles to the same without settings, and does not depend on how the document was written. */
static void test_resolve(void **state)
{
	static const char plain[] = "{\"policy\":\"p\", \"version\":1, \"effective_from\":\"2026-01-01\"}";
	static const char other[] = "{\"version\": 1,\n\"effective_from\": \"2026-01-01\", \"policy\": \"\\u0070\"}";
	struct buf text cleanup(buf_done) = read_file(DATA "right/advisor.json");
	struct buf resolved cleanup(buf_done) = { 0 };
	struct buf again cleanup(buf_done) = { 0 };
	struct bench bench = { 0 };

	(void)state;
	assert_int_equal(policy_resolve(buf_view(&text), "a", settings, array_count(settings), &resolved, &bench.errors,
					&bench.fault),
			 OK);
	assert_int_equal(policy_resolve(buf_view(&resolved), "a", NULL, 0, &again, &bench.errors, &bench.fault), OK);
	assert_true(str_eq(buf_view(&resolved), buf_view(&again)));
	assert_int_equal(policy_compile(buf_view(&resolved), "a", NULL, 0, &bench.attributes, &bench.policy,
					&bench.errors, &bench.fault),
			 OK);
	assert_int_equal(bench.policy->clocks[0].limit.duration.us, 15 * MINUTE);
	assert_int_equal(bench.policy->clocks[2].limit.duration.us, 4 * HOUR);
	buf_clear(&resolved);
	buf_clear(&again);
	assert_int_equal(policy_resolve(STR(plain), "a", NULL, 0, &resolved, &bench.errors, &bench.fault), OK);
	assert_int_equal(policy_resolve(STR(other), "a", NULL, 0, &again, &bench.errors, &bench.fault), OK);
	assert_true(str_eq(buf_view(&resolved), buf_view(&again)));
	assert_int_equal(policy_resolve(buf_view(&text), "a", NULL, 0, &again, &bench.errors, &bench.fault), FATAL);
	bench_done(&bench);
}

/* Everything that has a field in policy.h arrives there. */
static void test_everything(void **state)
{
	struct bench bench = { 0 };
	const struct policy *p;

	(void)state;
	load_right(&bench, DATA "right/everything.json");
	p = bench.policy;
	assert_true(p->statutory);
	assert_true(str_is(p->family, "everything"));
	assert_int_equal(p->rank, 2);
	assert_int_equal(p->zone_offset_us, 0);
	assert_int_equal(p->effective_from, instant_of_civil(2026, 1, 1, 0));
	assert_int_equal(p->channels.count, 2);
	assert_int_equal(p->required[0].field_count, 2);
	assert_int_equal(p->required[0].fields[0].count, 2);
	assert_true(str_is(p->required[0].fields[0].items[1], "customer.email"));
	assert_int_equal(p->verify[0].by, BY_PERSON);
	assert_int_equal(p->classify[0].need.count, 2);
	assert_true(str_is(bench.attributes.items[p->classify[0].need_attributes[1]].path, "severity"));
	assert_true(str_is(p->unknown_kind, "lease"));
	assert_true(p->acknowledge);
	assert_int_equal(p->max_backdate.us, DAY);

	assert_int_equal(p->guard_count, 3);
	assert_true(str_is(p->guards[1].claim, "return.done"));
	assert_int_equal(p->guards[0].needs[0].type, EVIDENCE_FACT);
	assert_true(str_is(p->guards[0].needs[0].id, "done.0"));
	assert_true(str_is(p->guards[0].needs[0].missing_zh, "缺少工作记录"));
	assert_true(str_is(p->guards[0].needs[0].missing_en, "a record of the work is missing"));
	assert_int_equal(p->guards[0].needs[1].type, EVIDENCE_COUNT);
	assert_true(str_is(p->guards[0].needs[1].equals, "ticket.subtask_closed"));
	assert_int_equal(p->guards[0].needs[2].type, EVIDENCE_FIELD);
	assert_true(str_is(p->guards[0].needs[2].missing_en, "cause"));
	assert_int_equal(p->guards[0].needs[3].type, EVIDENCE_TOLD);
	assert_true(str_is(p->guards[0].needs[3].id, "told"));
	assert_true(str_is(p->guards[2].claim, "staff.close_requested"));
	assert_int_equal(p->guards[2].needs[0].part_count, 2);
	assert_true(str_is(p->guards[2].needs[0].parts[1].id, "gate.0.0.1"));
	assert_int_equal(p->permissions[0].roles.count, 6);
	assert_true(p->has_reopen_within && p->no_confirmation);
	assert_int_equal(p->reopen_within.us, 30 * DAY);
	assert_int_equal(p->allow_count, 1);
	assert_true(str_is(p->allow[0].fact, "ticket.contacted"));

	assert_int_equal(p->clock_count, 6);
	assert_int_equal(p->clocks[0].stop.type, TRIGGER_ALL);
	assert_int_equal(p->clocks[0].stop.parts[1].type, TRIGGER_ANY);
	assert_true(str_is(p->clocks[0].stop.parts[1].parts[1].fact, "ticket.confirmed"));
	assert_true(str_is(p->clocks[0].cancel.fact, "ticket.mode_chosen"));
	assert_true(str_is(p->clocks[0].restart_on.fact, "ticket.assigned"));
	assert_int_equal(p->clocks[0].limit.duration.months, 1);
	assert_int_equal(p->clocks[0].pause_in, STATE_BIT(STATE_WAITING_CUSTOMER) | STATE_BIT(STATE_AT_FACTORY));
	assert_int_equal(p->clocks[0].warnings[0].percent, 80);
	assert_int_equal(p->clocks[0].warnings[1].before.us, 30 * MINUTE);
	assert_true(str_is(p->clocks[0].on_warn.items[0].message, "warned"));
	assert_int_equal(p->clocks[0].on_breach.count, 3);
	assert_true(str_is(p->clocks[0].on_breach.items[0].level, "2"));
	assert_int_equal(p->clocks[0].on_breach.items[2].type, ACTION_REQUIRE_SPARE);
	assert_true(str_is(p->clocks[0].on_met.items[0].to.items[1], "qa"));
	assert_int_equal(p->clocks[1].stop.match.count, 0);
	assert_true(holds(&bench, &p->clocks[2].start.match, "{\"kind\": \"complaint\"}"));
	assert_false(holds(&bench, &p->clocks[2].start.match, "{\"kind\": \"fault\"}"));
	assert_true(str_is(p->clocks[2].stop.fact, "ticket.return_done"));
	for (size_t i = 3; i < 6; i++) {
		static const char *const paths[] = { "event.due_at", "event.window.to", "event.promised_date" };

		assert_int_equal(p->clocks[i].limit.type, LIMIT_EVENT);
		assert_true(str_is(bench.attributes.items[p->clocks[i].limit.attribute].path, paths[i - 3]));
	}

	assert_int_equal(p->routing.need.min_level, 2);
	assert_int_equal(p->routing.need.certificate, CERTIFICATE_REQUIRE);
	assert_int_equal(p->routing.need.role_count, 2);
	assert_true(str_is(p->routing.need.fallback_role, "courier"));
	assert_int_equal(p->routing.rules[0].type, ROUTE_ROLE);
	assert_int_equal(p->routing.prefer_count, 6);
	assert_int_equal(p->routing.prefer[5], PREFER_ID);
	assert_true(p->rules[0].has_after);
	assert_int_equal(p->rules[0].actions.count, 5);
	assert_true(str_is(p->rules[0].actions.items[1].clear, "overdue"));
	assert_true(str_is(p->rules[0].actions.items[2].set, "high"));
	assert_true(str_is(p->rules[0].actions.items[0].to.items[0], "manager"));
	assert_int_equal(p->rules[0].actions.items[0].due.us, 4 * HOUR);
	assert_int_equal(p->rules[0].actions.items[4].type, ACTION_DISPATCH);
	assert_int_equal(p->messages[0].channels.count, 3);
	assert_true(str_is(p->messages[0].once_per, "P1D"));
	assert_int_equal(p->programmes[0].type, PROGRAMME_SURVEY);
	assert_int_equal(p->programmes[0].delay.us, DAY);
	assert_true(str_is(p->programmes[0].to, "customer"));
	assert_int_equal(p->programmes[0].unreturned.count, 1);
	bench_done(&bench);
}

/* ---- R19 ---- */

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
	/* C062, C126: refused without, let through with */
	assert_int_equal(p->guard_count, 2);
	assert_true(str_is(p->guards[0].claim, "staff.arrived"));
	assert_true(holds(&bench, &p->guards[0].match, "{\"mode\": \"onsite\"}"));
	assert_true(str_is(p->guards[1].claim, "staff.close_requested"));
	assert_true(str_is(p->guards[1].needs[0].id, "signature"));
	assert_true(holds(&bench, &p->guards[1].match, "{\"mode\": \"remote\", \"kind\": \"complaint\"}"));
	assert_true(holds(&bench, &p->guards[1].needs[0].match,
			  "{\"event.signature.signer\": \"Li\", \"event.signature.time\": \"2026-01-01T00:00:00Z\", "
			  "\"event.signature.reference\": \"S-1\"}"));
	assert_false(holds(&bench, &p->guards[1].needs[0].match, "{\"event.signature.signer\": \"Li\"}"));
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

/* ---- the lifecycle ---- */

/* The table of the contract. "from>to" for every state that the claim is allowed in; in all others it is refused. */
#define OPEN_SAME "received>received incomplete>incomplete verified>verified classified>classified assigned>assigned " \
	"contacted>contacted scheduled>scheduled in_progress>in_progress waiting_customer>waiting_customer " \
	"waiting_internal>waiting_internal at_factory>at_factory spare_in_place>spare_in_place " \
	"resolved_unconfirmed>resolved_unconfirmed confirmed>confirmed "
#define ENDED_SAME "closed>closed rejected>rejected cancelled>cancelled "
#define EARLY_SAME "received>received verified>verified classified>classified "
#define WORK_SAME "assigned>assigned contacted>contacted scheduled>scheduled in_progress>in_progress " \
	"waiting_customer>waiting_customer waiting_internal>waiting_internal at_factory>at_factory " \
	"spare_in_place>spare_in_place "
#define DONE_SAME "resolved_unconfirmed>resolved_unconfirmed confirmed>confirmed "
#define WORK_TO(to) "assigned>" to " contacted>" to " scheduled>" to " in_progress>" to " waiting_customer>" to \
	" waiting_internal>" to " at_factory>" to " spare_in_place>" to " "
#define EARLY_TO(to) "received>" to " verified>" to " classified>" to " "
#define UNDER_WAY_TO(to) "assigned>" to " contacted>" to " scheduled>" to " in_progress>" to " "
#define DONE_TO(to) "resolved_unconfirmed>" to " confirmed>" to " "
#define OPEN_TO(to) "received>" to " incomplete>" to " verified>" to " classified>" to " " WORK_TO(to) DONE_TO(to)

static const struct step_row {
	const char *claim, *vector, *steps, *fact;
} table[] = {
	{ "request.supplemented", "{}", OPEN_SAME, "ticket.supplemented" },   /* while something is missing; else below */
	{ "staff.verified", "{}", "received>verified ", "ticket.verified" },
	{ "staff.classified", "{}",
	  "received>classified verified>classified classified>classified " WORK_SAME DONE_SAME, "ticket.classified" },
	{ "staff.proposed", "{}", EARLY_SAME WORK_SAME, "ticket.proposed" },
	{ "staff.mode_chosen", "{}", EARLY_SAME WORK_SAME, "ticket.mode_chosen" },
	{ "staff.assigned", "{}", EARLY_TO("assigned") WORK_TO("assigned"), "ticket.assigned" },
	{ "staff.replied", "{}", OPEN_SAME, "ticket.replied" },
	{ "staff.contact_attempted", "{}", OPEN_SAME, "ticket.contact_attempted" },
	{ "customer.messaged", "{}", OPEN_SAME, "ticket.messaged" },
	{ "staff.promised", "{}", OPEN_SAME, "ticket.promised" },
	{ "staff.answered", "{}", OPEN_SAME, "ticket.answered" },
	{ "staff.solution_sent", "{}", OPEN_SAME, "ticket.solution_sent" },
	{ "staff.subtask_opened", "{}", OPEN_SAME, "ticket.subtask_opened" },
	{ "staff.subtask_closed", "{}", OPEN_SAME, "ticket.subtask_closed" },
	/* also after the end: that is when surveys are delivered */
	{ "message.delivered", "{}", OPEN_SAME ENDED_SAME, "ticket.message_delivered" },
	{ "message.failed", "{}", OPEN_SAME ENDED_SAME, "ticket.message_failed" },
	{ "task.done", "{}", OPEN_SAME, "ticket.task_done" },
	{ "staff.contacted", "{}",
	  "assigned>contacted contacted>contacted scheduled>scheduled in_progress>in_progress waiting_customer>waiting_customer "
	  "waiting_internal>waiting_internal at_factory>at_factory spare_in_place>spare_in_place " DONE_SAME, "ticket.contacted" },
	{ "staff.scheduled", "{}", "assigned>scheduled contacted>scheduled scheduled>scheduled in_progress>in_progress ",
	  "ticket.scheduled" },
	{ "staff.arrived", "{}", UNDER_WAY_TO("in_progress"), "ticket.arrived" },
	{ "staff.started", "{}", UNDER_WAY_TO("in_progress"), "ticket.started" },
	{ "staff.worked", "{}",
	  UNDER_WAY_TO("in_progress") "waiting_customer>waiting_customer waiting_internal>waiting_internal "
	  "at_factory>at_factory spare_in_place>spare_in_place ", "ticket.worked" },
	{ "staff.waiting", "{\"event.on\": \"customer\"}", UNDER_WAY_TO("waiting_customer") "spare_in_place>waiting_customer ",
	  "ticket.waiting" },
	{ "staff.waiting", "{\"event.on\": \"internal\"}", UNDER_WAY_TO("waiting_internal") "spare_in_place>waiting_internal ",
	  "ticket.waiting" },
	{ "staff.resumed", "{}", "waiting_customer>scheduled waiting_internal>scheduled ", "ticket.resumed" },
	{ "plan.sent", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.plan_sent" },
	{ "quote.sent", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.quote_sent" },
	{ "upgrade.offered", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.upgrade_offered" },
	{ "plan.accepted", "{}", "waiting_customer>scheduled ", "ticket.plan_accepted" },
	{ "plan.declined", "{}", "waiting_customer>scheduled ", "ticket.plan_declined" },
	{ "quote.accepted", "{}", "waiting_customer>scheduled ", "ticket.quote_accepted" },
	{ "quote.declined", "{}", "waiting_customer>scheduled ", "ticket.quote_declined" },
	{ "upgrade.accepted", "{}", "waiting_customer>scheduled ", "ticket.upgrade_accepted" },
	{ "upgrade.declined", "{}", "waiting_customer>scheduled ", "ticket.upgrade_declined" },
	{ "staff.cannot_answer", "{}", EARLY_TO("waiting_internal") WORK_TO("waiting_internal"), "ticket.cannot_answer" },
	{ "factory.sent", "{}", "in_progress>at_factory spare_in_place>at_factory ", "ticket.factory_sent" },
	{ "factory.received", "{}", "at_factory>at_factory ", "ticket.factory_received" },
	{ "factory.repaired", "{}", "at_factory>at_factory ", "ticket.factory_repaired" },
	{ "factory.checked", "{}", "at_factory>at_factory ", "ticket.factory_checked" },
	{ "factory.delivered", "{}", "at_factory>in_progress ", "ticket.factory_delivered" },
	{ "staff.spare_issued", "{}", WORK_TO("spare_in_place"), "ticket.spare_issued" },
	{ "staff.original_restored", "{}", "spare_in_place>in_progress ", "ticket.original_restored" },
	{ "staff.spare_made_permanent", "{}", "spare_in_place>in_progress ", "ticket.spare_made_permanent" },
	{ "staff.installed", "{}", WORK_SAME, "ticket.installed" },
	{ "staff.trained", "{}", WORK_SAME, "ticket.trained" },
	{ "return.approved", "{}", WORK_SAME, "ticket.return_approved" },
	{ "return.rejected", "{}", EARLY_TO("rejected") WORK_TO("rejected"), "ticket.return_rejected" },
	{ "return.done", "{}", WORK_TO("resolved_unconfirmed"), "ticket.return_done" },
	{ "staff.resolved", "{\"kind\": \"fault\"}",
	  UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ", "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"consultation\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"feedback\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"suggestion\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "customer.confirmed", "{\"event.satisfied\": true}", DONE_TO("confirmed"), "ticket.confirmed" },
	{ "customer.confirmed", "{\"event.satisfied\": false}", DONE_TO("in_progress"), "ticket.reopened" },
	{ "customer.rejected", "{}", DONE_TO("in_progress"), "ticket.reopened" },
	{ "staff.report_filed", "{}", WORK_SAME DONE_SAME, "ticket.report_filed" },
	{ "staff.effect_evaluated", "{}", WORK_SAME DONE_SAME, "ticket.effect_evaluated" },
	{ "staff.corrective_action", "{}", WORK_SAME DONE_SAME, "ticket.corrective_action" },
	{ "staff.close_requested", "{}", "confirmed>closed ", "ticket.closed" },
	{ "customer.cancelled", "{}", OPEN_TO("cancelled"), "ticket.cancelled" },
	{ "staff.annotated", "{}", OPEN_SAME ENDED_SAME, "ticket.annotated" },
	{ "survey.answered", "{}", OPEN_SAME ENDED_SAME, "ticket.survey_answered" },
};

/* Where the claim leads from a state; STATE_NONE: nowhere. */
static enum state leads_to(struct bench *bench, const struct policy *const *policies, size_t policy_count,
			   const struct step_row *row, enum state from, bool complete, const struct transition **ret)
{
	struct arena arena = { 0 };
	struct attempt attempt = { .claim = str_of(row->claim), .state = from, .at = 20 * DAY, .closed_at = 0,
				   .vector = vector_of(bench, &arena, row->vector), .now = 30 * DAY };

	*ret = lifecycle_step(bench->lifecycle, policies, policy_count, &attempt);
	arena_done(&arena);
	return *ret ? transition_target(*ret, from, STATE_SCHEDULED, complete) : STATE_NONE;
}

static enum state wanted(const char *steps, enum state from)
{
	struct str rest = str_of(steps);

	while (rest.p) {
		struct str to = str_cut(&rest, ' ');
		struct str left = str_cut(&to, '>');

		if (str_eq(left, state_name(from)))
			return state_of(to);
	}
	return STATE_NONE;
}

static void test_table(void **state)
{
	struct bench bench = { 0 };
	const struct transition *transition;

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < array_count(table); i++)
		for (enum state from = STATE_NONE + 1; from < STATE_MAX; from++) {
			enum state to = leads_to(&bench, NULL, 0, &table[i], from, false, &transition);

			if (to != wanted(table[i].steps, from))
				fail_msg("%s %s in %.*s: want %.*s, is %.*s", table[i].claim, table[i].vector,
					 STR_ARG(state_name(from)), STR_ARG(state_name(wanted(table[i].steps, from))),
					 STR_ARG(state_name(to)));
			if (transition)
				assert_true(str_is(transition->fact, table[i].fact));
		}
	bench_done(&bench);
}

/* Every claim of the table is one of the contract's, and the document has no row that the table above does not know. */
static void test_table_is_whole(void **state)
{
	static const char *const beyond[] = { "order.corrected", "order.accepted", "order.shipped", "order.delivered",
					      "order.problem", "payment.collected", "payment.remitted", "audit.judged" };
	struct bench bench = { 0 };

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < bench.lifecycle->transition_count; i++) {
		bool known = false;

		for (size_t k = 0; k < array_count(table); k++)
			known |= str_is(bench.lifecycle->transitions[i].claim, table[k].claim);
		for (size_t k = 0; k < array_count(beyond); k++)
			known |= str_is(bench.lifecycle->transitions[i].claim, beyond[k]);
		if (!known)
			fail_msg("%.*s", STR_ARG(bench.lifecycle->transitions[i].claim));
	}
	bench_done(&bench);
}

static void test_details(void **state)
{
	struct step_row supplemented = { "request.supplemented", "{}", "", "" };
	struct step_row rejected = { "customer.rejected", "{}", "", "" };
	struct step_row unsatisfied = { "customer.confirmed", "{\"event.satisfied\": false}", "", "" };
	struct step_row close = { "staff.close_requested", "{}", "", "" };
	struct step_row waiting = { "staff.waiting", "{\"event.on\": \"internal\"}", "", "" };
	struct step_row stuck = { "staff.cannot_answer", "{}", "", "" };
	struct step_row regrade = { "staff.classified", "{}", "", "" };
	struct policy open = { .has_reopen_within = true, .reopen_within = { .us = 20 * DAY }, .no_confirmation = true };
	struct policy shut = { .has_reopen_within = true, .reopen_within = { .us = 20 * DAY - 1 } };
	const struct policy *const of_open[] = { &open };
	const struct policy *const of_both[] = { &shut, &open };
	struct bench bench = { 0 };
	const struct transition *t;

	(void)state;
	load_lifecycle(&bench);
	assert_int_equal(leads_to(&bench, NULL, 0, &supplemented, STATE_INCOMPLETE, true, &t), STATE_RECEIVED);
	assert_int_equal(leads_to(&bench, NULL, 0, &supplemented, STATE_SCHEDULED, true, &t), STATE_SCHEDULED);
	/* closed: only within the policy's reopen_within, the last instant included */
	assert_int_equal(leads_to(&bench, of_open, 1, &rejected, STATE_CLOSED, true, &t), STATE_IN_PROGRESS);
	assert_true(t->reopens);
	assert_int_equal(leads_to(&bench, of_open, 1, &unsatisfied, STATE_CLOSED, true, &t), STATE_IN_PROGRESS);
	assert_true(t->reopens);
	assert_int_equal(leads_to(&bench, of_both, 2, &rejected, STATE_CLOSED, true, &t), STATE_NONE);
	assert_int_equal(leads_to(&bench, NULL, 0, &rejected, STATE_CLOSED, true, &t), STATE_NONE);
	/* confirmation is needed as soon as one policy needs it */
	assert_int_equal(leads_to(&bench, of_open, 1, &close, STATE_RESOLVED_UNCONFIRMED, true, &t), STATE_CLOSED);
	assert_int_equal(leads_to(&bench, of_both, 2, &close, STATE_RESOLVED_UNCONFIRMED, true, &t), STATE_NONE);
	assert_int_equal(leads_to(&bench, of_both, 2, &close, STATE_CONFIRMED, true, &t), STATE_CLOSED);
	(void)leads_to(&bench, NULL, 0, &waiting, STATE_SPARE_IN_PLACE, true, &t);
	assert_true(t->waits);
	(void)leads_to(&bench, NULL, 0, &stuck, STATE_VERIFIED, true, &t);
	assert_true(t->waits);
	assert_true(str_is(t->follows, "ticket.escalated"));
	(void)leads_to(&bench, NULL, 0, &regrade, STATE_VERIFIED, true, &t);
	assert_false(t->regrade);
	(void)leads_to(&bench, NULL, 0, &regrade, STATE_CONFIRMED, true, &t);
	assert_true(t->regrade);
	/* a waiting whose state before is not known stays where it is */
	assert_int_equal(transition_target(&(struct transition){ .target = TARGET_BEFORE_WAITING,
								  .moves = STATE_BIT(STATE_WAITING_CUSTOMER) },
					   STATE_WAITING_CUSTOMER, STATE_NONE, true),
			 STATE_WAITING_CUSTOMER);
	bench_done(&bench);
}

static void test_permissions(void **state)
{
	static const struct {
		const char *claim, *role;
		bool want;
	} rows[] = {
		{ "staff.verified", "csr", true }, { "staff.verified", "engineer", true }, { "staff.verified", "tech_support", true },
		{ "staff.verified", "advisor", true }, { "staff.verified", "leader", true }, { "staff.verified", "dispatcher", false },
		{ "staff.classified", "csr", true }, { "staff.classified", "dispatcher", true }, { "staff.classified", "engineer", false },
		{ "staff.assigned", "dispatcher", true }, { "staff.assigned", "director", true }, { "staff.assigned", "csr", false },
		{ "staff.close_requested", "csr", true }, { "staff.close_requested", "engineer", false },
		{ "staff.corrective_action", "qa", true }, { "staff.corrective_action", "engineer", false },
		{ "policy.approved", "general_manager", true }, { "policy.approved", "manager", false },
		{ "visit.approved", "general_manager", true }, { "grading.approved", "leader", true },
		{ "grading.approved", "manager", false },
		{ "staff.replied", "office", true }, { "staff.replied", "customer", false }, { "staff.replied", "system", false },
		{ "staff.replied", "", false },
	};
	struct permission line = { STR("staff.assigned"), { &(struct str){ "csr", 3 }, 1 } };
	struct policy policy = { .permissions = &line, .permission_count = 1 };
	const struct policy *const policies[] = { &policy };
	struct bench bench = { 0 };

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < array_count(rows); i++)
		if (lifecycle_permits(bench.lifecycle, NULL, 0, str_of(rows[i].claim), str_of(rows[i].role)) != rows[i].want)
			fail_msg("%s by %s", rows[i].claim, rows[i].role);
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("csr")));
	assert_false(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("manager")));
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.close_requested"), STR("manager")));
	bench_done(&bench);
}

/* The replay's policy: what a real log does is allowed, and only under it. */
static void test_replay(void **state)
{
	static const struct step_row rows[] = {
		{ "staff.assigned", "{}", "resolved_unconfirmed>assigned confirmed>assigned closed>in_progress assigned>assigned ", NULL },
		{ "staff.resolved", "{}", "received>resolved_unconfirmed classified>resolved_unconfirmed waiting_customer>resolved_unconfirmed "
		  "resolved_unconfirmed>resolved_unconfirmed confirmed>resolved_unconfirmed ", NULL },
		{ "staff.waiting", "{\"event.on\": \"internal\"}", "received>waiting_internal waiting_internal>waiting_internal "
		  "resolved_unconfirmed>waiting_internal ", NULL },
		{ "staff.waiting", "{\"event.on\": \"customer\"}", "received>waiting_customer ", NULL },
		{ "staff.close_requested", "{}", "resolved_unconfirmed>closed confirmed>closed in_progress>closed ", NULL },
		{ "customer.confirmed", "{\"event.satisfied\": true}", "in_progress>confirmed ", NULL },
		{ "staff.started", "{}", "closed>in_progress assigned>in_progress resolved_unconfirmed>resolved_unconfirmed ", NULL },
		{ "upgrade.offered", "{}", "received>waiting_customer waiting_internal>waiting_customer ", NULL },
		{ "customer.rejected", "{}", "closed>in_progress ", NULL },
	};
	struct bench bench = { 0 };
	const struct policy *policies[1];
	const struct transition *transition;

	(void)state;
	load_lifecycle(&bench);
	load_right(&bench, "deploy/policies/helpdesk-replay.json");
	policies[0] = bench.policy;
	assert_false(bench.policy->routing.present);
	assert_int_equal(bench.policy->message_count + bench.policy->programme_count + bench.policy->required_count, 0);
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("engineer")));
	for (size_t i = 0; i < array_count(rows); i++)
		for (enum state from = STATE_NONE + 1; from < STATE_MAX; from++) {
			enum state want = wanted(rows[i].steps, from);
			enum state to = leads_to(&bench, policies, 1, &rows[i], from, true, &transition);

			if (want != STATE_NONE && to != want)
				fail_msg("%s in %.*s: %.*s", rows[i].claim, STR_ARG(state_name(from)), STR_ARG(state_name(to)));
			if (transition && from == STATE_CLOSED)
				assert_true(transition->reopens && str_is(transition->fact, "ticket.reopened"));
		}
	bench_done(&bench);
}

static void test_lifecycle_errors(void **state)
{
	static const char text[] =
		"{\"lifecycle\": \"l\", \"version\": 1, \"channels\": [\"a\", \"a\"], \"kinds\": [], \"roles\": {\"staff\": []},"
		"\"groups\": {\"open\": [\"received\"], \"g\": [\"recieved\"]},"
		"\"transitions\": [{\"claim\": \"staff.verified\", \"in\": \"g2\"}, {\"in\": [], \"to\": \"received\", \"fact\": \"x\"}]}";
	struct bench bench = { 0 };

	(void)state;
	assert_int_equal(lifecycle_compile(STR(text), "l", &bench.attributes, &bench.lifecycle, &bench.errors, &bench.fault),
			 FATAL);
	buf_char(&bench.errors, '\0');
	assert_string_equal(bench.errors.p,
			    "l: /groups/open: \"open\" means something already\n"
			    "l: /groups/g/0: \"recieved\" is no state (did you mean received?)\n"
			    "l: /roles: \"management\" is missing\n"
			    "l: /channels/1: \"a\" stands in this list already\n"
			    "l: /transitions/0/in: \"g2\" is no state\n"
			    "l: /transitions/1: \"claim\" is missing\n"
			    "l: /transitions/1/in: names no state\n"
			    "l: /transitions/1/fact: \"x\" is no fact\n");
	assert_string_equal(bench.fault.text, "l: 8 errors");
	bench_done(&bench);
	assert_int_equal(lifecycle_compile(STR("{\"set\": \"x\"}"), "l", &bench.attributes, &bench.lifecycle, &bench.errors,
					   &bench.fault),
			 FATAL);
	bench_done(&bench);
	assert_int_equal(policy_compile(STR("{\"set\": \"x\"}"), "l", NULL, 0, &bench.attributes, &bench.policy,
					&bench.errors, &bench.fault),
			 FATAL);
	bench_done(&bench);
}

/* ---- the language against the schemas of the events ---- */

static bool in_list(const char *const *items, const char *word)
{
	for (; *items; items++)
		if (strcmp(*items, word) == 0)
			return true;
	return false;
}

static bool of_directory(const char *name)
{
	return strstr(name, ".upserted") || strcmp(name, "staff.on_post") == 0 || strcmp(name, "staff.off_post") == 0 ||
	       strncmp(name, "staff.leav", 10) == 0;
}

static void check_schema(const char *name, json_t *schema, size_t *ret_facts, size_t *ret_claims)
{
	const char *role = json_string_value(json_object_get(schema, "x-role"));
	struct buf errors cleanup(buf_done) = { 0 };
	struct compile compile = { .name = name, .errors = &errors };
	struct place nowhere = { 0 };
	const struct words *codes;
	const char *member;
	json_t *value;

	if (role && strcmp(role, "fact") == 0) {
		(*ret_facts)++;
		if (!in_list(words_fact.items, name))
			fail_msg("%s is a fact", name);
	} else if (in_list(words_claim.items, name)) {
		(*ret_claims)++;
	}
	json_object_foreach (json_object_get(schema, "properties"), member, value) {
		char path[128];

		(void)snprintf(path, sizeof(path), "event.%s", member);
		if (!of_directory(name) && !path_known(&compile, &nowhere, str_of(path), &codes))
			fail_msg("%s has a member %s", name, member);
	}
}

static size_t count_words(const char *const *items)
{
	size_t count = 0;

	while (items[count])
		count++;
	return count;
}

static void test_words(void **state)
{
	DIR *folder = opendir("schemas/events");
	size_t facts = 0;
	size_t claims = 0;

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[512];
		char name[256];
		json_t *schema;
		int stem = (int)strlen(entry->d_name) - 5;

		if (stem < 1 || strcmp(entry->d_name + stem, ".json") != 0 || !strchr(entry->d_name, '.'))
			continue;
		(void)snprintf(path, sizeof(path), "schemas/events/%s", entry->d_name);
		(void)snprintf(name, sizeof(name), "%.*s", stem, entry->d_name);
		if (!strchr(name, '.'))
			continue;
		schema = json_load_file(path, 0, NULL);
		assert_non_null(schema);
		check_schema(name, schema, &facts, &claims);
		json_decref(schema);
	}
	closedir(folder);
	assert_int_equal(facts, count_words(words_fact.items));
	assert_int_equal(claims, count_words(words_claim.items));
}

/* schemas/policy.json, for editors, knows the same words; the lifecycle ships the same codes. */
static void same_words(json_t *list, const char *const *items)
{
	assert_int_equal(json_array_size(list), count_words(items));
	for (size_t i = 0; i < json_array_size(list); i++)
		assert_string_equal(json_string_value(json_array_get(list, i)), items[i]);
}

static void test_same_words(void **state)
{
	json_t *schema = json_load_file("schemas/policy.json", JSON_REJECT_DUPLICATES, NULL);
	json_t *defs = json_object_get(schema, "$defs");
	json_t *lifecycle = json_load_file("deploy/policies/lifecycle.json", 0, NULL);
	json_t *roles = json_object_get(lifecycle, "roles");

	(void)state;
	assert_non_null(defs);
	same_words(json_object_get(json_object_get(defs, "fact"), "enum"), words_fact.items);
	same_words(json_object_get(json_object_get(defs, "claim"), "enum"), words_claim.items);
	same_words(json_object_get(json_object_get(defs, "state"), "enum"), words_state.items);
	same_words(json_object_get(lifecycle, "channels"), words_channel.items);
	same_words(json_object_get(lifecycle, "kinds"), words_kind.items);
	same_words(json_object_get(roles, "staff"), words_staff.items);
	same_words(json_object_get(roles, "management"), words_management.items);
	json_decref(schema);
	json_decref(lifecycle);
}

static void test_states(void **state)
{
	(void)state;
	for (enum state s = STATE_NONE + 1; s < STATE_MAX; s++) {
		assert_int_equal(state_of(state_name(s)), s);
		assert_int_equal(state_is_open(s), s != STATE_CLOSED && s != STATE_REJECTED && s != STATE_CANCELLED);
	}
	assert_int_equal(state_of(STR("")), STATE_NONE);
	assert_int_equal(state_of(STR("Closed")), STATE_NONE);
	assert_int_equal(state_name(STATE_NONE).n, 0);
	assert_false(state_is_open(STATE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_r19),
		cmocka_unit_test(test_r19_classification),
		cmocka_unit_test(test_r19_clauses),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_is_whole),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_lifecycle_errors),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_same_words),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
