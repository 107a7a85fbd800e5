/* The live screen: drawn again in place a few times a second, never longer than the terminal. On a pipe there is none;
 * there every happening is a line of its own. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "deploy/demo/demo.h"

#define BAR 30

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

void show_latency(const struct demo *demo, int64_t *ret_p50, int64_t *ret_p99, size_t *ret_count)
{
	int64_t *took = mem_zero((demo->story_count + 1) * sizeof(*took));
	size_t count = 0;

	for (size_t i = 0; i < demo->story_count; i++)
		if (demo->stories[i].plot->direct && demo->stories[i].assigned_after > 0)
			took[count++] = demo->stories[i].assigned_after;
	qsort(took, count, sizeof(*took), compare);
	*ret_p50 = count ? took[count / 2] : 0;
	*ret_p99 = count ? took[count * 99 / 100] : 0;
	*ret_count = count;
	mem_free(took);
}

static uint32_t in_states(const struct tally *tally, const enum state *states, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += tally->by_state[states[i]];
	return sum;
}

static void put_bar(struct buf *line, size_t part, size_t whole)
{
	size_t filled = whole ? part * BAR / whole : 0;

	for (size_t i = 0; i < BAR; i++)
		buf_z(line, i < filled ? "█" : "░");
}

static void end_line(struct demo *demo, struct buf *frame)
{
	buf_z(frame, "\033[K\n");
	demo->frame++;
}

static void put_label(struct demo *demo, struct buf *frame, const char *english, const char *chinese)
{
	buf_z(frame, "  ");
	screen_cell(frame, str_of(screen_word(&demo->screen, english, chinese)), 11);
}

static void put_counts(struct demo *demo, struct buf *frame)
{
	static const enum state early[] = { STATE_RECEIVED, STATE_INCOMPLETE, STATE_VERIFIED, STATE_CLASSIFIED };
	static const enum state met[] = { STATE_CONTACTED, STATE_SCHEDULED };
	static const enum state waits[] = { STATE_WAITING_CUSTOMER, STATE_WAITING_INTERNAL };
	static const enum state solved[] = { STATE_RESOLVED_UNCONFIRMED, STATE_CONFIRMED };
	const struct tally *tally = &demo->tally;
	const struct screen *screen = &demo->screen;
	uint32_t over = tally->by_state[STATE_CLOSED] + tally->by_state[STATE_CANCELLED] + tally->by_state[STATE_REJECTED];
	uint32_t scored = tally->facts[FACT_SCORED];
	int64_t p50, p99;
	size_t count;

	put_label(demo, frame, "requests", "来件");
	buf_format(frame, "%4u  ", tally->requests);
	put_bar(frame, demo->next, demo->story_count);
	buf_format(frame, screen_word(screen, "  doubles %u   refused %u", "  重复 %u   拒收 %u"), tally->doubles,
		   tally->refused_requests);
	end_line(demo, frame);
	put_label(demo, frame, "tickets", "工单");
	buf_format(frame, screen_word(screen,
				      "closed %u  withdrawn %u  open %u:  early %u  assigned %u  contacted %u  working %u  waiting %u  resolved %u",
				      "结案 %u  撤销 %u  未结 %u:  前期 %u  已派 %u  已联系 %u  处理 %u  等待 %u  已解决 %u"),
		   tally->by_state[STATE_CLOSED], tally->by_state[STATE_CANCELLED], tally->tickets - over,
			in_states(tally, early, array_count(early)), tally->by_state[STATE_ASSIGNED],
		   in_states(tally, met, array_count(met)), tally->by_state[STATE_IN_PROGRESS],
			in_states(tally, waits, array_count(waits)),
		   in_states(tally, solved, array_count(solved)));
	end_line(demo, frame);
	put_label(demo, frame, "clocks", "时限");
	buf_format(frame, screen_word(screen, "running %u   met %u   %sbreached %u%s   corrected %u   due in the next hour %u",
				      "计时 %u   达标 %u   %s超时 %u%s   更正 %u   一小时内到期 %u"),
		   tally_running(demo, INSTANT_NONE), tally->facts[FACT_MET] - tally->met_late,
		   tally->facts[FACT_BREACHED] ? screen_colour(screen, SCREEN_RED) : "", tally->facts[FACT_BREACHED],
		   tally->facts[FACT_BREACHED] ? screen_colour(screen, SCREEN_PLAIN) : "", tally->facts[FACT_CORRECTED],
		   tally_running(demo, screen_now() + HOUR));
	end_line(demo, frame);
	put_label(demo, frame, "messages", "通知");
	buf_format(frame, screen_word(screen, "sent %u   failed %u        surveys  sent %u   answered %u   satisfied %.0f %%",
				      "已发 %u   失败 %u        问卷  已发 %u   已回 %u   满意 %.0f %%"),
		   tally->facts[FACT_MESSAGE_SENT], tally->facts[FACT_MESSAGE_FAILED], tally->facts[FACT_SURVEY_SENT],
		   tally->facts[FACT_SCORED], scored ? 100.0 * tally->satisfied / scored : 0.0);
	end_line(demo, frame);
	show_latency(demo, &p50, &p99, &count);
	put_label(demo, frame, "flow", "流转");
	buf_format(frame, screen_word(screen, "%u facts   claims refused %u   request -> assigned  p50 %.1f ms  p99 %.1f ms",
				      "%u 个事实   被拒主张 %u   来件 -> 派工  p50 %.1f 毫秒  p99 %.1f 毫秒"),
		   tally->all_facts, tally->refused_claims, (double)p50 / 1000, (double)p99 / 1000);
	if (demo->services)
		buf_format(frame, screen_word(screen, "   processes %d of %d up", "   进程 %d/%d 正常"), demo->ready,
			   demo->services);
	if (demo->restarts)
		buf_format(frame, screen_word(screen, ", %d restarts", ",重启 %d 次"), demo->restarts);
	end_line(demo, frame);
}

/* How many of the latest lines fit below the counts. */
static uint32_t room(void)
{
	struct winsize size;
	int rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : 24;
	int left = rows - 11;

	return left < 1 ? 1 : left > LINES_MAX ? LINES_MAX : (uint32_t)left;
}

