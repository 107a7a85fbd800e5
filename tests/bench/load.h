/* What the parts of the load generator share. */
#ifndef AFTERCARE_BENCH_LOAD_H
#define AFTERCARE_BENCH_LOAD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/instant.h"
#include "common/base/str.h"

struct load {
	const char *brokers;
	rd_kafka_t *producer;
	char run[24];              /* unique per run: part of every event id */
};

int64_t load_monotonic(void);
instant load_wall(void);
/* Says so and ends the process. */
void load_die(const char *what, const char *why) __attribute__((noreturn));
/* Publishes one claim in binary mode; waits for room in the queue. */
void load_claim(struct load *load, const char *topic, const char *key, const char *id, const char *type, instant at,
		const char *data, size_t length);
/* The data of the n-th request: about 500 bytes. Returns its length. */
size_t load_request(char *text, size_t size, uint64_t n);

/* A reader of all lanes of the ticket log from its present end. */
rd_kafka_t *load_reader(struct load *load);
/* The same from `offset` (RD_KAFKA_OFFSET_BEGINNING); ret_ends are the present ends, *ret_total how much there is to read. */
rd_kafka_t *load_reader_at(struct load *load, int64_t offset, int64_t *ret_ends, int most, int64_t *ret_total);
/* "ticket.assigned" of a record, its revision's subject and cause; absent strings when it is none of ours. */
struct fact {
	struct str name, id, ticket, cause_id;
	struct str value;
};
bool load_fact(const rd_kafka_message_t *message, struct fact *ret_fact);

/* Requests, and among them so many percent of poison of a kind (fill.c has a table of them). */
int load_fill(struct load *load, uint64_t count, double percent, const char *poison);
int load_count(struct load *load, const char *name);
int load_latency(struct load *load, uint64_t rate, uint64_t seconds);
int load_lifecycle(struct load *load, uint64_t tickets, uint64_t in_flight);

#endif
