/*
 * The listening socket, the set of connections, and winding down.
 *
 * At the end of each turn the turn hands over its answers (transport_deliver), which become frames in their sessions,
 * and then has every connection written that something happened on (transport_flush): all answers of a turn on one
 * connection leave in one write.
 */
#include "server/grpc/transport.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o/socket.h>
#include <utlist.h>

#include "base/invariant.h"
#include "base/log.h"
#include "server/grpc/parts.h"
#include "server/server.h"
#include "server/turn.h"

/* Connections accepted in one turn, so that a storm of them does not keep the others waiting. */
enum { ACCEPTS_PER_TURN = 64 };

enum { BACKLOG = 4096 }; /* the system's own limit is lower or the same */

/* Without file descriptors nothing can be accepted; asking again at once would only burn time. */
#define ACCEPT_PAUSE milliseconds(100)

/* After this, what clients have not read by then is lost to them. */
#define DRAIN_TIME milliseconds(500)

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* --- listening --- */

static socklen_t parse_address(const char *ip, uint16_t port, union address *ret_address)
{
    union address address = {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};

    if (inet_pton(AF_INET, ip, &address.v4.sin_addr) == 1) {
        *ret_address = address;
        return sizeof(address.v4);
    }
    address = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (inet_pton(AF_INET6, ip, &address.v6.sin6_addr) == 1) {
        *ret_address = address;
        return sizeof(address.v6);
    }
    return 0;
}

/* "listen tcp 127.0.0.1:7233: bind: address already in use": the real server's words. */
static status listen_failed(struct arena *arena, const struct transport_options *options, const char *call, int error)
{
    bool v6 = strchr(options->ip, ':') != NULL;
    char *reason = arena_strdup(arena, strerror(error));

    reason[0] = (char)tolower((unsigned char)reason[0]);
    return status_errorf(arena, GRPC_UNAVAILABLE, "listen tcp %s%s%s:%u: %s: %s", v6 ? "[" : "", options->ip,
                         v6 ? "]" : "", (unsigned)options->port, call, reason);
}

/* A listening socket. SO_REUSEADDR, because launchers of test servers find a free port by connecting to it themselves,
 * which leaves it in TIME_WAIT. */
static status open_listener(struct arena *arena, const struct transport_options *options, int *ret_fd,
                            uint16_t *ret_port)
{
    union address address;
    socklen_t len = parse_address(options->ip, options->port, &address);
    int fd, on = 1;
    const char *call = NULL;

    if (len == 0)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "%s is not an IP address", options->ip);
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listen_failed(arena, options, "socket", errno);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        call = "setsockopt";
    else if (bind(fd, &address.any, len) != 0)
        call = "bind";
    else if (listen(fd, BACKLOG) != 0)
        call = "listen";
    else if (getsockname(fd, &address.any, &len) != 0)
        call = "getsockname";
    if (call != NULL) {
        status failed = listen_failed(arena, options, call, errno);

        close(fd);
        return failed;
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return status_ok();
}

static void on_connection(h2o_socket_t *listener, const char *err);

static void accept_again(struct timer *timer, void *context)
{
    struct transport *transport = context;

    (void)timer;
    h2o_socket_read_start(transport->listener, on_connection);
}

static void on_connection(h2o_socket_t *listener, const char *err)
{
    struct transport *transport = listener->data;
    struct loop *loop = transport->server->loop;

    (void)err;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener); /* with TCP_NODELAY */

        if (socket != NULL) {
            transport->out_of_descriptors = false;
            connection_new(transport, socket);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!transport->out_of_descriptors) /* one line, however long it lasts */
                log_warn("no more connections can be accepted", "error", strerror(errno));
            transport->out_of_descriptors = true;
            h2o_socket_read_stop(listener);
            timers_set(loop_timers(loop), &transport->accept_again,
                       nanos_add(clock_monotonic(transport->server->clock), ACCEPT_PAUSE), accept_again, transport);
        }
        return;
    }
}

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
    uint16_t port = 0;
    int fd = -1;

    if ((options->tls_cert == NULL) != (options->tls_key == NULL) ||
        (options->tls_client_ca != NULL && options->tls_cert == NULL))
        return status_error(GRPC_INVALID_ARGUMENT, "tls: a certificate and its key are needed, both");
    if (options->tls_cert != NULL)
        TRY(tls_context_new(arena, options->tls_cert, options->tls_key, options->tls_client_ca, &tls));
    listening = open_listener(arena, options, &fd, &port);
    if (!status_is_ok(listening)) {
        tls_context_free(tls);
        return listening;
    }
    own = arena_new(IN_BYTES + OUT_BYTES);
    transport = ARENA_NEW(own, struct transport);
    *transport = (struct transport){.server = server, .arena = own, .tls = tls, .port = port, .gzip = gzip_new(own)};
    transport->in = arena_alloc_raw(own, IN_BYTES);
    transport->out = arena_alloc_raw(own, OUT_BYTES);
    session_setup(transport);
    transport->listener = h2o_evloop_socket_create(loop_sockets(server->loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    transport->listener->data = transport;
    h2o_socket_read_start(transport->listener, on_connection);
    turn_deliver_to(server->turn, &(struct turn_delivery){transport_deliver, transport_flush, transport});
    loop_on_stop(server->loop, wind_down, transport);
    *ret_transport = transport;
    return status_ok();
}

static void stop_listening(struct transport *transport)
{
    timers_cancel(loop_timers(transport->server->loop), &transport->accept_again);
    if (transport->listener != NULL)
        h2o_socket_close(transport->listener);
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
    loop_finish(transport->server->loop);
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
        loop_finish(loop);
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
