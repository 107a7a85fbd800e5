/* Checks a parsed document against a compiled schema.
 *
 * Part of intake's hot path: one pass over the nodes for the contract's general limits, then one descent in which every
 * object's members are visited once and looked up in the rule's table. Nothing is allocated unless a string is escaped
 * or something is refused. Reads compiled rules only; how they come about is schema_load.c's. The texts never quote a
 * value of the document: it may be somebody's name. */
#include "common/io/schema_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	LIMIT_DEPTH = 16,
	LIMIT_STRING = 65536,
	LIMIT_NAME = 200,
	LIMIT_LIST = 100,
	POINTER_SHOWN = 240,
};

struct check {
	const struct doc *doc;
	struct arena *arena;
	struct fault *fault;   /* NULL: only whether it fits is asked */
};

static bool check_rule(const struct check *check, const struct rule *rule, uint32_t node);

/* "at /customer/phone", a member's name of the schema behind it if given; cut where the sender made it endless. */
static struct str place(const struct check *check, uint32_t node, struct str member)
{
	struct str pointer = doc_pointer(check->doc, node, check->arena);

	if (pointer.n > POINTER_SHOWN) {
		size_t n = POINTER_SHOWN;

		while (n > 0 && ((unsigned char)pointer.p[n] & 0xc0) == 0x80)
			n--;
		return str_format(check->arena, "at %.*s...", (int)n, pointer.p);
	}
	if (member.p)
		return str_format(check->arena, "at %.*s/%.*s", STR_ARG(pointer), STR_ARG(member));
	if (pointer.n == 0)
		return STR("at the root of data");
	return str_format(check->arena, "at %.*s", STR_ARG(pointer));
}

#define refuse(check, node, ...) \
	((check)->fault ? (refuse_at((check), place((check), (node), STR_NONE), __VA_ARGS__), false) : false)

static void refuse_at(const struct check *check, struct str where, const char *format, ...) printf_like(3, 4);
static void refuse_at(const struct check *check, struct str where, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)fault_reject(check->fault, REASON_SCHEMA_INVALID, "%.*s: %s", STR_ARG(where), text);
}

/* ---- the contract's limits ---- */

static size_t code_points(const struct check *check, uint32_t node)
{
	return str_code_points(doc_string(check->doc, node, check->arena));
}

static bool check_limits(const struct check *check)
{
	for (uint32_t i = 0; i < check->doc->count; i++) {
		const struct doc_node *node = &check->doc->nodes[i];

		/* Nesting is that of objects and arrays: a string inside the sixteenth is not the seventeenth. */
		if (node->depth > LIMIT_DEPTH && node->type >= DOC_ARRAY)
			return refuse(check, i, "nested %u deep, at most %d", node->depth, LIMIT_DEPTH);
		if (node->type == DOC_STRING) {
			size_t limit = node->is_key ? LIMIT_NAME : LIMIT_STRING;
			size_t n = node->length > limit ? code_points(check, i) : 0;

			if (n > limit && node->is_key)
				return refuse(check, i, "a name of %zu characters, at most %zu", n, limit);
			if (n > limit)
				return refuse(check, i, "%zu characters, at most %zu", n, limit);
		} else if (node->type == DOC_ARRAY && node->count > LIMIT_LIST) {
			return refuse(check, i, "%u elements, at most %d", node->count, LIMIT_LIST);
		}
	}
	return true;
}

/* ---- single values ---- */

static bool is_integer(const struct doc *doc, uint32_t node)
{
	int64_t ignored;

	return doc_int64(doc, node, &ignored);
}

static const char *type_text(enum doc_type type)
{
	static const char *const texts[] = { "null", "a boolean", "a boolean", "a number", "a string", "an array",
					     "an object" };

	return texts[type];
}

static bool refuse_type(const struct check *check, const struct rule *rule, uint32_t node)
{
	static const struct {
		unsigned bit;
		const char *text;
	} texts[] = { { 1u << DOC_STRING, "a string" }, { 1u << DOC_NUMBER, "a number" },
		      { TYPE_INTEGER, "a whole number" }, { 1u << DOC_TRUE, "true or false" },
		      { 1u << DOC_ARRAY, "an array" },  { 1u << DOC_OBJECT, "an object" },
		      { 1u << DOC_NULL, "null" } };
	char wanted[120] = "";

	for (size_t i = 0; i < array_count(texts); i++)
		if (rule->types & texts[i].bit) {
			size_t n = strlen(wanted);

			(void)snprintf(wanted + n, sizeof(wanted) - n, "%s%s", n ? " or " : "", texts[i].text);
		}
	return refuse(check, node, "%s, must be %s", type_text(doc_type(check->doc, node)), wanted);
}

