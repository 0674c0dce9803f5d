/*
 * Worker deployments: making, changing and deleting them. What is wrong with the form of a request is said here; what
 * depends on the deployment, in matching/deployments_*.c.
 *
 * Versions come in two forms, a message and the text "deployment.build_id". The real server turns messages into texts
 * and reads these again, so a name with a '.' in it is another deployment's: it is done so here, too.
 */
#include "server/frontend/deployments.h"

#include <string.h>

#include "base/uuid.h"
#include "proto/payload.h"
#include "proto/pb.h"
#include "proto/versioning.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/server.h"

/* ---- what they share ---- */

status check_deployments_enabled(const struct check *check)
{
    if (check->config->deployment_versions)
        return status_ok();
    return status_detail(check->arena, GRPC_PERMISSION_DENIED, ARENA_NEW_PB(check->arena, PbPermissionDeniedFailure),
                         MSG_DEPLOYMENTS_DISABLED);
}

status check_version_text(const struct check *check, const char *text, struct queue_version *ret_version)
{
    const char *problem;
    const PbWorkerDeploymentVersion *version = version_from_text(check->arena, text, &problem);

    if (problem != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_VERSION_INVALID, json_quoted(check->arena, text));
    *ret_version = (struct queue_version){.deployment = version == NULL ? "" : version->deployment_name,
                                          .build_id = version == NULL ? "" : version->build_id};
    return status_ok();
}

ProtobufCBinaryData conflict_token_of(struct arena *arena, const struct deployment *deployment)
{
    uint8_t *token = arena_alloc_raw(arena, CONFLICT_TOKEN_BYTES);

    deployment_conflict_token(deployment, token);
    return (ProtobufCBinaryData){.data = token, .len = CONFLICT_TOKEN_BYTES};
}

static struct bytes bytes_of_field(const ProtobufCBinaryData *field)
{
    return (struct bytes){.data = field->data, .len = field->len};
}

/* The request id, or one that nobody has. */
static const char *request_id_or_new(const struct check *check, const char *request_id)
{
    uint8_t uuid[UUID_BYTES];

    if (request_id[0] != '\0')
        return request_id;
    rand_uuid4(check->rand, uuid);
    return uuid_text(check->arena, uuid);
}

/* Who calls, and under which id: both are kept. */
static status check_caller(const struct check *check, const char *identity, const char *request_id)
{
    TRY(check_identity(check, identity));
    if ((int64_t)strlen(request_id) > check->config->history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_TOO_LONG);
    return status_ok();
}

/* The deployment after a change, which therefore is there. */
static const struct deployment *changed_deployment(const struct call *call, const struct check *check, const char *name)
{
    return deployments_find(call->server->deployments, check->ns->id, name);
}

/* ---- making ---- */

/* WorkflowService.CreateWorkerDeployment */
status rpc_create_worker_deployment(struct call *call, const PbCreateWorkerDeploymentRequest *req,
                                    PbCreateWorkerDeploymentResponse *resp)
{
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->deployment_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_NAME_NOT_SET);
    TRY(check_deployments_enabled(&check));
    TRY(check_deployment_name(&check, req->deployment_name));
    TRY(check_caller(&check, req->identity, req->request_id));
    TRY(deployments_create(call->server->deployments, call->arena, check.ns->id, req->deployment_name, req->identity,
                           request_id_or_new(&check, req->request_id), check.now));
    resp->conflict_token = conflict_token_of(call->arena, changed_deployment(call, &check, req->deployment_name));
    return status_ok();
}

/* WorkflowService.CreateWorkerDeploymentVersion */
status rpc_create_worker_deployment_version(struct call *call, const PbCreateWorkerDeploymentVersionRequest *req,
                                            PbCreateWorkerDeploymentVersionResponse *resp)
{
    const PbWorkerDeploymentVersion *version = req->deployment_version;
    struct queue_version name;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    if (version == NULL || version->deployment_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_NAME_NOT_SET);
    if (version->build_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BUILD_ID_NOT_SET);
    TRY(check_deployments_enabled(&check));
    TRY(check_deployment_name(&check, version->deployment_name));
    TRY(check_build_id(&check, version->build_id));
    TRY(check_caller(&check, req->identity, req->request_id));
    TRY(check_compute_config(&check, req->compute_config));
    name = (struct queue_version){.deployment = version->deployment_name, .build_id = version->build_id};
    return deployments_create_version(call->server->deployments, call->arena, check.ns->id, &name, req->compute_config,
                                      req->identity, request_id_or_new(&check, req->request_id), check.now);
}

/* ---- routing ---- */

