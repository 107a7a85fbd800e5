/* ticket, the showing half: header, history with the day said once, and what comes next; or all of it as JSON. */
#include <string.h>

#include "services/ctl/ticket.h"

#define INDENT 19                    /* columns before the text of a line of history */
#define REPORTED_LATE MINUTE         /* told so much later than it happened is worth saying */

/* Prints text from the present column, wrapped at the terminal's edge with the same indent. */
static void wrap(const struct ticket_view *view, struct str text, int indent)
{
	int room = view->screen.columns > indent + 20 ? view->screen.columns - indent : 0;
	struct buf line = { 0 };
	int used = 0;

	while (text.n > 0) {
		size_t n = 1;
		int width;

		/* A word with the blank behind it; Chinese is cut anywhere. */
		while (n < text.n && ((text.p[n] & 0xc0) == 0x80 ||
				      (text.p[n - 1] != ' ' && !(text.p[n] & 0x80) && !(text.p[n - 1] & 0x80))))
			n++;
		width = screen_width((struct str){ text.p, n });
		if (room && used > 0 && used + width > room) {
			fprintf(view->screen.out, "%.*s\n%*s", (int)line.n, line.p, indent, "");
			buf_clear(&line);
			used = 0;
		}
		used += screen_put(&line, (struct str){ text.p, n }, 0);
		text.p += n;
		text.n -= n;
	}
	fprintf(view->screen.out, "%.*s\n", (int)line.n, line.p ? line.p : "");
	buf_done(&line);
}

static struct str with_comma(struct arena *arena, struct str list, struct str word)
{
	return word.n == 0 ? list : list.n ? str_format(arena, "%.*s, %.*s", STR_ARG(list), STR_ARG(word)) : word;
}

static void head_line(const struct ticket_view *view, const char *english, const char *chinese, struct str text)
{
	struct buf cell = { 0 };

	if (text.n == 0)
		return;
	screen_cell(&cell, str_of(screen_word(&view->screen, english, chinese)), 11);
	fprintf(view->screen.out, "%.*s", (int)cell.n, cell.p);
	buf_done(&cell);
	wrap(view, text, 11);
}

static void head(const struct ticket_view *view)
{
	struct arena *arena = &view->ctl->arena;
	const struct screen *screen = &view->screen;
	bool overdue = ticket_is_overdue(view);
	struct str what = with_comma(arena, with_comma(arena, ticket_word(view, view->kind), ticket_word(view, view->severity)),
				     ticket_word(view, view->mode));
	struct str product = view->product;

	fprintf(screen->out, "%s%.*s%s   %.*s   %.*s%s%s%s\n", screen_colour(screen, SCREEN_BOLD), STR_ARG(view->id),
		screen_colour(screen, SCREEN_PLAIN),
			STR_ARG(what.n ? what : str_of(screen_word(screen, "not graded yet", "尚未分级"))),
		STR_ARG(ticket_word(view, view->state)), overdue ? "   " : "", overdue ? screen_colour(screen, SCREEN_RED) : "",
		overdue ? screen_word(screen, "overdue", "超时") : "");
	fputs(overdue ? screen_colour(screen, SCREEN_PLAIN) : "", screen->out);
	if (view->policy.n)
		head_line(view, "policy", "制度", str_format(arena, "%.*s v%lld%s%.*s%s", STR_ARG(view->policy),
							 (long long)view->policy_version, view->policy_source.n ? " (" : "",
							 STR_ARG(view->policy_source), view->policy_source.n ? ")" : ""));
	head_line(view, "customer", "客户", view->customer_id.n && view->customer.n
		  ? str_format(arena, "%.*s (%.*s)", STR_ARG(view->customer), STR_ARG(view->customer_id))
		  : view->customer.n ? view->customer : view->customer_id);
	if (view->version.n)
		product = str_format(arena, "%.*s v%.*s", STR_ARG(product), STR_ARG(view->version));
	if (view->serial_no.n)
		product = str_format(arena, "%.*s, %s %.*s", STR_ARG(product), screen_word(screen, "serial", "串号"),
				     STR_ARG(view->serial_no));
	if (str_is(view->entitlement, "none"))
		product = with_comma(arena, product, str_of(screen_word(screen, "ownership to be reviewed", "机主身份待核")));
	head_line(view, "product", "产品", product);
	head_line(view, "owner", "负责人", view->owner.n
		  ? str_format(arena, "%.*s, %.*s", STR_ARG(ticket_person(view, view->owner)),
			       STR_ARG(ticket_word(view, view->owner_role)))
		  : str_of(screen_word(screen, "nobody yet", "尚无")));
	head_line(view, "log", "日志",
		  str_format(arena, screen_word(screen, "lane %d, revision %d", "通道 %d,修订 %d"), (int)view->lane,
					      (int)view->revision));
	fprintf(screen->out, screen_word(screen, "times in   %s\n\n", "时区       %s\n\n"), screen->zone);
}

