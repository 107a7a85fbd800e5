/* The schemas that ship: every example fits its schema, every file of tests/data/events/valid is taken and every one of
 * invalid/ is refused for the reason and with the words that its .want file gives; then bytes at random. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/io/event.h"
#include "common/io/schema_rules.h"

#define DATA "tests/data/events/"

static struct schema_set *set;

static int load(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	if (schema_load(&set, &fault) != OK)
		(void)fprintf(stderr, "%s\n", fault.text);
	return fault.verdict;
}

static int unload(void **state)
{
	(void)state;
	schema_free(set);
	return 0;
}

/* What intake does with a record, as far as it is ours: decode, find the schema, parse, check. */
static enum verdict take(struct str bytes, struct arena *arena, struct fault *fault)
{
	const struct bus_header headers[] = { { STR("content-type"), STR("application/cloudevents+json") } };
	struct bus_record record = { .value = bytes, .headers = headers, .header_count = 1 };
	struct event event;

	if (event_decode(&event, &record, "aftercare.inbound", arena, fault) != OK)
		return fault->verdict;

	const struct schema *schema = schema_of(set, event.name);

	if (!schema)
		return fault_reject(fault, REASON_TYPE_UNKNOWN, "no schema of that name");
	if (!event.data.p && str_is(schema_annotation(schema, "x-about"), "directory"))
		return OK;
	if (event_parse(&event, arena, fault) != OK)
		return fault->verdict;
	return schema_check(schema, &event.doc, arena, fault);
}

static struct str read_file(const char *folder, const char *name, const char *ending)
{
	static char bytes[2][EVENT_VALUE_MAX + 2];
	static int turn;
	char path[600];
	FILE *file;
	struct str s;

	turn = !turn;
	(void)snprintf(path, sizeof(path), "%s%s/%.*s%s", DATA, folder, (int)(strlen(name) - 5), name, ending);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s: cannot be read (the test runs in the root of the tree)", path);
	s = (struct str){ bytes[turn], fread(bytes[turn], 1, sizeof(bytes[turn]), file) };
	(void)fclose(file);
	return s;
}

static size_t list_files(const char *folder, struct dirent ***ret_list)
{
	char path[300];
	int n;

	(void)snprintf(path, sizeof(path), DATA "%s", folder);
	n = scandir(path, ret_list, NULL, alphasort);
	if (n < 0)
		fail_msg("%s: cannot be read (the test runs in the root of the tree)", path);
	return (size_t)n;
}

static void each_file(const char *folder, void (*use)(const char *name, struct arena *arena), size_t least)
{
	struct dirent **list;
	struct arena arena = { 0 };
	size_t used = 0, n = list_files(folder, &list);

	for (size_t i = 0; i < n; i++) {
		if (str_ends(str_of(list[i]->d_name), STR(".json"))) {
			use(list[i]->d_name, &arena);
			used++;
		}
		free(list[i]);
	}
	free(list);
	arena_done(&arena);
	assert_true(used >= least);
}

static void use_valid(const char *name, struct arena *arena)
{
	struct fault fault = FAULT_NONE;

	if (take(read_file("valid", name, ".json"), arena, &fault) != OK)
		fail_msg("valid/%s: %s: %s", name, reason_name(fault.reason), fault.text);
}

static void use_invalid(const char *name, struct arena *arena)
{
	struct fault fault = FAULT_NONE;
	struct str want = str_trim(read_file("invalid", name, ".want")), reason = str_cut(&want, ' ');

	if (take(read_file("invalid", name, ".json"), arena, &fault) != REJECT)
		fail_msg("invalid/%s was taken", name);
	if (!str_is(reason, reason_name(fault.reason)) || (want.p && !strstr(fault.text, str_z(arena, want))))
		fail_msg("invalid/%s: %s: %s", name, reason_name(fault.reason), fault.text);
}

static void test_valid(void **state)
{
	(void)state;
	each_file("valid", use_valid, 10);
}

static void test_invalid(void **state)
{
	(void)state;
	each_file("invalid", use_invalid, 30);
}

static void test_examples(void **state)
{
	struct arena arena = { 0 };
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < embed_count; i++) {
		struct str path = str_of(embed_files[i].path), name = path;
		struct fault fault = FAULT_NONE;
		struct doc file, doc;
		uint32_t examples;

		if (!str_starts(path, STR("schemas/events/")) || str_ends(path, STR("/common.json")))
			continue;
		name.p += strlen("schemas/events/");
		name.n -= strlen("schemas/events/") + strlen(".json");
		const struct schema *schema = schema_of(set, name);

		assert_non_null(schema);
		assert_int_equal(doc_parse(&file, (struct str){ embed_files[i].begin,
								(size_t)(embed_files[i].end - embed_files[i].begin) },
					   &arena, &fault), OK);
		examples = doc_member(&file, 0, STR("examples"));
		if (doc_first(&file, examples) == 0)
			fail_msg("%s has no example", path.p);
		for (uint32_t e = doc_first(&file, examples); e != 0; e = doc_next(&file, examples, e), seen++)
			if (doc_parse(&doc, doc_raw(&file, e), &arena, &fault) != OK ||
			    schema_check(schema, &doc, &arena, &fault) != OK)
				fail_msg("%s: an example: %s", path.p, fault.text);
		/* The empty object fits only where nothing is required. */
		assert_int_equal(doc_parse(&doc, STR("[]"), &arena, &fault), OK);
		assert_int_equal(schema_check(schema, &doc, &arena, &fault), REJECT);
	}
	assert_true(seen >= 190);
	arena_done(&arena);
}