/* What a request to change routing says, by its text when there is one. An empty text is no version at all. */
static status check_routing_change(const struct check *check, const char *text, struct routing_change *change)
{
    const PbWorkerDeploymentVersion *version = NULL;
    const char *problem = NULL;

    change->namespace_id = check->ns->id;
    if (text[0] != '\0')
        version = version_from_text(check->arena, text, &problem);
    if (problem != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_VERSION_UNREADABLE, problem);
    if (version != NULL && strcmp(version->deployment_name, change->name) != 0)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_VERSION_OF_OTHER_DEPLOYMENT, text, change->name);
    change->build_id = version == NULL ? "" : version->build_id;
    TRY(check_deployment_name(check, change->name));
    if (change->allows_no_pollers && version != NULL)
        TRY(check_build_id(check, change->build_id));
    return check_caller(check, change->identity, "");
}

/* How the version before is shown; `build_id` "": none. */
static PbWorkerDeploymentVersion *version_before(struct arena *arena, const char *name, const char *build_id)
{
    PbWorkerDeploymentVersion *version;

    if (build_id[0] == '\0')
        return NULL;
    version = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    version->deployment_name = name;
    version->build_id = build_id;
    return version;
}

/* WorkflowService.SetWorkerDeploymentCurrentVersion */
status rpc_set_worker_deployment_current_version(struct call *call,
                                                 const PbSetWorkerDeploymentCurrentVersionRequest *req,
                                                 PbSetWorkerDeploymentCurrentVersionResponse *resp)
{
    struct routing_change change = {.name = req->deployment_name,
                                    .identity = req->identity,
                                    .conflict_token = bytes_of_field(&req->conflict_token),
                                    .ignores_missing_queues = req->ignore_missing_task_queues,
                                    .allows_no_pollers = req->allow_no_pollers};
    const char *text = req->version;
    struct routing_before before;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    if (req->deployment_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_DEPLOYMENT_NAME_NOT_SET);
    if (text[0] == '\0' && req->build_id[0] != '\0')
        text = arena_printf(call->arena, "%s.%s", req->deployment_name, req->build_id);
    TRY(check_routing_change(&check, text, &change));
    TRY(deployments_set_current(call->server->deployments, call->arena, &change, check.now, &before));
    resp->conflict_token = conflict_token_of(call->arena, changed_deployment(call, &check, change.name));
    resp->previous_deployment_version = version_before(call->arena, change.name, before.build_id);
    resp->previous_version = version_to_text(call->arena, resp->previous_deployment_version);
    return status_ok();
}

/* WorkflowService.SetWorkerDeploymentRampingVersion */
status rpc_set_worker_deployment_ramping_version(struct call *call,
                                                 const PbSetWorkerDeploymentRampingVersionRequest *req,
                                                 PbSetWorkerDeploymentRampingVersionResponse *resp)
{
    struct routing_change change = {.name = req->deployment_name,
                                    .identity = req->identity,
                                    .conflict_token = bytes_of_field(&req->conflict_token),
                                    .ignores_missing_queues = req->ignore_missing_task_queues,
                                    .allows_no_pollers = req->allow_no_pollers};
    const char *text = req->version;
    bool is_unversioned;
    struct routing_before before;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployments_enabled(&check));
    if (text[0] == '\0' && req->build_id[0] != '\0')
        text = arena_printf(call->arena, "%s.%s", req->deployment_name, req->build_id);
    /* No version and a percentage: to workers without one. No version and none: the ramp ends. */
    is_unversioned = req->percentage != 0 && (text[0] == '\0' || strcmp(text, UNVERSIONED_TEXT) == 0);
    if (!(req->percentage >= 0 && req->percentage <= 100)) /* nor NaN */
        return status_error(GRPC_INVALID_ARGUMENT, MSG_RAMP_PERCENTAGE);
    TRY(check_routing_change(&check, text, &change));
    TRY(deployments_set_ramping(call->server->deployments, call->arena, &change, is_unversioned, req->percentage,
                                check.now, &before));
    resp->conflict_token = conflict_token_of(call->arena, changed_deployment(call, &check, change.name));
    resp->previous_deployment_version = version_before(call->arena, change.name, before.build_id);
    if (before.is_unversioned || resp->previous_deployment_version != NULL)
        resp->previous_version = version_to_text(call->arena, resp->previous_deployment_version);
    resp->previous_percentage = before.percentage;
    return status_ok();
}

