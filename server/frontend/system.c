/* What the server is, for clients that ask before they begin. Only what is built is claimed: SDKs rely on it. */
#include "proto/pb.h"
#include "server/frontend/client_version.h"
#include "server/frontend/handlers.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/cluster.h"

/* WorkflowService.GetSystemInfo: the first call of every SDK. */
status rpc_get_system_info(struct call *call, const PbGetSystemInfoRequest *request, PbGetSystemInfoResponse *response)
{
    PbGetSystemInfoResponseCapabilities *capabilities = ARENA_NEW_PB(call->arena, PbGetSystemInfoResponseCapabilities);

    (void)request;
    capabilities->signal_and_query_header = true;
    capabilities->internal_error_differentiation = true;
    capabilities->activity_failure_include_heartbeat = true;
    capabilities->encoded_failure_attributes = true;
    capabilities->eager_workflow_start = true;
    capabilities->upsert_memo = true;
    capabilities->sdk_metadata = true;
    capabilities->build_id_based_versioning = true; /* else workers tell their build id as a checksum only */
    capabilities->count_group_by_execution_status = true;
    response->server_version = SERVER_VERSION;
    response->capabilities = capabilities;
    return status_ok();
}

/* WorkflowService.GetClusterInfo: what the UI and `temporal operator cluster describe` show. */
status rpc_get_cluster_info(struct call *call, const PbGetClusterInfoRequest *request,
                            PbGetClusterInfoResponse *response)
{
    (void)request;
    TRY(cluster_id(call->server, call->arena, &response->cluster_id));
    response->supported_clients =
        ARENA_NEW_ARRAY(call->arena, PbGetClusterInfoResponseSupportedClientsEntry *, supported_clients_count);
    for (size_t i = 0; i < supported_clients_count; i++) {
        PbGetClusterInfoResponseSupportedClientsEntry *entry =
            ARENA_NEW_PB(call->arena, PbGetClusterInfoResponseSupportedClientsEntry);

        entry->key = supported_clients[i].name;
        entry->value = supported_clients[i].versions;
        response->supported_clients[response->n_supported_clients++] = entry;
    }
    response->server_version = SERVER_VERSION;
    response->cluster_name = CLUSTER_NAME;
    response->history_shard_count = 1;
    response->persistence_store = "sqlite";
    response->visibility_store = "sqlite";
    response->initial_failover_version = 1;
    response->failover_version_increment = 10;
    return status_ok();
}
