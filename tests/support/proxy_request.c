/* As much of PostgreSQL's protocol (3.0) as the proxy needs: where a message, a request and an answer end, and what a request
 * is about. A message is a type byte, a length that counts itself, and that many bytes; only the start-up packet has no type. */
#include <arpa/inet.h>
#include <string.h>

#include "tests/support/proxy_inner.h"

#define ENCRYPTION_FIRST 80877103
#define ENCRYPTION_LAST 80877104

static uint32_t number_at(const char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return ntohl(value);
}

/* The message at `at`, with its type; 0 when it is not whole. */
static size_t message_size(struct str bytes, size_t at)
{
	size_t size;

	if (bytes.n < at + 5)
		return 0;
	size = 1 + (size_t)number_at(bytes.p + at + 1);
	return bytes.n < at + size ? 0 : size;
}

static bool text_begins(struct str message, size_t at, const char *word)
{
	return message.n > at && strncmp(message.p + at, word, strlen(word)) == 0;
}

/* Parse: statement name, text. Bind: portal, statement name. Query: text. */
static size_t second_text(struct str message)
{
	return 5 + strnlen(message.p + 5, message.n - 5) + 1;
}

static bool fits(struct str message, const char *word)
{
	size_t second = second_text(message);

	switch (message.p[0]) {
	case 'P': return text_begins(message, second, word);
	case 'B': return text_begins(message, second, word) && message.p[second + strlen(word)] == '\0';
	case 'Q': return text_begins(message, 5, word);
	default: return false;
	}
}

static bool read_start(struct str bytes, bool *begun, struct proxy_request *ret_request)
{
	uint32_t code;

	if (bytes.n < 8 || bytes.n < number_at(bytes.p))
		return false;
	code = number_at(bytes.p + 4);
	/* A wish for encryption has another start-up packet behind it. */
	*begun = code < ENCRYPTION_FIRST || code > ENCRYPTION_LAST;
	*ret_request = (struct proxy_request){ .size = number_at(bytes.p) };
	return true;
}

bool proxy_request_read(struct str bytes, bool *begun, const char *word, struct proxy_request *ret_request)
{
	struct proxy_request request = { .fits = !word };
	bool commits = false;
	size_t size;

	if (!*begun)
		return read_start(bytes, begun, ret_request);
	while ((size = message_size(bytes, request.size)) > 0) {
		struct str message = { bytes.p + request.size, size };

		request.size += size;
		request.fits = request.fits || fits(message, word);
		commits = commits || fits(message, "COMMIT");
		if (commits && !request.commit_end && (message.p[0] == 'E' || message.p[0] == 'Q'))
			request.commit_end = request.size;
		if (strchr("SQXHpFd", message.p[0])) {
			/* Only what has an answer is worth a fault. */
			request.fits = request.fits && (message.p[0] == 'S' || message.p[0] == 'Q');
			*ret_request = request;
			return true;
		}
	}
	return false;
}

size_t proxy_answer_end(struct str bytes)
{
	size_t at = 0, size;

	while ((size = message_size(bytes, at)) > 0) {
		at += size;
		if (bytes.p[at - size] == 'Z')
			return at;
	}
	return 0;
}
