/* A token bucket: how often a client may do what costs it nothing. */
#ifndef FERMATA_SERVER_GRPC_TOKEN_BUCKET_H
#define FERMATA_SERVER_GRPC_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* How many at once, and how many come back per second. */
struct token_bucket_limit {
    int32_t burst, per_second;
};

/* Zeroed is a full bucket. */
struct token_bucket {
    int32_t used;
    nanos refilled_at;
};

/* Takes one token; false when there is none left. */
static inline bool token_bucket_take(struct token_bucket *bucket, const struct token_bucket_limit *limit, nanos now)
{
    int64_t back = (now - bucket->refilled_at) / (NANOS_PER_SECOND / limit->per_second);

    if (back > 0) {
        bucket->used = back >= bucket->used ? 0 : bucket->used - (int32_t)back;
        bucket->refilled_at = now;
    }
    if (bucket->used >= limit->burst)
        return false;
    bucket->used++;
    return true;
}

/* Gives all tokens back. */
static inline void token_bucket_fill(struct token_bucket *bucket)
{
    bucket->used = 0;
}

#endif
