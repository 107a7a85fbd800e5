/* Reads scenario files: lines into steps, words into what they are. Knows no claim and no fact by name. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/scenario.h"

#define TOKENS 64

struct reader {
	struct scenarios *all;
	struct scenario_file *file;
	struct scenario *scenario;
	int line;
	const char *text;                /* the line */
	const char *tokens[TOKENS];
	size_t count, next;
	const char *rest;                /* behind the colon; NULL: there is none */
};

static void complain(struct reader *reader, const char *format, ...) printf_like(2, 3);
static void complain(struct reader *reader, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", reader->file->path, reader->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	reader->all->errors++;
}

static const char *keep(struct reader *reader, const char *p, size_t n)
{
	return str_z(&reader->all->arena, (struct str){ p, n });
}

/* ---- words of a line ---- */

/* Where a word ends: at white space outside of quotes and brackets. */
static const char *word_end(const char *p)
{
	int depth = 0;
	char quote = 0;

	for (; *p; p++) {
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || (*p == '\'' && depth > 0))
			quote = *p;
		else if (*p == '[' || *p == '{')
			depth++;
		else if (*p == ']' || *p == '}')
			depth--;
		else if (depth == 0 && isspace((unsigned char)*p))
			break;
	}
	return p;
}

/* A word that ends with a colon is the last one; what is behind it is text. */
static void split(struct reader *reader)
{
	const char *p = reader->text;

	reader->count = reader->next = 0;
	reader->rest = NULL;
	while (*(p += strspn(p, " \t")) && reader->count < TOKENS) {
		const char *end = word_end(p);
		bool last = end[-1] == ':';

		reader->tokens[reader->count++] = keep(reader, p, (size_t)(end - p) - last);
		p = end;
		if (last) {
			reader->rest = p + strspn(p, " \t");
			break;
		}
	}
	if (reader->count == TOKENS)
		complain(reader, "more than %d words", TOKENS - 1);
}

static const char *peek(const struct reader *reader)
{
	return reader->next < reader->count ? reader->tokens[reader->next] : "";
}

static const char *take(struct reader *reader)
{
	const char *word = peek(reader);

	reader->next += reader->next < reader->count;
	return word;
}

static bool takes(struct reader *reader, const char *word)
{
	if (strcmp(peek(reader), word) != 0)
		return false;
	reader->next++;
	return true;
}

/* ---- parts of a step ---- */

static void add_field(struct reader *reader, struct step *step, const char *path, enum field_test test, const char *value)
{
	arena_grow(&reader->all->arena, &step->fields, &step->field_capacity, step->field_count + 1, sizeof(*step->fields));
	step->fields[step->field_count++] = (struct field){ path, value, test };
}

static void add_word(struct reader *reader, struct step *step, const char *word)
{
	arena_grow(&reader->all->arena, &step->words, &step->word_capacity, step->word_count + 1, sizeof(*step->words));
	step->words[step->word_count++] = word;
}

/* path=value and its like; false when the word is nothing of the kind. */
static bool read_field(struct reader *reader, struct step *step, const char *word)
{
	static const struct {
		const char *sign;
		enum field_test test;
	} signs[] = { { "!=", FIELD_IS_NOT }, { ">=", FIELD_AT_LEAST }, { "<=", FIELD_AT_MOST }, { "=", FIELD_IS }, { "~", FIELD_CONTAINS } };
	size_t n = strcspn(word, "!=~<>?\"[{");

	for (size_t i = 0; i < array_count(signs) && n > 0; i++) {
		size_t length = strlen(signs[i].sign);

		if (strncmp(word + n, signs[i].sign, length) == 0) {
			add_field(reader, step, keep(reader, word, n), signs[i].test, word + n + length);
			return true;
		}
	}
	if (n > 0 && strcmp(word + n, "?") == 0)
		add_field(reader, step, keep(reader, word, n), FIELD_THERE, "");
	else if (word[0] == '!' && word[1] && strcspn(word + 1, "!=~<>?\"[{") == strlen(word + 1))
		add_field(reader, step, word + 1, FIELD_NOT_THERE, "");
	else
		return false;
	return true;
}

static const char *unquoted(struct reader *reader, const char *word)
{
	return *word == '"' && word[1] ? keep(reader, word + 1, strlen(word) - 2) : word;
}

