/*
 * The versioning APIs from before worker deployments. The real server has them switched off by default, and answers
 * before it looks at the request; so nothing of what they did is here.
 */
#include "proto/pb.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"

static status switched_off(struct call *call, const char *namespace_name, const char *text)
{
    struct check check;

    TRY(check_begin(call, namespace_name, &check));
    return status_detail(call->arena, GRPC_PERMISSION_DENIED, ARENA_NEW_PB(call->arena, PbPermissionDeniedFailure),
                         "%s", text);
}

static status gone(struct call *call, const char *namespace_name)
{
    struct check check;

    TRY(check_begin(call, namespace_name, &check));
    return status_error(GRPC_UNIMPLEMENTED, MSG_DEPLOYMENT_SERIES_GONE);
}

/* ---- sets of compatible build ids ---- */

/* WorkflowService.UpdateWorkerBuildIdCompatibility */
status rpc_update_worker_build_id_compatibility(struct call *call, const PbUpdateWorkerBuildIdCompatibilityRequest *req,
                                                PbUpdateWorkerBuildIdCompatibilityResponse *resp)
{
    (void)resp;
    return switched_off(call, req->namespace_, MSG_VERSION_SETS_DISABLED);
}

/* WorkflowService.GetWorkerBuildIdCompatibility */
status rpc_get_worker_build_id_compatibility(struct call *call, const PbGetWorkerBuildIdCompatibilityRequest *req,
                                             PbGetWorkerBuildIdCompatibilityResponse *resp)
{
    (void)resp;
    return switched_off(call, req->namespace_, MSG_VERSION_SETS_DISABLED);
}

/* ---- rules ---- */

/* WorkflowService.UpdateWorkerVersioningRules */
status rpc_update_worker_versioning_rules(struct call *call, const PbUpdateWorkerVersioningRulesRequest *req,
                                          PbUpdateWorkerVersioningRulesResponse *resp)
{
    (void)resp;
    return switched_off(call, req->namespace_, MSG_VERSION_RULES_DISABLED);
}

/* WorkflowService.GetWorkerVersioningRules */
status rpc_get_worker_versioning_rules(struct call *call, const PbGetWorkerVersioningRulesRequest *req,
                                       PbGetWorkerVersioningRulesResponse *resp)
{
    (void)resp;
    return switched_off(call, req->namespace_, MSG_VERSION_RULES_DISABLED);
}

/* WorkflowService.GetWorkerTaskReachability */
status rpc_get_worker_task_reachability(struct call *call, const PbGetWorkerTaskReachabilityRequest *req,
                                        PbGetWorkerTaskReachabilityResponse *resp)
{
    (void)resp;
    return switched_off(call, req->namespace_, MSG_VERSION_RULES_DISABLED);
}

/* ---- deployments before there were versions of them ---- */

/* WorkflowService.DescribeDeployment */
status rpc_describe_deployment(struct call *call, const PbDescribeDeploymentRequest *req,
                               PbDescribeDeploymentResponse *resp)
{
    (void)resp;
    return gone(call, req->namespace_);
}

/* WorkflowService.ListDeployments */
status rpc_list_deployments(struct call *call, const PbListDeploymentsRequest *req, PbListDeploymentsResponse *resp)
{
    (void)resp;
    return gone(call, req->namespace_);
}

/* WorkflowService.GetCurrentDeployment */
status rpc_get_current_deployment(struct call *call, const PbGetCurrentDeploymentRequest *req,
                                  PbGetCurrentDeploymentResponse *resp)
{
    (void)resp;
    return gone(call, req->namespace_);
}

/* WorkflowService.SetCurrentDeployment */
status rpc_set_current_deployment(struct call *call, const PbSetCurrentDeploymentRequest *req,
                                  PbSetCurrentDeploymentResponse *resp)
{
    (void)resp;
    return gone(call, req->namespace_);
}

/* WorkflowService.GetDeploymentReachability */
status rpc_get_deployment_reachability(struct call *call, const PbGetDeploymentReachabilityRequest *req,
                                       PbGetDeploymentReachabilityResponse *resp)
{
    (void)resp;
    return gone(call, req->namespace_);
}
