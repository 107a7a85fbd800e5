/* Tables from names to things, for the check of every member of every object.
 *
 * Built once at load: a few seeds are tried until no two names share a slot, so that a look-up is one multiplication
 * and one comparison. Where no such seed is found, probing takes over; nothing can go wrong but a little speed. */
#include "common/io/schema_rules.h"

#include <string.h>

static uint64_t load(const char *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return word;
}

/* Both ends of the name and its length. Names that differ only in the middle collide; probing settles that. */
static uint64_t digest(struct str name)
{
	const char *end = name.p + name.n;
	uint64_t a, b;

	if (name.n >= 8) {
		a = load(name.p, 8);
		b = load(end - 8, 8);
	} else if (name.n >= 4) {
		uint32_t low, high;

		memcpy(&low, name.p, 4);
		memcpy(&high, end - 4, 4);
		a = low;
		b = high;
	} else if (name.n > 0) {
		a = (uint64_t)(unsigned char)name.p[0] << 16 | (uint64_t)(unsigned char)name.p[name.n / 2] << 8;
		b = (unsigned char)end[-1];
	} else {
		return 0;
	}
	return (a ^ (b << 29 | b >> 35)) + name.n * UINT64_C(0x9e3779b97f4a7c15);
}

/* Puts all names in; counts how many did not get the slot that they hash to. */
static size_t fill(struct name_table *table, const struct name_slot *items, size_t count)
{
	size_t moved = 0;

	memset(table->slots, 0, ((size_t)table->mask + 1) * sizeof(*table->slots));
	for (size_t i = 0; i < count; i++) {
		uint32_t slot = (uint32_t)(digest(items[i].name) * table->seed >> table->shift);

		for (moved += table->slots[slot].name.p != NULL; table->slots[slot].name.p; moved++)
			slot = (slot + 1) & table->mask;
		table->slots[slot] = items[i];
	}
	return moved;
}

struct name_table name_table_new(const struct name_slot *items, size_t count, struct arena *arena)
{
	struct name_table table = { .shift = 64 };
	size_t size = 4;
	uint64_t best_seed = 0;
	size_t best = SIZE_MAX;

	while (size < 4 * count)
		size *= 2;
	for (size_t rest = size; rest > 1; rest /= 2)
		table.shift--;
	table.mask = (uint32_t)(size - 1);
	table.slots = arena_zero(arena, size * sizeof(*table.slots));
	table.seed = UINT64_C(0x9e3779b97f4a7c15);
	for (int i = 0; i < 256 && best > 0; i++) {
		size_t moved;

		table.seed = table.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		table.seed |= 1;
		moved = fill(&table, items, count);
		if (moved < best) {
			best = moved;
			best_seed = table.seed;
		}
	}
	table.seed = best_seed;
	(void)fill(&table, items, count);
	return table;
}

const struct name_slot *name_table_find(const struct name_table *table, struct str name)
{
	uint32_t slot = (uint32_t)(digest(name) * table->seed >> table->shift);

	for (; table->slots[slot].name.p; slot = (slot + 1) & table->mask)
		if (table->slots[slot].name.n == name.n && memcmp(table->slots[slot].name.p, name.p, name.n) == 0)
			return &table->slots[slot];
	return NULL;
}
