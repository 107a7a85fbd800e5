/* Are all processes still there? Asks the supervisor of the stack every two seconds. A daemon that dies is started again at
 * once, which the screen only counts; one that has failed for good ends the demo with a message. */
#include <errno.h>
#include <jansson.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/demo/demo.h"

#define EVERY (2 * SECOND)

extern char **environ;

/* What `supervisor ask DIR status json` prints; false when it cannot be had. */
static bool ask(const struct demo *demo, char *text, size_t size)
{
	char *const arguments[] = { (char *)(uintptr_t)demo->supervisor, "ask", (char *)(uintptr_t)demo->dir, "status", "json",
				    NULL };
	posix_spawn_file_actions_t actions;
	size_t used = 0;
	ssize_t n = 0;
	int ends[2], status = 1;
	pid_t child;
	bool started;

	if (pipe(ends))
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	started = posix_spawn(&child, demo->supervisor, &actions, NULL, arguments, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	while (started && used < size - 1 &&
	       ((n = read(ends[0], text + used, size - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	close(ends[0]);
	text[used] = 0;
	while (started && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return started && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void watch_turn(struct demo *demo, int64_t now)
{
	char text[16384];
	json_t *list, *service;
	size_t i;
	int ready = 0, restarts = 0;

	if (!demo->supervisor || !demo->dir || now - demo->watched < EVERY)
		return;
	demo->watched = now;
	if (!ask(demo, text, sizeof(text))) {
		snprintf(demo->failure, sizeof(demo->failure), "the stack in %.150s is down", demo->dir);
		return;
	}
	list = json_loads(text, 0, NULL);
	json_array_foreach(list, i, service) {
		const char *name = json_string_value(json_object_get(service, "name"));
		const char *state = json_string_value(json_object_get(service, "state"));

		if (!name || !state)
			continue;
		ready += strcmp(state, "ready") == 0;
		restarts += (int)json_integer_value(json_object_get(service, "restarts"));
		if (strcmp(state, "failed") == 0 || strcmp(state, "stopped") == 0)
			snprintf(demo->failure, sizeof(demo->failure), "%s has %s; its log is %.120s/log/%s.log", name, state,
				 demo->dir, name);
	}
	demo->services = (int)json_array_size(list);
	demo->ready = ready;
	if (restarts > demo->restarts)
		tally_line(demo, SCREEN_YELLOW, "", screen_word(&demo->screen, "restarted", "重启"), "%s",
			   screen_word(&demo->screen, "a process had died and is back", "进程曾中断,现已恢复"));
	demo->restarts = restarts;
	json_decref(list);
}
