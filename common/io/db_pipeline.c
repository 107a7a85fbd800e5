/* The pipeline: queue statements, send them together, wait, keep the results.
 *
 * libpq runs non-blocking, because in pipeline mode a client that only writes can lock up with a server that only
 * writes. All waiting happens in one place, await(), which lends its time to the idle function. Statements that are not
 * prepared yet are prepared inside the same pipeline, so the first use costs no round trip.
 * Must never report OK for something the server did not confirm: a lost connection at any point is RETRY, and so is
 * a COMMIT that the server answered with ROLLBACK. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/io/db_internal.h"

/* Waits until libpq has the next result at hand. False: the connection is lost or silent. */
static bool await(struct db *db, int limit_ms)
{
	int pause_ms = 1, silent_ms = 0;

	for (;;) {
		int unsent = PQflush(db->link);
		struct pollfd wait = { .fd = PQsocket(db->link), .events = POLLIN };
		int ready;

		if (unsent < 0)
			return false;
		if (unsent == 0 && !PQisBusy(db->link))
			return true;
		if (unsent > 0)
			wait.events |= POLLOUT;
		ready = poll(&wait, 1, 0);
		if (ready == 0) {
			if (db->idle)
				db->idle(db->userdata);
			/* Short naps first: most answers come at once, and idle may have more to do. */
			ready = poll(&wait, 1, pause_ms);
			if (ready == 0) {
				silent_ms += pause_ms;
				if (limit_ms > 0 && silent_ms >= limit_ms)
					return false;
				pause_ms = pause_ms < 50 ? pause_ms * 2 : 50;
				continue;
			}
		}
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready > 0 && (wait.revents & ~POLLOUT)) {
			if (!PQconsumeInput(db->link))
				return false;
			silent_ms = 0;
		}
	}
}

void db_clear_results(struct db *db)
{
	for (size_t i = 0; i < db->result_count; i++)
		PQclear(db->results[i].rows);
	db->result_count = 0;
}

static void add_operation(struct db *db, struct db_operation operation)
{
	if (db->operation_count == db->operation_capacity) {
		db->operation_capacity = db->operation_capacity ? db->operation_capacity * 2 : 16;
		db->operations = mem_resize(db->operations, db->operation_capacity * sizeof(*db->operations));
	}
	db->operations[db->operation_count++] = operation;
}

/* Remembers that libpq took no more; the caller learns it from db_sync. */
static void sent(struct db *db, int accepted)
{
	if (accepted || db->send_failed)
		return;
	db->send_failed = true;
	snprintf(db->send_error, sizeof(db->send_error), "%s", PQerrorMessage(db->link));
}

static void prepare(struct db *db, struct db_statement *statement, const Oid *types, size_t count)
{
	if (!statement->types) {
		statement->types = arena_copy(&db->catalog.arena, types, (count + 1) * sizeof(*types));
		statement->type_count = count;
	} else if (statement->type_count != count || memcmp(statement->types, types, count * sizeof(*types)) != 0) {
		db_bug("statement '%s' is used with parameters of other types than before", statement->name);
	}
	if (statement->state != STATEMENT_UNKNOWN)
		return;
	sent(db, PQsendPrepare(db->link, statement->name, statement->sql, (int)count, types));
	statement->state = STATEMENT_SENT;
	add_operation(db, (struct db_operation){ .prepares = statement, .name = statement->name });
}

void db_queue(struct db *db, const char *name, const struct db_params *params)
{
	enum { PARAMS_MAX = 64 };
	struct db_statement *statement = db_catalog_find(&db->catalog, name);
	size_t count = params ? params->count : 0;
	const char *values[PARAMS_MAX + 1] = { NULL };
	int lengths[PARAMS_MAX + 1] = { 0 }, formats[PARAMS_MAX + 1] = { 0 };
	Oid types[PARAMS_MAX + 1] = { 0 };

	if (count > PARAMS_MAX)
		db_bug("statement '%s' has more than %d parameters", name, PARAMS_MAX);
	for (size_t i = 0; i < count; i++) {
		types[i] = params->items[i].type;
		values[i] = params->items[i].value;
		lengths[i] = params->items[i].length;
		formats[i] = 1;
	}
	if (db->link) {
		prepare(db, statement, types, count);
		sent(db, PQsendQueryPrepared(db->link, statement->name, (int)count, values, lengths, formats, 1));
	}
	add_operation(db, (struct db_operation){ .name = statement->name });
}

