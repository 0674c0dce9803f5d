/*
 * What batches can do to executions: a table with one line per operation of StartBatchOperationRequest. An operation is
 * the call that a client could have made for the execution itself, checked and carried out by the same functions.
 */
#ifndef FERMATA_SERVER_SERVICES_BATCH_OPERATIONS_H
#define FERMATA_SERVER_SERVICES_BATCH_OPERATIONS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "proto/api.h"
#include "server/frontend/check.h"

struct engine;

/* What an operation works with. */
struct batch_context {
    struct engine *engine;
    struct check check;   /* its arena lives until the turn has ended */
    const char *identity; /* who does what a client's identity does not stand under */
    const PbStartBatchOperationRequest *request;
};

struct batch_operation {
    int kind;         /* the case of the request's oneof */
    const char *name; /* as the real server's texts call it, behind "*workflowservice.StartBatchOperationRequest_" */
    PbBatchOperationType type;
    PbExecutionType target;
    bool open_only; /* a query selects open executions only */
    int per_turn;   /* how many at once, so that nobody else has to wait for milliseconds */
    status (*check)(struct arena *arena, const PbStartBatchOperationRequest *request);
    /* Does it to one execution. NULL: not there yet. */
    status (*carry_out)(const struct batch_context *context, PbWorkflowExecution *execution);
};

/* The operation that a request asks for; NULL: none. */
const struct batch_operation *batch_operation_find(const PbStartBatchOperationRequest *request);

/* Who asks for it; "" for nobody. */
const char *batch_operation_identity(const PbStartBatchOperationRequest *request);

/* What is wrong with a request, in the real server's order. */
status batch_operation_check(struct arena *arena, const PbStartBatchOperationRequest *request);

#endif
