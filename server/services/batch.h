/*
 * Batch operations: one thing done to many workflows, those that a query selects or that a list names.
 *
 * A running batch takes a step per turn, in which it deals with some executions and stores how far it has come. So big
 * batches delay nobody, and:
 *
 * BA1  What a batch has done and what it says of that are stored in one transaction. Whenever the process ends, a new
 * one goes on behind the last execution that was dealt with: none is skipped, none is dealt with twice.
 */
#ifndef FERMATA_SERVER_SERVICES_BATCH_H
#define FERMATA_SERVER_SERVICES_BATCH_H

#include "base/arena.h"
#include "base/status.h"
#include "proto/api.h"

struct batches;
struct namespace_info;
struct server;

/* Makes an empty set. server->store, loop, turn, engine and namespaces must be there. */
struct batches *batches_new(struct server *server);

/* Frees it. NULL is accepted. */
void batches_free(struct batches *batches);

/* Goes on with what the database has as running, and begins to delete what has been closed for as long as its namespace
 * keeps things. */
void batches_recover(struct batches *batches);

/* Called by the turn when its commit has failed: all that is in memory is read again. NULL is accepted. */
void batches_forget_turn(struct batches *batches);

/* Starts a batch; the request has been checked. ALREADY_EXISTS when the job id is taken, RESOURCE_EXHAUSTED when too
 * many are running. Texts in `arena`. */
status batches_start(struct batches *batches, struct arena *arena, const struct namespace_info *ns,
                     const PbStartBatchOperationRequest *request);

/* Ends one before its time. NOT_FOUND when there is none, or it has ended. */
status batches_stop(struct batches *batches, struct arena *arena, const struct namespace_info *ns, const char *job_id);

#endif
