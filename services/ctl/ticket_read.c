/* ticket, the reading half: the lane of the log and the messages about the ticket, refusals from the dead letters, names from
 * the directory; put in order, and summed up to a header and clocks. Records of other tickets are passed over by their
 * header, unparsed. */
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/io/event.h"
#include "services/ctl/kafka.h"
#include "services/ctl/ticket.h"

#define TOPIC_LOG "aftercare.tickets"
#define TOPIC_MESSAGES "aftercare.messages"

struct reading {
	struct ticket_view *view;
	const char *topic;
};

static struct happening *happening_add(struct ticket_view *view)
{
	arena_grow(&view->ctl->arena, &view->items, &view->capacity, view->count + 1, sizeof(*view->items));
	view->items[view->count] = (struct happening){ 0 };
	return &view->items[view->count++];
}

static bool take(void *userdata, const struct bus_record *record)
{
	struct reading *reading = userdata;
	struct ticket_view *view = reading->view;
	struct arena *arena = &view->ctl->arena;
	struct fault ignored = FAULT_NONE;
	struct event event;
	struct happening *happening;
	struct bus_record copy = *record;
	struct bus_header *headers;

	if (!record->key.p || !str_eq(record->key, view->id))
		return true;
	copy.value = str_copy(arena, record->value);
	headers = arena_copy(arena, record->headers, (record->header_count + 1) * sizeof(*headers));
	for (size_t i = 0; i < copy.header_count; i++)
		headers[i] = (struct bus_header){ str_copy(arena, headers[i].name), str_copy(arena, headers[i].value) };
	copy.headers = headers;
	/* A claim's copy says nothing that its fact does not say, or that was refused. */
	if (event_decode(&event, &copy, reading->topic, arena, &ignored) || !event.name.p || event.origin.p ||
	    !str_eq(event.subject, view->id))
		return true;
	/* After a kill a fact may stand in the log twice, under one id. */
	for (size_t i = 0; i < view->count; i++)
		if (str_eq(view->items[i].id, event.id) && str_is(view->items[i].topic, reading->topic))
			return true;
	/* Data that are no JSON cannot stand in our log; if they do, the name alone is shown. */
	if (event_parse(&event, arena, &ignored))
		event.doc = (struct doc){ 0 };
	happening = happening_add(view);
	*happening = (struct happening){ .topic = str_of(reading->topic), .name = event.name, .id = event.id,
					 .offset = record->offset, .at = event.time, .revision = event.revision,
						.doc = event.doc,
					 .decided_at = doc_instant(&event.doc, doc_member(&event.doc, 0, STR("decided_at"))) };
	if (happening->decided_at == INSTANT_NONE)
		happening->decided_at = event.time;
	if (!view->cause_id.p && str_is(event.name, "ticket.registered")) {
		view->cause_id = event.cause_id;
		view->cause_source = event.cause_source;
	}
	return true;
}

int ticket_read(struct ticket_view *view, instant since)
{
	static const char *const topics[] = { TOPIC_LOG, TOPIC_MESSAGES };
	rd_kafka_t *reader = ctl_kafka_open(view->ctl, true);
	bool good = reader != NULL;

	for (size_t i = 0; i < array_count(topics) && good; i++) {
		struct reading reading = { .view = view, .topic = topics[i] };
		int32_t partitions = ctl_kafka_partitions(reader, topics[i]);
		int32_t partition = partitions ? hash_partition(view->id, partitions) : 0;

		if (i == 0)
			view->lane = partition;
		good = partitions > 0 && ctl_kafka_read(reader, topics[i], partition, since, take, &reading);
	}
	if (reader) {
		rd_kafka_consumer_close(reader);
		rd_kafka_destroy(reader);
	}
	return good ? 0 : 3;
}

/* ---- what the database adds ---- */

static void person_note(struct ticket_view *view, struct str id)
{
	if (!id.p || id.n == 0)
		return;
	for (size_t i = 0; i < view->people_count; i++)
		if (str_eq(view->people[i], id))
			return;
	arena_grow(&view->ctl->arena, &view->people, &view->people_capacity, view->people_count + 1, sizeof(*view->people));
	view->people[view->people_count++] = id;
}

