/* The windows on aftercare.metrics (I1): each once, one after the other without gap, and those of each length together, with what
 * is not published yet, are what the logs say. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"
#include "tests/support/history_inner.h"

/* Of one metric and one length. */
struct series {
	const char *metric;
	int64_t seconds;
	instant from, to;
	int64_t sum, last;            /* of the values; the last one */
};

struct windows {
	const struct history *history;
	struct report *report;
	struct series *series;
	size_t count, capacity;
};

static const char *const levels[][2] = {
	{ "tickets_open", "open_by_state" }, { "tickets_overdue", "tickets_overdue" }, { "tickets_unassignable", "tickets_unassignable" },
	{ "clocks_running", "clocks_running" },
};

static struct series *series_of(struct windows *windows, const char *metric, int64_t seconds)
{
	for (size_t i = 0; i < windows->count; i++)
		if (windows->series[i].seconds == seconds && strcmp(windows->series[i].metric, metric) == 0)
			return &windows->series[i];
	if (windows->count == windows->capacity) {
		windows->capacity = 2 * windows->capacity + 64;
		windows->series = realloc(windows->series, windows->capacity * sizeof(*windows->series));
	}
	windows->series[windows->count] = (struct series){ .metric = metric, .seconds = seconds, .from = INSTANT_NONE };
	return &windows->series[windows->count++];
}

/* A counter's and a level's value, how many samples a duration has; false: nothing that adds up. */
static bool value_of(const struct record *record, int64_t *ret)
{
	const char *type = record_text(record, "type");
	json_t *value = record_get(record, strcmp(type, "duration") == 0 ? "count" : "value");

	*ret = json_integer_value(value);
	return json_is_integer(value) && strcmp(type, "ratio") != 0;
}

/* What its labels say must add up to it. */
static void check_labels(struct windows *windows, const struct record *record, int64_t value)
{
	const char *dimension, *label;
	json_t *by, *count;

	json_object_foreach(record_get(record, "by"), dimension, by) {
		int64_t sum = 0;

		json_object_foreach(by, label, count)
			sum += json_integer_value(count);
		if (sum != value)
			report_add(windows->report, 1, NULL, "%s is %lld in the window from %s, and %lld by %s", record_text(record, "metric"),
				   (long long)value, record_text(record, "window.from"), (long long)sum, dimension);
	}
}

static void take(struct windows *windows, const struct record *record)
{
	const char *metric = record_text(record, "metric");
	struct series *series = series_of(windows, metric, (int64_t)record_number(record, "window.seconds"));
	instant from = record_time(record, "window.from"), to = record_time(record, "window.to");
	int64_t value;

	if (series->from == INSTANT_NONE)
		series->from = from;
	else if (from != series->to)
		report_add(windows->report, 1, NULL, "%s: the window of %lld s from %s does not begin where the one before ends", metric,
			   (long long)series->seconds, record_text(record, "window.from"));
	if (to - from != series->seconds * SECOND)
		report_add(windows->report, 1, NULL, "%s: the window from %s is no %lld s long", metric, record_text(record, "window.from"),
			   (long long)series->seconds);
	series->to = to;
	windows->report->looked[1]++;
	if (!value_of(record, &value))
		return;
	check_labels(windows, record, value);
	series->sum += value;
	series->last = value;
}

/* All metrics have the same windows: none lacks its first. */
static void check_begins(struct windows *windows)
{
	for (size_t i = 0; i < windows->count; i++)
		for (size_t j = 0; j < i; j++)
			if (windows->series[i].seconds == windows->series[j].seconds && windows->series[i].from != windows->series[j].from) {
				report_add(windows->report, 1, NULL, "%s and %s do not begin with the same window of %lld s",
					   windows->series[i].metric, windows->series[j].metric, (long long)windows->series[i].seconds);
				break;
			}
}

/* Up to where each length is published, and that this is where its windows end. */
static void check_published(struct windows *windows)
{
	json_t *row;
	size_t n;

	json_array_foreach(history_rows(windows->history, "reporting", "published"), n, row) {
		int64_t seconds = row_number(row, "seconds");

		for (size_t i = 0; i < windows->count; i++)
			if (windows->series[i].seconds == seconds && windows->series[i].to != row_time(row, "published_to"))
				report_add(windows->report, 1, NULL, "%s: windows of %lld s end elsewhere than reporting.published says",
					   windows->series[i].metric, (long long)seconds);
	}
	for (size_t i = 0; i < windows->count && n == 0; i++)
		report_add(windows->report, 1, NULL, "%s has windows, and reporting.published knows none", windows->series[i].metric);
}

/* Of a counter, over all lanes, in the rows of windows that are not published yet. */
static int64_t unpublished(const struct windows *windows, const char *name, instant from)
{
	int64_t sum = 0;
	json_t *row;
	size_t n;

	json_array_foreach(history_rows(windows->history, "reporting", "count"), n, row)
		if (strcmp(row_text(row, "name"), name) == 0 && strcmp(row_text(row, "label"), "sum") != 0 && row_time(row, "at") >= from)
			sum += row_number(row, "value");
	return sum;
}

static int64_t folded(const json_t *sums, const char *name)
{
	int64_t sum = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)sums, key, value) {
		const char *begin = strchr(key, ' ') + 1, *label = strchr(begin, ' ') + 1;

		if (strncmp(begin, name, strlen(name)) == 0 && begin[strlen(name)] == ' ' && strcmp(label, "sum") != 0)
			sum += json_integer_value(value);
	}
	return sum;
}

/* Whether all lanes count from where the windows begin. */
static bool is_whole(const struct windows *windows, const struct series *series)
{
	json_t *row;
	size_t n;

	json_array_foreach(history_rows(windows->history, "reporting", "lane"), n, row)
		if (row_time(row, "counted_from") != series->from)
			return false;
	return true;
}

static void check_sum(struct windows *windows, const struct series *series, const json_t *sums)
{
	const char *name = series->metric;
	bool level = false;
	int64_t found, wanted;

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (strcmp(levels[i][0], series->metric) == 0) {
			name = levels[i][1];
			level = true;
		}
	/* It looks ahead, it does not add up. */
	if (strcmp(name, "clocks_due_next_hour") == 0 || strstr(name, "_percent") || (!level && !is_whole(windows, series)))
		return;
	found = (level ? series->last : series->sum) + unpublished(windows, name, series->to);
	wanted = folded(sums, name);
	if (found != wanted)
		report_add(windows->report, 1, NULL, "%s: windows of %lld s and what is not published yet come to %lld, the logs say %lld", name,
			   (long long)series->seconds, (long long)found, (long long)wanted);
}

void history_check_windows(const struct history *history, struct report *report, const json_t *sums)
{
	struct windows windows = { .history = history, .report = report };

	for (size_t i = 0; i < history->record_count; i++)
		if (history->records[i]->topic == DESK_METRICS && !history->records[i]->repeat)
			take(&windows, history->records[i]);
	check_begins(&windows);
	check_published(&windows);
	for (size_t i = 0; i < windows.count; i++)
		check_sum(&windows, &windows.series[i], sums);
	free(windows.series);
}
