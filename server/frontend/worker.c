/* What workers do: poll for tasks, report how they went, say goodbye. */
#include "history/failures.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/frontend/check.h"
#include "server/frontend/failures.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"

/* What is left of a failure that is over the limit: a quarter of the default limit of payloads. */
enum { SHORTENED_FAILURE_BYTES = 512 * 1024 };

/* ---- workflow tasks ---- */

/* WorkflowService.PollWorkflowTaskQueue */
status rpc_poll_workflow_task_queue(struct call *call, const PbPollWorkflowTaskQueueRequest *req,
                                    PbPollWorkflowTaskQueueResponse *resp)
{
    const PbWorkerVersionCapabilities *version = req->worker_version_capabilities;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_poll_deadline(call));
    TRY(check_identity(&check, req->identity));
    TRY(check_worker_version(&check, version != NULL && version->use_versioning,
                             version == NULL ? "" : version->build_id, req->deployment_options, req->task_queue));
    TRY(check_task_queue(&check, req->task_queue, false));
    return engine_poll_workflow_task(call, check.ns, req, resp);
}

static bool is_versioned(const PbWorkerDeploymentOptions *options)
{
    return options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED;
}

/* WorkflowService.RespondWorkflowTaskCompleted */
status rpc_respond_workflow_task_completed(struct call *call, const PbRespondWorkflowTaskCompletedRequest *req,
                                           PbRespondWorkflowTaskCompletedResponse *resp)
{
    const PbWorkerVersionStamp *version = req->worker_version_stamp;
    const PbTaskQueue *sticky = req->sticky_attributes == NULL ? NULL : req->sticky_attributes->worker_task_queue;
    struct check check;

    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    TRY(check_worker_version(&check, version != NULL && version->use_versioning,
                             version == NULL ? "" : version->build_id, req->deployment_options, sticky));
    if (req->versioning_behavior != VERSIONING_BEHAVIOR_UNSPECIFIED && !is_versioned(req->deployment_options))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_VERSIONING_BEHAVIOR_WITHOUT_OPTIONS);
    if (req->intermediate_page || req->page_number > 0)
        return status_errorf(call->arena, GRPC_FAILED_PRECONDITION, MSG_COMPLETION_PAGES,
                             check.ns == NULL ? "" : check.ns->name);
    return engine_complete_workflow_task(call, check.ns, req, resp);
}

/* WorkflowService.RespondWorkflowTaskFailed */
status rpc_respond_workflow_task_failed(struct call *call, const PbRespondWorkflowTaskFailedRequest *req,
                                        PbRespondWorkflowTaskFailedResponse *resp)
{
    PbRespondWorkflowTaskFailedRequest *shortened;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    if (!blob_is_too_large(&check, req->failure))
        return engine_fail_workflow_task(call, check.ns, req);
    shortened = ARENA_NEW_PB(call->arena, PbRespondWorkflowTaskFailedRequest);
    *shortened = *req;
    shortened->failure = failure_of_server(call->arena, TEXT_FAILURE_TOO_LARGE,
                                           failure_shorten(call->arena, req->failure, SHORTENED_FAILURE_BYTES));
    return engine_fail_workflow_task(call, check.ns, shortened);
}

/* ---- activity tasks ---- */

/* WorkflowService.PollActivityTaskQueue */
status rpc_poll_activity_task_queue(struct call *call, const PbPollActivityTaskQueueRequest *req,
                                    PbPollActivityTaskQueueResponse *resp)
{
    const PbWorkerVersionCapabilities *version = req->worker_version_capabilities;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_poll_deadline(call));
    TRY(check_task_queue(&check, req->task_queue, false));
    TRY(check_identity(&check, req->identity));
    TRY(check_worker_version(&check, version != NULL && version->use_versioning,
                             version == NULL ? "" : version->build_id, req->deployment_options, req->task_queue));
    return engine_poll_activity_task(call, check.ns, req, resp);
}

