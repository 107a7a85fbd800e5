/* The ledger of each daemon against the topics: positions (I2), the outbox (I3), what of it stands in the topics (I4), who has
 * issued it (I7), and that nothing waits (I8). */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

static const char *source_name(const char *service, const json_t *row, char name[static 128])
{
	snprintf(name, 128, "%s/%s/%lld", service, row_text(row, "topic"), (long long)row_number(row, "partition"));
	return name;
}

/* ---- positions ---- */

static void check_position(const struct history *history, struct report *report, const char *name, const json_t *row)
{
	int64_t end = index_get(history->ends, strchr(name, '/') + 1, -1);

	report->looked[2]++;
	if (end < 0)
		report_add(report, 2, NULL, "%s: there is no such partition", name);
	else if (row_number(row, "next_offset") > end)
		report_add(report, 2, NULL, "%s stands at %lld, the log ends at %lld", name, (long long)row_number(row, "next_offset"),
			   (long long)end);
	else if (row_number(row, "next_offset") < end)
		report_add(report, 8, NULL, "%s stands at %lld and does not go on to %lld", name, (long long)row_number(row, "next_offset"),
			   (long long)end);
}

/* Of each topic that a service reads it has every partition. */
static void check_partitions(const struct history *history, struct report *report, const char *service, json_t *sources)
{
	json_t *topics = json_object(), *names = json_object(), *row, *end;
	const char *place;
	char name[128];
	size_t i;

	json_array_foreach(sources, i, row) {
		index_set(topics, row_text(row, "topic"), 1);
		if (index_count(names, source_name(service, row, name)) > 1)
			report_add(report, 2, NULL, "%s has two rows", name);
	}
	json_object_foreach(history->ends, place, end) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(place, "/"), place);
		if (index_get(topics, name, 0) == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", service, place);
		if (index_get(names, name, 0) == 0 && json_integer_value(end) > 0)
			report_add(report, 2, NULL, "%s has no row: nobody reads it", name);
	}
	json_decref(topics);
	json_decref(names);
}

/* A reader cannot have come further with a writer than the writer has. */
static void check_marks(const struct history *history, struct report *report, const char *service, const json_t *last)
{
	json_t *names = json_object(), *row;
	char key[300], name[128];
	size_t i;

	json_array_foreach(history_rows(history, service, "source"), i, row) {
		snprintf(key, sizeof(key), "%lld", (long long)row_number(row, "id"));
		json_object_set_new(names, key, json_string(strchr(source_name(service, row, name), '/') + 1));
	}
	json_array_foreach(history_rows(history, service, "watermark"), i, row) {
		const json_t *pair;

		report->looked[2]++;
		snprintf(key, sizeof(key), "%lld", (long long)row_number(row, "source"));
		snprintf(name, sizeof(name), "%s", row_text(names, key));
		snprintf(key, sizeof(key), "%s %s", name, row_text(row, "writer"));
		pair = json_object_get(last, key);
		if (!pair || row_number(row, "incarnation") > row_number(pair, "incarnation") ||
		    (row_number(row, "incarnation") == row_number(pair, "incarnation") && row_number(row, "seq") > row_number(pair, "seq")))
			report_add(report, 2, NULL, "%s believes to have read (%lld, %lld) of %s in %s, which is not there", service,
				   (long long)row_number(row, "incarnation"), (long long)row_number(row, "seq"), row_text(row, "writer"), name);
	}
	json_decref(names);
}

/* {"TOPIC/PARTITION WRITER": {"incarnation", "seq"}}: the last first copy. */
static json_t *last_pairs(const struct history *history)
{
	json_t *last = json_object();
	char key[300];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (!record_is_first(record))
			continue;
		snprintf(key, sizeof(key), "%s/%d %s", desk_topic_names[record->topic], record->partition, record->writer);
		json_object_set_new_nocheck(last, key, json_pack("{s:I, s:I}", "incarnation", (json_int_t)record->incarnation, "seq",
								 (json_int_t)record->sequence));
	}
	return last;
}

