/* Return visits within the warranty, C150 of R26: due two months after the acceptance and after each visit recorded, none behind
 * the warranty's end, a miss is told.
 *
 * Installations accepted in the past make days that are over without waiting for them. */
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "tests/support/scene.h"

#define ZONE (8 * HOUR)
#define LANES 12

/* Today in Shanghai, so many months and days away. */
static const char *day(struct desk *desk, int months, int days)
{
	char text[DATE_TEXT];
	instant at = instant_add(instant_day(desk_now(), ZONE), (struct duration){ .months = months }, ZONE) + days * DAY;

	(void)instant_format_date(at, ZONE, text);
	return desk_text(desk, "%s", text);
}

/* So many months after a day. */
static const char *after(struct desk *desk, const char *from, int months)
{
	char text[DATE_TEXT];
	instant at;

	assert_true(instant_parse_date(str_of(from), ZONE, &at));
	(void)instant_format_date(instant_add(at, (struct duration){ .months = months }, ZONE), ZONE, text);
	return desk_text(desk, "%s", text);
}

/* Sends what the directory has of an installation; `more` may be NULL. */
static void upsert(struct desk *desk, const char *id, const char *accepted_on, const char *more)
{
	struct claim claim = { .name = "installation.upserted", .key = desk_text(desk, "installation:%s", id) };

	claim.data = desk_text(desk, "{'id': '%s', 'customer': 'C-%s', 'product': 'AX-300', 'sold_by': 'self', 'accepted_on': '%s'%s%s}",
			       id, id, accepted_on, more ? ", " : "", more ? more : "");
	desk_send(desk, &claim);
}

static const char *installation(struct desk *desk, const char *accepted_on, const char *more)
{
	const char *id = desk_unique(desk, "I");

	upsert(desk, id, accepted_on, more);
	return id;
}

static bool is_of(const struct record *record, const char *name, const char *id)
{
	return record->topic == DESK_DESK && !record->repeat && strcmp(record->name, name) == 0 &&
	       strcmp(record_text(record, "installation"), id) == 0;
}

/* The nth (from 1) fact about an installation; NULL. */
static const struct record *find(struct desk *desk, const char *name, const char *id, size_t nth)
{
	size_t count;
	struct record *const *records = desk_records(desk, &count);

	for (size_t i = 0; i < count; i++)
		if (is_of(records[i], name, id) && --nth == 0)
			return records[i];
	return NULL;
}

static size_t count_of(struct desk *desk, const char *name, const char *id)
{
	size_t count = 0;

	while (find(desk, name, id, count + 1))
		count++;
	return count;
}

struct wanted {
	const char *name, *id;
	size_t nth;
};

static bool is_there(struct desk *desk, void *userdata)
{
	const struct wanted *wanted = userdata;

	return find(desk, wanted->name, wanted->id, wanted->nth) != NULL;
}

static const struct record *expect(struct desk *desk, const char *name, const char *id, size_t nth)
{
	struct wanted wanted = { name, id, nth };

	if (!desk_until(desk, is_there, &wanted))
		desk_fail(desk, NULL, "%s number %zu of %s has not come", name, nth, id);
	return find(desk, name, id, nth);
}

static const struct record *due_is(struct desk *desk, const char *id, size_t nth, const char *due)
{
	const struct record *record = expect(desk, "visit.due", id, nth);

	scene_text_is(desk, record, "due_at", due);
	return record;
}

/* Each lane looks at its installations in the order in which they changed: when this one has been looked at, so has `id`. */
static void looked_at(struct desk *desk, const char *id)
{
	const char *other;

	do
		other = desk_unique(desk, "I");
	while (hash_partition(str_of(other), LANES) != hash_partition(str_of(id), LANES));
	upsert(desk, other, day(desk, 0, 0), NULL);
	(void)expect(desk, "visit.due", other, 1);
}

/* visit.done, visit.recorded, visit.planned by the cast's engineer; `more` names the visit or the installation. */
static const struct sent *say(struct desk *desk, const char *claim, const char *more)
{
	return desk_send(desk, &(struct claim){
		.name = claim, .key = desk_unique(desk, "visit"),
		.data = desk_text(desk, "{'by': {'id': '%s'}, %s}", scene_cast(desk)->engineer, more),
	});
}

