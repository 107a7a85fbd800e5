/* C239: every ticket's facts are a path of the lifecycle, and an illegal step is refused where it is first tried.
 *
 * Tickets walk at random, most steps legal, some not. What must come of each step is told by the table below, written down
 * from the contract and not from deploy/policies/lifecycle.json, so that one checks the other. AFTERCARE_TEST_SEED=N
 * walks another way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

#define TICKETS 40
#define ROUNDS 25

enum place { RECEIVED, INCOMPLETE, VERIFIED, CLASSIFIED, ASSIGNED, CONTACTED, SCHEDULED, IN_PROGRESS, WAITING_CUSTOMER,
	     WAITING_INTERNAL, AT_FACTORY, SPARE_IN_PLACE, RESOLVED, CONFIRMED, CLOSED, REJECTED, CANCELLED, SAME, BEFORE };

static const char *const place_names[] = {
	"received", "incomplete", "verified", "classified", "assigned", "contacted", "scheduled", "in_progress",
	"waiting_customer", "waiting_internal", "at_factory", "spare_in_place", "resolved_unconfirmed", "confirmed", "closed",
	"rejected", "cancelled",
};

#define IN(place) (1u << (place))
#define EARLY (IN(RECEIVED) | IN(VERIFIED) | IN(CLASSIFIED))
#define UNDER_WAY (IN(ASSIGNED) | IN(CONTACTED) | IN(SCHEDULED) | IN(IN_PROGRESS))
#define WAITS (IN(WAITING_CUSTOMER) | IN(WAITING_INTERNAL))
#define WORK (UNDER_WAY | WAITS | IN(AT_FACTORY) | IN(SPARE_IN_PLACE))
#define DONE (IN(RESOLVED) | IN(CONFIRMED))
#define OPEN (EARLY | IN(INCOMPLETE) | WORK | DONE)
#define ANY 0xffffffu

struct step {
	const char *claim, *data;
	unsigned in;              /* the states it is allowed in */
	enum place to;
	unsigned moves;           /* the states it moves; 0: all */
	bool rare;                /* ends the walk */
};

#define TEXT "{'text': 'please see'}"