/* ---- outbox ---- */

static int by_writer(const void *a, const void *b)
{
	const struct outbox_row *left = *(const struct outbox_row *const *)a, *right = *(const struct outbox_row *const *)b;
	int order = strcmp(left->writer, right->writer);

	return order ? order : (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* The rows of one source, in their order. */
static void check_outbox(const struct history *history, struct report *report, const char *name, const json_t *source,
			 struct outbox_row *const *rows, size_t count)
{
	int64_t issued = row_number(source, "out_seq"), published = row_number(source, "published_seq");
	int64_t first = count > 0 ? rows[0]->sequence : issued + 1;

	report->looked[3] += count + 1;
	if (published > issued)
		report_add(report, 3, NULL, "%s has published %lld of %lld", name, (long long)published, (long long)issued);
	if (published < issued)
		report_add(report, 8, NULL, "%s has %lld facts and has published %lld of them", name, (long long)issued, (long long)published);
	if (first > 1 && first - 1 > published - history->outbox_keep)
		report_add(report, 3, NULL, "the outbox of %s begins with %lld, which is more than was to be cleared", name, (long long)first);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && rows[i]->sequence != rows[i - 1]->sequence + 1)
			report_add(report, 3, NULL, "the outbox of %s has %lld behind %lld", name, (long long)rows[i]->sequence,
				   (long long)rows[i - 1]->sequence);
		if (i > 0 && rows[i]->incarnation < rows[i - 1]->incarnation)
			report_add(report, 7, NULL, "%s wrote %lld under an older incarnation than the one before", name,
				   (long long)rows[i]->sequence);
	}
	if (count > 0 && rows[count - 1]->sequence != issued)
		report_add(report, 3, NULL, "the outbox of %s ends with %lld, %lld were issued", name, (long long)rows[count - 1]->sequence,
			   (long long)issued);
	if (count > 0 && rows[count - 1]->incarnation > row_number(source, "incarnation"))
		report_add(report, 7, NULL, "%s wrote under an incarnation that its row does not have yet", name);
}

/* ---- outbox against topics ---- */

static const char *fact_key(const char *writer, int64_t incarnation, int64_t sequence, char key[static 200])
{
	snprintf(key, 200, "%s %lld %lld", writer, (long long)incarnation, (long long)sequence);
	return key;
}

static bool is_compacted(const char *topic)
{
	return strcmp(topic, desk_topic_names[DESK_STATE]) == 0;
}

/* What stands in the topics: by its number; dead letters have none and are found by their contents. */
static json_t *published(const struct history *history)
{
	json_t *index = json_object();
	char key[200], digest[65];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (record->topic == DESK_DEAD) {
			history_digest(record, digest);
			index_set(index, digest, (int64_t)i);
		} else if (record->writer[0] && !record->repeat) {
			index_set(index, fact_key(record->writer, record->incarnation, record->sequence, key), (int64_t)i);
		}
	}
	return index;
}

static void check_published(const struct history *history, struct report *report, const struct outbox_row *row, const json_t *index)
{
	bool dead = strcmp(row->topic, desk_topic_names[DESK_DEAD]) == 0;
	char key[200], digest[65];
	int64_t at = index_get(index, dead ? row->digest : fact_key(row->writer, row->incarnation, row->sequence, key), -1);
	const struct record *record = at >= 0 ? history->records[at] : NULL;

	report->looked[4]++;
	if (!record) {
		if (!is_compacted(row->topic))
			report_add(report, 4, NULL, "%s %lld is in the outbox and not in %s/%d", row->writer, (long long)row->sequence, row->topic,
				   row->partition);
		return;
	}
	if (strcmp(desk_topic_names[record->topic], row->topic) != 0 || record->partition != row->partition)
		report_add(report, 4, record->subject, "%s %lld is in %s/%d and not in %s/%d", row->writer, (long long)row->sequence,
			   desk_topic_names[record->topic], record->partition, row->topic, row->partition);
	history_digest(record, digest);
	if (strcmp(digest, row->digest) != 0)
		report_add(report, 4, record->subject, "%s (%s %lld) is not what the outbox has", record->name, row->writer,
			   (long long)row->sequence);
}

