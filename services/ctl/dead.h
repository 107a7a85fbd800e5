/* Dead letters: what list, show and redrive share. An operator knows one as SERVICE/NUMBER. */
#ifndef AFTERCARE_CTL_DEAD_H
#define AFTERCARE_CTL_DEAD_H

#include "common/base/doc.h"
#include "common/io/bus.h"
#include "services/ctl/ctl.h"
#include "services/ctl/services.h"

struct dead {
	struct str service;
	int64_t id;
	instant at, redriven_at;
	struct str reason, detail, topic, event_id, event_source, event_type;
	int32_t partition;
	int64_t offset, size;                 /* offset -1: of no input (a timer); size -1: a null value */
	/* only of one that was fetched */
	struct str key, value;                /* absent: null */
	const struct bus_header *headers;
	size_t header_count;
};

/* Reads row i of service_dead_list, _of_keys or _one into the arena. */
struct dead dead_read(struct ctl *ctl, const struct db_result *rows, size_t i, struct str service);
/* The members of one, in an object that the caller opened. */
void dead_write(struct writer *writer, const struct dead *dead);
/* Finds "intake/118" or "118"; opens *ret_db, the service's. False after it has said why. */
bool dead_fetch(struct ctl *ctl, const struct services *services, const char *name, struct dead *ret, struct db **ret_db);
/* The last header of that name; absent when there is none. */
struct str dead_header(const struct dead *dead, const char *name);

#endif
