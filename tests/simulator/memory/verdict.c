/* What must be true when everything has come to rest: the promise, told from what was sent, what the tables hold and what
 * stands in the logs. Knows nothing of how the workers got there. */
#include "tests/simulator/memory/store.h"

#include <stdlib.h>
#include <string.h>

#define KEYS 3

static struct source_row *source_of(enum log log, int32_t lane)
{
	table_each(store.sources, i) {
		struct source_row *row = store.sources.items[i];

		if (str_is(row->topic, log_names[log]) && row->partition == lane)
			return row;
	}
	return NULL;
}

/* ---- rest ---- */

static const char *unrest(void)
{
	static char text[200];

	if (!broker_quiet())
		return "messages are under way";
	for (int log = LOG_INBOUND; log <= LOG_TICKETS; log++) {
		for (int32_t lane = 0; lane < LANES; lane++) {
			const struct source_row *row = source_of((enum log)log, lane);

			if (!row)
				return "a source was never taken";
			snprintf(text, sizeof(text), "%s/%d: position %lld of %zu, published %lld of %lld", log_names[log], (int)lane,
				 (long long)row->committed.next_offset, world.broker.logs[log][lane].count,
				 (long long)row->committed.published_seq, (long long)row->committed.out_seq);
			if (row->locker || row->committed.next_offset != (int64_t)world.broker.logs[log][lane].count ||
			    row->committed.published_seq != row->committed.out_seq)
				return text;
		}
	}
	table_each(store.timers, i) {
		if (!store.timers.items[i]->row.gone)
			return "a timer waits";
	}
	table_each(store.sessions, i) {
		const struct session *session = store.sessions.items[i];

		if (!session->ended && (session->busy || session->transaction != TRANSACTION_NONE))
			return "a session has something to do";
	}
	return NULL;
}

bool at_rest(bool complain)
{
	const char *why = unrest();

	if (why && complain)
		violated("does not come to rest: %s", why);
	return why == NULL;
}

/* ---- inputs and dead letters ---- */

static bool poison(const struct plan *plan)
{
	return plan->kind >= PLAN_REFUSED;
}

static int letters_of(const struct plan *plan, bool *ret_crashed)
{
	int count = 0;

	table_each(store.dead, i) {
		const struct dead_row *row = store.dead.items[i];

		if (row->row.gone || !str_is(row->topic, TOPIC_INBOUND) || row->partition != plan->lane || row->offset != plan->offset)
			continue;
		count++;
		*ret_crashed = str_starts(row->detail, STR("the daemon crashed"));
	}
	return count;
}

/* Three kill -9 in the window of an innocent event make it a dead letter: that much is known of the rule. */
static bool unlucky(const struct plan *plan)
{
	bool crashed = false;

	return !poison(plan) && world.kills >= 3 && letters_of(plan, &crashed) == 1 && crashed;
}

/* A fact's dead letter, from its reader. *ret_crashed as above. */
static int letters_of_fact(struct str body, bool *ret_crashed)
{
	int count = 0;

	table_each(store.dead, i) {
		const struct dead_row *row = store.dead.items[i];

		if (row->row.gone || !str_is(row->topic, TOPIC_TICKETS) || !str_eq(row->value, body))
			continue;
		count++;
		*ret_crashed = str_starts(row->detail, STR("the daemon crashed"));
	}
	return count;
}

static bool fact_refused(struct str body)
{
	bool crashed = false;

	return fact_is_bad(body) || (world.kills >= 3 && letters_of_fact(body, &crashed) == 1 && crashed);
}

/* Those of facts are exactly the bad ones; *ret_count of them. */
static void check_fact_letters(size_t *ret_count)
{
	table_each(store.outbox, i) {
		const struct outbox_row *row = store.outbox.items[i];

		for (size_t k = 0; k < row->count && !row->row.gone; k++) {
			bool crashed = false;
			int want = fact_refused(row->values[k]);

			if (!str_is(row->topics[k], TOPIC_TICKETS))
				continue;
			*ret_count += (size_t)want;
			if (letters_of_fact(row->values[k], &crashed) != want)
				violated("fact %.*s has %d dead letters, not %d", STR_ARG(row->values[k]), letters_of_fact(row->values[k], &crashed),
					 want);
		}
	}
}

static void check_letters(void)
{
	size_t letters = 0, expected = 0;

	for (int n = 0; n < plans.count; n++) {
		const struct plan *plan = &plans.items[n];
		bool crashed = false;
		int count = letters_of(plan, &crashed), want = poison(plan) || unlucky(plan);

		expected += (size_t)want;
		if (count != want)
			violated("input %d (%d/%lld) has %d dead letters, not %d", n, (int)plan->lane, (long long)plan->offset, count, want);
	}
	check_fact_letters(&expected);
	table_each(store.dead, i)
		letters += !store.dead.items[i]->row.gone;
	if (letters != expected)
		violated("%zu dead letters, not %zu", letters, expected);
}

