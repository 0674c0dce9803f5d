/* A four-ary heap of pointers: shallower than a binary one, and the children of a node share a cache line. */
#include "base/timers.h"

#include <stdlib.h>

#include "base/invariant.h"

enum { CHILDREN = 4, CAPACITY_MIN = 64 };

struct timers {
    struct timer **heap;
    size_t count, capacity;
    uint64_t next_order;
};

struct timers *timers_new(void)
{
    struct timers *timers = calloc(1, sizeof(*timers));

    invariant(timers != NULL, "out of memory");
    return timers;
}

void timers_free(struct timers *timers)
{
    if (timers == NULL)
        return;
    free(timers->heap);
    free(timers);
}

static bool earlier(const struct timer *a, const struct timer *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct timers *timers, size_t at, struct timer *timer)
{
    timers->heap[at] = timer;
    timer->place = at + 1;
}

static void sift_up(struct timers *timers, size_t at, struct timer *timer)
{
    while (at > 0) {
        size_t parent = (at - 1) / CHILDREN;

        if (!earlier(timer, timers->heap[parent]))
            break;
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, timer);
}

static void sift_down(struct timers *timers, size_t at, struct timer *timer)
{
    for (;;) {
        size_t first = at * CHILDREN + 1, least = first;

        if (first >= timers->count)
            break;
        for (size_t i = first + 1; i < first + CHILDREN && i < timers->count; i++)
            if (earlier(timers->heap[i], timers->heap[least]))
                least = i;
        if (!earlier(timers->heap[least], timer))
            break;
        put(timers, at, timers->heap[least]);
        at = least;
    }
    put(timers, at, timer);
}

/* Finds the place of `timer`, which was moved or newly put at `at`. */
static void settle(struct timers *timers, size_t at, struct timer *timer)
{
    if (at > 0 && earlier(timer, timers->heap[(at - 1) / CHILDREN]))
        sift_up(timers, at, timer);
    else
        sift_down(timers, at, timer);
}

void timers_set(struct timers *timers, struct timer *timer, nanos due, timer_fire *fire, void *context)
{
    timer->fire = fire;
    timer->context = context;
    if (due == NANOS_MAX) {
        timers_cancel(timers, timer);
        return;
    }
    if (timer_is_set(timer) && timer->due == due)
        return;
    timer->due = due;
    timer->order = timers->next_order++;
    if (timer_is_set(timer)) {
        settle(timers, timer->place - 1, timer);
        return;
    }
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity == 0 ? CAPACITY_MIN : timers->capacity * 2;
        timers->heap = realloc(timers->heap, timers->capacity * sizeof(struct timer *));
        invariant(timers->heap != NULL, "out of memory");
    }
    timers->count++;
    sift_up(timers, timers->count - 1, timer);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
    size_t at = timer->place - 1;
    struct timer *last;

    if (!timer_is_set(timer))
        return;
    invariant(at < timers->count && timers->heap[at] == timer, "a timer that is not where it thinks it is");
    timer->place = 0;
    last = timers->heap[--timers->count];
    if (last != timer)
        settle(timers, at, last);
}

nanos timers_next_due(const struct timers *timers)
{
    return timers->count == 0 ? NANOS_MAX : timers->heap[0]->due;
}

size_t timers_fire_due(struct timers *timers, nanos now, size_t most)
{
    size_t fired = 0;

    while (fired < most && timers->count > 0 && timers->heap[0]->due <= now) {
        struct timer *timer = timers->heap[0];

        timers_cancel(timers, timer);
        timer->fire(timer, timer->context);
        fired++;
    }
    return fired;
}

size_t timers_count(const struct timers *timers)
{
    return timers->count;
}
