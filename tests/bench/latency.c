/* `load latency`: requests at a steady rate; for each the time from its publication to the moment a reader of the log can
 * read its ticket.assigned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return left < right ? -1 : left > right;
}

/* "RUN-123" -> 123 when it is of this run. */
static bool number_of(const struct load *load, struct str id, uint64_t *ret)
{
	size_t n = strlen(load->run);
	int64_t number;
	if (id.n <= n + 1 || memcmp(id.p, load->run, n) != 0 || !str_int64((struct str){ id.p + n + 1, id.n - n - 1 }, &number))
		return false;
	*ret = (uint64_t)number;
	return true;
}

int load_latency(struct load *load, uint64_t rate, uint64_t seconds)
{
	uint64_t total = rate * seconds, sent = 0, seen = 0;
	int64_t *sent_at = mem_zero((total + 1) * sizeof(*sent_at));
	int64_t *took = mem_zero((total + 1) * sizeof(*took));
	rd_kafka_t *reader = load_reader(load);
	char text[1024], id[64];
	int64_t began = load_monotonic(), end = began + (int64_t)(seconds + 15) * SECOND;
	while (seen < total && load_monotonic() < end) {
		uint64_t wanted = (uint64_t)((double)(load_monotonic() - began) / (double)SECOND * (double)rate);
		for (; sent < wanted && sent < total; sent++) {
			size_t length = load_request(text, sizeof(text), sent);
			snprintf(id, sizeof(id), "%s-%llu", load->run, (unsigned long long)sent);
			sent_at[sent] = load_monotonic();
			load_claim(load, "aftercare.inbound", id, id, "request.submitted", load_wall(), text, length);
		}
		rd_kafka_poll(load->producer, 0);
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 1);
		if (!message)
			continue;
		struct fact fact;
		uint64_t n;
		if (load_fact(message, &fact) && str_is(fact.name, "ticket.assigned") && number_of(load, fact.cause_id, &n) &&
		    n < total && took[n] == 0) {
			took[n] = load_monotonic() - sent_at[n];
			seen++;
		}
		rd_kafka_message_destroy(message);
	}
	size_t count = 0;
	/* The first second warms up. */
	for (uint64_t n = rate; n < total; n++) {
		if (took[n])
			took[count++] = took[n];
	}
	qsort(took, count, sizeof(*took), compare);
	printf("latency_sent=%llu\nlatency_seen=%llu\n", (unsigned long long)sent, (unsigned long long)seen);
	if (count)
		printf("latency_p50_ms=%.2f\nlatency_p99_ms=%.2f\nlatency_max_ms=%.2f\n", (double)took[count / 2] / 1000,
		       (double)took[count * 99 / 100] / 1000, (double)took[count - 1] / 1000);
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	mem_free(sent_at);
	mem_free(took);
	return seen == total ? 0 : 1;
}
