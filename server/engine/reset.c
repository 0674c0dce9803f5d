/*
 * ResetWorkflowExecution: what history/reset.c decides, with rows.
 *
 * Nothing is changed before the point is known to be a valid one: the base's log is folded up to there into the state
 * that becomes the new run's. Then, all in one turn: the current run is terminated if it is open, the base's batches
 * are copied as they are stored, and the new run's first transition begins. The log goes by in pages, so that a long
 * one costs time, not memory.
 */
#include <string.h>

#include "base/uuid.h"
#include "persistence/store.h"
#include "server/engine/internal.h"

enum { BATCHES_PER_PAGE = 64 };

/* Reads the stored batches of a run, those from event `from` on. */
struct batches {
    struct store *store;
    int64_t run, from;
    struct arena *arena; /* of the page: a batch is there until the next one is asked for */
    struct event_batch *page;
    int count, at;
};

static void batches_begin(struct batches *b, struct store *store, int64_t run, int64_t from)
{
    *b = (struct batches){
        .store = store, .run = run, .from = from, .arena = arena_new(16 * 1024), .at = BATCHES_PER_PAGE};
}

static void batches_end(struct batches *b)
{
    arena_free(b->arena);
}

/* The next batch; NULL when there is none. */
static status batches_next(struct batches *b, const struct event_batch **ret_batch)
{
    *ret_batch = NULL;
    if (b->at >= b->count) {
        if (b->page != NULL && b->count < BATCHES_PER_PAGE)
            return status_ok();
        arena_reset(b->arena);
        TRY(events_read(b->store, b->arena, b->run, b->from, BATCHES_PER_PAGE, &b->page, &b->count));
        b->at = 0;
        if (b->count == 0)
            return status_ok();
    }
    *ret_batch = &b->page[b->at++];
    b->from = (*ret_batch)->first_event_id + (*ret_batch)->events_count;
    return status_ok();
}

/* ---- the point ---- */

static status data_loss(void)
{
    return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
}

static status fold_batch(struct mutable_state *ms, struct bytes history)
{
    if (mutable_state_apply_batch(ms, history) != INTACT)
        return data_loss(); /* although the run has been loaded */
    ms->history_bytes += (int64_t)history.len;
    return status_ok();
}

static status fold_stored(struct batches *stored, struct mutable_state *ms, int64_t event_id)
{
    const struct event_batch *batch;

    while (ms->next_event_id < event_id) {
        TRY(batches_next(stored, &batch));
        if (batch == NULL)
            return status_ok();
        TRY(fold_batch(ms, batch->history));
    }
    return status_ok();
}

/* Folds what comes before event `event_id`: whole batches, hence maybe more than that. */
static status fold_up_to(const struct run *base, int64_t event_id, struct mutable_state *ms)
{
    struct batches stored;
    status folded;

    batches_begin(&stored, base->engine->server->store, base->id, 1);
    folded = fold_stored(&stored, ms, event_id);
    batches_end(&stored);
    TRY(folded);
    if (ms->next_event_id < event_id && base->unstored.len > 0)
        return fold_batch(ms, (struct bytes){base->unstored.data, base->unstored.len});
    return status_ok();
}

static status check_point(struct arena *arena, const struct mutable_state *ms, int64_t event_id)
{
    if (ms->next_event_id != event_id)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_RESET_NOT_AT_BOUNDARY, (long long)event_id - 1);
    if (!reset_point_is_valid(ms))
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_RESET_NO_TASK, (long long)event_id);
    return status_ok();
}

/* ---- the new run ---- */

static status copy_batches(struct batches *from, int64_t to_run, int64_t event_id)
{
    const struct event_batch *batch;

    for (;;) {
        TRY(batches_next(from, &batch));
        if (batch == NULL || batch->first_event_id >= event_id)
            return status_ok();
        events_append(from->store, to_run, batch);
    }
}

static status copy_log(const struct run *base, const struct run *new_run, int64_t event_id)
{
    struct batches stored;
    status copied;

    batches_begin(&stored, base->engine->server->store, base->id, 1);
    copied = copy_batches(&stored, new_run->id, event_id);
    batches_end(&stored);
    return copied;
}

