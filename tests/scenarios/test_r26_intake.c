/* What intake knows of a request, under the preset site24h-fix48h-spare72h (R26) and a contract in which the cause decides:
 * how it came in, what belongs to the record, whether the customer owns the product and what the warranty pays for. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

/* ---- what the directory knows ---- */

/* A customer with one installation of the cast's product, bought from us; `more` are further members. Known once it has
 * settled. Returns the customer; *ret_installation may be NULL. */
static const char *owner(struct desk *desk, const char *accepted_on, const char *more, const char **ret_installation)
{
	const char *customer = desk_unique(desk, "C"), *id = desk_unique(desk, "I");
	struct claim claim = { .name = "installation.upserted", .key = desk_text(desk, "installation:%s", id) };

	claim.data = desk_text(desk, "{'id': '%s', 'customer': '%s', 'product': '%s', 'serial_no': 'SN-%s', 'accepted_on': '%s', %s}",
			       id, customer, scene_cast(desk)->model, id, accepted_on,
			       more ? more : "'sold_by': 'self', 'quality_grade': 3");
	desk_send(desk, &claim);
	if (ret_installation)
		*ret_installation = id;
	return customer;
}

/* The day so many years (and days on top) before now, in Shanghai. */
static const char *day_before(struct desk *desk, int years, int days)
{
	char text[DATE_TEXT];
	instant at = instant_add(desk_now(), (struct duration){ .months = -12 * years, .us = -days * DAY }, 8 * HOUR);

	(void)instant_format_date(at, 8 * HOUR, text);
	return desk_text(desk, "%s", text);
}

/* ticket.registered of a fault of the customer's. */
static const struct record *fault_of(struct desk *desk, const char *customer, const char *more)
{
	const char *data = desk_text(desk, "{'customer': {'id': '%s'}%s%s}", customer, more ? ", " : "", more ? more : "");

	return desk_expect(desk, scene_ticket(desk, 0, data), "ticket.registered");
}

static void charge_is(struct desk *desk, const struct record *record, const char *labour, const char *parts)
{
	scene_text_is(desk, record, "charge.labour", labour);
	scene_text_is(desk, record, "charge.parts", parts);
}

/* ---- calls ---- */

/* call.logged that came of this claim; waits. */
static const struct record *logged(struct desk *desk, const char *name, const char *call, const char *more)
{
	struct claim claim = { .name = name, .key = call };
	struct record *const *records;
	const struct sent *sent;
	size_t count;

	claim.data = desk_text(desk, "{'call': '%s', 'from': '+351 21 000 000', 'agent': '%s'%s%s}", call, scene_cast(desk)->csr,
			       more ? ", " : "", more ? more : "");
	sent = desk_send(desk, &claim);
	desk_settle(desk);
	records = desk_records(desk, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(records[i]->name, "call.logged") == 0 && !records[i]->repeat && strcmp(records[i]->cause_id, sent->id) == 0)
			return records[i];
	desk_fail(desk, NULL, "%s of %s is not logged", name, call);
}

static void c009_every_call_is_logged_whether_or_not_it_becomes_a_job(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, NULL), *answered = desk_unique(desk, "call"), *taken = desk_unique(desk, "call");
	const struct record *record = logged(desk, "call.answered", answered, NULL);

	assert_int_equal(record->topic, DESK_DESK);
	assert_string_equal(record->key, answered);
	scene_text_is(desk, record, "call", answered);
	scene_text_is(desk, record, "outcome", "answered_on_call");
	assert_non_null(strstr(record->value, "\"ticket\":null"));
	/* No telephone number in the log. */
	assert_null(strstr(record->value, "351 21"));

	record = logged(desk, "call.answered", taken, desk_text(desk, "'ticket': '%s'", ticket));
	scene_text_is(desk, record, "ticket", ticket);
	scene_text_is(desk, record, "outcome", "request_taken");
	scene_text_is(desk, logged(desk, "call.ended", taken, "'outcome': 'advice_given'"), "outcome", "advice_given");
	scene_text_is(desk, logged(desk, "call.missed", desk_unique(desk, "call"), NULL), "outcome", "missed");
	/* A ticket that nobody knows is no reason to lose the call. */
	record = logged(desk, "call.answered", desk_unique(desk, "call"), "'ticket': 'AC-0000-0000-0000-0000'");
	assert_non_null(strstr(record->value, "\"ticket\":null"));
}

