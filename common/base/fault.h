/* The one way to fail: a verdict says what to do, a caller-owned struct fault says what was wrong.
 *
 * Lower layers fill the fault and never log it; the worker (or a main) logs it once. The first fault wins. */
#ifndef AFTERCARE_BASE_FAULT_H
#define AFTERCARE_BASE_FAULT_H

#include <stdarg.h>
#include <stdbool.h>

#include "common/base/mem.h"

enum verdict {
	OK = 0,
	RETRY,  /* an outage: roll back, wait, do the same again, for ever */
	REJECT, /* this input can never work: a dead letter, and on with the next */
	FATAL,  /* wrong configuration or surroundings: say it in one line and stop */
};

/* Why an input is refused: the codes of the public contract, section 5. */
enum reason {
	REASON_NONE = 0,
	REASON_NOT_AN_EVENT,
	REASON_JSON_INVALID,
	REASON_TOO_LARGE,
	REASON_SCHEMA_INVALID,
	REASON_TYPE_UNKNOWN,
	REASON_TIME_IN_FUTURE,
	REASON_CHANNEL_UNKNOWN,
	REASON_TICKET_UNKNOWN,
	REASON_FORBIDDEN,
	REASON_TICKET_CLOSED,
	REASON_ILLEGAL_TRANSITION,
	REASON_GATE_UNMET,
	REASON_POLICY_MISSING,
	REASON_POISON,
	REASON_MAX
};

struct fault {
	enum verdict verdict;
	enum reason reason;    /* of a REJECT; REASON_NONE otherwise */
	char code[6];          /* SQLSTATE where the database spoke; empty otherwise */
	char text[600];        /* one line for a person, no personal data */
};

#define FAULT_NONE ((struct fault){ .verdict = OK })

/* Fills the fault unless it is filled already, and returns the verdict that now stands in it. */
enum verdict fault_set(struct fault *fault, enum verdict verdict, const char *format, ...) printf_like(3, 4);
/* The same for a refusal. */
enum verdict fault_reject(struct fault *fault, enum reason reason, const char *format, ...) printf_like(3, 4);
/* Puts "context: " before the text. */
void fault_context(struct fault *fault, const char *format, ...) printf_like(2, 3);
/* "schema_invalid", ...: the code as it stands in dl_reason. */
const char *reason_name(enum reason reason);

#endif
