/* The keywords of JSON Schema that our contracts use, each compiled into its place in a rule.
 *
 * The list at the end is the whole of what is implemented; anything else is an error at load. Called by schema_load.c
 * for every (sub)schema, calls back there for references. */
#include "common/io/schema_loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rule *compile_member(struct loader *loader, const char *member, const json_t *json)
{
	size_t before = schema_enter(loader, member);
	struct rule *rule = schema_compile_rule(loader, json);

	loader->pointer.n = before;
	return rule;
}

static bool get_types(struct loader *loader, struct rule *rule, const json_t *value)
{
	static const struct {
		const char *name;
		unsigned bits;
	} types[] = { { "null", 1u << DOC_NULL },	  { "boolean", 1u << DOC_TRUE | 1u << DOC_FALSE },
		      { "number", 1u << DOC_NUMBER },	  { "integer", TYPE_INTEGER },
		      { "string", 1u << DOC_STRING },	  { "array", 1u << DOC_ARRAY },
		      { "object", 1u << DOC_OBJECT } };
	size_t count = json_is_array(value) ? json_array_size(value) : 1;

	rule->types = 0;
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
		unsigned bits = 0;

		for (size_t j = 0; name && j < array_count(types); j++)
			if (strcmp(types[j].name, name) == 0)
				bits = types[j].bits;
		if (bits == 0)
			return schema_wrong(loader, "no such type: ", name ? name : "(not a string)");
		rule->types |= bits;
	}
	return true;
}

static bool get_count(struct loader *loader, const json_t *value, uint32_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= UINT32_MAX)
		return schema_wrong(loader, "must be a whole number from 0", "");
	*ret = (uint32_t)json_integer_value(value);
	return true;
}

static struct str keep(struct loader *loader, const char *text, size_t n)
{
	return str_copy(&loader->set->arena, (struct str){ text, n });
}

static bool get_constant(struct loader *loader, const json_t *value, struct constant *ret)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		*ret = (struct constant){ DOC_STRING, keep(loader, json_string_value(value), json_string_length(value)), 0 };
		return true;
	case JSON_INTEGER:
	case JSON_REAL:
		*ret = (struct constant){ DOC_NUMBER, STR_NONE, json_number_value(value) };
		ret->text = str_format(&loader->set->arena, "%g", ret->number);
		return true;
	case JSON_TRUE:
		*ret = (struct constant){ DOC_TRUE, STR("true"), 0 };
		return true;
	case JSON_FALSE:
		*ret = (struct constant){ DOC_FALSE, STR("false"), 0 };
		return true;
	case JSON_NULL:
		*ret = (struct constant){ DOC_NULL, STR("null"), 0 };
		return true;
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	return schema_wrong(loader, "objects and arrays are not implemented here", "");
}

static bool get_constants(struct loader *loader, struct rule *rule, const json_t *value, bool list)
{
	size_t count = list ? json_array_size(value) : 1;
	struct constant *constants;

	if (count == 0)
		return schema_wrong(loader, "must be a list that is not empty", "");
	if (rule->constant_count > 0)
		return schema_wrong(loader, "const and enum together are not implemented", "");
	constants = arena_alloc(&loader->set->arena, count * sizeof(*constants));
	for (size_t i = 0; i < count; i++)
		if (!get_constant(loader, list ? json_array_get(value, i) : value, &constants[i]))
			return false;
	rule->constants = constants;
	rule->constant_count = count;
	return true;
}

static bool get_pattern(struct loader *loader, struct rule *rule, const json_t *value)
{
	const char *text = json_string_value(value);
	PCRE2_UCHAR message[160];
	PCRE2_SIZE offset;
	int code;

	if (!text)
		return schema_wrong(loader, "must be a string", "");
	rule->pattern_text = keep(loader, text, strlen(text));
	rule->pattern = pcre2_compile((PCRE2_SPTR)text, strlen(text), PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
				      &code, &offset, NULL);
	if (!rule->pattern) {
		(void)pcre2_get_error_message(code, message, sizeof(message));
		return schema_wrong(loader, "no regular expression: ", (const char *)message);
	}
	rule->match = pcre2_match_data_create_from_pattern(rule->pattern, NULL);
	if (!rule->match)
		abort(); /* out of memory */
	return true;
}

