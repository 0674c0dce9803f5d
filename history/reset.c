/*
 * Reset: a new run takes over the log of another one, the base, up to a point at which a workflow task is pending. It
 * fails that task, brings along what has come from outside since (signals, updates, the fates of children), and
 * schedules the next task, so that a worker decides anew from there.
 *
 *     base     1 Started  2 S  3 R | 4 C            5 Signaled     6 S           7 R  8 C  9 Completed
 *     new run  1 Started  2 S  3 R | 4 F            5 Signaled     6 S
 *                                    reset_begin    reset_reapply  reset_finish
 *
 * (S, R, C, F: a workflow task is scheduled, started, completed, failed.)
 *
 * That the log of the new run goes on with a WorkflowTaskFailed of cause RESET_WORKFLOW is all that tells it from
 * another: what a reset means to the state is folded from this event (reset_applied), and once more from the next one
 * when a new run is reset in its turn.
 *
 * An activity is never failed by a reset although the real server has a rule for those that have a started event: that
 * event enters the log together with the one that ends the activity, so none is pending at any point.
 */
#include <string.h>

#include "history/internal.h"

/* Of what the server does in the place of a worker: as the real server's histories have it. */
static const char server_identity[] = "history-service", no_request[] = "emptyUuid";

static bool excludes(const PbResetWorkflowExecutionRequest *request, PbResetReapplyExcludeType type)
{
    for (size_t i = 0; i < request->n_reset_reapply_exclude_types; i++)
        if (request->reset_reapply_exclude_types[i] == type)
            return true;
    return false;
}

struct reset_exclusions reset_exclusions(const PbResetWorkflowExecutionRequest *request)
{
    PbResetReapplyType type = request->reset_reapply_type; /* the older way to say it */
    struct reset_exclusions exclude = {
        .signals = type == RESET_REAPPLY_TYPE_NONE || excludes(request, RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL),
        .updates = type == RESET_REAPPLY_TYPE_NONE || type == RESET_REAPPLY_TYPE_SIGNAL ||
                   excludes(request, RESET_REAPPLY_EXCLUDE_TYPE_UPDATE),
    };

    exclude.everything = exclude.signals && exclude.updates && excludes(request, RESET_REAPPLY_EXCLUDE_TYPE_NEXUS) &&
                         excludes(request, RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST);
    return exclude;
}

bool reset_point_is_valid(const struct mutable_state *ms)
{
    return mutable_state_has_task(ms) || ms->last_failed_cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED ||
           ms->last_timed_out_type != TIMEOUT_TYPE_UNSPECIFIED;
}

void reset_begin(struct transition *t, const char *base_run_id, const char *reason)
{
    const struct workflow_task *task = &t->ms->workflow_task;
    PbWorkflowTaskFailedEventAttributes *failed;

    workflow_task_schedule(t, true); /* after a failed one: what was tried again had no events */
    if (task->state == WORKFLOW_TASK_SCHEDULED)
        workflow_task_start(t, &(struct task_poller){.identity = server_identity, .request_id = no_request});
    failed = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_FAILED);
    failed->scheduled_event_id = task->scheduled_event_id;
    failed->started_event_id = task->started_event_id;
    failed->cause = WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW;
    failed->failure = ARENA_NEW_PB(t->arena, PbFailure);
    failed->failure->message = borrow_text(reason);
    failed->failure->failure_info_case = PbFailure_reset_workflow_failure_info_case;
    failed->failure->reset_workflow_failure_info = ARENA_NEW_PB(t->arena, PbResetWorkflowFailureInfo);
    failed->identity = server_identity;
    failed->base_run_id = borrow_text(base_run_id);
    failed->new_run_id = borrow_text(t->run_id);
    transition_settle(t);
}

/* ---- what is brought along ---- */

/* The same event, now; not settled yet. */
static PbHistoryEvent *add_again(struct transition *t, const PbHistoryEvent *event)
{
    transition_settle(t);
    t->pending = pb_copy(t->arena, event);
    t->pending->event_time = pb_timestamp_new(t->arena, t->now);
    return t->pending;
}

