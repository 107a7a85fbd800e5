/* The simulator: real workers (common/worker, as delivered) of one small service in one process, on a bus and a database in
 * memory and a clock of its own. One seed decides everything: which worker goes on, which statement the server runs next, what
 * arrives, what breaks. The same seed is the same run, to the byte.
 *
 * What is stood for: PostgreSQL by store.c and statements.c (sessions that outlive their clients, row locks, the statements of
 * ledger.sql by name), Kafka by broker.c. Everything is in memory of the run and forgotten with it. */
#ifndef AFTERCARE_TESTS_SIMULATOR_H
#define AFTERCARE_TESTS_SIMULATOR_H

#include <stdio.h>
#include <ucontext.h>

#include "common/worker/inner.h"

#define LANES 2
#define WORKERS_MAX 3
#define PLANS_MAX 24

/* ---- what is sent from outside, and what shall become of it ---- */
enum plan_kind {
	PLAN_FACTS,          /* takes effect and gives facts */
	PLAN_SET,            /* sets a timer (or moves it) */
	PLAN_CANCEL,         /* cancels it */
	PLAN_REPEAT,         /* an earlier one again */
	PLAN_REFUSED,        /* from here on poison: the service refuses it */
	PLAN_VIOLATES,       /* the database refuses it */
	PLAN_GARBAGE,        /* its data is no JSON */
	PLAN_CRASHES,        /* the process dies of it */
};
struct plan {
	enum plan_kind kind;
	int32_t lane;
	int64_t offset;      /* in its partition, once sent */
	int facts;
	bool bad_fact;       /* the database refuses what the reader of its first fact does */
	int64_t key;         /* of its timer */
	int64_t delay;       /* us until that is due */
	int of;              /* what it repeats */
};

/* ---- the database ---- */
struct session;
/* A version of a row: seen by others from the commit on. */
struct row {
	struct session *born_by, *dead_by;   /* uncommitted */
	bool gone;                           /* rolled back, or its end is committed */
};
struct source_values {
	int64_t epoch, incarnation, next_offset, out_seq, published_seq, suspect_until, attempt_offset, attempts;
	bool clean;
	const struct session *taker;         /* whose take was the last */
	struct str owner;
};
struct source_row {
	int64_t id;
	struct str topic;
	int32_t partition;
	struct source_values now, committed;
	struct session *locker;
};
struct outbox_row {
	struct row row;
	int64_t source, first, last, incarnation;
	size_t count;
	const struct str *topics, *keys, *headers, *values;
	const int64_t *partitions;
	bool pruned;
};
struct timer_row {
	struct row row;
	int64_t source, due;
	struct str key, rest[7];             /* kind, ticket, data, cause_id, cause_source, traceparent, tracestate */
};
struct mark_row {
	struct row row;
	int64_t source, incarnation, sequence;
	struct str writer;
};
struct dead_row {
	struct row row;
	struct str topic, detail, value;
	int64_t partition, offset;
};
/* What the service did, in the order of its doing. */
enum effect_what { EFFECT_INPUT, EFFECT_SET, EFFECT_CANCEL, EFFECT_FIRED, EFFECT_FACT, EFFECT_VIOLATION };
struct effect_row {
	struct row row;
	int64_t source, what, offset, number, due, now, incarnation, sequence;
};
struct seen_row {
	struct row row;
	int64_t number;
};
#define TABLE(type) { type **items; size_t count, capacity; }
struct store {
	struct TABLE(struct source_row) sources;
	struct TABLE(struct outbox_row) outbox;
	struct TABLE(struct timer_row) timers;
	struct TABLE(struct mark_row) marks;
	struct TABLE(struct dead_row) dead;
	struct TABLE(struct effect_row) effects;
	struct TABLE(struct seen_row) seen;
	struct TABLE(struct session) sessions;
	int64_t refused_until;               /* the server takes no connections */
	int commit_trap;                     /* the next COMMIT: 0 goes through; else see store.c */
	int next_session;
};

/* ---- the broker ---- */
enum log { LOG_INBOUND, LOG_TICKETS, LOG_DESK, LOG_MESSAGES, LOG_DEAD, LOGS };
extern const char *const log_names[LOGS];    /* their topics */
struct record {
	struct str key, value;
	const struct bus_header *headers;
	size_t header_count;
};
struct message {
	enum log log;
	int32_t partition;
	struct record record;
	uint64_t tag;
	int64_t seq;
};
struct queue {
	struct TABLE(struct message) messages;
	int64_t not_before;
};
struct broker {
	struct TABLE(struct record) logs[LOGS][LANES];
	struct TABLE(struct queue) orphans;         /* of producers that are no more */
	int64_t down_until;
	int64_t slow_until[LOGS][LANES];     /* its leader is away: nothing arrives there */
	int owner[LOGS][LANES];              /* by the group; -1: nobody */
	int64_t generation;
};

