/* Strings: borrowed slices (struct str) and growable buffers (struct buf).
 *
 * A struct str never owns its bytes and is not terminated; who owns them is said where the slice is kept.
 * The absent string has p == NULL; the empty one has n == 0 and p != NULL. */
#ifndef AFTERCARE_BASE_STR_H
#define AFTERCARE_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/mem.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

/* A slice of a terminated string; NULL gives the absent string. */
struct str str_of(const char *terminated);
bool str_eq(struct str a, struct str b);
/* Compares with a terminated string. */
bool str_is(struct str a, const char *terminated);
/* Order of bytes, shorter first; for sorting keys. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* The part before the first `separator` (the whole when there is none); *s moves behind the separator,
 * or becomes absent when there was none ("a," gives "a" and then ""). An absent *s gives the absent string. */
struct str str_cut(struct str *s, char separator);
/* Without white space at both ends. */
struct str str_trim(struct str s);
/* A copy in the arena, terminated one past its end. The absent string stays absent. */
struct str str_copy(struct arena *arena, struct str s);
/* A terminated copy in the arena. */
const char *str_z(struct arena *arena, struct str s);
/* A formatted string in the arena. */
struct str str_format(struct arena *arena, const char *format, ...) printf_like(2, 3);
/* The whole of s as a decimal number, sign allowed. False when it is not one or does not fit; *ret untouched. */
bool str_int64(struct str s, int64_t *ret);
/* Number of Unicode code points of valid UTF-8. */
size_t str_code_points(struct str s);
/* Whether s is valid UTF-8 (no surrogates, nothing over U+10FFFF, no overlong forms). */
bool str_utf8(struct str s);
/* Behind the run of valid UTF-8 sequences of bytes >= 0x80 that starts at p; p itself when none is valid there. */
const char *str_utf8_run(const char *p, const char *end);
/* A hash for tables in memory (FNV-1a, 64 bits): not stable over versions, not for keys that leave the process. */
uint64_t str_hash(struct str s);

/* A growable buffer that owns its bytes. A zeroed struct is an empty buffer. */
struct buf {
	char *p;
	size_t n;
	size_t capacity;
};

void buf_put(struct buf *buf, const void *bytes, size_t n);
void buf_str(struct buf *buf, struct str s);
void buf_z(struct buf *buf, const char *terminated);
void buf_char(struct buf *buf, char c);
void buf_int(struct buf *buf, int64_t number);
void buf_format(struct buf *buf, const char *format, ...) printf_like(2, 3);
/* Makes room for n more bytes and returns where they go; the caller adds to buf->n what it used. */
char *buf_room(struct buf *buf, size_t n);
/* Its content as a slice, valid until the buffer changes. */
struct str buf_view(const struct buf *buf);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *buf);
/* Frees the memory; the buffer is empty and usable again. Also for `cleanup`. */
void buf_done(struct buf *buf);

#endif
