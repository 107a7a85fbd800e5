/* The one loop every daemon runs: bus -> decode -> begin, compare-and-set -> load, decide, save -> outbox -> commit -> publish.
 *
 * A service is a `const struct service` without file-scope state and one call of worker_main. What it does with a
 * batch is its own; everything about offsets, epochs, repeats, retries, dead letters and publishing is done here,
 * once, by section 4 of the architecture. */
#ifndef AFTERCARE_WORKER_WORKER_H
#define AFTERCARE_WORKER_WORKER_H

#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/base/str.h"
#include "common/io/conf.h"
#include "common/io/db.h"
#include "common/io/event.h"

struct worker;
struct batch;

#define TOPIC_INBOUND "aftercare.inbound"
#define TOPIC_STAFF "aftercare.staff"
#define TOPIC_DIRECTORY "aftercare.directory"
#define TOPIC_TICKETS "aftercare.tickets"
#define TOPIC_DESK "aftercare.desk"
#define TOPIC_MESSAGES "aftercare.messages"
#define TOPIC_DEAD "aftercare.dead-letters"

enum topic_kind {
	TOPIC_OUTSIDE,     /* input from outside: every record is decoded; repeats are the service's to find, by (source, id) */
	TOPIC_LOG,         /* a log of ours: skipped by name unread, repeats dropped by (incarnation, sequence) */
	TOPIC_LOG_BESIDE,  /* the same, for rows that belong to the lane of the service's first topic of kind TOPIC_LOG: each of
	                    * its transactions also locks that lane's source row, so the two never interleave */
};
struct service_topic {
	const char *name;          /* NULL ends the list */
	enum topic_kind kind;
	/* Whether an event of this name is for the service (TOPIC_LOG*). NULL: all. */
	bool (*wants)(struct str name);
	/* On a log: records that are none of ours become dead letters. One service per log; the others pass them over. */
	bool keeper;
};

/* A row of the table `timer`. Keys are unique per source. Set, moved and cancelled in the transaction that causes it. */
struct timer {
	struct str key;            /* "response:AC-...:1" */
	instant due;
	struct str kind;           /* the service's word: "breach", "warn", "retry" */
	struct str ticket;         /* or other subject; may be absent */
	struct str data;           /* the service's own, JSON text; may be absent */
	struct str cause_id, cause_source;      /* of the claim at the root; inherited by its facts */
	struct str traceparent, tracestate;
};

/* One thing to decide: an event from a topic, a due timer, or what the service posted to itself. */
struct item {
	struct event event;        /* of a topic; of a posting only name, data and doc are set */
	const struct timer *timer; /* set for a due timer (event is empty) */
	bool posted;
	bool refused;              /* set by batch_refuse, or by the checks before the transaction */
	bool refused_early;        /* by those checks: stays so when the batch is done again */
	bool unchecked;            /* the worker's: its checks come after a note that somebody may crash in them */
	enum reason reason;        /* why */
	struct str detail;
	int32_t ordinal;           /* facts emitted so far; counted by batch_emit */
};

struct batch {
	struct worker *worker;
	struct arena *arena;       /* forgotten after the commit */
	struct db *db;             /* in the batch's transaction */
	const char *topic;         /* of the source */
	int32_t partition;         /* of the source; of a log this is the lane */
	int64_t source_id;         /* of the source row */
	instant now;               /* read once, never runs backwards */
	struct item *items;        /* in the order of the source */
	size_t count;
	bool taken_anew;           /* first batch after a take: memory of earlier batches is void */
};

struct service {
	const char *name;                    /* "sla"; database role aftercare_sla, schema sla */
	const char *summary;                 /* one line for --help */
	const struct service_topic *topics;
	const char *const *writes;           /* topics that it writes besides the logs, messages and dead letters,
	                                      * NULL-terminated, at most 3; may be NULL */
	/* For who is in no hurry, to have fewer and larger batches; both in us, 0: not at all. `fetch_wait`: how long the broker
	 * keeps records back until there are many. `gather`: how long what was read waits for more. */
	int64_t fetch_wait, gather;
	const char *const *sql;              /* embedded .sql files of the service, NULL-terminated; the worker's own (ledger,
	                                      * ticket, knowledge) are always there */
	const struct conf_key *keys;         /* further configuration keys; may be NULL */
	size_t conf_size;                    /* of the struct they fill */

