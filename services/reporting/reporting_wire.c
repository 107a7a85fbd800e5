/* Facts of the log to what reporting keeps of them. What may be personal data does not pass: of a customer only a keyed
 * pseudonym, of texts nothing, of codes only what looks like a code. Nothing is decided here. */
#include "services/reporting/reporting.h"

#include "common/io/ident.h"

bool reporting_wants_ticket(struct str name)
{
	return reporting_fact_type(name) != FACT_NONE && !str_starts(name, STR("notify."));
}

bool reporting_wants_message(struct str name)
{
	return str_starts(name, STR("notify."));
}

/* A string, or a number as its text. */
static struct str scalar(const struct doc *doc, const char *path, struct arena *arena)
{
	uint32_t node = doc_path(doc, 0, str_of(path));

	return node && doc_type(doc, node) == DOC_NUMBER ? doc_raw(doc, node) : doc_string(doc, node, arena);
}

static struct str code(const struct doc *doc, const char *path, struct arena *arena)
{
	return reporting_code(scalar(doc, path, arena));
}

static struct str thing(const struct doc *doc, const char *path, struct arena *arena)
{
	return reporting_thing(doc_get(doc, path, arena));
}

static instant time_at(const struct doc *doc, const char *name)
{
	return doc_instant(doc, doc_member(doc, 0, str_of(name)));
}

/* Words of a list, blank-separated; "" for an empty list. */
static struct str words(const struct doc *doc, const char *name, struct arena *arena)
{
	uint32_t list = doc_member(doc, 0, str_of(name));
	struct str text = STR_NONE;

	for (uint32_t node = doc_first(doc, list); node; node = doc_next(doc, list, node)) {
		struct str word = doc_string(doc, node, arena);

		if (word.n)
			text = text.n ? str_format(arena, "%.*s %.*s", STR_ARG(text), STR_ARG(word)) : word;
	}
	return text;
}

/* "graded-2h-24h-48h 1", one line each. */
static struct str policies(const struct doc *doc, struct arena *arena)
{
	uint32_t list = doc_member(doc, 0, STR("policies"));
	struct str text = STR_NONE;

	for (uint32_t node = doc_first(doc, list); node; node = doc_next(doc, list, node)) {
		struct str id = doc_string(doc, doc_member(doc, node, STR("id")), arena);
		int64_t version = 0;

		(void)doc_int64(doc, doc_member(doc, node, STR("version")), &version);
		text = str_format(arena, "%.*s%s%.*s %lld", STR_ARG(text), text.n ? "\n" : "", STR_ARG(id), (long long)version);
	}
	return text;
}

static struct str pseudonym(const struct reporting *state, const struct doc *doc, struct arena *arena)
{
	static const char *const names[] = { "customer.id", "customer.phone", "customer.email" };

	for (size_t i = 0; state->secret.p && i < array_count(names); i++) {
		struct str value = doc_get(doc, names[i], arena);
		char text[IDENT_PSEUDONYM];

		if (value.n)
			return str_copy(arena, ident_pseudonym(state->secret, value, text));
	}
	return STR_NONE;
}

static void decode_registered(const struct reporting *state, struct reporting_fact *fact, const struct doc *doc, struct arena *arena)
{
	instant received = time_at(doc, "received_at");

	if (received != INSTANT_NONE)
		fact->at = received;
	fact->channel = code(doc, "channel", arena);
	fact->customer = pseudonym(state, doc, arena);
	fact->policies = policies(doc, arena);
	fact->entitlement = code(doc, "entitlement", arena);
	fact->labour = code(doc, "charge.labour", arena);
	fact->parts = code(doc, "charge.parts", arena);
}

/* What a request, an addition to it and a grading may say alike. */
static void decode_request(struct reporting_fact *fact, const struct doc *doc, struct arena *arena)
{
	fact->missing = words(doc, "missing", arena);
	fact->severity = code(doc, "severity", arena);
	fact->mode = code(doc, "mode", arena);
	fact->priority = code(doc, "priority", arena);
	fact->fault_type = code(doc, "fault_type", arena);
	fact->model = thing(doc, "product.model", arena);
	fact->version = thing(doc, "product.version", arena);
}

static void decode_owner(const struct reporting *state, struct reporting_fact *fact, const struct doc *doc, struct arena *arena)
{
	const struct person *person;

	fact->owner = doc_get(doc, "to", arena);
	fact->owner_role = code(doc, "role", arena);
	fact->priority = code(doc, "priority", arena);
	person = fact->owner.p ? directory_person(knowledge_directory(state->knowledge), fact->owner) : NULL;
	fact->department = person && person->department.n ? str_copy(arena, person->department) : STR_NONE;
}

/* "AC-.../graded-2h-24h-48h/response/1": the last part is its number. */
static int32_t clock_number(struct str id)
{
	size_t n = id.n;
	int64_t number = 0;

	while (n > 0 && id.p[n - 1] != '/')
		n--;
	(void)str_int64((struct str){ id.p + n, id.n - n }, &number);
	return (int32_t)number;
}

