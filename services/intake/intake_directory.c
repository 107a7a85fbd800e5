/* A batch of master data: what there is (customers, products, installations, staff, ...) and who is on post.
 *
 * The last one by its own time wins, in the batch as in the table, so that a late arrival changes nothing; each table is
 * written once per batch. What concerns a person is also copied to the desk, because routing tries again then. Must never
 * write what another claim of the batch has overtaken. */
#include "services/intake/intake.h"

#include <stdlib.h>
#include <string.h>

struct entity {
	struct str kind, id, data;
	instant at;                    /* INSTANT_NONE: never seen */
	bool deleted;
	struct installation installation;
	struct str serial_no;          /* of the installation */
	int32_t lane;                  /* of the installation */
};
struct post {
	struct str staff, data;
	instant at;
	bool on;
};
struct serial {
	struct str serial_no, installation;
};
struct flow {
	struct batch *batch;
	struct claim *claims;
	size_t count;
	struct memory memory;          /* only `seen` */
	struct table entities, posts;  /* "staff:E017", "E017" -> what stands there now */
	struct entity *entity;
	struct post *post;
	size_t entity_count, post_count;
	bool *entity_changed, *post_changed;
	struct str *idents;
	size_t ident_count;
	bool people, things, installations;
};

/* "staff" of staff.upserted; "leave", "leaving" of what else is said of somebody. */
static struct str kind_of(const struct claim *claim)
{
	struct str name = claim->type->name;

	return claim->type->about == ABOUT_PERSON && claim->type->prefix.p ? claim->type->prefix : str_cut(&name, '.');
}

/* A person has many leaves: their id is what the contract's key has behind "leave:", "E017:L-22". */
static struct str entity_id(const struct claim *claim, struct arena *arena)
{
	const struct event *event = &claim->item->event;
	struct str key = event->record.key, leave;

	if (claim->type->about != ABOUT_PERSON)
		return claim->id;
	if (str_eq(str_cut(&key, ':'), kind_of(claim)) && key.n > 0 && key.n <= INTAKE_KEY_MAX)
		return key;
	leave = doc_get(&event->doc, "id", arena);
	return leave.n > 0 ? str_format(arena, "%.*s:%.*s", STR_ARG(claim->id), STR_ARG(leave)) : claim->id;
}

static struct str entity_key(const struct claim *claim, struct arena *arena)
{
	return str_format(arena, "%.*s:%.*s", STR_ARG(kind_of(claim)), STR_ARG(entity_id(claim, arena)));
}

static bool is_entity(const struct claim *claim)
{
	return claim->type->about == ABOUT_ENTITY || claim->type->about == ABOUT_PERSON;
}

/* ---- load ---- */

static void collect(struct flow *flow)
{
	struct arena *arena = flow->batch->arena;
	size_t most = flow->count + 1;

	intake_table_init(&flow->entities, most, arena);
	intake_table_init(&flow->posts, most, arena);
	flow->entity = arena_zero(arena, most * sizeof(*flow->entity));
	flow->post = arena_zero(arena, most * sizeof(*flow->post));
	flow->entity_changed = arena_zero(arena, most * sizeof(bool));
	flow->post_changed = arena_zero(arena, most * sizeof(bool));
	flow->idents = arena_alloc(arena, most * sizeof(*flow->idents));
	for (size_t i = 0; i < flow->count; i++) {
		const struct claim *claim = &flow->claims[i];
		struct str key;

		if (is_entity(claim)) {
			key = entity_key(claim, arena);
			if (intake_table_find(&flow->entities, key))
				continue;
			intake_table_put(&flow->entities, key, (uint32_t)flow->entity_count);
			flow->entity[flow->entity_count++] =
				(struct entity){ .kind = kind_of(claim), .id = entity_id(claim, arena), .at = INSTANT_NONE };
		} else if (claim->type->about == ABOUT_PRESENCE && !intake_table_find(&flow->posts, claim->id)) {
			intake_table_put(&flow->posts, claim->id, (uint32_t)flow->post_count);
			flow->post[flow->post_count++] = (struct post){ .staff = claim->id, .at = INSTANT_NONE };
		}
	}
}

