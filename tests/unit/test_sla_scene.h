/* Policies in C and a ticket to try them on: shared by the tests of sla's decisions.
 *
 * Between any two facts the memory goes through its text form, as it does between two batches. */
#ifndef AFTERCARE_TESTS_UNIT_TEST_SLA_SCENE_H
#define AFTERCARE_TESTS_UNIT_TEST_SLA_SCENE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/sla/sla.h"

#define T0 (INT64_C(1764000000) * SECOND)
#define H 3600
#define TICK 0.000001

/* ---- a policy in C: what the compiler makes of a document ---- */

enum { SEVERITY, KIND, AUTOMATIC, UNTIL, GRADE, RINGS, ATTRIBUTES };

#define TEXT(literal) { .type = VALUE_STRING, .string = { literal, sizeof(literal) - 1 } }
static const struct value urgent[] = { TEXT("urgent") };
static const struct value general[] = { TEXT("general") };
static const struct value minor[] = { TEXT("minor") };
static const struct value consultation[] = { TEXT("consultation") };
static const struct value yes[] = { { .type = VALUE_BOOL, .boolean = true } };
static const struct value good[] = { TEXT("good") };

static const struct match_step is_urgent[] = { { .test = MATCH_EQUAL, .attribute = SEVERITY, .values = urgent, .count = 1 } };
static const struct match_step is_general[] = { { .test = MATCH_EQUAL, .attribute = SEVERITY, .values = general, .count = 1 } };
static const struct match_step is_minor[] = { { .test = MATCH_EQUAL, .attribute = SEVERITY, .values = minor, .count = 1 } };
static const struct match_step is_consultation[] = { { .test = MATCH_EQUAL, .attribute = KIND, .values = consultation, .count = 1 } };
static const struct match_step by_hand[] = {
	{ .test = MATCH_NOT, .span = 1 },
	{ .test = MATCH_EQUAL, .attribute = AUTOMATIC, .values = yes, .count = 1 },
};
static const struct match_step by_hand_too[] = {
	{ .test = MATCH_NOT, .span = 1 },
	{ .test = MATCH_EQUAL, .attribute = AUTOMATIC, .values = yes, .count = 1 },
};
static const struct match_step graded_good[] = { { .test = MATCH_EQUAL, .attribute = GRADE, .values = good, .count = 1 } };

#define MATCH(steps) { (steps), array_count(steps), 0 }
#define FACT(name) { .type = TRIGGER_EVENT, .fact = { name, sizeof(name) - 1 } }
#define FACT_IF(name, steps) { .type = TRIGGER_EVENT, .fact = { name, sizeof(name) - 1 }, .match = MATCH(steps) }
#define ALL(list) { .type = TRIGGER_ALL, .parts = (list), .part_count = array_count(list) }
#define ANY(list) { .type = TRIGGER_ANY, .parts = (list), .part_count = array_count(list) }
#define HOURS(n) { .type = LIMIT_DURATION, .duration = { 0, (n) * HOUR } }
#define NAME(literal) { literal, sizeof(literal) - 1 }

static const struct clock_warning warnings[] = { { .percent = 80 }, { .before = { 0, 10 * MINUTE } } };
static const struct trigger both[] = { FACT("ticket.contacted"), FACT("ticket.scheduled") };
static const struct trigger either[] = { FACT("ticket.solution_sent"), FACT_IF("ticket.answered", graded_good) };

