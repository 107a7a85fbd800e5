/* rebuild, reading: every record of the topics that state comes from, once, in the order of its partition.
 *
 * Facts about tickets are laid upon tickets by ticket_apply, as every daemon that follows tickets does; what the other tables
 * are made of is stored as it was read. Repeats in a log are known as any reader knows them, by (writer, incarnation,
 * sequence). Must not decide anything. */
#include <string.h>

#include "common/io/ident.h"
#include "common/worker/ticket.h"
#include "services/ctl/dead.h"
#include "services/ctl/rebuild.h"

#define BATCH_RECORDS 500

/* One record as rebuild.record has it. */
struct row {
	int64_t offset;
	struct str name, subject, ident, cause_id, cause_source, traceparent, tracestate, data;
	instant at;
	int32_t revision;
	bool copied;
};
struct dead_row {
	struct str service, topic, reason, detail, key, value;
	int32_t partition;
	int64_t offset;
	instant at;
};
struct mark {
	struct str writer;
	int64_t incarnation, sequence;
};

/* One partition at work. */
struct lane {
	struct rebuild *rebuild;
	const char *topic;
	int32_t partition;
	int64_t *gone;                 /* of its topic */
	int64_t next;                  /* offset expected */
	struct arena arena;            /* of what waits to be saved */
	struct arena marks_arena;
	struct mark *marks;
	size_t mark_count, mark_capacity;
	struct item items[BATCH_RECORDS];   /* ticket facts */
	struct row rows[BATCH_RECORDS];
	struct dead_row dead[BATCH_RECORDS];
	size_t item_count, row_count, dead_count, waiting;
	int status;
};

/* PostgreSQL's text takes neither U+0000 nor anything but UTF-8. */
static struct str storable(struct str text)
{
	return text.p && str_utf8(text) && !memchr(text.p, 0, text.n) ? text : STR_NONE;
}

/* Nor does it look into JSON with an escaped U+0000. */
static struct str readable(struct str json, struct arena *arena)
{
	char *copy = arena_copy(arena, json.p, json.n);

	for (size_t i = 0; i + 5 < json.n; i++) {
		if (copy[i] != '\\')
			continue;
		if (memcmp(copy + i, "\\u0000", 6) == 0)
			memcpy(copy + i, "\\ufffd", 6);
		i++;
	}
	return (struct str){ copy, json.n };
}

static struct bus_record record_keep(const struct bus_record *record, struct arena *arena)
{
	struct bus_record kept = *record;
	struct bus_header *headers = arena_alloc(arena, (record->header_count + 1) * sizeof(*headers));

	for (size_t i = 0; i < record->header_count; i++)
		headers[i] = (struct bus_header){ str_copy(arena, record->headers[i].name),
						  str_copy(arena, record->headers[i].value) };
	kept.headers = headers;
	kept.key = str_copy(arena, record->key);
	kept.value = str_copy(arena, record->value);
	return kept;
}

static struct str ident_of(struct str source, struct str id, struct arena *arena)
{
	const struct ident ident = ident_claim(source, id);

	return source.p && id.p ? (struct str){ arena_copy(arena, ident.bytes, IDENT_BYTES), IDENT_BYTES } : STR_NONE;
}

/* ---- saving ---- */

static void queue_rows(struct lane *lane)
{
	struct db_params params = { .arena = &lane->arena };
	const struct row *row = lane->rows;
	size_t n = lane->row_count, stride = sizeof(*row);

	if (n == 0)
		return;
	db_text(&params, str_of(lane->topic));
	db_int4(&params, lane->partition);
	db_column_array(&params, DB_INT, &row->offset, stride, n);
	db_column_array(&params, DB_TEXT, &row->name, stride, n);
	db_column_array(&params, DB_TEXT, &row->subject, stride, n);
	db_column_array(&params, DB_INSTANT, &row->at, stride, n);
	db_column_array(&params, DB_INT4, &row->revision, stride, n);
	db_column_array(&params, DB_BOOL, &row->copied, stride, n);
	db_column_array(&params, DB_BYTES, &row->ident, stride, n);
	db_column_array(&params, DB_TEXT, &row->cause_id, stride, n);
	db_column_array(&params, DB_TEXT, &row->cause_source, stride, n);
	db_column_array(&params, DB_TEXT, &row->traceparent, stride, n);
	db_column_array(&params, DB_TEXT, &row->tracestate, stride, n);
	db_column_array(&params, DB_TEXT, &row->data, stride, n);
	db_queue(lane->rebuild->target, "rebuild_save_records", &params);
}

