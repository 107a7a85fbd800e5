/* What stands on the screen, as lines of text and colours. All of it was read from the topics, as a dashboard would; but for
 * the processes, which the supervisor knows. */
#include <stdlib.h>
#include <string.h>

#include "deploy/demo/demo.h"

#define BAR 30
#define LABEL 12
#define POLICY 36
#define COUNT 12

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

void frame_latency(const struct demo *demo, int64_t *ret_p50, int64_t *ret_p99, size_t *ret_count)
{
	int64_t *took = mem_zero((demo->story_count + 1) * sizeof(*took));
	size_t count = 0;

	for (size_t i = 0; i < demo->story_count; i++)
		if ((demo->stories[i].plot->flags & PLOT_DIRECT) && demo->stories[i].assigned_after > 0)
			took[count++] = demo->stories[i].assigned_after;
	qsort(took, count, sizeof(*took), compare);
	*ret_p50 = count ? took[count / 2] : 0;
	*ret_p99 = count ? took[count * 99 / 100] : 0;
	*ret_count = count;
	mem_free(took);
}

/* ---- parts of a frame ---- */

/* A line may be longer than the screen is wide: the terminal cuts it, colours and all. */
struct canvas {
	const struct screen *screen;
	struct buf *frame;
	struct buf line;
	int rows, columns;
};

static void end_line(struct canvas *canvas)
{
	if (canvas->rows-- > 0) {
		buf_str(canvas->frame, buf_view(&canvas->line));
		buf_char(canvas->frame, '\n');
	}
	buf_clear(&canvas->line);
}

static const char *say(const struct canvas *canvas, const char *english, const char *chinese)
{
	return screen_word(canvas->screen, english, chinese);
}

static void put_label(struct canvas *canvas, const char *english, const char *chinese)
{
	buf_z(&canvas->line, "  ");
	screen_cell(&canvas->line, str_of(say(canvas, english, chinese)), LABEL);
}

static void put_number(struct canvas *canvas, uint32_t number, enum screen_colour colour, int width)
{
	char text[SCREEN_TEXT];

	if (colour != SCREEN_PLAIN && number)
		buf_z(&canvas->line, screen_colour(canvas->screen, colour));
	screen_cell(&canvas->line, screen_number(number, text), width);
	if (colour != SCREEN_PLAIN && number)
		buf_z(&canvas->line, screen_colour(canvas->screen, SCREEN_PLAIN));
}

/* "   open 311" */
static void put_count(struct canvas *canvas, const char *english, const char *chinese, uint32_t number)
{
	char text[SCREEN_TEXT];

	buf_format(&canvas->line, "%s %.*s   ", say(canvas, english, chinese), STR_ARG(screen_number(number, text)));
}

static uint32_t in_states(const struct tally *tally, const enum state *states, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += tally->by_state[states[i]];
	return sum;
}

static void put_head(struct demo *demo, struct canvas *canvas)
{
	const struct screen *screen = canvas->screen;
	int64_t elapsed = (demo_monotonic() - demo->began) / SECOND;
	char when[SCREEN_TEXT];

	buf_format(&canvas->line, "%s%s%s    %s %s · PostgreSQL · ", screen_colour(screen, SCREEN_BOLD),
		   say(canvas, "Aftercare demo", "Aftercare 演示"), screen_colour(screen, SCREEN_PLAIN), demo->broker,
		   	demo->brokers);
	buf_format(&canvas->line, say(canvas, "%zu policies · %.0f times real time", "%zu 项制度 · %.0f 倍速"),
		   demo->tally.policy_count, demo->pace.rate);
	end_line(canvas);
	buf_format(&canvas->line, "%s  %s%.*s%s %s", say(canvas, "simulated time", "模拟时间"), screen_colour(screen, SCREEN_BOLD),
		   STR_ARG(screen_when(day_now(demo), when)), screen_colour(screen, SCREEN_PLAIN), screen->zone);
	buf_format(&canvas->line, "    %s %lld:%02lld    %s", say(canvas, "elapsed", "已运行"), (long long)(elapsed / 60),
		   (long long)(elapsed % 60), say(canvas, "Ctrl-C stops everything", "Ctrl-C 停止全部"));
	end_line(canvas);
	end_line(canvas);
}

static const char *channel_word(const char *code)
{
	static const char *const words[][2] = {
		{ "phone", "电话" }, { "email", "邮件" }, { "online", "在线" }, { "website", "网站" }, { "wechat", "微信" },
		{ "walk_in", "来访" },
	};

	for (size_t i = 0; i < array_count(words); i++)
		if (strcmp(code, words[i][0]) == 0)
			return words[i][1];
	return code;
}

