/* The database or the broker goes away, comes back, or is not there at the start; a configuration is wrong.
 *
 * In an outage a daemon stays the process it is, says so in its STATUS line and once in its log, and goes on by itself. Always
 * a stack of our own: here things are broken on purpose. On the devbroker nothing is left of a broker that stopped, so that
 * what survives one is tried on a real Kafka only, and so is a full disk under it: a small mount in a namespace of our own, skipped
 * where that is not permitted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemons.h"
#include "tests/support/disk.h"
#include "tests/support/scene.h"
#include "tests/support/traffic.h"

#define STREAM 1000
#define ROOM (1L << 20)                /* bytes left on the small disk */

struct outage {
	struct stack stack;
	struct desk *desk;
	struct daemons before;
};

static struct outage outage;

static int open_own(void **state)
{
	static const char *const none[] = { NULL };

	outage = (struct outage){ 0 };
	if (!stack_open(&outage.stack, "test_outage", none))
		return -1;
	outage.desk = desk_open(&outage.stack);
	*state = outage.desk;
	return outage.desk ? 0 : -1;
}

static int close_own(void **state)
{
	(void)state;
	char path[900];

	snprintf(path, sizeof(path), "%s/kafka", outage.stack.dir);
	desk_close(outage.desk);
	stack_close(&outage.stack);
	disk_unmount(path);
	(void)rmdir(path);
	return 0;
}

/* ---- outages ---- */

static void a_database_outage_is_waited_out(void **state)
{
	struct desk *desk = *state;
	const struct sent *requests[50];
	const char *before = scene_assigned(desk, 0, NULL);

	daemons_remember(&outage.stack, &outage.before, "database:");
	assert_true(stack_do(&outage.stack, "stop", "postgres"));
	daemons_wait_status(desk, "waiting for the database", true);
	for (size_t i = 0; i < 50; i++)
		requests[i] = scene_request(desk, 0, NULL);
	scene_send(desk, before, "staff.contacted", scene_cast(desk)->engineer, 0, NULL);
	daemons_let_retries_pass(desk);
	daemons_check(desk, &outage.before, "database:", 1);
	assert_true(stack_do(&outage.stack, "start", "postgres"));
	for (size_t i = 0; i < 50; i++)
		desk_expect(desk, desk_expect_ticket(desk, requests[i]), "ticket.assigned");
	desk_expect(desk, before, "ticket.contacted");
	daemons_wait_status(desk, "waiting", false);
	desk_settle(desk);
	daemons_check(desk, &outage.before, "database:", 2);
	desk_check_all(desk);
}

/* Requests keep coming while the server is killed and while the daemons take their work up again: whoever then reads on
 * from where the consumer has got to, and not from where the database is, loses some. */
static void keep_coming_while_killed(struct desk *desk, const char *victim)
{
	const struct sent *requests[STREAM];
	long start = stack_clock();
	size_t count = 0;

	while (count < STREAM && stack_clock() < start + 8000) {
		requests[count++] = scene_request(desk, 0, NULL);
		if (count == STREAM / 10)
			assert_true(stack_do(&outage.stack, "kill", victim));
		desk_read(desk, 4);
	}
	for (size_t i = 0; i < count; i++)
		desk_expect(desk, desk_expect_ticket(desk, requests[i]), "ticket.assigned");
	desk_settle(desk);
	for (size_t i = 0; i < count; i++) {
		scene_count_is(desk, desk_opened(desk, requests[i]), "ticket.registered", 1);
		scene_count_is(desk, desk_opened(desk, requests[i]), "ticket.assigned", 1);
		scene_count_is(desk, desk_opened(desk, requests[i]), "sla.started", 1);
	}
	desk_check_all(desk);
}

static void a_killed_database_loses_and_doubles_nothing(void **state)
{
	for (int round = 0; round < 3; round++)
		keep_coming_while_killed(*state, "postgres");
}

static bool has_ended(struct desk *desk, void *userdata)
{
	(void)desk;
	return waitpid(*(pid_t *)userdata, NULL, WNOHANG) != 0;
}

static bool all_running(struct desk *desk, void *userdata)
{
	json_t *status = stack_status(desk_stack(desk));
	bool all = true;

	(void)userdata;
	for (size_t i = 0; i < outage.stack.daemon_count; i++)
		all = all && json_integer_value(json_object_get(stack_service(status, outage.stack.daemons[i]), "pid")) > 0;
	json_decref(status);
	return all;
}

