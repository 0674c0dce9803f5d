/*
 * In memory is what runs: a batch's row, its request, the next few executions and its pace. It begins anew from the row
 * after a start and after a turn that could not be committed.
 *
 * Those that have something to do wait in line; each turn takes one step of the first, which then goes to the end.
 */
#include "server/services/batch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "persistence/batches.h"
#include "persistence/store.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/messages.h"
#include "server/loop/loop.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/batch_operations.h"
#include "server/services/batch_pace.h"
#include "server/services/batch_targets.h"
#include "server/services/namespaces.h"
#include "server/turn.h"

/* Attempts at an execution that cannot be dealt with just now, as many as the real server makes; and their distance. */
enum { ATTEMPTS_MAX = 51 };
#define ATTEMPT_INTERVAL milliseconds(20)

/* When the database cannot be read. */
#define RETRY_INTERVAL milliseconds(100)

#define RETENTION_INTERVAL seconds(30)

enum { IDENTITY_BYTES = 128 };

struct batch {
    struct batches *owner;
    struct batch *next; /* of all */
    struct arena *arena;
    struct batch_row row;
    const PbStartBatchOperationRequest *request;
    const struct batch_operation *operation;
    const struct namespace_info *ns;

    struct batch_pace pace;
    struct timer timer; /* set: it waits for its pace, or for better times */
    struct batch_targets *targets;
    int attempts; /* at the next execution */
};

struct batches {
    struct server *server;
    struct batch *first, **end;
    struct work work;
    bool is_scheduled;
    struct timer reload, retention;
    char identity[IDENTITY_BYTES];
};

/* ---- the set ---- */

/* As SDKs call themselves. */
static void make_identity(struct batches *batches)
{
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    snprintf(batches->identity, sizeof(batches->identity), "%ld@%s@", (long)getpid(), host);
}

struct batches *batches_new(struct server *server)
{
    struct batches *batches = memory_new(sizeof(*batches));

    batches->server = server;
    batches->end = &batches->first;
    make_identity(batches);
    return batches;
}

static void append(struct batches *batches, struct batch *batch)
{
    batch->next = NULL;
    *batches->end = batch;
    batches->end = &batch->next;
}

static void unlink_batch(struct batches *batches, const struct batch *batch)
{
    struct batch **place = &batches->first;

    while (*place != batch)
        place = &(*place)->next;
    *place = batch->next;
    if (batches->end == &batch->next)
        batches->end = place;
}

static void free_batch(void *context)
{
    struct batch *batch = context;

    batch_targets_free(batch->targets);
    arena_free(batch->arena);
    memory_free(batch);
}

/* Takes a batch out. What this turn has stored may point into its request, hence it is freed behind the COMMIT. */
static void drop(struct batch *batch)
{
    struct batches *batches = batch->owner;

    timers_cancel(loop_timers(batches->server->loop), &batch->timer);
    unlink_batch(batches, batch);
    turn_defer(batches->server->turn, free_batch, batch);
}

void batches_free(struct batches *batches)
{
    if (batches == NULL)
        return;
    while (batches->first != NULL) {
        struct batch *batch = batches->first;

        timers_cancel(loop_timers(batches->server->loop), &batch->timer);
        unlink_batch(batches, batch);
        free_batch(batch);
    }
    timers_cancel(loop_timers(batches->server->loop), &batches->reload);
    timers_cancel(batches->server->timers, &batches->retention);
    loop_unpost(batches->server->loop, &batches->work);
    memory_free(batches);
}

/* ---- who is next ---- */

static void run_step(struct work *work);

static void post(void *context)
{
    struct batches *batches = context;

    batches->is_scheduled = false;
    loop_post(batches->server->loop, &batches->work, run_step);
}

/* In the next turn. */
static void schedule(struct batches *batches)
{
    if (batches->is_scheduled)
        return;
    batches->is_scheduled = true;
    turn_defer(batches->server->turn, post, batches);
}

static void wake(struct timer *timer, void *context)
{
    (void)timer;
    schedule(context);
}

static void wait_until(struct batch *batch, nanos due)
{
    timers_set(loop_timers(batch->owner->server->loop), &batch->timer, due, wake, batch->owner);
}

static void wait_for(struct batch *batch, nanos span)
{
    wait_until(batch, nanos_add(loop_now(batch->owner->server->loop), span));
}

