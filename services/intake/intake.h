/* Intake's words: what a claim is about, what a batch knows, what it leaves behind.
 *
 * Claims go downhill: intake_check.c refuses what is no claim, intake_wire.c reads JSON, intake_store.c loads and saves
 * sets of rows, intake_decide.c decides (pure), intake_claims.c and intake_directory.c put these in order for a batch. */
#ifndef AFTERCARE_INTAKE_H
#define AFTERCARE_INTAKE_H

#include "common/base/fault.h"
#include "common/base/findings.h"
#include "common/base/policy.h"
#include "common/base/str.h"
#include "common/base/ticket.h"
#include "common/io/ident.h"
#include "common/io/schema.h"
#include "common/worker/installation.h"
#include "common/worker/knowledge.h"
#include "common/worker/worker.h"

#define INTAKE_MISSING_MAX 100          /* the contract's limit of lists */
#define INTAKE_RELATED_MAX 100          /* the same number stands in intake.sql */
#define INTAKE_KEY_MAX 1280             /* bytes of an id that the database indexes: 320 characters */
#define INTAKE_AHEAD (5 * MINUTE)       /* so far may a claim's time lie after its arrival */

/* ---- what a claim is about ---- */
enum about {
	ABOUT_TICKET,      /* a ticket that exists: a copy goes to its lane */
	ABOUT_REQUEST,     /* opens a ticket */
	ABOUT_EITHER,      /* a ticket when one is named, else a thing */
	ABOUT_THING,       /* anything else: a copy goes to the desk, keyed by the thing's id */
	ABOUT_CALL,        /* a thing too, which is logged whatever becomes of it */
	ABOUT_POLICY,      /* a thing too, and makes a version usable */
	ABOUT_ENTITY,      /* master data: X.upserted */
	ABOUT_PRESENCE,    /* somebody is on or off post */
	ABOUT_PERSON,      /* what else the directory's topic says of somebody: leave, leaving */
	ABOUT_MAX
};
/* By the schema's x-about, but for the few names that intake treats in a way of its own. */
enum about intake_about(struct str name, struct str annotation);

/* A name as intake knows it, found once. */
struct claim_type {
	struct str name;
	enum about about;
	struct str member;             /* of the data: the thing's id; may be absent */
	struct str lane_of;            /* the member whose lane a copy goes to when it is there; absent: that of the thing */
	struct str prefix;             /* of the record's key where it is "prefix:id": what a null body deletes */
	const struct schema *schema;   /* NULL: no such name */
	struct str topic;              /* where claims of this name belong; absent: nowhere, it is a fact */
};

/* ---- one claim ---- */
struct request {
	struct str channel, kind, severity, mode, priority;
	struct str customer_id, phone, email;
	struct str installation, serial_no, model;
};
struct approval {
	struct str policy, by, role;
	int64_t version;
	struct str day;                /* effective_from as a date: a day of the policy's zone; else absent */
	bool day_wrong;                /* effective_from is neither instant nor date */
	instant effective_from;        /* as given, INSTANT_NONE without; as it will be, once loaded */
	struct str state;              /* of the version, once loaded; absent: there is no such version */
	bool unreviewed;               /* a draft that its regulation wants to see reviewed first */
};
struct claim {
	struct item *item;
	const struct claim_type *type;
	struct ident ident;            /* of (source, id) */
	struct str id;                 /* the ticket named or to be opened, the thing, the person; absent: it names none */
	bool about_ticket;             /* it is about a ticket that must exist */
	struct ident origin;           /* by_origin: the ticket must have been opened by this claim */
	bool by_origin;                /* the ticket is named by the claim that opened it */
	char own[IDENT_TICKET];        /* text of the ticket id that its ident gives */
	struct str mentioned;          /* ABOUT_CALL: the ticket it names; may be absent, may be none of ours */
	struct request *request;       /* ABOUT_REQUEST */
	struct approval *approval;     /* ABOUT_POLICY */
	struct str by, role;           /* ABOUT_THING of staff: who says it */
};