static void people_note(struct ticket_view *view)
{
	static const char *const paths[] = { "to", "to.person", "by.id", "owner", "not" };
	struct arena *arena = &view->ctl->arena;

	for (size_t i = 0; i < view->count; i++) {
		const struct doc *doc = &view->items[i].doc;
		uint32_t candidates = doc->count ? doc_path(doc, 0, STR("why.candidates")) : 0;

		for (size_t p = 0; p < array_count(paths) && doc->count; p++)
			person_note(view, doc_get(doc, paths[p], arena));
		if (!candidates || doc_type(doc, candidates) != DOC_ARRAY)
			continue;
		for (uint32_t one = doc_first(doc, candidates); one; one = doc_next(doc, candidates, one))
			person_note(view, doc_string(doc, doc_member(doc, one, STR("id")), arena));
	}
}

static void names_find(struct ticket_view *view, struct db *db)
{
	struct arena *arena = &view->ctl->arena;
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	view->names = arena_zero(arena, (view->people_count + 1) * sizeof(*view->names));
	db_text_array(&params, view->people, view->people_count);
	if (view->people_count == 0 || db_run(db, "person_names", &params, &rows, &fault))
		return;
	for (size_t i = 0; i < db_rows(rows); i++)
		for (size_t p = 0; p < view->people_count; p++)
			if (str_eq(view->people[p], db_get_text(rows, i, 0)))
				view->names[p] = str_copy(arena, db_get_text(rows, i, 1));
}

static void refusals_of(struct ticket_view *view, struct str service)
{
	struct arena *arena = &view->ctl->arena;
	const struct str keys[] = { view->id, view->cause_id };
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct db *db = services_connect(view->ctl, service);

	db_bytes_array(&params, keys, view->cause_id.p ? 2 : 1);
	if (db && db_run(db, "service_dead_of_keys", &params, &rows, &fault) == OK) {
		for (size_t i = 0; i < db_rows(rows); i++) {
			struct dead *dead = arena_alloc(arena, sizeof(*dead));
			struct happening *happening = happening_add(view);
			struct str name;

			*dead = dead_read(view->ctl, rows, i, service);
			name = dead->event_type;
			if (name.n > 13 && str_starts(name, STR("aftercare.")))
				name = (struct str){ name.p + 10, name.n - 13 };
			*happening = (struct happening){ .topic = dead->topic, .name = name, .id = dead->event_id,
							 .offset = dead->offset,
							 .at = dead->at, .decided_at = dead->at, .dead = dead };
		}
	}
	db_free(db);
}

/* "R19": where the policy of the last fact comes from. */
static void source_find(struct ticket_view *view, struct db *db)
{
	struct arena *arena = &view->ctl->arena;
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	const struct doc *doc = &view->items[view->count - 1].doc;
	int64_t version = 0;

	if (doc->count == 0 || !doc_int64(doc, doc_path(doc, 0, STR("policy.version")), &version))
		return;
	db_text(&params, doc_get(doc, "policy.id", arena));
	db_int4(&params, (int32_t)version);
	if (db_run(db, "policy_source", &params, &rows, &fault) == OK && db_rows(rows) == 1)
		view->policy_source = str_copy(arena, db_get_text(rows, 0, 0));
}

void ticket_enrich(struct ticket_view *view)
{
	struct services services = { 0 };
	struct db *db;

	people_note(view);
	view->names = arena_zero(&view->ctl->arena, (view->people_count + 1) * sizeof(*view->names));
	db = view->ctl->database ? ctl_connect(view->ctl) : NULL;
	if (!db)
		return;
	source_find(view, db);
	names_find(view, db);
	if (services_list(view->ctl, db, &services))
		for (size_t i = 0; i < services.count; i++)
			refusals_of(view, services.names[i]);
	db_free(db);
}

/* ---- order, header, clocks ---- */

/* Facts of the log keep their order, whatever their writers' clocks say; the rest is sorted in by time. */
static void merge(struct ticket_view *view)
{
	struct happening *merged = arena_zero(&view->ctl->arena, (view->count + 1) * sizeof(*merged));
	bool *used = arena_zero(&view->ctl->arena, view->count + 1);
	size_t count = 0, facts = 0;

	while (facts < view->count && str_is(view->items[facts].topic, TOPIC_LOG) && !view->items[facts].dead)
		facts++;
	for (size_t i = 0; i <= facts; i++) {
		for (;;) {
			size_t next = view->count;

			for (size_t k = facts; k < view->count; k++)
				if (!used[k] && (i == facts || view->items[k].decided_at < view->items[i].decided_at) &&
				    (next == view->count || view->items[k].decided_at < view->items[next].decided_at))
					next = k;
			if (next == view->count)
				break;
			used[next] = true;
			merged[count++] = view->items[next];
		}
		if (i < facts)
			merged[count++] = view->items[i];
	}
	view->items = merged;
}

