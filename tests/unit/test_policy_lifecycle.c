/* The lifecycle table of the public contract, row by row over every state, the default permissions, and what the replay's
 * policy allows beyond them.
 *
 * Runs from the root of the tree (reads deploy/policies). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/policy_bench.h"

/* The table of the contract. "from>to" for every state that the claim is allowed in; in all others it is refused. */
#define OPEN_SAME "received>received incomplete>incomplete verified>verified classified>classified assigned>assigned " \
	"contacted>contacted scheduled>scheduled in_progress>in_progress waiting_customer>waiting_customer " \
	"waiting_internal>waiting_internal at_factory>at_factory spare_in_place>spare_in_place " \
	"resolved_unconfirmed>resolved_unconfirmed confirmed>confirmed "
#define ENDED_SAME "closed>closed rejected>rejected cancelled>cancelled "
#define EARLY_SAME "received>received verified>verified classified>classified "
#define WORK_SAME "assigned>assigned contacted>contacted scheduled>scheduled in_progress>in_progress " \
	"waiting_customer>waiting_customer waiting_internal>waiting_internal at_factory>at_factory " \
	"spare_in_place>spare_in_place "
#define DONE_SAME "resolved_unconfirmed>resolved_unconfirmed confirmed>confirmed "
#define WORK_TO(to) "assigned>" to " contacted>" to " scheduled>" to " in_progress>" to " waiting_customer>" to \
	" waiting_internal>" to " at_factory>" to " spare_in_place>" to " "
#define EARLY_TO(to) "received>" to " verified>" to " classified>" to " "
#define UNDER_WAY_TO(to) "assigned>" to " contacted>" to " scheduled>" to " in_progress>" to " "
#define DONE_TO(to) "resolved_unconfirmed>" to " confirmed>" to " "
#define OPEN_TO(to) "received>" to " incomplete>" to " verified>" to " classified>" to " " WORK_TO(to) DONE_TO(to)

