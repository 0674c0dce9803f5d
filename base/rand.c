/* xoshiro256** (Blackman and Vigna), seeded by splitmix64. Not for secrets: ids need to be unique, not unguessable. */
#include "base/rand.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/invariant.h"

struct rand {
    uint64_t s[4];
    nanos last_uuid7;       /* the instant of the newest UUID of version 7 */
    uint16_t uuid7_counter; /* counts those of one millisecond, so that they stay ordered */
};

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct rand *rand_new(uint64_t seed)
{
    struct rand *rand = calloc(1, sizeof(*rand));

    invariant(rand != NULL, "out of memory");
    if (seed == 0)
        invariant(getrandom(rand->s, sizeof(rand->s), 0) == (ssize_t)sizeof(rand->s), "the system gives no entropy");
    else
        for (int i = 0; i < 4; i++)
            rand->s[i] = splitmix(&seed);
    return rand;
}

void rand_free(struct rand *rand)
{
    free(rand);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t rand_bits(struct rand *rand)
{
    uint64_t *s = rand->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *rand, uint64_t below)
{
    invariant(below > 0, "an empty range");
    return (uint64_t)(((unsigned __int128)rand_bits(rand) * below) >> 64);
}

static void put_big_endian(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

void rand_uuid7(struct rand *rand, nanos now, uint8_t ret_uuid[UUID_BYTES])
{
    nanos ms = now / NANOS_PER_MILLISECOND;

    if (ms > rand->last_uuid7) {
        rand->last_uuid7 = ms;
        rand->uuid7_counter = (uint16_t)(rand_bits(rand) & 0x3ff);
    } else if (++rand->uuid7_counter > 0xfff) { /* 12 bits are used up: borrow from the next millisecond */
        rand->last_uuid7++;
        rand->uuid7_counter = 0;
    }
    put_big_endian(ret_uuid, (uint64_t)rand->last_uuid7, 6);
    put_big_endian(ret_uuid + 6, (uint64_t)(0x7000 | rand->uuid7_counter), 2);
    put_big_endian(ret_uuid + 8, (rand_bits(rand) & 0x3fffffffffffffffu) | 0x8000000000000000u, 8);
}

void rand_uuid4(struct rand *rand, uint8_t ret_uuid[UUID_BYTES])
{
    put_big_endian(ret_uuid, rand_bits(rand), 8);
    put_big_endian(ret_uuid + 8, rand_bits(rand), 8);
    ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x40);
    ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
}
