/* Names of the states of a ticket, both ways.
 *
 * Which state follows which is no knowledge of this file: that is data (deploy/policies/lifecycle.json).
 * Must stay in step with nothing by hand: the enum and the texts come from one list. */
#include "common/base/state.h"

static const struct str names[STATE_MAX] = {
	[STATE_NONE] = { "", 0 },
#define X(name, text) [STATE_##name] = { text, sizeof(text) - 1 },
	STATE_LIST(X)
#undef X
};

struct str state_name(enum state state)
{
	return names[state];
}

enum state state_of(struct str name)
{
	for (enum state state = STATE_NONE + 1; state < STATE_MAX; state++)
		if (str_eq(names[state], name))
			return state;
	return STATE_NONE;
}

bool state_is_open(enum state state)
{
	return state != STATE_NONE && state != STATE_CLOSED && state != STATE_REJECTED && state != STATE_CANCELLED;
}
