/* The clocks of a batch's tickets, loaded and saved as sets: one statement each, rows in the order of the key.
 *
 * A batch of timers loads its clocks and little else: what a burst of breaches costs is mostly what is read for it.
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
	clock->calendar_ref.id = str_copy(arena, db_get_text(rows, i, column++));
	clock->calendar_ref.version = (int32_t)db_get_int(rows, i, column++);
	clock->cause.id = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.source = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.traceparent = str_copy(arena, db_get_text(rows, i, column++));
	clock->cause.tracestate = str_copy(arena, db_get_text(rows, i, column++));
	clock->stored = clock->state;
	clock->stored_rule = clock->rule;
	clock->stored_due = clock->due_at;
}

static void case_open(struct sla_run *run, size_t i)
{
	struct sla_case *c = &run->entries[i].c;

	run->entries[i].ticket = &run->tickets.items[i];
	c->arena = run->batch->arena;
	c->ticket = &run->tickets.items[i];
	c->desk = run->desk;
}

static struct sla_clock *case_clock(struct sla_run *run, const struct db_result *rows, size_t i, const struct ticket *ticket)
{
	struct sla_case *c = &run->entries[ticket - run->tickets.items].c;

	arena_grow(run->batch->arena, &c->clocks, &c->clock_capacity, c->clock_count + 1, sizeof(*c->clocks));
	clock_read(&c->clocks[c->clock_count], ticket, rows, i, run->batch->arena);
	return &c->clocks[c->clock_count++];
}

static enum verdict load_tickets(struct sla_run *run, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	struct str *ids = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*ids));
	size_t count = 0;
	enum verdict verdict;

	for (size_t i = 0; i < batch->count; i++) {
		struct str id = sla_subject_of(run, &batch->items[i]);

		if (!batch->items[i].refused && id.p)
			ids[count++] = id;
	}
	verdict = ticket_load_ids(batch, ids, count, &run->tickets, fault);
	if (verdict != OK)
		return verdict;
	run->entries = arena_zero(batch->arena, (run->tickets.count + 1) * sizeof(*run->entries));
	count = 0;
	for (size_t i = 0; i < run->tickets.count; i++) {
		case_open(run, i);
		/* What is new has no clocks. */
		if (run->tickets.items[i].known)
			ids[count++] = run->tickets.items[i].id;
	}
	if (count == 0)
		return OK;
	db_int4(&params, batch->partition);
	db_text_array(&params, ids, count);
	verdict = db_run(batch->db, "load_clocks", &params, &rows, fault);
	for (size_t i = 0; verdict == OK && i < db_rows(rows); i++)
		(void)case_clock(run, rows, i, ticket_find(&run->tickets, db_get_text(rows, i, 0)));
	return verdict;
}

struct due {
	struct str ticket, clock;
};

static int by_due(const void *a, const void *b)
{
	const struct due *left = a;
	const struct due *right = b;
	int order = str_cmp(left->ticket, right->ticket);

	return order ? order : str_cmp(left->clock, right->clock);
}

/* The clocks that timers of the batch are about, each once, and their tickets; returns how many clocks. */
static size_t find_due(struct sla_run *run, struct due *due)
{
	const struct batch *batch = run->batch;
	struct ticket *tickets = arena_zero(batch->arena, (batch->count + 1) * sizeof(*tickets));
	size_t count = 0;
	size_t kept = 0;
	int32_t warning;

	for (size_t i = 0; i < batch->count; i++)
		if (batch->items[i].timer && batch->items[i].timer->ticket.p)
			due[count++] = (struct due){ batch->items[i].timer->ticket,
						     sla_decode_timer(batch->items[i].timer, &warning) };
	if (count > 0)
		qsort(due, count, sizeof(*due), by_due);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && by_due(&due[kept - 1], &due[i]) == 0)
			continue;
		if (kept == 0 || !str_eq(due[kept - 1].ticket, due[i].ticket))
			tickets[run->tickets.count++] = (struct ticket){ .id = due[i].ticket, .lane = batch->partition };
		due[kept++] = due[i];
	}
	run->tickets.items = tickets;
	return kept;
}

