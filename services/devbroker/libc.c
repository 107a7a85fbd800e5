/* Three functions of the C library, taken over for this process.
 *
 * librdkafka's mock cluster binds any free port and has its waiting times built in (3 s for the first join of a group).
 * Newer versions have settings for some of it, Debian 12's 2.0.2 has none; what it calls in the C library it calls through
 * the dynamic linker, which finds the program's own functions first. So this works with every version. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, ppoll */
#endif
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "devbroker.h"

typedef int clock_fn(clockid_t, struct timespec *);

/* The one place of this program with state of its own: the C library's functions have no argument to carry it. All is set
 * by the main thread before the mock's thread exists, except `next_port`, which only the thread in cluster_new touches. */
static struct {
	int next_port, bound;
	int speed;
	clock_fn *clock;
	int64_t clock_base;
} libc;

void devbroker_bind_from(int port)
{
	libc.next_port = port;
}

int devbroker_bound(void)
{
	return libc.bound;
}

int devbroker_try_port(int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1, error = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    syscall(SYS_bind, fd, &in, sizeof(in)))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_in in;
	int r, wanted = 0;

	if (addr && addr->sa_family == AF_INET && len >= sizeof(in) && libc.next_port) {
		memcpy(&in, addr, sizeof(in));
		wanted = in.sin_port == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
	}
	if (!wanted)
		return (int)syscall(SYS_bind, fd, addr, len);
	in.sin_port = htons((uint16_t)libc.next_port++);
	r = (int)syscall(SYS_bind, fd, &in, sizeof(in));
	libc.bound += r == 0;
	return r;
}

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void devbroker_clock_speed(int speed)
{
	struct timespec now;

	libc.clock = (clock_fn *)dlsym(RTLD_NEXT, "clock_gettime");
	if (speed == 1 || !libc.clock || libc.clock(CLOCK_MONOTONIC, &now))
		return;
	libc.clock_base = nanoseconds(&now);
	libc.speed = speed;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int64_t t;

	if (!libc.speed || id != CLOCK_MONOTONIC)
		return libc.clock ? libc.clock(id, ret) : (int)syscall(SYS_clock_gettime, id, ret);
	if (libc.clock(id, ret))
		return -1;
	t = libc.clock_base + (nanoseconds(ret) - libc.clock_base) * libc.speed;
	ret->tv_sec = t / 1000000000;
	ret->tv_nsec = t % 1000000000;
	return 0;
}

/* The mock sleeps in poll() until its next timer is due; a timeout is in the time of the fast clock. Rounded up: rounding
 * down would spin for the last millisecond. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec t, *limit = NULL;

	if (timeout >= 0) {
		int64_t ns = (int64_t)timeout * 1000000 / (libc.speed ? libc.speed : 1);

		t = (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
		limit = &t;
	}
	return ppoll(fds, n, limit, NULL);
}
