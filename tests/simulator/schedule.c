/* One run: processes that start, go on, die and come back; what breaks; and whose turn it is.
 *
 * Each worker runs on a stack of its own and gives way only where it waits for the server, and between turns. Between two such
 * points it is alone, as a thread of a process is that nobody interrupts where it matters. */
#include "tests/simulator/simulator.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/conf_private.h"

#define STACK_BYTES ((size_t)1024 * 1024)
#define SESSION_TIMEOUT (6 * SECOND)
#define REST_WITHIN (150 * SECOND)
#define STEPS_MAX 400000

static struct conf no_conf;
static char *stacks[WORKERS_MAX];            /* kept from run to run */

/* ---- processes ---- */

void actor_yield(void)
{
	struct actor *actor = world.current;

	swapcontext(&actor->context, &world.scheduler);
}

void actor_crash(void)
{
	say("crashes");
	world.current->crashed = true;
	for (;;)
		actor_yield();
}

void actor_wake(int number, int64_t in)
{
	struct actor *actor = &world.actors[number];

	if (world.now + in < actor->wake_at)
		actor->wake_at = world.now + in;
}

static void actor_main(void)
{
	struct actor *actor = world.current;
	struct worker *worker = &actor->worker;
	struct fault fault = FAULT_NONE;

	if (worker_open(worker, actor->service_conf, &fault))
		violated("%s does not start: %s", actor->name, fault.text);
	while (!worker->stopping) {
		actor->wake_at = world.now + worker_turn(worker);
		actor_yield();
	}
	worker_stop(worker);
	if (worker->exit_status)
		violated("%s gives up; its last lines say why", actor->name);
	say("ends");
	actor->alive = false;
	actor->member = false;
	actor->start_at = world.now + chance(5 * SECOND);
	worker->db = NULL;
	for (;;)
		actor_yield();
}

static void actor_start(struct actor *actor)
{
	static const struct worker_conf conf = { .brokers = "", .database = "", .database_password = "", .metrics_listen = "",
						 .log_lost = "stop", .reconnect_max = SECOND };

	actor->alive = true;
	actor->crashed = actor->in_sync = false;
	actor->stopped_until = 0;
	actor->wake_at = actor->heard_at = world.now;
	actor->worker = (struct worker){ .service = actor->service, .conf = conf, .wait_fd = -1, .wake_at = INT64_MAX,
					 .conf_owner = &no_conf };
	actor->worker.conf.instance = actor->name;
	actor->worker.conf.database = server_conninfo(actor);
	actor->worker.conf.batch_max_events = 1 + chance(6);
	actor->worker.conf.outstanding_max = 1 + chance(12);
	actor->worker.conf.outbox_keep = world.keeps_all ? 20000 : chance(8);
	say("%s starts", actor->name);
	getcontext(&actor->context);
	actor->context.uc_stack.ss_sp = actor->stack;
	actor->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&actor->context, actor_main, 0);
}

/* What the kernel does with a killed process: its connections are closed, what they held may arrive. */
static void actor_bury(struct actor *actor, int64_t away)
{
	struct worker *worker = &actor->worker;

	say("%s is dead", actor->name);
	server_bury(actor);
	bus_died(worker->bus);
	for (size_t i = 0; i < worker->source_count; i++)
		source_free(worker->sources[i]);
	mem_free(worker->sources);
	arena_done(&worker->batch_arena);
	arena_done(&worker->spare_arena);
	arena_done(&worker->scratch_arena);
	*worker = (struct worker){ 0 };
	actor->alive = actor->crashed = actor->in_sync = false;
	actor->start_at = world.now + away;
}

static void actor_run(struct actor *actor)
{
	world.current = actor;
	swapcontext(&world.scheduler, &actor->context);
	world.current = NULL;
	if (actor->crashed)
		actor_bury(actor, chance(2 * SECOND));
}

static bool actor_ready(const struct actor *actor)
{
	if (!actor->alive || actor->stopped_until > world.now)
		return false;
	if (actor->in_sync)
		return server_answered(actor) || once_in(16);
	return actor->wake_at <= world.now;
}

/* ---- what breaks ---- */

enum fault_kind {
	FAULT_CUT, FAULT_CUT_AGAIN, FAULT_END, FAULT_SERVER_DOWN, FAULT_DEADLOCK, FAULT_KILL, FAULT_STOP, FAULT_STOP_AGAIN, FAULT_LEAVE,
	FAULT_REBALANCE, FAULT_REBALANCE_AGAIN, FAULT_BROKER_DOWN, FAULT_PRODUCER, FAULT_CLOCK, FAULT_COMMIT, FAULT_COMMIT_AGAIN, FAULT_SLOW,
	FAULT_SLOW_AGAIN, FAULTS
};

static struct actor *victim(void)
{
	int from = (int)chance(world.actor_count);
	bool any = world.faults_group < 0 || once_in(5);

	for (int i = 0; i < world.actor_count; i++) {
		struct actor *actor = &world.actors[(from + i) % world.actor_count];

		if (any || actor->group == world.faults_group)
			return actor;
	}
	return &world.actors[from];
}

