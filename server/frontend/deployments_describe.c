/* Worker deployments: what there is. Nothing here changes one. */
#include <string.h>

#include "matching/matching.h"
#include "proto/pb.h"
#include "proto/scan.h"
#include "proto/time.h"
#include "proto/versioning.h"
#include "server/frontend/deployments.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/frontend/task_queue.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/deployments.h"

/* As the real server's: what a page has at most, and when nothing is asked for. */
enum { DEPLOYMENTS_PER_PAGE_MAX = 1000 };

/* What describing depends on. */
struct view {
    struct arena *arena;
    nanos now;
    bool is_counted; /* drained versions are found by counting, not by looking now and then */
};

static struct view view_of(const struct check *check)
{
    return (struct view){.arena = check->arena,
                         .now = check->now,
                         .is_counted = !check->config->deployments.checks_drainage_at_intervals};
}

/* An instant, absent when there was none. */
static PbTimestamp *instant(const struct view *view, nanos instant_or_0)
{
    return instant_or_0 == 0 ? NULL : pb_timestamp_new(view->arena, instant_or_0);
}

static PbWorkerDeploymentVersion *version_of(const struct view *view, const char *deployment, const char *build_id)
{
    PbWorkerDeploymentVersion *version;

    if (build_id[0] == '\0')
        return NULL;
    version = ARENA_NEW_PB(view->arena, PbWorkerDeploymentVersion);
    version->deployment_name = arena_strdup(view->arena, deployment);
    version->build_id = arena_strdup(view->arena, build_id);
    return version;
}

/* ---- parts ---- */

static PbRoutingConfig *describe_routing(const struct view *view, const struct deployment *deployment)
{
    const PbDeploymentRecord *record = deployment_record(deployment);
    const char *name = deployment_name(deployment);
    PbRoutingConfig *routing = ARENA_NEW_PB(view->arena, PbRoutingConfig);

    routing->current_deployment_version = version_of(view, name, record->current_build_id);
    routing->current_version = version_to_text(view->arena, routing->current_deployment_version);
    routing->ramping_deployment_version = version_of(view, name, record->ramping_build_id);
    if (record->is_ramping_to_unversioned || routing->ramping_deployment_version != NULL)
        routing->ramping_version = version_to_text(view->arena, routing->ramping_deployment_version);
    routing->ramping_version_percentage = record->ramp_percentage;
    routing->current_version_changed_time = instant(view, record->current_changed_time);
    routing->ramping_version_changed_time = instant(view, record->ramping_changed_time);
    routing->ramping_version_percentage_changed_time = instant(view, record->percentage_changed_time);
    routing->revision_number = record->revision;
    return routing;
}

static PbVersionDrainageStatus drainage_status_of(const PbDeploymentVersionRecord *record)
{
    switch (record->status) {
    case WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING:
        return VERSION_DRAINAGE_STATUS_DRAINING;
    case WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED:
        return VERSION_DRAINAGE_STATUS_DRAINED;
    default:
        return VERSION_DRAINAGE_STATUS_UNSPECIFIED;
    }
}

static PbVersionDrainageInfo *describe_drainage(const struct view *view, const PbDeploymentVersionRecord *record)
{
    PbVersionDrainageStatus drainage = drainage_status_of(record);
    nanos checked = record->drainage_checked_time;
    PbVersionDrainageInfo *info;

    if (drainage == VERSION_DRAINAGE_STATUS_UNSPECIFIED)
        return NULL;
    if (drainage == VERSION_DRAINAGE_STATUS_DRAINING && view->is_counted && view->now > checked)
        checked = view->now; /* whoever counts knows at any time */
    info = ARENA_NEW_PB(view->arena, PbVersionDrainageInfo);
    info->status = drainage;
    info->last_changed_time = instant(view, record->drainage_changed_time);
    info->last_checked_time = instant(view, checked);
    return info;
}

