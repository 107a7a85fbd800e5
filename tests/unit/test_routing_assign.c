/* The choice of person: every need, every preference, rules in order, manual dispatch under a binding rule.
 *
 * Linked with routing's decisions and common/base. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "services/routing/routing.h"

#define NOW (1000 * DAY)
#define PEOPLE 4

static const struct str managers[] = { { "manager", 7 } };
static const struct lifecycle lifecycle = { .management_roles = { managers, 1 } };
static const struct skill pf1[] = { { { "P", 1 }, { "F1", 2 }, 1 } };
static const struct skill pf2[] = { { { "P", 1 }, { "F2", 2 }, 2 } };
static const struct skill p_any[] = { { { "P", 1 }, { "*", 1 }, 3 } };
static const struct certificate good[] = { { { "c", 1 }, { "P", 1 }, NOW + 1 } };
static const struct certificate expired[] = { { { "c", 1 }, { "P", 1 }, NOW } };
static const struct str english[] = { { "en", 2 } };

/* Attribute 0: severity, 1: customer.advisor. */
static const struct value major_value = { .type = VALUE_STRING, .string = { "major", 5 } };
static const struct match_step major_steps[] = { { .test = MATCH_EQUAL, .attribute = 0, .values = &major_value, .count = 1 } };
static const struct match_step advised_steps[] = { { .test = MATCH_EXISTS, .attribute = 1 } };

struct stage {
	struct person people[PEOPLE];
	struct directory directory;
	struct routing_load loads[PEOPLE];
	struct policy policy;
	const struct policy *policies[1];
	struct routing_book book;
	struct ticket ticket;
	struct routing_wish wish;
	struct value vector[2];
	struct routing_choice choice;
};

/* Four engineers A to D, all of the skill P/F1, on post, idle. */
static void set(struct stage *stage)
{
	static const char *const ids[] = { "A", "B", "C", "D" };

	*stage = (struct stage){ .policy = { .id = STR("p"), .routing = { .present = true } } };
	for (size_t i = 0; i < PEOPLE; i++) {
		stage->people[i] = (struct person){ .id = str_of(ids[i]), .role = STR("engineer"), .skills = pf1, .skill_count = 1,
						    .onboarded = true, .on_post = true };
		stage->loads[i].assigned_at = INSTANT_NONE;
	}
	stage->directory = (struct directory){ stage->people, PEOPLE };
	stage->policies[0] = &stage->policy;
	stage->book = (struct routing_book){ &lifecycle, stage->policies, 1, &stage->directory };
	stage->ticket = (struct ticket){ .id = STR("AC-1"), .state = STATE_CLASSIFIED, .kind = STR("fault") };
	stage->wish = (struct routing_wish){ .product = STR("P"), .fault_type = STR("F1") };
}

static const char *chosen(struct stage *stage)
{
	static char id[16];

	routing_choose(&stage->ticket, &stage->wish, &stage->book, &stage->policy, stage->loads, stage->vector, NOW,
		       &stage->choice);
	if (!stage->choice.person)
		return "nobody";
	assert_ptr_equal(stage->choice.person, &stage->people[stage->choice.index]);
	memcpy(id, stage->choice.person->id.p, stage->choice.person->id.n);
	id[stage->choice.person->id.n] = '\0';
	return id;
}

/* ---- needs: all but D fail, and A fails by what the row says ---- */

static void test_needs(void **state)
{
	static const struct str named[] = { { "A", 1 } };
	static const struct absence away[] = { { NOW + DAY, NOW + 3 * DAY } };
	static const enum routing_ruled rules[] = { RULED_ROLE, RULED_SKILL, RULED_CERTIFICATE, RULED_LANGUAGE, RULED_ONBOARDED,
						    RULED_NOT_NAMED, RULED_ON_POST, RULED_ON_LEAVE, RULED_LEAVING, RULED_CAPACITY };

	(void)state;
	for (size_t i = 0; i < array_count(rules); i++) {
		struct stage stage;
		struct routing_need *need = &stage.policy.routing.need;
		struct person *a = &stage.people[0];

		set(&stage);
		stage.directory.count = 2;
		assert_string_equal(chosen(&stage), "A");
		switch (rules[i]) {
		case RULED_ROLE:
			need->role = true;
			need->fallback_role = STR("engineer");
			a->role = STR("csr");
			break;
		case RULED_SKILL:
			need->skill = true;
			a->skills = pf2;
			break;
		case RULED_CERTIFICATE:
			need->certificate = CERTIFICATE_REQUIRE;
			a->certificates = expired;
			stage.people[1].certificates = good;
			a->certificate_count = stage.people[1].certificate_count = 1;
			break;
		case RULED_LANGUAGE:
			need->language = true;
			stage.wish.language = STR("en");
			stage.people[1].languages = english;
			stage.people[1].language_count = 1;
			break;
		case RULED_ONBOARDED:
			need->onboarded = true;
			a->onboarded = false;
			break;
		case RULED_NOT_NAMED:
			need->not_named = true;
			stage.wish.named = (struct strings){ named, 1 };
			break;
		case RULED_ON_POST:
			need->on_post = true;
			a->on_post = false;
			break;
		case RULED_ON_LEAVE:
			/* There today, but not when it is due. */
			need->on_post = true;
			a->leaves = away;
			a->leave_count = 1;
			stage.wish.due = NOW + 2 * DAY;
			break;
		case RULED_LEAVING:
			a->leaving = true;
			break;
		case RULED_CAPACITY:
			need->capacity = true;
			a->max_open = 3;
			stage.loads[0].open = 3;
			break;
		case RULED_NONE:
		case RULED_PERSON:
		case RULED_MAX:
			fail();
		}
		if (strcmp(chosen(&stage), "B") != 0 || stage.choice.ruled_out_count != 1 ||
		    stage.choice.ruled_out[0].ruled != rules[i] || stage.choice.eligible_count != 1)
			fail_msg("%s", routing_ruled_name(rules[i]));
	}
}

