/* A batch of survey, downhill: follow the tickets, load their surveys, decide item by item, save.
 *
 * Two sources write the same rows: the ticket log (closings, answers, the timers of planned surveys) and aftercare.messages
 * (what became of the question, the timers of answers that do not come). The worker locks the lane for both. */
#include "services/survey/survey_visit.h"

struct run {
	struct survey_service *state;
	struct batch *batch;
	struct ticket_set tickets;
	struct survey_set surveys;
};

/* One item at work. */
struct work {
	struct run *run;
	struct item *item;
	struct ticket *ticket;
	const struct policy *policies[TICKET_POLICIES_MAX];
};

static struct str timer_key(struct batch *batch, const char *kind, struct str id)
{
	return str_format(batch->arena, "%s:%.*s", kind, STR_ARG(id));
}

static void timer_start(struct work *work, const char *kind, const struct survey *survey, instant due)
{
	struct batch *batch = work->run->batch;

	batch_timer_set(batch, work->item, &(struct timer){
		.key = timer_key(batch, kind, survey->id), .due = due, .kind = str_of(kind), .ticket = survey->ticket, .data = survey->id,
	});
}

static void emit(struct work *work, const struct survey *survey, const char *name, instant at)
{
	survey_emit(work->run->state, work->run->batch, work->item, work->ticket, survey, str_of(name), at);
}

/* ---- what a closing brings ---- */

static void plan(struct work *work, const struct survey_choice *choice, instant at)
{
	struct batch *batch = work->run->batch;
	struct survey *mine = survey_first(&work->run->surveys, work->ticket);
	struct survey planned;
	bool followup;

	if (!survey_plan(choice, work->ticket, at, batch->now, mine, &planned))
		return;
	followup = planned.type == SURVEY_TYPE_FOLLOWUP;
	planned.id = str_format(batch->arena, "%.*s.%s%d", STR_ARG(work->ticket->id), followup ? "f" : "s",
				survey_number(mine, planned.type));
	survey_add(batch, &work->run->surveys, work->ticket, &planned);
	if (planned.state == SURVEY_PLANNED)
		timer_start(work, "due", &planned, planned.due_at);
	else
		emit(work, &planned, followup ? "followup.due" : "survey.due", batch->now);
}

static void programmes_follow(struct work *work)
{
	struct batch *batch = work->run->batch;
	const struct event *event = &work->item->event;
	struct survey_choice choices[SURVEY_CHOICES_MAX];
	const struct value *vector;
	size_t count;

	if (!survey_listens(event->name, work->policies, work->ticket->policy_count))
		return;
	vector = knowledge_vector(work->run->state->knowledge, batch, work->ticket, work->item, NULL);
	count = survey_choose(event->name, work->policies, work->ticket->policy_count, vector, batch->now, choices, SURVEY_CHOICES_MAX);
	for (size_t i = 0; i < count; i++)
		plan(work, &choices[i], event->time != INSTANT_NONE ? event->time : batch->now);
}

/* The closing is undone: what had not come up yet will not. */
static void drop_planned(struct work *work)
{
	for (struct survey *survey = survey_first(&work->run->surveys, work->ticket); survey; survey = survey->next) {
		if (survey->state != SURVEY_PLANNED)
			continue;
		survey->state = SURVEY_DROPPED;
		survey->ended_at = work->run->batch->now;
		survey->changed = true;
		batch_timer_cancel(work->run->batch, timer_key(work->run->batch, "due", survey->id));
	}
}

/* ---- answers ---- */

/* The attributes of a rule on survey.scored: event.* is that fact's data, not the claim's. */
static const struct value *vector_of(struct work *work, struct str body)
{
	struct batch *batch = work->run->batch;
	struct fault ignored = FAULT_NONE;
	struct item scored = { .event = { .name = STR("survey.scored"), .time = batch->now } };

	if (doc_parse(&scored.event.doc, body, batch->arena, &ignored) != OK)
		scored.event.doc = (struct doc){ 0 };
	return knowledge_vector(work->run->state->knowledge, batch, work->ticket, &scored, NULL);
}

