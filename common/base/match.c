/* Conditions: a compiled match against a vector of attributes.
 *
 * Every rule of every policy asks here whether it holds; who fills the vector is worker/knowledge.h, who compiles the
 * document is io/policy_match.c. Times are compared as instants and durations as lengths, whatever way they are written.
 * Must never look anything up by name: paths were interned when the policy was loaded. */
#include "common/base/match.h"

/* The mean length of a month of the Gregorian calendar, only to put "P1M" and "P40D" in an order. */
#define MEAN_MONTH (INT64_C(2629746) * SECOND)

struct moment {
	instant at;
	bool is_day;   /* a date without time; `at` is where that day begins */
};

static const struct {
	const char *prefix;
	enum scope scope;
} scopes[] = {
	{ "customer.", SCOPE_CUSTOMER },
	{ "owner.", SCOPE_OWNER },
	{ "event.", SCOPE_EVENT },
	{ "clock.", SCOPE_CLOCK },
};

size_t attribute_intern(struct attributes *attributes, struct str path)
{
	struct attribute *attribute;

	for (size_t i = 0; i < attributes->count; i++)
		if (str_eq(attributes->items[i].path, path))
			return i;
	arena_grow(&attributes->arena, &attributes->items, &attributes->capacity, attributes->count + 1,
		   sizeof(*attributes->items));
	attribute = &attributes->items[attributes->count];
	attribute->path = str_copy(&attributes->arena, path);
	attribute->scope = SCOPE_TICKET;
	attribute->rest = attribute->path;
	for (size_t i = 0; i < array_count(scopes); i++) {
		struct str prefix = str_of(scopes[i].prefix);

		if (str_starts(path, prefix)) {
			attribute->scope = scopes[i].scope;
			attribute->rest.p += prefix.n;
			attribute->rest.n -= prefix.n;
		}
	}
	return attributes->count++;
}

void attributes_done(struct attributes *attributes)
{
	arena_done(&attributes->arena);
	*attributes = (struct attributes){ 0 };
}

static bool parse_moment(const struct value *value, int64_t zone_offset_us, struct moment *ret)
{
	if (value->type != VALUE_STRING)
		return false;
	ret->is_day = instant_parse_date(value->string, zone_offset_us, &ret->at);
	return ret->is_day || instant_parse(value->string, &ret->at);
}

static int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int64_t length_of(struct duration length)
{
	int64_t months;
	int64_t sum;

	if (__builtin_mul_overflow((int64_t)length.months, MEAN_MONTH, &months) ||
	    __builtin_add_overflow(months, length.us, &sum))
		return INT64_MAX;
	return sum;
}

static bool order_durations(struct str a, struct str b, int *ret)
{
	struct duration left;
	struct duration right;

	if (!duration_parse(a, &left) || !duration_parse(b, &right))
		return false;
	*ret = order_of(length_of(left), length_of(right));
	return true;
}

/* False when the two cannot be compared. */
static bool order_values(const struct value *a, const struct value *b, int64_t zone_offset_us, int *ret)
{
	struct moment left;
	struct moment right;

	if (a->type == VALUE_NUMBER && b->type == VALUE_NUMBER) {
		*ret = (a->number > b->number) - (a->number < b->number);
		return true;
	}
	if (a->type != VALUE_STRING || b->type != VALUE_STRING)
		return false;
	if (!parse_moment(a, zone_offset_us, &left) || !parse_moment(b, zone_offset_us, &right))
		return order_durations(a->string, b->string, ret);
	if (left.is_day || right.is_day)
		*ret = order_of(instant_day(left.at, zone_offset_us), instant_day(right.at, zone_offset_us));
	else
		*ret = order_of(left.at, right.at);
	return true;
}

static bool same_scalar(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VALUE_STRING:
		return str_eq(a->string, b->string);
	case VALUE_NUMBER:
		return a->number == b->number;
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_ABSENT:
	case VALUE_LIST:
	case VALUE_OBJECT:
		break;
	}
	return false;
}

