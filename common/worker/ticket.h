/* What a ticket is, in every daemon: routing writes it, the others project it from the facts of the log.
 *
 * The struct is plain memory (decides use it); each daemon that follows tickets has a table `ticket` of this shape in
 * its own schema, keyed (lane, ticket), loaded and saved as sets by ticket_load and ticket_save. */
#ifndef AFTERCARE_WORKER_TICKET_H
#define AFTERCARE_WORKER_TICKET_H

#include "common/base/ticket.h"
#include "common/worker/worker.h"

/* The tickets of a batch, one entry per id, sorted by id. */
struct ticket_set {
	struct ticket *items;
	size_t count;
};

/* The ticket an item is about: its subject, else data.ticket, else the timer's; absent when none. */
struct str ticket_of_item(const struct item *item, struct arena *arena);
/* Loads every ticket that the items are about, in one statement; those without row have known = false. */
enum verdict ticket_load(struct batch *batch, struct ticket_set *ret_set, struct fault *fault) must_check;
/* The same for ids given by the caller (sorted or not, doubles allowed). */
enum verdict ticket_load_ids(struct batch *batch, const struct str *ids, size_t count, struct ticket_set *ret_set,
			     struct fault *fault) must_check;
/* NULL when the id is not in the set. */
struct ticket *ticket_find(const struct ticket_set *set, struct str id);
/* Queues every ticket with `changed` to be saved, sorted by key (db_queue: the worker's commit sends it): an update of those
 * that were loaded, an insert of the others. */
void ticket_save(struct batch *batch, const struct ticket_set *set);

/* Lays a fact of the log upon the ticket: ticket.registered makes it known, ticket.classified its kind and severity, and so
 * on; every ticket.* fact its state and revision. Facts of other families change nothing. `item->event.doc` is
 * parsed. Sets `changed` when anything did. */
void ticket_apply(struct batch *batch, struct ticket *ticket, const struct item *item);

/* A ticket's data with these members of doc laid upon them, and no others; memory from the arena, or `data` itself when
 * doc has none of them. names: NULL-terminated. */
struct str ticket_data_with(struct str data, const struct doc *doc, const char *const *names, struct arena *arena);
/* What a resolution tells about a ticket: cause_code, charge. */
extern const char *const ticket_resolved_members[];

/* Opens the body of a ticket fact: "{" and ticket, revision, kind, state, at, decided_at, policy. The caller adds its own
 * members and closes with write_close(writer, '}'). */
void ticket_fact_open(struct writer *writer, const struct ticket *ticket, int32_t revision, instant at, instant now);
/* Names that ticket_fact_open writes (NULL-terminated), for write_members_of's `except`; also "ticket" and "request". */
extern const char *const ticket_fact_members[];

#endif
