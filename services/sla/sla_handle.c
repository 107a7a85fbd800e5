/* A batch of sla, downhill: knowledge, tickets with their clocks, the items in order, what ran out meanwhile, save.
 *
 * Items are facts of the ticket log, claims of the desk (sla_desk.c) or due timers. A clock that starts in the past is breached only when the batch is through:
 * what stops it may stand a few facts further on. Everything is queued at the end, so that a policy which is met for the
 * first time can still be read in between. Must not decide. */
#include "services/sla/sla_run.h"

static enum verdict plan_for(struct sla_run *run, const struct policy *policy, const struct sla_plan **ret, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	const struct calendar **calendars;
	enum verdict verdict = OK;

	for (size_t i = 0; i < run->plan_count; i++)
		if (run->plans[i]->policy == policy) {
			*ret = run->plans[i];
			return OK;
		}
	calendars = arena_zero(arena, (policy->clock_count + 1) * sizeof(struct calendar *));
	for (size_t i = 0; verdict == OK && i < policy->clock_count; i++) {
		struct policy_ref newest = { policy->clocks[i].calendar, 0 };

		verdict = knowledge_calendar(run->sla->knowledge, run->batch, &newest, &calendars[i], fault);
	}
	if (verdict != OK)
		return verdict;
	arena_grow(arena, &run->plans, &run->plan_capacity, run->plan_count + 1, sizeof(*run->plans));
	*ret = run->plans[run->plan_count++] = sla_plan(policy, calendars, arena);
	return OK;
}

/* The rule and the calendar that a clock of the database has. */
static enum verdict clock_ready(struct sla_run *run, const struct sla_case *c, struct sla_clock *clock, struct fault *fault)
{
	if (clock->policy >= c->policy_count || clock->rule < 0 ||
	    (size_t)clock->rule >= c->policies[clock->policy]->clock_count)
		return fault_set(fault, FATAL, "clock %.*s is of a rule that its policy does not have", STR_ARG(clock->id));
	return knowledge_calendar(run->sla->knowledge, run->batch, &clock->calendar_ref, &clock->calendar, fault);
}

enum verdict sla_entry_ready(struct sla_run *run, struct sla_entry *entry, struct fault *fault)
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
	for (size_t i = 0; verdict == OK && i < c->policy_count; i++)
		verdict = plan_for(run, c->policies[i], &c->plans[i], fault);
	for (size_t i = 0; verdict == OK && i < c->clock_count; i++)
		verdict = clock_ready(run, c, &c->clocks[i], fault);
	if (verdict != OK)
		return verdict;
	sla_memory_read(c, ticket->facts);
	entry->ready = true;
	return OK;
}

static bool has_clocks(const struct sla_case *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		for (size_t k = 0; k < c->policies[i]->clock_count; k++)
			if (!c->policies[i]->clocks[k].desk)
				return true;
	return false;
}

void sla_pass_item(struct sla_run *run, struct sla_entry *entry, struct item *item, const struct sla_event *event,
		   const struct value *vector)
{
	sla_pass(&entry->c, event, vector, run->batch->now);
	entry->item = item;
	sla_emit_facts(run, entry, item);
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
	verdict = sla_entry_ready(run, entry, fault);
	if (verdict != OK || !has_clocks(&entry->c))
		return verdict;
	sla_decode_event(batch, item, ticket, !str_eq(owner, ticket->owner), &event);
	sla_pass_item(run, entry, item, &event, knowledge_vector(run->sla->knowledge, batch, ticket, item, NULL));
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
	verdict = sla_entry_ready(run, entry, fault);
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
	struct sla_run run = { .sla = state, .batch = batch, .desk = str_is(str_of(batch->topic), TOPIC_DESK) };
	enum verdict verdict = knowledge_refresh(run.sla->knowledge, batch, true, fault);

	if (verdict == OK)
		verdict = sla_store_load(&run, fault);
	for (size_t i = 0; i < batch->count && verdict == OK; i++) {
		struct item *item = &batch->items[i];
		struct ticket *ticket;
		struct sla_entry *entry;

		if (item->refused || item->posted)
			continue;
		ticket = ticket_find(&run.tickets, sla_subject_of(&run, item));
		if (!ticket)
			continue;
		entry = &run.entries[ticket - run.tickets.items];
		if (item->timer)
			verdict = timer(&run, entry, item, fault);
		else
			verdict = run.desk ? sla_claim(&run, entry, item, fault) : fact(&run, entry, item, fault);
	}
	if (verdict != OK)
		return verdict;
	settle_accounts(&run);
	ticket_save(batch, &run.tickets);
	sla_store_save(&run);
	return OK;
}
