/* Time: RFC 3339 text to microseconds and back, and civil dates.
 *
 * The calendar is the proleptic Gregorian one, counted in days from 1970-01-01; durations live in duration.c.
 * Must never read a clock or the machine's zone: `now` and offsets are arguments. */
#include "common/base/instant.h"

/* Days from 0001-01-01 to 1970-01-01, and of the calendar's whole cycle. */
#define EPOCH_DAYS 719162
#define DAYS_400 146097
#define DAYS_100 36524
#define DAYS_4 1461
#define DAYS_1 365

static const int16_t days_before[13] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Without the product of floor_div and b, which would overflow at the ends of int64. */
static int64_t floor_mod(int64_t a, int64_t b)
{
	return a % b + (a % b < 0 ? b : 0);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int64_t year, int month)
{
	return days_before[month] - days_before[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t before = year - 1;

	return before * DAYS_1 + floor_div(before, 4) - floor_div(before, 100) + floor_div(before, 400) - EPOCH_DAYS +
	       days_before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
}

static void civil_of(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t cycles = floor_div(days + EPOCH_DAYS, DAYS_400);
	int left = (int)(days + EPOCH_DAYS - cycles * DAYS_400);
	int centuries = left / DAYS_100;
	int fours;
	int years;
	int year;
	int month = 1;

	/* The last day of a leap year at the end of a cycle would open a fifth century (a fifth year, below). */
	if (centuries == 4)
		centuries = 3;
	left -= centuries * DAYS_100;
	fours = left / DAYS_4;
	left -= fours * DAYS_4;
	years = left / DAYS_1;
	if (years == 4)
		years = 3;
	left -= years * DAYS_1;
	year = (int)(cycles * 400) + centuries * 100 + fours * 4 + years + 1;
	/* No month is longer than 31 days, so this guess is right or one too small. */
	month += left / 32;
	if (left >= days_before[month] + (month >= 2 && is_leap(year)))
		month++;
	*ret_year = year;
	*ret_month = month;
	*ret_day = left - days_before[month - 1] - (month > 2 && is_leap(year)) + 1;
}

void instant_civil(instant at, int64_t offset_us, int *ret_year, int *ret_month, int *ret_day, int *ret_second)
{
	int64_t shifted = at + offset_us;

	civil_of(floor_div(shifted, DAY), ret_year, ret_month, ret_day);
	*ret_second = (int)(floor_mod(shifted, DAY) / SECOND);
}

instant instant_of_civil(int year, int month, int day, int64_t us_of_day)
{
	return days_of(year, month, day) * DAY + us_of_day;
}

/* Exactly n digits at s[at]; -1 when they are not. */
static int digits(struct str s, size_t at, size_t n)
{
	int number = 0;

	if (s.n < at + n)
		return -1;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		number = number * 10 + (s.p[i] - '0');
	}
	return number;
}

static bool is_at(struct str s, size_t at, char c)
{
	return at < s.n && s.p[at] == c;
}

/* "Z" or "+08:00" as the whole of s. */
static bool parse_offset(struct str s, int64_t *ret_us)
{
	int hour = digits(s, 1, 2);
	int minute = digits(s, 4, 2);

	if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
		*ret_us = 0;
		return true;
	}
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
		return false;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	*ret_us = (hour * HOUR + minute * MINUTE) * (s.p[0] == '-' ? -1 : 1);
	return true;
}

/* ".5" and so on at the start of *s, one to nine digits, cut to microseconds; moves *s behind it. */
static bool parse_fraction(struct str *s, int *ret_us)
{
	int us = 0;
	int unit = 100000;
	size_t n = 1;

	for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		us += (s->p[n] - '0') * unit;
		unit /= 10;
	}
	if (n < 2 || n > 10)
		return false;
	*s = (struct str){ s->p + n, s->n - n };
	*ret_us = us;
	return true;
}

