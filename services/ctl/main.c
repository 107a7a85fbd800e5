/* aftercarectl: one tool for everything an operator does by hand. Finds the command in a table and runs it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/ctl/ctl.h"

struct ctl_conf {
	const char *brokers, *database;
};

static const struct conf_key keys[] = {
	{ "brokers", CONF_STRING, "", 0, 0, offsetof(struct ctl_conf, brokers), "Kafka's bootstrap servers." },
	{ "database", CONF_STRING, "", 0, 0, offsetof(struct ctl_conf, database),
	  "libpq connection string of a role that may do what you ask for." },
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
		ctl_fail(1, "%s: %s", path, text.n > limit ? "too large" : "cannot be read");
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
	for (const struct command *command = commands; command->words; command++)
		fprintf(out, "  %-16s %-36s %s\n", command->words, command->arguments, command->summary);
	fputs("\nWithout --config: /etc/aftercare/ctl.conf where it exists, else AFTERCARE_BROKERS and AFTERCARE_DATABASE.\n"
	      "Exit status: 0 done or all well, 1 something late or wrong, 2 something down or refused, 64 misused.\n", out);
	return out == stderr ? EX_USAGE : 0;
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
		int status = configure(&ctl, path, &conf);
		if (status == 0)
			status = command->run(&ctl, left - first - words + 1, argv + first + words - 1);
		conf_free(ctl.conf);
		arena_done(&ctl.arena);
		return status;
	}
	return usage(stderr);
}
