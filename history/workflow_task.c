/*
 * The workflow task.
 *
 *            schedule                 start                    complete, fail, time out
 *     NONE ------------> SCHEDULED ------------> STARTED ------------------------------> NONE
 *                            |  ^                   |
 *          sticky time-out   |  |  unstart          |
 *                            v  +-------------------+
 *                       (NONE, then scheduled again on the normal queue)
 *
 * A first attempt has events; others have none yet (virtual_task.c).
 *
 * A start lives in memory only. The log may say STARTED only together with the event that ends the task, so after a
 * crash every pending task is simply dispatched again.
 */
#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "history/internal.h"

/* Of a speculative task that comes to nothing nothing is written, unless too much has been written since the last
 * completed task: then the worker would have to read all of it again. */
enum { DISCARD_EVENTS = 2, DISCARD_EVENTS_IF_ABLE = 12 };

/* Where unsuccessful tasks in a row are shown, for alerts. */
#define REPORTED_PROBLEMS "TemporalReportedProblems"

PbTaskQueue *workflow_task_queue(struct arena *arena, const struct mutable_state *ms)
{
    PbTaskQueue *queue = normal_task_queue(arena, ms->task_queue);

    if (ms->sticky_queue != NULL) {
        queue->name = arena_strdup(arena, ms->sticky_queue);
        queue->kind = TASK_QUEUE_KIND_STICKY;
        queue->normal_name = borrow_text(ms->task_queue);
    }
    return queue;
}

/* Who has started the workflow task, by which poll; NULL when nobody has. */
static void keep_texts(struct mutable_state *ms, const char *identity, const char *request_id)
{
    size_t identity_bytes = identity == NULL ? 0 : strlen(identity) + 1;
    size_t request_bytes = request_id == NULL ? 0 : strlen(request_id) + 1;
    char *texts = memory_new(identity_bytes + request_bytes + 1);

    if (identity != NULL)
        memcpy(texts, identity, identity_bytes);
    if (request_id != NULL)
        memcpy(texts + identity_bytes, request_id, request_bytes);
    ms->workflow_task.identity = identity == NULL ? NULL : texts;
    ms->workflow_task.request_id = request_id == NULL ? NULL : texts + identity_bytes;
    memory_free(ms->task_texts);
    ms->task_texts = texts;
}

static void clear_sticky(struct mutable_state *ms)
{
    memory_free(ms->sticky_queue);
    ms->sticky_queue = NULL;
    ms->sticky_timeout = 0;
}

void workflow_task_forget_sticky(struct mutable_state *ms)
{
    clear_sticky(ms);
}

static void set_sticky(struct mutable_state *ms, const char *queue, nanos timeout)
{
    if (ms->sticky_queue == NULL || strcmp(ms->sticky_queue, queue) != 0) {
        memory_free(ms->sticky_queue);
        ms->sticky_queue = memory_new(strlen(queue) + 1);
        memcpy(ms->sticky_queue, queue, strlen(queue));
    }
    ms->sticky_timeout = timeout;
}

static void add_scheduled_event(struct transition *t, int32_t attempt)
{
    struct mutable_state *ms = t->ms;
    PbWorkflowTaskScheduledEventAttributes *scheduled = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);

    scheduled->task_queue = workflow_task_queue(t->arena, ms);
    scheduled->start_to_close_timeout = pb_duration_new(t->arena, ms->task_timeout);
    scheduled->attempt = attempt;
    transition_settle(t);
}

void workflow_task_schedule(struct transition *t, bool even_in_backoff)
{
    struct mutable_state *ms = t->ms;

    transition_settle(t);
    if (!mutable_state_is_open(ms) || mutable_state_has_task(ms))
        return;
    if (mutable_state_in_backoff(ms) && !even_in_backoff)
        return;
    if (ms->next_attempt > 1)
        virtual_task_schedule_transient(t);
    else
        add_scheduled_event(t, 1);
}

