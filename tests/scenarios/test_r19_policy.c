/* Versions of a regulation: C235 (only what is approved counts), C236 (from its date; a ticket keeps its version), and D03,
 * for which R19 has no clock: a policy of the test's own brings one.
 *
 * The policies of this program apply to tickets with a tag that nobody else uses. Documents are brought in by
 * `aftercarectl policy load`, approvals by the topic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

static void load_document(struct desk *desk, const char *policy, int version, const char *head, const char *limit, bool approved)
{
	const struct stack *stack = desk_stack(desk);
	const char *path = desk_text(desk, "%s/run/%s-%d.json", stack->dir, policy, version);
	const char *const arguments[] = { "policy", "load", path, approved ? "--approved" : NULL, NULL };
	char *said = NULL;
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "{\"policy\": \"%s\", \"version\": %d, \"source\": \"test\", \"title\": {\"zh\": \"试\", \"en\": \"test\"},"
		" \"owner\": \"after-sales\", %s, \"clocks\": [{\"name\": \"contact\", \"start\": \"assigned\", \"stop\": \"contacted\","
		" \"limit\": \"%s\", \"restart_on\": \"assigned\"}]}\n", policy, version, head, limit);
	fclose(file);
	if (stack_ctl(stack, &said, arguments) != 0)
		desk_fail(desk, NULL, "policy load: %s", said);
	free(said);
}

/* One clock "contact" with this limit, from a date on; without approval it is a draft. */
static void load(struct desk *desk, const char *policy, int version, const char *tag, const char *limit, const char *from, bool approved)
{
	load_document(desk, policy, version,
		      desk_text(desk, "\"effective_from\": \"%s\", \"applies\": {\"match\": {\"tags\": \"%s\"}}", from, tag),
		      limit, approved);
}

/* aftercarectl policy ...; what it said, freed with the desk's texts. Fails when the exit status is another one. */
static const char *ctl(struct desk *desk, int status, const char *const *arguments)
{
	char *said = NULL;
	int was = stack_ctl(desk_stack(desk), &said, arguments);
	const char *text = desk_text(desk, "%s", said ? said : "");

	free(said);
	if (was != status)
		desk_fail(desk, NULL, "policy %s: exit status %d: %s", arguments[1], was, text);
	return text;
}
#define CTL(desk, status, ...) ctl(desk, status, (const char *const[]){ "policy", __VA_ARGS__, NULL })

static void says(struct desk *desk, const char *text, const char *part)
{
	if (!strstr(text, part))
		desk_fail(desk, NULL, "\"%s\" is not in: %s", part, text);
}

/* The line of a version in policy list. */
static const char *listed(struct desk *desk, const char *policy, int version)
{
	const char *list = CTL(desk, 0, "list", "--json"), *wanted = desk_text(desk, "\"name\":\"%s\",\"version\":%d,", policy, version);
	const char *line = strstr(list, wanted);

	if (!line)
		desk_fail(desk, NULL, "%s version %d is not listed", policy, version);
	return desk_text(desk, "%.*s", (int)strcspn(line, "\n"), line);
}

/* The clock "contact" of a ticket: its nth start; NULL when there is none once all has settled. */
static const struct record *contact_clock(struct desk *desk, const char *ticket, size_t nth)
{
	const struct record *record;

	desk_settle(desk);
	for (size_t i = 1; (record = desk_find(desk, ticket, "sla.started", i)); i++)
		if (strcmp(record_text(record, "clock"), "contact") == 0 && --nth == 0)
			return record;
	return NULL;
}

static const struct record *contact_started(struct desk *desk, const char *ticket, size_t nth)
{
	const struct record *record = contact_clock(desk, ticket, nth);

	if (!record)
		desk_fail(desk, ticket, "no clock \"contact\", number %zu", nth);
	return record;
}

static const struct sent *approve(struct desk *desk, const char *policy, int version, const char *person, const char *from)
{
	struct claim claim = { .name = "policy.approved", .key = policy };

	claim.data = desk_text(desk, "{'policy': '%s', 'version': %d, 'by': {'id': '%s'}%s}", policy, version, person,
			       from ? desk_text(desk, ", 'effective_from': '%s'", from) : "");
	return desk_send(desk, &claim);
}

