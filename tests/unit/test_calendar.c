/* Business calendars: a table reckoned by hand, random calendars against a second implementation that looks at every
 * minute, and what a document may not say.
 *
 * The seed is printed; AFTERCARE_SEED repeats a run. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/io/calendar_file.h"
#include "tests/unit/policy_bench.h"

static struct calendar *compiled(const char *text)
{
	struct calendar *calendar = NULL;
	struct fault fault = FAULT_NONE;
	struct buf errors = { 0 };

	if (calendar_compile(str_of(text), "c.json", &calendar, &errors, &fault))
		fail_msg("%.*s", STR_ARG(buf_view(&errors)));
	buf_done(&errors);
	return calendar;
}

static instant at(const char *text)
{
	char full[40];
	instant when;

	(void)snprintf(full, sizeof(full), "%s:00+08:00", text);
	if (!instant_parse(str_of(full), &when))
		fail_msg("%s is no time", text);
	return when;
}

static struct duration length_of(const char *text)
{
	struct duration length;

	assert_true(duration_parse(str_of(text), &length));
	return length;
}

/* ---- by hand ---- */

/* Two shifts with a break, Saturday morning, a night watch from Friday; National Day with a half day and a make-up Saturday. */
#define OFFICE \
	"{\"calendar\": \"office\", \"version\": 4, \"zone\": \"Asia/Shanghai\", \"week\": {" \
	"\"mon\": [[\"09:00\", \"12:00\"], [\"13:30\", \"18:00\"]], \"tue\": [[\"13:30\", \"18:00\"], [\"09:00\", \"12:00\"]]," \
	"\"wed\": [[\"09:00\", \"12:00\"], [\"13:30\", \"18:00\"]], \"thu\": [[\"09:00\", \"12:00\"], [\"13:30\", \"18:00\"]]," \
	"\"fri\": [[\"09:00\", \"12:00\"], [\"13:30\", \"18:00\"], [\"22:00\", \"06:00\"]], \"sat\": [[\"04:00\", \"10:00\"]]}," \
	"\"days\": {\"2026-10-01\": [], \"2026-10-02\": [], \"2026-10-03\": [], \"2026-10-10\": \"mon\"," \
	"\"2026-09-30\": [[\"09:00\", \"12:00\"]]}}"

static void test_by_hand(void **state)
{
	static const struct {
		const char *calendar, *from, *length, *due;
	} rows[] = {
		/* C087: 2 h from Friday 17:30. 2026-11-20 is a Friday. */
		{ "weekday", "2026-11-20T17:30", "PT2H", "2026-11-23T10:30" },
		{ "always", "2026-11-20T17:30", "PT2H", "2026-11-20T19:30" },
		/* Used up exactly at closing time: due then, not at the next opening. */
		{ "weekday", "2026-11-20T16:00", "PT2H", "2026-11-20T18:00" },
		{ "weekday", "2026-11-20T09:00", "PT9H", "2026-11-20T18:00" },
		{ "weekday", "2026-11-20T18:00", "PT1M", "2026-11-23T09:01" },
		{ "weekday", "2026-11-21T03:00", "PT1H", "2026-11-23T10:00" },
		{ "weekday", "2026-11-23T08:59", "PT1H", "2026-11-23T10:00" },
		{ "weekday", "2026-11-20T17:30", "PT0S", "2026-11-20T17:30" },
		{ "weekday", "2026-11-20T17:30", "PT45H", "2026-11-27T17:30" },
		/* Days and months are of the civil calendar, open or not; hours behind them are open. */
		{ "weekday", "2026-11-20T17:30", "P1D", "2026-11-21T17:30" },
		{ "weekday", "2026-11-20T17:30", "P1DT2H", "2026-11-23T11:00" },
		{ "weekday", "2026-01-31T10:00", "P1M", "2026-02-28T10:00" },
		{ "weekday", "2026-11-20T17:30", "PT24H", "2026-11-25T14:30" },
		/* Two shifts: over the break. 2026-11-23 is a Monday. */
		{ "office", "2026-11-23T11:00", "PT2H", "2026-11-23T14:30" },
		{ "office", "2026-11-24T11:00", "PT2H", "2026-11-24T14:30" },
		{ "office", "2026-11-23T11:00", "PT1H", "2026-11-23T12:00" },
		{ "office", "2026-11-23T12:30", "PT1H", "2026-11-23T14:30" },
		/* Friday's night watch belongs to Friday; where Saturday's hours overlap it, the time counts once. */
		{ "office", "2026-11-20T17:00", "PT3H", "2026-11-21T00:00" },
		{ "office", "2026-11-21T05:00", "PT1H", "2026-11-21T06:00" },
		{ "office", "2026-11-21T03:00", "PT7H", "2026-11-21T10:00" },
		{ "office", "2026-11-21T03:00", "PT8H", "2026-11-23T10:00" },
		/* Half day, holidays (Friday's night watch falls with them), then Monday 2026-10-05. */
		{ "office", "2026-09-30T11:00", "PT1H", "2026-09-30T12:00" },
		{ "office", "2026-09-30T11:00", "PT2H", "2026-10-05T10:00" },
		/* The make-up Saturday is as a Monday; Friday 2026-10-09's night still ends in it. */
		{ "office", "2026-10-10T05:00", "PT2H", "2026-10-10T10:00" },
		{ "office", "2026-10-10T13:00", "PT5H", "2026-10-12T09:30" },
	};
	struct buf text = read_file("deploy/policies/cn-weekday.json");
	struct calendar *weekday, *office = compiled(OFFICE);

	(void)state;
	buf_char(&text, '\0');
	weekday = compiled(text.p);
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct calendar *calendar = strcmp(rows[i].calendar, "weekday") == 0 ? weekday :
			strcmp(rows[i].calendar, "office") == 0 ? office : NULL;
		char got[INSTANT_TEXT], want[INSTANT_TEXT];

		instant_format(calendar_add(calendar, at(rows[i].from), length_of(rows[i].length), 8 * HOUR), got);
		instant_format(at(rows[i].due), want);
		if (strcmp(got, want) != 0)
			fail_msg("%s: %s + %s = %s, not %s", rows[i].calendar, rows[i].from, rows[i].length, got, want);
	}
	assert_true(calendar_elapsed(weekday, at("2026-11-20T17:30"), at("2026-11-23T10:30")) == 2 * HOUR);
	assert_true(calendar_elapsed(weekday, at("2026-11-21T00:00"), at("2026-11-23T09:00")) == 0);
	assert_true(calendar_elapsed(weekday, at("2026-11-23T10:00"), at("2026-11-23T09:00")) == 0);
	assert_true(calendar_elapsed(NULL, at("2026-11-20T17:30"), at("2026-11-23T17:30")) == 3 * DAY);
	calendar_free(weekday);
	calendar_free(office);
	buf_done(&text);
}

