/* Every claim that was let in for a ticket is answered by the one writer of its lifecycle, once: with facts or with a dead letter
 * (I1). */
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* Of the claims on the ticket log those that routing is there for. */
static bool is_asked(const struct record *copy)
{
	static const char *const families[] = {
		"staff.", "customer.", "plan.", "quote.", "upgrade.", "factory.", "return.", "order.", "payment.",
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strncmp(copy->name, families[i], strlen(families[i])) == 0)
			return true;
	return strcmp(copy->name, "request.supplemented") == 0;
}

static bool is_routing(const struct record *record)
{
	return strncmp(record->writer, "routing/", 8) == 0;
}

/* By cause how many facts, by place how many dead letters. */
static json_t *answers(const struct history *history)
{
	json_t *answers = json_object();
	char key[700];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];
		const char *by = record_header(record, "dl_service"), *topic = record_header(record, "dl_topic");

		if (record_is_fact(record, DESK_TICKETS) && is_routing(record)) {
			snprintf(key, sizeof(key), "%s\n%s", record->cause_source, record->cause_id);
			index_count(answers, key);
		} else if (record->topic == DESK_DEAD && !record->repeat && by && topic && strcmp(by, "routing") == 0) {
			snprintf(key, sizeof(key), "%s/%s/%s", topic, record_header(record, "dl_partition"), record_header(record, "dl_offset"));
			index_count(answers, key);
		}
	}
	return answers;
}

static void check_answer(struct report *report, const struct record *copy, const json_t *answered)
{
	char key[700];
	int64_t facts, refusals;

	snprintf(key, sizeof(key), "%s\n%s", copy->source, copy->id);
	facts = index_get(answered, key, 0);
	refusals = index_get(answered, copy->origin, 0);
	report->looked[1]++;
	if (facts == 0 && refusals == 0)
		report_add(report, 1, copy->subject, "%s %s was let in and came to nothing: no fact, no dead letter", copy->name, copy->id);
	if (facts > 0 && refusals > 0)
		report_add(report, 1, copy->subject, "%s %s has both facts and a dead letter", copy->name, copy->id);
	if (refusals > 1)
		report_add(report, 1, copy->subject, "%s %s has %lld dead letters", copy->name, copy->id, (long long)refusals);
}

/* One claim makes one fact of its own name: staff.replied, one ticket.replied. */
static void check_once(const struct history *history, struct report *report)
{
	json_t *said = json_object();
	char key[900];

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (!record_is_fact(record, DESK_TICKETS) || !is_routing(record))
			continue;
		snprintf(key, sizeof(key), "%s\n%s\n%s\n%s", record->subject, record->cause_source, record->cause_id, record->name);
		if (index_count(said, key) == 2)
			report_add(report, 1, record->subject, "%s follows twice from %s", record->name, record->cause_id);
	}
	json_decref(said);
}

void history_check_answers(const struct history *history, struct report *report)
{
	json_t *answered = answers(history);

	for (size_t i = 0; i < history->record_count; i++) {
		const struct record *record = history->records[i];

		if (record->topic == DESK_TICKETS && record_is_first(record) && record->copy && is_asked(record))
			check_answer(report, record, answered);
	}
	check_once(history, report);
	json_decref(answered);
}