/* WorkflowService.SetWorkerDeploymentManager */
status rpc_set_worker_deployment_manager(struct call *call, const PbSetWorkerDeploymentManagerRequest *req,
                                         PbSetWorkerDeploymentManagerResponse *resp)
{
    struct routing_change change = {.name = req->deployment_name,
                                    .identity = req->identity,
                                    .conflict_token = bytes_of_field(&req->conflict_token)};
    const char *manager = "";
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->identity[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MANAGER_IDENTITY_NOT_SET);
    TRY(check_deployment_name(&check, change.name));
    TRY(check_caller(&check, req->identity, ""));
    change.namespace_id = check.ns->id;
    if (req->new_manager_identity_case == PbSetWorkerDeploymentManagerRequest_self_case && req->self)
        manager = req->identity;
    else if (req->new_manager_identity_case == PbSetWorkerDeploymentManagerRequest_manager_identity_case)
        manager = req->manager_identity;
    TRY(check_identity(&check, manager));
    TRY(deployments_set_manager(call->server->deployments, call->arena, &change, manager, check.now,
                                &resp->previous_manager_identity));
    resp->conflict_token = conflict_token_of(call->arena, changed_deployment(call, &check, change.name));
    return status_ok();
}

/* ---- deleting ---- */

/* WorkflowService.DeleteWorkerDeployment */
status rpc_delete_worker_deployment(struct call *call, const PbDeleteWorkerDeploymentRequest *req,
                                    PbDeleteWorkerDeploymentResponse *resp)
{
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_deployment_name(&check, req->deployment_name));
    return deployments_delete(call->server->deployments, check.ns->id, req->deployment_name);
}

/* WorkflowService.DeleteWorkerDeploymentVersion */
status rpc_delete_worker_deployment_version(struct call *call, const PbDeleteWorkerDeploymentVersionRequest *req,
                                            PbDeleteWorkerDeploymentVersionResponse *resp)
{
    const char *text = req->version;
    struct queue_version version;
    struct check check;

    (void)resp; /* empty */
    TRY(check_begin(call, req->namespace_, &check));
    if (req->deployment_version != NULL)
        text = version_to_text(call->arena, req->deployment_version);
    TRY(check_version_text(&check, text, &version));
    TRY(check_deployment_name(&check, version.deployment));
    TRY(check_caller(&check, req->identity, ""));
    return deployments_delete_version(call->server->deployments, call->arena, check.ns->id, &version,
                                      req->skip_drainage, request_id_or_new(&check, req->identity), check.now);
}

/* ---- what is said of a version ---- */

/* Whether the entries that a version would have then are more than it may. */
static bool metadata_is_too_large(const struct check *check, const struct deployment_version *version,
                                  const PbUpdateWorkerDeploymentVersionMetadataRequest *req)
{
    const PbDeploymentVersionRecord *record = deployment_version_record(version);
    int64_t bytes = 0;

    for (size_t i = 0; i < record->n_metadata; i++)
        bytes += (int64_t)protobuf_c_message_get_packed_size(&record->metadata[i]->base);
    for (size_t i = 0; i < req->n_upsert_entries; i++)
        bytes += (int64_t)protobuf_c_message_get_packed_size(&req->upsert_entries[i]->base);
    return req->n_upsert_entries > 0 && bytes > check->config->history.blob_bytes_max;
}

/* WorkflowService.UpdateWorkerDeploymentVersionMetadata */
status rpc_update_worker_deployment_version_metadata(struct call *call,
                                                     const PbUpdateWorkerDeploymentVersionMetadataRequest *req,
                                                     PbUpdateWorkerDeploymentVersionMetadataResponse *resp)
{
    const PbWorkerDeploymentVersion *name = req->deployment_version;
    const struct deployment *deployment = NULL;
    struct deployment_version *version = NULL;
    const char *problem;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    if (req->n_upsert_entries == 0 && req->n_remove_entries == 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_METADATA_NOT_SET);
    if (name == NULL)
        name = version_from_text(call->arena, req->version, &problem);
    if (name != NULL)
        deployment = deployments_find(call->server->deployments, check.ns->id, name->deployment_name);
    if (deployment != NULL)
        version = deployment_find_version(deployment, name->build_id);
    if (version == NULL)
        return status_detail(call->arena, GRPC_NOT_FOUND, ARENA_NEW_PB(call->arena, PbNotFoundFailure),
                             MSG_VERSION_WORKFLOW_NOT_FOUND, name == NULL ? "" : name->deployment_name,
                             name == NULL ? "" : name->build_id);
    TRY(check_caller(&check, req->identity, ""));
    if (metadata_is_too_large(&check, version, req))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_BLOB_TOO_LARGE);
    deployment_version_set_metadata(call->server->deployments, version, req);
    resp->metadata = describe_version_metadata(call->arena, deployment_version_record(version));
    return status_ok();
}
