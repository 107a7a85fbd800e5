/* Questions that every daemon asks a compiled policy or the shared lifecycle in the same way.
 *
 * Which step a claim takes, where it leads, and who may make it. What the step then does is routing's.
 * Must stay pure: no clock, no allocation; the policies come in the ticket's order, the most specific first. */
#include "common/base/policy.h"

bool strings_contain(struct strings list, struct str s)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_eq(list.items[i], s))
			return true;
	return false;
}

bool policies_clash(const struct policy *a, const struct policy *b, const struct attributes *attributes)
{
	struct str path;

	return !a->statutory && !b->statutory && !str_eq(a->id, b->id) && str_eq(a->family, b->family) && a->rank == b->rank &&
	       !match_never(&a->applies, &b->applies, attributes, &path);
}

/* Gates add up, so one policy that needs the confirmation is enough; without any policy it is needed. */
static bool needs_confirmation(const struct policy *const *policies, size_t policy_count)
{
	for (size_t i = 0; i < policy_count; i++)
		if (!policies[i]->no_confirmation)
			return true;
	return policy_count == 0;
}

static bool may_reopen(const struct policy *const *policies, size_t policy_count, const struct attempt *attempt)
{
	for (size_t i = 0; i < policy_count; i++)
		if (policies[i]->has_reopen_within)
			return attempt->closed_at != INSTANT_NONE &&
			       instant_add(attempt->closed_at, policies[i]->reopen_within,
					   policies[i]->zone_offset_us) >= attempt->at;
	return false;
}

static bool fits(const struct transition *transition, const struct policy *const *policies, size_t policy_count,
		 const struct attempt *attempt)
{
	return str_eq(transition->claim, attempt->claim) && (transition->in & STATE_BIT(attempt->state)) &&
	       match_holds(&transition->match, attempt->vector, attempt->now) &&
	       !(transition->without_confirmation && needs_confirmation(policies, policy_count)) &&
	       !(transition->within_reopen && attempt->state == STATE_CLOSED &&
		 !may_reopen(policies, policy_count, attempt));
}

const struct transition *lifecycle_step(const struct lifecycle *lifecycle, const struct policy *const *policies,
					size_t policy_count, const struct attempt *attempt)
{
	for (size_t i = 0; i < lifecycle->transition_count; i++)
		if (fits(&lifecycle->transitions[i], policies, policy_count, attempt))
			return &lifecycle->transitions[i];
	for (size_t i = 0; i < policy_count; i++)
		for (size_t k = 0; k < policies[i]->allow_count; k++)
			if (fits(&policies[i]->allow[k], policies, policy_count, attempt))
				return &policies[i]->allow[k];
	return NULL;
}

enum state transition_target(const struct transition *transition, enum state state, enum state before, bool complete)
{
	if ((transition->when_complete && !complete) || !(transition->moves & STATE_BIT(state)))
		return state;
	switch (transition->target) {
	case TARGET_SAME:
		break;
	case TARGET_STATE:
		return transition->to;
	case TARGET_BEFORE_WAITING:
		return before == STATE_NONE ? state : before;
	}
	return state;
}

static const struct permission *line_for(const struct permission *lines, size_t count, struct str claim)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(lines[i].claim, claim))
			return &lines[i];
	return NULL;
}

bool lifecycle_permits(const struct lifecycle *lifecycle, const struct policy *const *policies, size_t policy_count,
		       struct str claim, struct str role)
{
	const struct permission *line = NULL;

	for (size_t i = 0; i < policy_count && !line; i++)
		line = line_for(policies[i]->permissions, policies[i]->permission_count, claim);
	if (!line)
		line = line_for(lifecycle->permissions, lifecycle->permission_count, claim);
	return strings_contain(line ? line->roles : lifecycle->staff_roles, role);
}
