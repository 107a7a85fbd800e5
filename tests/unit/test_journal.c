/* The log: one line per message on stderr, fields to the journal, and no harm from a stderr that is gone.
 *
 * sd_journal_sendv is replaced here: what the program defines itself comes before libsystemd's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/io/journal.h"

static char sent[8192];
static int send_result;

int sd_journal_sendv(const struct iovec *vector, int count)
{
	size_t used = 0;

	for (int i = 0; i < count; i++) {
		memcpy(sent + used, vector[i].iov_base, vector[i].iov_len);
		used += vector[i].iov_len;
		sent[used++] = '\n';
	}
	sent[used] = 0;
	return send_result;
}

/* stderr is a pipe while a test runs. */
static int pipe_fds[2], saved;

static void redirect(void)
{
	assert_int_equal(pipe(pipe_fds), 0);
	(void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	saved = dup(STDERR_FILENO);
	(void)dup2(pipe_fds[1], STDERR_FILENO);
	(void)close(pipe_fds[1]);
	sent[0] = 0;
	send_result = 0;
}

static const char *restore(void)
{
	static char text[16384];
	ssize_t n = pipe_fds[0] >= 0 ? read(pipe_fds[0], text, sizeof(text) - 1) : 0;

	text[n > 0 ? n : 0] = 0;
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	if (pipe_fds[0] >= 0)
		(void)close(pipe_fds[0]);
	return text;
}

static void claim_journal(const char *behind)
{
	char stream[64];
	struct stat status;

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu%s", (unsigned long long)status.st_dev,
		       (unsigned long long)status.st_ino, behind);
	(void)setenv("JOURNAL_STREAM", stream, 1);
}

static void test_plain(void **state)
{
	(void)state;
	(void)unsetenv("JOURNAL_STREAM");
	redirect();
	journal_open("aftercare-sla", JOURNAL_NOTICE);
	errno = ENOENT;
	journal_warning("database: %s; the clocks hold", "connection refused");
	assert_int_equal(errno, ENOENT);
	journal_info("dropped");
	journal_write(JOURNAL_NOTICE, (const char *const[]){ "TOPIC", "x", NULL }, "two\nlines\t\x1b[31m, one line");
	assert_string_equal(restore(), "aftercare-sla: database: connection refused; the clocks hold\n"
			    "aftercare-sla: two lines  [31m, one line\n");
	assert_string_equal(sent, "");
}

static void test_long(void **state)
{
	char text[6000] = "";
	const char *got;

	(void)state;
	for (int i = 0; i < 1999; i++)
		strcat(text, "\xe4\xb8\xad");
	redirect();
	journal_open("x", JOURNAL_INFO);
	journal_info("%s", text);
	got = restore();
	assert_true(strlen(got) > 2000 && strlen(got) < 2060);
	assert_string_equal(got + strlen(got) - 7, "\xe4\xb8\xad...\n");
}

static void test_structured(void **state)
{
	char large[3000];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = 0;
	redirect();
	claim_journal("");
	journal_open("aftercare-sla", JOURNAL_INFO);
	journal_write(JOURNAL_WARNING,
		      (const char *const[]){ "TOPIC", "a", "NONE", NULL, "LARGE", large, "PARTITION", "3", NULL }, "lane %d", 7);
	assert_string_equal(sent, "MESSAGE=lane 7\nPRIORITY=4\nSYSLOG_IDENTIFIER=aftercare-sla\nTOPIC=a\nPARTITION=3\n");
	/* journald away: not lost */
	send_result = -ECONNREFUSED;
	journal_error("still said");
	assert_string_equal(restore(), "aftercare-sla: still said\n");
	assert_non_null(strstr(sent, "PRIORITY=3\n"));
}

static void test_stream_of_others(void **state)
{
	static const char *const streams[] = { "1:2", "", "x", "1:", "18446744073709551615:1" };

	(void)state;
	for (size_t i = 0; i <= array_count(streams); i++) {
		redirect();
		if (i < array_count(streams))
			(void)setenv("JOURNAL_STREAM", streams[i], 1);
		else
			claim_journal(":3");
		journal_open("x", JOURNAL_INFO);
		journal_info("plain");
		assert_string_equal(restore(), "x: plain\n");
		assert_string_equal(sent, "");
	}
	(void)unsetenv("JOURNAL_STREAM");
}

static void test_nobody_reads(void **state)
{
	sigset_t pending;

	(void)state;
	redirect();
	(void)close(pipe_fds[0]);
	pipe_fds[0] = -1;
	(void)signal(SIGPIPE, SIG_DFL);
	journal_open("x", JOURNAL_INFO);
	journal_info("into nothing");   /* would end the test here */
	(void)sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
	(void)restore();
}

static void test_closed(void **state)
{
	int other, status;
	pid_t child;

	(void)state;
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)close(STDERR_FILENO);
		journal_open("x", JOURNAL_INFO);
		other = open("/dev/zero", O_RDONLY);   /* must not become fd 2 */
		journal_error("into nothing");
		(void)close(STDERR_FILENO);
		journal_error("into nothing");
		_exit(other > STDERR_FILENO ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_structured),
		cmocka_unit_test(test_stream_of_others),
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
