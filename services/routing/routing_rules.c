/* Rules of the policies and the actions in them that are routing's: flag, priority, escalate, task, require_spare, reopen,
 * dispatch. The others belong to daemons that read the same facts.
 *
 * A rule with `after` becomes a timer that its `unless` cancels. Rules may answer to facts that rules have made; each
 * fires once per item, so that a circle ends. */
#include "services/routing/routing_run.h"

static struct str timer_key(struct routing_work *work, const struct policy *policy, const struct rule *rule)
{
	return str_format(work->run->batch->arena, "rule/%.*s/%.*s/%.*s", STR_ARG(policy->id), STR_ARG(rule->name),
			  STR_ARG(work->ticket->id));
}

static void timer_start(struct routing_work *work, const struct policy *policy, const struct rule *rule, instant at)
{
	struct batch *batch = work->run->batch;
	const struct ticket *ticket = work->ticket;
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };
	struct timer timer = {
		.key = timer_key(work, policy, rule), .kind = STR("rule"), .ticket = ticket->id,
		.due = instant_add(at, rule->after, policy->zone_offset_us),
	};

	write_open(&writer, '{');
	write_member(&writer, "policy", policy->id);
	write_member_int(&writer, "version", policy->version);
	write_member(&writer, "rule", rule->name);
	write_close(&writer, '}');
	timer.data = str_copy(batch->arena, buf_view(&text));
	buf_done(&text);
	if (work->item->posted) {
		timer.cause_id = ticket->cause_id;
		timer.cause_source = ticket->cause_source;
		timer.traceparent = ticket->traceparent;
		timer.tracestate = ticket->tracestate;
	}
	batch_timer_set(batch, work->item, &timer);
}

static enum verdict flag(struct routing_work *work, const struct action *action, struct str rule, struct fault *fault)
{
	struct arena *arena = work->run->batch->arena;
	struct ticket *ticket = work->ticket;
	bool set = action->set.n > 0 && !routing_word_has(ticket->flags, action->set);
	bool clear = action->clear.n > 0 && routing_word_has(ticket->flags, action->clear);

	if (!set && !clear)
		return OK;
	if (set)
		ticket->flags = routing_word_add(arena, ticket->flags, action->set);
	if (clear)
		ticket->flags = routing_word_remove(arena, ticket->flags, action->clear);
	routing_fact_begin(work, STR("ticket.flagged"), ticket->state, work->run->batch->now);
	if (set)
		write_member(&work->writer, "set", action->set);
	if (clear)
		write_member(&work->writer, "clear", action->clear);
	routing_write_words(&work->writer, "flags", ticket->flags);
	write_member(&work->writer, "why", rule);
	return routing_fact_end(work, fault);
}

static enum verdict priority(struct routing_work *work, const struct action *action, struct str rule, struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	struct str was = ticket->priority, now = action->set;

	if (!routing_raises(routing_priority(ticket), now))
		return OK;
	ticket->priority = now;
	routing_fact_begin(work, STR("ticket.priority_changed"), ticket->state, work->run->batch->now);
	write_member(&work->writer, "priority", now);
	write_member(&work->writer, "was", was);
	write_member(&work->writer, "why", rule);
	return routing_fact_end(work, fault);
}

static enum verdict reopen(struct routing_work *work, struct str rule, struct fault *fault)
{
	struct ticket *ticket = work->ticket;

	/* The rule is the policy's own word that it may be reopened; how long a customer may ask for it is another. */
	if (ticket->state != STATE_RESOLVED_UNCONFIRMED && ticket->state != STATE_CONFIRMED && ticket->state != STATE_CLOSED)
		return OK;
	routing_fact_begin(work, STR("ticket.reopened"), STATE_IN_PROGRESS, work->run->batch->now);
	write_member_int(&work->writer, "count", ticket->reopened);
	write_member(&work->writer, "reason", str_format(work->run->batch->arena, "rule %.*s", STR_ARG(rule)));
	routing_write_system(&work->writer);
	return routing_fact_end(work, fault);
}

