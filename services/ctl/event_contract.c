/* The schemas as they are written in schemas/events: their examples and what their members are called.
 *
 * For people only; what is right is decided by the compiled schemas (common/io/schema.h). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/near.h"
#include "common/io/embed.h"
#include "services/ctl/event.h"

#define FOLDER "schemas/events/"
#define REFERENCES 8      /* followed one behind the other */

/* A schema as a document; count 0 when there is none of that name. */
static struct doc written(struct str file, struct arena *arena)
{
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };
	struct str text = embed_find(str_z(arena, str_format(arena, FOLDER "%.*s.json", STR_ARG(file))));

	if (!text.p || doc_parse(&doc, text, arena, &ignored) != OK)
		doc.count = 0;
	return doc;
}

/* The part between folder and ending of each schema of an event, NULL-terminated. */
static const char *const *all_names(struct arena *arena)
{
	const char **names = arena_zero(arena, (embed_count + 1) * sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < embed_count; i++) {
		struct str name = str_of(embed_files[i].path);

		if (!str_starts(name, STR(FOLDER)))
			continue;
		name = (struct str){ name.p + strlen(FOLDER), name.n - strlen(FOLDER ".json") };
		if (memchr(name.p, '.', name.n))
			names[count++] = str_z(arena, name);
	}
	return names;
}

struct str event_short_name(struct str name)
{
	if (str_starts(name, STR("aftercare.")) && name.n > 10)
		name = (struct str){ name.p + 10, name.n - 10 };
	if (str_ends(name, STR(".v1")) && name.n > 3)
		name.n -= 3;
	return name;
}

struct str event_near_name(struct str name, struct arena *arena)
{
	const char *const *names = all_names(arena);
	const char *near = near_word(names, name);
	struct str tail = name, same = STR_NONE;

	if (near && near_distance(str_of(near), name) < 4)
		return str_of(near);
	/* The same thing said of another family: complaint.submitted. */
	(void)str_cut(&tail, '.');
	for (; tail.n > 0 && *names; names++) {
		struct str other = str_of(*names);

		(void)str_cut(&other, '.');
		if (str_eq(tail, other))
			same = str_format(arena, "%.*s%s%s", STR_ARG(same), same.n ? " or " : "", *names);
	}
	return same.n ? same : str_of(near);
}

/* "a~1b" -> "a/b" */
static struct str unescaped(struct str step, struct arena *arena)
{
	char *text = arena_alloc(arena, step.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < step.n; i++) {
		bool escape = step.p[i] == '~' && i + 1 < step.n;

		text[n++] = !escape ? step.p[i] : step.p[i + 1] == '1' ? '/' : '~';
		i += escape;
	}
	return (struct str){ text, n };
}

uint32_t event_pointed(const struct doc *doc, uint32_t from, struct str pointer, uint32_t *ret_deepest, struct arena *arena)
{
	uint32_t node = from;

	*ret_deepest = node;
	(void)str_cut(&pointer, '/');
	while (pointer.p) {
		struct str step = str_cut(&pointer, '/');
		int64_t index;

		if (doc_type(doc, node) == DOC_ARRAY) {
			uint32_t child = str_int64(step, &index) ? doc_first(doc, node) : 0;

			while (child && index-- > 0)
				child = doc_next(doc, node, child);
			node = child;
		} else {
			node = doc_member(doc, node, unescaped(step, arena));
		}
		if (node == 0)
			return 0;
		*ret_deepest = node;
	}
	return node;
}

/* ---- examples ---- */

static uint32_t first_example(const struct doc *schema)
{
	uint32_t examples = schema->count ? doc_member(schema, 0, STR("examples")) : 0;

	return examples ? doc_first(schema, examples) : 0;
}

/* JSON text on one line, as we write it; the schemas are laid out for reading. */
static struct str relaid(struct str json, size_t flags, struct arena *arena)
{
	json_t *value = json_loadb(json.p, json.n, JSON_DECODE_ANY, NULL);
	char *text = value ? json_dumps(value, flags | JSON_ENCODE_ANY) : NULL;
	struct str laid = str_copy(arena, str_of(text));

	json_decref(value);
	free(text);
	return laid;
}

