/* The stories, as data: what somebody does when a fact has come, and how long it takes. Every story ends with a step that
 * has no claim; a story that never gets there is a failure of the system, and the summary says so. */
#include "deploy/demo/demo.h"

const struct plot *const plots[] = { plots_software, plots_devices, plots_works, NULL };
