/* Faults: the text and verdict of the first thing that went wrong.
 *
 * Filled by whatever layer finds out, given context by those above, logged once by the worker or a main; the text
 * also travels in dl_detail.
 * Must never log, never overwrite a fault that stands, and never leave a text of more than one line. */
#include <stdio.h>
#include <string.h>

#include "common/base/fault.h"

static const char *const reason_names[] = {
	[REASON_NONE] = "none",
	[REASON_NOT_AN_EVENT] = "not_an_event",
	[REASON_JSON_INVALID] = "json_invalid",
	[REASON_TOO_LARGE] = "too_large",
	[REASON_SCHEMA_INVALID] = "schema_invalid",
	[REASON_TYPE_UNKNOWN] = "type_unknown",
	[REASON_TIME_IN_FUTURE] = "time_in_future",
	[REASON_CHANNEL_UNKNOWN] = "channel_unknown",
	[REASON_TICKET_UNKNOWN] = "ticket_unknown",
	[REASON_FORBIDDEN] = "forbidden",
	[REASON_TICKET_CLOSED] = "ticket_closed",
	[REASON_ILLEGAL_TRANSITION] = "illegal_transition",
	[REASON_GATE_UNMET] = "gate_unmet",
	[REASON_POLICY_MISSING] = "policy_missing",
	[REASON_POISON] = "poison",
};

_Static_assert(array_count(reason_names) == REASON_MAX, "every reason has a name");

/* One line, and no half of a character at the end where vsnprintf cut it. */
static void tidy(char *text)
{
	size_t n = strlen(text);
	size_t lead = n;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
	while (lead > 0 && n - lead < 4 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0) {
		unsigned char c = (unsigned char)text[lead - 1];
		size_t whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (n - (lead - 1) < whole)
			n = lead - 1;
	}
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
}

static enum verdict fill(struct fault *fault, enum verdict verdict, enum reason reason, const char *format,
			 va_list arguments)
{
	if (fault->verdict != OK || verdict == OK)
		return fault->verdict;
	fault->verdict = verdict;
	fault->reason = reason;
	if (vsnprintf(fault->text, sizeof(fault->text), format, arguments) < 0)
		fault->text[0] = '\0';
	tidy(fault->text);
	return verdict;
}

enum verdict fault_set(struct fault *fault, enum verdict verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	verdict = fill(fault, verdict, REASON_NONE, format, arguments);
	va_end(arguments);
	return verdict;
}

enum verdict fault_reject(struct fault *fault, enum reason reason, const char *format, ...)
{
	enum verdict verdict;
	va_list arguments;

	va_start(arguments, format);
	verdict = fill(fault, REJECT, reason, format, arguments);
	va_end(arguments);
	return verdict;
}

void fault_context(struct fault *fault, const char *format, ...)
{
	char text[sizeof(fault->text)];
	va_list arguments;
	size_t n;
	size_t old;

	if (fault->verdict == OK)
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	/* Copied by hand: what does not fit is meant to be lost, which the compiler warns of with snprintf. */
	n = strlen(text);
	old = strlen(fault->text);
	if (n + 2 < sizeof(text)) {
		text[n++] = ':';
		text[n++] = ' ';
	}
	if (old > sizeof(text) - 1 - n)
		old = sizeof(text) - 1 - n;
	memcpy(text + n, fault->text, old);
	text[n + old] = '\0';
	tidy(text);
	memcpy(fault->text, text, sizeof(text));
}

const char *reason_name(enum reason reason)
{
	return (unsigned)reason < REASON_MAX ? reason_names[reason] : "unknown";
}
