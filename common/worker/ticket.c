/* The tickets of a batch: which they are, loaded in one statement, saved in one statement.
 *
 * Used by every service that follows tickets; what a fact means for a ticket is in ticket_apply.c. */
#include "common/worker/ticket.h"

#include <stdlib.h>
#include <string.h>

struct str ticket_of_item(const struct item *item, struct arena *arena)
{
	if (item->timer)
		return item->timer->ticket;
	if (item->event.subject.p)
		return item->event.subject;
	return doc_get(&item->event.doc, "ticket", arena);
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int compare_ticket(const void *key, const void *ticket)
{
	return str_cmp(*(const struct str *)key, ((const struct ticket *)ticket)->id);
}

struct ticket *ticket_find(const struct ticket_set *set, struct str id)
{
	if (!id.p || set->count == 0)
		return NULL;
	return bsearch(&id, set->items, set->count, sizeof(*set->items), compare_ticket);
}

/* "graded-2h-24h-48h 1\nnext 3" */
static void policies_parse(struct ticket *ticket, struct str text)
{
	while (text.p && ticket->policy_count < TICKET_POLICIES_MAX) {
		struct str line = str_cut(&text, '\n');
		struct str id = str_cut(&line, ' ');
		int64_t version = 0;
		if (id.n && str_int64(line, &version))
			ticket->policies[ticket->policy_count++] = (struct policy_ref){ id, (int32_t)version };
	}
}

static struct str policies_text(const struct ticket *ticket, struct arena *arena)
{
	struct str text = STR("");
	for (size_t i = 0; i < ticket->policy_count; i++)
		text = str_format(arena, "%.*s%s%.*s %d", STR_ARG(text), i ? "\n" : "", STR_ARG(ticket->policies[i].id),
				  ticket->policies[i].version);
	return text;
}

static void ticket_read(struct ticket *ticket, const struct db_result *rows, size_t i, struct arena *arena)
{
	int column = 1;
	ticket->known = true;
	ticket->stored = true;
	ticket->revision = (int32_t)db_get_int(rows, i, column++);
	ticket->state = state_of(db_get_text(rows, i, column++));
	ticket->before = state_of(db_get_text(rows, i, column++));
	ticket->received_at = db_get_instant(rows, i, column++);
	ticket->waiting_since = db_get_instant(rows, i, column++);
	ticket->resolved_at = db_get_instant(rows, i, column++);
	ticket->closed_at = db_get_instant(rows, i, column++);
	ticket->reopened = (int32_t)db_get_int(rows, i, column++);
	struct str *const texts[] = { &ticket->kind, &ticket->severity, &ticket->mode, &ticket->channel, &ticket->priority,
				      &ticket->customer, &ticket->owner, &ticket->owner_role };
	for (size_t t = 0; t < array_count(texts); t++)
		*texts[t] = str_copy(arena, db_get_text(rows, i, column++));
	ticket->assigned_at = db_get_instant(rows, i, column++);
	ticket->missing = str_copy(arena, db_get_text(rows, i, column++));
	ticket->unassignable = db_get_bool(rows, i, column++);
	policies_parse(ticket, str_copy(arena, db_get_text(rows, i, column++)));
	ticket->lifecycle = (int32_t)db_get_int(rows, i, column++);
	struct str *const rest[] = { &ticket->facts, &ticket->evidence, &ticket->flags, &ticket->data, &ticket->cause_id,
				     &ticket->cause_source, &ticket->traceparent, &ticket->tracestate };
	for (size_t t = 0; t < array_count(rest); t++)
		*rest[t] = str_copy(arena, db_get_text(rows, i, column++));
}

enum verdict ticket_load_ids(struct batch *batch, const struct str *ids, size_t count, struct ticket_set *ret_set,
			     struct fault *fault)
{
	struct str *sorted = arena_copy(batch->arena, ids, count * sizeof(*ids));
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare_str);
	struct ticket *tickets = arena_zero(batch->arena, (count + 1) * sizeof(*tickets));
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (!sorted[i].p || (kept && str_eq(sorted[i], tickets[kept - 1].id)))
			continue;
		tickets[kept] = (struct ticket){ .id = sorted[i], .lane = batch->partition, .received_at = INSTANT_NONE,
						 .waiting_since = INSTANT_NONE, .resolved_at = INSTANT_NONE,
						 .closed_at = INSTANT_NONE, .assigned_at = INSTANT_NONE };
		kept++;
	}
	*ret_set = (struct ticket_set){ tickets, kept };
	if (kept == 0)
		return OK;
	struct db_params params = { .arena = batch->arena };
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &tickets[0].id, sizeof(*tickets), kept);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(batch->db, "ticket_load", &params, &rows, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct ticket *ticket = ticket_find(ret_set, db_get_text(rows, i, 0));
		if (ticket)
			ticket_read(ticket, rows, i, batch->arena);
	}
	return OK;
}

