/* What came from outside against what became of it: every claim let in once, or refused once, or known already (I1); dead
 * letters are what was to be refused (I6). */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "common/io/ident.h"
#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

static bool is_input(const struct record *record)
{
	return record->topic == DESK_INBOUND || record->topic == DESK_STAFF || record->topic == DESK_DIRECTORY;
}

static bool is_structured(const struct record *record)
{
	const char *type = record_header(record, "content-type");

	return type && strncmp(type, "application/cloudevents+json", 28) == 0;
}

static const char *claim_id(const struct record *record)
{
	return is_structured(record) ? record_text(record, "id") : record->id;
}

static const char *claim_source(const struct record *record)
{
	return is_structured(record) ? record_text(record, "source") : record->source;
}

static const char *claim_name(const struct record *record, char name[static 100])
{
	snprintf(name, 100, "%s", is_structured(record) ? record_text(record, "type") : record->name);
	if (strncmp(name, "aftercare.", 10) == 0) {
		memmove(name, name + 10, strlen(name + 10) + 1);
		name[strcspn(name, ".") < strlen(name) && strlen(name) > 3 ? strlen(name) - 3 : strlen(name)] = '\0';
	}
	return name;
}

static const char *claim_key(const char *source, const char *id, char key[static 600])
{
	snprintf(key, 600, "%s\n%s", source, id);
	return key;
}

/* Masses of master data go to the tables alone. */
static bool is_silent(const struct record *record)
{
	char name[100];
	size_t n = strlen(claim_name(record, name));

	return record->topic == DESK_DIRECTORY && n > 9 && strcmp(name + n - 9, ".upserted") == 0 && strcmp(name, "staff.upserted") != 0;
}

static const char *dead_place(const struct record *dead, char text[static 100])
{
	const char *topic = record_header(dead, "dl_topic"), *partition = record_header(dead, "dl_partition");
	const char *offset = record_header(dead, "dl_offset");

	snprintf(text, 100, "%s/%s/%s", topic ? topic : "?", partition ? partition : "?", offset ? offset : "?");
	return text;
}

static bool dead_is_of(const struct record *dead, const char *service)
{
	const char *by = record_header(dead, "dl_service");

	return by && strcmp(by, service) == 0;
}

/* What became of each (source, id). */
struct fates {
	json_t *inputs;      /* by place: index of the record */
	json_t *sent;        /* by claim: how often */
	json_t *refused;     /* by claim: how often at the door */
	json_t *taken;       /* by claim: copies and registrations */
	json_t *dead;        /* by place: how often, whoever refused it */
	json_t *known;       /* idents that intake has, as \\x and hexadecimal; NULL: no database */
};

static void fates_read(const struct history *history, struct fates *fates)
{
	char place[100], key[600];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (is_input(record)) {
			index_set(fates->inputs, record_place(record, place), (int64_t)i);
			index_count(fates->sent, claim_key(claim_source(record), claim_id(record), key));
		}
	}
	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (record->topic == DESK_DEAD && !record->repeat) {
			int64_t at = index_get(fates->inputs, dead_place(record, place), -1);

			index_count(fates->dead, place);
			if (at >= 0 && dead_is_of(record, "intake"))
				index_count(fates->refused, claim_key(claim_source(history->records[at]), claim_id(history->records[at]), key));
		} else if (record_is_first(record) && record->copy) {
			index_count(fates->taken, claim_key(record->source, record->id, key));
		} else if (record_is_fact(record, DESK_TICKETS) && strcmp(record->name, "ticket.registered") == 0) {
			index_count(fates->taken, claim_key(record->cause_source, record->cause_id, key));
		}
	}
}

/* ---- copies ---- */

/* A claim's copy is the claim: the same bytes, of an input that is there. */
static void check_copy(const struct history *history, struct report *report, const struct record *copy, const struct fates *fates)
{
	int64_t at = index_get(fates->inputs, copy->origin, -1);
	const struct record *input = at >= 0 ? history->records[at] : NULL;

	if (!input) {
		report_add(report, 1, copy->subject, "the copy of %s %s names %s, where no input is", copy->name, copy->id, copy->origin);
		return;
	}
	if (strcmp(claim_id(input), copy->id) != 0 || strcmp(claim_source(input), copy->source) != 0)
		report_add(report, 1, copy->subject, "the copy of %s names %s, which is %s", copy->id, copy->origin, claim_id(input));
	else if (!is_structured(input) && input->value && copy->value && record_data(input) && !record_get(input, "deleted") &&
		 (input->value_size != copy->value_size || memcmp(input->value, copy->value, copy->value_size) != 0))
		report_add(report, 1, copy->subject, "the copy of %s %s says something else than the claim", copy->name, copy->id);
}

/* ---- each claim ---- */

