/* The vocabulary of reporting: what dashboards read. A snapshot per ticket, and windows of counters over all tickets.
 *
 * A snapshot is what the facts of one lane have made of a ticket so far; a tally is what a batch adds to the counters of its
 * lane; a window is the sum over all lanes once every lane has passed its end.
 *
 * Downhill: reporting_wire.c reads facts, reporting_encode.c writes both kinds of record, reporting_store.c and
 * reporting_counts.c load and save sets of rows, reporting_decide*.c decide (pure), reporting_windows.c closes and publishes windows,
 * reporting_republish.c sends snapshots again, reporting_handle.c puts these in order for a batch. */
#ifndef AFTERCARE_REPORTING_H
#define AFTERCARE_REPORTING_H

#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/ticket.h"
#include "common/worker/knowledge.h"
#include "common/worker/worker.h"

#define TOPIC_TICKET_STATE "aftercare.ticket-state"
#define TOPIC_METRICS "aftercare.metrics"

/* ---- facts ---- */

#define REPORTING_FACTS(X) \
	X(REGISTERED, "ticket.registered") \
	X(INCOMPLETE, "ticket.incomplete") \
	X(SUPPLEMENTED, "ticket.supplemented") \
	X(CLASSIFIED, "ticket.classified") \
	X(MODE_CHOSEN, "ticket.mode_chosen") \
	X(PRIORITY_CHANGED, "ticket.priority_changed") \
	X(ASSIGNED, "ticket.assigned") \
	X(OWNER_CHANGED, "ticket.owner_changed") \
	X(UNASSIGNABLE, "ticket.unassignable") \
	X(FLAGGED, "ticket.flagged") \
	X(ESCALATED, "ticket.escalated") \
	X(WAITING, "ticket.waiting") \
	X(REPLIED, "ticket.replied") \
	X(CONTACTED, "ticket.contacted") \
	X(ARRIVED, "ticket.arrived") \
	X(RESOLVED, "ticket.resolved") \
	X(CONFIRMED, "ticket.confirmed") \
	X(CLOSED, "ticket.closed") \
	X(REOPENED, "ticket.reopened") \
	X(OTHER, "ticket.") \
	X(SLA_STARTED, "sla.started") \
	X(SLA_PAUSED, "sla.paused") \
	X(SLA_RESUMED, "sla.resumed") \
	X(SLA_RESCHEDULED, "sla.rescheduled") \
	X(SLA_WARNED, "sla.warned") \
	X(SLA_BREACHED, "sla.breached") \
	X(SLA_MET, "sla.met") \
	X(SLA_CORRECTED, "sla.corrected") \
	X(SLA_CANCELLED, "sla.cancelled") \
	X(SURVEY_SENT, "survey.sent") \
	X(SURVEY_SCORED, "survey.scored") \
	X(SURVEY_UNRETURNED, "survey.unreturned") \
	X(NOTIFY_REQUESTED, "notify.requested") \
	X(NOTIFY_SENT, "notify.sent") \
	X(NOTIFY_FAILED, "notify.failed") \
	X(NOTIFY_SUPPRESSED, "notify.suppressed")

enum reporting_fact_type {
	FACT_NONE = 0,
#define X(name, text) FACT_##name,
	REPORTING_FACTS(X)
#undef X
	FACT_MAX
};

/* What a snapshot or a counter needs of a fact; what it does not say is absent. No personal data gets in here. */
struct reporting_fact {
	enum reporting_fact_type type;
	instant at;                  /* when it happened */
	instant decided_at;
	int32_t revision;            /* of a ticket.* fact */
	enum state state;
	struct str kind, severity, mode, channel, priority, fault_type, model, version;
	struct str owner, owner_role, department, reason, flags, missing, policies;
	struct str customer;         /* a pseudonym; absent without secret */
	struct str entitlement, labour, parts;
	bool automatic;              /* a reply by a machine */
	int64_t count;               /* of reopenings */
	struct str clock, policy;    /* of sla.*: its name, the policy it is of */
	int32_t number;              /* of sla.*: which clock of that name */
	instant due_at, started_at, met_at;
	bool late;                   /* of sla.met: after a breach */
	struct str score, satisfied; /* of survey.scored: a JSON number; "true", "false" */
};

/* ---- snapshots ---- */

