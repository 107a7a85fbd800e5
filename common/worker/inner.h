/* What the files of the worker share; nobody else includes it. */
#ifndef AFTERCARE_WORKER_INNER_H
#define AFTERCARE_WORKER_INNER_H

#include <stdio.h>

#include "common/base/failpoint.h"
#include "common/base/mem.h"
#include "common/base/pace.h"
#include "common/base/rule.h"
#include "common/io/bus.h"
#include "common/io/conf.h"
#include "common/io/db.h"
#include "common/io/metrics.h"
#include "common/worker/worker.h"

#define TOPICS_MAX 16
#define BATCH_EVENTS_MAX 500
#define BATCH_BYTES_MAX (1u << 20)

struct worker_conf {
	const char *brokers;
	const char *database;
	const char *database_password;
	const char *instance;
	const char *metrics_listen;
	const char *log_level;
	const char *log_lost;
	const char *simulated_clock;
	int64_t batch_max_events;
	int64_t outstanding_max;
	int64_t outbox_keep;
	int64_t reconnect_max;
};

/* One reader's mark: how far a source has come with one writer of the log it reads. */
struct mark {
	struct str writer;         /* owned */
	int64_t incarnation, sequence;
	bool changed;
};

struct posting {
	struct posting *next;
	struct str name, body;     /* owned */
};

/* A (topic, partition) that the group gave us; mirrors its row while `taken`. */
struct source {
	int topic;                 /* index into service->topics */
	int32_t partition;
	bool owned;                /* the group says so */
	bool taken;                /* the row is ours on this connection: epoch and all that follows are good */
	bool placed;               /* the consumer has been given the position of this take: what it brings is good */
	bool release;              /* the group took it back: to be left in good order */

	int64_t id, epoch, incarnation;
	int64_t next_offset;       /* as in the row */
	int64_t out_seq;           /* as in the row */
	int64_t published_seq;     /* as in the row */
	char writer[128];          /* "routing/aftercare.tickets/3" */

	/* publishing: published_seq <= acked <= produced <= out_seq */
	uint64_t generation;       /* of this take; acknowledgements of an older one do not count */
	int64_t acked;             /* contiguous prefix that the broker has acknowledged in this generation */
	int64_t produced;
	unsigned char *acks;       /* ring of one byte per seq above `acked` */
	size_t ack_capacity;       /* power of two */

	/* reading */
	int64_t read_next;         /* offset expected from the bus */
	struct arena arena;        /* of the items waiting */
	struct item *items;
	size_t count, capacity, bytes;
	int64_t first_at;          /* monotonic time of the first waiting item */
	int64_t skipped_to;        /* offset behind records that nobody wants, not committed yet; 0: none */
	int64_t high;              /* newest offset seen, for lag */
	struct posting *postings;

	struct mark *marks;
	size_t mark_count, mark_capacity;

	instant next_due;          /* of the earliest timer; INSTANT_NONE: none */
	int64_t row_at;            /* monotonic time of the last compare-and-set */
	int64_t timers_at;         /* monotonic time of the last firing */
	int64_t pruned_to;         /* seq up to which the outbox is known to be cleared */

	size_t width;              /* items of one transaction, 0: all; see narrow.c */

	/* a crash came before us: see work.c */
	bool careful, careful_timers, single_timers;
	int64_t suspect_until;
	int64_t survived_what;     /* what a try of ours ended without a crash of, and the attempts counted by then */
	int survived;
	bool anew;                 /* next batch is the first after a take or a rollback */
};

struct counters {
	uint64_t events, skipped, repeats, refused, facts, batches, timers, takes, retries;
	uint64_t acknowledged;
	int64_t lateness;          /* us, of the last fired timer */
};

struct worker {
	const struct service *service;
	struct worker_conf conf;
	struct conf *conf_owner;
	void *state;
	struct db *db;
	struct bus *bus;
	struct metrics *metrics;
	void *loop;                /* sd_event */

	struct source **sources;
	size_t source_count;
	size_t turn_from;          /* fairness: which source is looked at first */
	uint64_t generation;
	bool assignment_changed;
	bool group_joined;
	bool producer_failed;
	size_t rewound;            /* sources whose log was made anew */
	bool stopping;
	int exit_status;
	bool ready;

