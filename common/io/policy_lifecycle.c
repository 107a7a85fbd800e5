/* The lifecycle document: the shared table of steps, the default permissions and the codes that ship.
 *
 * {"lifecycle": NAME, "version": N, "groups": {"work": [...]}, "transitions": [...], "permissions": [...], "roles": {...},
 * "channels": [...], "kinds": [...]}. The document is shared by all policies; what one of them needs beyond it stands in its
 * "lifecycle" section. Must never hold a default of its own: what is not in the document does not exist. */
#include <string.h>

#include "common/io/policy_inner.h"

static void check_groups(struct compile *compile, const struct place *at)
{
	const char *key;
	json_t *value;

	if (!present(at))
		return;
	if (!json_is_object(at->value)) {
		complain(compile, at, "an object: name -> list of states");
		return;
	}
	json_object_foreach (at->value, key, value) {
		struct place group = { .up = at, .key = key, .value = value };

		if (state_of(str_of(key)) != STATE_NONE || strcmp(key, "open") == 0 || strcmp(key, "any") == 0)
			complain(compile, &group, "\"%s\" means something already", key);
		(void)read_states(compile, &group, NULL);
	}
}

static void check_code(struct compile *compile, const struct place *at, const void *unused)
{
	(void)unused;
	(void)read_name(compile, at);
}

static struct strings read_codes_of(struct compile *compile, const struct place *at)
{
	struct strings list = read_strings(compile, at, check_code, NULL);

	for (size_t i = 0; i < list.count; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(list.items[i], list.items[k])) {
				struct place element = place_element(at, i);

				complain(compile, &element, "\"%.*s\" stands in this list already",
					 STR_ARG(list.items[i]));
			}
	return list;
}

static state_set reached_by(const struct lifecycle *lifecycle, state_set from)
{
	state_set next = from;

	for (size_t i = 0; i < lifecycle->transition_count; i++) {
		const struct transition *step = &lifecycle->transitions[i];

		if (step->target == TARGET_STATE && (step->moves & from))
			next |= STATE_BIT(step->to);
		for (size_t k = 0; step->target == TARGET_BEFORE_WAITING && (step->moves & from) && k < lifecycle->transition_count; k++)
			next |= lifecycle->transitions[k].waits ? lifecycle->transitions[k].in & ~STATE_BIT(lifecycle->transitions[k].to) : 0;
	}
	return next;
}

/* The states that a row names itself or by a group, not by "open" or "any". */
static state_set named(const struct place *in, const struct place *groups)
{
	size_t count = json_is_array(in->value) ? json_array_size(in->value) : 1;
	state_set set = 0;

	for (size_t i = 0; i < count; i++) {
		const char *word = json_string_value(json_is_array(in->value) ? json_array_get(in->value, i) : in->value);
		json_t *group = word ? json_object_get(groups->value, word) : NULL;
		enum state state = state_of(str_of(word));

		if (state != STATE_NONE)
			set |= STATE_BIT(state);
		for (size_t k = 0; k < json_array_size(group); k++)
			set |= STATE_BIT(state_of(str_of(json_string_value(json_array_get(group, k)))));
	}
	return set;
}

/* A state that a row counts on and no step leads to; a state that no step leads out of to an end. A request begins as received
 * or incomplete. */
static void check_reach(struct compile *compile, const struct place *list, const struct place *groups, const struct lifecycle *lifecycle)
{
	state_set reached = STATE_BIT(STATE_RECEIVED) | STATE_BIT(STATE_INCOMPLETE), before = 0, told = 0;

	for (; reached != before; reached = reached_by(lifecycle, reached))
		before = reached;
	for (size_t i = 0; i < json_array_size(list->value); i++) {
		struct place row = place_element(list, i), in = place_member(&row, "in");
		state_set lost = named(&in, groups) & ~reached & ~told;

		told |= lost;
		for (enum state state = STATE_NONE + 1; state < STATE_MAX; state++)
			if (lost & STATE_BIT(state))
				complain(compile, &in, "no step ever leads to the state \"%.*s\": this row is never reached there",
					 STR_ARG(state_name(state)));
	}
	for (enum state state = STATE_NONE + 1; state < STATE_MAX; state++) {
		state_set way = STATE_BIT(state);

		if (!(reached & way) || !state_is_open(state))
			continue;
		for (before = 0; way != before; way = reached_by(lifecycle, way))
			before = way;
		for (enum state end = STATE_NONE + 1; end < STATE_MAX; end++)
			if ((way & STATE_BIT(end)) && !state_is_open(end))
				way = 0;
		if (way)
			complain(compile, list, "no way leads from the state \"%.*s\" to an end (closed, rejected, cancelled)",
				 STR_ARG(state_name(state)));
	}
}

