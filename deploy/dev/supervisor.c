/* aftercare-supervisor: see supervisor.h. `run DIR` is the supervisor, `ask DIR REQUEST...` its client; deploy/dev/stack is
 * the only user of both. It needs nothing but the C library, and it is for development: on a real host systemd does this. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"

enum { LAST_RUN_MS = 10000 };

static const char usage[] =
    "usage: aftercare-supervisor run DIR              keep the processes of the stack in DIR, in the background\n"
    "       aftercare-supervisor ask DIR REQUEST...   ask the one of DIR:\n"
    "           define NAME [user=U] [rank=N] [ready=PORT] [stop=SIGNAL] [patience=SECONDS] -- PROGRAM [ARGUMENT]...\n"
    "           start SECONDS NAME... | restart SECONDS NAME... | stop NAME... | kill NAME | status [json]\n"
    "           port NAME [WISH] | down\n"
    "       aftercare-supervisor notify TEXT          as sd_notify: READY=1, STATUS=...; for a daemon that is a script\n"
    "DIR holds run/ (socket, lock) and log/ (a file for each process). Made for deploy/dev/stack.\n"
    "Exit status of ask: 0, 1 = refused or failed, 3 = no supervisor runs there.\n";

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void say(const char *format, ...)
{
	struct timespec t;
	struct tm tm;
	char when[32];
	va_list args;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%s.%03ldZ ", when, t.tv_nsec / 1000000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* A socket's path may have 108 bytes and DIR may be deeper: all of this works inside DIR/run, with a name of its own. */
static int enter_run(const char *dir)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/run", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return chdir(path);
}

static const struct sockaddr_un control_address = { .sun_family = AF_UNIX, .sun_path = "control.sock" };

static int ask(const char *dir, int n, char **args)
{
	char buf[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = -1;
	ssize_t r;

	if (enter_run(dir) || connect(fd, (const struct sockaddr *)&control_address, sizeof(control_address)))
		return EXIT_DOWN;
	for (int i = 0; i < n; i++) {
		size_t len = strlen(args[i]) + 1;

		for (size_t done = 0; done < len; done += (size_t)r)
			if ((r = send(fd, args[i] + done, len - done, MSG_NOSIGNAL)) <= 0)
				return 1;
	}
	shutdown(fd, SHUT_WR);
	while ((r = recv(fd, buf, sizeof(buf), 0)) > 0) {
		char *text = buf;

		/* The status line is sent first and by itself, so it is whole in the first piece. */
		if (status < 0) {
			status = atoi(buf);
			text = memchr(buf, '\n', (size_t)r);
			if (!text++)
				return 1;
		}
		fwrite(text, 1, (size_t)(buf + r - text), status ? stderr : stdout);
	}
	return status < 0 ? EXIT_DOWN : status; /* no word at all: it has just ended */
}

/* What sd_notify does, for a daemon that is a shell script. */
static int notify(const char *text)
{
	const char *to = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t len = to ? strlen(to) : 0;

	if (!len || len >= sizeof(un.sun_path))
		return 1;
	memcpy(un.sun_path, to, len);
	if (*to == '@')
		un.sun_path[0] = 0;
	return sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&un,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0;
}

/* Ends what still holds the lock: processes of this DIR whose supervisor was killed and that do not listen to their stop
 * signal (or children of theirs, which got none). Holding the lock is what tells them from all others. */
static void kill_holders(int lock)
{
	DIR *proc = opendir("/proc");
	struct stat wanted;
	struct dirent *e;

	if (!proc || fstat(lock, &wanted))
		return;
	while ((e = readdir(proc))) {
		char path[300];
		int pid = atoi(e->d_name);
		struct dirent *f;
		DIR *fds;

		snprintf(path, sizeof(path), "/proc/%d/fd", pid);
		if (pid <= 0 || pid == getpid() || !(fds = opendir(path)))
			continue;
		while ((f = readdir(fds))) {
			struct stat st;

			if (fstatat(dirfd(fds), f->d_name, &st, 0) == 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino) {
				say("pid %d of the last run is still there, SIGKILL", pid);
				kill(pid, SIGKILL);
				break;
			}
		}
		closedir(fds);
	}
	closedir(proc);
}

/* One supervisor for each DIR, and none before the last process of the run before has gone. */
static int take_lock(void)
{
	int fd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct timespec nap = { .tv_nsec = 20 * 1000000 }; /* flock knows no time limit */
	int64_t patience = now_ms() + LAST_RUN_MS, until = patience + LAST_RUN_MS;

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		int64_t now = now_ms();

		if (errno != EWOULDBLOCK || now > until)
			return -1;
		if (now > patience) {
			kill_holders(fd);
			patience = INT64_MAX;
		}
		nanosleep(&nap, NULL);
	}
	return fd;
}