/* Why a task that starts now suggests to continue as new: a bit for each reason. */
static unsigned suggestions(const struct transition *t)
{
    int64_t share = (int64_t)t->limits->updates_total_max * t->limits->updates_suggest_millionths;
    int64_t updates_most = (share + 999999) / 1000000; /* rounded up */
    unsigned reasons = 0;

    if (t->ms->history_bytes - t->uncounted_bytes >= t->limits->suggest_bytes)
        reasons |= 1U << SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE;
    if (t->ms->next_event_id >= t->limits->suggest_events)
        reasons |= 1U << SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_HISTORY_EVENTS;
    if (updates_most > 0 && mutable_state_updates_count(t->ms) >= updates_most)
        reasons |= 1U << SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES;
    return reasons;
}

void workflow_task_fill_started(struct arena *arena, const struct mutable_state *ms, unsigned suggests,
                                PbWorkflowTaskStartedEventAttributes *started)
{
    started->history_size_bytes = ms->history_bytes;
    started->target_worker_deployment_version_changed = versioning_tells_of_target(ms);
    started->suggest_continue_as_new_reasons = ARENA_NEW_ARRAY(arena, PbSuggestContinueAsNewReason, 3);
    for (int reason = SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE;
         reason <= SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES; reason++)
        if ((suggests & 1U << reason) != 0)
            started->suggest_continue_as_new_reasons[started->n_suggest_continue_as_new_reasons++] =
                (PbSuggestContinueAsNewReason)reason;
    started->suggest_continue_as_new = suggests != 0;
}

/* What a start tells of a worker's version: nothing of one that belongs to a deployment. */
static PbWorkerVersionStamp *stamp_of(struct arena *arena, const struct task_poller *who)
{
    const PbWorkerVersionCapabilities *capabilities = who->capabilities;
    PbWorkerVersionStamp *stamp;

    if (who->stamp != NULL)
        return who->stamp->use_versioning ? NULL : borrow(who->stamp);
    if (capabilities == NULL || capabilities->build_id[0] == '\0' ||
        versioning_of_worker(arena, who->options, capabilities) != NULL)
        return NULL;
    stamp = ARENA_NEW_PB(arena, PbWorkerVersionStamp);
    stamp->build_id = capabilities->build_id;
    stamp->use_versioning = capabilities->use_versioning;
    return stamp;
}

void workflow_task_add_started(struct transition *t, const struct task_poller *who, unsigned suggests)
{
    PbWorkflowTaskStartedEventAttributes *started = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_STARTED);

    started->scheduled_event_id = t->ms->workflow_task.scheduled_event_id;
    started->identity = borrow_text(who->identity);
    started->request_id = borrow_text(who->request_id);
    started->worker_version = stamp_of(t->arena, who);
    workflow_task_fill_started(t->arena, t->ms, suggests, started);
    started->history_size_bytes -= t->uncounted_bytes;
}

/* The worker that has been given the task may be of another version. A speculative task leaves that to its completion:
 * nothing of it is stored before. */
static void follow_poller(struct transition *t, const struct task_poller *who, int64_t started_event_id)
{
    if (who->has_target && !t->ms->workflow_task.is_speculative)
        versioning_begin_transition(t->ms, versioning_of_worker(t->arena, who->options, who->capabilities),
                                    who->target_revision, started_event_id);
}

void workflow_task_start(struct transition *t, const struct task_poller *who)
{
    struct mutable_state *ms = t->ms;
    struct workflow_task *task = &ms->workflow_task;

    transition_settle(t);
    invariant(task->state == WORKFLOW_TASK_SCHEDULED, "starts a workflow task that is not scheduled");
    if (!who->on_sticky)
        clear_sticky(ms);
    if (t->limits->tells_of_targets)
        versioning_look_at_target(ms, who);
    if (task->is_transient && task->scheduled_event_id != ms->next_event_id) {
        task->state = WORKFLOW_TASK_NONE; /* its virtual ids are taken: it becomes a first attempt with events */
        ms->next_attempt = 1;
        add_scheduled_event(t, 1);
        t->volatile_changed = true;
    }
    if (!workflow_task_is_virtual(task)) {
        workflow_task_add_started(t, who, suggestions(t));
        transition_settle(t);
        follow_poller(t, who, task->started_event_id);
        return;
    }
    task->state = WORKFLOW_TASK_STARTED;
    task->started_event_id = task->scheduled_event_id + 1;
    task->started_time = t->now;
    task->suggests = suggestions(t);
    keep_texts(ms, who->identity, who->request_id);
    follow_poller(t, who, 0);
}

