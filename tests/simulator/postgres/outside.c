/* The world outside all services: a few people, and requests that are worked to their ends, each step when the fact of the step
 * before has been read; among them repeats, what is refused, and requests whose time for an answer is nearly over. */
#include "tests/simulator/simulator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/io/conf.h"
#include "services/intake/intake.h"
#include "services/notification/notification.h"
#include "services/reporting/reporting.h"
#include "services/routing/routing_run.h"
#include "services/sla/sla_run.h"
#include "services/survey/survey.h"

#define JOBS_MAX 5
#define FACTS_EVERY 40

const uint64_t runs_at_once = 1, runs_compared = 5;
const char *const program_name = "simulator_postgres", *const program_words = "STORE=postgres ";

static const struct service *const services[] = {
	&intake_service, &routing_service, &sla_service, &notification_service, &survey_service, &reporting_service,
};

struct stage {
	const char *claim, *data, *fact, *by;
	enum log log;
};
static const struct stage stages[] = {
	{ "request.submitted", NULL, "ticket.assigned", NULL, LOG_INBOUND },
	{ "staff.replied", "\"text\": \"we are looking into it\"", "ticket.replied", "engineer", LOG_STAFF },
	{ "staff.contacted", NULL, "ticket.contacted", "engineer", LOG_STAFF },
	{ "staff.worked", "\"content\": \"restarted\"", "ticket.worked", "engineer", LOG_STAFF },
	{ "staff.resolved", "\"solution\": \"configuration corrected\"", "ticket.resolved", "engineer", LOG_STAFF },
	{ "customer.confirmed", "\"satisfied\": true, \"score\": 5, \"comment\": \"works again\", \"signature\": {\"signer\": \"Wang Min\", "
	  "\"time\": \"2026-01-05T16:20:00+08:00\", \"reference\": \"scan-118\"}", "ticket.confirmed", NULL, LOG_INBOUND },
	{ "staff.close_requested", NULL, "ticket.closed", "csr", LOG_STAFF },
};
static const char *const people[][2] = {
	{ "csr", "" }, { "dispatcher", "" }, { "manager", "" },
	{ "engineer", ", \"skills\": [{\"product\": \"AX\", \"fault_type\": \"*\", \"level\": 3}]" },
};

struct job {
	size_t stage;                        /* the one whose fact is waited for */
	bool sent;
	int64_t send_at;
	struct str ticket;
};
static struct {
	bool people_sent;
	size_t people_known;
	struct job jobs[JOBS_MAX];
	int job_count, done;
	int poison;                          /* so many are still to be sent */
	struct { enum log log; int32_t lane; struct entry entry; } last;   /* to be repeated */
} outside;
static const void *confs[array_count(services)];

/* ---- who takes part ---- */

static const void *defaults_of(const struct service *service)
{
	struct fault fault = FAULT_NONE;
	struct conf *conf;
	void *target;

	if (!service->keys)
		return NULL;
	target = mem_zero(service->conf_size);
	const struct conf_table tables[] = { { service->keys, target }, { 0 } };
	if (conf_load(NULL, tables, stderr, &conf, &fault)) {
		fprintf(stderr, "simulator: %s: %s\n", service->name, fault.text);
		abort();
	}
	return target;
}

void outside_open(void)
{
	memset(&outside, 0, sizeof(outside));
	world.log_count = LOGS;
	world.group_count = (int)array_count(services);
	world.kills_most = 2;
	/* A dead letter that is no longer in an outbox would look like one that never was. */
	world.keeps_all = true;
	world.faults_group = (int)chance(once_in(3) ? world.group_count : 3);
	world.faults_left = 4 + chance(40);
	world.faults_every = 20 + chance(100);
	for (int group = 0; group < world.group_count; group++) {
		if (!confs[group])
			confs[group] = defaults_of(services[group]);
		for (int n = group == world.faults_group ? 2 : 1 + once_in(6); n > 0; n--) {
			struct actor *actor = &world.actors[world.actor_count++];

			actor->group = group;
			actor->service = services[group];
			actor->service_conf = confs[group];
			snprintf(actor->name, sizeof(actor->name), "%.6s%d", services[group]->name, n);
		}
	}
	outside.job_count = 1 + (int)chance(JOBS_MAX);
	outside.poison = (int)chance(4);
	for (int n = 0; n < outside.job_count; n++)
		outside.jobs[n].send_at = chance(6 * SECOND);
}

/* ---- what is sent ---- */

static struct bus_header *header(struct bus_header *to, const char *name, struct str value)
{
	if (!value.p)
		return to;
	*to = (struct bus_header){ str_of(name), value };
	return to + 1;
}

