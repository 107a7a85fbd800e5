/* What must hold whatever the test is about: the invariants of a history (history.h). Each check fails the test.
 *
 * Between two tests only what holds at any moment of the logs; at the end, at rest, everything there is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history.h"

static void judge(const struct desk *desk, struct history *history)
{
	struct report report;
	const char *about, *first;
	char ticket[100], text[1000];

	history_check(history, &report);
	first = report_first(&report, &about);
	if (!first) {
		report_done(&report);
		history_free(history);
		return;
	}
	if (report_broken(&report) > 1)
		report_print(&report, stderr, 20);
	snprintf(ticket, sizeof(ticket), "%s", about);
	snprintf(text, sizeof(text), "%s", first);
	report_done(&report);
	history_free(history);
	desk_fail(desk, ticket[0] ? ticket : NULL, "%s", text);
}

static struct history *view(struct record *const *records, size_t count)
{
	struct history *history = history_new();

	history->borrowed = true;
	for (size_t i = 0; i < count; i++)
		history_add(history, records[i]);
	return history;
}

void desk_check_ticket(const struct desk *desk, const char *ticket)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	if (!log)
		desk_fail(desk, ticket, "nothing is known of it");
	judge(desk, view(log->items, log->count));
}

void desk_check_all(const struct desk *desk)
{
	judge(desk, view(desk->records, desk->record_count));
}

void desk_check_history(struct desk *desk)
{
	struct history *history;

	desk_settle(desk);
	history = history_read(desk->stack->brokers, desk->stack->database, 30);
	if (!history)
		desk_fail(desk, NULL, "topics and tables cannot be read");
	judge(desk, history);
}

/* ---- failing ---- */

static const char *text_or(const char *text)
{
	return text ? text : "";
}

void desk_print_ticket(const struct desk *desk, const char *ticket)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = 0; log && i < log->count; i++) {
		const struct record *record = log->items[i];

		fprintf(stderr, "  %-7s%3d/%-5lld r%-3d %-26s %-26s %.*s\n", desk_topic_names[record->topic] + 10, record->partition,
			(long long)record->offset, record->revision, record->copy ? "(claim)" : record->name,
			record->copy ? record->name : record->time, (int)(record->value_size < 400 ? record->value_size : 400),
			record->value ? record->value : "null");
	}
	for (size_t i = 0; i < desk->dead_count; i++)
		if (strcmp(text_or(record_header(desk->dead[i], "ce_subject")), ticket) == 0)
			fprintf(stderr, "  refused %s: %s (%s)\n", desk->dead[i]->name, text_or(record_header(desk->dead[i], "dl_reason")),
				text_or(record_header(desk->dead[i], "dl_detail")));
}

void desk_fail(const struct desk *desk, const char *ticket, const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (ticket) {
		fprintf(stderr, "history of %s:\n", ticket);
		desk_print_ticket(desk, ticket);
	}
	print_error("%s%s%s\n", text, ticket ? ", ticket " : "", ticket ? ticket : "");
	fail();
	abort();
}
