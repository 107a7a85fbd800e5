/* Open time: how much of it passes between two instants, and when so much of it will have passed.
 *
 * Both questions walk the same way: from day to day, over the intervals in the order of their beginnings, and never twice
 * over the same time. A walk is as long as its answer is far; it ends after CALENDAR_DAYS_MAX days.
 * Must stay pure: no clock, no allocation. */
#include "common/base/calendar.h"

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* The hours of a day: its own, else those of its weekday (1970-01-01 was a Thursday). */
static const struct calendar_hours *hours_of(const struct calendar *calendar, int64_t day)
{
	size_t low = 0;
	size_t high = calendar->day_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (calendar->days[middle].number == day)
			return &calendar->days[middle].hours;
		if (calendar->days[middle].number < day)
			low = middle + 1;
		else
			high = middle;
	}
	return &calendar->week[day + 3 - floor_div(day + 3, 7) * 7];
}

/* A walk over open time: each step is a stretch [from, to) that begins behind all that was walked before. */
struct walk {
	const struct calendar *calendar;
	int64_t day, last_day;
	size_t interval;
	instant reached;             /* nothing before it is walked (again) */
};

static struct walk walk_from(const struct calendar *calendar, instant from)
{
	/* What began the day before may still be open. */
	int64_t day = floor_div(from + calendar->zone_offset_us, DAY) - 1;

	return (struct walk){ .calendar = calendar, .day = day, .last_day = day + CALENDAR_DAYS_MAX, .reached = from };
}

/* False: no further. */
static bool walk_on(struct walk *walk, instant *ret_from, instant *ret_to)
{
	for (; walk->day <= walk->last_day; walk->day++, walk->interval = 0) {
		const struct calendar_hours *hours = hours_of(walk->calendar, walk->day);
		instant midnight = walk->day * DAY - walk->calendar->zone_offset_us;

		while (walk->interval < hours->count) {
			const struct calendar_interval *interval = &hours->items[walk->interval++];

			*ret_from = midnight + interval->from;
			*ret_to = midnight + interval->to;
			if (*ret_from < walk->reached)
				*ret_from = walk->reached;
			if (*ret_from >= *ret_to)
				continue;
			walk->reached = *ret_to;
			return true;
		}
	}
	return false;
}

/* Instants so far away that days could not be counted any more. */
static bool out_of_reach(instant at)
{
	return at < -INT64_MAX / 2 || at > INT64_MAX / 2;
}

instant calendar_due(const struct calendar *calendar, instant from, int64_t open_us)
{
	instant begin = from, end = from;
	struct walk walk;

	if (open_us <= 0 || from == INSTANT_NONE)
		return from;
	if (!calendar || out_of_reach(from))
		return __builtin_add_overflow(from, open_us, &end) ? INT64_MAX : end;
	walk = walk_from(calendar, from);
	while (walk_on(&walk, &begin, &end)) {
		if (end - begin >= open_us)
			return begin + open_us;
		open_us -= end - begin;
	}
	return walk.day * DAY - calendar->zone_offset_us;
}

int64_t calendar_elapsed(const struct calendar *calendar, instant from, instant to)
{
	instant begin, end;
	struct walk walk;
	int64_t sum = 0;

	if (from == INSTANT_NONE || to <= from)
		return 0;
	if (!calendar || out_of_reach(from) || out_of_reach(to))
		return __builtin_sub_overflow(to, from, &sum) ? INT64_MAX : sum;
	walk = walk_from(calendar, from);
	while (walk_on(&walk, &begin, &end) && begin < to)
		sum += (end < to ? end : to) - begin;
	return sum;
}

instant calendar_add(const struct calendar *calendar, instant from, struct duration length, int64_t offset_us)
{
	struct duration civil = { .months = length.months, .us = length.days * DAY };

	if (!calendar)
		return instant_add(from, length, offset_us);
	return calendar_due(calendar, instant_add(from, civil, offset_us), length.us - civil.us);
}
