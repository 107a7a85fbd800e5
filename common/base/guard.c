/* What guards and gates ask of a claim, and how a refusal says what is missing.
 *
 * Which evidence a ticket has is the business of who follows it; here is what is the same for every daemon. Pure. */
#include "common/base/policy.h"

/* An empty or blank text says as little as none. */
static bool says(const struct value *value)
{
	return value->type != VALUE_ABSENT && (value->type != VALUE_STRING || str_trim(value->string).n > 0);
}

bool evidence_seen(const struct evidence *evidence, const struct value *vector, instant now)
{
	switch (evidence->type) {
	case EVIDENCE_FIELD:
		return vector && says(&vector[evidence->attribute]);
	case EVIDENCE_MATCH:
		return match_holds(&evidence->match, vector, now);
	case EVIDENCE_ANY:
		for (size_t i = 0; i < evidence->part_count; i++)
			if (evidence_seen(&evidence->parts[i], vector, now))
				return true;
		return false;
	case EVIDENCE_FACT:
	case EVIDENCE_COUNT:
	case EVIDENCE_TOLD:
		break;
	}
	return false;
}

/* The item in words, both languages: those who read dead letters are of either. */
static struct str in_words(struct arena *arena, const struct evidence *evidence)
{
	struct str text = STR("");

	if (evidence->missing_en.n > 0 && evidence->missing_zh.n > 0)
		return str_format(arena, "%.*s (%.*s)", STR_ARG(evidence->missing_en), STR_ARG(evidence->missing_zh));
	if (evidence->missing_en.n > 0)
		return evidence->missing_en;
	if (evidence->missing_zh.n > 0)
		return evidence->missing_zh;
	for (size_t i = 0; i < evidence->part_count; i++)
		text = str_format(arena, "%.*s%s%.*s", STR_ARG(text), i > 0 ? " or " : "",
				  STR_ARG(in_words(arena, &evidence->parts[i])));
	if (text.n > 0)
		return text;
	return evidence->fact.n > 0 ? evidence->fact : evidence->told.n > 0 ? evidence->told : evidence->id;
}

struct str guards_missing(const struct policy *const *policies, size_t policy_count, struct str claim,
			  const struct value *vector, instant now,
			  bool (*met)(const struct policy *policy, const struct evidence *evidence, const void *userdata),
			  const void *userdata, struct arena *arena)
{
	struct str missing = STR_NONE;

	for (size_t i = 0; i < policy_count; i++) {
		for (size_t j = 0; j < policies[i]->guard_count; j++) {
			const struct guard *guard = &policies[i]->guards[j];

			if (!str_eq(guard->claim, claim) || !match_holds(&guard->match, vector, now))
				continue;
			for (size_t k = 0; k < guard->need_count; k++) {
				struct str words;

				if (met(policies[i], &guard->needs[k], userdata))
					continue;
				words = in_words(arena, &guard->needs[k]);
				missing = missing.n > 0 ? str_format(arena, "%.*s; %.*s", STR_ARG(missing), STR_ARG(words)) : words;
			}
		}
	}
	return missing;
}
