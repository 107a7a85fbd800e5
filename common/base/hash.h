/* Hashes whose values leave the process and must never change. */
#ifndef AFTERCARE_BASE_HASH_H
#define AFTERCARE_BASE_HASH_H

#include <stdint.h>

#include "common/base/str.h"

/* murmur2, 32 bits, seed 0x9747b28c, as Kafka's Java client computes it for keys. */
uint32_t hash_murmur2(struct str key);
/* The partition Java's default partitioner chooses: murmur2 with the sign bit cleared, modulo partitions. */
int32_t hash_partition(struct str key, int32_t partitions);

#endif