static enum verdict load(struct flow *flow, struct fault *fault)
{
	struct batch *batch = flow->batch;
	struct db_params entities = { .arena = batch->arena }, posts = { .arena = batch->arena };
	const struct db_result *rows;
	enum verdict verdict;

	intake_queue_seen(batch, flow->claims, flow->count);
	db_column_array(&entities, DB_TEXT, &flow->entity[0].kind, sizeof(*flow->entity), flow->entity_count);
	db_column_array(&entities, DB_TEXT, &flow->entity[0].id, sizeof(*flow->entity), flow->entity_count);
	db_queue(batch->db, "intake_load_entities", &entities);
	db_column_array(&posts, DB_TEXT, &flow->post[0].staff, sizeof(*flow->post), flow->post_count);
	db_queue(batch->db, "intake_load_presence", &posts);
	verdict = db_sync(batch->db, fault);
	if (verdict != OK)
		return verdict;
	intake_read_seen(batch, 0, flow->count, &flow->memory);
	rows = db_result(batch->db, 1);
	for (size_t i = 0; i < db_rows(rows); i++)
		flow->entity[db_get_int(rows, i, 0) - 1].at = db_get_instant(rows, i, 1);
	rows = db_result(batch->db, 2);
	for (size_t i = 0; i < db_rows(rows); i++)
		flow->post[db_get_int(rows, i, 0) - 1].at = db_get_instant(rows, i, 1);
	return OK;
}

/* ---- decide ---- */

static struct str text(const struct doc *doc, const char *name, struct arena *arena)
{
	struct str value = doc_get(doc, name, arena);

	return value.n > 0 && value.n <= INTAKE_KEY_MAX ? value : STR_NONE;
}

static int64_t number(const struct doc *doc, const char *name)
{
	int64_t value;

	return doc_int64(doc, doc_member(doc, 0, str_of(name)), &value) ? value : INSTALLATION_UNKNOWN;
}

static void read_installation(struct entity *entity, const struct doc *doc, struct arena *arena)
{
	entity->serial_no = text(doc, "serial_no", arena);
	entity->installation = (struct installation){
		.customer = text(doc, "customer", arena),
		.product = text(doc, "product", arena),
		.accepted_on = text(doc, "accepted_on", arena),
		.sold_by = text(doc, "sold_by", arena),
		.manufacturer_months = number(doc, "manufacturer_months"),
		.quality_grade = number(doc, "quality_grade"),
	};
}

static void take_entity(struct flow *flow, const struct claim *claim, instant at)
{
	const struct event *event = &claim->item->event;
	struct arena *arena = flow->batch->arena;
	uint32_t place = *intake_table_find(&flow->entities, entity_key(claim, arena));
	struct entity *entity = &flow->entity[place];

	if (!intake_newer(entity->at, at))
		return;
	entity->at = at;
	entity->deleted = intake_deletes(event);
	entity->data = entity->deleted ? STR_NONE : event->data;
	entity->serial_no = STR_NONE;
	entity->installation = (struct installation){ .manufacturer_months = INSTALLATION_UNKNOWN,
						      .quality_grade = INSTALLATION_UNKNOWN };
	if (str_is(entity->kind, "installation")) {
		entity->lane = worker_lane(flow->batch->worker, entity->id);
		flow->installations = true;
		if (!entity->deleted)
			read_installation(entity, &event->doc, arena);
	}
	flow->entity_changed[place] = true;
	if (str_is(entity->kind, "staff") || str_is(entity->kind, "roster") || claim->type->about == ABOUT_PERSON)
		flow->people = true;
	else
		flow->things = true;
}

static void take_presence(struct flow *flow, const struct claim *claim, instant at)
{
	const struct event *event = &claim->item->event;
	uint32_t place = *intake_table_find(&flow->posts, claim->id);
	struct post *post = &flow->post[place];

	if (!intake_newer(post->at, at))
		return;
	post->at = at;
	post->data = intake_deletes(event) ? STR_NONE : event->data;
	/* Whoever is not reported off post is on post, so a deleted report puts them back. */
	post->on = !post->data.p || str_is(claim->type->name, "staff.on_post");
	flow->post_changed[place] = true;
	flow->people = true;
}

