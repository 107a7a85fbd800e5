/* The way out: headers of an event of ours, packed into one block for the outbox, and unpacked by the publisher.
 *
 * The block is what a row of the outbox keeps for ever, so its form is fixed: for each header the length of its name,
 * the name, the length of its value plus one (0: a null value), the value; lengths are LEB128, seven bits a byte, low
 * ones first. Nothing here allocates but the buffer that it is given. */
#include "common/io/event.h"

#include <string.h>

static void put_length(struct buf *buf, size_t n)
{
	while (n >= 0x80) {
		buf_char(buf, (char)(unsigned char)(0x80 | (n & 0x7f)));
		n >>= 7;
	}
	buf_char(buf, (char)n);
}

static void put_header(struct buf *buf, struct str name, struct str value)
{
	put_length(buf, name.n);
	buf_str(buf, name);
	put_length(buf, value.p ? value.n + 1 : 0);
	buf_str(buf, value);
}

static void put_header_if(struct buf *buf, struct str name, struct str value)
{
	if (value.p && value.n > 0)
		put_header(buf, name, value);
}

static void put_number(struct buf *buf, struct str name, int64_t value)
{
	char text[24];
	char *end = text + sizeof(text), *p = end;
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (value < 0)
		*--p = '-';
	put_header(buf, name, (struct str){ p, (size_t)(end - p) });
}

static void put_instant(struct buf *buf, struct str name, instant at)
{
	char text[INSTANT_TEXT];

	if (at != INSTANT_NONE)
		put_header(buf, name, instant_format(at, text));
}

void event_encode_headers(const struct outgoing *outgoing, struct str writer, int64_t incarnation, int64_t sequence,
			  struct buf *buf)
{
	if (!outgoing->bare) {
		put_header(buf, STR("content-type"), STR("application/json"));
		put_header(buf, STR("ce_specversion"), STR("1.0"));
		put_header(buf, STR("ce_id"), outgoing->id);
		put_header(buf, STR("ce_source"), outgoing->source);
		put_length(buf, sizeof("ce_type") - 1);
		buf_str(buf, STR("ce_type"));
		put_length(buf, sizeof("aftercare.") - 1 + outgoing->name.n + sizeof(".v1") - 1 + 1);
		buf_str(buf, STR("aftercare."));
		buf_str(buf, outgoing->name);
		buf_str(buf, STR(".v1"));
		if (outgoing->time_text.p)
			put_header(buf, STR("ce_time"), outgoing->time_text);
		else
			put_instant(buf, STR("ce_time"), outgoing->at);
		put_header_if(buf, STR("ce_subject"), outgoing->subject);
		put_header_if(buf, STR("ce_traceparent"), outgoing->traceparent);
		put_header_if(buf, STR("ce_tracestate"), outgoing->tracestate);
		put_number(buf, STR("ce_lane"), outgoing->partition);
		put_header(buf, STR("ce_writer"), writer);
		put_number(buf, STR("ce_incarnation"), incarnation);
		put_number(buf, STR("ce_sourceseq"), sequence);
		put_header_if(buf, STR("ce_origin"), outgoing->origin);
		/* A fact has no arrival; a zeroed struct must not claim the year 1970. */
		if (outgoing->origin.p)
			put_instant(buf, STR("ce_arrived"), outgoing->arrived);
		if (outgoing->revision > 0)
			put_number(buf, STR("ce_revision"), outgoing->revision);
		put_header_if(buf, STR("ce_causeid"), outgoing->cause_id);
		put_header_if(buf, STR("ce_causesource"), outgoing->cause_source);
	}
	for (size_t i = 0; i < outgoing->extra_count; i++)
		put_header(buf, outgoing->extra[i].name, outgoing->extra[i].value);
}

/* Takes a length off the front of *rest. */
static bool take_length(struct str *rest, size_t *ret)
{
	size_t n = 0;

	for (unsigned shift = 0; shift < 35 && rest->n > 0; shift += 7) {
		unsigned char c = (unsigned char)*rest->p;

		rest->p++;
		rest->n--;
		n |= (size_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*ret = n;
			return true;
		}
	}
	return false;
}

static bool take_header(struct str *rest, struct bus_header *ret)
{
	size_t n;

	if (!take_length(rest, &n) || n > rest->n)
		return false;
	ret->name = (struct str){ rest->p, n };
	rest->p += n;
	rest->n -= n;
	if (!take_length(rest, &n))
		return false;
	ret->value = STR_NONE;
	if (n == 0)
		return true;
	n--;
	if (n > rest->n)
		return false;
	ret->value = (struct str){ rest->p, n };
	rest->p += n;
	rest->n -= n;
	return true;
}

enum verdict event_headers_unpack(struct str packed, struct arena *arena, const struct bus_header **ret_headers,
				  size_t *ret_count, struct fault *fault)
{
	struct str rest = packed;
	struct bus_header header, *headers;
	size_t count = 0;

	while (rest.n > 0) {
		if (!take_header(&rest, &header))
			return fault_set(fault, FATAL, "outbox: the headers of a row are damaged at byte %zu of %zu",
					 packed.n - rest.n, packed.n);
		count++;
	}
	headers = arena_alloc(arena, (count ? count : 1) * sizeof(*headers));
	rest = packed;
	for (size_t i = 0; i < count; i++)
		(void)take_header(&rest, &headers[i]);
	*ret_headers = headers;
	*ret_count = count;
	return OK;
}
