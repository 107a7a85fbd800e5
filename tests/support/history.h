/* A run of the system as it can be read afterwards, and what must hold of it: the invariants I1-I8 of the fault tests.
 *
 * A history is the topics' records and the database's rows, in memory and nothing else: the checks can be tried on histories
 * that are false. Its reader (history_read.c) knows broker and database, the checks know neither. Nothing here uses what the
 * daemons decode, fold or compare with. */
#ifndef AFTERCARE_TESTS_SUPPORT_HISTORY_H
#define AFTERCARE_TESTS_SUPPORT_HISTORY_H

#include "tests/support/desk.h"

#define INVARIANTS(X) \
	X(1, "state", "each input has its effect once; tables are the fold of the log") \
	X(2, "position", "each source stands at the end of its log") \
	X(3, "outbox", "numbers 1 to n without gap, all of it published") \
	X(4, "log", "first copies ascend, are what the outbox has, and tickets go on step by step") \
	X(5, "clocks", "one start, at most one breach, one end, never before it is due") \
	X(6, "refusals", "dead letters are what was to be refused, each once") \
	X(7, "owners", "no number is issued twice, none by an owner of the past") \
	X(8, "progress", "nothing waits, nothing is overdue")
#define INVARIANT_MAX 9

/* One fact of an outbox. */
struct outbox_row {
	char writer[128];         /* "routing/aftercare.tickets/3" */
	int64_t sequence, incarnation;
	char topic[40];
	int32_t partition;
	char digest[65];          /* history_digest of the record that it is to be */
};

struct history {
	struct record **records;  /* of each partition in the order of its offsets */
	size_t record_count, record_capacity;
	bool borrowed;            /* the records are somebody else's */
	bool complete;            /* everything was read, at rest; otherwise only what holds at any moment is checked */
	json_t *ends;             /* {"aftercare.tickets/3": 120} */
	/* {"routing": {"source": [{"topic": ...}], "ticket": [...], "timer": [...]}}; NULL: no database */
	json_t *rows;
	struct outbox_row *outbox;
	size_t outbox_count, outbox_capacity;
	instant now;              /* of the database when the rows were read; 0: its times say nothing (a simulated clock) */
	int64_t outbox_keep;      /* how many published facts the daemons keep at least */
	/* What was to be refused: a text in the id or the key of an input, and further ids or "TOPIC/PARTITION/OFFSET". */
	const char *poison;
	const char *const *refused; /* NULL-terminated, or NULL */
	bool any_refused;         /* what was refused is not looked into */
};

/* What the checks have found. */
struct report {
	size_t looked[INVARIANT_MAX], broken[INVARIANT_MAX];
	json_t *violations;       /* [{"invariant": "I4", "about": TICKET or "", "text": ...}] */
};

/* ---- making one ---- */
struct history *history_new(void);
void history_free(struct history *history);
/* Takes the record over. */
void history_add(struct history *history, struct record *record);
struct outbox_row *history_outbox_add(struct history *history);
/* The rows of a table; an empty array when it is not there. Borrowed. */
json_t *history_rows(const struct history *history, const char *service, const char *table);
/* SHA-256, in hexadecimal, of headers, key and value as the outbox keeps them. */
void history_digest(const struct record *record, char ret_digest[static 65]);
/* Reads all topics and all tables, at rest: waits until every source has read and published everything, at most so long. What
 * is not at rest then is for the checks to say. NULL, with the reason on stderr, when broker or database cannot be read. */
struct history *history_read(const char *brokers, const char *database, int seconds);
/* Only the tables, as they are now; records and ends are the caller's to add. False, with the reason on stderr. */
bool history_read_rows(struct history *history, const char *database);

/* ---- judging it ---- */
/* Marks first copies and repeats, then everything that can be checked of what the history has. To be given up with
 * report_done. */
void history_check(const struct history *history, struct report *ret_report);
void report_done(struct report *report);
size_t report_broken(const struct report *report);
/* The first violation's words and the ticket it is about ("" for none); NULL when there is none. */
const char *report_first(const struct report *report, const char **ret_about);
/* A line per invariant and at most so many violations of each. */
void report_print(const struct report *report, FILE *out, size_t most);
json_t *report_json(const struct report *report);

#endif
