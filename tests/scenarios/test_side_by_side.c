/* R19, R04 and R26 on one ticket: the clocks of all run, required fields and gates add up, one policy speaks for routing, messages and
 * surveys. And what R26 says of spares, which the other two must not get in the way of.
 *
 * Claims with a `time` in the past stand for the hours that nobody waits for. */
#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

#define R19 "graded-2h-24h-48h"
#define R04 "reply2h-assign24h-contact24h"
#define R26 "site24h-fix48h-spare72h"
#define REPLY "{'text': 'we are looking into it', 'automatic': false}"
#define RECORD "{'content': 'board changed', 'from': '2026-01-05T09:10:00+08:00', 'to': '2026-01-05T10:00:00+08:00', 'feedback': 'content'}"

static const char *refused(struct desk *desk, const char *ticket, const char *claim, const char *who, const char *data, const char *reason)
{
	return record_header(scene_refused(desk, ticket, claim, who, data, reason), "dl_detail");
}

static void all_clocks_run_on_one_ticket_each_under_its_own_policy(void **state)
{
	static const struct {
		const char *clock, *policy;
		int64_t limit;      /* from T0; 0: from the assignment */
	} clocks[] = {
		{ "response", R19, 2 * HOUR }, { "reply", R04, 2 * HOUR }, { "assign", R04, 24 * HOUR }, { "contact", R04, 0 },
		{ "arrive", R26, 24 * HOUR }, { "resolve", R26, 48 * HOUR }, { "spare", R26, 72 * HOUR },
	};
	static const char *const met[] = { "response", "reply", "assign", "contact", "arrive_window", "arrive", "resolve", "spare" };
	struct desk *desk = *state;
	instant t0 = desk_now() - HOUR;
	const char *model = desk_unique(desk, "P"), *field = scene_skilled(desk, "field_service", model);
	const char *more = desk_text(desk, "{'severity': 'urgent', 'mode': 'onsite', 'product': {'model': '%s'}}", model);
	const char *ticket = scene_ticket(desk, t0, more);
	const struct record *assigned = desk_expect(desk, ticket, "ticket.assigned");

	/* C048: the limit that is told is the earliest of all. */
	scene_text_is(desk, assigned, "to", field);
	scene_time_is(desk, assigned, "due_at", t0 + 2 * HOUR);
	for (size_t i = 0; i < array_count(clocks); i++) {
		const struct record *started = scene_clock(desk, ticket, "sla.started", clocks[i].clock, 1);

		scene_text_is(desk, started, "policy.id", clocks[i].policy);
		scene_time_is(desk, started, "due_at",
			      clocks[i].limit ? t0 + clocks[i].limit : record_time(assigned, "at") + 24 * HOUR);
	}
	scene_do(desk, ticket, "staff.replied", field, 0, REPLY);
	assigned = scene_do(desk, ticket, "staff.assigned", scene_cast(desk)->dispatcher, 0, desk_text(desk, "{'to': '%s'}", field));
	scene_time_is(desk, assigned, "due_at", t0 + 24 * HOUR);

	/* One act stops the clocks of every policy that wait for it. */
	scene_do(desk, ticket, "staff.contacted", field, 0, "{'channel': 'phone'}");
	scene_do(desk, ticket, "staff.scheduled", field, 0,
		 "{'window': {'from': '2026-01-05T09:00:00Z', 'to': '2035-01-05T11:00:00Z'}, 'content': 'change the board', 'place': 'Porto'}");
	scene_do(desk, ticket, "staff.arrived", field, 0, "{'place': 'Porto'}");
	scene_do(desk, ticket, "staff.worked", field, 0, RECORD);
	scene_do(desk, ticket, "staff.resolved", field, 0, "{'solution': 'board changed'}");
	for (size_t i = 0; i < array_count(met); i++)
		scene_clock(desk, ticket, "sla.met", met[i], 1);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.breached", 0);
}

