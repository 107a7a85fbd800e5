/* What the bus_*.c files share and nobody else sees. */
#ifndef AFTERCARE_IO_BUS_INTERNAL_H
#define AFTERCARE_IO_BUS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "common/base/failpoint.h"
#include "common/base/rule.h"
#include "common/io/bus.h"

/* Where a message that is under way will be told about. */
struct receipt {
	uint64_t tag;
	int64_t seq;
	struct outlet *outlet;
	struct receipt *next;          /* of the free ones */
};

/* The producer's way into one partition (bus_outlet.c). */
struct outlet {
	char *topic;
	int32_t partition;
	bool open;                     /* the broker knows our producer here: it has acknowledged a message of it */
	int64_t acked_at;
	size_t under_way;              /* librdkafka has them */
	struct held *first, **last;    /* wait until it is open */
};

/* One librdkafka instance with all that its threads may touch; dies with it and not with the bus. */
struct client {
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;       /* the one that rings the bus's eventfd */
	struct bus *bus;               /* only for callbacks, which run in our thread */
	bool intercepted;              /* on_new was called: see bus_client_new */
	_Atomic int64_t up_at;         /* when a broker last let us in; written by librdkafka's threads */
	_Atomic bool coordinated;      /* connected to the group's coordinator; this and the next are written by librdkafka's threads */
	_Atomic bool member;           /* the group has given it partitions at least once */
	_Atomic int64_t left_at;       /* when a member last lost that connection; 0: never */
	int64_t alarm_at;              /* when all brokers were said to be down; 0: they are not */
	int64_t last_alarm_at;         /* the same, and stays; 0: never */
	char trouble[300];             /* the last error of any broker, to say why */
};

struct lane {
	int topic;
	int32_t partition;
};

struct bus {
	struct arena arena;            /* of the options */
	const char *brokers, *client_id, *group, *instance;
	struct conf_pass *passes;
	size_t pass_count;
	int gather_ms;                 /* as in bus_options */
	struct bus_callbacks callbacks;
	int eventfd;
	bool closing;                  /* the user hears nothing any more */
	bool down;                     /* as last told to the user */
	char refusal[300];             /* why the brokers do not let us have a topic or the group; empty: they do */
	bool dead;                     /* fatal was told */
	bool fenced;                   /* that was why */

	struct client *consumer;
	const char *const *topics;
	size_t topic_count;
	bool assigned;                 /* by the user, within the ownership callback */
	rd_kafka_topic_partition_list_t *given;  /* what the group gave last; NULL: nothing */
	size_t polled;                 /* records, since the length of the queue was looked at */
	size_t queued_most;            /* its greatest length since the last reminder to fetch */
	int64_t reminded_at;
	bool lapsed;                   /* the membership was lost over an outage and must be made anew */
	struct lane *paused;
	size_t paused_count, paused_capacity;

	struct client *producer;
	bool failed;                   /* the producer accepts nothing more */
	char failure[300];
	size_t outstanding;            /* librdkafka has them, or they are held */
	size_t held, queue_max;
	struct outlet **outlets;
	size_t outlet_count, outlet_capacity;
	struct arena receipts;
	struct receipt *free_receipts;

	pthread_t *undertakers;        /* threads that destroy retired clients */
	size_t undertaker_count, undertaker_capacity;
};

/* Milliseconds of the monotonic clock. */
int64_t bus_clock(void);
/* Creates an instance of either kind. FATAL when librdkafka refuses a setting. */
enum verdict bus_client_new(struct bus *bus, bool producer, struct client **ret_client, struct fault *fault) must_check;
/* Gives an instance to a thread that destroys it, however long that takes. Accepts NULL. */
void bus_client_retire(struct bus *bus, struct client *client);
/* Joins the threads that are done; waits for all until the deadline, then abandons the rest. */
void bus_undertakers_join(struct bus *bus, int64_t deadline);

/* Tells the user when the cluster went out of reach or came back. */
void bus_look(struct bus *bus);
/* Tells the user, once, that the client is beyond repair. */
void bus_fatal(struct bus *bus, const char *format, ...) printf_like(2, 3);
/* The consumer is finished: for good, or its membership is to be made anew. */
void bus_consumer_failed(struct bus *bus, rd_kafka_resp_err_t cause, const char *why);
/* The producer is finished; the first reason stands. */
void bus_producer_failed(struct bus *bus, const char *format, ...) printf_like(2, 3);
/* Throws the producer away with all that it holds. */
void bus_producer_drop(struct bus *bus);
/* Gives a message to librdkafka, which takes the headers over if it takes the message. */
rd_kafka_resp_err_t bus_hand_over(struct bus *bus, struct outlet *outlet, struct str key, struct str value,
				  rd_kafka_headers_t *headers, struct receipt *receipt) must_check;
struct outlet *bus_outlet(struct bus *bus, const char *topic, int32_t partition);
/* Whether the next message must be held: the first one is under way, or others are held. */
bool bus_outlet_holds(struct outlet *outlet);
/* Copies the texts and takes the headers over. */
void bus_outlet_hold(struct bus *bus, struct outlet *outlet, struct str key, struct str value, rd_kafka_headers_t *headers,
		     struct receipt *receipt);
/* A message of it was delivered, or was not; what was held may go. */
void bus_outlet_told(struct bus *bus, struct outlet *outlet, bool good);
/* What was held while librdkafka's queue was full. */
void bus_outlets_serve(struct bus *bus);
/* The next producer is known to no broker; what is held is thrown away. */
void bus_outlets_drop(struct bus *bus);
/* Wakes up whoever polls the bus's fd. */
void bus_ring(struct bus *bus);

/* librdkafka's callbacks. */
void bus_on_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list, void *opaque);
void bus_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque);
void bus_on_error(rd_kafka_t *handle, int error, const char *reason, void *opaque);

#endif
