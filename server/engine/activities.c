/* Activity tasks between matching and the workers: dispatch, poll, result, heartbeat. */
#include <string.h>

#include "base/invariant.h"
#include "base/uuid.h"
#include "server/engine/internal.h"

static PbPriority *effective_priority(const struct run *run, const struct activity *activity, struct arena *arena)
{
    return history_merged_priority(arena, run->state->priority, activity->scheduled->priority);
}

void run_dispatch_activity(struct run *run, struct activity *activity)
{
    const PbPriority *priority = effective_priority(run, activity, turn_arena(run->engine->server->turn));
    struct queue_name queue = {
        .namespace_id = run->ns->id,
        .type = QUEUE_ACTIVITY,
        .name = activity->scheduled->task_queue->name,
    };
    struct task task = {
        .kind = TASK_ACTIVITY,
        .priority = priority == NULL ? 0 : priority->priority_key,
        .run = run->id,
        .event_id = activity->scheduled_event_id,
        /* Attempts and starting over both make earlier tasks stale. */
        .stamp = activity->stamp << 32 | activity->attempt,
        .created = activity->attempt_scheduled_time,
    };
    struct task_binding binding = run_binding(run, false);

    /* Only of activities: queues of workflow tasks have no limits. */
    if (priority != NULL)
        task.fairness = (struct fairness){matching_fairness_key(priority->fairness_key), priority->fairness_weight};
    activity->dispatched = true;
    matching_add(run->engine->matching, &queue, &binding, &task);
}

static ProtobufCBinaryData activity_token(const struct run *run, const struct activity *activity, struct arena *arena)
{
    PbTaskToken token = PbTaskToken_INIT;

    token.run = run->id;
    token.run_id = (ProtobufCBinaryData){UUID_BYTES, arena_memdup(arena, run->run_id, UUID_BYTES)};
    token.scheduled_event_id = activity->scheduled_event_id;
    token.attempt = activity->attempt;
    token.stamp = activity->stamp;
    return task_token_encode(arena, &token);
}

static void fill_activity_task(struct call *call, const struct run *run, const struct activity *activity,
                               PbPollActivityTaskQueueResponse *resp)
{
    const PbActivityTaskScheduledEventAttributes *scheduled = pb_copy(call->arena, activity->scheduled);
    struct arena *arena = call->arena;

    resp->task_token = activity_token(run, activity, arena);
    resp->workflow_namespace = run->ns->name;
    resp->workflow_type = ARENA_NEW_PB(arena, PbWorkflowType);
    resp->workflow_type->name = arena_strdup(arena, run->state->workflow_type);
    resp->workflow_execution = ARENA_NEW_PB(arena, PbWorkflowExecution);
    resp->workflow_execution->workflow_id = arena_strdup(arena, run->state->workflow_id);
    resp->workflow_execution->run_id = arena_strdup(arena, run->run_id_text);
    resp->activity_type = scheduled->activity_type;
    resp->activity_id = scheduled->activity_id;
    resp->header = scheduled->header;
    resp->input = scheduled->input;
    resp->heartbeat_details = pb_copy(arena, activity->heartbeat_details);
    resp->scheduled_time = pb_timestamp_new(arena, activity->scheduled_time);
    resp->current_attempt_scheduled_time = pb_timestamp_new(arena, activity->attempt_scheduled_time);
    resp->started_time = pb_timestamp_new(arena, activity->started_time);
    resp->attempt = activity->attempt;
    resp->schedule_to_close_timeout = scheduled->schedule_to_close_timeout;
    resp->start_to_close_timeout = scheduled->start_to_close_timeout;
    resp->heartbeat_timeout = scheduled->heartbeat_timeout;
    resp->retry_policy = scheduled->retry_policy;
    resp->priority = pb_copy(arena, effective_priority(run, activity, arena));
}

/* An activity that a worker never got is dispatched again: the same attempt, for nobody has begun it. */
struct delivery {
    struct engine *engine;
    int64_t run, scheduled_event_id, stamp;
    int32_t attempt;
};

