/*
 * DescribeWorkflowExecution: the state of a run, field by field as the real server (release 1.32.0) shows it. Messages
 * that are always there, though empty, are there; those that are absent when there is nothing to say are NULL.
 *
 * A closed run is shown as it was when it closed: what was pending then is still listed.
 */
#include <stdint.h>

#include "proto/versioning.h"
#include "server/engine/internal.h"
#include "server/frontend/search_attributes.h"
#include "server/server.h"

static PbTimestamp *timestamp_or_null(struct arena *arena, nanos instant)
{
    return instant == 0 ? NULL : pb_timestamp_new(arena, instant);
}

/* Nothing of the state is written through these: the answer only points to it until it is copied. */
static void *borrow(const void *message)
{
    return (void *)(uintptr_t)message;
}

static PbWorkflowExecution *execution(struct arena *arena, const char *workflow_id, const char *run_id)
{
    PbWorkflowExecution *result = ARENA_NEW_PB(arena, PbWorkflowExecution);

    result->workflow_id = workflow_id;
    result->run_id = run_id;
    return result;
}

static PbWorkflowExecutionConfig *describe_config(struct arena *arena, const struct mutable_state *ms)
{
    PbWorkflowExecutionConfig *config = ARENA_NEW_PB(arena, PbWorkflowExecutionConfig);

    config->task_queue = ARENA_NEW_PB(arena, PbTaskQueue);
    config->task_queue->name = ms->task_queue;
    config->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    if (ms->has_execution_timeout_field)
        config->workflow_execution_timeout = pb_duration_new(arena, ms->execution_timeout);
    if (ms->has_run_timeout_field)
        config->workflow_run_timeout = pb_duration_new(arena, ms->run_timeout); /* successors show an unset one as 0s */
    config->default_workflow_task_timeout = pb_duration_new(arena, ms->task_timeout);
    config->user_metadata = borrow(ms->user_metadata);
    return config;
}

/* A run that another one follows shows, with its own points, until when it will be kept. */
static PbResetPoints *describe_reset_points(struct arena *arena, const struct run *run)
{
    PbResetPoints *points = mutable_state_reset_points(run->state, arena, run->run_id_text);

    for (size_t i = 0; i < points->n_points && run->state->new_run_id != NULL; i++)
        if (strcmp(points->points[i]->run_id, run->run_id_text) == 0)
            points->points[i]->expire_time =
                pb_timestamp_new(arena, nanos_add(run->state->close_time, run->ns->retention));
    return points;
}

static PbWorkflowExecutionInfo *describe_info(struct arena *arena, const struct run *run)
{
    const struct mutable_state *ms = run->state;
    PbWorkflowExecutionInfo *info = ARENA_NEW_PB(arena, PbWorkflowExecutionInfo);
    nanos execution_time = ms->first_task_at;

    info->execution = execution(arena, ms->workflow_id, run->run_id_text);
    info->type = ARENA_NEW_PB(arena, PbWorkflowType);
    info->type->name = ms->workflow_type;
    info->start_time = pb_timestamp_new(arena, ms->start_time);
    info->execution_time = pb_timestamp_new(arena, execution_time);
    info->status = ms->status;
    info->history_length = ms->next_event_id - 1;
    info->history_size_bytes = ms->history_bytes;
    info->state_transition_count = ms->transitions;
    info->external_payload_count = ms->external_payloads.count;
    info->external_payload_size_bytes = ms->external_payloads.bytes;
    if (!mutable_state_is_open(ms)) {
        info->close_time = pb_timestamp_new(arena, ms->close_time);
        info->execution_duration = pb_duration_new(arena, nanos_add(ms->close_time, -execution_time));
    }
    info->memo = ms->memo != NULL ? borrow(ms->memo) : ARENA_NEW_PB(arena, PbMemo);
    info->search_attributes = search_attributes_shown(arena, run->ns, mutable_state_search_attributes(ms, arena));
    info->auto_reset_points = describe_reset_points(arena, run);
    info->most_recent_worker_version_stamp = borrow(mutable_state_last_stamp(ms));
    info->task_queue = ms->task_queue;
    if (ms->parent_execution != NULL) {
        info->parent_execution = borrow(ms->parent_execution);
        info->parent_namespace_id = ms->parent_namespace_id;
    }
    info->root_execution =
        ms->root_execution != NULL ? borrow(ms->root_execution) : execution(arena, ms->workflow_id, run->run_id_text);
    info->first_run_id = ms->first_run_id;
    info->priority = borrow(ms->priority);
    info->versioning_info = versioning_info(ms, arena);
    info->worker_deployment_name = versioning_deployment_name(ms);
    return info;
}

