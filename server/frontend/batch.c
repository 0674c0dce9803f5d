/* Batch operations. */
#include <string.h>

#include "persistence/batches.h"
#include "persistence/visibility_syntax.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/server.h"
#include "server/services/batch.h"
#include "server/services/batch_operations.h"

enum { PAGE_MAX = 1000 };

/* WorkflowService.StartBatchOperation */
status rpc_start_batch_operation(struct call *call, const PbStartBatchOperationRequest *req,
                                 PbStartBatchOperationResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(batch_operation_check(call->arena, req));
    if (req->visibility_query[0] != '\0')
        TRY(filter_syntax_check(call->arena, req->visibility_query));
    if (batch_operation_find(req)->carry_out == NULL)
        return status_errorf(call->arena, GRPC_UNIMPLEMENTED, MSG_NOT_SUPPORTED_YET, "batches of this operation");
    return batches_start(call->server->batches, call->arena, check.ns, req);
}

/* WorkflowService.StopBatchOperation */
status rpc_stop_batch_operation(struct call *call, const PbStopBatchOperationRequest *req,
                                PbStopBatchOperationResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    if (req->job_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_JOB_ID_NOT_SET);
    if (req->reason[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_REASON_NOT_SET);
    return batches_stop(call->server->batches, call->arena, check.ns, req->job_id);
}

/* ---- describe ---- */

/* The list that it was given, in the newer of its two forms. */
static void describe_executions(struct arena *arena, const PbStartBatchOperationRequest *request,
                                PbDescribeBatchOperationResponse *resp)
{
    resp->executions = request->target_executions;
    resp->n_executions = request->n_target_executions;
    if (resp->n_executions > 0)
        return;
    resp->executions = ARENA_NEW_ARRAY(arena, PbExecution *, request->n_executions);
    for (size_t i = 0; i < request->n_executions; i++) {
        PbExecution *execution = ARENA_NEW_PB(arena, PbExecution);

        execution->type = batch_operation_find(request)->target;
        execution->business_id = request->executions[i]->workflow_id;
        execution->run_id = request->executions[i]->run_id;
        resp->executions[resp->n_executions++] = execution;
    }
}

static status describe(struct arena *arena, const struct batch_row *row, PbDescribeBatchOperationResponse *resp)
{
    const PbStartBatchOperationRequest *request =
        pb_unpack(arena, &PbStartBatchOperationRequest_descriptor, row->request.data, row->request.len);

    if (request == NULL || batch_operation_find(request) == NULL)
        return status_error(GRPC_DATA_LOSS, "the stored batch operation cannot be read");
    resp->operation_type = (PbBatchOperationType)row->type;
    resp->job_id = row->job_id;
    resp->state = (PbBatchOperationState)row->state;
    resp->start_time = pb_timestamp_new(arena, row->start_time);
    if (row->close_time != 0)
        resp->close_time = pb_timestamp_new(arena, row->close_time);
    resp->total_operation_count = row->total < 0 ? 0 : row->total;
    resp->complete_operation_count = row->completed;
    resp->failure_operation_count = row->failed;
    resp->identity = batch_operation_identity(request);
    resp->reason = request->reason;
    resp->query = request->visibility_query;
    describe_executions(arena, request, resp);
    return status_ok();
}

/* WorkflowService.DescribeBatchOperation */
status rpc_describe_batch_operation(struct call *call, const PbDescribeBatchOperationRequest *req,
                                    PbDescribeBatchOperationResponse *resp)
{
    struct check check;
    struct batch_row row;
    status found;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->job_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_JOB_ID_NOT_SET);
    found = batches_find(call->server->store, call->arena, check.ns->id, req->job_id, &row);
    if (found.code == GRPC_NOT_FOUND)
        return status_detail(call->arena, GRPC_NOT_FOUND, ARENA_NEW_PB(call->arena, PbNotFoundFailure),
                             MSG_WORKFLOW_NOT_FOUND, req->job_id);
    TRY(found);
    return describe(call->arena, &row, resp);
}

/* ---- list ---- */

/* To the microsecond, as in other lists. */
static PbTimestamp *list_time(struct arena *arena, nanos instant)
{
    return pb_timestamp_new(arena, instant - instant % 1000);
}

static PbBatchOperationInfo *info_of(struct arena *arena, const struct batch_row *row)
{
    PbBatchOperationInfo *info = ARENA_NEW_PB(arena, PbBatchOperationInfo);

    info->job_id = row->job_id;
    info->state = (PbBatchOperationState)row->state;
    info->start_time = list_time(arena, row->start_time);
    if (row->close_time != 0)
        info->close_time = list_time(arena, row->close_time);
    info->operation_type = (PbBatchOperationType)row->type;
    return info;
}

/* The token is that of other lists; its row is a batch's. */
static status read_token(struct arena *arena, ProtobufCBinaryData token, nanos *ret_close_time, int64_t *ret_id)
{
    const PbVisibilityPageToken *read;

    *ret_close_time = *ret_id = 0;
    if (token.len == 0)
        return status_ok();
    read = pb_unpack(arena, &PbVisibilityPageToken_descriptor, token.data, token.len);
    if (read == NULL || read->run <= 0 || read->close_time < 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PAGE_TOKEN_INVALID);
    *ret_close_time = read->close_time;
    *ret_id = read->run;
    return status_ok();
}

static ProtobufCBinaryData make_token(struct arena *arena, const struct batch_row *last)
{
    PbVisibilityPageToken token = PbVisibilityPageToken_INIT;
    struct bytes packed;

    token.close_time = last->close_time;
    token.run = last->id;
    packed = pb_pack(arena, &token);
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)packed.data, .len = packed.len};
}

/* WorkflowService.ListBatchOperations */
status rpc_list_batch_operations(struct call *call, const PbListBatchOperationsRequest *req,
                                 PbListBatchOperationsResponse *resp)
{
    int most = req->page_size <= 0 || req->page_size > PAGE_MAX ? PAGE_MAX : req->page_size, count;
    struct batch_row *rows;
    struct check check;
    nanos close_time;
    int64_t id;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(read_token(call->arena, req->next_page_token, &close_time, &id));
    TRY(batches_list(call->server->store, call->arena, check.ns->id, close_time, id, most, &rows, &count));
    resp->operation_info = ARENA_NEW_ARRAY(call->arena, PbBatchOperationInfo *, count);
    for (int i = 0; i < count; i++)
        resp->operation_info[resp->n_operation_info++] = info_of(call->arena, &rows[i]);
    if (count == most)
        resp->next_page_token = make_token(call->arena, &rows[count - 1]);
    return status_ok();
}
