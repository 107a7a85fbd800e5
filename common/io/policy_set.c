/* The blanks of a regulation: {"set": NAME}, and the values that an operator gives for them.
 *
 * First pass over a document, before anything is compiled; what comes out has no blanks and is what is stored and hashed.
 * There are no defaults: must never put anything in a blank's place that the operator did not give. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/policy_inner.h"

static const char *const types[] = { "duration", "minutes", "hours", "days", "number", "percent", "text", NULL };
static const struct words words_type = { "type of a value", types, NULL };

/* State of the walk: which blanks were used, which were complained about. */
struct walk {
	struct compile *compile;
	struct place needs;
	json_t *used;       /* object: name -> true */
};

bool is_blank(const json_t *value)
{
	return json_is_object(value) && json_object_size(value) == 1 && json_is_string(json_object_get(value, "set"));
}

static const struct policy_setting *setting_of(const struct compile *compile, const char *name)
{
	/* The last one given wins, as on any command line. */
	for (size_t i = compile->setting_count; i > 0; i--)
		if (str_is(compile->settings[i - 1].name, name))
			return &compile->settings[i - 1];
	return NULL;
}

/* A plain decimal number; no exponent, no sign, nothing behind it. */
static bool parse_number(struct str text, double *ret)
{
	char copy[40];
	size_t digits = 0;
	size_t points = 0;

	if (text.n == 0 || text.n >= sizeof(copy))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		digits += text.p[i] >= '0' && text.p[i] <= '9';
		points += text.p[i] == '.';
		copy[i] = text.p[i];
	}
	copy[text.n] = '\0';
	if (digits == 0 || points > 1 || digits + points != text.n)
		return false;
	*ret = strtod(copy, NULL);
	return true;
}

static json_t *number_value(double number)
{
	return number == floor(number) && number < 9e15 ? json_integer((json_int_t)number) : json_real(number);
}

/* "15" of type minutes -> "PT15M"; NULL when the text is none. */
static json_t *value_of(const char *type, struct str text)
{
	static const struct {
		const char *type, *before, *after;
	} units[] = { { "minutes", "PT", "M" }, { "hours", "PT", "H" }, { "days", "P", "D" } };
	struct duration unused;
	double number;
	char duration[64];

	if (strcmp(type, "text") == 0)
		return text.n > 0 ? json_stringn(text.p, text.n) : NULL;
	if (strcmp(type, "number") == 0 || strcmp(type, "percent") == 0) {
		if (!parse_number(text, &number) || (strcmp(type, "percent") == 0 && number > 100))
			return NULL;
		return number_value(number);
	}
	if (duration_parse(text, &unused))
		return json_stringn(text.p, text.n);
	for (size_t i = 0; i < array_count(units); i++)
		if (strcmp(type, units[i].type) == 0 && parse_number(text, &number) && number > 0 &&
		    number == floor(number) && number < 1e9) {
			(void)snprintf(duration, sizeof(duration), "%s%.0f%s", units[i].before, number, units[i].after);
			return json_string(duration);
		}
	return NULL;
}

static void complain_missing(struct walk *walk, const struct place *at, const char *name)
{
	struct place need = place_member(&walk->needs, name);
	const char *why = json_string_value(json_object_get(need.value, "why"));

	if (why)
		complain(walk->compile, at,
			 "\"%s\" has no value. The regulation leaves it blank (%s); give one with --set %s=...", name, why,
			 name);
	else
		complain(walk->compile, at,
			 "\"%s\" has no value. The regulation leaves it blank; give one with --set %s=...", name, name);
}

/* The value for a blank; NULL after a complaint. Each blank without value is named once. */
static json_t *fill(struct walk *walk, const struct place *at)
{
	const char *name = json_string_value(json_object_get(at->value, "set"));
	struct place need = place_member(&walk->needs, name);
	const char *type = json_string_value(json_object_get(need.value, "type"));
	const struct policy_setting *setting = setting_of(walk->compile, name);
	bool again = json_object_get(walk->used, name) != NULL;
	json_t *value;

	(void)json_object_set_new(walk->used, name, json_true());
	if (!need.value) {
		complain(walk->compile, at, "\"%s\" is not among the document's \"needs\"", name);
		return NULL;
	}
	if (!setting) {
		if (!again)
			complain_missing(walk, at, name);
		return NULL;
	}
	value = value_of(type ? type : "text", setting->value);
	if (!value && !again)
		complain(walk->compile, at, "\"%.*s\" is no %s (given with --set %s=%.*s)", STR_ARG(setting->value),
			 type, name, STR_ARG(setting->value));
	return value;
}

static void fill_below(struct walk *walk, const struct place *at)
{
	const char *key;
	json_t *value;
	void *next;
	size_t i;

	json_object_foreach_safe (at->value, next, key, value) {
		struct place member = { .up = at, .key = key, .value = value };
		json_t *filled = is_blank(value) ? fill(walk, &member) : NULL;

		if (!at->up && strcmp(key, "needs") == 0)
			continue;
		if (filled)
			(void)json_object_set_new(at->value, key, filled);
		else if (!is_blank(value))
			fill_below(walk, &member);
	}
	json_array_foreach (at->value, i, value) {
		struct place element = { .up = at, .index = i, .value = value };
		json_t *filled = is_blank(value) ? fill(walk, &element) : NULL;

		if (filled)
			(void)json_array_set_new(at->value, i, filled);
		else if (!is_blank(value))
			fill_below(walk, &element);
	}
}

/* A blank that was filled says so with "value" in the resolved document; one that nothing uses is a slip. */
static void settle_needs(struct walk *walk)
{
	const char *name;
	json_t *need;

	json_object_foreach (walk->needs.value, name, need) {
		struct place place = place_member(&walk->needs, name);
		const struct policy_setting *setting = setting_of(walk->compile, name);

		if (json_object_get(walk->used, name)) {
			if (setting && json_is_object(need))
				(void)json_object_set_new(need, "value",
							  json_stringn(setting->value.p, setting->value.n));
		} else if (!json_object_get(need, "value")) {
			complain(walk->compile, &place, "nothing in the document uses this value");
		}
	}
}

void fill_blanks(struct compile *compile, const struct place *root)
{
	static const char *const members[] = { "!type", "!why", "value", NULL };
	struct walk walk = { .compile = compile, .needs = place_member(root, "needs"), .used = json_object() };
	const char *name;
	json_t *need;

	if (json_is_object(walk.needs.value))
		json_object_foreach (walk.needs.value, name, need) {
			struct place place = place_member(&walk.needs, name);
			struct place type = place_member(&place, "type");
			struct place why = place_member(&place, "why");

			if (json_is_null(need))
				complain(compile, &place, "null says nothing: leave the member out");
			if (read_object(compile, &place, members)) {
				(void)read_word(compile, &type, &words_type);
				(void)read_text(compile, &why);
			}
		}
	else if (present(&walk.needs))
		complain(compile, &walk.needs, "\"needs\" is an object: name -> {\"type\", \"why\"}");
	fill_below(&walk, root);
	settle_needs(&walk);
	json_decref(walk.used);
}