enum reporting_clock_state { CLOCK_RUNNING, CLOCK_PAUSED, CLOCK_BREACHED, CLOCK_MET, CLOCK_LATE, CLOCK_CORRECTED, CLOCK_CANCELLED,
			     CLOCK_STATES };

struct reporting_clock {
	struct str name, policy;
	int32_t number;
	enum reporting_clock_state state;    /* CLOCK_LATE: met, but after its breach */
	instant started_at, due_at, ended_at;
};
/* More than these are not kept: the oldest that has ended goes. */
#define REPORTING_CLOCKS_MAX 32

struct reporting_ticket {
	struct str id;
	bool known, changed;
	int32_t revision;
	enum state state;
	struct str kind, severity, mode, channel, priority, fault_type, model, version;
	struct str owner, owner_role, department, flags, missing, policies;
	struct str customer, entitlement, labour, parts, score, satisfied;
	instant received_at, updated_at;
	instant assigned_at, replied_at, contacted_at, arrived_at;   /* the first of each */
	instant resolved_at, confirmed_at, closed_at;                /* the last of each; none after a reopening */
	int32_t reopened;
	bool unassignable;
	instant waiting_since;               /* INSTANT_NONE: it does not wait */
	struct str waiting_reason;
	int64_t waited_us;                   /* of all waits that are over */
	struct reporting_clock *clocks;
	size_t clock_count;
	struct item *item;                   /* the last one that touched it in this batch, decided at: */
	instant touched_at;
	struct str before;                   /* its record without updated_at, as it was when it was loaded */
	struct str state_name, clocks_text;  /* as stored */
};

/* ---- counters ---- */

/* What is counted, per lane and shortest window. The label is one value of the dimension; of a duration the number of a
 * bucket, or "sum". */
#define REPORTING_COUNTERS(X) \
	X(REGISTERED, "tickets_registered", "channel") \
	X(ASSIGNED, "tickets_assigned", NULL) \
	X(REPLIED, "tickets_replied", NULL) \
	X(CONTACTED, "tickets_contacted", NULL) \
	X(ARRIVED, "tickets_arrived", NULL) \
	X(RESOLVED, "tickets_resolved", NULL) \
	X(CONFIRMED, "tickets_confirmed", NULL) \
	X(CLOSED, "tickets_closed", NULL) \
	X(REOPENED, "tickets_reopened", NULL) \
	X(CANCELLED, "tickets_cancelled", NULL) \
	X(REJECTED, "tickets_rejected", NULL) \
	X(SLA_STARTED, "sla_started", "clock") \
	X(SLA_WARNED, "sla_warned", "clock") \
	X(SLA_BREACHED, "sla_breached", "clock") \
	X(SLA_MET, "sla_met", "clock") \
	X(SLA_CORRECTED, "sla_corrected", "clock") \
	X(SLA_CANCELLED, "sla_cancelled", "clock") \
	X(IN_TIME, "clocks_in_time", "clock") \
	X(LATE, "clocks_late", "clock") \
	X(MESSAGES_REQUESTED, "messages_requested", "channel") \
	X(MESSAGES_SENT, "messages_sent", "channel") \
	X(MESSAGES_FAILED, "messages_failed", "channel") \
	X(MESSAGES_SUPPRESSED, "messages_suppressed", "channel") \
	X(SURVEYS_SENT, "surveys_sent", NULL) \
	X(SURVEYS_SCORED, "surveys_scored", "satisfied") \
	X(SURVEYS_UNRETURNED, "surveys_unreturned", NULL) \
	X(OPEN_STATE, "open_by_state", "state") \
	X(OPEN_SEVERITY, "open_by_severity", "severity") \
	X(OVERDUE, "tickets_overdue", NULL) \
	X(UNASSIGNABLE, "tickets_unassignable", NULL) \
	X(RUNNING, "clocks_running", "clock") \
	X(TO_ASSIGN, "time_to_assign", NULL) \
	X(TO_REPLY, "time_to_reply", NULL) \
	X(TO_RESOLVE, "time_to_resolve", NULL)

enum reporting_counter {
#define X(name, text, by) COUNT_##name,
	REPORTING_COUNTERS(X)
#undef X
	COUNT_MAX
};

/* One sum of a tally. `at` is the start of its shortest window. */
struct reporting_sum {
	instant at;
	enum reporting_counter counter;
	struct str name, label;      /* name: of the counter, filled in when it is saved */
	int64_t value;
};

