/* What reaches the service centre under the preset reply2h-assign24h-contact24h (R04): the work order, complaints, the record of
 * the progress, and the clocks that run from the receipt.
 *
 * Claims with a `time` in the past stand for the hours that nobody waits for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

#define COMPLAINT "'kind': 'complaint', 'severity': null, 'product': null, 'problem': 'nobody called back'"
#define REPLY "{'text': 'we are looking into it', 'automatic': false}"
#define FEW 4

struct gap {
	const char *request;
	const char *missing[FEW + 1];
};

/* Exactly these are named, the customer is asked for them, and the request waits instead of being lost. */
static void asks_for(struct desk *desk, const char *ticket, const struct gap *gap)
{
	const struct record *incomplete = desk_expect(desk, ticket, "ticket.incomplete");
	size_t count = 0;

	for (; gap->missing[count]; count++)
		if (!record_lists(incomplete, "missing", gap->missing[count]))
			desk_fail(desk, ticket, "%s is not named: %s", gap->missing[count], gap->request);
	if (json_array_size(record_get(incomplete, "missing")) != count)
		desk_fail(desk, ticket, "%zu missing, not %zu: %s", json_array_size(record_get(incomplete, "missing")), count, gap->request);
	scene_text_is(desk, incomplete, "state", "incomplete");
	scene_text_is(desk, scene_fact(desk, ticket, "notify.requested", "rule", "incomplete", 1), "to.role", "customer");
}

static void c015_a_work_order_without_one_of_the_four_is_incomplete(void **state)
{
	static const struct gap gaps[] = {
		{ "{'customer': {'name': null}}", { "customer.name" } },
		{ "{'customer': {'phone': null}}", { "customer.phone|customer.email" } },
		{ "{'product': {'model': null}}", { "product.model" } },
		{ "{'problem': '  '}", { "problem" } },
		{ "{'kind': 'device_repair', 'customer': {'name': '', 'phone': null}, 'product': null, 'problem': null}",
		  { "customer.name", "customer.phone|customer.email", "product.model", "problem" } },
		{ "{'kind': 'install', 'problem': null}", { "problem|need" } },
	};
	static const char *const whole[] = {
		"{'customer': {'phone': null, 'email': 'ana@example.org'}}",
		"{'kind': 'install', 'problem': null, 'need': 'two stations'}",
		"{'kind': 'consultation', 'product': null, 'problem': null, 'need': 'how to print'}",
		"{'kind': 'suggestion', 'product': null, 'problem': null, 'need': 'print in colour'}",
	};
	struct desk *desk = *state;
	const char *tickets[array_count(gaps)], *others[array_count(whole)];

	for (size_t i = 0; i < array_count(gaps); i++)
		tickets[i] = scene_ticket(desk, 0, gaps[i].request);
	for (size_t i = 0; i < array_count(whole); i++)
		others[i] = scene_ticket(desk, 0, whole[i]);
	for (size_t i = 0; i < array_count(gaps); i++)
		asks_for(desk, tickets[i], &gaps[i]);
	for (size_t i = 0; i < array_count(whole); i++)
		desk_expect(desk, others[i], "ticket.assigned");
	desk_settle(desk);
	for (size_t i = 0; i < array_count(gaps); i++)
		scene_count_is(desk, tickets[i], "ticket.assigned", 0);
	for (size_t i = 0; i < array_count(whole); i++)
		scene_count_is(desk, others[i], "ticket.incomplete", 0);
}

static void c015_what_was_missing_is_supplied_and_it_goes_on(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'problem': null}");

	desk_expect(desk, ticket, "ticket.incomplete");
	scene_text_is(desk, scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'problem': '  '}"), "state", "incomplete");
	scene_text_is(desk, scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'problem': 'no data'}"), "state", "received");
	desk_expect(desk, ticket, "ticket.assigned");
}

/* C017: what happened, in its order, as the tool shows it. */
static void c017_the_record_shows_the_progress_in_order(void **state)
{
	static const char *const steps[][2] = {
		{ "staff.replied", REPLY }, { "staff.contacted", "{'channel': 'phone'}" }, { "staff.started", NULL },
		{ "staff.worked", "{'content': 'restarted it'}" }, { "staff.resolved", "{'solution': 'corrected'}" },
	};
	static const char *const begun[] = { "ticket.registered", "ticket.verified", "ticket.classified", "ticket.assigned" };
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *list[] = { "ticket", ticket, "--json", NULL };
	json_t *shown, *entry, *history;
	size_t i, seen = 0;
	char *said;

	for (i = 0; i < array_count(steps); i++)
		scene_do(desk, ticket, steps[i][0], scene_cast(desk)->engineer, 0, steps[i][1]);
	desk_settle(desk);
	assert_int_equal(stack_ctl(desk_stack(desk), &said, list), 0);
	shown = json_loads(said, 0, NULL);
	history = json_object_get(shown, "history");
	json_array_foreach (history, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		const char *wanted = seen < array_count(begun) ? begun[seen]
				     : seen < array_count(begun) + array_count(steps)
					     ? scene_fact_of(steps[seen - array_count(begun)][0], NULL) : "";

		if (!name || strncmp(name, "ticket.", 7) != 0)
			continue;
		assert_string_equal(name, wanted);
		seen++;
		assert_int_equal(json_integer_value(json_object_get(entry, "revision")), seen);
	}
	assert_int_equal(seen, array_count(begun) + array_count(steps));
	assert_string_equal(json_string_value(json_object_get(shown, "state")), "resolved_unconfirmed");
	assert_string_equal(json_string_value(json_object_get(shown, "customer")), "Ana Silva");
	json_decref(shown);
	free(said);
}

