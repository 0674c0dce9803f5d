/*
 * Worker deployments and their versions: which there are, which task queues belong to which version, and which version
 * new work of a queue goes to. In memory and pure: no database, no sockets, and time comes as an argument. What is kept
 * of each is a message that can be stored as it is (proto/fermata/deployment.proto); its owner in server/services
 * stores what changed_each names before the turn's commit, and then confirms or undoes all of it.
 *
 *      a poll, or a call ──▶ versions and their queues ──▶ deployments_routing: where a queue sends tasks
 *      set current, ramp ──▶ routing of the deployment ─┘         │ the listener: these queues are to be asked again
 *                                       │
 *                                       ▼ neither current nor ramping any more
 *      pinned runs: open, closed ──▶ DRAINING ── none is left ──▶ DRAINED
 *
 * D1  A version belongs to a deployment that is there; a queue of a version is in the index of queues, and no other is.
 * D2  A deployment's current and ramping versions are versions of it, and they are two.
 * D3  Statuses follow from routing: CURRENT and RAMPING are those that it names, and no others.
 * D4  Instants of changes grow strictly, so that of two changes one is the newer, also within a turn.
 *
 * A version costs about a kilobyte, and some hundred bytes for each of its task queues.
 */
#ifndef FERMATA_MATCHING_DEPLOYMENTS_H
#define FERMATA_MATCHING_DEPLOYMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "matching/names.h"
#include "proto/api.h"

struct deployments;
struct deployment;
struct deployment_version;

/* How many there may be, as the real server's matching.max... say. */
struct deployments_limits {
    int32_t deployments_max;    /* per namespace */
    int32_t versions_max;       /* per deployment */
    int32_t version_queues_max; /* names of task queues per version */
    int32_t queue_versions_max; /* versions per task queue and type; one more is let in, as there */
    /* When a version that drains is looked at: after it began, and again after each look. Else: all the time. */
    bool checks_drainage_at_intervals;
    nanos drainage_first_check, drainage_next_check;
    bool reactivates; /* whether pinning a workflow to a drained version makes it drain again */
};

/* What deployments ask of matching. */
struct deployments_ports {
    void *context;
    /* Whether a worker of the version has polled any queue lately (matching.PollerHistoryTTL). */
    bool (*has_pollers)(void *context, int64_t namespace_id, const struct queue_version *version);
    /* Whether tasks wait for the version at that queue, or some came in the last seconds. */
    bool (*is_busy)(void *context, const struct queue_name *queue, const struct queue_version *version);
};

/* Makes an empty set; `limits` are borrowed. */
struct deployments *deployments_new(const struct deployments_limits *limits);

/* Frees it; NULL is accepted. */
void deployments_free(struct deployments *deployments);

/* Says whom to ask; without, nobody polls and nothing is busy. */
void deployments_set_ports(struct deployments *deployments, const struct deployments_ports *ports);

/* Calls `routing_changed` for each task queue whose routing may have changed, after the change. */
void deployments_set_listener(struct deployments *deployments,
                              void (*routing_changed)(void *context, const struct queue_name *queue), void *context);

/* ---- where tasks go ---- */

/* The routing of a queue; `queue->is_sticky` is ignored. Texts are borrowed until deployments change. */
void deployments_routing(const struct deployments *deployments, const struct queue_name *queue,
                         struct queue_routing *ret_routing);

/* Whether workers of the version have polled this queue. */
bool deployments_version_has_queue(const struct deployments *deployments, int64_t namespace_id,
                                   const struct queue_version *version, enum queue_type type, const char *queue);

/* The status of a version; UNSPECIFIED when there is no such version. */
PbWorkerDeploymentVersionStatus deployments_version_status(const struct deployments *deployments, int64_t namespace_id,
                                                           const struct queue_version *version);

/* ---- what there is ---- */

/* NULL: there is none of that name. */
struct deployment *deployments_find(const struct deployments *deployments, int64_t namespace_id, const char *name);
struct deployment_version *deployment_find_version(const struct deployment *deployment, const char *build_id);

/* NOT_FOUND, in the real server's words. */
status deployment_not_found(struct arena *arena, const char *name);
status deployment_version_not_found(struct arena *arena, const char *name, const char *build_id);

/* What is known of one. Borrowed until it changes. */
const char *deployment_name(const struct deployment *deployment);
const PbDeploymentRecord *deployment_record(const struct deployment *deployment);
const char *deployment_version_build_id(const struct deployment_version *version);
const PbDeploymentVersionRecord *deployment_version_record(const struct deployment_version *version);
PbWorkerDeploymentVersionStatus deployment_version_status(const struct deployment_version *version);

/* What a client shows to prove that it knows the deployment's present state; another one after each change of routing
 * or manager. An instant as Go writes it, like the real server's. */
enum { CONFLICT_TOKEN_BYTES = 15 };
void deployment_conflict_token(const struct deployment *deployment, uint8_t ret_token[CONFLICT_TOKEN_BYTES]);

/* The versions of a deployment, the newest first, in `arena`. */
size_t deployment_versions(const struct deployment *deployment, struct arena *arena,
                           struct deployment_version ***ret_versions);

