/* Processes side by side, each with a part of the work; what they say is shown one after the other. */
#ifndef AFTERCARE_TESTS_SUPPORT_LANES_H
#define AFTERCARE_TESTS_SUPPORT_LANES_H

#include <stddef.h>

/* Calls `run` for each lane (0 to lanes - 1, at most 64) in a process of its own, which dies with us. 0 when all of them returned 0. */
int lanes_run(size_t lanes, int (*run)(size_t lane, size_t lanes, void *userdata), void *userdata);

#endif
