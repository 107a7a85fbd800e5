/* PostgreSQL in memory, and the one service that lives on it: rows, sessions, what is sent and what shall become of it. */
#ifndef AFTERCARE_TESTS_SIMULATOR_STORE_H
#define AFTERCARE_TESTS_SIMULATOR_STORE_H

#include "tests/simulator/simulator.h"

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

struct plans {
	struct plan items[PLANS_MAX];
	int count, sent;
};
extern struct plans plans;
extern struct store store;

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
/* The network between the two is cut; what is under way may arrive in part and late. */
void session_cut(struct session *session);
/* The server ends it. */
void session_end(struct session *session);
struct session *actor_session(const struct actor *actor);

/* ---- statements.c ---- */
/* False: it waits for session->waits_for. Errors stand in session->fault. */
bool statement_run(struct session *session, const struct operation *operation, struct db_result *result);
bool row_visible(const struct row *row, const struct session *session);
/* Aborts when ledger.sql is not the one that is emulated. */
void statements_check(void);

/* ---- service.c ---- */
/* Whether the body of a fact says that its reader will be refused. */
bool fact_is_bad(struct str body);

/* A worker's end of a connection. */
struct db {
	struct actor *actor;
	struct session *session;             /* NULL: not connected */
	bool lost;                           /* and the client has not noticed yet */
	struct operation *operations;
	size_t count, capacity;
	struct db_result *results;
	size_t result_count;
	void (*idle)(void *);
	void *userdata;
};

#endif
