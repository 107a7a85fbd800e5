/* The section "messages": who is told what on which fact, in the words of which template.
 *
 * Templates are files of deploy/templates, built into every program; notification renders them. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "common/io/embed.h"
#include "common/io/policy_inner.h"

#define TEMPLATES "deploy/templates/"

static void check_channel(struct compile *compile, const struct place *at, const void *unused)
{
	/* "log" delivers to the log only; "sms" is a channel that messages go out by, though no request comes in by it. */
	static const char *const outward[] = { "origin", "log", "sms", NULL };
	struct str word = str_of(json_string_value(at->value));
	const char *near = near_word(outward, word);

	(void)unused;
	for (size_t i = 0; outward[i]; i++)
		if (str_is(word, outward[i]))
			return;
	if (words_have(compile, &words_channel, word))
		return;
	if (near)
		complain(compile, at, "\"%.*s\" is no channel (did you mean %s?)", STR_ARG(word), near);
	else
		words_complain(compile, at, &words_channel, word);
}

/* "overdue" of deploy/templates/en/overdue.txt, once for each language it is there in; NULL-terminated. */
static const char *const *template_names(struct arena *arena)
{
	const char **names = arena_zero(arena, (embed_count + 1) * sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < embed_count; i++) {
		struct str path = str_of(embed_files[i].path), file = path;

		if (!str_starts(path, STR(TEMPLATES)) || !str_ends(path, STR(".txt")))
			continue;
		file = (struct str){ path.p + strlen(TEMPLATES), path.n - strlen(TEMPLATES ".txt") };
		(void)str_cut(&file, '/');
		if (file.p && !str_is(file, "words"))
			names[count++] = str_z(arena, file);
	}
	return names;
}

static struct str read_template(struct compile *compile, const struct place *at)
{
	const char *const *names = template_names(compile->arena);
	struct str name = read_name(compile, at);
	const char *near;