void workflow_task_rebind(struct transition *t)
{
    struct workflow_task *task = &t->ms->workflow_task;

    if (task->state != WORKFLOW_TASK_SCHEDULED)
        return; /* one that runs is left to finish */
    task->is_sticky = task->is_sticky && t->ms->sticky_queue != NULL;
    task->stamp++;
    t->task_rebound = t->volatile_changed = true;
}

void workflow_task_unstart(struct mutable_state *ms)
{
    struct workflow_task *task = &ms->workflow_task;

    invariant(task->state == WORKFLOW_TASK_STARTED, "takes back the start of a task that is not started");
    if (!workflow_task_is_virtual(task))
        ms->next_event_id--; /* the started event was never stored */
    updates_unsend(ms);
    task->state = WORKFLOW_TASK_SCHEDULED;
    task->started_event_id = 0;
    task->started_time = 0;
}

/* The pending task is over, and the log does not learn of it. */
static void end_without_event(struct mutable_state *ms)
{
    ms->workflow_task = (struct workflow_task){.state = WORKFLOW_TASK_NONE};
}

struct task_memory workflow_task_remember(const struct mutable_state *ms, struct arena *arena)
{
    struct task_memory memory = {
        .task = ms->workflow_task,
        .sticky_queue = arena_strdup(arena, ms->sticky_queue),
        .sticky_timeout = ms->sticky_timeout,
    };

    memory.task.identity = arena_strdup(arena, memory.task.identity);
    memory.task.request_id = arena_strdup(arena, memory.task.request_id);
    memory.updates = updates_remember(ms, arena);
    memory.versioning = versioning_pack(ms, arena);
    return memory;
}

void workflow_task_recall(struct mutable_state *ms, const struct task_memory *memory)
{
    ms->workflow_task = memory->task;
    keep_texts(ms, memory->task.identity, memory->task.request_id);
    if (memory->sticky_queue != NULL)
        set_sticky(ms, memory->sticky_queue, memory->sticky_timeout);
    else
        clear_sticky(ms);
    updates_recall(ms, memory->updates);
    versioning_unpack(ms, memory->versioning, false);
}

void workflow_task_abandon(struct transition *t, bool is_run_too_large)
{
    updates_abandon(t, is_run_too_large);
    if (t->ms->workflow_task.is_speculative) {
        end_without_event(t->ms);
        t->task_ended = true;
    }
}

static bool is_heartbeat(const PbRespondWorkflowTaskCompletedRequest *request)
{
    return request->force_create_new_workflow_task && request->n_commands == 0 && request->n_messages == 0;
}

static void add_timed_out_event(struct transition *t, PbTimeoutType type)
{
    const struct workflow_task task = t->ms->workflow_task;
    PbWorkflowTaskTimedOutEventAttributes *timed_out = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);

    timed_out->scheduled_event_id = task.scheduled_event_id;
    timed_out->started_event_id = task.started_event_id;
    timed_out->timeout_type = type;
    transition_settle(t);
}

static bool problems_are_reported(const struct mutable_state *ms, const struct history_limits *limits)
{
    return limits->reported_problems_min > 0 && ms->workflow_task_problems >= limits->reported_problems_min;
}

void workflow_task_report_problems(struct mutable_state *ms, const struct history_limits *limits)
{
    struct attribute_change change;
    const char *problems[2];
    struct arena *scratch;

    if (!problems_are_reported(ms, limits))
        return;
    scratch = arena_new(512);
    problems[0] = "category=WorkflowTaskTimedOut";
    problems[1] =
        arena_printf(scratch, "cause=WorkflowTaskTimedOutCause%s", timeout_type_name(ms->last_timed_out_type));
    if (ms->last_failed_cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED) {
        problems[0] = "category=WorkflowTaskFailed";
        problems[1] =
            arena_printf(scratch, "cause=WorkflowTaskFailedCause%s", failed_cause_name(scratch, ms->last_failed_cause));
    }
    change = keyword_list_attribute(scratch, REPORTED_PROBLEMS, 2, problems);
    mutable_state_set_search_attributes(ms, &change, 1);
    arena_free(scratch);
}

/* Counts an unsuccessful task, before what is sticky is forgotten: a worker that has gone with its queue is no problem.
 */