/* The rest of an expectation. */
static void read_conditions(struct reader *reader, struct step *step)
{
	while (reader->next < reader->count) {
		const char *word = take(reader);

		if (strcmp(word, "as") == 0)
			step->label = take(reader);
		else if (step->type == STEP_EXPECT_SHOWN && *word == '"')
			add_word(reader, step, unquoted(reader, word));
		else if (!read_field(reader, step, word))
			complain(reader, "\"%s\" is no condition (path=value)", word);
	}
	if (reader->rest)
		complain(reader, "an expectation has no text behind a colon");
}

static void read_claim(struct reader *reader, struct step *step)
{
	const char *word = take(reader);
	const struct verb *verb;

	step->type = STEP_CLAIM;
	if (strcmp(word, "at") == 0) {
		step->at = take(reader);
		word = take(reader);
	}
	if (strcmp(word, "claim") != 0) {
		step->actor = word;
		if (!isupper((unsigned char)*word) && strcmp(word, "customer") != 0)
			complain(reader, "\"%s\" is nobody and no step (see run --help)", word);
	}
	word = take(reader);
	verb = scenario_verb(word);
	step->name = verb ? verb->claim : word;
	if (!verb && !strchr(word, '.'))
		complain(reader, "\"%s\" is no verb and no claim (see run --help)", word);
	if (verb && verb->data)
		step->other = verb->data;
	while (reader->next < reader->count) {
		const char *particle;

		word = take(reader);
		particle = scenario_particle(word);
		if (strcmp(word, "as") == 0)
			step->label = take(reader);
		else if (particle)
			add_field(reader, step, particle, FIELD_IS, take(reader));
		else if (!read_field(reader, step, word))
			complain(reader, "\"%s\" is no path=value", word);
	}
	if (reader->rest && !(verb && verb->text))
		complain(reader, "%s has no text behind a colon", word);
	else if (reader->rest)
		add_field(reader, step, verb->text, FIELD_IS, str_format(&reader->all->arena, "\"%s\"", reader->rest).p);
	for (size_t i = 0; i < step->field_count; i++)
		if (step->fields[i].test != FIELD_IS)
			complain(reader, "what is said about %s is a condition; a claim has path=value", step->fields[i].path);
}

static void read_expect(struct reader *reader, struct step *step)
{
	step->type = STEP_EXPECT;
	if (takes(reader, "refused")) {
		step->type = STEP_EXPECT_REFUSED;
		step->name = take(reader);
		while (reader->next < reader->count)
			add_word(reader, step, unquoted(reader, take(reader)));
		return;
	}
	if (takes(reader, "state")) {
		step->type = STEP_EXPECT_STATE;
		step->name = take(reader);
		return;
	}
	if (takes(reader, "shown")) {
		step->type = STEP_EXPECT_SHOWN;
		read_conditions(reader, step);
		return;
	}
	if (takes(reader, "no"))
		step->type = STEP_EXPECT_COUNT;
	else if (takes(reader, "exactly")) {
		step->type = STEP_EXPECT_COUNT;
		step->count = strtoul(take(reader), NULL, 10);
	}
	if (takes(reader, "on")) {
		step->desk = takes(reader, "the") && takes(reader, "desk");
		if (!step->desk)
			complain(reader, "on what? (expect on the desk FACT ...)");
	}
	step->name = take(reader);
	if (!strchr(step->name, '.'))
		complain(reader, "\"%s\" is no fact", step->name);
	if (takes(reader, "before")) {
		step->type = STEP_EXPECT_ORDER;
		step->other = take(reader);
	}
	read_conditions(reader, step);
	if (step->desk && step->field_count == 0)
		complain(reader, "the desk is everybody's: say which %s, by a name of this scenario", step->name);
}

static void read_person(struct reader *reader, struct step *step)
{
	step->type = STEP_PERSON;
	step->actor = take(reader);
	reader->next++;
	if (!takes(reader, "a") && !takes(reader, "an"))
		complain(reader, "%s is a what?", step->actor);
	step->name = take(reader);
	while (reader->next < reader->count) {
		const char *word = take(reader);

		if (strcmp(word, "for") == 0 || strcmp(word, "and") == 0)
			add_word(reader, step, take(reader));
		else if (!read_field(reader, step, word))
			complain(reader, "\"%s\" is no path=value", word);
	}
}

