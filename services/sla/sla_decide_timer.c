/* What the passing of time does to the clocks of a ticket: warnings and breaches, and when their timers are to fire.
 *
 * Pure like the rest of the decisions. A timer is only a call to look: whether a clock is due is judged here again, so
 * one that fires too early, twice or for a clock that has ended does nothing. */
#include "services/sla/sla.h"

void sla_overdue(struct sla_case *c, instant now)
{
	for (size_t i = 0; i < c->clock_count; i++)
		if (c->clocks[i].state == SLA_RUNNING && now > c->clocks[i].due_at)
			sla_breach(c, &c->clocks[i], now);
}

/* Open time from start to due, pauses left out. */
static int64_t limit_of(const struct sla_clock *clock)
{
	return calendar_elapsed(clock->calendar, clock->started_at, clock->due_at) - clock->paused_us;
}

/* The instant at which only so much of the clock's time is left; never before it started. */
static instant left_at(const struct sla_clock *clock, int64_t left_us)
{
	int64_t whole = calendar_elapsed(clock->calendar, clock->started_at, clock->due_at);

	return calendar_due(clock->calendar, clock->started_at, whole - left_us);
}

/* "before": hours are open time, days and months of the civil calendar, as in a limit. */
static instant ahead_of(const struct sla_clock *clock, struct duration before, int64_t zone_offset_us)
{
	struct duration civil = { .months = -before.months, .us = -before.days * DAY };
	int64_t open = before.us + civil.us;

	return instant_add(open > 0 ? left_at(clock, open) : clock->due_at, civil, zone_offset_us);
}

instant sla_timer_due(const struct sla_case *c, const struct sla_clock *clock, int32_t warning)
{
	const struct clock_rule *rule = sla_rule_of(c, clock);
	const struct clock_warning *at;
	instant due;

	if (clock->state != SLA_RUNNING || clock->due_at == SLA_NEVER)
		return INSTANT_NONE;
	if (warning < 0)
		return clock->due_at < INT64_MAX ? clock->due_at + 1 : clock->due_at;
	if ((size_t)warning >= rule->warning_count || warning > 30 || clock->warned & 1 << warning)
		return INSTANT_NONE;
	at = &rule->warnings[warning];
	if (at->percent > 0)
		due = left_at(clock, (int64_t)((double)limit_of(clock) * (100 - at->percent) / 100));
	else
		due = ahead_of(clock, at->before, c->policies[clock->policy]->zone_offset_us);
	return due <= clock->due_at ? due : INSTANT_NONE;
}

static int32_t percent_at(const struct sla_clock *clock, instant at)
{
	int64_t whole = limit_of(clock);
	int64_t left = calendar_elapsed(clock->calendar, at, clock->due_at);
	double share = whole > 0 ? 100.0 * (double)(whole - left) / (double)whole : 100;

	return share < 0 ? 0 : share > 100 ? 100 : (int32_t)(share + 0.5);
}

void sla_fire(struct sla_case *c, uint32_t i, int32_t warning, instant now)
{
	struct sla_clock *clock = &c->clocks[i];
	instant due = sla_timer_due(c, clock, warning);

	if (due == INSTANT_NONE)
		return;
	if (now < due) {
		clock->retime = true;
		return;
	}
	if (warning < 0) {
		sla_breach(c, clock, now);
		return;
	}
	/* Too late to warn: what comes next is the breach. */
	if (now > clock->due_at)
		return;
	clock->warned |= 1 << warning;
	sla_say(c, SLA_FACT_WARNED, clock, now)->percent = percent_at(clock, due);
}
