/* Plays scenarios, all at the same time: each goes on as soon as what it waits for has been read.
 *
 * What must not come can be judged only when nothing moves: who has to judge waits until nobody else can go on, then all
 * daemons are waited for once, for everybody. */
#include <string.h>

#include "tests/support/scenario_inner.h"

/* So long nothing at all was read: then what is awaited is a timer's, or will not come. */
#define QUIET_MS 8000

struct stage {
	struct desk *desk;
	struct play *plays;
	size_t count;
	unsigned rests;
	long heard;                      /* when something was read, or a step was over */
};

static void begin(struct play *play, const struct step *step)
{
	instant at = play_time(play, step->name);

	if (at != INSTANT_NONE)
		play->t0 = at;
}

static void switch_to(struct play *play, const struct step *step)
{
	const struct play_name *name = play_name(play, step->name);

	if (name && name->id)
		play->ticket = name->id;
	else
		buf_format(&play->why, "no report is called %s", step->name);
}

/* Whether the step is over. */
static bool advance(struct play *play, const struct step *step, bool at_rest)
{
	switch (step->type) {
	case STEP_BEGIN:
		begin(play, step);
		return true;
	case STEP_NAME:
		for (size_t i = 0; i < step->word_count; i++)
			(void)play_id(play, step->words[i]);
		return true;
	case STEP_ABOUT:
		switch_to(play, step);
		return true;
	case STEP_PERSON:
		return play_person(play, step);
	case STEP_CLAIM:
		return play_claim(play, step, at_rest);
	default:
		return play_expect(play, step, at_rest);
	}
}

static void fail_play(struct play *play, const struct step *step)
{
	struct buf why = { 0 };

	buf_format(&why, "%s:%d: %s\n", play->scenario->file->path, step->line, step->text);
	play_tell(play, step);
	buf_str(&why, buf_view(&play->why));
	buf_done(&play->why);
	play->why = why;
	play->outcome = OUTCOME_FAILED;
}

/* As far as it goes without waiting. */
static void go_on(struct stage *stage, struct play *play)
{
	const struct scenario *scenario = play->scenario;

	while (play->outcome == OUTCOME_RUNNING) {
		const struct step *step = &scenario->steps[play->next];
		bool over;

		if (play->next == scenario->step_count) {
			play->outcome = OUTCOME_PASSED;
			return;
		}
		if (!play->begun) {
			if (play->next == 0 && !play_cast(play))
				return;
			play->begun = true;
			if (step->type == STEP_CLAIM || step->type == STEP_PERSON)
				play->sent = NULL;
			play->rests = play_needs_rest(step) ? stage->rests + 1 : 0;
		}
		over = advance(play, step, play->rests && stage->rests >= play->rests);
		if (play->why.n)
			fail_play(play, step);
		if (!over)
			return;
		play->next++;
		play->begun = false;
		stage->heard = stack_clock();
	}
}

/* ---- waiting ---- */

static bool waits_for_rest(const struct play *play)
{
	return play->outcome == OUTCOME_RUNNING && play->rests;
}

/* All daemons have handled what was sent and all of it is read. */
static void rest(struct stage *stage)
{
	desk_settle(stage->desk);
	stage->rests++;
	for (size_t i = 0; i < stage->count; i++)
		go_on(stage, &stage->plays[i]);
}

static void give_up(struct stage *stage)
{
	for (size_t i = 0; i < stage->count; i++) {
		struct play *play = &stage->plays[i];

		if (play->outcome == OUTCOME_RUNNING && play->next < play->scenario->step_count)
			fail_play(play, &play->scenario->steps[play->next]);
	}
}

static void play_on(struct stage *stage)
{
	size_t running = 0, resting = 0;

	for (size_t i = 0; i < stage->count; i++) {
		struct play *play = &stage->plays[i];

		go_on(stage, play);
		running += play->outcome == OUTCOME_RUNNING;
		resting += waits_for_rest(play);
	}
	if (resting && resting == running)
		rest(stage);
	else if (stack_clock() - stage->heard > QUIET_MS) {
		rest(stage);
		if (stack_clock() - stage->heard > QUIET_MS)
			give_up(stage);
	}
}

static bool any_running(const struct stage *stage)
{
	for (size_t i = 0; i < stage->count; i++)
		if (stage->plays[i].outcome == OUTCOME_RUNNING)
			return true;
	return false;
}

static size_t tell(const struct stage *stage)
{
	size_t failed = 0;

	for (size_t i = 0; i < stage->count; i++) {
		const struct play *play = &stage->plays[i];
		const char *id = play->scenario->id;

		printf("[ RUN      ] %s\n", id);
		if (play->outcome == OUTCOME_FAILED)
			printf("%.*s\n", (int)play->why.n, play->why.p);
		printf("[  %s ] %s\n", play->outcome == OUTCOME_PASSED ? "     OK" : "FAILED ", id);
		failed += play->outcome != OUTCOME_PASSED;
	}
	printf("[==========] %zu test(s) run.\n", stage->count);
	return failed;
}

size_t scenarios_play(const struct scenarios *scenarios, struct desk *desk)
{
	struct stage stage = { .desk = desk, .count = scenarios->count, .heard = stack_clock() };
	size_t failed;

	printf("[==========] Running %zu test(s).\n", scenarios->count);
	stage.plays = mem_zero((scenarios->count + 1) * sizeof(*stage.plays));
	for (size_t i = 0; i < scenarios->count; i++) {
		stage.plays[i] = (struct play){ .scenario = &scenarios->items[i], .desk = desk, .t0 = INSTANT_NONE, .garbage = json_array() };
	}
	while (any_running(&stage)) {
		if (desk_read(desk, 20))
			stage.heard = stack_clock();
		play_on(&stage);
	}
	failed = tell(&stage);
	for (size_t i = 0; i < stage.count; i++) {
		json_decref(stage.plays[i].garbage);
		buf_done(&stage.plays[i].why);
		arena_done(&stage.plays[i].arena);
	}
	mem_free(stage.plays);
	return failed;
}
