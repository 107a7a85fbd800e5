/* Memory: allocation that never returns NULL, and arenas that forget a whole batch at once.
 *
 * Running out of memory is decided here and nowhere else: the process aborts and systemd restarts it, which the
 * ledger makes harmless. */
#ifndef AFTERCARE_BASE_MEM_H
#define AFTERCARE_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(position, first) __attribute__((format(printf, position, first)))
#define cleanup(function) __attribute__((cleanup(function)))
#define array_count(array) (sizeof(array) / sizeof((array)[0]))

/* n bytes, zeroed. Free with mem_free. Aborts when there is no memory. */
void *mem_zero(size_t n);
/* Grows or shrinks; the new part is not initialised. Aborts when there is no memory. */
void *mem_resize(void *p, size_t n);
/* A copy of n bytes. */
void *mem_copy(const void *p, size_t n);
/* Frees and accepts NULL. */
void mem_free(void *p);
/* For `cleanup`: frees the pointer that p points to. */
void mem_free_pointer(void *p);

/* An arena hands out memory that is forgotten all at once. Not thread-safe. A zeroed struct is an empty arena. */
struct arena_block;
struct arena {
	struct arena_block *first;   /* kept over arena_reset */
	struct arena_block *current;
	size_t used;                 /* bytes of the current block */
};

/* n bytes, not initialised, aligned for anything; valid until arena_reset or arena_done. */
void *arena_alloc(struct arena *arena, size_t n);
/* The same, zeroed. */
void *arena_zero(struct arena *arena, size_t n);
/* A copy of n bytes. */
void *arena_copy(struct arena *arena, const void *p, size_t n);
/* Makes room for `want` elements of `size` bytes, doubling; moves *ret_array (old content copied) and *capacity. */
void arena_grow(struct arena *arena, void *ret_array, size_t *capacity, size_t want, size_t size);
/* Forgets everything handed out; keeps up to 1 MiB for the next round. */
void arena_reset(struct arena *arena);
/* Gives all memory back. The arena is empty and usable again. */
void arena_done(struct arena *arena);

#endif
