/* The list of desk.h. Must hold nothing that the contract does not name. */
#include "common/base/desk.h"

const struct desk_event desk_events[] = {
	{ "project.completed", "project", "project", true },
	{ "warranty_card.issued", "project", "project", false },
	{ "vulnerability.found", "vulnerability", "vulnerability", true },
	{ "patch.published", "vulnerability", "vulnerability", false },
	{ "call.ringing", "call", "call", true },
	{ "call.answered", "call", "call", false },
	{ "call.missed", "call", "call", false },
	{ "call.ended", "call", "call", false },
	{ 0 },
};

const struct desk_event *desk_event_of(struct str name)
{
	for (const struct desk_event *event = desk_events; event->name; event++)
		if (str_is(name, event->name))
			return event;
	return NULL;
}
