/*
 * Queries.
 *
 * A query of an idle run goes to a worker by itself (direct): first to the sticky queue, and when nobody takes it there
 * in time, to the normal queue with the full history. A query of a run whose workflow task is pending would see a state
 * that the worker is about to change, so it rides on that task (or the next one) and sees what the task has made.
 */
#include <string.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/uuid.h"
#include "server/engine/internal.h"

/* A run whose task fails again and again answers no query. Server 1.32.0. */
enum { FAILING_ATTEMPT = 3 };

/* A query that nobody has taken this long before its client gives up is answered so, where no worker has polled for a
 * while. Server 1.32.0: matching.queryPollerUnavailableWindow. */
#define LAST_LOOK_BEFORE seconds(1)
#define NO_POLLER_SPAN   seconds(20)

static const PbQueryWorkflowRequest *request_of(const struct query_task *query)
{
    return query->call->request;
}

/* ---- the tables ---- */

static struct query_task *new_query(struct call *call, struct run *run)
{
    struct engine *engine = call->server->engine;
    struct query_task *query = ARENA_NEW(call->arena, struct query_task);
    uint8_t uuid[UUID_BYTES];

    query->call = call;
    query->engine = engine;
    query->ns = run->ns;
    query->run = run->id;
    rand_uuid4(engine->server->rand, uuid);
    uuid_format(uuid, query->id);
    HASH_ADD_KEYPTR(by_id, engine->queries, query->id, UUID_TEXT_BYTES - 1, query);
    return query;
}

static void get_off(struct query_task *query)
{
    struct query_task **at = &query->riding->queries;

    while (*at != query)
        at = &(*at)->next;
    *at = query->next;
    query->next = NULL;
    query->riding = NULL;
    query->sent = false;
}

static struct queue_name queue_of(const struct query_task *query, const struct run *run)
{
    return (struct queue_name){
        .namespace_id = query->ns->id,
        .type = QUEUE_WORKFLOW,
        .name = query->on_sticky ? query->sticky_queue : run->state->task_queue,
        .is_sticky = query->on_sticky,
    };
}

/* Takes a query out of wherever it waits. Its call is answered by the caller, or gone. */
static void forget_query(struct query_task *query)
{
    struct engine *engine = query->engine;

    timers_cancel(engine->server->timers, &query->timer);
    timers_cancel(engine->server->timers, &query->last_look);
    if (query->riding != NULL)
        get_off(query);
    else if (!query->sent)
        matching_remove_query(engine->matching, &query->queue, query);
    HASH_DELETE(by_id, engine->queries, query);
}

/* Nobody will answer it, but somebody may when it is asked again. */
static void give_up(struct query_task *query)
{
    struct call *call = query->call;

    forget_query(query);
    call_answer(call, status_error(GRPC_UNAVAILABLE, "the run has to be loaded again; try again"));
}

static void query_cancelled(struct call *call, enum call_end why)
{
    (void)why;
    forget_query(call->waiter);
}

/* ---- direct ---- */

static void send_direct(struct query_task *query, struct run *run);

static void add_to_queue(struct query_task *query, struct run *run, bool sticky)
{
    struct engine *engine = query->engine;
    struct task task = {
        .kind = TASK_QUERY,
        .priority = run->state->priority == NULL ? 0 : run->state->priority->priority_key,
        .run = query->run,
        .created = clock_now(engine->server->clock),
        .query = query,
    };

    struct task_binding binding = run_binding(run, sticky);

    binding.use_ramping = false;
    query->on_sticky = sticky;
    query->sticky_queue = sticky ? arena_strdup(query->call->arena, run->state->sticky_queue) : NULL;
    query->queue = queue_of(query, run);
    query->queue.name = arena_strdup(query->call->arena, query->queue.name);
    if (!matching_add(engine->matching, &query->queue, &binding, &task) && sticky)
        add_to_queue(query, run, false);
}