/* ---- workers ---- */
struct actor {
	int number;
	bool alive;                          /* a process */
	bool crashed;                        /* by itself, to be buried */
	bool member;                         /* of the group, which may not know yet that it is dead */
	int64_t start_at;                    /* when not alive */
	int64_t stopped_until;               /* SIGSTOP */
	int64_t heard_at;                    /* by the group */
	int64_t wake_at;
	bool in_sync;                        /* waits for the server */
	ucontext_t context;
	char *stack;
	struct worker worker;
	char name[8];
};

struct world {
	struct arena arena;
	uint64_t seed, random;
	int64_t now;                         /* monotonic */
	int64_t wall_offset;
	FILE *trace;                         /* NULL: not wanted */
	char violation[400];                 /* the first; empty: none */
	int kills;                           /* kill -9 besides those of the poison */
	uint64_t faults, steps;
	struct store store;
	struct broker broker;
	struct plan plans[PLANS_MAX];
	int plan_count, sent;
	struct actor actors[WORKERS_MAX];
	int actor_count;
	struct actor *current;
	ucontext_t scheduler;
};
extern struct world world;

#define table_add(table, item) \
	(arena_grow(&world.arena, &(table).items, &(table).capacity, (table).count + 1, sizeof(*(table).items)), \
	 (table).items[(table).count++] = (item))
#define table_each(table, i) for (size_t i = 0; i < (table).count; i++)

/* ---- world.c ---- */
/* 0 .. n - 1 */
int64_t chance(int64_t n);
/* true once in n */
bool once_in(int64_t n);
void say(const char *format, ...) printf_like(1, 2);
void violated(const char *format, ...) printf_like(1, 2);

/* ---- store.c ---- */
struct cell {
	bool null;
	int64_t number;
	struct str text;
};
struct db_param {
	enum db_column type;
	bool array;
	size_t count;
	const int64_t *numbers;
	const struct str *texts;
};
struct db_result {
	const char *name;
	size_t rows, columns, capacity;
	struct cell *cells;
	int64_t affected;
};
struct operation {
	const char *name;
	bool plain;
	const struct db_param *params;
	size_t count;
};
enum transaction { TRANSACTION_NONE, TRANSACTION_OPEN, TRANSACTION_FAILED };
struct session {
	int number;
	struct db *client;                   /* NULL: gone */
	struct operation *operations;
	size_t count, at;
	bool busy;
	enum transaction transaction;
	struct TABLE(struct row) touched;
	struct session *waits_for;
	struct fault fault;
	struct db_result *results;
	size_t result_count;
	int64_t idle_since, not_before;
	bool ended;
	int64_t trouble;                     /* so many of the next statements meet a deadlock */
};
/* Whether the server could go on with it now. */
bool session_ready(const struct session *session);
/* One statement. */
void session_step(struct session *session);
/* The server ends those that idle in a transaction. */
void sessions_watch(void);
/* When one of them will be ended, or go on; INT64_MAX: none. */
int64_t sessions_next(void);
/* The network between the two is cut; what is under way may arrive in part and late. */
void session_cut(struct session *session);
/* The server ends it. */
void session_end(struct session *session);
struct session *actor_session(const struct actor *actor);
bool sync_over(const struct actor *actor);

/* ---- statements.c ---- */
/* False: it waits for session->waits_for. Errors stand in session->fault. */
bool statement_run(struct session *session, const struct operation *operation, struct db_result *result);
bool row_visible(const struct row *row, const struct session *session);
/* Aborts when ledger.sql is not the one that is emulated. */
void statements_check(void);

/* ---- broker.c ---- */
void broker_open(void);
void broker_append(enum log log, int32_t partition, const struct record *record);
/* How many things could be delivered, and one of them. */
size_t broker_ready(void);
void broker_step(size_t which);
int64_t broker_next(void);
bool broker_quiet(void);
/* The group decides anew; at random or by range. */
void group_decide(bool at_random);
void bus_fail_producer(struct bus *bus);
/* The leader of one partition is away for a while. */
void broker_slow(int64_t us);
/* The process is gone: what its producer held may arrive in part. */
void bus_died(struct bus *bus);

/* ---- service.c ---- */
/* Whether the body of a fact says that its reader will be refused. */
bool fact_is_bad(struct str body);
extern const struct service simulated_service;
/* Sends the next plan. */
void plan_send(void);
void plans_make(void);

/* ---- schedule.c ---- */
/* From inside a worker: others go on. */
void actor_yield(void);
/* The running process is dead. */
_Noreturn void actor_crash(void);
void actor_wake(int number, int64_t in);
/* One run; false: violated. */
bool simulate(uint64_t seed, FILE *trace);

/* ---- verdict.c ---- */
/* Whether there is nothing more to be done; says why not in the violation when `complain`. */
bool at_rest(bool complain);
void verdict_give(void);

#endif
