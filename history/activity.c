/*
 * Activities.
 *
 *      schedule            start             complete, fail for good, time out, cancel
 *    ----------> SCHEDULED -----> STARTED ------------------------------------------> gone
 *                    ^               |                                      (CLOSING while the event is buffered)
 *                    +---------------+
 *                 fails, is tried again (attempt + 1, backing off until attempt_scheduled_time)
 *
 * The log has ActivityTaskScheduled, and only when the activity is over ActivityTaskStarted (of the last attempt) with
 * the event that ends it. Attempts, heartbeats and failures in between are the volatile part.
 */
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "history/failures.h"
#include "history/internal.h"
#include "proto/versioning.h"

enum { ACTIVITY_ARENA_BYTES = 512, DETAILS_ARENA_BYTES = 128 };

/* A stored failure larger than this is cut down between attempts (mutable state stays small). Server 1.32.0: 4 KiB. */
enum { KEPT_FAILURE_BYTES_MAX = 4 * 1024, SHORTENED_FAILURE_BYTES = 4 * 1024 };

/* ---- the object ---- */

static struct activity *activity_new(struct mutable_state *ms, const PbHistoryEvent *event,
                                     const PbActivityTaskScheduledEventAttributes *attributes)
{
    struct arena *arena = arena_new(ACTIVITY_ARENA_BYTES);
    struct activity *activity = ARENA_NEW(arena, struct activity);

    activity->arena = arena;
    activity->start_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->heartbeat_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->failure_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->scheduled = pb_copy(arena, attributes);
    activity->scheduled_event_id = event->event_id;
    activity->scheduled_time = time_from_pb(event->event_time);
    activity->first_scheduled_time = activity->attempt_scheduled_time = activity->scheduled_time;
    activity->attempt = 1;
    HASH_ADD(by_event, ms->activities, scheduled_event_id, sizeof(activity->scheduled_event_id), activity);
    HASH_ADD_KEYPTR(by_id, ms->activities_by_id, activity->scheduled->activity_id,
                    strlen(activity->scheduled->activity_id), activity);
    return activity;
}

void activity_free(struct mutable_state *ms, struct activity *activity)
{
    HASH_DELETE(by_event, ms->activities, activity);
    HASH_DELETE(by_id, ms->activities_by_id, activity);
    arena_free(activity->start_arena);
    arena_free(activity->heartbeat_arena);
    arena_free(activity->failure_arena);
    arena_free(activity->version_arena);
    arena_free(activity->arena);
}

static void keep_heartbeat(struct activity *activity, const PbPayloads *details)
{
    struct arena *old = activity->heartbeat_arena;

    if (details == activity->heartbeat_details)
        return;
    activity->heartbeat_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->heartbeat_details = pb_copy(activity->heartbeat_arena, details);
    arena_free(old);
}

/* Only failures that are tried again are kept, so this one claims to be. */
static const PbFailure *cut_down(struct arena *arena, const PbFailure *failure)
{
    PbFailure *small;

    if (packed_bytes(failure) <= KEPT_FAILURE_BYTES_MAX)
        return failure;
    small = server_failure(arena, "Failure exceeds size limit.");
    small->cause = failure_shorten(arena, failure, SHORTENED_FAILURE_BYTES);
    return small;
}

static void keep_failure(struct transition *t, struct activity *activity, const PbFailure *failure)
{
    struct arena *old = activity->failure_arena;

    activity->failure_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->last_failure = pb_copy(activity->failure_arena, failure == NULL ? NULL : cut_down(t->arena, failure));
    arena_free(old);
}

struct activity *activity_current(const struct mutable_state *ms, int64_t scheduled_event_id, int32_t attempt,
                                  int64_t stamp, bool started)
{
    struct activity *activity = mutable_state_activity(ms, scheduled_event_id);

    if (!mutable_state_is_open(ms) || activity == NULL || activity->attempt != attempt || activity->stamp != stamp)
        return NULL;
    return activity->state == (started ? ACTIVITY_STARTED : ACTIVITY_SCHEDULED) ? activity : NULL;
}

/* ---- its deadlines ---- */

struct deadline {
    nanos at;
    PbTimeoutType type;
};

