/* The vocabulary of visits: what comes round for an installation by the calendar (policy.md section 9).
 *
 * A programme gives each installation a series of visits. At any time at most one visit of a series is open (due); it becomes
 * done or missed, and then the next one is due. Days are instants at which they begin in the policy's zone. All rows of
 * an installation live in the lane of its id, and so do the ids of its visits: they are chosen that way. */
#ifndef AFTERCARE_SURVEY_VISIT_H
#define AFTERCARE_SURVEY_VISIT_H

#include "services/survey/survey.h"

#define VISIT_STATES(X) \
	X(DUE, "due") \
	X(DONE, "done") \
	X(MISSED, "missed") \
	X(DROPPED, "dropped")

/* DROPPED: the installation or its warranty was gone before the visit was due. A visit that was missed or dropped can still
 * become done: word of it came late. */
enum visit_state {
	VISIT_NONE = 0,
#define X(name, text) VISIT_##name,
	VISIT_STATES(X)
#undef X
	VISIT_STATE_MAX
};

struct visit {
	struct visit *next;                 /* of the same installation, by number */
	struct str id, installation, programme;
	struct policy_ref policy;           /* under which it was announced */
	int32_t number;                     /* among the visits of the installation, from 1 */
	enum visit_state state;
	struct str state_name;              /* as stored */
	instant from, due;                  /* days: the period begins; the last day on which it is in time */
	instant planned_on;                 /* INSTANT_NONE */
	instant done_on;                    /* INSTANT_NONE */
	struct str named;                   /* the name that the visitors gave it; absent */
	bool recorded;                      /* its record has come (visit.recorded) */
	bool changed;
};

/* What a programme demands of one installation. */
struct visit_terms {
	struct duration every;
	instant accepted;                   /* the day; INSTANT_NONE: not yet, nothing is due */
	instant until;                      /* the last day on which a visit may be due; INSTANT_NONE: no end */
	instant effective_from;             /* what was due before is not asked for */
	int64_t zone_offset_us;
	bool wanted;                        /* the installation is there and the programme is for it */
};

/* ---- survey_decide_visit.c (pure) ---- */

struct str visit_state_text(enum visit_state state);
enum visit_state visit_state_of(struct str text);

enum visit_step { VISIT_STEP_NONE, VISIT_STEP_OPEN, VISIT_STEP_MOVE, VISIT_STEP_MISS, VISIT_STEP_DROP };
/* What is to be done next with a series; to be asked again until it is VISIT_STEP_NONE. `rows` are all visits of the
 * installation, also of other programmes. *ret_from and *ret_due are of the visit to be opened or moved. */
enum visit_step visit_next(const struct visit_terms *terms, const struct visit *rows, struct str programme, instant now,
			   instant *ret_from, instant *ret_due);
/* The open visit of a series; NULL. */
struct visit *visit_open_one(struct visit *rows, struct str programme);

/* What somebody says of a visit: visit.done, visit.recorded. */
struct visit_word {
	struct str visit;                   /* its id, ours or another one; absent */
	instant day;                        /* on which it was made */
	bool dated;                         /* the word itself names the day */
	bool record;                        /* visit.recorded */
};
enum visit_meaning {
	VISIT_MEANS_NOTHING,                /* none of this series */
	VISIT_MEANS_AGAIN,                  /* said before, or the record of a visit that is done */
	VISIT_MEANS_DONE,
};
/* Which visit of a series a word is about: the one it names, else the last one done when the word is no newer than that,
 * else the open one. */
enum visit_meaning visit_understand(const struct visit_word *word, struct visit *rows, struct str programme,
				    struct visit **ret_visit);
/* Lays the word upon the visit that it means. */
void visit_tell(struct visit *visit, const struct visit_word *word, enum visit_meaning meaning);

/* ---- survey_visit_wire.c ---- */

bool survey_wants_desk(struct str name);

