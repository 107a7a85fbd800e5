/* aftercare-reporting: what dashboards read. A compacted snapshot per ticket, and windows of counters.
 *
 * Reads the ticket log and aftercare.messages; writes aftercare.ticket-state and aftercare.metrics. This file is the table of the
 * service. It must never decide anything. */
#include "services/reporting/reporting.h"

#include <string.h>

static const struct conf_key keys[] = {
	{ "windows", CONF_STRING, "PT1M PT1H", 0, 0, offsetof(struct reporting_conf, windows),
	  "Lengths of the windows on aftercare.metrics, ISO 8601, separated by blanks, the shortest first, at most 4; each divides a day "
	  "and is a multiple of the first." },
	{ "grace", CONF_DURATION, "2s", 0, HOUR, offsetof(struct reporting_conf, grace),
	  "How long after its end a window stays open for facts that are still on their way." },
	{ "pseudonym_secret", CONF_SECRET, "", 0, 0, offsetof(struct reporting_conf, pseudonym_secret),
	  "What customers' pseudonyms on aftercare.ticket-state are made with, 16 bytes or more: credential:NAME or file:PATH; "
	  "empty: snapshots name no customer at all." },
	{ 0 }
};

static void service_close(void *userdata)
{
	struct reporting *state = userdata;

	if (!state)
		return;
	knowledge_free(state->knowledge);
	mem_free(state->lanes);
	buf_done(&state->body);
	mem_free(state);
}

static enum verdict service_open(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	const struct reporting_conf *keyed = conf;
	struct reporting *state = mem_zero(sizeof(*state));
	enum verdict verdict;

	(void)worker;
	state->grace = keyed->grace;
	state->secret = str_of(keyed->pseudonym_secret && *keyed->pseudonym_secret ? keyed->pseudonym_secret : NULL);
	verdict = reporting_windows_parse(str_of(keyed->windows), state, fault);
	if (verdict == OK && state->secret.p && state->secret.n < 16)
		verdict = fault_set(fault, FATAL, "pseudonym_secret: %zu bytes, at least 16 are wanted", state->secret.n);
	if (verdict) {
		service_close(state);
		return verdict;
	}
	state->knowledge = knowledge_new();
	*ret_state = state;
	return OK;
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = reporting_wants_ticket },
	{ .name = TOPIC_MESSAGES, .kind = TOPIC_LOG_BESIDE, .wants = reporting_wants_message },
	{ 0 }
};
static const char *const writes[] = { TOPIC_TICKET_STATE, TOPIC_METRICS, NULL };
static const char *const sql[] = { "services/reporting/reporting.sql", NULL };
const struct service reporting_service = {
	.name = "reporting",
	.summary = "snapshots of tickets and windows of counters for dashboards",
	.topics = topics,
	.writes = writes,
	.fetch_wait = 100 * MILLISECOND,
	.gather = 100 * MILLISECOND,
	.sql = sql,
	.keys = keys,
	.conf_size = sizeof(struct reporting_conf),
	.open = service_open,
	.close = service_close,
	.handle = reporting_handle,
	.watch = "republish_newest",
};
