/* Plays the stories: each fact that has come calls for the next claim, as staff and customers would make it, after about as
 * long as they would need on the simulated clock. */
#include <string.h>

#include "deploy/demo/demo.h"

#define TOPIC_INBOUND "aftercare.inbound"
#define TOPIC_STAFF "aftercare.staff"

/* ---- what is said ---- */

/* The word in braces at p; the empty one when it is only a brace of the JSON. */
static struct str word_at(const char *p)
{
	size_t n = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

	return n > 0 && p[n + 1] == '}' ? (struct str){ p + 1, n } : STR_NONE;
}

static void put_time(struct buf *data, instant at)
{
	char text[INSTANT_TEXT];

	buf_str(data, instant_format(at, text));
}

static void put_word(struct demo *demo, struct buf *data, const struct story *story, struct str word)
{
	instant now = day_now(demo);

	if (str_is(word, "owner"))
		buf_z(data, story->owner);
	else if (str_is(word, "survey"))
		buf_z(data, story->survey);
	else if (str_is(word, "channel"))
		buf_z(data, story->channel);
	else if (str_is(word, "csr"))
		buf_format(data, "C0%u", 1 + story->number % 4);
	else if (str_is(word, "model"))
		buf_z(data, world_model(story));
	else if (str_is(word, "number"))
		buf_format(data, "%04u", story->number);
	else if (str_is(word, "from"))
		put_time(data, now + HOUR);
	else if (str_is(word, "to"))
		put_time(data, now + 3 * HOUR);
	else if (str_is(word, "began"))
		put_time(data, now - 40 * MINUTE);
	else
		put_time(data, now);
}

static void fill(struct demo *demo, struct buf *data, const struct story *story, const char *members)
{
	buf_clear(data);
	buf_format(data, "{\"ticket\":\"%s\",", story->ticket);
	for (const char *p = members; *p; p++) {
		struct str word = word_at(p);

		if (!word.p) {
			buf_char(data, *p);
			continue;
		}
		put_word(demo, data, story, word);
		p += word.n + 1;
	}
	buf_char(data, '}');
}

/* ---- when ---- */

static void act(struct demo *demo, struct story *story, const struct step *step, struct buf *data)
{
	bool inbound = strncmp(step->claim, "staff.", 6) != 0;
	instant at = day_now(demo);
	char id[64];

	if (step->time == STEP_BEFORE_DUE && story->breached_due != INSTANT_NONE)
		at = story->breached_due - MINUTE;
	snprintf(id, sizeof(id), "%s-%zu", story->id, story->step + 1);
	fill(demo, data, story, step->data);
	demo_claim(demo, inbound ? TOPIC_INBOUND : TOPIC_STAFF, inbound ? story->id : story->ticket, id, step->claim, at,
		   buf_view(data));
	demo->tally.claims++;
}

/* People need about as long as the plot says: half to one and a half times; in real time. */
static int64_t patience(const struct demo *demo, const struct story *story, const struct step *step)
{
	uint32_t seed = story->number * 2654435761u + (uint32_t)story->step * 40503u;
	int64_t percent = step->time == STEP_BEFORE_DUE ? 100 : 50 + cast_draw(&seed) % 100;

	return pace_wait(&demo->pace, step->minutes * MINUTE * percent / 100);
}

static void play(struct demo *demo, struct story *story, int64_t now, struct buf *data)
{
	const struct step *step = &story->plot->steps[story->step];

	if (story->seen[step->after] < (step->times ? step->times : 1))
		return;
	/* A clock may run out before anybody has the ticket. */
	if (step->claim && !story->owner[0] && strstr(step->data, "{owner}"))
		return;
	if (story->ready_at == 0)
		story->ready_at = now + patience(demo, story, step);
	if (now < story->ready_at)
		return;
	story->ready_at = 0;
	if (!step->claim) {
		story->done = true;
		demo->done++;
		return;
	}
	act(demo, story, step, data);
	story->step++;
}

void play_turn(struct demo *demo, int64_t now)
{
	struct buf data = { 0 };

	for (size_t i = 0; i < demo->story_count; i++)
		if (demo->stories[i].sent && !demo->stories[i].done)
			play(demo, &demo->stories[i], now, &data);
	buf_done(&data);
}
