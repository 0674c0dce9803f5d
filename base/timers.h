/*
 * The one heap of deadlines. A timer is embedded in what it belongs to and knows its place in the heap, so setting,
 * moving and cancelling cost O(log n) and no allocation. Timers of one instant fire in the order in which they were
 * set.
 */
#ifndef FERMATA_BASE_TIMERS_H
#define FERMATA_BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct timers;
struct timer;

/* Called when a timer is due; the timer is no longer set by then, and may be set again or freed. */
typedef void timer_fire(struct timer *timer, void *context);

/* Embedded by its owner; zeroed is "not set". */
struct timer {
    nanos due;
    uint64_t order;
    size_t place; /* index in the heap plus 1; 0: not set */
    timer_fire *fire;
    void *context;
};

/* Makes an empty heap. */
struct timers *timers_new(void);

/* Frees it; NULL is accepted. Timers still set are their owners' and are left alone. */
void timers_free(struct timers *timers);

/* Sets `timer` to fire(timer, context) at `due`, or moves it there. NANOS_MAX cancels it. */
void timers_set(struct timers *timers, struct timer *timer, nanos due, timer_fire *fire, void *context);

/* Takes it out; nothing when it is not set. */
void timers_cancel(struct timers *timers, struct timer *timer);

/* Whether it is set. */
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->place != 0;
}

/* When the earliest is due; NANOS_MAX when there is none. */
nanos timers_next_due(const struct timers *timers);

/* Fires all that are due at `now`, at most `most` of them; returns how many. */
size_t timers_fire_due(struct timers *timers, nanos now, size_t most);

/* How many are set. */
size_t timers_count(const struct timers *timers);

#endif