static bool get_list(struct loader *loader, struct rule_list *list, const json_t *value)
{
	size_t count = json_array_size(value);
	char number[24];

	if (count == 0)
		return schema_wrong(loader, "must be a list that is not empty", "");
	list->items = arena_alloc(&loader->set->arena, count * sizeof(struct rule *));
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(number, sizeof(number), "%zu", i);
		list->items[i] = compile_member(loader, number, json_array_get(value, i));
		if (!list->items[i])
			return false;
	}
	list->count = count;
	return true;
}

/* `properties` and `required` become one table. */
static bool get_members(struct loader *loader, struct rule *rule, const json_t *json)
{
	const json_t *properties = json_object_get(json, "properties"), *required = json_object_get(json, "required");
	size_t most = json_object_size(properties) + json_array_size(required), count = 0;
	struct name_slot *slots = arena_zero(&loader->scratch, (most + 1) * sizeof(*slots));
	struct str *names = arena_alloc(&loader->set->arena, (most + 1) * sizeof(*names));
	const char *name;
	json_t *value;

	if ((properties && !json_is_object(properties)) || (required && !json_is_array(required)))
		return schema_wrong(loader, "properties must be an object, required a list", "");
	json_object_foreach((json_t *)properties, name, value)
	{
		size_t before = schema_enter(loader, "properties");

		slots[count].name = keep(loader, name, strlen(name));
		slots[count].value = compile_member(loader, name, value);
		if (!slots[count++].value)
			return false;
		loader->pointer.n = before;
	}
	if (json_array_size(required) > 64)
		return schema_wrong(loader, "more than 64 required members are not implemented", "");
	for (size_t i = 0; i < json_array_size(required); i++) {
		size_t j = 0;

		name = json_string_value(json_array_get(required, i));
		if (!name)
			return schema_wrong(loader, "required must be a list of strings", "");
		while (j < count && !str_is(slots[j].name, name))
			j++;
		if (j == count)
			slots[count++].name = keep(loader, name, strlen(name));
		if (slots[j].number > 0)
			return schema_wrong(loader, "required twice: ", name);
		slots[j].number = (uint32_t)i + 1;
		names[i] = slots[j].name;
	}
	rule->required = names;
	rule->required_count = json_array_size(required);
	rule->properties = name_table_new(slots, count, &loader->set->arena);
	rule->members = count > 0;
	return true;
}

static bool get_format(struct loader *loader, struct rule *rule, const json_t *value)
{
	const char *name = json_is_string(value) ? json_string_value(value) : "(not a string)";

	if (strcmp(name, "date-time") == 0)
		rule->format = FORMAT_DATE_TIME;
	else if (strcmp(name, "date") == 0)
		rule->format = FORMAT_DATE;
	else
		return schema_wrong(loader, "format is not implemented: ", name);
	return true;
}

static bool get_bound(struct loader *loader, const json_t *value, double *ret, bool *ret_has)
{
	if (!json_is_number(value) || *ret_has)
		return schema_wrong(loader, "must be one number", "");
	*ret = json_number_value(value);
	*ret_has = true;
	return true;
}

static bool get_rule(struct loader *loader, const char *word, const json_t *value, const struct rule **ret)
{
	(void)word;
	*ret = schema_compile_rule(loader, value);
	return *ret != NULL;
}

