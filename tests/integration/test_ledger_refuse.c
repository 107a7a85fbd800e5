/* What can never work becomes one dead letter and disturbs nothing beside it; what only fails for a time never does; a daemon
 * that gives up has not moved on (architecture section 4, rule 7). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe.h"

/* Neighbours before and behind, in the same partition and in the other. */
static void send_around(struct probe *probe, const char *name, const char *data)
{
	char id[60];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "%s-%d", name, i);
		probe_send(probe, i % PROBE_PARTITIONS, id, "{'emit': 1}");
		if (i == 10) {
			snprintf(id, sizeof(id), "%s:bad", name);
			probe_send(probe, 0, id, "%s", data);
		}
	}
	probe_flush(probe);
}

static void expect_neighbours(struct probe *probe, const char *name)
{
	probe_until(probe, 20, "select count(distinct id) from effect where id like '%s-%%'", name);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id like '%s-%%'", name), 20);
}

static void expect_dead(struct probe *probe, const char *id, const char *reason)
{
	probe_until(probe, 1, "select count(*) from dead_letter where event_id = '%s' and reason = '%s'", id, reason);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id = '%s'", id), 1);
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = '%s'", id), 0);
}

/* systemd's part: starts it again until there is a dead letter. How often it has died. */
static int crashes_until(struct probe *probe, const char *sql)
{
	long deadline = stack_deadline() + 30000;
	int crashes = 0;

	while (probe_number(probe, "%s", sql) == 0) {
		if (stack_clock() > deadline)
			probe_fail(probe, "no dead letter after %d crashes", crashes);
		if (!probe_runs(probe)) {
			crashes++;
			probe_start(probe);
		}
		if (crashes > 12)
			probe_fail(probe, "it crashes without end");
		stack_moment();
	}
	return crashes;
}

static void test_a_refusal_of_the_service(void **state)
{
	struct probe *probe = *state;

	send_around(probe, "refused", "{'refuse': true, 'emit': 2}");
	expect_neighbours(probe, "refused");
	expect_dead(probe, "refused:bad", "forbidden");
	probe_check(probe);
}

