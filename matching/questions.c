/* What matching can be asked: who polls, what waits, how fast it moves. Nothing here changes anything. */
#include "matching/matching_internal.h"
#include "matching/stats.h"

nanos matching_pollers_since(const struct matching *matching)
{
    return clock_now(matching->clock) - matching->ports.poller_history;
}

const char *task_queue_normal_name(const struct task_queue *task_queue)
{
    return task_queue->is_sticky ? task_queue->worker.normal_name : NULL;
}

bool matching_has_recent_poll(const struct matching *matching, const struct queue_name *name, nanos span)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL || task_queue->is_dropped)
        return false;
    return task_queue->waiting_polls_count > 0 ||
           (task_queue->last_poll != 0 && clock_now(matching->clock) - task_queue->last_poll < span);
}

bool matching_has_waiting_poll(const struct matching *matching, const struct queue_name *name)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    return task_queue != NULL && task_queue->waiting_polls_count > 0;
}

size_t matching_pollers(const struct matching *matching, const struct queue_name *name, struct poller_info *ret_pollers,
                        size_t most)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return 0;
    return pollers_list(&task_queue->pollers, matching_pollers_since(matching), NULL, ret_pollers, most);
}

size_t matching_version_pollers(const struct matching *matching, const struct queue_name *name,
                                const struct queue_version *version, struct poller_info *ret_pollers, size_t most)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return 0;
    return pollers_list(&task_queue->pollers, matching_pollers_since(matching), version, ret_pollers, most);
}

bool matching_version_has_pollers(const struct matching *matching, int64_t namespace_id,
                                  const struct queue_version *version, nanos span)
{
    nanos since = clock_now(matching->clock) - span;

    for (const struct task_queue *queue = matching->queues.by_key; queue != NULL; queue = queue->hh.next) {
        if (queue->namespace_id == namespace_id && pollers_have(&queue->pollers, version, since))
            return true;
    }
    return false;
}

struct queue_stats matching_stats_of_priority(const struct matching *matching, const struct queue_name *name,
                                              int priority)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return (struct queue_stats){0};
    return stats_of_priority(task_queue, priority, clock_now(matching->clock));
}

struct queue_stats matching_stats(const struct matching *matching, const struct queue_name *name)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    struct queue_stats sum = {0};

    for (int priority = PRIORITY_FIRST; task_queue != NULL && priority <= PRIORITY_LAST; priority++) {
        struct queue_stats stats = stats_of_priority(task_queue, priority, clock_now(matching->clock));

        stats_add(&sum, &stats);
    }
    return sum;
}

struct queue_stats matching_version_stats_of_priority(const struct matching *matching, const struct queue_name *name,
                                                      const struct queue_version *version, int priority)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return (struct queue_stats){0};
    return stats_of_version(task_queue, version, priority, clock_now(matching->clock));
}

struct queue_stats matching_version_stats(const struct matching *matching, const struct queue_name *name,
                                          const struct queue_version *version)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    struct queue_stats sum = {0};

    for (int priority = PRIORITY_FIRST; task_queue != NULL && priority <= PRIORITY_LAST; priority++) {
        struct queue_stats stats;

        if (!stats_has_priority(task_queue, priority))
            continue;
        stats = stats_of_version(task_queue, version, priority, clock_now(matching->clock));
        stats_add(&sum, &stats);
    }
    return sum;
}

static struct queue_report report_of(const struct matching *matching, const struct task_queue *task_queue,
                                     const struct queue *queue)
{
    nanos now = clock_now(matching->clock);
    struct queue_report report = {
        .queue = task_queue_name(task_queue),
        .normal_name = task_queue_normal_name(task_queue),
        .version = queue->version,
        .pollers = pollers_count(&task_queue->pollers, &queue->version, matching_pollers_since(matching)),
    };
    const struct poll *poll;

    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        struct queue_stats stats = stats_of_version(task_queue, &queue->version, priority, now);

        report.backlog_counts[priority - PRIORITY_FIRST] = stats.backlog_count;
        if (stats.backlog_age > report.backlog_age)
            report.backlog_age = stats.backlog_age;
    }
    DL_FOREACH (queue->polls, poll)
        report.waiting_polls++;
    return report;
}

void matching_each_queue(const struct matching *matching,
                         void (*each)(void *context, const struct queue_report *report), void *context)
{
    for (const struct task_queue *task_queue = matching->queues.by_key; task_queue != NULL;
         task_queue = task_queue->hh.next) {
        for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
            struct queue_report report = report_of(matching, task_queue, queue);

            each(context, &report);
        }
    }
}
