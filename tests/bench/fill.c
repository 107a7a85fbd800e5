/* `load fill N [PERCENT POISON]`: requests as intake gets them, and on demand among them what can never work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

#include "common/base/mem.h"

/* One byte more than a value may have. */
#define LARGE 262145

struct poison {
	const char *name, *type;
	const char *data;          /* NULL: a request that is torn, or blown up */
};

/* By whom it is refused: the parser, the schema, the parser again (PostgreSQL could not hold it), the size limit, intake's
 * decision, and the database: there run.sh has made a constraint that no check of ours knows of. */
static const struct poison poisons[] = {
	{ "torn", "request.submitted", NULL },
	{ "schema", "request.submitted", "{\"channel\":7,\"customer\":{\"name\":\"Ana\"},\"problem\":\"录像机无法启动\"}" },
	{ "nul", "request.submitted", "{\"channel\":\"phone\",\"customer\":{\"name\":\"A\\u0000na\"},\"problem\":\"录像机无法启动\"}" },
	{ "large", "request.submitted", NULL },
	{ "unknown", "customer.messaged", "{\"ticket\":\"AC-7K2M-0931-X4QT-9RBD\",\"text\":\"何时上门\"}" },
	{ "database", "request.submitted", "{\"channel\":\"phone\",\"customer\":{\"id\":\"refused\"},\"problem\":\"录像机无法启动\"}" },
};

static const struct poison *poison_of(const char *name)
{
	for (size_t i = 0; name && i < array_count(poisons); i++)
		if (strcmp(poisons[i].name, name) == 0)
			return &poisons[i];
	if (name)
		load_die(name, "no such poison");
	return NULL;
}

/* At any place, the same in every run; never where a repeat looks for its first. */
static bool is_poison(uint64_t n, double percent)
{
	uint64_t die = (n * UINT64_C(0x9e3779b97f4a7c15)) >> 40;

	return n % 50 != 49 && (double)(die % 1000000) < percent * 10000 * 50 / 49;
}

static void send_poison(struct load *load, const struct poison *poison, const char *id, uint64_t n)
{
	static char large[LARGE];
	char text[1024];
	size_t length = load_request(text, sizeof(text), n);

	if (poison->data) {
		load_claim(load, "aftercare.inbound", id, id, poison->type, load_wall(), poison->data, strlen(poison->data));
	} else if (strcmp(poison->name, "torn") == 0) {
		load_claim(load, "aftercare.inbound", id, id, poison->type, load_wall(), text, length - 10);
	} else {
		memset(large, ' ', sizeof(large));
		memcpy(large, text, length);
		load_claim(load, "aftercare.inbound", id, id, poison->type, load_wall(), large, sizeof(large));
	}
}

int load_fill(struct load *load, uint64_t count, double percent, const char *name)
{
	const struct poison *poison = poison_of(name);
	char text[1024], id[64];
	int64_t began = load_monotonic();
	uint64_t repeats = 0, invalid = 0, poisoned = 0;

	for (uint64_t n = 0; n < count; n++) {
		size_t length = load_request(text, sizeof(text), n);
		uint64_t of = n;

		snprintf(id, sizeof(id), "%s-%llu", load->run, (unsigned long long)n);
		if (n % 1024 == 0)
			rd_kafka_poll(load->producer, 0);
		if (poison && is_poison(n, percent)) {
			send_poison(load, poison, id, n);
			poisoned++;
			continue;
		}
		/* One in a hundred says again what another said, one in a thousand cannot be accepted. */
		if (n % 100 == 99) {
			of = n - 50;
			length = load_request(text, sizeof(text), of);
			snprintf(id, sizeof(id), "%s-%llu", load->run, (unsigned long long)of);
			repeats++;
		} else if (n % 1000 == 500) {
			length -= 10;
			invalid++;
		}
		load_claim(load, "aftercare.inbound", id, id, "request.submitted", load_wall(), text, length);
	}
	if (rd_kafka_flush(load->producer, 60000))
		load_die("flush", "not everything was accepted within 60 s");
	printf("sent=%llu\nunique=%llu\nrepeats=%llu\ninvalid=%llu\npoisoned=%llu\nfill_seconds=%.2f\n", (unsigned long long)count,
	       (unsigned long long)(count - repeats - invalid - poisoned), (unsigned long long)repeats, (unsigned long long)invalid,
	       (unsigned long long)poisoned, (double)(load_monotonic() - began) / (double)SECOND);
	return 0;
}