static void c150_due_two_months_after_acceptance_then_after_each_visit(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, 0, -10), *id = installation(desk, accepted, NULL), *visit, *second;
	const struct record *due = due_is(desk, id, 1, after(desk, accepted, 2)), *done;

	scene_text_is(desk, due, "window.from", accepted);
	scene_text_is(desk, due, "window.to", after(desk, accepted, 2));
	scene_text_is(desk, due, "to.role", "manager");
	scene_text_is(desk, due, "programme", "warranty-visit");
	scene_text_is(desk, due, "policy.id", "site24h-fix48h-spare72h");
	visit = record_text(due, "visit");
	assert_string_equal(due->key, visit);
	/* The manager arranges a day, the visit is made, its record follows. */
	say(desk, "visit.planned", desk_text(desk, "'visit': '%s', 'on': '%s'", visit, day(desk, 0, 3)));
	say(desk, "visit.done", desk_text(desk, "'visit': '%s', 'on': '%s', 'text': 'all is well'", visit, day(desk, 0, -1)));
	done = expect(desk, "visit.completed", id, 1);
	scene_text_is(desk, done, "visit", visit);
	scene_text_is(desk, done, "done_on", day(desk, 0, -1));
	scene_text_is(desk, done, "text", "all is well");
	assert_true(json_is_false(record_get(done, "late")));
	second = record_text(due_is(desk, id, 2, after(desk, day(desk, 0, -1), 2)), "visit");
	assert_string_not_equal(second, visit);
	say(desk, "visit.recorded", desk_text(desk, "'visit': '%s', 'findings': ['none']", visit));
	say(desk, "visit.done", desk_text(desk, "'visit': '%s'", visit));
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.completed", id), 1);
	assert_int_equal(count_of(desk, "visit.due", id), 2);
	assert_int_equal(count_of(desk, "visit.missed", id), 0);
}

static void c150_a_visit_named_by_its_installation_is_the_open_one(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, 0, -40), *id = installation(desk, accepted, NULL), *own = desk_unique(desk, "V");

	(void)due_is(desk, id, 1, after(desk, accepted, 2));
	say(desk, "visit.done", desk_text(desk, "'installation': '%s', 'on': '%s'", id, day(desk, 0, -20)));
	scene_text_is(desk, expect(desk, "visit.completed", id, 1), "visit", record_text(find(desk, "visit.due", id, 1), "visit"));
	(void)due_is(desk, id, 2, after(desk, day(desk, 0, -20), 2));
	/* Its record names nothing either; the next visit has a name of the visitors'. */
	say(desk, "visit.recorded", desk_text(desk, "'installation': '%s'", id));
	say(desk, "visit.done", desk_text(desk, "'visit': '%s', 'installation': '%s'", own, id));
	scene_text_is(desk, expect(desk, "visit.completed", id, 2), "named", own);
	(void)due_is(desk, id, 3, after(desk, day(desk, 0, 0), 2));
	say(desk, "visit.recorded", desk_text(desk, "'visit': '%s', 'installation': '%s'", own, id));
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.completed", id), 2);
	assert_int_equal(count_of(desk, "visit.due", id), 3);
}

static void c150_a_miss_is_told_once_and_is_a_task_for_the_manager(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, -5, -3), *id = installation(desk, accepted, NULL);
	const struct record *missed, *task;

	(void)due_is(desk, id, 3, after(desk, accepted, 6));
	(void)due_is(desk, id, 1, after(desk, accepted, 2));
	(void)due_is(desk, id, 2, after(desk, accepted, 4));
	missed = expect(desk, "visit.missed", id, 1);
	scene_text_is(desk, missed, "due_at", after(desk, accepted, 2));
	scene_text_is(desk, missed, "visit", record_text(find(desk, "visit.due", id, 1), "visit"));
	scene_text_is(desk, expect(desk, "visit.missed", id, 2), "due_at", after(desk, accepted, 4));
	task = desk_expect_thing(desk, DESK_DESK, "task.opened", "thing", record_text(missed, "visit"));
	scene_text_is(desk, task, "for", "manager");
	scene_text_is(desk, task, "what", "visit-missed");
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.missed", id), 2);
	assert_int_equal(count_of(desk, "task.opened", id), 2);
	assert_int_equal(count_of(desk, "visit.due", id), 3);
}

static void c150_the_day_itself_is_in_time(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, -2, 0), *id, *due = after(desk, accepted, 2);

	/* After a short month there is no day of which today is two months later. */
	if (strcmp(due, day(desk, 0, 0)) != 0)
		skip();
	id = installation(desk, accepted, NULL);
	(void)due_is(desk, id, 1, due);
	looked_at(desk, id);
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.missed", id), 0);
}

