/*
 * A limit of so many per second (GCRA). What is limited keeps one instant, `ready`: from then on it may take the next
 * token. One that has rested takes what a second brings at once; one that is busy is held to one per interval.
 */
#ifndef FERMATA_MATCHING_RATE_LIMIT_H
#define FERMATA_MATCHING_RATE_LIMIT_H

#include <stdbool.h>

#include "base/clock.h"

/* Zeroed: no limit. */
struct rate_limit {
    nanos interval; /* between two tokens; negative: there are none at all */
    nanos burst;    /* how much rest is worth something */
};

/* The limit of `per_second`; of 0 or less nothing may pass. */
struct rate_limit rate_limit_of(double per_second);

/* The same with `weight` times as many, which is positive. */
struct rate_limit rate_limit_scaled(const struct rate_limit *limit, double weight);

/* Whether it limits anything. */
bool rate_limit_is_set(const struct rate_limit *limit);

/* Whether both are the same limit. */
bool rate_limit_equal(const struct rate_limit *a, const struct rate_limit *b);

/* `ready` after a token was taken at `now`; NANOS_MAX: never. */
nanos rate_limit_take(const struct rate_limit *limit, nanos ready, nanos now);

/* `ready` after a token was given back. */
nanos rate_limit_give_back(const struct rate_limit *limit, nanos ready);

/* `ready` under a limit that is another one than that it came from: not so late as a slower one has left it. */
nanos rate_limit_change(const struct rate_limit *limit, nanos ready, nanos now);

#endif
