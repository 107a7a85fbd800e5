/* aftercare-supervisor: the processes of one development stack, kept as systemd would keep them.
 *
 * supervisor.c          arguments, going into the background, the loop, the client side
 * supervisor_service.c  one process: start, ready, death, restart, stop
 * supervisor_control.c  requests on the control socket, and the answers that have to wait */
#ifndef AFTERCARE_SUPERVISOR_H
#define AFTERCARE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	SERVICES_MAX = 32,
	CLIENTS_MAX = 32,
	PORTS_MAX = 64,
	REQUEST_MAX = 32768,
	RESTARTS_MAX = 20,	   /* so many restarts ... */
	RESTARTS_WINDOW_MS = 60000, /* ... in this time, then it has failed */
	RESTART_DELAY_MS = 100,
	PROBE_MS = 50,
	EXIT_MISCONFIGURED = 78,  /* a daemon's word for "starting me again cannot help" */
	EXIT_DOWN = 3		  /* the client's: no supervisor in that directory */
};

enum state { STOPPED, STARTING, READY, STOPPING, WAITING, FAILED, STATE_MAX };

struct service {
	char name[32];
	char **argv;
	char user[64];	 /* "" = ours */
	int rank;	 /* what has a higher one is stopped before; 0 is the last */
	int ready_port;	 /* 0 = it says READY=1 itself, else it is ready when it accepts connections there */
	int stop_signal;
	int64_t stop_ms; /* patience before SIGKILL */

	enum state state;
	pid_t pid; /* 0 = no process */
	uid_t uid;
	int notify; /* its NOTIFY_SOCKET, made anew for every process, so that no late word of the last one counts */
	int64_t due; /* of the state: next probe, SIGKILL, restart */
	bool again;  /* start it once it has stopped */
	int restarts;
	int64_t restarted[RESTARTS_MAX]; /* ring, by restarts */
	char status[256];
};

enum waiting { FOR_REQUEST, FOR_READY, FOR_STOPPED, FOR_DEATH, FOR_DOWN };

struct client {
	int fd; /* -1 = free */
	enum waiting waiting;
	bool chosen[SERVICES_MAX];
	pid_t pid; /* FOR_DEATH */
	int64_t due;
	size_t len;
	char request[REQUEST_MAX];
};

struct port {
	char name[32];
	int port, reservation;
};

struct stack {
	char *home; /* where the processes start */
	int lock, signals, listener;
	bool closing, patient; /* patient: however often a service dies, it is started again */
	int n_services, n_ports;
	struct service services[SERVICES_MAX];
	struct client clients[CLIENTS_MAX];
	struct port ports[PORTS_MAX];
};

/* supervisor.c */
int64_t now_ms(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line with the time in supervisor.log */

/* supervisor_service.c */
const char *state_name(enum state state);
void service_start(struct stack *k, struct service *s);
void service_stop(struct service *s);
void service_kill(struct service *s);
/* Reads what the process says of itself. */
void service_hear(struct service *s);
/* Collects what has died; acts on what is due; goes on with a shutdown. Returns the time of the next thing due. */
void services_reap(struct stack *k);
int64_t services_turn(struct stack *k);
bool services_down(const struct stack *k);

/* supervisor_control.c */
void control_accept(struct stack *k);
void control_read(struct stack *k, struct client *c);
/* Answers whoever waited for something that has come. Returns the time of the next one to give up. */
int64_t control_turn(struct stack *k);

#endif