/* ---- presence ---- */

static void c051_presence_and_leave_are_told_on_the_desk(void **state)
{
	static const struct {
		const char *name, *key, *more;
	} rows[] = {
		{ "staff.off_post", "post:%s", "" },
		{ "staff.on_post", "post:%s", "" },
		{ "staff.leave_approved", "leave:%s:7", ", 'from': '2026-12-01', 'to': '2026-12-05'" },
		{ "staff.leaving", "leaving:%s", ", 'from': '2026-12-31'" },
	};
	struct desk *desk = *state;
	const char *person = scene_person(desk, "csr", NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct claim claim = { .name = rows[i].name, .data = desk_text(desk, "{'staff': '%s'%s}", person, rows[i].more) };
		const char *mark = strstr(rows[i].key, "%s");
		const struct record *copy;

		claim.key = desk_text(desk, "%.*s%s%s", (int)(mark - rows[i].key), rows[i].key, person, mark + 2);
		desk_send(desk, &claim);
		copy = desk_expect_thing(desk, DESK_DESK, rows[i].name, "staff", person);
		assert_true(copy->copy);
		assert_string_equal(copy->key, person);
	}
}

/* ---- the record ---- */

static void c004_a_walk_in_is_a_ticket_like_any_other(void **state)
{
	struct desk *desk = *state;
	const char *csr = scene_cast(desk)->csr;
	instant at = desk_now() - HOUR;
	const char *ticket = scene_assigned(desk, at, desk_text(desk, "{'channel': 'walk_in', 'entered_by': '%s'}", csr));
	const char *digital = scene_assigned(desk, at, "{'channel': 'online'}");
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

	scene_text_is(desk, registered, "channel", "walk_in");
	scene_text_is(desk, registered, "entered_by", csr);
	scene_time_is(desk, registered, "received_at", at);
	desk_settle(desk);
	scene_count_is(desk, ticket, "sla.started", 3);
	for (size_t i = 1; i <= 3; i++)
		scene_time_is(desk, desk_find(desk, ticket, "sla.started", i), "due_at",
			      record_time(desk_find(desk, digital, "sla.started", i), "due_at"));
}

static void c012_attachments_are_kept_in_order(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'attachments': [{'name': 'b.log', 'uri': 'https://files.example/b'}, "
					  "{'name': 'a.log', 'uri': 'https://files.example/a'}, {'name': 'c.png'}]}");
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

	scene_text_is(desk, registered, "attachments.0.name", "b.log");
	scene_text_is(desk, registered, "attachments.0.uri", "https://files.example/b");
	scene_text_is(desk, registered, "attachments.1.name", "a.log");
	scene_text_is(desk, registered, "attachments.2.name", "c.png");
}

static void c018_need_and_problem_survive_to_the_closed_ticket(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, "{'problem': 'the gate stays shut', 'need': 'open before the market on Saturday'}");
	const char *const arguments[] = { "ticket", ticket, "--json", NULL };
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");
	char *said = NULL;

	scene_text_is(desk, registered, "problem", "the gate stays shut");
	scene_text_is(desk, registered, "need", "open before the market on Saturday");
	scene_finish(desk, ticket);
	assert_string_equal(scene_state(desk, ticket), "closed");
	desk_settle(desk);
	if (!stack_can(desk_stack(desk)))
		return;
	assert_int_equal(stack_ctl(desk_stack(desk), &said, arguments), 0);
	if (!strstr(said, "the gate stays shut") || !strstr(said, "open before the market on Saturday"))
		desk_fail(desk, ticket, "not in the record: %s", said);
	free(said);
}

