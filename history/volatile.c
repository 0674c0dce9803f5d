/* The volatile part as bytes and back. What it means stands in proto/fermata/run.proto. */
#include <stdlib.h>

#include "history/internal.h"

static bool activity_is_as_scheduled(const struct activity *activity)
{
    return activity->attempt == 1 && activity->started_time == 0 && activity->stamp == 0 &&
           activity->last_heartbeat_time == 0 && activity->last_version == NULL &&
           activity->attempt_scheduled_time == activity->first_scheduled_time;
}

static PbActivityVolatile *pack_activity(const struct activity *activity, struct arena *arena)
{
    PbActivityVolatile *packed = ARENA_NEW_PB(arena, PbActivityVolatile);

    packed->scheduled_event_id = activity->scheduled_event_id;
    packed->attempt = activity->attempt;
    packed->attempt_scheduled_time = activity->attempt_scheduled_time;
    packed->started_time = activity->started_time;
    packed->started_identity = borrow_text(activity->started_identity);
    packed->started_request_id = borrow_text(activity->started_request_id);
    packed->heartbeat_time = activity->heartbeat_time;
    packed->last_heartbeat_time = activity->last_heartbeat_time;
    packed->heartbeat_details = borrow(activity->heartbeat_details);
    packed->last_failure = borrow(activity->last_failure);
    packed->last_worker_identity = borrow_text(activity->last_worker_identity);
    packed->last_attempt_complete_time = activity->last_attempt_complete_time;
    packed->stamp = activity->stamp;
    packed->last_version = borrow(activity->last_version);
    return packed;
}

static void pack_activities(const struct mutable_state *ms, struct arena *arena, PbRunVolatile *packed)
{
    struct activity *activity, *next;

    packed->activities = ARENA_NEW_ARRAY(arena, PbActivityVolatile *, mutable_state_activities_count(ms));
    /* The table is filled by folding, in order of scheduled_event_id, and uthash keeps that order. */
    HASH_ITER (by_event, ms->activities, activity, next)
        if (!activity_is_as_scheduled(activity))
            packed->activities[packed->n_activities++] = pack_activity(activity, arena);
}

static void pack_buffered(const struct mutable_state *ms, struct arena *arena, PbRunVolatile *packed)
{
    packed->buffered_events = ARENA_NEW_ARRAY(arena, PbHistoryEvent *, ms->buffered_count);
    for (const struct buffered_event *b = ms->buffered; b != NULL; b = b->next)
        packed->buffered_events[packed->n_buffered_events++] = borrow(b->event);
}

struct bytes mutable_state_pack_volatile(const struct mutable_state *ms, struct arena *arena)
{
    PbRunVolatile *packed = ARENA_NEW_PB(arena, PbRunVolatile);
    const struct workflow_task *task = &ms->workflow_task;

    if (task->state != WORKFLOW_TASK_NONE && task->is_transient) {
        packed->transient_workflow_task = ARENA_NEW_PB(arena, PbTransientWorkflowTask);
        packed->transient_workflow_task->attempt = task->attempt;
        packed->transient_workflow_task->scheduled_time = task->scheduled_time;
        packed->transient_workflow_task->scheduled_event_id = task->scheduled_event_id;
    }
    if (ms->activities != NULL)
        pack_activities(ms, arena, packed);
    if (ms->buffered != NULL)
        pack_buffered(ms, arena, packed);
    packed->close_refused = ms->close_refused;
    packed->original_scheduled_time =
        task->original_scheduled_time == task->scheduled_time ? 0 : task->original_scheduled_time;
    packed->workflow_task_problems = ms->workflow_task_problems;
    packed->reset_run_id = borrow_text(ms->reset_run_id);
    packed->versioning = versioning_pack(ms, arena);
    if (task->state != WORKFLOW_TASK_NONE && task->stamp > 0) {
        packed->rebound_event_id = task->scheduled_event_id;
        packed->rebound_stamp = task->stamp;
    }
    return pb_pack(arena, packed);
}

