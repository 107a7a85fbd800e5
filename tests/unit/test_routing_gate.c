/* Evidence: word lists, gates with every kind of need, what a refusal says, and what the system does by itself.
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

static bool holds(struct str text, const char *part)
{
	return text.p && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void test_words(void **state)
{
	struct arena arena = { 0 };
	struct str words = STR_NONE;

	(void)state;
	assert_false(routing_word_has(words, STR("a")));
	assert_true(str_is(words = routing_word_add(&arena, words, STR("a")), "a"));
	words = routing_word_add(&arena, words, STR("bc"));
	assert_true(str_is(words = routing_word_add(&arena, words, STR("a")), "a bc"));
	assert_false(routing_word_has(words, STR("b")));
	assert_true(str_is(routing_word_remove(&arena, words, STR("a")), "bc"));
	assert_true(str_is(routing_word_remove(&arena, words, STR("bc")), "a"));
	assert_null(routing_word_remove(&arena, STR("a"), STR("a")).p);

	words = routing_word_bump(&arena, STR_NONE, STR("ticket.worked"));
	assert_true(str_is(words, "ticket.worked=1"));
	words = routing_word_bump(&arena, words, STR("ticket.work"));
	for (int i = 0; i < 9; i++)
		words = routing_word_bump(&arena, words, STR("ticket.worked"));
	assert_true(str_is(words, "ticket.worked=10 ticket.work=1"));
	assert_int_equal(routing_word_count(words, STR("ticket.worked")), 10);
	assert_int_equal(routing_word_count(words, STR("ticket.work")), 1);
	assert_int_equal(routing_word_count(words, STR("ticket.wor")), 0);
	arena_done(&arena);
}

/* ---- gates ---- */

/* Attribute 0: event.signature.signer, 1: cause_code, 2: mode. */
static const struct match_step signed_steps[] = { { .test = MATCH_EXISTS, .attribute = 0 } };
static const struct value onsite_value = { .type = VALUE_STRING, .string = { "onsite", 6 } };
static const struct match_step onsite_steps[] = { { .test = MATCH_EQUAL, .attribute = 2, .values = &onsite_value, .count = 1 } };
static const struct evidence forms[] = {
	{ .type = EVIDENCE_FACT, .id = { "f1", 2 }, .fact = { "ticket.report_filed", 19 } },
	{ .type = EVIDENCE_FACT, .id = { "f2", 2 }, .fact = { "ticket.annotated", 16 }, .missing_en = { "a note", 6 } },
};
static const struct evidence needs[] = {
	{ .type = EVIDENCE_FACT, .id = { "signature", 9 }, .fact = { "ticket.confirmed", 16 }, .match = { signed_steps, 1, 0 },
	  .missing_en = { "signature", 9 }, .missing_zh = { "客户签字", 12 } },
	{ .type = EVIDENCE_COUNT, .fact = { "ticket.subtask_opened", 21 }, .equals = { "ticket.subtask_closed", 21 },
	  .missing_en = { "open subtasks", 13 } },
	{ .type = EVIDENCE_FIELD, .attribute = 1, .missing_zh = { "原因代码", 12 } },
	{ .type = EVIDENCE_TOLD, .id = { "told", 4 }, .told = { "result", 6 }, .missing_en = { "result", 6 } },
	{ .type = EVIDENCE_ANY, .parts = forms, .part_count = 2 },
};
static const struct guard guards[] = {
	{ .name = { "gate", 4 }, .claim = { "staff.close_requested", 21 }, .needs = needs, .need_count = 5 },
	{ .name = { "onsite", 6 }, .claim = { "staff.resolved", 14 }, .match = { onsite_steps, 1, 0 }, .needs = forms,
	  .need_count = 1 },
};
static const struct policy policy = { .id = { "p", 1 }, .guards = guards, .guard_count = 2 };
static const struct policy *const policies[] = { &policy };
static const struct directory nobody = { NULL, 0 };
static const struct routing_book book = { NULL, policies, 1, &nobody };

