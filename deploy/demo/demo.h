/* aftercare-demo: hotline, WeChat gateway, CRM, field app and customers in one program, and a screen that shows what the
 * system makes of them. It plays one working day of a service desk on the simulated clock that the daemons have too.
 *
 * main.c     arguments, the loop, how it ends          day.c      the day: when requests come, what else happens
 * world.c    people, customers, products, projects     plots.c    the stories, as data; plots_*.c their parts
 * cast.c     makes the stories and sends requests      play.c     each fact calls for the next claim
 * bad.c      what must be refused                      send.c     one claim into Kafka
 * follow.c   the logs, record by record                tally.c    what is counted of each record
 * clocks.c   the limits, by policy                     news.c     the lines that tell what happened
 * frame.c    what stands on the screen                 show.c     the terminal; svg.c  a frame as a picture
 * finish.c   the summary, and whether it adds up       watch.c    the processes; one of them is killed */
#ifndef AFTERCARE_DEMO_H
#define AFTERCARE_DEMO_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/doc.h"
#include "common/base/state.h"
#include "services/ctl/ctl.h"
#include "services/ctl/screen.h"

/* Facts that stories wait for or that are counted; REFUSED stands for a dead letter about one of the story's claims, ANSWERED
 * for the end of a clock that somebody's work has brought, in time, late or corrected. */
#define FACTS(X) \
	X(REGISTERED, "ticket.registered") X(INCOMPLETE, "ticket.incomplete") X(SUPPLEMENTED, "ticket.supplemented") \
	X(CLASSIFIED, "ticket.classified") X(ASSIGNED, "ticket.assigned") X(UNASSIGNABLE, "ticket.unassignable") \
	X(MODE_CHOSEN, "ticket.mode_chosen") X(REPLIED, "ticket.replied") X(CONTACTED, "ticket.contacted") \
	X(SCHEDULED, "ticket.scheduled") X(ARRIVED, "ticket.arrived") X(WORKED, "ticket.worked") X(WAITING, "ticket.waiting") \
	X(RESUMED, "ticket.resumed") X(SPARE_REQUIRED, "ticket.spare_required") X(SPARE_ISSUED, "ticket.spare_issued") \
	X(RESTORED, "ticket.original_restored") X(SUBTASK, "ticket.subtask_opened") X(SUBTASK_DONE, "ticket.subtask_closed") \
	X(RESOLVED, "ticket.resolved") X(CONFIRMED, "ticket.confirmed") X(CORRECTIVE, "ticket.corrective_action") \
	X(REOPENED, "ticket.reopened") X(CLOSED, "ticket.closed") X(CANCELLED, "ticket.cancelled") \
	X(STARTED, "sla.started") X(MET, "sla.met") X(BREACHED, "sla.breached") X(CORRECTED, "sla.corrected") \
	X(ENDED, "sla.cancelled") X(RESCHEDULED, "sla.rescheduled") X(SURVEY_SENT, "survey.sent") \
	X(SCORED, "survey.scored") X(TASK, "task.opened") X(MESSAGE_SENT, "notify.sent") X(MESSAGE_FAILED, "notify.failed") \
	X(REFUSED, "refused") X(ANSWERED, "answered")
enum fact {
	FACT_NONE = 0,
#define X(name, text) FACT_##name,
	FACTS(X)
#undef X
	FACT_MAX
};

/* ---- stories (plots.c) ---- */

/* BEFORE_DUE: it happened a minute before the clock ran out that did so first, but is told only now. */
enum step_time { STEP_NOW, STEP_BEFORE_DUE };
struct step {
	enum fact after;           /* waits until this was seen ... */
	uint8_t times;             /* ... so often (0: once) ... */
	int minutes;               /* ... and then so long, simulated, more or less */
	const char *claim;         /* NULL: the end of the story */
	const char *data;          /* members, with the {words} of play.c */
	enum step_time time;
};

/* What is sold, and which regulation it comes under: requests bear the line as a tag. */
enum line { LINE_SOFTWARE, LINE_DEVICES, LINE_WORKS, LINE_TURNKEY, LINE_MAX };

enum plot_flag {
	PLOT_INCOMPLETE = 1,       /* neither phone nor model */
	PLOT_DIRECT = 2,           /* the system dispatches it by itself: counts for the latency */
	PLOT_ABOUT_STAFF = 4       /* a complaint that names a person */
};
struct plot {
	const char *name;
	int count;                 /* how many requests, of a day of DAY_REQUESTS */
	enum line line;
	const char *kind, *severity, *fault_type, *mode;   /* NULL: not said */
	const char *model;         /* NULL: one of the line's */
	unsigned flags;
	int from, to;              /* comes in between these minutes of the day; 0, 0: all day */
	int age_from, age_to;      /* minutes since it was made, when it comes in */
	const struct step *steps;
};
/* NULL-terminated names. */
extern const struct plot plots_software[], plots_devices[], plots_works[];
extern const struct plot *const plots[];       /* all of them, NULL-terminated */

