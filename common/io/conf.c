/* Reads a program's configuration file into its structs, by its tables of keys.
 *
 * Everything is parsed into items first and stored in the targets only when there was no error at all, so a bad file
 * changes nothing. Errors go out as they are found, each on its own line, so that one look mends the whole file.
 * A secret must never get into an error line, not even one that was written where it does not belong: these lines end
 * in the journal. Values are parsed by conf_value.c, written by conf_print.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/near.h"
#include "common/io/conf.h"
#include "common/io/conf_private.h"

#define FILE_LIMIT (1024 * 1024)
#define SHOWN_LIMIT 200
#define NAME_LIMIT 64

struct loading {
	const char *path;
	FILE *errors;
	size_t error_count;
	struct conf *conf;
};

/* One error line. An empty value leaves out " = value"; an absent name leaves out both. */
static void complain(struct loading *loading, unsigned line, struct str name, struct str value, const char *what)
{
	fprintf(loading->errors, "%s:", loading->path ? loading->path : "(no file)");
	if (line > 0)
		fprintf(loading->errors, "%u:", line);
	if (name.p)
		fprintf(loading->errors, " %.*s", STR_ARG(name));
	if (name.p && value.n > 0) {
		bool cut = value.n > SHOWN_LIMIT;
		if (cut)
			value.n = SHOWN_LIMIT;
		while (cut && ((unsigned char)value.p[value.n] & 0xc0) == 0x80)  /* not through a letter */
			value.n--;
		fprintf(loading->errors, " = %.*s%s", STR_ARG(value), cut ? "..." : "");
	}
	fprintf(loading->errors, "%s %s\n", name.p ? ":" : "", what);
	loading->error_count++;
}

static struct conf_item *find_item(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->count; i++)
		if (str_is(name, conf->items[i].key->name))
			return &conf->items[i];
	return NULL;
}

/* The value is left out on purpose: a misspelt key may be the password's. */
static void complain_unknown(struct loading *loading, unsigned line, struct str name)
{
	const char *nearest = NULL;
	size_t least = name.n / 3 < 3 ? name.n / 3 + 1 : 4;
	struct conf_problem problem;

	for (size_t i = 0; i < loading->conf->count; i++) {
		size_t distance = near_distance(name, str_of(loading->conf->items[i].key->name));
		if (distance < least) {
			least = distance;
			nearest = loading->conf->items[i].key->name;
		}
	}
	if (nearest)
		conf_say(&problem, "unknown key (did you mean \"%s\"?)", nearest);
	else if (memchr(name.p, '.', name.n))
		conf_say(&problem, "unknown key (librdkafka's settings begin with \"kafka.\")");
	else
		conf_say(&problem, "unknown key (--print-config shows all)");
	complain(loading, line, name, STR_NONE, problem.text);
}

/* A `kafka.` line: librdkafka checks name and value when the clients are made. Only a reference to a secret, in a key
 * that holds one, is resolved here, because librdkafka knows no credentials. */
static void read_pass(struct loading *loading, unsigned line, struct str full_name, struct str value)
{
	struct conf *conf = loading->conf;
	struct str name = { full_name.p + strlen("kafka."), full_name.n - strlen("kafka.") };
	bool secret = conf_pass_is_secret(name);
	struct str shown = conf_must_mask(secret ? CONF_SECRET : CONF_STRING, name, value) ? STR("(masked)") : value;
	struct conf_problem problem;
	const char *text;

	if (name.n == 0) {
		complain(loading, line, full_name, STR_NONE, "no name behind \"kafka.\"");
		return;
	}
	for (size_t i = 0; i < conf->pass_count; i++) {
		if (str_is(name, conf->passes[i].name)) {
			conf_say(&problem, "set already in line %u", conf->pass_written[i].line);
			complain(loading, line, full_name, shown, problem.text);
			return;
		}
	}
	text = secret && conf_is_reference(value) ? conf_read_secret(&conf->arena, value, &problem) : str_z(&conf->arena, value);
	if (!text)
		complain(loading, line, full_name, shown, problem.text);
	arena_grow(&conf->arena, &conf->passes, &conf->pass_capacity, conf->pass_count + 1, sizeof(*conf->passes));
	arena_grow(&conf->arena, &conf->pass_written, &conf->written_capacity, conf->pass_count + 1,
		   sizeof(*conf->pass_written));
	conf->passes[conf->pass_count] = (struct conf_pass){ str_z(&conf->arena, name), text };
	conf->pass_written[conf->pass_count] = (struct conf_written){ line, str_copy(&conf->arena, value) };
	conf->pass_count++;
}

