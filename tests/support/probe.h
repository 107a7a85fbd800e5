/* A service whose only purpose is to be tested: its events say what its handle shall do, so that everything the worker
 * promises can be provoked from outside. And all it lives on: a PostgreSQL, a devbroker, the daemon as a process of its own.
 *
 * The daemon is the test program itself, started again: main() gives its arguments to probe_daemon() first. It reads
 * aftercare.inbound (from outside) and aftercare.tickets (a log) and writes to aftercare.messages. What it did stands in
 * probe.effect, one row per item that took effect.
 *
 * Data of an event, every member optional; texts of letters, digits and -_.:/ only:
 *   "emit": 3                    so many facts
 *   "big": 1000000               one fact with so many bytes
 *   "once": true                 a repeat by (source, id) has no effect
 *   "set": {"key": "k", "in_ms": 100, "then": {...}}   a timer; when it fires, `then` is done
 *   "cancel": "k"
 *   "post": {...}                posts itself an item that does this
 *   "lock": 7                    waits for that advisory lock
 *   "refuse": true               a dead letter
 *   "abort" | "check_abort" | "retry" | "fatal" | "violate": "s"   in handle, in check, ...; while probe.switch says so of s
 *                                (check_abort: while the file DIRECTORY/s exists)
 *
 * Waits end at a deadline and fail the test then. No test sleeps for the sake of time. */
#ifndef AFTERCARE_TESTS_SUPPORT_PROBE_H
#define AFTERCARE_TESTS_SUPPORT_PROBE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "common/worker/worker.h"
#include "tests/support/postgres.h"
#include "tests/support/stack.h"

#define PROBE_PARTITIONS 2            /* of inbound and of tickets; messages has 3 */

extern const struct service probe_service;

struct probe {
	struct postgres postgres;
	PGconn *sql;                  /* as superuser, search_path probe */
	char directory[64], brokers[64];
	pid_t broker, daemon;
	rd_kafka_t *producer;
	size_t undelivered;
	int port;                     /* of the broker */
	int instance;                 /* of the daemon; a copy of the struct with another one and no daemon starts a second */
	int session_ms;               /* of its membership, by the broker's clock; 0: 12000 */
	const char *settings;         /* further lines of its configuration, or NULL */
	const char *route;            /* further words of its conninfo: another way to the server; or NULL */
	bool patient;                 /* its pauses between two tries of an outage are those of the product, not our short ones */
	bool mortal;                  /* the broker may die: what it has not taken then is not waited for */
	bool phantoms;                /* the log may have facts that the database has lost (a failover was played) */
};

/* When the arguments are those of the daemon, runs it and ends the process. */
void probe_daemon(int argc, char **argv);

/* ---- what it lives on ---- */
/* Group fixtures; *state is the struct probe *. */
int probe_open(void **state);
/* On a broker that is there already. */
int probe_open_on(void **state, const char *brokers);
int probe_close(void **state);
/* Before each test: what one that failed may have left held, stopped or switched on is let go, and the daemon runs. */
int probe_calm(void **state);
#define PROBE_TEST(test) cmocka_unit_test_setup(test, probe_calm)
/* Starts the daemon unless it runs. */
void probe_start(struct probe *probe);
/* SIGKILL. */
void probe_kill(struct probe *probe);
/* SIGSTOP to a child of ours, until it stands: its threads run on until one of them has taken the signal. */
void probe_freeze(pid_t pid);
/* SIGTERM; its exit status. */
int probe_stop(struct probe *probe);
/* Waits until the daemon has ended by itself; its exit status, or 128 + the signal. */
int probe_ended(struct probe *probe);
/* Whether it runs; takes note of its end. */
bool probe_runs(struct probe *probe);
/* The server down, in the way of the signal (SIGINT: fast, SIGQUIT: immediate), and up again; false when it is not ours to stop. */
bool probe_database_end(struct probe *probe, int number);
/* The same with SIGINT. */
bool probe_database_stop(struct probe *probe);
void probe_database_start(struct probe *probe);
/* The broker; what it had is gone when it is stopped. */
void probe_broker_stop(struct probe *probe);
void probe_broker_start(struct probe *probe);
/* An advisory lock that items wait for; probe_hold waits until nobody else has it. */
void probe_hold(struct probe *probe, int lock);
void probe_release(struct probe *probe, int lock);
/* Waits until the daemon waits for it. */
void probe_until_waiting(struct probe *probe);
/* Lines of the daemon's log that contain the words. */
int probe_said(const struct probe *probe, const char *words);

/* ---- SQL ---- */
void probe_do(struct probe *probe, const char *format, ...) printf_like(2, 3);
/* The first column of the first row; 0 when there is none. */
int64_t probe_number(struct probe *probe, const char *format, ...) printf_like(2, 3);
/* Waits until that is `want`. */
void probe_until(struct probe *probe, int64_t want, const char *format, ...) printf_like(3, 4);
void probe_fail(struct probe *probe, const char *format, ...) printf_like(2, 3);
/* What the test does from now on: said, with the calls that led there, when it is told to end. Those that wait say it of
 * themselves. */
void probe_stands(const char *format, ...) printf_like(1, 2);
/* Turns a kind of trouble on (1) or off (0). */
void probe_switch(struct probe *probe, const char *name, int value);

/* ---- topics ---- */
/* An event from outside; ' stands for ". */
void probe_send(struct probe *probe, int partition, const char *id, const char *format, ...) printf_like(4, 5);
/* A fact of the log, by a writer of ours. */
struct probe_fact {
	const char *writer, *id, *name;     /* name: "probe.fact" is wanted, anything else is passed over */
	int64_t incarnation, sequence;
	int lane;
};
void probe_send_fact(struct probe *probe, const struct probe_fact *fact, const char *data);
/* Any bytes. */
void probe_send_bytes(struct probe *probe, const char *topic, int partition, const void *value, size_t size);
/* Waits until the broker has all of it. */
void probe_flush(struct probe *probe);

/* A record of a topic of ours as it was read. */
struct probe_record {
	int partition;
	int64_t offset, incarnation, sequence;
	char *writer;                       /* "" when it has none */
	char *value;
	size_t size;
	char *headers;                      /* "name=value\n" of each, in their order */
};
struct probe_log {
	struct probe_record *items;
	size_t count, capacity;
};
/* All of the topic, from its beginning to its present end. */
void probe_read(struct probe *probe, const char *topic, int partitions, struct probe_log *ret_log);
void probe_log_free(struct probe_log *log);

/* Everything at rest: all that was issued is published; seqs 1..n without gap in the outbox; first copies in the log ascend in
 * (incarnation, seq) per source and partition and are the rows of the outbox, byte for byte. */
void probe_check(struct probe *probe);

#endif