static void activity_undelivered(struct call *call)
{
    const struct delivery *delivery = call->delivery;
    struct activity *activity;
    struct transition t;
    struct run *run;

    if (!status_is_ok(engine_load(delivery->engine, delivery->run, &run)))
        return;
    activity = activity_current(run->state, delivery->scheduled_event_id, delivery->attempt, delivery->stamp, true);
    if (activity == NULL)
        return;
    run_begin(run, &t);
    activity_unstart(&t, activity);
    run_commit(run, &t);
}

static void start_for(struct transition *t, struct engine *engine, struct activity *activity, const char *identity,
                      const PbWorkerDeploymentVersion *version)
{
    char request_id[UUID_TEXT_BYTES];
    uint8_t uuid[UUID_BYTES];

    rand_uuid4(engine->server->rand, uuid);
    uuid_format(uuid, request_id);
    activity->dispatched = true;
    activity_start(t, activity, identity, request_id, version);
}

/* An activity does not start while its run is on the way to another version; when that is over, it is given to matching
 * again. One that has been routed to the version that the run's workflow tasks go to now as well sets the run on its
 * way there. What has been routed elsewhere is versioned independently of the run. */
static bool moves_run(struct run *run, const struct poll *poll)
{
    const struct mutable_state *ms = run->state;
    struct queue_version bound = queue_version_of(versioning_effective_version(ms));
    struct queue_target target;
    struct transition t;

    if (versioning_in_transition(ms))
        return true;
    if (versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_PINNED || queue_version_equal(&bound, &poll->version))
        return false;
    target = run_target(run);
    if (!queue_version_equal(&target.version, &poll->version))
        return false;
    run_begin(run, &t);
    versioning_start_transition(&t, version_message(t.arena, &poll->version), target.revision);
    run_commit(run, &t);
    return true;
}

bool activity_task_start(struct engine *engine, const struct task *task, struct poll *poll)
{
    int32_t attempt = (int32_t)(task->stamp & INT32_MAX);
    int64_t stamp = task->stamp >> 32;
    struct call *call = poll->call;
    struct delivery *delivery;
    struct activity *activity;
    struct transition t;
    struct run *run;

    if (!engine_load_for_task(engine, task->run, &run))
        return false;
    activity = activity_current(run->state, task->event_id, attempt, stamp, false);
    if (activity == NULL || moves_run(run, poll))
        return false;
    run_begin(run, &t);
    start_for(&t, engine, activity, poll->identity, version_message(t.arena, &poll->version));
    if (!status_is_ok(run_commit_checked(run, &t, NULL)))
        return false;
    fill_activity_task(call, run, activity, call->response);
    delivery = ARENA_NEW(call->arena, struct delivery);
    *delivery = (struct delivery){engine, run->id, task->event_id, stamp, attempt};
    call->delivery = delivery;
    call->on_undelivered = activity_undelivered;
    poll_answer(poll);
    return true;
}

void activities_start_eagerly(struct call *call, struct run *run, const struct transition *t,
                              const PbRespondWorkflowTaskCompletedRequest *req,
                              PbRespondWorkflowTaskCompletedResponse *resp)
{
    struct transition start;

    resp->activity_tasks = ARENA_NEW_ARRAY(call->arena, PbPollActivityTaskQueueResponse *, t->effects_count);
    run_begin(run, &start);
    for (size_t i = 0; i < t->effects_count; i++) {
        struct activity *activity = mutable_state_activity(run->state, t->effects[i].event_id);
        PbPollActivityTaskQueueResponse *task;

        if (t->effects[i].kind != EFFECT_START_ACTIVITY_EAGERLY || activity == NULL ||
            activity->state != ACTIVITY_SCHEDULED || !mutable_state_is_open(run->state))
            continue;
        start_for(&start, run->engine, activity, req->identity, NULL); /* not routed: as on the real server */
        task = ARENA_NEW_PB(call->arena, PbPollActivityTaskQueueResponse);
        fill_activity_task(call, run, activity, task);
        resp->activity_tasks[resp->n_activity_tasks++] = task;
    }
    if (resp->n_activity_tasks > 0)
        run_commit(run, &start);
}

