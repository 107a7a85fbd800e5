/* The envelope: CloudEvents 1.0 on Kafka, both modes in, binary mode out.
 *
 * This is the first code that sees bytes from outside: it believes nothing, copies nothing that it can point to and
 * leaves the data unparsed. It stands between the bus and every service: bus record -> struct event, and on the way
 * out struct outgoing -> header block of the outbox. It never logs and never judges what the data say (schema.c does).
 *
 * Header values are taken as they stand: the Kafka binding, unlike the HTTP one, knows no percent-encoding.
 * Where a header comes twice the last one counts, as with Kafka's own lastHeader. */
#include "common/io/event.h"

#include <string.h>
#include <strings.h>

#define TYPE_PREFIX "aftercare."
#define TYPE_SUFFIX ".v1"

/* How long an attribute may be, in bytes; longer is schema_invalid at its pointer. Key columns hold id and source. */
enum {
	LIMIT_NAME = 1024,   /* id, source, subject and ours */
	LIMIT_TYPE = 256,
	LIMIT_TIME = 64,
	LIMIT_TRACE = 4096,
};

enum attribute {
	ATTRIBUTE_NONE = 0,
	ATTRIBUTE_SPECVERSION,
	ATTRIBUTE_ID,
	ATTRIBUTE_SOURCE,
	ATTRIBUTE_TYPE,
	ATTRIBUTE_TIME,
	ATTRIBUTE_SUBJECT,
	ATTRIBUTE_TRACEPARENT,
	ATTRIBUTE_TRACESTATE,
	ATTRIBUTE_LANE,
	ATTRIBUTE_WRITER,
	ATTRIBUTE_INCARNATION,
	ATTRIBUTE_SOURCESEQ,
	ATTRIBUTE_ORIGIN,
	ATTRIBUTE_ARRIVED,
	ATTRIBUTE_REVISION,
	ATTRIBUTE_CAUSEID,
	ATTRIBUTE_CAUSESOURCE,
	ATTRIBUTE_MAX
};

static const struct {
	const char *name;
	size_t limit;
} attributes[ATTRIBUTE_MAX] = {
	[ATTRIBUTE_NONE] = { "", 0 },
	[ATTRIBUTE_SPECVERSION] = { "specversion", LIMIT_TYPE },
	[ATTRIBUTE_ID] = { "id", LIMIT_NAME },
	[ATTRIBUTE_SOURCE] = { "source", LIMIT_NAME },
	[ATTRIBUTE_TYPE] = { "type", LIMIT_TYPE },
	[ATTRIBUTE_TIME] = { "time", LIMIT_TIME },
	[ATTRIBUTE_SUBJECT] = { "subject", LIMIT_NAME },
	[ATTRIBUTE_TRACEPARENT] = { "traceparent", LIMIT_TRACE },
	[ATTRIBUTE_TRACESTATE] = { "tracestate", LIMIT_TRACE },
	[ATTRIBUTE_LANE] = { "lane", LIMIT_NAME },
	[ATTRIBUTE_WRITER] = { "writer", LIMIT_NAME },
	[ATTRIBUTE_INCARNATION] = { "incarnation", LIMIT_NAME },
	[ATTRIBUTE_SOURCESEQ] = { "sourceseq", LIMIT_NAME },
	[ATTRIBUTE_ORIGIN] = { "origin", LIMIT_NAME },
	[ATTRIBUTE_ARRIVED] = { "arrived", LIMIT_NAME },
	[ATTRIBUTE_REVISION] = { "revision", LIMIT_NAME },
	[ATTRIBUTE_CAUSEID] = { "causeid", LIMIT_NAME },
	[ATTRIBUTE_CAUSESOURCE] = { "causesource", LIMIT_NAME },
};

