/* What a warranty pays for (policy.md section 3). intake asks when a request is registered, routing again when the cause is
 * known; both ask here, so that the same terms give the same charge. Pure. */
#ifndef AFTERCARE_BASE_WARRANTY_H
#define AFTERCARE_BASE_WARRANTY_H

#include "common/base/policy.h"

/* Codes of the contract: free, paid, to_be_agreed. */
struct charge {
	struct str labour, parts;
};

/* The terms of the most specific policy that says anything about it; NULL: none does. */
const struct warranty *warranty_of(const struct policy *const *policies, size_t count);
const struct entitlement *entitlement_of(const struct policy *const *policies, size_t count);

/* The instant at which the last day of the warranty begins. `accepted_on` is a date or a time as the directory has it,
 * manufacturer_months < 0: not known. INSTANT_NONE: it has not been accepted, as far as anybody knows. */
instant warranty_last_day(const struct warranty *warranty, struct str accepted_on, int64_t manufacturer_months);
/* The last day is included. */
bool warranty_covers(instant last_day, instant received_at);

/* What the customer pays, by the attributes of the ticket: installation.in_warranty says on which side it stands; where
 * that is not known, it is to be agreed. */
struct charge warranty_charge(const struct warranty *warranty, const struct value *vector, instant now);

#endif
