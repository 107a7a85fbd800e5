/* Configuration: what is accepted, the exact words of every refusal, secrets, and that --print-config can be read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/conf.h"

struct target {
	const char *brokers, *listen, *database, *secret;
	int64_t batch, lane, open, lease, any_time, cache;
	bool strict;
};

struct other {
	const char *name;
};

#define AT(field) offsetof(struct target, field)

static const struct conf_key keys[] = {
	{ "brokers", CONF_STRING, "localhost:9092", 0, 0, AT(brokers), "Where Kafka is." },
	{ "metrics_listen", CONF_STRING, "127.0.0.1:9100", 0, 0, AT(listen), "Where metrics are." },
	{ "database", CONF_STRING, "", 0, 0, AT(database), "libpq's." },
	{ "database_password", CONF_SECRET, "", 0, 0, AT(secret), "Its password." },
	{ "batch_max_events", CONF_INT, "200", 1, 500, AT(batch), "Events of one batch." },
	{ "lane", CONF_INT, "", 0, 0, AT(lane), "A lane." },
	{ "open_files", CONF_INT, "64", 16, INT64_MAX, AT(open), "Files." },
	{ "lease_time", CONF_DURATION, "10s", SECOND, 10 * MINUTE, AT(lease), "Time of a lease." },
	{ "any_time", CONF_DURATION, "0s", 0, 0, AT(any_time), "Any time." },
	{ "cache_size", CONF_SIZE, "64M", 65536, INT64_C(1) << 30, AT(cache), "Size of the cache." },
	{ "strict", CONF_BOOL, "yes", 0, 0, AT(strict), "Whether." },
	{ NULL, 0, NULL, 0, 0, 0, NULL },
};

static const struct conf_key other_keys[] = {
	{ "name", CONF_STRING, NULL, 0, 0, offsetof(struct other, name), "What this is called." },
	{ NULL, 0, NULL, 0, 0, 0, NULL },
};

static char directory[64];

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, 128, "%s/%s", directory, name);
	return path;
}

static void write_file(const char *name, const char *text, size_t n)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* Loads a text of n bytes; errors come back with "FILE" for the path. */
static struct conf *load_bytes(const char *text, size_t n, struct target *target, struct other *other, char errors[4096])
{
	const struct conf_table tables[] = { { keys, target }, { other_keys, other }, { NULL, NULL } };
	struct fault fault = FAULT_NONE;
	struct conf *conf = NULL;
	char *raw = NULL;
	size_t raw_n;
	FILE *out = open_memstream(&raw, &raw_n);
	enum verdict verdict;

	write_file("a.conf", text, n);
	verdict = conf_load(path_of("a.conf"), tables, out, &conf, &fault);
	(void)fclose(out);
	errors[0] = 0;
	for (const char *p = raw; *p;) {
		size_t length = strlen(path_of("a.conf")), used = strlen(errors);
		if (strncmp(p, path_of("a.conf"), length) == 0) {
			strcpy(errors + used, "FILE");
			p += length;
		} else {
			errors[used] = *p++;
			errors[used + 1] = 0;
		}
	}
	free(raw);
	assert_int_equal(verdict, errors[0] ? FATAL : OK);
	assert_int_equal(fault.verdict, verdict);
	assert_true((conf != NULL) == (verdict == OK));
	if (verdict == FATAL)
		assert_non_null(strstr(fault.text, "nothing was started"));
	return conf;
}

static struct conf *load(const char *text, struct target *target, struct other *other, char errors[4096])
{
	return load_bytes(text, strlen(text), target, other, errors);
}

