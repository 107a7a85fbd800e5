/* What becomes of each record: a count, a mark in its story, and for the things a person wants to see, a line. */
#include <string.h>

#include "common/base/doc.h"
#include "deploy/demo/demo.h"

#define ROUTINE_EVERY (400 * MILLISECOND)

void tally_line(struct demo *demo, enum screen_colour colour, const char *ticket, const char *what, const char *format, ...)
{
	struct tally *tally = &demo->tally;
	char *line = tally->lines[tally->line_count % LINES_MAX].text, text[200], clock[SCREEN_TEXT];
	struct buf cells = { 0 };
	va_list args;

	if (demo->screen.terminal && colour == SCREEN_PLAIN) {
		if (demo_monotonic() - tally->routine_at < ROUTINE_EVERY)
			return;
		tally->routine_at = demo_monotonic();
	}
	tally->lines[tally->line_count % LINES_MAX].colour = colour;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_str(&cells, screen_clock(screen_now(), clock));
	buf_z(&cells, "  ");
	screen_cell(&cells, str_of(ticket), 24);
	screen_cell(&cells, str_of(what), 14);
	screen_put(&cells, str_of(text), 0);
	snprintf(line, sizeof(tally->lines[0].text), "%.*s", (int)cells.n, cells.p);
	tally->line_count++;
	if (!demo->screen.terminal)
		puts(line);
	buf_done(&cells);
}

static void copy(char *to, size_t size, struct str from)
{
	if (from.n > 0)
		snprintf(to, size, "%.*s", STR_ARG(from));
}

static void count_reason(struct tally *tally, struct str reason)
{
	for (size_t i = 0; i < REASONS_MAX; i++) {
		if (tally->reasons[i].count == 0)
			copy(tally->reasons[i].name, sizeof(tally->reasons[i].name), reason);
		if (str_is(reason, tally->reasons[i].name)) {
			tally->reasons[i].count++;
			return;
		}
	}
}

/* ---- clocks ---- */

static struct clock_note *clock_of(struct tally *tally, struct str id)
{
	for (size_t i = tally->clock_count; i > 0; i--)
		if (str_is(id, tally->clocks[i - 1].id))
			return &tally->clocks[i - 1];
	if (tally->clock_count == tally->clock_capacity) {
		tally->clock_capacity = tally->clock_capacity ? tally->clock_capacity * 2 : 512;
		tally->clocks = mem_resize(tally->clocks, tally->clock_capacity * sizeof(*tally->clocks));
	}
	tally->clocks[tally->clock_count] = (struct clock_note){ .due = INSTANT_NONE };
	copy(tally->clocks[tally->clock_count].id, sizeof(tally->clocks[0].id), id);
	return &tally->clocks[tally->clock_count++];
}

uint32_t tally_running(const struct demo *demo, instant before)
{
	uint32_t count = 0;

	for (size_t i = 0; i < demo->tally.clock_count; i++)
		count += demo->tally.clocks[i].running && (before == INSTANT_NONE || demo->tally.clocks[i].due <= before);
	return count;
}

static void clock_news(struct demo *demo, struct story *story, const struct record *record, const struct doc *doc)
{
	struct clock_note *clock = clock_of(&demo->tally, doc_get(doc, "clock_id", &demo->scratch));
	instant due = doc_instant(doc, doc_member(doc, 0, STR("due_at")));
	const struct screen *screen = &demo->screen;
	char length[SCREEN_TEXT];
	double late;

	if (due != INSTANT_NONE)
		clock->due = story->due = due;
	if (record->fact == FACT_STARTED || record->fact == FACT_RESCHEDULED)
		clock->running = true;
	else if (record->fact == FACT_BREACHED || record->fact == FACT_MET || record->fact == FACT_CORRECTED || record->fact == FACT_ENDED)
		clock->running = false;
	if (record->fact == FACT_BREACHED)
		tally_line(demo, SCREEN_RED, story->ticket, screen_word(screen, "BREACHED", "超时"),
			   screen_word(screen, "response: %.*s since the request; the customer and the manager are told",
				       "响应:来件已 %.*s;通知客户与经理"),
			   STR_ARG(screen_length(screen, clock->due - story->t0, length)));
	if (record->fact == FACT_CORRECTED)
		tally_line(demo, SCREEN_GREEN, story->ticket, screen_word(screen, "corrected", "更正"), "%s",
			   screen_word(screen, "the reply was in time, it was only told too late",
				       "回复其实按时,只是报来晚了"));
	if (record->fact == FACT_RESCHEDULED)
		tally_line(demo, SCREEN_YELLOW, story->ticket, screen_word(screen, "rescheduled", "改期"), "%s",
			   screen_word(screen, "graded anew: another limit, counted from the beginning",
				       "重新分级:时限从受理起重算"));
	if (record->fact == FACT_MET && doc_double(doc, doc_member(doc, 0, STR("late_s")), &late)) {
		demo->tally.met_late++;
		tally_line(demo, SCREEN_YELLOW, story->ticket, screen_word(screen, "answered late", "迟复"),
			   screen_word(screen, "by %.*s", "迟 %.*s"),
				STR_ARG(screen_length(screen, (int64_t)(late * 1e6), length)));
	}
}

/* ---- tickets ---- */

