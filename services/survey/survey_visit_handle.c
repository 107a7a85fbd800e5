/* A batch of the desk, downhill: what has changed in the directory, what is said of visits, which timers are due; load the
 * installations concerned with all their visits, decide one item after the other, save.
 *
 * How survey learns of installations: intake stamps each change with a generation, the worker says when that has moved, and
 * each lane goes on from where it was, a page a transaction. When the policies have changed it begins again. */
#include "common/base/warranty.h"
#include "services/survey/survey_visit.h"

#define PAGE_MAX 200
/* Of one installation at one time: what decides must come to an end. */
#define STEPS_MAX 2000

struct run {
	struct survey_service *state;
	struct batch *batch;
	struct visit_set set;
	struct str *page;               /* installations to be looked at because something has changed */
	size_t page_count;
	struct visit_scan scan;
	bool scanned;                   /* it is to be saved */
};

/* An installation at work. */
struct work {
	struct run *run;
	struct item *item;
	struct visit_installation *installation;
	const struct policy *policies[TICKET_POLICIES_MAX];
	size_t policy_count;
	const struct policy *speaks;    /* the most specific one that says anything about visits; NULL: none does */
	const struct value *vector;
};

/* One programme for one installation. */
struct series {
	const struct policy *policy;
	const struct programme *programme;
	bool wanted;
};

/* A visit programme of a policy by its name, or any when the name is absent; NULL. */
static const struct programme *programme_of(const struct policy *policy, struct str name)
{
	for (size_t i = 0; i < policy->programme_count; i++)
		if (policy->programmes[i].type == PROGRAMME_VISIT && (!name.p || str_eq(policy->programmes[i].name, name)))
			return &policy->programmes[i];
	return NULL;
}

static void begin(struct work *work, struct run *run, struct item *item, struct visit_installation *installation)
{
	struct batch *batch = run->batch;
	struct ticket thing = visit_thing(run->state, batch, installation);

	*work = (struct work){ .run = run, .item = item, .installation = installation };
	work->vector = knowledge_vector(run->state->knowledge, batch, &thing, NULL, NULL);
	work->policy_count = knowledge_in_force(run->state->knowledge, batch->now, work->vector, batch->now, work->policies);
	for (size_t i = 0; i < work->policy_count && !work->speaks; i++)
		if (programme_of(work->policies[i], STR_NONE))
			work->speaks = work->policies[i];
}

/* ---- a series, step by step ---- */

static struct str timer_key(struct batch *batch, struct str id)
{
	return str_format(batch->arena, "visit:%.*s", STR_ARG(id));
}

static void timer_start(const struct work *work, const struct visit *visit)
{
	struct batch *batch = work->run->batch;

	batch_timer_set(batch, work->item, &(struct timer){
		.key = timer_key(batch, visit->id), .due = visit->due + DAY, .kind = STR("visit"), .ticket = visit->installation,
		.data = visit->id,
	});
}

/* An id in the lane of the installation, so that what is said of the visit meets its row: "I-5512.v3", "I-5512.v3-7". */
static struct str choose_id(struct batch *batch, const struct visit_installation *installation, int32_t number)
{
	struct str id = str_format(batch->arena, "%.*s.v%d", STR_ARG(installation->id), (int)number);

	for (int i = 2; worker_lane(batch->worker, id) != batch->partition; i++)
		id = str_format(batch->arena, "%.*s.v%d-%d", STR_ARG(installation->id), (int)number, i);
	return id;
}

static struct visit *add(struct work *work, const struct series *series)
{
	struct visit **last = &work->installation->rows;
	struct visit *visit = arena_zero(work->run->batch->arena, sizeof(*visit));

	visit->number = 1;
	for (; *last; last = &(*last)->next)
		visit->number = (*last)->number + 1;
	*last = visit;
	visit->id = choose_id(work->run->batch, work->installation, visit->number);
	visit->installation = work->installation->id;
	visit->programme = series->programme->name;
	visit->state = VISIT_DUE;
	visit->planned_on = visit->done_on = INSTANT_NONE;
	return visit;
}

