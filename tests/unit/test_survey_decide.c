/* Surveys: one errand per closing, what becomes of it, who is satisfied, when a ticket may be opened again. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/survey/survey.h"

#define S(text) { text, sizeof(text) - 1 }

static const struct value sixty = { .type = VALUE_NUMBER, .number = 60 };
/* Attribute 0 is event.score. */
static const struct match_step below[] = { { .test = MATCH_LT, .attribute = 0, .values = &sixty, .count = 1 } };
static const struct action reopen[] = { { .type = ACTION_TASK, .what = S("call") }, { .type = ACTION_REOPEN } };
static const struct action task[] = { { .type = ACTION_TASK, .what = S("call") } };
static const struct rule then_reopen[] = { { .name = S("sad"), .on = S("survey.scored"), .match = { below, 1, 0 }, .actions = { reopen, 2 } } };
static const struct rule then_task[] = { { .name = S("sad"), .match = { below, 1, 0 }, .actions = { task, 1 } } };
static const struct rule then_always[] = { { .name = S("note"), .on = S("survey.scored"), .actions = { task, 1 } } };

static const struct programme programmes[] = {
	{ .name = S("after-case"), .type = PROGRAMME_SURVEY, .on = S("ticket.closed"), .to = S("customer"), .form = S("form"),
	  .then = then_reopen, .then_count = 1 },
	{ .name = S("call"), .type = PROGRAMME_FOLLOWUP, .on = S("ticket.closed"), .to = S("csr"), .exclude_owner = true,
	  .delay = { 0, DAY } },
	{ .name = S("later"), .type = PROGRAMME_SURVEY, .on = S("ticket.resolved"), .delay = { 0, DAY }, .then = then_task, .then_count = 1 },
	{ .name = S("plain"), .type = PROGRAMME_SURVEY, .on = S("ticket.confirmed"), .then = then_always, .then_count = 1 },
};
static const struct policy graded = { .id = S("graded"), .version = 2, .programmes = programmes, .programme_count = 4,
				      .has_reopen_within = true, .reopen_within = { 0, 7 * DAY } };
static const struct programme own[] = {
	{ .name = S("vip-survey"), .type = PROGRAMME_SURVEY, .on = S("ticket.closed"), .match = { below, 1, 0 } },
};
static const struct policy vip = { .id = S("vip"), .version = 1, .programmes = own, .programme_count = 1 };
static const struct policy silent = { .id = S("silent"), .version = 1 };

static struct value score(double number)
{
	return (struct value){ .type = VALUE_NUMBER, .number = number };
}

static void choice(void **unused)
{
	const struct policy *const both[] = { &silent, &graded }, *const special[] = { &vip, &graded };
	const struct value low = score(10), high = score(90);
	struct survey_choice got[SURVEY_CHOICES_MAX];

	(void)unused;
	assert_true(survey_listens(STR("ticket.closed"), both, 2));
	assert_false(survey_listens(STR("ticket.worked"), both, 2));
	assert_int_equal(survey_choose(STR("ticket.closed"), both, 2, &low, 0, got, SURVEY_CHOICES_MAX), 2);
	assert_true(str_is(got[0].programme->name, "call") && str_is(got[1].programme->name, "after-case"));
	assert_int_equal(survey_choose(STR("ticket.closed"), both, 2, &low, 0, got, 1), 1);
	/* The special policy speaks about surveys, the other one still about calls; it may also say: none. */
	assert_int_equal(survey_choose(STR("ticket.closed"), special, 2, &low, 0, got, SURVEY_CHOICES_MAX), 2);
	assert_true(str_is(got[1].programme->name, "vip-survey"));
	assert_int_equal(survey_choose(STR("ticket.closed"), special, 2, &high, 0, got, SURVEY_CHOICES_MAX), 1);
	assert_int_equal(survey_choose(STR("ticket.opened"), special, 2, &high, 0, got, SURVEY_CHOICES_MAX), 0);
}

