/* What the parts of doc (doc.c, doc_parse.c, doc_keys.c, write.c) share and nobody else needs. */
#ifndef AFTERCARE_BASE_DOC_INNER_H
#define AFTERCARE_BASE_DOC_INNER_H

#include "common/base/doc.h"

/* Decodes the valid string content at *p: one escape, or all bytes up to the next one. Moves *p; returns the decoded
 * piece, which lies in the text or in `escape`. */
struct str doc_decode_step(const char **p, const char *end, char escape[static 4]);

/* The members of an object in the order of their decoded names, for objects too big to compare pair by pair. */
struct doc_key {
	struct str name;
	uint32_t node;    /* the key node */
	uint32_t ordinal; /* its place in the object */
};

/* Sorted keys of `object`, *ret_count of them, in the arena. n log n whatever the names are: a hash table would let
 * a sender choose names that collide. */
struct doc_key *doc_keys(const struct doc *doc, uint32_t object, struct arena *arena, uint32_t *ret_count);
/* The entry with this name, NULL when there is none. */
const struct doc_key *doc_keys_find(const struct doc_key *keys, uint32_t count, struct str name);
/* A key node whose name an earlier member of `object` has already; 0 when all names differ. */
uint32_t doc_keys_repeated(const struct doc *doc, uint32_t object, struct arena *arena);

#endif