static void read_step(struct reader *reader)
{
	struct scenario *scenario = reader->scenario;
	struct step *step;

	arena_grow(&reader->all->arena, &scenario->steps, &scenario->step_capacity, scenario->step_count + 1, sizeof(*step));
	step = &scenario->steps[scenario->step_count++];
	*step = (struct step){ .line = reader->line, .text = reader->text };
	if (takes(reader, "expect"))
		read_expect(reader, step);
	else if (takes(reader, "name")) {
		step->type = STEP_NAME;
		while (reader->next < reader->count)
			add_word(reader, step, take(reader));
	} else if (takes(reader, "about")) {
		step->type = STEP_ABOUT;
		step->name = take(reader);
	} else if (reader->count > 1 && strcmp(reader->tokens[1], "is") == 0 && takes(reader, "T0")) {
		step->type = STEP_BEGIN;
		reader->next++;
		step->name = take(reader);
		if (takes(reader, "ago"))
			step->name = str_format(&reader->all->arena, "now-%s", step->name).p;
	} else if (reader->count > 1 && strcmp(reader->tokens[1], "is") == 0)
		read_person(reader, step);
	else
		read_claim(reader, step);
	if (step->type == STEP_EXPECT_REFUSED && (scenario->step_count < 2 || step[-1].type != STEP_CLAIM))
		complain(reader, "what is refused? The line above is no claim");
	else if (step->type == STEP_EXPECT_REFUSED)
		step[-1].refused = true;
}

/* ---- the head ---- */

/* "C072_nobody_replies": letters and digits, the rest becomes one "_". */
static const char *id_of(struct reader *reader, const char *title)
{
	char *id = arena_zero(&reader->all->arena, strlen(title) + 16);
	char *p = id + sprintf(id, "%s_", reader->file->clause ? reader->file->clause : "C");

	for (; *title; title++) {
		if (isalnum((unsigned char)*title))
			*p++ = *title;
		else if (p[-1] != '_')
			*p++ = '_';
	}
	while (p > id && p[-1] == '_')
		*--p = '\0';
	return id;
}

static void read_scenario(struct reader *reader, const char *title)
{
	struct scenarios *all = reader->all;

	if (!reader->file->clause || !reader->file->zh || !reader->file->en || reader->file->policy_count == 0)
		complain(reader, "the head lacks one of clause:, zh:, en:, policy:");
	arena_grow(&all->arena, &all->items, &all->capacity, all->count + 1, sizeof(*all->items));
	reader->scenario = &all->items[all->count++];
	*reader->scenario = (struct scenario){ .file = reader->file, .title = title, .id = id_of(reader, title), .line = reader->line };
	for (size_t i = 0; i + 1 < all->count; i++)
		if (strcmp(all->items[i].id, reader->scenario->id) == 0)
			complain(reader, "there is another scenario of this name, %s:%d", all->items[i].file->path, all->items[i].line);
}

static void add_file(struct reader *reader, struct scenario_file *file)
{
	struct scenarios *all = reader->all;

	arena_grow(&all->arena, &all->files, &all->file_capacity, all->file_count + 1, sizeof(*all->files));
	all->files[all->file_count++] = reader->file = file;
}

/* Again behind a scenario: for those that follow. */
static void read_policies(struct reader *reader)
{
	struct scenario_file *file = reader->file;
	struct str rest = str_of(reader->rest);

	if (reader->scenario) {
		file = arena_copy(&reader->all->arena, file, sizeof(*file));
		file->policies = NULL;
		file->policy_count = file->policy_capacity = 0;
		add_file(reader, file);
	}
	while (rest.p) {
		struct str word = str_cut(&rest, ' ');

		if (word.n == 0)
			continue;
		arena_grow(&reader->all->arena, &file->policies, &file->policy_capacity, file->policy_count + 1, sizeof(*file->policies));
		file->policies[file->policy_count++] = keep(reader, word.p, word.n);
	}
}