/* ---- the end ---- */

static void finish(struct batch *batch, PbBatchOperationState state)
{
    struct server *server = batch->owner->server;

    batch->row.state = state;
    batch->row.close_time = clock_now(server->clock);
    if (state == BATCH_OPERATION_STATE_COMPLETED)
        batch->row.total = batch->row.completed + batch->row.failed;
    batches_update(server->store, &batch->row);
    drop(batch);
}

/* The batch cannot go on: for now, or at all. */
static void give_way(struct batch *batch, status why)
{
    if (why.code == GRPC_UNAVAILABLE) {
        wait_for(batch, RETRY_INTERVAL);
        return;
    }
    log_warn("batch operation failed", "namespace", batch->ns->name, "job", batch->row.job_id, "error",
             why.message == NULL ? "" : why.message);
    finish(batch, BATCH_OPERATION_STATE_FAILED);
}

/* ---- one execution ---- */

enum outcome { DONE, FAILED, TRY_AGAIN };

/* One that is not there, or not open any more, counts as dealt with. */
static enum outcome judge(struct batch *batch, const PbWorkflowExecution *execution, status result)
{
    if (status_is_ok(result) || result.code == GRPC_NOT_FOUND)
        return DONE;
    if (result.code == GRPC_UNAVAILABLE)
        return TRY_AGAIN; /* the database: no attempt of the execution's */
    if (result.code == GRPC_RESOURCE_EXHAUSTED && ++batch->attempts < ATTEMPTS_MAX)
        return TRY_AGAIN;
    log_info("batch operation failed for a workflow", "namespace", batch->ns->name, "job", batch->row.job_id,
             "workflow_id", execution->workflow_id, "run_id", execution->run_id, "error",
             result.message == NULL ? "" : result.message);
    return FAILED;
}

static enum outcome deal_with(struct batch *batch, const PbWorkflowExecution *named)
{
    struct server *server = batch->owner->server;
    struct batch_context context = {
        .engine = server->engine,
        .check = {.arena = turn_arena(server->turn),
                  .config = &server->options->config,
                  .ns = batch->ns,
                  .rand = server->rand,
                  .now = clock_now(server->clock)},
        .identity = batch->owner->identity,
        .request = batch->request,
    };
    PbWorkflowExecution *execution = ARENA_NEW_PB(context.check.arena, PbWorkflowExecution);
    status result;

    *execution = *named;
    result = check_execution(execution);
    if (status_is_ok(result))
        result = batch->operation->carry_out(&context, execution);
    return judge(batch, named, result);
}

/* Deals with an execution. False: it has to wait. */
static bool deal_with_target(struct batch *batch, const struct batch_target *target)
{
    switch (deal_with(batch, &target->execution)) {
    case TRY_AGAIN:
        wait_for(batch, batch->attempts > 0 ? ATTEMPT_INTERVAL : RETRY_INTERVAL);
        return false;
    case DONE:
        batch->row.completed++;
        break;
    case FAILED:
        batch->row.failed++;
        break;
    }
    batch->row.at = target->at;
    batch->attempts = 0;
    return true;
}

/* As many as may be done in a turn, and as the pace allows. */
static void deal_with_some(struct batch *batch)
{
    nanos now = loop_now(batch->owner->server->loop);
    int most = batch->operation->per_turn, count = 0;
    const struct batch_target *target;

    while (count < most && (target = batch_targets_next(batch->targets)) != NULL) {
        if (!batch_pace_take(&batch->pace, now)) {
            wait_until(batch, batch_pace_next(&batch->pace, now));
            break;
        }
        if (!deal_with_target(batch, target))
            break;
        batch_targets_pass(batch->targets);
        count++;
    }
    if (count > 0)
        batches_update(batch->owner->server->store, &batch->row); /* BA1 */
}

/* ---- steps ---- */

static status count_on(struct batch *batch)
{
    bool is_done;

    TRY(batch_targets_count(batch->targets, &is_done, &batch->row.total));
    if (is_done)
        batches_update(batch->owner->server->store, &batch->row);
    return status_ok();
}

