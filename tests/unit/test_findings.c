/* What the system finds out about a request: entitlement, warranty and charge (base/findings.h), by the preset R26 and by a
 * contract in which the cause decides. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/base/findings.h"
#include "tests/unit/policy_bench.h"

#define R26 "deploy/policies/site24h-fix48h-spare72h.json"
#define CONTRACT DATA "right/cause-decides.json"

/* Noon of a day in Shanghai. */
static instant noon(const char *day)
{
	instant at;

	assert_true(instant_parse_date(str_of(day), 8 * HOUR, &at));
	return at + 12 * HOUR;
}

/* A vector over which whatever the request says about itself has been written already. */
static struct value *bold_vector(const struct attributes *attributes)
{
	struct value *vector = mem_zero((attributes->count + 1) * sizeof(*vector));

	for (size_t i = 0; i < attributes->count; i++)
		vector[i] = (struct value){ .type = VALUE_STRING, .string = STR("product_quality") };
	return vector;
}

static struct findings judge(const char *policy, const struct installation *installation, const char *day, const char *cause)
{
	struct bench bench = { 0 };
	struct findings findings = { .installation = installation, .cause_code = str_of(cause) };
	const struct policy *list[1];
	struct value *vector;

	/* Paths that other policies look at. */
	(void)attribute_intern(&bench.attributes, STR("charge.parts"));
	(void)attribute_intern(&bench.attributes, STR("cause_code"));
	(void)attribute_intern(&bench.attributes, STR("entitlement"));
	(void)attribute_intern(&bench.attributes, STR("installation.quality_grade"));
	load_right(&bench, policy);
	list[0] = bench.policy;
	vector = bold_vector(&bench.attributes);
	findings_judge(&findings, list, 1, &bench.attributes, vector, noon(day), noon(day));
	for (size_t i = 0; i < bench.attributes.count; i++) {
		struct str path = bench.attributes.items[i].path;

		if (str_is(path, "cause_code"))
			assert_int_equal(vector[i].type, cause ? VALUE_STRING : VALUE_ABSENT);
		if (str_is(path, "charge.parts"))
			assert_true(str_eq(vector[i].string, findings.charge.parts));
		if (str_is(path, "entitlement"))
			assert_true(str_eq(vector[i].string, findings.entitlement));
		if (str_is(path, "installation.quality_grade") && installation && installation->quality_grade != INSTALLATION_UNKNOWN)
			assert_int_equal(vector[i].number, installation->quality_grade);
		else if (str_is(path, "installation.quality_grade"))
			assert_int_equal(vector[i].type, VALUE_ABSENT);
	}
	/* The codes live as long as the policy; the tests only compare them with these. */
	findings.charge.labour = str_is(findings.charge.labour, "free") ? STR("free") :
				 str_is(findings.charge.labour, "paid") ? STR("paid") : STR("to_be_agreed");
	findings.charge.parts = str_is(findings.charge.parts, "free") ? STR("free") :
				str_is(findings.charge.parts, "paid") ? STR("paid") : STR("to_be_agreed");
	mem_free(vector);
	bench_done(&bench);
	return findings;
}

static struct installation accepted(const char *on, const char *sold_by, int64_t months)
{
	return (struct installation){ .id = STR("I1"), .customer = STR("C1"), .product = STR("AX"), .accepted_on = str_of(on),
				      .sold_by = str_of(sold_by), .manufacturer_months = months, .quality_grade = 3 };
}

