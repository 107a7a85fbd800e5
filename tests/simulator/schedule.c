/* One run: processes that start, go on, die and come back; what breaks; and whose turn it is.
 *
 * Each worker runs on a stack of its own and gives way only where it waits for the server, and between turns. Between two such
 * points it is alone, as a thread of a process is that nobody interrupts where it matters. */
#include "tests/simulator/simulator.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/conf_private.h"

#define STACK_BYTES ((size_t)512 * 1024)
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

	if (worker_open(worker, NULL, &fault))
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
	actor->worker = (struct worker){ .service = &simulated_service, .conf = conf, .wait_fd = -1, .wake_at = INT64_MAX,
					 .conf_owner = &no_conf };
	actor->worker.conf.instance = actor->name;
	actor->worker.conf.batch_max_events = 1 + chance(6);
	actor->worker.conf.outstanding_max = 1 + chance(12);
	actor->worker.conf.outbox_keep = chance(8);
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
	struct session *session = actor_session(actor);

	say("%s is dead", actor->name);
	if (session)
		session_cut(session);
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
		return sync_over(actor) || once_in(16);
	return actor->wake_at <= world.now;
}

/* ---- what breaks ---- */

enum fault_kind {
	FAULT_CUT, FAULT_CUT_AGAIN, FAULT_END, FAULT_SERVER_DOWN, FAULT_DEADLOCK, FAULT_KILL, FAULT_STOP, FAULT_STOP_AGAIN, FAULT_LEAVE,
	FAULT_REBALANCE, FAULT_REBALANCE_AGAIN, FAULT_BROKER_DOWN, FAULT_PRODUCER, FAULT_CLOCK, FAULT_COMMIT, FAULT_COMMIT_AGAIN, FAULT_SLOW,
	FAULT_SLOW_AGAIN, FAULTS
};

static void server_down(void)
{
	say("server: restarts");
	world.store.refused_until = world.now + chance(4 * SECOND);
	table_each(world.store.sessions, i)
		session_end(world.store.sessions.items[i]);
}

static void break_something(void)
{
	struct actor *actor = &world.actors[chance(world.actor_count)];
	struct session *session = actor_session(actor);
	enum fault_kind kind = (enum fault_kind)chance(FAULTS);

	world.faults++;
	switch (kind) {
	case FAULT_CUT:
	case FAULT_CUT_AGAIN:
		if (session)
			session_cut(session);
		break;
	case FAULT_END:
		if (session)
			session_end(session);
		break;
	case FAULT_SERVER_DOWN:
		server_down();
		break;
	case FAULT_DEADLOCK:
		if (session)
			session->trouble = 1 + chance(6);
		break;
	case FAULT_KILL:
		if (actor->alive) {
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
		group_decide(true);
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
		world.store.commit_trap = 1 + (int)chance(4);
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
	bool changed = false;

	sessions_watch();
	for (int i = 0; i < world.actor_count; i++) {
		struct actor *actor = &world.actors[i];
		bool up = actor->alive && actor->stopped_until <= world.now;

		if (!actor->alive && actor->start_at <= world.now)
			actor_start(actor);
		if (up)
			actor->heard_at = world.now;
		else if (actor->member && world.now - actor->heard_at > SESSION_TIMEOUT) {
			actor->member = false;
			changed = true;
		}
	}
	if (changed)
		group_decide(false);
}

static void earliest(int64_t *next, int64_t at)
{
	if (at > world.now && at < *next)
		*next = at;
}

static void pass_time(void)
{
	int64_t next = INT64_MAX;

	earliest(&next, sessions_next());
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
	size_t broker = broker_ready(), count = broker;
	struct session *sessions[64];
	struct actor *actors[WORKERS_MAX];
	size_t session_count = 0, actor_count = 0;

	table_each(world.store.sessions, i) {
		if (session_count < array_count(sessions) && session_ready(world.store.sessions.items[i]))
			sessions[session_count++] = world.store.sessions.items[i];
	}
	for (int i = 0; i < world.actor_count; i++) {
		if (actor_ready(&world.actors[i]))
			actors[actor_count++] = &world.actors[i];
	}
	count += session_count + actor_count;
	if (count == 0) {
		pass_time();
		return;
	}
	size_t chosen = (size_t)chance((int64_t)count);
	if (chosen < broker)
		broker_step(chosen);
	else if (chosen - broker < session_count)
		session_step(sessions[chosen - broker]);
	else
		actor_run(actors[chosen - broker - session_count]);
	world.now += chance(200);
}

/* ---- a run ---- */

static void open_world(uint64_t seed, FILE *trace)
{
	struct arena arena = world.arena;

	arena_reset(&arena);
	world = (struct world){ .arena = arena, .seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .trace = trace,
				.now = HOUR };
	world.actor_count = once_in(6) ? 1 : 2 + (int)chance(WORKERS_MAX - 1);
	broker_open();
	plans_make();
	for (int i = 0; i < world.actor_count; i++) {
		struct actor *actor = &world.actors[i];

		if (!stacks[i])
			stacks[i] = mem_zero(STACK_BYTES);
		actor->number = i;
		actor->stack = stacks[i];
		snprintf(actor->name, sizeof(actor->name), "w%d", i);
		actor->start_at = world.now + chance(SECOND);
	}
}

static void close_world(void)
{
	for (int i = 0; i < world.actor_count; i++) {
		if (world.actors[i].alive)
			actor_bury(&world.actors[i], 0);
	}
}

bool simulate(uint64_t seed, FILE *trace)
{
	open_world(seed, trace);
	int64_t faults_left = chance(14), every = 20 + chance(150), look_at = 0, calm_at = 0;
	while (!world.violation[0]) {
		bool calm = world.sent == world.plan_count && faults_left == 0;

		world.steps++;
		if (world.sent < world.plan_count && once_in(20))
			plan_send();
		if (faults_left && once_in(every)) {
			faults_left--;
			break_something();
		}
		watch();
		calm_at = calm && !calm_at ? world.now : calm_at;
		if (calm && world.now >= look_at) {
			look_at = world.now + SECOND;
			if (at_rest(false))
				break;
			if (world.now > calm_at + REST_WITHIN || world.steps > STEPS_MAX)
				(void)at_rest(true);
		}
		step();
	}
	if (!world.violation[0])
		verdict_give();
	close_world();
	return !world.violation[0];
}
