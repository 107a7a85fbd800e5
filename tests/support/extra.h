/* Instances of daemons besides a stack's own, our children: they join, leave, are killed, and stop for longer than a session. */
#ifndef AFTERCARE_TESTS_SUPPORT_EXTRA_H
#define AFTERCARE_TESTS_SUPPORT_EXTRA_H

#include "tests/support/chance.h"
#include "tests/support/traffic.h"

/* More than a session, a transaction left open, and a beat. */
#define EXTRA_STOPPED_MS 7500

struct extra {
	const char *daemon;
	char instance[32];
	pid_t pid;                  /* 0: does not run */
	long stopped;               /* since when; 0: it is not */
	long said;                  /* bytes in its log when it was started */
};

/* With the stack's configuration of the daemon, but for its name. Dies when we do. */
void extra_start(const struct stack *stack, struct extra *extra);
/* Waits for its end: its exit status, or 128 + the signal; the traffic goes on meanwhile. */
int extra_ended(struct desk *desk, struct traffic *traffic, struct extra *extra);
/* SIGKILL, if it runs. */
void extra_kill(struct extra *extra);

/* Two of intake, routing and sla each. */
struct crew {
	struct extra extras[6];
	size_t starts, stops, kills, freezes;
};

void crew_fill(struct crew *crew);
/* One at random starts, leaves (as it should, or the test fails), is killed, or is stopped in the middle of something. */
void crew_deed(struct desk *desk, struct traffic *traffic, struct crew *crew, struct chance *chance);
/* Lets go on whoever was stopped for long enough, or all; fails the test when one has ended by itself. */
void crew_wake(struct desk *desk, struct crew *crew, bool all);
bool crew_has_stopped(const struct crew *crew);
void crew_kill(struct crew *crew);

#endif
