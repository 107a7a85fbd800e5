/* Which tables are a function of the topics, and for all others why they are not. Every table of the daemons is in one of
 * the two lists; one that is in neither makes the command fail. */
#include <string.h>

#include "common/worker/worker.h"
#include "services/ctl/rebuild.h"

#define TOPIC_TICKET_STATE "aftercare.ticket-state"

const struct rebuild_table rebuild_tables[] = {
	{ "survey.ticket", TOPIC_TICKETS, NULL, "rows_survey_ticket", NULL, false, NULL },
	{ "sla.ticket", TOPIC_TICKETS, "rebuild_followers", "rows_sla_ticket", NULL, false, NULL },
	{ "notification.ticket", TOPIC_TICKETS, NULL, "rows_notification_ticket", NULL, false, NULL },
	{ "routing.ticket", TOPIC_TICKETS, NULL, "rows_routing_ticket", NULL, false, NULL },
	{ "routing.workload", TOPIC_TICKETS, "rebuild_workload", "rows_routing_workload", NULL, true, NULL },
	{ "intake.ticket", TOPIC_TICKETS, "rebuild_intake_ticket", "rows_intake_ticket", NULL, false, NULL },
	{ "intake.claim", TOPIC_DIRECTORY, "rebuild_intake_claim", "rows_intake_claim", NULL, false, TOPIC_TICKETS },
	{ "sla.clock", TOPIC_TICKETS, "rebuild_clocks", "rows_sla_clock", "made_sla_clock", false, NULL },
	{ "survey.survey", TOPIC_TICKETS, "rebuild_surveys", "rows_survey_survey", NULL, false, NULL },
	{ "notification.message", TOPIC_MESSAGES, "rebuild_messages", "rows_notification_message", NULL, false, NULL },
	{ "directory.entity", TOPIC_DIRECTORY, "rebuild_entities", "rows_directory_entity", NULL, false, NULL },
	{ "directory.installation", TOPIC_DIRECTORY, "rebuild_installations", "rows_directory_installation", NULL, false, NULL },
	{ "directory.presence", TOPIC_DIRECTORY, "rebuild_presence", "rows_directory_presence", NULL, false, NULL },
	{ "survey.visit", TOPIC_DESK, "rebuild_visits", "rows_survey_visit", "made_survey_visit", false, NULL },
	{ "notification.counter", TOPIC_MESSAGES, "rebuild_counters", "rows_notification_counter", NULL, true, TOPIC_TICKETS },
	{ "reporting.ticket", TOPIC_TICKETS, "rebuild_snapshots", "rows_reporting_ticket", "made_reporting_ticket", false, NULL },
	{ "reporting.level", TOPIC_TICKETS, "rebuild_levels", "rows_reporting_level", NULL, true, NULL },
	{ "reporting.due", TOPIC_TICKETS, "rebuild_dues", "rows_reporting_due", NULL, true, NULL },
	{ "*.dead_letter", TOPIC_DEAD, NULL, "rows_dead_letter", "made_dead_letter", false, NULL },
	{ 0 }
};

const struct rebuild_excluded rebuild_excluded[] = {
	{ "*.source", NULL, "where each daemon stands and under which epoch: counts takes and crashes, not events" },
	{ "*.outbox", NULL, "what is published is the topics themselves; what is cleared away depends on when" },
	{ "*.watermark", NULL, "pairs of (incarnation, sequence) as a daemon met them: writers' incarnations come from the clock" },
	{ "*.timer", NULL, "follows from clocks, surveys and policies; fired and cancelled ones leave facts, which are compared" },
	{ "*.dead_letter", "id, headers, event_id, event_source, event_type, redriven_at",
	  "numbered on arrival; headers are published with others beside them; redriving is told to no topic" },
	{ "routing.ticket", "facts, evidence, before, waiting_since", "routing's memory of what its rules and gates look for" },
	{ "sla.ticket", "facts; rows of things of the desk", "the memory of what clocks listen to; a thing has no facts of its own" },
	{ "sla.clock", "warned, started_revision; clocks of things of the desk",
	  "which of the policy's warnings was given, and which fact started it: the log says at how many percent, and when" },
	{ "sla.clock", "rule, started_at, calendar after a regrade; paused_us then and with a calendar",
	  "a rule that takes over without moving the due time says nothing" },
	{ "survey.survey", "rows planned or dropped", "a survey is in the log from the day it is due" },
	{ "survey.visit", "planned_on, named, recorded where no visit.missed or visit.completed tells of it; times of day",
	  "a later word of a visit leaves no fact, and facts say days" },
	{ "survey.visit_scan", NULL, "how far a lane has come with the directory" },
	{ "notification.message", "via, lease_until, desk, policy; attempts, reason, uncertain while it waits; rows held, or given up then",
	  "an attempt that is not the last tells nobody, nor does a message that waits for a part of its text" },
	{ "notification.counter", "told, held", "when a rule was last obeyed, and which messages wait: follows from policies" },
	{ "reporting.ticket", "clocks of a ticket that has had more than 32",
	  "the oldest ones are dropped; department, customer and updated_at are those of the last snapshot on aftercare.ticket-state" },
	{ "reporting.lane", NULL, "since when a lane counts: the time of its first batch" },
	{ "reporting.count", NULL, "the window that a fact is counted in depends on when it was read, and counting begins when a lane is "
	  "first taken; of levels the sum over all windows is compared as reporting.level" },
	{ "reporting.level", "counters", "as reporting.count" },
	{ "reporting.due", "minutes without clocks", "cleared away now and then" },
	{ "reporting.published", NULL, "how far windows are published" },
	{ "reporting.republish", NULL, "what operators asked for" },
	{ "reporting.republished", NULL, "what operators asked for" },
	{ "policy.version", NULL, "loaded by operators from files, not from a topic" },
	{ "policy.step", NULL, "notes who loaded, reviewed, approved and abolished a version" },
	{ "policy.generation", NULL, "counts changes, in whatever order two daemons made them" },
	{ "directory.generation", NULL, "counts batches" },
	{ "directory.installation", "lane, changed, manufacturer_months, quality_grade",
	  "the lane follows from the id, `changed` counts batches; the numbers are taken out of directory.entity, which is compared" },
	{ "directory.serial", NULL, "of two installations with one number the later batch wins: taken out of directory.entity" },
	{ 0 }
};

const char *const rebuild_topics[] = { TOPIC_TICKETS, TOPIC_DESK, TOPIC_MESSAGES, TOPIC_DIRECTORY, TOPIC_DEAD, TOPIC_TICKET_STATE,
					    NULL };

int64_t rebuild_gone(const struct rebuild *rebuild, const char *topic)
{
	for (size_t i = 0; i < array_count(rebuild->gone) && rebuild->gone[i].topic; i++)
		if (strcmp(rebuild->gone[i].topic, topic) == 0)
			return rebuild->gone[i].records;
	return 0;
}
