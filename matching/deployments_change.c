/*
 * Changes of routing: which version is current, which one ramps, and who may say so. Each checks in the order of the
 * real server, since the first mistake is the one that a client hears of: nothing to change, token, unknown version,
 * manager, missing queues.
 */
#include <string.h>

#include "matching/deployment_texts.h"
#include "matching/deployments_internal.h"
#include "proto/pb.h"

/* ---- conflict tokens ---- */

/* Seconds from the year 1 to 1970. */
#define YEAR_ONE_TO_EPOCH INT64_C(62135596800)

static uint8_t *put_big_endian(uint8_t *place, uint64_t value, int bytes)
{
    while (bytes-- > 0)
        *place++ = (uint8_t)(value >> (8 * bytes));
    return place;
}

void deployment_conflict_token(const struct deployment *deployment, uint8_t ret_token[CONFLICT_TOKEN_BYTES])
{
    enum { FORMAT = 1, UTC = 0xffff };
    nanos instant = deployment->record->conflict_token;

    ret_token = put_big_endian(ret_token, FORMAT, 1);
    ret_token = put_big_endian(ret_token, (uint64_t)(instant / NANOS_PER_SECOND + YEAR_ONE_TO_EPOCH), 8);
    ret_token = put_big_endian(ret_token, (uint64_t)(instant % NANOS_PER_SECOND), 4);
    put_big_endian(ret_token, UTC, 2);
}

static status check_token(const struct deployment *deployment, struct bytes token)
{
    uint8_t present[CONFLICT_TOKEN_BYTES];

    deployment_conflict_token(deployment, present);
    if (token.len > 0 && !bytes_equal(token, (struct bytes){present, sizeof(present)}))
        return status_error(GRPC_FAILED_PRECONDITION, TEXT_CONFLICT_TOKEN);
    return status_ok();
}

/* ---- what all of them check ---- */

status deployment_check_manager(struct arena *arena, const struct deployment *deployment, const char *identity)
{
    const char *manager = deployment->record->manager_identity;

    if (manager[0] == '\0' || strcmp(manager, identity) == 0)
        return status_ok();
    return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_OTHER_MANAGER, manager, identity);
}

static bool was_changed_by(const struct deployment *deployment, const char *identity)
{
    return strcmp(deployment->record->last_modifier_identity, identity) == 0;
}

/* That the version is there, or may be made. */
static status check_version_known(struct arena *arena, const struct deployment *deployment,
                                  const struct routing_change *change)
{
    if (change->build_id[0] == '\0' || change->allows_no_pollers ||
        deployment_find_version(deployment, change->build_id) != NULL)
        return status_ok();
    return deployment_version_not_found(arena, change->name, change->build_id);
}

/* Whether workflows at this queue of the current version would be left to workers without a version. A queue that no
 * task comes to does not count, nor does one that has moved to another deployment. */
static bool is_missed(const struct deployments *deployments, const struct deployment_version *current,
                      const PbDeploymentVersionQueue *missing)
{
    const struct queue_version version = {.deployment = current->deployment->name, .build_id = current->build_id};
    const struct queue_name queue = {.namespace_id = current->deployment->namespace_id,
                                     .type = (enum queue_type)missing->type,
                                     .name = missing->name};
    struct queue_routing routing;

    deployments_routing(deployments, &queue, &routing);
    return queue_version_equal(&routing.current.version, &version) && deployments->ports.is_busy != NULL &&
           deployments->ports.is_busy(deployments->ports.context, &queue, &version);
}

/* That the version which takes over from the current one has its queues. `what`: "current" or "ramping". */
static status check_missing_queues(const struct deployments *deployments, struct arena *arena,
                                   const struct deployment *deployment, const struct routing_change *change,
                                   const char *what)
{
    const struct deployment_version *current = deployment->current;
    const struct queue_version proposed = {.deployment = change->name, .build_id = change->build_id};

    if (change->ignores_missing_queues || current == NULL || change->build_id[0] == '\0')
        return status_ok();
    for (size_t i = 0; i < current->record->n_queues; i++) {
        const PbDeploymentVersionQueue *queue = current->record->queues[i];

        if (!deployments_version_has_queue(deployments, deployment->namespace_id, &proposed,
                                           (enum queue_type)queue->type, queue->name) &&
            is_missed(deployments, current, queue))
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_MISSING_QUEUES, what, change->name,
                                 change->build_id, what);
    }
    return status_ok();
}

