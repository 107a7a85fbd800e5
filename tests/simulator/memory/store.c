/* PostgreSQL: its sessions, transactions, and what becomes of a COMMIT.
 *
 * A session is not its client: a connection that is cut leaves behind what the server has read, which runs whenever the schedule
 * says, up to where the bytes ended; then the server notices and rolls back. So an answer can be lost, a COMMIT be done or not
 * done, and a transaction of a lost connection run its compare-and-set seconds later. */
#include "tests/simulator/memory/store.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDLE_IN_TRANSACTION (5 * SECOND)

struct store store;

enum { TRAP_NONE, TRAP_DONE, TRAP_NOT_DONE, TRAP_LATE, TRAP_REFUSED };

/* ---- sessions ---- */

/* Only who took the row last may change it, on the connection that took it; and nothing in it goes back. */
static void check_change(const struct session *session, const struct source_row *row)
{
	const struct source_values *now = &row->now, *before = &row->committed;

	if (now->taker != session)
		violated("session %d commits to %.*s/%d, which session %d has taken since", session->number, STR_ARG(row->topic),
			 (int)row->partition, now->taker ? now->taker->number : 0);
	if (now->next_offset < before->next_offset || now->out_seq < before->out_seq || now->published_seq < before->published_seq ||
	    now->published_seq > now->out_seq)
		violated("%.*s/%d: position %lld, published %lld of %lld after %lld, %lld of %lld", STR_ARG(row->topic), (int)row->partition,
			 (long long)now->next_offset, (long long)now->published_seq, (long long)now->out_seq,
			 (long long)before->next_offset, (long long)before->published_seq, (long long)before->out_seq);
}

static void transaction_over(struct session *session, bool commit)
{
	table_each(session->touched, i) {
		struct row *row = session->touched.items[i];

		if (row->dead_by == session) {
			row->dead_by = NULL;
			row->gone = row->gone || commit;
		}
		if (row->born_by == session) {
			row->born_by = NULL;
			row->gone = row->gone || !commit;
		}
	}
	session->touched.count = 0;
	table_each(store.sources, i) {
		struct source_row *row = store.sources.items[i];

		if (row->locker != session)
			continue;
		if (commit) {
			check_change(session, row);
			row->committed = row->now;
		} else {
			row->now = row->committed;
		}
		row->locker = NULL;
	}
	session->transaction = TRANSACTION_NONE;
	table_each(store.sessions, i) {
		if (store.sessions.items[i]->waits_for == session)
			store.sessions.items[i]->waits_for = NULL;
	}
}

void session_end(struct session *session)
{
	if (session->ended)
		return;
	say("server: session %d ends", session->number);
	transaction_over(session, false);
	session->ended = true;
	session->busy = false;
	if (session->client) {
		session->client->lost = true;
		actor_wake(session->client->actor->number, 0);
	}
	session->client = NULL;
}

void session_cut(struct session *session)
{
	size_t left = session->busy ? session->count - session->at : 0;

	if (session->ended || !session->client)
		return;
	session->client->lost = true;
	actor_wake(session->client->actor->number, chance(20) * MILLISECOND);
	session->client = NULL;
	/* Mostly all of it had been sent. */
	if (once_in(2))
		session->count = session->at + (size_t)chance((int64_t)left + 1);
	session->busy = true;
	session->not_before = world.now + (once_in(3) ? 0 : chance(once_in(2) ? 50 * MILLISECOND : 8 * SECOND));
	if (session->transaction != TRANSACTION_NONE && session->not_before > world.now + IDLE_IN_TRANSACTION)
		session->not_before = world.now + IDLE_IN_TRANSACTION;
	say("network: session %d is cut, %zu of %zu statements arrive", session->number, session->count - session->at, left);
}

bool session_ready(const struct session *session)
{
	return !session->ended && session->busy && session->not_before <= world.now && !session->waits_for;
}

int64_t server_next(void)
{
	int64_t next = INT64_MAX;

	table_each(store.sessions, i) {
		const struct session *session = store.sessions.items[i];

		if (session->ended)
			continue;
		if (session->busy && session->not_before > world.now && session->not_before < next)
			next = session->not_before;
		if (!session->busy && session->transaction != TRANSACTION_NONE && session->idle_since + IDLE_IN_TRANSACTION < next)
			next = session->idle_since + IDLE_IN_TRANSACTION;
	}
	return next;
}

void server_watch(void)
{
	size_t kept = 0;

	table_each(store.sessions, i) {
		struct session *session = store.sessions.items[i];

		if (!session->ended && !session->busy && session->transaction != TRANSACTION_NONE &&
		    world.now >= session->idle_since + IDLE_IN_TRANSACTION)
			session_end(session);
		if (!session->ended)
			store.sessions.items[kept++] = session;
	}
	store.sessions.count = kept;
}

static void pipeline_over(struct session *session)
{
	session->busy = false;
	session->idle_since = world.now;
	if (session->client)
		actor_wake(session->client->actor->number, 0);
	else
		session_end(session);
}

