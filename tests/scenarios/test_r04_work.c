/* Who works on a work order and how, under the preset reply2h-assign24h-contact24h (R04): assignment by product and fault type, the
 * engineer's contact, the visit and its record, complaints, and what must be there before a case is closed.
 *
 * Each scenario has a product and people of its own, so that nobody else can be chosen. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

#define REPLY "{'text': 'we are looking into it', 'automatic': false}"
#define RECORD "{'content': 'board changed', 'from': '2026-01-05T09:10:00+08:00', 'to': '2026-01-05T10:00:00+08:00', 'feedback': 'content'}"
#define SATISFIED "{'satisfied': true, 'score': 5}"

static const char *ticket_about(struct desk *desk, const char *model, instant at, const char *more)
{
	return scene_ticket(desk, at, desk_text(desk, "{'product': {'model': '%s'}%s%s}", model, *more ? ", " : "", more));
}

static const char *can(struct desk *desk, const char *role, const char *model, const char *fault_type)
{
	return scene_person(desk, role, desk_text(desk, "{'skills': [{'product': '%s', 'fault_type': '%s', 'level': 2}]}", model, fault_type));
}

static const char *window(struct desk *desk, instant from, instant to)
{
	char a[INSTANT_TEXT], b[INSTANT_TEXT];

	(void)instant_format(from, a);
	(void)instant_format(to, b);
	return desk_text(desk, "{'window': {'from': '%s', 'to': '%s'}, 'content': 'change the board', 'place': 'Porto'}", a, b);
}

static void presence(struct desk *desk, const char *name, const char *person)
{
	struct claim claim = { .name = name, .key = desk_text(desk, "post:%s", person), .data = desk_text(desk, "{'staff': '%s'}", person) };

	desk_send(desk, &claim);
	desk_expect_thing(desk, DESK_DESK, name, "staff", person);
}

/* Refused, and the words name what is missing. */
static void lacks(struct desk *desk, const char *ticket, const char *claim, const char *who, const char *data, const char *word)
{
	const char *detail = record_header(scene_refused(desk, ticket, claim, who, data, "gate_unmet"), "dl_detail");

	if (!strstr(detail, word))
		desk_fail(desk, ticket, "%s does not name \"%s\": %s", claim, word, detail);
}

static void c046_assigned_by_product_and_fault_type(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "P"), *ticket;
	const char *a = can(desk, "engineer", model, "F1"), *b = can(desk, "engineer", model, "F2");

	for (int i = 0; i < 3; i++) {
		ticket = ticket_about(desk, model, 0, "'fault_type': 'F2'");
		scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", b);
	}
	ticket = ticket_about(desk, model, 0, "'fault_type': 'F1'");
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", a);
	ticket = ticket_about(desk, model, 0, "'fault_type': 'F3'");
	desk_expect(desk, ticket, "ticket.unassignable");
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.assigned", 0);
}

static void c047_remote_to_technical_support_and_onsite_to_field_service_else_to_an_engineer(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "P"), *other = desk_unique(desk, "P"), *ticket;
	const char *support = scene_skilled(desk, "tech_support", model), *field = scene_skilled(desk, "field_service", model);
	const char *engineer = scene_skilled(desk, "engineer", other);

	scene_skilled(desk, "engineer", model);
	for (int i = 0; i < 3; i++) {
		ticket = ticket_about(desk, model, 0, "'mode': 'remote'");
		scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", support);
		ticket = ticket_about(desk, model, 0, "'mode': 'onsite'");
		scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", field);
	}
	scene_do(desk, ticket, "staff.mode_chosen", field, 0, "{'mode': 'remote'}");
	scene_text_is(desk, desk_expect_nth(desk, ticket, "ticket.assigned", 2), "to", support);

	/* A house that has only engineers: they go, and keep what they have. */
	scene_skilled(desk, "engineer", other);
	scene_skilled(desk, "sales", other);
	ticket = ticket_about(desk, other, 0, "'mode': 'onsite'");
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "role", "engineer");
	ticket = ticket_about(desk, other, 0, "'mode': 'workshop'");
	desk_expect(desk, ticket, "ticket.assigned");
	scene_do(desk, ticket, "staff.assigned", scene_cast(desk)->dispatcher, 0, desk_text(desk, "{'to': '%s'}", engineer));
	scene_do(desk, ticket, "staff.mode_chosen", engineer, 0, "{'mode': 'onsite'}");
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.assigned", 2);
}