static void once_per_closing(void **unused)
{
	const struct survey_choice survey = { &graded, &programmes[0] }, call = { &graded, &programmes[1] }, later = { &graded, &programmes[2] };
	struct ticket ticket = { .id = S("AC-1"), .revision = 12, .owner = S("E1") };
	struct survey first, second, third;

	(void)unused;
	assert_true(survey_plan(&survey, &ticket, 5, 10, NULL, &first));
	assert_int_equal(first.state, SURVEY_DUE);
	assert_int_equal(first.closing, 12);
	assert_true(str_is(first.recipient, "customer") && !first.excluded.p && first.changed);
	assert_int_equal(first.policy.version, 2);
	assert_int_equal(survey_number(NULL, SURVEY_TYPE_SURVEY), 1);
	first.next = NULL;
	assert_int_equal(survey_number(&first, SURVEY_TYPE_SURVEY), 2);
	assert_int_equal(survey_number(&first, SURVEY_TYPE_FOLLOWUP), 1);
	/* The same closing again: nothing; the call of it: one; a second closing: one more. */
	assert_false(survey_plan(&survey, &ticket, 5, 10, &first, &second));
	assert_true(survey_plan(&call, &ticket, 5, 10, &first, &second));
	assert_int_equal(second.type, SURVEY_TYPE_FOLLOWUP);
	assert_int_equal(second.state, SURVEY_DUE);
	assert_int_equal(second.due_at, 5 + DAY);
	assert_true(str_is(second.recipient, "csr") && str_is(second.excluded, "E1"));
	second.next = &first;
	assert_false(survey_plan(&call, &ticket, 5, 10, &second, &third));
	ticket.revision = 17;
	assert_true(survey_plan(&survey, &ticket, 50, 60, &second, &third));
	/* A survey does not go out before its time; one whose time has passed goes at once. */
	assert_true(survey_plan(&later, &ticket, 50, 60, NULL, &third));
	assert_int_equal(third.state, SURVEY_PLANNED);
	assert_true(survey_plan(&later, &ticket, 50, 50 + DAY, NULL, &third));
	assert_int_equal(third.state, SURVEY_DUE);
}

static void steps(void **unused)
{
	enum step { DUE, SENT, UNRETURNED, SCORED };
	const struct {
		enum survey_state from;
		enum step step;
		bool happens;
		enum survey_state to;
	} rows[] = {
		{ SURVEY_PLANNED, DUE, true, SURVEY_DUE },          { SURVEY_DUE, DUE, false, SURVEY_DUE },
		{ SURVEY_DROPPED, DUE, false, SURVEY_DROPPED },     { SURVEY_DUE, SENT, true, SURVEY_SENT },
		{ SURVEY_SENT, UNRETURNED, true, SURVEY_UNRETURNED }, { SURVEY_SCORED, UNRETURNED, false, SURVEY_SCORED },
		{ SURVEY_DUE, UNRETURNED, false, SURVEY_DUE },      { SURVEY_DUE, SCORED, true, SURVEY_SCORED },
		{ SURVEY_SENT, SCORED, true, SURVEY_SCORED },       { SURVEY_UNRETURNED, SCORED, true, SURVEY_SCORED },
		{ SURVEY_SCORED, SCORED, false, SURVEY_SCORED },    { SURVEY_PLANNED, SCORED, false, SURVEY_PLANNED },
		/* The answer was quicker than the report of the delivery. */
		{ SURVEY_SCORED, SENT, true, SURVEY_SCORED },       { SURVEY_PLANNED, SENT, false, SURVEY_PLANNED },
	};
	const struct survey_answer answer = { .score = S("92"), .comment = S("Quick.") };

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct survey survey = { .state = rows[i].from, .sent_at = INSTANT_NONE, .ended_at = INSTANT_NONE };
		bool happens = rows[i].step == DUE ? survey_becomes_due(&survey)
			       : rows[i].step == SENT ? survey_becomes_sent(&survey, 7)
			       : rows[i].step == UNRETURNED ? survey_becomes_unreturned(&survey, 7)
							    : survey_becomes_scored(&survey, &answer, 7);

		if (happens != rows[i].happens || survey.state != rows[i].to || survey.changed != happens)
			fail_msg("row %zu", i);
		assert_true(rows[i].step != SENT || !happens || survey.sent_at == 7);
		assert_true(rows[i].step != SCORED || !happens || (survey.ended_at == 7 && str_is(survey.score, "92")));
	}
	struct survey twice = { .state = SURVEY_DUE, .sent_at = INSTANT_NONE };
	assert_true(survey_becomes_sent(&twice, 1));
	assert_false(survey_becomes_sent(&twice, 2));
	struct survey call = { .type = SURVEY_TYPE_FOLLOWUP, .state = SURVEY_DUE, .sent_at = INSTANT_NONE };
	assert_false(survey_becomes_sent(&call, 1) || survey_becomes_scored(&call, &answer, 1));
}

