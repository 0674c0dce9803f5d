/*
 * The tables of deployments and versions, and what lets a turn's changes be taken back. The state of an entity is its
 * record, the message that is stored. Before the first change in a turn its packed form is put aside; undoing goes
 * through the changes backwards, takes out what is new, puts back what was deleted and unpacks what was put aside.
 */
#include "matching/deployments.h"

#include <stdlib.h>
#include <string.h>

#include "matching/deployments_internal.h"
#include "proto/pb.h"

enum { RECORD_ARENA_BYTES = 512, CHANGES_ARENA_BYTES = 4096 };

/* ---- keys ---- */

void deployments_key_begin(const struct deployments *deployments, int64_t namespace_id)
{
    deployments->key->len = 0;
    buffer_append(deployments->key, &namespace_id, sizeof(namespace_id));
}

void deployments_key_add(const struct deployments *deployments, const char *text)
{
    buffer_append(deployments->key, text, strlen(text) + 1);
}

/* ---- making and freeing ---- */

struct deployments *deployments_new(const struct deployments_limits *limits)
{
    struct deployments *deployments = memory_new(sizeof(*deployments));

    deployments->limits = limits;
    deployments->key = memory_new(sizeof(*deployments->key));
    deployments->changes_arena = arena_new(CHANGES_ARENA_BYTES);
    deployments->generation = 1;
    return deployments;
}

static void free_version(struct deployment_version *version)
{
    arena_free(version->arena);
    memory_free(version);
}

static void free_deployment(struct deployment *deployment)
{
    struct deployment_version *version, *next;

    HASH_ITER (hh, deployment->versions, version, next) {
        HASH_DEL(deployment->versions, version);
        free_version(version);
    }
    arena_free(deployment->arena);
    memory_free(deployment);
}

void deployments_free(struct deployments *deployments)
{
    struct deployment *deployment, *next;

    if (deployments == NULL)
        return;
    deployments_confirm(deployments);
    HASH_ITER (hh, deployments->by_name, deployment, next) {
        HASH_DEL(deployments->by_name, deployment);
        free_deployment(deployment);
    }
    version_queues_free(deployments);
    pinned_counts_free(deployments);
    buffer_free(deployments->key);
    memory_free(deployments->key);
    arena_free(deployments->changes_arena);
    memory_free(deployments);
}

void deployments_set_ports(struct deployments *deployments, const struct deployments_ports *ports)
{
    deployments->ports = *ports;
}

void deployments_set_listener(struct deployments *deployments,
                              void (*routing_changed)(void *context, const struct queue_name *queue), void *context)
{
    deployments->routing_changed = routing_changed;
    deployments->listener = context;
}

/* ---- questions ---- */

struct deployment *deployments_find(const struct deployments *deployments, int64_t namespace_id, const char *name)
{
    struct deployment *deployment;

    deployments_key_begin(deployments, namespace_id);
    deployments_key_add(deployments, name);
    HASH_FIND(hh, deployments->by_name, deployments->key->data, deployments->key->len, deployment);
    return deployment;
}

struct deployment_version *deployment_find_version(const struct deployment *deployment, const char *build_id)
{
    struct deployment_version *version;

    HASH_FIND_STR(deployment->versions, build_id, version);
    return version;
}

static struct deployment_version *find_version(const struct deployments *deployments, int64_t namespace_id,
                                               const struct queue_version *version)
{
    const struct deployment *deployment = deployments_find(deployments, namespace_id, version->deployment);

    return deployment == NULL ? NULL : deployment_find_version(deployment, version->build_id);
}

const char *deployment_name(const struct deployment *deployment)
{
    return deployment->name;
}

const PbDeploymentRecord *deployment_record(const struct deployment *deployment)
{
    return deployment->record;
}

const char *deployment_version_build_id(const struct deployment_version *version)
{
    return version->build_id;
}

const PbDeploymentVersionRecord *deployment_version_record(const struct deployment_version *version)
{
    return version->record;
}

PbWorkerDeploymentVersionStatus deployment_version_status(const struct deployment_version *version)
{
    return (PbWorkerDeploymentVersionStatus)version->record->status;
}

PbWorkerDeploymentVersionStatus deployments_version_status(const struct deployments *deployments, int64_t namespace_id,
                                                           const struct queue_version *version)
{
    const struct deployment_version *found = find_version(deployments, namespace_id, version);

    return found == NULL ? WORKER_DEPLOYMENT_VERSION_STATUS_UNSPECIFIED : deployment_version_status(found);
}

static int newest_first(const void *a, const void *b)
{
    const struct deployment_version *const *left = a, *const *right = b;
    nanos left_time = (*left)->record->create_time, right_time = (*right)->record->create_time;

    return (left_time < right_time) - (left_time > right_time);
}

size_t deployment_versions(const struct deployment *deployment, struct arena *arena,
                           struct deployment_version ***ret_versions)
{
    size_t count = HASH_COUNT(deployment->versions), place = 0;