/* The deployment of a change, made when that is allowed and there is none. */
static status find_or_make(struct deployments *deployments, struct arena *arena, const struct routing_change *change,
                           nanos instant, struct deployment **ret_deployment)
{
    if (!change->allows_no_pollers) {
        *ret_deployment = deployments_find(deployments, change->namespace_id, change->name);
        return *ret_deployment == NULL ? deployment_not_found(arena, change->name) : status_ok();
    }
    return deployments_get(deployments, arena, change->namespace_id, change->name, instant, ret_deployment);
}

/* The version of a change, made when there is none; NULL when it names none. */
static status find_or_make_version(struct deployments *deployments, struct arena *arena, struct deployment *deployment,
                                   const struct routing_change *change, nanos instant,
                                   struct deployment_version **ret_version)
{
    *ret_version = NULL;
    if (change->build_id[0] == '\0')
        return status_ok();
    *ret_version = deployment_find_version(deployment, change->build_id);
    if (*ret_version != NULL)
        return status_ok();
    return deployment_make_version(deployments, arena, deployment, change->build_id,
                                   WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE, instant, ret_version);
}

/* ---- carrying out ---- */

/* Takes note of who changed it, which also makes old tokens void. */
static void sign(struct deployments *deployments, struct deployment *deployment, const char *identity, nanos instant)
{
    deployment_touch(deployments, deployment);
    deployment->record->last_modifier_identity = arena_strdup(deployment->arena, identity);
    deployment->record->conflict_token = deployment->record->modified_time = instant;
}

/* The version becomes current or ramping, or goes on ramping at another percentage. */
static void activate(struct deployments *deployments, struct deployment_version *version,
                     PbWorkerDeploymentVersionStatus version_status, nanos instant)
{
    PbDeploymentVersionRecord *record;

    deployment_version_touch(deployments, version);
    record = version->record;
    record->status = (int32_t)version_status;
    record->routing_changed_time = instant;
    record->current_since_time = record->ramping_since_time = 0;
    record->last_deactivation_time = 0;
    record->drainage_changed_time = record->drainage_checked_time = 0;
    if (record->first_activation_time == 0)
        record->first_activation_time = instant;
}

static void set_current(struct deployments *deployments, struct deployment *deployment,
                        struct deployment_version *version, nanos instant)
{
    struct deployment_version *before = deployment->current;
    PbDeploymentRecord *record;

    deployment_touch(deployments, deployment);
    record = deployment->record;
    if (version == NULL ? record->is_ramping_to_unversioned : deployment->ramping == version) {
        record->ramping_build_id = "";
        record->is_ramping_to_unversioned = false;
        record->ramp_percentage = 0;
        record->ramping_changed_time = record->percentage_changed_time = instant;
        deployment->ramping = NULL;
    }
    record->current_build_id = version == NULL ? "" : arena_strdup(deployment->arena, version->build_id);
    record->current_changed_time = instant;
    record->revision++;
    deployment->current = version;
    if (version != NULL) {
        activate(deployments, version, WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT, instant);
        version->record->current_since_time = version->record->last_current_time = instant;
    }
    if (before != NULL)
        deployment_version_drain(deployments, before, instant);
}

static void set_ramping(struct deployments *deployments, struct deployment *deployment,
                        struct deployment_version *version, bool is_unversioned, float percentage, nanos instant)
{
    struct deployment_version *before = deployment->ramping;
    bool is_other = before != version || deployment->record->is_ramping_to_unversioned != is_unversioned;
    PbDeploymentRecord *record;

    deployment_touch(deployments, deployment);
    record = deployment->record;
    record->ramping_build_id = version == NULL ? "" : arena_strdup(deployment->arena, version->build_id);
    record->is_ramping_to_unversioned = is_unversioned;
    record->ramp_percentage = percentage;
    if (is_other)
        record->ramping_changed_time = instant;
    record->percentage_changed_time = instant;
    record->revision++;
    deployment->ramping = version;
    if (version != NULL) {
        activate(deployments, version, WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING, instant);
        version->record->ramping_since_time = record->ramping_changed_time;
    }
    if (before != NULL && is_other)
        deployment_version_drain(deployments, before, instant);
}