static void add_request_id(struct arena *arena, PbWorkflowExecutionExtendedInfo *info, const char *request_id,
                           PbEventType type, int64_t event_id)
{
    PbWorkflowExecutionExtendedInfoRequestIdInfosEntry *added =
        ARENA_NEW_PB(arena, PbWorkflowExecutionExtendedInfoRequestIdInfosEntry);

    added->key = arena_strdup(arena, request_id);
    added->value = ARENA_NEW_PB(arena, PbRequestIdInfo);
    added->value->event_type = type;
    added->value->event_id = event_id;
    added->value->buffered = event_id == 0;
    info->request_id_infos[info->n_request_id_infos++] = added;
}

/* The request id that has started the run, those that have joined it and those of updates; not those of signals. */
static void describe_request_ids(struct arena *arena, const struct run *run, PbWorkflowExecutionExtendedInfo *info)
{
    int64_t started_by = 1; /* of a start with a signal the real server shows the signal's event */
    struct used_request *used, *next;
    const struct update *update;

    info->request_id_infos =
        ARENA_NEW_ARRAY(arena, PbWorkflowExecutionExtendedInfoRequestIdInfosEntry *,
                        HASH_COUNT(run->state->used_requests) + (size_t)mutable_state_updates_count(run->state) + 1);
    HASH_FIND(hh, run->state->used_requests, run->start_request_id, strlen(run->start_request_id), used);
    if (used != NULL && !used->joined)
        started_by = used->event_id;
    if (run->start_request_id[0] != '\0')
        add_request_id(arena, info, run->start_request_id, EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, started_by);
    HASH_ITER (hh, run->state->used_requests, used, next)
        if (used->joined)
            add_request_id(arena, info, used->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
                           used->event_id);
    for (update = run->state->updates; update != NULL; update = update->by_id.next)
        if (update->request_id != NULL && update->accepted_event_id != 0)
            add_request_id(arena, info, update->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
                           update->accepted_event_id);
        else if (update->request_id != NULL)
            add_request_id(arena, info, update->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED,
                           update->admitted_event_id);
}

static PbWorkflowExecutionExtendedInfo *describe_extended(struct arena *arena, const struct run *run)
{
    const struct mutable_state *ms = run->state;
    PbWorkflowExecutionExtendedInfo *info = ARENA_NEW_PB(arena, PbWorkflowExecutionExtendedInfo);
    nanos expires_at = ms->run_expires_at < ms->execution_expires_at ? ms->run_expires_at : ms->execution_expires_at;

    if (ms->execution_expires_at != NANOS_MAX)
        info->execution_expiration_time = timestamp_or_null(arena, ms->execution_expires_at);
    if (expires_at != NANOS_MAX) {
        info->run_expiration_time = pb_timestamp_new(arena, expires_at);
    } else {
        info->run_expiration_time = ARENA_NEW_PB(arena, PbTimestamp);
        info->run_expiration_time->seconds =
            INT64_C(-62135596800); /* "0001-01-01T00:00:00Z": Go's zero time means none */
    }
    info->cancel_requested = ms->cancel_requested;
    info->original_start_time = pb_timestamp_new(arena, ms->original_start_time);
    if (ms->reset_event_id != 0)
        info->last_reset_time = pb_timestamp_new(arena, ms->start_time);
    info->reset_run_id = borrow(ms->reset_run_id == NULL ? "" : ms->reset_run_id);
    describe_request_ids(arena, run, info);
    return info;
}