static int open_all(struct stack *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	k->lock = take_lock();
	if (k->lock < 0)
		return -1;
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	k->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(control_address.sun_path);
	umask(077); /* the socket is for its owner */
	if (k->signals < 0 || bind(k->listener, (const struct sockaddr *)&control_address, sizeof(control_address)) ||
	    listen(k->listener, 16))
		return -1;
	umask(022);
	for (int i = 0; i < CLIENTS_MAX; i++)
		k->clients[i].fd = -1;
	return 0;
}

static void hear_signals(struct stack *k)
{
	struct signalfd_siginfo info;

	while (read(k->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGHUP && !k->closing) {
			say("signal %u: stopping all", info.ssi_signo);
			k->closing = true;
		}
	}
}

static void loop(struct stack *k)
{
	for (;;) {
		struct pollfd fds[2 + SERVICES_MAX + CLIENTS_MAX];
		int64_t next = services_turn(k), other = control_turn(k), wait;

		if (k->closing && services_down(k))
			return;
		next = other < next ? other : next;
		wait = next == INT64_MAX ? -1 : next - now_ms();
		fds[0] = (struct pollfd){ .fd = k->signals, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = k->listener, .events = POLLIN };
		for (int i = 0; i < SERVICES_MAX; i++)
			fds[2 + i] = (struct pollfd){ .fd = i < k->n_services ? k->services[i].notify : -1, .events = POLLIN };
		/* A client that waits for its answer has said all: only its going away is of interest, and send() will tell. */
		for (int i = 0; i < CLIENTS_MAX; i++)
			fds[2 + SERVICES_MAX + i] = (struct pollfd){
				.fd = k->clients[i].waiting == FOR_REQUEST ? k->clients[i].fd : -1, .events = POLLIN
			};
		poll(fds, sizeof(fds) / sizeof(*fds), next == INT64_MAX ? -1 : wait < 0 ? 0 : (int)wait);
		/* What a process said comes before its death, so that its last STATUS= is not lost. */
		for (int i = 0; i < k->n_services; i++)
			if (fds[2 + i].revents && fds[2 + i].fd == k->services[i].notify)
				service_hear(&k->services[i]);
		if (fds[0].revents)
			hear_signals(k);
		services_reap(k);
		for (int i = 0; i < CLIENTS_MAX; i++)
			if (fds[2 + SERVICES_MAX + i].revents && k->clients[i].fd >= 0)
				control_read(k, &k->clients[i]);
		if (fds[1].revents)
			control_accept(k);
	}
}

/* The background process. Everything the caller had open is let go: it may be reading our output to its end. */
static int serve(struct stack *k, const char *dir, int told)
{
	int log, null;

	setsid();
	if (enter_run(dir) || (log = open("../log/supervisor.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0) {
		dprintf(told, "%s: %s", dir, strerror(errno));
		return 1;
	}
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	if (told != 3) {
		dup3(told, 3, O_CLOEXEC);
		told = 3;
	}
	close_range(4, ~0U, 0);
	if (open_all(k)) {
		dprintf(told, "%s: %s", dir, errno == EWOULDBLOCK ? "processes of the last run are still there" : strerror(errno));
		return 1;
	}
	say("supervisor of %s, pid %d", dir, getpid());
	(void)!write(told, "", 1);
	close(told);
	loop(k);
	unlink(control_address.sun_path);
	close(k->listener);
	k->listener = -1;
	say("all stopped");
	control_turn(k);
	return 0;
}

static int run(const char *dir)
{
	static struct stack k; /* too large for the stack */
	const char *restarts = getenv("AFTERCARE_RESTARTS");
	int pipes[2];
	char text[512];
	ssize_t n;

	k.home = getcwd(NULL, 0);
	k.patient = restarts && !strcmp(restarts, "any");
	if (!k.home || pipe2(pipes, O_CLOEXEC)) {
		perror("aftercare-supervisor");
		return 1;
	}
	switch (fork()) {
	case -1:
		perror("aftercare-supervisor");
		return 1;
	case 0:
		_exit(serve(&k, dir, pipes[1]));
	}
	close(pipes[1]);
	n = read(pipes[0], text, sizeof(text) - 1);
	if (n == 1 && !text[0])
		return 0;
	fprintf(stderr, "aftercare-supervisor: %.*s\n", n > 0 ? (int)n : 7, n > 0 ? text : "it died");
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "run"))
		return run(argv[2]);
	if (argc > 3 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argc - 3, argv + 3);
	if (argc == 3 && !strcmp(argv[1], "notify"))
		return notify(argv[2]);
	fputs(usage, argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr);
	return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 1;
}
