/* What the db_*.c files share and nobody else sees. */
#ifndef AFTERCARE_IO_DB_INTERNAL_H
#define AFTERCARE_IO_DB_INTERNAL_H

#include <libpq-fe.h>

#include "common/base/failpoint.h"
#include "common/io/db.h"

struct db_param {
	Oid type;
	const char *value;   /* binary form in the arena; NULL: SQL NULL */
	int length;
};

struct db_result {
	PGresult *rows;
	const char *name;    /* of the statement, for messages */
};

/* A named statement of an embedded .sql file. */
struct db_statement {
	const char *name;
	const char *sql;
	enum { STATEMENT_UNKNOWN, STATEMENT_SENT, STATEMENT_PREPARED } state;  /* on the present connection */
	Oid *types;          /* of its parameters, fixed by the first use */
	size_t type_count;
};

struct db_catalog {
	struct arena arena;
	struct db_statement *items;   /* sorted by name */
	size_t count, capacity;
};

/* Reads the named statements of these embedded files. Aborts on a missing file or a doubled name. */
void db_catalog_init(struct db_catalog *catalog, const char *const *sql_paths);
void db_catalog_done(struct db_catalog *catalog);
/* Aborts when there is no such statement. */
struct db_statement *db_catalog_find(const struct db_catalog *catalog, const char *name);
/* Forgets what is prepared: there is a new connection. */
void db_catalog_forget(struct db_catalog *catalog);

/* One step of the pipeline. */
struct db_operation {
	struct db_statement *prepares;  /* set: this is a Parse, whose result is not the caller's */
	const char *name;               /* for messages */
	bool commits;
};

struct db {
	char *conninfo, *application, *search_path;
	const char *password;    /* borrowed; NULL: none */
	struct db_catalog catalog;
	PGconn *link;
	bool send_failed;              /* libpq took no more; db_sync says it */
	struct db_operation *operations;   /* queued since the last sync */
	size_t operation_count, operation_capacity;
	struct db_result *results;      /* of the last sync */
	size_t result_count, result_capacity;
	char send_error[300];
	int silence_limit_ms;           /* a server that is silent for so long is taken for lost */
	void (*idle)(void *userdata);
	void *userdata;
};

/* Forgets the rows of the last sync. */
void db_clear_results(struct db *db);
/* The connection is of no use any more: says why, drops it, RETRY. */
enum verdict db_lost(struct db *db, struct fault *fault);
/* Queues the change of a setting for the rest of the session. */
void db_queue_setting(struct db *db, const char *setting, const char *value);

/* What to do about an error result. Fills the fault; *ret_drop tells that the connection must not be used again. */
enum verdict db_classify(const PGresult *result, const char *statement, bool *ret_drop, struct fault *fault);

/* Says what the program did wrong and aborts. */
_Noreturn void db_bug(const char *format, ...) printf_like(1, 2);

#endif