static void put_requests(struct demo *demo, struct canvas *canvas)
{
	const struct tally *tally = &demo->tally;
	size_t filled = demo->story_count ? demo->next * BAR / demo->story_count : 0;

	put_label(canvas, "requests", "来件");
	put_number(canvas, tally->requests, SCREEN_PLAIN, -6);
	buf_z(&canvas->line, "  ");
	for (size_t i = 0; i < BAR; i++)
		buf_z(&canvas->line, i < filled ? "█" : "░");
	buf_format(&canvas->line, " %3zu %%   ", demo->story_count ? demo->next * 100 / demo->story_count : 0);
	put_count(canvas, "repeats", "重复", tally->doubles);
	put_count(canvas, "refused", "拒收", tally->refused_requests);
	end_line(canvas);
	put_label(canvas, "", "");
	for (size_t i = 0; i < CHANNELS_MAX && tally->channels[i].count; i++)
		put_count(canvas, tally->channels[i].name, channel_word(tally->channels[i].name), tally->channels[i].count);
	end_line(canvas);
}

static void put_tickets(struct demo *demo, struct canvas *canvas)
{
	static const enum state early[] = { STATE_RECEIVED, STATE_INCOMPLETE, STATE_VERIFIED, STATE_CLASSIFIED };
	static const enum state met[] = { STATE_CONTACTED, STATE_SCHEDULED };
	static const enum state waits[] = { STATE_WAITING_CUSTOMER, STATE_WAITING_INTERNAL };
	static const enum state solved[] = { STATE_RESOLVED_UNCONFIRMED, STATE_CONFIRMED };
	const struct tally *tally = &demo->tally;
	uint32_t over = tally->by_state[STATE_CLOSED] + tally->by_state[STATE_CANCELLED] + tally->by_state[STATE_REJECTED];

	put_label(canvas, "tickets", "工单");
	put_number(canvas, tally->tickets, SCREEN_PLAIN, -6);
	buf_z(&canvas->line, "  ");
	put_count(canvas, "open", "未结", tally->tickets - over);
	put_count(canvas, "closed", "结案", tally->by_state[STATE_CLOSED]);
	put_count(canvas, "withdrawn", "撤销", tally->by_state[STATE_CANCELLED]);
	end_line(canvas);
	put_label(canvas, "", "");
	put_count(canvas, "not yet assigned", "待派", in_states(tally, early, array_count(early)));
	put_count(canvas, "assigned", "已派", tally->by_state[STATE_ASSIGNED]);
	put_count(canvas, "contacted", "已联系", in_states(tally, met, array_count(met)));
	put_count(canvas, "in work", "处理", tally->by_state[STATE_IN_PROGRESS]);
	put_count(canvas, "waiting", "等待", in_states(tally, waits, array_count(waits)));
	put_count(canvas, "spare in place", "备品", tally->by_state[STATE_SPARE_IN_PLACE]);
	put_count(canvas, "resolved", "已解决", in_states(tally, solved, array_count(solved)));
	end_line(canvas);
}

static void put_clocks(struct demo *demo, struct canvas *canvas)
{
	static const char *const heads[][2] = {
		{ "running", "计时" }, { "met", "按时" }, { "met late", "迟" }, { "BREACHED", "超时" }, { "corrected", "更正" },
	};
	char text[80];

	put_label(canvas, "clocks", "时限");
	screen_cell(&canvas->line, str_of(say(canvas, "policy", "制度")), POLICY);
	for (size_t i = 0; i < array_count(heads); i++)
		screen_cell(&canvas->line, str_of(say(canvas, heads[i][0], heads[i][1])), -COUNT);
	end_line(canvas);
	for (size_t i = 0; i < demo->tally.policy_count; i++) {
		const struct policy_note *policy = &demo->tally.policies[i];

		put_label(canvas, "", "");
		screen_cell(&canvas->line, clocks_policy(policy, text), POLICY);
		put_number(canvas, clocks_open_of(demo, i), SCREEN_PLAIN, -COUNT);
		put_number(canvas, policy->met, SCREEN_PLAIN, -COUNT);
		put_number(canvas, policy->late, SCREEN_YELLOW, -COUNT);
		put_number(canvas, policy->breached, SCREEN_RED, -COUNT);
		put_number(canvas, policy->corrected, SCREEN_GREEN, -COUNT);
		end_line(canvas);
	}
	put_label(canvas, "", "");
	put_count(canvas, "due within the next hour", "一小时内到期", clocks_open(demo, day_now(demo) + HOUR));
	end_line(canvas);
}

