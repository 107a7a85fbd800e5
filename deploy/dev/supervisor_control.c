/* The control socket. A request is the client's arguments, each ended by a NUL, up to the end of the stream; an answer is the
 * client's exit status in one line, then text. An answer may have to wait (until a service is ready, has stopped, ...). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor.h"

/* Below the range from which the kernel serves outgoing connections, so that none of those can take a port that was free
 * a moment ago. */
enum { PORT_FIRST = 20000, PORT_LAST = 31999 };

static void answer(struct client *c, int status, const char *text)
{
	char head[16];
	size_t len = strlen(text), done = 0;

	snprintf(head, sizeof(head), "%d\n", status);
	(void)!send(c->fd, head, strlen(head), MSG_NOSIGNAL);
	/* A client that does not read loses its answer, it never holds up the loop: the socket does not block. */
	while (done < len) {
		ssize_t n = send(c->fd, text + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(c->fd);
	c->fd = -1;
}

static void refuse(struct client *c, const char *what, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s\n", what, name);
	answer(c, 1, text);
}

static struct service *find(struct stack *k, const char *name)
{
	for (int i = 0; i < k->n_services; i++)
		if (!strcmp(k->services[i].name, name))
			return &k->services[i];
	return NULL;
}

/* The length of the UTF-8 sequence at p, or 0. Good enough to keep a document valid: overlong forms are refused by the
 * second byte where it matters to a parser. */
static size_t utf8_len(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void write_json_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = utf8_len(p);

		if (n == 1 && (*p == '"' || *p == '\\'))
			fprintf(f, "\\%c", *p);
		else if (n == 1 && (*p < 0x20 || *p == 0x7f))
			fprintf(f, "\\u%04x", *p);
		else if (n)
			fwrite(p, 1, n, f);
		else
			fputc('?', f);
		p += n ? n : 1;
	}
	fputc('"', f);
}

static void write_json(FILE *f, const struct service *s, bool first)
{
	fprintf(f, "%s{\"name\": \"%s\", \"state\": \"%s\", ", first ? "" : ",\n ", s->name, state_name(s->state));
	if (s->pid)
		fprintf(f, "\"pid\": %d, ", s->pid);
	else
		fputs("\"pid\": null, ", f);
	fprintf(f, "\"restarts\": %d, \"status\": ", s->restarts);
	write_json_string(f, s->status);
	fputc('}', f);
}

static void do_status(struct stack *k, struct client *c, bool json)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (json)
		fputc('[', f);
	for (int i = 0; i < k->n_services; i++) {
		const struct service *s = &k->services[i];
		char pid[16] = "-";

		if (s->pid)
			snprintf(pid, sizeof(pid), "%d", s->pid);
		if (json)
			write_json(f, s, i == 0);
		else
			fprintf(f, "%-14s %-9s %8s %4d%s%s\n", s->name, state_name(s->state), pid, s->restarts, s->status[0] ? "  " : "",
				s->status);
	}
	if (json)
		fputs("]\n", f);
	fclose(f);
	answer(c, 0, text);
	free(text);
}

/* define NAME [user=U] [rank=N] [ready=PORT] [stop=SIGNAL] [patience=SECONDS] -- PROGRAM [ARGUMENT...] */
static void do_define(struct stack *k, struct client *c, char **args, int n)
{
	struct service *s = n ? find(k, args[0]) : NULL;
	int i = 1;

	if (!n || strlen(args[0]) >= sizeof(s->name))
		return refuse(c, "define", "wants a short name");
	if (s && s->pid)
		return refuse(c, "is running", args[0]);
	if (!s && k->n_services == SERVICES_MAX)
		return refuse(c, "too many services", args[0]);
	if (!s)
		s = &k->services[k->n_services++];
	*s = (struct service){ .notify = -1, .due = INT64_MAX, .stop_signal = SIGTERM, .stop_ms = 15000 };
	snprintf(s->name, sizeof(s->name), "%s", args[0]);
	for (; i < n && strcmp(args[i], "--"); i++) {
		if (!strncmp(args[i], "user=", 5))
			snprintf(s->user, sizeof(s->user), "%s", args[i] + 5);
		else if (!strncmp(args[i], "rank=", 5))
			s->rank = atoi(args[i] + 5);
		else if (!strncmp(args[i], "ready=", 6))
			s->ready_port = atoi(args[i] + 6);
		else if (!strncmp(args[i], "stop=", 5))
			s->stop_signal = atoi(args[i] + 5);
		else if (!strncmp(args[i], "patience=", 9))
			s->stop_ms = 1000 * atoll(args[i] + 9);
		else
			return refuse(c, "define: unknown", args[i]);
	}
	s->argv = calloc((size_t)(n - i) + 1, sizeof(*s->argv)); /* kept for good: there are few, and few changes */
	for (int j = 0; s->argv && i + 1 + j < n; j++)
		s->argv[j] = strdup(args[i + 1 + j]);
	if (!s->argv || !s->argv[0])
		return refuse(c, "define", "wants -- PROGRAM");
	answer(c, 0, "");
}

static int reserve(int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int on = 1, reservation = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int len = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "aftercare-port-%d", port);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* The name in the abstract namespace is what keeps two stacks that start at once from choosing the same port. */
	if (bind(reservation, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) ||
	    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || bind(tcp, (struct sockaddr *)&in, sizeof(in))) {
		close(reservation);
		reservation = -1;
	}
	close(tcp);
	return reservation;
}

