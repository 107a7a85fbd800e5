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
};
struct directory {
	const struct person *people;
	size_t count;
};

/* NULL when nobody has this id. */
const struct person *directory_person(const struct directory *directory, struct str id);

#endif
