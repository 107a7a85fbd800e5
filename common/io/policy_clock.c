/* The section "clocks": what starts, stops and limits a clock.
 *
 * The names that regulations use for events ("received", "reply.sent") are turned into facts of the ticket log here, by the
 * table of the public contract. Must refuse every kind of clock that sla does not carry out yet. */
#include <string.h>

#include "common/base/desk.h"
#include "common/io/policy_inner.h"

/* What an event name implies beyond the fact. */
enum implied { NOTHING, NOT_AUTOMATIC, COMPLAINT };

static const struct {
	const char *event, *fact;
	enum implied implied;
} events[] = {
	{ "received", "ticket.registered", NOTHING },
	{ "reply.sent", "ticket.replied", NOT_AUTOMATIC },
	{ "investigation.started", "ticket.assigned", COMPLAINT },
	{ "acceptance.passed", "ticket.confirmed", NOTHING },
	{ "acceptance.failed", "ticket.reopened", NOTHING },
	{ "solution.sent", "ticket.solution_sent", NOTHING },
	{ "spare.issued", "ticket.spare_issued", NOTHING },
	{ "install.done", "ticket.installed", NOTHING },
};
/* The fact of a ticket, or the event of the desk, that an event name stands for; absent when it is none. */
static struct str find_event(struct compile *compile, struct str event, enum implied *ret_implied)
{
	struct str fact;
	char *p;

	*ret_implied = NOTHING;
	for (size_t i = 0; i < array_count(events); i++)
		if (str_is(event, events[i].event)) {
			*ret_implied = events[i].implied;
			return str_of(events[i].fact);
		}
	if (words_have(compile, &words_fact, event) || desk_event_of(event))
		return event;
	/* "return.done" -> ticket.return_done, "assigned" -> ticket.assigned */
	fact = str_format(compile->arena, "ticket.%.*s", STR_ARG(event));
	p = memchr(fact.p + sizeof("ticket"), '.', fact.n - sizeof("ticket"));
	if (p)
		*p = '_';
	return words_have(compile, &words_fact, fact) ? fact : STR_NONE;
}

/* The event name that may have been meant; NULL when none is near. */
static const char *near_event(struct compile *compile, struct str event)
{
	size_t count = 0;
	size_t things = 0;
	const char **names;
	size_t used = 0;

	while (words_fact.items[count])
		count++;
	while (desk_events[things].name)
		things++;
	names = arena_zero(compile->arena, (count + things + array_count(events) + 1) * sizeof(*names));
	for (size_t i = 0; i < things; i++)
		names[used++] = desk_events[i].name;
	for (size_t i = 0; i < array_count(events); i++)
		names[used++] = events[i].event;
	for (size_t i = 0; i < count; i++)
		if (str_starts(str_of(words_fact.items[i]), STR("ticket.")))
			names[used++] = words_fact.items[i] + sizeof("ticket");
	return near_word(names, event);
}

static struct str fact_of_event(struct compile *compile, const struct place *at, struct str event,
				enum implied *ret_implied)
{
	struct str fact = find_event(compile, event, ret_implied);
	const char *near;

	near = fact.p ? NULL : near_event(compile, event);
	if (near)
		complain(compile, at, "\"%.*s\" is no event that a clock can name (did you mean %s?)", STR_ARG(event),
			 near);
	else if (!fact.p)
		complain(compile, at, "\"%.*s\" is no event that a clock can name", STR_ARG(event));
	return fact;
}

static void read_event(struct compile *compile, const struct place *at, bool automatic_counts, struct trigger *trigger)
{
	struct str event = read_text(compile, at);
	struct match implied_match = { 0 };
	enum implied implied;

	if (event.n == 0)
		return;
	trigger->type = TRIGGER_EVENT;
	trigger->fact = fact_of_event(compile, at, event, &implied);
	if (implied == NOT_AUTOMATIC && !automatic_counts)
		implied_match = match_of(compile, "event.automatic", (struct value){ .type = VALUE_BOOL, .boolean = true },
					 true);
	else if (implied == COMPLAINT)
		implied_match = match_of(compile, "kind",
					 (struct value){ .type = VALUE_STRING, .string = STR("complaint") }, false);
	trigger->match = match_join(compile, &trigger->match, &implied_match);
}