static void scenario_C235_a_draft_is_not_used_until_the_general_manager_approves_it(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "draft"), *tag = policy, *manager, *ticket, *tags;
	const struct record *started, *effective;
	const struct sent *approval;

	scene_needs_stack(desk);
	tags = desk_text(desk, "{'tags': ['%s']}", tag);
	load(desk, policy, 1, tag, "PT4H", "2020-01-01", false);
	assert_null(contact_clock(desk, scene_assigned(desk, 0, tags), 1));

	desk_expect_dead(desk, approve(desk, policy, 1, scene_cast(desk)->engineer, NULL), "forbidden");
	desk_expect_dead(desk, approve(desk, policy, 1, scene_cast(desk)->manager, NULL), "forbidden");
	assert_null(contact_clock(desk, scene_assigned(desk, 0, tags), 1));

	manager = scene_person(desk, "general_manager", NULL);
	approval = approve(desk, policy, 1, manager, NULL);
	effective = desk_expect_thing(desk, DESK_DESK, "policy.effective", "policy", policy);
	assert_string_equal(effective->cause_id, approval->id);
	assert_int_equal(record_number(effective, "version"), 1);
	scene_text_is(desk, effective, "approved_by", manager);
	assert_true(record_time(effective, "approved_at") != INSTANT_NONE);
	ticket = scene_assigned(desk, 0, tags);
	started = contact_started(desk, ticket, 1);
	scene_text_is(desk, started, "policy.id", policy);
	scene_text_is(desk, started, "limit", "PT4H");
}

static void scenario_C235_what_is_not_loaded_cannot_be_approved(void **state)
{
	struct desk *desk = *state;
	const char *manager = scene_person(desk, "general_manager", NULL);

	desk_expect_dead(desk, approve(desk, desk_unique(desk, "nowhere"), 1, manager, NULL), "policy_missing");
}

static void scenario_C236_a_version_applies_from_its_date_and_a_ticket_keeps_its_own(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "dated"), *tag = policy, *tags, *early, *late, *open;
	instant turn = desk_now() - 10 * DAY;
	char text[INSTANT_TEXT];

	scene_needs_stack(desk);
	tags = desk_text(desk, "{'tags': ['%s']}", tag);
	load(desk, policy, 1, tag, "P30D", "2020-01-01", true);
	/* Registered before the second version was there, received after its date: it keeps the first. */
	open = scene_assigned(desk, turn + DAY, tags);
	scene_text_is(desk, contact_started(desk, open, 1), "limit", "P30D");

	load(desk, policy, 2, tag, "P40D", instant_format(turn, text).p, true);
	early = scene_assigned(desk, turn - 1, tags);
	late = scene_assigned(desk, turn, tags);
	assert_int_equal(record_number(contact_started(desk, early, 1), "policy.version"), 1);
	assert_int_equal(record_number(contact_started(desk, late, 1), "policy.version"), 2);
	scene_text_is(desk, contact_started(desk, late, 1), "limit", "P40D");

	scene_do(desk, open, "staff.contacted", scene_cast(desk)->engineer, 0, NULL);
	assert_int_equal(record_number(desk_expect(desk, open, "sla.met"), "policy.version"), 1);
}

