/* Scenarios that people can read: text files that say, per clause of the regulations, what happens and what must come of it.
 *
 * A file (tests/scenarios/clauses) has a head and one or more scenarios of steps; `tests/scenarios/run --help` lists the words.
 * All are played at the same time over one running stack, from outside, by topics only: each has a customer, a product and
 * people of its own. A policy applies to those that bear its tag (scenario_policies), so that regulations that contradict
 * each other need no stack each. */
#ifndef AFTERCARE_TESTS_SUPPORT_SCENARIO_H
#define AFTERCARE_TESTS_SUPPORT_SCENARIO_H

#include <stdio.h>

#include "common/base/mem.h"
#include "tests/support/desk.h"

enum field_test { FIELD_IS, FIELD_IS_NOT, FIELD_CONTAINS, FIELD_AT_LEAST, FIELD_AT_MOST, FIELD_THERE, FIELD_NOT_THERE };
/* path=value of a claim, or a condition of an expectation. */
struct field {
	const char *path, *value;
	enum field_test test;
};

enum step_type {
	STEP_BEGIN,          /* T0 is 25h ago */
	STEP_NAME,           /* name P Q */
	STEP_PERSON,         /* ANNA is an engineer for P/F1 */
	STEP_CLAIM,          /* ANNA replies: ... */
	STEP_ABOUT,          /* about FIRST */
	STEP_EXPECT,         /* expect FACT ... */
	STEP_EXPECT_COUNT,   /* expect no FACT ..., expect exactly 2 FACT ... */
	STEP_EXPECT_ORDER,   /* expect FACT before FACT */
	STEP_EXPECT_STATE,   /* expect state assigned */
	STEP_EXPECT_REFUSED, /* expect refused gate_unmet "signature" */
	STEP_EXPECT_SHOWN,   /* expect shown customer="Ana Silva" */
};
struct step {
	enum step_type type;
	int line;
	const char *text;            /* the line itself */
	const char *actor;           /* of a claim: "customer", a name, or NULL; of a person: its name */
	const char *name;            /* claim, fact, role, state, reason, time */
	const char *other;           /* the fact that comes later */
	const char *at;              /* when a claim happened; NULL: now */
	const char *label;           /* `as LABEL` */
	struct field *fields;
	size_t field_count, field_capacity;
	const char **words;          /* names; texts of a refusal */
	size_t word_count, word_capacity;
	size_t count;                /* of STEP_EXPECT_COUNT */
	bool desk;                   /* on the desk: of no ticket */
	bool refused;                /* a claim of which the next step says so */
};

struct scenario_file {
	const char *path, *clause, *zh, *en;
	const char **policies;       /* sources ("R19") or ids of policies */
	size_t policy_count, policy_capacity;
};
struct scenario {
	const struct scenario_file *file;
	const char *title;
	const char *id;              /* "C072_nobody_replies" */
	const char *tag, *variant;   /* bears the second in the place of the first, when there is one */
	int line;
	struct step *steps;
	size_t step_count, step_capacity;
};
struct scenarios {
	struct scenario *items;
	size_t count, capacity;
	struct scenario_file **files;
	size_t file_count, file_capacity;
	struct arena arena;          /* owns all of it */
	size_t errors;
};

/* Reads one file; what is wrong about it is told on stderr as FILE:LINE and counted. */
void scenarios_read(struct scenarios *scenarios, const char *path);
/* All *.scenario of a folder, by name. */
void scenarios_read_folder(struct scenarios *scenarios, const char *folder);
/* Keeps those whose id matches the pattern of a shell. */
void scenarios_only(struct scenarios *scenarios, const char *pattern);
/* Each line of the file, "TAG VARIANT CLAUSE...": the scenarios of these clauses (none: of all) that name the policy TAG are played
 * under the tag VARIANT, as "VARIANT:C072_nobody_replies", in the place of themselves. */
void scenarios_vary(struct scenarios *scenarios, const char *path);
void scenarios_done(struct scenarios *scenarios);

/* Writes into the folder, which it empties first, a copy of each policy that is named, applying to what has its source or id
 * among its tags, and all calendars. Looks into deploy/policies, then tests/data/policies/right. False when one is not found. */
bool scenario_policies(const struct scenarios *scenarios, const char *root, const char *folder);

/* "--set", "NAME=VALUE", ... for the blanks of the policies in the folder, from tests/scenarios/values.txt; NULL-terminated, at most
 * `most` with that. */
void scenario_values(struct scenarios *scenarios, const char *root, const char *folder, const char **ret, size_t most);

/* Plays all at once and prints what became of each as cmocka does. How many have failed. */
size_t scenarios_play(const struct scenarios *scenarios, struct desk *desk);

/* ---- scenario_words.c ---- */
struct verb {
	const char *word, *claim;
	const char *text;            /* the member that the text behind a colon goes to */
	const char *data;            /* what is there unless said otherwise, as JSON with ' */
};
const struct verb *scenario_verb(const char *word);
/* The member that a small word names ("by" a channel); NULL. */
const char *scenario_particle(const char *word);
void scenario_help(FILE *out);

#endif
