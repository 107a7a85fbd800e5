/* The lifecycle step of routing: rows {state, claim, role -> fact, state or refusal}, permissions, time, gates, reopening.
 *
 * A small lifecycle of its own stands in for deploy/policies/lifecycle.json. Linked with the decisions and common/base. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "services/routing/routing.h"

#define S(name) STATE_BIT(STATE_##name)
#define ALL ((state_set)~0u)
#define UNDER_WAY (S(ASSIGNED) | S(CONTACTED) | S(SCHEDULED) | S(IN_PROGRESS))
#define WAITING (S(WAITING_CUSTOMER) | S(WAITING_INTERNAL))
#define NOW (1000 * DAY)

/* Attribute 0: event.satisfied; 1: mode; 2: event.on. */
static const struct value yes = { .type = VALUE_BOOL, .boolean = true }, no = { .type = VALUE_BOOL };
static const struct match_step satisfied_steps[] = { { .test = MATCH_EQUAL, .attribute = 0, .values = &yes, .count = 1 } };
static const struct match_step dissatisfied_steps[] = { { .test = MATCH_EQUAL, .attribute = 0, .values = &no, .count = 1 } };

static const struct transition transitions[] = {
	{ .claim = { "staff.verified", 14 }, .in = S(RECEIVED), .fact = { "ticket.verified", 15 }, .target = TARGET_STATE,
	  .to = STATE_VERIFIED, .moves = ALL },
	{ .claim = { "staff.classified", 16 }, .in = S(RECEIVED) | S(VERIFIED), .fact = { "ticket.classified", 17 },
	  .target = TARGET_STATE, .to = STATE_CLASSIFIED, .moves = ALL },
	{ .claim = { "staff.classified", 16 }, .in = UNDER_WAY | S(CLASSIFIED), .fact = { "ticket.classified", 17 },
	  .target = TARGET_SAME, .regrade = true, .moves = ALL },
	{ .claim = { "staff.assigned", 14 }, .in = S(RECEIVED) | S(VERIFIED) | S(CLASSIFIED) | UNDER_WAY | WAITING,
	  .fact = { "ticket.assigned", 15 }, .target = TARGET_STATE, .to = STATE_ASSIGNED, .moves = ALL },
	{ .claim = { "staff.contacted", 15 }, .in = UNDER_WAY, .fact = { "ticket.contacted", 16 }, .target = TARGET_STATE,
	  .to = STATE_CONTACTED, .moves = S(ASSIGNED) },
	{ .claim = { "staff.waiting", 13 }, .in = UNDER_WAY, .fact = { "ticket.waiting", 14 }, .target = TARGET_STATE,
	  .to = STATE_WAITING_INTERNAL, .moves = ALL, .waits = true },
	{ .claim = { "plan.sent", 9 }, .in = UNDER_WAY | WAITING, .fact = { "ticket.plan_sent", 16 }, .target = TARGET_STATE,
	  .to = STATE_WAITING_CUSTOMER, .moves = ALL, .waits = true },
	{ .claim = { "staff.resumed", 13 }, .in = WAITING, .fact = { "ticket.resumed", 14 }, .target = TARGET_BEFORE_WAITING,
	  .moves = ALL },
	{ .claim = { "request.supplemented", 20 }, .in = S(INCOMPLETE) | S(RECEIVED) | UNDER_WAY,
	  .fact = { "ticket.supplemented", 19 }, .target = TARGET_STATE, .to = STATE_RECEIVED, .moves = S(INCOMPLETE),
	  .when_complete = true },
	{ .claim = { "staff.resolved", 14 }, .in = UNDER_WAY, .fact = { "ticket.resolved", 15 }, .target = TARGET_STATE,
	  .to = STATE_RESOLVED_UNCONFIRMED, .moves = ALL },
	{ .claim = { "customer.confirmed", 18 }, .match = { satisfied_steps, 1, 0 }, .in = S(RESOLVED_UNCONFIRMED) | S(CONFIRMED),
	  .fact = { "ticket.confirmed", 16 }, .target = TARGET_STATE, .to = STATE_CONFIRMED, .moves = ALL },
	{ .claim = { "customer.confirmed", 18 }, .match = { dissatisfied_steps, 1, 0 },
	  .in = S(RESOLVED_UNCONFIRMED) | S(CONFIRMED) | S(CLOSED), .fact = { "ticket.reopened", 15 }, .target = TARGET_STATE,
	  .to = STATE_IN_PROGRESS, .moves = ALL, .within_reopen = true, .reopens = true },
	{ .claim = { "staff.close_requested", 21 }, .in = S(CONFIRMED), .fact = { "ticket.closed", 13 }, .target = TARGET_STATE,
	  .to = STATE_CLOSED, .moves = ALL },
	{ .claim = { "staff.close_requested", 21 }, .in = S(RESOLVED_UNCONFIRMED), .fact = { "ticket.closed", 13 },
	  .target = TARGET_STATE, .to = STATE_CLOSED, .moves = ALL, .without_confirmation = true },
	{ .claim = { "staff.annotated", 15 }, .in = ALL, .fact = { "ticket.annotated", 16 }, .target = TARGET_SAME, .moves = ALL },
};
static const struct str classifiers[] = { { "csr", 3 }, { "manager", 7 } };
static const struct str closers[] = { { "csr", 3 } };
static const struct permission permissions[] = {
	{ { "staff.classified", 16 }, { classifiers, 2 } },
	{ { "staff.close_requested", 21 }, { closers, 1 } },
};
static const struct str staff[] = { { "csr", 3 }, { "engineer", 8 }, { "manager", 7 } };
static const struct str management[] = { { "manager", 7 } };
static const struct lifecycle lifecycle = {
	.version = 1, .transitions = transitions, .transition_count = array_count(transitions), .permissions = permissions,
	.permission_count = 2, .staff_roles = { staff, 3 }, .management_roles = { management, 1 },
};
static const struct person people[] = { { .id = { "E1", 2 }, .role = { "engineer", 8 } } };
static const struct directory directory = { people, 1 };

