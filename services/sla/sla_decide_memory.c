/* What has happened to a ticket, as far as the clocks of its policies care: the memory behind every start and stop.
 *
 * A clock may start after its stop has happened (its condition was not known before), a trigger may need several facts,
 * a rule may take over a running clock: all of these ask the memory and not the fact at hand. Pure; the text form
 * is kept in the ticket's row. Must never forget the first time or the latest times of anything. */
#include "services/sla/sla.h"

#include <string.h>

#define KEPT 4   /* of one leaf: the first and the latest three */

/* ---- the plan: leaves of all triggers, equal ones under one number ---- */

static bool value_same(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VALUE_STRING:
		return str_eq(a->string, b->string);
	case VALUE_NUMBER:
		return a->number == b->number;
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_LIST:
		if (a->list.count != b->list.count)
			return false;
		for (size_t i = 0; i < a->list.count; i++)
			if (!value_same(&a->list.items[i], &b->list.items[i]))
				return false;
		return true;
	case VALUE_ABSENT:
	case VALUE_OBJECT:
		break;
	}
	return true;
}

static bool match_same(const struct match *a, const struct match *b)
{
	if (a->count != b->count || a->zone_offset_us != b->zone_offset_us)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct match_step *x = &a->steps[i];
		const struct match_step *y = &b->steps[i];

		if (x->test != y->test || x->attribute != y->attribute || x->span != y->span || x->count != y->count ||
		    x->with_other != y->with_other || x->other != y->other || x->within.months != y->within.months || x->within.us != y->within.us)
			return false;
		for (uint32_t k = 0; k < x->count; k++)
			if (!value_same(&x->values[k], &y->values[k]))
				return false;
	}
	return true;
}

static bool leaf_same(const struct sla_leaf *a, const struct sla_leaf *b)
{
	return a->restart == b->restart && a->value == b->value && a->counts == b->counts && str_eq(a->trigger->fact, b->trigger->fact) &&
	       match_same(&a->trigger->match, &b->trigger->match);
}

/* Leaves in the order in which sla_happened walks them. Returns the index of the first. */
static uint32_t plan_leaves(struct sla_plan *plan, const struct trigger *trigger, const struct sla_leaf *sort,
			    struct arena *arena)
{
	uint32_t first = (uint32_t)plan->leaf_count;
	struct sla_leaf *leaf;

	if (trigger->type == TRIGGER_ALL || trigger->type == TRIGGER_ANY)
		for (size_t i = 0; i < trigger->part_count; i++)
			plan_leaves(plan, &trigger->parts[i], sort, arena);
	if (trigger->type != TRIGGER_EVENT)
		return first;
	arena_grow(arena, &plan->leaves, &plan->leaf_capacity, plan->leaf_count + 1, sizeof(*plan->leaves));
	leaf = &plan->leaves[plan->leaf_count];
	*leaf = *sort;
	leaf->trigger = trigger;
	leaf->same = 0;
	while (leaf->same < plan->leaf_count && !leaf_same(leaf, &plan->leaves[leaf->same]))
		leaf->same++;
	plan->leaf_count++;
	return first;
}

static bool names_reopened(const struct trigger *trigger)
{
	if (trigger->type == TRIGGER_EVENT)
		return str_is(trigger->fact, "ticket.reopened");
	for (size_t i = 0; i < trigger->part_count; i++)
		if (names_reopened(&trigger->parts[i]))
			return true;
	return false;
}

const struct sla_plan *sla_plan(const struct policy *policy, const struct calendar *const *calendars, struct arena *arena)
{
	struct sla_plan *plan = arena_zero(arena, sizeof(*plan));

	plan->policy = policy;
	plan->rules = arena_zero(arena, (policy->clock_count + 1) * sizeof(*plan->rules));
	for (size_t i = 0; i < policy->clock_count; i++) {
		const struct clock_rule *rule = &policy->clocks[i];
		struct sla_rule *ours = &plan->rules[i];
		bool counts = rule->limit.type == LIMIT_COUNT;
		const struct sla_leaf plain = { .value = SLA_NO_VALUE }, again = { .value = SLA_NO_VALUE, .restart = true },
				      timed = { .value = rule->limit.attribute },
				      counted = { .value = rule->limit.attribute, .counts = true };

		ours->start = plan_leaves(plan, &rule->start, rule->limit.type == LIMIT_EVENT ? &timed : &plain, arena);
		ours->stop = plan_leaves(plan, &rule->stop, counts ? &counted : &plain, arena);
		ours->cancel = plan_leaves(plan, &rule->cancel, &plain, arena);
		ours->restart = plan_leaves(plan, &rule->restart_on, &again, arena);
		ours->repeats = names_reopened(&rule->start);
		ours->calendar = calendars ? calendars[i] : NULL;
		while (ours->group < i && (plan->rules[ours->group].repeats != ours->repeats ||
					   policy->clocks[ours->group].desk != rule->desk ||
					   !str_eq(policy->clocks[ours->group].name, rule->name)))
			ours->group++;
	}
	return plan;
}