static void consider(struct deadline *earliest, nanos from, const PbDuration *span, PbTimeoutType type)
{
    nanos length = duration_from_pb(span), at = nanos_add(from, length);

    if (length > 0 && at < earliest->at)
        *earliest = (struct deadline){at, type};
}

nanos activity_deadline(const struct activity *activity, PbTimeoutType *ret_type)
{
    const PbActivityTaskScheduledEventAttributes *scheduled = activity->scheduled;
    struct deadline earliest = {NANOS_MAX, TIMEOUT_TYPE_UNSPECIFIED};

    /* Of two that fall on one instant, the one considered first counts: an activity that nobody picks up ends as
     * schedule-to-start even where schedule-to-close ends with it (history.md 4.3). One that is started is started
     * later than it was scheduled, also where that was in one turn, so it ends as schedule-to-close. */
    if (activity->state == ACTIVITY_SCHEDULED) {
        if (!activity->dispatched)
            earliest.at = activity->attempt_scheduled_time;
        consider(&earliest, activity->attempt_scheduled_time, scheduled->schedule_to_start_timeout,
                 TIMEOUT_TYPE_SCHEDULE_TO_START);
    }
    if (activity->state != ACTIVITY_CLOSING)
        consider(&earliest, activity->first_scheduled_time, scheduled->schedule_to_close_timeout,
                 TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    if (activity->state == ACTIVITY_STARTED) {
        nanos alive =
            activity->heartbeat_time > activity->started_time ? activity->heartbeat_time : activity->started_time;

        consider(&earliest, activity->started_time, scheduled->start_to_close_timeout, TIMEOUT_TYPE_START_TO_CLOSE);
        consider(&earliest, alive, scheduled->heartbeat_timeout, TIMEOUT_TYPE_HEARTBEAT);
    }
    *ret_type = earliest.type;
    return earliest.at;
}

/* ---- what happens to it ---- */

void activity_keep_version(struct activity *activity, const PbWorkerDeploymentVersion *version)
{
    struct arena *old = activity->version_arena;

    if (version == NULL || (activity->last_version != NULL && versions_are_equal(activity->last_version, version)))
        return;
    activity->version_arena = arena_new(DETAILS_ARENA_BYTES);
    activity->last_version = pb_copy(activity->version_arena, version);
    arena_free(old);
}

void activity_start(struct transition *t, struct activity *activity, const char *identity, const char *request_id,
                    const PbWorkerDeploymentVersion *version)
{
    invariant(activity->state == ACTIVITY_SCHEDULED, "starts an activity that is not scheduled");
    activity->state = ACTIVITY_STARTED;
    activity->started_time = t->now;
    activity->heartbeat_time = 0;
    arena_reset(activity->start_arena);
    activity->started_identity = arena_strdup(activity->start_arena, identity);
    activity->started_request_id = arena_strdup(activity->start_arena, request_id);
    activity->last_worker_identity = activity->started_identity;
    activity_keep_version(activity, version);
    t->volatile_changed = true;
}

void activity_unstart(struct transition *t, struct activity *activity)
{
    invariant(activity->state == ACTIVITY_STARTED, "takes back the start of an activity that is not started");
    activity->state = ACTIVITY_SCHEDULED;
    activity->started_time = 0;
    activity->dispatched = true;
    transition_effect(t, EFFECT_DISPATCH_ACTIVITY, activity->scheduled_event_id);
    t->volatile_changed = true;
}

void activities_rebind(struct transition *t, nanos later)
{
    struct activity *activity, *next;

    HASH_ITER (by_event, t->ms->activities, activity, next) {
        if (activity->state != ACTIVITY_SCHEDULED || !activity->dispatched)
            continue; /* a worker has it, or it is bound when its backoff is over */
        activity->stamp++;
        activity->attempt_scheduled_time = nanos_add(activity->attempt_scheduled_time, later);
        transition_effect(t, EFFECT_DISPATCH_ACTIVITY, activity->scheduled_event_id);
        t->volatile_changed = true;
    }
}

void activity_heartbeat(struct transition *t, struct activity *activity, const PbPayloads *details)
{
    keep_heartbeat(activity, details);
    activity->heartbeat_time = activity->last_heartbeat_time = t->now;
    t->volatile_changed = true;
}

/* Writes ActivityTaskStarted, if a worker had it, and returns its id (0 while it is buffered, or never started). */
static int64_t add_started_event(struct transition *t, const struct activity *activity)
{
    PbActivityTaskStartedEventAttributes *started;

    if (activity->started_time == 0)
        return 0;
    started = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_STARTED);
    started->scheduled_event_id = activity->scheduled_event_id;
    started->identity = arena_strdup(t->arena, borrow_text(activity->started_identity));
    started->request_id = arena_strdup(t->arena, borrow_text(activity->started_request_id));
    started->attempt = activity->attempt;
    started->last_failure = pb_copy(t->arena, activity->last_failure);
    started->worker_version = borrow(t->worker_version);
    t->pending->event_time = pb_timestamp_new(t->arena, activity->started_time);
    return transition_settle(t);
}

