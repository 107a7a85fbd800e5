/* The proxy's thread: connections, and what is done to their bytes. What the bytes mean is read in proxy_request.c.
 *
 * Writes block: a client of ours sends a request and then reads its answer, so that no two write against each other. */
#define _GNU_SOURCE  /* accept4 */
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tests/support/proxy_inner.h"

#define LINKS_MAX 64

enum hold { HOLD_NOTHING, HOLD_REQUEST, HOLD_ANSWER };

/* One client and its own connection to the server. */
struct link {
	int client, server;          /* -1: closed */
	bool begun;                  /* the start-up packet is behind us */
	struct buf request, answer;  /* gathered, not passed on */
	enum hold hold;
	bool cut_answer;             /* the answer is gathered to be cut */
	unsigned at;
};

struct proxy {
	pthread_t thread;
	pthread_mutex_t lock;
	int wake, listener;          /* listener -1: refuses */
	bool stopping, armed;
	char path[108], host[108], port[12];
	struct proxy_fault fault;
	struct proxy_counts counts;
	struct link links[LINKS_MAX];
};

/* ---- sockets ---- */

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool write_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return true;
}

static int connect_server(const struct proxy *proxy)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(proxy->port)) };
	bool is_local = proxy->host[0] == '/';
	int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;

	if (is_local) {
		snprintf(local.sun_path, sizeof(local.sun_path), "%.80s/.s.PGSQL.%s", proxy->host, proxy->port);
		failed = connect(fd, (struct sockaddr *)&local, sizeof(local));
	} else {
		inet_pton(AF_INET, strcmp(proxy->host, "localhost") == 0 ? "127.0.0.1" : proxy->host, &far.sin_addr);
		failed = connect(fd, (struct sockaddr *)&far, sizeof(far));
	}
	if (failed)
		shut(&fd);
	return fd;
}

static int listen_at(const char *path)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(local.sun_path, sizeof(local.sun_path), "%.100s", path);
	unlink(path);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0 || listen(fd, 16) != 0))
		shut(&fd);
	return fd;
}

/* ---- links ---- */

static void link_close(struct link *link)
{
	shut(&link->client);
	shut(&link->server);
	buf_done(&link->request);
	buf_done(&link->answer);
	*link = (struct link){ .client = -1, .server = -1 };
}

static bool is_free(const struct link *link)
{
	return link->client < 0 && link->server < 0;
}

/* A server that does not answer is a client whose connection ends at once. */
static void link_open(struct proxy *proxy, int client)
{
	int server = connect_server(proxy);

	for (size_t i = 0; server >= 0 && i < LINKS_MAX; i++)
		if (is_free(&proxy->links[i])) {
			proxy->links[i] = (struct link){ .client = client, .server = server };
			return;
		}
	shut(&client);
	shut(&server);
}

static void request_pass(struct link *link, size_t size)
{
	/* A server that has gone is noticed where its last words are read. */
	(void)write_all(link->server, (struct str){ link->request.p, size });
	link->request.n -= size;
	memmove(link->request.p, link->request.p + size, link->request.n);
}

/* What the armed fault makes of this request. */
static void strike(struct proxy *proxy, struct link *link, const struct proxy_request *request)
{
	const struct proxy_fault *fault = &proxy->fault;
	size_t part = fault->at % request->size;
	bool arrives = fault->action != PROXY_CUT_REQUEST || part >= request->commit_end;

	proxy->armed = false;
	proxy->counts.faults++;
	if (request->commit_end) {
		/* Of a held one it is told when it goes. */
		proxy->counts.delivered += arrives && fault->action <= PROXY_CUT_ANSWER;
		proxy->counts.undelivered += !arrives;
	}
	link->at = fault->at;
	switch (fault->action) {
	case PROXY_CUT_REQUEST:
		(void)write_all(link->server, (struct str){ link->request.p, part });
		link_close(link);
		break;
	case PROXY_CUT_ANSWER:
		link->cut_answer = true;
		request_pass(link, request->size);
		break;
	case PROXY_LOSE_CLIENT:
		shut(&link->client);
		link->hold = HOLD_REQUEST;
		break;
	case PROXY_HOLD_REQUEST:
		link->hold = HOLD_REQUEST;
		break;
	case PROXY_HOLD_ANSWER:
		link->hold = HOLD_ANSWER;
		request_pass(link, request->size);
		break;
	}
}

