/* What all daemons of a stack must show while something that they need is away: the same processes, one line in the log, a
 * STATUS that says what is waited for. Every check fails the test and names the daemon. */
#ifndef AFTERCARE_TESTS_SUPPORT_DAEMONS_H
#define AFTERCARE_TESTS_SUPPORT_DAEMONS_H

#include "tests/support/desk.h"

/* Who they were and what they had said at one moment. */
struct daemons {
	pid_t pids[16];
	int lines[16];            /* in the log of each, with the words */
};

/* Notes the processes and how many lines with these words each has in its log (NULL: none are asked for). */
void daemons_remember(const struct stack *stack, struct daemons *ret_daemons, const char *words);
/* The same processes, and `lines` more lines with these words in each log. */
void daemons_check(const struct desk *desk, const struct daemons *daemons, const char *words, int lines);
/* The same processes. */
void daemons_check_same(const struct desk *desk, const struct daemons *daemons);
/* Waits until the STATUS line of every daemon has (or no longer has) the words. */
void daemons_wait_status(struct desk *desk, const char *words, bool there);
/* Lets some retries come and go, or one line per outage would prove nothing. */
void daemons_let_retries_pass(struct desk *desk);

#endif
