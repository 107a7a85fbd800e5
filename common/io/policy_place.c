/* Reading one value of a document at a time: type, range, and a complaint that says where and what instead.
 *
 * Lowest part of the policy compiler. Every reader takes an absent value for "not said" and goes on after a complaint, so that
 * all errors of a document come at once. Must never look at what a member means: that is the sections'. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/io/policy_inner.h"

struct place place_member(const struct place *at, const char *key)
{
	return (struct place){ .up = at, .key = key, .value = json_object_get(at->value, key) };
}

struct place place_element(const struct place *at, size_t index)
{
	return (struct place){ .up = at, .index = index, .value = json_array_get(at->value, index) };
}

static void put_pointer(struct buf *buf, const struct place *at)
{
	if (!at->up)
		return;
	put_pointer(buf, at->up);
	buf_char(buf, '/');
	if (!at->key) {
		buf_int(buf, (int64_t)at->index);
		return;
	}
	for (const char *p = at->key; *p; p++) {
		if (*p == '~')
			buf_z(buf, "~0");
		else if (*p == '/')
			buf_z(buf, "~1");
		else
			buf_char(buf, *p);
	}
}

void complain(struct compile *compile, const struct place *at, const char *format, ...)
{
	char text[1200];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buf_format(compile->errors, "%s: ", compile->name);
	if (at->up) {
		put_pointer(compile->errors, at);
		buf_z(compile->errors, ": ");
	}
	buf_format(compile->errors, "%s\n", text);
	compile->error_count++;
}

bool present(const struct place *at)
{
	return at->value && !json_is_null(at->value) && !(at->up && is_blank(at->value));
}

static void complain_type(struct compile *compile, const struct place *at, const char *wanted)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true", [JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};

	complain(compile, at, "%s where %s belongs", types[json_typeof(at->value)], wanted);
}

static bool is_empty(const json_t *value)
{
	return json_is_null(value) || json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static void check_clauses(struct compile *compile, const struct place *at)
{
	size_t count = read_list(compile, at);

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);
		const char *text = json_string_value(element.value);

		if (!text || text[0] != 'C' || strlen(text) != 4 || strspn(text + 1, "0123456789") != 3)
			complain(compile, &element, "a clause is named like \"C075\"");
	}
}

static void check_member(struct compile *compile, const struct place *at, const char *const *members)
{
	const char *near;
	const char *bare[64];
	struct buf list cleanup(buf_done) = { 0 };
	size_t count = 0;

	if (json_is_null(at->value)) {
		complain(compile, at, "null says nothing: leave the member out");
		return;
	}
	if (strcmp(at->key, "note") == 0 || (!at->up->up && strcmp(at->key, "$schema") == 0)) {
		(void)read_text(compile, at);
		return;
	}
	if (strcmp(at->key, "clauses") == 0) {
		check_clauses(compile, at);
		return;
	}
	for (size_t i = 0; members[i]; i++) {
		bool later = members[i][0] == '~';
		const char *name = members[i] + (later || members[i][0] == '!');

		if (strcmp(name, at->key) != 0) {
			bare[count++] = name;
			continue;
		}
		if (later && !is_empty(at->value))
			complain(compile, at, "this version of Aftercare does not carry out \"%s\" yet", name);
		return;
	}
	bare[count] = NULL;
	near = near_word(bare, str_of(at->key));
	if (near) {
		complain(compile, at, "unknown member (did you mean \"%s\"?)", near);
		return;
	}
	for (size_t i = 0; members[i]; i++)
		if (members[i][0] != '~')
			buf_format(&list, "%s%s", list.n ? ", " : "", members[i] + (members[i][0] == '!'));
	complain(compile, at, "unknown member (there are %.*s)", STR_ARG(buf_view(&list)));
}

bool read_object(struct compile *compile, const struct place *at, const char *const *members)
{
	const char *key;
	json_t *value;

	if (!present(at))
		return false;
	if (!json_is_object(at->value)) {
		complain_type(compile, at, "an object");
		return false;
	}
	json_object_foreach (at->value, key, value) {
		struct place member = { .up = at, .key = key, .value = value };

		check_member(compile, &member, members);
	}
	for (size_t i = 0; members[i]; i++)
		if (members[i][0] == '!' && !json_object_get(at->value, members[i] + 1))
			complain(compile, at, "\"%s\" is missing", members[i] + 1);
	return true;
}

size_t read_list(struct compile *compile, const struct place *at)
{
	json_t *value;
	size_t i;

	if (!present(at))
		return 0;
	if (!json_is_array(at->value)) {
		complain_type(compile, at, "a list");
		return 0;
	}
	json_array_foreach (at->value, i, value) {
		struct place element = place_element(at, i);

		if (json_is_null(value))
			complain(compile, &element, "null says nothing: leave it out");
	}
	return json_array_size(at->value);
}

struct str read_text(struct compile *compile, const struct place *at)
{
	if (!present(at))
		return STR_NONE;
	if (!json_is_string(at->value)) {
		complain_type(compile, at, "a string");
		return STR_NONE;
	}
	if (json_string_length(at->value) == 0)
		complain(compile, at, "an empty string");
	return str_copy(compile->arena, (struct str){ json_string_value(at->value), json_string_length(at->value) });
}

bool read_bool(struct compile *compile, const struct place *at, bool absent)
{
	if (!present(at))
		return absent;
	if (!json_is_boolean(at->value)) {
		complain_type(compile, at, "true or false");
		return absent;
	}
	return json_is_true(at->value);
}

int64_t read_int(struct compile *compile, const struct place *at, int64_t absent, int64_t least, int64_t most)
{
	if (!present(at))
		return absent;
	if (!json_is_integer(at->value)) {
		complain_type(compile, at, "a whole number");
		return absent;
	}
	if (json_integer_value(at->value) < least || json_integer_value(at->value) > most) {
		complain(compile, at, "%" JSON_INTEGER_FORMAT " is not between %" PRId64 " and %" PRId64,
			 json_integer_value(at->value), least, most);
		return absent;
	}
	return json_integer_value(at->value);
}

/* What the author of a text that is no duration may have meant: the first of a few ways to complete it that is one. */
static struct str meant_duration(struct arena *arena, struct str text)
{
	char upper[32];
	struct duration unused;
	const char *bare = upper;
	const char *rest = upper;
	struct str tries[8];

