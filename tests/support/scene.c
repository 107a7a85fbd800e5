/* The steps that scenarios are made of. Nothing here knows more than the contract says.
 *
 * A claim of the customer and one of the staff travel on different topics, so that their order is not given: every step
 * waits for its fact before the next one is sent. */
#define _GNU_SOURCE /* program_invocation_short_name */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

struct scene {
	struct stack stack;
	struct desk *desk;
	struct cast cast;
	const struct desk *cast_of;
};

/* One program, one scene: cmocka gives fixtures nothing but the state, and that is the desk. */
static struct scene scene;

static int open_with(void **state, const char *const *further)
{
	scene = (struct scene){ 0 };
	if (!stack_open(&scene.stack, program_invocation_short_name, further))
		return -1;
	scene.desk = desk_open(&scene.stack);
	*state = scene.desk;
	return scene.desk ? 0 : -1;
}

int scene_open(void **state)
{
	return open_with(state, NULL);
}

int scene_open_own(void **state)
{
	static const char *const nothing[] = { NULL };

	return open_with(state, nothing);
}

int scene_open_policies(void **state, const char *const *policies)
{
	static char paths[10][700];
	const char *further[2 * array_count(paths) + 1] = { NULL };
	struct stack root;

	if (!stack_root(&root))
		return -1;
	for (size_t i = 0; policies[i]; i++) {
		if (i >= array_count(paths))
			return -1;
		snprintf(paths[i], sizeof(paths[i]), "%s%s%s", strchr(policies[i], '/') ? root.root : "",
			 strchr(policies[i], '/') ? "/" : "", policies[i]);
		further[2 * i] = "--policy";
		further[2 * i + 1] = paths[i];
	}
	return open_with(state, further);
}

int scene_close(void **state)
{
	const char *wanted = getenv("AFTERCARE_TEST_REBUILD");

	(void)state;
	if (wanted && *wanted == '1' && scene.desk && scene.stack.ours) {
		desk_settle(scene.desk);
		json_decref(desk_check_rebuild(scene.desk));
	}
	desk_close(scene.desk);
	stack_close(&scene.stack);
	return 0;
}

int scene_check(void **state)
{
	desk_check_all(*state);
	return 0;
}

void scene_needs_stack(const struct desk *desk)
{
	if (!stack_can(desk_stack(desk)))
		skip();
}

/* ---- people ---- */

/* `more` upon `base`, member by member; the text lives as long as the desk. */
static const char *merged(struct desk *desk, const char *base, const char *more)
{
	json_t *a = json_loads(base, 0, NULL), *b;
	char *text = strdup(more), *joined;
	const char *kept;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	b = json_loads(text, 0, NULL);
	if (!a || !b)
		desk_fail(desk, NULL, "no JSON: %s / %s", base, text);
	json_object_update_recursive(a, b);
	joined = json_dumps(a, JSON_COMPACT);
	kept = desk_text(desk, "%s", joined);
	free(joined);
	free(text);
	json_decref(a);
	json_decref(b);
	return kept;
}

const char *scene_person(struct desk *desk, const char *role, const char *more)
{
	const char *id = desk_unique(desk, role);
	const char *data = desk_text(desk, "{\"id\": \"%s\", \"name\": \"%s\", \"role\": \"%s\", \"onboarding_passed\": true}", id, id, role);
	struct claim claim = { .name = "staff.upserted", .key = desk_text(desk, "staff:%s", id),
			       .data = more ? merged(desk, data, more) : data };

	desk_send(desk, &claim);
	desk_expect_thing(desk, DESK_DESK, "staff.upserted", "id", id);
	return id;
}

const char *scene_skilled(struct desk *desk, const char *role, const char *model)
{
	return scene_person(desk, role, desk_text(desk, "{'skills': [{'product': '%s', 'fault_type': '*', 'level': 3}]}", model));
}

const char *scene_by(struct desk *desk, const char *person)
{
	return desk_text(desk, "{'by': {'id': '%s'}}", person);
}

const struct cast *scene_cast(struct desk *desk)
{
	struct cast *cast = &scene.cast;

	if (scene.cast_of == desk)
		return cast;
	scene.cast_of = desk;
	cast->model = desk_unique(desk, "AX");
	cast->csr = scene_person(desk, "csr", NULL);
	cast->dispatcher = scene_person(desk, "dispatcher", NULL);
	cast->manager = scene_person(desk, "manager", NULL);
	cast->engineer = scene_skilled(desk, "engineer", cast->model);
	return cast;
}

/* ---- requests ---- */

const struct sent *scene_request(struct desk *desk, instant at, const char *more)
{
	const char *base = desk_text(desk,
				     "{\"channel\": \"phone\", \"kind\": \"fault\", \"severity\": \"general\","
				     " \"customer\": {\"id\": \"%s\", \"name\": \"Ana Silva\", \"phone\": \"+351 21 000 000\"},"
				     " \"product\": {\"model\": \"%s\"}, \"problem\": \"no data since Monday\"}",
				     desk_unique(desk, "C"), scene_cast(desk)->model);
	struct claim claim = { .name = "request.submitted", .time = at, .data = more ? merged(desk, base, more) : base };

	return desk_send(desk, &claim);
}

const char *scene_ticket(struct desk *desk, instant at, const char *more)
{
	return desk_expect_ticket(desk, scene_request(desk, at, more));
}

const char *scene_assigned(struct desk *desk, instant at, const char *more)
{
	const char *ticket = scene_ticket(desk, at, more);

	scene_text_is(desk, desk_expect(desk, ticket, "ticket.assigned"), "to", scene_cast(desk)->engineer);
	return ticket;
}

/* ---- claims about a ticket ---- */

