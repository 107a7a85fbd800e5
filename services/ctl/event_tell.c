/* What is said about an event: a line for a person, or the same as JSON. */
#include "services/ctl/event.h"
#include "services/ctl/screen.h"

struct str event_key_text(struct str key, struct arena *arena)
{
	struct str kind = key;

	if (str_is(key, "request"))
		return STR("the event id of the request that opens the ticket");
	if (str_is(key, "ticket"))
		return STR("the ticket's id");
	kind = str_cut(&key, ':');
	return key.p ? str_format(arena, "%.*s:%s", STR_ARG(kind), str_is(key, "id") ? "ID" : "STAFF") :
		       str_format(arena, "data.%.*s", STR_ARG(kind));
}

static void put_remark(struct writer *writer, const struct event_remark *remark, const char *name)
{
	write_member_int(writer, "line", (int64_t)remark->line);
	write_member(writer, "pointer", remark->pointer);
	write_member(writer, name, remark->text);
}

static void tell_json(const struct event_ask *ask, const char *path, const struct event_text *text,
		      const struct event_result *result)
{
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };
	bool wrong = result->fault.verdict != OK;
	struct event_remark place = result->wrong;

	if (!wrong)
		place = (struct event_remark){ .line = text->line };
	write_open(&writer, '{');
	write_member(&writer, "file", str_of(path));
	write_member_bool(&writer, "ok", !wrong);
	write_member(&writer, "id", result->event.id);
	write_member(&writer, "name", result->event.name);
	write_member(&writer, "topic", result->schema ? schema_annotation(result->schema, "x-topic") : STR_NONE);
	write_member(&writer, "key", result->schema ? event_key_text(schema_annotation(result->schema, "x-key"), &ask->ctl->arena) :
						      STR_NONE);
	write_member(&writer, "reason", wrong ? str_of(reason_name(result->fault.reason)) : STR_NONE);
	write_member(&writer, "detail", wrong ? str_of(result->fault.text) : STR_NONE);
	put_remark(&writer, &place, "hint");
	write_key(&writer, "notes");
	write_open(&writer, '[');
	for (size_t i = 0; i < result->note_count; i++) {
		write_open(&writer, '{');
		put_remark(&writer, &result->notes[i], "note");
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	write_close(&writer, '}');
	printf("%.*s\n", (int)line.n, line.p);
}

/* "FILE:12: schema_invalid: at /data/window: required, but missing (for example ...)" */
static void tell_remark(const char *path, const char *what, const struct event_remark *remark, struct str detail)
{
	struct buf line cleanup(buf_done) = { 0 };

	screen_put(&line, str_of(path), 0);
	buf_format(&line, ":%zu: %s: ", remark->line, what);
	if (remark->pointer.n > 0) {
		buf_z(&line, "at ");
		screen_put(&line, remark->pointer, 0);
		buf_z(&line, ": ");
	}
	screen_put(&line, detail.p ? detail : remark->text, 0);
	if (detail.p && remark->text.p) {
		buf_z(&line, " (");
		screen_put(&line, remark->text, 0);
		buf_char(&line, ')');
	}
	printf("%.*s\n", (int)line.n, line.p);
}

void event_tell(const struct event_ask *ask, const char *path, const struct event_text *text, const struct event_result *result,
		bool quiet)
{
	struct str key;

	if (ask->ctl->json) {
		tell_json(ask, path, text, result);
		return;
	}
	if (result->fault.verdict) {
		tell_remark(path, reason_name(result->fault.reason), &result->wrong, str_of(result->fault.text));
	} else if (!quiet) {
		key = event_key_text(schema_annotation(result->schema, "x-key"), &ask->ctl->arena);
		printf("%s: ok: %.*s, for the topic %.*s, key: %.*s\n", path, STR_ARG(result->event.name),
		       STR_ARG(schema_annotation(result->schema, "x-topic")), STR_ARG(key));
	}
	for (size_t i = 0; i < result->note_count; i++)
		tell_remark(path, "note", &result->notes[i], STR_NONE);
}