/* What no outbox has was never committed, or is so old that it was cleared. */
static void check_committed(const struct history *history, struct report *report)
{
	json_t *rows = json_object(), *first = json_object();
	char key[200], digest[65];

	for (size_t i = 0; i < history->outbox_count; i++) {
		const struct outbox_row *row = &history->outbox[i];

		index_set(rows, fact_key(row->writer, row->incarnation, row->sequence, key), 1);
		index_set(rows, row->digest, 1);
		if (row->sequence < index_get(first, row->writer, INT64_MAX))
			index_set(first, row->writer, row->sequence);
	}
	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (record->topic == DESK_DEAD) {
			history_digest(record, digest);
			if (json_object_size(first) > 0 && index_get(rows, digest, 0) == 0)
				report_add(report, 6, NULL, "the dead letter at %s/%d/%lld is in no outbox", desk_topic_names[record->topic],
					   record->partition, (long long)record->offset);
		} else if (record->writer[0] && !record->repeat && record->sequence >= index_get(first, record->writer, 1) &&
			   index_get(rows, fact_key(record->writer, record->incarnation, record->sequence, key), 0) == 0) {
			report_add(report, 4, record->subject, "%s (%s) was published and never committed", record->name, key);
		}
	}
	json_decref(rows);
	json_decref(first);
}

static void check_outboxes(const struct history *history, struct report *report, const json_t *sources)
{
	struct outbox_row **rows = malloc((history->outbox_count + 1) * sizeof(*rows));
	json_t *index = published(history), *source;
	const char *name;

	for (size_t i = 0; i < history->outbox_count; i++) {
		rows[i] = &history->outbox[i];
		check_published(history, report, rows[i], index);
		if (!json_object_get(sources, rows[i]->writer))
			report_add(report, 3, NULL, "the outbox has %s, which is no source", rows[i]->writer);
	}
	qsort(rows, history->outbox_count, sizeof(*rows), by_writer);
	json_object_foreach((json_t *)(uintptr_t)sources, name, source) {
		size_t from = 0, to;

		while (from < history->outbox_count && strcmp(rows[from]->writer, name) < 0)
			from++;
		for (to = from; to < history->outbox_count && strcmp(rows[to]->writer, name) == 0;)
			to++;
		check_outbox(history, report, name, source, rows + from, to - from);
	}
	check_committed(history, report);
	json_decref(index);
	free(rows);
}

void history_check_ledger(const struct history *history, struct report *report)
{
	json_t *last = last_pairs(history), *sources = json_object(), *tables, *row;
	const char *service;
	char name[128];
	size_t i;

	json_object_foreach(history->rows, service, tables) {
		if (!json_object_get(tables, "source"))
			continue;
		check_partitions(history, report, service, json_object_get(tables, "source"));
		check_marks(history, report, service, last);
		json_array_foreach(json_object_get(tables, "source"), i, row) {
			report->looked[8]++;
			check_position(history, report, source_name(service, row, name), row);
			json_object_set(sources, name, row);
		}
		json_array_foreach(json_object_get(tables, "timer"), i, row) {
			report->looked[8]++;
			if (history->now && row_time(row, "due") < history->now - 5 * SECOND)
				report_add(report, 8, row_text(row, "ticket"), "%s: the timer %s was due %lld s ago", service, row_text(row, "key"),
					   (long long)((history->now - row_time(row, "due")) / SECOND));
		}
	}
	check_outboxes(history, report, sources);
	json_decref(last);
	json_decref(sources);
}
