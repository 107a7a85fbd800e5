/* event check: what intake would say about the form of an event, without a broker or a database.
 *
 * Uses the same decoder and the same compiled schemas as intake, so it cannot be of another opinion. */
#include <string.h>
#include <sysexits.h>

#include "common/io/event.h"
#include "common/io/schema.h"
#include "services/ctl/ctl.h"
#include "services/ctl/screen.h"

#define FILE_MAX (4u << 20)

struct check {
	struct ctl *ctl;
	struct schema_set *schemas;
	const char *type;            /* of bare data; NULL: structured events */
};

/* "request.submitted" of "aftercare.request.submitted.v1" or of itself. */
static struct str short_name(const char *type)
{
	struct str name = str_of(type);

	if (str_starts(name, STR("aftercare.")) && str_ends(name, STR(".v1")) && name.n > 13)
		name = (struct str){ name.p + 10, name.n - 13 };
	return name;
}

static enum verdict check_claim(const struct check *check, struct str name, const struct schema **ret, struct fault *fault)
{
	const struct schema *schema = name.p ? schema_of(check->schemas, name) : NULL;
	struct str role = schema ? schema_annotation(schema, "x-role") : STR_NONE;

	if (!schema || (!str_is(role, "claim") && !str_is(role, "fact")))
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "at /type: no event has this name");
	if (!str_is(role, "claim"))
		return fault_reject(fault, REASON_TYPE_UNKNOWN,
				    "at /type: %.*s is a fact; facts come from us, never from outside",
				    STR_ARG(name));
	*ret = schema;
	return OK;
}

static enum verdict check_event(struct check *check, struct str text, struct event *event, const struct schema **ret_schema,
				struct fault *fault)
{
	static const struct bus_header structured = { { "content-type", 12 }, { "application/cloudevents+json", 28 } };
	const struct bus_record record = { .value = text, .headers = &structured, .header_count = 1 };
	struct arena *arena = &check->ctl->arena;
	enum verdict verdict;

	if (check->type) {
		*event = (struct event){ .name = short_name(check->type), .data = text };
		if (text.n > EVENT_VALUE_MAX)
			return fault_reject(fault, REASON_TOO_LARGE, "the data have %zu bytes, at most %u", text.n,
					    EVENT_VALUE_MAX);
	} else {
		verdict = event_decode(event, &record, "", arena, fault);
		if (verdict)
			return verdict;
	}
	verdict = event_parse(event, arena, fault);
	if (verdict == OK)
		verdict = check_claim(check, event->name, ret_schema, fault);
	if (verdict)
		return verdict;
	if (!check->type && event->time == INSTANT_NONE)
		return fault_reject(fault, REASON_SCHEMA_INVALID, event->time_text.p ? "at /time: no RFC 3339 time with zone"
										     : "at /time: required, when it happened");
	if (event->doc.count == 0 || doc_type(&event->doc, 0) == DOC_NULL) {
		if (str_is(schema_annotation(*ret_schema, "x-about"), "directory"))
			return OK;
		return fault_reject(fault, REASON_SCHEMA_INVALID, "at /data: required, an object");
	}
	return schema_check(*ret_schema, &event->doc, arena, fault);
}

static void tell_json(struct check *check, const char *path, const struct event *event, const struct schema *schema,
		      const struct fault *fault)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member(&writer, "file", str_of(path));
	write_member_bool(&writer, "ok", fault->verdict == OK);
	write_member(&writer, "name", event->name);
	write_member(&writer, "topic", schema ? schema_annotation(schema, "x-topic") : STR_NONE);
	write_member(&writer, "reason", fault->verdict ? str_of(reason_name(fault->reason)) : STR_NONE);
	write_member(&writer, "detail", fault->verdict ? str_of(fault->text) : STR_NONE);
	write_close(&writer, '}');
	puts(str_z(&check->ctl->arena, buf_view(&text)));
	buf_done(&text);
}

static void tell(struct check *check, const char *path, const struct event *event, const struct schema *schema,
		 const struct fault *fault)
{
	struct buf line = { 0 };

	if (check->ctl->json) {
		tell_json(check, path, event, schema, fault);
		return;
	}
	buf_format(&line, "%s: ", path);
	if (fault->verdict) {
		buf_format(&line, "%s: ", reason_name(fault->reason));
		screen_put(&line, str_of(fault->text), 0);
	} else {
		struct str key = schema_annotation(schema, "x-key");

		buf_format(&line, "ok: %.*s, for the topic %.*s", STR_ARG(event->name),
			   STR_ARG(schema_annotation(schema, "x-topic")));
		if (str_is(key, "request"))
			buf_z(&line, ", key: the event id of the request that opens the ticket");
		else if (str_is(key, "ticket"))
			buf_z(&line, ", key: the ticket's id");
		else
			buf_format(&line, ", key: %.*s", STR_ARG(key));
	}
	printf("%.*s\n", (int)line.n, line.p);
	buf_done(&line);
}

static bool check_file(struct check *check, const char *path)
{
	struct fault fault = FAULT_NONE;
	struct event event = { 0 };
	const struct schema *schema = NULL;
	struct str text;

	if (!ctl_read_file(check->ctl, path, FILE_MAX, &text))
		return false;
	if (check_event(check, text, &event, &schema, &fault) != OK && fault.reason == REASON_NOT_AN_EVENT && !check->type)
		fault_context(&fault, "%s", "structured CloudEvent expected (--type NAME for bare data)");
	tell(check, path, &event, schema, &fault);
	return fault.verdict == OK;
}

int ctl_event_check(struct ctl *ctl, int argc, char **argv)
{
	struct check check = { .ctl = ctl };
	struct fault fault = FAULT_NONE;
	const char **files = arena_zero(&ctl->arena, (size_t)argc * sizeof(*files));
	size_t count = 0;
	int status = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--type") == 0 && i + 1 < argc)
			check.type = argv[++i];
		else if (argv[i][0] == '-' && argv[i][1])
			return ctl_fail(EX_USAGE, "event check: unknown argument %s (see --help)", argv[i]);
		else
			files[count++] = argv[i];
	}
	if (count == 0)
		return ctl_fail(EX_USAGE, "which FILE? (- is the standard input)");
	if (schema_load(&check.schemas, &fault))
		return ctl_fail(EX_SOFTWARE, "%s", fault.text);
	for (size_t i = 0; i < count; i++)
		if (!check_file(&check, files[i]))
			status = 1;
	schema_free(check.schemas);
	return status;
}
