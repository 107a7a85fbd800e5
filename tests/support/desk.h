/* A client as the systems around Aftercare are: it publishes claims and reads what comes of them, topics only.
 *
 * Everything in the logs is read from the beginning and kept in memory, so that a test asks "which facts has this ticket"
 * as often as it likes. Repeats are found as any reader of the logs finds them: per (topic, partition, writer) first copies
 * ascend in (incarnation, sourceseq). All waits end at a deadline; what waits longer fails the test and prints the history.
 *
 * JSON in C: texts given here may use ' in the place of ". */
#ifndef AFTERCARE_TESTS_SUPPORT_DESK_H
#define AFTERCARE_TESTS_SUPPORT_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/instant.h"
#include "tests/support/stack.h"

/* The desk reads the first four; a history (history.h) has all of them. */
enum desk_topic {
	DESK_TICKETS, DESK_DESK, DESK_MESSAGES, DESK_DEAD, DESK_TOPICS,
	DESK_INBOUND = DESK_TOPICS, DESK_STAFF, DESK_DIRECTORY, DESK_STATE, DESK_METRICS, DESK_TOPICS_ALL
};

struct desk_header {
	const char *name;
	const void *value;        /* NULL: a null header */
	size_t size;
};

/* One record as it was read; all texts end with a zero byte and "" stands for absent. */
struct record {
	enum desk_topic topic;
	int32_t partition;
	int64_t offset;
	char *key, *value;        /* NULL: null */
	size_t key_size, value_size;
	struct desk_header *headers;
	size_t header_count;
	const char *name;         /* "ticket.assigned": ce_type without prefix and version */
	const char *id, *source, *subject, *time, *writer, *origin, *cause_id, *cause_source;
	int32_t lane, revision;   /* -1, 0: absent */
	int64_t incarnation, sequence;
	bool copy;                /* a claim's */
	bool repeat;              /* not a first copy */
	json_t *data;             /* parsed when first asked for: desk_data */
};

/* Records of one ticket in the order of its lane, first copies only, those of all our topics but dead letters. */
struct desk_ticket {
	char *id;
	struct record **items;
	size_t count, capacity;
};

struct desk;

/* What was sent, and where it went once the broker has said so. */
struct sent {
	char id[128], source[64];
	char topic[64];
	int32_t partition;
	int64_t offset;           /* -1: not yet; -2: refused by the broker */
};

/* A claim; what is NULL or zero is filled in. */
struct claim {
	const char *name;         /* "staff.replied": its schema says on which topic */
	const char *topic;        /* another one than that: "aftercare.staff" */
	const char *ticket;       /* the subject */
	const char *key;          /* default: the ticket; without one, the id */
	const char *id, *source;  /* default: new ones */
	instant time;             /* 0: now; INSTANT_NONE: none */
	const char *data;
	const char *traceparent;
	bool structured;
};

