/* The contract's rules that no clause names: repeats, names by the request, copies, lanes, both content modes, traces.
 *
 * Headers and bytes are compared with what was sent; the lane with librdkafka's own murmur2, not with ours. */
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "tests/support/scene.h"

static void scenario_a_repeated_request_has_no_effect(void **state)
{
	struct desk *desk = *state;
	const struct sent *request = scene_request(desk, 0, NULL);
	const char *ticket = desk_expect_ticket(desk, request);
	struct claim again = { .name = "request.submitted", .id = request->id, .source = request->source,
			       .data = "{'channel': 'email', 'customer': {'name': 'somebody else'}}" };
	const struct sent *second, *third;
	size_t facts;

	desk_expect(desk, ticket, "ticket.assigned");
	desk_settle(desk);
	facts = desk_ticket(desk, ticket)->count;
	second = desk_send(desk, &again);
	again.structured = true;
	third = desk_send(desk, &again);
	desk_settle(desk);
	assert_int_equal(desk_ticket(desk, ticket)->count, facts);
	assert_null(desk_dead(desk, second));
	assert_null(desk_dead(desk, third));
}

static void scenario_a_repeated_claim_has_no_effect_also_under_another_name(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *engineer = scene_cast(desk)->engineer;
	struct claim claim = { .name = "staff.contacted", .ticket = ticket, .id = desk_unique(desk, "twice"),
			       .data = scene_by(desk, engineer) };
	const struct sent *first = desk_send(desk, &claim), *second;

	desk_expect_of(desk, ticket, "ticket.contacted", first);
	second = desk_send(desk, &claim);
	claim.name = "staff.started";
	desk_send(desk, &claim);
	desk_settle(desk);
	assert_null(desk_dead(desk, second));
	scene_count_is(desk, ticket, "ticket.contacted", 1);
	scene_count_is(desk, ticket, "ticket.started", 0);
	/* The same id of another source is another claim. */
	claim.source = "another";
	desk_expect_of(desk, ticket, "ticket.started", desk_send(desk, &claim));
}

static void scenario_what_was_refused_at_the_door_may_come_again(void **state)
{
	struct desk *desk = *state;
	const char *request = desk_unique(desk, "early"), *ticket;
	struct claim opening = { .name = "request.submitted", .id = request };
	struct claim claim = { .name = "staff.annotated", .id = desk_unique(desk, "again"), .key = request };

	opening.data = desk_text(desk, "{'channel': 'phone', 'customer': {'name': 'Ana', 'phone': '1'}, 'kind': 'fault'}");
	claim.data = desk_text(desk, "{'by': {'id': '%s'}, 'note': 'x', 'request': {'source': 'test', 'id': '%s'}}",
			       scene_cast(desk)->engineer, request);
	desk_expect_dead(desk, desk_send(desk, &claim), "ticket_unknown");
	ticket = desk_expect_ticket(desk, desk_send(desk, &opening));
	desk_expect_of(desk, ticket, "ticket.annotated", desk_send(desk, &claim));
}

static void scenario_a_ticket_can_be_named_by_its_request(void **state)
{
	struct desk *desk = *state;
	const struct sent *request = scene_request(desk, 0, NULL), *sent;
	const char *ticket = desk_expect_ticket(desk, request);
	struct claim claim = { .name = "staff.contacted", .key = request->id };

	desk_expect(desk, ticket, "ticket.assigned");
	claim.data = desk_text(desk, "{'by': {'id': '%s'}, 'request': {'source': '%s', 'id': '%s'}}", scene_cast(desk)->engineer,
			       request->source, request->id);
	sent = desk_send(desk, &claim);
	desk_expect_of(desk, ticket, "ticket.contacted", sent);
	claim.data = desk_text(desk, "{'by': {'id': '%s'}, 'request': {'source': '%s', 'id': 'nobody'}}", scene_cast(desk)->engineer,
			       request->source);
	desk_expect_dead(desk, desk_send(desk, &claim), "ticket_unknown");
	claim.data = desk_text(desk, "{'by': {'id': '%s'}, 'ticket': '%s'}", scene_cast(desk)->engineer, ticket);
	desk_expect_of(desk, ticket, "ticket.contacted", desk_send(desk, &claim));
}

