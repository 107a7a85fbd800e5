/* What dashboards read: the last snapshot of a ticket is the ticket, nothing of a person is in it, windows add up to what has
 * happened, whoever is killed meanwhile, and what is said again is said in the same bytes.
 *
 * Always a stack of our own: its reporting has windows of one and of five seconds, and a secret for pseudonyms. */
#define _GNU_SOURCE /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "common/base/hash.h"
#include "tests/support/scene.h"

#define LANES 12

/* ---- a stack with short windows ---- */

static bool database_do(struct desk *desk, const char *sql)
{
	PGconn *database = PQconnectdb(desk_stack(desk)->database);
	PGresult *result = PQexec(database, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		fprintf(stderr, "%s", PQerrorMessage(database));
	PQclear(result);
	PQfinish(database);
	return good;
}

static int open_with_windows(void **state)
{
	const struct stack *stack;
	char path[900], secret[900];
	FILE *file;

	if (scene_open_own(state) != 0)
		return -1;
	stack = desk_stack(*state);
	snprintf(secret, sizeof(secret), "%s/conf/reporting.secret", stack->dir);
	file = fopen(secret, "w");
	if (!file || fprintf(file, "a secret of more than 16 bytes\n") < 0 || fclose(file) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/conf/reporting.conf", stack->dir);
	file = fopen(path, "a");
	if (!file)
		return -1;
	fprintf(file, "windows = PT1S PT5S\ngrace = 200ms\npseudonym_secret = file:%s\n", secret);
	fclose(file);
	/* As if it had never counted: else it would go on with the hour that it began. */
	return stack_do(stack, "stop", "reporting") &&
	       database_do(*state, "truncate reporting.lane, reporting.count, reporting.level, reporting.published") &&
	       stack_do(stack, "start", "reporting") ? 0 : -1;
}

/* ---- the topics, read by kcat as a dashboard would ---- */

static char *kcat(struct desk *desk, const char *topic, const char *how, const char *format)
{
	const char *const argv[] = { "kcat", "-C", "-q", "-e", "-o", "beginning", "-b", desk_stack(desk)->brokers, "-t", topic, how, format,
				     NULL };
	char *said = NULL;

	if (stack_run(argv, &said) != 0)
		desk_fail(desk, NULL, "kcat: %s", said ? said : "is not there");
	return said;
}

/* A list of {"key", "partition", "payload": text}; to be given up with json_decref. */
static json_t *read_topic(struct desk *desk, const char *topic)
{
	char *said = kcat(desk, topic, "-J", NULL), *line = said;
	json_t *list = json_array();

	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		json_t *record = json_loadb(line, (size_t)(end - line), 0, NULL);

		if (!record)
			desk_fail(desk, NULL, "%s: not a line of JSON: %.*s", topic, (int)(end - line), line);
		json_array_append_new(list, record);
	}
	free(said);
	return list;
}

static const char *text_of(const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));

	return text ? text : "";
}

/* The bytes of the nth last snapshot of a ticket (0: the last); "" when there is none. Borrowed of the list. */
static const char *snapshot_text(json_t *list, const char *ticket, size_t back)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *record = json_array_get(list, i);

		if (strcmp(text_of(record, "key"), ticket) == 0 && back-- == 0)
			return text_of(record, "payload");
	}
	return "";
}

static size_t snapshot_count(json_t *list, const char *ticket)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		count += strcmp(text_of(json_array_get(list, i), "key"), ticket) == 0;
	return count;
}

static json_t *snapshot_of(struct desk *desk, json_t *list, const char *ticket)
{
	const char *text = snapshot_text(list, ticket, 0);
	json_t *snapshot = json_loads(text, 0, NULL);

	if (!snapshot)
		desk_fail(desk, ticket, "has no snapshot: %s", text);
	return snapshot;
}

static void member_is(struct desk *desk, const json_t *snapshot, const char *name, const char *expected)
{
	if (strcmp(text_of(snapshot, name), expected) != 0)
		desk_fail(desk, text_of(snapshot, "ticket"), "%s is \"%s\", not \"%s\"", name, text_of(snapshot, name), expected);
}

/* A time of the snapshot is when that fact happened. */
static void time_is_of(struct desk *desk, const json_t *snapshot, const char *name, const char *fact)
{
	const char *ticket = text_of(snapshot, "ticket");

	member_is(desk, snapshot, name, record_text(desk_expect(desk, ticket, fact), "at"));
}

/* ---- snapshots ---- */