static void step(struct batch *batch)
{
    status result = batch->row.total < 0 ? count_on(batch) : batch_targets_find(batch->targets);

    if (!status_is_ok(result)) {
        give_way(batch, result);
        return;
    }
    deal_with_some(batch);
    if (batch_targets_are_over(batch->targets))
        finish(batch, BATCH_OPERATION_STATE_COMPLETED);
}

static struct batch *find_ready(struct batches *batches)
{
    struct batch *batch = batches->first;

    while (batch != NULL && timer_is_set(&batch->timer))
        batch = batch->next;
    return batch;
}

static void run_step(struct work *work)
{
    struct batches *batches = (struct batches *)(void *)((char *)work - offsetof(struct batches, work));
    struct batch *batch = find_ready(batches);

    if (batch == NULL)
        return;
    unlink_batch(batches, batch);
    append(batches, batch);
    step(batch);
    if (find_ready(batches) != NULL)
        schedule(batches);
}

/* ---- beginning ---- */

/* Makes a batch of a row, all of which is copied. NULL: its request cannot be read, or is for an operation that is not
 * there. */
static struct batch *make_batch(struct batches *batches, const struct batch_row *row)
{
    struct server *server = batches->server;
    struct batch *batch = memory_new(sizeof(*batch));

    batch->owner = batches;
    batch->arena = arena_new(1024);
    batch->row = *row;
    batch->row.job_id = arena_strdup(batch->arena, row->job_id);
    batch->row.request = (struct bytes){NULL, 0};
    batch->ns = namespaces_find_by_id(server->namespaces, row->namespace_id);
    batch->request =
        pb_unpack(batch->arena, &PbStartBatchOperationRequest_descriptor, row->request.data, row->request.len);
    batch->operation = batch->request == NULL ? NULL : batch_operation_find(batch->request);
    if (batch->ns == NULL || batch->operation == NULL || batch->operation->carry_out == NULL) {
        free_batch(batch);
        return NULL;
    }
    batch->targets = batch_targets_new(server, batch->ns, batch->request, row->at);
    batch->pace = batch_pace_begin((double)batch->request->max_operations_per_second,
                                   server->options->config.batch_operations_per_second, loop_now(server->loop));
    append(batches, batch);
    return batch;
}

static void fail_unreadable(struct batches *batches, struct batch_row *row)
{
    log_error("batch operation cannot be read", "job", row->job_id);
    row->state = BATCH_OPERATION_STATE_FAILED;
    row->close_time = clock_now(batches->server->clock);
    batches_update(batches->server->store, row);
}

static struct batch *find_loaded(const struct batches *batches, int64_t id)
{
    struct batch *batch = batches->first;

    while (batch != NULL && batch->row.id != id)
        batch = batch->next;
    return batch;
}

static status load_running(struct batches *batches, struct arena *scratch)
{
    int64_t after = 0;

    for (;;) {
        struct batch_row row;
        status found;

        arena_reset(scratch);
        found = batches_next_running(batches->server->store, scratch, after, &row);
        if (found.code == GRPC_NOT_FOUND)
            return status_ok();
        TRY(found);
        after = row.id;
        if (find_loaded(batches, row.id) == NULL && make_batch(batches, &row) == NULL)
            fail_unreadable(batches, &row);
    }
}

static void forget_all(struct batches *batches)
{
    while (batches->first != NULL)
        drop(batches->first);
}

static void reload(struct timer *timer, void *context)
{
    struct batches *batches = context;
    struct arena *scratch = arena_new(4096);
    status loaded = load_running(batches, scratch);

    if (!status_is_ok(loaded)) {
        log_error("running batch operations cannot be read", "error", loaded.message == NULL ? "" : loaded.message);
        forget_all(batches);
        timers_set(loop_timers(batches->server->loop), timer,
                   nanos_add(loop_now(batches->server->loop), RETRY_INTERVAL), reload, batches);
    } else if (batches->first != NULL) {
        schedule(batches);
    }
    arena_free(scratch);
}

void batches_forget_turn(struct batches *batches)
{
    struct server *server;

    if (batches == NULL)
        return;
    server = batches->server;
    forget_all(batches);
    timers_set(loop_timers(server->loop), &batches->reload, nanos_add(loop_now(server->loop), RETRY_INTERVAL), reload,
               batches);
}

/* ---- retention ---- */

