/* aftercare-survey: follow-up calls and satisfaction surveys after a case, visits by the calendar.
 *
 * Reads the ticket log, what became of its questions from aftercare.messages, and what is said of visits from the desk;
 * learns of installations from the directory; writes survey.*, followup.due and visit.*. This file is the table of the
 * service. It must never decide anything. */
#include "services/survey/survey_visit.h"

static enum verdict service_open(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct survey_service *state = mem_zero(sizeof(*state));

	(void)worker, (void)conf, (void)fault;
	state->knowledge = knowledge_new();
	*ret_state = state;
	return OK;
}

static void service_close(void *userdata)
{
	struct survey_service *state = userdata;

	if (!state)
		return;
	knowledge_free(state->knowledge);
	buf_done(&state->body);
	mem_free(state);
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = survey_wants_ticket },
	{ .name = TOPIC_DESK, .kind = TOPIC_LOG, .wants = survey_wants_desk },
	{ .name = TOPIC_MESSAGES, .kind = TOPIC_LOG_BESIDE, .wants = survey_wants_message, .keeper = true },
	{ 0 }
};
static const char *const sql[] = { "services/survey/survey.sql", "services/survey/survey_visit.sql", NULL };
const struct service survey_service = {
	.name = "survey",
	.summary = "surveys, follow-up calls and visits",
	.topics = topics,
	.fetch_wait = 100 * MILLISECOND,
	.sql = sql,
	.open = service_open,
	.close = service_close,
	.handle = survey_handle,
	.watch = "visit_generation",
};
