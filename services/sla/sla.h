/* The vocabulary of sla, the watchdog: what a clock is, what happened to a ticket, what a pass says.
 *
 * A batch goes downhill: sla_handle.c puts the steps in order, sla_store.c loads and saves sets of rows, sla_decide*.c
 * decide (pure: plain memory, arenas, no clock), sla_wire.c turns decisions into facts and timers (sla_run.h). */
#ifndef AFTERCARE_SLA_H
#define AFTERCARE_SLA_H

#include "common/base/calendar.h"
#include "common/base/policy.h"
#include "common/base/ticket.h"

/* ---- a clock ---- */
#define SLA_STATES(X) \
	X(RUNNING, "running") \
	X(PAUSED, "paused") \
	X(BREACHED, "breached") \
	X(MET, "met") \
	X(CORRECTED, "corrected") \
	X(CANCELLED, "cancelled")
enum sla_state {
	SLA_NONE = 0,
#define X(name, text) SLA_##name,
	SLA_STATES(X)
#undef X
	SLA_STATE_MAX
};
struct str sla_state_name(enum sla_state state);
/* SLA_NONE when there is no state of that name. */
enum sla_state sla_state_of(struct str name);
/* May still get a terminal fact: running, paused, breached. */
bool sla_is_active(enum sla_state state);

/* The claim a clock's timers answer for, and its trace. */
struct sla_cause {
	struct str id, source, traceparent, tracestate;
};

struct sla_clock {
	struct str id;               /* TICKET/POLICY/NAME/NUMBER */
	uint32_t policy;             /* place among the policies of its ticket */
	struct str name;
	int32_t number;              /* counts the clocks of this name: 1, 2 after a restart, ... */
	int32_t rule;                /* place among the clocks of its policy: the rule that judges it now */
	enum sla_state state;
	instant started_at;
	int32_t started_revision;    /* of the fact that started it: what the log has behind it can stop it */
	instant due_at;              /* the last instant at which it is met */
	instant paused_at;           /* INSTANT_NONE unless paused */
	int64_t paused_us;           /* open time of all pauses that are over */
	const struct calendar *calendar;     /* whose open time it counts, the same version for life; NULL: 24x7 */
	struct policy_ref calendar_ref;      /* as the database names it */
	instant breached_at;         /* when the breach was detected; INSTANT_NONE */
	instant ended_at;            /* of the terminal fact; INSTANT_NONE */
	struct str why;              /* of the cancellation */
	int32_t warned;              /* a bit per warning of the rule that was given */
	struct sla_cause cause;

	bool changed;                /* to be saved */
	bool retime;                 /* its timers fired without effect: to be set again */
	enum sla_state stored;       /* as the database has it; SLA_NONE: not there */
	int32_t stored_rule;
	instant stored_due;
};

/* ---- what a policy's clocks listen to, prepared once per batch ---- */
#define SLA_NO_VALUE UINT32_MAX
#define SLA_NEVER (INT64_C(253402300799) * SECOND)   /* the due time of a clock without one: 9999-12-31T23:59:59Z */
struct sla_leaf {
	const struct trigger *trigger;   /* of type TRIGGER_EVENT */
	uint32_t value;                  /* attribute of the event that a limit looks at; SLA_NO_VALUE: none */
	bool counts;                     /* it is a number, not an instant */
	bool restart;                    /* of a restart_on: an assignment counts only when the owner is new */
	uint32_t same;                   /* first leaf of the policy that says the same: under this number it is remembered */
};
struct sla_rule {
	uint32_t start, stop, cancel, restart;   /* first leaf of each trigger */
	uint32_t group;                  /* first rule of the same name: alternatives of one clock (those that `repeat` apart) */
	bool repeats;                    /* starts at each reopening (D14) */
	const struct calendar *calendar; /* the version that a clock takes which starts now; NULL: 24x7 */
};
struct sla_plan {
	const struct policy *policy;
	struct sla_leaf *leaves;
	size_t leaf_count, leaf_capacity;
	struct sla_rule *rules;          /* policy->clock_count of them */
};
/* `calendars` has one for each clock of the policy; NULL: all of them 24x7. */
const struct sla_plan *sla_plan(const struct policy *policy, const struct calendar *const *calendars, struct arena *arena);

/* ---- what happened to a ticket: so that a clock that starts late knows it ---- */
struct sla_happening {
	uint32_t policy, leaf;
	instant at;
	int32_t revision;                /* of the fact: the order of the log */
	instant value;                   /* what the limit looks at; INSTANT_NONE: none */
};

