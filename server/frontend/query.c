/* Queries: the client's side, and the worker's answer to one that was sent to it by itself. */
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"

/* WorkflowService.QueryWorkflow */
status rpc_query_workflow(struct call *call, const PbQueryWorkflowRequest *req, PbQueryWorkflowResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->execution));
    if (req->query == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_QUERY_NOT_SET);
    if (req->query->query_type[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_QUERY_TYPE_NOT_SET);
    TRY(check_blob(&check, req->query->query_args));
    return engine_query(call, check.ns, req, resp);
}

/* WorkflowService.RespondQueryTaskCompleted */
status rpc_respond_query_task_completed(struct call *call, const PbRespondQueryTaskCompletedRequest *req,
                                        PbRespondQueryTaskCompletedResponse *resp)
{
    PbRespondQueryTaskCompletedRequest *failed;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_QUERY, &check));
    if (!blob_is_too_large(&check, req->query_result))
        return engine_answer_query(call, check.ns, req);
    failed = ARENA_NEW_PB(call->arena, PbRespondQueryTaskCompletedRequest); /* the one who asked shall hear of it */
    failed->namespace_ = req->namespace_;
    failed->task_token = req->task_token;
    failed->completed_type = QUERY_RESULT_TYPE_FAILED;
    failed->error_message = MSG_BLOB_TOO_LARGE;
    return engine_answer_query(call, check.ns, failed);
}
