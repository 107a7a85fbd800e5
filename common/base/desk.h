/* What happens on the desk and clocks may name: claims that concern no ticket but a thing, a project or a call.
 *
 * Which thing a claim is about is the contract's to say, not a policy's: a warranty card is one of a project, a patch one of
 * a vulnerability. All claims about a thing are keyed by it, so that they stand in one lane. */
#ifndef AFTERCARE_BASE_DESK_H
#define AFTERCARE_BASE_DESK_H

#include <stdbool.h>

#include "common/base/str.h"

struct desk_event {
	const char *name;      /* "warranty_card.issued" */
	const char *kind;      /* of the thing: "project"; conditions find it as `kind` */
	const char *member;    /* of the claim's data that names the thing: "project" */
	bool opens;            /* a claim that the thing begins with: may be of any age, as a ticket's first claim */
};
/* By name, the last one has none. */
extern const struct desk_event desk_events[];
/* NULL when it is none of them. */
const struct desk_event *desk_event_of(struct str name);

#endif
