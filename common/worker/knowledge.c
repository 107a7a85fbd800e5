/* Policies by version and which of them are in force; the cache of both, refreshed inside a batch.
 *
 * A version never changes its content, so what is compiled stays good for the life of the process; only which versions
 * exist and are approved is read anew, when policy.generation has moved. */
#include "common/worker/knowledge_inner.h"

#include <string.h>

#include "common/base/desk.h"
#include "common/io/calendar_file.h"
#include "common/io/policy_file.h"

static const char *const type_names[DOCUMENT_TYPES] = {
	[DOCUMENT_POLICY] = "policy", [DOCUMENT_LIFECYCLE] = "lifecycle", [DOCUMENT_CALENDAR] = "calendar",
};

struct knowledge *knowledge_new(void)
{
	struct knowledge *knowledge = mem_zero(sizeof(*knowledge));
	knowledge->policy_generation = knowledge->people_generation = -1;
	return knowledge;
}

void knowledge_free(struct knowledge *knowledge)
{
	if (!knowledge)
		return;
	for (size_t i = 0; i < knowledge->version_count; i++) {
		struct known_version *version = &knowledge->versions[i];
		mem_free((void *)(uintptr_t)version->name.p);
		policy_free(version->policy);
		lifecycle_free(version->cycle);
		calendar_free(version->calendar);
	}
	mem_free(knowledge->versions);
	attributes_done(&knowledge->attributes);
	arena_done(&knowledge->people_arena);
	mem_free(knowledge);
}

const struct directory *knowledge_directory(const struct knowledge *knowledge)
{
	return &knowledge->directory;
}

int64_t knowledge_things(const struct knowledge *knowledge)
{
	return knowledge->things_generation;
}

static struct known_version *version_find(struct knowledge *knowledge, enum document_type type, struct str name, int32_t number)
{
	for (size_t i = 0; i < knowledge->version_count; i++) {
		struct known_version *version = &knowledge->versions[i];
		if (version->type == type && version->version == number && str_eq(version->name, name))
			return version;
	}
	return NULL;
}

static enum verdict version_compile(struct knowledge *knowledge, struct batch *batch, struct known_version *version,
				    struct fault *fault)
{
	if (version->policy || version->cycle || version->calendar)
		return OK;
	struct db_params params = { .arena = batch->arena };
	db_text(&params, str_of(type_names[version->type]));
	db_text(&params, version->name);
	db_int4(&params, version->version);
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(batch->db, "knowledge_document", &params, &rows, fault);
	if (verdict)
		return verdict;
	if (db_rows(rows) == 0)
		return fault_set(fault, FATAL, "%s %.*s version %d is not in the database", type_names[version->type],
				 STR_ARG(version->name), version->version);
	struct str text = db_get_text(rows, 0, 0);
	struct buf errors = { 0 };
	const char *name = str_z(batch->arena, version->name);
	switch (version->type) {
	case DOCUMENT_LIFECYCLE:
		verdict = lifecycle_compile(text, name, &knowledge->attributes, &version->cycle, &errors, fault);
		break;
	case DOCUMENT_CALENDAR:
		verdict = calendar_compile(text, name, &version->calendar, &errors, fault);
		break;
	default:
		verdict = policy_compile(text, name, NULL, 0, &knowledge->attributes, &version->policy, &errors, fault);
		break;
	}
	if (verdict && errors.n)
		fault_context(fault, "%.*s", (int)(errors.n > 300 ? 300 : errors.n), errors.p);
	buf_done(&errors);
	return verdict;
}

/* DOCUMENT_TYPES: of a newer version of Aftercare, none that this one looks at. */
static enum document_type document_type_of(struct str name)
{
	for (int type = 0; type < DOCUMENT_TYPES; type++)
		if (str_is(name, type_names[type]))
			return (enum document_type)type;
	return DOCUMENT_TYPES;
}

static enum verdict versions_read(struct knowledge *knowledge, struct batch *batch, struct fault *fault)
{
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(batch->db, "knowledge_versions", NULL, &rows, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		enum document_type type = document_type_of(db_get_text(rows, i, 0));
		struct str name = db_get_text(rows, i, 1);
		int32_t number = (int32_t)db_get_int(rows, i, 2);
		struct known_version *version = version_find(knowledge, type, name, number);
		if (type == DOCUMENT_TYPES)
			continue;
		if (!version) {
			if (knowledge->version_count == knowledge->version_capacity) {
				knowledge->version_capacity = knowledge->version_capacity ? knowledge->version_capacity * 2 : 16;
				knowledge->versions = mem_resize(knowledge->versions,
								 knowledge->version_capacity * sizeof(*knowledge->versions));
			}
			version = &knowledge->versions[knowledge->version_count++];
			*version = (struct known_version){ .type = type, .version = number,
							   .name = { mem_copy(name.p, name.n), name.n } };
		}
		version->approved = str_is(db_get_text(rows, i, 3), "approved");
		version->effective_from = db_get_instant(rows, i, 4);
	}
	/* Whatever may be chosen for a new ticket is compiled now, outside the choice. */
	for (size_t i = 0; i < knowledge->version_count; i++) {
		if (!knowledge->versions[i].approved)
			continue;
		verdict = version_compile(knowledge, batch, &knowledge->versions[i], fault);
		if (verdict)
			return verdict;
	}
	return OK;
}