static void count_problem(const struct transition *t)
{
    if (t->ms->sticky_queue != NULL)
        return;
    t->ms->workflow_task_problems++;
    workflow_task_report_problems(t->ms, t->limits);
}

static void forget_problems(struct transition *t)
{
    const struct attribute_change none = no_attribute(REPORTED_PROBLEMS);
    struct mutable_state *ms = t->ms;

    if (ms->workflow_task_problems == 0)
        return;
    if (problems_are_reported(ms, t->limits))
        mutable_state_set_search_attributes(ms, &none, 1);
    ms->workflow_task_problems = 0;
    t->volatile_changed = true;
}

/* After an unsuccessful task: which attempt the next one is. A sticky queue is blamed first; whatever waited gives the
 * next task something new to see, so it counts as a first attempt. */
static void try_again(struct transition *t, int32_t attempt)
{
    struct mutable_state *ms = t->ms;

    ms->next_attempt = attempt + 1;
    if (ms->sticky_queue != NULL) {
        clear_sticky(ms);
        ms->next_attempt = 1;
    }
    if (transition_flush_buffered(t))
        ms->next_attempt = 1;
    workflow_task_schedule(t, false);
    t->volatile_changed = true;
}

void workflow_task_deadline_passed(struct transition *t)
{
    struct mutable_state *ms = t->ms;
    const struct workflow_task task = ms->workflow_task;

    t->task_ended = true;
    t->volatile_changed = true;
    workflow_task_make_real(t);
    updates_unsend(ms);
    t->ended_task =
        (struct ended_task){.how = TASK_TIMED_OUT,
                            .attempt = task.attempt,
                            .timeout = task.state == WORKFLOW_TASK_SCHEDULED ? TIMEOUT_TYPE_SCHEDULE_TO_START
                                                                             : TIMEOUT_TYPE_START_TO_CLOSE};
    if (task.state == WORKFLOW_TASK_SCHEDULED) { /* nobody came to the sticky queue: the normal one, same attempt */
        clear_sticky(ms);
        add_timed_out_event(t, TIMEOUT_TYPE_SCHEDULE_TO_START);
        ms->next_attempt = task.attempt;
        workflow_task_schedule(t, false);
        return;
    }
    ms->close_refused = false;
    if (task.is_transient)
        end_without_event(ms);
    else
        add_timed_out_event(t, TIMEOUT_TYPE_START_TO_CLOSE);
    count_problem(t);
    try_again(t, task.attempt);
}

nanos workflow_task_deadline(const struct mutable_state *ms)
{
    const struct workflow_task *task = &ms->workflow_task;

    switch (task->state) {
    case WORKFLOW_TASK_NONE:
        return NANOS_MAX;
    case WORKFLOW_TASK_SCHEDULED:
        return task->is_sticky || task->is_speculative ? nanos_add(task->scheduled_time, task->schedule_to_start)
                                                       : NANOS_MAX;
    case WORKFLOW_TASK_STARTED:
        return nanos_add(task->started_time, task->start_to_close);
    }
    return NANOS_MAX;
}

void workflow_task_keep_sticky(struct mutable_state *ms, const char *queue, nanos timeout)
{
    set_sticky(ms, queue, timeout);
}

/* The version that the worker claims; the behaviour counts only with one. */
static void fill_versioning(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request,
                            PbWorkflowTaskCompletedEventAttributes *completed)
{
    const PbWorkerDeploymentOptions *options = request->deployment_options;
    bool is_versioned = options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED;

    completed->deployment_version = borrow(versioning_of_completion(arena, request));
    if (is_versioned || options == NULL)
        completed->versioning_behavior = request->versioning_behavior;
    if (options != NULL)
        completed->worker_deployment_name = options->deployment_name;
    if (completed->worker_deployment_name[0] == '\0' && request->deployment != NULL)
        completed->worker_deployment_name = request->deployment->series_name;
}

static void add_completed_event(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request)
{
    const struct workflow_task task = t->ms->workflow_task;
    PbWorkflowTaskCompletedEventAttributes *completed = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_COMPLETED);

    completed->scheduled_event_id = task.scheduled_event_id;
    completed->started_event_id = task.started_event_id;
    completed->identity = request->identity;
    completed->binary_checksum = request->binary_checksum;
    completed->worker_version = request->worker_version_stamp;
    completed->sdk_metadata = request->sdk_metadata;
    completed->metering_metadata = request->metering_metadata;
    fill_versioning(t->arena, request, completed);
}

