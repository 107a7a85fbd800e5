/* Compiles the schema files at start: jansson trees in, rules that point to each other out; the trees are then freed.
 *
 * Every keyword is either compiled, known to say nothing about validity, or an error that names file, pointer and
 * keyword: a schema must never promise what nobody checks. References go to the same file or to a neighbour in
 * schemas/events/. A rule that is reached by reference is compiled once; a rule that would have to check itself on the
 * same value is refused here, so that the check always ends. */
#include "common/io/schema_loader.h"

#include <string.h>

#define FOLDER "schemas/events/"
#define REFERENCES 32u   /* so many in a row without any keyword between them */

void *schema_wrong(struct loader *loader, const char *what, const char *word)
{
	(void)fault_set(loader->fault, FATAL, FOLDER "%.*s: at %.*s: %s%s", STR_ARG(loader->file->name),
			STR_ARG(buf_view(&loader->pointer)), what, word);
	return NULL;
}

size_t schema_enter(struct loader *loader, const char *member)
{
	size_t before = loader->pointer.n;

	buf_char(&loader->pointer, '/');
	buf_z(&loader->pointer, member);
	return before;
}

/* ---- references ---- */

bool schema_says_nothing(const char *keyword)
{
	static const char *const words[] = { "$schema", "$id", "$comment", "$defs", "title", "description", "examples" };

	for (size_t i = 0; i < array_count(words); i++)
		if (strcmp(keyword, words[i]) == 0)
			return true;
	return strncmp(keyword, "x-", 2) == 0;
}

/* The reference of a schema that says nothing else; NULL otherwise. */
const char *schema_only_reference(const json_t *json)
{
	const char *keyword;
	json_t *value;

	json_object_foreach((json_t *)json, keyword, value)
	{
		if (strcmp(keyword, "$ref") != 0 && (!schema_says_nothing(keyword) || strcmp(keyword, "x-message") == 0))
			return NULL;
	}
	return json_string_value(json_object_get(json, "$ref"));
}

/* Where a reference leads; moves loader->file there. */
static const json_t *follow(struct loader *loader, const char *reference)
{
	const char *hash = strchr(reference, '#');
	struct str name = { reference, hash ? (size_t)(hash - reference) : strlen(reference) };
	struct str pointer = hash ? str_of(hash + 1) : STR("");
	const json_t *json;

	for (size_t i = 0; name.n > 0 && i < loader->file_count; i++)
		if (str_eq(loader->files[i].name, name)) {
			loader->file = &loader->files[i];
			name.n = 0;
		}
	if (name.n > 0)
		return schema_wrong(loader, "no such file: $ref ", reference);
	json = loader->file->root;
	if (pointer.n > 0 && pointer.p[0] != '/')
		return schema_wrong(loader, "only JSON pointers are implemented in $ref ", reference);
	if (pointer.n > 0)
		(void)str_cut(&pointer, '/');
	while (pointer.p && json) {
		struct str step = str_cut(&pointer, '/');

		if (memchr(step.p, '~', step.n) || memchr(step.p, '%', step.n))
			return schema_wrong(loader, "escapes are not implemented in $ref ", reference);
		if (step.n == 0 && !pointer.p)
			break;
		json = json_object_get(json, str_z(&loader->scratch, step));
	}
	if (!json || (!json_is_object(json) && !json_is_boolean(json)))
		return schema_wrong(loader, "leads nowhere: $ref ", reference);
	return json;
}

struct rule *schema_new_rule(struct loader *loader)
{
	struct rule *rule = arena_zero(&loader->set->arena, sizeof(*rule));

	rule->types = TYPE_ANY;
	rule->max_length = rule->max_items = UINT32_MAX;
	rule->next = loader->set->rules;
	loader->set->rules = rule;
	return rule;
}

struct rule *schema_reference(struct loader *loader, const char *reference)
{
	const struct schema_file *file = loader->file;
	const json_t *json;
	struct rule *rule = NULL;
	struct buf pointer = loader->pointer;
	const char *last = reference;
	unsigned hops = 0;

	do {
		last = reference;
		json = follow(loader, last);
	} while (json && ++hops < REFERENCES && (reference = schema_only_reference(json)) != NULL);
	if (!json || hops >= REFERENCES) {
		loader->file = file;
		return json ? schema_wrong(loader, "a circle of $ref", "") : NULL;
	}
	for (size_t i = 0; i < loader->target_count && !rule; i++)
		if (loader->targets[i].json == json)
			rule = loader->targets[i].rule;
	if (!rule) {
		const char *fragment = strchr(last, '#');

		rule = schema_new_rule(loader);
		arena_grow(&loader->scratch, &loader->targets, &loader->target_capacity, loader->target_count + 1,
			   sizeof(*loader->targets));
		loader->targets[loader->target_count++] = (struct schema_target){ json, rule };
		loader->pointer = (struct buf){ 0 };
		buf_z(&loader->pointer, fragment ? fragment + 1 : "");
		if (!schema_compile_into(loader, rule, json))
			rule = NULL;
		buf_done(&loader->pointer);
		loader->pointer = pointer;
	}
	loader->file = file;
	return rule;
}

/* ---- rules that check themselves ---- */

enum { MARK_NONE, MARK_OPEN, MARK_DONE };

static bool circle(struct rule *rule);

static bool circle_in(const struct rule_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (circle((struct rule *)list->items[i]))
			return true;
	return false;
}

