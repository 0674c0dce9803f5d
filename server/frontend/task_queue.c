/*
 * What there is to tell of a task queue: who polls it, how much waits and how fast it moves.
 *
 * A queue has one partition here. Names of others ("/_sys/q/1"), which clients of a cluster know, are understood and
 * empty.
 */
#include "server/frontend/task_queue.h"

#include <stdio.h>
#include <string.h>

#include "matching/deployments.h"
#include "matching/matching.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "proto/versioning.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/grpc/transport.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/task_queue_configs.h"

static const char partition_prefix[] = "/_sys/";

enum { POLLERS_SHOWN_MAX = 1000, PRIORITY_FIRST = 1, PRIORITY_DEFAULT = 3, PRIORITY_LAST = 5 };

/* Build ids in one question: those with a look at what could reach them, and any (ours alone: each costs an answer). */
enum { REACHABILITY_BUILD_IDS_MAX = 5, BUILD_IDS_MAX = 1000 };

/* Go's zero time: there never was a change. */
#define YEAR_ONE_SECONDS INT64_C(-62135596800)

/* ---- parts of answers ---- */

static struct queue_name name_of(const struct check *check, const PbTaskQueue *queue, PbTaskQueueType type)
{
    return (struct queue_name){
        .namespace_id = check->ns->id,
        .type = type == TASK_QUEUE_TYPE_UNSPECIFIED ? QUEUE_WORKFLOW : (enum queue_type)type,
        .name = queue->name,
        .is_sticky = queue->kind == TASK_QUEUE_KIND_STICKY && queue->normal_name[0] != '\0',
    };
}

/* Of one version; NULL: all. */
static PbPollerInfo **describe_pollers(struct call *call, const struct queue_name *name,
                                       const struct queue_version *version, size_t *ret_count)
{
    struct arena *arena = call->arena;
    struct poller_info *known = ARENA_NEW_ARRAY(arena, struct poller_info, POLLERS_SHOWN_MAX);
    const struct matching *matching = call->server->matching;
    size_t count = version == NULL ? matching_pollers(matching, name, known, POLLERS_SHOWN_MAX)
                                   : matching_version_pollers(matching, name, version, known, POLLERS_SHOWN_MAX);
    PbPollerInfo **pollers = ARENA_NEW_ARRAY(arena, PbPollerInfo *, count);

    for (size_t i = 0; i < count; i++) {
        pollers[i] = ARENA_NEW_PB(arena, PbPollerInfo);
        pollers[i]->last_access_time = pb_timestamp_new(arena, known[i].last_access);
        pollers[i]->identity = arena_strdup(arena, known[i].identity);
        pollers[i]->rate_per_second = known[i].rate_per_second;
        pollers[i]->worker_version_capabilities = pb_copy(arena, known[i].version_capabilities);
        pollers[i]->deployment_options = pb_copy(arena, known[i].deployment_options);
    }
    *ret_count = count;
    return pollers;
}

PbTaskQueueStats *describe_queue_stats(struct arena *arena, const struct queue_stats *stats)
{
    PbTaskQueueStats *described = ARENA_NEW_PB(arena, PbTaskQueueStats);

    described->approximate_backlog_count = stats->backlog_count;
    described->approximate_backlog_age = pb_duration_new(arena, stats->backlog_age);
    described->tasks_add_rate = (float)stats->add_rate;
    described->tasks_dispatch_rate = (float)stats->dispatch_rate;
    described->rate_limiting_active = stats->is_held_back;
    return described;
}

static void add_priorities(struct call *call, const struct queue_name *name, PbDescribeTaskQueueResponse *resp)
{
    struct arena *arena = call->arena;

    resp->stats_by_priority_key =
        ARENA_NEW_ARRAY(arena, PbDescribeTaskQueueResponseStatsByPriorityKeyEntry *, PRIORITY_LAST);
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        struct queue_stats stats = matching_stats_of_priority(call->server->matching, name, priority);
        PbDescribeTaskQueueResponseStatsByPriorityKeyEntry *entry;

        if (!stats.is_known && priority != PRIORITY_DEFAULT)
            continue;
        entry = ARENA_NEW_PB(arena, PbDescribeTaskQueueResponseStatsByPriorityKeyEntry);
        entry->key = priority;
        entry->value = describe_queue_stats(arena, &stats);
        resp->stats_by_priority_key[resp->n_stats_by_priority_key++] = entry;
    }
}

static PbDescribeTaskQueueResponseEffectiveRateLimit *describe_rate_limit(struct call *call,
                                                                          const struct queue_name *name)
{
    PbDescribeTaskQueueResponseEffectiveRateLimit *limit =
        ARENA_NEW_PB(call->arena, PbDescribeTaskQueueResponseEffectiveRateLimit);
    struct queue_rate rate = matching_rate(call->server->matching, name);

    limit->requests_per_second = (float)rate.per_second;
    switch (rate.source) {
    case RATE_UNLIMITED:
        limit->requests_per_second = MATCHING_RATE_MAX;
        limit->rate_limit_source = RATE_LIMIT_SOURCE_SYSTEM;
        break;
    case RATE_CONFIGURED:
        limit->rate_limit_source = RATE_LIMIT_SOURCE_API;
        break;
    case RATE_OF_WORKER:
        limit->rate_limit_source = RATE_LIMIT_SOURCE_WORKER;
        break;
    }
    return limit;
}

