/* aftercarectl: what its commands share. */
#ifndef AFTERCARE_CTL_H
#define AFTERCARE_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/fault.h"
#include "common/base/pace.h"
#include "common/base/str.h"
#include "common/io/conf.h"
#include "common/io/db.h"

struct ctl {
	const char *brokers;          /* NULL: not configured */
	const char *database;
	struct conf *conf;            /* owns the two and the kafka.* lines; NULL without a file */
	struct pace pace;             /* of a simulated clock */
	bool json;                    /* --json before or behind the command */
	struct arena arena;
};

/* A command: words and what runs it. argv[0] is the last word; options are the command's own. Returns the exit status:
 * 0 done, 1 something is late or wrong, 2 something is down or refused, 3 it could not be seen, 64 misused. */
struct command {
	const char *words;            /* "db migrate" */
	const char *arguments;        /* "[--dry-run]" */
	const char *summary;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *help;             /* what --help says behind usage and summary; may be NULL */
};

extern const struct command commands[];

int ctl_rebuild(struct ctl *ctl, int argc, char **argv);
int ctl_db_migrate(struct ctl *ctl, int argc, char **argv);
int ctl_topics_apply(struct ctl *ctl, int argc, char **argv);
int ctl_policy_load(struct ctl *ctl, int argc, char **argv);
int ctl_policy_check(struct ctl *ctl, int argc, char **argv);
int ctl_policy_list(struct ctl *ctl, int argc, char **argv);
int ctl_policy_diff(struct ctl *ctl, int argc, char **argv);
int ctl_policy_explain(struct ctl *ctl, int argc, char **argv);
int ctl_policy_standard(struct ctl *ctl, int argc, char **argv);
int ctl_policy_show(struct ctl *ctl, int argc, char **argv);
int ctl_policy_review(struct ctl *ctl, int argc, char **argv);
int ctl_policy_approve(struct ctl *ctl, int argc, char **argv);
int ctl_policy_abolish(struct ctl *ctl, int argc, char **argv);
int ctl_replay(struct ctl *ctl, int argc, char **argv);
int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_ticket(struct ctl *ctl, int argc, char **argv);
int ctl_dead_list(struct ctl *ctl, int argc, char **argv);
int ctl_dead_show(struct ctl *ctl, int argc, char **argv);
int ctl_dead_redrive(struct ctl *ctl, int argc, char **argv);
int ctl_reporting_republish(struct ctl *ctl, int argc, char **argv);
int ctl_event_check(struct ctl *ctl, int argc, char **argv);
int ctl_event_list(struct ctl *ctl, int argc, char **argv);
int ctl_event_example(struct ctl *ctl, int argc, char **argv);

/* The time that the daemons see. */
instant ctl_now(const struct ctl *ctl);
/* A connection for a command with the statements of services/ctl/ctl.sql; NULL after it has said why. */
struct db *ctl_connect(struct ctl *ctl);
/* Brings ctl->database to this version's schema, or says what would be done; `out` (may be NULL) hears of each file. Exit
 * status. */
int ctl_migrate(struct ctl *ctl, bool dry, FILE *out);
/* Prints "aftercarectl: text" on stderr and returns `status`. */
int ctl_fail(int status, const char *format, ...) printf_like(2, 3);
/* Reads a whole file of at most `limit` bytes into the arena; false after it has said why. */
bool ctl_read_file(struct ctl *ctl, const char *path, size_t limit, struct str *ret_text);
/* What the first bytes of something that is no JSON look like; NULL when they say nothing. */
const char *ctl_guess(struct str text);

#endif
