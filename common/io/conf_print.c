/* Turns configuration back into text: --print-config, the reference, and the wording of limits in conf.c's errors.
 *
 * What conf_print writes is itself a configuration file. Of a secret only the reference is written, never the content;
 * a password that somebody put into a string is hidden behind a comment, and only then is the file not complete. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/io/conf.h"
#include "common/io/conf_private.h"

const struct conf_unit *conf_units(enum conf_type type)
{
	static const struct conf_unit durations[] = {
		{ "d", DAY }, { "h", HOUR }, { "min", MINUTE }, { "s", SECOND }, { "ms", MILLISECOND }, { "us", 1 }, { NULL, 0 },
	};
	static const struct conf_unit sizes[] = {
		{ "G", INT64_C(1) << 30 }, { "M", INT64_C(1) << 20 }, { "K", INT64_C(1) << 10 }, { "B", 1 }, { NULL, 0 },
	};

	return type == CONF_DURATION ? durations : type == CONF_SIZE ? sizes : NULL;
}

static bool unlimited(const struct conf_key *key)
{
	return key->min == 0 && key->max == 0;
}

int64_t conf_min(const struct conf_key *key)
{
	return unlimited(key) && key->type == CONF_INT ? INT64_MIN : key->min;
}

int64_t conf_max(const struct conf_key *key)
{
	return unlimited(key) ? INT64_MAX : key->max;
}

const char *conf_number_text(enum conf_type type, int64_t number, char text[static CONF_TEXT])
{
	const struct conf_unit *unit = conf_units(type);

	/* The largest unit without a remainder; zero would fit all of them and reads best in a middle one. */
	while (unit && number % unit->factor != 0)
		unit++;
	if (number == 0)
		(void)snprintf(text, CONF_TEXT, "%s", type == CONF_DURATION ? "0s" : "0");
	else if (!unit || (type == CONF_SIZE && unit->factor == 1))
		(void)snprintf(text, CONF_TEXT, "%" PRId64, number);
	else
		(void)snprintf(text, CONF_TEXT, "%" PRId64 "%s", number / unit->factor, unit->name);
	return text;
}

static const char *units_text(enum conf_type type)
{
	return type == CONF_DURATION ? "; units: us, ms, s, min, h, d" : type == CONF_SIZE ? "; units: K, M, G" : "";
}

const char *conf_allowed_text(const struct conf_key *key, char text[static CONF_TEXT])
{
	char least[CONF_TEXT], most[CONF_TEXT];

	switch (key->type) {
	case CONF_STRING:
		(void)snprintf(text, CONF_TEXT, "text");
		return text;
	case CONF_BOOL:
		(void)snprintf(text, CONF_TEXT, "yes, no");
		return text;
	case CONF_SECRET:
		(void)snprintf(text, CONF_TEXT, "credential:NAME, file:/PATH");
		return text;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		break;
	}
	(void)conf_number_text(key->type, conf_min(key), least);
	(void)conf_number_text(key->type, conf_max(key), most);
	if (unlimited(key))
		(void)snprintf(text, CONF_TEXT, "any%s", units_text(key->type));
	else if (key->max == INT64_MAX)
		(void)snprintf(text, CONF_TEXT, "at least %.40s%s", least, units_text(key->type));
	else if (key->min == INT64_MIN)
		(void)snprintf(text, CONF_TEXT, "at most %.40s%s", most, units_text(key->type));
	else
		(void)snprintf(text, CONF_TEXT, "%.40s to %.40s%s", least, most, units_text(key->type));
	return text;
}

bool conf_is_reference(struct str value)
{
	return str_starts(value, STR("credential:")) || str_starts(value, STR("file:"));
}