/* Nobody took it at the sticky queue: that worker is gone, for the query and for the run. */
static void sticky_expired(struct timer *timer, void *context)
{
    struct query_task *query = context;
    struct run *run;

    (void)timer;
    if (query->sent)
        return;
    matching_remove_query(query->engine->matching, &query->queue, query);
    if (!status_is_ok(engine_load(query->engine, query->run, &run))) {
        give_up(query);
        return;
    }
    workflow_task_forget_sticky(run->state);
    add_to_queue(query, run, false);
}

static void send_direct(struct query_task *query, struct run *run)
{
    bool sticky = run->state->sticky_queue != NULL;
    nanos patience = run->state->sticky_timeout;

    add_to_queue(query, run, sticky);
    if (query->on_sticky && !query->sent)
        timers_set(query->engine->server->timers, &query->timer,
                   nanos_add(clock_now(query->engine->server->clock), patience), sticky_expired, query);
}

void query_give_back(struct engine *engine, struct query_task *query)
{
    struct run *run;

    timers_cancel(engine->server->timers, &query->timer);
    if (status_is_ok(engine_load(engine, query->run, &run)))
        add_to_queue(query, run, false);
    else
        give_up(query);
}

static void query_undelivered(struct call *poll_call)
{
    struct engine *engine = poll_call->server->engine;
    const char *id = poll_call->delivery;
    struct query_task *query;
    struct run *run;

    HASH_FIND(by_id, engine->queries, id, UUID_TEXT_BYTES - 1, query);
    if (query == NULL || !query->sent || query->riding != NULL)
        return;
    query->sent = false;
    if (status_is_ok(engine_load(engine, query->run, &run)))
        add_to_queue(query, run, false);
    else
        give_up(query);
}

bool query_task_start(struct engine *engine, struct query_task *query, struct poll *poll)
{
    struct call *call = poll->call;
    PbPollWorkflowTaskQueueResponse *resp = call->response;
    PbTaskToken token = PbTaskToken_INIT;
    struct run *run;

    query->sent = true; /* it is in no queue any more */
    query->sent_in = engine->turn;
    if (!status_is_ok(engine_load(engine, query->run, &run))) {
        give_up(query);
        return false;
    }
    timers_cancel(engine->server->timers, &query->timer);
    fill_query_task(call, run, resp, query->on_sticky);
    token.query_id = query->id;
    resp->task_token = task_token_encode(call->arena, &token);
    resp->query = pb_copy(call->arena, request_of(query)->query);
    call->delivery = arena_strdup(call->arena, query->id);
    call->on_undelivered = query_undelivered;
    poll_answer(poll);
    return true;
}

/* ---- answers ---- */

static status failed_answer(struct arena *arena, const char *message, const PbFailure *failure)
{
    PbQueryFailedFailure *detail = ARENA_NEW_PB(arena, PbQueryFailedFailure);

    detail->failure = pb_copy(arena, failure);
    return status_detail(arena, GRPC_INVALID_ARGUMENT, detail, "%s", message);
}

static bool is_too_large(const struct engine *engine, const PbPayloads *payloads)
{
    return payloads != NULL &&
           (int64_t)protobuf_c_message_get_packed_size(&payloads->base) > engine->limits->blob_bytes_max;
}

/* Answers a query's call with what a worker said. */
static void answer(struct query_task *query, bool failed, const PbPayloads *result, const char *message,
                   const PbFailure *failure)
{
    struct call *call = query->call;
    PbQueryWorkflowResponse *resp = call->response;
    const struct engine *engine = query->engine;

    forget_query(query);
    if (failed) {
        call_answer(call, failed_answer(call->arena, message, failure));
    } else if (is_too_large(engine, result)) {
        call_answer(call, failed_answer(call->arena, MSG_BLOB_TOO_LARGE, NULL));
    } else {
        resp->query_result = pb_copy(call->arena, result);
        call_answer(call, status_ok());
    }
}

