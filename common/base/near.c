/* The nearest known word. Used where a person is told of an error, never where something is decided. */
#include "common/base/near.h"

enum { LENGTH_MAX = 64, FAR = 4 };

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t near_distance(struct str a, struct str b)
{
	size_t rows[3][LENGTH_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	if (a.n > LENGTH_MAX || b.n > LENGTH_MAX || a.n > b.n + 3 || b.n > a.n + 3)
		return FAR;
	for (size_t k = 0; k <= b.n; k++)
		above[k] = k;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t k = 1; k <= b.n; k++) {
			char x = folded(a.p[i - 1]), y = folded(b.p[k - 1]);

			row[k] = least(above[k - 1] + (x != y), least(above[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && x != y && x == folded(b.p[k - 2]) && y == folded(a.p[i - 2]))
				row[k] = least(row[k], before[k - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return least(above[b.n], FAR);
}

/* The word itself or what remains of it before or behind one of its joints: distance to the nearest of these. */
static size_t part_distance(struct str whole, struct str word)
{
	size_t best = FAR;

	for (size_t i = 1; i + 1 < whole.n; i++) {
		if (whole.p[i] != '.' && whole.p[i] != '_')
			continue;
		best = least(best, near_distance((struct str){ whole.p, i }, word));
		best = least(best, near_distance((struct str){ whole.p + i + 1, whole.n - i - 1 }, word));
	}
	return best;
}

static const char *nearest(const char *const *words, struct str word, size_t limit,
			   size_t (*distance)(struct str whole, struct str word))
{
	const char *near = NULL;

	for (; *words; words++) {
		size_t far = distance(str_of(*words), word);

		if (far < limit) {
			limit = far;
			near = *words;
		}
	}
	return near;
}

const char *near_word(const char *const *words, struct str word)
{
	size_t limit = word.n < 5 ? 2 : word.n < 9 ? 3 : FAR;
	const char *near = nearest(words, word, limit, near_distance);

	struct str tail = word;

	/* A part of a name has to fit better than a whole one, and short words fit many. */
	if (!near && word.n >= 4)
		near = nearest(words, word, word.n < 9 ? 2 : 3, part_distance);
	/* The right word in the wrong family. */
	(void)str_cut(&tail, '.');
	return near || tail.n < 4 ? near : nearest(words, tail, 1, part_distance);
}