static void satisfied(void **unused)
{
	const struct {
		const struct programme *programme;
		double score;
		bool has_score, says, satisfied;
		const char *want;
		bool reopens;
	} rows[] = {
		{ &programmes[0], 59, true, false, false, "false", true },
		{ &programmes[0], 60, true, false, false, "true", false },
		{ &programmes[0], 0, false, false, false, NULL, false },
		{ &programmes[0], 90, true, true, false, "false", false },
		{ &programmes[0], 10, true, true, true, "true", true },
		{ &programmes[2], 59, true, false, false, "false", false },
		{ &programmes[3], 59, true, false, false, NULL, false },
		{ NULL, 59, true, false, false, NULL, false },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct value vector = rows[i].has_score ? score(rows[i].score) : (struct value){ 0 };
		const struct survey_answer answer = { .score = rows[i].has_score ? STR("1") : STR_NONE, .says = rows[i].says,
						      .satisfied = rows[i].satisfied };
		struct str got = survey_satisfied(rows[i].programme, &answer, &vector, 0);

		if (rows[i].want ? !str_is(got, rows[i].want) : got.p != NULL)
			fail_msg("row %zu: %.*s", i, STR_ARG(got));
		assert_true(survey_wants_reopening(rows[i].programme, &vector, 0) == rows[i].reopens);
	}
}

static void reopening(void **unused)
{
	const struct policy *const with[] = { &silent, &graded }, *const without[] = { &silent };
	const struct {
		enum state state;
		instant closed_at, now;
		bool with, without;
	} rows[] = {
		{ STATE_CLOSED, 0, 7 * DAY, true, false },
		{ STATE_CLOSED, 0, 7 * DAY + 1, false, false },
		{ STATE_CLOSED, INSTANT_NONE, 1, false, false },
		{ STATE_CONFIRMED, INSTANT_NONE, 1, true, true },
		{ STATE_RESOLVED_UNCONFIRMED, INSTANT_NONE, 1, true, true },
		{ STATE_IN_PROGRESS, INSTANT_NONE, 1, false, false },
		{ STATE_CANCELLED, 0, 1, false, false },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct ticket ticket = { .state = rows[i].state, .closed_at = rows[i].closed_at };

		assert_true(survey_may_reopen(&ticket, with, 2, rows[i].now) == rows[i].with);
		assert_true(survey_may_reopen(&ticket, without, 1, rows[i].now) == rows[i].without);
	}
}

static void finding(void **unused)
{
	const struct policy *const policies[] = { &vip, &graded };
	const struct policy *policy = NULL;
	struct survey survey = { .policy = { S("graded"), 2 }, .programme = S("call") };

	(void)unused;
	assert_ptr_equal(survey_programme(&survey, policies, 2, &policy), &programmes[1]);
	assert_ptr_equal(policy, &graded);
	survey.policy.version = 1;
	assert_null(survey_programme(&survey, policies, 2, &policy));
	for (int state = SURVEY_NONE + 1; state < SURVEY_STATE_MAX; state++)
		assert_int_equal(survey_state_of(survey_state_text((enum survey_state)state)), state);
	assert_int_equal(survey_state_of(STR("")), SURVEY_NONE);
}

static void answers(void **unused)
{
	const struct {
		const char *text, *score, *answers;
		bool says, satisfied;
	} rows[] = {
		{ "{\"survey\": \"x\", \"score\": 92, \"answers\": {\"speed\": 5}}", "92", "{\"speed\": 5}", false, false },
		{ "{\"score\": null, \"answers\": {\"satisfied\": false}}", NULL, "{\"satisfied\": false}", true, false },
		{ "{\"score\": 4.5, \"satisfied\": true}", "4.5", NULL, true, true },
		{ "{\"score\": \"high\", \"answers\": 3, \"satisfied\": null}", NULL, NULL, false, false },
		{ "{}", NULL, NULL, false, false },
	};
	struct arena arena = { 0 };

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct doc doc;

		assert_int_equal(doc_parse(&doc, str_of(rows[i].text), &arena, &fault), OK);
		struct survey_answer answer = survey_decode_answer(&doc, &arena);
		assert_true(rows[i].score ? str_is(answer.score, rows[i].score) : !answer.score.p);
		assert_true(rows[i].answers ? str_is(answer.answers, rows[i].answers) : !answer.answers.p);
		assert_true(answer.says == rows[i].says && answer.satisfied == rows[i].satisfied);
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice), cmocka_unit_test(once_per_closing), cmocka_unit_test(steps), cmocka_unit_test(satisfied),
		cmocka_unit_test(reopening), cmocka_unit_test(finding), cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