static const struct step steps[] = {
	{ "staff.verified", "{'identity': 'seen'}", IN(RECEIVED), VERIFIED, 0, false },
	{ "staff.classified", "{'kind': 'fault', 'severity': 'general'}", OPEN & ~IN(INCOMPLETE), CLASSIFIED, IN(RECEIVED) | IN(VERIFIED), false },
	{ "staff.proposed", "{'solution': 'restart it'}", EARLY | WORK, SAME, 0, false },
	{ "staff.mode_chosen", "{'mode': 'workshop'}", EARLY | WORK, SAME, 0, false },
	{ "staff.assigned", NULL, EARLY | WORK, ASSIGNED, 0, false },
	{ "staff.replied", TEXT, OPEN, SAME, 0, false },
	{ "staff.contact_attempted", NULL, OPEN, SAME, 0, false },
	{ "customer.messaged", TEXT, OPEN, SAME, 0, false },
	{ "staff.promised", "{'until': '2027-01-05T16:20:00+08:00'}", OPEN, SAME, 0, false },
	{ "staff.answered", TEXT, OPEN, SAME, 0, false },
	{ "staff.solution_sent", TEXT, OPEN, SAME, 0, false },
	{ "staff.contacted", NULL, WORK | DONE, CONTACTED, IN(ASSIGNED), false },
	{ "staff.scheduled", "{'window': {'from': '2026-01-05T09:00:00Z', 'to': '2026-01-05T11:00:00Z'}}", UNDER_WAY, SCHEDULED,
	  IN(ASSIGNED) | IN(CONTACTED) | IN(SCHEDULED), false },
	{ "staff.arrived", NULL, UNDER_WAY, IN_PROGRESS, 0, false },
	{ "staff.started", NULL, UNDER_WAY, IN_PROGRESS, 0, false },
	{ "staff.worked", "{'content': 'a part changed'}", WORK, IN_PROGRESS, IN(ASSIGNED) | IN(CONTACTED) | IN(SCHEDULED), false },
	{ "staff.waiting", "{'on': 'customer', 'reason': 'information'}", UNDER_WAY | IN(SPARE_IN_PLACE), WAITING_CUSTOMER, 0, false },
	{ "staff.waiting", "{'on': 'internal', 'reason': 'parts'}", UNDER_WAY | IN(SPARE_IN_PLACE), WAITING_INTERNAL, 0, false },
	{ "staff.resumed", "{'on': 'internal'}", WAITS, BEFORE, 0, false },
	{ "plan.sent", TEXT, UNDER_WAY, WAITING_CUSTOMER, 0, false },
	{ "quote.sent", "{'text': '100 euro', 'reason': 'out of warranty'}", UNDER_WAY, WAITING_CUSTOMER, 0, false },
	{ "upgrade.offered", TEXT, UNDER_WAY, WAITING_CUSTOMER, 0, false },
	{ "plan.accepted", NULL, IN(WAITING_CUSTOMER), BEFORE, 0, false },
	{ "quote.declined", NULL, IN(WAITING_CUSTOMER), BEFORE, 0, false },
	{ "upgrade.accepted", NULL, IN(WAITING_CUSTOMER), BEFORE, 0, false },
	{ "staff.cannot_answer", NULL, EARLY | WORK, WAITING_INTERNAL, 0, false },
	{ "factory.sent", NULL, IN(IN_PROGRESS) | IN(SPARE_IN_PLACE), AT_FACTORY, 0, false },
	{ "factory.received", NULL, IN(AT_FACTORY), SAME, 0, false },
	{ "factory.repaired", NULL, IN(AT_FACTORY), SAME, 0, false },
	{ "factory.delivered", NULL, IN(AT_FACTORY), IN_PROGRESS, 0, false },
	{ "staff.spare_issued", "{'item': {'model': 'AX-1'}}", WORK, SPARE_IN_PLACE, 0, false },
	{ "staff.original_restored", "{'item': {'model': 'AX-1'}}", IN(SPARE_IN_PLACE), IN_PROGRESS, 0, false },
	{ "staff.installed", NULL, WORK, SAME, 0, false },
	{ "return.approved", NULL, WORK, SAME, 0, false },
	{ "return.rejected", NULL, EARLY | WORK, REJECTED, 0, true },
	{ "return.done", NULL, WORK, RESOLVED, 0, false },
	{ "staff.resolved", "{'solution': 'done'}", UNDER_WAY | IN(WAITING_INTERNAL), RESOLVED, 0, false },
	{ "customer.confirmed", SIGNED, DONE, CONFIRMED, 0, false },
	{ "customer.confirmed", "{'satisfied': false}", DONE, IN_PROGRESS, 0, false },
	{ "customer.rejected", "{'reason': 'no'}", DONE, IN_PROGRESS, 0, false },
	{ "staff.report_filed", TEXT, WORK | DONE, SAME, 0, false },
	{ "staff.close_requested", NULL, IN(CONFIRMED), CLOSED, 0, false },
	{ "customer.cancelled", NULL, OPEN, CANCELLED, 0, true },
	{ "staff.annotated", "{'note': 'a line'}", ANY, SAME, 0, false },
};

struct walker {
	const char *ticket;
	enum place place, before, next;
	const struct step *step;
	const struct sent *sent;
	bool legal, waits;
};

struct walk {
	struct walker walkers[TICKETS];
};

static bool waiting(enum place place)
{
	return place == WAITING_CUSTOMER || place == WAITING_INTERNAL;
}

static const struct step *choose(const struct walker *walker)
{
	bool wants_legal = rand() % 10 < 7;

	for (;;) {
		const struct step *step = &steps[(size_t)rand() % (sizeof(steps) / sizeof(*steps))];
		bool legal = step->in & IN(walker->place);

		if ((!step->rare || rand() % 20 == 0) && (legal || !wants_legal))
			return step;
	}
}

static void take_step(struct desk *desk, struct walker *walker)
{
	const struct cast *cast = scene_cast(desk);
	const struct step *step = choose(walker);
	bool customer = strncmp(step->claim, "customer.", 9) == 0 || strstr(step->claim, "accepted") || strstr(step->claim, "declined");
	const char *data = strcmp(step->claim, "staff.assigned") == 0 ? desk_text(desk, "{'to': '%s'}", cast->engineer) : step->data;

	walker->step = step;
	walker->legal = step->in & IN(walker->place);
	walker->next = step->to == SAME || (step->moves && !(step->moves & IN(walker->place))) ? walker->place :
		       step->to == BEFORE ? walker->before : step->to;
	walker->sent = scene_send(desk, walker->ticket, step->claim, customer ? NULL : cast->manager, 0, data);
}

static const struct record *fact_of(struct desk *desk, const struct walker *walker)
{
	return desk_find_of(desk, walker->ticket, scene_fact_of(walker->step->claim, walker->step->data), walker->sent);
}

