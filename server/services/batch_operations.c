/* Request ids are made as the real server makes them, from the job's id and the execution's names. */
#include "server/services/batch_operations.h"

#include <string.h>

#include "base/uuid.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/messages.h"

/* The UUID of a name, as text. */
static const char *request_id_of(const struct batch_context *context, const char *name)
{
    uint8_t uuid[UUID_BYTES];

    uuid_of_name(name, uuid);
    return uuid_text(context->check.arena, uuid);
}

static status accept_any(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    (void)request;
    return status_ok();
}

/* ---- terminate, cancel, delete ---- */

static status terminate(const struct batch_context *context, PbWorkflowExecution *execution)
{
    PbTerminateWorkflowExecutionRequest request = PbTerminateWorkflowExecutionRequest_INIT;

    request.workflow_execution = execution;
    request.reason = context->request->reason;
    request.identity = context->identity;
    return engine_terminate(context->engine, context->check.arena, context->check.ns, &request);
}

static status cancel(const struct batch_context *context, PbWorkflowExecution *execution)
{
    PbRequestCancelWorkflowExecutionRequest request = PbRequestCancelWorkflowExecutionRequest_INIT;

    request.workflow_execution = execution;
    request.identity = context->identity;
    return engine_request_cancel(context->engine, context->check.arena, context->check.ns, &request);
}

static status delete_run(const struct batch_context *context, PbWorkflowExecution *execution)
{
    PbDeleteWorkflowExecutionRequest request = PbDeleteWorkflowExecutionRequest_INIT;

    request.workflow_execution = execution;
    return engine_delete_workflow(context->engine, context->check.arena, context->check.ns, &request);
}

/* ---- signal ---- */

static status check_signal_operation(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    if (request->signal_operation->signal[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_SIGNAL);
    return status_ok();
}

/* The operation's header goes nowhere, nor does it in the real server. */
static status signal_run(const struct batch_context *context, PbWorkflowExecution *execution)
{
    const PbBatchOperationSignal *operation = context->request->signal_operation;
    PbSignalWorkflowExecutionRequest request = PbSignalWorkflowExecutionRequest_INIT;
    PbSignalWorkflowExecutionResponse response = PbSignalWorkflowExecutionResponse_INIT;

    request.workflow_execution = execution;
    request.signal_name = operation->signal;
    request.input = operation->input;
    request.identity = operation->identity;
    request.request_id =
        request_id_of(context, arena_printf(context->check.arena, "%s:signal:%s:%s:%s", context->request->job_id,
                                            execution->workflow_id, execution->run_id, operation->signal));
    TRY(check_signal(&context->check, &request));
    return engine_signal_workflow(context->engine, context->check.arena, context->check.ns, &request, &response);
}

/* ---- reset ---- */

static status check_options(const PbWorkflowExecutionOptions *options)
{
    if (options != NULL && options->time_skipping_config != NULL)
        return status_error(GRPC_UNIMPLEMENTED, MSG_TIME_SKIPPING_DISABLED);
    return status_ok();
}

static status check_reset_target(struct arena *arena, const PbBatchOperationReset *operation)
{
    if (operation->options != NULL) {
        if ((int)operation->options->target_case == PbResetOptions_target_not_set_case)
            return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_TARGET);
        return status_ok();
    }
    if (operation->reset_type != RESET_TYPE_FIRST_WORKFLOW_TASK &&
        operation->reset_type != RESET_TYPE_LAST_WORKFLOW_TASK)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_BATCH_RESET_TYPE,
                             operation->reset_type == RESET_TYPE_UNSPECIFIED
                                 ? "Unspecified"
                                 : arena_printf(arena, "%d", (int)operation->reset_type));
    return status_ok();
}

static status check_reset_operation(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    const PbBatchOperationReset *operation = request->reset_operation;

    TRY(check_reset_target(arena, operation));
    for (size_t i = 0; i < operation->n_post_reset_operations; i++)
        if (operation->post_reset_operations[i]->variant_case == PbPostResetOperation_update_workflow_options_case)
            TRY(check_options(
                operation->post_reset_operations[i]->update_workflow_options->workflow_execution_options));
    return status_ok();
}

/* A run whose history is not there is a failure, while one that is not there to be reset counts as done. */
static status find_task(const struct batch_context *context, const PbWorkflowExecution *execution, bool last,
                        int64_t *ret_event_id)
{
    status found =
        engine_reset_event(context->engine, context->check.arena, context->check.ns, execution, last, ret_event_id);

    if (found.code == GRPC_NOT_FOUND)
        found.code = GRPC_FAILED_PRECONDITION;
    return found;
}

