/* One turn of the loop: read, mend, take, run what waits, fire what is due, publish, look after the rest.
 *
 * Everything that can fail comes back here as a verdict. There is one way to recover from anything, an outage, a lost
 * row, a failed producer: forget what is in memory and take again. */
#include "common/worker/inner.h"

#include <stdio.h>
#include <string.h>

#include "common/io/journal.h"

#define READ_AHEAD 4096
#define WAIT_MAX SECOND
#define BEAT_EVERY (200 * MILLISECOND)
#define WATCH_EVERY (200 * MILLISECOND)
#define BATCH_AGE (10 * MILLISECOND)
#define RECONNECT_FIRST (50 * MILLISECOND)
#define REPORT_EVERY (5 * SECOND)
/* As outbox_prune says. */
#define PRUNE_ROWS 200
#define PRODUCER_PAUSE (500 * MILLISECOND)
#define TIMERS_BETWEEN_EVENTS (100 * MILLISECOND)

void worker_database_trouble(struct worker *worker, const struct fault *fault)
{
	if (!worker->database_down) {
		worker->database_down = true;
		worker->database_down_at = worker_monotonic();
		journal_warning("%s; everything waits, trying again (up to every %lld ms), no more lines until it is back",
				fault->text, (long long)(worker->conf.reconnect_max / MILLISECOND));
	}
	worker->reconnect_wait = worker->reconnect_wait ? worker->reconnect_wait * 2 : RECONNECT_FIRST;
	if (worker->reconnect_wait > worker->conf.reconnect_max)
		worker->reconnect_wait = worker->conf.reconnect_max;
	worker->failed_at = worker_monotonic();
	worker->reconnect_at = worker->failed_at + worker->reconnect_wait;
	worker->status_at = 0;
}

/* Called every turn: an outage is over when something was committed since, not when a connection stands. */
void worker_database_back(struct worker *worker)
{
	bool any = false;
	for (size_t i = 0; i < worker->source_count; i++)
		any |= worker->sources[i]->taken;
	/* Without a lane there is nothing to commit, and a connection is all there is to see. What one source met is not over
	 * because others go on. */
	if (worker->troubled || (any && worker->committed_at < worker->failed_at))
		return;
	if (worker->database_down)
		journal_notice("database: back after %.1f s",
			       (double)(worker_monotonic() - worker->database_down_at) / (double)SECOND);
	worker->database_down = false;
	worker->reconnect_wait = 0;
	worker->status_at = 0;
}

/* What a verdict other than OK means for the loop. False: the worker stops. */
static bool worker_settle(struct worker *worker, struct source *source, enum verdict verdict, const struct fault *fault)
{
	if (verdict == OK)
		return true;
	if (verdict == FATAL) {
		/* What waited in memory is not done: leaving must not write the position behind it. */
		if (source)
			source_forget(source);
		journal_error("%s: %s; stopping, nothing is lost", source ? source->writer : worker->service->name, fault->text);
		worker->exit_status = 1;
		worker->stopping = true;
		return false;
	}
	worker->counters.retries++;
	if (!db_connected(worker->db)) {
		if (RULE("flaw-b") && RULE("flaw-b2"))
			sources_forget_all(worker);
		worker_database_trouble(worker, fault);
		return true;
	}
	db_rollback(worker->db);
	if (source) {
		source_forget(source);
		worker->troubled = source;
	}
	if (verdict == REJECT)
		journal_error("%s: %s; trying again", source ? source->writer : worker->service->name, fault->text);
	worker_database_trouble(worker, fault);
	return true;
}

/* ---- connection, ownership ---- */

static bool worker_connect(struct worker *worker)
{
	if (db_connected(worker->db))
		return worker_monotonic() >= worker->reconnect_at;
	if (worker_monotonic() < worker->reconnect_at)
		return false;
	/* An epoch is good only on the connection that took it. */
	if (RULE("flaw-b") && RULE("flaw-b2"))
		sources_forget_all(worker);
	struct fault fault = FAULT_NONE;
	enum verdict verdict = db_connect(worker->db, &fault);
	FAILPOINT("connect.done");
	if (verdict)
		return worker_settle(worker, NULL, verdict, &fault), false;
	return true;
}

static const char *const written_topics[] = { TOPIC_TICKETS, TOPIC_DESK, TOPIC_INBOUND, TOPIC_MESSAGES, TOPIC_DEAD };

/* NULL behind the last. */
static const char *written_topic(const struct worker *worker, size_t i)
{
	if (i < array_count(written_topics))
		return written_topics[i];
	return worker->service->writes ? worker->service->writes[i - array_count(written_topics)] : NULL;
}

