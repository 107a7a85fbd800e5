/* status: what its two halves share, looking (status.c) and showing (status_show.c). */
#ifndef AFTERCARE_CTL_STATUS_H
#define AFTERCARE_CTL_STATUS_H

#include "common/base/instant.h"
#include "services/ctl/ctl.h"

enum health { HEALTH_RUNNING, HEALTH_LATE, HEALTH_PARTLY, HEALTH_STOPPED, HEALTH_DOWN, HEALTH_NEVER, HEALTH_MAX };

/* One row of a service's ledger, seen twice. */
struct position {
	struct str service, topic, owner;
	int32_t partition;
	bool clean;
	int64_t next[2], unpublished[2], seen_us;   /* seen_us: since its owner's last word, at the second look */
	int64_t end[2];                             /* of the topic; -1: not known */
};

/* What one instance of a service has in hand. */
struct daemon {
	struct str service, owner;
	enum health health;
	bool *lanes;                  /* of lane_count */
	int32_t lane_count;
	size_t partitions, unseen;
	double rate;                  /* events per second */
	int64_t lag;                  /* events; -1: not known */
	int64_t unpublished;
	int64_t seen_us;
	struct str trouble;           /* in words; absent: none */
};

struct dead_reason {
	struct str reason;
	int64_t count;
};

struct status {
	struct daemon *daemons;
	size_t daemon_count, daemon_capacity;
	bool has_clocks;
	int64_t running, paused, breached, overdue, next_hour, oldest_us;
	struct dead_reason *dead;
	size_t dead_count, dead_capacity;
	int64_t dead_total, outbox;
	instant now, since;           /* since: midnight, from which dead letters are counted */
	struct str *blind;            /* what could not be seen, and why */
	size_t blind_count, blind_capacity;
	int exit;
};

const char *health_name(enum health health);
void status_show(struct ctl *ctl, const struct status *status);
void status_json(struct ctl *ctl, const struct status *status);

#endif
