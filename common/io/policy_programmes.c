/* The section "programmes": what follows a case (surveys, follow-up calls) and what comes round by itself (visits).
 *
 * Each kind has its own members. Must refuse the kinds and members that survey does not carry out yet, by name. */
#include <string.h>

#include "common/io/policy_inner.h"

static const char *const kinds[] = { "survey", "followup", "visit", "grading", "audit", "drill", "report", "plan", "training",
				     "review", NULL };
static const struct words words_programme = { "kind of programme", kinds, NULL };

/* Returns false after a complaint. */
static bool read_kind(struct compile *compile, const struct place *at, enum programme_type *ret)
{
	struct str word = read_word(compile, at, &words_programme);

	if (str_is(word, "survey"))
		*ret = PROGRAMME_SURVEY;
	else if (str_is(word, "followup"))
		*ret = PROGRAMME_FOLLOWUP;
	else if (str_is(word, "visit"))
		*ret = PROGRAMME_VISIT;
	else if (word.p)
		complain(compile, at, "this version of Aftercare does not carry out \"%.*s\" yet", STR_ARG(word));
	return str_is(word, "survey") || str_is(word, "followup") || str_is(word, "visit");
}

static void read_to(struct compile *compile, const struct place *at, const char *absent, struct programme *programme)
{
	programme->to = str_of(absent);
	if (!at->value)
		return;
	programme->to = read_text(compile, at);
	if (programme->to.n > 0)
		check_recipient(compile, at, NULL);
}

/* What follows a fact about a ticket. */
static void read_errand(struct compile *compile, const struct place *at, struct programme *programme)
{
	static const char *const members[] = { "!name", "!kind", "on", "audience", "delay", "to", "exclude", "form",
					       "respond_within", "missed", "then", "~every", "~from", "~until", "~per",
					       "~approver", "~share", "~departments", "~adapt", "~rules", "~once_a", NULL };
	struct place on = place_member(at, "on");
	struct place delay = place_member(at, "delay");
	struct place to = place_member(at, "to");
	struct place exclude = place_member(at, "exclude");
	struct place respond = place_member(at, "respond_within");
	struct place missed = place_member(at, "missed");
	struct place then = place_member(at, "then");

	(void)read_object(compile, at, members);
	if (!on.value)
		complain(compile, at, "\"on\" is missing: the fact that it follows");
	programme->on = read_word(compile, &on, &words_fact);
	(void)read_duration(compile, &delay, &programme->delay);
	read_to(compile, &to, programme->type == PROGRAMME_FOLLOWUP ? "csr" : "customer", programme);
	programme->exclude_owner = json_is_string(exclude.value) && strcmp(json_string_value(exclude.value), "owner") == 0;
	if (exclude.value && !programme->exclude_owner)
		complain(compile, &exclude, "only \"owner\" can be excluded");
	programme->has_respond_within = read_duration(compile, &respond, &programme->respond_within);
	if (missed.value && !respond.value)
		complain(compile, &missed, "\"missed\" goes with \"respond_within\"");
	only_actions(compile, &missed, programme->missed, true);
	programme->then = read_rules(compile, &then, "survey.scored", &programme->then_count);
}

/* Days or months, at least one: visits are counted in days of the calendar. */
static void read_every(struct compile *compile, const struct place *at, struct programme *programme)
{
	if (!read_duration(compile, at, &programme->every))
		return;
	if (programme->every.us % DAY != 0 || (programme->every.us == 0 && programme->every.months == 0) ||
	    programme->every.months > 1200 || programme->every.us > 36525 * DAY)
		complain(compile, at, "visits come round in whole days, months or years, up to a hundred years");
}

static void only_tasks(struct compile *compile, const struct place *at, struct actions actions)
{
	for (size_t i = 0; i < actions.count && i < json_array_size(at->value); i++) {
		struct place element = place_element(at, i);
		struct place type = place_member(&element, "action");

		if (actions.items[i].type != ACTION_TASK)
			complain(compile, &type, "this version of Aftercare carries out only \"task\" here");
	}
}

/* What comes round for every installation, by the calendar. */
static void read_visit(struct compile *compile, const struct place *at, bool has_warranty, struct programme *programme)
{
	static const char *const members[] = { "!name", "!kind", "!per", "!every", "!from", "until", "audience", "to", "form",
					       "missed", "~approver", "~share", "~departments", "~adapt", "~rules", "~once_a",
					       "~then", NULL };
	static const char *const per[] = { "installation", NULL }, *const from[] = { "accepted_on", NULL };
	static const char *const until[] = { "warranty_until", NULL };
	static const struct words words_per = { "thing that visits go round", per, NULL };
	static const struct words words_from = { "day to count from", from, NULL };
	static const struct words words_until = { "last day", until, NULL };
	struct place whom = place_member(at, "per");
	struct place every = place_member(at, "every");
	struct place begin = place_member(at, "from");
	struct place end = place_member(at, "until");
	struct place to = place_member(at, "to");
	struct place missed = place_member(at, "missed");

	(void)read_object(compile, at, members);
	(void)read_word(compile, &whom, &words_per);
	read_every(compile, &every, programme);
	(void)read_word(compile, &begin, &words_from);
	programme->until_warranty = read_word(compile, &end, &words_until).n > 0;
	if (programme->until_warranty && !has_warranty)
		complain(compile, &end, "the document has no /intake/warranty that says until when");
	read_to(compile, &to, "manager", programme);
	only_tasks(compile, &missed, programme->missed);
}

static void read_programme(struct compile *compile, const struct place *at, bool has_warranty, struct programme *programme)
{
	struct place name = place_member(at, "name");
	struct place kind = place_member(at, "kind");
	struct place audience = place_member(at, "audience");
	struct place form = place_member(at, "form");
	struct place missed = place_member(at, "missed");

	if (!json_is_object(at->value) || !kind.value) {
		complain(compile, at, "a programme is an object: {\"name\": ..., \"kind\": \"survey\", ...}");
		return;
	}
	if (!read_kind(compile, &kind, &programme->type))
		return;
	programme->name = read_name(compile, &name);
	programme->match = read_match(compile, &audience);
	programme->form = form.value ? read_name(compile, &form) : STR_NONE;
	programme->missed = read_actions(compile, &missed);
	if (programme->type == PROGRAMME_VISIT)
		read_visit(compile, at, has_warranty, programme);
	else
		read_errand(compile, at, programme);
}

void read_programmes(struct compile *compile, const struct place *at, struct policy *policy)
{
	size_t count = read_list(compile, at);
	struct programme *programmes = arena_zero(compile->arena, (count + 1) * sizeof(*programmes));

	check_names(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_programme(compile, &element, policy->warranty.present, &programmes[i]);
	}
	policy->programmes = programmes;
	policy->programme_count = count;
}