static const struct clock_rule graded_rules[] = {
	{ .name = NAME("response"), .match = MATCH(is_urgent), .start = FACT("ticket.registered"),
	  .stop = FACT_IF("ticket.replied", by_hand), .limit = HOURS(2) },
	{ .name = NAME("response"), .match = MATCH(is_general), .start = FACT("ticket.registered"),
	  .stop = FACT_IF("ticket.replied", by_hand_too), .limit = HOURS(24) },
	{ .name = NAME("response"), .match = MATCH(is_consultation), .start = FACT("ticket.registered"),
	  .stop = FACT_IF("ticket.replied", by_hand), .limit = HOURS(48) },
};
static const struct clock_rule other_rules[] = {
	{ .name = NAME("response"), .start = FACT("ticket.registered"), .stop = ANY(either), .cancel = FACT("ticket.arrived"),
	  .limit = HOURS(4) },
};
static const struct clock_rule contact_rules[] = {
	{ .name = NAME("contact"), .match = MATCH(is_urgent), .start = FACT("ticket.assigned"), .stop = ALL(both),
	  .limit = HOURS(24), .restart_on = FACT("ticket.assigned") },
};
static const struct clock_rule reopen_rules[] = {
	{ .name = NAME("resolve"), .start = FACT("ticket.registered"), .stop = FACT("ticket.resolved"), .limit = HOURS(48) },
	{ .name = NAME("resolve"), .start = FACT("ticket.reopened"), .stop = FACT("ticket.resolved"), .limit = HOURS(8) },
	{ .name = NAME("accept"), .start = FACT("ticket.registered"), .stop = FACT("ticket.confirmed"), .limit = HOURS(72) },
};
static const struct clock_rule renewed_rules[] = {
	{ .name = NAME("resolve"), .match = MATCH(is_urgent), .start = FACT("ticket.registered"), .stop = FACT("ticket.resolved"),
	  .limit = HOURS(48) },
	{ .name = NAME("resolve"), .start = FACT("ticket.reopened"), .stop = FACT("ticket.resolved"), .limit = HOURS(8) },
};
static const struct clock_rule warn_rules[] = {
	{ .name = NAME("reply"), .start = FACT("ticket.registered"), .stop = FACT("ticket.replied"), .limit = HOURS(2),
	  .warnings = warnings, .warning_count = 2 },
};
static const struct clock_rule promise_rules[] = {
	{ .name = NAME("promise"), .start = FACT("ticket.promised"), .stop = FACT("ticket.resolved"),
	  .limit = { .type = LIMIT_EVENT, .attribute = UNTIL } },
};
static const struct clock_rule pause_rules[] = {
	{ .name = NAME("resolve"), .start = FACT("ticket.registered"), .stop = FACT("ticket.resolved"), .limit = HOURS(4),
	  .pause_in = STATE_BIT(STATE_WAITING_CUSTOMER) },
};
static const struct clock_rule month_rules[] = {
	{ .name = NAME("report"), .start = FACT("ticket.registered"), .stop = FACT("ticket.report_filed"),
	  .limit = { .type = LIMIT_DURATION, .duration = { 1, 0 } } },
};
/* Other starts and stops for another grade: the clock keeps its name. */
static const struct clock_rule moved_rules[] = {
	{ .name = NAME("first"), .match = MATCH(is_urgent), .start = FACT("ticket.registered"), .stop = FACT("ticket.contacted"),
	  .limit = HOURS(2) },
	{ .name = NAME("first"), .match = MATCH(is_general), .start = FACT("ticket.assigned"), .stop = FACT("ticket.replied"),
	  .limit = HOURS(10) },
	{ .name = NAME("urgent-only"), .match = MATCH(is_urgent), .start = FACT("ticket.registered"),
	  .stop = FACT("ticket.resolved"), .limit = HOURS(6) },
	{ .name = NAME("first"), .match = MATCH(is_minor), .start = FACT("ticket.scheduled"), .stop = FACT("ticket.replied"),
	  .limit = HOURS(1) },
};

static const struct clock_rule ring_rules[] = {
	{ .name = NAME("rings"), .start = FACT("ticket.registered"), .stop = FACT("ticket.answered"), .cancel = FACT("ticket.missed"),
	  .limit = { .type = LIMIT_COUNT, .attribute = RINGS, .count = 3 } },
};