/* Fails an activity for good because what its worker reported is over the limit: `text` says what. */
static status fail_oversized(struct call *call, const struct check *check, const char *namespace_name,
                             const ProtobufCBinaryData *token, const char *identity, const char *text)
{
    PbRespondActivityTaskFailedRequest *failed = ARENA_NEW_PB(call->arena, PbRespondActivityTaskFailedRequest);
    PbRespondActivityTaskFailedResponse *unused = ARENA_NEW_PB(call->arena, PbRespondActivityTaskFailedResponse);

    failed->namespace_ = namespace_name;
    failed->task_token = *token;
    failed->identity = identity;
    failed->failure = failure_of_server(call->arena, text, NULL);
    return engine_fail_activity(call, check->ns, failed, unused);
}

/* WorkflowService.RespondActivityTaskCompleted */
status rpc_respond_activity_task_completed(struct call *call, const PbRespondActivityTaskCompletedRequest *req,
                                           PbRespondActivityTaskCompletedResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    if (blob_is_too_large(&check, req->result))
        return fail_oversized(call, &check, req->namespace_, &req->task_token, req->identity, TEXT_RESULT_TOO_LARGE);
    return engine_complete_activity(call, check.ns, req);
}

static void add_failure(struct arena *arena, PbRespondActivityTaskFailedResponse *resp, PbFailure *failure)
{
    enum { FAILURES_MAX = 2 }; /* heartbeat details and the failure itself */

    if (resp->failures == NULL)
        resp->failures = ARENA_NEW_ARRAY(arena, PbFailure *, FAILURES_MAX);
    resp->failures[resp->n_failures++] = failure;
}

/* WorkflowService.RespondActivityTaskFailed */
status rpc_respond_activity_task_failed(struct call *call, const PbRespondActivityTaskFailedRequest *req,
                                        PbRespondActivityTaskFailedResponse *resp)
{
    PbRespondActivityTaskFailedRequest *normal = ARENA_NEW_PB(call->arena, PbRespondActivityTaskFailedRequest);
    struct check check;

    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    if (req->failure != NULL && req->failure->failure_info_case != PbFailure_application_failure_info_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAILURE_WITHOUT_INFO);
    TRY(check_identity(&check, req->identity));
    *normal = *req;
    if (blob_is_too_large(&check, req->last_heartbeat_details)) {
        normal->last_heartbeat_details = NULL;
        add_failure(call->arena, resp, failure_of_server(call->arena, TEXT_HEARTBEAT_TOO_LARGE, NULL));
    }
    if (blob_is_too_large(&check, req->failure)) {
        normal->failure = failure_of_server(call->arena, TEXT_FAILURE_TOO_LARGE,
                                            failure_shorten(call->arena, req->failure, SHORTENED_FAILURE_BYTES));
        add_failure(call->arena, resp, normal->failure);
    }
    return engine_fail_activity(call, check.ns, normal, resp);
}

/* WorkflowService.RespondActivityTaskCanceled */
status rpc_respond_activity_task_canceled(struct call *call, const PbRespondActivityTaskCanceledRequest *req,
                                          PbRespondActivityTaskCanceledResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    if (blob_is_too_large(&check, req->details))
        return fail_oversized(call, &check, req->namespace_, &req->task_token, req->identity,
                              TEXT_CANCEL_DETAILS_TOO_LARGE);
    return engine_cancel_activity(call, check.ns, req);
}

/* WorkflowService.RecordActivityTaskHeartbeat */
status rpc_record_activity_task_heartbeat(struct call *call, const PbRecordActivityTaskHeartbeatRequest *req,
                                          PbRecordActivityTaskHeartbeatResponse *resp)
{
    struct check check;

    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    if (!blob_is_too_large(&check, req->details))
        return engine_heartbeat_activity(call, check.ns, req, resp);
    TRY(fail_oversized(call, &check, req->namespace_, &req->task_token, req->identity, TEXT_HEARTBEAT_TOO_LARGE));
    resp->cancel_requested = true; /* it is over: the worker should stop */
    return status_ok();
}

/* ---- the worker itself ---- */

/* WorkflowService.ShutdownWorker */
status rpc_shutdown_worker(struct call *call, const PbShutdownWorkerRequest *req, PbShutdownWorkerResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    return engine_shutdown_worker(call, check.ns, req);
}