static void test_defaults(void **state)
{
	struct target t = { 0 };
	struct other o = { 0 };
	char errors[4096];
	struct conf *conf = load("name = x", &t, &o, errors);
	size_t n = 1;

	(void)state;
	assert_string_equal(errors, "");
	assert_string_equal(t.brokers, "localhost:9092");
	assert_null(t.database);
	assert_null(t.secret);
	assert_int_equal(t.batch, 200);
	assert_int_equal(t.lane, 0);
	assert_int_equal(t.lease, 10 * SECOND);
	assert_int_equal(t.any_time, 0);
	assert_int_equal(t.cache, 64 << 20);
	assert_true(t.strict);
	assert_string_equal(o.name, "x");
	(void)conf_passes(conf, &n);
	assert_int_equal(n, 0);
	conf_free(conf);
	conf_free(NULL);
}

static void test_without_file(void **state)
{
	struct target t = { 0 };
	struct other o = { 0 };
	const struct conf_table all[] = { { keys, &t }, { other_keys, &o }, { NULL, NULL } };
	const struct conf_table some[] = { { keys, &t }, { NULL, NULL } };
	struct fault fault = FAULT_NONE;
	struct conf *conf = NULL;
	char text[4096] = "";
	FILE *errors = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_int_equal(conf_load(NULL, some, errors, &conf, &fault), OK);
	assert_int_equal(t.batch, 200);
	conf_free(conf);
	conf = NULL;
	assert_int_equal(conf_load(NULL, all, errors, &conf, &fault), FATAL);
	assert_int_equal(conf_load("/nonexistent/x.conf", all, errors, &conf, &fault), FATAL);
	assert_int_equal(conf_load("/dev/null", all, errors, &conf, &fault), FATAL);
	assert_null(conf);
	(void)fclose(errors);
	assert_string_equal(text, "(no file): name: required, but missing (allowed: text)\n"
			    "/nonexistent/x.conf: cannot be read: No such file or directory (/nonexistent/x.conf)\n"
			    "/dev/null: is not a regular file (/dev/null)\n");
}

static void test_good(void **state)
{
	struct target t = { 0 };
	struct other o = { 0 };
	char errors[4096];
	struct conf *conf = load("\xef\xbb\xbf# comment\r\n\n  \t# more\nname=a = b # c\r\nbrokers =  a:1,b:2\t\n"
				 "metrics_listen =\ndatabase = host=/run\nbatch_max_events=500\nlane = -7\n"
				 "open_files = 9223372036854775807\nlease_time = 2 min\nany_time = 3d\ncache_size = 64k\n"
				 "strict = no", &t, &o, errors);

	(void)state;
	assert_string_equal(errors, "");
	assert_string_equal(o.name, "a = b # c");
	assert_string_equal(t.brokers, "a:1,b:2");
	assert_null(t.listen);
	assert_string_equal(t.database, "host=/run");
	assert_int_equal(t.batch, 500);
	assert_int_equal(t.lane, -7);
	assert_true(t.open == INT64_MAX);
	assert_int_equal(t.lease, 2 * MINUTE);
	assert_int_equal(t.any_time, 3 * DAY);
	assert_int_equal(t.cache, 65536);
	assert_false(t.strict);
	conf_free(conf);
}

struct number_row {
	const char *text;
	int64_t want;
};

static void test_units(void **state)
{
	static const struct number_row rows[] = {
		{ "any_time = 7us", 7 }, { "any_time = 200ms", 200 * MILLISECOND }, { "any_time = 5s", 5 * SECOND },
		{ "any_time = 10min", 10 * MINUTE }, { "any_time = 2h", 2 * HOUR }, { "any_time = 1d", DAY },
		{ "cache_size = 65537", 65537 }, { "cache_size = 65536B", 65536 }, { "cache_size = 100KiB", 102400 },
		{ "cache_size = 16M", 16 << 20 }, { "cache_size = 1G", 1 << 30 }, { "cache_size = 1g", 1 << 30 },
		{ "lane = -9223372036854775808", INT64_MIN }, { "lane = 007", 7 },
	};

	(void)state;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct target t = { 0 };
		struct other o = { 0 };
		char errors[4096], text[128];
		struct conf *conf;
		(void)snprintf(text, sizeof(text), "name = x\n%s\n", rows[i].text);
		conf = load(text, &t, &o, errors);
		assert_string_equal(errors, "");
		int64_t got = strncmp(rows[i].text, "any", 3) == 0 ? t.any_time :
			      strncmp(rows[i].text, "lane", 4) == 0 ? t.lane : t.cache;
		assert_true(got == rows[i].want);
		conf_free(conf);
	}
}

