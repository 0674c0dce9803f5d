#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "base/invariant.h"

struct clock {
    nanos now;
    bool is_virtual;
};

static nanos read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (nanos)t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

struct clock *clock_new(nanos virtual_start)
{
    struct clock *clock = calloc(1, sizeof(*clock));

    invariant(clock != NULL, "out of memory");
    clock->is_virtual = virtual_start != 0;
    clock->now = virtual_start;
    clock_tick(clock);
    return clock;
}

void clock_free(struct clock *clock)
{
    free(clock);
}

void clock_tick(struct clock *clock)
{
    nanos now;

    if (clock->is_virtual)
        return;
    now = read_clock(CLOCK_REALTIME);
    if (now > clock->now)
        clock->now = now;
}

nanos clock_now(const struct clock *clock)
{
    return clock->now;
}

nanos clock_monotonic(const struct clock *clock)
{
    return clock->is_virtual ? clock->now : read_clock(CLOCK_MONOTONIC);
}

void clock_advance(struct clock *clock, nanos span)
{
    invariant(clock->is_virtual && span >= 0, "only a virtual clock is moved, and only forward");
    clock->now = nanos_add(clock->now, span);
}

bool clock_is_virtual(const struct clock *clock)
{
    return clock->is_virtual;
}
