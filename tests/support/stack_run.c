/* Programs run by tests, and the clock that their waits end by.
 *
 * Without shell: arguments arrive as they are. Output is taken in one piece because what a test wants is to look for
 * something in it, or to show it when the test fails. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/stack.h"

long stack_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long stack_deadline(void)
{
	const char *given = getenv("AFTERCARE_TEST_SECONDS");

	return stack_clock() + 1000 * (given && atoi(given) > 0 ? atoi(given) : 30);
}

void stack_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000 * 1000 }, NULL);
}

pid_t stack_spawn(const char *const *argv, int output)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (output >= 0) {
		dup2(output, 1);
		dup2(output, 2);
	}
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static char *read_all(int fd)
{
	size_t size = 0, room = 4096;
	char *text = malloc(room + 1);
	ssize_t n;

	while ((n = read(fd, text + size, room - size)) > 0 || (n < 0 && errno == EINTR)) {
		size += n > 0 ? (size_t)n : 0;
		if (size == room)
			text = realloc(text, (room *= 2) + 1);
	}
	text[size] = '\0';
	return text;
}

int stack_run(const char *const *argv, char **ret_output)
{
	int pipes[2] = { -1, -1 }, status = -1;
	char *text;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	pid = stack_spawn(argv, pipes[1]);
	close(pipes[1]);
	text = read_all(pipes[0]);
	close(pipes[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (ret_output)
		*ret_output = text;
	else
		free(text);
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
