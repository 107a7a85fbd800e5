/* The service that the simulated workers run: it does what the plan of an input says and writes down that it did. */
#include "tests/simulator/memory/store.h"

#include <limits.h>
#include <string.h>

struct plans plans;

static const struct service_topic topics[] = {
	{ .name = TOPIC_INBOUND, .kind = TOPIC_OUTSIDE },
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .keeper = true },
	{ 0 },
};

/* ---- what is sent ---- */

static enum plan_kind kind_of(bool may_crash)
{
	static const enum plan_kind often[] = { PLAN_FACTS, PLAN_FACTS, PLAN_FACTS, PLAN_FACTS, PLAN_SET, PLAN_SET, PLAN_CANCEL,
						PLAN_REPEAT };
	static const enum plan_kind poison[] = { PLAN_REFUSED, PLAN_VIOLATES, PLAN_GARBAGE, PLAN_CRASHES };

	if (!once_in(6))
		return often[chance((int64_t)array_count(often))];
	return poison[chance(may_crash ? 4 : 3)];
}

static void plans_make(void)
{
	bool may_crash = once_in(4);

	plans.count = 4 + (int)chance(PLANS_MAX - 4);
	for (int n = 0; n < plans.count; n++) {
		struct plan *plan = &plans.items[n];

		*plan = (struct plan){ .kind = kind_of(may_crash), .lane = (int32_t)chance(LANES), .facts = (int)chance(4),
				       .key = chance(3), .delay = chance(4 * SECOND) };
		if (plan->kind == PLAN_REPEAT) {
			plan->of = n ? (int)chance(n) : 0;
			plan->lane = plans.items[plan->of].lane;
			if (n == 0 || plans.items[plan->of].kind > PLAN_CANCEL)
				plan->kind = PLAN_FACTS;
			else
				continue;
		}
		plan->of = n;
		plan->bad_fact = plan->facts > 0 && plan->kind <= PLAN_CANCEL && once_in(10);
		may_crash = may_crash && plan->kind != PLAN_CRASHES;
	}
}

static struct bus_header *header(struct bus_header *to, const char *name, struct str value)
{
	*to = (struct bus_header){ str_of(name), value };
	return to + 1;
}

static void plan_send(void)
{
	struct plan *plan = &plans.items[plans.sent++];
	struct bus_header *headers = arena_alloc(&world.arena, 5 * sizeof(*headers)), *end = headers;
	struct str id = str_format(&world.arena, "%d", plan->of);

	end = header(end, "ce_specversion", STR("1.0"));
	end = header(end, "ce_id", id);
	end = header(end, "ce_source", STR("simulator"));
	end = header(end, "ce_type", STR("aftercare.simulated.input.v1"));
	plan->offset = (int64_t)world.broker.logs[LOG_INBOUND][plan->lane].count;
	broker_append(LOG_INBOUND, plan->lane, &(struct entry){ id, plan->kind == PLAN_GARBAGE ? STR("{") : STR("{}"), headers,
								   (size_t)(end - headers) });
}

/* ---- what becomes of it ---- */

struct effects {
	int64_t *what, *offset, *number, *due, *now, *incarnation, *sequence;
	size_t count;
};

static void effect(struct effects *effects, const struct batch *batch, const struct item *item, enum effect_what what, int64_t number,
		   int64_t due)
{
	size_t k = effects->count++;

	effects->what[k] = what;
	effects->offset[k] = item->timer || item->posted ? -1 : item->event.record.offset;
	effects->number[k] = number;
	effects->due[k] = due;
	effects->now[k] = batch->now;
	effects->incarnation[k] = item->timer ? 0 : item->event.incarnation;
	effects->sequence[k] = item->timer ? 0 : item->event.sequence;
}

static void emit(struct batch *batch, struct item *item, const char *topic, struct str body)
{
	batch_emit(batch, item, &(struct outgoing){ .topic = topic, .partition = -1, .subject = body, .name = STR("simulated.fact"),
						    .at = INSTANT_NONE, .arrived = INSTANT_NONE, .body = body });
}

/* Facts name what they come from, so that each can be told from all others. */
static void handle_input(struct batch *batch, struct item *item, struct effects *effects)
{
	int64_t number = 0;

	(void)str_int64(item->event.id, &number);
	const struct plan *plan = &plans.items[number];
	struct str key = str_format(batch->arena, "clock-%lld", (long long)plan->key);
	if (plan->kind == PLAN_CRASHES)
		actor_crash();
	if (plan->kind == PLAN_REFUSED) {
		batch_refuse(batch, item, REASON_FORBIDDEN, "as planned");
		return;
	}
	if (plan->kind == PLAN_VIOLATES) {
		effect(effects, batch, item, EFFECT_VIOLATION, number, 0);
		return;
	}
	effect(effects, batch, item, EFFECT_INPUT, number, 0);
	for (int k = 0; k < plan->facts; k++)
		emit(batch, item, TOPIC_TICKETS, str_format(batch->arena, "[%lld,%d]", (long long)number, k));
	if (plan->kind == PLAN_SET) {
		batch_timer_set(batch, item, &(struct timer){ .key = key, .kind = STR("simulated"), .due = batch->now + plan->delay });
		effect(effects, batch, item, EFFECT_SET, plan->key, batch->now + plan->delay);
	}
	if (plan->kind == PLAN_CANCEL) {
		batch_timer_cancel(batch, key);
		effect(effects, batch, item, EFFECT_CANCEL, plan->key, 0);
	}
}

