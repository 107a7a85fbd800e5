/* A very small HTTP server for Prometheus and for health checks, run by the caller's loop.
 *
 * libmicrohttpd does the protocol in epoll mode without a thread: its epoll fd is one more fd of the caller, and
 * metrics_serve never blocks. It answers two paths and only GET; every answer closes its connection, and connections are
 * few and short-lived, so that a stuck scraper costs nothing. It reads no configuration and logs nothing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/io/metrics.h"

#define CONNECTIONS 16u
#define TIMEOUT_SECONDS 5u
#define MEMORY_BYTES ((size_t)8192)
#define TURNS 64

struct metrics {
	struct MHD_Daemon *daemon;
	int fd;
	void (*render)(void *userdata, struct buf *out);
	bool (*healthy)(void *userdata);
	void *userdata;
	struct buf text;       /* kept from scrape to scrape */
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct str body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body.n, (void *)body.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;  /* the connection is closed */
	if (MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8") == MHD_YES &&
	    MHD_add_response_header(response, "Connection", "close") == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED || MHD_add_response_header(response, "Allow", "GET") == MHD_YES))
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct metrics *metrics = userdata;

	(void)version;
	(void)upload;
	/* Refused before the body is read. */
	if (strcmp(method, "GET") != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, STR("only GET\n"));
	/* The first call comes behind the headers; an answer is expected only in a later one. */
	if (!*context) {
		*context = metrics;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") == 0) {
		buf_clear(&metrics->text);
		metrics->render(metrics->userdata, &metrics->text);
		return answer(connection, MHD_HTTP_OK, metrics->text.n > 0 ? buf_view(&metrics->text) : STR(""));
	}
	if (strcmp(url, "/healthz") == 0) {
		if (metrics->healthy(metrics->userdata))
			return answer(connection, MHD_HTTP_OK, STR("ok\n"));
		return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, STR("not healthy\n"));
	}
	return answer(connection, MHD_HTTP_NOT_FOUND, STR("not found; here are /metrics and /healthz\n"));
}

/* "127.0.0.1:9100" or "[::1]:9100"; numbers only, so that no resolver is asked while a daemon starts. */
static bool split_address(const char *listen_on, char host[static 64], char port[static 8])
{
	const char *colon = strrchr(listen_on, ':');
	const char *first = listen_on;
	size_t n;

	if (!colon || !colon[1] || strlen(colon + 1) >= 8)
		return false;
	n = (size_t)(colon - listen_on);
	if (*listen_on == '[' && n >= 2 && colon[-1] == ']') {
		first++;
		n -= 2;
	} else if (memchr(listen_on, ':', n)) {
		return false;
	}
	if (n == 0 || n >= 64)
		return false;
	memcpy(host, first, n);
	host[n] = 0;
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return true;
}

/* A listening socket, or -1 with the fault filled. Our own, because libmicrohttpd does not say why it could not. */
static int listen_at(const char *listen_on, struct fault *fault)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *address = NULL;
	char host[64], port[8];
	int fd, one = 1;

	if (!split_address(listen_on, host, port) || getaddrinfo(host, port, &hints, &address) != 0) {
		(void)fault_set(fault, FATAL, "metrics: \"%s\" is no address to listen on (127.0.0.1:9100 or [::1]:9100)",
				listen_on);
		return -1;
	}
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, CONNECTIONS) < 0) {
		(void)fault_set(fault, FATAL, "metrics: cannot listen on %s: %s", listen_on, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(address);
	return fd;
}

enum verdict metrics_new(const char *listen, void (*render)(void *userdata, struct buf *out),
			 bool (*healthy)(void *userdata), void *userdata, struct metrics **ret_metrics,
			 struct fault *fault)
{
	int fd = listen_at(listen, fault);
	const union MHD_DaemonInfo *info;
	struct metrics *metrics;

	if (fd < 0)
		return fault->verdict;
	metrics = mem_zero(sizeof(*metrics));
	metrics->render = render;
	metrics->healthy = healthy;
	metrics->userdata = userdata;
	/* From here the socket is libmicrohttpd's. */
	metrics->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, metrics,
					   MHD_OPTION_LISTEN_SOCKET, fd,
					   MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
					   MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS,
					   MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_BYTES,
					   MHD_OPTION_END);
	info = metrics->daemon ? MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		metrics_free(metrics);
		return fault_set(fault, FATAL, "metrics: the HTTP server on %s cannot be started", listen);
	}
	metrics->fd = info->epoll_fd;
	*ret_metrics = metrics;
	return OK;
}

int metrics_fd(const struct metrics *metrics)
{
	return metrics->fd;
}

void metrics_serve(struct metrics *metrics)
{
	MHD_UNSIGNED_LONG_LONG wait;
	int turns = 0;

	/* Its epoll is edge-triggered inside: a connection that is ready but not finished makes the fd readable no more,
	 * it only asks for no wait. Bounded, because the caller has other work. */
	do
		(void)MHD_run(metrics->daemon);
	while (++turns < TURNS && MHD_get_timeout(metrics->daemon, &wait) == MHD_YES && wait == 0);
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	if (metrics->daemon)
		MHD_stop_daemon(metrics->daemon);
	buf_done(&metrics->text);
	mem_free(metrics);
}

/* Backslash and newline everywhere, the quote only in label values. */
static void put_escaped(struct buf *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n') {
			buf_z(out, "\\n");
		} else {
			if (*text == '\\' || (quotes && *text == '"'))
				buf_char(out, '\\');
			buf_char(out, *text);
		}
	}
}

/* The samples of a histogram carry suffixes that its HELP and TYPE do not. */
static struct str family(const char *name, const char *type)
{
	static const struct str suffixes[] = { { "_bucket", 7 }, { "_sum", 4 }, { "_count", 6 } };
	struct str s = str_of(name);

	if (strcmp(type, "histogram") == 0)
		for (size_t i = 0; i < array_count(suffixes); i++)
			if (str_ends(s, suffixes[i]))
				return (struct str){ s.p, s.n - suffixes[i].n };
	return s;
}

static void put_number(struct buf *out, double number)
{
	char text[32];

	if (isnan(number)) {
		buf_z(out, "NaN");
	} else if (isinf(number)) {
		buf_z(out, number > 0 ? "+Inf" : "-Inf");
	} else {
		/* As short as it can be and still the same number. */
		(void)snprintf(text, sizeof(text), "%.15g", number);
		if (strtod(text, NULL) != number)
			(void)snprintf(text, sizeof(text), "%.17g", number);
		buf_z(out, text);
	}
}

void metrics_line(struct buf *out, const char *name, const char *type, const char *help, const char *label,
		  const char *value, double number)
{
	struct str of = family(name, type);
	struct buf head cleanup(buf_done) = { 0 };

	buf_format(&head, "# TYPE %.*s %s\n", STR_ARG(of), type);
	if (out->n == 0 || !memmem(out->p, out->n, head.p, head.n)) {
		buf_format(out, "# HELP %.*s ", STR_ARG(of));
		put_escaped(out, help, false);
		buf_char(out, '\n');
		buf_str(out, buf_view(&head));
	}
	buf_z(out, name);
	if (label) {
		buf_format(out, "{%s=\"", label);
		put_escaped(out, value ? value : "", true);
		buf_z(out, "\"}");
	}
	buf_char(out, ' ');
	put_number(out, number);
	buf_char(out, '\n');
}
