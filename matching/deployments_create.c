/*
 * How deployments and versions come to be, by a poll or a call, and how they go: limits, room made for a new version by
 * the oldest that may go, deletion. And what is known of a version beside its routing.
 */
#include <string.h>

#include "matching/deployment_texts.h"
#include "matching/deployments_internal.h"
#include "proto/payload.h"
#include "proto/pb.h"

/* A limit was reached, in the real server's words. */
static status limit_reached(struct arena *arena, const char *text)
{
    PbResourceExhaustedFailure *detail = ARENA_NEW_PB(arena, PbResourceExhaustedFailure);

    detail->cause = RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(arena, GRPC_RESOURCE_EXHAUSTED, detail, "%s", text);
}

status deployment_not_found(struct arena *arena, const char *name)
{
    return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure), TEXT_DEPLOYMENT_NOT_FOUND,
                         name);
}

status deployment_version_not_found(struct arena *arena, const char *name, const char *build_id)
{
    return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure), TEXT_BUILD_ID_NOT_FOUND,
                         build_id, name);
}

/* ---- deployments ---- */

/* Whether the namespace may have one more. */
static status check_deployments_limit(const struct deployments *deployments, struct arena *arena, int64_t namespace_id)
{
    int32_t count = 0, most = deployments->limits->deployments_max;

    for (struct deployment *other = deployments->by_name; other != NULL; other = other->hh.next)
        count += other->namespace_id == namespace_id;
    if (count >= most)
        return limit_reached(arena, arena_printf(arena, TEXT_DEPLOYMENTS_TOO_MANY, (int)most));
    return status_ok();
}

status deployments_get(struct deployments *deployments, struct arena *arena, int64_t namespace_id, const char *name,
                       nanos instant, struct deployment **ret_deployment)
{
    struct deployment *deployment = deployments_find(deployments, namespace_id, name);

    if (deployment == NULL) {
        TRY(check_deployments_limit(deployments, arena, namespace_id));
        deployment = deployments_add(deployments, namespace_id, name);
        deployment->record->create_time = deployment->record->modified_time = instant;
        deployment->record->conflict_token = instant;
    }
    *ret_deployment = deployment;
    return status_ok();
}

status deployments_create(struct deployments *deployments, struct arena *arena, int64_t namespace_id, const char *name,
                          const char *identity, const char *request_id, nanos now)
{
    struct deployment *deployment = deployments_find(deployments, namespace_id, name);

    if (deployment != NULL) {
        if (strcmp(deployment->record->create_request_id, request_id) == 0)
            return status_ok();
        return status_errorf(arena, GRPC_ALREADY_EXISTS,
                             deployment->record->made_by_poll ? TEXT_DEPLOYMENT_EXISTS_BY_POLL : TEXT_DEPLOYMENT_EXISTS,
                             json_quoted(arena, name));
    }
    TRY(deployments_get(deployments, arena, namespace_id, name, deployments_instant(deployments, now), &deployment));
    deployment->record->last_modifier_identity = arena_strdup(deployment->arena, identity);
    deployment->record->create_request_id = arena_strdup(deployment->arena, request_id);
    return status_ok();
}

status deployments_delete(struct deployments *deployments, int64_t namespace_id, const char *name)
{
    struct deployment *deployment = deployments_find(deployments, namespace_id, name);

    if (deployment == NULL)
        return status_ok();
    if (deployment->versions != NULL)
        return status_error(GRPC_FAILED_PRECONDITION, TEXT_DEPLOYMENT_HAS_VERSIONS);
    deployments_remove(deployments, deployment);
    return status_ok();
}

/* ---- deleting versions ---- */

static const char *key_of(struct arena *arena, const struct deployment_version *version)
{
    return arena_printf(arena, "%s:%s", version->deployment->name, version->build_id);
}

static bool has_pollers(const struct deployments *deployments, const struct deployment_version *version)
{
    const struct queue_version name = {.deployment = version->deployment->name, .build_id = version->build_id};

    return deployments->ports.has_pollers != NULL &&
           deployments->ports.has_pollers(deployments->ports.context, version->deployment->namespace_id, &name);
}

/* What keeps a version from being deleted; `identity` NULL: the server itself asks. */
static status check_deletion(const struct deployments *deployments, struct arena *arena,
                             const struct deployment_version *version, bool skip_drainage, const char *identity)
{
    const struct deployment *deployment = version->deployment;

    if (deployment->current == version || deployment->ramping == version)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_DELETE_ROUTED, key_of(arena, version));
    if (identity != NULL)
        TRY(deployment_check_manager(arena, deployment, identity));
    if (deployment_version_status(version) == WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING && !skip_drainage)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_DELETE_DRAINING, key_of(arena, version));
    if (has_pollers(deployments, version))
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_DELETE_POLLED, key_of(arena, version));
    return status_ok();
}