static void c038_each_kind_is_accepted_and_an_unknown_one_waits_for_its_name(void **state)
{
	static const char *const kinds[] = { "consultation", "feedback", "fault", "device_repair", "install", "training", "upgrade",
					     "patch", "paid_service", "return", "complaint", "suggestion", "order", "other" };
	const struct sent *sent[sizeof(kinds) / sizeof(*kinds)], *unknown;
	struct desk *desk = *state;
	const struct record *registered;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		sent[i] = scene_request(desk, 0, desk_text(desk, "{'kind': '%s'}", kinds[i]));
	unknown = scene_request(desk, 0, "{'kind': 'gardening'}");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		registered = desk_expect(desk, desk_expect_ticket(desk, sent[i]), "ticket.registered");
		scene_text_is(desk, registered, "kind", kinds[i]);
		assert_null(record_get(registered, "needs_classification"));
	}
	registered = desk_expect(desk, desk_expect_ticket(desk, unknown), "ticket.registered");
	scene_text_is(desk, registered, "kind", "other");
	scene_text_is(desk, registered, "kind_given", "gardening");
	assert_true(json_is_true(record_get(registered, "needs_classification")));
	/* A person says what it is; then it goes on as that. */
	scene_do(desk, registered->subject, "staff.classified", scene_cast(desk)->csr, 0, "{'kind': 'fault', 'severity': 'general'}");
	scene_text_is(desk, desk_expect(desk, registered->subject, "ticket.assigned"), "kind", "fault");
}

static void c022_what_is_malformed_or_out_of_turn_changes_nothing(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	struct claim malformed = { .name = "staff.replied", .ticket = ticket, .data = "{'by': 'somebody'}" };

	desk_expect_dead(desk, desk_send(desk, &malformed), "schema_invalid");
	scene_refused(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, NULL, "illegal_transition");
	desk_settle(desk);
	assert_string_equal(scene_state(desk, ticket), "assigned");
	scene_count_is(desk, ticket, "ticket.replied", 0);
}

static void c101_a_complaint_opens_its_own_ticket_beside_an_open_one(void **state)
{
	struct desk *desk = *state;
	const char *customer = desk_unique(desk, "C");
	const char *first = scene_assigned(desk, 0, desk_text(desk, "{'customer': {'id': '%s'}}", customer));
	const char *second = scene_ticket(desk, 0, desk_text(desk, "{'customer': {'id': '%s'}, 'kind': 'complaint', 'channel': 'letter', "
							     "'problem': 'nobody came'}", customer));
	const struct record *registered = desk_expect(desk, second, "ticket.registered");

	assert_string_not_equal(first, second);
	scene_text_is(desk, registered, "kind", "complaint");
	assert_true(record_lists(registered, "related", first));
	assert_string_equal(scene_state(desk, first), "assigned");
}

/* ---- who owns it ---- */

static void c026_an_owner_is_known_by_installation_serial_or_model(void **state)
{
	struct desk *desk = *state;
	const char *installation, *customer = owner(desk, day_before(desk, 0, 30), NULL, &installation);
	const struct record *registered;
	const char *named = desk_text(desk, "'product': {'installation': '%s', 'model': 'something'}", installation);
	const char *numbered = desk_text(desk, "'product': {'serial_no': 'SN-%s', 'model': 'something'}", installation);

	desk_settle(desk);
	registered = fault_of(desk, customer, NULL);
	scene_text_is(desk, registered, "entitlement", "owner");
	scene_text_is(desk, registered, "installation.id", installation);
	assert_int_equal(record_number(registered, "installation.quality_grade"), 3);
	assert_null(record_get(registered, "review"));
	scene_text_is(desk, fault_of(desk, customer, named), "installation.id", installation);
	scene_text_is(desk, fault_of(desk, customer, numbered), "installation.id", installation);
}