static void commit(struct session *session)
{
	int trap = store.commit_trap;

	store.commit_trap = TRAP_NONE;
	if (session->transaction != TRANSACTION_OPEN) {
		if (session->transaction == TRANSACTION_FAILED)
			(void)fault_set(&session->fault, RETRY, "database: COMMIT ended in ROLLBACK");
		transaction_over(session, false);
		return;
	}
	if (trap == TRAP_NOT_DONE) {
		session_end(session);
		return;
	}
	if (trap == TRAP_LATE && session->client) {
		session_cut(session);
		session->count = session->at + 1;
		session->not_before = world.now + chance(4 * SECOND);
		return;
	}
	if (trap == TRAP_REFUSED) {
		transaction_over(session, false);
		(void)fault_set(&session->fault, RETRY, "database: COMMIT: could not write (53100)");
		return;
	}
	transaction_over(session, true);
	if (trap == TRAP_DONE) {
		say("network: the answer to COMMIT is lost");
		session_end(session);
	}
}

static bool run_plain(struct session *session, const char *sql)
{
	if (session->transaction == TRANSACTION_FAILED && strcmp(sql, "BEGIN") == 0) {
		(void)fault_set(&session->fault, FATAL, "database: BEGIN: current transaction is aborted (25P02)");
	} else if (strcmp(sql, "BEGIN") == 0) {
		session->transaction = TRANSACTION_OPEN;
	} else if (strcmp(sql, "ROLLBACK") == 0) {
		transaction_over(session, false);
	} else if (strcmp(sql, "COMMIT") == 0) {
		commit(session);
		return session->transaction == TRANSACTION_NONE;
	} else {
		fprintf(stderr, "simulator: no such SQL: %s\n", sql);
		abort();
	}
	return true;
}

static void fail(struct session *session)
{
	if (session->transaction == TRANSACTION_OPEN) {
		transaction_over(session, false);
		session->transaction = TRANSACTION_FAILED;
	} else {
		transaction_over(session, false);
	}
	say("server: session %d: %s", session->number, session->fault.text);
	pipeline_over(session);
}

static bool run_one(struct session *session, const struct operation *operation, struct db_result *result)
{
	if (operation->plain)
		return run_plain(session, operation->name);
	if (session->transaction == TRANSACTION_FAILED) {
		(void)fault_set(&session->fault, FATAL, "database: %s: current transaction is aborted (25P02)", operation->name);
		return true;
	}
	if (session->trouble > 0) {
		session->trouble--;
		(void)fault_set(&session->fault, RETRY, "database: %s: deadlock detected (40P01)", operation->name);
		return true;
	}
	return statement_run(session, operation, result);
}

void session_step(struct session *session)
{
	if (session->at == session->count) {
		pipeline_over(session);
		return;
	}
	const struct operation *operation = &session->operations[session->at];
	struct db_result *result = &session->results[session->at];
	bool alone = session->transaction == TRANSACTION_NONE;

	*result = (struct db_result){ .name = operation->name };
	bool done = run_one(session, operation, result);
	if (session->ended || (!done && session->fault.verdict == OK)) {
		if (session->waits_for)
			say("server: session %d: %s waits for session %d", session->number, operation->name, session->waits_for->number);
		return;
	}
	say("server: session %d: %s%s", session->number, operation->name, result->rows || operation->plain ? "" : result->affected ? " +" : " 0");
	if (session->fault.verdict) {
		fail(session);
		return;
	}
	if (alone && !operation->plain)
		transaction_over(session, true);
	session->at++;
	session->result_count = session->at;
	if (session->at == session->count)
		pipeline_over(session);
}

/* ---- as the schedule sees it ---- */

bool server_begin(void)
{
	statements_check();
	return true;
}

void server_end(void)
{
}

bool server_open(void)
{
	store = (struct store){ .next_session = 0 };
	return true;
}

void server_close(void)
{
}

const char *server_conninfo(const struct actor *actor)
{
	(void)actor;
	return "";
}

size_t server_ready(void)
{
	size_t ready = 0;

	table_each(store.sessions, i)
		ready += session_ready(store.sessions.items[i]);
	return ready;
}

void server_step(size_t which)
{
	table_each(store.sessions, i) {
		if (session_ready(store.sessions.items[i]) && which-- == 0) {
			session_step(store.sessions.items[i]);
			return;
		}
	}
}

void server_cut(struct actor *actor)
{
	if (actor_session(actor))
		session_cut(actor_session(actor));
}

void server_drop(struct actor *actor)
{
	if (actor_session(actor))
		session_end(actor_session(actor));
}

void server_restart(int64_t away)
{
	say("server: restarts");
	store.refused_until = world.now + away;
	table_each(store.sessions, i)
		session_end(store.sessions.items[i]);
}

void server_deadlock(struct actor *actor)
{
	if (actor_session(actor))
		actor_session(actor)->trouble = 1 + chance(6);
}

void server_trap(void)
{
	store.commit_trap = 1 + (int)chance(4);
}

void server_bury(struct actor *actor)
{
	server_cut(actor);
}
