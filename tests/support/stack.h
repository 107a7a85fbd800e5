/* One running system for a test program: deploy/dev/stack, brought up once, asked by verbs, brought down whatever happens.
 *
 * With AFTERCARE_BROKERS and AFTERCARE_DATABASE in the environment (what `stack env` prints) the running one is used
 * and left alone; with AFTERCARE_DIR too, its services can be stopped and killed. AFTERCARE_TEST_BROKER chooses the broker
 * of a stack of our own: devbroker (default) or kafka. AFTERCARE_TEST_KEEP=1 leaves its data behind. */
#ifndef AFTERCARE_TESTS_SUPPORT_STACK_H
#define AFTERCARE_TESTS_SUPPORT_STACK_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

struct stack {
	char root[512];        /* of the project */
	char dir[700];         /* of the stack; empty: its verbs cannot be had */
	char brokers[1100], database[1100];
	char daemons[16][32];  /* names of what runs besides PostgreSQL and the broker; none when verbs cannot be had */
	size_t daemon_count;
	bool kafka;            /* a real Apache Kafka */
	bool ours;
	int guard;             /* pipe to the process that brings the stack down when we die */
	pid_t guardian;
};

/* Brings up build/test-stacks/NAME, empty. further: more arguments of `up`, NULL-terminated, or NULL. False, with the
 * reason on stderr, when it does not come up. */
bool stack_open(struct stack *ret_stack, const char *name, const char *const *further);
void stack_close(struct stack *stack);
/* Fills in only the root, for those who need no stack but its programs. */
bool stack_root(struct stack *ret_stack);

/* Whether verbs can be had; tests that need them skip otherwise. */
bool stack_can(const struct stack *stack);
/* stack_do(stack, "kill", "sla"): true when the script says so; what it said goes to stderr otherwise. */
bool stack_do(const struct stack *stack, const char *verb, const char *service);
/* The same without waiting; the process is to be waited for by the caller. */
pid_t stack_begin(const struct stack *stack, const char *verb, const char *service);
/* `status --json`; to be given up with json_decref. */
json_t *stack_status(const struct stack *stack);
/* One service of it (borrowed); NULL when there is none. */
json_t *stack_service(json_t *status, const char *service);
pid_t stack_pid(const struct stack *stack, const char *service);
int stack_restarts(const struct stack *stack, const char *service);
/* Whether its STATUS= line contains the words. */
bool stack_says(const struct stack *stack, const char *service, const char *words);
bool stack_is(const struct stack *stack, const char *service, const char *state);
/* Lines of a service's log that contain the words. */
int stack_log_count(const struct stack *stack, const char *service, const char *words);

/* Runs a program to its end, without shell. Its exit status, -1 when it was killed or is not there; what it wrote to
 * stdout and stderr in *ret_output (malloc) unless that is NULL. */
int stack_run(const char *const *argv, char **ret_output);
/* Starts one; output (or -1) is a file descriptor for stdout and stderr. */
pid_t stack_spawn(const char *const *argv, int output);
/* Path of a built program: AFTERCARE_BIN first, then build/bin. */
const char *stack_program(const struct stack *stack, const char *name, char *path, size_t size);
/* aftercarectl of this stack with further arguments, NULL-terminated. */
int stack_ctl(const struct stack *stack, char **ret_output, const char *const *arguments);

/* Monotonic milliseconds, and the deadline of a wait: AFTERCARE_TEST_SECONDS from now (default 30). */
long stack_clock(void);
long stack_deadline(void);
/* Pauses for a moment between two looks at a condition that cannot be waited for in another way. */
void stack_moment(void);

#endif