static void scenario_structured_and_binary_mode_give_the_same(void **state)
{
	struct desk *desk = *state;
	const char *model = scene_cast(desk)->model, *ticket;
	instant t0 = desk_now() - HOUR;
	struct claim claim = { .name = "request.submitted", .time = t0, .structured = true };
	const struct record *registered;

	claim.data = desk_text(desk, "{'channel': 'wechat', 'kind': 'fault', 'severity': 'urgent', 'customer': {'name': '王敏', "
			       "'phone': '1'}, 'product': {'model': '%s'}, 'problem': '登录页返回 502'}", model);
	ticket = desk_expect_ticket(desk, desk_send(desk, &claim));
	registered = desk_expect(desk, ticket, "ticket.registered");
	scene_text_is(desk, registered, "customer.name", "王敏");
	scene_text_is(desk, registered, "problem", "登录页返回 502");
	scene_time_is(desk, registered, "received_at", t0);
	claim = (struct claim){ .name = "staff.contacted", .ticket = ticket, .structured = true,
				.data = scene_by(desk, scene_cast(desk)->engineer) };
	desk_expect(desk, ticket, "ticket.assigned");
	desk_expect_of(desk, ticket, "ticket.contacted", desk_send(desk, &claim));
}

static const struct record *copy_of(struct desk *desk, const char *ticket, const char *id)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = 0; i < log->count; i++)
		if (log->items[i]->copy && strcmp(log->items[i]->id, id) == 0)
			return log->items[i];
	desk_fail(desk, ticket, "the log has no copy of %s", id);
}