/* Where to reset to; `execution` becomes the run that is to be reset. */
static status find_event(const struct batch_context *context, PbWorkflowExecution *execution, int64_t *ret_event_id)
{
    const PbBatchOperationReset *operation = context->request->reset_operation;
    const PbResetOptions *options = operation->options;

    if (options == NULL)
        return find_task(context, execution, operation->reset_type == RESET_TYPE_LAST_WORKFLOW_TASK, ret_event_id);
    switch ((int)options->target_case) {
    case PbResetOptions_first_workflow_task_case:
        return find_task(context, execution, false, ret_event_id);
    case PbResetOptions_last_workflow_task_case:
        return find_task(context, execution, true, ret_event_id);
    case PbResetOptions_build_id_case:
        return engine_reset_event_of_build(context->engine, context->check.arena, context->check.ns, options->build_id,
                                           options->current_run_only, execution, ret_event_id);
    default:
        *ret_event_id = options->workflow_task_id;
        return status_ok();
    }
}

static status reset(const struct batch_context *context, PbWorkflowExecution *execution)
{
    const PbBatchOperationReset *operation = context->request->reset_operation;
    PbResetWorkflowExecutionRequest request = PbResetWorkflowExecutionRequest_INIT;
    PbResetWorkflowExecutionResponse response = PbResetWorkflowExecutionResponse_INIT;

    TRY(find_event(context, execution, &request.workflow_task_finish_event_id));
    request.workflow_execution = execution;
    request.reason = context->request->reason;
    request.request_id =
        request_id_of(context, arena_printf(context->check.arena, "%s:reset:%s:%s", context->request->job_id,
                                            execution->workflow_id, execution->run_id));
    request.reset_reapply_type = operation->reset_reapply_type;
    if (operation->options != NULL) {
        request.reset_reapply_type = operation->options->reset_reapply_type;
        request.n_reset_reapply_exclude_types = operation->options->n_reset_reapply_exclude_types;
        request.reset_reapply_exclude_types = operation->options->reset_reapply_exclude_types;
    }
    request.n_post_reset_operations = operation->n_post_reset_operations;
    request.post_reset_operations = operation->post_reset_operations;
    request.identity = operation->identity;
    TRY(check_reset(&context->check, &request));
    return engine_reset(context->engine, context->check.arena, context->check.ns, &request, &response);
}

/* ---- options of workflows ---- */

static status check_options_operation(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    if (request->update_workflow_options_operation->workflow_execution_options == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_OPTIONS);
    if (request->update_workflow_options_operation->update_mask == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_MASK);
    return check_options(request->update_workflow_options_operation->workflow_execution_options);
}

static status update_options(const struct batch_context *context, PbWorkflowExecution *execution)
{
    const PbBatchOperationUpdateWorkflowExecutionOptions *operation =
        context->request->update_workflow_options_operation;
    PbUpdateWorkflowExecutionOptionsRequest request = PbUpdateWorkflowExecutionOptionsRequest_INIT;
    PbUpdateWorkflowExecutionOptionsResponse response = PbUpdateWorkflowExecutionOptionsResponse_INIT;

    request.workflow_execution = execution;
    request.workflow_execution_options = operation->workflow_execution_options;
    request.update_mask = operation->update_mask;
    request.identity = operation->identity;
    TRY(check_update_options(&context->check, &request));
    return engine_update_options(context->engine, context->check.arena, context->check.ns, &request, &response);
}

/* ---- activities ---- */

static status check_activity_type(bool is_type, const char *type, bool is_match_all, bool match_all)
{
    if ((is_type && type[0] == '\0') || (is_match_all && !match_all))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_ACTIVITY);
    return status_ok();
}

/* The three that choose activities of workflows do so by the same oneof. */
#define CHECK_ACTIVITY_TYPE(operation, PbOperation)                                                    \
    check_activity_type((int)(operation)->activity_case == PbOperation##_type_case, (operation)->type, \
                        (int)(operation)->activity_case == PbOperation##_match_all_case, (operation)->match_all)

static status check_unpause(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    const PbBatchOperationUnpauseActivities *operation = request->unpause_activities_operation;

    if ((int)operation->activity_case == PbBatchOperationUnpauseActivities_activity_not_set_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_FILTER);
    return CHECK_ACTIVITY_TYPE(operation, PbBatchOperationUnpauseActivities);
}

static status check_reset_activities(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    const PbBatchOperationResetActivities *operation = request->reset_activities_operation;

    if ((int)operation->activity_case == PbBatchOperationResetActivities_activity_not_set_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_TYPE_OR_ALL);
    return CHECK_ACTIVITY_TYPE(operation, PbBatchOperationResetActivities);
}

static status check_update_activities(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    (void)arena;
    const PbBatchOperationUpdateActivityOptions *operation = request->update_activity_options_operation;

    if (operation->activity_options != NULL && operation->restore_original)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_BOTH_OPTIONS);
    if (operation->activity_options == NULL && !operation->restore_original)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_NO_CHANGE);
    return CHECK_ACTIVITY_TYPE(operation, PbBatchOperationUpdateActivityOptions);
}

