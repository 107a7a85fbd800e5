/* Tickets of somebody who leaves or goes on leave: C182 and C183, and who is given new ones meanwhile.
 *
 * Each scenario has a product and people of its own, so that nobody else can be chosen. */
#include <string.h>

#include "tests/support/scene.h"

static const struct sent *directory_send(struct desk *desk, const char *name, const char *key, const char *data)
{
	const struct claim claim = { .name = name, .topic = "aftercare.directory", .key = key, .data = data };

	return desk_send(desk, &claim);
}

static void leaves(struct desk *desk, const char *person)
{
	directory_send(desk, "staff.leaving", desk_text(desk, "leaving:%s", person), desk_text(desk, "{'staff': '%s'}", person));
}

static void takes_leave(struct desk *desk, const char *person, instant from, instant to)
{
	char begin[INSTANT_TEXT], end[INSTANT_TEXT];

	instant_format(from, begin);
	instant_format(to, end);
	directory_send(desk, "staff.leave_approved", desk_text(desk, "leave:%s:L-1", person),
		       desk_text(desk, "{'staff': '%s', 'id': 'L-1', 'from': '%s', 'to': '%s', 'contact': 'phone'}", person, begin, end));
}

/* Of the product, severity general: the response is due 24 hours after the request. */
static const char *ticket_of(struct desk *desk, const char *model, const char *owner)
{
	const struct sent *request = scene_request(desk, 0, desk_text(desk, "{'product': {'model': '%s'}}", model));
	const char *ticket = desk_expect_ticket(desk, request);

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", owner);
	desk_expect(desk, ticket, "sla.started");
	return ticket;
}

static void scenario_C182_who_leaves_hands_over_and_the_clocks_stay(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *leaver = scene_skilled(desk, "engineer", model), *ticket = ticket_of(desk, model, leaver);
	const char *successor = scene_skilled(desk, "engineer", model);
	const struct record *changed;

	leaves(desk, leaver);
	changed = desk_expect(desk, ticket, "ticket.owner_changed");
	scene_text_is(desk, changed, "from", leaver);
	scene_text_is(desk, changed, "to", successor);
	scene_text_is(desk, changed, "state", "assigned");
	desk_settle(desk);
	scene_count_is(desk, ticket, "ticket.owner_changed", 1);
	scene_count_is(desk, ticket, "ticket.assigned", 1);
	scene_count_is(desk, ticket, "sla.started", 1);
	scene_count_is(desk, ticket, "sla.cancelled", 0);
	scene_count_is(desk, ticket, "sla.rescheduled", 0);
	/* Nor does the leaver get another one, though nothing is on his desk now. */
	ticket_of(desk, model, successor);
	/* The new owner works on it as on any other. */
	scene_do(desk, ticket, "staff.replied", successor, 0, "{'text': 'I have taken over'}");
}

static void scenario_C182_nobody_there_is_told_once_and_tried_again(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *leaver = scene_skilled(desk, "engineer", model), *ticket = ticket_of(desk, model, leaver), *successor;

	leaves(desk, leaver);
	scene_fact(desk, ticket, "task.opened", "what", "handover", 1);
	/* Somebody who cannot do it changes nothing. */
	scene_skilled(desk, "engineer", desk_unique(desk, "M"));
	desk_settle(desk);
	assert_int_equal(scene_fact_count(desk, ticket, "task.opened", "what", "handover"), 1);
	scene_count_is(desk, ticket, "ticket.owner_changed", 0);
	successor = scene_skilled(desk, "engineer", model);
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.owner_changed"), "to", successor);
	scene_fact(desk, ticket, "ticket.flagged", "clear", "handover", 1);
}

static void scenario_C183_what_is_due_in_the_leave_moves_and_the_rest_stays(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M"), *other = desk_unique(desk, "M");
	const char *away = scene_skilled(desk, "engineer", model), *later = scene_skilled(desk, "engineer", other);
	const char *moves = ticket_of(desk, model, away), *stays = ticket_of(desk, other, later);
	const char *deputy = scene_person(desk, "engineer", desk_text(desk, "{'skills': [{'product': '%s', 'level': 1}, {'product': '%s', 'level': 1}]}",
									 model, other));
	instant now = desk_now();

	/* Due in 24 hours: inside the one leave, before the other. */
	takes_leave(desk, later, now + 3 * DAY, now + 9 * DAY);
	takes_leave(desk, away, now + 20 * HOUR, now + 9 * DAY);
	scene_text_is(desk, desk_expect(desk, moves, "ticket.owner_changed"), "to", deputy);
	desk_settle(desk);
	scene_count_is(desk, stays, "ticket.owner_changed", 0);
	scene_count_is(desk, moves, "sla.started", 1);
	scene_count_is(desk, moves, "sla.rescheduled", 0);
	/* What would be due in the leave is given to the other one from the beginning. */
	ticket_of(desk, model, deputy);
	ticket_of(desk, other, later);
}

static void scenario_C183_a_leave_that_is_withdrawn_counts_no_more(void **state)
{
	struct desk *desk = *state;
	const char *model = desk_unique(desk, "M");
	const char *away = scene_skilled(desk, "engineer", model);
	const char *key = desk_text(desk, "leave:%s:L-1", away), *ticket;
	const struct sent *request;
	instant now = desk_now();

	takes_leave(desk, away, now - HOUR, now + 9 * DAY);
	desk_settle(desk);
	request = scene_request(desk, 0, desk_text(desk, "{'product': {'model': '%s'}}", model));
	ticket = desk_expect_ticket(desk, request);
	desk_expect(desk, ticket, "ticket.unassignable");
	directory_send(desk, "staff.leave_approved", key, NULL);
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", away);
}

int main(void)
{
	const struct CMUnitTest scenarios[] = {
		SCENARIO(scenario_C182_who_leaves_hands_over_and_the_clocks_stay),
		SCENARIO(scenario_C182_nobody_there_is_told_once_and_tried_again),
		SCENARIO(scenario_C183_what_is_due_in_the_leave_moves_and_the_rest_stays),
		SCENARIO(scenario_C183_a_leave_that_is_withdrawn_counts_no_more),
	};

	return cmocka_run_group_tests_name("test_handover", scenarios, scene_open, scene_close);
}
