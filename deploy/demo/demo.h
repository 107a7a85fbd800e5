/* aftercare-demo: hotline, WeChat gateway, CRM, field app and customers in one program, and a screen that shows what the
 * system makes of them.
 *
 * main.c     arguments, the loop, how it ends          world.c    people, customers, products; their directory entries
 * plots.c    the stories, as data                      cast.c     plays the stories: each fact calls for the next claim
 * bad.c      what must be refused                      send.c     one claim into Kafka
 * follow.c   the logs, record by record                tally.c    what is counted and told of each record
 * show.c     the live screen                           finish.c   the summary, and whether it adds up
 * watch.c    are all processes still there? */
#ifndef AFTERCARE_DEMO_H
#define AFTERCARE_DEMO_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/instant.h"
#include "common/base/state.h"
#include "common/base/str.h"
#include "services/ctl/screen.h"

/* Facts that stories wait for or that are counted; REFUSED stands for a dead letter about one of the story's claims. */
#define FACTS(X) \
	X(REGISTERED, "ticket.registered") X(INCOMPLETE, "ticket.incomplete") X(SUPPLEMENTED, "ticket.supplemented") \
	X(CLASSIFIED, "ticket.classified") X(ASSIGNED, "ticket.assigned") X(UNASSIGNABLE, "ticket.unassignable") \
	X(MODE_CHOSEN, "ticket.mode_chosen") X(REPLIED, "ticket.replied") X(CONTACTED, "ticket.contacted") \
	X(SCHEDULED, "ticket.scheduled") X(ARRIVED, "ticket.arrived") X(WORKED, "ticket.worked") X(WAITING, "ticket.waiting") \
	X(RESUMED, "ticket.resumed") X(RESOLVED, "ticket.resolved") X(CONFIRMED, "ticket.confirmed") \
	X(REOPENED, "ticket.reopened") X(CLOSED, "ticket.closed") X(CANCELLED, "ticket.cancelled") \
	X(STARTED, "sla.started") X(MET, "sla.met") X(BREACHED, "sla.breached") X(CORRECTED, "sla.corrected") \
	X(ENDED, "sla.cancelled") X(RESCHEDULED, "sla.rescheduled") X(SURVEY_SENT, "survey.sent") \
	X(SCORED, "survey.scored") X(TASK, "task.opened") X(MESSAGE_SENT, "notify.sent") X(MESSAGE_FAILED, "notify.failed") \
	X(REFUSED, "refused")
enum fact {
	FACT_NONE = 0,
#define X(name, text) FACT_##name,
	FACTS(X)
#undef X
	FACT_MAX
};

/* ---- stories (plots.c) ---- */

enum step_time { STEP_NOW, STEP_BEFORE_DUE };   /* BEFORE_DUE: a minute before the clock's due time, told only now */
struct step {
	enum fact after;           /* waits until this was seen ... */
	uint8_t times;             /* ... so often (0: once) ... */
	int delay_ms;              /* ... and then so long */
	const char *claim;         /* NULL: the end of the story */
	const char *data;          /* members, with {owner}, {survey}, {channel}, {now}, {from}, {to} */
	enum step_time time;
};
struct plot {
	const char *name;
	int count;                 /* how many requests */
	const char *kind, *severity, *fault_type, *mode;   /* NULL: not said */
	const char *model;         /* NULL: one by the number of the request */
	bool incomplete;           /* neither phone nor model */
	bool direct;               /* the system dispatches it by itself: counts for the latency */
	int64_t age_from, age_to;  /* how long ago the request was made, in microseconds */
	const struct step *steps;
};
extern const struct plot plots[];

struct story {
	const struct plot *plot;
	uint32_t number;
	char id[40];               /* event id of its request */
	char ticket[40], owner[16], survey[64], channel[16];
	size_t step;
	uint8_t seen[FACT_MAX];
	int64_t ready_at;          /* monotonic; 0: its facts have not come yet */
	int64_t sent_at, assigned_after;   /* monotonic; us from request to ticket.assigned, 0: not yet */
	instant t0, due;
	enum state state;
	bool sent, doubled, done;
};

/* ---- what is counted (tally.c) ---- */