/* Searches end: a limit that no century holds, instants at the edge of what can be counted. */
static void test_bounded(void **state)
{
	struct calendar *calendar = compiled("{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"09:01\"]]}}");
	instant from = at("2026-11-20T17:30"), due = calendar_due(calendar, from, INT64_MAX);

	(void)state;
	assert_true(due > from + (instant)(CALENDAR_DAYS_MAX - 2) * DAY && due < from + (instant)(CALENDAR_DAYS_MAX + 2) * DAY);
	assert_true(calendar_due(calendar, INT64_MAX, HOUR) == INT64_MAX);
	assert_true(calendar_due(calendar, INSTANT_NONE, HOUR) == INSTANT_NONE);
	(void)calendar_elapsed(calendar, INT64_MIN + 1, INT64_MAX / 4);
	assert_true(calendar_elapsed(calendar, INSTANT_NONE, from) == 0);
	/* Long before 1970 weekdays are still right: 1900-01-01 was a Monday. */
	assert_true(calendar_due(calendar, at("1899-12-31T00:00"), MINUTE) == at("1900-01-01T09:01"));
	calendar_free(calendar);
}

/* ---- against every minute ---- */

static uint64_t random_state;

static uint32_t rnd(uint32_t below)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % below);
}

#define DAYS 40          /* that a random calendar says something about */
#define FIRST 20600      /* the first of them */

struct dice {
	struct calendar calendar;
	struct calendar_interval intervals[7 + DAYS][4];
	struct calendar_day days[DAYS];
};

static struct calendar_hours dice_hours(struct calendar_interval *intervals)
{
	size_t count = rnd(4);
	int64_t from = 0;
	size_t used = 0;

	while (used < count && from < DAY / MINUTE - 1) {
		from += rnd(2) ? rnd(600) : 0;
		if (from >= DAY / MINUTE)
			break;
		intervals[used].from = from * MINUTE;
		from += 1 + rnd(rnd(2) ? 60 : 900);
		if (from > intervals[used].from / MINUTE + DAY / MINUTE)
			from = intervals[used].from / MINUTE + DAY / MINUTE;
		intervals[used++].to = from * MINUTE;
	}
	return (struct calendar_hours){ intervals, used };
}

static void dice_throw(struct dice *dice)
{
	size_t open = 0;

	*dice = (struct dice){ .calendar = { .zone_offset_us = (int64_t)rnd(24) * HOUR - 11 * HOUR } };
	for (size_t i = 0; i < 7; i++) {
		dice->calendar.week[i] = dice_hours(dice->intervals[i]);
		open += dice->calendar.week[i].count;
	}
	if (open == 0) {
		dice->intervals[2][0] = (struct calendar_interval){ 0, MINUTE };
		dice->calendar.week[2] = (struct calendar_hours){ dice->intervals[2], 1 };
	}
	for (size_t i = 0; i < DAYS; i++)
		if (rnd(3) == 0)
			dice->days[dice->calendar.day_count++] = (struct calendar_day){
				FIRST + (int64_t)i, rnd(2) ? dice_hours(dice->intervals[7 + i]) : dice->calendar.week[rnd(7)] };
	dice->calendar.days = dice->days;
}