/* ---- remembering ---- */

/* Registration needs no memory: it happened at T0 and is revision 1. */
static bool is_given(const struct sla_leaf *leaf)
{
	return leaf->trigger->match.count == 0 && !leaf->restart && leaf->value == SLA_NO_VALUE &&
	       str_is(leaf->trigger->fact, "ticket.registered");
}

static void keep(struct sla_case *c, const struct sla_happening *new)
{
	size_t count = 0;
	size_t second = 0;

	for (size_t i = 0; i < c->happened_count; i++) {
		const struct sla_happening *old = &c->happened[i];

		if (old->policy != new->policy || old->leaf != new->leaf)
			continue;
		if (old->revision == new->revision)
			return;
		if (++count == 2)
			second = i;
	}
	if (count >= KEPT) {
		memmove(&c->happened[second], &c->happened[second + 1],
			(c->happened_count - second - 1) * sizeof(*c->happened));
		c->happened_count--;
	}
	arena_grow(c->arena, &c->happened, &c->happened_capacity, c->happened_count + 1, sizeof(*c->happened));
	c->happened[c->happened_count++] = *new;
}


instant sla_instant_of(struct str text_in, int64_t zone_offset_us)
{
	static const char midnight[] = "T00:00:00Z";
	char text[10 + sizeof(midnight)];
	instant at;

	if (instant_parse(text_in, &at))
		return at;
	if (text_in.n != 10)
		return INSTANT_NONE;
	memcpy(text, text_in.p, 10);
	memcpy(text + 10, midnight, sizeof(midnight));
	return instant_parse(str_of(text), &at) ? at - zone_offset_us + DAY - 1 : INSTANT_NONE;
}
/* A number that nobody has told is taken as too many. */
static instant value_of(const struct sla_leaf *leaf, const struct value *value, int64_t zone_offset_us)
{
	if (leaf->counts)
		return value->type == VALUE_NUMBER && value->number < (double)SLA_NEVER ? (instant)value->number : SLA_NEVER;
	return value->type == VALUE_STRING ? sla_instant_of(value->string, zone_offset_us) : INSTANT_NONE;
}

void sla_remember(struct sla_case *c, const struct sla_event *event, const struct value *vector, instant now)
{
	for (uint32_t p = 0; p < c->policy_count; p++) {
		const struct sla_plan *plan = c->plans[p];

		for (uint32_t i = 0; i < plan->leaf_count; i++) {
			const struct sla_leaf *leaf = &plan->leaves[i];
			struct sla_happening new = { .policy = p, .leaf = i, .at = event->at,
						     .revision = event->revision, .value = INSTANT_NONE };

			if (leaf->same != i || is_given(leaf) || !str_eq(leaf->trigger->fact, event->fact))
				continue;
			if (leaf->restart && !event->new_owner && str_is(event->fact, "ticket.assigned"))
				continue;
			if (!match_holds(&leaf->trigger->match, vector, now))
				continue;
			if (str_is(event->fact, "ticket.registered"))
				new.at = c->ticket->received_at;
			if (leaf->value != SLA_NO_VALUE && vector)
				new.value = value_of(leaf, &vector[leaf->value], plan->policy->zone_offset_us);
			/* A promise that names no time promises nothing. */
			if (leaf->value != SLA_NO_VALUE && new.value == INSTANT_NONE)
				continue;
			keep(c, &new);
		}
	}
}

/* ---- asking ---- */

static bool better(const struct sla_happening *new, const struct sla_happening *old, enum sla_pick pick)
{
	switch (pick) {
	case SLA_FIRST:
		return new->revision < old->revision;
	case SLA_SOONEST:
		return new->at < old->at;
	case SLA_LAST:
		return new->revision > old->revision;
	}
	return false;
}

