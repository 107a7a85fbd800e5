/* What the proxy*.c files share and tests do not see. */
#ifndef AFTERCARE_TESTS_SUPPORT_PROXY_INNER_H
#define AFTERCARE_TESTS_SUPPORT_PROXY_INNER_H

#include "common/base/str.h"
#include "tests/support/proxy.h"

/* What a client sends before it waits for an answer. */
struct proxy_request {
	size_t size;
	size_t commit_end;    /* behind the Execute of a COMMIT: with so many bytes the server commits; 0: there is none */
	bool fits;            /* the word is in it */
};

/* proxy_request.c */
/* False while the request at the beginning of `bytes` is not whole. *begun: the start-up packet is behind us; kept up here. */
bool proxy_request_read(struct str bytes, bool *begun, const char *word, struct proxy_request *ret_request);
/* Where the answer at the beginning of `bytes` ends, behind its ReadyForQuery; 0 while it is not whole. */
size_t proxy_answer_end(struct str bytes);

#endif
