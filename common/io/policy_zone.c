/* How far the zone of a policy is from UTC.
 *
 * Dates without time and months of a duration are of that zone. Only zones whose offset never changes are known until
 * business calendars come; one with summer time is refused rather than computed wrongly half of the year. */
#include "common/io/policy_inner.h"

static const struct {
	const char *name;
	int hours;
} zones[] = {
	{ "Asia/Shanghai", 8 }, { "Asia/Taipei", 8 }, { "Asia/Hong_Kong", 8 }, { "Asia/Macau", 8 },
	{ "Asia/Singapore", 8 }, { "Asia/Tokyo", 9 }, { "UTC", 0 },
};

struct str read_zone(struct compile *compile, const struct place *at)
{
	const char *names[array_count(zones) + 1];
	struct str zone = at->value ? read_text(compile, at) : STR("Asia/Shanghai");

	for (size_t i = 0; i < array_count(zones); i++)
		if (str_is(zone, zones[i].name)) {
			compile->zone_offset_us = zones[i].hours * HOUR;
			return zone;
		}
	for (size_t i = 0; i <= array_count(zones); i++)
		names[i] = i < array_count(zones) ? zones[i].name : NULL;
	if (near_word(names, zone))
		complain(compile, at, "\"%.*s\" is no zone (did you mean %s?)", STR_ARG(zone), near_word(names, zone));
	else if (zone.n > 0)
		complain(compile, at,
			 "\"%.*s\" is no zone that this version of Aftercare knows (Asia/Shanghai, Asia/Taipei, "
			 "Asia/Hong_Kong, Asia/Macau, Asia/Singapore, Asia/Tokyo, UTC)",
			 STR_ARG(zone));
	return zone;
}

/* A date is the beginning of that day in the zone. */
instant read_when(struct compile *compile, const struct place *at)
{
	struct str text = read_text(compile, at);
	instant when;

	if (text.n == 0)
		return INSTANT_NONE;
	if (text.n == 10 && instant_parse(str_format(compile->arena, "%.*sT00:00:00Z", STR_ARG(text)), &when))
		return when - compile->zone_offset_us;
	if (instant_parse(text, &when))
		return when;
	complain(compile, at, "\"%.*s\" is no date and no time with zone (such as 2026-11-23, 2026-11-23T10:41:57+08:00)",
		 STR_ARG(text));
	return INSTANT_NONE;
}
