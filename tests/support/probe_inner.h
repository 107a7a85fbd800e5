/* What the probe*.c files share and tests do not see. */
#ifndef AFTERCARE_TESTS_SUPPORT_PROBE_INNER_H
#define AFTERCARE_TESTS_SUPPORT_PROBE_INNER_H

#include "tests/support/probe.h"

/* probe.c: the test's own connection. */
void probe_connect(struct probe *probe);

/* probe_stand.c: from now on SIGTERM makes the test say where it stands. */
void probe_stands_init(const struct probe *probe);

/* probe_process.c */
int probe_free_port(void);

#endif
