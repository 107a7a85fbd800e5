/* Hashes that other programs compute too: the key hash of Kafka's Java client.
 *
 * A ticket's events must land in one partition whichever client writes them, so the numbers here are a contract.
 * Must never change its results: a changed one would tear the order of a ticket's events apart. */
#include "common/base/hash.h"

#define MULTIPLIER UINT32_C(0x5bd1e995)
#define SEED UINT32_C(0x9747b28c)

uint32_t hash_murmur2(struct str key)
{
	const unsigned char *p = (const unsigned char *)key.p;
	uint32_t hash = SEED ^ (uint32_t)key.n;
	size_t left = key.n;

	for (; left >= 4; left -= 4, p += 4) {
		uint32_t word = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

		word *= MULTIPLIER;
		word ^= word >> 24;
		hash = hash * MULTIPLIER ^ word * MULTIPLIER;
	}
	if (left > 0) {
		uint32_t tail = 0;

		while (left > 0)
			tail = tail << 8 | p[--left];
		hash = (hash ^ tail) * MULTIPLIER;
	}
	hash ^= hash >> 13;
	hash *= MULTIPLIER;
	return hash ^ hash >> 15;
}

int32_t hash_partition(struct str key, int32_t partitions)
{
	return (int32_t)((hash_murmur2(key) & INT32_MAX) % (uint32_t)partitions);
}
