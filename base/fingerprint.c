/* FarmHash's 32 bit hash in its "mk" form, seed 0. Four lengths have a way of their own; whatever the machine, words
 * are read little-endian. */
#include "base/fingerprint.h"

static const uint32_t C1 = 0xcc9e2d51, C2 = 0x1b873593, C3 = 0xe6546b64; /* Murmur3's, as its two mixers below */

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t rotate(uint32_t value, unsigned right)
{
    return value >> right | value << (32 - right);
}

/* Murmur3's last step. */
static uint32_t avalanche(uint32_t hash)
{
    hash ^= hash >> 16;
    hash *= 0x85ebca6b;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35;
    return hash ^ hash >> 16;
}

/* Half of Murmur3's step: what a word becomes before it meets the hash. */
static uint32_t scramble(uint32_t word)
{
    return rotate(word * C1, 17) * C2;
}

/* The other half. */
static uint32_t stir(uint32_t hash)
{
    return rotate(hash, 19) * 5 + C3;
}

static uint32_t mix(uint32_t word, uint32_t hash)
{
    return stir(hash ^ scramble(word));
}

static uint32_t of_0_to_4(const uint8_t *bytes, uint32_t len)
{
    uint32_t b = 0, c = 9;

    for (uint32_t i = 0; i < len; i++) {
        b = b * C1 + (uint32_t)(int8_t)bytes[i]; /* signed: the definition says `signed char` */
        c ^= b;
    }
    return avalanche(mix(b, mix(len, c)));
}

static uint32_t of_5_to_12(const uint8_t *bytes, uint32_t len)
{
    uint32_t a = len + word_at(bytes);
    uint32_t b = len * 5 + word_at(bytes + len - 4);
    uint32_t c = 9 + word_at(bytes + (len >> 1 & 4));

    return avalanche(mix(c, mix(b, mix(a, len * 5))));
}

static uint32_t of_13_to_24(const uint8_t *bytes, uint32_t len)
{
    uint32_t a = word_at(bytes + (len >> 1) - 4), b = word_at(bytes + 4), c = word_at(bytes + len - 8);
    uint32_t d = word_at(bytes + (len >> 1)), e = word_at(bytes), f = word_at(bytes + len - 4);
    uint32_t hash = d * C1 + len;

    a = rotate(a, 12) + f;
    hash = mix(c, hash) + a;
    a = rotate(a, 3) + c;
    hash = mix(e, hash) + a;
    a = rotate(a + f, 12) + d;
    hash = mix(b, hash) + a;
    return avalanche(hash);
}

static uint32_t of_more(const uint8_t *bytes, uint32_t len)
{
    const uint8_t *end = bytes + len;
    uint32_t h = len, g = C1 * len, f = g;

    h = stir(h ^ scramble(word_at(end - 4)));
    h = stir(h ^ scramble(word_at(end - 16)));
    g = stir(g ^ scramble(word_at(end - 8)));
    g = stir(g ^ scramble(word_at(end - 12)));
    f = rotate(f + scramble(word_at(end - 20)), 19) + 113;

    for (uint32_t rounds = (len - 1) / 20; rounds > 0; rounds--, bytes += 20) {
        uint32_t a = word_at(bytes), b = word_at(bytes + 4), c = word_at(bytes + 8), d = word_at(bytes + 12),
                 e = word_at(bytes + 16);

        h = mix(d, h + a) + e;
        g = mix(c, g + b) + a;
        f = mix(b + e * C1, f + c) + d;
        f += g;
        g += f;
    }
    g = rotate(rotate(g, 11) * C1, 17) * C1;
    f = rotate(rotate(f, 11) * C1, 17) * C1;
    h = rotate(stir(h + g), 17) * C1;
    return rotate(stir(h + f), 17) * C1;
}

uint32_t fingerprint32(const void *data, size_t len)
{
    if (len <= 4)
        return of_0_to_4(data, (uint32_t)len);
    if (len <= 12)
        return of_5_to_12(data, (uint32_t)len);
    if (len <= 24)
        return of_13_to_24(data, (uint32_t)len);
    return of_more(data, (uint32_t)len);
}