/* Each input once and in order; *at moves over the effects of the source. */
static void check_inputs(int32_t lane)
{
	const struct source_row *source = source_of(LOG_INBOUND, lane);
	size_t at = 0;

	for (int n = 0; n < plans.count; n++) {
		const struct plan *plan = &plans.items[n];
		bool again = plan->kind == PLAN_REPEAT && !unlucky(&plans.items[plan->of]);

		if (plan->lane != lane || poison(plan) || again || unlucky(plan))
			continue;
		/* What an unlucky one sent again does is not followed further. */
		for (; at < store.effects.count; at++) {
			const struct effect_row *row = store.effects.items[at];

			if (!row->row.gone && row->source == source->id && row->what == EFFECT_INPUT)
				break;
		}
		const struct effect_row *row = at < store.effects.count ? store.effects.items[at++] : NULL;
		if (!row || row->offset != plan->offset)
			violated("input %d (%d/%lld): the effect at its place is of offset %lld", n, (int)lane, (long long)plan->offset,
				 row ? (long long)row->offset : -1);
	}
	for (; at < store.effects.count; at++) {
		const struct effect_row *row = store.effects.items[at];

		if (!row->row.gone && row->source == source->id && row->what == EFFECT_INPUT)
			violated("input %d/%lld took effect once too often", (int)lane, (long long)row->offset);
	}
}

/* ---- timers: each has one end ---- */

static void check_timers(int32_t lane)
{
	const struct source_row *source = source_of(LOG_INBOUND, lane);
	int64_t due[KEYS] = { 0 };

	table_each(store.effects, i) {
		const struct effect_row *row = store.effects.items[i];

		if (row->row.gone || row->source != source->id || row->number >= KEYS)
			continue;
		if (row->what == EFFECT_SET) {
			due[row->number] = row->due;
		} else if (row->what == EFFECT_CANCEL) {
			due[row->number] = 0;
		} else if (row->what == EFFECT_FIRED) {
			if (due[row->number] != row->due || row->now < row->due)
				violated("clock %d/%lld ends when it does not run, twice or before its time", (int)lane, (long long)row->number);
			due[row->number] = 0;
		}
	}
	for (int key = 0; key < KEYS; key++) {
		if (due[key])
			violated("clock %d/%d has no end", (int)lane, key);
	}
}

/* ---- outbox ---- */

/* The fact of that number; NULL when there is none. Two of one number are a violation. */
static const struct outbox_row *fact_at(int64_t source, int64_t seq)
{
	const struct outbox_row *found = NULL;

	table_each(store.outbox, i) {
		const struct outbox_row *row = store.outbox.items[i];

		if (row->row.gone || row->source != source || seq < row->first || seq > row->last)
			continue;
		if (found)
			violated("source %lld issued number %lld twice", (long long)source, (long long)seq);
		found = row;
	}
	return found;
}

/* How many facts in the outbox of a source go to that topic. */
static int64_t facts_to(const struct source_row *source, enum log log)
{
	int64_t count = 0;

	for (int64_t seq = 1; seq <= source->committed.out_seq; seq++) {
		const struct outbox_row *row = fact_at(source->id, seq);

		if (!row) {
			violated("source %lld: number %lld is missing", (long long)source->id, (long long)seq);
			return count;
		}
		count += str_is(row->topics[seq - row->first], log_names[log]);
	}
	if (fact_at(source->id, source->committed.out_seq + 1))
		violated("source %lld has facts behind its last number", (long long)source->id);
	return count;
}

/* As many facts as the effects ask for. */
static void check_facts(int32_t lane)
{
	const struct source_row *inbound = source_of(LOG_INBOUND, lane), *tickets = source_of(LOG_TICKETS, lane);
	int64_t facts = 0, messages = 0;

	table_each(store.effects, i) {
		const struct effect_row *row = store.effects.items[i];

		if (row->row.gone)
			continue;
		if (row->source == inbound->id && row->what == EFFECT_INPUT)
			facts += plans.items[row->number].facts;
		facts += row->source == inbound->id && row->what == EFFECT_FIRED;
		messages += row->source == tickets->id && row->what == EFFECT_FACT;
	}
	if (facts_to(inbound, LOG_TICKETS) != facts || facts_to(tickets, LOG_MESSAGES) != messages)
		violated("lane %d: the outbox does not hold what the effects ask for", (int)lane);
}

/* ---- logs ---- */