status engine_answer_query(struct call *call, const struct namespace_info *ns,
                           const PbRespondQueryTaskCompletedRequest *req)
{
    const PbTaskToken *token = task_token_of_call(call, &req->task_token);
    struct query_task *query;

    if (token == NULL || token->query_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_UNDECODABLE);
    HASH_FIND(by_id, call->server->engine->queries, token->query_id, strlen(token->query_id), query);
    if (query == NULL || query->riding != NULL)
        return not_found(call->arena, MSG_QUERY_TASK_NOT_FOUND);
    if (ns != NULL && ns != query->ns)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_NAMESPACE);
    answer(query, req->completed_type == QUERY_RESULT_TYPE_FAILED, req->query_result, req->error_message, req->failure);
    return status_ok();
}

/* ---- riding on workflow tasks ---- */

void queries_attach(struct run *run, struct arena *arena, PbPollWorkflowTaskQueueResponse *resp)
{
    size_t count = 0;

    for (const struct query_task *query = run->queries; query != NULL; query = query->next)
        count++;
    if (count == 0)
        return;
    resp->queries = ARENA_NEW_ARRAY(arena, PbPollWorkflowTaskQueueResponseQueriesEntry *, count);
    for (struct query_task *query = run->queries; query != NULL; query = query->next) {
        PbPollWorkflowTaskQueueResponseQueriesEntry *entry =
            ARENA_NEW_PB(arena, PbPollWorkflowTaskQueueResponseQueriesEntry);

        query->sent = true;
        entry->key = arena_strdup(arena, query->id);
        entry->value = pb_copy(arena, request_of(query)->query);
        resp->queries[resp->n_queries++] = entry;
    }
}

void queries_answer(struct run *run, const PbRespondWorkflowTaskCompletedRequest *request)
{
    for (size_t i = 0; i < request->n_query_results; i++) {
        const PbRespondWorkflowTaskCompletedRequestQueryResultsEntry *entry = request->query_results[i];
        const PbWorkflowQueryResult *result = entry->value;
        struct query_task *query;

        HASH_FIND(by_id, run->engine->queries, entry->key, strlen(entry->key), query);
        if (query == NULL || query->riding != run || !query->sent || result == NULL)
            continue; /* nobody waits for it any more */
        answer(query, result->result_type == QUERY_RESULT_TYPE_FAILED, result->answer, result->error_message,
               result->failure);
    }
}

/* Those that were not answered ride on the next task, or, when none is coming, go by themselves. A run that has closed
 * before any task was completed cannot answer: they wait for their deadline, as on the real server. */
void queries_task_ended(struct run *run)
{
    struct query_task *query = run->queries, *next;

    for (; query != NULL; query = next) {
        next = query->next;
        query->sent = false;
        if (mutable_state_has_task(run->state) && mutable_state_is_open(run->state))
            continue;
        if (run->state->last_completed_event_id == 0)
            continue;
        get_off(query);
        send_direct(query, run);
    }
}

void queries_fail(struct run *run)
{
    while (run->queries != NULL)
        give_up(run->queries);
}

void queries_forget_turn(struct engine *engine)
{
    struct query_task *query, *next;

    HASH_ITER (by_id, engine->queries, query, next)
        if (query->riding == NULL && query->sent && query->sent_in == engine->turn)
            give_up(query);
}

/* ---- where no worker is ---- */

/* Whose polls may take the run's queries at its normal queue. */
static struct queue_version version_for_queries(const struct run *run)
{
    return versioning_effective_behavior(run->state) == VERSIONING_BEHAVIOR_PINNED
               ? queue_version_of(versioning_effective_version(run->state))
               : run_target(run).version;
}

static bool has_poller(const struct run *run, nanos span)
{
    struct queue_name queue = run_queue(run);
    struct queue_version version = version_for_queries(run);
    nanos now = clock_now(run->engine->server->clock);
    struct poller_info newest;

    return matching_version_pollers(run->engine->matching, &queue, &version, &newest, 1) > 0 &&
           now - newest.last_access <= span;
}

static void look_for_poller(struct timer *timer, void *context)
{
    struct query_task *query = context;
    struct call *call = query->call;
    struct run *run;

    (void)timer;
    if (query->sent || query->riding != NULL || !status_is_ok(engine_load(query->engine, query->run, &run)) ||
        has_poller(run, NO_POLLER_SPAN))
        return;
    forget_query(query);
    call_answer(call, status_error(GRPC_FAILED_PRECONDITION, MSG_QUERY_NO_POLLER));
}