static struct refusal decide_commands(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request,
                                      struct task_context *task)
{
    t->in_commands = true;
    for (size_t i = 0; i < request->n_commands; i++) {
        struct refusal refusal = decide_command(t, request->commands[i], task);

        transition_settle(t);
        if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED) {
            t->in_commands = false;
            return refusal;
        }
    }
    t->in_commands = false;
    return ACCEPTED;
}

/* Whether a speculative task may vanish without a trace. */
static bool may_be_discarded(const struct mutable_state *ms, const PbRespondWorkflowTaskCompletedRequest *request)
{
    bool able = request->capabilities != NULL && request->capabilities->discard_speculative_workflow_task_with_events;
    int64_t most = able ? DISCARD_EVENTS_IF_ABLE : DISCARD_EVENTS;

    return ms->workflow_task.is_speculative && request->n_commands == 0 && !request->force_create_new_workflow_task &&
           messages_are_rejections(request) && ms->next_event_id <= ms->previous_started_event_id + most;
}

/* What is left to do brings the next task: at once into the answer if the worker wants that, else as a real one. */
static void schedule_for_updates(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request)
{
    if (!updates_wait_for_a_task(t->ms))
        return;
    if (request->return_new_workflow_task)
        workflow_task_schedule_speculative(t);
    else
        workflow_task_schedule(t, true);
}

/* What comes next goes to the queue that the worker has named for it, unless the run was pinned to another version
 * while that worker had the task: that queue is no place for it any more. */
static void remember_sticky(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request)
{
    const PbStickyExecutionAttributes *sticky = request->sticky_attributes;
    struct mutable_state *ms = t->ms;

    if (sticky != NULL && sticky->worker_task_queue != NULL && sticky->worker_task_queue->name[0] != '\0' &&
        versioning_admits_completer(t->arena, ms, request))
        set_sticky(ms, sticky->worker_task_queue->name, duration_from_pb(sticky->schedule_to_start_timeout));
    else
        clear_sticky(ms);
}

static struct refusal discard(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request,
                              struct task_context *task)
{
    struct refusal refusal;

    end_without_event(t->ms);
    t->task_ended = true;
    remember_sticky(t, request);
    refusal = updates_process_rest(t, task);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        return refusal;
    updates_reject_unprocessed(t);
    schedule_for_updates(t, request);
    return ACCEPTED;
}

struct refusal workflow_task_complete(struct transition *t, const PbRespondWorkflowTaskCompletedRequest *request,
                                      struct completion_outcome *ret_outcome)
{
    struct mutable_state *ms = t->ms;
    nanos scheduled_time = ms->workflow_task.scheduled_time;
    nanos original_scheduled_time = ms->workflow_task.original_scheduled_time;
    bool is_kept_alive = original_scheduled_time != ms->workflow_task.scheduled_time;
    struct task_context task = {
        .identity = request->identity,
        .request = request,
        .message_is_done = ARENA_NEW_ARRAY(t->arena, bool, request->n_messages),
        .had_buffered = ms->buffered != NULL,
    };
    struct refusal refusal;