static void read_line(struct reader *reader)
{
	const char *word;

	split(reader);
	if (reader->count == 0 || *reader->tokens[0] == '#')
		return;
	word = reader->tokens[0];
	if (reader->count > 1 || !reader->rest)
		word = "";
	if (strcmp(word, "clause") == 0)
		reader->file->clause = reader->rest;
	else if (strcmp(word, "zh") == 0)
		reader->file->zh = reader->rest;
	else if (strcmp(word, "en") == 0)
		reader->file->en = reader->rest;
	else if (strcmp(word, "lacks") == 0)
		return; /* for the page */
	else if (strcmp(word, "policy") == 0)
		read_policies(reader);
	else if (strcmp(word, "scenario") == 0)
		read_scenario(reader, reader->rest);
	else if (!reader->scenario)
		complain(reader, "a step before the first `scenario:`, or an unknown word of the head");
	else
		read_step(reader);
}

/* Whether the file has been read, by whatever way it was named. */
static bool is_read(const struct scenarios *scenarios, const char *path)
{
	struct stat one, other;

	for (size_t i = 0; i < scenarios->file_count; i++)
		if (stat(path, &one) == 0 && stat(scenarios->files[i]->path, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev)
			return true;
	return false;
}

void scenarios_read(struct scenarios *scenarios, const char *path)
{
	struct reader reader = { .all = scenarios };
	FILE *in;
	char *line = NULL;
	size_t size = 0;

	if (is_read(scenarios, path))
		return;
	in = fopen(path, "r");
	if (!in) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		scenarios->errors++;
		return;
	}
	add_file(&reader, arena_zero(&scenarios->arena, sizeof(*reader.file)));
	reader.file->path = str_z(&scenarios->arena, str_of(path));
	while (getline(&line, &size, in) >= 0) {
		reader.line++;
		reader.text = str_z(&scenarios->arena, str_trim(str_of(line)));
		read_line(&reader);
	}
	free(line);
	fclose(in);
	if (!reader.scenario)
		complain(&reader, "no scenario in it");
}

static int is_scenario(const struct dirent *entry)
{
	return fnmatch("*.scenario", entry->d_name, 0) == 0;
}

void scenarios_read_folder(struct scenarios *scenarios, const char *folder)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_scenario, alphasort);

	if (count < 0) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		scenarios->errors++;
	}
	for (int i = 0; i < count; i++) {
		scenarios_read(scenarios, str_format(&scenarios->arena, "%s/%s", folder, entries[i]->d_name).p);
		free(entries[i]);
	}
	free(entries);
}

void scenarios_only(struct scenarios *scenarios, const char *pattern)
{
	size_t kept = 0;

	for (size_t i = 0; i < scenarios->count; i++)
		if (fnmatch(pattern, scenarios->items[i].id, 0) == 0)
			scenarios->items[kept++] = scenarios->items[i];
	scenarios->count = kept;
}

static bool concerns(const struct scenario *scenario, const char *tag, struct str clauses)
{
	bool any = clauses.n == 0, under = false;

	for (size_t i = 0; i < scenario->file->policy_count; i++)
		under = under || strcmp(scenario->file->policies[i], tag) == 0;
	while (clauses.p)
		any = str_is(str_cut(&clauses, ' '), scenario->file->clause) || any;
	return any && under;
}

void scenarios_vary(struct scenarios *scenarios, const char *path)
{
	struct scenario *plain = scenarios->items;
	size_t plain_count = scenarios->count, size = 0;
	FILE *in = fopen(path, "r");
	char *line = NULL;

	scenarios->items = NULL;
	scenarios->count = scenarios->capacity = 0;
	scenarios->errors += !in;
	while (in && getline(&line, &size, in) >= 0) {
		struct str rest = str_trim(str_of(line));
		const char *tag = str_z(&scenarios->arena, str_cut(&rest, ' ')), *variant = str_z(&scenarios->arena, str_cut(&rest, ' '));

		for (size_t i = 0; i < plain_count; i++) {
			if (!concerns(&plain[i], tag, rest))
				continue;
			arena_grow(&scenarios->arena, &scenarios->items, &scenarios->capacity, scenarios->count + 1, sizeof(*plain));
			scenarios->items[scenarios->count] = plain[i];
			scenarios->items[scenarios->count].tag = tag;
			scenarios->items[scenarios->count].variant = variant;
			scenarios->items[scenarios->count++].id = str_format(&scenarios->arena, "%s:%s", variant, plain[i].id).p;
		}
	}
	free(line);
	if (in)
		fclose(in);
}

void scenarios_done(struct scenarios *scenarios)
{
	arena_done(&scenarios->arena);
	*scenarios = (struct scenarios){ .count = 0 };
}
