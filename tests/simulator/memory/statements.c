/* The statements of ledger.sql on tables in memory, at READ COMMITTED: a version that is not committed is seen by its own
 * transaction only, who would change a locked row waits and then looks again, and a row that does not match as it is
 * committed is passed over without waiting.
 *
 * Incarnations are not raised here: no failover, no topic made anew (those are for a real PostgreSQL). */
#include "tests/simulator/memory/statements.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/embed.h"

/* Of ledger.sql: who changes it, changes what is emulated here too, then this number. */
#define LEDGER_DIGEST UINT64_C(0xe43e9b07cb40f9d4)

void statements_check(void)
{
	uint64_t digest = str_hash(embed_find("common/worker/ledger.sql"));

	if (digest == LEDGER_DIGEST)
		return;
	fprintf(stderr, "common/worker/ledger.sql is not what tests/simulator/statements.c emulates: compare the two, mend the latter, then "
			"set LEDGER_DIGEST to 0x%llx\n", (unsigned long long)digest);
	exit(2);
}

/* ---- locks ---- */

void statement_wait(struct session *session, struct session *holder)
{
	for (const struct session *s = holder; s; s = s->waits_for) {
		if (s == session) {
			(void)fault_set(&session->fault, RETRY, "database: deadlock detected (40P01)");
			return;
		}
	}
	session->waits_for = holder;
}

/* False: it has to wait, or there is a deadlock. */
static bool source_lock(struct session *session, struct source_row *row)
{
	if (row->locker && row->locker != session) {
		statement_wait(session, row->locker);
		return false;
	}
	row->locker = session;
	return true;
}

/* ---- results ---- */

struct cell *result_row(struct db_result *result, size_t columns)
{
	result->columns = columns;
	arena_grow(&world.arena, &result->cells, &result->capacity, (result->rows + 1) * columns, sizeof(*result->cells));
	struct cell *cells = &result->cells[result->rows++ * columns];
	memset(cells, 0, columns * sizeof(*cells));
	return cells;
}

static struct source_row *source_by_id(int64_t id)
{
	table_each(store.sources, i) {
		if (store.sources.items[i]->id == id)
			return store.sources.items[i];
	}
	return NULL;
}

static struct source_row *source_by_place(const struct operation *operation)
{
	table_each(store.sources, i) {
		struct source_row *row = store.sources.items[i];

		if (str_eq(row->topic, text(operation, 1)) && row->partition == number(operation, 2))
			return row;
	}
	return NULL;
}

/* ---- the source's row ---- */

static bool source_create(struct session *session, const struct operation *operation, struct db_result *result)
{
	(void)session;
	if (source_by_place(operation))
		return true;
	struct source_row *row = arena_zero(&world.arena, sizeof(*row));
	row->id = (int64_t)store.sources.count + 1;
	row->topic = text(operation, 1);
	row->partition = (int32_t)number(operation, 2);
	row->now = (struct source_values){ .incarnation = 1, .next_offset = number(operation, 3), .suspect_until = -1,
					   .attempt_offset = -1, .clean = true };
	row->committed = row->now;
	table_add(store.sources, row);
	result->affected = 1;
	return true;
}

static bool source_take(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row = source_by_place(operation);

	if (!row)
		return true;
	if (!source_lock(session, row))
		return false;
	struct source_values *now = &row->now;
	struct cell *cells = result_row(result, 8);
	now->epoch += RULE("r3-raise");
	const int64_t values[] = { row->id, now->epoch, now->incarnation, now->next_offset, now->out_seq, now->published_seq,
				   now->clean, now->suspect_until };
	for (size_t i = 0; i < array_count(values); i++)
		cells[i].number = values[i];
	now->clean = false;
	now->taker = session;
	now->owner = text(operation, 3);
	result->affected = 1;
	return true;
}

/* The compare-and-set on $1 to $4: *ret_ours when the row is locked and as expected. False: wait. */
static bool compare(struct session *session, int64_t id, int64_t epoch, int64_t next_offset, int64_t out_seq, struct source_row **ret)
{
	struct source_row *row = source_by_id(id);

	*ret = NULL;
	if (!row)
		return true;
	const struct source_values *seen = row->locker == session ? &row->now : &row->committed;
	/* The rules as tests/mutate/rules.sql breaks them. */
	if ((seen->epoch != epoch && RULE("r1-cas-epoch")) || (seen->next_offset != next_offset && RULE("r1-cas-offset")) ||
	    (seen->out_seq != out_seq && RULE("r4-seq-from-row")))
		return true;
	if (!source_lock(session, row))
		return false;
	*ret = row;
	return true;
}

static bool compare_params(struct session *session, const struct operation *operation, struct source_row **ret)
{
	return compare(session, number(operation, 1), number(operation, 2), number(operation, 3), number(operation, 4), ret);
}

