/* Starts and stops the throw-away cluster of tests.
 *
 * The postmaster is our child and is told by the kernel to stop when we die, so a crashed test leaves no server behind.
 * PostgreSQL refuses to run as root; then it is given to the postgres user, or nobody. */
#define _GNU_SOURCE  /* nftw */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "tests/support/postgres.h"

#define START_SECONDS 60
#define STOP_SECONDS 20

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The directory with initdb and postgres: given, or the newest of Debian's. */
static bool find_programs(char *directory, size_t size)
{
	const char *given = getenv("AFTERCARE_TEST_PGBIN");
	glob_t found = { 0 };
	int best = 0;

	if (given) {
		snprintf(directory, size, "%s", given);
		return true;
	}
	if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			int version = atoi(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"));

			if (version > best) {
				best = version;
				snprintf(directory, size, "%s", found.gl_pathv[i]);
			}
		}
	globfree(&found);
	return best > 0;
}

static const struct passwd *unprivileged(void)
{
	const struct passwd *user = getpwnam("postgres");

	return user ? user : getpwnam("nobody");
}

/* Runs a program as a user that PostgreSQL accepts; output goes to a file in the cluster's directory. */
static pid_t spawn(const struct postgres *postgres, const char *program, const char *const *arguments)
{
	pid_t parent = getpid(), pid = fork();
	const struct passwd *user;
	char log[100];
	int fd;

	if (pid != 0)
		return pid;
	if (geteuid() == 0) {
		user = unprivileged();
		if (!user || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
			_exit(120);
	}
	/* After setuid, which would clear it. */
	prctl(PR_SET_PDEATHSIG, SIGINT);
	if (getppid() != parent)
		_exit(121);
	snprintf(log, sizeof(log), "%s/log", postgres->directory);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || chdir(postgres->directory) != 0)
		_exit(122);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(program, (char *const *)(uintptr_t)arguments);
	_exit(123);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void show_log(const struct postgres *postgres)
{
	char path[100], line[512];
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", postgres->directory);
	log = fopen(path, "r");
	while (log && fgets(line, sizeof(line), log))
		fputs(line, stderr);
	if (log)
		fclose(log);
}

static bool run(const char *conninfo, const char *sql)
{
	PGconn *connection = PQconnectdb(conninfo);
	PGresult *result = PQexec(connection, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		fprintf(stderr, "postgres: %s: %s", sql, PQerrorMessage(connection));
	PQclear(result);
	PQfinish(connection);
	return good;
}

static bool start_cluster(struct postgres *postgres)
{
	char programs[200], initdb[220], server[220], data[100];
	const char *const init[] = { initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
		"--no-sync", "--no-instructions", NULL };
	const char *const start[] = { server, "-D", data, "-k", postgres->directory, "-c", "listen_addresses=",
		"-c", "shared_buffers=64MB", "-c", "max_connections=100", "-c", "fsync=off",
		"-c", "autovacuum=off", NULL };
	time_t deadline = seconds() + START_SECONDS;
	int status = -1;
	pid_t pid;

	if (!find_programs(programs, sizeof(programs))) {
		fprintf(stderr, "postgres: no /usr/lib/postgresql/*/bin\n");
		return false;
	}
	snprintf(initdb, sizeof(initdb), "%s/initdb", programs);
	snprintf(server, sizeof(server), "%s/postgres", programs);
	strcpy(postgres->directory, "/tmp/aftercare-postgres-XXXXXX");
	if (!mkdtemp(postgres->directory))
		return false;
	if (geteuid() == 0 && (!unprivileged() || chown(postgres->directory, unprivileged()->pw_uid, unprivileged()->pw_gid) != 0))
		return false;
	snprintf(data, sizeof(data), "%s/data", postgres->directory);
	snprintf(postgres->admin, sizeof(postgres->admin), "host=%s user=postgres dbname=postgres", postgres->directory);
	pid = spawn(postgres, initdb, init);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	postgres->pid = spawn(postgres, server, start);
	if (postgres->pid < 0)
		postgres->pid = 0;
	while (postgres->pid > 0 && PQping(postgres->admin) != PQPING_OK) {
		if (waitpid(postgres->pid, &status, WNOHANG) == postgres->pid)
			postgres->pid = 0;
		if (seconds() > deadline)
			return false;
		nap();
	}
	return postgres->pid > 0;
}

bool postgres_start(struct postgres *ret_postgres)
{
	const char *given = getenv("AFTERCARE_TEST_DATABASE");
	char sql[100];

	*ret_postgres = (struct postgres){ 0 };
	if (given && *given) {
		snprintf(ret_postgres->admin, sizeof(ret_postgres->admin), "%s", given);
	} else if (!start_cluster(ret_postgres)) {
		show_log(ret_postgres);
		postgres_stop(ret_postgres);
		return false;
	}
	snprintf(ret_postgres->database, sizeof(ret_postgres->database), "aftercare_test_%ld", (long)getpid());
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", ret_postgres->database);
	snprintf(ret_postgres->conninfo, sizeof(ret_postgres->conninfo), "%s dbname=%s", ret_postgres->admin,
		 ret_postgres->database);
	if (run(ret_postgres->admin, sql))
		return true;
	ret_postgres->database[0] = '\0';
	postgres_stop(ret_postgres);
	return false;
}

void postgres_signal(const struct postgres *postgres, int number)
{
	if (postgres->pid > 0)
		kill(postgres->pid, number);
}

void postgres_stop(struct postgres *postgres)
{
	time_t deadline = seconds() + STOP_SECONDS;
	char sql[100];

	if (postgres->pid > 0) {
		kill(postgres->pid, SIGINT);
		while (waitpid(postgres->pid, NULL, WNOHANG) == 0) {
			if (seconds() > deadline)
				kill(postgres->pid, SIGQUIT);
			nap();
		}
	} else if (postgres->database[0]) {
		snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", postgres->database);
		(void)run(postgres->admin, sql);
	}
	if (postgres->directory[0])
		nftw(postgres->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	*postgres = (struct postgres){ 0 };
}
