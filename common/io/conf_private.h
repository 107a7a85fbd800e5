/* What conf.c (files), conf_value.c (text to values) and conf_print.c (values to text) share; nobody else includes this. */
#ifndef AFTERCARE_IO_CONF_PRIVATE_H
#define AFTERCARE_IO_CONF_PRIVATE_H

#include "common/io/conf.h"

/* One key of one table with what was found for it. */
struct conf_item {
	const struct conf_key *key;
	void *target;
	unsigned line;         /* where it was set; 0: the default is in force */
	bool absent;
	int64_t number;
	bool yes;
	const char *string;    /* a string, or a secret's content */
	struct str written;    /* as it was written: of a secret the reference, never the content */
};

struct conf_written {
	unsigned line;
	struct str text;
};

struct conf {
	struct arena arena;
	struct conf_item *items;
	size_t count;
	struct conf_pass *passes;
	struct conf_written *pass_written;  /* beside passes */
	size_t pass_count, pass_capacity, written_capacity;
};

/* Why a value is refused: "at most 500 (allowed: 1 to 500)". */
struct conf_problem {
	char text[600];
};
void conf_say(struct conf_problem *problem, const char *format, ...) printf_like(2, 3);

/* conf_value.c: text to values. False or NULL: the problem says why. */

/* Appends a whole regular file of at most `limit` bytes. */
bool conf_read_file(const char *path, size_t limit, struct buf *buf, struct conf_problem *problem);
/* The content of a `credential:NAME` or `file:/PATH`, in the arena. */
const char *conf_read_secret(struct arena *arena, struct str reference, struct conf_problem *problem);
/* Parses a value into its item. An empty one means "absent" where the key can be absent. */
bool conf_parse_value(struct conf *conf, struct conf_item *item, struct str value, struct conf_problem *problem);

/* conf_print.c: values to text. */

#define CONF_TEXT 160

struct conf_unit {
	const char *name;
	int64_t factor;
};
/* Units of a type, largest first, ended by a NULL name; NULL for types without. */
const struct conf_unit *conf_units(enum conf_type type);
/* A number as a person writes it: "10min", "16M". */
const char *conf_number_text(enum conf_type type, int64_t number, char text[static CONF_TEXT]);
/* What may stand there: "1s to 10min; units: d, h, min, s, ms, us". */
const char *conf_allowed_text(const struct conf_key *key, char text[static CONF_TEXT]);
/* The limits in force; a key with min = max = 0 has none but those of its type. */
int64_t conf_min(const struct conf_key *key);
int64_t conf_max(const struct conf_key *key);
bool conf_is_reference(struct str value);
/* Whether a value must not be shown: a literal where a secret belongs, or a string that carries a password. */
bool conf_must_mask(enum conf_type type, struct str name, struct str value);
/* Whether one of librdkafka's keys ("sasl.password") holds a secret. */
bool conf_pass_is_secret(struct str name);

#endif
