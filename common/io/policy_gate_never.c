/* Gates that nobody can ever meet: what they need comes only with, or behind, what they hold back.
 *
 * For each guard the claims are found that can happen for the tickets it is about: one after the other, each once what its own
 * guards need can be there. What is left over waits for itself. States are not looked at, nor guards that hold for some of the
 * tickets only: must never refuse a gate that somebody can meet. */
#include <string.h>

#include "common/base/desk.h"
#include "common/io/policy_inner.h"

#define FACTS_MAX 256
#define CLAIMS_MAX 256

struct world {
	struct compile *compile;
	const struct policy *policy;
	const struct guard *about;       /* for the tickets that this guard is about */
	const struct str *facts;         /* of each claim the fact that it gives */
	bool fact[FACTS_MAX], claim[CLAIMS_MAX];
};

/* What also comes without a claim of anybody. */
static bool comes_by_itself(struct str fact)
{
	static const char *const system[] = { "ticket.verified", "ticket.classified", "ticket.assigned", "ticket.registered" };

	for (size_t i = 0; i < array_count(system); i++)
		if (str_is(fact, system[i]))
			return true;
	return false;
}

static bool gives(const struct world *world, size_t place, struct str fact)
{
	const struct policy *policy = world->policy;
	const char *claim = words_claim.items[place];

	if (str_eq(world->facts[place], fact) ||
	    (strcmp(claim, "customer.confirmed") == 0 && str_is(fact, "ticket.reopened")) ||
	    (strcmp(claim, "staff.cannot_answer") == 0 && str_is(fact, "ticket.escalated")))
		return true;
	for (size_t i = 0; i < policy->allow_count; i++)
		if (str_is(policy->allow[i].claim, claim) && (str_eq(policy->allow[i].fact, fact) || str_eq(policy->allow[i].follows, fact)))
			return true;
	return false;
}

static bool fact_possible(const struct world *world, struct str fact)
{
	for (size_t i = 0; words_fact.items[i]; i++)
		if (str_is(fact, words_fact.items[i]))
			return world->fact[i];
	return true;
}

/* The fact that a message is about; what no rule of this document says is the result. */
static struct str told_on(const struct policy *policy, struct str told)
{
	for (size_t i = 0; i < policy->message_count; i++)
		if (str_eq(policy->messages[i].name, told))
			return policy->messages[i].on;
	return STR("ticket.resolved");
}

static bool possible(const struct world *world, const struct evidence *evidence)
{
	switch (evidence->type) {
	case EVIDENCE_FACT:
		return fact_possible(world, evidence->fact);
	case EVIDENCE_TOLD:
		return fact_possible(world, told_on(world->policy, evidence->told));
	case EVIDENCE_ANY:
		for (size_t i = 0; i < evidence->part_count; i++)
			if (possible(world, &evidence->parts[i]))
				return true;
		return evidence->part_count == 0;
	case EVIDENCE_COUNT:      /* none of either is as many */
	case EVIDENCE_FIELD:
	case EVIDENCE_MATCH:
		break;
	}
	return true;
}

static bool looks_at_event(const struct world *world, const struct match *match)
{
	for (uint32_t i = 0; i < match->count; i++)
		if (match->steps[i].test < MATCH_NOT && world->compile->attributes->items[match->steps[i].attribute].scope == SCOPE_EVENT)
			return true;
	return false;
}

/* The guard that holds a claim back for all tickets that the world is about; NULL: none does. */
static const struct guard *held_back(const struct world *world, const char *claim)
{
	const struct policy *policy = world->policy;

	for (size_t i = 0; i < policy->guard_count; i++) {
		const struct guard *guard = &policy->guards[i];

		if (!str_is(guard->claim, claim) ||
		    (guard != world->about && (looks_at_event(world, &guard->match) || !match_covers(&guard->match, &world->about->match))))
			continue;
		for (size_t k = 0; k < guard->need_count; k++)
			if (!possible(world, &guard->needs[k]))
				return guard;
	}
	return NULL;
}

/* What comes of a programme alone. */
static bool is_of_programme(struct str fact, enum programme_type *ret_type)
{
	bool survey = str_starts(fact, STR("survey.")) || str_is(fact, "ticket.survey_answered");

	*ret_type = survey ? PROGRAMME_SURVEY : PROGRAMME_FOLLOWUP;
	return survey || str_is(fact, "followup.due");
}

/* Surveys and follow-up calls come with what their programmes follow; without any, others may bring them. *ret_last: the last
 * one that cannot. */
static bool programme_brings(const struct world *world, enum programme_type type, const struct programme **ret_last)
{
	*ret_last = NULL;
	for (size_t i = 0; i < world->policy->programme_count; i++) {
		const struct programme *programme = &world->policy->programmes[i];

		if (programme->type != type)
			continue;
		if (fact_possible(world, programme->on))
			return true;
		*ret_last = programme;
	}
	return !*ret_last;
}