    *ret_outcome = (struct completion_outcome){
        .heartbeat_timeout = is_heartbeat(request) && t->now - original_scheduled_time > t->limits->task_heartbeat_max,
        .discarded = may_be_discarded(ms, request),
    };
    t->ended_task =
        (struct ended_task){.how = TASK_COMPLETED, .attempt = ms->workflow_task.attempt, .completion = request};
    if (ret_outcome->discarded)
        return discard(t, request, &task);
    if (ret_outcome->heartbeat_timeout) {
        workflow_task_deadline_passed(t); /* ends stickiness, too */
        return ACCEPTED;
    }
    virtual_task_materialise(t, request->identity, request->worker_version_stamp);
    add_completed_event(t, request);
    (void)versioning_has_moved(ms); /* what came before is none of this */
    task.completed_event_id = transition_settle(t);
    if (versioning_has_moved(ms))
        activities_rebind(t, t->now - scheduled_time); /* that time they were held back */
    t->task_ended = true;
    if (ms->close_refused || ms->workflow_task_problems > 0 || is_kept_alive)
        t->volatile_changed = true; /* what is stored of them is over */
    ms->close_refused = false;
    forget_problems(t);
    remember_sticky(t, request);
    refusal = decide_commands(t, request, &task);
    if (refusal.cause == WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        refusal = updates_process_rest(t, &task);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        return refusal;
    if (!mutable_state_is_open(ms)) {
        updates_run_closed(t);
        return ACCEPTED; /* what its own commands have buffered (an activity cancelled) stays so: nobody needs to know
                          */
    }
    if (!request->force_create_new_workflow_task)
        updates_reject_unprocessed(t);
    if (transition_flush_buffered(t) || request->force_create_new_workflow_task || versioning_in_transition(ms)) {
        workflow_task_schedule(t, true);
        if (is_heartbeat(request)) {
            ms->workflow_task.original_scheduled_time = original_scheduled_time;
            t->volatile_changed = true;
        }
    }
    schedule_for_updates(t, request);
    return ACCEPTED;
}

static PbWorkflowTaskFailedEventAttributes *add_failed_event(struct transition *t, PbWorkflowTaskFailedCause cause,
                                                             const char *identity)
{
    const struct workflow_task task = t->ms->workflow_task;
    PbWorkflowTaskFailedEventAttributes *failed = transition_add(t, EVENT_TYPE_WORKFLOW_TASK_FAILED);

    failed->scheduled_event_id = task.scheduled_event_id;
    failed->started_event_id = task.started_event_id;
    failed->cause = cause;
    failed->identity = borrow_text(identity);
    return failed;
}

void workflow_task_fail(struct transition *t, PbWorkflowTaskFailedCause cause, const PbFailure *failure,
                        const char *identity, const char *binary_checksum, const PbWorkerVersionStamp *stamp)
{
    struct mutable_state *ms = t->ms;
    const struct workflow_task task = ms->workflow_task;

    virtual_task_make_real(t, identity, stamp);
    updates_unsend(ms);
    t->task_ended = true;
    t->ended_task = (struct ended_task){.how = TASK_FAILED, .attempt = task.attempt, .cause = cause};
    t->volatile_changed = true;
    ms->close_refused = false;
    if (task.is_transient) {
        end_without_event(ms);
    } else {
        PbWorkflowTaskFailedEventAttributes *failed = add_failed_event(t, cause, identity);

        failed->failure = borrow(failure);
        failed->binary_checksum = borrow_text(binary_checksum);
        transition_settle(t);
    }
    count_problem(t);
    try_again(t, task.attempt);
}

void workflow_task_fail_for_refusal(struct transition *t, const struct refusal *refusal, const char *identity)
{
    struct mutable_state *ms = t->ms;
    const struct workflow_task task = ms->workflow_task;

    virtual_task_make_real(t, identity, NULL);
    updates_drop_sent(t);
    t->task_ended = true;
    t->ended_task = (struct ended_task){.how = TASK_FAILED, .attempt = task.attempt, .cause = refusal->cause};
    t->volatile_changed = true;
    ms->close_refused = false;
    if (task.is_transient) {
        end_without_event(ms);
    } else {
        add_failed_event(t, refusal->cause, identity)->failure = server_failure(t->arena, refusal->text);
        transition_settle(t);
    }
    count_problem(t);
    if (refusal->terminates_run) {
        decide_terminate(t, refusal->text, NULL, "history-service");
        return;
    }
    ms->close_refused = refusal->cause == WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND;
    try_again(t, task.attempt);
}

/* The run is cut short, by a terminate, a time-out or too much that waits. */
void close_cut_task(struct transition *t)
{
    struct mutable_state *ms = t->ms;
    const struct workflow_task task = ms->workflow_task;

    transition_settle(t);
    if (task.state == WORKFLOW_TASK_SCHEDULED && task.is_speculative)
        end_without_event(ms);
    if (task.state == WORKFLOW_TASK_STARTED) {
        virtual_task_make_real(t, "history-service", NULL);
        updates_unsend(ms);
        t->task_ended = true;
        if (task.is_transient) {
            end_without_event(ms);
        } else {
            add_failed_event(t, WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND, "history-service");
            transition_settle(t);
            /* No further one, but what they are is told from the last event. */
            workflow_task_report_problems(ms, t->limits);
        }
        ms->next_attempt = 1;
        ms->close_refused = false;
        t->volatile_changed = true;
    }
    transition_flush_buffered(t);
}

void workflow_task_make_room(struct transition *t)
{
    int32_t attempt = t->ms->workflow_task.attempt;

    close_cut_task(t);
    add_scheduled_event(t, attempt + 1);
}

/* ---- appliers ---- */

enum broken apply_workflow_task_scheduled(struct mutable_state *ms, const PbHistoryEvent *event,
                                          const PbWorkflowTaskScheduledEventAttributes *attributes)
{
    nanos at = time_from_pb(event->event_time);

    if (mutable_state_has_task(ms))
        return BROKEN_WORKFLOW_TASK; /* MS2 */
    ms->workflow_task = (struct workflow_task){
        .state = WORKFLOW_TASK_SCHEDULED,
        .scheduled_event_id = event->event_id,
        .attempt = attributes->attempt,
        .scheduled_time = at,
        .original_scheduled_time = at,
        .start_to_close = duration_from_pb(attributes->start_to_close_timeout),
        .is_sticky = attributes->task_queue != NULL && attributes->task_queue->kind == TASK_QUEUE_KIND_STICKY,
        .schedule_to_start = ms->sticky_timeout,
    };
    ms->first_task_scheduled = true;
    return INTACT;
}

enum broken apply_workflow_task_started(struct mutable_state *ms, const PbHistoryEvent *event,
                                        const PbWorkflowTaskStartedEventAttributes *attributes)
{
    struct workflow_task *task = &ms->workflow_task;

    if (task->state != WORKFLOW_TASK_SCHEDULED || task->scheduled_event_id != attributes->scheduled_event_id)
        return BROKEN_WORKFLOW_TASK;
    task->state = WORKFLOW_TASK_STARTED;
    task->started_event_id = event->event_id;
    task->started_time = time_from_pb(event->event_time);
    keep_texts(ms, attributes->identity, attributes->request_id);
    return INTACT;
}

/* Ends the pending task, which must be the one that the event names. */
static enum broken end_task(struct mutable_state *ms, int64_t scheduled_event_id, bool must_be_started)
{
    const struct workflow_task *task = &ms->workflow_task;

