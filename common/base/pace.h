/* A simulated clock: another time of day than the real one, and another pace. For demos and rehearsals, where a day is to
 * pass in minutes. Nothing here reads a clock; who does hands the real time in. */
#ifndef AFTERCARE_BASE_PACE_H
#define AFTERCARE_BASE_PACE_H

#include "common/base/instant.h"

/* At the real instant `real` it is `simulated`; from then on time passes `rate` times as fast, before it as ever.
 * All zero: the real clock. */
struct pace {
	instant real, simulated;
	double rate;
};

/* "REAL SIMULATED RATE", two RFC 3339 times and a number from 0.01 to 100000, separated by blanks; an empty text is the real
 * clock. False when it is nothing of the kind; *ret untouched. */
bool pace_parse(struct str text, struct pace *ret);
/* What the simulated clock shows when the real one shows `real`. Never earlier for a later `real`. */
instant pace_at(const struct pace *pace, instant real);
/* How long a simulated length of time really takes, once the clock has its rate; both in microseconds. */
int64_t pace_wait(const struct pace *pace, int64_t simulated_us);

#endif
