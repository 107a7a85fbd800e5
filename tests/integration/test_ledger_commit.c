/* A COMMIT whose answer is lost or comes late, and requests that reach the server after their client has gone: between the
 * daemon and PostgreSQL stands a proxy that does this at any byte (architecture section 4, rules 1 and 3; the model's table 2,
 * flaw A). A commit in doubt is never resolved by looking: whatever became of it, each input takes effect once.
 *
 * AFTERCARE_TEST_COMMITS=N: so many commits in doubt (default: as many as 12 s allow). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe.h"
#include "tests/support/proxy.h"

#define PER_ROUND 20
#define SHORT_MS 12000

static struct proxy *proxy;
static char route[200];

/* ---- fixtures ---- */

static int open_proxied(void **state)
{
	char directory[100];
	struct probe *probe;

	if (probe_open(state))
		return 1;
	probe = *state;
	snprintf(directory, sizeof(directory), "%s/proxy", probe->directory);
	proxy = proxy_open(directory, PQhost(probe->sql), PQport(probe->sql));
	snprintf(route, sizeof(route), "host=%s port=5432", directory);
	probe->route = route;
	/* As short as can be: it is what most of the time goes to. */
	probe->patient = true;
	probe->settings = "reconnect_max = 100ms\n";
	return proxy ? 0 : 1;
}

static int calm(void **state)
{
	proxy_disarm(proxy);
	(void)proxy_release(proxy);
	proxy_count_anew(proxy);
	return probe_calm(state);
}

static int close_proxied(void **state)
{
	probe_kill(*state);
	proxy_close(proxy);
	return probe_close(state);
}

#define PROXY_TEST(test) cmocka_unit_test_setup(test, calm)

static void until_struck(struct probe *probe)
{
	long deadline = stack_deadline();

	while (!proxy_struck(proxy)) {
		if (stack_clock() > deadline)
			probe_fail(probe, "no request comes that the fault fits");
		stack_moment();
	}
}

/* Few facts: the devbroker forgets what is more than 5 MB ago, and a long run is checked from its beginning. */
static void send_many(struct probe *probe, const char *name, int from, int count)
{
	char id[40];

	for (int i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%s-%d", name, i);
		probe_send(probe, i % PROBE_PARTITIONS, id, "{'emit': %d, 'set': {'key': '%s', 'in_ms': %d}}", i % 5 / 3, id, i % 200);
	}
	probe_flush(probe);
}

/* All inputs and all their timers have taken effect, each once, and nothing was refused. */
static void expect_once(struct probe *probe, const char *name, int count)
{
	probe_until(probe, count, "select count(distinct id) from effect where what = 'event' and id like '%s-%%'", name);
	probe_until(probe, count, "select count(distinct id) from effect where what = 'timer' and id like '%s-%%'", name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s-%%'", name), 2 * count);
	assert_int_equal(probe_number(probe, "select count(*) from timer"), 0);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), 0);
	probe_check(probe);
}

/* ---- the proxy itself ---- */

static void begin_and_commit(struct probe *probe, int value, enum proxy_action action, unsigned at)
{
	char conninfo[900], insert[100];
	PGconn *link;

	snprintf(conninfo, sizeof(conninfo), "%s %s", probe->postgres.conninfo, route);
	link = PQconnectdb(conninfo);
	assert_int_equal(PQstatus(link), CONNECTION_OK);
	snprintf(insert, sizeof(insert), "insert into probe.switch values ('proxy-%d', 0)", value);
	PQclear(PQexec(link, "begin"));
	PQclear(PQexec(link, insert));
	proxy_arm(proxy, &(struct proxy_fault){ .action = action, .word = "COMMIT", .at = at });
	PQclear(PQexec(link, "COMMIT"));
	assert_int_equal(PQstatus(link), CONNECTION_BAD);
	PQfinish(link);
}

static int64_t is_there(struct probe *probe, int value)
{
	return probe_number(probe, "select count(*) from switch where name = 'proxy-%d'", value);
}

