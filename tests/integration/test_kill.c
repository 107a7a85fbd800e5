/* kill -9 of every daemon, and twice in a row, under a load of requests that are worked to their ends; then everything is
 * counted: one ticket per request, one fact per claim, the invariants of the log, and PostgreSQL row by row against it.
 *
 * AFTERCARE_KILL_REQUESTS=N changes the number of requests. The load keeps so many tickets under way that every kill
 * strikes in the middle of something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tests/support/scene.h"

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

struct load {
	struct job *jobs;
	size_t count, begun, done, read;
	const char *name;           /* what our claims' ids begin with */
};

static void send_stage(struct desk *desk, struct load *load, size_t number)
{
	const struct cast *cast = scene_cast(desk);
	struct job *job = &load->jobs[number];
	const struct stage *stage = &stages[job->stage];
	struct claim claim = { .name = stage->claim, .ticket = job->ticket,
			       .id = desk_text(desk, "%s-%zu-%zu", load->name, number, job->stage) };
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
static void follow(struct desk *desk, struct load *load, const struct record *record)
{
	size_t n = strlen(load->name), number, stage;
	struct job *job;

	if (record->topic != DESK_TICKETS || record->copy || record->repeat || strncmp(record->cause_id, load->name, n) != 0 ||
	    sscanf(record->cause_id + n, "-%zu-%zu", &number, &stage) != 2)
		return;
	job = &load->jobs[number];
	if (stage != job->stage || stage >= STAGES || strcmp(record->name, stages[stage].fact) != 0)
		return;
	job->ticket = desk_text(desk, "%s", record->subject);
	if (++job->stage == STAGES)
		load->done++;
	else
		send_stage(desk, load, number);
}

static void pump(struct desk *desk, struct load *load)
{
	struct record *const *records;
	size_t count;

	while (load->begun < load->count && load->begun - load->done < UNDER_WAY)
		send_stage(desk, load, load->begun++);
	desk_read(desk, 20);
	records = desk_records(desk, &count);
	while (load->read < count) {
		follow(desk, load, records[load->read++]);
		records = desk_records(desk, &count);
	}
}

static void run_until(struct desk *desk, struct load *load, size_t done)
{
	long deadline = stack_deadline() + 60000, progress = stack_clock();
	size_t last = load->done;

	while (load->done < done) {
		pump(desk, load);
		if (load->done > last) {
			last = load->done;
			progress = stack_clock();
		}
		if (stack_clock() > deadline || stack_clock() > progress + 30000)
			desk_fail(desk, NULL, "stuck: %zu of %zu requests are closed, %zu begun, %zu dead letters", load->done,
				  load->count, load->begun, desk_dead_count(desk));
	}
}

/* Its next process, as soon as there is one, is killed too. */
static void kill_again(struct desk *desk, const char *daemon)
{
	const struct stack *stack = desk_stack(desk);
	long deadline = stack_deadline();

	while (stack_pid(stack, daemon) == 0 && stack_clock() < deadline)
		desk_read(desk, 5);
	assert_true(stack_do(stack, "kill", daemon));
}

static size_t of_name(struct desk *desk, const struct job *job, const char *name)
{
	return desk_count(desk, job->ticket, name);
}

static void check_counts(struct desk *desk, const struct load *load)
{
	static const char *const once[] = { "ticket.registered", "ticket.verified", "ticket.classified", "ticket.assigned", "ticket.replied",
		"ticket.contacted", "ticket.worked", "ticket.resolved", "ticket.confirmed", "ticket.closed", "sla.started", "sla.met",
		"followup.due", "survey.due" };

	assert_int_equal(desk_dead_count(desk), 0);
	for (size_t i = 0; i < load->count; i++) {
		const struct job *job = &load->jobs[i];

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
	desk_check_all(desk);
}

/* ---- the database ---- */

static long number(PGconn *database, const char *sql, const char *parameter)
{
	PGresult *rows = PQexecParams(database, sql, parameter ? 1 : 0, NULL, parameter ? &parameter : NULL, NULL, NULL, 0);
	long value = -1;

	if (PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1)
		value = atol(PQgetvalue(rows, 0, 0));
	else
		print_error("%s: %s\n", sql, PQerrorMessage(database));
	PQclear(rows);
	return value;
}

/* {id:revision, ...}: what the log says, for one comparison in SQL. */
static char *log_as_json(struct desk *desk, const struct load *load)
{
	json_t *all = json_object();
	char *text;

	for (size_t i = 0; i < load->count; i++)
		json_object_set_new(all, load->jobs[i].ticket,
				    json_integer(desk_find(desk, load->jobs[i].ticket, "ticket.closed", 1)->revision));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

static void check_database(struct desk *desk, const struct load *load)
{
	static const char *const schemas[] = { "routing", "sla", "notification", "survey" };
	const struct stack *stack = desk_stack(desk);
	PGconn *database = PQconnectdb(stack->database);
	char *log = log_as_json(desk, load), sql[600];

	assert_int_equal(number(database, "select count(*) from intake.ticket t join json_each_text($1::json) l on l.key = t.ticket", log),
			 load->count);
	for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++) {
		snprintf(sql, sizeof(sql), "select count(to_regclass('%s.ticket'))", schemas[i]);
		if (number(database, sql, NULL) == 0)
			continue;
		/* A daemon may drop what is over and done with; what it keeps must agree. */
		snprintf(sql, sizeof(sql), "select count(*) from %s.ticket t join json_each_text($1::json) l on l.key = t.ticket "
			 "where t.state <> 'closed' or t.revision <> l.value::int", schemas[i]);
		if (number(database, sql, log) != 0)
			desk_fail(desk, NULL, "%s.ticket does not agree with the log", schemas[i]);
	}
	assert_int_equal(number(database, "select count(*) from routing.ticket t join json_each_text($1::json) l on l.key = t.ticket", log),
			 load->count);
	for (size_t i = 0; i < stack->daemon_count; i++) {
		snprintf(sql, sizeof(sql), "select count(*) from (select s.id, s.out_seq, s.published_seq, count(o.seq) n, min(o.seq) a, max(o.seq) z "
			 "from %s.source s left join %s.outbox_fact o on o.source = s.id group by s.id) x "
			 "where published_seq <> out_seq or (n > 0 and (z - a + 1 <> n or z <> out_seq))", stack->daemons[i], stack->daemons[i]);
		/* Reporting publishes with the clock, whatever else happens: its last facts may be on their way. */
		for (long deadline = stack_deadline(); number(database, sql, NULL) != 0 && stack_clock() < deadline;)
			stack_moment();
		if (number(database, sql, NULL) != 0)
			desk_fail(desk, NULL, "the outbox of %s has gaps or has not been published whole", stack->daemons[i]);
	}
	free(log);
	PQfinish(database);
}

static void killed_daemons_lose_and_double_nothing(void **state)
{
	struct desk *desk = *state;
	const char *given = getenv("AFTERCARE_KILL_REQUESTS");
	struct load load = { .count = given ? (size_t)atol(given) : 2000 };
	const struct stack *stack = desk_stack(desk);
	size_t kills = 0, daemons = stack->daemon_count;
	long start = stack_clock();

	scene_needs_stack(desk);
	load.jobs = calloc(load.count, sizeof(*load.jobs));
	load.name = desk_unique(desk, "kill");
	scene_cast(desk);
	for (size_t i = 0; i < 2 * daemons; i++) {
		const char *daemon = stack->daemons[i % daemons];

		run_until(desk, &load, load.count * (i + 1) / (2 * daemons + 1));
		assert_true(stack_do(stack, "kill", daemon));
		kills++;
		if (i >= daemons) {
			kill_again(desk, daemon);
			kills++;
		}
	}
	run_until(desk, &load, load.count);
	desk_settle(desk);
	print_message("%zu requests worked to their ends in %.1f s, %zu times kill -9\n", load.count,
		      (double)(stack_clock() - start) / 1000, kills);
	check_counts(desk, &load);
	check_database(desk, &load);
	free(load.jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_daemons_lose_and_double_nothing),
	};

	return cmocka_run_group_tests_name("test_kill", tests, scene_open, scene_close);
}
