/* Tallies, windows and buckets: where a fact is counted, and what a window says when all lanes have been added up.
 *
 * Windows are cut by the time at which a fact was decided (the system's clock), never by when it happened: a window that was
 * closed stays as it is. What comes later than its window is counted in the first one that is still open. */
#include "services/reporting/reporting.h"

#include <stdlib.h>

#define NAN_VALUE __builtin_nan("")
#define SUB_BITS 4                    /* 16 buckets per doubling */
#define TENTH (100 * MILLISECOND)

static const char *const counter_names[COUNT_MAX] = {
#define X(name, text, by) [COUNT_##name] = text,
	REPORTING_COUNTERS(X)
#undef X
};

static const char *const counter_dimensions[COUNT_MAX] = {
#define X(name, text, by) [COUNT_##name] = by,
	REPORTING_COUNTERS(X)
#undef X
};

const struct reporting_metric reporting_metrics[] = {
	{ "tickets_registered", METRIC_COUNTER, { COUNT_REGISTERED, COUNT_MAX } },
	{ "tickets_assigned", METRIC_COUNTER, { COUNT_ASSIGNED, COUNT_MAX } },
	{ "tickets_replied", METRIC_COUNTER, { COUNT_REPLIED, COUNT_MAX } },
	{ "tickets_contacted", METRIC_COUNTER, { COUNT_CONTACTED, COUNT_MAX } },
	{ "tickets_arrived", METRIC_COUNTER, { COUNT_ARRIVED, COUNT_MAX } },
	{ "tickets_resolved", METRIC_COUNTER, { COUNT_RESOLVED, COUNT_MAX } },
	{ "tickets_confirmed", METRIC_COUNTER, { COUNT_CONFIRMED, COUNT_MAX } },
	{ "tickets_closed", METRIC_COUNTER, { COUNT_CLOSED, COUNT_MAX } },
	{ "tickets_reopened", METRIC_COUNTER, { COUNT_REOPENED, COUNT_MAX } },
	{ "tickets_cancelled", METRIC_COUNTER, { COUNT_CANCELLED, COUNT_MAX } },
	{ "tickets_rejected", METRIC_COUNTER, { COUNT_REJECTED, COUNT_MAX } },
	{ "sla_started", METRIC_COUNTER, { COUNT_SLA_STARTED, COUNT_MAX } },
	{ "sla_warned", METRIC_COUNTER, { COUNT_SLA_WARNED, COUNT_MAX } },
	{ "sla_breached", METRIC_COUNTER, { COUNT_SLA_BREACHED, COUNT_MAX } },
	{ "sla_met", METRIC_COUNTER, { COUNT_SLA_MET, COUNT_MAX } },
	{ "sla_corrected", METRIC_COUNTER, { COUNT_SLA_CORRECTED, COUNT_MAX } },
	{ "sla_cancelled", METRIC_COUNTER, { COUNT_SLA_CANCELLED, COUNT_MAX } },
	{ "clocks_in_time", METRIC_COUNTER, { COUNT_IN_TIME, COUNT_MAX } },
	{ "clocks_late", METRIC_COUNTER, { COUNT_LATE, COUNT_MAX } },
	{ "messages_requested", METRIC_COUNTER, { COUNT_MESSAGES_REQUESTED, COUNT_MAX } },
	{ "messages_sent", METRIC_COUNTER, { COUNT_MESSAGES_SENT, COUNT_MAX } },
	{ "messages_failed", METRIC_COUNTER, { COUNT_MESSAGES_FAILED, COUNT_MAX } },
	{ "messages_suppressed", METRIC_COUNTER, { COUNT_MESSAGES_SUPPRESSED, COUNT_MAX } },
	{ "surveys_sent", METRIC_COUNTER, { COUNT_SURVEYS_SENT, COUNT_MAX } },
	{ "surveys_scored", METRIC_COUNTER, { COUNT_SURVEYS_SCORED, COUNT_MAX } },
	{ "surveys_unreturned", METRIC_COUNTER, { COUNT_SURVEYS_UNRETURNED, COUNT_MAX } },
	{ "tickets_open", METRIC_LEVEL, { COUNT_OPEN_STATE, COUNT_OPEN_SEVERITY } },
	{ "tickets_overdue", METRIC_LEVEL, { COUNT_OVERDUE, COUNT_MAX } },
	{ "tickets_unassignable", METRIC_LEVEL, { COUNT_UNASSIGNABLE, COUNT_MAX } },
	{ "clocks_running", METRIC_LEVEL, { COUNT_RUNNING, COUNT_MAX } },
	{ "clocks_due_next_hour", METRIC_LEVEL, { COUNT_MAX, COUNT_MAX } },
	{ "time_to_assign", METRIC_DURATION, { COUNT_TO_ASSIGN, COUNT_MAX } },
	{ "time_to_reply", METRIC_DURATION, { COUNT_TO_REPLY, COUNT_MAX } },
	{ "time_to_resolve", METRIC_DURATION, { COUNT_TO_RESOLVE, COUNT_MAX } },
	{ "in_time_percent", METRIC_RATIO, { COUNT_IN_TIME, COUNT_LATE } },
	{ "satisfied_percent", METRIC_RATIO, { COUNT_SURVEYS_SCORED, COUNT_MAX } },
	{ NULL, METRIC_COUNTER, { COUNT_MAX, COUNT_MAX } }
};

