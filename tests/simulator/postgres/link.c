/* Connections to the real server, held by the schedule: the linker puts these in the place of libpq's functions and of poll() for the
 * worker's own db (common/io/db*.c, unchanged).
 *
 * A worker gives way before it sends and where its server process waits for a lock. While the server works it is waited for, outside
 * the simulated time, so that what can be seen of a run does not depend on how fast the machine is. What a cut connection had
 * still to say is taken down byte for byte and arrives later, in part or whole. */
#include "tests/simulator/postgres/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_IN_TRANSACTION (5 * SECOND)

PGconn *__real_PQconnectdbParams(const char *const *keys, const char *const *values, int expand);
void __real_PQfinish(PGconn *conn);
int __real_PQpipelineSync(PGconn *conn);
int __real_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
			     const int *formats, int format);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
PGconn *__wrap_PQconnectdbParams(const char *const *keys, const char *const *values, int expand);
void __wrap_PQfinish(PGconn *conn);
int __wrap_PQpipelineSync(PGconn *conn);
int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
			     const int *formats, int format);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

struct server server;

/* ---- what the server says of itself ---- */

int64_t server_ask(PGconn *conn, const char *format, ...)
{
	char sql[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	PGresult *rows = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(rows);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		violated("%s: %s", sql, PQerrorMessage(conn));
	int64_t number = status == PGRES_TUPLES_OK && PQntuples(rows) > 0 ? atoll(PQgetvalue(rows, 0, 0)) : 0;
	PQclear(rows);
	return number;
}

/* Whether it waits for somebody's lock. A circle of such is for the server to break: that is waited for. */
static bool backend_blocked(int pid)
{
	return pid && server_ask(server.admin, "with recursive w (pid) as (select unnest(pg_blocking_pids(%d)) union "
				 "select b from w, unnest(pg_blocking_pids(w.pid)) b) "
				 "select (count(*) > 0 and not bool_or(pid = %d))::int from w", pid, pid) > 0;
}

bool backend_gone(int pid)
{
	server.moved = true;
	while (!world.violation[0] && server_ask(server.admin, "select count(*) from pg_stat_activity where pid = %d", pid) > 0) {
		if (backend_blocked(pid))
			return false;
		(void)__real_poll(NULL, 0, 1);
	}
	return true;
}

void backend_end(int pid)
{
	if (pid)
		(void)server_ask(server.admin, "select pg_terminate_backend(%d, 20000)::int", pid);
	server.moved = true;
}

/* Whether there is something to read; false: it waits for a lock. */
static bool backend_answers(int fd, int pid)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (!world.violation[0] && __real_poll(&wait, 1, 3) <= 0) {
		if (backend_blocked(pid))
			return false;
	}
	return true;
}

/* ---- orphans ---- */

