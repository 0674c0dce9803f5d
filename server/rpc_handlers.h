/* The handlers of all RPCs, declared by the generated table: whoever defines one includes this. Which of them are defined,
 * and what happens to the others, see server/rpc_table.h. */
#ifndef FERMATA_SERVER_RPC_HANDLERS_H
#define FERMATA_SERVER_RPC_HANDLERS_H

#include "base/status.h"
#include "proto/api.h"

struct call;

/* status rpc_...(struct call *call, const PbRequest *request, PbResponse *response). An RPC of several versions of a service
 * is declared several times. */
#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind) \
    status handler_name(struct call *call, const PbRequest *request, PbResponse *response);
#include "proto/rpc_table.def"

#endif
