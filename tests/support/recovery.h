/* How soon work goes on: from a daemon's death, or from the return of what it needs, to its next commit. */
#ifndef AFTERCARE_TESTS_SUPPORT_RECOVERY_H
#define AFTERCARE_TESTS_SUPPORT_RECOVERY_H

#include "tests/support/stack.h"

/* Milliseconds; zeroed: none. */
struct durations {
	long *items;
	size_t count, capacity;
};

void durations_add(struct durations *durations, long ms);
/* 0 when there are none; they are sorted by it. */
long durations_median(struct durations *durations);
long durations_worst(const struct durations *durations);
void durations_free(struct durations *durations);

struct recovery;

struct recovery *recovery_open(const struct stack *stack);
void recovery_close(struct recovery *recovery);
/* The daemon of this number has just been killed: its next process is to take a source and come further with it. */
void recovery_killed(struct recovery *recovery, size_t daemon);
/* What all daemons need has just come back; what each of them takes to come further is added there. */
void recovery_back(struct recovery *recovery, struct durations *durations);
/* Looks who has come further. Often, and only while the database is there. */
void recovery_look(struct recovery *recovery);
/* Something else stands in the way now: what is waited for is not measured. The connection is given up. */
void recovery_forget(struct recovery *recovery);
/* Whether this daemon's next commit is waited for; any daemon's. */
bool recovery_waits(const struct recovery *recovery, size_t daemon);
bool recovery_waits_any(const struct recovery *recovery);
/* Of a daemon after its deaths; of all of them. */
struct durations *recovery_of(struct recovery *recovery, size_t daemon);
struct durations *recovery_all(struct recovery *recovery);

#endif
