/* replay: what its parts share. A log is a CSV file; a map says which claims its rows are. */
#ifndef AFTERCARE_CTL_REPLAY_H
#define AFTERCARE_CTL_REPLAY_H

#include <jansson.h>

#include "common/base/instant.h"
#include "services/ctl/ctl.h"

struct replay_row {
	const char **fields;     /* one per column, terminated */
	instant at;
	uint32_t case_index;     /* which case */
	uint32_t line;           /* in the file, from 1: for messages and for a stable order */
	bool first;              /* of its case, in time */
};

struct replay_log {
	struct str *columns;
	size_t column_count;
	struct replay_row *rows; /* by time, then line */
	size_t row_count;
	const char **cases;      /* ids */
	size_t case_count;
};

/* The map document; owned by `root`. */
struct replay_map {
	json_t *root;
	const char *source;      /* CloudEvents source of all claims */
	const char *case_column, *activity_column, *time_column, *time_format;
	int64_t zone;            /* offset of the times from UTC, us */
	json_t *first;           /* data of request.submitted */
	json_t *activities;      /* name -> list of claims */
};

bool replay_map_read(struct ctl *ctl, const char *path, struct replay_map *ret_map);
/* Reads CSV, plain or gzip: header in row 1, comma, quotes as RFC 4180. Says what is wrong and where. */
bool replay_log_read(struct ctl *ctl, const char *path, const struct replay_map *map, struct replay_log *ret_log);
/* The data of a claim: the template with every "{Column}" replaced and every {"from": column, "values": {...}} looked up.
 * Returned text is the caller's to free (free). NULL after it has said why. */
char *replay_fill(const struct replay_log *log, const struct replay_row *row, const json_t *template, const char *request_source,
		  const char *request_id);
/* Publishes everything; a case's later claims follow when its ticket is registered. */
int replay_send(struct ctl *ctl, const struct replay_map *map, const struct replay_log *log, uint64_t rate);

int ctl_replay(struct ctl *ctl, int argc, char **argv);

#endif
