/* event check, list and example: what their parts share. */
#ifndef AFTERCARE_CTL_EVENT_H
#define AFTERCARE_CTL_EVENT_H

#include "common/io/event.h"
#include "common/io/schema.h"
#include "services/ctl/ctl.h"

/* How a check was asked for. */
struct event_ask {
	struct ctl *ctl;
	const struct schema_set *schemas;
	const char *type;            /* of bare data; NULL: whole events */
	const char *topic;           /* where they shall be sent; NULL: not said */
	bool facts;                  /* ours are right too, as they stand in the logs */
	instant now;
};

/* One event in a file, and its place there. */
struct event_text {
	struct str text;
	size_t line;                 /* where it begins, from 1 */
	bool single_line;            /* one of many, a line each */
};

/* The events of a file, one after the other. */
struct event_input {
	struct str rest;             /* lines not yet given out */
	size_t line;
	struct doc doc;              /* an array of events, where it is one */
	uint32_t element;
	bool lines, done;
	struct str text;             /* the whole file */
	size_t counted;              /* its bytes up to where `line` is */
};

#define EVENT_NOTES 8

/* What is known of a place in an event. The text may quote the event's own words: for its sender, never for a log. */
struct event_remark {
	struct str text;
	struct str pointer;          /* "/data/customer/name"; absent where it has no place in the event */
	size_t line;
};

/* What was found out about one event. */
struct event_result {
	struct event event;
	const struct schema *schema; /* NULL: of unknown type */
	struct fault fault;
	struct event_remark wrong;   /* of the fault; text: what belongs there instead, or absent */
	struct event_remark notes[EVENT_NOTES];  /* right, but perhaps not meant */
	size_t note_count;
};

/* ---- event_input.c ---- */
/* Finds out how the file is written: one JSON value, an array of events, or one event a line. Memory from the arena. */
void event_input_open(struct event_input *input, struct str text, bool bare, struct arena *arena);
/* The next event; false at the end. */
bool event_input_next(struct event_input *input, struct event_text *ret_text);

/* ---- event_look.c ---- */
/* Everything about one event. Memory from the arena. */
void event_look(const struct event_ask *ask, const struct event_text *text, struct event_result *result, struct arena *arena);

/* ---- event_contract.c: the schemas as they are written ---- */
/* "request.submitted" of "aftercare.request.submitted.v1" or of itself. */
struct str event_short_name(struct str type);
/* The name of the type that was perhaps meant, "a or b" where several were; absent when none is near. */
struct str event_near_name(struct str name, struct arena *arena);
/* The node that a JSON pointer leads to from another; 0 when it leads nowhere, and then *ret_deepest is as far as it went. */
uint32_t event_pointed(const struct doc *doc, uint32_t from, struct str pointer, uint32_t *ret_deepest, struct arena *arena);
/* Value of the schema's first example at a pointer of data, as JSON of one line; absent when it has none there. */
struct str event_example_at(struct str name, struct str pointer, struct arena *arena);
/* The first example, indented, in the arena; absent when there is no such schema. `whole`: with an envelope around it. */
struct str event_example(struct str name, bool whole, instant now, struct arena *arena);
/* Calls `say` for every member of data that no schema names but that is nearly one that it does. */
void event_slips(struct str name, const struct doc *doc, void (*say)(void *context, uint32_t key, const char *meant),
		 void *context, struct arena *arena);

/* ---- event_tell.c ---- */
void event_tell(const struct event_ask *ask, const char *path, const struct event_text *text, const struct event_result *result,
		bool quiet);
/* "the event id of the request that opens the ticket": what must be the record's key, by x-key. */
struct str event_key_text(struct str key, struct arena *arena);

#endif