/* Removes it, and tells of the queues that it had: its deployment has no say there any more. */
static void delete_version(struct deployments *deployments, struct deployment_version *version)
{
    const PbDeploymentVersionRecord *record = version->record; /* stays until the deletion is confirmed */

    deployment_remove_version(deployments, version);
    for (size_t i = 0; i < record->n_queues; i++)
        deployments_tell_queue(deployments, version->deployment->namespace_id, (enum queue_type)record->queues[i]->type,
                               record->queues[i]->name);
}

status deployments_delete_version(struct deployments *deployments, struct arena *arena, int64_t namespace_id,
                                  const struct queue_version *version, bool skip_drainage, const char *identity,
                                  nanos now)
{
    struct deployment *deployment = deployments_find(deployments, namespace_id, version->deployment);
    struct deployment_version *found;

    if (deployment == NULL)
        return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure),
                             TEXT_DEPLOYMENT_WORKFLOW_NOT_FOUND, version->deployment);
    found = deployment_find_version(deployment, version->build_id);
    if (found == NULL)
        return status_ok();
    TRY(check_deletion(deployments, arena, found, skip_drainage, identity));
    delete_version(deployments, found);
    deployment_touch(deployments, deployment);
    deployment->record->last_modifier_identity = arena_strdup(deployment->arena, identity);
    deployment->record->modified_time = deployments_instant(deployments, now);
    return status_ok();
}

/* ---- making versions ---- */

/* Deletes the oldest version that may go. False: none may. */
static bool make_room(struct deployments *deployments, struct arena *arena, const struct deployment *deployment)
{
    struct deployment_version **versions;
    size_t count = deployment_versions(deployment, arena, &versions);

    while (count-- > 0)
        if (status_is_ok(check_deletion(deployments, arena, versions[count], false, NULL))) {
            delete_version(deployments, versions[count]);
            return true;
        }
    return false;
}

status deployment_make_version(struct deployments *deployments, struct arena *arena, struct deployment *deployment,
                               const char *build_id, PbWorkerDeploymentVersionStatus version_status, nanos instant,
                               struct deployment_version **ret_version)
{
    int32_t most = deployments->limits->versions_max;

    if ((int64_t)HASH_COUNT(deployment->versions) >= most && !make_room(deployments, arena, deployment))
        return limit_reached(arena, arena_printf(arena, TEXT_VERSIONS_TOO_MANY, deployment->name, build_id, (int)most));
    deployment_touch(deployments, deployment);
    deployment->record->modified_time = instant;
    *ret_version = deployment_add_version(deployments, deployment, build_id);
    (*ret_version)->record->status = (int32_t)version_status;
    (*ret_version)->record->create_time = instant;
    return status_ok();
}

status deployments_create_version(struct deployments *deployments, struct arena *arena, int64_t namespace_id,
                                  const struct queue_version *version, const PbComputeConfig *compute_config,
                                  const char *identity, const char *request_id, nanos now)
{
    struct deployment *deployment = deployments_find(deployments, namespace_id, version->deployment);
    struct deployment_version *made;

    if (deployment == NULL)
        return deployment_not_found(arena, version->deployment);
    made = deployment_find_version(deployment, version->build_id);
    if (made != NULL) {
        if (strcmp(made->record->create_request_id, request_id) == 0)
            return status_ok();
        return status_errorf(arena, GRPC_ALREADY_EXISTS, TEXT_VERSION_EXISTS,
                             json_quoted(arena, arena_printf(arena, "%s.%s", version->deployment, version->build_id)));
    }
    TRY(deployment_make_version(deployments, arena, deployment, version->build_id,
                                WORKER_DEPLOYMENT_VERSION_STATUS_CREATED, deployments_instant(deployments, now),
                                &made));
    made->record->create_request_id = arena_strdup(made->arena, request_id);
    made->record->last_modifier_identity = arena_strdup(made->arena, identity);
    made->record->compute_config = pb_copy(made->arena, compute_config);
    return status_ok();
}

/* ---- polls ---- */

/* Different names, whatever their types. */
static int32_t count_queue_names(const PbDeploymentVersionRecord *record, const char *name, bool *ret_has_name)
{
    int32_t count = 0;

    *ret_has_name = false;
    for (size_t i = 0; i < record->n_queues; i++) {
        bool is_first = true;

        *ret_has_name |= strcmp(record->queues[i]->name, name) == 0;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = strcmp(record->queues[i]->name, record->queues[j]->name) != 0;
        count += is_first;
    }
    return count;
}

