/*
 * How a run ends: by its own command (complete, fail, cancel, continue as new), by terminate, or by time-out; and the
 * run that follows it (continue-as-new, workflow retry, cron).
 */
#include <string.h>

#include "base/cron.h"
#include "base/uuid.h"
#include "history/internal.h"
#include "proto/payload.h"

/* A run that ended sooner than this after its start is followed by one that waits for the rest: a loop of empty runs
 * must not spin. Server 1.32.0: workflowIdReuseMinimalInterval. */
#define CHAIN_INTERVAL_MIN seconds(1)

/* A refused command's task queue, as Go prints that message. */
#define TASK_QUEUE_SHOWN "name:\"%s\"  kind:TASK_QUEUE_KIND_NORMAL"

static struct refusal unhandled_command(void)
{
    return (struct refusal){.cause = WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, .text = "UnhandledCommand"};
}

/* ---- the successor ---- */

/* The backoff of a successor's first task: at least `wanted`, and so that chains do not spin. */
static nanos chain_backoff(const struct transition *t, nanos wanted)
{
    nanos lived = t->now - t->ms->first_task_at;

    if (lived < 0) /* a cancellation request has ended its backoff */
        lived = t->now - t->ms->start_time;
    return nanos_add(lived, wanted) < CHAIN_INTERVAL_MIN ? CHAIN_INTERVAL_MIN - lived : wanted;
}

/* Begins the successor: an id, and what every kind of it takes over from this run. */
static struct successor *new_successor(struct transition *t, const PbHistoryEvent *first_event)
{
    const struct mutable_state *ms = t->ms;
    struct successor *successor = ARENA_NEW(t->arena, struct successor);
    PbWorkflowExecutionStartedEventAttributes *started =
        ARENA_NEW_PB(t->arena, PbWorkflowExecutionStartedEventAttributes);
    char *run_id;

    rand_uuid7(t->rand, t->now, successor->run_id);
    run_id = uuid_text(t->arena, successor->run_id);
    started->workflow_id = ms->workflow_id;
    started->continued_execution_run_id = borrow_text(t->run_id);
    started->original_execution_run_id = run_id;
    started->first_execution_run_id = ms->first_run_id;
    if (ms->has_execution_timeout_field)
        started->workflow_execution_timeout = pb_duration_new(t->arena, ms->execution_timeout);
    if (ms->execution_expires_at != NANOS_MAX)
        started->workflow_execution_expiration_time = pb_timestamp_new(t->arena, ms->execution_expires_at);
    started->prev_auto_reset_points = versions_for_successor(t);
    started->attempt = 1;
    started->parent_workflow_execution = borrow(ms->parent_execution);
    started->parent_workflow_namespace = borrow_text(ms->parent_namespace);
    started->parent_workflow_namespace_id = borrow_text(ms->parent_namespace_id);
    started->parent_initiated_event_id = ms->parent_initiated_event_id;
    started->root_workflow_execution = borrow(ms->root_execution);
    started->priority = borrow(ms->priority);
    successor->started = started;
    if (first_event != NULL) {
        successor->links_count = first_event->n_links;
        successor->links = first_event->links;
    }
    t->successor = successor;
    return successor;
}

/* The run that does the same again: everything as at this one's start, not as it became. */
static PbWorkflowExecutionStartedEventAttributes *add_rerun(struct transition *t, PbContinueAsNewInitiator initiator,
                                                            nanos backoff, PbFailure *failure)
{
    const PbHistoryEvent *first_event = t->load_first_event(t->context);
    const PbWorkflowExecutionStartedEventAttributes *original =
        first_event->workflow_execution_started_event_attributes;
    PbWorkflowExecutionStartedEventAttributes *started = new_successor(t, first_event)->started;

    started->workflow_type = original->workflow_type;
    started->task_queue = original->task_queue;
    started->input = original->input;
    started->header = original->header;
    started->memo = original->memo;
    started->search_attributes = original->search_attributes;
    started->workflow_run_timeout = original->workflow_run_timeout;
    started->workflow_task_timeout = original->workflow_task_timeout;
    started->retry_policy = original->retry_policy;
    started->cron_schedule = original->cron_schedule;
    started->last_completion_result = original->last_completion_result;
    started->priority = original->priority;
    started->initiator = initiator;
    started->continued_failure = failure;
    started->first_workflow_task_backoff = pb_duration_new(t->arena, chain_backoff(t, backoff));
    if (initiator == CONTINUE_AS_NEW_INITIATOR_RETRY)
        started->attempt = t->ms->attempt + 1;
    inherit_by_rerun(t, original, initiator == CONTINUE_AS_NEW_INITIATOR_RETRY, started);
    return started;
}

