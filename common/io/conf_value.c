/* Turns the text of one value into what a program works with: numbers with units, yes and no, contents of secrets.
 *
 * Every refusal says what is wrong and what is allowed, and never repeats the value: conf.c puts that in front, masked
 * where it must be. Nothing is stored in a target here. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv */
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/conf.h"
#include "common/io/conf_private.h"

#define SECRET_LIMIT (64 * 1024)

void conf_say(struct conf_problem *problem, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
}

/* Only regular files: a FIFO would block the start for ever. */
bool conf_read_file(const char *path, size_t limit, struct buf *buf, struct conf_problem *problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	bool good = false;

	if (fd < 0 || fstat(fd, &status) < 0) {
		conf_say(problem, "cannot be read: %s (%s)", strerror(errno), path);
	} else if (!S_ISREG(status.st_mode)) {
		conf_say(problem, "is not a regular file (%s)", path);
	} else {
		/* All room at once: a buffer that grew would leave copies of a secret behind. */
		char *room = buf_room(buf, limit + 1);
		ssize_t n;
		while ((n = read(fd, room + buf->n, limit + 1 - buf->n)) > 0)
			buf->n += (size_t)n;
		if (n < 0)
			conf_say(problem, "cannot be read: %s (%s)", strerror(errno), path);
		else if (buf->n > limit)
			conf_say(problem, "is too large (at most %zuK; %s)", limit / 1024, path);
		else
			good = true;
	}
	if (fd >= 0)
		(void)close(fd);
	return good;
}

/* The path that `credential:NAME` or `file:PATH` means; NULL with a problem. */
static const char *secret_path(struct arena *arena, struct str value, struct conf_problem *problem)
{
	struct str rest = value;
	const char *directory;

	(void)str_cut(&rest, ':');
	if (str_starts(value, STR("file:"))) {
		if (rest.n > 0 && rest.p[0] == '/')
			return str_z(arena, rest);
		conf_say(problem, "not an absolute path (allowed: credential:NAME, file:/PATH)");
		return NULL;
	}
	if (rest.n == 0 || memchr(rest.p, '/', rest.n) || str_is(rest, ".") || str_is(rest, "..")) {
		conf_say(problem, "not the name of a credential (allowed: credential:NAME, file:/PATH)");
		return NULL;
	}
	directory = secure_getenv("CREDENTIALS_DIRECTORY");
	if (!directory || !*directory) {
		conf_say(problem, "no credentials were handed over, $CREDENTIALS_DIRECTORY is not set "
		    "(under systemd: LoadCredential=%.*s:/PATH; else file:/PATH)", STR_ARG(rest));
		return NULL;
	}
	return str_format(arena, "%s/%.*s", directory, STR_ARG(rest)).p;
}

/* The content of a secret, without the one newline that editors put behind it. */
const char *conf_read_secret(struct arena *arena, struct str value, struct conf_problem *problem)
{
	struct buf buf cleanup(buf_done) = { 0 };
	const char *path = secret_path(arena, value, problem);
	const char *secret = NULL;

	if (!path)
		return NULL;
	if (conf_read_file(path, SECRET_LIMIT, &buf, problem)) {
		struct str content = buf_view(&buf);
		if (str_ends(content, STR("\r\n")))
			content.n -= 2;
		else if (str_ends(content, STR("\n")))
			content.n -= 1;
		if (content.n == 0)
			conf_say(problem, "is empty (%s)", path);
		else if (memchr(content.p, 0, content.n))
			conf_say(problem, "holds a zero byte (%s)", path);
		else
			secret = str_z(arena, content);
	}
	if (buf.p)
		explicit_bzero(buf.p, buf.n);
	return secret;
}

/* A number with the unit that its type wants, within the limits. */
static bool parse_number(const struct conf_key *key, struct str value, int64_t *ret, struct conf_problem *problem)
{
	const struct conf_unit *units = conf_units(key->type);
	bool negative = key->type == CONF_INT && value.n > 0 && value.p[0] == '-';
	bool beyond = false;
	int64_t number = 0;
	size_t i = negative;
	char allowed[CONF_TEXT], limit[CONF_TEXT];

	(void)conf_allowed_text(key, allowed);
	for (; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++) {
		int64_t digit = value.p[i] - '0';
		beyond |= __builtin_mul_overflow(number, 10, &number) ||
			  __builtin_add_overflow(number, negative ? -digit : digit, &number);
	}
	struct str unit = str_trim((struct str){ value.p + i, value.n - i });
	if (i == (size_t)negative || (unit.n > 0 && (!units || strchr(".,eE", unit.p[0])))) {
		conf_say(problem, "not a whole number (allowed: %s)", allowed);
		return false;
	}
	if (unit.n == 0 && key->type == CONF_DURATION) {
		conf_say(problem, "no unit (allowed: %s)", allowed);
		return false;
	}
	if (unit.n > 0) {
		/* 64k and 64KiB are 64K; KB is refused because half the world means 1000 by it. */
		while (units->name && !str_is(unit, units->name) &&
		       !(key->type == CONF_SIZE && (unit.p[0] & ~0x20) == units->name[0] &&
			 (unit.n == 1 || (unit.n == 3 && memcmp(unit.p + 1, "iB", 2) == 0))))
			units++;
		if (!units->name) {
			conf_say(problem, "unknown unit \"%.*s\" (allowed: %s)", (int)(unit.n < 20 ? unit.n : 20), unit.p, allowed);
			return false;
		}
		beyond |= __builtin_mul_overflow(number, units->factor, &number);
	}
	if ((beyond && !negative) || (!beyond && number > conf_max(key))) {
		conf_say(problem, "at most %s (allowed: %s)", conf_number_text(key->type, conf_max(key), limit), allowed);
		return false;
	}
	if (beyond || number < conf_min(key)) {
		conf_say(problem, "at least %s (allowed: %s)", conf_number_text(key->type, conf_min(key), limit), allowed);
		return false;
	}
	*ret = number;
	return true;
}

bool conf_parse_value(struct conf *conf, struct conf_item *item, struct str value, struct conf_problem *problem)
{
	const struct conf_key *key = item->key;
	char allowed[CONF_TEXT];

	item->written = str_copy(&conf->arena, value);
	if (value.n == 0) {
		bool text = key->type == CONF_STRING || key->type == CONF_SECRET;
		item->absent = key->fallback && (text || !*key->fallback);
		if (!item->absent)
			conf_say(problem, "required, but empty (allowed: %s)", conf_allowed_text(key, allowed));
		return item->absent;
	}
	switch (key->type) {
	case CONF_STRING:
		item->string = item->written.p;
		return true;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		return parse_number(key, value, &item->number, problem);
	case CONF_BOOL:
		item->yes = str_is(value, "yes");
		if (item->yes || str_is(value, "no"))
			return true;
		conf_say(problem, "neither yes nor no (allowed: %s)", conf_allowed_text(key, allowed));
		return false;
	case CONF_SECRET:
		if (!conf_is_reference(value)) {
			conf_say(problem, "a secret must not stand in this file (allowed: %s)", conf_allowed_text(key, allowed));
			return false;
		}
		item->string = conf_read_secret(&conf->arena, value, problem);
		return item->string != NULL;
	}
	abort();
}
