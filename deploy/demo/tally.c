/* What becomes of each record: a count, a mark in its story, and for the things a person wants to see, a line (news.c). */
#include <string.h>

#include "deploy/demo/demo.h"

static void copy(char *to, size_t size, struct str from)
{
	if (from.n > 0)
		snprintf(to, size, "%.*s", STR_ARG(from));
}

void tally_count(struct counted *list, size_t most, struct str name)
{
	for (size_t i = 0; i < most; i++) {
		if (list[i].count == 0)
			copy(list[i].name, sizeof(list[i].name), name);
		if (str_is(name, list[i].name)) {
			list[i].count++;
			return;
		}
	}
}

static void see(struct story *story, enum fact fact)
{
	if (fact != FACT_NONE && story->seen[fact] < UINT8_MAX)
		story->seen[fact]++;
}

static void register_ticket(struct demo *demo, struct story *story, const struct record *record)
{
	if (story->ticket[0])
		demo->tally.second_tickets++;
	copy(story->ticket, sizeof(story->ticket), record->ticket);
	demo->tally.tickets++;
}

static void assign(struct demo *demo, struct story *story, const struct doc *doc)
{
	copy(story->owner, sizeof(story->owner), doc_get(doc, "to", &demo->ctl.arena));
	if (story->assigned_after == 0)
		story->assigned_after = demo_monotonic() - story->sent_at;
	if (story->about && strcmp(story->about, story->owner) == 0)
		demo->tally.handled_by_named++;
}

static void score(struct demo *demo, const struct doc *doc)
{
	double value;

	if (doc_double(doc, doc_member(doc, 0, STR("score")), &value))
		value < 60 ? demo->tally.dissatisfied++ : demo->tally.satisfied++;
}

static void follow_state(struct tally *tally, struct story *story, enum state state)
{
	if (state == STATE_NONE)
		return;
	if (story->state != STATE_NONE)
		tally->by_state[story->state]--;
	tally->by_state[state]++;
	story->state = state;
}

static void ticket_news(struct demo *demo, struct story *story, const struct record *record, const struct doc *doc)
{
	if (record->fact == FACT_REGISTERED)
		register_ticket(demo, story, record);
	else if (record->fact == FACT_ASSIGNED)
		assign(demo, story, doc);
	else if (record->fact == FACT_SURVEY_SENT)
		copy(story->survey, sizeof(story->survey), doc_get(doc, "survey", &demo->ctl.arena));
	else if (record->fact == FACT_SCORED)
		score(demo, doc);
	/* Others than ticket.* quote a state that may be over. */
	if (str_starts(record->name, STR("ticket.")))
		follow_state(&demo->tally, story, state_of(doc_get(doc, "state", &demo->ctl.arena)));
	see(story, record->fact);
	if (record->fact == FACT_MET || record->fact == FACT_CORRECTED)
		see(story, FACT_ANSWERED);
}

static void refusal_news(struct demo *demo, struct story *story, const struct record *record)
{
	struct tally *tally = &demo->tally;
	size_t n = strlen(demo->run);
	bool ours = record->key.n >= n && memcmp(record->key.p, demo->run, n) == 0;
	char words[200];

	if (!story && !ours)
		return;              /* about a project, or somebody else's */
	tally_count(tally->reasons, REASONS_MAX, record->reason);
	if (story && !str_is(record->id, story->id))
		tally->refused_claims++;
	else
		tally->refused_requests++;
	if (story)
		see(story, FACT_REFUSED);
	snprintf(words, sizeof(words), screen_word(&demo->screen, "refused: %.*s%s%.*s", "拒收:%.*s%s%.*s"),
		STR_ARG(record->reason),
		 record->name.n ? ", " : "", STR_ARG(record->name));
	news_line(demo, SCREEN_YELLOW, story ? story->ticket : "", "refused", str_of(words));
}

void tally_record(struct demo *demo, const struct record *record)
{
	struct tally *tally = &demo->tally;
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };
	struct story *story = record->fact == FACT_REFUSED ? cast_by_request(demo, record->id)
			    : record->fact == FACT_REGISTERED ? cast_by_request(demo, record->cause)
							      : cast_by_fact(demo, record->cause, record->ticket);

	if (record->fact == FACT_REFUSED) {
		refusal_news(demo, story, record);
		return;
	}
	/* Somebody else's ticket; what is no ticket, a project or a visit, is the desk's. */
	if (!story && str_starts(record->ticket, STR("AC-")))
		return;
	if (record->value.n == 0 || doc_parse(&doc, record->value, &demo->ctl.arena, &ignored))
		return;
	tally->all_facts++;
	tally->facts[record->fact]++;
	if (str_starts(record->name, STR("sla.")))
		clocks_note(demo, story ? story : &demo->desk, record->fact, &doc);
	/* Marked before anybody looks at the story again. */
	if (story)
		ticket_news(demo, story, record, &doc);
	else
		tally->desk_facts++;
	news_of(demo, story, record, &doc);
}
