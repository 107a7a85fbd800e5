/* What somebody who wrote an unknown word may have meant. */
#ifndef AFTERCARE_BASE_NEAR_H
#define AFTERCARE_BASE_NEAR_H

#include "common/base/str.h"

/* Letters to add, take away, change or swap with a neighbour until the one word is the other; the case of letters, and "-"
 * for "_", do not count. Given up above 3: 4 then, as for words over 64 bytes. */
size_t near_distance(struct str a, struct str b);
/* The nearest of the words (NULL-terminated) that is near enough to be meant: a slip or two, more in a longer word; else one
 * that begins or ends with it, up to a "." or "_"; else one that ends as it does behind its first ".". NULL when there is none. */
const char *near_word(const char *const *words, struct str word);

#endif