struct desk *desk_open(const struct stack *stack);
/* Reads only what comes from now on. */
struct desk *desk_open_at_end(const struct stack *stack);
void desk_close(struct desk *desk);
const struct stack *desk_stack(const struct desk *desk);
instant desk_now(void);
/* Unique in this run: "NAME-k2x9-17". The text lives as long as the desk. */
const char *desk_unique(struct desk *desk, const char *name);
/* printf into a text that lives as long as the desk; ' is left alone. */
const char *desk_text(struct desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- publishing ---- */
const struct sent *desk_send(struct desk *desk, const struct claim *claim);
/* Any bytes; partition -1: by the key. */
struct raw {
	const char *topic;        /* "aftercare.inbound" */
	int32_t partition;
	const void *key, *value;
	size_t key_size, value_size;
	const struct desk_header *headers;
	size_t header_count;
};
const struct sent *desk_send_raw(struct desk *desk, const struct raw *raw);
/* Waits until the broker has everything. */
void desk_flush(struct desk *desk);

/* ---- reading ---- */
/* Reads what is there, waits at most so long for the first of it; the number of records. */
size_t desk_read(struct desk *desk, int wait_ms);
/* Reads until the condition holds or the deadline passes. */
bool desk_until(struct desk *desk, bool (*holds)(struct desk *desk, void *userdata), void *userdata);
/* Waits until the daemons have handled all that was published before and have published all that came of it, and reads it:
 * what is not there then will not come (but for timers that fall due). */
void desk_settle(struct desk *desk);
/* All that was read, in the order of reading. */
struct record *const *desk_records(const struct desk *desk, size_t *ret_count);

/* NULL when nothing about it has been read. */
const struct desk_ticket *desk_ticket(const struct desk *desk, const char *ticket);
size_t desk_ticket_count(const struct desk *desk);
void desk_each_ticket(const struct desk *desk, void (*each)(const struct desk_ticket *ticket, void *userdata), void *userdata);
/* The nth (from 1) fact of the name; NULL when it has not been read. */
const struct record *desk_find(const struct desk *desk, const char *ticket, const char *name, size_t nth);
size_t desk_count(const struct desk *desk, const char *ticket, const char *name);
/* The fact that came of a claim: whose cause is (id, source), of this name; NULL: not read yet. */
const struct record *desk_find_of(const struct desk *desk, const char *ticket, const char *name, const struct sent *cause);
/* The ticket that a request has opened; NULL when none is known yet. */
const char *desk_opened(const struct desk *desk, const struct sent *request);
/* The dead letter of what was sent; NULL: not read yet. */
const struct record *desk_dead(const struct desk *desk, const struct sent *sent);
size_t desk_dead_count(const struct desk *desk);
/* A record of a topic by name and one member of its data with that value; NULL: not read yet. */
const struct record *desk_find_thing(const struct desk *desk, enum desk_topic topic, const char *name, const char *path,
				     const char *value);

/* ---- waiting: fails the test at the deadline ---- */
const char *desk_expect_ticket(struct desk *desk, const struct sent *request);
const struct record *desk_expect(struct desk *desk, const char *ticket, const char *name);
const struct record *desk_expect_nth(struct desk *desk, const char *ticket, const char *name, size_t nth);
const struct record *desk_expect_of(struct desk *desk, const char *ticket, const char *name, const struct sent *cause);
/* The first fact of either name. */
const struct record *desk_expect_either(struct desk *desk, const char *ticket, const char *name, const char *other);
const struct record *desk_expect_dead(struct desk *desk, const struct sent *sent, const char *reason);
const struct record *desk_expect_thing(struct desk *desk, enum desk_topic topic, const char *name, const char *path,
				       const char *value);

/* ---- looking into records ---- */
/* The bytes of a header as text; NULL when it is not there. */
const char *record_header(const struct record *record, const char *name);
/* Its data, parsed (borrowed); NULL when it has none or it is no JSON. */
json_t *record_data(const struct record *record);
/* By path: "to", "policy.id", "missing.0". NULL when absent. */
json_t *record_get(const struct record *record, const char *path);
/* "" when absent or no text. */
const char *record_text(const struct record *record, const char *path);
double record_number(const struct record *record, const char *path);
/* INSTANT_NONE when absent or no time. */
instant record_time(const struct record *record, const char *path);
/* Whether a list has the text. */
bool record_lists(const struct record *record, const char *path, const char *text);

/* ---- checks (desk_check.c); each fails the test and says where ---- */
/* Of one ticket: revisions 1, 2, 3 ... of ticket.*; each clock one start, at most one breach and one end. */
void desk_check_ticket(const struct desk *desk, const char *ticket);
/* Of everything read: the same for each ticket, and first copies ascend per (writer, lane). */
void desk_check_all(const struct desk *desk);
/* Waits for rest, reads all topics and tables anew and checks all invariants (history.h). What was refused must have "poison" in
 * its id. */
void desk_check_history(struct desk *desk);
/* Of the whole database: that it is what the topics say (aftercarectl rebuild). The desk has settled and nothing is sent.
 * What rebuild said, to be given up with json_decref. */
json_t *desk_check_rebuild(struct desk *desk);
/* The same without judging, and its exit status. */
json_t *desk_rebuild(struct desk *desk, int *ret_status);
/* What it said of one table (borrowed); NULL when there is none of the name. */
json_t *rebuild_table(const json_t *verdict, const char *name);
void desk_print_ticket(const struct desk *desk, const char *ticket);
/* What a client would say that a test has failed: prints, then cmocka's fail(). */
void desk_fail(const struct desk *desk, const char *ticket, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

#endif
