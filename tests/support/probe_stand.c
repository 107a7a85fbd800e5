/* Where a test stands when run.sh loses its patience with it and sends SIGTERM: what it does or waits for, since when, the calls
 * that led there, and the end of the daemon's log. Only what a signal handler may call; a lock that is held for ever is one of
 * the things to be found. */
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe_inner.h"

#define LOG_END 6000

static char doing[600], log_path[100];
static long since;
static pthread_t tester;

void probe_stands(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(doing, sizeof(doing), format, args);
	va_end(args);
	since = stack_clock();
}

static void say(const char *text)
{
	(void)!write(2, text, strlen(text));
}

static void say_number(long number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	for (*at = '\0'; at > digits && (number > 0 || !*at); number /= 10)
		*--at = (char)('0' + number % 10);
	say(at);
}

static void say_log(void)
{
	char text[LOG_END];
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	(void)lseek(fd, -LOG_END, SEEK_END);
	n = read(fd, text, sizeof(text));
	if (n > 0)
		(void)!write(2, text, (size_t)n);
	close(fd);
}

static void told_to_end(int number)
{
	void *calls[60];

	/* Any thread may be the one that gets it. */
	if (!pthread_equal(pthread_self(), tester)) {
		pthread_kill(tester, number);
		return;
	}
	say("told to end; for ");
	say_number((stack_clock() - since) / 1000);
	say(" s it has been at: ");
	say(doing);
	say("\n");
	backtrace_symbols_fd(calls, backtrace(calls, 60), 2);
	say("the daemon's log ends:\n");
	say_log();
	_exit(1);
}

void probe_stands_init(const struct probe *probe)
{
	struct sigaction action = { .sa_handler = told_to_end };
	void *calls[1];

	snprintf(log_path, sizeof(log_path), "%s/log", probe->directory);
	probe_stands("its beginning");
	tester = pthread_self();
	/* The first call loads a library, which the handler must not. */
	(void)backtrace(calls, 1);
	sigaction(SIGTERM, &action, NULL);
}
