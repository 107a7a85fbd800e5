/* The usual course of a request as a table of stages, and what the logs and the database must say when all have come to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/desk_inner.h"
#include "tests/support/scene.h"
#include "tests/support/traffic.h"

#define UNDER_WAY 400

struct stage {
	const char *claim, *data, *fact;
	bool csr, customer;
};

static const struct stage stages[] = {
	{ "request.submitted", NULL, "ticket.assigned", false, true },
	{ "staff.replied", "{'text': 'we are looking into it'}", "ticket.replied", false, false },
	{ "staff.contacted", NULL, "ticket.contacted", false, false },
	{ "staff.worked", "{'content': 'restarted'}", "ticket.worked", false, false },
	{ "staff.resolved", "{'solution': 'configuration corrected'}", "ticket.resolved", false, false },
	{ "customer.confirmed", SIGNED, "ticket.confirmed", false, true },
	{ "staff.close_requested", NULL, "ticket.closed", true, false },
};
#define STAGES (sizeof(stages) / sizeof(*stages))

struct job {
	const char *ticket;
	const struct sent *request;
	size_t stage;               /* the one whose fact is waited for; STAGES: done */
};

struct traffic {
	struct job *jobs;
	size_t count, done, read, capacity;
	int pause;
	long next;                  /* when the next one begins */
	const char *name;           /* what our claims' ids begin with */
	PGconn *database;
	const struct sent **poison;
	size_t poison_count, poison_capacity;
};

static void send_stage(struct desk *desk, struct traffic *traffic, size_t number)
{
	const struct cast *cast = scene_cast(desk);
	struct job *job = &traffic->jobs[number];
	const struct stage *stage = &stages[job->stage];
	struct claim claim = { .name = stage->claim, .ticket = job->ticket,
			       .id = desk_text(desk, "%s-%zu-%zu", traffic->name, number, job->stage) };
	const struct sent *sent;

	if (job->stage == 0) {
		claim.data = desk_text(desk, "{'channel': 'phone', 'kind': 'fault', 'severity': '%s', 'customer': {'name': 'Ana', "
				       "'phone': '1'}, 'product': {'model': '%s'}, 'problem': 'x'}",
				       number % 2 ? "urgent" : "general", cast->model);
		claim.time = desk_now() - 4 * MINUTE;
	} else {
		claim.data = stage->customer ? stage->data :
			     desk_text(desk, "{%.*s%s'by': {'id': '%s'}}", stage->data ? (int)strlen(stage->data) - 2 : 0,
				       stage->data ? stage->data + 1 : "", stage->data ? ", " : "", stage->csr ? cast->csr : cast->engineer);
	}
	sent = desk_send(desk, &claim);
	if (job->stage == 0)
		job->request = sent;
}

/* A fact whose cause is the last claim of its job takes the job on. */
static void follow(struct desk *desk, struct traffic *traffic, const struct record *record)
{
	size_t n = strlen(traffic->name), number, stage;
	struct job *job;

	if (record->topic != DESK_TICKETS || record->copy || record->repeat || strncmp(record->cause_id, traffic->name, n) != 0 ||
	    sscanf(record->cause_id + n, "-%zu-%zu", &number, &stage) != 2)
		return;
	job = &traffic->jobs[number];
	if (stage != job->stage || stage >= STAGES || strcmp(record->name, stages[stage].fact) != 0)
		return;
	job->ticket = desk_text(desk, "%s", record->subject);
	if (++job->stage == STAGES)
		traffic->done++;
	else
		send_stage(desk, traffic, number);
}

static void begin(struct desk *desk, struct traffic *traffic)
{
	if (traffic->count == traffic->capacity) {
		traffic->capacity = traffic->capacity ? 2 * traffic->capacity : 1024;
		traffic->jobs = realloc(traffic->jobs, traffic->capacity * sizeof(*traffic->jobs));
		assert_non_null(traffic->jobs);
	}
	traffic->jobs[traffic->count++] = (struct job){ 0 };
	send_stage(desk, traffic, traffic->count - 1);
}

static void go_on(struct desk *desk, struct traffic *traffic)
{
	struct record *const *records;
	size_t count;

	desk_read(desk, 10);
	records = desk_records(desk, &count);
	while (traffic->read < count) {
		follow(desk, traffic, records[traffic->read++]);
		records = desk_records(desk, &count);
	}
}

void traffic_burst(struct desk *desk, struct traffic *traffic, size_t count)
{
	for (size_t i = 0; i < count; i++)
		begin(desk, traffic);
	desk_flush(desk);
}

void traffic_turn(struct desk *desk, struct traffic *traffic)
{
	if (traffic->count - traffic->done < UNDER_WAY && stack_clock() >= traffic->next) {
		traffic->next = stack_clock() + traffic->pause;
		begin(desk, traffic);
	}
	go_on(desk, traffic);
}

/* One whose ticket is open, or none's. */
static const char *any_ticket(const struct traffic *traffic)
{
	for (size_t i = traffic->count; i-- > 0;)
		if (traffic->jobs[i].ticket)
			return traffic->jobs[i].ticket;
	return "AC-0000";
}

