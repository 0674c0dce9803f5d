/*
 * The set of connections, and winding down.
 *
 * At the end of each turn the turn hands over its answers (transport_deliver), which become frames in their sessions,
 * and then has every connection written that something happened on (transport_flush): all answers of a turn on one
 * connection leave in one write.
 */
#include "server/grpc/transport.h"

#include <utlist.h>

#include "base/invariant.h"
#include "base/log.h"
#include "server/grpc/parts.h"
#include "server/server.h"
#include "server/turn.h"

/* After this, what clients have not read by then is lost to them. */
#define DRAIN_TIME milliseconds(500)

/* --- the turn's side --- */

static void transport_deliver(void *context, struct call *call)
{
    struct stream *stream = call->stream;

    (void)context;
    invariant(stream->magic == STREAM_MAGIC && &stream->call == call, "an answer to a call that is none");
    stream_deliver(stream);
}

static void transport_flush(void *context)
{
    struct transport *transport = context;

    while (transport->dirty != NULL) {
        struct connection *connection = transport->dirty;

        connection->dirty = false;
        DL_DELETE2(transport->dirty, connection, dirty_prev, dirty_next);
        connection_write(connection);
    }
}

/* --- life --- */

static void accept_connection(void *context, struct st_h2o_socket_t *socket)
{
    connection_new(context, socket);
}

static void wind_down(void *context)
{
    transport_drain(context);
}

status transport_new(struct server *server, struct arena *arena, const struct transport_options *options,
                     struct transport **ret_transport)
{
    struct tls_context *tls = NULL;
    struct transport *transport;
    struct arena *own;
    status listening;

    if ((options->tls_cert == NULL) != (options->tls_key == NULL) ||
        (options->tls_client_ca != NULL && options->tls_cert == NULL))
        return status_error(GRPC_INVALID_ARGUMENT, "tls: a certificate and its key are needed, both");
    if (options->tls_cert != NULL)
        TRY(tls_context_new(arena, options->tls_cert, options->tls_key, options->tls_client_ca, &tls));
    own = arena_new(IN_BYTES + OUT_BYTES);
    transport = ARENA_NEW(own, struct transport);
    listening =
        listener_new(server, arena, options->ip, options->port, accept_connection, transport, &transport->listener);
    if (!status_is_ok(listening)) {
        tls_context_free(tls);
        arena_free(own);
        return listening;
    }
    transport->server = server;
    transport->arena = own;
    transport->tls = tls;
    transport->port = listener_port(transport->listener);
    transport->gzip = gzip_new(own);
    transport->in = arena_alloc_raw(own, IN_BYTES);
    transport->out = arena_alloc_raw(own, OUT_BYTES);
    session_setup(transport);
    transport->delivery = (struct turn_delivery){transport_deliver, transport_flush, transport, NULL};
    turn_add_delivery(server->turn, &transport->delivery);
    transport->stopper = (struct stopper){.wind_down = wind_down, .context = transport};
    loop_on_stop(server->loop, &transport->stopper);
    *ret_transport = transport;
    return status_ok();
}

static void stop_listening(struct transport *transport)
{
    listener_free(transport->listener);
    transport->listener = NULL;
}

void transport_free(struct transport *transport)
{
    struct connection *connection, *next;

    if (transport == NULL)
        return;
    stop_listening(transport);
    timers_cancel(loop_timers(transport->server->loop), &transport->drain_limit);
    DL_FOREACH_SAFE (transport->connections, connection, next)
        connection_free(connection);
    do { /* their streams go as they would in the loop; one that a hook answers takes another turn */
        loop_run_work(transport->server->loop);
        turn_end(transport->server->turn);
    } while (transport->counts.streams > 0);
    turn_remove_delivery(transport->server->turn, &transport->delivery);
    loop_forget_stopper(transport->server->loop, &transport->stopper);
    while (transport->spare_arenas_count > 0)
        arena_free(transport->spare_arenas[--transport->spare_arenas_count]);
    gzip_free(transport->gzip);
    nghttp2_session_callbacks_del(transport->callbacks);
    nghttp2_option_del(transport->session_options);
    tls_context_free(transport->tls);
    arena_free(transport->arena);
}

static void give_up_draining(struct timer *timer, void *context)
{
    struct transport *transport = context;

    (void)timer;
    log_info("winding down took too long, connections are cut");
    loop_wound_down(transport->server->loop, &transport->stopper);
}

void transport_drain(struct transport *transport)
{
    struct loop *loop = transport->server->loop;
    struct connection *connection, *next;

    if (transport->draining)
        return;
    transport->draining = true;
    stop_listening(transport);
    timers_set(loop_timers(loop), &transport->drain_limit, nanos_add(loop_now(loop), DRAIN_TIME), give_up_draining,
               transport);
    if (transport->connections == NULL)
        loop_wound_down(loop, &transport->stopper);
    DL_FOREACH_SAFE (transport->connections, connection, next)
        connection_drain(connection);
}

uint16_t transport_port(const struct transport *transport)
{
    return transport->port;
}

struct transport_counts transport_counts(const struct transport *transport)
{
    return transport->counts;
}
