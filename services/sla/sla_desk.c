/* Claims of the desk: a project, a call or a vulnerability stands in for the ticket, so that the same decisions run its clocks.
 *
 * A thing is known, with the policies in force then pinned to it, from the first claim that a clock of theirs listens to.
 * What a claim must say is their guards'; what misses something is refused and changes nothing. Must not decide about
 * clocks. */
#include "services/sla/sla_run.h"

static bool seen(const struct policy *policy, const struct evidence *evidence, const void *userdata)
{
	const struct sla_look *look = userdata;

	(void)policy;
	return evidence_seen(evidence, look->vector, look->now);
}

static bool listens(const struct trigger *trigger, struct str fact)
{
	if (trigger->type == TRIGGER_EVENT)
		return str_eq(trigger->fact, fact);
	for (size_t i = 0; i < trigger->part_count; i++)
		if (listens(&trigger->parts[i], fact))
			return true;
	return false;
}

static bool any_listens(const struct policy *policy, struct str fact)
{
	for (size_t i = 0; i < policy->clock_count; i++) {
		const struct clock_rule *rule = &policy->clocks[i];

		if (listens(&rule->start, fact) || listens(&rule->stop, fact) || listens(&rule->cancel, fact) ||
		    listens(&rule->restart_on, fact))
			return true;
	}
	return false;
}

/* Makes the thing known under these policies. */
static void begin(struct ticket *thing, const struct item *item, const struct ticket *seen_as,
		  const struct policy *const *policies, size_t count)
{
	thing->known = true;
	thing->state = STATE_RECEIVED;
	thing->kind = seen_as->kind;
	thing->received_at = seen_as->received_at != INSTANT_NONE ? seen_as->received_at : item->event.arrived;
	thing->policy_count = count;
	for (size_t i = 0; i < count; i++)
		thing->policies[i] = (struct policy_ref){ policies[i]->id, policies[i]->version };
}

/* Whether the guards let it pass; else it is refused. */
static bool passes(struct sla_run *run, struct item *item, const struct policy *const *policies, size_t count,
		   const struct value *vector)
{
	struct batch *batch = run->batch;
	const struct sla_look look = { vector, batch->now };
	struct str missing = guards_missing(policies, count, item->event.name, vector, batch->now, seen, &look, batch->arena);

	if (missing.n == 0)
		return true;
	batch_refuse(batch, item, REASON_GATE_UNMET, "%.*s: missing: %.*s", STR_ARG(item->event.name), STR_ARG(missing));
	return false;
}

enum verdict sla_claim(struct sla_run *run, struct sla_entry *entry, struct item *item, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct knowledge *knowledge = run->sla->knowledge;
	const struct desk_event *known = desk_event_of(item->event.name);
	const struct policy *policies[TICKET_POLICIES_MAX];
	struct ticket *thing = entry->ticket;
	const struct value *vector;
	struct sla_event event;
	enum verdict verdict;

	if (!thing->known) {
		struct ticket seen_as;
		size_t count = knowledge_desk(knowledge, batch, item, &seen_as, &vector, policies);
		bool wanted = false;

		if (!passes(run, item, policies, count, vector))
			return OK;
		for (size_t i = 0; i < count; i++)
			wanted = wanted || any_listens(policies[i], item->event.name);
		if (!wanted || !sla_thing_named(thing->id))
			return OK;
		begin(thing, item, &seen_as, policies, count);
	} else {
		verdict = knowledge_policies(knowledge, batch, thing, policies, fault);
		if (verdict != OK)
			return verdict;
		vector = knowledge_vector(knowledge, batch, thing, item, NULL);
		if (!passes(run, item, policies, thing->policy_count, vector))
			return OK;
	}
	if (known && known->opens)
		thing->data = item->event.data;
	verdict = sla_entry_ready(run, entry, fault);
	if (verdict != OK)
		return verdict;
	thing->revision++;
	thing->changed = true;
	sla_decode_claim(batch, item, thing, entry->c.policies[0]->zone_offset_us, &event);
	sla_place_claim(&event, known && known->opens, entry->c.policies[0]->max_backdate);
	sla_pass_item(run, entry, item, &event, vector);
	return OK;
}
