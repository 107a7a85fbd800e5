/* The words of the policy language: facts, claims, states and the codes that ship.
 *
 * A regulation may use these and no others, so that a slip of the pen is an error at load and not a rule that never holds.
 * Codes that a customer adds (a channel, a kind) stand in the document's own "codes". Names are the contract's:
 * must never hold anything that the contract does not name. */
#include <string.h>

#include "common/base/desk.h"
#include "common/io/policy_inner.h"

#define LISTED 24   /* words that are still worth reading in an error */

static const char *const facts[] = {
	"ticket.registered", "ticket.incomplete", "ticket.supplemented", "ticket.messaged", "ticket.verified",
	"ticket.classified", "ticket.proposed", "ticket.mode_chosen", "ticket.assigned", "ticket.unassignable",
	"ticket.owner_changed", "ticket.replied", "ticket.contact_attempted", "ticket.contacted", "ticket.scheduled",
	"ticket.arrived", "ticket.started", "ticket.worked", "ticket.waiting", "ticket.resumed", "ticket.plan_sent",
	"ticket.plan_accepted", "ticket.plan_declined", "ticket.quote_sent", "ticket.quote_accepted",
	"ticket.quote_declined", "ticket.upgrade_offered", "ticket.upgrade_accepted", "ticket.upgrade_declined",
	"ticket.cannot_answer", "ticket.subtask_opened", "ticket.subtask_closed", "ticket.promised",
	"ticket.answered", "ticket.solution_sent", "ticket.spare_required", "ticket.spare_issued",
	"ticket.original_restored", "ticket.spare_made_permanent", "ticket.factory_sent", "ticket.factory_received",
	"ticket.factory_repaired", "ticket.factory_checked", "ticket.factory_delivered", "ticket.installed",
	"ticket.trained", "ticket.resolved", "ticket.report_filed", "ticket.effect_evaluated",
	"ticket.corrective_action", "ticket.confirmed", "ticket.reopened", "ticket.closed", "ticket.cancelled",
	"ticket.escalated", "ticket.flagged", "ticket.priority_changed", "ticket.annotated",
	"ticket.return_approved", "ticket.return_rejected", "ticket.return_done", "ticket.order_submitted",
	"ticket.order_corrected", "ticket.order_accepted", "ticket.order_shipped", "ticket.order_delivered",
	"ticket.order_problem", "ticket.survey_answered", "ticket.message_delivered", "ticket.message_failed",
	"ticket.task_done", "ticket.audit_judged", "ticket.payment_collected", "ticket.payment_remitted",
	"task.opened", "task.closed", "sla.started", "sla.paused", "sla.resumed", "sla.rescheduled", "sla.warned",
	"sla.met", "sla.breached", "sla.corrected", "sla.cancelled", "notify.requested", "notify.sent",
	"notify.failed", "notify.suppressed", "survey.due", "survey.sent", "survey.scored", "survey.unreturned",
	"followup.due", "visit.due", "visit.completed", "visit.missed", "grading.proposed", "grading.decided",
	"call.logged", "desk.uncovered", "desk.covered", "policy.effective", NULL
};
static const char *const claims[] = {
	"request.submitted", "request.supplemented", "customer.messaged", "customer.confirmed", "customer.rejected",
	"customer.cancelled", "plan.sent", "plan.accepted", "plan.declined", "quote.sent", "quote.accepted",
	"quote.declined", "upgrade.offered", "upgrade.accepted", "upgrade.declined", "survey.answered",
	"message.delivered", "message.failed", "order.submitted", "order.corrected", "order.accepted", "order.shipped",
	"order.delivered", "order.problem", "staff.verified", "staff.classified", "staff.proposed", "staff.mode_chosen",
	"staff.assigned", "staff.replied", "staff.contact_attempted", "staff.contacted", "staff.scheduled",
	"staff.arrived", "staff.started", "staff.worked", "staff.waiting", "staff.resumed", "staff.cannot_answer",
	"staff.subtask_opened", "staff.subtask_closed", "staff.promised", "staff.answered", "staff.solution_sent",
	"staff.spare_issued", "staff.original_restored", "staff.spare_made_permanent", "factory.sent",
	"factory.received", "factory.repaired", "factory.checked", "factory.delivered", "staff.installed",
	"staff.trained", "staff.resolved", "staff.report_filed", "staff.effect_evaluated", "staff.corrective_action",
	"staff.close_requested", "staff.annotated", "return.approved", "return.rejected", "return.done", "task.done",
	"project.completed", "warranty_card.issued", "visit.planned", "visit.approved", "visit.started", "visit.done",
	"visit.recorded", "grading.approved", "grading.nominated", "policy.approved", "emergency.declared",
	"release.published", "vulnerability.found", "patch.published", "payment.collected", "payment.remitted",
	"market.observed", "audit.judged", NULL
};
/* What concerns no ticket: claims of the desk that stand in aftercare.desk as they are. */
static const char *const desk[] = {
	"staff.on_post", "staff.off_post", "staff.leaving", "staff.leave_approved", "call.ringing", "call.answered", "call.missed",
	"call.ended", "project.completed", "warranty_card.issued", "visit.planned", "visit.approved", "visit.started",
	"visit.done", "visit.recorded", "grading.approved", "grading.nominated", "emergency.declared", "release.published",
	"vulnerability.found", "patch.published", "payment.collected", "payment.remitted", "market.observed", "audit.judged", NULL
};
static const char *const states[] = {
#define X(name, text) text,
	STATE_LIST(X)
#undef X
	NULL
};
static const char *const kinds[] = {
	"consultation", "feedback", "fault", "device_repair", "install", "training", "upgrade", "patch", "paid_service",
	"return", "complaint", "suggestion", "order", "emergency", "survey", "visit", "capa", "handover", "audit",
	"drill", "policy", "market", "other", NULL
};
static const char *const severities[] = { "urgent", "general", "major", NULL };
static const char *const modes[] = { "remote", "onsite", "workshop", "factory", NULL };
static const char *const channels[] = { "phone", "email", "online", "website", "wechat", "walk_in", "letter", "fax", NULL };
#define MANAGEMENT "manager", "director", "general_manager", "leader", "sales_head"
#define STAFF "csr", "engineer", "tech_support", "field_service", "dispatcher", "advisor", "qa", "sales", "finance", \
	"hr", "office", MANAGEMENT