enum verdict knowledge_refresh(struct knowledge *knowledge, struct batch *batch, bool people, struct fault *fault)
{
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(batch->db, "knowledge_generation", NULL, &rows, fault);
	if (verdict)
		return verdict;
	if (db_rows(rows) != 1)
		return fault_set(fault, FATAL, "policy.generation or directory.generation is empty: run aftercarectl db migrate");
	int64_t policies = db_get_int(rows, 0, 0), persons = db_get_int(rows, 0, 1);
	knowledge->things_generation = db_get_int(rows, 0, 2);
	if (policies != knowledge->policy_generation) {
		verdict = versions_read(knowledge, batch, fault);
		if (verdict)
			return verdict;
		knowledge->policy_generation = policies;
	}
	if (people && persons != knowledge->people_generation) {
		verdict = knowledge_load_people(knowledge, batch, fault);
		if (verdict)
			return verdict;
		knowledge->people_generation = persons;
	}
	return OK;
}

static enum verdict version_get(struct knowledge *knowledge, struct batch *batch, enum document_type type, struct str name,
				int32_t number, struct known_version **ret_version, struct fault *fault)
{
	struct known_version *version = version_find(knowledge, type, name, number);
	if (!version) {
		enum verdict verdict = versions_read(knowledge, batch, fault);
		if (verdict)
			return verdict;
		version = version_find(knowledge, type, name, number);
	}
	/* A ticket of ours has its version: this one is a stranger's, and one event is no reason to stop. */
	if (!version)
		return fault_reject(fault, REASON_POLICY_MISSING, "the ticket is bound to version %d of a %s that is not loaded", number,
				    type_names[type]);
	*ret_version = version;
	return version_compile(knowledge, batch, version, fault);
}

enum verdict knowledge_policy(struct knowledge *knowledge, struct batch *batch, const struct policy_ref *ref,
			      const struct policy **ret_policy, struct fault *fault)
{
	struct known_version *version = NULL;
	enum verdict verdict = version_get(knowledge, batch, DOCUMENT_POLICY, ref->id, ref->version, &version, fault);
	if (verdict == OK)
		*ret_policy = version->policy;
	return verdict;
}

enum verdict knowledge_policies(struct knowledge *knowledge, struct batch *batch, const struct ticket *ticket,
				const struct policy **ret_policies, struct fault *fault)
{
	for (size_t i = 0; i < ticket->policy_count; i++) {
		enum verdict verdict = knowledge_policy(knowledge, batch, &ticket->policies[i], &ret_policies[i], fault);
		if (verdict)
			return verdict;
	}
	return OK;
}

bool knowledge_any_policy(const struct knowledge *knowledge, bool (*holds)(const struct policy *policy, const void *userdata),
			  const void *userdata)
{
	for (size_t i = 0; i < knowledge->version_count; i++) {
		const struct known_version *version = &knowledge->versions[i];
		if (version->type == DOCUMENT_POLICY && (!version->policy || holds(version->policy, userdata)))
			return true;
	}
	return false;
}

enum verdict knowledge_lifecycle(struct knowledge *knowledge, struct batch *batch, int32_t number,
				 const struct lifecycle **ret_lifecycle, struct fault *fault)
{
	if (number == 0) {
		for (size_t i = 0; i < knowledge->version_count; i++) {
			const struct known_version *version = &knowledge->versions[i];
			if (version->type == DOCUMENT_LIFECYCLE && version->approved && version->version > number)
				number = version->version;
		}
		if (number == 0) {
			*ret_lifecycle = NULL;
			return OK;
		}
	}
	struct known_version *version = NULL;
	enum verdict verdict = version_get(knowledge, batch, DOCUMENT_LIFECYCLE, STR("lifecycle"), number, &version, fault);
	if (verdict == OK)
		*ret_lifecycle = version->cycle;
	return verdict;
}

