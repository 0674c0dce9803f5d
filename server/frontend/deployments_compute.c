/*
 * Compute configs: which provider is to run the workers of a version, and how many. This server runs none; it keeps
 * what it is told and shows it, checked as far as that goes without asking a provider.
 */
#include <string.h>

#include "proto/pb.h"
#include "server/frontend/deployments.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/server.h"

/* What the real server knows. */
static const char *const provider_types[] = {"aws-lambda", "aws-agentcore", "aws-ecs",     "subprocess",
                                             "k8s",        "gcp-cloud-run", "test-invoke", "test-worker-set"};
static const char *const scaler_types[] = {"no-sync", "rate-based"};

/* Scaling groups in one request. No config has more than four: one for each type of task queue, one for the rest. */
enum { GROUPS_MAX = 100 };

typedef PbUpdateWorkerDeploymentVersionComputeConfigRequestComputeConfigScalingGroupsEntry update_entry;
typedef PbValidateWorkerDeploymentVersionComputeConfigRequestComputeConfigScalingGroupsEntry validate_entry;

/* ---- is it one? ---- */

static bool is_one_of(const char *text, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, known[i]) == 0)
            return true;
    return false;
}

static const PbComputeConfigScalingGroup *group_or_default(const PbComputeConfigScalingGroup *group)
{
    static const PbComputeConfigScalingGroup none = PbComputeConfigScalingGroup_INIT;

    return group == NULL ? &none : group;
}

static const char *provider_type_of(const PbComputeConfigScalingGroup *group)
{
    return group->provider == NULL ? "" : group->provider->type;
}

/* Which task types a group is for; two groups may not be for the same. `taken` has a bit per type; bit 0: some group
 * is for all that are not named. */
static status check_task_types(const struct check *check, const char *name, const PbComputeConfigScalingGroup *group,
                               uint32_t *taken)
{
    if (group->n_task_queue_types == 0) {
        if (*taken & 1)
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_CATCH_ALL, name);
        *taken |= 1;
    }
    for (size_t i = 0; i < group->n_task_queue_types; i++) {
        const char *type_names[] = {NULL, "Workflow", "Activity", "Nexus"};
        unsigned type = (unsigned)group->task_queue_types[i];

        if (type == 0 || type >= sizeof(type_names) / sizeof(type_names[0]))
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_TYPE_UNDEFINED, name);
        if (*taken & 1u << type)
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_TYPE_TWICE, name, type_names[type]);
        *taken |= 1u << type;
    }
    return status_ok();
}

static status check_group(const struct check *check, const char *name, const PbComputeConfigScalingGroup *group,
                          uint32_t *taken)
{
    if (name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_COMPUTE_NO_ID);
    TRY(check_task_types(check, name, group, taken));
    if (!is_one_of(provider_type_of(group), provider_types, sizeof(provider_types) / sizeof(provider_types[0])))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_PROVIDER, name, provider_type_of(group));
    if (group->scaler != NULL &&
        !is_one_of(group->scaler->type, scaler_types, sizeof(scaler_types) / sizeof(scaler_types[0])))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_SCALER, name, group->scaler->type);
    return status_ok();
}

status check_compute_config(const struct check *check, const PbComputeConfig *config)
{
    uint32_t taken = 0;

    if (config == NULL)
        return status_ok();
    if (config->n_scaling_groups == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_COMPUTE_EMPTY);
    for (size_t i = 0; i < config->n_scaling_groups; i++)
        TRY(check_group(check, config->scaling_groups[i]->key, group_or_default(config->scaling_groups[i]->value),
                        &taken));
    return check_blob(check, config);
}

PbComputeConfigSummary *summarize_compute_config(struct arena *arena, const PbComputeConfig *config)
{
    PbComputeConfigSummary *summary;

    if (config == NULL)
        return NULL;
    summary = ARENA_NEW_PB(arena, PbComputeConfigSummary);
    summary->scaling_groups =
        ARENA_NEW_ARRAY(arena, PbComputeConfigSummaryScalingGroupsEntry *, config->n_scaling_groups);
    for (size_t i = 0; i < config->n_scaling_groups; i++) {
        const PbComputeConfigScalingGroup *group = group_or_default(config->scaling_groups[i]->value);
        PbComputeConfigSummaryScalingGroupsEntry *entry = ARENA_NEW_PB(arena, PbComputeConfigSummaryScalingGroupsEntry);

        entry->key = arena_strdup(arena, config->scaling_groups[i]->key);
        entry->value = ARENA_NEW_PB(arena, PbComputeConfigScalingGroupSummary);
        entry->value->provider_type = arena_strdup(arena, provider_type_of(group));
        entry->value->n_task_queue_types = group->n_task_queue_types;
        entry->value->task_queue_types =
            arena_memdup(arena, group->task_queue_types, group->n_task_queue_types * sizeof(*group->task_queue_types));
        summary->scaling_groups[summary->n_scaling_groups++] = entry;
    }
    return summary;
}