static bool contains(struct str s, const char *part)
{
	return s.n > 0 && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

bool conf_pass_is_secret(struct str name)
{
	static const char *const parts[] = { "password", "secret", "key.pem", "jaas", "oauthbearer.config", "private.key" };

	for (size_t i = 0; i < array_count(parts); i++)
		if (contains(name, parts[i]))
			return true;
	return false;
}

bool conf_must_mask(enum conf_type type, struct str name, struct str value)
{
	struct str rest = value;
	const char *scheme = value.n > 0 ? memmem(value.p, value.n, "://", 3) : NULL;

	if (type == CONF_SECRET)
		return value.n > 0 && !conf_is_reference(value);
	if (type != CONF_STRING)
		return false;
	if (conf_pass_is_secret(name) || contains(value, "password"))
		return true;
	/* postgresql://user:password@host */
	if (!scheme)
		return false;
	rest.n -= (size_t)(scheme + 3 - rest.p);
	rest.p = scheme + 3;
	if (!contains(rest, "@"))
		return false;
	return contains(str_cut(&rest, '@'), ":");
}

static void print_pair(FILE *out, const char *prefix, struct str name, struct str value, bool mask)
{
	if (mask)
		fprintf(out, "# %s%.*s = (masked)\n", prefix, STR_ARG(name));
	else
		fprintf(out, "%s%.*s =%s%.*s\n", prefix, STR_ARG(name), value.n > 0 ? " " : "", STR_ARG(value));
}

/* The value in force stands in the target: an option of the command line may have changed it since. */
static struct str value_text(const struct conf_item *item, char text[static CONF_TEXT])
{
	const char *place = (const char *)item->target + item->key->offset;
	const char *string;
	int64_t number;
	bool yes;

	switch (item->key->type) {
	case CONF_STRING:
		memcpy(&string, place, sizeof(string));
		return str_of(string);
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		memcpy(&number, place, sizeof(number));
		if (item->absent && number == 0)
			return STR_NONE;
		return str_of(conf_number_text(item->key->type, number, text));
	case CONF_BOOL:
		memcpy(&yes, place, sizeof(yes));
		if (item->absent && !yes)
			return STR_NONE;
		return yes ? STR("yes") : STR("no");
	case CONF_SECRET:
		return item->written;
	}
	return STR_NONE;
}

void conf_print(const struct conf *conf, const struct conf_table *tables, FILE *out)
{
	char text[CONF_TEXT];
	size_t i = 0;

	for (const struct conf_table *table = tables; table->keys; table++) {
		for (const struct conf_key *key = table->keys; key->name; key++, i++) {
			const struct conf_item *item = &conf->items[i];
			struct str name = str_of(key->name);
			struct str value;

			assert(i < conf->count && item->key == key);  /* the same tables as when it was loaded */
			value = value_text(item, text);
			if (!key->fallback)
				fprintf(out, "# required\n");
			else if (item->line == 0)
				fprintf(out, "# default\n");
			else
				fprintf(out, "# default: %s\n", *key->fallback ? key->fallback : "none");
			print_pair(out, "", name, value, conf_must_mask(key->type, name, value));
		}
	}
	if (conf->pass_count > 0)
		fprintf(out, "# for librdkafka\n");
	for (i = 0; i < conf->pass_count; i++) {
		struct str name = str_of(conf->passes[i].name);
		struct str value = conf->pass_written[i].text;
		enum conf_type type = conf_pass_is_secret(name) ? CONF_SECRET : CONF_STRING;
		print_pair(out, "kafka.", name, value, conf_must_mask(type, name, value));
	}
}

static const char *type_text(enum conf_type type)
{
	switch (type) {
	case CONF_STRING: return "text";
	case CONF_INT: return "whole number";
	case CONF_DURATION: return "length of time";
	case CONF_SIZE: return "size in bytes";
	case CONF_BOOL: return "yes or no";
	case CONF_SECRET: return "secret";
	}
	return "";
}

void conf_reference(const struct conf_table *tables, FILE *out)
{
	char allowed[CONF_TEXT];

	for (const struct conf_table *table = tables; table->keys; table++) {
		for (const struct conf_key *key = table->keys; key->name; key++) {
			fprintf(out, "%s\n    %s", key->name, type_text(key->type));
			if (key->type != CONF_STRING && key->type != CONF_BOOL)
				fprintf(out, " (%s)", conf_allowed_text(key, allowed));
			if (!key->fallback)
				fprintf(out, "; required\n");
			else
				fprintf(out, "; default %s\n", *key->fallback ? key->fallback : "none");
			fprintf(out, "    %s\n\n", key->help);
		}
	}
}