static PbPendingWorkflowTaskInfo *describe_task(struct arena *arena, const struct workflow_task *task)
{
    PbPendingWorkflowTaskInfo *info;

    if (task->state == WORKFLOW_TASK_NONE)
        return NULL;
    info = ARENA_NEW_PB(arena, PbPendingWorkflowTaskInfo);
    info->state = PENDING_WORKFLOW_TASK_STATE_SCHEDULED;
    info->scheduled_time = pb_timestamp_new(arena, task->scheduled_time);
    info->original_scheduled_time = pb_timestamp_new(arena, task->original_scheduled_time);
    info->attempt = task->attempt;
    if (task->state == WORKFLOW_TASK_STARTED) {
        info->state = PENDING_WORKFLOW_TASK_STATE_STARTED;
        info->started_time = pb_timestamp_new(arena, task->started_time);
    }
    return info;
}

static PbActivityOptions *describe_options(struct arena *arena, const PbActivityTaskScheduledEventAttributes *scheduled)
{
    PbActivityOptions *options = ARENA_NEW_PB(arena, PbActivityOptions);

    options->task_queue = ARENA_NEW_PB(arena, PbTaskQueue);
    options->task_queue->name = options->task_queue->normal_name = scheduled->task_queue->name;
    options->schedule_to_close_timeout = scheduled->schedule_to_close_timeout;
    options->schedule_to_start_timeout = scheduled->schedule_to_start_timeout;
    options->start_to_close_timeout = scheduled->start_to_close_timeout;
    options->heartbeat_timeout = scheduled->heartbeat_timeout;
    options->priority = scheduled->priority;
    options->retry_policy = ARENA_NEW_PB(arena, PbRetryPolicy);
    if (scheduled->retry_policy != NULL)
        *options->retry_policy = *scheduled->retry_policy;
    options->retry_policy->n_non_retryable_error_types = 0; /* not shown by the real server either */
    return options;
}

/* State and times of the current attempt. */
static void describe_attempt(struct arena *arena, const struct activity *activity, nanos now,
                             PbPendingActivityInfo *info)
{
    bool is_started = activity->state == ACTIVITY_STARTED;

    info->state = is_started ? PENDING_ACTIVITY_STATE_STARTED : PENDING_ACTIVITY_STATE_SCHEDULED;
    if (activity->cancel_requested_event_id != 0)
        info->state = PENDING_ACTIVITY_STATE_CANCEL_REQUESTED;
    info->attempt = activity->attempt;
    info->scheduled_time = pb_timestamp_new(arena, activity->attempt_scheduled_time);
    info->last_attempt_complete_time = timestamp_or_null(arena, activity->last_attempt_complete_time);
    if (is_started)
        info->last_started_time = timestamp_or_null(arena, activity->started_time);
    if (info->state == PENDING_ACTIVITY_STATE_SCHEDULED && now < activity->attempt_scheduled_time) {
        info->next_attempt_schedule_time = pb_timestamp_new(arena, activity->attempt_scheduled_time);
        info->current_retry_interval =
            pb_duration_new(arena, activity->attempt_scheduled_time - activity->last_attempt_complete_time);
    }
    if (is_started && activity->started_identity != NULL)
        info->last_worker_identity = activity->started_identity;
    else if (activity->last_worker_identity != NULL)
        info->last_worker_identity = activity->last_worker_identity;
}