static struct visit_terms terms_of(const struct work *work, const struct series *series)
{
	const struct policy *policy = series->policy;
	const struct warranty *warranty = policy->warranty.present ? &policy->warranty :
					  warranty_of(work->policies, work->policy_count);
	struct arena *arena = work->run->batch->arena;
	struct visit_terms terms = {
		.every = series->programme->every,
		.accepted = visit_accepted(work->installation, policy->zone_offset_us, arena),
		.until = INSTANT_NONE,
		.effective_from = policy->effective_from,
		.zone_offset_us = policy->zone_offset_us,
		.wanted = series->wanted,
	};

	/* Without terms of a warranty nothing is in warranty. */
	if (series->programme->until_warranty && warranty)
		terms.until = visit_warranty(work->installation, warranty, arena);
	terms.wanted = terms.wanted && (!series->programme->until_warranty || terms.until != INSTANT_NONE);
	return terms;
}

static void announce(struct work *work, const struct series *series, struct visit *visit, instant from, instant due)
{
	visit->policy = (struct policy_ref){ series->policy->id, series->policy->version };
	visit->from = from;
	visit->due = due;
	visit->changed = true;
	visit_emit_due(work->run->state, work->run->batch, work->item, work->installation, visit, series->policy, series->programme);
	timer_start(work, visit);
}

static void take_step(struct work *work, const struct series *series, enum visit_step step, struct visit *open, instant from,
		      instant due)
{
	struct survey_service *state = work->run->state;
	struct batch *batch = work->run->batch;

	switch (step) {
	case VISIT_STEP_NONE:
		return;
	case VISIT_STEP_OPEN:
		announce(work, series, add(work, series), from, due);
		return;
	case VISIT_STEP_MOVE:
		announce(work, series, open, from, due);
		return;
	case VISIT_STEP_MISS:
	case VISIT_STEP_DROP:
		break;
	}
	open->state = step == VISIT_STEP_MISS ? VISIT_MISSED : VISIT_DROPPED;
	open->changed = true;
	batch_timer_cancel(batch, timer_key(batch, open->id));
	if (step == VISIT_STEP_MISS)
		visit_emit_missed(state, batch, work->item, work->installation, open, series->policy, series->programme);
	else
		visit_emit_due(state, batch, work->item, work->installation, open, series->policy, series->programme);
}

/* Who speaks for a series: for an open visit the version that announced it, for the one behind it the version in force.
 * Without a programme: nobody. */
static enum verdict resolve(struct work *work, struct str name, const struct visit *open, struct series *ret, struct fault *fault)
{
	struct run *run = work->run;
	enum verdict verdict = OK;

	*ret = (struct series){ .policy = work->speaks };
	if (open)
		verdict = knowledge_policy(run->state->knowledge, run->batch, &open->policy, &ret->policy, fault);
	if (verdict || !ret->policy)
		return verdict;
	ret->programme = programme_of(ret->policy, name);
	ret->wanted = ret->programme && work->installation->known &&
		      match_holds(&ret->programme->match, work->vector, run->batch->now);
	return OK;
}

/* Brings a series up to date. */
static enum verdict follow(struct work *work, struct str name, struct fault *fault)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		struct visit *open = visit_open_one(work->installation->rows, name);
		instant from = INSTANT_NONE, due = INSTANT_NONE;
		struct visit_terms terms;
		struct series series;
		enum visit_step step;
		enum verdict verdict = resolve(work, name, open, &series, fault);

		if (verdict || !series.programme)
			return verdict;
		terms = terms_of(work, &series);
		step = visit_next(&terms, work->installation->rows, name, work->run->batch->now, &from, &due);
		if (step == VISIT_STEP_NONE)
			return OK;
		take_step(work, &series, step, open, from, due);
	}
	return OK;
}

/* Every series of an installation: those with an open visit, and those of the policy that speaks now. */
static enum verdict revise(struct work *work, struct fault *fault)
{
	enum verdict verdict = OK;

	for (struct visit *visit = work->installation->rows; visit && verdict == OK; visit = visit->next)
		if (visit->state == VISIT_DUE)
			verdict = follow(work, visit->programme, fault);
	for (size_t i = 0; work->speaks && i < work->speaks->programme_count && verdict == OK; i++)
		if (work->speaks->programmes[i].type == PROGRAMME_VISIT)
			verdict = follow(work, work->speaks->programmes[i].name, fault);
	return verdict;
}

