/* The rows behind claims: all that a batch must know is loaded before the first decision, all that it changes is saved after
 * the last one, one statement per table, rows in the order of their key so that two processes never wait for each other.
 *
 * Inserts are plain on purpose: where another process took the same claim a moment ago, the unique violation makes the
 * worker come again event by event, and then the look-up finds it. Must never decide. */
#include "services/intake/intake.h"

#include <stdlib.h>
#include <string.h>

#include "common/worker/ticket.h"

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct db_params params_new(struct batch *batch)
{
	return (struct db_params){ .arena = batch->arena };
}

static struct str ident_text(const struct ident *ident)
{
	return (struct str){ (const char *)ident->bytes, IDENT_BYTES };
}

/* Results live until the next sync; what a batch remembers is copied. */
static struct str keep(struct batch *batch, const struct db_result *rows, size_t row, int column)
{
	return str_copy(batch->arena, db_get_text(rows, row, column));
}

/* ---- load ---- */

void intake_queue_seen(struct batch *batch, const struct claim *claims, size_t count)
{
	struct db_params params = params_new(batch);
	struct str *idents = arena_alloc(batch->arena, (count + 1) * sizeof(*idents));

	for (size_t i = 0; i < count; i++)
		idents[i] = ident_text(&claims[i].ident);
	db_bytes_array(&params, idents, count);
	db_queue(batch->db, "intake_load_seen", &params);
}

void intake_read_seen(struct batch *batch, size_t result, size_t claims, struct memory *memory)
{
	const struct db_result *rows = db_result(batch->db, result);

	intake_table_init(&memory->seen, 2 * claims, batch->arena);
	for (size_t i = 0; i < db_rows(rows); i++)
		intake_table_put(&memory->seen, keep(batch, rows, i, 0), 1);
}

/* Every claim's own id is asked for too: the same (source, id) may have opened a ticket before. */
static void queue_tickets(struct batch *batch, const struct claim *claims, size_t count)
{
	struct db_params params = params_new(batch);
	struct str *ids = arena_alloc(batch->arena, (2 * count + 1) * sizeof(*ids));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		ids[n++] = str_of(claims[i].own);
		if (claims[i].about_ticket && intake_ticket_shaped(claims[i].id))
			ids[n++] = claims[i].id;
		else if (intake_ticket_shaped(claims[i].mentioned))
			ids[n++] = claims[i].mentioned;
	}
	db_text_array(&params, ids, n);
	db_queue(batch->db, "intake_load_tickets", &params);
}

static void read_tickets(struct batch *batch, size_t result, size_t claims, struct memory *memory)
{
	const struct db_result *rows = db_result(batch->db, result);
	size_t n = db_rows(rows);

	memory->known = arena_alloc(batch->arena, (n + claims + 1) * sizeof(*memory->known));
	intake_table_init(&memory->tickets, n + claims, batch->arena);
	for (size_t i = 0; i < n; i++) {
		struct known_ticket *known = &memory->known[i];
		struct str ident = db_get_text(rows, i, 1);

		known->id = keep(batch, rows, i, 0);
		memcpy(known->ident.bytes, ident.p, ident.n < IDENT_BYTES ? ident.n : IDENT_BYTES);
		intake_table_put(&memory->tickets, known->id, (uint32_t)i);
	}
	memory->known_count = n;
}

/* One entry per customer of the batch, also for those without a ticket yet: the batch itself may open one. */
static bool queue_customers(struct batch *batch, const struct claim *claims, size_t count, struct memory *memory)
{
	struct db_params params = params_new(batch);
	struct str *keys = arena_alloc(batch->arena, (count + 1) * sizeof(*keys));
	size_t n = 0;

	intake_table_init(&memory->customers, count, batch->arena);
	for (size_t i = 0; i < count; i++) {
		struct str key = claims[i].request ? intake_customer_key(claims[i].request) : STR_NONE;

		if (!key.p || intake_table_find(&memory->customers, key))
			continue;
		intake_table_put(&memory->customers, key, (uint32_t)n);
		keys[n++] = key;
	}
	memory->customer = arena_zero(batch->arena, (n + 1) * sizeof(*memory->customer));
	if (n == 0)
		return false;
	db_text_array(&params, keys, n);
	db_queue(batch->db, "intake_load_related", &params);
	return true;
}

static void read_customers(struct batch *batch, size_t result, struct memory *memory)
{
	const struct db_result *rows = db_result(batch->db, result);

	for (size_t i = 0; i < db_rows(rows); i++) {
		uint32_t *at = intake_table_find(&memory->customers, db_get_text(rows, i, 0));
		struct related *related;

		if (!at)
			continue;
		related = arena_alloc(batch->arena, sizeof(*related));
		*related = (struct related){ keep(batch, rows, i, 1), memory->customer[*at].tickets };
		memory->customer[*at].tickets = related;
		memory->customer[*at].count++;
	}
}

