/* The catalogue of templates and words, read from the embedded files and checked once at start.
 *
 * deploy/templates/LOCALE/NAME.txt: `subject: ...`, further header lines (`version: 2`), an empty line, the body.
 * deploy/templates/LOCALE/words.txt: `key = text`. Whatever one locale has the others have too, so that no message is ever
 * missing for want of a translation. Must never read the file system. */
#include <stdlib.h>

#include "services/notification/notification.h"

#define TEMPLATES STR("deploy/templates/")

/* What a placeholder may begin with; anything else is a slip of the pen. */
static const char *const roots[] = { "ticket", "kind", "severity", "mode", "channel", "priority", "state", "received_at", "missing",
				     "option", "expected", "owner", "customer", "product", "problem", "need", "fault_type", "event", NULL };

static bool root_known(struct str path)
{
	struct str root = str_cut(&path, '.');

	for (const char *const *p = roots; *p; p++)
		if (str_is(root, *p))
			return true;
	return false;
}

bool notification_placeholder(struct str *rest, struct str *ret_before, struct str *ret_path)
{
	const char *end = rest->p + rest->n;

	*ret_path = STR_NONE;
	for (const char *p = rest->p; p + 1 < end; p++) {
		if (p[0] == '}' && p[1] == '}')
			return false;
		if (p[0] != '{' || p[1] != '{')
			continue;
		const char *from = p + 2, *to = from;
		while (to < end && ((*to >= 'a' && *to <= 'z') || (*to >= '0' && *to <= '9') || *to == '_' || *to == '.'))
			to++;
		if (to == from || end - to < 2 || to[0] != '}' || to[1] != '}')
			return false;
		*ret_before = (struct str){ rest->p, (size_t)(p - rest->p) };
		*ret_path = (struct str){ from, (size_t)(to - from) };
		*rest = (struct str){ to + 2, (size_t)(end - to - 2) };
		return true;
	}
	*ret_before = *rest;
	*rest = (struct str){ end, 0 };
	return true;
}

static bool text_check(struct str text, const char *path, struct fault *fault)
{
	while (text.n) {
		struct str before, name;

		if (!notification_placeholder(&text, &before, &name)) {
			fault_set(fault, FATAL, "%s: a placeholder is malformed (allowed: {{path.of.names}})", path);
			return false;
		}
		if (name.p && !root_known(name)) {
			fault_set(fault, FATAL, "%s: {{%.*s}}: nothing can fill it", path, STR_ARG(name));
			return false;
		}
	}
	return true;
}

/* The headers of a template, up to the empty line. */
static enum verdict template_read(struct notification_template *template, struct str text, const char *path, struct fault *fault)
{
	template->version = 1;
	while (text.p) {
		struct str line = str_trim(str_cut(&text, '\n'));
		struct str name = str_cut(&line, ':');
		int64_t number = 0;

		if (name.n == 0 && !line.p)
			break;
		if (str_is(name, "task") && line.p && !template->task.p)
			template->task = str_trim(line);
		else if (str_is(name, "subject") && line.p && !template->subject.p)
			template->subject = str_trim(line);
		else if (str_is(name, "version") && line.p && str_int64(str_trim(line), &number) && number > 0 && number < 1000000)
			template->version = (int32_t)number;
		else
			return fault_set(fault, FATAL, "%s: the first line is `subject: ...`, then `version: 1`, an empty line, the text",
					 path);
	}
	template->body = text.p ? text : STR("");
	if (!template->subject.n || !template->body.n)
		return fault_set(fault, FATAL, "%s: subject or text is missing", path);
	if (!str_utf8(template->subject) || !str_utf8(template->body))
		return fault_set(fault, FATAL, "%s: is no UTF-8", path);
	if (!text_check(template->subject, path, fault) || !text_check(template->body, path, fault))
		return FATAL;
	return OK;
}

