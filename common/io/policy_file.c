/* A policy document -> a compiled policy: the head of the document, and one call per section.
 *
 * Entry of the policy compiler (policy_file.h). First the blanks are filled, then every section is read to its end whatever was
 * wrong before, so that all errors come at once; only then is it decided whether there is a policy.
 * Must never keep anything of the document: all that a policy holds is copied into its own arena. */
#include <string.h>

#include "common/io/calendar_file.h"
#include "common/io/policy_inner.h"

json_t *load_document(struct compile *compile, struct str text)
{
	struct place nowhere = { 0 };
	json_error_t error;
	json_t *root;

	/* Running out of memory is decided in base/mem.c for jansson too; saying so again changes nothing. */
	json_set_alloc_funcs(mem_zero, mem_free);
	root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		complain(compile, &nowhere, "line %d, column %d: %s", error.line, error.column, error.text);
	else if (!json_is_object(root)) {
		complain(compile, &nowhere, "a document is a JSON object");
		json_decref(root);
		root = NULL;
	}
	return root;
}

enum verdict conclude(const struct compile *compile, struct fault *fault)
{
	if (compile->error_count == 0)
		return OK;
	return fault_set(fault, FATAL, "%s: %zu error%s", compile->name, compile->error_count,
			 compile->error_count == 1 ? "" : "s");
}

/* The most specific path of a condition decides (C044). */
static int rank_of(const struct attributes *attributes, const struct match *match)
{
	int rank = 0;

	for (uint32_t i = 0; i < match->count; i++) {
		const struct match_step *step = &match->steps[i];
		struct str path;
		int own = 1;

		if (step->test >= MATCH_NOT)
			continue;
		path = attributes->items[step->attribute].path;
		if (str_starts(path, STR("customer.")))
			own = 3;
		else if (str_starts(path, STR("product.")))
			own = 2;
		rank = own > rank ? own : rank;
	}
	return rank;
}

static void read_applies(struct compile *compile, const struct place *at, struct policy *policy)
{
	static const char *const members[] = { "match", NULL };
	struct place match = place_member(at, "match");

	if (read_object(compile, at, members))
		policy->applies = read_match(compile, &match);
	policy->rank = rank_of(compile->attributes, &policy->applies);
}

static void read_codes(struct compile *compile, const struct place *at)
{
	static const char *const members[] = { "kind", "severity", "mode", "channel", "role", NULL };

	if (!read_object(compile, at, members))
		return;
	for (size_t i = 0; members[i]; i++) {
		struct place list = place_member(at, members[i]);
		size_t count = read_list(compile, &list);

		for (size_t k = 0; k < count; k++) {
			struct place element = place_element(&list, k);

			(void)read_name(compile, &element);
		}
	}
	compile->codes = at->value;
}

static void read_head(struct compile *compile, const struct place *root, struct policy *policy)
{
	struct place id = place_member(root, "policy");
	struct place version = place_member(root, "version");
	struct place source = place_member(root, "source");
	struct place title = place_member(root, "title");
	struct place family = place_member(root, "family");
	struct place effective = place_member(root, "effective_from");
	struct place applies = place_member(root, "applies");
	struct place zone = place_member(root, "zone");
	struct place calendar = place_member(root, "calendar");
	struct place statutory = place_member(root, "statutory");
	struct place owner = place_member(root, "owner");
	struct place approval = place_member(root, "approval");
	struct place codes = place_member(root, "codes");

	policy->zone = read_zone(compile, &zone);
	policy->zone_offset_us = compile->zone_offset_us;
	read_codes(compile, &codes);
	policy->id = read_name(compile, &id);
	policy->version = (int32_t)read_int(compile, &version, 0, 1, INT32_MAX);
	policy->source = read_text(compile, &source);
	read_bilingual(compile, &title, &policy->title_zh, &policy->title_en);
	policy->family = family.value ? read_name(compile, &family) : policy->id;
	policy->effective_from = read_when(compile, &effective);
	read_applies(compile, &applies, policy);
	policy->calendar = calendar.value ? read_calendar_name(compile, &calendar) : STR(CALENDAR_ALWAYS);
	policy->statutory = read_bool(compile, &statutory, false);
	(void)read_text(compile, &owner);
	policy->approval = read_strings(compile, &approval, NULL, NULL);
}

