/*
 * How often something happened lately: a count over about the last 30 s, in buckets of 5 s. DescribeTaskQueue shows
 * such rates and SDKs' poller scaling follows them (temporal.api.taskqueue.v1.TaskQueueStats).
 */
#ifndef FERMATA_MATCHING_RATE_H
#define FERMATA_MATCHING_RATE_H

#include <stdint.h>

#include "base/clock.h"

/* How long a bucket counts. */
#define RATE_BUCKET (5 * NANOS_PER_SECOND)

/* Six full buckets and the one that is being filled. */
enum { RATE_BUCKETS = 7 };

/* Embedded by its owner; zeroed counts from the first event on. */
struct rate {
    nanos began;    /* the first event */
    int64_t newest; /* number of the newest bucket: its instant divided by RATE_BUCKET */
    uint32_t counts[RATE_BUCKETS];
};

/* Counts one event at `now`. */
void rate_count(struct rate *rate, nanos now);

/* Events per second at `now`. */
double rate_per_second(const struct rate *rate, nanos now);

#endif