static const struct step_row {
	const char *claim, *vector, *steps, *fact;
} table[] = {
	{ "request.supplemented", "{}", OPEN_SAME, "ticket.supplemented" },   /* while something is missing; else below */
	{ "staff.verified", "{}", "received>verified ", "ticket.verified" },
	{ "staff.classified", "{}",
	  "received>classified verified>classified classified>classified " WORK_SAME DONE_SAME, "ticket.classified" },
	{ "staff.proposed", "{}", EARLY_SAME WORK_SAME, "ticket.proposed" },
	{ "staff.mode_chosen", "{}", EARLY_SAME WORK_SAME, "ticket.mode_chosen" },
	{ "staff.assigned", "{}", EARLY_TO("assigned") WORK_TO("assigned"), "ticket.assigned" },
	{ "staff.replied", "{}", OPEN_SAME, "ticket.replied" },
	{ "staff.contact_attempted", "{}", OPEN_SAME, "ticket.contact_attempted" },
	{ "customer.messaged", "{}", OPEN_SAME, "ticket.messaged" },
	{ "staff.promised", "{}", OPEN_SAME, "ticket.promised" },
	{ "staff.answered", "{}", OPEN_SAME, "ticket.answered" },
	{ "staff.solution_sent", "{}", OPEN_SAME, "ticket.solution_sent" },
	{ "staff.subtask_opened", "{}", OPEN_SAME, "ticket.subtask_opened" },
	{ "staff.subtask_closed", "{}", OPEN_SAME, "ticket.subtask_closed" },
	{ "message.delivered", "{}", OPEN_SAME, "ticket.message_delivered" },
	{ "message.failed", "{}", OPEN_SAME, "ticket.message_failed" },
	{ "task.done", "{}", OPEN_SAME, "ticket.task_done" },
	{ "staff.contacted", "{}",
	  "assigned>contacted contacted>contacted scheduled>scheduled in_progress>in_progress waiting_customer>waiting_customer "
	  "waiting_internal>waiting_internal at_factory>at_factory spare_in_place>spare_in_place " DONE_SAME, "ticket.contacted" },
	{ "staff.scheduled", "{}", "assigned>scheduled contacted>scheduled scheduled>scheduled in_progress>in_progress ",
	  "ticket.scheduled" },
	{ "staff.arrived", "{}", UNDER_WAY_TO("in_progress"), "ticket.arrived" },
	{ "staff.started", "{}", UNDER_WAY_TO("in_progress"), "ticket.started" },
	{ "staff.worked", "{}",
	  UNDER_WAY_TO("in_progress") "waiting_customer>waiting_customer waiting_internal>waiting_internal "
	  "at_factory>at_factory spare_in_place>spare_in_place ", "ticket.worked" },
	{ "staff.waiting", "{\"event.on\": \"customer\"}", UNDER_WAY_TO("waiting_customer") "spare_in_place>waiting_customer ",
	  "ticket.waiting" },
	{ "staff.waiting", "{\"event.on\": \"internal\"}", UNDER_WAY_TO("waiting_internal") "spare_in_place>waiting_internal ",
	  "ticket.waiting" },
	{ "staff.resumed", "{}", "waiting_customer>scheduled waiting_internal>scheduled ", "ticket.resumed" },
	{ "plan.sent", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.plan_sent" },
	{ "quote.sent", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.quote_sent" },
	{ "upgrade.offered", "{}", UNDER_WAY_TO("waiting_customer"), "ticket.upgrade_offered" },
	{ "plan.accepted", "{}", "waiting_customer>scheduled ", "ticket.plan_accepted" },
	{ "plan.declined", "{}", "waiting_customer>scheduled ", "ticket.plan_declined" },
	{ "quote.accepted", "{}", "waiting_customer>scheduled ", "ticket.quote_accepted" },
	{ "quote.declined", "{}", "waiting_customer>scheduled ", "ticket.quote_declined" },
	{ "upgrade.accepted", "{}", "waiting_customer>scheduled ", "ticket.upgrade_accepted" },
	{ "upgrade.declined", "{}", "waiting_customer>scheduled ", "ticket.upgrade_declined" },
	{ "staff.cannot_answer", "{}", EARLY_TO("waiting_internal") WORK_TO("waiting_internal"), "ticket.cannot_answer" },
	{ "factory.sent", "{}", "in_progress>at_factory spare_in_place>at_factory ", "ticket.factory_sent" },
	{ "factory.received", "{}", "at_factory>at_factory ", "ticket.factory_received" },
	{ "factory.repaired", "{}", "at_factory>at_factory ", "ticket.factory_repaired" },
	{ "factory.checked", "{}", "at_factory>at_factory ", "ticket.factory_checked" },
	{ "factory.delivered", "{}", "at_factory>in_progress ", "ticket.factory_delivered" },
	{ "staff.spare_issued", "{}", WORK_TO("spare_in_place"), "ticket.spare_issued" },
	{ "staff.original_restored", "{}", "spare_in_place>in_progress ", "ticket.original_restored" },
	{ "staff.spare_made_permanent", "{}", "spare_in_place>in_progress ", "ticket.spare_made_permanent" },
	{ "staff.installed", "{}", WORK_SAME, "ticket.installed" },
	{ "staff.trained", "{}", WORK_SAME, "ticket.trained" },
	{ "return.approved", "{}", WORK_SAME, "ticket.return_approved" },
	{ "return.rejected", "{}", EARLY_TO("rejected") WORK_TO("rejected"), "ticket.return_rejected" },
	{ "return.done", "{}", WORK_TO("resolved_unconfirmed"), "ticket.return_done" },
	{ "staff.resolved", "{\"kind\": \"fault\"}",
	  UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ", "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"consultation\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"feedback\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "staff.resolved", "{\"kind\": \"suggestion\"}",
	  "classified>resolved_unconfirmed " UNDER_WAY_TO("resolved_unconfirmed") "waiting_internal>resolved_unconfirmed ",
	  "ticket.resolved" },
	{ "customer.confirmed", "{\"event.satisfied\": true}", DONE_TO("confirmed"), "ticket.confirmed" },
	{ "customer.confirmed", "{\"event.satisfied\": false}", DONE_TO("in_progress"), "ticket.reopened" },
	{ "customer.rejected", "{}", DONE_TO("in_progress"), "ticket.reopened" },
	{ "staff.report_filed", "{}", WORK_SAME DONE_SAME, "ticket.report_filed" },
	{ "staff.effect_evaluated", "{}", WORK_SAME DONE_SAME, "ticket.effect_evaluated" },
	{ "staff.corrective_action", "{}", WORK_SAME DONE_SAME, "ticket.corrective_action" },
	{ "staff.close_requested", "{}", "confirmed>closed ", "ticket.closed" },
	{ "customer.cancelled", "{}", OPEN_TO("cancelled"), "ticket.cancelled" },
	{ "staff.annotated", "{}", OPEN_SAME ENDED_SAME, "ticket.annotated" },
	{ "survey.answered", "{}", OPEN_SAME ENDED_SAME, "ticket.survey_answered" },
};

/* Where the claim leads from a state; STATE_NONE: nowhere. */
static enum state leads_to(struct bench *bench, const struct policy *const *policies, size_t policy_count,
			   const struct step_row *row, enum state from, bool complete, const struct transition **ret)
{
	struct arena arena = { 0 };
	struct attempt attempt = { .claim = str_of(row->claim), .state = from, .at = 20 * DAY, .closed_at = 0,
				   .vector = vector_of(bench, &arena, row->vector), .now = 30 * DAY };

	*ret = lifecycle_step(bench->lifecycle, policies, policy_count, &attempt);
	arena_done(&arena);
	return *ret ? transition_target(*ret, from, STATE_SCHEDULED, complete) : STATE_NONE;
}

static enum state wanted(const char *steps, enum state from)
{
	struct str rest = str_of(steps);

	while (rest.p) {
		struct str to = str_cut(&rest, ' ');
		struct str left = str_cut(&to, '>');

		if (str_eq(left, state_name(from)))
			return state_of(to);
	}
	return STATE_NONE;
}

static void test_table(void **state)
{
	struct bench bench = { 0 };
	const struct transition *transition;

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < array_count(table); i++)
		for (enum state from = STATE_NONE + 1; from < STATE_MAX; from++) {
			enum state to = leads_to(&bench, NULL, 0, &table[i], from, false, &transition);

			if (to != wanted(table[i].steps, from))
				fail_msg("%s %s in %.*s: want %.*s, is %.*s", table[i].claim, table[i].vector,
					 STR_ARG(state_name(from)), STR_ARG(state_name(wanted(table[i].steps, from))),
					 STR_ARG(state_name(to)));
			if (transition)
				assert_true(str_is(transition->fact, table[i].fact));
		}
	bench_done(&bench);
}

/* Every claim of the table is one of the contract's, and the document has no row that the table above does not know. */
static void test_table_is_whole(void **state)
{
	static const char *const beyond[] = { "order.corrected", "order.accepted", "order.shipped", "order.delivered",
					      "order.problem", "payment.collected", "payment.remitted", "audit.judged" };
	struct bench bench = { 0 };

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < bench.lifecycle->transition_count; i++) {
		bool known = false;

		for (size_t k = 0; k < array_count(table); k++)
			known |= str_is(bench.lifecycle->transitions[i].claim, table[k].claim);
		for (size_t k = 0; k < array_count(beyond); k++)
			known |= str_is(bench.lifecycle->transitions[i].claim, beyond[k]);
		if (!known)
			fail_msg("%.*s", STR_ARG(bench.lifecycle->transitions[i].claim));
	}
	bench_done(&bench);
}

