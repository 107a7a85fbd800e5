/* make soak: load and faults at random for as long as is asked for, and a verdict over everything from time to time. */
#ifndef AFTERCARE_TESTS_SOAK_SOAK_H
#define AFTERCARE_TESTS_SOAK_SOAK_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/support/extra.h"
#include "tests/support/recovery.h"
#include "tests/support/traffic.h"

/* What is done to the system: its name for --deeds, how often among a hundred, and what is counted. */
#define DEEDS(X) \
	X(DEED_KILL, "kill", 75, "kill -9 of a daemon") \
	X(DEED_FREEZE, "freeze", 1, "a daemon stopped (SIGSTOP) for longer than its session") \
	X(DEED_RESTART, "restart", 3, "a daemon stopped and started") \
	X(DEED_INSTANCE, "instance", 7, "a second instance starts, leaves, is killed or stopped") \
	X(DEED_DATABASE_FAST, "database", 1, "PostgreSQL stopped fast, away for seconds") \
	X(DEED_DATABASE_CRASH, "crash", 1, "PostgreSQL stopped immediately, starts again") \
	X(DEED_SESSIONS, "sessions", 2, "all sessions of daemons terminated") \
	X(DEED_BROKER_STOP, "broker", 1, "Kafka stopped, away for seconds") \
	X(DEED_BROKER_KILL, "brokerkill", 1, "Kafka killed, starts again") \
	X(DEED_POISON, "poison", 8, "an input that must be refused")

enum deed {
#define X(deed, name, share, words) deed,
	DEEDS(X)
#undef X
	DEEDS_ALL
};

extern const char *const deed_names[DEEDS_ALL], *const deed_words[DEEDS_ALL];

struct options {
	long ms;                    /* for so long; 0: until the kills are done, or Ctrl-C */
	size_t kills;               /* 0: any number */
	unsigned long seed;
	long every, pause, load;    /* ms between verdicts, deeds, requests */
	bool deeds[DEEDS_ALL];
	bool json;
};

/* Of a daemon of the stack, at a verdict. */
struct sample {
	pid_t pid;
	long resident, files, age;  /* kB; open descriptors; seconds since its start */
};

enum outage_phase { OUTAGE_NONE, OUTAGE_GOING, OUTAGE_AWAY, OUTAGE_COMING, OUTAGE_RESUMING };

struct outage {
	enum outage_phase phase;
	bool broker, by_itself;     /* by_itself: killed, so it starts again without us */
	pid_t process, verb;        /* what dies; the script that stops or starts it (0: none) */
	long until;
};

struct soak {
	struct options options;
	struct stack stack;
	struct desk *desk;
	struct traffic *traffic;
	struct recovery *recovery;
	struct crew crew;
	struct chance chance;
	long began, next_deed, next_verdict, next_line;
	size_t deeds[DEEDS_ALL], last_victim, unmeasured;
	size_t requests, records, chapters;     /* of chapters that are closed */
	size_t verdicts, violations;
	json_t *said;               /* the words of violations */
	struct outage outage;
	struct { pid_t pid; size_t daemon; long since; } frozen;
	struct { pid_t verb; size_t daemon; } restart;
	struct durations back[2];   /* from the return of PostgreSQL, of Kafka, to each daemon's next commit */
	struct sample first[16], last[16], most[16];
	bool up, stopped, judged, over; /* judged: nothing has happened since; over: the report has been told */
};

/* ---- deeds.c ---- */
/* Something at random, if something is due and nothing forbids it. */
void soak_deed(struct soak *soak);
/* Goes on with what takes longer: outages, restarts, who stands still. Call it often. */
void soak_follow(struct soak *soak);
/* Whether all of that is over. */
bool soak_is_whole(const struct soak *soak);
/* Lets everybody go on who was stopped. */
void soak_wake(struct soak *soak);

/* ---- verdict.c ---- */
/* A new desk and new people: what was read before is no longer needed. */
void soak_chapter(struct soak *soak);
/* Worked to their ends so far. */
size_t soak_requests(const struct soak *soak);
/* Lets everything come to rest and looks at all there is. */
void soak_verdict(struct soak *soak);
void soak_violation(struct soak *soak, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- report.c ---- */
/* The line of progress, when it is time for it. */
void soak_line(struct soak *soak, bool now);
/* A line that stays. */
void soak_say(struct soak *soak, const char *format, ...) __attribute__((format(printf, 2, 3)));
void soak_report(struct soak *soak, const char *kept);

#endif
