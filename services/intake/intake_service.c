/* aftercare-intake: the only door. Whatever comes from outside is checked, de-duplicated and registered or passed on here.
 *
 * This file is the table of the service: what it reads and what does the work. It must never decide anything. */
#include "services/intake/intake.h"

static enum verdict intake_open(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct intake *intake = mem_zero(sizeof(*intake));
	enum verdict verdict;

	(void)worker;
	(void)conf;
	verdict = schema_load(&intake->schemas, fault);
	if (verdict != OK) {
		mem_free(intake);
		return verdict;
	}
	intake->knowledge = knowledge_new();
	intake->customers_at = -1;
	intake->written = intake_written_members(NULL);
	intake->written_profile = intake_written_members("customer");
	*ret_state = intake;
	return OK;
}

static void intake_close(void *state)
{
	struct intake *intake = state;

	if (!intake)
		return;
	knowledge_free(intake->knowledge);
	schema_free(intake->schemas);
	mem_free((void *)(uintptr_t)intake->written);
	mem_free((void *)(uintptr_t)intake->written_profile);
	mem_free(intake->types);
	arena_done(&intake->names);
	buf_done(&intake->body);
	mem_free(intake);
}

static enum verdict intake_handle(void *state, struct batch *batch, struct fault *fault)
{
	struct str topic = str_of(batch->topic);

	if (str_is(topic, TOPIC_TICKETS))
		return intake_follow_log(batch, fault);
	if (str_is(topic, TOPIC_DESK))
		return OK;
	if (str_is(topic, TOPIC_DIRECTORY))
		return intake_directory(state, batch, fault);
	return intake_claims(state, batch, fault);
}

static bool wants_nothing(struct str name)
{
	(void)name;
	return false;
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_INBOUND, .kind = TOPIC_OUTSIDE },
	{ .name = TOPIC_STAFF, .kind = TOPIC_OUTSIDE },
	{ .name = TOPIC_DIRECTORY, .kind = TOPIC_OUTSIDE },
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = intake_wants },
	/* Only to keep it: what strangers put there becomes a dead letter. */
	{ .name = TOPIC_DESK, .kind = TOPIC_LOG, .wants = wants_nothing, .keeper = true },
	{ 0 },
};

static const char *const sql[] = { "services/intake/intake.sql", NULL };

const struct service intake_service = {
	.name = "intake",
	.summary = "checks, de-duplicates and registers everything that comes from outside",
	.topics = topics,
	.sql = sql,
	.open = intake_open,
	.close = intake_close,
	.check = intake_check,
	.handle = intake_handle,
};