/* After the event that ends an activity: its state is marked, the workflow gets to know. */
/* Notes the end of an attempt; the activity may be gone when the transition is over. */
static void tell_end(struct transition *t, const struct activity *activity, enum activity_end how, bool is_closed,
                     PbTimeoutType timeout)
{
    struct ended_activity *ended;

    if (!t->tells_ended_activities)
        return;
    ended = ARENA_NEW(t->arena, struct ended_activity);
    *ended = (struct ended_activity){
        .how = how,
        .is_closed = is_closed,
        .timeout = timeout,
        .attempt = activity->attempt,
        .type = arena_strdup(t->arena, activity->scheduled->activity_type->name),
        .task_queue = arena_strdup(t->arena, activity->scheduled->task_queue->name),
        .first_scheduled_time = activity->first_scheduled_time,
        .started_time = activity->started_time,
        .next = t->ended_activities,
    };
    t->ended_activities = ended;
}

static void closed(struct transition *t)
{
    transition_settle(t);
    t->volatile_changed = true;
    workflow_task_schedule(t, false);
}

void activity_complete(struct transition *t, struct activity *activity, const PbPayloads *result, const char *identity)
{
    int64_t scheduled_event_id = activity->scheduled_event_id, started_event_id = add_started_event(t, activity);
    PbActivityTaskCompletedEventAttributes *completed = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_COMPLETED);

    tell_end(t, activity, ACTIVITY_SUCCEEDED, true, TIMEOUT_TYPE_UNSPECIFIED);
    completed->result = borrow(result);
    completed->scheduled_event_id = scheduled_event_id;
    completed->started_event_id = started_event_id;
    completed->identity = borrow_text(identity);
    closed(t);
}

static void add_canceled_event(struct transition *t, const struct activity *activity, const PbPayloads *details,
                               const char *identity)
{
    int64_t scheduled_event_id = activity->scheduled_event_id, started_event_id = add_started_event(t, activity);
    PbActivityTaskCanceledEventAttributes *canceled = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_CANCELED);

    canceled->details = borrow(details);
    canceled->latest_cancel_requested_event_id = activity->cancel_requested_event_id;
    canceled->scheduled_event_id = scheduled_event_id;
    canceled->started_event_id = started_event_id;
    canceled->identity = borrow_text(identity);
    transition_settle(t);
    t->volatile_changed = true;
}

void activity_cancel(struct transition *t, struct activity *activity, const PbPayloads *details, const char *identity)
{
    tell_end(t, activity, ACTIVITY_CANCELED, true, TIMEOUT_TYPE_UNSPECIFIED);
    add_canceled_event(t, activity, details, identity);
    closed(t);
}

static struct retry_answer decide_retry(const struct transition *t, const struct activity *activity,
                                        const PbFailure *failure)
{
    nanos span = duration_from_pb(activity->scheduled->schedule_to_close_timeout);
    nanos expires_at = span > 0 ? nanos_add(activity->scheduled_time, span) : NANOS_MAX;

    if (activity->cancel_requested_event_id != 0)
        return (struct retry_answer){.state = RETRY_STATE_CANCEL_REQUESTED};
    return retry_decide(activity->scheduled->retry_policy, activity->attempt, t->now, expires_at, failure, true);
}

