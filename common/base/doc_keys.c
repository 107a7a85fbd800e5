/* The members of one object: a sorted index of them, and whether two have the same name.
 *
 * doc_parse finds duplicate keys here, write_merged finds partners. A merge sort of its own, because
 * qsort may be quadratic or call malloc, and both inputs can be of a sender's choosing.
 * Must never take more than n log n comparisons. */
#include <string.h>

#include "common/base/doc_inner.h"

/* Up to so many members all pairs of marks are compared, which beats sorting. */
#define FEW_KEYS 24

/* Merges the sorted keys from[low, middle) and from[middle, high) into to[low, high). */
static void merge(const struct doc_key *from, struct doc_key *to, uint32_t low, uint32_t middle, uint32_t high)
{
	uint32_t left = low;
	uint32_t right = middle;

	for (uint32_t i = low; i < high; i++) {
		/* The left one on a tie, so that equal names stay in the order of the text. */
		if (left < middle && (right == high || str_cmp(from[left].name, from[right].name) <= 0))
			to[i] = from[left++];
		else
			to[i] = from[right++];
	}
}

static struct doc_key *sort(struct doc_key *keys, uint32_t count, struct arena *arena)
{
	struct doc_key *other = arena_alloc(arena, count * sizeof(*other));

	for (uint64_t width = 1; width < count; width *= 2) {
		struct doc_key *swap = keys;

		for (uint64_t low = 0; low < count; low += 2 * width) {
			uint64_t middle = low + width < count ? low + width : count;
			uint64_t high = middle + width < count ? middle + width : count;

			merge(keys, other, (uint32_t)low, (uint32_t)middle, (uint32_t)high);
		}
		keys = other;
		other = swap;
	}
	return keys;
}

struct doc_key *doc_keys(const struct doc *doc, uint32_t object, struct arena *arena, uint32_t *ret_count)
{
	uint32_t count = doc->nodes[object].count;
	struct doc_key *keys = arena_alloc(arena, count * sizeof(*keys));
	uint32_t node = object + 1;

	for (uint32_t i = 0; i < count; i++) {
		keys[i] = (struct doc_key){ doc_string(doc, node, arena), node, i };
		node = doc->nodes[node].end;
	}
	*ret_count = count;
	return sort(keys, count, arena);
}

const struct doc_key *doc_keys_find(const struct doc_key *keys, uint32_t count, struct str name)
{
	uint32_t low = 0;
	uint32_t high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = str_cmp(keys[middle].name, name);

		if (order == 0)
			return &keys[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Different marks mean different names; the same mark asks for a closer look. */
static inline uint64_t name_mark(struct str name)
{
	uint64_t head = 0;
	uint64_t tail = 0;

	if (name.n >= 8) {
		memcpy(&head, name.p, 8);
		memcpy(&tail, name.p + name.n - 8, 8);
		tail = tail << 29 | tail >> 35;
	} else {
		for (size_t i = 0; i < name.n; i++)
			head = head << 8 | (unsigned char)name.p[i];
	}
	return (head ^ tail) + name.n * UINT64_C(0x9e3779b97f4a7c15);
}

static uint32_t repeated_of_few(const struct doc *doc, uint32_t object, struct arena *arena)
{
	struct str names[FEW_KEYS];
	uint64_t marks[FEW_KEYS];
	uint32_t count = doc->nodes[object].count;
	uint32_t key = object + 1;

	for (uint32_t i = 0; i < count; i++) {
		names[i] = doc_string(doc, key, arena);
		marks[i] = name_mark(names[i]);
		for (uint32_t k = 0; k < i; k++)
			if (marks[k] == marks[i] && str_eq(names[k], names[i]))
				return key;
		key = doc->nodes[key].end;
	}
	return 0;
}

uint32_t doc_keys_repeated(const struct doc *doc, uint32_t object, struct arena *arena)
{
	const struct doc_key *keys;
	uint32_t count;

	if (doc->nodes[object].count <= FEW_KEYS)
		return repeated_of_few(doc, object, arena);
	keys = doc_keys(doc, object, arena, &count);
	for (uint32_t i = 1; i < count; i++)
		if (str_eq(keys[i - 1].name, keys[i].name))
			return keys[i].node;
	return 0;
}
