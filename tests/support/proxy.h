/* Stands between a daemon and PostgreSQL: passes everything on both ways until it is told to break one request.
 *
 * A thread of the test program listens on a Unix socket. A client's bytes are gathered up to the end of a request (a Sync, or a
 * simple Query) and then passed on at once, so that it sees a COMMIT go by before the server does. One fault is armed at a time;
 * it strikes the first request of any connection that it fits. Which of the two outcomes a lost COMMIT has is known here: its
 * Execute message was passed on whole, or not. */
#ifndef AFTERCARE_TESTS_SUPPORT_PROXY_H
#define AFTERCARE_TESTS_SUPPORT_PROXY_H

#include <stdbool.h>
#include <stdint.h>

struct proxy;

enum proxy_action {
	PROXY_CUT_REQUEST,    /* byte k of the request is the last that the server gets; both ends are closed */
	PROXY_CUT_ANSWER,     /* the request arrives; byte k of the answer is the last that the client gets */
	PROXY_LOSE_CLIENT,    /* the client's end is closed; the request waits until it is released: the late transaction */
	PROXY_HOLD_REQUEST,   /* the request waits; the client too */
	PROXY_HOLD_ANSWER,    /* the request arrives; its answer waits */
};

struct proxy_fault {
	enum proxy_action action;
	const char *word;     /* strikes a request that prepares this text or binds the statement of this name; NULL: any */
	unsigned skip;        /* so many that fit pass unharmed before */
	unsigned at;          /* k, taken modulo the length, so that at least one byte is missing */
};

struct proxy_counts {
	uint64_t faults;      /* that struck */
	uint64_t delivered;   /* with a COMMIT whose Execute the server has got, and an answer that the client has not */
	uint64_t undelivered; /* with a COMMIT that the server never got */
};

/* Listens in `directory` (made when it is not there) for clients of the server that `host` and `port` of libpq name. NULL, with
 * the reason on stderr, when it cannot. Clients say host=DIRECTORY port=5432. */
struct proxy *proxy_open(const char *directory, const char *host, const char *port);
void proxy_close(struct proxy *proxy);

void proxy_arm(struct proxy *proxy, const struct proxy_fault *fault);
/* Takes back a fault that has not struck. */
void proxy_disarm(struct proxy *proxy);
/* Whether none is armed: the last one has struck. */
bool proxy_struck(struct proxy *proxy);
/* Lets go what is held. True when there was something: a server that ended the session meanwhile leaves nothing. */
bool proxy_release(struct proxy *proxy);
/* True: every connection is cut and new ones are refused, until false. */
void proxy_refuse(struct proxy *proxy, bool refuse);
/* From now on: sets the counts to zero. */
void proxy_count_anew(struct proxy *proxy);
struct proxy_counts proxy_counts(struct proxy *proxy);

#endif
