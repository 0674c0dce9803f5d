/*
 * How many open runs are pinned to each version. The counters are matching's (they tell when a version is drained);
 * here they follow the runs, transition by transition, and go back with a turn that is undone. Nothing is stored: after
 * a start they grow as recovery meets the open runs.
 *
 * PIN1  Once recovery has passed a run, the counters hold what run->counted_pin says, or for one that is not loaded,
 * what its stored state says.
 */
#include <string.h>

#include "base/memory.h"
#include "matching/deployments.h"
#include "server/engine/internal.h"

/* A change of a counter in this turn. */
struct pin_change {
    int64_t namespace_id;
    struct queue_version version;
    int delta;
    struct pin_change *next;
};

static const PbWorkerDeploymentVersion *pin_of(const struct run *run)
{
    return mutable_state_is_open(run->state) ? versioning_pin(run->state) : NULL;
}

static void remember(struct run *run, const PbWorkerDeploymentVersion *pin)
{
    size_t deployment_bytes;

    memory_free(run->counted_pin);
    run->counted_pin = NULL;
    if (pin == NULL)
        return;
    deployment_bytes = strlen(pin->deployment_name) + 1;
    run->counted_pin = memory_new(deployment_bytes + strlen(pin->build_id) + 1);
    memcpy(run->counted_pin, pin->deployment_name, deployment_bytes);
    memcpy(run->counted_pin + deployment_bytes, pin->build_id, strlen(pin->build_id) + 1);
}

static struct queue_version counted_version(const struct run *run)
{
    return (struct queue_version){
        .deployment = run->counted_pin,
        .build_id = run->counted_pin + strlen(run->counted_pin) + 1,
    };
}

static bool is_counted_as(const struct run *run, const PbWorkerDeploymentVersion *pin)
{
    struct queue_version counted;

    if (run->counted_pin == NULL || pin == NULL)
        return run->counted_pin == NULL && pin == NULL;
    counted = counted_version(run);
    return strcmp(counted.deployment, pin->deployment_name) == 0 && strcmp(counted.build_id, pin->build_id) == 0;
}

static void count(struct run *run, int delta)
{
    struct engine *engine = run->engine;
    struct arena *arena = turn_arena(engine->server->turn);
    struct queue_version version;
    struct pin_change *change;

    if (run->counted_pin == NULL)
        return;
    version = counted_version(run);
    change = ARENA_NEW(arena, struct pin_change);
    change->namespace_id = run->ns->id;
    change->version.deployment = arena_strdup(arena, version.deployment);
    change->version.build_id = arena_strdup(arena, version.build_id);
    change->delta = delta;
    change->next = engine->pin_changes;
    engine->pin_changes = change;
    deployments_count_pinned(engine->server->deployments, run->ns->id, &version, delta);
}

void pins_follow(struct run *run)
{
    const PbWorkerDeploymentVersion *pin = pin_of(run);
    const struct engine *engine = run->engine;
    bool is_met = run->id <= engine->recovered_up_to || run->id > engine->last_at_start; /* PIN1 */

    if (is_counted_as(run, pin))
        return;
    if (is_met)
        count(run, -1);
    remember(run, pin);
    if (is_met)
        count(run, 1);
}

void pins_loaded(struct run *run)
{
    remember(run, pin_of(run));
}

void pins_recovered(struct run *run)
{
    count(run, 1);
}

void pins_forget_turn(struct engine *engine)
{
    for (; engine->pin_changes != NULL; engine->pin_changes = engine->pin_changes->next)
        deployments_count_pinned(engine->server->deployments, engine->pin_changes->namespace_id,
                                 &engine->pin_changes->version, -engine->pin_changes->delta);
}
