/* Who works on a ticket under R19: C041, C047, C062, C092, and dispatching in the contract.
 *
 * Each scenario has a product and people of its own, so that nobody else can be chosen. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

static bool is_before(const struct desk *desk, const char *ticket, const char *first, const char *then)
{
	const struct record *a = desk_find(desk, ticket, first, 1), *b = desk_find(desk, ticket, then, 1);

	return a && b && a->offset < b->offset;
}

static const char *ticket_about(struct desk *desk, const char *model, const char *more)
{
	const struct sent *request = scene_request(desk, 0, desk_text(desk, "{'product': {'model': '%s'}%s%s}", model,
								     *more ? ", " : "", more));

	return desk_expect_ticket(desk, request);
}

static void scenario_C041_the_csr_classifies_before_the_engineer_is_assigned(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'kind': null, 'severity': null}");
	const struct record *classified;

	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.assigned", 0);
	classified = scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, 0,
			      "{'kind': 'fault', 'severity': 'general', 'class': 'software'}");
	scene_text_is(desk, classified, "by.role", "csr");
	scene_text_is(desk, classified, "by.id", scene_cast(desk)->csr);
	scene_text_is(desk, classified, "kind", "fault");
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "role", "engineer");
	assert_true(is_before(desk, ticket, "ticket.classified", "ticket.assigned"));
}

static void scenario_C041_an_engineer_may_not_classify(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'kind': null, 'severity': null}");

	scene_refused(desk, ticket, "staff.classified", scene_cast(desk)->engineer, "{'kind': 'fault', 'severity': 'general'}",
		      "forbidden");
	/* What somebody claims to be does not count when the directory knows better. */
	scene_refused(desk, ticket, "staff.classified", scene_cast(desk)->engineer,
		      "{'by': {'role': 'csr'}, 'kind': 'fault', 'severity': 'general'}", "forbidden");
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.classified", 0);
	scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, 0, "{'kind': 'fault', 'severity': 'general'}");
}

static void scenario_C047_remote_goes_to_tech_support_and_onsite_to_field_service(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *support = scene_skilled(desk, "tech_support", model), *field = scene_skilled(desk, "field_service", model);
	const struct record *assigned;

	for (int i = 0; i < 3; i++) {
		assigned = desk_expect(desk, ticket_about(desk, model, "'mode': 'remote'"), "ticket.assigned");
		scene_text_is(desk, assigned, "to", support);
		scene_text_is(desk, assigned, "role", "tech_support");
		assigned = desk_expect(desk, ticket_about(desk, model, "'mode': 'onsite'"), "ticket.assigned");
		scene_text_is(desk, assigned, "to", field);
		scene_text_is(desk, assigned, "role", "field_service");
	}
}

static void scenario_C062_choosing_onsite_dispatches_field_service_and_wants_an_appointment(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *support = scene_skilled(desk, "tech_support", model), *field = scene_skilled(desk, "field_service", model);
	const char *ticket = ticket_about(desk, model, "'mode': 'remote'");
	const struct record *dead;

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", support);
	scene_do(desk, ticket, "staff.mode_chosen", scene_cast(desk)->csr, 0, "{'mode': 'onsite'}");
	scene_text_is(desk, desk_expect_nth(desk, ticket, "ticket.assigned", 2), "to", field);
	dead = scene_refused(desk, ticket, "staff.arrived", field, "{'place': 'Porto'}", "gate_unmet");
	assert_non_null(strstr(record_header(dead, "dl_detail"), "appointment"));
	scene_do(desk, ticket, "staff.scheduled", field, 0,
		 "{'window': {'from': '2026-01-05T09:00:00+08:00', 'to': '2026-01-05T11:00:00+08:00'}, 'content': 'change the part', "
		 "'place': 'Porto'}");
	scene_text_is(desk, scene_do(desk, ticket, "staff.arrived", field, 0, "{'place': 'Porto'}"), "state", "in_progress");
}

