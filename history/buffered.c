/*
 * Buffered events: what happens while a workflow task is started waits, without an id, until the task has ended (MS4).
 * So a worker's commands always follow the events that it has seen, and nothing slips in between.
 *
 * The order at the end is that of arrival, except that events which close an activity or a child come last, so that its
 * start always precedes them. Only then do they learn the id of that start.
 */
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"

/* The field that an event of these kinds has for the event that began it, and for the one that started it. */
#define CLOSING_EVENTS(X)                                                                                    \
    X(EVENT_TYPE_ACTIVITY_TASK_COMPLETED, activity_task_completed, scheduled_event_id)                       \
    X(EVENT_TYPE_ACTIVITY_TASK_FAILED, activity_task_failed, scheduled_event_id)                             \
    X(EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, activity_task_timed_out, scheduled_event_id)                       \
    X(EVENT_TYPE_ACTIVITY_TASK_CANCELED, activity_task_canceled, scheduled_event_id)                         \
    X(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED, child_workflow_execution_completed, initiated_event_id) \
    X(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED, child_workflow_execution_failed, initiated_event_id)       \
    X(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED, child_workflow_execution_canceled, initiated_event_id)   \
    X(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT, child_workflow_execution_timed_out, initiated_event_id) \
    X(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED, child_workflow_execution_terminated, initiated_event_id)

int64_t event_ends(const PbHistoryEvent *event)
{
    switch ((int)event->event_type) {
#define X(type, lower, began) \
    case type:                \
        return event->lower##_event_attributes->began;
        CLOSING_EVENTS(X)
#undef X
    default:
        return 0;
    }
}

void event_set_started(PbHistoryEvent *event, int64_t started_event_id)
{
    switch ((int)event->event_type) {
#define X(type, lower, began)                                                 \
    case type:                                                                \
        event->lower##_event_attributes->started_event_id = started_event_id; \
        break;
        CLOSING_EVENTS(X)
#undef X
    default:
        invariant(false, "event type %d ends nothing", (int)event->event_type);
    }
}

