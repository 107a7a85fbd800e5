/* Inside the policy compiler only (common/io/policy_*.c): where in a document we are, and what its parts are called.
 *
 * A `struct place` is a value together with the way to it, kept on the stack while the document is walked; every
 * complaint is made at a place, so that each error names its JSON pointer. */
#ifndef AFTERCARE_IO_POLICY_INNER_H
#define AFTERCARE_IO_POLICY_INNER_H

#include <jansson.h>

#include "common/base/near.h"
#include "common/io/policy_file.h"

#define MATCH_DEPTH_MAX 8

struct compile {
	const char *name;               /* stands before each error */
	struct buf *errors;
	size_t error_count;
	struct arena *arena;            /* of the policy or lifecycle being built */
	struct attributes *attributes;
	json_t *codes;                  /* further codes of this document; or NULL */
	int64_t zone_offset_us;
	const struct policy_setting *settings;
	size_t setting_count;
	const struct strings *calendars; /* those a policy may name; NULL: any */
	bool strict;                    /* to be loaded: also what contradicts itself is an error (what is loaded must stay usable) */
};

struct place {
	const struct place *up;         /* NULL: the root */
	const char *key;                /* NULL: an element of a list */
	size_t index;
	json_t *value;                  /* NULL: absent */
};

/* A list of words the language knows, and what one of them is called. */
struct words {
	const char *what;               /* "severity" */
	const char *const *items;       /* NULL-terminated */
	const char *codes;              /* name under which a document may add some of its own; NULL: it may not */
};

/* ---- policy_place.c ---- */
struct place place_member(const struct place *at, const char *key);
struct place place_element(const struct place *at, size_t index);
/* One line "FILE: /pointer: text". */
void complain(struct compile *compile, const struct place *at, const char *format, ...) printf_like(3, 4);
/* Whether something is there to be read: false when absent, null, or a blank without value (complained about before). */
bool present(const struct place *at);
/* An object with known members only. members: "!x" must be there, "~x" is part of the language that this version does
 * not carry out, "x" may be there; NULL-terminated. "note" and "clauses" are always allowed. False: nothing to read. */
bool read_object(struct compile *compile, const struct place *at, const char *const *members);
/* Number of elements of a list; 0 when absent or complained about. */
size_t read_list(struct compile *compile, const struct place *at);
struct str read_text(struct compile *compile, const struct place *at);
bool read_bool(struct compile *compile, const struct place *at, bool absent);
int64_t read_int(struct compile *compile, const struct place *at, int64_t absent, int64_t least, int64_t most);
/* False when absent or complained about. */
bool read_duration(struct compile *compile, const struct place *at, struct duration *ret);
/* A name of letters a-z, digits, ".", "_" and "-". */
struct str read_name(struct compile *compile, const struct place *at);
/* A word of a list; absent when it is not one. */
struct str read_word(struct compile *compile, const struct place *at, const struct words *words);
/* One string or a list of them; each checked by `check` unless that is NULL. */
struct strings read_strings(struct compile *compile, const struct place *at,
			    void (*check)(struct compile *, const struct place *, const void *), const void *context);
struct strings read_words(struct compile *compile, const struct place *at, const struct words *words);
/* {"zh": ..., "en": ...} or one string for both. */
void read_bilingual(struct compile *compile, const struct place *at, struct str *ret_zh, struct str *ret_en);
/* Complains when two elements of a list have the same value of member "name". */
void check_names(struct compile *compile, const struct place *list);

/* ---- policy_words.c ---- */
extern const struct words words_fact, words_desk, words_claim, words_state, words_kind, words_severity, words_mode, words_channel,
	words_role, words_management, words_staff, words_charge, words_entitlement;
bool words_have(const struct compile *compile, const struct words *words, struct str word);
/* Complains that a word is not one of them, with what may have been meant. */
void words_complain(struct compile *compile, const struct place *at, const struct words *words, struct str word);
/* The fact that a claim gives by the naming rule of the contract, in the arena. */
struct str words_fact_of(struct arena *arena, struct str claim);

