/*
 * UpdateWorkflowExecution, PollWorkflowExecutionUpdate and update-with-start: admitting an update, and waiting for what
 * becomes of it.
 *
 * What updates are stands in history/update.c. Here are those who wait: a call that wants to know when an update has
 * been accepted, or completed. It waits 20 s at most and then learns how far the update has come; clients ask again.
 */
#include <string.h>

#include "base/invariant.h"
#include "server/engine/internal.h"

/* An answer leaves so long before the client's deadline. */
#define WAITER_TAIL_ROOM seconds(1)

/* A run whose workflow task fails again and again takes no updates. Server 1.32.0. */
enum { FAILING_ATTEMPT = 3 };

#define STAGE_ADMITTED  UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
#define STAGE_ACCEPTED  UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
#define STAGE_COMPLETED UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED

/* How far an update has come, for a client. */
struct progress {
    PbUpdateWorkflowExecutionLifecycleStage stage;
    const PbOutcome *outcome; /* when completed */
};

/* Fills the response of the waiting call. */
typedef void fill_response(struct call *call, const struct run *run, const char *update_id,
                           const struct progress *progress);

/* An update-with-start on its way. In its call's arena. */
struct with_start {
    struct call *call;
    const struct namespace_info *ns;
    const PbStartWorkflowExecutionRequest *start;
    const PbUpdateWorkflowExecutionRequest *update;
    wrap_error *wrap;
    bool joined;    /* the update goes to a run that was open before */
    bool is_second; /* the first try was cut short by the end of that run */
    bool gone;      /* the client has not waited for the second one */
};

struct update_waiter {
    struct call *call;
    struct run *run;
    const char *id;
    PbUpdateWorkflowExecutionLifecycleStage wanted;
    fill_response *fill;
    struct with_start *with_start; /* NULL: it is none */
    struct timer timer;
    struct update_waiter *next;
};

/* ---- responses ---- */

static PbUpdateRef *make_ref(struct arena *arena, const struct run *run, const char *update_id)
{
    PbUpdateRef *ref = ARENA_NEW_PB(arena, PbUpdateRef);

    ref->workflow_execution = ARENA_NEW_PB(arena, PbWorkflowExecution);
    ref->workflow_execution->workflow_id = arena_strdup(arena, run->state->workflow_id);
    ref->workflow_execution->run_id = arena_strdup(arena, run->run_id_text);
    ref->update_id = arena_strdup(arena, update_id);
    return ref;
}

static PbCommonLink *rejected_link(struct arena *arena, const struct run *run)
{
    PbCommonLink *link = ARENA_NEW_PB(arena, PbCommonLink);
    PbLinkWorkflow *workflow = ARENA_NEW_PB(arena, PbLinkWorkflow);

    workflow->namespace_ = run->ns->name;
    workflow->workflow_id = arena_strdup(arena, run->state->workflow_id);
    workflow->run_id = arena_strdup(arena, run->run_id_text);
    workflow->reason = "Update rejected";
    link->variant_case = PbCommonLink_workflow_case;
    link->workflow = workflow;
    return link;
}

