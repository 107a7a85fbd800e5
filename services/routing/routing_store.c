/* What routing reads and keeps beside its tickets: how much each person has in hand, and who knows a customer.
 *
 * Sets only. Loads are read at most once a batch and only when somebody is to be dispatched; what the batch itself
 * assigns is added in memory, so that five hundred tickets of one batch spread as five hundred batches would. Two lanes
 * at work at once do not see each other: a limit on open tickets can be passed by what both give in the same moment. */
#include "services/routing/routing_run.h"

#include <stdlib.h>

enum verdict routing_store_loads(struct routing_run *run, struct fault *fault)
{
	const struct directory *directory = run->directory;
	const struct db_result *rows;
	enum verdict verdict;

	if (run->loads)
		return OK;
	run->loads = arena_zero(run->batch->arena, (directory->count + 1) * sizeof(*run->loads));
	for (size_t i = 0; i < directory->count; i++)
		run->loads[i].assigned_at = INSTANT_NONE;
	if (directory->count == 0)
		return OK;
	verdict = db_run(run->batch->db, "load_workload", NULL, &rows, fault);
	if (verdict != OK)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		const struct person *person = directory_person(directory, db_get_text(rows, i, 0));

		if (person)
			run->loads[person - directory->people] =
			    (struct routing_load){ (int32_t)db_get_int(rows, i, 1), db_get_instant(rows, i, 2) };
	}
	/* What this batch has already done is not in the table yet. */
	for (size_t i = 0; i < run->change_count; i++) {
		const struct person *person = directory_person(directory, run->changes[i].person);

		if (person) {
			struct routing_load *load = &run->loads[person - directory->people];

			load->open += run->changes[i].open;
			if (run->changes[i].assigned_at > load->assigned_at)
				load->assigned_at = run->changes[i].assigned_at;
		}
	}
	return OK;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

enum verdict routing_store_served(struct routing_run *run, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct str *customers = arena_alloc(arena, (run->tickets.count + 1) * sizeof(*customers));
	struct db_params params = { .arena = arena };
	const struct db_result *rows;
	size_t count = 0, kept = 0;
	enum verdict verdict;

	if (run->served_read)
		return OK;
	run->served_read = true;
	for (size_t i = 0; i < run->tickets.count; i++)
		if (run->tickets.items[i].customer.p)
			customers[count++] = run->tickets.items[i].customer;
	if (count == 0)
		return OK;
	qsort(customers, count, sizeof(*customers), by_text);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !str_eq(customers[kept - 1], customers[i]))
			customers[kept++] = customers[i];
	db_text_array(&params, customers, kept);
	verdict = db_run(run->batch->db, "load_served", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	run->served_count = db_rows(rows);
	run->served = arena_alloc(arena, (run->served_count + 1) * sizeof(*run->served));
	for (size_t i = 0; i < run->served_count; i++) {
		struct str customer = db_get_text(rows, i, 0);
		bool again = i > 0 && str_eq(run->served[i - 1].customer, customer);

		run->served[i].customer = again ? run->served[i - 1].customer : str_copy(arena, customer);
		run->served[i].person = str_copy(arena, db_get_text(rows, i, 1));
	}
	return OK;
}

struct strings routing_store_served_of(const struct routing_run *run, struct str customer)
{
	struct str *persons;
	size_t count = 0, first = 0;

	if (!customer.p || run->served_count == 0)
		return (struct strings){ NULL, 0 };
	/* The order is the database's, which need not be ours: look at all. */
	while (first < run->served_count && !str_eq(run->served[first].customer, customer))
		first++;
	while (first + count < run->served_count && str_eq(run->served[first + count].customer, customer))
		count++;
	persons = arena_alloc(run->batch->arena, (count + 1) * sizeof(*persons));
	for (size_t i = 0; i < count; i++)
		persons[i] = run->served[first + i].person;
	return (struct strings){ persons, count };
}