static const struct record *last_fact(struct desk *desk, const char *ticket)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = log->count; i-- > 0;)
		if (!log->items[i]->copy && strncmp(log->items[i]->name, "ticket.", 7) == 0)
			return log->items[i];
	return NULL;
}

static void check_clocks(struct desk *desk, const char *ticket, const json_t *snapshot)
{
	const json_t *clocks = json_object_get(snapshot, "clocks");

	assert_int_equal(json_array_size(clocks), desk_count(desk, ticket, "sla.started"));
	for (size_t i = 0; i < json_array_size(clocks); i++) {
		const json_t *clock = json_array_get(clocks, i);
		const char *name = text_of(clock, "name"), *state = text_of(clock, "state");
		const struct record *started = scene_clock(desk, ticket, "sla.started", name, 1);

		assert_string_equal(text_of(clock, "started_at"), record_text(started, "started_at"));
		assert_string_equal(text_of(clock, "policy"), record_text(started, "policy.id"));
		if (strcmp(state, "met") == 0)
			assert_string_equal(text_of(clock, "ended_at"), record_text(scene_clock(desk, ticket, "sla.met", name, 1), "met_at"));
		else
			assert_int_equal(scene_clock_count(desk, ticket, "sla.met", name), 0);
	}
}

static void the_last_snapshot_is_the_ticket(void **state)
{
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *ticket = scene_assigned(desk, desk_now() - 3 * HOUR, "{'severity': 'urgent', 'product': {'version': '4.2'}}");
	json_t *list, *snapshot;

	/* The limit of two hours has run out. */
	desk_expect(desk, ticket, "sla.breached");
	desk_settle(desk);
	list = read_topic(desk, "aftercare.ticket-state");
	snapshot = snapshot_of(desk, list, ticket);
	assert_true(json_is_true(json_object_get(snapshot, "overdue")) && json_is_true(json_object_get(snapshot, "open")));
	member_is(desk, snapshot, "state", "assigned");
	json_decref(snapshot);
	json_decref(list);

	scene_do(desk, ticket, "staff.waiting", cast->engineer, 0, "{'on': 'customer', 'reason': 'parts'}");
	desk_settle(desk);
	list = read_topic(desk, "aftercare.ticket-state");
	snapshot = snapshot_of(desk, list, ticket);
	member_is(desk, json_object_get(snapshot, "waiting"), "on", "customer");
	member_is(desk, json_object_get(snapshot, "waiting"), "reason", "parts");
	json_decref(snapshot);
	json_decref(list);

	scene_do(desk, ticket, "staff.resumed", cast->engineer, 0, "{'on': 'customer'}");
	scene_finish(desk, ticket);
	desk_settle(desk);
	list = read_topic(desk, "aftercare.ticket-state");
	snapshot = snapshot_of(desk, list, ticket);
	member_is(desk, snapshot, "state", "closed");
	member_is(desk, snapshot, "owner", cast->engineer);
	member_is(desk, snapshot, "severity", "urgent");
	member_is(desk, json_object_get(snapshot, "product"), "version", "4.2");
	assert_true(json_is_false(json_object_get(snapshot, "overdue")) && json_is_false(json_object_get(snapshot, "open")));
	assert_null(json_object_get(json_object_get(snapshot, "waiting"), "on"));
	assert_true(json_number_value(json_object_get(json_object_get(snapshot, "waiting"), "waited_s")) > 0);
	assert_int_equal(json_integer_value(json_object_get(snapshot, "revision")), last_fact(desk, ticket)->revision);
	time_is_of(desk, snapshot, "received_at", "ticket.registered");
	time_is_of(desk, snapshot, "assigned_at", "ticket.assigned");
	time_is_of(desk, snapshot, "first_reply_at", "ticket.replied");
	time_is_of(desk, snapshot, "contacted_at", "ticket.contacted");
	time_is_of(desk, snapshot, "resolved_at", "ticket.resolved");
	time_is_of(desk, snapshot, "confirmed_at", "ticket.confirmed");
	time_is_of(desk, snapshot, "closed_at", "ticket.closed");
	check_clocks(desk, ticket, snapshot);
	json_decref(snapshot);

	/* In the partition of its lane, and not once for every fact. */
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *record = json_array_get(list, i);
		const char *key = text_of(record, "key");

		assert_int_equal(json_integer_value(json_object_get(record, "partition")),
				 hash_partition((struct str){ key, strlen(key) }, LANES));
	}
	assert_true(snapshot_count(list, ticket) < desk_ticket(desk, ticket)->count);
	json_decref(list);
}

