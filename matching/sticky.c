#include "matching/sticky.h"

#include <string.h>

bool sticky_refuses(const struct task_queue *task_queue, nanos now)
{
    if (!task_queue->is_sticky)
        return false;
    if (task_queue->is_dropped)
        return true;
    if (task_queue->waiting_polls_count > 0)
        return false;
    return task_queue->last_poll == 0 || now - task_queue->last_poll >= STICKY_WORKER_GONE_AFTER;
}

bool sticky_is_abandoned(const struct task_queue *task_queue, nanos since)
{
    return task_queue->is_sticky && task_queue->waiting_polls_count == 0 && task_queue->last_poll <= since;
}

bool sticky_suits(const struct task_route *route, const struct queue_version *version,
                  const struct queue_routing *routing)
{
    struct routing_input input = {
        .task = {.is_pinned = route->is_pinned,
                 .use_ramping = route->use_ramping,
                 .hash = route->hash,
                 .version = *version},
        .queue = {.type = QUEUE_WORKFLOW, .is_sticky = true, .routing = routing},
    };

    return routing_decide(&input).place == ROUTING_TO_STICKY;
}

bool sticky_is_beside(const struct task_queue *task_queue, const struct queue_name *normal)
{
    return task_queue->is_sticky && normal->type == QUEUE_WORKFLOW &&
           task_queue->namespace_id == normal->namespace_id && task_queue->worker.normal_name != NULL &&
           strcmp(task_queue->worker.normal_name, normal->name) == 0;
}

void sticky_drop(struct task_queue *task_queue, struct queue *ret_tasks)
{
    struct queue *queue = &task_queue->unversioned; /* sticky queues have no versions */

    ret_tasks->queries = queue->queries;
    ret_tasks->backlog = queue->backlog;
    ret_tasks->pinned = queue->pinned;
    queue->queries = NULL;
    queue->pinned = NULL;
    backlog_init(&queue->backlog, ret_tasks->backlog.kind);
    task_queue->is_dropped = true;
    task_queue->last_poll = 0;
}

void sticky_leave(struct task_queue *task_queue, const struct queue_routing *routing, struct queue *ret_tasks)
{
    struct queue *queue = &task_queue->unversioned;
    const struct queue_version *version = &task_queue->worker.version; /* that of workflows which are cached there */
    struct waiting_query *query, *next;
    struct backlog all;
    struct task task;

    backlog_init(&all, queue->backlog.kind);
    backlog_init(&ret_tasks->backlog, queue->backlog.kind);
    backlog_move(&all, &queue->backlog);
    while (backlog_pop(&all, &task))
        backlog_push(sticky_suits(&task.route, version, routing) ? &queue->backlog : &ret_tasks->backlog, &task);
    DL_FOREACH_SAFE (queue->queries, query, next) {
        if (sticky_suits(&query->task.route, version, routing))
            continue;
        DL_DELETE(queue->queries, query);
        DL_APPEND(ret_tasks->queries, query);
    }
}
