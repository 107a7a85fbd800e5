/* PostgreSQL as the worker sees it (common/io/db.h): queue, sync, results. While it waits for the server, others go on. */
#include "tests/simulator/memory/store.h"

#include <stdlib.h>

struct session *actor_session(const struct actor *actor)
{
	return actor->worker.db ? actor->worker.db->session : NULL;
}

bool server_answered(const struct actor *actor)
{
	const struct db *db = actor->worker.db;

	return db->lost || !db->session || !db->session->busy;
}

struct db *db_new(const char *conninfo, const char *application, const char *search_path, const char *const *sql_paths)
{
	struct db *db = arena_zero(&world.arena, sizeof(*db));

	(void)conninfo, (void)application, (void)search_path, (void)sql_paths;
	db->actor = world.current;
	return db;
}

void db_set_password(struct db *db, const char *password)
{
	(void)db, (void)password;
}

void db_free(struct db *db)
{
	if (db)
		db_disconnect(db);
}

enum verdict db_connect(struct db *db, struct fault *fault)
{
	if (db_connected(db))
		return OK;
	db_disconnect(db);
	if (world.now < store.refused_until)
		return fault_set(fault, RETRY, "database: cannot connect: refused");
	db->session = arena_zero(&world.arena, sizeof(*db->session));
	db->session->client = db;
	db->session->number = ++store.next_session;
	table_add(store.sessions, db->session);
	say("connected: session %d", db->session->number);
	return OK;
}

/* The server hears of it soon. */
void db_disconnect(struct db *db)
{
	struct session *session = db->session;

	db->session = NULL;
	db->count = 0;
	db->lost = false;
	if (!session || session->ended || session->client != db)
		return;
	session->client = NULL;
	session->count = session->at;
	session->busy = true;
	session->not_before = world.now + chance(5) * MILLISECOND;
}

bool db_connected(const struct db *db)
{
	return db->session != NULL;
}

void db_set_idle(struct db *db, void (*idle)(void *), void *userdata)
{
	db->idle = idle;
	db->userdata = userdata;
}

static void add_operation(struct db *db, const char *name, bool plain, const struct db_params *params)
{
	arena_grow(&world.arena, &db->operations, &db->capacity, db->count + 1, sizeof(*db->operations));
	db->operations[db->count++] = (struct operation){
		.name = name, .plain = plain, .count = params ? params->count : 0,
		.params = params ? arena_copy(&world.arena, params->items, params->count * sizeof(*params->items)) : NULL,
	};
}

void db_queue(struct db *db, const char *statement, const struct db_params *params)
{
	add_operation(db, statement, false, params);
}

void db_queue_plain(struct db *db, const char *sql)
{
	add_operation(db, sql, true, NULL);
}

static enum verdict lost(struct db *db, struct fault *fault)
{
	db_disconnect(db);
	return fault_set(fault, RETRY, "database: connection lost");
}

enum verdict db_sync(struct db *db, struct fault *fault)
{
	struct session *session = db->session;

	db->result_count = 0;
	if (!session) {
		db->count = 0;
		return fault_set(fault, RETRY, "database: not connected");
	}
	if (db->lost)
		return lost(db, fault);
	session->operations = db->operations;
	session->count = db->count;
	session->results = arena_alloc(&world.arena, (db->count + 1) * sizeof(*session->results));
	session->at = session->result_count = 0;
	session->fault = FAULT_NONE;
	session->waits_for = NULL;
	session->busy = true;
	session->not_before = world.now + chance(once_in(8) ? 100 * MILLISECOND : MILLISECOND);
	db->operations = NULL;
	db->count = db->capacity = 0;
	db->actor->in_sync = true;
	while (!server_answered(db->actor)) {
		actor_yield();
		if (!server_answered(db->actor) && db->idle)
			db->idle(db->userdata);
	}
	db->actor->in_sync = false;
	if (db->lost)
		return lost(db, fault);
	if (session->fault.verdict) {
		if (fault->verdict == OK)
			*fault = session->fault;
		return fault->verdict;
	}
	db->results = session->results;
	db->result_count = session->result_count;
	return OK;
}

const struct db_result *db_result(const struct db *db, size_t index)
{
	if (index >= db->result_count)
		abort();
	return &db->results[index];
}

size_t db_result_count(const struct db *db)
{
	return db->result_count;
}

enum verdict db_run(struct db *db, const char *statement, const struct db_params *params, const struct db_result **ret_result,
		    struct fault *fault)
{
	db_queue(db, statement, params);
	enum verdict verdict = db_sync(db, fault);
	if (verdict == OK && ret_result)
		*ret_result = db_result(db, 0);
	return verdict;
}

void db_rollback(struct db *db)
{
	struct fault unused = FAULT_NONE;

	if (!db->session || db->count > 0) {
		db_disconnect(db);
		return;
	}
	if (!db->lost && db->session->transaction == TRANSACTION_NONE)
		return;
	db_queue_plain(db, "ROLLBACK");
	if (db_sync(db, &unused) != OK)
		db_disconnect(db);
}