static void c048_every_dispatch_states_priority_and_limit(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	instant t0 = desk_now() - HOUR, due = instant_of_civil(2027, 1, 1, 0);
	const char *ticket = scene_assigned(desk, t0, "{'severity': 'urgent'}");
	const struct record *assigned = desk_expect(desk, ticket, "ticket.assigned");

	scene_text_is(desk, assigned, "priority", "urgent");
	scene_time_is(desk, assigned, "due_at", t0 + 2 * HOUR);
	/* Once the reply is given the contact clock is what runs, and a new one begins with a new engineer. */
	scene_do(desk, ticket, "staff.replied", cast->engineer, 0, REPLY);
	assigned = scene_do(desk, ticket, "staff.assigned", cast->dispatcher, 0,
			    desk_text(desk, "{'to': '%s'}", scene_person(desk, "engineer", NULL)));
	scene_text_is(desk, assigned, "priority", "urgent");
	scene_time_is(desk, assigned, "due_at", record_time(assigned, "at") + 24 * HOUR);
	scene_time_is(desk, scene_clock(desk, ticket, "sla.started", "contact", 2), "due_at", record_time(assigned, "due_at"));
	assigned = scene_do(desk, ticket, "staff.assigned", cast->dispatcher, 0,
			    desk_text(desk, "{'to': '%s', 'priority': 'high', 'due_at': '2027-01-01T00:00:00Z'}", cast->engineer));
	scene_text_is(desk, assigned, "priority", "high");
	scene_time_is(desk, assigned, "due_at", due);
}

static void c049_assigned_in_the_pass_that_classifies(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *other = scene_ticket(desk, 0, "{'kind': null}");
	const struct record *classified = desk_expect(desk, ticket, "ticket.classified");

	assert_true(record_time(classified, "decided_at") == record_time(desk_expect(desk, ticket, "ticket.assigned"), "decided_at"));
	classified = scene_do(desk, other, "staff.classified", scene_cast(desk)->csr, 0, "{'kind': 'fault', 'class': 'software'}");
	assert_true(record_time(classified, "decided_at") == record_time(desk_expect(desk, other, "ticket.assigned"), "decided_at"));
}

static void c051_nobody_off_post_is_assigned(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "P"), *ticket;
	const char *away = scene_skilled(desk, "engineer", model), *here = scene_skilled(desk, "engineer", model);

	presence(desk, "staff.off_post", away);
	for (int i = 0; i < 4; i++) {
		ticket = ticket_about(desk, model, 0, "");
		scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", here);
	}
	presence(desk, "staff.off_post", here);
	ticket = ticket_about(desk, model, 0, "");
	desk_expect(desk, ticket, "ticket.unassignable");
	presence(desk, "staff.on_post", away);
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", away);
}

static void c053_not_resolved_while_a_subtask_is_open(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *engineer = scene_cast(desk)->engineer;
	const struct record *opened;

	scene_do(desk, ticket, "staff.started", engineer, 0, NULL);
	opened = scene_do(desk, ticket, "staff.subtask_opened", engineer, 0,
			  "{'subtask': 'S1', 'department': 'production', 'due_at': '2027-01-01T00:00:00Z'}");
	scene_text_is(desk, opened, "department", "production");
	scene_time_is(desk, opened, "due_at", instant_of_civil(2027, 1, 1, 0));
	lacks(desk, ticket, "staff.resolved", engineer, "{'solution': 'done'}", "subtask");
	scene_do(desk, ticket, "staff.subtask_closed", engineer, 0, "{'subtask': 'S1', 'answer': 'a new lot'}");
	scene_do(desk, ticket, "staff.resolved", engineer, 0, "{'solution': 'done'}");
}

