/* Steps of the lifecycle and who may take them: the rows that the shared lifecycle and a policy's "allow" consist of.
 *
 * A row names one claim or several, the states it is allowed in and where it leads; what a row does not say follows the rule
 * (fact by the naming rule, every state moves). Used by policy_lifecycle.c and policy_gates.c. */
#include <string.h>

#include "common/io/policy_inner.h"

static state_set state_bits(struct compile *compile, const struct place *at, const struct place *groups, int depth)
{
	struct str word = read_text(compile, at);
	enum state state = state_of(word);
	state_set all = 0;
	struct place group;

	if (word.n == 0)
		return 0;
	if (state != STATE_NONE)
		return STATE_BIT(state);
	for (state = STATE_NONE + 1; state < STATE_MAX; state++)
		if (str_is(word, "any") || (str_is(word, "open") && state_is_open(state)))
			all |= STATE_BIT(state);
	if (all)
		return all;
	group = groups ? place_member(groups, word.p) : (struct place){ 0 };
	if (!group.value || depth > 0) {
		words_complain(compile, at, &words_state, word);
		return 0;
	}
	for (size_t i = 0; i < json_array_size(group.value); i++) {
		struct place element = place_element(&group, i);

		all |= state_bits(compile, &element, groups, depth + 1);
	}
	return all;
}

state_set read_states(struct compile *compile, const struct place *at, const struct place *groups)
{
	state_set set = 0;
	size_t count;

	if (json_is_string(at->value))
		return state_bits(compile, at, groups, 0);
	count = read_list(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		set |= state_bits(compile, &element, groups, 0);
	}
	if (at->value && count == 0)
		complain(compile, at, "names no state");
	return set;
}

static void read_target(struct compile *compile, const struct place *at, struct transition *transition)
{
	struct str word = read_text(compile, at);

	transition->target = TARGET_SAME;
	if (word.n == 0)
		return;
	if (str_is(word, "before_waiting")) {
		transition->target = TARGET_BEFORE_WAITING;
		return;
	}
	transition->target = TARGET_STATE;
	transition->to = state_of(word);
	if (transition->to == STATE_NONE)
		words_complain(compile, at, &words_state, word);
}

static void read_transition(struct compile *compile, const struct place *at, const struct place *groups,
			    struct transition *transition)
{
	static const char *const members[] = { "!claim", "match", "!in", "to", "moves", "fact", "follows",
					       "within_reopen", "without_confirmation", "when_complete", "waits",
					       "reopens", "regrade", NULL };
	struct place match = place_member(at, "match");
	struct place in = place_member(at, "in");
	struct place to = place_member(at, "to");
	struct place moves = place_member(at, "moves");
	struct place fact = place_member(at, "fact");
	struct place follows = place_member(at, "follows");
	const struct {
		const char *key;
		bool *value;
	} switches[] = { { "within_reopen", &transition->within_reopen },
			 { "without_confirmation", &transition->without_confirmation },
			 { "when_complete", &transition->when_complete },
			 { "waits", &transition->waits },
			 { "reopens", &transition->reopens },
			 { "regrade", &transition->regrade } };

	if (!read_object(compile, at, members))
		return;
	transition->match = read_match(compile, &match);
	transition->in = read_states(compile, &in, groups);
	read_target(compile, &to, transition);
	transition->moves = moves.value ? read_states(compile, &moves, groups) : transition->in;
	if (moves.value && !to.value)
		complain(compile, &moves, "\"moves\" goes with \"to\"");
	else if (transition->moves & ~transition->in)
		complain(compile, &moves, "moves states that it is not allowed in");
	transition->fact = read_word(compile, &fact, &words_fact);
	transition->follows = read_word(compile, &follows, &words_fact);
	for (size_t i = 0; i < array_count(switches); i++) {
		struct place place = place_member(at, switches[i].key);

		*switches[i].value = read_bool(compile, &place, false);
	}
}

const struct transition *read_transitions(struct compile *compile, const struct place *at, const struct place *groups,
					  size_t *ret_count)
{
	size_t count = read_list(compile, at);
	struct transition *transitions = NULL;
	size_t capacity = 0;

	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);
		struct place claim = place_member(&element, "claim");
		struct transition row = { 0 };
		struct strings names;

		read_transition(compile, &element, groups, &row);
		names = read_words(compile, &claim, &words_claim);
		if (claim.value && names.count == 0)
			complain(compile, &claim, "names no claim");
		arena_grow(compile->arena, &transitions, &capacity, *ret_count + names.count, sizeof(*transitions));
		for (size_t k = 0; k < names.count; k++) {
			struct transition *transition = &transitions[(*ret_count)++];

			*transition = row;
			transition->claim = names.items[k];
			if (!row.fact.p && names.items[k].p)
				transition->fact = words_fact_of(compile->arena, names.items[k]);
		}
	}
	return transitions;
}

struct strings strings_of_words(struct compile *compile, const struct words *words)
{
	size_t count = 0;
	struct str *items;

	while (words->items[count])
		count++;
	items = arena_zero(compile->arena, (count + 1) * sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = str_of(words->items[i]);
	return (struct strings){ items, count };
}

static void check_role(struct compile *compile, const struct place *at, const void *unused)
{
	struct str word = str_of(json_string_value(at->value));

	(void)unused;
	if (!str_is(word, "management") && !str_is(word, "staff") && !words_have(compile, &words_role, word))
		words_complain(compile, at, &words_role, word);
}

static struct strings expand_roles(struct compile *compile, struct strings roles, struct strings staff,
				   struct strings management)
{
	struct str *items = arena_zero(compile->arena,
				       (roles.count + staff.count + management.count + 1) * sizeof(*items));
	struct strings all = { items, 0 };

	for (size_t i = 0; i < roles.count; i++) {
		struct strings group = { &roles.items[i], 1 };

		if (str_is(roles.items[i], "management"))
			group = management;
		else if (str_is(roles.items[i], "staff"))
			group = staff;
		for (size_t k = 0; k < group.count; k++)
			if (!strings_contain(all, group.items[k]))
				items[all.count++] = group.items[k];
	}
	return all;
}

const struct permission *read_permissions(struct compile *compile, const struct place *at, struct strings staff,
					  struct strings management, size_t *ret_count)
{
	static const char *const members[] = { "!claim", "!roles", NULL };
	size_t count = read_list(compile, at);
	struct permission *permissions = NULL;
	size_t capacity = 0;

	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);
		struct place claim = place_member(&element, "claim");
		struct place roles = place_member(&element, "roles");
		struct strings names;
		struct strings who;

		if (!read_object(compile, &element, members))
			continue;
		names = read_words(compile, &claim, &words_claim);
		if (claim.value && names.count == 0)
			complain(compile, &claim, "names no claim");
		if (compile->strict && json_is_array(roles.value) && json_array_size(roles.value) == 0)
			complain(compile, &roles, "names no role: nobody could ever say it");
		who = expand_roles(compile, read_strings(compile, &roles, check_role, NULL), staff, management);
		arena_grow(compile->arena, &permissions, &capacity, *ret_count + names.count, sizeof(*permissions));
		for (size_t k = 0; k < names.count; k++)
			permissions[(*ret_count)++] = (struct permission){ names.items[k], who };
	}
	return permissions;
}
