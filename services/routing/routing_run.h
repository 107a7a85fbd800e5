/* One batch of routing and what its parts share: the tickets, people and loads it was given, and how a fact is said.
 *
 * handle -> claims, facts of others, timers and look-outs -> decisions (routing.h) -> facts here -> rules on the facts. */
#ifndef AFTERCARE_ROUTING_RUN_H
#define AFTERCARE_ROUTING_RUN_H

#include "common/base/doc.h"
#include "common/worker/installation.h"
#include "common/worker/knowledge.h"
#include "common/worker/ticket.h"
#include "services/routing/routing.h"

/* A ticket's place in the queue of those that wait for somebody. */
struct routing_place {
	int32_t rank, lane;
	instant received_at;
	struct str ticket;
};

/* The state of the service. */
struct routing {
	struct knowledge *knowledge;
	struct buf body;                  /* the fact being written */
	struct buf merged;
};

struct routing_load_change {
	struct str person;
	int32_t open;                     /* +1, -1 */
	instant assigned_at;              /* INSTANT_NONE: not assigned just now */
};
struct routing_served {
	struct str customer, person;
};

/* One batch. */
struct routing_run {
	struct routing *routing;
	struct batch *batch;
	const struct directory *directory;
	struct ticket_set tickets;
	struct routing_load *loads;       /* one per person of the directory; NULL: not read yet */
	struct routing_load_change *changes;
	size_t change_count, change_capacity;
	bool served_read;
	struct routing_served *served;    /* by customer and person */
	size_t served_count;
	struct routing_place place;       /* of the look-out: the ticket at hand */
	struct routing_place reserved;    /* what stands before it in other lanes has been counted up to here */
};

#define ROUTING_FIRED_MAX 32

/* One item upon one ticket. */
struct routing_work {
	struct routing_run *run;
	struct item *item;
	struct ticket *ticket;
	const struct policy *policies[TICKET_POLICIES_MAX];
	struct routing_book book;
	const struct value *vector;       /* NULL: to be made anew */
	struct doc data;                  /* of the ticket; count 0: to be parsed */
	struct writer writer;             /* of the fact being written */
	struct str fact;
	instant fact_at;
	struct ticket before;             /* as it was before the item */
	instant given_at;                 /* when a handover gave it to its owner; 0: it did not */
	const struct findings *findings;  /* what a supplement has changed of them; NULL: nothing */
	const struct rule *fired[ROUTING_FIRED_MAX];   /* rules that have acted on this item: a stop for circles */
	size_t fired_count;
};

/* ---- routing_handle.c ---- */
enum verdict routing_handle(void *state, struct batch *batch, struct fault *fault) must_check;
/* Verifies, classifies and dispatches as far as the system may. */
enum verdict routing_advance(struct routing_work *work, struct fault *fault) must_check;

/* Makes the work ready: the ticket's policies and lifecycle are there. */
enum verdict routing_work_begin(struct routing_work *work, struct routing_run *run, struct item *item, struct ticket *ticket,
				struct fault *fault) must_check;

/* ---- routing_lookout.c: people come, go and change ---- */
/* A batch of postings: tickets of people who go are handed over, those that wait for somebody are tried again. */
enum verdict routing_look_out(struct routing_run *run, struct fault *fault) must_check;

/* ---- routing_claim.c: a claim of the log ---- */
enum verdict routing_claim_handle(struct routing_work *work, struct fault *fault) must_check;

/* ---- routing_facts.c: how facts are said ---- */
/* The attributes as the ticket is now with the item's event. */
const struct value *routing_vector(struct routing_work *work);
/* Lays the fact upon the ticket and opens its body; the caller adds members to work->writer. */
void routing_fact_begin(struct routing_work *work, struct str fact, enum state to, instant at);
/* A fact of another family about the ticket: quotes the revision and changes nothing. */
void routing_note_begin(struct routing_work *work, struct str fact, instant at);
/* Says it, and does what the rules want of it. */
enum verdict routing_fact_end(struct routing_work *work, struct fault *fault) must_check;
/* task.opened */
enum verdict routing_task_open(struct routing_work *work, struct str what, struct str whom, instant due, struct str rule,
			       struct fault *fault) must_check;
/* ticket.escalated to the superior of `person`; a task for his department when there is none on file. */
enum verdict routing_escalate(struct routing_work *work, struct str person, struct str to, struct str level, struct str rule,
			      instant at, struct fault *fault) must_check;

/* ---- routing_dispatch.c ---- */
/* Chooses and says ticket.assigned, or once ticket.unassignable. Nothing when the policy leaves it to people, or the
 * choice falls on the owner; `keep`: nor when it could fall on him. */
