/* Workflow tasks between matching and the workers: dispatch, poll, completion, failure. */
#include <string.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/uuid.h"
#include "persistence/store.h"
#include "server/engine/internal.h"

/* History pages count batches; a poll's first page has at most this many. Server 1.32.0. */

/* ---- dispatch ---- */

void run_dispatch_task(struct run *run, bool again)
{
    const struct mutable_state *ms = run->state;
    const struct workflow_task *pending = &ms->workflow_task;
    struct queue_name queue = run_queue(run);
    struct queue_name sticky = queue;
    struct task_binding binding;
    struct task task = {
        .kind = TASK_WORKFLOW,
        .priority = ms->priority == NULL ? 0 : ms->priority->priority_key,
        .run = run->id,
        .event_id = pending->scheduled_event_id,
        .stamp = pending->stamp << 32 | pending->attempt, /* given to another version, it is another task */
        .created = pending->scheduled_time,
    };

    if (pending->state != WORKFLOW_TASK_SCHEDULED || !mutable_state_is_open(ms))
        return;
    if (!again && run->dispatched_event_id == task.event_id && run->dispatched_stamp == task.stamp)
        return;
    run->dispatched_event_id = pending->scheduled_event_id;
    run->dispatched_stamp = task.stamp;
    if (pending->is_sticky && ms->sticky_queue != NULL) {
        sticky.name = ms->sticky_queue;
        sticky.is_sticky = true;
        binding = run_binding(run, true);
        if (matching_add(run->engine->matching, &sticky, &binding, &task))
            return;
    }
    binding = run_binding(run, false);
    matching_add(run->engine->matching, &queue, &binding, &task);
}

void tasks_give_back(void *context, const struct task *task)
{
    struct engine *engine = context;
    struct task_binding binding;
    struct queue_name queue;
    struct run *run;

    if (task->kind == TASK_QUERY) {
        query_give_back(engine, task->query);
        return;
    }
    if (!engine_load_for_task(engine, task->run, &run))
        return;
    queue = run_queue(run);
    binding = run_binding(run, false);
    matching_add(engine->matching, &queue, &binding, task);
}

/* ---- start ---- */

static ProtobufCBinaryData task_token(struct run *run, struct arena *arena)
{
    const struct workflow_task *started = &run->state->workflow_task;
    PbTaskToken token = PbTaskToken_INIT;

    token.run = run->id;
    token.run_id = (ProtobufCBinaryData){UUID_BYTES, run->run_id};
    token.scheduled_event_id = started->scheduled_event_id;
    token.started_event_id = started->started_event_id;
    token.attempt = started->attempt;
    token.started_time = started->started_time;
    return task_token_encode(arena, &token);
}

static PbWorkflowExecution *execution_of(const struct run *run, struct arena *arena)
{
    PbWorkflowExecution *execution = ARENA_NEW_PB(arena, PbWorkflowExecution);

    execution->workflow_id = arena_strdup(arena, run->state->workflow_id);
    execution->run_id = arena_strdup(arena, run->run_id_text);
    return execution;
}

static uint32_t history_field(const ProtobufCMessageDescriptor *response)
{
    return protobuf_c_message_descriptor_get_field_by_name(response, "history")->id;
}

/* A task must not go without its history. It is not given out when that may be read later; damage is for good, and with
 * the worker failing the task it can be seen. */
static void history_unreadable(struct run *run, status read)
{
    log_error("history cannot be read for a workflow task", "run", run->run_id_text);
    if (read.code == GRPC_UNAVAILABLE)
        store_poison(run->engine->server->store);
}

/* The history behind a task: stored batches, what is not stored yet, and the virtual events of a transient task. */
static void attach_history(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, int64_t from,
                           int page_max)
{
    struct bytes *parts;
    size_t count;
    int64_t next;
    status read = run_read_history(run, call->arena, from, page_max, &parts, &count, &next);

    if (!status_is_ok(read)) {
        history_unreadable(run, read);
        return;
    }
    if (next < run->state->next_event_id) {
        PbHistoryPageToken token = PbHistoryPageToken_INIT;

        token.run_id = (ProtobufCBinaryData){UUID_BYTES, run->run_id};
        token.next_event_id = next;
        resp->next_page_token = page_token_encode(call->arena, &token);
    } else {
        PbHistory virtual = PbHistory_INIT;
        PbHistoryEvent *events[2];

        virtual.events = events;
        virtual.n_events = workflow_task_virtual_events(run->state, call->arena, true, events);
        if (virtual.n_events > 0)
            parts[count++] = pb_pack(call->arena, &virtual); /* run_read_history leaves room for one more */
    }
    call_append_field(call, history_field(&PbPollWorkflowTaskQueueResponse_descriptor), parts, count);
}

