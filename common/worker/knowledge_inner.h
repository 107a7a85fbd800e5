/* Shared by knowledge*.c only. */
#ifndef AFTERCARE_WORKER_KNOWLEDGE_INNER_H
#define AFTERCARE_WORKER_KNOWLEDGE_INNER_H

#include "common/worker/knowledge.h"

enum document_type { DOCUMENT_POLICY, DOCUMENT_LIFECYCLE, DOCUMENT_CALENDAR, DOCUMENT_TYPES };

/* One row of policy.version; compiled when first needed. Never goes away: tickets and clocks pin it. */
struct known_version {
	enum document_type type;
	struct str name;              /* owned */
	int32_t version;
	bool approved;
	instant effective_from;
	struct policy *policy;
	struct lifecycle *cycle;
	struct calendar *calendar;
};

struct knowledge {
	struct attributes attributes;
	struct known_version *versions;
	size_t version_count, version_capacity;
	int64_t policy_generation, people_generation;
	int64_t things_generation;        /* of the directory but people, as last read */
	struct arena people_arena;
	struct directory directory;
};

/* Reads staff and presence anew. */
enum verdict knowledge_load_people(struct knowledge *knowledge, struct batch *batch, struct fault *fault) must_check;

#endif
