/* Writing JSON: straight into a buffer, no tree.
 *
 * Services write the `data` of their events with it and the table writers their JSON columns. What comes out is
 * always text that doc_parse takes: bytes that are no UTF-8, and U+0000, become U+FFFD.
 * Must never recurse, because the depth of merged documents is the sender's choice. */
#include <string.h>

#include "common/base/doc_inner.h"

#define REPLACEMENT "\xef\xbf\xbd"

static void separate(struct writer *writer)
{
	if (writer->comma)
		buf_char(writer->buf, ',');
	writer->comma = true;
}

void write_open(struct writer *writer, char bracket)
{
	separate(writer);
	buf_char(writer->buf, bracket);
	writer->comma = false;
}

void write_close(struct writer *writer, char bracket)
{
	buf_char(writer->buf, bracket);
	writer->comma = true;
}

/* A byte that JSON wants escaped, or that is no text at all. */
static void put_odd(struct buf *buf, char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *known = memchr(from, c, sizeof(from) - 1);

	if (known) {
		buf_char(buf, '\\');
		buf_char(buf, to[known - from]);
	} else if (c == '\0' || (unsigned char)c >= 0x80) {
		buf_z(buf, REPLACEMENT);
	} else {
		buf_z(buf, "\\u00");
		buf_char(buf, hex[c >> 4]);
		buf_char(buf, hex[c & 15]);
	}
}

static void put_quoted(struct buf *buf, struct str s)
{
	const char *end = s.p + s.n;
	const char *from = s.p;
	const char *p = s.p;

	buf_char(buf, '"');
	while (p < end) {
		if ((unsigned char)*p >= 0x80) {
			const char *behind = str_utf8_run(p, end);

			if (behind > p) {
				p = behind;
				continue;
			}
		} else if ((unsigned char)*p >= ' ' && *p != '"' && *p != '\\') {
			p++;
			continue;
		}
		buf_put(buf, from, (size_t)(p - from));
		put_odd(buf, *p);
		from = ++p;
	}
	buf_put(buf, from, (size_t)(p - from));
	buf_char(buf, '"');
}

void write_key(struct writer *writer, const char *key)
{
	separate(writer);
	put_quoted(writer->buf, str_of(key));
	buf_char(writer->buf, ':');
	writer->comma = false;
}

void write_string(struct writer *writer, struct str value)
{
	if (!value.p) {
		write_null(writer);
		return;
	}
	separate(writer);
	put_quoted(writer->buf, value);
}

void write_int(struct writer *writer, int64_t value)
{
	separate(writer);
	buf_int(writer->buf, value);
}

void write_bool(struct writer *writer, bool value)
{
	separate(writer);
	buf_z(writer->buf, value ? "true" : "false");
}

void write_null(struct writer *writer)
{
	separate(writer);
	buf_z(writer->buf, "null");
}

void write_instant(struct writer *writer, instant value)
{
	char text[INSTANT_TEXT];

	write_string(writer, value == INSTANT_NONE ? STR_NONE : instant_format(value, text));
}

void write_raw(struct writer *writer, struct str json)
{
	separate(writer);
	buf_str(writer->buf, json);
}

void write_member(struct writer *writer, const char *key, struct str value)
{
	write_key(writer, key);
	write_string(writer, value);
}

void write_member_if(struct writer *writer, const char *key, struct str value)
{
	if (value.p)
		write_member(writer, key, value);
}

void write_member_int(struct writer *writer, const char *key, int64_t value)
{
	write_key(writer, key);
	write_int(writer, value);
}

void write_member_bool(struct writer *writer, const char *key, bool value)
{
	write_key(writer, key);
	write_bool(writer, value);
}

void write_member_instant(struct writer *writer, const char *key, instant value)
{
	write_key(writer, key);
	write_instant(writer, value);
}