static PbPendingActivityInfo *describe_activity(struct arena *arena, const struct activity *activity, nanos now)
{
    const PbActivityTaskScheduledEventAttributes *scheduled = activity->scheduled;
    nanos schedule_to_close = duration_from_pb(scheduled->schedule_to_close_timeout);
    PbPendingActivityInfo *info = ARENA_NEW_PB(arena, PbPendingActivityInfo);

    info->activity_id = scheduled->activity_id;
    info->activity_type = scheduled->activity_type;
    describe_attempt(arena, activity, now, info);
    if (activity->last_heartbeat_time != 0) {
        info->last_heartbeat_time = pb_timestamp_new(arena, activity->last_heartbeat_time);
        info->heartbeat_details = borrow(activity->heartbeat_details);
    }
    if (schedule_to_close > 0)
        info->expiration_time = pb_timestamp_new(arena, nanos_add(activity->scheduled_time, schedule_to_close));
    if (scheduled->retry_policy != NULL)
        info->maximum_attempts = scheduled->retry_policy->maximum_attempts;
    info->last_failure = borrow(activity->last_failure);
    info->priority = scheduled->priority;
    info->activity_options = describe_options(arena, scheduled);
    if (activity->last_version != NULL) {
        info->last_deployment_version = borrow(activity->last_version);
        info->last_worker_deployment_version = version_to_text(arena, activity->last_version);
    }
    return info;
}

static void describe_activities(struct arena *arena, const struct mutable_state *ms, nanos now,
                                PbDescribeWorkflowExecutionResponse *resp)
{
    resp->pending_activities = ARENA_NEW_ARRAY(arena, PbPendingActivityInfo *, mutable_state_activities_count(ms));
    for (const struct activity *activity = ms->activities; activity != NULL; activity = activity->by_event.next) {
        if (activity->state != ACTIVITY_CLOSING) /* those are over, though no event says so yet */
            resp->pending_activities[resp->n_pending_activities++] = describe_activity(arena, activity, now);
    }
}

static PbPendingChildExecutionInfo *describe_child(struct arena *arena, const struct child *child)
{
    PbPendingChildExecutionInfo *info = ARENA_NEW_PB(arena, PbPendingChildExecutionInfo);

    info->workflow_id = arena_strdup(arena, child->initiated->workflow_id);
    info->run_id = child->run_id == NULL ? "" : arena_strdup(arena, child->run_id);
    info->workflow_type_name = arena_strdup(arena, child->initiated->workflow_type->name);
    info->initiated_id = child->initiated_event_id;
    info->parent_close_policy = child->initiated->parent_close_policy;
    return info;
}

static void describe_children(struct arena *arena, const struct mutable_state *ms,
                              PbDescribeWorkflowExecutionResponse *resp)
{
    const struct child *child;

    resp->pending_children = ARENA_NEW_ARRAY(arena, PbPendingChildExecutionInfo *, HASH_CNT(by_event, ms->children));
    for (child = ms->children; child != NULL; child = child->by_event.next)
        if (!child->closing)
            resp->pending_children[resp->n_pending_children++] = describe_child(arena, child);
}

status engine_describe(struct call *call, const struct namespace_info *ns,
                       const PbDescribeWorkflowExecutionRequest *req, PbDescribeWorkflowExecutionResponse *resp)
{
    struct arena *arena = call->arena;
    nanos now = clock_now(call->server->clock);
    PbDescribeWorkflowExecutionResponse view = PbDescribeWorkflowExecutionResponse_INIT;
    struct run *run;

    TRY(engine_find_run(call, ns, req->execution, &run));
    view.execution_config = describe_config(arena, run->state);
    view.workflow_execution_info = describe_info(arena, run);
    view.workflow_extended_info = describe_extended(arena, run);
    view.pending_workflow_task = describe_task(arena, &run->state->workflow_task);
    describe_activities(arena, run->state, now, &view);
    /* Copied, since the state that it points to may change in this very turn, before the answer leaves. */
    *resp = *(const PbDescribeWorkflowExecutionResponse *)pb_copy(arena, &view);
    describe_children(call->arena, run->state, resp);
    return status_ok();
}
