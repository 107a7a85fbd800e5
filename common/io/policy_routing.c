/* The section "routing": who is eligible, whom a ticket goes to, and who is preferred of several.
 *
 * The choice must be total: whatever a document prefers, the id is the last word, and this is where that is enforced. */
#include <string.h>

#include "common/io/policy_inner.h"

static void read_roles(struct compile *compile, const struct place *at, struct routing_need *need)
{
	size_t count = json_object_size(at->value);
	struct mode_role *roles = arena_zero(compile->arena, (count + 1) * sizeof(*roles));
	const char *key;
	json_t *value;

	need->roles = roles;
	if (!present(at))
		return;
	if (json_is_string(at->value)) {
		need->fallback_role = read_word(compile, at, &words_role);
		return;
	}
	if (!json_is_object(at->value)) {
		complain(compile, at, "an object of roles by mode or kind: {\"onsite\": \"field_service\"}");
		return;
	}
	json_object_foreach (at->value, key, value) {
		struct place member = { .up = at, .key = key, .value = value };
		struct str role = read_word(compile, &member, &words_role);
		struct str word = str_of(key);

		if (str_is(word, "else")) {
			need->fallback_role = role;
			continue;
		}
		if (!words_have(compile, &words_mode, word) && !words_have(compile, &words_kind, word))
			complain(compile, &member, "\"%s\" is no mode, no kind and not \"else\"", key);
		roles[need->role_count++] = (struct mode_role){ str_copy(compile->arena, word), role };
	}
}

static void read_need(struct compile *compile, const struct place *at, struct routing_need *need)
{
	static const char *const members[] = { "skill", "min_level", "on_post", "onboarded", "certificate", "role",
					       "not_named_in_complaint", "language", "capacity", NULL };
	static const char *const certificates[] = { "none", "prefer", "require", NULL };
	static const struct words words_certificate = { "rule for certificates", certificates, NULL };
	struct place level = place_member(at, "min_level");
	struct place certificate = place_member(at, "certificate");
	struct place role = place_member(at, "role");
	const struct {
		const char *key;
		bool *value;
	} switches[] = { { "skill", &need->skill }, { "on_post", &need->on_post }, { "onboarded", &need->onboarded },
			 { "not_named_in_complaint", &need->not_named }, { "language", &need->language },
			 { "capacity", &need->capacity } };
	struct str word;

	if (!read_object(compile, at, members))
		return;
	for (size_t i = 0; i < array_count(switches); i++) {
		struct place place = place_member(at, switches[i].key);

		*switches[i].value = read_bool(compile, &place, false);
	}
	need->min_level = (int)read_int(compile, &level, 0, 0, 100);
	word = read_word(compile, &certificate, &words_certificate);
	need->certificate = str_is(word, "require")  ? CERTIFICATE_REQUIRE
			    : str_is(word, "prefer") ? CERTIFICATE_PREFER
						     : CERTIFICATE_NONE;
	need->role = role.value != NULL;
	read_roles(compile, &role, need);
}

static void read_route_target(struct compile *compile, const struct place *at, struct route_rule *rule)
{
	static const char *const members[] = { "pool", "of", "person", "role", "role_level", NULL };
	static const char *const pools[] = { "skill", NULL };
	static const char *const levels[] = { "management", NULL };
	static const struct words words_pool = { "pool", pools, NULL };
	static const struct words words_level = { "level of roles", levels, NULL };
	struct place pool = place_member(at, "pool");
	struct place person = place_member(at, "person");
	struct place of = place_member(at, "of");
	struct place role = place_member(at, "role");
	struct place level = place_member(at, "role_level");
	const struct words *codes;

	if (!read_object(compile, at, members))
		return;
	if (!!pool.value + !!person.value + !!role.value + !!level.value != 1)
		complain(compile, at, "one of \"pool\", \"person\", \"role\", \"role_level\"");
	if (of.value && !pool.value)
		complain(compile, &of, "\"of\" goes with \"pool\"");
	if (pool.value) {
		rule->type = ROUTE_POOL;
		rule->to = read_word(compile, &pool, &words_pool);
		rule->of = read_word(compile, &of, &words_role);
	} else if (person.value) {
		rule->type = ROUTE_PERSON;
		rule->to = read_text(compile, &person);
		if (rule->to.n > 0 && path_known(compile, &person, rule->to, &codes))
			rule->attribute = path_intern(compile, rule->to);
	} else if (role.value) {
		rule->type = ROUTE_ROLE;
		rule->to = read_word(compile, &role, &words_role);
	} else if (level.value) {
		rule->type = ROUTE_ROLE_LEVEL;
		rule->to = read_word(compile, &level, &words_level);
	}
}

