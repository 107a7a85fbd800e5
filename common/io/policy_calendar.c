/* A calendar document: which hours of which days are open (calendar_file.h), and the names of calendars in policies.
 *
 * Hours are checked here so that whoever counts with them need not: sorted, without overlap, and at least one in an
 * ordinary week, because a limit in a calendar that never opens would never be reached. */
#include <stdlib.h>
#include <string.h>

#include "common/base/near.h"
#include "common/io/calendar_file.h"
#include "common/io/policy_inner.h"

static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };
static const struct words words_weekday = { "day of the week", weekdays, NULL };

/* "HH:MM" up to 24:00, in microseconds of the day; -1 after a complaint. */
static int64_t read_time(struct compile *compile, const struct place *at)
{
	struct str text = read_text(compile, at);
	struct str rest = text;
	struct str hour = str_cut(&rest, ':');
	int64_t h, m;

	if (text.n == 0)
		return -1;
	if (text.n == 5 && hour.n == 2 && str_int64(hour, &h) && str_int64(rest, &m) && h >= 0 && m >= 0 && m < 60 &&
	    h * HOUR + m * MINUTE <= DAY)
		return h * HOUR + m * MINUTE;
	complain(compile, at, "\"%.*s\" is no time of day (\"09:00\", up to \"24:00\")", STR_ARG(text));
	return -1;
}

static bool read_interval(struct compile *compile, const struct place *at, struct calendar_interval *ret)
{
	struct place from = place_element(at, 0);
	struct place to = place_element(at, 1);

	if (!json_is_array(at->value) || json_array_size(at->value) != 2) {
		complain(compile, at, "hours are written [\"09:00\", \"18:00\"]");
		return false;
	}
	ret->from = read_time(compile, &from);
	ret->to = read_time(compile, &to);
	if (ret->from < 0 || ret->to < 0)
		return false;
	if (ret->from == DAY) {
		complain(compile, &from, "a day begins nothing at 24:00; hours after midnight are those of the next day");
		return false;
	}
	if (ret->from == ret->to) {
		complain(compile, at, "hours that end as they begin (the whole day is [\"00:00\", \"24:00\"])");
		return false;
	}
	/* It ends on the next day and belongs to this one. */
	if (ret->to < ret->from)
		ret->to += DAY;
	return true;
}

static int by_beginning(const void *a, const void *b)
{
	const struct calendar_interval *left = a;
	const struct calendar_interval *right = b;

	return left->from != right->from ? (left->from < right->from ? -1 : 1) : (left->to > right->to) - (left->to < right->to);
}

static struct calendar_hours read_hours(struct compile *compile, const struct place *at)
{
	size_t count = read_list(compile, at);
	struct calendar_interval *items = arena_zero(compile->arena, (count + 1) * sizeof(*items));
	struct calendar_hours hours = { .items = items };

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		hours.count += read_interval(compile, &element, &items[hours.count]);
	}
	if (hours.count > 1)
		qsort(items, hours.count, sizeof(*items), by_beginning);
	for (size_t i = 1; i < hours.count; i++)
		if (items[i].from < items[i - 1].to) {
			complain(compile, at, "hours that overlap");
			break;
		}
	return hours;
}

static void read_week(struct compile *compile, const struct place *at, struct calendar *calendar)
{
	static const char *const members[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };
	size_t before = compile->error_count;
	size_t open = 0;

	if (!read_object(compile, at, members))
		return;
	for (size_t i = 0; i < array_count(calendar->week); i++) {
		struct place day = place_member(at, weekdays[i]);

		calendar->week[i] = read_hours(compile, &day);
		open += calendar->week[i].count;
	}
	if (open == 0 && compile->error_count == before)
		complain(compile, at, "no day of the week is ever open: nothing would fall due");
}

/* Days since 1970-01-01. */
static bool read_date(struct compile *compile, const struct place *at, int64_t *ret)
{
	struct str text = str_of(at->key);
	instant midnight;

	if (text.n == 10 && instant_parse(str_format(compile->arena, "%.*sT00:00:00Z", STR_ARG(text)), &midnight)) {
		*ret = midnight / DAY - (midnight % DAY < 0);
		return true;
	}
	complain(compile, at, "\"%.*s\" is no day (\"2026-10-01\")", STR_ARG(text));
	return false;
}

static struct calendar_hours read_day(struct compile *compile, const struct place *at, const struct calendar *calendar)
{
	struct calendar_hours hours = { 0 };