static void requests_pass(struct proxy *proxy, struct link *link)
{
	struct proxy_request request;

	while (link->server >= 0 && link->hold == HOLD_NOTHING &&
	       proxy_request_read(buf_view(&link->request), &link->begun, proxy->armed ? proxy->fault.word : NULL, &request)) {
		bool fits = proxy->armed && request.fits;

		if (fits && proxy->fault.skip > 0)
			proxy->fault.skip--;
		else if (fits) {
			strike(proxy, link, &request);
			continue;
		}
		request_pass(link, request.size);
	}
}

/* The bytes that one end has sent. False when it has ended. */
static bool take_in(int fd, struct buf *into)
{
	ssize_t n = recv(fd, buf_room(into, 65536), 65536, MSG_DONTWAIT);

	if (n > 0)
		into->n += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void client_read(struct proxy *proxy, struct link *link)
{
	if (take_in(link->client, &link->request)) {
		requests_pass(proxy, link);
		return;
	}
	/* A request that is held outlives its client. */
	shut(&link->client);
	if (link->hold != HOLD_REQUEST)
		link_close(link);
}

static void server_read(struct link *link)
{
	bool over = !take_in(link->server, &link->answer);

	if (link->hold == HOLD_ANSWER && !over)
		return;
	if (link->cut_answer && !over) {
		size_t size = proxy_answer_end(buf_view(&link->answer));

		if (!size)
			return;
		(void)write_all(link->client, (struct str){ link->answer.p, link->at % size });
		over = true;
	} else if (link->client >= 0 && !write_all(link->client, buf_view(&link->answer))) {
		over = true;
	} else if (link->client < 0 && proxy_answer_end(buf_view(&link->answer))) {
		/* What came late has been answered, and there is nobody to tell. */
		over = true;
	} else if (link->client >= 0) {
		buf_clear(&link->answer);
	}
	if (over)
		link_close(link);
}

/* ---- the thread ---- */

static void serve(struct proxy *proxy, const struct pollfd *fds)
{
	if (fds[1].revents && proxy->listener == fds[1].fd) {
		int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			link_open(proxy, client);
	}
	for (size_t i = 0; i < LINKS_MAX; i++) {
		struct link *link = &proxy->links[i];

		if (fds[2 + 2 * i].revents && link->client >= 0 && link->client == fds[2 + 2 * i].fd)
			client_read(proxy, link);
		if (fds[3 + 2 * i].revents && link->server >= 0 && link->server == fds[3 + 2 * i].fd)
			server_read(link);
	}
}

static void *proxy_run(void *userdata)
{
	struct proxy *proxy = userdata;
	struct pollfd fds[2 + 2 * LINKS_MAX];
	uint64_t word;

	pthread_mutex_lock(&proxy->lock);
	while (!proxy->stopping) {
		fds[0] = (struct pollfd){ .fd = proxy->wake, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
		for (size_t i = 0; i < LINKS_MAX; i++) {
			fds[2 + 2 * i] = (struct pollfd){ .fd = proxy->links[i].client, .events = POLLIN };
			fds[3 + 2 * i] = (struct pollfd){ .fd = proxy->links[i].server, .events = POLLIN };
			if (is_free(&proxy->links[i]))
				fds[2 + 2 * i].fd = fds[3 + 2 * i].fd = -1;
		}
		pthread_mutex_unlock(&proxy->lock);
		(void)poll(fds, array_count(fds), -1);
		pthread_mutex_lock(&proxy->lock);
		if (fds[0].revents)
			(void)!read(proxy->wake, &word, sizeof(word));
		else
			serve(proxy, fds);
	}
	pthread_mutex_unlock(&proxy->lock);
	return NULL;
}

/* ---- commands ---- */

static void finish(struct proxy *proxy)
{
	uint64_t one = 1;

	(void)!write(proxy->wake, &one, sizeof(one));
	pthread_mutex_unlock(&proxy->lock);
}

struct proxy *proxy_open(const char *directory, const char *host, const char *port)
{
	struct proxy *proxy = mem_zero(sizeof(*proxy));

	for (size_t i = 0; i < LINKS_MAX; i++)
		proxy->links[i] = (struct link){ .client = -1, .server = -1 };
	pthread_mutex_init(&proxy->lock, NULL);
	(void)mkdir(directory, 0755);
	snprintf(proxy->path, sizeof(proxy->path), "%.80s/.s.PGSQL.5432", directory);
	snprintf(proxy->host, sizeof(proxy->host), "%s", host);
	snprintf(proxy->port, sizeof(proxy->port), "%s", port && *port ? port : "5432");
	proxy->wake = eventfd(0, EFD_CLOEXEC);
	proxy->listener = listen_at(proxy->path);
	if (proxy->listener < 0 || pthread_create(&proxy->thread, NULL, proxy_run, proxy) != 0) {
		fprintf(stderr, "proxy: %s: %s\n", proxy->path, strerror(errno));
		shut(&proxy->listener);
		shut(&proxy->wake);
		mem_free(proxy);
		return NULL;
	}
	return proxy;
}

void proxy_close(struct proxy *proxy)
{
	if (!proxy)
		return;
	pthread_mutex_lock(&proxy->lock);
	proxy->stopping = true;
	finish(proxy);
	pthread_join(proxy->thread, NULL);
	for (size_t i = 0; i < LINKS_MAX; i++)
		link_close(&proxy->links[i]);
	shut(&proxy->listener);
	shut(&proxy->wake);
	unlink(proxy->path);
	mem_free(proxy);
}

void proxy_arm(struct proxy *proxy, const struct proxy_fault *fault)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->fault = *fault;
	proxy->armed = true;
	finish(proxy);
}

void proxy_disarm(struct proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->armed = false;
	finish(proxy);
}

bool proxy_struck(struct proxy *proxy)
{
	bool struck;

	pthread_mutex_lock(&proxy->lock);
	struck = !proxy->armed;
	pthread_mutex_unlock(&proxy->lock);
	return struck;
}

static void link_release(struct proxy *proxy, struct link *link)
{
	struct proxy_request request = { 0 };
	enum hold hold = link->hold;

	link->hold = HOLD_NOTHING;
	if (hold == HOLD_ANSWER) {
		if (link->client < 0 || !write_all(link->client, buf_view(&link->answer)))
			link_close(link);
		buf_clear(&link->answer);
	} else if (proxy_request_read(buf_view(&link->request), &link->begun, NULL, &request)) {
		proxy->counts.delivered += request.commit_end && link->client < 0;
		request_pass(link, request.size);
		if (link->client >= 0)
			requests_pass(proxy, link);
	}
}

bool proxy_release(struct proxy *proxy)
{
	bool any = false;

	pthread_mutex_lock(&proxy->lock);
	for (size_t i = 0; i < LINKS_MAX; i++)
		if (proxy->links[i].hold != HOLD_NOTHING) {
			any = true;
			link_release(proxy, &proxy->links[i]);
		}
	finish(proxy);
	return any;
}

void proxy_refuse(struct proxy *proxy, bool refuse)
{
	pthread_mutex_lock(&proxy->lock);
	if (refuse) {
		shut(&proxy->listener);
		unlink(proxy->path);
		for (size_t i = 0; i < LINKS_MAX; i++)
			link_close(&proxy->links[i]);
	} else if (proxy->listener < 0) {
		proxy->listener = listen_at(proxy->path);
	}
	finish(proxy);
}

void proxy_count_anew(struct proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->counts = (struct proxy_counts){ 0 };
	pthread_mutex_unlock(&proxy->lock);
}

struct proxy_counts proxy_counts(struct proxy *proxy)
{
	struct proxy_counts counts;

	pthread_mutex_lock(&proxy->lock);
	counts = proxy->counts;
	pthread_mutex_unlock(&proxy->lock);
	return counts;
}
