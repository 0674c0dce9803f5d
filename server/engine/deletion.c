/*
 * Deleting runs: at a client's word, and when they have been closed for as long as their namespace keeps them.
 *
 * A run goes at the end of a turn, behind the errands that its end sends to others, and before the COMMIT that the
 * answer waits for. What still refers to it (a task in a queue, a token) names a row that is gone, and is void.
 */
#include "base/log.h"
#include "server/engine/internal.h"
#include "server/server.h"

/* How often it is looked for runs whose time is over, and how many of them one turn deletes. */
#define RETENTION_INTERVAL seconds(30)
enum { RETIRED_PER_TURN = 64 };

void run_delete_at_turn_end(struct run *run)
{
    if (run->is_to_delete)
        return;
    run_touch(run);
    run->is_to_delete = true;
    run->next_to_delete = run->engine->to_delete;
    run->engine->to_delete = run;
}

void deletion_carry_out(struct engine *engine)
{
    while (engine->to_delete != NULL) {
        struct run *run = engine->to_delete;

        engine->to_delete = run->next_to_delete;
        queries_fail(run);
        runs_delete(engine->server->store, run->id);
    }
}

status engine_delete_workflow(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                              const PbDeleteWorkflowExecutionRequest *req)
{
    struct run *run;

    TRY(engine_look_up_run(engine, arena, ns, req->workflow_execution, &run));
    if (mutable_state_is_open(run->state))
        run_terminate(run, "Delete workflow execution", NULL, "history-service");
    run_delete_at_turn_end(run);
    return status_ok();
}

/* ---- retention ---- */

/* Deletes runs of a namespace whose time is over, at most `most`; returns how many. */
static int retire_some(struct engine *engine, const struct namespace_info *ns, int most)
{
    int64_t ids[RETIRED_PER_TURN];
    nanos closed_before = nanos_add(clock_now(engine->server->clock), -ns->retention);
    status listed;
    int count = 0;

    if (ns->retention <= 0)
        return 0; /* kept for good */
    listed = runs_list_closed_before(engine->server->store, ns->id, closed_before, most, ids, &count);
    if (!status_is_ok(listed)) {
        log_error("runs to be deleted cannot be listed", "namespace", ns->name, "error",
                  listed.message == NULL ? "" : listed.message);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        struct run *run = engine_find_loaded(engine, ids[i]);

        if (run != NULL)
            run_delete_at_turn_end(run);
        else
            runs_delete(engine->server->store, ids[i]);
    }
    return count;
}

static void retire(struct timer *timer, void *context)
{
    struct engine *engine = context;
    const struct namespaces *namespaces = engine->server->namespaces;
    nanos now = clock_now(engine->server->clock);
    int left = RETIRED_PER_TURN;

    for (int place = 0; place < namespaces_count(namespaces) && left > 0; place++)
        left -= retire_some(engine, namespaces_at(namespaces, place), left);
    timers_set(engine->server->timers, timer, left > 0 ? nanos_add(now, RETENTION_INTERVAL) : now, retire, engine);
}

void deletion_begin(struct engine *engine)
{
    timers_set(engine->server->timers, &engine->retention, clock_now(engine->server->clock), retire, engine);
}
