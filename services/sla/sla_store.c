/* The clocks of a batch's tickets, loaded and saved as sets: one statement each, rows in the order of the key.
 *
 * Ended clocks stay in the table: they number the next one and keep a clock from starting twice. Must not decide. */
#include <stdlib.h>

#include "services/sla/sla_run.h"

static bool policy_place(const struct ticket *ticket, struct str id, int64_t version, uint32_t *ret)
{
	for (size_t i = 0; i < ticket->policy_count; i++) {
		if (ticket->policies[i].version != version || !str_eq(ticket->policies[i].id, id))
			continue;
		*ret = (uint32_t)i;
		return true;
	}
	return false;
}

/* A policy that the ticket does not have gets a place beyond all: the caller finds out. */
static void clock_read(struct sla_clock *clock, const struct ticket *ticket, const struct db_result *rows, size_t i,
		       struct arena *arena)
{
	int column = 1;
	struct str policy;
	int64_t version;

	*clock = (struct sla_clock){ .policy = TICKET_POLICIES_MAX };
	clock->id = str_copy(arena, db_get_text(rows, i, column++));
	policy = db_get_text(rows, i, column++);
	version = db_get_int(rows, i, column++);
	(void)policy_place(ticket, policy, version, &clock->policy);
	clock->name = str_copy(arena, db_get_text(rows, i, column++));
	clock->number = (int32_t)db_get_int(rows, i, column++);
	clock->rule = (int32_t)db_get_int(rows, i, column++);
	clock->state = sla_state_of(db_get_text(rows, i, column++));
	clock->started_at = db_get_instant(rows, i, column++);
	clock->started_revision = (int32_t)db_get_int(rows, i, column++);
	clock->due_at = db_get_instant(rows, i, column++);
	clock->paused_at = db_get_instant(rows, i, column++);
	clock->paused_us = db_get_int(rows, i, column++);
	clock->breached_at = db_get_instant(rows, i, column++);
	clock->ended_at = db_get_instant(rows, i, column++);
	clock->why = str_copy(arena, db_get_text(rows, i, column++));
	clock->warned = (int32_t)db_get_int(rows, i, column++);
	clock->cause.id = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.source = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.traceparent = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.tracestate = str_copy(arena, db_get_text(rows, i, column++));
	clock->stored = clock->state;
	clock->stored_rule = clock->rule;
	clock->stored_due = clock->due_at;
}

enum verdict sla_store_load(struct sla_run *run, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	struct str *ids;
	size_t count = 0;
	enum verdict verdict = ticket_load(batch, &run->tickets, fault);

	if (verdict != OK)
		return verdict;
	run->entries = arena_zero(batch->arena, (run->tickets.count + 1) * sizeof(*run->entries));
	ids = arena_alloc(batch->arena, (run->tickets.count + 1) * sizeof(*ids));
	for (size_t i = 0; i < run->tickets.count; i++) {
		struct ticket *ticket = &run->tickets.items[i];

		run->entries[i].ticket = ticket;
		run->entries[i].c.arena = batch->arena;
		run->entries[i].c.ticket = ticket;
		/* What is new has no clocks. */
		if (ticket->known)
			ids[count++] = ticket->id;
	}
	if (count == 0)
		return OK;
	db_int4(&params, batch->partition);
	db_text_array(&params, ids, count);
	verdict = db_run(batch->db, "load_clocks", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct ticket *ticket = ticket_find(&run->tickets, db_get_text(rows, i, 0));
		struct sla_case *c = &run->entries[ticket - run->tickets.items].c;

		arena_grow(batch->arena, &c->clocks, &c->clock_capacity, c->clock_count + 1, sizeof(*c->clocks));
		clock_read(&c->clocks[c->clock_count++], ticket, rows, i, batch->arena);
	}
	return OK;
}

struct row {
	struct sla_clock clock;
	struct str ticket, policy, state;
	int32_t version;
};

static int by_key(const void *a, const void *b)
{
	const struct row *left = a;
	const struct row *right = b;
	int order = str_cmp(left->ticket, right->ticket);

	return order ? order : str_cmp(left->clock.id, right->clock.id);
}

static struct row *changed_rows(const struct sla_run *run, size_t *ret_count)
{
	struct row *rows = NULL;
	size_t count = 0;
	size_t capacity = 0;

	for (size_t i = 0; i < run->tickets.count; i++) {
		const struct sla_case *c = &run->entries[i].c;

		for (size_t k = 0; k < c->clock_count; k++) {
			const struct sla_clock *clock = &c->clocks[k];

			if (!clock->changed)
				continue;
			arena_grow(run->batch->arena, &rows, &capacity, count + 1, sizeof(*rows));
			rows[count++] = (struct row){
				.clock = *clock,
				.ticket = c->ticket->id,
				.policy = c->ticket->policies[clock->policy].id,
				.version = c->ticket->policies[clock->policy].version,
				.state = sla_state_name(clock->state),
			};
		}
	}
	if (count > 0)
		qsort(rows, count, sizeof(*rows), by_key);
	*ret_count = count;
	return rows;
}

void sla_store_save(struct sla_run *run)
{
	struct db_params params = { .arena = run->batch->arena };
	size_t stride = sizeof(struct row);
	size_t n;
	const struct row *row = changed_rows(run, &n);
	const struct sla_clock *clock;

	if (n == 0)
		return;
	clock = &row->clock;
	db_int4(&params, run->batch->partition);
	db_column_array(&params, DB_TEXT, &row->ticket, stride, n);
	db_column_array(&params, DB_TEXT, &clock->id, stride, n);
	db_column_array(&params, DB_TEXT, &row->policy, stride, n);
	db_column_array(&params, DB_INT4, &row->version, stride, n);
	db_column_array(&params, DB_TEXT, &clock->name, stride, n);
	db_column_array(&params, DB_INT4, &clock->number, stride, n);
	db_column_array(&params, DB_INT4, &clock->rule, stride, n);
	db_column_array(&params, DB_TEXT, &row->state, stride, n);
	db_column_array(&params, DB_INSTANT, &clock->started_at, stride, n);
	db_column_array(&params, DB_INT4, &clock->started_revision, stride, n);
	db_column_array(&params, DB_INSTANT, &clock->due_at, stride, n);
	db_column_array(&params, DB_INSTANT, &clock->paused_at, stride, n);
	db_column_array(&params, DB_INT, &clock->paused_us, stride, n);
	db_column_array(&params, DB_INSTANT, &clock->breached_at, stride, n);
	db_column_array(&params, DB_INSTANT, &clock->ended_at, stride, n);
	db_column_array(&params, DB_TEXT, &clock->why, stride, n);
	db_column_array(&params, DB_INT4, &clock->warned, stride, n);
	db_column_array(&params, DB_TEXT, &clock->cause.id, stride, n);
	db_column_array(&params, DB_TEXT, &clock->cause.source, stride, n);
	db_column_array(&params, DB_TEXT, &clock->cause.traceparent, stride, n);
	db_column_array(&params, DB_TEXT, &clock->cause.tracestate, stride, n);
	db_queue(run->batch->db, "save_clocks", &params);
}