#define CLOCKS_MAX 24
#define POLICIES_MAX 12
struct clock_note {
	char id[160];
	instant due;
	uint8_t policy;            /* of tally->policies */
	bool breached, over;
};

struct story {
	const struct plot *plot;
	uint32_t number;
	char id[32];               /* event id of its request */
	char ticket[40], owner[16], survey[64], channel[16];
	const char *about;         /* the person that a complaint names; NULL: none */
	size_t step;
	uint8_t seen[FACT_MAX];
	int64_t ready_at;          /* monotonic; 0: its facts have not come yet */
	int64_t sent_at, assigned_after;   /* monotonic; us from request to ticket.assigned, 0: not yet */
	instant t0, comes_at, breached_due;   /* simulated */
	struct clock_note clocks[CLOCKS_MAX];
	size_t clock_count;
	enum state state;
	bool sent, doubled, done;
};

/* ---- what is counted (tally.c) ---- */

struct policy_note {
	char id[64];
	uint32_t started, met, late, breached, corrected, ended;
};
/* How far a reader has come with one writer in one lane: what does not ascend is a repeat, published again after a kill. */
struct mark {
	char writer[96];
	int32_t partition;
	int64_t incarnation, sequence;
};
#define LINES_MAX 64
#define REASONS_MAX 16
#define CHANNELS_MAX 12
struct counted {
	char name[32];
	uint32_t count;
};
struct tally {
	uint32_t requests, doubles, bad_sent;          /* published by us */
	uint32_t claims, other_claims;                 /* about tickets; about projects and the like */
	uint32_t tickets, second_tickets;              /* registered; second: of a request that had one */
	uint32_t refused_requests, refused_claims;
	struct counted reasons[REASONS_MAX], channels[CHANNELS_MAX];   /* of refusals; of requests */
	struct policy_note policies[POLICIES_MAX];
	size_t policy_count;
	uint32_t facts[FACT_MAX], all_facts, desk_facts;
	uint32_t by_state[STATE_MAX];
	uint32_t satisfied, dissatisfied;
	uint32_t two_ends;                             /* clocks with more than one */
	uint32_t handled_by_named;                     /* complaints that the person complained about got */
	struct mark *marks;
	size_t mark_count, mark_capacity;
	uint32_t repeats;                              /* records dropped by the marks */
	struct { char text[320]; enum screen_colour colour; } lines[LINES_MAX];   /* the latest happenings, a ring */
	uint32_t line_count;
	int64_t line_at;                               /* when the last one was shown */
};

#define PROCESSES_MAX 16
struct service_note {
	char name[32], state[16];
	int restarts;
};

struct demo {
	const char *brokers, *broker, *dir, *supervisor;
	const char *picture;       /* where a frame goes as SVG; NULL: nowhere */
	struct ctl ctl;            /* what aftercarectl's sentences want; its arena is of one record */
	struct pace pace;
	struct screen screen;
	char run[24];              /* part of every event id */
	rd_kafka_t *producer, *reader;
	struct story *stories;
	size_t story_count;
	struct story desk;         /* what concerns no ticket: its clocks */
	struct story **order;            /* in which they are sent */
	size_t next;               /* of order */
	size_t bad_next, events_next;
	int wanted;                /* requests, about */
	int64_t began, moved;      /* monotonic */
	instant opens;             /* simulated */
	struct tally tally;
	uint32_t done;
	struct service_note services[PROCESSES_MAX];
	size_t service_count;      /* 0: not known */
	int64_t watched;
	const char *victim;        /* the service to be killed; NULL: none */
	int64_t killed_at, back_after;   /* monotonic; 0: not yet */
	instant killed_time;
	int off_post;              /* people */
	bool pictured, on_screen;
	char failure[256];         /* why it ends early */
};

/* ---- day.c: the day, on the simulated clock ---- */
#define DAY_REQUESTS 2000
#define DAY_MINUTES 690            /* from opening to closing */
#define DAY_LAST 540               /* the last ordinary request comes in by then */
instant day_now(const struct demo *demo);
/* Minutes since the opening; negative before it. */
int64_t day_minute(const struct demo *demo);
/* When the share-th (0..1) of a plot's requests comes in. */
instant day_arrival(const struct demo *demo, const struct plot *plot, double share);
/* What happens to people, projects and processes at its hour. */
void day_turn(struct demo *demo);

