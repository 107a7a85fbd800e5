/* The vocabulary of survey: what comes after a case. A programme of a policy makes an errand of a fact (a survey to the
 * customer, a follow-up call for a colleague); an errand is due, sent, scored or unreturned.
 *
 * Downhill: survey_wire.c reads and writes JSON, survey_store.c loads and saves sets of rows, survey_decide.c decides (pure),
 * survey_handle.c puts these in order for a batch. */
#ifndef AFTERCARE_SURVEY_H
#define AFTERCARE_SURVEY_H

#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/policy.h"
#include "common/base/ticket.h"
#include "common/worker/knowledge.h"
#include "common/worker/ticket.h"
#include "common/worker/worker.h"

#define SURVEY_STATES(X) \
	X(PLANNED, "planned") \
	X(DUE, "due") \
	X(SENT, "sent") \
	X(SCORED, "scored") \
	X(UNRETURNED, "unreturned") \
	X(DROPPED, "dropped")

/* PLANNED: its time has not come. DUE: to be sent. SENT: on its way or with the customer. DROPPED: the closing it belongs to
 * was undone before it was due. A follow-up call ends as DUE. */
enum survey_state {
	SURVEY_NONE = 0,
#define X(name, text) SURVEY_##name,
	SURVEY_STATES(X)
#undef X
	SURVEY_STATE_MAX
};

enum survey_type { SURVEY_TYPE_SURVEY, SURVEY_TYPE_FOLLOWUP, SURVEY_TYPE_MAX };

struct survey {
	struct survey *next;                /* of the same ticket */
	struct str id, ticket;              /* AC-....s1, AC-....f1 */
	enum survey_type type;
	enum survey_state state;
	struct str type_name, state_name;   /* as stored */
	struct policy_ref policy;
	struct str programme, form;
	struct str recipient, excluded;     /* role or path; the person who must not be asked to do it */
	int32_t closing;                    /* revision of the fact that it follows */
	instant due_at, sent_at, ended_at;
	struct str score;                   /* JSON number as it came; absent: none */
	struct str satisfied;               /* "true", "false"; absent: not known */
	struct str answers, comment;
	bool changed;
};

/* ---- survey_decide.c (pure) ---- */

struct str survey_state_text(enum survey_state state);
enum survey_state survey_state_of(struct str text);
struct str survey_type_text(enum survey_type type);

/* Whether any programme may follow this fact. */
bool survey_listens(struct str fact, const struct policy *const *policies, size_t count);
struct survey_choice {
	const struct policy *policy;
	const struct programme *programme;
};
#define SURVEY_CHOICES_MAX 16
/* The programmes that follow a fact: of each type, those of the most specific policy that has any for it. */
size_t survey_choose(struct str fact, const struct policy *const *policies, size_t count, const struct value *vector, instant now,
		     struct survey_choice *ret, size_t most);
/* A new errand of this programme without id, or false when the ticket has one for this closing already. `mine` is the first of
 * the ticket's. */
bool survey_plan(const struct survey_choice *choice, const struct ticket *ticket, instant at, instant now,
		 const struct survey *mine, struct survey *ret);
/* What number the next one of this type has. */
int survey_number(const struct survey *mine, enum survey_type type);
/* What an event does to a survey; false: nothing (a repeat, too late, not meant). */
bool survey_becomes_due(struct survey *survey);
bool survey_becomes_sent(struct survey *survey, instant at);
bool survey_becomes_unreturned(struct survey *survey, instant at);
struct survey_answer {
	struct str score;                   /* JSON number; absent */
	struct str answers, comment;        /* JSON; text */
	bool says;                          /* the answer says itself whether the customer is satisfied */
	bool satisfied;
};
bool survey_becomes_scored(struct survey *survey, const struct survey_answer *answer, instant at);
/* Whether the customer is satisfied by the programme: no rule of it that holds for the answer. Absent: nothing can be told. */
struct str survey_satisfied(const struct programme *programme, const struct survey_answer *answer, const struct value *vector,
			    instant now);
bool survey_wants_reopening(const struct programme *programme, const struct value *vector, instant now);
/* Whether the ticket can be reopened now: not open already, and within the time that its policy gives. */
bool survey_may_reopen(const struct ticket *ticket, const struct policy *const *policies, size_t count, instant now);
const struct programme *survey_programme(const struct survey *survey, const struct policy *const *policies, size_t count,
					 const struct policy **ret_policy);

/* ---- survey_wire.c ---- */
bool survey_wants_ticket(struct str name);
bool survey_wants_message(struct str name);
struct survey_answer survey_decode_answer(const struct doc *doc, struct arena *arena);
/* Of a notify.* fact: the survey it is about; absent when it is about none. */
struct str survey_of_message(const struct doc *doc, struct arena *arena);

struct survey_service {
	struct knowledge *knowledge;
	struct buf body;
};
/* survey.due, survey.sent, ... and followup.due. Returns the body, for rules that look into it. */
struct str survey_emit(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		       const struct survey *survey, struct str name, instant at);
void survey_emit_task(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		      const struct survey *survey, const struct action *action, int ordinal, struct str what);
/* The claim by which a dissatisfied answer asks for the ticket to be opened again, as any other source would. */
void survey_emit_rejected(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			  const struct survey *survey);

/* ---- survey_store.c ---- */
/* The surveys of a batch's tickets: a chain per ticket, at the ticket's place in its set. */
struct survey_set {
	const struct ticket_set *tickets;
	struct survey **first;
};
/* Of those tickets only whose place in `wanted` is true. */
enum verdict survey_load(struct batch *batch, const struct ticket_set *tickets, const bool *wanted, struct survey_set *ret,
			 struct fault *fault) must_check;
void survey_save(struct batch *batch, const struct survey_set *set);
/* The first of a ticket; NULL when there is none. */
struct survey *survey_first(const struct survey_set *set, const struct ticket *ticket);
struct survey *survey_find(const struct survey_set *set, const struct ticket *ticket, struct str id);
/* A copy of it joins its ticket's chain. */
struct survey *survey_add(struct batch *batch, struct survey_set *set, const struct ticket *ticket, const struct survey *survey);

/* ---- survey_handle.c ---- */
enum verdict survey_handle(void *state, struct batch *batch, struct fault *fault) must_check;

/* ---- survey_service.c: the table of the service ---- */
extern const struct service survey_service;

#endif