/* Only if both outcomes are real does anything below say something. */
static void test_the_proxy_does_what_it_says(void **state)
{
	struct probe *probe = *state;

	probe_kill(probe);
	begin_and_commit(probe, 1, PROXY_CUT_ANSWER, 3);
	probe_until(probe, 1, "select count(*) from switch where name = 'proxy-1'");
	begin_and_commit(probe, 2, PROXY_CUT_REQUEST, 3);
	/* Its session is over: what it did not do by now it will not do. */
	probe_until(probe, 1, "select count(*) from pg_stat_activity where backend_type = 'client backend' and datname = current_database()");
	assert_int_equal(is_there(probe, 2), 0);
	begin_and_commit(probe, 3, PROXY_LOSE_CLIENT, 0);
	assert_int_equal(is_there(probe, 3), 0);
	assert_true(proxy_release(proxy));
	probe_until(probe, 1, "select count(*) from switch where name = 'proxy-3'");
	assert_int_equal(proxy_counts(proxy).delivered, 2);
	assert_int_equal(proxy_counts(proxy).undelivered, 1);
	probe_do(probe, "delete from switch where name like 'proxy-%%'");
}

/* ---- commits in doubt ---- */

static int commits_wanted(void)
{
	const char *given = getenv("AFTERCARE_TEST_COMMITS");

	return given ? atoi(given) : 0;
}

/* Mostly a batch; now and then the take itself. A COMMIT's answer of some 40 bytes and more, its request of thousands. */
static struct proxy_fault any_fault(unsigned *seed)
{
	static const enum proxy_action actions[] = { PROXY_CUT_REQUEST, PROXY_CUT_REQUEST, PROXY_CUT_ANSWER, PROXY_CUT_ANSWER,
		PROXY_LOSE_CLIENT };
	static const char *const words[] = { "insert into effect", "insert into effect", "outbox_insert", "COMMIT", "source_marks", NULL };

	return (struct proxy_fault){ .action = actions[rand_r(seed) % 5], .word = words[rand_r(seed) % 6],
		.skip = (unsigned)rand_r(seed) % 3, .at = (unsigned)rand_r(seed) };
}