/* Reapplies what the batches hold. `ret_next_run_id`: the run that continues theirs; NULL when none does. In the turn's
 * arena. */
static status reapply_batches(struct batches *from, struct transition *t, const struct reset_exclusions *exclude,
                              const char **ret_next_run_id)
{
    const struct event_batch *batch;

    *ret_next_run_id = NULL;
    for (;;) {
        const PbHistory *history;
        const PbHistoryEvent *last;

        TRY(batches_next(from, &batch));
        if (batch == NULL)
            return status_ok();
        history = pb_unpack(from->arena, &PbHistory_descriptor, batch->history.data, batch->history.len);
        if (history == NULL || history->n_events == 0)
            return data_loss();
        for (size_t i = 0; i < history->n_events; i++)
            reset_reapply(t, history->events[i], exclude);
        last = history->events[history->n_events - 1];
        if (last->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
            *ret_next_run_id = arena_strdup(
                t->arena, last->workflow_execution_continued_as_new_event_attributes->new_execution_run_id);
    }
}

static status reapply_run(struct engine *engine, int64_t run, int64_t from, struct transition *t,
                          const struct reset_exclusions *exclude, const char **ret_next_run_id)
{
    struct batches stored;
    status reapplied;

    batches_begin(&stored, engine->server->store, run, from);
    reapplied = reapply_batches(&stored, t, exclude, ret_next_run_id);
    batches_end(&stored);
    return reapplied;
}

/* Reapplies what has happened in the base since the point, and in all runs that continue it (as new, not by retry or
 * cron). A chain ends where a run has been deleted. */
static status reapply_chain(struct run *base, int64_t from, struct transition *t,
                            const struct reset_exclusions *exclude)
{
    struct engine *engine = base->engine;
    const char *next_run_id;
    uint8_t uuid[UUID_BYTES];
    struct run_row row;

    TRY(reapply_run(engine, base->id, from, t, exclude, &next_run_id));
    while (next_run_id != NULL && uuid_parse(next_run_id, uuid)) {
        status found = runs_find(engine->server->store, t->arena, base->ns->id, base->state->workflow_id, uuid, &row);

        if (found.code == GRPC_NOT_FOUND)
            break;
        TRY(found);
        TRY(reapply_run(engine, row.id, 1, t, exclude, &next_run_id));
    }
    return status_ok();
}

/* ---- all of it ---- */

/* The base remembers what it was reset to: a child of it that ends later is to be told there. */
static void note_new_run(struct run *base, const char *new_run_id, bool ends_base)
{
    struct transition t;

    run_begin(base, &t);
    reset_note_new_run(&t, new_run_id);
    if (!ends_base) /* its end stores it */
        run_commit(base, &t);
}

static PbWorkflowExecutionOptions *options_given(struct arena *arena,
                                                 const PbPostResetOperationUpdateWorkflowOptions *operation)
{
    return operation->workflow_execution_options != NULL ? operation->workflow_execution_options
                                                         : ARENA_NEW_PB(arena, PbWorkflowExecutionOptions);
}

/* Changes the options of the new run as the request asks for. They have been checked. */
static status apply_operations(const PbResetWorkflowExecutionRequest *req, struct transition *t)
{
    for (size_t i = 0; i < req->n_post_reset_operations; i++) {
        const PbPostResetOperationUpdateWorkflowOptions *operation =
            req->post_reset_operations[i]->update_workflow_options;
        PbWorkflowExecutionOptions *options;
        bool is_changed;

        TRY(options_merge(t->ms, t->arena, options_given(t->arena, operation), operation->update_mask, &options,
                          &is_changed));
        if (is_changed)
            run_apply_options(t, options, "");
    }
    return status_ok();
}

struct reset {
    const PbResetWorkflowExecutionRequest *req;
    struct run *base, *current; /* current: NULL when it has been deleted */
    int64_t event_id;
    const char *reason;
    struct reset_exclusions exclude;
};

/* From here on an error means that the database cannot be read, and leaves half of a reset behind. */
static status carry_out(const struct reset *reset, struct run *new_run)
{
    struct run *base = reset->base, *current = reset->current;
    bool ends_base = current == base && mutable_state_is_open(base->state);
    int64_t end = base->state->next_event_id, from = reset->event_id;
    struct transition t;

    note_new_run(base, new_run->run_id_text, ends_base);
    if (current != NULL && mutable_state_is_open(current->state))
        run_terminate(current, reset->reason, NULL, RESETTER);
    TRY(copy_log(base, new_run, reset->event_id));
    run_begin(new_run, &t);
    reset_begin(&t, base->run_id_text, reset->reason);
    /* When everything is left out, the real server still looks at what has waited for the base's workflow task to end.
     */
    if (reset->exclude.everything)
        from = end;
    if (!reset->exclude.everything || ends_base)
        TRY(reapply_chain(base, from, &t, &reset->exclude));
    TRY(apply_operations(reset->req, &t));
    reset_finish(&t);
    run_commit(new_run, &t);
    return status_ok();
}

static const char *operation_problem(const PbPostResetOperation *operation)
{
    switch ((int)operation->variant_case) {
    case PbPostResetOperation_signal_workflow_case:
        return "*workflow.PostResetOperation_SignalWorkflow_";
    case PbPostResetOperation_update_workflow_options_case:
        return NULL;
    default:
        return "<nil>";
    }
}

static status check_operations(struct arena *arena, const struct run *base, const PbResetWorkflowExecutionRequest *req)
{
    PbWorkflowExecutionOptions *given, *unused;
    bool is_changed;

    for (size_t i = 0; i < req->n_post_reset_operations; i++) {
        const PbPostResetOperation *operation = req->post_reset_operations[i];
        const char *problem = operation_problem(operation);

        if (problem != NULL)
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_RESET_OPERATION, problem);
        given = options_given(arena, operation->update_workflow_options);
        TRY(engine_check_override(base->engine, arena, base->ns, base->state->task_queue, given->versioning_override));
        TRY(options_merge(base->state, arena, given, operation->update_workflow_options->update_mask, &unused,
                          &is_changed));
    }
    return status_ok();
}