struct str intake_model_key(const struct request *request, struct arena *arena)
{
	size_t n;
	char *key;

	if (!request->customer_id.p || !request->model.p)
		return STR_NONE;
	/* No string of JSON holds a zero byte, so nothing else gives the same key. */
	n = request->customer_id.n;
	key = arena_alloc(arena, n + 1 + request->model.n);
	memcpy(key, request->customer_id.p, n);
	key[n] = 0;
	memcpy(key + n + 1, request->model.p, request->model.n);
	return (struct str){ key, n + 1 + request->model.n };
}

/* Three ways to find what a customer owns; returns which of them were asked, one bit each. */
static unsigned queue_installations(struct batch *batch, const struct claim *claims, size_t count)
{
	struct db_params params[3] = { params_new(batch), params_new(batch), params_new(batch) };
	static const char *const statements[] = { "intake_find_installations", "intake_find_serials", "intake_find_models" };
	struct str *keys[4];
	size_t n[3] = { 0, 0, 0 };
	unsigned asked = 0;

	for (size_t i = 0; i < 4; i++)
		keys[i] = arena_alloc(batch->arena, (count + 1) * sizeof(*keys[i]));
	for (size_t i = 0; i < count; i++) {
		const struct request *request = claims[i].request;

		if (!request)
			continue;
		if (request->installation.p)
			keys[0][n[0]++] = request->installation;
		if (request->serial_no.p)
			keys[1][n[1]++] = request->serial_no;
		if (request->customer_id.p && request->model.p) {
			keys[2][n[2]] = request->customer_id;
			keys[3][n[2]++] = request->model;
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		if (n[i] == 0)
			continue;
		db_text_array(&params[i], keys[i], n[i]);
		if (i == 2)
			db_text_array(&params[i], keys[3], n[i]);
		db_queue(batch->db, statements[i], &params[i]);
		asked |= 1u << i;
	}
	return asked;
}

/* Columns: key (by_model: none), then those of an installation. */
static void read_installations(struct batch *batch, size_t result, unsigned asked, struct memory *memory)
{
	struct table *tables[3] = { &memory->by_id, &memory->by_serial, &memory->by_model };
	size_t total = 0, first = result, at = 0;

	for (unsigned i = 0; i < 3; i++)
		if (asked & 1u << i)
			total += db_rows(db_result(batch->db, result++));
	memory->installations = arena_alloc(batch->arena, (total + 1) * sizeof(*memory->installations));
	for (unsigned i = 0; i < 3; i++) {
		const struct db_result *rows;

		if (!(asked & 1u << i))
			continue;
		rows = db_result(batch->db, first++);
		intake_table_init(tables[i], db_rows(rows), batch->arena);
		for (size_t row = 0; row < db_rows(rows); row++) {
			struct installation *found = &memory->installations[at];
			struct request key;

			installation_read(rows, row, 1, batch->arena, found);
			key = (struct request){ .customer_id = found->customer, .model = found->product };
			intake_table_put(tables[i], i == 2 ? intake_model_key(&key, batch->arena) : keep(batch, rows, row, 0),
				  (uint32_t)at++);
		}
	}
}

static bool queue_approvals(struct batch *batch, const struct claim *claims, size_t count)
{
	struct db_params params = params_new(batch);
	struct approval_row *rows = arena_alloc(batch->arena, (count + 1) * sizeof(*rows));
	struct str *days = arena_alloc(batch->arena, (count + 1) * sizeof(*days));
	int32_t *places = arena_alloc(batch->arena, (count + 1) * sizeof(*places));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct approval *approval = claims[i].approval;

		if (!approval || approval->day_wrong || approval->version < 0 || approval->version > INT32_MAX)
			continue;
		rows[n] = (struct approval_row){ .policy = approval->policy, .version = (int32_t)approval->version,
						 .effective_from = approval->effective_from };
		days[n] = approval->day;
		places[n++] = (int32_t)i;
	}
	if (n == 0)
		return false;
	db_column_array(&params, DB_INT4, places, sizeof(*places), n);
	db_column_array(&params, DB_TEXT, &rows[0].policy, sizeof(*rows), n);
	db_column_array(&params, DB_INT4, &rows[0].version, sizeof(*rows), n);
	db_column_array(&params, DB_INSTANT, &rows[0].effective_from, sizeof(*rows), n);
	db_text_array(&params, days, n);
	db_queue(batch->db, "intake_load_versions", &params);
	return true;
}

