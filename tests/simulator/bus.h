/* What broker.c and bus.c share: a client of the broker. */
#ifndef AFTERCARE_TESTS_SIMULATOR_BUS_H
#define AFTERCARE_TESTS_SIMULATOR_BUS_H

#include "tests/simulator/simulator.h"

struct report {
	bool ok;
	uint64_t tag;
	int64_t seq;
};
struct bus {
	struct actor *actor;
	struct bus_callbacks callbacks;
	const char *const *topics;
	int topic_count;
	bool given;                          /* partitions, by the generation below */
	int64_t generation;
	bool owns[LOGS][LANES];              /* as last told */
	bool reads[LOGS][LANES];
	int64_t positions[LOGS][LANES];
	struct queue *queue;
	struct TABLE(struct report) reports;
	size_t told;                         /* of the reports */
	size_t outstanding;
	bool failed;
	bool down;                           /* as last told */
	bool gone;
};

struct buses TABLE(struct bus);
extern struct buses buses;

bool broker_down(void);
/* Whoever waits for the bus may hear its bell. */
void broker_ring(void);

#endif