void db_queue_setting(struct db *db, const char *setting, const char *value)
{
	const char *values[] = { setting, value };

	sent(db, PQsendQueryParams(db->link, "SELECT pg_catalog.set_config($1, $2, false)", 2, NULL, values, NULL, NULL, 0));
	add_operation(db, (struct db_operation){ .name = setting });
}

void db_queue_plain(struct db *db, const char *sql)
{
	bool commits = strncasecmp(sql, "COMMIT", 6) == 0 || strncasecmp(sql, "END", 3) == 0;

	if (db->link)
		sent(db, PQsendQueryParams(db->link, sql, 0, NULL, NULL, NULL, NULL, 1));
	add_operation(db, (struct db_operation){ .name = commits ? "COMMIT" : "plain SQL", .commits = commits });
}

static void keep_result(struct db *db, const struct db_operation *operation, PGresult *rows)
{
	if (db->result_count == db->result_capacity) {
		db->result_capacity = db->result_capacity ? db->result_capacity * 2 : 16;
		db->results = mem_resize(db->results, db->result_capacity * sizeof(*db->results));
	}
	db->results[db->result_count++] = (struct db_result){ .rows = rows, .name = operation->name };
}

/* Takes one result of one operation. The first error stands in the fault; what follows it was not executed. */
static void take_result(struct db *db, const struct db_operation *operation, PGresult *rows, bool *drop, struct fault *fault)
{
	ExecStatusType status = PQresultStatus(rows);
	bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;

	if (operation->prepares)
		operation->prepares->state = good ? STATEMENT_PREPARED : STATEMENT_UNKNOWN;
	if (good && operation->commits && strcmp(PQcmdStatus(rows), "ROLLBACK") == 0) {
		(void)fault_set(fault, RETRY, "database: COMMIT ended in ROLLBACK: the transaction had failed before");
	} else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
		(void)db_classify(rows, operation->name, drop, fault);
	} else if (!good && status != PGRES_PIPELINE_ABORTED) {
		*drop = true;
		(void)fault_set(fault, FATAL, "database: %s: COPY has no place here", operation->name);
	}
	if (good && !operation->prepares && fault->verdict == OK)
		keep_result(db, operation, rows);
	else
		PQclear(rows);
}

/* Reads results up to the Sync's answer. False: the connection is lost. */
static bool drain(struct db *db, bool *drop, struct fault *fault)
{
	size_t at = 0;
	bool taken = false;  /* the operation at `at` has had its result; NULL ends it */
	int gaps = 0;

	for (;;) {
		PGresult *rows;

		if (!await(db, db->silence_limit_ms))
			return false;
		rows = PQgetResult(db->link);
		if (!rows) {
			at += taken;
			taken = false;
			if (++gaps > 2)
				return false;
			continue;
		}
		gaps = 0;
		if (PQresultStatus(rows) == PGRES_PIPELINE_SYNC) {
			PQclear(rows);
			return at + taken == db->operation_count;
		}
		if (taken || at == db->operation_count) {
			/* A second result for one statement: the connection failed behind the first. */
			bool dead = PQstatus(db->link) == CONNECTION_BAD;

			PQclear(rows);
			if (dead)
				return false;
			continue;
		}
		take_result(db, &db->operations[at], rows, drop, fault);
		taken = true;
		if (PQstatus(db->link) == CONNECTION_BAD)
			return false;
	}
}

