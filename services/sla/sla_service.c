/* aftercare-sla: the watchdog. Starts, stops, warns about and breaches the clocks that the policies hang on tickets, and on
 * what is no ticket: projects, calls, vulnerabilities.
 *
 * Reads the facts of the ticket log, claims of the desk and its own timers; writes sla.* facts behind them. What a breach leads to is done by
 * those who read it. This file is the table of the service; it must never decide anything. */
#include "services/sla/sla_run.h"

static bool wants(struct str name)
{
	return str_starts(name, STR("ticket."));
}

static bool wants_of_desk(struct str name)
{
	return desk_event_of(name) != NULL;
}

static enum verdict open_state(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct sla *sla = mem_zero(sizeof(*sla));

	(void)worker, (void)conf, (void)fault;
	sla->knowledge = knowledge_new();
	*ret_state = sla;
	return OK;
}

static void close_state(void *state)
{
	struct sla *sla = state;

	if (!sla)
		return;
	knowledge_free(sla->knowledge);
	buf_done(&sla->body);
	mem_free(sla);
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = wants },
	{ .name = TOPIC_DESK, .kind = TOPIC_LOG, .wants = wants_of_desk },
	{ 0 },
};
static const char *const sql[] = { "services/sla/sla.sql", NULL };
const struct service sla_service = {
	.name = "sla",
	.summary = "watches the clocks of tickets: started, warned, met, breached",
	.topics = topics,
	.fetch_wait = 50 * MILLISECOND,
	.sql = sql,
	.open = open_state,
	.close = close_state,
	.handle = sla_handle,
};