static void scenario_copies_of_claims_carry_origin_and_arrival_and_the_bytes(void **state)
{
	static const char bytes[] = "{ \"by\" : {\"id\":\"%s\"},\n\t\"channel\":\"ph\\u006fne\", \"extra\": 1.50 }";
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *data = desk_text(desk, bytes, scene_cast(desk)->engineer);
	instant before = desk_now(), at = before - 3 * MINUTE, arrived = INSTANT_NONE;
	struct claim claim = { .name = "staff.contacted", .ticket = ticket, .time = at, .data = data,
			       .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
	const struct sent *sent = desk_send(desk, &claim);
	const struct record *fact = desk_expect_of(desk, ticket, "ticket.contacted", sent), *copy = copy_of(desk, ticket, sent->id);
	char text[INSTANT_TEXT];

	assert_string_equal(copy->origin, desk_text(desk, "%s/%d/%lld", sent->topic, sent->partition, (long long)sent->offset));
	assert_true(instant_parse(str_of(record_header(copy, "ce_arrived")), &arrived));
	assert_true(arrived >= before && arrived <= desk_now());
	assert_string_equal(copy->value, data);
	assert_string_equal(copy->key, ticket);
	assert_string_equal(copy->subject, ticket);
	assert_string_equal(copy->source, "test");
	assert_string_equal(copy->name, "staff.contacted");
	assert_string_equal(copy->time, instant_format(at, text).p);
	scene_time_is(desk, fact, "at", at);
	assert_string_equal(fact->time, record_text(fact, "at"));
	assert_string_equal(record_header(fact, "ce_traceparent"), claim.traceparent);
	assert_string_equal(record_header(copy, "ce_traceparent"), claim.traceparent);
	assert_string_equal(record_header(fact, "ce_specversion"), "1.0");
	assert_string_equal(fact->writer, desk_text(desk, "routing/aftercare.tickets/%d", fact->partition));
	assert_int_equal(record_number(fact, "extra") * 10, 15);
}

static void scenario_a_clocks_facts_have_the_trace_of_the_claim_that_started_it(void **state)
{
	struct desk *desk = *state;
	struct claim claim = { .name = "request.submitted", .time = desk_now() - 3 * HOUR,
			       .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
	const struct record *breached;
	const struct sent *sent;

	claim.data = desk_text(desk, "{'channel': 'phone', 'kind': 'fault', 'severity': 'urgent', 'customer': {'name': 'A', "
			       "'phone': '1'}, 'product': {'model': '%s'}, 'problem': 'x'}", scene_cast(desk)->model);
	sent = desk_send(desk, &claim);
	breached = desk_expect(desk, desk_expect_ticket(desk, sent), "sla.breached");
	assert_string_equal(record_header(breached, "ce_traceparent"), claim.traceparent);
	assert_string_equal(breached->cause_id, sent->id);
	assert_string_equal(breached->cause_source, sent->source);
}

static bool is_crockford(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= 32 && strspn(id, "-0123456789ABCDEFGHJKMNPQRSTVWXYZ") == n;
}

static void scenario_the_lane_is_murmur2_of_the_ticket_id(void **state)
{
	struct desk *desk = *state;
	const struct sent *requests[30];
	bool lanes[64] = { false };
	size_t used = 0;

	for (size_t i = 0; i < 30; i++)
		requests[i] = scene_request(desk, 0, NULL);
	for (size_t i = 0; i < 30; i++) {
		const char *ticket = desk_expect_ticket(desk, requests[i]);
		const struct record *registered = desk_expect(desk, ticket, "ticket.registered");
		int32_t lane = rd_kafka_msg_partitioner_murmur2(NULL, ticket, strlen(ticket), 12, NULL, NULL);

		assert_true(is_crockford(ticket));
		assert_int_equal(registered->partition, lane);
		assert_int_equal(registered->lane, lane);
		used += !lanes[lane];
		lanes[lane] = true;
	}
	assert_true(used > 3);
}

static void scenario_claims_without_a_ticket_stand_on_the_desk_by_the_things_id(void **state)
{
	struct desk *desk = *state;
	const char *call = desk_unique(desk, "call");
	struct claim claim = { .name = "call.ringing", .data = desk_text(desk, "{'call': '%s', 'from': '+351'}", call) };
	const struct sent *sent = desk_send(desk, &claim);
	const struct record *copy = desk_expect_thing(desk, DESK_DESK, "call.ringing", "call", call);

	assert_string_equal(copy->id, sent->id);
	assert_string_equal(copy->key, call);
	assert_true(copy->copy);
	assert_int_equal(copy->partition, rd_kafka_msg_partitioner_murmur2(NULL, call, strlen(call), 12, NULL, NULL));
}

static void scenario_a_time_up_to_five_minutes_ahead_counts_as_arrived(void **state)
{
	struct desk *desk = *state;
	instant before = desk_now();
	const char *ticket = scene_ticket(desk, before + 4 * MINUTE, NULL);
	instant received = record_time(desk_expect(desk, ticket, "ticket.registered"), "received_at");

	assert_true(received >= before && received <= desk_now());
}

static void scenario_cancelling_ends_clocks_and_ticket(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);

	desk_expect(desk, ticket, "sla.started");
	scene_text_is(desk, scene_do(desk, ticket, "customer.cancelled", NULL, 0, NULL), "state", "cancelled");
	desk_expect(desk, ticket, "sla.cancelled");
	scene_refused(desk, ticket, "staff.contacted", scene_cast(desk)->engineer, NULL, "ticket_closed");
}

static void scenario_messages_are_requested_and_sent_for_what_happens(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct record *requested = desk_expect(desk, ticket, "notify.requested"), *sent;
	const char *message = record_text(requested, "message");

	assert_int_equal(requested->topic, DESK_MESSAGES);
	assert_true(strlen(message) > 0);
	assert_non_null(record_get(requested, "template.id"));
	sent = desk_expect_thing(desk, DESK_MESSAGES, "notify.sent", "message", message);
	assert_string_equal(record_text(sent, "ticket"), ticket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_a_repeated_request_has_no_effect),
		SCENARIO(scenario_a_repeated_claim_has_no_effect_also_under_another_name),
		SCENARIO(scenario_what_was_refused_at_the_door_may_come_again),
		SCENARIO(scenario_a_ticket_can_be_named_by_its_request),
		SCENARIO(scenario_structured_and_binary_mode_give_the_same),
		SCENARIO(scenario_copies_of_claims_carry_origin_and_arrival_and_the_bytes),
		SCENARIO(scenario_a_clocks_facts_have_the_trace_of_the_claim_that_started_it),
		SCENARIO(scenario_the_lane_is_murmur2_of_the_ticket_id),
		SCENARIO(scenario_claims_without_a_ticket_stand_on_the_desk_by_the_things_id),
		SCENARIO(scenario_a_time_up_to_five_minutes_ahead_counts_as_arrived),
		SCENARIO(scenario_cancelling_ends_clocks_and_ticket),
		SCENARIO(scenario_messages_are_requested_and_sent_for_what_happens),
	};

	return cmocka_run_group_tests_name("test_contract", tests, scene_open, scene_close);
}
