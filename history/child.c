/*
 * Child workflows, as their parent sees them.
 *
 *     initiated ---> started ---> completed, failed, cancelled, timed out, terminated
 *         |
 *         +--------> could not start
 *
 * Everything but the initiation is news from outside, so it is buffered while a workflow task is started.
 */
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"
#include "proto/payload.h"
#include "proto/versioning.h"

enum { CHILD_ARENA_BYTES = 512 };

#define BAD WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES

void child_free(struct mutable_state *ms, struct child *child)
{
    HASH_DELETE(by_event, ms->children, child);
    arena_free(child->arena);
}

/* ---- the command ---- */

static const char *times_problem(struct transition *t, const PbStartChildWorkflowExecutionCommandAttributes *want)
{
    const struct {
        const char *name;
        const PbDuration *duration;
    } timeouts[] = {
        {"WorkflowExecutionTimeout", want->workflow_execution_timeout},
        {"WorkflowRunTimeout", want->workflow_run_timeout},
        {"WorkflowTaskTimeout", want->workflow_task_timeout},
    };
    const char *problem;

    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
        if ((problem = duration_problem(timeouts[i].duration)) != NULL)
            return arena_printf(t->arena, "Invalid %s on StartChildWorkflowExecutionCommand: %s.", timeouts[i].name,
                                problem);
    if ((problem = retry_policy_problem(t->arena, want->retry_policy)) != NULL)
        return arena_printf(t->arena, "invalid WorkflowRetryPolicy on StartChildWorkflowExecutionCommand: %s.",
                            problem);
    if ((problem = cron_problem(want->cron_schedule, t->now)) != NULL)
        return arena_printf(t->arena, "invalid CronSchedule on StartChildWorkflowExecutionCommand: %s.", problem);
    return NULL;
}

static const char *child_problem(struct transition *t, const PbStartChildWorkflowExecutionCommandAttributes *want,
                                 const char *namespace_name)
{
    size_t id_max = (size_t)t->limits->id_bytes_max;
    const char *id = want->workflow_id, *type = want->workflow_type == NULL ? "" : want->workflow_type->name;
    const char *problem;

    if (id[0] == '\0')
        return arena_printf(
            t->arena,
            "Required field WorkflowId is not set on StartChildWorkflowExecutionCommand. WorkflowType=%s "
            "Namespace=%s",
            type, namespace_name);
    if (type[0] == '\0')
        return arena_printf(
            t->arena,
            "Required field WorkflowType is not set on StartChildWorkflowExecutionCommand. WorkflowId=%s "
            "Namespace=%s",
            id, namespace_name);
    if (strlen(id) > id_max)
        return arena_printf(t->arena,
                            "WorkflowId on StartChildWorkflowExecutionCommand exceeds length limit. WorkflowId=%s "
                            "Length=%zu Limit=%zu WorkflowType=%s Namespace=%s",
                            id, strlen(id), id_max, type, namespace_name);
    if (strlen(type) > id_max)
        return arena_printf(t->arena,
                            "WorkflowType on StartChildWorkflowExecutionCommand exceeds length limit. WorkflowId=%s "
                            "WorkflowType=%s Length=%zu Limit=%zu Namespace=%s",
                            id, type, strlen(type), id_max, namespace_name);
    if ((problem = times_problem(t, want)) != NULL)
        return arena_printf(t->arena, "%s WorkflowId=%s WorkflowType=%s Namespace=%s", problem, id, type,
                            namespace_name);
    if ((problem = priority_problem(want->priority)) != NULL)
        return problem;
    problem = workflow_queue_problem(
        t, want->task_queue == NULL || want->task_queue->name[0] == '\0' ? t->ms->task_queue : want->task_queue->name);
    if (problem != NULL)
        return arena_printf(
            t->arena,
            "invalid TaskQueue on StartChildWorkflowExecutionCommand: %s. WorkflowId=%s WorkflowType=%s "
            "Namespace=%s TaskQueue=name:\"%s\" kind:TASK_QUEUE_KIND_NORMAL",
            problem, id, type, namespace_name, want->task_queue == NULL ? "" : want->task_queue->name);
    return NULL;
}

static nanos least(nanos a, nanos b)
{
    return a < b ? a : b;
}

static void fill_timeouts(struct transition *t, const PbStartChildWorkflowExecutionCommandAttributes *want,
                          PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated)
{
    nanos execution = duration_from_pb(want->workflow_execution_timeout);
    nanos run = duration_from_pb(want->workflow_run_timeout), task = duration_from_pb(want->workflow_task_timeout);

    if (execution > 0)
        run = run == 0 ? execution : least(run, execution);
    if (task == 0)
        task = t->limits->task_timeout_default;
    task = least(task, t->limits->task_timeout_max);
    if (run > 0)
        task = least(task, run);
    initiated->workflow_execution_timeout = want->workflow_execution_timeout;
    initiated->workflow_run_timeout = pb_duration_new(t->arena, run);
    initiated->workflow_task_timeout = pb_duration_new(t->arena, task);
}

