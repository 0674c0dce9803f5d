#include "matching/stats.h"

#include <math.h>

/* As long as what has happened counts in the rates. */
#define HELD_BACK_SPAN ((RATE_BUCKETS - 1) * RATE_BUCKET)

static void add_backlog(const struct backlog *backlog, int priority, nanos now, struct queue_stats *stats)
{
    nanos oldest;

    if (backlog == NULL)
        return;
    oldest = backlog_oldest_of(backlog, priority);
    stats->backlog_count += backlog_count_of(backlog, priority);
    if (oldest < now && now - oldest > stats->backlog_age)
        stats->backlog_age = now - oldest;
    stats->is_known |= stats->backlog_count > 0;
}

static void add_traffic(const struct queue *queue, int priority, nanos now, struct queue_stats *stats)
{
    const struct traffic *traffic = &queue->traffic;

    stats->is_held_back |= queue->held_back != 0 && now - queue->held_back < HELD_BACK_SPAN;
    if (priority != PRIORITY_DEFAULT)
        traffic = queue->other_traffic == NULL ? NULL : &queue->other_traffic[priority - PRIORITY_FIRST];
    if (traffic == NULL)
        return;
    stats->add_rate += rate_per_second(&traffic->adds, now);
    stats->dispatch_rate += rate_per_second(&traffic->dispatches, now);
    stats->is_known |= stats->add_rate > 0 || stats->dispatch_rate > 0;
}

bool stats_has_priority(const struct task_queue *task_queue, int priority)
{
    if (priority == PRIORITY_DEFAULT)
        return true;
    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        if (queue->other_traffic != NULL || backlog_count_of(&queue->backlog, priority) > 0 ||
            (queue->pinned != NULL && backlog_count_of(queue->pinned, priority) > 0))
            return true;
    return false;
}

void stats_add(struct queue_stats *sum, const struct queue_stats *stats)
{
    sum->backlog_count += stats->backlog_count;
    if (stats->backlog_age > sum->backlog_age)
        sum->backlog_age = stats->backlog_age;
    sum->add_rate += stats->add_rate;
    sum->dispatch_rate += stats->dispatch_rate;
    sum->is_known |= stats->is_known;
    sum->is_held_back |= stats->is_held_back;
}

struct queue_stats stats_of_priority(const struct task_queue *task_queue, int priority, nanos now)
{
    struct queue_stats stats = {0};

    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
        add_backlog(&queue->backlog, priority, now, &stats);
        add_backlog(queue->pinned, priority, now, &stats);
        add_traffic(queue, priority, now, &stats);
    }
    return stats;
}

/* ---- of one version ---- */

/* What can be shared: all that waits and is not pinned, and what went through the unversioned queue. */
static struct queue_stats default_stats(const struct task_queue *task_queue, int priority, nanos now)
{
    struct queue_stats stats = {0};

    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        add_backlog(&queue->backlog, priority, now, &stats);
    add_traffic(&task_queue->unversioned, priority, now, &stats);
    return stats;
}

static struct queue_stats share_of(const struct queue_stats *all, double percentage)
{
    struct queue_stats share = {
        .backlog_count = (int64_t)ceil((double)all->backlog_count * percentage / 100),
        .add_rate = all->add_rate * percentage / 100,
        .dispatch_rate = all->dispatch_rate * percentage / 100,
    };

    share.backlog_age = share.backlog_count > 0 ? all->backlog_age : 0;
    share.is_known = share.backlog_count > 0 || share.add_rate > 0 || share.dispatch_rate > 0;
    return share;
}

static void take_away(struct queue_stats *stats, const struct queue_stats *share)
{
    stats->backlog_count =
        stats->backlog_count > share->backlog_count ? stats->backlog_count - share->backlog_count : 0;
    stats->add_rate = stats->add_rate > share->add_rate ? stats->add_rate - share->add_rate : 0;
    stats->dispatch_rate =
        stats->dispatch_rate > share->dispatch_rate ? stats->dispatch_rate - share->dispatch_rate : 0;
    if (stats->backlog_count == 0)
        stats->backlog_age = 0;
}

struct queue_stats stats_of_version(const struct task_queue *task_queue, const struct queue_version *version,
                                    int priority, nanos now)
{
    const struct queue_routing *routing = task_queue->routes.routing;
    const struct queue *queue = task_queue_find(task_queue, version);
    struct queue_stats all, current = {0}, ramping = {0}, own = {0};
    bool has_current = routing != NULL && queue_version_is_set(&routing->current.version);
    bool has_ramping = routing != NULL && routing->has_ramping && routing->ramp_percentage > 0;

    if (task_queue->is_sticky)
        return stats_of_priority(task_queue, priority, now);
    all = default_stats(task_queue, priority, now);
    if (has_current)
        current = share_of(&all, has_ramping ? 100 - routing->ramp_percentage : 100);
    if (has_ramping)
        ramping = share_of(&all, routing->ramp_percentage);
    if (!queue_version_is_set(version)) {
        take_away(&all, &current);
        if (has_ramping && queue_version_is_set(&routing->ramping.version))
            take_away(&all, &ramping);
        return all;
    }
    if (queue == NULL)
        return own;
    add_backlog(queue->pinned, priority, now, &own);
    add_traffic(queue, priority, now, &own);
    if (has_current && queue_version_equal(version, &routing->current.version))
        stats_add(&own, &current);
    else if (has_ramping && queue_version_equal(version, &routing->ramping.version))
        stats_add(&own, &ramping);
    return own;
}
