/* What counts of task queues: how tasks and polls come, meet and leave. */
#include "server/metrics/parts.h"
#include "server/metrics/scopes.h"
#include "server/services/namespaces.h"

/* Who has not polled for so long does not count as a poller. Server 1.32.0: matching.noPollerThreshold */
#define RECENT_POLL seconds(120)

static struct metric_scope *scope_of_queue(struct server_metrics *metrics, const struct matching_observation *seen)
{
    struct metric_scope *scope = *seen->note;
    const struct namespace_info *ns;
    struct queue_labels labels;

    if (scope != NULL)
        return scope;
    ns = namespaces_find_by_id(metrics->server->namespaces, seen->queue.namespace_id);
    metrics_name_queue(&seen->queue, seen->normal_name, &seen->version, &labels);
    scope = metrics_scope_of(metrics, CLASS_QUEUE,
                             (const char *const[QUEUE_VALUES]){
                                 [QUEUE_NAMESPACE] = ns == NULL ? "_unknown_" : ns->name,
                                 [QUEUE_PARTITION] = labels.partition,
                                 [QUEUE_KIND] = seen->queue.is_sticky ? labels.partition : "__normal__",
                                 [QUEUE_TASK_TYPE] = labels.task_type,
                                 [QUEUE_NAME] = labels.taskqueue,
                                 [QUEUE_BUILD_ID] = labels.build_id,
                                 [QUEUE_DEPLOYMENT] = labels.deployment,
                                 [QUEUE_VERSION] = labels.version,
                             });
    *seen->note = scope;
    return scope;
}

static void count_added(struct server_metrics *metrics, struct metric_scope *scope,
                        const struct matching_observation *seen)
{
    static const enum metric_id ids[2][3] = {
        {METRIC_TASKS_ADDED_SYNC, METRIC_TASKS_ADDED_SYNC_PINNED, METRIC_TASKS_ADDED_SYNC_AUTO},
        {METRIC_TASKS_ADDED_BACKLOG, METRIC_TASKS_ADDED_BACKLOG_PINNED, METRIC_TASKS_ADDED_BACKLOG_AUTO},
    };
    const struct task_route *route = &seen->task->route;
    bool waits = seen->event == MATCHING_ADDED_TO_BACKLOG;

    if (seen->task->kind == TASK_QUERY)
        return;
    metrics_count(metrics, scope, ids[waits][route->is_pinned ? 1 : route->is_bound ? 2 : 0]);
    if (waits && !seen->queue.is_sticky &&
        !matching_has_recent_poll(metrics->server->matching, &seen->queue, RECENT_POLL))
        metrics_count(metrics, scope, METRIC_NO_POLLER_TASKS);
}

static void count_started(struct server_metrics *metrics, struct metric_scope *scope,
                          const struct matching_observation *seen)
{
    double took = metrics_seconds(clock_now(metrics->server->clock) - seen->task->created);
    bool is_workflow = seen->task->kind == TASK_WORKFLOW, at_once = seen->event == MATCHING_STARTED_AT_ONCE;

    metrics_count(metrics, scope, METRIC_POLL_SUCCESS);
    if (at_once)
        metrics_count(metrics, scope, METRIC_POLL_SUCCESS_SYNC);
    metrics_observe(metrics, scope, METRIC_POLL_LATENCY, metrics_seconds(seen->polled));
    if (seen->task->kind == TASK_QUERY)
        return;
    if (at_once)
        metrics_observe(metrics, scope,
                        is_workflow ? METRIC_SYNCMATCH_LATENCY_WORKFLOW : METRIC_SYNCMATCH_LATENCY_ACTIVITY, took);
    else
        metrics_observe(metrics, scope,
                        is_workflow ? METRIC_ASYNCMATCH_LATENCY_WORKFLOW : METRIC_ASYNCMATCH_LATENCY_ACTIVITY, took);
    metrics_observe(metrics, scope, is_workflow ? METRIC_SCHEDULE_TO_START_WORKFLOW : METRIC_SCHEDULE_TO_START_ACTIVITY,
                    took);
}

void metrics_observe_matching(struct server_metrics *metrics, const struct matching_observation *seen)
{
    struct metric_scope *scope = scope_of_queue(metrics, seen);

    metrics->withholds = true;
    switch (seen->event) {
    case MATCHING_ADDED_TO_POLL:
    case MATCHING_ADDED_TO_BACKLOG:
        count_added(metrics, scope, seen);
        break;
    case MATCHING_STARTED_AT_ONCE:
    case MATCHING_STARTED_LATER:
        count_started(metrics, scope, seen);
        break;
    case MATCHING_POLL_ENDED_EMPTY:
        metrics_count(metrics, scope, METRIC_POLL_TIMEOUTS);
        metrics_observe(metrics, scope, METRIC_POLL_LATENCY_EMPTY, metrics_seconds(seen->polled));
        break;
    }
    metrics->withholds = false;
}