static void ticket_lines(struct demo *demo, struct story *story, const struct record *record, const struct doc *doc)
{
	const struct screen *screen = &demo->screen;
	struct str text;

	switch (record->fact) {
	case FACT_REGISTERED:
		text = doc_get(doc, "channel", &demo->scratch);
		tally_line(demo, SCREEN_PLAIN, story->ticket, screen_word(screen, "registered", "受理"), "%.*s, %s %s",
			   STR_ARG(text),
			   story->plot->kind ? story->plot->kind : "?", story->plot->severity ? story->plot->severity : "");
		break;
	case FACT_INCOMPLETE:
		tally_line(demo, SCREEN_YELLOW, story->ticket, screen_word(screen, "incomplete", "信息待补"), "%s",
			   screen_word(screen, "telephone or e-mail, and the product, are asked for",
				       "向客户索取电话或邮箱、产品型号"));
		break;
	case FACT_ASSIGNED:
		tally_line(demo, SCREEN_PLAIN, story->ticket, screen_word(screen, "assigned", "派工"), "%s (%s)",
			   world_name(story->owner), story->owner);
		break;
	case FACT_UNASSIGNABLE:
		tally_line(demo, SCREEN_YELLOW, story->ticket, screen_word(screen, "unassignable", "无人可派"), "%s",
			   screen_word(screen, "nobody with this skill is on post", "有此技能者均不在岗"));
		break;
	case FACT_WAITING:
		text = doc_get(doc, "on", &demo->scratch);
		tally_line(demo, SCREEN_PLAIN, story->ticket, screen_word(screen, "waits", "等待"), "%.*s", STR_ARG(text));
		break;
	case FACT_REOPENED:
		tally_line(demo, SCREEN_RED, story->ticket, screen_word(screen, "reopened", "重新打开"), "%s",
			   screen_word(screen, "the customer is not satisfied", "客户不满意"));
		break;
	case FACT_CLOSED:
		tally_line(demo, SCREEN_PLAIN, story->ticket, screen_word(screen, "closed", "结案"),
			   screen_word(screen, "signed by the customer; %s (%s)", "客户已签字;%s (%s)"),
				world_name(story->owner), story->owner);
		break;
	case FACT_CANCELLED:
		tally_line(demo, SCREEN_YELLOW, story->ticket, screen_word(screen, "withdrawn", "撤销"), "%s",
			   screen_word(screen, "by the customer", "客户撤销"));
		break;
	case FACT_SCORED:
		text = doc_raw(doc, doc_member(doc, 0, STR("score")));
		tally_line(demo, SCREEN_PLAIN, story->ticket, screen_word(screen, "survey", "问卷"),
			   screen_word(screen, "%.*s of 100", "%.*s 分(满分 100)"), STR_ARG(text));
		break;
	default:
		break;
	}
}

static void ticket_news(struct demo *demo, struct story *story, const struct record *record, const struct doc *doc)
{
	struct tally *tally = &demo->tally;
	enum state state = state_of(doc_get(doc, "state", &demo->scratch));
	double score;

	if (record->fact == FACT_REGISTERED) {
		if (story->ticket[0])
			tally->second_tickets++;
		copy(story->ticket, sizeof(story->ticket), record->ticket);
		tally->tickets++;
	}
	if (record->fact == FACT_ASSIGNED)
		copy(story->owner, sizeof(story->owner), doc_get(doc, "to", &demo->scratch));
	if (record->fact == FACT_ASSIGNED && story->assigned_after == 0)
		story->assigned_after = demo_monotonic() - story->sent_at;
	if (record->fact == FACT_SURVEY_SENT)
		copy(story->survey, sizeof(story->survey), doc_get(doc, "survey", &demo->scratch));
	if (record->fact == FACT_SCORED && doc_double(doc, doc_member(doc, 0, STR("score")), &score))
		score < 60 ? tally->dissatisfied++ : tally->satisfied++;
	/* Others than ticket.* quote a state that may be over. */
	if (state != STATE_NONE && str_starts(record->name, STR("ticket."))) {
		if (story->state != STATE_NONE)
			tally->by_state[story->state]--;
		tally->by_state[state]++;
		story->state = state;
	}
	ticket_lines(demo, story, record, doc);
}

static void refusal_news(struct demo *demo, struct story *story, const struct record *record)
{
	struct tally *tally = &demo->tally;
	char what[64];
	size_t n = strlen(demo->run);

	if (record->key.n < n || memcmp(record->key.p ? record->key.p : "", demo->run, n) != 0) {
		if (!story)
			return;              /* somebody else's */
	}
	count_reason(tally, record->reason);
	if (story && !str_is(record->id, story->id))
		tally->refused_claims++;
	else
		tally->refused_requests++;
	if (story && story->seen[FACT_REFUSED] < UINT8_MAX)
		story->seen[FACT_REFUSED]++;
	snprintf(what, sizeof(what), "%.*s", STR_ARG(record->reason));
	tally_line(demo, SCREEN_YELLOW, story ? story->ticket : "", screen_word(&demo->screen, "refused", "拒收"), "%s%s%.*s",
		   what, record->name.n ? ": " : "",
		   STR_ARG(record->name));
}

void tally_record(struct demo *demo, const struct record *record)
{
	struct tally *tally = &demo->tally;
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };
	struct story *story = record->fact == FACT_REFUSED ? cast_by_request(demo, record->id)
			    : record->fact == FACT_REGISTERED ? cast_by_request(demo, record->cause)
							      : cast_by_ticket(demo, record->ticket);

	if (record->fact == FACT_REFUSED) {
		refusal_news(demo, story, record);
		return;
	}
	if (!story)
		return;
	tally->all_facts++;
	tally->facts[record->fact]++;
	if (record->value.n == 0 || doc_parse(&doc, record->value, &demo->scratch, &ignored))
		return;
	/* Marked before anybody looks at the story again. */
	if (record->fact != FACT_NONE && story->seen[record->fact] < UINT8_MAX)
		story->seen[record->fact]++;
	if (str_starts(record->name, STR("sla.")))
		clock_news(demo, story, record, &doc);
	else
		ticket_news(demo, story, record, &doc);
}
