/* A letter as a mail program shows it: RFC 2047 subject, base64 body, UTF-8, lines that end with LF.
 *
 * Only what letters of ours need; anything else stays as it came, so that a test sees the difference. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/support/smtp_inner.h"

static void decode_base64(struct buf *out, const char *p, size_t n)
{
	unsigned block = 0;
	int bits = 0;

	for (size_t i = 0; i < n && p[i] != '='; i++) {
		static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		const char *digit = memchr(digits, p[i], 64);

		if (!digit)
			continue;
		block = block << 6 | (unsigned)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_char(out, (char)(block >> bits & 255));
		}
	}
}

static char *finish(struct buf *text)
{
	buf_char(text, '\0');
	return text->p;
}

/* A header's value, unfolded; "" when it is missing. */
static char *header(const char *bytes, const char *name)
{
	const char *end = strstr(bytes, "\r\n\r\n");
	struct buf value = { 0 };

	for (const char *line = bytes; end && line < end + 2; line = strstr(line, "\r\n") + 2) {
		if (strncasecmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
			continue;
		for (const char *p = line + strlen(name) + 1; p < end; p++) {
			if (p[0] == '\r' && p[2] != ' ' && p[2] != '\t')
				break;
			if (*p != '\r' && *p != '\n' && (value.n || *p != ' '))
				buf_char(&value, *p);
		}
		break;
	}
	return finish(&value);
}

/* RFC 2047, base64 words of UTF-8 only; blanks between two words do not count. */
static char *decode_words(char *value)
{
	static const char mark[] = "=?UTF-8?B?";
	struct buf text = { 0 };
	const char *p = value, *word;

	for (bool first = true; (word = strstr(p, mark)); first = false) {
		const char *end = strstr(word, "?=");

		if (!end)
			break;
		if (first || strspn(p, " ") != (size_t)(word - p))
			buf_put(&text, p, (size_t)(word - p));
		decode_base64(&text, word + sizeof(mark) - 1, (size_t)(end - word) - sizeof(mark) + 1);
		p = end + 2;
	}
	buf_z(&text, p);
	free(value);
	return finish(&text);
}

static char *decode_body(const char *bytes)
{
	const char *body = strstr(bytes, "\r\n\r\n");
	char *encoding = header(bytes, "Content-Transfer-Encoding");
	struct buf raw = { 0 }, text = { 0 };

	if (body && strcasecmp(encoding, "base64") == 0)
		decode_base64(&raw, body + 4, strlen(body + 4));
	else if (body)
		buf_z(&raw, body + 4);
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] != '\r')
			buf_char(&text, raw.p[i]);
	buf_done(&raw);
	free(encoding);
	return finish(&text);
}

struct smtp_letter *smtp_letter_new(const char *from, const char *to, struct str body)
{
	struct smtp_letter *letter = mem_zero(sizeof(*letter));
	struct buf bytes = { 0 };
	char *id;

	buf_str(&bytes, body);
	letter->from = strdup(from);
	letter->to = strdup(to);
	letter->bytes = finish(&bytes);
	letter->subject = decode_words(header(letter->bytes, "Subject"));
	letter->text = decode_body(letter->bytes);
	id = header(letter->bytes, "Message-ID");
	letter->id = strndup(id + (*id == '<'), strcspn(id + (*id == '<'), ">"));
	free(id);
	return letter;
}

void smtp_letter_free(struct smtp_letter *letter)
{
	char *const texts[] = { letter->from, letter->to, letter->bytes, letter->id, letter->subject, letter->text };

	for (size_t i = 0; i < array_count(texts); i++)
		free(texts[i]);
	mem_free(letter);
}
