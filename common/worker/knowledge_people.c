/* Staff, skills and presence from the directory's tables into plain structs, sorted by id. */
#include "common/worker/knowledge_inner.h"

#include <stdlib.h>

#define ZONE_OFFSET (8 * HOUR)   /* Asia/Shanghai, in which dates without time are days (contract section 2) */

static struct str *words(const struct doc *doc, uint32_t list, struct arena *arena, size_t *ret_count)
{
	const struct doc_node *node = &doc->nodes[list];
	struct str *items = arena_zero(arena, (node->count + 1) * sizeof(*items));
	size_t n = 0;
	for (uint32_t child = list ? doc_first(doc, list) : 0; child; child = doc_next(doc, list, child))
		items[n++] = str_copy(arena, doc_string(doc, child, arena));
	*ret_count = n;
	return items;
}

static struct str text_at(const struct doc *doc, uint32_t object, const char *name, struct arena *arena)
{
	return str_copy(arena, doc_string(doc, doc_member(doc, object, str_of(name)), arena));
}

static void read_skills(struct person *person, const struct doc *doc, struct arena *arena)
{
	uint32_t list = doc_member(doc, 0, STR("skills"));
	if (!list || doc_type(doc, list) != DOC_ARRAY)
		return;
	struct skill *skills = arena_zero(arena, (doc->nodes[list].count + 1) * sizeof(*skills));
	size_t n = 0;
	for (uint32_t node = doc_first(doc, list); node; node = doc_next(doc, list, node)) {
		int64_t level = 1;
		doc_int64(doc, doc_member(doc, node, STR("level")), &level);
		skills[n++] = (struct skill){ text_at(doc, node, "product", arena), text_at(doc, node, "fault_type", arena),
					      (int32_t)level };
	}
	person->skills = skills;
	person->skill_count = n;
}

/* A time, or a date without one: the day's beginning in the default zone. */
static instant begin_of(const struct doc *doc, uint32_t node, struct arena *arena)
{
	instant at = doc_instant(doc, node);
	if (at == INSTANT_NONE)
		(void)instant_parse_date(doc_string(doc, node, arena), ZONE_OFFSET, &at);
	return at;
}

/* A time, or a date without one: what is good until a day is good to its end. */
static instant end_of(const struct doc *doc, uint32_t node, struct arena *arena)
{
	instant at = doc_instant(doc, node);
	if (at == INSTANT_NONE && instant_parse_date(doc_string(doc, node, arena), ZONE_OFFSET, &at))
		at += DAY;
	return at;
}

static void read_certificates(struct person *person, const struct doc *doc, struct arena *arena)
{
	uint32_t list = doc_member(doc, 0, STR("certificates"));
	if (!list || doc_type(doc, list) != DOC_ARRAY)
		return;
	struct certificate *certificates = arena_zero(arena, (doc->nodes[list].count + 1) * sizeof(*certificates));
	size_t n = 0;
	for (uint32_t node = doc_first(doc, list); node; node = doc_next(doc, list, node)) {
		instant until = end_of(doc, doc_member(doc, node, STR("until")), arena);
		certificates[n++] = (struct certificate){ text_at(doc, node, "name", arena),
							  text_at(doc, node, "skill", arena), until };
	}
	person->certificates = certificates;
	person->certificate_count = n;
}

/* An address as text, or {email, phone}: the first that is there. */
static struct str contact_of(const struct doc *doc, struct arena *arena)
{
	static const char *const paths[] = { "contact", "contact.email", "contact.phone" };
	struct str contact = STR_NONE;
	for (size_t i = 0; i < array_count(paths) && !contact.p; i++)
		contact = str_copy(arena, doc_get(doc, paths[i], arena));
	return contact;
}

