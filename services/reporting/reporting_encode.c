/* The two records that dashboards read: a ticket's snapshot and a window of a metric. Both are functions of what is stored, so
 * that whatever is said again is said in the same words. */
#include "services/reporting/reporting.h"

#include <math.h>
#include <stdio.h>

/* ---- snapshots ---- */

static void member_time(struct writer *writer, const char *key, instant at)
{
	if (at != INSTANT_NONE)
		write_member_instant(writer, key, at);
}

/* A number as a number: "2" of a fact's 2. */
static void member_number(struct writer *writer, const char *key, struct str value)
{
	int64_t number;

	if (str_int64(value, &number))
		write_member_int(writer, key, number);
	else
		write_member_if(writer, key, value);
}

static void write_words(struct writer *writer, const char *key, struct str text)
{
	write_key(writer, key);
	write_open(writer, '[');
	while (text.p) {
		struct str word = str_cut(&text, ' ');

		if (word.n)
			write_string(writer, word);
	}
	write_close(writer, ']');
}

static void write_policies(struct writer *writer, struct str text)
{
	write_key(writer, "policies");
	write_open(writer, '[');
	while (text.p) {
		struct str line = str_cut(&text, '\n');
		struct str id = str_cut(&line, ' ');

		if (!id.n)
			continue;
		write_open(writer, '{');
		write_member(writer, "id", id);
		member_number(writer, "version", line);
		write_close(writer, '}');
	}
	write_close(writer, ']');
}

static void write_clocks(struct writer *writer, const struct reporting_ticket *ticket)
{
	write_key(writer, "clocks");
	write_open(writer, '[');
	for (size_t i = 0; i < ticket->clock_count; i++) {
		const struct reporting_clock *clock = &ticket->clocks[i];

		write_open(writer, '{');
		write_member(writer, "name", clock->name);
		write_member(writer, "policy", clock->policy);
		write_member(writer, "state", reporting_clock_state_name(clock->state));
		write_member_instant(writer, "started_at", clock->started_at);
		write_member_instant(writer, "due_at", clock->due_at);
		member_time(writer, "ended_at", clock->ended_at);
		if (clock->state == CLOCK_MET || clock->state == CLOCK_LATE)
			write_member_bool(writer, "late", clock->state == CLOCK_LATE);
		write_close(writer, '}');
	}
	write_close(writer, ']');
}

static void write_seconds(struct writer *writer, const char *key, int64_t us)
{
	char text[40];

	snprintf(text, sizeof(text), us % SECOND ? "%lld.%03lld" : "%lld", (long long)(us / SECOND),
		 (long long)(us % SECOND / MILLISECOND));
	write_key(writer, key);
	write_raw(writer, str_of(text));
}

static void write_waiting(struct writer *writer, const struct reporting_ticket *ticket)
{
	write_key(writer, "waiting");
	write_open(writer, '{');
	if (ticket->waiting_since != INSTANT_NONE) {
		write_member(writer, "on", ticket->state == STATE_WAITING_CUSTOMER ? STR("customer") : STR("internal"));
		write_member_if(writer, "reason", ticket->waiting_reason);
		write_member_instant(writer, "since", ticket->waiting_since);
	}
	write_seconds(writer, "waited_s", ticket->waited_us);
	write_close(writer, '}');
}

static void write_product(struct writer *writer, const struct reporting_ticket *ticket)
{
	if (ticket->model.p || ticket->version.p) {
		write_key(writer, "product");
		write_open(writer, '{');
		write_member_if(writer, "model", ticket->model);
		write_member_if(writer, "version", ticket->version);
		write_close(writer, '}');
	}
	write_member_if(writer, "fault_type", ticket->fault_type);
	write_member_if(writer, "entitlement", ticket->entitlement);
	if (ticket->labour.p || ticket->parts.p) {
		write_key(writer, "charge");
		write_open(writer, '{');
		write_member_if(writer, "labour", ticket->labour);
		write_member_if(writer, "parts", ticket->parts);
		write_close(writer, '}');
	}
}

static void write_survey(struct writer *writer, const struct reporting_ticket *ticket)
{
	if (!ticket->score.p && !ticket->satisfied.p)
		return;
	write_key(writer, "survey");
	write_open(writer, '{');
	if (ticket->score.p) {
		write_key(writer, "score");
		write_raw(writer, ticket->score);
	}
	if (ticket->satisfied.p) {
		write_key(writer, "satisfied");
		write_raw(writer, ticket->satisfied);
	}
	write_close(writer, '}');
}