/* ---- what is said of visits ---- */

/* The zone in which the days of an installation are days. */
static int64_t zone_of(const struct work *work)
{
	const struct policy *policy = work->speaks ? work->speaks : work->policy_count ? work->policies[0] : NULL;

	return policy ? policy->zone_offset_us : 8 * HOUR;
}

static struct visit_word word_of(const struct work *work, const struct visit_claim *claim)
{
	struct visit_word word = { .visit = claim->visit, .record = claim->record };

	word.day = visit_day(claim, &work->item->event, work->run->batch->now, zone_of(work), &word.dated);
	return word;
}

/* Somebody arranges a visit; it stays due on its last day. */
static void planned(struct work *work, const struct visit_claim *claim)
{
	struct visit_word word = word_of(work, claim);

	for (struct visit *visit = work->installation->rows; visit; visit = visit->next) {
		bool meant = claim->visit.p && (str_eq(visit->id, claim->visit) || str_eq(visit->named, claim->visit));

		if (visit->state != VISIT_DUE || !(meant || claim->installation.p))
			continue;
		visit->planned_on = word.dated ? word.day : visit->planned_on;
		visit->changed = true;
	}
}

/* A visit counts for every series of the installation in which it means something; each of its visits is completed once. */
static enum verdict made(struct work *work, const struct visit_claim *claim, struct fault *fault)
{
	struct run *run = work->run;
	struct visit_word word = word_of(work, claim);
	bool understood = false;
	struct str *names = arena_alloc(run->batch->arena, sizeof(*names));
	size_t count = 0, capacity = 1;

	for (const struct visit *visit = work->installation->rows; visit; visit = visit->next) {
		size_t i = 0;

		while (i < count && !str_eq(names[i], visit->programme))
			i++;
		if (i < count)
			continue;
		arena_grow(run->batch->arena, &names, &capacity, count + 1, sizeof(*names));
		names[count++] = visit->programme;
	}
	for (size_t i = 0; i < count; i++) {
		struct visit *visit = NULL;
		enum visit_meaning meaning = visit_understand(&word, work->installation->rows, names[i], &visit);
		const struct policy *policy = NULL;
		enum verdict verdict;

		understood |= meaning != VISIT_MEANS_NOTHING;
		if (meaning == VISIT_MEANS_NOTHING)
			continue;
		visit_tell(visit, &word, meaning);
		if (meaning == VISIT_MEANS_AGAIN)
			continue;
		batch_timer_cancel(run->batch, timer_key(run->batch, visit->id));
		verdict = knowledge_policy(run->state->knowledge, run->batch, &visit->policy, &policy, fault);
		if (verdict)
			return verdict;
		visit_emit_completed(run->state, run->batch, work->item, claim, visit, policy);
	}
	/* Nobody has asked for it, and it was made all the same. */
	if (!understood)
		visit_emit_completed(run->state, run->batch, work->item, claim, NULL, NULL);
	return revise(work, fault);
}

static enum verdict from_claim(struct run *run, struct item *item, struct fault *fault)
{
	struct visit_claim claim = visit_decode(&item->event, run->batch->arena);
	struct visit_installation *installation = visit_find(&run->set, claim.installation);
	enum verdict verdict;
	struct work work;

	if (!installation)
		installation = visit_find_by(&run->set, claim.visit);
	if (!installation && !claim.planned && !claim.customer.p) {
		batch_refuse(run->batch, item, REASON_ILLEGAL_TRANSITION,
			     "no visit of this id was ever due: name the installation or the customer that was visited");
		return OK;
	}
	if (!installation) {
		if (!claim.planned)
			visit_emit_completed(run->state, run->batch, item, &claim, NULL, NULL);
		return OK;
	}
	begin(&work, run, item, installation);
	/* Word of a visit may be quicker than our look at the directory. */
	verdict = installation->rows ? OK : revise(&work, fault);
	if (verdict == OK && claim.planned)
		planned(&work, &claim);
	else if (verdict == OK)
		verdict = made(&work, &claim, fault);
	return verdict;
}

