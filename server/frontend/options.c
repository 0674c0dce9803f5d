/* Options of a running workflow. */
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"

/* WorkflowService.UpdateWorkflowExecutionOptions */
status rpc_update_workflow_execution_options(struct call *call, const PbUpdateWorkflowExecutionOptionsRequest *req,
                                             PbUpdateWorkflowExecutionOptionsResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_update_options(&check, req));
    return engine_update_options(call->server->engine, call->arena, check.ns, req, resp);
}
