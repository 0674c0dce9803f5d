/* Resets. */
#include <string.h>

#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"

/* WorkflowService.ResetWorkflowExecution */
status rpc_reset_workflow_execution(struct call *call, const PbResetWorkflowExecutionRequest *req,
                                    PbResetWorkflowExecutionResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->request_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_NOT_SET);
    if ((int64_t)strlen(req->request_id) > check.config->history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_TOO_LONG);
    TRY(check_execution(req->workflow_execution));
    if ((unsigned)req->reset_reapply_type > RESET_REAPPLY_TYPE_ALL_ELIGIBLE)
        return status_errorf(call->arena, GRPC_INTERNAL, MSG_RESET_REAPPLY_TYPE, (int)req->reset_reapply_type);
    return engine_reset(call, check.ns, req, resp);
}
