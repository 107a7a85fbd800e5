/* From the solution to the file: C124, C126, C131, C133, C204, C205, C206 under R19.
 *
 * "However long" and "never" are shown by letting everything settle: what has not come then comes of no claim. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

static void scenario_C124_resolved_alone_never_closes(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, desk_now() - 10 * MINUTE, NULL);
	const struct record *dead;

	scene_resolve(desk, ticket);
	desk_settle(desk);
	assert_string_equal(scene_state(desk, ticket), "resolved_unconfirmed");
	dead = scene_refused(desk, ticket, "staff.close_requested", cast->csr, NULL, NULL);
	assert_non_null(strstr(record_header(dead, "dl_detail"), "confirmation"));
	scene_do(desk, ticket, "staff.annotated", cast->csr, 0, "{'note': 'called, nobody there'}");
	desk_settle(desk);
	assert_string_equal(scene_state(desk, ticket), "resolved_unconfirmed");
	scene_count_is(desk, ticket, "ticket.closed", 0);
}

static void scenario_C126_without_a_complete_signature_it_cannot_close(void **state)
{
	static const char *const lacking[] = {
		"{'satisfied': true}",
		"{'satisfied': true, 'signature': {'signer': 'Wang Min', 'time': '2026-01-05T16:20:00+08:00'}}",
		"{'satisfied': true, 'signature': {'signer': 'Wang Min', 'reference': 'scan-118'}}",
		"{'satisfied': true, 'signature': {'time': '2026-01-05T16:20:00+08:00', 'reference': 'scan-118'}}",
	};
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct record *dead;

	scene_resolve(desk, ticket);
	for (size_t i = 0; i < sizeof(lacking) / sizeof(*lacking); i++) {
		scene_text_is(desk, scene_do(desk, ticket, "customer.confirmed", NULL, 0, lacking[i]), "state", "confirmed");
		dead = scene_refused(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, NULL, "gate_unmet");
		assert_non_null(strstr(record_header(dead, "dl_detail"), "signature"));
	}
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
	scene_text_is(desk, scene_do(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, 0, NULL), "state", "closed");
}

static void scenario_C126_a_signature_from_before_a_reopening_does_not_count(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *engineer = scene_cast(desk)->engineer;

	scene_resolve(desk, ticket);
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
	scene_do(desk, ticket, "customer.rejected", NULL, 0, "{'reason': 'it fails again'}");
	scene_do(desk, ticket, "staff.resolved", engineer, 0, "{'solution': 'second attempt'}");
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, "{'satisfied': true}");
	scene_refused(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, NULL, "gate_unmet");
}

static void scenario_C131_each_closing_gives_one_follow_up_call_not_by_the_engineer(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct record *due;

	scene_finish(desk, ticket);
	due = desk_expect(desk, ticket, "followup.due");
	assert_int_equal(due->topic, DESK_TICKETS);
	scene_text_is(desk, due, "to.role", "csr");
	assert_string_not_equal(record_text(due, "to.person"), scene_cast(desk)->engineer);
	desk_expect(desk, ticket, "survey.due");
	desk_settle(desk);
	scene_count_is(desk, ticket, "followup.due", 1);
	scene_count_is(desk, ticket, "survey.due", 1);
}

static void scenario_C133_a_rejection_reopens_the_same_ticket_and_keeps_T0(void **state)
{
	struct desk *desk = *state;
	instant t0 = desk_now() - 5 * HOUR;
	const char *ticket = scene_assigned(desk, t0, NULL);
	const struct record *reopened;

	scene_resolve(desk, ticket);
	reopened = scene_do(desk, ticket, "customer.rejected", NULL, 0, "{'reason': 'it fails again after a restart'}");
	scene_text_is(desk, reopened, "ticket", ticket);
	scene_text_is(desk, reopened, "state", "in_progress");
	assert_int_equal(record_number(reopened, "count"), 1);
	scene_do(desk, ticket, "staff.resolved", scene_cast(desk)->engineer, 0, "{'solution': 'second attempt'}");
	reopened = scene_do(desk, ticket, "customer.confirmed", NULL, 0, "{'satisfied': false, 'comment': 'still'}");
	assert_int_equal(record_number(reopened, "count"), 2);
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.registered", 1);
	scene_time_is(desk, desk_find(desk, ticket, "ticket.registered", 1), "received_at", t0);
	scene_finish(desk, ticket);
}

static void scenario_C204_a_closed_ticket_cannot_be_changed_only_annotated(void **state)
{
	static const struct {
		const char *claim, *data;
		bool customer;
	} attempts[] = {
		{ "staff.classified", "{'severity': 'urgent'}", false },
		{ "staff.replied", "{'text': 'too late'}", false },
		{ "staff.contacted", NULL, false },
		{ "staff.worked", "{'content': 'more'}", false },
		{ "staff.resolved", "{'solution': 'another'}", false },
		{ "staff.close_requested", NULL, false },
		{ "request.supplemented", "{'problem': 'another'}", true },
		{ "customer.messaged", "{'text': 'hello'}", true },
		{ "customer.rejected", "{'reason': 'no'}", true },
		{ "customer.confirmed", "{'satisfied': false}", true },
		{ "customer.cancelled", NULL, true },
	};
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	size_t facts, after;

	scene_finish(desk, ticket);
	desk_settle(desk);
	facts = desk_ticket(desk, ticket)->count;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		scene_refused(desk, ticket, attempts[i].claim, attempts[i].customer ? NULL : scene_cast(desk)->manager,
			      attempts[i].data, "ticket_closed");
	desk_settle(desk);
	after = desk_ticket(desk, ticket)->count;
	/* The log has copies of what was tried, and no fact. */
	for (size_t i = facts; i < after; i++)
		assert_true(desk_ticket(desk, ticket)->items[i]->copy);
	scene_text_is(desk, scene_do(desk, ticket, "staff.annotated", scene_cast(desk)->csr, 0, "{'note': 'thanked'}"), "state", "closed");
}