static void test_details(void **state)
{
	struct step_row supplemented = { "request.supplemented", "{}", "", "" };
	struct step_row rejected = { "customer.rejected", "{}", "", "" };
	struct step_row unsatisfied = { "customer.confirmed", "{\"event.satisfied\": false}", "", "" };
	struct step_row close = { "staff.close_requested", "{}", "", "" };
	struct step_row waiting = { "staff.waiting", "{\"event.on\": \"internal\"}", "", "" };
	struct step_row stuck = { "staff.cannot_answer", "{}", "", "" };
	struct step_row regrade = { "staff.classified", "{}", "", "" };
	struct policy open = { .has_reopen_within = true, .reopen_within = { .us = 20 * DAY }, .no_confirmation = true };
	struct policy shut = { .has_reopen_within = true, .reopen_within = { .us = 20 * DAY - 1 } };
	const struct policy *const of_open[] = { &open };
	const struct policy *const of_both[] = { &shut, &open };
	struct bench bench = { 0 };
	const struct transition *t;

	(void)state;
	load_lifecycle(&bench);
	assert_int_equal(leads_to(&bench, NULL, 0, &supplemented, STATE_INCOMPLETE, true, &t), STATE_RECEIVED);
	assert_int_equal(leads_to(&bench, NULL, 0, &supplemented, STATE_SCHEDULED, true, &t), STATE_SCHEDULED);
	/* closed: only within the policy's reopen_within, the last instant included */
	assert_int_equal(leads_to(&bench, of_open, 1, &rejected, STATE_CLOSED, true, &t), STATE_IN_PROGRESS);
	assert_true(t->reopens);
	assert_int_equal(leads_to(&bench, of_open, 1, &unsatisfied, STATE_CLOSED, true, &t), STATE_IN_PROGRESS);
	assert_true(t->reopens);
	assert_int_equal(leads_to(&bench, of_both, 2, &rejected, STATE_CLOSED, true, &t), STATE_NONE);
	assert_int_equal(leads_to(&bench, NULL, 0, &rejected, STATE_CLOSED, true, &t), STATE_NONE);
	/* confirmation is needed as soon as one policy needs it */
	assert_int_equal(leads_to(&bench, of_open, 1, &close, STATE_RESOLVED_UNCONFIRMED, true, &t), STATE_CLOSED);
	assert_int_equal(leads_to(&bench, of_both, 2, &close, STATE_RESOLVED_UNCONFIRMED, true, &t), STATE_NONE);
	assert_int_equal(leads_to(&bench, of_both, 2, &close, STATE_CONFIRMED, true, &t), STATE_CLOSED);
	(void)leads_to(&bench, NULL, 0, &waiting, STATE_SPARE_IN_PLACE, true, &t);
	assert_true(t->waits);
	(void)leads_to(&bench, NULL, 0, &stuck, STATE_VERIFIED, true, &t);
	assert_true(t->waits);
	assert_true(str_is(t->follows, "ticket.escalated"));
	(void)leads_to(&bench, NULL, 0, &regrade, STATE_VERIFIED, true, &t);
	assert_false(t->regrade);
	(void)leads_to(&bench, NULL, 0, &regrade, STATE_CONFIRMED, true, &t);
	assert_true(t->regrade);
	/* a waiting whose state before is not known stays where it is */
	assert_int_equal(transition_target(&(struct transition){ .target = TARGET_BEFORE_WAITING,
								  .moves = STATE_BIT(STATE_WAITING_CUSTOMER) },
					   STATE_WAITING_CUSTOMER, STATE_NONE, true),
			 STATE_WAITING_CUSTOMER);
	bench_done(&bench);
}