static void break_something(void)
{
	struct actor *actor = victim();
	enum fault_kind kind = (enum fault_kind)chance(FAULTS);

	world.faults++;
	switch (kind) {
	case FAULT_CUT:
	case FAULT_CUT_AGAIN:
		server_cut(actor);
		break;
	case FAULT_END:
		server_drop(actor);
		break;
	case FAULT_SERVER_DOWN:
		server_restart(chance(4 * SECOND));
		break;
	case FAULT_DEADLOCK:
		server_deadlock(actor);
		break;
	case FAULT_KILL:
		if (actor->alive && world.kills < world.kills_most) {
			world.kills++;
			actor_bury(actor, chance(8 * SECOND));
		}
		break;
	case FAULT_STOP:
	case FAULT_STOP_AGAIN:
		actor->stopped_until = world.now + chance(once_in(2) ? SECOND : 20 * SECOND);
		say("%s is stopped until %.3f", actor->name, (double)actor->stopped_until / (double)SECOND);
		break;
	case FAULT_LEAVE:
		actor->worker.stopping = actor->alive;
		break;
	case FAULT_REBALANCE:
	case FAULT_REBALANCE_AGAIN:
		group_decide(actor->group, true);
		break;
	case FAULT_BROKER_DOWN:
		world.broker.down_until = world.now + chance(3 * SECOND);
		say("broker: away until %.3f", (double)world.broker.down_until / (double)SECOND);
		break;
	case FAULT_PRODUCER:
		bus_fail_producer(actor->worker.bus);
		break;
	case FAULT_CLOCK:
		world.wall_offset += chance(8 * SECOND) - 4 * SECOND;
		say("the wall clock jumps to %+.3f", (double)world.wall_offset / (double)SECOND);
		break;
	case FAULT_COMMIT:
	case FAULT_COMMIT_AGAIN:
		server_trap();
		break;
	case FAULT_SLOW:
	case FAULT_SLOW_AGAIN:
		broker_slow(chance(5 * SECOND));
		break;
	case FAULTS:
		break;
	}
}

/* ---- time ---- */

static void watch(void)
{
	bool changed[GROUPS_MAX] = { false };

	server_watch();
	for (int i = 0; i < world.actor_count; i++) {
		struct actor *actor = &world.actors[i];
		bool up = actor->alive && actor->stopped_until <= world.now;

		if (!actor->alive && actor->start_at <= world.now)
			actor_start(actor);
		if (up)
			actor->heard_at = world.now;
		else if (actor->member && world.now - actor->heard_at > SESSION_TIMEOUT) {
			actor->member = false;
			changed[actor->group] = true;
		}
	}
	for (int group = 0; group < world.group_count; group++) {
		if (changed[group])
			group_decide(group, false);
	}
}

static void earliest(int64_t *next, int64_t at)
{
	if (at > world.now && at < *next)
		*next = at;
}

static void pass_time(void)
{
	int64_t next = INT64_MAX;

	earliest(&next, server_next());
	earliest(&next, broker_next());
	for (int i = 0; i < world.actor_count; i++) {
		const struct actor *actor = &world.actors[i];

		if (!actor->alive)
			earliest(&next, actor->start_at);
		else if (!actor->in_sync)
			earliest(&next, actor->wake_at);
		earliest(&next, actor->stopped_until);
		if (actor->member)
			earliest(&next, actor->heard_at + SESSION_TIMEOUT + 1);
	}
	world.now = next == INT64_MAX ? world.now + MILLISECOND : next;
}

/* One of all that could happen now. */
static void step(void)
{
	size_t broker = broker_ready(), server = server_ready(), count = broker + server;
	struct actor *actors[WORKERS_MAX];
	size_t actor_count = 0;

	for (int i = 0; i < world.actor_count; i++) {
		if (actor_ready(&world.actors[i]))
			actors[actor_count++] = &world.actors[i];
	}
	count += actor_count;
	if (count == 0) {
		pass_time();
		return;
	}
	size_t chosen = (size_t)chance((int64_t)count);
	if (chosen < broker)
		broker_step(chosen);
	else if (chosen - broker < server)
		server_step(chosen - broker);
	else
		actor_run(actors[chosen - broker - server]);
	world.now += chance(200);
}

/* ---- a run ---- */

static bool open_world(uint64_t seed, FILE *trace)
{
	struct arena arena = world.arena;

	arena_reset(&arena);
	world = (struct world){ .arena = arena, .seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .trace = trace,
				.now = HOUR };
	broker_open();
	outside_open();
	for (int i = 0; i < world.actor_count; i++) {
		struct actor *actor = &world.actors[i];

		if (!stacks[i])
			stacks[i] = mem_zero(STACK_BYTES);
		actor->number = i;
		actor->stack = stacks[i];
		actor->start_at = world.now + chance(SECOND);
	}
	return server_open();
}

static void close_world(void)
{
	for (int i = 0; i < world.actor_count; i++) {
		if (world.actors[i].alive)
			actor_bury(&world.actors[i], 0);
	}
	server_close();
}

bool simulate(uint64_t seed, FILE *trace)
{
	if (!open_world(seed, trace)) {
		violated("the database cannot be had");
		return false;
	}
	int64_t look_at = 0, calm_at = 0;
	while (!world.violation[0]) {
		bool calm = outside_done() && world.faults_left == 0;

		world.steps++;
		outside_send();
		if (world.faults_left && outside_begun() && once_in(world.faults_every)) {
			world.faults_left--;
			break_something();
		}
		watch();
		calm_at = calm && !calm_at ? world.now : calm_at;
		if (calm && world.now >= look_at) {
			look_at = world.now + SECOND;
			if (at_rest(false))
				break;
			if (world.now > calm_at + REST_WITHIN)
				(void)at_rest(true);
		}
		if (world.steps > STEPS_MAX)
			(void)at_rest(true);
		step();
	}
	if (!world.violation[0])
		verdict_give();
	close_world();
	return !world.violation[0];
}
