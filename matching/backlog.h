/*
 * A backlog: tasks that wait for a poll, ordered by priority (1 first) and, within one priority, by arrival.
 *
 * A hundred thousand waiting tasks are ordinary (workers down over night), so a task costs 32 bytes in a list of
 * chunks, and adding and taking cost the same however many wait. What routing a task again takes is among these bytes;
 * chunks that hold tasks with fairness keys or weights have 8 bytes more for each of theirs.
 *
 * B1  All tasks of a backlog are of one kind, which is not stored with each.
 * B2  A chunk in a list holds at least one task.
 */
#ifndef FERMATA_MATCHING_BACKLOG_H
#define FERMATA_MATCHING_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/matching.h"

enum { PRIORITY_FIRST = 1, PRIORITY_LAST = 5, PRIORITY_DEFAULT = 3 };

struct backlog_chunk;

/* The tasks of one priority. */
struct backlog_lane {
    struct backlog_chunk *first, *last;
    int64_t count;
};

/* Embedded by its owner, so that an empty one costs no allocation. */
struct backlog {
    enum task_kind kind;
    struct backlog_lane lanes[PRIORITY_LAST];
};

/* Makes an empty backlog of tasks of `kind`. */
void backlog_init(struct backlog *backlog, enum task_kind kind);

/* Drops all tasks and their memory. */
void backlog_clear(struct backlog *backlog);

/* How many tasks wait. */
int64_t backlog_count(const struct backlog *backlog);

/* When the task that waits longest became ready; NANOS_MAX when none waits. Tasks of one priority are taken to be in
 * the order in which they became ready, which after a restart is only nearly so. */
nanos backlog_oldest(const struct backlog *backlog);

/* The same two of one priority, 1 to 5. */
int64_t backlog_count_of(const struct backlog *backlog, int priority);
nanos backlog_oldest_of(const struct backlog *backlog, int priority);

/* Adds a copy of `task`, which is of the backlog's kind. Priority 0 counts as 3, one above 5 as 5. */
void backlog_push(struct backlog *backlog, const struct task *task);

/* Takes the first task. False: there is none. */
bool backlog_pop(struct backlog *backlog, struct task *ret_task);

/* Whether the first task of `a` goes before that of `b`. An empty one's goes behind, and of equals a's before. */
bool backlog_goes_before(const struct backlog *a, const struct backlog *b);

/* Moves all tasks of `from` into `to`, which is empty. */
void backlog_move(struct backlog *to, struct backlog *from);

/* Takes the first task of a priority, 1 to 5. False: there is none. */
bool backlog_pop_of(struct backlog *backlog, int priority, struct task *ret_task);

/* Where a task waits; good until the backlog changes. */
struct backlog_place {
    struct backlog_lane *lane;
    struct backlog_chunk *chunk, *before;
    uint32_t index;
};

/* Finds the first task of a priority that `fits`, among the first BACKLOG_LOOK_MAX. False: there is none. */
bool backlog_find_of(struct backlog *backlog, int priority, bool (*fits)(void *context, const struct task *task),
                     void *context, struct backlog_place *ret_place, struct task *ret_task);

/* Takes out the task at `place`. */
void backlog_remove(struct backlog_place *place);

/* So many tasks are looked at for one that fits: as many as the real server has in memory (matching.getTasksBatchSize).
 */
enum { BACKLOG_LOOK_MAX = 1000 };

#endif