static enum verdict words_read(struct notification_catalogue *catalogue, struct str locale, struct str text, const char *path,
			       struct fault *fault)
{
	while (text.p) {
		struct str line = str_trim(str_cut(&text, '\n'));
		struct str key = line;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		key = str_trim(str_cut(&line, '='));
		line = line.p ? str_trim(line) : line;
		if (!line.p || key.n == 0 || notification_word(catalogue, locale, key).p)
			return fault_set(fault, FATAL, "%s: %.*s: each line is `key = text`, each key stands once", path, STR_ARG(key));
		if (line.n >= 2 && line.p[0] == '"' && line.p[line.n - 1] == '"')
			line = (struct str){ line.p + 1, line.n - 2 };
		arena_grow(&catalogue->arena, &catalogue->words, &catalogue->word_capacity, catalogue->word_count + 1,
			   sizeof(*catalogue->words));
		catalogue->words[catalogue->word_count++] = (struct notification_word){ locale, key, line };
	}
	return OK;
}

static void locale_add(struct notification_catalogue *catalogue, struct str locale)
{
	for (size_t i = 0; i < catalogue->locale_count; i++)
		if (str_eq(catalogue->locales[i], locale))
			return;
	arena_grow(&catalogue->arena, &catalogue->locales, &catalogue->locale_capacity, catalogue->locale_count + 1,
		   sizeof(*catalogue->locales));
	catalogue->locales[catalogue->locale_count++] = locale;
}

static enum verdict file_read(struct notification_catalogue *catalogue, const struct embed_file *file, struct fault *fault)
{
	struct str text = { file->begin, (size_t)(file->end - file->begin) };
	struct str name = str_of(file->path);
	struct str locale;

	if (!str_starts(name, TEMPLATES))
		return OK;
	name = (struct str){ name.p + TEMPLATES.n, name.n - TEMPLATES.n };
	locale = str_cut(&name, '/');
	if (!name.p || !str_ends(name, STR(".txt")) || name.n == 4)
		return fault_set(fault, FATAL, "%s: templates are LOCALE/NAME.txt", file->path);
	name.n -= 4;
	locale_add(catalogue, locale);
	if (str_is(name, "words"))
		return words_read(catalogue, locale, text, file->path, fault);
	arena_grow(&catalogue->arena, &catalogue->templates, &catalogue->template_capacity, catalogue->template_count + 1,
		   sizeof(*catalogue->templates));
	struct notification_template *template = &catalogue->templates[catalogue->template_count++];
	*template = (struct notification_template){ .name = name, .locale = locale };
	return template_read(template, text, file->path, fault);
}

static int compare_words(const void *a, const void *b)
{
	const struct notification_word *x = a, *y = b;
	int order = str_cmp(x->locale, y->locale);

	return order ? order : str_cmp(x->key, y->key);
}

static bool text_uses(struct str text, struct str path)
{
	while (text.n) {
		struct str before, name;

		if (!notification_placeholder(&text, &before, &name))
			return false;
		if (name.p && str_eq(name, path))
			return true;
	}
	return false;
}

/* Every placeholder of `a` stands in `b` too. */
static enum verdict same_placeholders(const struct notification_template *a, const struct notification_template *b, struct fault *fault)
{
	const struct str texts[] = { a->subject, a->body };

	for (size_t i = 0; i < array_count(texts); i++) {
		struct str text = texts[i];

		while (text.n) {
			struct str before, name;

			if (!notification_placeholder(&text, &before, &name) || !name.p)
				break;
			if (!text_uses(b->subject, name) && !text_uses(b->body, name))
				return fault_set(fault, FATAL, "deploy/templates/%.*s/%.*s.txt: {{%.*s}} is missing; %.*s has it",
						 STR_ARG(b->locale), STR_ARG(b->name), STR_ARG(name), STR_ARG(a->locale));
		}
	}
	return OK;
}

