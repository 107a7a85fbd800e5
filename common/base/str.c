/* Strings: slices that borrow and buffers that own.
 *
 * Used by everything. Comparisons are of bytes; the only thing known about text is UTF-8, and the only check of it
 * in the suite is str_utf8_run, which doc_parse uses too.
 * Must never need a terminator in a slice, and never look at the locale. */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

struct str str_of(const char *terminated)
{
	return terminated ? (struct str){ terminated, strlen(terminated) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
	/* Absent is not the same as empty. */
	return a.n == b.n && !a.p == !b.p && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *terminated)
{
	return str_eq(a, str_of(terminated));
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_cut(struct str *s, char separator)
{
	struct str part = *s;
	const char *at = s->n > 0 ? memchr(s->p, separator, s->n) : NULL;

	if (!at) {
		*s = STR_NONE;
		return part;
	}
	part.n = (size_t)(at - part.p);
	*s = (struct str){ at + 1, s->n - part.n - 1 };
	return part;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_copy(struct arena *arena, struct str s)
{
	return s.p ? (struct str){ str_z(arena, s), s.n } : STR_NONE;
}

const char *str_z(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

struct str str_format(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (n < 0)
		n = 0;
	text = arena_zero(arena, (size_t)n + 1);
	va_start(arguments, format);
	(void)vsnprintf(text, (size_t)n + 1, format, arguments);
	va_end(arguments);
	return (struct str){ text, (size_t)n };
}

bool str_int64(struct str s, int64_t *ret)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
	int64_t number = 0;

	if (i == s.n)
		return false;
	for (; i < s.n; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(number, 10, &number))
			return false;
		/* Counted on its own side of zero, or INT64_MIN would not fit. */
		if (__builtin_add_overflow(number, minus ? -digit : digit, &number))
			return false;
	}
	*ret = number;
	return true;
}

size_t str_code_points(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; i++)
		count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return count;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the valid sequence that starts at p with a byte >= 0x80; 0 when it is not valid. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char lead = p[0];

	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return left >= 2 && is_tail(p[1]) ? 2 : 0;
	if (lead < 0xf0) {
		if (left < 3 || !is_tail(p[1]) || !is_tail(p[2]))
			return 0;
		/* Overlong under E0 A0, surrogates from ED A0. */
		return (lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] >= 0xa0) ? 0 : 3;
	}
	if (lead > 0xf4 || left < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
		return 0;
	return (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] >= 0x90) ? 0 : 4;
}

const char *str_utf8_run(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p >= 0x80) {
		size_t n = utf8_sequence((const unsigned char *)p, (size_t)(end - p));

		if (n == 0)
			break;
		p += n;
	}
	return p;
}

bool str_utf8(struct str s)
{
	const char *p = s.p;
	const char *end = s.n > 0 ? s.p + s.n : s.p;

	while (p < end) {
		const char *behind;

		if ((unsigned char)*p < 0x80) {
			p++;
			continue;
		}
		behind = str_utf8_run(p, end);
		if (behind == p)
			return false;
		p = behind;
	}
	return true;
}

uint64_t str_hash(struct str s)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

char *buf_room(struct buf *buf, size_t n)
{
	if (buf->capacity - buf->n < n || !buf->p) {
		size_t want;
		size_t capacity = buf->capacity < 32 ? 64 : buf->capacity * 2;

		/* A sum that wraps becomes a wish that cannot be met, which aborts. */
		if (__builtin_add_overflow(buf->n, n, &want))
			want = SIZE_MAX;
		if (capacity < want)
			capacity = want;
		buf->p = mem_resize(buf->p, capacity);
		buf->capacity = capacity;
	}
	return buf->p + buf->n;
}

void buf_put(struct buf *buf, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_room(buf, n), bytes, n);
	buf->n += n;
}

void buf_str(struct buf *buf, struct str s)
{
	buf_put(buf, s.p, s.n);
}

void buf_z(struct buf *buf, const char *terminated)
{
	buf_put(buf, terminated, strlen(terminated));
}

void buf_char(struct buf *buf, char c)
{
	*buf_room(buf, 1) = c;
	buf->n++;
}

void buf_int(struct buf *buf, int64_t number)
{
	char text[20];
	size_t at = sizeof(text);
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0)
		text[--at] = '-';
	buf_put(buf, text + at, sizeof(text) - at);
}

void buf_format(struct buf *buf, const char *format, ...)
{
	va_list arguments;
	size_t room;
	int n;

	(void)buf_room(buf, 1);
	room = buf->capacity - buf->n;
	va_start(arguments, format);
	n = vsnprintf(buf->p + buf->n, room, format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		(void)buf_room(buf, (size_t)n + 1);
		va_start(arguments, format);
		(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, arguments);
		va_end(arguments);
	}
	buf->n += (size_t)n;
}

struct str buf_view(const struct buf *buf)
{
	/* A buffer nothing was put into is empty, not absent. */
	return (struct str){ buf->p ? buf->p : "", buf->n };
}

void buf_clear(struct buf *buf)
{
	buf->n = 0;
}

void buf_done(struct buf *buf)
{
	mem_free(buf->p);
	*buf = (struct buf){ 0 };
}
