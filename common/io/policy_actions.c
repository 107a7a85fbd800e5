/* Actions and the rules that take them: {"action": "notify", "to": "manager", "message": "overdue"}.
 *
 * The set is closed; each action has its own members, and anything else in it is an error. Actions of the language that no
 * daemon carries out yet are refused by name: must never let one through that would do nothing. */
#include <string.h>

#include "common/io/policy_inner.h"

static const char *const names[] = {
	[ACTION_NOTIFY] = "notify", [ACTION_ESCALATE] = "escalate", [ACTION_TASK] = "task", [ACTION_FLAG] = "flag",
	[ACTION_PRIORITY] = "priority", [ACTION_REQUIRE_SPARE] = "require_spare", [ACTION_OPEN] = "open",
	[ACTION_SURVEY] = "survey", [ACTION_FOLLOWUP] = "followup", [ACTION_VISIT] = "visit",
	[ACTION_REOPEN] = "reopen", [ACTION_DISPATCH] = "dispatch", [ACTION_GROUP] = "group",
	[ACTION_RECORD] = "record", [ACTION_RECORD + 1] = NULL,
};
static const struct words words_action = { "action", names, NULL };

static const char *const *members_of(enum action_type type)
{
	static const char *const notify[] = { "!action", "!to", "!message", NULL };
	static const char *const escalate[] = { "!action", "!to", "level", NULL };
	static const char *const task[] = { "!action", "!what", "for", "due", NULL };
	static const char *const flag[] = { "!action", "set", "clear", NULL };
	static const char *const priority[] = { "!action", "!raise", NULL };
	static const char *const require_spare[] = { "!action", "due", NULL };
	static const char *const bare[] = { "!action", NULL };

	switch (type) {
	case ACTION_NOTIFY:
		return notify;
	case ACTION_ESCALATE:
		return escalate;
	case ACTION_TASK:
		return task;
	case ACTION_FLAG:
		return flag;
	case ACTION_PRIORITY:
		return priority;
	case ACTION_REQUIRE_SPARE:
		return require_spare;
	case ACTION_REOPEN:
	case ACTION_DISPATCH:
		return bare;
	/* No daemon does these yet. */
	case ACTION_OPEN:
	case ACTION_SURVEY:
	case ACTION_FOLLOWUP:
	case ACTION_VISIT:
	case ACTION_GROUP:
	case ACTION_RECORD:
		break;
	}
	return NULL;
}

static enum action_type type_of(struct str word)
{
	size_t i = 0;

	while (!str_is(word, names[i]))
		i++;
	return (enum action_type)i;
}

static void read_name_of(struct compile *compile, const struct place *at, const char *key, struct str *ret)
{
	struct place member = place_member(at, key);

	if (member.value)
		*ret = read_name(compile, &member);
}

static void read_action(struct compile *compile, const struct place *at, struct action *action)
{
	struct place type = place_member(at, "action");
	struct place to = place_member(at, "to");
	struct place person = place_member(at, "for");
	struct place due = place_member(at, "due");
	struct place message = place_member(at, "message");
	const char *const *members;
	struct str word;

	if (!json_is_object(at->value) || !type.value) {
		complain(compile, at, "an action is an object: {\"action\": \"notify\", ...}");
		return;
	}
	word = read_word(compile, &type, &words_action);
	if (word.n == 0)
		return;
	action->type = type_of(word);
	members = members_of(action->type);
	if (!members) {
		complain(compile, &type, "this version of Aftercare does not carry out \"%.*s\" yet", STR_ARG(word));
		return;
	}
	(void)read_object(compile, at, members);
	action->to = read_strings(compile, to.value ? &to : &person, check_recipient, NULL);
	if (json_is_array(to.value) && action->to.count == 0)
		complain(compile, &to, "names nobody");
	action->has_due = read_duration(compile, &due, &action->due);
	read_name_of(compile, at, "message", &action->message);
	check_message(compile, &message, action->message);
	read_name_of(compile, at, "what", &action->what);
	read_name_of(compile, at, "level", &action->level);
	read_name_of(compile, at, "clear", &action->clear);
	read_name_of(compile, at, action->type == ACTION_PRIORITY ? "raise" : "set", &action->set);
	if (action->type == ACTION_FLAG && !action->set.p == !action->clear.p)
		complain(compile, at, "one of \"set\" and \"clear\"");
}

struct actions read_actions(struct compile *compile, const struct place *at)
{
	size_t count = read_list(compile, at);
	struct action *items = arena_zero(compile->arena, (count + 1) * sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_action(compile, &element, &items[i]);
	}
	return (struct actions){ items, count };
}

void only_actions(struct compile *compile, const struct place *at, struct actions actions, bool task)
{
	for (size_t i = 0; i < actions.count && i < json_array_size(at->value); i++) {
		struct place element = place_element(at, i);
		struct place type = place_member(&element, "action");

		if (actions.items[i].type != ACTION_NOTIFY && !(task && actions.items[i].type == ACTION_TASK))
			complain(compile, &type, "this version of Aftercare carries out only %s here",
				 task ? "\"notify\" and \"task\"" : "\"notify\"");
	}
}

static void read_rule(struct compile *compile, const struct place *at, const char *on_default, struct rule *rule)
{
	static const char *const members[] = { "!name", "on", "match", "after", "unless", "~window", "!do", NULL };
	struct place name = place_member(at, "name");
	struct place on = place_member(at, "on");
	struct place match = place_member(at, "match");
	struct place after = place_member(at, "after");
	struct place unless = place_member(at, "unless");
	struct place actions = place_member(at, "do");

	if (!read_object(compile, at, members))
		return;
	rule->name = read_name(compile, &name);
	rule->on = on.value ? read_word(compile, &on, &words_fact) : str_of(on_default);
	if (!on.value && !on_default)
		complain(compile, at, "\"on\" is missing");
	rule->match = read_match(compile, &match);
	rule->has_after = read_duration(compile, &after, &rule->after);
	rule->unless = read_word(compile, &unless, &words_fact);
	if (unless.value && !after.value)
		complain(compile, &unless, "\"unless\" goes with \"after\"");
	rule->actions = read_actions(compile, &actions);
	if (actions.value && rule->actions.count == 0 && json_is_array(actions.value))
		complain(compile, &actions, "does nothing");
}

const struct rule *read_rules(struct compile *compile, const struct place *at, const char *on_default, size_t *ret_count)
{
	size_t count = read_list(compile, at);
	struct rule *rules = arena_zero(compile->arena, (count + 1) * sizeof(*rules));

	check_names(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_rule(compile, &element, on_default, &rules[i]);
	}
	*ret_count = count;
	return rules;
}
