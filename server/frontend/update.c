/* Updates of workflows, and update-with-start. */
#include <string.h>

#include "base/uuid.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/frontend/started.h"

/* Checks an update and returns it with its defaults: an id, a stage to wait for. What it does not change is borrowed.
 */
static status check_update(struct call *call, const struct check *check, const PbUpdateWorkflowExecutionRequest *req,
                           PbUpdateWorkflowExecutionRequest **ret_req)
{
    PbUpdateWorkflowExecutionRequest *normal = ARENA_NEW_PB(call->arena, PbUpdateWorkflowExecutionRequest);
    const PbUpdateRequest *update = req->request;
    uint8_t uuid[UUID_BYTES];

    TRY(check_execution(req->workflow_execution));
    if (update == NULL || update->meta == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_META_NOT_SET);
    if ((int64_t)strlen(update->meta->update_id) > check->config->history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_ID_TOO_LONG);
    if (update->input == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_INPUT_NOT_SET);
    if (update->input->name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_NAME_NOT_SET);
    *normal = *req;
    normal->request = pb_copy(call->arena, update);
    if (update->meta->update_id[0] == '\0') {
        rand_uuid4(check->rand, uuid);
        normal->request->meta->update_id = uuid_text(call->arena, uuid);
    }
    normal->wait_policy = ARENA_NEW_PB(call->arena, PbWaitPolicy);
    if (req->wait_policy != NULL)
        normal->wait_policy->lifecycle_stage = req->wait_policy->lifecycle_stage;
    if (normal->wait_policy->lifecycle_stage == UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED)
        normal->wait_policy->lifecycle_stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
    if (normal->wait_policy->lifecycle_stage == UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED)
        return status_detail(call->arena, GRPC_PERMISSION_DENIED, ARENA_NEW_PB(call->arena, PbPermissionDeniedFailure),
                             "%s", MSG_UPDATE_ADMITTED_STAGE);
    *ret_req = normal;
    return status_ok();
}

/* WorkflowService.UpdateWorkflowExecution */
status rpc_update_workflow_execution(struct call *call, const PbUpdateWorkflowExecutionRequest *req,
                                     PbUpdateWorkflowExecutionResponse *resp)
{
    PbUpdateWorkflowExecutionRequest *normal;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_update(call, &check, req, &normal));
    return engine_update_workflow(call, check.ns, normal, resp);
}

/* WorkflowService.PollWorkflowExecutionUpdate */
status rpc_poll_workflow_execution_update(struct call *call, const PbPollWorkflowExecutionUpdateRequest *req,
                                          PbPollWorkflowExecutionUpdateResponse *resp)
{
    const PbWorkflowExecution *execution;
    uint8_t run_id[UUID_BYTES];
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->update_ref == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_REF_NOT_SET);
    execution = req->update_ref->workflow_execution;
    if (execution == NULL || execution->workflow_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_WORKFLOW_ID_NOT_SET);
    if (execution->run_id[0] != '\0' && !uuid_parse(execution->run_id, run_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_RUN_ID_INVALID);
    return engine_poll_update(call, check.ns, req, resp);
}

/* ---- update-with-start ---- */

static PbMultiOperationExecutionFailureOperationStatus *operation_status(struct arena *arena, status s)
{
    PbMultiOperationExecutionFailureOperationStatus *result =
        ARENA_NEW_PB(arena, PbMultiOperationExecutionFailureOperationStatus);

    result->code = s.code;
    result->message = s.message == NULL ? "" : s.message;
    if (s.detail != NULL) {
        result->details = ARENA_NEW_ARRAY(arena, PbAny *, 1);
        result->details[result->n_details++] = pb_pack_any(arena, s.detail);
    }
    return result;
}

static status aborted(struct arena *arena)
{
    return status_detail(arena, GRPC_ABORTED, ARENA_NEW_PB(arena, PbMultiOperationExecutionAborted), "%s",
                         MSG_MULTI_ABORTED);
}

