/*
 * The state of one run: the fold of its events, plus a small volatile part that the protocol does not record as events.
 *
 * mutable_state_apply changes the first, and only history/ changes the second (workflow_task.c, activity.c,
 * buffered.c). Everything here may be read freely; only history/ writes it.
 *
 * MS1  next_event_id - 1 is the id of the newest event; ids are dense from 1.
 * MS2  At most one workflow task is pending.
 * MS3  Ids of pending timers are unique, and so are ids of pending activities, those aside that are over but whose last
 * event is still buffered; what is found by id is the newest. MS4  While a workflow task is started no event enters the
 * log but those that end it (see buffered.c). MS5  A closed run never changes again, but for being deleted and for
 * naming the run that it was reset to.
 */
#ifndef FERMATA_HISTORY_MUTABLE_STATE_H
#define FERMATA_HISTORY_MUTABLE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash_table.h"
#include "base/rand.h"
#include "proto/api.h"
#include "proto/external_payloads.h"

/* Which claim about state the log breaks; INTACT: none. Live it aborts, on load it sets the run aside. */
enum broken {
    INTACT = 0,
    BROKEN_EVENT_ORDER,       /* MS1 */
    BROKEN_WORKFLOW_TASK,     /* MS2, or an end without a start */
    BROKEN_UNKNOWN_REFERENCE, /* an event that names an activity or timer that is not pending */
    BROKEN_UNKNOWN_EVENT,     /* an event type that this release does not know */
    BROKEN_VOLATILE,          /* the volatile part contradicts the events */
};

enum workflow_task_state { WORKFLOW_TASK_NONE, WORKFLOW_TASK_SCHEDULED, WORKFLOW_TASK_STARTED };

/* The pending workflow task. Its start lives in memory only: after a crash it is dispatched again. */
struct workflow_task {
    enum workflow_task_state state;
    bool is_transient;          /* attempt 2 or later: has no events until it completes; ids are virtual */
    bool is_speculative;        /* brings an update only: has no events unless something comes of it; ids are virtual */
    bool is_sticky;             /* scheduled onto the sticky queue */
    int64_t scheduled_event_id; /* virtual when transient: next_event_id when it was scheduled */
    int64_t started_event_id;
    int32_t attempt;
    unsigned suggests; /* started: why it suggests to continue as new, a bit for each reason */
    nanos scheduled_time, original_scheduled_time, started_time;
    nanos start_to_close;              /* its time-out */
    nanos schedule_to_start;           /* sticky and speculative only */
    const char *identity, *request_id; /* of the poller that started it */
    int64_t stamp; /* grows when what matching has of the task is void and must be given to it again */
};

enum activity_state { ACTIVITY_SCHEDULED, ACTIVITY_STARTED, ACTIVITY_CLOSING };

/* A pending activity. ACTIVITY_CLOSING: its close event is buffered, so nothing can happen to it any more. */
struct activity {
    int64_t scheduled_event_id;
    const PbActivityTaskScheduledEventAttributes *scheduled; /* time-outs after defaulting, retry policy filled in */
    nanos scheduled_time;
    nanos first_scheduled_time;        /* from when schedule-to-close counts: scheduled_time, or a reset after it */
    int64_t cancel_requested_event_id; /* 0: not requested */

    /* The volatile part. */
    enum activity_state state;
    int32_t attempt;
    nanos attempt_scheduled_time; /* later than now: backing off */
    nanos started_time;
    const char *started_identity, *started_request_id;
    nanos heartbeat_time;      /* 0: none in this attempt */
    nanos last_heartbeat_time; /* 0: none ever */
    const PbPayloads *heartbeat_details;
    const PbFailure *last_failure;
    const char *last_worker_identity;
    const PbWorkerDeploymentVersion *last_version; /* of the last versioned worker that has had it; NULL: none */
    nanos last_attempt_complete_time;
    int64_t stamp;   /* grows when the attempt starts over: tells a current token and task from a stale one */
    bool dispatched; /* in memory only: handed to matching */

    struct arena *arena;
    struct arena *start_arena, *heartbeat_arena, *failure_arena; /* emptied when what they hold is replaced */
    struct arena *version_arena;                                 /* the same, of last_version; NULL: there is none */
    UT_hash_handle by_event, by_id;
};

