/* Messages that gateways carry, over the whole stack: posted to a URL with a signature (webhooks), or taken from
 * aftercare.messages with a report back (gateways); whatever the gateway answers or does not, and over a kill.
 *
 * Always a stack of our own; the gateway is a server in this program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/str.h"
#include "tests/support/scene.h"
#include "tests/support/webhook.h"

#define SECRET "an example of a secret, 32 bytes"
#define ATTEMPTS 5

static struct webhook *gateway;

static int open_with_webhooks(void **state)
{
	const struct stack *stack;
	char path[900];
	FILE *file;

	if (scene_open_own(state) != 0)
		return -1;
	stack = desk_stack(*state);
	gateway = webhook_start(0, SECRET);
	snprintf(path, sizeof(path), "%s/run/webhook.secret", stack->dir);
	file = fopen(path, "w");
	if (!gateway || !file)
		return -1;
	fprintf(file, SECRET "\n");
	fclose(file);
	snprintf(path, sizeof(path), "%s/conf/notification.conf", stack->dir);
	file = fopen(path, "a");
	if (!file)
		return -1;
	fprintf(file, "webhooks = wechat=http://127.0.0.1:%d/wechat, sms=http://127.0.0.1:%d/sms\nwebhook_secret = file:%s/run/webhook.secret\n"
		      "webhook_timeout = 2s\nattempts = %d\nretry_after = 100ms\nretry_most = 500ms\n"
		      "gateways = fax\ngateway_timeout = 3s\n", webhook_port(gateway), webhook_port(gateway), stack->dir, ATTEMPTS);
	fclose(file);
	return stack_do(stack, "restart", "notification") ? 0 : -1;
}

static int close_with_webhooks(void **state)
{
	int result = scene_close(state);

	webhook_stop(gateway);
	return result;
}

/* ---- a request, and what is said to its customer ---- */

struct message {
	const char *ticket, *id;
	const struct record *requested, *ended;
	size_t calls;
};

static const struct record *find(const struct desk *desk, const struct message *message, const char *name, const char *template)
{
	const struct desk_ticket *log = desk_ticket(desk, message->ticket);

	for (size_t i = 0; log && i < log->count; i++)
		if (strcmp(log->items[i]->name, name) == 0 && strcmp(record_text(log->items[i], "template.id"), template) == 0)
			return log->items[i];
	return NULL;
}

static bool is_requested(struct desk *desk, void *userdata)
{
	struct message *message = userdata;

	message->requested = find(desk, message, "notify.requested", "acknowledge");
	return message->requested != NULL;
}

/* About a product that nobody can do, so that no message about an assignment gets in between. */
static struct message request(struct desk *desk, const char *channel)
{
	struct message message = { 0 };

	message.ticket = scene_ticket(desk, 0, desk_text(desk, "{'channel': '%s', 'product': {'model': '%s'}, 'customer': {'name': '王敏', "
							 "'phone': '+86 138 0000 0000', 'wechat': 'openid-7', 'fax': '+86 21 0', 'language': 'en'}}",
							 channel, desk_unique(desk, "NX")));
	if (!desk_until(desk, is_requested, &message))
		desk_fail(desk, message.ticket, "the acknowledgement is not requested");
	message.id = record_text(message.requested, "message");
	return message;
}

static bool has_ended(struct desk *desk, void *userdata)
{
	struct message *message = userdata;

	message->ended = find(desk, message, "notify.sent", "acknowledge");
	if (!message->ended)
		message->ended = find(desk, message, "notify.failed", "acknowledge");
	return message->ended != NULL;
}