/* ---- a pass ---- */
enum sla_fact_type {
	SLA_FACT_STARTED, SLA_FACT_PAUSED, SLA_FACT_RESUMED, SLA_FACT_RESCHEDULED, SLA_FACT_WARNED, SLA_FACT_MET,
	SLA_FACT_BREACHED, SLA_FACT_CORRECTED, SLA_FACT_CANCELLED
};
struct sla_fact {
	enum sla_fact_type type;
	uint32_t clock;                  /* index into the case's clocks */
	int32_t rule;
	instant at;                      /* when it happened */
	instant due_at, was;
	instant met_at;
	int64_t open_us;                 /* of sla.met: open time from start to stop */
	int64_t late_us;                 /* of sla.met after a breach: time passed since due, open or not; -1 otherwise */
	int32_t percent;
	struct str why;
};

/* A ticket, or a thing of the desk that stands in for one, with all that is decided about it. Arrays live in the arena. */
struct sla_case {
	struct arena *arena;
	const struct ticket *ticket;
	bool desk;                       /* a thing: only clocks of things run; claims about it come in any order */
	const struct policy *policies[TICKET_POLICIES_MAX];
	const struct sla_plan *plans[TICKET_POLICIES_MAX];
	size_t policy_count;
	struct sla_clock *clocks;
	size_t clock_count, clock_capacity;
	struct sla_happening *happened;
	size_t happened_count, happened_capacity;
	struct sla_fact *facts;          /* what the passes say; the caller empties it */
	size_t fact_count, fact_capacity;
};

struct sla_event {
	struct str fact;                 /* "ticket.replied"; of the desk the claim: "project.completed" */
	instant at;
	instant arrived, day_end;        /* of a claim of the desk: when it came in; the end of the day it names, INSTANT_NONE */
	bool staff;                      /* of a claim of the desk: by staff */
	int32_t revision;
	bool new_owner;                  /* the ticket has another owner than before it */
	struct sla_cause cause;
};

/* ---- sla_decide.c ---- */

/* One fact of the log upon the clocks of its ticket, which is as it is after the fact. `vector` has the fact's event.* */
void sla_pass(struct sla_case *c, const struct sla_event *event, const struct value *vector, instant now);
/* When a claim of the desk counts as happened. One that opens its thing (`opens`): at the end of the day that it names, so that
 * this day does not count, else at its time, however long ago. Another one of staff: no further back than max_backdate,
 * beyond that when it came in. None of the time to come. */
void sla_place_claim(struct sla_event *event, bool opens, struct duration max_backdate);
const struct clock_rule *sla_rule_of(const struct sla_case *c, const struct sla_clock *clock);
/* For the decisions among themselves: a fact about a clock, which is then to be saved; and its breach. */
struct sla_fact *sla_say(struct sla_case *c, enum sla_fact_type type, struct sla_clock *clock, instant at);
void sla_breach(struct sla_case *c, struct sla_clock *clock, instant now);

/* ---- sla_decide_timer.c ---- */

/* Breaches every running clock that is past due: what a start in the past or a regrade leaves behind. */
void sla_overdue(struct sla_case *c, instant now);
/* A timer of a clock has fired; warning < 0: the breach. Nothing happens when the clock is not (or no longer) due. */
void sla_fire(struct sla_case *c, uint32_t clock, int32_t warning, instant now);
/* When a running clock's timer is to fire: warning < 0 the breach, one tick behind the last good instant. INSTANT_NONE: never. */
instant sla_timer_due(const struct sla_case *c, const struct sla_clock *clock, int32_t warning);

/* ---- sla_decide_memory.c ---- */

/* A time, or the last microsecond of a day in the zone; INSTANT_NONE when it is neither. */
instant sla_instant_of(struct str text, int64_t zone_offset_us);

/* Remembers which leaves of which triggers the fact is. */
void sla_remember(struct sla_case *c, const struct sla_event *event, const struct value *vector, instant now);
/* The memory as text ("0.3=1764000000000000:5 ..."), kept with the ticket; absent when empty. */
struct str sla_memory_text(const struct sla_case *c);
void sla_memory_read(struct sla_case *c, struct str text);

enum sla_pick {
	SLA_FIRST,      /* first in the log */
	SLA_SOONEST,    /* earliest to have happened */
	SLA_LAST,       /* last in the log */
};
struct sla_query {
	uint32_t policy;
	enum sla_pick pick;
	int32_t after;                   /* only what stands behind this revision in the log */
	instant since;                   /* only what happened then or later; INSTANT_NONE: any time */
};
/* Whether a trigger has happened; `leaf` is its first one (sla_rule). */
bool sla_happened(const struct sla_case *c, const struct trigger *trigger, uint32_t leaf, const struct sla_query *query,
		  struct sla_happening *ret);

#endif
