/* One event: what intake would say about its form, where, and what belongs there.
 *
 * The judgement is that of intake's own decoder and compiled schemas, so it cannot be of another opinion; only places, hints and
 * notes are added. Must never refuse what intake takes: what is merely odd becomes a note. */
#include <string.h>

#include "common/base/near.h"
#include "common/io/policy_file.h"
#include "services/ctl/event.h"

#define AHEAD (5 * MINUTE)   /* contract, section 2 */

struct look {
	const struct event_ask *ask;
	const struct event_text *text;
	struct event_result *result;
	struct arena *arena;
	bool in_data;                /* the envelope is right: what is wrong is wrong in data */
};

static enum verdict check_type(const struct look *look, struct fault *fault)
{
	const struct event_ask *ask = look->ask;
	struct event *event = &look->result->event;
	const struct schema *schema = event->name.p ? schema_of(ask->schemas, event->name) : NULL;
	struct str topic = schema ? schema_annotation(schema, "x-topic") : STR_NONE, near;

	if (!topic.p) {
		struct str said = event_short_name(event->name.p ? event->name : event->type);

		near = schema_of(ask->schemas, said) ? said : event_near_name(said, look->arena);
		if (near.p)
			look->result->wrong.text = str_format(look->arena, "did you mean %.*s?%s", STR_ARG(near),
							      ask->type ? "" : " A type is written aftercare.NAME.v1");
		else
			look->result->wrong.text = STR("aftercarectl event list names them all");
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: no event has this name");
	}
	look->result->schema = schema;
	if (!ask->facts && !str_is(schema_annotation(schema, "x-role"), "claim"))
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: %.*s is a %.*s; those come from us, never from outside",
				    STR_ARG(event->name), STR_ARG(schema_annotation(schema, "x-role")));
	if (ask->topic && !str_is(topic, ask->topic))
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: %.*s belongs on %.*s, not on %s", STR_ARG(event->name),
				    STR_ARG(topic), ask->topic);
	return OK;
}

static enum verdict decode(const struct look *look, struct fault *fault)
{
	static const struct bus_header structured = { { "content-type", 12 }, { "application/cloudevents+json", 28 } };
	const struct bus_record record = { .value = look->text->text, .headers = &structured, .header_count = 1 };
	struct event *event = &look->result->event;

	if (!look->ask->type)
		return event_decode(event, &record, "", look->arena, fault);
	*event = (struct event){ .name = event_short_name(str_of(look->ask->type)), .data = look->text->text };
	if (event->data.n > EVENT_VALUE_MAX)
		return fault_reject(fault, REASON_TOO_LARGE, "the data have %zu bytes, at most %u", event->data.n, EVENT_VALUE_MAX);
	return OK;
}

static enum verdict judge(struct look *look, struct fault *fault)
{
	struct event *event = &look->result->event;
	enum verdict verdict = decode(look, fault);

	if (verdict == OK)
		verdict = event_parse(event, look->arena, fault);
	if (verdict == OK)
		verdict = check_type(look, fault);
	if (verdict)
		return verdict;
	if (!look->ask->type && event->time == INSTANT_NONE) {
		look->result->wrong.text = STR("for example 2026-11-23T10:41:57+08:00: when it happened");
		return fault_reject(fault, REASON_SCHEMA_INVALID, event->time_text.p ? "at /time: no RFC 3339 time with zone" :
										       "at /time: required, when it happened");
	}
	if (event->doc.count == 0 || doc_type(&event->doc, 0) == DOC_NULL) {
		if (str_is(schema_annotation(look->result->schema, "x-about"), "directory"))
			return OK;
		return fault_reject(fault, REASON_SCHEMA_INVALID, "at /data: required, an object");
	}
	look->in_data = true;
	return schema_check(look->result->schema, &event->doc, look->arena, fault);
}

/* ---- places ---- */

static size_t line_at(const struct look *look, const char *at)
{
	size_t line = look->text->line;

	for (const char *p = look->text->text.p; p < at; p++)
		line += *p == '\n';
	return line;
}

static const char *start_of(const struct doc *doc, uint32_t node)
{
	return doc->text.p + doc->nodes[node].start;
}

/* The line of a place in data, as far as it is there. */
static size_t data_line(const struct look *look, struct str pointer)
{
	const struct doc *doc = &look->result->event.doc;
	uint32_t deepest = 0;

	if (doc->count == 0 || doc->text.p < look->text->text.p)
		return look->text->line;
	(void)event_pointed(doc, 0, pointer, &deepest, look->arena);
	return line_at(look, start_of(doc, deepest));
}

/* The line of an attribute of the envelope, or of the event when it is not there. */
static size_t envelope_line(const struct look *look, struct str pointer)
{
	struct fault ignored = FAULT_NONE;
	uint32_t deepest = 0;
	struct doc doc;

	if (look->ask->type || doc_parse(&doc, look->text->text, look->arena, &ignored) != OK)
		return look->text->line;
	(void)event_pointed(&doc, 0, pointer, &deepest, look->arena);
	return deepest ? line_at(look, start_of(&doc, deepest)) : look->text->line;
}

