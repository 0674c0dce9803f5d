/*
 * What describe tells of a task queue in numbers: how much waits, for how long, and how fast tasks come and go. Of all
 * versions together, or of one.
 *
 * What is not pinned may be sent elsewhere before it is taken, so of one version it is told as the real server does: a
 * queue's default backlog is all that is not pinned, and the current and the ramping version each have a share of it,
 * by the percentage, beside what is pinned to them. Counts are rounded up, so shares may sum up to one more.
 */
#ifndef FERMATA_MATCHING_STATS_H
#define FERMATA_MATCHING_STATS_H

#include "matching/queue.h"

/* Whether there is anything to say of tasks of this priority: of most queues only the default one has been used. */
bool stats_has_priority(const struct task_queue *task_queue, int priority);

/* Numbers of the tasks of one priority, 1 to 5, all versions together. */
struct queue_stats stats_of_priority(const struct task_queue *task_queue, int priority, nanos now);

/* The same of one version (empty: of workers without one). A sticky queue has no versions: all that is there. */
struct queue_stats stats_of_version(const struct task_queue *task_queue, const struct queue_version *version,
                                    int priority, nanos now);

/* Adds numbers of other tasks. */
void stats_add(struct queue_stats *sum, const struct queue_stats *stats);

#endif