/* Clocks that run, by the minute in which they are due. */
struct reporting_due {
	instant at;
	int64_t clocks;
};

/* What a batch adds to the counters of its lane. */
struct reporting_tally {
	struct arena *arena;
	int64_t window;              /* us; the shortest */
	instant counted_from;        /* what was decided before it moves levels only */
	instant open_from;           /* the first window of this lane that is not closed */
	instant now;
	struct reporting_sum *sums;
	size_t sum_count, sum_capacity;
	struct reporting_due *dues;
	size_t due_count, due_capacity;
};

/* ---- reporting_decide.c, _clock.c, _code.c (pure): a fact and a ticket ---- */

enum reporting_fact_type reporting_fact_type(struct str name);
/* Lays a fact upon a ticket, counts it and what it moves. `ticket` may be NULL: messages. */
void reporting_lay(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct reporting_tally *tally);
/* The clock that a fact of sla is about; NULL: not kept. */
struct reporting_clock *reporting_clock_find(struct reporting_ticket *ticket, const struct reporting_fact *fact);
/* Makes room for one more, if there is none: of those that have ended the oldest goes; where none has, the first. */
bool reporting_clock_drop(struct reporting_ticket *ticket, struct reporting_clock *ret_dropped);
void reporting_clock_lay(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct arena *arena);
bool reporting_is_overdue(const struct reporting_ticket *ticket);
/* Of the clocks that run; INSTANT_NONE: none does. */
instant reporting_next_due(const struct reporting_ticket *ticket);
/* "running", ... ; a late one is "met". */
struct str reporting_clock_state_name(enum reporting_clock_state state);
/* One text for all clocks, and back. */
struct str reporting_clocks_pack(const struct reporting_ticket *ticket, struct arena *arena);
void reporting_clocks_unpack(struct reporting_ticket *ticket, struct str text, struct arena *arena);
/* A value that looks like a code (a word) or a name of a thing; what may be a telephone number, an e-mail address or a
 * sentence is "other" or absent. */
struct str reporting_code(struct str value);
struct str reporting_thing(struct str value);

/* ---- reporting_decide_metrics.c (pure): tallies, windows, buckets ---- */

const char *reporting_counter_name(enum reporting_counter counter);
/* "channel": what its labels are values of; NULL: it has none. */
const char *reporting_counter_dimension(enum reporting_counter counter);
/* COUNT_MAX: none of that name. */
enum reporting_counter reporting_counter_of(struct str name);
bool reporting_is_level(enum reporting_counter counter);
/* Adds to the window that decided_at lies in or, where that is closed, to the first open one. */
void reporting_count(struct reporting_tally *tally, enum reporting_counter counter, struct str label, instant decided_at, int64_t value);
void reporting_count_duration(struct reporting_tally *tally, enum reporting_counter counter, instant decided_at, int64_t us);
void reporting_count_due(struct reporting_tally *tally, instant due_at, int64_t clocks);
/* Takes out what has come to nothing and sorts by key. */
void reporting_tally_settle(struct reporting_tally *tally);
/* The start of the window of that length that `at` lies in. */
instant reporting_window_of(instant at, int64_t window);

/* Buckets of durations: 16 per doubling, in tenths of a second: exact to 0.05 s below 1.6 s, else to 3.2 %. */
#define REPORTING_BUCKETS 640
int reporting_bucket(int64_t us);
/* The middle of a bucket, in seconds. */
double reporting_bucket_middle(int bucket);
/* NAN when there is no sample. percent: 0 to 100. */
double reporting_percentile(const int64_t buckets[static REPORTING_BUCKETS], double percent);

/* What is published. A window of one of them is a record. */
enum reporting_metric_type { METRIC_COUNTER, METRIC_LEVEL, METRIC_DURATION, METRIC_RATIO };
struct reporting_metric {
	const char *name;
	enum reporting_metric_type type;
	enum reporting_counter of[2];        /* a level of two dimensions; the two sides of a ratio; COUNT_MAX: none */
};
extern const struct reporting_metric reporting_metrics[];    /* ends with a NULL name */

/* Everything of one window, of all lanes. */
struct reporting_window {
	instant from;
	int64_t length;
	int64_t due_next_hour;
	struct reporting_sum *sums;          /* sorted by counter and label; of levels the value at its end */
	size_t sum_count;
};
/* The sums of one counter. */
const struct reporting_sum *reporting_window_sums(const struct reporting_window *window, enum reporting_counter counter, size_t *ret_count);
int64_t reporting_window_total(const struct reporting_window *window, enum reporting_counter counter);