/* ---- what a batch knows: tables in the batch's arena ---- */
struct table_slot {
	struct str key;                /* p == NULL: free */
	uint32_t value;
};
struct table {
	struct table_slot *slots;
	uint32_t mask;
};
/* Room for `most` keys, all from the arena. */
void intake_table_init(struct table *table, size_t most, struct arena *arena);
/* NULL when the key is not there. An absent key never is. */
uint32_t *intake_table_find(const struct table *table, struct str key);
/* Sets or replaces; the key is borrowed. */
void intake_table_put(struct table *table, struct str key, uint32_t value);

struct known_ticket {
	struct str id;
	struct ident ident;
};
struct related {
	struct str ticket;
	struct related *next;
};
struct customer {
	struct related *tickets;       /* open ones */
	size_t count;
};
/* What the directory says of a customer that regulations look at; absent: it does not say. */
struct profile {
	struct str grade, region, advisor, language;
};
struct memory {
	struct table seen;             /* idents of claims taken, in the database or in this batch */
	struct table tickets;          /* id -> known[] */
	struct known_ticket *known;
	size_t known_count;
	struct table customers;        /* what a customer is known by -> customer[] */
	struct customer *customer;
	struct table by_id, by_serial, by_model;    /* -> installations[] */
	struct installation *installations;
	size_t installation_count;
	struct table profiles;         /* customer id -> profile[] */
	struct profile *profile;
};
/* The key of by_model. */
struct str intake_model_key(const struct request *request, struct arena *arena);

/* ---- decide (pure: nothing here knows a clock, a database or an allocation) ---- */
enum outcome {
	TAKEN,
	REPEATED,      /* no effect, counted */
	REFUSED,       /* the fault says why */
};
/* What the memory says about one claim. */
struct standing {
	bool seen;                     /* (source, id) has been taken before */
	bool id_taken;                 /* a request: another one has its ticket id */
	bool ticket_known;             /* a claim about a ticket */
};
/* Whether the claim is taken, as far as it can be told without policies. */
enum outcome intake_admit(bool about_ticket, struct str id, const struct standing *standing, instant time, instant now,
			  struct fault *fault);
/* When a claim counts as having happened: its time, but never after its arrival. */
instant intake_arrived(instant time, instant now);
/* Whether master data of time `at` replaces what stands there since `known` (INSTANT_NONE: nothing): the last one wins,
 * of two at the same time the one that came later. */
bool intake_newer(instant known, instant at);
/* Whether s can be a ticket id at all; what cannot is unknown without asking. */
bool intake_ticket_shaped(struct str s);
/* The ticket whose survey, message or task this is: the part before the dot of "AC-....s1". Absent when there is no dot
 * or no ticket before it: then it belongs to none. */
struct str intake_ticket_prefix(struct str s);
/* The kind a ticket gets: absent stays absent, a code that nobody knows becomes `unknown_kind` of the policy, else "other". */
struct str intake_kind(struct str given, const struct lifecycle *lifecycle, const struct policy *const *policies,
		       size_t count, bool *ret_unknown);
/* Whether a request may come by this channel: the most specific policy with a list speaks, else the shared list. */
bool intake_channel_open(struct str channel, const struct lifecycle *lifecycle, const struct policy *const *policies,
			 size_t count);
/* Id, phone or e-mail: by what the tickets of one customer are known. Absent when none is given or usable. */
struct str intake_customer_key(const struct request *request);
/* The required fields of all policies that the data lacks, each once; at most INTAKE_MISSING_MAX. */
size_t intake_missing(const struct policy *const *policies, size_t count, const struct value *vector,
		      const struct doc *data, instant now, const struct strings **ret_missing);
/* Whether a role may make this claim: by the lifecycle's permissions; where they are silent, `fallback` alone may, and
 * without a fallback anybody. */
bool intake_permitted(struct str claim, struct str role, const struct lifecycle *lifecycle, const char *fallback);
/* What became of a call: what the claim says, else what can be told from its name and whether there is a ticket. */
struct str intake_call_outcome(struct str name, struct str given, bool ticket);
/* s when it looks like a code, so that it may stand in a dead letter's detail; else "(no code)". */
struct str intake_quotable(struct str s);