static bool stupid_open(const struct calendar *calendar, instant minute)
{
	int64_t local = minute + calendar->zone_offset_us;

	/* All the instants here lie behind 1970. */
	for (int64_t day = local / DAY - 1; day <= local / DAY; day++) {
		const struct calendar_hours *hours = &calendar->week[(day + 3) % 7];

		for (size_t i = 0; i < calendar->day_count; i++)
			if (calendar->days[i].number == day)
				hours = &calendar->days[i].hours;
		for (size_t i = 0; i < hours->count; i++)
			if (local >= day * DAY + hours->items[i].from && local < day * DAY + hours->items[i].to)
				return true;
	}
	return false;
}

static void test_every_minute(void **state)
{
	const char *seed = getenv("AFTERCARE_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("AFTERCARE_SEED=%llu\n", (unsigned long long)random_state);
	for (int round = 0; round < 400; round++) {
		struct dice dice;
		instant from, at_minute;
		int64_t want = rnd(3000), passed = 0;

		dice_throw(&dice);
		from = FIRST * DAY + (instant)rnd(DAYS * 1440) * MINUTE;
		for (at_minute = from; passed < want; at_minute += MINUTE)
			passed += stupid_open(&dice.calendar, at_minute);
		if (calendar_due(&dice.calendar, from, want * MINUTE) != at_minute)
			fail_msg("round %d: due is not what the minutes say", round);
		if (calendar_elapsed(&dice.calendar, from, at_minute) != want * MINUTE)
			fail_msg("round %d: open time is not what the minutes say", round);
		/* Whatever is behind due until the next opening is closed. */
		if (want > 0 && !stupid_open(&dice.calendar, at_minute) &&
		    calendar_elapsed(&dice.calendar, from, at_minute + MINUTE) != want * MINUTE)
			fail_msg("round %d: a closed minute counts", round);
		/* In two steps as in one, also in the middle of a minute. */
		if (calendar_due(&dice.calendar, calendar_due(&dice.calendar, from, want * 7), want * MINUTE) !=
		    calendar_due(&dice.calendar, from, want * MINUTE + want * 7) && want > 0)
			fail_msg("round %d: two steps lead elsewhere than one", round);
	}
}

/* ---- documents ---- */

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{}", "c.json: \"calendar\" is missing" },
		{ "{\"calendar\": \"24x7\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"18:00\"]]}}", "c.json: /calendar: \"24x7\" is built in" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {}}", "c.json: /week: no day of the week is ever open" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"sat\": []}, \"days\": {\"2026-10-10\": [[\"09:00\", \"18:00\"]]}}",
		  "c.json: /week: no day of the week is ever open" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"25:00\"]]}}",
		  "c.json: /week/mon/0/1: \"25:00\" is no time of day" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"9:00\", \"18:00\"]]}}", "c.json: /week/mon/0/0: \"9:00\" is no" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"09:00\"]]}}", "c.json: /week/mon/0: hours that end as" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\"]]}}", "c.json: /week/mon/0: hours are written" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"12:00\"], [\"11:00\", \"13:00\"]]}}",
		  "c.json: /week/mon: hours that overlap" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mo\": [[\"09:00\", \"12:00\"]]}}", "c.json: /week/mo: unknown member (did you mean \"mon\"?)" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"zone\": \"Europe/Rome\", \"week\": {\"mon\": [[\"09:00\", \"12:00\"]]}}",
		  "c.json: /zone: \"Europe/Rome\" is no zone" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"12:00\"]]}, \"days\": {\"2026-02-30\": []}}",
		  "c.json: /days/2026-02-30: \"2026-02-30\" is no day" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"12:00\"]]}, \"days\": {\"2026-10-10\": \"monday\"}}",
		  "c.json: /days/2026-10-10: \"monday\" is no day of the week" },
		{ "{\"calendar\": \"c\", \"version\": 1, \"week\": {\"mon\": [[\"09:00\", \"12:00\"]]}, \"days\": {\"2026-10-10\": [], \"2026-10-10\": []}}",
		  "duplicate" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct calendar *calendar = NULL;
		struct fault fault = FAULT_NONE;
		struct buf errors = { 0 };

		assert_int_equal(calendar_compile(str_of(rows[i].text), "c.json", &calendar, &errors, &fault), FATAL);
		assert_null(calendar);
		buf_char(&errors, '\0');
		if (!strstr(errors.p, rows[i].error))
			fail_msg("%s\nsays %snot %s", rows[i].text, errors.p, rows[i].error);
		buf_done(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_every_minute),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