/* The event that began what this one starts; 0 when it starts nothing. */
static int64_t starts(const PbHistoryEvent *event)
{
    if (event->event_type == EVENT_TYPE_ACTIVITY_TASK_STARTED)
        return event->activity_task_started_event_attributes->scheduled_event_id;
    if (event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
        return event->child_workflow_execution_started_event_attributes->initiated_event_id;
    return 0;
}

static void remember_request(struct mutable_state *ms, const char *request_id, bool joined, int64_t event_id)
{
    size_t length = strlen(request_id);
    struct used_request *request;

    if (length == 0)
        return;
    HASH_FIND_STR(ms->used_requests, request_id, request);
    if (request == NULL) {
        request = memory_new(sizeof(*request) + length + 1);
        memcpy(request->request_id, request_id, length + 1);
        HASH_ADD_KEYPTR(hh, ms->used_requests, request->request_id, length, request);
    }
    request->joined = joined;
    request->event_id = event_id;
}

void mutable_state_remember_join(struct mutable_state *ms, const char *request_id, int64_t event_id)
{
    remember_request(ms, request_id, true, event_id);
}

/* The activity or child with this first event is over. */
static void mark_ended(struct mutable_state *ms, int64_t began)
{
    struct activity *activity = mutable_state_activity(ms, began);
    struct child *child = mutable_state_child(ms, began);

    if (activity != NULL)
        activity->state = ACTIVITY_CLOSING;
    if (child != NULL)
        child->closing = true;
}

static void mark_external(struct mutable_state *ms, int64_t initiated_event_id)
{
    struct external *external = mutable_state_external(ms, initiated_event_id);

    if (external != NULL)
        external->closing = true;
}

static void mark_child_started(struct mutable_state *ms,
                               const PbChildWorkflowExecutionStartedEventAttributes *attributes)
{
    struct child *child = mutable_state_child(ms, attributes->initiated_event_id);

    if (child != NULL && attributes->workflow_execution != NULL)
        child->run_id = arena_strdup(child->arena, attributes->workflow_execution->run_id);
}

/* What an event that still waits already means: what it ends is over, its request id is used. */
static void mark(struct mutable_state *ms, const PbHistoryEvent *event)
{
    struct user_timer *timer;

    if (event_ends(event) != 0) {
        mark_ended(ms, event_ends(event));
        return;
    }
    switch ((int)event->event_type) {
    case EVENT_TYPE_TIMER_FIRED:
        timer = mutable_state_timer(ms, event->timer_fired_event_attributes->timer_id);
        if (timer != NULL && timer->started_event_id == event->timer_fired_event_attributes->started_event_id)
            timer->firing = true;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        remember_request(ms, event->workflow_execution_signaled_event_attributes->request_id, false, 0);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
        mutable_state_remember_join(ms, event->workflow_execution_options_updated_event_attributes->attached_request_id,
                                    0);
        options_act(ms, event->workflow_execution_options_updated_event_attributes);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        ms->cancel_requested = true;
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        mark_child_started(ms, event->child_workflow_execution_started_event_attributes);
        break;
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        mark_ended(ms, event->start_child_workflow_execution_failed_event_attributes->initiated_event_id);
        break;
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        mark_external(ms, event->external_workflow_execution_signaled_event_attributes->initiated_event_id);
        break;
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        mark_external(ms, event->signal_external_workflow_execution_failed_event_attributes->initiated_event_id);
        break;
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        mark_external(ms, event->external_workflow_execution_cancel_requested_event_attributes->initiated_event_id);
        break;
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        mark_external(ms,
                      event->request_cancel_external_workflow_execution_failed_event_attributes->initiated_event_id);
        break;
    default:
        break;
    }
}

void mutable_state_buffer(struct mutable_state *ms, const PbHistoryEvent *event)
{
    struct arena *arena = arena_new(packed_bytes(event) > 256 ? 1024 : 256);
    struct buffered_event *buffered = ARENA_NEW(arena, struct buffered_event);

    buffered->arena = arena;
    buffered->event = pb_copy(arena, event);
    *ms->buffered_end = buffered;
    ms->buffered_end = &buffered->next;
    ms->buffered_count++;
    ms->buffered_bytes += packed_bytes(event);
    mark(ms, event);
}

static bool activity_is_open(const struct mutable_state *ms, int64_t scheduled_event_id)
{
    const struct activity *activity = mutable_state_activity(ms, scheduled_event_id);

    return activity != NULL && activity->state != ACTIVITY_CLOSING;
}

static bool child_is_open(const struct mutable_state *ms, int64_t initiated_event_id)
{
    const struct child *child = mutable_state_child(ms, initiated_event_id);

    return child != NULL && !child->closing;
}

static bool external_is_open(const struct mutable_state *ms, int64_t initiated_event_id)
{
    const struct external *external = mutable_state_external(ms, initiated_event_id);

    return external != NULL && !external->closing;
}

static bool timer_is_pending(const struct mutable_state *ms, int64_t started_event_id)
{
    const struct user_timer *timer;

    for (timer = ms->timers; timer != NULL && timer->started_event_id != started_event_id;)
        timer = timer->by_id.next;
    return timer != NULL && !timer->firing;
}

/* Whether what the event is about is there and can have come to this. */
static bool fits(const struct mutable_state *ms, const PbHistoryEvent *event)
{
    switch ((int)event->event_type) {
    case EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return activity_is_open(ms, event->activity_task_started_event_attributes->scheduled_event_id);
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
    case EVENT_TYPE_ACTIVITY_TASK_FAILED:
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
    case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return activity_is_open(ms, event_ends(event));
    case EVENT_TYPE_TIMER_FIRED:
        return timer_is_pending(ms, event->timer_fired_event_attributes->started_event_id);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        return event->child_workflow_execution_started_event_attributes->workflow_execution != NULL &&
               child_is_open(ms, event->child_workflow_execution_started_event_attributes->initiated_event_id);
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        return child_is_open(ms, event->start_child_workflow_execution_failed_event_attributes->initiated_event_id);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        return child_is_open(ms, event_ends(event));
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        return external_is_open(ms, event->external_workflow_execution_signaled_event_attributes->initiated_event_id);
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return external_is_open(ms,
                                event->signal_external_workflow_execution_failed_event_attributes->initiated_event_id);
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return external_is_open(
            ms, event->external_workflow_execution_cancel_requested_event_attributes->initiated_event_id);
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return external_is_open(
            ms, event->request_cancel_external_workflow_execution_failed_event_attributes->initiated_event_id);
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
        return event->workflow_execution_update_admitted_event_attributes->request != NULL &&
               event->workflow_execution_update_admitted_event_attributes->request->meta != NULL;
    default:
        return true;
    }
}

enum broken mutable_state_buffer_again(struct mutable_state *ms, const PbHistoryEvent *event)
{
    const struct event_type *known = event_type_find(event->event_type);

    if (known == NULL || !known->is_buffered || event->attributes_case != known->attributes_case ||
        event_attributes_const(event) == NULL || !fits(ms, event))
        return BROKEN_VOLATILE;
    mutable_state_buffer(ms, event);
    return INTACT;
}

static void unlink_buffered(struct mutable_state *ms, struct buffered_event **at)
{
    struct buffered_event *gone = *at;

    *at = gone->next;
    if (ms->buffered_end == &gone->next)
        ms->buffered_end = at;
    ms->buffered_count--;
    ms->buffered_bytes -= packed_bytes(gone->event);
    arena_free(gone->arena);
}

bool mutable_state_unbuffer_timer(struct mutable_state *ms, const char *timer_id)
{
    for (struct buffered_event **at = &ms->buffered; *at != NULL; at = &(*at)->next) {
        const PbHistoryEvent *event = (*at)->event;

        if (event->event_type == EVENT_TYPE_TIMER_FIRED &&
            strcmp(event->timer_fired_event_attributes->timer_id, timer_id) == 0) {
            unlink_buffered(ms, at);
            return true;
        }
    }
    return false;
}

void mutable_state_drop_buffered(struct mutable_state *ms)
{
    while (ms->buffered != NULL)
        unlink_buffered(ms, &ms->buffered);
}

/* Puts a copy of a buffered event into the log and returns its id. */
static int64_t enter(struct transition *t, const PbHistoryEvent *buffered, int64_t started_event_id)
{
    t->pending = pb_copy(t->arena, buffered);
    if (started_event_id != 0)
        event_set_started(t->pending, started_event_id);
    return transition_settle(t);
}

/* Ids that the flushed ActivityTaskStarted events got. */
struct started_ids {
    int64_t (*pairs)[2]; /* scheduled_event_id, id of its start */
    size_t count;
};

static int64_t started_id_of(const struct started_ids *ids, int64_t scheduled_event_id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->pairs[i][0] == scheduled_event_id)
            return ids->pairs[i][1];
    return 0;
}

