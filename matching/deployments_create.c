/*
 * How deployments and versions come to be, by a poll or a call, and how they go: limits, room made for a new version by
 * the oldest that may go, deletion. And what is known of a version beside its routing.
 */
#include <stdlib.h>
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

/* An entry among others: of those with one key the last one counts. */
struct placed_entry {
    PbDeploymentVersionRecordMetadataEntry *entry;
    size_t order;
};

static int by_key_then_order(const void *a, const void *b)
{
    const struct placed_entry *left = a, *right = b;
    int compared = strcmp(left->entry->key, right->entry->key);

    return compared != 0 ? compared : (left->order > right->order) - (left->order < right->order);
}

static int is_key_of(const void *key, const void *entry)
{
    const struct placed_entry *placed = entry;

    return strcmp(key, placed->entry->key);
}

/* The entries that a record has and those of the request, in one array. There may be a hundred thousand of them. */
static size_t gather_entries(struct arena *arena, const PbDeploymentVersionRecord *record,
                             const PbUpdateWorkerDeploymentVersionMetadataRequest *request,
                             struct placed_entry **ret_entries)
{
    size_t count = 0;
    struct placed_entry *all =
        ARENA_NEW_ARRAY(arena, struct placed_entry, record->n_metadata + request->n_upsert_entries);

    for (; count < record->n_metadata; count++)
        all[count] = (struct placed_entry){.entry = record->metadata[count], .order = count};
    for (size_t i = 0; i < request->n_upsert_entries; i++, count++) {
        PbDeploymentVersionRecordMetadataEntry *entry = ARENA_NEW_PB(arena, PbDeploymentVersionRecordMetadataEntry);

        entry->key = arena_strdup(arena, request->upsert_entries[i]->key);
        entry->value = pb_copy(arena, request->upsert_entries[i]->value);
        all[count] = (struct placed_entry){.entry = entry, .order = count};
    }
    *ret_entries = all;
    return count;
}

/* Keeps the last of each key; returns how many that are. */
static size_t drop_replaced(struct placed_entry *entries, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(entries[i].entry->key, entries[i + 1].entry->key) != 0)
            entries[kept++] = entries[i];
    return kept;
}

void deployment_version_set_metadata(struct deployments *deployments, struct deployment_version *version,
                                     const PbUpdateWorkerDeploymentVersionMetadataRequest *request)
{
    PbDeploymentVersionRecord *record = version->record;
    struct placed_entry *entries, *removed;
    size_t count;

    deployment_version_touch(deployments, version);
    count = gather_entries(version->arena, record, request, &entries);
    qsort(entries, count, sizeof(*entries), by_key_then_order);
    count = drop_replaced(entries, count);
    for (size_t i = 0; i < request->n_remove_entries; i++) {
        removed = bsearch(request->remove_entries[i], entries, count, sizeof(*entries), is_key_of);
        if (removed != NULL)
            removed->order = SIZE_MAX;
    }
    record->metadata = ARENA_NEW_ARRAY(version->arena, PbDeploymentVersionRecordMetadataEntry *, count);
    record->n_metadata = 0;
    for (size_t i = 0; i < count; i++)
        if (entries[i].order != SIZE_MAX)
            record->metadata[record->n_metadata++] = entries[i].entry;
    record->last_modifier_identity = arena_strdup(version->arena, request->identity);
}

void deployment_version_set_compute_config(struct deployments *deployments, struct deployment_version *version,
                                           const PbComputeConfig *config, const char *identity)
{
    deployment_version_touch(deployments, version);
    version->record->compute_config = pb_copy(version->arena, config);
    version->record->last_modifier_identity = arena_strdup(version->arena, identity);
}
