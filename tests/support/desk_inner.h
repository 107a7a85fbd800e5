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

extern const char *const desk_topic_names[DESK_TOPICS];

/* Makes room for one more; count and capacity of any of the arrays above. */
void desk_grow(void *ret_array, size_t count, size_t *capacity);
/* Finds or makes the slot of a key. */
struct slot *desk_slot(void **tree, const char *key);
const struct slot *desk_slot_find(void *const *tree, const char *key);

/* ---- desk_send.c ---- */
/* librdkafka's report of one message; served while the desk reads. */
void desk_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque);

/* ---- desk_record.c ---- */
struct record *record_new(enum desk_topic topic, const rd_kafka_message_t *message);
void record_free(struct record *record);

/* ---- desk_find.c ---- */
/* Puts a record that was just read in its places; gives repeats away. */
void desk_place(struct desk *desk, struct record *record);

#endif
