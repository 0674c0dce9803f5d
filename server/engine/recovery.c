/*
 * Coming back: after a start, when every open run of the database has to be brought to what it waits for; and after a
 * failed commit, when the runs that the turn touched have to be read again.
 */
#include "base/log.h"
#include "base/memory.h"
#include "server/engine/internal.h"

/* Recovery takes at most so many runs per turn, so that calls are answered in between. */
enum { RECOVERED_PER_TURN = 256 };

struct forgotten {
    int64_t id;
    struct forgotten *next;
};

/* ---- after a failed commit ---- */

static void bring_back(void *context)
{
    struct engine *engine = context;

    while (engine->forgotten != NULL) {
        struct forgotten *forgotten = engine->forgotten;
        struct run *run;

        engine->forgotten = forgotten->next;
        if (status_is_ok(engine_load(engine, forgotten->id, &run)) && mutable_state_is_open(run->state)) {
            struct activity *activity, *next;

            run_dispatch_task(run, true);
            HASH_ITER (by_event, run->state->activities, activity, next)
                if (activity->state == ACTIVITY_SCHEDULED && activity->dispatched)
                    run_dispatch_activity(run, activity);
        }
        memory_free(forgotten);
    }
}

void engine_forget_turn(struct engine *engine)
{
    others_forget(engine);
    engine->to_dispatch = engine->to_delete = NULL; /* all of them are touched */
    while (engine->touched != NULL) {
        struct run *run = engine->touched;
        struct forgotten *forgotten = memory_new(sizeof(*forgotten));

        engine->touched = run->next_touched;
        forgotten->id = run->id;
        forgotten->next = engine->forgotten;
        engine->forgotten = forgotten;
        readers_fail(run);
        queries_fail(run);
        updates_fail(run);
        run_drop(run);
    }
    if (engine->forgotten != NULL)
        turn_defer(engine->server->turn, bring_back, engine);
}

void recovery_free(struct engine *engine)
{
    while (engine->forgotten != NULL) {
        struct forgotten *next = engine->forgotten->next;

        memory_free(engine->forgotten);
        engine->forgotten = next;
    }
}

/* ---- after a start ---- */

static void recover_run(struct engine *engine, int64_t id)
{
    struct activity *activity, *next;
    struct run *run;

    if (!status_is_ok(engine_load(engine, id, &run)) || !mutable_state_is_open(run->state))
        return;
    run_dispatch_task(run, true);
    HASH_ITER (by_event, run->state->activities, activity, next)
        if (activity->state == ACTIVITY_SCHEDULED && activity->dispatched)
            run_dispatch_activity(run, activity);
}

static void recover_some(struct timer *timer, void *context)
{
    struct engine *engine = context;
    int64_t ids[RECOVERED_PER_TURN];
    int count = 0;
    status listed = runs_list_open(engine->server->store, engine->recovered_up_to, RECOVERED_PER_TURN, ids, &count);

    if (!status_is_ok(listed))
        log_error("open runs cannot be listed", "error", listed.message == NULL ? "" : listed.message);
    for (int i = 0; i < count; i++)
        recover_run(engine, ids[i]);
    if (count == RECOVERED_PER_TURN) {
        engine->recovered_up_to = ids[count - 1];
        timers_set(engine->server->timers, timer, clock_now(engine->server->clock), recover_some, engine);
    }
}

void engine_recover(struct engine *engine)
{
    recover_some(&engine->recovery, engine);
    deletion_begin(engine);
}