/* R19: 各部门审核, 管理层批准. Every step is kept: who and when. */
static void scenario_C235_a_version_goes_from_draft_over_review_and_approval_to_its_abolition(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "steps"), *manager, *reviewer, *version, *said, *ticket, *tags;

	scene_needs_stack(desk);
	manager = scene_person(desk, "general_manager", NULL);
	reviewer = scene_cast(desk)->manager;
	version = desk_text(desk, "%s@1", policy);
	tags = desk_text(desk, "{'tags': ['%s']}", policy);
	load_document(desk, policy, 1,
		      desk_text(desk, "\"approval\": [\"department\", \"management\"], \"effective_from\": \"2020-01-01\","
				" \"applies\": {\"match\": {\"tags\": \"%s\"}}", policy), "PT4H", false);
	says(desk, listed(desk, policy, 1), "\"state\":\"draft\"");
	/* Both ways to approve it ask for the review first. */
	desk_expect_dead(desk, approve(desk, policy, 1, manager, NULL), "illegal_transition");
	says(desk, CTL(desk, 2, "approve", version, "--by", manager), "review comes first");
	says(desk, CTL(desk, 2, "review", version, "--by", "nobody-at-all"), "nobody of the directory");
	CTL(desk, 0, "review", version, "--by", reviewer);
	says(desk, CTL(desk, 2, "review", version, "--by", reviewer), "only a draft is reviewed");
	assert_null(contact_clock(desk, scene_assigned(desk, 0, tags), 1));

	says(desk, CTL(desk, 2, "approve", version, "--by", reviewer), "forbidden");
	CTL(desk, 0, "approve", version, "--by", manager);
	scene_text_is(desk, desk_expect_thing(desk, DESK_DESK, "policy.effective", "policy", policy), "approved_by", manager);
	ticket = scene_assigned(desk, 0, tags);
	scene_text_is(desk, contact_started(desk, ticket, 1), "policy.id", policy);
	said = listed(desk, policy, 1);
	says(desk, said, "\"state\":\"effective\"");
	says(desk, said, desk_text(desk, "\"by\":\"%s\"", manager));
	says(desk, said, "\"open_tickets\":1}");

	says(desk, CTL(desk, 2, "abolish", version, "--by", reviewer), "may not abolish");
	CTL(desk, 0, "abolish", version, "--by", manager);
	assert_null(contact_clock(desk, scene_assigned(desk, 0, tags), 1));
	/* What runs on it keeps it, and nothing brings it back. */
	scene_do(desk, ticket, "staff.contacted", scene_cast(desk)->engineer, 0, NULL);
	assert_int_equal(record_number(desk_expect(desk, ticket, "sla.met"), "policy.version"), 1);
	says(desk, CTL(desk, 1, "load", desk_text(desk, "%s/run/%s-1.json", desk_stack(desk)->dir, policy), "--approved"), "abolished");
	desk_expect_dead(desk, approve(desk, policy, 1, manager, NULL), "illegal_transition");

	said = CTL(desk, 0, "show", version, "--steps");
	says(desk, said, ": abolished, in force from");
	says(desk, said, desk_text(desk, "reviewed  %s", reviewer));
	says(desk, said, desk_text(desk, "approved  %s", manager));
	says(desk, said, desk_text(desk, "abolished %s", manager));
	says(desk, CTL(desk, 0, "show", version), "\"limit\": \"PT4H\"");
}

static void scenario_C236_an_abolished_version_leaves_the_one_before_it_in_force(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "back"), *tags = desk_text(desk, "{'tags': ['%s']}", policy);

	scene_needs_stack(desk);
	load(desk, policy, 1, policy, "PT4H", "2020-01-01", true);
	load(desk, policy, 2, policy, "PT5H", "2021-01-01", true);
	scene_text_is(desk, contact_started(desk, scene_assigned(desk, 0, tags), 1), "limit", "PT5H");
	says(desk, CTL(desk, 0, "abolish", desk_text(desk, "%s@2", policy), "--by", scene_person(desk, "general_manager", NULL)),
	     "new tickets come under version 1");
	scene_text_is(desk, contact_started(desk, scene_assigned(desk, 0, tags), 1), "limit", "PT4H");
	says(desk, CTL(desk, 2, "show", desk_text(desk, "%s@3", policy)), "did you mean");
}

static void scenario_C236_a_version_that_is_to_come_is_not_used_yet(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "future");

	scene_needs_stack(desk);
	load(desk, policy, 1, policy, "PT4H", "2199-01-01", true);
	assert_null(contact_clock(desk, scene_assigned(desk, 0, desk_text(desk, "{'tags': ['%s']}", policy)), 1));
}

