/* What the sources of matching share. */
#ifndef FERMATA_MATCHING_MATCHING_INTERNAL_H
#define FERMATA_MATCHING_MATCHING_INTERNAL_H

#include "matching/queue.h"

/* A task that was added during a hand-over. */
struct deferred {
    struct deferred *prev, *next;
    struct task_queue *task_queue;
    struct task task;
};

struct matching {
    struct matching_ports ports;
    const struct clock *clock;
    struct queue_table queues;
    bool is_handing_over;
    struct poll *in_hand; /* offered to the engine and in no list; NULL also when it was removed meanwhile */
    struct deferred *deferred;
    uint32_t anonymous_count; /* tasks without a workflow id so far */
};

/* Who was not seen after this instant does not count any more. */
nanos matching_pollers_since(const struct matching *matching);

/* Of a sticky queue: the task queue that its worker also serves; NULL: it is none. */
const char *task_queue_normal_name(const struct task_queue *task_queue);

#endif