static void test_annotations(void **state)
{
	static const char *const rows[][4] = {
		{ "request.submitted", "claim", "aftercare.inbound", "opens" },
		{ "staff.replied", "claim", "aftercare.staff", "ticket" },
		{ "staff.on_post", "claim", "aftercare.directory", "directory" },
		{ "call.missed", "claim", "aftercare.inbound", "desk" },
		{ "policy.approved", "claim", "aftercare.staff", "desk" },
		{ "ticket.plan_sent", "fact", "aftercare.tickets", "ticket" },
		{ "sla.breached", "fact", "aftercare.tickets", "maybe" },
		{ "notify.sent", "fact", "aftercare.messages", "maybe" },
		{ "policy.effective", "fact", "aftercare.desk", "maybe" },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct schema *schema = schema_of(set, str_of(rows[i][0]));

		assert_non_null(schema);
		assert_true(str_is(schema_annotation(schema, "x-role"), rows[i][1]));
		assert_true(str_is(schema_annotation(schema, "x-topic"), rows[i][2]));
		assert_true(str_is(schema_annotation(schema, "x-about"), rows[i][3]));
		assert_null(schema_annotation(schema, "x-none").p);
	}
	assert_null(schema_of(set, STR("staff.imagined")));
	assert_null(schema_of(set, STR("")));
	assert_null(schema_of(set, STR_NONE));
}

/* Each claim about a ticket has its fact, by the contract's naming rule. */
static void test_every_claim_has_its_fact(void **state)
{
	static const char *const others[][2] = { { "request.submitted", "ticket.registered" },
						 { "request.supplemented", "ticket.supplemented" },
						 { "customer.rejected", "ticket.reopened" },
						 { "staff.close_requested", "ticket.closed" } };
	size_t claims = 0;

	(void)state;
	for (uint32_t i = 0; i <= set->by_name.mask; i++) {
		const struct schema *schema = set->by_name.slots[i].value;
		struct str rest, head;
		char fact[200];

		if (!schema || !str_is(schema_annotation(schema, "x-about"), "ticket") ||
		    !str_is(schema_annotation(schema, "x-role"), "claim"))
			continue;
		rest = schema->name;
		head = str_cut(&rest, '.');
		(void)snprintf(fact, sizeof(fact), "ticket.%.*s%s%.*s", STR_ARG(head), "_", STR_ARG(rest));
		if (str_is(head, "staff") || str_is(head, "customer"))
			(void)snprintf(fact, sizeof(fact), "ticket.%.*s", STR_ARG(rest));
		for (size_t j = 0; j < array_count(others); j++)
			if (str_is(schema->name, others[j][0]))
				(void)snprintf(fact, sizeof(fact), "%s", others[j][1]);
		if (!schema_of(set, str_of(fact)))
			fail_msg("%.*s has no fact %s", STR_ARG(schema->name), fact);
		claims++;
	}
	assert_true(claims >= 45);
}

/* ---- bytes at random ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void test_mutations(void **state)
{
	static const char spice[] = "{}[]\",:\\u0000e9-.tfn \x80\xff\n";
	struct dirent **list;
	struct arena arena = { 0 };
	size_t n = list_files("valid", &list), taken = 0, rounds = 0;
	const char *given = getenv("AFTERCARE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * UINT64_C(2654435761) | 1;
	clock_t end = clock() + 2 * CLOCKS_PER_SEC;

	(void)state;
	print_message("AFTERCARE_SEED=%llu\n", (unsigned long long)seed);
	for (; clock() < end; rounds++) {
		const char *name = list[next_random(&seed) % n]->d_name;
		struct fault fault = FAULT_NONE;
		struct str original;
		char *bytes;

		if (!str_ends(str_of(name), STR(".json")))
			continue;
		original = read_file("valid", name, ".json");
		for (int i = 0; i < 50; i++) {
			size_t length = original.n;

			/* A heap block of exactly that size, so that a read behind its end is seen. */
			if (next_random(&seed) % 8 == 0)
				length = next_random(&seed) % (original.n + 1);
			bytes = mem_copy(original.p, length);
			for (uint64_t changes = next_random(&seed) % 4; changes > 0 && length > 0; changes--) {
				uint64_t r = next_random(&seed);

				bytes[r % length] = r & 1024 ? spice[(r >> 32) % (sizeof(spice) - 1)] : (char)(r >> 40);
			}
			fault = FAULT_NONE;
			if (take((struct str){ bytes, length }, &arena, &fault) == OK) {
				taken++;
			} else {
				assert_int_equal(fault.verdict, REJECT);
				assert_true(fault.reason != REASON_NONE && fault.text[0] != '\0');
				assert_true(str_utf8(str_of(fault.text)));
			}
			mem_free(bytes);
			arena_reset(&arena);
		}
	}
	assert_true(rounds > 0 && taken > 0);
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),	       cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_examples),       cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_every_claim_has_its_fact), cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
