/* A small mail server for tests, a thread of this process: takes letters, decodes them, and answers as it is told.
 *
 * It knows EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT; no TLS, no authentication. Letters are kept until smtp_stop, refused ones
 * too when their body had arrived. */
#ifndef AFTERCARE_TESTS_SUPPORT_SMTP_H
#define AFTERCARE_TESTS_SUPPORT_SMTP_H

#include <stdbool.h>
#include <stddef.h>

enum smtp_stage { SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_BODY, SMTP_STAGES };

struct smtp_letter {
	char *from, *to;           /* of the envelope */
	char *bytes;               /* as they came, dots unstuffed, CRLF */
	char *id;                  /* Message-ID without <> */
	char *subject, *text;      /* decoded to UTF-8; lines end with LF */
	bool taken;                /* was answered with 2xx */
};

struct smtp;

/* A port of 127.0.0.1 that nothing listens on. */
int smtp_free_port(void);
/* NULL, with the reason on stderr, when it cannot listen there. */
struct smtp *smtp_start(int port);
/* Stops listening and forgets everything. Accepts NULL. */
void smtp_stop(struct smtp *smtp);
/* The next `times` commands of the stage (the body: the dot at its end) are answered with this line, "451 4.3.0 later"; with
 * SMTP_HANGS_UP the connection is closed in the place of an answer. */
#define SMTP_HANGS_UP ""
void smtp_answer(struct smtp *smtp, enum smtp_stage stage, const char *line, int times);
/* Letters are received, but not answered until this is taken back. */
void smtp_hold(struct smtp *smtp, bool hold);
/* Letters to this address, in the order of arrival. */
size_t smtp_count(struct smtp *smtp, const char *to);
/* The nth (from 0) of them; stays until smtp_stop. NULL: there is none yet. */
const struct smtp_letter *smtp_letter(struct smtp *smtp, const char *to, size_t nth);
/* How often it was connected to. */
size_t smtp_connections(struct smtp *smtp);

#endif