static void read_line(struct loading *loading, unsigned line, struct str text)
{
	struct str name, value = str_trim(text);
	struct conf_item *item;
	struct conf_problem problem;

	if (value.n == 0 || value.p[0] == '#')
		return;
	/* Lines that are no pair are not repeated in the error: what stands there may be anything, a secret too. */
	for (size_t i = 0; i < value.n; i++) {
		if (((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t') || value.p[i] == 0x7f) {
			complain(loading, line, STR_NONE, STR_NONE, "a control character in this line (allowed: text)");
			return;
		}
	}
	if (!str_utf8(value)) {
		complain(loading, line, STR_NONE, STR_NONE, "this line is not UTF-8");
		return;
	}
	if (!memchr(value.p, '=', value.n)) {
		complain(loading, line, STR_NONE, STR_NONE, "no \"=\" in this line (allowed: key = value, or # comment)");
		return;
	}
	name = str_trim(str_cut(&value, '='));
	/* str_cut leaves an absent rest behind a separator at the very end */
	value = value.p ? str_trim(value) : STR("");
	if (name.n == 0) {
		complain(loading, line, STR_NONE, STR_NONE, "no key before \"=\" (allowed: key = value, or # comment)");
		return;
	}
	if (str_starts(name, STR("kafka."))) {
		read_pass(loading, line, name, value);
		return;
	}
	item = find_item(loading->conf, name);
	if (!item) {
		complain_unknown(loading, line, name);
		return;
	}
	struct str shown = conf_must_mask(item->key->type, name, value) ? STR("(masked)") : value;
	if (item->line > 0) {
		conf_say(&problem, "set already in line %u", item->line);
		complain(loading, line, name, shown, problem.text);
		return;
	}
	item->line = line;
	if (!conf_parse_value(loading->conf, item, value, &problem))
		complain(loading, line, name, shown, problem.text);
}

/* False when the file cannot be read at all. */
static bool read_lines(struct loading *loading)
{
	struct buf buf cleanup(buf_done) = { 0 };
	struct conf_problem problem;
	struct str text, line;
	unsigned number = 0;

	if (!conf_read_file(loading->path, FILE_LIMIT, &buf, &problem)) {
		complain(loading, 0, STR_NONE, STR_NONE, problem.text);
		return false;
	}
	text = buf_view(&buf);
	if (str_starts(text, STR("\xef\xbb\xbf")))  /* the mark that Windows editors put first */
		text = (struct str){ text.p + 3, text.n - 3 };
	while ((line = str_cut(&text, '\n')).p)
		read_line(loading, ++number, line);
	explicit_bzero(buf.p, buf.n);  /* there may be a password for librdkafka in it */
	return true;
}

/* Defaults for what the file did not set; a default that does not parse is as much an error as a line that does not. */
static void fill_defaults(struct loading *loading)
{
	struct conf_problem problem;
	char allowed[CONF_TEXT];

	for (size_t i = 0; i < loading->conf->count; i++) {
		struct conf_item *item = &loading->conf->items[i];
		struct str name = str_of(item->key->name);
		if (item->line > 0)
			continue;
		if (!item->key->fallback) {
			conf_say(&problem, "required, but missing (allowed: %s)", conf_allowed_text(item->key, allowed));
			complain(loading, 0, name, STR_NONE, problem.text);
		} else if (!conf_parse_value(loading->conf, item, str_of(item->key->fallback), &problem)) {
			complain(loading, 0, name, str_of(item->key->fallback), problem.text);
		}
	}
}

static void add_items(struct conf *conf, const struct conf_table *tables)
{
	size_t capacity = 0;

	for (const struct conf_table *table = tables; table->keys; table++) {
		for (const struct conf_key *key = table->keys; key->name; key++) {
			assert(!find_item(conf, str_of(key->name)) && strlen(key->name) <= NAME_LIMIT);
			arena_grow(&conf->arena, &conf->items, &capacity, conf->count + 1, sizeof(*conf->items));
			conf->items[conf->count++] = (struct conf_item){ .key = key, .target = table->target };
		}
	}
}

static void store(const struct conf_item *item)
{
	char *place = (char *)item->target + item->key->offset;

	switch (item->key->type) {
	case CONF_STRING:
	case CONF_SECRET:
		memcpy(place, &item->string, sizeof(item->string));
		return;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		memcpy(place, &item->number, sizeof(item->number));
		return;
	case CONF_BOOL:
		memcpy(place, &item->yes, sizeof(item->yes));
		return;
	}
}

enum verdict conf_load(const char *path, const struct conf_table *tables, FILE *errors, struct conf **ret_conf,
		       struct fault *fault)
{
	struct conf *conf = mem_zero(sizeof(*conf));
	struct loading loading = { .path = path, .errors = errors, .conf = conf };

	add_items(conf, tables);
	/* After an unreadable file every required key would be an error of its own. */
	if (!path || read_lines(&loading))
		fill_defaults(&loading);
	if (loading.error_count > 0) {
		(void)fflush(errors);
		conf_free(conf);
		return fault_set(fault, FATAL, "%s: %zu error%s (see aftercare.conf(5)); nothing was started",
				 path ? path : "configuration", loading.error_count, loading.error_count == 1 ? "" : "s");
	}
	for (size_t i = 0; i < conf->count; i++)
		store(&conf->items[i]);
	*ret_conf = conf;
	return OK;
}

const struct conf_pass *conf_passes(const struct conf *conf, size_t *ret_count)
{
	*ret_count = conf->pass_count;
	return conf->passes;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	/* Secrets are wiped so that a later core dump does not carry them. */
	for (size_t i = 0; i < conf->count; i++)
		if (conf->items[i].key->type == CONF_SECRET && conf->items[i].string)
			explicit_bzero((char *)conf->items[i].string, strlen(conf->items[i].string));
	for (size_t i = 0; i < conf->pass_count; i++) {
		if (!conf_pass_is_secret(str_of(conf->passes[i].name)))
			continue;
		explicit_bzero((char *)conf->pass_written[i].text.p, conf->pass_written[i].text.n);
		if (conf->passes[i].value)
			explicit_bzero((char *)conf->passes[i].value, strlen(conf->passes[i].value));
	}
	arena_done(&conf->arena);
	mem_free(conf);
}
