/* The day: its clock, when requests come in, and what else happens at which hour. */
#include <string.h>

#include "deploy/demo/demo.h"

instant day_now(const struct demo *demo)
{
	return pace_at(&demo->pace, screen_now());
}

int64_t day_minute(const struct demo *demo)
{
	int64_t passed = day_now(demo) - demo->opens;

	return passed < 0 ? -1 : passed / MINUTE;
}

/* A service desk has two crowds a day: (minute, share of the requests that came by then). */
static const struct {
	double minute, share;
} crowds[] = {
	{ 0, 0 }, { 60, 0.07 }, { 120, 0.24 }, { 210, 0.50 }, { 270, 0.60 }, { 360, 0.67 }, { 450, 0.86 }, { DAY_LAST, 1 },
};

instant day_arrival(const struct demo *demo, const struct plot *plot, double share)
{
	size_t i = 1;
	double minute;

	if (plot->to > plot->from) {
		minute = plot->from + share * (plot->to - plot->from);
		return demo->opens + (int64_t)(minute * (double)MINUTE);
	}
	while (i < array_count(crowds) - 1 && crowds[i].share < share)
		i++;
	minute = crowds[i - 1].minute + (crowds[i].minute - crowds[i - 1].minute) * (share - crowds[i - 1].share) /
						(crowds[i].share - crowds[i - 1].share);
	return demo->opens + (int64_t)(minute * (double)MINUTE);
}

/* ---- what happens at its hour ---- */

enum event { EVENT_OFF, EVENT_ON, EVENT_KILL, EVENT_COMPLETED, EVENT_CARD };
struct event_at {
	int minute;
	enum event event;
	const char *who;           /* person or project */
	int days_ago;              /* of a project: when it was completed */
};

/* The card of P-601 was due a month after its completion, at midnight, and comes at noon. */
static const struct event_at events[] = {
	{ 2, EVENT_COMPLETED, "P-601", 32 }, { 4, EVENT_COMPLETED, "P-602", 6 }, { 45, EVENT_OFF, "E03", 0 },
	{ 120, EVENT_OFF, "F02", 0 }, { 150, EVENT_ON, "E14", 0 }, { 210, EVENT_CARD, "P-602", 0 },
	{ 270, EVENT_CARD, "P-601", 0 }, { 300, EVENT_KILL, NULL, 0 }, { 330, EVENT_ON, "F02", 0 }, { 390, EVENT_ON, "E03", 0 },
};

static void about_project(struct demo *demo, const char *claim, const struct event_at *event)
{
	struct buf data = { 0 };
	char id[64], day[INSTANT_TEXT];

	buf_format(&data, "{\"project\":\"%s\",\"customer\":\"C007\",\"by\":{\"id\":\"M02\"},", event->who);
	if (event->event == EVENT_COMPLETED)
		buf_format(&data, "\"date\":\"%.10s\",\"note\":\"监控系统竣工验收\"}",
			   instant_format(demo->opens + 8 * HOUR - event->days_ago * DAY, day).p);
	else
		buf_format(&data, "\"warranty_card\":\"W-%s\",\"owner\":\"海口蓝湾物业\",\"principles\":\"验收之日起一年免费保修,之后终身有偿维护\","
			   "\"purpose\":\"保证系统持续运行\",\"department\":\"工程部\",\"responsible\":[\"M02\",\"F01\"]}",
			   event->who + 2);
	snprintf(id, sizeof(id), "%s-%s-%s", demo->run, claim, event->who);
	demo_claim(demo, "aftercare.staff", event->who, id, claim, day_now(demo), buf_view(&data));
	demo->tally.other_claims++;
	news_say(demo, SCREEN_YELLOW, claim, screen_word(&demo->screen, "project %s: %s", "项目 %s:%s"), event->who,
		 event->event == EVENT_COMPLETED ? screen_word(&demo->screen, "completed", "竣工")
						 : screen_word(&demo->screen, "warranty card handed over", "保修卡已发出"));
	buf_done(&data);
}

static void presence(struct demo *demo, const char *person, bool on)
{
	const struct screen *screen = &demo->screen;

	world_presence(demo, person, on);
	news_say(demo, SCREEN_YELLOW, on ? "staff.on_post" : "staff.off_post", "%s (%s) %s", world_name(person), person,
		 on ? screen_word(screen, "is on post: what nobody could take is tried again", "到岗:无人可派的工单重新分派")
		    : screen_word(screen, "is off post: gets nothing new", "离岗:不再派新单"));
}

static void happen(struct demo *demo, const struct event_at *event)
{
	switch (event->event) {
	case EVENT_OFF:
	case EVENT_ON:
		presence(demo, event->who, event->event == EVENT_ON);
		break;
	case EVENT_COMPLETED:
		about_project(demo, "project.completed", event);
		break;
	case EVENT_CARD:
		about_project(demo, "warranty_card.issued", event);
		break;
	case EVENT_KILL:
		watch_kill(demo);
		break;
	}
}

void day_turn(struct demo *demo)
{
	int64_t minute = day_minute(demo);

	for (; demo->events_next < array_count(events) && events[demo->events_next].minute <= minute; demo->events_next++)
		happen(demo, &events[demo->events_next]);
}