	for (size_t i = 0; names[i]; i++)
		if (name.n == 0 || str_is(name, names[i]))
			return name;
	near = near_word(names, name);
	if (name.n > 0)
		complain(compile, at, "\"%.*s\" is no template of deploy/templates%s%s%s", STR_ARG(name),
			 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	return name;
}

/* Complains unless the name is one of the document's messages or of the others (NULL-terminated). */
static void check_among(struct compile *compile, const struct place *at, struct str name, const char *const *others)
{
	const struct place *root = at;
	const char **names, *near;
	json_t *list, *item;
	size_t i, count = 0;

	while (root->up)
		root = root->up;
	list = json_object_get(root->value, "messages");
	for (i = 0; others[i]; i++)
		count++;
	names = arena_zero(compile->arena, (count + json_array_size(list) + 1) * sizeof(*names));
	memcpy(names, others, count * sizeof(*names));
	json_array_foreach (list, i, item)
		if (json_is_string(json_object_get(item, "name")))
			names[count++] = json_string_value(json_object_get(item, "name"));
	for (i = 0; i < count; i++)
		if (name.n == 0 || str_is(name, names[i]))
			return;
	near = near_word(names, name);
	if (name.n > 0)
		complain(compile, at, "\"%.*s\" is no message of this document%s%s%s", STR_ARG(name),
			 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

void check_message(struct compile *compile, const struct place *at, struct str name)
{
	check_among(compile, at, name, template_names(compile->arena));
}

void check_told(struct compile *compile, const struct place *at, struct str name)
{
	static const char *const result[] = { "result", NULL };

	check_among(compile, at, name, result);
}

static struct str read_once_per(struct compile *compile, const struct place *at)
{
	struct str text = read_text(compile, at);
	struct duration unused;

	if (text.n > 0 && !str_is(text, "ticket") && !str_is(text, "fact") && !duration_parse(text, &unused))
		complain(compile, at, "\"%.*s\" is not \"ticket\", \"fact\" or a duration", STR_ARG(text));
	return text;
}

/* A fact of a ticket, or what concerns none. */
static struct str read_on(struct compile *compile, const struct place *at)
{
	struct str word = str_of(json_string_value(at->value));
	const char *near = word.p && !words_have(compile, &words_fact, word) ? near_word(words_desk.items, word) : NULL;

	if (word.p && words_have(compile, &words_desk, word))
		return read_text(compile, at);
	if (!near || near_word(words_fact.items, word))
		return read_word(compile, at, &words_fact);
	complain(compile, at, "\"%.*s\" is no fact (did you mean %s?)", STR_ARG(word), near);
	return STR_NONE;
}

/* The embedded template in the language that all have; absent: there is none. */
static struct str template_text(struct arena *arena, struct str name)
{
	return embed_find(str_z(arena, str_format(arena, TEMPLATES "zh-CN/%.*s.txt", STR_ARG(name))));
}

static bool template_has(struct compile *compile, struct str name, struct str path)
{
	struct str text = template_text(compile->arena, name);
	struct str placeholder = str_format(compile->arena, "{{%.*s}}", STR_ARG(path));

	return text.n && memmem(text.p, text.n, placeholder.p, placeholder.n);
}

/* What the policy itself says in a message, by placeholder. */
static void read_texts(struct compile *compile, const struct place *at, struct message_rule *rule)
{
	static const char *const members[] = { "!zh", "!en", "zh-TW", NULL };
	struct message_text *texts;
	const char *key;
	json_t *value;

	if (!present(at))
		return;
	if (!json_is_object(at->value)) {
		complain(compile, at, "is no object of placeholders and texts");
		return;
	}
	texts = arena_zero(compile->arena, (json_object_size(at->value) + 1) * sizeof(*texts));
	json_object_foreach (at->value, key, value) {
		struct place entry = place_member(at, key);
		struct place zh = place_member(&entry, "zh"), en = place_member(&entry, "en"), tw = place_member(&entry, "zh-TW");
		struct message_text *text = &texts[rule->text_count];

		if (!read_object(compile, &entry, members))
			continue;
		text->path = str_copy(compile->arena, str_of(key));
		text->zh = read_text(compile, &zh);
		text->en = read_text(compile, &en);
		text->zh_tw = tw.value ? read_text(compile, &tw) : STR_NONE;
		if (template_text(compile->arena, rule->template_name).p && !template_has(compile, rule->template_name, text->path))
			complain(compile, &entry, "the template \"%.*s\" has no {{%s}}", STR_ARG(rule->template_name), key);
		rule->text_count++;
	}
	rule->texts = texts;
}

static void read_message(struct compile *compile, const struct place *at, struct message_rule *rule)
{
	static const char *const members[] = { "!name", "!on", "match", "!to", "channel", "!template", "must", "texts",
					       "once_per", "~hold_until", "~digest", NULL };
	struct place name = place_member(at, "name");
	struct place on = place_member(at, "on");
	struct place match = place_member(at, "match");
	struct place to = place_member(at, "to");
	struct place channel = place_member(at, "channel");
	struct place template_place = place_member(at, "template");
	struct place must = place_member(at, "must");
	struct place texts = place_member(at, "texts");
	struct place once_per = place_member(at, "once_per");
	struct str *origin;

	if (!read_object(compile, at, members))
		return;
	rule->name = read_name(compile, &name);
	rule->on = read_on(compile, &on);
	rule->match = read_match(compile, &match);
	rule->to = read_strings(compile, &to, check_recipient, NULL);
	if (json_is_array(to.value) && rule->to.count == 0)
		complain(compile, &to, "names nobody");
	rule->channels = read_strings(compile, &channel, check_channel, NULL);
	if (rule->channels.count == 0) {
		origin = arena_zero(compile->arena, sizeof(*origin));
		*origin = STR("origin");
		rule->channels = (struct strings){ origin, 1 };
	}
	rule->template_name = read_template(compile, &template_place);
	read_texts(compile, &texts, rule);
	rule->must = read_strings(compile, &must, NULL, NULL);
	rule->once_per = read_once_per(compile, &once_per);
}

void read_messages(struct compile *compile, const struct place *at, struct policy *policy)
{
	size_t count = read_list(compile, at);
	struct message_rule *rules = arena_zero(compile->arena, (count + 1) * sizeof(*rules));

	check_names(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_message(compile, &element, &rules[i]);
	}
	policy->messages = rules;
	policy->message_count = count;
}
