/* What R19 rests on at the door: C010, C015, C101, and the rules of registration in the contract.
 *
 * Through topics only; daemons are killed by the stack's own verb. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

struct crowd {
	const struct sent *requests[60];
	size_t count;
};

static bool all_opened(struct desk *desk, void *userdata)
{
	const struct crowd *crowd = userdata;

	for (size_t i = 0; i < crowd->count; i++)
		if (!desk_opened(desk, crowd->requests[i]))
			return false;
	return true;
}

/* The counting of thousands under load is tests/integration/test_kill.c; here is what the clause says. */
static void scenario_C010_every_request_is_recorded_though_daemons_are_killed(void **state)
{
	struct desk *desk = *state;
	const struct stack *stack = desk_stack(desk);
	struct crowd crowd = { .count = 60 };
	const char *ticket;

	scene_needs_stack(desk);
	scene_cast(desk);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.requests[i] = scene_request(desk, desk_now() - MINUTE, NULL);
		if (i % 12 == 6 && i / 12 < stack->daemon_count)
			assert_true(stack_do(stack, "kill", stack->daemons[i / 12]));
	}
	assert_true(desk_until(desk, all_opened, &crowd));
	for (size_t i = 0; i < crowd.count; i += 20) {
		ticket = desk_opened(desk, crowd.requests[i]);
		desk_expect(desk, ticket, "ticket.assigned");
		scene_finish(desk, ticket);
		assert_non_null(record_get(desk_expect(desk, ticket, "ticket.closed"), "result"));
	}
	desk_settle(desk);
	for (size_t i = 0; i < crowd.count; i++) {
		ticket = desk_opened(desk, crowd.requests[i]);
		scene_count_is(desk, ticket, "ticket.registered", 1);
		scene_count_is(desk, ticket, "ticket.assigned", 1);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ticket, desk_opened(desk, crowd.requests[j]));
	}
}

/* A fault request without some of the four; which paths must be named. */
static const struct {
	const char *taken_away;
	const char *missing[4];
} gaps[] = {
	{ "{'customer': {'name': null}}", { "customer.name" } },
	{ "{'customer': {'phone': null}}", { "customer.phone|customer.email" } },
	{ "{'product': {'model': null}}", { "product.model" } },
	{ "{'problem': null}", { "problem" } },
	{ "{'problem': '   ', 'customer': {'phone': '', 'email': null}}", { "customer.phone|customer.email", "problem" } },
	{ "{'customer': {'name': null, 'phone': null}, 'product': null, 'problem': ''}",
	  { "customer.name", "customer.phone|customer.email", "product.model", "problem" } },
};

static void scenario_C015_what_is_missing_is_named_exactly_and_asked_for(void **state)
{
	struct desk *desk = *state;
	const char *tickets[sizeof(gaps) / sizeof(*gaps)];

	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++)
		tickets[i] = desk_expect_ticket(desk, scene_request(desk, 0, gaps[i].taken_away));
	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
		const struct record *incomplete = desk_expect(desk, tickets[i], "ticket.incomplete");
		size_t count = 0;

		while (count < 4 && gaps[i].missing[count])
			count++;
		assert_int_equal(incomplete->revision, 2);
		scene_text_is(desk, incomplete, "state", "incomplete");
		if (json_array_size(record_get(incomplete, "missing")) != count)
			desk_fail(desk, tickets[i], "%zu missing, not %zu", json_array_size(record_get(incomplete, "missing")), count);
		for (size_t j = 0; j < count; j++)
			if (!record_lists(incomplete, "missing", gaps[i].missing[j]))
				desk_fail(desk, tickets[i], "%s is not named", gaps[i].missing[j]);
		scene_text_is(desk, desk_expect(desk, tickets[i], "notify.requested"), "ticket", tickets[i]);
	}
	desk_settle(desk);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++)
		scene_count_is(desk, tickets[i], "ticket.assigned", 0);
}

static void scenario_C015_a_request_that_is_completed_goes_on(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'problem': null, 'customer': {'name': null}}");
	const struct record *supplemented;

	desk_expect(desk, ticket, "ticket.incomplete");
	supplemented = scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'channel': 'phone', 'customer': {'name': 'Ana Silva'}}");
	scene_text_is(desk, supplemented, "state", "incomplete");
	supplemented = scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'problem': 'no data'}");
	scene_text_is(desk, supplemented, "state", "received");
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", scene_cast(desk)->engineer);
}

static void scenario_C101_a_complaint_by_any_channel_opens_a_linked_ticket(void **state)
{
	static const char *const channels[] = { "phone", "email", "online", "website", "wechat", "walk_in", "letter", "fax" };
	struct desk *desk = *state;
	const char *customer = desk_unique(desk, "C"), *first;

	first = scene_ticket(desk, 0, desk_text(desk, "{'customer': {'id': '%s'}}", customer));
	for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); i++) {
		const char *ticket = scene_ticket(desk, 0, desk_text(desk, "{'kind': 'complaint', 'channel': '%s', 'severity': 'general', "
						  "'customer': {'id': '%s'}, 'demand': 'an apology'}", channels[i], customer));
		const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

		assert_string_not_equal(ticket, first);
		scene_text_is(desk, registered, "kind", "complaint");
		scene_text_is(desk, registered, "channel", channels[i]);
		if (!record_lists(registered, "related", first))
			desk_fail(desk, ticket, "it is not linked to %s", first);
	}
}

static void scenario_registration_fixes_T0_state_and_revision(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 400 * DAY;
	const struct sent *request = scene_request(desk, t0, "{'tags': ['old'], 'something_new': {'a': [1, 2]}}");
	const char *ticket = desk_expect_ticket(desk, request);
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

	assert_int_equal(registered->revision, 1);
	scene_text_is(desk, registered, "ticket", ticket);
	scene_text_is(desk, registered, "state", "received");
	scene_text_is(desk, registered, "policy.id", "graded-2h-24h-48h");
	scene_time_is(desk, registered, "received_at", t0);
	assert_string_equal(registered->key, ticket);
	assert_string_equal(registered->cause_id, request->id);
	assert_string_equal(registered->cause_source, request->source);
	scene_text_is(desk, registered, "something_new.a.0", "");
	assert_int_equal(record_number(registered, "something_new.a.1"), 2);
	assert_true(record_lists(registered, "tags", "old"));
}

static void scenario_an_unknown_kind_is_other_and_waits_for_a_person(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'teleportation'}");

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.registered"), "kind", "other");
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.classified", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C010_every_request_is_recorded_though_daemons_are_killed),
		SCENARIO(scenario_C015_what_is_missing_is_named_exactly_and_asked_for),
		SCENARIO(scenario_C015_a_request_that_is_completed_goes_on),
		SCENARIO(scenario_C101_a_complaint_by_any_channel_opens_a_linked_ticket),
		SCENARIO(scenario_registration_fixes_T0_state_and_revision),
		SCENARIO(scenario_an_unknown_kind_is_other_and_waits_for_a_person),
	};

	return cmocka_run_group_tests_name("test_r19_intake", tests, scene_open, scene_close);
}