/* A child workflow from its initiation to its end. */
struct child {
    int64_t initiated_event_id;
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated;
    const PbUserMetadata *user_metadata; /* the child's start gets it, too */
    int64_t started_event_id;            /* 0: not started, or that event is buffered */
    const char *run_id;                  /* of the first run of its chain; NULL: not started */
    bool closing;                        /* its close event, or that it could not start, is buffered */
    struct arena *arena;
    UT_hash_handle by_event;
};

/* A signal or cancellation request on its way to another workflow. */
struct external {
    int64_t initiated_event_id;
    const PbSignalExternalWorkflowExecutionInitiatedEventAttributes *signal; /* one of the two */
    const PbRequestCancelExternalWorkflowExecutionInitiatedEventAttributes *cancel;
    bool closing; /* its result is buffered */
    struct arena *arena;
    UT_hash_handle by_event;
};

/* A pending user timer. */
struct user_timer {
    int64_t started_event_id;
    nanos fires_at;
    bool firing; /* its TimerFired is buffered */
    UT_hash_handle by_id;
    char timer_id[];
};

/* An event that waits for the started workflow task to end. */
struct buffered_event {
    const PbHistoryEvent *event;
    struct arena *arena;
    struct buffered_event *next;
};

/* An update of this run: see update.c. */
enum update_stage { UPDATE_ADMITTED, UPDATE_SENT, UPDATE_ACCEPTED, UPDATE_COMPLETED };
struct update {
    const char *id;
    enum update_stage stage;
    const PbUpdateRequest *request; /* until it is accepted; NULL: an event has it */
    const char *request_id;         /* of that request, once an event has it; NULL: none */
    int64_t admitted_event_id, accepted_event_id, completed_event_id;
    struct arena *arena;
    UT_hash_handle by_id;
};

/* A request id that has been used on this run: by a signal, or by a start that joined it. */
struct used_request {
    bool joined;
    int64_t event_id; /* 0 while the event is buffered */
    UT_hash_handle hh;
    char request_id[];
};

struct history_limits;
struct versions;
struct versioning;

struct mutable_state {
    struct arena *arena; /* what lives as long as the run is loaded */
    char *task_texts;    /* those of workflow_task, until the next one starts */
    /* Of these, once they have changed; NULL before. */
    struct arena *memo_arena, *priority_arena;

    /* From WorkflowExecutionStarted. */
    const char *workflow_id, *workflow_type, *task_queue;
    const char *original_run_id, *first_run_id, *start_identity;
    nanos execution_timeout, run_timeout, task_timeout; /* 0: none */
    nanos start_time;                                   /* of this run: where a reset has made it, that of the reset */
    nanos original_start_time;                          /* of its first event */
    nanos first_task_at;                                /* end of the first workflow task's backoff: execution time */
    nanos run_expires_at;                               /* NANOS_MAX: never */
    nanos execution_expires_at;
    bool has_run_timeout_field; /* the started event carries workflow_run_timeout, maybe 0 */
    bool has_execution_timeout_field;
    bool has_start_links;
    int32_t attempt;
    const PbRetryPolicy *retry_policy; /* NULL: none */
    const char *cron_schedule;         /* "" when none */
    const PbMemo *memo;
    struct bytes search_attributes; /* packed, see mutable_state_search_attributes; no data: none */
    const PbPriority *priority;
    const PbUserMetadata *user_metadata;
    const PbWorkflowExecution *parent_execution;
    const char *parent_namespace, *parent_namespace_id;
    int64_t parent_initiated_event_id;
    const PbWorkflowExecution *root_execution;