/* A member of a claim's data that has not come into its fact would be lost to whoever rebuilds the ticket from the log. */
static void check_claim_is_kept(struct desk *desk, const char *ticket, const struct record *copy)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);
	const char *key;
	json_t *value, *kept;

	for (size_t i = 0; i < log->count; i++) {
		const struct record *fact = log->items[i];

		if (fact->copy || strcmp(fact->cause_id, copy->id) != 0 || strncmp(fact->name, "ticket.", 7) != 0)
			continue;
		json_object_foreach(record_data(copy), key, value) {
			kept = record_get(fact, key);
			if (strcmp(key, "by") == 0 || strcmp(key, "ticket") == 0)
				continue;
			if (!json_equal(kept, value))
				desk_fail(desk, ticket, "%s does not have the %s of its claim", fact->name, key);
		}
		return;
	}
	desk_fail(desk, ticket, "the claim %s has given no fact", copy->name);
}

static void scenario_C204_C206_the_log_alone_tells_who_did_what_when(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, desk_now() - HOUR, NULL);
	const struct desk_ticket *log;
	instant at = INSTANT_NONE;

	scene_finish(desk, ticket);
	desk_settle(desk);
	desk_check_ticket(desk, ticket);
	log = desk_ticket(desk, ticket);
	for (size_t i = 0; i < log->count; i++) {
		const struct record *record = log->items[i];

		if (record->copy)
			check_claim_is_kept(desk, ticket, record);
		if (record->copy || strncmp(record->name, "ticket.", 7) != 0)
			continue;
		assert_true(strlen(record_text(record, "state")) > 0);
		assert_true(record_time(record, "at") != INSTANT_NONE && record_time(record, "decided_at") >= at);
		at = record_time(record, "decided_at");
		if (strcmp(record->name, "ticket.registered") != 0 && strcmp(record->name, "ticket.confirmed") != 0 &&
		    strcmp(record->name, "ticket.assigned") != 0)
			assert_true(record_get(record, "by.id") || record_get(record, "by.role"));
	}
	scene_text_is(desk, desk_find(desk, ticket, "ticket.resolved", 1), "by.id", cast->engineer);
	scene_text_is(desk, desk_find(desk, ticket, "ticket.closed", 1), "by.id", cast->csr);
}

/* The export is reporting's; what it needs must stand in the log, and a missing feedback must be tellable. */
static void scenario_C205_the_log_holds_the_four_parts_of_the_service_file(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct record *registered, *confirmed;

	scene_finish(desk, ticket);
	registered = desk_find(desk, ticket, "ticket.registered", 1);
	scene_text_is(desk, registered, "customer.name", "Ana Silva");
	scene_text_is(desk, registered, "problem", "no data since Monday");
	scene_text_is(desk, desk_find(desk, ticket, "ticket.worked", 1), "content", "restarted the service");
	scene_text_is(desk, desk_find(desk, ticket, "ticket.resolved", 1), "solution", "configuration corrected");
	confirmed = desk_find(desk, ticket, "ticket.confirmed", 1);
	assert_int_equal(record_number(confirmed, "score"), 5);
	scene_text_is(desk, confirmed, "comment", "works again");
	assert_true(strlen(record_text(desk_find(desk, ticket, "ticket.closed", 1), "result")) > 0);
}

static void scenario_C239_dissatisfaction_in_the_survey_gives_managers_a_task(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *survey;
	struct claim answer = { .name = "survey.answered" };

	scene_finish(desk, ticket);
	survey = record_text(desk_expect(desk, ticket, "survey.due"), "survey");
	desk_expect(desk, ticket, "survey.sent");
	answer.data = desk_text(desk, "{'survey': '%s', 'score': 1, 'comment': 'slow', 'answers': {'satisfied': false}}", survey);
	answer.ticket = ticket;
	desk_send(desk, &answer);
	scene_text_is(desk, desk_expect(desk, ticket, "survey.scored"), "survey", survey);
	scene_text_is(desk, desk_expect(desk, ticket, "task.opened"), "for", "manager");
	desk_settle(desk);
	assert_string_equal(scene_state(desk, ticket), "closed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C124_resolved_alone_never_closes),
		SCENARIO(scenario_C126_without_a_complete_signature_it_cannot_close),
		SCENARIO(scenario_C126_a_signature_from_before_a_reopening_does_not_count),
		SCENARIO(scenario_C131_each_closing_gives_one_follow_up_call_not_by_the_engineer),
		SCENARIO(scenario_C133_a_rejection_reopens_the_same_ticket_and_keeps_T0),
		SCENARIO(scenario_C204_a_closed_ticket_cannot_be_changed_only_annotated),
		SCENARIO(scenario_C204_C206_the_log_alone_tells_who_did_what_when),
		SCENARIO(scenario_C205_the_log_holds_the_four_parts_of_the_service_file),
		SCENARIO(scenario_C239_dissatisfaction_in_the_survey_gives_managers_a_task),
	};

	return cmocka_run_group_tests_name("test_r19_closing", tests, scene_open, scene_close);
}
