#include "server/services/deployments.h"

#include "base/hash_table.h"
#include "persistence/deployments.h"
#include "persistence/store.h"
#include "proto/payload.h"
#include "proto/pb.h"
#include "server/frontend/messages.h"
#include "server/grpc/token_bucket.h"
#include "server/options.h"
#include "server/server.h"
#include "server/turn.h"

/* How often a namespace has read deployments lately. */
struct reader {
    UT_hash_handle hh;
    int64_t namespace_id;
    struct token_bucket bucket;
};

struct deployment_service {
    struct server *server;
    struct deployments *deployments;
    struct timer timer; /* when drainage is to be looked at */
    struct reader *readers;
    bool is_damaged; /* while restoring */
};

/* ---- what deployments ask, and what is asked of them ---- */

static bool has_pollers(void *context, int64_t namespace_id, const struct queue_version *version)
{
    const struct server *server = context;

    return matching_version_has_pollers(server->matching, namespace_id, version,
                                        server->options->config.poller_history);
}

static bool is_busy(void *context, const struct queue_name *queue, const struct queue_version *version)
{
    const struct server *server = context;
    struct queue_stats stats = matching_version_stats(server->matching, queue, version);

    return stats.backlog_count > 0 || stats.add_rate > 0;
}

static void routing_changed(void *context, const struct queue_name *queue)
{
    const struct server *server = context;

    if (server->matching != NULL) /* while starting there is none, and nothing waits */
        matching_reroute(server->matching, queue);
}

static void answer_routing(const void *deployments, const struct queue_name *queue, struct queue_routing *ret_routing)
{
    deployments_routing(deployments, queue, ret_routing);
}

static bool answer_has_queue(const void *deployments, const struct queue_name *queue,
                             const struct queue_version *version)
{
    return deployments_version_has_queue(deployments, queue->namespace_id, version, queue->type, queue->name);
}

void deployment_service_fill_ports(const struct deployment_service *service, struct matching_ports *ports)
{
    ports->deployments = service->deployments;
    ports->routing = answer_routing;
    ports->version_has_queue = answer_has_queue;
}

/* ---- start and end ---- */

static void restore_row(void *context, const struct stored_deployment *row)
{
    struct deployment_service *service = context;
    const struct deployment_row restored = {
        .namespace_id = row->namespace_id, .name = row->name, .build_id = row->build_id, .record = row->record};

    if (!deployments_restore(service->deployments, &restored))
        service->is_damaged = true;
}

status deployment_service_new(struct server *server, struct deployment_service **ret_service)
{
    struct deployment_service *service = memory_new(sizeof(*service));
    const struct deployments_ports ports = {.context = server, .has_pollers = has_pollers, .is_busy = is_busy};
    status restored;

    service->server = server;
    service->deployments = server->deployments = deployments_new(&server->options->config.deployments);
    *ret_service = service;
    deployments_set_ports(service->deployments, &ports);
    restored = deployment_rows_each(server->store, restore_row, service);
    if (status_is_ok(restored) && service->is_damaged)
        restored = status_error(GRPC_DATA_LOSS, "the database is damaged: a worker deployment cannot be read");
    deployments_set_listener(service->deployments, routing_changed, server);
    return restored;
}

void deployment_service_free(struct deployment_service *service)
{
    struct reader *reader, *next;

    if (service == NULL)
        return;
    timers_cancel(service->server->timers, &service->timer);
    HASH_ITER (hh, service->readers, reader, next) {
        HASH_DEL(service->readers, reader);
        memory_free(reader);
    }
    service->server->deployments = NULL;
    deployments_free(service->deployments);
    memory_free(service);
}

/* ---- the turn ---- */

static void store_row(void *context, const struct deployment_row *row)
{
    struct deployment_service *service = context;
    const struct stored_deployment stored = {
        .namespace_id = row->namespace_id, .name = row->name, .build_id = row->build_id, .record = row->record};

    if (row->is_deleted)
        deployment_rows_delete(service->server->store, &stored);
    else
        deployment_rows_put(service->server->store, &stored);
}

static void check_drainage(struct timer *timer, void *context)
{
    struct deployment_service *service = context;

    (void)timer;
    deployments_check_drainage(service->deployments, clock_now(service->server->clock));
}

void deployment_service_turn_work(struct deployment_service *service)
{
    nanos due;

    if (deployments_have_changed(service->deployments))
        deployments_each_change(service->deployments, turn_arena(service->server->turn), store_row, service);
    if (deployments_next_check(service->deployments, &due))
        timers_set(service->server->timers, &service->timer, due, check_drainage, service);
}

void deployment_service_turn_done(struct deployment_service *service)
{
    deployments_confirm(service->deployments);
}

/* Tasks may meet polls by this, which is a matter of the next turn. */
static void reroute_all(void *context)
{
    const struct deployment_service *service = context;

    matching_reroute_all(service->server->matching);
}

void deployment_service_forget_turn(struct deployment_service *service)
{
    if (!deployments_have_changed(service->deployments))
        return;
    deployments_undo(service->deployments);
    turn_defer(service->server->turn, reroute_all, service);
}

/* ---- for handlers ---- */

status deployments_register_poll(struct server *server, struct arena *arena, const struct queue_name *queue,
                                 const struct queue_version *version)
{
    if (!server->options->config.deployment_versions)
        return status_ok(); /* such workers wait in vain, there, too */
    return deployments_register(server->deployments, arena, queue, version, clock_now(server->clock));
}

static struct reader *find_reader(struct deployment_service *service, int64_t namespace_id)
{
    struct reader *reader;

    HASH_FIND(hh, service->readers, &namespace_id, sizeof(namespace_id), reader);
    if (reader == NULL) {
        reader = memory_new(sizeof(*reader));
        reader->namespace_id = namespace_id;
        HASH_ADD(hh, service->readers, namespace_id, sizeof(reader->namespace_id), reader);
    }
    return reader;
}

status deployments_check_read_rate(struct server *server, struct arena *arena, const struct namespace_info *ns)
{
    const struct dynamic_config *config = &server->options->config;
    const struct token_bucket_limit limit = {
        .per_second = config->deployment_reads_per_second,
        .burst = config->deployment_reads_per_second * config->deployment_reads_burst_ratio,
    };
    PbResourceExhaustedFailure *detail;

    if (limit.per_second > 0 &&
        token_bucket_take(&find_reader(server->deployment_service, ns->id)->bucket, &limit, clock_now(server->clock)))
        return status_ok();
    detail = ARENA_NEW_PB(arena, PbResourceExhaustedFailure);
    detail->cause = RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT;
    detail->scope = RESOURCE_EXHAUSTED_SCOPE_NAMESPACE;
    return status_detail(arena, GRPC_RESOURCE_EXHAUSTED, detail, MSG_DEPLOYMENT_READS, json_quoted(arena, ns->name));
}