static void answered(struct work *work)
{
	struct batch *batch = work->run->batch;
	const struct doc *doc = &work->item->event.doc;
	struct survey_answer answer = survey_decode_answer(doc, batch->arena);
	struct survey *survey = survey_find(&work->run->surveys, work->ticket, doc_get(doc, "survey", batch->arena));
	instant at = work->item->event.time != INSTANT_NONE ? work->item->event.time : batch->now;
	const struct policy *policy = NULL;
	const struct programme *programme;
	const struct value *vector;

	if (!survey || !survey_becomes_scored(survey, &answer, at)) {
		batch_repeat(batch, work->item);
		return;
	}
	programme = survey_programme(survey, work->policies, work->ticket->policy_count, &policy);
	vector = knowledge_vector(work->run->state->knowledge, batch, work->ticket, work->item, NULL);
	survey->satisfied = survey_satisfied(programme, &answer, vector, batch->now);
	vector = vector_of(work, survey_emit(work->run->state, batch, work->item, work->ticket, survey, STR("survey.scored"), at));
	if (!survey_wants_reopening(programme, vector, batch->now))
		return;
	if (survey_may_reopen(work->ticket, work->policies, work->ticket->policy_count, batch->now))
		survey_emit_rejected(work->run->state, batch, work->item, work->ticket, survey);
	else if (work->ticket->state == STATE_CLOSED)
		survey_emit_task(work->run->state, batch, work->item, work->ticket, survey, NULL, 1,
				 STR("dissatisfied customer; too late to reopen"));
}

/* ---- the question: delivered, or never answered ---- */

static void delivered(struct work *work, struct survey *survey)
{
	struct batch *batch = work->run->batch;
	instant at = work->item->event.time != INSTANT_NONE ? work->item->event.time : batch->now;
	const struct policy *policy = NULL;
	const struct programme *programme = survey_programme(survey, work->policies, work->ticket->policy_count, &policy);

	if (!survey_becomes_sent(survey, at))
		return;
	emit(work, survey, "survey.sent", at);
	if (survey->state == SURVEY_SENT && programme && programme->has_respond_within)
		timer_start(work, "unreturned", survey, instant_add(at, programme->respond_within, policy->zone_offset_us));
}

static void unreturned(struct work *work, struct survey *survey)
{
	struct batch *batch = work->run->batch;
	const struct policy *policy = NULL;
	const struct programme *programme = survey_programme(survey, work->policies, work->ticket->policy_count, &policy);
	int number = 1;

	if (!survey_becomes_unreturned(survey, work->item->timer->due))
		return;
	emit(work, survey, "survey.unreturned", work->item->timer->due);
	for (size_t i = 0; programme && i < programme->missed.count; i++) {
		const struct action *action = &programme->missed.items[i];

		if (action->type == ACTION_TASK)
			survey_emit_task(work->run->state, batch, work->item, work->ticket, survey, action, number++,
					 action->what.n ? action->what : STR("survey not returned"));
	}
}

/* ---- the batch ---- */

/* The ticket that an item matters to; absent: it matters to none. */
static struct str ticket_of(const struct item *item, bool messages, struct arena *arena)
{
	if (item->refused)
		return STR_NONE;
	if (messages && !item->timer && !survey_of_message(&item->event.doc, arena).p)
		return STR_NONE;
	return ticket_of_item(item, arena);
}

/* Whether the surveys of a ticket matter to an item. A ticket that is registered in this batch has none yet. */
static enum verdict needs_surveys(struct run *run, const struct item *item, const struct ticket *ticket, bool messages, bool *ret,
				  struct fault *fault)
{
	const struct policy *policies[TICKET_POLICIES_MAX];
	enum verdict verdict;