static void test_a_constraint_refuses_only_its_event(void **state)
{
	struct probe *probe = *state;

	probe_switch(probe, "v", 1);
	probe_hold(probe, 7);
	probe_send(probe, 0, "one-batch", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	send_around(probe, "violated", "{'violate': 'v', 'emit': 2}");
	probe_release(probe, 7);
	expect_neighbours(probe, "violated");
	expect_dead(probe, "violated:bad", "poison");
	assert_int_equal(probe_number(probe, "select count(*) from effect where id = 'one-batch'"), 1);
	/* What was rolled back is void for memory too. */
	assert_int_equal(probe_number(probe, "select anew::int from effect where id = 'violated-0'"), 1);
	probe_check(probe);
}

/* Five that the database refuses among 500 of one batch: halved, not one by one. One `now` is one transaction. */
static void test_much_poison_costs_little(void **state)
{
	struct probe *probe = *state;
	int64_t transactions;
	char id[40];

	probe_switch(probe, "v", 1);
	probe_hold(probe, 7);
	probe_send(probe, 0, "much-first", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	for (int i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "much-%d", i);
		probe_send(probe, 0, id, i % 100 == 37 ? "{'violate': 'v', 'emit': 1}" : "{'emit': 1}");
	}
	probe_flush(probe);
	probe_release(probe, 7);
	probe_until(probe, 496, "select count(distinct id) from effect where id like 'much-%%'");
	probe_until(probe, 5, "select count(*) from dead_letter where event_id like 'much-%%37' and reason = 'poison'");
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id like 'much-%%'"), 5);
	transactions = probe_number(probe, "select count(distinct now) from effect where id like 'much-%%'");
	print_message("%lld transactions\n", (long long)transactions);
	assert_true(transactions > 5 && transactions < 100);
	probe_check(probe);
}

/* In handle: one event, five processes: the crash, the crash under a note, three counted tries. */
static void test_a_crasher_is_isolated(void **state)
{
	struct probe *probe = *state;
	int crashes;

	probe_switch(probe, "a", 1);
	send_around(probe, "crashed", "{'abort': 'a', 'emit': 2}");
	crashes = crashes_until(probe, "select count(*) from dead_letter where event_id = 'crashed:bad'");
	print_message("%d crashes\n", crashes);
	assert_true(crashes >= 4 && crashes <= 5);
	expect_neighbours(probe, "crashed");
	expect_dead(probe, "crashed:bad", "poison");
	probe_check(probe);
	assert_true(probe_runs(probe));
}

/* In the checks before the transaction. */
static void test_a_crasher_in_the_checks_is_isolated(void **state)
{
	struct probe *probe = *state;
	char sign[100];
	int crashes;

	snprintf(sign, sizeof(sign), "%s/c", probe->directory);
	close(open(sign, O_CREAT | O_WRONLY, 0600));
	send_around(probe, "checked", "{'check_abort': 'c'}");
	crashes = crashes_until(probe, "select count(*) from dead_letter where event_id = 'checked:bad'");
	print_message("%d crashes\n", crashes);
	assert_true(crashes >= 3 && crashes <= 7);
	expect_neighbours(probe, "checked");
	expect_dead(probe, "checked:bad", "poison");
	unlink(sign);
	probe_check(probe);
}

/* Each try has a take of its own. */
static void until_taken(struct probe *probe, int times)
{
	int64_t epoch = probe_number(probe, "select max(epoch) from source");

	probe_until(probe, 1, "select (max(epoch) >= %lld)::int from source", (long long)epoch + times);
}

/* Counted once for a process that lives: an outage in the window of a suspect is not its crash. */
static void test_an_outage_is_not_poison(void **state)
{
	struct probe *probe = *state;
	int64_t dead = probe_number(probe, "select count(*) from dead_letter"), counted;

	probe_switch(probe, "a", 1);
	probe_send(probe, 0, "outage", "{'abort': 'a', 'retry': 'r', 'emit': 1}");
	probe_flush(probe);
	assert_int_equal(probe_ended(probe), 128 + SIGABRT);
	probe_start(probe);
	assert_int_equal(probe_ended(probe), 128 + SIGABRT);
	assert_int_equal(probe_number(probe, "select count(*) from source where suspect_until > next_offset"), 1);
	probe_switch(probe, "a", 0);
	probe_switch(probe, "r", 1);
	probe_start(probe);
	until_taken(probe, 2);
	counted = probe_number(probe, "select attempts from source where suspect_until > next_offset");
	assert_true(counted <= 2);
	until_taken(probe, 8);
	assert_int_equal(probe_number(probe, "select attempts from source where suspect_until > next_offset"), counted);
	probe_switch(probe, "r", 0);
	probe_until(probe, 1, "select count(*) from effect where id = 'outage'");
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), dead);
	probe_check(probe);
}

