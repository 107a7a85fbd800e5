/* What intake decides: whether a claim is taken, and what a new ticket is.
 *
 * Pure: claim + what is known + policies + now -> answer. Must never look at a clock, a database or the environment, log,
 * or allocate; the order of the refusals is the order in which they tell most. */
#include "services/intake/intake.h"

#include <string.h>

/* Names that intake treats otherwise than their schema says it. A name that ends in '.' stands for its whole family. */
static const struct {
	const char *name;
	enum about about;
} exceptions[] = {
	{ "policy.approved", ABOUT_POLICY },
	{ "staff.on_post", ABOUT_PRESENCE },
	{ "staff.off_post", ABOUT_PRESENCE },
	/* Facts of the desk also where they mention a ticket (contract section 4). */
	{ "call.answered", ABOUT_CALL },
	{ "call.missed", ABOUT_CALL },
	{ "call.ended", ABOUT_CALL },
	{ "call.", ABOUT_THING },
	{ "project.", ABOUT_THING },
	{ "warranty_card.", ABOUT_THING },
};

enum about intake_about(struct str name, struct str annotation)
{
	for (size_t i = 0; i < array_count(exceptions); i++) {
		struct str rule = str_of(exceptions[i].name);

		if (rule.p[rule.n - 1] == '.' ? str_starts(name, rule) : str_eq(name, rule))
			return exceptions[i].about;
	}
	if (str_is(annotation, "opens"))
		return ABOUT_REQUEST;
	if (str_is(annotation, "maybe"))
		return ABOUT_EITHER;
	if (str_is(annotation, "desk"))
		return ABOUT_THING;
	if (str_is(annotation, "directory"))
		return str_ends(name, STR(".upserted")) ? ABOUT_ENTITY : ABOUT_PERSON;
	return ABOUT_TICKET;
}

enum outcome intake_admit(bool about_ticket, struct str id, const struct standing *standing, instant time, instant now,
			  struct fault *fault)
{
	/* First, because what was taken once is counted when it comes again, whatever has become of the rules since. */
	if (standing->seen)
		return REPEATED;
	if (time > now + INTAKE_AHEAD) {
		(void)fault_reject(fault, REASON_TIME_IN_FUTURE, "at /time: more than 5 minutes after the arrival");
		return REFUSED;
	}
	if (standing->id_taken) {
		(void)fault_reject(fault, REASON_POISON, "the ticket id %.*s that source and id give belongs to another "
				   "request: send it again with a new id", STR_ARG(id));
		return REFUSED;
	}
	if (about_ticket && !standing->ticket_known) {
		if (!id.p)
			(void)fault_reject(fault, REASON_TICKET_UNKNOWN, "the claim names no ticket: give /ticket, the "
					   "subject, or /request with source and id");
		else
			/* What is no id of ours may be a telephone number; it is not repeated. */
			(void)fault_reject(fault, REASON_TICKET_UNKNOWN, "there is no ticket %.*s",
					   STR_ARG(intake_ticket_shaped(id) && str_starts(id, STR("AC-")) ? id : STR("of this id")));
		return REFUSED;
	}
	return TAKEN;
}

instant intake_arrived(instant time, instant now)
{
	return time < now ? time : now;
}

bool intake_newer(instant known, instant at)
{
	return known == INSTANT_NONE || at >= known;
}

bool intake_ticket_shaped(struct str s)
{
	if (!s.p || s.n == 0 || s.n > 32)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr("-0123456789ABCDEFGHJKMNPQRSTVWXYZ", s.p[i]))
			return false;
	return true;
}

struct str intake_ticket_prefix(struct str s)
{
	struct str ticket = str_cut(&s, '.');

	/* A message of the desk is "E017.m3". */
	return s.p && str_starts(ticket, STR("AC-")) ? ticket : STR_NONE;
}

struct str intake_kind(struct str given, const struct lifecycle *lifecycle, const struct policy *const *policies,
		       size_t count, bool *ret_unknown)
{
	*ret_unknown = given.p && !strings_contain(lifecycle->kinds, given);
	if (!*ret_unknown)
		return given;
	for (size_t i = 0; i < count; i++)
		if (policies[i]->unknown_kind.p)
			return policies[i]->unknown_kind;
	return STR("other");
}

bool intake_channel_open(struct str channel, const struct lifecycle *lifecycle, const struct policy *const *policies,
			 size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (policies[i]->channels.count > 0)
			return strings_contain(policies[i]->channels, channel);
	return strings_contain(lifecycle->channels, channel);
}

struct str intake_customer_key(const struct request *request)
{
	const struct str keys[] = { request->customer_id, request->phone, request->email };

	for (size_t i = 0; i < array_count(keys); i++) {
		struct str key = str_trim(keys[i]);

		if (key.p && key.n > 0 && key.n <= INTAKE_KEY_MAX)
			return key;
	}
	return STR_NONE;
}

/* Null, blank and empty say as little as nothing at all. */
static bool given(const struct doc *data, struct str path)
{
	uint32_t node = doc_path(data, 0, path);
	struct str text;

	if (node == 0)
		return false;
	switch (doc_type(data, node)) {
	case DOC_NULL:
		return false;
	case DOC_STRING:
		text = (struct str){ data->text.p + data->nodes[node].start, data->nodes[node].length };
		return str_trim(text).n > 0;
	case DOC_ARRAY:
	case DOC_OBJECT:
		return data->nodes[node].count > 0;
	case DOC_FALSE:
	case DOC_TRUE:
	case DOC_NUMBER:
		return true;
	}
	return false;
}

static bool any_given(const struct doc *data, const struct strings *field)
{
	for (size_t i = 0; i < field->count; i++)
		if (given(data, field->items[i]))
			return true;
	return false;
}

static bool same_strings(const struct strings *a, const struct strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!str_eq(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool listed(const struct strings *const *list, size_t count, const struct strings *field)
{
	for (size_t i = 0; i < count; i++)
		if (same_strings(list[i], field))
			return true;
	return false;
}

size_t intake_missing(const struct policy *const *policies, size_t count, const struct value *vector,
		      const struct doc *data, instant now, const struct strings **ret_missing)
{
	size_t missing = 0;

	for (size_t p = 0; p < count; p++)
		for (size_t r = 0; r < policies[p]->required_count; r++) {
			const struct required_rule *rule = &policies[p]->required[r];

			if (!match_holds(&rule->match, vector, now))
				continue;
			for (size_t f = 0; f < rule->field_count && missing < INTAKE_MISSING_MAX; f++)
				if (!any_given(data, &rule->fields[f]) && !listed(ret_missing, missing, &rule->fields[f]))
					ret_missing[missing++] = &rule->fields[f];
		}
	return missing;
}

bool intake_permitted(struct str claim, struct str role, const struct lifecycle *lifecycle, const char *fallback)
{
	for (size_t i = 0; lifecycle && i < lifecycle->permission_count; i++)
		if (str_eq(lifecycle->permissions[i].claim, claim))
			return strings_contain(lifecycle->permissions[i].roles, role);
	return !fallback || str_is(role, fallback);
}

struct str intake_call_outcome(struct str name, struct str given, bool ticket)
{
	if (given.n > 0)
		return given;
	if (str_is(name, "call.missed"))
		return STR("missed");
	if (ticket)
		return STR("request_taken");
	return str_is(name, "call.answered") ? STR("answered_on_call") : STR("ended");
}

struct str intake_quotable(struct str s)
{
	if (!s.p || s.n == 0 || s.n > 64)
		return STR("(no code)");
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		      c == '.'))
			return STR("(no code)");
	}
	return s;
}
