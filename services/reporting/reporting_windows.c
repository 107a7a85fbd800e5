/* Windows: every lane closes its own, lane 0 adds up and publishes what all lanes have closed.
 *
 * A lane closes a window some time after its end (`grace`), and only when it has caught up with its log, so that a backlog is
 * counted where it belongs. Once closed_to is committed, no row before it changes: whoever sees it sees all of them. */
#include "services/reporting/reporting.h"

#include <stdlib.h>

/* Facts that were handled so lately, and are older than the window's end: there may be more of them. */
#define QUIET SECOND
#define AGAIN (250 * MILLISECOND)
/* Windows of one length in one transaction. */
#define PART 20

struct reporting_lane_memory *reporting_lane_memory(struct reporting *state, struct batch *batch)
{
	if (batch->partition >= state->lane_count) {
		int32_t count = batch->partition + 1;

		state->lanes = mem_resize(state->lanes, (size_t)count * sizeof(*state->lanes));
		for (int32_t i = state->lane_count; i < count; i++)
			state->lanes[i] = (struct reporting_lane_memory){ INSTANT_NONE, INSTANT_NONE };
		state->lane_count = count;
	}
	return &state->lanes[batch->partition];
}

static void set_timer(struct batch *batch, const char *kind, instant due)
{
	batch_timer_set(batch, NULL, &(struct timer){ .key = str_of(kind), .kind = str_of(kind), .due = due });
}

void reporting_windows_begin(struct reporting *state, struct batch *batch, const struct reporting_lane *lane)
{
	struct reporting_lane_memory *memory = reporting_lane_memory(state, batch);

	/* What comes first after a take may be old. */
	*memory = (struct reporting_lane_memory){ batch->now, INSTANT_NONE };
	set_timer(batch, "close", lane->closed_to + state->windows[0] + state->grace);
	if (batch->partition == 0)
		set_timer(batch, "publish", batch->now);
}

/* ---- closing ---- */

static bool has_caught_up(struct reporting *state, struct batch *batch, instant end)
{
	const struct reporting_lane_memory *memory = reporting_lane_memory(state, batch);

	if (memory->read_at == INSTANT_NONE)
		return false;
	return (memory->newest != INSTANT_NONE && memory->newest >= end) || batch->now - memory->read_at >= QUIET;
}

static void close_windows(struct reporting *state, struct batch *batch, struct reporting_lane *lane)
{
	instant end = reporting_window_of(batch->now - state->grace, state->windows[0]);
	struct db_params close = { .arena = batch->arena }, fold = { .arena = batch->arena }, prune = { .arena = batch->arena };
	int32_t *seconds = arena_alloc(batch->arena, state->window_count * sizeof(*seconds));

	if (end > lane->closed_to && !has_caught_up(state, batch, end)) {
		struct reporting_lane_memory *memory = reporting_lane_memory(state, batch);

		if (memory->read_at == INSTANT_NONE)
			memory->read_at = batch->now;
		set_timer(batch, "close", batch->now + AGAIN);
		return;
	}
	set_timer(batch, "close", (end > lane->closed_to ? end : lane->closed_to) + state->windows[0] + state->grace);
	if (end <= lane->closed_to)
		return;
	lane->closed_to = end;
	db_int4(&close, batch->partition);
	db_instant(&close, end);
	db_queue(batch->db, "reporting_lane_close", &close);
	for (size_t i = 0; i < state->window_count; i++)
		seconds[i] = (int32_t)(state->windows[i] / SECOND);
	db_int4(&fold, batch->partition);
	db_int4_array(&fold, seconds, state->window_count);
	db_queue(batch->db, "reporting_fold", &fold);
	db_int4(&prune, batch->partition);
	db_instant(&prune, end - HOUR);
	db_queue(batch->db, "reporting_due_prune", &prune);
	if (batch->partition == 0)
		set_timer(batch, "publish", batch->now);
}

/* ---- publishing ---- */

/* One length of window at work. */
struct cut {
	struct reporting *state;
	struct batch *batch;
	struct item *item;
	const int32_t *lanes;        /* all */
	size_t lane_count;
	int64_t length;
	instant from, to;            /* whole windows */
	struct reporting_sum *levels;
	size_t level_count, level_capacity;
	struct reporting_due *dues;
	size_t due_count;
};

static void span(const struct cut *cut, struct db_params *params, instant from, instant to)
{
	*params = (struct db_params){ .arena = cut->batch->arena };
	db_int4_array(params, cut->lanes, cut->lane_count);
	db_instant(params, from);
	if (to != INSTANT_NONE)
		db_instant(params, to);
}

