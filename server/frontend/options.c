/* Options of a running workflow. */
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"

/* WorkflowService.UpdateWorkflowExecutionOptions */
status rpc_update_workflow_execution_options(struct call *call, const PbUpdateWorkflowExecutionOptionsRequest *req,
                                             PbUpdateWorkflowExecutionOptionsResponse *resp)
{
    const PbWorkflowExecutionOptions *options = req->workflow_execution_options;
    const char *problem;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->workflow_execution == NULL || req->workflow_execution->workflow_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_ID_NOT_SET);
    if (req->update_mask == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_OPTIONS_MASK_NOT_SET);
    if (options == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_OPTIONS_NOT_SET);
    problem = options_mask_problem(call->arena, req->update_mask);
    if (problem != NULL)
        return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_OPTIONS_MASK_UNREADABLE, problem);
    TRY(check_priority(options->priority));
    if (options->time_skipping_config != NULL)
        return status_error(GRPC_UNIMPLEMENTED, MSG_TIME_SKIPPING_DISABLED);
    return engine_update_options(call->server->engine, call->arena, check.ns, req, resp);
}