enum verdict routing_store_unassignable(struct routing_run *run, const struct routing_place *after,
					struct routing_place **ret_places, size_t *ret_count, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct db_params params = { .arena = arena };
	const struct db_result *rows;
	struct routing_place *places;
	enum verdict verdict;

	db_int4(&params, run->batch->partition);
	db_int4(&params, after->rank);
	db_instant(&params, after->received_at);
	db_text(&params, after->ticket);
	db_int(&params, ROUTING_RETRY_MAX);
	verdict = db_run(run->batch->db, "load_unassignable", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	places = arena_alloc(arena, (db_rows(rows) + 1) * sizeof(*places));
	for (size_t i = 0; i < db_rows(rows); i++)
		places[i] = (struct routing_place){
			.ticket = str_copy(arena, db_get_text(rows, i, 0)),
			.rank = (int32_t)db_get_int(rows, i, 1),
			.received_at = db_get_instant(rows, i, 2),
		};
	*ret_places = places;
	*ret_count = db_rows(rows);
	return OK;
}

enum verdict routing_store_ahead(struct routing_run *run, const struct routing_place *after, const struct routing_place *before,
				 struct routing_place **ret_places, size_t *ret_count, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct db_params params = { .arena = arena };
	const struct db_result *rows;
	enum verdict verdict;

	db_int4(&params, run->batch->partition);
	db_int4(&params, after->rank);
	db_instant(&params, after->received_at);
	db_text(&params, after->ticket);
	db_int4(&params, before->rank);
	db_instant(&params, before->received_at);
	db_text(&params, before->ticket);
	db_int(&params, ROUTING_RETRY_MAX);
	verdict = db_run(run->batch->db, "load_ahead", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	*ret_count = db_rows(rows);
	*ret_places = arena_alloc(arena, (*ret_count + 1) * sizeof(**ret_places));
	for (size_t i = 0; i < *ret_count; i++)
		(*ret_places)[i] = (struct routing_place){
			.ticket = str_copy(arena, db_get_text(rows, i, 0)),
			.lane = (int32_t)db_get_int(rows, i, 1),
			.rank = (int32_t)db_get_int(rows, i, 2),
			.received_at = db_get_instant(rows, i, 3),
		};
	return OK;
}

enum verdict routing_store_owned(struct routing_run *run, const struct str *people, size_t people_count, struct str after,
				 struct str **ret_tickets, size_t *ret_count, struct fault *fault)
{
	struct arena *arena = run->batch->arena;
	struct db_params params = { .arena = arena };
	const struct db_result *rows;
	enum verdict verdict;

	db_int4(&params, run->batch->partition);
	db_text_array(&params, people, people_count);
	db_text(&params, after);
	db_int(&params, ROUTING_RETRY_MAX);
	verdict = db_run(run->batch->db, "load_owned", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	*ret_count = db_rows(rows);
	*ret_tickets = arena_alloc(arena, (*ret_count + 1) * sizeof(**ret_tickets));
	for (size_t i = 0; i < *ret_count; i++)
		(*ret_tickets)[i] = str_copy(arena, db_get_text(rows, i, 0));
	return OK;
}

static int by_person(const void *a, const void *b)
{
	return str_cmp(((const struct routing_load_change *)a)->person, ((const struct routing_load_change *)b)->person);
}

void routing_store_save(struct routing_run *run)
{
	struct routing_load_change *changes = run->changes;
	struct db_params params = { .arena = run->batch->arena };
	size_t stride = sizeof(*changes), kept = 0;

	if (run->change_count == 0)
		return;
	qsort(changes, run->change_count, stride, by_person);
	for (size_t i = 0; i < run->change_count; i++) {
		struct routing_load_change *last = kept > 0 ? &changes[kept - 1] : NULL;

		if (!last || !str_eq(last->person, changes[i].person)) {
			changes[kept++] = changes[i];
			continue;
		}
		last->open += changes[i].open;
		if (changes[i].assigned_at > last->assigned_at)
			last->assigned_at = changes[i].assigned_at;
	}
	db_int4(&params, run->batch->partition);
	db_column_array(&params, DB_TEXT, &changes[0].person, stride, kept);
	db_column_array(&params, DB_INT4, &changes[0].open, stride, kept);
	db_column_array(&params, DB_INSTANT, &changes[0].assigned_at, stride, kept);
	db_queue(run->batch->db, "save_workload", &params);
}
