/* A ticket's clocks: what a fact of sla makes of them, what they say of the ticket, and the text that is stored of them. */
#include "services/reporting/reporting.h"

#include <string.h>

static const struct str clock_states[CLOCK_STATES] = {
	[CLOCK_RUNNING] = { "running", 7 }, [CLOCK_PAUSED] = { "paused", 6 }, [CLOCK_BREACHED] = { "breached", 8 },
	[CLOCK_MET] = { "met", 3 }, [CLOCK_LATE] = { "met", 3 }, [CLOCK_CORRECTED] = { "corrected", 9 },
	[CLOCK_CANCELLED] = { "cancelled", 9 },
};
static const char clock_letters[CLOCK_STATES] = {
	[CLOCK_RUNNING] = 'r', [CLOCK_PAUSED] = 'p', [CLOCK_BREACHED] = 'b', [CLOCK_MET] = 'm', [CLOCK_LATE] = 'l',
	[CLOCK_CORRECTED] = 'c', [CLOCK_CANCELLED] = 'x',
};

struct str reporting_clock_state_name(enum reporting_clock_state state)
{
	return clock_states[state];
}

static bool has_ended(const struct reporting_clock *clock)
{
	return clock->state >= CLOCK_MET;
}

struct reporting_clock *reporting_clock_find(struct reporting_ticket *ticket, const struct reporting_fact *fact)
{
	for (size_t i = 0; i < ticket->clock_count; i++) {
		struct reporting_clock *clock = &ticket->clocks[i];

		if (clock->number == fact->number && str_eq(clock->name, fact->clock) && str_eq(clock->policy, fact->policy))
			return clock;
	}
	return NULL;
}

bool reporting_clock_drop(struct reporting_ticket *ticket, struct reporting_clock *ret_dropped)
{
	size_t i = 0;

	if (ticket->clock_count < REPORTING_CLOCKS_MAX)
		return false;
	while (i < ticket->clock_count && !has_ended(&ticket->clocks[i]))
		i++;
	i = i < ticket->clock_count ? i : 0;
	*ret_dropped = ticket->clocks[i];
	memmove(&ticket->clocks[i], &ticket->clocks[i + 1], (--ticket->clock_count - i) * sizeof(*ticket->clocks));
	return true;
}

static struct reporting_clock *clock_add(struct reporting_ticket *ticket, struct arena *arena)
{
	if (!ticket->clocks)
		ticket->clocks = arena_alloc(arena, REPORTING_CLOCKS_MAX * sizeof(*ticket->clocks));
	return &ticket->clocks[ticket->clock_count++];
}

void reporting_clock_lay(struct reporting_ticket *ticket, const struct reporting_fact *fact, struct arena *arena)
{
	struct reporting_clock *clock = reporting_clock_find(ticket, fact);

	if (fact->type == FACT_SLA_STARTED) {
		if (!clock)
			clock = clock_add(ticket, arena);
		*clock = (struct reporting_clock){ .name = fact->clock, .policy = fact->policy, .number = fact->number,
						   .state = CLOCK_RUNNING, .started_at = fact->started_at, .due_at = fact->due_at,
						   .ended_at = INSTANT_NONE };
		return;
	}
	if (!clock)
		return;
	if (fact->due_at != INSTANT_NONE)
		clock->due_at = fact->due_at;
	switch (fact->type) {
	case FACT_SLA_PAUSED:
		clock->state = CLOCK_PAUSED;
		break;
	case FACT_SLA_RESUMED:
		clock->state = CLOCK_RUNNING;
		break;
	case FACT_SLA_BREACHED:
		clock->state = CLOCK_BREACHED;
		break;
	case FACT_SLA_MET:
		clock->state = fact->late || clock->state == CLOCK_BREACHED ? CLOCK_LATE : CLOCK_MET;
		clock->ended_at = fact->met_at;
		break;
	case FACT_SLA_CORRECTED:
		clock->state = CLOCK_CORRECTED;
		clock->ended_at = fact->met_at;
		break;
	case FACT_SLA_CANCELLED:
		clock->state = CLOCK_CANCELLED;
		clock->ended_at = fact->at;
		break;
	default:
		break;
	}
}

bool reporting_is_overdue(const struct reporting_ticket *ticket)
{
	for (size_t i = 0; i < ticket->clock_count; i++)
		if (ticket->clocks[i].state == CLOCK_BREACHED)
			return true;
	return false;
}

instant reporting_next_due(const struct reporting_ticket *ticket)
{
	instant next = INSTANT_NONE;

	for (size_t i = 0; i < ticket->clock_count; i++) {
		const struct reporting_clock *clock = &ticket->clocks[i];

		if (clock->state == CLOCK_RUNNING && (next == INSTANT_NONE || clock->due_at < next))
			next = clock->due_at;
	}
	return next;
}

/* A line a clock: policy, name, number, state, started, due, ended; instants in microseconds, "-" for none. */
struct str reporting_clocks_pack(const struct reporting_ticket *ticket, struct arena *arena)
{
	struct buf text = { 0 };
	struct str packed;

	if (ticket->clock_count == 0)
		return STR_NONE;
	for (size_t i = 0; i < ticket->clock_count; i++) {
		const struct reporting_clock *clock = &ticket->clocks[i];

		if (i)
			buf_char(&text, '\n');
		buf_str(&text, clock->policy);
		buf_char(&text, '\t');
		buf_str(&text, clock->name);
		buf_char(&text, '\t');
		buf_int(&text, clock->number);
		buf_char(&text, '\t');
		buf_char(&text, clock_letters[clock->state]);
		const instant times[] = { clock->started_at, clock->due_at, clock->ended_at };
		for (size_t t = 0; t < array_count(times); t++) {
			buf_char(&text, '\t');
			if (times[t] == INSTANT_NONE)
				buf_char(&text, '-');
			else
				buf_int(&text, times[t]);
		}
	}
	packed = str_copy(arena, buf_view(&text));
	buf_done(&text);
	return packed;
}

static instant unpack_time(struct str *line)
{
	int64_t time = INSTANT_NONE;

	(void)str_int64(str_cut(line, '\t'), &time);
	return time;
}

void reporting_clocks_unpack(struct reporting_ticket *ticket, struct str text, struct arena *arena)
{
	ticket->clock_count = 0;
	ticket->clocks = NULL;
	if (!text.n)
		return;
	ticket->clocks = arena_alloc(arena, REPORTING_CLOCKS_MAX * sizeof(*ticket->clocks));
	while (text.p && ticket->clock_count < REPORTING_CLOCKS_MAX) {
		struct str line = str_cut(&text, '\n');
		struct reporting_clock *clock = &ticket->clocks[ticket->clock_count++];
		int64_t number = 0;
		struct str letter;
		const char *found;

		*clock = (struct reporting_clock){ .policy = str_cut(&line, '\t') };
		clock->name = str_cut(&line, '\t');
		(void)str_int64(str_cut(&line, '\t'), &number);
		clock->number = (int32_t)number;
		letter = str_cut(&line, '\t');
		found = letter.n == 1 ? memchr(clock_letters, *letter.p, CLOCK_STATES) : NULL;
		clock->state = found ? (enum reporting_clock_state)(found - clock_letters) : CLOCK_CANCELLED;
		clock->started_at = unpack_time(&line);
		clock->due_at = unpack_time(&line);
		clock->ended_at = unpack_time(&line);
	}
}
