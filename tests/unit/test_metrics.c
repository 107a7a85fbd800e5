/* Metrics: served over loopback to a client in the same thread, as a daemon's loop does it; and the text format. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/metrics.h"

struct service {
	bool healthy;
	size_t lines;
};

static struct service service;
static struct metrics *metrics;
static char address[32];
static uint16_t port;

static void render(void *userdata, struct buf *out)
{
	struct service *s = userdata;

	for (size_t i = 0; i < s->lines; i++)
		metrics_line(out, "aftercare_events_total", "counter", "Events.", "topic", "aftercare.inbound", (double)i);
}

static bool healthy(void *userdata)
{
	return ((struct service *)userdata)->healthy;
}

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Serves by the epoll fd until the server closes the connection; false after limit_ms. */
static bool hear(int fd, struct buf *answer, int limit_ms)
{
	struct timespec start, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		struct pollfd fds[] = { { metrics_fd(metrics), POLLIN, 0 }, { fd, POLLIN, 0 } };
		ssize_t n;
		(void)poll(fds, 2, 1000);
		metrics_serve(metrics);
		while ((n = read(fd, buf_room(answer, 65536), 65536)) > 0)
			answer->n += (size_t)n;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 > limit_ms)
			return false;
	}
}

static char *ask(const char *request)
{
	struct buf answer = { 0 };
	int fd = dial();

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	assert_true(hear(fd, &answer, 10000));
	(void)close(fd);
	buf_char(&answer, 0);
	return answer.p;   /* freed by mem_free */
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
	return strlen(text) >= strlen(with) && strcmp(text + strlen(text) - strlen(with), with) == 0;
}

struct row {
	const char *request, *status, *body;
};

static void test_paths(void **state)
{
	static const struct row rows[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ",
		  "\r\n\r\n# HELP aftercare_events_total Events.\n# TYPE aftercare_events_total counter\n"
		  "aftercare_events_total{topic=\"aftercare.inbound\"} 0\n" },
		{ "GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.", "} 0\n" },
		{ "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\nok\n" },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", "\r\n\r\nnot found; here are /metrics and /healthz\n" },
		{ "GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", "healthz\n" },
		{ "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ", "\r\n\r\nonly GET\n" },
		{ "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "only GET\n" },
		{ "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 ", "ok\n" },
	};

	(void)state;
	service = (struct service){ true, 1 };
	for (size_t i = 0; i < array_count(rows); i++) {
		char *answer = ask(rows[i].request);
		if (!begins(answer, rows[i].status) || !ends(answer, rows[i].body))
			fail_msg("%s gave %s", rows[i].request, answer);
		assert_non_null(strstr(answer, "Connection: close\r\n"));
		mem_free(answer);
	}
	service.healthy = false;
	char *answer = ask(rows[2].request);
	assert_true(begins(answer, "HTTP/1.1 503 "));
	assert_true(ends(answer, "\r\n\r\nnot healthy\n"));
	mem_free(answer);
	service.lines = 0;
	answer = ask(rows[0].request);
	assert_true(begins(answer, "HTTP/1.1 200 "));
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "Content-Length: 0\r\n"));
	mem_free(answer);
}

/* More than the socket takes at once: the rest must go out by later turns of the loop. */
static void test_large(void **state)
{
	char *answer;

	(void)state;
	service = (struct service){ true, 100000 };
	answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(ends(answer, "aftercare_events_total{topic=\"aftercare.inbound\"} 99999\n"));
	mem_free(answer);
}

/* Garbage and head lines without end are refused or cut off, and the server answers the next one. */
static void test_bad_clients(void **state)
{
	char head[20000];
	char *answer;
	int fd;

	(void)state;
	service = (struct service){ true, 1 };
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET /", 5);
	head[sizeof(head) - 1] = 0;
	fd = dial();
	struct buf heard cleanup(buf_done) = { 0 };
	(void)!write(fd, head, strlen(head));
	assert_true(hear(fd, &heard, 10000));
	(void)close(fd);
	fd = dial();
	(void)!write(fd, "\x16\x03\x01\r\n\r\n", 7);
	buf_clear(&heard);
	assert_true(hear(fd, &heard, 10000));
	(void)close(fd);
	answer = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(begins(answer, "HTTP/1.1 200 "));
	mem_free(answer);
}