/* The run that comes next by the cron schedule; NULL: there is none. */
static PbWorkflowExecutionStartedEventAttributes *add_cron_run(struct transition *t, PbFailure *failure)
{
    nanos wait = cron_backoff(t->ms->cron_schedule, t->ms->first_task_at, t->now);

    return wait == CRON_NEVER ? NULL : add_rerun(t, CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE, wait, failure);
}

/* What follows the failed run: another attempt, else the next cron run, else nothing: NULL. Sets the close event's
 * retry state. */
static PbWorkflowExecutionStartedEventAttributes *follow_failure(struct transition *t, PbFailure *failure,
                                                                 PbRetryState *ret_state)
{
    const struct mutable_state *ms = t->ms;
    struct retry_answer retry =
        retry_decide(ms->retry_policy, ms->attempt, t->now, ms->execution_expires_at, failure, false);

    *ret_state = retry.state;
    if (retry.state == RETRY_STATE_IN_PROGRESS)
        return add_rerun(t, CONTINUE_AS_NEW_INITIATOR_RETRY, retry.after, failure);
    return add_cron_run(t, failure);
}

static char *run_id_of(const PbWorkflowExecutionStartedEventAttributes *next)
{
    return borrow_text(next == NULL ? NULL : next->original_execution_run_id);
}

/* ---- commands ---- */

struct refusal decide_complete_workflow(struct transition *t, const PbCommand *command, struct task_context *task)
{
    PbWorkflowExecutionCompletedEventAttributes *completed;
    const PbCompleteWorkflowExecutionCommandAttributes *want;
    PbWorkflowExecutionStartedEventAttributes *next;

    if (task->had_buffered)
        return unhandled_command();
    if (command == NULL)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES,
                      "CompleteWorkflowExecutionCommandAttributes is not set on CompleteWorkflowExecutionCommand.");
    want = command->complete_workflow_execution_command_attributes;
    if (packed_bytes(want->result) > t->limits->blob_bytes_max) /* the real server names this cause, too */
        return refuse_and_terminate(t, WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
                                    "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.");
    next = add_cron_run(t, NULL);
    if (next != NULL)
        next->last_completion_result = want->result;
    completed = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
    completed->result = want->result;
    completed->new_execution_run_id = run_id_of(next);
    completed->workflow_task_completed_event_id = task->completed_event_id;
    transition_settle(t);
    return ACCEPTED;
}

struct refusal decide_fail_workflow(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbWorkflowTaskFailedCause bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES;
    PbWorkflowExecutionFailedEventAttributes *failed;
    PbFailure *failure;
    PbWorkflowExecutionStartedEventAttributes *next;
    PbRetryState retry_state;

    if (task->had_buffered)
        return unhandled_command();
    if (command == NULL)
        return refuse(t, bad, "FailWorkflowExecutionCommandAttributes is not set on FailWorkflowExecutionCommand.");
    failure = command->fail_workflow_execution_command_attributes->failure;
    if (failure == NULL)
        return refuse(t, bad, "Failure is not set on FailWorkflowExecutionCommand.");
    if (packed_bytes(failure) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, bad, "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.");
    next = follow_failure(t, failure, &retry_state);
    if (retry_state == RETRY_STATE_IN_PROGRESS)
        next->last_completion_result = NULL; /* the real server loses it here, and only here */
    failed = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
    failed->failure = failure;
    failed->retry_state = retry_state;
    failed->workflow_task_completed_event_id = task->completed_event_id;
    failed->new_execution_run_id = run_id_of(next);
    transition_settle(t);
    return ACCEPTED;
}