static bool all_answered(struct desk *desk, void *userdata)
{
	struct walk *walk = userdata;

	for (size_t i = 0; i < TICKETS; i++)
		if (!fact_of(desk, &walk->walkers[i]) && !desk_dead(desk, walk->walkers[i].sent))
			return false;
	return true;
}

static void judge(struct desk *desk, struct walker *walker)
{
	const struct record *fact = fact_of(desk, walker), *dead = desk_dead(desk, walker->sent);
	const char *was = place_names[walker->place], *reason = dead ? record_header(dead, "dl_reason") : "";

	if (!fact && !dead)
		desk_fail(desk, walker->ticket, "no answer to %s in %s", walker->step->claim, was);
	if (walker->legal && dead)
		desk_fail(desk, walker->ticket, "%s in %s was refused: %s (%s)", walker->step->claim, was, reason,
			  record_header(dead, "dl_detail"));
	if (!walker->legal && fact)
		desk_fail(desk, walker->ticket, "%s in %s was taken", walker->step->claim, was);
	if (dead) {
		const char *expected = IN(walker->place) & OPEN ? "illegal_transition" : "ticket_closed";

		if (strcmp(reason, expected) != 0)
			desk_fail(desk, walker->ticket, "%s in %s is %s, not %s", walker->step->claim, was, reason, expected);
		if (strcmp(expected, "illegal_transition") == 0 && !strstr(record_header(dead, "dl_detail"), was))
			desk_fail(desk, walker->ticket, "the refusal does not name the state %s: %s", was, record_header(dead, "dl_detail"));
		return;
	}
	if (strcmp(record_text(fact, "state"), place_names[walker->next]) != 0)
		desk_fail(desk, walker->ticket, "%s in %s leads to %s, not to %s", walker->step->claim, was, record_text(fact, "state"),
			  place_names[walker->next]);
	if (waiting(walker->next) && !waiting(walker->place))
		walker->before = walker->place;
	walker->place = walker->next;
	/* What is classified is dispatched in the same pass. */
	if (walker->place == CLASSIFIED) {
		desk_expect_of(desk, walker->ticket, "ticket.assigned", walker->sent);
		walker->place = ASSIGNED;
	}
}

static void scenario_C239_random_walks_follow_the_lifecycle(void **state)
{
	struct desk *desk = *state;
	const char *seed = getenv("AFTERCARE_TEST_SEED");
	const struct sent *requests[TICKETS];
	static struct walk walk;

	srand(seed ? (unsigned)atoi(seed) : 239);
	for (size_t i = 0; i < TICKETS; i++)
		requests[i] = scene_request(desk, 0, i % 4 == 0 ? "{'kind': null, 'severity': null}" : NULL);
	for (size_t i = 0; i < TICKETS; i++) {
		struct walker *walker = &walk.walkers[i];

		walker->ticket = desk_expect_ticket(desk, requests[i]);
		walker->place = i % 4 == 0 ? RECEIVED : ASSIGNED;
		if (i % 4 != 0)
			desk_expect(desk, walker->ticket, "ticket.assigned");
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < TICKETS; i++)
			take_step(desk, &walk.walkers[i]);
		if (!desk_until(desk, all_answered, &walk))
			fprintf(stderr, "round %d has not been answered whole\n", round);
		for (size_t i = 0; i < TICKETS; i++)
			judge(desk, &walk.walkers[i]);
	}
}

static void scenario_C239_a_case_passes_through_every_step(void **state)
{
	static const char *const path[] = { "ticket.registered", "ticket.verified", "ticket.classified", "ticket.assigned",
		"ticket.contacted", "ticket.started", "ticket.resolved", "ticket.confirmed", "ticket.closed", "survey.due" };
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	int64_t offset = -1;

	scene_finish(desk, ticket);
	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++) {
		const struct record *record = desk_expect(desk, ticket, path[i]);

		if (record->offset <= offset)
			desk_fail(desk, ticket, "%s stands before what it follows from", path[i]);
		offset = record->offset;
	}
}

static void scenario_C239_an_illegal_step_names_what_is_possible(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct record *dead = scene_refused(desk, ticket, "customer.confirmed", NULL, SIGNED, "illegal_transition");

	assert_non_null(strstr(record_header(dead, "dl_detail"), "assigned"));
	assert_non_null(strstr(record_header(dead, "dl_detail"), "staff.contacted"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_C239_random_walks_follow_the_lifecycle),
		SCENARIO(scenario_C239_a_case_passes_through_every_step),
		SCENARIO(scenario_C239_an_illegal_step_names_what_is_possible),
	};

	return cmocka_run_group_tests_name("test_r19_process", tests, scene_open, scene_close);
}