static void nothing_of_a_person_is_on_the_topic(void **state)
{
	static const char *const personal[] = { "Filomena", "filomena", "Quintanilha", "Travessa", "13912345678", "1391234", "12345678",
						"quixote", "Rosinante", "dulcinea", "windmill", "sancho" };
	struct desk *desk = *state;
	const struct cast *cast = scene_cast(desk);
	const char *unique = desk_unique(desk, "q"), *ticket, *survey;
	const struct sent *sent;
	struct claim request = { .name = "request.submitted" }, answer = { .name = "survey.answered" };
	char *topic;

	request.id = desk_text(desk, "<filomena-%s@quixote.example>", unique);
	request.source = "mailto:filomena@quixote.example";
	request.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	request.data = desk_text(desk, "{'channel': 'email', 'kind': 'fault', 'severity': 'general', 'customer': {'id': 'Quintanilha-%s', 'name': "
				 "'Filomena Quintanilha', 'phone': '+86 139 1234 5678', 'email': 'filomena@quixote.example', 'address': "
				 "'Travessa 13912345678'}, 'product': {'model': '%s', 'serial_no': 'sancho-1'}, 'fault_type': 'call 13912345678', "
				 "'problem': 'Rosinante stumbles', 'need': 'windmill', 'note': 'Filomena calls again'}", unique, cast->model);
	sent = desk_send(desk, &request);
	ticket = desk_expect_ticket(desk, sent);
	desk_expect(desk, ticket, "ticket.assigned");
	scene_do(desk, ticket, "staff.replied", cast->engineer, 0, "{'text': 'dear Filomena', 'note': '13912345678', 'automatic': false}");
	scene_do(desk, ticket, "staff.waiting", cast->engineer, 0, "{'on': 'customer', 'reason': 'Filomena is in La Mancha'}");
	scene_do(desk, ticket, "customer.messaged", NULL, 0, "{'text': 'dulcinea speaking'}");
	scene_do(desk, ticket, "staff.resumed", cast->engineer, 0, "{'on': 'customer', 'note': 'windmill'}");
	scene_finish(desk, ticket);
	survey = record_text(desk_expect(desk, ticket, "survey.due"), "survey");
	desk_expect(desk, ticket, "survey.sent");
	answer.ticket = ticket;
	answer.data = desk_text(desk, "{'survey': '%s', 'score': 5, 'comment': 'sancho was kind', 'answers': {'satisfied': true}}", survey);
	desk_send(desk, &answer);
	desk_expect(desk, ticket, "survey.scored");
	desk_settle(desk);

	topic = kcat(desk, "aftercare.ticket-state", "-f", "%k\n%h\n%s\n");
	assert_non_null(strstr(topic, ticket));
	for (size_t i = 0; i < array_count(personal); i++)
		if (strstr(topic, personal[i]))
			desk_fail(desk, ticket, "\"%s\" is on aftercare.ticket-state", personal[i]);
	free(topic);

	json_t *list = read_topic(desk, "aftercare.ticket-state"), *snapshot = snapshot_of(desk, list, ticket);
	/* What is not personal is there, and whose it is can be told by the secret alone. */
	member_is(desk, snapshot, "channel", "email");
	member_is(desk, json_object_get(snapshot, "product"), "model", cast->model);
	assert_int_equal(strlen(text_of(snapshot, "customer")), 32);
	assert_true(json_is_true(json_object_get(json_object_get(snapshot, "survey"), "satisfied")));
	json_decref(snapshot);
	json_decref(list);
}

/* ---- windows ---- */

/* Then all that ended before is on the topic, whichever its partition. */
static bool has_window_after(struct desk *desk, void *userdata)
{
	instant after = *(instant *)userdata, from;
	json_t *list = read_topic(desk, "aftercare.metrics");
	bool found = false;

	for (size_t i = json_array_size(list); i-- > 0 && !found;) {
		json_t *body = json_loads(text_of(json_array_get(list, i), "payload"), 0, NULL);
		const char *text = text_of(json_object_get(body, "window"), "from");

		found = strcmp(text_of(body, "metric"), "satisfied_percent") == 0 &&
			json_integer_value(json_object_get(json_object_get(body, "window"), "seconds")) == 5 &&
			instant_parse((struct str){ text, strlen(text) }, &from) && from > after;
		json_decref(body);
	}
	json_decref(list);
	return found;
}

