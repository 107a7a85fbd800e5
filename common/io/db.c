/* The connection: how it is made, lost and given up.
 *
 * Every connection is to a server that takes writes, notices a peer that vanished within seconds, and speaks UTF-8.
 * The pipeline on it is in db_pipeline.c.
 * Must never reconnect by itself: an epoch taken on one connection is worth nothing on the next, so the worker has to
 * know. */
#include <string.h>

#include "common/base/rule.h"
#include "common/io/db_internal.h"

#define CONNECT_TIMEOUT "3"
/* Longer than any wait for a lock that the protocol allows. */
#define SILENCE_LIMIT_MS 60000

static char *copy_text(const char *text)
{
	return text ? mem_copy(text, strlen(text) + 1) : NULL;
}

struct db *db_new(const char *conninfo, const char *application, const char *search_path, const char *const *sql_paths)
{
	struct db *db = mem_zero(sizeof(*db));

	db->conninfo = copy_text(conninfo ? conninfo : "");
	db->application = copy_text(application);
	db->search_path = copy_text(search_path);
	db->silence_limit_ms = SILENCE_LIMIT_MS;
	db_catalog_init(&db->catalog, sql_paths);
	return db;
}

void db_free(struct db *db)
{
	if (!db)
		return;
	db_clear_results(db);
	db_disconnect(db);
	db_catalog_done(&db->catalog);
	mem_free(db->operations);
	mem_free(db->results);
	mem_free(db->conninfo);
	mem_free(db->application);
	mem_free(db->search_path);
	mem_free(db);
}

/* Results outlive the connection: they are the caller's until the next sync. */
void db_disconnect(struct db *db)
{
	PQfinish(db->link);
	db->link = NULL;
	db->operation_count = 0;
	db->send_failed = false;
	db_catalog_forget(&db->catalog);
}

bool db_connected(const struct db *db)
{
	return db->link && PQstatus(db->link) == CONNECTION_OK;
}

void db_set_idle(struct db *db, void (*idle)(void *), void *userdata)
{
	db->idle = idle;
	db->userdata = userdata;
}

/* Notices would go to stderr, beside the journal. */
static void drop_notice(void *userdata, const PGresult *notice)
{
	(void)userdata;
	(void)notice;
}

enum verdict db_lost(struct db *db, struct fault *fault)
{
	const char *why = db->link ? PQerrorMessage(db->link) : "";
	PGresult *last;
	bool drop = false;

	/* A server that says goodbye (57P01) has usually sent its reason before it closed. */
	if (db->link && PQstatus(db->link) == CONNECTION_BAD && fault->verdict == OK) {
		for (int i = 0; i < 4 && (last = PQgetResult(db->link)) != NULL; i++) {
			const char *code = PQresultErrorField(last, PG_DIAG_SQLSTATE);

			if (fault->verdict == OK && code && strncmp(code, "57P", 3) == 0)
				(void)db_classify(last, "connection", &drop, fault);
			PQclear(last);
		}
	}
	if (fault->verdict == OK)
		(void)fault_set(fault, RETRY, "database: connection lost: %s", *why ? why : "no answer from the server");
	/* Whatever was refused before, it was not kept: the transaction is gone with the connection. */
	fault->verdict = RETRY;
	db_disconnect(db);
	return RETRY;
}

void db_set_password(struct db *db, const char *password)
{
	db->password = password;
}

enum verdict db_connect(struct db *db, struct fault *fault)
{
	/* What stands before "dbname" can be overruled by the conninfo in it, what stands behind it cannot. Without
	 * the keep-alives a server that vanished without a word would be missed for hours. */
	const char *const keys[] = { "connect_timeout", "application_name", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "dbname", "target_session_attrs", "client_encoding",
		db->password ? "password" : NULL, NULL };
	const char *const values[] = { CONNECT_TIMEOUT, db->application ? db->application : "aftercare", "5", "2", "3",
		"10000", db->conninfo, "read-write", "UTF8", db->password, NULL };
	PQconninfoOption *parsed;
	char *why = NULL;

	if (db_connected(db))
		return OK;
	db_disconnect(db);
	parsed = PQconninfoParse(db->conninfo, &why);
	if (!parsed) {
		(void)fault_set(fault, FATAL, "database: the connection string does not parse: %s", why ? why : "no memory");
		PQfreemem(why);
		return FATAL;
	}
	PQconninfoFree(parsed);
	/* The blocking call, because only it moves on to the next host of a list when one does not answer in time. */
	db->link = PQconnectdbParams(keys, values, 1);
	if (!db_connected(db)) {
		(void)fault_set(fault, RETRY, "database: cannot connect: %s", PQerrorMessage(db->link));
		db_disconnect(db);
		return RETRY;
	}
	PQsetNoticeReceiver(db->link, drop_notice, NULL);
	if (PQsetnonblocking(db->link, 1) != 0 || !PQenterPipelineMode(db->link))
		return db_lost(db, fault);
	/* Our statements are few, prepared once and run all day on arrays of any size: a plan made anew for each of them
	 * costs more than most of them do. */
	db_queue_setting(db, "plan_cache_mode", "force_generic_plan");
	if (!RULE("r3-idle-timeout"))
		db_queue_setting(db, "idle_in_transaction_session_timeout", "0");
	if (db->search_path)
		db_queue_setting(db, "search_path", db->search_path);
	return db_sync(db, fault);
}
