/* E-mail as bytes: RFC 5322 headers, RFC 2047 subject, base64 body in UTF-8.
 *
 * The same letter always gives the same bytes, Message-ID and Date included, so that a letter sent again after a crash
 * is recognised by whoever gets it. Nothing of the letter can begin a header of its own. Pure. */
#include <string.h>

#include "services/notification/notification.h"

#define SUBJECT_MAX 800        /* bytes */
#define WORD_BYTES 39          /* of UTF-8 in one encoded word: 64 characters with its frame, 73 behind "Subject: " */
#define LINE_BYTES 57          /* of the body in one line: 76 characters */

static void put_base64(struct buf *out, const char *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t block = (uint32_t)(unsigned char)bytes[i] << 16;

		block |= i + 1 < n ? (uint32_t)(unsigned char)bytes[i + 1] << 8 : 0;
		block |= i + 2 < n ? (unsigned char)bytes[i + 2] : 0;
		buf_char(out, digits[block >> 18 & 63]);
		buf_char(out, digits[block >> 12 & 63]);
		buf_char(out, i + 1 < n ? digits[block >> 6 & 63] : '=');
		buf_char(out, i + 2 < n ? digits[block & 63] : '=');
	}
}

/* The end of the longest run of whole characters of at most `most` bytes. */
static size_t whole(struct str text, size_t most)
{
	size_t n = text.n < most ? text.n : most;

	if (n == text.n)
		return n;
	while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return n > 0 ? n : most;
}

static bool plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~' || (text.p[i] == '=' && i + 1 < text.n && text.p[i + 1] == '?'))
			return false;
	return text.n <= 70;
}

static void put_subject(struct buf *out, struct str subject)
{
	struct buf clean = { 0 };
	struct str rest;

	subject.n = whole(subject, SUBJECT_MAX);
	for (size_t i = 0; i < subject.n; i++)
		buf_char(&clean, (unsigned char)subject.p[i] < ' ' || subject.p[i] == 127 ? ' ' : subject.p[i]);
	rest = buf_view(&clean);
	buf_z(out, "Subject: ");
	if (plain(rest)) {
		buf_str(out, rest);
		rest.n = 0;
	}
	for (bool first = true; rest.n; first = false) {
		size_t n = whole(rest, WORD_BYTES);

		buf_z(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		put_base64(out, rest.p, n);
		buf_z(out, "?=");
		rest = (struct str){ rest.p + n, rest.n - n };
	}
	buf_z(out, "\r\n");
	buf_done(&clean);
}

static void put_date(struct buf *out, instant at)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int year, month, day, second;
	int64_t number = at / DAY - (at % DAY < 0);

	instant_civil(at, 0, &year, &month, &day, &second);
	buf_format(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[(number % 7 + 7) % 7], day, months[month - 1], year,
		   second / 3600, second / 60 % 60, second % 60);
}

static void put_body(struct buf *out, struct str text)
{
	struct buf lines = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r')
			continue;
		if (text.p[i] == '\n')
			buf_char(&lines, '\r');
		buf_char(&lines, text.p[i]);
	}
	for (size_t i = 0; i < lines.n; i += LINE_BYTES) {
		put_base64(out, lines.p + i, lines.n - i < LINE_BYTES ? lines.n - i : LINE_BYTES);
		buf_z(out, "\r\n");
	}
	buf_done(&lines);
}

bool notification_address_good(struct str address)
{
	size_t ats = 0;

	for (size_t i = 0; i < address.n; i++) {
		if (address.p[i] <= ' ' || address.p[i] > '~' || memchr("<>()[],;:\\\"", address.p[i], 11))
			return false;
		ats += address.p[i] == '@';
	}
	return ats == 1 && address.n >= 3 && address.n <= 320 && address.p[0] != '@' && address.p[address.n - 1] != '@';
}

void notification_put_id(struct buf *out, struct str id)
{
	for (size_t i = 0; i < id.n; i++) {
		unsigned char c = (unsigned char)id.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    (c == '.' && i > 0 && id.p[i - 1] != '.'))
			buf_char(out, (char)c);
		else
			buf_format(out, "%%%02x", c);
	}
}

void notification_mime(struct buf *out, const struct notification_letter *letter)
{
	struct str domain = letter->from;

	(void)str_cut(&domain, '@');
	buf_format(out, "From: <%.*s>\r\n", STR_ARG(letter->from));
	buf_format(out, "To: <%.*s>\r\n", STR_ARG(letter->to));
	put_subject(out, letter->subject);
	put_date(out, letter->at);
	buf_z(out, "Message-ID: <");
	notification_put_id(out, letter->id);
	buf_format(out, "@%.*s>\r\n", STR_ARG(domain.p ? domain : STR("aftercare.invalid")));
	buf_z(out, "Auto-Submitted: auto-generated\r\n"
		   "MIME-Version: 1.0\r\n"
		   "Content-Type: text/plain; charset=UTF-8\r\n"
		   "Content-Transfer-Encoding: base64\r\n"
		   "\r\n");
	put_body(out, letter->text);
}