/* customer > product > kind > default, within a family; another family speaks beside it. */
static void scenario_C044_the_most_specific_of_a_family_speaks(void **state)
{
	struct desk *desk = *state;
	const char *family = desk_unique(desk, "family"), *model = desk_unique(desk, "M"), *customer = desk_unique(desk, "K");
	const char *const match[] = { "", ", \"severity\": [\"urgent\", \"general\"]",
				      desk_text(desk, ", \"product.model\": \"%s\"", model),
				      desk_text(desk, ", \"customer.id\": \"%s\"", customer) };
	const char *const by[] = { "default", "kind", "product", "customer" };
	const char *more[] = { "", "", desk_text(desk, ", 'product': {'model': '%s'}", model),
			       desk_text(desk, ", 'product': {'model': '%s'}, 'customer': {'id': '%s'}", model, customer) };
	char *said = NULL;

	scene_needs_stack(desk);
	scene_skilled(desk, "engineer", model);
	/* The tag keeps other tests out; it makes the default one a rule by kind, so the first two are told apart by the second. */
	for (size_t i = 1; i < array_count(by); i++) {
		const char *ticket;

		load_document(desk, desk_text(desk, "%s.%s", family, by[i]), 1,
			      desk_text(desk, "\"family\": \"%s\", \"effective_from\": \"2020-01-01\", \"applies\": {\"match\": {\"tags\": \"%s\"%s}}",
					family, family, match[i]), "PT4H", true);
		ticket = scene_ticket(desk, 0, desk_text(desk, "{'tags': ['%s']%s}", family, more[i]));
		desk_expect(desk, ticket, "ticket.assigned");
		scene_text_is(desk, contact_started(desk, ticket, 1), "policy.id", desk_text(desk, "%s.%s", family, by[i]));
		assert_null(contact_clock(desk, ticket, 2));
	}
	scene_text_is(desk, contact_started(desk, scene_assigned(desk, 0, desk_text(desk, "{'tags': ['%s']}", family)), 1), "policy.id",
		      desk_text(desk, "%s.kind", family));

	/* Of equal rank: refused, also with the approval that --approved is. */
	{
		const char *path = desk_text(desk, "%s/run/%s.rival.json", desk_stack(desk)->dir, family);
		const char *const arguments[] = { "policy", "load", path, "--approved", NULL };
		FILE *file = fopen(path, "w");

		fprintf(file, "{\"policy\": \"%s.rival\", \"version\": 1, \"family\": \"%s\", \"effective_from\": \"2020-01-01\","
			" \"applies\": {\"match\": {\"product.model\": \"%s\"}}}", family, family, model);
		fclose(file);
		assert_int_equal(stack_ctl(desk_stack(desk), &said, arguments), 1);
		says(desk, said, "are of equal rank");
		says(desk, said, desk_text(desk, "%s.product", family));
		free(said);
	}
}

/* The law is stricter than the company: its limit is the due time of the company's clock too. No more specific policy of its family
 * switches it off. */
static void scenario_C237_of_the_law_and_the_company_the_stricter_is_the_due_time(void **state)
{
	struct desk *desk = *state;
	const char *tag = desk_unique(desk, "law"), *law = desk_text(desk, "%s.statute", tag), *ticket;
	const struct record *first, *second;

	scene_needs_stack(desk);
	load_document(desk, law, 1,
		      desk_text(desk, "\"statutory\": true, \"family\": \"%s\", \"effective_from\": \"2020-01-01\", \"applies\": {\"match\": {\"tags\": \"%s\"}}",
				tag, tag), "PT4H", true);
	load_document(desk, tag, 1,
		      desk_text(desk, "\"family\": \"%s\", \"effective_from\": \"2020-01-01\", \"applies\": {\"match\": {\"tags\": \"%s\", \"severity\": \"general\"}}",
				tag, tag), "PT40H", true);
	ticket = scene_assigned(desk, 0, desk_text(desk, "{'tags': ['%s']}", tag));
	first = contact_started(desk, ticket, 1);
	second = contact_started(desk, ticket, 2);
	assert_string_not_equal(record_text(first, "policy.id"), record_text(second, "policy.id"));
	assert_int_equal(record_time(first, "due_at") - record_time(first, "started_at"), 4 * HOUR);
	assert_int_equal(record_time(second, "due_at") - record_time(second, "started_at"), 4 * HOUR);
	scene_do(desk, ticket, "staff.contacted", scene_cast(desk)->engineer, 0, NULL);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 0);
}

/* C233: what is published is what the watchdog uses; and a ticket's clocks tell where they come from. */
static void scenario_C233_the_standard_is_what_the_watchdog_uses(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "standard"), *tags = desk_text(desk, "{'tags': ['%s']}", policy), *said, *ticket;
	const char *other = desk_unique(desk, "elsewhere");

	scene_needs_stack(desk);
	load(desk, policy, 1, policy, "PT4H", "2020-01-01", true);
	load(desk, other, 1, other, "PT9H", "2020-01-01", true);
	ticket = scene_assigned(desk, 0, tags);
	scene_text_is(desk, contact_started(desk, ticket, 1), "limit", "PT4H");
	said = strstr(CTL(desk, 0, "standard", "--language", "zh-CN"), policy);
	assert_non_null(said);
	says(desk, said, "第 1 版");
	says(desk, said, "| 联系客户 | 全部 | 派工 | 联系客户 | 4 小时 | 24x7 |");
	load(desk, policy, 2, policy, "PT3H", "2021-01-01", true);
	said = strstr(CTL(desk, 0, "standard", "--language", "en"), policy);
	assert_non_null(said);
	says(desk, said, "version 2");
	said = desk_text(desk, "%.*s", (int)(strstr(said, "\n## ") ? strstr(said, "\n## ") - said : (long)strlen(said)), said);
	says(desk, said, "| contact | all | assignment | contact with the customer | 3 h | 24x7 |");
	assert_null(strstr(said, "4 h"));
	scene_text_is(desk, contact_started(desk, scene_assigned(desk, 0, tags), 1), "limit", "PT3H");

	says(desk, CTL(desk, 1, "diff", desk_text(desk, "%s@1", policy), policy),
	     "clock contact: within PT4H → PT3H (shorter)");
	assert_int_equal(stack_ctl(desk_stack(desk), NULL, (const char *const[]){ "policy", "diff", policy, policy, NULL }), 0);
	said = CTL(desk, 0, "explain", ticket);
	says(desk, said, desk_text(desk, "%s version 1, by kind, in force from", policy));
	says(desk, said, desk_text(desk, "tags %s (the ticket has [\"%s\"])", policy, policy));
	says(desk, said, desk_text(desk, "%s version 1: its condition did not hold", other));
	says(desk, said, desk_text(desk, "= PT4H after assigned"));
	says(desk, said, desk_text(desk, "%s version 1, /clocks/0/limit", policy));
	says(desk, CTL(desk, 0, "explain", ticket, "--json"), "\"pointer\":\"/clocks/0/limit\"");
}