static bool source_advance(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row;

	if (!compare_params(session, operation, &row))
		return false;
	if (!row)
		return true;
	row->now.next_offset = number(operation, 5);
	row->now.published_seq = number(operation, 6);
	row->now.suspect_until = number(operation, 7);
	result->affected = 1;
	return true;
}

static bool source_suspect(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row;

	if (!compare_params(session, operation, &row))
		return false;
	if (!row)
		return true;
	row->now.suspect_until = number(operation, 5);
	result->affected = 1;
	return true;
}

static bool source_attempt(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row;

	if (!compare_params(session, operation, &row))
		return false;
	if (!row)
		return true;
	struct source_values *now = &row->now;
	if (now->attempt_offset != number(operation, 6))
		now->attempts = 1;
	else if (now->attempts != number(operation, 5))
		now->attempts++;
	now->attempt_offset = number(operation, 6);
	result_row(result, 1)->number = now->attempts;
	result->affected = 1;
	return true;
}

static bool source_ours(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct source_row *row = source_by_id(number(operation, 1));

	if (row && (row->locker == session ? &row->now : &row->committed)->epoch == number(operation, 2))
		result_row(result, 1)->number = row->id;
	return true;
}

static bool source_rival(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;
	struct cell *count = result_row(result, 1);

	for (size_t i = 0; i < p[0].count; i++) {
		const struct source_row *row = source_by_id(p[0].numbers[i]);
		const struct source_values *seen = !row ? NULL : row->locker == session ? &row->now : &row->committed;

		count->number += seen && seen->epoch > p[1].numbers[i] && str_eq(seen->owner, p[2].texts[0]);
	}
	return true;
}

static bool source_attempt_over(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row = source_by_id(number(operation, 1));

	if (!source_lock(session, row))
		return false;
	row->now.attempts = 0;
	result->affected = 1;
	return true;
}

static bool source_issue(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row = source_by_id(number(operation, 1));

	if (!source_lock(session, row))
		return false;
	row->now.out_seq += number(operation, 2);
	result->affected = 1;
	return true;
}

/* Locks one row after the other; what it has locked when it has to wait, it keeps. */
static bool source_beat(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;
	struct source_row *row;

	for (size_t i = 0; i < p[0].count; i++) {
		if (!compare(session, p[0].numbers[i], p[1].numbers[i], p[2].numbers[i], p[3].numbers[i], &row))
			return false;
	}
	for (size_t i = 0; i < p[0].count; i++) {
		(void)compare(session, p[0].numbers[i], p[1].numbers[i], p[2].numbers[i], p[3].numbers[i], &row);
		if (!row)
			continue;
		row->now.next_offset = p[4].numbers[i];
		row->now.published_seq = p[5].numbers[i];
		row->now.clean = p[6].numbers[0];
		result_row(result, 1)->number = row->id;
		result->affected++;
	}
	return true;
}

static bool source_lock_beside(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct source_row *row = source_by_place(operation);

	(void)result;
	return !row || source_lock(session, row);
}

static const struct {
	const char *name;
	bool (*run)(struct session *session, const struct operation *operation, struct db_result *result);
} statements[] = {
#define STATEMENT(name) { #name, name }
#define STATEMENT_OF_ROWS(name) { #name, statement_##name }
	STATEMENT(source_ours), STATEMENT(source_rival), STATEMENT(source_beat), STATEMENT_OF_ROWS(source_due_times), STATEMENT(source_advance), STATEMENT(source_take),
	STATEMENT(source_create), STATEMENT_OF_ROWS(source_marks), STATEMENT_OF_ROWS(source_next_due), STATEMENT(source_lock_beside),
	STATEMENT(source_issue), STATEMENT(source_suspect), STATEMENT(source_attempt), STATEMENT(source_attempt_over),
	STATEMENT_OF_ROWS(outbox_insert), STATEMENT_OF_ROWS(outbox_unpublished), STATEMENT_OF_ROWS(outbox_prune), STATEMENT_OF_ROWS(timer_fire),
	STATEMENT_OF_ROWS(timer_set), STATEMENT_OF_ROWS(timer_cancel), STATEMENT_OF_ROWS(mark_save), STATEMENT_OF_ROWS(dead_letter_insert),
	STATEMENT_OF_ROWS(simulated_seen), STATEMENT_OF_ROWS(simulated_effects),
#undef STATEMENT
#undef STATEMENT_OF_ROWS
};

bool statement_run(struct session *session, const struct operation *operation, struct db_result *result)
{
	for (size_t i = 0; i < array_count(statements); i++) {
		if (strcmp(statements[i].name, operation->name) == 0)
			return statements[i].run(session, operation, result);
	}
	fprintf(stderr, "simulator: no statement %s\n", operation->name);
	abort();
}
