/* What must be refused: bytes that are no event, events that are no claim of ours, claims that cannot be true, a reply to
 * somebody else's ticket. All count as requests, so that in the end requests = tickets + repeats + refused. */
#include <stdlib.h>
#include <string.h>

#include "deploy/demo/demo.h"

#define TOPIC_INBOUND "aftercare.inbound"
#define REQUEST "aftercare.request.submitted.v1"
#define GOOD "{\"channel\":\"wechat\",\"customer\":{\"name\":\"海口蓝湾物业\",\"phone\":\"13800000000\"},\"kind\":\"consultation\"}"

struct bad {
	const char *topic, *type;    /* type NULL: no headers */
	int64_t ahead;               /* the time, from now; INT64_MIN: none */
	const char *value;           /* NULL: more bytes than allowed */
};

static const struct bad bad[] = {
	{ TOPIC_INBOUND, NULL, 0, "\x01\xfe\xca\x7f\xff garbage \x80\x81" },
	{ TOPIC_INBOUND, REQUEST, 0, "{\"channel\":\"smoke_signal\",\"customer\":{\"name\":\"x\"}}" },
	{ TOPIC_INBOUND, REQUEST, 0, "{\"channel\":\"phone\",\"kind\":\"fault\"}" },
	{ TOPIC_INBOUND, NULL, 0, "{\"hello\":\"this is JSON, but no event\"}" },
	{ TOPIC_INBOUND, REQUEST, 3 * HOUR, GOOD },
	{ TOPIC_INBOUND, REQUEST, 0, "{\"channel\":\"phone\",\"customer\":{\"name\":\"cut off" },
	{ TOPIC_INBOUND, REQUEST, INT64_MIN, GOOD },
	{ TOPIC_INBOUND, "aftercare.request.begged.v1", 0, GOOD },
	{ "aftercare.staff", REQUEST, 0, GOOD },
	{ "aftercare.staff", "aftercare.staff.replied.v1", 0,
	  "{\"request\":{\"source\":\"another-desk\",\"id\":\"77\"},\"by\":{\"id\":\"E01\"},\"text\":\"hello\",\"automatic\":false}" },
	{ TOPIC_INBOUND, REQUEST, 0, "{\"channel\":\"phone\",\"channel\":\"fax\",\"customer\":{}}" },
	{ TOPIC_INBOUND, REQUEST, 0, NULL },
	{ TOPIC_INBOUND, REQUEST, 0, "{\"channel\":\"carrier_pigeon\",\"customer\":{\"name\":\"y\"}}" },
};
_Static_assert(array_count(bad) == BAD_REQUESTS, "BAD_REQUESTS says how many there are");

bool bad_send(struct demo *demo, size_t n)
{
	char id[64], stamp[INSTANT_TEXT];
	struct str value;
	char *large = NULL;

	if (n >= array_count(bad))
		return false;
	snprintf(id, sizeof(id), "%s-bad%zu", demo->run, n);
	value = str_of(bad[n].value);
	if (!value.p) {
		large = mem_zero(300000);
		memset(large, ' ', 300000);
		memcpy(large, GOOD, strlen(GOOD));
		value = (struct str){ large, 300000 };
	}
	if (bad[n].ahead != INT64_MIN)
		(void)instant_format(day_now(demo) + bad[n].ahead, stamp);
	demo_bytes(demo, bad[n].topic, id, id, bad[n].type, bad[n].ahead == INT64_MIN ? NULL : stamp, value);
	mem_free(large);
	demo->tally.requests++;
	demo->tally.bad_sent++;
	return true;
}
