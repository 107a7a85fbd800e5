/* The statements on rows that hang on a source: marks, outbox, timers, dead letters, and what the service writes. */
#include "tests/simulator/memory/statements.h"

bool row_visible(const struct row *row, const struct session *session)
{
	return !row->gone && (!row->born_by || row->born_by == session) && !(row->dead_by && row->dead_by == session);
}

static void put_text(struct cell *cell, struct str text)
{
	*cell = (struct cell){ .null = text.p == NULL, .text = text };
}

/* ---- marks ---- */

bool statement_source_marks(struct session *session, const struct operation *operation, struct db_result *result)
{
	table_each(store.marks, i) {
		const struct mark_row *mark = store.marks.items[i];

		if (mark->source != number(operation, 1) || !row_visible(&mark->row, session))
			continue;
		struct cell *cells = result_row(result, 3);
		put_text(&cells[0], mark->writer);
		cells[1].number = mark->incarnation;
		cells[2].number = mark->sequence;
	}
	return true;
}

/* False: somebody else is ending it. */
static bool row_end(struct session *session, struct row *row)
{
	if ((row->born_by && row->born_by != session) || (row->dead_by && row->dead_by != session)) {
		statement_wait(session, row->dead_by ? row->dead_by : row->born_by);
		return false;
	}
	row->dead_by = session;
	table_add(session->touched, row);
	return true;
}

static void row_begin(struct session *session, struct row *row)
{
	row->born_by = session;
	table_add(session->touched, row);
}

bool statement_mark_save(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;

	for (size_t n = 0; n < p[1].count; n++) {
		table_each(store.marks, i) {
			struct mark_row *old = store.marks.items[i];

			if (old->source == number(operation, 1) && str_eq(old->writer, p[1].texts[n]) && !old->row.gone &&
			    old->row.dead_by != session && !row_end(session, &old->row))
				return false;
		}
		struct mark_row *mark = arena_zero(&world.arena, sizeof(*mark));
		*mark = (struct mark_row){ .source = number(operation, 1), .writer = p[1].texts[n], .incarnation = p[2].numbers[n],
					   .sequence = p[3].numbers[n] };
		row_begin(session, &mark->row);
		table_add(store.marks, mark);
		result->affected++;
	}
	return true;
}

/* ---- outbox ---- */

bool statement_outbox_insert(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;
	int64_t source = number(operation, 1), before = number(operation, 2);

	table_each(store.outbox, i) {
		const struct outbox_row *other = store.outbox.items[i];

		if (other->source != source || other->last != before + (int64_t)p[3].count || other->row.gone)
			continue;
		if (other->row.born_by && other->row.born_by != session) {
			statement_wait(session, other->row.born_by);
			return false;
		}
		(void)fault_set(&session->fault, REJECT, "database: outbox_insert: duplicate key (23505)");
		return true;
	}
	struct outbox_row *row = arena_zero(&world.arena, sizeof(*row));
	*row = (struct outbox_row){ .source = source, .first = before + 1, .last = before + (int64_t)p[3].count,
				    .incarnation = number(operation, 3), .count = p[3].count, .topics = p[3].texts,
				    .partitions = p[4].numbers, .keys = p[5].texts, .headers = p[6].texts, .values = p[7].texts };
	row_begin(session, &row->row);
	table_add(store.outbox, row);
	result->affected = 1;
	return true;
}

static struct outbox_row *outbox_next(struct session *session, int64_t source, int64_t above, int64_t most)
{
	struct outbox_row *best = NULL;

	table_each(store.outbox, i) {
		struct outbox_row *row = store.outbox.items[i];

		if (row->source == source && row_visible(&row->row, session) && !row->pruned && row->last > above && row->last <= most &&
		    (!best || row->last < best->last))
			best = row;
	}
	return best;
}

bool statement_outbox_unpublished(struct session *session, const struct operation *operation, struct db_result *result)
{
	int64_t above = number(operation, 2);
	struct outbox_row *row;

	for (int n = 0; n < 4 && (row = outbox_next(session, number(operation, 1), above, number(operation, 3))) != NULL; n++) {
		for (size_t k = 0; k < row->count; k++) {
			if (row->first + (int64_t)k <= number(operation, 2))
				continue;
			struct cell *cells = result_row(result, 6);
			cells[0].number = row->first + (int64_t)k;
			put_text(&cells[1], row->topics[k]);
			cells[2].number = row->partitions[k];
			put_text(&cells[3], row->keys[k]);
			put_text(&cells[4], row->headers[k]);
			put_text(&cells[5], row->values[k]);
		}
		above = row->last;
	}
	return true;
}

/* The rows stay for the verdict. */
bool statement_outbox_prune(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct outbox_row *row;

	while ((row = outbox_next(session, number(operation, 1), 0, number(operation, 2))) != NULL) {
		row->pruned = true;
		result->affected++;
	}
	return true;
}

/* ---- timers ---- */

static struct timer_row *timer_first(struct session *session, int64_t source, int64_t due)
{
	struct timer_row *best = NULL;

