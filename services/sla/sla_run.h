/* What the impure files of sla share: a batch at hand, and who does what with it. */
#ifndef AFTERCARE_SLA_RUN_H
#define AFTERCARE_SLA_RUN_H

#include "common/base/desk.h"
#include "common/worker/knowledge.h"
#include "common/worker/ticket.h"
#include "common/worker/worker.h"
#include "services/sla/sla.h"

struct sla {
	struct knowledge *knowledge;
	struct buf body;             /* of the fact being written */
};

/* A ticket of the batch; at the same place as in the set. */
struct sla_entry {
	struct sla_case c;
	struct ticket *ticket;
	bool ready;                  /* policies, plans and memory are there */
	struct item *item;           /* the last fact of the log upon it; NULL: only timers */
	size_t said;                 /* facts of the case that are emitted */
};

struct sla_run {
	struct sla *sla;
	struct batch *batch;
	bool desk;                   /* the batch is of the desk: things stand in for tickets, "KIND:ID" for their ids */
	struct ticket_set tickets;
	struct sla_entry *entries;
	const struct sla_plan **plans;   /* of the policies that the batch has met */
	size_t plan_count, plan_capacity;
};

/* ---- sla_handle.c ---- */
enum verdict sla_handle(void *state, struct batch *batch, struct fault *fault);

/* ---- sla_desk.c ---- */
/* What a guard of a claim looks at. */
struct sla_look {
	const struct value *vector;
	instant now;
};
/* A claim about a thing: refused when a guard misses something, else a fact of the thing for its clocks. */
enum verdict sla_claim(struct sla_run *run, struct sla_entry *entry, struct item *item, struct fault *fault);

/* ---- of sla_handle.c for sla_desk.c ---- */
/* Everything a decision looks at; once per ticket and batch, when it is first needed. */
enum verdict sla_entry_ready(struct sla_run *run, struct sla_entry *entry, struct fault *fault);
/* What the event does to the clocks, and its facts. */
void sla_pass_item(struct sla_run *run, struct sla_entry *entry, struct item *item, const struct sla_event *event,
		   const struct value *vector);

/* ---- sla_store.c ---- */
/* Tickets and their clocks, one statement per table. */
enum verdict sla_store_load(struct sla_run *run, struct fault *fault) must_check;
/* Queues what has changed, sorted by key. */
void sla_store_save(struct sla_run *run);

/* ---- sla_wire.c ---- */
/* The ticket that an item is about, or the thing as "KIND:ID"; absent when none. */
struct str sla_subject_of(const struct sla_run *run, const struct item *item);
/* Whether a thing's "KIND:ID" has an id. */
bool sla_thing_named(struct str id);
/* A claim of the desk as the decisions see it; `at` is when it happened by its own word. */
void sla_decode_claim(const struct batch *batch, const struct item *item, const struct ticket *thing, int64_t zone_offset_us,
		      struct sla_event *ret_event);
/* `ticket` is as it is after the fact. */
void sla_decode_event(const struct batch *batch, const struct item *item, const struct ticket *ticket, bool new_owner,
		      struct sla_event *ret_event);
/* The clock's id and the warning's number (-1: the breach) of a timer's key. */
struct str sla_decode_timer(const struct timer *timer, int32_t *ret_warning);
/* Emits what the case has said since the last time. */
void sla_emit_facts(struct sla_run *run, struct sla_entry *entry, struct item *item);
/* Sets, moves and cancels the timers of the case's clocks, once per batch. */
void sla_emit_timers(struct sla_run *run, struct sla_entry *entry);

/* ---- sla_service.c: the table of the service ---- */
extern const struct service sla_service;

#endif