static struct trigger read_trigger(struct compile *compile, const struct place *at, bool automatic_counts, int depth)
{
	static const char *const members[] = { "all", "any", "event", "match", NULL };
	struct trigger trigger = { 0 };
	struct place all = place_member(at, "all");
	struct place any = place_member(at, "any");
	struct place event = place_member(at, "event");
	struct place match = place_member(at, "match");
	const struct place *list = all.value ? &all : &any;
	struct trigger *parts;

	if (!present(at))
		return trigger;
	if (json_is_string(at->value)) {
		read_event(compile, at, automatic_counts, &trigger);
		return trigger;
	}
	if (!read_object(compile, at, members))
		return trigger;
	if (!all.value + !any.value + !event.value != 2 || depth > MATCH_DEPTH_MAX) {
		complain(compile, at, "an event name, or one of {\"event\": ...}, {\"all\": [...]}, {\"any\": [...]}");
		return trigger;
	}
	if (event.value) {
		trigger.match = read_match(compile, &match);
		read_event(compile, &event, automatic_counts, &trigger);
		return trigger;
	}
	if (match.value)
		complain(compile, &match, "\"match\" goes with \"event\"");
	trigger.type = all.value ? TRIGGER_ALL : TRIGGER_ANY;
	trigger.part_count = read_list(compile, list);
	if (trigger.part_count == 0)
		complain(compile, list, "a list of events belongs here");
	parts = arena_zero(compile->arena, (trigger.part_count + 1) * sizeof(*parts));
	for (size_t i = 0; i < trigger.part_count; i++) {
		struct place element = place_element(list, i);

		parts[i] = read_trigger(compile, &element, automatic_counts, depth + 1);
	}
	trigger.parts = parts;
	return trigger;
}

/* The kinds of thing that a trigger is about; "ticket" for facts of tickets. */
static void collect_subjects(const struct trigger *trigger, const char **subjects, size_t *count)
{
	const struct desk_event *event = trigger->fact.p ? desk_event_of(trigger->fact) : NULL;
	const char *subject = event ? event->kind : "ticket";

	for (size_t i = 0; i < trigger->part_count; i++)
		collect_subjects(&trigger->parts[i], subjects, count);
	if (!trigger->fact.p)
		return;
	for (size_t i = 0; i < *count; i++)
		if (strcmp(subjects[i], subject) == 0)
			return;
	if (*count < 2)
		subjects[(*count)++] = subject;
}

/* A clock belongs to one ticket or to one thing; its start says to which. */
static void read_subject(struct compile *compile, const struct place *at, struct clock_rule *clock)
{
	const struct trigger *triggers[] = { &clock->start, &clock->stop, &clock->cancel, &clock->restart_on };
	const char *subjects[2];
	size_t count = 0;

	for (size_t i = 0; i < array_count(triggers); i++)
		collect_subjects(triggers[i], subjects, &count);
	if (count > 1)
		complain(compile, at, "a clock runs for one %s or for one %s, never for both: its start, stop, cancel and "
			 "restart_on must all be about the same", subjects[0], subjects[1]);
	clock->desk = count > 0 && strcmp(subjects[0], "ticket") != 0;
	if (clock->desk && clock->pause_in)
		complain(compile, at, "only a ticket has states in which its clocks pause; this is a clock of a %s", subjects[0]);
}

/* {"event": "promised.until"}: the time that the starting event brings with it. */
static void read_event_limit(struct compile *compile, const struct place *at, const struct trigger *start,
			     struct limit *limit)
{
	struct str text = read_text(compile, at);
	struct str event = STR_NONE;
	struct str path = STR_NONE;
	const struct words *codes;
	enum implied implied;

