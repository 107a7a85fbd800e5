/* The one form of a condition (policy.md section 2), compiled to a flat program over an attribute vector.
 *
 * Every path that any loaded policy looks at is interned once in a struct attributes; whoever evaluates fills one
 * struct value per attribute (worker/attributes.h does it) and hands the vector over. Pure. */
#ifndef AFTERCARE_BASE_MATCH_H
#define AFTERCARE_BASE_MATCH_H

#include <stdbool.h>

#include "common/base/instant.h"
#include "common/base/str.h"

enum value_type { VALUE_ABSENT = 0, VALUE_STRING, VALUE_NUMBER, VALUE_BOOL, VALUE_LIST, VALUE_OBJECT };

struct value {
	enum value_type type;
	union {
		struct str string;                  /* times and durations are strings here, compared by meaning */
		double number;
		bool boolean;
		struct {
			const struct value *items;
			size_t count;
		} list;
	};
};

/* What a path is looked up in. */
enum scope {
	SCOPE_TICKET,     /* the ticket and the data of its request: kind, severity, product.model, tags */
	SCOPE_CUSTOMER,   /* customer.*: the request's customer, then the directory's */
	SCOPE_OWNER,      /* owner.*: the directory's person who owns the ticket */
	SCOPE_EVENT,      /* event.*: data of the fact or claim being handled */
	SCOPE_CLOCK,      /* clock.* */
	SCOPE_MAX
};

struct attribute {
	struct str path;      /* "customer.grade" */
	enum scope scope;
	struct str rest;      /* the path within the scope: "grade" */
};

/* All paths in use; grows while policies are loaded, an index never changes. */
struct attributes {
	struct attribute *items;
	size_t count, capacity;
	struct arena arena;
};

/* The index of a path, interned when new. Paths not under customer., owner., event. or clock. are the ticket's. */
size_t attribute_intern(struct attributes *attributes, struct str path);
void attributes_done(struct attributes *attributes);

enum match_test {
	MATCH_EQUAL,      /* equal to one of `values`, or a list that contains one of them */
	MATCH_EXISTS, MATCH_MISSING,
	MATCH_GT, MATCH_GTE, MATCH_LT, MATCH_LTE,  /* numbers, else times, else durations */
	MATCH_WITHIN,     /* a time no further than `within` before or after now */
	/* Of the `span` steps that follow: NOT and ALL take them as one conjunction, ANY as alternatives (each one step; a
	 * whole match stands there as an ALL). */
	MATCH_NOT, MATCH_ANY, MATCH_ALL,
	MATCH_TEST_MAX
};

struct match_step {
	enum match_test test;
	uint32_t attribute;
	uint32_t span;                    /* NOT, ANY, ALL: number of steps that belong to it */
	const struct value *values;       /* compared with one of these, a GT with the first; of no use with_other */
	uint32_t count;
	bool with_other;                  /* compared with what another attribute has (one of its elements, when a list) */
	uint32_t other;
	struct duration within;
};

/* A zeroed match has no steps and always holds. */
struct match {
	const struct match_step *steps;
	uint32_t count;
	int64_t zone_offset_us;           /* of the policy's zone: where a date without time begins */
};

/* vector has one value per interned attribute (NULL: all absent). Missing paths never hold but under NOT and MISSING.
 * Where one side of a comparison is a date without time, days are compared. */
bool match_holds(const struct match *match, const struct value *vector, instant now);

/* Whether no vector lets both hold (b may be NULL: a alone), as far as their plain conditions tell: what stands under "any" is not
 * looked into. *ret_path: where they contradict each other. For the checker: false proves nothing. */
bool match_never(const struct match *a, const struct match *b, const struct attributes *attributes, struct str *ret_path);
/* Whether every vector that lets `narrow` hold lets `wide` hold too, as far as their plain conditions tell. */
bool match_covers(const struct match *wide, const struct match *narrow);

#endif
