/* A regulation as compiled from its document (policy.md): immutable, pure to evaluate.
 *
 * Built by io/policy_file.h; everything lives in the arena of the policy. Parts of the language that no loaded
 * document may use yet are refused at load, by name; nothing here is ever silently ignored. */
#ifndef AFTERCARE_BASE_POLICY_H
#define AFTERCARE_BASE_POLICY_H

#include "common/base/instant.h"
#include "common/base/match.h"
#include "common/base/state.h"
#include "common/base/str.h"

struct strings {
	const struct str *items;
	size_t count;
};
bool strings_contain(struct strings list, struct str s);

/* ---- evidence: what a guard or a closing gate needs (section 4) ---- */
enum evidence_type {
	EVIDENCE_FACT,     /* the fact has happened since the last reopening, with `match` holding for it */
	EVIDENCE_COUNT,    /* as often as `equals` */
	EVIDENCE_FIELD,    /* an attribute is present, and no empty text */
	EVIDENCE_MATCH,    /* `match` holds of the ticket with the claim laid upon it */
	EVIDENCE_TOLD,     /* the customer has been told what the message rule `told` says */
	EVIDENCE_ANY,      /* one of `parts` */
};
struct evidence {
	enum evidence_type type;
	struct str id;            /* unique in the policy and stable: "signature" or made from its place */
	struct str fact, equals;
	struct match match;
	uint32_t attribute;
	struct str told;
	const struct evidence *parts;
	size_t part_count;
	struct str missing_zh, missing_en;   /* what a refusal says */
};
/* Also the gates: those whose `claim` is staff.close_requested. */
struct guard {
	struct str name;
	struct str claim;
	struct match match;
	const struct evidence *needs;
	size_t need_count;
};
struct permission {
	struct str claim;
	struct strings roles;
};

struct policy;
/* Whether evidence that is seen in attributes alone is there: a field that says something (a blank text does not), a
 * condition that holds, one of several such. False for all other evidence. */
bool evidence_seen(const struct evidence *evidence, const struct value *vector, instant now);
/* What the guards of a claim find missing, in words of both languages; absent: nothing. `met` says of each piece of evidence
 * whether it is there. */
struct str guards_missing(const struct policy *const *policies, size_t policy_count, struct str claim,
			  const struct value *vector, instant now,
			  bool (*met)(const struct policy *policy, const struct evidence *evidence, const void *userdata),
			  const void *userdata, struct arena *arena);

/* ---- actions (section 7) ---- */
enum action_type {
	ACTION_NOTIFY, ACTION_ESCALATE, ACTION_TASK, ACTION_FLAG, ACTION_PRIORITY, ACTION_REQUIRE_SPARE, ACTION_OPEN,
	ACTION_SURVEY, ACTION_FOLLOWUP, ACTION_VISIT, ACTION_REOPEN, ACTION_DISPATCH, ACTION_GROUP, ACTION_RECORD
};
struct action {
	enum action_type type;
	struct strings to;           /* roles, "customer", person paths */
	struct str message, what, form, kind, set, clear, level, register_name;
	struct duration due;
	bool has_due;
};
struct actions {
	const struct action *items;
	size_t count;
};

/* ---- clocks (section 5) ---- */
enum trigger_type { TRIGGER_NONE, TRIGGER_EVENT, TRIGGER_ALL, TRIGGER_ANY };
struct trigger {
	enum trigger_type type;
	struct str fact;             /* the fact's name: "reply.sent" is compiled to ticket.replied ... */
	struct match match;          /* ... with automatic = false */
	const struct trigger *parts;
	size_t part_count;
};
enum limit_type { LIMIT_DURATION, LIMIT_EVENT, LIMIT_COUNT };
struct limit {
	enum limit_type type;
	struct duration duration;
	struct str text;             /* LIMIT_DURATION: as the document writes it; LIMIT_COUNT: "3 rings" */
	uint32_t attribute;          /* LIMIT_EVENT: of the start event, holds the instant; LIMIT_COUNT: of the stop event, the number */
	int64_t count;               /* LIMIT_COUNT: the most that is met; such a clock is never due, what stops it is judged */
};
struct clock_warning {
	int percent;                 /* > 0: at that share of the limit */
	struct duration before;      /* else: that long before due */
};
/* Several clocks may have one name with different matches (response: urgent 2 h, general 24 h). They are alternatives:
 * a ticket has at most one clock of a name and policy, of the first rule whose match holds. */
struct clock_rule {
	struct str name;
	bool desk;                   /* runs for a thing of the desk (base/desk.h), not for a ticket */
	struct match match;
	struct trigger start, stop, cancel, restart_on;
	struct limit limit;
	struct str calendar;         /* of the clock, else of the policy; "24x7": always open */
	state_set pause_in;
	const struct clock_warning *warnings;
	size_t warning_count;
	struct actions on_warn, on_breach, on_met;
};

