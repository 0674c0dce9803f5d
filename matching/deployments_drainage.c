/*
 * Drainage: a version that routing has dropped drains until no open run is pinned to it. How many are is counted by
 * those who know the runs, so nothing is searched for and the verdict comes at once: DRAINING is to be seen for a
 * second at least, and then the version is DRAINED as soon as the last run closes. When intervals are configured, it is
 * looked at then and only then, as on the real server.
 *
 * After a start the counts are void until all open runs have been counted; until then nothing is drained.
 */
#include <string.h>

#include "matching/deployments_internal.h"

/* For how long those who watch a deployment can see that a version drains. */
#define DRAINING_VISIBLE NANOS_PER_SECOND

/* ---- counting ---- */

static struct pinned_count *find_count(const struct deployments *deployments, int64_t namespace_id,
                                       const struct queue_version *version)
{
    struct pinned_count *pinned;

    if (deployments->pinned == NULL)
        return NULL;
    deployments_key_begin(deployments, namespace_id);
    deployments_key_add(deployments, version->deployment);
    deployments_key_add(deployments, version->build_id);
    HASH_FIND(hh, deployments->pinned, deployments->key->data, deployments->key->len, pinned);
    return pinned;
}

int64_t deployments_pinned_count(const struct deployments *deployments, int64_t namespace_id,
                                 const struct queue_version *version)
{
    const struct pinned_count *pinned = find_count(deployments, namespace_id, version);

    return pinned == NULL ? 0 : pinned->count;
}

static struct pinned_count *add_count(struct deployments *deployments, int64_t namespace_id,
                                      const struct queue_version *version)
{
    struct pinned_count *pinned;

    deployments_key_begin(deployments, namespace_id);
    deployments_key_add(deployments, version->deployment);
    deployments_key_add(deployments, version->build_id);
    pinned = memory_new(sizeof(*pinned) + deployments->key->len);
    memcpy(pinned->key, deployments->key->data, deployments->key->len);
    pinned->key_bytes = deployments->key->len;
    HASH_ADD_KEYPTR(hh, deployments->pinned, pinned->key, pinned->key_bytes, pinned);
    return pinned;
}

void deployments_count_pinned(struct deployments *deployments, int64_t namespace_id,
                              const struct queue_version *version, int delta)
{
    struct pinned_count *pinned = find_count(deployments, namespace_id, version);

    if (pinned == NULL)
        pinned = add_count(deployments, namespace_id, version);
    pinned->count += delta;
    invariant(pinned->count >= 0, "%lld runs are pinned to a version", (long long)pinned->count);
    if (pinned->count > 0)
        return;
    HASH_DEL(deployments->pinned, pinned);
    memory_free(pinned);
    if (deployments_version_status(deployments, namespace_id, version) == WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
        deployments->next_check_is_stale = true;
}

void deployments_counting_done(struct deployments *deployments)
{
    deployments->is_counting_done = true;
    deployments->next_check_is_stale = true;
}

void pinned_counts_free(struct deployments *deployments)
{
    struct pinned_count *pinned, *next;

    HASH_ITER (hh, deployments->pinned, pinned, next) {
        HASH_DEL(deployments->pinned, pinned);
        memory_free(pinned);
    }
}

/* ---- draining ---- */

/* Makes it DRAINING with fresh times. */
static void begin_drainage(struct deployments *deployments, struct deployment_version *version, nanos instant)
{
    deployment_version_touch(deployments, version);
    version->record->status = WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING;
    version->record->drainage_changed_time = version->record->drainage_checked_time = instant;
    deployments->next_check_is_stale = true;
}

void deployment_version_drain(struct deployments *deployments, struct deployment_version *version, nanos instant)
{
    begin_drainage(deployments, version, instant);
    version->record->routing_changed_time = version->record->last_deactivation_time = instant;
    version->record->current_since_time = version->record->ramping_since_time = 0;
}

void deployments_reactivate(struct deployments *deployments, int64_t namespace_id, const struct queue_version *version,
                            nanos now)
{
    const struct deployment *deployment = deployments_find(deployments, namespace_id, version->deployment);
    struct deployment_version *found =
        deployment == NULL ? NULL : deployment_find_version(deployment, version->build_id);
    PbWorkerDeploymentVersionStatus present =
        found == NULL ? WORKER_DEPLOYMENT_VERSION_STATUS_UNSPECIFIED : deployment_version_status(found);

    if (deployments->limits->reactivates &&
        (present == WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED || present == WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE))
        begin_drainage(deployments, found, deployments_instant(deployments, now));
}

/* ---- looking ---- */

static bool is_drained(const struct deployments *deployments, const struct deployment_version *version)
{
    const struct queue_version name = {.deployment = version->deployment->name, .build_id = version->build_id};

    return deployments_pinned_count(deployments, version->deployment->namespace_id, &name) == 0;
}

/* When to look at a version; NANOS_MAX: not before something has happened. */
static nanos due_of(const struct deployments *deployments, const struct deployment_version *version)
{
    const PbDeploymentVersionRecord *record = version->record;
    const struct deployments_limits *limits = deployments->limits;

    if (deployment_version_status(version) != WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING ||
        !deployments->is_counting_done)
        return NANOS_MAX;
    if (limits->checks_drainage_at_intervals)
        return record->drainage_checked_time == record->drainage_changed_time
                   ? nanos_add(record->drainage_changed_time, limits->drainage_first_check)
                   : nanos_add(record->drainage_checked_time, limits->drainage_next_check);
    return is_drained(deployments, version) ? nanos_add(record->drainage_changed_time, DRAINING_VISIBLE) : NANOS_MAX;
}

static void look_at(struct deployments *deployments, struct deployment_version *version, nanos now)
{
    deployment_version_touch(deployments, version);
    /* Later than the beginning, however coarse the clock: that the two are equal means that nobody has looked. */
    version->record->drainage_checked_time =
        now > version->record->drainage_changed_time ? now : version->record->drainage_changed_time + 1;
    if (is_drained(deployments, version)) {
        version->record->status = WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED;
        version->record->drainage_changed_time = version->record->drainage_checked_time;
    }
}

void deployments_check_drainage(struct deployments *deployments, nanos now)
{
    for (struct deployment *deployment = deployments->by_name; deployment != NULL; deployment = deployment->hh.next)
        for (struct deployment_version *version = deployment->versions; version != NULL; version = version->hh.next)
            if (due_of(deployments, version) <= now)
                look_at(deployments, version, now);
    deployments->next_check_is_stale = true;
}

bool deployments_next_check(struct deployments *deployments, nanos *ret_due)
{
    if (!deployments->next_check_is_stale)
        return false;
    deployments->next_check_is_stale = false;
    *ret_due = NANOS_MAX;
    for (struct deployment *deployment = deployments->by_name; deployment != NULL; deployment = deployment->hh.next)
        for (struct deployment_version *version = deployment->versions; version != NULL; version = version->hh.next) {
            nanos due = due_of(deployments, version);

            if (due < *ret_due)
                *ret_due = due;
        }
    return true;
}
