/*
 * Worker deployments as the server keeps them: matching/deployments.h restored from the database at start, stored with
 * the turn that changes it, undone when its commit fails; a timer for drainage; and what a poll of a versioned worker
 * does to it.
 */
#ifndef FERMATA_SERVER_SERVICES_DEPLOYMENTS_H
#define FERMATA_SERVER_SERVICES_DEPLOYMENTS_H

#include "base/arena.h"
#include "base/status.h"
#include "matching/deployments.h"
#include "matching/matching.h"
#include "server/services/namespaces.h"

struct deployment_service;
struct server;

/* Makes server->deployments from what is stored, and what looks after them. server->store, timers, clock, turn and
 * options must be there. DATA_LOSS when a record cannot be read. */
status deployment_service_new(struct server *server, struct deployment_service **ret_service);

/* Frees it and server->deployments; NULL is accepted. */
void deployment_service_free(struct deployment_service *service);

/* Lets matching and deployments know each other: call it with the ports that matching is then made with. */
void deployment_service_fill_ports(const struct deployment_service *service, struct matching_ports *ports);

/* ---- the turn ---- */

/* Writes what has changed, before the commit. */
void deployment_service_turn_work(struct deployment_service *service);

/* The commit has succeeded, or failed. */
void deployment_service_turn_done(struct deployment_service *service);
void deployment_service_forget_turn(struct deployment_service *service);

/* ---- for handlers ---- */

/* A worker of `version` polls `queue`, which is not a sticky one: makes the deployment, the version and its membership
 * as far as they are not there yet. RESOURCE_EXHAUSTED when a limit is reached: to be told to the worker after
 * DEPLOYMENT_POLL_HOLD, so that it does not come back at once. */
status deployments_register_poll(struct server *server, struct arena *arena, const struct queue_name *queue,
                                 const struct queue_version *version);

/* How long a poll is held that was refused (matching: deploymentRegisterErrorBackoff). */
#define DEPLOYMENT_POLL_HOLD (5 * NANOS_PER_SECOND)

/* Counts one that reads deployments; RESOURCE_EXHAUSTED when the namespace has done so too often. */
status deployments_check_read_rate(struct server *server, struct arena *arena, const struct namespace_info *ns);

#endif