struct bad_row {
	const char *text;   /* behind "name = x\n" */
	const char *want;   /* behind "FILE:2: " */
};

#define LEASE "(allowed: 1s to 10min; units: us, ms, s, min, h, d)"
#define CACHE "(allowed: 64K to 1G; units: K, M, G)"

static const struct bad_row bad[] = {
	{ "batch_max_events = 90000", "batch_max_events = 90000: at most 500 (allowed: 1 to 500)" },
	{ "batch_max_events = 0", "batch_max_events = 0: at least 1 (allowed: 1 to 500)" },
	{ "batch_max_events = -1", "batch_max_events = -1: at least 1 (allowed: 1 to 500)" },
	{ "batch_max_events = 99999999999999999999",
	  "batch_max_events = 99999999999999999999: at most 500 (allowed: 1 to 500)" },
	{ "batch_max_events = -99999999999999999999",
	  "batch_max_events = -99999999999999999999: at least 1 (allowed: 1 to 500)" },
	{ "batch_max_events = 5 # five", "batch_max_events = 5 # five: not a whole number (allowed: 1 to 500)" },
	{ "batch_max_events = many", "batch_max_events = many: not a whole number (allowed: 1 to 500)" },
	{ "batch_max_events = -", "batch_max_events = -: not a whole number (allowed: 1 to 500)" },
	{ "batch_max_events = 1K", "batch_max_events = 1K: not a whole number (allowed: 1 to 500)" },
	{ "batch_max_events =", "batch_max_events: required, but empty (allowed: 1 to 500)" },
	{ "lane = 9223372036854775808", "lane = 9223372036854775808: at most 9223372036854775807 (allowed: any)" },
	{ "open_files = 3", "open_files = 3: at least 16 (allowed: at least 16)" },
	{ "lease_time = 5", "lease_time = 5: no unit " LEASE },
	{ "lease_time = 0", "lease_time = 0: no unit " LEASE },
	{ "lease_time = 5m", "lease_time = 5m: unknown unit \"m\" " LEASE },
	{ "lease_time = 1h30min", "lease_time = 1h30min: unknown unit \"h30min\" " LEASE },
	{ "lease_time = 1.5s", "lease_time = 1.5s: not a whole number " LEASE },
	{ "lease_time = -5s", "lease_time = -5s: not a whole number " LEASE },
	{ "lease_time = s", "lease_time = s: not a whole number " LEASE },
	{ "lease_time = 999ms", "lease_time = 999ms: at least 1s " LEASE },
	{ "lease_time = 11min", "lease_time = 11min: at most 10min " LEASE },
	{ "lease_time = 9223372036854775807d", "lease_time = 9223372036854775807d: at most 10min " LEASE },
	{ "cache_size = 64KB", "cache_size = 64KB: unknown unit \"KB\" " CACHE },
	{ "cache_size = 1023", "cache_size = 1023: at least 64K " CACHE },
	{ "cache_size = 2G", "cache_size = 2G: at most 1G " CACHE },
	{ "strict = true", "strict = true: neither yes nor no (allowed: yes, no)" },
	{ "name = y", "name = y: set already in line 1" },
	{ "batch_max_event = 5", "batch_max_event: unknown key (did you mean \"batch_max_events\"?)" },
	{ "barch_max_evenst = 5", "barch_max_evenst: unknown key (did you mean \"batch_max_events\"?)" },
	{ "naem = 5", "naem: unknown key (did you mean \"name\"?)" },
	{ "Lease_Time = 5s", "Lease_Time: unknown key (did you mean \"lease_time\"?)" },
	{ "databse_pasword = hunter2", "databse_pasword: unknown key (did you mean \"database_password\"?)" },
	{ "zebra = 5", "zebra: unknown key (--print-config shows all)" },
	{ "security.protocol = ssl", "security.protocol: unknown key (librdkafka's settings begin with \"kafka.\")" },
	{ "kafka. = 5", "kafka.: no name behind \"kafka.\"" },
	{ "hunter2", "no \"=\" in this line (allowed: key = value, or # comment)" },
	{ "= hunter2", "no key before \"=\" (allowed: key = value, or # comment)" },
	{ "brokers = \x1b[31m", "a control character in this line (allowed: text)" },
	{ "brokers = \xff", "this line is not UTF-8" },
	{ "database_password = hunter2", "database_password = (masked): a secret must not stand in this file "
	  "(allowed: credential:NAME, file:/PATH)" },
	{ "database_password = file:x", "database_password = file:x: not an absolute path "
	  "(allowed: credential:NAME, file:/PATH)" },
	{ "database_password = file:", "database_password = file:: not an absolute path "
	  "(allowed: credential:NAME, file:/PATH)" },
	{ "database_password = credential:../x", "database_password = credential:../x: not the name of a credential "
	  "(allowed: credential:NAME, file:/PATH)" },
	{ "database_password = credential:", "database_password = credential:: not the name of a credential "
	  "(allowed: credential:NAME, file:/PATH)" },
	{ "database_password = credential:db", "database_password = credential:db: no credentials were handed over, "
	  "$CREDENTIALS_DIRECTORY is not set (under systemd: LoadCredential=db:/PATH; else file:/PATH)" },
	{ "database_password = file:/nonexistent", "database_password = file:/nonexistent: cannot be read: "
	  "No such file or directory (/nonexistent)" },
	{ "database_password = file:/dev/zero",
	  "database_password = file:/dev/zero: is not a regular file (/dev/zero)" },
	{ "kafka.sasl.password = file:/nonexistent", "kafka.sasl.password = file:/nonexistent: cannot be read: "
	  "No such file or directory (/nonexistent)" },
};