/* The partitions are read one after the other: what came meanwhile is there of some metrics only, and is left out. */
static void drop_unread(json_t *all)
{
	const char *name, *from;
	json_t *windows, *body;
	void *next;

	for (int seconds = 1; seconds <= 5; seconds += 4) {
		const char *end = NULL;
		char tail[8], least[64];

		snprintf(tail, sizeof(tail), "/%d", seconds);
		json_object_foreach (all, name, windows) {
			const char *last = "";

			if (strcmp(strchr(name, '/'), tail) != 0)
				continue;
			json_object_foreach (windows, from, body)
				last = from;
			if (!end || strcmp(last, end) < 0)
				end = last;
		}
		snprintf(least, sizeof(least), "%s", end ? end : "");
		json_object_foreach (all, name, windows)
			if (strcmp(strchr(name, '/'), tail) == 0)
				json_object_foreach_safe (windows, next, from, body)
					if (strcmp(from, least) > 0)
						json_object_del(windows, from);
	}
}

/* Windows in the order of time: {"tickets_closed/1": {"2026-...": body}}; each once, however often it was published. */
static json_t *windows_after(struct desk *desk, instant after)
{
	json_t *list, *all = json_object();

	if (!desk_until(desk, has_window_after, &after))
		desk_fail(desk, NULL, "no window begins after now");
	list = read_topic(desk, "aftercare.metrics");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *body = json_loads(text_of(json_array_get(list, i), "payload"), 0, NULL), *windows, *known;
		const json_t *window = json_object_get(body, "window");
		char name[128];

		assert_string_equal(text_of(json_array_get(list, i), "key"), text_of(body, "metric"));
		snprintf(name, sizeof(name), "%s/%lld", text_of(body, "metric"), json_integer_value(json_object_get(window, "seconds")));
		windows = json_object_get(all, name);
		if (!windows) {
			windows = json_object();
			json_object_set_new(all, name, windows);
		}
		known = json_object_get(windows, text_of(window, "from"));
		if (known && !json_equal(known, body))
			desk_fail(desk, NULL, "%s of %s was published with another content", name, text_of(window, "from"));
		json_object_set_new(windows, text_of(window, "from"), body);
	}
	json_decref(list);
	drop_unread(all);
	return all;
}

/* Each window begins where the one before ended. */
static void check_no_gaps(struct desk *desk, const json_t *all)
{
	const char *name, *from;
	json_t *windows, *body;
	size_t count[2] = { 0 };

	json_object_foreach ((json_t *)(uintptr_t)all, name, windows) {
		const char *end = NULL;
		size_t *length = &count[strcmp(strchr(name, '/'), "/5") == 0];

		json_object_foreach (windows, from, body) {
			if (end && strcmp(from, end) != 0)
				desk_fail(desk, NULL, "%s: from %s to %s there is no window", name, end, from);
			end = text_of(json_object_get(body, "window"), "to");
		}
		/* All metrics have the same windows. */
		if (*length && *length != json_object_size(windows))
			desk_fail(desk, NULL, "%s has %zu windows, others %zu", name, json_object_size(windows), *length);
		*length = json_object_size(windows);
	}
}

static long long sum_of(const json_t *all, const char *metric, int seconds, const char *member)
{
	char name[128];
	const char *from;
	json_t *body;
	long long sum = 0;

	snprintf(name, sizeof(name), "%s/%d", metric, seconds);
	assert_non_null(json_object_get(all, name));
	json_object_foreach (json_object_get(all, name), from, body)
		sum += json_integer_value(json_object_get(body, member));
	return sum;
}

static const json_t *last_window(const json_t *all, const char *name)
{
	const char *from;
	json_t *body;
	const json_t *last = NULL;

	json_object_foreach (json_object_get(all, name), from, body)
		last = body;
	return last;
}

static size_t logged(struct desk *desk, const char *name)
{
	size_t count, found = 0;
	struct record *const *records = desk_records(desk, &count);

	for (size_t i = 0; i < count; i++)
		found += !records[i]->copy && !records[i]->repeat && strcmp(records[i]->name, name) == 0;
	return found;
}

