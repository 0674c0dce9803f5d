/*
 * Coming back: after a start, when every open run of the database has to be brought to what it waits for; and after a
 * failed commit, when the runs that the turn touched have to be read again.
 */
#include "base/log.h"
#include "base/memory.h"
#include "persistence/store.h"
#include "server/engine/internal.h"

/* Recovery takes at most so many runs per turn, so that calls are answered in between. */
enum { RECOVERED_PER_TURN = 256 };

/* After a failure that comes at once behind another one it is waited before the next try, longer each time: a disk that
 * is full stays so for a while, and what is due would be tried, and logged, in every turn. */
#define PATIENCE_FIRST (NANOS_PER_SECOND / 100)
#define PATIENCE_MOST  seconds(1)

struct forgotten {
    int64_t id;
    struct forgotten *next;
};

/* Loads a run and hands to matching what it waits for. False: it cannot be read for now. `ret_run`: NULL when it is not
 * open. */
static bool revive(struct engine *engine, int64_t id, struct run **ret_run)
{
    struct activity *activity, *next;
    struct run *run;
    status loaded = engine_load(engine, id, &run);

    *ret_run = NULL;
    if (!status_is_ok(loaded) || !mutable_state_is_open(run->state))
        return loaded.code != GRPC_UNAVAILABLE;
    *ret_run = run;
    run_dispatch_task(run, true);
    HASH_ITER (by_event, run->state->activities, activity, next)
        if (activity->state == ACTIVITY_SCHEDULED && activity->dispatched)
            run_dispatch_activity(run, activity);
    return true;
}

/* ---- after a failure ---- */

static void bring_back(struct timer *timer, void *context);

static void set_bring_back(struct engine *engine)
{
    uint64_t commits = store_counts(engine->server->store).commits;

    if (engine->forgotten == NULL || timer_is_set(&engine->bring_back))
        return;
    if (engine->commits_at_failure != commits)
        engine->patience = 0;
    else if (engine->patience == 0)
        engine->patience = PATIENCE_FIRST;
    else if (engine->patience < PATIENCE_MOST)
        engine->patience *= 2;
    engine->commits_at_failure = commits;
    timers_set(engine->server->timers, &engine->bring_back,
               nanos_add(clock_now(engine->server->clock), engine->patience), bring_back, engine);
}

void engine_bring_back(struct engine *engine, int64_t id)
{
    struct forgotten *forgotten = memory_new(sizeof(*forgotten));

    forgotten->id = id;
    forgotten->next = engine->forgotten;
    engine->forgotten = forgotten;
    set_bring_back(engine);
}

static void bring_back(struct timer *timer, void *context)
{
    struct engine *engine = context;

    (void)timer;
    for (int i = 0; i < RECOVERED_PER_TURN && engine->forgotten != NULL; i++) {
        struct forgotten *forgotten = engine->forgotten;
        struct run *run;

        if (!revive(engine, forgotten->id, &run)) {
            set_bring_back(engine);
            return;
        }
        engine->forgotten = forgotten->next;
        memory_free(forgotten);
    }
    if (engine->forgotten != NULL)
        timers_set(engine->server->timers, timer, clock_now(engine->server->clock), bring_back, engine);
}

bool engine_load_for_task(struct engine *engine, int64_t id, struct run **ret_run)
{
    status loaded = engine_load(engine, id, ret_run);

    if (loaded.code == GRPC_UNAVAILABLE)
        engine_bring_back(engine, id);
    return status_is_ok(loaded);
}

void engine_forget_turn(struct engine *engine)
{
    others_forget(engine);
    queries_forget_turn(engine);
    pins_forget_turn(engine);
    engine->to_dispatch = engine->to_delete = NULL; /* all of them are touched */
    while (engine->touched != NULL) {
        struct run *run = engine->touched;

        engine->touched = run->next_touched;
        engine_bring_back(engine, run->id);
        readers_fail(run);
        queries_fail(run);
        updates_fail(run);
        run_drop(run);
    }
}

void recovery_free(struct engine *engine)
{
    timers_cancel(engine->server->timers, &engine->recovery);
    timers_cancel(engine->server->timers, &engine->bring_back);
    while (engine->forgotten != NULL) {
        struct forgotten *next = engine->forgotten->next;

        memory_free(engine->forgotten);
        engine->forgotten = next;
    }
}

/* ---- after a start ---- */

static void recover_some(struct timer *timer, void *context)
{
    struct engine *engine = context;
    nanos now = clock_now(engine->server->clock);
    int64_t ids[RECOVERED_PER_TURN];
    int count = 0;
    status listed = runs_list_open(engine->server->store, engine->recovered_up_to, RECOVERED_PER_TURN, ids, &count);

    if (!status_is_ok(listed)) {
        log_error("open runs cannot be listed", "error", listed.message == NULL ? "" : listed.message);
        timers_set(engine->server->timers, timer, nanos_add(now, PATIENCE_MOST), recover_some, engine);
        return;
    }
    for (int i = 0; i < count; i++) {
        struct run *run;

        if (!revive(engine, ids[i], &run)) { /* the rest, and this one, in a while: each has to be met once */
            timers_set(engine->server->timers, timer, nanos_add(now, PATIENCE_MOST), recover_some, engine);
            return;
        }
        engine->recovered_up_to = ids[i];
        if (run != NULL)
            pins_recovered(run);
    }
    if (count == RECOVERED_PER_TURN) {
        timers_set(engine->server->timers, timer, now, recover_some, engine);
    } else {
        engine->recovered_up_to = INT64_MAX;
        deployments_counting_done(engine->server->deployments);
    }
}

void engine_recover(struct engine *engine)
{
    recover_some(&engine->recovery, engine);
    deletion_begin(engine);
}
