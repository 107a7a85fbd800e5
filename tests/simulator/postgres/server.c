/* A private PostgreSQL of the tests as the schedule sees it: a database per run, made from one that has the schema and the policies.
 *
 * The server's own timeouts are off: those of the simulated time stand in for them. */
#include "tests/simulator/postgres/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/postgres.h"
#include "tests/support/stack.h"

#define IDLE_IN_TRANSACTION (5 * SECOND)

static struct postgres cluster;              /* of all runs; its database is what theirs are made from */

/* ---- once ---- */

static bool control(const struct stack *stack, const char *const *words)
{
	char config[] = "/tmp/aftercare-simulator-XXXXXX", program[600], *said = NULL;
	const char *argv[12] = { stack_program(stack, "aftercarectl", program, sizeof(program)), "--config", config };
	int fd = mkstemp(config), status;

	for (int i = 0; words[i]; i++)
		argv[3 + i] = words[i];
	dprintf(fd, "brokers = 127.0.0.1:1\ndatabase = %s\n", cluster.conninfo);
	close(fd);
	status = stack_run(argv, &said);
	unlink(config);
	if (status != 0)
		fprintf(stderr, "aftercarectl %s: %s\n", words[0], said ? said : "?");
	free(said);
	return status == 0;
}

static bool prepare(void)
{
	static const char sql[] = "do $$ declare r text; begin for r in select rolname from pg_roles where rolname like 'aftercare\\_%' loop "
		"execute format('alter role %I set idle_in_transaction_session_timeout = 0', r); "
		"execute format('alter role %I set statement_timeout = 0', r); execute format('alter role %I set lock_timeout = 0', r); "
		"execute format('alter role %I set deadlock_timeout = ''50ms''', r); end loop; end $$";
	struct stack stack = { .dir = "" };
	char lifecycle[700], policy[700];

	if (!stack_root(&stack))
		return false;
	snprintf(lifecycle, sizeof(lifecycle), "%s/deploy/policies/lifecycle.json", stack.root);
	snprintf(policy, sizeof(policy), "%s/deploy/policies/graded-2h-24h-48h.json", stack.root);
	if (!control(&stack, (const char *const[]){ "db", "migrate", NULL }) ||
	    !control(&stack, (const char *const[]){ "policy", "load", lifecycle, "--approved", NULL }) ||
	    !control(&stack, (const char *const[]){ "policy", "load", policy, "--approved", NULL }))
		return false;
	PGconn *conn = PQconnectdb(cluster.conninfo);
	PGresult *done = PQexec(conn, sql);
	bool good = PQresultStatus(done) == PGRES_COMMAND_OK;
	if (!good)
		fprintf(stderr, "simulator: %s", PQerrorMessage(conn));
	PQclear(done);
	PQfinish(conn);
	return good;
}

bool server_begin(void)
{
	/* Roles are changed: never those of somebody else's cluster. */
	unsetenv("AFTERCARE_TEST_DATABASE");
	if (!postgres_start(&cluster))
		return false;
	if (prepare())
		return true;
	postgres_stop(&cluster);
	return false;
}

void server_end(void)
{
	postgres_stop(&cluster);
}

/* ---- a run ---- */

static void database_name(char name[static 60])
{
	snprintf(name, 60, "simulated_%ld", (long)getpid());
}

/* "is not a PostgreSQL server process": it has ended by itself. */
static void drop_notice(void *userdata, const PGresult *notice)
{
	(void)userdata, (void)notice;
}

bool server_open(void)
{
	char name[60];

	database_name(name);
	server = (struct server){ .admin = PQconnectdb(cluster.admin) };
	if (PQstatus(server.admin) != CONNECTION_OK) {
		fprintf(stderr, "simulator: %s", PQerrorMessage(server.admin));
		return false;
	}
	PQsetNoticeReceiver(server.admin, drop_notice, NULL);
	snprintf(server.conninfo, sizeof(server.conninfo), "%s dbname=%s", cluster.admin, name);
	(void)server_ask(server.admin, "create database %s template %s", name, cluster.database);
	server.locker = PQconnectdb(server.conninfo);
	return !world.violation[0] && PQstatus(server.locker) == CONNECTION_OK;
}