	const char *topics[TOPICS_MAX];   /* names of what we read, NULL-terminated: the bus keeps the list */
	const char *out_topics[8]; /* names and partition counts of the topics we write */
	int32_t out_partitions[8];
	size_t out_count;

	bool database_down, broker_down;
	bool topics_unknown;       /* topics that we write are not there yet */
	struct source *troubled;   /* the outage was met in its transaction: over when one of its transactions succeeds */
	int64_t database_down_at;  /* monotonic */
	int64_t reconnect_at, reconnect_wait;
	int64_t failed_at, committed_at;  /* monotonic: last outage met, last commit of a batch or a beat */
	struct pace pace;          /* of a simulated clock */
	instant now_floor;         /* now never runs backwards */
	int64_t wall_offset;       /* wall minus monotonic, as last believed */
	int64_t timers_held_until; /* monotonic; 0: not held */

	int64_t watch_value;
	int64_t watch_at;
	bool watch_pending;
	int64_t status_at;
	uint64_t status_events;
	int64_t prune_at, report_at;
	int wait_fd;
	int64_t wake_at;           /* monotonic; INT64_MAX: not asked for */

	struct arena batch_arena;  /* of the transaction at hand */
	struct arena spare_arena;  /* swapped with a source's when its items are taken up */
	struct arena scratch_arena;
	struct counters counters;
};

/* ---- time.c ---- */
/* Monotonic microseconds. */
int64_t worker_monotonic(void);
/* The wall clock as it stands. */
instant worker_wall(void);

/* ---- clock.c ---- */
/* `now` of a batch: the wall clock, never behind an earlier answer. */
instant worker_now(struct worker *worker);
/* Once a turn: holds the timers for a while when the wall clock has jumped. */
void worker_clock_watch(struct worker *worker);

/* ---- open.c ---- */
/* Database, service and bus from the configuration; joins the group. Nothing is waited for. What was made before it failed
 * is for worker_stop. */
enum verdict worker_open(struct worker *worker, const void *service_conf, struct fault *fault) must_check;
/* What was begun is finished: everything published, the rows left in good order, the group left; then all is freed. */
void worker_stop(struct worker *worker);

/* ---- source.c ---- */
struct source *source_find(struct worker *worker, int topic, int32_t partition);
struct source *source_add(struct worker *worker, int topic, int32_t partition);
void source_free(struct source *source);
/* The database lost, a compare-and-set failed, the producer failed: nothing in memory about the row is believed. */
void source_forget(struct source *source);
void sources_forget_all(struct worker *worker);
/* Takes every owned source that is not taken, and gives the consumer its positions. */
enum verdict sources_take(struct worker *worker, struct fault *fault) must_check;
/* One compare-and-set for all sources that had none for a second; also writes watermarks and refreshes timer gates. */
enum verdict sources_beat(struct worker *worker, bool leaving, struct fault *fault) must_check;
/* Whether the log event is a repeat by (writer, incarnation, sequence); remembers it otherwise. */
bool source_repeat(struct source *source, const struct event *event);
/* What is remembered, to be put back when the transaction fails. */
struct mark *source_marks_save(const struct source *source, struct arena *arena, size_t *ret_count);
void source_marks_restore(struct source *source, const struct mark *saved, size_t count);
void source_drop_items(struct source *source);
/* The first so many of them. */
void source_drop_postings(struct source *source, size_t count);
/* Whether one of this name waits. */
bool source_posted(const struct source *source, const char *name);

/* ---- batch.c ---- */
struct emission {
	struct item *item;
	struct outgoing outgoing;
	bool withdrawn;
};
struct timer_change {
	struct timer timer;
	bool cancel;
	uint32_t order;
};
struct batch_inner {
	struct batch batch;        /* first: a struct batch * is a struct batch_inner * */
	struct source *source;
	struct emission *emissions;
	size_t emission_count, emission_capacity;
	struct timer_change *timers;
	size_t timer_count, timer_capacity;
	uint64_t repeats;
};
enum work { WORK_ITEMS, WORK_POSTINGS, WORK_TIMERS };
/* One transaction; rolled back unless OK. OK also when the source turned out to be somebody else's: then it is not taken any
 * more and nothing was done. *count falls by the repeats that were dropped from `items`; of timers it is not used, `limit` says
 * how many. `refuse_timer` (else NULL) is why the one timer that is about to be fired becomes a dead letter. */