/* Whether a rule leads back to itself without going into a member or an element. */
static bool circle(struct rule *rule)
{
	if (!rule || rule->mark == MARK_DONE)
		return false;
	if (rule->mark == MARK_OPEN)
		return true;
	rule->mark = MARK_OPEN;
	if (circle_in(&rule->all) || circle_in(&rule->any) || circle_in(&rule->one) || circle((struct rule *)rule->not) ||
	    circle((struct rule *)rule->condition) || circle((struct rule *)rule->then) ||
	    circle((struct rule *)rule->otherwise))
		return true;
	rule->mark = MARK_DONE;
	return false;
}

/* ---- files ---- */

static bool read_file(struct loader *loader, const struct embed_file *source)
{
	struct schema_file *file = &loader->files[loader->file_count];
	json_error_t error;

	file->name = str_of(source->path + sizeof(FOLDER) - 1);
	loader->file = file;
	file->root = json_loadb(source->begin, (size_t)(source->end - source->begin), JSON_REJECT_DUPLICATES, &error);
	if (!file->root) {
		(void)fault_set(loader->fault, FATAL, "%s:%d: %s", source->path, error.line, error.text);
		return false;
	}
	loader->file_count++;
	return true;
}

/* References find files by their name; a reader outside finds them by $id. Both must say the same. */
static bool check_id(struct loader *loader)
{
	const char *id = json_string_value(json_object_get(loader->file->root, "$id"));
	struct str name = loader->file->name;

	if (!id || !str_ends(str_of(id), name) || strlen(id) == name.n || id[strlen(id) - name.n - 1] != '/')
		return schema_wrong(loader, "$id must end in the name of the file", "");
	return true;
}

static struct schema *compile_file(struct loader *loader)
{
	struct arena *arena = &loader->set->arena;
	struct schema *schema = arena_zero(arena, sizeof(*schema));
	struct annotation *annotations;
	const char *word;
	json_t *value;

	loader->pointer.n = 0;
	if (!check_id(loader))
		return NULL;
	schema->name = str_copy(arena, (struct str){ loader->file->name.p, loader->file->name.n - 5 });
	schema->root = schema_compile_rule(loader, loader->file->root);
	if (!schema->root)
		return NULL;
	annotations = arena_alloc(arena, json_object_size(loader->file->root) * sizeof(*annotations));
	json_object_foreach(loader->file->root, word, value)
	{
		if (strncmp(word, "x-", 2) == 0 && json_is_string(value))
			annotations[schema->annotation_count++] = (struct annotation){
				str_z(arena, str_of(word)), str_copy(arena, str_of(json_string_value(value)))
			};
	}
	schema->annotations = annotations;
	return schema;
}

/* $defs are compiled even where nothing refers to them: a wrong one must not wait until somebody does. */
static bool compile_definitions(struct loader *loader)
{
	const char *word;
	json_t *value;

	json_object_foreach(json_object_get(loader->file->root, "$defs"), word, value)
	{
		loader->pointer.n = 0;
		(void)schema_enter(loader, "$defs");
		(void)schema_enter(loader, word);
		if (!schema_compile_rule(loader, value))
			return false;
	}
	return true;
}

static bool compile_all(struct loader *loader)
{
	struct name_slot *slots = arena_zero(&loader->scratch, (loader->file_count + 1) * sizeof(*slots));

	for (size_t i = 0; i < loader->file_count; i++) {
		const struct schema *schema;

		loader->file = &loader->files[i];
		schema = compile_file(loader);
		if (!schema || !compile_definitions(loader))
			return false;
		slots[i] = (struct name_slot){ schema->name, schema, 0 };
	}
	loader->set->by_name = name_table_new(slots, loader->file_count, &loader->set->arena);
	for (struct rule *rule = loader->set->rules; rule; rule = rule->next)
		if (circle(rule)) {
			(void)fault_set(loader->fault, FATAL, FOLDER "...: a rule that refers to itself on the same value");
			return false;
		}
	return true;
}

enum verdict schema_compile(const struct embed_file *files, size_t count, struct schema_set **ret_set,
			    struct fault *fault)
{
	struct schema_set *set = mem_zero(sizeof(*set));
	struct loader loader = { .set = set, .fault = fault };
	bool good = true;

	loader.files = arena_zero(&loader.scratch, (count + 1) * sizeof(*loader.files));
	for (size_t i = 0; i < count && good; i++) {
		struct str path = str_of(files[i].path);

		if (str_starts(path, STR(FOLDER)) && str_ends(path, STR(".json")))
			good = read_file(&loader, &files[i]);
	}
	good = good && compile_all(&loader);
	for (size_t i = 0; i < loader.file_count; i++)
		json_decref(loader.files[i].root);
	buf_done(&loader.pointer);
	arena_done(&loader.scratch);
	if (!good) {
		schema_free(set);
		return fault->verdict;
	}
	*ret_set = set;
	return OK;
}

enum verdict schema_load(struct schema_set **ret_set, struct fault *fault)
{
	return schema_compile(embed_files, embed_count, ret_set, fault);
}

void schema_free(struct schema_set *set)
{
	if (!set)
		return;
	for (struct rule *rule = set->rules; rule; rule = rule->next) {
		pcre2_match_data_free(rule->match);
		pcre2_code_free(rule->pattern);
	}
	arena_done(&set->arena);
	mem_free(set);
}