    *ret_versions = ARENA_NEW_ARRAY(arena, struct deployment_version *, count);
    for (struct deployment_version *version = deployment->versions; version != NULL; version = version->hh.next)
        (*ret_versions)[place++] = version;
    qsort(*ret_versions, count, sizeof(**ret_versions), newest_first);
    return count;
}

static int last_changed_first(const void *a, const void *b)
{
    const struct deployment *const *left = a, *const *right = b;
    nanos left_time = (*left)->record->modified_time, right_time = (*right)->record->modified_time;

    if (left_time != right_time)
        return left_time < right_time ? 1 : -1;
    return strcmp((*left)->name, (*right)->name);
}

size_t deployments_list(const struct deployments *deployments, int64_t namespace_id, struct arena *arena,
                        struct deployment ***ret_list)
{
    size_t count = 0;

    *ret_list = ARENA_NEW_ARRAY(arena, struct deployment *, HASH_COUNT(deployments->by_name));
    for (struct deployment *deployment = deployments->by_name; deployment != NULL; deployment = deployment->hh.next)
        if (deployment->namespace_id == namespace_id)
            (*ret_list)[count++] = deployment;
    qsort(*ret_list, count, sizeof(**ret_list), last_changed_first);
    return count;
}

/* ---- changing ---- */

nanos deployments_instant(struct deployments *deployments, nanos now)
{
    if (now <= deployments->last_instant)
        now = deployments->last_instant + 1;
    deployments->last_instant = now;
    return now;
}

static struct deployment_change *begin_change(struct deployments *deployments, struct deployment *deployment,
                                              struct deployment_version *version)
{
    struct deployment_change *change = ARENA_NEW(deployments->changes_arena, struct deployment_change);

    change->deployment = deployment;
    change->version = version;
    DL_APPEND(deployments->changes, change);
    return change;
}

void deployment_touch(struct deployments *deployments, struct deployment *deployment)
{
    if (deployment->change != NULL)
        return;
    deployment->change = begin_change(deployments, deployment, NULL);
    deployment->change->before = pb_pack(deployments->changes_arena, deployment->record);
}

void deployment_version_touch(struct deployments *deployments, struct deployment_version *version)
{
    if (version->change != NULL)
        return;
    version->change = begin_change(deployments, version->deployment, version);
    version->change->before = pb_pack(deployments->changes_arena, version->record);
}

static struct deployment *make_deployment(struct deployments *deployments, int64_t namespace_id, const char *name)
{
    struct deployment *deployment;

    deployments_key_begin(deployments, namespace_id);
    deployments_key_add(deployments, name);
    deployment = memory_new(sizeof(*deployment) + deployments->key->len);
    memcpy(deployment->key, deployments->key->data, deployments->key->len);
    deployment->key_bytes = deployments->key->len;
    deployment->namespace_id = namespace_id;
    deployment->name = deployment->key + sizeof(namespace_id);
    deployment->arena = arena_new(RECORD_ARENA_BYTES);
    HASH_ADD_KEYPTR(hh, deployments->by_name, deployment->key, deployment->key_bytes, deployment);
    return deployment;
}

static struct deployment_version *make_version(struct deployment *deployment, const char *build_id)
{
    size_t bytes = strlen(build_id) + 1;
    struct deployment_version *version = memory_new(sizeof(*version) + bytes);

    memcpy(version->build_id, build_id, bytes);
    version->deployment = deployment;
    version->arena = arena_new(RECORD_ARENA_BYTES);
    HASH_ADD_STR(deployment->versions, build_id, version);
    return version;
}

struct deployment *deployments_add(struct deployments *deployments, int64_t namespace_id, const char *name)
{
    struct deployment *deployment = make_deployment(deployments, namespace_id, name);

    deployment->record = ARENA_NEW_PB(deployment->arena, PbDeploymentRecord);
    deployment->change = begin_change(deployments, deployment, NULL);
    deployment->change->is_new = true;
    return deployment;
}

struct deployment_version *deployment_add_version(struct deployments *deployments, struct deployment *deployment,
                                                  const char *build_id)
{
    struct deployment_version *version = make_version(deployment, build_id);

    version->record = ARENA_NEW_PB(version->arena, PbDeploymentVersionRecord);
    version->change = begin_change(deployments, deployment, version);
    version->change->is_new = true;
    return version;
}

void deployments_remove(struct deployments *deployments, struct deployment *deployment)
{
    invariant(deployment->versions == NULL, "a deployment with versions is removed"); /* D1 */
    deployment_touch(deployments, deployment);
    deployment->change->is_deleted = true;
    HASH_DEL(deployments->by_name, deployment);
}

void deployment_remove_version(struct deployments *deployments, struct deployment_version *version)
{
    deployment_version_touch(deployments, version);
    version->change->is_deleted = true;
    version_queues_remove(deployments, version);
    HASH_DEL(version->deployment->versions, version);
}

/* ---- storing ---- */