    /* The fold. */
    int64_t next_event_id;
    int64_t previous_started_event_id; /* WorkflowTaskStarted of the last completed workflow task; 0: none */
    int64_t last_completed_event_id;   /* WorkflowTaskCompleted of the same; 0: none */
    PbWorkflowExecutionStatus status;
    int32_t signals_count;
    nanos close_time;
    int64_t close_event_id; /* 0: open */
    const char *new_run_id; /* the successor that the close event names; NULL: none */
    int64_t reset_event_id; /* the WorkflowTaskFailed with which a reset has made this run; 0: none has */
    bool cancel_requested;
    bool first_task_scheduled; /* a workflow task has been scheduled once: the backoff is over */
    struct activity *activities, *activities_by_id;
    struct user_timer *timers;
    struct child *children;
    struct external *externals;
    struct update *updates; /* in order of admission */
    struct used_request *used_requests;
    struct versions *versions;     /* what is remembered of workers (versions.c); NULL: nothing */
    struct versioning *versioning; /* which version it runs on (versioning.c); NULL: it has never had to do with any */
    /* The last WorkflowTaskFailed or -TimedOut since a success: one of the two is set, or neither. */
    PbWorkflowTaskFailedCause last_failed_cause;
    PbTimeoutType last_timed_out_type;

    /* Part fold, part volatile. */
    struct workflow_task workflow_task;
    int32_t next_attempt; /* of the next workflow task to be scheduled */

    /* In memory only: a run that is loaded again begins with the normal queue and its full history. */
    char *sticky_queue; /* its own; NULL: none */
    nanos sticky_timeout;

    /* The volatile part. */
    struct buffered_event *buffered, **buffered_end;
    int64_t buffered_bytes;
    int32_t buffered_count;
    int32_t workflow_task_problems; /* consecutive ones; not those of a sticky queue's worker */
    const char *reset_run_id;       /* the newest run that a reset has made of this one; NULL: none */
    bool close_refused;

    /* In memory only: whether the events that enter the log have been buffered (buffered.c); whether the run's row has
     * to be written anew, because the server has changed search_attributes or since it was loaded, and whether those
     * have changed that are looked up (proto/search_attributes.h). The last two are cleared by the engine. */
    bool is_flushing;
    bool columns_changed;
    bool lookups_changed;

    struct external_payloads external_payloads; /* those of all its events */

    /* Sizes, kept by the engine as it stores. */
    int64_t history_bytes, transitions;
};

/* An empty state, before its first event. */
struct mutable_state *mutable_state_new(void);

/* Frees it; NULL is accepted. */
void mutable_state_free(struct mutable_state *ms);

/* Applies one event. It reads no clock and refuses nothing that any release of Fermata has stored. The event is
 * borrowed during the call: what is kept is copied. On BROKEN_... the state is unusable. */
enum broken mutable_state_apply(struct mutable_state *ms, const PbHistoryEvent *event);

/* Applies a packed History (one or more batches). */
enum broken mutable_state_apply_batch(struct mutable_state *ms, struct bytes history);

/* The volatile part, packed into `arena`; empty when there is nothing to say. */
struct bytes mutable_state_pack_volatile(const struct mutable_state *ms, struct arena *arena);

/* Restores the volatile part on top of the folded events. */
enum broken mutable_state_unpack_volatile(struct mutable_state *ms, const struct history_limits *limits,
                                          struct bytes packed);

/* Whether the run is open. */
static inline bool mutable_state_is_open(const struct mutable_state *ms)
{
    return ms->close_event_id == 0;
}

/* Whether the pending workflow task has no events yet. */
static inline bool workflow_task_is_virtual(const struct workflow_task *task)
{
    return task->state != WORKFLOW_TASK_NONE && (task->is_transient || task->is_speculative);
}

/* Whether a workflow task is pending. */
static inline bool mutable_state_has_task(const struct mutable_state *ms)
{
    return ms->workflow_task.state != WORKFLOW_TASK_NONE;
}

/* Whether it waits for its first workflow task's backoff (start delay, continue-as-new, retry) to end. */
static inline bool mutable_state_in_backoff(const struct mutable_state *ms)
{
    return !ms->first_task_scheduled && ms->first_task_at > ms->start_time;
}

/* The pending activity with this scheduled event, or the newest with this id; NULL when none. Closing ones are found
 * too. */
struct activity *mutable_state_activity(const struct mutable_state *ms, int64_t scheduled_event_id);
struct activity *mutable_state_activity_by_id(const struct mutable_state *ms, const char *activity_id);

/* The newest pending timer with this id; NULL when none. Firing ones are found too. */
struct user_timer *mutable_state_timer(const struct mutable_state *ms, const char *timer_id);

/* The pending child, signal or cancellation request with this initiated event; NULL when none. */
struct child *mutable_state_child(const struct mutable_state *ms, int64_t initiated_event_id);
struct external *mutable_state_external(const struct mutable_state *ms, int64_t initiated_event_id);