/* All daemons are started while `missing` is stopped; then it comes, and they become ready without a restart. */
static void start_without(struct desk *desk, const char *missing, const char *status, const char *line)
{
	pid_t starts[16];

	for (size_t i = 0; i < outage.stack.daemon_count; i++)
		assert_true(stack_do(&outage.stack, "stop", outage.stack.daemons[i]));
	assert_true(stack_do(&outage.stack, "stop", missing));
	for (size_t i = 0; i < outage.stack.daemon_count; i++) {
		outage.before.lines[i] = stack_log_count(&outage.stack, outage.stack.daemons[i], line);
		starts[i] = stack_begin(&outage.stack, "start", outage.stack.daemons[i]);
	}
	assert_true(desk_until(desk, all_running, NULL));
	daemons_wait_status(desk, status, true);
	for (size_t i = 0; i < outage.stack.daemon_count; i++)
		outage.before.pids[i] = stack_pid(&outage.stack, outage.stack.daemons[i]);
	daemons_let_retries_pass(desk);
	daemons_check(desk, &outage.before, line, 1);
	assert_true(stack_do(&outage.stack, "start", missing));
	for (size_t i = 0; i < outage.stack.daemon_count; i++)
		assert_true(desk_until(desk, has_ended, &starts[i]));
	daemons_wait_status(desk, "waiting", false);
	for (size_t i = 0; i < outage.stack.daemon_count; i++) {
		assert_int_equal(stack_pid(&outage.stack, outage.stack.daemons[i]), outage.before.pids[i]);
		assert_true(stack_is(&outage.stack, outage.stack.daemons[i], "ready"));
	}
}

static void a_start_without_database_waits_for_it(void **state)
{
	struct desk *desk = *state;

	start_without(desk, "postgres", "waiting for the database", "database:");
	scene_assigned(desk, 0, NULL);
}

static void a_broker_outage_is_waited_out(void **state)
{
	struct desk *desk = *state;
	const char *before = scene_assigned(desk, 0, NULL);

	desk_expect(desk, before, "sla.started");
	daemons_remember(&outage.stack, &outage.before, "broker:");
	assert_true(stack_do(&outage.stack, "stop", "broker"));
	daemons_wait_status(desk, "waiting for the broker", true);
	daemons_let_retries_pass(desk);
	daemons_check(desk, &outage.before, "broker:", 1);
	assert_true(stack_do(&outage.stack, "start", "broker"));
	daemons_wait_status(desk, "waiting", false);
	scene_do(desk, before, "staff.contacted", scene_cast(desk)->engineer, 0, NULL);
	scene_assigned(desk, 0, NULL);
	desk_settle(desk);
	daemons_check(desk, &outage.before, "broker:", 2);
	desk_check_all(desk);
}

static void a_killed_broker_loses_and_doubles_nothing(void **state)
{
	keep_coming_while_killed(*state, "broker");
}

static void a_start_without_broker_waits_for_it(void **state)
{
	struct desk *desk = *state;

	start_without(desk, "broker", "waiting for the broker", "broker:");
	if (outage.stack.kafka)
		scene_assigned(desk, 0, NULL);
}

/* ---- a full disk ---- */

static void load_for(struct desk *desk, struct traffic *traffic, long ms)
{
	for (long until = stack_clock() + ms; stack_clock() < until;)
		traffic_turn(desk, traffic);
}

/* Load until there is no room any more, which ends the broker; it is not started again before there is some. */
static void fill(struct desk *desk, struct traffic *traffic, const char *path)
{
	pid_t broker = stack_pid(&outage.stack, "broker");
	long deadline = stack_deadline();

	disk_shrink(path, ROOM);
	while (kill(broker, 0) == 0) {
		if (stack_clock() > deadline)
			desk_fail(desk, NULL, "the disk does not become full, or the broker does not mind");
		traffic_turn(desk, traffic);
	}
	assert_true(stack_do(&outage.stack, "stop", "broker"));
	assert_true(stack_log_count(&outage.stack, "broker", "No space left on device") > 0);
}

static bool has_more(struct desk *desk, void *userdata)
{
	size_t count;

	(void)desk_records(desk, &count);
	return count > *(size_t *)userdata;
}

static void a_full_disk_under_the_broker_is_waited_out(void **state)
{
	struct desk *desk = *state;
	struct traffic *traffic;
	char path[900];
	size_t read, requests;
	long back;

	disk_or_skip();
	snprintf(path, sizeof(path), "%s/kafka", outage.stack.dir);
	assert_true(stack_do(&outage.stack, "stop", "broker"));
	disk_mount_under(path, "2g");
	assert_true(stack_do(&outage.stack, "start", "broker"));
	daemons_wait_status(desk, "waiting", false);
	daemons_remember(&outage.stack, &outage.before, "broker:");
	traffic = traffic_open(desk, "disk", 15);
	load_for(desk, traffic, 1000);
	fill(desk, traffic, path);
	daemons_wait_status(desk, "waiting for the broker", true);
	daemons_let_retries_pass(desk);
	daemons_check(desk, &outage.before, "broker:", 1);
	(void)desk_records(desk, &read);
	disk_resize(path, "2g");
	assert_true(stack_do(&outage.stack, "start", "broker"));
	back = stack_clock();
	assert_true(desk_until(desk, has_more, &read));
	print_message("figure: the disk under the broker was full: work again %ld ms after the broker was back\n", stack_clock() - back);
	daemons_wait_status(desk, "waiting", false);
	requests = traffic_finish(desk, traffic);
	print_message("figure: %zu requests worked to their ends\n", requests);
	daemons_check(desk, &outage.before, "broker:", 2);
	traffic_check(desk, traffic);
	json_decref(desk_check_rebuild(desk));
	traffic_close(traffic);
}