static void take(struct flow *flow, struct claim *claim)
{
	instant at = intake_arrived(claim->item->event.time, flow->batch->now);
	struct str ident = { (const char *)claim->ident.bytes, IDENT_BYTES };

	if (is_entity(claim))
		take_entity(flow, claim, at);
	else if (claim->type->about == ABOUT_PRESENCE)
		take_presence(flow, claim, at);
	if (claim->type->about != ABOUT_ENTITY || str_is(kind_of(claim), "staff"))
		intake_emit_copy(flow->batch, claim);
	intake_table_put(&flow->memory.seen, ident, 1);
	flow->idents[flow->ident_count++] = ident;
}

static void decide(struct flow *flow, struct claim *claim)
{
	struct str ident = { (const char *)claim->ident.bytes, IDENT_BYTES };
	struct standing standing = { .seen = intake_table_find(&flow->memory.seen, ident) != NULL };
	struct fault why = FAULT_NONE;

	switch (intake_admit(false, claim->id, &standing, claim->item->event.time, flow->batch->now, &why)) {
	case TAKEN:
		take(flow, claim);
		break;
	case REPEATED:
		batch_repeat(flow->batch, claim->item);
		break;
	case REFUSED:
		batch_refuse(flow->batch, claim->item, why.reason, "%s", why.text);
		break;
	}
}

/* ---- save ---- */

static int by_kind_and_id(const void *a, const void *b)
{
	const struct entity *left = a, *right = b;
	int order = str_cmp(left->kind, right->kind);

	return order != 0 ? order : str_cmp(left->id, right->id);
}

static int by_staff(const void *a, const void *b)
{
	return str_cmp(((const struct post *)a)->staff, ((const struct post *)b)->staff);
}

static int by_serial(const void *a, const void *b)
{
	return str_cmp(((const struct serial *)a)->serial_no, ((const struct serial *)b)->serial_no);
}

static void save_serials(struct batch *batch, const struct entity *rows, size_t count)
{
	struct serial *serials = arena_alloc(batch->arena, count * sizeof(*serials));
	struct db_params params = { .arena = batch->arena };
	struct table table;
	size_t n = 0;

	intake_table_init(&table, count, batch->arena);
	for (size_t i = 0; i < count; i++) {
		uint32_t *place = intake_table_find(&table, rows[i].serial_no);

		if (!rows[i].serial_no.p)
			continue;
		/* Two installations with one number: a mistake somewhere, but a set may name a row only once. */
		if (!place)
			intake_table_put(&table, rows[i].serial_no, (uint32_t)n++);
		serials[place ? *place : n - 1] = (struct serial){ rows[i].serial_no, rows[i].id };
	}
	if (n == 0)
		return;
	qsort(serials, n, sizeof(*serials), by_serial);
	db_column_array(&params, DB_TEXT, &serials[0].serial_no, sizeof(*serials), n);
	db_column_array(&params, DB_TEXT, &serials[0].installation, sizeof(*serials), n);
	db_queue(batch->db, "intake_save_serials", &params);
}

/* What installations are found by, kept beside their documents. */
static void save_installations(struct batch *batch, const struct entity *rows, size_t count)
{
	struct db_params drop = { .arena = batch->arena }, params = { .arena = batch->arena };

	if (count == 0)
		return;
	db_column_array(&drop, DB_TEXT, &rows[0].id, sizeof(*rows), count);
	db_queue(batch->db, "intake_drop_serials", &drop);
	db_column_array(&params, DB_TEXT, &rows[0].id, sizeof(*rows), count);
	db_column_array(&params, DB_BOOL, &rows[0].deleted, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].installation.customer, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].installation.product, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].installation.accepted_on, sizeof(*rows), count);
	db_column_array(&params, DB_TEXT, &rows[0].installation.sold_by, sizeof(*rows), count);
	db_column_array(&params, DB_INT, &rows[0].installation.manufacturer_months, sizeof(*rows), count);
	db_column_array(&params, DB_INT, &rows[0].installation.quality_grade, sizeof(*rows), count);
	db_column_array(&params, DB_INT4, &rows[0].lane, sizeof(*rows), count);
	db_queue(batch->db, "intake_save_installations", &params);
	save_serials(batch, rows, count);
}

