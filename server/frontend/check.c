/* Texts and limits were compared with the real server's; tests/unit/server/test_check.c has them as a table. */
#include "server/frontend/check.h"

#include <string.h>

#include "base/uuid.h"
#include "proto/pb.h"
#include "proto/task_queue.h"
#include "server/engine/engine.h"
#include "server/engine/token.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/server.h"

/* Shorter polls would end before they wait: a poll is answered a second before its deadline. */
#define POLL_DEADLINE_MIN seconds(2)

/* Not the limit of other ids: a fairness key is kept per task. */
enum { FAIRNESS_KEY_BYTES_MAX = 64 };

/* The real server makes a workflow id of both names and these bytes, so each name may have half of the rest. */
enum { DEPLOYMENT_VERSION_FRAME_BYTES = 39 };

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_too_long(const struct check *check, const char *text)
{
    return (int64_t)strlen(text) > check->config->history.id_bytes_max;
}

/* ---- the beginning of a handler ---- */

static struct check check_of(struct call *call)
{
    return (struct check){
        .arena = call->arena,
        .config = &call->server->options->config,
        .rand = call->server->rand,
        .now = clock_now(call->server->clock),
    };
}

static status find_namespace(struct call *call, const char *name, struct check *check)
{
    if (is_too_long(check, name))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_TOO_LONG);
    return namespaces_find(call->server->namespaces, call->arena, name, &check->ns);
}

status check_begin(struct call *call, const char *namespace_name, struct check *ret_check)
{
    *ret_check = check_of(call);
    return find_namespace(call, namespace_name, ret_check);
}

status check_begin_token(struct call *call, const char *namespace_name, const ProtobufCBinaryData *token,
                         enum token_kind kind, struct check *ret_check)
{
    const PbTaskToken *decoded;
    bool is_query;

    *ret_check = check_of(call);
    if (namespace_name[0] != '\0')
        TRY(find_namespace(call, namespace_name, ret_check));
    if (token->len == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_NOT_SET);
    decoded = task_token_of_call(call, token);
    is_query = decoded != NULL && decoded->query_id[0] != '\0';
    if (decoded == NULL || (is_query && kind == TOKEN_OF_TASK))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_UNDECODABLE);
    if (!is_query && kind == TOKEN_OF_QUERY)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_TOKEN_INVALID);
    return status_ok();
}

/* ---- parts of requests ---- */

status check_execution(const PbWorkflowExecution *execution)
{
    uint8_t run_id[UUID_BYTES];

    if (execution == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_EXECUTION_NOT_SET);
    if (execution->workflow_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_ID_NOT_SET);
    if (execution->run_id[0] != '\0' && !uuid_parse(execution->run_id, run_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_INVALID_RUN_ID);
    return status_ok();
}

status check_identity(const struct check *check, const char *identity)
{
    if (is_too_long(check, identity))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_IDENTITY_TOO_LONG);
    return status_ok();
}

/* `may_be_partition`: names of parts of a queue start with the reserved prefix. */
static status check_queue_name(const struct check *check, const char *name, bool may_be_partition)
{
    if (is_too_long(check, name))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_TOO_LONG);
    if (!may_be_partition && starts_with(name, "/_sys/"))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_RESERVED);
    return status_ok();
}

status check_task_queue(const struct check *check, const PbTaskQueue *queue, bool for_users)
{
    if (queue == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_NOT_SET);
    if (queue->name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_NAME_MISSING);
    TRY(check_queue_name(check, queue->name, false));
    if (queue->kind == TASK_QUEUE_KIND_STICKY)
        TRY(check_queue_name(check, queue->normal_name, true));
    if (for_users && task_queue_is_internal(queue->name))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_INTERNAL, queue->name);
    return status_ok();
}

status check_task_queue_or_partition(const struct check *check, const PbTaskQueue *queue)
{
    if (queue != NULL && starts_with(queue->name, "/_sys/"))
        return check_queue_name(check, queue->name, true);
    return check_task_queue(check, queue, false);
}

