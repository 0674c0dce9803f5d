/* What the cluster of one server says about itself. */
#ifndef FERMATA_SERVER_SERVICES_CLUSTER_H
#define FERMATA_SERVER_SERVICES_CLUSTER_H

#include "base/arena.h"
#include "base/status.h"

struct server;

/* The only cluster there is, by the name that the real development server gives it. */
#define CLUSTER_NAME "active"

/* Gives the database a cluster id, as a row of the open turn, unless it has one. server->store and rand must be there.
 */
status cluster_set_up(struct server *server, struct arena *arena);

/* The cluster's id, a UUID as text in `arena`: that of the database, so it survives restarts with a file. */
status cluster_id(struct server *server, struct arena *arena, const char **ret_id);

#endif