static void test_bad(void **state)
{
	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < array_count(bad); i++) {
		struct target t, same;
		struct other o = { "before" };
		char errors[4096], text[512], want[1024];
		memset(&t, 0x5a, sizeof(t));
		same = t;
		(void)snprintf(text, sizeof(text), "name = x\n%s\n", bad[i].text);
		(void)snprintf(want, sizeof(want), "FILE:2: %s\n", bad[i].want);
		assert_null(load(text, &t, &o, errors));
		assert_string_equal(errors, want);
		assert_memory_equal(&t, &same, sizeof(t));  /* nothing was touched */
		assert_string_equal(o.name, "before");
	}
}

static void test_all_errors_at_once(void **state)
{
	struct target t;
	struct other o;
	char errors[4096], text[700];

	(void)state;
	assert_null(load("strict = maybe\nlease_time = 5\n\nbatch_max_events = 1\nbatch_max_events = 2\nfoo\n"
			 "kafka.a = 1\nkafka.a = 2\nkafka.sasl.password = hunter2\nkafka.sasl.password = hunter3\n",
			 &t, &o, errors));
	assert_string_equal(errors, "FILE:1: strict = maybe: neither yes nor no (allowed: yes, no)\n"
			    "FILE:2: lease_time = 5: no unit " LEASE "\n"
			    "FILE:5: batch_max_events = 2: set already in line 4\n"
			    "FILE:6: no \"=\" in this line (allowed: key = value, or # comment)\n"
			    "FILE:8: kafka.a = 2: set already in line 7\n"
			    "FILE:10: kafka.sasl.password = (masked): set already in line 9\n"
			    "FILE: name: required, but missing (allowed: text)\n");
	/* a zero byte, and a value too long to repeat */
	assert_null(load_bytes("name = x\0y\n", 11, &t, &o, errors));
	assert_string_equal(errors, "FILE:1: a control character in this line (allowed: text)\n"
			    "FILE: name: required, but missing (allowed: text)\n");
	strcpy(text, "name = x\nstrict = ");
	for (int i = 0; i < 200; i++)
		strcat(text, "\xc3\xa9");
	assert_null(load(text, &t, &o, errors));
	assert_non_null(strstr(errors, "\xc3\xa9...: neither"));
	assert_true(strlen(errors) < 300);
}

