/* `load count TYPE`: reads the whole ticket log and counts the facts of a type, and how many different ids they have:
 * what a bench run must not have lost or doubled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

int load_count(struct load *load, const char *name)
{
	int64_t ends[64], left = 0;
	rd_kafka_t *reader = load_reader_at(load, RD_KAFKA_OFFSET_BEGINNING, ends, 64, &left);
	uint64_t *ids = NULL;
	size_t count = 0, capacity = 0;
	int64_t last = load_monotonic();
	while (left > 0 && load_monotonic() - last < 10 * SECOND) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
		if (!message)
			continue;
		struct fact fact;
		last = load_monotonic();
		if (!message->err)
			left--;
		if (load_fact(message, &fact) && str_is(fact.name, name)) {
			if (count == capacity) {
				capacity = capacity ? capacity * 2 : 65536;
				ids = mem_resize(ids, capacity * sizeof(*ids));
			}
			ids[count++] = str_hash(fact.id);
		}
		rd_kafka_message_destroy(message);
	}
	size_t different = count > 0;
	if (count)
		qsort(ids, count, sizeof(*ids), compare);
	for (size_t i = 1; i < count; i++)
		different += ids[i] != ids[i - 1];
	printf("facts=%zu\nfacts_different=%zu\nfacts_unread=%lld\n", count, different, (long long)left);
	mem_free(ids);
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	return left ? 1 : 0;
}