	/* Once at start, after configuration, before any connection. *ret_state is the service's, freed by `close`. */
	enum verdict (*open)(struct worker *worker, const void *conf, void **ret_state, struct fault *fault);
	void (*close)(void *state);
	/* Before the transaction: checks and parses one item (TOPIC_OUTSIDE: schema check). May be NULL: then the worker only
	 * parses the data as JSON. REJECT refuses the item. Must not touch the database. */
	enum verdict (*check)(void *state, struct item *item, struct arena *arena, struct fault *fault);
	/* Inside the transaction, after the compare-and-set: load, decide in order, save. Items with `refused` are to be
	 * passed over. RETRY and FATAL as db gave them; REJECT: one of the items makes the database refuse: the worker
	 * rolls back and comes again with one item at a time, and the one that is REJECTed alone becomes a dead letter. */
	enum verdict (*handle)(void *state, struct batch *batch, struct fault *fault);
	/* May be NULL. A source was taken (memory about it is void) or is no longer ours. */
	void (*owned)(void *state, const char *topic, int32_t partition, bool owned);
	/* May be NULL. Called in every turn of the loop and at least every 200 ms, outside any transaction: the place for
	 * deliveries in flight and look-outs. Must not block; must not use the database but through `watch`. */
	void (*turn)(void *state, struct worker *worker, instant now);
	/* May be NULL: name of a statement without parameters that returns one int8 (a generation; "people_generation" is there). It is run at least every 200 ms;
	 * when its value has changed, and after every take, an item posted as "watch" is given to `handle` for every lane
	 * (TOPIC_LOG source) of this worker. */
	const char *watch;
	/* May be NULL: further lines for /metrics. */
	void (*metrics)(void *state, struct buf *out);
};

/* argv, configuration, signals, journal, sd_notify, loop, stop. The exit status of main. */
int worker_main(const struct service *service, int argc, char **argv);

/* ---- for handle ---- */

/* Queues one fact or copy for the outbox. Fills in what is not given: partition (-1: by the key, over the lanes), key (the
 * subject), id (deterministic from the item and its ordinal), source ("aftercare/SERVICE"), trace and cause (from the
 * item: its own cause, or itself when it is a claim). What its slices point to must live in the batch's arena. */
void batch_emit(struct batch *batch, struct item *item, const struct outgoing *outgoing);
/* The item has no effect but a dead letter. Facts already emitted for it are withdrawn; the caller must not have changed
 * state for it. The detail holds no personal data. */
void batch_refuse(struct batch *batch, struct item *item, enum reason reason, const char *format, ...) printf_like(4, 5);
/* A repeat of something already done: no effect, counted. */
void batch_repeat(struct batch *batch, struct item *item);
/* Sets or moves a timer of this source / cancels it (no matter whether it exists). Last call per key wins.
 * `item` (may be NULL) gives the cause and trace when the timer has none. */
void batch_timer_set(struct batch *batch, const struct item *item, const struct timer *timer);
void batch_timer_cancel(struct batch *batch, struct str key);
/* Ensures that the lane count is known; the number of partitions of the logs. */
int32_t worker_lanes(const struct worker *worker);
/* The lane of a ticket or thing. */
int32_t worker_lane(const struct worker *worker, struct str key);

/* ---- for turn ---- */
/* Puts an item before `handle` in the next batch of a source that this worker owns; lost when the process ends.
 * `body` is JSON text, copied. False when the source is not taken now. It survives outages and takes, not the loss of the lane. */
bool worker_post(struct worker *worker, const char *topic, int32_t partition, const char *name, struct str body);
/* An fd that the loop shall also wait for (readable), for `turn`; -1 takes it away. One per service. */
void worker_wait_fd(struct worker *worker, int fd);
/* `turn` is wanted at the latest in so many microseconds. */
void worker_wake_in(struct worker *worker, int64_t us);

#endif
