/*
 * How events enter a run: an event is made, filled by whoever decides, then settled: given its id and applied to the
 * state at once, or kept aside while a workflow task is started (buffered.c).
 */
#include "history/transition.h"

#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"

/* task_id only has to be positive and ascending within a run; the real server's begin near 2^20. */
enum { TASK_ID_BASE = 1 << 20, EVENTS_MIN = 8, EFFECTS_MIN = 8 };

void transition_begin(struct transition *t, struct mutable_state *ms, struct arena *arena, nanos now, struct rand *rand,
                      const struct history_limits *limits)
{
    *t = (struct transition){.ms = ms, .arena = arena, .now = now, .rand = rand, .limits = limits};
}

void *transition_add(struct transition *t, PbEventType type)
{
    const struct event_type *known = event_type_find(type);

    transition_settle(t);
    invariant(known != NULL, "event type %d is not in the table", (int)type);
    t->pending = ARENA_NEW_PB(t->arena, PbHistoryEvent);
    t->pending->event_type = type;
    t->pending->event_time = pb_timestamp_new(t->arena, t->now);
    t->pending->attributes_case = known->attributes_case;
    *event_attributes(t->pending) = pb_new(t->arena, known->attributes);
    if (t->command != NULL) {
        t->pending->user_metadata = t->command->user_metadata;
        t->pending->n_event_group_markers = t->command->n_event_group_markers;
        t->pending->event_group_markers = t->command->event_group_markers;
        t->command = NULL;
    }
    return *event_attributes(t->pending);
}

static void append(struct transition *t, PbHistoryEvent *event)
{
    if (t->events_count == t->events_capacity) {
        size_t capacity = t->events_capacity == 0 ? EVENTS_MIN : t->events_capacity * 2;
        PbHistoryEvent **events = ARENA_NEW_ARRAY(t->arena, PbHistoryEvent *, capacity);

        if (t->events_count > 0)
            memcpy(events, t->events, t->events_count * sizeof(PbHistoryEvent *));
        t->events = events;
        t->events_capacity = capacity;
    }
    t->events[t->events_count++] = event;
}

/* MS4: whether an event of this type has to wait for the started workflow task. */
static bool must_wait(const struct transition *t, PbEventType type)
{
    return event_type_is_bufferable(type) && (t->in_commands || t->ms->workflow_task.state == WORKFLOW_TASK_STARTED);
}

int64_t transition_settle(struct transition *t)
{
    PbHistoryEvent *event = t->pending;
    enum broken broken;

    if (event == NULL)
        return 0;
    t->pending = NULL;
    workflow_task_make_real(t);
    if (must_wait(t, event->event_type)) {
        mutable_state_buffer(t->ms, event);
        t->volatile_changed = true;
        return 0;
    }
    event->event_id = t->ms->next_event_id;
    event->task_id = TASK_ID_BASE + event->event_id;
    broken = mutable_state_apply(t->ms, event);
    invariant(broken == INTACT, "event %lld (%s) breaks the state of workflow %s, run %s: %d",
              (long long)event->event_id, event_type_name(event->event_type), t->ms->workflow_id,
              t->run_id == NULL ? "?" : t->run_id, (int)broken);
    append(t, event);
    return event->event_id;
}

void transition_effect(struct transition *t, enum effect_kind kind, int64_t event_id)
{
    if (t->effects_count == t->effects_capacity) {
        size_t capacity = t->effects_capacity == 0 ? EFFECTS_MIN : t->effects_capacity * 2;
        struct effect *effects = ARENA_NEW_ARRAY(t->arena, struct effect, capacity);

        if (t->effects_count > 0)
            memcpy(effects, t->effects, t->effects_count * sizeof(struct effect));
        t->effects = effects;
        t->effects_capacity = capacity;
    }
    t->effects[t->effects_count++] = (struct effect){.kind = kind, .event_id = event_id};
}

static bool buffer_is_full(const struct transition *t)
{
    return t->ms->buffered_count > t->limits->buffered_events_max ||
           t->ms->buffered_bytes > t->limits->buffered_bytes_max;
}

/* The history's length as the real server sees it here: what may be buffered gets its id later, unless something else
 * comes after it. Of the history's bytes nothing that this transition adds is counted yet. */
static int64_t length_so_far(const struct transition *t)
{
    size_t count = t->events_count;

    while (count > 0 && event_type_is_bufferable(t->events[count - 1]->event_type))
        count--;
    return t->ms->next_event_id - 1 - (int64_t)(t->events_count - count);
}

static const char *limit_exceeded(const struct transition *t)
{
    const struct mutable_state *ms = t->ms;

    if (!mutable_state_is_open(ms))
        return NULL;
    if (ms->history_bytes > t->limits->history_bytes_max)
        return "Workflow history size exceeds limit.";
    if (length_so_far(t) > t->limits->history_events_max)
        return "Workflow history count exceeds limit.";
    if (mutable_state_stored_bytes(ms, t->limits->state_bytes_max) > t->limits->state_bytes_max)
        return "Workflow mutable state size exceeds limit.";
    return NULL;
}

/* What the start of a workflow task changes of the volatile part is as little stored as the start itself: with what
 * comes next. */
static void store_versioning(struct transition *t)
{
    size_t stored = t->events_count;

    if (!versioning_must_be_stored(t->ms))
        return;
    if (stored > 0 && t->events[stored - 1]->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED)
        stored--;
    t->volatile_changed = t->volatile_changed || stored > 0;
    if (t->volatile_changed)
        versioning_is_stored(t->ms);
}

void transition_finish(struct transition *t)
{
    transition_settle(t);
    if (t->volatile_changed && !t->speculative_is_new)
        workflow_task_make_real(t);
    if (mutable_state_is_open(t->ms) && t->ms->workflow_task.state == WORKFLOW_TASK_STARTED && buffer_is_full(t))
        workflow_task_make_room(t);
    t->over_limit = limit_exceeded(t);
    store_versioning(t);
}

void transition_terminate_over_limit(struct transition *t)
{
    decide_terminate(t, t->over_limit, NULL, "history-service");
    transition_settle(t);
    store_versioning(t);
}