static void check_sums(struct desk *desk, const json_t *all)
{
	static const char *const pairs[][2] = {
		{ "tickets_registered", "ticket.registered" }, { "tickets_assigned", "ticket.assigned" }, { "tickets_replied", "ticket.replied" },
		{ "tickets_contacted", "ticket.contacted" }, { "tickets_resolved", "ticket.resolved" }, { "tickets_closed", "ticket.closed" },
		{ "tickets_confirmed", "ticket.confirmed" }, { "sla_started", "sla.started" }, { "sla_breached", "sla.breached" },
		{ "sla_met", "sla.met" }, { "sla_cancelled", "sla.cancelled" }, { "messages_requested", "notify.requested" },
		{ "messages_sent", "notify.sent" }, { "messages_failed", "notify.failed" }, { "surveys_sent", "survey.sent" },
		{ "surveys_scored", "survey.scored" },
	};

	for (size_t i = 0; i < array_count(pairs); i++)
		for (int seconds = 1; seconds <= 5; seconds += 4)
			if (sum_of(all, pairs[i][0], seconds, "value") != (long long)logged(desk, pairs[i][1]))
				desk_fail(desk, NULL, "the windows of %d s say %lld %s, the log %zu %s", seconds,
					  sum_of(all, pairs[i][0], seconds, "value"), pairs[i][0], logged(desk, pairs[i][1]), pairs[i][1]);
	assert_int_equal(sum_of(all, "clocks_in_time", 1, "value") + sum_of(all, "clocks_late", 1, "value"),
			 logged(desk, "sla.met") + logged(desk, "sla.corrected"));
	assert_int_equal(sum_of(all, "time_to_assign", 1, "count"), desk_ticket_count(desk));
	assert_int_equal(sum_of(all, "satisfied_percent", 5, "count"), logged(desk, "survey.scored"));
}

struct standing {
	struct desk *desk;
	size_t open, assigned;
	json_t *list;
};

static void look_at(const struct desk_ticket *ticket, void *userdata)
{
	struct standing *standing = userdata;
	const char *state = scene_state(standing->desk, ticket->id);
	json_t *snapshot = snapshot_of(standing->desk, standing->list, ticket->id);

	standing->open += strcmp(state, "closed") != 0;
	standing->assigned += strcmp(state, "assigned") == 0;
	member_is(standing->desk, snapshot, "state", state);
	assert_int_equal(json_integer_value(json_object_get(snapshot, "revision")), last_fact(standing->desk, ticket->id)->revision);
	json_decref(snapshot);
}

/* Every ticket's last snapshot is where the log left it, and the level is how many of them are open. */
static void check_standing(struct desk *desk, const json_t *all)
{
	struct standing standing = { .desk = desk, .list = read_topic(desk, "aftercare.ticket-state") };
	const json_t *open = last_window(all, "tickets_open/1");
	const json_t *states = json_object_get(json_object_get(open, "by"), "state");

	desk_each_ticket(desk, look_at, &standing);
	assert_int_equal(json_integer_value(json_object_get(open, "value")), standing.open);
	assert_int_equal(json_integer_value(json_object_get(states, "assigned")), standing.assigned);
	json_decref(standing.list);
}

static void check_all(struct desk *desk)
{
	json_t *all;

	desk_settle(desk);
	all = windows_after(desk, desk_now());
	check_no_gaps(desk, all);
	check_sums(desk, all);
	check_standing(desk, all);
	json_decref(all);
}

/* As soon as it is there. */
static void kill_reporting(struct desk *desk)
{
	long deadline = stack_deadline();

	while (stack_pid(desk_stack(desk), "reporting") == 0 && stack_clock() < deadline)
		desk_read(desk, 5);
	assert_true(stack_do(desk_stack(desk), "kill", "reporting"));
}

static void windows_add_up_though_reporting_is_killed(void **state)
{
	enum { TICKETS = 9, OPEN = 3 };
	struct desk *desk = *state;
	const struct stack *stack = desk_stack(desk);
	const char *tickets[TICKETS];

	for (size_t i = 0; i < TICKETS; i++) {
		tickets[i] = scene_assigned(desk, i % 3 ? 0 : desk_now() - 3 * HOUR, "{'severity': 'urgent'}");
		if (i % 4 == 1)
			kill_reporting(desk);
	}
	for (size_t i = 0; i < TICKETS - OPEN; i++) {
		scene_finish(desk, tickets[i]);
		if (i % 2 == 0)
			kill_reporting(desk);
	}
	assert_true(stack_restarts(stack, "reporting") >= 3);
	check_all(desk);
	/* What came while nobody looked is counted too. */
	assert_true(stack_do(stack, "stop", "reporting"));
	scene_finish(desk, tickets[TICKETS - OPEN]);
	assert_true(stack_do(stack, "start", "reporting"));
	check_all(desk);
}

/* ---- once more ---- */

