/* The section "intake": what a request needs before work on it can begin, and who establishes it.
 *
 * Fields are written as in the claim's data, alternatives with a bar ("customer.phone|customer.email").
 * Must check every name: what a request needs and what a warranty pays for nobody looks at again. */
#include <string.h>

#include "common/io/policy_inner.h"

static void read_required(struct compile *compile, const struct place *at, struct required_rule *rule)
{
	static const char *const members[] = { "match", "!fields", NULL };
	struct place match = place_member(at, "match");
	struct place fields = place_member(at, "fields");
	struct strings *lists;
	const struct words *codes;

	if (!read_object(compile, at, members))
		return;
	rule->match = read_match(compile, &match);
	rule->field_count = read_list(compile, &fields);
	if (rule->field_count == 0)
		complain(compile, at, "requires no field");
	rule->fields = lists = arena_zero(compile->arena, (rule->field_count + 1) * sizeof(*lists));
	for (size_t i = 0; i < rule->field_count; i++) {
		struct place element = place_element(&fields, i);
		struct str text = read_text(compile, &element);
		struct str rest = text;
		struct str *items = arena_zero(compile->arena, (text.n + 2) * sizeof(*items));

		lists[i].items = items;
		while (rest.p) {
			struct str path = str_cut(&rest, '|');

			if (path_known(compile, &element, path, &codes))
				items[lists[i].count++] = path;
		}
	}
}

static void read_step(struct compile *compile, const struct place *at, struct step_rule *rule)
{
	static const char *const members[] = { "by", "match", "need", "what", NULL };
	static const char *const doers[] = { "system", "person", NULL };
	static const struct words words_doer = { "doer", doers, NULL };
	struct place by = place_member(at, "by");
	struct place match = place_member(at, "match");
	struct place need = place_member(at, "need");
	const struct words *codes;
	uint32_t *attributes;

	if (!read_object(compile, at, members))
		return;
	rule->by = str_is(read_word(compile, &by, &words_doer), "person") ? BY_PERSON : BY_SYSTEM;
	rule->match = read_match(compile, &match);
	rule->need = read_strings(compile, &need, NULL, NULL);
	rule->need_attributes = attributes = arena_zero(compile->arena, (rule->need.count + 1) * sizeof(*attributes));
	for (size_t i = 0; i < rule->need.count; i++) {
		struct place element = json_is_array(need.value) ? place_element(&need, i) : need;

		if (path_known(compile, &element, rule->need.items[i], &codes))
			attributes[i] = path_intern(compile, rule->need.items[i]);
	}
	if (rule->by == BY_PERSON && rule->need.count > 0)
		complain(compile, &need, "\"need\" goes with \"by\": \"system\"; what a person must give is a guard");
}

/* One rule or a list of them. */
static const struct step_rule *read_steps(struct compile *compile, const struct place *at, size_t *ret_count)
{
	bool single = json_is_object(at->value);
	size_t count = single ? 1 : read_list(compile, at);
	struct step_rule *rules = arena_zero(compile->arena, (count + 1) * sizeof(*rules));

	for (size_t i = 0; i < count; i++) {
		struct place place = single ? *at : place_element(at, i);

		read_step(compile, &place, &rules[i]);
	}
	*ret_count = count;
	return rules;
}

static void read_entitlement(struct compile *compile, const struct place *at, struct entitlement *entitlement)
{
	static const char *const members[] = { "match", "review", NULL };
	struct place match = place_member(at, "match");
	struct place review = place_member(at, "review");

	if (!read_object(compile, at, members))
		return;
	entitlement->present = true;
	entitlement->match = read_match(compile, &match);
	entitlement->review = read_bool(compile, &review, true);
}

static void read_warranty(struct compile *compile, const struct place *at, struct warranty *warranty)
{
	static const char *const members[] = { "!anchor", "!length", "manufacturer_if_longer", "labour_free", "parts_free",
					       "otherwise", "!outside", NULL };
	static const char *const anchors[] = { "accepted_on", NULL };
	static const struct words words_anchor = { "anchor", anchors, NULL };
	struct place anchor = place_member(at, "anchor");
	struct place length = place_member(at, "length");
	struct place longer = place_member(at, "manufacturer_if_longer");
	struct place labour = place_member(at, "labour_free");
	struct place parts = place_member(at, "parts_free");
	struct place otherwise = place_member(at, "otherwise");
	struct place outside = place_member(at, "outside");

	if (!read_object(compile, at, members))
		return;
	warranty->present = true;
	(void)read_word(compile, &anchor, &words_anchor);
	(void)read_duration(compile, &length, &warranty->length);
	warranty->manufacturer_if_longer = read_bool(compile, &longer, false);
	warranty->labour_free = read_match(compile, &labour);
	warranty->parts_free = read_match(compile, &parts);
	warranty->outside = read_word(compile, &outside, &words_charge);
	warranty->otherwise = otherwise.value ? read_word(compile, &otherwise, &words_charge) : warranty->outside;
	warranty->zone_offset_us = compile->zone_offset_us;
	warranty->in_warranty = path_intern(compile, STR("installation.in_warranty"));
}

void read_intake(struct compile *compile, const struct place *at, struct policy *policy)
{
	static const char *const members[] = { "channels", "required", "verify", "classify", "entitlement", "warranty",
					       "unknown_kind", "acknowledge", "max_backdate", NULL };
	struct place channels = place_member(at, "channels");
	struct place required = place_member(at, "required");
	struct place verify = place_member(at, "verify");
	struct place classify = place_member(at, "classify");
	struct place entitlement = place_member(at, "entitlement");
	struct place warranty = place_member(at, "warranty");
	struct place unknown = place_member(at, "unknown_kind");
	struct place acknowledge = place_member(at, "acknowledge");
	struct place backdate = place_member(at, "max_backdate");
	struct required_rule *rules;

	policy->unknown_kind = STR("other");
	policy->max_backdate = (struct duration){ .us = 15 * MINUTE };
	if (!read_object(compile, at, members))
		return;
	policy->channels = read_words(compile, &channels, &words_channel);
	policy->required_count = read_list(compile, &required);
	policy->required = rules = arena_zero(compile->arena, (policy->required_count + 1) * sizeof(*rules));
	for (size_t i = 0; i < policy->required_count; i++) {
		struct place element = place_element(&required, i);

		read_required(compile, &element, &rules[i]);
	}
	policy->verify = read_steps(compile, &verify, &policy->verify_count);
	policy->classify = read_steps(compile, &classify, &policy->classify_count);
	read_entitlement(compile, &entitlement, &policy->entitlement);
	read_warranty(compile, &warranty, &policy->warranty);
	if (unknown.value)
		policy->unknown_kind = read_word(compile, &unknown, &words_kind);
	policy->acknowledge = read_bool(compile, &acknowledge, false);
	(void)read_duration(compile, &backdate, &policy->max_backdate);
}
