/* Which messages a fact gives, by the policies; when one is a repeat; what follows an attempt to deliver.
 *
 * Pure: policies, the attribute vector and `now` decide alone. Whom exactly a role or path means, and whether there is an
 * address, is not known here. */
#include "services/notification/notification.h"

struct choice {
	const struct notification_fact *fact;
	const struct value *vector;
	instant now;
	struct notification_wish *wishes;
	size_t count, most;
};

static void wish_add(struct choice *choice, const struct notification_wish *wish)
{
	if (choice->count < choice->most)
		choice->wishes[choice->count++] = *wish;
}

struct notification_wish notification_wish_of(const struct policy *policy, const struct message_rule *rule)
{
	return (struct notification_wish){
		.policy = policy, .rule = rule->name, .message = rule->name, .to = rule->to, .channels = rule->channels,
		.must = rule->must, .template_name = rule->template_name, .once_per = rule->once_per, .texts = rule->texts,
		.text_count = rule->text_count,
	};
}

static const struct message_rule *message_by_name(const struct policy *policy, struct str name)
{
	for (size_t i = 0; i < policy->message_count; i++)
		if (str_eq(policy->messages[i].name, name))
			return &policy->messages[i];
	return NULL;
}

/* The notify actions of a list. What an action names is a message rule of the same policy, else a template. */
static void add_actions(struct choice *choice, const struct policy *policy, struct str rule, const struct actions *actions,
			const struct duration *after)
{
	for (size_t i = 0; i < actions->count; i++) {
		const struct action *action = &actions->items[i];
		const struct message_rule *message;
		struct notification_wish wish = { .policy = policy, .rule = rule, .to = action->to };

		if (action->type != ACTION_NOTIFY)
			continue;
		message = message_by_name(policy, action->message);
		wish.template_name = message ? message->template_name : action->message;
		wish.message = message ? message->name : action->message;
		if (message) {
			wish.channels = message->channels;
			wish.must = message->must;
			wish.once_per = message->once_per;
			wish.texts = message->texts;
			wish.text_count = message->text_count;
			if (wish.to.count == 0)
				wish.to = message->to;
		}
		wish.delayed = after != NULL;
		wish.after = after ? *after : (struct duration){ 0 };
		wish_add(choice, &wish);
	}
}

static bool notifies(const struct actions *actions)
{
	for (size_t i = 0; i < actions->count; i++)
		if (actions->items[i].type == ACTION_NOTIFY)
			return true;
	return false;
}

/* ---- messages ---- */

static bool speaks(const struct policy *policy, struct str fact)
{
	for (size_t i = 0; i < policy->message_count; i++)
		if (str_eq(policy->messages[i].on, fact))
			return true;
	return false;
}

/* What a clock does is its own policy's to tell; about the rest the most specific policy that says anything speaks. */
static const struct policy *speaker(const struct notification_fact *fact, const struct policy *const *policies, size_t count)
{
	if (fact->clock.p)
		for (size_t i = 0; i < count; i++)
			if (str_eq(policies[i]->id, fact->policy) && speaks(policies[i], fact->name))
				return policies[i];
	for (size_t i = 0; i < count; i++)
		if (speaks(policies[i], fact->name))
			return policies[i];
	return NULL;
}

/* The receipt that `intake.acknowledge` promises, unless the policy has a message of its own for it. */
static const struct policy *acknowledger(const struct notification_fact *fact, const struct policy *const *policies, size_t count)
{
	if (!str_is(fact->name, "ticket.registered"))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < policies[i]->message_count; j++)
			if (str_is(policies[i]->messages[j].template_name, "acknowledge"))
				return NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (policies[i]->acknowledge)
			return policies[i];
	return NULL;
}

static void add_messages(struct choice *choice, const struct policy *const *policies, size_t count)
{
	static const struct str customer[] = { { "customer", 8 } }, origin[] = { { "origin", 6 } };
	const struct policy *policy = speaker(choice->fact, policies, count);

	for (size_t i = 0; policy && i < policy->message_count; i++) {
		const struct message_rule *rule = &policy->messages[i];
		struct notification_wish wish;

		if (!str_eq(rule->on, choice->fact->name) || !match_holds(&rule->match, choice->vector, choice->now))
			continue;
		wish = notification_wish_of(policy, rule);
		wish_add(choice, &wish);
	}
	policy = acknowledger(choice->fact, policies, count);
	if (policy)
		wish_add(choice, &(struct notification_wish){
			.policy = policy, .rule = STR("acknowledge"), .message = STR("acknowledge"),
			.to = { customer, 1 }, .channels = { origin, 1 },
			.template_name = STR("acknowledge"),
		});
}

/* ---- clocks ---- */

static const struct actions *clock_actions(const struct clock_rule *clock, struct str fact)
{
	if (str_is(fact, "sla.warned"))
		return &clock->on_warn;
	if (str_is(fact, "sla.breached"))
		return &clock->on_breach;
	if (str_is(fact, "sla.met"))
		return &clock->on_met;
	return NULL;
}

/* Clocks of one name are alternatives: the first whose match holds is the one that ran, else (its grade has changed since)
 * the first of that name. */
static const struct clock_rule *clock_of(const struct policy *policy, struct str name, const struct choice *choice)
{
	const struct clock_rule *first = NULL;

	for (size_t i = 0; i < policy->clock_count; i++) {
		const struct clock_rule *clock = &policy->clocks[i];

		if (!str_eq(clock->name, name))
			continue;
		if (match_holds(&clock->match, choice->vector, choice->now))
			return clock;
		if (!first)
			first = clock;
	}
	return first;
}

