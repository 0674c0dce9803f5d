#include "base/sha1.h"

#include <string.h>

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8, WORDS = 5, ROUNDS = 80 };

static uint32_t rotate(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static void write_word(uint8_t *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* The function and the constant of a round; RFC 3174, section 5. */
static uint32_t round_term(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (round < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (round < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void take_block(uint32_t hash[WORDS], const uint8_t block[BLOCK_BYTES])
{
    uint32_t words[ROUNDS], state[WORDS];

    for (int i = 0; i < 16; i++)
        words[i] = read_word(block + 4 * i);
    for (int i = 16; i < ROUNDS; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    memcpy(state, hash, sizeof(state));
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t next = rotate(state[0], 5) + round_term(i, state[1], state[2], state[3]) + state[4] + words[i];

        state[4] = state[3];
        state[3] = state[2];
        state[2] = rotate(state[1], 30);
        state[1] = state[0];
        state[0] = next;
    }
    for (int i = 0; i < WORDS; i++)
        hash[i] += state[i];
}

void sha1(const void *data, size_t len, uint8_t ret_digest[SHA1_BYTES])
{
    uint32_t hash[WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t whole = len - len % BLOCK_BYTES, rest = len - whole;
    uint8_t last[2 * BLOCK_BYTES] = {0};
    size_t last_len = rest + 1 + LENGTH_BYTES > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES;

    for (size_t at = 0; at < whole; at += BLOCK_BYTES)
        take_block(hash, (const uint8_t *)data + at);
    if (rest > 0)
        memcpy(last, (const uint8_t *)data + whole, rest);
    last[rest] = 0x80;
    write_word(last + last_len - 8, (uint32_t)((uint64_t)len >> 29));
    write_word(last + last_len - 4, (uint32_t)((uint64_t)len << 3));
    for (size_t at = 0; at < last_len; at += BLOCK_BYTES)
        take_block(hash, last + at);
    for (int i = 0; i < WORDS; i++)
        write_word(ret_digest + 4 * i, hash[i]);
}
