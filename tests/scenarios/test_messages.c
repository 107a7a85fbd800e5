/* Who is told what, clause by clause, under tests/data/policies/right/messages.json: what waits until it is complete, results
 * that nobody takes, and what concerns no ticket.
 *
 * A stack of our own: its mail server is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/support/scene.h"
#include "tests/support/smtp.h"

static int open_with_messages(void **state)
{
	static const char *const policies[] = { "tests/data/policies/right/messages.json", NULL };
	char path[900];
	FILE *file;

	if (scene_open_policies(state, policies) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/conf/notification.conf", desk_stack(*state)->dir);
	file = fopen(path, "a");
	if (!file)
		return -1;
	fprintf(file, "smtp_url = smtp://127.0.0.1:%d\nsmtp_from = desk@example.com\nattempts = 3\nretry_after = 50ms\n"
		      "gateways = fax\n", smtp_free_port());
	fclose(file);
	return stack_do(desk_stack(*state), "restart", "notification") ? 0 : -1;
}

/* ---- facts of one template ---- */

struct wanted {
	const char *ticket, *name, *template;
	size_t nth;
	const struct record *found;
};

static bool is_there(struct desk *desk, void *userdata)
{
	struct wanted *wanted = userdata;
	const struct desk_ticket *log = desk_ticket(desk, wanted->ticket);
	size_t nth = wanted->nth;

	for (size_t i = 0; log && i < log->count; i++)
		if (strcmp(log->items[i]->name, wanted->name) == 0 && strcmp(record_text(log->items[i], "template.id"), wanted->template) == 0 &&
		    --nth == 0) {
			wanted->found = log->items[i];
			return true;
		}
	return false;
}

static const struct record *expect(struct desk *desk, const char *ticket, const char *name, const char *template, size_t nth)
{
	struct wanted wanted = { ticket, name, template, nth, NULL };

	if (!desk_until(desk, is_there, &wanted))
		desk_fail(desk, ticket, "no %s of %s, number %zu", name, template, nth);
	return wanted.found;
}

static void expect_no_more(struct desk *desk, const char *ticket, const char *name, const char *template, size_t count)
{
	struct wanted wanted = { ticket, name, template, count + 1, NULL };

	desk_settle(desk);
	if (is_there(desk, &wanted))
		desk_fail(desk, ticket, "more than %zu %s of %s", count, name, template);
}

static void expect_text(struct desk *desk, const struct record *record, const char *text)
{
	if (!strstr(record_text(record, "text"), text))
		desk_fail(desk, record_text(record, "ticket"), "\"%s\" is not in the message:\n%s", text, record_text(record, "text"));
}

/* ---- C097: overdue, and what then ---- */

static const char *overdue_ticket(struct desk *desk, const char *more)
{
	return scene_assigned(desk, desk_now() - 3 * HOUR, more);
}

/* The notice is held back for want of an option, and the owner has a task. */
static const struct record *expect_held(struct desk *desk, const char *ticket)
{
	const struct record *suppressed = expect(desk, ticket, "notify.suppressed", "overdue", 1);
	const struct record *task = desk_expect(desk, ticket, "task.opened");

	scene_text_is(desk, suppressed, "reason", "missing: option");
	scene_text_is(desk, task, "what", "overdue_explanation");
	/* A ticket that comes late may be overdue before it has an owner. */
	if (strcmp(record_text(task, "for"), "owner") != 0)
		scene_text_is(desk, task, "for", scene_cast(desk)->engineer);
	scene_text_is(desk, task, "message", record_text(suppressed, "message"));
	expect_no_more(desk, ticket, "notify.requested", "overdue", 0);
	return task;
}

