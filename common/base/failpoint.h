/* Named points in the protocol where a test makes the process fail. Compiled to nothing but with VARIANT=fault.
 *
 * Switched on by one environment variable, AFTERCARE_FAILPOINT=POINT:HIT:ACTION, several separated by commas: at the HIT-th
 * time (from 1 on, counted per process) that POINT is reached, and never again,
 *   exit      the process ends at once, status FAILPOINT_EXIT, nothing is finished: as kill -9
 *   abort     the same by SIGABRT
 *   stop      the process stops itself (SIGSTOP) until somebody sends SIGCONT: a zombie
 *   error     the step reports a failure that it is prepared for; only where `fails` is listed
 *   delay     the step takes FAILPOINT_DELAY_MS longer
 * A line on stderr tells it. `PROGRAM --failpoints` lists all points, one a line: NAME TAB fails|- TAB FILE:LINE. The list is
 * made by the linker from the points themselves, so there is no second one to keep.
 *
 * The only module with state of its own: it stands for the outside world that pulls the plug, not for the program. */
#ifndef AFTERCARE_BASE_FAILPOINT_H
#define AFTERCARE_BASE_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>

#define FAILPOINT_EXIT 86
#define FAILPOINT_DELAY_MS 700

struct failpoint {
	const char *name, *place;
	bool fails;
};

#ifdef AFTERCARE_FAILPOINTS

/* Whether the step is to fail; acts by itself on everything else. */
bool failpoint_hit(const struct failpoint *point);
/* All points of this program, *ret_count of them, in no order. */
const struct failpoint *const *failpoint_all(size_t *ret_count);
/* Prints the list and ends the process when that is what the arguments ask for. */
void failpoint_list(int argc, char **argv);

#define FAILPOINT_TEXT_(x) #x
#define FAILPOINT_LINE_(x) FAILPOINT_TEXT_(x)
#define FAILPOINT_HERE_(point, can_fail) ({ \
	static const struct failpoint failpoint_ = { point, __FILE__ ":" FAILPOINT_LINE_(__LINE__), can_fail }; \
	static const struct failpoint *failpoint_at_ __attribute__((section("failpoints"), used)) = &failpoint_; \
	failpoint_hit(&failpoint_); })

/* A step is reached. */
#define FAILPOINT(point) ((void)FAILPOINT_HERE_(point, false))
/* The same where several steps share a line. */
#define FAILPOINT_WHEN(condition, point) do { if (condition) FAILPOINT(point); } while (0)
/* For conditions: whether the step is to fail. */
#define FAILPOINT_FAILS(point) FAILPOINT_HERE_(point, true)
/* Behind a step whose verdict is OK: makes it RETRY. */
#define FAILPOINT_VERDICT(point, verdict, fault) \
	do { if ((verdict) == OK && FAILPOINT_FAILS(point)) (verdict) = fault_set(fault, RETRY, "failpoint " point); } while (0)

#else

#define FAILPOINT(point) ((void)0)
#define FAILPOINT_WHEN(condition, point) ((void)0)
#define FAILPOINT_FAILS(point) false
#define FAILPOINT_VERDICT(point, verdict, fault) ((void)0)
#define failpoint_list(argc, argv) ((void)0)

#endif
#endif
