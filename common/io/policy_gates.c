/* The section "lifecycle" of a policy: guards, closing gates, permissions, further steps, reopening.
 *
 * A gate is a guard on staff.close_requested. Each thing that one needs is a piece of evidence with an id that stays the same
 * as long as the version lives, because tickets store it. Refusals are worded here where the document gives no words. */
#include <string.h>

#include "common/base/desk.h"
#include "common/io/policy_inner.h"

/* What people call the fact that is missing. */
static const struct {
	const char *fact, *zh, *en;
} wordings[] = {
	{ "ticket.worked", "工作记录", "a record of the work" },
	{ "ticket.confirmed", "客户确认", "the customer's confirmation" },
	{ "ticket.resolved", "处理结果", "a result" },
	{ "ticket.scheduled", "与客户的预约", "an appointment with the customer" },
	{ "ticket.contacted", "与客户的联系", "contact with the customer" },
	{ "ticket.verified", "身份与版本核实", "the check of identity and version" },
	{ "ticket.report_filed", "处理报告", "the handling report" },
	{ "ticket.effect_evaluated", "效果评估", "the evaluation of the effect" },
	{ "ticket.corrective_action", "纠正措施", "the corrective action, or why there is none" },
	{ "ticket.trained", "用户培训记录", "the record of the user training" },
	{ "ticket.installed", "安装记录", "the record of the installation" },
};

static void default_wording(struct compile *compile, struct evidence *evidence, struct str what)
{
	struct str zh = what;
	struct str en = what;

	if (evidence->missing_zh.p)
		return;
	for (size_t i = 0; i < array_count(wordings); i++)
		if (str_is(what, wordings[i].fact)) {
			zh = str_of(wordings[i].zh);
			en = str_of(wordings[i].en);
		}
	evidence->missing_zh = str_format(compile->arena, "缺少%.*s", STR_ARG(zh));
	evidence->missing_en = str_format(compile->arena, "%.*s is missing", STR_ARG(en));
}

static void read_evidence(struct compile *compile, const struct place *at, struct str id, int depth,
			  struct evidence *evidence);

static void read_alternatives(struct compile *compile, const struct place *at, int depth, struct evidence *evidence)
{
	size_t count = read_list(compile, at);
	struct evidence *parts = arena_zero(compile->arena, (count + 1) * sizeof(*parts));
	struct buf zh cleanup(buf_done) = { 0 };
	struct buf en cleanup(buf_done) = { 0 };

	evidence->type = EVIDENCE_ANY;
	evidence->parts = parts;
	if (count == 0)
		complain(compile, at, "a list of evidence belongs here");
	for (size_t i = 0; i < count && depth < MATCH_DEPTH_MAX; i++) {
		struct place element = place_element(at, i);

		read_evidence(compile, &element,
			      str_format(compile->arena, "%.*s.%zu", STR_ARG(evidence->id), i), depth + 1, &parts[i]);
		buf_format(&zh, "%s%.*s", i ? "，或" : "", STR_ARG(parts[i].missing_zh));
		buf_format(&en, "%s%.*s", i ? ", or " : "", STR_ARG(parts[i].missing_en));
		evidence->part_count++;
	}
	if (!evidence->missing_zh.p) {
		evidence->missing_zh = str_copy(compile->arena, buf_view(&zh));
		evidence->missing_en = str_copy(compile->arena, buf_view(&en));
	}
}

static void read_fact(struct compile *compile, const struct place *at, const struct place *match,
		      struct evidence *evidence)
{
	evidence->type = EVIDENCE_FACT;
	evidence->fact = read_word(compile, at, &words_fact);
	if (match)
		evidence->match = read_match(compile, match);
	default_wording(compile, evidence, evidence->fact);
}

static void read_count(struct compile *compile, const struct place *at, const struct place *equals,
		       struct evidence *evidence)
{
	evidence->type = EVIDENCE_COUNT;
	evidence->fact = read_word(compile, at, &words_fact);
	evidence->equals = read_word(compile, equals, &words_fact);
	if (!equals->value)
		complain(compile, at, "\"count\" goes with \"equals\": another fact");
	default_wording(compile, evidence, evidence->equals);
}

static void read_field(struct compile *compile, const struct place *at, struct evidence *evidence)
{
	struct str path = read_text(compile, at);
	const struct words *codes;

	evidence->type = EVIDENCE_FIELD;
	if (path.n > 0 && path_known(compile, at, path, &codes))
		evidence->attribute = path_intern(compile, path);
	default_wording(compile, evidence, path);
}

/* What can be told: what a message of this document says, and the result of a case under whatever name. */
static void read_told(struct compile *compile, const struct place *at, struct evidence *evidence)
{
	evidence->type = EVIDENCE_TOLD;
	evidence->told = read_name(compile, at);
	default_wording(compile, evidence, evidence->told);
	check_told(compile, at, evidence->told);
}

/* A condition has no name that could be told to a person: the document must give the words. */
static void read_condition(struct compile *compile, const struct place *at, const struct place *missing,
			   struct evidence *evidence)
{
	evidence->type = EVIDENCE_MATCH;
	evidence->match = read_match(compile, at);
	if (!missing->value)
		complain(compile, at, "a condition needs \"missing\": what a refusal says");
}

/* `id` is what it is called when the document does not say. */
static void read_evidence(struct compile *compile, const struct place *at, struct str id, int depth,
			  struct evidence *evidence)
{
	static const char *const members[] = { "id", "fact", "match", "count", "equals", "field", "told", "any",
					       "missing", NULL };
	struct place own_id = place_member(at, "id");
	struct place missing = place_member(at, "missing");
	struct place fact = place_member(at, "fact");
	struct place match = place_member(at, "match");
	struct place count = place_member(at, "count");
	struct place equals = place_member(at, "equals");
	struct place field = place_member(at, "field");
	struct place told = place_member(at, "told");
	struct place any = place_member(at, "any");