/* It ended so, after so many attempts, once. */
static void expect_end(struct desk *desk, struct message *message, const char *name, int attempts, bool certain)
{
	const struct desk_ticket *log;
	size_t ends = 0;

	if (!desk_until(desk, has_ended, message) || strcmp(message->ended->name, name) != 0)
		desk_fail(desk, message->ticket, "the acknowledgement has not ended as %s", name);
	if (attempts >= 0)
		assert_int_equal(record_number(message->ended, "attempts"), attempts);
	assert_true(certain ? !record_get(message->ended, "certain") : json_is_false(record_get(message->ended, "certain")));
	desk_settle(desk);
	log = desk_ticket(desk, message->ticket);
	for (size_t i = 0; i < log->count; i++)
		ends += (strcmp(log->items[i]->name, "notify.sent") == 0 || strcmp(log->items[i]->name, "notify.failed") == 0) &&
			strcmp(record_text(log->items[i], "message"), message->id) == 0;
	assert_int_equal(ends, 1);
}

static bool has_been_called(struct desk *desk, void *userdata)
{
	struct message *message = userdata;

	(void)desk;
	return webhook_count(gateway, message->id) >= message->calls;
}

/* So many calls, all signed and alike. */
static const struct webhook_call *expect_calls(struct desk *desk, struct message *message, size_t calls)
{
	const struct webhook_call *first;

	message->calls = calls;
	if (!desk_until(desk, has_been_called, message))
		desk_fail(desk, message->ticket, "the gateway was called %zu times, not %zu", webhook_count(gateway, message->id), calls);
	assert_int_equal(webhook_count(gateway, message->id), calls);
	first = webhook_call(gateway, message->id, 0);
	for (size_t i = 0; i < calls; i++) {
		const struct webhook_call *call = webhook_call(gateway, message->id, i);

		assert_true(call->genuine);
		assert_true(labs(atol(call->timestamp) - (long)time(NULL)) < 60);
		assert_string_equal(call->body, first->body);
	}
	return first;
}

static void expect_task(struct desk *desk, const struct message *message)
{
	const struct record *task = desk_expect(desk, message->ticket, "task.opened");

	scene_text_is(desk, task, "message", message->id);
	scene_text_is(desk, task, "for", "csr");
}

/* ---- webhooks ---- */

static void webhook_is_called_where_the_question_came_from(void **state)
{
	static const struct {
		const char *channel, *carried, *path, *address;
	} rows[] = {
		{ "wechat", "wechat", "/wechat", "openid-7" },
		/* Nothing speaks to a telephone: a caller gets a text message. */
		{ "phone", "sms", "/sms", "+86 138 0000 0000" },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < array_count(rows); i++) {
		struct message message = request(desk, rows[i].channel);
		const struct webhook_call *call;
		json_t *data;

		scene_text_is(desk, message.requested, "channel", rows[i].carried);
		expect_end(desk, &message, "notify.sent", 1, true);
		call = expect_calls(desk, &message, 1);
		assert_string_equal(call->path, rows[i].path);
		assert_non_null(strstr(call->type, "application/cloudevents+json"));
		assert_string_equal(json_string_value(json_object_get(call->event, "type")), "aftercare.notify.requested.v1");
		assert_string_equal(json_string_value(json_object_get(call->event, "subject")), message.ticket);
		assert_string_equal(json_string_value(json_object_get(call->event, "id")), message.id);
		data = json_object_get(call->event, "data");
		assert_string_equal(json_string_value(json_object_get(data, "address")), rows[i].address);
		assert_string_equal(json_string_value(json_object_get(data, "text")), record_text(message.requested, "text"));
		assert_non_null(strstr(json_string_value(json_object_get(data, "text")), message.ticket));
		/* Where to and what to say, and nothing else of the customer. */
		assert_null(json_object_get(data, "customer"));
	}
}

static void webhook_put_off_is_tried_again(void **state)
{
	struct desk *desk = *state;
	struct message message;

	webhook_answer(gateway, "/wechat", (struct webhook_answer){ 503, NULL, NULL }, 2);
	message = request(desk, "wechat");
	expect_end(desk, &message, "notify.sent", 3, true);
	expect_calls(desk, &message, 3);
	/* The gateway says when. */
	webhook_answer(gateway, "/wechat", (struct webhook_answer){ 429, "Retry-After", "2" }, 1);
	message = request(desk, "wechat");
	expect_end(desk, &message, "notify.sent", 2, true);
	expect_calls(desk, &message, 2);
	assert_true(webhook_call(gateway, message.id, 1)->at - webhook_call(gateway, message.id, 0)->at >= 1900);
}

