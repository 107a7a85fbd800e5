/* Two policies of equal rank (C044): in one family the most specific speaks, and of these two neither is.
 *
 * No document shows it alone, so it is looked for where documents meet: among the files of one call, and between them and what
 * is loaded. */
#include "services/ctl/policy.h"

struct rival {
	struct policy *policy;
	const char *path;            /* NULL: loaded */
};

static struct policy *compile(struct str text, struct attributes *attributes)
{
	struct buf errors cleanup(buf_done) = { 0 };
	struct fault fault = FAULT_NONE;
	struct policy *policy = NULL;

	/* What is not right has been told of, or belongs to another version of Aftercare. */
	return policy_compile(text, "", NULL, 0, attributes, &policy, &errors, &fault) == OK ? policy : NULL;
}

static void complain(const struct rival *one, const struct rival *other)
{
	static const char *const by[] = { "by default", "by kind", "by product", "by customer" };

	fprintf(stderr, "%s: /applies/match: \"%.*s\" and \"%.*s\" version %d (%s) are of equal rank: both belong to the family \"%.*s\", both "
		"apply %s, and some requests match both. Make one of them more specific, let their conditions exclude each other, or give them "
		"different families\n", one->path, STR_ARG(one->policy->id), STR_ARG(other->policy->id), other->policy->version,
		other->path ? other->path : "loaded", STR_ARG(one->policy->family), by[one->policy->rank]);
}

static bool replaced(const struct rival *rivals, size_t files, struct str name)
{
	for (size_t i = 0; i < files; i++)
		if (str_eq(rivals[i].policy->id, name))
			return true;
	return false;
}

int policy_rank_check(struct ctl *ctl, struct db *db, const struct policy_file *files, size_t count)
{
	struct attributes attributes = { 0 };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct rival *rivals;
	size_t own = 0, all;
	int found = 0;

	if (db && db_run(db, "policy_newest", NULL, &rows, &fault))
		return ctl_fail(-1, "%s", fault.text);
	rivals = arena_zero(&ctl->arena, (count + (rows ? db_rows(rows) : 0) + 1) * sizeof(*rivals));
	for (size_t i = 0; i < count; i++) {
		struct policy *policy = files[i].text.p ? compile(files[i].text, &attributes) : NULL;

		if (policy)
			rivals[own++] = (struct rival){ policy, files[i].path };
	}
	all = own;
	for (size_t i = 0; rows && i < db_rows(rows); i++) {
		struct policy *policy = replaced(rivals, own, db_get_text(rows, i, 0)) ? NULL :
				compile(db_get_text(rows, i, 2), &attributes);

		if (policy)
			rivals[all++] = (struct rival){ policy, NULL };
	}
	for (size_t i = 0; i < own; i++)
		for (size_t k = 0; k < all; k++) {
			/* Of two files the later one is told of. */
			if ((k < own && k >= i) || !policies_clash(rivals[i].policy, rivals[k].policy, &attributes))
				continue;
			complain(&rivals[i], &rivals[k]);
			found++;
		}
	for (size_t i = 0; i < all; i++)
		policy_free(rivals[i].policy);
	attributes_done(&attributes);
	return found;
}