/* ---- the batch ---- */

static enum verdict from_directory(struct run *run, struct item *item, struct fault *fault)
{
	enum verdict verdict = OK;

	for (size_t i = 0; i < run->page_count && verdict == OK; i++) {
		struct work work;

		begin(&work, run, item, visit_find(&run->set, run->page[i]));
		verdict = revise(&work, fault);
	}
	run->page_count = 0;
	return verdict;
}

static enum verdict one(struct run *run, struct item *item, struct fault *fault)
{
	struct work work;

	if (item->posted || (item->timer && str_is(item->timer->kind, "scan")))
		return from_directory(run, item, fault);
	if (!item->timer)
		return from_claim(run, item, fault);
	begin(&work, run, item, visit_find(&run->set, item->timer->ticket));
	return revise(&work, fault);
}

/* A version that comes into force later is looked at then: nothing else would say so. */
static void look_again(struct batch *batch, instant at)
{
	if (at != INSTANT_NONE)
		batch_timer_set(batch, NULL, &(struct timer){ .key = STR("scan"), .due = at, .kind = STR("scan") });
}

/* The next page of what has changed; more of it in the next batch. */
static enum verdict read_page(struct run *run, bool from_start, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct visit_scan *scan = &run->scan;
	instant next = INSTANT_NONE;
	int64_t policies = 0;
	enum verdict verdict;

	if (!knowledge_has_programme(run->state->knowledge, PROGRAMME_VISIT, batch->now, &next))
		return OK;
	verdict = visit_load_scan(batch, scan, &policies, fault);
	if (verdict)
		return verdict;
	if (scan->policies != policies || from_start) {
		*scan = (struct visit_scan){ .policies = policies, .changed = -1, .installation = STR("") };
		run->scanned = true;
		look_again(batch, next);
	}
	verdict = visit_load_page(batch, scan, PAGE_MAX, run->page, &run->page_count, fault);
	if (verdict)
		return verdict;
	run->scanned |= run->page_count > 0;
	if (run->page_count == PAGE_MAX)
		(void)worker_post(batch->worker, batch->topic, batch->partition, "watch", STR("{}"));
	return OK;
}

/* Everything that the items may be about, in two rounds: which installations, then these. */
static enum verdict load(struct run *run, struct fault *fault)
{
	struct batch *batch = run->batch;
	size_t most = 2 * batch->count + PAGE_MAX + 1, count = 0, visits = 0, named = 0;
	struct str *ids = arena_alloc(batch->arena, most * sizeof(*ids));
	struct str *names = arena_alloc(batch->arena, most * sizeof(*names));
	bool scan = false, from_start = false;
	enum verdict verdict = OK;

	run->page = arena_alloc(batch->arena, PAGE_MAX * sizeof(*run->page));
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		struct visit_claim claim;

		if (item->refused)
			continue;
		if (item->timer && str_is(item->timer->kind, "visit")) {
			ids[count++] = item->timer->ticket;
		} else if (item->posted || item->timer) {
			scan = true;
			from_start |= item->timer != NULL;
		} else {
			claim = visit_decode(&item->event, batch->arena);
			if (claim.installation.p)
				ids[count++] = claim.installation;
			else if (claim.visit.p)
				names[visits++] = claim.visit;
		}
	}
	if (scan)
		verdict = read_page(run, from_start, fault);
	for (size_t i = 0; i < run->page_count; i++)
		ids[count++] = run->page[i];
	if (verdict == OK)
		verdict = visit_load_named(batch, names, visits, ids + count, &named, fault);
	return verdict == OK ? visit_load(batch, ids, count + named, &run->set, fault) : verdict;
}

enum verdict survey_visits(struct survey_service *state, struct batch *batch, struct fault *fault)
{
	struct run run = { .state = state, .batch = batch };
	enum verdict verdict = load(&run, fault);

	for (size_t i = 0; i < batch->count && verdict == OK; i++)
		if (!batch->items[i].refused)
			verdict = one(&run, &batch->items[i], fault);
	if (verdict)
		return verdict;
	visit_save(batch, &run.set);
	if (run.scanned)
		visit_save_scan(batch, &run.scan);
	return OK;
}