static void add_clock(struct choice *choice, const struct policy *policy)
{
	const struct clock_rule *clock;
	const struct actions *actions;

	if (!choice->fact->clock.p || !str_eq(policy->id, choice->fact->policy))
		return;
	clock = clock_of(policy, choice->fact->clock, choice);
	actions = clock ? clock_actions(clock, choice->fact->name) : NULL;
	if (actions)
		add_actions(choice, policy, clock->name, actions, NULL);
}

/* ---- rules and programmes ---- */

static void add_rules(struct choice *choice, const struct policy *policy, const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(rules[i].on, choice->fact->name) && match_holds(&rules[i].match, choice->vector, choice->now))
			add_actions(choice, policy, rules[i].name, &rules[i].actions, rules[i].has_after ? &rules[i].after : NULL);
}

static void add_programmes(struct choice *choice, const struct policy *policy)
{
	if (!choice->fact->programme.p || !str_eq(policy->id, choice->fact->policy))
		return;
	for (size_t i = 0; i < policy->programme_count; i++) {
		const struct programme *programme = &policy->programmes[i];

		if (!str_eq(programme->name, choice->fact->programme))
			continue;
		add_rules(choice, policy, programme->then, programme->then_count);
		if (str_is(choice->fact->name, "survey.unreturned"))
			add_actions(choice, policy, programme->name, &programme->missed, NULL);
	}
}

static bool rules_listen(const struct rule *rules, size_t count, struct str fact)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(rules[i].on, fact) && notifies(&rules[i].actions))
			return true;
	return false;
}

bool notification_listens(const struct notification_fact *fact, const struct policy *const *policies, size_t count)
{
	if (speaker(fact, policies, count) || acknowledger(fact, policies, count))
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct policy *policy = policies[i];

		if (rules_listen(policy->rules, policy->rule_count, fact->name))
			return true;
		if (!str_eq(policy->id, fact->policy) || (!fact->clock.p && !fact->programme.p))
			continue;
		for (size_t j = 0; j < policy->clock_count; j++) {
			const struct actions *actions = clock_actions(&policy->clocks[j], fact->name);

			if (actions && str_eq(policy->clocks[j].name, fact->clock) && notifies(actions))
				return true;
		}
		for (size_t j = 0; j < policy->programme_count; j++)
			if (str_eq(policy->programmes[j].name, fact->programme))
				return true;
	}
	return false;
}

size_t notification_choose(const struct notification_fact *fact, const struct policy *const *policies, size_t count,
			   const struct value *vector, instant now, struct notification_wish *ret, size_t most)
{
	struct choice choice = { .fact = fact, .vector = vector, .now = now, .wishes = ret, .most = most };

	add_messages(&choice, policies, count);
	for (size_t i = 0; i < count; i++) {
		add_clock(&choice, policies[i]);
		add_rules(&choice, policies[i], policies[i]->rules, policies[i]->rule_count);
		add_programmes(&choice, policies[i]);
	}
	return choice.count;
}

size_t notification_choose_rule(const struct policy *policy, struct str rule, struct notification_wish *ret, size_t most)
{
	struct choice choice = { .wishes = ret, .most = most };

	for (size_t i = 0; i < policy->rule_count; i++)
		if (str_eq(policy->rules[i].name, rule))
			add_actions(&choice, policy, rule, &policy->rules[i].actions, NULL);
	return choice.count;
}

/* ---- once_per ---- */

/* The word "KEY=..." of a list; absent when it is not there. */
static struct str told_word(struct str told, struct str key, struct str *ret_value)
{
	while (told.p) {
		struct str word = str_cut(&told, ' '), value = word;

		if (word.n && str_eq(str_cut(&value, '='), key)) {
			*ret_value = value;
			return word;
		}
	}
	return STR_NONE;
}

bool notification_told(struct str told, struct str key, struct str once_per, instant now)
{
	struct duration length;
	struct str value;
	int64_t last;

	if (!once_per.p || str_is(once_per, "fact") || !told_word(told, key, &value).p)
		return false;
	if (str_is(once_per, "ticket"))
		return true;
	return duration_parse(once_per, &length) && str_int64(value, &last) && instant_add(last, length, 0) > now;
}

struct str notification_tell(struct arena *arena, struct str told, struct str key, instant now)
{
	struct str value = STR_NONE, word = told_word(told, key, &value);
	long long at = now;

	if (word.p) {
		size_t before = (size_t)(word.p - told.p);

		return str_format(arena, "%.*s%.*s=%lld%.*s", (int)before, told.p, STR_ARG(key), at,
				  (int)(told.n - before - word.n), word.p + word.n);
	}
	return str_format(arena, "%.*s%s%.*s=%lld", STR_ARG(told), told.n ? " " : "", STR_ARG(key), at);
}

/* ---- delivery ---- */

bool notification_reaches(const struct notification_option *option)
{
	return option->via != VIA_LOG && (option->address.n > 0 || !option->needs_address);
}

size_t notification_channel(const struct notification_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (notification_reaches(&options[i]))
			return i;
	for (size_t i = 0; i < count; i++)
		if (options[i].via == VIA_LOG)
			return i;
	return 0;
}

enum notification_state notification_after(enum notification_outcome outcome, int32_t attempts,
					   const struct notification_patience *patience, instant now, instant *ret_retry_at)
{
	int64_t wait = patience->retry_after;

	if (outcome == OUTCOME_DELIVERED)
		return MESSAGE_SENT;
	if (outcome == OUTCOME_PERMANENT || attempts >= patience->attempts)
		return MESSAGE_FAILED;
	for (int32_t i = 1; i < attempts && wait < patience->retry_most; i++)
		wait *= 2;
	wait = wait < patience->retry_most ? wait : patience->retry_most;
	*ret_retry_at = now + (wait > patience->asked ? wait : patience->asked);
	return MESSAGE_REQUESTED;
}
