/* The vocabulary of routing: what its decisions take and give. Plain memory only; nothing here knows JSON, SQL or Kafka.
 *
 * routing is the one writer of the lifecycle: it turns claims about tickets into ticket.* facts, or refuses them, and
 * chooses who works on what. The decisions (routing_decide*.c) are functions of their arguments alone. */
#ifndef AFTERCARE_ROUTING_H
#define AFTERCARE_ROUTING_H

#include "common/base/directory.h"
#include "common/base/fault.h"
#include "common/base/policy.h"
#include "common/base/ticket.h"

/* What a ticket is judged by. */
struct routing_book {
	const struct lifecycle *lifecycle;
	const struct policy *const *policies;   /* pinned, the most specific first */
	size_t policy_count;
	const struct directory *directory;
};

/* A claim as decisions see it. */
struct routing_claim {
	struct str name;
	bool staff;                /* somebody of the company says so: needs a permission */
	struct str by, role;       /* as claimed; may be absent */
	instant time, arrived;
	struct str to;             /* staff.assigned: the person */
	struct strings named;      /* staff.assigned: the persons that the ticket complains of */
};

/* What follows from a claim that is allowed. */
struct routing_step {
	const struct transition *transition;
	struct str fact;
	enum state to;
	instant at;                /* when it counts as happened */
	int64_t backdated_s;       /* > 0: the claim reached further back than the policy allows */
	struct str role;           /* the role that counts: the directory's, else the claimed one */
};

struct routing_refusal {
	enum reason reason;
	struct str detail;
};

/* ---- routing_decide.c: one claim upon one ticket ---- */

/* Whether the claim is allowed, and what it gives. False: *ret_refusal says why. `vector` is that of the ticket with the
 * claim's data laid upon it (may be NULL when routing_needs_vector is false). Texts come from the arena. */
bool routing_step(const struct ticket *ticket, const struct routing_claim *claim, const struct routing_book *book,
		  const struct value *vector, instant now, struct arena *arena, struct routing_step *ret_step,
		  struct routing_refusal *ret_refusal);
/* The step that speaks for a claim on this ticket at `at`; NULL when none is allowed. */
const struct transition *routing_transition(const struct ticket *ticket, struct str claim, const struct routing_book *book,
					    const struct value *vector, instant at, instant now);
/* The state behind it. */
enum state routing_target(const struct ticket *ticket, const struct transition *transition);
/* Whether any condition has to be evaluated for this claim. */
bool routing_needs_vector(const struct routing_book *book, struct str claim);
/* Lays a decided fact upon the ticket: state, revision, waiting, times, reopening, and the count of the fact. The
 * fact's data are the wire's to lay on before. */
void routing_apply(struct ticket *ticket, struct str fact, enum state to, instant at, struct arena *arena);
bool routing_state_waits(enum state state);
/* Whether a role is of the management. */
bool routing_manages(const struct lifecycle *lifecycle, struct str role);

/* ---- routing_decide_gate.c: evidence ---- */

/* Whether everything that the policies need for this claim is there; else gate_unmet naming each missing item. */
bool routing_gates(const struct ticket *ticket, struct str claim, const struct routing_book *book,
		   const struct value *vector, instant now, struct arena *arena, struct routing_refusal *ret_refusal);
/* Remembers, after a fact, which evidence its data have given. */
void routing_note_evidence(struct ticket *ticket, struct str fact, const struct routing_book *book,
			   const struct value *vector, instant now, struct arena *arena);
/* A message that has reached the customer: of which rule of which policy, about which fact. */
struct routing_told {
	struct str policy, rule, fact;
};
/* Whether a gate of the policy may wait for this message. */
bool routing_told_matters(const struct policy *policy, const struct routing_told *told);
/* Remembers which evidence the message is. */
void routing_note_told(struct ticket *ticket, const struct routing_told *told, const struct routing_book *book,
		       struct arena *arena);
/* Whether some evidence looks into the data of this fact. */
bool routing_evidence_looks(const struct routing_book *book, struct str fact);

/* Lists of words: "a b=2 c". */
bool routing_word_has(struct str words, struct str word);
struct str routing_word_add(struct arena *arena, struct str words, struct str word);
struct str routing_word_remove(struct arena *arena, struct str words, struct str word);
int64_t routing_word_count(struct str words, struct str name);
struct str routing_word_bump(struct arena *arena, struct str words, struct str name);

/* ---- routing_decide_next.c: what the system does by itself ---- */

enum routing_next { NEXT_NOTHING, NEXT_VERIFY, NEXT_CLASSIFY, NEXT_DISPATCH };

