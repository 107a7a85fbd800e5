/* A history in memory, the report about it, and the small things that the checks share. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

static const char *const invariant_names[INVARIANT_MAX][2] = {
#define X(number, name, words) [number] = { name, words },
	INVARIANTS(X)
#undef X
};

/* ---- the history ---- */

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));

	history->ends = json_object();
	history->outbox_keep = 20000;
	history->poison = "poison";
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; !history->borrowed && i < history->record_count; i++)
		record_free(history->records[i]);
	free(history->records);
	free(history->outbox);
	json_decref(history->ends);
	json_decref(history->rows);
	free(history);
}

void history_add(struct history *history, struct record *record)
{
	desk_grow(&history->records, history->record_count, &history->record_capacity);
	history->records[history->record_count++] = record;
}

struct outbox_row *history_outbox_add(struct history *history)
{
	if (history->outbox_count == history->outbox_capacity) {
		history->outbox_capacity = history->outbox_capacity ? 2 * history->outbox_capacity : 256;
		history->outbox = realloc(history->outbox, history->outbox_capacity * sizeof(*history->outbox));
	}
	memset(&history->outbox[history->outbox_count], 0, sizeof(*history->outbox));
	return &history->outbox[history->outbox_count++];
}

json_t *history_rows(const struct history *history, const char *service, const char *table)
{
	json_t *tables = json_object_get(history->rows, service), *rows = json_object_get(tables, table);

	if (rows || !history->rows)
		return rows;
	if (!tables)
		json_object_set_new(history->rows, service, tables = json_object());
	json_object_set_new(tables, table, rows = json_array());
	return rows;
}

/* ---- looking up ---- */

int64_t index_get(const json_t *index, const char *key, int64_t absent)
{
	const json_t *value = json_object_get(index, key);

	return value ? json_integer_value(value) : absent;
}

void index_set(json_t *index, const char *key, int64_t value)
{
	json_object_set_new_nocheck(index, key, json_integer(value));
}

int64_t index_count(json_t *index, const char *key)
{
	int64_t count = index_get(index, key, 0) + 1;

	index_set(index, key, count);
	return count;
}

const char *row_text(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}

int64_t row_number(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

instant row_time(const json_t *row, const char *name)
{
	instant at = INSTANT_NONE;

	(void)instant_parse(str_of(row_text(row, name)), &at);
	return at;
}

bool record_is_first(const struct record *record)
{
	return record->topic < DESK_DEAD && record->writer[0] && !record->repeat;
}

bool record_is_fact(const struct record *record, enum desk_topic topic)
{
	return record->topic == topic && record_is_first(record) && !record->copy;
}

const char *record_place(const struct record *record, char text[static 100])
{
	snprintf(text, 100, "%s/%d/%lld", desk_topic_names[record->topic], record->partition, (long long)record->offset);
	return text;
}

/* ---- digests ---- */

static void digest_length(crypto_hash_sha256_state *state, size_t n)
{
	unsigned char byte;

	for (; n >= 0x80; n >>= 7) {
		byte = (unsigned char)(0x80 | (n & 0x7f));
		crypto_hash_sha256_update(state, &byte, 1);
	}
	byte = (unsigned char)n;
	crypto_hash_sha256_update(state, &byte, 1);
}

static void digest_bytes(crypto_hash_sha256_state *state, const void *bytes, size_t n)
{
	crypto_hash_sha256_update(state, bytes, n);
}

/* Headers in the form of the outbox: length of the name, name, length of the value plus one (0: null), value. Between the
 * three parts stands a byte 255, behind a null key or value another one. */
void history_digest(const struct record *record, char ret_digest[static 65])
{
	static const unsigned char between[] = { 255, 255 };
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < record->header_count; i++) {
		const struct desk_header *header = &record->headers[i];

		digest_length(&state, strlen(header->name));
		digest_bytes(&state, header->name, strlen(header->name));
		digest_length(&state, header->value ? header->size + 1 : 0);
		digest_bytes(&state, header->value ? header->value : "", header->value ? header->size : 0);
	}
	digest_bytes(&state, between, record->key ? 1 : 2);
	digest_bytes(&state, record->key ? record->key : "", record->key ? record->key_size : 0);
	digest_bytes(&state, between, record->value ? 1 : 2);
	digest_bytes(&state, record->value ? record->value : "", record->value ? record->value_size : 0);
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(ret_digest, 65, hash, sizeof(hash));
}

/* ---- the report ---- */

void report_add(struct report *report, int invariant, const char *about, const char *format, ...)
{
	char text[1000], name[4];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Ids may be anybody's bytes. */
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = '?';
	report->broken[invariant]++;
	/* Nobody reads more. */
	if (report->broken[invariant] > 1000)
		return;
	snprintf(name, sizeof(name), "I%d", invariant);
	json_array_append_new(report->violations, json_pack("{s:s, s:s, s:s}", "invariant", name, "about", about ? about : "",
							    "text", text));
}

static void mark_repeats(const struct history *history)
{
	void *marks = NULL;

	for (size_t i = 0; i < history->record_count; i++)
		history->records[i]->repeat = record_repeats(&marks, history->records[i]);
	desk_slots_free(marks);
}

void history_check(const struct history *history, struct report *ret_report)
{
	*ret_report = (struct report){ .violations = json_array() };
	mark_repeats(history);
	history_check_log(history, ret_report);
	history_check_clocks(history, ret_report);
	if (!history->complete)
		return;
	history_check_input(history, ret_report);
	history_check_answers(history, ret_report);
	if (!history->rows)
		return;
	history_check_ledger(history, ret_report);
	history_check_tables(history, ret_report);
	history_check_counters(history, ret_report);
}

void report_done(struct report *report)
{
	json_decref(report->violations);
	report->violations = NULL;
}

size_t report_broken(const struct report *report)
{
	size_t count = 0;

	for (int i = 1; i < INVARIANT_MAX; i++)
		count += report->broken[i];
	return count;
}

const char *report_first(const struct report *report, const char **ret_about)
{
	const json_t *first = json_array_get(report->violations, 0);

	*ret_about = row_text(first, "about");
	return first ? row_text(first, "text") : NULL;
}

void report_print(const struct report *report, FILE *out, size_t most)
{
	for (int i = 1; i < INVARIANT_MAX; i++) {
		size_t said = 0, n;
		const json_t *violation;
		char name[4];

		snprintf(name, sizeof(name), "I%d", i);
		fprintf(out, "%s %-9s %8zu looked at, %zu broken: %s\n", name, invariant_names[i][0], report->looked[i], report->broken[i],
			invariant_names[i][1]);
		json_array_foreach(report->violations, n, violation)
			if (strcmp(row_text(violation, "invariant"), name) == 0 && said++ < most)
				fprintf(out, "   %s%s%s\n", row_text(violation, "about"), row_text(violation, "about")[0] ? ": " : "",
					row_text(violation, "text"));
		if (report->broken[i] > most)
			fprintf(out, "   and %zu more\n", report->broken[i] - most);
	}
}

json_t *report_json(const struct report *report)
{
	json_t *invariants = json_object();

	for (int i = 1; i < INVARIANT_MAX; i++) {
		char name[4];

		snprintf(name, sizeof(name), "I%d", i);
		json_object_set_new(invariants, name, json_pack("{s:s, s:I, s:I}", "name", invariant_names[i][0], "looked",
								(json_int_t)report->looked[i], "broken", (json_int_t)report->broken[i]));
	}
	return json_pack("{s:b, s:o, s:O}", "good", report_broken(report) == 0, "invariants", invariants, "violations",
			 report->violations);
}
