/* Visits: the days on which they are due (short months, leap days, the end of the warranty), what is missed, moved and dropped,
 * and which visit somebody speaks of. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/survey/survey_visit.h"

#define ZONE (8 * HOUR)
#define S(text) ((struct str){ text, sizeof(text) - 1 })
#define EVERY STR("every-two")

static instant day(const char *text)
{
	instant at = INSTANT_NONE;

	if (text)
		assert_true(instant_parse_date(str_of(text), ZONE, &at));
	return at;
}

static struct visit_terms terms(const char *accepted, const char *until)
{
	return (struct visit_terms){ .every = { .months = 2 }, .accepted = day(accepted), .until = day(until),
				     .effective_from = day("2000-01-01"), .zone_offset_us = ZONE, .wanted = true };
}

static void step_is(const struct visit_terms *of, const struct visit *rows, const char *now, enum visit_step step, const char *from,
		    const char *due)
{
	instant got_from = INSTANT_NONE, got_due = INSTANT_NONE;

	assert_int_equal(visit_next(of, rows, EVERY, day(now), &got_from, &got_due), step);
	if (from)
		assert_int_equal(got_from, day(from));
	if (due)
		assert_int_equal(got_due, day(due));
}

/* What becomes of a series in which nothing is ever done, looked at on one day: the days of all its visits. */
static void all_are(const struct visit_terms *of, const char *now, const char *const *expected)
{
	struct visit rows[32] = { 0 };
	size_t count = 0;

	for (int i = 0; i < 64; i++) {
		struct visit *open = visit_open_one(rows[0].number ? rows : NULL, EVERY);
		instant from, due;
		enum visit_step step = visit_next(of, rows[0].number ? rows : NULL, EVERY, day(now), &from, &due);

		if (step == VISIT_STEP_NONE)
			break;
		if (step == VISIT_STEP_MISS) {
			open->state = VISIT_MISSED;
			continue;
		}
		assert_int_equal(step, VISIT_STEP_OPEN);
		assert_non_null(expected[count]);
		assert_int_equal(due, day(expected[count]));
		rows[count] = (struct visit){ .programme = EVERY, .number = (int32_t)count + 1, .state = VISIT_DUE, .due = due,
					      .from = from, .done_on = INSTANT_NONE };
		if (count)
			rows[count - 1].next = &rows[count];
		count++;
	}
	assert_null(expected[count]);
}

static void days(void **state)
{
	static const struct {
		const char *accepted, *until, *now;
		const char *expected[9];
	} rows[] = {
		/* The clause's own example. */
		{ "2026-01-10", "2027-01-09", "2026-01-10", { "2026-03-10" } },
		{ "2026-01-10", "2027-01-09", "2026-03-10", { "2026-03-10" } },
		{ "2026-01-10", "2027-01-09", "2026-03-11", { "2026-03-10", "2026-05-10" } },
		/* All of them missed; none behind the last day, one on it. */
		{ "2026-01-10", "2027-01-09", "2027-01-09", { "2026-03-10", "2026-05-10", "2026-07-10", "2026-09-10", "2026-11-10" } },
		{ "2026-01-10", "2027-01-10", "2027-01-10",
		  { "2026-03-10", "2026-05-10", "2026-07-10", "2026-09-10", "2026-11-10", "2027-01-10" } },
		/* The 31st comes back after a short month; leap years. */
		{ "2025-12-31", NULL, "2026-07-01", { "2026-02-28", "2026-04-30", "2026-06-30", "2026-08-31" } },
		{ "2027-12-31", NULL, "2028-03-01", { "2028-02-29", "2028-04-30" } },
		{ "2028-02-29", NULL, "2028-02-29", { "2028-04-29" } },
		/* Over before we heard of it; not accepted. */
		{ "2024-01-10", "2025-01-10", "2026-11-23", { NULL } },
		{ "2024-01-10", "2025-01-10", "2025-01-11", { NULL } },
		{ NULL, "2027-01-10", "2026-11-23", { NULL } },
		/* Accepted, as it says, next month. */
		{ "2026-12-10", "2027-12-10", "2026-11-23", { "2027-02-10" } },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct visit_terms of = terms(rows[i].accepted, rows[i].until);

		all_are(&of, rows[i].now, rows[i].expected);
	}
}