static bool is_superseded(const struct ticket_view *view, const struct happening *happening)
{
	struct arena *arena = &view->ctl->arena;
	struct str message;

	if (!str_is(happening->name, "notify.requested"))
		return false;
	message = doc_get(&happening->doc, "message", arena);
	for (size_t i = 0; i < view->count; i++)
		if ((str_is(view->items[i].name, "notify.sent") || str_is(view->items[i].name, "notify.failed")) &&
		    str_eq(doc_get(&view->items[i].doc, "message", arena), message))
			return true;
	return false;
}

static void history(const struct ticket_view *view)
{
	const struct screen *screen = &view->screen;
	char day[SCREEN_TEXT], last[SCREEN_TEXT] = "", clock[SCREEN_TEXT];
	struct buf cell = { 0 };

	for (size_t i = 0; i < view->count; i++) {
		const struct happening *happening = &view->items[i];
		struct str text, today = screen_day(screen, happening->at, day);
		enum screen_colour colour = SCREEN_PLAIN;

		if (is_superseded(view, happening))
			continue;
		if (str_is(happening->name, "sla.breached") || happening->dead)
			colour = SCREEN_RED;
		else if (str_is(happening->name, "sla.met") || str_is(happening->name, "sla.corrected"))
			colour = SCREEN_GREEN;
		text = ticket_words(view, happening);
		if (str_is(happening->name, "ticket.registered"))
			text = str_format(&view->ctl->arena, "%.*s   T0", STR_ARG(text));
		if (happening->decided_at - happening->at > REPORTED_LATE)
			text = str_format(&view->ctl->arena, screen_word(screen, "%.*s   (told at %.*s)", "%.*s   (%.*s 报来)"),
					  STR_ARG(text),
					  STR_ARG(screen_clock(happening->decided_at, clock)));
		buf_clear(&cell);
		screen_cell(&cell, str_is(today, last) ? STR("") : today, -8);
		fprintf(screen->out, "%.*s %s  %s", (int)cell.n, cell.p, screen_clock(happening->at, clock).p,
			colour == SCREEN_PLAIN ? "" : screen_colour(screen, colour));
		wrap(view, text, INDENT);
		fputs(colour == SCREEN_PLAIN ? "" : screen_colour(screen, SCREEN_PLAIN), screen->out);
		snprintf(last, sizeof(last), "%.*s", STR_ARG(today));
	}
	buf_done(&cell);
}

/* "response due 24 Nov 10:41:57" */
static struct str due_text(const struct ticket_view *view, const struct ticket_clock *clock)
{
	char day[SCREEN_TEXT], time[SCREEN_TEXT];

	return str_format(&view->ctl->arena, screen_word(&view->screen, "%.*s due %.*s %.*s", "%.*s 到期 %.*s %.*s"),
			  STR_ARG(ticket_word(view, clock->name)), STR_ARG(screen_day(&view->screen, clock->due_at, day)),
			  STR_ARG(screen_clock(clock->due_at, time)));
}

/* What is still open: the clocks that have run out, and those that run, the next one first. */
static struct str outlook(struct ticket_view *view)
{
	struct arena *arena = &view->ctl->arena;
	const struct screen *screen = &view->screen;
	const struct ticket_clock *next = ticket_next_due(view);
	const char *overdue = screen_word(screen, "%.*s overdue by %.*s", "%.*s 已超时 %.*s");
	struct str text = STR_NONE;
	char length[SCREEN_TEXT];

