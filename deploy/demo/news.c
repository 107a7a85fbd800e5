/* The lines that tell what happened: aftercarectl's own sentences, of those facts that a person at a service desk would look up
 * for. On a pipe: simulated time, ticket, fact and words between tabs, so that scripts can read it. */
#include <string.h>

#include "deploy/demo/demo.h"
#include "services/ctl/ticket.h"

#define ROUTINE_EVERY (450 * MILLISECOND)

void news_line(struct demo *demo, enum screen_colour colour, const char *ticket, const char *fact, struct str words)
{
	struct tally *tally = &demo->tally;
	int64_t now = demo_monotonic();
	char clock[SCREEN_TEXT];
	struct buf line = { 0 };

	if (!demo->screen.terminal) {
		buf_str(&line, screen_rfc3339(day_now(demo), clock));
		buf_format(&line, "\t%s\t%s\t", *ticket ? ticket : "-", fact);
		screen_put(&line, words, 0);
		printf("%.*s\n", (int)line.n, line.p);
		buf_clear(&line);
	}
	if (colour == SCREEN_PLAIN && now - tally->line_at < ROUTINE_EVERY) {
		buf_done(&line);
		return;
	}
	tally->line_at = now;
	buf_str(&line, screen_clock(day_now(demo), clock));
	buf_z(&line, "  ");
	screen_cell(&line, str_of(ticket), 24);
	buf_char(&line, ' ');
	screen_put(&line, words, 0);
	snprintf(tally->lines[tally->line_count % LINES_MAX].text, sizeof(tally->lines[0].text), "%.*s", (int)line.n, line.p);
	tally->lines[tally->line_count++ % LINES_MAX].colour = colour;
	buf_done(&line);
}

void news_say(struct demo *demo, enum screen_colour colour, const char *fact, const char *format, ...)
{
	char text[240];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	news_line(demo, colour, "", fact, str_of(text));
}

/* What is told, and how loudly; false: a daily matter that only the counts show. */
static bool is_news(const struct story *story, const struct record *record, const struct doc *doc,
	enum screen_colour *ret_colour)
{
	*ret_colour = SCREEN_PLAIN;
	switch (record->fact) {
	case FACT_BREACHED:
	case FACT_REOPENED:
	case FACT_SPARE_REQUIRED:
	case FACT_MESSAGE_FAILED:
		*ret_colour = SCREEN_RED;
		return true;
	case FACT_CORRECTED:
		*ret_colour = SCREEN_GREEN;
		return true;
	case FACT_INCOMPLETE:
	case FACT_UNASSIGNABLE:
	case FACT_CANCELLED:
	case FACT_RESCHEDULED:
	case FACT_SPARE_ISSUED:
	case FACT_TASK:
		*ret_colour = SCREEN_YELLOW;
		return true;
	case FACT_MET:
		*ret_colour = SCREEN_YELLOW;
		return doc_member(doc, 0, STR("late_s")) != 0;
	case FACT_REGISTERED:
	case FACT_ASSIGNED:
	case FACT_SCHEDULED:
	case FACT_ARRIVED:
	case FACT_WAITING:
	case FACT_RESOLVED:
	case FACT_CLOSED:
	case FACT_SCORED:
		return true;
	case FACT_MESSAGE_SENT:
		return false;
	default:
		/* Of projects, visits, calls: rare enough that each is told. */
		*ret_colour = SCREEN_YELLOW;
		return !story && !str_starts(record->name, STR("notify."));
	}
}

static void know_people(struct demo *demo, struct ticket_view *view)
{
	view->people_count = world_people();
	view->people = arena_alloc(&demo->ctl.arena, view->people_count * sizeof(*view->people));
	view->names = arena_alloc(&demo->ctl.arena, view->people_count * sizeof(*view->names));
	for (size_t i = 0; i < view->people_count; i++) {
		view->people[i] = str_of(world_person(i));
		view->names[i] = str_of(world_name(world_person(i)));
	}
}

void news_of(struct demo *demo, const struct story *story, const struct record *record, const struct doc *doc)
{
	struct ticket_view view = { .ctl = &demo->ctl, .screen = demo->screen };
	struct happening happening = { .name = record->name, .doc = *doc };
	struct policy_note policy = { 0 };
	enum screen_colour colour;
	char label[80];
	struct str words;

	if (!is_news(story, record, doc, &colour))
		return;
	know_people(demo, &view);
	words = ticket_words(&view, &happening);
	if (str_starts(record->name, STR("sla."))) {
		snprintf(policy.id, sizeof(policy.id), "%.*s", STR_ARG(doc_get(doc, "policy.id", &demo->ctl.arena)));
		words = str_format(&demo->ctl.arena, "%.*s  [%.*s]", STR_ARG(words), (int)strcspn(clocks_policy(&policy,
			label).p, " "),
				   label);
	}
	if (!story)
		words = str_format(&demo->ctl.arena, "%.*s %.*s", STR_ARG(record->key), STR_ARG(words));
	news_line(demo, colour, story ? story->ticket : "", str_z(&demo->ctl.arena, record->name), words);
}