static int64_t header_number(const struct entry *record, const char *name)
{
	int64_t number = -1;

	for (size_t i = 0; i < record->header_count; i++) {
		if (str_is(record->headers[i].name, name))
			(void)str_int64(record->headers[i].value, &number);
	}
	return number;
}

static struct str header_text(const struct entry *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++) {
		if (str_is(record->headers[i].name, name))
			return record->headers[i].value;
	}
	return STR("");
}

/* The next fact of the source to that partition above *seq; false when there is none. */
static bool next_fact(const struct source_row *source, enum log log, int32_t lane, int64_t *seq, const struct outbox_row **ret)
{
	while (++*seq <= source->committed.out_seq) {
		*ret = fact_at(source->id, *seq);
		if (*ret && str_is((*ret)->topics[*seq - (*ret)->first], log_names[log]) &&
		    (*ret)->partitions[*seq - (*ret)->first] == lane)
			return true;
	}
	return false;
}

/* Repeats dropped, the log is the outbox: nothing lost, doubled, reordered, altered or made up. */
static void check_log(enum log log, int32_t lane, enum log from, int32_t from_lane)
{
	const struct source_row *source = source_of(from, from_lane);
	struct str writer = str_format(&world.arena, "simulated/%s/%d", log_names[from], (int)from_lane);
	const struct outbox_row *fact = NULL;
	int64_t last = 0, seq = 0;

	table_each(world.broker.logs[log][lane], i) {
		const struct entry *record = world.broker.logs[log][lane].items[i];
		int64_t number = header_number(record, "ce_sourceseq");

		if (!str_eq(header_text(record, "ce_writer"), writer))
			continue;
		const struct outbox_row *row = fact_at(source->id, number);
		if (!row || !str_eq(row->values[number - row->first], record->value) ||
		    header_number(record, "ce_incarnation") != row->incarnation)
			violated("%s/%d offset %zu: number %lld of %.*s is not what the outbox has", log_names[log], (int)lane, i,
				 (long long)number, STR_ARG(writer));
		if (number <= last)
			continue;
		last = number;
		if (!next_fact(source, log, lane, &seq, &fact) || seq != number) {
			violated("%s/%d offset %zu: number %lld of %.*s, where %lld is next", log_names[log], (int)lane, i, (long long)number,
				 STR_ARG(writer), (long long)seq);
			return;
		}
	}
	if (next_fact(source, log, lane, &seq, &fact))
		violated("%s/%d: number %lld of %.*s was never published", log_names[log], (int)lane, (long long)seq, STR_ARG(writer));
}

/* The same for its readers: past what is refused there. */
static bool next_readable(const struct source_row *source, int32_t lane, int64_t *seq)
{
	const struct outbox_row *fact = NULL;

	while (next_fact(source, LOG_TICKETS, lane, seq, &fact)) {
		if (!fact_refused(fact->values[*seq - fact->first]))
			return true;
	}
	return false;
}

/* What the readers of the ticket log did: each fact once, in its order. */
static void check_readers(int32_t lane, int32_t from_lane)
{
	const struct source_row *reader = source_of(LOG_TICKETS, lane), *source = source_of(LOG_INBOUND, from_lane);
	int64_t seq = 0;

	table_each(store.effects, i) {
		const struct effect_row *row = store.effects.items[i];

		if (row->row.gone || row->source != reader->id || row->what != EFFECT_FACT || row->number != from_lane)
			continue;
		if (!next_readable(source, lane, &seq) || seq != row->sequence) {
			violated("the reader of lane %d took number %lld of %d, where %lld is next", (int)lane, (long long)row->sequence,
				 (int)from_lane, (long long)seq);
			return;
		}
	}
	if (next_readable(source, lane, &seq))
		violated("the reader of lane %d never took number %lld of %d", (int)lane, (long long)seq, (int)from_lane);
}

static void check_published_letters(void)
{
	for (int n = 0; n < plans.count; n++) {
		const struct plan *plan = &plans.items[n];
		bool there = !poison(plan);

		table_each(world.broker.logs[LOG_DEAD][plan->lane], i) {
			const struct entry *record = world.broker.logs[LOG_DEAD][plan->lane].items[i];

			there = there || header_number(record, "dl_offset") == plan->offset;
		}
		if (!there)
			violated("the dead letter of input %d was never published", n);
	}
}

void verdict_give(void)
{
	check_letters();
	check_published_letters();
	for (int32_t lane = 0; lane < LANES; lane++) {
		check_inputs(lane);
		check_timers(lane);
		check_facts(lane);
		for (int32_t from = 0; from < LANES; from++) {
			check_log(LOG_TICKETS, lane, LOG_INBOUND, from);
			check_log(LOG_MESSAGES, lane, LOG_TICKETS, from);
			check_readers(lane, from);
		}
	}
}