static PbWorkerDeploymentInfoWorkerDeploymentVersionSummary *
summarize(const struct view *view, const struct deployment *deployment, const struct deployment_version *version)
{
    PbWorkerDeploymentInfoWorkerDeploymentVersionSummary *summary;
    const PbDeploymentVersionRecord *record;

    if (version == NULL)
        return NULL;
    record = deployment_version_record(version);
    summary = ARENA_NEW_PB(view->arena, PbWorkerDeploymentInfoWorkerDeploymentVersionSummary);
    summary->deployment_version = version_of(view, deployment_name(deployment), deployment_version_build_id(version));
    summary->version = version_to_text(view->arena, summary->deployment_version);
    summary->status = deployment_version_status(version);
    summary->create_time = instant(view, record->create_time);
    summary->drainage_status = drainage_status_of(record);
    summary->drainage_info = describe_drainage(view, record);
    summary->current_since_time = instant(view, record->current_since_time);
    summary->ramping_since_time = instant(view, record->ramping_since_time);
    summary->routing_update_time = instant(view, record->routing_changed_time);
    summary->first_activation_time = instant(view, record->first_activation_time);
    summary->last_current_time = instant(view, record->last_current_time);
    summary->last_deactivation_time = instant(view, record->last_deactivation_time);
    summary->compute_config = summarize_compute_config(view->arena, record->compute_config);
    return summary;
}

PbVersionMetadata *describe_version_metadata(struct arena *arena, const PbDeploymentVersionRecord *record)
{
    PbVersionMetadata *metadata;

    if (record->n_metadata == 0)
        return NULL;
    metadata = ARENA_NEW_PB(arena, PbVersionMetadata);
    metadata->entries = ARENA_NEW_ARRAY(arena, PbVersionMetadataEntriesEntry *, record->n_metadata);
    for (size_t i = 0; i < record->n_metadata; i++) {
        PbVersionMetadataEntriesEntry *entry = ARENA_NEW_PB(arena, PbVersionMetadataEntriesEntry);

        entry->key = arena_strdup(arena, record->metadata[i]->key);
        entry->value = pb_copy(arena, record->metadata[i]->value);
        metadata->entries[metadata->n_entries++] = entry;
    }
    return metadata;
}

/* ---- DescribeWorkerDeployment ---- */

/* WorkflowService.DescribeWorkerDeployment */
status rpc_describe_worker_deployment(struct call *call, const PbDescribeWorkerDeploymentRequest *req,
                                      PbDescribeWorkerDeploymentResponse *resp)
{
    struct deployment_version **versions;
    const struct deployment *deployment;
    PbWorkerDeploymentInfo *info;
    struct check check;
    struct view view;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    TRY(deployments_check_read_rate(call->server, call->arena, check.ns));
    TRY(check_deployment_name(&check, req->deployment_name));
    deployment = deployments_find(call->server->deployments, check.ns->id, req->deployment_name);
    if (deployment == NULL)
        return deployment_not_found(call->arena, req->deployment_name);
    view = view_of(&check);
    resp->conflict_token = conflict_token_of(call->arena, deployment);
    info = resp->worker_deployment_info = ARENA_NEW_PB(call->arena, PbWorkerDeploymentInfo);
    info->name = req->deployment_name;
    info->create_time = instant(&view, deployment_record(deployment)->create_time);
    info->routing_config = describe_routing(&view, deployment);
    info->routing_config_update_state = ROUTING_CONFIG_UPDATE_STATE_COMPLETED; /* queues ask; nothing is told to them */
    info->last_modifier_identity = arena_strdup(call->arena, deployment_record(deployment)->last_modifier_identity);
    info->manager_identity = arena_strdup(call->arena, deployment_record(deployment)->manager_identity);
    info->n_version_summaries = deployment_versions(deployment, call->arena, &versions);
    info->version_summaries =
        ARENA_NEW_ARRAY(call->arena, PbWorkerDeploymentInfoWorkerDeploymentVersionSummary *, info->n_version_summaries);
    for (size_t i = 0; i < info->n_version_summaries; i++)
        info->version_summaries[i] = summarize(&view, deployment, versions[i]);
    return status_ok();
}

/* ---- DescribeWorkerDeploymentVersion ---- */

static void add_stats(const struct call *call, const struct queue_name *queue, const struct queue_version *version,
                      PbDescribeWorkerDeploymentVersionResponseVersionTaskQueue *described)
{
    enum { PRIORITY_FIRST = 1, PRIORITY_DEFAULT = 3, PRIORITY_LAST = 5 };
    const struct matching *matching = call->server->matching;
    struct queue_stats stats = matching_version_stats(matching, queue, version);

    described->stats = describe_queue_stats(call->arena, &stats);
    described->stats_by_priority_key = ARENA_NEW_ARRAY(
        call->arena, PbDescribeWorkerDeploymentVersionResponseVersionTaskQueueStatsByPriorityKeyEntry *, PRIORITY_LAST);
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        PbDescribeWorkerDeploymentVersionResponseVersionTaskQueueStatsByPriorityKeyEntry *entry;

        stats = matching_version_stats_of_priority(matching, queue, version, priority);
        if (!stats.is_known && priority != PRIORITY_DEFAULT)
            continue;
        entry =
            ARENA_NEW_PB(call->arena, PbDescribeWorkerDeploymentVersionResponseVersionTaskQueueStatsByPriorityKeyEntry);
        entry->key = priority;
        entry->value = describe_queue_stats(call->arena, &stats);
        described->stats_by_priority_key[described->n_stats_by_priority_key++] = entry;
    }
}

