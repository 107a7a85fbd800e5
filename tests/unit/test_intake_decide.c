/* What intake decides, as tables: what a claim is about, whether it is taken, what a new ticket is.
 *
 * Linked with intake_decide.o and common/base only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "services/intake/intake.h"

#define NOW INT64_C(1795488000000000) /* any instant will do */

static void test_about(void **state)
{
	static const struct {
		const char *name, *annotation;
		enum about want;
	} rows[] = {
		{ "request.submitted", "opens", ABOUT_REQUEST },
		{ "request.supplemented", "ticket", ABOUT_TICKET },
		{ "staff.replied", "ticket", ABOUT_TICKET },
		{ "staff.replied", NULL, ABOUT_TICKET },
		{ "survey.answered", "maybe", ABOUT_EITHER },
		{ "order.submitted", "maybe", ABOUT_EITHER },
		{ "call.ringing", "maybe", ABOUT_THING },
		{ "call.answered", "desk", ABOUT_CALL },
		{ "call.missed", "desk", ABOUT_CALL },
		{ "call.ended", "desk", ABOUT_CALL },
		{ "callback.done", "maybe", ABOUT_EITHER },
		{ "project.completed", "maybe", ABOUT_THING },
		{ "visit.done", "desk", ABOUT_THING },
		{ "policy.approved", "desk", ABOUT_POLICY },
		{ "customer.upserted", "directory", ABOUT_ENTITY },
		{ "staff.upserted", "directory", ABOUT_ENTITY },
		{ "staff.on_post", "directory", ABOUT_PRESENCE },
		{ "staff.off_post", "directory", ABOUT_PRESENCE },
		{ "staff.leave_approved", "directory", ABOUT_PERSON },
		{ "staff.leaving", "directory", ABOUT_PERSON },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		if (intake_about(str_of(rows[i].name), str_of(rows[i].annotation)) != rows[i].want)
			fail_msg("%s", rows[i].name);
}

static void test_admit(void **state)
{
	static const struct {
		const char *what;
		bool about_ticket;
		const char *id;
		struct standing standing;
		instant time;
		enum outcome want;
		enum reason reason;
		const char *detail;
	} rows[] = {
		{ "a new request", false, "AC-1", { 0 }, NOW, TAKEN, REASON_NONE, NULL },
		{ "a request of long ago", false, "AC-1", { 0 }, NOW - 400 * DAY, TAKEN, REASON_NONE, NULL },
		{ "a little ahead", false, "AC-1", { 0 }, NOW + 5 * MINUTE, TAKEN, REASON_NONE, NULL },
		{ "too far ahead", false, "AC-1", { 0 }, NOW + 5 * MINUTE + 1, REFUSED, REASON_TIME_IN_FUTURE, "/time" },
		{ "a repeat", false, "AC-1", { .seen = true }, NOW, REPEATED, REASON_NONE, NULL },
		{ "a repeat of what is unknown now", true, "AC-1", { .seen = true }, NOW, REPEATED, REASON_NONE, NULL },
		{ "a repeat from the future", false, "AC-1", { .seen = true }, NOW + DAY, REPEATED, REASON_NONE, NULL },
		{ "two requests, one id", false, "AC-1", { .id_taken = true }, NOW, REFUSED, REASON_POISON, "AC-1" },
		{ "a known ticket", true, "AC-1", { .ticket_known = true }, NOW, TAKEN, REASON_NONE, NULL },
		{ "an unknown ticket", true, "AC-1", { 0 }, NOW, REFUSED, REASON_TICKET_UNKNOWN, "no ticket AC-1" },
		{ "no ticket named", true, NULL, { 0 }, NOW, REFUSED, REASON_TICKET_UNKNOWN, "names no ticket" },
		{ "a name in place of a ticket", true, "Frau Weber", { 0 }, NOW, REFUSED, REASON_TICKET_UNKNOWN, "no ticket of this id" },
		{ "a number in place of a ticket", true, "13800000000", { 0 }, NOW, REFUSED, REASON_TICKET_UNKNOWN,
		  "no ticket of this id" },
		{ "future before unknown", true, "AC-1", { 0 }, NOW + DAY, REFUSED, REASON_TIME_IN_FUTURE, NULL },
		{ "a thing", false, "call-7", { 0 }, NOW, TAKEN, REASON_NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct fault fault = FAULT_NONE;
		enum outcome got = intake_admit(rows[i].about_ticket, str_of(rows[i].id), &rows[i].standing, rows[i].time, NOW,
						&fault);

		if (got != rows[i].want || fault.reason != rows[i].reason)
			fail_msg("%s: outcome %d, %s", rows[i].what, (int)got, fault.text);
		if (rows[i].detail && !strstr(fault.text, rows[i].detail))
			fail_msg("%s: %s", rows[i].what, fault.text);
	}
}

static void test_times(void **state)
{
	(void)state;
	assert_int_equal(intake_arrived(NOW - HOUR, NOW), NOW - HOUR);
	assert_int_equal(intake_arrived(NOW, NOW), NOW);
	assert_int_equal(intake_arrived(NOW + MINUTE, NOW), NOW);
	assert_true(intake_newer(INSTANT_NONE, NOW));
	assert_true(intake_newer(NOW, NOW));
	assert_true(intake_newer(NOW, NOW + 1));
	assert_false(intake_newer(NOW, NOW - 1));
}

static void test_ticket_ids(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "AC-7K2M-0931-X4QT-9RBD", true }, { "0", true },
		{ "01234567890123456789012345678901", true },
		{ "012345678901234567890123456789012", false },
		{ "", false }, { NULL, false }, { "AC-i", false }, { "AC-I", false }, { "ACL", false }, { "AC 1", false },
		{ "AC-1.s1", false }, { "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		if (intake_ticket_shaped(str_of(rows[i].text)) != rows[i].want)
			fail_msg("%s", rows[i].text ? rows[i].text : "(absent)");
	assert_false(intake_ticket_shaped((struct str){ "A\0B", 3 }));
	assert_true(str_is(intake_ticket_prefix(STR("AC-1.s1")), "AC-1"));
	assert_true(str_is(intake_ticket_prefix(STR("AC-1.m1.2")), "AC-1"));
	assert_null(intake_ticket_prefix(STR("Q3-2026")).p);
	assert_null(intake_ticket_prefix(STR("E017.m3")).p);
	assert_null(intake_ticket_prefix(STR_NONE).p);
}

static const struct str kinds[] = { { "fault", 5 }, { "complaint", 9 } };
static const struct str channels[] = { { "phone", 5 }, { "email", 5 } };
static const struct str only_wechat[] = { { "wechat", 6 }, { "app", 3 } };
static const struct str managers[] = { { "general_manager", 15 }, { "leader", 6 } };
static const struct permission permissions[] = { { { "policy.approved", 15 }, { managers, 2 } } };
static const struct lifecycle lifecycle = {
	.version = 1,
	.kinds = { kinds, array_count(kinds) },
	.channels = { channels, array_count(channels) },
	.permissions = permissions,
	.permission_count = array_count(permissions),
};

static void test_kind(void **state)
{
	struct policy plain = { 0 }, own = { .unknown_kind = STR("consultation") };
	const struct policy *none[] = { &plain }, *some[] = { &plain, &own };
	bool unknown = true;

	(void)state;
	assert_null(intake_kind(STR_NONE, &lifecycle, some, 2, &unknown).p);
	assert_false(unknown);
	assert_true(str_is(intake_kind(STR("fault"), &lifecycle, some, 2, &unknown), "fault"));
	assert_false(unknown);
	assert_true(str_is(intake_kind(STR("Fault"), &lifecycle, none, 1, &unknown), "other"));
	assert_true(unknown);
	assert_true(str_is(intake_kind(STR("riddle"), &lifecycle, some, 2, &unknown), "consultation"));
	assert_true(unknown);
	assert_true(str_is(intake_kind(STR("riddle"), &lifecycle, NULL, 0, &unknown), "other"));
}

static void test_channel(void **state)
{
	struct policy plain = { 0 }, own = { .channels = { only_wechat, array_count(only_wechat) } };
	const struct policy *shared[] = { &plain }, *second[] = { &plain, &own };

	(void)state;
	assert_true(intake_channel_open(STR("phone"), &lifecycle, shared, 1));
	assert_false(intake_channel_open(STR("pigeon"), &lifecycle, shared, 1));
	assert_false(intake_channel_open(STR_NONE, &lifecycle, shared, 1));
	assert_true(intake_channel_open(STR("email"), &lifecycle, NULL, 0));
	/* The first policy that lists channels speaks alone: it opens some and closes the rest. */
	assert_true(intake_channel_open(STR("app"), &lifecycle, second, 2));
	assert_false(intake_channel_open(STR("phone"), &lifecycle, second, 2));
}

static void test_customer_key(void **state)
{
	static char huge[INTAKE_KEY_MAX + 1];
	static const struct {
		struct request request;
		const char *want;
	} rows[] = {
		{ { .customer_id = { "C1", 2 }, .phone = { "123", 3 }, .email = { "a@b", 3 } }, "C1" },
		{ { .phone = { " 123 ", 5 }, .email = { "a@b", 3 } }, "123" },
		{ { .phone = { "  ", 2 }, .email = { "a@b", 3 } }, "a@b" },
		{ { .customer_id = { huge, sizeof(huge) }, .email = { "a@b", 3 } }, "a@b" },
		{ { .customer_id = { "", 0 } }, NULL },
		{ { .kind = { NULL, 0 } }, NULL },
	};

	(void)state;
	memset(huge, 'x', sizeof(huge));
	for (size_t i = 0; i < array_count(rows); i++) {
		struct str got = intake_customer_key(&rows[i].request);

		if (rows[i].want ? !str_is(got, rows[i].want) : got.p != NULL)
			fail_msg("row %zu: %.*s", i, STR_ARG(got));
	}
}

/* Data and the required fields "a b|c" of one policy; want = the missing ones in the same notation. */
static void check_missing(const char *data, const char *required, const char *required2, const char *want)
{
	struct arena arena = { 0 };
	struct fault fault = FAULT_NONE;
	struct doc doc;
	struct policy policies[2] = { { .version = 1 }, { .version = 1 } };
	const struct policy *list[2] = { &policies[0], &policies[1] };
	const char *texts[2] = { required, required2 };
	const struct strings *missing[INTAKE_MISSING_MAX];
	struct buf got = { 0 };
	size_t count;

	assert_int_equal(doc_parse(&doc, str_of(data), &arena, &fault), OK);
	for (size_t p = 0; p < 2; p++) {
		struct strings *fields = arena_zero(&arena, 16 * sizeof(*fields));
		struct required_rule *rule = arena_zero(&arena, sizeof(*rule));
		struct str words = str_of(texts[p]);

		while (words.p) {
			struct str field = str_cut(&words, ' ');
			struct str *items = arena_zero(&arena, 4 * sizeof(*items));
			struct strings *entry = &fields[rule->field_count++];

			entry->items = items;
			while (field.p)
				items[entry->count++] = str_cut(&field, '|');
		}
		rule->fields = fields;
		policies[p].required = rule;
		policies[p].required_count = 1;
	}
	count = intake_missing(list, 2, NULL, &doc, NOW, missing);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < missing[i]->count; j++) {
			if (got.n > 0)
				buf_char(&got, j > 0 ? '|' : ' ');
			buf_str(&got, missing[i]->items[j]);
		}
	if (!str_is((struct str){ got.p ? got.p : "", got.n }, want))
		fail_msg("%s needs %s: missing %.*s, want %s", data, required, (int)got.n, got.p, want);
	buf_done(&got);
	arena_done(&arena);
}

static void test_missing(void **state)
{
	static const struct {
		const char *data, *required, *required2, *want;
	} rows[] = {
		{ "{\"customer\":{\"phone\":\"1\"},\"problem\":\"x\"}", "customer.phone|customer.email problem", NULL, "" },
		{ "{\"customer\":{\"email\":\"1\"}}", "customer.phone|customer.email problem", NULL, "problem" },
		{ "{\"customer\":{}}", "customer.phone|customer.email problem", NULL, "customer.phone|customer.email problem" },
		{ "{\"problem\":null}", "problem", NULL, "problem" },
		{ "{\"problem\":\"  \"}", "problem", NULL, "problem" },
		{ "{\"problem\":\"\"}", "problem", NULL, "problem" },
		{ "{\"attachments\":[],\"product\":{}}", "attachments product", NULL, "attachments product" },
		{ "{\"urgent\":false,\"n\":0}", "urgent n", NULL, "" },
		{ "{\"product\":\"AX\"}", "product.model", NULL, "product.model" },
		/* Two policies add up, and what both need is named once. */
		{ "{}", "problem kind", "problem product.model", "problem kind product.model" },
		{ "{}", "a|b", "b|a", "a|b b|a" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		check_missing(rows[i].data, rows[i].required, rows[i].required2, rows[i].want);
}

static void test_missing_rule_must_match(void **state)
{
	static const struct str field[] = { { "problem", 7 } };
	const struct strings fields[] = { { field, 1 } };
	const struct value fault_value = { .type = VALUE_STRING, .string = STR("fault") };
	const struct match_step step = { .test = MATCH_EQUAL, .attribute = 0, .values = &fault_value, .count = 1 };
	const struct required_rule rule = { .match = { .steps = &step, .count = 1 }, .fields = fields, .field_count = 1 };
	const struct policy policy = { .required = &rule, .required_count = 1 };
	const struct policy *list[] = { &policy };
	const struct value complaint = { .type = VALUE_STRING, .string = STR("complaint") };
	const struct strings *missing[INTAKE_MISSING_MAX];
	struct doc doc = { 0 };

	(void)state;
	assert_int_equal(intake_missing(list, 1, &fault_value, &doc, NOW, missing), 1);
	assert_ptr_equal(missing[0], &fields[0]);
	assert_int_equal(intake_missing(list, 1, &complaint, &doc, NOW, missing), 0);
}

static void test_permitted(void **state)
{
	(void)state;
	assert_true(intake_permitted(STR("policy.approved"), STR("leader"), &lifecycle, "general_manager"));
	assert_false(intake_permitted(STR("policy.approved"), STR("engineer"), &lifecycle, "general_manager"));
	assert_false(intake_permitted(STR("policy.approved"), STR_NONE, &lifecycle, "general_manager"));
	assert_true(intake_permitted(STR("visit.approved"), STR("general_manager"), &lifecycle, "general_manager"));
	assert_false(intake_permitted(STR("visit.approved"), STR("leader"), &lifecycle, "general_manager"));
	assert_true(intake_permitted(STR("policy.approved"), STR("general_manager"), NULL, "general_manager"));
	assert_false(intake_permitted(STR("policy.approved"), STR("csr"), &lifecycle, NULL));
	assert_true(intake_permitted(STR("visit.planned"), STR("csr"), &lifecycle, NULL));
}

static void test_call_outcome(void **state)
{
	static const struct {
		const char *name, *given;
		bool ticket;
		const char *want;
	} rows[] = {
		{ "call.answered", NULL, false, "answered_on_call" },
		{ "call.answered", NULL, true, "request_taken" },
		{ "call.answered", "wrong_number", false, "wrong_number" },
		{ "call.missed", NULL, false, "missed" },
		{ "call.missed", NULL, true, "missed" },
		{ "call.ended", NULL, false, "ended" },
		{ "call.ended", "", true, "request_taken" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_true(str_is(intake_call_outcome(str_of(rows[i].name), str_of(rows[i].given), rows[i].ticket), rows[i].want));
}

static void test_quotable(void **state)
{
	(void)state;
	assert_true(str_is(intake_quotable(STR("walk_in")), "walk_in"));
	assert_true(str_is(intake_quotable(STR("aftercare.x.y.v1")), "aftercare.x.y.v1"));
	assert_true(str_is(intake_quotable(STR("+86 571 8888")), "(no code)"));
	assert_true(str_is(intake_quotable(STR("a@b.example")), "(no code)"));
	assert_true(str_is(intake_quotable(STR("张三")), "(no code)"));
	assert_true(str_is(intake_quotable(STR_NONE), "(no code)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_about), cmocka_unit_test(test_admit), cmocka_unit_test(test_times),
		cmocka_unit_test(test_ticket_ids), cmocka_unit_test(test_kind), cmocka_unit_test(test_channel),
		cmocka_unit_test(test_customer_key), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_missing_rule_must_match),
		cmocka_unit_test(test_permitted), cmocka_unit_test(test_quotable),
		cmocka_unit_test(test_call_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
