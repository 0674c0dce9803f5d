/*
 * The names of what tasks and polls meet at, and where a task queue sends work: what matching and the deployments both
 * speak of.
 */
#ifndef FERMATA_MATCHING_NAMES_H
#define FERMATA_MATCHING_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* temporal.api.enums.v1.TaskQueueType */
enum queue_type { QUEUE_WORKFLOW = 1, QUEUE_ACTIVITY = 2, QUEUE_NEXUS = 3 };

/* Names a task queue. `name` is borrowed during the call. */
struct queue_name {
    int64_t namespace_id;
    enum queue_type type;
    const char *name;
    bool is_sticky;
};

/* A worker's deployment version; both empty: unversioned. A build id alone is a version of the kind that came before
 * deployments: its workers poll apart, and nothing is sent to them. Borrowed during the call. */
struct queue_version {
    const char *deployment, *build_id;
};

/* Where a task queue sends work, and the revision of the routing config that says so. */
struct queue_target {
    struct queue_version version; /* empty: workers without a version */
    int64_t revision;
};

/* Where a task queue sends the tasks of workflows that are not pinned. Zeroed: to workers without a version. */
struct queue_routing {
    bool is_known; /* some version has the queue */
    bool has_ramping;
    struct queue_target current, ramping;
    double ramp_percentage;                                     /* 0 to 100; of workflow ids, by their hash */
    nanos current_changed, ramping_changed, percentage_changed; /* 0: never */
};

/* Whether `version` names one. */
bool queue_version_is_set(const struct queue_version *version);

/* Whether both are unversioned, or the same version. */
bool queue_version_equal(const struct queue_version *a, const struct queue_version *b);

#endif
