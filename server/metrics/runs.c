/* What counts of runs: how they, their workflow tasks and their activities end. */
#include <string.h>

#include "history/decide.h"
#include "server/metrics/scopes.h"
#include "server/services/namespaces.h"

static const char *behavior_name(PbVersioningBehavior behavior)
{
    switch (behavior) {
    case VERSIONING_BEHAVIOR_PINNED:
        return "Pinned";
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        return "AutoUpgrade";
    default:
        return "Unspecified";
    }
}

static struct metric_scope *scope_of_run(struct server_metrics *metrics, const struct namespace_info *ns,
                                         const struct mutable_state *ms, struct metric_scope **scope)
{
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);
    const char *values[WORKFLOW_VALUES];

    if (*scope != NULL && (*scope)->behavior == behavior)
        return *scope;
    values[WORKFLOW_NAMESPACE] = ns->name;
    values[WORKFLOW_QUEUE] = ms->task_queue;
    values[WORKFLOW_TYPE] = ms->workflow_type;
    values[WORKFLOW_BEHAVIOR] = behavior_name(behavior);
    *scope = metrics_scope_of(metrics, CLASS_WORKFLOW, values);
    (*scope)->behavior = behavior;
    return *scope;
}

static void count_close(struct server_metrics *metrics, struct metric_scope *scope, const struct mutable_state *ms)
{
    enum metric_id id;

    switch (ms->status) {
    case WORKFLOW_EXECUTION_STATUS_COMPLETED:
        id = METRIC_WORKFLOW_SUCCESS;
        break;
    case WORKFLOW_EXECUTION_STATUS_FAILED:
        id = METRIC_WORKFLOW_FAILED;
        break;
    case WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
        id = METRIC_WORKFLOW_TIMEOUT;
        break;
    case WORKFLOW_EXECUTION_STATUS_TERMINATED:
        id = METRIC_WORKFLOW_TERMINATE;
        break;
    case WORKFLOW_EXECUTION_STATUS_CANCELED:
        id = METRIC_WORKFLOW_CANCEL;
        break;
    case WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
        id = METRIC_WORKFLOW_CONTINUED_AS_NEW;
        break;
    default:
        return;
    }
    metrics_count(metrics, scope, id);
    metrics_observe(metrics, scope, METRIC_WORKFLOW_SCHEDULE_TO_CLOSE,
                    metrics_seconds(ms->close_time - ms->start_time));
    metrics_observe(metrics, scope, METRIC_HISTORY_COUNT, (double)(ms->next_event_id - 1));
    metrics_observe(metrics, scope, METRIC_HISTORY_SIZE, (double)ms->history_bytes);
}

static void count_commands(struct server_metrics *metrics, const struct metric_scope *run, const struct transition *t)
{
    const PbRespondWorkflowTaskCompletedRequest *completion = t->ended_task.completion;

    for (size_t i = 0; i < completion->n_commands; i++) {
        const char *values[COMMAND_VALUES] = {
            [COMMAND_NAMESPACE] = run->values[WORKFLOW_NAMESPACE],
            [COMMAND_TYPE] = command_type_name(t->arena, completion->commands[i]->command_type),
        };

        metrics_count(metrics, metrics_scope_of(metrics, CLASS_COMMAND, values), METRIC_COMMANDS);
    }
}

static void count_task(struct server_metrics *metrics, struct metric_scope *scope, const struct transition *t)
{
    const struct ended_task *task = &t->ended_task;
    bool is_first = task->attempt <= 1;

    switch (task->how) {
    case TASK_NOT_ENDED:
        break;
    case TASK_COMPLETED:
        metrics_count(metrics, scope,
                      is_first ? METRIC_WORKFLOW_TASKS_COMPLETED : METRIC_WORKFLOW_TASKS_COMPLETED_AGAIN);
        metrics_observe(metrics, scope, METRIC_WORKFLOW_TASK_ATTEMPT, task->attempt);
        metrics_count(metrics, metrics->own,
                      t->ms->sticky_queue != NULL ? METRIC_STICKY_ENABLED : METRIC_STICKY_DISABLED);
        count_commands(metrics, scope, t);
        break;
    case TASK_FAILED: {
        const char *values[FAILURE_VALUES] = {
            [FAILURE_NAMESPACE] = scope->values[WORKFLOW_NAMESPACE],
            [FAILURE_BEHAVIOR] = scope->values[WORKFLOW_BEHAVIOR],
            [FAILURE_CAUSE] = failed_cause_name(t->arena, task->cause),
        };

        metrics_count(metrics, metrics_scope_of(metrics, CLASS_FAILURE, values),
                      is_first ? METRIC_FAILED_WORKFLOW_TASKS : METRIC_FAILED_WORKFLOW_TASKS_AGAIN);
        break;
    }
    case TASK_TIMED_OUT:
        if (task->timeout == TIMEOUT_TYPE_SCHEDULE_TO_START)
            metrics_count(metrics, scope, METRIC_WORKFLOW_TASK_STICKY_TIMEOUT);
        else
            metrics_count(metrics, scope, is_first ? METRIC_WORKFLOW_TASK_TIMEOUT : METRIC_WORKFLOW_TASK_TIMEOUT_AGAIN);
        break;
    }
}