static void c097_overdue_waits_for_an_option(void **state)
{
	static const struct {
		const char *claim, *data, *text;
	} rows[] = {
		{ "staff.proposed", "{'solution': 'a new sensor by Friday'}", "a new sensor by Friday" },
		{ "plan.sent", "{'text': 'we come on Tuesday at nine'}", "we come on Tuesday at nine" },
		{ "staff.promised", "{'until': '2031-05-06T09:30:00+08:00'}", "promised by 2031-05-06 09:30" },
	};
	struct desk *desk = *state;
	const char *engineer = scene_cast(desk)->engineer;

	for (size_t i = 0; i < array_count(rows); i++) {
		const char *ticket = overdue_ticket(desk, "{'customer': {'language': 'en'}}");
		const struct record *task = expect_held(desk, ticket), *requested;

		scene_do(desk, ticket, rows[i].claim, engineer, 0, rows[i].data);
		requested = expect(desk, ticket, "notify.requested", "overdue", 1);
		scene_text_is(desk, requested, "to.role", "customer");
		scene_text_is(desk, requested, "message", record_text(task, "message"));
		scene_text_is(desk, requested, "why.name", "sla.breached");
		expect_text(desk, requested, rows[i].text);
		/* What the breach said is said, though it is long ago. */
		assert_null(strstr(record_text(requested, "text"), "(not set)"));
		scene_text_is(desk, desk_expect(desk, ticket, "task.closed"), "task", record_text(task, "task"));
		/* Once, whatever else is proposed. */
		scene_do(desk, ticket, "staff.promised", engineer, 0, "{'until': '2031-06-06T09:30:00+08:00'}");
		expect_no_more(desk, ticket, "notify.requested", "overdue", 1);
		expect_no_more(desk, ticket, "notify.sent", "overdue", 1);
		scene_count_is(desk, ticket, "task.closed", 1);
	}
}

static void c097_overdue_says_what_was_proposed_before(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, desk_now() - 2 * HOUR + 4 * SECOND, NULL);
	const struct record *requested;

	scene_do(desk, ticket, "staff.proposed", scene_cast(desk)->engineer, 0, "{'solution': '更换传感器'}");
	requested = expect(desk, ticket, "notify.requested", "overdue", 1);
	expect_text(desk, requested, "更换传感器");
	expect_no_more(desk, ticket, "notify.suppressed", "overdue", 0);
	scene_count_is(desk, ticket, "task.opened", 0);
}

static void c097_overdue_says_what_the_policy_offers(void **state)
{
	static const char *const rows[][2] = {
		{ "zh-CN", "可先提供备用机" }, { "zh-TW", "可先提供備用機" }, { "en", "a spare machine meanwhile" },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < array_count(rows); i++) {
		const char *ticket = overdue_ticket(desk, desk_text(desk, "{'kind': 'device_repair', 'customer': {'language': '%s'}}", rows[i][0]));
		const struct record *requested = expect(desk, ticket, "notify.requested", "overdue", 1);

		scene_text_is(desk, requested, "template.locale", rows[i][0]);
		expect_text(desk, requested, rows[i][1]);
		scene_count_is(desk, ticket, "task.opened", 0);
	}
}

/* A kill between the holding and the sending changes nothing. */
static void c097_held_messages_survive_a_kill(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, desk_now() - 2 * HOUR + 2 * SECOND, NULL);

	scene_text_is(desk, expect_held(desk, ticket), "for", scene_cast(desk)->engineer);
	assert_true(stack_do(desk_stack(desk), "kill", "notification"));
	scene_do(desk, ticket, "staff.proposed", scene_cast(desk)->engineer, 0, "{'solution': '更换传感器'}");
	expect_text(desk, expect(desk, ticket, "notify.requested", "overdue", 1), "更换传感器");
	expect_no_more(desk, ticket, "notify.requested", "overdue", 1);
	expect_no_more(desk, ticket, "notify.suppressed", "overdue", 1);
}

static void c097_held_messages_end_with_their_ticket(void **state)
{
	struct desk *desk = *state;
	const char *ticket = overdue_ticket(desk, NULL);
	const struct record *task = expect_held(desk, ticket), *closed;

	scene_do(desk, ticket, "customer.cancelled", NULL, 0, "{'reason': 'bought another one'}");
	closed = desk_expect(desk, ticket, "task.closed");
	scene_text_is(desk, closed, "task", record_text(task, "task"));
	scene_text_is(desk, closed, "result", "void");
	expect_no_more(desk, ticket, "notify.requested", "overdue", 0);
}