static void test_secrets(void **state)
{
	struct target t = { 0 };
	struct other o = { 0 };
	char errors[4096], text[512];
	const struct conf_pass *passes;
	struct conf *conf;
	char *large = calloc(1, 70000);
	size_t n;

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	write_file("db", "  geheim \n\n", 11);
	write_file("crlf", "geheim\r\n", 8);
	write_file("empty", "\n", 1);
	write_file("zero", "a\0b", 3);
	memset(large, 'x', 70000);
	write_file("full", large, 65536);
	write_file("large", large, 65537);
	conf = load("name = x\ndatabase_password = credential:db\nkafka.sasl.password = credential:crlf\n"
		    "kafka.client.rack = file:left/alone\nkafka.ssl.key.password = literal\nkafka.empty =\n", &t, &o, errors);
	assert_string_equal(errors, "");
	assert_string_equal(t.secret, "  geheim \n");
	passes = conf_passes(conf, &n);
	assert_int_equal(n, 4);
	assert_string_equal(passes[0].name, "sasl.password");
	assert_string_equal(passes[0].value, "geheim");
	assert_string_equal(passes[1].name, "client.rack");
	assert_string_equal(passes[1].value, "file:left/alone");
	assert_string_equal(passes[2].value, "literal");
	assert_string_equal(passes[3].value, "");
	conf_free(conf);

	(void)snprintf(text, sizeof(text), "name = x\ndatabase_password = file:%s\n", path_of("full"));
	conf = load(text, &t, &o, errors);
	assert_string_equal(errors, "");
	assert_int_equal(strlen(t.secret), 65536);
	conf_free(conf);
	free(large);

	assert_null(load("name = x\ndatabase_password = credential:empty\n", &t, &o, errors));
	assert_non_null(strstr(errors, "database_password = credential:empty: is empty ("));
	assert_null(load("name = x\ndatabase_password = credential:zero\n", &t, &o, errors));
	assert_non_null(strstr(errors, "database_password = credential:zero: holds a zero byte ("));
	assert_null(load("name = x\ndatabase_password = credential:large\n", &t, &o, errors));
	assert_non_null(strstr(errors, "database_password = credential:large: is too large (at most 64K; "));
}

static char *print(const struct conf *conf, const struct conf_table *tables)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	conf_print(conf, tables, out);
	(void)fclose(out);
	return text;
}