static void c026_without_a_purchase_it_is_reviewed_not_dropped(void **state)
{
	struct desk *desk = *state;
	const char *installation;
	const struct record *registered;

	(void)owner(desk, day_before(desk, 0, 30), NULL, &installation);
	desk_settle(desk);
	registered = fault_of(desk, desk_unique(desk, "C"), NULL);
	scene_text_is(desk, registered, "entitlement", "none");
	assert_true(json_is_true(record_get(registered, "review")));
	desk_expect(desk, registered->subject, "ticket.assigned");
	/* Naming somebody else's installation makes nobody its owner, whatever the request says about itself. */
	registered = fault_of(desk, desk_unique(desk, "C"),
			      desk_text(desk, "'product': {'installation': '%s'}, 'entitlement': 'owner', 'charge': {'labour': 'free'}",
					installation));
	scene_text_is(desk, registered, "entitlement", "none");
	charge_is(desk, registered, "to_be_agreed", "to_be_agreed");
}

static void c026_a_supplement_that_names_the_thing_is_looked_up_again(void **state)
{
	struct desk *desk = *state;
	const char *installation, *customer = owner(desk, day_before(desk, 0, 30), NULL, &installation), *ticket;
	const struct record *fact;

	desk_settle(desk);
	ticket = scene_assigned(desk, 0, "{'customer': {'id': null}}");
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.registered"), "entitlement", "none");
	fact = scene_do(desk, ticket, "request.supplemented", NULL, 0,
			desk_text(desk, "{'product': {'serial_no': 'SN-%s'}, 'charge': {'labour': 'paid'}}", installation));
	scene_text_is(desk, fact, "entitlement", "owner");
	scene_text_is(desk, fact, "installation.id", installation);
	assert_true(json_is_false(record_get(fact, "review")));
	charge_is(desk, fact, "free", "free");
	/* It is somebody else's after all. */
	fact = scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'customer': {'id': 'C-nobody'}}");
	scene_text_is(desk, fact, "entitlement", "none");
	assert_true(json_is_true(record_get(fact, "review")));
	charge_is(desk, fact, "to_be_agreed", "to_be_agreed");
	/* What changes neither customer nor product decides nothing. */
	fact = scene_do(desk, ticket, "request.supplemented", NULL, 0, "{'need': 'soon'}");
	assert_null(record_get(fact, "charge"));
	fact = scene_do(desk, ticket, "request.supplemented", NULL, 0, desk_text(desk, "{'customer': {'id': '%s'}}", customer));
	charge_is(desk, fact, "free", "free");
}

/* ---- the warranty ---- */

static void c027_free_for_one_year_from_the_acceptance(void **state)
{
	struct desk *desk = *state;
	const char *last_but_one = owner(desk, day_before(desk, 1, -1), NULL, NULL), *last = owner(desk, day_before(desk, 1, 0), NULL, NULL),
		   *after = owner(desk, day_before(desk, 1, 1), NULL, NULL),
		   *sold_long_ago = owner(desk, day_before(desk, 0, 10), "'sold_on': '2001-01-01', 'sold_by': 'self'", NULL);
	const struct record *registered;

	desk_settle(desk);
	registered = fault_of(desk, last_but_one, NULL);
	charge_is(desk, registered, "free", "free");
	assert_true(json_is_true(record_get(registered, "installation.in_warranty")));
	/* The last day is included, the next one is not. */
	charge_is(desk, fault_of(desk, last, NULL), "free", "free");
	charge_is(desk, fault_of(desk, after, NULL), "paid", "paid");
	/* It is the acceptance that counts, not the sale. */
	charge_is(desk, fault_of(desk, sold_long_ago, NULL), "free", "free");
}

