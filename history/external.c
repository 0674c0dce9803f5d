/* Signals and cancellation requests that a workflow sends to others: initiated by command, settled when delivered or
 * not. */
#include <string.h>

#include "base/uuid.h"
#include "history/internal.h"

enum { EXTERNAL_ARENA_BYTES = 512 };

#define BAD_SIGNAL WORKFLOW_TASK_FAILED_CAUSE_BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES
#define BAD_CANCEL WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES

void external_free(struct mutable_state *ms, struct external *external)
{
    HASH_DELETE(by_event, ms->externals, external);
    arena_free(external->arena);
}

static int32_t count(const struct mutable_state *ms, bool signals)
{
    const struct external *external;
    int32_t result = 0;

    for (external = ms->externals; external != NULL; external = external->by_event.next)
        result += (external->signal != NULL) == signals;
    return result;
}

static bool is_run_id(const char *text)
{
    uint8_t uuid[UUID_BYTES];

    return text[0] == '\0' || uuid_parse(text, uuid);
}

/* ---- signals ---- */

static const char *signal_problem(struct transition *t, const PbSignalExternalWorkflowExecutionCommandAttributes *want,
                                  struct target_namespace *ret_target)
{
    const char *id, *run_id, *ns = want->namespace_, *problem = target_namespace_problem(t, ns, ret_target);
    size_t id_max = (size_t)t->limits->id_bytes_max;

    if (want->execution == NULL)
        return "Execution is not set on SignalExternalWorkflowExecutionCommand.";
    if (problem != NULL)
        return problem;
    id = want->execution->workflow_id;
    run_id = want->execution->run_id;
    if (id[0] == '\0')
        return arena_printf(t->arena,
                            "WorkflowId is not set on SignalExternalWorkflowExecutionCommand. Namespace=%s RunId=%s "
                            "SignalName=%s",
                            ns, run_id, want->signal_name);
    if (strlen(id) > id_max)
        return arena_printf(t->arena,
                            "WorkflowId on SignalExternalWorkflowExecutionCommand exceeds length limit. WorkflowId=%s "
                            "Length=%zu Limit=%zu Namespace=%s RunId=%s SignalName=%s",
                            id, strlen(id), id_max, ns, run_id, want->signal_name);
    if (!is_run_id(run_id))
        return arena_printf(t->arena,
                            "Invalid RunId set on SignalExternalWorkflowExecutionCommand. WorkflowId=%s Namespace=%s "
                            "RunId=%s SignalName=%s",
                            id, ns, run_id, want->signal_name);
    if (want->signal_name[0] == '\0')
        return arena_printf(
            t->arena,
            "SignalName is not set on SignalExternalWorkflowExecutionCommand. WorkflowId=%s Namespace=%s "
            "RunId=%s",
            id, ns, run_id);
    return NULL;
}