static void lay(struct ticket_view *view, const struct happening *happening, const char *path, struct str *field)
{
	struct str value = doc_get(&happening->doc, path, &view->ctl->arena);

	if (value.p && value.n)
		*field = value;
}

static struct ticket_clock *clock_of(struct ticket_view *view, struct str id)
{
	for (size_t i = 0; i < view->clock_count; i++)
		if (str_eq(view->clocks[i].id, id))
			return &view->clocks[i];
	arena_grow(&view->ctl->arena, &view->clocks, &view->clock_capacity, view->clock_count + 1, sizeof(*view->clocks));
	view->clocks[view->clock_count] = (struct ticket_clock){ .id = id, .state = STR("running"), .started_at = INSTANT_NONE,
								 .due_at = INSTANT_NONE, .ended_at = INSTANT_NONE };
	return &view->clocks[view->clock_count++];
}

static void clock_apply(struct ticket_view *view, const struct happening *happening)
{
	struct ticket_clock *clock = clock_of(view, doc_get(&happening->doc, "clock_id", &view->ctl->arena));
	instant due = doc_instant(&happening->doc, doc_member(&happening->doc, 0, STR("due_at")));
	struct str word = { happening->name.p + 4, happening->name.n - 4 };

	lay(view, happening, "clock", &clock->name);
	lay(view, happening, "limit", &clock->limit);
	if (due != INSTANT_NONE)
		clock->due_at = due;
	if (str_is(word, "started"))
		clock->started_at = doc_instant(&happening->doc, doc_member(&happening->doc, 0, STR("started_at")));
	else if (str_is(word, "paused") || str_is(word, "breached") || str_is(word, "met") || str_is(word, "corrected") ||
		 str_is(word, "cancelled"))
		clock->state = word;
	else if (str_is(word, "resumed"))
		clock->state = STR("running");
	clock->breached = clock->breached || str_is(word, "breached");
	if (str_is(word, "met") || str_is(word, "corrected") || str_is(word, "cancelled"))
		clock->ended_at = happening->at;
	lay(view, happening, "why", &clock->why);
}

static void fact_apply(struct ticket_view *view, const struct happening *happening)
{
	const struct { const char *path; struct str *field; } plain[] = {
		{ "kind", &view->kind }, { "state", &view->state }, { "severity", &view->severity }, { "mode", &view->mode },
		{ "customer.name", &view->customer }, { "customer.id", &view->customer_id }, { "product.model", &view->product },
		{ "product.version", &view->version }, { "product.serial_no", &view->serial_no },
		{ "entitlement", &view->entitlement }, { "policy.id", &view->policy },
	};

	for (size_t i = 0; i < array_count(plain); i++)
		lay(view, happening, plain[i].path, plain[i].field);
	(void)doc_int64(&happening->doc, doc_path(&happening->doc, 0, STR("policy.version")), &view->policy_version);
	view->revision = happening->revision;
	if (str_is(happening->name, "ticket.registered")) {
		lay(view, happening, "channel", &view->channel);
		view->received_at = doc_instant(&happening->doc, doc_member(&happening->doc, 0, STR("received_at")));
		view->registered = true;
	}
	if (str_is(happening->name, "ticket.assigned") || str_is(happening->name, "ticket.owner_changed")) {
		lay(view, happening, "to", &view->owner);
		lay(view, happening, "role", &view->owner_role);
	}
}

void ticket_settle(struct ticket_view *view)
{
	merge(view);
	for (size_t i = 0; i < view->count; i++) {
		const struct happening *happening = &view->items[i];

		if (happening->dead || happening->doc.count == 0)
			continue;
		if (str_starts(happening->name, STR("ticket.")))
			fact_apply(view, happening);
		if (str_starts(happening->name, STR("sla.")) && happening->name.n > 4)
			clock_apply(view, happening);
	}
}

struct ticket_clock *ticket_next_due(struct ticket_view *view)
{
	struct ticket_clock *next = NULL;

	for (size_t i = 0; i < view->clock_count; i++)
		if (str_is(view->clocks[i].state, "running") && (!next || view->clocks[i].due_at < next->due_at))
			next = &view->clocks[i];
	return next;
}

bool ticket_is_overdue(const struct ticket_view *view)
{
	for (size_t i = 0; i < view->clock_count; i++)
		if (str_is(view->clocks[i].state, "breached") ||
		    (str_is(view->clocks[i].state, "running") && view->clocks[i].due_at < view->now))
			return true;
	return false;
}