bool transition_flush_buffered(struct transition *t)
{
    struct mutable_state *ms = t->ms;
    struct buffered_event *all;
    struct started_ids ids = {.count = 0};

    transition_settle(t);
    all = ms->buffered;
    if (all == NULL)
        return false;
    ids.pairs = arena_alloc(t->arena, sizeof(int64_t[2]) * (size_t)ms->buffered_count);
    invariant(ms->workflow_task.state != WORKFLOW_TASK_STARTED, "flushes while a workflow task is started"); /* MS4 */
    ms->buffered = NULL;
    ms->buffered_end = &ms->buffered;
    ms->buffered_count = 0;
    ms->buffered_bytes = 0;
    ms->is_flushing = true;
    for (const struct buffered_event *b = all; b != NULL; b = b->next) {
        int64_t id;

        if (event_ends(b->event) != 0)
            continue;
        id = enter(t, b->event, 0);
        if (starts(b->event) != 0) {
            ids.pairs[ids.count][0] = starts(b->event);
            ids.pairs[ids.count++][1] = id;
        }
    }
    for (const struct buffered_event *b = all; b != NULL; b = b->next)
        if (event_ends(b->event) != 0)
            enter(t, b->event, started_id_of(&ids, event_ends(b->event)));
    ms->is_flushing = false;
    while (all != NULL) {
        struct buffered_event *next = all->next;

        arena_free(all->arena);
        all = next;
    }
    t->volatile_changed = true;
    return true;
}

enum broken apply_signaled(struct mutable_state *ms, const PbHistoryEvent *event,
                           const PbWorkflowExecutionSignaledEventAttributes *attributes)
{
    ms->signals_count++;
    remember_request(ms, attributes->request_id, false, event->event_id);
    return INTACT;
}
