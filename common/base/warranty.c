/* Warranty terms upon an installation: until which day, and who pays for labour and parts.
 *
 * Numbers and conditions are the policy's; here is only how they combine. Must never refuse anything: what is out of
 * warranty is served for money. */
#include "common/base/warranty.h"

/* A century is for ever. */
#define MONTHS_MAX 1200

const struct warranty *warranty_of(const struct policy *const *policies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (policies[i]->warranty.present)
			return &policies[i]->warranty;
	return NULL;
}

const struct entitlement *entitlement_of(const struct policy *const *policies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (policies[i]->entitlement.present)
			return &policies[i]->entitlement;
	return NULL;
}

instant warranty_last_day(const struct warranty *warranty, struct str accepted_on, int64_t manufacturer_months)
{
	int64_t offset_us = warranty->zone_offset_us;
	struct duration manufacturer = { .months = (int32_t)(manufacturer_months < MONTHS_MAX ? manufacturer_months : MONTHS_MAX) };
	const instant end = instant_of_civil(9999, 12, 30, 0);
	instant first, last;

	if (!instant_parse_date(accepted_on, offset_us, &first)) {
		if (!instant_parse(accepted_on, &first))
			return INSTANT_NONE;
		first = instant_day(first, offset_us);
	}
	last = instant_add(first, warranty->length, offset_us);
	if (warranty->manufacturer_if_longer && manufacturer_months > 0 &&
	    instant_add(first, manufacturer, offset_us) > last)
		last = instant_add(first, manufacturer, offset_us);
	/* Beyond the years that can be written, it is for ever as well. */
	return instant_day(last < end ? last : end, offset_us);
}

bool warranty_covers(instant last_day, instant received_at)
{
	return last_day != INSTANT_NONE && received_at - DAY < last_day;
}

struct charge warranty_charge(const struct warranty *warranty, const struct value *vector, instant now)
{
	const struct str free_of = STR("free"), agreed = STR("to_be_agreed");
	const struct value *inside = &vector[warranty->in_warranty];

	if (inside->type != VALUE_BOOL)
		return (struct charge){ agreed, agreed };
	if (!inside->boolean)
		return (struct charge){ warranty->outside, warranty->outside };
	return (struct charge){
		.labour = match_holds(&warranty->labour_free, vector, now) ? free_of : warranty->otherwise,
		.parts = match_holds(&warranty->parts_free, vector, now) ? free_of : warranty->otherwise,
	};
}
