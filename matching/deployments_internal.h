/* What the files of matching/deployments*.c share, and nobody else. */
#ifndef FERMATA_MATCHING_DEPLOYMENTS_INTERNAL_H
#define FERMATA_MATCHING_DEPLOYMENTS_INTERNAL_H

#include "base/hash_table.h"
#include "matching/deployments.h"

/* A change of one entity that is not confirmed yet. In the arena of changes. */
struct deployment_change {
    struct deployment_change *next, *prev;
    struct deployment *deployment;
    struct deployment_version *version; /* NULL: of the deployment itself */
    bool is_new, is_deleted;
    struct bytes before; /* the packed record, unless it is new */
};

struct deployment_version {
    UT_hash_handle hh; /* by build id, in its deployment */
    struct deployment *deployment;
    struct arena *arena; /* of the record; made anew with each confirmation, so that replaced texts go */
    PbDeploymentVersionRecord *record;
    struct deployment_change *change;
    char build_id[];
};

struct deployment {
    UT_hash_handle hh; /* by namespace and name */
    struct arena *arena;
    PbDeploymentRecord *record;
    struct deployment_version *versions;          /* uthash */
    struct deployment_version *current, *ramping; /* what the record names */
    struct deployment_change *change;
    int64_t namespace_id;
    char *name; /* inside the key */
    size_t key_bytes;
    char key[];
};

/* A task queue of some version, with all versions that have it. */
struct version_queue {
    UT_hash_handle hh; /* by namespace, type and name */
    struct deployment_version **members;
    size_t members_count, members_capacity;
    struct queue_routing routing; /* as of `generation` */
    uint64_t generation;          /* 0: never computed */
    uint64_t told;                /* the last round of telling that has met it */
    int64_t namespace_id;
    enum queue_type type;
    char *name; /* inside the key */
    size_t key_bytes;
    char key[];
};

/* Open runs that are pinned to one version. */
struct pinned_count {
    UT_hash_handle hh; /* by namespace, deployment and build id */
    int64_t count;
    size_t key_bytes;
    char key[];
};

struct deployments {
    const struct deployments_limits *limits;
    struct deployments_ports ports;
    void (*routing_changed)(void *context, const struct queue_name *queue);
    void *listener;

    struct deployment *by_name;
    struct version_queue *queues;
    struct pinned_count *pinned;
    struct buffer *key; /* where a key is put together for a look-up */

    uint64_t generation; /* grows whenever some routing may have changed */
    uint64_t rounds;     /* of telling the listener */
    nanos last_instant;  /* D4 */

    struct arena *changes_arena;
    struct deployment_change *changes; /* in the order in which they began */

    bool is_counting_done;
    bool next_check_is_stale;
};

/* ---- deployments.c ---- */

/* The instant of a change: now, or a little later when there has been one already (D4). */
nanos deployments_instant(struct deployments *deployments, nanos now);

/* To be called before an entity is changed. */
void deployment_touch(struct deployments *deployments, struct deployment *deployment);
void deployment_version_touch(struct deployments *deployments, struct deployment_version *version);

/* Makes one, with an empty record. */
struct deployment *deployments_add(struct deployments *deployments, int64_t namespace_id, const char *name);
struct deployment_version *deployment_add_version(struct deployments *deployments, struct deployment *deployment,
                                                  const char *build_id);

/* Takes one out; it is freed when that is confirmed. A deployment must have no versions by then. */
void deployments_remove(struct deployments *deployments, struct deployment *deployment);
void deployment_remove_version(struct deployments *deployments, struct deployment_version *version);

/* Begins a key with the namespace, adds texts to it. */
void deployments_key_begin(const struct deployments *deployments, int64_t namespace_id);
void deployments_key_add(const struct deployments *deployments, const char *text);

/* ---- deployments_create.c ---- */

/* Finds a deployment, or makes it unless there are too many. */
status deployments_get(struct deployments *deployments, struct arena *arena, int64_t namespace_id, const char *name,
                       nanos instant, struct deployment **ret_deployment);

/* Makes a version in that status; when there are too many, the oldest that may go makes room. */
status deployment_make_version(struct deployments *deployments, struct arena *arena, struct deployment *deployment,
                               const char *build_id, PbWorkerDeploymentVersionStatus version_status, nanos instant,
                               struct deployment_version **ret_version);

/* ---- deployments_change.c ---- */

/* FAILED_PRECONDITION unless `identity` may change the deployment. */
status deployment_check_manager(struct arena *arena, const struct deployment *deployment, const char *identity);

/* ---- deployments_routing.c ---- */

/* How many versions have the queue. */
size_t deployments_queue_versions_count(const struct deployments *deployments, const struct queue_name *queue);

/* Forgets what queues have answered: versions that they may name are about to be freed. */
void version_queues_forget_answers(struct deployments *deployments);

/* Finds the versions that the deployment's record names. */
void deployment_find_routed(struct deployment *deployment);

/* Enters all queues of a version into the index, or takes them out. */
void version_queues_add(struct deployments *deployments, struct deployment_version *version);
void version_queues_remove(struct deployments *deployments, struct deployment_version *version);

/* Enters one that has just been added to the record. */
void version_queues_add_one(struct deployments *deployments, struct deployment_version *version,
                            const PbDeploymentVersionQueue *queue);

/* Tells the listener of the queues of a deployment that send tasks elsewhere than when they were last asked. */
void deployment_tell_routing(struct deployments *deployments, const struct deployment *deployment);

/* Tells it of one queue, which a version has got or lost. */
void deployments_tell_queue(struct deployments *deployments, int64_t namespace_id, enum queue_type type,
                            const char *name);

/* Frees the index. */
void version_queues_free(struct deployments *deployments);

/* ---- deployments_drainage.c ---- */

/* The version has just stopped being current and ramping: it drains from this instant on. */
void deployment_version_drain(struct deployments *deployments, struct deployment_version *version, nanos instant);

/* Frees the counts. */
void pinned_counts_free(struct deployments *deployments);

#endif