static void required_fields_of_all_add_up(void **state)
{
	struct desk *desk = *state;
	const char *complaint = scene_ticket(desk, 0, "{'kind': 'complaint', 'severity': 'general', 'problem': null, 'product': null}");
	const struct record *incomplete = desk_expect(desk, complaint, "ticket.incomplete");
	const char *fault = scene_ticket(desk, 0, "{'problem': null, 'product': null}");

	/* Only R04 asks a complaint for its content; what several ask for is asked for once. */
	assert_int_equal(json_array_size(record_get(incomplete, "missing")), 1);
	assert_true(record_lists(incomplete, "missing", "problem"));
	incomplete = desk_expect(desk, fault, "ticket.incomplete");
	assert_int_equal(json_array_size(record_get(incomplete, "missing")), 2);
	assert_true(record_lists(incomplete, "missing", "problem") && record_lists(incomplete, "missing", "product.model"));
}

static void closing_needs_the_gates_of_all(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_ticket(desk, 0, "{'kind': 'complaint'}"), *detail;

	desk_expect(desk, ticket, "ticket.assigned");
	scene_do(desk, ticket, "staff.resolved", cast->engineer, 0, "{'solution': 'apologised'}");
	/* Whichever policy speaks, the customer hears of the result once, and that is enough for each. */
	scene_text_is(desk, scene_fact(desk, ticket, "notify.sent", "why.name", "ticket.resolved", 1), "to.role", "customer");
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, "{'satisfied': true}");
	desk_settle(desk);
	assert_int_equal(scene_fact_count(desk, ticket, "notify.sent", "why.name", "ticket.resolved"), 1);
	detail = refused(desk, ticket, "staff.close_requested", cast->csr, NULL, "gate_unmet");
	if (!strstr(detail, "signature") || !strstr(detail, "corrective action") || strstr(detail, "result"))
		desk_fail(desk, ticket, "it was refused for: %s", detail);
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
	detail = refused(desk, ticket, "staff.close_requested", cast->csr, NULL, "gate_unmet");
	if (strstr(detail, "signature") || !strstr(detail, "corrective action"))
		desk_fail(desk, ticket, "it was refused for: %s", detail);
	scene_do(desk, ticket, "staff.corrective_action", cast->manager, 0, "{'text': 'the roster has been changed'}");
	scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
	desk_expect(desk, ticket, "survey.sent");
	desk_settle(desk);
	scene_count_is(desk, ticket, "survey.sent", 1);
}

/* C080: the clock of the spare runs out, the ticket goes on. */
static void c080_not_solved_in_seventy_two_hours_gives_the_task_to_issue_a_spare(void **state)
{
	struct desk *desk = *state;
	const char *engineer = scene_cast(desk)->engineer;
	instant late = desk_now() - 73 * HOUR, early = desk_now() - 71 * HOUR - 5 * MINUTE;
	const char *ticket = scene_assigned(desk, late, NULL), *solved = scene_assigned(desk, early, NULL);
	const struct record *required = desk_expect(desk, ticket, "ticket.spare_required"), *task = desk_expect(desk, ticket, "task.opened");

	scene_time_is(desk, scene_clock(desk, ticket, "sla.breached", "spare", 1), "due_at", late + 72 * HOUR);
	scene_text_is(desk, required, "state", "assigned");
	scene_text_is(desk, task, "what", "issue-spare");
	scene_text_is(desk, task, "for", engineer);
	scene_do(desk, ticket, "staff.started", engineer, 0, NULL);
	scene_send(desk, solved, "staff.resolved", engineer, early + 71 * HOUR, "{'solution': 'corrected'}");
	scene_time_is(desk, scene_clock(desk, solved, "sla.met", "spare", 1), "met_at", early + 71 * HOUR);
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.spare_required", 1);
	scene_count_is(desk, solved, "ticket.spare_required", 0);
	assert_int_equal(scene_fact_count(desk, solved, "task.opened", "what", "issue-spare"), 0);
}