bool instant_parse(struct str s, instant *ret)
{
	int year = digits(s, 0, 4);
	int month = digits(s, 5, 2);
	int day = digits(s, 8, 2);
	int hour = digits(s, 11, 2);
	int minute = digits(s, 14, 2);
	int second = digits(s, 17, 2);
	int us = 0;
	int64_t offset;
	instant at;

	if (!is_at(s, 4, '-') || !is_at(s, 7, '-') || !(is_at(s, 10, 'T') || is_at(s, 10, 't')) ||
	    !is_at(s, 13, ':') || !is_at(s, 16, ':'))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	s = (struct str){ s.p + 19, s.n - 19 };
	if (is_at(s, 0, '.') && !parse_fraction(&s, &us))
		return false;
	if (!parse_offset(s, &offset))
		return false;
	if (second == 60) {
		second = 59;
		us = 999999;
		at = hour * HOUR + minute * MINUTE - offset;
		/* Leap seconds end a UTC day; any other :60 is a mistake of the sender. */
		if (floor_mod(at, DAY) != DAY - MINUTE)
			return false;
	}
	at = instant_of_civil(year, month, day, hour * HOUR + minute * MINUTE + second * SECOND + us) - offset;
	/* An offset can carry the first and last hours out of the years that instant_format can write. */
	if (at < instant_of_civil(1, 1, 1, 0) || at >= instant_of_civil(10000, 1, 1, 0))
		return false;
	*ret = at;
	return true;
}

bool instant_parse_date(struct str s, int64_t offset_us, instant *ret)
{
	int year = digits(s, 0, 4);
	int month = digits(s, 5, 2);
	int day = digits(s, 8, 2);

	if (s.n != 10 || !is_at(s, 4, '-') || !is_at(s, 7, '-'))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*ret = instant_of_civil(year, month, day, 0) - offset_us;
	return true;
}

instant instant_day(instant at, int64_t offset_us)
{
	return at - floor_mod(at + offset_us, DAY);
}

/* Writes number with at least `width` digits at p; returns behind it. */
static char *put_digits(char *p, int number, int width)
{
	char text[10];
	int n = 0;

	do {
		text[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 || n < width);
	while (n > 0)
		*p++ = text[--n];
	return p;
}

struct str instant_format_date(instant at, int64_t offset_us, char text[static DATE_TEXT])
{
	char *p = text;
	int year;
	int month;
	int day;
	int second;

	instant_civil(at, offset_us, &year, &month, &day, &second);
	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p = '\0';
	return (struct str){ text, (size_t)(p - text) };
}

struct str instant_format(instant at, char text[static INSTANT_TEXT])
{
	int us = (int)floor_mod(at, SECOND);
	char *p = text;
	int year;
	int month;
	int day;
	int second;

	instant_civil(at, 0, &year, &month, &day, &second);
	/* Years that no input can have still come out readable, for the sake of a log line. */
	if (year < 0)
		*p++ = '-';
	p = put_digits(p, year < 0 ? -year : year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, second / 3600, 2);
	*p++ = ':';
	p = put_digits(p, second / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, second % 60, 2);
	*p++ = '.';
	p = us % 1000 ? put_digits(p, us, 6) : put_digits(p, us / 1000, 3);
	*p++ = 'Z';
	*p = '\0';
	return (struct str){ text, (size_t)(p - text) };
}

instant instant_add(instant at, struct duration length, int64_t offset_us)
{
	instant sum;

	if (at == INSTANT_NONE)
		return INSTANT_NONE;
	if (length.months != 0) {
		int64_t of_day;
		int64_t months;
		int64_t to_year;
		int year;
		int month;
		int day;
		int second;

		instant_civil(at, offset_us, &year, &month, &day, &second);
		of_day = floor_mod(at + offset_us, DAY);
		months = year * INT64_C(12) + month - 1 + length.months;
		to_year = floor_div(months, 12);
		/* What an instant cannot hold ends at its edge instead of wrapping round. */
		if (to_year > 290000)
			return INT64_MAX;
		if (to_year < -290000)
			return INT64_MIN + 1;
		month = (int)floor_mod(months, 12) + 1;
		if (day > month_days(to_year, month))
			day = month_days(to_year, month);
		at = days_of(to_year, month, day) * DAY + of_day - offset_us;
	}
	if (__builtin_add_overflow(at, length.us, &sum))
		return length.us > 0 ? INT64_MAX : INT64_MIN + 1;
	return sum;
}