static void handle_timer(struct batch *batch, struct item *item, struct effects *effects)
{
	int64_t key = item->timer->key.p[item->timer->key.n - 1] - '0';

	effect(effects, batch, item, EFFECT_FIRED, key, item->timer->due);
	emit(batch, item, TOPIC_TICKETS, str_format(batch->arena, "[\"%d/%lld\",%lld]", (int)batch->partition, (long long)key,
						    (long long)item->timer->due));
}

bool fact_is_bad(struct str body)
{
	struct str number = body;
	int64_t n = 0;

	if (!str_ends(body, STR(",0]")) || body.n < 5)
		return false;
	number.p++;
	number.n -= 4;
	return str_int64(number, &n) && n >= 0 && n < plans.count && plans.items[n].bad_fact;
}

static void handle_fact(struct batch *batch, struct item *item, struct effects *effects)
{
	if (fact_is_bad(item->event.data)) {
		effect(effects, batch, item, EFFECT_VIOLATION, 0, 0);
		return;
	}
	effect(effects, batch, item, EFFECT_FACT, item->event.writer.p[item->event.writer.n - 1] - '0', 0);
	emit(batch, item, TOPIC_MESSAGES, str_copy(batch->arena, item->event.data));
}

static enum verdict find_repeats(struct batch *batch, bool *repeats, struct fault *fault)
{
	int64_t *numbers = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*numbers));
	size_t *items = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*items)), count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].refused || batch->items[i].timer || !str_int64(batch->items[i].event.id, &numbers[count]))
			continue;
		items[count++] = i;
	}
	if (!count)
		return OK;
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	db_int_array(&params, numbers, count);
	enum verdict verdict = db_run(batch->db, "simulated_seen", &params, &rows, fault);
	for (size_t i = 0; verdict == OK && i < count; i++)
		repeats[items[i]] = db_get_int(rows, i, 0);
	return verdict;
}

static void queue_effects(struct batch *batch, const struct effects *effects)
{
	struct db_params params = { .arena = batch->arena };

	db_int(&params, batch->source_id);
	db_int_array(&params, effects->what, effects->count);
	db_int_array(&params, effects->offset, effects->count);
	db_int_array(&params, effects->number, effects->count);
	db_int_array(&params, effects->due, effects->count);
	db_int_array(&params, effects->now, effects->count);
	db_int_array(&params, effects->incarnation, effects->count);
	db_int_array(&params, effects->sequence, effects->count);
	db_queue(batch->db, "simulated_effects", &params);
}

static enum verdict handle(void *state, struct batch *batch, struct fault *fault)
{
	size_t most = 2 * batch->count + 1;
	int64_t *space = arena_alloc(batch->arena, 7 * most * sizeof(*space));
	struct effects effects = { space, space + most, space + 2 * most, space + 3 * most, space + 4 * most, space + 5 * most,
				   space + 6 * most, 0 };
	bool *repeats = arena_zero(batch->arena, batch->count + 1);
	bool outside = strcmp(batch->topic, TOPIC_INBOUND) == 0;

	(void)state;
	if (outside) {
		enum verdict verdict = find_repeats(batch, repeats, fault);
		if (verdict)
			return verdict;
	}
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (item->refused)
			continue;
		if (repeats[i])
			batch_repeat(batch, item);
		else if (item->timer)
			handle_timer(batch, item, &effects);
		else if (outside)
			handle_input(batch, item, &effects);
		else
			handle_fact(batch, item, &effects);
	}
	if (!effects.count)
		return OK;
	queue_effects(batch, &effects);
	/* At times the service looks at what it has written before the worker goes on. */
	return once_in(2) ? OK : db_sync(batch->db, fault);
}

static const struct service simulated_service = { .name = "simulated", .summary = "does what it is told", .topics = topics, .handle = handle };

/* ---- the world outside ---- */

const uint64_t runs_at_once = 200, runs_compared = 100;
const char *const program_name = "simulator", *const program_words = "";

void outside_open(void)
{
	plans = (struct plans){ .count = 0 };
	world.log_count = LOGS_OF_ONE;
	world.group_count = 1;
	world.kills_most = INT_MAX;
	world.actor_count = once_in(6) ? 1 : 2 + (int)chance(2);
	for (int i = 0; i < world.actor_count; i++) {
		world.actors[i].service = &simulated_service;
		snprintf(world.actors[i].name, sizeof(world.actors[i].name), "w%d", i);
	}
	plans_make();
	world.faults_group = -1;
	world.faults_left = chance(14);
	world.faults_every = 20 + chance(150);
}

bool outside_begun(void)
{
	return true;
}

bool outside_done(void)
{
	return plans.sent == plans.count;
}

void outside_send(void)
{
	if (plans.sent < plans.count && once_in(20))
		plan_send();
}

void outside_look(enum log log, int32_t partition, const struct entry *entry)
{
	(void)log, (void)partition, (void)entry;
}