static void write_times(struct writer *writer, const struct reporting_ticket *ticket)
{
	write_member_instant(writer, "received_at", ticket->received_at);
	member_time(writer, "assigned_at", ticket->assigned_at);
	member_time(writer, "first_reply_at", ticket->replied_at);
	member_time(writer, "contacted_at", ticket->contacted_at);
	member_time(writer, "arrived_at", ticket->arrived_at);
	member_time(writer, "resolved_at", ticket->resolved_at);
	member_time(writer, "confirmed_at", ticket->confirmed_at);
	member_time(writer, "closed_at", ticket->closed_at);
}

struct str reporting_encode_ticket(struct buf *scratch, const struct reporting_ticket *ticket, struct arena *arena,
				   struct str *ret_content)
{
	struct writer writer = { .buf = scratch };
	bool open = state_is_open(ticket->state);
	struct str body;
	size_t content;

	buf_clear(scratch);
	write_open(&writer, '{');
	write_member(&writer, "ticket", ticket->id);
	write_member_int(&writer, "revision", ticket->revision);
	write_member(&writer, "state", state_name(ticket->state));
	write_member_bool(&writer, "open", open);
	write_member_if(&writer, "kind", ticket->kind);
	write_member_if(&writer, "severity", ticket->severity);
	member_number(&writer, "priority", ticket->priority);
	write_member_if(&writer, "mode", ticket->mode);
	write_member_if(&writer, "channel", ticket->channel);
	write_member_if(&writer, "owner", ticket->owner);
	write_member_if(&writer, "owner_role", ticket->owner_role);
	write_member_if(&writer, "department", ticket->department);
	write_member_bool(&writer, "unassignable", open && ticket->unassignable);
	write_member_bool(&writer, "overdue", open && reporting_is_overdue(ticket));
	member_time(&writer, "next_due_at", reporting_next_due(ticket));
	write_times(&writer, ticket);
	write_member_int(&writer, "reopened", ticket->reopened);
	write_words(&writer, "flags", ticket->flags);
	write_words(&writer, "missing", ticket->missing);
	write_waiting(&writer, ticket);
	write_member_if(&writer, "customer", ticket->customer);
	write_product(&writer, ticket);
	write_survey(&writer, ticket);
	write_policies(&writer, ticket->policies);
	write_clocks(&writer, ticket);
	content = scratch->n;
	write_member_instant(&writer, "updated_at", ticket->updated_at);
	write_close(&writer, '}');
	body = str_copy(arena, buf_view(scratch));
	if (ret_content)
		*ret_content = (struct str){ body.p, content };
	return body;
}

/* Several facts may be in it, so it has no one cause; and ids of claims and traces are made by others, with what in them? */
void reporting_emit_ticket(struct batch *batch, struct item *item, const struct reporting_ticket *ticket, struct str body)
{
	static const struct str none = { "", 0 };

	batch_emit(batch, item, &(struct outgoing){
		.topic = TOPIC_TICKET_STATE, .partition = batch->partition, .name = STR("ticket.snapshot"), .subject = ticket->id,
		.at = batch->now, .arrived = INSTANT_NONE, .revision = ticket->revision, .body = body, .cause_id = none,
		.cause_source = none, .traceparent = none, .tracestate = none,
	});
}

/* ---- windows ---- */

/* Three digits behind the point; null when there is nothing to be said. */
static void write_number(struct writer *writer, const char *key, double value)
{
	char text[48];

	write_key(writer, key);
	if (isnan(value)) {
		write_null(writer);
		return;
	}
	snprintf(text, sizeof(text), "%.3f", value);
	write_raw(writer, str_of(text));
}

static const char *label_key(struct str label, struct arena *arena)
{
	return label.n ? str_z(arena, label) : "none";
}

/* "by": {"channel": {"phone": 3}}: what is not named is 0. */
static void write_by(struct writer *writer, const struct reporting_window *window, enum reporting_counter counter, struct arena *arena)
{
	const char *dimension = counter == COUNT_MAX ? NULL : reporting_counter_dimension(counter);
	size_t count;
	const struct reporting_sum *sums;

	if (!dimension)
		return;
	sums = reporting_window_sums(window, counter, &count);
	write_key(writer, dimension);
	write_open(writer, '{');
	for (size_t i = 0; i < count; i++)
		write_member_int(writer, label_key(sums[i].label, arena), sums[i].value);
	write_close(writer, '}');
}

static void write_counted(struct writer *writer, const struct reporting_metric *metric, const struct reporting_window *window,
			  struct arena *arena)
{
	if (metric->of[0] == COUNT_MAX) {
		write_member_int(writer, "value", window->due_next_hour);
		return;
	}
	write_member_int(writer, "value", reporting_window_total(window, metric->of[0]));
	if (!reporting_counter_dimension(metric->of[0]))
		return;
	write_key(writer, "by");
	write_open(writer, '{');
	write_by(writer, window, metric->of[0], arena);
	write_by(writer, window, metric->of[1], arena);
	write_close(writer, '}');
}