status engine_poll_activity_task(struct call *call, const struct namespace_info *ns,
                                 const PbPollActivityTaskQueueRequest *req, PbPollActivityTaskQueueResponse *resp)
{
    struct poll who = {
        .identity = req->identity,
        .deployment_options = req->deployment_options,
        .version_capabilities = req->worker_version_capabilities,
    };

    (void)resp; /* filled when there is a task */
    if (req->task_queue_metadata != NULL && req->task_queue_metadata->max_tasks_per_second != NULL) {
        who.wants_rate = true;
        who.tasks_per_second_max = req->task_queue_metadata->max_tasks_per_second->value;
    }
    return poll_or_wait(call, ns, QUEUE_ACTIVITY, req->task_queue, &who);
}

/* ---- results ---- */

/* The pending activity that a token names by its id. */
static status activity_by_id(struct call *call, const struct namespace_info *ns, const PbTaskToken *token,
                             struct run **ret_run, struct activity **ret_activity)
{
    PbWorkflowExecution execution = PbWorkflowExecution_INIT;

    if (ns == NULL)
        TRY(namespaces_find(call->server->namespaces, call->arena, token->namespace_name, &ns));
    if (token->workflow_id[0] == '\0') /* one without a workflow; there are none yet */
        return not_found(call->arena, MSG_STANDALONE_ACTIVITY_NOT_FOUND, token->activity_id);
    execution.workflow_id = token->workflow_id;
    if (token->run_id.len > 0)
        execution.run_id = uuid_text(call->arena, token->run_id.data);
    TRY(engine_find_run(call, ns, &execution, ret_run));
    if (!mutable_state_is_open((*ret_run)->state))
        return not_found(call->arena, MSG_WORKFLOW_COMPLETED);
    *ret_activity = mutable_state_activity_by_id((*ret_run)->state, token->activity_id);
    if (*ret_activity == NULL || (*ret_activity)->state == ACTIVITY_CLOSING)
        return not_found(call->arena, MSG_ACTIVITY_ID_NOT_FOUND, token->activity_id);
    return status_ok();
}