static void c027_the_day_of_the_fault_counts_not_of_its_arrival(void **state)
{
	struct desk *desk = *state;
	const char *customer = owner(desk, day_before(desk, 1, 3), NULL, NULL);
	const char *data = desk_text(desk, "{'customer': {'id': '%s'}}", customer);

	desk_settle(desk);
	charge_is(desk, desk_expect(desk, scene_ticket(desk, desk_now() - 4 * DAY, data), "ticket.registered"), "free", "free");
	charge_is(desk, desk_expect(desk, scene_ticket(desk, 0, data), "ticket.registered"), "paid", "paid");
}

static void c028_a_longer_term_of_the_manufacturer_counts(void **state)
{
	struct desk *desk = *state;
	const char *longer = owner(desk, day_before(desk, 1, 240), "'manufacturer_months': 36, 'sold_by': 'self'", NULL),
		   *shorter = owner(desk, day_before(desk, 0, 300), "'manufacturer_months': 6, 'sold_by': 'self'", NULL),
		   *over = owner(desk, day_before(desk, 1, 240), "'manufacturer_months': 6, 'sold_by': 'self'", NULL);

	desk_settle(desk);
	charge_is(desk, fault_of(desk, longer, NULL), "free", "free");
	charge_is(desk, fault_of(desk, shorter, NULL), "free", "free");
	charge_is(desk, fault_of(desk, over, NULL), "paid", "paid");
}

static void c030_out_of_warranty_is_served_with_the_same_clocks(void **state)
{
	struct desk *desk = *state;
	const char *young = owner(desk, day_before(desk, 0, 30), NULL, NULL), *old = owner(desk, day_before(desk, 3, 0), NULL, NULL);
	const char *inside, *outside;

	desk_settle(desk);
	inside = fault_of(desk, young, NULL)->subject;
	outside = fault_of(desk, old, NULL)->subject;
	desk_expect(desk, outside, "ticket.assigned");
	desk_settle(desk);
	charge_is(desk, desk_find(desk, outside, "ticket.registered", 1), "paid", "paid");
	scene_count_is(desk, inside, "sla.started", 3);
	scene_count_is(desk, outside, "sla.started", 3);
	for (size_t i = 1; i <= 3; i++) {
		const struct record *record = desk_find(desk, outside, "sla.started", i);

		scene_text_is(desk, record, "clock", record_text(desk_find(desk, inside, "sla.started", i), "clock"));
		scene_text_is(desk, record, "limit", record_text(desk_find(desk, inside, "sla.started", i), "limit"));
	}
}

static void c031_after_fifteen_years_it_is_still_served_for_money(void **state)
{
	struct desk *desk = *state;
	const char *customer = owner(desk, day_before(desk, 15, 0), NULL, NULL);
	const struct record *registered;

	desk_settle(desk);
	registered = fault_of(desk, customer, NULL);
	scene_text_is(desk, registered, "entitlement", "owner");
	charge_is(desk, registered, "paid", "paid");
	desk_expect(desk, registered->subject, "ticket.assigned");
}

static void c032_free_parts_need_a_purchase_from_this_company(void **state)
{
	struct desk *desk = *state;
	const char *elsewhere = owner(desk, day_before(desk, 0, 30), "'sold_by': 'other'", NULL),
		   *ours = owner(desk, day_before(desk, 0, 30), NULL, NULL);

	desk_settle(desk);
	charge_is(desk, fault_of(desk, elsewhere, NULL), "free", "paid");
	charge_is(desk, fault_of(desk, ours, NULL), "free", "free");
}

/* ---- a contract in which the cause decides (tests/data/policies/right/cause-decides.json) ---- */

/* A fault of a customer of that contract whose thing was accepted so many years ago, under way. */
static const char *contract_ticket(struct desk *desk, int years)
{
	const char *customer = owner(desk, day_before(desk, years, 30), NULL, NULL), *ticket;

	desk_settle(desk);
	ticket = scene_assigned(desk, 0, desk_text(desk, "{'customer': {'id': '%s', 'region': 'by-contract'}, 'cause_code': 'product_quality'}",
						   customer));
	scene_text_is(desk, desk_expect(desk, ticket, "ticket.registered"), "policy.id", "cause-decides");
	scene_do(desk, ticket, "staff.started", scene_cast(desk)->engineer, 0, NULL);
	return ticket;
}