/* An installation as the directory has it. */
struct visit_installation {
	struct str id, customer;
	bool known;                         /* has a row, and is not deleted */
	struct doc doc;                     /* its document; not parsed: none */
	struct visit *rows;                 /* by number */
};

/* What a claim names. */
struct visit_claim {
	struct str visit, installation, customer;
	struct str on;                      /* as it came; absent */
	bool done, record, planned;         /* which claim it is: visit.done, visit.recorded, visit.planned */
};
struct visit_claim visit_decode(const struct event *event, struct arena *arena);
/* The day of a claim in a zone: that of `on` unless it lies in the future, else of the claim's time. */
instant visit_day(const struct visit_claim *claim, const struct event *event, instant now, int64_t offset_us, bool *ret_dated);
/* The day of acceptance; INSTANT_NONE. */
instant visit_accepted(const struct visit_installation *installation, int64_t offset_us, struct arena *arena);
/* The last day of the warranty by these terms; INSTANT_NONE. */
instant visit_warranty(const struct visit_installation *installation, const struct warranty *warranty, struct arena *arena);
/* The installation in the place of a ticket, for conditions: product.*, customer.id, installation.*; of kind "installation". */
struct ticket visit_thing(struct survey_service *state, struct batch *batch, const struct visit_installation *installation);

/* Facts on the desk, key = the visit's id. */
void visit_emit_due(struct survey_service *state, struct batch *batch, struct item *item, const struct visit_installation *installation,
		    const struct visit *visit, const struct policy *policy, const struct programme *programme);
void visit_emit_missed(struct survey_service *state, struct batch *batch, struct item *item,
		       const struct visit_installation *installation, const struct visit *visit, const struct policy *policy,
		       const struct programme *programme);
/* `visit`, `policy` are NULL for a visit that no programme has asked for. */
void visit_emit_completed(struct survey_service *state, struct batch *batch, struct item *item, const struct visit_claim *claim,
			  const struct visit *visit, const struct policy *policy);

/* ---- survey_visit_store.c ---- */

/* How far a lane has come with the directory. */
struct visit_scan {
	int64_t policies;                   /* generation of the policies under which it looks */
	int64_t changed;                    /* generation and id of the last installation looked at */
	struct str installation;
};
struct visit_set {
	struct visit_installation *items;   /* sorted by id */
	size_t count;
};
/* *ret_policies: the generation of the policies now. */
enum verdict visit_load_scan(struct batch *batch, struct visit_scan *ret, int64_t *ret_policies, struct fault *fault) must_check;
void visit_save_scan(struct batch *batch, const struct visit_scan *scan);
/* The ids of the next installations of the lane behind the scan's place, at most so many; moves the scan behind them. */
enum verdict visit_load_page(struct batch *batch, struct visit_scan *scan, size_t most, struct str *ret_ids, size_t *ret_count,
			     struct fault *fault) must_check;
/* The installations of visits, by the ids of those; ret_installations has room for `count`. */
enum verdict visit_load_named(struct batch *batch, const struct str *visits, size_t count, struct str *ret_installations,
			      size_t *ret_count, struct fault *fault) must_check;
/* Installations with all their visits in this lane; sorts the ids, doubles allowed. */
enum verdict visit_load(struct batch *batch, struct str *ids, size_t count, struct visit_set *ret, struct fault *fault) must_check;
/* NULL when it is not in the set. */
struct visit_installation *visit_find(const struct visit_set *set, struct str id);
/* The installation that has a visit of this id; NULL. */
struct visit_installation *visit_find_by(const struct visit_set *set, struct str visit);
void visit_save(struct batch *batch, const struct visit_set *set);

/* ---- survey_visit_handle.c ---- */
/* A batch of the desk: claims about visits, timers, what has changed in the directory. */
enum verdict survey_visits(struct survey_service *state, struct batch *batch, struct fault *fault) must_check;

#endif