static bool check_constants(const struct check *check, const struct rule *rule, uint32_t node)
{
	enum doc_type type = doc_type(check->doc, node);
	struct str text = type == DOC_STRING ? doc_string(check->doc, node, check->arena) : STR_NONE;
	double number = 0;
	char allowed[300] = "";

	if (type == DOC_NUMBER && !doc_double(check->doc, node, &number))
		return refuse(check, node, "a number that is too large");
	for (size_t i = 0; i < rule->constant_count; i++) {
		const struct constant *constant = &rule->constants[i];

		if (constant->type != type)
			continue;
		if (type == DOC_STRING ? str_eq(constant->text, text) : type != DOC_NUMBER || constant->number == number)
			return true;
	}
	for (size_t i = 0; check->fault && i < rule->constant_count; i++) {
		size_t n = strlen(allowed);

		(void)snprintf(allowed + n, sizeof(allowed) - n, "%s%.*s", n ? ", " : "",
			       STR_ARG(rule->constants[i].text));
	}
	return refuse(check, node, rule->constant_count == 1 ? "must be %s" : "must be one of %s", allowed);
}

static bool check_length(const struct check *check, const struct rule *rule, uint32_t node)
{
	const struct doc_node *string = &check->doc->nodes[node];
	size_t n;

	/* As many characters as bytes at most, and at least a sixth of them (\u0041), so most need no counting. */
	if (string->length <= rule->max_length && string->length >= 6 * (size_t)rule->min_length)
		return true;
	n = code_points(check, node);
	if (n > rule->max_length)
		return refuse(check, node, "%zu characters, at most %u", n, rule->max_length);
	if (n < rule->min_length)
		return n == 0 ? refuse(check, node, "must not be empty") :
				refuse(check, node, "%zu characters, at least %u", n, rule->min_length);
	return true;
}

static bool is_date(struct str s)
{
	char text[] = "0000-00-00T00:00:00Z";
	instant ignored;

	if (s.n != 10)
		return false;
	memcpy(text, s.p, 10);
	return instant_parse(STR(text), &ignored);
}

static bool check_string(const struct check *check, const struct rule *rule, uint32_t node)
{
	if (!check_length(check, rule, node))
		return false;
	if (rule->format == FORMAT_DATE_TIME && doc_instant(check->doc, node) == INSTANT_NONE)
		return refuse(check, node, "%s", rule->message ? rule->message : "no RFC 3339 time with zone");
	if (rule->format == FORMAT_DATE && !is_date(doc_string(check->doc, node, check->arena)))
		return refuse(check, node, "%s", rule->message ? rule->message : "no date (YYYY-MM-DD)");
	if (rule->pattern) {
		struct str text = doc_string(check->doc, node, check->arena);
		int found = pcre2_match(rule->pattern, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_UTF_CHECK, rule->match, NULL);

		if (found < 0) /* no match, or given up by the match limit: both refuse */
			return rule->message ? refuse(check, node, "%s", rule->message) :
					       refuse(check, node, "not of the form %.*s", STR_ARG(rule->pattern_text));
	}
	return true;
}

static bool check_number(const struct check *check, const struct rule *rule, uint32_t node)
{
	double number;

	if (!rule->has_minimum && !rule->has_maximum)
		return true;
	if (!doc_double(check->doc, node, &number))
		return refuse(check, node, "a number that is too large");
	if (rule->has_minimum && (rule->above_minimum ? !(number > rule->minimum) : !(number >= rule->minimum)))
		return refuse(check, node, "must be %s %g", rule->above_minimum ? "above" : "at least", rule->minimum);
	if (rule->has_maximum && !(number <= rule->maximum))
		return refuse(check, node, "must be at most %g", rule->maximum);
	return true;
}

/* ---- containers ---- */

static bool check_object(const struct check *check, const struct rule *rule, uint32_t node)
{
	const struct doc_node *nodes = check->doc->nodes;
	const struct doc_node *object = &nodes[node];
	uint64_t seen = 0, wanted = rule->required_count == 64 ? UINT64_MAX :
								 (UINT64_C(1) << rule->required_count) - 1;

	if (object->count < rule->min_properties)
		return refuse(check, node, "%u members, at least %u", object->count, rule->min_properties);
	if (!rule->members)
		return true;
	for (uint32_t key = node + 1; key < object->end; key = nodes[key + 1].end) {
		struct str name = nodes[key].escaped ? doc_string(check->doc, key, check->arena) :
						       (struct str){ check->doc->text.p + nodes[key].start,
								     nodes[key].length };
		const struct name_slot *slot = name_table_find(&rule->properties, name);

		if (!slot)
			continue;
		if (slot->number > 0)
			seen |= UINT64_C(1) << (slot->number - 1);
		if (slot->value && !check_rule(check, slot->value, key + 1))
			return false;
	}
	if (seen == wanted)
		return true;
	if (check->fault) {
		size_t missing = (size_t)__builtin_ctzll(wanted & ~seen);

		if (rule->message)
			return refuse(check, node, "%s", rule->message);
		refuse_at(check, place(check, node, rule->required[missing]), "required, but missing");
	}
	return false;
}

