/* What must hold of the logs as records, at any moment (I4), and who may have written them (I7).
 *
 * These are the contract's promises to whoever reads the logs. The scenes ask for the same between any two tests. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* A repeat must repeat something to the byte, or a lost fact looks like one; and no two say the same number. */
static void check_copy(struct report *report, const struct record *record, json_t *seen, json_t *issued)
{
	char key[400], digest[65], name[80];
	const char *known, *here;

	history_digest(record, digest);
	snprintf(key, sizeof(key), "%d %d %s %lld %lld", record->topic, record->partition, record->writer, (long long)record->incarnation,
		 (long long)record->sequence);
	known = row_text(seen, key);
	if (record->repeat && !known[0])
		report_add(report, 4, record->subject, "%s (%s %lld %lld) stands behind a later one of its writer", record->name,
			   record->writer, (long long)record->incarnation, (long long)record->sequence);
	else if (record->repeat && strcmp(known, digest) != 0)
		report_add(report, 7, record->subject, "%s (%s %lld %lld) is issued twice with other contents", record->name, record->writer,
			   (long long)record->incarnation, (long long)record->sequence);
	if (!record->repeat)
		json_object_set_new_nocheck(seen, key, json_string(digest));
	/* One number, one place: a fact that was sent to another partition or topic is taken twice. */
	snprintf(key, sizeof(key), "%s %lld %lld", record->writer, (long long)record->incarnation, (long long)record->sequence);
	snprintf(name, sizeof(name), "%s/%d", desk_topic_names[record->topic], record->partition);
	here = row_text(issued, key);
	if (here[0] && strcmp(here, name) != 0)
		report_add(report, 7, record->subject, "%s (%s) stands in %s and another under its number in %s", record->name, key, name, here);
	json_object_set_new_nocheck(issued, key, json_string(name));
}

static void check_place(struct report *report, const struct record *record)
{
	if (record->incarnation < 0 || record->sequence < 0)
		report_add(report, 4, record->subject, "%s of %s has no incarnation or sourceseq", record->name, record->writer);
	if (record->topic == DESK_TICKETS && record->lane != record->partition)
		report_add(report, 4, record->subject, "%s says lane %d and stands in partition %d", record->name, record->lane,
			   record->partition);
}

/* Ids name one fact for ever. A claim's copy keeps the id that its sender gave it, of which only the pair is one claim's. */
static void check_id(struct report *report, const struct record *record, json_t *ids)
{
	char key[500];

	snprintf(key, sizeof(key), "%s\n%s", record->source, record->id);
	if (!record->id[0])
		report_add(report, 4, record->subject, "%s of %s has no id", record->name, record->writer);
	else if (index_count(ids, key) > 1)
		report_add(report, record->copy ? 1 : 4, record->subject, "%s twice: its id %s stands under two numbers", record->name, record->id);
}

/* ---- revisions ---- */

static void check_revision(struct report *report, const struct record *record, json_t *revisions)
{
	int64_t revision = index_get(revisions, record->subject, 0);

	if (record->revision != (int)record_number(record, "revision"))
		report_add(report, 4, record->subject, "%s has revision %d in its header and %d in its data", record->name, record->revision,
			   (int)record_number(record, "revision"));
	if (strncmp(record->name, "ticket.", 7) == 0) {
		if (record->revision != revision + 1)
			report_add(report, 4, record->subject, "%s has revision %d behind %lld", record->name, record->revision,
				   (long long)revision);
		index_set(revisions, record->subject, record->revision);
		if ((strcmp(record->name, "ticket.registered") == 0) != (record->revision == 1))
			report_add(report, 4, record->subject, "%s is the ticket's revision %d", record->name, record->revision);
	} else if (record->revision > revision) {
		report_add(report, 4, record->subject, "%s quotes revision %d, the ticket is at %lld", record->name, record->revision,
			   (long long)revision);
	}
	if (!record->cause_id[0] || !record->cause_source[0])
		report_add(report, 4, record->subject, "%s names no cause", record->name);
}

void history_check_log(const struct history *history, struct report *report)
{
	json_t *seen = json_object(), *issued = json_object(), *ids = json_object(), *revisions = json_object();

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (record->topic == DESK_DEAD || !record->writer[0])
			continue;
		report->looked[4]++;
		report->looked[7]++;
		check_place(report, record);
		check_copy(report, record, seen, issued);
		if (record_is_first(record))
			check_id(report, record, ids);
		if (record_is_fact(record, DESK_TICKETS))
			check_revision(report, record, revisions);
	}
	json_decref(seen);
	json_decref(issued);
	json_decref(ids);
	json_decref(revisions);
}
