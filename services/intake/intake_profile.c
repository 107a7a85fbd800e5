/* What the directory says of a customer: grade, region, advisor, language.
 *
 * Policies and routing look at it, so it is fixed in ticket.registered: every daemon then sees the same, whatever becomes of
 * the directory. Must never take more from it: who the customer is, the request says. */
#include "services/intake/intake.h"

static const struct {
	const char *name, *path;
	size_t offset;
} members[] = {
	{ "grade", "customer.grade", offsetof(struct profile, grade) },
	{ "region", "customer.region", offsetof(struct profile, region) },
	{ "advisor", "customer.advisor", offsetof(struct profile, advisor) },
	{ "language", "customer.language", offsetof(struct profile, language) },
};

static struct str *member_of(struct profile *profile, size_t i)
{
	return (struct str *)(void *)((char *)profile + members[i].offset);
}

static struct str said(const struct profile *profile, size_t i)
{
	return *(const struct str *)(const void *)((const char *)profile + members[i].offset);
}

struct profile intake_profile_read(struct str data, struct arena *scratch, struct arena *arena)
{
	struct profile profile = { 0 };
	struct fault ignored = FAULT_NONE;
	struct doc doc = { 0 };

	if (doc_parse(&doc, data, scratch, &ignored) != OK)
		return profile;
	for (size_t i = 0; i < array_count(members); i++) {
		struct str text = doc_get(&doc, members[i].name, scratch);

		if (text.n > 0 && text.n <= INTAKE_KEY_MAX)
			*member_of(&profile, i) = str_copy(arena, text);
	}
	return profile;
}

void intake_profile_lay(const struct profile *profile, const struct attributes *attributes, struct value *vector)
{
	for (size_t i = 0; i < attributes->count; i++)
		for (size_t k = 0; k < array_count(members); k++)
			if (attributes->items[i].scope == SCOPE_CUSTOMER && str_is(attributes->items[i].path, members[k].path) &&
			    said(profile, k).n > 0)
				vector[i] = (struct value){ .type = VALUE_STRING, .string = said(profile, k) };
}

void intake_profile_write(struct writer *writer, const struct profile *profile, const struct doc *doc)
{
	const char *ours[array_count(members) + 1];
	uint32_t given = doc_member(doc, 0, STR("customer"));
	size_t count = 0;

	for (size_t i = 0; i < array_count(members); i++)
		if (said(profile, i).n > 0)
			ours[count++] = members[i].name;
	ours[count] = NULL;
	write_key(writer, "customer");
	write_open(writer, '{');
	if (given > 0 && doc_type(doc, given) == DOC_OBJECT)
		write_members_of(writer, doc, given, ours);
	for (size_t i = 0; i < array_count(members); i++)
		write_member_if(writer, members[i].name, said(profile, i));
	write_close(writer, '}');
}