/* ---- C105 ---- */

static void c105_complaint_is_answered_with_an_apology_and_a_time(void **state)
{
	struct desk *desk = *state;
	const char *csr = scene_cast(desk)->csr;
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint'}");
	const struct record *task = desk_expect(desk, ticket, "task.opened"), *requested;

	scene_text_is(desk, task, "what", "complaint_expected");
	expect_no_more(desk, ticket, "notify.requested", "complaint", 0);
	scene_do(desk, ticket, "staff.promised", csr, 0, "{'until': '2031-05-06T09:30:00+08:00'}");
	requested = expect(desk, ticket, "notify.requested", "complaint", 1);
	expect_text(desk, requested, "歉意");
	expect_text(desk, requested, "2031-05-06 09:30");
	scene_text_is(desk, desk_expect(desk, ticket, "task.closed"), "task", record_text(task, "task"));
}

/* ---- C128 ---- */

static void c128_each_result_is_told_once(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);

	scene_resolve(desk, ticket);
	expect(desk, ticket, "notify.sent", "resolved", 1);
	expect_no_more(desk, ticket, "notify.requested", "resolved", 1);
	scene_do(desk, ticket, "customer.rejected", NULL, 0, "{'reason': 'still dead'}");
	scene_do(desk, ticket, "staff.resolved", scene_cast(desk)->engineer, 0, "{'solution': 'now it works'}");
	expect_text(desk, expect(desk, ticket, "notify.requested", "resolved", 2), "now it works");
	expect_no_more(desk, ticket, "notify.requested", "resolved", 2);
}

static void c128_result_that_nobody_takes_is_a_task(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, "{'channel': 'email', 'customer': {'name': 'Wang Min', 'email': 'wang@example.org'}}");
	const struct record *failed, *task;

	scene_resolve(desk, ticket);
	failed = expect(desk, ticket, "notify.failed", "resolved", 1);
	assert_int_equal(record_number(failed, "attempts"), 3);
	task = desk_expect(desk, ticket, "task.opened");
	scene_text_is(desk, task, "message", record_text(failed, "message"));
	expect_no_more(desk, ticket, "notify.requested", "resolved", 1);
	scene_count_is(desk, ticket, "task.opened", 1);
}

/* ---- C051 ---- */

static size_t notices(struct desk *desk, const char *thing, const char *name, const struct record **ret_last)
{
	struct record *const *records;
	size_t count, found = 0;

	records = desk_records(desk, &count);
	for (size_t i = 0; i < count; i++)
		if (records[i]->topic == DESK_MESSAGES && !records[i]->repeat && strcmp(records[i]->name, name) == 0 &&
		    strcmp(record_text(records[i], "thing"), thing) == 0) {
			*ret_last = records[i];
			found++;
		}
	return found;
}

static void c051_leaving_the_post_is_told_to_the_superior(void **state)
{
	struct desk *desk = *state;
	const char *manager = scene_cast(desk)->manager;
	const char *person = scene_person(desk, "csr", desk_text(desk, "{'superior': '%s', 'name': '李敏'}", manager));
	const struct claim claim = {
		.name = "staff.off_post", .key = desk_text(desk, "post:%s", person), .id = desk_unique(desk, "off"), .source = "hr",
		.data = desk_text(desk, "{'staff': '%s', 'place': '午餐', 'to': '2031-05-06T13:00:00+08:00'}", person),
	};
	const struct record *notice;

	desk_send(desk, &claim);
	notice = desk_expect_thing(desk, DESK_MESSAGES, "notify.requested", "thing", person);
	scene_text_is(desk, notice, "to.person", manager);
	scene_text_is(desk, notice, "rule", "off-post");
	scene_text_is(desk, notice, "policy.id", "messages");
	assert_string_equal(notice->key, person);
	expect_text(desk, notice, "午餐");
	assert_non_null(strstr(record_text(notice, "subject"), "李敏"));
	desk_expect_thing(desk, DESK_MESSAGES, "notify.sent", "thing", person);
	/* The same word again, and a daemon that is killed: still one notice. */
	desk_send(desk, &claim);
	assert_true(stack_do(desk_stack(desk), "kill", "notification"));
	desk_settle(desk);
	assert_int_equal(notices(desk, person, "notify.requested", &notice), 1);
	assert_int_equal(notices(desk, person, "notify.sent", &notice), 1);
}

