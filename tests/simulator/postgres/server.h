/* What server.c, link.c and judge.c share: the real PostgreSQL of a run. */
#ifndef AFTERCARE_TESTS_SIMULATOR_SERVER_H
#define AFTERCARE_TESTS_SIMULATOR_SERVER_H

#include <libpq-fe.h>

#include "tests/simulator/simulator.h"

/* A worker's connection; one per actor. */
struct link {
	PGconn *conn;                /* NULL: none */
	int pid;                     /* of its server process; 0: cut off */
	bool sending;                /* the worker is about to send what it has queued */
	bool blocked;                /* its server process waits for somebody's lock */
	bool answered;               /* and does so no more */
	bool commits;                /* what is queued ends with COMMIT */
	bool lend;                   /* the worker shall be given time while it waits */
	bool cut, refuse;            /* what shall become of what is sent next */
	int64_t not_before, idle_since;
};

/* A server process whose client is gone, and what of its words has not arrived yet. */
enum orphan_state { ORPHAN_HELD, ORPHAN_SENT, ORPHAN_CLOSED, ORPHAN_GONE };
struct orphan {
	enum orphan_state state;
	int fd, pid;
	struct buf bytes, answer;
	bool complete;               /* the bytes end where the worker's words ended */
	int64_t not_before;
};

struct server {
	PGconn *admin;               /* superuser, of the cluster */
	PGconn *locker;              /* of the run's database */
	char conninfo[700];          /* of the run's database, without user */
	struct link links[WORKERS_MAX];
	struct TABLE(struct orphan) orphans;
	int64_t refused_until;
	bool trap;                   /* something becomes of the next COMMIT */
	bool moved;                  /* locks may have been let go since we last looked */
};
extern struct server server;

/* ---- link.c ---- */
/* Takes the connection away from the worker. `words`: what it has queued is taken down, in part or whole, to arrive after the delay. */
void link_sever(struct link *link, bool words, int64_t delay);
/* Held back no longer. */
void orphan_step(struct orphan *orphan);
/* Looks who of those that waited for a lock does so no more. */
void links_settle(void);
/* Returns when there is no such server process any more, or when it waits for a lock (false). */
bool backend_gone(int pid);
void backend_end(int pid);
/* The first column of the first row as a number; 0 when there is none. */
int64_t server_ask(PGconn *conn, const char *format, ...) printf_like(2, 3);

#endif
