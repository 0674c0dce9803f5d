#include "server/services/cluster.h"

#include "base/bytes.h"
#include "base/rand.h"
#include "base/uuid.h"
#include "persistence/metadata.h"
#include "server/server.h"

#define METADATA_CLUSTER_ID "cluster_id"

status cluster_set_up(struct server *server, struct arena *arena)
{
    uint8_t uuid[UUID_BYTES];
    struct bytes present;
    status found = metadata_get(server->store, arena, METADATA_CLUSTER_ID, &present);

    if (found.code != GRPC_NOT_FOUND)
        return found;
    rand_uuid4(server->rand, uuid);
    metadata_set(server->store, METADATA_CLUSTER_ID, bytes_of(uuid_text(arena, uuid)));
    return status_ok();
}

status cluster_id(struct server *server, struct arena *arena, const char **ret_id)
{
    struct bytes id;

    TRY(metadata_get(server->store, arena, METADATA_CLUSTER_ID, &id));
    *ret_id = arena_strndup(arena, (const char *)id.data, id.len);
    return status_ok();
}