/* The value of a level at the end of the window before, moved by what was counted since. */
static void level_move(struct cut *cut, const struct reporting_sum *moved)
{
	for (size_t i = 0; i < cut->level_count; i++) {
		if (cut->levels[i].counter != moved->counter || !str_eq(cut->levels[i].label, moved->label))
			continue;
		cut->levels[i].value += moved->value;
		return;
	}
	arena_grow(cut->batch->arena, &cut->levels, &cut->level_capacity, cut->level_count + 1, sizeof(*cut->levels));
	cut->levels[cut->level_count++] = *moved;
}

static struct reporting_sum read_sum(const struct cut *cut, const struct db_result *rows, size_t i, int column)
{
	return (struct reporting_sum){ .counter = reporting_counter_of(db_get_text(rows, i, column)),
				       .label = str_copy(cut->batch->arena, db_get_text(rows, i, column + 1)),
				       .value = db_get_int(rows, i, column + 2) };
}

static int compare_sums(const void *a, const void *b)
{
	const struct reporting_sum *left = a, *right = b;

	if (left->counter != right->counter)
		return left->counter < right->counter ? -1 : 1;
	return str_cmp(left->label, right->label);
}

static int64_t due_within(const struct cut *cut, instant from, instant to)
{
	int64_t clocks = 0;

	for (size_t i = 0; i < cut->due_count; i++)
		if (cut->dues[i].at >= from && cut->dues[i].at < to)
			clocks += cut->dues[i].clocks;
	return clocks;
}

static void emit(const struct cut *cut, const struct reporting_window *window)
{
	for (const struct reporting_metric *metric = reporting_metrics; metric->name; metric++)
		batch_emit(cut->batch, cut->item, &(struct outgoing){
			.topic = TOPIC_METRICS, .partition = -1, .name = STR("metric.window"), .subject = str_of(metric->name),
			.at = window->from + window->length, .arrived = INSTANT_NONE,
			.body = reporting_encode_metric(&cut->state->body, metric, window, cut->batch->arena),
		});
}

/* A window from its rows [*row, ...) and the levels; moves *row behind them. */
static void publish_window(struct cut *cut, const struct db_result *rows, size_t *row, int64_t place)
{
	struct reporting_window window = { .from = cut->from + place * cut->length, .length = cut->length };
	size_t capacity = 0, n = 0;
	instant end = window.from + window.length;

	for (; *row < db_rows(rows) && db_get_int(rows, *row, 0) == place; ++*row) {
		struct reporting_sum sum = read_sum(cut, rows, *row, 1);

		if (sum.counter == COUNT_MAX)
			continue;
		if (reporting_is_level(sum.counter)) {
			level_move(cut, &sum);
			continue;
		}
		arena_grow(cut->batch->arena, &window.sums, &capacity, n + 1, sizeof(*window.sums));
		window.sums[n++] = sum;
	}
	for (size_t i = 0; i < cut->level_count; i++) {
		if (cut->levels[i].value == 0)
			continue;
		arena_grow(cut->batch->arena, &window.sums, &capacity, n + 1, sizeof(*window.sums));
		window.sums[n++] = cut->levels[i];
	}
	if (n)
		qsort(window.sums, n, sizeof(*window.sums), compare_sums);
	window.sum_count = n;
	window.due_next_hour = due_within(cut, end, end + HOUR);
	emit(cut, &window);
}

static enum verdict load_standing(struct cut *cut, struct fault *fault)
{
	struct str *names = arena_alloc(cut->batch->arena, COUNT_MAX * sizeof(*names));
	struct db_params params;
	const struct db_result *rows;
	size_t count = 0;
	enum verdict verdict;

	for (int counter = 0; counter < COUNT_MAX; counter++)
		if (reporting_is_level((enum reporting_counter)counter))
			names[count++] = str_of(reporting_counter_name((enum reporting_counter)counter));
	span(cut, &params, cut->from, INSTANT_NONE);
	db_text_array(&params, names, count);
	db_queue(cut->batch->db, "reporting_levels", &params);
	span(cut, &params, cut->from, cut->to + HOUR);
	db_queue(cut->batch->db, "reporting_dues", &params);
	verdict = db_sync(cut->batch->db, fault);
	if (verdict)
		return verdict;
	rows = db_result(cut->batch->db, 0);
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct reporting_sum level = read_sum(cut, rows, i, 0);

		level_move(cut, &level);
	}
	rows = db_result(cut->batch->db, 1);
	cut->due_count = db_rows(rows);
	cut->dues = arena_alloc(cut->batch->arena, (cut->due_count + 1) * sizeof(*cut->dues));
	for (size_t i = 0; i < cut->due_count; i++)
		cut->dues[i] = (struct reporting_due){ db_get_instant(rows, i, 0), db_get_int(rows, i, 1) };
	return OK;
}