/* Attribute of a name without `ce_`: by length first, then at most three comparisons. */
static enum attribute attribute_of(const char *p, size_t n)
{
#define IS(word, attribute) \
	if (memcmp(p, word, sizeof(word) - 1) == 0) \
	return attribute
	switch (n) {
	case 2:
		IS("id", ATTRIBUTE_ID);
		break;
	case 4:
		IS("type", ATTRIBUTE_TYPE);
		IS("time", ATTRIBUTE_TIME);
		IS("lane", ATTRIBUTE_LANE);
		break;
	case 6:
		IS("source", ATTRIBUTE_SOURCE);
		IS("writer", ATTRIBUTE_WRITER);
		IS("origin", ATTRIBUTE_ORIGIN);
		break;
	case 7:
		IS("subject", ATTRIBUTE_SUBJECT);
		IS("arrived", ATTRIBUTE_ARRIVED);
		IS("causeid", ATTRIBUTE_CAUSEID);
		break;
	case 8:
		IS("revision", ATTRIBUTE_REVISION);
		break;
	case 9:
		IS("sourceseq", ATTRIBUTE_SOURCESEQ);
		break;
	case 10:
		IS("tracestate", ATTRIBUTE_TRACESTATE);
		break;
	case 11:
		IS("specversion", ATTRIBUTE_SPECVERSION);
		IS("traceparent", ATTRIBUTE_TRACEPARENT);
		IS("incarnation", ATTRIBUTE_INCARNATION);
		IS("causesource", ATTRIBUTE_CAUSESOURCE);
		break;
	default:
		break;
	}
#undef IS
	return ATTRIBUTE_NONE;
}

/* Text that PostgreSQL takes too: UTF-8 without U+0000. Plain ASCII is decided eight bytes at a time. */
static bool is_text(struct str s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		uint64_t word;

		memcpy(&word, s.p + i, 8);
		if ((word & highs) || ((word - ones) & ~word & highs))
			break;
	}
	for (; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0)
			return false;
		if (c >= 0x80)
			return str_utf8(s) && !memchr(s.p, 0, s.n);
	}
	return true;
}

static struct str name_of_type(struct str type)
{
	const size_t prefix = sizeof(TYPE_PREFIX) - 1, suffix = sizeof(TYPE_SUFFIX) - 1;

	if (type.n <= prefix + suffix || memcmp(type.p, TYPE_PREFIX, prefix) != 0 ||
	    memcmp(type.p + type.n - suffix, TYPE_SUFFIX, suffix) != 0)
		return STR_NONE;
	return (struct str){ type.p + prefix, type.n - prefix - suffix };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Data without white space around it; JSON null says the same as no data at all ("deleted"). */
static struct str data_of(struct str value)
{
	if (!value.p)
		return STR_NONE;
	if (value.n > 0 && value.n < 64 && (value.p[0] == 'n' || is_space(value.p[0])) && str_is(str_trim(value), "null"))
		return STR_NONE;
	return value;
}

static int64_t number_or(struct str text, int64_t fallback)
{
	int64_t number = fallback;

	if (!text.p || !str_int64(text, &number) || number < 0)
		return fallback;
	return number;
}

/* The rules that hold for the attributes in both modes; then they go into the event. */
static enum verdict take_attributes(struct event *event, const struct str *values, const char *prefix,
				    struct fault *fault)
{
	static const enum attribute required[] = { ATTRIBUTE_SPECVERSION, ATTRIBUTE_ID, ATTRIBUTE_SOURCE,
						   ATTRIBUTE_TYPE };

	for (int i = 1; i < ATTRIBUTE_MAX; i++) {
		if (!values[i].p)
			continue;
		if (!is_text(values[i]))
			return fault_reject(fault, REASON_NOT_AN_EVENT,
					    "attribute %s%s is no UTF-8 text without U+0000", prefix, attributes[i].name);
		if (values[i].n > attributes[i].limit)
			return fault_reject(fault, REASON_SCHEMA_INVALID, "at /%s: %zu bytes, at most %zu",
					    attributes[i].name, values[i].n, attributes[i].limit);
	}
	for (size_t i = 0; i < array_count(required); i++) {
		enum attribute attribute = required[i];

		if (values[attribute].n == 0)
			return fault_reject(fault, REASON_NOT_AN_EVENT, "CloudEvents attribute %s%s is %s", prefix,
					    attributes[attribute].name, values[attribute].p ? "empty" : "missing");
	}
	if (!str_is(values[ATTRIBUTE_SPECVERSION], "1.0"))
		return fault_reject(fault, REASON_NOT_AN_EVENT, "CloudEvents %sspecversion is not 1.0", prefix);

