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
#define WORKERS_MAX 12
#define GROUPS_MAX 6

#define TABLE(type) { type **items; size_t count, capacity; }

/* ---- the broker ---- */
/* The memory's service knows the first so many. */
enum log {
	LOG_INBOUND, LOG_TICKETS, LOG_DESK, LOG_MESSAGES, LOG_DEAD, LOGS_OF_ONE, LOG_STAFF = LOGS_OF_ONE, LOG_DIRECTORY, LOG_STATE,
	LOG_METRICS, LOGS
};
extern const char *const log_names[LOGS];    /* their topics */
struct entry {
	struct str key, value;
	const struct bus_header *headers;
	size_t header_count;
};
struct message {
	enum log log;
	int32_t partition;
	struct entry record;
	uint64_t tag;
	int64_t seq;
};
struct queue {
	struct TABLE(struct message) messages;
	int64_t not_before;
};
struct broker {
	struct TABLE(struct entry) logs[LOGS][LANES];
	struct TABLE(struct queue) orphans;         /* of producers that are no more */
	int64_t down_until;
	int64_t slow_until[LOGS][LANES];     /* its leader is away: nothing arrives there */
	int owner[GROUPS_MAX][LOGS][LANES];  /* by the group; -1: nobody */
	int64_t generation[GROUPS_MAX];
};

/* ---- workers ---- */
struct actor {
	int number;
	int group;
	const struct service *service;       /* the group's */
	const void *service_conf;
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
	char name[20];
};

struct world {
	struct arena arena;
	uint64_t seed, random;
	int64_t now;                         /* monotonic */
	int64_t wall_offset;
	FILE *trace;                         /* NULL: not wanted */
	char violation[400];                 /* the first; empty: none */
	int kills, kills_most;               /* kill -9 besides those of the poison */
	bool keeps_all;                      /* outboxes are never cleared */
	int64_t faults_left, faults_every;   /* in steps, at random */
	int faults_group;                    /* whom most of them meet; -1: anybody */
	uint64_t faults, steps;
	struct broker broker;
	int log_count;                       /* logs that are in use */
	int group_count;
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

/* ---- broker.c ---- */
void broker_open(void);
void broker_append(enum log log, int32_t partition, const struct entry *record);
/* How many things could be delivered, and one of them. */
size_t broker_ready(void);
void broker_step(size_t which);
int64_t broker_next(void);
bool broker_quiet(void);
/* The group decides anew; at random or by range. */
void group_decide(int group, bool at_random);
enum log log_of(const char *topic);
void bus_fail_producer(struct bus *bus);
/* The leader of one partition is away for a while. */
void broker_slow(int64_t us);
/* The process is gone: what its producer held may arrive in part. */
void bus_died(struct bus *bus);

/* ---- the database: memory/store.c, or postgres/server.c on a real one ---- */
/* Once, before any run; false, with the reason on stderr, when it cannot be had. */
bool server_begin(void);
void server_end(void);
/* Of each run. */
bool server_open(void);
void server_close(void);
/* What the actor connects to. */
const char *server_conninfo(const struct actor *actor);
/* How many things the server could do now, and one of them. */
size_t server_ready(void);
void server_step(size_t which);
/* What it does as time goes by, and when the next of that is; INT64_MAX: never. */
void server_watch(void);
int64_t server_next(void);
/* Whether an actor that waits for the server has its answer. */
bool server_answered(const struct actor *actor);
/* The network between the two is cut; what is under way may arrive in part and late. */
void server_cut(struct actor *actor);
/* The server ends the connection. */
void server_drop(struct actor *actor);
void server_restart(int64_t away);
void server_deadlock(struct actor *actor);
/* Something becomes of the next COMMIT. */
void server_trap(void);
/* The process is gone. */
void server_bury(struct actor *actor);

/* ---- the world outside: memory/service.c, or postgres/outside.c ---- */
/* How many seeds one process runs, and how many pass between two that are run twice. */
extern const uint64_t runs_at_once, runs_compared;
/* Of the program, and what chooses it in `make simulate`. */
extern const char *const program_name, *const program_words;
/* Who takes part, and what is going to be sent. */
void outside_open(void);
bool outside_begun(void);
bool outside_done(void);
/* Sends what is next, if it is time. */
void outside_send(void);
/* It sees what arrives. */
void outside_look(enum log log, int32_t partition, const struct entry *entry);

/* ---- schedule.c ---- */
/* From inside a worker: others go on. */
void actor_yield(void);
/* The running process is dead. */
_Noreturn void actor_crash(void);
void actor_wake(int number, int64_t in);
/* One run; false: violated. */
bool simulate(uint64_t seed, FILE *trace);

/* ---- memory/verdict.c, or postgres/judge.c ---- */
/* Whether there is nothing more to be done; says why not in the violation when `complain`. */
bool at_rest(bool complain);
void verdict_give(void);

#endif
