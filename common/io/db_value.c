/* Values on their way to PostgreSQL and back, always in its binary format (network byte order).
 *
 * Every parameter carries its type's OID, so a statement means the same on every call and nothing is ever parsed from
 * text. Encoded copies live in the caller's arena. A getter that does not fit its column is a mistake of the program
 * and aborts: silently read bytes would be worse. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/db_internal.h"

enum {
	OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_FLOAT4 = 700,
	OID_FLOAT8 = 701, OID_DATE = 1082, OID_TIMESTAMP = 1114, OID_TIMESTAMPTZ = 1184, OID_INTERVAL = 1186,
	OID_NUMERIC = 1700, OID_UUID = 2950, OID_JSONB = 3802,
	OID_BOOL_ARRAY = 1000, OID_BYTEA_ARRAY = 1001, OID_INT4_ARRAY = 1007, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016,
	OID_TIMESTAMPTZ_ARRAY = 1185,
};

/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_2000 INT64_C(946684800000000)

static const struct {
	Oid element, array;
	int size;            /* 0: as long as its string */
} types[] = {
	[DB_INT] = { OID_INT8, OID_INT8_ARRAY, 8 },
	[DB_INT4] = { OID_INT4, OID_INT4_ARRAY, 4 },
	[DB_BOOL] = { OID_BOOL, OID_BOOL_ARRAY, 1 },
	[DB_TEXT] = { OID_TEXT, OID_TEXT_ARRAY, 0 },
	[DB_BYTES] = { OID_BYTEA, OID_BYTEA_ARRAY, 0 },
	[DB_INSTANT] = { OID_TIMESTAMPTZ, OID_TIMESTAMPTZ_ARRAY, 8 },
};

static char *put4(char *to, int32_t value)
{
	uint32_t wire = htobe32((uint32_t)value);

	memcpy(to, &wire, 4);
	return to + 4;
}

static char *put8(char *to, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);

	memcpy(to, &wire, 8);
	return to + 8;
}

static int64_t instant_to_wire(instant value)
{
	if (value == INT64_MAX)
		return INT64_MAX;  /* 'infinity' */
	if (value < INT64_MIN + EPOCH_2000)
		return INT64_MIN;  /* '-infinity' */
	return value - EPOCH_2000;
}

static instant instant_of_wire(int64_t wire)
{
	if (wire == INT64_MIN)
		return INT64_MIN + 1;  /* INSTANT_NONE is taken: it means NULL */
	if (wire > INT64_MAX - EPOCH_2000)
		return INT64_MAX;
	return wire + EPOCH_2000;
}

static bool element_null(enum db_column type, const void *element)
{
	switch (type) {
	case DB_TEXT:
	case DB_BYTES:
		return ((const struct str *)element)->p == NULL;
	case DB_INSTANT:
		return *(const instant *)element == INSTANT_NONE;
	case DB_INT:
	case DB_INT4:
	case DB_BOOL:
		return false;
	}
	return false;
}

static size_t element_size(enum db_column type, const void *element)
{
	return types[type].size ? (size_t)types[type].size : ((const struct str *)element)->n;
}

/* Writes the bytes of an element that is not NULL. */
static char *put_element(char *to, enum db_column type, const void *element)
{
	const struct str *bytes;

	switch (type) {
	case DB_INT:
		return put8(to, *(const int64_t *)element);
	case DB_INT4:
		return put4(to, *(const int32_t *)element);
	case DB_BOOL:
		*to = *(const bool *)element ? 1 : 0;
		return to + 1;
	case DB_INSTANT:
		return put8(to, instant_to_wire(*(const instant *)element));
	case DB_TEXT:
	case DB_BYTES:
		bytes = element;
		memcpy(to, bytes->p, bytes->n);
		return to + bytes->n;
	}
	return to;
}

static void add(struct db_params *params, Oid type, const char *value, size_t length)
{
	/* The protocol counts a parameter's bytes in 31 bits; the server refuses more than 1 GiB anyway. */
	if (length > INT32_MAX)
		db_bug("parameter %zu is too long: %zu bytes", params->count + 1, length);
	arena_grow(params->arena, &params->items, &params->capacity, params->count + 1, sizeof(*params->items));
	params->items[params->count++] = (struct db_param){ .type = type, .value = value, .length = (int)length };
}

static void add_scalar(struct db_params *params, enum db_column type, const void *element)
{
	size_t length;
	char *bytes;

	if (element_null(type, element)) {
		add(params, types[type].element, NULL, 0);
		return;
	}
	length = element_size(type, element);
	bytes = arena_alloc(params->arena, length + 1);
	put_element(bytes, type, element);
	add(params, types[type].element, bytes, length);
}

void db_int(struct db_params *params, int64_t value)
{
	add_scalar(params, DB_INT, &value);
}

void db_int4(struct db_params *params, int32_t value)
{
	add_scalar(params, DB_INT4, &value);
}

void db_bool(struct db_params *params, bool value)
{
	add_scalar(params, DB_BOOL, &value);
}

void db_text(struct db_params *params, struct str value)
{
	add_scalar(params, DB_TEXT, &value);
}

void db_bytes(struct db_params *params, struct str value)
{
	add_scalar(params, DB_BYTES, &value);
}

void db_instant(struct db_params *params, instant value)
{
	add_scalar(params, DB_INSTANT, &value);
}