static void other_intervals_and_versions(void **state)
{
	static const char *const from_version[] = { "2026-09-10", "2026-11-10", "2027-01-10", NULL };
	static const char *const fortnight[] = { "2026-01-24", "2026-02-07", NULL };
	struct visit_terms of = terms("2026-01-10", NULL);

	(void)state;
	/* What was due before the version was in force is not asked for. */
	of.effective_from = day("2026-07-11");
	all_are(&of, "2026-11-23", from_version);
	of.effective_from = day("2000-01-01");
	of.every = (struct duration){ .us = 14 * DAY };
	all_are(&of, "2026-01-25", fortnight);
}

static void from_visit_to_visit(void **state)
{
	struct visit_terms of = terms("2026-01-10", "2027-01-10");
	struct visit second = { .programme = EVERY, .number = 2, .state = VISIT_DUE, .due = day("2026-05-10"), .done_on = INSTANT_NONE };
	struct visit first = { .programme = EVERY, .number = 1, .state = VISIT_DONE, .due = day("2026-03-10"),
			       .done_on = day("2026-02-20"), .next = &second };

	(void)state;
	/* Two months after the visit, not after the day it was due; what is open moves. */
	step_is(&of, &first, "2026-02-21", VISIT_STEP_MOVE, "2026-02-20", "2026-04-20");
	second.due = day("2026-04-20");
	step_is(&of, &first, "2026-04-20", VISIT_STEP_NONE, NULL, NULL);
	step_is(&of, &first, "2026-04-21", VISIT_STEP_MISS, NULL, NULL);
	second.state = VISIT_MISSED;
	step_is(&of, &first, "2026-04-21", VISIT_STEP_OPEN, "2026-04-20", "2026-06-20");
	/* Word comes late that it was made in time, and that an earlier one was made after it. */
	second.state = VISIT_DONE;
	second.done_on = day("2026-04-19");
	step_is(&of, &first, "2026-04-21", VISIT_STEP_OPEN, "2026-04-19", "2026-06-19");
	first.done_on = day("2026-04-21");
	step_is(&of, &first, "2026-04-21", VISIT_STEP_OPEN, "2026-04-21", "2026-06-21");
	/* The last one of the warranty. */
	second.done_on = day("2026-11-11");
	step_is(&of, &first, "2026-11-12", VISIT_STEP_NONE, NULL, NULL);
	second.done_on = day("2026-11-10");
	step_is(&of, &first, "2026-11-12", VISIT_STEP_OPEN, NULL, "2027-01-10");
	/* Another programme's visits say nothing. */
	second.programme = STR("another");
	step_is(&of, &first, "2026-04-22", VISIT_STEP_OPEN, "2026-04-21", "2026-06-21");
}

static void what_changes(void **state)
{
	struct visit_terms of = terms("2026-01-10", "2027-01-10");
	struct visit open = { .programme = EVERY, .number = 1, .state = VISIT_DUE, .due = day("2026-03-10"), .done_on = INSTANT_NONE };

	(void)state;
	step_is(&of, &open, "2026-01-11", VISIT_STEP_NONE, NULL, NULL);
	of.accepted = day("2026-01-20");
	step_is(&of, &open, "2026-01-21", VISIT_STEP_MOVE, "2026-01-20", "2026-03-20");
	of.until = day("2026-03-01");
	step_is(&of, &open, "2026-01-21", VISIT_STEP_DROP, NULL, NULL);
	of.until = day("2027-01-10");
	of.wanted = false;
	step_is(&of, &open, "2026-01-21", VISIT_STEP_DROP, NULL, NULL);
	open.state = VISIT_DROPPED;
	step_is(&of, &open, "2026-01-21", VISIT_STEP_NONE, NULL, NULL);
	/* The warranty is prolonged: it goes on. */
	of.wanted = true;
	step_is(&of, &open, "2026-01-21", VISIT_STEP_OPEN, "2026-01-20", "2026-03-20");
	/* A warranty that ended with a visit open: that one is missed, and it was the last. */
	open.state = VISIT_DUE;
	of = terms("2026-01-10", "2026-03-10");
	step_is(&of, &open, "2026-09-01", VISIT_STEP_MISS, NULL, NULL);
	open.state = VISIT_MISSED;
	step_is(&of, &open, "2026-09-01", VISIT_STEP_NONE, NULL, NULL);
}

