/* JSON to structs and back: answers, reports about messages; survey.* and followup.due facts, tasks, and the one claim by
 * which a dissatisfied customer's ticket is asked to be opened again. Nothing is decided here. */
#include "services/survey/survey.h"

bool survey_wants_ticket(struct str name)
{
	return str_starts(name, STR("ticket."));
}

bool survey_wants_message(struct str name)
{
	return str_is(name, "notify.sent") || str_is(name, "notify.failed");
}

struct str survey_of_message(const struct doc *doc, struct arena *arena)
{
	if (!str_is(doc_get(doc, "why.name", arena), "survey.due"))
		return STR_NONE;
	return doc_get(doc, "why.about", arena);
}

static struct str raw_of(const struct doc *doc, const char *name, enum doc_type first, enum doc_type second)
{
	uint32_t node = doc_member(doc, 0, str_of(name));

	return node && (doc_type(doc, node) == first || doc_type(doc, node) == second) ? doc_raw(doc, node) : STR_NONE;
}

struct survey_answer survey_decode_answer(const struct doc *doc, struct arena *arena)
{
	static const char *const paths[] = { "satisfied", "answers.satisfied" };
	struct survey_answer answer = {
		.score = raw_of(doc, "score", DOC_NUMBER, DOC_NUMBER),
		.answers = raw_of(doc, "answers", DOC_OBJECT, DOC_ARRAY),
		.comment = doc_get(doc, "comment", arena),
	};

	for (size_t i = 0; i < array_count(paths) && !answer.says; i++) {
		uint32_t node = doc_path(doc, 0, str_of(paths[i]));

		answer.says = node && (doc_type(doc, node) == DOC_TRUE || doc_type(doc, node) == DOC_FALSE);
		answer.satisfied = answer.says && doc_true(doc, node);
	}
	return answer;
}

static void write_json(struct writer *writer, const char *key, struct str json)
{
	write_key(writer, key);
	if (json.p)
		write_raw(writer, json);
	else
		write_null(writer);
}

/* {"role": "csr"} or {"person": "E017"}: a path stands for a person and is not resolved here. */
static void write_recipient(struct writer *writer, const struct survey *survey)
{
	write_key(writer, "to");
	write_open(writer, '{');
	write_member(writer, "role", survey->recipient);
	write_close(writer, '}');
	write_member_if(writer, "not", survey->excluded);
}

static void write_result(struct writer *writer, const struct survey *survey)
{
	write_json(writer, "score", survey->score);
	if (survey->satisfied.p)
		write_json(writer, "satisfied", survey->satisfied);
	if (survey->answers.p)
		write_json(writer, "answers", survey->answers);
	write_member_if(writer, "comment", survey->comment);
}

static struct str send(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		       struct str name, instant at)
{
	struct str body = str_copy(batch->arena, buf_view(&state->body));

	batch_emit(batch, item, &(struct outgoing){
		.topic = TOPIC_TICKETS, .partition = batch->partition, .name = name, .subject = ticket->id, .at = at,
		.arrived = INSTANT_NONE, .revision = ticket->revision, .body = body,
	});
	return body;
}

struct str survey_emit(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		       const struct survey *survey, struct str name, instant at)
{
	struct writer writer = { .buf = &state->body };

	buf_clear(&state->body);
	ticket_fact_open(&writer, ticket, ticket->revision, at, batch->now);
	write_member(&writer, survey->type == SURVEY_TYPE_FOLLOWUP ? "followup" : "survey", survey->id);
	write_member(&writer, "programme", survey->programme);
	write_member_if(&writer, "form", survey->form);
	write_recipient(&writer, survey);
	write_member_instant(&writer, "due_at", survey->due_at);
	write_member_int(&writer, "closing", survey->closing);
	if (str_is(name, "survey.scored"))
		write_result(&writer, survey);
	write_close(&writer, '}');
	return send(state, batch, item, ticket, name, at);
}

void survey_emit_task(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		      const struct survey *survey, const struct action *action, int ordinal, struct str what)
{
	struct writer writer = { .buf = &state->body };
	struct str whom = action && action->to.count ? action->to.items[0] : STR("csr");

	buf_clear(&state->body);
	ticket_fact_open(&writer, ticket, ticket->revision, batch->now, batch->now);
	write_member(&writer, "task", str_format(batch->arena, "%.*s.t%d", STR_ARG(survey->id), ordinal));
	write_member(&writer, "what", what);
	write_member(&writer, "for", whom);
	write_member_instant(&writer, "due_at", action && action->has_due ? instant_add(batch->now, action->due, 0) : INSTANT_NONE);
	write_member(&writer, "survey", survey->id);
	write_close(&writer, '}');
	send(state, batch, item, ticket, STR("task.opened"), batch->now);
}

void survey_emit_rejected(struct survey_service *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			  const struct survey *survey)
{
	struct writer writer = { .buf = &state->body };

	buf_clear(&state->body);
	write_open(&writer, '{');
	write_member(&writer, "ticket", ticket->id);
	write_member(&writer, "reason", survey->comment.n ? survey->comment : STR("dissatisfied with the service (survey)"));
	write_member(&writer, "survey", survey->id);
	write_json(&writer, "score", survey->score);
	write_close(&writer, '}');
	batch_emit(batch, item, &(struct outgoing){
		.topic = TOPIC_INBOUND, .partition = -1, .key = ticket->cause_id,
		.id = str_format(batch->arena, "%.*s.rejected", STR_ARG(survey->id)), .source = STR("aftercare/survey"),
		.name = STR("customer.rejected"), .subject = ticket->id, .at = batch->now, .arrived = INSTANT_NONE,
		.body = str_copy(batch->arena, buf_view(&state->body)),
	});
}