	if (text.n == 0)
		return;
	for (size_t i = 1; i < text.n && !event.p; i++) {
		struct str head = { text.p, i };

		if (text.p[i] == '.' && start->fact.p && str_eq(find_event(compile, head, &implied), start->fact))
			event = head;
	}
	if (!event.p) {
		complain(compile, at, "\"%.*s\" must be EVENT.MEMBER of the event that starts the clock", STR_ARG(text));
		return;
	}
	path = str_format(compile->arena, "event.%.*s", (int)(text.n - event.n - 1), text.p + event.n + 1);
	if (!path_known(compile, at, path, &codes))
		return;
	limit->type = LIMIT_EVENT;
	limit->attribute = path_intern(compile, path);
}

/* {"count": 3, "of": "rings"}: the most of something that the stopping event tells. */
static void read_count_limit(struct compile *compile, const struct place *at, const struct place *count, struct limit *limit)
{
	struct place of = place_member(at, "of");
	struct str member = read_text(compile, &of), path;
	const struct words *codes;

	if (!count->value || member.n == 0) {
		complain(compile, at, "a duration, {\"event\": EVENT.MEMBER}, or {\"count\": N, \"of\": MEMBER} of the event that stops the clock");
		return;
	}
	limit->type = LIMIT_COUNT;
	limit->count = read_int(compile, count, 0, 0, INT32_MAX);
	limit->text = str_format(compile->arena, "%lld %.*s", (long long)limit->count, STR_ARG(member));
	path = str_format(compile->arena, "event.%.*s", STR_ARG(member));
	if (path_known(compile, &of, path, &codes))
		limit->attribute = path_intern(compile, path);
}

static void read_limit(struct compile *compile, const struct place *at, const struct trigger *start, struct limit *limit)
{
	static const char *const members[] = { "event", "count", "of", "~contract", NULL };
	struct place event = place_member(at, "event");
	struct place count = place_member(at, "count");

	if (!present(at))
		return;
	if (!json_is_object(at->value)) {
		limit->type = LIMIT_DURATION;
		limit->text = str_copy(compile->arena, str_of(json_string_value(at->value)));
		if (read_duration(compile, at, &limit->duration) && limit->duration.months == 0 &&
		    limit->duration.us == 0)
			complain(compile, at, "a limit of nothing: what must happen at once is no clock");
		return;
	}
	if (!read_object(compile, at, members))
		return;
	if (event.value)
		read_event_limit(compile, &event, start, limit);
	else if (count.value || json_object_get(at->value, "of") || json_object_size(at->value) == 0)
		read_count_limit(compile, at, &count, limit);
}

static bool read_percent(const char *text, int *ret)
{
	int64_t number;
	struct str s = str_of(text);

	if (!s.p || !str_ends(s, STR("%")))
		return false;
	s.n--;
	if (!str_int64(s, &number) || number < 1 || number > 99)
		return false;
	*ret = (int)number;
	return true;
}

static void read_warnings(struct compile *compile, const struct place *at, struct clock_rule *clock)
{
	static const char *const members[] = { "at", "before", NULL };
	size_t count = read_list(compile, at);
	struct clock_warning *warnings = arena_zero(compile->arena, (count + 1) * sizeof(*warnings));

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);
		struct place share = place_member(&element, "at");
		struct place before = place_member(&element, "before");

		if (!read_object(compile, &element, members))
			continue;
		if (!share.value == !before.value)
			complain(compile, &element, "one of \"at\": \"80%%\" and \"before\": \"PT30M\"");
		else if (before.value)
			(void)read_duration(compile, &before, &warnings[i].before);
		else if (!read_percent(json_string_value(share.value), &warnings[i].percent))
			complain(compile, &share, "a share of the limit is written \"80%%\"");
	}
	clock->warnings = warnings;
	clock->warning_count = count;
}