static void describe_queues(struct call *call, const struct check *check, const struct queue_version *version,
                            const PbDeploymentVersionRecord *record, bool with_stats,
                            PbDescribeWorkerDeploymentVersionResponse *resp)
{
    PbWorkerDeploymentVersionInfo *info = resp->worker_deployment_version_info;

    resp->version_task_queues =
        ARENA_NEW_ARRAY(call->arena, PbDescribeWorkerDeploymentVersionResponseVersionTaskQueue *, record->n_queues);
    info->task_queue_infos =
        ARENA_NEW_ARRAY(call->arena, PbWorkerDeploymentVersionInfoVersionTaskQueueInfo *, record->n_queues);
    for (size_t i = 0; i < record->n_queues; i++) {
        PbDescribeWorkerDeploymentVersionResponseVersionTaskQueue *queue =
            ARENA_NEW_PB(call->arena, PbDescribeWorkerDeploymentVersionResponseVersionTaskQueue);
        PbWorkerDeploymentVersionInfoVersionTaskQueueInfo *old =
            ARENA_NEW_PB(call->arena, PbWorkerDeploymentVersionInfoVersionTaskQueueInfo);
        struct queue_name name = {.namespace_id = check->ns->id, .type = (enum queue_type)record->queues[i]->type};

        queue->name = old->name = name.name = arena_strdup(call->arena, record->queues[i]->name);
        queue->type = old->type = (PbTaskQueueType)record->queues[i]->type;
        if (with_stats)
            add_stats(call, &name, version, queue);
        resp->version_task_queues[resp->n_version_task_queues++] = queue;
        info->task_queue_infos[info->n_task_queue_infos++] = old;
    }
}

static PbWorkerDeploymentVersionInfo *describe_version(const struct view *view, const struct deployment *deployment,
                                                       const struct deployment_version *version)
{
    const PbDeploymentVersionRecord *record = deployment_version_record(version);
    PbWorkerDeploymentVersionInfo *info = ARENA_NEW_PB(view->arena, PbWorkerDeploymentVersionInfo);

    info->deployment_version = version_of(view, deployment_name(deployment), deployment_version_build_id(version));
    info->version = version_to_text(view->arena, info->deployment_version);
    info->status = deployment_version_status(version);
    info->create_time = instant(view, record->create_time);
    info->routing_changed_time = instant(view, record->routing_changed_time);
    info->current_since_time = instant(view, record->current_since_time);
    info->ramping_since_time = instant(view, record->ramping_since_time);
    if (info->status == WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING)
        info->ramp_percentage = deployment_record(deployment)->ramp_percentage;
    info->drainage_info = describe_drainage(view, record);
    info->metadata = describe_version_metadata(view->arena, record);
    info->compute_config = pb_copy(view->arena, record->compute_config);
    info->last_modifier_identity = arena_strdup(view->arena, record->last_modifier_identity);
    return info;
}

/* WorkflowService.DescribeWorkerDeploymentVersion */
status rpc_describe_worker_deployment_version(struct call *call, const PbDescribeWorkerDeploymentVersionRequest *req,
                                              PbDescribeWorkerDeploymentVersionResponse *resp)
{
    const struct deployment_version *found = NULL;
    const struct deployment *deployment;
    const char *text = req->version;
    struct queue_version version;
    struct check check;
    struct view view;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    TRY(deployments_check_read_rate(call->server, call->arena, check.ns));
    if (text[0] == '\0' && req->deployment_version == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_VERSION_NOT_SET);
    if (text[0] == '\0')
        text = version_to_text(call->arena, req->deployment_version);
    TRY(check_version_text(&check, text, &version));
    TRY(check_deployment_name(&check, version.deployment));
    TRY(check_build_id(&check, version.build_id));
    deployment = deployments_find(call->server->deployments, check.ns->id, version.deployment);
    if (deployment != NULL)
        found = deployment_find_version(deployment, version.build_id);
    if (found == NULL)
        return status_detail(call->arena, GRPC_NOT_FOUND, ARENA_NEW_PB(call->arena, PbNotFoundFailure),
                             MSG_VERSION_NOT_FOUND);
    view = view_of(&check);
    resp->worker_deployment_version_info = describe_version(&view, deployment, found);
    describe_queues(call, &check, &version, deployment_version_record(found), req->report_task_queue_stats, resp);
    return status_ok();
}