/* Who must give up what he has: not for an hour off post, nor for a leave that the work does not meet. */
static void test_hands_over(void **state)
{
	static const struct absence week[] = { { NOW + DAY, NOW + 8 * DAY } };
	static const struct {
		const char *name;
		bool leaving, off_post, leave, need, closed, unknown;
		instant due, now;
		bool want;
	} rows[] = {
		{ "stays", .need = true, .due = NOW + 2 * DAY, .now = NOW },
		{ "leaves", .leaving = true, .now = NOW, .due = INSTANT_NONE, .want = true },
		{ "leaves, but it is over", .leaving = true, .closed = true, .now = NOW, .due = INSTANT_NONE },
		{ "off post", .off_post = true, .need = true, .now = NOW, .due = INSTANT_NONE },
		{ "due before the leave", .leave = true, .need = true, .now = NOW, .due = NOW + DAY - 1 },
		{ "due in the leave", .leave = true, .need = true, .now = NOW, .due = NOW + DAY, .want = true },
		{ "due when it ends", .leave = true, .need = true, .now = NOW, .due = NOW + 8 * DAY },
		{ "no due time, leave to come", .leave = true, .need = true, .now = NOW, .due = INSTANT_NONE },
		{ "no due time, on leave", .leave = true, .need = true, .now = NOW + DAY, .due = INSTANT_NONE, .want = true },
		{ "due in the leave, which the policy does not ask about", .leave = true, .now = NOW, .due = NOW + DAY },
		{ "not on file", .leaving = true, .unknown = true, .now = NOW, .due = INSTANT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct stage stage;

		set(&stage);
		stage.ticket.owner = rows[i].unknown ? STR("Z") : STR("A");
		stage.ticket.state = rows[i].closed ? STATE_CLOSED : STATE_ASSIGNED;
		stage.policy.routing.present = true;
		stage.policy.routing.need.on_post = rows[i].need;
		stage.people[0].leaving = rows[i].leaving;
		stage.people[0].on_post = !rows[i].off_post;
		stage.people[0].leaves = week;
		stage.people[0].leave_count = rows[i].leave;
		if (routing_hands_over(&stage.ticket, &stage.book, rows[i].due, rows[i].now) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static void test_skill_covers(void **state)
{
	static const struct {
		const char *name, *product, *fault_type;
		int min_level;
		const char *want;
	} rows[] = {
		{ "by fault type (C046)", "P", "F2", 0, "B" },
		{ "wildcard", "P", "F9", 0, "C" },
		{ "nobody covers", "Q", "F1", 0, "nobody" },
		{ "level", "P", "F1", 3, "C" },
		{ "what the request does not say", NULL, NULL, 0, "A" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct stage stage;

		set(&stage);
		stage.policy.routing.need.skill = true;
		stage.policy.routing.need.min_level = rows[i].min_level;
		stage.people[1].skills = pf2;
		stage.people[2].skills = p_any;
		stage.people[3].skill_count = 0;
		stage.wish.product = str_of(rows[i].product);
		stage.wish.fault_type = str_of(rows[i].fault_type);
		if (strcmp(chosen(&stage), rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].name, chosen(&stage));
	}
}

static void test_role_by_mode_then_kind(void **state)
{
	static const struct mode_role roles[] = { { { "complaint", 9 }, { "csr", 3 } }, { { "remote", 6 }, { "tech_support", 12 } },
						  { { "onsite", 6 }, { "field_service", 13 } } };
	static const struct {
		const char *mode, *kind, *want;
	} rows[] = { { "remote", "fault", "B" }, { "onsite", "complaint", "C" }, { NULL, "complaint", "D" }, { NULL, "fault", "A" } };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct stage stage;

		set(&stage);
		stage.policy.routing.need.role = true;
		stage.policy.routing.need.roles = roles;
		stage.policy.routing.need.role_count = 3;
		stage.people[1].role = STR("tech_support");
		stage.people[2].role = STR("field_service");
		stage.people[3].role = STR("csr");
		stage.ticket.mode = str_of(rows[i].mode);
		stage.ticket.kind = str_of(rows[i].kind);
		assert_string_equal(chosen(&stage), rows[i].want);
	}
}

/* ---- preferences ---- */

static void test_preferences(void **state)
{
	static const struct str served[] = { { "C", 1 } };
	static const enum preference all[] = { PREFER_CERTIFICATE, PREFER_LEVEL, PREFER_SAME_CUSTOMER, PREFER_FEWEST_OPEN,
					       PREFER_LONGEST_IDLE, PREFER_ID };
	struct stage stage;

	(void)state;
	set(&stage);
	stage.policy.routing.prefer = all;
	stage.policy.routing.prefer_count = 6;
	assert_string_equal(chosen(&stage), "A");          /* a tie: the id */
	for (size_t i = 0; i < PEOPLE; i++)
		stage.loads[i].assigned_at = NOW - (instant)i * HOUR;
	assert_string_equal(chosen(&stage), "D");          /* idle for longest */
	stage.loads[1].assigned_at = INSTANT_NONE;
	assert_string_equal(chosen(&stage), "B");          /* never assigned */
	stage.loads[0].open = stage.loads[1].open = 1;
	assert_string_equal(chosen(&stage), "D");          /* fewest open */
	stage.wish.served = (struct strings){ served, 1 };
	stage.loads[2].open = 7;
	assert_string_equal(chosen(&stage), "C");          /* knows the customer */
	stage.people[1].skills = p_any;
	assert_string_equal(chosen(&stage), "B");          /* higher level */
	stage.people[0].certificates = good;
	stage.people[0].certificate_count = 1;
	assert_string_equal(chosen(&stage), "A");          /* certified (C173) */
	assert_int_equal(stage.choice.eligible_count, 4);
	stage.policy.routing.prefer_count = 0;
	stage.people[0].certificate_count = 0;
	stage.people[2].certificates = good;
	stage.people[2].certificate_count = 1;
	assert_string_equal(chosen(&stage), "A");
	stage.policy.routing.need.certificate = CERTIFICATE_PREFER;
	assert_string_equal(chosen(&stage), "C");
}

/* ---- rules ---- */

static const struct route_rule rules[] = {
	{ .name = { "major", 5 }, .match = { major_steps, 1, 0 }, .type = ROUTE_ROLE_LEVEL, .to = { "management", 10 }, .binding = true },
	{ .name = { "advisor", 7 }, .match = { advised_steps, 1, 0 }, .type = ROUTE_PERSON, .to = { "customer.advisor", 16 },
	  .attribute = 1, .else_next = true },
	{ .name = { "pool", 4 }, .type = ROUTE_POOL },
};

static void with_rules(struct stage *stage)
{
	set(stage);
	stage->policy.routing.rules = rules;
	stage->policy.routing.rule_count = 3;
	stage->policy.routing.need = (struct routing_need){ .skill = true, .on_post = true };
	stage->people[3] = (struct person){ .id = STR("D"), .role = STR("manager"), .on_post = true };
}

static void test_rules_in_order(void **state)
{
	struct stage stage;

	(void)state;
	with_rules(&stage);
	assert_string_equal(chosen(&stage), "A");
	assert_true(str_is(stage.choice.rule, "pool"));

	/* A manager needs no skill row for what he is named for (C092); without one on post there is nobody. */
	stage.vector[0] = major_value;
	assert_string_equal(chosen(&stage), "D");
	assert_true(str_is(stage.choice.rule, "major"));
	assert_int_equal(stage.choice.ruled_out[0].ruled, RULED_ROLE);
	stage.people[3].on_post = false;
	assert_string_equal(chosen(&stage), "nobody");
	assert_int_equal(stage.choice.ruled_out_count, 4);

	/* The customer's advisor, else whoever is next. */
	with_rules(&stage);
	stage.vector[1] = (struct value){ .type = VALUE_STRING, .string = STR("C") };
	assert_string_equal(chosen(&stage), "C");
	stage.people[2].on_post = false;
	assert_string_equal(chosen(&stage), "A");
	assert_true(str_is(stage.choice.rule, "pool"));
}

static const struct str complained_of[] = { { "A", 1 }, { "Li Lei", 6 } };

static bool may_own(struct stage *stage, const char *person, struct routing_refusal *refusal)
{
	const struct routing_claim claim = { .to = str_of(person), .named = { complained_of, 2 } };
	static char detail[500];
	struct arena arena = { 0 };
	bool may = routing_may_own(&stage->ticket, &claim, &stage->book, stage->vector, NOW, &arena, refusal);

	if (!may) {
		assert_true(refusal->detail.n < sizeof(detail));
		memcpy(detail, refusal->detail.p, refusal->detail.n);
		refusal->detail.p = detail;
	}
	arena_done(&arena);
	return may;
}

static void test_by_hand(void **state)
{
	struct routing_refusal refusal;
	struct stage stage;

	(void)state;
	with_rules(&stage);
	assert_true(may_own(&stage, "A", &refusal));
	assert_true(may_own(&stage, "Z", &refusal));
	stage.vector[0] = major_value;
	assert_true(may_own(&stage, "D", &refusal));
	assert_false(may_own(&stage, "A", &refusal));
	assert_int_equal(refusal.reason, REASON_GATE_UNMET);
	assert_true(memmem(refusal.detail.p, refusal.detail.n, "management", 10) != NULL);
	assert_false(may_own(&stage, "Z", &refusal));

	/* Nor he who is complained of, by id or by name (C102). */
	set(&stage);
	stage.people[1].name = STR("Li Lei");
	assert_true(may_own(&stage, "A", &refusal));
	stage.policy.routing.need.not_named = true;
	assert_false(may_own(&stage, "A", &refusal));
	assert_int_equal(refusal.reason, REASON_GATE_UNMET);
	assert_false(may_own(&stage, "B", &refusal));
	assert_true(may_own(&stage, "C", &refusal));
}

static bool fits(struct stage *stage, bool mode)
{
	return routing_owner_fits(&stage->ticket, &stage->wish.named, &stage->book, stage->vector, mode, NOW);
}

static void test_owner_fits(void **state)
{
	static const struct mode_role roles[] = { { { "onsite", 6 }, { "field_service", 13 } } };
	struct stage stage;

	(void)state;
	with_rules(&stage);
	stage.policy.routing.need.role = true;
	stage.policy.routing.need.roles = roles;
	stage.policy.routing.need.role_count = 1;
	stage.ticket.owner = STR("A");
	assert_true(fits(&stage, true));
	stage.ticket.mode = STR("onsite");
	assert_false(fits(&stage, true));
	assert_true(fits(&stage, false));
	stage.wish.named = (struct strings){ complained_of, 2 };   /* complained of */
	assert_true(fits(&stage, false));
	stage.policy.routing.need.not_named = true;
	assert_false(fits(&stage, false));
	stage.wish.named.count = 0;
	stage.vector[0] = major_value;                     /* regraded to a major one */
	assert_false(fits(&stage, false));
	stage.ticket.owner = STR("D");
	assert_true(fits(&stage, true));
}

/* A pool of one role takes the place of the role that the mode needs; its owner need not change. */
static void test_pool_of_a_role(void **state)
{
	static const struct mode_role roles[] = { { { "onsite", 6 }, { "field_service", 13 } } };
	static const struct route_rule pools[] = {
		{ .name = { "by-mode", 7 }, .type = ROUTE_POOL, .else_next = true },
		{ .name = { "engineers", 9 }, .type = ROUTE_POOL, .of = { "engineer", 8 } },
	};
	struct stage stage;

	(void)state;
	set(&stage);
	stage.policy.routing.need.skill = stage.policy.routing.need.role = true;
	stage.policy.routing.need.roles = roles;
	stage.policy.routing.need.role_count = 1;
	stage.policy.routing.rules = pools;
	stage.policy.routing.rule_count = 2;
	stage.ticket.mode = STR("onsite");
	stage.ticket.owner = STR("C");
	stage.people[0].role = STR("csr");
	assert_string_equal(chosen(&stage), "B");
	assert_true(str_is(stage.choice.rule, "engineers"));
	assert_int_equal(stage.choice.ruled_out[0].ruled, RULED_ROLE);
	assert_true(stage.choice.owner_eligible);
	stage.people[3].role = STR("field_service");
	assert_string_equal(chosen(&stage), "D");
	assert_true(str_is(stage.choice.rule, "by-mode"));
	assert_false(stage.choice.owner_eligible);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_hands_over), cmocka_unit_test(test_skill_covers), cmocka_unit_test(test_role_by_mode_then_kind),
		cmocka_unit_test(test_preferences), cmocka_unit_test(test_rules_in_order), cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_owner_fits), cmocka_unit_test(test_pool_of_a_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
