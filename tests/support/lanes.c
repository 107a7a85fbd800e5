/* Lanes; see the header. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/lanes.h"

#define LANES_MAX 64

static void show(FILE *from)
{
	char text[4096];
	size_t n;

	rewind(from);
	while ((n = fread(text, 1, sizeof(text), from)) > 0)
		fwrite(text, 1, n, stdout);
	fclose(from);
}

static pid_t lane_start(FILE *said, size_t lane, size_t lanes, int (*run)(size_t, size_t, void *), void *userdata)
{
	pid_t parent = getpid(), pid = fork();
	int failed;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fileno(said), 1) < 0 || dup2(fileno(said), 2) < 0)
		_exit(1);
	failed = run(lane, lanes, userdata);
	fflush(stdout);
	_exit(failed ? 1 : 0);
}

int lanes_run(size_t lanes, int (*run)(size_t lane, size_t lanes, void *userdata), void *userdata)
{
	FILE *said[LANES_MAX];
	pid_t pids[LANES_MAX];
	int failed = 0, status = 0;

	lanes = lanes < 1 ? 1 : lanes > LANES_MAX ? LANES_MAX : lanes;
	fflush(stdout);
	for (size_t i = 0; i < lanes; i++) {
		said[i] = tmpfile();
		if (!said[i])
			return 1;
		pids[i] = lane_start(said[i], i, lanes, run, userdata);
	}
	for (size_t i = 0; i < lanes; i++) {
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		show(said[i]);
		failed |= status != 0;
	}
	return failed;
}
