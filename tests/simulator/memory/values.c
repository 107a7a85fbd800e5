/* Parameters and cells of the database in memory: as db.h has them, kept for the whole run. */
#include "tests/simulator/memory/store.h"

#include <stdlib.h>

static void add(struct db_params *params, enum db_column type, bool array, const void *first, size_t stride, size_t count)
{
	int64_t *numbers = arena_zero(&world.arena, (count + 1) * sizeof(*numbers));
	struct str *texts = arena_zero(&world.arena, (count + 1) * sizeof(*texts));

	for (size_t i = 0; i < count; i++) {
		const void *element = (const char *)first + i * stride;

		switch (type) {
		case DB_INT:
		case DB_INSTANT:
			numbers[i] = *(const int64_t *)element;
			break;
		case DB_INT4:
			numbers[i] = *(const int32_t *)element;
			break;
		case DB_BOOL:
			numbers[i] = *(const bool *)element;
			break;
		case DB_TEXT:
		case DB_BYTES:
			texts[i] = *(const struct str *)element;
			if (texts[i].p)
				texts[i] = str_copy(&world.arena, texts[i]);
			break;
		}
	}
	arena_grow(params->arena, &params->items, &params->capacity, params->count + 1, sizeof(*params->items));
	params->items[params->count++] = (struct db_param){ type, array, count, numbers, texts };
}

void db_int(struct db_params *params, int64_t value)
{
	add(params, DB_INT, false, &value, 0, 1);
}

void db_int4(struct db_params *params, int32_t value)
{
	add(params, DB_INT4, false, &value, 0, 1);
}

void db_bool(struct db_params *params, bool value)
{
	add(params, DB_BOOL, false, &value, 0, 1);
}

void db_text(struct db_params *params, struct str value)
{
	add(params, DB_TEXT, false, &value, 0, 1);
}

void db_bytes(struct db_params *params, struct str value)
{
	add(params, DB_BYTES, false, &value, 0, 1);
}

void db_instant(struct db_params *params, instant value)
{
	add(params, DB_INSTANT, false, &value, 0, 1);
}

void db_column_array(struct db_params *params, enum db_column type, const void *first, size_t stride, size_t count)
{
	add(params, type, true, first, stride, count);
}

void db_int_array(struct db_params *params, const int64_t *values, size_t count)
{
	add(params, DB_INT, true, values, sizeof(*values), count);
}

void db_int4_array(struct db_params *params, const int32_t *values, size_t count)
{
	add(params, DB_INT4, true, values, sizeof(*values), count);
}

void db_bool_array(struct db_params *params, const bool *values, size_t count)
{
	add(params, DB_BOOL, true, values, sizeof(*values), count);
}

void db_text_array(struct db_params *params, const struct str *values, size_t count)
{
	add(params, DB_TEXT, true, values, sizeof(*values), count);
}

void db_bytes_array(struct db_params *params, const struct str *values, size_t count)
{
	add(params, DB_BYTES, true, values, sizeof(*values), count);
}

void db_instant_array(struct db_params *params, const instant *values, size_t count)
{
	add(params, DB_INSTANT, true, values, sizeof(*values), count);
}

/* ---- results ---- */

size_t db_rows(const struct db_result *result)
{
	return result->rows;
}

int64_t db_affected(const struct db_result *result)
{
	return result->affected;
}

static const struct cell *cell_at(const struct db_result *result, size_t row, int column)
{
	if (row >= result->rows || column < 0 || (size_t)column >= result->columns) {
		fprintf(stderr, "simulator: %s: no row %zu, column %d\n", result->name, row, column);
		abort();
	}
	return &result->cells[row * result->columns + (size_t)column];
}

bool db_null(const struct db_result *result, size_t row, int column)
{
	return cell_at(result, row, column)->null;
}

int64_t db_get_int(const struct db_result *result, size_t row, int column)
{
	const struct cell *cell = cell_at(result, row, column);

	return cell->null ? 0 : cell->number;
}

bool db_get_bool(const struct db_result *result, size_t row, int column)
{
	return db_get_int(result, row, column) != 0;
}

struct str db_get_text(const struct db_result *result, size_t row, int column)
{
	const struct cell *cell = cell_at(result, row, column);

	return cell->null ? STR_NONE : cell->text;
}

instant db_get_instant(const struct db_result *result, size_t row, int column)
{
	const struct cell *cell = cell_at(result, row, column);

	return cell->null ? INSTANT_NONE : cell->number;
}
