/* What the desk_*.c files share and nobody else sees. */
#ifndef AFTERCARE_TESTS_SUPPORT_DESK_INNER_H
#define AFTERCARE_TESTS_SUPPORT_DESK_INNER_H

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "tests/support/desk.h"

/* What is looked up by a text: a ticket by its id, a mark by topic, partition and writer, a ticket by its request. */
struct slot {
	char *key;
	struct desk_ticket *ticket;         /* of tickets and of requests */
	int64_t incarnation, sequence;      /* of marks */
};

struct desk {
	const struct stack *stack;
	rd_kafka_t *consumer, *producer;
	int32_t partitions[DESK_TOPICS];
	rd_kafka_topic_partition_list_t *begin; /* where we read from; NULL: from the first record */
	PGconn *database;                   /* for desk_settle; opened when first needed */
	void *tickets, *marks, *requests;   /* trees of struct slot (tsearch) */
	size_t ticket_count;
	struct desk_ticket **order;         /* tickets in the order of their first record */
	struct record **records;
	size_t record_count, record_capacity;
	struct record **dead;               /* first copies of dead letters */
	size_t dead_count, dead_capacity;
	struct sent **sent;
	size_t sent_count, sent_capacity;
	void **texts;                       /* lives as long as the desk */
	size_t text_count, text_capacity;
	char run[32];                       /* what makes names unique */
	unsigned counter;
	json_t *topics;                     /* name of a claim -> its topic */
};

extern const char *const desk_topic_names[DESK_TOPICS_ALL];

/* Makes room for one more; count and capacity of any of the arrays above. */
void desk_grow(void *ret_array, size_t count, size_t *capacity);
/* Finds or makes the slot of a key. */
struct slot *desk_slot(void **tree, const char *key);
const struct slot *desk_slot_find(void *const *tree, const char *key);
void desk_slots_free(void *tree);
/* A client as the desk's: of the group "aftercare-test-RUN", without commits. NULL when librdkafka refuses. */
rd_kafka_t *desk_client(const char *brokers, rd_kafka_type_t type, const char *run);
/* How many partitions a topic has; 0: it cannot be told before the deadline. */
int32_t desk_partitions(rd_kafka_t *client, const char *topic);
/* The ends of all these partitions at once, in the place of what stands in the list. */
bool desk_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list);
/* Whether every source stands at the end of its log and has published all that it has. */
bool desk_at_rest(PGconn *database, rd_kafka_t *client);
/* Whether the consumer has been given everything there is in its partitions, from there on; NULL: from the first record on. */
bool desk_is_read(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *begin);

/* ---- desk_send.c ---- */
/* librdkafka's report of one message; served while the desk reads. */
void desk_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque);

/* ---- desk_record.c ---- */
/* A copy of what stands in `as`: place, key, value and headers. */
struct record *record_make(const struct record *as);
struct record *record_new(enum desk_topic topic, const rd_kafka_message_t *message);
void record_free(struct record *record);
/* Fills in what stands in the headers; for those who make a record themselves. */
void record_headers_read(struct record *record);

/* ---- desk_find.c ---- */
/* Whether it is a repeat by the contract's rule; marks: a tree that remembers, NULL at first. Of each partition in order. */
bool record_repeats(void **marks, const struct record *record);
/* Puts a record that was just read in its places; gives repeats away. */
void desk_place(struct desk *desk, struct record *record);

#endif