static void c057_an_attempt_is_no_contact_and_onsite_needs_the_appointment_too(void **state)
{
	struct desk *desk = *state;
	instant now = desk_now();
	const char *engineer = scene_cast(desk)->engineer, *remote = scene_assigned(desk, 0, NULL);
	const char *onsite = scene_assigned(desk, 0, "{'mode': 'onsite'}");

	scene_do(desk, remote, "staff.contact_attempted", engineer, 0, "{'channel': 'phone', 'outcome': 'nobody there'}");
	scene_do(desk, onsite, "staff.contact_attempted", engineer, 0, "{'channel': 'phone', 'outcome': 'nobody there'}");
	scene_do(desk, onsite, "staff.contacted", engineer, 0, "{'channel': 'phone'}");
	desk_settle(desk);
	assert_int_equal(scene_clock_count(desk, remote, "sla.met", "contact"), 0);
	assert_int_equal(scene_clock_count(desk, onsite, "sla.met", "contact"), 0);
	scene_do(desk, remote, "staff.contacted", engineer, 0, "{'channel': 'phone'}");
	scene_clock(desk, remote, "sla.met", "contact", 1);
	scene_do(desk, onsite, "staff.scheduled", engineer, 0, window(desk, now + HOUR, now + 2 * HOUR));
	scene_clock(desk, onsite, "sla.met", "contact", 1);
}

static void c058_an_appointment_has_content_time_and_place(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, "{'mode': 'onsite'}"), *engineer = scene_cast(desk)->engineer;

	lacks(desk, ticket, "staff.scheduled", engineer, "{'window': {'from': '2026-01-05T09:00:00Z', 'to': '2026-01-05T11:00:00Z'}, 'place': 'Porto'}",
	      "content");
	lacks(desk, ticket, "staff.scheduled", engineer,
	      "{'window': {'from': '2026-01-05T09:00:00Z', 'to': '2026-01-05T11:00:00Z'}, 'content': 'change the board', 'place': ' '}", "place");
	scene_refused(desk, ticket, "staff.scheduled", engineer, "{'content': 'change the board', 'place': 'Porto'}", NULL);
	scene_text_is(desk, scene_do(desk, ticket, "staff.scheduled", engineer, 0, window(desk, desk_now(), desk_now() + HOUR)), "state",
		      "scheduled");
}

static void c063_arrival_in_the_agreed_time_and_by_agreement_in_another(void **state)
{
	struct desk *desk = *state;
	instant from = desk_now() - HOUR, to = desk_now() + HOUR;
	const char *engineer = scene_cast(desk)->engineer;
	const char *in_time = scene_assigned(desk, 0, "{'mode': 'onsite'}"), *missed = scene_assigned(desk, 0, "{'mode': 'onsite'}");
	const struct record *moved;

	scene_do(desk, in_time, "staff.scheduled", engineer, 0, window(desk, from, to));
	scene_time_is(desk, scene_clock(desk, in_time, "sla.started", "arrive_window", 1), "due_at", to);
	scene_do(desk, in_time, "staff.scheduled", engineer, 0, window(desk, from + HOUR, to + HOUR));
	moved = scene_clock(desk, in_time, "sla.rescheduled", "arrive_window", 1);
	scene_time_is(desk, moved, "was", to);
	scene_time_is(desk, moved, "due_at", to + HOUR);
	scene_do(desk, in_time, "staff.arrived", engineer, 0, "{'place': 'Porto'}");
	scene_clock(desk, in_time, "sla.met", "arrive_window", 1);
	scene_do(desk, missed, "staff.scheduled", engineer, 0, window(desk, from - HOUR, from));
	scene_time_is(desk, scene_clock(desk, missed, "sla.breached", "arrive_window", 1), "due_at", from);
}