static bool compile_keyword(struct loader *loader, struct rule *rule, const char *word, const json_t *value)
{
#define IS(name) (strcmp(word, name) == 0)
	if (IS("x-message") && json_is_string(value)) {
		rule->message = keep(loader, json_string_value(value), json_string_length(value)).p;
		return true;
	}
	if (schema_says_nothing(word) || IS("properties") || IS("required") || IS("$ref") || IS("allOf"))
		return true; /* nothing to do, or done in compile_into */
	if (IS("type"))
		return get_types(loader, rule, value);
	if (IS("enum") || IS("const"))
		return get_constants(loader, rule, value, IS("enum"));
	if (IS("items"))
		return get_rule(loader, word, value, &rule->items);
	if (IS("minItems"))
		return get_count(loader, value, &rule->min_items);
	if (IS("maxItems"))
		return get_count(loader, value, &rule->max_items);
	if (IS("minLength"))
		return get_count(loader, value, &rule->min_length);
	if (IS("maxLength"))
		return get_count(loader, value, &rule->max_length);
	if (IS("minProperties"))
		return get_count(loader, value, &rule->min_properties);
	if (IS("exclusiveMinimum"))
		rule->above_minimum = true;
	if (IS("minimum") || IS("exclusiveMinimum"))
		return get_bound(loader, value, &rule->minimum, &rule->has_minimum);
	if (IS("maximum"))
		return get_bound(loader, value, &rule->maximum, &rule->has_maximum);
	if (IS("pattern"))
		return get_pattern(loader, rule, value);
	if (IS("format"))
		return get_format(loader, rule, value);
	if (IS("anyOf"))
		return get_list(loader, &rule->any, value);
	if (IS("oneOf"))
		return get_list(loader, &rule->one, value);
	if (IS("not"))
		return get_rule(loader, word, value, &rule->not);
	if (IS("if"))
		return get_rule(loader, word, value, &rule->condition);
	if (IS("then"))
		return get_rule(loader, word, value, &rule->then);
	if (IS("else"))
		return get_rule(loader, word, value, &rule->otherwise);
#undef IS
	return schema_wrong(loader, "the keyword is not implemented", "");
}

/* $ref beside other keywords, and allOf: all of them must hold. */
static bool get_all(struct loader *loader, struct rule *rule, const json_t *json)
{
	const json_t *reference = json_object_get(json, "$ref"), *all = json_object_get(json, "allOf");
	struct rule_list list = { 0 };

	if (all && !get_list(loader, &list, all))
		return false;
	if (reference) {
		const struct rule **items = arena_zero(&loader->set->arena, (list.count + 1) * sizeof(*items));

		for (size_t i = 0; i < list.count; i++)
			items[i + 1] = list.items[i];
		items[0] = json_is_string(reference) ? schema_reference(loader, json_string_value(reference)) :
						       schema_wrong(loader, "$ref must be a string", "");
		if (!items[0])
			return false;
		list = (struct rule_list){ items, list.count + 1 };
	}
	rule->all = list;
	return true;
}

bool schema_compile_into(struct loader *loader, struct rule *rule, const json_t *json)
{
	const char *word;
	json_t *value;

	if (json_is_boolean(json)) {
		rule->never = json_is_false(json);
		return true;
	}
	if (!json_is_object(json))
		return schema_wrong(loader, "a schema must be an object, true or false", "");
	json_object_foreach((json_t *)json, word, value)
	{
		size_t before = schema_enter(loader, word);

		if (!compile_keyword(loader, rule, word, value))
			return false;
		loader->pointer.n = before;
	}
	if ((rule->then || rule->otherwise) && !rule->condition)
		return schema_wrong(loader, "then or else without if", "");
	return get_all(loader, rule, json) && get_members(loader, rule, json);
}

struct rule *schema_compile_rule(struct loader *loader, const json_t *json)
{
	const char *reference = schema_only_reference(json);
	struct rule *rule;

	if (reference)
		return schema_reference(loader, reference);
	rule = schema_new_rule(loader);
	return schema_compile_into(loader, rule, json) ? rule : NULL;
}