/* NULL: unversioned. */
static PbWorkerDeploymentVersion *describe_version_name(struct arena *arena, const struct queue_version *version)
{
    PbWorkerDeploymentVersion *described;

    if (!queue_version_is_set(version))
        return NULL;
    described = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    described->deployment_name = arena_strdup(arena, version->deployment);
    described->build_id = arena_strdup(arena, version->build_id);
    return described;
}

static PbTaskQueueVersioningInfo *describe_versioning(struct call *call, const struct queue_name *name)
{
    struct arena *arena = call->arena;
    PbTaskQueueVersioningInfo *info = ARENA_NEW_PB(arena, PbTaskQueueVersioningInfo);
    struct queue_routing routing;
    nanos changed;

    deployments_routing(call->server->deployments, name, &routing);
    changed = routing.current_changed;
    info->current_deployment_version = describe_version_name(arena, &routing.current.version);
    info->current_version = version_to_text(arena, info->current_deployment_version);
    if (routing.has_ramping) {
        info->ramping_deployment_version = describe_version_name(arena, &routing.ramping.version);
        info->ramping_version = version_to_text(arena, info->ramping_deployment_version);
        info->ramping_version_percentage = (float)routing.ramp_percentage;
        if (routing.percentage_changed > changed)
            changed = routing.percentage_changed;
    }
    info->update_time = pb_timestamp_new(arena, changed);
    if (!routing.is_known)
        info->update_time->seconds = YEAR_ONE_SECONDS;
    return info;
}

/* Of a time when queues were ranges of task ids. */
static PbTaskQueueStatus *describe_status(struct call *call, const struct queue_name *name, double rate)
{
    enum { FIRST_BLOCK_BEGINS = 1, FIRST_BLOCK_ENDS = 100000 };
    PbTaskQueueStatus *old = ARENA_NEW_PB(call->arena, PbTaskQueueStatus);

    old->backlog_count_hint = matching_stats(call->server->matching, name).backlog_count;
    old->rate_per_second = rate;
    old->task_id_block = ARENA_NEW_PB(call->arena, PbTaskIdBlock);
    old->task_id_block->start_id = FIRST_BLOCK_BEGINS;
    old->task_id_block->end_id = FIRST_BLOCK_ENDS;
    return old;
}

/* ---- DescribeTaskQueue ---- */

static status describe_queue(struct call *call, const struct check *check, const PbDescribeTaskQueueRequest *req,
                             PbDescribeTaskQueueResponse *resp)
{
    struct queue_name name = name_of(check, req->task_queue, req->task_queue_type);
    struct queue_stats stats;

    if (req->report_stats && strncmp(name.name, partition_prefix, sizeof(partition_prefix) - 1) == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PARTITION_STATS);
    resp->pollers = describe_pollers(call, &name, NULL, &resp->n_pollers);
    resp->effective_rate_limit = describe_rate_limit(call, &name);
    if (!name.is_sticky)
        resp->versioning_info = describe_versioning(call, &name);
    if (req->report_stats) {
        stats = matching_stats(call->server->matching, &name);
        resp->stats = describe_queue_stats(call->arena, &stats);
        add_priorities(call, &name, resp);
    }
    if (req->include_task_queue_status)
        resp->task_queue_status = describe_status(call, &name, resp->effective_rate_limit->requests_per_second);
    if (req->report_config)
        resp->config = pb_copy(call->arena, task_queue_configs_find(call->server->task_queue_configs, &name));
    return status_ok();
}

/* ---- the same, enhanced: by version and type ---- */

/* What a key of this mode names: "" those without a version, "deployment:build" a version, and anything else a build id
 * of the kind before deployments. */
static struct queue_version version_of_key(struct arena *arena, const char *key)
{
    size_t to_colon = strcspn(key, ":");

    if (to_colon == 0 || key[to_colon] == '\0' || key[to_colon + 1] == '\0')
        return (struct queue_version){.deployment = "", .build_id = key};
    return (struct queue_version){arena_strndup(arena, key, to_colon), key + to_colon + 1};
}

static PbTaskQueueTypeInfo *describe_type(struct call *call, const PbDescribeTaskQueueRequest *req,
                                          const struct queue_name *name, const struct queue_version *version)
{
    PbTaskQueueTypeInfo *info = ARENA_NEW_PB(call->arena, PbTaskQueueTypeInfo);
    struct queue_stats stats;

    if (req->report_pollers)
        info->pollers = describe_pollers(call, name, version, &info->n_pollers);
    if (req->report_stats) {
        stats = matching_version_stats(call->server->matching, name, version);
        info->stats = describe_queue_stats(call->arena, &stats);
    }
    return info;
}