static void fill_update(struct arena *arena, const struct run *run, const char *update_id, const char *request_id,
                        const struct progress *progress, PbUpdateWorkflowExecutionResponse *resp)
{
    bool failed = progress->outcome != NULL && progress->outcome->value_case == PbOutcome_failure_case;

    resp->update_ref = make_ref(arena, run, update_id);
    resp->stage = progress->stage;
    resp->outcome = pb_copy(arena, progress->outcome);
    if (failed)
        resp->link = rejected_link(arena, run);
    else if (progress->stage >= STAGE_ACCEPTED)
        resp->link = request_link(arena, run, request_id, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
}

static void fill_update_response(struct call *call, const struct run *run, const char *update_id,
                                 const struct progress *progress)
{
    const PbUpdateWorkflowExecutionRequest *req = call->request;

    fill_update(call->arena, run, update_id, req->request->request_id, progress, call->response);
}

static void fill_poll_response(struct call *call, const struct run *run, const char *update_id,
                               const struct progress *progress)
{
    PbPollWorkflowExecutionUpdateResponse *resp = call->response;

    resp->update_ref = make_ref(call->arena, run, update_id);
    resp->stage = progress->stage;
    resp->outcome = pb_copy(call->arena, progress->outcome);
}

static void fill_multi_response(struct call *call, const struct run *run, const char *update_id,
                                const struct progress *progress)
{
    const PbExecuteMultiOperationRequest *req = call->request;
    PbExecuteMultiOperationResponse *resp = call->response;

    fill_update(call->arena, run, update_id, req->operations[1]->update_workflow->request->request_id, progress,
                resp->responses[1]->update_workflow);
}

/* ---- how far it has come ---- */

/* The outcome that the completed event of an update holds. */
static status read_outcome(struct run *run, struct arena *arena, const struct update *update,
                           const PbOutcome **ret_outcome)
{
    struct event_batch *batches;
    const PbHistory *history;
    int count;

    TRY(events_read_back(run->engine->server->store, arena, run->id, update->completed_event_id, 1, &batches, &count));
    history =
        count == 0 ? NULL : pb_unpack(arena, &PbHistory_descriptor, batches[0].history.data, batches[0].history.len);
    for (size_t i = 0; history != NULL && i < history->n_events; i++)
        if (history->events[i]->event_id == update->completed_event_id) {
            *ret_outcome = history->events[i]->workflow_execution_update_completed_event_attributes->outcome;
            return status_ok();
        }
    return status_error(GRPC_DATA_LOSS, "the update's outcome cannot be read");
}

static status find_progress(struct run *run, struct arena *arena, const struct update *update, struct progress *ret)
{
    PbOutcome *cut_off;

    *ret = (struct progress){.stage = STAGE_ADMITTED};
    if (update->stage == UPDATE_COMPLETED) {
        ret->stage = STAGE_COMPLETED;
        return read_outcome(run, arena, update, &ret->outcome);
    }
    if (update->stage == UPDATE_ACCEPTED && mutable_state_is_open(run->state)) {
        ret->stage = STAGE_ACCEPTED;
    } else if (update->stage == UPDATE_ACCEPTED) {
        cut_off = ARENA_NEW_PB(arena, PbOutcome);
        cut_off->value_case = PbOutcome_failure_case;
        cut_off->failure = update_cut_off_failure(arena);
        *ret = (struct progress){.stage = STAGE_COMPLETED, .outcome = cut_off};
    }
    return status_ok();
}

/* ---- waiting ---- */

static void stop_waiting(struct update_waiter *waiter)
{
    struct update_waiter **at = &waiter->run->update_waiters;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    timers_cancel(waiter->run->engine->server->timers, &waiter->timer);
}

static void answer_progress(struct update_waiter *waiter, const struct progress *progress)
{
    stop_waiting(waiter);
    waiter->fill(waiter->call, waiter->run, waiter->id, progress);
    call_answer(waiter->call, status_ok());
}

static status update_failed(const struct with_start *op, status error)
{
    return op->wrap(op->call, op->joined ? UPDATE_OF_OPEN_FAILED : UPDATE_OF_NEW_FAILED, error);
}

static void answer_error(struct update_waiter *waiter, status error)
{
    stop_waiting(waiter);
    call_answer(waiter->call, waiter->with_start == NULL ? error : update_failed(waiter->with_start, error));
}

static void waiter_cancelled(struct call *call, enum call_end why)
{
    (void)why;
    stop_waiting(call->waiter);
}

static void waiter_expired(struct timer *timer, void *context)
{
    struct update_waiter *waiter = context;
    const struct update *update = mutable_state_update(waiter->run->state, waiter->id);
    struct progress progress = {.stage = STAGE_ADMITTED};

    (void)timer;
    if (update != NULL && update->stage == UPDATE_ACCEPTED)
        progress.stage = STAGE_ACCEPTED;
    answer_progress(waiter, &progress);
}

static status wait_for_update(struct call *call, struct run *run, const char *id,
                              PbUpdateWorkflowExecutionLifecycleStage wanted, fill_response *fill,
                              struct with_start *with_start)
{
    struct update_waiter *waiter = ARENA_NEW(call->arena, struct update_waiter);
    nanos most = call->server->options->config.history_long_poll_max;

    *waiter = (struct update_waiter){
        .call = call,
        .run = run,
        .id = id,
        .wanted = wanted,
        .fill = fill,
        .with_start = with_start,
        .next = run->update_waiters,
    };
    run->update_waiters = waiter;
    timers_set(call->server->timers, &waiter->timer, nanos_add(clock_now(call->server->clock), most), waiter_expired,
               waiter);
    return call_park(call, waiter_cancelled, waiter);
}

/* Answers at once when the update has come far enough, else waits. */
static status answer_or_wait(struct call *call, struct run *run, const struct update *update,
                             PbUpdateWorkflowExecutionLifecycleStage wanted, fill_response *fill,
                             struct with_start *with_start)
{
    struct progress progress;

    TRY(find_progress(run, call->arena, update, &progress));
    if (progress.stage < wanted)
        return wait_for_update(call, run, arena_strdup(call->arena, update->id), wanted, fill, with_start);
    fill(call, run, update->id, &progress);
    return status_ok();
}

/* ---- news ---- */

static status not_ready(struct arena *arena, const char *text)
{
    return status_detail(arena, GRPC_FAILED_PRECONDITION, ARENA_NEW_PB(arena, PbWorkflowNotReadyFailure), "%s", text);
}

static void start_again(void *context);

static void second_try_cancelled(struct call *call, enum call_end why)
{
    struct with_start *op = call->waiter;

    (void)why;
    op->gone = true;
}

/* The run has closed before it has seen the update. An update-with-start that had only joined it can start another one:
 * once, as soon as this turn is stored. A client that is told ABORTED tries by itself. */
static void tell_aborted(struct update_waiter *waiter)
{
    struct with_start *op = waiter->with_start;
    struct arena *arena = waiter->call->arena;

    if (op == NULL || !op->joined) {
        answer_error(waiter, not_found(arena, MSG_UPDATE_ABORTED));
    } else if (op->is_second) {
        answer_error(waiter, status_error(GRPC_ABORTED, MSG_UPDATE_ABORTED));
    } else {
        stop_waiting(waiter);
        op->is_second = true;
        op->call->on_cancel = second_try_cancelled;
        op->call->waiter = op;
        turn_defer(op->call->server->turn, start_again, op);
    }
}

static void tell(struct update_waiter *waiter, const struct update_news *news)
{
    struct progress progress = {.stage = STAGE_COMPLETED, .outcome = news->outcome};
    struct arena *arena = waiter->call->arena;

    switch (news->kind) {
    case UPDATE_NOW_ACCEPTED:
        progress.stage = STAGE_ACCEPTED;
        if (waiter->wanted <= STAGE_ACCEPTED)
            answer_progress(waiter, &progress);
        break;
    case UPDATE_REJECTED:
    case UPDATE_DONE:
        answer_progress(waiter, &progress);
        break;
    case UPDATE_ABORTED:
        tell_aborted(waiter);
        break;
    case UPDATE_MOVED:
        answer_error(waiter, busy_closing(arena));
        break;
    case UPDATE_GONE:
        if (waiter->with_start != NULL)
            tell_aborted(waiter);
        else
            answer_error(waiter, not_found(arena, MSG_WORKFLOW_COMPLETED));
        break;
    case UPDATE_LOST:
        answer_error(waiter, not_ready(arena, MSG_UPDATE_TASK_REFUSED));
        break;
    }
}

void updates_tell(struct run *run, const struct transition *t)
{
    /* The newest first: who waits for acceptance learns of the outcome if that has come as well. */
    for (const struct update_news *news = t->update_news; news != NULL; news = news->next) {
        struct update_waiter *waiter = run->update_waiters, *next;

        for (; waiter != NULL; waiter = next) {
            next = waiter->next;
            if (strcmp(waiter->id, news->id) == 0)
                tell(waiter, news);
        }
    }
}

void updates_fail(struct run *run)
{
    while (run->update_waiters != NULL)
        answer_error(run->update_waiters, status_error(GRPC_UNAVAILABLE, "the run has to be loaded again; try again"));
}

/* ---- admitting ---- */

static status too_much_in_flight(struct call *call, const char *text)
{
    PbResourceExhaustedFailure *detail = ARENA_NEW_PB(call->arena, PbResourceExhaustedFailure);

    detail->cause = RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(call->arena, GRPC_RESOURCE_EXHAUSTED, detail, "%s", text);
}

/* Whether the run may have one update more. */
static status check_limits(struct call *call, const struct run *run, const PbUpdateRequest *request)
{
    const struct history_limits *limits = run->engine->limits;
    int64_t bytes_max = limits->updates_in_flight_bytes_max;
    int32_t in_flight_max = limits->updates_in_flight_max, total_max = limits->updates_total_max;

    if (in_flight_max > 0 && mutable_state_updates_in_flight(run->state) >= in_flight_max)
        return too_much_in_flight(call, arena_printf(call->arena, MSG_UPDATES_IN_FLIGHT, in_flight_max));
    if (total_max > 0 && mutable_state_updates_count(run->state) >= total_max)
        return status_errorf(call->arena, GRPC_FAILED_PRECONDITION, MSG_UPDATES_TOO_MANY, total_max);
    if (bytes_max > 0 && mutable_state_updates_in_flight_bytes(run->state) +
                                 (int64_t)protobuf_c_message_get_packed_size(&request->base) >=
                             bytes_max)
        return too_much_in_flight(call, arena_printf(call->arena, MSG_UPDATES_TOO_LARGE, (long long)bytes_max));
    return status_ok();
}

/* Whether an open run takes new updates just now. */
static status check_takes_updates(struct call *call, const struct mutable_state *ms)
{
    if (mutable_state_has_task(ms) && ms->workflow_task.attempt >= FAILING_ATTEMPT)
        return not_ready(call->arena, MSG_UPDATE_TASK_FAILING);
    if (ms->close_refused && ms->workflow_task.state == WORKFLOW_TASK_STARTED)
        return busy_closing(call->arena);
    return status_ok();
}

/* Finds the update of a request in the run, or admits it. */
static status find_or_admit(struct call *call, struct run *run, const PbUpdateRequest *request,
                            struct update **ret_update)
{
    const char *id = request->meta->update_id;
    struct transition t;

    *ret_update = mutable_state_update(run->state, id);
    if (!mutable_state_is_open(run->state))
        return *ret_update != NULL ? status_ok() : not_found(call->arena, MSG_WORKFLOW_COMPLETED);
    TRY(check_takes_updates(call, run->state));
    if (*ret_update != NULL)
        return status_ok();
    TRY(check_limits(call, run, request));
    run_begin(run, &t);
    *ret_update = update_admit(run->state, request);
    workflow_task_schedule_speculative(&t);
    run_commit(run, &t);
    return status_ok();
}

status engine_update_workflow(struct call *call, const struct namespace_info *ns,
                              const PbUpdateWorkflowExecutionRequest *req, PbUpdateWorkflowExecutionResponse *resp)
{
    struct update *update;
    struct run *run;

    (void)resp; /* filled when the wait is over */
    TRY(engine_find_run(call, ns, req->workflow_execution, &run));
    if (req->first_execution_run_id[0] != '\0' && strcmp(run->state->first_run_id, req->first_execution_run_id) != 0)
        return not_found(call->arena, MSG_CHAIN_NOT_FOUND);
    TRY(find_or_admit(call, run, req->request, &update));
    return answer_or_wait(call, run, update, req->wait_policy->lifecycle_stage, fill_update_response, NULL);
}

status engine_poll_update(struct call *call, const struct namespace_info *ns,
                          const PbPollWorkflowExecutionUpdateRequest *req, PbPollWorkflowExecutionUpdateResponse *resp)
{
    const struct update *update;
    struct run *run;

    (void)resp; /* filled when the wait is over */
    TRY(engine_find_run(call, ns, req->update_ref->workflow_execution, &run));
    update = mutable_state_update(run->state, req->update_ref->update_id);
    if (update == NULL)
        return not_found(call->arena, MSG_UPDATE_NOT_FOUND, req->update_ref->update_id);
    return answer_or_wait(call, run, update,
                          req->wait_policy == NULL ? UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED
                                                   : req->wait_policy->lifecycle_stage,
                          fill_poll_response, NULL);
}

/* ---- update-with-start ---- */

static void make_responses(struct call *call, PbExecuteMultiOperationResponse *resp)
{
    resp->responses = ARENA_NEW_ARRAY(call->arena, PbExecuteMultiOperationResponseResponse *, 2);
    resp->n_responses = 2;
    for (size_t i = 0; i < resp->n_responses; i++)
        resp->responses[i] = ARENA_NEW_PB(call->arena, PbExecuteMultiOperationResponseResponse);
    resp->responses[0]->response_case = PbExecuteMultiOperationResponseResponse_start_workflow_case;
    resp->responses[0]->start_workflow = ARENA_NEW_PB(call->arena, PbStartWorkflowExecutionResponse);
    resp->responses[1]->response_case = PbExecuteMultiOperationResponseResponse_update_workflow_case;
    resp->responses[1]->update_workflow = ARENA_NEW_PB(call->arena, PbUpdateWorkflowExecutionResponse);
}

/* Whether the update goes to the present run whatever the start's policies say. */
static bool joins_present(const struct run *present, const struct with_start *op)
{
    return mutable_state_is_open(present->state) &&
           (mutable_state_update(present->state, op->update->request->meta->update_id) != NULL ||
            strcmp(present->start_request_id, op->start->request_id) == 0 ||
            op->start->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
}

static void fill_joined(struct call *call, const struct run *run, PbStartWorkflowExecutionResponse *resp)
{
    resp->run_id = arena_strdup(call->arena, run->run_id_text);
    resp->started = false;
    resp->status = run->state->status;
}

/* The present run has completed this update already: that is the answer, open or not. */
static status answer_known(struct with_start *op, struct run *run, const struct update *update)
{
    PbExecuteMultiOperationResponse *resp = op->call->response;
    struct progress progress;

    TRY(find_progress(run, op->call->arena, update, &progress));
    fill_joined(op->call, run, resp->responses[0]->start_workflow);
    fill_update(op->call->arena, run, update->id, "", &progress, resp->responses[1]->update_workflow);
    resp->responses[1]->update_workflow->link = NULL;
    return status_ok();
}

static status update_with_start(struct with_start *op)
{
    PbExecuteMultiOperationResponse *resp = op->call->response;
    PbStartWorkflowExecutionResponse *started = resp->responses[0]->start_workflow;
    const char *update_id = op->update->request->meta->update_id;
    struct update *update;
    struct run *run;
    status outcome;

    TRY(engine_load_current(op->call->server->engine, op->ns, op->start->workflow_id, &run));
    update = run == NULL ? NULL : mutable_state_update(run->state, update_id);
    if (update != NULL && update->stage == UPDATE_COMPLETED)
        return answer_known(op, run, update);
    op->joined = run != NULL && joins_present(run, op);
    if (op->joined) {
        fill_joined(op->call, run, started);
        started->link = started_link(op->call->arena, run);
    } else {
        outcome = start_or_join(op->call, op->ns, op->start, started, &run);
        if (!status_is_ok(outcome))
            return op->wrap(op->call, START_FAILED, outcome);
    }
    outcome = find_or_admit(op->call, run, op->update->request, &update);
    if (status_is_ok(outcome))
        outcome =
            answer_or_wait(op->call, run, update, op->update->wait_policy->lifecycle_stage, fill_multi_response, op);
    return outcome.code == GRPC_PENDING || status_is_ok(outcome) ? outcome : update_failed(op, outcome);
}

static void start_again(void *context)
{
    struct with_start *op = context;
    status outcome;

    if (op->gone)
        return;
    outcome = update_with_start(op);
    if (outcome.code != GRPC_PENDING)
        call_answer(op->call, outcome);
}

status engine_update_with_start(struct call *call, const struct namespace_info *ns,
                                const PbStartWorkflowExecutionRequest *start,
                                const PbUpdateWorkflowExecutionRequest *update, wrap_error *wrap,
                                PbExecuteMultiOperationResponse *resp)
{
    struct with_start *op = ARENA_NEW(call->arena, struct with_start);

    *op = (struct with_start){.call = call, .ns = ns, .start = start, .update = update, .wrap = wrap};
    make_responses(call, resp);
    return update_with_start(op);
}