status engine_reset(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                    const PbResetWorkflowExecutionRequest *req, PbResetWorkflowExecutionResponse *resp)
{
    struct reset reset = {
        .req = req,
        .event_id = req->workflow_task_finish_event_id,
        .reason = req->reason,
        .exclude = reset_exclusions(req),
    };
    struct mutable_state *state;
    struct run *new_run;
    uint8_t uuid[UUID_BYTES];
    status result;

    TRY(engine_look_up_run(engine, arena, ns, req->workflow_execution, &reset.base));
    if (reset.event_id <= 1 || reset.event_id >= reset.base->state->next_event_id)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_RESET_OUT_OF_RANGE);
    TRY(check_operations(arena, reset.base, req));
    TRY(engine_load_current(engine, ns, reset.base->state->workflow_id, &reset.current));
    if (reset.current != NULL && strcmp(reset.current->start_request_id, req->request_id) == 0) {
        resp->run_id = arena_strdup(arena, reset.current->run_id_text); /* the same request again, it seems */
        return status_ok();
    }
    state = mutable_state_new();
    result = fold_up_to(reset.base, reset.event_id, state);
    if (status_is_ok(result))
        result = check_point(arena, state, reset.event_id);
    if (!status_is_ok(result)) {
        mutable_state_free(state);
        return result;
    }
    rand_uuid7(engine->server->rand, clock_now(engine->server->clock), uuid);
    state->transitions = 1; /* those that have made the log so far were the base's */
    new_run = engine_adopt_run(engine, ns, state, uuid, reset.base->start_request_id);
    resp->run_id = arena_strdup(arena, new_run->run_id_text);
    result = carry_out(&reset, new_run);
    if (!status_is_ok(result)) {
        store_poison(engine->server->store); /* the turn will be undone, and this error is what the client hears */
        return result;
    }
    for (size_t i = 0; i < req->n_post_reset_operations; i++)
        engine_override_acts(
            engine, ns,
            options_given(arena, req->post_reset_operations[i]->update_workflow_options)->versioning_override);
    return status_ok();
}
