/* Random lives of tickets: whatever happens in whatever order, a clock says started once and first, breached at most once,
 * one last thing and nothing after it; and how it ends does not depend on when its timers fire.
 *
 * The seed is printed; AFTERCARE_SEED repeats a run, AFTERCARE_LIVES makes it longer. */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/test_sla_scene.h"

static const struct policy *const policies[] = { &graded, &other, &contact, &reopen, &warned, &promise, &moved, &renewed, &paused };
#define WITHOUT_PAUSE (array_count(policies) - 1)
#define STEPS 50
#define CLOCKS 256

static uint64_t random_state;

static uint32_t rnd(uint32_t below)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % below);
}

/* ---- a life: steps made once, played as often as wanted ---- */

struct life {
	struct step steps[STEPS];
	char texts[STEPS][96];
	size_t count;
	const struct policy *a, *b;
};

static const char *pick(const char *const *list, size_t count)
{
	return list[rnd((uint32_t)count)];
}
#define PICK(...) pick((const char *const[]){ __VA_ARGS__ }, array_count(((const char *const[]){ __VA_ARGS__ })))

/* The name of a fact; its data and the state behind it in `text`. */
static const char *next_fact(char text[static 96], bool *open, double at)
{
	int64_t until = (T0 / SECOND) + (int64_t)at + rnd(20 * H);
	char iso[INSTANT_TEXT];

	text[0] = 0;
	if (!*open) {
		*open = rnd(3) == 0;
		snprintf(text, 96, "%s", *open ? "state=in_progress" : "");
		return *open ? "reopened" : "annotated";
	}
	switch (rnd(16)) {
	case 0:
	case 1:
		snprintf(text, 96, "severity=%s", PICK("urgent", "general", "major", "minor"));
		return "classified";
	case 2:
	case 3:
		snprintf(text, 96, "to=%s state=assigned", PICK("E1", "E2", "E3"));
		return "assigned";
	case 4:
		snprintf(text, 96, "%s", rnd(2) ? "auto=1" : "");
		return "replied";
	case 5:
		snprintf(text, 96, "until=%.*s", STR_ARG(instant_format(until * SECOND, iso)));
		return "promised";
	case 6:
		snprintf(text, 96, "state=waiting_customer");
		return "waiting";
	case 7:
		snprintf(text, 96, "state=in_progress");
		return PICK("resumed", "reopened", "worked");
	case 8:
		snprintf(text, 96, "state=resolved_unconfirmed");
		return "resolved";
	case 9:
		*open = rnd(3) > 0;
		snprintf(text, 96, "%s", *open ? "" : PICK("state=closed", "state=cancelled", "state=rejected"));
		return *open ? "proposed" : "closed";
	case 10:
		snprintf(text, 96, "grade=%s", PICK("good", "bad"));
		return "answered";
	default:
		return PICK("contacted", "scheduled", "arrived", "confirmed", "solution_sent", "messaged", "replied");
	}
}

static void make_life(struct life *life, size_t policy_count, bool late_claims)
{
	double now = 0;
	bool open = true;

	life->a = policies[rnd((uint32_t)policy_count)];
	life->b = rnd(2) ? policies[rnd((uint32_t)policy_count)] : NULL;
	if (life->b == life->a)
		life->b = NULL;
	life->count = 2 + rnd(STEPS - 2);
	for (size_t i = 0; i < life->count; i++) {
		struct step *step = &life->steps[i];
		double back = late_claims && rnd(3) == 0 ? rnd(4 * H) : 0;

		now += rnd(4) ? rnd(3 * H) : 0;
		*step = (struct step){ .fact = "registered", .now = now + TICK, .say = life->texts[i], .want = "" };
		step->at = now > back ? now - back : now;
		if (i == 0)
			snprintf(life->texts[0], 96, "kind=%s%s", PICK("fault", "consultation"), PICK("", " severity=urgent",
				 " severity=general"));
		else
			step->fact = next_fact(life->texts[i], &open, step->at);
		if (i == 0)
			step->at = 0;
	}
}

/* ---- what is said is held against the rules ---- */

struct record {
	int started, breached, ended, warned;
	bool paused;
	instant met_at;
	int64_t late_us;          /* of met; -1 in time */
	enum sla_fact_type last;
};

static void check_fact(struct record *record, const struct sla_fact *fact, const struct sla_clock *clock)
{
	assert_int_equal(record->ended, 0);
	assert_int_equal(record->started, fact->type != SLA_FACT_STARTED);
	switch (fact->type) {
	case SLA_FACT_STARTED:
		record->started++;
		break;
	case SLA_FACT_PAUSED:
		assert_false(record->paused || record->breached);
		record->paused = true;
		break;
	case SLA_FACT_RESUMED:
		assert_true(record->paused);
		record->paused = false;
		break;
	case SLA_FACT_RESCHEDULED:
		assert_true(fact->was != fact->due_at);
		break;
	case SLA_FACT_WARNED:
		assert_int_equal(record->breached, 0);
		assert_true(fact->at <= fact->due_at);
		assert_true(++record->warned <= 2);
		break;
	case SLA_FACT_BREACHED:
		assert_int_equal(record->breached++, 0);
		assert_true(fact->at > fact->due_at);
		break;
	case SLA_FACT_MET:
		assert_int_equal(record->breached, fact->late_us >= 0);
		assert_true(record->breached ? fact->met_at > fact->due_at : fact->met_at <= fact->due_at);
		if (record->breached)
			assert_int_equal(fact->late_us, fact->met_at - fact->due_at);
		assert_true(fact->open_us >= 0);
		record->ended++;
		break;
	case SLA_FACT_CORRECTED:
		assert_int_equal(record->breached, 1);
		assert_true(fact->met_at <= fact->due_at);
		record->ended++;
		break;
	case SLA_FACT_CANCELLED:
		assert_true(clock->why.n > 0);
		record->ended++;
		break;
	}
	record->last = fact->type;
	record->met_at = fact->met_at;
	record->late_us = fact->late_us;
}

