/* WorkflowService's namespace calls. */
#include <string.h>

#include "proto/pb.h"
#include "proto/time.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/cluster.h"
#include "server/services/namespaces.h"

/* Shorter ones are refused, as there: what has closed should be seen before it goes. */
#define RETENTION_MIN (3600 * NANOS_PER_SECOND)

enum { PAGE_SIZE_DEFAULT = 100 };

/* ---- describing ---- */

static PbNamespaceInfo *describe_info(struct call *call, const struct namespace_info *ns)
{
    const struct dynamic_config *config = &call->server->options->config;
    PbNamespaceInfo *info = ARENA_NEW_PB(call->arena, PbNamespaceInfo);

    info->name = ns->name;
    info->state = ns->state;
    info->description = ns->record->description;
    info->owner_email = ns->record->owner_email;
    info->id = ns->uuid_text;
    info->data = ARENA_NEW_ARRAY(call->arena, PbNamespaceInfoDataEntry *, ns->record->n_data);
    for (size_t i = 0; i < ns->record->n_data; i++) {
        PbNamespaceInfoDataEntry *entry = ARENA_NEW_PB(call->arena, PbNamespaceInfoDataEntry);

        entry->key = ns->record->data[i]->key;
        entry->value = ns->record->data[i]->value;
        info->data[info->n_data++] = entry;
    }
    info->capabilities = ARENA_NEW_PB(call->arena, PbNamespaceInfoCapabilities);
    info->capabilities->eager_workflow_start = true; /* only what is built */
    info->capabilities->sync_update = true;
    info->capabilities->async_update = true;
    info->capabilities->reported_problems_search_attribute = true;
    info->capabilities->worker_heartbeats = true;
    info->capabilities->poller_autoscaling = true;
    info->limits = ARENA_NEW_PB(call->arena, PbNamespaceInfoLimits);
    info->limits->blob_size_limit_error = config->history.blob_bytes_max;
    info->limits->memo_size_limit_error = config->history.memo_bytes_max;
    info->limits->workflow_task_completion_size_limit_error = config->task_completion_bytes_max;
    return info;
}

static PbNamespaceConfig *describe_config(struct call *call, const struct namespace_info *ns)
{
    PbNamespaceConfig *config = ARENA_NEW_PB(call->arena, PbNamespaceConfig);
    const PbNamespaceRecord *record = ns->record;

    config->workflow_execution_retention_ttl = pb_duration_new(call->arena, ns->retention);
    config->bad_binaries = ARENA_NEW_PB(call->arena, PbBadBinaries);
    config->history_archival_state = ARCHIVAL_STATE_DISABLED;
    config->visibility_archival_state = ARCHIVAL_STATE_DISABLED;
    config->custom_search_attribute_aliases =
        ARENA_NEW_ARRAY(call->arena, PbNamespaceConfigCustomSearchAttributeAliasesEntry *, record->n_search_attributes);
    for (size_t i = 0; i < record->n_search_attributes; i++) {
        PbNamespaceConfigCustomSearchAttributeAliasesEntry *entry =
            ARENA_NEW_PB(call->arena, PbNamespaceConfigCustomSearchAttributeAliasesEntry);

        entry->key = record->search_attributes[i]->column;
        entry->value = record->search_attributes[i]->name;
        config->custom_search_attribute_aliases[config->n_custom_search_attribute_aliases++] = entry;
    }
    return config;
}

static void describe(struct call *call, const struct namespace_info *ns, PbDescribeNamespaceResponse *response)
{
    PbNamespaceReplicationConfig *replication = ARENA_NEW_PB(call->arena, PbNamespaceReplicationConfig);
    PbClusterReplicationConfig *cluster = ARENA_NEW_PB(call->arena, PbClusterReplicationConfig);

    cluster->cluster_name = CLUSTER_NAME;
    replication->active_cluster_name = CLUSTER_NAME;
    replication->clusters = ARENA_NEW(call->arena, PbClusterReplicationConfig *);
    replication->clusters[replication->n_clusters++] = cluster;
    if (ns->record->made_by_api) /* launch leaves it unset there, and so here */
        replication->state = REPLICATION_STATE_NORMAL;
    response->namespace_info = describe_info(call, ns);
    response->config = describe_config(call, ns);
    response->replication_config = replication;
}

/* NOT_FOUND for an id, as for a name. */
static status id_not_found(struct call *call, const char *id)
{
    PbNamespaceNotFoundFailure *detail = ARENA_NEW_PB(call->arena, PbNamespaceNotFoundFailure);

    detail->namespace_ = id;
    return status_detail(call->arena, GRPC_NOT_FOUND, detail, MSG_NAMESPACE_NOT_FOUND, id);
}

static status check_name_length(struct call *call, const char *name)
{
    if ((int64_t)strlen(name) > call->server->options->config.history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_TOO_LONG);
    return status_ok();
}