static const struct record *resolve(struct desk *desk, const char *ticket, const char *cause)
{
	return scene_do(desk, ticket, "staff.resolved", scene_cast(desk)->engineer, 0,
			desk_text(desk, "{'solution': 'replaced', 'charge': {'labour': 'free', 'parts': 'free'}%s%s%s}",
				  cause ? ", 'cause_code': '" : "", cause ? cause : "", cause ? "'" : ""));
}

static void c029_in_warranty_nothing_is_resolved_without_a_cause(void **state)
{
	struct desk *desk = *state;
	const char *ticket = contract_ticket(desk, 1);
	const struct record *dead = scene_refused(desk, ticket, "staff.resolved", scene_cast(desk)->engineer, "{'solution': 'replaced'}",
						  "gate_unmet");

	assert_non_null(strstr(record_header(dead, "dl_detail") ? record_header(dead, "dl_detail") : "", "cause"));
	assert_string_equal(scene_state(desk, ticket), "in_progress");
	/* Out of warranty nobody asks. */
	charge_is(desk, resolve(desk, contract_ticket(desk, 3), NULL), "paid", "paid");
}

static void c029_the_product_s_fault_is_free_any_other_cause_is_to_be_agreed(void **state)
{
	struct desk *desk = *state;
	const char *quality = contract_ticket(desk, 1), *misuse = contract_ticket(desk, 1);

	/* Until the cause is known; what the request claims to know is nobody's finding. */
	charge_is(desk, desk_expect(desk, quality, "ticket.registered"), "to_be_agreed", "to_be_agreed");
	charge_is(desk, resolve(desk, quality, "product_quality"), "free", "free");
	charge_is(desk, resolve(desk, misuse, "misuse"), "to_be_agreed", "to_be_agreed");
	/* Out of warranty the cause changes nothing. */
	charge_is(desk, resolve(desk, contract_ticket(desk, 3), "product_quality"), "paid", "paid");
}

static int open_stack(void **state)
{
	static const char *const policies[] = { "site24h-fix48h-spare72h", "tests/data/policies/right/cause-decides.json", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c004_a_walk_in_is_a_ticket_like_any_other),
		SCENARIO(c009_every_call_is_logged_whether_or_not_it_becomes_a_job),
		SCENARIO(c051_presence_and_leave_are_told_on_the_desk),
		SCENARIO(c018_need_and_problem_survive_to_the_closed_ticket),
		SCENARIO(c038_each_kind_is_accepted_and_an_unknown_one_waits_for_its_name),
		SCENARIO(c012_attachments_are_kept_in_order),
		SCENARIO(c022_what_is_malformed_or_out_of_turn_changes_nothing),
		SCENARIO(c026_an_owner_is_known_by_installation_serial_or_model),
		SCENARIO(c026_without_a_purchase_it_is_reviewed_not_dropped),
		SCENARIO(c026_a_supplement_that_names_the_thing_is_looked_up_again),
		SCENARIO(c027_free_for_one_year_from_the_acceptance),
		SCENARIO(c027_the_day_of_the_fault_counts_not_of_its_arrival),
		SCENARIO(c028_a_longer_term_of_the_manufacturer_counts),
		SCENARIO(c030_out_of_warranty_is_served_with_the_same_clocks),
		SCENARIO(c031_after_fifteen_years_it_is_still_served_for_money),
		SCENARIO(c032_free_parts_need_a_purchase_from_this_company),
		SCENARIO(c029_in_warranty_nothing_is_resolved_without_a_cause),
		SCENARIO(c029_the_product_s_fault_is_free_any_other_cause_is_to_be_agreed),
		SCENARIO(c101_a_complaint_opens_its_own_ticket_beside_an_open_one),
	};

	return cmocka_run_group_tests(tests, open_stack, scene_close);
}