/* ---- routing (section 6) ----
 * `skill` and `role` of the need hold for the pool only: a rule that names a person, role or level says itself who. Nor may
 * somebody that a complaint names (`not_named`) be given it by hand. */
enum need_type { NEED_SKILL, NEED_ON_POST, NEED_ONBOARDED, NEED_CERTIFICATE, NEED_ROLE, NEED_NOT_NAMED, NEED_LANGUAGE,
		 NEED_CAPACITY };
enum certificate_need { CERTIFICATE_NONE, CERTIFICATE_PREFER, CERTIFICATE_REQUIRE };
struct mode_role {
	struct str key;              /* a mode or a kind */
	struct str role;
};
struct routing_need {
	bool skill, on_post, onboarded, role, not_named, language, capacity;
	int min_level;
	enum certificate_need certificate;
	const struct mode_role *roles;   /* by mode, else by kind, else `fallback_role` */
	size_t role_count;
	struct str fallback_role;
};
enum route_type { ROUTE_POOL, ROUTE_PERSON, ROUTE_ROLE, ROUTE_ROLE_LEVEL };
struct route_rule {
	struct str name;
	struct match match;
	enum route_type type;
	struct str to;               /* role, level ("management") or person path */
	struct str of;               /* ROUTE_POOL: the role of those in it, whatever the need says; absent: the need's */
	uint32_t attribute;          /* ROUTE_PERSON */
	bool else_next;              /* nobody there: try the next rule */
	bool binding;                /* a manual dispatch that goes elsewhere is refused as well (C092) */
};
enum preference { PREFER_CERTIFICATE, PREFER_LEVEL, PREFER_SAME_CUSTOMER, PREFER_FEWEST_OPEN, PREFER_LONGEST_IDLE, PREFER_ID };
struct routing_policy {
	bool present;                /* false: the system dispatches nobody, people do (staff.assigned) */
	struct routing_need need;
	const struct route_rule *rules;
	size_t rule_count;
	const enum preference *prefer;
	size_t prefer_count;
};

/* ---- rules, messages, programmes (7, 8, 9) ---- */
struct rule {
	struct str name, on;
	struct match match;
	struct duration after;
	bool has_after;
	struct str unless;
	struct actions actions;
};
/* What a policy itself supplies to the template of a message, where nobody has said it. */
struct message_text {
	struct str path;             /* of the placeholder: "option" */
	struct str zh, zh_tw, en;
};
struct message_rule {
	struct str name, on;
	struct match match;
	struct strings to;           /* "customer", roles, paths ("owner") */
	struct strings channels;     /* "origin" or codes, tried in order */
	struct str template_name;
	struct strings must;
	const struct message_text *texts;
	size_t text_count;
	struct str once_per;         /* "ticket", "fact" or a duration's text; absent: fact */
};
enum programme_type { PROGRAMME_SURVEY, PROGRAMME_FOLLOWUP, PROGRAMME_VISIT };
struct programme {
	struct str name;
	enum programme_type type;
	struct match match;
	struct str to;               /* "customer" or a role; of a visit: who arranges it */
	struct str form;
	struct actions missed;       /* a survey not returned, a visit not made */

	/* survey, followup: what follows a fact about a ticket */
	struct str on;               /* fact that makes it due, "ticket.closed" */
	struct duration delay;       /* from the fact to due */
	bool exclude_owner;          /* never the engineer who did the work */
	struct duration respond_within;
	bool has_respond_within;
	const struct rule *then;     /* on survey.scored */
	size_t then_count;

	/* visit: comes round for every installation, from the day of its acceptance */
	struct duration every;       /* months and whole days */
	bool until_warranty;         /* none behind the last day of the warranty; else for ever */
};

/* ---- steps of the lifecycle (4): of the shared table, and of a policy's own `allow` ---- */
enum target_type { TARGET_SAME, TARGET_STATE, TARGET_BEFORE_WAITING };
struct transition {
	struct str claim;
	struct match match;              /* over event.* and the ticket */
	state_set in;                    /* states it is allowed in */
	bool within_reopen;              /* in `closed` only as long as the policy's reopen_within says */
	bool without_confirmation;       /* only where no policy of the ticket needs the customer's confirmation */
	struct str fact;                 /* the fact it gives */
	struct str follows;              /* a further fact behind it (ticket.escalated); absent: none */
	enum target_type target;
	enum state to;                   /* TARGET_STATE */
	state_set moves;                 /* the states that it moves to the target; in the others it stays (default: all) */
	bool when_complete;              /* moves only when nothing is missing; allowed also when something is */
	bool waits;                      /* remembers the state before (the first one, when it waits already) */
	bool reopens;                    /* counts, clears the evidence */
	bool regrade;
};