/* A gateway reports about a message that has no ticket by the message's id alone. */
static void c051_gateway_reports_about_a_message_of_the_desk(void **state)
{
	struct desk *desk = *state;
	const char *person = scene_person(desk, "csr", desk_text(desk, "{'superior': '%s'}", scene_cast(desk)->manager));
	const struct claim claim = {
		.name = "staff.on_post", .key = desk_text(desk, "post:%s", person), .data = desk_text(desk, "{'staff': '%s'}", person),
	};
	const struct record *notice;
	struct claim report = { .name = "message.delivered" };

	desk_send(desk, &claim);
	notice = desk_expect_thing(desk, DESK_MESSAGES, "notify.requested", "thing", person);
	scene_text_is(desk, notice, "channel", "fax");
	desk_settle(desk);
	assert_int_equal(notices(desk, person, "notify.sent", &notice), 0);
	report.data = desk_text(desk, "{'message': '%s'}", record_text(notice, "message"));
	report.key = record_text(notice, "message");
	desk_send(desk, &report);
	scene_text_is(desk, desk_expect_thing(desk, DESK_MESSAGES, "notify.sent", "thing", person), "message", record_text(notice, "message"));
}

static void c051_nobody_to_tell_is_a_task(void **state)
{
	struct desk *desk = *state;
	const char *person = scene_person(desk, "csr", NULL);
	const struct claim claim = {
		.name = "staff.off_post", .key = desk_text(desk, "post:%s", person), .data = desk_text(desk, "{'staff': '%s'}", person),
	};

	desk_send(desk, &claim);
	scene_text_is(desk, desk_expect_thing(desk, DESK_MESSAGES, "notify.suppressed", "thing", person), "reason", "nobody to tell");
	scene_text_is(desk, desk_expect_thing(desk, DESK_DESK, "task.opened", "thing", person), "for", "csr");
}

/* Messages follow from the topics alone (aftercarectl rebuild): delivered, failed, reported about. */
static void c051_messages_are_what_the_topics_say(void **state)
{
	struct desk *desk = *state;
	json_t *verdict;

	scene_needs_stack(desk);
	desk_settle(desk);
	verdict = desk_check_rebuild(desk);
	assert_true(json_integer_value(json_object_get(rebuild_table(verdict, "notification.message"), "rows")) > 5);
	json_decref(verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c097_overdue_waits_for_an_option),
		SCENARIO(c097_overdue_says_what_was_proposed_before),
		SCENARIO(c097_overdue_says_what_the_policy_offers),
		SCENARIO(c097_held_messages_survive_a_kill),
		SCENARIO(c097_held_messages_end_with_their_ticket),
		SCENARIO(c105_complaint_is_answered_with_an_apology_and_a_time),
		SCENARIO(c128_each_result_is_told_once),
		SCENARIO(c128_result_that_nobody_takes_is_a_task),
		SCENARIO(c051_leaving_the_post_is_told_to_the_superior),
		SCENARIO(c051_gateway_reports_about_a_message_of_the_desk),
		SCENARIO(c051_nobody_to_tell_is_a_task),
		SCENARIO(c051_messages_are_what_the_topics_say),
	};

	return cmocka_run_group_tests(tests, open_with_messages, scene_close);
}