static void scenario_versions_are_immutable(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "fixed");
	const char *const list[] = { "policy", "load", desk_text(desk, "%s/run/%s-1.json", desk_stack(desk)->dir, policy), NULL };
	char *said = NULL;
	FILE *file;

	scene_needs_stack(desk);
	load(desk, policy, 1, policy, "PT4H", "2020-01-01", true);
	assert_int_equal(stack_ctl(desk_stack(desk), NULL, list), 0);
	file = fopen(list[2], "w");
	fprintf(file, "{\"policy\": \"%s\", \"version\": 1, \"source\": \"test\", \"title\": \"x\", \"owner\": \"x\","
		" \"effective_from\": \"2020-01-01\", \"applies\": {\"match\": {\"tags\": \"other\"}}}", policy);
	fclose(file);
	assert_int_not_equal(stack_ctl(desk_stack(desk), &said, list), 0);
	assert_non_null(strstr(said, "immutable"));
	free(said);
}

static void scenario_D03_a_new_engineers_contact_clock_is_a_new_one(void **state)
{
	struct desk *desk = *state;
	const char *policy = desk_unique(desk, "contact"), *ticket, *other = scene_person(desk, "engineer", NULL);
	const struct record *first, *second, *ended;

	scene_needs_stack(desk);
	load(desk, policy, 1, policy, "PT4H", "2020-01-01", true);
	ticket = scene_assigned(desk, 0, desk_text(desk, "{'tags': ['%s']}", policy));
	first = contact_started(desk, ticket, 1);
	scene_do(desk, ticket, "staff.assigned", scene_cast(desk)->dispatcher, 0, desk_text(desk, "{'to': '%s'}", other));
	second = contact_started(desk, ticket, 2);
	assert_string_not_equal(record_text(first, "clock_id"), record_text(second, "clock_id"));
	ended = desk_expect(desk, ticket, "sla.cancelled");
	scene_text_is(desk, ended, "clock_id", record_text(first, "clock_id"));
	scene_do(desk, ticket, "staff.contacted", other, 0, NULL);
	scene_text_is(desk, desk_expect(desk, ticket, "sla.met"), "clock_id", record_text(second, "clock_id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C235_a_draft_is_not_used_until_the_general_manager_approves_it),
		SCENARIO(scenario_C235_what_is_not_loaded_cannot_be_approved),
		SCENARIO(scenario_C236_a_version_applies_from_its_date_and_a_ticket_keeps_its_own),
		SCENARIO(scenario_C235_a_version_goes_from_draft_over_review_and_approval_to_its_abolition),
		SCENARIO(scenario_C236_an_abolished_version_leaves_the_one_before_it_in_force),
		SCENARIO(scenario_C236_a_version_that_is_to_come_is_not_used_yet),
		SCENARIO(scenario_C044_the_most_specific_of_a_family_speaks),
		SCENARIO(scenario_C237_of_the_law_and_the_company_the_stricter_is_the_due_time),
		SCENARIO(scenario_C233_the_standard_is_what_the_watchdog_uses),
		SCENARIO(scenario_versions_are_immutable),
		SCENARIO(scenario_D03_a_new_engineers_contact_clock_is_a_new_one),
	};

	return cmocka_run_group_tests_name("test_r19_policy", tests, scene_open, scene_close);
}