struct refusal decide_start_child(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbStartChildWorkflowExecutionCommandAttributes *want;
    PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated;
    struct search_attributes_verdict verdict;
    PbSearchAttributes *search_attributes;
    struct target_namespace target;
    struct refusal refusal;
    bool has_queue;
    const char *problem, *not_allowed;

    if (command == NULL)
        return refuse(t, BAD,
                      "StartChildWorkflowExecutionCommandAttributes is not set on StartChildWorkflowExecutionCommand.");
    want = command->start_child_workflow_execution_command_attributes;
    not_allowed = target_namespace_problem(t, want->namespace_, &target);
    refusal = judge_search_attributes(t, target.name, want->search_attributes, &verdict);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        return refusal; /* an unknown name comes before all else */
    if (not_allowed != NULL)
        return refuse(t, BAD, "%s", not_allowed);
    if ((problem = child_problem(t, want, target.name)) != NULL)
        return refuse(t, BAD, "%s", problem);
    if (verdict.problem != NULL)
        return refuse(
            t, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
            "invalid SearchAttributes on StartChildWorkflowCommand: %s. WorkflowId=%s WorkflowType=%s Namespace=%s",
            verdict.problem, want->workflow_id, want->workflow_type->name, target.name);
    if ((problem = override_problem(t->arena, want->versioning_override)) != NULL)
        return refuse(t, BAD, "%s", problem);
    if (packed_bytes(want->input) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, BAD, "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.");
    if (packed_bytes(want->memo) > t->limits->memo_bytes_max)
        return refuse_and_terminate(t, BAD, "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.");
    search_attributes = set_search_attributes(t, &verdict);
    if ((problem = search_attributes_size_problem(t, search_attributes)) != NULL)
        return refuse_and_terminate(t, BAD, "%s", problem);
    if ((int32_t)HASH_CNT(by_event, t->ms->children) >= t->limits->pending_children_max)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED,
                      "the number of pending child workflow executions, %d, has reached the per-workflow limit of %d",
                      (int)HASH_CNT(by_event, t->ms->children), t->limits->pending_children_max);
    has_queue = want->task_queue != NULL && want->task_queue->name[0] != '\0';
    initiated = transition_add(t, EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED);
    initiated->namespace_ = target.name;
    initiated->namespace_id = target.id;
    initiated->workflow_id = want->workflow_id;
    initiated->workflow_type = want->workflow_type;
    initiated->task_queue = normal_task_queue(t->arena, has_queue ? want->task_queue->name : t->ms->task_queue);
    initiated->input = want->input;
    fill_timeouts(t, want, initiated);
    initiated->parent_close_policy = want->parent_close_policy == PARENT_CLOSE_POLICY_UNSPECIFIED
                                         ? PARENT_CLOSE_POLICY_TERMINATE
                                         : want->parent_close_policy;
    initiated->control = want->control;
    initiated->workflow_task_completed_event_id = task->completed_event_id;
    initiated->workflow_id_reuse_policy = want->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED
                                              ? WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
                                              : want->workflow_id_reuse_policy;
    initiated->retry_policy = want->retry_policy == NULL ? NULL : retry_policy_complete(t->arena, want->retry_policy);
    initiated->cron_schedule = want->cron_schedule;
    initiated->header = want->header;
    initiated->memo = memo_without_nil(t->arena, want->memo);
    initiated->search_attributes = search_attributes;
    initiated->inherit_build_id = want->inherit_build_id;
    initiated->priority = want->priority;
    initiated->versioning_override = override_normal(t->arena, want->versioning_override);
    transition_effect(t, EFFECT_START_CHILD, transition_settle(t));
    return ACCEPTED;
}

/* ---- news of it ---- */

static PbWorkflowExecution *execution(struct arena *arena, const char *workflow_id, const char *run_id)
{
    PbWorkflowExecution *result = ARENA_NEW_PB(arena, PbWorkflowExecution);

    result->workflow_id = arena_strdup(arena, workflow_id);
    result->run_id = arena_strdup(arena, run_id);
    return result;
}

static PbWorkflowType *type_of(struct arena *arena, const struct child *child)
{
    return pb_copy(arena, child->initiated->workflow_type);
}

static void told(struct transition *t)
{
    transition_settle(t);
    t->volatile_changed = true;
    workflow_task_schedule(t, false);
}

void child_started(struct transition *t, struct child *child, const char *run_id)
{
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated = child->initiated;
    PbChildWorkflowExecutionStartedEventAttributes *started =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED);

    started->namespace_ = arena_strdup(t->arena, initiated->namespace_);
    started->namespace_id = arena_strdup(t->arena, initiated->namespace_id);
    started->initiated_event_id = child->initiated_event_id;
    started->workflow_execution = execution(t->arena, initiated->workflow_id, run_id);
    started->workflow_type = type_of(t->arena, child);
    started->header = pb_copy(t->arena, initiated->header);
    told(t);
}