void traffic_poison(struct desk *desk, struct traffic *traffic)
{
	struct claim claims[] = {
		{ .name = "request.submitted", .data = "{'channel': 'telepathy', 'customer': {'name': 'Ana'}}" },
		{ .name = "request.submitted", .data = "{'channel': 7, 'customer': {}}" },
		{ .name = "customer.messaged", .data = "{'ticket': 'AC-0000', 'text': 'hello'}" },
		/* Nobody but a dispatcher may; this one comes as far as routing. */
		{ .name = "staff.assigned", .ticket = any_ticket(traffic), .data = desk_text(desk, "{'to': 'E1', 'by': {'id': '%s'}}",
											      scene_cast(desk)->engineer) },
	};
	struct claim *claim = &claims[traffic->poison_count % array_count(claims)];

	claim->id = desk_text(desk, "%s-poison-%zu", traffic->name, traffic->poison_count);
	desk_grow(&traffic->poison, traffic->poison_count, &traffic->poison_capacity);
	traffic->poison[traffic->poison_count++] = desk_send(desk, claim);
}

size_t traffic_done(const struct traffic *traffic)
{
	return traffic->done;
}

size_t traffic_finish(struct desk *desk, struct traffic *traffic)
{
	long deadline = stack_deadline();
	size_t last = traffic->done;

	while (traffic->done < traffic->count) {
		go_on(desk, traffic);
		if (traffic->done > last)
			deadline = stack_deadline();
		last = traffic->done;
		if (stack_clock() > deadline)
			desk_fail(desk, NULL, "stuck: %zu of %zu requests are closed, %zu dead letters", traffic->done, traffic->count,
				  desk_dead_count(desk));
	}
	desk_settle(desk);
	return traffic->count;
}

/* ---- the database ---- */

char *traffic_ask(struct traffic *traffic, const char *sql, const char *parameter)
{
	PGresult *rows = PQexecParams(traffic->database, sql, parameter ? 1 : 0, NULL, parameter ? &parameter : NULL, NULL, NULL, 0);
	char *value = NULL;

	if (PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1)
		value = strdup(PQgetvalue(rows, 0, 0));
	else
		print_error("%s: %s\n", sql, PQerrorMessage(traffic->database));
	PQclear(rows);
	assert_non_null(value);
	return value;
}

long traffic_count(struct traffic *traffic, const char *sql, const char *parameter)
{
	char *value = traffic_ask(traffic, sql, parameter);
	long parsed = atol(value);

	free(value);
	return parsed;
}

/* ---- what must be true then ---- */

static size_t of_name(struct desk *desk, const struct job *job, const char *name)
{
	return desk_count(desk, job->ticket, name);
}

/* All poison, and nothing else. */
static void check_refused(struct desk *desk, const struct traffic *traffic)
{
	struct record *const *records;
	size_t count;

	for (size_t i = 0; i < traffic->poison_count; i++)
		if (!desk_dead(desk, traffic->poison[i]))
			desk_fail(desk, NULL, "%s was to be refused and has no dead letter", traffic->poison[i]->id);
	records = desk_records(desk, &count);
	for (size_t i = 0; i < count; i++)
		if (records[i]->topic == DESK_DEAD && !strstr(records[i]->id, "poison"))
			desk_fail(desk, NULL, "%s was refused: %s", records[i]->id, record_header(records[i], "dl_detail"));
}

void traffic_check_counts(struct desk *desk, struct traffic *traffic)
{
	static const char *const once[] = { "ticket.registered", "ticket.verified", "ticket.classified", "ticket.assigned", "ticket.replied",
		"ticket.contacted", "ticket.worked", "ticket.resolved", "ticket.confirmed", "ticket.closed", "sla.started", "sla.met",
		"followup.due", "survey.due" };

	check_refused(desk, traffic);
	for (size_t i = 0; i < traffic->count; i++) {
		const struct job *job = &traffic->jobs[i];

		if (!desk_opened(desk, job->request) || strcmp(desk_opened(desk, job->request), job->ticket) != 0)
			desk_fail(desk, job->ticket, "request %s has another ticket or none", job->request->id);
		for (size_t j = 0; j < sizeof(once) / sizeof(*once); j++)
			if (of_name(desk, job, once[j]) != 1)
				desk_fail(desk, job->ticket, "%zu of %s", of_name(desk, job, once[j]), once[j]);
		if (of_name(desk, job, "notify.sent") + of_name(desk, job, "notify.failed") + of_name(desk, job, "notify.suppressed") !=
		    of_name(desk, job, "notify.requested"))
			desk_fail(desk, job->ticket, "%zu messages requested, %zu sent", of_name(desk, job, "notify.requested"),
				  of_name(desk, job, "notify.sent"));
	}
}

void traffic_check(struct desk *desk, struct traffic *traffic)
{
	long start;

	traffic_check_counts(desk, traffic);
	desk_check_history(desk);
	start = stack_clock();
	json_decref(desk_check_rebuild(desk));
	print_message("figure: made anew from the topics: no difference (%.1f s)\n", (double)(stack_clock() - start) / 1000);
}

struct traffic *traffic_open(struct desk *desk, const char *name, int pause_ms)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));

	assert_non_null(traffic);
	traffic->name = desk_unique(desk, name);
	traffic->pause = pause_ms;
	traffic->database = PQconnectdb(desk_stack(desk)->database);
	scene_cast(desk);
	return traffic;
}

void traffic_close(struct traffic *traffic)
{
	PQfinish(traffic->database);
	free(traffic->jobs);
	free(traffic->poison);
	free(traffic);
}