/* All places taken by silent clients: they are thrown out after the timeout, then others are served. */
static void test_silent_clients(void **state)
{
	int silent[20];
	char *answer;

	(void)state;
	service = (struct service){ true, 1 };
	for (size_t i = 0; i < array_count(silent); i++) {
		silent[i] = dial();
		metrics_serve(metrics);
	}
	answer = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(begins(answer, "HTTP/1.1 200 "));
	mem_free(answer);
	for (size_t i = 0; i < array_count(silent); i++)
		(void)close(silent[i]);
}

static void test_address(void **state)
{
	static const char *const bad[] = { "", "9100", ":9100", "localhost:9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
					   "127.0.0.1:70000x", "::1:9100", "[::1]", "[]:1", "127.0.0.1:123456789" };
	struct metrics *other = NULL;
	struct fault fault;
	char want[200];

	(void)state;
	for (size_t i = 0; i < array_count(bad); i++) {
		fault = FAULT_NONE;
		assert_int_equal(metrics_new(bad[i], render, healthy, &service, &other, &fault), FATAL);
		(void)snprintf(want, sizeof(want),
			       "metrics: \"%s\" is no address to listen on (127.0.0.1:9100 or [::1]:9100)", bad[i]);
		assert_string_equal(fault.text, want);
	}
	fault = FAULT_NONE;
	assert_int_equal(metrics_new(address, render, healthy, &service, &other, &fault), FATAL);
	(void)snprintf(want, sizeof(want), "metrics: cannot listen on %s: Address already in use", address);
	assert_string_equal(fault.text, want);
	assert_null(other);
	fault = FAULT_NONE;
	if (metrics_new("[::1]:0", render, healthy, &service, &other, &fault) != OK)
		assert_non_null(strstr(fault.text, "cannot listen on [::1]:0: "));   /* a host without IPv6 */
	metrics_free(other);
	metrics_free(NULL);
}

static void test_lines(void **state)
{
	struct buf out = { 0 };

	(void)state;
	metrics_line(&out, "a_total", "counter", "Back\\slash\nand \"quote\".", NULL, NULL, 3);
	metrics_line(&out, "b", "gauge", "B.", "x", "q\"b\\n\n\xe4\xb8\xad", 0.1);
	metrics_line(&out, "b", "gauge", "B.", "x", NULL, -INFINITY);
	metrics_line(&out, "b", "gauge", "B.", "x", "nan", NAN);
	metrics_line(&out, "b_total", "counter", "C.", NULL, NULL, 1e15 + 0.5);
	metrics_line(&out, "b_total", "counter", "C.", NULL, NULL, 12345678901234.0);
	metrics_line(&out, "h_bucket", "histogram", "H.", "le", "+Inf", 4);
	metrics_line(&out, "h_sum", "histogram", "H.", NULL, NULL, 1.5);
	metrics_line(&out, "h_count", "histogram", "H.", NULL, NULL, 4);
	buf_char(&out, 0);
	assert_string_equal(out.p, "# HELP a_total Back\\\\slash\\nand \"quote\".\n# TYPE a_total counter\na_total 3\n"
			    "# HELP b B.\n# TYPE b gauge\nb{x=\"q\\\"b\\\\n\\n\xe4\xb8\xad\"} 0.1\nb{x=\"\"} -Inf\nb{x=\"nan\"} NaN\n"
			    "# HELP b_total C.\n# TYPE b_total counter\nb_total 1000000000000000.5\nb_total 12345678901234\n"
			    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 4\nh_sum 1.5\nh_count 4\n");
	buf_done(&out);
}

/* A port that was free a moment ago; taken again by somebody else is possible, so several are tried. */
static int start(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t n = sizeof(any);
		struct fault fault = FAULT_NONE;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&any, n) < 0 || getsockname(fd, (struct sockaddr *)&any, &n) < 0)
			return -1;
		(void)close(fd);
		port = ntohs(any.sin_port);
		(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
		if (metrics_new(address, render, healthy, &service, &metrics, &fault) == OK)
			return 0;
	}
	return -1;
}

static int stop(void **state)
{
	(void)state;
	metrics_free(metrics);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_bad_clients),
		cmocka_unit_test(test_silent_clients),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