struct stage {
	struct policy policy;
	const struct policy *policies[1];
	struct routing_book book;
	struct value vector[4];
	struct ticket ticket;
	struct routing_claim claim;
	struct routing_step step;
	struct routing_refusal refusal;
	struct arena arena;
};

static void set(struct stage *stage, enum state state, const char *claim, const char *role)
{
	*stage = (struct stage){ .policy = { .id = STR("p"), .max_backdate = { .us = 15 * MINUTE } } };
	stage->policies[0] = &stage->policy;
	stage->book = (struct routing_book){ &lifecycle, stage->policies, 1, &directory };
	stage->ticket = (struct ticket){
		.id = STR("AC-1"), .known = true, .state = state, .revision = 5, .kind = STR("fault"), .received_at = NOW - DAY,
		.waiting_since = INSTANT_NONE, .resolved_at = INSTANT_NONE, .closed_at = NOW - HOUR, .assigned_at = INSTANT_NONE,
	};
	stage->claim = (struct routing_claim){
		.name = str_of(claim), .staff = role != NULL, .role = role && *role ? str_of(role) : STR_NONE,
		.time = NOW - MINUTE, .arrived = NOW,
	};
}

static bool run(struct stage *stage)
{
	return routing_step(&stage->ticket, &stage->claim, &stage->book, stage->vector, NOW, &stage->arena, &stage->step,
			    &stage->refusal);
}

static void done(struct stage *stage)
{
	arena_done(&stage->arena);
}