bool blob_is_too_large(const struct check *check, const void *message)
{
    return message != NULL &&
           (int64_t)protobuf_c_message_get_packed_size(message) > check->config->history.blob_bytes_max;
}

status check_blob(const struct check *check, const void *message)
{
    if (blob_is_too_large(check, message))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BLOB_TOO_LARGE);
    return status_ok();
}

/* Fails when `value` is empty: "<kind> link must not have an empty <field>". */
static status check_link_field(const struct check *check, const char *value, const char *kind, const char *field)
{
    if (value[0] == '\0')
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_LINK_FIELD_EMPTY, kind, field);
    return status_ok();
}

static status check_event_link(const struct check *check, const PbLinkWorkflowEvent *link)
{
    TRY(check_link_field(check, link->namespace_, "workflow event", "namespace field"));
    TRY(check_link_field(check, link->workflow_id, "workflow event", "workflow ID field"));
    TRY(check_link_field(check, link->run_id, "workflow event", "run ID field"));
    if (link->reference_case == PbLinkWorkflowEvent_event_ref_case &&
        link->event_ref->event_type == EVENT_TYPE_UNSPECIFIED && link->event_ref->event_id != 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_LINK_EVENT_TYPE);
    return status_ok();
}

static status check_link(const struct check *check, const PbCommonLink *link)
{
    switch (link->variant_case) {
    case PbCommonLink_workflow_event_case:
        return check_event_link(check, link->workflow_event);
    case PbCommonLink_batch_job_case:
        return check_link_field(check, link->batch_job->job_id, "batch job", "job ID");
    case PbCommonLink_nexus_operation_case:
        TRY(check_link_field(check, link->nexus_operation->namespace_, "nexus operation", "namespace field"));
        TRY(check_link_field(check, link->nexus_operation->operation_id, "nexus operation", "operation ID field"));
        return check_link_field(check, link->nexus_operation->run_id, "nexus operation", "run ID field");
    case PbCommonLink_activity_case:
        TRY(check_link_field(check, link->activity->namespace_, "activity", "namespace field"));
        TRY(check_link_field(check, link->activity->activity_id, "activity", "activity ID field"));
        return check_link_field(check, link->activity->run_id, "activity", "run ID field");
    default:
        return status_error(GRPC_INVALID_ARGUMENT, MSG_LINK_VARIANT);
    }
}

status check_signal(const struct check *check, const PbSignalWorkflowExecutionRequest *req)
{
    TRY(check_execution(req->workflow_execution));
    if (req->signal_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNAL_NAME_NOT_SET);
    if (is_too_long(check, req->signal_name))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNAL_NAME_TOO_LONG);
    if (is_too_long(check, req->request_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_TOO_LONG);
    TRY(check_links(check, req->n_links, req->links));
    return check_blob(check, req->input);
}

status check_update_options(const struct check *check, const PbUpdateWorkflowExecutionOptionsRequest *req)
{
    const PbWorkflowExecutionOptions *options = req->workflow_execution_options;
    uint8_t uuid[UUID_BYTES];
    const char *problem;

    if (req->workflow_execution == NULL || req->workflow_execution->workflow_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_ID_NOT_SET);
    if (req->update_mask == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_OPTIONS_MASK_NOT_SET);
    if (options == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_OPTIONS_NOT_SET);
    problem = options_mask_problem(check->arena, req->update_mask);
    if (problem != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_OPTIONS_MASK_UNREADABLE, problem);
    TRY(check_priority(options->priority));
    if (options->time_skipping_config != NULL)
        return status_error(GRPC_UNIMPLEMENTED, MSG_TIME_SKIPPING_DISABLED);
    if (req->workflow_execution->run_id[0] != '\0' && !uuid_parse(req->workflow_execution->run_id, uuid))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_UPDATE_RUN_ID_INVALID);
    return status_ok();
}