/* A key as it stands in its document; its value is to follow. */
static void copy_key(struct writer *writer, const struct doc *doc, uint32_t key)
{
	separate(writer);
	buf_str(writer->buf, doc_raw(doc, key));
	buf_char(writer->buf, ':');
	writer->comma = false;
}

static void copy_member(struct writer *writer, const struct doc *doc, uint32_t key)
{
	copy_key(writer, doc, key);
	write_raw(writer, doc_raw(doc, key + 1));
}

static bool is_listed(const char *const *names, struct str name)
{
	for (; names && *names; names++)
		if (str_is(name, *names))
			return true;
	return false;
}

void write_members_of(struct writer *writer, const struct doc *doc, uint32_t object, const char *const *except)
{
	cleanup(arena_done) struct arena arena = { 0 };

	if (doc_type(doc, object) != DOC_OBJECT)
		return;
	for (uint32_t key = doc_first(doc, object); key != 0; key = doc_next(doc, object, key))
		if (!except || !is_listed(except, doc_string(doc, key, &arena)))
			copy_member(writer, doc, key);
}

/* One pair of objects that is being merged. */
struct pair {
	struct pair *outer;
	uint32_t base_object;
	uint32_t base_key;     /* the next of base to write; 0: all are written */
	uint32_t over_object;
	struct doc_key *over;  /* its members by name */
	uint32_t over_count;
	bool *done;            /* by ordinal: members of over that are written, or are not wanted */
};

static struct pair *open_pair(struct writer *writer, const struct doc *base, uint32_t base_object,
			      const struct doc *over, uint32_t over_object, struct arena *arena)
{
	struct pair *pair = arena_zero(arena, sizeof(*pair));

	pair->base_object = base_object;
	pair->over_object = over_object;
	if (doc_type(base, base_object) == DOC_OBJECT)
		pair->base_key = doc_first(base, base_object);
	if (doc_type(over, over_object) == DOC_OBJECT)
		pair->over = doc_keys(over, over_object, arena, &pair->over_count);
	pair->done = arena_zero(arena, pair->over_count * sizeof(*pair->done));
	write_open(writer, '{');
	return pair;
}

/* Writes the members only `over` has, and the bracket. */
static void close_pair(struct writer *writer, const struct pair *pair, const struct doc *over)
{
	uint32_t key = pair->over_count > 0 ? doc_first(over, pair->over_object) : 0;

	for (uint32_t i = 0; i < pair->over_count; i++) {
		if (!pair->done[i])
			copy_member(writer, over, key);
		key = doc_next(over, pair->over_object, key);
	}
	write_close(writer, '}');
}

void write_merged(struct writer *writer, const struct doc *base, uint32_t base_object, const struct doc *over,
		  uint32_t over_object, const char *const *except)
{
	cleanup(arena_done) struct arena arena = { 0 };
	struct pair *pair = open_pair(writer, base, base_object, over, over_object, &arena);

	for (uint32_t i = 0; i < pair->over_count; i++)
		pair->done[pair->over[i].ordinal] = is_listed(except, pair->over[i].name);
	while (pair) {
		uint32_t key = pair->base_key;
		const struct doc_key *partner;

		if (key == 0) {
			close_pair(writer, pair, over);
			pair = pair->outer;
			continue;
		}
		pair->base_key = doc_next(base, pair->base_object, key);
		partner = doc_keys_find(pair->over, pair->over_count, doc_string(base, key, &arena));
		if (!partner || pair->done[partner->ordinal]) {
			copy_member(writer, base, key);
			continue;
		}
		pair->done[partner->ordinal] = true;
		copy_key(writer, base, key);
		if (doc_type(base, key + 1) == DOC_OBJECT && doc_type(over, partner->node + 1) == DOC_OBJECT) {
			struct pair *inner = open_pair(writer, base, key + 1, over, partner->node + 1, &arena);

			inner->outer = pair;
			pair = inner;
		} else {
			write_raw(writer, doc_raw(over, partner->node + 1));
		}
	}
}
