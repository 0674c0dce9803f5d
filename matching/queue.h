/*
 * Task queues and their physical queues.
 *
 * A task queue is what clients name: (namespace, type, name, sticky or not). It holds a physical queue for workers
 * without a version and one for each version that work is pinned to or sent to or that polls. Tasks and polls wait at
 * physical queues; poller records, routes and the sticky rules belong to the task queue.
 *
 * Q1  A task queue has at least one physical queue, and the first is the unversioned one.
 * Q2  Polls at a physical queue are listed in the order in which they came.
 * Q3  A task queue's waiting_polls_count is the number of polls listed at its physical queues.
 * Q4  Physical queues have different numbers, by which they are listed; the unversioned one has 0.
 * Q5  A task queue's strays_count is the number of tasks in its backlogs that are pinned and wait elsewhere than at
 *     their version's queue. While there are any, no physical queue of it is forgotten.
 *
 * An idle task queue costs about 650 bytes beside its name, one more version 350; matching_sweep forgets those not in
 * use.
 */
#ifndef FERMATA_MATCHING_QUEUE_H
#define FERMATA_MATCHING_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/hash_table.h"
#include "matching/backlog.h"
#include "matching/poller.h"
#include "matching/rate.h"
#include "matching/routes.h"
#include "matching/throttle.h"

/* A query that waits for a poll. Not in the backlog: it is never counted as one and it can be taken back. */
struct waiting_query {
    struct waiting_query *prev, *next;
    struct task task;
};

/* How fast tasks come and go. */
struct traffic {
    struct rate adds, dispatches;
};

/* A physical queue. */
struct queue {
    struct task_queue *task_queue;
    struct queue *next;
    struct poll *polls; /* Q2 */
    struct waiting_query *queries;
    struct backlog backlog;        /* what is here because the task queue sends it here */
    struct backlog *pinned;        /* what is pinned to this version; NULL: nothing ever was */
    struct traffic traffic;        /* of tasks without a priority, which is nearly all */
    struct traffic *other_traffic; /* PRIORITY_LAST of them; NULL until a task with another one comes */
    nanos last_used;
    struct queue_version version; /* empty: the unversioned one; its own copy */
    uint32_t number;              /* Q4 */
    void *note;                   /* the observer's, see struct matching_observation */
    bool is_version_known;        /* a version that has this queue: see matching_ports.version_has_queue */
    nanos held_back;              /* when a limit kept tasks from its polls last; 0: never */
};

/* The worker of a sticky queue, as it said when it polled last. */
struct sticky_worker {
    struct queue_version version;
    char *normal_name; /* the task queue that it serves, too */
};

struct task_queue {
    UT_hash_handle hh;
    struct task_queue *next_sticky, *prev_sticky; /* in the list of sticky ones */
    struct queue unversioned;                     /* Q1; others follow in its list */
    struct routes routes;                         /* where tasks go that are not pinned */
    struct pollers pollers;
    struct sticky_worker worker; /* of a sticky queue */
    size_t waiting_polls_count;  /* Q3 */
    size_t strays_count;         /* Q5 */
    struct throttle *throttle;   /* T1: NULL while there has been no limit */
    bool worker_wants_rate;
    double worker_rate; /* tasks per second that the worker which polled last wants */
    nanos last_poll;    /* when a poll was seen last; 0: never, or the sticky queue was dropped since */
    int64_t namespace_id;
    enum queue_type type;
    bool is_sticky, is_dropped; /* dropped: see matching_drop_sticky; the next poll ends it */
    size_t key_bytes;
    const char *name; /* in the key */
    char key[];
};

/* All task queues. Zeroed is empty. */
struct queue_table {
    struct task_queue *by_key; /* uthash */
    struct task_queue *sticky; /* those that are, few among many */
    struct buffer *key;        /* where a key is put together for a look-up */
};

/* Makes an empty table in `table`. */
void queue_table_init(struct queue_table *table);

/* Frees all queues; polls that wait are left to their owners. */
void queue_table_destroy(struct queue_table *table);

/* The task queue of that name, or NULL. */
struct task_queue *queue_table_find(const struct queue_table *table, const struct queue_name *name);

/* The same, made when there is none. */
struct task_queue *queue_table_get(struct queue_table *table, const struct queue_name *name);

/* Removes and frees a task queue. */
void queue_table_forget(struct queue_table *table, struct task_queue *task_queue);

/* The physical queue of that version, made when there is none; of that number, which there must be. */
struct queue *task_queue_get(struct task_queue *task_queue, const struct queue_version *version);
struct queue *task_queue_numbered(struct task_queue *task_queue, uint32_t number);

/* The physical queue of that version; NULL: there is none. */
const struct queue *task_queue_find(const struct task_queue *task_queue, const struct queue_version *version);

/* Its name; borrowed. */
struct queue_name task_queue_name(const struct task_queue *task_queue);

/* Notes whose sticky queue it is. */
void task_queue_set_worker(struct task_queue *task_queue, const struct poll *poll);

/* Frees the physical queue behind `before`, which must be empty. */
void task_queue_forget_next(struct queue *before);

/* Drops all tasks and the memory of a physical queue, but not itself. */
void queue_clear(struct queue *queue);

/* How fast tasks of this priority (0: none) come and go. */
struct traffic *queue_traffic(struct queue *queue, int priority);

/* Whether no poll, query or task waits at the physical queue. */
bool queue_is_empty(const struct queue *queue);

/* Whether a query or a task does. */
bool queue_has_work(const struct queue *queue);

/* Puts `poll` at the end, or (one that was offered a stale task) back to the front, where it was. */
void queue_append_poll(struct queue *queue, struct poll *poll);
void queue_prepend_poll(struct queue *queue, struct poll *poll);

/* Takes a waiting poll out of its queue. */
void queue_unlist_poll(struct poll *poll);

/* Adds a copy of `task` to what waits; among what is pinned, or what may be sent elsewhere. */
void queue_store(struct queue *queue, const struct task *task);

/* Takes what a poll gets first: a query (its client stands waiting), else the first task of the backlogs. False:
 * nothing. */
bool queue_take(struct queue *queue, struct task *ret_task);

/* The same of tasks that the throttle lets go at `now`. When it returns false, *ret_due is when the first of those that
 * wait may go (NANOS_MAX: never), and nothing waits unless queue_has_work. */
bool queue_take_due(struct queue *queue, const struct throttle *throttle, nanos now, struct task *ret_task,
                    nanos *ret_due);

/* Takes `query` back; true when it waited here. */
bool queue_remove_query(struct queue *queue, const struct query_task *query);

#endif
