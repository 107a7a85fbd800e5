/* Which programmes follow a fact, and what becomes of a survey. Pure: ticket, policies, rows and `now` decide alone.
 *
 * Each closing gives one errand per programme; a second closing gives its own, and what was planned for a closing that
 * was undone before its time is dropped. */
#include "services/survey/survey.h"

struct str survey_state_text(enum survey_state state)
{
	static const struct str texts[] = {
		[SURVEY_NONE] = { "", 0 },
#define X(name, text) [SURVEY_##name] = { text, sizeof(text) - 1 },
		SURVEY_STATES(X)
#undef X
	};

	return texts[state];
}

enum survey_state survey_state_of(struct str text)
{
	for (int state = SURVEY_NONE + 1; state < SURVEY_STATE_MAX; state++)
		if (str_eq(survey_state_text((enum survey_state)state), text))
			return (enum survey_state)state;
	return SURVEY_NONE;
}

struct str survey_type_text(enum survey_type type)
{
	return type == SURVEY_TYPE_FOLLOWUP ? STR("followup") : STR("survey");
}

/* ---- choice ---- */

bool survey_listens(struct str fact, const struct policy *const *policies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < policies[i]->programme_count; j++)
			if (str_eq(policies[i]->programmes[j].on, fact))
				return true;
	return false;
}

static bool speaks(const struct policy *policy, enum programme_type type, struct str fact)
{
	for (size_t i = 0; i < policy->programme_count; i++)
		if (policy->programmes[i].type == type && str_eq(policy->programmes[i].on, fact))
			return true;
	return false;
}

size_t survey_choose(struct str fact, const struct policy *const *policies, size_t count, const struct value *vector, instant now,
		     struct survey_choice *ret, size_t most)
{
	static const enum programme_type types[] = { PROGRAMME_FOLLOWUP, PROGRAMME_SURVEY };
	size_t chosen = 0;

	for (size_t t = 0; t < array_count(types); t++) {
		const struct policy *policy = NULL;

		for (size_t i = 0; i < count && !policy; i++)
			if (speaks(policies[i], types[t], fact))
				policy = policies[i];
		for (size_t i = 0; policy && i < policy->programme_count && chosen < most; i++) {
			const struct programme *programme = &policy->programmes[i];

			if (programme->type == types[t] && str_eq(programme->on, fact) && match_holds(&programme->match, vector, now))
				ret[chosen++] = (struct survey_choice){ policy, programme };
		}
	}
	return chosen;
}

bool survey_plan(const struct survey_choice *choice, const struct ticket *ticket, instant at, instant now,
		 const struct survey *mine, struct survey *ret)
{
	const struct programme *programme = choice->programme;
	bool followup = programme->type == PROGRAMME_FOLLOWUP;

	for (; mine; mine = mine->next)
		if (mine->closing == ticket->revision && str_eq(mine->programme, programme->name) &&
		    str_eq(mine->policy.id, choice->policy->id))
			return false;
	*ret = (struct survey){
		.ticket = ticket->id,
		.type = followup ? SURVEY_TYPE_FOLLOWUP : SURVEY_TYPE_SURVEY,
		.policy = { choice->policy->id, choice->policy->version },
		.programme = programme->name,
		.form = programme->form,
		.recipient = programme->to.n ? programme->to : followup ? STR("csr") : STR("customer"),
		.excluded = programme->exclude_owner ? ticket->owner : STR_NONE,
		.closing = ticket->revision,
		.due_at = instant_add(at, programme->delay, choice->policy->zone_offset_us),
		.sent_at = INSTANT_NONE, .ended_at = INSTANT_NONE,
		.changed = true,
	};
	/* A follow-up is announced at once with the time it is due; a survey must not go out before its time. */
	ret->state = followup || ret->due_at <= now ? SURVEY_DUE : SURVEY_PLANNED;
	return true;
}

int survey_number(const struct survey *mine, enum survey_type type)
{
	int number = 1;

	for (; mine; mine = mine->next)
		number += mine->type == type;
	return number;
}