static bool comes(const struct world *world, struct str fact)
{
	const struct programme *unused;
	enum programme_type type;
	bool claimed = false;

	if (comes_by_itself(fact))
		return true;
	if (is_of_programme(fact, &type))
		return programme_brings(world, type, &unused);
	for (size_t i = 0; words_claim.items[i]; i++) {
		if (!gives(world, i, fact))
			continue;
		claimed = true;
		if (world->claim[i])
			return true;
	}
	return !claimed;
}

static void explore(struct world *world)
{
	bool grows = true;

	while (grows) {
		grows = false;
		for (size_t i = 0; words_claim.items[i]; i++)
			if (!world->claim[i] && !held_back(world, words_claim.items[i]))
				grows = world->claim[i] = true;
		for (size_t i = 0; words_fact.items[i]; i++)
			if (!world->fact[i] && comes(world, str_of(words_fact.items[i])))
				grows = world->fact[i] = true;
	}
}

static void complain_fact(const struct world *world, const struct place *at, struct str fact)
{
	const struct programme *programme;
	const struct guard *guard;
	enum programme_type type;

	if (is_of_programme(fact, &type) && !programme_brings(world, type, &programme)) {
		complain(world->compile, at, "nobody can ever meet this: \"%.*s\" comes only with the programme \"%.*s\", which follows "
			 "\"%.*s\", and that comes only after what this holds back", STR_ARG(fact), STR_ARG(programme->name),
			 STR_ARG(programme->on));
		return;
	}
	for (size_t i = 0; words_claim.items[i]; i++) {
		const char *claim = words_claim.items[i];

		if (!gives(world, i, fact))
			continue;
		guard = held_back(world, claim);
		if (str_is(world->about->claim, claim))
			complain(world->compile, at, "nobody can ever meet this: \"%.*s\" comes only with %s, which is what it holds back",
				 STR_ARG(fact), claim);
		else
			complain(world->compile, at, "nobody can ever meet this: \"%.*s\" comes only with %s, which \"%.*s\" holds back for "
				 "what comes only after %.*s", STR_ARG(fact), claim, STR_ARG(guard ? guard->name : STR("a guard")),
				 STR_ARG(world->about->claim));
		return;
	}
	complain(world->compile, at, "nobody can ever meet this: \"%.*s\" comes only after %.*s, which is what it holds back", STR_ARG(fact),
		 STR_ARG(world->about->claim));
}

static void check_need(const struct world *world, const struct place *at, const struct evidence *need)
{
	struct str path;

	if (need->type == EVIDENCE_MATCH &&
	    match_never(&world->about->match, &need->match, world->compile->attributes, &path))
		complain(world->compile, at, "nobody can ever meet this: it and the \"match\" of \"%.*s\" exclude each other in \"%.*s\"",
			 STR_ARG(world->about->name), STR_ARG(path));
	if (possible(world, need))
		return;
	if (need->type == EVIDENCE_ANY)
		complain(world->compile, at, "nobody can ever meet this: all of these come only with or after %.*s, which is what it holds back",
			 STR_ARG(world->about->claim));
	else
		complain_fact(world, at, need->type == EVIDENCE_TOLD ? told_on(world->policy, need->told) : need->fact);
}

void check_gates_never(struct compile *compile, const struct place *root, const struct policy *policy)
{
	struct place lifecycle = place_member(root, "lifecycle");
	struct place lists[] = { place_member(&lifecycle, "guards"), place_member(&lifecycle, "gates") };
	struct str facts[CLAIMS_MAX];
	size_t next = 0;

	for (size_t i = 0; words_claim.items[i]; i++)
		facts[i] = words_fact_of(compile->arena, str_of(words_claim.items[i]));

	for (size_t i = 0; i < array_count(lists); i++)
		for (size_t k = 0; k < json_array_size(lists[i].value); k++) {
			struct place element = place_element(&lists[i], k), needs = place_member(&element, "needs");
			const struct evidence *same = next < policy->guard_count ? policy->guards[next].needs : NULL;
			size_t errors = compile->error_count;

			/* One for each claim that it is about. */
			for (; next < policy->guard_count && policy->guards[next].needs == same; next++) {
				struct world world = { .compile = compile, .policy = policy, .about = &policy->guards[next],
						       .facts = facts };

				if (compile->error_count > errors)
					continue;
				explore(&world);
				for (size_t m = 0; m < world.about->need_count; m++) {
					struct place need = place_element(&needs, m);

					check_need(&world, &need, &world.about->needs[m]);
				}
			}
		}
}