static void c064_an_onsite_job_is_not_resolved_without_the_record_of_the_service(void **state)
{
	static const char *const partial[] = {
		"{'content': 'board changed'}",
		"{'content': 'board changed', 'feedback': 'content'}",
		"{'content': 'board changed', 'from': '2026-01-05T09:10:00+08:00', 'to': '2026-01-05T10:00:00+08:00'}",
	};
	struct desk *desk = *state;
	const char *engineer = scene_cast(desk)->engineer;
	const char *onsite = scene_assigned(desk, 0, "{'mode': 'onsite'}"), *remote = scene_assigned(desk, 0, NULL);

	scene_do(desk, onsite, "staff.arrived", engineer, 0, NULL);
	for (size_t i = 0; i < array_count(partial); i++) {
		lacks(desk, onsite, "staff.resolved", engineer, "{'solution': 'board changed'}", "feedback");
		scene_do(desk, onsite, "staff.worked", engineer, 0, partial[i]);
	}
	lacks(desk, onsite, "staff.resolved", engineer, "{'solution': 'board changed'}", "feedback");
	scene_do(desk, onsite, "staff.worked", engineer, 0, RECORD);
	scene_do(desk, onsite, "staff.resolved", engineer, 0, "{'solution': 'board changed'}");
	scene_do(desk, remote, "staff.resolved", engineer, 0, "{'solution': 'explained'}");
}

/* T0 is twenty hours ago, and the first engineer who can do it comes on post now. */
static void c074_contact_is_due_twenty_four_hours_after_the_assignment(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "P");
	instant t0 = desk_now() - 20 * HOUR, assigned_at;
	const char *ticket = ticket_about(desk, model, t0, "");
	const struct record *cancelled;

	desk_expect(desk, ticket, "ticket.unassignable");
	assert_int_equal(scene_clock_count(desk, ticket, "sla.started", "contact"), 0);
	scene_skilled(desk, "engineer", model);
	assigned_at = record_time(desk_expect(desk, ticket, "ticket.assigned"), "at");
	assert_true(assigned_at >= t0 + 20 * HOUR && assigned_at < t0 + 20 * HOUR + 5 * MINUTE);
	scene_time_is(desk, scene_clock(desk, ticket, "sla.started", "contact", 1), "due_at", assigned_at + 24 * HOUR);

	/* D03: another engineer, another clock. What the first one did does not count for him. */
	scene_do(desk, ticket, "staff.assigned", scene_cast(desk)->dispatcher, 0, desk_text(desk, "{'to': '%s'}", scene_cast(desk)->engineer));
	cancelled = scene_clock(desk, ticket, "sla.cancelled", "contact", 1);
	scene_text_is(desk, cancelled, "clock_id", record_text(scene_clock(desk, ticket, "sla.started", "contact", 1), "clock_id"));
	scene_clock(desk, ticket, "sla.started", "contact", 2);
	scene_do(desk, ticket, "staff.contacted", scene_cast(desk)->engineer, 0, "{'channel': 'phone'}");
	scene_clock(desk, ticket, "sla.met", "contact", 1);
}

static void c085_a_promise_to_the_customer_is_taken(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': null}");
	const struct record *promised;

	desk_expect(desk, ticket, "ticket.assigned");
	promised = scene_do(desk, ticket, "staff.promised", scene_cast(desk)->csr, 0, "{'until': '2027-01-05T16:20:00+08:00'}");
	scene_text_is(desk, promised, "until", "2027-01-05T16:20:00+08:00");
}

static void c091_what_cannot_be_answered_goes_to_the_superior_and_the_owner_stays(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "P"), *boss = scene_person(desk, "manager", NULL);
	const char *owner = scene_person(desk, "engineer", desk_text(desk, "{'superior': '%s', 'skills': [{'product': '%s', 'fault_type': '*', "
								     "'level': 1}]}", boss, model));
	const char *ticket = ticket_about(desk, model, 0, ""), *orphan = scene_assigned(desk, 0, NULL);
	const struct record *escalated;

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", owner);
	scene_do(desk, ticket, "staff.cannot_answer", owner, 0, "{'department': 'development'}");
	escalated = desk_expect(desk, ticket, "ticket.escalated");
	scene_text_is(desk, escalated, "to", boss);
	assert_int_equal(record_number(escalated, "level"), 1);
	scene_text_is(desk, escalated, "state", "waiting_internal");
	scene_text_is(desk, scene_fact(desk, ticket, "notify.sent", "why.name", "ticket.escalated", 1), "to.person", boss);
	scene_do(desk, ticket, "staff.resumed", owner, 0, "{'on': 'internal'}");
	scene_do(desk, ticket, "staff.cannot_answer", owner, 0, NULL);
	assert_int_equal(record_number(desk_expect_nth(desk, ticket, "ticket.escalated", 2), "level"), 2);
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.assigned", 1);

	/* Nobody stands above him: it is somebody's task instead of nobody's. */
	scene_do(desk, orphan, "staff.cannot_answer", scene_cast(desk)->engineer, 0, NULL);
	desk_expect(desk, orphan, "ticket.escalated");
	desk_expect(desk, orphan, "task.opened");
}

