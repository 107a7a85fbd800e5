/* JSON text read without building a tree: one pass checks it and leaves a flat array of nodes that point into the text.
 *
 * Strict by the public contract: RFC 8259, UTF-8 only, no U+0000 (also not escaped), no lone surrogates, no duplicate
 * keys, one value and nothing behind it. Depth is not limited here (node.depth lets the caller limit it).
 * A doc borrows its text. Node 0 is the root; as a result of a look-up 0 therefore means "none". */
#ifndef AFTERCARE_BASE_DOC_H
#define AFTERCARE_BASE_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/base/str.h"

enum doc_type { DOC_NULL, DOC_FALSE, DOC_TRUE, DOC_NUMBER, DOC_STRING, DOC_ARRAY, DOC_OBJECT };

struct doc_node {
	uint8_t type;      /* enum doc_type */
	bool escaped;      /* a string with backslashes: doc_string must decode it */
	bool is_key;       /* a member's name; its value is the next node */
	uint32_t depth;    /* the root is 1 */
	uint32_t start;    /* of the raw text; strings: behind the opening quote */
	uint32_t length;   /* of the raw text; strings: without quotes */
	uint32_t end;      /* index of the first node behind this one and all below it (a key: and its value) */
	uint32_t count;    /* members of an object, elements of an array */
};

struct doc {
	struct str text;
	const struct doc_node *nodes;
	uint32_t count;    /* 0: not parsed */
};

/* Parses text; nodes come from the arena. REJECT json_invalid with line and byte when it is not JSON as above. */
enum verdict doc_parse(struct doc *ret_doc, struct str text, struct arena *arena, struct fault *fault) must_check;

/* Value node of a member by its decoded name; 0 when `object` is no object or has none. */
uint32_t doc_member(const struct doc *doc, uint32_t object, struct str name);
/* The same by a path of names with dots: "customer.phone". */
uint32_t doc_path(const struct doc *doc, uint32_t object, struct str path);
/* First child: of an object its first key node, of an array its first element; 0 when there is none. */
uint32_t doc_first(const struct doc *doc, uint32_t container);
/* Next sibling: of a key node the next key, of an element the next element; 0 at the end of `container`. */
uint32_t doc_next(const struct doc *doc, uint32_t container, uint32_t child);

enum doc_type doc_type(const struct doc *doc, uint32_t node);
/* The value as text in the document: strings with their quotes. */
struct str doc_raw(const struct doc *doc, uint32_t node);
/* Decoded string: a slice of the text when nothing is escaped, else a copy in the arena.
 * Absent when the node is 0 or no string. */
struct str doc_string(const struct doc *doc, uint32_t node, struct arena *arena);
/* A whole number (1.0 and 1e2 count). False when the node is 0, no number, not whole or beyond int64. */
bool doc_int64(const struct doc *doc, uint32_t node, int64_t *ret);
bool doc_double(const struct doc *doc, uint32_t node, double *ret);
/* True only for `true`. */
bool doc_true(const struct doc *doc, uint32_t node);
/* An RFC 3339 string; INSTANT_NONE when the node is 0 or no such string. */
instant doc_instant(const struct doc *doc, uint32_t node);
/* Shorthands on the root's members. */
struct str doc_get(const struct doc *doc, const char *path, struct arena *arena);
/* JSON pointer of a node ("/customer/phone"), in the arena; "" for the root. */
struct str doc_pointer(const struct doc *doc, uint32_t node, struct arena *arena);

/* Writing. Commas are put by the writer; the caller opens and closes in pairs. A zeroed `comma` starts a value. */
struct writer {
	struct buf *buf;
	bool comma;        /* the next key or element needs a comma before it */
};

void write_open(struct writer *writer, char bracket);          /* '{' or '[' */
void write_close(struct writer *writer, char bracket);         /* '}' or ']' */
void write_key(struct writer *writer, const char *key);
void write_string(struct writer *writer, struct str value);    /* absent string: null */
void write_int(struct writer *writer, int64_t value);
void write_bool(struct writer *writer, bool value);
void write_null(struct writer *writer);
void write_instant(struct writer *writer, instant value);      /* INSTANT_NONE: null */
void write_raw(struct writer *writer, struct str json);        /* a complete JSON value */
/* Key and value in one; skip_absent variants write nothing when the value is absent. */
void write_member(struct writer *writer, const char *key, struct str value);
void write_member_if(struct writer *writer, const char *key, struct str value);
void write_member_int(struct writer *writer, const char *key, int64_t value);
void write_member_bool(struct writer *writer, const char *key, bool value);
void write_member_instant(struct writer *writer, const char *key, instant value);
/* All members of an object of a document as they stand there, but those named in `except` (NULL-terminated). */
void write_members_of(struct writer *writer, const struct doc *doc, uint32_t object, const char *const *except);
/* {base with the members of over laid upon it}: objects are merged member by member at every depth, anything else is
 * replaced; names in `except` (top level of `over`) are left alone. */
void write_merged(struct writer *writer, const struct doc *base, uint32_t base_object, const struct doc *over,
		  uint32_t over_object, const char *const *except);

#endif
