/* Workers as they tell of themselves: heartbeats, and who asks for them. */
#include <string.h>

#include "proto/pb.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/server.h"
#include "server/services/workers.h"

/* A page token names the last worker of the page before. */
#define TOKEN_BEGIN "{\"l\":\""
#define TOKEN_END   "\"}"

/* WorkflowService.RecordWorkerHeartbeat */
status rpc_record_worker_heartbeat(struct call *call, const PbRecordWorkerHeartbeatRequest *req,
                                   PbRecordWorkerHeartbeatResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    for (size_t i = 0; i < req->n_worker_heartbeat; i++)
        workers_record(call->server->workers, check.ns, req->worker_heartbeat[i]);
    return status_ok();
}

static PbWorkerInfo *whole_info(struct arena *arena, PbWorkerHeartbeat *heartbeat)
{
    PbWorkerInfo *info = ARENA_NEW_PB(arena, PbWorkerInfo);

    info->worker_heartbeat = heartbeat;
    return info;
}

/* What does not change from heartbeat to heartbeat, or little. */
static PbWorkerListInfo *list_info(struct arena *arena, PbWorkerHeartbeat *heartbeat)
{
    PbWorkerListInfo *info = ARENA_NEW_PB(arena, PbWorkerListInfo);

    info->worker_instance_key = heartbeat->worker_instance_key;
    info->worker_identity = heartbeat->worker_identity;
    info->task_queue = heartbeat->task_queue;
    info->deployment_version = heartbeat->deployment_version;
    info->sdk_name = heartbeat->sdk_name;
    info->sdk_version = heartbeat->sdk_version;
    info->status = heartbeat->status;
    info->start_time = heartbeat->start_time;
    if (heartbeat->host_info != NULL) {
        info->host_name = heartbeat->host_info->host_name;
        info->worker_grouping_key = heartbeat->host_info->worker_grouping_key;
        info->process_id = heartbeat->host_info->process_id;
    }
    info->n_plugins = heartbeat->n_plugins;
    info->plugins = heartbeat->plugins;
    info->n_drivers = heartbeat->n_drivers;
    info->drivers = heartbeat->drivers;
    return info;
}

static status read_token(struct arena *arena, const ProtobufCBinaryData *token, const char **ret_after)
{
    const size_t begin = strlen(TOKEN_BEGIN), end = strlen(TOKEN_END);

    *ret_after = "";
    if (token->len == 0)
        return status_ok();
    if (token->len < begin + end || memcmp(token->data, TOKEN_BEGIN, begin) != 0 ||
        memcmp(token->data + token->len - end, TOKEN_END, end) != 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKERS_PAGE_TOKEN);
    *ret_after = arena_strndup(arena, (const char *)token->data + begin, token->len - begin - end);
    return status_ok();
}

/* WorkflowService.ListWorkers */
status rpc_list_workers(struct call *call, const PbListWorkersRequest *req, PbListWorkersResponse *resp)
{
    struct workers_query query = {
        .filter = req->query,
        .include_system = req->include_system_workers,
        .most = req->page_size > 0 ? (size_t)req->page_size : SIZE_MAX,
    };
    PbWorkerHeartbeat **found;
    struct check check;
    bool has_more;
    size_t count;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(read_token(call->arena, &req->next_page_token, &query.after));
    TRY(workers_list(call->server->workers, call->arena, check.ns, &query, &found, &count, &has_more));
    resp->workers_info = ARENA_NEW_ARRAY(call->arena, PbWorkerInfo *, count);
    resp->workers = ARENA_NEW_ARRAY(call->arena, PbWorkerListInfo *, count);
    for (size_t i = 0; i < count; i++) {
        resp->workers_info[resp->n_workers_info++] = whole_info(call->arena, found[i]);
        resp->workers[resp->n_workers++] = list_info(call->arena, found[i]);
    }
    if (has_more) {
        char *token = arena_printf(call->arena, TOKEN_BEGIN "%s" TOKEN_END, found[count - 1]->worker_instance_key);

        resp->next_page_token = (ProtobufCBinaryData){strlen(token), (uint8_t *)token};
    }
    return status_ok();
}

/* WorkflowService.CountWorkers */
status rpc_count_workers(struct call *call, const PbCountWorkersRequest *req, PbCountWorkersResponse *resp)
{
    struct workers_query query = {
        .filter = req->query, .include_system = req->include_system_workers, .after = "", .most = SIZE_MAX};
    PbWorkerHeartbeat **found;
    struct check check;
    bool has_more;
    size_t count;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(workers_list(call->server->workers, call->arena, check.ns, &query, &found, &count, &has_more));
    resp->count = (int64_t)count;
    return status_ok();
}

/* WorkflowService.DescribeWorker */
status rpc_describe_worker(struct call *call, const PbDescribeWorkerRequest *req, PbDescribeWorkerResponse *resp)
{
    PbNotFoundFailure *detail = ARENA_NEW_PB(call->arena, PbNotFoundFailure);
    PbWorkerHeartbeat *heartbeat;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    heartbeat = workers_find(call->server->workers, call->arena, check.ns, req->worker_instance_key);
    if (heartbeat == NULL)
        return status_detail(call->arena, GRPC_NOT_FOUND, detail, MSG_WORKER_NOT_FOUND, req->worker_instance_key);
    resp->worker_info = whole_info(call->arena, heartbeat);
    return status_ok();
}
