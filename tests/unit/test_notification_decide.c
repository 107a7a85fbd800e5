/* Which messages a fact gives, when one is a repeat, which channel carries it, what follows an attempt. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "services/notification/notification.h"

static const struct value urgent = { .type = VALUE_STRING, .string = { "urgent", 6 } };
static const struct value general = { .type = VALUE_STRING, .string = { "general", 7 } };
/* Attribute 0 is the severity. */
static const struct match_step is_urgent[] = { { .test = MATCH_EQUAL, .attribute = 0, .values = &urgent, .count = 1 } };
static const struct match_step is_general[] = { { .test = MATCH_EQUAL, .attribute = 0, .values = &general, .count = 1 } };

static const struct str customer[] = { { "customer", 8 } }, manager[] = { { "manager", 7 } };
static const struct action tell_manager[] = { { .type = ACTION_NOTIFY, .to = { manager, 1 }, .message = { "overdue", 7 } },
					      { .type = ACTION_TASK, .what = { "x", 1 } } };
static const struct action tell_other[] = { { .type = ACTION_NOTIFY, .to = { manager, 1 }, .message = { "other", 5 } } };

#define S(text) { text, sizeof(text) - 1 }

static const struct message_rule specific_messages[] = {
	{ .name = S("vip"), .on = S("ticket.closed"), .to = { customer, 1 }, .template_name = S("vip-closed") },
};
static const struct message_rule messages[] = {
	{ .name = S("closed"), .on = S("ticket.closed"), .to = { customer, 1 }, .template_name = S("closed") },
	{ .name = S("hurry"), .on = S("ticket.assigned"), .match = { is_urgent, 1, 0 }, .to = { manager, 1 }, .template_name = S("assigned") },
	{ .name = S("assigned"), .on = S("ticket.assigned"), .to = { customer, 1 }, .template_name = S("assigned"), .once_per = S("ticket") },
	{ .name = S("late"), .on = S("sla.breached"), .to = { customer, 1 }, .template_name = S("overdue") },
};
static const struct clock_rule clocks[] = {
	{ .name = S("response"), .match = { is_urgent, 1, 0 }, .on_breach = { tell_manager, 2 } },
	{ .name = S("response"), .match = { is_general, 1, 0 }, .on_breach = { tell_other, 1 }, .on_warn = { tell_other, 1 } },
};
static const struct rule rules[] = {
	{ .name = S("silence"), .on = S("ticket.resolved"), .has_after = true, .after = { 0, HOUR }, .unless = S("ticket.confirmed"),
	  .actions = { tell_manager, 2 } },
};
static const struct rule then[] = { { .name = S("sad"), .on = S("survey.scored"), .actions = { tell_other, 1 } } };
static const struct programme programmes[] = {
	{ .name = S("after-case"), .then = then, .then_count = 1, .missed = { tell_other, 1 } },
};
static const struct policy specific = { .id = S("vip"), .messages = specific_messages, .message_count = 1 };
static const struct policy plain = {
	.id = S("graded"), .acknowledge = true, .messages = messages, .message_count = 4, .clocks = clocks, .clock_count = 2,
	.rules = rules, .rule_count = 1, .programmes = programmes, .programme_count = 1,
};

static void choice(void **unused)
{
	const struct {
		const char *name, *clock, *programme, *policy;
		bool urgent;
		const char *want;    /* "rule/template/to", blank-separated; a "+" before those put off */
	} rows[] = {
		{ "ticket.registered", NULL, NULL, "graded", false, "acknowledge/acknowledge/customer" },
		{ "ticket.closed", NULL, NULL, "graded", false, "vip/vip-closed/customer" },
		{ "ticket.assigned", NULL, NULL, "graded", false, "assigned/assigned/customer" },
		{ "ticket.assigned", NULL, NULL, "graded", true, "hurry/assigned/manager assigned/assigned/customer" },
		{ "sla.breached", "response", NULL, "graded", true, "late/overdue/customer response/overdue/manager" },
		{ "sla.breached", "response", NULL, "graded", false, "late/overdue/customer response/other/manager" },
		{ "sla.breached", "response", NULL, "another", false, "late/overdue/customer" },
		{ "sla.breached", "arrive", NULL, "graded", true, "late/overdue/customer" },
		{ "sla.warned", "response", NULL, "graded", true, "" },
		{ "sla.warned", "response", NULL, "graded", false, "response/other/manager" },
		{ "sla.started", "response", NULL, "graded", true, "" },
		{ "ticket.resolved", NULL, NULL, "graded", false, "+silence/overdue/manager" },
		{ "survey.scored", NULL, "after-case", "graded", false, "sad/other/manager" },
		{ "survey.scored", NULL, "yearly", "graded", false, "" },
		{ "survey.unreturned", NULL, "after-case", "graded", false, "after-case/other/manager" },
		{ "ticket.worked", NULL, NULL, "graded", false, "" },
	};
	const struct policy *const policies[] = { &specific, &plain };

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct notification_fact fact = { str_of(rows[i].name), str_of(rows[i].clock), str_of(rows[i].programme),
							str_of(rows[i].policy) };
		struct notification_wish wishes[NOTIFICATION_WISHES_MAX];
		size_t count = notification_choose(&fact, policies, 2, rows[i].urgent ? &urgent : &general, 0, wishes,
						   NOTIFICATION_WISHES_MAX);
		char got[400] = "";

		for (size_t j = 0; j < count; j++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%.*s/%.*s/%.*s", j ? " " : "",
				 wishes[j].delayed ? "+" : "", STR_ARG(wishes[j].rule), STR_ARG(wishes[j].template_name),
				 STR_ARG(wishes[j].to.items[0]));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu (%s): wanted \"%s\", got \"%s\"", i, rows[i].name, rows[i].want, got);
		/* Nothing is ever chosen unseen. */
		assert_true(count == 0 || notification_listens(&fact, policies, 2));
	}
}