static struct actions read_actions_of(struct compile *compile, const struct place *at, const char *key)
{
	struct place member = place_member(at, key);

	return read_actions(compile, &member);
}

static void read_clock(struct compile *compile, const struct place *at, struct clock_rule *clock)
{
	static const char *const members[] = { "!name", "match", "!start", "!stop", "cancel", "restart_on", "!limit",
					       "calendar", "~zone", "pause_in", "warn", "on_warn", "on_breach",
					       "on_met", "auto_ack_counts", "~until", NULL };
	struct place name = place_member(at, "name");
	struct place match = place_member(at, "match");
	struct place limit = place_member(at, "limit");
	struct place warn = place_member(at, "warn");
	struct place calendar = place_member(at, "calendar");
	struct place counts = place_member(at, "auto_ack_counts");
	struct place pause_in = place_member(at, "pause_in");
	struct place on_met = place_member(at, "on_met");
	const struct {
		const char *key;
		struct trigger *trigger;
	} triggers[] = { { "start", &clock->start }, { "stop", &clock->stop }, { "cancel", &clock->cancel },
			 { "restart_on", &clock->restart_on } };
	bool automatic_counts;

	if (!read_object(compile, at, members))
		return;
	automatic_counts = read_bool(compile, &counts, false);
	clock->name = read_name(compile, &name);
	clock->match = read_match(compile, &match);
	for (size_t i = 0; i < array_count(triggers); i++) {
		struct place place = place_member(at, triggers[i].key);

		*triggers[i].trigger = read_trigger(compile, &place, automatic_counts, 0);
	}
	read_limit(compile, &limit, &clock->start, &clock->limit);
	clock->calendar = calendar.value ? read_calendar_name(compile, &calendar) : STR_NONE;
	if (json_array_size(pause_in.value) > 0 || json_is_string(pause_in.value))
		clock->pause_in = read_states(compile, &pause_in, NULL);
	if (clock->pause_in & STATE_BIT(STATE_WAITING_INTERNAL))
		complain(compile, &pause_in, "waiting inside the company pauses no clock (C090)");
	read_subject(compile, at, clock);
	read_warnings(compile, &warn, clock);
	if (clock->limit.type == LIMIT_COUNT && (clock->warning_count > 0 || clock->pause_in))
		complain(compile, at, "what is counted passes with no time: such a clock neither warns nor pauses");
	clock->on_warn = read_actions_of(compile, at, "on_warn");
	clock->on_breach = read_actions_of(compile, at, "on_breach");
	clock->on_met = read_actions_of(compile, at, "on_met");
	only_actions(compile, &on_met, clock->on_met, false);
}

/* One name may stand several times, but then with different conditions. */
static void check_clock_names(struct compile *compile, const struct place *at, const struct clock_rule *clocks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++) {
			struct place one = place_element(at, i);
			json_t *other = json_array_get(at->value, k);
			struct place name = place_member(&one, "name");

			if (name.value && json_equal(name.value, json_object_get(other, "name")) && clock_alternatives(&clocks[i], &clocks[k]) &&
			    (json_equal(json_object_get(one.value, "match"), json_object_get(other, "match")) ||
			     !json_object_get(other, "match"))) {
				complain(compile, &name,
					 "the name \"%s\" stands at %zu of this list already, which leaves this one nothing",
					 json_string_value(name.value), k);
				break;
			}
		}
}

void read_clocks(struct compile *compile, const struct place *at, struct policy *policy)
{
	size_t count = read_list(compile, at);
	struct clock_rule *clocks = arena_zero(compile->arena, (count + 1) * sizeof(*clocks));

	for (size_t i = 0; i < count; i++) {
		struct place element = place_element(at, i);

		read_clock(compile, &element, &clocks[i]);
		if (!clocks[i].calendar.p)
			clocks[i].calendar = policy->calendar;
	}
	check_clock_names(compile, at, clocks, count);
	policy->clocks = clocks;
	policy->clock_count = count;
}
