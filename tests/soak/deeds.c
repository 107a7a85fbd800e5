/* What is done to the system, one thing after another. Nothing here waits for long: what takes time is gone on with while the
 * traffic runs.
 *
 * A figure is of one fault only: where another one stands in the way, what was waited for is no longer measured. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soak/soak.h"

#include "tests/support/scene.h"

static const size_t shares[DEEDS_ALL] = {
#define X(deed, name, share, words) [deed] = share,
	DEEDS(X)
#undef X
};

const char *const deed_names[DEEDS_ALL] = {
#define X(deed, name, share, words) [deed] = name,
	DEEDS(X)
#undef X
};

const char *const deed_words[DEEDS_ALL] = {
#define X(deed, name, share, words) [deed] = words,
	DEEDS(X)
#undef X
};

/* Whether something besides dead daemons is in the way. */
static bool disturbed(const struct soak *soak)
{
	return soak->outage.phase != OUTAGE_NONE || soak->frozen.pid || soak->restart.verb || crew_has_stopped(&soak->crew);
}

static void forget(struct soak *soak)
{
	for (size_t i = 0; i < soak->stack.daemon_count; i++)
		soak->unmeasured += recovery_waits(soak->recovery, i);
	recovery_forget(soak->recovery);
}

/* 0: it runs on; -1: it failed; 1: it is done. */
static int verb_ended(struct soak *soak, pid_t verb, const char *what)
{
	int status;

	if (waitpid(verb, &status, WNOHANG) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 1;
	soak_violation(soak, "%s does not come to its end as it should", what);
	return -1;
}

/* ---- daemons ---- */

static void kill_daemon(struct soak *soak)
{
	/* One in four strikes the last one again, while it starts. */
	size_t i = chance_below(&soak->chance, 4) ? chance_below(&soak->chance, soak->stack.daemon_count) : soak->last_victim;
	const char *daemon = soak->stack.daemons[i];
	long deadline = stack_deadline();
	bool measured = !disturbed(soak);

	if (soak->restart.verb && soak->restart.daemon == i)
		return;
	while (stack_pid(&soak->stack, daemon) == 0) {
		traffic_turn(soak->desk, soak->traffic);
		if (stack_clock() > deadline)
			desk_fail(soak->desk, NULL, "%s is not started again", daemon);
	}
	if (!stack_do(&soak->stack, "kill", daemon))
		desk_fail(soak->desk, NULL, "%s cannot be killed", daemon);
	if (soak->frozen.pid && soak->frozen.daemon == i)
		soak->frozen.pid = 0;
	if (measured)
		recovery_killed(soak->recovery, i);
	else
		soak->unmeasured++;
	soak->last_victim = i;
	soak->deeds[DEED_KILL]++;
}

/* In the middle of something: with records in memory, or in a transaction. */
static void freeze_daemon(struct soak *soak)
{
	size_t i = chance_below(&soak->chance, soak->stack.daemon_count);
	pid_t pid = stack_pid(&soak->stack, soak->stack.daemons[i]);

	if (pid <= 0 || soak->frozen.pid)
		return;
	forget(soak);
	traffic_burst(soak->desk, soak->traffic, 30);
	kill(pid, SIGSTOP);
	soak->frozen.pid = pid;
	soak->frozen.daemon = i;
	soak->frozen.since = stack_clock();
	soak->deeds[DEED_FREEZE]++;
}

static void restart_daemon(struct soak *soak)
{
	size_t i = chance_below(&soak->chance, soak->stack.daemon_count);

	if (soak->restart.verb || (soak->frozen.pid && soak->frozen.daemon == i))
		return;
	forget(soak);
	soak->restart.daemon = i;
	soak->restart.verb = stack_begin(&soak->stack, "restart", soak->stack.daemons[i]);
	soak->deeds[DEED_RESTART]++;
}

void soak_wake(struct soak *soak)
{
	crew_wake(soak->desk, &soak->crew, true);
	/* A new process of it may have another number by now. */
	if (soak->frozen.pid && stack_pid(&soak->stack, soak->stack.daemons[soak->frozen.daemon]) == soak->frozen.pid)
		kill(soak->frozen.pid, SIGCONT);
	soak->frozen.pid = 0;
}

/* ---- PostgreSQL and Kafka ---- */

/* Each daemon has a role of its own. */
static void end_sessions(struct soak *soak)
{
	PGconn *database = PQconnectdb(soak->stack.database);
	PGresult *rows = PQexec(database, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'aftercare\\_%'");

	if (PQresultStatus(rows) == PGRES_TUPLES_OK && atol(PQgetvalue(rows, 0, 0)) > 0)
		soak->deeds[DEED_SESSIONS]++;
	PQclear(rows);
	PQfinish(database);
}

static const char *name_of(const struct outage *outage)
{
	return outage->broker ? "broker" : "postgres";
}

static void outage_begin(struct soak *soak, enum deed deed)
{
	struct outage *outage = &soak->outage;

	forget(soak);
	*outage = (struct outage){ .phase = OUTAGE_GOING, .broker = deed == DEED_BROKER_STOP || deed == DEED_BROKER_KILL,
				   .by_itself = deed == DEED_BROKER_KILL || deed == DEED_DATABASE_CRASH };
	outage->process = stack_pid(&soak->stack, name_of(outage));
	if (outage->process <= 0)
		desk_fail(soak->desk, NULL, "%s does not run", name_of(outage));
	/* SIGQUIT is PostgreSQL's immediate shutdown. */
	if (outage->by_itself)
		kill(outage->process, outage->broker ? SIGKILL : SIGQUIT);
	else
		outage->verb = stack_begin(&soak->stack, "stop", name_of(outage));
	soak->deeds[deed]++;
}

static bool broker_takes(const struct stack *stack)
{
	const char *port = strrchr(stack->brokers, ':');
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port + 1) : 0)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	good = fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool database_takes(const struct stack *stack)
{
	return PQping(stack->database) == PQPING_OK;
}

static void outage_follow(struct soak *soak)
{
	struct outage *outage = &soak->outage;

	switch (outage->phase) {
	case OUTAGE_NONE:
		return;
	case OUTAGE_GOING:
		if (outage->verb && verb_ended(soak, outage->verb, outage->broker ? "the stop of Kafka" : "the stop of PostgreSQL") == 0)
			return;
		outage->verb = 0;
		if (kill(outage->process, 0) == 0)
			return;
		outage->phase = outage->by_itself ? OUTAGE_COMING : OUTAGE_AWAY;
		outage->until = stack_clock() + 500 + (long)chance_below(&soak->chance, 3500);
		return;
	case OUTAGE_AWAY:
		if (stack_clock() < outage->until)
			return;
		outage->verb = stack_begin(&soak->stack, "start", name_of(outage));
		outage->phase = OUTAGE_COMING;
		return;
	case OUTAGE_COMING:
		if (!(outage->broker ? broker_takes(&soak->stack) : database_takes(&soak->stack)))
			return;
		recovery_back(soak->recovery, &soak->back[outage->broker]);
		outage->phase = OUTAGE_RESUMING;
		return;
	case OUTAGE_RESUMING:
		if (outage->verb && verb_ended(soak, outage->verb, outage->broker ? "the start of Kafka" : "the start of PostgreSQL") == 0)
			return;
		outage->verb = 0;
		if (!recovery_waits_any(soak->recovery))
			outage->phase = OUTAGE_NONE;
		return;
	}
}

/* ---- what is due ---- */

bool soak_is_whole(const struct soak *soak)
{
	return soak->outage.phase == OUTAGE_NONE && !soak->restart.verb && !recovery_waits_any(soak->recovery);
}

void soak_follow(struct soak *soak)
{
	outage_follow(soak);
	if (soak->restart.verb && verb_ended(soak, soak->restart.verb, "the restart of a daemon") != 0)
		soak->restart.verb = 0;
	if (soak->frozen.pid && stack_clock() - soak->frozen.since > EXTRA_STOPPED_MS)
		soak_wake(soak);
	crew_wake(soak->desk, &soak->crew, false);
	if (soak->outage.phase == OUTAGE_NONE || soak->outage.phase == OUTAGE_RESUMING)
		recovery_look(soak->recovery);
}

static enum deed choose(struct soak *soak)
{
	size_t sum = 0, at;
	int deed = 0;

	for (int i = 0; i < DEEDS_ALL; i++)
		sum += soak->options.deeds[i] ? shares[i] : 0;
	at = chance_below(&soak->chance, sum);
	for (;; deed++) {
		size_t share = soak->options.deeds[deed] ? shares[deed] : 0;

		if (at < share)
			return deed;
		at -= share;
	}
}

void soak_deed(struct soak *soak)
{
	enum deed deed;

	if (stack_clock() < soak->next_deed)
		return;
	soak->next_deed = stack_clock() + (long)chance_below(&soak->chance, 2 * (unsigned long)soak->options.pause + 1);
	deed = choose(soak);
	/* In an outage a few daemons die, and start without what they need; nothing disturbs them when it is back. */
	if (soak->outage.phase != OUTAGE_NONE && deed != DEED_POISON &&
	    (deed != DEED_KILL || soak->outage.phase >= OUTAGE_COMING || chance_below(&soak->chance, 4) != 0))
		return;
	switch (deed) {
	case DEED_KILL: kill_daemon(soak); return;
	case DEED_FREEZE: freeze_daemon(soak); return;
	case DEED_RESTART: restart_daemon(soak); return;
	case DEED_INSTANCE:
		crew_deed(soak->desk, soak->traffic, &soak->crew, &soak->chance);
		if (crew_has_stopped(&soak->crew))
			forget(soak);
		soak->deeds[deed]++;
		return;
	case DEED_SESSIONS: end_sessions(soak); return;
	case DEED_POISON:
		traffic_poison(soak->desk, soak->traffic);
		soak->deeds[deed]++;
		return;
	default:
		if (!disturbed(soak))
			outage_begin(soak, deed);
		return;
	}
}
