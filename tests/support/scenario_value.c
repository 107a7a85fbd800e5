/* What stands behind the = of a scenario: names, times, JSON; and whether it is what a fact says. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scenario_inner.h"

/* ---- names ---- */

const struct play_name *play_name(const struct play *play, const char *name)
{
	for (size_t i = play->name_count; i-- > 0;)
		if (strcmp(play->names[i].name, name) == 0)
			return &play->names[i];
	return NULL;
}

void play_name_add(struct play *play, const char *name, const char *id, const struct record *record)
{
	arena_grow(&play->arena, &play->names, &play->name_capacity, play->name_count + 1, sizeof(*play->names));
	play->names[play->name_count++] = (struct play_name){ name, id, record };
}

const char *play_id(struct play *play, const char *name)
{
	const struct play_name *known = play_name(play, name);

	if (known)
		return known->id;
	play_name_add(play, name, desk_unique(play->desk, name), NULL);
	return play->names[play->name_count - 1].id;
}

static json_t *own(struct play *play, json_t *value)
{
	json_array_append_new(play->garbage, value);
	return value;
}

/* ---- times ---- */

/* "1h30m", "2y", "1mo"; where it ends in *p. */
static bool read_length(const char **p, struct duration *ret)
{
	static const struct {
		const char *unit;
		int months;
		int64_t us;
	} units[] = { { "mo", 1, 0 }, { "ms", 0, MILLISECOND }, { "us", 0, 1 }, { "y", 12, 0 }, { "w", 0, 7 * DAY }, { "d", 0, DAY },
		      { "h", 0, HOUR }, { "m", 0, MINUTE }, { "s", 0, SECOND } };
	bool any = false;

	*ret = (struct duration){ 0 };
	while (isdigit((unsigned char)**p)) {
		char *end;
		long n = strtol(*p, &end, 10);
		size_t i = 0;

		while (i < array_count(units) && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (i == array_count(units))
			return false;
		ret->months += (int32_t)n * units[i].months;
		ret->us += n * units[i].us;
		*p = end + strlen(units[i].unit);
		any = true;
	}
	return any;
}

/* +1h-30s ... to the end of the text. */
static bool add_lengths(const char *p, instant *at)
{
	while (*p == '+' || *p == '-') {
		bool back = *p++ == '-';
		struct duration length;

		if (!read_length(&p, &length))
			return false;
		if (back)
			length = (struct duration){ .months = -length.months, .us = -length.us };
		*at = instant_add(*at, length, SCENARIO_ZONE);
	}
	return *p == '\0';
}

/* A time that begins with a word: false when the text is nothing of the kind. `date`: it is a day. */
static bool read_time(struct play *play, const char *text, instant *ret, bool *date)
{
	size_t n = strcspn(text, "+-");
	struct str word = { text, n };

	*date = false;
	if (str_is(word, "T0"))
		*ret = play->t0 == INSTANT_NONE ? desk_now() : play->t0;
	else if (str_is(word, "now"))
		*ret = desk_now();
	else if (str_is(word, "today")) {
		*ret = instant_day(desk_now(), SCENARIO_ZONE);
		*date = true;
	} else
		return false;
	return add_lengths(text + n, ret);
}

static json_t *time_text(instant at, bool date)
{
	char text[INSTANT_TEXT];
	struct str said = date ? instant_format_date(at, SCENARIO_ZONE, text) : instant_format(at, text);

	return json_stringn(said.p, said.n);
}

/* late.due_at+24h: what the fact says that a line has called `late`. */
static json_t *of_label(struct play *play, const char *text)
{
	size_t n = strcspn(text, ".");
	const char *path = text + n + (text[n] == '.');
	const struct play_name *name = play_name(play, str_format(&play->arena, "%.*s", (int)n, text).p);
	size_t length = strcspn(path, "+-");
	json_t *value;
	instant at;

	if (!name || !name->record || text[n] != '.')
		return NULL;
	value = record_get(name->record, str_format(&play->arena, "%.*s", (int)length, path).p);
	if (!value)
		buf_format(&play->why, "%s has no %.*s", name->record->name, (int)length, path);
	if (!value || !path[length])
		return value;
	at = record_time(name->record, str_format(&play->arena, "%.*s", (int)length, path).p);
	if (at == INSTANT_NONE || !add_lengths(path + length, &at)) {
		buf_format(&play->why, "%s is no time", text);
		return NULL;
	}
	return own(play, time_text(at, false));
}

/* ---- JSON ---- */

static json_t *replace_names(struct play *play, json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_object(value)) {
		void *next;

		json_object_foreach_safe(value, next, key, item)
			json_object_set(value, key, replace_names(play, item));
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, item)
			json_array_set(value, i, replace_names(play, item));
	} else if (json_is_string(value)) {
		const struct play_name *name = play_name(play, json_string_value(value));

		if (name && !name->record)
			return own(play, json_string(name->id));
	}
	return value;
}