#define POLICY(policy_name, rules) \
	{ .id = NAME(policy_name), .version = 1, .clocks = (rules), .clock_count = array_count(rules), \
	  .zone_offset_us = 8 * HOUR }
static const struct policy graded = POLICY("graded", graded_rules);
static const struct policy other = POLICY("other", other_rules);
static const struct policy contact = POLICY("contact", contact_rules);
static const struct policy reopen = POLICY("reopen", reopen_rules);
static const struct policy renewed = POLICY("renewed", renewed_rules);
static const struct policy warned = POLICY("warn", warn_rules);
static const struct policy promise = POLICY("promise", promise_rules);
static const struct policy paused = POLICY("pause", pause_rules);
static const struct policy month = POLICY("month", month_rules);
static const struct policy rings = POLICY("rings", ring_rules);
static const struct policy moved = POLICY("moved", moved_rules);

/* ---- the ticket under test ---- */

struct scene {
	struct arena arena;
	struct ticket ticket;
	struct sla_case c;
};

struct step {
	const char *fact;         /* "replied"; "!breach CLOCK", "!warn0 CLOCK": a timer; "!now": the end of a batch */
	double at, now;           /* now 0: at */
	const char *say;          /* a change of the ticket and data of the fact: "severity=urgent auto=1" */
	const char *want;
};

static inline instant moment(double s)
{
	return T0 + (instant)(s * 1e6 + (s < 0 ? -0.5 : 0.5));
}

static inline void scene_begin(struct scene *scene, const struct policy *a, const struct policy *b)
{
	*scene = (struct scene){ 0 };
	scene->ticket = (struct ticket){ .id = STR("AC-1"), .known = true, .state = STATE_RECEIVED, .received_at = T0 };
	scene->c = (struct sla_case){ .arena = &scene->arena, .ticket = &scene->ticket };
	scene->c.policies[0] = a;
	scene->c.policies[1] = b;
	scene->c.policy_count = b ? 2 : 1;
	for (size_t i = 0; i < scene->c.policy_count; i++)
		scene->c.plans[i] = sla_plan(scene->c.policies[i], NULL, &scene->arena);
}

static inline void put_time(struct buf *out, instant at)
{
	int64_t us = at - T0;

	if (at == SLA_NEVER)
		buf_z(out, "never");
	else if (us % SECOND == 0)
		buf_format(out, "%lld", (long long)(us / SECOND));
	else
		buf_format(out, "%.6f", (double)us / 1e6);
}

static inline void put_fact(struct buf *out, const struct scene *scene, const struct sla_fact *fact)
{
	static const char *const names[] = { "started", "paused", "resumed", "rescheduled", "warned", "met", "breached",
					     "corrected", "cancelled" };
	const struct sla_clock *clock = &scene->c.clocks[fact->clock];
	struct str id = clock->id;

	(void)str_cut(&id, '/');
	buf_format(out, "%s%s %.*s", out->n ? "; " : "", names[fact->type], STR_ARG(id));
	switch (fact->type) {
	case SLA_FACT_STARTED:
		buf_char(out, ' ');
		put_time(out, clock->started_at);
		buf_char(out, '-');
		put_time(out, fact->due_at);
		break;
	case SLA_FACT_RESUMED:
	case SLA_FACT_RESCHEDULED:
	case SLA_FACT_BREACHED:
		buf_z(out, " due ");
		put_time(out, fact->due_at);
		if (fact->type == SLA_FACT_BREACHED) {
			buf_z(out, " at ");
			put_time(out, fact->at);
		}
		break;
	case SLA_FACT_WARNED:
		buf_format(out, " %d%%", (int)fact->percent);
		break;
	case SLA_FACT_MET:
	case SLA_FACT_CORRECTED:
		buf_z(out, " at ");
		put_time(out, fact->met_at);
		if (fact->late_us >= 0) {
			buf_z(out, " late ");
			put_time(out, T0 + fact->late_us);
		}
		break;
	case SLA_FACT_PAUSED:
	case SLA_FACT_CANCELLED:
		break;
	}
	if (fact->why.p)
		buf_format(out, " %.*s", STR_ARG(fact->why));
}