enum verdict knowledge_calendar(struct knowledge *knowledge, struct batch *batch, const struct policy_ref *ref,
				const struct calendar **ret_calendar, struct fault *fault)
{
	const struct known_version *newest = NULL;
	int32_t number = ref->version;
	struct known_version *version = NULL;
	enum verdict verdict;

	*ret_calendar = NULL;
	if (ref->id.n == 0 || str_is(ref->id, CALENDAR_ALWAYS))
		return OK;
	for (size_t i = 0; number == 0 && i < knowledge->version_count; i++) {
		const struct known_version *other = &knowledge->versions[i];

		if (other->type == DOCUMENT_CALENDAR && str_eq(other->name, ref->id) &&
		    (!newest || other->approved > newest->approved ||
		     (other->approved == newest->approved && other->version > newest->version)))
			newest = other;
	}
	if (newest)
		number = newest->version;
	verdict = version_get(knowledge, batch, DOCUMENT_CALENDAR, ref->id, number, &version, fault);
	if (verdict == OK)
		*ret_calendar = version->calendar;
	return verdict;
}

/* Whether `a` is in force rather than `b`, both versions of one policy. */
static bool version_newer(const struct known_version *a, const struct known_version *b)
{
	return a->effective_from != b->effective_from ? a->effective_from > b->effective_from : a->version > b->version;
}

static struct str policy_family(const struct policy *policy)
{
	return policy->family.p ? policy->family : policy->id;
}

/* Puts a policy into the list sorted by rank (then id), unless a more specific one of its family stands there. */
static size_t force_add(const struct policy **list, size_t count, const struct policy *policy)
{
	for (size_t i = 0; i < count; i++) {
		/* The law is nobody's exception: it only tightens, whatever is more specific (C237). */
		if (!str_eq(policy_family(list[i]), policy_family(policy)) || list[i]->statutory || policy->statutory)
			continue;
		if (list[i]->rank >= policy->rank)
			return count;
		memmove(&list[i], &list[i + 1], (count - i - 1) * sizeof(*list));
		count--;
		break;
	}
	if (count == TICKET_POLICIES_MAX)
		return count;
	size_t at = 0;
	while (at < count && (list[at]->rank > policy->rank ||
			      (list[at]->rank == policy->rank && str_cmp(list[at]->id, policy->id) < 0)))
		at++;
	memmove(&list[at + 1], &list[at], (count - at) * sizeof(*list));
	list[at] = policy;
	return count + 1;
}

size_t knowledge_in_force(struct knowledge *knowledge, instant received_at, const struct value *vector, instant now,
			  const struct policy **ret_policies)
{
	size_t count = 0;
	for (size_t i = 0; i < knowledge->version_count; i++) {
		const struct known_version *version = &knowledge->versions[i];
		if (version->type != DOCUMENT_POLICY || !version->approved || !version->policy || version->effective_from > received_at)
			continue;
		bool best = true;
		for (size_t j = 0; j < knowledge->version_count && best; j++) {
			const struct known_version *other = &knowledge->versions[j];
			best = j == i || other->type != DOCUMENT_POLICY || !other->approved || !other->policy ||
			       other->effective_from > received_at || !str_eq(other->name, version->name) ||
			       version_newer(version, other);
		}
		if (best && match_holds(&version->policy->applies, vector, now))
			count = force_add(ret_policies, count, version->policy);
	}
	return count;
}

bool knowledge_has_programme(const struct knowledge *knowledge, enum programme_type type, instant now, instant *ret_next)
{
	bool any = false;
	*ret_next = INSTANT_NONE;
	for (size_t i = 0; i < knowledge->version_count; i++) {
		const struct known_version *version = &knowledge->versions[i];
		if (version->type != DOCUMENT_POLICY || !version->approved || !version->policy)
			continue;
		for (size_t j = 0; j < version->policy->programme_count; j++)
			any |= version->policy->programmes[j].type == type;
		if (version->effective_from > now && (*ret_next == INSTANT_NONE || version->effective_from < *ret_next))
			*ret_next = version->effective_from;
	}
	return any;
}

size_t knowledge_desk(struct knowledge *knowledge, struct batch *batch, const struct item *item, struct ticket *ret_thing,
		      const struct value **ret_vector, const struct policy **ret_policies)
{
	const struct desk_event *known = desk_event_of(item->event.name);
	struct str family = item->event.name;
	struct str kind = str_cut(&family, '.');

	if (known)
		kind = str_of(known->kind);
	else if (!item->event.origin.p && doc_get(&item->event.doc, "kind", batch->arena).n > 0)
		kind = doc_get(&item->event.doc, "kind", batch->arena);
	*ret_thing = (struct ticket){
		.id = item->event.record.key, .lane = batch->partition, .kind = kind, .received_at = item->event.time,
		.waiting_since = INSTANT_NONE, .resolved_at = INSTANT_NONE, .closed_at = INSTANT_NONE, .assigned_at = INSTANT_NONE,
		.data = item->event.data,
	};
	*ret_vector = knowledge_vector(knowledge, batch, ret_thing, item, NULL);
	return knowledge_in_force(knowledge, ret_thing->received_at, *ret_vector, batch->now, ret_policies);
}