const char *scene_fact_of(const char *claim, const char *data)
{
	static char name[128];
	const char *rest = strchr(claim, '.') + 1;

	if (strcmp(claim, "staff.close_requested") == 0)
		return "ticket.closed";
	if (strcmp(claim, "request.supplemented") == 0)
		return "ticket.supplemented";
	if (strcmp(claim, "customer.rejected") == 0 ||
	    (strcmp(claim, "customer.confirmed") == 0 && data && strstr(data, "'satisfied': false")))
		return "ticket.reopened";
	if (strncmp(claim, "staff.", 6) == 0 || strncmp(claim, "customer.", 9) == 0)
		snprintf(name, sizeof(name), "ticket.%s", rest);
	else
		snprintf(name, sizeof(name), "ticket.%.*s_%s", (int)(rest - 1 - claim), claim, rest);
	return name;
}

const struct sent *scene_send(struct desk *desk, const char *ticket, const char *claim, const char *who, instant at,
			      const char *data)
{
	const char *base = who ? desk_text(desk, "{\"by\": {\"id\": \"%s\"}}", who) : "{}";
	struct claim send = { .name = claim, .ticket = ticket, .time = at, .data = data ? merged(desk, base, data) : base };

	return desk_send(desk, &send);
}

const struct record *scene_do(struct desk *desk, const char *ticket, const char *claim, const char *who, instant at,
			      const char *data)
{
	return desk_expect_of(desk, ticket, scene_fact_of(claim, data), scene_send(desk, ticket, claim, who, at, data));
}

const struct record *scene_refused(struct desk *desk, const char *ticket, const char *claim, const char *who, const char *data,
				   const char *reason)
{
	return desk_expect_dead(desk, scene_send(desk, ticket, claim, who, 0, data), reason);
}

/* ---- the usual course ---- */

void scene_resolve(struct desk *desk, const char *ticket)
{
	const char *engineer = scene_cast(desk)->engineer;

	scene_do(desk, ticket, "staff.replied", engineer, 0, "{'text': 'we are looking into it', 'automatic': false}");
	scene_do(desk, ticket, "staff.contacted", engineer, 0, "{'channel': 'phone'}");
	scene_do(desk, ticket, "staff.started", engineer, 0, NULL);
	scene_do(desk, ticket, "staff.worked", engineer, 0, "{'content': 'restarted the service'}");
	scene_do(desk, ticket, "staff.resolved", engineer, 0, "{'solution': 'configuration corrected', 'cause_code': 'config'}");
}

void scene_finish(struct desk *desk, const char *ticket)
{
	scene_resolve(desk, ticket);
	scene_do(desk, ticket, "customer.confirmed", NULL, 0, SIGNED);
	scene_do(desk, ticket, "staff.close_requested", scene_cast(desk)->csr, 0, NULL);
}

const char *scene_state(const struct desk *desk, const char *ticket)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = log ? log->count : 0; i-- > 0;)
		if (strncmp(log->items[i]->name, "ticket.", 7) == 0 && !log->items[i]->copy)
			return record_text(log->items[i], "state");
	return "";
}

/* ---- comparing ---- */

void scene_time_is(struct desk *desk, const struct record *record, const char *path, instant expected)
{
	char text[INSTANT_TEXT];

	if (record_time(record, path) != expected)
		desk_fail(desk, record->subject, "%s has %s = \"%s\", not %s", record->name, path, record_text(record, path),
			  instant_format(expected, text).p);
}

void scene_text_is(struct desk *desk, const struct record *record, const char *path, const char *expected)
{
	if (strcmp(record_text(record, path), expected) != 0)
		desk_fail(desk, record->subject, "%s has %s = \"%s\", not \"%s\"", record->name, path, record_text(record, path),
			  expected);
}

void scene_count_is(struct desk *desk, const char *ticket, const char *name, size_t expected)
{
	size_t count = desk_count(desk, ticket, name);

	if (count != expected)
		desk_fail(desk, ticket, "%zu of %s, not %zu", count, name, expected);
}

/* ---- facts by what they say ---- */

struct fact_wish {
	const char *ticket, *name, *path, *text;
	size_t nth;
	const struct record *found;
};

static size_t fact_look(const struct desk *desk, struct fact_wish *wish)
{
	const struct desk_ticket *log = desk_ticket(desk, wish->ticket);
	size_t count = 0;

	for (size_t i = 0; i < (log ? log->count : 0); i++) {
		const struct record *record = log->items[i];

		if (strcmp(record->name, wish->name) == 0 && strcmp(record_text(record, wish->path), wish->text) == 0 &&
		    ++count == wish->nth)
			wish->found = record;
	}
	return count;
}

static bool fact_there(struct desk *desk, void *userdata)
{
	struct fact_wish *wish = userdata;

	return fact_look(desk, wish) >= wish->nth;
}

const struct record *scene_fact(struct desk *desk, const char *ticket, const char *name, const char *path, const char *text,
				size_t nth)
{
	struct fact_wish wish = { ticket, name, path, text, nth, NULL };

	if (!desk_until(desk, fact_there, &wish))
		desk_fail(desk, ticket, "no %s with %s = \"%s\", number %zu", name, path, text, nth);
	return wish.found;
}

size_t scene_fact_count(const struct desk *desk, const char *ticket, const char *name, const char *path, const char *text)
{
	struct fact_wish wish = { ticket, name, path, text, 0, NULL };

	return fact_look(desk, &wish);
}

const struct record *scene_clock(struct desk *desk, const char *ticket, const char *name, const char *clock, size_t nth)
{
	return scene_fact(desk, ticket, name, "clock", clock, nth);
}

size_t scene_clock_count(const struct desk *desk, const char *ticket, const char *name, const char *clock)
{
	return scene_fact_count(desk, ticket, name, "clock", clock);
}