static void queue_dead(struct lane *lane)
{
	struct db_params params = { .arena = &lane->arena };
	const struct dead_row *row = lane->dead;
	size_t n = lane->dead_count, stride = sizeof(*row);

	if (n == 0)
		return;
	db_column_array(&params, DB_TEXT, &row->service, stride, n);
	db_column_array(&params, DB_TEXT, &row->topic, stride, n);
	db_column_array(&params, DB_INT4, &row->partition, stride, n);
	db_column_array(&params, DB_INT, &row->offset, stride, n);
	db_column_array(&params, DB_INSTANT, &row->at, stride, n);
	db_column_array(&params, DB_TEXT, &row->reason, stride, n);
	db_column_array(&params, DB_TEXT, &row->detail, stride, n);
	db_column_array(&params, DB_BYTES, &row->key, stride, n);
	db_column_array(&params, DB_BYTES, &row->value, stride, n);
	db_queue(lane->rebuild->target, "rebuild_save_dead", &params);
}

/* Tickets in the order of the log; a batch sees each of them once. */
static enum verdict lay_facts(struct lane *lane, struct item *items, size_t count, struct fault *fault)
{
	struct db *db = lane->rebuild->target;
	struct batch batch = { .arena = &lane->arena, .db = db, .topic = lane->topic, .partition = lane->partition, .items = items,
			       .count = count };
	struct ticket_set tickets;
	enum verdict verdict;

	db_queue_plain(db, "BEGIN");
	verdict = db_sync(db, fault);
	if (verdict == OK)
		verdict = ticket_load(&batch, &tickets, fault);
	if (verdict != OK)
		return verdict;
	for (size_t i = 0; i < batch.count; i++) {
		struct ticket *ticket = ticket_find(&tickets, ticket_of_item(&items[i], batch.arena));

		/* A log that was cut off: what follows about a ticket without its beginning is nobody's. */
		if (ticket && (ticket->known || str_is(items[i].event.name, "ticket.registered")))
			ticket_apply(&batch, ticket, &items[i]);
	}
	ticket_save(&batch, &tickets);
	db_queue_plain(db, "COMMIT");
	return db_sync(db, fault);
}

/* What the database refuses is left out by itself, as it becomes a dead letter in a daemon. */
static enum verdict save_facts(struct lane *lane, struct fault *fault)
{
	enum verdict verdict = lane->item_count > 0 ? lay_facts(lane, lane->items, lane->item_count, fault) : OK;

	if (verdict != REJECT)
		return verdict;
	verdict = OK;
	for (size_t i = 0; i < lane->item_count && verdict == OK; i++) {
		db_rollback(lane->rebuild->target);
		verdict = lay_facts(lane, &lane->items[i], 1, fault);
		if (verdict == REJECT)
			verdict = OK;
	}
	db_rollback(lane->rebuild->target);
	return verdict;
}

static bool save(struct lane *lane)
{
	struct db *db = lane->rebuild->target;
	struct fault fault = FAULT_NONE;
	enum verdict verdict = save_facts(lane, &fault);

	if (verdict == OK) {
		queue_rows(lane);
		queue_dead(lane);
		verdict = db_sync(db, &fault);
	}
	lane->item_count = lane->row_count = lane->dead_count = lane->waiting = 0;
	arena_reset(&lane->arena);
	if (verdict)
		lane->status = ctl_fail(2, "%s, partition %d: %s; nothing was compared", lane->topic, (int)lane->partition, fault.text);
	return verdict == OK;
}

/* ---- taking ---- */

/* False: a repeat. */
static bool first_copy(struct lane *lane, const struct event *event)
{
	struct mark *mark = lane->marks, *end = lane->marks + lane->mark_count;

	while (mark < end && !str_eq(mark->writer, event->writer))
		mark++;
	if (mark == end) {
		arena_grow(&lane->marks_arena, &lane->marks, &lane->mark_capacity, lane->mark_count + 1, sizeof(*mark));
		mark = &lane->marks[lane->mark_count++];
		*mark = (struct mark){ .writer = str_copy(&lane->marks_arena, event->writer) };
	} else if (event->incarnation < mark->incarnation ||
		   (event->incarnation == mark->incarnation && event->sequence <= mark->sequence)) {
		return false;
	}
	mark->incarnation = event->incarnation;
	mark->sequence = event->sequence;
	return true;
}

