/* What clients do to runs: start, signal, cancel, terminate. */
#include <string.h>

#include "base/invariant.h"
#include "base/uuid.h"
#include "server/engine/internal.h"
#include "server/frontend/started.h"

/* ---- start ---- */

static PbCommonLink *event_link(struct arena *arena, const struct run *run)
{
    PbCommonLink *link = ARENA_NEW_PB(arena, PbCommonLink);
    PbLinkWorkflowEvent *event = ARENA_NEW_PB(arena, PbLinkWorkflowEvent);

    event->namespace_ = run->ns->name;
    event->workflow_id = arena_strdup(arena, run->state->workflow_id);
    event->run_id = arena_strdup(arena, run->run_id_text);
    link->variant_case = PbCommonLink_workflow_event_case;
    link->workflow_event = event;
    return link;
}

PbCommonLink *started_link(struct arena *arena, const struct run *run)
{
    PbCommonLink *link = event_link(arena, run);
    PbLinkWorkflowEventEventReference *reference = ARENA_NEW_PB(arena, PbLinkWorkflowEventEventReference);

    reference->event_id = 1;
    reference->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_STARTED;
    link->workflow_event->reference_case = PbLinkWorkflowEvent_event_ref_case;
    link->workflow_event->event_ref = reference;
    return link;
}

PbCommonLink *request_link(struct arena *arena, const struct run *run, const char *request_id, PbEventType type)
{
    PbCommonLink *link = event_link(arena, run);
    PbLinkWorkflowEventRequestIdReference *reference = ARENA_NEW_PB(arena, PbLinkWorkflowEventRequestIdReference);

    reference->request_id = arena_strdup(arena, request_id);
    reference->event_type = type;
    link->workflow_event->reference_case = PbLinkWorkflowEvent_request_id_ref_case;
    link->workflow_event->request_id_ref = reference;
    return link;
}

static void fill_start_response(struct call *call, const struct run *run, bool started,
                                PbStartWorkflowExecutionResponse *resp)
{
    resp->run_id = arena_strdup(call->arena, run->run_id_text);
    resp->first_execution_run_id = arena_strdup(call->arena, run->state->first_run_id);
    resp->started = started;
    resp->status = run->state->status;
    resp->link = started_link(call->arena, run);
}

static status already_started(struct call *call, const struct run *run, const char *format)
{
    PbWorkflowExecutionAlreadyStartedFailure *detail =
        ARENA_NEW_PB(call->arena, PbWorkflowExecutionAlreadyStartedFailure);
    status result = {.code = GRPC_ALREADY_EXISTS, .detail = detail};

    detail->start_request_id = arena_strdup(call->arena, run->start_request_id);
    detail->run_id = arena_strdup(call->arena, run->run_id_text);
    detail->first_execution_run_id = arena_strdup(call->arena, run->state->first_run_id);
    result.message = format;
    return result;
}

#define ALREADY(call, run, format) \
    already_started(call, run, arena_printf((call)->arena, format, (run)->state->workflow_id, (run)->run_id_text))

/* Whether a closed run lets another one have its workflow id. */
static status check_reuse(struct call *call, const struct run *run, PbWorkflowIdReusePolicy policy)
{
    switch ((int)policy) {
    case WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE:
        return ALREADY(call, run, MSG_ALREADY_FINISHED);
    case WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY:
        return run->state->status == WORKFLOW_EXECUTION_STATUS_COMPLETED ? ALREADY(call, run, MSG_ALREADY_COMPLETED_OK)
                                                                         : status_ok();
    default:
        return status_ok();
    }
}

PbPayloads *json_text(struct arena *arena, const char *text)
{
    PbPayloads *payloads = ARENA_NEW_PB(arena, PbPayloads);
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);
    char *json = arena_printf(arena, "\"%s\"", text), *encoding = arena_strdup(arena, "json/plain");

    entry->key = "encoding";
    entry->value = (ProtobufCBinaryData){strlen(encoding), (uint8_t *)encoding};
    payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 1);
    payload->metadata[payload->n_metadata++] = entry;
    payload->data = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    payloads->payloads = ARENA_NEW_ARRAY(arena, PbPayload *, 1);
    payloads->payloads[payloads->n_payloads++] = payload;
    return payloads;
}

void run_terminate_for(struct run *run, const char *new_run_id)
{
    struct arena *arena = turn_arena(run->engine->server->turn);

    run_terminate(run, "TerminateIfRunning WorkflowIdReusePolicy",
                  json_text(arena, arena_printf(arena, "terminated by new runID: %s", new_run_id)), "history-service");
}

