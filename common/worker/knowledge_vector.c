/* The attribute vector: one value for every path that any loaded policy looks at. */
#include "common/worker/knowledge_inner.h"

#include <string.h>

static struct value string_value(struct str s)
{
	return s.p ? (struct value){ .type = VALUE_STRING, .string = s } : (struct value){ 0 };
}

static struct value node_value(const struct doc *doc, uint32_t node, struct arena *arena)
{
	struct value value = { 0 };
	switch (doc_type(doc, node)) {
	case DOC_NULL:
		return value;
	case DOC_TRUE:
	case DOC_FALSE:
		return (struct value){ .type = VALUE_BOOL, .boolean = doc_true(doc, node) };
	case DOC_NUMBER:
		value.type = VALUE_NUMBER;
		if (!doc_double(doc, node, &value.number))
			return (struct value){ 0 };
		return value;
	case DOC_STRING:
		return string_value(doc_string(doc, node, arena));
	case DOC_OBJECT:
		return (struct value){ .type = VALUE_OBJECT };
	case DOC_ARRAY:
		break;
	}
	/* Lists of scalars; what is deeper is there, but equal to nothing. */
	struct value *items = arena_zero(arena, (doc->nodes[node].count + 1) * sizeof(*items));
	size_t n = 0;
	for (uint32_t child = doc_first(doc, node); child; child = doc_next(doc, node, child)) {
		enum doc_type type = doc_type(doc, child);
		if (type == DOC_ARRAY || type == DOC_OBJECT)
			items[n++] = (struct value){ .type = VALUE_OBJECT };
		else
			items[n++] = node_value(doc, child, arena);
	}
	value.type = VALUE_LIST;
	value.list.items = items;
	value.list.count = n;
	return value;
}

static struct value path_value(const struct doc *doc, struct str path, struct arena *arena)
{
	uint32_t node = doc && doc->count ? doc_path(doc, 0, path) : 0;
	return node ? node_value(doc, node, arena) : (struct value){ 0 };
}

static bool word_in(struct str words, struct str word)
{
	while (words.p) {
		if (str_eq(str_cut(&words, ' '), word))
			return true;
	}
	return false;
}

static struct value ticket_value(const struct ticket *ticket, const struct doc *data, struct str path, struct arena *arena)
{
	const struct {
		const char *path;
		struct str value;
	} fields[] = {
		{ "kind", ticket->kind },       { "severity", ticket->severity }, { "mode", ticket->mode },
		{ "channel", ticket->channel }, { "priority", ticket->priority }, { "state", state_name(ticket->state) },
		{ "owner", ticket->owner },
	};
	for (size_t i = 0; i < array_count(fields); i++) {
		if (str_is(path, fields[i].path))
			return fields[i].value.n ? string_value(fields[i].value) : path_value(data, path, arena);
	}
	if (str_is(path, "reopened"))
		return (struct value){ .type = VALUE_NUMBER, .number = ticket->reopened };
	if (str_starts(path, STR("flags.")))
		return (struct value){ .type = VALUE_BOOL,
				       .boolean = word_in(ticket->flags, (struct str){ path.p + 6, path.n - 6 }) };
	return path_value(data, path, arena);
}

static struct value owner_value(const struct directory *directory, const struct ticket *ticket, struct str path)
{
	if (str_is(path, "id"))
		return string_value(ticket->owner);
	const struct person *person = directory_person(directory, ticket->owner);
	if (str_is(path, "role"))
		return string_value(person && person->role.p ? person->role : ticket->owner_role);
	if (!person)
		return (struct value){ 0 };
	if (str_is(path, "department"))
		return string_value(person->department);
	if (str_is(path, "superior"))
		return string_value(person->superior);
	if (str_is(path, "name"))
		return string_value(person->name);
	return (struct value){ 0 };
}

const struct value *knowledge_vector(struct knowledge *knowledge, struct batch *batch, const struct ticket *ticket,
				     const struct item *item, const struct doc *clock)
{
	const struct attributes *attributes = &knowledge->attributes;
	struct value *vector = arena_zero(batch->arena, (attributes->count + 1) * sizeof(*vector));
	const struct doc *event = item ? &item->event.doc : NULL;
	const struct doc *data = NULL;
	struct doc parsed = { 0 };
	if (event && event->count && event->text.p == ticket->data.p) {
		data = event;
	} else if (ticket->data.n) {
		struct fault ignored = FAULT_NONE;
		if (doc_parse(&parsed, ticket->data, batch->arena, &ignored) == OK)
			data = &parsed;
	}
	for (size_t i = 0; i < attributes->count; i++) {
		const struct attribute *attribute = &attributes->items[i];
		switch (attribute->scope) {
		case SCOPE_TICKET:
			vector[i] = ticket_value(ticket, data, attribute->path, batch->arena);
			break;
		case SCOPE_CUSTOMER:
			vector[i] = path_value(data, attribute->path, batch->arena);
			break;
		case SCOPE_OWNER:
			vector[i] = owner_value(&knowledge->directory, ticket, attribute->rest);
			break;
		case SCOPE_EVENT:
			vector[i] = path_value(event, attribute->rest, batch->arena);
			break;
		case SCOPE_CLOCK:
			vector[i] = path_value(clock, attribute->rest, batch->arena);
			break;
		case SCOPE_MAX:
			break;
		}
	}
	return vector;
}

const struct attributes *knowledge_attributes(const struct knowledge *knowledge)
{
	return &knowledge->attributes;
}
