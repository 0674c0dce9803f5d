/*
 * The state's life and the questions about it. What events do to it stands with the thing they are about: activity.c,
 * timer.c, workflow_task.c and so on.
 */
#include "history/mutable_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"

/* A run's first chunk: enough for the texts of most started events. */
enum { RUN_ARENA_BYTES = 320, SCRATCH_ARENA_BYTES = 4096 };

/* One typed wrapper per applier, so that none is called through a pointer of another type. */
#define EVENT(upper, lower, camel, apply, buffered)                                                                \
    static enum broken wrap_##apply(struct mutable_state *ms, const PbHistoryEvent *event, const void *attributes) \
    {                                                                                                              \
        return apply(ms, event, attributes);                                                                       \
    }
#include "history/event_types.def"
#undef EVENT

static const struct event_type event_types[] = {
#define EVENT(upper, lower, camel, apply, buffered)                                    \
    {EVENT_TYPE_##upper,                                                               \
     #camel,                                                                           \
     buffered,                                                                         \
     TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_##upper##_EVENT_ATTRIBUTES, \
     &Pb##camel##EventAttributes_descriptor,                                           \
     wrap_##apply},
#include "history/event_types.def"
#undef EVENT
};

const struct event_type *event_type_find(PbEventType type)
{
    for (size_t i = 0; i < sizeof(event_types) / sizeof(event_types[0]); i++)
        if (event_types[i].type == type)
            return &event_types[i];
    return NULL;
}

bool event_type_is_bufferable(PbEventType type)
{
    const struct event_type *known = event_type_find(type);

    return known != NULL && known->is_buffered;
}

const char *event_type_name(PbEventType type)
{
    const struct event_type *known = event_type_find(type);

    return known == NULL ? "Unknown" : known->name;
}

struct mutable_state *mutable_state_new(void)
{
    struct arena *arena = arena_new(RUN_ARENA_BYTES);
    struct mutable_state *ms = memory_new(sizeof(*ms));

    ms->arena = arena;
    ms->next_event_id = 1;
    ms->next_attempt = 1;
    ms->run_expires_at = ms->execution_expires_at = NANOS_MAX;
    ms->buffered_end = &ms->buffered;
    ms->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    return ms;
}

void mutable_state_free(struct mutable_state *ms)
{
    struct activity *activity, *next_activity;
    struct user_timer *timer, *next_timer;
    struct child *child, *next_child;
    struct external *external, *next_external;
    struct update *update, *next_update;
    struct used_request *request, *next_request;

    if (ms == NULL)
        return;
    HASH_ITER (by_event, ms->activities, activity, next_activity)
        activity_free(ms, activity);
    HASH_ITER (by_id, ms->timers, timer, next_timer)
        user_timer_free(ms, timer);
    HASH_ITER (by_event, ms->children, child, next_child)
        child_free(ms, child);
    HASH_ITER (by_event, ms->externals, external, next_external)
        external_free(ms, external);
    HASH_ITER (by_id, ms->updates, update, next_update)
        update_free(ms, update);
    HASH_ITER (hh, ms->used_requests, request, next_request) {
        HASH_DEL(ms->used_requests, request);
        memory_free(request);
    }
    mutable_state_drop_buffered(ms);
    versions_free(ms->versions);
    versioning_free(ms->versioning);
    memory_free(ms->task_texts);
    memory_free(ms->sticky_queue);
    arena_free(ms->memo_arena);
    memory_free((void *)(uintptr_t)ms->search_attributes.data);
    arena_free(ms->priority_arena);
    arena_free(ms->arena);
    memory_free(ms);
}

enum broken mutable_state_apply(struct mutable_state *ms, const PbHistoryEvent *event)
{
    const struct event_type *known = event_type_find(event->event_type);

    if (event->event_id != ms->next_event_id || ms->close_event_id != 0)
        return BROKEN_EVENT_ORDER; /* MS1, MS5 */
    if (known == NULL || event->attributes_case != known->attributes_case || event_attributes_const(event) == NULL)
        return BROKEN_UNKNOWN_EVENT;
    if ((event->event_id == 1) != (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_STARTED))
        return BROKEN_EVENT_ORDER;
    ms->next_event_id++;
    external_payloads_add(event_attributes_const(event), &ms->external_payloads);
    external_payloads_add(event->user_metadata, &ms->external_payloads);
    return known->apply(ms, event, event_attributes_const(event));
}

enum broken mutable_state_apply_batch(struct mutable_state *ms, struct bytes history)
{
    struct arena *scratch = arena_new(SCRATCH_ARENA_BYTES);
    const PbHistory *events = pb_unpack(scratch, &PbHistory_descriptor, history.data, history.len);
    /* No batch is empty: one that has become so would otherwise end the log before its end. */
    enum broken broken = events == NULL || events->n_events == 0 ? BROKEN_UNKNOWN_EVENT : INTACT;

    for (size_t i = 0; broken == INTACT && i < events->n_events; i++)
        broken = mutable_state_apply(ms, events->events[i]);
    arena_free(scratch);
    return broken;
}

struct activity *mutable_state_activity(const struct mutable_state *ms, int64_t scheduled_event_id)
{
    struct activity *activity;

    HASH_FIND(by_event, ms->activities, &scheduled_event_id, sizeof(scheduled_event_id), activity);
    return activity;
}

struct activity *mutable_state_activity_by_id(const struct mutable_state *ms, const char *activity_id)
{
    struct activity *activity, *other;

    HASH_FIND(by_id, ms->activities_by_id, activity_id, strlen(activity_id), activity);
    if (activity == NULL || activity->state != ACTIVITY_CLOSING)
        return activity;
    /* Which of two with one id is found depends on how the table has grown: the other one, if any, is the newer. */
    for (other = ms->activities_by_id; other != NULL; other = other->by_id.next)
        if (other->scheduled_event_id > activity->scheduled_event_id &&
            strcmp(other->scheduled->activity_id, activity_id) == 0)
            activity = other;
    return activity;
}

struct user_timer *mutable_state_timer(const struct mutable_state *ms, const char *timer_id)
{
    struct user_timer *timer, *other;

    HASH_FIND(by_id, ms->timers, timer_id, strlen(timer_id), timer);
    if (timer == NULL || !timer->firing)
        return timer;
    for (other = ms->timers; other != NULL; other = other->by_id.next) /* as with activities */
        if (other->started_event_id > timer->started_event_id && strcmp(other->timer_id, timer_id) == 0)
            timer = other;
    return timer;
}

struct child *mutable_state_child(const struct mutable_state *ms, int64_t initiated_event_id)
{
    struct child *child;

    HASH_FIND(by_event, ms->children, &initiated_event_id, sizeof(initiated_event_id), child);
    return child;
}

struct external *mutable_state_external(const struct mutable_state *ms, int64_t initiated_event_id)
{
    struct external *external;

    HASH_FIND(by_event, ms->externals, &initiated_event_id, sizeof(initiated_event_id), external);
    return external;
}

bool mutable_state_request_used(const struct mutable_state *ms, const char *request_id)
{
    struct used_request *request;

    HASH_FIND_STR(ms->used_requests, request_id, request);
    return request != NULL;
}

bool mutable_state_request_joined(const struct mutable_state *ms, const char *request_id)
{
    struct used_request *request;

    HASH_FIND_STR(ms->used_requests, request_id, request);
    return request != NULL && request->joined;
}

int32_t mutable_state_activities_count(const struct mutable_state *ms)
{
    return (int32_t)HASH_CNT(by_event, ms->activities);
}

int32_t mutable_state_timers_count(const struct mutable_state *ms)
{
    return (int32_t)HASH_CNT(by_id, ms->timers);
}

/* What something pending takes beside its texts and payloads, more or less: ids, times, attempts. */
enum { PENDING_BYTES = 256 };

/* Of what is pending without payloads: timers, children, signals and the like; and of what is buffered. */
static int64_t simple_bytes(const struct mutable_state *ms)
{
    size_t count = (size_t)mutable_state_timers_count(ms) + HASH_CNT(by_event, ms->children) +
                   HASH_CNT(by_event, ms->externals) + HASH_CNT(by_id, ms->updates) + HASH_COUNT(ms->used_requests);

    return (int64_t)count * PENDING_BYTES + ms->buffered_bytes;
}

static int64_t held_bytes(const struct arena *arena)
{
    return arena == NULL ? 0 : (int64_t)arena_bytes_held(arena);
}

int64_t mutable_state_stored_bytes(const struct mutable_state *ms, int64_t enough)
{
    int64_t most = simple_bytes(ms) + held_bytes(ms->arena) + held_bytes(ms->memo_arena);
    int64_t bytes = simple_bytes(ms) + PENDING_BYTES + packed_bytes(ms->memo) + (int64_t)ms->search_attributes.len;
    const struct activity *activity;

    for (activity = ms->activities; activity != NULL; activity = activity->by_event.next)
        most += PENDING_BYTES + held_bytes(activity->heartbeat_arena) + held_bytes(activity->failure_arena);
    if (most <= enough)
        return most;
    for (activity = ms->activities; activity != NULL; activity = activity->by_event.next)
        bytes += PENDING_BYTES + packed_bytes(activity->heartbeat_details) + packed_bytes(activity->last_failure);
    return bytes;
}

static nanos earlier(nanos a, nanos b)
{
    return a < b ? a : b;
}

nanos mutable_state_next_deadline(const struct mutable_state *ms)
{
    nanos due;
    struct activity *activity, *next_activity;
    struct user_timer *timer, *next_timer;
    PbTimeoutType type;

    if (!mutable_state_is_open(ms))
        return NANOS_MAX;
    due = earlier(ms->run_expires_at, ms->execution_expires_at);
    due = earlier(due, workflow_task_deadline(ms));
    if (mutable_state_in_backoff(ms) && !mutable_state_has_task(ms)) /* an update may have brought a speculative one */
        due = earlier(due, ms->first_task_at);
    HASH_ITER (by_event, ms->activities, activity, next_activity)
        due = earlier(due, activity_deadline(activity, &type));
    HASH_ITER (by_id, ms->timers, timer, next_timer)
        if (!timer->firing)
            due = earlier(due, timer->fires_at);
    return due;
}

/* ---- the fold check ---- */

#define DIFFERS(claim, ...)                          \
    do {                                             \
        if (claim)                                   \
            return arena_printf(arena, __VA_ARGS__); \
    } while (0)

static const char *tasks_difference(const struct workflow_task *a, const struct workflow_task *b, struct arena *arena)
{
    DIFFERS(a->state != b->state, "workflow task state %d and %d", (int)a->state, (int)b->state);
    if (a->state == WORKFLOW_TASK_NONE)
        return NULL;
    DIFFERS(a->is_transient != b->is_transient, "workflow task transient %d and %d", a->is_transient, b->is_transient);
    DIFFERS(a->scheduled_event_id != b->scheduled_event_id, "workflow task scheduled event %lld and %lld",
            (long long)a->scheduled_event_id, (long long)b->scheduled_event_id);
    DIFFERS(a->attempt != b->attempt, "workflow task attempt %d and %d", a->attempt, b->attempt);
    DIFFERS(a->stamp != b->stamp, "workflow task stamp %lld and %lld", (long long)a->stamp, (long long)b->stamp);
    DIFFERS(a->scheduled_time != b->scheduled_time, "workflow task scheduled time %lld and %lld",
            (long long)a->scheduled_time, (long long)b->scheduled_time);
    DIFFERS(a->original_scheduled_time != b->original_scheduled_time,
            "workflow task original scheduled time %lld and %lld", (long long)a->original_scheduled_time,
            (long long)b->original_scheduled_time);
    return NULL;
}

static const char *activities_difference(const struct mutable_state *a, const struct mutable_state *b,
                                         struct arena *arena)
{
    struct activity *mine, *next;

    DIFFERS(mutable_state_activities_count(a) != mutable_state_activities_count(b), "%d and %d activities",
            mutable_state_activities_count(a), mutable_state_activities_count(b));
    HASH_ITER (by_event, a->activities, mine, next) {
        const struct activity *other = mutable_state_activity(b, mine->scheduled_event_id);
        long long id = (long long)mine->scheduled_event_id;

        DIFFERS(other == NULL, "activity %lld is missing", id);
        DIFFERS(mine->state != other->state, "activity %lld: state %d and %d", id, (int)mine->state, (int)other->state);
        DIFFERS(mine->attempt != other->attempt, "activity %lld: attempt %d and %d", id, mine->attempt, other->attempt);
        DIFFERS(mine->attempt_scheduled_time != other->attempt_scheduled_time, "activity %lld: scheduled %lld and %lld",
                id, (long long)mine->attempt_scheduled_time, (long long)other->attempt_scheduled_time);
        DIFFERS(mine->started_time != other->started_time, "activity %lld: started %lld and %lld", id,
                (long long)mine->started_time, (long long)other->started_time);
        DIFFERS(mine->heartbeat_time != other->heartbeat_time ||
                    mine->last_heartbeat_time != other->last_heartbeat_time,
                "activity %lld: heartbeat %lld and %lld", id, (long long)mine->heartbeat_time,
                (long long)other->heartbeat_time);
        DIFFERS(mine->cancel_requested_event_id != other->cancel_requested_event_id,
                "activity %lld: cancel %lld and %lld", id, (long long)mine->cancel_requested_event_id,
                (long long)other->cancel_requested_event_id);
        DIFFERS(mine->stamp != other->stamp, "activity %lld: stamp %lld and %lld", id, (long long)mine->stamp,
                (long long)other->stamp);
        DIFFERS((mine->last_version == NULL) != (other->last_version == NULL), "activity %lld: last version", id);
        DIFFERS(packed_bytes(mine->last_failure) != packed_bytes(other->last_failure), "activity %lld: last failure",
                id);
        DIFFERS(packed_bytes(mine->heartbeat_details) != packed_bytes(other->heartbeat_details),
                "activity %lld: heartbeat details", id);
    }
    return NULL;
}

static const char *timers_difference(const struct mutable_state *a, const struct mutable_state *b, struct arena *arena)
{
    struct user_timer *mine, *next;

    DIFFERS(mutable_state_timers_count(a) != mutable_state_timers_count(b), "%d and %d timers",
            mutable_state_timers_count(a), mutable_state_timers_count(b));
    HASH_ITER (by_id, a->timers, mine, next) {
        const struct user_timer *other = mutable_state_timer(b, mine->timer_id);

        if (other != NULL && other->started_event_id != mine->started_event_id)
            continue; /* two with one id, the older of which is over */
        DIFFERS(other == NULL || mine->fires_at != other->fires_at || mine->firing != other->firing, "timer %s",
                mine->timer_id);
    }
    return NULL;
}

static const char *others_difference(const struct mutable_state *a, const struct mutable_state *b, struct arena *arena)
{
    struct child *child, *next_child;
    struct external *external, *next_external;
    const struct update *update;

    DIFFERS(HASH_CNT(by_event, a->children) != HASH_CNT(by_event, b->children), "children");
    HASH_ITER (by_event, a->children, child, next_child) {
        const struct child *other = mutable_state_child(b, child->initiated_event_id);

        DIFFERS(other == NULL || child->closing != other->closing ||
                    child->started_event_id != other->started_event_id ||
                    (child->run_id == NULL) != (other->run_id == NULL),
                "child %lld", (long long)child->initiated_event_id);
    }
    for (update = a->updates; update != NULL; update = update->by_id.next) {
        const struct update *other = mutable_state_update(b, update->id);

        DIFFERS(update->stage > UPDATE_SENT && (other == NULL || other->stage != update->stage), "update %s",
                update->id);
    }
    DIFFERS(HASH_CNT(by_event, a->externals) != HASH_CNT(by_event, b->externals), "external signals and cancellations");
    HASH_ITER (by_event, a->externals, external, next_external) {
        const struct external *other = mutable_state_external(b, external->initiated_event_id);

        DIFFERS(other == NULL || external->closing != other->closing, "external %lld",
                (long long)external->initiated_event_id);
    }
    return NULL;
}

static bool messages_equal(const void *a, const void *b, struct arena *arena)
{
    if (a == NULL || b == NULL)
        return a == b;
    return bytes_equal(pb_pack(arena, a), pb_pack(arena, b));
}

/* Whether each attribute of `a` is one of `b`: in what order they stand depends on what has changed when. */
static bool attributes_are_among(const PbSearchAttributes *a, const PbSearchAttributes *b, struct arena *arena)
{
    for (size_t i = 0; a != NULL && i < a->n_indexed_fields; i++) {
        const PbPayload *other = NULL;

        for (size_t j = 0; b != NULL && j < b->n_indexed_fields; j++)
            if (strcmp(a->indexed_fields[i]->key, b->indexed_fields[j]->key) == 0)
                other = b->indexed_fields[j]->value;
        if (!messages_equal(a->indexed_fields[i]->value, other, arena))
            return false;
    }
    return true;
}

static const char *versioning_difference(const struct mutable_state *a, const struct mutable_state *b,
                                         struct arena *arena)
{
    DIFFERS(!messages_equal(versioning_info(a, arena), versioning_info(b, arena), arena), "versioning");
    DIFFERS(!messages_equal(versioning_pack(a, arena), versioning_pack(b, arena), arena),
            "volatile part of versioning");
    DIFFERS(strcmp(versioning_deployment_name(a), versioning_deployment_name(b)) != 0, "deployment %s and %s",
            versioning_deployment_name(a), versioning_deployment_name(b));
    DIFFERS(!messages_equal(a->priority, b->priority, arena), "priority");
    return NULL;
}

const char *mutable_state_difference(const struct mutable_state *a, const struct mutable_state *b, struct arena *arena)
{
    const PbSearchAttributes *a_attributes = mutable_state_search_attributes(a, arena);
    const PbSearchAttributes *b_attributes = mutable_state_search_attributes(b, arena);
    const char *difference;

    DIFFERS(a->next_event_id != b->next_event_id, "next event id %lld and %lld", (long long)a->next_event_id,
            (long long)b->next_event_id);
    DIFFERS(a->transitions != b->transitions, "%lld and %lld transitions", (long long)a->transitions,
            (long long)b->transitions);
    DIFFERS(a->status != b->status, "status %d and %d", (int)a->status, (int)b->status);
    DIFFERS(a->close_event_id != b->close_event_id || a->close_time != b->close_time, "close");
    DIFFERS(a->previous_started_event_id != b->previous_started_event_id, "previous started event %lld and %lld",
            (long long)a->previous_started_event_id, (long long)b->previous_started_event_id);
    DIFFERS(a->cancel_requested != b->cancel_requested, "cancel requested");
    DIFFERS(a->reset_event_id != b->reset_event_id || a->start_time != b->start_time, "reset event %lld and %lld",
            (long long)a->reset_event_id, (long long)b->reset_event_id);
    DIFFERS((a->reset_run_id == NULL) != (b->reset_run_id == NULL), "reset run");
    DIFFERS(a->first_task_scheduled != b->first_task_scheduled, "first task scheduled");
    DIFFERS(a->signals_count != b->signals_count, "%d and %d signals", a->signals_count, b->signals_count);
    DIFFERS(HASH_COUNT(a->used_requests) != HASH_COUNT(b->used_requests), "used request ids");
    DIFFERS(a->run_expires_at != b->run_expires_at || a->execution_expires_at != b->execution_expires_at, "expiration");
    DIFFERS(a->external_payloads.count != b->external_payloads.count ||
                a->external_payloads.bytes != b->external_payloads.bytes,
            "external payloads");
    DIFFERS(!messages_equal(a->memo, b->memo, arena), "memo");
    DIFFERS(!attributes_are_among(a_attributes, b_attributes, arena) ||
                !attributes_are_among(b_attributes, a_attributes, arena),
            "search attributes");
    DIFFERS(a->buffered_count != b->buffered_count, "%d and %d buffered events", a->buffered_count, b->buffered_count);
    DIFFERS(a->close_refused != b->close_refused, "close refused");
    DIFFERS(a->workflow_task_problems != b->workflow_task_problems, "%d and %d workflow task problems",
            a->workflow_task_problems, b->workflow_task_problems);
    DIFFERS(packed_bytes(mutable_state_reset_points(a, arena, "")) !=
                packed_bytes(mutable_state_reset_points(b, arena, "")),
            "reset points");
    difference = versioning_difference(a, b, arena);
    if (difference == NULL)
        difference = tasks_difference(&a->workflow_task, &b->workflow_task, arena);
    if (difference == NULL)
        difference = activities_difference(a, b, arena);
    if (difference == NULL)
        difference = timers_difference(a, b, arena);
    if (difference == NULL)
        difference = others_difference(a, b, arena);
    return difference;
}
