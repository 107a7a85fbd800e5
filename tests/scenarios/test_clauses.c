/* The clauses of the regulations as scenarios that people can read: tests/scenarios/clauses, all played over one stack.
 *
 *   test_clauses                          all of them, over a stack of our own that has the policies they name
 *   test_clauses FILE|FOLDER...           these; over the stack that AFTERCARE_BROKERS and AFTERCARE_DATABASE name, if any
 *   test_clauses --policies DIR [FILE]... writes the policies that such a stack must run, and does no more
 *   test_clauses --variants LIST [FILE]...  plays variants of policies (scenarios_vary): tests/scenarios/mutate
 *   test_clauses --help                   the words of a scenario
 *
 * `tests/scenarios/run` is for people. AFTERCARE_TEST_ONLY='C072*' plays those whose names match. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/scenario.h"

static void read_all(struct scenarios *scenarios, const char *root, char **paths)
{
	struct stat stat_of;
	char folder[700];

	snprintf(folder, sizeof(folder), "%s/tests/scenarios/clauses", root);
	if (!*paths)
		scenarios_read_folder(scenarios, folder);
	for (; *paths; paths++)
		if (stat(*paths, &stat_of) == 0 && S_ISDIR(stat_of.st_mode))
			scenarios_read_folder(scenarios, *paths);
		else
			scenarios_read(scenarios, *paths);
	if (getenv("AFTERCARE_TEST_ONLY"))
		scenarios_only(scenarios, getenv("AFTERCARE_TEST_ONLY"));
}

/* The stack is given, or one of our own under the tagged policies. */
static bool open_stack(struct stack *stack, struct scenarios *scenarios, bool given)
{
	struct stack root;
	char folder[700];
	const char *further[40] = { "--policy", folder };

	if (!stack_root(&root))
		return false;
	snprintf(folder, sizeof(folder), "%s/build/test-stacks", root.root);
	(void)mkdir(folder, 0755);
	snprintf(folder, sizeof(folder), "%s/build/test-stacks/clauses-policies-%s", root.root,
		 getenv("AFTERCARE_TEST_BROKER") ? getenv("AFTERCARE_TEST_BROKER") : "devbroker");
	if (given)
		return stack_open(stack, "clauses", NULL);
	if (!scenario_policies(scenarios, root.root, folder))
		return false;
	scenario_values(scenarios, root.root, folder, further + 2, array_count(further) - 2);
	return stack_open(stack, "clauses", further);
}

static int play(struct scenarios *scenarios, bool given)
{
	struct stack stack;
	struct desk *desk;
	size_t failed = 1;

	if (!open_stack(&stack, scenarios, given))
		return 1;
	desk = desk_open(&stack);
	if (desk) {
		failed = scenarios_play(scenarios, desk);
		desk_check_all(desk);
	}
	desk_close(desk);
	stack_close(&stack);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct scenarios scenarios = { .count = 0 };
	struct stack root;
	int status = 2;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		scenario_help(stdout);
		return 0;
	}
	if (!stack_root(&root))
		return 1;
	if (argc > 2 && strcmp(argv[1], "--policies") == 0) {
		read_all(&scenarios, root.root, argv + 3);
		if (!scenarios.errors)
			status = scenario_policies(&scenarios, root.root, argv[2]) ? 0 : 1;
	} else {
		bool vary = argc > 2 && strcmp(argv[1], "--variants") == 0;

		read_all(&scenarios, root.root, argv + (vary ? 3 : 1));
		if (vary && !scenarios.errors)
			scenarios_vary(&scenarios, argv[2]);
		if (!scenarios.errors)
			status = play(&scenarios, argc > 1);
	}
	scenarios_done(&scenarios);
	return status;
}