void server_close(void)
{
	char name[60];

	database_name(name);
	table_each(server.orphans, i) {
		if (server.orphans.items[i]->state < ORPHAN_CLOSED)
			close(server.orphans.items[i]->fd);
	}
	PQfinish(server.locker);
	PQclear(PQexec(server.admin, "select 1"));
	char sql[100];
	snprintf(sql, sizeof(sql), "drop database %s with (force)", name);
	PQclear(PQexec(server.admin, sql));
	PQfinish(server.admin);
}

const char *server_conninfo(const struct actor *actor)
{
	return str_z(&world.arena, str_format(&world.arena, "%s user=aftercare_%s", server.conninfo, actor->service->name));
}

/* ---- as the schedule sees it ---- */

size_t server_ready(void)
{
	size_t ready = 0;

	links_settle();
	table_each(server.orphans, i)
		ready += server.orphans.items[i]->state == ORPHAN_HELD && server.orphans.items[i]->not_before <= world.now;
	return ready;
}

void server_step(size_t which)
{
	table_each(server.orphans, i) {
		struct orphan *orphan = server.orphans.items[i];

		if (orphan->state == ORPHAN_HELD && orphan->not_before <= world.now && which-- == 0) {
			orphan_step(orphan);
			return;
		}
	}
}

/* INT64_MAX: it does not idle in a transaction. */
static int64_t idles_until(const struct link *link)
{
	bool idles = link->conn && link->pid && link->sending && PQtransactionStatus(link->conn) == PQTRANS_INTRANS;

	return idles ? link->idle_since + IDLE_IN_TRANSACTION : INT64_MAX;
}

void server_watch(void)
{
	for (int i = 0; i < world.actor_count; i++) {
		struct link *link = &server.links[i];

		if (idles_until(link) > world.now)
			continue;
		say("server: ends the connection of %s, which idles in a transaction", world.actors[i].name);
		backend_end(link->pid);
		link->idle_since = INT64_MAX / 2;
	}
}

int64_t server_next(void)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < world.actor_count; i++) {
		const struct link *link = &server.links[i];

		if (idles_until(link) < next)
			next = idles_until(link);
		if (link->sending && link->not_before > world.now && link->not_before < next)
			next = link->not_before;
	}
	table_each(server.orphans, i) {
		const struct orphan *orphan = server.orphans.items[i];

		if (orphan->state == ORPHAN_HELD && orphan->not_before > world.now && orphan->not_before < next)
			next = orphan->not_before;
	}
	return next;
}

bool server_answered(const struct actor *actor)
{
	const struct link *link = &server.links[actor->number];

	return link->sending ? link->not_before <= world.now : !link->blocked || link->answered;
}

void server_cut(struct actor *actor)
{
	server.links[actor->number].cut = true;
}

void server_drop(struct actor *actor)
{
	const struct link *link = &server.links[actor->number];

	if (!link->conn || !link->pid)
		return;
	say("server: ends the connection of %s", actor->name);
	backend_end(link->pid);
}

void server_restart(int64_t away)
{
	say("server: away for %.3f s", (double)away / (double)SECOND);
	server.refused_until = world.now + away;
	for (int i = 0; i < world.actor_count; i++) {
		if (server.links[i].conn)
			backend_end(server.links[i].pid);
	}
	table_each(server.orphans, i) {
		if (server.orphans.items[i]->state != ORPHAN_GONE)
			backend_end(server.orphans.items[i]->pid);
	}
}

void server_deadlock(struct actor *actor)
{
	server.links[actor->number].refuse = true;
}

void server_trap(void)
{
	server.trap = true;
}

/* What it was about to send may have been sent. */
void server_bury(struct actor *actor)
{
	struct link *link = &server.links[actor->number];

	if (!link->conn)
		return;
	link_sever(link, link->sending && once_in(2), once_in(2) ? 0 : chance(8 * SECOND));
	PQfinish(link->conn);
}
