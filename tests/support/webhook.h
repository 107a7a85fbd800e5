/* A gateway for tests: an HTTP server of this process that takes messages by POST, checks their signature by its own means, and
 * answers as it is told. All is kept until webhook_stop. */
#ifndef AFTERCARE_TESTS_SUPPORT_WEBHOOK_H
#define AFTERCARE_TESTS_SUPPORT_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct webhook_call {
	char path[64];
	char key[200];              /* Idempotency-Key */
	char signature[100], timestamp[32], type[100];
	bool genuine;               /* the signature is that of the timestamp and the body */
	char *body;
	json_t *event;              /* the body, parsed; NULL: no JSON */
	long at;                    /* stack_clock */
	int status;                 /* what it was answered; 0: nothing */
};
struct webhook_answer {
	int status;                 /* 0: the connection is closed without an answer */
	const char *header, *value; /* "Retry-After", "2"; may be NULL */
};

struct webhook;

/* Port 0: a free one. NULL when it cannot listen there. */
struct webhook *webhook_start(int port, const char *secret);
void webhook_stop(struct webhook *webhook);
int webhook_port(const struct webhook *webhook);
/* The next `times` calls to the path are answered so, the others by 204. */
void webhook_answer(struct webhook *webhook, const char *path, struct webhook_answer answer, int times);
/* Calls to the path are taken, but not answered until this is taken back. */
void webhook_hold(struct webhook *webhook, const char *path, bool hold);
/* The nth (from 0) call about a message; NULL: there is none yet. */
const struct webhook_call *webhook_call(struct webhook *webhook, const char *message, size_t nth);
size_t webhook_count(struct webhook *webhook, const char *message);

#endif
