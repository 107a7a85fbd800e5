/* Conditions compared with each other: whether two of them can hold together, whether one covers the other.
 *
 * For the checker of documents, which looks for rules that can never do anything. Looks at conditions that must all hold, one
 * attribute at a time; where it cannot tell it says no. Must never call possible things impossible. */
#include <string.h>

#include "common/base/match.h"

#define PLAIN_MAX 64

struct plain {
	const struct match_step *step;
	bool negated;
};

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == VALUE_STRING)
		return str_eq(a->string, b->string);
	if (a->type == VALUE_NUMBER)
		return a->number == b->number;
	return a->type == VALUE_BOOL && a->boolean == b->boolean;
}

static bool has_value(const struct match_step *step, const struct value *value)
{
	for (uint32_t i = 0; i < step->count; i++)
		if (same_value(&step->values[i], value))
			return true;
	return false;
}

static bool within_values(const struct match_step *inner, const struct match_step *outer)
{
	for (uint32_t i = 0; i < inner->count; i++)
		if (!has_value(outer, &inner->values[i]))
			return false;
	return true;
}

/* The conditions that must hold whatever else does; false when there are more than it keeps or some that are not plain. */
static bool collect(const struct match *match, struct plain *plain, size_t *count)
{
	bool whole = true;

	for (uint32_t i = 0; match && i < match->count; i++) {
		const struct match_step *step = &match->steps[i];
		bool negated = step->test == MATCH_NOT && step->span == 1;

		if (step->test == MATCH_ALL)
			continue;
		if (negated)
			step = &match->steps[++i];
		if (step->test >= MATCH_NOT || step->with_other || *count == PLAIN_MAX) {
			whole = false;
			i += step->test >= MATCH_NOT ? step->span : 0;
			continue;
		}
		plain[(*count)++] = (struct plain){ step, negated };
	}
	return whole;
}

/* Whether the attribute may have several values at once; then two of them exclude nothing. */
static bool is_list(struct str path, const struct match_step *step)
{
	static const char *const lists[] = { "tags", "attachments", "about_staff" };

	for (size_t i = 0; i < array_count(lists); i++)
		if (str_is(path, lists[i]))
			return true;
	return str_starts(path, STR("event.")) && step->count > 0 && step->values[0].type == VALUE_STRING &&
	       !str_is(path, "event.kind") && !str_is(path, "event.severity") && !str_is(path, "event.mode") &&
	       !str_is(path, "event.channel");
}

static bool is_number(const struct match_step *step)
{
	return step->count == 1 && step->values[0].type == VALUE_NUMBER;
}

/* No number is above the one limit and below the other. */
static bool no_number(const struct match_step *low, const struct match_step *high)
{
	double least, most;

	if ((low->test != MATCH_GT && low->test != MATCH_GTE) || (high->test != MATCH_LT && high->test != MATCH_LTE) ||
	    !is_number(low) || !is_number(high))
		return false;
	least = low->values[0].number;
	most = high->values[0].number;
	return least > most || (least >= most && (low->test == MATCH_GT || high->test == MATCH_LT));
}

static bool number_outside(const struct match_step *equal, const struct match_step *limit)
{
	if (equal->test != MATCH_EQUAL || equal->count == 0 || limit->test < MATCH_GT || limit->test > MATCH_LTE || !is_number(limit))
		return false;
	for (uint32_t i = 0; i < equal->count; i++) {
		double number = equal->values[i].number, end = limit->values[0].number;

		if (equal->values[i].type != VALUE_NUMBER || (limit->test == MATCH_GT && number > end) ||
		    (limit->test == MATCH_GTE && number >= end) || (limit->test == MATCH_LT && number < end) ||
		    (limit->test == MATCH_LTE && number <= end))
			return false;
	}
	return true;
}

static bool exclude(const struct plain *a, const struct plain *b, struct str path)
{
	const struct match_step *x = a->step, *y = b->step;

	if (a->negated && b->negated)
		return false;
	if (a->negated)
		return exclude(b, a, path);
	if (b->negated)
		return y->test == MATCH_EXISTS ? x->test != MATCH_MISSING :
		       y->test == MATCH_MISSING ? x->test == MATCH_MISSING :
		       x->test == MATCH_EQUAL && y->test == MATCH_EQUAL && !is_list(path, x) && within_values(x, y);
	if (x->test == MATCH_MISSING || y->test == MATCH_MISSING)
		return x->test != y->test;
	if (x->test == MATCH_EQUAL && y->test == MATCH_EQUAL && !is_list(path, x)) {
		for (uint32_t i = 0; i < x->count; i++)
			if (has_value(y, &x->values[i]))
				return false;
		return true;
	}
	return no_number(x, y) || no_number(y, x) || number_outside(x, y) || number_outside(y, x);
}

bool match_never(const struct match *a, const struct match *b, const struct attributes *attributes, struct str *ret_path)
{
	struct plain plain[PLAIN_MAX];
	size_t count = 0;

	(void)collect(a, plain, &count);
	(void)collect(b, plain, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++) {
			struct str path = attributes->items[plain[i].step->attribute].path;

			if (plain[i].step->attribute != plain[k].step->attribute || !exclude(&plain[i], &plain[k], path))
				continue;
			*ret_path = path;
			return true;
		}
	return false;
}

/* Whether the condition holds wherever the others do. */
static bool implied(const struct plain *wide, const struct plain *narrow, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct match_step *x = wide->step, *y = narrow[i].step;

		if (x->attribute != y->attribute || wide->negated != narrow[i].negated)
			continue;
		if (x->test == MATCH_EXISTS && !wide->negated && y->test != MATCH_MISSING)
			return true;
		if (x->test != y->test)
			continue;
		if (x->test == MATCH_EQUAL ? (wide->negated ? within_values(x, y) : within_values(y, x)) :
		    x->test == MATCH_MISSING || x->test == MATCH_EXISTS)
			return true;
	}
	return false;
}

bool match_covers(const struct match *wide, const struct match *narrow)
{
	struct plain outer[PLAIN_MAX], inner[PLAIN_MAX];
	size_t outer_count = 0, inner_count = 0;

	(void)collect(narrow, inner, &inner_count);
	if (!collect(wide, outer, &outer_count))
		return false;
	for (size_t i = 0; i < outer_count; i++)
		if (!implied(&outer[i], inner, inner_count))
			return false;
	return true;
}