static void fill_common(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp)
{
    resp->workflow_execution = execution_of(run, call->arena);
    resp->workflow_type = ARENA_NEW_PB(call->arena, PbWorkflowType);
    resp->workflow_type->name = arena_strdup(call->arena, run->state->workflow_type);
    resp->previous_started_event_id = run->state->previous_started_event_id;
    resp->workflow_execution_task_queue = ARENA_NEW_PB(call->arena, PbTaskQueue);
    resp->workflow_execution_task_queue->name = arena_strdup(call->arena, run->state->task_queue);
    resp->workflow_execution_task_queue->kind = TASK_QUEUE_KIND_NORMAL;
}

/* All but the history. */
static void fill_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, int64_t backlog,
                      enum messages_of messages)
{
    const struct workflow_task *started = &run->state->workflow_task;

    fill_common(call, run, resp);
    resp->task_token = task_token(run, call->arena);
    resp->started_event_id = started->started_event_id;
    resp->attempt = started->attempt;
    resp->backlog_count_hint = backlog;
    resp->scheduled_time = pb_timestamp_new(call->arena, started->scheduled_time);
    resp->started_time = pb_timestamp_new(call->arena, started->started_time);
    queries_attach(run, call->arena, resp);
    resp->n_messages = updates_make_messages(run->state, messages, call->arena, &resp->messages);
}

void fill_workflow_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, bool partial_history,
                        int64_t backlog)
{
    fill_task(call, run, resp, backlog, UNPROCESSED_UPDATES);
    attach_history(call, run, resp, partial_history ? run->state->previous_started_event_id + 1 : 1,
                   call->server->options->config.task_page_max);
}

void fill_query_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, bool without_history)
{
    fill_common(call, run, resp);
    resp->attempt = 1;
    if (without_history)
        resp->history = ARENA_NEW_PB(call->arena, PbHistory);
    else
        attach_history(call, run, resp, 1, call->server->options->config.query_page_max);
}

/* A task that a client never got is pending again. */
struct delivery {
    struct engine *engine;
    int64_t run, started_event_id;
    int32_t attempt;
};

static void task_undelivered(struct call *call)
{
    const struct delivery *delivery = call->delivery;
    struct transition t;
    struct run *run;
    const struct workflow_task *task;

    if (!status_is_ok(engine_load(delivery->engine, delivery->run, &run)))
        return;
    task = &run->state->workflow_task;
    if (task->state != WORKFLOW_TASK_STARTED || task->started_event_id != delivery->started_event_id ||
        task->attempt != delivery->attempt)
        return;
    workflow_task_unstart(run->state);
    run->state->history_bytes -= (int64_t)run->unstored.len;
    run->unstored.len = 0;
    run_begin(run, &t);
    if (transition_flush_buffered(&t)) /* what has come meanwhile has nothing to wait for any more */
        run_commit(run, &t);
    queries_task_ended(run);
    run_dispatch_task(run, true);
    run_set_deadline(run);
}

static void remember_delivery(struct call *call, struct run *run)
{
    struct delivery *delivery = ARENA_NEW(call->arena, struct delivery);

    *delivery = (struct delivery){
        .engine = run->engine,
        .run = run->id,
        .started_event_id = run->state->workflow_task.started_event_id,
        .attempt = run->state->workflow_task.attempt,
    };
    call->delivery = delivery;
    call->on_undelivered = task_undelivered;
}

/* Routing may have changed since the task came to a sticky queue, or the worker there: a run that is to move to another
 * version, or is pinned to one, goes to the normal queue instead. */