static void test_commits_in_doubt(void **state)
{
	struct probe *probe = *state;
	unsigned seed = (unsigned)getpid();
	int wanted = commits_wanted(), sent = 0;
	long begun = stack_clock(), deadline, lasted;
	struct proxy_counts counts = { 0 };

	print_message("seed %u\n", seed);
	do {
		struct proxy_fault fault = any_fault(&seed);

		probe_stands("%llu of %d commits in doubt, %d events; now \"%s\", action %d",
			     (unsigned long long)(counts.delivered + counts.undelivered), wanted, sent, fault.word ? fault.word : "any",
			     (int)fault.action);
		proxy_arm(proxy, &fault);
		/* Whatever it is to strike comes with new work, a take with a new connection. */
		if (fault.word && strcmp(fault.word, "source_marks") == 0)
			(void)probe_number(probe, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'aftercare_probe'");
		deadline = stack_deadline();
		while (!proxy_struck(proxy)) {
			if (stack_clock() > deadline)
				probe_fail(probe, "no request comes that the fault fits (%s, action %d); the daemon %s",
					   fault.word ? fault.word : "any", (int)fault.action, probe_runs(probe) ? "runs" : "has ended");
			send_many(probe, "doubt", sent, 2);
			sent += 2;
			stack_moment();
		}
		if (fault.action == PROXY_LOSE_CLIENT) {
			/* The owner tries to take its rows anew, and waits for what is on its way. */
			for (unsigned i = (unsigned)rand_r(&seed) % 200; i > 0; i--)
				(void)probe_number(probe, "select 1");
			(void)proxy_release(proxy);
		}
		counts = proxy_counts(proxy);
	} while (wanted ? counts.delivered + counts.undelivered < (uint64_t)wanted : stack_clock() - begun < SHORT_MS);
	lasted = stack_clock() - begun;
	expect_once(probe, "doubt", sent);
	print_message("%llu commits in doubt in %ld.%ld s: %llu done, %llu not done; %d events, 0 violations\n",
		      (unsigned long long)(counts.delivered + counts.undelivered), lasted / 1000, lasted / 100 % 10,
		      (unsigned long long)counts.delivered, (unsigned long long)counts.undelivered, sent);
	assert_true(counts.delivered >= 10 && counts.undelivered >= 10);
	assert_true(probe_runs(probe));
}

/* ---- late ones ---- */

/* The owner is killed with its COMMIT on its way; the next one takes the rows before it arrives. */
static void test_a_commit_arrives_after_its_daemon(void **state)
{
	struct probe *probe = *state;

	for (int round = 0; round < 5; round++) {
		proxy_arm(proxy, &(struct proxy_fault){ .action = PROXY_HOLD_REQUEST, .word = "insert into effect" });
		send_many(probe, "orphan", round * PER_ROUND, PER_ROUND);
		until_struck(probe);
		probe_kill(probe);
		probe_start(probe);
		/* In the first half the new owner waits for the row, in the others it has not come so far. */
		if (round < 3)
			probe_until(probe, 1, "select count(*) from pg_locks where not granted and locktype = 'transactionid'");
		(void)proxy_release(proxy);
	}
	expect_once(probe, "orphan", 5 * PER_ROUND);
	assert_true(proxy_counts(proxy).delivered >= 3);
}

/* Flaw A: a transaction whose compare-and-set has not run yet runs when its owner has long taken anew, and gone on. */
static void test_a_late_transaction_changes_nothing(void **state)
{
	struct probe *probe = *state;

	int sent = 0;

	for (unsigned round = 0; round < 10; round++) {
		proxy_arm(proxy, &(struct proxy_fault){ .action = PROXY_LOSE_CLIENT, .word = "source_advance", .skip = round % 3 });
		while (!proxy_struck(proxy)) {
			send_many(probe, "flaw", sent, PER_ROUND);
			sent += PER_ROUND;
			probe_until(probe, sent, "select count(*) from effect where what = 'event' and id like 'flaw-%%'");
		}
		assert_true(proxy_release(proxy));
	}
	expect_once(probe, "flaw", sent);
}

/* The last word of an owner that leaves, "clean", reaches the row of the next one: which could then crash unnoticed. */
static void test_a_late_farewell_changes_nothing(void **state)
{
	struct probe *probe = *state;
	int64_t epochs = probe_number(probe, "select sum(epoch) from source");

	send_many(probe, "farewell", 0, PER_ROUND);
	expect_once(probe, "farewell", PER_ROUND);
	proxy_arm(proxy, &(struct proxy_fault){ .action = PROXY_HOLD_REQUEST, .word = "source_beat" });
	kill(probe->daemon, SIGTERM);
	until_struck(probe);
	probe_kill(probe);
	probe_start(probe);
	probe_until(probe, 1, "select (sum(epoch) >= %lld + count(*))::int from source", (long long)epochs);
	assert_true(proxy_release(proxy));
	probe_until(probe, 1, "select count(*) from pg_stat_activity where usename = 'aftercare_probe'");
	assert_int_equal(probe_number(probe, "select count(*) from source where clean"), 0);
	probe_check(probe);
}

/* It is committed; before its owner hears of it the group has given the lanes to another, which has published it. */
static void test_an_answer_comes_when_another_owns_the_lane(void **state)
{
	struct probe *probe = *state, second = *probe;

	second.instance = 2;
	second.daemon = 0;
	second.route = NULL;
	for (int round = 0; round < 3; round++) {
		proxy_arm(proxy, &(struct proxy_fault){ .action = PROXY_HOLD_ANSWER, .word = "outbox_insert" });
		send_many(probe, "answer", 2 * round * PER_ROUND, PER_ROUND);
		until_struck(probe);
		probe_start(&second);
		probe_until(probe, 1, "select (count(*) > 0)::int from source where owner = '2'");
		send_many(probe, "answer", (2 * round + 1) * PER_ROUND, PER_ROUND);
		assert_true(proxy_release(proxy));
		probe_until(probe, 2 * (round + 1) * PER_ROUND, "select count(*) from effect where what = 'event' and id like 'answer-%%'");
		probe_kill(&second);
	}
	expect_once(probe, "answer", 6 * PER_ROUND);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROXY_TEST(test_the_proxy_does_what_it_says),
		PROXY_TEST(test_commits_in_doubt),
		PROXY_TEST(test_a_commit_arrives_after_its_daemon),
		PROXY_TEST(test_a_late_transaction_changes_nothing),
		PROXY_TEST(test_a_late_farewell_changes_nothing),
		PROXY_TEST(test_an_answer_comes_when_another_owns_the_lane),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, open_proxied, close_proxied);
}
