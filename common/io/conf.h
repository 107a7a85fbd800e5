/* Configuration: one table of keys per program gives the parser, --print-config, --check-config and the reference text.
 *
 * A file holds `key = value` lines; `#` begins a comment line (behind a value it is part of the value). An unknown or
 * doubled key, a value that does not parse or lies outside its limits is FATAL:
 * "FILE:LINE: KEY = VALUE: what is wrong (allowed: what is allowed)". Errors are all reported at once, one per line,
 * never the first only. Keys that begin with `kafka.` go to librdkafka unchanged, but that those which hold a secret
 * (kafka.sasl.password) may refer to it like a CONF_SECRET. An empty value switches a text off that has a default. */
#ifndef AFTERCARE_IO_CONF_H
#define AFTERCARE_IO_CONF_H

#include <stdio.h>

#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/base/str.h"

enum conf_type {
	CONF_STRING,    /* const char * */
	CONF_INT,       /* int64_t; min..max */
	CONF_DURATION,  /* int64_t microseconds; "5s", "200ms", "10min", "2h", "1d", never without unit; min..max in us */
	CONF_SIZE,      /* int64_t bytes; "64K", "16M", "1G" (1024 each), "512" */
	CONF_BOOL,      /* bool; yes/no */
	CONF_SECRET,    /* const char *: the file's content. Value: `credential:NAME` (systemd's $CREDENTIALS_DIRECTORY)
	                 * or `file:/PATH`, without its last newline, at most 64K; a literal is refused.
	                 * --print-config and errors show the reference, never the content, and no literal either. */
};

struct conf_key {
	const char *name;
	enum conf_type type;
	const char *fallback;   /* text of the default; NULL: required; "": absent (strings and secrets: NULL, others: 0) */
	int64_t min, max;       /* of numbers, durations, sizes; both 0: no limits; INT64_MAX: no upper one */
	size_t offset;          /* into the struct that is filled */
	const char *help;       /* one sentence; what it is, unit, when to change it */
};

/* A pair that is handed to librdkafka. */
struct conf_pass {
	const char *name;       /* without "kafka." */
	const char *value;
};

struct conf;                /* owns every string that it put into the target */

/* Reads `path` (NULL: defaults only) by the keys of all tables (the list ends with NULL keys; a table ends with a
 * NULL name; no key stands in two), each table filling its own target struct. All errors are written to `errors`, one
 * line each, and the result is FATAL with their number in the fault; nothing else is touched. */
struct conf_table {
	const struct conf_key *keys;
	void *target;
};
enum verdict conf_load(const char *path, const struct conf_table *tables, FILE *errors, struct conf **ret_conf,
		       struct fault *fault) must_check;
/* Every key with its value in force, its default marked, as a file that conf_load reads. `tables` as at conf_load.
 * A text or kafka line with a literal password in it becomes a comment. */
void conf_print(const struct conf *conf, const struct conf_table *tables, FILE *out);
/* The table as reference text: name, type, default, limits, help. */
void conf_reference(const struct conf_table *tables, FILE *out);
/* The `kafka.*` lines; *ret_count of them, owned by conf. */
const struct conf_pass *conf_passes(const struct conf *conf, size_t *ret_count);
void conf_free(struct conf *conf);

#endif