struct refusal decide_cancel_workflow(struct transition *t, const PbCommand *command, struct task_context *task)
{
    PbWorkflowExecutionCanceledEventAttributes *canceled;

    if (task->had_buffered)
        return unhandled_command();
    if (command == NULL)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES,
                      "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.");
    canceled = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED);
    canceled->details = command->cancel_workflow_execution_command_attributes->details;
    canceled->workflow_task_completed_event_id = task->completed_event_id;
    transition_settle(t);
    return ACCEPTED;
}

static const char *continued_type(const struct transition *t,
                                  const PbContinueAsNewWorkflowExecutionCommandAttributes *want)
{
    bool has_type = want->workflow_type != NULL && want->workflow_type->name[0] != '\0';

    return has_type ? want->workflow_type->name : t->ms->workflow_type;
}

static const char *continued_queue(const struct transition *t,
                                   const PbContinueAsNewWorkflowExecutionCommandAttributes *want)
{
    bool has_queue = want->task_queue != NULL && want->task_queue->name[0] != '\0';

    return has_queue ? want->task_queue->name : t->ms->task_queue;
}

static const char *continue_problem(struct transition *t, const PbContinueAsNewWorkflowExecutionCommandAttributes *want)
{
    const struct {
        const char *name;
        const PbDuration *duration;
    } timeouts[] = {
        {"WorkflowRunTimeout", want->workflow_run_timeout},
        {"WorkflowTaskTimeout", want->workflow_task_timeout},
        {"BackoffStartInterval", want->backoff_start_interval},
    };
    const char *type = continued_type(t, want), *queue = continued_queue(t, want);
    const char *problem;

    if (strlen(type) > (size_t)t->limits->id_bytes_max)
        return arena_printf(t->arena,
                            "WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length limit. "
                            "WorkflowType=%s Length=%zu Limit=%lld",
                            type, strlen(type), (long long)t->limits->id_bytes_max);
    problem = workflow_queue_problem(t, queue);
    if (problem != NULL)
        return arena_printf(t->arena,
                            "error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: %s. WorkflowType=%s "
                            "TaskQueue=" TASK_QUEUE_SHOWN,
                            problem, type, queue);
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
        if ((problem = duration_problem(timeouts[i].duration)) != NULL)
            return arena_printf(t->arena,
                                "Invalid %s on ContinueAsNewWorkflowExecutionCommand: %s. WorkflowType=%s "
                                "TaskQueue=" TASK_QUEUE_SHOWN,
                                timeouts[i].name, problem, type, queue);
    if ((problem = retry_policy_problem(t->arena, want->retry_policy)) != NULL)
        return arena_printf(t->arena,
                            "invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand: %s. WorkflowType=%s "
                            "TaskQueue=" TASK_QUEUE_SHOWN,
                            problem, type, queue);
    return NULL;
}

static nanos least(nanos a, nanos b)
{
    return a < b ? a : b;
}

static PbWorkflowType *type_named(struct arena *arena, const char *name)
{
    PbWorkflowType *type = ARENA_NEW_PB(arena, PbWorkflowType);

    type->name = borrow_text(name);
    return type;
}