/* Takes "at /place: " off the text of the fault; what schema_check says is about data, all else about the envelope. */
static void find_place(const struct look *look)
{
	struct event_remark *wrong = &look->result->wrong;
	struct fault *fault = &look->result->fault;
	struct str text = str_copy(look->arena, str_of(fault->text)), pointer = { 0 };
	const char *colon = strstr(text.p, ": ");
	unsigned line;

	wrong->line = look->text->line;
	if (str_starts(text, STR("at /")) && colon) {
		pointer = (struct str){ text.p + 3, (size_t)(colon - text.p) - 3 };
		text = str_of(colon + 2);
	} else if (str_starts(text, STR("at the root of data: "))) {
		pointer = STR("");
		text = str_of(text.p + 21);
	} else if (sscanf(text.p, "line %u, ", &line) == 1 && line > 0) {
		wrong->line += line - 1;
		if (look->text->single_line)
			text = str_of(strstr(text.p, ", ") + 2);
		memmove(fault->text, text.p, text.n + 1);
		return;
	} else {
		return;
	}
	wrong->line = look->in_data ? data_line(look, pointer) : envelope_line(look, pointer);
	if (look->in_data && !wrong->text.p && !str_ends(pointer, STR("..."))) {
		struct str example = event_example_at(look->result->event.name, pointer, look->arena);

		if (example.p && example.n <= 100 && pointer.n > 0)
			wrong->text = str_format(look->arena, "for example %.*s", STR_ARG(example));
	}
	wrong->pointer = look->in_data && !look->ask->type ? str_format(look->arena, "/data%.*s", STR_ARG(pointer)) : pointer;
	memmove(fault->text, text.p, text.n + 1);
}

/* ---- notes ---- */

static void note(const struct look *look, struct str pointer, size_t line, struct str text)
{
	if (look->result->note_count < EVENT_NOTES)
		look->result->notes[look->result->note_count++] = (struct event_remark){ text, pointer, line };
}

static void note_data(const struct look *look, struct str pointer, struct str text)
{
	note(look, look->ask->type ? pointer : str_format(look->arena, "/data%.*s", STR_ARG(pointer)), data_line(look, pointer), text);
}

static void note_slip(void *context, uint32_t key, const char *meant)
{
	const struct look *look = context;
	const struct doc *doc = &look->result->event.doc;

	note_data(look, doc_pointer(doc, key + 1, look->arena),
		  str_format(look->arena, "the schema does not name this member; it is passed on, but nobody reads it "
			     "(did you mean \"%s\"?)", meant));
}

/* Codes are data: those that ship, and what a policy adds. */
static void note_codes(const struct look *look)
{
	static const struct {
		const char *path, *pointer, *codes, *several, *then;
	} places[] = {
		{ "channel", "/channel", "channel", "channels", "refused as channel_unknown" },
		{ "kind", "/kind", "kind", "kinds", "taken for \"other\"" },
		{ "severity", "/severity", "severity", "severities", "unknown to every clock" },
		{ "by.role", "/by/role", "role", "roles", "allowed nothing" },
	};
	const struct doc *doc = &look->result->event.doc;

	for (size_t i = 0; i < array_count(places); i++) {
		struct str word = doc_get(doc, places[i].path, look->arena), pointer = str_of(places[i].pointer);
		const char *const *codes = policy_codes(places[i].codes);
		const char *near;
		bool known = false;

		for (size_t k = 0; codes[k] && !known; k++)
			known = str_is(word, codes[k]);
		if (known || word.n == 0)
			continue;
		near = near_word(codes, word);
		note_data(look, pointer,
			  str_format(look->arena, "none of the %s that ship: %s unless a policy names it%s%s%s", places[i].several,
				     places[i].then, near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : ""));
	}
}

static void note_ticket(const struct look *look)
{
	const struct event *event = &look->result->event;

	if (!str_is(schema_annotation(look->result->schema, "x-about"), "ticket") || look->ask->type || event->subject.n > 0 ||
	    doc_get(&event->doc, "ticket", look->arena).n > 0 || doc_get(&event->doc, "request.id", look->arena).n > 0)
		return;
	note(look, STR_NONE, look->text->line,
	     STR("names no ticket, which is refused as ticket_unknown: give the subject, data.ticket or data.request"));
}

static void take_notes(const struct look *look)
{
	struct event_result *result = look->result;

	if (result->event.time != INSTANT_NONE && !look->ask->type && result->event.time > look->ask->now + AHEAD)
		note(look, STR("/time"), envelope_line(look, STR("/time")),
		     STR("later than this machine's clock: more than 5 minutes ahead is refused as time_in_future"));
	event_slips(result->event.name, &result->event.doc, note_slip, (void *)look, look->arena);
	if (!str_is(schema_annotation(result->schema, "x-role"), "claim"))
		return;
	note_codes(look);
	note_ticket(look);
}

void event_look(const struct event_ask *ask, const struct event_text *text, struct event_result *result, struct arena *arena)
{
	struct look look = { ask, text, result, arena, false };

	*result = (struct event_result){ .fault = FAULT_NONE };
	if (judge(&look, &result->fault) != OK) {
		if (!result->wrong.text.p && !look.in_data)
			result->wrong.text = str_of(ctl_guess(text->text));
		if (result->fault.reason == REASON_NOT_AN_EVENT && !result->wrong.text.p)
			result->wrong.text = STR("a CloudEvent in the structured form belongs here; --type NAME checks data alone");
		find_place(&look);
	}
	if (result->schema)
		take_notes(&look);
}
