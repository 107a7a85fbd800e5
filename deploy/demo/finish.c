/* The summary, and whether it adds up: every request is a ticket, a repeat or refused; every clock has exactly one end; every
 * story came to its own. What does not add up is said, and the exit status is 1. */
#include <string.h>

#include "deploy/demo/demo.h"

static void say(const struct demo *demo, const char *english, const char *chinese, const char *format, ...) printf_like(4, 5);
static void say(const struct demo *demo, const char *english, const char *chinese, const char *format, ...)
{
	struct buf cell = { 0 };
	va_list args;

	screen_cell(&cell, str_of(screen_word(&demo->screen, english, chinese)), 20);
	printf("  %.*s", (int)cell.n, cell.p);
	buf_done(&cell);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static int wrong(const struct demo *demo, const char *what, uint32_t is, uint32_t expected)
{
	if (is == expected)
		return 0;
	printf("%s! %s: %u, %s %u%s\n", screen_colour(&demo->screen, SCREEN_RED), what, is,
	       screen_word(&demo->screen, "expected", "应为"),
	       expected, screen_colour(&demo->screen, SCREEN_PLAIN));
	return 1;
}

/* The stories that did not end, one line per plot. */
static int stragglers(const struct demo *demo)
{
	int bad = 0;

	for (const struct plot *plot = plots; plot->name; plot++) {
		const struct story *example = NULL;
		int open = 0;

		for (size_t i = 0; i < demo->story_count; i++) {
			if (demo->stories[i].plot != plot || demo->stories[i].done)
				continue;
			open++;
			example = &demo->stories[i];
		}
		if (!example)
			continue;
		bad = 1;
		printf(screen_word(&demo->screen, "! %s: %d of %d did not come to their end; for example %s, which waits for %s\n",
				   "! %s:%d / %d 未走完;例如 %s 在等 %s\n"), plot->name, open, plot->count,
		       example->ticket[0] ? example->ticket : example->id, fact_name(plot->steps[example->step].after));
	}
	return bad;
}

static void reasons(const struct demo *demo, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < REASONS_MAX && demo->tally.reasons[i].count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s %u", i ? ", " : "", demo->tally.reasons[i].name,
					 demo->tally.reasons[i].count);
}

/* One that shows much: it was late and came to its end; for whoever wants to look at one afterwards. */
static const struct story *example(const struct demo *demo)
{
	const struct story *best = NULL;

	for (size_t i = 0; i < demo->story_count; i++) {
		const struct story *story = &demo->stories[i];

		if (!story->ticket[0])
			continue;
		if (!best || (story->seen[FACT_CORRECTED] && story->done && !best->seen[FACT_CORRECTED]))
			best = story;
	}
	return best;
}

static void write_example(const struct demo *demo)
{
	const struct story *story = example(demo);
	char path[512];
	FILE *file;

	if (!demo->dir || !story)
		return;
	snprintf(path, sizeof(path), "%s/demo.ticket", demo->dir);
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%s\n", story->ticket);
	fclose(file);
}

int finish(struct demo *demo)
{
	const struct tally *tally = &demo->tally;
	const struct screen *screen = &demo->screen;
	uint32_t good = tally->requests - tally->doubles - tally->bad_sent, running = tally_running(demo, INSTANT_NONE);
	char text[400], length[SCREEN_TEXT];
	int64_t p50, p99;
	size_t count;
	int status = 0;

	reasons(demo, text, sizeof(text));
	show_latency(demo, &p50, &p99, &count);
	printf("\n%s%s%s (%s %s)\n", screen_colour(screen, SCREEN_BOLD), screen_word(screen, "What was shown", "演示小结"),
	       screen_colour(screen, SCREEN_PLAIN), demo->broker,
	       screen_length(screen, (demo_monotonic() - demo->began) / SECOND * SECOND, length).p);
	say(demo, "requests sent", "发出来件",
	    screen_word(screen, "%u = %u tickets + %u repeats without effect + %u refused",
			"%u = 工单 %u + 重复(无效果)%u + 拒收 %u"),
	    tally->requests, tally->tickets, tally->doubles, tally->refused_requests);
	say(demo, "tickets", "工单",
	    screen_word(screen, "%u = %u closed + %u withdrawn + %u still open", "%u = 结案 %u + 撤销 %u + 未结 %u"),
		tally->tickets,
	    tally->by_state[STATE_CLOSED], tally->by_state[STATE_CANCELLED],
	    tally->tickets - tally->by_state[STATE_CLOSED] - tally->by_state[STATE_CANCELLED]);
	say(demo, "clocks", "时限",
	    screen_word(screen, "%u = %u met in time + %u met late + %u corrected + %u ended with the ticket + %u running; %u had been breached",
					    "%u = 按时 %u + 迟复 %u + 更正 %u + 随工单终止 %u + 计时中 %u;曾超时 %u"),
	    tally->facts[FACT_STARTED], tally->facts[FACT_MET] - tally->met_late, tally->met_late, tally->facts[FACT_CORRECTED],
	    tally->facts[FACT_ENDED], running, tally->facts[FACT_BREACHED]);
	say(demo, "further claims", "其他主张",
	    screen_word(screen, "%u sent by staff and customers, %u of them refused", "员工与客户发出 %u,被拒 %u"),
		tally->claims, tally->refused_claims);
	say(demo, "dead letters", "死信", "%s", text[0] ? text : "0");
	say(demo, "messages", "通知", screen_word(screen, "%u sent, %u failed", "已发 %u,失败 %u"),
	    tally->facts[FACT_MESSAGE_SENT], tally->facts[FACT_MESSAGE_FAILED]);
	say(demo, "surveys", "问卷",
	    screen_word(screen, "%u sent, %u answered: %u satisfied, %u not", "已发 %u,已回 %u:满意 %u,不满意 %u"),
	    tally->facts[FACT_SURVEY_SENT], tally->facts[FACT_SCORED], tally->satisfied, tally->dissatisfied);
	say(demo, "request -> assigned", "来件到派工",
	    screen_word(screen, "p50 %.1f ms, p99 %.1f ms, over %zu requests", "p50 %.1f 毫秒,p99 %.1f 毫秒,共 %zu 件"),
		(double)p50 / 1000,
	    (double)p99 / 1000, count);
	if (tally->repeats)
		say(demo, "published again", "重复发布",
		    screen_word(screen, "%u records after a restart, known by their numbers and dropped by this reader",
								"重启后重发 %u 条,读者凭序号识别并丢弃"), tally->repeats);
	status |= wrong(demo, screen_word(screen, "tickets", "工单"), tally->tickets, good);
	status |= wrong(demo, screen_word(screen, "second tickets of one request", "同一来件的第二张工单"),
			tally->second_tickets, 0);
	status |= wrong(demo, screen_word(screen, "refused requests", "拒收来件"), tally->refused_requests, tally->bad_sent);
	status |= wrong(demo, screen_word(screen, "ends of clocks", "时限终结"),
			tally->facts[FACT_MET] + tally->facts[FACT_CORRECTED] + tally->facts[FACT_ENDED] + running,
			tally->facts[FACT_STARTED]);
	status |= stragglers(demo);
	if (status == 0)
		printf("  %s%s%s\n", screen_colour(screen, SCREEN_GREEN),
		       screen_word(screen, "It adds up; every story came to its end.", "数目相符,每个情节都走到了结局。"),
		       screen_colour(screen, SCREEN_PLAIN));
	write_example(demo);
	return status;
}
