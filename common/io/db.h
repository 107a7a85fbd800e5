/* PostgreSQL: one connection, prepared statements by name, sets as binary arrays, errors sorted by what to do.
 *
 * SQL stands only in .sql files, as statements named by a line `-- name: load_tickets` before each; they are prepared
 * on first use on each connection. Parameters and results are binary, never spliced into SQL. Every parameter has the
 * type of the function that added it ($1 of db_text is text): write `$1::text::jsonb` or `$1::uuid` where the column's
 * type is none of them. A wrong name, a doubled name, a getter that does not fit its column: the program aborts.
 * Statements are queued and sent together (libpq pipeline mode): queue, queue, db_sync, then fetch the results in the
 * same order. While it waits for the server, db calls the idle function so that the worker can decode meanwhile. */
#ifndef AFTERCARE_IO_DB_H
#define AFTERCARE_IO_DB_H

#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/base/str.h"

struct db;
struct db_result;             /* rows of one statement; owned by db, valid until the next db_sync */

/* Does not connect yet. conninfo is libpq's; `search_path` (may be NULL) is set on every connection.
 * sql_paths: NULL-terminated list of embedded .sql files whose named statements are known to this db. */
struct db *db_new(const char *conninfo, const char *application, const char *search_path, const char *const *sql_paths);
/* The password for every connection from now on; borrowed. conninfo itself should hold none. */
void db_set_password(struct db *db, const char *password);
void db_free(struct db *db);
/* Connects when there is no connection. RETRY when the server cannot be reached, refuses or is not a primary;
 * FATAL for what no waiting mends: a conninfo that does not parse. Bounded by connect_timeout (3 s unless given). */
enum verdict db_connect(struct db *db, struct fault *fault) must_check;
/* Drops the connection at once; an open transaction is rolled back by the server. */
void db_disconnect(struct db *db);
bool db_connected(const struct db *db);
/* Called while waiting for the server, at most every time the socket is not ready; must be quick, must not use db. */
void db_set_idle(struct db *db, void (*idle)(void *), void *userdata);

/* Parameters of one statement, collected in order; memory from the arena. A zeroed struct with the arena set is empty. */
struct db_params {
	struct arena *arena;
	struct db_param *items;
	size_t count, capacity;
};
void db_int(struct db_params *params, int64_t value);             /* int8 */
void db_int4(struct db_params *params, int32_t value);
void db_bool(struct db_params *params, bool value);
void db_text(struct db_params *params, struct str value);         /* absent: NULL */
void db_bytes(struct db_params *params, struct str value);        /* bytea; absent: NULL */
void db_instant(struct db_params *params, instant value);         /* timestamptz; INSTANT_NONE: NULL */
/* Sets: one-dimensional binary arrays for `= ANY` and unnest. `values` are borrowed until db_sync. */
void db_int_array(struct db_params *params, const int64_t *values, size_t count);      /* int8[] */
void db_int4_array(struct db_params *params, const int32_t *values, size_t count);     /* int4[] */
void db_bool_array(struct db_params *params, const bool *values, size_t count);        /* bool[] */
void db_text_array(struct db_params *params, const struct str *values, size_t count);  /* text[]; absent: NULL */
void db_bytes_array(struct db_params *params, const struct str *values, size_t count); /* bytea[]; absent: NULL */
void db_instant_array(struct db_params *params, const instant *values, size_t count);  /* timestamptz[] */
/* An array whose elements are reached by stride: element i is at (const char *)first + i * stride. For columns that
 * live in an array of structs. Types as above. */
enum db_column { DB_INT, DB_INT4, DB_BOOL, DB_TEXT, DB_BYTES, DB_INSTANT };
void db_column_array(struct db_params *params, enum db_column type, const void *first, size_t stride, size_t count);

/* Queues a statement; nothing is sent yet that the caller waits for. params may be NULL. */
void db_queue(struct db *db, const char *statement, const struct db_params *params);
/* BEGIN, COMMIT, ROLLBACK and the like: SQL text from C is allowed only here and only without parameters. */
void db_queue_plain(struct db *db, const char *sql);
/* Sends what is queued and waits for all results. The first error decides: RETRY for outages (connection, 08, 53, 57
 * with statement timeouts, 58, 40001, 40003, 40P01, 55P03, 25P03, 25006 read-only server, prepared statements that are
 * gone or stale), REJECT for what this data can never do (22, 23; the reason is left to the caller), FATAL for anything
 * else (a wrong statement, missing right). fault->code holds the SQLSTATE; the text never quotes a value.
 * A COMMIT that the server answered with ROLLBACK is RETRY. After an error the pipeline is drained, no result is kept,
 * and the transaction, if any, must be rolled back by the caller (db_rollback). A lost connection, also a server that is
 * silent for 60 s: db_connected is false. */
enum verdict db_sync(struct db *db, struct fault *fault) must_check;
/* Result number `index` (0 = the first queued since the last sync). */
const struct db_result *db_result(const struct db *db, size_t index);
/* How many results the last sync left. */
size_t db_result_count(const struct db *db);
/* One statement alone: queue, sync, result. */
enum verdict db_run(struct db *db, const char *statement, const struct db_params *params,
		    const struct db_result **ret_result, struct fault *fault) must_check;
/* ROLLBACK, if a transaction is open; when that fails, or statements are queued that were not synced, the connection is
 * dropped. */
void db_rollback(struct db *db);
/* Many statements of SQL text at once (migrations), simple protocol; not for data. */
enum verdict db_script(struct db *db, const char *sql, struct fault *fault) must_check;

size_t db_rows(const struct db_result *result);
/* Rows that an INSERT, UPDATE or DELETE touched. */
int64_t db_affected(const struct db_result *result);
bool db_null(const struct db_result *result, size_t row, int column);
int64_t db_get_int(const struct db_result *result, size_t row, int column);      /* int2, int4, int8; NULL: 0 */
bool db_get_bool(const struct db_result *result, size_t row, int column);
struct str db_get_text(const struct db_result *result, size_t row, int column);  /* text, bytea, json; NULL: absent; borrowed until the next sync */
instant db_get_instant(const struct db_result *result, size_t row, int column);  /* NULL: INSTANT_NONE */

#endif