/* Facts whose data are looked into, of the one service that says them: what others put into the log under these names is
 * nobody's fact. */
static bool has_data(const struct event *event)
{
	static const struct {
		const char *name, *service;        /* of a family where it ends with a dot */
	} facts[] = { { "ticket.registered", "intake/" }, { "ticket.incomplete", "intake/" }, { "ticket.snapshot", "reporting/" },
		      { "ticket.", "routing/" }, { "sla.", "sla/" }, { "survey.", "survey/" }, { "followup.", "survey/" },
		      { "visit.", "survey/" }, { "notify.", "notification/" } };

	for (size_t i = 0; i < array_count(facts); i++) {
		struct str name = str_of(facts[i].name);

		if (str_ends(name, STR(".")) ? str_starts(event->name, name) : str_eq(event->name, name))
			return str_starts(event->writer, str_of(facts[i].service));
	}
	return false;
}

static bool counts(struct str name)
{
	return str_is(name, "ticket.classified") || str_is(name, "ticket.mode_chosen") || str_is(name, "ticket.priority_changed") ||
	       str_is(name, "ticket.supplemented");
}

static struct row row_of(const struct event *event)
{
	return (struct row){ .offset = event->record.offset, .name = event->name, .subject = storable(event->subject),
			     .cause_id = event->cause_id, .cause_source = event->cause_source, .traceparent = event->traceparent,
			     .tracestate = event->tracestate, .at = event->time, .revision = event->revision };
}

static void take_log(struct lane *lane, struct event *event)
{
	struct arena *arena = &lane->arena;
	struct fault ignored = FAULT_NONE;
	struct row row = row_of(event);

	if (!event->name.p || !event->writer.p || event->sequence <= 0 || event->lane != lane->partition)
		return;
	if (!first_copy(lane, event)) {
		lane->rebuild->repeats++;
		return;
	}
	row.copied = event->origin.p && str_starts(event->writer, STR("intake/"));
	if (row.copied)
		row.ident = ident_of(event->source, event->id, arena);
	else if ((str_is(event->name, "ticket.registered") || str_is(event->name, "visit.completed")) && has_data(event))
		row.ident = ident_of(event->cause_source, event->cause_id, arena);
	if (!event->data.p || event_parse(event, arena, &ignored) != OK)
		event->data = STR_NONE;
	if (!event->origin.p && has_data(event) && event->data.p)
		row.data = readable(event->data, arena);
	if (row.copied || row.data.p || counts(event->name))
		lane->rows[lane->row_count++] = row;
	if (str_is(str_of(lane->topic), TOPIC_TICKETS) && str_starts(event->name, STR("ticket.")) && event->data.p)
		lane->items[lane->item_count++] = (struct item){ .event = *event };
}

/* "E017:L-22" of a leave, "E017" of somebody who leaves: what stands behind the prefix of the key, else what the data say. */
static struct str absence_of(struct event *event, struct str prefix, struct arena *arena)
{
	struct fault ignored = FAULT_NONE;
	struct str key = event->record.key, staff, leave;

	if (str_eq(str_cut(&key, ':'), prefix) && key.n > 0)
		return key;
	if (!event->data.p || event_parse(event, arena, &ignored) != OK || event->doc.count == 0)
		return event->record.key;
	staff = doc_get(&event->doc, "staff", arena);
	leave = doc_get(&event->doc, "id", arena);
	return leave.n > 0 ? str_format(arena, "%.*s:%.*s", STR_ARG(staff), STR_ARG(leave)) : staff;
}

/* What it is about: the member that its schema names, or what stands behind the colon of the key (a deletion has no data). */
static struct str thing_of(struct event *event, struct arena *arena)
{
	static const char *const absences[][2] = { { "staff.leave_approved", "leave" }, { "staff.leaving", "leaving" } };
	struct fault ignored = FAULT_NONE;
	struct str key = event->record.key, id = STR_NONE;
	struct str kind = event->name;
	bool post = str_ends(kind, STR("_post"));

