/* Makes the stories, the same ones in every run, and sends each request when its time has come. Reads nothing; follow.c marks
 * in the stories what was seen. */
#include <stdlib.h>
#include <string.h>

#include "deploy/demo/demo.h"

#define TOPIC_INBOUND "aftercare.inbound"
#define DOUBLE_EVERY 40              /* one request in so many is sent twice */
#define SEED 20261123

uint32_t cast_draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* ---- the stories ---- */

/* How many of a plot's requests a day of `wanted` has: at least one, so that each is shown. */
static int scaled(const struct plot *plot, int wanted)
{
	int count = (int)(((int64_t)plot->count * wanted + DAY_REQUESTS / 2) / DAY_REQUESTS);

	return count < 1 ? 1 : count;
}

static const char *const named[] = { "E08", "F06", "C02", "E11", "C04" };

static void begin_story(struct demo *demo, struct story *story, const struct plot *plot, int which, int count, uint32_t *seed)
{
	static const char *const channels[] = { "wechat", "phone", "email", "wechat", "phone", "website", "email", "online",
		"walk_in" };
	double share = ((double)which + (double)(cast_draw(seed) % 1000) / 1000) / count;
	int64_t age = plot->age_from * MINUTE;

	age += (int64_t)((double)(cast_draw(seed) % 10000) / 10000 * (double)((plot->age_to - plot->age_from) * MINUTE));
	*story = (struct story){ .plot = plot, .number = (uint32_t)(story - demo->stories), .breached_due = INSTANT_NONE };
	snprintf(story->id, sizeof(story->id), "%s-%u", demo->run, story->number);
	snprintf(story->channel, sizeof(story->channel), "%s", channels[cast_draw(seed) % array_count(channels)]);
	story->comes_at = day_arrival(demo, plot, share);
	story->t0 = story->comes_at - age;
	if (plot->flags & PLOT_ABOUT_STAFF)
		story->about = named[story->number % array_count(named)];
}

static int by_time(const void *a, const void *b)
{
	const struct story *left = *(struct story *const *)a, *right = *(struct story *const *)b;

	if (left->comes_at != right->comes_at)
		return left->comes_at < right->comes_at ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

void cast_assemble(struct demo *demo)
{
	uint32_t seed = SEED;
	size_t count = 0, i = 0;

	for (const struct plot *const *list = plots; *list; list++)
		for (const struct plot *plot = *list; plot->name; plot++)
			count += (size_t)scaled(plot, demo->wanted);
	demo->stories = mem_zero(count * sizeof(*demo->stories));
	demo->order = mem_zero(count * sizeof(struct story *));
	demo->story_count = count;
	for (const struct plot *const *list = plots; *list; list++)
		for (const struct plot *plot = *list; plot->name; plot++)
			for (int k = 0, n = scaled(plot, demo->wanted); k < n; k++, i++) {
				begin_story(demo, &demo->stories[i], plot, k, n, &seed);
				demo->order[i] = &demo->stories[i];
			}
	qsort(demo->order, count, sizeof(struct story *), by_time);
}

/* ---- finding them again ---- */

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

struct story *cast_by_fact(struct demo *demo, struct str cause, struct str ticket)
{
	struct story *story = cast_by_request(demo, cause);

	/* Another topic may be ahead of the ticket's own: then its ticket is not known yet. */
	if (story && ticket.n && (!story->ticket[0] || str_is(ticket, story->ticket)))
		return story;
	/* A change of people is at the root of an assignment, too. */
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
	tally_count(demo->tally.channels, CHANNELS_MAX, str_of(story->channel));
}

/* Where garbage has its turn. */
static void send_bad(struct demo *demo)
{
	while (demo->bad_next < BAD_REQUESTS
			&& demo->next * BAD_REQUESTS >= demo->story_count * demo->bad_next + demo->story_count / 2)
		if (bad_send(demo, demo->bad_next))
			demo->bad_next++;
}

void cast_turn(struct demo *demo, int64_t now)
{
	instant time = day_now(demo);
	struct buf data = { 0 };

	for (; demo->next < demo->story_count; demo->next++) {
		struct story *story = demo->order[demo->next];

		if (story->comes_at > time)
			break;
		send_request(demo, story, now, &data);
		/* A gateway that did not see the acknowledgement sends again, at once or after a while. */
		if (demo->next % DOUBLE_EVERY == 7)
			send_request(demo, demo->order[demo->next - (demo->next / DOUBLE_EVERY % 2 ? 5 : 0)], now, &data);
		send_bad(demo);
	}
	buf_done(&data);
}
