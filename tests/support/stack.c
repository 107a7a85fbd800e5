/* Starts and stops the stack of a test program and asks its script.
 *
 * A child of ours holds the end of a pipe: when this process dies in whatever way, the child reads the end of the file
 * and brings the stack down. So a crashed or killed test leaves no processes behind. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/stack.h"

const char *stack_program(const struct stack *stack, const char *name, char *path, size_t size)
{
	const char *given = getenv("AFTERCARE_BIN");

	if (given && *given) {
		snprintf(path, size, "%s/%s", given, name);
		if (access(path, X_OK) == 0)
			return path;
	}
	snprintf(path, size, "%s/build/bin/%s", stack->root, name);
	return path;
}

static void script(const struct stack *stack, char path[600])
{
	snprintf(path, 600, "%s/deploy/dev/stack", stack->root);
}

/* ---- verbs ---- */

bool stack_can(const struct stack *stack)
{
	return stack->dir[0] != '\0';
}

bool stack_do(const struct stack *stack, const char *verb, const char *service)
{
	char path[600], *said = NULL;
	const char *const argv[] = { path, "--dir", stack->dir, verb, service, NULL };
	int status;

	script(stack, path);
	status = stack_run(argv, &said);
	if (status != 0)
		fprintf(stderr, "stack %s %s: exit status %d\n%s", verb, service ? service : "", status, said);
	free(said);
	return status == 0;
}

pid_t stack_begin(const struct stack *stack, const char *verb, const char *service)
{
	char path[600];
	const char *const argv[] = { path, "--dir", stack->dir, verb, service, NULL };

	script(stack, path);
	return stack_spawn(argv, -1);
}

json_t *stack_status(const struct stack *stack)
{
	char path[600], *said = NULL;
	const char *const argv[] = { path, "--dir", stack->dir, "status", "--json", NULL };
	json_t *status;

	script(stack, path);
	(void)stack_run(argv, &said);
	status = json_loads(said, 0, NULL);
	if (!json_is_array(status))
		fprintf(stderr, "stack status --json gives no list: %s\n", said);
	free(said);
	return status;
}

json_t *stack_service(json_t *status, const char *service)
{
	json_t *one;
	size_t i;

	json_array_foreach(status, i, one)
		if (strcmp(json_string_value(json_object_get(one, "name")), service) == 0)
			return one;
	return NULL;
}

pid_t stack_pid(const struct stack *stack, const char *service)
{
	json_t *status = stack_status(stack);
	pid_t pid = (pid_t)json_integer_value(json_object_get(stack_service(status, service), "pid"));

	json_decref(status);
	return pid;
}

int stack_restarts(const struct stack *stack, const char *service)
{
	json_t *status = stack_status(stack);
	int restarts = (int)json_integer_value(json_object_get(stack_service(status, service), "restarts"));

	json_decref(status);
	return restarts;
}

static bool member_has(const struct stack *stack, const char *service, const char *member, const char *words)
{
	json_t *status = stack_status(stack);
	const char *text = json_string_value(json_object_get(stack_service(status, service), member));
	bool has = text && strstr(text, words);

	json_decref(status);
	return has;
}

bool stack_says(const struct stack *stack, const char *service, const char *words)
{
	return member_has(stack, service, "status", words);
}

bool stack_is(const struct stack *stack, const char *service, const char *state)
{
	return member_has(stack, service, "state", state);
}

int stack_log_count(const struct stack *stack, const char *service, const char *words)
{
	char path[900], line[4096];
	int count = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log/%s.log", stack->dir, service);
	log = fopen(path, "r");
	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, words) != NULL;
	if (log)
		fclose(log);
	return count;
}

int stack_ctl(const struct stack *stack, char **ret_output, const char *const *arguments)
{
	char program[600], config[900];
	const char *argv[32] = { stack_program(stack, "aftercarectl", program, sizeof(program)), "--config", config };

	snprintf(config, sizeof(config), "%s/conf/ctl.conf", stack->dir);
	for (size_t i = 0; arguments[i] && i < 28; i++)
		argv[3 + i] = arguments[i];
	return stack_run(argv, ret_output);
}

/* ---- up and down ---- */

