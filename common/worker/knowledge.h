/* What the daemons look things up in: policies by pinned version, the directory of people and customers, and the vector
 * of attributes that conditions are evaluated on. Cached in memory, refreshed inside a batch when the database says so. */
#ifndef AFTERCARE_WORKER_KNOWLEDGE_H
#define AFTERCARE_WORKER_KNOWLEDGE_H

#include "common/base/calendar.h"
#include "common/base/directory.h"
#include "common/base/policy.h"
#include "common/base/ticket.h"
#include "common/worker/worker.h"

struct knowledge;

struct knowledge *knowledge_new(void);
void knowledge_free(struct knowledge *knowledge);

/* Brings the cache up to date inside the batch's transaction: one small query; more only when something has changed
 * (policy.generation, directory.generation). Call once at the beginning of handle. `people`: whether the service
 * needs staff (skills, presence). */
enum verdict knowledge_refresh(struct knowledge *knowledge, struct batch *batch, bool people, struct fault *fault) must_check;

/* A policy by its pinned version; loads it when it is not in memory. A version that the database does not hold is FATAL. */
enum verdict knowledge_policy(struct knowledge *knowledge, struct batch *batch, const struct policy_ref *ref,
			      const struct policy **ret_policy, struct fault *fault) must_check;
/* All policies of a ticket, in its order. ret_policies has room for TICKET_POLICIES_MAX. */
enum verdict knowledge_policies(struct knowledge *knowledge, struct batch *batch, const struct ticket *ticket,
				const struct policy **ret_policies, struct fault *fault) must_check;
/* Whether `holds` holds for a policy that some ticket may be under; a version that has not been looked at yet counts as if
 * it did. */
bool knowledge_any_policy(const struct knowledge *knowledge, bool (*holds)(const struct policy *policy, const void *userdata),
			  const void *userdata);
/* A calendar by its version; version 0: the newest approved one, which a clock that starts now takes for life (a draft when
 * there is nothing else). NULL for 24x7 and for no name. */
enum verdict knowledge_calendar(struct knowledge *knowledge, struct batch *batch, const struct policy_ref *ref,
				const struct calendar **ret_calendar, struct fault *fault) must_check;
/* The shared lifecycle of a version; 0: the newest, NULL when none is loaded yet. */
enum verdict knowledge_lifecycle(struct knowledge *knowledge, struct batch *batch, int32_t version,
				 const struct lifecycle **ret_lifecycle, struct fault *fault) must_check;
/* The policies in force for a ticket received at `received_at` whose attributes are `vector`: of each effective version the
 * one in force then, one per family, the most specific first (policy.md section 1). Returns how many (at most
 * TICKET_POLICIES_MAX). For intake. */
size_t knowledge_in_force(struct knowledge *knowledge, instant received_at, const struct value *vector, instant now,
			  const struct policy **ret_policies);

/* What concerns no ticket (a record of the desk: a project, a call, somebody's presence) stands under every policy in
 * force when it happened whose `applies` holds for it. *ret_thing stands in for the ticket: its kind is that of the thing
 * (base/desk.h: a warranty card is about a project), of a fact the one it tells, else the family of the event's name; its
 * data and received_at are the event's; nothing else is known of it. *ret_vector
 * is the vector that the policies were chosen by. Returns how many, at most TICKET_POLICIES_MAX. */
size_t knowledge_desk(struct knowledge *knowledge, struct batch *batch, const struct item *item, struct ticket *ret_thing,
		      const struct value **ret_vector, const struct policy **ret_policies);

/* Whether any approved version that is or will be in force has a programme of this kind; *ret_next: when the next of the
 * approved versions comes into force (INSTANT_NONE: all are). */
bool knowledge_has_programme(const struct knowledge *knowledge, enum programme_type type, instant now, instant *ret_next);

/* Staff as of the last refresh, sorted by id. */
const struct directory *knowledge_directory(const struct knowledge *knowledge);
/* Raised with every change of the directory that is not about people, as of the last refresh. */
int64_t knowledge_things(const struct knowledge *knowledge);

/* The attribute vector of a ticket and, when item is given, of the event it handles; memory from the batch's arena.
 * Attributes of the clock scope are absent unless `clock` (a parsed JSON object: name, due_at, ...) is given. */
const struct value *knowledge_vector(struct knowledge *knowledge, struct batch *batch, const struct ticket *ticket,
				     const struct item *item, const struct doc *clock);

/* The paths that the values of a vector belong to. */
const struct attributes *knowledge_attributes(const struct knowledge *knowledge);

#endif