/* The error of a whole update-with-start: the code of the first operation that really failed, and what each says. */
static status multi_failure(struct arena *arena, status first, status second)
{
    PbMultiOperationExecutionFailure *detail = ARENA_NEW_PB(arena, PbMultiOperationExecutionFailure);
    status leading = !status_is_ok(first) && first.code != GRPC_ABORTED ? first : second;

    detail->statuses = ARENA_NEW_ARRAY(arena, PbMultiOperationExecutionFailureOperationStatus *, 2);
    detail->statuses[detail->n_statuses++] = operation_status(arena, first);
    detail->statuses[detail->n_statuses++] = operation_status(arena, second);
    return status_detail(arena, leading.code, detail, "%s", MSG_MULTI_FAILED);
}

static status wrap(struct call *call, enum with_start_failure failed, status error)
{
    switch (failed) {
    case START_FAILED:
        return multi_failure(call->arena, error, aborted(call->arena));
    case UPDATE_OF_NEW_FAILED:
        return multi_failure(call->arena, status_ok(), error);
    case UPDATE_OF_OPEN_FAILED:
        return multi_failure(call->arena, aborted(call->arena), error);
    }
    return error;
}

static status check_start_part(const struct check *check, const char *namespace_name,
                               const PbStartWorkflowExecutionRequest *req, PbStartWorkflowExecutionRequest **ret_req)
{
    if (req->namespace_[0] != '\0' && strcmp(req->namespace_, namespace_name) != 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_NAMESPACE);
    TRY(check_start(check, req, ret_req));
    if (req->cron_schedule[0] != '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_CRON);
    if (req->request_eager_execution)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_EAGER);
    if (req->workflow_start_delay != NULL &&
        (req->workflow_start_delay->seconds > 0 || req->workflow_start_delay->nanos > 0))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_DELAY);
    return status_ok();
}

static status check_update_part(struct call *call, const struct check *check, const char *namespace_name,
                                const PbUpdateWorkflowExecutionRequest *req, PbUpdateWorkflowExecutionRequest **ret_req)
{
    if (req->namespace_[0] != '\0' && strcmp(req->namespace_, namespace_name) != 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_NAMESPACE);
    TRY(check_update(call, check, req, ret_req));
    if (req->first_execution_run_id[0] != '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_FIRST_RUN_ID);
    if (req->workflow_execution->run_id[0] != '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_RUN_ID);
    return status_ok();
}

/* WorkflowService.ExecuteMultiOperation: update-with-start, the only one there is. */
status rpc_execute_multi_operation(struct call *call, const PbExecuteMultiOperationRequest *req,
                                   PbExecuteMultiOperationResponse *resp)
{
    PbStartWorkflowExecutionRequest *start = NULL;
    PbUpdateWorkflowExecutionRequest *update = NULL;
    struct check check;
    status first, second;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->n_operations != 2 ||
        req->operations[0]->operation_case != PbExecuteMultiOperationRequestOperation_start_workflow_case ||
        req->operations[1]->operation_case != PbExecuteMultiOperationRequestOperation_update_workflow_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_NOT_START_UPDATE);
    first = check_start_part(&check, req->namespace_, req->operations[0]->start_workflow, &start);
    second = check_update_part(call, &check, req->namespace_, req->operations[1]->update_workflow, &update);
    if (status_is_ok(first) && status_is_ok(second) &&
        strcmp(start->workflow_id, update->workflow_execution->workflow_id) != 0)
        second = status_error(GRPC_INVALID_ARGUMENT, MSG_MULTI_WORKFLOW_ID);
    if (!status_is_ok(first) || !status_is_ok(second))
        return multi_failure(call->arena, status_is_ok(first) ? aborted(call->arena) : first,
                             status_is_ok(second) ? aborted(call->arena) : second);
    return engine_update_with_start(call, check.ns, start, update, wrap, resp);
}