/* The pending activity that a token names. `may_wait`: one that is named by its id need not be started. */
static status token_activity(struct call *call, const struct namespace_info *ns, const ProtobufCBinaryData *encoded,
                             bool may_wait, struct run **ret_run, struct activity **ret_activity)
{
    const PbTaskToken *token = task_token_of_call(call, encoded);

    if (token == NULL || token->query_id[0] != '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_UNDECODABLE);
    if (token->run == 0) {
        TRY(activity_by_id(call, ns, token, ret_run, ret_activity));
        return may_wait || (*ret_activity)->state == ACTIVITY_STARTED ? status_ok()
                                                                      : not_found(call->arena, MSG_ACTIVITY_NOT_FOUND);
    }
    TRY(token_run(call, ns, token, ret_run));
    if (!mutable_state_is_open((*ret_run)->state))
        return not_found(call->arena, MSG_WORKFLOW_COMPLETED);
    *ret_activity = activity_current((*ret_run)->state, token->scheduled_event_id, token->attempt, token->stamp, true);
    return *ret_activity != NULL ? status_ok() : not_found(call->arena, MSG_ACTIVITY_NOT_FOUND);
}

/* In place of what a worker reported when that is too large: a failure of the server's that is not tried again. */
static void fail_as_too_large(struct transition *t, struct call *call, struct activity *activity, const char *text,
                              const char *identity)
{
    PbFailure *failure = ARENA_NEW_PB(call->arena, PbFailure);

    failure->message = text;
    failure->failure_info_case = PbFailure_server_failure_info_case;
    failure->server_failure_info = ARENA_NEW_PB(call->arena, PbServerFailureInfo);
    failure->server_failure_info->non_retryable = true;
    activity_fail(t, activity, failure, identity);
}

static bool is_too_large(const struct engine *engine, const void *message)
{
    return message != NULL && (int64_t)protobuf_c_message_get_packed_size((const ProtobufCMessage *)message) >
                                  engine->limits->blob_bytes_max;
}

status engine_complete_activity(struct call *call, const struct namespace_info *ns,
                                const PbRespondActivityTaskCompletedRequest *req)
{
    struct activity *activity;
    struct transition t;
    struct run *run;

    TRY(token_activity(call, ns, &req->task_token, true, &run, &activity));
    run_begin(run, &t);
    t.worker_version = req->worker_version;
    if (activity->state ==
        ACTIVITY_SCHEDULED) /* done elsewhere, before any worker has come: it starts and ends at once */
        activity_start(&t, activity, req->identity, "", NULL);
    if (is_too_large(run->engine, req->result))
        fail_as_too_large(&t, call, activity, TEXT_RESULT_TOO_LARGE, req->identity);
    else
        activity_complete(&t, activity, req->result, req->identity);
    return run_commit_checked(run, &t, NULL);
}

/* A failure that is too large keeps its message's beginning as the cause of one that says so. */
static PbFailure *cut_failure(struct arena *arena, const PbFailure *failure)
{
    enum { MESSAGE_BYTES_MAX = 2 * 1024 };
    PbFailure *small = ARENA_NEW_PB(arena, PbFailure), *cause = ARENA_NEW_PB(arena, PbFailure);

    cause->message = arena_strndup(arena, failure->message, strnlen(failure->message, MESSAGE_BYTES_MAX));
    cause->source = failure->source;
    small->message = TEXT_FAILURE_TOO_LARGE;
    small->failure_info_case = PbFailure_server_failure_info_case;
    small->server_failure_info = ARENA_NEW_PB(arena, PbServerFailureInfo);
    small->cause = cause;
    return small;
}

status engine_fail_activity(struct call *call, const struct namespace_info *ns,
                            const PbRespondActivityTaskFailedRequest *req, PbRespondActivityTaskFailedResponse *resp)
{
    const PbFailure *failure = req->failure;
    struct activity *activity;
    struct transition t;
    struct run *run;

    TRY(token_activity(call, ns, &req->task_token, false, &run, &activity));
    if (is_too_large(run->engine, failure)) {
        PbFailure *small = cut_failure(call->arena, failure);

        resp->failures = ARENA_NEW_ARRAY(call->arena, PbFailure *, 1);
        resp->failures[0] = small;
        resp->n_failures = 1;
        failure = small;
    }
    run_begin(run, &t);
    t.worker_version = req->worker_version;
    if (req->last_heartbeat_details != NULL)
        activity_heartbeat(&t, activity, req->last_heartbeat_details);
    activity_fail(&t, activity, failure, req->identity);
    return run_commit_checked(run, &t, NULL);
}

status engine_cancel_activity(struct call *call, const struct namespace_info *ns,
                              const PbRespondActivityTaskCanceledRequest *req)
{
    struct activity *activity;
    struct transition t;
    struct run *run;

    TRY(token_activity(call, ns, &req->task_token, false, &run, &activity));
    if (activity->cancel_requested_event_id == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_ACTIVITY_NOT_CANCELED);
    run_begin(run, &t);
    if (is_too_large(run->engine, req->details))
        fail_as_too_large(&t, call, activity, TEXT_CANCEL_DETAILS_TOO_LARGE, req->identity);
    else
        activity_cancel(&t, activity, req->details, req->identity);
    return run_commit_checked(run, &t, NULL);
}

status engine_heartbeat_activity(struct call *call, const struct namespace_info *ns,
                                 const PbRecordActivityTaskHeartbeatRequest *req,
                                 PbRecordActivityTaskHeartbeatResponse *resp)
{
    struct activity *activity;
    struct transition t;
    struct run *run;

    TRY(token_activity(call, ns, &req->task_token, false, &run, &activity));
    run_begin(run, &t);
    if (is_too_large(run->engine, req->details)) {
        fail_as_too_large(&t, call, activity, TEXT_HEARTBEAT_TOO_LARGE, req->identity);
        resp->cancel_requested = true;
    } else {
        activity_heartbeat(&t, activity, req->details);
        resp->cancel_requested = activity->cancel_requested_event_id != 0;
    }
    return run_commit_checked(run, &t, NULL);
}