struct str event_example_at(struct str name, struct str pointer, struct arena *arena)
{
	struct doc schema = written(name, arena);
	uint32_t example = first_example(&schema), deepest;
	uint32_t node = example ? event_pointed(&schema, example, pointer, &deepest, arena) : 0;

	return node ? relaid(doc_raw(&schema, node), 0, arena) : STR_NONE;
}

struct str event_example(struct str name, bool whole, instant now, struct arena *arena)
{
	struct doc schema = written(name, arena);
	uint32_t example = first_example(&schema);
	struct buf text cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &text };
	char at[INSTANT_TEXT];

	if (!example || !whole)
		return example ? relaid(doc_raw(&schema, example), JSON_INDENT(2), arena) : STR_NONE;
	write_open(&writer, '{');
	write_member(&writer, "specversion", STR("1.0"));
	write_member(&writer, "id", str_format(arena, "example-%lld", (long long)(now / MILLISECOND)));
	write_member(&writer, "source", STR("example"));
	write_member(&writer, "type", str_format(arena, "aftercare.%.*s.v1", STR_ARG(name)));
	write_member(&writer, "time", instant_format(now, at));
	write_member_if(&writer, "subject", doc_string(&schema, doc_member(&schema, example, STR("ticket")), arena));
	write_member(&writer, "datacontenttype", STR("application/json"));
	write_key(&writer, "data");
	write_raw(&writer, doc_raw(&schema, example));
	write_close(&writer, '}');
	return relaid(buf_view(&text), JSON_INDENT(2), arena);
}

/* ---- names of members ---- */

/* The object behind a schema's reference; *ret_doc changes with it. 0 when it leads nowhere. */
static uint32_t dereferenced(struct doc *ret_doc, uint32_t schema, struct arena *arena)
{
	for (int i = 0; i < REFERENCES; i++) {
		struct str rest = doc_string(ret_doc, doc_member(ret_doc, schema, STR("$ref")), arena);
		struct str file = str_cut(&rest, '#');
		uint32_t deepest;

		if (!rest.p)
			return schema;
		if (str_ends(file, STR(".json")))
			*ret_doc = written((struct str){ file.p, file.n - 5 }, arena);
		schema = ret_doc->count ? event_pointed(ret_doc, 0, rest, &deepest, arena) : 0;
		if (schema == 0)
			return 0;
	}
	return 0;
}

struct slips {
	const struct doc *doc;
	struct arena *arena;
	void (*say)(void *context, uint32_t key, const char *meant);
	void *context;
};

static void find_slips(const struct slips *slips, uint32_t object, struct doc schema, uint32_t rule)
{
	uint32_t target = dereferenced(&schema, rule, slips->arena);
	uint32_t properties = schema.count ? doc_member(&schema, target, STR("properties")) : 0;
	const char **names;
	size_t count = 0;

	if (!properties)
		return;
	names = arena_zero(slips->arena, (schema.nodes[properties].count + 1) * sizeof(*names));
	for (uint32_t key = doc_first(&schema, properties); key; key = doc_next(&schema, properties, key)) {
		struct str name = doc_string(&schema, key, slips->arena);

		/* What stands there already was not meant by another name. */
		if (!doc_member(slips->doc, object, name))
			names[count++] = str_z(slips->arena, name);
	}
	for (uint32_t key = doc_first(slips->doc, object); key; key = doc_next(slips->doc, object, key)) {
		struct str name = doc_string(slips->doc, key, slips->arena);
		uint32_t known = doc_member(&schema, properties, name);
		const char *meant = known ? NULL : near_word(names, name);

		if (meant)
			slips->say(slips->context, key, meant);
		if (known && doc_type(slips->doc, key + 1) == DOC_OBJECT)
			find_slips(slips, key + 1, schema, known);
	}
}

void event_slips(struct str name, const struct doc *doc, void (*say)(void *context, uint32_t key, const char *meant),
		 void *context, struct arena *arena)
{
	const struct slips slips = { doc, arena, say, context };
	struct doc schema = written(name, arena);

	if (schema.count && doc->count && doc_type(doc, 0) == DOC_OBJECT)
		find_slips(&slips, 0, schema, 0);
}