static void signal_again(struct transition *t, const PbHistoryEvent *event)
{
    /* Not who has sent it: the sender waits for no second answer. */
    add_again(t, event)->workflow_execution_signaled_event_attributes->external_workflow_execution = NULL;
}

/* The worker shall decide on it anew. An id is known when two runs of a chain have used it: then the first counts. */
static void admit_again(struct transition *t, const PbUpdateRequest *request, PbUpdateAdmittedEventOrigin origin)
{
    PbWorkflowExecutionUpdateAdmittedEventAttributes *admitted;

    if (request == NULL || request->meta == NULL || mutable_state_update(t->ms, request->meta->update_id) != NULL)
        return;
    admitted = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED);
    admitted->request = pb_copy(t->arena, request);
    admitted->origin = origin;
}

static void start_child_again(struct transition *t, const PbHistoryEvent *event)
{
    const struct child *child =
        mutable_state_child(t->ms, event->child_workflow_execution_started_event_attributes->initiated_event_id);

    if (child != NULL && child->started_event_id == 0)
        add_again(t, event);
}

static void end_child_again(struct transition *t, const PbHistoryEvent *event)
{
    const struct child *child = mutable_state_child(t->ms, event_ends(event));

    if (child != NULL)
        event_set_started(add_again(t, event), child->started_event_id);
}

static void fail_child_again(struct transition *t, const PbHistoryEvent *event)
{
    int64_t id = event->start_child_workflow_execution_failed_event_attributes->initiated_event_id;

    if (mutable_state_child(t->ms, id) != NULL)
        add_again(t, event);
}

void reset_reapply(struct transition *t, const PbHistoryEvent *event, const struct reset_exclusions *exclude)
{
    switch ((int)event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        if (!exclude->signals)
            signal_again(t, event);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
        if (!exclude->updates)
            admit_again(t, event->workflow_execution_update_admitted_event_attributes->request,
                        event->workflow_execution_update_admitted_event_attributes->origin);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: /* has no request when it was admitted by an event, before */
        if (!exclude->updates)
            admit_again(t, event->workflow_execution_update_accepted_event_attributes->accepted_request,
                        UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
        add_again(t, event);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        start_child_again(t, event);
        break;
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        fail_child_again(t, event);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        end_child_again(t, event);
        break;
    default: /* requests to cancel stay behind: whoever resets wants the workflow to go on */
        break;
    }
    transition_settle(t);
}

void reset_finish(struct transition *t)
{
    const struct mutable_state *ms = t->ms;
    const struct activity *activity;
    const struct child *child;
    const struct external *external;

    for (activity = ms->activities; activity != NULL; activity = activity->by_event.next)
        transition_effect(t, EFFECT_DISPATCH_ACTIVITY, activity->scheduled_event_id);
    for (child = ms->children; child != NULL; child = child->by_event.next)
        if (child->run_id == NULL)
            transition_effect(t, EFFECT_START_CHILD, child->initiated_event_id);
    for (external = ms->externals; external != NULL; external = external->by_event.next)
        transition_effect(t, EFFECT_TELL_EXTERNAL, external->initiated_event_id);
    workflow_task_schedule(t, true);
}

void reset_note_new_run(struct transition *t, const char *new_run_id)
{
    t->ms->reset_run_id = arena_strdup(t->ms->arena, new_run_id);
    t->volatile_changed = true;
}

/* ---- what it means to the state ---- */

static nanos least(nanos a, nanos b)
{
    return a < b ? a : b;
}

void reset_applied(struct mutable_state *ms, const PbHistoryEvent *event)
{
    nanos now = time_from_pb(event->event_time), backoff = ms->first_task_at - ms->start_time;
    struct activity *activity, *next;

    ms->reset_event_id = event->event_id;
    ms->start_time = now;
    ms->first_task_at = nanos_add(now, backoff);
    if (ms->execution_timeout > 0)
        ms->execution_expires_at = nanos_add(now, ms->execution_timeout);
    if (ms->run_timeout > 0)
        ms->run_expires_at = least(nanos_add(now, ms->run_timeout), ms->execution_expires_at);
    HASH_ITER (by_event, ms->activities, activity, next)
        activity->first_scheduled_time = activity->attempt_scheduled_time = now;
}
