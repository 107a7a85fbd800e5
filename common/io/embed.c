/* Finds embedded files by path.
 *
 * The table comes from embed.sh, sorted by bytes, so that a binary search does. It never changes and nothing is
 * allocated: what embed_find returns is valid for ever. */
#include <string.h>

#include "common/io/embed.h"

struct str embed_find(const char *path)
{
	size_t low = 0, high = embed_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct embed_file *file = &embed_files[middle];
		int order = strcmp(path, file->path);
		if (order == 0)
			return (struct str){ file->begin, (size_t)(file->end - file->begin) };
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return STR_NONE;
}
