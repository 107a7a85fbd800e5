/* What the two halves of the schema compiler share: schema_load.c (files, references) and schema_words.c (keywords). */
#ifndef AFTERCARE_IO_SCHEMA_LOADER_H
#define AFTERCARE_IO_SCHEMA_LOADER_H

#include <jansson.h>

#include "common/io/schema_rules.h"

struct schema_file {
	struct str name;     /* "common.json" */
	json_t *root;
};

struct schema_target {
	const json_t *json;
	struct rule *rule;
};

struct loader {
	struct schema_set *set;
	struct schema_file *files;
	size_t file_count;
	struct schema_target *targets;       /* what references lead to */
	size_t target_count, target_capacity;
	struct arena scratch;
	const struct schema_file *file;      /* where we are: for messages and local references */
	struct buf pointer;
	struct fault *fault;
};

/* Fills the fault with file, pointer and the two words put together. Always NULL, which is false too. */
void *schema_wrong(struct loader *loader, const char *what, const char *word);
/* Puts "/member" behind the pointer; the length to go back to. */
size_t schema_enter(struct loader *loader, const char *member);
/* Keywords that say nothing about validity. */
bool schema_says_nothing(const char *keyword);
/* The reference of a schema that says nothing else; NULL otherwise. */
const char *schema_only_reference(const json_t *json);
/* A rule that allows everything, owned by the set. */
struct rule *schema_new_rule(struct loader *loader);
/* The rule that a $ref leads to; NULL when it leads nowhere or the rule is wrong. */
struct rule *schema_reference(struct loader *loader, const char *reference);
/* The rule of a (sub)schema; NULL when it is wrong. */
struct rule *schema_compile_rule(struct loader *loader, const json_t *json);
/* The same into a rule that exists already, so that references may lead back to it. */
bool schema_compile_into(struct loader *loader, struct rule *rule, const json_t *json);

#endif
