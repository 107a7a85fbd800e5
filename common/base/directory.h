/* People as decisions see them: plain memory, sorted by id. */
#ifndef AFTERCARE_BASE_DIRECTORY_H
#define AFTERCARE_BASE_DIRECTORY_H

#include "common/base/instant.h"
#include "common/base/str.h"

struct skill {
	struct str product, fault_type;   /* absent or "*": any */
	int32_t level;
};
struct certificate {
	struct str name, skill;
	instant until;                    /* INSTANT_NONE: for ever */
};
struct absence {
	instant from, to;                 /* away from the one up to, not including, the other */
};
struct person {
	struct str id, name, role, department, superior, contact;
	const struct skill *skills;
	size_t skill_count;
	const struct certificate *certificates;
	size_t certificate_count;
	const struct str *languages;
	size_t language_count;
	bool onboarded;
	bool on_post;                     /* on_post until told otherwise: a person never reported off post is on post */
	int32_t max_open;                 /* 0: no limit */
	bool leaving;                     /* leaves the company or the post: what he has is handed over */
	const struct absence *leaves;
	size_t leave_count;
};
struct directory {
	const struct person *people;
	size_t count;
};

/* NULL when nobody has this id. */
const struct person *directory_person(const struct directory *directory, struct str id);
/* Whether an approved leave of the person covers the instant; never INSTANT_NONE. */
bool directory_on_leave(const struct person *person, instant at);
/* Whether the person leaves, or has a leave that is not over. */
bool directory_goes(const struct person *person, instant now);

#endif