static bool may_take(struct run *run, const struct poll *poll, const struct queue_target *target, bool on_sticky)
{
    struct queue_version bound = queue_version_of(versioning_effective_version(run->state));
    bool is_pinned = versioning_effective_behavior(run->state) == VERSIONING_BEHAVIOR_PINNED;

    if (is_pinned && !on_sticky)
        return queue_version_equal(&bound, &poll->version);
    if (!on_sticky || queue_version_equal(&bound, is_pinned ? &poll->version : &target->version))
        return true;
    workflow_task_forget_sticky(run->state);
    run_dispatch_task(run, true);
    return false;
}

static bool workflow_task_for_poll(struct engine *engine, const struct task *task, struct poll *poll, int64_t backlog)
{
    struct call *call = poll->call;
    const struct waiting_poll *waiting = call->waiter;
    PbPollWorkflowTaskQueueResponse *resp = call->response;
    char request_id[UUID_TEXT_BYTES];
    uint8_t uuid[UUID_BYTES];
    bool on_sticky = waiting->queue.is_sticky;
    const struct workflow_task *pending;
    struct queue_target target;
    struct task_poller who;
    struct transition t;
    struct run *run;

    if (!engine_load_for_task(engine, task->run, &run))
        return false;
    pending = &run->state->workflow_task;
    if (!mutable_state_is_open(run->state) || pending->state != WORKFLOW_TASK_SCHEDULED ||
        pending->scheduled_event_id != task->event_id || (pending->stamp << 32 | pending->attempt) != task->stamp)
        return false;
    if (on_sticky && (run->state->sticky_queue == NULL || strcmp(run->state->sticky_queue, waiting->queue.name) != 0))
        return false; /* stickiness has ended: the task is at the normal queue as well */
    target = run_target(run);
    if (!may_take(run, poll, &target, on_sticky))
        return false;
    rand_uuid4(engine->server->rand, uuid);
    uuid_format(uuid, request_id);
    run_begin(run, &t);
    who = task_poller_of(poll, &target, t.arena, request_id, on_sticky);
    workflow_task_start(&t, &who);
    if (!status_is_ok(run_commit_checked(run, &t, NULL)))
        return false;
    fill_workflow_task(call, run, resp, on_sticky, backlog);
    remember_delivery(call, run);
    poll_answer(poll);
    return true;
}

bool tasks_start(void *context, const struct task *task, struct poll *poll, bool from_backlog)
{
    struct call *call = poll->call;
    const struct engine *engine = context;
    const struct waiting_poll *waiting = call->waiter;
    struct queue_stats stats = matching_version_stats(engine->matching, &waiting->queue, &poll->version);
    PbPollerScalingDecision *advice = poll_advice(engine, poll, &stats);
    bool started = false;

    (void)from_backlog;
    switch (task->kind) {
    case TASK_WORKFLOW:
        started = workflow_task_for_poll(context, task, poll, stats.backlog_count);
        break;
    case TASK_ACTIVITY:
        started = activity_task_start(context, task, poll);
        break;
    case TASK_QUERY:
        started = query_task_start(context, task->query, poll);
        break;
    }
    if (started && task->kind == TASK_ACTIVITY) /* the answer leaves at the end of the turn */
        ((PbPollActivityTaskQueueResponse *)call->response)->poller_scaling_decision = advice;
    else if (started)
        ((PbPollWorkflowTaskQueueResponse *)call->response)->poller_scaling_decision = advice;
    return started;
}

status engine_poll_workflow_task(struct call *call, const struct namespace_info *ns,
                                 const PbPollWorkflowTaskQueueRequest *req, PbPollWorkflowTaskQueueResponse *resp)
{
    struct poll who = {
        .identity = req->identity,
        .deployment_options = req->deployment_options,
        .version_capabilities = req->worker_version_capabilities,
    };

    (void)resp; /* filled when there is a task */
    return poll_or_wait(call, ns, QUEUE_WORKFLOW, req->task_queue, &who);
}

/* ---- completion ---- */

