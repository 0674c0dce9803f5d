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

/* Hands out what limits have held back at a task queue, as far as it may go now. */
void matching_serve_held_back(struct matching *matching, struct task_queue *task_queue);

/* ---- limits.c ---- */

/* What a task queue's limits are made of may have changed. */
void limits_refresh(struct matching *matching, struct task_queue *task_queue);

/* The worker that polls says how fast the queue is to be; the last one is heard. */
void limits_hear_worker(struct matching *matching, struct task_queue *task_queue, const struct poll *poll);

/* Takes what a poll at the queue gets first. False: nothing, or nothing yet. */
bool limits_take(struct matching *matching, struct queue *queue, struct task *ret_task);

/* Whether a task that has just come to polls that wait may go to one of them, past nothing that has waited longer. */
bool limits_let_pass(const struct matching *matching, const struct queue *queue, const struct task *task);

#endif
