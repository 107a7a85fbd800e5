/* Positions and numbers of a daemon's sources at a moment, and the look whether any of them has moved. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <libpq-fe.h>

#include "tests/support/recovery.h"

struct wait {
	long since;                 /* 0: nothing is waited for */
	bool taken;                 /* a source must have been taken anew */
	char *rows;                 /* {id: [epoch, how far], ...} then */
	struct durations *to;
};

struct recovery {
	const struct stack *stack;
	PGconn *database;
	struct wait waits[16];
	struct durations killed[16], all;
};

/* ---- durations ---- */

void durations_add(struct durations *durations, long ms)
{
	if (durations->count == durations->capacity) {
		durations->capacity = durations->capacity ? 2 * durations->capacity : 64;
		durations->items = realloc(durations->items, durations->capacity * sizeof(*durations->items));
		assert_non_null(durations->items);
	}
	durations->items[durations->count++] = ms;
}

static int compare(const void *a, const void *b)
{
	const long *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

long durations_median(struct durations *durations)
{
	if (durations->count == 0)
		return 0;
	qsort(durations->items, durations->count, sizeof(*durations->items), compare);
	return durations->items[durations->count / 2];
}

long durations_worst(const struct durations *durations)
{
	long worst = 0;

	for (size_t i = 0; i < durations->count; i++)
		worst = durations->items[i] > worst ? durations->items[i] : worst;
	return worst;
}

void durations_free(struct durations *durations)
{
	free(durations->items);
	*durations = (struct durations){ 0 };
}

/* ---- the database ---- */

/* The first column of the only row (malloc); NULL: the database is not there. */
static char *ask(struct recovery *recovery, const char *sql, const char *parameter)
{
	PGresult *rows;
	char *value = NULL;

	if (!recovery->database)
		recovery->database = PQconnectdb(recovery->stack->database);
	rows = PQexecParams(recovery->database, sql, parameter ? 1 : 0, NULL, parameter ? &parameter : NULL, NULL, NULL, 0);
	if (PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1)
		value = strdup(PQgetvalue(rows, 0, 0));
	PQclear(rows);
	if (!value) {
		PQfinish(recovery->database);
		recovery->database = NULL;
	}
	return value;
}

static void begin(struct recovery *recovery, size_t daemon, bool taken, struct durations *to)
{
	struct wait *wait = &recovery->waits[daemon];
	long since = stack_clock();
	char sql[300];

	free(wait->rows);
	snprintf(sql, sizeof(sql), "select coalesce(jsonb_object_agg(id, jsonb_build_array(epoch, next_offset + out_seq)), '{}') "
		 "from %s.source", recovery->stack->daemons[daemon]);
	*wait = (struct wait){ .taken = taken, .rows = ask(recovery, sql, NULL), .to = to };
	wait->since = wait->rows ? since : 0;
}

/* ---- what is asked for ---- */

struct recovery *recovery_open(const struct stack *stack)
{
	struct recovery *recovery = calloc(1, sizeof(*recovery));

	assert_non_null(recovery);
	recovery->stack = stack;
	return recovery;
}

void recovery_close(struct recovery *recovery)
{
	recovery_forget(recovery);
	for (size_t i = 0; i < sizeof(recovery->killed) / sizeof(*recovery->killed); i++)
		durations_free(&recovery->killed[i]);
	durations_free(&recovery->all);
	free(recovery);
}

void recovery_killed(struct recovery *recovery, size_t daemon)
{
	begin(recovery, daemon, true, &recovery->killed[daemon]);
}

void recovery_back(struct recovery *recovery, struct durations *durations)
{
	for (size_t i = 0; i < recovery->stack->daemon_count; i++)
		begin(recovery, i, false, durations);
}

void recovery_look(struct recovery *recovery)
{
	for (size_t i = 0; i < recovery->stack->daemon_count; i++) {
		struct wait *wait = &recovery->waits[i];
		char sql[400], *moved;

		if (!wait->since)
			continue;
		snprintf(sql, sizeof(sql), "select count(*) from %s.source s join jsonb_each($1::jsonb) o on o.key::int8 = s.id "
			 "where %s s.next_offset + s.out_seq > (o.value ->> 1)::int8",
			 recovery->stack->daemons[i], wait->taken ? "s.epoch > (o.value ->> 0)::int8 and" : "");
		moved = ask(recovery, sql, wait->rows);
		if (moved && atol(moved) > 0) {
			durations_add(wait->to, stack_clock() - wait->since);
			if (wait->taken)
				durations_add(&recovery->all, stack_clock() - wait->since);
			wait->since = 0;
		}
		free(moved);
	}
}

void recovery_forget(struct recovery *recovery)
{
	for (size_t i = 0; i < sizeof(recovery->waits) / sizeof(*recovery->waits); i++) {
		free(recovery->waits[i].rows);
		recovery->waits[i] = (struct wait){ 0 };
	}
	PQfinish(recovery->database);
	recovery->database = NULL;
}

bool recovery_waits(const struct recovery *recovery, size_t daemon)
{
	return recovery->waits[daemon].since != 0;
}

bool recovery_waits_any(const struct recovery *recovery)
{
	for (size_t i = 0; i < recovery->stack->daemon_count; i++)
		if (recovery_waits(recovery, i))
			return true;
	return false;
}

struct durations *recovery_of(struct recovery *recovery, size_t daemon)
{
	return &recovery->killed[daemon];
}

struct durations *recovery_all(struct recovery *recovery)
{
	return &recovery->all;
}