/* ---- what becomes of it ---- */

static bool become(struct survey *survey, enum survey_state state)
{
	survey->state = state;
	survey->changed = true;
	return true;
}

bool survey_becomes_due(struct survey *survey)
{
	return survey->state == SURVEY_PLANNED && become(survey, SURVEY_DUE);
}

/* An answer may be quicker than the report that the question was delivered: then it stays scored. */
bool survey_becomes_sent(struct survey *survey, instant at)
{
	if (survey->type != SURVEY_TYPE_SURVEY || survey->sent_at != INSTANT_NONE ||
	    (survey->state != SURVEY_DUE && survey->state != SURVEY_SCORED))
		return false;
	survey->sent_at = at;
	return become(survey, survey->state == SURVEY_DUE ? SURVEY_SENT : SURVEY_SCORED);
}

bool survey_becomes_unreturned(struct survey *survey, instant at)
{
	if (survey->state != SURVEY_SENT)
		return false;
	survey->ended_at = at;
	return become(survey, SURVEY_UNRETURNED);
}

/* The first answer counts; one that comes late is better than none. */
bool survey_becomes_scored(struct survey *survey, const struct survey_answer *answer, instant at)
{
	if (survey->type != SURVEY_TYPE_SURVEY ||
	    (survey->state != SURVEY_DUE && survey->state != SURVEY_SENT && survey->state != SURVEY_UNRETURNED))
		return false;
	survey->score = answer->score;
	survey->answers = answer->answers;
	survey->comment = answer->comment;
	survey->ended_at = at;
	return become(survey, SURVEY_SCORED);
}

static bool rule_holds(const struct rule *rule, const struct value *vector, instant now)
{
	return (!rule->on.p || str_is(rule->on, "survey.scored")) && match_holds(&rule->match, vector, now);
}

/* A rule without condition says nothing about the answer: it holds for the satisfied too. */
struct str survey_satisfied(const struct programme *programme, const struct survey_answer *answer, const struct value *vector,
			    instant now)
{
	bool judged = false;

	if (answer->says)
		return answer->satisfied ? STR("true") : STR("false");
	for (size_t i = 0; programme && i < programme->then_count; i++) {
		if (programme->then[i].match.count == 0)
			continue;
		judged = true;
		if (rule_holds(&programme->then[i], vector, now))
			return STR("false");
	}
	return judged && answer->score.p ? STR("true") : STR_NONE;
}

bool survey_wants_reopening(const struct programme *programme, const struct value *vector, instant now)
{
	for (size_t i = 0; programme && i < programme->then_count; i++) {
		const struct actions *actions = &programme->then[i].actions;

		if (!rule_holds(&programme->then[i], vector, now))
			continue;
		for (size_t j = 0; j < actions->count; j++)
			if (actions->items[j].type == ACTION_REOPEN)
				return true;
	}
	return false;
}

bool survey_may_reopen(const struct ticket *ticket, const struct policy *const *policies, size_t count, instant now)
{
	if (ticket->state == STATE_RESOLVED_UNCONFIRMED || ticket->state == STATE_CONFIRMED)
		return true;
	if (ticket->state != STATE_CLOSED || ticket->closed_at == INSTANT_NONE)
		return false;
	for (size_t i = 0; i < count; i++)
		if (policies[i]->has_reopen_within)
			return instant_add(ticket->closed_at, policies[i]->reopen_within, policies[i]->zone_offset_us) >= now;
	return false;
}

const struct programme *survey_programme(const struct survey *survey, const struct policy *const *policies, size_t count,
					 const struct policy **ret_policy)
{
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(policies[i]->id, survey->policy.id) || policies[i]->version != survey->policy.version)
			continue;
		for (size_t j = 0; j < policies[i]->programme_count; j++) {
			if (!str_eq(policies[i]->programmes[j].name, survey->programme))
				continue;
			*ret_policy = policies[i];
			return &policies[i]->programmes[j];
		}
	}
	return NULL;
}
