/*
 * Every RPC there is, generated from the API's descriptors. A handler is found by its name: StartWorkflowExecution of
 * the WorkflowService is rpc_start_workflow_execution, a weak reference; where nobody defines it, the RPC answers
 * UNIMPLEMENTED.
 */
#ifndef FERMATA_SERVER_RPC_TABLE_H
#define FERMATA_SERVER_RPC_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "proto/api.h"

struct call;

enum rpc_kind { UNARY, SERVER_STREAM, BIDI_STREAM };

struct rpc {
    const char *path;    /* "/package.Service/Method" */
    const char *service; /* "package.Service" */
    const char *method;
    const ProtobufCMessageDescriptor *request, *response;
    enum rpc_kind kind;
    /* Calls the RPC's handler with the right types; only when rpc_is_implemented. For streams see
     * server/grpc/stream_call.h. */
    status (*handler)(struct call *call, const void *request, void *response);
    void (*defined)(void); /* the handler's address for rpc_is_implemented, never called; NULL when nobody defines it */
};

/* All of them, sorted by path. */
extern const struct rpc rpc_table[];
extern const size_t rpc_table_count;

/* The RPC with this path, NULL when there is none. */
const struct rpc *rpc_find(const char *path, size_t path_len);

/* Whether somebody has defined its handler. */
static inline bool rpc_is_implemented(const struct rpc *rpc)
{
    return rpc->defined != NULL;
}

/* Whether any RPC belongs to this service. */
bool rpc_service_exists(const char *service, size_t service_len);

#endif
