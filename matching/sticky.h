/*
 * Sticky queues: each belongs to one worker, which keeps workflows cached and gets their next tasks there with only the
 * new events. When that worker is gone its queue must not swallow tasks, so a task enters only while the worker is
 * known to be polling, and what waits is given back when the queue is dropped. A workflow that is not pinned leaves it
 * when routing sends the workflow to another version than that worker's.
 */
#ifndef FERMATA_MATCHING_STICKY_H
#define FERMATA_MATCHING_STICKY_H

#include <stdbool.h>

#include "matching/queue.h"
#include "matching/routing.h"

/* A worker that has not polled for so long is taken to be gone: the real server's value. A worker with all its pollers
 * busy for longer gets its next task on the normal queue, which costs a replay and nothing else. */
#define STICKY_WORKER_GONE_AFTER (10 * NANOS_PER_SECOND)

/* Whether a task must not enter this queue (never so for a queue that is not sticky). */
bool sticky_refuses(const struct task_queue *task_queue, nanos now);

/* Whether a task belongs here: it is pinned, or its workflow is at `version` and the worker's normal queue sends it
 * there. `routing` is that queue's; NULL: unknown, and anything belongs. */
bool sticky_suits(const struct task_route *route, const struct queue_version *version,
                  const struct queue_routing *routing);

/* Whether it is of a worker that serves this queue, too. */
bool sticky_is_beside(const struct task_queue *task_queue, const struct queue_name *normal);

/* Whether nobody will come for the tasks that wait here: no poll since then. */
bool sticky_is_abandoned(const struct task_queue *task_queue, nanos since);

/* Refuses tasks from now on, until the next poll, and moves those that wait into `ret_tasks`, which is empty. The
 * caller clears it. */
void sticky_drop(struct task_queue *task_queue, struct queue *ret_tasks);

/* Moves those that do not suit any more into `ret_tasks`, in the same way. */
void sticky_leave(struct task_queue *task_queue, const struct queue_routing *routing, struct queue *ret_tasks);

#endif
