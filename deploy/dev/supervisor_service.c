/* One supervised process: start, readiness, death, restart, stop. Everything here is called by the loop of supervisor.c and
 * returns at once; what takes time is a state with a `due`. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct ucred */
#endif
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

const char *state_name(enum state state)
{
	static const char *const names[STATE_MAX] = {
		[STOPPED] = "stopped",	 [STARTING] = "starting", [READY] = "ready",
		[STOPPING] = "stopping", [WAITING] = "waiting",	  [FAILED] = "failed",
	};

	return names[state];
}

static void enter(struct service *s, enum state state, int64_t due)
{
	s->state = state;
	s->due = due;
}

/* An abstract address that the kernel chooses: no path that could be too long, nothing to remove, free for every user. */
static int notify_open(char *ret_address, size_t size)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(un);
	int on = 1, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)) || getsockname(fd, (struct sockaddr *)&un, &len)) {
		close(fd);
		return -1;
	}
	snprintf(ret_address, size, "@%.*s", (int)(len - sizeof(sa_family_t) - 1), un.sun_path + 1);
	return fd;
}

static void notify_close(struct service *s)
{
	if (s->notify >= 0)
		close(s->notify);
	s->notify = -1;
}

/* In the child. What goes wrong here is said in the service's log, and is not tried again. */
static _Noreturn void child_run(const struct stack *k, const struct service *s, const char *notify, pid_t parent)
{
	static const char *const foreign[] = { "LISTEN_FDS",   "LISTEN_PID",	"LISTEN_FDNAMES", "WATCHDOG_USEC",
					       "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID", "MAINPID" };
	struct passwd *pw = NULL;
	sigset_t none;
	char path[64];
	int log, in;

	snprintf(path, sizeof(path), "../log/%s.log", s->name);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	in = open("/dev/null", O_RDONLY);
	if (log < 0 || in < 0 || dup2(in, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(EXIT_MISCONFIGURED);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		unsetenv(foreign[i]);
	setenv("NOTIFY_SOCKET", notify, 1);
	/* Every process of the stack holds the lock: whoever takes it knows that the last run has ended to the last process. */
	fcntl(k->lock, F_SETFD, 0);
	if (s->user[0] && (!(pw = getpwnam(s->user)) || initgroups(s->user, pw->pw_gid) || setgid(pw->pw_gid) ||
			   setuid(pw->pw_uid))) {
		dprintf(2, "aftercare-supervisor: cannot become %s: %s\n", s->user, strerror(errno));
		_exit(EXIT_MISCONFIGURED);
	}
	/* After setuid, which clears it. Nobody is left behind when the supervisor is killed. */
	prctl(PR_SET_PDEATHSIG, s->stop_signal);
	if (getppid() != parent)
		_exit(1);
	if (chdir(k->home) && chdir("/"))
		_exit(EXIT_MISCONFIGURED);
	execv(s->argv[0], s->argv);
	dprintf(2, "aftercare-supervisor: cannot run %s: %s\n", s->argv[0], strerror(errno));
	_exit(EXIT_MISCONFIGURED);
}

void service_start(struct stack *k, struct service *s)
{
	char address[128];
	pid_t parent = getpid();
	struct passwd *pw = s->user[0] ? getpwnam(s->user) : NULL;

	notify_close(s);
	s->notify = notify_open(address, sizeof(address));
	s->pid = s->notify < 0 ? -1 : fork();
	if (s->pid == 0)
		child_run(k, s, address, parent);
	s->status[0] = 0;
	s->again = false;
	s->uid = pw ? pw->pw_uid : getuid();
	if (s->pid < 0) {
		say("%s: cannot start: %s", s->name, strerror(errno));
		s->pid = 0;
		enter(s, FAILED, INT64_MAX);
		return;
	}
	say("%s: started, pid %d", s->name, s->pid);
	enter(s, STARTING, s->ready_port ? now_ms() + PROBE_MS : INT64_MAX);
}

void service_stop(struct service *s)
{
	s->again = false;
	if (!s->pid) {
		enter(s, STOPPED, INT64_MAX);
	} else if (s->state != STOPPING) {
		kill(s->pid, s->stop_signal);
		kill(s->pid, SIGCONT); /* one that is held by SIGSTOP must hear it too */
		enter(s, STOPPING, now_ms() + s->stop_ms);
	}
}

void service_kill(struct service *s)
{
	kill(s->pid, SIGKILL);
}

static void take_line(struct service *s, const char *line)
{
	if (!strcmp(line, "READY=1")) {
		if (s->state == STARTING && !s->ready_port) {
			say("%s: ready", s->name);
			enter(s, READY, INT64_MAX);
		}
	} else if (!strncmp(line, "STATUS=", 7)) {
		snprintf(s->status, sizeof(s->status), "%s", line + 7);
	}
}

/* File descriptors that come along (sd_notify_barrier sends one and waits until it is closed) are closed. */
static void close_received(struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
}

static bool trusted(struct msghdr *m, const struct service *s)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		struct ucred who;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&who, CMSG_DATA(h), sizeof(who));
		return who.uid == s->uid || who.uid == getuid() || who.uid == 0;
	}
	return false;
}