status check_reset(const struct check *check, const PbResetWorkflowExecutionRequest *req)
{
    if (req->request_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_NOT_SET);
    if (is_too_long(check, req->request_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_TOO_LONG);
    TRY(check_execution(req->workflow_execution));
    if ((unsigned)req->reset_reapply_type > RESET_REAPPLY_TYPE_ALL_ELIGIBLE)
        return status_errorf(check->arena, GRPC_INTERNAL, MSG_RESET_REAPPLY_TYPE, (int)req->reset_reapply_type);
    return status_ok();
}

status check_links(const struct check *check, size_t count, PbCommonLink *const *links)
{
    if (count > (size_t)check->config->links_max)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_LINKS_TOO_MANY, check->config->links_max, count);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = protobuf_c_message_get_packed_size(&links[i]->base);

        if (bytes > (size_t)check->config->link_bytes_max)
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_LINK_TOO_LARGE, check->config->link_bytes_max,
                                 bytes);
        TRY(check_link(check, links[i]));
    }
    return status_ok();
}

status check_priority(const PbPriority *priority)
{
    if (priority == NULL)
        return status_ok();
    if (priority->priority_key < 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PRIORITY_KEY_NEGATIVE);
    if (strlen(priority->fairness_key) > FAIRNESS_KEY_BYTES_MAX)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_KEY_TOO_LONG);
    if (priority->fairness_weight < 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_WEIGHT_NEGATIVE);
    return status_ok();
}

static status check_deployment_field(const struct check *check, const char *field, const char *value)
{
    if (value[0] == '\0')
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_FIELD_EMPTY, field);
    if ((int64_t)strlen(value) > (check->config->history.id_bytes_max - DEPLOYMENT_VERSION_FRAME_BYTES) / 2)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_FIELD_TOO_LONG, field);
    return status_ok();
}

status check_deployment_name(const struct check *check, const char *name)
{
    static const char label[] = "WorkerDeploymentName";

    TRY(check_deployment_field(check, label, name));
    for (const char *separator = ".:"; *separator != '\0'; separator++) {
        if (strchr(name, *separator) != NULL)
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_NAME_CONTAINS,
                                 *separator == '.' ? "." : ":");
    }
    if (starts_with(name, "__"))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_FIELD_UNDERSCORE, label);
    return status_ok();
}

status check_build_id(const struct check *check, const char *build_id)
{
    static const char label[] = "BuildID";

    TRY(check_deployment_field(check, label, build_id));
    if (starts_with(build_id, "__"))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_FIELD_UNDERSCORE, label);
    return status_ok();
}

static status check_deployment_options(const struct check *check, const PbWorkerDeploymentOptions *options)
{
    if (options == NULL || options->worker_versioning_mode != WORKER_VERSIONING_MODE_VERSIONED)
        return status_ok(); /* then both names are optional */
    if (options->deployment_name[0] == '\0' || options->build_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_OPTIONS_PARTIAL);
    TRY(check_deployment_name(check, options->deployment_name));
    return check_build_id(check, options->build_id);
}

status check_worker_version(const struct check *check, bool use_versioning, const char *build_id,
                            const PbWorkerDeploymentOptions *options, const PbTaskQueue *queue)
{
    bool is_sticky = queue != NULL && queue->kind == TASK_QUEUE_KIND_STICKY;

    if (is_sticky && queue->normal_name[0] == '\0' && (use_versioning || options != NULL))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_VERSIONING_NO_NORMAL_NAME);
    if (use_versioning && build_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_VERSIONING_NO_BUILD_ID);
    if (strlen(build_id) > (size_t)check->config->build_id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BUILD_ID_TOO_LONG);
    return check_deployment_options(check, options);
}

status check_poll_deadline(const struct call *call)
{
    nanos left = call_time_left(call);

    if (left == NANOS_MAX)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_POLL_TIMEOUT_NOT_SET);
    if (left < POLL_DEADLINE_MIN)
        return status_error(GRPC_FAILED_PRECONDITION, MSG_POLL_TIMEOUT_TOO_SHORT);
    return status_ok();
}
