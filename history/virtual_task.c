/*
 * Workflow tasks without events.
 *
 * Attempt 2 and later are transient: the log learns of them only when one completes, so a worker that fails for hours
 * does not grow the history. A speculative task brings nothing but an update: the log learns of it when something comes
 * of that, or when anything else is stored. Their ids are virtual: those that their events would get. Should other
 * events take the ids of a transient task meanwhile, it becomes a first attempt again.
 */
#include "base/invariant.h"
#include "history/internal.h"

/* From this attempt on, tasks that time out get more time each: 5 s doubling, at most 10 min. history.md 2.2 */
enum { SLOW_ATTEMPT_FIRST = 4 };
#define SLOW_ATTEMPT_EXTRA     seconds(5)
#define SLOW_ATTEMPT_EXTRA_MAX seconds(10 * 60)

/* A speculative task waits so long for a poll at a normal queue before it becomes a real one. */
#define SPECULATIVE_SCHEDULE_TO_START seconds(5)

static nanos start_to_close(const struct transition *t, int32_t attempt)
{
    nanos extra = SLOW_ATTEMPT_EXTRA;

    if (attempt < SLOW_ATTEMPT_FIRST)
        return t->ms->task_timeout;
    for (int32_t n = SLOW_ATTEMPT_FIRST; n < attempt && extra < SLOW_ATTEMPT_EXTRA_MAX; n++)
        extra = nanos_scale(extra, 2);
    if (extra > SLOW_ATTEMPT_EXTRA_MAX)
        extra = SLOW_ATTEMPT_EXTRA_MAX;
    extra -=
        (nanos)rand_below(t->rand, (uint64_t)(extra / 5)); /* jitter, so that stuck workflows do not move in step */
    return nanos_add(t->ms->task_timeout, extra);
}

void virtual_task_schedule_transient(struct transition *t)
{
    struct mutable_state *ms = t->ms;

    ms->workflow_task = (struct workflow_task){
        .state = WORKFLOW_TASK_SCHEDULED,
        .is_transient = true,
        .scheduled_event_id = ms->next_event_id,
        .attempt = ms->next_attempt,
        .scheduled_time = t->now,
        .original_scheduled_time = t->now,
        .start_to_close = start_to_close(t, ms->next_attempt),
    };
    t->volatile_changed = true;
}

void workflow_task_schedule_speculative(struct transition *t)
{
    struct mutable_state *ms = t->ms;
    bool sticky = ms->sticky_queue != NULL;

    transition_settle(t);
    if (!mutable_state_is_open(ms) || mutable_state_has_task(ms))
        return;
    ms->workflow_task = (struct workflow_task){
        .state = WORKFLOW_TASK_SCHEDULED,
        .is_speculative = true,
        .scheduled_event_id = ms->next_event_id,
        .attempt = 1,
        .scheduled_time = t->now,
        .original_scheduled_time = t->now,
        .start_to_close = ms->task_timeout,
        .is_sticky = sticky,
        .schedule_to_start = sticky ? ms->sticky_timeout : SPECULATIVE_SCHEDULE_TO_START,
    };
    t->speculative_is_new = true;
}

/* Writes the events that a virtual task never got: scheduled and, if it is, started. By whom says who ends the task;
 * the real server does not remember who has started it. */
void virtual_task_materialise(struct transition *t, const char *identity, const PbWorkerVersionStamp *stamp)
{
    struct mutable_state *ms = t->ms;
    struct workflow_task task = ms->workflow_task;
    PbWorkflowTaskScheduledEventAttributes *scheduled;
    const struct task_poller who = {identity, arena_strdup(t->arena, task.request_id), .stamp = stamp};

    if (!workflow_task_is_virtual(&task))
        return;
    invariant(task.scheduled_event_id == ms->next_event_id,
              "virtual ids are taken while the task is started"); /* MS4 */
    ms->workflow_task = (struct workflow_task){.state = WORKFLOW_TASK_NONE};
    scheduled = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
    scheduled->task_queue = workflow_task_queue(t->arena, ms);
    scheduled->start_to_close_timeout = pb_duration_new(t->arena, task.start_to_close);
    scheduled->attempt = task.attempt;
    t->pending->event_time = pb_timestamp_new(t->arena, task.scheduled_time);
    transition_settle(t);
    ms->workflow_task.schedule_to_start = task.schedule_to_start;
    t->volatile_changed = true;
    if (task.state != WORKFLOW_TASK_STARTED)
        return;
    workflow_task_add_started(t, &who, task.suggests); /* as the worker has seen it */
    t->pending->event_time = pb_timestamp_new(t->arena, task.started_time);
    transition_settle(t);
}

void virtual_task_make_real(struct transition *t, const char *identity, const PbWorkerVersionStamp *stamp)
{
    if (t->ms->workflow_task.is_speculative && mutable_state_is_open(t->ms))
        virtual_task_materialise(t, identity, stamp);
}

void workflow_task_make_real(struct transition *t)
{
    virtual_task_make_real(t, "", NULL);
}

size_t workflow_task_virtual_events(const struct mutable_state *ms, struct arena *arena, bool for_worker,
                                    PbHistoryEvent *ret_events[2])
{
    const struct workflow_task *task = &ms->workflow_task;
    PbWorkflowTaskScheduledEventAttributes *scheduled;
    PbWorkflowTaskStartedEventAttributes *started;

    if (!workflow_task_is_virtual(task) || task->scheduled_event_id != ms->next_event_id)
        return 0;
    ret_events[0] = ARENA_NEW_PB(arena, PbHistoryEvent);
    ret_events[0]->event_id = task->scheduled_event_id;
    ret_events[0]->event_time = pb_timestamp_new(arena, task->scheduled_time);
    ret_events[0]->event_type = EVENT_TYPE_WORKFLOW_TASK_SCHEDULED;
    ret_events[0]->attributes_case = event_type_find(EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)->attributes_case;
    scheduled = ARENA_NEW_PB(arena, PbWorkflowTaskScheduledEventAttributes);
    scheduled->task_queue = task->is_sticky ? workflow_task_queue(arena, ms)
                                            : normal_task_queue(arena, arena_strdup(arena, ms->task_queue));
    scheduled->start_to_close_timeout = pb_duration_new(arena, task->start_to_close);
    scheduled->attempt = task->attempt;
    *event_attributes(ret_events[0]) = scheduled;
    if (task->state != WORKFLOW_TASK_STARTED)
        return 1;
    ret_events[1] = ARENA_NEW_PB(arena, PbHistoryEvent);
    ret_events[1]->event_id = task->started_event_id;
    ret_events[1]->event_time = pb_timestamp_new(arena, task->started_time);
    ret_events[1]->event_type = EVENT_TYPE_WORKFLOW_TASK_STARTED;
    ret_events[1]->attributes_case = event_type_find(EVENT_TYPE_WORKFLOW_TASK_STARTED)->attributes_case;
    started = ARENA_NEW_PB(arena, PbWorkflowTaskStartedEventAttributes);
    started->scheduled_event_id = task->scheduled_event_id;
    started->identity = arena_strdup(arena, for_worker ? task->identity : "");
    started->request_id = arena_strdup(arena, task->request_id);
    workflow_task_fill_started(arena, ms, task->suggests, started);
    *event_attributes(ret_events[1]) = started;
    return 2;
}