/* What the step compares with; a missing attribute is nothing that anything could equal. */
static const struct value *operands(const struct match_step *step, const struct value *vector, size_t *ret_count)
{
	static const struct value absent;
	const struct value *other = vector ? &vector[step->other] : &absent;

	*ret_count = step->count;
	if (!step->with_other)
		return step->values;
	*ret_count = other->type == VALUE_LIST ? other->list.count : 1;
	return other->type == VALUE_LIST ? other->list.items : other;
}

static bool equals_one(const struct match_step *step, const struct value *value, const struct value *vector)
{
	size_t count;
	const struct value *values = operands(step, vector, &count);

	for (size_t i = 0; i < count; i++) {
		if (value->type != VALUE_LIST && same_scalar(value, &values[i]))
			return true;
		for (size_t k = 0; value->type == VALUE_LIST && k < value->list.count; k++)
			if (same_scalar(&value->list.items[k], &values[i]))
				return true;
	}
	return false;
}

/* The last day is included (D09): for a date, days are compared. */
static bool is_within(const struct match_step *step, const struct value *value, int64_t zone_offset_us, instant now)
{
	struct moment moment;
	instant today = now;

	if (!parse_moment(value, zone_offset_us, &moment))
		return false;
	if (moment.is_day)
		today = instant_day(now, zone_offset_us);
	return moment.at <= today ? instant_add(moment.at, step->within, zone_offset_us) >= today
				  : instant_add(today, step->within, zone_offset_us) >= moment.at;
}

static bool is_ordered(const struct match_step *step, const struct value *value, const struct value *vector,
		       int64_t zone_offset_us)
{
	size_t count;
	const struct value *limit = operands(step, vector, &count);
	int order;

	if (count != 1 || !order_values(value, limit, zone_offset_us, &order))
		return false;
	switch (step->test) {
	case MATCH_GT:
		return order > 0;
	case MATCH_GTE:
		return order >= 0;
	case MATCH_LT:
		return order < 0;
	default:
		return order <= 0;
	}
}

static bool step_holds(const struct match *match, uint32_t at, const struct value *vector, instant now);

/* Index behind the step and all that belongs to it. */
static uint32_t behind(const struct match *match, uint32_t at)
{
	return at + 1 + match->steps[at].span;
}

static bool all_hold(const struct match *match, uint32_t from, uint32_t end, const struct value *vector, instant now)
{
	for (uint32_t i = from; i < end; i = behind(match, i))
		if (!step_holds(match, i, vector, now))
			return false;
	return true;
}

static bool one_holds(const struct match *match, uint32_t from, uint32_t end, const struct value *vector, instant now)
{
	for (uint32_t i = from; i < end; i = behind(match, i))
		if (step_holds(match, i, vector, now))
			return true;
	return false;
}

static bool step_holds(const struct match *match, uint32_t at, const struct value *vector, instant now)
{
	static const struct value absent;
	const struct match_step *step = &match->steps[at];
	const struct value *value = vector ? &vector[step->attribute] : &absent;

	switch (step->test) {
	case MATCH_EQUAL:
		return equals_one(step, value, vector);
	case MATCH_EXISTS:
		return value->type != VALUE_ABSENT;
	case MATCH_MISSING:
		return value->type == VALUE_ABSENT;
	case MATCH_GT:
	case MATCH_GTE:
	case MATCH_LT:
	case MATCH_LTE:
		return is_ordered(step, value, vector, match->zone_offset_us);
	case MATCH_WITHIN:
		return is_within(step, value, match->zone_offset_us, now);
	case MATCH_NOT:
		return !all_hold(match, at + 1, behind(match, at), vector, now);
	case MATCH_ANY:
		return one_holds(match, at + 1, behind(match, at), vector, now);
	case MATCH_ALL:
		return all_hold(match, at + 1, behind(match, at), vector, now);
	case MATCH_TEST_MAX:
		break;
	}
	return false;
}

bool match_holds(const struct match *match, const struct value *vector, instant now)
{
	return all_hold(match, 0, match->count, vector, now);
}
