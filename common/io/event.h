/* CloudEvents 1.0 on Kafka: structured and binary in, binary out; and the names of our headers.
 *
 * The envelope is decoded without touching the data; `data` is parsed only when somebody asks (event_parse). */
#ifndef AFTERCARE_IO_EVENT_H
#define AFTERCARE_IO_EVENT_H

#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/io/bus.h"

#define EVENT_VALUE_MAX 262144u

struct event {
	struct bus_record record;    /* as read; kept for dead letters */
	const char *topic;           /* its name */

	struct str id, source;
	struct str type;             /* "aftercare.staff.replied.v1" */
	struct str name;             /* "staff.replied"; absent when the type is not of that form */
	struct str subject;
	struct str time_text;        /* as sent */
	instant time;                /* INSTANT_NONE when missing or no RFC 3339 */
	struct str traceparent, tracestate;
	struct str data;             /* bytes of the data: JSON text; absent when there is none or it is null */
	struct doc doc;              /* of data, once parsed */

	/* ours; zero or absent when not there. Anybody can write such headers: believe them only on our own topics */
	struct str writer;
	int32_t lane;                /* -1: absent */
	int64_t incarnation, sequence;
	struct str origin;
	instant arrived;
	int32_t revision;
	struct str cause_id, cause_source;
};

/* Reads the envelope, binary or structured. REJECT: not_an_event, json_invalid (structured mode), too_large,
 * schema_invalid (an attribute over its length: id, source, subject 1024 bytes, type 256, time 64).
 * A missing or bad time is not an error here (event->time says it); topic is borrowed. Memory from the arena. */
enum verdict event_decode(struct event *ret_event, const struct bus_record *record, const char *topic,
			  struct arena *arena, struct fault *fault) must_check;
/* Only ce_type's name, without decoding anything else: for skipping. Absent when there is no ce_type header. */
struct str event_peek_name(const struct bus_record *record);
/* Parses event->data into event->doc unless that is done; without data the doc stays empty (count 0) and that is OK.
 * REJECT json_invalid. */
enum verdict event_parse(struct event *event, struct arena *arena, struct fault *fault) must_check;

/* One event of ours on its way out. Everything is borrowed until it is queued in the outbox. */
struct outgoing {
	const char *topic;
	int32_t partition;
	struct str key;
	struct str id, source;           /* CloudEvents; on facts set by the worker */
	struct str name;                 /* "ticket.assigned" */
	struct str subject;
	instant at;                      /* ce_time */
	struct str time_text;            /* used instead of `at` when present: copies of claims keep theirs */
	struct str traceparent, tracestate;
	struct str body;                 /* JSON; absent: null value */
	int32_t revision;                /* 0: none */
	struct str cause_id, cause_source;
	struct str origin;               /* copies of claims */
	instant arrived;                 /* copies of claims; INSTANT_NONE otherwise */
	const struct bus_header *extra;  /* further headers (dead letters); or NULL */
	size_t extra_count;
	bool bare;                       /* only key, body and extra: no envelope (dead letters) */
};

/* The headers of an outgoing event in the outbox's encoding, lane and the ledger's triple included (bare: the extra
 * ones only). Appends to buf. */
void event_encode_headers(const struct outgoing *outgoing, struct str writer, int64_t incarnation, int64_t sequence,
			  struct buf *buf);
/* Unpacks that encoding: the array is the arena's, names and values point into `packed`. FATAL when the bytes are not
 * of it. */
enum verdict event_headers_unpack(struct str packed, struct arena *arena, const struct bus_header **ret_headers,
				  size_t *ret_count, struct fault *fault) must_check;

#endif