void show_frame(struct demo *demo, bool last)
{
	const struct tally *tally = &demo->tally;
	const struct screen *screen = &demo->screen;
	uint32_t lines = room(), from;
	int width = screen->columns > 20 ? screen->columns - 3 : 0;
	struct buf frame = { 0 };
	char when[SCREEN_TEXT];
	int64_t elapsed = (demo_monotonic() - demo->began) / SECOND;

	if (!screen->terminal)
		return;
	if (demo->frame)
		buf_format(&frame, "\033[%dA\r", demo->frame);
	else
		buf_z(&frame, "\033[?25l");
	/* What is too long for the terminal is cut at its edge: a line that wraps would spoil the count. */
	buf_z(&frame, "\033[?7l");
	demo->frame = 0;
	buf_format(&frame, "%s%s%s    %s %s · PostgreSQL (%s)", screen_colour(screen, SCREEN_BOLD),
		   screen_word(screen, "Aftercare demo", "Aftercare 演示"), screen_colour(screen, SCREEN_PLAIN), demo->broker,
			demo->brokers,
		   screen_word(screen, "private", "私有"));
	end_line(demo, &frame);
	buf_format(&frame, "%.*s %s   %s %lld:%02lld   %s", STR_ARG(screen_when(screen_now(), when)), screen->zone,
		   screen_word(screen, "elapsed", "已运行"), (long long)(elapsed / 60), (long long)(elapsed % 60),
		   screen_word(screen, "Ctrl-C stops everything", "Ctrl-C 停止全部"));
	end_line(demo, &frame);
	end_line(demo, &frame);
	put_counts(demo, &frame);
	end_line(demo, &frame);
	from = tally->line_count > lines ? tally->line_count - lines : 0;
	for (uint32_t i = tally->line_count; i > from; i--) {
		enum screen_colour colour = tally->lines[(i - 1) % LINES_MAX].colour;

		buf_format(&frame, "  %s", colour == SCREEN_PLAIN ? "" : screen_colour(screen, colour));
		screen_put(&frame, str_of(tally->lines[(i - 1) % LINES_MAX].text), width);
		buf_z(&frame, colour == SCREEN_PLAIN ? "" : screen_colour(screen, SCREEN_PLAIN));
		end_line(demo, &frame);
	}
	buf_z(&frame, "\033[J\033[?7h");
	if (last)
		buf_z(&frame, "\033[?25h");
	fwrite(frame.p, 1, frame.n, stdout);
	fflush(stdout);
	buf_done(&frame);
}