    if (task->scheduled_event_id != scheduled_event_id || task->state == WORKFLOW_TASK_NONE ||
        (must_be_started && task->state != WORKFLOW_TASK_STARTED))
        return BROKEN_WORKFLOW_TASK;
    ms->workflow_task = (struct workflow_task){.state = WORKFLOW_TASK_NONE};
    ms->next_attempt = 1;
    return INTACT;
}

enum broken apply_workflow_task_completed(struct mutable_state *ms, const PbHistoryEvent *event,
                                          const PbWorkflowTaskCompletedEventAttributes *attributes)
{
    ms->previous_started_event_id = attributes->started_event_id;
    ms->last_completed_event_id = event->event_id;
    ms->last_failed_cause = WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED;
    ms->last_timed_out_type = TIMEOUT_TYPE_UNSPECIFIED;
    versioning_note_completion(ms, attributes);
    versions_note_completion(ms, event, attributes);
    return end_task(ms, attributes->scheduled_event_id, true);
}

enum broken apply_workflow_task_failed(struct mutable_state *ms, const PbHistoryEvent *event,
                                       const PbWorkflowTaskFailedEventAttributes *attributes)
{
    ms->last_failed_cause = attributes->cause;
    ms->last_timed_out_type = TIMEOUT_TYPE_UNSPECIFIED;
    if (attributes->cause == WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
        reset_applied(ms, event);
    return end_task(ms, attributes->scheduled_event_id, true);
}

enum broken apply_workflow_task_timed_out(struct mutable_state *ms, const PbHistoryEvent *event,
                                          const PbWorkflowTaskTimedOutEventAttributes *attributes)
{
    (void)event;
    if (attributes->timeout_type == TIMEOUT_TYPE_START_TO_CLOSE) {
        ms->last_failed_cause = WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED;
        ms->last_timed_out_type = attributes->timeout_type;
    }
    return end_task(ms, attributes->scheduled_event_id, attributes->timeout_type == TIMEOUT_TYPE_START_TO_CLOSE);
}
