/* What the scenario_*.c files share and nobody else sees: a scenario that is being played. */
#ifndef AFTERCARE_TESTS_SUPPORT_SCENARIO_INNER_H
#define AFTERCARE_TESTS_SUPPORT_SCENARIO_INNER_H

#include "tests/support/scenario.h"

#define SCENARIO_ZONE (8 * HOUR)     /* dates without zone are days in Shanghai */

struct play_name {
	const char *name, *id;
	const struct record *record;     /* of a label */
};
enum outcome { OUTCOME_RUNNING, OUTCOME_PASSED, OUTCOME_FAILED };

struct play {
	const struct scenario *scenario;
	struct desk *desk;
	struct arena arena;
	json_t *garbage;                 /* values that live as long as the play */
	size_t next;                     /* the step */
	enum outcome outcome;
	instant t0;                      /* INSTANT_NONE: not given and nothing reported yet */
	const char *ticket;              /* what steps are about; NULL */
	const struct sent *sent;         /* the last claim; its step waits for what comes of it */
	const struct sent *cast[4];      /* of the usual people */
	const char *fact;                /* what it becomes; NULL: a copy on the desk */
	bool begun;                      /* the step */
	unsigned rests;                  /* how often all had come to rest when the step began to wait for it; 0: it does not */
	struct play_name *names;
	size_t name_count, name_capacity;
	const struct record **taken;     /* by an expectation */
	size_t taken_count, taken_capacity;
	struct buf why;                  /* why it failed */
};

/* ---- scenario_value.c ---- */
const struct play_name *play_name(const struct play *play, const char *name);
void play_name_add(struct play *play, const char *name, const char *id, const struct record *record);
/* A name of this scenario alone, made when it is not there yet. */
const char *play_id(struct play *play, const char *name);
/* What a value of a scenario is now; borrowed. NULL, with play->why, when it cannot be told. */
json_t *play_value(struct play *play, const char *text);
/* "now-25h"; INSTANT_NONE, with play->why, when it is no time. */
instant play_time(struct play *play, const char *text);
/* Whether a condition holds of a document. */
bool play_holds(struct play *play, json_t *document, const struct field *field);
/* Sets a path ("window.from") in an object. */
void play_set(json_t *object, const char *path, json_t *value);
/* By path, also into lists ("missing.0"); NULL when absent or null. */
json_t *play_get(json_t *document, const char *path);

/* ---- scenario_claim.c ---- */
/* Each says whether the step is over; a failure stands in play->why. */
bool play_claim(struct play *play, const struct step *step, bool at_rest);
bool play_person(struct play *play, const struct step *step);
/* The usual people whom the scenario names; whether they are known by now. */
bool play_cast(struct play *play);

/* ---- scenario_expect.c ---- */
/* at_rest: all daemons have come to rest since the step before. */
bool play_expect(struct play *play, const struct step *step, bool at_rest);
/* Whether it can be judged only when all has come to rest: what must not come, and what the directory takes without a word. */
bool play_needs_rest(const struct step *step);
/* What was there instead, into play->why. */
void play_tell(struct play *play, const struct step *step);

#endif