static void test_permissions(void **state)
{
	static const struct {
		const char *claim, *role;
		bool want;
	} rows[] = {
		{ "staff.verified", "csr", true }, { "staff.verified", "engineer", true }, { "staff.verified", "tech_support", true },
		{ "staff.verified", "advisor", true }, { "staff.verified", "leader", true }, { "staff.verified", "dispatcher", false },
		{ "staff.classified", "csr", true }, { "staff.classified", "dispatcher", true }, { "staff.classified", "engineer", false },
		{ "staff.assigned", "dispatcher", true }, { "staff.assigned", "director", true }, { "staff.assigned", "csr", false },
		{ "staff.close_requested", "csr", true }, { "staff.close_requested", "engineer", false },
		{ "staff.corrective_action", "qa", true }, { "staff.corrective_action", "engineer", false },
		{ "policy.approved", "general_manager", true }, { "policy.approved", "manager", false },
		{ "visit.approved", "general_manager", true }, { "grading.approved", "leader", true },
		{ "grading.approved", "manager", false },
		{ "staff.replied", "office", true }, { "staff.replied", "customer", false }, { "staff.replied", "system", false },
		{ "staff.replied", "", false },
	};
	struct permission line = { STR("staff.assigned"), { &(struct str){ "csr", 3 }, 1 } };
	struct policy policy = { .permissions = &line, .permission_count = 1 };
	const struct policy *const policies[] = { &policy };
	struct bench bench = { 0 };

	(void)state;
	load_lifecycle(&bench);
	for (size_t i = 0; i < array_count(rows); i++)
		if (lifecycle_permits(bench.lifecycle, NULL, 0, str_of(rows[i].claim), str_of(rows[i].role)) != rows[i].want)
			fail_msg("%s by %s", rows[i].claim, rows[i].role);
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("csr")));
	assert_false(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("manager")));
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.close_requested"), STR("manager")));
	bench_done(&bench);
}

