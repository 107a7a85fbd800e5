/* The processes: are all of them still there? Asks the supervisor of the stack every two seconds. A daemon that dies is started
 * again at once, which the screen only tells; one that has failed for good ends the demo with a message. And at noon one is
 * killed, to see that. */
#include <errno.h>
#include <jansson.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/demo/demo.h"

#define EVERY (2 * SECOND)
#define EVERY_AFTER_KILL (50 * MILLISECOND)

extern char **environ;

/* What `supervisor ask DIR WORD WORD` prints; false when it cannot be had. */
static bool ask(const struct demo *demo, const char *verb, const char *word, char *text, size_t size)
{
	char *const arguments[] = { (char *)(uintptr_t)demo->supervisor, "ask", (char *)(uintptr_t)demo->dir,
				    (char *)(uintptr_t)verb, (char *)(uintptr_t)word, NULL };
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

void watch_kill(struct demo *demo)
{
	char text[256];

	if (!demo->victim || !demo->supervisor || !demo->dir)
		return;
	demo->killed_time = day_now(demo);
	demo->killed_at = demo_monotonic();
	if (!ask(demo, "kill", demo->victim, text, sizeof(text))) {
		demo->killed_at = 0;
		return;
	}
	news_say(demo, SCREEN_RED, "killed", screen_word(&demo->screen,
		"%s is killed by this demo (kill -9), in the middle of its work",
							 "演示程序在工作途中杀死 %s(kill -9)"), demo->victim);
}

/* The victim is there again. */
static void greet(struct demo *demo, const struct service_note *service, int64_t now)
{
	char length[SCREEN_TEXT];

	if (!demo->killed_at || demo->back_after || strcmp(service->name, demo->victim) != 0 ||
	    strcmp(service->state, "ready") != 0 || service->restarts == 0)
		return;
	demo->back_after = now - demo->killed_at;
	news_say(demo, SCREEN_GREEN, "back", screen_word(&demo->screen, "%s is back after %.*s and goes on where it was",
							 "%s 在 %.*s后恢复,从中断处继续"), demo->victim,
		 STR_ARG(screen_length(&demo->screen, demo->back_after, length)));
}

static void note(struct demo *demo, json_t *service, int64_t now)
{
	const char *name = json_string_value(json_object_get(service, "name"));
	const char *state = json_string_value(json_object_get(service, "state"));
	struct service_note *noted;

	if (!name || !state || demo->service_count == PROCESSES_MAX)
		return;
	noted = &demo->services[demo->service_count++];
	snprintf(noted->name, sizeof(noted->name), "%s", name);
	snprintf(noted->state, sizeof(noted->state), "%s", state);
	noted->restarts = (int)json_integer_value(json_object_get(service, "restarts"));
	if (strcmp(state, "failed") == 0 || strcmp(state, "stopped") == 0)
		snprintf(demo->failure, sizeof(demo->failure), "%s has %s; its log is %.120s/log/%s.log", name, state,
			demo->dir, name);
	if (demo->victim)
		greet(demo, noted, now);
}

void watch_turn(struct demo *demo, int64_t now)
{
	bool soon = demo->killed_at && !demo->back_after;
	char text[16384];
	json_t *list, *service;
	size_t i;

	if (!demo->supervisor || !demo->dir || now - demo->watched < (soon ? EVERY_AFTER_KILL : EVERY))
		return;
	demo->watched = now;
	if (!ask(demo, "status", "json", text, sizeof(text))) {
		snprintf(demo->failure, sizeof(demo->failure), "the stack in %.150s is down", demo->dir);
		return;
	}
	list = json_loads(text, 0, NULL);
	demo->service_count = 0;
	json_array_foreach(list, i, service)
		note(demo, service, now);
	json_decref(list);
}
