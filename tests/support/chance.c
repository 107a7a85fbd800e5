/* Xorshift: good enough to choose a victim, the same everywhere. */
#include <stdlib.h>

#include "tests/support/chance.h"

struct chance chance_from(const char *seed, unsigned long otherwise)
{
	unsigned long state = seed ? strtoul(seed, NULL, 10) : otherwise;

	return (struct chance){ state ? state : 1 };
}

unsigned long chance_below(struct chance *chance, unsigned long below)
{
	chance->state ^= chance->state << 13;
	chance->state ^= chance->state >> 7;
	chance->state ^= chance->state << 17;
	return chance->state % below;
}
