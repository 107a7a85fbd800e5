/* What a schema is after loading: rules that point to each other. Private to schema.c, schema_load.c and their test. */
#ifndef AFTERCARE_IO_SCHEMA_RULES_H
#define AFTERCARE_IO_SCHEMA_RULES_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/io/embed.h"
#include "common/io/schema.h"

/* A table from names to things, built once, for look-ups that must be fast. */
struct name_slot {
	struct str name;       /* absent: the slot is free */
	const void *value;
	uint32_t number;
};
struct name_table {
	struct name_slot *slots;
	uint64_t seed;
	unsigned shift;        /* 64 - log2(number of slots) */
	uint32_t mask;
};
/* Slots for these names; the arena keeps them, the names are borrowed. */
struct name_table name_table_new(const struct name_slot *items, size_t count, struct arena *arena);
/* The slot of a name; NULL when there is none. */
const struct name_slot *name_table_find(const struct name_table *table, struct str name);

/* A scalar of `enum` and `const`. */
struct constant {
	enum doc_type type;
	struct str text;
	double number;
};

#define TYPE_INTEGER (1u << 7)   /* beside 1 << enum doc_type; means nothing where numbers are allowed at all */
#define TYPE_ANY 0xffffu

enum format { FORMAT_NONE, FORMAT_DATE_TIME, FORMAT_DATE };

struct rule;
struct rule_list {
	const struct rule **items;
	size_t count;
};

/* One (sub)schema. Zero means that the keyword is not there, unless said otherwise. */
struct rule {
	unsigned types;              /* TYPE_ANY when not given */
	bool never;                  /* the schema `false` */
	uint8_t format;
	bool has_minimum, has_maximum, above_minimum;
	uint8_t mark;                /* for the search for circles at load */
	uint32_t min_length, max_length;     /* max: UINT32_MAX when not given; so below */
	uint32_t min_items, max_items, min_properties;
	double minimum, maximum;
	const struct constant *constants;
	size_t constant_count;
	pcre2_code *pattern;
	pcre2_match_data *match;
	struct str pattern_text;
	bool members;                /* whether the table says anything */
	struct name_table properties;        /* value: const struct rule *, may be NULL; number: index of required + 1 */
	const struct str *required;
	size_t required_count;       /* at most 64 */
	const struct rule *items;
	struct rule_list all, any, one;
	const struct rule *not, *condition, *then, *otherwise;
	const char *message;         /* x-message: said instead of our own words */
	struct rule *next;           /* all rules of the set */
};

struct annotation {
	const char *name;
	struct str value;
};

struct schema {
	struct str name;             /* "staff.replied" */
	const struct rule *root;
	const struct annotation *annotations;
	size_t annotation_count;
};

struct schema_set {
	struct arena arena;          /* of everything but the patterns */
	struct rule *rules;
	struct name_table by_name;   /* value: const struct schema * */
};

/* schema_load over given files instead of the embedded ones: those of schemas/events/ that end in .json. */
enum verdict schema_compile(const struct embed_file *files, size_t count, struct schema_set **ret_set,
			    struct fault *fault) must_check;

#endif
