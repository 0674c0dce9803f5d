/*
 * Time. Every instant and span in Fermata is a `nanos`; every reading comes from a `struct clock`. No other file asks
 * the system for the time.
 *
 * A clock is read once per turn of the loop (clock_tick) and stands still in between: all that one turn does happens at
 * one instant. In virtual mode it moves only when it is told to, which is what time-skipping tests and the simulator
 * use.
 */
#ifndef FERMATA_BASE_CLOCK_H
#define FERMATA_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds: an instant since the Unix epoch (wall clock), or a span. Covers the years 1678 to 2262. */
typedef int64_t nanos;

#define NANOS_MAX             INT64_MAX /* "never" for deadlines */
#define NANOS_PER_MILLISECOND INT64_C(1000000)
#define NANOS_PER_SECOND      INT64_C(1000000000)

struct clock;

/* Makes a clock that follows the system's, or a virtual one that stands at `virtual_start` (when not 0). */
struct clock *clock_new(nanos virtual_start);

/* Frees it; NULL is accepted. */
void clock_free(struct clock *clock);

/* Reads the system's clocks (nothing in virtual mode). Called at the start of each turn. */
void clock_tick(struct clock *clock);

/* The wall time of this turn. Never goes backwards, whatever the system's clock does. */
nanos clock_now(const struct clock *clock);

/* The system's monotonic time, read now: for measuring and for protocol time-outs, never for what is stored. */
nanos clock_monotonic(const struct clock *clock);

/* Moves a virtual clock forward by `span`. */
void clock_advance(struct clock *clock, nanos span);

/* Whether the clock is virtual. */
bool clock_is_virtual(const struct clock *clock);

/* a + b, held at the ends of the range instead of wrapping. */
static inline nanos nanos_add(nanos a, nanos b)
{
    nanos sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* a * factor, held at the ends of the range instead of wrapping. */
static inline nanos nanos_scale(nanos a, int64_t factor)
{
    nanos product;

    if (__builtin_mul_overflow(a, factor, &product))
        return (a > 0) == (factor > 0) ? INT64_MAX : INT64_MIN;
    return product;
}

/* `count` seconds, or milliseconds, as a span. */
static inline nanos seconds(int64_t count)
{
    return nanos_scale(NANOS_PER_SECOND, count);
}
static inline nanos milliseconds(int64_t count)
{
    return nanos_scale(NANOS_PER_MILLISECOND, count);
}

#endif