static void add_queue(struct deployments *deployments, struct deployment_version *version,
                      const struct queue_name *queue)
{
    PbDeploymentVersionRecord *record = version->record;
    PbDeploymentVersionQueue **queues =
        ARENA_NEW_ARRAY(version->arena, PbDeploymentVersionQueue *, record->n_queues + 1);
    PbDeploymentVersionQueue *added = ARENA_NEW_PB(version->arena, PbDeploymentVersionQueue);

    if (record->n_queues > 0)
        memcpy(queues, record->queues, sizeof(*queues) * record->n_queues);
    added->name = arena_strdup(version->arena, queue->name);
    added->type = (int32_t)queue->type;
    queues[record->n_queues++] = added;
    record->queues = queues;
    version_queues_add_one(deployments, version, added);
    deployments_tell_queue(deployments, queue->namespace_id, queue->type, queue->name);
}

status deployments_register(struct deployments *deployments, struct arena *arena, const struct queue_name *queue,
                            const struct queue_version *version, nanos now)
{
    struct deployment *deployment;
    struct deployment_version *found;
    nanos instant;
    bool has_name;

    if (deployments_version_has_queue(deployments, queue->namespace_id, version, queue->type, queue->name))
        return status_ok();
    if (deployments_queue_versions_count(deployments, queue) > (size_t)deployments->limits->queue_versions_max)
        return limit_reached(
            arena, arena_printf(arena, TEXT_QUEUE_VERSIONS_TOO_MANY, (int)deployments->limits->queue_versions_max));
    instant = deployments_instant(deployments, now);
    deployment = deployments_find(deployments, queue->namespace_id, version->deployment);
    if (deployment == NULL) {
        TRY(deployments_get(deployments, arena, queue->namespace_id, version->deployment, instant, &deployment));
        deployment->record->made_by_poll = true;
    }
    found = deployment_find_version(deployment, version->build_id);
    if (found == NULL)
        TRY(deployment_make_version(deployments, arena, deployment, version->build_id,
                                    WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE, instant, &found));
    if (count_queue_names(found->record, queue->name, &has_name) >= deployments->limits->version_queues_max &&
        !has_name)
        return limit_reached(arena, arena_printf(arena, TEXT_VERSION_QUEUES_TOO_MANY, queue->name,
                                                 (int)deployments->limits->version_queues_max));
    deployment_version_touch(deployments, found);
    if (deployment_version_status(found) == WORKER_DEPLOYMENT_VERSION_STATUS_CREATED)
        found->record->status = WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE;
    add_queue(deployments, found, queue);
    return status_ok();
}

/* ---- what is said of a version ---- */

static size_t find_entry(const PbDeploymentVersionRecord *record, const char *key)
{
    size_t place = 0;

    while (place < record->n_metadata && strcmp(record->metadata[place]->key, key) < 0)
        place++;
    return place;
}

static bool has_entry(const PbDeploymentVersionRecord *record, size_t place, const char *key)
{
    return place < record->n_metadata && strcmp(record->metadata[place]->key, key) == 0;
}

static void set_entry(struct deployment_version *version, const char *key, const PbPayload *value)
{
    PbDeploymentVersionRecord *record = version->record;
    size_t place = find_entry(record, key);
    PbDeploymentVersionRecordMetadataEntry *entry, **more;

    if (has_entry(record, place, key)) {
        record->metadata[place]->value = pb_copy(version->arena, value);
        return;
    }
    entry = ARENA_NEW_PB(version->arena, PbDeploymentVersionRecordMetadataEntry);
    entry->key = arena_strdup(version->arena, key);
    entry->value = pb_copy(version->arena, value);
    more = ARENA_NEW_ARRAY(version->arena, PbDeploymentVersionRecordMetadataEntry *, record->n_metadata + 1);
    for (size_t i = 0; i < record->n_metadata; i++)
        more[i < place ? i : i + 1] = record->metadata[i];
    more[place] = entry;
    record->metadata = more;
    record->n_metadata++;
}

static void remove_entry(PbDeploymentVersionRecord *record, const char *key)
{
    size_t place = find_entry(record, key);

    if (!has_entry(record, place, key))
        return;
    record->n_metadata--;
    for (size_t i = place; i < record->n_metadata; i++)
        record->metadata[i] = record->metadata[i + 1];
}

void deployment_version_set_metadata(struct deployments *deployments, struct deployment_version *version,
                                     const PbUpdateWorkerDeploymentVersionMetadataRequest *request)
{
    deployment_version_touch(deployments, version);
    for (size_t i = 0; i < request->n_upsert_entries; i++)
        set_entry(version, request->upsert_entries[i]->key, request->upsert_entries[i]->value);
    for (size_t i = 0; i < request->n_remove_entries; i++)
        remove_entry(version->record, request->remove_entries[i]);
    version->record->last_modifier_identity = arena_strdup(version->arena, request->identity);
}

void deployment_version_set_compute_config(struct deployments *deployments, struct deployment_version *version,
                                           const PbComputeConfig *config, const char *identity)
{
    deployment_version_touch(deployments, version);
    version->record->compute_config = pb_copy(version->arena, config);
    version->record->last_modifier_identity = arena_strdup(version->arena, identity);
}
