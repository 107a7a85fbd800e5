/* What store.c and client.c share: the worker's end of a connection. */
#ifndef AFTERCARE_TESTS_SIMULATOR_STORE_H
#define AFTERCARE_TESTS_SIMULATOR_STORE_H

#include "tests/simulator/simulator.h"

struct db {
	struct actor *actor;
	struct session *session;             /* NULL: not connected */
	bool lost;                           /* and the client has not noticed yet */
	struct operation *operations;
	size_t count, capacity;
	struct db_result *results;
	size_t result_count;
	void (*idle)(void *);
	void *userdata;
};

#endif
