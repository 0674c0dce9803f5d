/* Randomness: ids and jitter. No other file draws any. Seeded, it repeats itself, which the simulator and tests need.
 */
#ifndef FERMATA_BASE_RAND_H
#define FERMATA_BASE_RAND_H

#include <stdint.h>

#include "base/clock.h"

enum { UUID_BYTES = 16, UUID_TEXT_BYTES = 37 }; /* the text with its terminating zero */

struct rand;

/* Makes a generator from `seed`, or from the system's entropy when seed is 0. */
struct rand *rand_new(uint64_t seed);

/* Frees it; NULL is accepted. */
void rand_free(struct rand *rand);

/* 64 random bits. */
uint64_t rand_bits(struct rand *rand);

/* A number in [0, below); below > 0. */
uint64_t rand_below(struct rand *rand, uint64_t below);

/* A UUID of version 7 (RFC 9562): ordered by `now`. */
void rand_uuid7(struct rand *rand, nanos now, uint8_t ret_uuid[UUID_BYTES]);

/* A UUID of version 4: all random. */
void rand_uuid4(struct rand *rand, uint8_t ret_uuid[UUID_BYTES]);

#endif
