/* The rules of the exactly-once protocol, by the names of the model's tables: RULE("r1-cas-epoch") stands where one is kept.
 *
 * Constant true, and no code, in every build but VARIANT=mutants: there the environment variable AFTERCARE_WITHOUT names the
 * rule that is broken, and `make mutate` shows which test notices. */
#ifndef AFTERCARE_BASE_RULE_H
#define AFTERCARE_BASE_RULE_H

#ifdef AFTERCARE_MUTANTS
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool rule_holds(const char *name)
{
	const char *without = getenv("AFTERCARE_WITHOUT");
	return !without || strcmp(without, name) != 0;
}
#define RULE(name) rule_holds(name)
#define RULES_BREAKABLE true
#else
#define RULE(name) ((void)(name), true)
#define RULES_BREAKABLE false
#endif

#endif