	event->id = values[ATTRIBUTE_ID];
	event->source = values[ATTRIBUTE_SOURCE];
	event->type = values[ATTRIBUTE_TYPE];
	event->name = name_of_type(event->type);
	event->subject = values[ATTRIBUTE_SUBJECT];
	event->time_text = values[ATTRIBUTE_TIME];
	event->time = INSTANT_NONE;
	if (event->time_text.p && !instant_parse(event->time_text, &event->time))
		event->time = INSTANT_NONE;
	event->traceparent = values[ATTRIBUTE_TRACEPARENT];
	event->tracestate = values[ATTRIBUTE_TRACESTATE];

	event->writer = values[ATTRIBUTE_WRITER];
	int64_t lane = number_or(values[ATTRIBUTE_LANE], -1);
	event->lane = lane <= INT32_MAX ? (int32_t)lane : -1;
	event->incarnation = number_or(values[ATTRIBUTE_INCARNATION], 0);
	event->sequence = number_or(values[ATTRIBUTE_SOURCESEQ], 0);
	event->origin = values[ATTRIBUTE_ORIGIN];
	event->arrived = INSTANT_NONE;
	if (values[ATTRIBUTE_ARRIVED].p && !instant_parse(values[ATTRIBUTE_ARRIVED], &event->arrived))
		event->arrived = INSTANT_NONE;
	int64_t revision = number_or(values[ATTRIBUTE_REVISION], 0);
	event->revision = revision <= INT32_MAX ? (int32_t)revision : 0;
	event->cause_id = values[ATTRIBUTE_CAUSEID];
	event->cause_source = values[ATTRIBUTE_CAUSESOURCE];
	return OK;
}

/* Structured mode: attributes are members beside `data`. Ours are not read here: the logs are written in binary. */
static enum verdict decode_structured(struct event *event, bool announced, struct arena *arena, struct fault *fault)
{
	struct str values[ATTRIBUTE_MAX] = { 0 };
	struct str value = event->record.value;
	struct fault why = FAULT_NONE;
	struct doc doc;
	uint32_t data = 0;
	size_t first = 0;

	while (first < value.n && is_space(value.p[first]))
		first++;
	if (!announced && (first == value.n || value.p[first] != '{'))
		return fault_reject(fault, REASON_NOT_AN_EVENT, "no CloudEvents attributes in the headers, and the value is no JSON object");
	if (doc_parse(&doc, value.p ? value : STR(""), arena, &why) != OK) {
		if (!announced)
			return fault_reject(fault, REASON_NOT_AN_EVENT,
					    "no CloudEvents attributes in the headers, and the value is not JSON");
		return fault_reject(fault, REASON_JSON_INVALID, "%s", why.text);
	}
	if (doc_type(&doc, 0) != DOC_OBJECT || (!announced && doc_member(&doc, 0, STR("specversion")) == 0))
		return fault_reject(fault, REASON_NOT_AN_EVENT, "the value is JSON, but no CloudEvent (%s)",
				    doc_type(&doc, 0) == DOC_OBJECT ? "it has no specversion" : "it is no object");