static bool is_known(const struct fates *fates, const struct record *input)
{
	struct ident ident = ident_claim(str_of(claim_source(input)), str_of(claim_id(input)));
	char text[2 * IDENT_BYTES + 3] = "\\x";

	for (size_t i = 0; i < IDENT_BYTES; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", ident.bytes[i]);
	return index_get(fates->known, text, 0) > 0;
}

static void check_claim(struct report *report, const struct record *input, const struct fates *fates)
{
	char key[600], place[100], name[100];
	int64_t sent, refused, taken;

	claim_key(claim_source(input), claim_id(input), key);
	claim_name(input, name);
	record_place(input, place);
	sent = index_get(fates->sent, key, 0);
	refused = index_get(fates->refused, key, 0);
	taken = index_get(fates->taken, key, 0);
	report->looked[1]++;
	if (taken > 1)
		report_add(report, 1, input->subject, "%s %s was let in %lld times", name, claim_id(input), (long long)taken);
	if (refused < sent && taken == 0 && !is_silent(input))
		report_add(report, 1, input->subject, "%s %s (%s) is lost: neither let in nor refused", name, claim_id(input), place);
	if (refused >= sent && taken > 0)
		report_add(report, 1, input->subject, "%s %s was refused and let in all the same", name, claim_id(input));
	if (fates->known && is_known(fates, input) != (refused < sent))
		report_add(report, 1, input->subject, "%s %s (%s): intake's tables %s", name, claim_id(input), place,
			   refused < sent ? "do not know it" : "know it, though it was refused");
}

/* ---- dead letters ---- */

static bool has_word(const char *text, size_t size, const char *word)
{
	return text && memmem(text, size, word, strlen(word));
}

static bool to_be_refused(const struct history *history, const struct record *input)
{
	const char *id = claim_id(input);
	char place[100];

	record_place(input, place);
	for (const char *const *listed = history->refused; listed && *listed; listed++)
		if (strcmp(*listed, id) == 0 || strcmp(*listed, place) == 0)
			return true;
	return history->poison &&
	       (has_word(id, strlen(id), history->poison) || has_word(input->key, input->key_size, history->poison));
}

static void check_expected(const struct history *history, struct report *report, const struct fates *fates)
{
	char place[100];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];
		bool dead, wanted;

		/* On a log of ours only what a stranger put there. */
		if (!is_input(record) && (record->topic > DESK_MESSAGES || record->writer[0]))
			continue;
		dead = index_get(fates->dead, record_place(record, place), 0) > 0;
		wanted = to_be_refused(history, record);
		report->looked[6]++;
		if (wanted && !dead)
			report_add(report, 6, NULL, "%s (%s) was to be refused and has no dead letter", claim_id(record), place);
		if (dead && !wanted)
			report_add(report, 6, NULL, "%s (%s) has a dead letter and was not to be refused", claim_id(record), place);
	}
}

static void check_dead(const struct history *history, struct report *report, const struct fates *fates)
{
	json_t *letters = json_object(), *rows = json_object(), *tables, *row;
	char place[100], key[200];
	const char *service;
	size_t i;

	for (i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];
		const char *by = record_header(record, "dl_service"), *reason = record_header(record, "dl_reason");

		if (record->topic != DESK_DEAD || record->repeat)
			continue;
		report->looked[6]++;
		snprintf(key, sizeof(key), "%s %s", by ? by : "?", dead_place(record, place));
		index_set(letters, key, 1);
		if (!by || !reason || !reason[0])
			report_add(report, 6, NULL, "the dead letter of %s does not say who refused it and why", place);
		if (strncmp(place, "aftercare.inbound/", 18) == 0 && index_get(fates->inputs, place, -1) < 0)
			report_add(report, 6, NULL, "a dead letter is of %s, where no input is", place);
	}
	json_object_foreach(history->rows, service, tables)
		json_array_foreach(json_object_get(tables, "dead_letter"), i, row) {
			snprintf(key, sizeof(key), "%s %s/%lld/%lld", service, row_text(row, "topic"), (long long)row_number(row, "partition"),
				 (long long)row_number(row, "offset"));
			if (index_count(rows, key) > 1)
				report_add(report, 6, NULL, "%s: two rows of dead_letter", key);
			if (index_get(letters, key, 0) == 0)
				report_add(report, 6, NULL, "%s: in dead_letter and not in the topic", key);
		}
	json_object_foreach(letters, service, row)
		if (history->rows && index_get(rows, service, 0) == 0)
			report_add(report, 6, NULL, "%s: a dead letter without row in dead_letter", service);
	json_decref(letters);
	json_decref(rows);
}

/* ---- everything ---- */

static json_t *idents_known(const struct history *history)
{
	json_t *known = json_object(), *row;
	size_t i;

	json_array_foreach(history_rows(history, "intake", "claim"), i, row)
		index_set(known, row_text(row, "ident"), 1);
	json_array_foreach(history_rows(history, "intake", "ticket"), i, row)
		index_set(known, row_text(row, "ident"), 1);
	return known;
}

void history_check_input(const struct history *history, struct report *report)
{
	struct fates fates = { json_object(), json_object(), json_object(), json_object(), json_object(), NULL };

	if (history->rows)
		fates.known = idents_known(history);
	fates_read(history, &fates);
	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (is_input(record) && claim_id(record)[0] && claim_source(record)[0])
			check_claim(report, record, &fates);
		else if (record_is_first(record) && record->copy)
			check_copy(history, report, record, &fates);
	}
	check_dead(history, report, &fates);
	if (!history->any_refused)
		check_expected(history, report, &fates);
	json_decref(fates.inputs);
	json_decref(fates.sent);
	json_decref(fates.refused);
	json_decref(fates.taken);
	json_decref(fates.dead);
	json_decref(fates.known);
}
