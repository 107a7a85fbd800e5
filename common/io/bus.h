/* Kafka: one consumer of a group, one gapless idempotent producer, both in the worker's thread.
 *
 * Rules paid for elsewhere: only rd_kafka_consumer_poll, no seek, eager `range` assignment, positions given in the
 * assignment, auto.offset.reset=error, auto commit off, murmur2 partitions, bounded close, one producer failure stops
 * everything behind it (enable.gapless.guarantee, message.timeout.ms=0). Works with librdkafka 2.0.2 and newer. */
#ifndef AFTERCARE_IO_BUS_H
#define AFTERCARE_IO_BUS_H

#include "common/base/fault.h"
#include "common/base/instant.h"
#include "common/base/str.h"
#include "common/io/conf.h"

struct bus;

struct bus_header {
	struct str name;
	struct str value;      /* absent for a null header */
};

/* One record as it was read; everything is copied into the arena given to bus_poll. */
struct bus_record {
	int topic;             /* index into the topics given to bus_subscribe */
	int32_t partition;
	int64_t offset;
	struct str key;        /* absent: null */
	struct str value;      /* absent: null */
	const struct bus_header *headers;
	size_t header_count;
};

struct bus_options {
	const char *brokers;
	const char *client;              /* client.id, "aftercare-sla" */
	const char *group;               /* NULL: no consumer */
	const char *instance;            /* group.instance.id; NULL: dynamic membership */
	const struct conf_pass *passes;  /* `kafka.*` of the configuration (TLS, SASL, timeouts), applied last to both
	                                  * clients. Refused: keys that correctness rests on (acks, idempotence, offsets,
	                                  * assignment) and those that have a key of their own here. */
	size_t pass_count;
	int gather_ms;                 /* how long the broker may keep records back until there are many; 0: not at all */
};

/* What the bus tells its user. Called only inside bus_poll, bus_serve and bus_flush. Not allowed in there: bus_free,
 * bus_renew_producer and those that would call back again. */
struct bus_callbacks {
	/* The group gave (owned = true) or took these partitions: always all at once, count may be 0. On a gift the user
	 * must call bus_assign when it has taken them, within this call or later (until then nothing is read, and the
	 * group does not wait); on a loss the bus unassigns after the call returns. */
	void (*ownership)(void *userdata, bool owned, const int *topics, const int32_t *partitions, size_t count);
	/* A published message was acknowledged (ok) or has failed for good: then the producer accepts nothing more
	 * and must be made anew. `tag` and `seq` are what bus_produce was given. */
	void (*delivered)(void *userdata, bool ok, uint64_t tag, int64_t seq, const char *error);
	/* The cluster cannot be reached, lets us in no more or refuses a topic or the group (down = true), or is back.
	 * Told about a second late, because a broker that closes an idle connection looks the same at first. */
	void (*reachable)(void *userdata, bool down, const char *why);
	/* The client is beyond repair: fenced by a second instance with the same id, a position that is not in the log,
	 * unreadable records. Told once; bus_poll gives nothing more, and the process must stop. */
	void (*fatal)(void *userdata, const char *why);
	void *userdata;
};

/* Creates the clients; does not wait for a broker. FATAL for settings that are refused (names the key). The options are
 * copied. Signals must be blocked before: librdkafka's threads inherit the mask. */
enum verdict bus_new(const struct bus_options *options, const struct bus_callbacks *callbacks, struct bus **ret_bus,
		     struct fault *fault) must_check;
/* Leaves within about `limit_ms`, telling the user nothing more; what is still open then is abandoned to threads that
 * would disturb exit(), so a process should end with _exit() after this. Accepts NULL. */
void bus_free(struct bus *bus, int limit_ms);
/* An fd that becomes readable when there is something to poll or serve; drain with read(8). Level is not promised:
 * poll until empty and look again at least once a second. */
int bus_fd(const struct bus *bus);

/* Joins the group for these topics (NULL-terminated list, kept by the caller). */
enum verdict bus_subscribe(struct bus *bus, const char *const *topics, struct fault *fault) must_check;
/* Replaces the whole assignment: exactly these partitions, each from its offset, none paused; 0 count: nothing.
 * Records polled after this are of the new assignment only. RETRY; FATAL when the client has failed. */
struct bus_position {
	int topic;
	int32_t partition;
	int64_t offset;
};
enum verdict bus_assign(struct bus *bus, const struct bus_position *positions, size_t count, struct fault *fault) must_check;
/* Pauses or resumes fetching of one partition (back-pressure). */
void bus_pause(struct bus *bus, int topic, int32_t partition, bool pause);
/* The next record, copied into the arena; false when none is there. Never blocks. */
bool bus_poll(struct bus *bus, struct arena *arena, struct bus_record *ret_record);
/* Serves the producer's reports. Never blocks. */
void bus_serve(struct bus *bus);
/* Low and high watermark of a partition, bounded by limit_ms. RETRY when it cannot be told. */
enum verdict bus_watermarks(struct bus *bus, const char *topic, int32_t partition, int64_t *ret_low, int64_t *ret_high,
			    int limit_ms, struct fault *fault) must_check;
/* Number of partitions of a topic, bounded by limit_ms. RETRY when it is not known (no broker, no such topic). */
enum verdict bus_partitions(struct bus *bus, const char *topic, int32_t *ret_count, int limit_ms, struct fault *fault) must_check;
/* Whether it is beyond repair because another member has joined the group under our instance id. */
bool bus_fenced(const struct bus *bus);
/* Tells the group's coordinator our positions, for lag tools only; errors are ignored. */
void bus_report_positions(struct bus *bus, const struct bus_position *positions, size_t count);

/* Hands one message to the producer; bytes are copied. RETRY: the queue is full, serve and try again.
 * FATAL: the producer has failed and must be made anew with bus_renew_producer. REJECT too_large: it can never be sent;
 * nothing happened to the producer. */
enum verdict bus_produce(struct bus *bus, const char *topic, int32_t partition, struct str key, struct str value,
			 const struct bus_header *headers, size_t header_count, uint64_t tag, int64_t seq,
			 struct fault *fault) must_check;
/* Throws the producer away with all that it holds (no `delivered` is told for that) and makes a new one. Does not wait:
 * the old one is destroyed by a thread. FATAL when librdkafka refuses; then the old one stands. */
enum verdict bus_renew_producer(struct bus *bus, struct fault *fault) must_check;
/* Waits until everything handed over is acknowledged, at most limit_ms; serves meanwhile. False: not all. */
bool bus_flush(struct bus *bus, int limit_ms);
/* Messages handed over and not yet told about. */
size_t bus_outstanding(const struct bus *bus);

#endif
