/* The states of a ticket (clauses.md 4.2). Which claim leads from which to which is data: deploy/policies/lifecycle.json. */
#ifndef AFTERCARE_BASE_STATE_H
#define AFTERCARE_BASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"

#define STATE_LIST(X) \
	X(RECEIVED, "received") \
	X(INCOMPLETE, "incomplete") \
	X(VERIFIED, "verified") \
	X(CLASSIFIED, "classified") \
	X(ASSIGNED, "assigned") \
	X(CONTACTED, "contacted") \
	X(SCHEDULED, "scheduled") \
	X(IN_PROGRESS, "in_progress") \
	X(WAITING_CUSTOMER, "waiting_customer") \
	X(WAITING_INTERNAL, "waiting_internal") \
	X(AT_FACTORY, "at_factory") \
	X(SPARE_IN_PLACE, "spare_in_place") \
	X(RESOLVED_UNCONFIRMED, "resolved_unconfirmed") \
	X(CONFIRMED, "confirmed") \
	X(CLOSED, "closed") \
	X(REJECTED, "rejected") \
	X(CANCELLED, "cancelled")

enum state {
	STATE_NONE = 0,
#define X(name, text) STATE_##name,
	STATE_LIST(X)
#undef X
	STATE_MAX
};

/* A set of states, one bit each. */
typedef uint32_t state_set;
#define STATE_BIT(state) ((state_set)1 << (state))

/* "in_progress"; "" for STATE_NONE. */
struct str state_name(enum state state);
/* STATE_NONE when there is no state of that name. */
enum state state_of(struct str name);
/* Not closed, rejected or cancelled. */
bool state_is_open(enum state state);

#endif
