/* event list, event example: what there is to send, and one of each to begin with. */
#include <string.h>
#include <sysexits.h>

#include "common/io/embed.h"
#include "services/ctl/event.h"
#include "services/ctl/screen.h"

#define FOLDER "schemas/events/"

struct list {
	struct ctl *ctl;
	const char *word;
	bool facts;
	size_t shown;
};

/* Whether the text holds the word, whatever the case of its letters. */
static bool holds(struct str text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= text.n; i++)
		if (strncasecmp(text.p + i, word, n) == 0)
			return true;
	return false;
}

static void list_show(struct list *list, struct str name, const struct doc *schema)
{
	struct arena *arena = &list->ctl->arena;
	struct str topic = doc_get(schema, "x-topic", arena), role = doc_get(schema, "x-role", arena);
	struct str title = doc_get(schema, "title", arena);
	struct str key = event_key_text(doc_get(schema, "x-key", arena), arena);
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };

	if (!topic.p || (!list->facts && !str_is(role, "claim")))
		return;
	if (list->word && !holds(name, list->word) && !holds(topic, list->word) && !holds(title, list->word))
		return;
	list->shown++;
	if (list->ctl->json) {
		write_open(&writer, '{');
		write_member(&writer, "name", name);
		write_member(&writer, "type", str_format(arena, "aftercare.%.*s.v1", STR_ARG(name)));
		write_member(&writer, "role", role);
		write_member(&writer, "topic", topic);
		write_member(&writer, "key", key);
		write_member(&writer, "title", title);
		write_close(&writer, '}');
	} else {
		buf_format(&line, "%-29.*s %-20.*s %.*s", STR_ARG(name), STR_ARG(topic), STR_ARG(title));
	}
	printf("%.*s\n", (int)line.n, line.p);
}

int ctl_event_list(struct ctl *ctl, int argc, char **argv)
{
	struct list list = { .ctl = ctl };

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--facts") == 0)
			list.facts = true;
		else if (argv[i][0] == '-' || list.word)
			return ctl_fail(EX_USAGE, "event list: unknown argument %s (see --help)", argv[i]);
		else
			list.word = argv[i];
	}
	for (size_t i = 0; i < embed_count; i++) {
		struct str name = str_of(embed_files[i].path);
		struct fault ignored = FAULT_NONE;
		struct doc schema;

		if (!str_starts(name, STR(FOLDER)) || doc_parse(&schema, embed_find(embed_files[i].path), &ctl->arena, &ignored) != OK)
			continue;
		list_show(&list, (struct str){ name.p + strlen(FOLDER), name.n - strlen(FOLDER ".json") }, &schema);
	}
	if (list.shown == 0)
		return ctl_fail(1, "no event's name, topic or title holds \"%s\"%s", list.word ? list.word : "",
				list.facts ? "" : " (facts are shown with --facts)");
	return 0;
}

int ctl_event_example(struct ctl *ctl, int argc, char **argv)
{
	struct str name = STR_NONE, example, near;
	bool whole = true;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--data") == 0)
			whole = false;
		else if (argv[i][0] == '-' || name.p)
			return ctl_fail(EX_USAGE, "event example: unknown argument %s (see --help)", argv[i]);
		else
			name = str_of(argv[i]);
	}
	if (!name.p)
		return ctl_fail(EX_USAGE, "an example of which event? (event list names them)");
	name = event_short_name(name);
	example = event_example(name, whole, screen_now(), &ctl->arena);
	if (example.p) {
		printf("%.*s\n", STR_ARG(example));
		return 0;
	}
	near = event_near_name(name, &ctl->arena);
	return near.p ? ctl_fail(1, "no event is named %.*s (did you mean %.*s?)", STR_ARG(name), STR_ARG(near)) :
			ctl_fail(1, "no event is named %.*s (event list names them)", STR_ARG(name));
}