/* The owner is to bring one: the ticket itself goes on. Nothing where the fault is gone or a spare stands in for it. */
static enum verdict require_spare(struct routing_work *work, const struct action *action, struct str rule,
				  struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	instant now = work->run->batch->now;
	instant due = action->has_due ? instant_add(now, action->due, 0) : INSTANT_NONE;
	enum verdict verdict;

	if (ticket->state == STATE_SPARE_IN_PLACE || ticket->state == STATE_RESOLVED_UNCONFIRMED ||
	    ticket->state == STATE_CONFIRMED)
		return OK;
	routing_fact_begin(work, STR("ticket.spare_required"), ticket->state, now);
	if (action->has_due)
		write_member_instant(&work->writer, "due_at", due);
	write_member(&work->writer, "why", rule);
	verdict = routing_fact_end(work, fault);
	if (verdict != OK)
		return verdict;
	return routing_task_open(work, STR("issue-spare"), ticket->owner.p ? ticket->owner : STR("dispatcher"), due, rule, fault);
}

static enum verdict act(struct routing_work *work, const struct action *action, struct str rule, instant at,
			struct fault *fault)
{
	struct ticket *ticket = work->ticket;
	instant now = work->run->batch->now;
	bool open = state_is_open(ticket->state);
	struct str first = action->to.count > 0 ? action->to.items[0] : STR_NONE;
	enum verdict verdict = OK;

	switch (action->type) {
	case ACTION_ESCALATE:
		for (size_t i = 0; open && verdict == OK && (i == 0 || i < action->to.count); i++)
			verdict = routing_escalate(work, ticket->owner, i < action->to.count ? action->to.items[i] : STR_NONE,
						   action->level, rule, now, fault);
		return verdict;
	case ACTION_TASK:
		return routing_task_open(work, action->what, first,
					 action->has_due ? instant_add(at, action->due, 0) : INSTANT_NONE, rule, fault);
	case ACTION_FLAG:
		return open ? flag(work, action, rule, fault) : OK;
	case ACTION_PRIORITY:
		return open ? priority(work, action, rule, fault) : OK;
	case ACTION_REQUIRE_SPARE:
		return open ? require_spare(work, action, rule, fault) : OK;
	case ACTION_REOPEN:
		return reopen(work, rule, fault);
	case ACTION_DISPATCH:
		return open ? routing_dispatch(work, false, fault) : OK;
	case ACTION_NOTIFY:
	case ACTION_OPEN:
	case ACTION_SURVEY:
	case ACTION_FOLLOWUP:
	case ACTION_VISIT:
	case ACTION_GROUP:
	case ACTION_RECORD:
		break;
	}
	return OK;
}

enum verdict routing_act(struct routing_work *work, const struct actions *actions, struct str rule, instant at,
			 struct fault *fault)
{
	enum verdict verdict = OK;

	for (size_t i = 0; i < actions->count && verdict == OK; i++)
		verdict = act(work, &actions->items[i], rule, at, fault);
	return verdict;
}

static bool fired(struct routing_work *work, const struct rule *rule)
{
	for (size_t i = 0; i < work->fired_count; i++)
		if (work->fired[i] == rule)
			return true;
	if (work->fired_count == ROUTING_FIRED_MAX)
		return true;
	work->fired[work->fired_count++] = rule;
	return false;
}

static enum verdict rule_on(struct routing_work *work, const struct policy *policy, const struct rule *rule, struct str fact,
			    const struct value *vector, instant at, struct fault *fault)
{
	if (rule->has_after && rule->unless.n > 0 && str_eq(rule->unless, fact))
		batch_timer_cancel(work->run->batch, timer_key(work, policy, rule));
	if (!str_eq(rule->on, fact) || !match_holds(&rule->match, vector, work->run->batch->now))
		return OK;
	if (!rule->has_after)
		return fired(work, rule) ? OK : routing_act(work, &rule->actions, rule->name, at, fault);
	timer_start(work, policy, rule, at);
	return OK;
}

enum verdict routing_rules_on(struct routing_work *work, struct str fact, const struct item *seen, instant at,
			      struct fault *fault)
{
	struct routing_run *run = work->run;
	const struct value *vector = NULL;
	enum verdict verdict = OK;

