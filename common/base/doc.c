/* Look-ups in a parsed document: members, paths, values, pointers.
 *
 * Works on the nodes that doc_parse left and trusts them. An unparsed (zeroed) doc has no members and no values, so
 * a daemon may ask before it knows.
 * Must never recurse, and never change the text or the nodes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/doc_inner.h"

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static uint32_t hex4(const char *p)
{
	return (uint32_t)(hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]));
}

static size_t encode_utf8(uint32_t code, char out[static 4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static char plain_escape(char letter)
{
	switch (letter) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return letter; /* quote, backslash, slash stand for themselves */
	}
}

struct str doc_decode_step(const char **p, const char *end, char escape[static 4])
{
	const char *at = *p;
	uint32_t code;

	if (*at != '\\') {
		const char *slash = memchr(at, '\\', (size_t)(end - at));

		*p = slash ? slash : end;
		return (struct str){ at, (size_t)(*p - at) };
	}
	if (at[1] != 'u') {
		escape[0] = plain_escape(at[1]);
		*p = at + 2;
		return (struct str){ escape, 1 };
	}
	code = hex4(at + 2);
	*p = at + 6;
	if (code >= 0xd800 && code <= 0xdfff) {
		/* The parser let only whole pairs pass. */
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(at + 8) - 0xdc00);
		*p = at + 12;
	}
	return (struct str){ escape, encode_utf8(code, escape) };
}

static struct str node_text(const struct doc *doc, uint32_t node)
{
	return (struct str){ doc->text.p + doc->nodes[node].start, doc->nodes[node].length };
}

static bool key_is(const struct doc *doc, uint32_t key, struct str name)
{
	struct str raw = node_text(doc, key);
	const char *p = raw.p;

	if (!doc->nodes[key].escaped)
		return raw.n == name.n && (name.n == 0 || memcmp(raw.p, name.p, name.n) == 0);
	while (p < raw.p + raw.n) {
		char escape[4];
		struct str piece = doc_decode_step(&p, raw.p + raw.n, escape);

		if (!str_starts(name, piece))
			return false;
		name = (struct str){ name.p + piece.n, name.n - piece.n };
	}
	return name.n == 0;
}

uint32_t doc_member(const struct doc *doc, uint32_t object, struct str name)
{
	uint32_t end;

	if (doc_type(doc, object) != DOC_OBJECT)
		return 0;
	end = doc->nodes[object].end;
	for (uint32_t key = object + 1; key < end; key = doc->nodes[key].end)
		if (key_is(doc, key, name))
			return key + 1;
	return 0;
}

uint32_t doc_path(const struct doc *doc, uint32_t object, struct str path)
{
	do {
		object = doc_member(doc, object, str_cut(&path, '.'));
	} while (object != 0 && path.p);
	return object;
}

uint32_t doc_first(const struct doc *doc, uint32_t container)
{
	enum doc_type type = doc_type(doc, container);

	return (type == DOC_OBJECT || type == DOC_ARRAY) && doc->nodes[container].count > 0 ? container + 1 : 0;
}

uint32_t doc_next(const struct doc *doc, uint32_t container, uint32_t child)
{
	uint32_t next = doc->nodes[child].end;

	return next < doc->nodes[container].end ? next : 0;
}

enum doc_type doc_type(const struct doc *doc, uint32_t node)
{
	return node < doc->count ? (enum doc_type)doc->nodes[node].type : DOC_NULL;
}

struct str doc_raw(const struct doc *doc, uint32_t node)
{
	struct str raw;

	if (node >= doc->count)
		return STR_NONE;
	raw = node_text(doc, node);
	return doc->nodes[node].type == DOC_STRING ? (struct str){ raw.p - 1, raw.n + 2 } : raw;
}

struct str doc_string(const struct doc *doc, uint32_t node, struct arena *arena)
{
	struct str raw;
	const char *p;
	char *out;
	size_t n = 0;

	if (node == 0 || doc_type(doc, node) != DOC_STRING)
		return STR_NONE;
	raw = node_text(doc, node);
	if (!doc->nodes[node].escaped)
		return raw;
	out = arena_alloc(arena, raw.n); /* an escape is never shorter than what it stands for */
	for (p = raw.p; p < raw.p + raw.n;) {
		char escape[4];
		struct str piece = doc_decode_step(&p, raw.p + raw.n, escape);

		memcpy(out + n, piece.p, piece.n);
		n += piece.n;
	}
	return (struct str){ out, n };
}