static bool read_person(struct person *person, struct str id, struct str data, struct arena *scratch, struct arena *arena)
{
	struct doc doc = { 0 };
	struct fault ignored = FAULT_NONE;
	if (doc_parse(&doc, data, scratch, &ignored))
		return false;
	uint32_t onboarding = doc_member(&doc, 0, STR("onboarding_passed"));
	int64_t max_open = 0;
	doc_int64(&doc, doc_member(&doc, 0, STR("max_open")), &max_open);
	*person = (struct person){ .id = str_copy(arena, id), .name = text_at(&doc, 0, "name", arena),
				   .role = text_at(&doc, 0, "role", arena), .department = text_at(&doc, 0, "department", arena),
				   .superior = text_at(&doc, 0, "superior", arena), .contact = contact_of(&doc, arena),
				   .onboarded = !onboarding || doc_true(&doc, onboarding), .on_post = true,
				   .max_open = (int32_t)max_open };
	read_skills(person, &doc, arena);
	read_certificates(person, &doc, arena);
	uint32_t languages = doc_member(&doc, 0, STR("languages"));
	if (languages && doc_type(&doc, languages) == DOC_ARRAY)
		person->languages = words(&doc, languages, arena, &person->language_count);
	return true;
}

/* Rows of one kind by staff: counted first, because a person keeps one array. */
static void read_absences(struct person *persons, const struct directory *directory, const struct db_result *rows,
			  struct arena *scratch, struct arena *arena)
{
	size_t count = db_rows(rows);
	struct absence *leaves = arena_zero(arena, (count + 1) * sizeof(*leaves));
	const struct person **whose = arena_zero(scratch, (count + 1) * sizeof(const struct person *));
	struct absence *found = arena_zero(scratch, (count + 1) * sizeof(*found));
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		struct doc doc = { 0 };
		struct fault ignored = FAULT_NONE;
		if (doc_parse(&doc, db_get_text(rows, i, 1), scratch, &ignored))
			continue;
		const struct person *person = directory_person(directory, doc_get(&doc, "staff", scratch));
		if (!person)
			continue;
		if (str_is(db_get_text(rows, i, 0), "leaving")) {
			persons[person - persons].leaving = true;
			continue;
		}
		found[i] = (struct absence){ begin_of(&doc, doc_member(&doc, 0, STR("from")), scratch),
					   end_of(&doc, doc_member(&doc, 0, STR("to")), scratch) };
		/* Whose end is not said ends with somebody's word that it is over. */
		if (found[i].to == INSTANT_NONE)
			found[i].to = INT64_MAX;
		whose[i] = person;
	}
	for (size_t p = 0; p < directory->count; p++) {
		persons[p].leaves = &leaves[used];
		for (size_t i = 0; i < count; i++)
			if (whose[i] == &persons[p])
				leaves[used++] = found[i];
		persons[p].leave_count = (size_t)(&leaves[used] - persons[p].leaves);
	}
}

static int compare_person(const void *a, const void *b)
{
	return str_cmp(((const struct person *)a)->id, ((const struct person *)b)->id);
}

enum verdict knowledge_load_people(struct knowledge *knowledge, struct batch *batch, struct fault *fault)
{
	db_queue(batch->db, "knowledge_people", NULL);
	db_queue(batch->db, "knowledge_presence", NULL);
	db_queue(batch->db, "knowledge_absence", NULL);
	enum verdict verdict = db_sync(batch->db, fault);
	if (verdict)
		return verdict;
	const struct db_result *people = db_result(batch->db, 0), *presence = db_result(batch->db, 1);
	struct arena *arena = &knowledge->people_arena;
	arena_reset(arena);
	struct person *persons = arena_zero(arena, (db_rows(people) + 1) * sizeof(*persons));
	size_t n = 0;
	for (size_t i = 0; i < db_rows(people); i++)
		n += read_person(&persons[n], db_get_text(people, i, 0), db_get_text(people, i, 1), batch->arena, arena);
	if (n)
		qsort(persons, n, sizeof(*persons), compare_person);
	knowledge->directory = (struct directory){ persons, n };
	for (size_t i = 0; i < db_rows(presence); i++) {
		struct str id = db_get_text(presence, i, 0);
		const struct person *person = directory_person(&knowledge->directory, id);
		if (person)
			persons[person - persons].on_post = db_get_bool(presence, i, 1);
	}
	read_absences(persons, &knowledge->directory, db_result(batch->db, 2), batch->arena, arena);
	return OK;
}