static bool holds(struct str text, const char *part)
{
	return text.p && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

/* ---- rows ---- */

static const struct row {
	const char *name, *claim, *role;       /* role NULL: not of the staff */
	enum state state, before;
	const char *missing, *fact;            /* fact NULL: refused */
	enum state to;
	enum reason reason;
} rows[] = {
	{ "verify", "staff.verified", "engineer", STATE_RECEIVED, 0, NULL, "ticket.verified", STATE_VERIFIED, 0 },
	{ "classify skips verifying", "staff.classified", "csr", STATE_RECEIVED, 0, NULL, "ticket.classified", STATE_CLASSIFIED, 0 },
	{ "regrade keeps the state", "staff.classified", "csr", STATE_IN_PROGRESS, 0, NULL, "ticket.classified", STATE_IN_PROGRESS, 0 },
	{ "contact moves", "staff.contacted", "engineer", STATE_ASSIGNED, 0, NULL, "ticket.contacted", STATE_CONTACTED, 0 },
	{ "contact stays", "staff.contacted", "engineer", STATE_IN_PROGRESS, 0, NULL, "ticket.contacted", STATE_IN_PROGRESS, 0 },
	{ "resume goes back", "staff.resumed", "engineer", STATE_WAITING_CUSTOMER, STATE_SCHEDULED, NULL, "ticket.resumed", STATE_SCHEDULED, 0 },
	{ "resume from nowhere", "staff.resumed", "engineer", STATE_WAITING_CUSTOMER, 0, NULL, "ticket.resumed", STATE_IN_PROGRESS, 0 },
	{ "supplement complete", "request.supplemented", NULL, STATE_INCOMPLETE, 0, NULL, "ticket.supplemented", STATE_RECEIVED, 0 },
	{ "supplement in part", "request.supplemented", NULL, STATE_INCOMPLETE, 0, "problem", "ticket.supplemented", STATE_INCOMPLETE, 0 },
	{ "supplement at work", "request.supplemented", NULL, STATE_ASSIGNED, 0, NULL, "ticket.supplemented", STATE_ASSIGNED, 0 },
	{ "annotate the closed", "staff.annotated", "engineer", STATE_CLOSED, 0, NULL, "ticket.annotated", STATE_CLOSED, 0 },
	{ "too early", "staff.resolved", "engineer", STATE_RECEIVED, 0, NULL, NULL, 0, REASON_ILLEGAL_TRANSITION },
	{ "too late", "staff.resolved", "engineer", STATE_CLOSED, 0, NULL, NULL, 0, REASON_TICKET_CLOSED },
	{ "cancelled is over", "staff.contacted", "engineer", STATE_CANCELLED, 0, NULL, NULL, 0, REASON_TICKET_CLOSED },
	{ "no such claim", "staff.danced", "engineer", STATE_ASSIGNED, 0, NULL, NULL, 0, REASON_ILLEGAL_TRANSITION },
	{ "unconfirmed does not close", "staff.close_requested", "csr", STATE_RESOLVED_UNCONFIRMED, 0, NULL, NULL, 0, REASON_ILLEGAL_TRANSITION },
	{ "wrong role", "staff.classified", "engineer", STATE_RECEIVED, 0, NULL, NULL, 0, REASON_FORBIDDEN },
	{ "unknown role", "staff.contacted", "pirate", STATE_ASSIGNED, 0, NULL, NULL, 0, REASON_FORBIDDEN },
	{ "no role", "staff.contacted", "", STATE_ASSIGNED, 0, NULL, NULL, 0, REASON_FORBIDDEN },
	{ "permission comes first", "staff.close_requested", "engineer", STATE_RECEIVED, 0, NULL, NULL, 0, REASON_FORBIDDEN },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct row *row = &rows[i];
		struct stage stage;
		bool allowed;

		set(&stage, row->state, row->claim, row->role);
		stage.ticket.before = row->before;
		stage.ticket.missing = str_of(row->missing);
		allowed = run(&stage);
		if (allowed != (row->fact != NULL))
			fail_msg("%s: %.*s", row->name, allowed ? 7 : (int)stage.refusal.detail.n,
				 allowed ? "allowed" : stage.refusal.detail.p);
		if (allowed && (!str_is(stage.step.fact, row->fact) || stage.step.to != row->to))
			fail_msg("%s: %.*s", row->name, STR_ARG(state_name(stage.step.to)));
		if (!allowed && stage.refusal.reason != row->reason)
			fail_msg("%s: %s", row->name, reason_name(stage.refusal.reason));
		done(&stage);
	}
}

static void test_texts(void **state)
{
	struct stage stage;

	(void)state;
	set(&stage, STATE_ASSIGNED, "staff.verified", "engineer");
	assert_false(run(&stage));
	assert_true(holds(stage.refusal.detail, "the ticket is assigned"));
	assert_true(holds(stage.refusal.detail, "staff.contacted"));
	assert_false(holds(stage.refusal.detail, "staff.close_requested"));
	done(&stage);
	set(&stage, STATE_RECEIVED, "staff.classified", "pirate");
	assert_false(run(&stage));
	assert_true(holds(stage.refusal.detail, "csr, manager"));
	done(&stage);
	set(&stage, STATE_RESOLVED_UNCONFIRMED, "staff.close_requested", "csr");
	assert_false(run(&stage));
	assert_true(holds(stage.refusal.detail, "without the customer's confirmation"));
	assert_true(holds(stage.refusal.detail, "possible: customer.confirmed, staff.annotated"));
	done(&stage);
	set(&stage, STATE_RECEIVED, "staff.classified", "pirate");
	assert_false(run(&stage));
	assert_false(holds(stage.refusal.detail, "pirate"));
	done(&stage);
}

static void test_the_directorys_role_counts(void **state)
{
	struct stage stage;

	(void)state;
	set(&stage, STATE_RECEIVED, "staff.classified", "csr");
	stage.claim.by = STR("E1");
	assert_false(run(&stage));
	assert_int_equal(stage.refusal.reason, REASON_FORBIDDEN);
	done(&stage);
	set(&stage, STATE_ASSIGNED, "staff.contacted", "pirate");
	stage.claim.by = STR("E1");
	assert_true(run(&stage));
	assert_true(str_is(stage.step.role, "engineer"));
	done(&stage);
}

static void test_a_policys_line_replaces(void **state)
{
	static const struct str engineers[] = { { "engineer", 8 } };
	const struct permission line = { STR("staff.classified"), { engineers, 1 } };
	struct stage stage;

	(void)state;
	set(&stage, STATE_RECEIVED, "staff.classified", "engineer");
	stage.policy.permissions = &line;
	stage.policy.permission_count = 1;
	assert_true(run(&stage));
	stage.claim.role = STR("csr");
	assert_false(run(&stage));
	done(&stage);
}