static void c102_a_complaint_has_one_handler_in_the_first_pass_who_is_not_named_in_it(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *data = desk_text(desk, "{'kind': 'complaint', 'severity': null, 'about_staff': ['%s']}", cast->csr);
	const char *ticket = scene_ticket(desk, 0, data), *other = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': null}");
	const struct record *assigned = desk_expect(desk, ticket, "ticket.assigned");

	assert_true(record_time(assigned, "decided_at") == record_time(desk_expect(desk, ticket, "ticket.verified"), "decided_at"));
	assert_string_not_equal(record_text(assigned, "to"), "");
	assert_string_not_equal(record_text(assigned, "to"), cast->csr);
	lacks(desk, ticket, "staff.assigned", cast->dispatcher, desk_text(desk, "{'to': '%s'}", cast->csr), "complained of");

	/* Who is named later gives it up. */
	scene_text_is(desk, desk_expect(desk, other, "ticket.assigned"), "to", cast->csr);
	scene_do(desk, other, "request.supplemented", NULL, 0, desk_text(desk, "{'about_staff': ['%s']}", cast->csr));
	assert_string_not_equal(record_text(desk_expect_nth(desk, other, "ticket.assigned", 2), "to"), cast->csr);
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.assigned", 1);
}

static void c107_a_complaint_closes_with_the_result_told_and_a_corrective_action(void **state)
{
	static const char *const actions[] = { "{'text': 'the roster has been changed'}", "{'none_because': 'not our product'}" };
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);

	for (size_t i = 0; i < array_count(actions); i++) {
		const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': null}");

		desk_expect(desk, ticket, "ticket.assigned");
		scene_do(desk, ticket, "staff.resolved", cast->csr, 0, "{'solution': 'called and apologised'}");
		scene_do(desk, ticket, "customer.confirmed", NULL, 0, SATISFIED);
		scene_text_is(desk, scene_fact(desk, ticket, "notify.sent", "rule", "result", 1), "to.role", "customer");
		desk_settle(desk);
		lacks(desk, ticket, "staff.close_requested", cast->csr, NULL, "corrective action");
		scene_do(desk, ticket, "staff.corrective_action", cast->manager, 0, "{'note': 'later'}");
		lacks(desk, ticket, "staff.close_requested", cast->csr, NULL, "corrective action");
		scene_do(desk, ticket, "staff.corrective_action", cast->manager, 0, actions[i]);
		scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
	}
}

static void c107_the_result_must_have_reached_the_customer(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, 0, NULL), *talked = scene_assigned(desk, 0, NULL);

	scene_needs_stack(desk);
	/* What was said before there was a result is not the result. */
	scene_do(desk, ticket, "staff.contacted", cast->engineer, 0, "{'channel': 'phone'}");
	desk_settle(desk);
	assert_true(stack_do(desk_stack(desk), "stop", "notification"));
	scene_do(desk, ticket, "staff.resolved", cast->engineer, 0, "{'solution': 'corrected'}");
	scene_do(desk, talked, "staff.resolved", cast->engineer, 0, "{'solution': 'corrected'}");
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SATISFIED);
	scene_do(desk, talked, "customer.confirmed", NULL, 0, SATISFIED);
	lacks(desk, ticket, "staff.close_requested", cast->csr, NULL, "told the result");
	scene_do(desk, talked, "staff.contacted", cast->engineer, 0, "{'channel': 'phone'}");
	scene_do(desk, talked, "staff.close_requested", cast->csr, 0, NULL);
	assert_true(stack_do(desk_stack(desk), "start", "notification"));
	scene_fact(desk, ticket, "notify.sent", "rule", "result", 1);
	desk_settle(desk);
	scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
}