struct clock_note {
	char id[128];
	instant due;
	bool running;
};
/* How far a reader has come with one writer in one lane: what does not ascend is a repeat, published again after a kill. */
struct mark {
	char writer[80];
	int32_t partition;
	int64_t incarnation, sequence;
};
#define LINES_MAX 64
#define REASONS_MAX 16
struct tally {
	uint32_t requests, doubles, bad_sent;          /* published by us */
	uint32_t claims;                               /* the other claims */
	uint32_t tickets, second_tickets;              /* registered; second: of a request that had one */
	uint32_t refused_requests, refused_claims;
	struct { char name[32]; uint32_t count; } reasons[REASONS_MAX];
	uint32_t facts[FACT_MAX], all_facts;
	uint32_t by_state[STATE_MAX];
	uint32_t met_late, satisfied, dissatisfied;
	struct clock_note *clocks;
	size_t clock_count, clock_capacity;
	struct mark *marks;
	size_t mark_count, mark_capacity;
	uint32_t repeats;                              /* records dropped by the marks */
	struct { char text[256]; enum screen_colour colour; } lines[LINES_MAX];   /* the latest happenings, a ring */
	uint32_t line_count;
	int64_t routine_at;                            /* when the last ordinary one was shown */
};

struct demo {
	const char *brokers, *broker, *dir, *supervisor, *database;
	struct screen screen;
	char run[24];              /* part of every event id */
	rd_kafka_t *producer, *reader;
	struct story *stories;
	size_t story_count;
	size_t *order;             /* in which they are sent */
	size_t next;               /* of order */
	size_t bad_next;
	int64_t began, sending_us, moved;
	struct tally tally;
	struct arena scratch;      /* of one record */
	uint32_t done;
	int frame;                 /* lines of the screen drawn last */
	int restarts, ready, services;   /* what the supervisor says; services 0: not known */
	int64_t watched;
	bool posted, unposted;     /* E05 is on post, E03 is off */
	char failure[256];         /* why it ends early */
};

/* world.c */
struct worker_person {
	const char *id, *name, *role, *models;   /* models: blank-separated; "" none */
};
extern const struct worker_person people[];
const char *world_name(const char *id);
const char *world_model(uint32_t n);
void world_publish(struct demo *demo);
void world_change(struct demo *demo, int64_t elapsed);
/* The data of a story's request. */
void world_request(const struct story *story, struct buf *data);

/* send.c */
int64_t demo_monotonic(void);
bool demo_connect(struct demo *demo);
void demo_disconnect(struct demo *demo);
void demo_claim(struct demo *demo, const char *topic, const char *key, const char *id, const char *claim, instant at,
		struct str data);
/* Bytes as they are, with headers only where type is given. */
void demo_bytes(struct demo *demo, const char *topic, const char *key, const char *id, const char *type, const char *time,
		struct str value);

/* cast.c */
void cast_assemble(struct demo *demo);
void cast_turn(struct demo *demo, int64_t now);
struct story *cast_by_request(struct demo *demo, struct str id);
struct story *cast_by_ticket(struct demo *demo, struct str ticket);
size_t cast_unfinished(const struct demo *demo);

/* bad.c: the n-th thing that must be refused; false when there are no more. */
bool bad_send(struct demo *demo, size_t n);
#define BAD_REQUESTS 12

/* follow.c */
bool follow_open(struct demo *demo);
void follow_turn(struct demo *demo, int wait_ms);

/* tally.c */
struct record {
	struct str name, ticket, id, key, cause, reason, service;
	struct str value;
	enum fact fact;
};
void tally_record(struct demo *demo, const struct record *record);
uint32_t tally_running(const struct demo *demo, instant before);
const char *fact_name(enum fact fact);
/* Notes one line of what happened; on a pipe it is printed at once. On a terminal the ordinary ones (SCREEN_PLAIN) are only
 * samples: a person can read two or three a second. */
void tally_line(struct demo *demo, enum screen_colour colour, const char *ticket, const char *what, const char *format, ...)
	printf_like(5, 6);

/* show.c */
void show_frame(struct demo *demo, bool last);
void show_latency(const struct demo *demo, int64_t *ret_p50, int64_t *ret_p99, size_t *ret_count);

/* finish.c: prints the summary; 0 when everything adds up. */
int finish(struct demo *demo);

/* watch.c: asks the supervisor now and then; fills demo->failure when a process is gone for good. */
void watch_turn(struct demo *demo, int64_t now);

#endif