static void test_round_trip(void **state)
{
	struct target t = { 0 }, u = { 0 };
	struct other o = { 0 }, p = { 0 };
	const struct conf_table first[] = { { keys, &t }, { other_keys, &o }, { NULL, NULL } };
	const struct conf_table second[] = { { keys, &u }, { other_keys, &p }, { NULL, NULL } };
	char errors[4096], *once, *twice;
	struct conf *conf, *again;
	size_t n;

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	write_file("db", "geheim\n", 7);
	conf = load("name = \xe5\x94\xae\xe5\x90\x8e # 1\ndatabase_password = credential:db\nmetrics_listen =\nlease_time = 90000ms\n"
		    "any_time = 1001us\ncache_size = 65537\nstrict = no\nkafka.security.protocol = sasl_ssl\n"
		    "kafka.sasl.password = credential:db\n", &t, &o, errors);
	assert_string_equal(errors, "");
	once = print(conf, first);
	assert_string_equal(once, "# default\nbrokers = localhost:9092\n"
			    "# default: 127.0.0.1:9100\nmetrics_listen =\n"
			    "# default\ndatabase =\n"
			    "# default: none\ndatabase_password = credential:db\n"
			    "# default\nbatch_max_events = 200\n"
			    "# default\nlane =\n"
			    "# default\nopen_files = 64\n"
			    "# default: 10s\nlease_time = 90s\n"
			    "# default: 0s\nany_time = 1001us\n"
			    "# default: 64M\ncache_size = 65537\n"
			    "# default: yes\nstrict = no\n"
			    "# required\nname = \xe5\x94\xae\xe5\x90\x8e # 1\n"
			    "# for librdkafka\nkafka.security.protocol = sasl_ssl\nkafka.sasl.password = credential:db\n");
	again = load(once, &u, &p, errors);
	assert_string_equal(errors, "");
	assert_string_equal(t.brokers, u.brokers);
	assert_null(u.listen);
	assert_null(u.database);
	assert_string_equal(u.secret, "geheim");
	assert_int_equal(u.lease, 90 * SECOND);
	assert_int_equal(u.any_time, 1001);
	assert_int_equal(u.cache, 65537);
	assert_false(u.strict);
	assert_string_equal(o.name, p.name);
	assert_string_equal(conf_passes(again, &n)[1].value, "geheim");
	/* the values are the same; only what counts as default is not, since all keys are set now */
	twice = print(again, second);
	assert_non_null(strstr(twice, "# default: localhost:9092\nbrokers = localhost:9092\n"));
	assert_null(strstr(twice, "geheim"));
	free(once);
	free(twice);
	conf_free(conf);
	conf_free(again);
}

static void test_print_hides_passwords(void **state)
{
	struct target t = { 0 };
	struct other o = { 0 };
	const struct conf_table tables[] = { { keys, &t }, { other_keys, &o }, { NULL, NULL } };
	char errors[4096], *text;
	struct conf *conf = load("name = postgresql://u:hunter2@h/d\ndatabase = host=h password=hunter2\n"
				 "brokers = http://a:1/b\nkafka.sasl.password = hunter2\n", &t, &o, errors);

	(void)state;
	assert_string_equal(errors, "");
	text = print(conf, tables);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "\n# database = (masked)\n"));
	assert_non_null(strstr(text, "\n# name = (masked)\n"));
	assert_non_null(strstr(text, "\n# kafka.sasl.password = (masked)\n"));
	assert_non_null(strstr(text, "\nbrokers = http://a:1/b\n"));
	free(text);
	conf_free(conf);
}

static void test_reference(void **state)
{
	struct other o;
	const struct conf_table tables[] = { { keys, &o }, { other_keys, &o }, { NULL, NULL } };
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	conf_reference(tables, out);
	(void)fclose(out);
	assert_non_null(strstr(text, "database_password\n    secret (credential:NAME, file:/PATH); default none\n"
				     "    Its password.\n\n"
				     "batch_max_events\n    whole number (1 to 500); default 200\n    Events of one batch.\n\n"));
	assert_non_null(strstr(text, "lease_time\n    length of time (1s to 10min; units: us, ms, s, min, h, d); default 10s\n"));
	assert_non_null(strstr(text, "strict\n    yes or no; default yes\n"));
	assert_non_null(strstr(text, "name\n    text; required\n    What this is called.\n"));
	free(text);
}

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/conf-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = { "a.conf", "db", "crlf", "empty", "zero", "full", "large" };

	(void)state;
	for (size_t i = 0; i < array_count(names); i++)
		(void)unlink(path_of(names[i]));
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_without_file),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_all_errors_at_once),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_print_hides_passwords),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
