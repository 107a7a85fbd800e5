/* Lengths of time as ISO 8601 writes them ("P1Y2M10DT2H30M"), in and out.
 *
 * Policies and configuration state every limit this way; instant_add applies one.
 * Must never turn months into days: how long a month is depends on where it is added. */
#include "common/base/instant.h"

struct unit {
	char letter;
	bool in_time;   /* stands behind the T */
	int32_t months; /* one of the two is 0 */
	int64_t us;
};

/* In the only order ISO 8601 knows. */
static const struct unit units[] = {
	{ 'Y', false, 12, 0 },
	{ 'M', false, 1, 0 },
	{ 'W', false, 0, 7 * DAY },
	{ 'D', false, 0, DAY },
	{ 'H', true, 0, HOUR },
	{ 'M', true, 0, MINUTE },
	{ 'S', true, 0, SECOND },
};

/* Digits at s[*at], moving *at behind them; at least one. */
static bool take_number(struct str s, size_t *at, int64_t *ret)
{
	size_t from = *at;

	while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9')
		(*at)++;
	return *at > from && str_int64((struct str){ s.p + from, *at - from }, ret);
}

/* ".5": one to nine digits of a second, cut to microseconds. */
static bool take_fraction(struct str s, size_t *at, int64_t *ret_us)
{
	size_t from = ++*at;
	int64_t us = 0;
	int64_t unit = SECOND / 10;

	for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++) {
		us += (s.p[*at] - '0') * unit;
		unit /= 10;
	}
	*ret_us = us;
	return *at > from && *at - from <= 9;
}

static bool add_part(struct duration *sum, const struct unit *unit, int64_t number, int64_t fraction_us)
{
	int64_t months;
	int64_t us;

	if (!unit->in_time && unit->months == 0) {
		int64_t days;

		if (__builtin_mul_overflow(number, unit->us / DAY, &days) ||
		    __builtin_add_overflow(sum->days, days, &sum->days))
			return false;
	}
	return !__builtin_mul_overflow(number, (int64_t)unit->months, &months) &&
	       !__builtin_add_overflow(sum->months, months, &sum->months) &&
	       !__builtin_mul_overflow(number, unit->us, &us) && !__builtin_add_overflow(us, fraction_us, &us) &&
	       !__builtin_add_overflow(sum->us, us, &sum->us);
}

bool duration_parse(struct str s, struct duration *ret)
{
	struct duration sum = { 0 };
	size_t next = 0; /* the first unit that may still come */
	bool in_time = false;
	bool expect = true; /* nothing yet behind the P or the T */
	size_t at = 1;

	if (s.n < 1 || s.p[0] != 'P')
		return false;
	while (at < s.n) {
		int64_t number;
		int64_t fraction_us = 0;
		bool fraction;

		if (s.p[at] == 'T' && !in_time) {
			in_time = true;
			expect = true;
			at++;
			continue;
		}
		if (!take_number(s, &at, &number))
			return false;
		fraction = at < s.n && s.p[at] == '.';
		if (fraction && !take_fraction(s, &at, &fraction_us))
			return false;
		if (at == s.n)
			return false;
		while (next < array_count(units) && (units[next].letter != s.p[at] || units[next].in_time != in_time))
			next++;
		if (next == array_count(units) || (fraction && units[next].us != SECOND))
			return false;
		if (!add_part(&sum, &units[next], number, fraction_us))
			return false;
		next++;
		at++;
		expect = false;
	}
	if (expect)
		return false;
	*ret = sum;
	return true;
}

/* "12H" at p unless number is 0; returns behind it. */
static char *put_part(char *p, uint64_t number, char letter)
{
	char text[20];
	size_t n = 0;

	if (number == 0)
		return p;
	for (; number > 0; number /= 10)
		text[n++] = (char)('0' + number % 10);
	while (n > 0)
		*p++ = text[--n];
	*p++ = letter;
	return p;
}

/* "1.5S" at p; returns behind it. */
static char *put_seconds(char *p, uint64_t us)
{
	uint64_t fraction = us % SECOND;

	if (fraction == 0)
		return put_part(p, us / SECOND, 'S');
	if (us < SECOND)
		*p++ = '0';
	else
		p = put_part(p, us / SECOND, 'S') - 1;
	*p++ = '.';
	for (uint64_t unit = SECOND / 10; fraction > 0; unit /= 10) {
		*p++ = (char)('0' + fraction / unit);
		fraction %= unit;
	}
	*p++ = 'S';
	return p;
}

struct str duration_format(struct duration length, char text[static DURATION_TEXT])
{
	/* Parsing gives no negative length, but a difference in a log line may be one. */
	bool minus = length.months < 0 || length.us < 0;
	uint32_t months = length.months < 0 ? -(uint32_t)length.months : (uint32_t)length.months;
	uint64_t us = length.us < 0 ? -(uint64_t)length.us : (uint64_t)length.us;
	char *p = text;

	if (minus)
		*p++ = '-';
	*p++ = 'P';
	p = put_part(p, months / 12, 'Y');
	p = put_part(p, months % 12, 'M');
	if (us > 48 * HOUR) {
		p = put_part(p, us / DAY, 'D');
		us %= DAY;
	}
	if (us > 0 || (months == 0 && length.us == 0)) {
		*p++ = 'T';
		if (us == 0)
			*p++ = '0', *p++ = 'S';
		p = put_part(p, us / HOUR, 'H');
		p = put_part(p, us / MINUTE % 60, 'M');
		p = put_seconds(p, us % MINUTE);
	}
	*p = '\0';
	return (struct str){ text, (size_t)(p - text) };
}