static enum broken unpack_activity(struct mutable_state *ms, const PbActivityVolatile *packed)
{
    struct activity *activity = mutable_state_activity(ms, packed->scheduled_event_id);

    if (activity == NULL || packed->attempt < 1)
        return BROKEN_VOLATILE;
    activity->attempt = packed->attempt;
    activity->attempt_scheduled_time = packed->attempt_scheduled_time;
    activity->started_time = packed->started_time;
    activity->state = packed->started_time == 0 ? ACTIVITY_SCHEDULED : ACTIVITY_STARTED;
    activity->started_identity = arena_strdup(activity->start_arena, packed->started_identity);
    activity->started_request_id = arena_strdup(activity->start_arena, packed->started_request_id);
    activity->heartbeat_time = packed->heartbeat_time;
    activity->last_heartbeat_time = packed->last_heartbeat_time;
    activity->heartbeat_details = pb_copy(activity->heartbeat_arena, packed->heartbeat_details);
    activity->last_failure = pb_copy(activity->failure_arena, packed->last_failure);
    activity->last_worker_identity = arena_strdup(activity->start_arena, packed->last_worker_identity);
    activity->last_attempt_complete_time = packed->last_attempt_complete_time;
    activity->stamp = packed->stamp;
    activity_keep_version(activity, packed->last_version);
    return INTACT;
}

static enum broken unpack_task(struct mutable_state *ms, const PbTransientWorkflowTask *packed)
{
    struct workflow_task *task = &ms->workflow_task;

    if (packed == NULL)
        return INTACT;
    if (mutable_state_has_task(ms) || packed->attempt < 2 || packed->scheduled_event_id < 2 ||
        packed->scheduled_event_id > ms->next_event_id)
        return BROKEN_VOLATILE;
    *task = (struct workflow_task){
        .state = WORKFLOW_TASK_SCHEDULED,
        .is_transient = true,
        .scheduled_event_id = packed->scheduled_event_id,
        .attempt = packed->attempt,
        .scheduled_time = packed->scheduled_time,
        .original_scheduled_time = packed->scheduled_time,
        .start_to_close = ms->task_timeout,
    };
    ms->next_attempt = packed->attempt;
    return INTACT;
}

enum broken mutable_state_unpack_volatile(struct mutable_state *ms, const struct history_limits *limits,
                                          struct bytes packed)
{
    struct arena *scratch;
    const PbRunVolatile *part;
    enum broken broken = INTACT;

    ms->workflow_task.is_sticky = false; /* who served that queue is not known any more: the normal one it is */
    if (packed.len == 0)
        return INTACT;
    scratch = arena_new(1024);
    part = pb_unpack(scratch, &PbRunVolatile_descriptor, packed.data, packed.len);
    if (part == NULL)
        broken = BROKEN_VOLATILE;
    if (broken == INTACT)
        versioning_unpack(ms, part->versioning, true);
    for (size_t i = 0; broken == INTACT && i < part->n_activities; i++)
        broken = unpack_activity(ms, part->activities[i]);
    if (broken == INTACT)
        broken = unpack_task(ms, part->transient_workflow_task);
    for (size_t i = 0; broken == INTACT && i < part->n_buffered_events; i++)
        broken = mutable_state_buffer_again(ms, part->buffered_events[i]);
    if (broken == INTACT) {
        if (part->original_scheduled_time != 0 && mutable_state_has_task(ms))
            ms->workflow_task.original_scheduled_time = part->original_scheduled_time;
        if (mutable_state_has_task(ms) && ms->workflow_task.scheduled_event_id == part->rebound_event_id)
            ms->workflow_task.stamp = part->rebound_stamp;
        ms->close_refused = part->close_refused;
        ms->workflow_task_problems = part->workflow_task_problems;
        if (part->reset_run_id[0] != '\0')
            ms->reset_run_id = arena_strdup(ms->arena, part->reset_run_id);
        workflow_task_report_problems(ms, limits);
    }
    arena_free(scratch);
    return broken;
}