static void check_case(const struct scene *scene, const struct record *records)
{
	for (size_t i = 0; i < scene->c.clock_count; i++) {
		const struct sla_clock *one = &scene->c.clocks[i];

		assert_int_equal(records[i].started, 1);
		assert_int_equal(records[i].ended, !sla_is_active(one->state));
		assert_true(!sla_is_active(one->state) || state_is_open(scene->ticket.state));
		assert_int_equal(one->state == SLA_PAUSED, records[i].paused && sla_is_active(one->state));
		for (size_t k = 0; k < i; k++) {
			const struct sla_clock *two = &scene->c.clocks[k];

			assert_false(str_eq(one->id, two->id));
			if (one->policy == two->policy && str_eq(one->name, two->name))
				assert_false(sla_is_active(one->state) && sla_is_active(two->state));
		}
	}
}

static void fire_due(struct scene *scene, instant now)
{
	for (uint32_t i = 0; i < scene->c.clock_count; i++)
		for (int32_t warning = 2; warning-- > -1;) {
			instant due = sla_timer_due(&scene->c, &scene->c.clocks[i], warning);

			/* Now and then one that is not due, or of a clock that has ended. */
			if ((due != INSTANT_NONE && due <= now) || rnd(20) == 0)
				sla_fire(&scene->c, i, warning, now);
		}
}

enum firing { NEVER, AT_ONCE, SOMETIMES };

static void live(const struct life *life, enum firing firing, struct scene *scene, struct record *records)
{
	size_t said = 0;

	scene_begin(scene, life->a, life->b);
	memset(records, 0, CLOCKS * sizeof(*records));
	for (size_t i = 0; i < life->count; i++) {
		const struct step *step = &life->steps[i];

		if (firing == AT_ONCE || (firing == SOMETIMES && rnd(2)))
			fire_due(scene, moment(step->now));
		do_fact(scene, step);
		if (firing == AT_ONCE || (firing == SOMETIMES && rnd(2)))
			sla_overdue(&scene->c, moment(step->now));
		assert_true(scene->c.clock_count <= CLOCKS);
		for (; said < scene->c.fact_count; said++) {
			const struct sla_fact *fact = &scene->c.facts[said];

			check_fact(&records[fact->clock], fact, &scene->c.clocks[fact->clock]);
		}
		check_case(scene, records);
	}
}

static bool is_terminal(enum sla_fact_type type)
{
	return type == SLA_FACT_MET || type == SLA_FACT_CORRECTED || type == SLA_FACT_CANCELLED;
}

static void check_same_end(const struct record *one, const struct record *two)
{
	assert_int_equal(is_terminal(one->last), is_terminal(two->last));
	if (!is_terminal(one->last))
		return;
	assert_int_equal(one->last == SLA_FACT_CANCELLED, two->last == SLA_FACT_CANCELLED);
	assert_int_equal(one->met_at, two->met_at);
	assert_int_equal(one->late_us, two->late_us);
}

static unsigned lives(void)
{
	const char *given = getenv("AFTERCARE_LIVES");

	return given ? (unsigned)strtoul(given, NULL, 10) : 20000;
}

static void test_what_a_clock_says(void **state)
{
	static struct record records[CLOCKS];

	(void)state;
	for (unsigned i = 0; i < lives(); i++) {
		struct scene scene;
		struct life life;

		make_life(&life, array_count(policies), true);
		live(&life, (enum firing)rnd(3), &scene, records);
		arena_done(&scene.arena);
	}
}

static void test_the_end_is_the_same_whenever_timers_fire(void **state)
{
	static struct record first[CLOCKS], second[CLOCKS];

	(void)state;
	for (unsigned i = 0; i < lives() / 2; i++) {
		struct scene one, two;
		struct life life;

		make_life(&life, WITHOUT_PAUSE, true);
		live(&life, NEVER, &one, first);
		live(&life, i % 2 ? AT_ONCE : SOMETIMES, &two, second);
		assert_int_equal(one.c.clock_count, two.c.clock_count);
		for (size_t k = 0; k < one.c.clock_count; k++) {
			assert_true(str_eq(one.c.clocks[k].id, two.c.clocks[k].id));
			assert_int_equal(one.c.clocks[k].due_at, two.c.clocks[k].due_at);
			check_same_end(&first[k], &second[k]);
		}
		arena_done(&one.arena);
		arena_done(&two.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_clock_says),
		cmocka_unit_test(test_the_end_is_the_same_whenever_timers_fire),
	};
	const char *given = getenv("AFTERCARE_SEED");

	random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("AFTERCARE_SEED=%llu\n", (unsigned long long)random_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