static void c019_a_complaint_without_complainant_content_or_contact_is_incomplete_and_its_clock_runs(void **state)
{
	static const struct gap gaps[] = {
		{ "{" COMPLAINT ", 'customer': {'name': null}}", { "customer.name" } },
		{ "{" COMPLAINT ", 'customer': {'phone': null}}", { "customer.phone|customer.email" } },
		{ "{'kind': 'complaint', 'product': null, 'problem': null}", { "problem" } },
	};
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *tickets[array_count(gaps)], *whole;
	struct claim untimed = { .name = "request.submitted", .time = INSTANT_NONE,
				 .data = "{'channel': 'phone', 'kind': 'complaint', 'customer': {'name': 'Ana', 'phone': '1'}, 'problem': 'rude'}" };

	for (size_t i = 0; i < array_count(gaps); i++)
		tickets[i] = scene_ticket(desk, t0, gaps[i].request);
	whole = scene_ticket(desk, t0, "{" COMPLAINT "}");
	for (size_t i = 0; i < array_count(gaps); i++) {
		asks_for(desk, tickets[i], &gaps[i]);
		scene_time_is(desk, scene_clock(desk, tickets[i], "sla.started", "reply", 1), "due_at", t0 + 2 * HOUR);
	}
	desk_expect(desk, whole, "ticket.assigned");
	scene_count_is(desk, whole, "ticket.incomplete", 0);
	/* The fourth, the time of the complaint, is part of every claim. */
	desk_expect_dead(desk, desk_send(desk, &untimed), "schema_invalid");
}

static void c101_a_complaint_is_taken_by_any_channel_beside_another_open_ticket(void **state)
{
	static const char *const channels[] = { "phone", "email", "online", "website", "wechat", "walk_in", "letter", "fax" };
	struct desk *desk = *state;
	const char *customer = desk_unique(desk, "C");
	const char *fault = scene_ticket(desk, 0, desk_text(desk, "{'customer': {'id': '%s'}}", customer));

	desk_expect(desk, fault, "ticket.assigned");
	for (size_t i = 0; i < array_count(channels); i++) {
		const char *more = desk_text(desk, "{" COMPLAINT ", 'channel': '%s', 'customer': {'id': '%s', 'email': 'a@example.org'}}",
					     channels[i], customer);
		const char *ticket = scene_ticket(desk, 0, more);
		const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

		assert_string_not_equal(ticket, fault);
		scene_text_is(desk, registered, "kind", "complaint");
		scene_text_is(desk, registered, "channel", channels[i]);
		assert_true(record_lists(registered, "related", fault));
	}
}

static void c072_reply_within_two_hours(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 2 * HOUR - 5 * MINUTE, soon = desk_now() - 2 * HOUR + MINUTE;
	const char *kinds[] = { "{'severity': null}", "{'kind': 'consultation', 'severity': null}", "{" COMPLAINT "}" };
	const char *engineer = scene_cast(desk)->engineer, *ticket;

	for (size_t i = 0; i < array_count(kinds); i++) {
		ticket = scene_ticket(desk, t0, kinds[i]);
		scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "reply", 1), "due_at", t0 + 2 * HOUR);
	}
	ticket = scene_assigned(desk, soon, NULL);
	scene_do(desk, ticket, "staff.replied", engineer, 0, "{'text': 'received', 'automatic': true}");
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, ticket, "sla.met", "reply"), 0);
	scene_send(desk, ticket, "staff.replied", engineer, soon + 119 * MINUTE, REPLY);
	scene_time_is(desk, scene_clock(desk, ticket, "sla.met", "reply", 1), "met_at", soon + 119 * MINUTE);
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, ticket, "sla.breached", "reply"), 0);
}

static void c073_assigned_within_twenty_four_hours(void **state)
{
	struct desk *desk = *state;
	instant late = desk_now() - 25 * HOUR, early = desk_now() - 23 * HOUR;
	const char *nobodys = desk_text(desk, "{'product': {'model': '%s'}}", desk_unique(desk, "M"));
	const char *ticket = scene_ticket(desk, late, nobodys), *waits = scene_ticket(desk, early, nobodys), *done;

	scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "assign", 1), "due_at", late + 24 * HOUR);
	scene_text_is(desk, scene_fact(desk, ticket, "notify.sent", "why.name", "ticket.unassignable", 1), "to.role", "manager");
	done = scene_assigned(desk, early, NULL);
	scene_time_is(desk, scene_clock(desk, done, "sla.met", "assign", 1), "due_at", early + 24 * HOUR);
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, waits, "sla.breached", "assign"), 0);
	assert_int_equal(scene_clock_count(desk, done, "sla.breached", "assign"), 0);
}

static int open_stack(void **state)
{
	static const char *const policies[] = { "reply2h-assign24h-contact24h", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c015_a_work_order_without_one_of_the_four_is_incomplete),
		SCENARIO(c015_what_was_missing_is_supplied_and_it_goes_on),
		SCENARIO(c017_the_record_shows_the_progress_in_order),
		SCENARIO(c019_a_complaint_without_complainant_content_or_contact_is_incomplete_and_its_clock_runs),
		SCENARIO(c101_a_complaint_is_taken_by_any_channel_beside_another_open_ticket),
		SCENARIO(c072_reply_within_two_hours),
		SCENARIO(c073_assigned_within_twenty_four_hours),
	};

	return cmocka_run_group_tests_name("test_r04_intake", tests, open_stack, scene_close);
}
