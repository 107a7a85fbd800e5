/* Records from the bus become items of their source: decoded, checked, skipped or marked as refused. No database here:
 * this also runs while a transaction waits for the server. */
#include "common/worker/inner.h"

#include <string.h>

#define WAITING_BYTES_MAX BATCH_BYTES_MAX

static void item_refuse_early(struct item *item, const struct fault *fault, struct arena *arena)
{
	item->refused = item->refused_early = true;
	item->reason = fault->reason;
	item->detail = str_copy(arena, str_of(fault->text));
}

static struct bus_record record_copy(const struct bus_record *record, struct arena *arena)
{
	struct bus_record copy = *record;
	copy.key = str_copy(arena, record->key);
	copy.value = str_copy(arena, record->value);
	struct bus_header *headers = arena_alloc(arena, (record->header_count + 1) * sizeof(*headers));
	for (size_t i = 0; i < record->header_count; i++) {
		headers[i].name = str_copy(arena, record->headers[i].name);
		headers[i].value = str_copy(arena, record->headers[i].value);
	}
	copy.headers = headers;
	return copy;
}

/* On a log of ours every record has our envelope and stands in its own lane; anything else was put there by a stranger. */
static enum verdict check_ours(const struct event *event, int32_t partition, struct fault *fault)
{
	if (!event->name.p)
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "its type is none of ours; only our daemons write to this log");
	if (!event->writer.p || event->sequence <= 0 || event->lane != partition)
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "%.*s without a writer of ours: only our daemons write to this log; "
				    "claims go to aftercare.inbound, aftercare.staff or aftercare.directory",
				    STR_ARG(event->name));
	return OK;
}

static enum verdict item_decode(struct worker *worker, struct source *source, struct item *item, struct arena *arena,
				struct fault *fault)
{
	const struct service_topic *topic = &worker->service->topics[source->topic];
	enum verdict verdict = event_decode(&item->event, &item->event.record, topic->name, arena, fault);
	if (verdict)
		return verdict;
	if (topic->kind != TOPIC_OUTSIDE) {
		verdict = check_ours(&item->event, source->partition, fault);
		if (verdict)
			return verdict;
	}
	if (worker->service->check && topic->kind == TOPIC_OUTSIDE)
		return worker->service->check(worker->state, item, arena, fault);
	return item->event.data.p ? event_parse(&item->event, arena, fault) : OK;
}

/* Decodes and checks; false when it is a stranger's record on a log that somebody else keeps: its keeper makes the dead
 * letter. */
static bool item_check(struct worker *worker, struct source *source, struct item *item, struct arena *arena)
{
	const struct service_topic *topic = &worker->service->topics[source->topic];
	const struct bus_record record = item->event.record;
	struct fault fault = FAULT_NONE;
	enum verdict verdict = item_decode(worker, source, item, arena, &fault);
	item->event.record = record;
	item->event.topic = topic->name;
	if (verdict && topic->kind != TOPIC_OUTSIDE && !topic->keeper)
		return false;
	if (verdict)
		item_refuse_early(item, &fault, arena);
	return true;
}

void read_envelope(struct item *item, struct arena *arena)
{
	const struct bus_record record = item->event.record;
	struct fault ignored = FAULT_NONE;
	if (event_decode(&item->event, &record, item->event.topic, arena, &ignored))
		item->event.record = record;
}

size_t read_check(struct worker *worker, struct source *source, struct item *items, size_t count, struct arena *arena)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct item item = items[i];
		item.unchecked = false;
		if (!items[i].unchecked || item_check(worker, source, &item, arena))
			items[kept++] = item;
		else
			worker->counters.skipped++;
	}
	return kept;
}

static bool record_has(const struct bus_record *record, struct str name)
{
	for (size_t i = 0; i < record->header_count; i++) {
		if (str_eq(record->headers[i].name, name))
			return true;
	}
	return false;
}

static bool record_wanted(const struct service_topic *topic, const struct bus_record *record)
{
	if (topic->kind == TOPIC_OUTSIDE)
		return true;
	struct str name = event_peek_name(record);
	if (name.p && (!topic->wants || topic->wants(name)))
		return true;
	return topic->keeper && !(name.p && record_has(record, STR("ce_writer")));
}

static void read_record(struct worker *worker, struct source *source, const struct bus_record *record)
{
	const struct service_topic *topic = &worker->service->topics[source->topic];
	if (!record_wanted(topic, record)) {
		source->skipped_to = record->offset + 1;
		worker->counters.skipped++;
		return;
	}
	if (source->count == 0)
		source->first_at = worker_monotonic();
	arena_grow(&source->arena, &source->items, &source->capacity, source->count + 1, sizeof(*source->items));
	struct item *item = &source->items[source->count];
	*item = (struct item){ .event = { .record = record_copy(record, &source->arena), .topic = topic->name } };
	/* After a crash even decoding is only done once it is noted where we are. */
	item->unchecked = source->careful || source->suspect_until > source->next_offset;
	if (!item->unchecked && !item_check(worker, source, item, &source->arena)) {
		source->skipped_to = record->offset + 1;
		worker->counters.skipped++;
		return;
	}
	FAILPOINT("read.kept");
	source->count++;
	source->bytes += record->value.n + 200;
}

size_t read_records(struct worker *worker, size_t most)
{
	size_t count = 0;
	struct source *last = NULL;
	while (count < most) {
		if (last && (last->count >= (size_t)worker->conf.batch_max_events || last->bytes >= WAITING_BYTES_MAX))
			break;
		struct bus_record record;
		arena_reset(&worker->scratch_arena);
		if (!bus_poll(worker->bus, &worker->scratch_arena, &record))
			break;
		count++;
		FAILPOINT("read.polled");
		if (!last || last->topic != record.topic || last->partition != record.partition)
			last = source_find(worker, record.topic, record.partition);
		/* What arrives for a row that is not ours, or before the consumer stands where the row does (records are read
		 * also while the other rows are being taken), or from before its position, is of an older assignment. */
		if (!last || !last->placed || (record.offset < last->read_next && RULE("r2-kafka-offset")))
			continue;
		last->read_next = record.offset + 1;
		read_record(worker, last, &record);
	}
	return count;
}