/* ---- ListWorkerDeployments ---- */

/* Lists leave out the deprecated copy of the drainage status. */
static PbWorkerDeploymentInfoWorkerDeploymentVersionSummary *
summarize_for_list(const struct view *view, const struct deployment *deployment,
                   const struct deployment_version *version)
{
    PbWorkerDeploymentInfoWorkerDeploymentVersionSummary *summary = summarize(view, deployment, version);

    if (summary != NULL)
        summary->drainage_status = VERSION_DRAINAGE_STATUS_UNSPECIFIED;
    return summary;
}

static PbListWorkerDeploymentsResponseWorkerDeploymentSummary *list_item(const struct view *view,
                                                                         const struct deployment *deployment)
{
    const PbDeploymentRecord *record = deployment_record(deployment);
    PbListWorkerDeploymentsResponseWorkerDeploymentSummary *item =
        ARENA_NEW_PB(view->arena, PbListWorkerDeploymentsResponseWorkerDeploymentSummary);
    struct deployment_version **versions;

    item->name = arena_strdup(view->arena, deployment_name(deployment));
    item->create_time = instant(view, record->create_time);
    item->routing_config = describe_routing(view, deployment);
    if (deployment_versions(deployment, view->arena, &versions) > 0)
        item->latest_version_summary = summarize_for_list(view, deployment, versions[0]);
    item->current_version_summary =
        summarize_for_list(view, deployment, deployment_find_version(deployment, record->current_build_id));
    item->ramping_version_summary =
        summarize_for_list(view, deployment, deployment_find_version(deployment, record->ramping_build_id));
    return item;
}

/* Whether a deployment comes behind the place where a list goes on. */
static bool is_behind(const struct deployment *deployment, const PbDeploymentPageToken *token)
{
    nanos modified = deployment_record(deployment)->modified_time;

    return modified < token->modified_time ||
           (modified == token->modified_time && strcmp(deployment_name(deployment), token->name) > 0);
}

static ProtobufCBinaryData token_behind(struct arena *arena, const struct deployment *deployment)
{
    PbDeploymentPageToken token = PbDeploymentPageToken_INIT;
    struct bytes packed;

    token.modified_time = deployment_record(deployment)->modified_time;
    token.name = deployment_name(deployment);
    packed = pb_pack(arena, &token);
    return (ProtobufCBinaryData){.len = packed.len, .data = arena_memdup(arena, packed.data, packed.len)};
}

/* The token of a request, NULL when there is none. */
static status read_token(struct arena *arena, const ProtobufCBinaryData *sent, const PbDeploymentPageToken **ret_token)
{
    *ret_token = NULL;
    if (sent->len == 0)
        return status_ok();
    if (scan_message(&PbDeploymentPageToken_descriptor, sent->data, sent->len, NULL, NULL) == SCAN_OK)
        *ret_token = pb_unpack(arena, &PbDeploymentPageToken_descriptor, sent->data, sent->len);
    return *ret_token == NULL ? status_error(GRPC_INVALID_ARGUMENT, MSG_PAGE_TOKEN_INVALID) : status_ok();
}

/* WorkflowService.ListWorkerDeployments */
status rpc_list_worker_deployments(struct call *call, const PbListWorkerDeploymentsRequest *req,
                                   PbListWorkerDeploymentsResponse *resp)
{
    size_t count, place = 0, most = DEPLOYMENTS_PER_PAGE_MAX;
    const PbDeploymentPageToken *token;
    struct deployment **deployments;
    struct check check;
    struct view view;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    TRY(read_token(call->arena, &req->next_page_token, &token));
    if (req->page_size > 0 && req->page_size < DEPLOYMENTS_PER_PAGE_MAX)
        most = (size_t)req->page_size;
    view = view_of(&check);
    count = deployments_list(call->server->deployments, check.ns->id, call->arena, &deployments);
    while (token != NULL && place < count && !is_behind(deployments[place], token))
        place++;
    resp->worker_deployments =
        ARENA_NEW_ARRAY(call->arena, PbListWorkerDeploymentsResponseWorkerDeploymentSummary *, count - place);
    for (; place < count && resp->n_worker_deployments < most; place++)
        resp->worker_deployments[resp->n_worker_deployments++] = list_item(&view, deployments[place]);
    if (place < count)
        resp->next_page_token = token_behind(call->arena, deployments[place - 1]);
    return status_ok();
}