static void c117_a_spare_is_of_the_same_model_or_of_no_lower_quality(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *customer = desk_unique(desk, "C"), *id = desk_unique(desk, "I"), *owned, *same, *unknown, *detail;
	struct claim claim = { .name = "installation.upserted", .key = desk_text(desk, "installation:%s", id) };

	claim.data = desk_text(desk, "{'id': '%s', 'customer': '%s', 'product': '%s', 'accepted_on': '2026-01-01', 'quality_grade': 3}", id,
			       customer, cast->model);
	desk_send(desk, &claim);
	desk_settle(desk);
	owned = scene_assigned(desk, 0, desk_text(desk, "{'customer': {'id': '%s'}}", customer));
	same = scene_assigned(desk, 0, NULL);
	unknown = scene_assigned(desk, 0, NULL);
	detail = refused(desk, owned, "staff.spare_issued", cast->engineer, "{'item': {'model': 'ZX-1', 'quality_grade': 2}}", "gate_unmet");
	assert_non_null(strstr(detail, "same model"));
	refused(desk, owned, "staff.spare_issued", cast->engineer, "{'item': {'model': 'ZX-1'}}", "gate_unmet");
	scene_do(desk, owned, "staff.spare_issued", cast->engineer, 0, "{'item': {'model': 'ZX-1', 'quality_grade': 3}}");
	scene_do(desk, same, "staff.spare_issued", cast->engineer, 0, desk_text(desk, "{'item': {'model': '%s'}}", cast->model));
	/* Where nobody knows how good the original is, nothing can be as good but the same. */
	refused(desk, unknown, "staff.spare_issued", cast->engineer, "{'item': {'model': 'ZX-1', 'quality_grade': 9}}", "gate_unmet");
}

static void c118_a_spare_is_not_the_solution(void **state)
{
	static const char *const ends[] = { "staff.original_restored", "staff.spare_made_permanent" };
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *item = desk_text(desk, "{'item': {'model': '%s'}}", cast->model);

	for (size_t i = 0; i < array_count(ends); i++) {
		const char *ticket = scene_assigned(desk, 0, NULL), *detail;

		scene_text_is(desk, scene_do(desk, ticket, "staff.spare_issued", cast->engineer, 0, item), "state", "spare_in_place");
		refused(desk, ticket, "staff.resolved", cast->engineer, "{'solution': 'a spare'}", "illegal_transition");
		/* Nor by a detour. */
		scene_do(desk, ticket, "staff.waiting", cast->engineer, 0, "{'on': 'internal', 'reason': 'parts'}");
		detail = refused(desk, ticket, "staff.resolved", cast->engineer, "{'solution': 'a spare'}", "gate_unmet");
		assert_non_null(strstr(detail, "original"));
		scene_text_is(desk, scene_do(desk, ticket, "staff.resumed", cast->engineer, 0, "{'on': 'internal'}"), "state", "spare_in_place");
		/* Another spare for the first one: what comes back comes back once. */
		scene_do(desk, ticket, "staff.spare_issued", cast->engineer, 0, item);
		scene_text_is(desk, scene_do(desk, ticket, ends[i], cast->engineer, 0, item), "state", "in_progress");
		scene_do(desk, ticket, "staff.resolved", cast->engineer, 0, "{'solution': 'the original repaired'}");
		scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
		scene_fact(desk, ticket, "notify.sent", "why.name", "ticket.resolved", 1);
		desk_settle(desk);
		scene_do(desk, ticket, "staff.close_requested", cast->csr, 0, NULL);
	}
}

static int open_stack(void **state)
{
	static const char *const policies[] = { R19, R04, R26, NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(all_clocks_run_on_one_ticket_each_under_its_own_policy),
		SCENARIO(required_fields_of_all_add_up),
		SCENARIO(closing_needs_the_gates_of_all),
		SCENARIO(c080_not_solved_in_seventy_two_hours_gives_the_task_to_issue_a_spare),
		SCENARIO(c117_a_spare_is_of_the_same_model_or_of_no_lower_quality),
		SCENARIO(c118_a_spare_is_not_the_solution),
	};

	return cmocka_run_group_tests_name("test_side_by_side", tests, open_stack, scene_close);
}