/* ---- policy_paths.c ---- */
/* Whether a path is known; *ret_codes is the list its values come from, or NULL. Complains when it is not. */
bool path_known(struct compile *compile, const struct place *at, struct str path, const struct words **ret_codes);
/* Interns a path that is known. */
uint32_t path_intern(struct compile *compile, struct str path);
/* Whom something goes to: a role, "customer", "owner", "superior", "management" or a path to a person. */
void check_recipient(struct compile *compile, const struct place *at, const void *unused);

/* ---- policy_match.c ---- */
struct match read_match(struct compile *compile, const struct place *at);
/* Both must hold; memory from the arena. */
struct match match_join(struct compile *compile, const struct match *a, const struct match *b);
/* path = value, or not; for the matches that names of the language imply. */
struct match match_of(struct compile *compile, const char *path, struct value value, bool negated);

/* ---- policy_set.c ---- */
/* Is this {"set": NAME}? */
bool is_blank(const json_t *value);
/* Puts the operator's values in the place of the blanks, in the tree itself; complains about those without. */
void fill_blanks(struct compile *compile, const struct place *root);

/* ---- policy_zone.c ---- */
/* The zone of the document; sets compile->zone_offset_us. Absent: Asia/Shanghai. */
struct str read_zone(struct compile *compile, const struct place *at);
/* A time, or a date in the zone; INSTANT_NONE when absent or complained about. */
instant read_when(struct compile *compile, const struct place *at);

/* ---- policy_calendar.c ---- */
/* The name of a calendar that is known, or complained about. */
struct str read_calendar_name(struct compile *compile, const struct place *at);

/* ---- policy_file.c ---- */
/* The text as a JSON object that the caller gives up with json_decref; NULL after a complaint. */
json_t *load_document(struct compile *compile, struct str text);
/* FATAL with the number of errors, or OK. */
enum verdict conclude(const struct compile *compile, struct fault *fault);

/* ---- the sections ---- */
void read_intake(struct compile *compile, const struct place *at, struct policy *policy);
void read_lifecycle_section(struct compile *compile, const struct place *at, struct policy *policy);
void read_clocks(struct compile *compile, const struct place *at, struct policy *policy);
void read_routing(struct compile *compile, const struct place *at, struct policy *policy);
const struct rule *read_rules(struct compile *compile, const struct place *at, const char *on_default, size_t *ret_count);
struct actions read_actions(struct compile *compile, const struct place *at);
/* Complains about actions other than notify (and task) in a place where no daemon carries them out. */
void only_actions(struct compile *compile, const struct place *at, struct actions actions, bool task);
void read_messages(struct compile *compile, const struct place *at, struct policy *policy);
/* Complains when a name is none of the document's messages: nor a template, for what shall be told; nor the result of a
 * case, for what must have been told. */
void check_message(struct compile *compile, const struct place *at, struct str name);
void check_told(struct compile *compile, const struct place *at, struct str name);
void read_programmes(struct compile *compile, const struct place *at, struct policy *policy);
/* ---- policy_never.c, policy_gate_never.c: what is right word by word and can never do anything; for a document without other
 * errors. ---- */
/* Whether two rules are alternatives of one clock: of one name, both of a ticket, and both for the reopening or neither (D14). */
bool clock_alternatives(const struct clock_rule *a, const struct clock_rule *b);
void check_never(struct compile *compile, const struct place *root, const struct policy *policy);
void check_gates_never(struct compile *compile, const struct place *root, const struct policy *policy);
/* A set of states by their names and those of groups (`groups`: an object of lists, or absent). */
state_set read_states(struct compile *compile, const struct place *at, const struct place *groups);
/* Rows of steps, each of which may name several claims. */
const struct transition *read_transitions(struct compile *compile, const struct place *at, const struct place *groups,
					  size_t *ret_count);
/* Roles in the place of "management" and "staff". */
const struct permission *read_permissions(struct compile *compile, const struct place *at, struct strings staff,
					  struct strings management, size_t *ret_count);
struct strings strings_of_words(struct compile *compile, const struct words *words);

#endif