	for (uint32_t key = doc_first(&doc, 0); key != 0; key = doc_next(&doc, 0, key)) {
		struct str name = doc_string(&doc, key, arena);
		uint32_t member = key + 1;
		enum attribute attribute = attribute_of(name.p, name.n);

		if (str_eq(name, STR("data"))) {
			data = member;
		} else if (str_eq(name, STR("data_base64")) && doc_type(&doc, member) != DOC_NULL) {
			return fault_reject(fault, REASON_NOT_AN_EVENT,
					    "at /data_base64: binary data are not taken; send JSON in data");
		} else if (attribute != ATTRIBUTE_NONE && attribute < ATTRIBUTE_LANE &&
			   doc_type(&doc, member) != DOC_NULL) {
			if (doc_type(&doc, member) != DOC_STRING)
				return fault_reject(fault, REASON_NOT_AN_EVENT, "at /%s: must be a string",
						    attributes[attribute].name);
			values[attribute] = doc_string(&doc, member, arena);
		}
	}
	if (data != 0)
		event->data = data_of(doc_raw(&doc, data));
	return take_attributes(event, values, "", fault);
}

/* What a content type says about the mode: 1 structured JSON, 0 nothing, -1 a CloudEvents form that is not taken. */
static int structured_type(struct str type)
{
	const size_t n = sizeof("application/cloudevents") - 1;

	type = str_trim(type);
	if (type.n < n || strncasecmp(type.p, "application/cloudevents", n) != 0)
		return 0;
	type.p += n;
	type.n -= n;
	if (type.n >= 5 && strncasecmp(type.p, "+json", 5) == 0) {
		type.p += 5;
		type.n -= 5;
	}
	return type.n == 0 || type.p[0] == ';' || is_space(type.p[0]) ? 1 : -1;
}

enum verdict event_decode(struct event *ret_event, const struct bus_record *record, const char *topic,
			  struct arena *arena, struct fault *fault)
{
	struct str values[ATTRIBUTE_MAX] = { 0 };
	struct event event = { .record = *record, .topic = topic, .lane = -1, .time = INSTANT_NONE,
			       .arrived = INSTANT_NONE };
	struct str content_type = STR_NONE, plain_parent = STR_NONE, plain_state = STR_NONE;
	bool binary = false;
	int structured;
	enum verdict verdict;

	if (record->value.n > EVENT_VALUE_MAX)
		return fault_reject(fault, REASON_TOO_LARGE, "the value has %zu bytes, at most %u", record->value.n,
				    EVENT_VALUE_MAX);
	for (size_t i = 0; i < record->header_count; i++) {
		struct str name = record->headers[i].name, value = record->headers[i].value;

		if (!value.p || name.n < 5)
			continue;
		if (memcmp(name.p, "ce_", 3) == 0) {
			enum attribute attribute = attribute_of(name.p + 3, name.n - 3);

			values[attribute] = value;
			binary = binary || (attribute >= ATTRIBUTE_SPECVERSION && attribute <= ATTRIBUTE_TYPE);
		} else if (name.n == 12 && strncasecmp(name.p, "content-type", 12) == 0) {
			content_type = value;
		} else if (name.n == 11 && memcmp(name.p, "traceparent", 11) == 0) {
			plain_parent = value;
		} else if (name.n == 10 && memcmp(name.p, "tracestate", 10) == 0) {
			plain_state = value;
		}
	}
	values[ATTRIBUTE_NONE] = STR_NONE;
	structured = content_type.p ? structured_type(content_type) : 0;
	if (structured < 0)
		return fault_reject(fault, REASON_NOT_AN_EVENT,
				    "content-type: of the CloudEvents forms only application/cloudevents+json is taken");
	if (structured > 0 || !binary) {
		verdict = decode_structured(&event, structured > 0, arena, fault);
	} else {
		event.data = data_of(record->value);
		verdict = take_attributes(&event, values, "ce_", fault);
	}
	if (verdict != OK)
		return verdict;
	/* A tracer that knows Kafka but not CloudEvents writes the W3C names. It never makes an event wrong. */
	if (!event.traceparent.p && plain_parent.p && plain_parent.n <= LIMIT_TRACE && is_text(plain_parent)) {
		event.traceparent = plain_parent;
		if (!event.tracestate.p && plain_state.p && plain_state.n <= LIMIT_TRACE && is_text(plain_state))
			event.tracestate = plain_state;
	}
	*ret_event = event;
	return OK;
}

struct str event_peek_name(const struct bus_record *record)
{
	for (size_t i = record->header_count; i > 0; i--) {
		const struct bus_header *header = &record->headers[i - 1];

		if (header->name.n == 7 && header->value.p && memcmp(header->name.p, "ce_type", 7) == 0)
			return name_of_type(header->value);
	}
	return STR_NONE;
}

enum verdict event_parse(struct event *event, struct arena *arena, struct fault *fault)
{
	if (event->doc.count > 0 || !event->data.p)
		return OK;
	return doc_parse(&event->doc, event->data, arena, fault);
}
