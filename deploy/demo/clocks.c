/* The limits: every clock that was started, under which policy, and what became of it. */
#include <string.h>

#include "deploy/demo/demo.h"

static const struct {
	const char *policy, *source;
} sources[] = {
	{ "graded-2h-24h-48h", "R19" }, { "reply2h-assign24h-contact24h", "R04" }, { "site24h-fix48h-spare72h", "R26" },
};

struct str clocks_policy(const struct policy_note *policy, char text[static 80])
{
	for (size_t i = 0; i < array_count(sources); i++)
		if (strcmp(policy->id, sources[i].policy) == 0)
			return (struct str){ text, (size_t)snprintf(text, 80, "%s %s", sources[i].source, policy->id) };
	return (struct str){ text, (size_t)snprintf(text, 80, "%s", policy->id) };
}

void clocks_begin(struct tally *tally)
{
	for (size_t i = 0; i < array_count(sources); i++)
		snprintf(tally->policies[i].id, sizeof(tally->policies[i].id), "%s", sources[i].policy);
	tally->policy_count = array_count(sources);
}

static uint8_t policy_of(struct tally *tally, struct str id)
{
	size_t i = 0;

	while (i < tally->policy_count && !str_is(id, tally->policies[i].id))
		i++;
	if (i == POLICIES_MAX)
		return POLICIES_MAX - 1;
	if (i == tally->policy_count) {
		snprintf(tally->policies[i].id, sizeof(tally->policies[i].id), "%.*s", STR_ARG(id));
		tally->policy_count++;
	}
	return (uint8_t)i;
}

static struct clock_note *clock_of(struct demo *demo, struct story *story, const struct doc *doc)
{
	struct str id = doc_get(doc, "clock_id", &demo->ctl.arena);
	struct clock_note *clock;

	for (size_t i = 0; i < story->clock_count; i++)
		if (str_is(id, story->clocks[i].id))
			return &story->clocks[i];
	if (story->clock_count == CLOCKS_MAX)
		return NULL;
	clock = &story->clocks[story->clock_count++];
	*clock = (struct clock_note){ .due = INSTANT_NONE,
				      .policy = policy_of(&demo->tally, doc_get(doc, "policy.id", &demo->ctl.arena)) };
	snprintf(clock->id, sizeof(clock->id), "%.*s", STR_ARG(id));
	return clock;
}

static void end_clock(struct demo *demo, struct clock_note *clock)
{
	demo->tally.two_ends += clock->over;
	clock->over = true;
}

void clocks_note(struct demo *demo, struct story *story, enum fact fact, const struct doc *doc)
{
	struct clock_note *clock = clock_of(demo, story, doc);
	struct policy_note *policy = clock ? &demo->tally.policies[clock->policy] : NULL;
	instant due = doc_instant(doc, doc_member(doc, 0, STR("due_at")));

	if (!clock)
		return;
	if (due != INSTANT_NONE)
		clock->due = due;
	switch (fact) {
	case FACT_STARTED:
		policy->started++;
		break;
	case FACT_BREACHED:
		clock->breached = true;
		policy->breached++;
		if (story->breached_due == INSTANT_NONE)
			story->breached_due = clock->due;
		break;
	case FACT_MET:
		doc_member(doc, 0, STR("late_s")) ? policy->late++ : policy->met++;
		end_clock(demo, clock);
		break;
	case FACT_CORRECTED:
		policy->corrected++;
		end_clock(demo, clock);
		break;
	case FACT_ENDED:
		policy->ended++;
		end_clock(demo, clock);
		break;
	default:
		break;
	}
}

static uint32_t open_of(const struct story *story, instant before, int policy)
{
	uint32_t count = 0;

	for (size_t i = 0; i < story->clock_count; i++) {
		const struct clock_note *clock = &story->clocks[i];

		if (clock->over || (policy >= 0 && clock->policy != policy))
			continue;
		count += before == INSTANT_NONE || (!clock->breached && clock->due <= before);
	}
	return count;
}

uint32_t clocks_open(const struct demo *demo, instant before)
{
	uint32_t count = open_of(&demo->desk, before, -1);

	for (size_t i = 0; i < demo->story_count; i++)
		count += open_of(&demo->stories[i], before, -1);
	return count;
}

uint32_t clocks_open_of(const struct demo *demo, size_t policy)
{
	uint32_t count = open_of(&demo->desk, INSTANT_NONE, (int)policy);

	for (size_t i = 0; i < demo->story_count; i++)
		count += open_of(&demo->stories[i], INSTANT_NONE, (int)policy);
	return count;
}