/* USE_EXISTING: the start joins the open run, and may leave its request id, callbacks and links there. */
static status join_existing(struct call *call, struct run *run, const PbStartWorkflowExecutionRequest *req,
                            PbStartWorkflowExecutionResponse *resp)
{
    const PbWorkflowOnConflictOptions *options = req->on_conflict_options;
    struct transition t;

    fill_start_response(call, run, false, resp);
    if (options == NULL)
        return status_ok();
    run_begin(run, &t);
    decide_join(&t, options->attach_request_id ? req->request_id : "", options->attach_links ? req->n_links : 0,
                req->links);
    TRY(run_commit_checked(run, &t, NULL));
    if (options->attach_request_id)
        resp->link = request_link(call->arena, run, req->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
    return status_ok();
}

/* Whether the task that an eager start has handed out is still out. */
static bool is_first_task_started(const struct mutable_state *ms)
{
    return ms->workflow_task.state == WORKFLOW_TASK_STARTED && ms->workflow_task.started_event_id == 3 &&
           ms->workflow_task.attempt == 1;
}

/* What the present holder of the workflow id means for a new start. `ret_done`: the response is complete. */
static status settle_conflict(struct call *call, struct run *present, const PbStartWorkflowExecutionRequest *req,
                              const char *new_run_id, PbStartWorkflowExecutionResponse *resp, bool *ret_done)
{
    *ret_done = true;
    if (present->start_request_id[0] != '\0' && strcmp(present->start_request_id, req->request_id) == 0) {
        fill_start_response(call, present, true, resp); /* the same request again */
        if (req->request_eager_execution && is_first_task_started(present->state)) {
            resp->eager_workflow_task = ARENA_NEW_PB(call->arena, PbPollWorkflowTaskQueueResponse);
            fill_inline_task(call, present, resp->eager_workflow_task);
        }
        return status_ok();
    }
    if (!mutable_state_is_open(present->state)) {
        *ret_done = false;
        return check_reuse(call, present, req->workflow_id_reuse_policy);
    }
    if (mutable_state_request_joined(present->state, req->request_id)) {
        fill_start_response(call, present, false, resp);
        resp->link = request_link(call->arena, present, req->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
        return status_ok();
    }
    switch ((int)req->workflow_id_conflict_policy) {
    case WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING:
        return join_existing(call, present, req, resp);
    case WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING:
        run_terminate_for(present, new_run_id);
        *ret_done = false;
        return status_ok();
    default:
        return ALREADY(call, present, MSG_ALREADY_RUNNING);
    }
}

/* The first workflow task goes to the client that has started the workflow and has a worker of its own. */
static void start_eagerly(struct call *call, struct run *run, const PbStartWorkflowExecutionRequest *req,
                          PbStartWorkflowExecutionResponse *resp)
{
    struct task_poller who = {.identity = req->identity, .request_id = req->request_id};
    struct transition t;

    if (run->state->workflow_task.state != WORKFLOW_TASK_SCHEDULED)
        return;
    run_begin(run, &t);
    t.uncounted_bytes = run->state->history_bytes; /* none was before the call */
    workflow_task_start(&t, &who);
    run_commit(run, &t);
    resp->eager_workflow_task = ARENA_NEW_PB(call->arena, PbPollWorkflowTaskQueueResponse);
    fill_inline_task(call, run, resp->eager_workflow_task);
}

status start_or_join(struct call *call, const struct namespace_info *ns, const PbStartWorkflowExecutionRequest *req,
                     PbStartWorkflowExecutionResponse *resp, struct run **ret_run)
{
    struct engine *engine = call->server->engine;
    nanos now = clock_now(engine->server->clock);
    PbWorkflowExecutionStartedEventAttributes *started;
    uint8_t uuid[UUID_BYTES];
    struct transition t;
    struct run *run;
    char *run_id;
    bool done = false;

    TRY(engine_check_override(engine, call->arena, ns, req->task_queue->name, req->versioning_override));
    rand_uuid7(engine->server->rand, now, uuid);
    run_id = uuid_text(call->arena, uuid);
    TRY(engine_load_current(engine, ns, req->workflow_id, &run));
    if (run != NULL)
        TRY(settle_conflict(call, run, req, run_id, resp, &done));
    *ret_run = run;
    if (done)
        return status_ok();
    started = frontend_make_started(call->arena, req, run_id, now, engine->limits);
    run = engine_add_run(engine, ns, started, uuid, req->request_id);
    run_begin(run, &t);
    decide_start(&t, started, req->user_metadata, req->n_links, req->links);
    run_commit(run, &t);
    engine_override_acts(engine, ns, req->versioning_override);
    fill_start_response(call, run, true, resp);
    *ret_run = run;
    if (req->request_eager_execution)
        start_eagerly(call, run, req, resp);
    return status_ok();
}

status engine_start_workflow(struct call *call, const struct namespace_info *ns,
                             const PbStartWorkflowExecutionRequest *req, PbStartWorkflowExecutionResponse *resp)
{
    struct run *run;

    return start_or_join(call, ns, req, resp, &run);
}

/* ---- signal ---- */

status busy_closing(struct arena *arena)
{
    PbResourceExhaustedFailure *detail = ARENA_NEW_PB(arena, PbResourceExhaustedFailure);

    detail->cause = RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(arena, GRPC_RESOURCE_EXHAUSTED, detail, "%s", MSG_WORKFLOW_CLOSING);
}

/* Why an open run takes no more signals. */
static status check_takes_signals(struct arena *arena, const struct run *run)
{
    const struct mutable_state *ms = run->state;

    if (ms->signals_count >= run->engine->limits->signals_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNALS_TOO_MANY);
    if (ms->close_refused && ms->workflow_task.state == WORKFLOW_TASK_STARTED)
        return busy_closing(arena);
    return status_ok();
}

status engine_signal_workflow(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                              const PbSignalWorkflowExecutionRequest *req, PbSignalWorkflowExecutionResponse *resp)
{
    PbWorkflowExecutionSignaledEventAttributes signal = PbWorkflowExecutionSignaledEventAttributes_INIT;
    const struct mutable_state *ms;
    struct transition t;
    struct run *run;

    TRY(engine_look_up_run(engine, arena, ns, req->workflow_execution, &run));
    ms = run->state;
    resp->link = request_link(arena, run, req->request_id, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
    if (req->request_id[0] != '\0' && mutable_state_request_used(ms, req->request_id))
        return status_ok();
    if (!mutable_state_is_open(ms))
        return not_found(arena, MSG_WORKFLOW_COMPLETED);
    TRY(check_takes_signals(arena, run));
    signal.signal_name = req->signal_name;
    signal.input = req->input;
    signal.identity = req->identity;
    signal.header = req->header;
    signal.request_id = req->request_id;
    run_begin(run, &t);
    decide_signal(&t, &signal, req->n_links, req->links);
    return run_commit_checked(run, &t, NULL);
}

/* ---- start with a signal ---- */

/* Both events go into one batch. The only way of starting that can make it too large: one request has everything else.
 */
static status check_first_batch(struct call *call, const PbWorkflowExecutionStartedEventAttributes *started,
                                const PbWorkflowExecutionSignaledEventAttributes *signal)
{
    enum { REST_BYTES = 128 }; /* ids, types and times of the events */
    int64_t most = call->server->engine->limits->transaction_bytes_max;
    int64_t bytes = (int64_t)protobuf_c_message_get_packed_size(&started->base) +
                    (int64_t)protobuf_c_message_get_packed_size(&signal->base) + REST_BYTES;

    return bytes <= most ? status_ok()
                         : status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_TRANSACTION_TOO_LARGE,
                                         (long long)bytes, (long long)most);
}

static PbWorkflowExecutionSignaledEventAttributes *make_signal(struct call *call, const char *request_id,
                                                               const PbSignalWithStartWorkflowExecutionRequest *req)
{
    PbWorkflowExecutionSignaledEventAttributes *signal =
        ARENA_NEW_PB(call->arena, PbWorkflowExecutionSignaledEventAttributes);

    signal->signal_name = req->signal_name;
    signal->input = req->signal_input;
    signal->identity = req->identity;
    signal->header = req->header;
    signal->request_id = request_id;
    return signal;
}

static void fill_signal_response(struct call *call, const struct run *run, bool started, const char *request_id,
                                 PbSignalWithStartWorkflowExecutionResponse *resp)
{
    resp->run_id = arena_strdup(call->arena, run->run_id_text);
    resp->first_execution_run_id = arena_strdup(call->arena, run->state->first_run_id);
    resp->started = started;
    resp->signal_link = request_link(call->arena, run, request_id, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
}

/* Unlike a signal alone it also ends the backoff of a run that has not had its first task yet. */
static status signal_open_run(struct call *call, struct run *run,
                              const PbWorkflowExecutionSignaledEventAttributes *signal,
                              const PbSignalWithStartWorkflowExecutionRequest *req)
{
    struct transition t;

    TRY(check_takes_signals(call->arena, run));
    if (mutable_state_request_used(run->state, signal->request_id))
        return status_ok();
    run_begin(run, &t);
    decide_signal(&t, signal, req->n_links, req->links);
    workflow_task_schedule(&t, true);
    return run_commit_checked(run, &t, NULL);
}

status engine_signal_with_start(struct call *call, const struct namespace_info *ns,
                                const PbStartWorkflowExecutionRequest *start,
                                const PbSignalWithStartWorkflowExecutionRequest *req,
                                PbSignalWithStartWorkflowExecutionResponse *resp)
{
    const PbWorkflowExecutionSignaledEventAttributes *signal = make_signal(call, start->request_id, req);
    struct engine *engine = call->server->engine;
    PbWorkflowExecutionStartedEventAttributes *started;
    uint8_t uuid[UUID_BYTES];
    struct transition t;
    struct run *run;
    char *run_id;

    TRY(engine_check_override(engine, call->arena, ns, start->task_queue->name, start->versioning_override));
    TRY(engine_load_current(engine, ns, start->workflow_id, &run));
    if (run != NULL && mutable_state_is_open(run->state) &&
        start->workflow_id_conflict_policy != WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING) {
        TRY(signal_open_run(call, run, signal, req));
        fill_signal_response(call, run, false, start->request_id, resp);
        return status_ok();
    }
    rand_uuid4(engine->server->rand, uuid);
    run_id = uuid_text(call->arena, uuid);
    started = frontend_make_started(call->arena, start, run_id, clock_now(engine->server->clock), engine->limits);
    TRY(check_first_batch(call, started, signal));
    if (run != NULL && mutable_state_is_open(run->state))
        run_terminate_for(run, run_id);
    else if (run != NULL)
        TRY(check_reuse(call, run, start->workflow_id_reuse_policy));
    run = engine_add_run(engine, ns, started, uuid, start->request_id);
    run_begin(run, &t);
    decide_start_with_signal(&t, started, start->user_metadata, signal, start->n_links, start->links);
    run_commit(run, &t);
    engine_override_acts(engine, ns, start->versioning_override);
    fill_signal_response(call, run, true, start->request_id, resp);
    return status_ok();
}

/* ---- cancel, terminate ---- */

/* The run that a request means: the named one, or, where it names the head of a chain, the current one if it belongs to
 * that chain. */
static status find_in_chain(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                            const PbWorkflowExecution *execution, const char *first_run_id, struct run **ret_run)
{
    PbWorkflowExecution wanted = *execution;

    if (first_run_id[0] == '\0')
        return engine_look_up_run(engine, arena, ns, &wanted, ret_run);
    wanted.run_id = "";
    TRY(engine_look_up_run(engine, arena, ns, &wanted, ret_run));
    return strcmp((*ret_run)->state->first_run_id, first_run_id) == 0 ? status_ok()
                                                                      : not_found(arena, MSG_CHAIN_NOT_FOUND);
}

status engine_request_cancel(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const PbRequestCancelWorkflowExecutionRequest *req)
{
    PbWorkflowExecutionCancelRequestedEventAttributes request = PbWorkflowExecutionCancelRequestedEventAttributes_INIT;
    struct transition t;
    struct run *run;

    TRY(find_in_chain(engine, arena, ns, req->workflow_execution, req->first_execution_run_id, &run));
    if (!mutable_state_is_open(run->state) || run->state->cancel_requested)
        return status_ok(); /* nothing left to ask for */
    request.cause = req->reason;
    request.identity = req->identity;
    run_begin(run, &t);
    t.links_count = req->n_links;
    t.links = req->links;
    decide_cancel_request(&t, &request);
    return run_commit_checked(run, &t, NULL);
}

status engine_terminate(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                        const PbTerminateWorkflowExecutionRequest *req)
{
    struct transition t;
    struct run *run;

    TRY(find_in_chain(engine, arena, ns, req->workflow_execution, req->first_execution_run_id, &run));
    if (!mutable_state_is_open(run->state))
        return not_found(arena, MSG_WORKFLOW_COMPLETED);
    run_begin(run, &t);
    t.links_count = req->n_links;
    t.links = req->links;
    decide_terminate(&t, req->reason, req->details, req->identity);
    return run_commit_checked(run, &t, NULL);
}

/* ---- workers ---- */

status engine_reset_sticky(struct call *call, const struct namespace_info *ns, const PbResetStickyTaskQueueRequest *req)
{
    struct run *run;

    TRY(engine_find_run(call, ns, req->execution, &run));
    if (!mutable_state_is_open(run->state))
        return not_found(call->arena, MSG_WORKFLOW_COMPLETED);
    workflow_task_forget_sticky(run->state); /* a task that waits there already comes back when its time is up */
    return status_ok();
}

status engine_shutdown_worker(struct call *call, const struct namespace_info *ns, const PbShutdownWorkerRequest *req)
{
    struct queue_name queue = {
        .namespace_id = ns->id,
        .type = QUEUE_WORKFLOW,
        .name = req->sticky_task_queue,
        .is_sticky = true,
    };

    if (req->sticky_task_queue[0] != '\0')
        matching_drop_sticky(call->server->matching, &queue, tasks_give_back, call->server->engine);
    return status_ok();
}