static const char *const roles[] = { "customer", STAFF, "system", NULL };
static const char *const management[] = { MANAGEMENT, NULL };
static const char *const staff[] = { STAFF, NULL };
static const char *const entitlements[] = { "owner", "none", NULL };
static const char *const charges[] = { "free", "paid", "to_be_agreed", NULL };

const struct words words_fact = { "fact", facts, NULL };
const struct words words_desk = { "event of the desk", desk, NULL };
const struct words words_claim = { "claim", claims, NULL };
const struct words words_state = { "state", states, NULL };
const struct words words_kind = { "kind", kinds, "kind" };
const struct words words_severity = { "severity", severities, "severity" };
const struct words words_mode = { "mode", modes, "mode" };
const struct words words_channel = { "channel", channels, "channel" };
const struct words words_role = { "role", roles, "role" };
const struct words words_management = { "role of the management", management, NULL };
const struct words words_staff = { "role of the staff", staff, "role" };
const struct words words_charge = { "charge", charges, NULL };
const struct words words_entitlement = { "entitlement", entitlements, NULL };

const char *const *policy_codes(const char *name)
{
	static const struct words *const lists[] = { &words_kind, &words_severity, &words_mode, &words_channel, &words_role };

	for (size_t i = 0; i < array_count(lists); i++)
		if (strcmp(lists[i]->what, name) == 0)
			return lists[i]->items;
	return NULL;
}

bool words_have(const struct compile *compile, const struct words *words, struct str word)
{
	json_t *own = words->codes ? json_object_get(compile->codes, words->codes) : NULL;
	json_t *item;
	size_t i;

	for (const char *const *p = words->items; *p; p++)
		if (str_is(word, *p))
			return true;
	/* The kinds of what is no ticket: conditions know them, requests cannot have them. */
	for (const struct desk_event *event = desk_events; event->name && words == &words_kind; event++)
		if (str_is(word, event->kind))
			return true;
	json_array_foreach (own, i, item)
		if (json_is_string(item) && str_is(word, json_string_value(item)))
			return true;
	return false;
}

void words_complain(struct compile *compile, const struct place *at, const struct words *words, struct str word)
{
	json_t *own = words->codes ? json_object_get(compile->codes, words->codes) : NULL;
	const char *near;
	const char **all;
	struct buf list cleanup(buf_done) = { 0 };
	size_t count = 0;

	while (words->items[count])
		count++;
	all = arena_zero(compile->arena, (count + json_array_size(own) + 1) * sizeof(*all));
	memcpy(all, words->items, count * sizeof(*all));
	for (size_t i = 0; i < json_array_size(own); i++)
		if (json_is_string(json_array_get(own, i)))
			all[count++] = json_string_value(json_array_get(own, i));
	for (size_t i = 0; i < count; i++)
		buf_format(&list, "%s%s", i ? ", " : "", all[i]);
	near = near_word(all, word);
	if (near)
		complain(compile, at, "\"%.*s\" is no %s (did you mean %s?)", STR_ARG(word), words->what, near);
	else if (count <= LISTED)
		complain(compile, at, "\"%.*s\" is no %s (there are %.*s)", STR_ARG(word), words->what,
			 STR_ARG(buf_view(&list)));
	else
		complain(compile, at, "\"%.*s\" is no %s", STR_ARG(word), words->what);
}

struct str words_fact_of(struct arena *arena, struct str claim)
{
	struct str rest = claim;
	struct str family = str_cut(&rest, '.');

	if (str_is(claim, "request.submitted"))
		return STR("ticket.registered");
	if (str_is(claim, "staff.close_requested"))
		return STR("ticket.closed");
	if (str_is(claim, "customer.rejected"))
		return STR("ticket.reopened");
	if (str_is(family, "staff") || str_is(family, "customer") || str_is(family, "request"))
		return str_format(arena, "ticket.%.*s", STR_ARG(rest));
	return str_format(arena, "ticket.%.*s_%.*s", STR_ARG(family), STR_ARG(rest));
}
