/*
 * Declares the handler of every RPC that there is, for the files that define some: the compiler then sees that name and types are
 * those of the table (server/rpc_table.c finds handlers by weak references, where a wrong name would go unnoticed).
 */
#ifndef FERMATA_SERVER_RPC_HANDLERS_H
#define FERMATA_SERVER_RPC_HANDLERS_H

#include "base/status.h"
#include "proto/api.h"

struct call;

#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind) \
    status handler_name(struct call *call, const PbRequest *request, PbResponse *response);
#include "proto/rpc_table.def"

#endif
