/* Tables from names to numbers that live as long as a batch: open addressing in the arena, sized once.
 *
 * What a batch has loaded and what it has done itself stand in the same table, so that the fifth claim of a batch knows
 * of the first. Must never grow: the caller says how many keys there can be. */
#include "services/intake/intake.h"

void intake_table_init(struct table *table, size_t most, struct arena *arena)
{
	size_t size = 4;

	while (size < 2 * most)
		size *= 2;
	table->slots = arena_zero(arena, size * sizeof(*table->slots));
	table->mask = (uint32_t)(size - 1);
}

/* The slot of the key, or the free one where it would go. */
static struct table_slot *slot_of(const struct table *table, struct str key)
{
	uint64_t hash = str_hash(key);
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & table->mask;

	while (table->slots[at].key.p && !str_eq(table->slots[at].key, key))
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

uint32_t *intake_table_find(const struct table *table, struct str key)
{
	struct table_slot *slot;

	if (!table->slots || !key.p)
		return NULL;
	slot = slot_of(table, key);
	return slot->key.p ? &slot->value : NULL;
}

void intake_table_put(struct table *table, struct str key, uint32_t value)
{
	struct table_slot *slot = slot_of(table, key);

	slot->key = key;
	slot->value = value;
}
