/* What bytes that are no JSON may be. For messages only. */
#include <string.h>

#include "services/ctl/ctl.h"

const char *ctl_guess(struct str text)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *guess;
	} marks[] = {
		{ "\xef\xbb\xbf", 3, "the text begins with a byte order mark (EF BB BF); leave it out" },
		{ "\xff\xfe", 2, "this looks like UTF-16; events are UTF-8" },
		{ "\xfe\xff", 2, "this looks like UTF-16; events are UTF-8" },
		{ "\x1f\x8b", 2, "this is compressed (gzip)" },
		{ "PK\x03\x04", 4, "this is a ZIP archive" },
		{ "%PDF", 4, "this is a PDF" },
		{ "<", 1, "this looks like XML or HTML" },
		{ "---", 3, "this looks like YAML" },
	};

	for (size_t i = 0; i < array_count(marks); i++)
		if (text.n >= marks[i].n && memcmp(text.p, marks[i].bytes, marks[i].n) == 0)
			return marks[i].guess;
	if (text.n > 0 && memchr(text.p, 0, text.n < 512 ? text.n : 512))
		return "this is binary, no text";
	return NULL;
}
