/* What the mock cluster has no setting for: its ports and its clock (see libc.c). */
#ifndef AFTERCARE_DEVBROKER_H
#define AFTERCARE_DEVBROKER_H

/* The next listeners that ask for any port of the loopback get `port`, port + 1, ... */
void devbroker_bind_from(int port);
/* How many have got theirs. */
int devbroker_bound(void);
/* 0 when somebody may listen there, else the errno. To be asked first: a mock cluster that cannot bind aborts the process. */
int devbroker_try_port(int port);

/* From now on the monotonic clock that librdkafka sees runs `speed` times as fast. Call once, before its threads start. */
void devbroker_clock_speed(int speed);

#endif
