/* Choices at random that a printed seed repeats. */
#ifndef AFTERCARE_TESTS_SUPPORT_CHANCE_H
#define AFTERCARE_TESTS_SUPPORT_CHANCE_H

struct chance {
	unsigned long state;        /* never 0 */
};

/* seed: a number as text, or NULL for `otherwise`. */
struct chance chance_from(const char *seed, unsigned long otherwise);
/* 0 to below - 1. */
unsigned long chance_below(struct chance *chance, unsigned long below);

#endif
