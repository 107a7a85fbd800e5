/* Clocks that can never start and rules that are never reached: each part is right, together they say nothing.
 *
 * Such a line is no harm to any ticket, but whoever wrote it believes that it holds; so it is refused, with the reason. Must never
 * refuse what can do something: where it cannot tell, it is silent. */
#include <string.h>

#include "common/base/desk.h"
#include "common/io/policy_inner.h"

static bool names_fact(const struct trigger *trigger, const char *fact)
{
	if (trigger->type == TRIGGER_EVENT)
		return str_is(trigger->fact, fact);
	for (size_t i = 0; i < trigger->part_count; i++)
		if (names_fact(&trigger->parts[i], fact))
			return true;
	return false;
}

/* Whether the trigger cannot happen while the match holds; *ret_path: where they contradict each other. */
static bool trigger_never(const struct trigger *trigger, const struct match *match, const struct attributes *attributes,
			  struct str *ret_path)
{
	size_t never = 0;

	if (trigger->type == TRIGGER_EVENT)
		return match_never(&trigger->match, match, attributes, ret_path);
	for (size_t i = 0; i < trigger->part_count; i++)
		never += trigger_never(&trigger->parts[i], match, attributes, ret_path);
	return trigger->type == TRIGGER_ALL ? never > 0 : never > 0 && never == trigger->part_count;
}

/* Whether it can only begin with the end of its ticket; *ret_fact: that end. */
static bool only_ends(const struct trigger *trigger, struct str *ret_fact)
{
	size_t ends = 0;

	if (trigger->type == TRIGGER_EVENT) {
		*ret_fact = trigger->fact;
		return str_is(trigger->fact, "ticket.closed") || str_is(trigger->fact, "ticket.cancelled");
	}
	for (size_t i = 0; i < trigger->part_count; i++)
		ends += only_ends(&trigger->parts[i], ret_fact);
	return trigger->type == TRIGGER_ANY && ends > 0 && ends == trigger->part_count;
}

bool clock_alternatives(const struct clock_rule *a, const struct clock_rule *b)
{
	return str_eq(a->name, b->name) && a->desk == b->desk &&
	       names_fact(&a->start, "ticket.reopened") == names_fact(&b->start, "ticket.reopened");
}

static void check_clock(struct compile *compile, const struct place *list, const struct policy *policy, size_t i)
{
	const struct clock_rule *clock = &policy->clocks[i];
	struct place at = place_element(list, i);
	struct place start = place_member(&at, "start"), match = place_member(&at, "match");
	struct str path, fact;

	if (!clock->desk && only_ends(&clock->start, &fact))
		complain(compile, &start, "this clock can never start: \"%.*s\" ends all clocks of a ticket, so none begins with it; what "
			 "follows a case is a programme or a rule", STR_ARG(fact));
	else if (trigger_never(&clock->start, &clock->match, compile->attributes, &path))
		complain(compile, &start, "this clock can never start: what starts it and its \"match\" exclude each other in \"%.*s\"",
			 STR_ARG(path));
	/* Other things of a ticket may be otherwise later than when it was registered. */
	else if (match_never(&policy->applies, &clock->match, compile->attributes, &path) && str_is(path, "channel"))
		complain(compile, &match, "this clock can never start: the policy does not apply to requests of such a \"%.*s\" "
			 "(/applies/match)", STR_ARG(path));
	for (size_t k = 0; k < i; k++)
		if (clock_alternatives(&policy->clocks[k], clock) && match_covers(&policy->clocks[k].match, &clock->match)) {
			complain(compile, &at, "this clock can never start: the clock \"%.*s\" at %zu of this list holds wherever this one "
				 "does, and of one name the first speaks; put the narrower one first", STR_ARG(clock->name), k);
			break;
		}
}

/* Of a list in which the first that matches speaks: one behind another that takes all it could have. */
static void check_first(struct compile *compile, const struct place *list, size_t i, size_t before)
{
	struct place at = place_element(list, i), name = place_member(&at, "name");
	json_t *other = json_object_get(json_array_get(list->value, before), "name");

	if (json_is_string(name.value) && json_is_string(other))
		complain(compile, &at, "\"%s\" is never reached: \"%s\" before it takes all that it matches, and the first speaks",
			 json_string_value(name.value), json_string_value(other));
	else
		complain(compile, &at, "never reached: the one at %zu of this list takes all that it matches, and the first speaks", before);
}

static void check_routes(struct compile *compile, const struct place *list, const struct routing_policy *routing)
{
	for (size_t i = 0; i < routing->rule_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!routing->rules[k].else_next && match_covers(&routing->rules[k].match, &routing->rules[i].match)) {
				check_first(compile, list, i, k);
				break;
			}
}

static void check_steps(struct compile *compile, const struct place *list, const struct step_rule *rules, size_t count)
{
	for (size_t i = 0; i < count && json_is_array(list->value); i++)
		for (size_t k = 0; k < i; k++)
			if (match_covers(&rules[k].match, &rules[i].match)) {
				check_first(compile, list, i, k);
				break;
			}
}

void check_never(struct compile *compile, const struct place *root, const struct policy *policy)
{
	struct place clocks = place_member(root, "clocks"), routing = place_member(root, "routing"), intake = place_member(root, "intake");
	struct place rules = place_member(&routing, "rules"), verify = place_member(&intake, "verify"),
		     classify = place_member(&intake, "classify");

	for (size_t i = 0; i < policy->clock_count; i++)
		check_clock(compile, &clocks, policy, i);
	check_routes(compile, &rules, &policy->routing);
	check_steps(compile, &verify, policy->verify, policy->verify_count);
	check_steps(compile, &classify, policy->classify, policy->classify_count);
}
