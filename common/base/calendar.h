/* Business calendars (policy.md section 11): when a service is open, and how much open time passes.
 *
 * Open time is real elapsed time inside half-open intervals. An interval belongs to the day it begins on, also when it
 * ends on the next one; where intervals of two days overlap, the time counts once. Pure; built by io/calendar_file.h. */
#ifndef AFTERCARE_BASE_CALENDAR_H
#define AFTERCARE_BASE_CALENDAR_H

#include "common/base/instant.h"
#include "common/base/mem.h"
#include "common/base/str.h"

/* No limit and no pause is looked for further than this: about a hundred years. */
#define CALENDAR_DAYS_MAX 36600

/* Microseconds from the beginning of the day; 0 <= from < DAY, from < to <= from + DAY. */
struct calendar_interval {
	int64_t from, to;
};
/* Sorted, without overlap among themselves. */
struct calendar_hours {
	const struct calendar_interval *items;
	size_t count;
};
/* A day that is not as its weekday: a holiday, a half day, a working day that makes up for another. */
struct calendar_day {
	int64_t number;                /* days since 1970-01-01 */
	struct calendar_hours hours;
};
struct calendar {
	struct str id;
	int32_t version;
	struct str zone;
	int64_t zone_offset_us;        /* from UTC; the same all the year */
	struct calendar_hours week[7]; /* Monday first; at least one of them is not empty */
	const struct calendar_day *days;   /* sorted by number */
	size_t day_count;
	struct arena arena;            /* owns all of it */
};

/* In all of these a calendar of NULL is 24x7: every instant is open. */

/* The earliest instant, not before `from`, by which so much time has been open since `from`. What is used up exactly at
 * closing time is due then, not at the next opening. open_us <= 0: `from` itself. Time that no CALENDAR_DAYS_MAX days hold
 * ends with them. */
instant calendar_due(const struct calendar *calendar, instant from, int64_t open_us);
/* Open time in [from, to); 0 when to <= from. */
int64_t calendar_elapsed(const struct calendar *calendar, instant from, instant to);
/* from + length: years, months, weeks and days on the civil calendar of a zone that is offset_us from UTC, whether open
 * or not; then hours, minutes and seconds as open time. */
instant calendar_add(const struct calendar *calendar, instant from, struct duration length, int64_t offset_us);

#endif
