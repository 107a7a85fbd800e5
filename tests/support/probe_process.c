/* The processes around the probe: the devbroker, the daemon, and the server where a test stops it. Each is a child that dies
 * with us.
 *
 * The broker's clock runs fast, so that a group forms in 150 ms and a killed member is gone after 600 ms. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/probe_inner.h"

static void end(pid_t *pid, int number)
{
	if (*pid > 0) {
		kill(*pid, number);
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*pid = 0;
}

int probe_free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return 0;
	close(fd);
	return ntohs(address.sin_port);
}

/* bin/ of the folder that this program was built in. */
static void find_devbroker(char path[600])
{
	char self[500];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	while (strrchr(self, '/')) {
		*strrchr(self, '/') = '\0';
		snprintf(path, 600, "%s/bin/aftercare-devbroker", self);
		if (access(path, X_OK) == 0)
			return;
	}
	fail_msg("aftercare-devbroker is not built");
}

static bool answers(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return good;
}

static int open_log(const struct probe *probe, const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", probe->directory, name);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void probe_broker_start(struct probe *probe)
{
	char path[600], number[12];
	int log = open_log(probe, "broker.log");
	long deadline = stack_deadline();
	const char *const argv[] = { path, "--port", number, "--speed", "20", "--topic", TOPIC_INBOUND ":2", "--topic", TOPIC_TICKETS ":2",
		"--topic", TOPIC_DESK ":2", "--topic", TOPIC_MESSAGES ":3", "--topic", TOPIC_DEAD ":1", NULL };

	find_devbroker(path);
	snprintf(number, sizeof(number), "%d", probe->port);
	probe->broker = fork();
	if (probe->broker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(log, 1);
		dup2(log, 2);
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(log);
	while (!answers(probe->port)) {
		if (stack_clock() > deadline || waitpid(probe->broker, NULL, WNOHANG) != 0)
			fail_msg("the devbroker does not start");
		stack_moment();
	}
}

void probe_broker_stop(struct probe *probe)
{
	end(&probe->broker, SIGKILL);
}

static void write_config(const struct probe *probe, const char *path)
{
	FILE *config = fopen(path, "w");

	assert_non_null(config);
	fprintf(config, "brokers = %s\ndatabase = %s user=aftercare_probe %s\ndirectory = %s\ninstance = %d\n%s"
			"kafka.session.timeout.ms = %d\nkafka.heartbeat.interval.ms = 100\nkafka.fetch.wait.max.ms = 200\n%s",
		probe->brokers, probe->postgres.conninfo, probe->route ? probe->route : "", probe->directory, probe->instance,
		probe->patient ? "" : "reconnect_max = 200ms\n", probe->session_ms ? probe->session_ms : 12000,
		probe->settings ? probe->settings : "");
	fclose(config);
}

void probe_start(struct probe *probe)
{
	char path[100];
	const char *const argv[] = { "aftercare-probe", "--probe-daemon", "--config", path, NULL };
	int log;

	if (probe_runs(probe))
		return;
	snprintf(path, sizeof(path), "%s/probe-%d.conf", probe->directory, probe->instance);
	write_config(probe, path);
	log = open_log(probe, "log");
	probe->daemon = fork();
	if (probe->daemon == 0) {
		dup2(log, 1);
		dup2(log, 2);
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(log);
}

void probe_kill(struct probe *probe)
{
	end(&probe->daemon, SIGKILL);
}

void probe_freeze(pid_t pid)
{
	int status = 0;

	kill(pid, SIGSTOP);
	while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	assert_true(WIFSTOPPED(status));
}

bool probe_runs(struct probe *probe)
{
	if (probe->daemon > 0 && waitpid(probe->daemon, NULL, WNOHANG) == probe->daemon)
		probe->daemon = 0;
	return probe->daemon > 0;
}

int probe_ended(struct probe *probe)
{
	long deadline = stack_deadline();
	int status = 0;

	while (waitpid(probe->daemon, &status, WNOHANG) == 0) {
		if (stack_clock() > deadline)
			probe_fail(probe, "the daemon does not end");
		stack_moment();
	}
	probe->daemon = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int probe_stop(struct probe *probe)
{
	assert_true(probe->daemon > 0);
	kill(probe->daemon, SIGTERM);
	return probe_ended(probe);
}

int probe_said(const struct probe *probe, const char *words)
{
	char path[100], line[1000];
	int count = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", probe->directory);
	log = fopen(path, "r");
	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, words) != NULL;
	if (log)
		fclose(log);
	return count;
}

/* ---- the server down and up ---- */

bool probe_database_end(struct probe *probe, int number)
{
	if (probe->postgres.pid == 0)
		return false;
	PQfinish(probe->sql);
	probe->sql = NULL;
	end(&probe->postgres.pid, number);
	return true;
}

bool probe_database_stop(struct probe *probe)
{
	return probe_database_end(probe, SIGINT);
}

void probe_database_start(struct probe *probe)
{
	static const char script[] = "cd \"$1\" && exec $(ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1) -D \"$1/data\" -k \"$1\""
		" -c listen_addresses= -c shared_buffers=64MB -c max_connections=100 -c fsync=off -c autovacuum=off >>\"$1/log\" 2>&1";
	const char *const argv[] = { "sh", "-c", script, "sh", probe->postgres.directory, NULL };
	long deadline = stack_deadline();
	struct stat owner;

	assert_int_equal(stat(probe->postgres.directory, &owner), 0);
	probe->postgres.pid = fork();
	if (probe->postgres.pid == 0) {
		if (geteuid() == 0 && (setgid(owner.st_gid) != 0 || setuid(owner.st_uid) != 0))
			_exit(120);
		prctl(PR_SET_PDEATHSIG, SIGINT);
		execv("/bin/sh", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (PQping(probe->postgres.admin) != PQPING_OK) {
		if (stack_clock() > deadline)
			probe_fail(probe, "PostgreSQL does not start again");
		stack_moment();
	}
	probe_connect(probe);
	probe_do(probe, "set search_path = probe");
}