static void c150_none_behind_the_end_of_the_warranty(void **state)
{
	struct desk *desk = *state;
	const char *over = installation(desk, day(desk, -13, 0), NULL);
	const char *longer = installation(desk, day(desk, -13, 0), "'manufacturer_months': 24");
	const char *last = installation(desk, day(desk, -11, 0), NULL);

	looked_at(desk, over);
	assert_int_equal(count_of(desk, "visit.due", over), 0);
	/* The manufacturer's term is the longer one. */
	(void)due_is(desk, longer, 7, after(desk, day(desk, -13, 0), 14));
	/* Visited in the last two months of it: the next one would be behind the end. */
	(void)expect(desk, "visit.due", last, 6);
	say(desk, "visit.recorded", desk_text(desk, "'installation': '%s', 'on': '%s'", last, day(desk, 0, -2)));
	(void)expect(desk, "visit.completed", last, 1);
	looked_at(desk, last);
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.due", last), 6);
	assert_int_equal(count_of(desk, "visit.missed", last), 5);
	assert_int_equal(count_of(desk, "visit.due", over), 0);
}

static void c150_late_word_of_a_visit_made_in_time_counts(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, -2, -10), *id = installation(desk, accepted, NULL), *made = day(desk, 0, -12);
	const struct record *missed = expect(desk, "visit.missed", id, 1), *done;
	const char *next = record_text(due_is(desk, id, 2, after(desk, accepted, 4)), "visit");

	say(desk, "visit.done", desk_text(desk, "'visit': '%s', 'on': '%s'", record_text(missed, "visit"), made));
	done = expect(desk, "visit.completed", id, 1);
	scene_text_is(desk, done, "visit", record_text(missed, "visit"));
	assert_true(json_is_false(record_get(done, "late")));
	/* The one that is open is due two months after that visit, under its own name. */
	scene_text_is(desk, due_is(desk, id, 3, after(desk, made, 2)), "visit", next);
}

static void c150_a_visit_nobody_asked_for(void **state)
{
	struct desk *desk = *state;
	const char *unknown = desk_unique(desk, "V"), *customer = desk_unique(desk, "C");
	const struct record *done;

	desk_expect_dead(desk, say(desk, "visit.done", desk_text(desk, "'visit': '%s'", unknown)), "illegal_transition");
	say(desk, "visit.done", desk_text(desk, "'visit': '%s', 'customer': '%s'", unknown, customer));
	done = desk_expect_thing(desk, DESK_DESK, "visit.completed", "visit", unknown);
	scene_text_is(desk, done, "customer", customer);
	assert_null(record_get(done, "programme"));
}

static void c150_what_the_directory_corrects_moves_and_ends_visits(void **state)
{
	struct desk *desk = *state;
	const char *id = installation(desk, day(desk, 0, -10), NULL), *first;

	first = record_text(due_is(desk, id, 1, after(desk, day(desk, 0, -10), 2)), "visit");
	upsert(desk, id, day(desk, 0, -5), NULL);
	scene_text_is(desk, due_is(desk, id, 2, after(desk, day(desk, 0, -5), 2)), "visit", first);
	/* The same once more changes nothing. */
	upsert(desk, id, day(desk, 0, -5), "'version': '5.0'");
	looked_at(desk, id);
	desk_send(desk, &(struct claim){ .name = "installation.upserted", .key = desk_text(desk, "installation:%s", id), .data = "" });
	assert_null(json_string_value(record_get(expect(desk, "visit.due", id, 3), "due_at")));
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.due", id), 3);
	assert_int_equal(count_of(desk, "visit.missed", id), 0);
}

static bool survey_is_ready(struct desk *desk, void *unused)
{
	(void)unused;
	return stack_is(desk_stack(desk), "survey", "ready");
}

/* In the middle of what was sent so far. */
static void kill_survey(struct desk *desk)
{
	desk_flush(desk);
	if (!desk_until(desk, survey_is_ready, NULL))
		desk_fail(desk, NULL, "survey does not come back");
	assert_true(stack_do(desk_stack(desk), "kill", "survey"));
}