/* ---- configuration, state ---- */

#define REPORTING_WINDOWS_MAX 4
struct reporting_conf {
	const char *windows;
	const char *pseudonym_secret;
	int64_t grace;
};

/* What is known of a lane in memory only: whether it has caught up with its log. */
struct reporting_lane_memory {
	instant read_at;             /* when facts were last handled, or the lane was taken; INSTANT_NONE: never */
	instant newest;              /* the latest decided_at of those; INSTANT_NONE */
};

struct reporting {
	struct knowledge *knowledge;
	struct str secret;
	int64_t windows[REPORTING_WINDOWS_MAX];      /* us, the shortest first */
	size_t window_count;
	int64_t grace;
	struct reporting_lane_memory *lanes;
	int32_t lane_count;
	struct buf body;
};

/* "PT1M PT1H": every one divides a day and is a multiple of the first. FATAL says what is wrong. */
enum verdict reporting_windows_parse(struct str text, struct reporting *state, struct fault *fault) must_check;

/* The row of a lane. */
struct reporting_lane {
	instant counted_from;        /* counting began there */
	instant closed_to;           /* up to there this lane's windows are final */
};

/* ---- reporting_wire.c ---- */
bool reporting_wants_ticket(struct str name);
bool reporting_wants_message(struct str name);
struct reporting_fact reporting_decode(const struct reporting *state, const struct item *item, struct arena *arena);

/* ---- reporting_encode.c ---- */
/* The snapshot's record: a function of the row alone, so that it can be said again. *ret_content (may be NULL): all of it
 * before updated_at, which comes last. */
struct str reporting_encode_ticket(struct buf *scratch, const struct reporting_ticket *ticket, struct arena *arena,
				   struct str *ret_content);
struct str reporting_encode_metric(struct buf *scratch, const struct reporting_metric *metric, const struct reporting_window *window,
				   struct arena *arena);
void reporting_emit_ticket(struct batch *batch, struct item *item, const struct reporting_ticket *ticket, struct str body);

/* ---- reporting_store.c: tickets ---- */
struct reporting_ticket_set {
	struct reporting_ticket *items;      /* sorted by id */
	size_t count;
};
/* Queues the reading of these (no doubles, sorted), reads the result number `index` after db_sync. */
struct reporting_ticket_set reporting_tickets_queue(struct batch *batch, struct str *ids, size_t count);
void reporting_tickets_read(struct batch *batch, struct reporting_ticket_set *set, size_t index);
struct reporting_ticket *reporting_ticket_find(const struct reporting_ticket_set *set, struct str id);
void reporting_tickets_save(struct batch *batch, const struct reporting_ticket_set *set);
/* One row of a result of the columns of reporting.sql. */
void reporting_ticket_row(struct reporting_ticket *ticket, const struct db_result *rows, size_t i, struct arena *arena);

/* ---- reporting_counts.c: lanes, counters ---- */
void reporting_lane_queue(struct batch *batch);
/* The row, made when there is none. */
enum verdict reporting_lane_read(struct reporting *state, struct batch *batch, size_t index, struct reporting_lane *ret,
				 struct fault *fault) must_check;
void reporting_tally_save(struct batch *batch, struct reporting_tally *tally);

/* ---- reporting_windows.c ---- */
/* Sets the timers of a lane that has just been taken. */
void reporting_windows_begin(struct reporting *state, struct batch *batch, const struct reporting_lane *lane);
enum verdict reporting_windows_timer(struct reporting *state, struct batch *batch, struct item *item, struct reporting_lane *lane,
				     struct fault *fault) must_check;
/* Notes that facts up to `newest` were handled just now. */
struct reporting_lane_memory *reporting_lane_memory(struct reporting *state, struct batch *batch);

/* ---- reporting_republish.c ---- */
/* One bounded part of what was asked for; sets a timer when there is more. */
enum verdict reporting_republish(struct reporting *state, struct batch *batch, struct item *item, struct fault *fault) must_check;

/* ---- reporting_handle.c ---- */
enum verdict reporting_handle(void *state, struct batch *batch, struct fault *fault) must_check;

/* ---- reporting_service.c: the table of the service ---- */
extern const struct service reporting_service;

#endif
