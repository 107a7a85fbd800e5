/* JSON Schema 2020-12, the part that our contracts use, compiled from the embedded schemas/events files.
 *
 * A keyword that is not implemented is an error at load, never silently ignored. `format` (date-time, date) is asserted;
 * `integer` means a whole number that fits int64. */
#ifndef AFTERCARE_IO_SCHEMA_H
#define AFTERCARE_IO_SCHEMA_H

#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/str.h"

struct schema_set;       /* all compiled schemas */
struct schema;           /* one of them */

/* Compiles every embedded schemas/events/NAME.json. FATAL names file, pointer and keyword. */
enum verdict schema_load(struct schema_set **ret_set, struct fault *fault) must_check;
void schema_free(struct schema_set *set);
/* The schema of schemas/events/NAME.json ("staff.replied"); NULL when there is none. */
const struct schema *schema_of(const struct schema_set *set, struct str name);
/* Extension members of the schema file's root, absent when not there:
 *   x-role   "claim" (from outside), "fact" (ours), "record" (made of facts, for dashboards), "envelope"; common.json has none
 *   x-topic  where it is published: "aftercare.staff"
 *   x-key    what keys the record: "request" or "ticket" for a ticket's claims, "ticket" for its facts, else the member of
 *            data that names the thing ("survey"); in the directory "customer:id"
 *   x-thing  of a claim about no ticket: what its copy on the desk is about and keyed by, where that is not x-key; the first
 *            that is there ("project|warranty_card": a card is one of a project)
 *   x-about  "opens" a ticket, "ticket" (must name one), "maybe" (a ticket when one is named, else the desk),
 *            "desk" (no ticket), "directory" (a null body deletes)
 *   x-writer the service whose fact or record it is */
struct str schema_annotation(const struct schema *schema, const char *name);
/* The general limits of the contract (nesting 16, strings 65,536 and names 200 code points, lists 100), then the schema.
 * REJECT schema_invalid: "at /customer/name: 201 characters, at most 200", no values, so no personal data. `schema` may
 * be NULL: limits only. A doc that was not parsed (an event without data) is refused when a schema is given.
 * Not reentrant for one set: patterns keep their scratch memory in it. */
enum verdict schema_check(const struct schema *schema, const struct doc *doc, struct arena *arena, struct fault *fault) must_check;

#endif
