/* aftercare-routing: who works on a ticket, and the one writer of its lifecycle.
 *
 * Reads the ticket log: what intake registered, and the claims it let in; and from aftercare.messages what customers have been
 * told. Writes ticket.* facts behind them. */
#include "services/routing/routing_run.h"

static bool wants(struct str name)
{
	static const char *const families[] = {
		"staff.", "customer.", "plan.", "quote.", "upgrade.", "factory.", "return.", "message.", "order.", "payment.",
	};
	static const char *const names[] = {
		"ticket.registered", "ticket.incomplete", "request.supplemented", "task.done", "survey.answered", "sla.breached",
		"sla.warned", "survey.scored", "project.completed", "warranty_card.issued", "audit.judged",
	};

	for (size_t i = 0; i < array_count(families); i++)
		if (str_starts(name, str_of(families[i])))
			return true;
	for (size_t i = 0; i < array_count(names); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

/* What the customer was told; of all else that notification says, nothing. */
static bool wants_message(struct str name)
{
	return str_is(name, "notify.sent");
}

static enum verdict open_state(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct routing *routing = mem_zero(sizeof(*routing));

	(void)worker, (void)conf, (void)fault;
	routing->knowledge = knowledge_new();
	*ret_state = routing;
	return OK;
}

static void close_state(void *state)
{
	struct routing *routing = state;

	knowledge_free(routing->knowledge);
	buf_done(&routing->body);
	buf_done(&routing->merged);
	mem_free(routing);
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = wants, .keeper = true },
	{ .name = TOPIC_MESSAGES, .kind = TOPIC_LOG_BESIDE, .wants = wants_message },
	{ 0 },
};
static const char *const sql[] = { "services/routing/routing.sql", NULL };
const struct service routing_service = {
	.name = "routing",
	.summary = "decides every step of a ticket's life and who works on it",
	.topics = topics,
	.sql = sql,
	.open = open_state,
	.close = close_state,
	.handle = routing_handle,
	.watch = "people_generation",
};
