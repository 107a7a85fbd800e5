/* What the impure files of sla share: a batch at hand, and who does what with it. */
#ifndef AFTERCARE_SLA_RUN_H
#define AFTERCARE_SLA_RUN_H

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
	struct ticket_set tickets;
	struct sla_entry *entries;
	const struct sla_plan **plans;   /* of the policies that the batch has met */
	size_t plan_count, plan_capacity;
};

/* ---- sla_handle.c ---- */
enum verdict sla_handle(void *state, struct batch *batch, struct fault *fault);

/* ---- sla_store.c ---- */
/* Tickets and their clocks, one statement per table. */
enum verdict sla_store_load(struct sla_run *run, struct fault *fault) must_check;
/* Queues what has changed, sorted by key. */
void sla_store_save(struct sla_run *run);

/* ---- sla_wire.c ---- */
/* `ticket` is as it is after the fact. */
void sla_decode_event(const struct batch *batch, const struct item *item, const struct ticket *ticket, bool new_owner,
		      struct sla_event *ret_event);
/* The clock's id and the warning's number (-1: the breach) of a timer's key. */
struct str sla_decode_timer(const struct timer *timer, int32_t *ret_warning);
/* Emits what the case has said since the last time. */
void sla_emit_facts(struct sla_run *run, struct sla_entry *entry, struct item *item);
/* Sets, moves and cancels the timers of the case's clocks, once per batch. */
void sla_emit_timers(struct sla_run *run, struct sla_entry *entry);

#endif