static void schedule_next_attempt(struct transition *t, struct activity *activity, const PbFailure *failure,
                                  nanos after)
{
    keep_failure(t, activity, failure);
    activity->state = ACTIVITY_SCHEDULED;
    activity->attempt++;
    activity->started_time = 0;
    activity->heartbeat_time = 0;
    activity->last_attempt_complete_time = t->now;
    activity->attempt_scheduled_time = nanos_add(t->now, after);
    activity->dispatched = after == 0;
    if (activity->dispatched)
        transition_effect(t, EFFECT_DISPATCH_ACTIVITY, activity->scheduled_event_id);
    t->volatile_changed = true;
}

void activity_fail(struct transition *t, struct activity *activity, const PbFailure *failure, const char *identity)
{
    struct retry_answer retry = decide_retry(t, activity, failure);
    PbActivityTaskFailedEventAttributes *failed;
    int64_t scheduled_event_id = activity->scheduled_event_id, started_event_id;

    tell_end(t, activity, ACTIVITY_FAILED, retry.state != RETRY_STATE_IN_PROGRESS, TIMEOUT_TYPE_UNSPECIFIED);
    if (retry.state == RETRY_STATE_IN_PROGRESS) {
        schedule_next_attempt(t, activity, failure, retry.after);
        return;
    }
    started_event_id = add_started_event(t, activity);
    failed = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_FAILED);
    failed->failure = borrow(failure);
    failed->scheduled_event_id = scheduled_event_id;
    failed->started_event_id = started_event_id;
    failed->identity = borrow_text(identity);
    failed->retry_state = retry.state;
    closed(t);
}

static PbFailure *timeout_failure(struct arena *arena, PbTimeoutType type, const char *message)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);
    PbTimeoutFailureInfo *info = ARENA_NEW_PB(arena, PbTimeoutFailureInfo);

    info->timeout_type = type;
    failure->message = message;
    failure->source = "Server";
    failure->failure_info_case = PbFailure_timeout_failure_info_case;
    failure->timeout_failure_info = info;
    return failure;
}

#define NO_TIME_TO_RETRY \
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"

static void time_out(struct transition *t, struct activity *activity, PbTimeoutType type)
{
    const char *message = arena_printf(t->arena, "activity %s timeout", timeout_type_name(type));
    PbFailure *failure = timeout_failure(t->arena, type, message);
    bool may_retry = type == TIMEOUT_TYPE_START_TO_CLOSE || type == TIMEOUT_TYPE_HEARTBEAT;
    struct retry_answer retry = {.state = RETRY_STATE_TIMEOUT};
    PbActivityTaskTimedOutEventAttributes *timed_out;
    int64_t scheduled_event_id = activity->scheduled_event_id, started_event_id;

    if (may_retry || activity->cancel_requested_event_id != 0)
        retry = decide_retry(t, activity, failure);
    tell_end(t, activity, ACTIVITY_TIMED_OUT, retry.state != RETRY_STATE_IN_PROGRESS, type);
    if (retry.state == RETRY_STATE_IN_PROGRESS) {
        schedule_next_attempt(t, activity, failure, retry.after);
        return;
    }
    /* Whenever it is schedule-to-close that leaves no room, that is the time-out which the workflow sees. */
    if (retry.state == RETRY_STATE_TIMEOUT && type != TIMEOUT_TYPE_SCHEDULE_TO_START)
        failure = timeout_failure(t->arena, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, NO_TIME_TO_RETRY);
    /* Only now: between attempts the details stand beside the failure, and the next attempt gets them by itself. */
    failure->timeout_failure_info->last_heartbeat_details = pb_copy(t->arena, activity->heartbeat_details);
    failure->cause = pb_copy(t->arena, activity->last_failure);
    started_event_id = add_started_event(t, activity);
    timed_out = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT);
    timed_out->failure = failure;
    timed_out->scheduled_event_id = scheduled_event_id;
    timed_out->started_event_id = started_event_id;
    timed_out->retry_state = retry.state;
    closed(t);
}