static void write_duration(struct writer *writer, const struct reporting_metric *metric, const struct reporting_window *window)
{
	static const struct { const char *key; double percent; } marks[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 } };
	int64_t buckets[REPORTING_BUCKETS] = { 0 }, bucket, ms = 0, samples = 0;
	size_t count;
	const struct reporting_sum *sums = reporting_window_sums(window, metric->of[0], &count);
	double mean;

	for (size_t i = 0; i < count; i++) {
		if (str_is(sums[i].label, "sum")) {
			ms += sums[i].value;
		} else if (str_int64(sums[i].label, &bucket) && bucket >= 0 && bucket < REPORTING_BUCKETS) {
			buckets[bucket] += sums[i].value;
			samples += sums[i].value;
		}
	}
	mean = samples ? (double)ms / 1000 / (double)samples : NAN;
	write_number(writer, "value", mean);
	write_member(writer, "unit", STR("s"));
	write_member_int(writer, "count", samples);
	write_number(writer, "mean", mean);
	for (size_t i = 0; i < array_count(marks); i++)
		write_number(writer, marks[i].key, reporting_percentile(buckets, marks[i].percent));
}

static double percent(int64_t part, int64_t rest)
{
	return part + rest > 0 ? 100.0 * (double)part / (double)(part + rest) : NAN;
}

/* 0 when there is none. */
static int64_t sum_of(const struct reporting_window *window, enum reporting_counter counter, struct str label)
{
	size_t count;
	const struct reporting_sum *sums = reporting_window_sums(window, counter, &count);

	for (size_t i = 0; i < count; i++)
		if (str_eq(sums[i].label, label))
			return sums[i].value;
	return 0;
}

static void write_ratio_by(struct writer *writer, const struct reporting_metric *metric, const struct reporting_window *window,
			   struct arena *arena)
{
	size_t good_count, bad_count;
	const struct reporting_sum *good = reporting_window_sums(window, metric->of[0], &good_count);
	const struct reporting_sum *bad = reporting_window_sums(window, metric->of[1], &bad_count);

	write_key(writer, "by");
	write_open(writer, '{');
	write_key(writer, reporting_counter_dimension(metric->of[0]));
	write_open(writer, '{');
	for (size_t i = 0; i < good_count; i++)
		write_number(writer, label_key(good[i].label, arena),
			     percent(good[i].value, sum_of(window, metric->of[1], good[i].label)));
	for (size_t i = 0; i < bad_count; i++)
		if (sum_of(window, metric->of[0], bad[i].label) == 0)
			write_number(writer, label_key(bad[i].label, arena), percent(0, bad[i].value));
	write_close(writer, '}');
	write_close(writer, '}');
}

/* One side against the other, of a window: "yes" and "no" of one counter, or two counters. */
static void write_ratio(struct writer *writer, const struct reporting_metric *metric, const struct reporting_window *window,
			struct arena *arena)
{
	bool one = metric->of[1] == COUNT_MAX;
	int64_t good = one ? sum_of(window, metric->of[0], STR("yes")) : reporting_window_total(window, metric->of[0]);
	int64_t bad = one ? sum_of(window, metric->of[0], STR("no")) : reporting_window_total(window, metric->of[1]);

	write_number(writer, "value", percent(good, bad));
	write_member(writer, "unit", STR("%"));
	write_member_int(writer, "count", good + bad);
	if (!one)
		write_ratio_by(writer, metric, window, arena);
}

struct str reporting_encode_metric(struct buf *scratch, const struct reporting_metric *metric, const struct reporting_window *window,
				   struct arena *arena)
{
	static const struct str types[] = { [METRIC_COUNTER] = { "counter", 7 }, [METRIC_LEVEL] = { "level", 5 },
					    [METRIC_DURATION] = { "duration", 8 }, [METRIC_RATIO] = { "ratio", 5 } };
	struct writer writer = { .buf = scratch };

	buf_clear(scratch);
	write_open(&writer, '{');
	write_member(&writer, "metric", str_of(metric->name));
	write_member(&writer, "type", types[metric->type]);
	write_key(&writer, "window");
	write_open(&writer, '{');
	write_member_instant(&writer, "from", window->from);
	write_member_instant(&writer, "to", window->from + window->length);
	write_member_int(&writer, "seconds", window->length / SECOND);
	write_close(&writer, '}');
	if (metric->type == METRIC_DURATION)
		write_duration(&writer, metric, window);
	else if (metric->type == METRIC_RATIO)
		write_ratio(&writer, metric, window, arena);
	else
		write_counted(&writer, metric, window, arena);
	write_close(&writer, '}');
	return str_copy(arena, buf_view(scratch));
}
