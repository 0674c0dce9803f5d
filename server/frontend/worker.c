/* What workers do: poll for tasks, report how they went, say goodbye. */
#include "base/uuid.h"
#include "history/failures.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/engine/token.h"
#include "server/frontend/check.h"
#include "server/frontend/failures.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/server.h"
#include "server/services/workers.h"

/* What is left of a failure that is over the limit: a quarter of the default limit of payloads. */
enum { SHORTENED_FAILURE_BYTES = 512 * 1024 };

/* ---- workflow tasks ---- */

/* A version in its oldest form, of which the real server speaks before it had names for it. */
static status check_series(const struct check *check, const PbWorkerVersionCapabilities *version)
{
    if (version == NULL || !version->use_versioning || version->deployment_series_name[0] == '\0')
        return status_ok();
    TRY(check_deployment_name(check, version->deployment_series_name));
    return check_build_id(check, version->build_id);
}

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
    TRY(check_series(&check, version));
    TRY(check_task_queue(&check, req->task_queue, false));
    return engine_poll_workflow_task(call, check.ns, req, resp);
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
    TRY(check_series(&check, version));
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

static status complete_activity(struct call *call, const struct check *check,
                                const PbRespondActivityTaskCompletedRequest *req)
{
    if (blob_is_too_large(check, req->result))
        return fail_oversized(call, check, req->namespace_, &req->task_token, req->identity, TEXT_RESULT_TOO_LARGE);
    return engine_complete_activity(call, check->ns, req);
}

static status cancel_activity(struct call *call, const struct check *check,
                              const PbRespondActivityTaskCanceledRequest *req)
{
    if (blob_is_too_large(check, req->details))
        return fail_oversized(call, check, req->namespace_, &req->task_token, req->identity,
                              TEXT_CANCEL_DETAILS_TOO_LARGE);
    return engine_cancel_activity(call, check->ns, req);
}

static status heartbeat_activity(struct call *call, const struct check *check,
                                 const PbRecordActivityTaskHeartbeatRequest *req,
                                 PbRecordActivityTaskHeartbeatResponse *resp)
{
    if (!blob_is_too_large(check, req->details))
        return engine_heartbeat_activity(call, check->ns, req, resp);
    TRY(fail_oversized(call, check, req->namespace_, &req->task_token, req->identity, TEXT_HEARTBEAT_TOO_LARGE));
    resp->cancel_requested = true; /* it is over: the worker should stop */
    return status_ok();
}

static void add_failure(struct arena *arena, PbRespondActivityTaskFailedResponse *resp, PbFailure *failure)
{
    enum { FAILURES_MAX = 2 }; /* heartbeat details and the failure itself */

    if (resp->failures == NULL)
        resp->failures = ARENA_NEW_ARRAY(arena, PbFailure *, FAILURES_MAX);
    resp->failures[resp->n_failures++] = failure;
}

static status fail_activity(struct call *call, const struct check *check, const PbRespondActivityTaskFailedRequest *req,
                            PbRespondActivityTaskFailedResponse *resp)
{
    PbRespondActivityTaskFailedRequest *normal = ARENA_NEW_PB(call->arena, PbRespondActivityTaskFailedRequest);

    *normal = *req;
    if (blob_is_too_large(check, req->last_heartbeat_details)) {
        normal->last_heartbeat_details = NULL;
        add_failure(call->arena, resp, failure_of_server(call->arena, TEXT_HEARTBEAT_TOO_LARGE, NULL));
    }
    if (blob_is_too_large(check, req->failure)) {
        normal->failure = failure_of_server(call->arena, TEXT_FAILURE_TOO_LARGE,
                                            failure_shorten(call->arena, req->failure, SHORTENED_FAILURE_BYTES));
        add_failure(call->arena, resp, normal->failure);
    }
    return engine_fail_activity(call, check->ns, normal, resp);
}

/* WorkflowService.RespondActivityTaskCompleted */
status rpc_respond_activity_task_completed(struct call *call, const PbRespondActivityTaskCompletedRequest *req,
                                           PbRespondActivityTaskCompletedResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    return complete_activity(call, &check, req);
}

/* WorkflowService.RespondActivityTaskFailed */
status rpc_respond_activity_task_failed(struct call *call, const PbRespondActivityTaskFailedRequest *req,
                                        PbRespondActivityTaskFailedResponse *resp)
{
    struct check check;

    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    if (req->failure != NULL && req->failure->failure_info_case != PbFailure_application_failure_info_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAILURE_WITHOUT_INFO);
    TRY(check_identity(&check, req->identity));
    return fail_activity(call, &check, req, resp);
}

/* WorkflowService.RespondActivityTaskCanceled */
status rpc_respond_activity_task_canceled(struct call *call, const PbRespondActivityTaskCanceledRequest *req,
                                          PbRespondActivityTaskCanceledResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    TRY(check_identity(&check, req->identity));
    return cancel_activity(call, &check, req);
}

/* WorkflowService.RecordActivityTaskHeartbeat */
status rpc_record_activity_task_heartbeat(struct call *call, const PbRecordActivityTaskHeartbeatRequest *req,
                                          PbRecordActivityTaskHeartbeatResponse *resp)
{
    struct check check;

    TRY(check_begin_token(call, req->namespace_, &req->task_token, TOKEN_OF_TASK, &check));
    return heartbeat_activity(call, &check, req, resp);
}

/* ---- activities by id: a token is made of the names, and all goes on as if a worker had sent it ---- */