static void test_r26(void **state)
{
	static const struct {
		const char *accepted_on, *sold_by, *day;
		int64_t months;
		const char *until, *labour, *parts;
	} rows[] = {
		{ "2025-01-10", "self", "2026-01-09", INSTALLATION_UNKNOWN, "2026-01-10", "free", "free" },
		{ "2025-01-10", "self", "2026-01-10", INSTALLATION_UNKNOWN, "2026-01-10", "free", "free" },
		{ "2025-01-10", "self", "2026-01-11", INSTALLATION_UNKNOWN, "2026-01-10", "paid", "paid" },
		{ "2025-01-10", "self", "2026-09-10", 36, "2028-01-10", "free", "free" },
		{ "2025-01-10", "self", "2025-11-10", 6, "2026-01-10", "free", "free" },
		{ "2011-01-10", "self", "2026-01-10", 36, "2014-01-10", "paid", "paid" },
		{ "2025-01-10", "other", "2025-11-10", INSTALLATION_UNKNOWN, "2026-01-10", "free", "paid" },
		{ "2025-01-10", NULL, "2025-11-10", INSTALLATION_UNKNOWN, "2026-01-10", "free", "paid" },
		{ NULL, "self", "2025-11-10", 36, NULL, "to_be_agreed", "to_be_agreed" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct installation installation = accepted(rows[i].accepted_on, rows[i].sold_by, rows[i].months);
		struct findings findings = judge(R26, &installation, rows[i].day, NULL);

		assert_true(str_is(findings.entitlement, "owner"));
		assert_false(findings.review);
		assert_int_equal(findings.warranty_known, rows[i].until != NULL);
		if (rows[i].until)
			assert_string_equal(findings.until, rows[i].until);
		if (!str_is(findings.charge.labour, rows[i].labour) || !str_is(findings.charge.parts, rows[i].parts))
			fail_msg("row %zu: labour %.*s, parts %.*s", i, STR_ARG(findings.charge.labour),
				 STR_ARG(findings.charge.parts));
	}
}

static void test_nobodys(void **state)
{
	struct findings findings = judge(R26, NULL, "2026-01-10", NULL);

	(void)state;
	assert_true(str_is(findings.entitlement, "none"));
	assert_true(findings.review);
	assert_false(findings.warranty_known);
	assert_true(str_is(findings.charge.labour, "to_be_agreed"));
}

/* Who bought elsewhere has no entitlement by this contract, but his thing is known all the same. */
static void test_contract(void **state)
{
	struct installation ours = accepted("2025-01-10", "self", 36), others = accepted("2025-01-10", "other", INSTALLATION_UNKNOWN);
	struct findings findings = judge(CONTRACT, &ours, "2026-06-10", NULL);

	(void)state;
	assert_true(str_is(findings.entitlement, "owner"));
	assert_string_equal(findings.until, "2027-01-10");
	/* whatever the request says: nobody knows the cause yet */
	assert_true(str_is(findings.charge.labour, "to_be_agreed"));
	findings = judge(CONTRACT, &ours, "2026-06-10", "product_quality");
	assert_true(str_is(findings.charge.labour, "free") && str_is(findings.charge.parts, "free"));
	findings = judge(CONTRACT, &ours, "2026-06-10", "misuse");
	assert_true(str_is(findings.charge.labour, "to_be_agreed") && str_is(findings.charge.parts, "to_be_agreed"));
	findings = judge(CONTRACT, &others, "2026-06-10", NULL);
	assert_true(str_is(findings.entitlement, "none") && findings.review);
	assert_true(findings.in_warranty);
}

static void test_owned(void **state)
{
	const struct installation mine = { .id = STR("I1"), .customer = STR("C1"), .product = STR("AX") },
				  other = { .id = STR("I2"), .customer = STR("C2"), .product = STR("AX") },
				  nobody = { .id = STR("I3"), .product = STR("AX") };
	const struct str known = STR("C1");

	(void)state;
	assert_null(installation_owned(known, NULL, NULL, NULL));
	assert_ptr_equal(installation_owned(known, &mine, NULL, NULL), &mine);
	assert_ptr_equal(installation_owned(known, NULL, &mine, &other), &mine);
	assert_ptr_equal(installation_owned(known, NULL, NULL, &mine), &mine);
	/* Somebody else's thing is named: a model that the customer has too does not help. */
	assert_null(installation_owned(known, NULL, &other, &mine));
	assert_ptr_equal(installation_owned(STR_NONE, &mine, NULL, NULL), &mine);
	assert_ptr_equal(installation_owned(known, &nobody, NULL, NULL), &nobody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_r26),
		cmocka_unit_test(test_nobodys),
		cmocka_unit_test(test_contract),
		cmocka_unit_test(test_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