/* The deployments of a namespace, that which was changed last first, in `arena`. */
size_t deployments_list(const struct deployments *deployments, int64_t namespace_id, struct arena *arena,
                        struct deployment ***ret_list);

/* ---- changes: each checks in the real server's order and answers in its words ---- */

/* A worker of `version` polls `queue`: makes what is not there yet. RESOURCE_EXHAUSTED when a limit is reached. */
status deployments_register(struct deployments *deployments, struct arena *arena, const struct queue_name *queue,
                            const struct queue_version *version, nanos now);

/* Makes a deployment. The same `request_id` again is no mistake. */
status deployments_create(struct deployments *deployments, struct arena *arena, int64_t namespace_id, const char *name,
                          const char *identity, const char *request_id, nanos now);

/* Makes a version in status CREATED. `compute_config` may be NULL. */
status deployments_create_version(struct deployments *deployments, struct arena *arena, int64_t namespace_id,
                                  const struct queue_version *version, const PbComputeConfig *compute_config,
                                  const char *identity, const char *request_id, nanos now);

/* What the two that change routing have in common. */
struct routing_change {
    int64_t namespace_id;
    const char *name;     /* of the deployment */
    const char *build_id; /* "": none */
    const char *identity;
    struct bytes conflict_token; /* empty: none */
    bool ignores_missing_queues, allows_no_pollers;
};

/* What was there before. Texts are in the arena. */
struct routing_before {
    bool is_unversioned;  /* a ramp to workers without a version */
    const char *build_id; /* "": none */
    float percentage;
};

/* Sets the version that new work goes to. */
status deployments_set_current(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, nanos now, struct routing_before *ret_before);

/* Sets the version that a share of new work goes to. `is_unversioned`: to workers without a version; with neither that
 * nor a build id the ramp ends. */
status deployments_set_ramping(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, bool is_unversioned, float percentage, nanos now,
                               struct routing_before *ret_before);

/* Sets who alone may change routing; "" is anybody. `ret_before`: who it was, in `arena`. */
status deployments_set_manager(struct deployments *deployments, struct arena *arena,
                               const struct routing_change *change, const char *manager, nanos now,
                               const char **ret_before);

/* Deletes a version. One that is not there is no mistake. */
status deployments_delete_version(struct deployments *deployments, struct arena *arena, int64_t namespace_id,
                                  const struct queue_version *version, bool skip_drainage, const char *identity,
                                  nanos now);

/* Deletes a deployment without versions. One that is not there is no mistake. */
status deployments_delete(struct deployments *deployments, int64_t namespace_id, const char *name);

/* Sets entries of a version's metadata, then takes out those to be removed, as the request says. */
void deployment_version_set_metadata(struct deployments *deployments, struct deployment_version *version,
                                     const PbUpdateWorkerDeploymentVersionMetadataRequest *request);

/* Replaces a version's compute config (copied). */
void deployment_version_set_compute_config(struct deployments *deployments, struct deployment_version *version,
                                           const PbComputeConfig *config, const char *identity);

/* ---- drainage ---- */

/* So many open runs more, or fewer, are pinned to a version (by behaviour or override, transitions aside). Kept also
 * for versions that do not exist. */
void deployments_count_pinned(struct deployments *deployments, int64_t namespace_id,
                              const struct queue_version *version, int delta);

/* How many there are. */
int64_t deployments_pinned_count(const struct deployments *deployments, int64_t namespace_id,
                                 const struct queue_version *version);

/* All runs that were open at the start have been counted: from now on versions may turn out to be drained. */
void deployments_counting_done(struct deployments *deployments);

/* A workflow was pinned to the version by an override: one that is drained or was never used drains again. */
void deployments_reactivate(struct deployments *deployments, int64_t namespace_id, const struct queue_version *version,
                            nanos now);

/* Looks at the versions whose time it is. */
void deployments_check_drainage(struct deployments *deployments, nanos now);

/* When to look next (NANOS_MAX: something has to happen first), if that may have changed since this was last asked. */
bool deployments_next_check(struct deployments *deployments, nanos *ret_due);

/* ---- storing ---- */

/* What became of one deployment, or of a version of it. */
struct deployment_row {
    int64_t namespace_id;
    const char *name, *build_id; /* build_id NULL: the deployment itself */
    struct bytes record;         /* packed */
    bool is_deleted;
};

/* Adds what was stored, a deployment before its versions. False: the record cannot be read, or its deployment is not
 * there. */
bool deployments_restore(struct deployments *deployments, const struct deployment_row *row);

/* Whether anything has changed since the last confirmation. */
bool deployments_have_changed(const struct deployments *deployments);

/* Calls `each` for everything that has to be stored; what it is given lives in `arena`. */
void deployments_each_change(struct deployments *deployments, struct arena *arena,
                             void (*each)(void *context, const struct deployment_row *row), void *context);

/* The changes are stored for good. */
void deployments_confirm(struct deployments *deployments);

/* They are not, and all is as it was before them. The listener is not told, for this is not the moment: a turn is being
 * undone. Whoever keeps answers asks for all again in the next one (matching_reroute_all). */
void deployments_undo(struct deployments *deployments);

#endif