	evidence->id = id;
	if (json_is_string(at->value)) {
		read_fact(compile, at, NULL, evidence);
		return;
	}
	if (!read_object(compile, at, members))
		return;
	if (own_id.value)
		evidence->id = read_name(compile, &own_id);
	if (missing.value)
		read_bilingual(compile, &missing, &evidence->missing_zh, &evidence->missing_en);
	if (!!fact.value + !!count.value + !!field.value + !!told.value + !!any.value != !(match.value && !fact.value))
		complain(compile, at, "one of \"fact\", \"count\", \"field\", \"match\", \"told\", \"any\"");
	else if (fact.value)
		read_fact(compile, &fact, &match, evidence);
	else if (count.value)
		read_count(compile, &count, &equals, evidence);
	else if (field.value)
		read_field(compile, &field, evidence);
	else if (any.value)
		read_alternatives(compile, &any, depth, evidence);
	else if (match.value)
		read_condition(compile, &match, &missing, evidence);
	else
		read_told(compile, &told, evidence);
}

struct guards {
	struct guard *items;
	size_t count, capacity;
};

/* Whether it can be seen in the claim alone. */
static bool is_of_claim(const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->part_count; i++)
		if (!is_of_claim(&evidence->parts[i]))
			return false;
	return evidence->type == EVIDENCE_FIELD || evidence->type == EVIDENCE_MATCH || evidence->type == EVIDENCE_ANY;
}

static void read_guard(struct compile *compile, const struct place *at, struct str on_default, struct guards *guards)
{
	static const char *const members[] = { "name", "on", "match", "!needs", NULL };
	struct place name = place_member(at, "name");
	struct place on = place_member(at, "on");
	struct place match = place_member(at, "match");
	struct place needs = place_member(at, "needs");
	struct guard guard = { 0 };
	struct evidence *evidence;
	struct strings claims;

	if (!read_object(compile, at, members))
		return;
	guard.name = name.value ? read_name(compile, &name)
				: str_format(compile->arena, "%s.%zu", on_default.p ? "gate" : "guard", at->index);
	guard.match = read_match(compile, &match);
	guard.need_count = read_list(compile, &needs);
	guard.needs = evidence = arena_zero(compile->arena, (guard.need_count + 1) * sizeof(*evidence));
	for (size_t i = 0; i < guard.need_count; i++) {
		struct place element = place_element(&needs, i);

		read_evidence(compile, &element, str_format(compile->arena, "%.*s.%zu", STR_ARG(guard.name), i), 0,
			      &evidence[i]);
	}
	claims = on.value ? read_words(compile, &on, &words_claim) : (struct strings){ &on_default, on_default.p != NULL };
	if (claims.count == 0)
		complain(compile, at, "\"on\" is missing: the claim that it guards");
	arena_grow(compile->arena, &guards->items, &guards->capacity, guards->count + claims.count,
		   sizeof(*guards->items));
	for (size_t i = 0; i < claims.count; i++) {
		guard.claim = claims.items[i];
		for (size_t k = 0; k < guard.need_count && desk_event_of(guard.claim); k++)
			if (!is_of_claim(&evidence[k])) {
				struct place element = place_element(&needs, k);

				complain(compile, &element, "%.*s is about no ticket, so no facts are kept of it: its guard can only "
					 "need a \"field\" or a \"match\"", STR_ARG(guard.claim));
			}
		guards->items[guards->count++] = guard;
	}
}

/* Evidence ids are stored with tickets: one id must never mean two things. */
static void check_evidence_ids(struct compile *compile, const struct place *at, const struct guards *guards)
{
	for (size_t i = 0; i < guards->count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct guard *a = &guards->items[i];
			const struct guard *b = &guards->items[k];

			for (size_t m = 0; a->needs != b->needs && m < a->need_count; m++)
				for (size_t n = 0; n < b->need_count; n++)
					if (str_eq(a->needs[m].id, b->needs[n].id))
						complain(compile, at, "two pieces of evidence have the id \"%.*s\"",
							 STR_ARG(a->needs[m].id));
		}
}

void read_lifecycle_section(struct compile *compile, const struct place *at, struct policy *policy)
{
	static const char *const members[] = { "guards", "gates", "permissions", "reopen_within", "confirmation",
					       "allow", "~forbid", "~waiting", NULL };
	struct place lists[] = { place_member(at, "guards"), place_member(at, "gates") };
	struct str defaults[] = { STR_NONE, STR("staff.close_requested") };
	struct place permissions = place_member(at, "permissions");
	struct place reopen = place_member(at, "reopen_within");
	struct place confirmation = place_member(at, "confirmation");
	struct place allow = place_member(at, "allow");
	struct guards guards = { 0 };

	if (!read_object(compile, at, members))
		return;
	for (size_t i = 0; i < array_count(lists); i++) {
		size_t count = read_list(compile, &lists[i]);

		check_names(compile, &lists[i]);
		for (size_t k = 0; k < count; k++) {
			struct place element = place_element(&lists[i], k);

			read_guard(compile, &element, defaults[i], &guards);
		}
	}
	check_evidence_ids(compile, at, &guards);
	policy->guards = guards.items;
	policy->guard_count = guards.count;
	policy->permissions = read_permissions(compile, &permissions, strings_of_words(compile, &words_staff),
					       strings_of_words(compile, &words_management), &policy->permission_count);
	policy->has_reopen_within = read_duration(compile, &reopen, &policy->reopen_within);
	policy->no_confirmation = !read_bool(compile, &confirmation, true);
	policy->allow = read_transitions(compile, &allow, NULL, &policy->allow_count);
}