/* ---- the three changes ---- */

status deployments_set_current(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, nanos now, struct routing_before *ret_before)
{
    nanos instant = deployments_instant(deployments, now);
    struct deployment *deployment;
    struct deployment_version *version;
    bool is_other;

    TRY(find_or_make(deployments, arena, change, instant, &deployment));
    *ret_before = (struct routing_before){
        .build_id = arena_strdup(arena, deployment->record->current_build_id),
    };
    is_other = strcmp(ret_before->build_id, change->build_id) != 0;
    if (!is_other && was_changed_by(deployment, change->identity))
        return status_ok();
    TRY(check_token(deployment, change->conflict_token));
    TRY(check_version_known(arena, deployment, change));
    TRY(deployment_check_manager(arena, deployment, change->identity));
    if (is_other)
        TRY(check_missing_queues(deployments, arena, deployment, change, "current"));
    TRY(find_or_make_version(deployments, arena, deployment, change, instant, &version));
    if (is_other) {
        set_current(deployments, deployment, version, instant);
        deployment_tell_routing(deployments, deployment);
    }
    sign(deployments, deployment, change->identity, instant);
    return status_ok();
}

status deployments_set_ramping(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, bool is_unversioned, float percentage, nanos now,
                               struct routing_before *ret_before)
{
    nanos instant = deployments_instant(deployments, now);
    struct deployment *deployment;
    struct deployment_version *version;
    const PbDeploymentRecord *record;
    bool is_other, is_new_share, is_current;

    TRY(find_or_make(deployments, arena, change, instant, &deployment));
    record = deployment->record;
    *ret_before = (struct routing_before){
        .is_unversioned = record->is_ramping_to_unversioned,
        .build_id = arena_strdup(arena, record->ramping_build_id),
        .percentage = record->ramp_percentage,
    };
    is_other =
        strcmp(record->ramping_build_id, change->build_id) != 0 || record->is_ramping_to_unversioned != is_unversioned;
    is_new_share = is_other || record->ramp_percentage != percentage;
    if (!is_new_share && was_changed_by(deployment, change->identity))
        return status_ok();
    TRY(check_token(deployment, change->conflict_token));
    is_current = is_unversioned
                     ? deployment->current == NULL && percentage != 0
                     : change->build_id[0] != '\0' && strcmp(record->current_build_id, change->build_id) == 0;
    if (is_current)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, TEXT_RAMPING_IS_CURRENT,
                             is_unversioned ? "__unversioned__"
                                            : arena_printf(arena, "%s.%s", change->name, change->build_id));
    TRY(check_version_known(arena, deployment, change));
    TRY(deployment_check_manager(arena, deployment, change->identity));
    if (is_other)
        TRY(check_missing_queues(deployments, arena, deployment, change, "ramping"));
    TRY(find_or_make_version(deployments, arena, deployment, change, instant, &version));
    if (is_new_share) {
        set_ramping(deployments, deployment, version, is_unversioned, percentage, instant);
        deployment_tell_routing(deployments, deployment);
    }
    sign(deployments, deployment, change->identity, instant);
    return status_ok();
}

status deployments_set_manager(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, const char *manager, nanos now,
                               const char **ret_before)
{
    struct deployment *deployment = deployments_find(deployments, change->namespace_id, change->name);

    if (deployment == NULL)
        return status_detail(arena, GRPC_NOT_FOUND, ARENA_NEW_PB(arena, PbNotFoundFailure),
                             TEXT_DEPLOYMENT_WORKFLOW_NOT_FOUND, change->name);
    *ret_before = arena_strdup(arena, deployment->record->manager_identity);
    if (strcmp(*ret_before, manager) == 0 && was_changed_by(deployment, change->identity))
        return status_ok();
    TRY(check_token(deployment, change->conflict_token));
    sign(deployments, deployment, change->identity, deployments_instant(deployments, now));
    deployment->record->manager_identity = arena_strdup(deployment->arena, manager);
    return status_ok();
}
