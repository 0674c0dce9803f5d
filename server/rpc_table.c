/*
 * The generated table, read three times: to declare handlers, to make a function of the table's type for each, and to
 * make the rows.
 */
#include "server/rpc_table.h"

#include <stdlib.h>
#include <string.h>

#include "server/call.h"

/* A call through a pointer of another function type is undefined, hence the functions in between. */
#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind) \
    status handler_name(struct call *call, const PbRequest *request, PbResponse *response) __attribute__((weak));
#include "proto/rpc_table.def"

#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind)           \
    static status call_##service_short##_##method_name(struct call *call, const void *request, void *response) \
    {                                                                                                          \
        return handler_name(call, request, response);                                                          \
    }
#include "proto/rpc_table.def"

#define RPC(service_short, service_name, method_name, handler_name, PbRequest, PbResponse, rpc_kind) \
    {                                                                                                \
        .path = "/" service_name "/" #method_name,                                                   \
        .service = service_name,                                                                     \
        .method = #method_name,                                                                      \
        .request = &PbRequest##_descriptor,                                                          \
        .response = &PbResponse##_descriptor,                                                        \
        .kind = rpc_kind,                                                                            \
        .handler = call_##service_short##_##method_name,                                             \
        .defined = (void (*)(void))handler_name,                                                     \
    },
const struct rpc rpc_table[] = {
#include "proto/rpc_table.def"
};

const size_t rpc_table_count = sizeof(rpc_table) / sizeof(rpc_table[0]);

struct path {
    const char *text;
    size_t len;
};

/* Bytewise, as the table is sorted. */
static int compare_path(const void *key, const void *entry)
{
    const struct path *path = key;
    const struct rpc *rpc = entry;
    int difference = strncmp(path->text, rpc->path, path->len);

    return difference != 0 ? difference : -(rpc->path[path->len] != '\0');
}

const struct rpc *rpc_find(const char *path, size_t path_len)
{
    struct path key = {path, path_len};

    if (memchr(path, '\0', path_len) != NULL) /* strncmp would stop there */
        return NULL;
    return bsearch(&key, rpc_table, rpc_table_count, sizeof(rpc_table[0]), compare_path);
}

bool rpc_service_exists(const char *service, size_t service_len)
{
    for (size_t i = 0; i < rpc_table_count; i++)
        if (strlen(rpc_table[i].service) == service_len && memcmp(rpc_table[i].service, service, service_len) == 0)
            return true;
    return false;
}
