/* The test's own way to ask the database about the probe, and the fixtures that bring up all it lives on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/embed.h"
#include "tests/support/probe_inner.h"

static const char tables[] =
	"select aftercare.create_service('probe');"
	"create table probe.effect (n bigint generated always as identity primary key, topic text, partition int, position bigint,"
	" what text check (what <> 'violation'), id text, writer text, sequence bigint, due timestamptz, now timestamptz, pid int,"
	" anew boolean, at timestamptz default clock_timestamp());"
	"create index on probe.effect (id);"
	"create table probe.seen (source text, id text, primary key (source, id));"
	"create table probe.switch (name text primary key, value int not null);"
	"grant all on all tables in schema probe to aftercare_probe;"
	"set search_path = probe";

/* ---- SQL ---- */

void probe_fail(struct probe *probe, const char *format, ...)
{
	char path[100], line[1000];
	va_list args;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", probe->directory);
	log = fopen(path, "r");
	if (log) {
		/* Its end is of interest. */
		if (fseek(log, -6000, SEEK_END) == 0)
			(void)!fgets(line, sizeof(line), log);
		while (fgets(line, sizeof(line), log))
			fprintf(stderr, "daemon: %s", line);
		fclose(log);
	}
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fail_msg("%s", line);
}

static PGresult *run(struct probe *probe, const char *sql)
{
	PGresult *result = PQexec(probe->sql, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		probe_fail(probe, "%s: %s", sql, PQerrorMessage(probe->sql));
	return result;
}

void probe_do(struct probe *probe, const char *format, ...)
{
	char sql[4000];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	PQclear(run(probe, sql));
}

static int64_t first(struct probe *probe, const char *sql)
{
	PGresult *result = run(probe, sql);
	int64_t value = PQntuples(result) && !PQgetisnull(result, 0, 0) ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;

	PQclear(result);
	return value;
}

int64_t probe_number(struct probe *probe, const char *format, ...)
{
	char sql[4000];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	return first(probe, sql);
}

void probe_until(struct probe *probe, int64_t want, const char *format, ...)
{
	long deadline = stack_deadline();
	char sql[4000];
	va_list args;
	int64_t value;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	probe_stands("waiting for %lld: %s", (long long)want, sql);
	while ((value = first(probe, sql)) != want) {
		if (stack_clock() > deadline)
			probe_fail(probe, "%s: is %lld, not %lld", sql, (long long)value, (long long)want);
		stack_moment();
	}
}

void probe_switch(struct probe *probe, const char *name, int value)
{
	probe_do(probe, "insert into switch values ('%s', %d) on conflict (name) do update set value = excluded.value", name, value);
}

void probe_hold(struct probe *probe, int lock)
{
	probe_do(probe, "select pg_advisory_lock(%d)", lock);
}

void probe_release(struct probe *probe, int lock)
{
	probe_do(probe, "select pg_advisory_unlock(%d)", lock);
}

void probe_until_waiting(struct probe *probe)
{
	probe_until(probe, 1, "select count(*) from pg_locks where locktype = 'advisory' and not granted");
}

void probe_connect(struct probe *probe)
{
	probe->sql = PQconnectdb(probe->postgres.conninfo);
	if (PQstatus(probe->sql) != CONNECTION_OK)
		probe_fail(probe, "%s", PQerrorMessage(probe->sql));
	PQclear(run(probe, "set client_min_messages = warning"));
}

static void create_tables(struct probe *probe)
{
	/* Those that make the ledger; the others are about tickets and services. */
	static const char *const migrations[] = { "schemas/sql/0001_base.sql", "schemas/sql/0020_outbox.sql" };

	for (size_t i = 0; i < array_count(migrations); i++) {
		struct str text = embed_find(migrations[i]);

		assert_non_null(text.p);
		PQclear(run(probe, text.p));
	}
	PQclear(run(probe, tables));
}

/* ---- fixtures ---- */

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	struct probe *probe = opaque;

	(void)producer;
	probe->undelivered -= message->err == 0;
}

static void make_producer(struct probe *probe)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[200];

	rd_kafka_conf_set_opaque(conf, probe);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	if (rd_kafka_conf_set(conf, "bootstrap.servers", probe->brokers, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
	    rd_kafka_conf_set(conf, "message.max.bytes", "2000000", why, sizeof(why)) != RD_KAFKA_CONF_OK)
		fail_msg("%s", why);
	probe->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	assert_non_null(probe->producer);
}

int probe_open(void **state)
{
	return probe_open_on(state, NULL);
}

int probe_open_on(void **state, const char *brokers)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	*state = probe;
	probe->instance = 1;
	strcpy(probe->directory, "/tmp/aftercare-probe-XXXXXX");
	if (!mkdtemp(probe->directory))
		return 1;
	probe_stands_init(probe);
	if (!postgres_start(&probe->postgres))
		return 1;
	probe_connect(probe);
	create_tables(probe);
	if (brokers) {
		snprintf(probe->brokers, sizeof(probe->brokers), "%s", brokers);
	} else {
		probe->port = probe_free_port();
		snprintf(probe->brokers, sizeof(probe->brokers), "127.0.0.1:%d", probe->port);
		probe_broker_start(probe);
	}
	make_producer(probe);
	return 0;
}

int probe_calm(void **state)
{
	struct probe *probe = *state;

	if (probe->daemon > 0)
		kill(probe->daemon, SIGCONT);
	if (probe->broker > 0)
		kill(probe->broker, SIGCONT);
	if (PQtransactionStatus(probe->sql) != PQTRANS_IDLE)
		probe_do(probe, "rollback");
	probe_do(probe, "select pg_advisory_unlock_all()");
	probe_do(probe, "update switch set value = 0");
	probe_start(probe);
	return 0;
}

int probe_close(void **state)
{
	struct probe *probe = *state;
	const char *const remove[] = { "rm", "-rf", probe->directory, NULL };

	probe_kill(probe);
	if (probe->producer)
		rd_kafka_destroy(probe->producer);
	probe_broker_stop(probe);
	PQfinish(probe->sql);
	postgres_stop(&probe->postgres);
	if (!getenv("AFTERCARE_TEST_KEEP"))
		(void)stack_run(remove, NULL);
	free(probe);
	return 0;
}