struct refusal decide_signal_external(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbSignalExternalWorkflowExecutionCommandAttributes *want;
    PbSignalExternalWorkflowExecutionInitiatedEventAttributes *initiated;
    struct target_namespace target;
    const char *problem;

    if (command == NULL)
        return refuse(
            t, BAD_SIGNAL,
            "SignalExternalWorkflowExecutionCommandAttributes is not set on SignalExternalWorkflowExecutionCommand.");
    want = command->signal_external_workflow_execution_command_attributes;
    if ((problem = signal_problem(t, want, &target)) != NULL)
        return refuse(t, BAD_SIGNAL, "%s", problem);
    if (packed_bytes(want->input) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, BAD_SIGNAL,
                                    "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.");
    if (count(t->ms, true) >= t->limits->pending_signals_max)
        return refuse(
            t, WORKFLOW_TASK_FAILED_CAUSE_PENDING_SIGNALS_LIMIT_EXCEEDED,
            "the number of pending signals to external workflows, %d, has reached the per-workflow limit of %d",
            count(t->ms, true), t->limits->pending_signals_max);
    initiated = transition_add(t, EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
    initiated->workflow_task_completed_event_id = task->completed_event_id;
    initiated->namespace_ = want->namespace_; /* as given, perhaps not at all */
    initiated->namespace_id = target.id;
    initiated->workflow_execution = want->execution;
    initiated->signal_name = want->signal_name;
    initiated->input = want->input;
    initiated->control = want->control;
    initiated->child_workflow_only = want->child_workflow_only;
    initiated->header = want->header;
    transition_effect(t, EFFECT_TELL_EXTERNAL, transition_settle(t));
    return ACCEPTED;
}

/* ---- cancellation requests ---- */

/* Whether this completion has initiated a child with this workflow id. */
static bool initiated_in_this_task(const struct transition *t, const char *workflow_id, int64_t completed_event_id)
{
    const struct child *child;

    for (child = t->ms->children; child != NULL; child = child->by_event.next)
        if (child->initiated_event_id > completed_event_id && strcmp(child->initiated->workflow_id, workflow_id) == 0)
            return true;
    return false;
}

static const char *cancel_problem(struct transition *t,
                                  const PbRequestCancelExternalWorkflowExecutionCommandAttributes *want,
                                  int64_t completed_event_id, struct target_namespace *ret_target)
{
    const char *id = want->workflow_id, *run_id = want->run_id, *ns = want->namespace_;
    const char *problem = target_namespace_problem(t, ns, ret_target);
    size_t id_max = (size_t)t->limits->id_bytes_max;

    if (problem != NULL)
        return problem;
    if (id[0] == '\0')
        return arena_printf(
            t->arena, "WorkflowId is not set on RequestCancelExternalWorkflowExecutionCommand. Namespace=%s RunId=%s",
            ns, run_id);
    if (strlen(id) > id_max)
        return arena_printf(
            t->arena,
            "WorkflowId on RequestCancelExternalWorkflowExecutionCommand exceeds length limit. WorkflowId=%s "
            "Length=%zu Limit=%zu RunId=%s Namespace=%s",
            id, strlen(id), id_max, run_id, ns);
    if (!is_run_id(run_id))
        return arena_printf(
            t->arena,
            "Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand. WorkflowId=%s RunId=%s "
            "Namespace=%s",
            id, run_id, ns);
    if (initiated_in_this_task(t, id, completed_event_id))
        return arena_printf(
            t->arena,
            "Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId=%s "
            "RunId=%s Namespace=%s",
            id, run_id, ns);
    return NULL;
}

struct refusal decide_request_cancel_external(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbRequestCancelExternalWorkflowExecutionCommandAttributes *want;
    PbRequestCancelExternalWorkflowExecutionInitiatedEventAttributes *initiated;
    struct target_namespace target;
    const char *problem;

    if (command == NULL)
        return refuse(t, BAD_CANCEL,
                      "RequestCancelExternalWorkflowExecutionCommandAttributes is not set on "
                      "RequestCancelExternalWorkflowExecutionCommand.");
    want = command->request_cancel_external_workflow_execution_command_attributes;
    if ((problem = cancel_problem(t, want, task->completed_event_id, &target)) != NULL)
        return refuse(t, BAD_CANCEL, "%s", problem);
    if (count(t->ms, false) >= t->limits->pending_cancels_max)
        return refuse(
            t, WORKFLOW_TASK_FAILED_CAUSE_PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED,
            "the number of pending requests to cancel external workflows, %d, has reached the per-workflow limit "
            "of %d",
            count(t->ms, false), t->limits->pending_cancels_max);
    initiated = transition_add(t, EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
    initiated->workflow_task_completed_event_id = task->completed_event_id;
    initiated->namespace_ = want->namespace_;
    initiated->namespace_id = target.id;
    initiated->workflow_execution = ARENA_NEW_PB(t->arena, PbWorkflowExecution);
    initiated->workflow_execution->workflow_id = want->workflow_id;
    initiated->workflow_execution->run_id = want->run_id;
    initiated->control = want->control;
    initiated->child_workflow_only = want->child_workflow_only;
    initiated->reason = want->reason;
    transition_effect(t, EFFECT_TELL_EXTERNAL, transition_settle(t));
    return ACCEPTED;
}

/* ---- how it went ---- */

static void told(struct transition *t)
{
    transition_settle(t);
    t->volatile_changed = true;
    workflow_task_schedule(t, false);
}

/* An initiated event names the target's namespace as its command does, perhaps not at all; what comes of it names it.
 */
static const char *target_name(const struct transition *t, const char *given)
{
    return given[0] == '\0' ? t->namespace_name : given;
}

void external_delivered(struct transition *t, struct external *external)
{
    if (external->signal != NULL) {
        const PbSignalExternalWorkflowExecutionInitiatedEventAttributes *sent = pb_copy(t->arena, external->signal);
        PbExternalWorkflowExecutionSignaledEventAttributes *signaled =
            transition_add(t, EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED);

        signaled->initiated_event_id = external->initiated_event_id;
        signaled->namespace_ = target_name(t, sent->namespace_);
        signaled->namespace_id = sent->namespace_id;
        signaled->workflow_execution = sent->workflow_execution;
        signaled->control = sent->control;
    } else {
        const PbRequestCancelExternalWorkflowExecutionInitiatedEventAttributes *sent =
            pb_copy(t->arena, external->cancel);
        PbExternalWorkflowExecutionCancelRequestedEventAttributes *requested =
            transition_add(t, EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED);

        requested->initiated_event_id = external->initiated_event_id;
        requested->namespace_ = target_name(t, sent->namespace_);
        requested->namespace_id = sent->namespace_id;
        requested->workflow_execution = sent->workflow_execution;
    }
    told(t);
}

void external_failed(struct transition *t, struct external *external, int cause)
{
    if (external->signal != NULL) {
        const PbSignalExternalWorkflowExecutionInitiatedEventAttributes *sent = pb_copy(t->arena, external->signal);
        PbSignalExternalWorkflowExecutionFailedEventAttributes *failed =
            transition_add(t, EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);

        failed->cause = (PbSignalExternalWorkflowExecutionFailedCause)cause;
        failed->initiated_event_id = external->initiated_event_id;
        failed->namespace_ = target_name(t, sent->namespace_);
        failed->namespace_id = sent->namespace_id;
        failed->workflow_execution = sent->workflow_execution;
        failed->control = sent->control;
    } else {
        const PbRequestCancelExternalWorkflowExecutionInitiatedEventAttributes *sent =
            pb_copy(t->arena, external->cancel);
        PbRequestCancelExternalWorkflowExecutionFailedEventAttributes *failed =
            transition_add(t, EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);

        failed->cause = (PbCancelExternalWorkflowExecutionFailedCause)cause;
        failed->initiated_event_id = external->initiated_event_id;
        failed->namespace_ = target_name(t, sent->namespace_);
        failed->namespace_id = sent->namespace_id;
        failed->workflow_execution = sent->workflow_execution;
    }
    told(t);
}

/* ---- appliers ---- */

static struct external *add_external(struct mutable_state *ms, int64_t initiated_event_id)
{
    struct arena *arena = arena_new(EXTERNAL_ARENA_BYTES);
    struct external *external = ARENA_NEW(arena, struct external);

    external->arena = arena;
    external->initiated_event_id = initiated_event_id;
    HASH_ADD(by_event, ms->externals, initiated_event_id, sizeof(external->initiated_event_id), external);
    return external;
}

enum broken apply_external_signal_initiated(struct mutable_state *ms, const PbHistoryEvent *event,
                                            const PbSignalExternalWorkflowExecutionInitiatedEventAttributes *attributes)
{
    struct external *external = add_external(ms, event->event_id);

    external->signal = pb_copy(external->arena, attributes);
    return INTACT;
}

enum broken
apply_external_cancel_initiated(struct mutable_state *ms, const PbHistoryEvent *event,
                                const PbRequestCancelExternalWorkflowExecutionInitiatedEventAttributes *attributes)
{
    struct external *external = add_external(ms, event->event_id);

    external->cancel = pb_copy(external->arena, attributes);
    return INTACT;
}

static enum broken end_external(struct mutable_state *ms, int64_t initiated_event_id)
{
    struct external *external = mutable_state_external(ms, initiated_event_id);

    if (external == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    external_free(ms, external);
    return INTACT;
}

#define APPLY_END(name, camel)                                              \
    enum broken name(struct mutable_state *ms, const PbHistoryEvent *event, \
                     const Pb##camel##EventAttributes *attributes)          \
    {                                                                       \
        (void)event;                                                        \
        return end_external(ms, attributes->initiated_event_id);            \
    }
APPLY_END(apply_external_signaled, ExternalWorkflowExecutionSignaled)
APPLY_END(apply_external_signal_failed, SignalExternalWorkflowExecutionFailed)
APPLY_END(apply_external_cancel_requested, ExternalWorkflowExecutionCancelRequested)
APPLY_END(apply_external_cancel_failed, RequestCancelExternalWorkflowExecutionFailed)
#undef APPLY_END