static void decode_clock(struct reporting_fact *fact, const struct doc *doc, struct arena *arena)
{
	fact->clock = doc_get(doc, "clock", arena);
	fact->policy = doc_get(doc, "policy.id", arena);
	fact->number = clock_number(doc_get(doc, "clock_id", arena));
	fact->due_at = time_at(doc, "due_at");
	fact->started_at = time_at(doc, "started_at");
	fact->met_at = time_at(doc, "met_at");
	fact->late = doc_member(doc, 0, STR("late_s")) != 0;
}

static void decode_survey(struct reporting_fact *fact, const struct doc *doc)
{
	uint32_t score = doc_member(doc, 0, STR("score")), satisfied = doc_member(doc, 0, STR("satisfied"));

	if (score && doc_type(doc, score) == DOC_NUMBER)
		fact->score = doc_raw(doc, score);
	if (satisfied && (doc_type(doc, satisfied) == DOC_TRUE || doc_type(doc, satisfied) == DOC_FALSE))
		fact->satisfied = doc_raw(doc, satisfied);
}

static void decode_ticket(const struct reporting *state, struct reporting_fact *fact, const struct doc *doc, struct arena *arena)
{
	int64_t revision = 0;

	fact->state = state_of(doc_get(doc, "state", arena));
	fact->kind = code(doc, "kind", arena);
	if (doc_int64(doc, doc_member(doc, 0, STR("revision")), &revision))
		fact->revision = (int32_t)revision;
	switch (fact->type) {
	case FACT_REGISTERED:
		decode_registered(state, fact, doc, arena);
		decode_request(fact, doc, arena);
		break;
	case FACT_INCOMPLETE:
	case FACT_SUPPLEMENTED:
	case FACT_CLASSIFIED:
	case FACT_MODE_CHOSEN:
	case FACT_PRIORITY_CHANGED:
		decode_request(fact, doc, arena);
		break;
	case FACT_ASSIGNED:
	case FACT_OWNER_CHANGED:
		decode_owner(state, fact, doc, arena);
		break;
	case FACT_WAITING:
		fact->reason = code(doc, "reason", arena);
		break;
	case FACT_FLAGGED:
		fact->flags = words(doc, "flags", arena);
		break;
	case FACT_REPLIED:
		fact->automatic = doc_true(doc, doc_member(doc, 0, STR("automatic")));
		break;
	case FACT_REOPENED:
		(void)doc_int64(doc, doc_member(doc, 0, STR("count")), &fact->count);
		break;
	default:
		break;
	}
}

struct reporting_fact reporting_decode(const struct reporting *state, const struct item *item, struct arena *arena)
{
	const struct event *event = &item->event;
	const struct doc *doc = &event->doc;
	struct reporting_fact fact = { .type = reporting_fact_type(event->name), .due_at = INSTANT_NONE, .started_at = INSTANT_NONE,
				       .met_at = INSTANT_NONE };

	fact.at = event->time;
	fact.decided_at = doc->count ? time_at(doc, "decided_at") : INSTANT_NONE;
	if (fact.decided_at == INSTANT_NONE)
		fact.decided_at = event->time;
	if (fact.at == INSTANT_NONE)
		fact.at = fact.decided_at;
	if (doc->count == 0)
		return fact;
	if (fact.type <= FACT_OTHER)
		decode_ticket(state, &fact, doc, arena);
	else if (fact.type <= FACT_SLA_CANCELLED)
		decode_clock(&fact, doc, arena);
	else if (fact.type == FACT_SURVEY_SCORED)
		decode_survey(&fact, doc);
	else if (fact.type >= FACT_NOTIFY_REQUESTED)
		fact.channel = code(doc, "channel", arena);
	return fact;
}

/* ---- configuration ---- */

enum verdict reporting_windows_parse(struct str text, struct reporting *state, struct fault *fault)
{
	while (text.p) {
		struct str word = str_trim(str_cut(&text, ' '));
		struct duration length;
		int64_t us;

		if (!word.n)
			continue;
		if (!duration_parse(word, &length) || length.months || length.us < SECOND || length.us > DAY || DAY % length.us != 0)
			return fault_set(fault, FATAL, "windows: %.*s is no ISO 8601 length of 1 s to 1 day that divides a day", STR_ARG(word));
		us = length.us;
		if (state->window_count && (us <= state->windows[state->window_count - 1] || us % state->windows[0] != 0))
			return fault_set(fault, FATAL, "windows: %.*s: the shortest comes first, and the others are multiples of it",
					 STR_ARG(word));
		if (state->window_count == REPORTING_WINDOWS_MAX)
			return fault_set(fault, FATAL, "windows: more than %d", REPORTING_WINDOWS_MAX);
		state->windows[state->window_count++] = us;
	}
	return state->window_count ? OK : fault_set(fault, FATAL, "windows: none is given");
}