	for (size_t i = 0; i < array_count(absences); i++)
		if (str_is(kind, absences[i][0]))
			return absence_of(event, str_of(absences[i][1]), arena);
	if (event->data.p && event_parse(event, arena, &ignored) == OK && event->doc.count > 0)
		id = doc_get(&event->doc, post ? "staff" : "id", arena);
	kind = post ? STR("post") : str_cut(&kind, '.');
	if (!id.p && str_starts(key, kind))
		(void)str_cut(&key, ':');
	return id.p ? id : key;
}

static void take_directory(struct lane *lane, struct event *event)
{
	struct row row = row_of(event);

	if (!event->name.p || !storable(event->name).p)
		return;
	row.subject = storable(thing_of(event, &lane->arena));
	row.ident = ident_of(event->source, event->id, &lane->arena);
	row.data = event->data.n > 0 ? storable(event->data) : STR_NONE;
	row.cause_id = row.cause_source = row.traceparent = row.tracestate = STR_NONE;
	lane->rows[lane->row_count++] = row;
}

static void take_dead(struct lane *lane, const struct bus_record *record)
{
	const struct dead headers = { .headers = record->headers, .header_count = record->header_count };
	struct dead_row row = { .service = dead_header(&headers, "dl_service"), .topic = dead_header(&headers, "dl_topic"),
				.reason = dead_header(&headers, "dl_reason"), .detail = dead_header(&headers, "dl_detail"),
				.key = record->key, .value = record->value };
	int64_t partition = 0;

	row.at = INSTANT_NONE;
	(void)instant_parse(dead_header(&headers, "dl_time"), &row.at);
	if (!row.service.p || !row.topic.p || !str_int64(dead_header(&headers, "dl_partition"), &partition) ||
	    !str_int64(dead_header(&headers, "dl_offset"), &row.offset))
		return;
	row.partition = (int32_t)partition;
	lane->dead[lane->dead_count++] = row;
}

static bool take(void *userdata, const struct bus_record *record)
{
	struct lane *lane = userdata;
	struct rebuild *rebuild = lane->rebuild;
	struct bus_record kept = record_keep(record, &lane->arena);
	struct fault ignored = FAULT_NONE;
	struct event event;

	*lane->gone += record->offset - lane->next;
	lane->next = record->offset + 1;
	rebuild_tell(rebuild, "records read", ++rebuild->records, rebuild->records_known, false);
	if (str_is(str_of(lane->topic), TOPIC_DEAD))
		take_dead(lane, &kept);
	else if (event_decode(&event, &kept, lane->topic, &lane->arena, &ignored) == OK) {
		event.record = kept;
		if (str_is(str_of(lane->topic), TOPIC_DIRECTORY))
			take_directory(lane, &event);
		else
			take_log(lane, &event);
	}
	return ++lane->waiting < BATCH_RECORDS || save(lane);
}

static bool is_empty(const struct rebuild *rebuild, const char *topic, int32_t partition)
{
	const rd_kafka_topic_partition_t *end = rd_kafka_topic_partition_list_find(rebuild->ends, topic, partition);

	return end && end->offset == 0;
}

int rebuild_read(struct rebuild *rebuild)
{
	struct lane *lane = arena_zero(&rebuild->ctl->arena, sizeof(*lane));
	int status = 0;

	for (const char *const *topic = rebuild_topics; *topic && status == 0; topic++) {
		int32_t partitions = ctl_kafka_partitions(rebuild->reader, *topic);

		rebuild->gone[topic - rebuild_topics].topic = *topic;
		if (partitions == 0)
			status = 2;
		for (int32_t p = 0; p < partitions && status == 0; p++) {
			lane->rebuild = rebuild;
			lane->topic = *topic;
			lane->partition = p;
			lane->gone = &rebuild->gone[topic - rebuild_topics].records;
			lane->next = 0;
			lane->marks = NULL;
			lane->mark_count = lane->mark_capacity = 0;
			/* Most are empty in a young system, and each costs a round trip or two. */
			if (!is_empty(rebuild, *topic, p) &&
			    (!ctl_kafka_read(rebuild->reader, *topic, p, INSTANT_NONE, take, lane) || (lane->waiting && !save(lane))))
				status = 2;
			if (lane->status)
				status = lane->status;
			arena_reset(&lane->marks_arena);
		}
	}
	rebuild_tell(rebuild, "records read", rebuild->records, rebuild->records_known, true);
	arena_done(&lane->arena);
	arena_done(&lane->marks_arena);
	return status;
}