/* ---- all of them ---- */

#define OPERATION(field, name, type, target, open_only, per_turn, check, carry_out)                              \
    {                                                                                                            \
        PbStartBatchOperationRequest_##field##_case, name, BATCH_OPERATION_TYPE_##type, EXECUTION_TYPE_##target, \
            open_only, per_turn, check, carry_out                                                                \
    }

static const struct batch_operation operations[] = {
    OPERATION(termination_operation, "TerminationOperation", TERMINATE_WORKFLOW, WORKFLOW, true, 16, accept_any,
              terminate),
    OPERATION(cancellation_operation, "CancellationOperation", CANCEL_WORKFLOW, WORKFLOW, true, 16, accept_any, cancel),
    OPERATION(signal_operation, "SignalOperation", SIGNAL_WORKFLOW, WORKFLOW, true, 16, check_signal_operation,
              signal_run),
    OPERATION(deletion_operation, "DeletionOperation", DELETE_WORKFLOW, WORKFLOW, false, 16, accept_any, delete_run),
    /* Each reads its run's history. */
    OPERATION(reset_operation, "ResetOperation", RESET_WORKFLOW, WORKFLOW, false, 2, check_reset_operation, reset),
    OPERATION(update_workflow_options_operation, "UpdateWorkflowOptionsOperation", UPDATE_WORKFLOW_EXECUTION_OPTIONS,
              WORKFLOW, true, 16, check_options_operation, update_options),
    OPERATION(unpause_activities_operation, "UnpauseActivitiesOperation", UNPAUSE_ACTIVITY, WORKFLOW, true, 16,
              check_unpause, NULL),
    OPERATION(reset_activities_operation, "ResetActivitiesOperation", RESET_ACTIVITY, WORKFLOW, true, 16,
              check_reset_activities, NULL),
    OPERATION(update_activity_options_operation, "UpdateActivityOptionsOperation", UPDATE_ACTIVITY_OPTIONS, WORKFLOW,
              true, 16, check_update_activities, NULL),
    OPERATION(terminate_activities_operation, "TerminateActivitiesOperation", TERMINATE_ACTIVITY, ACTIVITY, true, 16,
              accept_any, NULL),
    OPERATION(cancel_activities_operation, "CancelActivitiesOperation", CANCEL_ACTIVITY, ACTIVITY, true, 16, accept_any,
              NULL),
    OPERATION(delete_activities_operation, "DeleteActivitiesOperation", DELETE_ACTIVITY, ACTIVITY, false, 16,
              accept_any, NULL),
};

const struct batch_operation *batch_operation_find(const PbStartBatchOperationRequest *request)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (operations[i].kind == (int)request->operation_case)
            return &operations[i];
    return NULL;
}

/* All operations have a field of that name. */
const char *batch_operation_identity(const PbStartBatchOperationRequest *request)
{
    const struct batch_operation *operation = batch_operation_find(request);
    const ProtobufCMessage *message =
        (const ProtobufCMessage *)(const void *)request->termination_operation; /* or any */
    const ProtobufCFieldDescriptor *field;

    if (operation == NULL || message == NULL)
        return "";
    field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "identity");
    return field == NULL ? "" : *(const char *const *)(const void *)((const char *)message + field->offset);
}

static const char *execution_type_name(struct arena *arena, PbExecutionType type)
{
    switch ((int)type) {
    case EXECUTION_TYPE_UNSPECIFIED:
        return "Unspecified";
    case EXECUTION_TYPE_WORKFLOW:
        return "Workflow";
    case EXECUTION_TYPE_ACTIVITY:
        return "Activity";
    default: /* also what is newer than the real server */
        return arena_printf(arena, "%d", (int)type);
    }
}

static status check_targets(struct arena *arena, const struct batch_operation *operation,
                            const PbStartBatchOperationRequest *request)
{
    int ways =
        (request->visibility_query[0] != '\0') + (request->n_executions > 0) + (request->n_target_executions > 0);

    if (ways == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_PARAMETERS);
    if (request->job_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_JOB_ID_NOT_SET);
    if (ways > 1)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_TARGETS);
    for (size_t i = 0; i < request->n_target_executions; i++) {
        PbExecutionType type = request->target_executions[i]->type;

        if (type != operation->target)
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_BATCH_TARGET_TYPE, i,
                                 execution_type_name(arena, type), operation->name,
                                 execution_type_name(arena, operation->target));
    }
    return status_ok();
}

status batch_operation_check(struct arena *arena, const PbStartBatchOperationRequest *request)
{
    const struct batch_operation *operation = batch_operation_find(request);

    if (operation == NULL || request->reason[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BATCH_PARAMETERS);
    TRY(check_targets(arena, operation, request));
    return operation->check(arena, request);
}
