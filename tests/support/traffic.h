/* Requests worked to their ends while a test does harm to what works on them, and the count of everything afterwards.
 *
 * At any moment many tickets are under way, so that whatever happens strikes in the middle of something. */
#ifndef AFTERCARE_TESTS_SUPPORT_TRAFFIC_H
#define AFTERCARE_TESTS_SUPPORT_TRAFFIC_H

#include <libpq-fe.h>

#include "tests/support/desk.h"

struct traffic;

/* A new request every pause_ms at most. */
struct traffic *traffic_open(struct desk *desk, const char *name, int pause_ms);
void traffic_close(struct traffic *traffic);
/* Reads for about 10 ms, answers what has come with the next claim, begins what is due. */
void traffic_turn(struct desk *desk, struct traffic *traffic);
/* Begins so many at once, and returns when the broker has them. */
void traffic_burst(struct desk *desk, struct traffic *traffic, size_t count);
/* Begins nothing more and waits until all are closed and everything is at rest; fails the test when nothing moves for the time of
 * a deadline. How many requests there were. */
size_t traffic_finish(struct desk *desk, struct traffic *traffic);
/* Sends something that is to be refused, each time for another reason; its id has "poison" in it. */
void traffic_poison(struct desk *desk, struct traffic *traffic);
/* How many requests have been worked to their ends. */
size_t traffic_done(const struct traffic *traffic);
/* One ticket per request, one fact per claim, dead letters only of what was to be refused: by what was read, after traffic_finish. */
void traffic_check_counts(struct desk *desk, struct traffic *traffic);
/* The same, all invariants of topics and tables (desk_check_history), and the state made anew from the topics is the same
 * (desk_check_rebuild); fails the test and says where. */
void traffic_check(struct desk *desk, struct traffic *traffic);
/* The first column of the only row, as text (malloc) or as a number; the parameter may be NULL. */
char *traffic_ask(struct traffic *traffic, const char *sql, const char *parameter);
long traffic_count(struct traffic *traffic, const char *sql, const char *parameter);

#endif