static void scenario_C092_a_major_complaint_is_handled_by_management(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': 'major', 'demand': 'a refund'}");
	const struct record *assigned = desk_expect(desk, ticket, "ticket.assigned"), *dead;
	const char *roles[] = { "manager", "director", "general_manager", "leader", "sales_head" };
	bool managed = false;

	for (size_t i = 0; i < 5; i++)
		managed = managed || strcmp(record_text(assigned, "role"), roles[i]) == 0;
	if (!managed)
		desk_fail(desk, ticket, "the first one assigned is a %s", record_text(assigned, "role"));
	dead = scene_refused(desk, ticket, "staff.assigned", cast->dispatcher, desk_text(desk, "{'to': '%s'}", cast->engineer), NULL);
	assert_true(strlen(record_header(dead, "dl_detail")) > 0);
	scene_text_is(desk, scene_do(desk, ticket, "staff.assigned", cast->dispatcher, 0, desk_text(desk, "{'to': '%s'}", cast->manager)),
		      "to", cast->manager);
}

static void scenario_C092_a_complaint_regraded_to_major_goes_to_management(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': 'general', 'demand': 'a refund'}");

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", scene_cast(desk)->engineer);
	scene_do(desk, ticket, "staff.classified", scene_cast(desk)->csr, 0, "{'severity': 'major'}");
	assert_string_not_equal(record_text(desk_expect_nth(desk, ticket, "ticket.assigned", 2), "role"), "engineer");
}

static void scenario_nobody_eligible_is_unassignable_and_tried_again(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M"), *ticket = ticket_about(desk, model, ""), *person;
	struct claim off = { .name = "staff.off_post" }, on = { .name = "staff.on_post" };

	assert_non_null(record_get(desk_expect(desk, ticket, "ticket.unassignable"), "why"));
	person = scene_skilled(desk, "engineer", model);
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", person);

	off.key = on.key = desk_text(desk, "post:%s", person);
	off.data = on.data = desk_text(desk, "{'staff': '%s'}", person);
	desk_send(desk, &off);
	desk_expect_thing(desk, DESK_DESK, "staff.off_post", "staff", person);
	ticket = ticket_about(desk, model, "");
	desk_expect(desk, ticket, "ticket.unassignable");
	desk_send(desk, &on);
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", person);
}

static void scenario_the_one_with_the_fewest_open_tickets_is_chosen_within_capacity(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *skill = desk_text(desk, "{'skills': [{'product': '%s', 'fault_type': '*', 'level': 1}], 'max_open': 2}", model);
	const char *people[2] = { scene_person(desk, "engineer", skill), scene_person(desk, "engineer", skill) };
	size_t open[2] = { 0, 0 };

	for (int i = 0; i < 4; i++) {
		const char *ticket = ticket_about(desk, model, "");
		const char *to = record_text(desk_expect(desk, ticket, "ticket.assigned"), "to");

		open[strcmp(to, people[1]) == 0]++;
		assert_true(open[0] <= open[1] + 1 && open[1] <= open[0] + 1);
	}
	desk_expect(desk, ticket_about(desk, model, ""), "ticket.unassignable");
}

static void scenario_a_manual_dispatch_changes_the_owner(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, 0, NULL), *other = scene_person(desk, "engineer", NULL);
	const struct record *assigned;

	scene_refused(desk, ticket, "staff.assigned", cast->engineer, desk_text(desk, "{'to': '%s'}", other), "forbidden");
	assigned = scene_do(desk, ticket, "staff.assigned", cast->dispatcher, 0,
			    desk_text(desk, "{'to': '%s', 'priority': 'high', 'due_at': '2027-01-01T00:00:00Z'}", other));
	scene_text_is(desk, assigned, "to", other);
	scene_text_is(desk, assigned, "priority", "high");
	assert_true(record_time(assigned, "due_at") == instant_of_civil(2027, 1, 1, 0));
	scene_text_is(desk, assigned, "state", "assigned");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C041_the_csr_classifies_before_the_engineer_is_assigned),
		SCENARIO(scenario_C041_an_engineer_may_not_classify),
		SCENARIO(scenario_C047_remote_goes_to_tech_support_and_onsite_to_field_service),
		SCENARIO(scenario_C062_choosing_onsite_dispatches_field_service_and_wants_an_appointment),
		SCENARIO(scenario_C092_a_major_complaint_is_handled_by_management),
		SCENARIO(scenario_C092_a_complaint_regraded_to_major_goes_to_management),
		SCENARIO(scenario_nobody_eligible_is_unassignable_and_tried_again),
		SCENARIO(scenario_the_one_with_the_fewest_open_tickets_is_chosen_within_capacity),
		SCENARIO(scenario_a_manual_dispatch_changes_the_owner),
	};

	return cmocka_run_group_tests_name("test_r19_routing", tests, scene_open, scene_close);
}
