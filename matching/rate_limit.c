#include "matching/rate_limit.h"

/* What may be taken at once after a rest: as much as comes in this time. Server 1.32.0. */
#define BURST NANOS_PER_SECOND

/* Slower than this is never: one in thirty years. */
static const double SLOWEST = 1e-9;

struct rate_limit rate_limit_of(double per_second)
{
    if (per_second <= SLOWEST)
        return (struct rate_limit){.interval = -1};
    return (struct rate_limit){.interval = (nanos)((double)NANOS_PER_SECOND / per_second), .burst = BURST};
}

struct rate_limit rate_limit_scaled(const struct rate_limit *limit, double weight)
{
    double interval = (double)limit->interval / weight;

    if (limit->interval <= 0)
        return *limit;
    if (interval >= (double)NANOS_MAX)
        return (struct rate_limit){.interval = -1};
    return (struct rate_limit){.interval = (nanos)interval, .burst = limit->burst};
}

bool rate_limit_is_set(const struct rate_limit *limit)
{
    return limit->interval != 0;
}

bool rate_limit_equal(const struct rate_limit *a, const struct rate_limit *b)
{
    return a->interval == b->interval && a->burst == b->burst;
}

nanos rate_limit_take(const struct rate_limit *limit, nanos ready, nanos now)
{
    nanos rested = nanos_add(now, -limit->burst); /* more rest than that is worth nothing */

    if (limit->interval < 0)
        return NANOS_MAX;
    return nanos_add(ready > rested ? ready : rested, limit->interval);
}

nanos rate_limit_give_back(const struct rate_limit *limit, nanos ready)
{
    return limit->interval < 0 || ready == NANOS_MAX ? ready : nanos_add(ready, -limit->interval);
}

nanos rate_limit_change(const struct rate_limit *limit, nanos ready, nanos now)
{
    nanos latest = nanos_add(now, nanos_add(limit->interval, limit->burst));

    if (limit->interval < 0)
        return NANOS_MAX;
    return ready < latest ? ready : latest;
}