static status check_begin_by_id(struct call *call, const char *namespace_name, const char *activity_id,
                                const char *identity, struct check *ret_check)
{
    TRY(check_begin(call, namespace_name, ret_check));
    if (activity_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_ACTIVITY_ID_NOT_SET);
    return check_identity(ret_check, identity);
}

static status make_token(const struct check *check, const char *workflow_id, const char *run_id,
                         const char *activity_id, ProtobufCBinaryData *ret_token)
{
    PbTaskToken token = PbTaskToken_INIT;
    uint8_t uuid[UUID_BYTES];

    if (run_id[0] != '\0' && !uuid_parse(run_id, uuid))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_ACTIVITY_RUN_ID_INVALID);
    token.namespace_name = check->ns->name;
    token.workflow_id = workflow_id;
    if (run_id[0] != '\0')
        token.run_id = (ProtobufCBinaryData){UUID_BYTES, uuid};
    token.activity_id = activity_id;
    *ret_token = task_token_encode(check->arena, &token);
    return status_ok();
}

/* WorkflowService.RespondActivityTaskCompletedById */
status rpc_respond_activity_task_completed_by_id(struct call *call,
                                                 const PbRespondActivityTaskCompletedByIdRequest *req,
                                                 PbRespondActivityTaskCompletedByIdResponse *resp)
{
    PbRespondActivityTaskCompletedRequest by_token = PbRespondActivityTaskCompletedRequest_INIT;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_by_id(call, req->namespace_, req->activity_id, req->identity, &check));
    TRY(make_token(&check, req->workflow_id, req->run_id, req->activity_id, &by_token.task_token));
    by_token.namespace_ = req->namespace_;
    by_token.result = req->result;
    by_token.identity = req->identity;
    return complete_activity(call, &check, &by_token);
}

/* WorkflowService.RespondActivityTaskFailedById */
status rpc_respond_activity_task_failed_by_id(struct call *call, const PbRespondActivityTaskFailedByIdRequest *req,
                                              PbRespondActivityTaskFailedByIdResponse *resp)
{
    PbRespondActivityTaskFailedRequest by_token = PbRespondActivityTaskFailedRequest_INIT;
    PbRespondActivityTaskFailedResponse failed = PbRespondActivityTaskFailedResponse_INIT;
    struct check check;

    TRY(check_begin_by_id(call, req->namespace_, req->activity_id, req->identity, &check));
    TRY(make_token(&check, req->workflow_id, req->run_id, req->activity_id, &by_token.task_token));
    by_token.namespace_ = req->namespace_;
    by_token.failure = req->failure;
    by_token.identity = req->identity;
    by_token.last_heartbeat_details = req->last_heartbeat_details;
    TRY(fail_activity(call, &check, &by_token, &failed));
    resp->failures = failed.failures;
    resp->n_failures = failed.n_failures;
    return status_ok();
}

/* WorkflowService.RespondActivityTaskCanceledById */
status rpc_respond_activity_task_canceled_by_id(struct call *call, const PbRespondActivityTaskCanceledByIdRequest *req,
                                                PbRespondActivityTaskCanceledByIdResponse *resp)
{
    PbRespondActivityTaskCanceledRequest by_token = PbRespondActivityTaskCanceledRequest_INIT;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin_by_id(call, req->namespace_, req->activity_id, req->identity, &check));
    TRY(make_token(&check, req->workflow_id, req->run_id, req->activity_id, &by_token.task_token));
    by_token.namespace_ = req->namespace_;
    by_token.details = req->details;
    by_token.identity = req->identity;
    return cancel_activity(call, &check, &by_token);
}

/* WorkflowService.RecordActivityTaskHeartbeatById */
status rpc_record_activity_task_heartbeat_by_id(struct call *call, const PbRecordActivityTaskHeartbeatByIdRequest *req,
                                                PbRecordActivityTaskHeartbeatByIdResponse *resp)
{
    PbRecordActivityTaskHeartbeatRequest by_token = PbRecordActivityTaskHeartbeatRequest_INIT;
    PbRecordActivityTaskHeartbeatResponse recorded = PbRecordActivityTaskHeartbeatResponse_INIT;
    struct check check;

    TRY(check_begin_by_id(call, req->namespace_, req->activity_id, "",
                          &check)); /* the one that may be as long as it likes */
    TRY(make_token(&check, req->workflow_id, req->run_id, req->activity_id, &by_token.task_token));
    by_token.namespace_ = req->namespace_;
    by_token.details = req->details;
    by_token.identity = req->identity;
    TRY(heartbeat_activity(call, &check, &by_token, &recorded));
    resp->cancel_requested = recorded.cancel_requested;
    resp->activity_paused = recorded.activity_paused;
    resp->activity_reset = recorded.activity_reset;
    return status_ok();
}

/* ---- the worker itself ---- */

/* WorkflowService.ResetStickyTaskQueue */
status rpc_reset_sticky_task_queue(struct call *call, const PbResetStickyTaskQueueRequest *req,
                                   PbResetStickyTaskQueueResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_execution(req->execution));
    return engine_reset_sticky(call, check.ns, req);
}

/* WorkflowService.ShutdownWorker */
status rpc_shutdown_worker(struct call *call, const PbShutdownWorkerRequest *req, PbShutdownWorkerResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    if (req->worker_heartbeat != NULL)
        workers_record(call->server->workers, check.ns, req->worker_heartbeat);
    return engine_shutdown_worker(call, check.ns, req);
}
