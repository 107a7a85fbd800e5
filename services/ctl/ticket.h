/* ticket: what reading (ticket.c, ticket_read.c), wording (ticket_words.c) and showing (ticket_show.c) share. */
#ifndef AFTERCARE_CTL_TICKET_H
#define AFTERCARE_CTL_TICKET_H

#include "common/base/doc.h"
#include "services/ctl/ctl.h"
#include "services/ctl/dead.h"
#include "services/ctl/screen.h"

/* Something that happened to the ticket: a fact of the log, a message, or a refusal. */
struct happening {
	struct str topic, name, id;      /* name: "ticket.assigned"; of a refusal the claim's */
	int64_t offset;
	instant at, decided_at;
	int32_t revision;
	struct doc doc;                  /* of its data; count 0: none */
	const struct dead *dead;         /* a refusal */
};

struct ticket_clock {
	struct str id, name, limit, why;
	struct str state;                /* running, paused, breached, met, corrected, cancelled */
	bool breached;                   /* at some time */
	instant started_at, due_at, ended_at;
};

struct ticket_view {
	struct ctl *ctl;
	struct screen screen;
	struct str id;
	int32_t lane;
	instant now;
	struct happening *items;         /* in the order of the log; messages and refusals where they belong in time */
	size_t count, capacity;
	struct ticket_clock *clocks;
	size_t clock_count, clock_capacity;
	struct str *people, *names;      /* ids, and names (absent: not in the directory) */
	size_t people_count, people_capacity;

	/* as the last facts left it */
	struct str kind, severity, mode, channel, state, owner, owner_role, policy, policy_source;
	struct str customer, customer_id, product, version, serial_no, entitlement;
	struct str cause_id, cause_source;   /* of the request that opened it */
	int64_t policy_version;
	int32_t revision;
	instant received_at;
	bool registered;
};

/* ---- ticket_read.c ---- */
/* Fills items from the lane and its messages. Exit status 0, or 3 after it has said why. */
int ticket_read(struct ticket_view *view, instant since);
/* Refusals and names, from the database; without it the view is poorer, which is said. */
void ticket_enrich(struct ticket_view *view);
/* Header, clocks and order of what was read. */
void ticket_settle(struct ticket_view *view);
struct ticket_clock *ticket_next_due(struct ticket_view *view);
bool ticket_is_overdue(const struct ticket_view *view);

/* ---- ticket_words.c ---- */
/* What happened, in a line; in the arena. */
struct str ticket_words(const struct ticket_view *view, const struct happening *happening);
/* "in_progress" -> "in progress" or 处理中. */
struct str ticket_word(const struct ticket_view *view, struct str code);
/* "李敏 (E017)" */
struct str ticket_person(const struct ticket_view *view, struct str id);
/* "PT2H" -> "2 h". */
struct str ticket_limit(const struct ticket_view *view, struct str limit);

/* ---- ticket_show.c ---- */
void ticket_show(struct ticket_view *view);
void ticket_json(struct ticket_view *view);

#endif
