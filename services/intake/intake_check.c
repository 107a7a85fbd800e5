/* The first look at a record, before any transaction: is it a claim at all, on the right topic, of the right shape?
 *
 * Refuses with the most telling reason: JSON, then type, then time and schema. What needs the database or `now` (future,
 * channel, repeat, ticket, policy) comes later, in the batch. Must never touch the database. */
#include "services/intake/intake.h"

#include <string.h>

/* More than twice the names there can be; a schema is a file of ours, not something a sender can add. */
#define TYPE_SLOTS 1024

static void type_fill(struct claim_type *type, const struct schema *schema, struct str name)
{
	struct str thing = schema_annotation(schema, "x-thing");
	struct str key = thing.p ? thing : schema_annotation(schema, "x-key"), rest = key;
	struct str first = str_cut(&rest, ':');

	type->name = name;
	type->schema = schema;
	type->about = intake_about(name, schema_annotation(schema, "x-about"));
	/* "call" or "leave:staff:id": what stands behind the prefix first names the thing. */
	type->prefix = rest.p ? first : STR_NONE;
	type->member = rest.p ? str_cut(&rest, ':') : first;
	type->lane_of = schema_annotation(schema, "x-lane");
	if (str_is(schema_annotation(schema, "x-role"), "claim"))
		type->topic = schema_annotation(schema, "x-topic");
}

const struct claim_type *intake_type(struct intake *intake, struct str name, struct arena *arena)
{
	const struct schema *schema;
	uint64_t hash = str_hash(name);
	size_t at = (size_t)(hash ^ hash >> 32) % TYPE_SLOTS;
	struct claim_type *type;

	if (!intake->types)
		intake->types = mem_zero(TYPE_SLOTS * sizeof(*intake->types));
	for (; intake->types[at].name.p; at = (at + 1) % TYPE_SLOTS)
		if (str_eq(intake->types[at].name, name))
			return &intake->types[at];
	schema = name.p ? schema_of(intake->schemas, name) : NULL;
	/* Some files only lend their definitions to others. */
	if (schema && !str_is(schema_annotation(schema, "x-role"), "claim") &&
	    !str_is(schema_annotation(schema, "x-role"), "fact"))
		schema = NULL;
	if (!schema || intake->type_count > TYPE_SLOTS / 2) {
		type = arena_zero(arena, sizeof(*type));
		type->name = name;
		if (schema)
			type_fill(type, schema, name);
		return type;
	}
	type = &intake->types[at];
	type_fill(type, schema, str_copy(&intake->names, name));
	intake->type_count++;
	return type;
}

static enum verdict check_type(const struct claim_type *type, const struct item *item, struct fault *fault)
{
	const struct event *event = &item->event;

	if (!type->schema)
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: no event is named %.*s",
				    STR_ARG(intake_quotable(event->type)));
	if (!type->topic.p)
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: %.*s is a fact; facts come from us, never from "
				    "outside", STR_ARG(type->name));
	if (!str_is(type->topic, event->topic))
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: %.*s belongs on %.*s, not on %s",
				    STR_ARG(type->name), STR_ARG(type->topic), event->topic);
	return OK;
}

/* A deletion has no data; then the key alone says what is gone: "product:P7". */
static enum verdict check_deletion(const struct claim_type *type, const struct event *event, struct fault *fault)
{
	struct str id = event->record.key.p ? event->record.key : event->subject;
	struct str prefix = str_cut(&id, ':');

	if (!str_eq(prefix, type->prefix) || !id.p || id.n == 0 || id.n > INTAKE_KEY_MAX || !str_utf8(id) ||
	    memchr(id.p, 0, id.n))
		return fault_reject(fault, REASON_SCHEMA_INVALID, "at /data: a null body deletes, and then the key must be "
				    "%.*s:ID", STR_ARG(type->prefix));
	return OK;
}

enum verdict intake_check(void *state, struct item *item, struct arena *arena, struct fault *fault)
{
	struct intake *intake = state;
	struct event *event = &item->event;
	const struct claim_type *type;
	bool empty = !event->data.p || event->data.n == 0;
	enum verdict verdict;

	if (!empty) {
		verdict = event_parse(event, arena, fault);
		if (verdict != OK)
			return verdict;
	}
	type = intake_type(intake, event->name, arena);
	verdict = check_type(type, item, fault);
	if (verdict != OK)
		return verdict;
	if (event->time == INSTANT_NONE)
		return fault_reject(fault, REASON_SCHEMA_INVALID, event->time_text.p ?
				    "at /time: no RFC 3339 time with zone" : "at /time: required, when it happened");
	if (type->prefix.p && intake_deletes(event))
		return check_deletion(type, event, fault);
	if (empty)
		return fault_reject(fault, REASON_SCHEMA_INVALID, "at /data: required, an object");
	return schema_check(type->schema, &event->doc, arena, fault);
}