	*ret = item->timer || messages || str_is(item->event.name, "ticket.reopened") ||
	       str_is(item->event.name, "ticket.survey_answered");
	if (*ret || !ticket->known)
		return OK;
	verdict = knowledge_policies(run->state->knowledge, run->batch, ticket, policies, fault);
	if (verdict == OK)
		*ret = survey_listens(item->event.name, policies, ticket->policy_count);
	return verdict;
}

static enum verdict load(struct run *run, bool messages, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct str *ids = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*ids));
	size_t count = 0;
	bool *wanted;
	enum verdict verdict;

	for (size_t i = 0; i < batch->count; i++) {
		struct str id = ticket_of(&batch->items[i], messages, batch->arena);

		if (id.p)
			ids[count++] = id;
	}
	verdict = ticket_load_ids(batch, ids, count, &run->tickets, fault);
	wanted = arena_zero(batch->arena, run->tickets.count + 1);
	for (size_t i = 0; i < batch->count && verdict == OK; i++) {
		const struct ticket *ticket = ticket_find(&run->tickets, ticket_of(&batch->items[i], messages, batch->arena));
		bool needs = false;

		if (ticket)
			verdict = needs_surveys(run, &batch->items[i], ticket, messages, &needs, fault);
		if (needs)
			wanted[ticket - run->tickets.items] = true;
	}
	return verdict == OK ? survey_load(batch, &run->tickets, wanted, &run->surveys, fault) : verdict;
}

static void from_timer(struct work *work)
{
	const struct timer *timer = work->item->timer;
	struct survey *survey = survey_find(&work->run->surveys, work->ticket, timer->data);

	if (!survey)
		return;
	if (str_is(timer->kind, "due") && survey_becomes_due(survey))
		emit(work, survey, "survey.due", work->run->batch->now);
	else if (str_is(timer->kind, "unreturned"))
		unreturned(work, survey);
}

static enum verdict one(struct run *run, struct item *item, bool messages, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct work work = { .run = run, .item = item };
	struct survey *survey;
	enum verdict verdict;

	work.ticket = ticket_find(&run->tickets, ticket_of(item, messages, batch->arena));
	if (!work.ticket || item->posted)
		return OK;
	if (!item->timer && !messages)
		ticket_apply(batch, work.ticket, item);
	if (!work.ticket->known)
		return OK;
	verdict = knowledge_policies(run->state->knowledge, batch, work.ticket, work.policies, fault);
	if (verdict)
		return verdict;
	if (item->timer) {
		from_timer(&work);
	} else if (messages) {
		survey = survey_find(&run->surveys, work.ticket, survey_of_message(&item->event.doc, batch->arena));
		/* A question that could not be delivered stays due; notification has opened a task. */
		if (survey && str_is(item->event.name, "notify.sent"))
			delivered(&work, survey);
	} else {
		if (str_is(item->event.name, "ticket.reopened"))
			drop_planned(&work);
		if (str_is(item->event.name, "ticket.survey_answered"))
			answered(&work);
		programmes_follow(&work);
	}
	return OK;
}

enum verdict survey_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct run run = { .state = state, .batch = batch };
	bool messages = str_is(str_of(batch->topic), TOPIC_MESSAGES);
	enum verdict verdict = knowledge_refresh(run.state->knowledge, batch, false, fault);

	if (verdict == OK && str_is(str_of(batch->topic), TOPIC_DESK))
		return survey_visits(state, batch, fault);
	if (verdict == OK)
		verdict = load(&run, messages, fault);
	for (size_t i = 0; i < batch->count && verdict == OK; i++)
		if (!batch->items[i].refused)
			verdict = one(&run, &batch->items[i], messages, fault);
	if (verdict)
		return verdict;
	ticket_save(batch, &run.tickets);
	survey_save(batch, &run.surveys);
	return OK;
}