/* ---- changing one ---- */

/* Copies the fields of `mask` from one group to another. */
static status merge_group(const struct check *check, PbComputeConfigScalingGroup *group,
                          const PbComputeConfigScalingGroup *update, const PbFieldMask *mask)
{
    for (size_t i = 0; i < mask->n_paths; i++) {
        const char *path = mask->paths[i];
        bool is_of_provider = strncmp(path, "provider", strlen("provider")) == 0;
        PbComputeProvider *provider;
        PbComputeScaler *scaler;

        if (is_of_provider && group->provider == NULL)
            group->provider = ARENA_NEW_PB(check->arena, PbComputeProvider);
        provider = update->provider == NULL ? ARENA_NEW_PB(check->arena, PbComputeProvider) : update->provider;
        scaler = update->scaler;
        if (strcmp(path, "task_queue_types") == 0) {
            group->n_task_queue_types = update->n_task_queue_types;
            group->task_queue_types = update->task_queue_types;
        } else if (strcmp(path, "provider") == 0) {
            group->provider = provider;
        } else if (strcmp(path, "provider.type") == 0) {
            group->provider->type = provider->type;
        } else if (strcmp(path, "provider.details") == 0) {
            group->provider->details = provider->details;
        } else if (strcmp(path, "provider.nexus_endpoint") == 0) {
            group->provider->nexus_endpoint = provider->nexus_endpoint;
        } else if (strcmp(path, "scaler") == 0) {
            group->scaler = scaler;
        } else if (strcmp(path, "scaler.type") == 0 || strcmp(path, "scaler.details") == 0) {
            if (scaler == NULL)
                scaler = ARENA_NEW_PB(check->arena, PbComputeScaler);
            if (group->scaler == NULL)
                group->scaler = ARENA_NEW_PB(check->arena, PbComputeScaler);
            if (path[strlen("scaler.")] == 't')
                group->scaler->type = scaler->type;
            else
                group->scaler->details = scaler->details;
        } else {
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_MASK, path);
        }
    }
    return status_ok();
}

static size_t find_group(const PbComputeConfig *config, const char *name)
{
    size_t place = 0;

    while (place < config->n_scaling_groups && strcmp(config->scaling_groups[place]->key, name) != 0)
        place++;
    return place;
}

/* Sets a group: one that is new is taken as it is, one that is there changes in the fields of the mask only. */
static status set_group(const struct check *check, PbComputeConfig *config, const char *name,
                        const PbComputeConfigScalingGroupUpdate *update)
{
    size_t place = find_group(config, name);
    PbComputeConfigScalingGroup *group = update == NULL ? NULL : update->scaling_group;
    PbComputeConfigScalingGroupsEntry *entry;

    if (place < config->n_scaling_groups) {
        if (update == NULL || update->update_mask == NULL)
            return status_ok();
        return merge_group(check, config->scaling_groups[place]->value, group_or_default(group), update->update_mask);
    }
    entry = ARENA_NEW_PB(check->arena, PbComputeConfigScalingGroupsEntry);
    entry->key = name;
    entry->value = group == NULL ? ARENA_NEW_PB(check->arena, PbComputeConfigScalingGroup) : group;
    config->scaling_groups[config->n_scaling_groups++] = entry;
    return status_ok();
}

/* What two requests ask for in the same way. */
struct compute_change {
    const PbWorkerDeploymentVersion *version; /* may be NULL */
    const update_entry *const *set;
    size_t set_count;
    const char *const *remove;
    size_t remove_count;
};

