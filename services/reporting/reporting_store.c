/* Rows in, rows out: the snapshots of the tickets of a batch, in one statement each way.
 *
 * Binds and reads columns of reporting.sql, nothing more. Sets are sorted by key. */
#include "services/reporting/reporting.h"

#include <stdlib.h>

static int compare_id(const void *key, const void *ticket)
{
	return str_cmp(*(const struct str *)key, ((const struct reporting_ticket *)ticket)->id);
}

struct reporting_ticket *reporting_ticket_find(const struct reporting_ticket_set *set, struct str id)
{
	return id.p && set->count ? bsearch(&id, set->items, set->count, sizeof(*set->items), compare_id) : NULL;
}

struct reporting_ticket_set reporting_tickets_queue(struct batch *batch, struct str *ids, size_t count)
{
	struct reporting_ticket_set set = { arena_zero(batch->arena, (count + 1) * sizeof(*set.items)), count };
	struct db_params params = { .arena = batch->arena };

	for (size_t i = 0; i < count; i++)
		set.items[i] = (struct reporting_ticket){
			.id = ids[i], .received_at = INSTANT_NONE, .updated_at = INSTANT_NONE, .assigned_at = INSTANT_NONE,
			.replied_at = INSTANT_NONE, .contacted_at = INSTANT_NONE, .arrived_at = INSTANT_NONE,
			.resolved_at = INSTANT_NONE, .confirmed_at = INSTANT_NONE, .closed_at = INSTANT_NONE,
			.waiting_since = INSTANT_NONE,
		};
	db_int4(&params, batch->partition);
	db_text_array(&params, ids, count);
	db_queue(batch->db, "reporting_tickets_load", &params);
	return set;
}

void reporting_ticket_row(struct reporting_ticket *ticket, const struct db_result *rows, size_t i, struct arena *arena)
{
	int column = 0;

	*ticket = (struct reporting_ticket){ .known = true };
	ticket->id = str_copy(arena, db_get_text(rows, i, column++));
	ticket->revision = (int32_t)db_get_int(rows, i, column++);
	ticket->state = state_of(db_get_text(rows, i, column++));
	struct str *const texts[] = { &ticket->kind, &ticket->severity, &ticket->mode, &ticket->channel, &ticket->priority,
				      &ticket->fault_type, &ticket->model, &ticket->version, &ticket->owner, &ticket->owner_role,
				      &ticket->department, &ticket->flags, &ticket->missing, &ticket->policies, &ticket->customer,
				      &ticket->entitlement, &ticket->labour, &ticket->parts, &ticket->score, &ticket->satisfied };
	for (size_t t = 0; t < array_count(texts); t++)
		*texts[t] = str_copy(arena, db_get_text(rows, i, column++));
	instant *const times[] = { &ticket->received_at, &ticket->updated_at, &ticket->assigned_at, &ticket->replied_at,
				   &ticket->contacted_at, &ticket->arrived_at, &ticket->resolved_at, &ticket->confirmed_at,
				   &ticket->closed_at };
	for (size_t t = 0; t < array_count(times); t++)
		*times[t] = db_get_instant(rows, i, column++);
	ticket->reopened = (int32_t)db_get_int(rows, i, column++);
	ticket->unassignable = db_get_bool(rows, i, column++);
	ticket->waiting_since = db_get_instant(rows, i, column++);
	ticket->waiting_reason = str_copy(arena, db_get_text(rows, i, column++));
	ticket->waited_us = db_get_int(rows, i, column++);
	reporting_clocks_unpack(ticket, str_copy(arena, db_get_text(rows, i, column++)), arena);
}

void reporting_tickets_read(struct batch *batch, struct reporting_ticket_set *set, size_t index)
{
	const struct db_result *rows = db_result(batch->db, index);

	for (size_t i = 0; i < db_rows(rows); i++) {
		struct reporting_ticket *ticket = reporting_ticket_find(set, db_get_text(rows, i, 0));

		if (ticket)
			reporting_ticket_row(ticket, rows, i, batch->arena);
	}
}

void reporting_tickets_save(struct batch *batch, const struct reporting_ticket_set *set)
{
	struct reporting_ticket *t = arena_alloc(batch->arena, (set->count + 1) * sizeof(*t));
	struct db_params params = { .arena = batch->arena };
	size_t n = 0, stride = sizeof(*t);

	for (size_t i = 0; i < set->count; i++) {
		if (!set->items[i].changed)
			continue;
		t[n] = set->items[i];
		t[n].state_name = state_name(t[n].state);
		t[n].clocks_text = reporting_clocks_pack(&t[n], batch->arena);
		n++;
	}
	if (n == 0)
		return;
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &t->id, stride, n);
	db_column_array(&params, DB_INT4, &t->revision, stride, n);
	const struct str *const texts[] = { &t->state_name, &t->kind, &t->severity, &t->mode, &t->channel, &t->priority, &t->fault_type,
					    &t->model, &t->version, &t->owner, &t->owner_role, &t->department, &t->flags, &t->missing,
					    &t->policies, &t->customer, &t->entitlement, &t->labour, &t->parts, &t->score,
					    &t->satisfied };
	for (size_t c = 0; c < array_count(texts); c++)
		db_column_array(&params, DB_TEXT, texts[c], stride, n);
	const instant *const times[] = { &t->received_at, &t->updated_at, &t->assigned_at, &t->replied_at, &t->contacted_at,
					 &t->arrived_at, &t->resolved_at, &t->confirmed_at, &t->closed_at };
	for (size_t c = 0; c < array_count(times); c++)
		db_column_array(&params, DB_INSTANT, times[c], stride, n);
	db_column_array(&params, DB_INT4, &t->reopened, stride, n);
	db_column_array(&params, DB_BOOL, &t->unassignable, stride, n);
	db_column_array(&params, DB_INSTANT, &t->waiting_since, stride, n);
	db_column_array(&params, DB_TEXT, &t->waiting_reason, stride, n);
	db_column_array(&params, DB_INT, &t->waited_us, stride, n);
	db_column_array(&params, DB_TEXT, &t->clocks_text, stride, n);
	db_queue(batch->db, "reporting_tickets_save", &params);
}
