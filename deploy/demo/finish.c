/* The summary, and whether it adds up: every request is a ticket, a repeat or refused; every clock has exactly one end or is
 * still open; every story came to its own. What does not add up is said, and the exit status is 1. */
#include <string.h>

#include "deploy/demo/demo.h"

#define LABEL 22

static void label(const struct demo *demo, const char *english, const char *chinese)
{
	struct buf cell = { 0 };

	screen_cell(&cell, str_of(screen_word(&demo->screen, english, chinese)), LABEL);
	printf("  %.*s", (int)cell.n, cell.p);
	buf_done(&cell);
}

static void say(const struct demo *demo, const char *english, const char *chinese, const char *format, ...) printf_like(4, 5);
static void say(const struct demo *demo, const char *english, const char *chinese, const char *format, ...)
{
	va_list args;

	label(demo, english, chinese);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static int wrong(const struct demo *demo, const char *english, const char *chinese, uint32_t is, uint32_t expected)
{
	const struct screen *screen = &demo->screen;

	if (is == expected)
		return 0;
	printf("%s! %s: %u, %s %u%s\n", screen_colour(screen, SCREEN_RED), screen_word(screen, english, chinese), is,
	       screen_word(screen, "expected", "应为"), expected, screen_colour(screen, SCREEN_PLAIN));
	return 1;
}

/* ---- stories that did not end, one line per plot ---- */

static int straggler(const struct demo *demo, const struct plot *plot)
{
	const struct story *example = NULL;
	int open = 0, all = 0;

	for (size_t i = 0; i < demo->story_count; i++) {
		if (demo->stories[i].plot != plot)
			continue;
		all++;
		if (demo->stories[i].done)
			continue;
		open++;
		example = &demo->stories[i];
	}
	if (!example)
		return 0;
	printf(screen_word(&demo->screen, "! %s: %d of %d did not come to their end; for example %s, which waits for %s\n",
			   "! %s:%d / %d 未走完;例如 %s 在等 %s\n"), plot->name, open, all,
	       example->ticket[0] ? example->ticket : example->id, fact_name(plot->steps[example->step].after));
	return 1;
}

static int stragglers(const struct demo *demo)
{
	int bad = 0;

	for (const struct plot *const *list = plots; *list; list++)
		for (const struct plot *plot = *list; plot->name; plot++)
			bad |= straggler(demo, plot);
	return bad;
}

/* ---- one to look at afterwards ---- */

static int interest(const struct story *story)
{
	return !story->ticket[0] ? -1
	     : story->seen[FACT_SPARE_ISSUED] ? 3
	     : story->seen[FACT_CORRECTED] && story->done ? 2 : story->seen[FACT_BREACHED] ? 1 : 0;
}

/* Written where deploy/dev/demo finds it. */
static void write_example(const struct demo *demo)
{
	const struct story *best = NULL;
	char path[512];
	FILE *file;

	for (size_t i = 0; i < demo->story_count; i++)
		if (!best || interest(&demo->stories[i]) > interest(best))
			best = &demo->stories[i];
	if (!demo->dir || !best || !best->ticket[0])
		return;
	snprintf(path, sizeof(path), "%s/demo.ticket", demo->dir);
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%s\n", best->ticket);
	fclose(file);
}

/* ---- the sums ---- */

static uint32_t ends(const struct tally *tally)
{
	return tally->facts[FACT_MET] + tally->facts[FACT_CORRECTED] + tally->facts[FACT_ENDED];
}

static void put_clocks(const struct demo *demo)
{
	const struct tally *tally = &demo->tally;
	char text[80];

	for (size_t i = 0; i < tally->policy_count; i++) {
		const struct policy_note *policy = &tally->policies[i];

		say(demo, i ? "" : "clocks", i ? "" : "时限",
		    screen_word(&demo->screen,
				"%.*s: %u = %u met in time + %u met late + %u corrected + %u ended with the ticket + %u open; %u had been breached",
				"%.*s:%u = 按时 %u + 迟 %u + 更正 %u + 随工单终止 %u + 未结 %u;曾超时 %u"),
		    STR_ARG(clocks_policy(policy, text)), policy->started, policy->met, policy->late, policy->corrected,
		    policy->ended,
		    clocks_open_of(demo, i), policy->breached);
	}
}

static void put_counts(const struct demo *demo)
{
	const struct tally *tally = &demo->tally;
	const struct screen *screen = &demo->screen;
	uint32_t closed = tally->by_state[STATE_CLOSED], withdrawn = tally->by_state[STATE_CANCELLED];

	say(demo, "requests sent", "发出来件",
	    screen_word(screen, "%u = %u tickets + %u repeats without effect + %u refused", "%u = 工单 %u + 重复(无效果)%u + 拒收 %u"),
	    tally->requests, tally->tickets, tally->doubles, tally->refused_requests);
	say(demo, "tickets", "工单",
	    screen_word(screen, "%u = %u closed + %u withdrawn + %u still open", "%u = 结案 %u + 撤销 %u + 未结 %u"),
	    tally->tickets, closed, withdrawn, tally->tickets - closed - withdrawn);
	put_clocks(demo);
	say(demo, "further claims", "其他主张",
	    screen_word(screen, "%u by staff and customers, %u of them refused; %u about projects", "员工与客户 %u,被拒 %u;关于项目 %u"),
	    tally->claims, tally->refused_claims, tally->other_claims);
}

static void put_rest(const struct demo *demo)
{
	const struct tally *tally = &demo->tally;
	const struct screen *screen = &demo->screen;
	char length[SCREEN_TEXT];
	int64_t p50, p99;
	size_t count;

	label(demo, "dead letters", "死信");
	for (size_t i = 0; i < REASONS_MAX && tally->reasons[i].count; i++)
		printf("%s%s %u", i ? ", " : "", tally->reasons[i].name, tally->reasons[i].count);
	putchar('\n');
	say(demo, "messages", "通知", screen_word(screen, "%u sent, %u failed", "已发 %u,失败 %u"),
	    tally->facts[FACT_MESSAGE_SENT], tally->facts[FACT_MESSAGE_FAILED]);
	say(demo, "surveys", "问卷",
	    screen_word(screen, "%u sent, %u answered: %u satisfied, %u not", "已发 %u,已回 %u:满意 %u,不满意 %u"),
	    tally->facts[FACT_SURVEY_SENT], tally->facts[FACT_SCORED], tally->satisfied, tally->dissatisfied);
	frame_latency(demo, &p50, &p99, &count);
	say(demo, "request -> assigned", "来件到派工",
	    screen_word(screen, "p50 %.1f ms, p99 %.1f ms of real time, over %zu requests",
	    	"真实时间 p50 %.1f 毫秒,p99 %.1f 毫秒,共 %zu 件"),
	    (double)p50 / 1000, (double)p99 / 1000, count);
	if (demo->back_after)
		say(demo, "kill -9", "kill -9", screen_word(screen, "%s, back after %.*s", "%s,%.*s后恢复"), demo->victim,
		    STR_ARG(screen_length(screen, demo->back_after, length)));
	if (tally->repeats)
		say(demo, "published again", "重复发布",
		    screen_word(screen, "%u records, known by their numbers and dropped by this reader", "%u 条,读者凭序号识别并丢弃"),
		    tally->repeats);
}

static int judge(const struct demo *demo)
{
	const struct tally *tally = &demo->tally;
	int bad = 0;

	bad |= wrong(demo, "tickets", "工单", tally->tickets, tally->requests - tally->doubles - tally->bad_sent);
	bad |= wrong(demo, "second tickets of one request", "同一来件的第二张工单", tally->second_tickets, 0);
	bad |= wrong(demo, "refused requests", "拒收来件", tally->refused_requests, tally->bad_sent);
	bad |= wrong(demo, "clocks ended or open", "已终结或未结的时限", ends(tally) + clocks_open(demo, INSTANT_NONE),
		     tally->facts[FACT_STARTED]);
	bad |= wrong(demo, "second ends of one clock", "同一时限的第二次终结", tally->two_ends, 0);
	bad |= wrong(demo, "complaints handled by the person complained about", "由被投诉人处理的投诉", tally->handled_by_named, 0);
	bad |= wrong(demo, "processes that did not come back", "未恢复的进程", demo->killed_at && !demo->back_after, 0);
	return bad | stragglers(demo);
}

int finish(struct demo *demo)
{
	const struct screen *screen = &demo->screen;
	char length[SCREEN_TEXT];
	int bad;

	printf("\n%s%s%s (%s, %.*s)\n", screen_colour(screen, SCREEN_BOLD), screen_word(screen, "What was shown", "演示小结"),
	       screen_colour(screen, SCREEN_PLAIN), demo->broker,
	       STR_ARG(screen_length(screen, (demo_monotonic() - demo->began) / SECOND * SECOND, length)));
	put_counts(demo);
	put_rest(demo);
	bad = judge(demo);
	if (!bad)
		printf("  %s%s%s\n", screen_colour(screen, SCREEN_GREEN),
		       screen_word(screen, "It adds up; every story came to its end.", "数目相符,每个情节都走到了结局。"),
		       screen_colour(screen, SCREEN_PLAIN));
	write_example(demo);
	return bad;
}