/* What the successor runs with: the command's wishes, and where it has none, this run's settings. */
static void fill_continued(struct transition *t, const PbContinueAsNewWorkflowExecutionCommandAttributes *want,
                           PbWorkflowExecutionStartedEventAttributes *started)
{
    const struct mutable_state *ms = t->ms;
    bool has_type = want->workflow_type != NULL && want->workflow_type->name[0] != '\0';
    bool has_queue = want->task_queue != NULL && want->task_queue->name[0] != '\0';
    nanos run_timeout = duration_from_pb(want->workflow_run_timeout);
    nanos task_timeout = duration_from_pb(want->workflow_task_timeout);
    nanos backoff = chain_backoff(t, duration_from_pb(want->backoff_start_interval));

    if (run_timeout == 0)
        run_timeout = ms->run_timeout;
    if (ms->execution_timeout > 0)
        run_timeout = run_timeout == 0 ? ms->execution_timeout : least(run_timeout, ms->execution_timeout);
    if (task_timeout == 0)
        task_timeout = ms->task_timeout;
    task_timeout = least(task_timeout, t->limits->task_timeout_max);
    if (run_timeout > 0)
        task_timeout = least(task_timeout, run_timeout);
    started->workflow_type = has_type ? want->workflow_type : type_named(t->arena, ms->workflow_type);
    started->task_queue = normal_task_queue(t->arena, has_queue ? want->task_queue->name : ms->task_queue);
    started->workflow_run_timeout = pb_duration_new(t->arena, run_timeout);
    started->workflow_task_timeout = pb_duration_new(t->arena, task_timeout);
    started->input = want->input;
    started->header = want->header;
    if (want->backoff_start_interval != NULL || backoff > 0)
        started->first_workflow_task_backoff = pb_duration_new(t->arena, backoff);
    started->retry_policy = want->retry_policy == NULL ? NULL : retry_policy_complete(t->arena, want->retry_policy);
    started->cron_schedule = want->cron_schedule;
    started->continued_failure = want->failure;
    started->last_completion_result = want->last_completion_result;
    started->initiator =
        want->initiator == CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED ? CONTINUE_AS_NEW_INITIATOR_WORKFLOW : want->initiator;
    if (want->initiator == CONTINUE_AS_NEW_INITIATOR_RETRY)
        started->attempt = ms->attempt + 1;
}

struct refusal decide_continue_as_new(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbWorkflowTaskFailedCause bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES;
    const PbContinueAsNewWorkflowExecutionCommandAttributes *want;
    PbWorkflowExecutionContinuedAsNewEventAttributes *event;
    PbWorkflowExecutionStartedEventAttributes *started;
    struct search_attributes_verdict verdict;
    PbSearchAttributes *search_attributes;
    struct refusal refusal;
    const char *problem;

    if (task->had_buffered)
        return unhandled_command();
    if (command == NULL)
        return refuse(
            t, bad,
            "ContinueAsNewWorkflowExecutionCommandAttributes is not set on ContinueAsNewWorkflowExecutionCommand.");
    want = command->continue_as_new_workflow_execution_command_attributes;
    refusal = judge_search_attributes(t, t->namespace_name, want->search_attributes, &verdict);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        return refusal;
    if ((problem = continue_problem(t, want)) != NULL)
        return refuse(t, bad, "%s", problem);
    if (verdict.problem != NULL)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
                      "invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand: %s. WorkflowType=%s "
                      "TaskQueue=name:\"%s\"  kind:TASK_QUEUE_KIND_NORMAL",
                      verdict.problem, continued_type(t, want), continued_queue(t, want));
    if (packed_bytes(want->input) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, bad,
                                    "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.");
    if (packed_bytes(want->memo) > t->limits->memo_bytes_max)
        return refuse_and_terminate(t, bad,
                                    "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.");
    search_attributes = set_search_attributes(t, &verdict);
    if ((problem = search_attributes_size_problem(t, search_attributes)) != NULL)
        return refuse_and_terminate(t, bad, "%s", problem);
    started = new_successor(t, t->ms->has_start_links ? t->load_first_event(t->context) : NULL)->started;
    fill_continued(t, want, started);
    started->memo = memo_without_nil(t->arena, want->memo);
    started->search_attributes = search_attributes;
    inherit_by_continuing(t, want->initial_versioning_behavior, started);
    event = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
    event->new_execution_run_id = started->original_execution_run_id;
    event->workflow_type = started->workflow_type;
    event->task_queue = started->task_queue;
    event->input = want->input;
    event->workflow_run_timeout = started->workflow_run_timeout;
    event->workflow_task_timeout = started->workflow_task_timeout;
    event->workflow_task_completed_event_id = task->completed_event_id;
    event->backoff_start_interval = want->backoff_start_interval;
    event->initiator = want->initiator;
    event->failure = want->failure;
    event->last_completion_result = want->last_completion_result;
    event->header = want->header;
    event->memo = started->memo;
    event->search_attributes = started->search_attributes;
    event->inherit_build_id = want->inherit_build_id;
    transition_settle(t);
    return ACCEPTED;
}