static PbTaskQueueVersionInfo *describe_version(struct call *call, const struct check *check,
                                                const PbDescribeTaskQueueRequest *req,
                                                const struct queue_version *version)
{
    PbTaskQueueVersionInfo *info = ARENA_NEW_PB(call->arena, PbTaskQueueVersionInfo);
    bool is_wanted[TASK_QUEUE_TYPE_NEXUS + 1] = {false};

    is_wanted[TASK_QUEUE_TYPE_WORKFLOW] = is_wanted[TASK_QUEUE_TYPE_ACTIVITY] = req->n_task_queue_types == 0;
    for (size_t i = 0; i < req->n_task_queue_types; i++) {
        if ((unsigned)req->task_queue_types[i] <= TASK_QUEUE_TYPE_NEXUS)
            is_wanted[req->task_queue_types[i]] = true;
    }
    info->types_info = ARENA_NEW_ARRAY(call->arena, PbTaskQueueVersionInfoTypesInfoEntry *, TASK_QUEUE_TYPE_NEXUS);
    for (int type = TASK_QUEUE_TYPE_WORKFLOW; type <= TASK_QUEUE_TYPE_NEXUS; type++) {
        PbTaskQueueVersionInfoTypesInfoEntry *entry;
        struct queue_name name;

        if (!is_wanted[type])
            continue;
        name = name_of(check, req->task_queue, (PbTaskQueueType)type);
        entry = ARENA_NEW_PB(call->arena, PbTaskQueueVersionInfoTypesInfoEntry);
        entry->key = type;
        entry->value = describe_type(call, req, &name, version);
        info->types_info[info->n_types_info++] = entry;
    }
    if (req->report_task_reachability) /* asks rules for build ids, which there are none of; not deployments */
        info->task_reachability = queue_version_is_set(version) ? BUILD_ID_TASK_REACHABILITY_UNREACHABLE
                                                                : BUILD_ID_TASK_REACHABILITY_REACHABLE;
    return info;
}

static void add_version(struct call *call, const struct check *check, const PbDescribeTaskQueueRequest *req,
                        const char *key, PbDescribeTaskQueueResponse *resp)
{
    PbDescribeTaskQueueResponseVersionsInfoEntry *entry =
        ARENA_NEW_PB(call->arena, PbDescribeTaskQueueResponseVersionsInfoEntry);
    struct queue_version version = version_of_key(call->arena, key);

    entry->key = key;
    entry->value = describe_version(call, check, req, &version);
    resp->versions_info[resp->n_versions_info++] = entry;
}

static status describe_versions(struct call *call, const struct check *check, const PbDescribeTaskQueueRequest *req,
                                PbDescribeTaskQueueResponse *resp)
{
    const PbTaskQueueVersionSelection *versions = req->versions;
    size_t count = versions == NULL ? 0 : versions->n_build_ids;

    if (name_of(check, req->task_queue, req->task_queue_type).is_sticky)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DESCRIBE_STICKY);
    if (req->report_task_reachability && count > REACHABILITY_BUILD_IDS_MAX)
        return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_REACHABILITY_BUILD_IDS,
                             REACHABILITY_BUILD_IDS_MAX);
    if (count > BUILD_IDS_MAX)
        return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_DESCRIBE_BUILD_IDS, BUILD_IDS_MAX);
    resp->versions_info = ARENA_NEW_ARRAY(call->arena, PbDescribeTaskQueueResponseVersionsInfoEntry *, count + 1);
    if (versions == NULL || versions->unversioned)
        add_version(call, check, req, "", resp);
    for (size_t i = 0; i < count; i++)
        add_version(call, check, req, versions->build_ids[i], resp);
    return status_ok();
}

/* WorkflowService.DescribeTaskQueue */
status rpc_describe_task_queue(struct call *call, const PbDescribeTaskQueueRequest *req,
                               PbDescribeTaskQueueResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->api_mode == DESCRIBE_TASK_QUEUE_MODE_ENHANCED) {
        TRY(check_task_queue(&check, req->task_queue, false));
        return describe_versions(call, &check, req, resp);
    }
    TRY(check_task_queue_or_partition(&check, req->task_queue));
    return describe_queue(call, &check, req, resp);
}

/* ---- ListTaskQueuePartitions ---- */

/* WorkflowService.ListTaskQueuePartitions */
status rpc_list_task_queue_partitions(struct call *call, const PbListTaskQueuePartitionsRequest *req,
                                      PbListTaskQueuePartitionsResponse *resp)
{
    PbTaskQueuePartitionMetadata *only = ARENA_NEW_PB(call->arena, PbTaskQueuePartitionMetadata), **all;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_task_queue(&check, req->task_queue, false));
    only->key = req->task_queue->name;
    only->owner_host_name = arena_printf(call->arena, "%s:%d", options_listen_ip(call->server->options),
                                         (int)transport_port(call->server->transport));
    all = ARENA_NEW_ARRAY(call->arena, PbTaskQueuePartitionMetadata *, 1);
    all[0] = only;
    resp->activity_task_queue_partitions = resp->workflow_task_queue_partitions = all;
    resp->n_activity_task_queue_partitions = resp->n_workflow_task_queue_partitions = 1;
    return status_ok();
}