static void test_all_that_is_missing(void **state)
{
	struct ticket ticket = { .state = STATE_CONFIRMED, .facts = STR("ticket.confirmed=1 ticket.subtask_opened=1"),
				 .resolved_at = NOW };
	struct value vector[3] = { 0 };
	struct routing_refusal refusal = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_false(routing_gates(&ticket, STR("staff.close_requested"), &book, vector, NOW, &arena, &refusal));
	assert_int_equal(refusal.reason, REASON_GATE_UNMET);
	assert_true(str_is(refusal.detail, "staff.close_requested: missing: signature (客户签字); open subtasks; 原因代码; result; "
			   "ticket.report_filed or a note"));

	/* One by one they are met. */
	ticket.facts = STR("ticket.confirmed=1 ticket.resolved=1 ticket.subtask_opened=2 ticket.subtask_closed=2 ticket.annotated=1");
	vector[0] = vector[1] = onsite_value;
	routing_note_evidence(&ticket, STR("ticket.confirmed"), &book, vector, NOW, &arena);
	routing_note_evidence(&ticket, STR("ticket.confirmed"), &book, vector, NOW, &arena);
	assert_true(str_is(ticket.evidence, "p/signature"));
	assert_false(routing_gates(&ticket, STR("staff.close_requested"), &book, vector, NOW, &arena, &refusal));
	assert_true(str_is(refusal.detail, "staff.close_requested: missing: result"));
	routing_note_evidence(&ticket, STR("ticket.contacted"), &book, NULL, NOW, &arena);
	assert_true(routing_gates(&ticket, STR("staff.close_requested"), &book, vector, NOW, &arena, &refusal));
	arena_done(&arena);
}

/* A condition of its own, and a field: an empty text is nothing. */
static void test_conditions_and_fields(void **state)
{
	static const struct evidence one[] = {
		{ .type = EVIDENCE_MATCH, .match = { onsite_steps, 1, 0 }, .missing_en = { "onsite", 6 } },
		{ .type = EVIDENCE_FIELD, .attribute = 1, .missing_en = { "cause", 5 } },
	};
	static const struct guard guard = { .claim = { "staff.spare_issued", 18 }, .needs = one, .need_count = 2 };
	const struct policy own = { .id = STR("p"), .guards = &guard, .guard_count = 1 };
	const struct policy *const list[] = { &own };
	struct routing_book whole = { NULL, list, 1, &nobody };
	struct ticket ticket = { .state = STATE_IN_PROGRESS };
	struct value vector[3] = { [1] = { .type = VALUE_STRING, .string = STR(" ") } };
	struct routing_refusal refusal = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_false(routing_gates(&ticket, STR("staff.spare_issued"), &whole, vector, NOW, &arena, &refusal));
	assert_true(str_is(refusal.detail, "staff.spare_issued: missing: onsite; cause"));
	vector[2] = onsite_value;
	assert_false(routing_gates(&ticket, STR("staff.spare_issued"), &whole, vector, NOW, &arena, &refusal));
	assert_true(str_is(refusal.detail, "staff.spare_issued: missing: cause"));
	vector[1].string = STR("x");
	assert_true(routing_gates(&ticket, STR("staff.spare_issued"), &whole, vector, NOW, &arena, &refusal));
	arena_done(&arena);
}