#define MANY 300
static void c150_a_daemon_that_dies_loses_and_doubles_nothing(void **state)
{
	struct desk *desk = *state;
	const char *accepted = day(desk, -3, 0), *ids[MANY];

	scene_needs_stack(desk);
	for (size_t i = 0; i < MANY; i++) {
		ids[i] = installation(desk, accepted, NULL);
		if (i % 100 == 50)
			kill_survey(desk);
	}
	for (size_t i = 0; i < MANY; i++) {
		(void)due_is(desk, ids[i], 2, after(desk, accepted, 4));
		say(desk, "visit.done", desk_text(desk, "'installation': '%s'", ids[i]));
		if (i % 100 == 20)
			kill_survey(desk);
	}
	for (size_t i = 0; i < MANY; i++)
		(void)due_is(desk, ids[i], 3, after(desk, day(desk, 0, 0), 2));
	desk_settle(desk);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(count_of(desk, "visit.due", ids[i]), 3);
		assert_int_equal(count_of(desk, "visit.missed", ids[i]), 1);
		assert_int_equal(count_of(desk, "visit.completed", ids[i]), 1);
		assert_int_equal(count_of(desk, "task.opened", ids[i]), 1);
	}
}

/* For survey alone another time of day begins now; INSTANT_NONE: the real one again. */
static void clock_of_survey(struct desk *desk, instant shows)
{
	const struct stack *stack = desk_stack(desk);
	char path[800], real[INSTANT_TEXT], simulated[INSTANT_TEXT], line[256], kept[8192] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf/survey.conf", stack->dir);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "simulated_clock", 15) != 0)
			strncat(kept, line, sizeof(kept) - strlen(kept) - 1);
	fclose(file);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(kept, file);
	(void)instant_format(desk_now(), real);
	if (shows != INSTANT_NONE) {
		(void)instant_format(shows, simulated);
		fprintf(file, "simulated_clock = %s %s 1\n", real, simulated);
	}
	assert_int_equal(fclose(file), 0);
	assert_true(stack_do(stack, "restart", "survey"));
}

static void c150_a_visit_is_missed_when_its_last_day_is_over(void **state)
{
	struct desk *desk = *state;
	const char *id, *accepted = day(desk, 0, 0), *due = after(desk, accepted, 2);
	const struct record *missed;
	instant last;

	scene_needs_stack(desk);
	id = installation(desk, accepted, NULL);
	(void)due_is(desk, id, 1, due);
	assert_true(instant_parse_date(str_of(due), ZONE, &last));
	clock_of_survey(desk, last + DAY - 3 * SECOND);
	missed = expect(desk, "visit.missed", id, 1);
	scene_text_is(desk, missed, "due_at", due);
	assert_true(record_time(missed, "at") >= last + DAY);
	(void)due_is(desk, id, 2, after(desk, accepted, 4));
	clock_of_survey(desk, INSTANT_NONE);
	looked_at(desk, id);
	desk_settle(desk);
	assert_int_equal(count_of(desk, "visit.missed", id), 1);
	assert_int_equal(count_of(desk, "visit.due", id), 2);
}

/* Visits follow from the topics alone (aftercarectl rebuild), also those of daemons that were killed. */
static void c150_visits_are_what_the_topics_say(void **state)
{
	struct desk *desk = *state;
	json_t *verdict;

	scene_needs_stack(desk);
	desk_settle(desk);
	verdict = desk_check_rebuild(desk);
	assert_true(json_integer_value(json_object_get(rebuild_table(verdict, "survey.visit"), "rows")) > 10);
	json_decref(verdict);
}

static int open_scene(void **state)
{
	static const char *const policies[] = { "site24h-fix48h-spare72h", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c150_due_two_months_after_acceptance_then_after_each_visit),
		SCENARIO(c150_a_visit_named_by_its_installation_is_the_open_one),
		SCENARIO(c150_a_miss_is_told_once_and_is_a_task_for_the_manager),
		SCENARIO(c150_the_day_itself_is_in_time),
		SCENARIO(c150_none_behind_the_end_of_the_warranty),
		SCENARIO(c150_late_word_of_a_visit_made_in_time_counts),
		SCENARIO(c150_a_visit_nobody_asked_for),
		SCENARIO(c150_what_the_directory_corrects_moves_and_ends_visits),
		SCENARIO(c150_a_daemon_that_dies_loses_and_doubles_nothing),
		SCENARIO(c150_a_visit_is_missed_when_its_last_day_is_over),
		SCENARIO(c150_visits_are_what_the_topics_say),
	};

	return cmocka_run_group_tests_name("test_r26_visits", tests, open_scene, scene_close);
}