/* ---- world.c ---- */
struct line_of_business {
	const char *tag;
	const char *const *models, *const *problems;   /* NULL-terminated */
};
extern const struct line_of_business lines_of_business[LINE_MAX];
size_t world_people(void);
const char *world_person(size_t n);
/* The id itself when nobody has it. */
const char *world_name(const char *id);
void world_publish(struct demo *demo);
void world_presence(struct demo *demo, const char *person, bool on);
const char *world_model(const struct story *story);
/* The data of a story's request. */
void world_request(const struct story *story, struct buf *data);

/* ---- send.c ---- */
int64_t demo_monotonic(void);
bool demo_connect(struct demo *demo);
void demo_disconnect(struct demo *demo);
void demo_claim(struct demo *demo, const char *topic, const char *key, const char *id, const char *claim, instant at,
		struct str data);
/* Bytes as they are, with headers only where type is given. */
void demo_bytes(struct demo *demo, const char *topic, const char *key, const char *id, const char *type, const char *time,
		struct str value);

/* ---- cast.c, play.c ---- */
void cast_assemble(struct demo *demo);
/* Sends the requests whose time has come. */
void cast_turn(struct demo *demo, int64_t now);
struct story *cast_by_request(struct demo *demo, struct str id);
/* The story of a fact: by the claim at its root, else by its ticket. */
struct story *cast_by_fact(struct demo *demo, struct str cause, struct str ticket);
size_t cast_unfinished(const struct demo *demo);
/* Numbers that look like chance and are the same in every run. */
uint32_t cast_draw(uint32_t *seed);
/* Lets every story whose fact has come take its next step. */
void play_turn(struct demo *demo, int64_t now);

/* bad.c: the n-th thing that must be refused; false when there are no more. */
bool bad_send(struct demo *demo, size_t n);
#define BAD_REQUESTS 13

/* ---- follow.c ---- */
bool follow_open(struct demo *demo);
void follow_turn(struct demo *demo, int wait_ms);

/* ---- tally.c ---- */
struct record {
	struct str name, ticket, id, key, cause, reason, service;
	struct str value;
	enum fact fact;
};
void tally_record(struct demo *demo, const struct record *record);
void tally_count(struct counted *list, size_t most, struct str name);
const char *fact_name(enum fact fact);

/* ---- clocks.c ---- */
/* The policies of the demo, in their order on the screen; others follow as they are met. */
void clocks_begin(struct tally *tally);
/* An sla.* fact of the story (of demo->desk for what concerns no ticket). */
void clocks_note(struct demo *demo, struct story *story, enum fact fact, const struct doc *doc);
/* Clocks without an end whose due time lies before; INSTANT_NONE: all of them. */
uint32_t clocks_open(const struct demo *demo, instant before);
uint32_t clocks_open_of(const struct demo *demo, size_t policy);
/* "R19 graded-2h-24h-48h" */
struct str clocks_policy(const struct policy_note *policy, char text[static 80]);

/* ---- news.c ---- */
/* Notes one line of what happened; on a pipe it is printed at once, as time, ticket, fact and words between tabs. On a terminal
 * the ordinary ones (SCREEN_PLAIN) are only samples: a person can read two or three a second. */
void news_line(struct demo *demo, enum screen_colour colour, const char *ticket, const char *fact, struct str words);
void news_say(struct demo *demo, enum screen_colour colour, const char *fact, const char *format, ...) printf_like(4, 5);
/* Tells of a fact what a person wants to know, in aftercarectl's words. */
void news_of(struct demo *demo, const struct story *story, const struct record *record, const struct doc *doc);

/* ---- frame.c, show.c ---- */
/* The screen as lines of text and colours, `rows` of them at most; a line may be wider than the screen. */
void frame_compose(struct demo *demo, const struct screen *screen, int rows, struct buf *frame);
/* Real microseconds from a request to its assignment, of those that the system dispatches by itself. */
void frame_latency(const struct demo *demo, int64_t *ret_p50, int64_t *ret_p99, size_t *ret_count);
/* Draws it again in place. */
void show_frame(struct demo *demo);
/* Gives the terminal back, with the last frame on it. */
void show_end(struct demo *demo);

/* svg.c: such a frame as a picture; false when it could not be written. */
bool svg_write(const char *path, struct str frame, int columns, const char *title);

/* finish.c: prints the summary; 0 when everything adds up. */
int finish(struct demo *demo);

/* ---- watch.c ---- */
/* Asks the supervisor how the processes are; fills demo->failure when one is gone for good. */
void watch_turn(struct demo *demo, int64_t now);
/* SIGKILL to demo->victim. */
void watch_kill(struct demo *demo);

#endif