/* ---- from outside ---- */

void decide_terminate(struct transition *t, const char *reason, const PbPayloads *details, const char *identity)
{
    PbWorkflowExecutionTerminatedEventAttributes *terminated;

    close_cut_task(t);
    terminated = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
    terminated->reason = borrow_text(reason);
    terminated->details = borrow(details);
    terminated->identity = borrow_text(identity);
    t->pending->n_links = t->links_count;
    t->pending->links = t->links;
    transition_settle(t);
    updates_run_closed(t);
    t->volatile_changed = true;
}

static PbFailure *run_timeout_failure(struct arena *arena)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);

    failure->message = "workflow timeout";
    failure->source = "Server";
    failure->failure_info_case = PbFailure_timeout_failure_info_case;
    failure->timeout_failure_info = ARENA_NEW_PB(arena, PbTimeoutFailureInfo);
    failure->timeout_failure_info->timeout_type = TIMEOUT_TYPE_START_TO_CLOSE;
    return failure;
}

void close_timed_out(struct transition *t)
{
    PbWorkflowExecutionTimedOutEventAttributes *timed_out;
    PbWorkflowExecutionStartedEventAttributes *next = NULL;
    PbRetryState retry_state = RETRY_STATE_TIMEOUT;

    close_cut_task(t);
    if (t->ms->execution_expires_at > t->now)
        next = follow_failure(t, run_timeout_failure(t->arena), &retry_state);
    timed_out = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT);
    timed_out->retry_state = retry_state;
    timed_out->new_execution_run_id = run_id_of(next);
    transition_settle(t);
    updates_run_closed(t);
    t->volatile_changed = true;
}

/* ---- appliers ---- */

static enum broken close_run(struct mutable_state *ms, const PbHistoryEvent *event, PbWorkflowExecutionStatus outcome,
                             const char *new_run_id)
{
    ms->status = outcome;
    ms->close_event_id = event->event_id;
    ms->close_time = time_from_pb(event->event_time);
    if (new_run_id != NULL && new_run_id[0] != '\0')
        ms->new_run_id = arena_strdup(ms->arena, new_run_id);
    return INTACT;
}

enum broken apply_completed(struct mutable_state *ms, const PbHistoryEvent *event,
                            const PbWorkflowExecutionCompletedEventAttributes *attributes)
{
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_COMPLETED, attributes->new_execution_run_id);
}

enum broken apply_failed(struct mutable_state *ms, const PbHistoryEvent *event,
                         const PbWorkflowExecutionFailedEventAttributes *attributes)
{
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_FAILED, attributes->new_execution_run_id);
}

enum broken apply_timed_out(struct mutable_state *ms, const PbHistoryEvent *event,
                            const PbWorkflowExecutionTimedOutEventAttributes *attributes)
{
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_TIMED_OUT, attributes->new_execution_run_id);
}

enum broken apply_canceled(struct mutable_state *ms, const PbHistoryEvent *event,
                           const PbWorkflowExecutionCanceledEventAttributes *attributes)
{
    (void)attributes;
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_CANCELED, NULL);
}

enum broken apply_terminated(struct mutable_state *ms, const PbHistoryEvent *event,
                             const PbWorkflowExecutionTerminatedEventAttributes *attributes)
{
    (void)attributes;
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_TERMINATED, NULL);
}

enum broken apply_continued_as_new(struct mutable_state *ms, const PbHistoryEvent *event,
                                   const PbWorkflowExecutionContinuedAsNewEventAttributes *attributes)
{
    return close_run(ms, event, WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, attributes->new_execution_run_id);
}
