/* Memory: the one place where running out is decided, and the arenas.
 *
 * Everything above takes memory from here and never looks for NULL: when there is none left the process aborts and
 * systemd starts it again. An arena is a chain of blocks that serves one batch; arena_reset keeps the chain, so
 * that a daemon in its stride does not call malloc at all.
 * Must never return NULL, and never hand out memory that is not aligned for any type. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define ALIGNMENT 16
#define BLOCK_FIRST ((size_t)16 * 1024)
#define BLOCK_MOST ((size_t)256 * 1024)
#define KEPT_MOST ((size_t)1024 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size; /* of bytes */
	_Alignas(ALIGNMENT) char bytes[];
};

void *mem_zero(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *mem_resize(void *p, size_t n)
{
	/* realloc to nothing may free and return NULL, which would look like the end of memory. */
	p = realloc(p, n ? n : 1);
	if (!p)
		abort();
	return p;
}

void *mem_copy(const void *p, size_t n)
{
	void *copy = mem_resize(NULL, n);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

void mem_free(void *p)
{
	free(p);
}

void mem_free_pointer(void *p)
{
	void *owned;

	memcpy(&owned, p, sizeof(owned));
	free(owned);
}

/* Puts a block of at least n bytes behind the current one and makes it current. */
static void arena_advance(struct arena *arena, size_t n)
{
	struct arena_block *next = arena->current ? arena->current->next : arena->first;

	if (!next || next->size < n) {
		size_t size = arena->current ? arena->current->size * 2 : BLOCK_FIRST;
		struct arena_block *block;

		if (size > BLOCK_MOST)
			size = BLOCK_MOST;
		if (size < n)
			size = n;
		block = mem_resize(NULL, sizeof(*block) + size);
		block->size = size;
		/* A kept block that is too small stays in the chain, behind this one, for smaller wishes. */
		block->next = next;
		if (arena->current)
			arena->current->next = block;
		else
			arena->first = block;
		next = block;
	}
	arena->current = next;
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	char *p;

	if (n > SIZE_MAX / 2)
		abort();
	n = n ? (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
	if (!arena->current || arena->current->size - arena->used < n)
		arena_advance(arena, n);
	p = arena->current->bytes + arena->used;
	arena->used += n;
	return p;
}

void *arena_zero(struct arena *arena, size_t n)
{
	return memset(arena_alloc(arena, n), 0, n);
}

void *arena_copy(struct arena *arena, const void *p, size_t n)
{
	void *copy = arena_alloc(arena, n);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

void arena_grow(struct arena *arena, void *ret_array, size_t *capacity, size_t want, size_t size)
{
	size_t more = *capacity < 8 ? 8 : *capacity * 2;
	size_t bytes;
	void *old;
	void *array;

	if (want <= *capacity)
		return;
	if (more < want)
		more = want;
	if (__builtin_mul_overflow(more, size, &bytes))
		abort();
	/* memcpy, because the caller's pointer is of some other type than void *. */
	memcpy(&old, ret_array, sizeof(old));
	array = arena_alloc(arena, bytes);
	if (*capacity > 0)
		memcpy(array, old, *capacity * size);
	memcpy(ret_array, &array, sizeof(array));
	*capacity = more;
}

void arena_reset(struct arena *arena)
{
	struct arena_block **link = &arena->first;
	size_t kept = 0;

	while (*link) {
		struct arena_block *block = *link;

		if (block->size <= KEPT_MOST - kept) {
			kept += block->size;
			link = &block->next;
		} else {
			*link = block->next;
			free(block);
		}
	}
	arena->current = NULL;
	arena->used = 0;
}

void arena_done(struct arena *arena)
{
	struct arena_block *block = arena->first;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct arena){ 0 };
}