static void read_policy(struct compile *compile, const struct place *root, struct policy *policy)
{
	static const char *const members[] = { "!policy", "!version", "source", "title", "owner", "approval",
					       "!effective_from", "statutory", "family", "applies", "zone", "calendar",
					       "needs", "codes", "intake", "lifecycle", "clocks", "routing", "rules",
					       "messages", "programmes", "~measures", "~reports", "~phrases",
					       "~progress", NULL };
	struct place intake = place_member(root, "intake");
	struct place lifecycle = place_member(root, "lifecycle");
	struct place clocks = place_member(root, "clocks");
	struct place routing = place_member(root, "routing");
	struct place rules = place_member(root, "rules");
	struct place messages = place_member(root, "messages");
	struct place programmes = place_member(root, "programmes");

	(void)read_object(compile, root, members);
	read_head(compile, root, policy);
	read_intake(compile, &intake, policy);
	read_lifecycle_section(compile, &lifecycle, policy);
	read_clocks(compile, &clocks, policy);
	read_routing(compile, &routing, policy);
	policy->rules = read_rules(compile, &rules, NULL, &policy->rule_count);
	read_messages(compile, &messages, policy);
	read_programmes(compile, &programmes, policy);
	/* What contradicts itself is looked for in what can be read as a whole. */
	if (compile->strict && compile->error_count == 0) {
		check_never(compile, root, policy);
		check_gates_never(compile, root, policy);
	}
}

enum verdict policy_compile(struct str text, const char *name, const struct policy_setting *settings, size_t setting_count,
			    struct attributes *attributes, struct policy **ret_policy, struct buf *errors,
			    struct fault *fault)
{
	return policy_compile_among(text, name, settings, setting_count, NULL, attributes, ret_policy, errors, fault);
}

enum verdict policy_compile_among(struct str text, const char *name, const struct policy_setting *settings,
				  size_t setting_count, const struct strings *calendars, struct attributes *attributes,
				  struct policy **ret_policy, struct buf *errors, struct fault *fault)
{
	struct policy *policy = mem_zero(sizeof(*policy));
	struct compile compile = { .name = name, .errors = errors, .arena = &policy->arena, .attributes = attributes,
				   .settings = settings, .setting_count = setting_count, .calendars = calendars,
				   .strict = calendars != NULL };
	struct place root = { .value = load_document(&compile, text) };

	if (root.value) {
		fill_blanks(&compile, &root);
		read_policy(&compile, &root, policy);
		json_decref(root.value);
	}
	if (compile.error_count > 0) {
		policy_free(policy);
		return conclude(&compile, fault);
	}
	*ret_policy = policy;
	return OK;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	arena_done(&policy->arena);
	mem_free(policy);
}

enum verdict policy_resolve(struct str text, const char *name, const struct policy_setting *settings, size_t setting_count,
			    struct buf *ret_text, struct buf *errors, struct fault *fault)
{
	struct arena arena = { 0 };
	struct compile compile = { .name = name, .errors = errors, .arena = &arena, .settings = settings,
				   .setting_count = setting_count };
	struct place root = { .value = load_document(&compile, text) };
	char *canonical = NULL;

	if (root.value) {
		fill_blanks(&compile, &root);
		canonical = json_dumps(root.value, JSON_COMPACT | JSON_SORT_KEYS);
		json_decref(root.value);
	}
	if (canonical && compile.error_count == 0)
		buf_z(ret_text, canonical);
	mem_free(canonical);
	arena_done(&arena);
	return conclude(&compile, fault);
}