static void read_route(struct compile *compile, const struct place *at, struct route_rule *rule)
{
	static const char *const members[] = { "name", "match", "!to", "else", "binding", NULL };
	struct place name = place_member(at, "name");
	struct place match = place_member(at, "match");
	struct place to = place_member(at, "to");
	struct place otherwise = place_member(at, "else");
	struct place binding = place_member(at, "binding");

	if (!read_object(compile, at, members))
		return;
	rule->name = name.value ? read_name(compile, &name) : str_format(compile->arena, "rule.%zu", at->index);
	rule->match = read_match(compile, &match);
	read_route_target(compile, &to, rule);
	rule->else_next = json_is_string(otherwise.value) && strcmp(json_string_value(otherwise.value), "next") == 0;
	if (otherwise.value && !rule->else_next)
		complain(compile, &otherwise, "\"else\" can only be \"next\"");
	rule->binding = read_bool(compile, &binding, false);
}

static void read_preferences(struct compile *compile, const struct place *at, struct routing_policy *routing)
{
	static const char *const names[] = {
		[PREFER_CERTIFICATE] = "certificate", [PREFER_LEVEL] = "level",
		[PREFER_SAME_CUSTOMER] = "same_customer_before", [PREFER_FEWEST_OPEN] = "fewest_open",
		[PREFER_LONGEST_IDLE] = "longest_idle", [PREFER_ID] = "id", [PREFER_ID + 1] = NULL,
	};
	static const struct words words_preference = { "preference", names, NULL };
	struct strings list = read_words(compile, at, &words_preference);
	enum preference *prefer = arena_zero(compile->arena, (list.count + 1) * sizeof(*prefer));

	for (size_t i = 0; i < list.count; i++)
		for (size_t k = 0; names[k]; k++)
			if (str_is(list.items[i], names[k]))
				prefer[i] = (enum preference)k;
	if (list.count > 0 && prefer[list.count - 1] != PREFER_ID)
		complain(compile, at, "the last must be \"id\", so that the choice is total");
	if (list.count == 0)
		prefer[list.count++] = PREFER_ID;
	routing->prefer = prefer;
	routing->prefer_count = list.count;
}

void read_routing(struct compile *compile, const struct place *at, struct policy *policy)
{
	static const char *const members[] = { "need", "rules", "prefer", "~queue", "~subtasks", "~department", NULL };
	struct routing_policy *routing = &policy->routing;
	struct place need = place_member(at, "need");
	struct place rules = place_member(at, "rules");
	struct place prefer = place_member(at, "prefer");
	struct route_rule *routes;

	if (!read_object(compile, at, members) || json_object_size(at->value) == 0)
		return;
	routing->present = true;
	read_need(compile, &need, &routing->need);
	routing->rule_count = read_list(compile, &rules);
	check_names(compile, &rules);
	routing->rules = routes = arena_zero(compile->arena, (routing->rule_count + 1) * sizeof(*routes));
	for (size_t i = 0; i < routing->rule_count; i++) {
		struct place element = place_element(&rules, i);

		read_route(compile, &element, &routes[i]);
	}
	if (routing->rule_count == 0)
		complain(compile, at, "\"rules\" is missing: at least {\"to\": {\"pool\": \"skill\"}}");
	read_preferences(compile, &prefer, routing);
}
