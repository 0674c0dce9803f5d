/*
 * Decisions: what each request, command or deadline does to a run. All are functions of (state, input, now): they add
 * events and effects to a transition, and touch nothing else. One section per source file.
 */
#ifndef FERMATA_HISTORY_DECIDE_H
#define FERMATA_HISTORY_DECIDE_H

#include "base/status.h"
#include "history/transition.h"

/* A command that is not carried out: it fails the workflow task with this cause. cause 0 (UNSPECIFIED): accepted. */
struct refusal {
    PbWorkflowTaskFailedCause cause;
    const char *text;    /* "ShortCauseName: why", in the turn's arena */
    bool terminates_run; /* a payload over the limit: the run is terminated as well */
};

/* ---- start.c ---- */

/* What is wrong with a cron schedule, "" being none, or NULL. */
const char *cron_problem(const char *schedule, nanos now);

/* What time means to the first run of a chain, which starts at `now`: fills in its first workflow task's backoff
 * (`delay`, or until its cron schedule's first time), its initiator, and when its execution time-out ends the chain. */
void start_fill_in_times(struct arena *arena, PbWorkflowExecutionStartedEventAttributes *started, nanos now,
                         nanos delay);

/* Adds WorkflowExecutionStarted with these attributes and, unless there is a backoff, the first workflow task. */
void decide_start(struct transition *t, PbWorkflowExecutionStartedEventAttributes *started,
                  const PbUserMetadata *metadata, size_t links_count, PbCommonLink **links);

/* The same with a signal in front of the first workflow task; both have the same links. */
void decide_start_with_signal(struct transition *t, PbWorkflowExecutionStartedEventAttributes *started,
                              const PbUserMetadata *metadata, const PbWorkflowExecutionSignaledEventAttributes *signal,
                              size_t links_count, PbCommonLink **links);

/* Schedules the first workflow task when its backoff is over. */
void decide_backoff_over(struct transition *t);

/* ---- workflow_task.c ---- */

/* Makes sure that the run gets a workflow task: schedules one unless one is pending or the first one's backoff holds it
 * back (`even_in_backoff`: not). */
void workflow_task_schedule(struct transition *t, bool even_in_backoff);

/* Who starts a workflow task. */
struct task_poller {
    const char *identity, *request_id;
    bool on_sticky;                           /* it polled the sticky queue; otherwise stickiness ends */
    const PbWorkerDeploymentOptions *options; /* as sent with the poll; may be NULL, as the next two */
    const PbWorkerVersionCapabilities *capabilities;
    const PbWorkerVersionStamp *stamp; /* as sent with a completion, whose answer brings the task */
    /* The task was routed: the run's queue sends it to `target` now (NULL: to unversioned workers). A task that goes
     * out with the answer to another call, or that the server starts itself, is not: it begins no transition. */
    bool has_target;
    const PbWorkerDeploymentVersion *target;
    int64_t target_revision;
};

/* Records that a poller starts the pending workflow task. A worker of another version than the run's effective one
 * begins a transition to its own, unless the run is pinned: who routes tasks sees to it that no such worker gets it. */
void workflow_task_start(struct transition *t, const struct task_poller *who);

/* Whether the commands form a legal sequence (known types, a closing one last); else the text for INVALID_ARGUMENT. */
const char *workflow_task_check_sequence(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request);

/* Completes the started workflow task: its event, its commands, the buffered events and the next task. On a refusal the
 * state is spoilt: fold it again, then call workflow_task_fail_for_refusal. `ret_heartbeat_timeout`: the task has been
 * kept alive without progress for too long and was timed out instead. */
struct completion_outcome {
    bool heartbeat_timeout;
    bool discarded; /* a speculative task of which nothing remains: the worker goes back to previous_started_event_id */
};
struct refusal workflow_task_complete(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request,
                                      struct completion_outcome *ret_outcome);