static enum verdict publish_windows(struct cut *cut, struct fault *fault)
{
	struct db_params params;
	const struct db_result *rows = NULL;
	size_t row = 0;
	enum verdict verdict = load_standing(cut, fault);

	if (verdict)
		return verdict;
	span(cut, &params, cut->from, cut->to);
	db_int(&params, cut->length / SECOND);
	verdict = db_run(cut->batch->db, "reporting_windows_sum", &params, &rows, fault);
	for (int64_t place = 0; verdict == OK && place < (cut->to - cut->from) / cut->length; place++)
		publish_window(cut, rows, &row, place);
	return verdict;
}

/* Up to where each length has been published: in the row, or where it begins. */
static enum verdict load_published(struct reporting *state, struct batch *batch, instant counted_from, instant *ret_to, struct fault *fault)
{
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(batch->db, "reporting_published_load", NULL, &rows, fault);
	instant begin = counted_from;

	if (verdict)
		return verdict;
	for (size_t i = 0; i < state->window_count; i++)
		ret_to[i] = INSTANT_NONE;
	for (size_t row = 0; row < db_rows(rows); row++) {
		instant to = db_get_instant(rows, row, 1);

		/* A length that is new begins where the rows of all lanes are still there. */
		begin = to > begin ? to : begin;
		for (size_t i = 0; i < state->window_count; i++)
			if (db_get_int(rows, row, 0) == state->windows[i] / SECOND)
				ret_to[i] = to;
	}
	for (size_t i = 0; i < state->window_count; i++)
		if (ret_to[i] == INSTANT_NONE)
			ret_to[i] = reporting_window_of(begin + state->windows[i] - 1, state->windows[i]);
	return OK;
}

static enum verdict publish_closed(struct reporting *state, struct batch *batch, struct item *item, instant closed_to, instant counted_from,
				   struct fault *fault)
{
	instant published[REPORTING_WINDOWS_MAX];
	int32_t seconds[REPORTING_WINDOWS_MAX], *lanes;
	size_t lane_count = (size_t)worker_lanes(batch->worker);
	struct db_params params = { .arena = batch->arena };
	bool more = false;
	enum verdict verdict = load_published(state, batch, counted_from, published, fault);

	lanes = arena_alloc(batch->arena, lane_count * sizeof(*lanes));
	for (size_t i = 0; i < lane_count; i++)
		lanes[i] = (int32_t)i;
	for (size_t i = 0; i < state->window_count && verdict == OK; i++) {
		struct cut cut = { .state = state, .batch = batch, .item = item, .lanes = lanes, .lane_count = lane_count,
				   .length = state->windows[i], .from = published[i] };

		cut.to = reporting_window_of(closed_to, cut.length);
		seconds[i] = (int32_t)(cut.length / SECOND);
		if (cut.to <= cut.from)
			continue;
		if (cut.to - cut.from > PART * cut.length) {
			cut.to = cut.from + PART * cut.length;
			more = true;
		}
		verdict = publish_windows(&cut, fault);
		published[i] = cut.to;
	}
	if (verdict)
		return verdict;
	db_int4_array(&params, arena_copy(batch->arena, seconds, sizeof(seconds)), state->window_count);
	db_instant_array(&params, arena_copy(batch->arena, published, sizeof(published)), state->window_count);
	db_queue(batch->db, "reporting_published_save", &params);
	if (more)
		set_timer(batch, "publish", batch->now);
	return OK;
}

static enum verdict publish(struct reporting *state, struct batch *batch, struct item *item, struct fault *fault)
{
	const struct db_result *rows = NULL;
	instant closed_to, counted_from;
	enum verdict verdict;

	/* With what this very transaction has closed. */
	verdict = db_run(batch->db, "reporting_lanes_closed", NULL, &rows, fault);
	if (verdict)
		return verdict;
	/* A window that not every lane has closed waits: it is said once, and right. */
	if (db_get_int(rows, 0, 0) < worker_lanes(batch->worker)) {
		set_timer(batch, "publish", batch->now + SECOND);
		return OK;
	}
	closed_to = db_get_instant(rows, 0, 1);
	counted_from = db_get_instant(rows, 0, 2);
	verdict = publish_closed(state, batch, item, closed_to, counted_from, fault);
	/* Somebody is behind: look again soon. */
	if (verdict == OK && closed_to < reporting_window_of(batch->now - state->grace, state->windows[0]))
		set_timer(batch, "publish", batch->now + AGAIN);
	return verdict;
}

enum verdict reporting_windows_timer(struct reporting *state, struct batch *batch, struct item *item, struct reporting_lane *lane,
				     struct fault *fault)
{
	if (str_is(item->timer->kind, "publish"))
		return publish(state, batch, item, fault);
	close_windows(state, batch, lane);
	return OK;
}