void activity_deadline_passed(struct transition *t, struct activity *activity)
{
    PbTimeoutType type;

    if (activity_deadline(activity, &type) > t->now)
        return;
    if (type == TIMEOUT_TYPE_UNSPECIFIED) { /* its backoff is over */
        activity->dispatched = true;
        transition_effect(t, EFFECT_DISPATCH_ACTIVITY, activity->scheduled_event_id);
        return;
    }
    time_out(t, activity, type);
}

/* ---- commands ---- */

#define BAD_SCHEDULE WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES
#define BAD_CANCEL   WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES

static nanos least(nanos a, nanos b)
{
    return a < b ? a : b;
}

/* The four time-outs after defaulting (history.md 4.1); `run_timeout` 0 is none. */
struct timeouts {
    nanos schedule_to_close, schedule_to_start, start_to_close, heartbeat;
};

static struct timeouts complete_timeouts(const PbScheduleActivityTaskCommandAttributes *want, nanos run_timeout)
{
    struct timeouts out = {
        .schedule_to_close = duration_from_pb(want->schedule_to_close_timeout),
        .schedule_to_start = duration_from_pb(want->schedule_to_start_timeout),
        .start_to_close = duration_from_pb(want->start_to_close_timeout),
        .heartbeat = duration_from_pb(want->heartbeat_timeout),
    };

    if (out.schedule_to_close > 0) {
        out.schedule_to_start =
            out.schedule_to_start > 0 ? least(out.schedule_to_start, out.schedule_to_close) : out.schedule_to_close;
        out.start_to_close =
            out.start_to_close > 0 ? least(out.start_to_close, out.schedule_to_close) : out.schedule_to_close;
    } else {
        out.schedule_to_close = run_timeout;
        if (out.schedule_to_start == 0)
            out.schedule_to_start = run_timeout;
    }
    if (run_timeout > 0) {
        out.schedule_to_close = least(out.schedule_to_close, run_timeout);
        out.schedule_to_start = least(out.schedule_to_start, run_timeout);
        out.start_to_close = least(out.start_to_close, run_timeout);
        out.heartbeat = least(out.heartbeat, run_timeout);
    }
    out.heartbeat = least(out.heartbeat, out.start_to_close);
    return out;
}

static const char *too_long(const struct transition *t, const char *what, const char *text)
{
    return arena_printf(t->arena, "%s exceeds length limit. Length=%zu Limit=%lld", what, strlen(text),
                        (long long)t->limits->id_bytes_max);
}

static const char *schedule_problem(struct transition *t, const PbScheduleActivityTaskCommandAttributes *want)
{
    const struct {
        const char *name;
        const PbDuration *duration;
    } timeouts[] = {
        {"ScheduleToCloseTimeout", want->schedule_to_close_timeout},
        {"ScheduleToStartTimeout", want->schedule_to_start_timeout},
        {"StartToCloseTimeout", want->start_to_close_timeout},
        {"HeartbeatTimeout", want->heartbeat_timeout},
    };
    size_t id_max = (size_t)t->limits->id_bytes_max;
    const char *type = want->activity_type == NULL ? "" : want->activity_type->name;
    const char *problem;

    if (want->task_queue == NULL)
        return "taskQueue is not set";
    if ((problem = task_queue_problem(t, want->task_queue->name)) != NULL)
        return problem;
    if (want->activity_id[0] == '\0')
        return "activityId is not set";
    if (type[0] == '\0')
        return "activityType is not set";
    if ((problem = retry_policy_problem(t->arena, want->retry_policy)) != NULL)
        return problem;
    if (strlen(want->activity_id) > id_max)
        return too_long(t, "activityId", want->activity_id);
    if (strlen(type) > id_max)
        return too_long(t, "activityType", type);
    if ((problem = priority_problem(want->priority)) != NULL)
        return arena_printf(t->arena, "invalid priorities: %s", problem);
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
        if ((problem = duration_problem(timeouts[i].duration)) != NULL)
            return arena_printf(t->arena, "invalid %s: %s", timeouts[i].name, problem);
    if (duration_from_pb(want->schedule_to_close_timeout) == 0 && duration_from_pb(want->start_to_close_timeout) == 0)
        return arena_printf(t->arena,
                            "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. "
                            "ActivityId=%s ActivityType=%s",
                            want->activity_id, type);
    return NULL;
}

