/* rebuild: what the command (rebuild.c), the empty database (rebuild_target.c), reading the topics (rebuild_read.c), the list of
 * tables (rebuild_tables.c), comparing (rebuild_compare.c) and telling (rebuild_tell.c) share. */
#ifndef AFTERCARE_CTL_REBUILD_H
#define AFTERCARE_CTL_REBUILD_H

#include "services/ctl/kafka.h"

/* A table whose rows are a function of the topics. */
struct rebuild_table {
	const char *name;              /* "sla.clock" */
	const char *topic;             /* that alone tells of some of its rows: where records of it are gone, extra rows are not judged */
	const char *make;              /* statement that makes its rows; NULL: another one's, or the reading itself */
	const char *rows;              /* statement that declares the cursor of (key, row as JSON) */
	const char *made;              /* (or NULL) the same for the rows made anew, where it differs; its rows may lack members: not known */
	bool sums;                     /* a row adds up many things: it is another one where some of them are gone from the topic */
	const char *also;              /* another topic of which the same is true; or NULL */
};
extern const struct rebuild_table rebuild_tables[];    /* in the order of making; name NULL ends the list */

/* What is not compared, and why: a whole table, or columns (or rows) of one. */
struct rebuild_excluded {
	const char *table;             /* "intake.claim", or "*.outbox": of every schema */
	const char *what;              /* columns or rows; NULL: all of it */
	const char *why;
};
extern const struct rebuild_excluded rebuild_excluded[];

/* What is read, NULL-terminated. */
extern const char *const rebuild_topics[];

#define REBUILD_SHOWN 5            /* differences shown of a table */

struct rebuild_difference {
	struct str key, kind;          /* "different", "missing", "extra" */
	struct rebuild_column {
		struct str name, live, made;   /* values as JSON; absent: no such member */
	} *columns;
	size_t column_count, column_capacity;
};

struct rebuild_outcome {
	int64_t rows, different, missing, extra;
	struct rebuild_difference shown[REBUILD_SHOWN];
	size_t shown_count;
};

struct rebuild {
	struct ctl *ctl;               /* of the database in use */
	struct ctl target_ctl;         /* of the empty one */
	struct db *live, *target;
	rd_kafka_t *reader;
	rd_kafka_topic_partition_list_t *ends;   /* of every partition that is read or that a daemon stands in */
	int64_t records, records_known;          /* read so far; in all */
	struct rebuild_gone {
		const char *topic;
		int64_t records;
	} gone[8];                     /* by retention or compaction: offsets that nobody has any more */
	int64_t repeats;               /* facts that a log holds twice */
	int64_t told_at;               /* monotonic */
	struct rebuild_outcome *outcomes;        /* one per table */
	struct str *unknown;           /* tables that neither list names */
	size_t unknown_count;
};

/* Microseconds of a clock that only goes forward. */
int64_t rebuild_clock(void);
/* "12,000 of 90,000 records" on stderr, once a second; `last`: in any case, and a new line. */
void rebuild_tell(struct rebuild *rebuild, const char *what, int64_t done, int64_t of, bool last);
/* What it waits for, likewise. */
void rebuild_tell_wait(struct rebuild *rebuild, struct str behind);
/* The verdict, and the report on stdout. */
bool rebuild_same(const struct rebuild *rebuild);
void rebuild_tell_text(const struct rebuild *rebuild);
void rebuild_tell_json(const struct rebuild *rebuild);
/* Both lists of tables. */
void rebuild_tell_tables(bool json);
/* Connects to the database to rebuild in, which is made when `into` is a name alone and there is none; makes its schema. Exit status,
 * after it has said why. */
int rebuild_target_open(struct rebuild *rebuild, const char *into);
int rebuild_target_prepare(struct rebuild *rebuild);
/* A connection with rebuild's statements; NULL: fault says why. */
struct db *rebuild_connect(const char *conninfo, const char *search_path, struct fault *fault);
/* A name alone is a database of the server in use. NULL after it has said why. */
const char *rebuild_place(struct ctl *ctl, const char *name);
/* Records of a topic that are gone, of those that were ever there. */
int64_t rebuild_gone(const struct rebuild *rebuild, const char *topic);
/* Reads all topics from their beginning into the target. Exit status, after it has said why. */
int rebuild_read(struct rebuild *rebuild);
/* Makes the tables from what was read, and compares all of them. Exit status of a failure, 0 when all were compared. */
int rebuild_make(struct rebuild *rebuild);
int rebuild_compare(struct rebuild *rebuild);

#endif