void service_hear(struct service *s)
{
	for (;;) {
		char text[4096];
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
		struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
		struct msghdr m = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
		};
		ssize_t n = recvmsg(s->notify, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		char *rest = text, *line;

		if (n < 0)
			return;
		close_received(&m);
		if (!trusted(&m, s))
			continue;
		text[n] = 0;
		while ((line = strsep(&rest, "\n")))
			take_line(s, line);
	}
}

/* The process behind a port has no word for READY: it is ready when it takes a connection. Loopback answers at once. */
static bool accepts(int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* What a dead process has left behind has become our child (we are the subreaper). systemd kills the rest of a unit's
 * cgroup; a postmaster that was killed, for instance, could not start again while one of its backends still runs. */
static void kill_left_behind(const struct stack *k)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[300], line[512], *after;
		int pid = atoi(e->d_name), parent = 0;
		bool known = !isdigit((unsigned char)e->d_name[0]);
		FILE *f;

		for (int i = 0; i < k->n_services && !known; i++)
			known = k->services[i].pid == pid;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		if (known || !(f = fopen(path, "re")))
			continue;
		if (fgets(line, sizeof(line), f) && (after = strrchr(line, ')')) && sscanf(after, ") %*c %d", &parent) == 1 &&
		    parent == getpid())
			kill(pid, SIGKILL);
		fclose(f);
	}
	if (dir)
		closedir(dir);
}

static void died(struct stack *k, struct service *s, int status)
{
	bool wanted = s->state == STOPPING || k->closing;
	int64_t *oldest = &s->restarted[s->restarts % RESTARTS_MAX];
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
	s->pid = 0;
	notify_close(s);
	kill_left_behind(k);
	if (wanted) {
		say("%s: stopped (%s)", s->name, how);
		enter(s, STOPPED, INT64_MAX);
		if (s->again && !k->closing)
			service_start(k, s);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MISCONFIGURED) {
		say("%s: %s: misconfigured, not started again", s->name, how);
		snprintf(s->status, sizeof(s->status), "%s: misconfigured", how);
		enter(s, FAILED, INT64_MAX);
	} else if (!k->patient && s->restarts >= RESTARTS_MAX && now_ms() - *oldest < RESTARTS_WINDOW_MS) {
		say("%s: %s: %d restarts within a minute, given up", s->name, how, RESTARTS_MAX);
		snprintf(s->status, sizeof(s->status), "%s, too many restarts", how);
		enter(s, FAILED, INT64_MAX);
	} else {
		say("%s: %s, starts again in %d ms", s->name, how, RESTART_DELAY_MS);
		snprintf(s->status, sizeof(s->status), "%s", how);
		enter(s, WAITING, now_ms() + RESTART_DELAY_MS);
	}
}

void services_reap(struct stack *k)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct service *s = NULL;

		for (int i = 0; i < k->n_services; i++)
			if (k->services[i].pid == pid)
				s = &k->services[i];
		if (s)
			died(k, s, status);
		else
			kill_left_behind(k); /* its own children have now become ours */
	}
}

bool services_down(const struct stack *k)
{
	for (int i = 0; i < k->n_services; i++)
		if (k->services[i].pid)
			return false;
	return true;
}

/* Daemons first, then what they need: only the highest rank that still has a process is told to stop. */
static void go_on_closing(struct stack *k)
{
	int rank = -1;

	for (int i = 0; i < k->n_services; i++)
		if (k->services[i].pid && k->services[i].rank > rank)
			rank = k->services[i].rank;
	for (int i = 0; i < k->n_services; i++)
		if (k->services[i].rank == rank || !k->services[i].pid)
			service_stop(&k->services[i]);
}

static void act(struct stack *k, struct service *s, int64_t now)
{
	if (s->state == STARTING && accepts(s->ready_port)) {
		say("%s: ready", s->name);
		enter(s, READY, INT64_MAX);
	} else if (s->state == STARTING) {
		s->due = now + PROBE_MS;
	} else if (s->state == STOPPING) {
		say("%s: does not stop, SIGKILL", s->name);
		service_kill(s);
		s->due = INT64_MAX;
	} else if (s->state == WAITING) {
		s->restarted[s->restarts++ % RESTARTS_MAX] = now;
		service_start(k, s);
	}
}

int64_t services_turn(struct stack *k)
{
	int64_t next = INT64_MAX, now = now_ms();

	if (k->closing)
		go_on_closing(k);
	for (int i = 0; i < k->n_services; i++) {
		struct service *s = &k->services[i];

		if (s->due <= now)
			act(k, s, now);
		if (s->due < next)
			next = s->due;
	}
	return next;
}
