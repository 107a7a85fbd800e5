/* Snapshots once more, as they are stored: for a reader that has lost its own.
 *
 * A request is a row; every lane works it off in bounded parts, each with the note how far it is, so that it goes on after
 * whatever comes between. What a fact changes meanwhile is published behind it, by the same source. */
#include "services/reporting/reporting.h"

#define PART 200

/* Of a request for all: those behind the last one sent. Of one for some: these. */
static enum verdict load(struct batch *batch, int64_t request, bool some, struct str after, const struct db_result **ret_rows,
			 struct fault *fault)
{
	struct db_params params = { .arena = batch->arena };
	struct str *ids;
	size_t count;
	enum verdict verdict;

	db_int4(&params, batch->partition);
	if (!some) {
		db_text(&params, after);
		db_int(&params, PART);
		return db_run(batch->db, "reporting_tickets_after", &params, ret_rows, fault);
	}
	db_int(&params, request);
	verdict = db_run(batch->db, "republish_tickets", &params, ret_rows, fault);
	if (verdict)
		return verdict;
	count = db_rows(*ret_rows);
	ids = arena_alloc(batch->arena, (count + 1) * sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = str_copy(batch->arena, db_get_text(*ret_rows, i, 0));
	params = (struct db_params){ .arena = batch->arena };
	db_int4(&params, batch->partition);
	db_text_array(&params, ids, count);
	return db_run(batch->db, "reporting_tickets_load", &params, ret_rows, fault);
}

static struct str send(struct reporting *state, struct batch *batch, struct item *item, const struct db_result *rows)
{
	struct str last = STR("");

	for (size_t i = 0; i < db_rows(rows); i++) {
		struct reporting_ticket ticket;

		reporting_ticket_row(&ticket, rows, i, batch->arena);
		reporting_emit_ticket(batch, item, &ticket, reporting_encode_ticket(&state->body, &ticket, batch->arena, NULL));
		last = ticket.id;
	}
	return last;
}

enum verdict reporting_republish(struct reporting *state, struct batch *batch, struct item *item, struct fault *fault)
{
	struct db_params params = { .arena = batch->arena }, note = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	struct str after;
	int64_t request;
	bool some, done;
	enum verdict verdict;

	db_int4(&params, batch->partition);
	verdict = db_run(batch->db, "republish_next", &params, &rows, fault);
	if (verdict || db_rows(rows) == 0)
		return verdict;
	request = db_get_int(rows, 0, 0);
	some = db_get_bool(rows, 0, 1);
	after = str_copy(batch->arena, db_get_text(rows, 0, 2));
	verdict = load(batch, request, some, after, &rows, fault);
	if (verdict)
		return verdict;
	done = some || db_rows(rows) < PART;
	db_int(&note, request);
	db_int4(&note, batch->partition);
	db_text(&note, send(state, batch, item, rows));
	db_int(&note, (int64_t)db_rows(rows));
	db_bool(&note, done);
	db_queue(batch->db, "republish_note", &note);
	/* The next part, or the next request. */
	batch_timer_set(batch, NULL, &(struct timer){ .key = STR("republish"), .kind = STR("republish"), .due = batch->now });
	return OK;
}