/* {'a': 1} and ["a"] as they are, [a, b] as a list of texts. */
static json_t *read_json(struct play *play, const char *text)
{
	char *copy = arena_copy(&play->arena, text, strlen(text) + 1);
	json_t *value, *list;
	struct str rest;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (value)
		return replace_names(play, own(play, value));
	if (*copy != '[') {
		buf_format(&play->why, "%s is no JSON", text);
		return NULL;
	}
	list = own(play, json_array());
	rest = (struct str){ copy + 1, strlen(copy) - 2 };
	while (rest.p) {
		struct str item = str_trim(str_cut(&rest, ','));

		if (item.n)
			json_array_append_new(list, json_stringn(item.p, item.n));
	}
	return replace_names(play, list);
}

static json_t *read_text(struct play *play, const char *text)
{
	size_t n = strlen(text);

	return own(play, json_stringn(text + 1, n > 1 && text[n - 1] == '"' ? n - 2 : n - 1));
}

json_t *play_value(struct play *play, const char *text)
{
	const struct play_name *name = play_name(play, text);
	size_t said = play->why.n;
	json_t *value;
	char *end;
	instant at;
	bool date;

	if (*text == '"')
		return read_text(play, text);
	if (*text == '[' || *text == '{')
		return read_json(play, text);
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return own(play, json_boolean(*text == 't'));
	if (strcmp(text, "null") == 0)
		return own(play, json_null());
	if (name && !name->record)
		return own(play, json_string(name->id));
	if (read_time(play, text, &at, &date))
		return own(play, time_text(at, date));
	value = of_label(play, text);
	if (value || play->why.n > said)
		return value;
	(void)strtod(text, &end);
	if (end != text && !*end)
		return own(play, strpbrk(text, ".eE") ? json_real(strtod(text, NULL)) : json_integer(strtoll(text, NULL, 10)));
	return own(play, json_string(text));
}

instant play_time(struct play *play, const char *text)
{
	json_t *value = play_value(play, text);
	instant at;

	if (value && json_is_string(value) && instant_parse(str_of(json_string_value(value)), &at))
		return at;
	if (!play->why.n)
		buf_format(&play->why, "\"%s\" is no time", text);
	return INSTANT_NONE;
}

/* ---- paths ---- */

void play_set(json_t *object, const char *path, json_t *value)
{
	char name[128];

	for (size_t n; path[n = strcspn(path, ".")]; path += n + 1) {
		json_t *inner;

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		inner = json_object_get(object, name);
		if (!json_is_object(inner)) {
			inner = json_object();
			json_object_set_new(object, name, inner);
		}
		object = inner;
	}
	json_object_set(object, path, value);
}

json_t *play_get(json_t *document, const char *path)
{
	char name[128];

	while (document && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		document = json_is_array(document) ? json_array_get(document, strtoul(name, NULL, 10)) : json_object_get(document, name);
		path += n + (path[n] == '.');
	}
	return json_is_null(document) ? NULL : document;
}

/* ---- comparing ---- */

/* <0, 0, >0; times to the microsecond, whatever their zone. False when they are of different sorts. */
static bool order(const json_t *a, const json_t *b, int *ret)
{
	instant x, y;

	if (json_is_number(a) && json_is_number(b)) {
		double u = json_number_value(a), v = json_number_value(b);

		*ret = (u > v) - (u < v);
		return true;
	}
	if (!json_is_string(a) || !json_is_string(b))
		return false;
	if (instant_parse(str_of(json_string_value(a)), &x) && instant_parse(str_of(json_string_value(b)), &y))
		*ret = (x > y) - (x < y);
	else
		*ret = strcmp(json_string_value(a), json_string_value(b));
	return true;
}

static bool contains(const json_t *value, const json_t *part)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value) && json_is_string(part))
		return strstr(json_string_value(value), json_string_value(part)) != NULL;
	json_array_foreach(value, i, item)
		if (json_equal(item, part))
			return true;
	return false;
}

/* Lists of what is there in whatever order. */
static bool same(const json_t *value, const json_t *wanted)
{
	const json_t *item;
	size_t i;
	int sign;

	if (json_is_null(wanted))
		return !value || json_is_null(value);
	if (json_is_array(value) && json_is_array(wanted)) {
		json_array_foreach(wanted, i, item)
			if (!contains(value, item))
				return false;
		return json_array_size(value) == json_array_size(wanted);
	}
	return value && order(value, wanted, &sign) ? sign == 0 : json_equal(value, wanted);
}

bool play_holds(struct play *play, json_t *document, const struct field *field)
{
	json_t *value = play_get(document, field->path), *wanted;
	int sign;

	if (field->test == FIELD_THERE || field->test == FIELD_NOT_THERE)
		return (value != NULL) == (field->test == FIELD_THERE);
	wanted = play_value(play, field->value);
	if (!wanted)
		return false;
	switch (field->test) {
	case FIELD_IS:
		return same(value, wanted);
	case FIELD_IS_NOT:
		return !same(value, wanted);
	case FIELD_CONTAINS:
		return value && contains(value, wanted);
	case FIELD_AT_LEAST:
		return value && order(value, wanted, &sign) && sign >= 0;
	case FIELD_AT_MOST:
		return value && order(value, wanted, &sign) && sign <= 0;
	default:
		return false;
	}
}
