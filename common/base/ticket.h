/* The ticket as decisions see it: plain memory, no I/O. Slices belong to the batch's arena. */
#ifndef AFTERCARE_BASE_TICKET_H
#define AFTERCARE_BASE_TICKET_H

#include "common/base/instant.h"
#include "common/base/state.h"
#include "common/base/str.h"

#define TICKET_POLICIES_MAX 8

/* A pinned version: "graded-2h-24h-48h" 1. */
struct policy_ref {
	struct str id;
	int32_t version;
};

struct ticket {
	struct str id;
	int32_t lane;
	bool known;              /* has a row, or has just been registered */
	bool stored;             /* has a row */
	bool changed;            /* to be saved */

	int32_t revision;        /* of its last ticket.* fact */
	enum state state;
	enum state before;       /* the state before the waiting; STATE_NONE */
	instant received_at;     /* T0 */
	instant waiting_since;   /* INSTANT_NONE when not waiting */
	instant resolved_at;     /* of the last ticket.resolved; INSTANT_NONE */
	instant closed_at;       /* of the last ticket.closed; INSTANT_NONE */
	int32_t reopened;        /* how often */

	struct str kind, severity, mode, channel, priority;
	struct str customer;     /* id, phone or e-mail: by what tickets of one customer are known; may be absent */
	struct str owner, owner_role;
	instant assigned_at;     /* INSTANT_NONE */
	struct str missing;      /* required fields not given, "a b|c", blank-separated; absent: complete */
	bool unassignable;

	struct policy_ref policies[TICKET_POLICIES_MAX];   /* pinned at registration, the most specific first */
	size_t policy_count;
	int32_t lifecycle;       /* pinned version of the shared lifecycle */

	/* Evidence since the last reopening: names of facts with their count, "ticket.worked=2 ticket.confirmed=1", and ids of
	 * evidence whose match held, "policy/evidence". Blank-separated words; routing's only. */
	struct str facts, evidence;
	struct str flags;        /* blank-separated: "escalated special" */

	struct str data;         /* the request's data as merged so far, a JSON object */

	/* the claim at the root and its trace, for what the system does by itself later */
	struct str cause_id, cause_source, traceparent, tracestate;
};

#endif
