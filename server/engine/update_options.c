/*
 * Options of a running workflow: the override of its version, its priority. A request names what it changes by the
 * paths of a field mask; what comes of it is one event with all options as they are then.
 */
#include <string.h>

#include "persistence/store.h"
#include "proto/versioning.h"
#include "server/engine/internal.h"

/* ---- the mask ---- */

#define OVERRIDE_PATH "versioning_override"
#define PRIORITY_PATH "priority"
#define SKIPPING_PATH "time_skipping_config"

static bool path_is_valid(const char *path)
{
    const ProtobufCMessageDescriptor *message = &PbWorkflowExecutionOptions_descriptor;
    char name[64];

    for (;;) {
        size_t len = strcspn(path, ".");
        const ProtobufCFieldDescriptor *field;

        if (message == NULL || len >= sizeof(name))
            return false;
        memcpy(name, path, len);
        name[len] = '\0';
        field = protobuf_c_message_descriptor_get_field_by_name(message, name);
        if (field == NULL)
            return false;
        if (path[len] == '\0')
            return true;
        message = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED
                      ? field->descriptor
                      : NULL;
        path += len + 1;
    }
}

const char *options_mask_problem(struct arena *arena, const PbFieldMask *mask)
{
    for (size_t i = 0; mask != NULL && i < mask->n_paths; i++)
        if (!path_is_valid(mask->paths[i]))
            return arena_printf(arena, MSG_OPTIONS_PATH, mask->paths[i]);
    return NULL;
}

static bool mask_has(const PbFieldMask *mask, const char *path)
{
    for (size_t i = 0; mask != NULL && i < mask->n_paths; i++)
        if (strcmp(mask->paths[i], path) == 0)
            return true;
    return false;
}

/* Whether the mask has a path inside of the member `path`, the two that may be given aside. */
static bool mask_goes_into(const PbFieldMask *mask, const char *path, const char *but1, const char *but2)
{
    size_t len = strlen(path);

    for (size_t i = 0; mask != NULL && i < mask->n_paths; i++) {
        const char *inner = mask->paths[i];

        if (strncmp(inner, path, len) == 0 && inner[len] == '.' && (but1 == NULL || strcmp(inner, but1) != 0) &&
            (but2 == NULL || strcmp(inner, but2) != 0))
            return true;
    }
    return false;
}

/* ---- merging ---- */

/* An override is replaced as a whole, whatever of it is named. The result says what is wrong with the mask. */
static const char *merge_override(PbWorkflowExecutionOptions *into, const PbWorkflowExecutionOptions *from,
                                  const PbFieldMask *mask)
{
    bool has_behavior = mask_has(mask, OVERRIDE_PATH ".behavior");
    bool has_deployment = mask_has(mask, OVERRIDE_PATH ".deployment");

    if (has_behavior != has_deployment)
        return MSG_OPTIONS_OVERRIDE_HALF;
    if (has_behavior || mask_has(mask, OVERRIDE_PATH))
        into->versioning_override = from->versioning_override;
    if (mask_goes_into(mask, OVERRIDE_PATH, OVERRIDE_PATH ".behavior", OVERRIDE_PATH ".deployment"))
        return MSG_OPTIONS_OVERRIDE_PARTIAL;
    return NULL;
}

static void merge_priority(struct arena *arena, PbWorkflowExecutionOptions *into,
                           const PbWorkflowExecutionOptions *from, const PbFieldMask *mask)
{
    static const PbPriority none = PbPriority_INIT;
    const PbPriority *given = from->priority == NULL ? &none : from->priority;
    PbPriority *merged = ARENA_NEW_PB(arena, PbPriority);

    if (mask_has(mask, PRIORITY_PATH))
        into->priority = from->priority;
    if (!mask_goes_into(mask, PRIORITY_PATH, NULL, NULL))
        return;
    if (into->priority != NULL)
        *merged = *into->priority;
    into->priority = merged;
    if (mask_has(mask, PRIORITY_PATH ".priority_key"))
        merged->priority_key = given->priority_key;
    if (mask_has(mask, PRIORITY_PATH ".fairness_key"))
        merged->fairness_key = given->fairness_key;
    if (mask_has(mask, PRIORITY_PATH ".fairness_weight"))
        merged->fairness_weight = given->fairness_weight;
}

/* Puts what the mask names of `from` into `into`. */
static const char *merge(struct arena *arena, PbWorkflowExecutionOptions *into, const PbWorkflowExecutionOptions *from,
                         const PbFieldMask *mask)
{
    const char *problem = options_mask_problem(arena, mask);

    if (problem == NULL)
        problem = merge_override(into, from, mask);
    if (problem != NULL)
        return problem;
    merge_priority(arena, into, from, mask);
    return mask_goes_into(mask, SKIPPING_PATH, NULL, NULL) ? MSG_OPTIONS_SKIPPING_PARTIAL : NULL;
}