/* Two policies side by side, of which the second has spoken. */
static void test_told(void **state)
{
	static const struct message_rule own_messages[] = {
		{ .name = { "result", 6 }, .on = { "ticket.resolved", 15 } }, { .name = { "thanks", 6 }, .on = { "ticket.resolved", 15 } },
	};
	static const struct evidence result = { .type = EVIDENCE_TOLD, .id = { "r", 1 }, .told = { "result", 6 } };
	static const struct evidence either = { .type = EVIDENCE_ANY, .id = { "e", 1 }, .parts = &result, .part_count = 1 };
	static const struct guard gate = { .claim = { "staff.close_requested", 21 }, .needs = &either, .need_count = 1 };
	const struct policy strict = { .id = STR("strict"), .guards = &gate, .guard_count = 1, .messages = own_messages,
				       .message_count = 2 };
	const struct policy silent = { .id = STR("silent"), .guards = &gate, .guard_count = 1 };
	const struct policy *const list[] = { &strict, &silent };
	struct routing_book whole = { NULL, list, 2, &nobody };
	static const struct {
		const char *policy, *rule, *fact, *evidence;
	} rows[] = {
		{ "strict", "result", "ticket.resolved", "strict/r silent/r" },
		{ "strict", "thanks", "ticket.resolved", "silent/r" },
		{ "silent", "done", "ticket.resolved", "strict/r silent/r" },
		{ "other", "done", "ticket.resolved", "strict/r silent/r" },
		{ "strict", "result", "ticket.closed", NULL },
		{ "strict", "closed", "ticket.closed", NULL },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct routing_told told = { str_of(rows[i].policy), str_of(rows[i].rule), str_of(rows[i].fact) };
		struct ticket ticket = { .facts = STR("ticket.resolved=1 ticket.closed=1") };

		routing_note_told(&ticket, &told, &whole, &arena);
		if (!str_eq(ticket.evidence, str_of(rows[i].evidence)) || ticket.changed != (rows[i].evidence != NULL))
			fail_msg("row %zu: %.*s", i, STR_ARG(ticket.evidence));
		assert_int_equal(routing_told_matters(&strict, &told) || routing_told_matters(&silent, &told), rows[i].evidence != NULL);
		/* What was undone has been told in vain. */
		ticket = (struct ticket){ .facts = STR("ticket.worked=1") };
		routing_note_told(&ticket, &told, &whole, &arena);
		assert_null(ticket.evidence.p);
	}
	/* A talk counts once there is something to tell. */
	for (int resolved = 0; resolved < 2; resolved++) {
		struct ticket ticket = { .facts = resolved ? STR("ticket.resolved=1") : STR_NONE };

		routing_note_evidence(&ticket, STR("ticket.contacted"), &whole, NULL, NOW, &arena);
		assert_true(str_eq(ticket.evidence, resolved ? STR("strict/r silent/r") : STR_NONE));
	}
	arena_done(&arena);
}

static void test_unsigned_is_no_evidence(void **state)
{
	struct ticket ticket = { .state = STATE_CONFIRMED };
	struct value vector[3] = { 0 };
	struct arena arena = { 0 };

	(void)state;
	routing_note_evidence(&ticket, STR("ticket.confirmed"), &book, vector, NOW, &arena);
	assert_null(ticket.evidence.p);
	assert_true(routing_evidence_looks(&book, STR("ticket.confirmed")));
	assert_false(routing_evidence_looks(&book, STR("ticket.report_filed")));
	arena_done(&arena);
}

static void test_a_guard_only_where_it_matches(void **state)
{
	struct ticket ticket = { .state = STATE_IN_PROGRESS };
	struct value vector[3] = { 0 };
	struct routing_refusal refusal = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_true(routing_gates(&ticket, STR("staff.resolved"), &book, vector, NOW, &arena, &refusal));
	vector[2] = onsite_value;
	assert_false(routing_gates(&ticket, STR("staff.resolved"), &book, vector, NOW, &arena, &refusal));
	assert_true(holds(refusal.detail, "ticket.report_filed"));
	assert_true(routing_gates(&ticket, STR("staff.worked"), &book, vector, NOW, &arena, &refusal));
	arena_done(&arena);
}

/* ---- the system's own steps ---- */

static const struct transition steps[] = {
	{ .claim = { "staff.verified", 14 }, .in = STATE_BIT(STATE_RECEIVED), .fact = { "ticket.verified", 15 },
	  .target = TARGET_STATE, .to = STATE_VERIFIED, .moves = ~0u },
	{ .claim = { "staff.classified", 16 }, .in = STATE_BIT(STATE_RECEIVED) | STATE_BIT(STATE_VERIFIED),
	  .fact = { "ticket.classified", 17 }, .target = TARGET_STATE, .to = STATE_CLASSIFIED, .moves = ~0u },
};
static const struct lifecycle lifecycle = { .transitions = steps, .transition_count = 2 };