enum verdict routing_dispatch(struct routing_work *work, bool keep, struct fault *fault) must_check;
/* Whom the ticket would be given to now; *ret_person is NULL when nobody or not by the system. */
enum verdict routing_would_get(struct routing_work *work, const struct person **ret_person, struct fault *fault) must_check;
/* Counts the ticket, of another lane, as his: it stands before ours in the queue. */
void routing_reserve(struct routing_run *run, const struct person *person);
/* Gives the ticket of somebody who leaves or goes on leave to somebody else, its clocks unchanged (ticket.owner_changed); where nobody
 * can take it, flags it and opens a task, once. Nothing when the owner stays. */
enum verdict routing_hand_over(struct routing_work *work, struct fault *fault) must_check;
/* The persons that the ticket complains of. */
struct strings routing_named(struct routing_work *work);
/* The members of ticket.assigned that both kinds of dispatch have; `due` is raw JSON, absent: the earliest clock's. */
void routing_write_assignment(struct routing_work *work, struct str due);
/* What a dispatch says for priority: what somebody has said, else the severity. */
struct str routing_priority(const struct ticket *ticket);
/* Makes the person the owner; the fact is the caller's to say. */
void routing_own(struct ticket *ticket, struct str person, struct str role, instant at);
/* Books the change of the load that the item has made. */
void routing_book_load(struct routing_work *work);

/* ---- routing_rules.c ---- */
/* Carries out the rules on a fact that has been said or read; `seen` has the fact's data as its event. */
enum verdict routing_rules_on(struct routing_work *work, struct str fact, const struct item *seen, instant at,
			      struct fault *fault) must_check;
/* The actions of a list that are routing's. */
enum verdict routing_act(struct routing_work *work, const struct actions *actions, struct str rule, instant at,
			 struct fault *fault) must_check;
/* A fact of sla or survey: its clock's or programme's actions, then the rules; of notification: evidence. */
enum verdict routing_foreign_fact(struct routing_work *work, struct fault *fault) must_check;
/* A rule's timer has come. */
enum verdict routing_timer(struct routing_work *work, struct fault *fault) must_check;

/* ---- routing_wire.c: JSON <-> structs ---- */
void routing_decode_claim(const struct item *item, struct arena *arena, struct routing_claim *ret_claim);
/* A notify.sent; false when it went to somebody of the house. */
bool routing_decode_told(const struct doc *doc, struct arena *arena, struct routing_told *ret_told);
void routing_decode_wish(const struct doc *data, struct arena *arena, struct routing_wish *ret_wish);
/* Lays the data of a claim upon the ticket, where they change what the ticket is: so that conditions see it as it would
 * be. False: the claim is none of that sort, nothing was touched. */
bool routing_lay(struct ticket *ticket, struct str claim, const struct doc *doc, struct buf *scratch, struct arena *arena);
/* The facts whose data are laid on again by ticket_apply once they are written, so that every projection agrees. */
bool routing_fact_lays(struct str fact);
/* A required field of the ticket is known; userdata is the struct doc of its data. */
bool routing_path_known(void *userdata, struct str path);
/* The claim's data as members, `by` with the role that counts; not those named in `except` (NULL-terminated). */
void routing_write_claim(struct writer *writer, const struct item *item, const struct routing_step *step,
			 const char *const *except);
void routing_write_system(struct writer *writer);
void routing_write_words(struct writer *writer, const char *key, struct str words);
void routing_write_why(struct writer *writer, const struct routing_choice *choice);

/* ---- routing_store.c ---- */
/* The loads of all people over all lanes, once a batch. */
enum verdict routing_store_loads(struct routing_run *run, struct fault *fault) must_check;
/* Who has had tickets of the customers of this batch, once a batch. */
enum verdict routing_store_served(struct routing_run *run, struct fault *fault) must_check;
struct strings routing_store_served_of(const struct routing_run *run, struct str customer);
#define ROUTING_RETRY_MAX 1000
/* Tickets of the lane that wait for somebody, behind the place given, in the order of the queue. */
enum verdict routing_store_unassignable(struct routing_run *run, const struct routing_place *after,
					struct routing_place **ret_places, size_t *ret_count, struct fault *fault) must_check;
/* The same of all other lanes, between two places. */
enum verdict routing_store_ahead(struct routing_run *run, const struct routing_place *after, const struct routing_place *before,
				 struct routing_place **ret_places, size_t *ret_count, struct fault *fault) must_check;
/* Ids of open tickets of the lane that these people have, behind `after`; at most ROUTING_RETRY_MAX. Cheap when they have none. */
enum verdict routing_store_owned(struct routing_run *run, const struct str *people, size_t people_count, struct str after,
				 struct str **ret_tickets, size_t *ret_count, struct fault *fault) must_check;
/* Queues the changes of load, one row per person, sorted. */
void routing_store_save(struct routing_run *run);

/* ---- routing_service.c: the table of the service ---- */
extern const struct service routing_service;

#endif