enum verdict ticket_load(struct batch *batch, struct ticket_set *ret_set, struct fault *fault)
{
	struct str *ids = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*ids));
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].refused)
			continue;
		struct str id = ticket_of_item(&batch->items[i], batch->arena);
		if (id.p)
			ids[count++] = id;
	}
	return ticket_load_ids(batch, ids, count, ret_set, fault);
}

/* Queues the insert or the update of tickets: what never changes is bound last, and for the insert only. */
static void ticket_queue(struct batch *batch, const struct ticket *t, size_t n, bool insert)
{
	struct arena *arena = batch->arena;
	struct str *state = arena_alloc(arena, 3 * n * sizeof(*state)), *before = state + n, *policies = state + 2 * n;
	for (size_t i = 0; i < n; i++) {
		state[i] = state_name(t[i].state);
		before[i] = t[i].before ? state_name(t[i].before) : STR("");
		policies[i] = insert ? policies_text(&t[i], arena) : STR_NONE;
	}
	size_t stride = sizeof(*t);
	struct db_params params = { .arena = arena };
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &t->id, stride, n);
	db_column_array(&params, DB_INT4, &t->revision, stride, n);
	db_text_array(&params, state, n);
	db_text_array(&params, before, n);
	db_column_array(&params, DB_INSTANT, &t->waiting_since, stride, n);
	db_column_array(&params, DB_INSTANT, &t->resolved_at, stride, n);
	db_column_array(&params, DB_INSTANT, &t->closed_at, stride, n);
	db_column_array(&params, DB_INT4, &t->reopened, stride, n);
	db_column_array(&params, DB_TEXT, &t->kind, stride, n);
	db_column_array(&params, DB_TEXT, &t->severity, stride, n);
	db_column_array(&params, DB_TEXT, &t->mode, stride, n);
	db_column_array(&params, DB_TEXT, &t->channel, stride, n);
	db_column_array(&params, DB_TEXT, &t->priority, stride, n);
	db_column_array(&params, DB_TEXT, &t->customer, stride, n);
	db_column_array(&params, DB_TEXT, &t->owner, stride, n);
	db_column_array(&params, DB_TEXT, &t->owner_role, stride, n);
	db_column_array(&params, DB_INSTANT, &t->assigned_at, stride, n);
	db_column_array(&params, DB_TEXT, &t->missing, stride, n);
	db_column_array(&params, DB_BOOL, &t->unassignable, stride, n);
	db_column_array(&params, DB_TEXT, &t->facts, stride, n);
	db_column_array(&params, DB_TEXT, &t->evidence, stride, n);
	db_column_array(&params, DB_TEXT, &t->flags, stride, n);
	db_column_array(&params, DB_TEXT, &t->data, stride, n);
	if (insert) {
		db_column_array(&params, DB_INSTANT, &t->received_at, stride, n);
		db_text_array(&params, policies, n);
		db_column_array(&params, DB_INT4, &t->lifecycle, stride, n);
		db_column_array(&params, DB_TEXT, &t->cause_id, stride, n);
		db_column_array(&params, DB_TEXT, &t->cause_source, stride, n);
		db_column_array(&params, DB_TEXT, &t->traceparent, stride, n);
		db_column_array(&params, DB_TEXT, &t->tracestate, stride, n);
	}
	db_queue(batch->db, insert ? "ticket_insert" : "ticket_update", &params);
}

/* Those that are to be saved and have a row, or have none yet; still sorted. */
static struct ticket *ticket_changed(struct batch *batch, const struct ticket_set *set, bool stored, size_t *ret_count)
{
	struct ticket *list = arena_alloc(batch->arena, (set->count + 1) * sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct ticket *ticket = &set->items[i];
		if (!ticket->changed || !ticket->known || ticket->stored != stored)
			continue;
		list[n] = *ticket;
		if (!ticket->data.p)
			list[n].data = STR("{}");
		n++;
	}
	*ret_count = n;
	return list;
}

void ticket_save(struct batch *batch, const struct ticket_set *set)
{
	for (int stored = 0; stored < 2; stored++) {
		size_t n;
		const struct ticket *list = ticket_changed(batch, set, stored, &n);
		if (n)
			ticket_queue(batch, list, n, !stored);
	}
}