static PbWorkflowExecutionOptions *options_of(const struct mutable_state *ms, struct arena *arena)
{
    PbWorkflowExecutionOptions *options = ARENA_NEW_PB(arena, PbWorkflowExecutionOptions);

    options->versioning_override = pb_copy(arena, versioning_override(ms));
    options->priority = pb_copy(arena, ms->priority);
    return options;
}

/* Whether two messages, which may be NULL, say the same. */
static bool are_equal(struct arena *arena, const void *a, const void *b)
{
    struct bytes packed_a, packed_b;

    if (a == NULL || b == NULL)
        return a == b;
    packed_a = pb_pack(arena, a);
    packed_b = pb_pack(arena, b);
    return packed_a.len == packed_b.len && memcmp(packed_a.data, packed_b.data, packed_a.len) == 0;
}

/* ---- overrides ---- */

status engine_check_override(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const char *task_queue, const PbVersioningOverride *override)
{
    const char *problem = override_problem(arena, override);
    const PbWorkerDeploymentVersion *target;
    struct queue_version version;

    if (problem != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, problem);
    target = override_target(arena, override);
    if (target == NULL || override_is_of_series(override))
        return status_ok();
    version = queue_version_of(target);
    if (!deployments_version_has_queue(engine->server->deployments, ns->id, &version, QUEUE_WORKFLOW, task_queue))
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_OVERRIDE_NOT_IN_QUEUE, target->deployment_name,
                             target->build_id, task_queue);
    return status_ok();
}

void engine_override_acts(struct engine *engine, const struct namespace_info *ns, const PbVersioningOverride *override)
{
    struct arena *scratch = arena_new(256);
    const PbWorkerDeploymentVersion *target = override_target(scratch, override);
    struct queue_version version;

    if (target != NULL) {
        version = queue_version_of(target);
        deployments_reactivate(engine->server->deployments, ns->id, &version, clock_now(engine->server->clock));
    }
    arena_free(scratch);
}

/* A pinned override that names no version means the one that the workflow is pinned to. */
static status fill_in_version(const struct run *run, struct arena *arena, PbWorkflowExecutionOptions *options)
{
    const struct mutable_state *ms = run->state;
    PbVersioningOverride *override = options->versioning_override;
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);

    if (override == NULL || override->override_case != PbVersioningOverride_pinned_case ||
        override->pinned->behavior == PINNED_OVERRIDE_BEHAVIOR_UNSPECIFIED || override->pinned->version != NULL)
        return status_ok();
    if (behavior != VERSIONING_BEHAVIOR_PINNED)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, MSG_OVERRIDE_NOT_PINNED, ms->workflow_id,
                             behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE ? "AutoUpgrade" : "Unspecified");
    options->versioning_override = override = pb_copy(arena, override);
    override->pinned->version = pb_copy(arena, versioning_effective_version(ms));
    return status_ok();
}

/* ---- all of it ---- */

void run_apply_options(struct transition *t, const PbWorkflowExecutionOptions *options, const char *identity)
{
    PbWorkflowExecutionOptionsUpdatedEventAttributes *attributes =
        ARENA_NEW_PB(t->arena, PbWorkflowExecutionOptionsUpdatedEventAttributes);

    attributes->versioning_override = options->versioning_override;
    attributes->unset_versioning_override = options->versioning_override == NULL;
    attributes->priority = options->priority;
    attributes->identity = arena_strdup(t->arena, identity);
    decide_options_update(t, attributes);
}

status options_merge(const struct mutable_state *ms, struct arena *arena, const PbWorkflowExecutionOptions *given,
                     const PbFieldMask *mask, PbWorkflowExecutionOptions **ret_merged, bool *ret_changed)
{
    PbWorkflowExecutionOptions *before = options_of(ms, arena), *merged = options_of(ms, arena);
    const char *problem = merge(arena, merged, given, mask);

    if (problem != NULL)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_OPTIONS_CANNOT_BE_APPLIED, problem);
    *ret_changed = !are_equal(arena, before, merged);
    *ret_merged = merged;
    return status_ok();
}

status engine_update_options(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const PbUpdateWorkflowExecutionOptionsRequest *req,
                             PbUpdateWorkflowExecutionOptionsResponse *resp)
{
    PbWorkflowExecutionOptions *options = ARENA_NEW_PB(arena, PbWorkflowExecutionOptions);
    struct transition t;
    struct run *run;
    bool is_changed;

    TRY(engine_look_up_run(engine, arena, ns, req->workflow_execution, &run));
    if (!mutable_state_is_open(run->state))
        return not_found(arena, MSG_WORKFLOW_COMPLETED);
    *options = *req->workflow_execution_options;
    TRY(fill_in_version(run, arena, options));
    TRY(engine_check_override(engine, arena, ns, run->state->task_queue, options->versioning_override));
    TRY(options_merge(run->state, arena, options, req->update_mask, &resp->workflow_execution_options, &is_changed));
    if (!is_changed)
        return status_ok();
    run_begin(run, &t);
    run_apply_options(&t, resp->workflow_execution_options, req->identity);
    TRY(run_commit_checked(run, &t, NULL));
    engine_override_acts(engine, ns, resp->workflow_execution_options->versioning_override);
    return status_ok();
}