	for (size_t i = 0; i < work->book.policy_count; i++) {
		const struct policy *policy = work->book.policies[i];

		for (size_t j = 0; j < policy->rule_count && verdict == OK; j++) {
			const struct rule *rule = &policy->rules[j];

			if (!str_eq(rule->on, fact) && !str_eq(rule->unless, fact))
				continue;
			if (!vector)
				vector = knowledge_vector(run->routing->knowledge, run->batch, work->ticket, seen, NULL);
			verdict = rule_on(work, policy, rule, fact, vector, at, fault);
		}
	}
	return verdict;
}

/* The clock's actions: of the rule that the fact names by its place, in the policy version that it quotes. */
static enum verdict clock_actions(struct routing_work *work, bool breached, struct fault *fault)
{
	const struct doc *doc = &work->item->event.doc;
	struct str id = doc_get(doc, "policy.id", work->run->batch->arena);
	int64_t rule = -1;

	if (!doc_int64(doc, doc_member(doc, 0, STR("rule")), &rule))
		return OK;
	for (size_t i = 0; i < work->book.policy_count; i++) {
		const struct policy *policy = work->book.policies[i];

		if (str_eq(policy->id, id) && rule >= 0 && (uint64_t)rule < policy->clock_count) {
			const struct clock_rule *clock = &policy->clocks[rule];

			return routing_act(work, breached ? &clock->on_breach : &clock->on_warn, clock->name,
					   work->item->event.time, fault);
		}
	}
	return OK;
}

/* A dissatisfied survey reopens by the claim that the survey daemon publishes, as any other source; not here as well. */
static enum verdict act_but_reopen(struct routing_work *work, const struct rule *rule, struct fault *fault)
{
	enum verdict verdict = OK;

	for (size_t i = 0; i < rule->actions.count && verdict == OK; i++)
		if (rule->actions.items[i].type != ACTION_REOPEN)
			verdict = act(work, &rule->actions.items[i], rule->name, work->item->event.time, fault);
	return verdict;
}

static enum verdict programme_rules(struct routing_work *work, struct fault *fault)
{
	struct str name = doc_get(&work->item->event.doc, "programme", work->run->batch->arena);
	enum verdict verdict = OK;

	for (size_t i = 0; i < work->book.policy_count; i++) {
		const struct policy *policy = work->book.policies[i];

		for (size_t j = 0; j < policy->programme_count; j++) {
			const struct programme *programme = &policy->programmes[j];

			for (size_t k = 0; k < programme->then_count && str_eq(programme->name, name) && verdict == OK; k++)
				if (match_holds(&programme->then[k].match, routing_vector(work), work->run->batch->now))
					verdict = act_but_reopen(work, &programme->then[k], fault);
		}
	}
	return verdict;
}

enum verdict routing_foreign_fact(struct routing_work *work, struct fault *fault)
{
	const struct event *event = &work->item->event;
	struct arena *arena = work->run->batch->arena;
	struct routing_told told;
	enum verdict verdict = OK;

	if (str_is(event->name, "notify.sent")) {
		if (routing_decode_told(&event->doc, arena, &told))
			routing_note_told(work->ticket, &told, &work->book, arena);
		return OK;
	}
	if (str_is(event->name, "sla.breached") || str_is(event->name, "sla.warned"))
		verdict = clock_actions(work, str_is(event->name, "sla.breached"), fault);
	else if (str_is(event->name, "survey.scored"))
		verdict = programme_rules(work, fault);
	return verdict != OK ? verdict : routing_rules_on(work, event->name, work->item, event->time, fault);
}

enum verdict routing_timer(struct routing_work *work, struct fault *fault)
{
	struct arena *arena = work->run->batch->arena;
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };
	struct str id, name;

	if (doc_parse(&doc, work->item->timer->data, arena, &ignored) != OK)
		return OK;
	id = doc_get(&doc, "policy", arena);
	name = doc_get(&doc, "rule", arena);
	for (size_t i = 0; i < work->book.policy_count; i++) {
		const struct policy *policy = work->book.policies[i];

		for (size_t j = 0; j < policy->rule_count && str_eq(policy->id, id); j++)
			if (str_eq(policy->rules[j].name, name))
				return routing_act(work, &policy->rules[j].actions, name, work->item->timer->due, fault);
	}
	return OK;
}