/* The update with this id; NULL when none. How many are not completed, and what their requests take in memory; how many
 * there have been. */
struct update *mutable_state_update(const struct mutable_state *ms, const char *id);
int32_t mutable_state_updates_in_flight(const struct mutable_state *ms);
int64_t mutable_state_updates_in_flight_bytes(const struct mutable_state *ms);
int32_t mutable_state_updates_count(const struct mutable_state *ms);

/* Whether this request id has been used on this run. */
bool mutable_state_request_used(const struct mutable_state *ms, const char *request_id);

/* Whether a start with this request id has joined this run. */
bool mutable_state_request_joined(const struct mutable_state *ms, const char *request_id);

/* What the worker that completed the last workflow task said of its version; NULL: nothing. */
const PbWorkerVersionStamp *mutable_state_last_stamp(const struct mutable_state *ms);

/* Its search attributes in `arena`; NULL when it has never had any. An idle run holds them packed, in a fifth of the
 * memory. */
PbSearchAttributes *mutable_state_search_attributes(const struct mutable_state *ms, struct arena *arena);

/* ---- versions (versioning.c) ---- */

/* The behaviour and version by which the run's tasks are routed: those of a transition under way, else of an override,
 * else of the last completed workflow task. UNSPECIFIED; NULL: unversioned. */
PbVersioningBehavior versioning_effective_behavior(const struct mutable_state *ms);
const PbWorkerDeploymentVersion *versioning_effective_version(const struct mutable_state *ms);

/* The revision of the routing that has moved it last; 0: none has. */
int64_t versioning_revision(const struct mutable_state *ms);

/* Whether its next workflow task goes to the ramping version whatever the ramp says: the first one of a run that was
 * continued so. */
bool versioning_uses_ramping(const struct mutable_state *ms);

/* The version that it is pinned to, by its behaviour or an override; NULL: none. A transition changes nothing in that:
 * it is what keeps a version from being drained. */
const PbWorkerDeploymentVersion *versioning_pin(const struct mutable_state *ms);

/* Whether it is on the way to another version: until a worker of that one has completed a workflow task, no activity of
 * it starts and no workflow task is handed on with a completion's answer. */
bool versioning_in_transition(const struct mutable_state *ms);

/* Its override in the form that is stored; NULL: none. */
const PbVersioningOverride *versioning_override(const struct mutable_state *ms);

/* The deployment that describe names for it; "" when none. */
const char *versioning_deployment_name(const struct mutable_state *ms);

/* What describe tells, with the deprecated mirrors; NULL: it has never had to do with versions. In `arena`, shares
 * memory with the state. */
PbWorkflowExecutionVersioningInfo *versioning_info(const struct mutable_state *ms, struct arena *arena);

/* The version that a worker claims with a request; NULL: it is unversioned. Either may be NULL. In `arena`. */
const PbWorkerDeploymentVersion *versioning_of_worker(struct arena *arena, const PbWorkerDeploymentOptions *options,
                                                      const PbWorkerVersionCapabilities *capabilities);

/* The reset points of a run with this id, and those that it has inherited. */
PbResetPoints *mutable_state_reset_points(const struct mutable_state *ms, struct arena *arena, const char *run_id);

/* How many activities, timers are pending. */
int32_t mutable_state_activities_count(const struct mutable_state *ms);
int32_t mutable_state_timers_count(const struct mutable_state *ms);

/* About how many bytes the real server would store of this state beside its history: memo, search attributes, what is
 * pending with heartbeat details and last failures, buffered events. Costs little while the memory that these take
 * shows that it is below `enough`, and is then no more than an upper bound. */
int64_t mutable_state_stored_bytes(const struct mutable_state *ms, int64_t enough);

/* The earliest instant at which something is due (time-outs, timers, retries, backoff); NANOS_MAX: nothing. */
nanos mutable_state_next_deadline(const struct mutable_state *ms);

/* Compares two states of one run for the fold check; NULL when alike, else what differs. Times at which things live in
 * memory only (a workflow task's start) are compared too. Text in `arena`. */
const char *mutable_state_difference(const struct mutable_state *a, const struct mutable_state *b, struct arena *arena);

#endif