static bool check_array(const struct check *check, const struct rule *rule, uint32_t node)
{
	const struct doc_node *nodes = check->doc->nodes;

	if (nodes[node].count < rule->min_items)
		return refuse(check, node, "%u elements, at least %u", nodes[node].count, rule->min_items);
	if (nodes[node].count > rule->max_items)
		return refuse(check, node, "%u elements, at most %u", nodes[node].count, rule->max_items);
	if (rule->items)
		for (uint32_t i = node + 1; i < nodes[node].end; i = nodes[i].end)
			if (!check_rule(check, rule->items, i))
				return false;
	return true;
}

static bool check_combined(const struct check *check, const struct rule *rule, uint32_t node)
{
	const struct check quiet = { check->doc, check->arena, NULL };
	size_t fits = 0;

	for (size_t i = 0; i < rule->all.count; i++)
		if (!check_rule(check, rule->all.items[i], node))
			return false;
	for (size_t i = 0; i < rule->any.count && fits == 0; i++)
		fits += check_rule(&quiet, rule->any.items[i], node);
	if (rule->any.count > 0 && fits == 0)
		return refuse(check, node, "%s", rule->message ? rule->message : "fits none of the allowed forms");
	fits = 0;
	for (size_t i = 0; i < rule->one.count; i++)
		fits += check_rule(&quiet, rule->one.items[i], node);
	if (rule->one.count > 0 && fits != 1)
		return refuse(check, node, "%s", rule->message ? rule->message :
						 fits == 0     ? "fits none of the allowed forms" :
								 "fits more than one of forms that exclude each other");
	if (rule->not && check_rule(&quiet, rule->not, node))
		return refuse(check, node, "%s", rule->message ? rule->message : "has a form that is not allowed");
	if (rule->condition) {
		const struct rule *next = check_rule(&quiet, rule->condition, node) ? rule->then : rule->otherwise;

		return !next || check_rule(check, next, node);
	}
	return true;
}

static bool check_rule(const struct check *check, const struct rule *rule, uint32_t node)
{
	enum doc_type type = (enum doc_type)check->doc->nodes[node].type;
	bool fits = true;

	if (rule->never)
		return refuse(check, node, "%s", rule->message ? rule->message : "not allowed here");
	if (!(rule->types >> type & 1) &&
	    !(type == DOC_NUMBER && (rule->types & TYPE_INTEGER) && is_integer(check->doc, node)))
		return rule->message ? refuse(check, node, "%s", rule->message) : refuse_type(check, rule, node);
	if (rule->constant_count > 0 && !check_constants(check, rule, node))
		return false;
	switch (type) {
	case DOC_STRING:
		fits = check_string(check, rule, node);
		break;
	case DOC_NUMBER:
		fits = check_number(check, rule, node);
		break;
	case DOC_OBJECT:
		fits = check_object(check, rule, node);
		break;
	case DOC_ARRAY:
		fits = check_array(check, rule, node);
		break;
	case DOC_NULL:
	case DOC_FALSE:
	case DOC_TRUE:
		break;
	}
	return fits && check_combined(check, rule, node);
}

enum verdict schema_check(const struct schema *schema, const struct doc *doc, struct arena *arena, struct fault *fault)
{
	const struct check check = { doc, arena, fault };

	if (doc->count == 0)
		return schema ? fault_reject(fault, REASON_SCHEMA_INVALID, "at the root of data: required, but missing") : OK;
	if (!check_limits(&check) || (schema && !check_rule(&check, schema->root, 0)))
		return fault->verdict;
	return OK;
}

const struct schema *schema_of(const struct schema_set *set, struct str name)
{
	const struct name_slot *slot = name.p ? name_table_find(&set->by_name, name) : NULL;

	return slot ? slot->value : NULL;
}

struct str schema_annotation(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->annotation_count; i++)
		if (strcmp(schema->annotations[i].name, name) == 0)
			return schema->annotations[i].value;
	return STR_NONE;
}