const char *reporting_counter_name(enum reporting_counter counter)
{
	return counter_names[counter];
}

const char *reporting_counter_dimension(enum reporting_counter counter)
{
	return counter_dimensions[counter];
}

enum reporting_counter reporting_counter_of(struct str name)
{
	int counter = 0;

	while (counter < COUNT_MAX && !str_is(name, counter_names[counter]))
		counter++;
	return (enum reporting_counter)counter;
}

bool reporting_is_level(enum reporting_counter counter)
{
	return counter >= COUNT_OPEN_STATE && counter <= COUNT_RUNNING;
}

instant reporting_window_of(instant at, int64_t window)
{
	instant rest = at % window;

	return at - (rest < 0 ? rest + window : rest);
}

/* ---- tallies ---- */

static struct reporting_sum *sum_of(struct reporting_tally *tally, enum reporting_counter counter, struct str label, instant at)
{
	/* A few dozen at most: what a batch counts is of few kinds. */
	for (size_t i = 0; i < tally->sum_count; i++) {
		struct reporting_sum *sum = &tally->sums[i];

		if (sum->counter == counter && sum->at == at && str_eq(sum->label, label))
			return sum;
	}
	arena_grow(tally->arena, &tally->sums, &tally->sum_capacity, tally->sum_count + 1, sizeof(*tally->sums));
	tally->sums[tally->sum_count] = (struct reporting_sum){ .at = at, .counter = counter, .label = label };
	return &tally->sums[tally->sum_count++];
}

void reporting_count(struct reporting_tally *tally, enum reporting_counter counter, struct str label, instant decided_at, int64_t value)
{
	instant at;

	/* Counting began later: a level is the sum of all that ever moved it, a counter is of its window. */
	if (decided_at < tally->counted_from && !reporting_is_level(counter))
		return;
	at = reporting_window_of(decided_at < tally->now ? decided_at : tally->now, tally->window);
	if (at < tally->open_from)
		at = tally->open_from;
	sum_of(tally, counter, label.p ? label : STR(""), at)->value += value;
}

void reporting_count_duration(struct reporting_tally *tally, enum reporting_counter counter, instant decided_at, int64_t us)
{
	int bucket;

	if (us < 0)
		us = 0;
	bucket = reporting_bucket(us);
	reporting_count(tally, counter, str_format(tally->arena, "%d", bucket), decided_at, 1);
	reporting_count(tally, counter, STR("sum"), decided_at, us / MILLISECOND);
}