/* How many partitions the topics have that we write; known before anything is taken. */
static bool worker_topics(struct worker *worker)
{
	const char *topic;
	while ((topic = written_topic(worker, worker->out_count)) != NULL) {
		struct fault fault = FAULT_NONE;
		int32_t count = 0;
		if (bus_partitions(worker->bus, topic, &count, 500, &fault)) {
			if (!worker->topics_unknown) {
				worker->topics_unknown = true;
				if (!worker->broker_down)
					journal_warning("broker: %s; waiting, no more lines until it is there", fault.text);
				worker->status_at = 0;
			}
			return false;
		}
		worker->out_topics[worker->out_count] = topic;
		worker->out_partitions[worker->out_count++] = count;
	}
	if (worker->topics_unknown) {
		worker->topics_unknown = false;
		journal_notice("broker: all topics are there");
		worker->status_at = 0;
	}
	return true;
}

static void worker_leave(struct worker *worker)
{
	bool any = false;
	for (size_t i = 0; i < worker->source_count; i++)
		any |= worker->sources[i]->release;
	if (!any)
		return;
	FAILPOINT("revoke.before");
	struct fault fault = FAULT_NONE;
	if (db_connected(worker->db) && sources_beat(worker, true, &fault))
		worker_settle(worker, NULL, RETRY, &fault);
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		if (!source->release)
			continue;
		FAILPOINT("revoke.written");
		source->release = false;
		source_forget(source);
		source_drop_postings(source, SIZE_MAX);
		source->generation = 0;
		if (worker->troubled == source)
			worker->troubled = NULL;
		if (worker->service->owned)
			worker->service->owned(worker->state, worker->service->topics[source->topic].name,
					       source->partition, false);
	}
}

static bool worker_mend(struct worker *worker)
{
	if (worker->producer_failed) {
		struct fault fault = FAULT_NONE;
		FAILPOINT("producer.before_renewal");
		enum verdict verdict = bus_renew_producer(worker->bus, &fault);
		if (verdict)
			return worker_settle(worker, NULL, verdict, &fault), false;
		worker->producer_failed = false;
		FAILPOINT("producer.renewed");
		sources_forget_all(worker);
		/* What fails at once would fail at once again. */
		worker->reconnect_at = worker_monotonic() + PRODUCER_PAUSE;
	}
	if (!worker_connect(worker))
		return false;
	worker_leave(worker);
	struct fault fault = FAULT_NONE;
	enum verdict verdict = sources_take(worker, &fault);
	if (verdict)
		return worker_settle(worker, NULL, verdict, &fault), false;
	if (worker->rewound) {
		journal_warning("%zu logs end before our position: they were made anew, reading begins at their start", worker->rewound);
		worker->rewound = 0;
	}
	worker_database_back(worker);
	return true;
}

/* ---- work ---- */

/* Not while the clock is doubted or records are under suspicion. */
static bool timers_wait(const struct worker *worker, const struct source *source)
{
	return source->next_due == INSTANT_NONE || worker->timers_held_until || source->suspect_until > source->next_offset;
}

static bool timers_due(struct worker *worker, const struct source *source, bool records_wait)
{
	if (timers_wait(worker, source) || source->next_due > worker_now(worker))
		return false;
	/* What waits to be read may stop a clock in time: events first, but timers never starve. */
	return !records_wait || worker_monotonic() - source->timers_at >= TIMERS_BETWEEN_EVENTS;
}

/* How long what was read waits for more. */
static int64_t batch_age(const struct worker *worker)
{
	return worker->service->gather ? worker->service->gather : BATCH_AGE;
}

/* Runs what a source has to do; true when it did something. */
static bool source_work(struct worker *worker, struct source *source, bool drained)
{
	struct fault fault = FAULT_NONE;
	bool worked = false;
	enum verdict verdict = OK;
	if (!source->taken)
		return false;
	if (source->produced < source->out_seq) {
		if (!publish_has_room(worker))
			return false;
		int64_t before = source->produced;
		arena_reset(&worker->batch_arena);
		verdict = publish_reload(worker, source, &fault);
		if (verdict)
			return worker_settle(worker, source, verdict, &fault);
		if (source->produced < source->out_seq)
			return source->produced > before;
	}
	if (!publish_has_room(worker))
		return false;
	if (source->postings) {
		arena_reset(&worker->batch_arena);
		verdict = batch_run_postings(worker, source, &fault);
		if (verdict)
			return worker_settle(worker, source, verdict, &fault);
		worked = true;
	}
	bool full = source->count >= (size_t)worker->conf.batch_max_events || source->bytes >= BATCH_BYTES_MAX;
	bool old = source->count && worker_monotonic() - source->first_at >= batch_age(worker);
	if (source->taken && source->count && (full || old || (drained && !worker->service->gather))) {
		arena_reset(&worker->batch_arena);
		verdict = batch_run_items(worker, source, &fault);
		if (verdict)
			return worker_settle(worker, source, verdict, &fault);
		worked = true;
	}
	if (source->taken && timers_due(worker, source, !drained || source->count)) {
		arena_reset(&worker->batch_arena);
		verdict = batch_run_timers(worker, source, &fault);
		if (verdict)
			return worker_settle(worker, source, verdict, &fault);
		worked = true;
	}
	return worked;
}

/* ---- looking after things ---- */

static void worker_beat(struct worker *worker)
{
	struct fault fault = FAULT_NONE;
	enum verdict verdict = sources_beat(worker, false, &fault);
	if (verdict)
		worker_settle(worker, NULL, verdict, &fault);
}