	for (size_t i = 0; i < view->clock_count; i++) {
		const struct ticket_clock *clock = &view->clocks[i];

		if (!str_is(clock->state, "breached"))
			continue;
		(void)screen_length(screen, view->now - clock->due_at, length);
		text = with_comma(arena, text, str_format(arena, overdue, STR_ARG(ticket_word(view, clock->name)),
							  STR_ARG(str_of(length))));
	}
	if (next) {
		const char *words = next->due_at < view->now ? screen_word(screen, "next: %.*s (%s ago)", "下一个:%.*s(%s前)")
							     : screen_word(screen, "next: %.*s (in %s)", "下一个:%.*s(还有 %s)");

		(void)screen_length(screen, next->due_at - view->now, length);
		text = with_comma(arena, text, str_format(arena, words, STR_ARG(due_text(view, next)), length));
	}
	for (size_t i = 0; i < view->clock_count; i++)
		if (&view->clocks[i] != next && str_is(view->clocks[i].state, "running"))
			text = with_comma(arena, text, due_text(view, &view->clocks[i]));
	return text.n ? text : str_of(screen_word(screen, "no clock is running", "没有进行中的计时"));
}

void ticket_show(struct ticket_view *view)
{
	head(view);
	history(view);
	fprintf(view->screen.out, "%s", screen_word(&view->screen, "     now           ", "    现在           "));
	wrap(view, outlook(view), INDENT);
}

/* ---- JSON ---- */

static void happening_json(struct ticket_view *view, struct writer *writer, const struct happening *happening)
{
	write_open(writer, '{');
	if (happening->dead) {
		write_member(writer, "refused", happening->name);
		dead_write(writer, happening->dead);
		write_close(writer, '}');
		return;
	}
	write_member(writer, "name", happening->name);
	write_member_instant(writer, "at", happening->at);
	write_member_instant(writer, "decided_at", happening->decided_at);
	write_member_int(writer, "revision", happening->revision);
	write_member(writer, "words", ticket_words(view, happening));
	write_member(writer, "id", happening->id);
	write_member(writer, "topic", happening->topic);
	write_member_int(writer, "offset", happening->offset);
	if (happening->doc.count) {
		write_key(writer, "data");
		write_raw(writer, doc_raw(&happening->doc, 0));
	}
	write_close(writer, '}');
}

static void clock_json(struct writer *writer, const struct ticket_clock *clock)
{
	write_open(writer, '{');
	write_member(writer, "clock", clock->name);
	write_member(writer, "clock_id", clock->id);
	write_member(writer, "state", clock->state);
	write_member_bool(writer, "breached", clock->breached);
	write_member(writer, "limit", clock->limit);
	write_member_instant(writer, "started_at", clock->started_at);
	write_member_instant(writer, "due_at", clock->due_at);
	write_member_instant(writer, "ended_at", clock->ended_at);
	write_member_if(writer, "why", clock->why);
	write_close(writer, '}');
}

void ticket_json(struct ticket_view *view)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };
	const struct ticket_clock *next = ticket_next_due(view);

	write_open(&writer, '{');
	write_member(&writer, "ticket", view->id);
	write_member(&writer, "kind", view->kind);
	write_member(&writer, "severity", view->severity);
	write_member(&writer, "mode", view->mode);
	write_member(&writer, "state", view->state);
	write_member_bool(&writer, "overdue", ticket_is_overdue(view));
	write_member(&writer, "policy", view->policy);
	write_member_int(&writer, "policy_version", view->policy_version);
	write_member(&writer, "customer", view->customer);
	write_member(&writer, "customer_id", view->customer_id);
	write_member(&writer, "owner", view->owner);
	write_member(&writer, "owner_name", view->owner.n ? ticket_person(view, view->owner) : STR_NONE);
	write_member_int(&writer, "lane", view->lane);
	write_member_int(&writer, "revision", view->revision);
	write_member_instant(&writer, "received_at", view->received_at);
	write_member_instant(&writer, "next_due_at", next ? next->due_at : INSTANT_NONE);
	write_key(&writer, "clocks");
	write_open(&writer, '[');
	for (size_t i = 0; i < view->clock_count; i++)
		clock_json(&writer, &view->clocks[i]);
	write_close(&writer, ']');
	write_key(&writer, "history");
	write_open(&writer, '[');
	for (size_t i = 0; i < view->count; i++)
		happening_json(view, &writer, &view->items[i]);
	write_close(&writer, ']');
	write_close(&writer, '}');
	puts(str_z(&view->ctl->arena, buf_view(&text)));
	buf_done(&text);
}