static void bounded(void **unused)
{
	const struct notification_fact fact = { .name = STR("ticket.assigned") };
	const struct policy *const policies[] = { &plain };
	struct notification_wish wishes[1];

	(void)unused;
	assert_int_equal(notification_choose(&fact, policies, 1, &urgent, 0, wishes, 1), 1);
	assert_int_equal(notification_choose_rule(&plain, STR("silence"), wishes, 1), 1);
	assert_false(wishes[0].delayed);
	assert_int_equal(notification_choose_rule(&plain, STR("none"), wishes, 1), 0);
}

static void once_per(void **unused)
{
	const struct {
		const char *told, *key, *once_per;
		instant now;
		bool want;
	} rows[] = {
		{ NULL, "a", "ticket", 5, false },
		{ "a=1", "a", "ticket", 5, true },
		{ "a=1", "a", "fact", 5, false },
		{ "a=1", "a", NULL, 5, false },
		{ "ab=1", "a", "ticket", 5, false },
		{ "b=1 a=2 c=3", "a", "ticket", 5, true },
		{ "a=1", "a", "P1D", 1 + DAY - 1, true },
		{ "a=1", "a", "P1D", 1 + DAY, false },
	};
	struct arena arena = { 0 };
	struct str told;

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_true(notification_told(str_of(rows[i].told), str_of(rows[i].key), str_of(rows[i].once_per), rows[i].now) == rows[i].want);
	told = notification_tell(&arena, STR_NONE, STR("a"), 1);
	assert_true(str_is(told, "a=1"));
	told = notification_tell(&arena, told, STR("b"), 2);
	assert_true(str_is(told, "a=1 b=2"));
	told = notification_tell(&arena, told, STR("a"), 333);
	assert_true(str_is(told, "a=333 b=2"));
	told = notification_tell(&arena, told, STR("b"), 4);
	assert_true(str_is(told, "a=333 b=4"));
	arena_done(&arena);
}

static void retries(void **unused)
{
	const struct notification_patience patience = { .attempts = 5, .retry_after = 30 * SECOND, .retry_most = 100 * SECOND };
	const struct {
		enum notification_outcome outcome;
		int32_t attempts;
		enum notification_state want;
		int64_t wait;
	} rows[] = {
		{ OUTCOME_DELIVERED, 1, MESSAGE_SENT, 0 },
		{ OUTCOME_DELIVERED, 9, MESSAGE_SENT, 0 },
		{ OUTCOME_PERMANENT, 1, MESSAGE_FAILED, 0 },
		{ OUTCOME_TEMPORARY, 1, MESSAGE_REQUESTED, 30 * SECOND },
		{ OUTCOME_TEMPORARY, 2, MESSAGE_REQUESTED, 60 * SECOND },
		{ OUTCOME_TEMPORARY, 3, MESSAGE_REQUESTED, 100 * SECOND },
		{ OUTCOME_TEMPORARY, 4, MESSAGE_REQUESTED, 100 * SECOND },
		{ OUTCOME_TEMPORARY, 5, MESSAGE_FAILED, 0 },
		{ OUTCOME_TEMPORARY, 6, MESSAGE_FAILED, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		instant at = 1000;

		assert_int_equal(notification_after(rows[i].outcome, rows[i].attempts, &patience, 1000, &at), rows[i].want);
		assert_int_equal(at, 1000 + rows[i].wait);
	}
	/* What the other side asks for is the least. */
	for (int i = 0; i < 2; i++) {
		struct notification_patience asked = patience;
		instant at = INSTANT_NONE;

		asked.asked = i ? 500 * SECOND : 10 * SECOND;
		assert_int_equal(notification_after(OUTCOME_TEMPORARY, 1, &asked, 1000, &at), MESSAGE_REQUESTED);
		assert_int_equal(at, 1000 + (i ? 500 : 30) * SECOND);
	}
}

static void channels(void **unused)
{
	const struct notification_option log = { STR("phone"), VIA_LOG, STR_NONE, false },
					 mail = { STR("email"), VIA_MAIL, STR("a@b"), true },
					 no_mail = { STR("email"), VIA_MAIL, STR_NONE, true },
					 gateway = { STR("sms"), VIA_GATEWAY, STR("1"), true },
					 role_gateway = { STR("sms"), VIA_GATEWAY, STR_NONE, false };
	const struct {
		struct notification_option options[3];
		size_t count, want;
		bool reaches;
	} rows[] = {
		{ { log }, 1, 0, false },
		{ { log, mail }, 2, 1, true },
		{ { no_mail, gateway, mail }, 3, 1, true },
		{ { no_mail, log }, 2, 1, false },
		{ { no_mail }, 1, 0, false },
		{ { role_gateway, log }, 2, 0, true },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		size_t got = notification_channel(rows[i].options, rows[i].count);

		assert_int_equal(got, rows[i].want);
		assert_true(notification_reaches(&rows[i].options[got]) == rows[i].reaches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice), cmocka_unit_test(bounded), cmocka_unit_test(once_per), cmocka_unit_test(retries),
		cmocka_unit_test(channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