/* ---- configuration ---- */

static const struct {
	const char *text;           /* behind a right brokers and database */
	const char *names[3];       /* what the line must name besides the file */
} wrong[] = {
	{ "colour = red\n", { "colour" } },
	{ "batch_max_events = many\n", { "batch_max_events", "many" } },
	{ "batch_max_events = 0\n", { "batch_max_events", "500" } },
	{ "reconnect_max = 5\n", { "reconnect_max", "5" } },
	{ "instance = a\ninstance = b\n", { "instance" } },
	{ "just words\n", { ":3" } },
	{ "database_password = hunter2\n", { "database_password" } },
};

static int run_with(const char *daemon, const char *text, char **ret_output, char path[900])
{
	char program[600], name[64];
	const char *const argv[] = { program, "--config", path, NULL };
	FILE *file;

	snprintf(path, 900, "%s/run/wrong-%s.conf", outage.stack.dir, daemon);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(name, sizeof(name), "aftercare-%s", daemon);
	(void)stack_program(&outage.stack, name, program, sizeof(program));
	return stack_run(argv, ret_output);
}

static int line_count(const char *text)
{
	int count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void a_wrong_configuration_is_one_clear_line_and_status_78(void **state)
{
	char path[900], text[2500];

	(void)state;
	for (size_t d = 0; d < outage.stack.daemon_count; d++)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
			char *said = NULL;
			int status;

			snprintf(text, sizeof(text), "brokers = %s\ndatabase = %s\n%s", outage.stack.brokers, outage.stack.database, wrong[i].text);
			status = run_with(outage.stack.daemons[d], text, &said, path);
			if (status != 78)
				fail_msg("%s with %s: exit status %d\n%s", outage.stack.daemons[d], wrong[i].text, status, said);
			if (!strstr(said, path) || line_count(said) > 2)
				fail_msg("%s with %s: not one line with the file in it, and one that it is over:\n%s",
					 outage.stack.daemons[d], wrong[i].text, said);
			for (size_t j = 0; j < 3 && wrong[i].names[j]; j++)
				if (!strstr(said, wrong[i].names[j]))
					fail_msg("%s with %s: %s is not named:\n%s", outage.stack.daemons[d], wrong[i].text, wrong[i].names[j], said);
			assert_null(strstr(said, "hunter2"));
			free(said);
		}
}

static void a_missing_configuration_is_status_78(void **state)
{
	char program[600], *said = NULL;
	const char *const argv[] = { program, "--config", "/nonexistent/intake.conf", NULL };

	(void)state;
	(void)stack_program(&outage.stack, "aftercare-intake", program, sizeof(program));
	assert_int_equal(stack_run(argv, &said), 78);
	assert_non_null(strstr(said, "/nonexistent/intake.conf"));
	free(said);
	said = NULL;
	char path[900];
	assert_int_equal(run_with("intake", "# nothing\n", &said, path), 78);
	assert_non_null(strstr(said, "brokers"));
	assert_non_null(strstr(said, "database"));
	free(said);
}

#define ON_ANY_BROKER \
	cmocka_unit_test(a_wrong_configuration_is_one_clear_line_and_status_78), \
	cmocka_unit_test(a_missing_configuration_is_status_78), \
	cmocka_unit_test(a_database_outage_is_waited_out), \
	cmocka_unit_test(a_killed_database_loses_and_doubles_nothing), \
	cmocka_unit_test(a_start_without_database_waits_for_it)

int main(void)
{
	const struct CMUnitTest with_kafka[] = {
		ON_ANY_BROKER,
		cmocka_unit_test(a_broker_outage_is_waited_out),
		cmocka_unit_test(a_killed_broker_loses_and_doubles_nothing),
		cmocka_unit_test(a_start_without_broker_waits_for_it),
		cmocka_unit_test(a_full_disk_under_the_broker_is_waited_out),
	};
	/* What a stopped devbroker held is gone: there is nothing to survive, and nothing comes after it. */
	const struct CMUnitTest with_devbroker[] = {
		ON_ANY_BROKER,
		cmocka_unit_test(a_start_without_broker_waits_for_it),
	};
	const char *broker = getenv("AFTERCARE_TEST_BROKER");

	disk_begin();
	if (broker && strcmp(broker, "kafka") == 0)
		return cmocka_run_group_tests_name("test_outage", with_kafka, open_own, close_own);
	return cmocka_run_group_tests_name("test_outage", with_devbroker, open_own, close_own);
}
