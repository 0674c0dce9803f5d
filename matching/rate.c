#include "matching/rate.h"

#include <string.h>

static int64_t bucket_of(nanos instant)
{
    return instant / RATE_BUCKET;
}

void rate_count(struct rate *rate, nanos now)
{
    int64_t bucket = bucket_of(now);

    if (rate->began == 0 || bucket >= rate->newest + RATE_BUCKETS) {
        memset(rate->counts, 0, sizeof(rate->counts));
        if (rate->began == 0)
            rate->began = now;
        rate->newest = bucket;
    }
    while (rate->newest < bucket)
        rate->counts[++rate->newest % RATE_BUCKETS] = 0;
    rate->counts[bucket % RATE_BUCKETS]++;
}

double rate_per_second(const struct rate *rate, nanos now)
{
    int64_t first = bucket_of(now) - (RATE_BUCKETS - 1); /* the oldest bucket that still counts */
    nanos span = now - first * RATE_BUCKET;
    uint64_t events = 0;

    if (rate->began == 0)
        return 0;
    for (int64_t bucket = rate->newest; bucket >= first && bucket > rate->newest - RATE_BUCKETS; bucket--)
        events += rate->counts[bucket % RATE_BUCKETS];

    /* A rate that is younger than its window is not thinned out by the time before it began, nor blown up by its first
     * milliseconds. */
    if (now - rate->began < span)
        span = now - rate->began;
    if (span < NANOS_PER_SECOND)
        span = NANOS_PER_SECOND;
    return (double)events * (double)NANOS_PER_SECOND / (double)span;
}