/* ---- time ---- */

static void test_time(void **state)
{
	static const struct {
		const char *name, *role;
		int64_t ago;
		int64_t at_ago, backdated_s;
	} times[] = {
		{ "just now", "engineer", MINUTE, MINUTE, 0 },
		{ "at the limit", "engineer", 15 * MINUTE, 15 * MINUTE, 0 },
		{ "beyond", "engineer", 15 * MINUTE + SECOND, 0, 901 },
		{ "to come", "engineer", -MINUTE, 0, 0 },
		{ "customers may", NULL, 40 * DAY, 40 * DAY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(times); i++) {
		struct stage stage;

		set(&stage, STATE_ASSIGNED, times[i].role ? "staff.contacted" : "request.supplemented", times[i].role);
		stage.claim.time = NOW - times[i].ago;
		assert_true(run(&stage));
		if (stage.step.at != NOW - times[i].at_ago || stage.step.backdated_s != times[i].backdated_s)
			fail_msg("%s: %lld us ago, backdated %lld s", times[i].name, (long long)(NOW - stage.step.at),
				 (long long)stage.step.backdated_s);
		done(&stage);
	}
}

/* ---- reopening ---- */

static void test_reopen(void **state)
{
	static const struct {
		enum state state;
		bool policy_says;
		int64_t closed_ago;
		bool allowed;
	} cases[] = {
		{ STATE_RESOLVED_UNCONFIRMED, false, 0, true },
		{ STATE_CONFIRMED, false, 0, true },
		{ STATE_CLOSED, false, HOUR, false },
		{ STATE_CLOSED, true, 3 * DAY + MINUTE, true },
		{ STATE_CLOSED, true, 3 * DAY + 2 * MINUTE, false },
	};

	(void)state;
	for (size_t i = 0; i < array_count(cases); i++) {
		struct stage stage;

		set(&stage, cases[i].state, "customer.confirmed", NULL);
		stage.vector[0] = no;
		stage.policy.has_reopen_within = cases[i].policy_says;
		stage.policy.reopen_within = (struct duration){ .us = 3 * DAY };
		stage.ticket.closed_at = NOW - cases[i].closed_ago;
		assert_int_equal(run(&stage), cases[i].allowed);
		if (cases[i].allowed) {
			stage.ticket.facts = STR("ticket.resolved=1");
			stage.ticket.evidence = STR("p/signature");
			stage.ticket.resolved_at = NOW - DAY;
			routing_apply(&stage.ticket, stage.step.fact, stage.step.to, NOW, &stage.arena);
			assert_int_equal(stage.ticket.state, STATE_IN_PROGRESS);
			assert_int_equal(stage.ticket.reopened, 1);
			assert_int_equal(stage.ticket.revision, 6);
			assert_null(stage.ticket.facts.p);
			assert_null(stage.ticket.evidence.p);
			assert_true(stage.ticket.resolved_at == INSTANT_NONE && stage.ticket.received_at == NOW - DAY);
		} else {
			assert_int_equal(stage.refusal.reason, REASON_TICKET_CLOSED);
		}
		done(&stage);
	}
}

static void test_waiting(void **state)
{
	struct stage stage;

	(void)state;
	set(&stage, STATE_SCHEDULED, "staff.waiting", "engineer");
	assert_true(run(&stage));
	routing_apply(&stage.ticket, stage.step.fact, stage.step.to, NOW - HOUR, &stage.arena);
	assert_int_equal(stage.ticket.before, STATE_SCHEDULED);
	assert_true(stage.ticket.waiting_since == NOW - HOUR);
	/* From one waiting into another: the first state before counts. */
	stage.claim.name = STR("plan.sent");
	assert_true(run(&stage));
	routing_apply(&stage.ticket, stage.step.fact, stage.step.to, NOW, &stage.arena);
	assert_int_equal(stage.ticket.state, STATE_WAITING_CUSTOMER);
	assert_int_equal(stage.ticket.before, STATE_SCHEDULED);
	assert_true(stage.ticket.waiting_since == NOW - HOUR);
	stage.claim.name = STR("staff.resumed");
	assert_true(run(&stage));
	routing_apply(&stage.ticket, stage.step.fact, stage.step.to, NOW, &stage.arena);
	assert_int_equal(stage.ticket.state, STATE_SCHEDULED);
	assert_true(stage.ticket.waiting_since == INSTANT_NONE);
	assert_true(str_is(stage.ticket.facts, "ticket.waiting=1 ticket.plan_sent=1 ticket.resumed=1"));
	done(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_texts),  cmocka_unit_test(test_the_directorys_role_counts),
		cmocka_unit_test(test_a_policys_line_replaces),               cmocka_unit_test(test_time),
		cmocka_unit_test(test_reopen), cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
