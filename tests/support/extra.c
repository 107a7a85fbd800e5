/* Starts further instances, and does with them at random what happens to instances. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tests/support/extra.h"
#include "tests/support/scene.h"

#define BURST 60

static long log_size(const struct stack *stack, const struct extra *extra)
{
	char path[900];
	struct stat file;

	snprintf(path, sizeof(path), "%s/log/%s.extra.log", stack->dir, extra->instance);
	return stat(path, &file) == 0 ? (long)file.st_size : 0;
}

/* The stack's configuration of the daemon, with another instance name. */
static void write_config(const struct stack *stack, const struct extra *extra, char path[900])
{
	char line[1200];
	FILE *from, *to;

	snprintf(path, 900, "%s/conf/%s.conf", stack->dir, extra->daemon);
	from = fopen(path, "r");
	snprintf(path, 900, "%s/run/%s.conf", stack->dir, extra->instance);
	to = fopen(path, "w");
	assert_true(from && to);
	while (fgets(line, sizeof(line), from))
		if (strncmp(line, "instance", 8) != 0 && strncmp(line, "metrics_listen", 14) != 0)
			fputs(line, to);
	fprintf(to, "instance = %s\n", extra->instance);
	fclose(from);
	fclose(to);
}

void extra_start(const struct stack *stack, struct extra *extra)
{
	char program[600], path[900], name[64], log_path[900];
	const char *const argv[] = { program, "--config", path, NULL };
	sigset_t none;
	int log;

	write_config(stack, extra, path);
	snprintf(name, sizeof(name), "aftercare-%s", extra->daemon);
	(void)stack_program(stack, name, program, sizeof(program));
	snprintf(log_path, sizeof(log_path), "%s/log/%s.extra.log", stack->dir, extra->instance);
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	extra->said = log_size(stack, extra);
	extra->stopped = 0;
	sigemptyset(&none);
	extra->pid = fork();
	if (extra->pid == 0) {
		setsid();
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		unsetenv("NOTIFY_SOCKET");
		dup2(log, 1);
		dup2(log, 2);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(log);
}

int extra_ended(struct desk *desk, struct traffic *traffic, struct extra *extra)
{
	long deadline = stack_deadline();
	int status = 0;

	while (waitpid(extra->pid, &status, WNOHANG) == 0) {
		traffic_turn(desk, traffic);
		if (stack_clock() > deadline)
			desk_fail(desk, NULL, "%s does not end", extra->instance);
	}
	extra->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void extra_kill(struct extra *extra)
{
	if (extra->pid > 0) {
		kill(extra->pid, SIGKILL);
		while (waitpid(extra->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	extra->pid = 0;
	extra->stopped = 0;
}

/* ---- several of them ---- */

void crew_fill(struct crew *crew)
{
	static const char *const daemons[] = { "intake", "routing", "sla" };

	*crew = (struct crew){ 0 };
	for (size_t i = 0; i < array_count(crew->extras); i++) {
		crew->extras[i].daemon = daemons[i % array_count(daemons)];
		snprintf(crew->extras[i].instance, sizeof(crew->extras[i].instance), "%s-%zu", crew->extras[i].daemon,
			 2 + i / array_count(daemons));
	}
}

/* Stopped in the middle of something: with records in memory, or in a transaction. */
static void freeze(struct desk *desk, struct traffic *traffic, struct crew *crew, struct extra *extra, long after)
{
	long at = stack_clock() + after;

	traffic_burst(desk, traffic, BURST);
	while (stack_clock() < at)
		;
	kill(extra->pid, SIGSTOP);
	extra->stopped = stack_clock();
	crew->freezes++;
}

void crew_deed(struct desk *desk, struct traffic *traffic, struct crew *crew, struct chance *chance)
{
	struct extra *extra = &crew->extras[chance_below(chance, array_count(crew->extras))];
	int status;

	if (extra->pid == 0) {
		extra_start(desk_stack(desk), extra);
		crew->starts++;
		return;
	}
	if (extra->stopped)
		return;
	switch (chance_below(chance, 3)) {
	case 0:
		kill(extra->pid, SIGTERM);
		status = extra_ended(desk, traffic, extra);
		/* On a busy machine the signal can come before main() does; nothing has begun then. */
		if (status != 128 + SIGTERM || log_size(desk_stack(desk), extra) != extra->said)
			assert_int_equal(status, 0);
		crew->stops++;
		return;
	case 1:
		extra_kill(extra);
		crew->kills++;
		return;
	default:
		freeze(desk, traffic, crew, extra, (long)chance_below(chance, 60));
		return;
	}
}

void crew_wake(struct desk *desk, struct crew *crew, bool all)
{
	for (size_t i = 0; i < array_count(crew->extras); i++) {
		struct extra *extra = &crew->extras[i];

		if (extra->stopped && (all || stack_clock() - extra->stopped > EXTRA_STOPPED_MS)) {
			kill(extra->pid, SIGCONT);
			extra->stopped = 0;
		}
		/* None may end by itself. */
		if (extra->pid && waitpid(extra->pid, NULL, WNOHANG) != 0) {
			extra->pid = 0;
			desk_fail(desk, NULL, "%s has ended by itself", extra->instance);
		}
	}
}

bool crew_has_stopped(const struct crew *crew)
{
	for (size_t i = 0; i < array_count(crew->extras); i++)
		if (crew->extras[i].stopped)
			return true;
	return false;
}

void crew_kill(struct crew *crew)
{
	for (size_t i = 0; i < array_count(crew->extras); i++)
		extra_kill(&crew->extras[i]);
}
