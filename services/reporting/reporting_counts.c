/* Rows in, rows out: the lane's own row, and what a batch adds to its counters. */
#include "services/reporting/reporting.h"

void reporting_lane_queue(struct batch *batch)
{
	struct db_params params = { .arena = batch->arena };

	db_int4(&params, batch->partition);
	db_queue(batch->db, "reporting_lane_load", &params);
}

enum verdict reporting_lane_read(struct reporting *state, struct batch *batch, size_t index, struct reporting_lane *ret, struct fault *fault)
{
	const struct db_result *rows = db_result(batch->db, index);
	struct db_params params = { .arena = batch->arena };
	instant begin;

	if (db_rows(rows) == 1) {
		*ret = (struct reporting_lane){ db_get_instant(rows, 0, 0), db_get_instant(rows, 0, 1) };
		return OK;
	}
	/* Counting begins with the longest window that is open, so that all windows are whole from the first one on. */
	begin = reporting_window_of(batch->now, state->windows[state->window_count - 1]);
	*ret = (struct reporting_lane){ begin, begin };
	db_int4(&params, batch->partition);
	db_instant(&params, begin);
	return db_run(batch->db, "reporting_lane_make", &params, NULL, fault);
}

void reporting_tally_save(struct batch *batch, struct reporting_tally *tally)
{
	struct reporting_sum *sums;
	size_t n, stride = sizeof(*sums);

	reporting_tally_settle(tally);
	sums = tally->sums;
	n = tally->sum_count;
	for (size_t i = 0; i < n; i++)
		sums[i].name = str_of(reporting_counter_name(sums[i].counter));
	if (n) {
		struct db_params params = { .arena = batch->arena };

		db_int4(&params, batch->partition);
		db_column_array(&params, DB_INSTANT, &sums->at, stride, n);
		db_column_array(&params, DB_TEXT, &sums->name, stride, n);
		db_column_array(&params, DB_TEXT, &sums->label, stride, n);
		db_column_array(&params, DB_INT, &sums->value, stride, n);
		db_queue(batch->db, "reporting_count_add", &params);
	}
	if (tally->due_count) {
		struct db_params params = { .arena = batch->arena };

		db_int4(&params, batch->partition);
		db_column_array(&params, DB_INSTANT, &tally->dues->at, sizeof(*tally->dues), tally->due_count);
		db_column_array(&params, DB_INT, &tally->dues->clocks, sizeof(*tally->dues), tally->due_count);
		db_queue(batch->db, "reporting_due_add", &params);
	}
}
