/*
 * The index of task queues, and where a queue sends new work. A queue may be in versions of several deployments. Each
 * of these that has a say proposes its current version, or none when it has no current one: a version goes before none,
 * and of two the one that was set last. The same for ramps, apart from it. A deployment whose current version does not
 * have the queue says nothing. What comes out is kept until any routing changes.
 */
#include <string.h>

#include "matching/deployments_internal.h"

/* ---- the index ---- */

static void key_of_queue(const struct deployments *deployments, int64_t namespace_id, enum queue_type type,
                         const char *name)
{
    deployments_key_begin(deployments, namespace_id);
    buffer_append_byte(deployments->key, (uint8_t)type);
    deployments_key_add(deployments, name);
}

static struct version_queue *find_queue(const struct deployments *deployments, int64_t namespace_id,
                                        enum queue_type type, const char *name)
{
    struct version_queue *queue;

    if (deployments->queues == NULL)
        return NULL; /* nobody uses versions: spares the key */
    key_of_queue(deployments, namespace_id, type, name);
    HASH_FIND(hh, deployments->queues, deployments->key->data, deployments->key->len, queue);
    return queue;
}

static struct version_queue *get_queue(struct deployments *deployments, int64_t namespace_id, enum queue_type type,
                                       const char *name)
{
    struct version_queue *queue = find_queue(deployments, namespace_id, type, name);

    if (queue != NULL)
        return queue;
    key_of_queue(deployments, namespace_id, type, name);
    queue = memory_new(sizeof(*queue) + deployments->key->len);
    memcpy(queue->key, deployments->key->data, deployments->key->len);
    queue->key_bytes = deployments->key->len;
    queue->namespace_id = namespace_id;
    queue->type = type;
    queue->name = queue->key + sizeof(namespace_id) + 1;
    HASH_ADD_KEYPTR(hh, deployments->queues, queue->key, queue->key_bytes, queue);
    return queue;
}

static void forget_queue(struct deployments *deployments, struct version_queue *queue)
{
    HASH_DEL(deployments->queues, queue);
    memory_free(queue->members);
    memory_free(queue);
}

static void add_member(struct version_queue *queue, struct deployment_version *version)
{
    if (queue->members_count == queue->members_capacity) {
        size_t capacity = queue->members_capacity == 0 ? 4 : queue->members_capacity * 2;
        struct deployment_version **larger = memory_new(sizeof(struct deployment_version *) * capacity);

        if (queue->members_count > 0)
            memcpy(larger, queue->members, sizeof(struct deployment_version *) * queue->members_count);
        memory_free(queue->members);
        queue->members = larger;
        queue->members_capacity = capacity;
    }
    queue->members[queue->members_count++] = version;
}

void version_queues_add_one(struct deployments *deployments, struct deployment_version *version,
                            const PbDeploymentVersionQueue *queue)
{
    add_member(get_queue(deployments, version->deployment->namespace_id, (enum queue_type)queue->type, queue->name),
               version);
    deployments->generation++;
}

void version_queues_add(struct deployments *deployments, struct deployment_version *version)
{
    for (size_t i = 0; i < version->record->n_queues; i++)
        version_queues_add_one(deployments, version, version->record->queues[i]);
}

void version_queues_remove(struct deployments *deployments, struct deployment_version *version)
{
    for (size_t i = 0; i < version->record->n_queues; i++) {
        const PbDeploymentVersionQueue *name = version->record->queues[i];
        struct version_queue *queue =
            find_queue(deployments, version->deployment->namespace_id, (enum queue_type)name->type, name->name);
        size_t place = 0;

        invariant(queue != NULL, "a version's queue is not in the index"); /* D1 */
        while (queue->members[place] != version)
            place++;
        queue->members_count--;
        memmove(&queue->members[place], &queue->members[place + 1],
                sizeof(struct deployment_version *) * (queue->members_count - place));
        if (queue->members_count == 0)
            forget_queue(deployments, queue);
    }
    deployments->generation++;
}

void version_queues_forget_answers(struct deployments *deployments)
{
    for (struct version_queue *queue = deployments->queues; queue != NULL; queue = queue->hh.next)
        queue->generation = 0;
}

size_t deployments_queue_versions_count(const struct deployments *deployments, const struct queue_name *queue)
{
    const struct version_queue *known = find_queue(deployments, queue->namespace_id, queue->type, queue->name);

    return known == NULL ? 0 : known->members_count;
}

void version_queues_free(struct deployments *deployments)
{
    struct version_queue *queue, *next;

    HASH_ITER (hh, deployments->queues, queue, next) {
        forget_queue(deployments, queue);
    }
}

/* ---- what a queue says ---- */

static struct queue_target target_of(const struct deployment *deployment, const struct deployment_version *version)
{
    struct queue_target target = {.revision = deployment->record->revision};

    if (version != NULL)
        target.version = (struct queue_version){.deployment = deployment->name, .build_id = version->build_id};
    return target;
}

/* A proposal for the current version, or for the ramp: by a deployment whose choice is the queue's own, or none. */
struct proposal {
    const struct deployment *by;
    nanos at;
    bool is_versioned;
};