static bool fits(const struct sla_happening *one, const struct sla_query *query)
{
	return one->revision > query->after && (query->since == INSTANT_NONE || one->at >= query->since);
}

static bool leaf_happened(const struct sla_case *c, uint32_t leaf, const struct sla_query *query,
			  struct sla_happening *ret)
{
	const struct sla_leaf *leaves = c->plans[query->policy]->leaves;
	bool found = false;

	if (is_given(&leaves[leaf])) {
		struct sla_happening registered = { .policy = query->policy, .leaf = leaf, .at = c->ticket->received_at,
						    .revision = 1, .value = INSTANT_NONE };

		*ret = registered;
		return fits(&registered, query);
	}
	for (size_t i = 0; i < c->happened_count; i++) {
		const struct sla_happening *one = &c->happened[i];

		if (one->policy != query->policy || one->leaf != leaves[leaf].same || !fits(one, query))
			continue;
		if (!found || better(one, ret, query->pick))
			*ret = *one;
		found = true;
	}
	return found;
}

/* Walks on over the leaves of parts that are not looked at: *leaf ends behind the trigger. */
static bool walk(const struct sla_case *c, const struct trigger *trigger, uint32_t *leaf, const struct sla_query *query,
		 struct sla_happening *ret)
{
	size_t found = 0;
	struct sla_happening sum = { .value = INSTANT_NONE };

	if (trigger->type == TRIGGER_NONE)
		return false;
	if (trigger->type == TRIGGER_EVENT)
		return leaf_happened(c, (*leaf)++, query, ret);
	for (size_t i = 0; i < trigger->part_count; i++) {
		struct sla_happening part;

		if (!walk(c, &trigger->parts[i], leaf, query, &part))
			continue;
		if (found++ == 0) {
			sum = part;
			continue;
		}
		if (trigger->type == TRIGGER_ANY) {
			if (better(&part, &sum, query->pick))
				sum = part;
			continue;
		}
		/* All of them: whole when the last one is there. */
		if (part.at > sum.at)
			sum.at = part.at;
		if (part.revision > sum.revision)
			sum.revision = part.revision;
		if (part.value != INSTANT_NONE)
			sum.value = part.value;
	}
	if (found == 0 || (trigger->type == TRIGGER_ALL && found < trigger->part_count))
		return false;
	*ret = sum;
	return true;
}

bool sla_happened(const struct sla_case *c, const struct trigger *trigger, uint32_t leaf, const struct sla_query *query,
		  struct sla_happening *ret)
{
	struct sla_happening found = { .value = INSTANT_NONE };

	if (!walk(c, trigger, &leaf, query, &found))
		return false;
	*ret = found;
	return true;
}

/* ---- the text form ---- */

struct str sla_memory_text(const struct sla_case *c)
{
	struct buf text cleanup(buf_done) = { 0 };

	for (size_t i = 0; i < c->happened_count; i++) {
		const struct sla_happening *one = &c->happened[i];

		if (i > 0)
			buf_char(&text, ' ');
		buf_int(&text, one->policy);
		buf_char(&text, '.');
		buf_int(&text, one->leaf);
		buf_char(&text, '=');
		buf_int(&text, one->at);
		buf_char(&text, ':');
		buf_int(&text, one->revision);
		if (one->value == INSTANT_NONE)
			continue;
		buf_char(&text, ':');
		buf_int(&text, one->value);
	}
	return text.n ? str_copy(c->arena, buf_view(&text)) : STR_NONE;
}

void sla_memory_read(struct sla_case *c, struct str text)
{
	c->happened_count = 0;
	while (text.p) {
		struct str word = str_cut(&text, ' ');
		int64_t policy, leaf, at, revision;
		struct sla_happening one = { .value = INSTANT_NONE };

		/* Words of another form are not ours. */
		if (!str_int64(str_cut(&word, '.'), &policy) || !str_int64(str_cut(&word, '='), &leaf) ||
		    !str_int64(str_cut(&word, ':'), &at) || !str_int64(str_cut(&word, ':'), &revision))
			continue;
		if (word.p && !str_int64(word, &one.value))
			continue;
		one.policy = (uint32_t)policy;
		one.leaf = (uint32_t)leaf;
		one.at = at;
		one.revision = (int32_t)revision;
		arena_grow(c->arena, &c->happened, &c->happened_capacity, c->happened_count + 1, sizeof(*c->happened));
		c->happened[c->happened_count++] = one;
	}
}