/* Fails the started workflow task because of what the worker sent: WorkflowTaskFailed with the cause and, as the
 * refusal says, WorkflowExecutionTerminated. */
void workflow_task_fail_for_refusal(struct transition *t, const struct refusal *refusal, const char *identity);

/* Fails the started workflow task at the worker's word (RespondWorkflowTaskFailed). */
void workflow_task_fail(struct transition *t, PbWorkflowTaskFailedCause cause, const PbFailure *failure,
                        const char *identity, const char *binary_checksum, const PbWorkerVersionStamp *stamp);

/* What is only in memory of the pending task and stickiness. Taken before a completion is decided, put back onto the
 * state that is folded again after a refusal. */
struct task_memory {
    struct workflow_task task;
    struct update_memory *updates;
    const char *sticky_queue;
    nanos sticky_timeout;
    const PbVersioningVolatile *versioning; /* a transition that the task's start has begun; NULL: none ever */
};
struct task_memory workflow_task_remember(const struct mutable_state *ms, struct arena *arena);
void workflow_task_recall(struct mutable_state *ms, const struct task_memory *memory);

/* A worker's answer to the started task, which has been given up, will have the run terminated: its transaction is too
 * large, or (`is_run_too_large`) the run with it. As on the real server, a speculative task is forgotten, and so are
 * updates that nobody has accepted. Who waits for one is told that the run has completed; if the run is too large, that
 * the update has failed, when the worker has seen it. */
void workflow_task_abandon(struct transition *t, bool is_run_too_large);

/* The updates alone, of which there is nothing but memory. */
struct update_memory *updates_remember(const struct mutable_state *ms, struct arena *arena);
void updates_recall(struct mutable_state *ms, const struct update_memory *memory);

/* The run comes back into memory, and this worker still knows it. */
void workflow_task_keep_sticky(struct mutable_state *ms, const char *queue, nanos timeout);

/* Nobody serves the sticky queue any more. */
void workflow_task_forget_sticky(struct mutable_state *ms);

/* The started task is void without a trace (its poll could not be answered): it is pending again. */
void workflow_task_unstart(struct mutable_state *ms);

/* The events that clients see for a pending transient or speculative task although the log does not have them: 0, 1 or
 * 2, in `arena`. `for_worker`: they go with the task, and name its worker. */
size_t workflow_task_virtual_events(const struct mutable_state *ms, struct arena *arena, bool for_worker,
                                    PbHistoryEvent *ret_events[2]);

/* ---- versioning.c, options.c, inheritance.c ---- */

/* What is wrong with the versions that a completion claims, as the text for INVALID_ARGUMENT; NULL: nothing. */
const char *versioning_completion_problem(const struct mutable_state *ms,
                                          const PbRespondWorkflowTaskCompletedRequest *request);

/* An activity was routed to a worker of the version that the run's workflow tasks go to as well: the run moves there.
 * Makes sure of a workflow task. Nothing for a run that is pinned. `to` NULL: to unversioned workers. */
void versioning_start_transition(struct transition *t, const PbWorkerDeploymentVersion *to, int64_t revision);

/* Of a run that has been loaded: a transition that has begun with a workflow task's start which did not survive has
 * never been, like that. Returns whether there was one. */
bool versioning_forget_lost_transition(struct mutable_state *ms);

/* Records changed options; they act at once, also while the event has to wait. The override may be in any form, it is
 * recorded without deprecated members. */
void decide_options_update(struct transition *t, const PbWorkflowExecutionOptionsUpdatedEventAttributes *options);

/* What a child that is about to start takes over from its parent, `t` being a transition of the parent (nothing of it
 * changes): fills in the override and what is inherited. `is_same_namespace`: as the parent. */
void inherit_by_child(const struct transition *t,
                      const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated, bool is_same_namespace,
                      PbWorkflowExecutionStartedEventAttributes *started);

/* ---- update.c ---- */

