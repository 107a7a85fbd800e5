/* Plays the stories: assembles them in a fixed disorder, sends the requests at a steady pace, and lets each fact that has
 * come call for the next claim, as staff and customers would. Reads nothing; follow.c marks in the stories what was seen. */
#include <stdlib.h>
#include <string.h>

#include "deploy/demo/demo.h"

#define TOPIC_INBOUND "aftercare.inbound"
#define TOPIC_STAFF "aftercare.staff"
#define DOUBLE_EVERY 22              /* one request in so many is sent twice */

/* The same sequence in every run. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

void cast_assemble(struct demo *demo)
{
	static const char *const channels[] = { "wechat", "phone", "email", "website", "online" };
	uint32_t seed = 20261123;
	size_t count = 0, i = 0;

	for (const struct plot *plot = plots; plot->name; plot++)
		count += (size_t)plot->count;
	demo->stories = mem_zero(count * sizeof(*demo->stories));
	demo->order = mem_zero(count * sizeof(*demo->order));
	demo->story_count = count;
	for (const struct plot *plot = plots; plot->name; plot++) {
		for (int k = 0; k < plot->count; k++, i++) {
			struct story *story = &demo->stories[i];

			*story = (struct story){ .plot = plot, .number = (uint32_t)i, .t0 = INSTANT_NONE, .due = INSTANT_NONE };
			snprintf(story->id, sizeof(story->id), "%s-%zu", demo->run, i);
			snprintf(story->channel, sizeof(story->channel), "%s", channels[draw(&seed) % array_count(channels)]);
			demo->order[i] = i;
		}
	}
	for (i = count - 1; i > 0; i--) {
		size_t other = draw(&seed) % (i + 1), kept = demo->order[i];

		demo->order[i] = demo->order[other];
		demo->order[other] = kept;
	}
}

struct story *cast_by_request(struct demo *demo, struct str id)
{
	size_t n = strlen(demo->run);
	int64_t number;

	/* "RUN-12" and "RUN-12-3", a claim of the same story. */
	if (id.n <= n + 1 || memcmp(id.p, demo->run, n) != 0 || id.p[n] != '-')
		return NULL;
	id = (struct str){ id.p + n + 1, id.n - n - 1 };
	if (!str_int64(str_cut(&id, '-'), &number) || number < 0 || (size_t)number >= demo->story_count)
		return NULL;
	return &demo->stories[number];
}

struct story *cast_by_ticket(struct demo *demo, struct str ticket)
{
	for (size_t i = 0; i < demo->story_count && ticket.n; i++)
		if (str_is(ticket, demo->stories[i].ticket))
			return &demo->stories[i];
	return NULL;
}

size_t cast_unfinished(const struct demo *demo)
{
	return demo->story_count - demo->done;
}

/* ---- requests ---- */

static void send_request(struct demo *demo, struct story *story, int64_t now, struct buf *data)
{
	const struct plot *plot = story->plot;
	uint32_t seed = story->number * 2654435761u + 7;
	int64_t span = plot->age_to - plot->age_from;

	if (story->t0 == INSTANT_NONE)
		story->t0 = screen_now() - plot->age_from - (int64_t)((double)(draw(&seed) % 10000) / 10000 * (double)span);
	world_request(story, data);
	demo_claim(demo, TOPIC_INBOUND, story->id, story->id, "request.submitted", story->t0, buf_view(data));
	demo->tally.requests++;
	if (story->sent) {
		demo->tally.doubles++;
		story->doubled = true;
		return;
	}
	story->sent = true;
	story->sent_at = now;
}

static void send_requests(struct demo *demo, int64_t now, struct buf *data)
{
	double share = (double)(now - demo->began) / (double)demo->sending_us;
	size_t wanted = share >= 1 ? demo->story_count : (size_t)(share * (double)demo->story_count);

	for (; demo->next < wanted; demo->next++) {
		send_request(demo, &demo->stories[demo->order[demo->next]], now, data);
		/* A gateway that did not see the acknowledgement sends again, at once or after a while. */
		if (demo->next % DOUBLE_EVERY == 7)
			send_request(demo, &demo->stories[demo->order[demo->next - (demo->next / DOUBLE_EVERY % 2 ? 5 : 0)]],
				     now, data);
		if (demo->next * BAD_REQUESTS / demo->story_count > demo->bad_next && bad_send(demo, demo->bad_next))
			demo->bad_next++;
	}
	if (demo->next == demo->story_count)
		while (bad_send(demo, demo->bad_next))
			demo->bad_next++;
}

/* ---- claims ---- */

static void put_time(struct buf *data, instant at)
{
	char text[INSTANT_TEXT];

	buf_str(data, instant_format(at, text));
}

/* The members with their {words} filled in. */
static void fill(struct buf *data, const struct story *story, const char *members)
{
	buf_clear(data);
	buf_format(data, "{\"ticket\":\"%s\",", story->ticket);
	for (const char *p = members; *p; p++) {
		struct str word;

		if (*p != '{' || !strchr("osncft", p[1]) || !p[1]) {
			buf_char(data, *p);
			continue;
		}
		word = (struct str){ p + 1, strcspn(p + 1, "}") };
		if (str_is(word, "owner"))
			buf_z(data, story->owner);
		else if (str_is(word, "survey"))
			buf_z(data, story->survey);
		else if (str_is(word, "channel"))
			buf_z(data, story->channel);
		else if (str_is(word, "from"))
			put_time(data, screen_now() + 2 * HOUR);
		else if (str_is(word, "to"))
			put_time(data, screen_now() + 4 * HOUR);
		else
			put_time(data, screen_now());
		p += word.n + 1;
	}
	buf_char(data, '}');
}

static void act(struct demo *demo, struct story *story, const struct step *step, struct buf *data)
{
	bool inbound = strncmp(step->claim, "staff.", 6) != 0;
	instant at = screen_now();
	char id[64];

	if (step->time == STEP_BEFORE_DUE && story->due != INSTANT_NONE)
		at = story->due - MINUTE;
	snprintf(id, sizeof(id), "%s-%zu", story->id, story->step + 1);
	fill(data, story, step->data);
	demo_claim(demo, inbound ? TOPIC_INBOUND : TOPIC_STAFF, inbound ? story->id : story->ticket, id, step->claim, at,
		   buf_view(data));
	demo->tally.claims++;
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
		story->ready_at = now + step->delay_ms * MILLISECOND;
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

void cast_turn(struct demo *demo, int64_t now)
{
	struct buf data = { 0 };

	send_requests(demo, now, &data);
	for (size_t i = 0; i < demo->story_count; i++)
		if (demo->stories[i].sent && !demo->stories[i].done)
			play(demo, &demo->stories[i], now, &data);
	buf_done(&data);
}