	if (text.n == 0 || text.n >= sizeof(upper))
		return STR_NONE;
	for (size_t i = 0; i < text.n; i++)
		upper[i] = text.p[i] >= 'a' && text.p[i] <= 'z' ? (char)(text.p[i] - 'a' + 'A') : text.p[i];
	upper[text.n] = '\0';
	bare += *bare == 'P';
	bare += *bare == 'T';
	while (*rest >= '0' && *rest <= '9')
		rest++;
	/* "7 days", "30 min": the first letter of the unit counts. */
	while (*rest == ' ')
		rest++;
	tries[6] = str_format(arena, "PT%.*s%c", (int)strspn(upper, "0123456789"), upper, *rest);
	tries[7] = str_format(arena, "P%.*s%c", (int)strspn(upper, "0123456789"), upper, *rest);
	tries[0] = str_of(upper);
	tries[1] = str_format(arena, "%sH", upper);
	tries[2] = str_format(arena, "%sD", upper);
	tries[3] = str_format(arena, "PT%s", bare);
	tries[4] = str_format(arena, "P%s", bare);
	tries[5] = str_format(arena, "PT%sH", bare);
	for (size_t i = 0; i < array_count(tries); i++)
		if (duration_parse(tries[i], &unused))
			return tries[i];
	return STR_NONE;
}

bool read_duration(struct compile *compile, const struct place *at, struct duration *ret)
{
	struct str meant;
	struct str text;

	if (!present(at))
		return false;
	if (!json_is_string(at->value)) {
		complain_type(compile, at, "an ISO 8601 duration");
		return false;
	}
	text = str_of(json_string_value(at->value));
	if (duration_parse(text, ret))
		return true;
	meant = meant_duration(compile->arena, text);
	if (meant.p)
		complain(compile, at, "\"%.*s\" is no ISO 8601 duration (did you mean %.*s?)", STR_ARG(text),
			 STR_ARG(meant));
	else
		complain(compile, at, "\"%.*s\" is no ISO 8601 duration (such as PT2H, P3D)", STR_ARG(text));
	return false;
}

struct str read_name(struct compile *compile, const struct place *at)
{
	struct str name = read_text(compile, at);

	if (name.n > 0 && strspn(name.p, "abcdefghijklmnopqrstuvwxyz0123456789._-") != name.n)
		complain(compile, at, "\"%.*s\" is no name: only a-z, 0-9, \".\", \"_\" and \"-\"", STR_ARG(name));
	if (name.n > 64)
		complain(compile, at, "a name has at most 64 characters");
	return name;
}

struct str read_word(struct compile *compile, const struct place *at, const struct words *words)
{
	struct str word = read_text(compile, at);

	if (word.n == 0 || words_have(compile, words, word))
		return word;
	words_complain(compile, at, words, word);
	return STR_NONE;
}

struct strings read_strings(struct compile *compile, const struct place *at,
			    void (*check)(struct compile *, const struct place *, const void *), const void *context)
{
	bool single = json_is_string(at->value);
	size_t count = !present(at) ? 0 : single ? 1 : read_list(compile, at);
	struct str *items = arena_zero(compile->arena, (count + 1) * sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		struct place place = single ? *at : place_element(at, i);

		items[i] = read_text(compile, &place);
		if (items[i].n > 0 && check)
			check(compile, &place, context);
	}
	return (struct strings){ items, count };
}

static void check_word(struct compile *compile, const struct place *at, const void *words)
{
	struct str word = str_of(json_string_value(at->value));

	if (!words_have(compile, words, word))
		words_complain(compile, at, words, word);
}

struct strings read_words(struct compile *compile, const struct place *at, const struct words *words)
{
	return read_strings(compile, at, check_word, words);
}

void read_bilingual(struct compile *compile, const struct place *at, struct str *ret_zh, struct str *ret_en)
{
	static const char *const members[] = { "zh", "zh-CN", "zh-TW", "en", NULL };
	struct place zh;
	struct place en;

	if (json_is_string(at->value)) {
		*ret_zh = *ret_en = read_text(compile, at);
		return;
	}
	if (!read_object(compile, at, members))
		return;
	zh = place_member(at, "zh");
	en = place_member(at, "en");
	*ret_zh = read_text(compile, &zh);
	*ret_en = read_text(compile, &en);
	if (!ret_zh->p)
		*ret_zh = *ret_en;
	if (!ret_en->p)
		*ret_en = *ret_zh;
}

void check_names(struct compile *compile, const struct place *list)
{
	size_t count = json_array_size(list->value);

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(list, i);
		struct place name = place_member(&element, "name");

		for (size_t k = 0; k < i && json_is_string(name.value); k++) {
			json_t *other = json_object_get(json_array_get(list->value, k), "name");

			if (json_equal(other, name.value)) {
				complain(compile, &name, "the name \"%s\" stands at %zu of this list already",
					 json_string_value(name.value), k);
				break;
			}
		}
	}
}