void child_start_failed(struct transition *t, struct child *child, PbStartChildWorkflowExecutionFailedCause cause)
{
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated = child->initiated;
    PbStartChildWorkflowExecutionFailedEventAttributes *failed =
        transition_add(t, EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED);

    failed->namespace_ = arena_strdup(t->arena, initiated->namespace_);
    failed->namespace_id = arena_strdup(t->arena, initiated->namespace_id);
    failed->workflow_id = arena_strdup(t->arena, initiated->workflow_id);
    failed->workflow_type = type_of(t->arena, child);
    failed->cause = cause;
    failed->control = arena_strdup(t->arena, initiated->control);
    failed->initiated_event_id = child->initiated_event_id;
    told(t);
}

/* What all five closing events say. */
#define FILL_END(event)                                                                                \
    do {                                                                                               \
        (event)->namespace_ = arena_strdup(t->arena, child->initiated->namespace_);                    \
        (event)->namespace_id = arena_strdup(t->arena, child->initiated->namespace_id);                \
        (event)->workflow_execution = execution(t->arena, child->initiated->workflow_id, end->run_id); \
        (event)->workflow_type = type_of(t->arena, child);                                             \
        (event)->initiated_event_id = child->initiated_event_id;                                       \
        (event)->started_event_id = child->started_event_id;                                           \
    } while (0)

static void add_completed(struct transition *t, const struct child *child, const struct child_end *end)
{
    PbChildWorkflowExecutionCompletedEventAttributes *event =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED);

    FILL_END(event);
    event->result = end->result;
}

static void add_failed(struct transition *t, const struct child *child, const struct child_end *end)
{
    PbChildWorkflowExecutionFailedEventAttributes *event =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED);

    FILL_END(event);
    event->failure = end->failure;
    event->retry_state = end->retry_state;
}

static void add_canceled(struct transition *t, const struct child *child, const struct child_end *end)
{
    PbChildWorkflowExecutionCanceledEventAttributes *event =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED);

    FILL_END(event);
    event->details = end->result;
}

static void add_timed_out(struct transition *t, const struct child *child, const struct child_end *end)
{
    PbChildWorkflowExecutionTimedOutEventAttributes *event =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT);

    FILL_END(event);
    event->retry_state = end->retry_state;
}

static void add_terminated(struct transition *t, const struct child *child, const struct child_end *end)
{
    PbChildWorkflowExecutionTerminatedEventAttributes *event =
        transition_add(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED);

    FILL_END(event);
}

void child_ended(struct transition *t, struct child *child, const struct child_end *end)
{
    switch ((int)end->outcome) {
    case WORKFLOW_EXECUTION_STATUS_COMPLETED:
        add_completed(t, child, end);
        break;
    case WORKFLOW_EXECUTION_STATUS_FAILED:
        add_failed(t, child, end);
        break;
    case WORKFLOW_EXECUTION_STATUS_CANCELED:
        add_canceled(t, child, end);
        break;
    case WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
        add_timed_out(t, child, end);
        break;
    case WORKFLOW_EXECUTION_STATUS_TERMINATED:
        add_terminated(t, child, end);
        break;
    default:
        invariant(false, "a child does not end with status %d", (int)end->outcome);
    }
    told(t);
}

/* ---- appliers ---- */

enum broken apply_child_initiated(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbStartChildWorkflowExecutionInitiatedEventAttributes *attributes)
{
    struct arena *arena = arena_new(CHILD_ARENA_BYTES);
    struct child *child = ARENA_NEW(arena, struct child);

    child->arena = arena;
    child->initiated_event_id = event->event_id;
    child->initiated = pb_copy(arena, attributes);
    child->user_metadata = pb_copy(arena, event->user_metadata);
    HASH_ADD(by_event, ms->children, initiated_event_id, sizeof(child->initiated_event_id), child);
    return INTACT;
}

enum broken apply_child_started(struct mutable_state *ms, const PbHistoryEvent *event,
                                const PbChildWorkflowExecutionStartedEventAttributes *attributes)
{
    struct child *child = mutable_state_child(ms, attributes->initiated_event_id);

    if (child == NULL || attributes->workflow_execution == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    child->started_event_id = event->event_id;
    child->run_id = arena_strdup(child->arena, attributes->workflow_execution->run_id);
    return INTACT;
}

static enum broken end_child(struct mutable_state *ms, int64_t initiated_event_id)
{
    struct child *child = mutable_state_child(ms, initiated_event_id);

    if (child == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    child_free(ms, child);
    return INTACT;
}

#define APPLY_END(name, camel)                                              \
    enum broken name(struct mutable_state *ms, const PbHistoryEvent *event, \
                     const Pb##camel##EventAttributes *attributes)          \
    {                                                                       \
        (void)event;                                                        \
        return end_child(ms, attributes->initiated_event_id);               \
    }
APPLY_END(apply_child_start_failed, StartChildWorkflowExecutionFailed)
APPLY_END(apply_child_completed, ChildWorkflowExecutionCompleted)
APPLY_END(apply_child_failed, ChildWorkflowExecutionFailed)
APPLY_END(apply_child_canceled, ChildWorkflowExecutionCanceled)
APPLY_END(apply_child_timed_out, ChildWorkflowExecutionTimedOut)
APPLY_END(apply_child_terminated, ChildWorkflowExecutionTerminated)
#undef APPLY_END