/* The folder above ours that has the script: a test may be started from anywhere. */
static bool find_root(char root[512])
{
	char path[600];
	ssize_t n = readlink("/proc/self/exe", root, 511);

	if (n < 0)
		return false;
	root[n] = '\0';
	while (strrchr(root, '/')) {
		*strrchr(root, '/') = '\0';
		snprintf(path, sizeof(path), "%s/deploy/dev/stack", root);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void remove_tree(const char *path)
{
	const char *const argv[] = { "rm", "-rf", path, NULL };

	(void)stack_run(argv, NULL);
}

/* What takes room; the logs stay for whoever wants to know why. */
static void remove_data(const struct stack *stack)
{
	static const char *const parts[] = { "postgres", "kafka" };
	char path[900], home[256] = "";
	FILE *told;

	snprintf(path, sizeof(path), "%s/postgres.path", stack->dir);
	told = fopen(path, "r");
	if (told) {
		if (fgets(home, sizeof(home), told) && strncmp(home, "/var/tmp/aftercare-postgres.", 28) == 0) {
			home[strcspn(home, "\n")] = '\0';
			remove_tree(home);
		}
		fclose(told);
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", stack->dir, parts[i]);
		remove_tree(path);
	}
}

static void guard(struct stack *stack)
{
	int pipes[2];
	char word = 0;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return;
	stack->guardian = fork();
	if (stack->guardian != 0) {
		close(pipes[0]);
		stack->guard = pipes[1];
		return;
	}
	setsid();
	close(pipes[1]);
	while (read(pipes[0], &word, 1) < 0 && errno == EINTR)
		;
	if (word == 0) {
		(void)stack_do(stack, "down", NULL);
		remove_data(stack);
	}
	_exit(0);
}

static bool read_env(struct stack *stack)
{
	char path[900], line[1024];
	FILE *env;

	snprintf(path, sizeof(path), "%s/env", stack->dir);
	env = fopen(path, "r");
	while (env && fgets(line, sizeof(line), env)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "AFTERCARE_BROKERS=", 18) == 0)
			snprintf(stack->brokers, sizeof(stack->brokers), "%s", line + 18);
		else if (strncmp(line, "AFTERCARE_DATABASE=", 19) == 0)
			snprintf(stack->database, sizeof(stack->database), "%s", line + 19);
	}
	if (env)
		fclose(env);
	return stack->brokers[0] && stack->database[0];
}

static bool is_kafka(const struct stack *stack)
{
	char path[900];

	snprintf(path, sizeof(path), "%s/kafka", stack->dir);
	return access(path, F_OK) == 0;
}

static void name_daemons(struct stack *stack)
{
	json_t *status = stack_status(stack), *one;
	size_t i;

	json_array_foreach(status, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));

		if (strcmp(name, "postgres") != 0 && strncmp(name, "broker", 6) != 0 && stack->daemon_count < 16)
			snprintf(stack->daemons[stack->daemon_count++], sizeof(*stack->daemons), "%s", name);
	}
	json_decref(status);
}

/* The stack of whoever started us; false: there is none. */
static bool join(struct stack *stack)
{
	const char *brokers = getenv("AFTERCARE_BROKERS"), *database = getenv("AFTERCARE_DATABASE");
	const char *dir = getenv("AFTERCARE_DIR");

	if (!brokers || !*brokers || !database || !*database)
		return false;
	snprintf(stack->brokers, sizeof(stack->brokers), "%s", brokers);
	snprintf(stack->database, sizeof(stack->database), "%s", database);
	snprintf(stack->dir, sizeof(stack->dir), "%s", dir ? dir : "");
	if (stack_can(stack)) {
		stack->kafka = is_kafka(stack);
		name_daemons(stack);
	}
	return true;
}

static bool bring_up(struct stack *stack, const char *broker, const char *const *further)
{
	char path[600], *said = NULL;
	const char *argv[64] = { path, "--dir", stack->dir, "up", "--broker", broker };
	bool good;

	for (size_t i = 0; further && further[i] && i < 56; i++)
		argv[6 + i] = further[i];
	script(stack, path);
	good = stack_run(argv, &said) == 0 && read_env(stack);
	if (!good)
		fprintf(stderr, "%s", said);
	free(said);
	return good;
}

bool stack_root(struct stack *ret_stack)
{
	*ret_stack = (struct stack){ .guard = -1 };
	if (find_root(ret_stack->root))
		return true;
	fprintf(stderr, "no deploy/dev/stack above this program\n");
	return false;
}

bool stack_open(struct stack *ret_stack, const char *name, const char *const *further)
{
	const char *broker = getenv("AFTERCARE_TEST_BROKER");

	if (!stack_root(ret_stack))
		return false;
	broker = broker && *broker ? broker : "devbroker";
	ret_stack->kafka = strcmp(broker, "kafka") == 0;
	if (!further && join(ret_stack))
		return true;
	ret_stack->ours = true;
	snprintf(ret_stack->dir, sizeof(ret_stack->dir), "%s/build/test-stacks/%s-%s", ret_stack->root, name, broker);
	if (access(ret_stack->dir, F_OK) == 0) {
		(void)stack_do(ret_stack, "down", NULL);
		remove_data(ret_stack);
		remove_tree(ret_stack->dir);
	}
	guard(ret_stack);
	if (bring_up(ret_stack, broker, further)) {
		name_daemons(ret_stack);
		return true;
	}
	stack_close(ret_stack);
	return false;
}

void stack_close(struct stack *stack)
{
	const char *keep = getenv("AFTERCARE_TEST_KEEP");
	int status;

	if (stack->ours && stack->dir[0]) {
		(void)stack_do(stack, "down", NULL);
		if (!keep || !*keep)
			remove_data(stack);
	}
	if (stack->guard >= 0) {
		(void)!write(stack->guard, "x", 1);
		close(stack->guard);
		(void)waitpid(stack->guardian, &status, 0);
	}
	*stack = (struct stack){ .guard = -1 };
}