static void test_next(void **state)
{
	static const uint32_t mode_index[] = { 2 };
	static const struct str mode_name[] = { { "mode", 4 } };
	static const struct {
		const char *name;
		enum state state;
		const char *kind, *missing;
		bool verify_person, classify_person, needs_mode, mode, routing, unassignable;
		enum routing_next want;
	} rows[] = {
		{ "verify", STATE_RECEIVED, "fault", NULL, false, false, false, false, true, false, NEXT_VERIFY },
		{ "a person verifies", STATE_RECEIVED, "fault", NULL, true, false, false, false, true, false, NEXT_NOTHING },
		{ "a person grades what the system verifies", STATE_RECEIVED, "fault", NULL, false, true, false, false, true, false,
		  NEXT_VERIFY },
		{ "ungraded goes to a person as it came", STATE_RECEIVED, "fault", NULL, false, false, true, false, true, false,
		  NEXT_NOTHING },
		{ "graded", STATE_RECEIVED, "fault", NULL, false, false, true, true, true, false, NEXT_VERIFY },
		{ "incomplete", STATE_RECEIVED, "fault", "problem", false, false, false, false, true, false, NEXT_NOTHING },
		{ "no kind", STATE_RECEIVED, NULL, NULL, false, false, false, false, true, false, NEXT_NOTHING },
		{ "classify", STATE_VERIFIED, "fault", NULL, true, false, false, false, true, false, NEXT_CLASSIFY },
		{ "a person classifies", STATE_VERIFIED, "fault", NULL, false, true, false, false, true, false, NEXT_NOTHING },
		{ "not known enough", STATE_VERIFIED, "fault", NULL, false, false, true, false, true, false, NEXT_NOTHING },
		{ "known enough", STATE_VERIFIED, "fault", NULL, false, false, true, true, true, false, NEXT_CLASSIFY },
		{ "dispatch", STATE_CLASSIFIED, "fault", NULL, true, true, true, false, true, false, NEXT_DISPATCH },
		{ "people dispatch", STATE_CLASSIFIED, "fault", NULL, false, false, false, false, false, false, NEXT_NOTHING },
		{ "nobody was there", STATE_CLASSIFIED, "fault", NULL, false, false, false, false, true, true, NEXT_NOTHING },
		{ "at work", STATE_ASSIGNED, "fault", NULL, false, false, false, false, true, false, NEXT_NOTHING },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct step_rule verify = { .by = rows[i].verify_person ? BY_PERSON : BY_SYSTEM };
		struct step_rule classify = { .by = rows[i].classify_person ? BY_PERSON : BY_SYSTEM,
					      .need = { mode_name, rows[i].needs_mode }, .need_attributes = mode_index };
		struct policy own = { .id = STR("p"), .verify = &verify, .verify_count = 1, .classify = &classify,
				      .classify_count = 1, .routing = { .present = rows[i].routing } };
		const struct policy *const list[] = { &own };
		struct routing_book whole = { &lifecycle, list, 1, &nobody };
		struct ticket ticket = { .state = rows[i].state, .kind = str_of(rows[i].kind), .missing = str_of(rows[i].missing),
					 .unassignable = rows[i].unassignable };
		struct value vector[3] = { 0 };

		if (rows[i].mode)
			vector[2] = onsite_value;
		if (routing_next(&ticket, &whole, vector, NOW) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static bool known_in(void *userdata, struct str path)
{
	return routing_word_has(*(struct str *)userdata, path);
}

static void test_missing(void **state)
{
	static const struct str name[] = { { "customer.name", 13 } };
	static const struct str reach[] = { { "customer.phone", 14 }, { "customer.email", 14 } };
	static const struct strings fields[] = { { name, 1 }, { reach, 2 } };
	static const struct required_rule required[] = { { .fields = fields, .field_count = 2 } };
	const struct policy own = { .id = STR("p"), .required = required, .required_count = 1 };
	const struct policy *const list[] = { &own, &own };
	struct routing_book whole = { &lifecycle, list, 2, &nobody };
	struct ticket ticket = { .state = STATE_INCOMPLETE };
	struct str there = STR("problem");
	struct routing_known known = { known_in, &there };
	struct arena arena = { 0 };

	(void)state;
	assert_true(str_is(routing_missing(&ticket, &whole, NULL, &known, NOW, &arena),
			   "customer.name customer.phone|customer.email"));
	there = STR("customer.email customer.name");
	assert_null(routing_missing(&ticket, &whole, NULL, &known, NOW, &arena).p);
	arena_done(&arena);
}

static void test_due(void **state)
{
	const struct clock_rule clocks[] = {
		{ .name = STR("response"), .match = { onsite_steps, 1, 0 }, .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.registered") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.replied") }, .limit = { .duration = { .us = 2 * HOUR } },
		  .calendar = STR("24x7") },
		{ .name = STR("response"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.registered") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.replied") }, .limit = { .duration = { .us = HOUR } },
		  .calendar = STR("24x7") },
		{ .name = STR("resolve"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.registered") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.resolved") }, .limit = { .duration = { .us = 48 * HOUR } },
		  .calendar = STR("24x7") },
		{ .name = STR("office"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.registered") },
		  .limit = { .duration = { .us = MINUTE } }, .calendar = STR("cn-office") },
	};
	const struct policy own = { .id = STR("p"), .clocks = clocks, .clock_count = 4 };
	const struct policy *const list[] = { &own };
	struct routing_book whole = { &lifecycle, list, 1, &nobody };
	struct ticket ticket = { .received_at = NOW - HOUR };
	struct value vector[3] = { 0 };

	(void)state;
	assert_true(routing_due(&ticket, &whole, vector, NOW) == NOW);
	vector[2] = onsite_value;
	assert_true(routing_due(&ticket, &whole, vector, NOW) == NOW + HOUR);
	ticket.facts = STR("ticket.replied=1");
	assert_true(routing_due(&ticket, &whole, vector, NOW) == NOW + 47 * HOUR);
	ticket.facts = STR("ticket.replied=1 ticket.resolved=1");
	assert_true(routing_due(&ticket, &whole, vector, NOW) == INSTANT_NONE);
}