/* What an end of an activity counts as. */
static const struct activity_metrics {
    enum metric_id start_to_close, end_to_end, schedule_to_close;
} activity_latencies[] = {
    [ACTIVITY_SUCCEEDED] = {METRIC_ACTIVITY_START_TO_CLOSE_COMPLETED, METRIC_ACTIVITY_END_TO_END_COMPLETED,
                            METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_COMPLETED},
    [ACTIVITY_FAILED] = {METRIC_ACTIVITY_START_TO_CLOSE_FAILED, METRIC_ACTIVITY_END_TO_END_FAILED,
                         METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_FAILED},
    [ACTIVITY_TIMED_OUT] = {METRICS_COUNT, METRICS_COUNT, METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT},
    [ACTIVITY_CANCELED] = {METRIC_ACTIVITY_START_TO_CLOSE_CANCELED, METRIC_ACTIVITY_END_TO_END_CANCELED,
                           METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_CANCELED},
};

/* `run`: its workflow's scope. */
static void count_activity_timeout(struct server_metrics *metrics, struct metric_scope *run, struct metric_scope *scope,
                                   const struct ended_activity *ended)
{
    bool is_first = ended->attempt <= 1;
    enum metric_id kind, attempt, closed;

    switch (ended->timeout) {
    case TIMEOUT_TYPE_SCHEDULE_TO_START:
        kind = is_first ? METRIC_ATTEMPT_SCHEDULE_TO_START_TIMEOUT : METRIC_ATTEMPT_SCHEDULE_TO_START_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_SCHEDULE_TO_START;
        closed = METRIC_ACTIVITY_TIMEOUT_SCHEDULE_TO_START;
        break;
    case TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
        kind = is_first ? METRIC_ATTEMPT_SCHEDULE_TO_CLOSE_TIMEOUT : METRIC_ATTEMPT_SCHEDULE_TO_CLOSE_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_SCHEDULE_TO_CLOSE;
        closed = METRIC_ACTIVITY_TIMEOUT_SCHEDULE_TO_CLOSE;
        break;
    case TIMEOUT_TYPE_HEARTBEAT:
        kind = is_first ? METRIC_ATTEMPT_HEARTBEAT_TIMEOUT : METRIC_ATTEMPT_HEARTBEAT_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_HEARTBEAT;
        closed = METRIC_ACTIVITY_TIMEOUT_HEARTBEAT;
        break;
    default:
        kind = is_first ? METRIC_ATTEMPT_START_TO_CLOSE_TIMEOUT : METRIC_ATTEMPT_START_TO_CLOSE_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_START_TO_CLOSE;
        closed = METRIC_ACTIVITY_TIMEOUT_START_TO_CLOSE;
        break;
    }
    metrics_count(metrics, scope, attempt);
    if (ended->is_closed) {
        metrics_count(metrics, scope, closed);
        metrics_count(metrics, run, kind);
    }
}

static void count_activity(struct server_metrics *metrics, struct metric_scope *run, const struct ended_activity *ended,
                           nanos now)
{
    const struct activity_metrics *latencies = &activity_latencies[ended->how];
    const char *values[ACTIVITY_VALUES];
    struct metric_scope *scope;

    memcpy(values, run->values, sizeof(run->values[0]) * WORKFLOW_VALUES);
    values[WORKFLOW_QUEUE] = ended->task_queue;
    values[ACTIVITY_TYPE] = ended->type;
    scope = metrics_scope_of(metrics, CLASS_ACTIVITY, values);
    switch (ended->how) {
    case ACTIVITY_SUCCEEDED:
        metrics_count(metrics, scope, METRIC_ACTIVITY_SUCCESS);
        break;
    case ACTIVITY_FAILED:
        metrics_count(metrics, scope, METRIC_ACTIVITY_TASK_FAIL);
        if (ended->is_closed)
            metrics_count(metrics, scope, METRIC_ACTIVITY_FAIL);
        break;
    case ACTIVITY_TIMED_OUT:
        count_activity_timeout(metrics, run, scope, ended);
        break;
    case ACTIVITY_CANCELED:
        metrics_count(metrics, scope, METRIC_ACTIVITY_CANCEL);
        break;
    }
    if (latencies->start_to_close != METRICS_COUNT && ended->started_time > 0) {
        metrics_observe(metrics, scope, latencies->start_to_close, metrics_seconds(now - ended->started_time));
        metrics_observe(metrics, scope, latencies->end_to_end, metrics_seconds(now - ended->started_time));
    }
    if (ended->is_closed)
        metrics_observe(metrics, scope, latencies->schedule_to_close,
                        metrics_seconds(now - ended->first_scheduled_time));
}

void metrics_transition(struct server_metrics *metrics, const struct namespace_info *ns, const struct transition *t,
                        struct metric_scope **scope)
{
    struct metric_scope *run = scope_of_run(metrics, ns, t->ms, scope);

    metrics->withholds = true;
    metrics_observe(metrics, run, METRIC_STATE_TRANSITION_COUNT, (double)t->ms->transitions);
    count_task(metrics, run, t);
    for (const struct ended_activity *ended = t->ended_activities; ended != NULL; ended = ended->next)
        count_activity(metrics, run, ended, t->now);
    if (!mutable_state_is_open(t->ms) && t->events_count > 0)
        count_close(metrics, run, t->ms);
    metrics->withholds = false;
}