/* Admits an update (its request has an id that the run does not know). Its workflow task is update_schedule_task's
 * part. */
struct update *update_admit(struct mutable_state *ms, const PbUpdateRequest *request);

/* Makes sure that admitted updates get to a worker: a speculative workflow task, unless one is pending anyway. */
void workflow_task_schedule_speculative(struct transition *t);

/* Which updates a workflow task brings. Those that an earlier task has brought, and that its worker has passed over to
 * keep the task alive, come again with a task that is polled; who takes it out of the response to the last has them. */
enum messages_of { NEW_UPDATES, UNPROCESSED_UPDATES };

/* The messages that the workflow task which has just been started brings. Their updates are sent now. */
size_t updates_make_messages(struct mutable_state *ms, enum messages_of which, struct arena *arena,
                             PbMessage ***ret_messages);

/* What is wrong with the form of a completion's messages, as the text for INVALID_ARGUMENT; NULL: nothing. */
const char *update_messages_problem(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request);

/* The started task's completion was refused, and the task goes on: the updates that it carried are lost all the same.
 */
void updates_drop_sent(struct transition *t);

/* Whether some update would be lost with the memory. */
bool updates_are_in_memory_only(const struct mutable_state *ms);

/* The outcome of an update that was accepted and not completed when its run closed. */
PbFailure *update_cut_off_failure(struct arena *arena);

/* ---- activity.c ---- */

/* Records a start: attempt, poller, the worker's version (NULL: none). It is stored before the worker gets to know
 * (maximum_attempts 1 means never twice). */
void activity_start(struct transition *t, struct activity *activity, const char *identity, const char *request_id,
                    const PbWorkerDeploymentVersion *version);

/* Ends an activity at its worker's word. */
void activity_complete(struct transition *t, struct activity *activity, const PbPayloads *result, const char *identity);
void activity_cancel(struct transition *t, struct activity *activity, const PbPayloads *details, const char *identity);

/* An attempt failed: schedules the next one, or ends the activity. */
void activity_fail(struct transition *t, struct activity *activity, const PbFailure *failure, const char *identity);

/* Records a heartbeat. */
void activity_heartbeat(struct transition *t, struct activity *activity, const PbPayloads *details);

/* A start is void (its poll could not be answered): the same attempt is dispatched again. */
void activity_unstart(struct transition *t, struct activity *activity);

/* The activity whose token or task this is; NULL when that attempt is over. `started`: it must be started. */
struct activity *activity_current(const struct mutable_state *ms, int64_t scheduled_event_id, int32_t attempt,
                                  int64_t stamp, bool started);

/* When its next time-out is due and which it is. NANOS_MAX: none. */
nanos activity_deadline(const struct activity *activity, PbTimeoutType *ret_type);

/* ---- child.c ---- */

/* How a child has ended, as its parent's history tells it. */
struct child_end {
    PbWorkflowExecutionStatus outcome;
    const char *run_id; /* of the last run of its chain */
    PbPayloads *result; /* or details, of a cancelled one */
    PbFailure *failure;
    PbRetryState retry_state;
};

/* The child runs (`run_id`), could not be started, has ended. */
void child_started(struct transition *t, struct child *child, const char *run_id);
void child_start_failed(struct transition *t, struct child *child, PbStartChildWorkflowExecutionFailedCause cause);
void child_ended(struct transition *t, struct child *child, const struct child_end *end);

/* ---- external.c ---- */

/* The signal or cancellation request was delivered, or why not (a cause of the respective enum). */
void external_delivered(struct transition *t, struct external *external);
void external_failed(struct transition *t, struct external *external, int cause);

/* ---- outside.c, options.c, close.c ---- */

/* Records a signal and makes sure of a workflow task. */
void decide_signal(struct transition *t, const PbWorkflowExecutionSignaledEventAttributes *signal, size_t links_count,
                   PbCommonLink **links);