static void orphan_write(struct orphan *orphan)
{
	size_t at = 0;

	while (at < orphan->bytes.n) {
		ssize_t n = send(orphan->fd, orphan->bytes.p + at, orphan->bytes.n - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return;
		else
			(void)__real_poll(&(struct pollfd){ .fd = orphan->fd, .events = POLLOUT }, 1, 5);
	}
}

/* Whether the server has answered the last of the words: ReadyForQuery, or the end of the connection. */
static bool orphan_answered(struct orphan *orphan)
{
	char text[4096];
	ssize_t n;

	while ((n = recv(orphan->fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
		buf_str(&orphan->answer, (struct str){ text, (size_t)n });
	if (n == 0 || errno != EAGAIN)
		return true;
	for (size_t at = 0; at + 5 <= orphan->answer.n;) {
		const unsigned char *p = (const unsigned char *)orphan->answer.p + at;

		if (*p == 'Z')
			return true;
		at += 1 + ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | (size_t)p[4]);
	}
	return false;
}

/* As far as it comes without waiting for a lock. */
static void orphan_settle(struct orphan *orphan)
{
	if (orphan->state == ORPHAN_SENT) {
		while (!orphan_answered(orphan)) {
			if (!backend_answers(orphan->fd, orphan->pid))
				return;
		}
		orphan->state = ORPHAN_CLOSED;
		close(orphan->fd);
	}
	if (orphan->state == ORPHAN_CLOSED && backend_gone(orphan->pid)) {
		orphan->state = ORPHAN_GONE;
		buf_done(&orphan->bytes);
		buf_done(&orphan->answer);
	}
}

void orphan_step(struct orphan *orphan)
{
	say("network: %zu late bytes arrive", orphan->bytes.n);
	orphan_write(orphan);
	orphan->state = orphan->complete && orphan->bytes.n ? ORPHAN_SENT : ORPHAN_CLOSED;
	if (orphan->state == ORPHAN_CLOSED)
		close(orphan->fd);
	server.moved = true;
	orphan_settle(orphan);
}

/* ---- links ---- */

static struct link *link_of(const PGconn *conn)
{
	for (int i = 0; conn && i < world.actor_count; i++) {
		if (server.links[i].conn == conn)
			return &server.links[i];
	}
	return NULL;
}

/* All that libpq has queued, as it would go over the network. */
static void take_down(PGconn *conn, int from, struct buf *bytes)
{
	char text[4096];
	int unsent;

	(void)__real_PQpipelineSync(conn);
	do {
		ssize_t n;

		unsent = PQflush(conn);
		while ((n = recv(from, text, sizeof(text), MSG_DONTWAIT)) > 0)
			buf_str(bytes, (struct str){ text, (size_t)n });
	} while (unsent > 0);
}

void link_sever(struct link *link, bool words, int64_t delay)
{
	struct orphan *orphan = arena_zero(&world.arena, sizeof(*orphan));
	int fd = PQsocket(link->conn), ends[2];

	if (!link->pid || fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	bool within = PQtransactionStatus(link->conn) != PQTRANS_IDLE;
	*orphan = (struct orphan){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .pid = link->pid, .complete = true };
	dup2(ends[1], fd);
	close(ends[1]);
	if (words) {
		take_down(link->conn, ends[0], &orphan->bytes);
		/* Mostly all of it had been sent. */
		if (once_in(2)) {
			orphan->bytes.n = (size_t)chance((int64_t)orphan->bytes.n + 1);
			orphan->complete = false;
		}
	}
	close(ends[0]);
	/* The server ends what idles in a transaction. */
	orphan->not_before = world.now + (within && delay > IDLE_IN_TRANSACTION ? IDLE_IN_TRANSACTION : delay);
	say("network: a connection is cut, %zu bytes come in %.3f s", orphan->bytes.n, (double)(orphan->not_before - world.now) / (double)SECOND);
	link->pid = 0;
	table_add(server.orphans, orphan);
	/* One that waits for a lock has had all of them. */
	if (link->blocked) {
		orphan->state = ORPHAN_CLOSED;
		close(orphan->fd);
		server.moved = true;
	}
}

void links_settle(void)
{
	if (!server.moved)
		return;
	server.moved = false;
	table_each(server.orphans, i)
		orphan_settle(server.orphans.items[i]);
	for (int i = 0; i < world.actor_count; i++) {
		struct link *link = &server.links[i];

		if (link->conn && link->blocked)
			link->answered = backend_answers(PQsocket(link->conn), link->pid);
	}
}

/* ---- in the place of libpq's ---- */

PGconn *__wrap_PQconnectdbParams(const char *const *keys, const char *const *values, int expand)
{
	struct link *link = world.current ? &server.links[world.current->number] : NULL;

	if (!link)
		return __real_PQconnectdbParams(keys, values, expand);
	if (world.now < server.refused_until)
		return PQconnectdb("host=/nonexistent");
	PGconn *conn = __real_PQconnectdbParams(keys, values, expand);
	*link = (struct link){ .conn = conn, .pid = PQbackendPID(conn) };
	say("connected");
	return conn;
}

void __wrap_PQfinish(PGconn *conn)
{
	struct link *link = link_of(conn);
	int pid = link ? link->pid : 0;

	if (link)
		*link = (struct link){ .conn = NULL };
	__real_PQfinish(conn);
	if (!pid)
		return;
	struct orphan *orphan = arena_zero(&world.arena, sizeof(*orphan));
	*orphan = (struct orphan){ .state = ORPHAN_CLOSED, .fd = -1, .pid = pid };
	table_add(server.orphans, orphan);
	orphan_settle(orphan);
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
			     const int *formats, int format)
{
	struct link *link = link_of(conn);

	if (link)
		link->commits = strcmp(sql, "COMMIT") == 0;
	return __real_PQsendQueryParams(conn, sql, count, types, values, lengths, formats, format);
}

static void give_way(struct link *link, bool *why)
{
	struct actor *actor = world.current;

	*why = true;
	actor->in_sync = true;
	actor_yield();
	actor->in_sync = false;
	*why = false;
	link->answered = false;
}

/* The next statement finds its table locked and is cancelled, as by a timeout. */
static int send_and_cancel(struct link *link)
{
	const char *service = world.current->service->name;

	link->refuse = false;
	PGresult *locked = PQexec(server.locker, "begin");
	PQclear(locked);
	char sql[100];
	snprintf(sql, sizeof(sql), "lock table %s.source in access exclusive mode nowait", service);
	locked = PQexec(server.locker, sql);
	bool good = PQresultStatus(locked) == PGRES_COMMAND_OK;
	PQclear(locked);
	int sent = __real_PQpipelineSync(link->conn);
	while (PQflush(link->conn) > 0)
		;
	if (good && !backend_answers(PQsocket(link->conn), link->pid)) {
		say("server: cancels");
		(void)server_ask(server.admin, "select pg_cancel_backend(%d)::int", link->pid);
		(void)backend_answers(PQsocket(link->conn), 0);
	}
	(void)server_ask(server.locker, "rollback");
	return sent;
}

/* A COMMIT that is not done, is done without an answer, or comes late. */
static int send_commit(struct link *link)
{
	int kind = (int)chance(3);

	server.trap = false;
	if (kind == 0) {
		say("network: a COMMIT does not arrive");
		link_sever(link, false, 0);
		return 1;
	}
	if (kind == 1) {
		link_sever(link, true, chance(4 * SECOND));
		return 1;
	}
	int sent = __real_PQpipelineSync(link->conn);
	while (PQflush(link->conn) > 0)
		;
	if (backend_answers(PQsocket(link->conn), link->pid)) {
		say("network: the answer to a COMMIT is lost");
		link_sever(link, false, 0);
	}
	return sent;
}

int __wrap_PQpipelineSync(PGconn *conn)
{
	struct link *link = link_of(conn);
	bool commits;
	int sent;

	if (!link || !world.current)
		return __real_PQpipelineSync(conn);
	link->not_before = world.now + chance(once_in(8) ? 100 * MILLISECOND : MILLISECOND);
	link->idle_since = world.now;
	give_way(link, &link->sending);
	commits = link->commits;
	link->commits = false;
	link->lend = once_in(4);
	server.moved = true;
	say("server: %s%s", commits ? "COMMIT" : "statements", link->pid ? "" : " (cut off)");
	if (!link->pid) {
		sent = __real_PQpipelineSync(conn);
	} else if (link->cut) {
		link->cut = false;
		link_sever(link, true, once_in(3) ? 0 : chance(once_in(2) ? 50 * MILLISECOND : 8 * SECOND));
		sent = 1;
	} else if (link->refuse) {
		sent = send_and_cancel(link);
	} else if (commits && server.trap) {
		sent = send_commit(link);
	} else {
		sent = __real_PQpipelineSync(conn);
	}
	return sent;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct link *link = world.current ? &server.links[world.current->number] : NULL;

	if (!link || !link->conn || count != 1 || PQsocket(link->conn) != fds[0].fd)
		return __real_poll(fds, count, timeout);
	if (timeout == 0 && link->lend) {
		link->lend = false;
		return 0;
	}
	for (;;) {
		int ready = __real_poll(fds, count, 3);

		if (ready != 0)
			return ready;
		if (!backend_blocked(link->pid))
			continue;
		if (timeout == 0)
			return 0;
		say("server: waits for a lock");
		give_way(link, &link->blocked);
	}
}