/* The replay's policy: what a real log does is allowed, and only under it. */
static void test_replay(void **state)
{
	static const struct step_row rows[] = {
		{ "staff.assigned", "{}", "resolved_unconfirmed>assigned confirmed>assigned closed>in_progress assigned>assigned ", NULL },
		{ "staff.resolved", "{}", "received>resolved_unconfirmed classified>resolved_unconfirmed waiting_customer>resolved_unconfirmed "
		  "resolved_unconfirmed>resolved_unconfirmed confirmed>resolved_unconfirmed ", NULL },
		{ "staff.waiting", "{\"event.on\": \"internal\"}", "received>waiting_internal waiting_internal>waiting_internal "
		  "resolved_unconfirmed>waiting_internal ", NULL },
		{ "staff.waiting", "{\"event.on\": \"customer\"}", "received>waiting_customer ", NULL },
		{ "staff.close_requested", "{}", "resolved_unconfirmed>closed confirmed>closed in_progress>closed ", NULL },
		{ "customer.confirmed", "{\"event.satisfied\": true}", "in_progress>confirmed ", NULL },
		{ "staff.started", "{}", "closed>in_progress assigned>in_progress resolved_unconfirmed>resolved_unconfirmed ", NULL },
		{ "upgrade.offered", "{}", "received>waiting_customer waiting_internal>waiting_customer ", NULL },
		{ "customer.rejected", "{}", "closed>in_progress ", NULL },
	};
	struct bench bench = { 0 };
	const struct policy *policies[1];
	const struct transition *transition;

	(void)state;
	load_lifecycle(&bench);
	load_right(&bench, "deploy/policies/helpdesk-replay.json");
	policies[0] = bench.policy;
	assert_false(bench.policy->routing.present);
	assert_int_equal(bench.policy->message_count + bench.policy->programme_count + bench.policy->required_count, 0);
	assert_true(lifecycle_permits(bench.lifecycle, policies, 1, STR("staff.assigned"), STR("engineer")));
	for (size_t i = 0; i < array_count(rows); i++)
		for (enum state from = STATE_NONE + 1; from < STATE_MAX; from++) {
			enum state want = wanted(rows[i].steps, from);
			enum state to = leads_to(&bench, policies, 1, &rows[i], from, true, &transition);

			if (want != STATE_NONE && to != want)
				fail_msg("%s in %.*s: %.*s", rows[i].claim, STR_ARG(state_name(from)), STR_ARG(state_name(to)));
			if (transition && from == STATE_CLOSED)
				assert_true(transition->reopens && str_is(transition->fact, "ticket.reopened"));
		}
	bench_done(&bench);
}