static void webhook_refused_has_failed(void **state)
{
	struct desk *desk = *state;
	struct message message;

	webhook_answer(gateway, "/wechat", (struct webhook_answer){ 404, NULL, NULL }, 1);
	message = request(desk, "wechat");
	expect_end(desk, &message, "notify.failed", 1, true);
	scene_text_is(desk, message.ended, "reason", "the gateway said 404");
	expect_task(desk, &message);
	expect_calls(desk, &message, 1);
}

static void webhook_down_for_good_has_failed(void **state)
{
	struct desk *desk = *state;
	struct message message;

	webhook_answer(gateway, "/wechat", (struct webhook_answer){ 500, NULL, NULL }, ATTEMPTS);
	message = request(desk, "wechat");
	expect_end(desk, &message, "notify.failed", ATTEMPTS, true);
	expect_task(desk, &message);
	expect_calls(desk, &message, ATTEMPTS);
}

static void webhook_redirect_is_not_followed(void **state)
{
	struct desk *desk = *state;
	char elsewhere[80];
	struct message message;

	snprintf(elsewhere, sizeof(elsewhere), "http://127.0.0.1:%d/sms", webhook_port(gateway));
	webhook_answer(gateway, "/wechat", (struct webhook_answer){ 307, "Location", elsewhere }, 1);
	message = request(desk, "wechat");
	expect_end(desk, &message, "notify.sent", 2, true);
	expect_calls(desk, &message, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(webhook_call(gateway, message.id, i)->path, "/wechat");
}

static void webhook_without_answer_is_not_certain(void **state)
{
	struct desk *desk = *state;
	struct message message;

	/* Also on a connection that was in use just before: the library's own second try is none of our attempts, and
	 * known all the same. */
	for (int i = 0; i < 2; i++) {
		message = request(desk, "wechat");
		expect_end(desk, &message, "notify.sent", 1, true);
		webhook_answer(gateway, "/wechat", (struct webhook_answer){ 0, NULL, NULL }, 1);
		message = request(desk, "wechat");
		expect_end(desk, &message, "notify.sent", -1, false);
		expect_calls(desk, &message, 2);
	}
}

/* One gateway that hangs holds up neither the other nor anything else. */
static void webhook_that_hangs_holds_up_nobody(void **state)
{
	struct desk *desk = *state;
	struct message hangs, further, goes;

	webhook_hold(gateway, "/wechat", true);
	hangs = request(desk, "wechat");
	further = request(desk, "wechat");
	(void)request(desk, "wechat");
	expect_calls(desk, &hangs, 1);
	goes = request(desk, "phone");
	expect_end(desk, &goes, "notify.sent", 1, true);
	assert_null(find(desk, &hangs, "notify.sent", "acknowledge"));
	/* Its time is over, and it is tried again. */
	hangs.calls = 2;
	assert_true(desk_until(desk, has_been_called, &hangs));
	webhook_hold(gateway, "/wechat", false);
	expect_end(desk, &hangs, "notify.sent", -1, false);
	expect_end(desk, &further, "notify.sent", -1, false);
}

/* Handed over, and nobody knows of it: it is handed over again, as the same message. */
static void webhook_survives_kills(void **state)
{
	struct desk *desk = *state;
	struct message messages[6];

	webhook_hold(gateway, "/wechat", true);
	for (size_t i = 0; i < array_count(messages); i++)
		messages[i] = request(desk, "wechat");
	for (int i = 0; i < 2; i++) {
		messages[0].calls = (size_t)i + 1;
		assert_true(desk_until(desk, has_been_called, &messages[0]));
		assert_true(stack_do(desk_stack(desk), "kill", "notification"));
	}
	webhook_hold(gateway, "/wechat", false);
	for (size_t i = 0; i < array_count(messages); i++) {
		if (!desk_until(desk, has_ended, &messages[i]))
			desk_fail(desk, messages[i].ticket, "not sent after the kills");
		expect_end(desk, &messages[i], "notify.sent", -1, !record_get(messages[i].ended, "certain"));
		expect_calls(desk, &messages[i], webhook_count(gateway, messages[i].id));
	}
	assert_true(json_is_false(record_get(messages[0].ended, "certain")));
}

/* ---- gateways that read aftercare.messages ---- */

static void gateway_reports(void **state)
{
	struct desk *desk = *state;
	struct message message = request(desk, "fax");

	scene_text_is(desk, message.requested, "channel", "fax");
	scene_text_is(desk, message.requested, "address", "+86 21 0");
	assert_null(find(desk, &message, "notify.sent", "acknowledge"));
	scene_send(desk, message.ticket, "message.delivered", NULL, 0, desk_text(desk, "{'message': '%s'}", message.id));
	expect_end(desk, &message, "notify.sent", -1, true);
	/* A later word to the contrary is heard. */
	message = request(desk, "fax");
	scene_send(desk, message.ticket, "message.failed", NULL, 0, desk_text(desk, "{'message': '%s', 'reason': 'no paper'}", message.id));
	expect_end(desk, &message, "notify.failed", -1, true);
	scene_text_is(desk, message.ended, "reason", "no paper");
	expect_task(desk, &message);
}

static void gateway_that_reports_nothing(void **state)
{
	struct desk *desk = *state;
	struct message message = request(desk, "fax");

	expect_end(desk, &message, "notify.failed", -1, true);
	scene_text_is(desk, message.ended, "reason", "the gateway did not report");
	expect_task(desk, &message);
}

static bool survey_is_sent(struct desk *desk, void *userdata)
{
	struct message *message = userdata;

	message->ended = find(desk, message, "notify.sent", "survey");
	return message->ended != NULL;
}

/* The report on the survey of a closed ticket is refused as a claim about the ticket, and heard about the message. */
static void gateway_reports_on_a_closed_ticket(void **state)
{
	struct desk *desk = *state;
	struct message message = { 0 };
	const struct sent *report;

	message.ticket = scene_assigned(desk, 0, "{'channel': 'fax', 'customer': {'name': 'Wang Min', 'fax': '+86 21 0'}}");
	scene_finish(desk, message.ticket);
	desk_expect(desk, message.ticket, "survey.due");
	desk_settle(desk);
	message.requested = find(desk, &message, "notify.requested", "survey");
	assert_non_null(message.requested);
	report = scene_send(desk, message.ticket, "message.delivered", NULL, 0,
			    desk_text(desk, "{'message': '%s'}", record_text(message.requested, "message")));
	desk_expect_dead(desk, report, "ticket_closed");
	if (!desk_until(desk, survey_is_sent, &message))
		desk_fail(desk, message.ticket, "the survey was delivered, and notification does not say so");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(webhook_is_called_where_the_question_came_from),
		SCENARIO(webhook_put_off_is_tried_again),
		SCENARIO(webhook_refused_has_failed),
		SCENARIO(webhook_down_for_good_has_failed),
		SCENARIO(webhook_redirect_is_not_followed),
		SCENARIO(webhook_without_answer_is_not_certain),
		SCENARIO(webhook_that_hangs_holds_up_nobody),
		SCENARIO(webhook_survives_kills),
		SCENARIO(gateway_reports),
		SCENARIO(gateway_that_reports_nothing),
		SCENARIO(gateway_reports_on_a_closed_ticket),
	};

	return cmocka_run_group_tests(tests, open_with_webhooks, close_with_webhooks);
}
