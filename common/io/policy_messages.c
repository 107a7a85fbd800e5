/* The sections "messages" (who is told what on which fact) and "programmes" (what comes round after a case).
 *
 * Templates are named here and looked up by notification. Must refuse the programmes that have a calendar of their own
 * (visits, grading, periodic surveys) until survey carries them out. */
#include <string.h>

#include "common/io/policy_inner.h"

static void check_channel(struct compile *compile, const struct place *at, const void *unused)
{
	struct str word = str_of(json_string_value(at->value));

	(void)unused;
	/* "log" delivers to the log only; "sms" is a channel that messages go out by, though no request comes in by it. */
	if (!str_is(word, "origin") && !str_is(word, "log") && !str_is(word, "sms") &&
	    !words_have(compile, &words_channel, word))
		words_complain(compile, at, &words_channel, word);
}

static struct str read_once_per(struct compile *compile, const struct place *at)
{
	struct str text = read_text(compile, at);
	struct duration unused;

	if (text.n > 0 && !str_is(text, "ticket") && !str_is(text, "fact") && !duration_parse(text, &unused))
		complain(compile, at, "\"%.*s\" is not \"ticket\", \"fact\" or a duration", STR_ARG(text));
	return text;
}

static void read_message(struct compile *compile, const struct place *at, struct message_rule *rule)
{
	static const char *const members[] = { "!name", "!on", "match", "!to", "channel", "!template", "must", "once_per",
					       "~hold_until", "~digest", NULL };
	struct place name = place_member(at, "name");
	struct place on = place_member(at, "on");
	struct place match = place_member(at, "match");
	struct place to = place_member(at, "to");
	struct place channel = place_member(at, "channel");
	struct place template_place = place_member(at, "template");
	struct place must = place_member(at, "must");
	struct place once_per = place_member(at, "once_per");
	struct str *origin;

	if (!read_object(compile, at, members))
		return;
	rule->name = read_name(compile, &name);
	rule->on = read_word(compile, &on, &words_fact);
	rule->match = read_match(compile, &match);
	rule->to = read_strings(compile, &to, check_recipient, NULL);
	if (json_is_array(to.value) && rule->to.count == 0)
		complain(compile, &to, "names nobody");
	rule->channels = read_strings(compile, &channel, check_channel, NULL);
	if (rule->channels.count == 0) {
		origin = arena_zero(compile->arena, sizeof(*origin));
		*origin = STR("origin");
		rule->channels = (struct strings){ origin, 1 };
	}
	rule->template_name = read_name(compile, &template_place);
	rule->must = read_strings(compile, &must, NULL, NULL);
	rule->once_per = read_once_per(compile, &once_per);
}

void read_messages(struct compile *compile, const struct place *at, struct policy *policy)
{
	size_t count = read_list(compile, at);
	struct message_rule *rules = arena_zero(compile->arena, (count + 1) * sizeof(*rules));

	check_names(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_message(compile, &element, &rules[i]);
	}
	policy->messages = rules;
	policy->message_count = count;
}

static void read_programme(struct compile *compile, const struct place *at, struct programme *programme)
{
	static const char *const members[] = { "!name", "!kind", "on", "audience", "delay", "to", "exclude", "form",
					       "respond_within", "missed", "then", "~every", "~from", "~until", "~per",
					       "~approver", "~share", "~departments", "~adapt", "~rules", "~once_a", NULL };
	static const char *const kinds[] = { "survey", "followup", "visit", "grading", "audit", "drill", "report", "plan",
					     "training", "review", NULL };
	static const struct words words_programme = { "kind of programme", kinds, NULL };
	struct place name = place_member(at, "name");
	struct place kind = place_member(at, "kind");
	struct place on = place_member(at, "on");
	struct place audience = place_member(at, "audience");
	struct place delay = place_member(at, "delay");
	struct place to = place_member(at, "to");
	struct place exclude = place_member(at, "exclude");
	struct place form = place_member(at, "form");
	struct place respond = place_member(at, "respond_within");
	struct place missed = place_member(at, "missed");
	struct place then = place_member(at, "then");
	struct str word;

	if (!read_object(compile, at, members))
		return;
	programme->name = read_name(compile, &name);
	word = read_word(compile, &kind, &words_programme);
	programme->type = str_is(word, "followup") ? PROGRAMME_FOLLOWUP : PROGRAMME_SURVEY;
	if (word.p && !str_is(word, "survey") && !str_is(word, "followup"))
		complain(compile, &kind, "this version of Aftercare does not carry out \"%.*s\" yet", STR_ARG(word));
	else if (!on.value)
		complain(compile, at, "\"on\" is missing: the fact that it follows");
	programme->on = read_word(compile, &on, &words_fact);
	programme->match = read_match(compile, &audience);
	(void)read_duration(compile, &delay, &programme->delay);
	programme->to = programme->type == PROGRAMME_FOLLOWUP ? STR("csr") : STR("customer");
	if (to.value) {
		programme->to = read_text(compile, &to);
		if (programme->to.n > 0)
			check_recipient(compile, &to, NULL);
	}
	programme->exclude_owner = json_is_string(exclude.value) && strcmp(json_string_value(exclude.value), "owner") == 0;
	if (exclude.value && !programme->exclude_owner)
		complain(compile, &exclude, "only \"owner\" can be excluded");
	programme->form = form.value ? read_name(compile, &form) : STR_NONE;
	programme->has_respond_within = read_duration(compile, &respond, &programme->respond_within);
	programme->unreturned = read_actions(compile, &missed);
	only_actions(compile, &missed, programme->unreturned, true);
	if (missed.value && !respond.value)
		complain(compile, &missed, "\"missed\" goes with \"respond_within\"");
	programme->then = read_rules(compile, &then, "survey.scored", &programme->then_count);
}

void read_programmes(struct compile *compile, const struct place *at, struct policy *policy)
{
	size_t count = read_list(compile, at);
	struct programme *programmes = arena_zero(compile->arena, (count + 1) * sizeof(*programmes));

	check_names(compile, at);
	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_programme(compile, &element, &programmes[i]);
	}
	policy->programmes = programmes;
	policy->programme_count = count;
}
