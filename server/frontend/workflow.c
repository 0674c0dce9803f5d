/* What clients do to workflows: start, signal, cancel, terminate, look at them. */
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/frontend/started.h"

/* WorkflowService.StartWorkflowExecution */
status rpc_start_workflow_execution(struct call *call, const PbStartWorkflowExecutionRequest *req,
                                    PbStartWorkflowExecutionResponse *resp)
{
    struct check check;
    PbStartWorkflowExecutionRequest *normal;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(namespace_check_registered(call->arena, check.ns));
    TRY(check_start(&check, req, &normal));
    return engine_start_workflow(call, check.ns, normal, resp);
}

/* WorkflowService.SignalWorkflowExecution */
status rpc_signal_workflow_execution(struct call *call, const PbSignalWorkflowExecutionRequest *req,
                                     PbSignalWorkflowExecutionResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_signal(&check, req));
    return engine_signal_workflow(call->server->engine, call->arena, check.ns, req, resp);
}

/* WorkflowService.SignalWithStartWorkflowExecution */
status rpc_signal_with_start_workflow_execution(struct call *call, const PbSignalWithStartWorkflowExecutionRequest *req,
                                                PbSignalWithStartWorkflowExecutionResponse *resp)
{
    struct check check;
    PbStartWorkflowExecutionRequest *start;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(namespace_check_registered(call->arena, check.ns));
    TRY(check_signal_with_start(&check, req, &start));
    return engine_signal_with_start(call, check.ns, start, req, resp);
}

/* WorkflowService.RequestCancelWorkflowExecution */
status rpc_request_cancel_workflow_execution(struct call *call, const PbRequestCancelWorkflowExecutionRequest *req,
                                             PbRequestCancelWorkflowExecutionResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->workflow_execution));
    TRY(check_links(&check, req->n_links, req->links));
    return engine_request_cancel(call->server->engine, call->arena, check.ns, req);
}

/* WorkflowService.TerminateWorkflowExecution */
status rpc_terminate_workflow_execution(struct call *call, const PbTerminateWorkflowExecutionRequest *req,
                                        PbTerminateWorkflowExecutionResponse *resp)
{
    PbTerminateWorkflowExecutionRequest *normal = ARENA_NEW_PB(call->arena, PbTerminateWorkflowExecutionRequest);
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->workflow_execution));
    TRY(check_links(&check, req->n_links, req->links));
    *normal = *req;
    if (normal->reason[0] == '\0') /* so that a history tells a person's doing from the server's */
        normal->reason = TEXT_TERMINATE_REASON;
    if (normal->identity[0] == '\0')
        normal->identity = TEXT_TERMINATE_IDENTITY;
    return engine_terminate(call->server->engine, call->arena, check.ns, normal);
}

/* WorkflowService.DeleteWorkflowExecution */
status rpc_delete_workflow_execution(struct call *call, const PbDeleteWorkflowExecutionRequest *req,
                                     PbDeleteWorkflowExecutionResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->workflow_execution));
    return engine_delete_workflow(call->server->engine, call->arena, check.ns, req);
}

/* WorkflowService.DescribeWorkflowExecution */
status rpc_describe_workflow_execution(struct call *call, const PbDescribeWorkflowExecutionRequest *req,
                                       PbDescribeWorkflowExecutionResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->execution));
    return engine_describe(call, check.ns, req, resp);
}

/* WorkflowService.GetWorkflowExecutionHistory */
status rpc_get_workflow_execution_history(struct call *call, const PbGetWorkflowExecutionHistoryRequest *req,
                                          PbGetWorkflowExecutionHistoryResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->execution));
    return engine_get_history(call, check.ns, req, resp);
}

/* WorkflowService.GetWorkflowExecutionHistoryReverse */
status rpc_get_workflow_execution_history_reverse(struct call *call,
                                                  const PbGetWorkflowExecutionHistoryReverseRequest *req,
                                                  PbGetWorkflowExecutionHistoryReverseResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->execution));
    return engine_get_history_reverse(call, check.ns, req, resp);
}