/* Whether the worker may begin an activity at once that it asks for eagerly. With versions of the oldest kind, which
 * are build ids alone, only one that shall run with the workflow's own: any other goes to the queue's newest. */
static bool may_start_eagerly(const struct mutable_state *ms, const PbScheduleActivityTaskCommandAttributes *want)
{
    const PbWorkerVersionStamp *stamp = mutable_state_last_stamp(ms);

    if (stamp == NULL || !stamp->use_versioning || versioning_effective_behavior(ms) != VERSIONING_BEHAVIOR_UNSPECIFIED)
        return want->request_eager_execution;
    return want->request_eager_execution && want->use_workflow_build_id;
}

struct refusal decide_schedule_activity(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbScheduleActivityTaskCommandAttributes *want;
    PbActivityTaskScheduledEventAttributes *scheduled;
    const struct activity *present;
    struct timeouts timeouts;
    const char *problem;

    if (command == NULL)
        return refuse(t, BAD_SCHEDULE,
                      "ScheduleActivityTaskCommandAttributes is not set on ScheduleActivityTaskCommand.");
    want = command->schedule_activity_task_command_attributes;
    if ((problem = schedule_problem(t, want)) != NULL)
        return refuse(t, BAD_SCHEDULE, "%s", problem);
    if (packed_bytes(want->input) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, BAD_SCHEDULE, "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.");
    if (want->use_workflow_build_id && strcmp(want->task_queue->name, t->ms->task_queue) != 0)
        return refuse(t, BAD_SCHEDULE, "Activity with UseCompatibleVersion cannot run on different task queue.");
    if (mutable_state_activities_count(t->ms) >= t->limits->pending_activities_max)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED,
                      "the number of pending activities, %d, has reached the per-workflow limit of %d",
                      mutable_state_activities_count(t->ms), t->limits->pending_activities_max);
    present = mutable_state_activity_by_id(t->ms, want->activity_id);
    if (present != NULL && present->state != ACTIVITY_CLOSING) /* MS3 */
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID,
                      "invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: %s",
                      want->activity_id);

    timeouts = complete_timeouts(want, t->ms->run_timeout);
    scheduled = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
    scheduled->activity_id = want->activity_id;
    scheduled->activity_type = want->activity_type;
    scheduled->task_queue = normal_task_queue(t->arena, want->task_queue->name);
    scheduled->header = want->header;
    scheduled->input = want->input;
    scheduled->schedule_to_close_timeout = pb_duration_new(t->arena, timeouts.schedule_to_close);
    scheduled->schedule_to_start_timeout = pb_duration_new(t->arena, timeouts.schedule_to_start);
    scheduled->start_to_close_timeout = pb_duration_new(t->arena, timeouts.start_to_close);
    scheduled->heartbeat_timeout = pb_duration_new(t->arena, timeouts.heartbeat);
    scheduled->workflow_task_completed_event_id = task->completed_event_id;
    scheduled->retry_policy = retry_policy_complete(t->arena, want->retry_policy);
    scheduled->use_workflow_build_id = want->use_workflow_build_id;
    scheduled->priority = want->priority; /* its own; workers see it merged with the workflow's */
    transition_effect(t, may_start_eagerly(t->ms, want) ? EFFECT_START_ACTIVITY_EAGERLY : EFFECT_DISPATCH_ACTIVITY,
                      transition_settle(t));
    return ACCEPTED;
}

/* {"ACTIVITY_ID_NOT_STARTED"} as JSON: what the workflow reads when nobody had begun. */
static PbPayloads *not_started_details(struct arena *arena)
{
    static const char json[] = "\"ACTIVITY_ID_NOT_STARTED\"", encoding[] = "json/plain";
    PbPayloads *payloads = ARENA_NEW_PB(arena, PbPayloads);
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

    entry->key = "encoding";
    entry->value = (ProtobufCBinaryData){sizeof(encoding) - 1, arena_memdup(arena, encoding, sizeof(encoding) - 1)};
    payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 1);
    payload->metadata[0] = entry;
    payload->n_metadata = 1;
    payload->data = (ProtobufCBinaryData){sizeof(json) - 1, arena_memdup(arena, json, sizeof(json) - 1)};
    payloads->payloads = ARENA_NEW_ARRAY(arena, PbPayload *, 1);
    payloads->payloads[0] = payload;
    payloads->n_payloads = 1;
    return payloads;
}