/* ---- intake (3) ---- */
struct required_rule {
	struct match match;
	const struct strings *fields;    /* each a list of alternatives: customer.phone | customer.email */
	size_t field_count;
};
enum doer { BY_SYSTEM, BY_PERSON };
/* verify, classify. The first whose match holds speaks; without any: by the system, needing nothing. */
struct step_rule {
	struct match match;
	enum doer by;
	struct strings need;             /* attributes that must be known before it can be done by the system; else a person's */
	const uint32_t *need_attributes; /* the same as indices, need.count of them */
};
/* Who may have service for a thing that was found in the directory; who may not is served all the same, and looked at. */
struct entitlement {
	bool present;
	struct match match;              /* over installation.* and the request; {}: whoever has an installation */
	bool review;                     /* whether those without are flagged for review */
};
/* What is free of charge, and until when. A `match` that may look at the cause holds only once the cause is known. */
struct warranty {
	bool present;
	struct duration length;          /* from the day of acceptance; its last day included */
	bool manufacturer_if_longer;     /* the maker's months count where they are more */
	struct match labour_free, parts_free;    /* inside the warranty: free when it holds, else `otherwise` */
	struct str otherwise, outside;   /* codes of the contract */
	int64_t zone_offset_us;          /* of the policy's zone: where days begin */
	uint32_t in_warranty;            /* the attribute installation.in_warranty */
};

struct policy {
	struct str id;
	int32_t version;
	struct str source;               /* "R19" */
	struct str title_zh, title_en;
	struct str family;
	instant effective_from;
	struct match applies;
	int rank;                        /* customer 3 > product 2 > kind 1 > default 0 */
	struct str zone, calendar;
	int64_t zone_offset_us;          /* of `zone` from UTC: for instant_add and for dates */
	bool statutory;
	struct strings approval;         /* who approves a version, in order: "department", "management" */

	struct strings channels;         /* empty: the contract's */
	const struct required_rule *required;
	size_t required_count;
	const struct step_rule *verify, *classify;
	size_t verify_count, classify_count;
	struct entitlement entitlement;
	struct warranty warranty;
	struct str unknown_kind;         /* absent: "other" */
	bool acknowledge;
	struct duration max_backdate;    /* default PT15M */

	const struct guard *guards;
	size_t guard_count;
	const struct permission *permissions;
	size_t permission_count;
	bool has_reopen_within;
	struct duration reopen_within;
	bool no_confirmation;            /* closing does not need the customer's confirmation (lifecycle.confirmation: false) */
	const struct transition *allow;  /* further steps, where the shared table has none */
	size_t allow_count;

	const struct clock_rule *clocks;
	size_t clock_count;
	struct routing_policy routing;
	const struct rule *rules;
	size_t rule_count;
	const struct message_rule *messages;
	size_t message_count;
	const struct programme *programmes;
	size_t programme_count;

	struct arena arena;              /* owns all of it */
};

/* ---- the shared lifecycle (policy.md 4; deploy/policies/lifecycle.json) ---- */
struct lifecycle {
	int32_t version;
	const struct transition *transitions;   /* the first whose claim, state and match fit speaks */
	size_t transition_count;
	const struct permission *permissions;   /* default lines; a claim without line: any staff role */
	size_t permission_count;
	struct strings staff_roles, management_roles;
	struct strings channels, kinds;
	struct arena arena;
};

/* What a claim meets: all that decides whether a step is allowed. */
struct attempt {
	struct str claim;
	enum state state;
	instant at;                  /* when the claim happened */
	instant closed_at;           /* INSTANT_NONE */
	const struct value *vector;
	instant now;
};
/* The step that speaks for a claim: of the lifecycle, then of the policies' `allow` (the most specific policy first), the
 * first whose claim, state and match fit. NULL: an illegal transition. */
const struct transition *lifecycle_step(const struct lifecycle *lifecycle, const struct policy *const *policies,
					size_t policy_count, const struct attempt *attempt);
/* The state after it; `before` is the state before the waiting, `complete` whether nothing is missing. */
enum state transition_target(const struct transition *transition, enum state state, enum state before, bool complete);
/* Whether a role may make this staff claim: by the line of the most specific policy that has one, else the lifecycle's,
 * else any staff role. */
bool lifecycle_permits(const struct lifecycle *lifecycle, const struct policy *const *policies, size_t policy_count,
		       struct str claim, struct str role);

/* Whether two policies of one family are of equal rank for some request (C044): neither is more specific than the other, and as
 * far as can be told both could apply. `attributes` is what both were compiled with. */
bool policies_clash(const struct policy *a, const struct policy *b, const struct attributes *attributes);

#endif