/* ---- wire ---- */
/* Reads what deciding needs from an item that check has parsed. `claim` is zeroed. */
void intake_decode(struct claim *claim, struct item *item, const struct claim_type *type, int32_t lanes, struct arena *arena);
struct registration {
	const struct ticket *ticket;   /* state, kind, policies, ... as registered */
	bool kind_unknown;
	const struct findings *findings;
	const struct strings **missing;
	size_t missing_count;
	const struct related *related;
	size_t related_count;
	const char *const *written;    /* members of the claim's data that give way to ours */
	const struct profile *profile; /* NULL: the directory does not know the customer */
};

/* ---- intake_profile.c: customers as the directory has them ---- */
struct profile intake_profile_read(struct str data, struct arena *scratch, struct arena *arena);
/* The company's word on its customers counts more than what a request says of itself. */
void intake_profile_lay(const struct profile *profile, const struct attributes *attributes, struct value *vector);
/* The member "customer" of ticket.registered: the request's, with what the directory says laid upon it. */
void intake_profile_write(struct writer *writer, const struct profile *profile, const struct doc *doc);
/* Bodies of ticket.registered and ticket.incomplete, appended to buf. */
void intake_encode_registered(struct buf *buf, const struct registration *registration, const struct item *item, instant now,
			      struct arena *arena);
void intake_encode_incomplete(struct buf *buf, const struct registration *registration, instant now, struct arena *arena);
/* ticket: absent when the call concerns none that is known. */
void intake_encode_call(struct buf *buf, const struct claim *claim, struct str ticket, instant at, instant now,
			struct arena *arena);
void intake_encode_effective(struct buf *buf, const struct approval *approval, instant at, instant now);
/* Everything that intake writes itself into ticket.registered, and `also` (NULL: nothing more); heap, freed by the caller. */
const char *const *intake_written_members(const char *also);
/* Queues the copy of a claim: to its ticket's lane, else to the desk. */
void intake_emit_copy(struct batch *batch, struct claim *claim);
/* A null body: what its key names is gone. */
bool intake_deletes(const struct event *event);

/* ---- store ---- */
struct ticket_row {
	struct str ticket, ident, customer;
	int32_t lane;
};
struct approval_row {
	struct str policy, by;
	int32_t version;
	instant effective_from, at;
};
struct changes {
	struct ticket_row *tickets;
	size_t ticket_count;
	struct str *idents;            /* of claims taken that open no ticket */
	size_t ident_count;
	struct approval_row *approvals;
	size_t approval_count;
};
/* All that the claims of a batch need to know, one statement per table; `customers`: the directory may know some. */
enum verdict intake_load(struct batch *batch, const struct claim *claims, size_t count, bool customers, struct memory *ret_memory,
			 struct fault *fault) must_check;
/* Queues what is new; rows sorted by key. */
void intake_save(struct batch *batch, struct changes *changes);
/* Only the idents, for the directory's topic. */
void intake_queue_seen(struct batch *batch, const struct claim *claims, size_t count);
void intake_read_seen(struct batch *batch, size_t result, size_t claims, struct memory *memory);
void intake_save_idents(struct batch *batch, struct str *idents, size_t count);
/* Which tickets the log has closed or opened again. */
enum verdict intake_follow_log(struct batch *batch, struct fault *fault) must_check;
bool intake_wants(struct str name);

/* ---- the service ---- */
struct intake {
	struct schema_set *schemas;
	struct knowledge *knowledge;
	bool customers;                /* the directory has some, as of customers_at of its generation of things */
	int64_t customers_at;
	const char *const *written, *const *written_profile;   /* the latter for customers that the directory knows */
	struct claim_type *types;      /* by hash of the name; name absent: free */
	size_t type_count;
	struct arena names;            /* of the types */
	struct buf body;               /* of the fact being written */
};
/* The type of an item; from the arena when it cannot be remembered. */
const struct claim_type *intake_type(struct intake *intake, struct str name, struct arena *arena);
enum verdict intake_check(void *state, struct item *item, struct arena *arena, struct fault *fault);
enum verdict intake_claims(struct intake *intake, struct batch *batch, struct fault *fault) must_check;
enum verdict intake_directory(struct intake *intake, struct batch *batch, struct fault *fault) must_check;

/* ---- intake_service.c: the table of the service ---- */
extern const struct service intake_service;

#endif