static void retire(struct timer *timer, void *context)
{
    struct batches *batches = context;
    const struct namespaces *namespaces = batches->server->namespaces;
    nanos now = clock_now(batches->server->clock);
    bool is_more = false;

    for (int place = 0; place < namespaces_count(namespaces); place++) {
        const struct namespace_info *ns = namespaces_at(namespaces, place);
        bool more = false;
        status retired = ns->retention <= 0
                             ? status_ok()
                             : batches_retire(batches->server->store, ns->id, nanos_add(now, -ns->retention), &more);

        if (!status_is_ok(retired))
            log_error("old batch operations cannot be listed", "namespace", ns->name);
        is_more = is_more || more;
    }
    timers_set(batches->server->timers, timer, is_more ? now : nanos_add(now, RETENTION_INTERVAL), retire, batches);
}

void batches_recover(struct batches *batches)
{
    struct server *server = batches->server;

    timers_set(loop_timers(server->loop), &batches->reload, loop_now(server->loop), reload, batches);
    timers_set(server->timers, &batches->retention, clock_now(server->clock), retire, batches);
}

/* ---- what clients ask for ---- */

static status already_there(struct arena *arena, const struct batch_row *row)
{
    PbWorkflowExecutionAlreadyStartedFailure *detail = ARENA_NEW_PB(arena, PbWorkflowExecutionAlreadyStartedFailure);

    detail->run_id = detail->first_execution_run_id = uuid_text(arena, row->run_id);
    return status_detail(arena, GRPC_ALREADY_EXISTS, detail,
                         row->close_time == 0 ? MSG_ALREADY_RUNNING : MSG_ALREADY_FINISHED, row->job_id,
                         detail->run_id);
}

static status too_many(struct arena *arena)
{
    PbResourceExhaustedFailure *detail = ARENA_NEW_PB(arena, PbResourceExhaustedFailure);

    detail->cause = RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(arena, GRPC_RESOURCE_EXHAUSTED, detail, "%s", MSG_BATCH_TOO_MANY);
}

static status check_place(const struct batches *batches, struct arena *arena, const struct namespace_info *ns,
                          const char *job_id)
{
    const struct server *server = batches->server;
    struct batch_row present;
    int64_t running;
    status found;

    TRY(batches_count_running(server->store, ns->id, &running));
    if (running >= server->options->config.batches_max)
        return too_many(arena);
    if ((int64_t)strlen(job_id) > server->options->config.history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_JOB_ID_TOO_LONG);
    found = batches_find(server->store, arena, ns->id, job_id, &present);
    if (status_is_ok(found))
        return already_there(arena, &present);
    return found.code == GRPC_NOT_FOUND ? status_ok() : found;
}

status batches_start(struct batches *batches, struct arena *arena, const struct namespace_info *ns,
                     const PbStartBatchOperationRequest *request)
{
    struct server *server = batches->server;
    struct batch_row row = {
        .namespace_id = ns->id,
        .job_id = request->job_id,
        .type = (int)batch_operation_find(request)->type,
        .state = BATCH_OPERATION_STATE_RUNNING,
        .start_time = clock_now(server->clock),
        .at = batch_targets_begin(server, request),
        .total = batch_targets_total(request),
        .request = pb_pack(arena, request),
    };

    TRY(check_place(batches, arena, ns, request->job_id));
    rand_uuid7(server->rand, row.start_time, row.run_id);
    batches_insert(server->store, &row);
    if (make_batch(batches, &row) != NULL)
        schedule(batches);
    return status_ok();
}

status batches_stop(struct batches *batches, struct arena *arena, const struct namespace_info *ns, const char *job_id)
{
    struct server *server = batches->server;
    struct batch_row row;
    struct batch *batch;
    status found = batches_find(server->store, arena, ns->id, job_id, &row);

    if (found.code == GRPC_NOT_FOUND)
        return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure), MSG_WORKFLOW_NOT_FOUND,
                             job_id);
    TRY(found);
    if (row.close_time != 0)
        return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure), "%s",
                             MSG_WORKFLOW_COMPLETED);
    batch = find_loaded(batches, row.id);
    row.state = BATCH_OPERATION_STATE_FAILED;
    row.close_time = clock_now(server->clock);
    batches_update(server->store, &row);
    if (batch != NULL)
        drop(batch);
    return status_ok();
}