status token_run(struct call *call, const struct namespace_info *ns, const PbTaskToken *token, struct run **ret_run)
{
    status loaded = engine_load(call->server->engine, token->run, ret_run);

    if (loaded.code == GRPC_NOT_FOUND)
        return not_found(call->arena, MSG_CHAIN_NOT_FOUND);
    TRY(loaded);
    if (memcmp((*ret_run)->run_id, token->run_id.data, UUID_BYTES) != 0)
        return not_found(call->arena, MSG_CHAIN_NOT_FOUND); /* of another database */
    if (ns != NULL && (*ret_run)->ns != ns)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_NAMESPACE);
    return status_ok();
}

/* The run whose started workflow task is the token's. */
static status started_task_run(struct call *call, const struct namespace_info *ns, const ProtobufCBinaryData *encoded,
                               struct run **ret_run)
{
    const PbTaskToken *token = task_token_of_call(call, encoded);
    const struct workflow_task *task;

    if (token == NULL || token->run == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_UNDECODABLE);
    TRY(token_run(call, ns, token, ret_run));
    task = &(*ret_run)->state->workflow_task;
    if (!mutable_state_is_open((*ret_run)->state) || task->state != WORKFLOW_TASK_STARTED ||
        task->scheduled_event_id != token->scheduled_event_id || task->started_event_id != token->started_event_id ||
        task->attempt != token->attempt || task->started_time != token->started_time)
        return not_found(call->arena, MSG_WORKFLOW_TASK_NOT_FOUND);
    return status_ok();
}

/* A task inside another answer cannot have its history appended as it is stored: it is unpacked. */
static PbHistory *unpacked_history(struct run *run, struct arena *arena, int64_t from)
{
    struct bytes *parts;
    struct buffer whole = {0};
    PbHistory *history = NULL;
    size_t count;
    int64_t next;
    status read = run_read_history(run, arena, from, 0, &parts, &count, &next);

    if (!status_is_ok(read)) {
        history_unreadable(run, read);
    } else {
        for (size_t i = 0; i < count; i++)
            buffer_append(&whole, parts[i].data, parts[i].len);
        history = pb_unpack(arena, &PbHistory_descriptor, whole.data, whole.len);
        buffer_free(&whole);
    }
    return history == NULL ? ARENA_NEW_PB(arena, PbHistory) : history;
}

static void append_virtual_events(struct run *run, struct arena *arena, PbHistory *history)
{
    PbHistoryEvent *events[2], **all;
    size_t count = workflow_task_virtual_events(run->state, arena, true, events);

    if (count == 0)
        return;
    all = ARENA_NEW_ARRAY(arena, PbHistoryEvent *, history->n_events + count);
    if (history->n_events > 0)
        memcpy(all, history->events, history->n_events * sizeof(all[0]));
    memcpy(all + history->n_events, events, count * sizeof(all[0]));
    history->events = all;
    history->n_events += count;
}

void fill_inline_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp)
{
    fill_task(call, run, resp, 0, NEW_UPDATES);
    resp->history = unpacked_history(run, call->arena, run->state->previous_started_event_id + 1);
    append_virtual_events(run, call->arena, resp->history);
}

/* Starts the task that follows at once and puts it into the answer. `bytes_before`: the history's, before the
 * completion. */
static void start_inline(struct call *call, struct run *run, const PbRespondWorkflowTaskCompletedRequest *req,
                         int64_t bytes_before, PbRespondWorkflowTaskCompletedResponse *resp)
{
    struct task_poller who = {
        .identity = req->identity,
        .request_id = "request-from-RespondWorkflowTaskCompleted",
        .stamp = req->worker_version_stamp,
    };
    struct transition t;

    who.on_sticky = run->state->workflow_task.is_sticky;
    run_begin(run, &t);
    t.uncounted_bytes = run->state->history_bytes - bytes_before;
    workflow_task_start(&t, &who);
    if (!status_is_ok(run_commit_checked(run, &t, NULL)))
        return;
    resp->workflow_task = ARENA_NEW_PB(call->arena, PbPollWorkflowTaskQueueResponse);
    fill_inline_task(call, run, resp->workflow_task);
}

static bool wants_inline(const struct run *run, const PbRespondWorkflowTaskCompletedRequest *req)
{
    return req->return_new_workflow_task && mutable_state_is_open(run->state) &&
           !versioning_in_transition(run->state) && /* another worker's */
           run->state->workflow_task.state == WORKFLOW_TASK_SCHEDULED;
}