	table_each(store.timers, i) {
		struct timer_row *row = store.timers.items[i];

		if (row->source == source && row_visible(&row->row, session) && row->due <= due &&
		    (!best || row->due < best->due || (row->due == best->due && str_cmp(row->key, best->key) < 0)))
			best = row;
	}
	return best;
}

bool statement_source_next_due(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct timer_row *row = timer_first(session, number(operation, 1), INT64_MAX);
	struct cell *cell = result_row(result, 1);

	cell->null = row == NULL;
	cell->number = row ? row->due : 0;
	return true;
}

bool statement_source_due_times(struct session *session, const struct operation *operation, struct db_result *result)
{
	for (size_t i = 0; i < operation->params[0].count; i++) {
		const struct timer_row *row = timer_first(session, operation->params[0].numbers[i], INT64_MAX);

		if (!row)
			continue;
		struct cell *cells = result_row(result, 2);
		cells[0].number = row->source;
		cells[1].number = row->due;
	}
	return true;
}

bool statement_timer_fire(struct session *session, const struct operation *operation, struct db_result *result)
{
	struct timer_row *row;

	while ((int64_t)result->rows < number(operation, 3) &&
	       (row = timer_first(session, number(operation, 1), number(operation, 2))) != NULL) {
		if (!row_end(session, &row->row))
			return false;
		struct cell *cells = result_row(result, 9);
		put_text(&cells[0], row->key);
		cells[1].number = row->due;
		for (int i = 0; i < 7; i++)
			put_text(&cells[2 + i], row->rest[i]);
		result->affected++;
	}
	return true;
}

static bool timer_cancel_one(struct session *session, int64_t source, struct str key, struct db_result *result)
{
	table_each(store.timers, i) {
		struct timer_row *row = store.timers.items[i];

		if (row->source != source || !str_eq(row->key, key) || !row_visible(&row->row, session))
			continue;
		if (!row_end(session, &row->row))
			return false;
		result->affected++;
	}
	return true;
}

bool statement_timer_cancel(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *keys = &operation->params[1];

	for (size_t n = 0; n < keys->count; n++) {
		if (!timer_cancel_one(session, number(operation, 1), keys->texts[n], result))
			return false;
	}
	return true;
}

bool statement_timer_set(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;

	for (size_t n = 0; n < p[1].count; n++) {
		if (!timer_cancel_one(session, number(operation, 1), p[1].texts[n], result))
			return false;
		struct timer_row *row = arena_zero(&world.arena, sizeof(*row));
		row->source = number(operation, 1);
		row->key = p[1].texts[n];
		row->due = p[2].numbers[n];
		for (int i = 0; i < 7; i++)
			row->rest[i] = p[3 + i].texts[n];
		row_begin(session, &row->row);
		table_add(store.timers, row);
	}
	return true;
}

/* ---- dead letters and the service's own ---- */

bool statement_dead_letter_insert(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;

	for (size_t n = 0; n < p[1].count; n++) {
		struct dead_row *row = arena_zero(&world.arena, sizeof(*row));
		*row = (struct dead_row){ .topic = p[1].texts[n], .partition = p[2].numbers[n], .offset = p[3].numbers[n],
					  .detail = p[5].texts[n], .value = p[11].texts[n] };
		row_begin(session, &row->row);
		table_add(store.dead, row);
		result->affected++;
	}
	return true;
}

/* insert ... on conflict do nothing returning number */
bool statement_simulated_seen(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *numbers = &operation->params[0];

	for (size_t n = 0; n < numbers->count; n++) {
		bool there = false;

		table_each(store.seen, i) {
			const struct seen_row *row = store.seen.items[i];

			if (row->number != numbers->numbers[n] || row->row.gone)
				continue;
			if (row->row.born_by && row->row.born_by != session) {
				statement_wait(session, row->row.born_by);
				return false;
			}
			there = true;
		}
		result_row(result, 1)->number = there;
		if (there)
			continue;
		struct seen_row *row = arena_zero(&world.arena, sizeof(*row));
		row->number = numbers->numbers[n];
		row_begin(session, &row->row);
		table_add(store.seen, row);
	}
	return true;
}

bool statement_simulated_effects(struct session *session, const struct operation *operation, struct db_result *result)
{
	const struct db_param *p = operation->params;

	for (size_t n = 0; n < p[1].count; n++) {
		if (p[1].numbers[n] == EFFECT_VIOLATION) {
			(void)fault_set(&session->fault, REJECT, "database: effect: check constraint (23514)");
			return true;
		}
		struct effect_row *row = arena_zero(&world.arena, sizeof(*row));
		*row = (struct effect_row){ .source = number(operation, 1), .what = p[1].numbers[n], .offset = p[2].numbers[n],
					    .number = p[3].numbers[n], .due = p[4].numbers[n], .now = p[5].numbers[n],
					    .incarnation = p[6].numbers[n], .sequence = p[7].numbers[n] };
		row_begin(session, &row->row);
		table_add(store.effects, row);
		result->affected++;
	}
	return true;
}