/* Only what facts about a clock say of its ticket is filled in; its policies are those of the clocks. */
static void ticket_of_due(struct ticket *ticket, const struct db_result *rows, size_t i, struct arena *arena)
{
	struct policy_ref ref = { db_get_text(rows, i, 2), (int32_t)db_get_int(rows, i, 3) };
	uint32_t place;

	ticket->known = true;
	ticket->revision = (int32_t)db_get_int(rows, i, 23);
	ticket->state = state_of(db_get_text(rows, i, 24));
	ticket->kind = str_copy(arena, db_get_text(rows, i, 25));
	if (policy_place(ticket, ref.id, ref.version, &place) || ticket->policy_count == TICKET_POLICIES_MAX)
		return;
	ref.id = str_copy(arena, ref.id);
	ticket->policies[ticket->policy_count++] = ref;
}

static enum verdict load_due(struct sla_run *run, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	struct due *due = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*due));
	size_t count = find_due(run, due);
	enum verdict verdict;

	run->entries = arena_zero(batch->arena, (run->tickets.count + 1) * sizeof(*run->entries));
	for (size_t i = 0; i < run->tickets.count; i++)
		case_open(run, i);
	if (count == 0)
		return OK;
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &due->ticket, sizeof(*due), count);
	db_column_array(&params, DB_TEXT, &due->clock, sizeof(*due), count);
	verdict = db_run(batch->db, "load_due", &params, &rows, fault);
	for (size_t i = 0; verdict == OK && i < db_rows(rows); i++) {
		struct ticket *ticket = ticket_find(&run->tickets, db_get_text(rows, i, 0));

		ticket_of_due(ticket, rows, i, batch->arena);
		(void)case_clock(run, rows, i, ticket);
	}
	return verdict;
}

enum verdict sla_store_load(struct sla_run *run, struct fault *fault)
{
	for (size_t i = 0; i < run->batch->count; i++)
		if (!run->batch->items[i].timer)
			return load_tickets(run, fault);
	return load_due(run, fault);
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

static struct row *changed_rows(const struct sla_run *run, bool stored, size_t *ret_count)
{
	struct row *rows = NULL;
	size_t count = 0;
	size_t capacity = 0;

	for (size_t i = 0; i < run->tickets.count; i++) {
		const struct sla_case *c = &run->entries[i].c;

		for (size_t k = 0; k < c->clock_count; k++) {
			const struct sla_clock *clock = &c->clocks[k];

			if (!clock->changed || (clock->stored != SLA_NONE) != stored)
				continue;
			arena_grow(run->batch->arena, &rows, &capacity, count + 1, sizeof(*rows));
			rows[count++] = (struct row){
				.clock = *clock,
				.ticket = c->ticket->id,
				.policy = c->ticket->policies[clock->policy].id,
				.version = c->ticket->policies[clock->policy].version,
				.state = sla_state_name(clock->state),
			};
			rows[count - 1].clock.calendar_ref = clock->calendar
				? (struct policy_ref){ clock->calendar->id, clock->calendar->version }
				: (struct policy_ref){ 0 };
		}
	}
	if (count > 0)
		qsort(rows, count, sizeof(*rows), by_key);
	*ret_count = count;
	return rows;
}

static void save(struct sla_run *run, bool stored)
{
	struct db_params params = { .arena = run->batch->arena };
	size_t stride = sizeof(struct row);
	size_t n;
	const struct row *row = changed_rows(run, stored, &n);
	const struct sla_clock *clock;

	if (n == 0)
		return;
	clock = &row->clock;
	db_int4(&params, run->batch->partition);
	db_column_array(&params, DB_TEXT, &row->ticket, stride, n);
	db_column_array(&params, DB_TEXT, &clock->id, stride, n);
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
	db_column_array(&params, DB_TEXT, &clock->calendar_ref.id, stride, n);
	db_column_array(&params, DB_INT4, &clock->calendar_ref.version, stride, n);
	/* What follows never changes. */
	if (!stored) {
		db_column_array(&params, DB_TEXT, &row->policy, stride, n);
		db_column_array(&params, DB_INT4, &row->version, stride, n);
		db_column_array(&params, DB_TEXT, &clock->name, stride, n);
		db_column_array(&params, DB_INT4, &clock->number, stride, n);
		db_column_array(&params, DB_TEXT, &clock->cause.id, stride, n);
		db_column_array(&params, DB_TEXT, &clock->cause.source, stride, n);
		db_column_array(&params, DB_TEXT, &clock->cause.traceparent, stride, n);
		db_column_array(&params, DB_TEXT, &clock->cause.tracestate, stride, n);
	}
	db_queue(run->batch->db, stored ? "update_clocks" : "insert_clocks", &params);
}

void sla_store_save(struct sla_run *run)
{
	save(run, false);
	save(run, true);
}