static status refuse_completion(struct call *call, struct run *run, const struct refusal *refusal, const char *identity)
{
    struct transition t;
    bool is_first = run->state->workflow_task.attempt <= 1;

    run_begin(run, &t);
    /* Later attempts are left to time out, which slows a worker down that sends the same nonsense for ever. */
    if (is_first || refusal->cause == WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND)
        workflow_task_fail_for_refusal(&t, refusal, identity);
    else
        updates_drop_sent(&t);
    run_commit(run, &t);
    return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, "%s", refusal->text);
}

/* Commands may name the namespace of another workflow: it must be there. (Whether it may be another one history/
 * checks.) */
static status check_other_namespaces(struct call *call, const PbRespondWorkflowTaskCompletedRequest *req)
{
    for (size_t i = 0; i < req->n_commands; i++) {
        const PbCommand *command = req->commands[i];
        const char *name = "";
        const struct namespace_info *ns;

        if (command->attributes_case == PbCommand_start_child_workflow_execution_command_attributes_case)
            name = command->start_child_workflow_execution_command_attributes->namespace_;
        else if (command->attributes_case == PbCommand_signal_external_workflow_execution_command_attributes_case)
            name = command->signal_external_workflow_execution_command_attributes->namespace_;
        else if (command->attributes_case ==
                 PbCommand_request_cancel_external_workflow_execution_command_attributes_case)
            name = command->request_cancel_external_workflow_execution_command_attributes->namespace_;
        if (name[0] != '\0')
            TRY(namespaces_find(call->server->namespaces, call->arena, name, &ns));
    }
    return status_ok();
}

status engine_complete_workflow_task(struct call *call, const struct namespace_info *ns,
                                     const PbRespondWorkflowTaskCompletedRequest *req,
                                     PbRespondWorkflowTaskCompletedResponse *resp)
{
    struct task_memory memory;
    struct refusal refusal;
    struct transition t;
    struct run *run;
    const char *problem;
    int64_t bytes_before;
    struct completion_outcome outcome;

    TRY(started_task_run(call, ns, &req->task_token, &run));
    problem = versioning_completion_problem(run->state, req);
    if (problem == NULL && (req->intermediate_page || req->page_number > 0))
        return status_errorf(call->arena, GRPC_FAILED_PRECONDITION, MSG_COMPLETION_PAGES, run->ns->name);
    if (problem == NULL)
        problem = workflow_task_check_sequence(call->arena, req);
    if (problem == NULL)
        problem = update_messages_problem(call->arena, req);
    if (problem != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, problem);
    TRY(check_other_namespaces(call, req));
    memory = workflow_task_remember(run->state, call->arena);
    bytes_before = run->state->history_bytes;
    run_begin(run, &t);
    refusal = workflow_task_complete(&t, req, &outcome);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED) {
        run_give_up(run, &memory);
        return refuse_completion(call, run, &refusal, req->identity);
    }
    queries_answer(run, req);
    TRY(run_commit_checked(run, &t, &memory));
    if (outcome.discarded)
        resp->reset_history_event_id = run->state->previous_started_event_id;
    if (outcome.heartbeat_timeout)
        return not_found(call->arena, MSG_HEARTBEAT_TIMEOUT);
    activities_start_eagerly(call, run, &t, req, resp);
    if (wants_inline(run, req)) /* before matching is given it, at the end of the turn */
        start_inline(call, run, req, bytes_before, resp);
    return status_ok();
}

status engine_fail_workflow_task(struct call *call, const struct namespace_info *ns,
                                 const PbRespondWorkflowTaskFailedRequest *req)
{
    struct transition t;
    struct run *run = NULL;
    status found = started_task_run(call, ns, &req->task_token, &run);

    if (found.code == GRPC_NOT_FOUND && run != NULL && !mutable_state_is_open(run->state))
        return not_found(call->arena, MSG_WORKFLOW_COMPLETED);
    TRY(found);
    run_begin(run, &t);
    if (req->cause == WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE)
        decide_terminate(&t, "GrpcMessageTooLarge", NULL, "history-service");
    else
        workflow_task_fail(&t, req->cause, req->failure, req->identity, req->binary_checksum, req->worker_version);
    return run_commit_checked(run, &t, NULL);
}
