/* The section "messages": who is told what on which fact. Templates are named here and looked up by notification. */
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