static void read_document(struct compile *compile, const struct place *root, struct lifecycle *lifecycle)
{
	static const char *const members[] = { "!lifecycle", "!version", "title", "groups", "!transitions", "permissions",
					       "!roles", "!channels", "!kinds", "codes", NULL };
	static const char *const role_members[] = { "!staff", "!management", NULL };
	struct str unused = STR_NONE;
	struct place name = place_member(root, "lifecycle");
	struct place version = place_member(root, "version");
	struct place title = place_member(root, "title");
	struct place groups = place_member(root, "groups");
	struct place transitions = place_member(root, "transitions");
	struct place permissions = place_member(root, "permissions");
	struct place roles = place_member(root, "roles");
	struct place staff = place_member(&roles, "staff");
	struct place management = place_member(&roles, "management");
	struct place channels = place_member(root, "channels");
	struct place kinds = place_member(root, "kinds");

	(void)read_object(compile, root, members);
	compile->codes = json_object_get(root->value, "codes");
	(void)read_name(compile, &name);
	read_bilingual(compile, &title, &unused, &unused);
	lifecycle->version = (int32_t)read_int(compile, &version, 0, 1, INT32_MAX);
	check_groups(compile, &groups);
	(void)read_object(compile, &roles, role_members);
	lifecycle->staff_roles = read_codes_of(compile, &staff);
	lifecycle->management_roles = read_codes_of(compile, &management);
	lifecycle->channels = read_codes_of(compile, &channels);
	lifecycle->kinds = read_codes_of(compile, &kinds);
	lifecycle->transitions = read_transitions(compile, &transitions, &groups, &lifecycle->transition_count);
	lifecycle->permissions = read_permissions(compile, &permissions, lifecycle->staff_roles,
						  lifecycle->management_roles, &lifecycle->permission_count);
	if (compile->strict && compile->error_count == 0)
		check_reach(compile, &transitions, &groups, lifecycle);
}

static enum verdict compile_text(struct str text, const char *name, bool strict, struct attributes *attributes,
				 struct lifecycle **ret_lifecycle, struct buf *errors, struct fault *fault)
{
	struct lifecycle *lifecycle = mem_zero(sizeof(*lifecycle));
	struct compile compile = { .name = name, .errors = errors, .arena = &lifecycle->arena,
				   .attributes = attributes, .strict = strict };
	struct place root = { .value = load_document(&compile, text) };

	if (root.value) {
		/* It has no blanks: one that stands there is complained about as not needed. */
		fill_blanks(&compile, &root);
		read_document(&compile, &root, lifecycle);
		json_decref(root.value);
	}
	if (compile.error_count > 0) {
		lifecycle_free(lifecycle);
		return conclude(&compile, fault);
	}
	*ret_lifecycle = lifecycle;
	return OK;
}

enum verdict lifecycle_compile(struct str text, const char *name, struct attributes *attributes,
			       struct lifecycle **ret_lifecycle, struct buf *errors, struct fault *fault)
{
	return compile_text(text, name, false, attributes, ret_lifecycle, errors, fault);
}

enum verdict lifecycle_compile_new(struct str text, const char *name, struct attributes *attributes,
				   struct lifecycle **ret_lifecycle, struct buf *errors, struct fault *fault)
{
	return compile_text(text, name, true, attributes, ret_lifecycle, errors, fault);
}

void lifecycle_free(struct lifecycle *lifecycle)
{
	if (!lifecycle)
		return;
	arena_done(&lifecycle->arena);
	mem_free(lifecycle);
}
