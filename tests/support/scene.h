/* What the scenarios have in common: the stack and the desk of a program, people, requests, and the usual course of a case.
 *
 * Each step waits for the fact that the contract promises for it and fails the test when it does not come. Every program
 * has products and people of its own, so that several can use one stack. */
#ifndef AFTERCARE_TESTS_SUPPORT_SCENE_H
#define AFTERCARE_TESTS_SUPPORT_SCENE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/support/desk.h"

/* Group fixtures: *state is the struct desk *. */
int scene_open(void **state);
/* Never a stack that others use: for tests that leave something behind which nobody else should meet. */
int scene_open_own(void **state);
/* A stack of the program's own under these policies, NULL-terminated (at most 10): names of presets, or paths from the root of
 * the project ("tests/data/policies/right/advisor.json"). */
int scene_open_policies(void **state, const char *const *policies);
/* With AFTERCARE_TEST_REBUILD=1 a stack of our own is at the end compared with what its topics say (aftercarectl rebuild);
 * test_garbage, which puts facts in our daemons' names into the logs, differs by design. */
int scene_close(void **state);
/* Between two tests: the invariants hold of everything read so far. Use it as the test's teardown. */
int scene_check(void **state);
#define SCENARIO(test) cmocka_unit_test_teardown(test, scene_check)
/* Skips the test when verbs of the stack cannot be had. */
void scene_needs_stack(const struct desk *desk);

/* ---- people ---- */
/* A new person on post; `more` (may be NULL) is laid upon the data, for example {'skills': [...]}. Waits until it has come
 * to be known. Returns the id. */
const char *scene_person(struct desk *desk, const char *role, const char *more);
/* The same with a skill for everything about a product. */
const char *scene_skilled(struct desk *desk, const char *role, const char *model);
/* {'id': ID}: the value of `by`. */
const char *scene_by(struct desk *desk, const char *person);

/* The usual people of this program, made when first asked for; only the engineer can do `model`. */
struct cast {
	const char *model, *engineer, *csr, *dispatcher, *manager;
};
const struct cast *scene_cast(struct desk *desk);

/* ---- requests ---- */
/* A complete request of kind fault, severity general, about the cast's product; `more` is laid upon it (null takes away). */
const struct sent *scene_request(struct desk *desk, instant at, const char *more);
/* The same, and waits for its ticket. */
const char *scene_ticket(struct desk *desk, instant at, const char *more);
/* The same, and waits until it is assigned to the cast's engineer. */
const char *scene_assigned(struct desk *desk, instant at, const char *more);

/* ---- claims about a ticket ---- */
/* "ticket.contacted" of "staff.contacted": the contract's naming rule. */
const char *scene_fact_of(const char *claim, const char *data);
/* Sends without waiting; `who` is a person's id, or NULL for the customer's claims. at = 0: now. */
const struct sent *scene_send(struct desk *desk, const char *ticket, const char *claim, const char *who, instant at,
			      const char *data);
/* Sends and waits for the fact. */
const struct record *scene_do(struct desk *desk, const char *ticket, const char *claim, const char *who, instant at,
			      const char *data);
/* Sends and waits for the dead letter. */
const struct record *scene_refused(struct desk *desk, const char *ticket, const char *claim, const char *who, const char *data,
				   const char *reason);

/* ---- the usual course ---- */
#define SIGNED "{'satisfied': true, 'score': 5, 'comment': 'works again', " \
	       "'signature': {'signer': 'Wang Min', 'time': '2026-01-05T16:20:00+08:00', 'reference': 'scan-118'}}"
/* replied, contacted, started, worked, resolved by the cast's engineer. */
void scene_resolve(struct desk *desk, const char *ticket);
/* resolved, confirmed with signature, closed by the cast's csr. */
void scene_finish(struct desk *desk, const char *ticket);

/* The state after the last ticket.* fact that was read; "" when there is none. */
const char *scene_state(const struct desk *desk, const char *ticket);
/* due_at, at: whole or broken seconds are compared to the microsecond. */
void scene_time_is(struct desk *desk, const struct record *record, const char *path, instant expected);
void scene_text_is(struct desk *desk, const struct record *record, const char *path, const char *expected);
/* Waits for the nth (from 1) fact of this name with that text at a path of its data: ("notify.sent", "rule", "result", 1). */
const struct record *scene_fact(struct desk *desk, const char *ticket, const char *name, const char *path, const char *text,
				size_t nth);
/* How many have been read. */
size_t scene_fact_count(const struct desk *desk, const char *ticket, const char *name, const char *path, const char *text);
/* The same of a clock: ("sla.met", "reply", 1). */
const struct record *scene_clock(struct desk *desk, const char *ticket, const char *name, const char *clock, size_t nth);
size_t scene_clock_count(const struct desk *desk, const char *ticket, const char *name, const char *clock);
/* How often a fact must be there once everything has settled. */
void scene_count_is(struct desk *desk, const char *ticket, const char *name, size_t expected);

#endif