static void worker_watch(struct worker *worker)
{
	const struct service *service = worker->service;
	int64_t monotonic = worker_monotonic();
	if (!service->watch || (monotonic < worker->watch_at && !worker->watch_pending))
		return;
	worker->watch_at = monotonic + WATCH_EVERY;
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	enum verdict verdict = db_run(worker->db, service->watch, NULL, &rows, &fault);
	if (verdict) {
		worker_settle(worker, NULL, verdict, &fault);
		return;
	}
	int64_t value = db_get_int(rows, 0, 0);
	if (value == worker->watch_value && !worker->watch_pending)
		return;
	worker->watch_value = value;
	worker->watch_pending = false;
	for (size_t i = 0; i < worker->source_count; i++) {
		const struct source *source = worker->sources[i];
		if (source->taken && service->topics[source->topic].kind == TOPIC_LOG && !source_posted(source, "watch"))
			worker_post(worker, service->topics[source->topic].name, source->partition, "watch", STR("{}"));
	}
}

static void worker_prune(struct worker *worker)
{
	int64_t monotonic = worker_monotonic();
	if (monotonic < worker->prune_at)
		return;
	worker->prune_at = monotonic + 2 * SECOND;
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		int64_t until = source->published_seq - worker->conf.outbox_keep;
		if (!source->taken || until <= source->pruned_to)
			continue;
		struct db_params params = { .arena = &worker->batch_arena };
		db_int(&params, source->id);
		db_int(&params, until);
		struct fault fault = FAULT_NONE;
		const struct db_result *rows = NULL;
		enum verdict verdict = db_run(worker->db, "outbox_prune", &params, &rows, &fault);
		if (verdict) {
			worker_settle(worker, NULL, verdict, &fault);
			return;
		}
		if (db_affected(rows) < PRUNE_ROWS)
			source->pruned_to = until;
	}
}

/* Kafka hears of our positions for lag tools only; nothing ever reads them back. */
static void worker_report(struct worker *worker)
{
	int64_t monotonic = worker_monotonic();
	if (monotonic < worker->report_at)
		return;
	worker->report_at = monotonic + REPORT_EVERY;
	FAILPOINT("positions.told");
	struct bus_position *positions = arena_alloc(&worker->batch_arena, (worker->source_count + 1) * sizeof(*positions));
	size_t count = 0;
	for (size_t i = 0; i < worker->source_count; i++) {
		const struct source *source = worker->sources[i];
		if (source->owned && source->placed)
			positions[count++] = (struct bus_position){ source->topic, source->partition, source->next_offset };
	}
	bus_report_positions(worker->bus, positions, count);
}

static int64_t worker_wait(const struct worker *worker, instant now, bool able)
{
	int64_t wait = WAIT_MAX, monotonic = worker_monotonic();
	if (worker->reconnect_at > monotonic)
		wait = worker->reconnect_at - monotonic;
	/* What cannot be done now is no reason to hurry. */
	for (size_t i = 0; able && i < worker->source_count; i++) {
		const struct source *source = worker->sources[i];
		if (!source->taken)
			continue;
		if (!timers_wait(worker, source) && pace_wait(&worker->pace, source->next_due - now) < wait)
			wait = pace_wait(&worker->pace, source->next_due - now);
		if (source->count && source->first_at + batch_age(worker) - monotonic < wait)
			wait = source->first_at + batch_age(worker) - monotonic;
	}
	if (worker->wake_at - monotonic < wait)
		wait = worker->wake_at - monotonic;
	if (worker->service->watch && WATCH_EVERY < wait)
		wait = WATCH_EVERY;
	if (BEAT_EVERY < wait)
		wait = BEAT_EVERY;
	return wait < 0 ? 0 : wait;
}

int64_t worker_turn(struct worker *worker)
{
	arena_reset(&worker->batch_arena);
	bus_serve(worker->bus);
	bool drained = read_records(worker, READ_AHEAD) < READ_AHEAD;
	worker_clock_watch(worker);
	bool worked = false, able = worker_topics(worker) && worker_mend(worker);
	if (able) {
		for (size_t i = 0; i < worker->source_count && !worker->stopping; i++) {
			struct source *source = worker->sources[(worker->turn_from + i) % worker->source_count];
			if (db_connected(worker->db))
				worked |= source_work(worker, source, drained);
		}
		worker->turn_from = worker->source_count ? (worker->turn_from + 1) % worker->source_count : 0;
		arena_reset(&worker->batch_arena);
		if (db_connected(worker->db))
			worker_beat(worker);
		if (db_connected(worker->db))
			worker_watch(worker);
		if (db_connected(worker->db))
			worker_prune(worker);
		worker_report(worker);
	}
	instant now = worker_now(worker);
	worker->wake_at = INT64_MAX;
	if (worker->service->turn)
		worker->service->turn(worker->state, worker, now);
	worker_status(worker);
	return worked && !worker->stopping ? 0 : worker_wait(worker, now, able && publish_has_room(worker));
}