/* Whatever is still "sent" after a drain was never confirmed. */
static void settle(struct db *db)
{
	for (size_t i = 0; i < db->operation_count; i++)
		if (db->operations[i].prepares && db->operations[i].prepares->state == STATEMENT_SENT)
			db->operations[i].prepares->state = STATEMENT_UNKNOWN;
	db->operation_count = 0;
}

/* Whether a COMMIT is what was queued last. */
static inline bool db_commits(const struct db *db)
{
	return db->operation_count > 0 && db->operations[db->operation_count - 1].commits;
}

enum verdict db_sync(struct db *db, struct fault *fault)
{
	struct fault here = FAULT_NONE;
	bool drop = false;

	db_clear_results(db);
	if (!db->link) {
		db->operation_count = 0;
		return fault_set(fault, RETRY, "database: not connected");
	}
	if (db->send_failed && db_connected(db)) {
		/* Not the network's doing: a message beyond libpq's limits. Half a pipeline cannot be taken back. */
		db_disconnect(db);
		return fault_set(fault, FATAL, "database: cannot send: %s", db->send_error);
	}
	FAILPOINT_WHEN(db_commits(db), "commit.before_sent");
	if (!PQpipelineSync(db->link) || (db_commits(db) && FAILPOINT_FAILS("commit.sent")) || !drain(db, &drop, &here))
		(void)db_lost(db, &here);
	else
		settle(db);
	if (here.verdict == OK)
		return OK;
	db_clear_results(db);
	if (drop)
		db_disconnect(db);
	if (fault->verdict == OK)
		*fault = here;
	return fault->verdict;
}

size_t db_result_count(const struct db *db)
{
	return db->result_count;
}

const struct db_result *db_result(const struct db *db, size_t index)
{
	if (index >= db->result_count)
		db_bug("there is no result %zu", index);
	return &db->results[index];
}

enum verdict db_run(struct db *db, const char *statement, const struct db_params *params,
		    const struct db_result **ret_result, struct fault *fault)
{
	enum verdict verdict;

	if (db->operation_count > 0)
		db_bug("db_run of '%s' while other statements are queued", statement);
	db_queue(db, statement, params);
	verdict = db_sync(db, fault);
	if (verdict == OK && ret_result)
		*ret_result = db_result(db, 0);
	return verdict;
}

void db_rollback(struct db *db)
{
	struct fault unused = FAULT_NONE;

	if (!db->link) {
		db->operation_count = 0;
		return;
	}
	if (db->operation_count > 0 || !db_connected(db)) {
		/* Statements on their way cannot be recalled, but without their Sync they end with the session. */
		db_disconnect(db);
		return;
	}
	if (PQtransactionStatus(db->link) == PQTRANS_IDLE)
		return;
	db_queue_plain(db, "ROLLBACK");
	if (db_sync(db, &unused) != OK)
		db_disconnect(db);
}

enum verdict db_script(struct db *db, const char *sql, struct fault *fault)
{
	struct fault here = FAULT_NONE;
	bool drop = false, alive;
	PGresult *rows;

	if (db->operation_count > 0)
		db_bug("db_script while statements are queued");
	db_clear_results(db);
	if (!db->link)
		return fault_set(fault, RETRY, "database: not connected");
	/* Several statements in one string need the simple protocol, which a pipeline does not carry. No limit on the
	 * wait: a migration may take its time. */
	if (!PQexitPipelineMode(db->link) || !PQsendQuery(db->link, sql)) {
		(void)db_lost(db, &here);
		*fault = fault->verdict == OK ? here : *fault;
		return fault->verdict;
	}
	while ((alive = await(db, 0)) && (rows = PQgetResult(db->link)) != NULL)
		take_result(db, &(struct db_operation){ .name = "script" }, rows, &drop, &here);
	db_clear_results(db);
	if (!alive || PQstatus(db->link) == CONNECTION_BAD || !PQenterPipelineMode(db->link))
		(void)db_lost(db, &here);
	else if (drop)
		db_disconnect(db);
	if (here.verdict != OK && fault->verdict == OK)
		*fault = here;
	return here.verdict;
}
