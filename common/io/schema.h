/* JSON Schema 2020-12, the part that our contracts use, compiled from the embedded schemas/events files.
 *
 * A keyword that is not implemented is an error at load, never silently ignored. `format: date-time` is asserted. */
#ifndef AFTERCARE_IO_SCHEMA_H
#define AFTERCARE_IO_SCHEMA_H

#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/str.h"

struct schema_set;       /* all compiled schemas */
struct schema;           /* one of them */

/* Compiles every embedded file below schemas/. FATAL names file, pointer and keyword. */
enum verdict schema_load(struct schema_set **ret_set, struct fault *fault) must_check;
void schema_free(struct schema_set *set);
/* The schema of schemas/events/NAME.json ("staff.replied"); NULL when there is none. */
const struct schema *schema_of(const struct schema_set *set, struct str name);
/* Extension members of the schema file's root: "x-topic" ("aftercare.staff"; absent on facts' own topic is
 * "aftercare.tickets" ...), "x-role" ("claim" or "fact"), "x-key". Absent when not there. */
struct str schema_annotation(const struct schema *schema, const char *name);
/* The general limits of the contract (nesting 16, strings 65,536 and names 200 code points, lists 100), then the schema.
 * REJECT schema_invalid: "at /customer/phone: ...", no personal data. `schema` may be NULL: limits only. */
enum verdict schema_check(const struct schema *schema, const struct doc *doc, struct arena *arena, struct fault *fault) must_check;

#endif
