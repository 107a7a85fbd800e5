/* event check: what intake would say about the form of events, without a broker or a database. */
#include <string.h>
#include <sysexits.h>

#include "services/ctl/event.h"
#include "services/ctl/screen.h"

#define FILE_MAX (64u << 20)

enum { RIGHT = 0, WRONG = 1, UNREADABLE = 2 };

static int check_file(const struct event_ask *ask, const char *path)
{
	struct arena file cleanup(arena_done) = { 0 };
	struct arena one cleanup(arena_done) = { 0 };
	struct event_result result;
	struct event_input input;
	struct event_text text = { 0 };
	struct str bytes;
	size_t count = 0, wrong = 0;
	bool many;

	if (!ctl_read_file(ask->ctl, path, FILE_MAX, &bytes))
		return UNREADABLE;
	event_input_open(&input, bytes, ask->type != NULL, &file);
	many = input.lines || input.doc.count > 0;
	while (event_input_next(&input, &text)) {
		event_look(ask, &text, &result, &one);
		event_tell(ask, path, &text, &result, many);
		wrong += result.fault.verdict != OK;
		count++;
		arena_reset(&one);
	}
	if (many && !ask->ctl->json)
		printf("%s: %zu event%s: %zu right, %zu wrong\n", path, count, count == 1 ? "" : "s", count - wrong, wrong);
	return wrong > 0 ? WRONG : RIGHT;
}

int ctl_event_check(struct ctl *ctl, int argc, char **argv)
{
	struct event_ask ask = { .ctl = ctl, .now = screen_now() };
	const char **files = arena_zero(&ctl->arena, (size_t)argc * sizeof(*files));
	struct fault fault = FAULT_NONE;
	struct schema_set *schemas;
	size_t count = 0;
	int status = RIGHT;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--type") == 0 && i + 1 < argc)
			ask.type = argv[++i];
		else if (strcmp(argv[i], "--topic") == 0 && i + 1 < argc)
			ask.topic = argv[++i];
		else if (strcmp(argv[i], "--facts") == 0)
			ask.facts = true;
		else if (argv[i][0] == '-' && argv[i][1])
			return ctl_fail(EX_USAGE, "event check: unknown argument %s (see --help)", argv[i]);
		else
			files[count++] = argv[i];
	}
	if (count == 0)
		return ctl_fail(EX_USAGE, "which FILE? (- is the standard input)");
	if (schema_load(&schemas, &fault))
		return ctl_fail(EX_SOFTWARE, "%s", fault.text);
	ask.schemas = schemas;
	for (size_t i = 0; i < count; i++) {
		int told = check_file(&ask, files[i]);

		status = told > status ? told : status;
	}
	schema_free(schemas);
	return status;
}
