/* Where a run can be reset to, for those who do not know its history: at its first or last workflow task, or before the
 * first one that a build has completed. */
#include <string.h>

#include "server/engine/internal.h"
#include "server/server.h"

enum { BATCHES_PER_PAGE = 64 };

/* What has been met of a history that is read in one direction. */
struct tasks_met {
    int64_t completed; /* the first WorkflowTaskCompleted; 0: none */
    int64_t scheduled; /* the earliest WorkflowTaskScheduled */
};

static void meet(struct tasks_met *met, const PbHistoryEvent *event)
{
    if (event->event_type == EVENT_TYPE_WORKFLOW_TASK_COMPLETED && met->completed == 0)
        met->completed = event->event_id;
    if (event->event_type == EVENT_TYPE_WORKFLOW_TASK_SCHEDULED &&
        (met->scheduled == 0 || event->event_id < met->scheduled))
        met->scheduled = event->event_id;
}

static status meet_batch(struct arena *arena, const struct event_batch *batch, bool backward, struct tasks_met *met)
{
    const PbHistory *history = pb_unpack(arena, &PbHistory_descriptor, batch->history.data, batch->history.len);

    if (history == NULL)
        return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
    for (size_t i = 0; i < history->n_events && met->completed == 0; i++)
        meet(met, history->events[backward ? history->n_events - 1 - i : i]);
    return status_ok();
}

/* Reads until a completed task has been met, or all. */
static status search(const struct run *run, struct arena *arena, bool backward, struct tasks_met *met)
{
    struct store *store = run->engine->server->store;
    int64_t from = backward ? run->state->next_event_id - 1 : 1;
    int count = BATCHES_PER_PAGE;

    while (count == BATCHES_PER_PAGE && met->completed == 0 && from > 0) {
        struct event_batch *page;

        arena_reset(arena);
        if (backward)
            TRY(events_read_back(store, arena, run->id, from, BATCHES_PER_PAGE, &page, &count));
        else
            TRY(events_read(store, arena, run->id, from, BATCHES_PER_PAGE, &page, &count));
        for (int i = 0; i < count && met->completed == 0; i++) {
            TRY(meet_batch(arena, &page[i], backward, met));
            from = backward ? page[i].first_event_id - 1 : page[i].first_event_id + page[i].events_count;
        }
    }
    return status_ok();
}

status engine_reset_event(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                          const PbWorkflowExecution *execution, bool last, int64_t *ret_event_id)
{
    struct arena *scratch;
    struct tasks_met met = {0};
    status searched;
    struct run *run;

    TRY(engine_look_up_run(engine, arena, ns, execution, &run));
    scratch = arena_new(16 * 1024);
    searched = search(run, scratch, last, &met);
    arena_free(scratch);
    TRY(searched);
    if (met.completed == 0 && met.scheduled == 0)
        return status_error(GRPC_FAILED_PRECONDITION, MSG_RESET_NO_TASKS);
    *ret_event_id = met.completed != 0 ? met.completed : met.scheduled + 1;
    return status_ok();
}

status engine_reset_event_of_build(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                                   const char *build_id, bool current_run_only, PbWorkflowExecution *execution,
                                   int64_t *ret_event_id)
{
    const PbResetPoints *points;
    struct run *run;

    TRY(engine_look_up_run(engine, arena, ns, execution, &run));
    points = mutable_state_reset_points(run->state, arena, run->run_id_text);
    for (size_t i = 0; i < points->n_points; i++) {
        const PbResetPointInfo *point = points->points[i];

        if (strcmp(point->build_id, build_id) != 0)
            continue;
        if (!point->resettable)
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_RESET_POINT_NOT_RESETTABLE, build_id);
        if (point->expire_time != NULL && time_from_pb(point->expire_time) < clock_now(engine->server->clock))
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_RESET_POINT_EXPIRED, build_id);
        if (current_run_only && strcmp(execution->run_id, point->run_id) != 0)
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_RESET_POINT_OTHER_RUN, build_id);
        execution->run_id = point->run_id;
        *ret_event_id = point->first_workflow_task_completed_id;
        return status_ok();
    }
    return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_RESET_POINT_NOT_FOUND, build_id);
}