enum verdict batch_transaction(struct worker *worker, struct source *source, enum work work, struct item *items, size_t *count,
			       int64_t next, size_t limit, const struct fault *refuse_timer, struct fault *fault) must_check;
void item_refuse(struct item *item, const struct fault *fault, struct arena *arena);

/* ---- narrow.c ---- */
/* The same in as many transactions as it takes, with a refusal of the database narrowed down to the items that cause it.
 * *ret_done (may be NULL) counts the items that are behind us, also when the verdict is not OK. */
enum verdict batch_narrowed(struct worker *worker, struct source *source, enum work work, struct item *items, size_t count,
			    int64_t next, size_t *ret_done, struct fault *fault) must_check;

/* ---- work.c ---- */
/* What waits at a source, records or postings, in one transaction (one at a time after a crash or a refusal of the
 * database); publishes what it gave. OK as with batch_transaction. */
enum verdict batch_run_items(struct worker *worker, struct source *source, struct fault *fault) must_check;
enum verdict batch_run_postings(struct worker *worker, struct source *source, struct fault *fault) must_check;
/* Fires what is due, at most one batch of it. */
enum verdict batch_run_timers(struct worker *worker, struct source *source, struct fault *fault) must_check;

/* ---- rival.c ---- */
/* Whether another process has taken our rows under our own name; may look for some seconds. */
bool worker_has_rival(struct worker *worker);

/* ---- outcome.c: what a batch leaves behind, queued for its commit ---- */
struct published {
	const char *topic;
	int32_t partition;
	struct str key, headers, value;
};
/* REJECT too_large when a fact could never be published: in the outbox it would stop its source for ever. The items that
 * would have such facts are refused early: done again, the batch does without them. */
enum verdict outcome_check(struct batch_inner *inner, struct fault *fault) must_check;
/* A rule broken: what comes before is committed on its own. */
void outcome_split(struct batch_inner *inner);
/* Queues outbox rows, dead letters, timers, marks; returns the rows to publish after the commit (batch arena). */
void outcome_queue(struct batch_inner *inner, const struct published **ret_rows, size_t *ret_count);
int32_t worker_partitions(struct worker *worker, const char *topic);

/* ---- publish.c ---- */
/* Hands committed rows to the producer; seqs follow source->produced. */
void publish_rows(struct worker *worker, struct source *source, const struct published *rows, size_t count);
/* Reads committed rows that are not handed over yet from the outbox (after a take) and hands them over. */
enum verdict publish_reload(struct worker *worker, struct source *source, struct fault *fault) must_check;
/* An acknowledgement of the broker. */
void publish_acknowledged(struct worker *worker, uint64_t generation, int64_t seq);
bool publish_has_room(const struct worker *worker);

/* ---- intake of records: read.c ---- */
/* Takes what the bus has, decodes and checks it into the sources' items. Returns how many records were read. */
size_t read_records(struct worker *worker, size_t most);
/* Checks those that were left unchecked because a crash came before us; what they need is from the arena. Returns how many
 * items are left: what is none of ours is dropped. */
size_t read_check(struct worker *worker, struct source *source, struct item *items, size_t count, struct arena *arena);
/* Only the envelope of one; what is no event keeps just its bytes. */
void read_envelope(struct item *item, struct arena *arena);

/* ---- loop.c ---- */
/* One turn; returns the microseconds that the loop may wait. */
int64_t worker_turn(struct worker *worker);
/* ---- status.c ---- */
void worker_status(struct worker *worker);
/* For metrics_new; userdata is the worker. */
void worker_metrics(void *userdata, struct buf *out);
bool worker_healthy(void *userdata);

/* ---- loop.c ---- */
/* Writes down an outage once, and its end. */
void worker_database_trouble(struct worker *worker, const struct fault *fault);
void worker_database_back(struct worker *worker);

#endif