static void c134_each_closing_is_followed_by_one_survey(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, 0, NULL);

	scene_resolve(desk, ticket);
	scene_do(desk, ticket, "customer.rejected", NULL, 0, "{'reason': 'it fails again'}");
	scene_resolve(desk, ticket);
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SATISFIED);
	scene_fact(desk, ticket, "notify.sent", "rule", "result", 2);
	desk_settle(desk);
	scene_count_is(desk, ticket, "survey.sent", 0);
	scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
	desk_expect(desk, ticket, "survey.sent");
	desk_settle(desk);
	scene_count_is(desk, ticket, "survey.sent", 1);
}

static const struct sent *answer(struct desk *desk, const char *ticket, const char *survey, int score)
{
	return desk_send(desk, &(struct claim){
		.name = "survey.answered", .ticket = ticket,
		.data = desk_text(desk, "{'survey': '%s', 'score': %d, 'comment': 'take 12 \\u597d'}", survey, score),
	});
}

/* The first answer counts; what comes after it, or of a survey that nobody sent, stands in the ticket's log and changes nothing. */
static void c134_a_survey_is_scored_once(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL), *survey;

	scene_resolve(desk, ticket);
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SATISFIED);
	scene_fact(desk, ticket, "notify.sent", "rule", "result", 1);
	desk_settle(desk);
	scene_do(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, 0, NULL);
	survey = record_text(desk_expect(desk, ticket, "survey.sent"), "survey");
	desk_expect_of(desk, ticket, "ticket.survey_answered", answer(desk, ticket, desk_text(desk, "%s.s9", ticket), 10));
	desk_expect_of(desk, ticket, "ticket.survey_answered", answer(desk, ticket, survey, 90));
	assert_int_equal(record_number(desk_expect(desk, ticket, "survey.scored"), "score"), 90);
	desk_expect_of(desk, ticket, "ticket.survey_answered", answer(desk, ticket, survey, 10));
	desk_settle(desk);
	scene_count_is(desk, ticket, "survey.scored", 1);
	scene_count_is(desk, ticket, "task.opened", 0);
	scene_count_is(desk, ticket, "survey.sent", 1);
}

static int open_stack(void **state)
{
	static const char *const policies[] = { "reply2h-assign24h-contact24h", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c046_assigned_by_product_and_fault_type),
		SCENARIO(c047_remote_to_technical_support_and_onsite_to_field_service_else_to_an_engineer),
		SCENARIO(c048_every_dispatch_states_priority_and_limit),
		SCENARIO(c049_assigned_in_the_pass_that_classifies),
		SCENARIO(c051_nobody_off_post_is_assigned),
		SCENARIO(c053_not_resolved_while_a_subtask_is_open),
		SCENARIO(c057_an_attempt_is_no_contact_and_onsite_needs_the_appointment_too),
		SCENARIO(c058_an_appointment_has_content_time_and_place),
		SCENARIO(c063_arrival_in_the_agreed_time_and_by_agreement_in_another),
		SCENARIO(c064_an_onsite_job_is_not_resolved_without_the_record_of_the_service),
		SCENARIO(c074_contact_is_due_twenty_four_hours_after_the_assignment),
		SCENARIO(c085_a_promise_to_the_customer_is_taken),
		SCENARIO(c091_what_cannot_be_answered_goes_to_the_superior_and_the_owner_stays),
		SCENARIO(c102_a_complaint_has_one_handler_in_the_first_pass_who_is_not_named_in_it),
		SCENARIO(c107_a_complaint_closes_with_the_result_told_and_a_corrective_action),
		SCENARIO(c107_the_result_must_have_reached_the_customer),
		SCENARIO(c134_each_closing_is_followed_by_one_survey),
		SCENARIO(c134_a_survey_is_scored_once),
	};

	return cmocka_run_group_tests_name("test_r04_work", tests, open_stack, scene_close);
}
