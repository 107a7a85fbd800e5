/* The paths that a condition may look at, and which codes stand there.
 *
 * Of the ticket: the members of a request by the contract and what the system knows about it; `flags.` and what lies
 * below a member of an event are open families. A path that nobody fills would make a rule that never holds, so an unknown one is an error.
 * Must name nothing that worker/knowledge.h does not fill in. */
#include <string.h>

#include "common/io/policy_inner.h"

struct path {
	const char *name;
	const struct words *codes;   /* NULL: anything */
};

static const struct path paths[] = {
	{ "kind", &words_kind }, { "severity", &words_severity }, { "mode", &words_mode },
	{ "channel", &words_channel }, { "state", &words_state }, { "priority", NULL }, { "owner", NULL },
	{ "reopened", NULL }, { "subtype", NULL }, { "class", NULL }, { "cause", NULL }, { "impact_scope", NULL },
	{ "fault_type", NULL }, { "special", NULL }, { "urgent", NULL }, { "importance", NULL }, { "demand", NULL },
	{ "problem", NULL }, { "need", NULL }, { "about_staff", NULL }, { "entered_by", NULL }, { "tags", NULL },
	{ "attachments", NULL }, { "charge.labour", &words_charge }, { "charge.parts", &words_charge },
	{ "product.model", NULL }, { "product.version", NULL }, { "product.serial_no", NULL },
	{ "product.installation", NULL }, { "cause_code", NULL },

	/* What intake found out when it registered the request, and routing when it was resolved. */
	{ "entitlement", &words_entitlement }, { "review", NULL },
	{ "installation.id", NULL }, { "installation.model", NULL }, { "installation.accepted_on", NULL },
	{ "installation.warranty_until", NULL }, { "installation.in_warranty", NULL },
	{ "installation.manufacturer_months", NULL }, { "installation.sold_by", NULL },
	{ "installation.quality_grade", NULL },

	{ "customer.id", NULL }, { "customer.name", NULL }, { "customer.phone", NULL }, { "customer.email", NULL },
	{ "customer.address", NULL }, { "customer.grade", NULL }, { "customer.region", NULL },
	{ "customer.advisor", NULL }, { "customer.language", NULL },

	{ "owner.id", NULL }, { "owner.name", NULL }, { "owner.role", &words_role }, { "owner.department", NULL },
	{ "owner.superior", NULL },

	{ "clock.name", NULL }, { "clock.clock_id", NULL }, { "clock.limit", NULL }, { "clock.due_at", NULL },
	{ "clock.started_at", NULL }, { "clock.percent", NULL }, { "clock.late_s", NULL },
};

/* Members of the data of claims and facts; a path below one of them is known as well. */
static const char *const event_members[] = {
	"about_staff", "address", "affected", "agent", "amount", "answer", "answers", "approved_at", "approved_by", "at",
	"at_percent", "at_site", "attachments", "attempts", "attendees", "audience", "audit", "automatic", "backdated_s", "by",
	"calendar", "call", "cause", "cause_code", "certain", "channel", "charge", "class", "clear", "clock", "clock_id",
	"comment", "content", "count", "customer", "date", "decided_at", "delivery_date", "demand", "department",
	"departments", "desk", "detected_at", "document", "done_on", "drill", "due_at", "effective_from", "emergency",
	"entered_by", "entitlement", "eta", "facts", "fault_type", "feedback", "fees", "findings", "flags",
	"followup", "for", "form", "from", "grade", "grading", "identity", "impact_scope", "importance",
	"installation", "item", "kind", "kind_given", "lag_ms", "late", "late_s", "level", "limit", "lines", "message", "met_at",
	"method", "missing", "mode", "named", "need", "needs_classification", "none_because", "note", "now", "observation", "on", "open_s", "order",
	"outcome", "owner", "parts", "patch", "payment", "payment_method", "place", "plan", "planned_on", "policy", "price",
	"principles", "priority", "problem", "product", "product_issue", "product_version", "programme", "project",
	"promised_date", "purpose", "reason", "receipt", "received_at", "related", "release", "remote_session",
	"request", "respondent_department", "responsible", "result", "reusable", "review", "revision", "rings",
	"role", "rule", "sample", "satisfied", "score", "set", "severity", "signature", "solution", "source",
	"special", "started_at", "state", "subject", "subtask", "subtype", "survey", "tags", "task", "template", "text", "thing",
	"ticket", "to", "topic", "type", "until", "urgent", "verdict", "version", "versions", "visit", "visitor",
	"vulnerability", "waited_s", "warranty_card", "was", "what", "why", "window", "year", NULL
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

		/* What lies below a member is open: the slip is in the member. */
		near = near_word(event_members, str_cut(&rest, '.'));
		if (near)
			complain(compile, at, "\"%.*s\" is no known path (did you mean event.%s%s%.*s?)", STR_ARG(path), near,
				 rest.p ? "." : "", STR_ARG(rest));
		else
			complain(compile, at, "\"%.*s\" is no known path: no claim or fact has such data", STR_ARG(path));
		return;
	}
	near = near_word(all, path);
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
		"customer", "owner", "superior", "owner.superior", "management", "customer.advisor", "entered_by", NULL
	};
	struct str word = str_of(json_string_value(at->value));
	const char *near;

	(void)unused;
	for (const char *const *p = people; *p; p++)
		if (str_is(word, *p))
			return;
	if (words_have(compile, &words_role, word))
		return;
	near = near_word(words_role.items, word);
	if (!near)
		near = near_word(people, word);
	if (near)
		complain(compile, at, "\"%.*s\" is no role and no person (did you mean %s?)", STR_ARG(word), near);
	else
		complain(compile, at, "\"%.*s\" is no role and no person (people: customer, owner, superior, management, "
			 "customer.advisor, entered_by)", STR_ARG(word));
}
