/* Resets. */
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"

/* WorkflowService.ResetWorkflowExecution */
status rpc_reset_workflow_execution(struct call *call, const PbResetWorkflowExecutionRequest *req,
                                    PbResetWorkflowExecutionResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_reset(&check, req));
    return engine_reset(call->server->engine, call->arena, check.ns, req, resp);
}
