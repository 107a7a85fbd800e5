#include <string.h>

#include "tests/support/daemons.h"
#include "tests/support/scene.h"

struct expectation {
	const char *status;
	bool there;
};

static bool all_say(struct desk *desk, void *userdata)
{
	const struct expectation *expected = userdata;
	const struct stack *stack = desk_stack(desk);
	json_t *status = stack_status(stack);
	bool all = true;

	for (size_t i = 0; i < stack->daemon_count; i++) {
		const char *said = json_string_value(json_object_get(stack_service(status, stack->daemons[i]), "status"));

		all = all && said && (strstr(said, expected->status) != NULL) == expected->there;
	}
	json_decref(status);
	return all;
}

void daemons_wait_status(struct desk *desk, const char *words, bool there)
{
	struct expectation expected = { words, there };
	const struct stack *stack = desk_stack(desk);

	if (desk_until(desk, all_say, &expected))
		return;
	(void)stack_do(stack, "status", NULL);
	for (size_t i = 0; i < stack->daemon_count; i++)
		if (stack_says(stack, stack->daemons[i], words) != there)
			desk_fail(desk, NULL, "the STATUS of %s %s \"%s\"", stack->daemons[i], there ? "does not say" : "still says", words);
}

void daemons_remember(const struct stack *stack, struct daemons *ret_daemons, const char *words)
{
	for (size_t i = 0; i < stack->daemon_count; i++) {
		ret_daemons->pids[i] = stack_pid(stack, stack->daemons[i]);
		ret_daemons->lines[i] = words ? stack_log_count(stack, stack->daemons[i], words) : 0;
	}
}

void daemons_check_same(const struct desk *desk, const struct daemons *daemons)
{
	const struct stack *stack = desk_stack(desk);

	for (size_t i = 0; i < stack->daemon_count; i++)
		if (stack_pid(stack, stack->daemons[i]) != daemons->pids[i])
			desk_fail(desk, NULL, "%s is not the process it was", stack->daemons[i]);
}

void daemons_check(const struct desk *desk, const struct daemons *daemons, const char *words, int lines)
{
	const struct stack *stack = desk_stack(desk);

	daemons_check_same(desk, daemons);
	for (size_t i = 0; i < stack->daemon_count; i++) {
		int more = stack_log_count(stack, stack->daemons[i], words) - daemons->lines[i];

		if (more != lines)
			desk_fail(desk, NULL, "%s has %d lines more with \"%s\", not %d", stack->daemons[i], more, words, lines);
	}
}

static bool is_later(struct desk *desk, void *userdata)
{
	(void)desk;
	return stack_clock() > *(const long *)userdata;
}

void daemons_let_retries_pass(struct desk *desk)
{
	long until = stack_clock() + 4000;

	assert_true(desk_until(desk, is_later, &until));
}