/* The version that the run is pinned to may be gone for good. */
static status check_is_not_drained(struct call *call, const struct run *run)
{
    struct queue_name queue = run_queue(run);
    const struct server *server = call->server;
    struct queue_version version = version_for_queries(run);

    if (versioning_effective_behavior(run->state) != VERSIONING_BEHAVIOR_PINNED ||
        deployments_version_status(server->deployments, run->ns->id, &version) !=
            WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED ||
        matching_has_recent_poll(server->matching, &queue, server->options->config.poller_history))
        return status_ok();
    return status_errorf(call->arena, GRPC_FAILED_PRECONDITION, MSG_QUERY_DRAINED, version.build_id, version.build_id);
}

/* ---- QueryWorkflow ---- */

static status not_ready(struct arena *arena, const char *text)
{
    return status_detail(arena, GRPC_FAILED_PRECONDITION, ARENA_NEW_PB(arena, PbWorkflowNotReadyFailure), "%s", text);
}

static status busy(struct arena *arena, const char *text)
{
    PbResourceExhaustedFailure *detail = ARENA_NEW_PB(arena, PbResourceExhaustedFailure);

    detail->cause = RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(arena, GRPC_RESOURCE_EXHAUSTED, detail, "%s", text);
}

static bool is_rejected(const struct mutable_state *ms, PbQueryRejectCondition condition)
{
    if (mutable_state_is_open(ms))
        return false;
    if (condition == QUERY_REJECT_CONDITION_NOT_OPEN)
        return true;
    return condition == QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY &&
           ms->status != WORKFLOW_EXECUTION_STATUS_COMPLETED;
}

static status ride(struct call *call, struct run *run)
{
    int32_t riding = 0;
    struct query_task *query, **end = &run->queries;

    for (; *end != NULL; end = &(*end)->next)
        riding++;
    if (riding >= call->server->options->config.buffered_queries_max)
        return busy(call->arena, MSG_QUERY_BUFFER_FULL);
    query = new_query(call, run);
    query->riding = run;
    *end = query;
    return call_park(call, query_cancelled, query);
}

status engine_query(struct call *call, const struct namespace_info *ns, const PbQueryWorkflowRequest *req,
                    PbQueryWorkflowResponse *resp)
{
    const struct mutable_state *ms;
    struct query_task *query;
    struct run *run;
    nanos left = call_time_left(call);

    TRY(engine_find_run(call, ns, req->execution, &run));
    ms = run->state;
    if (is_rejected(ms, req->query_reject_condition)) {
        resp->query_rejected = ARENA_NEW_PB(call->arena, PbQueryRejected);
        resp->query_rejected->status = ms->status;
        return status_ok();
    }
    if (!mutable_state_is_open(ms) && ms->last_completed_event_id == 0)
        return not_ready(call->arena, MSG_QUERY_CLOSED_BEFORE_TASK);
    if (mutable_state_in_backoff(ms) && !mutable_state_has_task(ms) && left != NANOS_MAX &&
        ms->first_task_at > nanos_add(clock_now(call->server->clock), left))
        return not_ready(call->arena, MSG_QUERY_NO_TASK);
    if (mutable_state_has_task(ms) && ms->workflow_task.attempt >= FAILING_ATTEMPT)
        return not_ready(call->arena, MSG_QUERY_TASK_FAILING);
    if (ms->last_completed_event_id == 0 || (mutable_state_is_open(ms) && mutable_state_has_task(ms)))
        return ride(call, run);
    TRY(check_is_not_drained(call, run));
    query = new_query(call, run);
    call->waiter = query;
    if (left != NANOS_MAX)
        timers_set(call->server->timers, &query->last_look,
                   nanos_add(clock_now(call->server->clock), left - LAST_LOOK_BEFORE), look_for_poller, query);
    send_direct(query, run);
    return call_park(call, query_cancelled, query);
}
