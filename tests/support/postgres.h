/* A throw-away PostgreSQL for tests: a private cluster in a temporary directory, reached by a Unix socket only.
 *
 * With AFTERCARE_TEST_DATABASE set to a conninfo (key=value form, a role that may create databases) no cluster is
 * started; a database of our own is made in that one and dropped at the end. So a whole suite needs one cluster. */
#ifndef AFTERCARE_TESTS_SUPPORT_POSTGRES_H
#define AFTERCARE_TESTS_SUPPORT_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

struct postgres {
	pid_t pid;               /* of the postmaster; 0 when the cluster is not ours */
	char directory[64];      /* of the cluster; empty when it is not ours */
	char admin[512];         /* conninfo of the database that we were given or that initdb made */
	char database[64];
	char conninfo[600];      /* of the fresh database: what tests connect to */
};

/* Takes a second or two. False, with the reason on stderr, when there is no PostgreSQL to start. */
bool postgres_start(struct postgres *ret_postgres);
/* Stops the cluster and removes it, or drops the database. Accepts a zeroed struct. */
void postgres_stop(struct postgres *postgres);
/* Sends the signal to the postmaster: SIGSTOP and SIGCONT make an outage. Only for a cluster of our own. */
void postgres_signal(const struct postgres *postgres, int number);

#endif