status rpc_describe_namespace(struct call *call, const PbDescribeNamespaceRequest *request,
                              PbDescribeNamespaceResponse *response)
{
    const struct namespace_info *ns;
    bool by_name = request->namespace_[0] != '\0', by_id = request->id[0] != '\0';

    TRY(check_name_length(call, request->namespace_));
    if (!by_name && !by_id)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_NAME_NOT_SET);
    if (by_name && by_id)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_NAME_AND_ID);
    if (by_name) {
        TRY(namespaces_find(call->server->namespaces, call->arena, request->namespace_, &ns));
    } else {
        ns = namespaces_find_by_uuid(call->server->namespaces, request->id);
        if (ns == NULL)
            return id_not_found(call, request->id);
    }
    describe(call, ns, response);
    return status_ok();
}

/* ---- listing ---- */

status rpc_list_namespaces(struct call *call, const PbListNamespacesRequest *request,
                           PbListNamespacesResponse *response)
{
    struct namespaces *namespaces = call->server->namespaces;
    int most = request->page_size == 0 ? PAGE_SIZE_DEFAULT : request->page_size, count;
    const struct namespace_info **list;
    uint8_t after[UUID_BYTES] = {0};
    bool with_deleted = request->namespace_filter != NULL && request->namespace_filter->include_deleted;
    size_t token_len = request->next_page_token.len;

    if (most < 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_PAGE_SIZE);
    if (most > namespaces_count(namespaces) + 1)
        most = namespaces_count(namespaces) + 1;
    if (token_len > 0)
        memcpy(after, request->next_page_token.data, token_len > UUID_BYTES ? UUID_BYTES : token_len);
    list = ARENA_NEW_ARRAY(call->arena, const struct namespace_info *, most);
    count = namespaces_list(namespaces, token_len > 0 ? after : NULL, with_deleted, list, most);
    response->namespaces = ARENA_NEW_ARRAY(call->arena, PbDescribeNamespaceResponse *, count);
    for (int i = 0; i < count; i++) {
        PbDescribeNamespaceResponse *described = ARENA_NEW_PB(call->arena, PbDescribeNamespaceResponse);

        describe(call, list[i], described);
        response->namespaces[response->n_namespaces++] = described;
    }
    if (count > 0 && count == most) { /* a full page: there may be more */
        response->next_page_token.data = arena_memdup(call->arena, list[count - 1]->uuid, UUID_BYTES);
        response->next_page_token.len = UUID_BYTES;
    }
    return status_ok();
}

/* ---- registering ---- */

/* There is one cluster, so the request may name that one or none. */
static status check_clusters(struct call *call, const PbRegisterNamespaceRequest *request)
{
    bool names_other =
        request->active_cluster_name[0] != '\0' && strcmp(request->active_cluster_name, CLUSTER_NAME) != 0;

    if (names_other)
        return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_UNKNOWN_CLUSTER,
                             request->active_cluster_name);
    for (size_t i = 0; i < request->n_clusters; i++)
        if (strcmp(request->clusters[i]->cluster_name, CLUSTER_NAME) != 0)
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_UNKNOWN_CLUSTER,
                                 request->clusters[i]->cluster_name);
    if (request->n_clusters > 1)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_CLUSTERS);
    return status_ok();
}

static status check_retention(const PbDuration *period)
{
    enum duration_validity validity = duration_check(period);

    if ((validity != DURATION_VALID && validity != DURATION_TOO_LONG) || duration_from_pb(period) < RETENTION_MIN)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_RETENTION);
    return status_ok();
}

static const PbNamespaceRecord *make_record(struct call *call, const PbRegisterNamespaceRequest *request)
{
    PbNamespaceRecord *record = ARENA_NEW_PB(call->arena, PbNamespaceRecord);
    nanos retention = duration_from_pb(request->workflow_execution_retention_period);

    record->state = NAMESPACE_STATE_REGISTERED;
    record->description = request->description;
    record->owner_email = request->owner_email;
    record->retention = retention > DURATION_MAX ? DURATION_MAX : retention;
    record->made_by_api = true;
    record->created_time = clock_now(call->server->clock);
    record->data = ARENA_NEW_ARRAY(call->arena, PbNamespaceRecordDataEntry *, request->n_data);
    for (size_t i = 0; i < request->n_data; i++) {
        PbNamespaceRecordDataEntry *entry = ARENA_NEW_PB(call->arena, PbNamespaceRecordDataEntry);

        entry->key = request->data[i]->key;
        entry->value = request->data[i]->value;
        record->data[record->n_data++] = entry;
    }
    return record;
}

status rpc_register_namespace(struct call *call, const PbRegisterNamespaceRequest *request,
                              PbRegisterNamespaceResponse *response)
{
    const struct namespace_info *ns;

    (void)response;
    if (request->namespace_[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_NAME_NOT_SET);
    TRY(check_name_length(call, request->namespace_));
    if (request->is_global_namespace)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_GLOBAL);
    TRY(check_retention(request->workflow_execution_retention_period));
    TRY(namespaces_check_new(call->server->namespaces, call->arena, request->namespace_));
    TRY(check_clusters(call, request));
    return namespaces_register(call->server->namespaces, call->arena, request->namespace_, make_record(call, request),
                               &ns);
}
