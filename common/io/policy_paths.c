/* The paths that a condition may look at, and which codes stand there.
 *
 * Of the ticket: the members of a request by the contract and what the system knows about it; `flags.` and `event.answers.`
 * are open families. A path that nobody fills would make a rule that never holds, so an unknown one is an error.
 * Must stay a superset of what worker/knowledge.h fills in. */
#include <string.h>

#include "common/io/policy_inner.h"

struct path {
	const char *name;
	const struct words *codes;   /* NULL: anything */
};

static const struct path paths[] = {
	{ "id", NULL }, { "kind", &words_kind }, { "severity", &words_severity }, { "mode", &words_mode },
	{ "channel", &words_channel }, { "state", &words_state }, { "priority", NULL }, { "subtype", NULL },
	{ "class", NULL }, { "cause", NULL }, { "cause_code", NULL }, { "impact_scope", NULL }, { "fault_type", NULL },
	{ "special", NULL }, { "urgent", NULL }, { "importance", NULL }, { "demand", NULL }, { "problem", NULL },
	{ "need", NULL }, { "about_staff", NULL }, { "entered_by", NULL }, { "tags", NULL }, { "attachments", NULL },
	{ "reopened", NULL }, { "missing", NULL }, { "unassignable", NULL }, { "received_at", NULL },
	{ "assigned_at", NULL }, { "resolved_at", NULL }, { "closed_at", NULL },
	{ "entitlement", &words_entitlement }, { "charge.labour", &words_charge }, { "charge.parts", &words_charge },
	{ "product.model", NULL }, { "product.version", NULL }, { "product.serial_no", NULL },
	{ "product.installation", NULL }, { "installation.accepted_on", NULL }, { "installation.sold_by", NULL },
	{ "installation.manufacturer_months", NULL }, { "installation.quality_grade", NULL },

	{ "customer.id", NULL }, { "customer.name", NULL }, { "customer.phone", NULL }, { "customer.email", NULL },
	{ "customer.address", NULL }, { "customer.grade", NULL }, { "customer.region", NULL },
	{ "customer.advisor", NULL }, { "customer.locale", NULL }, { "customer.language", NULL },
	{ "customer.contact", NULL }, { "customer.purchasing", NULL }, { "customer.department", NULL },
	{ "customer.strategic", NULL }, { "customer.type", NULL },

	{ "owner.id", NULL }, { "owner.name", NULL }, { "owner.role", &words_role }, { "owner.department", NULL },
	{ "owner.superior", NULL }, { "owner.contact", NULL }, { "owner.region", NULL },

	{ "clock.name", NULL }, { "clock.clock_id", NULL }, { "clock.limit", NULL }, { "clock.due_at", NULL },
	{ "clock.started_at", NULL }, { "clock.percent", NULL }, { "clock.late_s", NULL },
};

/* Members of the data of claims and facts; a path below one of them is known as well. */
static const char *const event_members[] = {
	"answer", "answers", "at", "at_percent", "attachments", "attendees", "automatic", "backdated_s", "breached_at",
	"by", "call", "candidates", "carrier", "cause", "cause_code", "channel", "charge", "class", "clock", "clock_id",
	"comment", "content", "count", "customer", "date", "decided_at", "delivery_date", "demand", "department",
	"detected_at", "dissatisfied", "due_at", "effective_from", "entered_by", "entitlement", "eta", "facts",
	"fault_type", "fees", "feedback", "for", "form", "form_id", "from", "identity", "impact_scope", "importance",
	"item", "kind", "lag_ms", "late_s", "level", "limit", "lines", "message", "met_at", "missing", "mode",
	"need", "none_because", "note", "now", "on", "open_s", "order", "outcome", "owner", "parts", "payment_method",
	"place", "policy", "price", "priority", "problem", "product", "product_issue", "product_version", "promised_date",
	"reason", "received_at", "reference", "related", "remote_session", "respondent_department", "result", "reusable",
	"rings", "role", "satisfied", "score", "serial_no", "severity", "signature", "solution", "special", "started_at",
	"state", "subtask", "subtype", "survey", "tags", "task", "template", "text", "ticket", "to", "topic", "until",
	"urgent", "verdict", "waited_s", "was", "what", "why", "window", "window_end", NULL
};

static const struct {
	const char *member;
	const struct words *codes;
} event_codes[] = {
	{ "kind", &words_kind }, { "severity", &words_severity }, { "mode", &words_mode }, { "state", &words_state },
	{ "channel", &words_channel }, { "role", &words_role },
};

static bool event_known(struct str path, const struct words **ret_codes)
{
	struct str member = str_cut(&path, '.');

	for (size_t i = 0; i < array_count(event_codes) && !path.p; i++)
		if (str_is(member, event_codes[i].member))
			*ret_codes = event_codes[i].codes;
	for (const char *const *p = event_members; *p; p++)
		if (str_is(member, *p))
			return true;
	return false;
}

static void complain_path(struct compile *compile, const struct place *at, struct str path)
{
	const char *all[array_count(paths) + 1];
	const char *near;

	for (size_t i = 0; i < array_count(paths); i++)
		all[i] = paths[i].name;
	all[array_count(paths)] = NULL;
	if (str_starts(path, STR("event."))) {
		struct str rest = { path.p + 6, path.n - 6 };

		near = words_nearest(event_members, rest);
		if (near)
			complain(compile, at, "\"%.*s\" is no known path (did you mean event.%s?)", STR_ARG(path), near);
		else
			complain(compile, at, "\"%.*s\" is no known path: no claim or fact has such data", STR_ARG(path));
		return;
	}
	near = words_nearest(all, path);
	if (near)
		complain(compile, at, "\"%.*s\" is no known path (did you mean %s?)", STR_ARG(path), near);
	else
		complain(compile, at, "\"%.*s\" is no known path", STR_ARG(path));
}

bool path_known(struct compile *compile, const struct place *at, struct str path, const struct words **ret_codes)
{
	struct str flags = STR("flags.");
	struct str event = STR("event.");

	*ret_codes = NULL;
	for (size_t i = 0; i < array_count(paths); i++)
		if (str_is(path, paths[i].name)) {
			*ret_codes = paths[i].codes;
			return true;
		}
	if (str_starts(path, flags) && path.n > flags.n)
		return true;
	if (str_starts(path, event) && event_known((struct str){ path.p + event.n, path.n - event.n }, ret_codes))
		return true;
	complain_path(compile, at, path);
	return false;
}

uint32_t path_intern(struct compile *compile, struct str path)
{
	return (uint32_t)attribute_intern(compile->attributes, path);
}

void check_recipient(struct compile *compile, const struct place *at, const void *unused)
{
	static const char *const people[] = {
		"customer", "owner", "superior", "owner.superior", "management", "customer.advisor", "entered_by",
		"customer.purchasing", NULL
	};
	struct str word = str_of(json_string_value(at->value));
	const char *near;

	(void)unused;
	for (const char *const *p = people; *p; p++)
		if (str_is(word, *p))
			return;
	if (words_have(compile, &words_role, word))
		return;
	near = words_nearest(words_role.items, word);
	if (!near)
		near = words_nearest(people, word);
	if (near)
		complain(compile, at, "\"%.*s\" is no role and no person (did you mean %s?)", STR_ARG(word), near);
	else
		complain(compile, at, "\"%.*s\" is no role and no person", STR_ARG(word));
}