/* C048: clocks of all policies count, and what begins with this assignment. */
static void test_due_side_by_side(void **state)
{
	const struct clock_rule assign[] = {
		{ .name = STR("contact"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.assigned") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.contacted") },
		  .restart_on = { .type = TRIGGER_EVENT, .fact = STR("ticket.assigned") },
		  .limit = { .duration = { .us = 24 * HOUR } }, .calendar = STR("24x7") },
	};
	const struct clock_rule once[] = {
		{ .name = STR("first"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.assigned") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.started") }, .limit = { .duration = { .us = 12 * HOUR } },
		  .calendar = STR("24x7") },
		{ .name = STR("resolve"), .start = { .type = TRIGGER_EVENT, .fact = STR("ticket.registered") },
		  .stop = { .type = TRIGGER_EVENT, .fact = STR("ticket.resolved") }, .limit = { .duration = { .us = 48 * HOUR } },
		  .calendar = STR("24x7") },
	};
	const struct policy one = { .id = STR("p"), .clocks = assign, .clock_count = 1 };
	const struct policy two = { .id = STR("q"), .clocks = once, .clock_count = 2 };
	const struct policy *const list[] = { &one, &two };
	struct routing_book whole = { &lifecycle, list, 2, &nobody };
	struct ticket ticket = { .received_at = NOW - 40 * HOUR, .assigned_at = NOW, .facts = STR("ticket.assigned=1") };

	(void)state;
	assert_true(routing_due(&ticket, &whole, NULL, NOW) == NOW + 8 * HOUR);
	ticket.received_at = NOW - HOUR;
	assert_true(routing_due(&ticket, &whole, NULL, NOW) == NOW + 12 * HOUR);
	/* Again: the contact clock starts anew, the other one ran from the first time. */
	ticket.facts = STR("ticket.assigned=2 ticket.contacted=1");
	assert_true(routing_due(&ticket, &whole, NULL, NOW) == NOW + 24 * HOUR);
}

static void test_priority(void **state)
{
	(void)state;
	assert_true(routing_raises(STR("general"), STR("high")));
	assert_true(routing_raises(STR("high"), STR("urgent")));
	assert_false(routing_raises(STR("urgent"), STR("high")));
	assert_false(routing_raises(STR("major"), STR("high")));
	assert_true(routing_raises(STR("2"), STR("3")));
	assert_false(routing_raises(STR("3"), STR("2")));
	assert_true(routing_raises(STR_NONE, STR("low")));
	assert_true(routing_raises(STR("p1"), STR("p0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words), cmocka_unit_test(test_all_that_is_missing),
		cmocka_unit_test(test_unsigned_is_no_evidence), cmocka_unit_test(test_a_guard_only_where_it_matches),
		cmocka_unit_test(test_next), cmocka_unit_test(test_missing), cmocka_unit_test(test_due), cmocka_unit_test(test_priority),
		cmocka_unit_test(test_conditions_and_fields), cmocka_unit_test(test_told), cmocka_unit_test(test_due_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