static void what_is_said_again_is_said_in_the_same_bytes(void **state)
{
	static const char *const all[] = { "reporting", "republish", NULL };
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const char *const one[] = { "--json", "reporting", "republish", ticket, "AC-0000-0000-0000-0000", NULL };
	json_t *before, *after;
	char *said = NULL, want[64];

	desk_settle(desk);
	before = read_topic(desk, "aftercare.ticket-state");
	assert_int_equal(stack_ctl(desk_stack(desk), &said, all), 0);
	snprintf(want, sizeof(want), "%zu snapshots republished\n", desk_ticket_count(desk));
	if (!said || !strstr(said, want))
		desk_fail(desk, NULL, "republish said: %s", said);
	free(said);
	desk_settle(desk);
	after = read_topic(desk, "aftercare.ticket-state");
	assert_int_equal(json_array_size(after), json_array_size(before) + desk_ticket_count(desk));
	for (size_t i = 0; i < json_array_size(before); i++) {
		const char *key = text_of(json_array_get(before, i), "key");

		assert_int_equal(snapshot_count(after, key), snapshot_count(before, key) + 1);
		assert_string_equal(snapshot_text(after, key, 0), snapshot_text(before, key, 0));
		assert_string_equal(snapshot_text(after, key, 1), snapshot_text(before, key, 0));
	}
	json_decref(before);
	before = after;
	said = NULL;
	assert_int_equal(stack_ctl(desk_stack(desk), &said, one), 0);
	assert_non_null(strstr(said, "\"republished\":1}"));
	free(said);
	desk_settle(desk);
	after = read_topic(desk, "aftercare.ticket-state");
	assert_int_equal(json_array_size(after), json_array_size(before) + 1);
	assert_string_equal(snapshot_text(after, ticket, 1), snapshot_text(before, ticket, 0));
	json_decref(before);
	json_decref(after);
}

/* ---- the examples for those who write dashboards ---- */

static char *example(struct desk *desk, const char *name, const char *first, const char *second)
{
	char path[700];
	const char *const argv[] = { path, first, second, NULL };
	char *said = NULL;

	setenv("AFTERCARE_BROKERS", desk_stack(desk)->brokers, 1);
	snprintf(path, sizeof(path), "%s/deploy/examples/%s", desk_stack(desk)->root, name);
	if (stack_run(argv, &said) != 0)
		desk_fail(desk, NULL, "%s: %s", name, said ? said : "is not there");
	unsetenv("AFTERCARE_BROKERS");
	return said;
}

static void the_examples_read_both_topics(void **state)
{
	struct desk *desk = *state;
	const char *open = scene_assigned(desk, 0, NULL), *closed = scene_assigned(desk, 0, NULL);
	long long total = 0;
	json_t *all;
	char *said;

	scene_finish(desk, closed);
	desk_settle(desk);
	all = windows_after(desk, desk_now());
	said = example(desk, "read-ticket-state", NULL, NULL);
	if (!strstr(said, desk_text(desk, "%s\tassigned\tgeneral\t%s", open, scene_cast(desk)->engineer)) || strstr(said, closed))
		desk_fail(desk, open, "read-ticket-state says: %s", said);
	free(said);
	said = example(desk, "read-metrics", "5", "tickets_closed");
	assert_int_equal(strncmp(said, "time,metric,value\n", 18), 0);
	for (char *at = said; (at = strstr(at, "\"tickets_closed\",")); at++)
		total += atoll(at + strlen("\"tickets_closed\","));
	assert_true(total >= sum_of(all, "tickets_closed", 5, "value") && total > 0);
	assert_null(strstr(said, "tickets_registered"));
	free(said);
	json_decref(all);
}

/* After the kill as well: the invariants, of which one is that all windows add up to what the logs say, per lane and label. */
static void all_that_was_counted_is_in_the_logs(void **state)
{
	struct desk *desk = *state;

	/* With windows of a second it never rests. */
	desk_settle(desk);
	assert_true(stack_do(desk_stack(desk), "stop", "reporting"));
	desk_check_history(desk);
	assert_true(stack_do(desk_stack(desk), "start", "reporting"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(the_last_snapshot_is_the_ticket),
		SCENARIO(nothing_of_a_person_is_on_the_topic),
		SCENARIO(windows_add_up_though_reporting_is_killed),
		SCENARIO(what_is_said_again_is_said_in_the_same_bytes),
		SCENARIO(the_examples_read_both_topics),
		SCENARIO(all_that_was_counted_is_in_the_logs),
	};

	return cmocka_run_group_tests(tests, open_with_windows, scene_close);
}