/* The config of a version after a change, checked, in the call's arena. */
static status changed_config(const struct check *check, const PbComputeConfig *before,
                             const struct compute_change *change, PbComputeConfig **ret_config)
{
    PbComputeConfig *config = pb_copy(check->arena, before);
    PbComputeConfigScalingGroupsEntry **groups;

    if (change->set_count > GROUPS_MAX || change->remove_count > GROUPS_MAX)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_TOO_MANY, GROUPS_MAX);
    if (config == NULL)
        config = ARENA_NEW_PB(check->arena, PbComputeConfig);
    groups = ARENA_NEW_ARRAY(check->arena, PbComputeConfigScalingGroupsEntry *,
                             config->n_scaling_groups + change->set_count);
    for (size_t i = 0; i < config->n_scaling_groups; i++)
        groups[i] = config->scaling_groups[i];
    config->scaling_groups = groups;
    for (size_t i = 0; i < change->set_count; i++)
        TRY(set_group(check, config, change->set[i]->key, change->set[i]->value));
    for (size_t i = 0; i < change->remove_count; i++) {
        size_t place = find_group(config, change->remove[i]);

        if (place < config->n_scaling_groups)
            groups[place] = groups[--config->n_scaling_groups];
    }
    *ret_config = config->n_scaling_groups == 0 ? NULL : config;
    return check_compute_config(check, *ret_config);
}

static struct deployment_version *find_version(const struct call *call, const struct check *check,
                                               const PbWorkerDeploymentVersion *version)
{
    const struct deployment *deployment =
        version == NULL ? NULL : deployments_find(call->server->deployments, check->ns->id, version->deployment_name);

    return deployment == NULL ? NULL : deployment_find_version(deployment, version->build_id);
}

/* WorkflowService.UpdateWorkerDeploymentVersionComputeConfig */
status
rpc_update_worker_deployment_version_compute_config(struct call *call,
                                                    const PbUpdateWorkerDeploymentVersionComputeConfigRequest *req,
                                                    PbUpdateWorkerDeploymentVersionComputeConfigResponse *resp)
{
    const PbWorkerDeploymentVersion *name = req->deployment_version;
    struct deployment_version *version;
    struct compute_change change;
    PbComputeConfig *config;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    if (name == NULL || name->deployment_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_NAME_NOT_SET);
    if (name->build_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BUILD_ID_NOT_SET);
    TRY(check_deployments_enabled(&check));
    version = find_version(call, &check, name);
    if (version == NULL)
        return deployment_version_not_found(call->arena, name->deployment_name, name->build_id);
    change = (struct compute_change){
        .version = name,
        .set = (const update_entry *const *)req->compute_config_scaling_groups,
        .set_count = req->n_compute_config_scaling_groups,
        .remove = req->remove_compute_config_scaling_groups,
        .remove_count = req->n_remove_compute_config_scaling_groups,
    };
    TRY(check_identity(&check, req->identity));
    TRY(changed_config(&check, deployment_version_record(version)->compute_config, &change, &config));
    deployment_version_set_compute_config(call->server->deployments, version, config, req->identity);
    return status_ok();
}

/* WorkflowService.ValidateWorkerDeploymentVersionComputeConfig */
status
rpc_validate_worker_deployment_version_compute_config(struct call *call,
                                                      const PbValidateWorkerDeploymentVersionComputeConfigRequest *req,
                                                      PbValidateWorkerDeploymentVersionComputeConfigResponse *resp)
{
    const struct deployment_version *version;
    const PbComputeConfig *before;
    struct compute_change change;
    update_entry **entries;
    PbComputeConfig *config;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    version = find_version(call, &check, req->deployment_version);
    before = version == NULL ? NULL : deployment_version_record(version)->compute_config;
    if (before == NULL &&
        (req->n_compute_config_scaling_groups == 0 || req->n_remove_compute_config_scaling_groups > 0))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_COMPUTE_NONE_BEFORE);
    entries = ARENA_NEW_ARRAY(call->arena, update_entry *, req->n_compute_config_scaling_groups);
    for (size_t i = 0; i < req->n_compute_config_scaling_groups; i++) {
        const validate_entry *entry = req->compute_config_scaling_groups[i];

        if (before == NULL && entry->value != NULL && entry->value->update_mask != NULL &&
            entry->value->update_mask->n_paths > 0)
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_COMPUTE_MASK_ALONE, entry->key);
        entries[i] = ARENA_NEW_PB(call->arena,
                                  PbUpdateWorkerDeploymentVersionComputeConfigRequestComputeConfigScalingGroupsEntry);
        entries[i]->key = entry->key;
        entries[i]->value = entry->value;
    }
    change = (struct compute_change){
        .version = req->deployment_version,
        .set = (const update_entry *const *)entries,
        .set_count = req->n_compute_config_scaling_groups,
        .remove = req->remove_compute_config_scaling_groups,
        .remove_count = req->n_remove_compute_config_scaling_groups,
    };
    return changed_config(&check, before, &change, &config);
}