/* port NAME [WISH]: a port of 127.0.0.1 that nobody uses, kept for this name as long as this stack runs. */
static void do_port(struct stack *k, struct client *c, const char *name, int wish)
{
	struct port *p = NULL;
	char text[16];
	unsigned random = 0;

	for (int i = 0; i < k->n_ports; i++)
		if (!strcmp(k->ports[i].name, name))
			p = &k->ports[i];
	if (!p && k->n_ports == PORTS_MAX)
		return refuse(c, "too many ports", name);
	if (!p) {
		p = &k->ports[k->n_ports];
		*p = (struct port){ .port = wish, .reservation = -1 };
		snprintf(p->name, sizeof(p->name), "%s", name);
		if (wish > 0 && wish < 65536)
			p->reservation = reserve(wish);
		for (int tries = 0; p->reservation < 0 && tries < 2000; tries++) {
			(void)!getrandom(&random, sizeof(random), 0);
			p->port = PORT_FIRST + (int)(random % (PORT_LAST - PORT_FIRST + 1));
			p->reservation = reserve(p->port);
		}
		if (p->reservation < 0)
			return refuse(c, "no free port", name);
		k->n_ports++;
	}
	snprintf(text, sizeof(text), "%d\n", p->port);
	answer(c, 0, text);
}

/* start SECONDS NAME..., restart SECONDS NAME..., stop NAME..., kill NAME. */
static void do_action(struct stack *k, struct client *c, const char *verb, char **args, int n)
{
	bool start = !strcmp(verb, "start"), restart = !strcmp(verb, "restart"), killing = !strcmp(verb, "kill");
	int first = start || restart ? 1 : 0;

	if (n <= first || (killing && n != 1))
		return refuse(c, verb, "wants a service");
	for (int i = first; i < n; i++)
		if (!find(k, args[i]))
			return refuse(c, "no such service", args[i]);
	if (k->closing)
		return refuse(c, verb, "the stack is stopping");
	c->waiting = killing ? FOR_DEATH : first ? FOR_READY : FOR_STOPPED;
	c->due = first ? now_ms() + 1000 * atoll(args[0]) : INT64_MAX;
	for (int i = first; i < n; i++) {
		struct service *s = find(k, args[i]);

		c->chosen[s - k->services] = true;
		c->pid = s->pid;
		if (killing && !s->pid)
			return refuse(c, "has no process", s->name);
		if (killing) {
			say("%s: SIGKILL asked for", s->name);
			service_kill(s);
		} else if (restart && s->pid) {
			service_stop(s);
			s->again = true;
		} else if (!first) {
			service_stop(s);
		} else if (s->pid) {
			s->again = s->state == STOPPING;
		} else {
			service_start(k, s);
		}
	}
}

static void request(struct stack *k, struct client *c)
{
	char *args[1024];
	int n = 0;

	for (char *p = c->request; p < c->request + c->len && n < 1024; p += strlen(p) + 1)
		args[n++] = p;
	if (!n)
		refuse(c, "request", "empty");
	else if (!strcmp(args[0], "status"))
		do_status(k, c, n > 1 && !strcmp(args[1], "json"));
	else if (!strcmp(args[0], "define"))
		do_define(k, c, args + 1, n - 1);
	else if (!strcmp(args[0], "port") && n > 1)
		do_port(k, c, args[1], n > 2 ? atoi(args[2]) : 0);
	else if (!strcmp(args[0], "down"))
		c->waiting = FOR_DOWN, k->closing = true;
	else if (!strcmp(args[0], "start") || !strcmp(args[0], "restart") || !strcmp(args[0], "stop") || !strcmp(args[0], "kill"))
		do_action(k, c, args[0], args + 1, n - 1);
	else
		refuse(c, "unknown request", args[0]);
}

void control_accept(struct stack *k)
{
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (k->clients[i].fd < 0)
			c = &k->clients[i];
	if (fd < 0)
		return;
	if (!c) {
		close(fd);
		return;
	}
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->due = INT64_MAX;
}

void control_read(struct stack *k, struct client *c)
{
	ssize_t n = recv(c->fd, c->request + c->len, sizeof(c->request) - 1 - c->len, 0);

	if (n > 0 && c->waiting == FOR_REQUEST) {
		c->len += (size_t)n;
		if (c->len == sizeof(c->request) - 1)
			refuse(c, "request", "too long");
	} else if (n == 0 && c->waiting == FOR_REQUEST) {
		c->request[c->len] = 0;
		request(k, c);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close(c->fd);
		c->fd = -1;
	}
}

static void turn(struct stack *k, struct client *c, int64_t now)
{
	for (int i = 0; i < k->n_services; i++) {
		const struct service *s = &k->services[i];

		if (!c->chosen[i])
			continue;
		if (c->waiting == FOR_DEATH && s->pid == c->pid)
			return;
		if (c->waiting == FOR_STOPPED && s->pid)
			return;
		if (c->waiting == FOR_READY && (s->state == FAILED || (s->state == STOPPED && !s->again)))
			return refuse(c, s->status[0] ? s->status : "was stopped", s->name);
		if (c->waiting == FOR_READY && s->state != READY) {
			if (now >= c->due)
				refuse(c, "not ready in time", s->name);
			return;
		}
	}
	answer(c, 0, "");
}

int64_t control_turn(struct stack *k)
{
	int64_t next = INT64_MAX, now = now_ms();

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &k->clients[i];

		if (c->fd >= 0 && c->waiting != FOR_REQUEST && c->waiting != FOR_DOWN)
			turn(k, c, now);
		/* Only when nobody can reach us any more: the caller may start the next supervisor at once. */
		if (c->fd >= 0 && c->waiting == FOR_DOWN && k->listener < 0)
			answer(c, 0, "");
		if (c->fd >= 0 && c->due < next)
			next = c->due;
	}
	return next;
}
