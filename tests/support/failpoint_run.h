/* One run of the workload in which a daemon fails at one point of the protocol, is started again, and then everything it
 * promises is checked. Of each process one run at a time, in the world that it has opened. */
#ifndef AFTERCARE_TESTS_SUPPORT_FAILPOINT_RUN_H
#define AFTERCARE_TESTS_SUPPORT_FAILPOINT_RUN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/failpoint.h"
#include "tests/support/workload.h"

/* What has to happen before some points are reached. */
enum circumstance {
	PLAIN,           /* nothing but the workload */
	TROUBLED,        /* in a fresh database; deliveries fail, a connection is lost, somebody else takes the rows */
	CRASHED,         /* the daemon before this one died within a batch, after it had noted what it was at */
	CIRCUMSTANCES
};

/* Of all processes, in shared memory. */
struct run_figures {
	atomic_int points;               /* without violation: counted by the caller */
	atomic_int runs, unhit;          /* with a failure; in which the point was not reached so often */
	atomic_int spoilt;               /* done again because the devbroker had ended */
	atomic_int recoveries;
};

/* A database and a devbroker; ends the process when they cannot be had. Processes that share `lock_path`, a file, come one
 * after the other. */
void run_world_open(struct run_figures *figures, const char *lock_path);
void run_world_close(void);
struct probe *run_probe(void);
/* True when the point was reached. Fails the test when a promise is broken. The action is exit, abort, error, delay or stop. */
bool run_once(const struct failpoint *point, const char *action, int hit, enum circumstance circumstance);

#endif