static enum verdict catalogue_check(const struct notification_catalogue *catalogue, struct fault *fault)
{
	for (size_t l = 0; l < catalogue->locale_count; l++) {
		struct str locale = catalogue->locales[l];

		for (size_t i = 0; i < catalogue->template_count; i++) {
			const struct notification_template *a = &catalogue->templates[i];
			const struct notification_template *b = notification_template_find(catalogue, a->name, locale);

			if (!b)
				return fault_set(fault, FATAL, "deploy/templates/%.*s/%.*s.txt is missing; %.*s has it", STR_ARG(locale),
						 STR_ARG(a->name), STR_ARG(a->locale));
			if (same_placeholders(a, b, fault))
				return FATAL;
			if (!str_eq(a->task, b->task))
				return fault_set(fault, FATAL, "deploy/templates/%.*s/%.*s.txt: task is another one than that of %.*s",
						 STR_ARG(locale), STR_ARG(a->name), STR_ARG(a->locale));
		}
		for (size_t i = 0; i < catalogue->word_count; i++)
			if (!notification_word(catalogue, locale, catalogue->words[i].key).p)
				return fault_set(fault, FATAL, "deploy/templates/%.*s/words.txt: %.*s is missing; %.*s has it",
						 STR_ARG(locale), STR_ARG(catalogue->words[i].key), STR_ARG(catalogue->words[i].locale));
	}
	if (catalogue->template_count == 0)
		return fault_set(fault, FATAL, "deploy/templates: there is no template in this program");
	return OK;
}

enum verdict notification_catalogue_load(const struct embed_file *files, size_t count, struct notification_catalogue **ret,
					 struct fault *fault)
{
	struct notification_catalogue *catalogue = mem_zero(sizeof(*catalogue));
	enum verdict verdict = OK;

	for (size_t i = 0; i < count && verdict == OK; i++)
		verdict = file_read(catalogue, &files[i], fault);
	if (verdict == OK && catalogue->word_count)
		qsort(catalogue->words, catalogue->word_count, sizeof(*catalogue->words), compare_words);
	catalogue->sorted = true;
	if (verdict == OK)
		verdict = catalogue_check(catalogue, fault);
	if (verdict == OK)
		*ret = catalogue;
	else
		notification_catalogue_free(catalogue);
	return verdict;
}

void notification_catalogue_free(struct notification_catalogue *catalogue)
{
	if (!catalogue)
		return;
	arena_done(&catalogue->arena);
	mem_free(catalogue);
}

const struct notification_template *notification_template_find(const struct notification_catalogue *catalogue, struct str name,
							       struct str locale)
{
	for (size_t i = 0; i < catalogue->template_count; i++)
		if (str_eq(catalogue->templates[i].name, name) && str_eq(catalogue->templates[i].locale, locale))
			return &catalogue->templates[i];
	return NULL;
}

struct str notification_word(const struct notification_catalogue *catalogue, struct str locale, struct str key)
{
	const struct notification_word wanted = { .locale = locale, .key = key };
	const struct notification_word *word = NULL;

	/* Sorted once all are read; until then there are few. */
	if (catalogue->sorted && catalogue->word_count)
		word = bsearch(&wanted, catalogue->words, catalogue->word_count, sizeof(*catalogue->words), compare_words);
	for (size_t i = 0; !catalogue->sorted && !word && i < catalogue->word_count; i++)
		if (compare_words(&wanted, &catalogue->words[i]) == 0)
			word = &catalogue->words[i];
	return word ? word->text : STR_NONE;
}

static bool chinese_of_taiwan(struct str language)
{
	static const char *const tags[] = { "zh-Hant", "zh-TW", "zh-HK", "zh-MO" };

	for (size_t i = 0; i < array_count(tags); i++)
		if (str_starts(language, str_of(tags[i])))
			return true;
	return false;
}

struct str notification_locale(const struct notification_catalogue *catalogue, struct str language, struct str fallback)
{
	struct str rest = language, base = str_cut(&rest, '-');

	for (size_t i = 0; language.n && i < catalogue->locale_count; i++)
		if (str_eq(catalogue->locales[i], language))
			return catalogue->locales[i];
	if (chinese_of_taiwan(language))
		language = STR("zh-TW");
	else if (str_is(base, "zh"))
		language = str_starts(fallback, STR("zh")) && language.n == 2 ? fallback : STR("zh-CN");
	for (size_t i = 0; i < catalogue->locale_count; i++)
		if (str_eq(catalogue->locales[i], language))
			return catalogue->locales[i];
	for (size_t i = 0; base.n && i < catalogue->locale_count; i++) {
		struct str own = catalogue->locales[i];

		if (str_eq(str_cut(&own, '-'), base))
			return catalogue->locales[i];
	}
	return fallback;
}
