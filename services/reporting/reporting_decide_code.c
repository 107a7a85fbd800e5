/* Values that may leave: what looks like a code or the name of a thing. What customers can type may be anything; a telephone number, an
 * address or a sentence in the place of a code does not get on. */
#include "services/reporting/reporting.h"

#include <string.h>

/* Telephone numbers have ten digits or more, however they are grouped; versions group by dots. */
static bool may_be_number(struct str value)
{
	size_t digits = 0;

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c >= '0' && c <= '9')
			digits++;
		else if (!memchr(" -()", c, 4))
			digits = 0;
		if (digits >= 10)
			return true;
	}
	return false;
}

struct str reporting_code(struct str value)
{
	if (!value.n)
		return STR_NONE;
	if (value.n > 48 || memchr(value.p, ' ', value.n) || memchr(value.p, '@', value.n) || may_be_number(value))
		return STR("other");
	return value;
}

/* Names of products have capitals in them, and then digits mean nothing: AX-8319976863. */
static bool has_capital(struct str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] >= 'A' && word.p[i] <= 'Z')
			return true;
	return false;
}

static bool has_number(struct str value)
{
	size_t from = 0;

	/* What stands between the words that are names. */
	for (size_t at = 0, end; at < value.n; at = end + 1) {
		for (end = at; end < value.n && !memchr(" :/,;", value.p[end], 5);)
			end++;
		if (!has_capital((struct str){ value.p + at, end - at }))
			continue;
		if (may_be_number((struct str){ value.p + from, at - from }))
			return true;
		from = end;
	}
	return may_be_number((struct str){ value.p + from, value.n - from });
}

struct str reporting_thing(struct str value)
{
	if (!value.n || value.n > 96 || memchr(value.p, '@', value.n) || memchr(value.p, '\n', value.n) || has_number(value))
		return STR_NONE;
	return value;
}