static void test_lifecycle_errors(void **state)
{
	static const char text[] =
		"{\"lifecycle\": \"l\", \"version\": 1, \"channels\": [\"a\", \"a\"], \"kinds\": [], \"roles\": {\"staff\": []},"
		"\"groups\": {\"open\": [\"received\"], \"g\": [\"recieved\"]},"
		"\"transitions\": [{\"claim\": \"staff.verified\", \"in\": \"g2\"}, {\"in\": [], \"to\": \"received\", \"fact\": \"x\"}]}";
	struct bench bench = { 0 };

	(void)state;
	assert_int_equal(lifecycle_compile(STR(text), "l", &bench.attributes, &bench.lifecycle, &bench.errors, &bench.fault),
			 FATAL);
	buf_char(&bench.errors, '\0');
	assert_string_equal(bench.errors.p,
			    "l: /groups/open: \"open\" means something already\n"
			    "l: /groups/g/0: \"recieved\" is no state (did you mean received?)\n"
			    "l: /roles: \"management\" is missing\n"
			    "l: /channels/1: \"a\" stands in this list already\n"
			    "l: /transitions/0/in: \"g2\" is no state (there are received, incomplete, verified, classified, assigned, contacted, "
			    "scheduled, in_progress, waiting_customer, waiting_internal, at_factory, spare_in_place, resolved_unconfirmed, "
			    "confirmed, closed, rejected, cancelled)\n"
			    "l: /transitions/1: \"claim\" is missing\n"
			    "l: /transitions/1/in: names no state\n"
			    "l: /transitions/1/fact: \"x\" is no fact\n");
	assert_string_equal(bench.fault.text, "l: 8 errors");
	bench_done(&bench);
	assert_int_equal(lifecycle_compile(STR("{\"set\": \"x\"}"), "l", &bench.attributes, &bench.lifecycle, &bench.errors,
					   &bench.fault),
			 FATAL);
	bench_done(&bench);
	assert_int_equal(policy_compile(STR("{\"set\": \"x\"}"), "l", NULL, 0, &bench.attributes, &bench.policy,
					&bench.errors, &bench.fault),
			 FATAL);
	bench_done(&bench);
}

static void test_states(void **state)
{
	(void)state;
	for (enum state s = STATE_NONE + 1; s < STATE_MAX; s++) {
		assert_int_equal(state_of(state_name(s)), s);
		assert_int_equal(state_is_open(s), s != STATE_CLOSED && s != STATE_REJECTED && s != STATE_CANCELLED);
	}
	assert_int_equal(state_of(STR("")), STATE_NONE);
	assert_int_equal(state_of(STR("Closed")), STATE_NONE);
	assert_int_equal(state_name(STATE_NONE).n, 0);
	assert_false(state_is_open(STATE_NONE));
}

/* A state that nothing leads to, and one that nothing leads out of. */
static void test_unreachable(void **state)
{
	struct buf text cleanup(buf_done) = read_file(DATA "lifecycle/unreachable.json");
	struct buf want cleanup(buf_done) = read_file(DATA "lifecycle/unreachable.txt");
	struct bench bench = { 0 };

	(void)state;
	assert_int_equal(lifecycle_compile_new(buf_view(&text), "unreachable.json", &bench.attributes, &bench.lifecycle, &bench.errors,
					   &bench.fault), FATAL);
	buf_char(&bench.errors, '\0');
	buf_char(&want, '\0');
	assert_string_equal(bench.errors.p, want.p);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_is_whole),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_lifecycle_errors),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
