/*
 * grpc.health.v1.Health. A process that answers is healthy; there is nothing in between, since there is one thread and
 * one database. The names are those that the real server knows, whatever services it has: probes and the CLI ask by
 * them.
 */
#include <string.h>

#include "proto/pb.h"
#include "server/frontend/handlers.h"
#include "server/grpc/stream_call.h"

static const char *const known_services[] = {
    "",
    "temporal.api.workflowservice.v1.WorkflowService",
    "temporal.api.operatorservice.v1.OperatorService",
    "temporal.api.adminservice.v1.AdminService",
};

enum { KNOWN_SERVICES_COUNT = sizeof(known_services) / sizeof(known_services[0]) };

static bool is_known(const char *service)
{
    for (size_t i = 0; i < KNOWN_SERVICES_COUNT; i++)
        if (strcmp(service, known_services[i]) == 0)
            return true;
    return false;
}

status rpc_health_check(struct call *call, const PbHealthCheckRequest *req, PbHealthCheckResponse *resp)
{
    (void)call;
    if (!is_known(req->service))
        return status_error(GRPC_NOT_FOUND, "unknown service");
    resp->status = SERVING_STATUS_SERVING;
    return status_ok();
}

/* The first message says how it is, and how it is does not change until the stream breaks. */
status rpc_health_watch(struct call *call, const PbHealthCheckRequest *req, PbHealthCheckResponse *resp)
{
    PbHealthCheckResponse *now = ARENA_NEW_PB(call->arena, PbHealthCheckResponse);

    (void)resp;
    now->status = is_known(req->service) ? SERVING_STATUS_SERVING : SERVING_STATUS_SERVICE_UNKNOWN;
    TRY(stream_call_send(call, &now->base));
    return status_pending();
}

status rpc_health_list(struct call *call, const PbHealthListRequest *req, PbHealthListResponse *resp)
{
    (void)req;
    resp->n_statuses = KNOWN_SERVICES_COUNT;
    resp->statuses = ARENA_NEW_ARRAY(call->arena, PbHealthListResponseStatusesEntry *, KNOWN_SERVICES_COUNT);
    for (size_t i = 0; i < KNOWN_SERVICES_COUNT; i++) {
        PbHealthListResponseStatusesEntry *entry = ARENA_NEW_PB(call->arena, PbHealthListResponseStatusesEntry);

        entry->key = known_services[i];
        entry->value = ARENA_NEW_PB(call->arena, PbHealthCheckResponse);
        entry->value->status = SERVING_STATUS_SERVING;
        resp->statuses[i] = entry;
    }
    return status_ok();
}