static void put_people(struct demo *demo, struct canvas *canvas)
{
	const struct tally *tally = &demo->tally;
	uint32_t scored = tally->facts[FACT_SCORED];

	put_label(canvas, "messages", "通知");
	put_number(canvas, tally->facts[FACT_MESSAGE_SENT], SCREEN_PLAIN, -6);
	buf_z(&canvas->line, "  ");
	put_count(canvas, "failed", "失败", tally->facts[FACT_MESSAGE_FAILED]);
	put_count(canvas, "surveys sent", "问卷已发", tally->facts[FACT_SURVEY_SENT]);
	put_count(canvas, "answered", "已回", scored);
	buf_format(&canvas->line, say(canvas, "satisfied %.0f %%", "满意 %.0f %%"),
		scored ? 100.0 * tally->satisfied / scored : 0.0);
	end_line(canvas);
}

static void put_flow(struct demo *demo, struct canvas *canvas)
{
	int64_t p50, p99;
	size_t count;

	frame_latency(demo, &p50, &p99, &count);
	put_label(canvas, "facts read", "已读事实");
	put_number(canvas, demo->tally.all_facts, SCREEN_PLAIN, -6);
	buf_z(&canvas->line, "  ");
	put_count(canvas, "further claims", "其他主张", demo->tally.claims);
	put_count(canvas, "of them refused", "被拒", demo->tally.refused_claims);
	buf_format(&canvas->line, say(canvas, "request -> assigned p50 %.1f ms, p99 %.1f ms (real)",
				      "来件 -> 派工 p50 %.1f 毫秒,p99 %.1f 毫秒(真实)"), (double)p50 / 1000, (double)p99 / 1000);
	end_line(canvas);
}

static void put_processes(struct demo *demo, struct canvas *canvas)
{
	const struct screen *screen = canvas->screen;
	char length[SCREEN_TEXT], clock[SCREEN_TEXT];

	put_label(canvas, "processes", "进程");
	for (size_t i = 0; i < demo->service_count; i++) {
		const struct service_note *service = &demo->services[i];
		bool ready = strcmp(service->state, "ready") == 0;

		buf_format(&canvas->line, "%s%s%s%s   ", ready ? "" : screen_colour(screen, SCREEN_RED), service->name,
			   ready ? "" : say(canvas, " DOWN", " 中断"), ready ? "" : screen_colour(screen, SCREEN_PLAIN));
	}
	end_line(canvas);
	if (!demo->killed_at)
		return;
	put_label(canvas, "", "");
	buf_format(&canvas->line, say(canvas, "%s%s killed at %.*s (kill -9)%s", "%s%s 于 %.*s 被杀死(kill -9)%s"),
		   screen_colour(screen, SCREEN_YELLOW), demo->victim, STR_ARG(screen_clock(demo->killed_time, clock)),
		   screen_colour(screen, SCREEN_PLAIN));
	if (demo->back_after)
		buf_format(&canvas->line, say(canvas, ", back after %.*s", ",%.*s后恢复"),
			   STR_ARG(screen_length(screen, demo->back_after, length)));
	end_line(canvas);
}

static void put_lines(struct demo *demo, struct canvas *canvas)
{
	const struct tally *tally = &demo->tally;
	uint32_t lines = canvas->rows < 0 ? 0 : canvas->rows > LINES_MAX ? LINES_MAX : (uint32_t)canvas->rows;
	uint32_t from = tally->line_count > lines ? tally->line_count - lines : 0;

	for (uint32_t i = tally->line_count; i > from; i--) {
		enum screen_colour colour = tally->lines[(i - 1) % LINES_MAX].colour;

		buf_format(&canvas->line, "  %s", colour == SCREEN_PLAIN ? "" : screen_colour(canvas->screen, colour));
		screen_put(&canvas->line, str_of(tally->lines[(i - 1) % LINES_MAX].text),
			canvas->columns > 4 ? canvas->columns - 2 : 0);
		buf_z(&canvas->line, colour == SCREEN_PLAIN ? "" : screen_colour(canvas->screen, SCREEN_PLAIN));
		end_line(canvas);
	}
}

void frame_compose(struct demo *demo, const struct screen *screen, int rows, struct buf *frame)
{
	struct canvas canvas = { .screen = screen, .frame = frame, .rows = rows, .columns = screen->columns };

	put_head(demo, &canvas);
	put_requests(demo, &canvas);
	put_tickets(demo, &canvas);
	end_line(&canvas);
	put_clocks(demo, &canvas);
	end_line(&canvas);
	put_people(demo, &canvas);
	put_flow(demo, &canvas);
	put_processes(demo, &canvas);
	end_line(&canvas);
	put_lines(demo, &canvas);
	buf_done(&canvas.line);
}