/* All that has changed, sorted; those that are installations stand together. */
static struct entity *changed_entities(struct flow *flow, size_t *ret_count, size_t *ret_first, size_t *ret_installations)
{
	struct entity *rows = flow->entity;
	size_t n = 0, first = 0, installations = 0;

	for (size_t i = 0; i < flow->entity_count; i++)
		if (flow->entity_changed[i])
			rows[n++] = rows[i];
	if (n)
		qsort(rows, n, sizeof(*rows), by_kind_and_id);
	while (first < n && !str_is(rows[first].kind, "installation"))
		first++;
	while (first + installations < n && str_is(rows[first + installations].kind, "installation"))
		installations++;
	*ret_count = n;
	*ret_first = first;
	*ret_installations = installations;
	return rows;
}

static void save_entities(struct batch *batch, const struct entity *rows, size_t n)
{
	struct db_params params = { .arena = batch->arena };

	if (n == 0)
		return;
	db_column_array(&params, DB_TEXT, &rows[0].kind, sizeof(*rows), n);
	db_column_array(&params, DB_TEXT, &rows[0].id, sizeof(*rows), n);
	db_column_array(&params, DB_INSTANT, &rows[0].at, sizeof(*rows), n);
	db_column_array(&params, DB_BOOL, &rows[0].deleted, sizeof(*rows), n);
	db_column_array(&params, DB_TEXT, &rows[0].data, sizeof(*rows), n);
	db_queue(batch->db, "intake_save_entities", &params);
}

static void save_presence(struct flow *flow)
{
	struct db_params params = { .arena = flow->batch->arena };
	struct post *rows = flow->post;
	size_t n = 0;

	for (size_t i = 0; i < flow->post_count; i++)
		if (flow->post_changed[i])
			rows[n++] = rows[i];
	if (n == 0)
		return;
	qsort(rows, n, sizeof(*rows), by_staff);
	db_column_array(&params, DB_TEXT, &rows[0].staff, sizeof(*rows), n);
	db_column_array(&params, DB_INSTANT, &rows[0].at, sizeof(*rows), n);
	db_column_array(&params, DB_BOOL, &rows[0].on, sizeof(*rows), n);
	db_column_array(&params, DB_TEXT, &rows[0].data, sizeof(*rows), n);
	db_queue(flow->batch->db, "intake_save_presence", &params);
}

static void save(struct flow *flow)
{
	struct db_params params = { .arena = flow->batch->arena };
	size_t count, first, installations;
	struct entity *rows = changed_entities(flow, &count, &first, &installations);

	save_entities(flow->batch, rows, count);
	save_presence(flow);
	intake_save_idents(flow->batch, flow->idents, flow->ident_count);
	if (!flow->people && !flow->things)
		return;
	/* Late, because every directory batch of every process meets in this one row. Installations are stamped with what it
	 * says, and it stays locked until the commit: who has seen a stamp has seen all that came before it. */
	db_int(&params, flow->people);
	db_int(&params, flow->things);
	db_int(&params, flow->installations);
	db_queue(flow->batch->db, "intake_raise_generation", &params);
	save_installations(flow->batch, rows + first, installations);
}

enum verdict intake_directory(struct intake *intake, struct batch *batch, struct fault *fault)
{
	struct flow flow = { .batch = batch };
	enum verdict verdict;

	flow.claims = arena_zero(batch->arena, (batch->count + 1) * sizeof(*flow.claims));
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->refused)
			intake_decode(&flow.claims[flow.count++], item,
				      intake_type(intake, item->event.name, batch->arena), worker_lanes(batch->worker), batch->arena);
	}
	if (flow.count == 0)
		return OK;
	collect(&flow);
	verdict = load(&flow, fault);
	if (verdict != OK)
		return verdict;
	for (size_t i = 0; i < flow.count; i++)
		decide(&flow, &flow.claims[i]);
	save(&flow);
	return OK;
}