static inline void say_word(struct scene *scene, struct value *vector, struct sla_event *event, struct str word)
{
	struct str name = str_cut(&word, '=');

	if (str_is(name, "severity"))
		scene->ticket.severity = word;
	else if (str_is(name, "kind"))
		scene->ticket.kind = word;
	else if (str_is(name, "state"))
		scene->ticket.state = state_of(word);
	else if (str_is(name, "auto"))
		vector[AUTOMATIC] = yes[0];
	else if (str_is(name, "until"))
		vector[UNTIL] = (struct value){ .type = VALUE_STRING, .string = word };
	else if (str_is(name, "rings"))
		vector[RINGS] = (struct value){ .type = VALUE_NUMBER, .number = atof(word.p) };
	else if (str_is(name, "grade"))
		vector[GRADE] = (struct value){ .type = VALUE_STRING, .string = word };
	else if (str_is(name, "to")) {
		event->new_owner = !str_eq(word, scene->ticket.owner);
		scene->ticket.owner = word;
	}
}

static inline void do_fact(struct scene *scene, const struct step *step)
{
	struct value vector[ATTRIBUTES] = { 0 };
	struct str words = str_of(step->say);
	struct sla_event event = { .fact = strchr(step->fact, '.') ? str_of(step->fact)
						 : str_format(&scene->arena, "ticket.%s", step->fact), .at = moment(step->at),
				   .revision = ++scene->ticket.revision };

	while (words.p)
		say_word(scene, vector, &event, str_cut(&words, ' '));
	if (scene->ticket.severity.p)
		vector[SEVERITY] = (struct value){ .type = VALUE_STRING, .string = scene->ticket.severity };
	if (scene->ticket.kind.p)
		vector[KIND] = (struct value){ .type = VALUE_STRING, .string = scene->ticket.kind };
	sla_pass(&scene->c, &event, vector, moment(step->now > 0 ? step->now : step->at));
	sla_memory_read(&scene->c, sla_memory_text(&scene->c));
}

static inline void do_timer(struct scene *scene, const struct step *step)
{
	struct str id = str_of(step->fact);
	struct str kind = str_cut(&id, ' ');
	int32_t warning = str_is(kind, "!breach") ? -1 : kind.p[5] - '0';

	for (uint32_t i = 0; i < scene->c.clock_count; i++)
		if (str_ends(scene->c.clocks[i].id, id))
			sla_fire(&scene->c, i, warning, moment(step->at));
}

static inline void play_scene(struct scene *scene, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf got cleanup(buf_done) = { 0 };

		scene->c.fact_count = 0;
		if (strcmp(steps[i].fact, "!now") == 0)
			sla_overdue(&scene->c, moment(steps[i].at));
		else if (steps[i].fact[0] == '!')
			do_timer(scene, &steps[i]);
		else
			do_fact(scene, &steps[i]);
		for (size_t k = 0; k < scene->c.fact_count; k++)
			put_fact(&got, scene, &scene->c.facts[k]);
		buf_char(&got, 0);
		if (strcmp(got.p, steps[i].want) != 0)
			fail_msg("step %zu (%s at %.6f):\n  got  %s\n  want %s", i, steps[i].fact, steps[i].at, got.p,
				 steps[i].want);
	}
	arena_done(&scene->arena);
}

static inline void play(const struct policy *a, const struct policy *b, const struct step *steps, size_t count)
{
	struct scene scene;

	scene_begin(&scene, a, b);
	play_scene(&scene, steps, count);
}
#define PLAY(a, b, ...) \
	do { \
		static const struct step steps_[] = { __VA_ARGS__ }; \
		play((a), (b), steps_, array_count(steps_)); \
	} while (0)

#endif
