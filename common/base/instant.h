/* Time: one unit everywhere, int64 microseconds since 1970-01-01T00:00:00Z, UTC.
 *
 * Nothing here reads a clock: `now` is an argument, read once per batch by the worker. */
#ifndef AFTERCARE_BASE_INSTANT_H
#define AFTERCARE_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"

typedef int64_t instant;

#define INSTANT_NONE INT64_MIN
#define MILLISECOND INT64_C(1000)
#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A length of time as ISO 8601 writes it. Months are kept apart because they have no fixed length. */
struct duration {
	int32_t months;  /* years count twelve */
	int64_t us;      /* weeks, days (24 h), hours, minutes, seconds */
	int32_t days;    /* how many of those days were written as days or weeks: they count open or not (base/calendar.h) */
};

/* RFC 3339 with zone ("Z" or "+08:00"); 1 to 9 digits of a second, cut to microseconds; years 0001-9999; a leap
 * second (23:59:60 UTC) counts as the last microsecond of its minute. False when s is nothing of the kind; *ret untouched. */
bool instant_parse(struct str s, instant *ret);
/* "2026-11-23T10:41:57.000Z": UTC, at least milliseconds, microseconds when they are not whole.
 * Writes at most INSTANT_TEXT bytes with the terminator; returns the slice of it. */
#define INSTANT_TEXT 32
struct str instant_format(instant at, char text[static INSTANT_TEXT]);
/* A date without time, "2026-01-01": the instant at which that day begins in a zone offset_us from UTC. False when s is
 * nothing of the kind. */
bool instant_parse_date(struct str s, int64_t offset_us, instant *ret);
/* Where the day that an instant belongs to begins. */
instant instant_day(instant at, int64_t offset_us);
/* "2026-01-01", the day in that zone (years to 9999). Writes at most DATE_TEXT bytes with the terminator; returns the slice. */
#define DATE_TEXT 16
struct str instant_format_date(instant at, int64_t offset_us, char text[static DATE_TEXT]);
/* Civil date of an instant shifted by offset_us from UTC (for display in a zone): y, m, d, then seconds of the day. */
void instant_civil(instant at, int64_t offset_us, int *ret_year, int *ret_month, int *ret_day, int *ret_second);
/* The instant of a civil UTC date and time of day; no check of ranges. */
instant instant_of_civil(int year, int month, int day, int64_t us_of_day);

/* ISO 8601 duration: "PT2H", "P1DT30M", "P1Y2M", "PT0.5S". No sign, at least one part, a fraction only of seconds.
 * False otherwise. */
bool duration_parse(struct str s, struct duration *ret);
/* The canonical text: "PT2H", "PT24H" stays hours up to 48 h, then days. At most DURATION_TEXT bytes. */
#define DURATION_TEXT 48
struct str duration_format(struct duration length, char text[static DURATION_TEXT]);
/* at + length. Months move on the civil calendar of a zone that is offset_us from UTC and clamp to the month's end. */
instant instant_add(instant at, struct duration length, int64_t offset_us);

#endif