static void read_approvals(struct batch *batch, size_t result, const struct claim *claims)
{
	const struct db_result *rows = db_result(batch->db, result);

	for (size_t i = 0; i < db_rows(rows); i++) {
		struct approval *approval = claims[db_get_int(rows, i, 0)].approval;

		approval->state = keep(batch, rows, i, 1);
		approval->effective_from = db_get_instant(rows, i, 2);
		approval->unreviewed = !db_null(rows, i, 3) && db_get_bool(rows, i, 3);
	}
}

/* The customers that requests name by id. */
static bool queue_profiles(struct batch *batch, const struct claim *claims, size_t count)
{
	struct db_params params = params_new(batch);
	struct str *ids = arena_alloc(batch->arena, (count + 1) * sizeof(*ids));
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (claims[i].request && claims[i].request->customer_id.p)
			ids[n++] = claims[i].request->customer_id;
	if (n == 0)
		return false;
	db_text_array(&params, ids, n);
	db_queue(batch->db, "intake_find_customers", &params);
	return true;
}

static void read_profiles(struct batch *batch, size_t result, struct memory *memory)
{
	const struct db_result *rows = db_result(batch->db, result);

	memory->profile = arena_alloc(batch->arena, (db_rows(rows) + 1) * sizeof(*memory->profile));
	intake_table_init(&memory->profiles, db_rows(rows), batch->arena);
	for (size_t i = 0; i < db_rows(rows); i++) {
		memory->profile[i] = intake_profile_read(db_get_text(rows, i, 1), batch->arena, batch->arena);
		intake_table_put(&memory->profiles, keep(batch, rows, i, 0), (uint32_t)i);
	}
}

enum verdict intake_load(struct batch *batch, const struct claim *claims, size_t count, bool customers, struct memory *ret_memory,
			 struct fault *fault)
{
	struct memory memory = { 0 };
	size_t next = 2;
	unsigned asked;
	bool related, approvals, profiles;
	enum verdict verdict;

	intake_queue_seen(batch, claims, count);
	queue_tickets(batch, claims, count);
	related = queue_customers(batch, claims, count, &memory);
	asked = queue_installations(batch, claims, count);
	approvals = queue_approvals(batch, claims, count);
	profiles = customers && queue_profiles(batch, claims, count);
	verdict = db_sync(batch->db, fault);
	if (verdict != OK)
		return verdict;
	intake_read_seen(batch, 0, count, &memory);
	read_tickets(batch, 1, count, &memory);
	if (related)
		read_customers(batch, next++, &memory);
	read_installations(batch, next, asked, &memory);
	next += (asked & 1u) + (asked >> 1 & 1u) + (asked >> 2 & 1u);
	if (approvals)
		read_approvals(batch, next++, claims);
	if (profiles)
		read_profiles(batch, next, &memory);
	*ret_memory = memory;
	return OK;
}

/* ---- save ---- */

void intake_save_idents(struct batch *batch, struct str *idents, size_t count)
{
	struct db_params params = params_new(batch);

	if (count == 0)
		return;
	qsort(idents, count, sizeof(*idents), by_text);
	db_bytes_array(&params, idents, count);
	db_queue(batch->db, "intake_save_claims", &params);
}

/* A ticket's id comes first in its row, so rows sort as their ids do. */
static void save_tickets(struct batch *batch, struct ticket_row *rows, size_t count)
{
	struct db_params params = params_new(batch);

	if (count == 0)
		return;
	qsort(rows, count, sizeof(*rows), by_text);
	db_column_array(&params, DB_TEXT, &rows[0].ticket, sizeof(*rows), count);
	db_column_array(&params, DB_BYTES, &rows[0].ident, sizeof(*rows), count);
	db_column_array(&params, DB_INT4, &rows[0].lane, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].customer, sizeof(*rows), count);
	db_queue(batch->db, "intake_save_tickets", &params);
}

static void save_approvals(struct batch *batch, const struct approval_row *rows, size_t count)
{
	struct db_params params = params_new(batch);

	if (count == 0)
		return;
	db_column_array(&params, DB_TEXT, &rows[0].policy, sizeof(*rows), count);
	db_column_array(&params, DB_INT4, &rows[0].version, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].by, sizeof(*rows), count);
	db_column_array(&params, DB_INSTANT, &rows[0].at, sizeof(*rows), count);
	db_column_array(&params, DB_INSTANT, &rows[0].effective_from, sizeof(*rows), count);
	db_queue(batch->db, "intake_approve", &params);
}

void intake_save(struct batch *batch, struct changes *changes)
{
	save_tickets(batch, changes->tickets, changes->ticket_count);
	intake_save_idents(batch, changes->idents, changes->ident_count);
	save_approvals(batch, changes->approvals, changes->approval_count);
}
