/* aftercarectl: one tool for everything an operator does by hand. Finds the command in a table and runs it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/ctl/ctl.h"
#include "services/ctl/screen.h"

#define USAGE_COLUMN 48               /* where the summaries begin */

struct ctl_conf {
	const char *brokers, *database, *simulated_clock;
};

static const struct conf_key keys[] = {
	{ "brokers", CONF_STRING, "", 0, 0, offsetof(struct ctl_conf, brokers), "Kafka's bootstrap servers." },
	{ "database", CONF_STRING, "", 0, 0, offsetof(struct ctl_conf, database),
	  "libpq connection string of a role that may do what you ask for." },
	{ "simulated_clock", CONF_STRING, "", 0, 0, offsetof(struct ctl_conf, simulated_clock),
	  "The daemons' simulated_clock, where they have one." },
	{ 0 }
};

int ctl_fail(int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("aftercarectl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

instant ctl_now(const struct ctl *ctl)
{
	return pace_at(&ctl->pace, screen_now());
}

bool ctl_read_file(struct ctl *ctl, const char *path, size_t limit, struct str *ret_text)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (!file) {
		ctl_fail(1, "%s: %m", path);
		return false;
	}
	struct buf text = { 0 };
	size_t n;
	do {
		char *room = buf_room(&text, 65536);
		n = fread(room, 1, 65536, file);
		text.n += n;
	} while (n > 0 && text.n <= limit);
	bool bad = ferror(file) || text.n > limit;
	if (bad)
		ctl_fail(1, text.n > limit ? "%s: larger than %zu KiB" : "%s: cannot be read", path, limit >> 10);
	if (file != stdin)
		fclose(file);
	if (!bad)
		*ret_text = str_copy(&ctl->arena, buf_view(&text));
	buf_done(&text);
	return !bad;
}

struct db *ctl_connect(struct ctl *ctl)
{
	static const char *const sql[] = { "services/ctl/ctl.sql", NULL };
	if (!ctl->database) {
		ctl_fail(1, "no database is known: give --config FILE, or AFTERCARE_DATABASE in the environment (stack env tells it)");
		return NULL;
	}
	struct db *db = db_new(ctl->database, "aftercarectl", NULL, sql);
	struct fault fault = FAULT_NONE;
	if (db_connect(db, &fault)) {
		ctl_fail(2, "%s", fault.text);
		db_free(db);
		return NULL;
	}
	return db;
}

static int usage(FILE *out)
{
	fputs("usage: aftercarectl [--config FILE] [--json] COMMAND ...\n\n", out);
	for (const struct command *command = commands; command->words; command++) {
		int width = fprintf(out, "  %-12s %s", command->words, command->arguments);
		fprintf(out, "%s%*s%s\n", width < USAGE_COLUMN ? "" : "\n", width < USAGE_COLUMN ? USAGE_COLUMN - width : USAGE_COLUMN,
			"", command->summary);
	}
	fputs("\nWithout --config: /etc/aftercare/ctl.conf where it exists, else AFTERCARE_BROKERS and AFTERCARE_DATABASE.\n"
	      "COMMAND --help says more. Exit status: 0 done or all well, 1 something late or wrong, 2 something down or refused,\n"
	      "3 it could not be seen, 64 misused.\n", out);
	return out == stderr ? EX_USAGE : 0;
}

static int help(const struct command *command)
{
	printf("usage: aftercarectl %s%s%s\n\n%s.\n%s%s", command->words, *command->arguments ? " " : "", command->arguments,
	       command->summary, command->help ? "\n" : "", command->help ? command->help : "");
	return 0;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* How many of argv's words are the command's; 0 when it is another one. */
static int command_fits(const struct command *command, int argc, char **argv)
{
	struct str words = str_of(command->words);
	int n = 0;
	while (words.p) {
		struct str word = str_cut(&words, ' ');
		if (n >= argc || !str_is(word, argv[n]))
			return 0;
		n++;
	}
	return n;
}

static int configure(struct ctl *ctl, const char *path, struct ctl_conf *conf)
{
	const struct conf_table tables[] = { { keys, conf }, { 0 } };
	if (!path && access("/etc/aftercare/ctl.conf", R_OK) == 0)
		path = "/etc/aftercare/ctl.conf";
	if (path) {
		struct fault fault = FAULT_NONE;
		if (conf_load(path, tables, stderr, &ctl->conf, &fault))
			return ctl_fail(EX_CONFIG, "%s", fault.text);
	}
	if (conf->simulated_clock && !pace_parse(str_of(conf->simulated_clock), &ctl->pace))
		return ctl_fail(EX_CONFIG, "%s: simulated_clock = %s: not REAL SIMULATED RATE", path, conf->simulated_clock);
	ctl->brokers = conf->brokers && *conf->brokers ? conf->brokers : getenv("AFTERCARE_BROKERS");
	ctl->database = conf->database && *conf->database ? conf->database : getenv("AFTERCARE_DATABASE");
	return 0;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct ctl_conf conf = { 0 };
	const char *path = NULL;
	int first = 1;
	for (; first < argc && argv[first][0] == '-'; first++) {
		if (strcmp(argv[first], "--config") == 0 && first + 1 < argc)
			path = argv[++first];
		else if (strcmp(argv[first], "--json") == 0)
			ctl.json = true;
		else
			return usage(strcmp(argv[first], "--help") == 0 || strcmp(argv[first], "-h") == 0 ? stdout : stderr);
	}
	int left = argc;
	for (int i = first; i < left; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			ctl.json = true;
			memmove(&argv[i], &argv[i + 1], (size_t)(left - i) * sizeof(*argv));
			left--;
		}
	}
	for (const struct command *command = commands; command->words; command++) {
		int words = command_fits(command, left - first, argv + first);
		if (words == 0)
			continue;
		if (asks_for_help(left - first - words, argv + first + words))
			return help(command);
		int status = configure(&ctl, path, &conf);
		if (status == 0)
			status = command->run(&ctl, left - first - words + 1, argv + first + words - 1);
		conf_free(ctl.conf);
		arena_done(&ctl.arena);
		return status;
	}
	if (first < left)
		ctl_fail(EX_USAGE, "there is no command \"%s%s%s\"", argv[first], first + 1 < left ? " " : "",
			 first + 1 < left ? argv[first + 1] : "");
	return usage(stderr);
}
