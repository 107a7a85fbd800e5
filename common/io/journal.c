/* The log of a process: one message, one line, either to systemd's journal with fields or to stderr without.
 *
 * Called when things go wrong, so it must never make them worse: it allocates nothing, changes no errno, does not block
 * on anything but the log itself, and does not die of a stderr that nobody reads any more. A line that cannot be
 * written is lost. It holds the only state of this shelf that is not in an object: where this process logs to. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* program_invocation_short_name */
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
/* The location would always be this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/io/journal.h"

#define LINE_LIMIT 2048
#define FIELDS_LIMIT 2048
#define FIELD_COUNT 16

static struct {
	const char *identifier;
	enum journal_level most;
	bool structured;       /* stderr is the journal's socket */
} journal = { .most = JOURNAL_INFO };

/* $JOURNAL_STREAM alone proves nothing: it is inherited by children whose stderr was sent elsewhere. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char behind;

	return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &behind) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void journal_open(const char *identifier, enum journal_level most)
{
	/* With fd 2 free the next socket or file would become it, and log lines would go into that. */
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && errno == EBADF) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && fd != STDERR_FILENO) {
			(void)dup2(fd, STDERR_FILENO);
			(void)close(fd);
		}
	}
	journal.identifier = identifier;
	journal.most = most;
	journal.structured = stderr_is_journal();
}

/* One line must stay one line, whatever a text from outside holds. */
static void flatten(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

/* Marks a text that did not fit. The cut may go through a letter, so the rest of that letter goes too. */
static size_t fit(char *text, size_t size, int wanted)
{
	size_t n;

	if (wanted < 0)
		wanted = 0;
	if ((size_t)wanted < size)
		return (size_t)wanted;
	n = size - 4;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	memcpy(text + n, "...", 4);
	return n + 3;
}

static bool send_structured(enum journal_level level, const char *const *fields, const char *message, size_t length)
{
	struct iovec vector[FIELD_COUNT + 3];
	char room[FIELDS_LIMIT], priority[] = "PRIORITY=6", identifier[128];
	size_t used = 0;
	int count = 0;

	priority[sizeof(priority) - 2] = (char)('0' + level);
	vector[count++] = (struct iovec){ (void *)message, length };
	vector[count++] = (struct iovec){ priority, sizeof(priority) - 1 };
	(void)snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", journal.identifier);
	vector[count++] = (struct iovec){ identifier, strlen(identifier) };
	for (; fields && fields[0] && count < (int)array_count(vector); fields += 2) {
		size_t left = sizeof(room) - used;
		int n;
		if (!fields[1])
			continue;
		n = snprintf(room + used, left, "%s=%s", fields[0], fields[1]);
		if (n < 0 || (size_t)n >= left)
			continue;  /* a field that does not fit is left out, the message is not */
		vector[count++] = (struct iovec){ room + used, (size_t)n };
		used += (size_t)n;
	}
	return sd_journal_sendv(vector, count) >= 0;
}

/* One write, and no SIGPIPE: it is blocked here, and taken back unless it was pending before us. */
static void write_plain(const char *message)
{
	char line[LINE_LIMIT + 160];
	size_t n = fit(line, sizeof(line), snprintf(line, sizeof(line), "%s: %s\n", journal.identifier, message));
	sigset_t pipe_only, before, pending;
	ssize_t written;

	line[n - 1] = '\n';
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	do
		written = write(STDERR_FILENO, line, n);
	while (written < 0 && errno == EINTR);
	if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0 }) < 0 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void journal_write(enum journal_level level, const char *const *fields, const char *format, ...)
{
	static const char prefix[] = "MESSAGE=";
	char text[LINE_LIMIT + sizeof(prefix)];
	char *message = text + sizeof(prefix) - 1;
	int errno_before = errno;
	va_list arguments;
	size_t n;

	if (level > journal.most)
		return;
	if (!journal.identifier)
		journal.identifier = program_invocation_short_name;
	memcpy(text, prefix, sizeof(prefix));
	va_start(arguments, format);
	n = fit(message, LINE_LIMIT, vsnprintf(message, LINE_LIMIT, format, arguments));
	va_end(arguments);
	flatten(message);
	/* journald may just be restarting; then the line goes where its successor reads it too */
	if (!journal.structured || !send_structured(level, fields, text, n + sizeof(prefix) - 1))
		write_plain(message);
	errno = errno_before;
}
