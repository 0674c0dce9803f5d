/*
 * The error texts about worker deployments, together so that they can be compared with the real server's (release
 * 1.32.0). Code is FAILED_PRECONDITION where nothing else is said.
 */
#ifndef FERMATA_MATCHING_DEPLOYMENT_TEXTS_H
#define FERMATA_MATCHING_DEPLOYMENT_TEXTS_H

/* RESOURCE_EXHAUSTED, ResourceExhaustedFailure with cause WORKER_DEPLOYMENT_LIMITS */
#define TEXT_DEPLOYMENTS_TOO_MANY "reached maximum deployments in namespace (%d)"
#define TEXT_VERSIONS_TOO_MANY \
    "cannot add version %s.%s since maximum number of versions (%d) have been registered in the deployment"
#define TEXT_VERSION_QUEUES_TOO_MANY \
    "cannot add task queue %s since maximum number of task queues (%d) have been registered in deployment"
#define TEXT_QUEUE_VERSIONS_TOO_MANY "exceeding maximum number of Deployment Versions in this task queue (limit = %d)"

/* NOT_FOUND, NotFoundFailure */
#define TEXT_DEPLOYMENT_NOT_FOUND "no Worker Deployment found with name '%s'; does your Worker Deployment have pollers?"
#define TEXT_BUILD_ID_NOT_FOUND   "build ID '%s' not found in Worker Deployment '%s'"
/* There a deployment is a workflow, whose id shows through. */
#define TEXT_DEPLOYMENT_WORKFLOW_NOT_FOUND "workflow not found for ID: temporal-sys-worker-deployment:%s"

/* ALREADY_EXISTS; names are quoted */
#define TEXT_DEPLOYMENT_EXISTS         "Worker Deployment with name %s already exists"
#define TEXT_DEPLOYMENT_EXISTS_BY_POLL TEXT_DEPLOYMENT_EXISTS " (auto-created from worker polls)"
#define TEXT_VERSION_EXISTS            "Worker Deployment Version %s already exists"

/* FAILED_PRECONDITION */
#define TEXT_CONFLICT_TOKEN          "conflict token mismatch"
#define TEXT_RAMPING_IS_CURRENT      "requested ramping version %s is already current"
#define TEXT_DELETE_ROUTED           "version '%s' cannot be deleted since it is current or ramping"
#define TEXT_DELETE_DRAINING         "version '%s' cannot be deleted since it is draining"
#define TEXT_DELETE_POLLED           "version '%s' cannot be deleted since it has active pollers"
#define TEXT_DEPLOYMENT_HAS_VERSIONS "deployment has versions, can't be deleted"
#define TEXT_MISSING_QUEUES                                                                                   \
    "proposed %s version '%s:%s' is missing active task queues from the current version; these would become " \
    "unversioned if it is set as the %s version"
#define TEXT_OTHER_MANAGER                                                                                         \
    "ManagerIdentity '%s' is set and does not match user identity '%s'; to proceed, set your own identity as the " \
    "ManagerIdentity, remove the ManagerIdentity, or wait for the other client to do so"

#endif