/* The number behind the e, kept so small that sums with it cannot overflow: beyond, all is zero or too big anyway. */
static int64_t exponent_of(struct str s)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	int64_t number = 0;

	for (size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'); i < s.n; i++)
		if (number < INT64_C(1) << 40)
			number = number * 10 + (s.p[i] - '0');
	return minus ? -number : number;
}

static bool append_digit(int64_t *number, bool minus, int digit)
{
	return !__builtin_mul_overflow(*number, 10, number) &&
	       !__builtin_add_overflow(*number, minus ? -digit : digit, number);
}

/* Exact, without a double in between: ticket numbers beyond 2^53 must not change. */
static bool whole_number(struct str s, int64_t *ret)
{
	bool minus = s.p[0] == '-';
	const char *end = s.p + s.n;
	const char *digits = s.p + minus;
	const char *p = digits;
	const char *e = digits;
	int64_t places = 0; /* digits still to come before the decimal point, after the exponent has moved it */
	int64_t number = 0;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	places = p - digits;
	while (e < end && (*e | 0x20) != 'e')
		e++;
	if (e < end)
		places += exponent_of((struct str){ e + 1, (size_t)(end - e - 1) });
	for (p = digits; p < e; p++) {
		if (*p == '.')
			continue;
		if (places-- > 0 ? !append_digit(&number, minus, *p - '0') : *p != '0')
			return false;
	}
	for (; places > 0 && number != 0; places--)
		if (!append_digit(&number, minus, 0))
			return false;
	*ret = number;
	return true;
}

bool doc_int64(const struct doc *doc, uint32_t node, int64_t *ret)
{
	if (node == 0 || doc_type(doc, node) != DOC_NUMBER)
		return false;
	return whole_number(node_text(doc, node), ret);
}

bool doc_double(const struct doc *doc, uint32_t node, double *ret)
{
	cleanup(buf_done) struct buf text = { 0 };
	double value;

	if (node == 0 || doc_type(doc, node) != DOC_NUMBER)
		return false;
	/* strtod wants a terminator, which the text need not have. The daemons stay in the C locale. */
	buf_str(&text, node_text(doc, node));
	buf_char(&text, '\0');
	value = strtod(text.p, NULL);
	if (isinf(value))
		return false;
	*ret = value;
	return true;
}

bool doc_true(const struct doc *doc, uint32_t node)
{
	return node != 0 && doc_type(doc, node) == DOC_TRUE;
}

instant doc_instant(const struct doc *doc, uint32_t node)
{
	cleanup(arena_done) struct arena arena = { 0 };
	instant at;

	/* The arena is touched only by a time with escapes in it, which nobody writes in earnest. */
	return instant_parse(doc_string(doc, node, &arena), &at) ? at : INSTANT_NONE;
}

struct str doc_get(const struct doc *doc, const char *path, struct arena *arena)
{
	return doc_string(doc, doc_path(doc, 0, str_of(path)), arena);
}

/* A name as a step of a JSON pointer. */
static void put_step(struct buf *buf, struct str name)
{
	buf_char(buf, '/');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '~')
			buf_z(buf, "~0");
		else if (name.p[i] == '/')
			buf_z(buf, "~1");
		else
			buf_char(buf, name.p[i]);
	}
}

struct str doc_pointer(const struct doc *doc, uint32_t node, struct arena *arena)
{
	cleanup(buf_done) struct buf buf = { 0 };
	uint32_t at = 0;

	/* Nodes do not know their parents; down from the root, the child that spans the node is the way. */
	while (at < node && node < doc->count) {
		bool object = doc->nodes[at].type == DOC_OBJECT;
		uint32_t child = at + 1;
		int64_t index = 0;

		for (; doc->nodes[child].end <= node; child = doc->nodes[child].end)
			index++;
		if (object) {
			put_step(&buf, doc_string(doc, child, arena));
			/* The key itself counts as its member. */
			at = child == node ? node : child + 1;
		} else {
			buf_char(&buf, '/');
			buf_int(&buf, index);
			at = child;
		}
	}
	return str_copy(arena, buf_view(&buf));
}
