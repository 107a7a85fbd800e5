/* A little of everything that the probe can do, in bursts, and what must be true when it is over: each input once and in order,
 * each timer one end and never early, dead letters exactly the poison, the outbox gap-free and the log equal to it.
 *
 * A burst is the same in every run, so what it must leave behind is known: it does not matter what failed meanwhile. */
#ifndef AFTERCARE_TESTS_SUPPORT_WORKLOAD_H
#define AFTERCARE_TESTS_SUPPORT_WORKLOAD_H

#include "tests/support/probe.h"

struct workload {
	struct probe *probe;
	char name[40];                   /* what its ids begin with; unique in this process */
	int bursts;
	int64_t dead_before;             /* dead letters of others */
};

/* The switch "s" of the probe must be on: what violates a constraint does so always. */
void workload_begin(struct workload *workload, struct probe *probe);
void workload_send(struct workload *workload);
/* Whether all that was sent has had its effect. */
bool workload_done(const struct workload *workload);
/* Whether all that was issued is known to be published. */
bool workload_rests(const struct workload *workload);
/* Fails the test; says what (the circumstances) and how far it has come. */
void workload_stuck(const struct workload *workload, const char *what);
/* When it is done and the daemons have stopped. */
void workload_check(const struct workload *workload, const char *what);

#endif
