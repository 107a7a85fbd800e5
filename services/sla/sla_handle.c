/* A batch of sla, downhill: knowledge, tickets with their clocks, the items in order, what ran out meanwhile, save.
 *
 * Items are facts of the log or due timers. A clock that starts in the past is breached only when the batch is through:
 * what stops it may stand a few facts further on. Everything is queued at the end, so that a policy which is met for the
 * first time can still be read in between. Must not decide. */
#include "services/sla/sla_run.h"

static const struct sla_plan *plan_for(struct sla_run *run, const struct policy *policy)
{
	for (size_t i = 0; i < run->plan_count; i++)
		if (run->plans[i]->policy == policy)
			return run->plans[i];
	arena_grow(run->batch->arena, &run->plans, &run->plan_capacity, run->plan_count + 1, sizeof(*run->plans));
	run->plans[run->plan_count] = sla_plan(policy, run->batch->arena);
	return run->plans[run->plan_count++];
}

/* Everything a decision looks at; once per ticket and batch, when it is first needed. */
static enum verdict entry_ready(struct sla_run *run, struct sla_entry *entry, struct fault *fault)
{
	struct ticket *ticket = entry->ticket;
	struct sla_case *c = &entry->c;
	enum verdict verdict;

	if (entry->ready)
		return OK;
	verdict = knowledge_policies(run->sla->knowledge, run->batch, ticket, c->policies, fault);
	if (verdict != OK)
		return verdict;
	c->policy_count = ticket->policy_count;
	for (size_t i = 0; i < c->policy_count; i++)
		c->plans[i] = plan_for(run, c->policies[i]);
	for (size_t i = 0; i < c->clock_count; i++) {
		const struct sla_clock *clock = &c->clocks[i];

		if (clock->policy >= c->policy_count || clock->rule < 0 ||
		    (size_t)clock->rule >= c->policies[clock->policy]->clock_count)
			return fault_set(fault, FATAL, "clock %.*s is of a rule that its policy does not have",
					 STR_ARG(clock->id));
	}
	sla_memory_read(c, ticket->facts);
	entry->ready = true;
	return OK;
}

static bool has_clocks(const struct sla_case *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i]->clock_count > 0)
			return true;
	return false;
}

static enum verdict fact(struct sla_run *run, struct sla_entry *entry, struct item *item, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct ticket *ticket = entry->ticket;
	struct str owner = ticket->owner;
	struct sla_event event;
	enum verdict verdict;

	ticket_apply(batch, ticket, item);
	/* A log that was cut off: a ticket without its beginning has no policy to be judged by. */
	if (!ticket->known)
		return OK;
	verdict = entry_ready(run, entry, fault);
	if (verdict != OK || !has_clocks(&entry->c))
		return verdict;
	sla_decode_event(batch, item, ticket, !str_eq(owner, ticket->owner), &event);
	sla_pass(&entry->c, &event, knowledge_vector(run->sla->knowledge, batch, ticket, item, NULL), batch->now);
	entry->item = item;
	sla_emit_facts(run, entry, item);
	return OK;
}

static enum verdict timer(struct sla_run *run, struct sla_entry *entry, struct item *item, struct fault *fault)
{
	struct sla_case *c = &entry->c;
	int32_t warning;
	struct str id = sla_decode_timer(item->timer, &warning);
	enum verdict verdict;

	if (!entry->ticket->known)
		return OK;
	verdict = entry_ready(run, entry, fault);
	for (uint32_t i = 0; verdict == OK && i < c->clock_count; i++)
		if (str_eq(c->clocks[i].id, id))
			sla_fire(c, i, warning, run->batch->now);
	if (verdict == OK)
		sla_emit_facts(run, entry, item);
	return verdict;
}

static void settle_accounts(struct sla_run *run)
{
	for (size_t i = 0; i < run->tickets.count; i++) {
		struct sla_entry *entry = &run->entries[i];

		if (!entry->ready)
			continue;
		if (entry->item) {
			sla_overdue(&entry->c, run->batch->now);
			sla_emit_facts(run, entry, entry->item);
			entry->ticket->facts = sla_memory_text(&entry->c);
		}
		sla_emit_timers(run, entry);
	}
}

enum verdict sla_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct sla_run run = { .sla = state, .batch = batch };
	enum verdict verdict = knowledge_refresh(run.sla->knowledge, batch, true, fault);

	if (verdict == OK)
		verdict = sla_store_load(&run, fault);
	for (size_t i = 0; i < batch->count && verdict == OK; i++) {
		struct item *item = &batch->items[i];
		struct ticket *ticket;
		struct sla_entry *entry;

		if (item->refused || item->posted)
			continue;
		ticket = ticket_find(&run.tickets, ticket_of_item(item, batch->arena));
		if (!ticket)
			continue;
		entry = &run.entries[ticket - run.tickets.items];
		verdict = item->timer ? timer(&run, entry, item, fault) : fact(&run, entry, item, fault);
	}
	if (verdict != OK)
		return verdict;
	settle_accounts(&run);
	ticket_save(batch, &run.tickets);
	sla_store_save(&run);
	return OK;
}