void reporting_count_due(struct reporting_tally *tally, instant due_at, int64_t clocks)
{
	instant at = reporting_window_of(due_at, MINUTE);

	for (size_t i = 0; i < tally->due_count; i++) {
		if (tally->dues[i].at != at)
			continue;
		tally->dues[i].clocks += clocks;
		return;
	}
	arena_grow(tally->arena, &tally->dues, &tally->due_capacity, tally->due_count + 1, sizeof(*tally->dues));
	tally->dues[tally->due_count++] = (struct reporting_due){ at, clocks };
}

static int compare_sums(const void *a, const void *b)
{
	const struct reporting_sum *left = a, *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	if (left->counter != right->counter)
		return left->counter < right->counter ? -1 : 1;
	return str_cmp(left->label, right->label);
}

static int compare_dues(const void *a, const void *b)
{
	const struct reporting_due *left = a, *right = b;

	return left->at < right->at ? -1 : left->at > right->at;
}

void reporting_tally_settle(struct reporting_tally *tally)
{
	size_t kept = 0;

	for (size_t i = 0; i < tally->sum_count; i++)
		if (tally->sums[i].value != 0)
			tally->sums[kept++] = tally->sums[i];
	tally->sum_count = kept;
	if (kept)
		qsort(tally->sums, kept, sizeof(*tally->sums), compare_sums);
	kept = 0;
	for (size_t i = 0; i < tally->due_count; i++)
		if (tally->dues[i].clocks != 0)
			tally->dues[kept++] = tally->dues[i];
	tally->due_count = kept;
	if (kept)
		qsort(tally->dues, kept, sizeof(*tally->dues), compare_dues);
}

/* ---- durations ---- */

int reporting_bucket(int64_t us)
{
	uint64_t tenths = (uint64_t)(us + TENTH / 2) / TENTH;
	int octave;

	if (tenths < 1u << SUB_BITS)
		return (int)tenths;
	octave = 63 - __builtin_clzll(tenths) - SUB_BITS;
	octave = octave < REPORTING_BUCKETS / 16 - 1 ? octave : REPORTING_BUCKETS / 16 - 2;
	return ((octave + 1) << SUB_BITS) + (int)((tenths >> octave) & 15);
}

double reporting_bucket_middle(int bucket)
{
	int octave = bucket / 16 - 1;
	double low;

	if (octave < 0)
		return bucket / 10.0;
	low = (double)((uint64_t)(16 + bucket % 16) << octave);
	return (low + (double)((UINT64_C(1) << octave) - 1) / 2) / 10.0;
}

double reporting_percentile(const int64_t buckets[static REPORTING_BUCKETS], double percent)
{
	int64_t total = 0, below = 0, rank;

	for (int i = 0; i < REPORTING_BUCKETS; i++)
		total += buckets[i];
	if (total <= 0)
		return NAN_VALUE;
	/* The smallest value that so many percent do not exceed. */
	rank = (int64_t)((double)total * percent / 100);
	if ((double)rank < (double)total * percent / 100 || rank == 0)
		rank++;
	for (int i = 0; i < REPORTING_BUCKETS; i++) {
		below += buckets[i];
		if (below >= rank)
			return reporting_bucket_middle(i);
	}
	return NAN_VALUE;
}

/* ---- windows ---- */

const struct reporting_sum *reporting_window_sums(const struct reporting_window *window, enum reporting_counter counter, size_t *ret_count)
{
	size_t i = 0, n = 0;

	while (i < window->sum_count && window->sums[i].counter != counter)
		i++;
	while (i + n < window->sum_count && window->sums[i + n].counter == counter)
		n++;
	*ret_count = n;
	return n ? &window->sums[i] : NULL;
}

int64_t reporting_window_total(const struct reporting_window *window, enum reporting_counter counter)
{
	size_t count;
	const struct reporting_sum *sums = reporting_window_sums(window, counter, &count);
	int64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += sums[i].value;
	return total;
}