	if (!json_is_string(at->value)) {
		if (present(at))
			return read_hours(compile, at);
		complain(compile, at, "hours, or the day of the week that it follows (\"mon\"); a holiday is []");
		return hours;
	}
	if (!read_word(compile, at, &words_weekday).p)
		return hours;
	for (size_t i = 0; i < array_count(calendar->week); i++)
		if (strcmp(json_string_value(at->value), weekdays[i]) == 0)
			hours = calendar->week[i];
	return hours;
}

static int by_number(const void *a, const void *b)
{
	const struct calendar_day *left = a;
	const struct calendar_day *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static void read_days(struct compile *compile, const struct place *at, struct calendar *calendar)
{
	struct calendar_day *days;
	const char *key;
	json_t *value;

	if (!present(at))
		return;
	if (!json_is_object(at->value)) {
		complain(compile, at, "an object: day -> hours, or the day of the week that it follows");
		return;
	}
	days = arena_zero(compile->arena, (json_object_size(at->value) + 1) * sizeof(*days));
	json_object_foreach (at->value, key, value) {
		struct place day = { .up = at, .key = key, .value = value };
		struct calendar_day one;

		if (!read_date(compile, &day, &one.number))
			continue;
		one.hours = read_day(compile, &day, calendar);
		days[calendar->day_count++] = one;
	}
	if (calendar->day_count > 1)
		qsort(days, calendar->day_count, sizeof(*days), by_number);
	calendar->days = days;
}

static void read_calendar(struct compile *compile, const struct place *root, struct calendar *calendar)
{
	static const char *const members[] = { "!calendar", "!version", "source", "title", "owner", "zone", "!week", "days", NULL };
	struct place id = place_member(root, "calendar");
	struct place version = place_member(root, "version");
	struct place source = place_member(root, "source");
	struct place title = place_member(root, "title");
	struct place owner = place_member(root, "owner");
	struct place zone = place_member(root, "zone");
	struct place week = place_member(root, "week");
	struct place days = place_member(root, "days");
	struct str zh, en;

	(void)read_object(compile, root, members);
	calendar->id = read_name(compile, &id);
	if (str_is(calendar->id, CALENDAR_ALWAYS))
		complain(compile, &id, "\"" CALENDAR_ALWAYS "\" is built in: always open");
	calendar->version = (int32_t)read_int(compile, &version, 0, 1, INT32_MAX);
	(void)read_text(compile, &source);
	read_bilingual(compile, &title, &zh, &en);
	(void)read_text(compile, &owner);
	calendar->zone = read_zone(compile, &zone);
	calendar->zone_offset_us = compile->zone_offset_us;
	read_week(compile, &week, calendar);
	read_days(compile, &days, calendar);
}

enum verdict calendar_compile(struct str text, const char *name, struct calendar **ret_calendar, struct buf *errors,
			      struct fault *fault)
{
	struct calendar *calendar = mem_zero(sizeof(*calendar));
	struct compile compile = { .name = name, .errors = errors, .arena = &calendar->arena };
	struct place root = { .value = load_document(&compile, text) };

	if (root.value) {
		read_calendar(&compile, &root, calendar);
		json_decref(root.value);
	}
	if (compile.error_count > 0) {
		calendar_free(calendar);
		return conclude(&compile, fault);
	}
	*ret_calendar = calendar;
	return OK;
}

void calendar_free(struct calendar *calendar)
{
	if (!calendar)
		return;
	arena_done(&calendar->arena);
	mem_free(calendar);
}

struct str read_calendar_name(struct compile *compile, const struct place *at)
{
	struct str name = read_name(compile, at);
	const char **known;
	const char *near;

	if (name.n == 0 || !compile->calendars || str_is(name, CALENDAR_ALWAYS) || strings_contain(*compile->calendars, name))
		return name;
	known = arena_zero(compile->arena, (compile->calendars->count + 2) * sizeof(*known));
	for (size_t i = 0; i < compile->calendars->count; i++)
		known[i] = str_z(compile->arena, compile->calendars->items[i]);
	known[compile->calendars->count] = CALENDAR_ALWAYS;
	near = near_word(known, name);
	if (near)
		complain(compile, at, "no calendar \"%.*s\" is loaded or given along (did you mean %s?)", STR_ARG(name), near);
	else
		complain(compile, at, "no calendar \"%.*s\" is loaded or given along", STR_ARG(name));
	return name;
}
