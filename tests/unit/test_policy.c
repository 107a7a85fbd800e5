/* The policy compiler: what is refused and in which words, what becomes of everything that is right, and that its words are those
 * of the event schemas and of schemas/policy.json.
 *
 * Runs from the root of the tree (reads deploy/policies, schemas and tests/data/policies). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>

#include "tests/unit/policy_bench.h"

/* ---- documents ---- */

/* Every file X.json of a folder of wrong documents stands beside X.txt, the exact errors. */
static void test_wrong(void **state)
{
	static const struct str known = { "cn-offices", 10 };
	const struct strings calendars = { &known, 1 };
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

			assert_int_equal(policy_compile_among(buf_view(&text), entry->d_name, NULL, 0, &calendars,
							      &bench.attributes, &bench.policy, &bench.errors,
							      &bench.fault),
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
	assert_int_equal(count, 8);
}

static void test_right(void **state)
{
	static const char *const files[] = {
		R19, "deploy/policies/reply2h-assign24h-contact24h.json", "deploy/policies/helpdesk-replay.json", DATA "right/advisor.json", DATA "right/everything.json", DATA "right/messages.json",
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

static void check_texts(const char *on, const char *texts, const char *says)
{
	struct buf text cleanup(buf_done) = { 0 };
	struct bench bench = { 0 };
	enum verdict verdict;

	buf_format(&text, "{\"policy\": \"p\", \"version\": 1, \"effective_from\": \"2026-01-01\", \"messages\": [{\"name\": \"m\", \"on\": \"%s\", "
			  "\"to\": \"manager\", \"template\": \"overdue\", \"texts\": %s}]}", on, texts);
	verdict = policy_compile(buf_view(&text), "a", NULL, 0, &bench.attributes, &bench.policy, &bench.errors, &bench.fault);
	buf_char(&bench.errors, '\0');
	if ((verdict == OK) != (says == NULL) || (says && !strstr(bench.errors.p, says)))
		fail_msg("%s: %s", texts, bench.errors.p);
	if (!says) {
		assert_int_equal(bench.policy->messages[0].text_count, 1);
		assert_true(str_is(bench.policy->messages[0].texts[0].path, "option"));
		assert_true(str_is(bench.policy->messages[0].texts[0].zh, "z"));
		assert_true(str_is(bench.policy->messages[0].texts[0].en, "e"));
	}
	bench_done(&bench);
}

/* What a policy says in its messages has a place in their templates; a message may be about what concerns no ticket. */
static void test_texts(void **state)
{
	(void)state;
	check_texts("sla.breached", "{\"option\": {\"zh\": \"z\", \"en\": \"e\"}}", NULL);
	check_texts("staff.off_post", "{\"option\": {\"zh\": \"z\", \"en\": \"e\", \"zh-TW\": \"t\"}}", NULL);
	check_texts("staff.off_pots", "{\"option\": {\"zh\": \"z\", \"en\": \"e\"}}", "did you mean staff.off_post?");
	check_texts("sla.breached", "{\"option\": {\"zh\": \"z\"}}", "/messages/0/texts/option: \"en\" is missing");
	check_texts("sla.breached", "{\"optoin\": {\"zh\": \"z\", \"en\": \"e\"}}", "has no {{optoin}}");
	check_texts("sla.breached", "\"option\"", "/messages/0/texts");
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
	assert_true(p->entitlement.present && !p->entitlement.review);
	assert_int_equal(p->entitlement.match.count, 1);
	assert_true(p->warranty.present && p->warranty.manufacturer_if_longer);
	assert_int_equal(p->warranty.length.months, 18);
	assert_int_equal(p->warranty.labour_free.count, 1);
	assert_int_equal(p->warranty.parts_free.count, 1);
	assert_true(str_is(p->warranty.otherwise, "to_be_agreed") && str_is(p->warranty.outside, "paid"));
	assert_true(str_is(bench.attributes.items[p->warranty.in_warranty].path, "installation.in_warranty"));
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
	assert_int_equal(p->programmes[0].missed.count, 1);
	assert_int_equal(p->programmes[1].type, PROGRAMME_VISIT);
	assert_int_equal(p->programmes[1].every.months, 2);
	assert_false(p->programmes[1].until_warranty);
	assert_true(str_is(p->programmes[1].to, "director") && p->programmes[1].match.count == 1);
	assert_true(str_is(p->programmes[1].missed.items[0].what, "tour-missed"));
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

	/* What is made of facts for dashboards is nothing that a policy hears of. */
	if (role && strcmp(role, "record") == 0)
		return;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_right), cmocka_unit_test(test_texts),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_same_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