/* Whether a path of the request ("product.model", "a|b") is known; answered by whoever holds the data. */
struct routing_known {
	bool (*known)(void *userdata, struct str path);
	void *userdata;
};

/* The next step the system takes with this ticket without being told. */
enum routing_next routing_next(const struct ticket *ticket, const struct routing_book *book, const struct value *vector,
			       instant now);
/* The required fields that are missing, as ticket.missing keeps them; absent when complete. */
struct str routing_missing(const struct ticket *ticket, const struct routing_book *book, const struct value *vector,
			   const struct routing_known *known, instant now, struct arena *arena);
/* Of a ticket that is being assigned: the earliest due time among the clocks that run since T0 or begin with this, over all
 * its policies; INSTANT_NONE when none is known. */
instant routing_due(const struct ticket *ticket, const struct routing_book *book, const struct value *vector, instant now);
/* Whether `to` is a higher priority than `was`; of codes that are none of the shipped ones nobody knows: true. */
bool routing_raises(struct str was, struct str to);

/* ---- routing_decide_assign.c: who ---- */

/* What the choice looks at besides the ticket. */
struct routing_wish {
	struct str product, fault_type, language;   /* absent: the request does not say */
	struct strings named;                       /* the persons a complaint is about */
	struct strings served;                      /* persons who have had a ticket of this customer */
	instant due;                                /* the earliest due time that is known; INSTANT_NONE: none */
};
/* Of the person at the same place of the directory. */
struct routing_load {
	int32_t open;
	instant assigned_at;                        /* the last time; INSTANT_NONE: never */
};

#define ROUTING_REASONS(X) \
	X(PERSON, "person") \
	X(ROLE, "role") \
	X(SKILL, "skill") \
	X(CERTIFICATE, "certificate") \
	X(LANGUAGE, "language") \
	X(ONBOARDED, "onboarded") \
	X(NOT_NAMED, "not_named_in_complaint") \
	X(ON_POST, "on_post") \
	X(ON_LEAVE, "on_leave") \
	X(LEAVING, "leaving") \
	X(CAPACITY, "capacity")

enum routing_ruled {
	RULED_NONE = 0,                             /* eligible */
#define X(name, text) RULED_##name,
	ROUTING_REASONS(X)
#undef X
	RULED_MAX
};
const char *routing_ruled_name(enum routing_ruled ruled);

#define ROUTING_CANDIDATES_MAX 8                    /* of each sort; the rest is only counted */
struct routing_candidate {
	struct str id;
	enum routing_ruled ruled;
};
struct routing_choice {
	const struct person *person;                /* NULL: nobody is eligible */
	size_t index;                               /* of the person in the directory */
	struct str rule;                            /* name of the rule that spoke last; absent: none matched */
	struct routing_candidate eligible[ROUTING_CANDIDATES_MAX], ruled_out[ROUTING_CANDIDATES_MAX];
	size_t eligible_count, ruled_out_count;     /* all of them, also those beyond the arrays */
	bool owner_eligible;                        /* the ticket's owner could be chosen as well */
};

/* The policy that speaks about routing; NULL when none does: then nobody is assigned but by hand. */
const struct policy *routing_policy_of(const struct routing_book *book);
/* The choice of person by the policy. `loads` has one entry per person of the directory. */
void routing_choose(const struct ticket *ticket, const struct routing_wish *wish, const struct routing_book *book,
		    const struct policy *policy, const struct routing_load *loads, const struct value *vector, instant now,
		    struct routing_choice *ret_choice);
/* Whether the owner may keep the ticket after its mode (or grade) has changed, or a complaint names somebody. `mode`: look at
 * the role a mode needs too, not only at what a rule of the policy demands. */
bool routing_owner_fits(const struct ticket *ticket, const struct strings *complained_of, const struct routing_book *book,
			const struct value *vector, bool mode, instant now);
/* Whether the person of the claim may be made the owner by hand: a binding rule may want somebody else (C092), and who is
 * complained of handles no complaint where the policy says so (C102); else gate_unmet. */
bool routing_may_own(const struct ticket *ticket, const struct routing_claim *claim, const struct routing_book *book,
		     const struct value *vector, instant now, struct arena *arena, struct routing_refusal *ret_refusal);
/* Whether somebody else must have the ticket because its owner leaves, or is on leave now or when it is due (C182, C183). */
bool routing_hands_over(const struct ticket *ticket, const struct routing_book *book, instant due, instant now);
/* Whether the policy prefers somebody who has served the customer before. */
bool routing_prefers_served(const struct policy *policy);

#endif