static void words(void **state)
{
	enum { FIRST = 1, OPEN = 2, NONE = 0 };
	static const struct {
		const char *visit, *day;
		bool dated, record;
		int which;
		enum visit_meaning meaning;
	} rows[] = {
		{ "I-1.v2", "2026-04-02", false, false, OPEN, VISIT_MEANS_DONE },
		{ "I-1.v1", "2026-04-02", false, false, FIRST, VISIT_MEANS_AGAIN },
		{ "I-1.v1", "2026-04-02", false, true, FIRST, VISIT_MEANS_AGAIN },
		{ "V-310", "2026-04-02", true, false, FIRST, VISIT_MEANS_AGAIN },
		{ "V-311", "2026-04-02", true, false, OPEN, VISIT_MEANS_DONE },
		{ NULL, "2026-04-02", false, false, OPEN, VISIT_MEANS_DONE },
		{ NULL, "2026-02-20", true, false, FIRST, VISIT_MEANS_AGAIN },
		{ NULL, "2026-02-20", false, true, FIRST, VISIT_MEANS_AGAIN },
		/* The record, filed later; one that names a later day is another visit's. */
		{ NULL, "2026-03-01", false, true, FIRST, VISIT_MEANS_AGAIN },
		{ NULL, "2026-03-01", true, true, OPEN, VISIT_MEANS_DONE },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct visit open = { .id = S("I-1.v2"), .programme = EVERY, .number = 2, .state = VISIT_DUE, .due = day("2026-04-20"),
				      .done_on = INSTANT_NONE };
		struct visit first = { .id = S("I-1.v1"), .programme = EVERY, .number = 1, .state = VISIT_DONE, .named = S("V-310"),
				       .due = day("2026-03-10"), .done_on = day("2026-02-20"), .next = &open };
		struct visit_word word = { str_of(rows[i].visit), day(rows[i].day), rows[i].dated, rows[i].record };
		struct visit *got = NULL;

		assert_int_equal(visit_understand(&word, &first, EVERY, &got), rows[i].meaning);
		assert_ptr_equal(got, rows[i].which == FIRST ? &first : &open);
		visit_tell(got, &word, rows[i].meaning);
		assert_int_equal(got->state, VISIT_DONE);
		assert_int_equal(got->done_on, rows[i].which == FIRST ? day("2026-02-20") : word.day);
		assert_true(got->recorded == rows[i].record);
		/* Said once more, it means nothing new; but a second record without name and day is another visit's. */
		if (word.visit.p || word.dated || word.day <= got->done_on)
			assert_int_equal(visit_understand(&word, &first, EVERY, &got), VISIT_MEANS_AGAIN);
		assert_int_equal(visit_understand(&word, &first, STR("another"), &got), VISIT_MEANS_NOTHING);
	}
}

static void the_record_of_the_last_visit_is_told_once(void **state)
{
	struct visit open = { .id = S("I-1.v2"), .programme = EVERY, .number = 2, .state = VISIT_DUE, .due = day("2026-04-20"),
			      .done_on = INSTANT_NONE };
	struct visit first = { .id = S("I-1.v1"), .programme = EVERY, .number = 1, .state = VISIT_DONE, .recorded = true,
			       .due = day("2026-03-10"), .done_on = day("2026-02-20"), .next = &open };
	struct visit missed = { .id = S("I-1.v1"), .programme = EVERY, .number = 1, .state = VISIT_MISSED, .due = day("2026-03-10"),
				.done_on = INSTANT_NONE, .next = &open };
	struct visit_word record = { .day = day("2026-04-02"), .record = true };
	struct visit_word late = { .visit = S("I-1.v1"), .day = day("2026-03-09"), .dated = true };
	struct visit *got = NULL;

	(void)state;
	assert_int_equal(visit_understand(&record, &first, EVERY, &got), VISIT_MEANS_DONE);
	assert_ptr_equal(got, &open);
	/* A visit that was missed may have been made all the same. */
	assert_int_equal(visit_understand(&late, &missed, EVERY, &got), VISIT_MEANS_DONE);
	assert_ptr_equal(got, &missed);
	assert_int_equal(visit_state_of(visit_state_text(VISIT_DROPPED)), VISIT_DROPPED);
	assert_int_equal(visit_state_of(STR("gone")), VISIT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days),
		cmocka_unit_test(other_intervals_and_versions),
		cmocka_unit_test(from_visit_to_visit),
		cmocka_unit_test(what_changes),
		cmocka_unit_test(words),
		cmocka_unit_test(the_record_of_the_last_visit_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