struct refusal decide_request_cancel_activity(struct transition *t, const PbCommand *command, struct task_context *task)
{
    PbActivityTaskCancelRequestedEventAttributes *requested;
    struct activity *activity;
    int64_t scheduled_event_id;

    if (command == NULL)
        return refuse(t, BAD_CANCEL,
                      "RequestCancelActivityTaskCommandAttributes is not set on RequestCancelActivityTaskCommand.");
    scheduled_event_id = command->request_cancel_activity_task_command_attributes->scheduled_event_id;
    if (scheduled_event_id <= 0)
        return refuse(t, BAD_CANCEL, "ScheduledEventId is not set on RequestCancelActivityTaskCommand.");
    activity = mutable_state_activity(t->ms, scheduled_event_id);
    if (activity == NULL || activity->cancel_requested_event_id != 0)
        return refuse(t, BAD_CANCEL,
                      "invalid history builder state for action: add-activitytask-cancel-requested-event, "
                      "ScheduledEventID: %lld",
                      (long long)scheduled_event_id);
    requested = transition_add(t, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
    requested->scheduled_event_id = scheduled_event_id;
    requested->workflow_task_completed_event_id = task->completed_event_id;
    transition_settle(t);
    if (activity->state == ACTIVITY_SCHEDULED)
        add_canceled_event(t, activity, not_started_details(t->arena), task->identity);
    return ACCEPTED;
}

/* ---- appliers ---- */

enum broken apply_activity_scheduled(struct mutable_state *ms, const PbHistoryEvent *event,
                                     const PbActivityTaskScheduledEventAttributes *attributes)
{
    /* An earlier one with this id may still be there: its end was buffered, and enters the log after this (MS3). */
    activity_new(ms, event, attributes);
    return INTACT;
}

enum broken apply_activity_started(struct mutable_state *ms, const PbHistoryEvent *event,
                                   const PbActivityTaskStartedEventAttributes *attributes)
{
    (void)event;
    return mutable_state_activity(ms, attributes->scheduled_event_id) == NULL ? BROKEN_UNKNOWN_REFERENCE : INTACT;
}

static enum broken end_activity(struct mutable_state *ms, int64_t scheduled_event_id)
{
    struct activity *activity = mutable_state_activity(ms, scheduled_event_id);

    if (activity == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    activity_free(ms, activity);
    return INTACT;
}

enum broken apply_activity_completed(struct mutable_state *ms, const PbHistoryEvent *event,
                                     const PbActivityTaskCompletedEventAttributes *attributes)
{
    (void)event;
    return end_activity(ms, attributes->scheduled_event_id);
}

enum broken apply_activity_failed(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbActivityTaskFailedEventAttributes *attributes)
{
    (void)event;
    return end_activity(ms, attributes->scheduled_event_id);
}

enum broken apply_activity_timed_out(struct mutable_state *ms, const PbHistoryEvent *event,
                                     const PbActivityTaskTimedOutEventAttributes *attributes)
{
    (void)event;
    return end_activity(ms, attributes->scheduled_event_id);
}

enum broken apply_activity_canceled(struct mutable_state *ms, const PbHistoryEvent *event,
                                    const PbActivityTaskCanceledEventAttributes *attributes)
{
    (void)event;
    return end_activity(ms, attributes->scheduled_event_id);
}

enum broken apply_activity_cancel_requested(struct mutable_state *ms, const PbHistoryEvent *event,
                                            const PbActivityTaskCancelRequestedEventAttributes *attributes)
{
    struct activity *activity = mutable_state_activity(ms, attributes->scheduled_event_id);

    if (activity == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    activity->cancel_requested_event_id = event->event_id;
    return INTACT;
}