static void consider(struct proposal *best, const struct deployment *by, bool is_versioned, nanos at)
{
    if (is_versioned == best->is_versioned ? at > best->at : is_versioned && at > 0)
        *best = (struct proposal){.by = by, .at = at, .is_versioned = is_versioned};
}

static void compute(struct version_queue *queue)
{
    struct proposal current = {0}, ramping = {0};
    struct queue_routing *routing = &queue->routing;

    for (size_t i = 0; i < queue->members_count; i++) {
        const struct deployment *deployment = queue->members[i]->deployment;
        const PbDeploymentRecord *record = deployment->record;

        if (deployment->current == NULL || deployment->current == queue->members[i])
            consider(&current, deployment, deployment->current != NULL, record->current_changed_time);
        if (deployment->ramping == NULL || deployment->ramping == queue->members[i])
            consider(&ramping, deployment, deployment->ramping != NULL, record->percentage_changed_time);
    }
    *routing = (struct queue_routing){.is_known = true};
    if (current.by != NULL) {
        routing->current = target_of(current.by, current.by->current);
        routing->current_changed = current.at;
    }
    if (ramping.by != NULL) {
        const PbDeploymentRecord *record = ramping.by->record;

        routing->has_ramping = ramping.is_versioned || record->ramp_percentage != 0;
        routing->ramping = target_of(ramping.by, ramping.by->ramping);
        routing->ramp_percentage = (double)record->ramp_percentage;
        routing->ramping_changed = record->ramping_changed_time;
        routing->percentage_changed = ramping.at;
    }
}

static const struct queue_routing *routing_of(const struct deployments *deployments, struct version_queue *queue)
{
    if (queue->generation != deployments->generation) {
        compute(queue);
        queue->generation = deployments->generation;
    }
    return &queue->routing;
}

void deployments_routing(const struct deployments *deployments, const struct queue_name *queue,
                         struct queue_routing *ret_routing)
{
    struct version_queue *known = find_queue(deployments, queue->namespace_id, queue->type, queue->name);

    if (known != NULL)
        *ret_routing = *routing_of(deployments, known);
    else
        *ret_routing = (struct queue_routing){0};
}

bool deployments_version_has_queue(const struct deployments *deployments, int64_t namespace_id,
                                   const struct queue_version *version, enum queue_type type, const char *queue)
{
    const struct version_queue *known = find_queue(deployments, namespace_id, type, queue);

    if (known == NULL)
        return false;
    for (size_t i = 0; i < known->members_count; i++)
        if (strcmp(known->members[i]->build_id, version->build_id) == 0 &&
            strcmp(known->members[i]->deployment->name, version->deployment) == 0)
            return true;
    return false;
}

void deployment_find_routed(struct deployment *deployment)
{
    const PbDeploymentRecord *record = deployment->record;

    deployment->current =
        record->current_build_id[0] == '\0' ? NULL : deployment_find_version(deployment, record->current_build_id);
    deployment->ramping =
        record->ramping_build_id[0] == '\0' ? NULL : deployment_find_version(deployment, record->ramping_build_id);
}

/* ---- telling ---- */

static bool sends_alike(const struct queue_routing *a, const struct queue_routing *b)
{
    return queue_version_equal(&a->current.version, &b->current.version) && a->has_ramping == b->has_ramping &&
           queue_version_equal(&a->ramping.version, &b->ramping.version) && a->ramp_percentage == b->ramp_percentage;
}

/* A queue that nobody has asked about has no tasks that went by the answer. */
static void tell_queue(struct deployments *deployments, struct version_queue *queue)
{
    struct queue_name name = {.namespace_id = queue->namespace_id, .type = queue->type, .name = queue->name};
    struct queue_routing before = queue->routing;
    bool was_asked = queue->generation != 0;

    if (queue->told == deployments->rounds)
        return;
    queue->told = deployments->rounds;
    if (deployments->routing_changed != NULL && (!was_asked || !sends_alike(&before, routing_of(deployments, queue))))
        deployments->routing_changed(deployments->listener, &name);
}

void deployment_tell_routing(struct deployments *deployments, const struct deployment *deployment)
{
    deployments->generation++;
    deployments->rounds++;
    for (struct deployment_version *version = deployment->versions; version != NULL; version = version->hh.next)
        for (size_t i = 0; i < version->record->n_queues; i++) {
            const PbDeploymentVersionQueue *queue = version->record->queues[i];

            tell_queue(deployments,
                       find_queue(deployments, deployment->namespace_id, (enum queue_type)queue->type, queue->name));
        }
}

void deployments_tell_queue(struct deployments *deployments, int64_t namespace_id, enum queue_type type,
                            const char *name)
{
    struct queue_name queue = {.namespace_id = namespace_id, .type = type, .name = name};

    /* Told even if new work goes where it went: whether a version has the queue decides about activities of workflows
     * that are pinned to it. */
    if (deployments->routing_changed != NULL)
        deployments->routing_changed(deployments->listener, &queue);
}
