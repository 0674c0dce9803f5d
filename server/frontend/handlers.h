/*
 * The handlers of all RPCs, declared from the generated table; one that nobody defines answers UNIMPLEMENTED
 * (server/rpc_table.h). Included by the files that define them.
 */
#ifndef FERMATA_SERVER_FRONTEND_HANDLERS_H
#define FERMATA_SERVER_FRONTEND_HANDLERS_H

#include "base/status.h"
#include "proto/api.h"
#include "server/call.h"

#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind) \
    status handler_name(struct call *call, const PbRequest *request, PbResponse *response);
#include "proto/rpc_table.def"

#endif