/* FATAL without an error of the database: the transaction that is open must not be committed by the way out. */
static void test_giving_up_loses_nothing(void **state)
{
	struct probe *probe = *state;
	int64_t next = probe_number(probe, "select next_offset from source where topic = '" TOPIC_INBOUND "' and partition = 0");

	probe_switch(probe, "f", 1);
	probe_hold(probe, 7);
	probe_send(probe, 0, "first-fatal", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	send_around(probe, "fatal", "{'fatal': 'f', 'emit': 1}");
	probe_release(probe, 7);
	assert_int_equal(probe_ended(probe), 1);
	assert_int_equal(probe_number(probe, "select next_offset from source where topic = '" TOPIC_INBOUND "' and partition = 0"), next + 1);
	probe_switch(probe, "f", 0);
	probe_start(probe);
	expect_neighbours(probe, "fatal");
	probe_until(probe, 1, "select count(*) from effect where id = 'fatal:bad'");
	probe_check(probe);
}

/* What no broker would take is refused before it stands in the outbox; a record just below the limit still has its letter. */
static void test_too_large(void **state)
{
	struct probe *probe = *state;
	char *large = malloc(999000);

	memset(large, ' ', 999000);
	send_around(probe, "large", "{'big': 950000}");
	expect_neighbours(probe, "large");
	expect_dead(probe, "large:bad", "too_large");
	probe_send_bytes(probe, TOPIC_INBOUND, 0, large, 999000);
	probe_send(probe, 0, "behind", "{'emit': 1}");
	probe_flush(probe);
	probe_until(probe, 1, "select count(*) from effect where id = 'behind'");
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where length(value) = 999000"), 1);
	probe_check(probe);
	free(large);
}

/* Who would have such facts is known at once: the batch is done again once, without them. */
static void test_too_large_among_others(void **state)
{
	struct probe *probe = *state;
	char id[40];

	probe_hold(probe, 7);
	probe_send(probe, 0, "wide-first", "{'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "wide-%d", i);
		probe_send(probe, 0, id, i % 30 == 11 ? "{'emit': 1, 'big': 950000}" : "{'emit': 1}");
	}
	probe_flush(probe);
	probe_release(probe, 7);
	probe_until(probe, 98, "select count(distinct id) from effect where id like 'wide-%%'");
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id in ('wide-11', 'wide-41', 'wide-71') "
					     "and reason = 'too_large'"), 3);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id like 'wide-%%'"), 3);
	assert_int_equal(probe_number(probe, "select count(distinct now) from effect where id like 'wide-%%'"), 2);
	probe_check(probe);
}

static void test_any_bytes(void **state)
{
	struct probe *probe = *state;
	int64_t before = probe_number(probe, "select count(*) from dead_letter");
	unsigned seed = (unsigned)getpid();
	unsigned char bytes[300];

	print_message("seed %u\n", seed);
	for (int i = 0; i < 300; i++) {
		size_t size = (size_t)rand_r(&seed) % sizeof(bytes);

		for (size_t b = 0; b < size; b++)
			bytes[b] = (unsigned char)rand_r(&seed);
		probe_send_bytes(probe, TOPIC_INBOUND, i % PROBE_PARTITIONS, bytes, size);
	}
	send_around(probe, "bytes", "{'refuse': true}");
	expect_neighbours(probe, "bytes");
	probe_until(probe, before + 301, "select count(*) from dead_letter");
	assert_int_equal(probe_number(probe, "select count(*) from (select distinct topic, partition, \"offset\" from dead_letter) d"),
			 before + 301);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where topic <> '" TOPIC_INBOUND "'"), 0);
	probe_check(probe);
}

/* Each dead letter on the topic once (first copies), as in the table. */
static void test_dead_letters_on_the_topic(void **state)
{
	struct probe *probe = *state;
	struct probe_log log;
	size_t wanted = (size_t)probe_number(probe, "select count(*) from dead_letter"), found = 0;

	probe_check(probe);
	probe_read(probe, TOPIC_DEAD, 1, &log);
	for (size_t i = 0; i < log.count; i++) {
		size_t j = 0;

		while (j < i && strcmp(strstr(log.items[j].headers, "dl_topic="), strstr(log.items[i].headers, "dl_topic=")) != 0)
			j++;
		found += j == i;
	}
	assert_int_equal(found, wanted);
	probe_log_free(&log);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_a_refusal_of_the_service),
		PROBE_TEST(test_a_constraint_refuses_only_its_event),
		PROBE_TEST(test_much_poison_costs_little),
		PROBE_TEST(test_a_crasher_is_isolated),
		PROBE_TEST(test_a_crasher_in_the_checks_is_isolated),
		PROBE_TEST(test_an_outage_is_not_poison),
		PROBE_TEST(test_giving_up_loses_nothing),
		PROBE_TEST(test_too_large),
		PROBE_TEST(test_too_large_among_others),
		PROBE_TEST(test_any_bytes),
		PROBE_TEST(test_dead_letters_on_the_topic),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, probe_open, probe_close);
}
