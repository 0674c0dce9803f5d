#include "matching/sticky.h"

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

bool sticky_is_abandoned(const struct task_queue *task_queue, nanos now)
{
    return task_queue->is_sticky && task_queue->waiting_polls_count == 0 &&
           now - task_queue->last_poll >= POLLER_RECORD_TTL;
}

void sticky_drop(struct task_queue *task_queue, struct queue *ret_tasks)
{
    struct queue *queue = &task_queue->unversioned; /* sticky queues have no versions */

    ret_tasks->queries = queue->queries;
    ret_tasks->backlog = queue->backlog;
    queue->queries = NULL;
    backlog_init(&queue->backlog, ret_tasks->backlog.kind);
    task_queue->is_dropped = true;
    task_queue->last_poll = 0;
}
