/* The engine's life, and its part in the turn. */
#include "server/engine/engine.h"

#include <stdarg.h>

#include "base/memory.h"
#include "persistence/store.h"
#include "server/engine/internal.h"
#include "server/metrics/server_metrics.h"
#include "server/services/deployments.h"
#include "server/services/task_queue_configs.h"

#define SWEEP_INTERVAL seconds(10)

static void sweep(struct timer *timer, void *context)
{
    struct engine *engine = context;

    matching_sweep(engine->matching);
    runs_evict_idle(engine);
    timers_set(engine->server->timers, timer, nanos_add(clock_now(engine->server->clock), SWEEP_INTERVAL), sweep,
               engine);
}

static void observe_matching(void *context, const struct matching_observation *seen)
{
    const struct engine *engine = context;

    metrics_observe_matching(engine->server->metrics, seen);
}

struct engine_counts engine_counts(const struct engine *engine)
{
    return (struct engine_counts){
        .runs_loaded = HASH_CNT(by_row, engine->runs),
        .runs_parked = HASH_CNT(by_row, engine->parked),
        .runs_bytes = engine->loaded_bytes,
        .folds = engine->folds,
    };
}

struct engine *engine_new(struct server *server)
{
    struct engine *engine = memory_new(sizeof(*engine));
    struct matching_ports ports = {
        .engine = engine,
        .start = tasks_start,
        .give_back = tasks_give_back,
        .timers = server->timers,
        .observe = server->metrics == NULL ? NULL : observe_matching,
        .poller_history = server->options->config.poller_history,
    };

    deployment_service_fill_ports(server->deployment_service, &ports);
    task_queue_configs_fill_ports(server->task_queue_configs, &ports);
    engine->server = server;
    engine->commits_at_failure = UINT64_MAX;
    engine->limits = &server->options->config.history;
    engine->matching = server->matching = matching_new(&ports, server->clock);
    engine->last_at_start = store_last_run(server->store);
    timers_set(server->timers, &engine->sweep, nanos_add(clock_now(server->clock), SWEEP_INTERVAL), sweep, engine);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    runs_free(engine);
    timers_cancel(engine->server->timers, &engine->sweep);
    timers_cancel(engine->server->timers, &engine->retention);
    recovery_free(engine);
    matching_free(engine->matching);
    memory_free(engine);
}

status not_found(struct arena *arena, const char *format, ...)
{
    status result = {.code = GRPC_NOT_FOUND, .detail = ARENA_NEW_PB(arena, PbNotFoundFailure)};
    va_list args;

    va_start(args, format);
    result.message = arena_vprintf(arena, format, args);
    va_end(args);
    return result;
}

void engine_turn_done(struct engine *engine)
{
    while (engine->touched != NULL) {
        struct run *run = engine->touched;

        engine->touched = run->next_touched;
        run->next_touched = NULL;
        run->is_touched = false;
        /* A closed run is seldom needed again, and reading it is cheap. */
        if (run->is_to_delete || (!mutable_state_is_open(run->state) && run_is_evictable(run)))
            run_drop(run);
    }
    engine->pin_changes = NULL;
    engine->turn++;
    runs_evict_over_budget(engine);
}
