/* Derived names: fixed values (they stand in databases and must never change), shape, and that parts do not run
 * together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/hash.h"
#include "common/io/ident.h"

static const struct {
	struct str source, id;
	const char *hex;
	const char *ticket;
} claims[] = {
	{ STR("crm"), STR("5f1c2a90-1"), "94129112a3ad71f0e29fcee301490ef9",
	  "AC-JG99-24N3-NNRZ-1RMZ" },
	{ STR(""), STR(""), "44fd8b5551626ca90da44748af712bc9",
	  "AC-8KYR-PNAH-C9PA-J3D4" },
	{ STR("华强/crm"), STR("é"), "c7810574047abffa73e94b89d46bb09f",
	  "AC-RY0G-AX04-FAZZ-MWZ9" },
};

static void hex_of(const struct ident *ident, char text[static 33])
{
	for (unsigned i = 0; i < IDENT_BYTES; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", ident->bytes[i]);
}

static void test_fixed_values(void **state)
{
	char text[IDENT_TICKET], hex[33];

	(void)state;
	for (size_t i = 0; i < array_count(claims); i++) {
		struct ident ident = ident_claim(claims[i].source, claims[i].id);
		struct str ticket = ident_ticket(&ident, claims[i].id, 1, text);

		hex_of(&ident, hex);
		assert_string_equal(hex, claims[i].hex);
		assert_string_equal(text, claims[i].ticket);
		assert_int_equal(ticket.n, strlen(claims[i].ticket));
		assert_ptr_equal(ticket.p, text);
	}
}

static void test_parts_do_not_run_together(void **state)
{
	struct ident a = ident_claim(STR("ab"), STR("c")), b = ident_claim(STR("a"), STR("bc"));
	struct ident c = ident_claim(STR("c"), STR("ab")), d = ident_claim(STR("abc"), STR(""));

	(void)state;
	assert_memory_not_equal(a.bytes, b.bytes, IDENT_BYTES);
	assert_memory_not_equal(a.bytes, c.bytes, IDENT_BYTES);
	assert_memory_not_equal(a.bytes, d.bytes, IDENT_BYTES);
}

static void test_ticket_digits(void **state)
{
	static const struct {
		struct ident ident;
		const char *want;
	} rows[] = {
		{ { { 0 } }, "AC-0000-0000-0000-0000" },
		{ { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } }, "AC-ZZZZ-ZZZZ-ZZZZ-ZZZZ" },
		{ { { 0x08 } }, "AC-1000-0000-0000-0000" },
		{ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff } }, "AC-0000-0000-0000-0001" },
		{ { { 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf } }, "AC-0123-4567-89AB-CDEF" },
	};
	char text[IDENT_TICKET];

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		(void)ident_ticket(&rows[i].ident, STR(""), 1, text);
		assert_string_equal(text, rows[i].want);
	}
}

/* All that names the first claim as its key comes from one partition; so does its ticket's lane. */
static void test_ticket_lane_is_the_partition_of_the_claim(void **state)
{
	static const int32_t lanes[] = { 1, 2, 12, 50 };
	char id[32], text[IDENT_TICKET], again[IDENT_TICKET], plain[IDENT_TICKET];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		int32_t count = lanes[i % 4];

		(void)snprintf(id, sizeof(id), "call-%d", i);
		struct ident ident = ident_claim(STR("crm"), str_of(id));
		struct str ticket = ident_ticket(&ident, str_of(id), count, text);

		assert_int_equal(hash_partition(ticket, count), hash_partition(str_of(id), count));
		(void)ident_ticket(&ident, str_of(id), count, again);
		assert_string_equal(text, again);
		(void)ident_ticket(&ident, str_of(id), 1, plain);
		assert_memory_equal(text, plain, IDENT_TICKET_PREFIX);
	}
}

static void test_fact_ids(void **state)
{
	char a[IDENT_EVENT], b[IDENT_EVENT];
	struct str id = ident_event(STR("routing/aftercare.tickets/3"), STR("crm/5f1c"), 0, a);

	(void)state;
	assert_int_equal(id.n, 36);
	assert_string_equal(a, "e9419a25-4e09-8496-a673-e8e80564fbf1");
	assert_int_equal(a[14], '8');
	assert_non_null(strchr("89ab", a[19]));
	for (int64_t i = 1; i < 1000; i++) {
		(void)ident_event(STR("routing/aftercare.tickets/3"), STR("crm/5f1c"), i, b);
		assert_string_not_equal(a, b);
	}
	(void)ident_event(STR("routing/aftercare.tickets/3"), STR("crm/5f1c"), 0, b);
	assert_string_equal(a, b);
	(void)ident_event(STR("routing/aftercare.tickets/3c"), STR("rm/5f1c"), 0, b);
	assert_string_not_equal(a, b);
}

/* Computed by another program (Python's hashlib.blake2b, twice). */
static void test_pseudonyms(void **state)
{
	char a[IDENT_PSEUDONYM], b[IDENT_PSEUDONYM];

	(void)state;
	assert_int_equal(ident_pseudonym(STR("a secret of 23 bytes..."), STR("C-2041"), a).n, 32);
	assert_string_equal(a, "c5eab7fe1343a0ebffbe6a9b6fdca2f1");
	(void)ident_pseudonym(STR("a secret of 23 bytes..,"), STR("C-2041"), b);
	assert_string_not_equal(a, b);
	(void)ident_pseudonym(STR("a secret of 23 bytes..."), STR("C-2042"), b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_values),
		cmocka_unit_test(test_parts_do_not_run_together),
		cmocka_unit_test(test_ticket_digits),
		cmocka_unit_test(test_ticket_lane_is_the_partition_of_the_claim),
		cmocka_unit_test(test_fact_ids),
		cmocka_unit_test(test_pseudonyms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