static void publish(enum log log, struct str key, const char *name, struct str id, struct str subject, instant at, struct str data)
{
	struct bus_header *headers = arena_alloc(&world.arena, 8 * sizeof(*headers)), *end = headers;
	char time[INSTANT_TEXT];

	(void)instant_format(at, time);
	end = header(end, "ce_specversion", STR("1.0"));
	end = header(end, "ce_id", id);
	end = header(end, "ce_source", STR("simulator"));
	end = header(end, "ce_type", str_format(&world.arena, "aftercare.%s.v1", name));
	end = header(end, "ce_time", str_copy(&world.arena, str_of(time)));
	end = header(end, "ce_subject", subject);
	end = header(end, "content-type", STR("application/json"));
	const struct entry entry = { key, data, headers, (size_t)(end - headers) };
	int32_t lane = hash_partition(key, LANES);
	say("outside: %s %.*s", name, STR_ARG(id));
	broker_append(log, lane, &entry);
	outside.last.log = log;
	outside.last.lane = lane;
	outside.last.entry = entry;
}

static void people_send(void)
{
	outside.people_sent = true;
	for (size_t i = 0; i < array_count(people); i++)
		publish(LOG_DIRECTORY, str_format(&world.arena, "staff:%s", people[i][0]), "staff.upserted",
			str_format(&world.arena, "person-%zu", i), STR_NONE, worker_wall(),
			str_format(&world.arena, "{\"id\": \"%s\", \"name\": \"%s\", \"role\": \"%s\", \"onboarding_passed\": true%s}", people[i][0],
				   people[i][0], people[i][0], people[i][1]));
}

static void stage_send(int number)
{
	struct job *job = &outside.jobs[number];
	const struct stage *stage = &stages[job->stage];
	struct str id = str_format(&world.arena, "job-%d-%zu", number, job->stage), data;
	instant at = worker_wall();

	job->sent = true;
	if (job->stage == 0) {
		bool urgent = once_in(2);
		/* Some have waited so long that their clock runs out in this run. */
		at -= urgent && once_in(2) ? 2 * HOUR - chance(20 * SECOND) : 4 * MINUTE;
		data = str_format(&world.arena, "{\"channel\": \"phone\", \"kind\": \"fault\", \"severity\": \"%s\", \"customer\": {\"name\": \"Ana\", "
				  "\"phone\": \"1\"}, \"product\": {\"model\": \"AX\"}, \"problem\": \"x\"}", urgent ? "urgent" : "general");
	} else if (stage->by) {
		data = str_format(&world.arena, "{%s%s\"by\": {\"id\": \"%s\"}}", stage->data ? stage->data : "", stage->data ? ", " : "", stage->by);
	} else {
		data = str_format(&world.arena, "{%s}", stage->data);
	}
	publish(stage->log, job->ticket.p ? job->ticket : id, stage->claim, id, job->ticket, at, data);
}

static void poison_send(void)
{
	struct str id = str_format(&world.arena, "poison-%d", outside.poison--);

	publish(LOG_INBOUND, id, once_in(2) ? "request.submitted" : "request.unheard_of", id, STR_NONE, worker_wall(),
		once_in(2) ? STR("{") : STR("{\"channel\": 7}"));
}

bool outside_begun(void)
{
	return outside.people_known >= array_count(people);
}

void outside_send(void)
{
	if (!outside.people_sent)
		people_send();
	if (!outside_begun() || !once_in(10))
		return;
	for (int n = 0; n < outside.job_count; n++) {
		struct job *job = &outside.jobs[n];

		if (job->stage < array_count(stages) && !job->sent && job->send_at + HOUR <= world.now)
			stage_send(n);
	}
	if (outside.poison && once_in(20))
		poison_send();
	if (once_in(200) && world.broker.logs[LOG_INBOUND][0].count > 0) {
		say("outside: the last once more");
		broker_append(outside.last.log, outside.last.lane, &outside.last.entry);
	}
}

bool outside_done(void)
{
	return outside.done == outside.job_count && outside.poison == 0;
}

/* ---- what is read ---- */

static struct str header_of(const struct entry *entry, const char *name)
{
	for (size_t i = 0; i < entry->header_count; i++) {
		if (str_is(entry->headers[i].name, name))
			return entry->headers[i].value;
	}
	return STR("");
}

void outside_look(enum log log, int32_t partition, const struct entry *entry)
{
	char cause[40], type[100];
	int number, stage;

	(void)partition;
	if (log == LOG_DESK && str_is(header_of(entry, "ce_type"), "aftercare.staff.upserted.v1"))
		outside.people_known++;
	if (log != LOG_TICKETS)
		return;
	snprintf(cause, sizeof(cause), "%.*s", STR_ARG(header_of(entry, "ce_causeid")));
	if (sscanf(cause, "job-%d-%d", &number, &stage) != 2 || number < 0 || number >= outside.job_count)
		return;
	struct job *job = &outside.jobs[number];
	if (stage != (int)job->stage || job->stage >= array_count(stages))
		return;
	snprintf(type, sizeof(type), "aftercare.%s.v1", stages[stage].fact);
	if (!str_is(header_of(entry, "ce_type"), type))
		return;
	job->ticket = header_of(entry, "ce_subject");
	job->sent = false;
	job->send_at = world.now - HOUR + chance(2 * SECOND);
	outside.done += ++job->stage == array_count(stages);
}