bool deployments_restore(struct deployments *deployments, const struct deployment_row *row)
{
    struct deployment *deployment = deployments_find(deployments, row->namespace_id, row->name);
    struct deployment_version *version;
    const ProtobufCMessageDescriptor *type =
        row->build_id == NULL ? &PbDeploymentRecord_descriptor : &PbDeploymentVersionRecord_descriptor;
    struct arena *arena = arena_new(RECORD_ARENA_BYTES);
    void *record = pb_unpack(arena, type, row->record.data, row->record.len);

    if (record == NULL || (row->build_id == NULL) == (deployment != NULL)) {
        arena_free(arena);
        return false;
    }
    if (row->build_id == NULL) {
        deployment = make_deployment(deployments, row->namespace_id, row->name);
        arena_free(deployment->arena);
        deployment->arena = arena;
        deployment->record = record;
        if (deployment->record->modified_time > deployments->last_instant)
            deployments->last_instant = deployment->record->modified_time;
        return true;
    }
    version = make_version(deployment, row->build_id);
    arena_free(version->arena);
    version->arena = arena;
    version->record = record;
    version_queues_add(deployments, version);
    deployment_find_routed(deployment);
    deployments->next_check_is_stale = true;
    return true;
}

bool deployments_have_changed(const struct deployments *deployments)
{
    return deployments->changes != NULL;
}

void deployments_each_change(struct deployments *deployments, struct arena *arena,
                             void (*each)(void *context, const struct deployment_row *row), void *context)
{
    struct deployment_change *change;

    DL_FOREACH (deployments->changes, change) {
        struct deployment_row row = {
            .namespace_id = change->deployment->namespace_id,
            .name = change->deployment->name,
            .build_id = change->version == NULL ? NULL : change->version->build_id,
            .is_deleted = change->is_deleted,
        };

        if (!row.is_deleted && change->version == NULL)
            row.record = pb_pack(arena, change->deployment->record);
        else if (!row.is_deleted)
            row.record = pb_pack(arena, change->version->record);
        each(context, &row);
    }
}

/* The record without what it has replaced. */
static void *compact(struct arena **arena, const void *record)
{
    struct arena *smaller = arena_new(RECORD_ARENA_BYTES);
    void *copy = pb_copy(smaller, record);

    arena_free(*arena);
    *arena = smaller;
    return copy;
}

void deployments_confirm(struct deployments *deployments)
{
    struct deployment_change *change, *next;

    /* Versions first: their changes need their deployments. */
    DL_FOREACH_SAFE (deployments->changes, change, next) {
        struct deployment_version *version = change->version;

        if (version == NULL)
            continue;
        DL_DELETE(deployments->changes, change);
        if (change->is_deleted) {
            version_queues_forget_answers(deployments);
            free_version(version);
            continue;
        }
        version->record = compact(&version->arena, version->record);
        version->change = NULL;
    }
    DL_FOREACH (deployments->changes, change) {
        struct deployment *deployment = change->deployment;

        if (change->is_deleted) {
            free_deployment(deployment);
            continue;
        }
        deployment->record = compact(&deployment->arena, deployment->record);
        deployment->change = NULL;
    }
    deployments->changes = NULL;
    arena_reset(deployments->changes_arena);
}

static void undo_version(struct deployments *deployments, struct deployment_change *change)
{
    struct deployment_version *version = change->version;

    if (!change->is_deleted) {
        version_queues_remove(deployments, version);
        HASH_DEL(version->deployment->versions, version);
    }
    if (change->is_new) {
        free_version(version);
        return;
    }
    version->record =
        pb_unpack(version->arena, &PbDeploymentVersionRecord_descriptor, change->before.data, change->before.len);
    version->change = NULL;
    HASH_ADD_STR(version->deployment->versions, build_id, version);
    version_queues_add(deployments, version);
}

static void undo_deployment(struct deployments *deployments, struct deployment_change *change)
{
    struct deployment *deployment = change->deployment;

    if (!change->is_deleted)
        HASH_DEL(deployments->by_name, deployment);
    if (change->is_new) {
        free_deployment(deployment);
        return;
    }
    deployment->record =
        pb_unpack(deployment->arena, &PbDeploymentRecord_descriptor, change->before.data, change->before.len);
    deployment->change = NULL;
    HASH_ADD_KEYPTR(hh, deployments->by_name, deployment->key, deployment->key_bytes, deployment);
}

void deployments_undo(struct deployments *deployments)
{
    struct deployment_change *change, *next;

    if (deployments->changes == NULL)
        return;
    version_queues_forget_answers(deployments);
    /* The last one first: `prev` of the head is the tail. */
    for (change = deployments->changes->prev;; change = next) {
        bool is_first = change == deployments->changes;

        next = change->prev;
        if (change->version != NULL)
            undo_version(deployments, change);
        else
            undo_deployment(deployments, change);
        if (is_first)
            break;
    }
    deployments->changes = NULL;
    arena_reset(deployments->changes_arena);
    for (struct deployment *deployment = deployments->by_name; deployment != NULL; deployment = deployment->hh.next)
        deployment_find_routed(deployment);
    deployments->next_check_is_stale = true;
}
