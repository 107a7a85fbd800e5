/* Entitlement, warranty and charge of a request.
 *
 * Nobody is turned away here: who owns nothing is looked at by a person, and what is out of warranty is served for money.
 * Must never believe what a request says about its own warranty. */
#include "common/base/findings.h"

#include <string.h>

const struct installation *installation_owned(struct str customer, const struct installation *by_id,
					      const struct installation *by_serial, const struct installation *by_model)
{
	const struct installation *const found[] = { by_id, by_serial, by_model };

	for (size_t i = 0; i < array_count(found); i++) {
		if (!found[i])
			continue;
		/* Whoever names a thing of somebody else is no owner of it, and nothing vaguer makes them one. */
		if (customer.p && found[i]->customer.p && !str_eq(customer, found[i]->customer))
			return NULL;
		return found[i];
	}
	return NULL;
}

static struct value text_value(struct str s)
{
	return s.n > 0 ? (struct value){ .type = VALUE_STRING, .string = s } : (struct value){ 0 };
}

static struct value number_value(int64_t number)
{
	return number != INSTALLATION_UNKNOWN ? (struct value){ .type = VALUE_NUMBER, .number = (double)number } : (struct value){ 0 };
}

static struct value installation_value(const struct findings *findings, struct str member)
{
	const struct installation *installation = findings->installation;

	if (!installation)
		return (struct value){ 0 };
	if (str_is(member, "id"))
		return text_value(installation->id);
	if (str_is(member, "model"))
		return text_value(installation->product);
	if (str_is(member, "accepted_on"))
		return text_value(installation->accepted_on);
	if (str_is(member, "sold_by"))
		return text_value(installation->sold_by);
	if (str_is(member, "manufacturer_months"))
		return number_value(installation->manufacturer_months);
	if (str_is(member, "quality_grade"))
		return number_value(installation->quality_grade);
	if (findings->warranty_known && str_is(member, "warranty_until"))
		return text_value(str_of(findings->until));
	if (findings->warranty_known && str_is(member, "in_warranty"))
		return (struct value){ .type = VALUE_BOOL, .boolean = findings->in_warranty };
	return (struct value){ 0 };
}

void findings_lay(const struct findings *findings, const struct attributes *attributes, struct value *vector)
{
	const struct str installation = STR("installation.");

	for (size_t i = 0; i < attributes->count; i++) {
		struct str path = attributes->items[i].path;

		/* Of every request all paths come by here: most of them are told by their first letter. */
		if (attributes->items[i].scope != SCOPE_TICKET || !memchr("ierc", path.p[0], 4))
			continue;
		if (str_starts(path, installation))
			vector[i] = installation_value(findings, (struct str){ path.p + installation.n, path.n - installation.n });
		else if (str_is(path, "entitlement"))
			vector[i] = text_value(findings->entitlement);
		else if (str_is(path, "review"))
			vector[i] = (struct value){ .type = VALUE_BOOL, .boolean = findings->review };
		else if (str_is(path, "charge.labour"))
			vector[i] = text_value(findings->charge.labour);
		else if (str_is(path, "charge.parts"))
			vector[i] = text_value(findings->charge.parts);
		else if (str_is(path, "cause_code"))
			vector[i] = text_value(findings->cause_code);
	}
}

static void judge_warranty(struct findings *findings, const struct warranty *warranty, instant received_at)
{
	const struct installation *installation = findings->installation;
	int64_t months = installation->manufacturer_months != INSTALLATION_UNKNOWN ? installation->manufacturer_months : -1;
	instant last_day = warranty_last_day(warranty, installation->accepted_on, months);

	if (last_day == INSTANT_NONE)
		return;
	findings->warranty_known = true;
	findings->in_warranty = warranty_covers(last_day, received_at);
	(void)instant_format_date(last_day, warranty->zone_offset_us, findings->until);
}

void findings_judge(struct findings *findings, const struct policy *const *policies, size_t count,
		    const struct attributes *attributes, struct value *vector, instant received_at, instant now)
{
	const struct entitlement *entitlement = entitlement_of(policies, count);
	const struct warranty *warranty = warranty_of(policies, count);
	bool owner = findings->installation != NULL;

	if (owner && warranty)
		judge_warranty(findings, warranty, received_at);
	findings_lay(findings, attributes, vector);
	if (entitlement)
		owner = owner && match_holds(&entitlement->match, vector, now);
	findings->entitlement = owner ? STR("owner") : STR("none");
	findings->review = !owner && (!entitlement || entitlement->review);
	findings->charge = warranty ? warranty_charge(warranty, vector, now) : (struct charge){ STR("to_be_agreed"), STR("to_be_agreed") };
	findings_lay(findings, attributes, vector);
}
