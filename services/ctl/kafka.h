/* aftercarectl's way to Kafka: one client, positions of many partitions at once, one partition read to its end. */
#ifndef AFTERCARE_CTL_KAFKA_H
#define AFTERCARE_CTL_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "common/io/bus.h"
#include "services/ctl/ctl.h"

/* A producer or a reader with the configuration's kafka.* lines; NULL after it has said why. Its own log is off. */
rd_kafka_t *ctl_kafka_open(struct ctl *ctl, bool reader);
/* Number of partitions of a topic; 0 after it has said why. */
int32_t ctl_kafka_partitions(rd_kafka_t *client, const char *topic);
/* Fills in the end (what the next record will be numbered) of every partition of the list, -1 where it is not known, within
 * limit_ms. False after it has said why. */
bool ctl_kafka_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int limit_ms);

/* Reads one partition from the first record not older than `since` (INSTANT_NONE: from its beginning) up to its end of
 * now, one record after the other; `take` borrows the record until it returns, and returns false to stop.
 * False after it has said why. */
bool ctl_kafka_read(rd_kafka_t *reader, const char *topic, int32_t partition, instant since,
		    bool (*take)(void *userdata, const struct bus_record *record), void *userdata);
/* Sends one record as it is and waits for its acknowledgement; partition -1: by the key. False after it has said why. */
bool ctl_kafka_send(rd_kafka_t *producer, const char *topic, int32_t partition, struct str key, struct str value,
		    const struct bus_header *headers, size_t header_count);

#endif
