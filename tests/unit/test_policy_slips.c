/* Slips of the pen in a policy: each is told with file, place, reason and the nearest known word, and nothing else is said.
 *
 * tests/data/policies/slips.txt holds one change to a right document each, and behind it the exact errors:
 *
 *   = /clocks/0/limit "2h"          the value at a JSON pointer becomes this one
 *   - /clocks/0/stop                it is taken away
 *   /clocks/0/limit: "2h" is no ISO 8601 duration (did you mean PT2H?)
 *
 * An empty line ends each. Runs from the root of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/policy_bench.h"

#define SLIPS DATA "slips.txt"

/* Where a pointer leads but for its last step, which is left in `last`. */
static json_t *parent_of(json_t *root, const char *pointer, char last[static 80])
{
	struct str rest = str_of(pointer + 1);
	json_t *node = root;

	for (;;) {
		struct str step = str_cut(&rest, '/');

		(void)snprintf(last, 80, "%.*s", STR_ARG(step));
		if (!rest.p)
			return node;
		node = json_is_array(node) ? json_array_get(node, (size_t)atoi(last)) : json_object_get(node, last);
		if (!node)
			fail_msg("%s leads nowhere in %s", pointer, R19);
	}
}

static void change(json_t *root, const char *pointer, json_t *value)
{
	char last[80];
	json_t *parent = parent_of(root, pointer, last);

	if (json_is_array(parent))
		assert_int_equal(json_array_set_new(parent, (size_t)atoi(last), value), 0);
	else if (value)
		assert_int_equal(json_object_set_new(parent, last, value), 0);
	else
		assert_int_equal(json_object_del(parent, last), 0);
}

/* The errors that the document gives with one slip in it. */
static void slip(struct str line, struct buf *ret_errors)
{
	struct buf right cleanup(buf_done) = read_file(R19);
	json_t *root = json_loadb(right.p, right.n, 0, NULL);
	char pointer[200];
	struct str rest = { line.p + 2, line.n - 2 }, where = str_cut(&rest, ' ');
	struct bench bench = { 0 };
	json_t *value = NULL;
	enum verdict verdict;
	char *text;

	(void)snprintf(pointer, sizeof(pointer), "%.*s", STR_ARG(where));
	if (line.p[0] == '=' && !(value = json_loadb(rest.p, rest.n, JSON_DECODE_ANY, NULL)))
		fail_msg("no JSON: %.*s", STR_ARG(line));
	change(root, pointer, value);
	text = json_dumps(root, 0);
	verdict = policy_compile(str_of(text), "p", NULL, 0, &bench.attributes, &bench.policy, &bench.errors, &bench.fault);
	assert_int_equal(verdict, bench.errors.n ? FATAL : OK);
	buf_str(ret_errors, buf_view(&bench.errors));
	mem_free(text);
	json_decref(root);
	bench_done(&bench);
}

static void test_slips(void **state)
{
	struct buf file cleanup(buf_done) = read_file(SLIPS);
	struct str rest = buf_view(&file);
	size_t count = 0, wrong = 0;

	(void)state;
	while (rest.p) {
		struct buf errors cleanup(buf_done) = { 0 };
		struct buf want cleanup(buf_done) = { 0 };
		struct str line = str_cut(&rest, '\n'), next;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		while (rest.p && (next = str_cut(&rest, '\n')).n > 0)
			buf_format(&want, "p: %.*s\n", STR_ARG(next));
		slip(line, &errors);
		count++;
		if (want.n > 0 && str_eq(buf_view(&errors), buf_view(&want)))
			continue;
		wrong++;
		print_error("%.*s\nsays\n%.*swanted\n%.*s\n", STR_ARG(line), STR_ARG(buf_view(&errors)), STR_ARG(buf_view(&want)));
	}
	assert_int_equal(wrong, 0);
	assert_true(count >= 90);
}

/* Bytes that are no document: one line that says where. */
static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *error;
	} rows[] = {
#define ROW(text, error) { text, sizeof(text) - 1, "p: " error "\n" }
		ROW("", "line 1, column 0: '[' or '{' expected near end of file"),
		ROW("[]", "a document is a JSON object"),
		ROW("{\"policy\": \"p\",}", "line 1, column 16: string or '}' expected near '}'"),
		ROW("{\n\"policy\": \"p\"\n\"version\": 1}", "line 3, column 9: '}' expected near '\"version\"'"),
		ROW("{\"policy\": \"caf\xe9\"}", "line 1, column 15: unable to decode byte 0xe9 near '\"caf'"),
		ROW("{\"a\": \"\\u0000\"}", "line 1, column 14: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'"),
		ROW("{} {}", "line 1, column 4: end of file expected near '{'"),
#undef ROW
	};
	struct buf deep cleanup(buf_done) = { 0 };
	struct bench bench = { 0 };

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		buf_clear(&bench.errors);
		bench.fault = FAULT_NONE;
		assert_int_equal(policy_compile((struct str){ rows[i].text, rows[i].n }, "p", NULL, 0, &bench.attributes,
						&bench.policy, &bench.errors, &bench.fault),
				 FATAL);
		buf_char(&bench.errors, '\0');
		assert_string_equal(bench.errors.p, rows[i].error);
	}
	/* As deep as it likes: neither the parser's stack nor ours. */
	for (size_t i = 0; i < 200000; i++)
		buf_z(&deep, "{\"a\":");
	buf_clear(&bench.errors);
	bench.fault = FAULT_NONE;
	assert_int_equal(policy_compile(buf_view(&deep), "p", NULL, 0, &bench.attributes, &bench.policy, &bench.errors, &bench.fault),
			 FATAL);
	buf_clear(&deep);
	buf_z(&deep, "{\"policy\": \"p\", \"version\": 1, \"effective_from\": \"2026-01-01\", \"applies\": {\"match\": ");
	for (size_t i = 0; i < 1000; i++)
		buf_z(&deep, "{\"not\": ");
	for (size_t i = 0; i < 1000; i++)
		buf_z(&deep, i ? "}" : "{}}");
	buf_z(&deep, "}}");
	buf_clear(&bench.errors);
	bench.fault = FAULT_NONE;
	assert_int_equal(policy_compile(buf_view(&deep), "p", NULL, 0, &bench.attributes, &bench.policy, &bench.errors, &bench.fault),
			 FATAL);
	buf_char(&bench.errors, '\0');
	assert_string_equal(bench.errors.p, "p: /applies/match/not/not/not/not/not/not/not/not/not: nested more than 8 deep\n");
	bench_done(&bench);
}

/* All at once: a document with many slips gives all of their errors. */
static void test_all_at_once(void **state)
{
	static const char text[] =
		"{\"policy\": \"P\", \"version\": 0, \"effective_from\": \"soon\", \"zone\": \"Asia/Shangai\", "
		"\"clocks\": [{\"name\": \"a\", \"start\": \"recieved\", \"stop\": \"reply.snt\", \"limit\": \"2h\"}], "
		"\"messages\": [{\"name\": \"m\", \"on\": \"ticket.closd\", \"to\": \"custmer\", \"template\": \"closd\"}], \"rulez\": []}";
	struct bench bench = { 0 };
	size_t lines = 0;

	(void)state;
	assert_int_equal(policy_compile(STR(text), "p", NULL, 0, &bench.attributes, &bench.policy, &bench.errors, &bench.fault), FATAL);
	for (size_t i = 0; i < bench.errors.n; i++)
		lines += bench.errors.p[i] == '\n';
	assert_int_equal(lines, 11);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_slips), cmocka_unit_test(test_bytes),
					    cmocka_unit_test(test_all_at_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
