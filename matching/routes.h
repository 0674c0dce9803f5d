/*
 * Routes: where a task queue sends its tasks at present, as physical queues, so that a task costs no look-up of
 * versions. They are what matching_ports.routing said last; who changes that calls matching_reroute.
 *
 * A task that is sent somewhere by its task queue, and not by its own pin, waits there only for now: when routing
 * changes, routes_move takes all such tasks to where they belong then. They keep their order, and what they carry
 * (struct task_route) is all that it takes.
 */
#ifndef FERMATA_MATCHING_ROUTES_H
#define FERMATA_MATCHING_ROUTES_H

#include <stdbool.h>

#include "matching/matching.h"

struct queue;
struct task_queue;

/* Embedded by its task queue. Zeroed: not asked for yet. */
struct routes {
    struct queue_routing *routing; /* its texts are the physical queues'; NULL: all goes to workers without a version */
    struct queue *current, *ramping; /* what it names; NULL without */
    bool is_asked;
};

/* Asks where tasks go now. True: it is elsewhere than before, and routes_move has to be called. */
bool routes_refresh(struct task_queue *task_queue, const struct matching_ports *ports);

/* Forgets them. */
void routes_clear(struct routes *routes);

/* Whether tasks that are not pinned go to this physical queue. */
bool routes_name(const struct routes *routes, const struct queue *queue);

/* The physical queue of a version, made when there is none. */
struct queue *routes_queue_of(struct task_queue *task_queue, const struct queue_version *version,
                              const struct matching_ports *ports);

/* The physical queue whose polls may take the task. */
struct queue *routes_place(struct task_queue *task_queue, const struct task *task);

/* Moves what waits to where it belongs, in the order of priority and age. */
void routes_move(struct task_queue *task_queue);

#endif