/* Records that a start joined this open run: its request id ("" when it is not kept) and links. */
void decide_join(struct transition *t, const char *request_id, size_t links_count, PbCommonLink **links);

/* Records a cancellation request and makes sure of a workflow task, also in backoff. Not when one was made before. */
void decide_cancel_request(struct transition *t, const PbWorkflowExecutionCancelRequestedEventAttributes *request);

/* Closes the run as terminated. */
void decide_terminate(struct transition *t, const char *reason, const PbPayloads *details, const char *identity);

/* Ends a started workflow task because the run is closed over its head (terminate, time-out), and flushes. */
void close_cut_task(struct transition *t);

/* Gives up a started workflow task for which too much waits: nothing of that is lost or refused, it goes into the log,
 * and the next task is one more attempt. */
void workflow_task_make_room(struct transition *t);

/* ---- reset.c ---- */

/* What a reset does not bring along of what has happened since the point that it goes back to. */
struct reset_exclusions {
    bool signals, updates;
    bool everything; /* also what no exclusion names: children's fates, starts that have joined */
};
struct reset_exclusions reset_exclusions(const PbResetWorkflowExecutionRequest *request);

/* Whether a new run may begin with a log that ends here: a workflow task is pending, or would be tried again. */
bool reset_point_is_valid(const struct mutable_state *ms);

/* Begins the new run, whose log so far is the base's: the pending workflow task is started, if it is not, and fails. */
void reset_begin(struct transition *t, const char *base_run_id, const char *reason);

/* An event that has happened since, in the base or in a run that continues it: it happens again, if it is of the kind.
 */
void reset_reapply(struct transition *t, const PbHistoryEvent *event, const struct reset_exclusions *exclude);

/* Ends the reset: what is pending is carried out anew, and there is a workflow task. */
void reset_finish(struct transition *t);

/* The base learns of the run that a reset has made of it. */
void reset_note_new_run(struct transition *t, const char *new_run_id);

/* ---- deadlines.c ---- */

/* Does all that is due at t->now: timers in order, time-outs, retries, backoff. */
void decide_deadlines(struct transition *t);

/* ---- retry.c ---- */

/* What is wrong with a retry policy ("BackoffCoefficient cannot be less than 1 on retry policy."), or NULL. Text in
 * `arena` or a literal. */
const char *retry_policy_problem(struct arena *arena, const PbRetryPolicy *policy);

/* A copy with defaults filled in: initial 1 s, coefficient 2.0, maximum interval 100 x initial. */
PbRetryPolicy *retry_policy_complete(struct arena *arena, const PbRetryPolicy *policy);

/* Whether and when to try again after attempt `attempt` failed at `now` with `failure`. */
struct retry_answer {
    PbRetryState state; /* IN_PROGRESS: try again */
    nanos after;        /* backoff from now */
};
struct retry_answer retry_decide(const PbRetryPolicy *policy, int32_t attempt, nanos now, nanos expires_at,
                                 const PbFailure *failure, bool delay_may_exceed_interval);

/* The backoff before attempt `attempt` + 1 by the policy alone. */
nanos retry_interval(const PbRetryPolicy *policy, int32_t attempt);

/* The priority of an activity or child: a field set in its own wins over the workflow's. Either may be NULL. */
PbPriority *history_merged_priority(struct arena *arena, const PbPriority *workflow, const PbPriority *own);

/* ---- names ---- */

/* "BadStartTimerAttributes" of ..._BAD_START_TIMER_ATTRIBUTES. In `arena`. */
const char *failed_cause_name(struct arena *arena, PbWorkflowTaskFailedCause cause);

/* The same of a command: "StartTimer". */
const char *command_type_name(struct arena *arena, PbCommandType type);

/* The timeout's name in failures and texts: "StartToClose". */
const char *timeout_type_name(PbTimeoutType type);

/* What is wrong with a duration ("negative duration"), or NULL. NULL durations are fine. */
const char *duration_problem(const PbDuration *duration);

#endif
