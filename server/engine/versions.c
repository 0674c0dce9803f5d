/*
 * Worker versions between history and matching: what a run's tasks are bound to, where its queue sends them, and who
 * comes for them.
 */
#include <string.h>

#include "server/engine/internal.h"

struct queue_version queue_version_of(const PbWorkerDeploymentVersion *version)
{
    if (version == NULL)
        return (struct queue_version){0};
    return (struct queue_version){.deployment = version->deployment_name, .build_id = version->build_id};
}

PbWorkerDeploymentVersion *version_message(struct arena *arena, const struct queue_version *version)
{
    PbWorkerDeploymentVersion *message;

    if (!queue_version_is_set(version))
        return NULL;
    message = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    message->deployment_name = arena_strdup(arena, version->deployment);
    message->build_id = arena_strdup(arena, version->build_id);
    return message;
}

struct task_binding run_binding(const struct run *run, bool sticky)
{
    const struct mutable_state *ms = run->state;
    struct task_binding binding = {.workflow_id = ms->workflow_id, .normal_name = sticky ? ms->task_queue : NULL};

    if (ms->versioning == NULL)
        return binding;
    binding.is_pinned = versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_PINNED;
    binding.version = queue_version_of(versioning_effective_version(ms));
    binding.use_ramping = versioning_uses_ramping(ms);
    return binding;
}

struct queue_name run_queue(const struct run *run)
{
    return (struct queue_name){.namespace_id = run->ns->id, .type = QUEUE_WORKFLOW, .name = run->state->task_queue};
}

struct queue_target run_target(const struct run *run)
{
    struct queue_name queue = run_queue(run);

    return matching_target(run->engine->matching, &queue, run->state->workflow_id, versioning_uses_ramping(run->state));
}

struct task_poller task_poller_of(const struct poll *poll, const struct queue_target *target, struct arena *arena,
                                  const char *request_id, bool on_sticky)
{
    return (struct task_poller){
        .identity = poll->identity,
        .request_id = request_id,
        .on_sticky = on_sticky,
        .options = poll->deployment_options,
        .capabilities = poll->version_capabilities,
        .has_target = true,
        .target = version_message(arena, &target->version),
        .target_revision = target->revision,
    };
}

bool run_version_has_queue(void *context, const PbWorkerDeploymentVersion *version, const char *task_queue)
{
    const struct run *run = context;
    struct queue_version named = queue_version_of(version);

    return deployments_version_has_queue(run->engine->server->deployments, run->ns->id, &named, QUEUE_WORKFLOW,
                                         task_queue);
}