void db_column_array(struct db_params *params, enum db_column type, const void *first, size_t stride, size_t count)
{
	size_t length = 20;
	bool nulls = false;
	char *bytes, *to;

	for (size_t i = 0; i < count; i++) {
		const void *element = (const char *)first + i * stride;

		length += 4;
		if (element_null(type, element))
			nulls = true;
		else
			length += element_size(type, element);
	}
	/* Header: dimensions, flag for NULLs, element type; then per dimension its length and lower bound. */
	bytes = to = arena_alloc(params->arena, length);
	to = put4(to, count > 0 ? 1 : 0);
	to = put4(to, nulls ? 1 : 0);
	to = put4(to, (int32_t)types[type].element);
	if (count > 0) {
		to = put4(to, (int32_t)count);
		to = put4(to, 1);
	}
	for (size_t i = 0; i < count; i++) {
		const void *element = (const char *)first + i * stride;

		if (element_null(type, element)) {
			to = put4(to, -1);
		} else {
			to = put4(to, (int32_t)element_size(type, element));
			to = put_element(to, type, element);
		}
	}
	add(params, types[type].array, bytes, (size_t)(to - bytes));
}

void db_int_array(struct db_params *params, const int64_t *values, size_t count)
{
	db_column_array(params, DB_INT, values, sizeof(*values), count);
}

void db_int4_array(struct db_params *params, const int32_t *values, size_t count)
{
	db_column_array(params, DB_INT4, values, sizeof(*values), count);
}

void db_bool_array(struct db_params *params, const bool *values, size_t count)
{
	db_column_array(params, DB_BOOL, values, sizeof(*values), count);
}

void db_text_array(struct db_params *params, const struct str *values, size_t count)
{
	db_column_array(params, DB_TEXT, values, sizeof(*values), count);
}

void db_bytes_array(struct db_params *params, const struct str *values, size_t count)
{
	db_column_array(params, DB_BYTES, values, sizeof(*values), count);
}

void db_instant_array(struct db_params *params, const instant *values, size_t count)
{
	db_column_array(params, DB_INSTANT, values, sizeof(*values), count);
}

size_t db_rows(const struct db_result *result)
{
	return (size_t)PQntuples(result->rows);
}

int64_t db_affected(const struct db_result *result)
{
	const char *text = PQcmdTuples(result->rows);

	return *text ? strtoll(text, NULL, 10) : 0;
}

static void check_cell(const struct db_result *result, size_t row, int column)
{
	if (row >= db_rows(result) || column < 0 || column >= PQnfields(result->rows))
		db_bug("%s: there is no row %zu, column %d", result->name, row, column);
}

_Noreturn static void wrong_type(const struct db_result *result, int column, const char *wanted)
{
	db_bug("%s: column %s has the type with OID %u, read as %s", result->name, PQfname(result->rows, column),
	       PQftype(result->rows, column), wanted);
}

bool db_null(const struct db_result *result, size_t row, int column)
{
	check_cell(result, row, column);
	return PQgetisnull(result->rows, (int)row, column);
}

static int64_t get8(const char *from)
{
	uint64_t wire;

	memcpy(&wire, from, 8);
	return (int64_t)be64toh(wire);
}

int64_t db_get_int(const struct db_result *result, size_t row, int column)
{
	const char *value;
	uint32_t wire4;
	uint16_t wire2;

	if (db_null(result, row, column))
		return 0;
	value = PQgetvalue(result->rows, (int)row, column);
	switch (PQftype(result->rows, column)) {
	case OID_INT8:
		return get8(value);
	case OID_INT4:
		memcpy(&wire4, value, 4);
		return (int32_t)be32toh(wire4);
	case OID_INT2:
		memcpy(&wire2, value, 2);
		return (int16_t)be16toh(wire2);
	default:
		wrong_type(result, column, "a whole number");
	}
}

bool db_get_bool(const struct db_result *result, size_t row, int column)
{
	if (db_null(result, row, column))
		return false;
	if (PQftype(result->rows, column) != OID_BOOL)
		wrong_type(result, column, "bool");
	return *PQgetvalue(result->rows, (int)row, column) != 0;
}

struct str db_get_text(const struct db_result *result, size_t row, int column)
{
	struct str value;

	if (db_null(result, row, column))
		return STR_NONE;
	value.p = PQgetvalue(result->rows, (int)row, column);
	value.n = (size_t)PQgetlength(result->rows, (int)row, column);
	switch (PQftype(result->rows, column)) {
	case OID_JSONB:
		/* One byte of version, then the text. */
		return (struct str){ value.p + 1, value.n - 1 };
	case OID_BOOL: case OID_INT2: case OID_INT4: case OID_INT8: case OID_FLOAT4: case OID_FLOAT8: case OID_NUMERIC:
	case OID_DATE: case OID_TIMESTAMP: case OID_TIMESTAMPTZ: case OID_INTERVAL: case OID_UUID:
		wrong_type(result, column, "text");
	default:
		return value;
	}
}

instant db_get_instant(const struct db_result *result, size_t row, int column)
{
	if (db_null(result, row, column))
		return INSTANT_NONE;
	if (PQftype(result->rows, column) != OID_TIMESTAMPTZ)
		wrong_type(result, column, "timestamptz");
	return instant_of_wire(get8(PQgetvalue(result->rows, (int)row, column)));
}
